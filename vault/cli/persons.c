/* Acting persons from a table: the rows are put over the document in force, by id, and the result is proposed. A person
 * who is not in the table stays as it is: who leaves gets an end of contract, or is suspended. */
#include "vault/base/memory.h"
#include "vault/cli/internal.h"
#include "vault/cli/mapping.h"
#include "vault/cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MEMORY = 1 << 20 };

typedef enum column {
    COL_ID,
    COL_NAME,
    COL_DEPARTMENT,
    COL_ROLE,
    COL_AREAS,
    COL_FROM,
    COL_UNTIL,
    COL_SUSPENDED,
    COLUMNS
} column;

static const struct {
    const char *name, *label;
} columns[COLUMNS] = {
    [COL_ID] = {"id", "编号"},
    [COL_NAME] = {"name", "姓名"},
    [COL_DEPARTMENT] = {"department", "部门"},
    [COL_ROLE] = {"role", "角色"},
    [COL_AREAS] = {"areas", "网格"},
    [COL_FROM] = {"contract_from", "合同开始"},
    [COL_UNTIL] = {"contract_until", "合同结束"},
    [COL_SUSPENDED] = {"suspended", "停用"},
};

typedef struct reading {
    source from;
    arena *row_mem;
    size_t place[COLUMNS]; /* of each column in the file */
    json_t *persons;       /* of the document that will be proposed; borrowed */
    size_t *lines;         /* of each of its entries: the line that it comes from, 0: stands already */
    size_t count, cap, added, changed;
} reading;

static void reading_end(reading *r)
{
    source_close(&r->from);
    arena_free(&r->row_mem);
    memory_free(r->lines, r->cap * sizeof *r->lines);
}

/* ---- headings ---- */

static bool heading_is(arena *mem, const char *heading, column c)
{
    const char *given = heading_canonical(mem, heading), *name = heading_canonical(mem, columns[c].name);
    const char *label = heading_canonical(mem, columns[c].label);
    return given && name && label && (strcmp(given, name) == 0 || strcmp(given, label) == 0);
}

static bool find_columns(ctl *c, reading *r)
{
    size_t known = 0;
    for (column at = 0; at < COLUMNS; at++) {
        r->place[at] = SIZE_MAX;
        for (size_t i = 0; i < r->from.columns; i++) {
            if (heading_is(c->mem, r->from.headings[i], at)) r->place[at] = i;
        }
        if (r->place[at] == SIZE_MAX) {
            fprintf(stderr, "vaultctl: %s: no column %s (%s)\n", r->from.path, columns[at].name, columns[at].label);
            return false;
        }
        known++;
    }
    if (known == r->from.columns) return true;
    fprintf(stderr, "vaultctl: %s: columns besides the %d that persons have\n", r->from.path, COLUMNS);
    return false;
}

/* ---- rows ---- */

/* "320411002003 320411002004", apart by blanks or ';'. */
static json_t *areas_of(const char *text)
{
    json_t *areas = json_array();
    for (size_t len; *(text += strspn(text, " ;\t")); text += len) {
        len = strcspn(text, " ;\t");
        json_array_append_new(areas, json_stringn(text, len));
    }
    return areas;
}

static bool is_true(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "是") == 0;
}

static bool is_false(const char *text)
{
    return !*text || strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "否") == 0;
}

static json_t *person_of(const reading *r, const row *from)
{
    char *const *v = from->values;
    const char *suspended = v[r->place[COL_SUSPENDED]];
    if (!is_true(suspended) && !is_false(suspended)) return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:b}", "id", v[r->place[COL_ID]], "name",
                     v[r->place[COL_NAME]], "department", v[r->place[COL_DEPARTMENT]], "role", v[r->place[COL_ROLE]],
                     "areas", areas_of(v[r->place[COL_AREAS]]), "contract", "from", v[r->place[COL_FROM]], "until",
                     v[r->place[COL_UNTIL]], "suspended", is_true(suspended));
}

static size_t place_of(const reading *r, json_t *by_id, const char *id)
{
    json_t *found = json_object_get(by_id, id);
    return found ? (size_t)json_integer_value(found) : r->count;
}

static void keep_line(reading *r, size_t at, size_t line)
{
    if (at >= r->cap) {
        size_t cap = 2 * at + 64;
        r->lines = memory_grow(r->lines, r->cap * sizeof *r->lines, cap * sizeof *r->lines);
        r->cap = cap;
    }
    r->lines[at] = line;
}

