/* Any text as an assertion, and any text as signed claims: refused with a reason and without a word of the text in it,
 * or accepted for the one person that the register knows. */
#include "tests/fuzz/documents.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static manifest_body *body;
static cjose_jwk_t *key;

static void set_up(void)
{
    cjose_err error;
    vault_error err = {0};
    if (body) return;
    key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    if (!key || !cjose_jwk_set_kid(key, "k", 1, &error)) abort();
    char *text = cjose_jwk_to_json(key, false, &error);
    documents docs = fuzz_documents();
    json_t *departments = json_object_get(docs.of[DOC_PRINCIPALS], "departments");
    json_array_append_new(json_object_get(json_array_get(departments, 0), "assertion_keys"), json_loads(text, 0, NULL));
    cjose_get_dealloc()(text);
    if (manifest_build(&body, "fuzz", &docs, &err) != VAULT_OK) abort();
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
