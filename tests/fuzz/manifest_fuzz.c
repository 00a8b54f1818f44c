/* Any text as one of the documents in the place of one of a small good set (the first byte chooses which): it is
 * refused with a fault, at a place of the text when the path is its own, or it is taken, and then the whole builds with
 * its domains, also from the canonical text, and again makes the same text. Domains and canaries, which nobody writes
 * but the vault, are read as strictly. */
#include "tests/fuzz/documents.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same_text(json_t *value)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 26);
    VAULT_CLEANUP(json_clear) json_t *again = NULL;
    vault_error err = {0};
    bytes first, second;
    if (document_canonical(&first, mem, value, &err) != VAULT_OK ||
        json_read(&again, first, "fuzz", &err) != VAULT_OK ||
        document_canonical(&second, mem, again, &err) != VAULT_OK || !bytes_same(first, second)) {
        abort();
    }
}

/* Every pair has a number, and completing once more changes nothing. */
static void expect_whole(document which, json_t *value)
{
    VAULT_CLEANUP(documents_clear) documents docs = fuzz_documents();
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    json_t *domains, *again;
    vault_error err = {0};
    json_decref(docs.of[which]);
    docs.of[which] = json_incref(value);
    if (domains_complete(&domains, &docs, &err) != VAULT_OK) abort();
    docs.of[DOC_DOMAINS] = domains;
    if (domains_complete(&again, &docs, &err) != VAULT_OK || !json_equal(domains, again)) abort();
    json_decref(again);
    if (manifest_build(&body, "fuzz", &docs, &err) != VAULT_OK) abort();
    for (size_t i = 0; i < body->domain_count; i++) {
        if (manifest_domain_number(&body->m, body->domains[i].number) != &body->domains[i]) abort();
    }
    expect_same_text(value);
}

/* One of the vault's own: sealed, but read as strictly. */
static void build_with_own(document which, bytes text)
{
    VAULT_CLEANUP(documents_clear) documents docs = fuzz_documents();
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    vault_error err = {0};
    if (json_read(&docs.of[which], text, "fuzz", &err) != VAULT_OK) return;
    vault_code code = manifest_build(&body, "fuzz", &docs, &err);
    if (code != VAULT_OK && (body || !err.detail[0] || !err.field[0])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    document_fault fault;
    if (size == 0) return 0;
    document which = (document)(data[0] % DOCUMENTS);
    bytes text = bytes_of(data + 1, size - 1);
    if (which >= DOC_DOMAINS) {
        build_with_own(which, text);
        return 0;
    }
    if (document_check(&fault, &value, &(document_given){which, text, 20260601}, fuzz_standing()))
        fuzz_expect_fault(&fault);
    else
        expect_whole(which, value);
    return 0;
}
