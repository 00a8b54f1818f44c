/* What holds for every document: shape, types, lists, files, and faults that say where they are. */
#include "tests/unit/control/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

TEST("the example of tests/support/town is complete and good, but for the certificates that whoever inits gives it")
{
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    assert_true(b->m.schema.collection_count >= 1);
    assert_string_equal(schema_collection(&b->m.schema, "residents")->natural_key->name, "id_number");
    assert_int_equal(policy_rule_count(b->m.policy), DEV_RULES);
    assert_int_equal(b->domain_count, 3);
    assert_int_equal(b->person_count, 10);
    assert_int_equal(b->m.approvals, 1);
    manifest_free(&b);
    expect_ok(documents_read(&d, dev_folder(), &err), &err);
    refused(&d, "principals.officers", "certificate");
}

/* ---- every document ---- */

static const struct {
    document of;
    const char *list, *where;
} lists[] = {
    {DOC_SCHEMA, "collections", "schema.collections[0]"},
    {DOC_PRINCIPALS, "departments", "principals.departments[0]"},
    {DOC_PRINCIPALS, "roles", "principals.roles[0]"},
    {DOC_PRINCIPALS, "apps", "principals.apps[0]"},
    {DOC_PRINCIPALS, "officers", "principals.officers[0]"},
    {DOC_PRINCIPALS, "administrators", "principals.administrators[0]"},
    {DOC_PERSONS, "persons", "persons.persons[0]"},
    {DOC_PURPOSES, "purposes", "purposes.purposes[0]"},
    {DOC_POLICY, "rules", "policy.rules[0]"},
    {DOC_SHARING, "bases", "sharing.bases[0]"},
    {DOC_BROWSING, "permits", "browsing.permits[0]"},
};
enum { LISTS = sizeof lists / sizeof *lists };

static documents full_documents(void)
{
    documents d = dev_documents();
    set(d.of[DOC_SHARING], "bases", "[]");
    add(&d, DOC_SHARING, "bases",
        "{\"id\": \"care\", \"item\": \"i\", \"from\": \"eldercare\", \"to\": \"clinic\", \"purpose\": "
        "\"family-doctor\","
        "\"areas\": [\"320411\"], \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2027-12-31\"}}");
    set(d.of[DOC_BROWSING], "permits", "[]");
    add(&d, DOC_BROWSING, "permits",
        "{\"id\": \"check\", \"principal\": \"officer-wang\", \"collection\": \"residents\", \"area\": \"320411002\","
        " \"fields\": [\"name\"], \"rows\": 50, \"reason\": \"r\", \"until\": \"2026-12-31\"}");
    return d;
}

/* The path below an entry: "policy.rules[0].form". */
static const char *below(const char *where, const char *key)
{
    static char path[128];
    snprintf(path, sizeof path, "%s%s%s", where, key[0] ? "." : "", key);
    return path;
}

/* Refused, with a path that begins with `path`, in words that say `what`. */
static void refused_within(documents *d, const char *path, const char *what)
{
    manifest_body *body;
    vault_code code = manifest_build(&body, "resident-vault/test", d, &err);
    if (code != VAULT_INVALID || strncmp(err.field, path, strlen(path)) != 0 || !strstr(err.detail, what)) {
        fail_msg("%s: '%s: %s' is not in '%s' with '%s'", vault_code_name(code), err.field, err.detail, path, what);
    }
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    assert_null(body);
    vault_error_clear(&err);
    documents_clear(d);
}

TEST("an unknown key is refused in every entry of every list, and named")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = full_documents();
        set(entry(&d, lists[i].of, lists[i].list, 0), "comment", "\"x\"");
        refused_within(&d, lists[i].where, lists[i].of == DOC_POLICY ? "comment" : "unknown key");
    }
}

TEST("an unknown key is refused at the head of every document, and the known ones are told")
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        documents d = full_documents();
        set(d.of[i], "version", "1");
        refused_within(&d, document_name((document)i), i == DOC_POLICY ? "version" : "unknown key: known are");
    }
}

TEST("every key of every entry is required, and a missing one is named by its path")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents whole = full_documents();
        const char *key;
        json_t *value;
        json_object_foreach(entry(&whole, lists[i].of, lists[i].list, 0), key, value)
        {
            if (strcmp(key, "grid") == 0 || strcmp(key, "predicates") == 0) continue; /* may be left out */
            documents d = full_documents();
            json_object_del(entry(&d, lists[i].of, lists[i].list, 0), key);
            if (lists[i].of == DOC_POLICY)
                refused_within(&d, lists[i].where, key);
            else
                refused(&d, below(lists[i].where, key), lists[i].of == DOC_SCHEMA ? "" : "is missing");
        }
        documents_clear(&whole);
    }
}

TEST("a value of another type is refused in every entry of every list")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents whole = full_documents();
        const char *key;
        json_t *value;
        json_object_foreach(entry(&whole, lists[i].of, lists[i].list, 0), key, value)
        {
            documents d = full_documents();
            set(entry(&d, lists[i].of, lists[i].list, 0), key, "null");
            if (lists[i].of == DOC_POLICY)
                refused_within(&d, lists[i].where, "");
            else
                refused(&d, below(lists[i].where, key), "");
        }
        documents_clear(&whole);
    }
}

