#include "vault/cli/rows.h"

#include "vault/base/json.h"
#include "vault/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADINGS_MEMORY = 8 << 20, HEADINGS_SPARE = 1 << 20 };

/* ---- the buffer ---- */

static bytes unread(const source *s)
{
    return bytes_of(s->buffer + s->start, s->end - s->start);
}

static void advance(source *s, size_t len)
{
    s->start += len;
}

/* Reads behind what is left, once. */
static vault_code pull(source *s, vault_error *err)
{
    ssize_t got;
    if (s->start > 0) {
        memmove(s->buffer, s->buffer + s->start, s->end - s->start);
        s->base += s->start;
        s->end -= s->start;
        s->start = 0;
    }
    do {
        got = read(s->fd, s->buffer + s->end, SOURCE_BUFFER - s->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot be read: %s", s->path, strerrordesc_np(errno));
    s->ended = got == 0;
    s->end += (size_t)got;
    return VAULT_OK;
}

/* A row is at least a ninth of the buffer smaller than it, so that pull has room whenever more is wanted. */
static vault_code next_frame(source *s, frame *out, vault_error *err)
{
    for (;;) {
        bytes data = unread(s);
        if (data.len == 0 && s->ended) return VAULT_NOT_FOUND;
        *out = s->jsonl ? line_frame(data, s->ended) : csv_frame(data, s->delimiter, s->ended);
        if (out->end != FRAME_MORE) return VAULT_OK;
        VAULT_TRY(pull(s, err));
    }
}

static vault_code skip_line(source *s, vault_error *err)
{
    for (;;) {
        bytes data = unread(s);
        const uint8_t *at = data.len ? memchr(data.at, '\n', data.len) : NULL;
        advance(s, at ? (size_t)(at - data.at) + 1 : data.len);
        s->line += at != NULL;
        if (at || s->ended) return VAULT_OK;
        VAULT_TRY(pull(s, err));
    }
}

/* ---- rows ---- */

static bool is_blank(const source *s, bytes body)
{
    for (size_t i = 0; s->jsonl && i < body.len; i++) {
        if (body.at[i] != ' ' && body.at[i] != '\t') return false;
    }
    return s->jsonl || body.len == 0;
}

static vault_code is_full(vault_error *err, const source *s)
{
    return vault_fail(err, VAULT_EXHAUSTED, "%s: line %zu: no memory for it", s->path, s->line);
}

static vault_code at_fault(row *out, const char *fault)
{
    out->fault = fault;
    out->raw = "";
    return VAULT_OK;
}

static char *readable(source *s, arena *mem, bytes body)
{
    char *text;
    size_t len;
    return decode(&s->decoder, mem, body, &text, &len) == DECODED ? text : decode_what_can_be(mem, body);
}

static vault_code read_csv(const source *s, arena *mem, row *out, char *text, size_t len)
{
    out->values = arena_array(mem, s->columns, sizeof *out->values);
    if (!out->values) return VAULT_EXHAUSTED;
    if (csv_split(out->values, s->columns, text, len, s->delimiter) == s->columns) return VAULT_OK;
    out->values = NULL;
    return at_fault(out, "WRONG_COLUMN_COUNT");
}

static size_t column_of(const source *s, const char *heading)
{
    size_t at = 0;
    while (at < s->columns && strcmp(s->headings[at], heading) != 0) at++;
    return at;
}

/* What is read as it was found has whole numbers, too, and nothing of other values. */
static char *member_text(arena *mem, const json_t *value)
{
    if (json_is_string(value)) return arena_text(mem, bytes_of(json_string_value(value), json_string_length(value)));
    return json_is_integer(value) ? arena_format(mem, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) : "";
}

static vault_code read_members(const source *s, arena *mem, row *out, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t column = column_of(s, key);
        out->fault_field = key;
        if (column == s->columns) return at_fault(out, "UNKNOWN_KEY");
        if (json_is_null(value)) continue;
        if (!json_is_string(value) && !s->as_found) return at_fault(out, "NOT_TEXT");
        if (!(out->values[column] = member_text(mem, value))) return VAULT_EXHAUSTED;
    }
    out->fault_field = "";
    return VAULT_OK;
}

static vault_code read_json(const source *s, arena *mem, row *out, char *text, size_t len)
{
    vault_error dropped = {0}; /* its text could quote a value */
    VAULT_CLEANUP(json_clear) json_t *object = NULL;
    if (json_read(&object, bytes_of(text, len), "line", &dropped) != VAULT_OK || !json_is_object(object))
        return at_fault(out, "BAD_JSON");
    out->values = arena_array(mem, s->columns, sizeof *out->values);
    if (!out->values) return VAULT_EXHAUSTED;
    for (size_t i = 0; i < s->columns; i++) out->values[i] = "";
    VAULT_TRY(read_members(s, mem, out, object));
    if (!out->fault) return VAULT_OK;
    out->values = NULL;
    out->fault_field = arena_text(mem, bytes_of_text(out->fault_field));
    return out->fault_field ? VAULT_OK : VAULT_EXHAUSTED;
}

static vault_code read_row(source *s, arena *mem, row *out, bytes body)
{
    char *text;
    size_t len;
    switch (decode(&s->decoder, mem, body, &text, &len)) {
    case DECODED:
        if (len > ROW_MAX) return at_fault(out, "TOO_LONG"); /* it has grown: no text that long is sent */
        return s->jsonl ? read_json(s, mem, out, text, len) : read_csv(s, mem, out, text, len);
    case DECODED_NOT:
        return at_fault(out, "BAD_ENCODING");
    case DECODED_CONTROL:
        return at_fault(out, "CONTROL_CHARACTER");
    default:
        return VAULT_EXHAUSTED;
    }
}

vault_code source_next(source *s, arena *mem, row *out, vault_error *err)
{
    frame f;
    bytes body;
    do {
        VAULT_TRY(next_frame(s, &f, err));
        *out = (row){.line = s->line, .fault_field = ""};
        body = bytes_of(s->buffer + s->start, f.body);
        advance(s, f.len);
        s->line += f.lines;
    } while (f.end == FRAME_ROW && is_blank(s, body));
    if (f.end == FRAME_LONG) {
        VAULT_TRY(skip_line(s, err));
        return at_fault(out, "TOO_LONG");
    }
    if (f.end == FRAME_BROKEN)
        (void)at_fault(out, "BROKEN_QUOTE");
    else if (read_row(s, mem, out, body) != VAULT_OK)
        return is_full(err, s);
    if (out->fault && !out->raw[0]) out->raw = readable(s, mem, body);
    return out->raw || !out->fault ? VAULT_OK : is_full(err, s);
}

uint64_t source_offset(const source *s)
{
    return s->base + s->start;
}

vault_code source_seek(source *s, uint64_t offset, size_t line, vault_error *err)
{
    if (!s->regular || offset > s->size || lseek(s->fd, (off_t)offset, SEEK_SET) < 0)
        return vault_fail(err, VAULT_INVALID, "%s: cannot go on in the middle of it", s->path);
    s->start = s->end = 0;
    s->base = offset;
    s->line = line;
    s->ended = false;
    return VAULT_OK;
}

/* ---- the beginning of the file ---- */

static vault_code look_at(source *s, vault_error *err)
{
    struct stat about;
    if (s->fd < 0 || fstat(s->fd, &about) != 0)
        return vault_fail(err, VAULT_INVALID, "%s: cannot be opened: %s", s->path, strerrordesc_np(errno));
    if (S_ISDIR(about.st_mode)) return vault_fail(err, VAULT_INVALID, "%s: a folder", s->path);
    s->regular = S_ISREG(about.st_mode);
    s->size = s->regular ? (uint64_t)about.st_size : 0;
    s->mtime_us = about.st_mtim.tv_sec * 1000000 + about.st_mtim.tv_nsec / 1000;
    while (!s->ended && s->end < SOURCE_BUFFER) VAULT_TRY(pull(s, err));
    s->head = sha256(unread(s));
    return VAULT_OK;
}

/* "[{", with blanks: no heading looks like it. */
static bool is_json_array(bytes start)
{
    bool open = false;
    for (size_t i = 0; i < start.len; i++) {
        if (start.at[i] && strchr(" \t\r\n", start.at[i])) continue;
        if (open || start.at[i] != '[') return open && strchr("{[\"]", start.at[i]) && start.at[i];
        open = true;
    }
    return false;
}

static vault_code pass_mark(source *s, vault_error *err)
{
    bytes start = unread(s);
    if (start.len >= 2 && (bytes_same(bytes_of(start.at, 2), bytes_of("\xFF\xFE", 2)) ||
                           bytes_same(bytes_of(start.at, 2), bytes_of("\xFE\xFF", 2))))
        return vault_fail(err, VAULT_INVALID, "%s: UTF-16; save it as CSV in UTF-8", s->path);
    advance(s, decoder_mark(&s->decoder, start));
    start = unread(s);
    if (is_json_array(start))
        return vault_fail(err, VAULT_INVALID, "%s: a JSON array: what is read is CSV, or JSON lines (jq -c '.[]')",
                          s->path);
    for (size_t i = 0; i < start.len && !s->jsonl && strchr(" \t\r\n{", start.at[i]) && start.at[i]; i++)
        s->jsonl = start.at[i] == '{';
    return VAULT_OK;
}

/* Rows of the beginning that are whole. */
static bool next_of_sample(const source *s, bytes *rest, bytes *body)
{
    if (rest->len == 0) return false;
    frame f = s->jsonl ? line_frame(*rest, s->ended) : csv_frame(*rest, s->delimiter, s->ended);
    if (f.end == FRAME_MORE) return false;
    *body = bytes_of(rest->at, f.body);
    *rest = bytes_of(rest->at + f.len, rest->len - f.len);
    return true;
}

static void learn_encoding(source *s)
{
    bytes rest = unread(s), body;
    while (next_of_sample(s, &rest, &body)) decoder_learn(&s->decoder, body);
}

static vault_code add_key(source *s, const char *key, vault_error *err)
{
    if (column_of(s, key) < s->columns) return VAULT_OK;
    if (s->columns == COLUMNS_MAX) return vault_fail(err, VAULT_INVALID, "%s: over %d keys", s->path, COLUMNS_MAX);
    s->headings[s->columns] = arena_text(s->mem, bytes_of_text(key));
    if (!s->headings[s->columns++]) return is_full(err, s);
    return VAULT_OK;
}

static vault_code add_keys(source *s, arena *spare, bytes body, vault_error *err)
{
    char *text;
    size_t len;
    vault_error dropped = {0};
    const char *key;
    json_t *value;
    VAULT_CLEANUP(json_clear) json_t *object = NULL;
    if (decode(&s->decoder, spare, body, &text, &len) != DECODED) return VAULT_OK;
    if (json_read(&object, bytes_of(text, len), "line", &dropped) != VAULT_OK) return VAULT_OK;
    json_object_foreach(object, key, value) VAULT_TRY(add_key(s, key, err));
    return VAULT_OK;
}

static vault_code learn_keys(source *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *spare = arena_new(HEADINGS_SPARE);
    bytes rest = unread(s), body;
    if (!spare) return is_full(err, s);
    while (next_of_sample(s, &rest, &body)) {
        VAULT_TRY(add_keys(s, spare, body, err));
        arena_reset(spare);
    }
    return s->columns ? VAULT_OK : vault_fail(err, VAULT_INVALID, "%s: no JSON object a line", s->path);
}

static vault_code read_headings(source *s, vault_error *err)
{
    char *text;
    size_t len;
    frame f;
    if (next_frame(s, &f, err) != VAULT_OK) return vault_fail(err, VAULT_INVALID, "%s: empty", s->path);
    bytes body = bytes_of(s->buffer + s->start, f.body);
    if (f.end != FRAME_ROW || decode(&s->decoder, s->mem, body, &text, &len) != DECODED)
        return vault_fail(err, VAULT_INVALID, "%s: line %zu: the headings cannot be read (%s)", s->path, s->line,
                          f.end == FRAME_BROKEN ? "a quote is wrong" : "too long, or neither UTF-8 nor GB18030");
    const char *end = strchr(text, '\r');
    if (end && end[1] != '\n')
        return vault_fail(err, VAULT_INVALID, "%s: its lines end without a line feed: save it as CSV anew", s->path);
    s->columns = csv_split(s->headings, COLUMNS_MAX, text, len, s->delimiter);
    if (s->columns > COLUMNS_MAX) return vault_fail(err, VAULT_INVALID, "%s: over %d columns", s->path, COLUMNS_MAX);
    if (s->columns == 1 && s->headings[0][strcspn(s->headings[0], ",;\t")])
        return vault_fail(err, VAULT_INVALID, "%s: one column only: is --delimiter another?", s->path);
    advance(s, f.len);
    s->line += f.lines;
    return VAULT_OK;
}

static vault_code skip_empty_lines(source *s)
{
    for (bytes rest = unread(s); rest.len > 0 && strchr("\r\n", rest.at[0]) && rest.at[0]; rest = unread(s)) {
        s->line += rest.at[0] == '\n';
        advance(s, 1);
    }
    return VAULT_OK;
}

static vault_code open_whole(source *s, const source_options *options, vault_error *err)
{
    VAULT_TRY(decoder_open(&s->decoder, options->encoding, err));
    VAULT_TRY(look_at(s, err));
    VAULT_TRY(pass_mark(s, err));
    VAULT_TRY(skip_empty_lines(s));
    learn_encoding(s);
    return s->jsonl ? learn_keys(s, err) : read_headings(s, err);
}

vault_code source_open(source *s, const source_options *options, vault_error *err)
{
    bool standard = strcmp(options->path, "-") == 0;
    *s = (source){.path = standard ? "standard input" : options->path,
                  .delimiter = options->delimiter,
                  .as_found = options->as_found,
                  .line = 1,
                  .fd = standard ? dup(STDIN_FILENO) : open(options->path, O_RDONLY | O_CLOEXEC | O_NOCTTY),
                  .mem = arena_new(HEADINGS_MEMORY),
                  .buffer = memory_new(SOURCE_BUFFER)};
    s->headings = s->mem ? arena_array(s->mem, COLUMNS_MAX, sizeof *s->headings) : NULL;
    vault_code code = s->headings ? open_whole(s, options, err) : is_full(err, s);
    if (code != VAULT_OK) source_close(s);
    return code;
}

void source_close(source *s)
{
    if (s->fd >= 0 && s->buffer) (void)close(s->fd);
    decoder_close(&s->decoder);
    memory_free(s->buffer, s->buffer ? SOURCE_BUFFER : 0);
    arena_free(&s->mem);
    *s = (source){.fd = -1};
}
