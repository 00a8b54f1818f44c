/* What the four documents may say. */
#include "tests/unit/control/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

TEST("the example of deploy/dev is complete and good")
{
    expect_ok(control_check_folder(dev_folder(), &err), &err);
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.schema.count, 22);
    assert_string_equal(b->m.schema.natural_key->name, "id_number");
    assert_string_equal(b->m.schema.area->name, "residence_area");
    assert_int_equal(policy_rule_count(b->m.policy), 7);
    assert_int_equal(b->domain_count, 3);
    manifest_free(&b);
}

/* ---- every document ------------------------------------------------------------------------------------------------
 */

static const struct {
    document of;
    const char *list, *where;
} lists[] = {
    {DOC_SCHEMA, "fields", "schema.fields[0] (id_number)"},
    {DOC_PRINCIPALS, "departments", "principals.departments[0] (public-security)"},
    {DOC_PRINCIPALS, "apps", "principals.apps[0] (eldercare)"},
    {DOC_PRINCIPALS, "persons", "principals.persons[0] (police-chen)"},
    {DOC_PRINCIPALS, "officers", "principals.officers[0] (officer-wang)"},
    {DOC_PRINCIPALS, "administrators", "principals.administrators[0] (admin-li)"},
    {DOC_PURPOSES, "purposes", "purposes[0] (elder-care)"},
    {DOC_POLICY, "rules", "policy.rules[0] (eldercare-issue)"},
};
enum { LISTS = sizeof lists / sizeof *lists };

TEST("an unknown key is refused in every entry of every list, and named")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = dev_documents();
        set(entry(&d, lists[i].of, lists[i].list, 0), "comment", "\"x\"");
        refused(&d, lists[i].where, "comment");
    }
}

TEST("an unknown key is refused at the head of every document")
{
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        documents d = dev_documents();
        set(d.of[i], "version", "1");
        refused(&d, document_name((document)i), "version");
    }
}

TEST("every key of every entry is required")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents whole = dev_documents();
        const char *key;
        json_t *value;
        json_object_foreach(entry(&whole, lists[i].of, lists[i].list, 0), key, value)
        {
            documents d = dev_documents();
            json_object_del(entry(&d, lists[i].of, lists[i].list, 0), key);
            refused(&d, "", key);
        }
        documents_clear(&whole);
    }
}

TEST("a value of another type is refused in every entry of every list")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents whole = dev_documents();
        const char *key;
        json_t *value;
        json_object_foreach(entry(&whole, lists[i].of, lists[i].list, 0), key, value)
        {
            documents d = dev_documents();
            set(entry(&d, lists[i].of, lists[i].list, 0), key, "null");
            refused(&d, "", "");
        }
        documents_clear(&whole);
    }
}

TEST("a list that is not a list is refused")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = dev_documents();
        set(d.of[lists[i].of], lists[i].list, "{}");
        refused(&d, lists[i].list, "not a list");
    }
}

TEST("an entry that is not an object is refused")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = dev_documents();
        add(&d, lists[i].of, lists[i].list, "\"all\"");
        refused(&d, lists[i].list, "");
    }
}

TEST("an entry that stands twice is refused in every list")
{
    for (size_t i = 0; i < LISTS; i++) {
        documents d = dev_documents();
        json_array_append(json_object_get(d.of[lists[i].of], lists[i].list), entry(&d, lists[i].of, lists[i].list, 0));
        refused(&d, "", "");
    }
}

/* ---- schema --------------------------------------------------------------------------------------------------------
 */

static void refused_field(const char *key, const char *json, const char *what)
{
    documents d = dev_documents();
    set(entry(&d, DOC_SCHEMA, "fields", 2), key, json);
    refused(&d, "schema.fields", what);
}

