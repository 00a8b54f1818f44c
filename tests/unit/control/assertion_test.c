/* Assertions of acting persons: what is accepted, and everything that is not. */
#include "tests/unit/control/jwt.h"

#include <openssl/err.h>
#include <pthread.h>

enum { NOW_S = 1795312800 };
#define SECOND INT64_C(1000000)

/* Three departments: civil affairs holds two keys, health one; a fourth key is registered nowhere. */
static cjose_jwk_t *first_key, *second_key, *health_key, *stranger;
static manifest_body *body;
static const principal *app;

static void given_manifest(void)
{
    if (body) return;
    documents d = dev_documents();
    first_key = new_key(), second_key = new_key(), health_key = new_key(), stranger = new_key();
    register_key(&d, 1, "civil-1", first_key);
    register_key(&d, 1, "civil-2", second_key);
    register_key(&d, 2, "health-1", health_key);
    body = build_of(&d);
    app = manifest_principal(&body->m, "vault://dev/apps/eldercare");
}

__attribute__((destructor)) static void forget(void)
{
    manifest_free(&body);
    cjose_jwk_release(first_key);
    cjose_jwk_release(second_key);
    cjose_jwk_release(health_key);
    cjose_jwk_release(stranger);
}

static vault_code verify_at(assertion *out, const char *jwt, int64_t now_us)
{
    const assertion_claims wanted = {.app = app, .purpose = "elder-care", .now_us = now_us};
    return assertion_verify(out, &body->m, jwt, &wanted, &err);
}

static void accepted(const char *jwt)
{
    assertion a;
    expect_ok(verify_at(&a, jwt, NOW_S * SECOND), &err);
    assert_string_equal(a.person->id, "grid-zhao");
}

static void refused_at(const char *jwt, int64_t now_us, const char *reason)
{
    assertion a;
    vault_code code = verify_at(&a, jwt, now_us);
    if (code != VAULT_UNAUTHENTICATED || !err.reason || strcmp(err.reason, reason) != 0) {
        fail_msg("%s %s, not %s: %.300s", vault_code_name(code), err.reason ? err.reason : "-", reason, jwt);
    }
    assert_null(a.person);
    assert_int_equal(a.expires_us, 0);
    assert_string_equal(err.detail, ""); /* nothing of the text may reach a log */
    assert_int_equal(ERR_peek_error(), 0);
    vault_error_clear(&err);
}

static void refused_text(const char *jwt, const char *reason)
{
    refused_at(jwt, NOW_S * SECOND, reason);
}

static void sign_claims(char out[JWT_TEXT], cjose_jwk_t *key, const char *kid, json_t *claims)
{
    char *text = json_dumps(claims, JSON_COMPACT);
    sign_text(out, key, header_of("ES256", kid), text);
    cjose_get_dealloc()(text);
    json_decref(claims);
}

static json_t *claims_with(const char *key, const char *json)
{
    json_t *claims = good_claims(NOW_S);
    if (json)
        set(claims, key, json);
    else
        json_object_del(claims, key);
    return claims;
}

static void refused_claim(const char *key, const char *json, const char *reason)
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", claims_with(key, json));
    refused_text(jwt, reason);
}

TEST("a good assertion names the person, its id and its end")
{
    char jwt[JWT_TEXT];
    assertion a;
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    expect_ok(verify_at(&a, jwt, NOW_S * SECOND), &err);
    assert_ptr_equal(a.person, manifest_person(&body->m, "grid-zhao"));
    static const char id[] = "civil-affairs\0"
                             "2f1a6c1e-77aa-4c56-9b7e-000000000001";
    digest wanted = sha256(bytes_of(id, sizeof id - 1));
    assert_memory_equal(&a.id, &wanted, sizeof wanted);
}

TEST("each key of the department is good, by its own key id only")
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, second_key, "civil-2", good_claims(NOW_S));
    accepted(jwt);
    sign_claims(jwt, second_key, "civil-1", good_claims(NOW_S));
    refused_text(jwt, "ASSERTION_SIGNATURE");
    sign_claims(jwt, second_key, "civil-3", good_claims(NOW_S));
    refused_text(jwt, "ASSERTION_SIGNATURE");
    sign_claims(jwt, second_key, "CIVIL-2", good_claims(NOW_S));
    refused_text(jwt, "ASSERTION_SIGNATURE");
    sign_claims(jwt, stranger, "civil-1", good_claims(NOW_S));
    refused_text(jwt, "ASSERTION_SIGNATURE");
}

