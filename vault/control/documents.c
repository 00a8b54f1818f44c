/* The four documents, as files and as one canonical text. */
#include "vault/control/internal.h"

#include <stdio.h>
#include <string.h>

const char *document_name(document d)
{
    static const char *const names[DOCUMENTS] = {"schema", "principals", "purposes", "policy"};
    return names[d];
}

void documents_clear(documents *d)
{
    for (unsigned i = 0; i < DOCUMENTS; i++) json_clear(&d->of[i]);
}

vault_code documents_read(documents *out, const char *folder, vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents read = {0};
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        char path[4096];
        int len = snprintf(path, sizeof path, "%s/%s.json", folder, document_name((document)i));
        if (len < 0 || (size_t)len >= sizeof path)
            return vault_fail(err, VAULT_INVALID, "the folder's path is too long");
        VAULT_TRY(json_read_file(&read.of[i], path, err));
    }
    *out = read;
    read = (documents){0};
    return VAULT_OK;
}

static json_t *domain_numbers(const manifest_body *b)
{
    json_t *numbers = json_array();
    /* The order of the document, not that of the look-up: the same walk over purposes and consumers as at loading. */
    size_t i, j;
    json_t *entry, *consumer;
    json_array_foreach(json_object_get(b->docs.of[DOC_PURPOSES], "purposes"), i, entry)
    {
        json_array_foreach(json_object_get(entry, "consumers"), j, consumer)
        {
            consumer_no no = find_consumer(b, json_string_value(consumer));
            json_array_append_new(numbers, json_integer(manifest_domain(&b->m, no, b->purposes[i].no)->number));
        }
    }
    return numbers;
}

vault_code manifest_text(bytes *out, arena *mem, const manifest_body *b, vault_error *err)
{
    VAULT_CLEANUP(json_clear)
    json_t *all = json_pack("{s:s, s:O, s:O, s:O, s:O, s:o}", "vault", b->m.vault, "schema", b->docs.of[DOC_SCHEMA],
                            "principals", b->docs.of[DOC_PRINCIPALS], "purposes", b->docs.of[DOC_PURPOSES], "policy",
                            b->docs.of[DOC_POLICY], "domains", domain_numbers(b));
    if (!all) return vault_fail(err, VAULT_INTERNAL, "manifest: cannot be written as JSON");
    const size_t flags = JSON_SORT_KEYS | JSON_COMPACT;
    size_t len = json_dumpb(all, NULL, 0, flags);
    char *text = arena_alloc(mem, len);
    if (len == 0 || !text) return vault_fail(err, VAULT_EXHAUSTED, "manifest: %zu bytes do not fit", len);
    json_dumpb(all, text, len, flags);
    *out = bytes_of(text, len);
    return VAULT_OK;
}

vault_code manifest_parse(manifest_body **out, bytes text, const char *vault, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *all = NULL;
    documents docs; /* borrowed from `all` */
    const char *name;
    json_t *numbers;
    *out = NULL;
    VAULT_TRY(json_read(&all, text, "manifest", err));
    VAULT_TRY(json_shape(all, err, "manifest", "{s:s, s:o, s:o, s:o, s:o, s:o}", "vault", &name, "schema",
                         &docs.of[DOC_SCHEMA], "principals", &docs.of[DOC_PRINCIPALS], "purposes",
                         &docs.of[DOC_PURPOSES], "policy", &docs.of[DOC_POLICY], "domains", &numbers));
    if (strcmp(name, vault) != 0) return vault_fail(err, VAULT_INTEGRITY, "manifest: of another vault");
    return manifest_build(out, vault, &docs, numbers, err);
}
