/* A file of JSON lines (or what the bytes turn out to be), read row by row to its end: every row has its texts or a
 * fault, rows begin on lines that grow, going on at a row gives the same row, and a row without a fault is what jansson
 * says. */
#include "vault/base/json.h"
#include "vault/cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT = 8192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const source *s, const row *r)
{
    if (r->fault) {
        if (!r->raw || !r->fault_field || r->values) abort();
        return;
    }
    for (size_t i = 0; i < s->columns; i++) {
        if (writing_of(bytes_of_text(r->values[i])) == WRITING_OTHER) abort();
    }
}

/* The line as jansson reads it has the same texts, and nothing else. */
static void check_json(const source *s, const row *r, bytes line)
{
    json_t *object = json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
    if (r->fault || writing_of(line) >= WRITING_EITHER) {
        if (object && !r->fault_field[0] && strcmp(r->fault, "BAD_JSON") == 0 && json_is_object(object) &&
            !memchr(line.at, '[', line.len) && !memchr(line.at + 1, '{', line.len - 1))
            abort(); /* depth alone may be refused */
        json_decref(object);
        return;
    }
    if (!json_is_object(object)) abort();
    for (size_t i = 0; i < s->columns; i++) {
        const char *text = json_string_value(json_object_get(object, s->headings[i]));
        if (strcmp(text ? text : "", r->values[i]) != 0) abort();
    }
    json_decref(object);
}

static bytes line_at(const uint8_t *data, size_t size, uint64_t offset)
{
    const uint8_t *end = memchr(data + offset, '\n', size - offset);
    size_t len = end ? (size_t)(end - data) - offset : size - offset;
    if (len > 0 && data[offset + len - 1] == '\r') len--;
    return bytes_of(data + offset, len);
}

static void go_on(source *s, arena *mem, uint64_t offset, size_t line, const row *wanted)
{
    vault_error err = {0};
    row r;
    if (source_seek(s, offset, line, &err) != VAULT_OK || source_next(s, mem, &r, &err) != VAULT_OK) abort();
    if (r.line != wanted->line || r.fault != wanted->fault) abort();
    for (size_t i = 0; !r.fault && i < s->columns; i++) {
        if (strcmp(r.values[i], wanted->values[i]) != 0) abort();
    }
}

static void read_all(source *s, arena *mem, const uint8_t *data, size_t size)
{
    vault_error err = {0};
    row r;
    for (size_t before = 0;; before = r.line) {
        uint64_t offset = source_offset(s);
        size_t line = s->line;
        vault_code code = source_next(s, mem, &r, &err);
        if (code == VAULT_NOT_FOUND) return;
        if (code != VAULT_OK || r.line <= before) abort();
        check_row(s, &r);
        if (s->jsonl && r.line == line) check_json(s, &r, line_at(data, size, offset));
        go_on(s, mem, offset, line, &r);
        arena_reset(mem);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    char path[64];
    vault_error err = {0};
    source s;
    if (!mem) mem = arena_new(4 << 20);
    if (size > LIMIT) return 0;
    int fd = memfd_create("jsonl", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (source_open(&s, &(source_options){.path = path, .delimiter = ','}, &err) == VAULT_OK) {
        read_all(&s, mem, data, size);
        source_close(&s);
    } else if (err.code != VAULT_INVALID || !err.detail[0]) {
        abort();
    }
    (void)close(fd);
    return 0;
}
