/* principals.json: departments with their keys, roles, apps, officers, administrators, certificates. */
#include "tests/unit/control/fixture.h"

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
        refused(&d, "principals.apps[1].uri", "is not scheme://a/b");
    }
    documents d = dev_documents();
    char uri[400];
    snprintf(uri, sizeof uri, "\"vault://dev/%0300d\"", 7);
    set(entry(&d, DOC_PRINCIPALS, "apps", 1), "uri", uri);
    refused(&d, "principals.apps[1].uri", "is not");
}

static const char *const roles[] = {"apps", "officers", "administrators"};

/* The later one of two places in the document. */
static const char *later(size_t i, size_t j, const char *key)
{
    static char path[64];
    snprintf(path, sizeof path, "principals.%s[0].%s", roles[i > j ? i : j], key);
    return path;
}

TEST("one URI in two roles is refused, for every pair of roles")
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (i == j) continue;
            documents d = dev_documents();
            json_t *uri = json_object_get(entry(&d, DOC_PRINCIPALS, roles[i], 0), "uri");
            json_object_set(entry(&d, DOC_PRINCIPALS, roles[j], 0), "uri", uri);
            refused(&d, later(i, j, "uri"), "looks like");
        }
    }
}

TEST("one id in two roles is refused, for every pair of roles")
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (i == j) continue;
            documents d = dev_documents();
            json_object_set(entry(&d, DOC_PRINCIPALS, roles[j], 0), "id",
                            json_object_get(entry(&d, DOC_PRINCIPALS, roles[i], 0), "id"));
            refused(&d, later(i, j, "id"), "looks like");
        }
    }
}

TEST("a vault without an officer, or without an administrator, is refused")
{
    for (size_t i = 1; i < 3; i++) {
        documents d = dev_documents();
        set(d.of[DOC_PRINCIPALS], roles[i], "[]");
        char path[64];
        snprintf(path, sizeof path, "principals.%s", roles[i]);
        refused(&d, path, "at least one");
    }
}

static const char good_key[] = "{\"kid\": \"k1\", \"kty\": \"EC\", \"crv\": \"P-256\","
                               "\"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"; /* RFC 7515, A.3 */

static void refused_key(const char *key, const char *json, const char *what)
{
    char path[96];
    documents d = dev_documents();
    json_t *jwk = parse(good_key);
    set(jwk, key, json);
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), jwk);
    snprintf(path, sizeof path, "principals.departments[1].assertion_keys[0].%s", strcmp(key, "y") == 0 ? "x" : key);
    refused(&d, path, what);
}

TEST("an assertion key is a public point of P-256, with a key id, and nothing else")
{
    documents d = dev_documents();
    json_t *jwk = parse(good_key);
    set(jwk, "alg", "\"ES256\"");
    set(jwk, "use", "\"sig\"");
    set(jwk, "until", "\"2027-12-31\"");
    set(jwk, "revoked", "true");
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), jwk);
    manifest_body *b = build_of(&d);
    assert_int_equal(b->key_count, 1);
    assert_int_equal(b->keys[0].until, 20271231);
    assert_true(b->keys[0].revoked);
    manifest_free(&b);
    refused_key("kty", "\"RSA\"", "not \"EC\"");
    refused_key("crv", "\"P-384\"", "not \"P-256\"");
    refused_key("alg", "\"none\"", "not \"ES256\"");
    refused_key("alg", "\"HS256\"", "not \"ES256\"");
    refused_key("use", "\"enc\"", "not \"sig\"");
    refused_key("kid", "\"\"", "not 1 to 64");
    refused_key("kid", "\"a b\"", "not 1 to 64");
    refused_key("until", "\"2027-13-01\"", "no day");
    refused_key("until", "\"\"", "no day");
    refused_key("revoked", "1", "neither true nor false");
    refused_key("x", "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEA\"", "no point of P-256");
    refused_key("y", "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"", "no point of P-256");
    refused_key("x", "\"\"", "no point");
    refused_key("x", "\"AA\"", "no point");
    refused_key("y", "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0=\"", "no point");
}

