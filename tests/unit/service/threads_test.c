/* Four sessions on one service, as four workers of a server: reveals, puts of the same residents and questions at once.
 * One log, no gap, every answer right. Run under ThreadSanitizer as well. */
#include "tests/unit/service/receipt.h"
#include "vault/base/clock.h"

#include <pthread.h>
#include <stdio.h>

enum { SESSIONS = 4, ROUNDS = 25, FAMILY = 12 };

typedef struct worker {
    session *own;
    arena *mem;
    const char *token, *name; /* whom it reveals */
    ProtobufCMessage *put;
    char phone[16];
    unsigned revealed, put_in, conflicts, wrong;
    char why[160];
} worker;

static worker workers[SESSIONS];

static const method *method_of(const char *path)
{
    size_t count;
    const method *rows = service_methods(&count);
    while (strcmp(rows->path, path) != 0) rows++;
    return rows;
}

static request run(worker *w, const char *path, const char *uri, ProtobufCMessage *in)
{
    const char *const uris[] = {uri, NULL};
    request rq = {.mem = w->mem,
                  .kept = w->mem,
                  .uris = uris,
                  .certificate = sha256(bytes_of_text(uri)),
                  .in = in,
                  .deadline_us = clock_monotonic_us() + 60000000},
            *one = &rq;
    service_run(w->own, method_of(path), &one, 1);
    rq.uris = NULL;
    return rq;
}

static void complain(worker *w, const request *rq)
{
    w->wrong++;
    snprintf(w->why, sizeof w->why, "%s %s %.100s", vault_code_name(rq->err.code),
             rq->err.reason ? rq->err.reason : "-", rq->err.detail);
}

static void reveal_once(worker *w, Vault__V1__RequestContext *context)
{
    char *paths[] = {(char *)(uintptr_t) "name"};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__RevealRequest in = VAULT__V1__REVEAL_REQUEST__INIT;
    mask.paths = paths, mask.n_paths = 1;
    in.context = context;
    in.token = (char *)(uintptr_t)w->token;
    in.field_mask = &mask;
    in.want_receipt = true;
    request rq = run(w, "/vault.v1.Tokens/Reveal", POPULATION, &in.base);
    const Vault__V1__RevealResponse *out = (const void *)rq.out;
    if (out && strcmp(out->values[0]->text, w->name) == 0 && out->receipt)
        w->revealed++;
    else
        complain(w, &rq);
}

/* Another phone each time: what is stored already would make no version. */
static void change_phones(worker *w, int round)
{
    const Vault__V1__BatchPutRequest *in = (const void *)w->put;
    snprintf(w->phone, sizeof w->phone, "139%03u%05d", (unsigned)(w - workers), round);
    for (size_t i = 0; i < in->n_items; i++) in->items[i]->values[FIELD_PHONE - 1] = w->phone;
    in->context->request_id = w->phone; /* what was put under one id is answered, and not put again */
}

static void put_once(worker *w, int round)
{
    change_phones(w, round);
    request rq = run(w, "/vault.v1.Records/BatchPut", POPULATION, w->put);
    if (rq.err.code == VAULT_OK)
        w->put_in++;
    else if (rq.err.code == VAULT_CONFLICT)
        w->conflicts++;
    else
        complain(w, &rq);
}

static void *work(void *at)
{
    worker *w = at;
    Vault__V1__RequestContext context = VAULT__V1__REQUEST_CONTEXT__INIT;
    context.purpose = (char *)(uintptr_t) "population-register";
    context.ticket = (char *)(uintptr_t) "case";
    context.request_id = (char *)(uintptr_t) "id";
    for (int round = 0; round < ROUNDS; round++) {
        reveal_once(w, &context);
        put_once(w, round);
        arena_reset(w->mem);
    }
    return NULL;
}

static void given_workers(void)
{
    vault_error err = {0};
    for (size_t i = 0; i < SESSIONS; i++) {
        resident r;
        worker *w = &workers[i];
        the_resident(i, &r);
        expect_ok(session_open(&w->own, fixture_service(), &err), &err);
        w->mem = arena_new(64 << 20);
        w->name = arena_text(fixture_memory(), resident_value(&r, FIELD_NAME));
        w->token = token_for(POPULATION, "population-register", i);
        w->put = (ProtobufCMessage *)(uintptr_t)put_residents(8000, FAMILY)->in; /* the same family for all */
    }
}

TEST("four sessions reveal and put at once: right answers, one log without a gap, every version counted once")
{
    pthread_t threads[SESSIONS];
    unsigned puts = 1; /* the first of the preparations made the records, the others found them */
    given_workers();
    int64_t before = lines_in_log();
    for (size_t i = 0; i < SESSIONS; i++) pthread_create(&threads[i], NULL, work, &workers[i]);
    for (size_t i = 0; i < SESSIONS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < SESSIONS; i++) {
        worker *w = &workers[i];
        if (w->wrong) fail_msg("session %zu: %u wrong, the last: %s", i, w->wrong, w->why);
        assert_int_equal(w->revealed, ROUNDS);
        assert_int_equal(w->put_in + w->conflicts, ROUNDS);
        assert_true(w->put_in > 0);
        puts += w->put_in;
        session_close(&w->own);
        arena_free(&w->mem);
    }
    assert_true(lines_in_log() >= before + (int64_t)(SESSIONS * ROUNDS + (puts - 1) * FAMILY));
    assert_string_equal(pg_sql("select (count(*) = max(idx) + 1 and count(*) = (select size from head)) from line"),
                        "t");
    if (strtoul(pg_sql("select max(version) from resident"), NULL, 10) < puts)
        fail_msg("fewer versions than the %u puts that were confirmed", puts);
    expect_outcome(put_residents(8000, 1), VAULT_OK, NULL);
    fixture_reset();
}
