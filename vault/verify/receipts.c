/* Receipts as vaultctl keeps them: {"format", "receipts": [{"first_line", "lines": [{"leaf", "resident_view",
 * "resident_salt", "officer_view", "officer_salt"}], "path", "checkpoint"}]}, binary parts in base64; views with their
 * salts are there or not. */
#include "vault/verify/verify.h"

#include <string.h>

#define RECEIPTS_FORMAT "resident-vault-receipts-1"
enum { LEAF_BYTES = 74, LEAF_OFFICER = 10, LEAF_RESIDENT = 42 };

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

/* The view and its salt, which are both there or neither: whether they open the hash that stands in the leaf. */
static finding check_view(receipt *r, const char *view, const char *salt_text, const uint8_t *hash)
{
    bytes salt;
    if (!view && !salt_text) return found(VALID, "");
    if (!view || !salt_text || !read_base64(r->mem, &salt, salt_text))
        return found(INCOMPLETE, "a line of the receipt is malformed");
    const bytes parts[] = {salt, bytes_of_text(view)};
    digest opened = sha256_parts(parts, 2);
    if (bytes_same(digest_bytes(&opened), bytes_of(hash, DIGEST_LEN))) return found(VALID, "");
    return found(TAMPERED, "a view does not open its leaf");
}

static finding read_line(receipt *r, json_t *value, digest *leaf_hash)
{
    const char *text = NULL, *view = NULL, *salt = NULL, *officer = NULL, *officer_salt = NULL;
    vault_error dropped = {0};
    bytes leaf;
    if (json_shape(value, &dropped, "line", "{s:s, s?s, s?s, s?s, s?s}", "leaf", &text, "resident_view", &view,
                   "resident_salt", &salt, "officer_view", &officer, "officer_salt", &officer_salt) != VAULT_OK ||
        !read_base64(r->mem, &leaf, text) || leaf.len != LEAF_BYTES)
        return found(INCOMPLETE, "a line of the receipt is malformed");
    *leaf_hash = merkle_leaf(leaf);
    finding f = check_view(r, view, salt, leaf.at + LEAF_RESIDENT);
    return f.verdict == VALID ? check_view(r, officer, officer_salt, leaf.at + LEAF_OFFICER) : f;
}

static finding read_lines(receipt *r)
{
    r->leaves = arena_array(r->mem, r->count, sizeof *r->leaves);
    if (r->count == 0 || !r->leaves) return found(INCOMPLETE, "the receipt has no lines");
    for (size_t i = 0; i < r->count; i++) {
        finding f = read_line(r, json_array_get(r->lines, i), &r->leaves[i]);
        if (f.verdict != VALID) return finding_at(f.verdict, f.why, "line %lld", (long long)r->first + (long long)i);
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
    if (code != VAULT_OK || first < 0 || first > MERKLE_SIZE_MAX || !json_is_array(r->lines) || !json_is_array(r->path))
        return false;
    r->first = first;
    r->count = json_array_size(r->lines);
    return true;
}

static finding check_one(receipt *r, json_t *value, const key_list *keys)
{
    checkpoint head;
    if (!read_shape(r, value)) return found(INCOMPLETE, "the file does not hold a whole receipt");
    finding f = check_checkpoint(&head, bytes_of_text(r->checkpoint), keys);
    size_t unchecked = f.unchecked;
    if (f.verdict == VALID) f = read_lines(r);
    if (f.verdict == VALID) f = read_path(r);
    if (f.verdict != VALID) return f;
    f.unchecked = unchecked;
    bool stands =
        merkle_verify_range(r->leaves, r->count, r->first, &head.tree, (merkle_path){r->hashes, r->path_count});
    if (stands) return f;
    return finding_at(TAMPERED, "the lines do not lead to the root of the checkpoint", "lines %lld to %lld",
                      (long long)r->first, (long long)r->first + (long long)r->count - 1);
}

/* Of the file's receipts; NULL: it is no such file. */
static json_t *read_file(json_t **whole, bytes content)
{
    vault_error dropped = {0};
    const char *format = NULL;
    json_t *receipts = NULL;
    if (json_read(whole, content, "receipts", &dropped) != VAULT_OK ||
        json_shape(*whole, &dropped, "receipts", "{s:s, s:o}", "format", &format, "receipts", &receipts) != VAULT_OK ||
        strcmp(format, RECEIPTS_FORMAT) != 0 || json_array_size(receipts) == 0)
        return NULL;
    return receipts;
}

bool receipts_leaf(bytes *out, arena *mem, bytes content, int64_t index)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    json_t *receipts = read_file(&whole, content);
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        receipt r = {.mem = mem};
        if (!read_shape(&r, json_array_get(receipts, i)) || index < r.first) continue;
        const json_t *one = json_array_get(r.lines, (size_t)(index - r.first));
        if (one && read_base64(mem, out, json_string_value(json_object_get(one, "leaf")))) return true;
    }
    return false;
}

finding check_receipts_file(arena *mem, bytes content, const key_list *keys)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    json_t *receipts = read_file(&whole, content);
    if (!receipts) return found(INCOMPLETE, "it is not a file of receipts");
    finding all = {.verdict = VALID, .why = "", .facts = NULL};
    json_t *told = json_array();
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        receipt r = {.mem = mem};
        finding f = check_one(&r, json_array_get(receipts, i), keys);
        verdict worst = verdict_worse(all.verdict, f.verdict);
        size_t unchecked = all.unchecked + f.unchecked;
        if (worst != all.verdict) all = f;
        all.unchecked = unchecked;
        json_array_append_new(told, json_pack("{s:I, s:I, s:s, s:s, s:s}", "first_line", (json_int_t)r.first, "lines",
                                              (json_int_t)r.count, "verdict", verdict_name(f.verdict), "why", f.why,
                                              "place", f.place));
    }
    all.facts = json_pack("{s:o}", "receipts", told);
    return all;
}
