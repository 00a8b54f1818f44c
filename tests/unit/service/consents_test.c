/* Consents, as apps write them down and rest on them: what a withdrawal stops, also on another node, also while a
 * reveal is under way, and that nobody learns from a refusal who agreed to what. */
#include "tests/unit/service/consents.h"
#include "tests/unit/service/receipt.h"

#include <stdatomic.h>
#include <unistd.h>

static vault_error err;

static void expect_state(const char *mine, Vault__V1__ConsentState state)
{
    const Vault__V1__ConsentResult *now = standing(CARE, mine);
    assert_null(now->status);
    assert_int_equal(now->state, state);
    assert_int_equal(now->time != NULL, state != VAULT__V1__CONSENT_STATE__CONSENT_STATE_NONE);
}

TEST("what rests on a consent is shown when it was given, and not before, and not after its withdrawal")
{
    uint64_t who = resident_in_street(0);
    resident r;
    const char *mine = token_for(ELDERCARE, CARE, who);
    the_resident(who, &r);
    int64_t since = clock_now_us();
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_NONE);
    expect_outcome(see(mine, "occupation"), VAULT_DENIED, "resident");
    assert_string_equal(said(mine, true), "");
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_GIVEN);
    assert_string_equal(revealed(see(mine, "occupation"), 0), resident_text(&r, FIELD_OCCUPATION));
    assert_string_equal(said(mine, false), "");
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_WITHDRAWN);
    expect_outcome(see(mine, "occupation"), VAULT_DENIED, "resident");
    assert_non_null(revealed(see(mine, "name"), 0)); /* what rests on a duty goes on */
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"clause\":\"consent\""), 2);
    assert_int_equal(occurrences(views, "\"form\":\"given\",\"outcome\":\"granted\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"withdrawn\",\"outcome\":\"granted\""), 1);
    fixture_reset();
}

TEST("a resident who agreed may stand in one call twice")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(10)), *both[] = {mine, mine};
    assert_string_equal(said(mine, true), "");
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(both, 2), in->n_tokens = 2;
    in->field_mask = MASK("occupation");
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < 2; i++) assert_null(out->results[i]->status);
    assert_string_equal(said(mine, false), "");
    fixture_reset();
}

TEST("a word makes a version of the record, the same word again makes none, and rows and sum stay sound")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(20));
    request *rq = say_as(NULL, &mine, 1, true, 0);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRecordConsentsResponse *first = (const void *)rq->out;
    assert_null(first->results[0]->status);
    assert_int_equal(first->n_receipts, 1);
    expect_receipt(first->receipts[0]);
    uint32_t version = first->results[0]->record_version;
    rq = say_as(NULL, &mine, 1, true, 0);
    assert_int_equal(
        ((const Vault__V1__BatchRecordConsentsResponse *)(const void *)rq->out)->results[0]->record_version, version);
    fixture_restart(); /* the head's sum is checked against the rows */
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_GIVEN);
    fixture_reset();
}

TEST("the same resident twice in a call: the last word holds")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(40)), *twice[] = {mine, mine};
    expect_outcome(say_as(NULL, twice, 2, true, 0), VAULT_OK, NULL);
    NEW(in, Vault__V1__BatchRecordConsentsRequest, vault__v1__batch_record_consents_request__init);
    Vault__V1__ConsentInput words[2] = {VAULT__V1__CONSENT_INPUT__INIT, VAULT__V1__CONSENT_INPUT__INIT},
                            *items[] = {&words[0], &words[1]};
    words[0].token = words[1].token = lent(mine);
    words[0].granted = true;
    in->items = items, in->n_items = 2;
    expect_outcome(
        ask(&(asked){.path = "/vault.v1.Consents/BatchRecord", .uri = ELDERCARE, .purpose = CARE, .in = &in->base}),
        VAULT_OK, NULL);
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_WITHDRAWN);
    fixture_reset();
}