TEST("another department's key does not speak for this one, nor this one's for another")
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, health_key, "health-1", good_claims(NOW_S));
    refused_text(jwt, "ASSERTION_SIGNATURE");
    sign_claims(jwt, health_key, "health-1", claims_with("iss", "\"health\""));
    refused_text(jwt, "ASSERTION_SIGNATURE");
    sign_claims(jwt, first_key, "civil-1", claims_with("iss", "\"health\""));
    refused_text(jwt, "ASSERTION_APP");
}

/* ---- algorithm and header ---- */

static void encode(char *out, const char *text)
{
    size_t len = base64_encode(out, bytes_of_text(text));
    while (len > 0 && out[len - 1] == '=') out[--len] = '\0';
    for (size_t i = 0; i < len; i++) out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
}

/* The header is replaced by any text; the signature stays that of a good assertion. */
static void with_header(char out[JWT_TEXT], const char *header)
{
    char jwt[JWT_TEXT], head[JWT_TEXT / 2];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    encode(head, header);
    snprintf(out, JWT_TEXT, "%.4000s%s", head, strchr(jwt, '.'));
}

TEST("\"none\" and every other algorithm are refused")
{
    static const char *const algs[] = {"none",  "None",   "HS256", "RS256", "PS256", "ES384",
                                       "ES512", "ES256K", "es256", "EdDSA", ""};
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        char header[128], jwt[JWT_TEXT];
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"civil-1\"}", algs[i]);
        with_header(jwt, header);
        refused_text(jwt, "ASSERTION_SIGNATURE");
    }
}

TEST("\"none\" without a signature is refused")
{
    char head[128], claims[JWT_TEXT / 4], jwt[JWT_TEXT];
    json_t *good = good_claims(NOW_S);
    char *text = json_dumps(good, JSON_COMPACT);
    encode(head, "{\"alg\":\"none\",\"kid\":\"civil-1\"}");
    encode(claims, text);
    snprintf(jwt, sizeof jwt, "%s.%s.", head, claims);
    refused_text(jwt, "ASSERTION_MALFORMED");
    snprintf(jwt, sizeof jwt, "%s.%s", head, claims);
    refused_text(jwt, "ASSERTION_MALFORMED");
    cjose_get_dealloc()(text);
    json_decref(good);
}

TEST("a MAC made with the public key's own text is refused")
{
    char jwt[JWT_TEXT];
    cjose_err error;
    given_manifest();
    char *public = cjose_jwk_to_json(first_key, false, &error);
    cjose_jwk_t *mac = cjose_jwk_create_oct_spec((const uint8_t *)public, strlen(public), &error);
    json_t *good = good_claims(NOW_S);
    char *text = json_dumps(good, JSON_COMPACT);
    sign_text(jwt, mac, header_of("HS256", "civil-1"), text);
    assert_int_equal(verify_at(&(assertion){0}, jwt, NOW_S * SECOND), VAULT_UNAUTHENTICATED);
    vault_error_clear(&err);
    cjose_get_dealloc()(text);
    cjose_get_dealloc()(public);
    cjose_jwk_release(mac);
    json_decref(good);
}

TEST("a header with a key missing, doubled, unknown or of another type is refused")
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "null",
                                      "",
                                      "{\"alg\":\"ES256\"}",
                                      "{\"kid\":\"civil-1\"}",
                                      "{\"alg\":[\"ES256\"],\"kid\":\"civil-1\"}",
                                      "{\"alg\":\"ES256\",\"kid\":1}",
                                      "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"civil-1\"}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"crit\":[\"exp\"]}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"b64\":false}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"jku\":\"https://a/\"}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"jwk\":{}}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"typ\":\"JWE\"}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\",\"typ\":1}",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\"} ",
                                      "{\"alg\":\"ES256\",\"kid\":\"civil-1\"}x",
                                      "{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char jwt[JWT_TEXT];
        assertion a;
        with_header(jwt, bad[i]);
        assert_int_equal(verify_at(&a, jwt, NOW_S * SECOND), VAULT_UNAUTHENTICATED);
        vault_error_clear(&err);
    }
}

TEST("a type of JWT is allowed, and a signed header with a key too many is refused")
{
    char jwt[JWT_TEXT];
    cjose_err error;
    given_manifest();
    json_t *good = good_claims(NOW_S);
    char *text = json_dumps(good, JSON_COMPACT);
    cjose_header_t *header = header_of("ES256", "civil-1");
    cjose_header_set(header, "typ", "JWT", &error);
    sign_text(jwt, first_key, header, text);
    accepted(jwt);
    header = header_of("ES256", "civil-1");
    cjose_header_set(header, "cty", "JWT", &error);
    sign_text(jwt, first_key, header, text);
    refused_text(jwt, "ASSERTION_MALFORMED");
    cjose_get_dealloc()(text);
    json_decref(good);
}

