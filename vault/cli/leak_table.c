#include "vault/cli/leak_table.h"

#include "vault/cli/mapping.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_ROWS = 200, FIRST_LINE = 4096, TOKEN_LEAST = 24, LOOK_LEAST_PERCENT = 60 };

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "the list is too large to be held");
}

/* ---- what a text looks like ---- */

static size_t digits_in(const char *text)
{
    return strspn(text, "0123456789");
}

/* Characters of three bytes that are Han; -1: something else stands there, too. */
static long han_in(const char *text)
{
    long count = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        if (at[0] == 0xc2 && at[1] == 0xb7) { /* the point in minority names */
            at += 2;
            continue;
        }
        if ((at[0] & 0xf0) != 0xe0 || at[0] < 0xe3 || at[0] > 0xe9 || !at[1] || !at[2]) return -1;
        at += 3;
        count++;
    }
    return count;
}

static bool looks_like_address(const char *text)
{
    static const char *const parts[] = {"路", "街", "号", "村", "室", "弄", "巷", "幢", "栋"};
    unsigned found = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) found += strstr(text, parts[i]) != NULL;
    return found >= 2 || (found == 1 && strlen(text) >= 18);
}

looks looks_of(const char *text)
{
    const size_t len = strlen(text), digits = digits_in(text);
    if (strncmp(text, "rv1", 3) == 0 && len >= TOKEN_LEAST) return LOOKS_TOKEN;
    if (len == 18 && (digits == 18 || (digits == 17 && (text[17] == 'X' || text[17] == 'x')))) return LOOKS_ID;
    if (len == 11 && digits == 11 && text[0] == '1' && text[1] >= '3') return LOOKS_MOBILE;
    if (len == 8 && digits == 8 && (text[0] == '1' ? text[1] >= '8' : strncmp(text, "20", 2) == 0)) return LOOKS_DATE;
    if (looks_like_address(text)) return LOOKS_ADDRESS;
    const long han = han_in(text);
    return han >= 2 && han <= 15 && (han <= 4 || strstr(text, "\xc2\xb7")) ? LOOKS_NAME : LOOKS_UNKNOWN;
}

/* The field of the collection that such values are of; NULL: it has none. */
static const char *field_like(const Vault__V1__Collection *of, looks what)
{
    static const char *const formats[] = {
        [LOOKS_ID] = "resident_id", [LOOKS_MOBILE] = "mobile", [LOOKS_DATE] = "date", [LOOKS_NAME] = "person_name"};
    if (what == LOOKS_TOKEN) return "token";
    for (size_t i = 0; what != LOOKS_UNKNOWN && i < of->n_fields; i++) {
        const Vault__V1__Field *f = of->fields[i];
        if (what == LOOKS_ADDRESS ? strcmp(f->name, "residence_address") == 0 : strcmp(f->format, formats[what]) == 0)
            return f->name;
    }
    return NULL;
}

/* ---- the file ---- */

/* Whatever stands most often in the first line; a comma where nothing does. */
static char delimiter_of(const char *path)
{
    static const char all[] = {',', '\t', ';', '|'};
    char text[FIRST_LINE + 1];
    size_t count[sizeof all] = {0}, best = 0;
    struct stat is;
    const bool again = stat(path, &is) == 0 && S_ISREG(is.st_mode); /* what a pipe gives, it gives once */
    int fd = again ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd < 0 ? 0 : read(fd, text, FIRST_LINE);
    if (fd >= 0) close(fd);
    for (ssize_t i = 0; i < got && text[i] != '\n'; i++)
        for (size_t k = 0; k < sizeof all; k++) count[k] += text[i] == all[k];
    for (size_t k = 1; k < sizeof all; k++)
        if (count[k] > count[best]) best = k;
    return all[best];
}

static char *trimmed(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r')) text[--len] = '\0';
    return text;
}

/* Where the newest of `total` rows goes, so that each one is as likely to be among those that are taken (Vitter's
 * algorithm R): who has written the list does not choose them. rows_most: nowhere. */
static size_t drawn_place(const leak_table *out)
{
    if (out->row_count < out->rows_most) return out->row_count;
    const uint32_t all = out->total > UINT32_MAX ? UINT32_MAX : (uint32_t)out->total;
    const uint32_t at = arc4random_uniform(all);
    return at < out->rows_most ? at : out->rows_most;
}

static vault_code add_row(leak_table *out, arena *mem, char *const *values, vault_error *err)
{
    out->total++;
    const size_t place = drawn_place(out);
    if (place == out->rows_most) return VAULT_OK;
    Vault__V1__LeakRow *one = arena_alloc(mem, sizeof *one);
    if (!one) return no_room(err);
    vault__v1__leak_row__init(one);
    if (!(one->values = arena_array(mem, out->column_count + 1, sizeof *one->values))) return no_room(err);
    for (size_t i = 0; i < out->column_count; i++) {
        char *text = arena_text(mem, bytes_of_text(values[i] ? values[i] : ""));
        if (!text) return no_room(err);
        text = trimmed(text);
        if (strlen(text) > LEAK_TEXT_MOST) text[0] = '\0';
        one->values[one->n_values++] = text;
    }
    out->rows[place] = one;
    out->row_count += place == out->row_count;
    return VAULT_OK;
}

/* A first line that holds what residents have is no line of headings. */
static bool is_headless(const source *s)
{
    for (size_t i = 0; !s->jsonl && i < s->columns; i++) {
        const looks what = looks_of(s->headings[i]);
        if (what == LOOKS_TOKEN || what == LOOKS_ID || what == LOOKS_MOBILE) return true;
    }
    return false;
}

