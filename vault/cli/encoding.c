#include "vault/cli/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

static const struct encoding_row {
    const char *name;
    encoding encoding;
} names[] = {
    {"auto", ENCODING_AUTO}, {"utf-8", ENCODING_UTF8},     {"gb18030", ENCODING_GB18030},
    {"utf8", ENCODING_UTF8}, {"gb2312", ENCODING_GB18030}, {"gbk", ENCODING_GB18030},
};

bool encoding_named(encoding *out, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(names[i].name, name) != 0) continue;
        *out = names[i].encoding;
        return true;
    }
    return false;
}

const char *encoding_name(encoding e)
{
    return names[e].name;
}

row_writing writing_of(bytes row)
{
    size_t two = 0, more = 0;
    while (row.len > 0) {
        size_t len = utf8_sequence(row);
        if (len == 0) return WRITING_OTHER;
        two += len == 2;
        more += len > 2;
        row = bytes_of(row.at + len, row.len - len);
    }
    return more ? WRITING_UTF8 : two ? WRITING_EITHER : WRITING_ASCII;
}

vault_code decoder_open(decoder *d, encoding fixed, vault_error *err)
{
    iconv_t gb18030 = iconv_open("UTF-8", "GB18030");
    *d = (decoder){.fixed = fixed};
    if (gb18030 == (iconv_t)-1) return vault_fail(err, VAULT_UNAVAILABLE, "iconv has no GB18030 on this machine");
    d->gb18030 = gb18030;
    return VAULT_OK;
}

void decoder_close(decoder *d)
{
    if (d->gb18030) (void)iconv_close(d->gb18030);
    *d = (decoder){0};
}

size_t decoder_mark(decoder *d, bytes start)
{
    static const struct mark {
        bytes mark;
        encoding encoding;
    } marks[] = {{{(const uint8_t *)"\xEF\xBB\xBF", 3}, ENCODING_UTF8},
                 {{(const uint8_t *)"\x84\x31\x95\x33", 4}, ENCODING_GB18030}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        bytes mark = marks[i].mark;
        if (start.len < mark.len || !bytes_same(bytes_of(start.at, mark.len), mark)) continue;
        if (d->fixed == ENCODING_AUTO) d->fixed = marks[i].encoding;
        return d->fixed == marks[i].encoding ? mark.len : 0;
    }
    return 0;
}

void decoder_learn(decoder *d, bytes row)
{
    row_writing writing = writing_of(row);
    d->in_utf8 += writing == WRITING_UTF8;
    d->in_others += writing == WRITING_OTHER;
}

static encoding encoding_of(const decoder *d, row_writing writing)
{
    if (d->fixed != ENCODING_AUTO) return d->fixed;
    if (writing == WRITING_EITHER) return d->in_others > d->in_utf8 ? ENCODING_GB18030 : ENCODING_UTF8;
    return writing == WRITING_OTHER ? ENCODING_GB18030 : ENCODING_UTF8;
}

static decoded copy(arena *mem, bytes row, char **text, size_t *len)
{
    *text = arena_text(mem, row);
    *len = row.len;
    return *text ? DECODED : DECODED_FULL;
}

/* Two bytes become three at most, four become four. */
static decoded from_gb18030(decoder *d, arena *mem, bytes row, char **text, size_t *len)
{
    size_t room = row.len + row.len / 2 + 4, left = row.len, space = room;
    char *from = (char *)(uintptr_t)row.at, *to = *text = arena_alloc(mem, room + 1);
    if (!to) return DECODED_FULL;
    (void)iconv(d->gb18030, NULL, NULL, NULL, NULL);
    if (iconv(d->gb18030, &from, &left, &to, &space) == (size_t)-1 || left > 0) return DECODED_NOT;
    *len = room - space;
    return DECODED;
}

decoded decode(decoder *d, arena *mem, bytes row, char **text, size_t *len)
{
    row_writing writing = writing_of(row);
    *text = NULL;
    *len = 0;
    if (row.len > 0 && memchr(row.at, 0, row.len)) return DECODED_CONTROL;
    if (writing == WRITING_ASCII) return copy(mem, row, text, len);
    if (encoding_of(d, writing) == ENCODING_UTF8)
        return writing == WRITING_OTHER ? DECODED_NOT : copy(mem, row, text, len);
    decoded end = from_gb18030(d, mem, row, text, len);
    if (end != DECODED_NOT || d->fixed != ENCODING_AUTO || writing == WRITING_OTHER) return end;
    return copy(mem, row, text, len); /* well-formed UTF-8 after all */
}

char *decode_what_can_be(arena *mem, bytes row)
{
    static const uint8_t unknown[] = {0xEF, 0xBF, 0xBD};
    char *text = arena_alloc(mem, 3 * row.len + 1);
    writer w = writer_over(text, 3 * row.len);
    while (text && row.len > 0) {
        size_t len = row.at[0] ? utf8_sequence(row) : 0;
        put_bytes(&w, len ? bytes_of(row.at, len) : bytes_of(unknown, sizeof unknown));
        row = bytes_of(row.at + (len ? len : 1), row.len - (len ? len : 1));
    }
    return text;
}
