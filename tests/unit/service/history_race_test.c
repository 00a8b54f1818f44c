/* Who stops being a guardian while he asks: on another node, right before his line. */
#include "tests/unit/service/guardians.h"

#include <pthread.h>
#include <unistd.h>

static vault_error err;

typedef struct asker {
    pthread_t thread;
    service *node;
    session *by;
    const method *method;
    request *rq;
} asker;

static void *run_it(void *at)
{
    asker *a = at;
    service_run(a->by, a->method, &a->rq, 1);
    return NULL;
}

/* On a node of its own: nothing but the database stands between it and the others. */
static void let_ask(asker *a, const asked *what)
{
    service_options o = fixture_options();
    o.checkpoint_file = NULL;
    a->method = method_at(what->path);
    a->rq = make_request(what);
    a->rq->mem = a->rq->kept = arena_new(1 << 20);
    expect_ok(service_open(&a->node, &o, &err), &err);
    expect_ok(session_open(&a->by, a->node, &err), &err);
    assert_int_equal(pthread_create(&a->thread, NULL, run_it, a), 0);
}

static void end_asking(asker *a)
{
    pthread_join(a->thread, NULL);
    session_close(&a->by);
    service_close(&a->node);
}

static void await_waiting(int count)
{
    for (int i = 0; i < 6000; i++, usleep(10000))
        if (number_in("select count(*) from pg_stat_activity where datname = current_database()"
                      " and wait_event_type = 'Lock'") >= count)
            return;
    fail_msg("not %d connections wait", count);
}

/* `before` has written its rows and waits for the head when the guardian asks: the record that he reads is the old one,
 * and his line comes after that of the change. */
static vault_error asked_meanwhile(const asked *before, const looking_back *question)
{
    asker first = {0}, second = {0};
    const asked history = history_call(question);
    store *holder = NULL;
    head_row head;
    expect_ok(store_open(&holder, pg_conninfo(), &err), &err);
    expect_ok(store_begin(holder, &err), &err);
    expect_ok(store_head_lock(holder, &head, &err), &err);
    let_ask(&first, before);
    await_waiting(1);
    let_ask(&second, &history);
    await_waiting(2);
    store_rollback(holder);
    end_asking(&first);
    end_asking(&second);
    expect_outcome(first.rq, VAULT_OK, NULL);
    const vault_error end = second.rq->err;
    arena_free(&first.rq->mem);
    arena_free(&second.rq->mem);
    store_close(&holder);
    return end;
}

TEST("whose guardianship ends while he asks is told nothing: in the log no answer stands behind its end")
{
    const char *child = known_token(ELDERCARE, CARE, somebody(0, true)),
               *mother = known_token(ELDERCARE, CARE, somebody(0, false));
    assert_string_equal(appointed(child, mother, "parent"), "");
    const asked dismissal = words_call(&(word){.token = child, .guardian = mother, .kind = "parent", .ended = true}, 1);
    const looking_back question = {.token = child, .guardian = mother};
    const vault_error end = asked_meanwhile(&dismissal, &question);
    assert_int_equal(end.code, VAULT_PRECONDITION);
    assert_string_equal(end.reason, "GUARDIANSHIP_ENDED");
    fixture_reset();
}

TEST("who is erased while he asks as a guardian is told nothing")
{
    uint64_t uncle = somebody(160, false);
    const char *child = known_token(ELDERCARE, CARE, somebody(0, true)), *was = known_token(ELDERCARE, CARE, uncle),
               *gone = token_for(POPULATION, WHY, uncle);
    assert_string_equal(appointed(child, was, "committee"), "");
    const asked erasure = {
        .path = "/vault.v1.Records/Erase", .uri = POPULATION, .purpose = WHY, .in = &erase_of(&gone, 1)->base};
    const looking_back question = {.token = child, .guardian = was};
    const vault_error end = asked_meanwhile(&erasure, &question);
    assert_int_equal(end.code, VAULT_PRECONDITION);
    assert_string_equal(end.reason, "NOT_A_GUARDIAN");
    fixture_reset();
}
