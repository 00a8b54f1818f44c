#include "vault/cli/csv.h"

#include <string.h>

/* ---- framing ---- */

/* Behind the first line break of data, at most `most` bytes away; 0 when there is none. */
static size_t first_line(bytes data, size_t most)
{
    const uint8_t *at = data.len ? memchr(data.at, '\n', data.len < most ? data.len : most) : NULL;
    return at ? (size_t)(at - data.at) + 1 : 0;
}

static size_t without_break(bytes data, size_t len)
{
    if (len > 0 && data.at[len - 1] == '\n') len--;
    if (len > 0 && data.at[len - 1] == '\r') len--;
    return len;
}

static frame frame_of(frame_end end, bytes data, size_t len, size_t lines)
{
    return (frame){.end = end, .len = len, .body = without_break(data, len), .lines = lines};
}

static frame long_frame(bytes data)
{
    size_t len = data.len < ROW_MAX ? data.len : ROW_MAX;
    return (frame){.end = FRAME_LONG, .len = len, .body = len};
}

/* The line in which the record began, or as much of it as may be kept. */
static frame broken(bytes data, bool last)
{
    size_t len = first_line(data, ROW_MAX);
    if (len > 0) return frame_of(FRAME_BROKEN, data, len, 1);
    if (data.len >= ROW_MAX) return long_frame(data);
    return last ? frame_of(FRAME_BROKEN, data, data.len, 0) : (frame){.end = FRAME_MORE};
}

/* Past the closing quote of the field that opens at `at`; 0: it does not close in data. */
static size_t quoted_end(bytes data, size_t at, size_t *lines)
{
    for (at++; at < data.len; at++) {
        *lines += data.at[at] == '\n';
        if (data.at[at] != '"') continue;
        if (at + 1 < data.len && data.at[at + 1] == '"')
            at++;
        else
            return at + 1;
    }
    return 0;
}

typedef enum field_end { FIELD_GOES_ON, FIELD_DELIMITED, FIELD_ENDS_ROW, FIELD_BROKEN } field_end;

/* What stands behind a closing quote. */
static field_end behind_quote(bytes data, size_t *at, char delimiter, bool last)
{
    size_t left = data.len - *at;
    if (left == 0) return last ? FIELD_ENDS_ROW : FIELD_GOES_ON;
    if (data.at[*at] == (uint8_t)delimiter) return ++*at, FIELD_DELIMITED;
    if (data.at[*at] == '\n') return ++*at, FIELD_ENDS_ROW;
    if (data.at[*at] != '\r') return FIELD_BROKEN;
    if (left == 1) return last ? (++*at, FIELD_ENDS_ROW) : FIELD_GOES_ON;
    if (data.at[*at + 1] != '\n') return FIELD_BROKEN;
    *at += 2;
    return FIELD_ENDS_ROW;
}

static field_end plain_end(bytes data, size_t *at, char delimiter, bool last)
{
    for (; *at < data.len; ++*at) {
        uint8_t c = data.at[*at];
        if (c == (uint8_t)delimiter) return ++*at, FIELD_DELIMITED;
        if (c == '\n') return ++*at, FIELD_ENDS_ROW;
        if (c == '"') return FIELD_BROKEN;
    }
    return last ? FIELD_ENDS_ROW : FIELD_GOES_ON;
}

static field_end next_field(bytes data, size_t *at, size_t *lines, char delimiter, bool last)
{
    if (*at >= data.len || data.at[*at] != '"') return plain_end(data, at, delimiter, last);
    size_t end = quoted_end(data, *at, lines);
    if (end == 0) return last ? FIELD_BROKEN : FIELD_GOES_ON;
    /* A quote at the very end of what was read may be the first of two. */
    if (end == data.len && !last) return FIELD_GOES_ON;
    *at = end;
    return behind_quote(data, at, delimiter, last);
}

frame csv_frame(bytes data, char delimiter, bool last)
{
    bytes seen = bytes_of(data.at, data.len < ROW_MAX ? data.len : ROW_MAX);
    bool whole = last && seen.len == data.len;
    size_t at = 0, lines = 0;
    field_end end = FIELD_DELIMITED;
    while (end == FIELD_DELIMITED) end = next_field(seen, &at, &lines, delimiter, whole);
    if (end == FIELD_BROKEN) return broken(data, last);
    if (end == FIELD_ENDS_ROW) {
        bool ended = at > 0 && seen.at[at - 1] == '\n';
        return frame_of(FRAME_ROW, seen, at, lines + ended);
    }
    if (seen.len < ROW_MAX) return (frame){.end = FRAME_MORE};
    /* Too long, or a quote that nobody closes: lines over which it went are rows of their own. */
    return lines > 0 ? broken(data, last) : long_frame(data);
}

frame line_frame(bytes data, bool last)
{
    size_t len = first_line(data, ROW_MAX);
    if (len > 0) return frame_of(FRAME_ROW, data, len, 1);
    if (data.len >= ROW_MAX) return long_frame(data);
    return last ? frame_of(FRAME_ROW, data, data.len, 0) : (frame){.end = FRAME_MORE};
}

/* ---- taking apart ---- */

/* Moves the text of a quoted field to its opening quote; *at ends behind the closing one. */
static char *unquote(char *text, size_t len, size_t *at)
{
    char *start = text + *at, *to = start;
    for (++*at; *at < len; ++*at) {
        if (text[*at] == '"' && (*at + 1 >= len || text[*at + 1] != '"')) break;
        if (text[*at] == '"') ++*at;
        *to++ = text[*at];
    }
    if (*at < len) ++*at;
    *to = '\0';
    return start;
}

size_t csv_split(char **out, size_t cap, char *text, size_t len, char delimiter)
{
    size_t count = 0, at = 0;
    for (bool more = true; more; count++) {
        char *field = text + at;
        if (at < len && text[at] == '"') field = unquote(text, len, &at);
        while (at < len && text[at] != delimiter) at++;
        more = at < len;
        text[at++] = '\0';
        if (count < cap) out[count] = field;
    }
    return count;
}

/* ---- writing ---- */

static bool needs_quotes(bytes text, char delimiter)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '"' || c == '\n' || c == '\r' || c == (uint8_t)delimiter) return true;
    }
    return false;
}

void csv_put(writer *w, bytes text, char delimiter, char behind)
{
    if (needs_quotes(text, delimiter)) {
        put_u8(w, '"');
        for (size_t i = 0; i < text.len; i++) {
            if (text.at[i] == '"') put_u8(w, '"');
            put_u8(w, text.at[i]);
        }
        put_u8(w, '"');
    } else {
        put_bytes(w, text);
    }
    put_u8(w, (uint8_t)behind);
}
