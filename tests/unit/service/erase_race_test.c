/* Sixteen threads that erase, reveal and put the same residents at once: each is erased as often as somebody was told
 * so, nobody is revealed after that, and who is put again is somebody else. Run under ThreadSanitizer as well. */
#include "tests/unit/service/erase.h"
#include "tests/unit/service/racing.h"

enum { THREADS = 16, ROUNDS = 2, FAMILY = 6, FIRST = 5000 };

typedef struct runner {
    pthread_t thread;
    session *own;
    arena *mem;
    unsigned number, erased, revealed, put, wrong;
    char why[160];
} runner;

static runner runners[THREADS];
static char numbers[FAMILY][32], names[FAMILY][64];

static void complain(runner *r, const char *what, const request *rq)
{
    if (r->wrong++) return;
    snprintf(r->why, sizeof r->why, "%s: %s %s %.100s", what, vault_code_name(rq->err.code),
             rq->err.reason ? rq->err.reason : "-", rq->err.detail);
}

/* Its token now; NULL: nobody has this number at the moment. */
static char *token_now(runner *r, char *number)
{
    request rq;
    Vault__V1__BatchIssueRequest in = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    in.values = &number, in.n_values = 1;
    const Vault__V1__BatchIssueResponse *out = race_call(r->own, r->mem, "/vault.v1.Tokens/BatchIssue", &in.base, &rq);
    if (!out) return complain(r, "issue", &rq), NULL;
    return out->results[0]->status ? NULL : out->results[0]->token;
}

/* True: erased by this very call. */
static bool erase_now(runner *r, char *named)
{
    request rq;
    Vault__V1__EraseRequest in = VAULT__V1__ERASE_REQUEST__INIT;
    in.tokens = &named, in.n_tokens = 1;
    const Vault__V1__EraseResponse *out = race_call(r->own, r->mem, "/vault.v1.Records/Erase", &in.base, &rq);
    if (!out && rq.err.code != VAULT_CONFLICT) complain(r, "erase", &rq);
    bool done = out && !out->results[0]->status;
    r->erased += done;
    return done;
}

/* After the erasure nobody, whatever the others do meanwhile; before it the name, or nobody. */
static void reveal_now(runner *r, char *named, const char *name, bool gone)
{
    request rq;
    char *paths[] = {lent("name")};
    Google__Protobuf__FieldMask asked_for = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__RevealRequest in = VAULT__V1__REVEAL_REQUEST__INIT;
    asked_for.paths = paths, asked_for.n_paths = 1;
    in.token = named;
    in.field_mask = &asked_for;
    const Vault__V1__RevealResponse *out = race_call(r->own, r->mem, "/vault.v1.Tokens/Reveal", &in.base, &rq);
    if (out ? gone || strcmp(out->values[0]->text, name) != 0 : rq.err.code != VAULT_DENIED)
        complain(r, gone ? "reveal of an erased one" : "reveal", &rq);
    r->revealed += out != NULL;
}

static void put_now(runner *r, char *number, char *name)
{
    request rq;
    char *values[] = {number, lent("320411002001"), name},
         *fields[] = {lent("id_number"), lent("residence_area"), lent("name")};
    Google__Protobuf__FieldMask asked_for = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__ResidentInput one = VAULT__V1__RESIDENT_INPUT__INIT, *items[] = {&one};
    Vault__V1__BatchPutRequest in = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    asked_for.paths = fields, asked_for.n_paths = 3;
    one.values = values, one.n_values = 3;
    in.field_mask = &asked_for;
    in.collection = lent("residents");
    in.items = items, in.n_items = 1;
    const void *out = race_call(r->own, r->mem, "/vault.v1.Records/BatchPut", &in.base, &rq);
    if (!out && rq.err.code != VAULT_CONFLICT) complain(r, "put", &rq);
    r->put += out != NULL;
}

static void *work(void *at)
{
    runner *r = at;
    for (unsigned i = 0; i < ROUNDS * FAMILY; i++) {
        unsigned who = (i + r->number) % FAMILY;
        put_now(r, numbers[who], names[who]);
        char *named = token_now(r, numbers[who]);
        if (!named) continue;
        reveal_now(r, named, names[who], false);
        if (erase_now(r, named)) reveal_now(r, named, names[who], true);
    }
    return NULL;
}

static void given_runners(void)
{
    vault_error err = {0};
    for (unsigned i = 0; i < FAMILY; i++) {
        resident who;
        the_resident(FIRST + i, &who);
        snprintf(numbers[i], sizeof numbers[i], "%s", resident_text(&who, FIELD_ID_NUMBER));
        snprintf(names[i], sizeof names[i], "%s", resident_text(&who, FIELD_NAME));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        runners[i].number = i;
        runners[i].mem = arena_new(16 << 20);
        expect_ok(session_open(&runners[i].own, fixture_service(), &err), &err);
    }
}

TEST("sixteen threads erase, reveal and put the same six people: each erasure is told to one, and final")
{
    unsigned told = 0;
    given_runners();
    const int64_t links = number_in("select count(*) from erasure");
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&runners[i].thread, NULL, work, &runners[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(runners[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        if (runners[i].wrong) fail_msg("thread %d, %u times: %s", i, runners[i].wrong, runners[i].why);
        told += runners[i].erased;
        session_close(&runners[i].own);
        arena_free(&runners[i].mem);
    }
    assert_true(told >= FAMILY);
    assert_int_equal(number_in("select count(*) from erasure"), links + told);
    assert_int_equal(number_in("select count(distinct resident) from erasure"), links + told);
    assert_int_equal(number_in("select count(*) from erasure e join resident r on r.id = e.resident"), 0);
    assert_int_equal(number_in("select count(*) from resident_key k where not exists"
                               " (select from resident r where r.id = k.id)"),
                     0);
    assert_int_equal(number_in("select count(*) from resident_term t where not exists"
                               " (select from resident r where r.id = t.id)"),
                     0);
    fixture_restart();
}
