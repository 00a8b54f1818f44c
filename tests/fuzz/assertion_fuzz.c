/* Any text as an assertion, and any text as signed claims: refused with a reason and without a word of the text in it,
 * or accepted for the one person that the register knows. */
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char principals[] =
    "{\"departments\":[{\"id\":\"police\",\"name\":\"p\",\"assertion_keys\":[%s]}],\"apps\":[{\"id\":\"app\","
    "\"department\":"
    "\"police\",\"uri\":\"vault://dev/"
    "app\"}],\"persons\":[{\"id\":\"p2\",\"department\":\"police\"}],\"officers\":[{\"id\":"
    "\"officer\",\"uri\":\"vault://dev/officer\"}],\"administrators\":[{\"id\":\"admin\",\"uri\":\"vault://dev/"
    "admin\"}]}";
static const char schema_text[] =
    "{\"collection\":\"residents\",\"natural_key\":\"id_number\",\"area\":\"residence_area\",\"fields\":["
    "{\"name\":\"id_number\",\"number\":1,\"label\":\"id\",\"format\":\"resident_id\",\"group\":\"identity\",\"class\":"
    "\"sensitive\","
    "\"level\":4,\"owner\":\"police\",\"term\":false},{\"name\":\"residence_area\",\"number\":18,\"label\":\"area\","
    "\"format\":"
    "\"division\",\"group\":\"residence\",\"class\":\"general\",\"level\":2,\"owner\":\"police\",\"term\":false}]}";

static manifest_body *body;
static cjose_jwk_t *key;

static json_t *must(json_t *value)
{
    if (!value) abort();
    return value;
}

static void set_up(void)
{
    cjose_err error;
    char text[2048];
    vault_error err = {0};
    if (body) return;
    key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    if (!key || !cjose_jwk_set_kid(key, "k", 1, &error)) abort();
    char *jwk = cjose_jwk_to_json(key, false, &error);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, principals, jwk);
#pragma GCC diagnostic pop
    cjose_get_dealloc()(jwk);
    documents docs = {{must(json_loads(schema_text, 0, NULL)), must(json_loads(text, 0, NULL)),
                       must(json_loads("{\"purposes\":[]}", 0, NULL)), must(json_loads("{\"rules\":[]}", 0, NULL))}};
    if (manifest_build(&body, "fuzz", &docs, NULL, &err) != VAULT_OK) abort();
    documents_clear(&docs);
}

static void verify(const char *jwt)
{
    const assertion_claims wanted = {
        .app = manifest_app(&body->m, (consumer_no){1}), .purpose = "care", .now_us = INT64_C(1795312800000000)};
    vault_error err = {0};
    assertion a;
    vault_code code = assertion_verify(&a, &body->m, jwt, &wanted, &err);
    if (code == VAULT_OK) {
        if (a.person != manifest_person(&body->m, "p2") || a.expires_us <= wanted.now_us) abort();
    } else if (code != VAULT_UNAUTHENTICATED || !err.reason || err.detail[0] || a.person) {
        abort();
    }
}

static void verify_signed(const uint8_t *data, size_t size)
{
    cjose_err error;
    const char *compact;
    cjose_header_t *header = cjose_header_new(&error);
    cjose_header_set(header, "alg", "ES256", &error);
    cjose_header_set(header, "kid", "k", &error);
    cjose_jws_t *jws = cjose_jws_sign(key, header, data, size, &error);
    if (jws && cjose_jws_export(jws, &compact, &error)) verify(compact);
    cjose_jws_release(jws);
    cjose_header_release(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char jwt[8192];
    set_up();
    if (size < 1 || size > sizeof jwt) return 0;
    if (data[0] == '{') verify_signed(data, size);
    memcpy(jwt, data, size - 1);
    jwt[size - 1] = '\0';
    verify(jwt);
    return 0;
}
