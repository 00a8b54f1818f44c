/* Assertions of a person of civil-affairs, signed with the key that the fixture registered. */
#pragma once
#include "tests/support/vault_fixture.h"
#include "vault/base/clock.h"

#include <jansson.h>
#include <stdio.h>

typedef struct claims {
    const char *iss, *aud, *sub, *azp, *purpose, *jti, *alg, *kid; /* NULL: as it should be */
    int64_t issued_s, lasting_s;                                   /* from now; 0: now, five minutes */
    cjose_jwk_t *key;                                              /* NULL: the registered one */
} claims;

static inline const char * or (const char *given, const char *usual)
{
    return given ? given : usual;
}

/* Owned by the fixture's memory; each has an id of its own unless one is given. */
static inline const char *assertion_of(const claims *c)
{
    static unsigned serial;
    cjose_err error;
    const char *compact;
    char jti[32];
    cjose_jwk_t *key = c->key ? c->key : fixture_key();
    int64_t now = clock_now_us() / 1000000 + c->issued_s;
    snprintf(jti, sizeof jti, "jti-%u", ++serial);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "iss", or (c->iss, "civil-affairs"), "aud",
                             or (c->aud, "resident-vault/test"), "sub", or (c->sub, "grid-zhao"), "azp",
                             or (c->azp, "eldercare"), "purpose", or (c->purpose, "elder-care"), "iat", (json_int_t)now,
                             "exp", (json_int_t)(now + (c->lasting_s ? c->lasting_s : 300)), "jti", or (c->jti, jti));
    char *text = json_dumps(body, JSON_COMPACT);
    cjose_header_t *header = cjose_header_new(&error);
    assert_true(cjose_header_set(header, "alg", "ES256", &error));
    assert_true(cjose_header_set(header, "kid", or (c->kid, "civil-1"), &error));
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)text, strlen(text), &error);
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, &error));
    char *out = arena_text(fixture_memory(), bytes_of_text(compact));
    if (c->alg) { /* another header over the same signature */
        char head[128], coded[256];
        snprintf(head, sizeof head, "{\"alg\":\"%s\",\"kid\":\"civil-1\"}", c->alg);
        size_t len = base64_encode(coded, bytes_of_text(head));
        while (len > 0 && coded[len - 1] == '=') coded[--len] = 0;
        out = arena_format(fixture_memory(), "%s%s", coded, strchr(out, '.'));
    }
    cjose_jws_release(jws);
    cjose_header_release(header);
    cjose_get_dealloc()(text);
    json_decref(body);
    return out;
}
