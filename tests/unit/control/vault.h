/* A vault of the documents of tests/support/town in a private database, nodes on it, and changes as the service makes
 * them. */
#pragma once
#include "tests/support/pg_harness.h"
#include "tests/unit/control/fixture.h"
#include "vault/control/core.h"

#include <sys/stat.h>
#include <unistd.h>

#define WANG "vault://dev/officers/officer-wang"
#define ZHAO "vault://dev/officers/officer-zhao"
#define LI   "vault://dev/administrators/admin-li"
#define SUN  "vault://dev/administrators/admin-sun"

static const char root_text[ROOT_KEY_LEN + 1] = "0123456789abcdef0123456789ABCDEF";
static store *db;
static const int64_t DAY_US = INT64_C(86400) * 1000 * 1000;
static int64_t now_us = INT64_C(1795000000) * 1000 * 1000;

static inline bytes root_key(void)
{
    return bytes_of(root_text, ROOT_KEY_LEN);
}

/* A folder that holds these documents. */
static inline const char *folder_of(documents *d)
{
    static char path[64];
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/vault-control-XXXXXX");
        assert_non_null(mkdtemp(path));
    }
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s/%s.json", path, document_name((document)i));
        assert_int_equal(json_dump_file(d->of[i], file, 0), 0);
    }
    documents_clear(d);
    return path;
}

static inline void given_empty(void)
{
    store_close(&db);
    pg_empty();
    expect_ok(store_open(&db, pg_conninfo(), &err), &err);
}

static inline init_options options(void)
{
    documents d = dev_documents();
    static const root_seal seal = {.source = ROOT_FILE, .generation = 1};
    return (init_options){
        .name = "resident-vault/test", .folder = folder_of(&d), .root = root_key(), .seal = &seal, .suite = SUITE_INTL};
}

static inline void given_vault_of(documents *d)
{
    init_options o = options();
    if (d) o.folder = folder_of(d);
    given_empty();
    expect_ok(control_init(db, &o, &err), &err);
}

static inline void given_vault(void)
{
    given_vault_of(NULL);
}

/* As many approvals as that, of two officers. */
static inline void given_vault_with_approvals(const char *approvals)
{
    documents d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", approvals);
    given_vault_of(&d);
}

/* ---- nodes ---- */

typedef struct node {
    store *s;
    control *c;
    ledger *l;
    scribe *by;
    arena *mem;
} node;

static inline node node_open(void)
{
    node n = {.mem = arena_new(CONTROL_ARENA)};
    expect_ok(store_open(&n.s, pg_conninfo(), &err), &err);
    expect_ok(control_open(&n.c, n.s, root_key(), &err), &err);
    expect_ok(ledger_open(&n.l, n.s, control_keys(n.c), control_vault_name(n.c), &err), &err);
    expect_ok(scribe_new(&n.by, n.l, &err), &err);
    return n;
}

static inline void node_close(node *n)
{
    scribe_free(&n->by);
    ledger_close(&n->l);
    control_close(&n->c);
    store_close(&n->s);
    arena_free(&n->mem);
}

static inline int64_t version_of(const node *n)
{
    const manifest *m = control_acquire(n->c);
    int64_t version = m->version;
    control_release(n->c, m);
    return version;
}

/* ---- changes ---- */

/* Rows and line, in the transaction that is open. */
static inline vault_code write_with_line(const node *n, staged *st, int64_t version, vault_error *e)
{
    control_step next;
    line one;
    appended done;
    const change_record *r = staged_record(st);
    const line_facts facts = {.action = LINE_CONTROL,
                              .outcome = LINE_GRANTED,
                              .change = change_kind_name(r->kind),
                              .control_version = (uint64_t)version,
                              .refers_to = -1};
    VAULT_TRY(line_make(&one, n->by, n->mem, &facts, NULL, e));
    VAULT_TRY(staged_write(st, n->s, &next, e));
    const line_batch batch = {.control_version = version, .lines = &one, .count = 1, .next = &next};
    return ledger_append_in_transaction(n->l, n->s, n->mem, &batch, &done, e);
}

static inline vault_code carry_out(const node *n, staged **st, int64_t version, vault_error *e)
{
    VAULT_TRY(store_begin(n->s, e));
    vault_code code = write_with_line(n, *st, version, e);
    if (code == VAULT_OK) code = store_commit(n->s, e);
    if (code != VAULT_OK) {
        ledger_rolled_back(n->l);
        store_rollback(n->s);
        return code;
    }
    ledger_committed(n->l);
    control_put_in_force(n->c, st);
    return VAULT_OK;
}

static inline vault_code stage(const node *n, staged **st, const char *uri, change what, vault_error *e)
{
    const manifest *m = control_acquire(n->c);
    what.who = manifest_principal(m, uri);
    assert_non_null(what.who);
    if (!what.ticket) what.ticket = "T-1";
    if (!what.now_us) what.now_us = now_us;
    vault_code code = control_stage(st, n->c, n->s, m, &what, e);
    control_release(n->c, m);
    return code;
}

