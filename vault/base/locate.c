/* Places in the text of a document that has been read: a path is walked over the text itself, without recursion, and
 * everything beside the path is skipped. */
#include "vault/base/json.h"

#include <string.h>

enum { DEPTH_LIMIT = 32 };

typedef struct cursor {
    bytes text;
    size_t at;
} cursor;

typedef enum found { FOUND, ABSENT, BROKEN } found;

static int here(const cursor *c)
{
    return c->at < c->text.len ? c->text.at[c->at] : -1;
}

static void skip_blank(cursor *c)
{
    while (here(c) == ' ' || here(c) == '\t' || here(c) == '\r' || here(c) == '\n') c->at++;
}

/* Past `wanted` and the blanks on both its sides. */
static bool take(cursor *c, char wanted)
{
    skip_blank(c);
    if (here(c) != wanted) return false;
    c->at++;
    skip_blank(c);
    return true;
}

static bool skip_text(cursor *c)
{
    if (here(c) != '"') return false;
    for (c->at++; here(c) >= ' '; c->at++) {
        if (here(c) == '"') {
            c->at++;
            return true;
        }
        c->at += here(c) == '\\';
    }
    return false;
}

static bool skip_word(cursor *c)
{
    size_t start = c->at;
    while (here(c) > ' ' && !strchr(",:[]{}\"", here(c))) c->at++;
    return c->at > start;
}

/* Brackets are counted, not matched: the text was read as JSON before. */
static bool skip_value(cursor *c)
{
    unsigned depth = 0;
    do {
        int byte = here(c);
        if (byte == '{' || byte == '[') {
            if (++depth > DEPTH_LIMIT) return false;
            c->at++;
        } else if (byte == '}' || byte == ']') {
            if (depth-- == 0) return false;
            c->at++;
        } else if (byte == ',' || byte == ':') {
            if (depth == 0) return false;
            c->at++;
        } else if (byte == '"' ? !skip_text(c) : !skip_word(c)) {
            return false;
        }
        if (depth > 0) skip_blank(c);
    } while (depth > 0);
    return true;
}

/* ---- keys, which may be written with escapes ---- */

static bool hex_unit(cursor *c, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < 4; i++, c->at++) {
        int digit = here(c);
        const char *hex = "0123456789abcdef", *found_at = digit > 0 ? strchr(hex, digit | 0x20) : NULL;
        if (!found_at) return false;
        *out = *out << 4 | (uint32_t)(found_at - hex);
    }
    return true;
}

static size_t encode(uint8_t out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6) out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)((0xf00 >> len & 0xf0) | code);
    return len;
}

/* What stands behind a backslash, as UTF-8; 0 for no escape. */
static size_t unescape(cursor *c, uint8_t out[4])
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint32_t unit, low;
    int letter = here(c);
    const char *simple = letter > 0 ? strchr(letters, letter) : NULL;
    c->at++;
    if (simple) {
        out[0] = (uint8_t)values[simple - letters];
        return 1;
    }
    if (letter != 'u' || !hex_unit(c, &unit)) return 0;
    if (unit < 0xd800 || unit > 0xdbff) return encode(out, unit);
    if (here(c) != '\\') return 0;
    c->at++;
    if (here(c) != 'u') return 0;
    c->at++;
    if (!hex_unit(c, &low) || low < 0xdc00 || low > 0xdfff) return 0;
    return encode(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
}

/* Whether the text at hand is the key; the cursor is behind it then, and anywhere in it otherwise. */
static bool same_key(cursor *c, bytes key)
{
    size_t done = 0;
    for (c->at++; here(c) >= 0 && here(c) != '"';) {
        uint8_t one[4] = {(uint8_t)here(c)};
        size_t len = 1;
        bool escaped = one[0] == '\\';
        c->at++;
        if (escaped) len = unescape(c, one);
        if (len == 0 || key.len - done < len || memcmp(key.at + done, one, len) != 0) return false;
        done += len;
    }
    return take(c, '"') && done == key.len;
}

/* ---- steps of a path ---- */

static found enter_key(cursor *c, bytes key)
{
    if (!take(c, '{')) return ABSENT;
    while (here(c) == '"') {
        cursor ahead = *c;
        bool same = same_key(&ahead, key);
        if (!skip_text(c) || !take(c, ':')) return BROKEN;
        if (same) return FOUND;
        if (!skip_value(c)) return BROKEN;
        if (!take(c, ',')) break;
    }
    return here(c) == '}' ? ABSENT : BROKEN;
}

static found enter_place(cursor *c, size_t place)
{
    if (!take(c, '[')) return ABSENT;
    if (here(c) == ']') return ABSENT;
    for (; place > 0; place--) {
        if (!skip_value(c)) return BROKEN;
        if (!take(c, ',')) return here(c) == ']' ? ABSENT : BROKEN;
    }
    return FOUND;
}

/* "key", ".key" or "[3]"; moves past it. ABSENT at the end, and for what is no path. */
static found enter(cursor *c, const char **path)
{
    size_t place = 0;
    if (**path == '[') {
        const char *digit = *path + 1;
        for (; *digit >= '0' && *digit <= '9' && place < JSON_FILE_LIMIT; digit++) {
            place = place * 10 + (size_t)(*digit - '0');
        }
        if (*digit != ']' || digit == *path + 1) return ABSENT;
        *path = digit + 1;
        return enter_place(c, place);
    }
    *path += **path == '.';
    size_t len = strcspn(*path, ".[");
    if (len == 0) return ABSENT;
    bytes key = bytes_of(*path, len);
    *path += len;
    return enter_key(c, key);
}

static json_place place_of(bytes text, size_t at)
{
    json_place p = {.line = 1, .column = 1};
    for (size_t i = 0; i < at; i++) {
        if (text.at[i] == '\n') p = (json_place){.line = p.line + 1};
        p.column += (text.at[i] & 0xc0) != 0x80;
    }
    return p;
}

bool json_locate(json_place *out, bytes text, const char *path)
{
    cursor c = {.text = text};
    *out = (json_place){0};
    skip_blank(&c);
    if (here(&c) != '{' && here(&c) != '[') return false;
    size_t best = c.at;
    for (found step = FOUND; *path && step == FOUND;) {
        step = enter(&c, &path);
        if (step == BROKEN || (step == FOUND && here(&c) < 0)) return false;
        if (step == FOUND) best = c.at;
    }
    *out = place_of(text, best);
    return true;
}
