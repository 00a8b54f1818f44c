/* Rows found in pieces against a slow reader of the whole text, one character at a time; and what is written is read
 * again. The first byte chooses the delimiter. */
#include "vault/cli/csv.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = 64, LIMIT = 4096 };

typedef struct slow {
    bool broken;
    size_t end, lines, count;
    char fields[FIELDS][LIMIT];
    size_t lens[FIELDS];
} slow;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep(slow *s, uint8_t c)
{
    if (s->count < FIELDS) s->fields[s->count][s->lens[s->count]++] = (char)c;
}

static bool line_ends(const uint8_t *d, size_t len, size_t at)
{
    return at == len || d[at] == '\n' || (d[at] == '\r' && (at + 1 == len || d[at + 1] == '\n'));
}

static bool break_row(slow *s, const uint8_t *d, size_t len)
{
    s->broken = true;
    for (s->end = 0; s->end < len && d[s->end] != '\n'; s->end++) {}
    s->lines = s->end < len;
    s->end += s->end < len;
    return false;
}

/* Past a quoted field's text; its closing quote is behind it, or the end. */
static size_t read_quoted(slow *s, const uint8_t *d, size_t len, size_t at)
{
    while (at < len) {
        if (d[at] == '"' && !(at + 1 < len && d[at + 1] == '"')) return at;
        at += d[at] == '"';
        s->lines += d[at] == '\n';
        keep(s, d[at++]);
    }
    return at;
}

static bool read_slowly(slow *s, const uint8_t *d, size_t len, uint8_t delimiter)
{
    memset(s, 0, sizeof *s);
    for (size_t at = 0;; at++, s->count++) {
        if (at < len && d[at] == '"') {
            at = read_quoted(s, d, len, at + 1);
            if (at++ == len) return break_row(s, d, len);
            if (!line_ends(d, len, at) && d[at] != delimiter) return break_row(s, d, len);
        } else {
            for (; !line_ends(d, len, at) && d[at] != delimiter; at++) {
                if (d[at] == '"') return break_row(s, d, len);
                keep(s, d[at]);
            }
        }
        if (at < len && d[at] == delimiter) continue;
        s->count++;
        while (at < len && d[at] != '\n') at++;
        s->lines += at < len;
        s->end = at + (at < len);
        return true;
    }
}

/* However the text is cut, the answer is "more", or the one that the whole gives. */
static void in_pieces(bytes data, const frame *whole, char delimiter)
{
    for (size_t cut = 0; cut < data.len; cut += 1 + cut / 8) {
        frame f = csv_frame(bytes_of(data.at, cut), delimiter, false);
        bool same = f.end == whole->end && f.len == whole->len && f.body == whole->body && f.lines == whole->lines;
        if (f.end != FRAME_MORE && !same) abort();
    }
}

static void same(const frame *f, const slow *s, bytes data, char delimiter)
{
    static char text[LIMIT + 1], *fields[FIELDS];
    if ((f->end == FRAME_BROKEN) != s->broken || f->len != s->end || f->lines != s->lines) abort();
    if (s->broken) return;
    memcpy(text, data.at, f->body);
    if (csv_split(fields, FIELDS, text, f->body, delimiter) != s->count) abort();
    for (size_t i = 0; i < s->count && i < FIELDS; i++) {
        if (memcmp(fields[i], s->fields[i], s->lens[i]) != 0 || fields[i][s->lens[i]]) abort();
    }
}

static void write_and_read(const slow *s, char delimiter)
{
    static uint8_t room[3 * LIMIT + 3 * FIELDS];
    static char *fields[FIELDS];
    writer w = writer_over(room, sizeof room);
    size_t count = s->count < FIELDS ? s->count : FIELDS;
    for (size_t i = 0; i < count; i++)
        csv_put(&w, bytes_of(s->fields[i], s->lens[i]), delimiter, i + 1 < count ? delimiter : '\n');
    frame f = csv_frame(writer_bytes(&w), delimiter, true);
    if (f.end != FRAME_ROW || f.len != w.len) abort();
    if (csv_split(fields, FIELDS, (char *)room, f.body, delimiter) != count) abort();
    for (size_t i = 0; i < count; i++) {
        if (memcmp(fields[i], s->fields[i], s->lens[i]) != 0 || fields[i][s->lens[i]]) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static slow s;
    if (size == 0 || size > LIMIT) return 0;
    char delimiter = ",;\t"[data[0] % 3];
    for (bytes rest = bytes_of(data + 1, size - 1); rest.len > 0;) {
        frame f = csv_frame(rest, delimiter, true);
        if (f.end != FRAME_ROW && f.end != FRAME_BROKEN) abort();
        (void)read_slowly(&s, rest.at, rest.len, (uint8_t)delimiter);
        same(&f, &s, rest, delimiter);
        in_pieces(rest, &f, delimiter);
        if (!s.broken) write_and_read(&s, delimiter);
        rest = bytes_of(rest.at + f.len, rest.len - f.len);
    }
    return 0;
}