/* ---- text ---- */

TEST("every single character of an assertion matters")
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    for (size_t i = 0, len = strlen(jwt); i < len; i++) {
        char old = jwt[i];
        assertion a;
        jwt[i] = old == 'A' ? 'B' : 'A';
        assert_int_equal(verify_at(&a, jwt, NOW_S * SECOND), VAULT_UNAUTHENTICATED);
        vault_error_clear(&err);
        jwt[i] = old;
    }
    accepted(jwt);
}

TEST("an assertion cut at any place is refused")
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    for (size_t len = strlen(jwt); len > 0; len--) {
        assertion a;
        jwt[len - 1] = '\0';
        assert_int_equal(verify_at(&a, jwt, NOW_S * SECOND), VAULT_UNAUTHENTICATED);
        vault_error_clear(&err);
    }
}

TEST("white space, padding, the other base64 alphabet and a fourth part are refused")
{
    char jwt[JWT_TEXT], changed[JWT_TEXT + 8];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    static const char *const forms[] = {
        "%s ", " %s", "%s\n", "%s=", "%s==", "%s.", "%s.AA", ".%s", "%s.a.b", "Bearer %s"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(changed, sizeof changed, forms[i], jwt);
#pragma GCC diagnostic pop
        refused_text(changed, "ASSERTION_MALFORMED");
    }
    static const char *const junk[] = {"", ".", "..", "...", "a", "a.b.c", "{}", "\xff\xfe", "%00"};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) refused_text(junk[i], "ASSERTION_MALFORMED");
}

TEST("the last character of a signature has one form: its spare bits are zero")
{
    char jwt[JWT_TEXT];
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    char *last = jwt + strlen(jwt) - 1;
    size_t value = (size_t)(strchr(alphabet, *last) - alphabet);
    for (size_t spare = 1; spare < 16; spare++) {
        *last = alphabet[value + spare];
        refused_text(jwt, "ASSERTION_MALFORMED");
    }
}

TEST("an assertion of more than 4,096 bytes is refused, also a good one")
{
    char jwt[JWT_TEXT], text[5000];
    given_manifest();
    json_t *good = good_claims(NOW_S);
    char *claims = json_dumps(good, JSON_COMPACT);
    size_t len = strlen(claims);
    memset(text, ' ', sizeof text);
    memcpy(text, claims, len);
    text[2900] = '\0';
    sign_text(jwt, first_key, header_of("ES256", "civil-1"), text);
    assert_true(strlen(jwt) <= 4096);
    accepted(jwt);
    text[2900] = ' ';
    text[3200] = '\0';
    sign_text(jwt, first_key, header_of("ES256", "civil-1"), text);
    assert_true(strlen(jwt) > 4096);
    refused_text(jwt, "ASSERTION_MALFORMED");
    cjose_get_dealloc()(claims);
    json_decref(good);
}

TEST("signed claims that are no object, doubled, too deep or not UTF-8 are refused")
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "\"a\"",
        "{",
        "{\"iss\":\"a\",\"iss\":\"b\"}",
        "{\"iss\":\"\xff\"}",
        "{\"iss\":\"a\\u0000b\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
    given_manifest();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char jwt[JWT_TEXT];
        sign_text(jwt, first_key, header_of("ES256", "civil-1"), bad[i]);
        refused_text(jwt, "ASSERTION_MALFORMED");
    }
}

/* ---- claims ---- */

TEST("each claim is required, once, of its type, and no other may stand there")
{
    static const char *const keys[] = {"iss", "aud", "sub", "azp", "purpose", "iat", "exp", "jti"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        refused_claim(keys[i], NULL, "ASSERTION_MALFORMED");
        refused_claim(keys[i], "null", "ASSERTION_MALFORMED");
        refused_claim(keys[i], "true", "ASSERTION_MALFORMED");
        refused_claim(keys[i], "[\"resident-vault/test\"]", "ASSERTION_MALFORMED");
    }
    refused_claim("nbf", "1", "ASSERTION_MALFORMED");
    refused_claim("scope", "\"*\"", "ASSERTION_MALFORMED");
}

