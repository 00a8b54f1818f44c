/* Searches while the rings of their terms are rotated: no resident is missed, and none is found twice, at any moment.
 */
#include "tests/unit/service/search.h"

#include "tests/unit/service/rotating.h"

#include "vault/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const char *const TERMS[] = {"term/name",
                                    "term/phone",
                                    "term/birth_date",
                                    "term/marital_status",
                                    "term/care_category",
                                    "term/household_number",
                                    "term/residence_address"};
enum { TERM_RINGS = sizeof TERMS / sizeof *TERMS };

static long number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

static void given_vault(void)
{
    (void)given_no_keeper();
    (void)all_tokens();
    fixture_reset();
}

/* One of every kind of index, of residents here and there. */
static void expect_all_found(void)
{
    static unsigned turn;
    resident r;
    the_resident(turn++ % FIXTURE_RESIDENTS, &r);
    const char *phone = text_of(resident_text(&r, FIELD_PHONE)), *house = resident_text(&r, FIELD_HOUSEHOLD_NUMBER);
    Vault__V1__SearchRequest *in = new_search();
    if (phone[0]) {
        equals(in, "phone", phone);
        assert_true(expect_found(answer_of(as_population(in)), phone_is, phone) > 0);
        in = new_search();
        ends_with(in, "phone", phone + 7);
        assert_true(expect_found(answer_of(as_population(in)), phone_ends, phone + 7) > 0);
    }
    in = new_search();
    equals(in, "household_number", house);
    assert_true(expect_found(answer_of(as_population(in)), of_household, house) > 0);
    in = new_search();
    in_area(in, STREET);
    band(in, "birth_date", "19000101", "19691231");
    equals(in, "marital_status", "20");
    expect_found(answer_of(as_population(in)), old_and_married, "1969");
    in = new_search();
    in_area(in, STREET);
    char *name = text_of(resident_text(&r, FIELD_NAME));
    has_part(in, "name", name);
    expect_found(answer_of(as_population(in)), name_has, name);
    fixture_reset();
}

TEST("every search finds whom it found, after every step of a rotation of its terms")
{
    given_vault();
    expect_all_found();
    (void)rotate_rings((rotate_wish){.rings = TERMS, .count = TERM_RINGS});
    expect_all_found();
    size_t steps = run_jobs(50, expect_all_found);
    assert_true(steps >= FIXTURE_RESIDENTS / 50);
    expect_all_found();
    assert_int_equal(number("select count(distinct made) from resident"), 1);
}

/* ---- at the same time ---- */

typedef struct searcher {
    pthread_t thread;
    session *own;
    atomic_uint searches;
    unsigned wrong;
    char why[160];
} searcher;

enum { SEARCHERS = 2, PHONES = 12 };
static char phones[PHONES][16];
static size_t holders[PHONES];
static atomic_bool enough;

static size_t search_for(searcher *me, arena *mem, size_t which, const char **reason)
{
    static const char *const uris[] = {POPULATION, NULL};
    static atomic_uint serial;
    Vault__V1__SearchRequest in = VAULT__V1__SEARCH_REQUEST__INIT;
    Vault__V1__Condition one = VAULT__V1__CONDITION__INIT, *all = &one;
    Vault__V1__Values values = VAULT__V1__VALUES__INIT;
    Vault__V1__RequestContext context = VAULT__V1__REQUEST_CONTEXT__INIT;
    char *phone = phones[which], why[] = "population-register", ticket[] = "race", field[] = "phone", id[32];
    snprintf(id, sizeof id, "race-%u", atomic_fetch_add(&serial, 1));
    context.purpose = why, context.ticket = ticket, context.request_id = id;
    values.values = &phone, values.n_values = 1;
    one.field = field, one.question_case = VAULT__V1__CONDITION__QUESTION_EQUALS, one.equals = &values;
    in.conditions = &all, in.n_conditions = 1, in.context = &context;
    request rq = {.mem = mem,
                  .kept = mem,
                  .uris = uris,
                  .certificate = sha256(bytes_of_text(POPULATION)),
                  .in = &in.base,
                  .deadline_us = clock_monotonic_us() + 60000000},
            *ask = &rq;
    service_run(me->own, method_at("/vault.v1.Records/Search"), &ask, 1);
    *reason = rq.err.code == VAULT_OK ? "found" : rq.err.detail;
    return rq.out ? ((const Vault__V1__SearchResponse *)(const void *)rq.out)->n_results : SIZE_MAX;
}

static void *search_on(void *at)
{
    searcher *me = at;
    arena *mem = arena_new(16 << 20);
    for (size_t i = 0; !atomic_load(&enough); i++, me->searches++) {
        const char *reason;
        size_t found = search_for(me, mem, i % PHONES, &reason);
        if (found != holders[i % PHONES] && me->wrong++ == 0)
            snprintf(me->why, sizeof me->why, "%zu of %zu: %.100s", found, holders[i % PHONES], reason);
        arena_reset(mem);
    }
    arena_free(&mem);
    return NULL;
}

static void given_phones(void)
{
    size_t known = 0;
    for (uint64_t i = 0; known < PHONES; i++) {
        resident r;
        the_resident(i, &r);
        if (strlen(resident_text(&r, FIELD_PHONE)) != 11) continue;
        snprintf(phones[known], sizeof phones[known], "%s", resident_text(&r, FIELD_PHONE));
        holders[known] = 0;
        for (uint64_t k = 0; k < FIXTURE_RESIDENTS; k++) {
            the_resident(k, &r);
            holders[known] += phone_is(&r, phones[known]);
        }
        known++;
    }
}

static bool all_searched(searcher *all)
{
    bool enough_each = true;
    for (size_t i = 0; i < SEARCHERS; i++) enough_each = enough_each && atomic_load(&all[i].searches) > 10;
    return enough_each;
}

TEST("those who search on while rows are rewritten miss nobody")
{
    searcher all[SEARCHERS] = {0};
    vault_error err = {0};
    given_vault();
    given_phones();
    atomic_store(&enough, false);
    for (size_t i = 0; i < SEARCHERS; i++) {
        expect_ok(session_open(&all[i].own, fixture_service(), &err), &err);
        assert_int_equal(pthread_create(&all[i].thread, NULL, search_on, &all[i]), 0);
    }
    for (int round = 0; round < 2 || (round < 100 && !all_searched(all)); round++) {
        (void)ROTATE(, "term/phone");
        (void)run_jobs(25, NULL);
        fixture_reset();
    }
    assert_true(all_searched(all));
    atomic_store(&enough, true);
    for (size_t i = 0; i < SEARCHERS; i++) {
        pthread_join(all[i].thread, NULL);
        session_close(&all[i].own);
        if (all[i].wrong) fail_msg("%u of %u searches: %s", all[i].wrong, all[i].searches, all[i].why);
    }
}
