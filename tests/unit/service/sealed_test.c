/* A vault whose root key comes from shares: sealed on every node at once, opened by who may, with shares that are
 * checked one by one. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/sealed.h"

#include "vault/service/operator.h"

#include <pthread.h>

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

static request *reveal_one(session *by)
{
    static char text[128]; /* of a resident who may be revealed; asked for once, while the vault is open */
    if (!text[0]) snprintf(text, sizeof text, "%s", token_for(ELDERCARE, "elder-care", resident_in_street(0)));
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = "elder-care",
                        .in = &reveal_of(text, MASK("name"))->base,
                        .by = by});
}

static void given_sealed(void)
{
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
}

static void given_open_again(void)
{
    expect_outcome(forget_shares(NULL), VAULT_OK, NULL);
    unseal_whole(NULL);
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    fixture_reset();
}

/* The text with another character in that place, of those that shares are written in. */
static const char *with_other(const char *text, size_t at)
{
    char *out = arena_text(fixture_memory(), bytes_of_text(text));
    out[at] = text[at] == '0' ? '1' : '0';
    return out;
}

TEST("a sealed vault reveals nothing, and says to anybody that it is sealed")
{
    given_sealed();
    expect_outcome(reveal_one(NULL), VAULT_UNAVAILABLE, "SEALED");
    expect_outcome(get_document(NULL, OFFICER, "policy", 0), VAULT_UNAVAILABLE, "SEALED");
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_UNAVAILABLE, "SEALED");
    const Vault__V1__StatusResponse *now = status_of(NULL, "vault://nobody");
    assert_true(now->sealed && now->initialised);
    assert_int_equal(now->source, VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_SHARES);
    assert_int_equal(now->threshold, GIVEN_THRESHOLD);
    assert_int_equal(now->shares, GIVEN_SHARES);
    assert_int_equal(now->root_generation, 1);
    assert_int_equal(now->n_rings, 0);
    assert_false(service_healthy(fixture_service()));
    given_open_again();
    assert_true(service_healthy(fixture_service()));
}

TEST("every node is sealed from its next call on, and each one is opened by itself")
{
    node other;
    node_open(&other);
    expect_outcome(reveal_one(other.session), VAULT_OK, NULL);
    given_sealed();
    expect_outcome(reveal_one(other.session), VAULT_UNAVAILABLE, "SEALED");
    assert_false(is_open(other.session));
    unseal_whole(NULL);
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    expect_outcome(reveal_one(other.session), VAULT_UNAVAILABLE, "SEALED");
    unseal_whole(other.session);
    expect_outcome(reveal_one(other.session), VAULT_OK, NULL);
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    node_close(&other);
    fixture_reset();
}

TEST("a node that slept while the vault was sealed and opened again elsewhere must be opened by hand, too")
{
    node other;
    node_open(&other);
    expect_outcome(reveal_one(other.session), VAULT_OK, NULL);
    given_sealed();
    unseal_whole(NULL);
    expect_outcome(reveal_one(other.session), VAULT_UNAVAILABLE, "SEALED");
    assert_false(is_open(other.session));
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    node_close(&other);
    fixture_reset();
}

TEST("a vault that was sealed stays sealed when its node is started again, whatever key lies beside it")
{
    given_sealed();
    fixture_restart(); /* with the root key itself */
    assert_false(is_open(NULL));
    expect_outcome(reveal_one(NULL), VAULT_UNAVAILABLE, "SEALED");
    given_open_again();
    fixture_restart();
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    fixture_reset();
}

TEST("who sealed and who unsealed, and why, are lines")
{
    int64_t since = clock_now_us();
    given_sealed();
    given_open_again();
    const char *lines = views_since(since);
    assert_int_equal(occurrences(lines, "\"change\":\"seal\""), 1);
    assert_int_equal(occurrences(lines, "\"change\":\"unseal\""), 1);
    assert_int_equal(occurrences(lines, "\"action\":\"keys\""), 2);
    assert_non_null(strstr(strstr(lines, "\"app\":\"admin-li\""), "\"change\":\"unseal\""));
    assert_true(occurrences(lines, "\"ticket\":") >= 2);
    fixture_reset();
}

TEST("a share that is mistyped in any place is told from one that is good, and changes nothing")
{
    given_sealed();
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_OK, NULL);
    for (size_t i = 0; given_share[1][i]; i++) {
        request *rq = unseal_with(NULL, OFFICER, with_other(given_share[1], i));
        assert_int_equal(rq->err.code, VAULT_INVALID);
        assert_string_equal(rq->err.field, "share");
        bool known = !strcmp(rq->err.reason, "SHARE_MISTYPED") || !strcmp(rq->err.reason, "SHARE_MALFORMED");
        assert_true(known);
    }
    expect_entered(NULL, 1);
    given_open_again();
}