TEST("times are whole seconds in order")
{
    refused_claim("iat", "\"1795312800\"", "ASSERTION_MALFORMED");
    refused_claim("iat", "1795312800.0", "ASSERTION_MALFORMED");
    refused_claim("iat", "0", "ASSERTION_MALFORMED");
    refused_claim("iat", "-1", "ASSERTION_MALFORMED");
    refused_claim("exp", "1795312800", "ASSERTION_MALFORMED");
    refused_claim("exp", "9223372036854775807", "ASSERTION_MALFORMED");
    refused_claim("iat", "-9223372036854775808", "ASSERTION_MALFORMED");
    refused_claim("exp", "1e3", "ASSERTION_MALFORMED");
}

TEST("audience, app, purpose and person must be exactly those of the call")
{
    refused_claim("aud", "\"resident-vault/other\"", "ASSERTION_AUDIENCE");
    refused_claim("aud", "\"resident-vault/tes\"", "ASSERTION_AUDIENCE");
    refused_claim("aud", "\"\"", "ASSERTION_AUDIENCE");
    refused_claim("azp", "\"clinic\"", "ASSERTION_APP");
    refused_claim("azp", "\"Eldercare\"", "ASSERTION_APP");
    refused_claim("azp", "\"\"", "ASSERTION_APP");
    refused_claim("purpose", "\"family-doctor\"", "ASSERTION_PURPOSE");
    refused_claim("purpose", "\"elder-care/visit\"", "ASSERTION_PURPOSE");
    refused_claim("purpose", "\"\"", "ASSERTION_PURPOSE");
    refused_claim("sub", "\"nobody\"", "ASSERTION_PERSON");
    refused_claim("sub", "\"\"", "ASSERTION_PERSON");
    refused_claim("sub", "\"grid-zhao \"", "ASSERTION_PERSON");
    refused_claim("sub", "\"officer-wang\"", "ASSERTION_PERSON");
}

TEST("a person of another department does not act through this one's app")
{
    refused_claim("sub", "\"doctor-zheng\"", "ASSERTION_PERSON");
}

TEST("an assertion lives at most 15 minutes")
{
    char jwt[JWT_TEXT];
    refused_claim("exp", "1795313701", "ASSERTION_TOO_LONG");
    sign_claims(jwt, first_key, "civil-1", claims_with("exp", "1795313700"));
    accepted(jwt);
}

TEST("clocks may differ by 30 seconds and not by one more")
{
    char jwt[JWT_TEXT];
    assertion a;
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    expect_ok(verify_at(&a, jwt, (NOW_S - 30) * SECOND), &err);
    refused_at(jwt, (NOW_S - 30) * SECOND - 1, "ASSERTION_NOT_YET");
    expect_ok(verify_at(&a, jwt, (NOW_S + 630) * SECOND - 1), &err);
    refused_at(jwt, (NOW_S + 630) * SECOND, "ASSERTION_EXPIRED");
}

TEST("an id is kept as used for as long as its assertion could be accepted")
{
    char jwt[JWT_TEXT];
    assertion a;
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    expect_ok(verify_at(&a, jwt, NOW_S * SECOND), &err);
    refused_at(jwt, a.expires_us, "ASSERTION_EXPIRED");
    expect_ok(verify_at(&a, jwt, a.expires_us - 1), &err);
}

TEST("the id of an assertion is 1 to 64 printable characters and differs by department")
{
    char jti[80];
    refused_claim("jti", "\"\"", "ASSERTION_MALFORMED");
    refused_claim("jti", "\"a b\"", "ASSERTION_MALFORMED");
    refused_claim("jti", "\"a\\nb\"", "ASSERTION_MALFORMED");
    snprintf(jti, sizeof jti, "\"%065d\"", 1);
    refused_claim("jti", jti, "ASSERTION_MALFORMED");
    char jwt[JWT_TEXT];
    assertion civil, health;
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    expect_ok(verify_at(&civil, jwt, NOW_S * SECOND), &err);
    json_t *claims = claims_with("iss", "\"health\"");
    set(claims, "azp", "\"clinic\"");
    set(claims, "sub", "\"doctor-zheng\"");
    set(claims, "purpose", "\"family-doctor\"");
    sign_claims(jwt, health_key, "health-1", claims);
    const assertion_claims wanted = {.app = manifest_principal(&body->m, "vault://dev/apps/clinic"),
                                     .purpose = "family-doctor",
                                     .now_us = NOW_S * SECOND};
    expect_ok(assertion_verify(&health, &body->m, jwt, &wanted, &err), &err);
    assert_memory_not_equal(&civil.id, &health.id, sizeof civil.id);
}