TEST("no rule for consents, another's token, a slip, a past end: each has its answer, and nothing is written")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(0));
    const char *of_clinic = token_for(CLINIC, DOCTOR, 0);
    NEW(in, Vault__V1__BatchGetConsentsRequest, vault__v1__batch_get_consents_request__init);
    in->tokens = lend_all(&of_clinic, 1);
    in->n_tokens = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Consents/BatchGet", .uri = CLINIC, .purpose = DOCTOR, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(
        refusal(((const Vault__V1__BatchGetConsentsResponse *)(const void *)rq->out)->results[0]->status), "action");
    assert_string_equal(said(of_clinic, true), "resident");
    int64_t past = clock_now_us() / 1000000 - 10;
    rq = say_as(NULL, &mine, 1, true, past);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__BatchRecordConsentsResponse *)(const void *)rq->out)->results[0]->status->code,
                     3);
    rq = say_as(NULL, &mine, 1, false, past + 1000); /* a withdrawal has no end */
    assert_int_equal(((const Vault__V1__BatchRecordConsentsResponse *)(const void *)rq->out)->results[0]->status->code,
                     3);
    expect_outcome(say_as(NULL, NULL, 0, true, 0), VAULT_INVALID, "REQUIRED");
    expect_state(mine, VAULT__V1__CONSENT_STATE__CONSENT_STATE_WITHDRAWN); /* of the first test */
    fixture_reset();
}

/* ---- nobody learns more than that it was refused ---- */

static const Vault__V1__RevealResult *refused_result(const char *mine)
{
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(&mine, 1);
    in->n_tokens = 1;
    in->field_mask = MASK("occupation");
    in->want_receipt = true;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    assert_int_equal(out->receipts[0]->n_lines, 1);
    return out->results[0];
}

TEST("who never agreed, who lives elsewhere, and who is nobody are answered in the same bytes, by as many lines")
{
    const char *whose[] = {token_for(ELDERCARE, CARE, resident_in_street(60)),
                           token_for(ELDERCARE, CARE, resident_elsewhere(0)),
                           token_for(ELDERCARE, CARE, resident_elsewhere(50)), NULL};
    assert_string_equal(said(whose[1], true), ""); /* agreed, but elsewhere */
    resident r;
    whose[3] = token_for(ELDERCARE, CARE, 199);
    the_resident(199, &r);
    erase_one(token_for(POPULATION, WHY, 199));
    bytes first = {0};
    for (size_t i = 0; i < 4; i++) {
        int64_t before = lines_in_log();
        const Vault__V1__RevealResult *got = refused_result(whose[i]);
        assert_int_equal(lines_in_log(), before + 1);
        assert_null(got->terms);
        size_t len = vault__v1__reveal_result__get_packed_size(got);
        uint8_t *at = arena_alloc(fixture_memory(), len);
        (void)vault__v1__reveal_result__pack(got, at);
        if (i == 0) first = bytes_of(at, len);
        assert_true(bytes_same(first, bytes_of(at, len)));
    }
    fixture_reset();
}

TEST("of an erased or restricted resident nothing is written down, and nothing stands")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(80));
    assert_string_equal(said(mine, true), "");
    erase_one(token_for(POPULATION, WHY, resident_in_street(80)));
    assert_string_equal(said(mine, false), "resident");
    assert_string_equal(refusal(standing(CARE, mine)->status), "resident");
    fixture_reset();
}

/* ---- another node ---- */

typedef struct node {
    service *service;
    session *session;
} node;

static node open_node(void)
{
    node out = {0};
    service_options o = fixture_options();
    o.checkpoint_file = NULL;
    expect_ok(service_open(&out.service, &o, &err), &err);
    expect_ok(session_open(&out.session, out.service, &err), &err);
    return out;
}

static void close_node(node *n)
{
    session_close(&n->session);
    service_close(&n->service);
}

TEST("a consent that was withdrawn on one node holds on the other from the next request on")
{
    node other = open_node();
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(100));
    for (int i = 0; i < 3; i++) {
        expect_outcome(say_as(other.session, &mine, 1, true, 0), VAULT_OK, NULL);
        assert_non_null(revealed(see(mine, "occupation"), 0));
        expect_outcome(say_as(other.session, &mine, 1, false, 0), VAULT_OK, NULL);
        expect_outcome(see(mine, "occupation"), VAULT_DENIED, "resident");
    }
    close_node(&other);
    fixture_reset();
}