TEST("a share that is missing, doubled, or none at all is told")
{
    given_sealed();
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_OK, NULL);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_INVALID, "SHARE_TWICE");
    expect_outcome(unseal_with(NULL, OFFICER, ""), VAULT_INVALID, "SHARE_MALFORMED");
    expect_outcome(unseal_with(NULL, OFFICER, NULL), VAULT_INVALID, "REQUIRED");
    expect_outcome(unseal_phrase(NULL, OFFICER, "a passphrase of some length"), VAULT_INVALID, "REQUIRED");
    expect_entered(NULL, 1);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[2]), VAULT_OK, NULL);
    assert_true(is_open(NULL));
    fixture_reset();
}

TEST("a share of another vault fits nowhere")
{
    char ours[GIVEN_SHARES][SHARE_TEXT_MAX];
    root_seal theirs;
    uint8_t root[KEY_LEN] = {1};
    given_sealed();
    memcpy(ours, given_share, sizeof ours);
    given_shares(&theirs, "resident-vault/other", bytes_of(root, sizeof root));
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_INVALID, "SHARE_OTHER_SET");
    memcpy(given_share, ours, sizeof ours);
    expect_entered(NULL, 0);
    given_open_again();
}

TEST("shares are forgotten when somebody says so, and ten minutes after the last one")
{
    given_sealed();
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_OK, NULL);
    expect_entered(NULL, 1);
    expect_outcome(forget_shares(NULL), VAULT_OK, NULL);
    expect_entered(NULL, 0);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_OK, NULL);
    entered *so_far = &fixture_service()->entered;
    entered_expire(so_far, so_far->last_us + INT64_C(600) * 1000000);
    expect_entered(NULL, 1);
    entered_expire(so_far, so_far->last_us + INT64_C(601) * 1000000);
    expect_entered(NULL, 0);
    assert_null(so_far->values.at);
    given_open_again();
}

TEST("who is no steward may enter a share, and does not open the vault by the last one")
{
    given_sealed();
    int64_t since = clock_now_us();
    expect_outcome(unseal_with(NULL, ELDERCARE, given_share[0]), VAULT_OK, NULL);
    expect_outcome(unseal_with(NULL, ELDERCARE, given_share[1]), VAULT_DENIED, "role");
    expect_outcome(unseal_with(NULL, "vault://nobody", given_share[1]), VAULT_UNAUTHENTICATED, "PRINCIPAL_UNKNOWN");
    expect_entered(NULL, 1);
    expect_outcome(reveal_one(NULL), VAULT_UNAVAILABLE, "SEALED");
    expect_outcome(unseal_with(NULL, OFFICER, given_share[1]), VAULT_OK, NULL);
    assert_true(is_open(NULL));
    const char *lines = views_since(since);
    assert_int_equal(occurrences(lines, "\"clause\":\"role\""), 1);
    fixture_reset();
}

TEST("a steward's certificate that is not his own does not open the vault")
{
    given_sealed();
    NEW_REQUEST(in, Vault__V1__UnsealRequest, vault__v1__unseal_request__init);
    in->with_case = VAULT__V1__UNSEAL_REQUEST__WITH_SHARE;
    in->share = lend(given_share[1]);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_OK, NULL);
    request *rq = ask(&(asked){.path = "/vault.v1.Keys/Unseal",
                               .uri = OFFICER,
                               .purpose = "control",
                               .certificate = "another",
                               .in = &in->base});
    expect_outcome(rq, VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN");
    assert_false(is_open(NULL));
    given_open_again();
}

TEST("without a ticket, or a request id, nobody's share is looked at")
{
    given_sealed();
    NEW_REQUEST(in, Vault__V1__UnsealRequest, vault__v1__unseal_request__init);
    in->with_case = VAULT__V1__UNSEAL_REQUEST__WITH_SHARE;
    in->share = lend(given_share[0]);
    request *rq = ask(
        &(asked){.path = "/vault.v1.Keys/Unseal", .uri = OFFICER, .purpose = "control", .ticket = "", .in = &in->base});
    expect_outcome(rq, VAULT_INVALID, "BAD_TICKET");
    expect_entered(NULL, 0);
    given_open_again();
}

