/* Another root key while another call for one is under way, or others meet it before it is in force: the vault opens
 * afterwards, by the root key that stands. */
#include "tests/unit/service/sealed.h"

#include "vault/base/clock.h"
#include "vault/service/operator.h"

#include <pthread.h>
#include <unistd.h>

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

static void expect_it_works(void)
{
    const char *text = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ELDERCARE, "elder-care", text, MASK("name")), VAULT_OK, NULL);
}

static void given_new_shares(void)
{
    const char *agreed = rekey_proposed(NULL, false);
    consent(agreed);
    take_shares(rekey(NULL, ADMINISTRATOR, agreed, false));
}

/* The shares at hand, and nothing else, open it. */
static void expect_opens_again(void)
{
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    unseal_whole(NULL);
    expect_it_works();
    fixture_reset();
}

/* ---- calls that meet ---- */

typedef struct thrown {
    session *by;
    request *rq;
    pthread_t thread;
} thrown;

static void *run(void *at)
{
    thrown *t = at;
    service_run(t->by, method_at("/vault.v1.Keys/Rekey"), &t->rq, 1);
    return NULL;
}

static Vault__V1__RekeyRequest *rotation_of_root(const char *agreed)
{
    NEW_REQUEST(in, Vault__V1__RekeyRequest, vault__v1__rekey_request__init);
    NEW_REQUEST(how, Vault__V1__RootChoice, vault__v1__root_choice__init);
    NEW_REQUEST(many, Vault__V1__ShareChoice, vault__v1__share_choice__init);
    many->threshold = GIVEN_THRESHOLD;
    many->shares = GIVEN_SHARES;
    how->how_case = VAULT__V1__ROOT_CHOICE__HOW_SHARES;
    how->shares = many;
    in->root = how;
    in->rotate_root = true;
    in->approval = lend(agreed);
    return in;
}

static void given_session(thrown *t)
{
    vault_error err = {0};
    expect_ok(session_open(&t->by, fixture_service(), &err), &err);
}

/* On a thread and a session of its own. */
static void throw(thrown * t, const char *agreed)
{
    t->rq = make_request(&(asked){.path = "/vault.v1.Keys/Rekey",
                                  .uri = ADMINISTRATOR,
                                  .purpose = "control",
                                  .in = &rotation_of_root(agreed)->base});
    t->rq->mem = t->rq->kept = arena_new(1 << 20);
    assert_int_equal(pthread_create(&t->thread, NULL, run, t), 0);
}

static void caught(thrown *t)
{
    pthread_join(t->thread, NULL);
    session_close(&t->by);
}

TEST("a rotation of the root key that another call disturbs leaves the root key that stands")
{
    static const char nobody[] = "approvals/00000000000000000000000000000000";
    thrown first, second;
    VAULT_CLEANUP(store_close) store *holder = NULL;
    vault_error err = {0};
    head_row head;
    const char *agreed = rekey_proposed(NULL, true);
    consent(agreed);
    given_session(&first);
    given_session(&second);
    expect_ok(store_open(&holder, pg_conninfo(), &err), &err);
    expect_ok(store_begin(holder, &err), &err);
    expect_ok(store_head_lock(holder, &head, &err), &err);
    throw(&first, agreed);
    pg_await_lock(); /* as far as its line */
    throw(&second, nobody);
    usleep(300000);
    store_rollback(holder);
    caught(&first);
    caught(&second);
    take_shares(first.rq);
    assert_int_not_equal(second.rq->err.code, VAULT_OK);
    arena_free(&first.rq->mem);
    arena_free(&second.rq->mem);
    expect_it_works();
    given_new_shares();
    expect_opens_again();
}

TEST("while it is not known whether another root key was written none takes its place; then the doubt is settled")
{
    vault_error err = {0};
    static const uint8_t other[KEY_LEN] = {7};
    service *s = fixture_service();
    const char *agreed = rekey_proposed(NULL, true);
    consent(agreed);
    expect_ok(life_next_root(s, bytes_of(other, KEY_LEN), &err), &err);
    expect_outcome(rekey(NULL, ADMINISTRATOR, agreed, true), VAULT_UNAVAILABLE, "CONTROL_MOVED");
    life_doubt_next_root(s, status_of(NULL, OFFICER)->root_generation + 1);
    take_shares(rekey(NULL, ADMINISTRATOR, agreed, true));
    assert_null(s->next_root.at);
    assert_int_equal(life_doubted(s), 0);
    expect_opens_again();
}

TEST("a node that rotated the root key stays open although others had met the new one before it was in force")
{
    expect_it_works();
    atomic_store(&fixture_service()->root_moved, true); /* by them, between the commit and control_put_in_force */
    expect_it_works();
    assert_true(is_open(NULL));
    assert_false(atomic_load(&fixture_service()->root_moved));
    fixture_reset();
}