TEST("a list that is not a list is refused")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = full_documents();
        set(d.of[lists[i].of], lists[i].list, "{}");
        refused_within(&d, document_name(lists[i].of), "not a list");
    }
}

TEST("an entry that is not an object is refused, and named by its place")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = full_documents();
        set(d.of[lists[i].of], lists[i].list, "[\"all\"]");
        refused_within(&d, lists[i].where, "");
    }
}

TEST("an entry that stands twice is refused in every list")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = full_documents();
        json_array_append(json_object_get(d.of[lists[i].of], lists[i].list), entry(&d, lists[i].of, lists[i].list, 0));
        refused_within(&d, document_name(lists[i].of), "");
    }
}

TEST("a document that is missing, or no object, is refused by its name")
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        documents d = full_documents();
        json_clear(&d.of[i]);
        refused(&d, document_name((document)i), "is missing");
        d = full_documents();
        json_clear(&d.of[i]);
        d.of[i] = json_array();
        refused_within(&d, document_name((document)i), "");
    }
}

TEST("a message holds nothing that a terminal obeys, and nothing that is cut in the middle of a character")
{
    static const char *const ids[] = {"\"\\u001b[2J\"", "\"\\u009b31m\"", "\"a\\u007fb\"", "\"a\\nb\""};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        documents d = full_documents();
        manifest_body *body;
        set(entry(&d, DOC_PERSONS, "persons", 0), "role", ids[i]);
        assert_int_equal(manifest_build(&body, "v", &d, &err), VAULT_INVALID);
        for (const char *c = err.detail; *c; c++) assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        assert_null(strstr(err.detail, "\xc2\x9b"));
        vault_error_clear(&err);
        documents_clear(&d);
    }
    documents d = full_documents();
    manifest_body *body;
    set(entry(&d, DOC_PERSONS, "persons", 0), "role",
        "\"\xe7\xbd\x91\xe6\xa0\xbc\xe5\x91\x98\xe7\xbd\x91\xe6\xa0\xbc\xe5\x91\x98\xe7\xbd\x91\xe6\xa0\xbc\xe5\x91\x98"
        "\xe7\xbd\x91\xe6\xa0\xbc\xe5\x91\x98\xe7\xbd\x91\xe6\xa0\xbc\"");
    assert_int_equal(manifest_build(&body, "v", &d, &err), VAULT_INVALID);
    for (size_t at = 0; err.detail[at];) {
        size_t one = utf8_sequence(bytes_of(err.detail + at, strlen(err.detail + at)));
        assert_int_not_equal(one, 0);
        at += one;
    }
    vault_error_clear(&err);
    documents_clear(&d);
}

/* ---- one document by itself ---- */

static document_fault fault;

/* What document_check says of a text in the place of a document of tests/support/town. */
static const char *check(document which, const char *text)
{
    static char reason[32];
    documents d = dev_documents();
    manifest_body *standing = build_of(&d);
    json_t *parsed;
    const char *why =
        document_check(&fault, &parsed, &(document_given){which, bytes_of_text(text), 20260601}, standing);
    snprintf(reason, sizeof reason, "%s", why ? why : "");
    assert_int_equal(why == NULL, parsed != NULL);
    json_clear(&parsed);
    manifest_free(&standing);
    return reason;
}

static void expect_fault(unsigned row, unsigned column, const char *path, const char *what)
{
    if (fault.line != row || fault.column != column || strcmp(fault.path, path) != 0 || !strstr(fault.text, what)) {
        fail_msg("%u:%u: '%s': '%s' is not %u:%u: '%s' with '%s'", fault.line, fault.column, fault.path, fault.text,
                 row, column, path, what);
    }
}

TEST("a document that would be taken has no fault, and what it says is handed over")
{
    assert_string_equal(check(DOC_SHARING, "{\"bases\": []}"), "");
    expect_fault(0, 0, "", "");
    assert_string_equal(fault.text, "");
    documents d = dev_documents();
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        char *text = json_dumps(d.of[i], JSON_INDENT(2));
        assert_string_equal(check((document)i, text), "");
        cjose_get_dealloc()(text);
    }
    documents_clear(&d);
}

TEST("a fault names line, column, path and mend")
{
    assert_string_equal(
        check(DOC_SHARING, "{\n  \"bases\": [\n    {\"id\": \"a\",\n     \"\xe9\xa1\xb9\xe7\x9b\xae\": 7}]}"),
        "DOCUMENT_INVALID");
    expect_fault(3, 5, "bases[0].item", "is missing");
    check(DOC_SHARING, "{\n \"bases\": [],\n \"base\": []}");
    expect_fault(3, 10, "base", "unknown key: known are bases");
    check(
        DOC_PERSONS,
        "{\"persons\": [\n{\"id\": \"p2\", \"name\": \"\xe7\x8e\x8b\xe4\xba\x94\", \"department\": \"helth\", "
        "\"role\": \"clerk\","
        "\"areas\": [], \"contract\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}, \"suspended\": false}]}");
    expect_fault(2, 42, "persons[0].department", "p2: unknown department 'helth': register it in principals");
    check(DOC_POLICY, "{\"rules\":\n [7]}");
    assert_int_equal(fault.line, 2);
    assert_int_equal(fault.column, 3);
    assert_string_equal(fault.path, "rules[0]");
}

