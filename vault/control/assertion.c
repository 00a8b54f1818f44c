/* Assertions of acting persons: JWT (RFC 7519) as compact JWS (RFC 7515), ES256 (RFC 7518, 3.4) and nothing else. What
 * the text says of itself chooses a key among those of the app's own department and nothing more; no claim is read
 * before the signature has been found good. Texts have one form only: base64url without padding or spare bits, no
 * unknown or doubled key. */
#include "vault/base/clock.h"
#include "vault/control/internal.h"

#include <openssl/err.h>
#include <string.h>

enum {
    JWT_MAX = 4096,
    SIGNATURE_TEXT = 86, /* 64 bytes */
    SKEW_S = 30,
    LIFETIME_MAX_S = 15 * 60,
    JTI_MAX = 64,
    SECOND_US = 1000000
};
#define TIME_MAX_S (INT64_C(1) << 40)

#define assertion_refuse(err, reason) vault_refuse((err), VAULT_UNAUTHENTICATED, (reason), "context.assertion")

/* ---- text ---- */

/* Strict base64url: the other alphabet is refused, then the text is turned into it and read by the strict reader. */
static bool decode(uint8_t *out, size_t cap, size_t *len, bytes text)
{
    char padded[JWT_MAX + 4];
    size_t count = text.len;
    if (count == 0 || count > JWT_MAX) return false;
    for (size_t i = 0; i < count; i++) {
        char c = (char)text.at[i];
        if (c == '+' || c == '/' || c == '=') return false;
        padded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (count % 4 != 0) padded[count++] = '=';
    return base64_decode(out, cap, len, padded, count);
}

typedef struct parts {
    bytes head, claims, signature;
} parts;

static bool split(parts *out, const char *jwt)
{
    size_t len = strnlen(jwt, JWT_MAX + 1);
    const char *first = strchr(jwt, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (len > JWT_MAX || !second || strchr(second + 1, '.')) return false;
    out->head = bytes_of(jwt, (size_t)(first - jwt));
    out->claims = bytes_of(first + 1, (size_t)(second - first - 1));
    out->signature = bytes_of_text(second + 1);
    uint8_t ignored[SIGNATURE_LEN];
    size_t signature_len;
    return out->signature.len == SIGNATURE_TEXT && decode(ignored, sizeof ignored, &signature_len, out->signature);
}

/* The reader's own message could quote the text: it is dropped. */
static bool read_json(json_t **out, bytes text)
{
    uint8_t plain[JWT_MAX];
    size_t len;
    vault_error dropped = {0};
    return decode(plain, sizeof plain, &len, text) && json_read(out, bytes_of(plain, len), "", &dropped) == VAULT_OK;
}

/* ---- keys ---- */

static bool kid_valid(const char *kid)
{
    size_t len = strlen(kid);
    return len >= 1 && len <= ID_MAX &&
           strspn(kid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static cjose_jwk_t *make_key(const char *x, const char *y)
{
    uint8_t px[32], py[32];
    size_t x_len, y_len;
    if (!decode(px, sizeof px, &x_len, bytes_of_text(x)) || !decode(py, sizeof py, &y_len, bytes_of_text(y)))
        return NULL;
    if (x_len != sizeof px || y_len != sizeof py) return NULL;
    cjose_err ignored;
    const cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256, .x = px, .xlen = x_len, .y = py, .ylen = y_len};
    cjose_jwk_t *key = cjose_jwk_create_EC_spec(&spec, &ignored); /* refuses a point that is not on the curve */
    ERR_clear_error();
    return key;
}

static bool optional_is(const char *value, const char *wanted)
{
    return !value || strcmp(value, wanted) == 0;
}

vault_code assertion_key_read(builder *b, assertion_key *out, json_t *value)
{
    const char *kty, *crv, *y, *alg = NULL, *use = NULL, *until = NULL;
    int revoked = 0;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:s, s:s, s?s, s?s, s?s, s?b}", "kid", &out->kid, "kty", &kty,
                            "crv", &crv, "x", &out->x, "y", &y, "alg", &alg, "use", &use, "until", &until, "revoked",
                            &revoked));
    if (!kid_valid(out->kid)) return builder_fail(b, "kid", "not 1 to 64 of A-Z, a-z, 0-9, . _ -");
    if (strcmp(kty, "EC") != 0) return builder_fail(b, "kty", "not \"EC\"");
    if (strcmp(crv, "P-256") != 0) return builder_fail(b, "crv", "not \"P-256\"");
    if (!optional_is(alg, "ES256")) return builder_fail(b, "alg", "not \"ES256\"");
    if (!optional_is(use, "sig")) return builder_fail(b, "use", "not \"sig\"");
    out->until = UINT32_MAX;
    if (until && !date_read(&out->until, until)) {
        return builder_fail(b, "until", "'%.20s' is no day: write 2026-01-31", until);
    }
    out->revoked = revoked != 0;
    out->jwk = make_key(out->x, y);
    return out->jwk ? VAULT_OK : builder_fail(b, "x", "x and y are no point of P-256");
}

/* A key that is revoked, or past its last day, is none. */
static const assertion_key *find_key(const manifest_body *body, const principal *app, const char *kid, int64_t now_us)
{
    const department *d = find_department(body, app->department);
    uint32_t today = clock_shanghai_date(now_us);
    for (size_t i = 0; d && i < d->key_count; i++) {
        const assertion_key *key = &body->keys[d->first_key + i];
        if (strcmp(key->kid, kid) == 0) return key->revoked || key->until < today ? NULL : key;
    }
    return NULL;
}