/* ---- keys and persons that have ended ---- */

/* Verifies with a manifest in which something of the good one is changed. */
static void verified_after(const char *jwt, int64_t now_s, const char *reason, void (*spoil)(const documents *d))
{
    documents d = dev_documents();
    register_key(&d, 1, "civil-1", first_key);
    spoil(&d);
    manifest_body *changed = build_of(&d);
    const assertion_claims wanted = {.app = manifest_principal(&changed->m, "vault://dev/apps/eldercare"),
                                     .purpose = "elder-care",
                                     .now_us = now_s * SECOND};
    assertion a;
    vault_code code = assertion_verify(&a, &changed->m, jwt, &wanted, &err);
    assert_int_equal(code, reason ? VAULT_UNAUTHENTICATED : VAULT_OK);
    if (reason) assert_string_equal(err.reason, reason);
    assert_int_equal(a.person == NULL, reason != NULL);
    vault_error_clear(&err);
    manifest_free(&changed);
}

static json_t *key_of(const documents *d)
{
    return json_array_get(json_object_get(entry(d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), 0);
}

static void revoke_key(const documents *d)
{
    set(key_of(d), "revoked", "true");
}

static void end_key_today(const documents *d)
{
    set(key_of(d), "until", "\"2026-11-22\"");
}

static void end_key_yesterday(const documents *d)
{
    set(key_of(d), "until", "\"2026-11-21\"");
}

static void suspend(const documents *d)
{
    set(entry(d, DOC_PERSONS, "persons", 3), "suspended", "true");
}

static void end_contract(const documents *d)
{
    set(entry(d, DOC_PERSONS, "persons", 3), "contract", "{\"from\": \"2020-01-01\", \"until\": \"2020-12-31\"}");
}

TEST("a key that is revoked is no key, and neither is one past its last day in Shanghai")
{
    enum { MIDNIGHT_S = NOW_S + 14 * 3600 }; /* the next day begins in Shanghai */
    char jwt[JWT_TEXT], late[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    verified_after(jwt, NOW_S, "ASSERTION_SIGNATURE", revoke_key);
    verified_after(jwt, NOW_S, "ASSERTION_SIGNATURE", end_key_yesterday);
    verified_after(jwt, NOW_S, NULL, end_key_today);
    sign_claims(late, first_key, "civil-1", good_claims(MIDNIGHT_S - 1));
    verified_after(late, MIDNIGHT_S - 1, NULL, end_key_today);
    verified_after(late, MIDNIGHT_S, "ASSERTION_SIGNATURE", end_key_today);
}

TEST("a person who is suspended does not act; a contract that has ended is the policy's to refuse")
{
    char jwt[JWT_TEXT];
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", good_claims(NOW_S));
    verified_after(jwt, NOW_S, "PERSON_SUSPENDED", suspend);
    verified_after(jwt, NOW_S, NULL, end_contract);
    sign_claims(jwt, first_key, "civil-1", claims_with("sub", "\"doctor-zheng\""));
    verified_after(jwt, NOW_S, "ASSERTION_PERSON", suspend);
    sign_claims(jwt, stranger, "civil-1", good_claims(NOW_S));
    verified_after(jwt, NOW_S, "ASSERTION_SIGNATURE", suspend);
}

TEST("an officer has no department: no assertion is good for it")
{
    char jwt[JWT_TEXT];
    assertion a;
    given_manifest();
    sign_claims(jwt, first_key, "civil-1", claims_with("azp", "\"officer-wang\""));
    const assertion_claims wanted = {.app = manifest_principal(&body->m, "vault://dev/officers/officer-wang"),
                                     .purpose = "elder-care",
                                     .now_us = NOW_S * SECOND};
    expect_code(assertion_verify(&a, &body->m, jwt, &wanted, &err), VAULT_UNAUTHENTICATED, &err);
}

static char shared[JWT_TEXT];

static void *verify_often(void *failed)
{
    for (int i = 0; i < 200; i++) {
        const assertion_claims wanted = {.app = app, .purpose = "elder-care", .now_us = NOW_S * SECOND};
        vault_error own = {0};
        assertion a;
        if (assertion_verify(&a, &body->m, shared, &wanted, &own) != VAULT_OK) *(int *)failed = 1;
    }
    return NULL;
}

TEST("four threads verify with one manifest")
{
    pthread_t threads[4];
    int failed[4] = {0};
    given_manifest();
    sign_claims(shared, first_key, "civil-1", good_claims(NOW_S));
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, verify_often, &failed[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
}