TEST("what is not JSON has line and column; a doubled key, too deep, too long, empty")
{
    assert_string_equal(check(DOC_POLICY, "{\n \"rules\": [1,\n 2,,]}"), "DOCUMENT_INVALID");
    assert_int_equal(fault.line, 3);
    assert_true(fault.column > 0 && fault.text[0]);
    check(DOC_POLICY, "{\"rules\": [],\n\"rules\": []}");
    assert_int_equal(fault.line, 2);
    check(DOC_POLICY, "");
    assert_true(fault.text[0] != 0);
    char deep[256] = "{\"rules\": ";
    memset(deep + 10, '[', 60);
    check(DOC_POLICY, deep);
    assert_non_null(strstr(fault.text, "deeper"));
    size_t len = DOCUMENT_MAX + 1;
    char *text = memory_new(len + 1);
    memset(text, ' ', len);
    check(DOC_POLICY, text);
    assert_non_null(strstr(fault.text, "8 MiB"));
    memory_free(text, len + 1);
}

TEST("a fault that shows in another document is named with it, and has no line")
{
    documents d = dev_documents();
    json_array_remove(json_object_get(d.of[DOC_PRINCIPALS], "roles"), 0);
    char *text = json_dumps(d.of[DOC_PRINCIPALS], 0);
    check(DOC_PRINCIPALS, text);
    expect_fault(0, 0, "persons.persons[3].role", "unknown role 'grid-worker'");
    cjose_get_dealloc()(text);
    documents_clear(&d);
}

TEST("the domains are the vault's own: nobody proposes them")
{
    assert_string_equal(check(DOC_DOMAINS, "{\"domains\": []}"), "DOCUMENT_INVALID");
    document which;
    assert_false(document_named(&which, "domains"));
    assert_false(document_named(&which, "Schema"));
    assert_false(document_named(&which, ""));
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        assert_true(document_named(&which, document_name((document)i)));
        assert_int_equal(which, i);
    }
}

/* ---- the folder ---- */

static const char *copy_folder(const documents *d)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/control_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s.json", folder, document_name((document)i));
        assert_int_equal(json_dump_file(d->of[i], path, 0), 0);
    }
    return folder;
}

static void spoil(const char *folder, document which, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.json", folder, document_name(which));
    unlink(path);
    FILE *file = text ? fopen(path, "w") : NULL;
    if (file) fputs(text, file), fclose(file);
}

static void remove_folder(const char *folder)
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) spoil(folder, (document)i, NULL);
    rmdir(folder);
}

TEST("broken JSON is refused with the file, the line and the column; a missing file by its name")
{
    documents d = dev_documents();
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        const char *folder = copy_folder(&d);
        expect_ok(control_check_folder(folder, &err), &err);
        spoil(folder, (document)i, "{\n \"a\": [1,\n 2,,]}");
        assert_int_equal(control_check_folder(folder, &err), VAULT_INVALID);
        assert_non_null(strstr(err.detail, document_name((document)i)));
        assert_non_null(strstr(err.detail, ".json:3:"));
        vault_error_clear(&err);
        spoil(folder, (document)i, "{\"a\": 1, \"a\": 2}");
        assert_int_equal(control_check_folder(folder, &err), VAULT_INVALID);
        vault_error_clear(&err);
        spoil(folder, (document)i, NULL);
        assert_int_not_equal(control_check_folder(folder, &err), VAULT_OK);
        assert_non_null(strstr(err.detail, document_name((document)i)));
        vault_error_clear(&err);
        remove_folder(folder);
    }
    documents_clear(&d);
}

TEST("a fault in a file is told with the file, line, column, path and mend")
{
    documents d = dev_documents();
    const char *folder = copy_folder(&d);
    spoil(folder, DOC_SHARING, "{\"bases\": [\n  {\"id\": \"A\"}]}");
    assert_int_equal(control_check_folder(folder, &err), VAULT_INVALID);
    assert_string_equal(err.detail, "sharing.json:2:3: bases[0].item: is missing");
    vault_error_clear(&err);
    spoil(folder, DOC_SHARING, "\n[]");
    assert_int_equal(control_check_folder(folder, &err), VAULT_INVALID);
    assert_string_equal(err.detail, "sharing.json:2:1: not an object: write {...}");
    vault_error_clear(&err);
    remove_folder(folder);
    documents_clear(&d);
}

TEST("a vault's name has one form")
{
    static const char *const bad[] = {"", "/", "a//b", "a/../b", "A", "a b", "a/", "caf\xc3\xa9", "a\nb"};
    documents d = dev_documents();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        manifest_body *b;
        expect_code(manifest_build(&b, bad[i], &d, &err), VAULT_INVALID, &err);
    }
    documents_clear(&d);
}