static vault_code read_rows(leak_table *out, source *s, arena *mem, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(SOURCE_BUFFER * 8);
    const size_t room = LEAK_VALUES_MOST / (out->column_count + 1);
    out->rows_most = room < LEAK_ROWS_MOST ? room : LEAK_ROWS_MOST;
    out->rows = arena_array(mem, out->rows_most, sizeof *out->rows);
    if (!out->rows || !each) return no_room(err);
    if (out->headless) VAULT_TRY(add_row(out, mem, s->headings, err));
    for (;;) {
        row one;
        arena_reset(each);
        vault_code code = source_next(s, each, &one, err);
        if (code == VAULT_NOT_FOUND) return vault_error_clear(err), VAULT_OK;
        VAULT_TRY(code);
        if (one.fault) {
            out->total++;
            out->faulty++;
            continue;
        }
        VAULT_TRY(add_row(out, mem, one.values, err));
    }
}

/* ---- columns ---- */

static bool taken(const leak_table *t, const char *field)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i] && strcmp(t->columns[i], field) == 0 && strcmp(field, "token") != 0) return true;
    return false;
}

static const char *by_heading(const leak_reading *how, arena *mem, const char *heading)
{
    static const char *const tokens[] = {"token", "令牌", "假名", "pseudonym", "代码"};
    const char *wanted = heading_canonical(mem, heading);
    for (size_t i = 0; wanted && i < sizeof tokens / sizeof *tokens; i++)
        if (strcmp(wanted, tokens[i]) == 0) return "token";
    const Vault__V1__Field *f = heading_field(how->of, mem, heading);
    return f ? f->name : NULL;
}

static const char *by_content(const leak_table *t, const leak_reading *how, size_t column)
{
    size_t count[LOOKS_ADDRESS + 1] = {0}, given = 0, best = LOOKS_UNKNOWN;
    for (size_t i = 0; i < t->row_count && i < LOOK_ROWS; i++) {
        const char *text = t->rows[i]->values[column];
        if (!text[0]) continue;
        count[looks_of(text)]++;
        given++;
    }
    for (size_t k = LOOKS_TOKEN; k <= LOOKS_ADDRESS; k++)
        if (best == LOOKS_UNKNOWN || count[k] > count[best]) best = k;
    return given && 100 * count[best] >= LOOK_LEAST_PERCENT * given ? field_like(how->of, (looks)best) : NULL;
}

static void recognise(leak_table *t, arena *mem, const leak_reading *how)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const char *name = t->headless ? NULL : by_heading(how, mem, t->headings[i]);
        t->columns[i] = (char *)(uintptr_t)(name && !taken(t, name) ? name : NULL);
    }
    for (size_t i = 0; i < t->column_count; i++) {
        const char *name = t->columns[i] ? NULL : by_content(t, how, i);
        if (name && !taken(t, name)) t->columns[i] = (char *)(uintptr_t)name;
    }
}

/* "name,,phone": as many as there are columns; "-" and nothing are the same. */
static vault_code as_told(leak_table *t, arena *mem, const char *columns, vault_error *err)
{
    char *left = arena_text(mem, bytes_of_text(columns)), *name;
    size_t n = 0;
    if (!left) return no_room(err);
    while ((name = strsep(&left, ","))) {
        if (n == t->column_count) return vault_fail(err, VAULT_INVALID, "the list has %zu columns", t->column_count);
        t->columns[n++] = strcmp(name, "-") == 0 ? (char *)(uintptr_t) "" : name;
    }
    if (n == t->column_count) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "the list has %zu columns, and %zu are named", t->column_count, n);
}

/* What nobody looks at need not be sent, nor kept. */
static void leave_out(leak_table *t, size_t column)
{
    for (size_t i = 0; i < t->row_count; i++) t->rows[i]->values[column] = (char *)(uintptr_t) "";
}

static vault_code name_columns(leak_table *t, arena *mem, const leak_reading *how, vault_error *err)
{
    bool any = false;
    t->columns = arena_array(mem, t->column_count + 1, sizeof *t->columns);
    if (!t->columns) return no_room(err);
    if (how->columns)
        VAULT_TRY(as_told(t, mem, how->columns, err));
    else
        recognise(t, mem, how);
    for (size_t i = 0; i < t->column_count; i++) {
        if (!t->columns[i]) t->columns[i] = (char *)(uintptr_t) "";
        any |= t->columns[i][0] != '\0';
        if (!t->columns[i][0]) leave_out(t, i);
    }
    return any ? VAULT_OK : vault_fail(err, VAULT_INVALID, "no column is recognised: name them with --columns");
}

vault_code leak_table_read(leak_table *out, arena *mem, const leak_reading *how, vault_error *err)
{
    VAULT_CLEANUP(source_close) source s = {0};
    const source_options options = {.path = how->path,
                                    .delimiter = how->delimiter ? how->delimiter : delimiter_of(how->path),
                                    .encoding = how->encoding};
    *out = (leak_table){0};
    VAULT_TRY(source_open(&s, &options, err));
    if (s.columns > LEAK_COLUMNS_MOST)
        return vault_fail(err, VAULT_INVALID, "%s: more than %d columns", how->path, LEAK_COLUMNS_MOST);
    out->column_count = s.columns;
    out->headless = is_headless(&s);
    out->headings = arena_array(mem, s.columns + 1, sizeof *out->headings);
    if (!out->headings) return no_room(err);
    for (size_t i = 0; i < s.columns; i++)
        if (!(out->headings[i] = arena_text(mem, bytes_of_text(s.headings[i])))) return no_room(err);
    VAULT_TRY(read_rows(out, &s, mem, err));
    if (out->row_count == 0) return vault_fail(err, VAULT_INVALID, "%s: no rows", how->path);
    return name_columns(out, mem, how, err);
}
