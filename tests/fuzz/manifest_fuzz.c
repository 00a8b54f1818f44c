/* Any text as one of the four documents beside the three of a small good set (the first byte chooses which), and as a
 * whole manifest: it is refused with a reason, or builds, and is then the same text when it is written and read again.
 */
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const good[DOCUMENTS] = {
    "{\"collection\":\"residents\",\"natural_key\":\"id_number\",\"area\":\"residence_area\",\"fields\":["
    "{\"name\":\"id_number\",\"number\":1,\"label\":\"id\",\"format\":\"resident_id\",\"group\":\"identity\",\"class\":"
    "\"sensitive\","
    "\"level\":4,\"owner\":\"police\",\"term\":false},{\"name\":\"residence_area\",\"number\":18,\"label\":\"area\","
    "\"format\":"
    "\"division\",\"group\":\"residence\",\"class\":\"general\",\"level\":2,\"owner\":\"police\",\"term\":false}]}",
    "{\"departments\":[{\"id\":\"police\",\"name\":\"p\",\"assertion_keys\":[]}],\"apps\":[{\"id\":\"app\","
    "\"department\":\"police\","
    "\"uri\":\"vault://dev/"
    "app\"}],\"persons\":[{\"id\":\"p2\",\"department\":\"police\"}],\"officers\":[{\"id\":\"officer\",\"uri\":"
    "\"vault://dev/officer\"}],\"administrators\":[{\"id\":\"admin\",\"uri\":\"vault://dev/admin\"}]}",
    "{\"purposes\":[{\"id\":\"care\",\"title\":\"t\",\"basis\":\"b\",\"consumers\":[\"app\"]}]}",
    "{\"rules\":[{\"id\":\"r\",\"action\":\"reveal\",\"consumer\":\"app\",\"purpose\":\"care\",\"fields\":[\"id_"
    "number\"],\"form\":"
    "\"plain\",\"areas\":[\"32\"],\"acting\":\"app\",\"valid\":{\"from\":\"2026-01-01\",\"until\":\"2026-12-31\"}}]}"};

static void write_and_read(manifest_body *body)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 26);
    VAULT_CLEANUP(manifest_free) manifest_body *again = NULL;
    vault_error err = {0};
    bytes first, second;
    if (manifest_text(&first, mem, body, &err) != VAULT_OK || manifest_parse(&again, first, "fuzz", &err) != VAULT_OK ||
        manifest_text(&second, mem, again, &err) != VAULT_OK || !bytes_same(first, second)) {
        abort();
    }
}

static void finish(vault_code code, manifest_body *body, const vault_error *err)
{
    if (code == VAULT_OK)
        write_and_read(body);
    else if (!err->detail[0] || body)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    vault_error err = {0};
    bytes text = bytes_of(data + 1, size - 1);
    unsigned which = data[0] % (DOCUMENTS + 1);
    if (which == DOCUMENTS) {
        vault_code code = manifest_parse(&body, text, "fuzz", &err);
        finish(code, body, &err);
        return 0;
    }
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        bytes one = i == which ? text : bytes_of_text(good[i]);
        if (json_read(&docs.of[i], one, "fuzz", &err) != VAULT_OK) return 0;
    }
    vault_code code = manifest_build(&body, "fuzz", &docs, NULL, &err);
    finish(code, body, &err);
    return 0;
}
