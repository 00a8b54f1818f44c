/* Keys of a department, and assertions signed with them. */
#pragma once
#include "tests/unit/control/fixture.h"

enum { JWT_TEXT = 8192 };

static inline cjose_jwk_t *new_key(void)
{
    cjose_err error;
    cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    assert_non_null(key);
    return key;
}

/* Registers the public half for the department at `place`. */
static inline void register_key(const documents *d, size_t place, const char *kid, cjose_jwk_t *key)
{
    cjose_err error;
    char *text = cjose_jwk_to_json(key, false, &error);
    json_t *jwk = parse(text);
    json_object_set_new(jwk, "kid", json_string(kid));
    json_array_append_new(json_object_get(entry(d, DOC_PRINCIPALS, "departments", place), "assertion_keys"), jwk);
    cjose_get_dealloc()(text);
}

static inline cjose_header_t *header_of(const char *alg, const char *kid)
{
    cjose_err error;
    cjose_header_t *header = cjose_header_new(&error);
    assert_true(cjose_header_set(header, "alg", alg, &error));
    if (kid) assert_true(cjose_header_set(header, "kid", kid, &error));
    return header;
}

/* Signs any text; `header` is used up. */
static inline void sign_text(char out[JWT_TEXT], cjose_jwk_t *key, cjose_header_t *header, const char *text)
{
    cjose_err error;
    const char *compact;
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)text, strlen(text), &error);
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, &error));
    snprintf(out, JWT_TEXT, "%s", compact);
    cjose_jws_release(jws);
    cjose_header_release(header);
}

static inline json_t *good_claims(int64_t now_s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "iss", "civil-affairs", "aud", "resident-vault/test",
                     "sub", "grid-zhao", "azp", "eldercare", "purpose", "elder-care", "iat", (json_int_t)now_s, "exp",
                     (json_int_t)now_s + 600, "jti", "2f1a6c1e-77aa-4c56-9b7e-000000000001");
}
