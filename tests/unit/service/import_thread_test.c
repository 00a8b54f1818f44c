/* Two sessions import the same people at once, in opposite orders: the same records as one after the other, one log
 * without a gap, and every message answered. Run under ThreadSanitizer as well. */
#include "tests/unit/service/import.h"
#include "vault/base/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { SESSIONS = 2, PEOPLE = 240, MESSAGE = 60, FROM = 30000, ATTEMPTS = 40 };

typedef struct importer {
    pthread_t thread;
    session *own;
    arena *mem;
    const char *const *uris;
    digest certificate;
    Vault__V1__ImportRequest *header, *messages[PEOPLE / MESSAGE];
    unsigned conflicts, wrong;
    uint32_t created, updated, unchanged, rejected;
    char why[160];
} importer;

static importer importers[SESSIONS];

static bool send_one(importer *w, request *rq, Vault__V1__ImportRequest *in)
{
    rq->in = in ? &in->base : NULL;
    service_run(w->own, method_at(IMPORT), &rq, 1);
    return rq->err.code == VAULT_OK;
}

/* A message that lost a race is sent again, with all that came before it, as a client does. */
static bool import_once(importer *w)
{
    request rq = {.mem = w->mem, .kept = w->mem, .uris = w->uris, .certificate = w->certificate};
    rq.deadline_us = clock_monotonic_us() + 60000000;
    bool good = send_one(w, &rq, w->header);
    for (size_t i = 0; good && i < PEOPLE / MESSAGE; i++) good = send_one(w, &rq, w->messages[i]);
    if (good) good = send_one(w, &rq, NULL);
    if (good) {
        const Vault__V1__ImportResponse *out = (const void *)rq.out;
        w->created = out->created, w->updated = out->updated;
        w->unchanged = out->unchanged, w->rejected = out->rejected;
    } else if (rq.err.code == VAULT_CONFLICT || rq.err.code == VAULT_UNAVAILABLE) {
        w->conflicts++;
    } else {
        w->wrong++;
        snprintf(w->why, sizeof w->why, "%s %.120s", vault_code_name(rq.err.code), rq.err.detail);
    }
    rq.uris = NULL;
    return good;
}

static void *work(void *at)
{
    importer *w = at;
    for (int i = 0; i < ATTEMPTS && !w->wrong && !import_once(w); i++) {}
    return NULL;
}

/* The first goes from the first to the last, with names and phones; the other back, with another department's phone. */
static void given_importer(size_t which)
{
    vault_error err = {0};
    importer *w = &importers[which];
    const char **uris = arena_array(fixture_memory(), 2, sizeof *uris);
    const importing how = {.id = which ? "race-back" : "race-forth",
                           .uri = which ? CLINIC : POPULATION,
                           .purpose = which ? "family-doctor" : "population-register",
                           .mask = MASK("id_number", "residence_area", "name", "phone")};
    expect_ok(session_open(&w->own, fixture_service(), &err), &err);
    w->mem = arena_new(64 << 20);
    uris[0] = how.uri;
    w->uris = uris;
    w->certificate = sha256(bytes_of_text(how.uri));
    w->header = header_of(&how);
    (void)open_stream(&how, w->header);
    for (size_t m = 0; m < PEOPLE / MESSAGE; m++) {
        w->messages[m] = new_message();
        for (size_t i = 0; i < MESSAGE; i++) {
            resident r;
            size_t n = m * MESSAGE + i;
            the_resident(FROM + (which ? PEOPLE - 1 - n : n), &r);
            ROW(w->messages[m], resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA),
                which ? "" : resident_text(&r, FIELD_NAME), which ? "13811111111" : "13822222222");
        }
    }
}

TEST("two departments import the same people at once: one record each, and the owner's word in every one")
{
    for (size_t i = 0; i < SESSIONS; i++) given_importer(i);
    long long records = strtoll(pg_sql("select count(*) from resident"), NULL, 10);
    for (size_t i = 0; i < SESSIONS; i++) pthread_create(&importers[i].thread, NULL, work, &importers[i]);
    for (size_t i = 0; i < SESSIONS; i++) pthread_join(importers[i].thread, NULL);
    for (size_t i = 0; i < SESSIONS; i++) {
        importer *w = &importers[i];
        if (w->wrong) fail_msg("importer %zu: %s", i, w->why);
        if (w->created + w->updated + w->unchanged != PEOPLE)
            fail_msg("importer %zu: %u + %u + %u of %d, %u refused, %u conflicts", i, w->created, w->updated,
                     w->unchanged, PEOPLE, w->rejected, w->conflicts);
        session_close(&w->own);
        arena_free(&w->mem);
    }
    assert_int_equal(strtoll(pg_sql("select count(*) from resident"), NULL, 10), records + PEOPLE);
    assert_string_equal(pg_sql("select count(*) = max(idx) + 1 from line"), "t");
    for (uint64_t i = FROM; i < FROM + PEOPLE; i += 7) {
        resident r;
        the_resident(i, &r);
        request *rq = reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", i),
                             MASK("name", "phone"));
        expect_outcome(rq, VAULT_OK, NULL);
        assert_string_equal(revealed(rq, 0), resident_text(&r, FIELD_NAME));
        assert_string_equal(revealed(rq, 1), "13822222222");
    }
    fixture_reset();
}
