/* Receipts as vaultctl keeps them: {"format", "receipts": [{"first_line", "lines": [{"leaf", "resident_view",
 * "resident_salt"}], "path", "checkpoint"}]}, binary parts in base64. */
#include "vault/verify/verify.h"

#include <string.h>

#define RECEIPTS_FORMAT "resident-vault-receipts-1"
enum { LEAF_BYTES = 74, LEAF_RESIDENT = 42 };

typedef struct receipt {
    arena *mem;
    int64_t first;
    json_t *lines, *path;
    const char *checkpoint;
    digest *leaves, *hashes;
    size_t count, path_count;
} receipt;

static finding found(verdict v, const char *why)
{
    return (finding){.verdict = v, .why = why};
}

/* ---- reading ---- */

static bool read_base64(arena *mem, bytes *out, const char *text)
{
    size_t cap = text ? strlen(text) : 0, len;
    uint8_t *at = text ? arena_alloc(mem, cap + 1) : NULL;
    if (!at || !base64_decode(at, cap, &len, text, cap)) return false;
    *out = bytes_of(at, len);
    return true;
}

static finding read_line(receipt *r, json_t *value, digest *leaf_hash)
{
    static const char BROKEN[] = "a line of the receipt is malformed";
    const char *text = NULL, *view = NULL, *salt_text = NULL;
    vault_error dropped = {0};
    bytes leaf, salt;
    if (json_shape(value, &dropped, "line", "{s:s, s?s, s?s}", "leaf", &text, "resident_view", &view, "resident_salt",
                   &salt_text) != VAULT_OK ||
        !read_base64(r->mem, &leaf, text) || leaf.len != LEAF_BYTES || !view != !salt_text)
        return found(INCOMPLETE, BROKEN);
    *leaf_hash = merkle_leaf(leaf);
    if (!view) return found(VALID, "");
    if (!read_base64(r->mem, &salt, salt_text)) return found(INCOMPLETE, BROKEN);
    const bytes parts[] = {salt, bytes_of_text(view)};
    digest opened = sha256_parts(parts, 2);
    if (bytes_same(digest_bytes(&opened), bytes_of(leaf.at + LEAF_RESIDENT, DIGEST_LEN))) return found(VALID, "");
    return found(TAMPERED, "a resident's view does not open its leaf");
}

static finding read_lines(receipt *r)
{
    r->count = json_array_size(r->lines);
    r->leaves = arena_array(r->mem, r->count, sizeof *r->leaves);
    if (r->count == 0 || !r->leaves) return found(INCOMPLETE, "the receipt has no lines");
    for (size_t i = 0; i < r->count; i++) {
        finding f = read_line(r, json_array_get(r->lines, i), &r->leaves[i]);
        if (f.verdict != VALID) return f;
    }
    return found(VALID, "");
}

static finding read_path(receipt *r)
{
    bytes hash;
    r->path_count = json_array_size(r->path);
    if (r->path_count > MERKLE_PATH_MAX) return found(TAMPERED, "the path is longer than any");
    r->hashes = arena_array(r->mem, r->path_count + 1, sizeof *r->hashes);
    for (size_t i = 0; r->hashes && i < r->path_count; i++) {
        const char *text = json_string_value(json_array_get(r->path, i));
        if (!read_base64(r->mem, &hash, text) || hash.len != DIGEST_LEN)
            return found(INCOMPLETE, "a hash of the path is malformed");
        memcpy(r->hashes[i].at, hash.at, DIGEST_LEN);
    }
    return r->hashes ? found(VALID, "") : found(INCOMPLETE, "no memory for the path");
}

/* ---- one receipt ---- */

static bool read_shape(receipt *r, json_t *value)
{
    vault_error dropped = {0};
    json_int_t first = 0;
    vault_code code = json_shape(value, &dropped, "receipt", "{s:I, s:o, s:o, s:s}", "first_line", &first, "lines",
                                 &r->lines, "path", &r->path, "checkpoint", &r->checkpoint);
    r->first = first;
    return code == VAULT_OK && first >= 0 && first <= MERKLE_SIZE_MAX && json_is_array(r->lines) &&
           json_is_array(r->path);
}

static finding check_one(receipt *r, json_t *value, const key_list *keys)
{
    checkpoint head;
    if (!read_shape(r, value)) return found(INCOMPLETE, "the file does not hold a whole receipt");
    finding f = check_checkpoint(&head, bytes_of_text(r->checkpoint), keys);
    if (f.verdict == VALID) f = read_lines(r);
    if (f.verdict == VALID) f = read_path(r);
    if (f.verdict != VALID) return f;
    bool stands =
        merkle_verify_range(r->leaves, r->count, r->first, &head.tree, (merkle_path){r->hashes, r->path_count});
    return stands ? f : found(TAMPERED, "the lines do not lead to the root of the checkpoint");
}

finding check_receipts_file(arena *mem, bytes content, const key_list *keys)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    vault_error dropped = {0};
    const char *format = NULL;
    json_t *receipts = NULL;
    if (json_read(&whole, content, "receipts", &dropped) != VAULT_OK ||
        json_shape(whole, &dropped, "receipts", "{s:s, s:o}", "format", &format, "receipts", &receipts) != VAULT_OK ||
        strcmp(format, RECEIPTS_FORMAT) != 0 || json_array_size(receipts) == 0)
        return found(INCOMPLETE, "it is not a file of receipts");
    finding all = {.verdict = VALID, .why = "", .facts = NULL};
    json_t *told = json_array();
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        receipt r = {.mem = mem};
        finding f = check_one(&r, json_array_get(receipts, i), keys);
        verdict worst = verdict_worse(all.verdict, f.verdict);
        if (worst != all.verdict) all = f;
        json_array_append_new(told, json_pack("{s:I, s:I, s:s, s:s}", "first_line", (json_int_t)r.first, "lines",
                                              (json_int_t)r.count, "verdict", verdict_name(f.verdict), "why", f.why));
    }
    all.facts = json_pack("{s:o}", "receipts", told);
    return all;
}
