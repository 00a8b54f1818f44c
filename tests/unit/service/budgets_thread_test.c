/* Two nodes, two sessions each, for what is left of a budget: no more is granted than there is, and not one less. Run
 * under ThreadSanitizer as well. */
#include "tests/unit/service/asking.h"
#include "tests/unit/service/steward.h"
#include "vault/service/internal.h"

enum { RACERS = 4, EACH = 12, LIMIT = 10, SHARED = 6 };

static void edit_raced(const char *file, json_t *doc)
{
    edit_document(file, doc);
    if (strcmp(file, "policy.json") != 0) return;
    json_object_set_new(doc, "budgets",
                        json_loads("[{\"id\":\"raced\",\"per\":\"consumer\",\"consumers\":[\"eldercare\"],\"purposes\":"
                                   "[\"elder-care\"],\"roles\":\"any\",\"fields\":\"any\",\"period\":\"year\","
                                   "\"residents\":10},"
                                   "{\"id\":\"wide\",\"per\":\"purpose\",\"consumers\":\"any\",\"purposes\":"
                                   "[\"elder-care\"],\"roles\":\"any\",\"fields\":\"any\",\"period\":\"year\","
                                   "\"residents\":1000}]",
                                   0, NULL));
    json_object_set_new(doc, "aggregations",
                        json_loads("[{\"id\":\"frail\",\"fields\":[\"name\",\"phone\",\"sex\"],\"level\":5,\"per\":"
                                   "\"consumer\",\"days\":30}]",
                                   0, NULL));
}

__attribute__((constructor)) static void want_race(void)
{
    fixture_edit = edit_raced;
}

typedef struct racer {
    pthread_t thread;
    session *by;
    arena *mem;
    request *requests[EACH];
    unsigned granted, spent, other;
} racer;

static void *run_racer(void *at)
{
    racer *r = at;
    const method *m = method_at("/vault.v1.Tokens/Reveal");
    for (int i = 0; i < EACH; i++) {
        request *rq = r->requests[i];
        for (int tries = 0; tries < 50; tries++) {
            service_run(r->by, m, &rq, 1);
            if (rq->err.code != VAULT_CONFLICT) break;
        }
        if (rq->err.code == VAULT_OK)
            r->granted++;
        else if (rq->err.code == VAULT_DENIED)
            r->spent++;
        else
            r->other++;
    }
    return NULL;
}

static void race(racer *racers)
{
    vault_error err = {0};
    node other;
    node_open(&other);
    service *const nodes[] = {fixture_service(), other.service};
    for (int i = 0; i < RACERS; i++) {
        racers[i].mem = arena_new(32 << 20);
        for (int j = 0; j < EACH; j++) racers[i].requests[j]->mem = racers[i].mem;
        expect_ok(session_open(&racers[i].by, nodes[i % 2], &err), &err);
    }
    for (int i = 0; i < RACERS; i++) pthread_create(&racers[i].thread, NULL, run_racer, &racers[i]);
    for (int i = 0; i < RACERS; i++) pthread_join(racers[i].thread, NULL);
    for (int i = 0; i < RACERS; i++) {
        session_close(&racers[i].by);
        arena_free(&racers[i].mem);
        if (racers[i].other) fail_msg("racer %d: %u answers of another kind", i, racers[i].other);
    }
    node_close(&other);
}

/* Residents of the street, each once. */
static const char *nth_token(const char *uri, const char *purpose_id, size_t n)
{
    uint64_t index = resident_in_street(0);
    for (; n > 0; n--) index = resident_in_street(index + 1);
    return token_for(uri, purpose_id, index);
}

static request *to_reveal(const char *uri, const char *purpose_id, const char *of, Google__Protobuf__FieldMask *fields)
{
    return make_request(&(asked){
        .path = "/vault.v1.Tokens/Reveal", .uri = uri, .purpose = purpose_id, .in = &reveal_of(of, fields)->base});
}

TEST("of twenty residents that four callers on two nodes ask for at once, ten are granted: just what is left")
{
    static racer racers[RACERS];
    unsigned seen = 0;
    for (size_t i = 0; i < RACERS; i++)
        for (size_t j = 0; j < EACH; j++) /* overlapping: some residents are asked for by two */
            racers[i].requests[j] =
                to_reveal(ELDERCARE, "elder-care", nth_token(ELDERCARE, "elder-care", (i * 5 + j) % 20), MASK("name"));
    race(racers);
    char *lines = arena_format(fixture_memory(), "%s", pg_sql("select count(*) from budget_seen"));
    for (size_t i = 0; i < RACERS; i++)
        for (size_t j = 0; j < EACH; j++)
            if (racers[i].requests[j]->err.code == VAULT_OK) seen |= 1U << (i * 5 + j) % 20;
    assert_int_equal(__builtin_popcount(seen), LIMIT);
    assert_string_equal(lines, arena_format(fixture_memory(), "%d", 2 * LIMIT + LIMIT)); /* and the aggregation's */
    fixture_reset();
}

TEST("of a resident whom callers ask about at once, each for a part, nobody is shown all")
{
    static racer racers[RACERS];
    const char *const parts[] = {"name", "phone", "sex"};
    unsigned granted = 0;
    for (size_t i = 0; i < RACERS; i++)
        for (size_t j = 0; j < EACH; j++)
            racers[i].requests[j] = to_reveal(CLINIC, "family-doctor", nth_token(CLINIC, "family-doctor", j % SHARED),
                                              MASK(parts[(i + j / SHARED) % 3]));
    race(racers);
    for (size_t i = 0; i < RACERS; i++) granted += racers[i].granted;
    assert_true(granted >= SHARED * 2);
    for (size_t n = 0; n < SHARED; n++) {
        unsigned shown = 0;
        for (size_t f = 0; f < 3; f++) {
            request *rq = reveal(CLINIC, "family-doctor", nth_token(CLINIC, "family-doctor", n), MASK(parts[f]));
            shown += rq->err.code == VAULT_OK;
        }
        assert_int_equal(shown, 2);
    }
    fixture_reset();
}
