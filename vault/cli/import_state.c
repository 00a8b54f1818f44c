/* The state of an import is written before its first part leaves and after each part that was acknowledged: whoever
 * kills the tool in between lets it send one part again, under the same request id, and the vault answers as it did. */
#include "vault/cli/import.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_FORMAT = 1 };

void state_clear(import_state *s)
{
    json_decref(s->settings);
    *s = (import_state){0};
}

void state_begin(import_state *s, const source *from, json_t *settings)
{
    uint8_t random[IMPORT_ID_LEN / 2];
    *s = (import_state){.settings = settings,
                        .size = from->size,
                        .mtime_us = from->mtime_us,
                        .offset = source_offset(from),
                        .line = from->line};
    if (RAND_bytes(random, sizeof random) != 1) abort();
    hex_encode(s->id, bytes_of(random, sizeof random));
    hex_encode(s->head, digest_bytes(&from->head));
}

bool state_is_of(const import_state *s, const source *from)
{
    char head[2 * DIGEST_LEN + 1];
    hex_encode(head, digest_bytes(&from->head));
    return s->size == from->size && s->mtime_us == from->mtime_us && strcmp(s->head, head) == 0;
}

const char *state_difference(const import_state *s, json_t *settings)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        if (!json_equal(value, json_object_get(s->settings, key))) return key;
    }
    return NULL;
}

/* ---- reading ---- */

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static vault_code read_counts(import_state *s, json_t *counts, vault_error *err)
{
    json_int_t rows, created, updated, unchanged, rejected, corrections;
    VAULT_TRY(json_shape(counts, err, "counts", "{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", &rows, "created", &created,
                         "updated", &updated, "unchanged", &unchanged, "rejected", &rejected, "corrections",
                         &corrections));
    if (rows < 0 || created < 0 || updated < 0 || unchanged < 0 || rejected < 0 || corrections < 0 ||
        rows != created + updated + unchanged + rejected)
        return vault_fail(err, VAULT_INVALID, "counts that do not add up");
    s->counts = (import_counts){.rows = (uint64_t)rows,
                                .created = (uint64_t)created,
                                .updated = (uint64_t)updated,
                                .unchanged = (uint64_t)unchanged,
                                .rejected = (uint64_t)rejected,
                                .corrections = (uint64_t)corrections};
    return VAULT_OK;
}

static vault_code read_shape(import_state *s, json_t *whole, vault_error *err)
{
    const char *id, *head;
    json_t *settings, *counts;
    json_int_t format, size, mtime, parts, offset, line, rejects_len;
    int complete;
    VAULT_TRY(json_shape(whole, err, "state", "{s:I, s:s, s:o, s:{s:I, s:I, s:s}, s:I, s:{s:I, s:I}, s:I, s:o, s:b}",
                         "format", &format, "import", &id, "settings", &settings, "file", "size", &size, "mtime_us",
                         &mtime, "head", &head, "parts", &parts, "next", "offset", &offset, "line", &line,
                         "rejects_length", &rejects_len, "counts", &counts, "complete", &complete));
    if (format != STATE_FORMAT || !is_hex(id, IMPORT_ID_LEN) || !is_hex(head, 2 * DIGEST_LEN) || size < 0 ||
        parts < 0 || offset < 0 || offset > size || line < 1 || rejects_len < 0 || !json_is_object(settings))
        return vault_fail(err, VAULT_INVALID, "values that an import never has");
    VAULT_TRY(read_counts(s, counts, err));
    memcpy(s->id, id, sizeof s->id);
    memcpy(s->head, head, sizeof s->head);
    s->settings = json_incref(settings);
    s->size = (uint64_t)size, s->mtime_us = mtime, s->parts = (uint64_t)parts;
    s->offset = (uint64_t)offset, s->line = (uint64_t)line, s->rejects_len = (uint64_t)rejects_len;
    s->complete = complete;
    return VAULT_OK;
}

vault_code state_read(import_state *s, const char *path, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    *s = (import_state){0};
    VAULT_TRY(json_read_file(&whole, path, err));
    return read_shape(s, whole, err);
}

/* ---- writing ---- */

json_t *counts_json(const import_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)c->rows, "created", (json_int_t)c->created,
                     "updated", (json_int_t)c->updated, "unchanged", (json_int_t)c->unchanged, "rejected",
                     (json_int_t)c->rejected, "corrections", (json_int_t)c->corrections);
}

static json_t *state_json(const import_state *s)
{
    return json_pack("{s:i, s:s, s:O, s:{s:I, s:I, s:s}, s:I, s:{s:I, s:I}, s:I, s:o, s:b}", "format", STATE_FORMAT,
                     "import", s->id, "settings", s->settings, "file", "size", (json_int_t)s->size, "mtime_us",
                     (json_int_t)s->mtime_us, "head", s->head, "parts", (json_int_t)s->parts, "next", "offset",
                     (json_int_t)s->offset, "line", (json_int_t)s->line, "rejects_length", (json_int_t)s->rejects_len,
                     "counts", counts_json(&s->counts), "complete", (int)s->complete);
}

vault_code state_write(const import_state *s, const char *path, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *whole = state_json(s);
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(JSON_FILE_LIMIT);
    size_t len = whole ? json_dumpb(whole, NULL, 0, JSON_INDENT(1)) : 0;
    char *text = len && mem ? arena_alloc(mem, len) : NULL;
    if (!text || json_dumpb(whole, text, len, JSON_INDENT(1)) != len)
        return vault_fail(err, VAULT_EXHAUSTED, "%s: no memory for the state", path);
    return file_replace(path, bytes_of(text, len), err);
}