/* False: an id stands twice in the table. */
static bool put_person(reading *r, json_t *by_id, json_t *person, size_t line)
{
    const char *id = json_string_value(json_object_get(person, "id"));
    size_t at = place_of(r, by_id, id);
    if (at < r->count) {
        if (at < r->cap && r->lines[at]) return json_decref(person), false;
        r->changed += !json_equal(json_array_get(r->persons, at), person);
        json_array_set_new(r->persons, at, person);
    } else {
        json_object_set_new(by_id, id, json_integer((json_int_t)at));
        json_array_append_new(r->persons, person);
        r->added++;
        r->count++;
    }
    keep_line(r, at, line);
    return true;
}

static ctl_exit say_row(const reading *r, const row *at, const char *what)
{
    fprintf(stderr, "vaultctl: %s:%zu: %s\n", r->from.path, at->line, what);
    return CTL_INVALID;
}

static ctl_exit read_rows(reading *r, json_t *by_id)
{
    vault_error err = {0};
    for (;;) {
        row at;
        arena_reset(r->row_mem);
        vault_code code = source_next(&r->from, r->row_mem, &at, &err);
        if (code == VAULT_NOT_FOUND) return CTL_OK;
        if (code != VAULT_OK) return say_error(&err), CTL_INVALID;
        if (at.fault) return say_row(r, &at, at.fault);
        json_t *person = person_of(r, &at);
        if (!person) return say_row(r, &at, "suspended: neither true nor false (1, 0, 是, 否), or a text is not UTF-8");
        if (!put_person(r, by_id, person, at.line)) return say_row(r, &at, "this id stands in the file twice");
    }
}

/* ---- the document ---- */

static json_t *index_of(json_t *persons)
{
    size_t i;
    json_t *person, *by_id = json_object();
    json_array_foreach(persons, i, person)
        json_object_set_new(by_id, json_string_value(json_object_get(person, "id")), json_integer((json_int_t)i));
    return by_id;
}

static void lines_ready(reading *r)
{
    r->count = json_array_size(r->persons);
    r->cap = r->count;
    r->lines = memory_array(r->cap, sizeof *r->lines);
}

/* The line of the table that a fault of the document comes from ("persons[3].role"); 0: from none. */
static size_t line_of(const void *context, const char *path)
{
    const reading *r = context;
    const char *bracket = strchr(path, '[');
    size_t at = bracket ? strtoul(bracket + 1, NULL, 10) : r->count;
    return at < r->count ? r->lines[at] : 0;
}

static ctl_exit propose_persons(ctl *c, const reading *r, json_t *document, const char *digest_text)
{
    size_t len = json_dumpb(document, NULL, 0, JSON_COMPACT);
    char *text = len ? arena_alloc(c->mem, len) : NULL;
    if (!text || json_dumpb(document, text, len, JSON_COMPACT) != len) return CTL_FAILED;
    const ProtobufCBinaryData content = {.len = len, .data = (uint8_t *)text};
    const content_origin origin = {.file = r->from.path, .line_of = line_of, .context = r};
    fprintf(stderr, "%zu added, %zu changed, %zu in all\n", r->added, r->changed, r->count);
    ctl_exit end = content_check(c, "persons", content, &origin, NULL);
    if (end == CTL_OK) end = propose(c, "persons", content, digest_text);
    return end;
}

ctl_exit run_persons_import(ctl *c)
{
    vault_error err = {0};
    VAULT_CLEANUP(reading_end) reading r = {.row_mem = arena_new(ROW_MEMORY), .from = {.fd = -1}};
    VAULT_CLEANUP(exchange_clear) exchange standing = {0};
    const source_options options = {.path = c->arguments[0], .delimiter = ',', .encoding = ENCODING_AUTO};
    if (!r.row_mem) return CTL_FAILED;
    if (source_open(&r.from, &options, &err) != VAULT_OK) return say_error(&err), CTL_INVALID;
    if (!find_columns(c, &r)) return CTL_INVALID;
    ctl_exit end = document_get(c, &standing, "persons", 0);
    if (end != CTL_OK) return end;
    const Vault__V1__GetDocumentResponse *reply = (const void *)standing.reply;
    VAULT_CLEANUP(json_clear) json_t *document = content_json(reply->content);
    r.persons = json_object_get(document, "persons");
    if (!json_is_array(r.persons)) return CTL_FAILED;
    VAULT_CLEANUP(json_clear) json_t *by_id = index_of(r.persons);
    lines_ready(&r);
    end = read_rows(&r, by_id);
    return end == CTL_OK ? propose_persons(c, &r, document, reply->digest) : end;
}
