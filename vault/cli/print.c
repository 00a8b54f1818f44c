#include "vault/cli/internal.h"

#include "vault/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- outcomes ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text) json_object_set_new(object, key, json_string(text));
}

json_t *outcome_json(const outcome *o)
{
    json_t *value = json_object();
    set_text(value, "code", outcome_name(o->code));
    set_text(value, "message", o->message);
    set_text(value, "reason", o->reason);
    set_text(value, "clause", o->clause);
    set_text(value, "field", o->field);
    set_text(value, "violation", o->violation);
    set_text(value, "why", o->why);
    set_text(value, "why_zh", o->why_zh);
    return value;
}

void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(value);
}

static void say_json(const char *where, const outcome *o)
{
    json_t *value = outcome_json(o), *whole = json_object();
    set_text(value, "item", where);
    json_object_set_new(whole, "error", value);
    json_dumpf(whole, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    json_decref(whole);
}

bool speaks_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *set = getenv(names[i]);
        if (set && *set) return strncmp(set, "zh", 2) == 0;
    }
    return false;
}

/* On a line of its own. */
static void say_why(const ctl *c, const outcome *o)
{
    const char *why = speaks_chinese() && o->why_zh[0] ? o->why_zh : o->why;
    if (*why) fprintf(stderr, "vaultctl:   %s\n", shown(c->mem, why));
}

void say_outcome(const ctl *c, const char *where, const outcome *o)
{
    if (c->options[OPT_JSON]) {
        say_json(where, o);
        return;
    }
    fprintf(stderr, "vaultctl: %s%s%s: %s", where ? where : "", where ? ": " : "", outcome_name(o->code), o->message);
    if (o->clause[0])
        fprintf(stderr, " (clause %s)", o->clause);
    else if (o->field[0])
        fprintf(stderr, " (%s: %s)", o->field, o->violation);
    else if (o->reason[0] && strcmp(o->reason, outcome_name(o->code)) != 0)
        fprintf(stderr, " (%s)", o->reason);
    fputc('\n', stderr);
    say_why(c, o);
}

void say_error(const vault_error *err)
{
    fprintf(stderr, "vaultctl: %s%s%s\n", err->detail, err->detail[0] && err->reason ? " " : "",
            err->reason ? err->reason : "");
}

json_t *base64_json(bytes b)
{
    char small[128], *text = small;
    size_t room = 4 * ((b.len + 2) / 3) + 1;
    VAULT_CLEANUP(arena_free) arena *mem = room > sizeof small ? arena_new(room + 64) : NULL;
    if (mem) text = arena_alloc(mem, room);
    if (!text) abort();
    base64_encode(text, b);
    return json_string(text);
}

json_t *hashes_json(const ProtobufCBinaryData *of, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(all, base64_json(bytes_of(of[i].data, of[i].len)));
    return all;
}

bool hashes_read(merkle_path *out, arena *mem, const ProtobufCBinaryData *from, size_t count)
{
    digest *all = arena_array(mem, count + 1, sizeof *all);
    if (!all) abort();
    for (size_t i = 0; i < count; i++) {
        if (from[i].len != DIGEST_LEN) return false;
        memcpy(all[i].at, from[i].data, DIGEST_LEN);
    }
    *out = (merkle_path){.at = all, .len = count};
    return true;
}

const char *time_text(arena *mem, const Google__Protobuf__Timestamp *t)
{
    char *text = t ? arena_alloc(mem, 32) : NULL;
    if (!text) return "";
    clock_format(text, t->seconds * 1000000 + t->nanos / 1000);
    return text;
}

/* ---- tables ---- */

table table_of(arena *mem, size_t columns, const char *const *heads)
{
    table t = {.mem = mem, .columns = columns};
    table_add(&t, heads);
    return t;
}

/* A terminal does not print it but obeys it: C0, DEL, and C1 in UTF-8 (U+009B begins what ESC [ begins). */
static bool is_command(const char *text, const char *at)
{
    const unsigned char c = (unsigned char)*at, next = (unsigned char)at[1];
    const bool first = c == 0xc2 && next >= 0x80 && next <= 0x9f;
    const bool second = at > text && (unsigned char)at[-1] == 0xc2 && c >= 0x80 && c <= 0x9f;
    return c < ' ' || c == 0x7f || first || second;
}

const char *shown(arena *mem, const char *text)
{
    char *copy = arena_text(mem, bytes_of_text(text));
    if (!copy) return "";
    for (size_t i = 0; copy[i]; i++)
        if (is_command(text, text + i)) copy[i] = '?';
    return copy;
}

void table_add(table *t, const char *const *cells)
{
    if (t->rows == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        const char **more = arena_array(t->mem, cap * t->columns, sizeof *more);
        if (!more) abort();
        if (t->rows > 0) memcpy(more, t->cells, t->rows * t->columns * sizeof *more);
        t->cells = more;
        t->cap = cap;
    }
    for (size_t i = 0; i < t->columns; i++)
        t->cells[t->rows * t->columns + i] = shown(t->mem, cells[i] ? cells[i] : "");
    t->rows++;
}

void print_text(FILE *to, const char *text)
{
    for (const char *at = text; *at; at++) putc(is_command(text, at) ? '?' : *at, to);
}

/* Columns on the terminal: an ideograph takes two. */
static size_t columns_of(const char *text)
{
    mbstate_t state = {0};
    size_t columns = 0, left = strlen(text);
    while (left > 0) {
        wchar_t c;
        size_t step = mbrtowc(&c, text, left, &state);
        if (step == 0 || step > left) return columns + left;
        int width = wcwidth(c);
        columns += width > 0 ? (size_t)width : 0;
        text += step;
        left -= step;
    }
    return columns;
}

/* No blanks at the end of a line. */
static void print_row(const table *t, const char *const *cells, const size_t *widest)
{
    size_t blanks = 0;
    for (size_t i = 0; i < t->columns; i++) {
        if (*cells[i]) {
            printf("%*s%s", (int)blanks, "", cells[i]);
            blanks = 0;
        }
        blanks += widest[i] - columns_of(cells[i]) + 2;
    }
    putchar('\n');
}

void table_print(const table *t)
{
    size_t *widest = arena_array(t->mem, t->columns, sizeof *widest);
    if (!widest) abort();
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t width = columns_of(t->cells[i]);
        if (width > widest[i % t->columns]) widest[i % t->columns] = width;
    }
    for (size_t r = 0; r < t->rows; r++) print_row(t, t->cells + r * t->columns, widest);
}