/* ---- signature ---- */

static bool signature_good(const char *jwt, const cjose_jwk_t *key)
{
    cjose_err ignored;
    cjose_jws_t *jws = cjose_jws_import(jwt, strlen(jwt), &ignored);
    bool good = jws && cjose_jws_verify(jws, key, &ignored);
    cjose_jws_release(jws);
    ERR_clear_error(); /* what a bad signature leaves in this thread's queue would be taken for another's failure */
    return good;
}

static vault_code check_signature(const manifest_body *body, const char *jwt, bytes head,
                                  const assertion_claims *wanted, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *header = NULL;
    const char *alg, *kid, *typ = "JWT";
    vault_error dropped = {0};
    if (!read_json(&header, head) ||
        json_shape(header, &dropped, "", "{s:s, s:s, s?s}", "alg", &alg, "kid", &kid, "typ", &typ) != VAULT_OK) {
        return assertion_refuse(err, "ASSERTION_MALFORMED");
    }
    if (strcmp(typ, "JWT") != 0) return assertion_refuse(err, "ASSERTION_MALFORMED");
    const assertion_key *key = find_key(body, wanted->app, kid, wanted->now_us);
    if (strcmp(alg, "ES256") != 0 || !key || !signature_good(jwt, key->jwk)) {
        return assertion_refuse(err, "ASSERTION_SIGNATURE");
    }
    return VAULT_OK;
}

/* ---- claims ---- */

typedef struct claim_set {
    const char *iss, *aud, *sub, *azp, *purpose, *jti;
    json_int_t iat, exp;
} claim_set;

static bool jti_valid(const char *jti)
{
    size_t len = strlen(jti);
    bool printable = len >= 1 && len <= JTI_MAX;
    for (size_t i = 0; i < len && printable; i++) printable = jti[i] > ' ' && jti[i] < 0x7f;
    return printable;
}

static vault_code read_claims(claim_set *c, json_t *claims, vault_error *err)
{
    vault_error dropped = {0};
    if (json_shape(claims, &dropped, "", "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "iss", &c->iss, "aud", &c->aud,
                   "sub", &c->sub, "azp", &c->azp, "purpose", &c->purpose, "iat", &c->iat, "exp", &c->exp, "jti",
                   &c->jti) != VAULT_OK ||
        !jti_valid(c->jti) || c->iat < 1 || c->iat >= c->exp || c->exp > TIME_MAX_S) {
        return assertion_refuse(err, "ASSERTION_MALFORMED");
    }
    return VAULT_OK;
}

static vault_code check_times(const claim_set *c, int64_t now_us, vault_error *err)
{
    if (c->exp - c->iat > LIFETIME_MAX_S) return assertion_refuse(err, "ASSERTION_TOO_LONG");
    if ((c->iat - SKEW_S) * SECOND_US > now_us) return assertion_refuse(err, "ASSERTION_NOT_YET");
    if ((c->exp + SKEW_S) * SECOND_US <= now_us) return assertion_refuse(err, "ASSERTION_EXPIRED");
    return VAULT_OK;
}

static vault_code check_claims(assertion *out, const manifest *m, const claim_set *c, const assertion_claims *wanted,
                               vault_error *err)
{
    if (strcmp(c->aud, m->vault) != 0) return assertion_refuse(err, "ASSERTION_AUDIENCE");
    if (strcmp(c->azp, wanted->app->id) != 0 || strcmp(c->iss, wanted->app->department) != 0) {
        return assertion_refuse(err, "ASSERTION_APP");
    }
    if (strcmp(c->purpose, wanted->purpose) != 0) return assertion_refuse(err, "ASSERTION_PURPOSE");
    VAULT_TRY(check_times(c, wanted->now_us, err));
    out->person = manifest_person(m, c->sub);
    if (!out->person || strcmp(out->person->department, c->iss) != 0) return assertion_refuse(err, "ASSERTION_PERSON");
    return out->person->suspended ? assertion_refuse(err, "PERSON_SUSPENDED") : VAULT_OK;
}

vault_code assertion_verify(assertion *out, const manifest *m, const char *jwt, const assertion_claims *claims,
                            vault_error *err)
{
    parts text;
    claim_set c;
    VAULT_CLEANUP(json_clear) json_t *body = NULL;
    *out = (assertion){0};
    if (!split(&text, jwt)) return assertion_refuse(err, "ASSERTION_MALFORMED");
    VAULT_TRY(check_signature(body_of(m), jwt, text.head, claims, err));
    if (!read_json(&body, text.claims)) return assertion_refuse(err, "ASSERTION_MALFORMED");
    VAULT_TRY(read_claims(&c, body, err));
    assertion found = {.expires_us =
                           (c.exp + SKEW_S) * SECOND_US}; /* kept as used for as long as it could be accepted */
    VAULT_TRY(check_claims(&found, m, &c, claims, err));
    const bytes id[] = {bytes_of_text(c.iss), bytes_of("", 1), bytes_of_text(c.jti)};
    found.id = sha256_parts(id, 3);
    *out = found;
    return VAULT_OK;
}