TEST("a field's number is 1 to 127 and its own")
{
    static const char *const bad[] = {"0", "-1", "128", "4294967298", "9223372036854775807"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused_field("number", bad[i], "number: not 1 to 127");
    refused_field("number", "2", "are both 2");
    refused_field("number", "3.0", "integer");
}

TEST("a field's name is lower case with underscores, its own, and looks like no other")
{
    static const char *const bad[] = {"\"\"",    "\"Name2\"", "\"a-b\"",         "\"a b\"",
                                      "\"a.b\"", "\"_a\"",    "\"n\xc3\xa4me\"", "\"*\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused_field("name", bad[i], "name: ");
    refused_field("name", "\"name\"", "looks like");
    refused_field("name", "\"ph0ne\"", "looks like");
    refused_field("name", "\"id_numbe_r\"", "looks like");
}

TEST("format, class, level, group, owner and label of a field must be known or plain")
{
    refused_field("format", "\"free\"", "format: unknown format 'free'");
    refused_field("format", "\"Person_name\"", "format: unknown");
    refused_field("class", "\"secret\"", "class: unknown class");
    refused_field("level", "0", "level: not 1 to 4");
    refused_field("level", "5", "level: not 1 to 4");
    refused_field("group", "\"\"", "group: ");
    refused_field("owner", "\"police\"", "owner: unknown department 'police'");
    refused_field("label", "\"\"", "label: ");
    refused_field("label", "\"a\\nb\"", "label: ");
}

TEST("a search term on a format of few values is refused, with their number")
{
    documents d = dev_documents();
    set(entry(&d, DOC_SCHEMA, "fields", 3), "term", "true");
    refused(&d, "schema.fields[3] (sex)", "about 4 values");
}

TEST("the natural key is a field of ID numbers, the area a field of division codes")
{
    static const struct {
        const char *key, *json, *what;
    } bad[] = {{"natural_key", "\"name\"", "has not the format resident_id"},
               {"natural_key", "\"id\"", "unknown field"},
               {"area", "\"native_place\"", "has not the format division"},
               {"area", "\"\"", "unknown field"},
               {"collection", "\"\"", "collection"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(d.of[DOC_SCHEMA], bad[i].key, bad[i].json);
        refused(&d, "schema", bad[i].what);
    }
    documents d = dev_documents();
    set(d.of[DOC_SCHEMA], "fields", "[]");
    refused(&d, "schema", "unknown field");
}

/* ---- principals ----------------------------------------------------------------------------------------------------
 */

TEST("a URI has one canonical form")
{
    static const char *const bad[] = {"\"\"",
                                      "\"eldercare\"",
                                      "\"vault:/dev/a\"",
                                      "\"vault://\"",
                                      "\"vault://dev/\"",
                                      "\"vault://dev//a\"",
                                      "\"vault://dev/../a\"",
                                      "\"vault://dev/./a\"",
                                      "\"Vault://dev/a\"",
                                      "\"vault://dev/A\"",
                                      "\"vault://dev/*\"",
                                      "\"vault://dev/a \"",
                                      "\" vault://dev/a\"",
                                      "\"vault://dev/%61\"",
                                      "\"vault://dev/a?b\"",
                                      "\"vault://dev/a#b\"",
                                      "\"vault://d\xc3\xa9v/a\"",
                                      "\"://dev/a\"",
                                      "\"vault://dev/a\\n\"",
                                      "\"vault://dev/a,URI:vault:b\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(entry(&d, DOC_PRINCIPALS, "apps", 1), "uri", bad[i]);
        refused(&d, "principals.apps[1] (population)", "uri: ");
    }
    documents d = dev_documents();
    char uri[400];
    snprintf(uri, sizeof uri, "\"vault://dev/%0300d\"", 7);
    set(entry(&d, DOC_PRINCIPALS, "apps", 1), "uri", uri);
    refused(&d, "apps[1]", "uri: ");
}

static const char *const roles[] = {"apps", "officers", "administrators"};

TEST("one URI in two roles is refused, for every pair of roles")
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (i == j) continue;
            documents d = dev_documents();
            json_t *uri = json_object_get(entry(&d, DOC_PRINCIPALS, roles[i], 0), "uri");
            json_object_set(entry(&d, DOC_PRINCIPALS, roles[j], 0), "uri", uri);
            refused(&d, "principals: uri", "looks like");
        }
    }
}

TEST("one id in two roles is refused, for every pair of roles and of persons")
{
    static const char *const all[] = {"apps", "officers", "administrators", "persons"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            if (i == j) continue;
            documents d = dev_documents();
            json_object_set(entry(&d, DOC_PRINCIPALS, all[j], 0), "id",
                            json_object_get(entry(&d, DOC_PRINCIPALS, all[i], 0), "id"));
            if (i == 0 || j == 0)
                set(d.of[DOC_POLICY], "rules", "[]"); /* a renamed app is not what this test is about */
            if (j == 0) set(d.of[DOC_PURPOSES], "purposes", "[]");
            refused(&d, "principals: id", "looks like");
        }
    }
}

