/* Threads that put and reveal the same residents while their keys are rotated, resealed in the other suite and back:
 * what was put is what is revealed, nobody is lost or doubled, and every row is sound in the end. Run under
 * ThreadSanitizer as well. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"
#include "tests/unit/service/racing.h"

#include "vault/service/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 4, FAMILY = 6 };

typedef struct runner {
    pthread_t thread;
    session *own;
    arena *mem;
    unsigned number, rounds, clashes, wrong;
    char why[160];
} runner;

static runner runners[THREADS];
static char numbers[FAMILY][32], names[FAMILY][64];
static unsigned at_work; /* of `runners`: those before it have a thread */
static atomic_bool enough;

static void complain(runner *r, const char *what, const request *rq)
{
    if (r->wrong++) return;
    snprintf(r->why, sizeof r->why, "%s: %s %s %.100s", what, vault_code_name(rq->err.code),
             rq->err.reason ? rq->err.reason : "-", rq->err.detail);
}

static void put_now(runner *r, unsigned who, char *occupation)
{
    request rq;
    char *values[] = {numbers[who], lent("320411002001"), occupation},
         *fields[] = {lent("id_number"), lent("residence_area"), lent("occupation")};
    Google__Protobuf__FieldMask asked_for = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__ResidentInput one = VAULT__V1__RESIDENT_INPUT__INIT, *items[] = {&one};
    Vault__V1__BatchPutRequest in = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    asked_for.paths = fields, asked_for.n_paths = 3;
    one.values = values, one.n_values = 3;
    in.field_mask = &asked_for;
    in.collection = lent("residents");
    in.items = items, in.n_items = 1;
    const Vault__V1__BatchPutResponse *out = race_call(r->own, r->mem, "/vault.v1.Records/BatchPut", &in.base, &rq);
    if (!out && rq.err.code == VAULT_CONFLICT)
        r->clashes++;
    else if (!out || out->results[0]->status || out->results[0]->created)
        complain(r, out && out->results[0]->created ? "doubled" : "put", &rq);
}

static void reveal_now(runner *r, unsigned who)
{
    request rq;
    char *number = numbers[who], *paths[] = {lent("name"), lent("id_number")};
    Vault__V1__BatchIssueRequest issue = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    issue.values = &number, issue.n_values = 1;
    const Vault__V1__BatchIssueResponse *issued =
        race_call(r->own, r->mem, "/vault.v1.Tokens/BatchIssue", &issue.base, &rq);
    if (!issued || issued->results[0]->status) {
        complain(r, "issue", &rq);
        return;
    }
    Google__Protobuf__FieldMask asked_for = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__RevealRequest in = VAULT__V1__REVEAL_REQUEST__INIT;
    asked_for.paths = paths, asked_for.n_paths = 2;
    in.token = issued->results[0]->token;
    in.field_mask = &asked_for;
    const Vault__V1__RevealResponse *out = race_call(r->own, r->mem, "/vault.v1.Tokens/Reveal", &in.base, &rq);
    if (!out || strcmp(out->values[0]->text, names[who]) != 0 || strcmp(out->values[1]->text, number) != 0)
        complain(r, "reveal", &rq);
}

static void *work(void *at)
{
    runner *r = at;
    for (unsigned i = 0; !atomic_load(&enough); i++, r->rounds++) {
        unsigned who = (i + r->number) % FAMILY;
        put_now(r, who, arena_format(r->mem, "work %u of %u", i % 7, r->number));
        reveal_now(r, who);
        arena_reset(r->mem);
    }
    return NULL;
}

static void given_runners(void)
{
    vault_error err = {0};
    for (unsigned i = 0; i < FAMILY; i++) {
        resident who;
        the_resident(resident_in_street(i * 9), &who);
        snprintf(numbers[i], sizeof numbers[i], "%s", resident_text(&who, FIELD_ID_NUMBER));
        snprintf(names[i], sizeof names[i], "%s", resident_text(&who, FIELD_NAME));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        runners[i].number = i;
        runners[i].mem = arena_new(16 << 20);
        expect_ok(session_open(&runners[i].own, fixture_service(), &err), &err);
    }
}

/* Also where the test has failed meanwhile: before the vault is closed under those who use it. */
static void end_runners(void)
{
    atomic_store(&enough, true);
    for (; at_work > 0; at_work--) pthread_join(runners[at_work - 1].thread, NULL);
}

static void start_runners(void)
{
    assert_int_equal(atexit(end_runners), 0); /* the last one named is called first */
    for (; at_work < THREADS; at_work++)
        assert_int_equal(pthread_create(&runners[at_work].thread, NULL, work, &runners[at_work]), 0);
}

static void rotate_all(rotate_wish wish)
{
    request *rq = rotate_as(NULL, ADMINISTRATOR, wish);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RotateResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_jobs; i++) wait_for_job(out->jobs[i]->name, "done");
    fixture_reset();
}

static void expect_sound(void)
{
    NEW_REQUEST(in, Vault__V1__VerifyRowsRequest, vault__v1__verify_rows_request__init);
    request *rq = steward(NULL, OFFICER, "/vault.v1.Audit/VerifyRows", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    wait_for_job(((const Vault__V1__VerifyRowsResponse *)(const void *)rq->out)->job, "done");
}

static void expect_none(const char *what)
{
    assert_string_equal(pg_sql("%s", what), "0");
}

TEST("those who are put and revealed while all keys rotate are neither lost nor doubled, and every row is sound")
{
    (void)fixture_session();
    char before[32];
    unsigned clashes = 0, rounds = 0;
    snprintf(before, sizeof before, "%s", pg_sql("select count(*) from resident"));
    given_runners();
    start_runners();
    rotate_all((rotate_wish){.rings = {"record"}, .suite = "gm"});
    rotate_all((rotate_wish){.rings = {"natural", "term/name", "term/phone"}});
    rotate_all((rotate_wish){.rings = {"record"}});
    rotate_all((rotate_wish){.rings = {"record", "natural"}, .suite = "intl"});
    end_runners();
    for (int i = 0; i < THREADS; i++) {
        runner *r = &runners[i];
        if (r->wrong) fail_msg("thread %d, %u times in %u rounds: %s", i, r->wrong, r->rounds, r->why);
        clashes += r->clashes;
        rounds += r->rounds;
        session_close(&r->own);
        arena_free(&r->mem);
    }
    /* Of all, and not of each: on a busy machine one may have come to few rounds. */
    if (clashes > THREADS + rounds / 10) fail_msg("%u clashes in %u rounds", clashes, rounds);
    expect_sound();
    assert_string_equal(pg_sql("select count(*) from resident"), before);
    assert_string_equal(pg_sql("select count(distinct ring_version) from resident_key"), "1");
    expect_none("select count(*) from resident_term t where not exists (select from resident r where r.id = t.id"
                " and r.area = t.area and (t.term = any(r.terms) or t.term = r.collection))");
    expect_none("select count(*) from resident r, unnest(r.terms) as x(term) where r.state = 1 and not exists"
                " (select from resident_term t where t.term = x.term and t.area = r.area and t.id = r.id)");
    fixture_reset();
}