/* The one node asks all the time, while the other gives and withdraws. */
typedef struct asking_thread {
    pthread_t thread;
    session *own;
    arena *mem;
    const char *token;
    atomic_bool stop;
    unsigned shown, refused, wrong;
    atomic_uint calls;
    const char *why;
} asking_thread;

static request *ask_once(asking_thread *t, unsigned serial)
{
    static const char *const uris[] = {ELDERCARE, NULL};
    request *rq = arena_alloc(t->mem, sizeof *rq);
    Vault__V1__RevealRequest *in = arena_alloc(t->mem, sizeof *in);
    Vault__V1__RequestContext *context = arena_alloc(t->mem, sizeof *context);
    Google__Protobuf__FieldMask *fields = arena_alloc(t->mem, sizeof *fields);
    char **paths = arena_array(t->mem, 1, sizeof *paths);
    vault__v1__reveal_request__init(in);
    vault__v1__request_context__init(context);
    google__protobuf__field_mask__init(fields);
    paths[0] = lent("occupation");
    fields->paths = paths, fields->n_paths = 1;
    context->purpose = lent(CARE), context->ticket = lent("race");
    context->request_id = arena_format(t->mem, "ask-%u", serial);
    in->context = context, in->token = lent(t->token), in->field_mask = fields;
    *rq = (request){.mem = t->mem,
                    .kept = t->mem,
                    .uris = uris,
                    .certificate = sha256(bytes_of_text(ELDERCARE)),
                    .in = &in->base,
                    .deadline_us = clock_monotonic_us() + 60000000};
    service_run(t->own, method_at("/vault.v1.Tokens/Reveal"), &rq, 1);
    return rq;
}

static void *ask_on(void *at)
{
    asking_thread *t = at;
    for (unsigned i = 0; !atomic_load(&t->stop); i++) {
        const request *rq = ask_once(t, i);
        bool denied = rq->err.code == VAULT_DENIED || rq->err.code == VAULT_CONFLICT;
        t->shown += rq->err.code == VAULT_OK;
        t->refused += denied;
        t->wrong += rq->err.code != VAULT_OK && !denied;
        if (rq->err.code != VAULT_OK && !denied) t->why = vault_code_name(rq->err.code);
        arena_reset(t->mem);
        atomic_fetch_add(&t->calls, 1);
    }
    return NULL;
}

/* By the order of the log itself: between a withdrawal and the next consent nothing was granted. */
static void expect_order(const char *views)
{
    bool stands = false;
    unsigned shown = 0;
    for (const char *at = views, *end; *at; at = end + 1) {
        end = strchr(at, '\n');
        char *one = arena_text(fixture_memory(), bytes_of(at, (size_t)(end - at)));
        if (!strstr(one, "\"outcome\":\"granted\"")) continue;
        if (strstr(one, "\"action\":\"consent\"")) stands = strstr(one, "\"form\":\"given\"") != NULL;
        if (!strstr(one, "\"action\":\"reveal\"")) continue;
        shown++;
        if (!stands) fail_msg("granted after the withdrawal: %s", one);
    }
    assert_true(shown > 0);
}

TEST("whoever withdraws while others ask: in the log no grant stands behind the withdrawal")
{
    node other = open_node();
    asking_thread t = {.mem = arena_new(4 << 20), .token = token_for(ELDERCARE, CARE, resident_in_street(120))};
    expect_ok(session_open(&t.own, other.service, &err), &err);
    int64_t since = clock_now_us();
    assert_int_equal(pthread_create(&t.thread, NULL, ask_on, &t), 0);
    for (int i = 0; i < 24; i++) {
        expect_outcome(say_as(NULL, &t.token, 1, i % 2 == 0, 0), VAULT_OK, NULL);
        unsigned done = atomic_load(&t.calls); /* and one more call is begun and answered */
        for (int k = 0; k < 60000 && atomic_load(&t.calls) - done < 2; k++) usleep(1000);
    }
    atomic_store(&t.stop, true);
    pthread_join(t.thread, NULL);
    if (t.wrong) fail_msg("%u times: %s", t.wrong, t.why);
    assert_true(t.shown > 0 && t.refused > 0);
    expect_order(views_since(since));
    session_close(&t.own);
    arena_free(&t.mem);
    close_node(&other);
    fixture_reset();
}