TEST("a private key in the register is refused, and named as what does not belong there")
{
    refused_key("d", "\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"", "unknown key");
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
    refused(&d, "principals.departments[2].assertion_keys[0].x", "stands elsewhere too");
    d = dev_documents();
    two_keys(&d, 0, "k1");
    refused(&d, "principals.departments[0].assertion_keys[1].kid", "'k1' stands twice");
    d = dev_documents();
    two_keys(&d, 0, "k2");
    refused(&d, "principals.departments[0].assertion_keys[1].x", "stands elsewhere too");
}

TEST("more than 16 keys of a department are refused")
{
    documents d = dev_documents();
    for (unsigned i = 0; i < 17; i++) {
        json_t *jwk = parse(good_key);
        json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 0), "assertion_keys"), jwk);
    }
    refused(&d, "principals.departments[0].assertion_keys", "more than 16");
}

/* ---- departments and roles ---- */

TEST("a department's number is 1 to 65,535 and its own")
{
    static const char *const bad[] = {"0", "-1", "65536", "4294967297", "9223372036854775807"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(entry(&d, DOC_PRINCIPALS, "departments", 1), "number", bad[i]);
        refused(&d, "principals.departments[1].number", "not 1 to 65535");
    }
    documents d = dev_documents();
    set(entry(&d, DOC_PRINCIPALS, "departments", 1), "number", "3");
    refused(&d, "principals.departments[2].number", "are both 3");
    d = dev_documents();
    set(entry(&d, DOC_PRINCIPALS, "departments", 1), "number", "3.0");
    refused(&d, "principals.departments[1].number", "not a whole number");
    d = dev_documents();
    set(entry(&d, DOC_PRINCIPALS, "departments", 1), "number", "65535");
    manifest_body *b = build_of(&d);
    assert_int_equal(find_department(b, "civil-affairs")->number, 65535);
    assert_int_equal(manifest_principal(&b->m, "vault://dev/apps/eldercare")->department_no, 65535);
    manifest_free(&b);
}

TEST("an app of an unknown department is refused, in other case too")
{
    documents d = dev_documents();
    set(entry(&d, DOC_PRINCIPALS, "apps", 0), "department", "\"Health\"");
    refused(&d, "principals.apps[0].department", "eldercare: unknown department 'Health'");
}

TEST("roles of persons are at most 64, and none looks like another")
{
    documents d = dev_documents();
    add(&d, DOC_PRINCIPALS, "roles", "{\"id\": \"gridworker\", \"title\": \"t\"}");
    refused(&d, "principals.roles[5].id", "looks like 'grid-worker'");
    d = dev_documents();
    add(&d, DOC_PRINCIPALS, "roles", "{\"id\": \"Clerk2\", \"title\": \"t\"}");
    refused(&d, "principals.roles[5].id", "is not 1 to 64");
    d = dev_documents();
    for (unsigned i = 5; i < 65; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"id\": \"r%c%c\", \"title\": \"t\"}", 'a' + (int)i / 26, 'a' + (int)i % 26);
        if (i == 64) {
            documents full = d;
            for (unsigned k = 0; k < DOCUMENTS; k++) json_incref(full.of[k]);
            manifest_body *b = build_of(&full);
            assert_int_equal(find_role(b, "police").no, 5);
            assert_int_equal(find_role(b, "Police").no, 0);
            manifest_free(&b);
        }
        add(&d, DOC_PRINCIPALS, "roles", json);
    }
    refused(&d, "principals.roles", "more than 64");
}

/* ---- approvals and certificates ---- */

TEST("approvals are 1 to 8, and no more than there are officers: none needed is refused")
{
    static const char *const bad[] = {"0", "-1", "9", "4294967297"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(d.of[DOC_PRINCIPALS], "approvals", bad[i]);
        refused(&d, "principals.approvals", "not 1 to 8");
    }
    documents d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", "3");
    refused(&d, "principals.approvals", "more than the 2 officers");
    d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", "true");
    refused(&d, "principals.approvals", "not a whole number");
    d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", "2");
    set(entry(&d, DOC_PRINCIPALS, "officers", 1), "certificates", "[]"); /* nothing could ever be approved again */
    refused(&d, "principals.approvals", "more than the 1 officers who can call");
    d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", "2");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.approvals, 2);
    manifest_free(&b);
}

static json_t *certificate_of(const documents *d, const char *list, size_t i)
{
    return json_array_get(json_object_get(entry(d, DOC_PRINCIPALS, list, i), "certificates"), 0);
}