TEST("an open vault is not unsealed, and an existing one not made again")
{
    NEW_REQUEST(in, Vault__V1__InitRequest, vault__v1__init_request__init);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[0]), VAULT_PRECONDITION, "NOT_SEALED");
    expect_outcome(keys_call(NULL, ADMINISTRATOR, "Initialise", &in->base), VAULT_PRECONDITION, "INITIALISED");
    given_sealed();
    expect_outcome(keys_call(NULL, ADMINISTRATOR, "Initialise", &in->base), VAULT_PRECONDITION, "INITIALISED");
    given_open_again();
}

TEST("apps seal nothing")
{
    expect_outcome(seal_vault(NULL, ELDERCARE), VAULT_DENIED, "role");
    assert_true(is_open(NULL));
    fixture_reset();
}

/* The second share's outcome, after the edit; the row is then put back. */
static void expect_edit_found(const char *edit_sql)
{
    pg_sql("CREATE TABLE kept AS TABLE vault; UPDATE vault SET %s; SELECT 1", edit_sql);
    request *first = unseal_with(NULL, OFFICER, given_share[0]), *second = unseal_with(NULL, OFFICER, given_share[1]);
    if (second->err.code == VAULT_OK && ((const Vault__V1__UnsealResponse *)(const void *)second->out)->sealed)
        second = unseal_with(NULL, OFFICER, given_share[2]);
    if (first->err.code == VAULT_OK && second->err.code == VAULT_OK) fail_msg("%s is not found", edit_sql);
    pg_sql("DELETE FROM vault; INSERT INTO vault SELECT * FROM kept; DROP TABLE kept; SELECT 1");
    assert_false(is_open(NULL));
    expect_outcome(forget_shares(NULL), VAULT_OK, NULL);
}

TEST("a row of the vault that was edited in any column opens nothing")
{
    static const char *const edits[] = {
        "name = 'resident-vault/x'", "source = 1",      "source = 2", "generation = 2", "threshold = 3", "shares = 4",
        "argon2_passes = 1",         "argon2_lanes = 1"};
    char text[128];
    given_sealed();
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) expect_edit_found(edits[i]);
    for (size_t i = 0; i < ROOT_SALT_LEN; i += 5) {
        snprintf(text, sizeof text, "salt = set_byte(salt, %zu, get_byte(salt, %zu) # 1)", i, i);
        expect_edit_found(text);
    }
    for (size_t i = 0; i < ROOT_WRAPPED_LEN; i += 20) {
        snprintf(text, sizeof text, "root = set_byte(root, %zu, get_byte(root, %zu) # 1)", i, i);
        expect_edit_found(text);
    }
    given_open_again();
}

/* ---- a job that is under way ---- */

static void *seal_now(void *at)
{
    *(request **)at = seal_vault(NULL, OFFICER);
    return NULL;
}

static long held_advisory(void)
{
    return strtol(pg_sql("select count(*) from pg_locks where locktype = 'advisory'" /* of this program's database */
                         " and database = (select oid from pg_database where datname = current_database())"),
                  NULL, 10);
}

TEST("a node that is sealed in the middle of a verification lets go of its snapshot: another one may go on with it")
{
    vault_error err = {0};
    store *holder = NULL;
    pthread_t thread;
    request *rq = NULL;
    expect_outcome(reveal_one(NULL), VAULT_OK, NULL);
    pg_sql("create table kept_key as select * from resident_key order by id limit 1;"
           " delete from resident_key k using kept_key o where k.id = o.id;"
           " update resident set version = version + 1 where id = (select max(id) from resident)");
    expect_ok(store_open(&holder, pg_conninfo(), &err), &err);
    const long long id = strtoll(pg_sql("insert into job (kind, ring, version, state, total, done, created, resumed,"
                                        " resumed_done, ended, finding) values (%d, '', 0, 1, 0, 0, 0, 0, 0, 0, '')"
                                        " returning id",
                                        JOB_VERIFY),
                                 NULL, 10);
    expect_ok(store_begin(holder, &err), &err);
    expect_ok(store_job_advance(holder, id, 0, &err), &err);
    for (int i = 0; i < 20000 && held_advisory() == 0; i++) usleep(1000);
    assert_int_equal(held_advisory(), 1); /* the step waits for the row of its job */
    assert_int_equal(pthread_create(&thread, NULL, seal_now, &rq), 0);
    usleep(200000);
    store_close(&holder);
    pthread_join(thread, NULL);
    expect_outcome(rq, VAULT_OK, NULL);
    for (int i = 0; i < 20000 && held_advisory() > 0; i++)
        usleep(1000); /* it rests nine times as long as the step took */
    assert_int_equal(held_advisory(), 0);
    pg_sql("delete from job where id = %lld; update resident set version = version - 1 where id = (select max(id) from"
           " resident); insert into resident_key select * from kept_key; drop table kept_key",
           id);
    given_open_again();
}