TEST("ids that look alike are refused: case, letters for digits, dashes, other alphabets, spaces")
{
    static const char *const bad[] = {
        "\"grid-zha0\"",        "\"gridzhao\"", "\"grid--zhao\"", "\"Grid-zhao\"", "\"grid-zhao \"",
        "\"gr\321\226d-zhao\"", "\"\"",         "\"grid/zhao\"",  "\"..\"",        "\"grid*\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(entry(&d, DOC_PRINCIPALS, "persons", 4), "id", bad[i]);
        refused(&d, "principals", "id: ");
    }
}

TEST("an unknown department is refused, in other case too")
{
    for (size_t i = 0; i < 2; i++) {
        const char *list = i ? "persons" : "apps";
        documents d = dev_documents();
        set(entry(&d, DOC_PRINCIPALS, list, 0), "department", "\"Health\"");
        refused(&d, list, "unknown department 'Health'");
    }
}

TEST("a vault without an officer, or without an administrator, is refused")
{
    for (size_t i = 1; i < 3; i++) {
        documents d = dev_documents();
        set(d.of[DOC_PRINCIPALS], roles[i], "[]");
        refused(&d, roles[i], "at least one");
    }
}

static const char good_key[] = "{\"kid\": \"k1\", \"kty\": \"EC\", \"crv\": \"P-256\","
                               "\"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"; /* RFC 7515, A.3 */

static void refused_key(const char *key, const char *json, const char *what)
{
    documents d = dev_documents();
    json_t *jwk = parse(good_key);
    set(jwk, key, json);
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), jwk);
    refused(&d, "principals.departments[1] (civil-affairs)", what);
}

TEST("an assertion key is a public point of P-256, with a key id, and nothing else")
{
    documents d = dev_documents();
    json_t *jwk = parse(good_key);
    set(jwk, "alg", "\"ES256\"");
    set(jwk, "use", "\"sig\"");
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), jwk);
    manifest_body *b = build_of(&d);
    assert_int_equal(b->key_count, 1);
    manifest_free(&b);
    refused_key("kty", "\"RSA\"", "not an EC key");
    refused_key("crv", "\"P-384\"", "not an EC key");
    refused_key("alg", "\"none\"", "not an EC key");
    refused_key("alg", "\"HS256\"", "not an EC key");
    refused_key("use", "\"enc\"", "not an EC key");
    refused_key("kid", "\"\"", "kid: ");
    refused_key("kid", "\"a b\"", "kid: ");
    refused_key("x", "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEA\"", "no point of P-256");
    refused_key("y", "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"", "no point of P-256");
    refused_key("x", "\"\"", "no point");
    refused_key("x", "\"AA\"", "no point");
    refused_key("y", "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0=\"", "no point");
}

TEST("a private key in the register is refused, and named as what does not belong there")
{
    refused_key("d", "\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"", "d");
}

static void two_keys(documents *d, size_t place, const char *kid)
{
    json_t *first = parse(good_key), *second = parse(good_key);
    json_object_set_new(second, "kid", json_string(kid));
    json_array_append_new(json_object_get(entry(d, DOC_PRINCIPALS, "departments", 0), "assertion_keys"), first);
    json_array_append_new(json_object_get(entry(d, DOC_PRINCIPALS, "departments", place), "assertion_keys"), second);
}

TEST("one key in two places is refused: with it a department could speak for another")
{
    documents d = dev_documents();
    two_keys(&d, 2, "k2");
    refused(&d, "principals.departments[2] (health)", "stands elsewhere too");
    d = dev_documents();
    two_keys(&d, 0, "k1");
    refused(&d, "principals.departments[0]", "kid 'k1' stands twice");
}

/* ---- purposes and domains ------------------------------------------------------------------------------------------
 */

TEST("purposes have one form, look like no other, and lie below one that is registered")
{
    static const char *const bad[] = {"\"Elder-care\"", "\"/a\"", "\"a/\"",           "\"elder-care//a\"", "\"a b\"",
                                      "\"../a\"",       "\"\"",   "\"elder-care/*\"", "\"none/such\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(entry(&d, DOC_PURPOSES, "purposes", 3), "id", bad[i]);
        refused(&d, "purposes", "id: ");
    }
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 3), "id", "\"e1dercare\"");
    refused(&d, "purposes: id", "looks like");
}