TEST("a fingerprint is 64 lower-case hexadecimal digits, and nothing near it")
{
    static const char *const bad[] = {"\"\"",
                                      "\"ab\"",
                                      "\"AB00000000000000000000000000000000000000000000000000000000000000\"",
                                      "\"ab0000000000000000000000000000000000000000000000000000000000000\"",
                                      "\"ab000000000000000000000000000000000000000000000000000000000000000\"",
                                      "\"ab:0000000000000000000000000000000000000000000000000000000000000\"",
                                      "\"gb00000000000000000000000000000000000000000000000000000000000000\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = dev_documents();
        set(certificate_of(&d, "officers", 1), "sha256", bad[i]);
        refused(&d, "principals.officers[1].certificates[0].sha256", "not 64 of 0-9, a-f");
    }
    documents d = dev_documents();
    set(certificate_of(&d, "apps", 0), "revoked", "\"yes\"");
    refused(&d, "principals.apps[0].certificates[0].revoked", "neither true nor false");
    d = dev_documents();
    set(certificate_of(&d, "apps", 0), "until", "\"2027-01-01\"");
    refused(&d, "principals.apps[0].certificates[0].until", "unknown key: known are sha256, revoked");
}

TEST("a fingerprint stands once in the whole document: in two roles, in two apps, twice in one")
{
    static const struct {
        const char *list;
        size_t place;
        const char *path;
    } all[] = {{"apps", 1, "principals.apps[1].certificates[1].sha256"},
               {"apps", 0, "principals.apps[0].certificates[1].sha256"},
               {"officers", 0, "principals.officers[0].certificates[1].sha256"},
               {"administrators", 1, "principals.administrators[1].certificates[1].sha256"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        documents d = dev_documents();
        json_t *copy = json_deep_copy(certificate_of(&d, "apps", 0));
        set(copy, "revoked", i % 2 ? "true" : "false");
        json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, all[i].list, all[i].place), "certificates"),
                              copy);
        refused(&d, all[i].path, "stands elsewhere too");
    }
}

TEST("an officer and an administrator must be able to call; an app need not")
{
    for (size_t i = 1; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "principals.%s", roles[i]);
        documents d = dev_documents();
        for (size_t k = 0; k < 2; k++) set(certificate_of(&d, roles[i], k), "revoked", "true");
        refused(&d, path, "none could call");
        d = dev_documents();
        for (size_t k = 0; k < 2; k++) set(entry(&d, DOC_PRINCIPALS, roles[i], k), "certificates", "[]");
        refused(&d, path, "none could call");
        d = dev_documents();
        set(entry(&d, DOC_PRINCIPALS, roles[i], 0), "certificates", "[]");
        manifest_body *b = build_of(&d);
        manifest_free(&b);
    }
    documents d = dev_documents();
    for (size_t k = 0; k < 3; k++) set(entry(&d, DOC_PRINCIPALS, "apps", k), "certificates", "[]");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->principals[0].certificate_count, 0);
    manifest_free(&b);
}

TEST("a principal's certificate is found by its digest; one of another principal is not")
{
    documents d = dev_documents();
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "apps", 0), "certificates"),
                          parse("{\"sha256\": \"ab00000000000000000000000000000000000000000000000000000000000001\","
                                "\"revoked\": true}"));
    manifest_body *b = build_of(&d);
    const principal *app = manifest_principal(&b->m, "vault://dev/apps/eldercare");
    digest own = sha256(bytes_of_text(app->uri)), second = {{0xab}};
    second.at[DIGEST_LEN - 1] = 1;
    assert_int_equal(app->certificate_count, 2);
    assert_false(principal_certificate(app, &own)->revoked);
    assert_true(principal_certificate(app, &second)->revoked);
    second.at[0] ^= 1;
    assert_null(principal_certificate(app, &second));
    assert_null(principal_certificate(manifest_principal(&b->m, "vault://dev/apps/clinic"), &own));
    manifest_free(&b);
}

TEST("more than 16 certificates of one principal are refused")
{
    documents d = dev_documents();
    for (unsigned i = 0; i < 16; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"sha256\": \"%064x\"}", i);
        json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "apps", 2), "certificates"), parse(json));
    }
    refused(&d, "principals.apps[2].certificates", "more than 16");
}