static inline vault_code try_change(const node *n, const char *uri, change what, vault_error *e)
{
    VAULT_CLEANUP(staged_free) staged *st = NULL;
    int64_t version = version_of(n);
    VAULT_TRY(stage(n, &st, uri, what, e));
    return carry_out(n, &st, version, e);
}

static inline void expect_refused(const node *n, const char *uri, change what, vault_code code, const char *reason)
{
    int64_t version = version_of(n);
    vault_code got = try_change(n, uri, what, &err);
    if (got != code || !err.reason || strcmp(err.reason, reason) != 0) {
        fail_msg("%s %s (%s) is not %s %s", vault_code_name(got), err.reason ? err.reason : "-", err.detail,
                 vault_code_name(code), reason);
    }
    vault_error_clear(&err);
    assert_int_equal(version_of(n), version);
}

/* A copy of a document in force, to be changed. */
static inline json_t *document_now(const node *n, document d)
{
    const manifest *m = control_acquire(n->c);
    json_t *copy = json_deep_copy(body_of(m)->docs.of[d]);
    control_release(n->c, m);
    return copy;
}

static inline const char *digest_now(const node *n, document d)
{
    static char texts[4][2 * DIGEST_LEN + 1];
    static unsigned next;
    char *hex = texts[next++ % 4];
    const manifest *m = control_acquire(n->c);
    digest_write(hex, &body_of(m)->core.documents[d].digest);
    control_release(n->c, m);
    return hex;
}

/* The text of a document and what a proposal of it says; takes the document. */
static inline change proposal_of(const node *n, document d, json_t *value)
{
    char *text = json_dumps(value, 0);
    bytes content = arena_copy(n->mem, bytes_of_text(text));
    cjose_get_dealloc()(text);
    json_decref(value);
    return (change){
        .kind = CHANGE_PROPOSE, .document = d, .content = content, .base = digest_now(n, d), .lifetime_us = DAY_US};
}

/* The policy without its last rule; without more of them. */
static inline json_t *policy_of(const node *n, size_t rules)
{
    json_t *value = document_now(n, DOC_POLICY), *list = json_object_get(value, "rules");
    while (json_array_size(list) > rules) json_array_remove(list, json_array_size(list) - 1);
    return value;
}

static inline json_t *policy_named(const node *n, json_t *first)
{
    json_t *value = policy_of(n, 3);
    json_object_set_new(json_array_get(json_object_get(value, "rules"), 0), "id", first);
    return value;
}

/* The newest pending approval: a copy, with texts that live as long as the node. */
static inline approval newest_pending(const node *n)
{
    const approval *all;
    const manifest *m = control_acquire(n->c);
    size_t count = manifest_pending(m, &all);
    assert_true(count > 0);
    approval a = all[count - 1];
    a.proposer = arena_text(n->mem, bytes_of_text(a.proposer));
    control_release(n->c, m);
    return a;
}

static inline size_t pending_count(const node *n)
{
    const approval *all;
    const manifest *m = control_acquire(n->c);
    size_t count = manifest_pending(m, &all);
    control_release(n->c, m);
    return count;
}

static inline change consent_to(const node *n, const approval *a)
{
    char *hex = arena_alloc(n->mem, 2 * DIGEST_LEN + 1);
    digest_write(hex, &a->content);
    return (change){.kind = CHANGE_APPROVE, .approval = arena_text(n->mem, bytes_of_text(a->name)), .digest = hex};
}

static inline approval given_proposal(const node *n, const char *uri, document d, json_t *value)
{
    expect_ok(try_change(n, uri, proposal_of(n, d, value), &err), &err);
    return newest_pending(n);
}

/* Proposed by Li, approved by Wang: two versions. */
static inline void given_activated(const node *n, document d, json_t *value)
{
    approval a = given_proposal(n, LI, d, value);
    expect_ok(try_change(n, WANG, consent_to(n, &a), &err), &err);
}

static inline void expect_rules(const node *n, size_t rules)
{
    const manifest *m = control_acquire(n->c);
    assert_int_equal(policy_rule_count(m->policy), rules);
    control_release(n->c, m);
}

/* ---- the database as an attacker, and as it was ---- */

static const char *const CONTROL_TABLES[] = {"key_ring",        "control", "control_document",
                                             "control_archive", "head",    "vault"};
enum { CONTROL_TABLE_COUNT = sizeof CONTROL_TABLES / sizeof *CONTROL_TABLES };

static inline void keep_rows(const char *where)
{
    pg_sql("CREATE SCHEMA %s", where);
    for (int i = 0; i < CONTROL_TABLE_COUNT; i++)
        pg_sql("CREATE TABLE %s.%s AS TABLE %s", where, CONTROL_TABLES[i], CONTROL_TABLES[i]);
}

static inline void put_back_table(const char *where, const char *table)
{
    pg_sql("BEGIN; DELETE FROM %s; INSERT INTO %s TABLE %s.%s; COMMIT", table, table, where, table);
}

static inline void put_back_rows(const char *where)
{
    for (int i = 0; i < CONTROL_TABLE_COUNT; i++) put_back_table(where, CONTROL_TABLES[i]);
}

__attribute__((destructor)) static void close_database(void)
{
    store_close(&db);
}
