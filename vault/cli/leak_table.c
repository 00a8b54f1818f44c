#include "vault/cli/leak_table.h"

#include "vault/cli/leak_looks.h"
#include "vault/cli/leak_place.h"
#include "vault/cli/mapping.h"

#include "vault/base/character.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BEGINNING = 4096, EACH_MEMORY = SOURCE_BUFFER * 8 };

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "the list is too large to be held");
}

/* ---- the file ---- */

/* Whatever stands most often in the first line that has any of them; a comma where none has. */
static char delimiter_of(const char *path)
{
    static const char all[] = {',', '\t', ';', '|'};
    char text[BEGINNING + 1];
    size_t count[sizeof all] = {0}, best = 0;
    struct stat is;
    const bool again = stat(path, &is) == 0 && S_ISREG(is.st_mode); /* what a pipe gives, it gives once */
    int fd = again ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd < 0 ? 0 : read(fd, text, BEGINNING);
    if (fd >= 0) close(fd);
    for (ssize_t i = 0, found = 0; i < got && !(text[i] == '\n' && found); i++)
        for (size_t k = 0; k < sizeof all; k++) found += text[i] == all[k], count[k] += text[i] == all[k];
    for (size_t k = 1; k < sizeof all; k++)
        if (count[k] > count[best]) best = k;
    return all[best];
}

static char *trimmed(char *text)
{
    static const char blanks[] = " \t\r\n"; /* in quotes a cell may end with its line */
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len && strchr(blanks, text[len - 1])) text[--len] = '\0';
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

/* NULL: too long to be looked at. */
static vault_code add_value(Vault__V1__LeakRow *one, arena *mem, char *text, vault_error *err)
{
    char *kept = NULL;
    text = trimmed(text ? text : (char[]){""});
    if (strlen(text) <= LEAK_TEXT_MOST && !(kept = arena_text(mem, bytes_of_text(text)))) return no_room(err);
    one->values[one->n_values++] = kept;
    return VAULT_OK;
}

static vault_code add_row(leak_table *out, arena *mem, char *const *values, size_t count, vault_error *err)
{
    out->total++;
    const size_t place = drawn_place(out);
    if (place == out->rows_most) return VAULT_OK;
    Vault__V1__LeakRow *one = arena_alloc(mem, sizeof *one);
    if (!one) return no_room(err);
    vault__v1__leak_row__init(one);
    if (!(one->values = arena_array(mem, count + 1, sizeof *one->values))) return no_room(err);
    for (size_t i = 0; i < count; i++) VAULT_TRY(add_value(one, mem, values[i], err));
    out->rows[place] = one;
    out->row_count += place == out->row_count;
    return VAULT_OK;
}

/* Of what the reader could not take apart only rows of another width can be used. */
static vault_code add_faulty(leak_table *out, const source *s, arena *mem, const row *one, vault_error *err)
{
    char *values[LEAK_COLUMNS_MOST];
    if (s->jsonl || strcmp(one->fault, "WRONG_COLUMN_COUNT") != 0) {
        out->total++;
        out->faulty++;
        return VAULT_OK;
    }
    const size_t count = csv_split(values, LEAK_COLUMNS_MOST, one->raw, strlen(one->raw), s->delimiter);
    return add_row(out, mem, values, count < LEAK_COLUMNS_MOST ? count : LEAK_COLUMNS_MOST, err);
}

static bool has_digit(const char *text)
{
    for (bytes rest = bytes_of_text(text); rest.len > 0;)
        if (character_is_digit(character_folded(&rest))) return true;
    return false;
}

/* A first line that holds what residents have is no line of headings; nor one with the number of a house, unless it
 * names a field. */
static bool is_headless(const source *s, arena *mem, const Vault__V1__Collection *of)
{
    bool housed = false, named = false;
    for (size_t i = 0; !s->jsonl && i < s->columns; i++) {
        const looks what = looks_of(s->headings[i]);
        if (what != LOOKS_UNKNOWN && what <= LOOKS_MOBILE) return true;
        housed |= what == LOOKS_ADDRESS && has_digit(s->headings[i]);
        named |= heading_field(of, mem, s->headings[i]) != NULL;
    }
    return housed && !named;
}

static vault_code read_rows(leak_table *out, source *s, arena *mem, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(EACH_MEMORY);
    const size_t room = LEAK_VALUES_MOST / (out->of_file + LOOKS);
    out->rows_most = room < LEAK_ROWS_MOST ? room : LEAK_ROWS_MOST;
    out->rows = arena_array(mem, out->rows_most, sizeof *out->rows);
    if (!out->rows || !each) return no_room(err);
    if (out->headless) VAULT_TRY(add_row(out, mem, s->headings, s->columns, err));
    for (;;) {
        row one;
        arena_reset(each);
        vault_code code = source_next(s, each, &one, err);
        if (code == VAULT_NOT_FOUND) return vault_error_clear(err), VAULT_OK;
        VAULT_TRY(code);
        VAULT_TRY(one.fault ? add_faulty(out, s, mem, &one, err) : add_row(out, mem, one.values, s->columns, err));
    }
}

vault_code leak_table_read(leak_table *out, arena *mem, const leak_reading *how, vault_error *err)
{
    VAULT_CLEANUP(source_close) source s = {0};
    const source_options options = {.path = how->path,
                                    .delimiter = how->delimiter ? how->delimiter : delimiter_of(how->path),
                                    .encoding = how->encoding,
                                    .as_found = true};
    *out = (leak_table){0};
    VAULT_TRY(source_open(&s, &options, err));
    if (s.columns > LEAK_COLUMNS_MOST)
        return vault_fail(err, VAULT_INVALID, "%s: more than %d columns", how->path, LEAK_COLUMNS_MOST);
    out->column_count = out->of_file = s.columns;
    out->headless = is_headless(&s, mem, how->of);
    out->headings = arena_array(mem, s.columns + 1, sizeof *out->headings);
    if (!out->headings) return no_room(err);
    for (size_t i = 0; i < s.columns; i++)
        if (!(out->headings[i] = arena_text(mem, bytes_of_text(s.headings[i])))) return no_room(err);
    VAULT_TRY(read_rows(out, &s, mem, err));
    if (out->row_count == 0)
        return vault_fail(err, VAULT_INVALID, "%s: no rows%s", how->path,
                          out->faulty ? " that can be taken apart" : "");
    return leak_place(out, mem, how, err);
}