TEST("consumers of a purpose are apps, each once; none means nobody")
{
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[\"officer-wang\"]");
    refused(&d, "purposes[0] (elder-care)", "consumers: unknown app 'officer-wang'");
    d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[\"eldercare\", \"clinic\", \"eldercare\"]");
    refused(&d, "purposes (elder-care)", "'eldercare' stands twice");
    d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[1]");
    refused(&d, "purposes[0]", "consumers: not a text");
    d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[]");
    refused(&d, "policy.rules[0] (eldercare-issue)", "not registered for purpose 'elder-care'");
}

TEST("a rule for a consumer that is not registered for the purpose is refused")
{
    documents d = dev_documents();
    set(entry(&d, DOC_POLICY, "rules", 1), "consumer", "\"clinic\"");
    refused(&d, "policy.rules[1] (eldercare-reveal)", "consumer: 'clinic' is not registered for purpose 'elder-care'");
}

TEST("a consumer of a purpose may have rules for the purposes below it")
{
    documents d = dev_documents();
    add(&d, DOC_PURPOSES, "purposes",
        "{\"id\": \"elder-care/visit\", \"title\": \"t\", \"basis\": \"b\", \"consumers\": []}");
    set(entry(&d, DOC_POLICY, "rules", 1), "purpose", "\"elder-care/visit\"");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->domain_count, 3);
    manifest_free(&b);
    d = dev_documents();
    add(&d, DOC_PURPOSES, "purposes",
        "{\"id\": \"elder-care/visit\", \"title\": \"t\", \"basis\": \"b\", \"consumers\": [\"clinic\"]}");
    set(entry(&d, DOC_POLICY, "rules", 3), "purpose", "\"elder-care\"");
    refused(&d, "policy.rules[3] (clinic-issue)", "not registered");
}

TEST("the numbers of domains are as many as domains, 24 bits, not zero, each once")
{
    static const char *const bad[] = {"[]",         "[1, 2]",    "[1, 2, 3, 4]",  "[1, 2, 0]",   "[1, 2, 16777216]",
                                      "[1, 2, -3]", "[1, 2, 2]", "[1, 2, \"3\"]", "[1, 2, 3.0]", "[1, 2, null]",
                                      "{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        manifest_body *b;
        json_t *numbers = parse(bad[i]);
        expect_code(manifest_build(&b, "v", &d, numbers, &err), VAULT_INVALID, &err);
        json_decref(numbers);
        documents_clear(&d);
    }
}

/* ---- the folder ----------------------------------------------------------------------------------------------------
 */

static const char *copy_folder(const documents *d)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/control_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < DOCUMENTS; i++) {
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
    for (unsigned i = 0; i < DOCUMENTS; i++) spoil(folder, (document)i, NULL);
    rmdir(folder);
}

TEST("broken JSON is refused with the file, the line and the column; a missing file by its name")
{
    documents d = dev_documents();
    for (unsigned i = 0; i < DOCUMENTS; i++) {
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

/* ---- the canonical document ----------------------------------------------------------------------------------------
 */

TEST("a manifest written and read again is the same text, and another order of keys is the same digest")
{
    arena *mem = arena_new(1 << 24);
    documents d = dev_documents();
    json_t *numbers = parse("[500, 3, 77]");
    manifest_body *b, *again;
    bytes first, second;
    expect_ok(manifest_build(&b, "resident-vault/test", &d, numbers, &err), &err);
    expect_ok(manifest_text(&first, mem, b, &err), &err);
    expect_ok(manifest_parse(&again, first, "resident-vault/test", &err), &err);
    expect_ok(manifest_text(&second, mem, again, &err), &err);
    assert_true(bytes_same(first, second));
    for (size_t i = 0; i < b->domain_count; i++) assert_int_equal(b->domains[i].number, again->domains[i].number);
    manifest_free(&again);
    expect_code(manifest_parse(&again, first, "resident-vault/other", &err), VAULT_INTEGRITY, &err);
    digest one = manifest_digest(first, 1), two = manifest_digest(first, 2);
    assert_memory_not_equal(&one, &two, sizeof one);
    manifest_free(&b);
    json_decref(numbers);
    documents_clear(&d);
    arena_free(&mem);
}

TEST("a vault's name has one form")
{
    static const char *const bad[] = {"", "/", "a//b", "a/../b", "A", "a b", "a/", "caf\xc3\xa9", "a\nb"};
    documents d = dev_documents();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        manifest_body *b;
        expect_code(manifest_build(&b, bad[i], &d, NULL, &err), VAULT_INVALID, &err);
    }
    documents_clear(&d);
}
