#include "vault/audit/tree_proof.h"

#include "vault/audit/note_parts.h"

#include <string.h>

static const char FIRST_LINE[] = "c2sp.org/tlog-proof@v1";

/* ---- reading ---- */

static bool cut_word(bytes *line, const char *word)
{
    size_t len = strlen(word);
    if (line->len <= len || memcmp(line->at, word, len) != 0) return false;
    *line = bytes_of(line->at + len, line->len - len);
    return true;
}

static bool read_extra(bytes *out, arena *mem, bytes text)
{
    size_t len = 0;
    uint8_t *at = text.len <= TLOG_EXTRA_MAX ? arena_alloc(mem, text.len + 1) : NULL;
    if (!at || !base64_decode(at, text.len, &len, (const char *)text.at, text.len)) return false;
    *out = bytes_of(at, len);
    return true;
}

/* Up to the empty line. */
static bool read_path(merkle_path *out, arena *mem, bytes *rest)
{
    bytes line;
    digest *path = arena_array(mem, MERKLE_PATH_MAX, sizeof *path);
    *out = (merkle_path){.at = path};
    while (path && note_cut(&line, rest, '\n')) {
        if (line.len == 0) return true;
        if (out->len == MERKLE_PATH_MAX || !note_read_hash(&path[out->len++], line)) return false;
    }
    return false;
}

bool tlog_proof_parse(tlog_proof *out, arena *mem, bytes text)
{
    bytes line, rest = text;
    *out = (tlog_proof){0};
    if (text.len > TLOG_PROOF_MAX || !note_cut(&line, &rest, '\n') || !bytes_same(line, bytes_of_text(FIRST_LINE)) ||
        !note_cut(&line, &rest, '\n'))
        return false;
    if (cut_word(&line, "extra ") && (!read_extra(&out->extra, mem, line) || !note_cut(&line, &rest, '\n')))
        return false;
    if (!cut_word(&line, "index ") || !note_read_size(&out->index, line) || out->index == MERKLE_SIZE_MAX) return false;
    if (!read_path(&out->path, mem, &rest)) return false;
    out->checkpoint = rest;
    return rest.len > 0;
}

/* ---- writing ---- */

static const char *add_line(arena *mem, const char *before, const char *word, bytes b)
{
    char *text = arena_alloc(mem, 4 * ((b.len + 2) / 3) + 1);
    if (!text || !before) return NULL;
    base64_encode(text, b);
    return arena_format(mem, "%s%s%s\n", before, word, text);
}

const char *tlog_proof_text(arena *mem, const tlog_proof *p)
{
    const char *text = arena_format(mem, "%s\n", FIRST_LINE);
    if (p->extra.len > 0) text = add_line(mem, text, "extra ", p->extra);
    if (text) text = arena_format(mem, "%sindex %lld\n", text, (long long)p->index);
    for (size_t i = 0; i < p->path.len; i++) text = add_line(mem, text, "", digest_bytes(&p->path.at[i]));
    return text ? arena_format(mem, "%s\n%.*s", text, (int)p->checkpoint.len, (const char *)p->checkpoint.at) : NULL;
}

/* ---- ranges ---- */

/* Hashes of one line's path, taken level by level. */
typedef struct ladder {
    int64_t index, size;
    merkle_path path;
    size_t next;
} ladder;

/* The sibling of the node above the line at this level, where it has one. */
static const digest *climb(ladder *l, unsigned level)
{
    int64_t node = l->index >> level;
    if (!(node & 1) && node == (l->size - 1) >> level) return NULL;
    return l->next < l->path.len ? &l->path.at[l->next++] : NULL;
}

/* What stands left of the range is in the path of its first line, what stands right of it in that of its last. */
vault_code merkle_range_path(merkle_path *out, arena *mem, const range_ends *ends, vault_error *err)
{
    ladder first = {.index = ends->first, .size = ends->size, .path = ends->of_first};
    ladder last = {.index = ends->last, .size = ends->size, .path = ends->of_last};
    if (first.index < 0 || first.index > last.index || last.index >= ends->size || ends->size > MERKLE_SIZE_MAX)
        return vault_fail(err, VAULT_INVALID, "no range of lines");
    digest *path = arena_array(mem, MERKLE_PATH_MAX, sizeof *path);
    if (!path) return vault_fail(err, VAULT_EXHAUSTED, "no room for a proof");
    *out = (merkle_path){.at = path};
    for (unsigned level = 0; (ends->size - 1) >> level > 0; level++) {
        const digest *left = climb(&first, level), *right = climb(&last, level);
        if (left && (first.index >> level & 1)) path[out->len++] = *left;
        if (right && !(last.index >> level & 1)) path[out->len++] = *right;
    }
    return VAULT_OK;
}
