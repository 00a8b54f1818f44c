/* Control changes while two nodes reveal: every reveal that was answered stands in the log under a version of control
 * by which it was allowed, and none was answered after the change that forbade it. Run under ThreadSanitizer as well.
 */
#include "tests/unit/service/steward.h"

#include "vault/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NODES = 2, REVEALERS = 2, TURNS = 8 };

typedef struct revealer {
    session *own;
    arena *mem;
    char token[64];
    unsigned granted, refused, wrong;
    char why[160];
} revealer;

static node others[NODES - 1];
static revealer revealers[NODES * REVEALERS];
static atomic_bool over;
static atomic_uint calls; /* that were answered */
static atomic_uint
    phase; /* counts on: 0 the rule stands, 1 it is being dropped, 2 it is gone, 3 it is being brought back */

static void reveal_once(revealer *r)
{
    static const char *const uris[] = {CLINIC, NULL};
    char *paths[] = {(char *)(uintptr_t) "name"};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__RequestContext context = VAULT__V1__REQUEST_CONTEXT__INIT;
    Vault__V1__RevealRequest in = VAULT__V1__REVEAL_REQUEST__INIT;
    mask.paths = paths, mask.n_paths = 1;
    context.purpose = (char *)(uintptr_t) "family-doctor";
    context.ticket = (char *)(uintptr_t) "race";
    context.request_id = (char *)(uintptr_t) "id";
    in.context = &context;
    in.token = r->token;
    in.field_mask = &mask;
    request rq = {.mem = r->mem,
                  .kept = r->mem,
                  .uris = uris,
                  .certificate = sha256(bytes_of_text(CLINIC)),
                  .in = &in.base,
                  .deadline_us = clock_monotonic_us() + 60000000},
            *one = &rq;
    unsigned before = atomic_load(&phase);
    service_run(r->own, method_at("/vault.v1.Tokens/Reveal"), &one, 1);
    bool steady = atomic_load(&phase) == before && before % 2 == 0, granted = rq.err.code == VAULT_OK;
    bool fair = granted || rq.err.code == VAULT_DENIED ||
                (rq.err.code == VAULT_UNAVAILABLE && rq.err.reason && strcmp(rq.err.reason, "CONTROL_MOVED") == 0);
    r->granted += granted;
    r->refused += !granted;
    if (fair && (!steady || granted == (before % 4 == 0))) return;
    r->wrong++;
    snprintf(r->why, sizeof r->why, "%s %s %.100s, phase %u", vault_code_name(rq.err.code),
             rq.err.reason ? rq.err.reason : "-", rq.err.detail, before);
}

static void *work(void *at)
{
    revealer *r = at;
    while (!atomic_load(&over)) {
        reveal_once(r);
        arena_reset(r->mem);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

static json_t *kept_rule;

static void drop_rule(json_t *of)
{
    size_t i;
    json_t *rule, *rules = json_object_get(of, "rules");
    json_array_foreach(rules, i, rule)
    {
        if (strcmp(json_string_value(json_object_get(rule, "id")), "clinic-reveal") != 0) continue;
        kept_rule = json_incref(rule);
        json_array_remove(rules, i);
        return;
    }
}

static void bring_rule(json_t *of)
{
    json_array_append_new(json_object_get(of, "rules"), kept_rule);
}

static void given_revealers(void)
{
    vault_error err = {0};
    const char *token = token_for(CLINIC, "family-doctor", 3);
    for (size_t i = 0; i < NODES - 1; i++) node_open(&others[i]);
    for (size_t i = 0; i < NODES * REVEALERS; i++) {
        service *of = i < REVEALERS ? fixture_service() : others[i / REVEALERS - 1].service;
        snprintf(revealers[i].token, sizeof revealers[i].token, "%s", token);
        revealers[i].mem = arena_new(16 << 20);
        expect_ok(session_open(&revealers[i].own, of, &err), &err);
    }
}

/* Until one was asked and answered since now. */
static void await_reveal(void)
{
    unsigned since = atomic_load(&calls);
    for (int i = 0; i < 60000 && atomic_load(&calls) - since <= NODES * REVEALERS; i++) usleep(1000);
}

/* The document is changed by this thread, in the fixture's session, while the others reveal. */
static void change_policy(edit how)
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "policy", how);
    atomic_fetch_add(&phase, 1);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    atomic_fetch_add(&phase, 1);
    await_reveal();
}

/* Versions between which the rule did not stand, and the granted lines of the clinic: none lies in between. */
static uint64_t number_after(const char *view, const char *key)
{
    const char *at = strstr(view, key);
    assert_non_null(at);
    return strtoull(at + strlen(key), NULL, 10);
}

static void check_lines(const uint64_t *dropped, const uint64_t *brought, unsigned granted)
{
    unsigned seen = 0;
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->purpose = lend("family-doctor");
    in->page_size = 1000;
    const Vault__V1__QueryResponse *page;
    do {
        request *rq =
            ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
        expect_outcome(rq, VAULT_OK, NULL);
        page = (const void *)rq->out;
        for (size_t i = 0; i < page->n_lines; i++) {
            const Vault__V1__Line *line = page->lines[i];
            assert_true(line->consistent);
            if (!strstr(line->officer_view, "race") || strcmp(line->outcome, "granted") != 0) continue;
            uint64_t version = number_after(line->officer_view, "\"control\":");
            for (size_t k = 0; k < TURNS; k++)
                if (version >= dropped[k] && version < brought[k])
                    fail_msg("granted under version %llu, which had no such rule", (unsigned long long)version);
            seen++;
        }
        in->page_token = page->next_page_token;
    } while (page->next_page_token[0]);
    if (seen < granted) fail_msg("%u reveals were answered, %u stand in the log", granted, seen);
}

TEST("control changes under reveals on two nodes: each is answered by a version that allowed it, or not at all")
{
    pthread_t threads[NODES * REVEALERS];
    uint64_t dropped[TURNS], brought[TURNS];
    unsigned granted = 0, refused = 0;
    given_revealers();
    for (size_t i = 0; i < NODES * REVEALERS; i++) pthread_create(&threads[i], NULL, work, &revealers[i]);
    for (size_t k = 0; k < TURNS; k++) {
        change_policy(drop_rule);
        dropped[k] = last_change()->version;
        change_policy(bring_rule);
        brought[k] = last_change()->version;
        fixture_reset();
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < NODES * REVEALERS; i++) {
        pthread_join(threads[i], NULL);
        if (revealers[i].wrong) fail_msg("revealer %zu: %u wrong: %s", i, revealers[i].wrong, revealers[i].why);
        granted += revealers[i].granted;
        refused += revealers[i].refused;
        session_close(&revealers[i].own);
        arena_free(&revealers[i].mem);
    }
    assert_true(granted > 0 && refused > 0);
    check_lines(dropped, brought, granted);
    assert_string_equal(pg_sql("select (count(*) = max(idx) + 1 and count(*) = (select size from head)) from line"),
                        "t");
    for (size_t i = 0; i < NODES - 1; i++) node_close(&others[i]);
    fixture_reset();
}
