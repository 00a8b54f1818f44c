/* The control version moves on while a session works with the one before: it reloads and decides again, nothing is
 * decided by a stale policy, nothing is written or used up twice. */
#include "tests/unit/service/jwt.h"
#include "vault/audit/internal.h"
#include "vault/control/internal.h"
#include "vault/service/internal.h"

#include <stdlib.h>

static vault_error err;

static void change_head(const manifest *stamp)
{
    session *s = fixture_session();
    head_row head;
    char digest_hex[2 * DIGEST_LEN + 1], mac_hex[2 * HEAD_MAC_LEN + 1];
    expect_ok(store_head_read(s->store, &head, &err), &err);
    head.control_version = stamp->version;
    head.control_digest = stamp->digest;
    head_mac(&fixture_service()->ledger->keys, &head, head.mac);
    hex_encode(digest_hex, digest_bytes(&head.control_digest));
    hex_encode(mac_hex, bytes_of(head.mac, HEAD_MAC_LEN));
    pg_sql("update head set control_version = %lld, control_digest = '\\x%s', mac = '\\x%s'", (long long)stamp->version,
           digest_hex, mac_hex);
}

static bool drops(const json_t *rule, const char *id)
{
    return id && strcmp(json_string_value(json_object_get(rule, "id")), id) == 0;
}

/* The document of the version in force, without one rule of the policy. */
static bytes changed_text(bytes text, const char *without_rule)
{
    json_t *all = json_loadb((const char *)text.at, text.len, 0, NULL);
    json_t *rules = json_object_get(json_object_get(all, "policy"), "rules");
    assert_true(json_array_size(rules) > 0);
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (drops(json_array_get(rules, i), without_rule)) json_array_remove(rules, i--);
    char *out = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    bytes kept = arena_copy(fixture_memory(), bytes_of_text(out));
    cjose_get_dealloc()(out);
    json_decref(all);
    return kept;
}

/* Another node has put the next version in force. */
static void given_next_version(const char *without_rule)
{
    session *s = fixture_session();
    control *c = fixture_service()->control;
    int64_t version = strtoll(pg_sql("select control_version from head"), NULL, 10);
    manifest stamp = {.version = version, .vault = control_vault_name(c)};
    bytes sealed, text;
    expect_ok(store_manifest_read(s->store, fixture_memory(), version, &sealed, &err), &err);
    expect_ok(manifest_unseal(&text, fixture_memory(), control_keys(c), &stamp, sealed, &err), &err);
    text = changed_text(text, without_rule);
    stamp.version++;
    stamp.digest = manifest_digest(text, stamp.version);
    expect_ok(manifest_seal(&sealed, fixture_memory(), control_keys(c), &stamp, text, &err), &err);
    expect_ok(store_manifest_insert(s->store, stamp.version, sealed, &err), &err);
    change_head(&stamp);
}

static request *reveal_name(const char *own)
{
    return reveal(CLINIC, "family-doctor", own, MASK("name"));
}

TEST("a call decided by the version before is decided again, and leaves one line, of the new version")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    given_next_version(NULL);
    int64_t before = lines_in_log();
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 1);
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.resident_token = (char *)(uintptr_t)own;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *out = (const void *)rq->out;
    assert_non_null(strstr(out->lines[out->n_lines - 2]->officer_view, "\"control\":2"));
    fixture_reset();
}

TEST("an assertion that the first run used up is good for the second run of the same call, and for no other")
{
    const char *own = token_for(ELDERCARE, "elder-care", resident_in_street(0)), *said = assertion_of(&(claims){0});
    asked one = {.path = "/vault.v1.Tokens/Reveal",
                 .uri = ELDERCARE,
                 .purpose = "elder-care",
                 .in = &reveal_of(own, MASK("religion"))->base,
                 .assertion = said};
    given_next_version(NULL);
    expect_outcome(ask(&one), VAULT_OK, NULL);
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    given_next_version(NULL);
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("records are put once")
{
    given_next_version(NULL);
    int64_t before = lines_in_log();
    request *rq = put_residents(5000, 3);
    expect_outcome(rq, VAULT_OK, NULL);
    given_next_version(NULL);
    rq = put_residents(5000, 3);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchPutResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < 3; i++) assert_int_equal(out->results[i]->record_version, 2);
    assert_int_equal(lines_in_log(), before + 6);
    fixture_reset();
}

TEST("refusals and questions are decided again, too")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    int64_t before = lines_in_log();
    given_next_version(NULL);
    expect_outcome(reveal(OFFICER, "family-doctor", own, MASK("name")), VAULT_DENIED, "role");
    given_next_version(NULL);
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 2);
    assert_true(service_healthy(fixture_service()));
    fixture_reset();
}

TEST("a head that names a version which is not there stops every reveal, until it is there")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    const manifest *m = control_acquire(fixture_service()->control);
    manifest in_force = {.version = m->version, .digest = m->digest}, missing = in_force;
    control_release(fixture_service()->control, m);
    missing.version += 7;
    change_head(&missing);
    int64_t before = lines_in_log();
    request *rq = reveal_name(own);
    expect_outcome(rq, VAULT_UNAVAILABLE, "CONTROL_MOVED");
    assert_null(rq->out);
    assert_int_equal(lines_in_log(), before);
    change_head(&in_force);
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a rule that was withdrawn grants nothing more, from the next call on, also to calls run together")
{
    enum { CALLS = 5 };
    asked calls[CALLS];
    request *out[CALLS];
    const char *own = token_for(CLINIC, "family-doctor", 1);
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    given_next_version("clinic-reveal");
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = CLINIC,
                           .purpose = "family-doctor",
                           .in = &reveal_of(own, MASK("name"))->base};
    ask_many(calls, out, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        expect_outcome(out[i], VAULT_DENIED, "action");
        assert_null(out[i]->out);
    }
    fixture_reset();
}
