#include "vault/cli/leak_place.h"

#include "vault/cli/leak_looks.h"
#include "vault/cli/mapping.h"

#include <string.h>

enum { LOOK_ROWS = 200, LOOK_LEAST_PERCENT = 60, NOWHERE = LEAK_COLUMNS_MOST };

/* What is known of a column of the file. */
typedef enum column_state {
    COLUMN_SAID,    /* by its heading, or the user */
    COLUMN_AGREED,  /* its values look alike: those that look like something else are placed by themselves */
    COLUMN_MIXED,   /* they look like this and that: each is placed by itself */
    COLUMN_STRANGE, /* most look like nothing, or like what another column is: others of tokens, ID and mobile numbers
                       are placed by themselves */
    COLUMN_PASSED,  /* not looked at, says the user */
} column_state;
typedef struct placing {
    leak_table *t;
    arena *mem;
    const leak_reading *how;
    column_state state[LEAK_COLUMNS_MOST];
    looks kind[LEAK_COLUMNS_MOST]; /* of those that agree, or most of which look like that */
    size_t home[LOOKS];            /* where each kind of value belongs */
} placing;

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "the list is too large to be held");
}

static char *lent_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* ---- columns ---- */

/* The field of the collection that such values are of; NULL: it has none. */
static const char *field_like(const Vault__V1__Collection *of, looks what)
{
    static const char *const formats[LOOKS] = {
        [LOOKS_ID] = "resident_id", [LOOKS_MOBILE] = "mobile", [LOOKS_DATE] = "date", [LOOKS_NAME] = "person_name"};
    if (what == LOOKS_TOKEN) return "token";
    for (size_t i = 0; what != LOOKS_UNKNOWN && i < of->n_fields; i++) {
        const Vault__V1__Field *f = of->fields[i];
        if (what == LOOKS_ADDRESS ? strcmp(f->name, "residence_address") == 0 : strcmp(f->format, formats[what]) == 0)
            return f->name;
    }
    return NULL;
}

static size_t column_of(const leak_table *t, const char *field)
{
    for (size_t i = 0; field && i < t->column_count; i++)
        if (t->columns[i] && strcmp(t->columns[i], field) == 0) return i;
    return NOWHERE;
}

static bool is_free(const leak_table *t, const char *field)
{
    return field && (strcmp(field, "token") == 0 || column_of(t, field) == NOWHERE);
}

static const char *by_heading(const placing *p, const char *heading)
{
    static const char *const tokens[] = {"token", "令牌", "假名", "pseudonym", "代码"};
    const char *wanted = heading_canonical(p->mem, heading);
    for (size_t i = 0; wanted && i < sizeof tokens / sizeof *tokens; i++)
        if (strcmp(wanted, tokens[i]) == 0) return "token";
    const Vault__V1__Field *f = heading_field(p->how->of, p->mem, heading);
    return f ? f->name : NULL;
}

static bool is_uneven(const placing *p, const Vault__V1__LeakRow *one)
{
    return one->n_values != p->t->of_file;
}

static void by_content(placing *p, size_t column)
{
    size_t count[LOOKS] = {0}, given = 0, best = LOOKS_TOKEN;
    leak_table *t = p->t;
    for (size_t i = 0, seen = 0; i < t->row_count && seen < LOOK_ROWS; i++) {
        const char *text = is_uneven(p, t->rows[i]) ? NULL : t->rows[i]->values[column];
        seen += text != NULL;
        if (!text || !text[0]) continue;
        count[looks_of(text)]++;
        given++;
    }
    for (size_t k = LOOKS_TOKEN; k < LOOKS; k++)
        if (count[k] > count[best]) best = k;
    const char *field = field_like(p->how->of, (looks)best);
    const bool agrees = given && 100 * count[best] >= LOOK_LEAST_PERCENT * given;
    const bool mixed = given && 100 * (given - count[LOOKS_UNKNOWN]) >= LOOK_LEAST_PERCENT * given;
    p->kind[column] = agrees ? (looks)best : LOOKS_UNKNOWN;
    p->state[column] = mixed && !agrees ? COLUMN_MIXED : COLUMN_STRANGE;
    if (!agrees || !is_free(t, field)) return;
    p->state[column] = COLUMN_AGREED;
    t->columns[column] = lent_text(field);
}

static void recognise(placing *p)
{
    leak_table *t = p->t;
    for (size_t i = 0; i < t->of_file; i++) {
        const char *name = t->headless ? NULL : by_heading(p, t->headings[i]);
        if (is_free(t, name)) t->columns[i] = lent_text(name);
        p->state[i] = t->columns[i] ? COLUMN_SAID : COLUMN_STRANGE;
    }
    for (size_t i = 0; i < t->of_file; i++)
        if (!t->columns[i]) by_content(p, i);
}

/* "name,,phone": as many as there are columns; "-" and nothing are the same. */
static vault_code as_told(placing *p, vault_error *err)
{
    leak_table *t = p->t;
    char *left = arena_text(p->mem, bytes_of_text(p->how->columns)), *name;
    size_t n = 0;
    if (!left) return no_room(err);
    while ((name = strsep(&left, ","))) {
        if (n == t->of_file) return vault_fail(err, VAULT_INVALID, "the list has %zu columns", n);
        const bool looked_at = name[0] && strcmp(name, "-") != 0;
        p->state[n] = looked_at ? COLUMN_SAID : COLUMN_PASSED;
        t->columns[n++] = looked_at ? name : NULL;
    }
    if (n == t->of_file) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "the list has %zu columns, and %zu are named", t->of_file, n);
}

/* ---- values ---- */

/* In a column of words a few other words, or addresses, are nothing else. */
static bool fits(looks column, looks value)
{
    const bool words = column >= LOOKS_NAME && value >= LOOKS_NAME;
    return value == LOOKS_UNKNOWN || value == column || words;
}

/* What a value is placed as by itself. Of a column that is one thing it stays; UNKNOWN. */
static looks placed_as(const placing *p, const Vault__V1__LeakRow *one, size_t i)
{
    const bool uneven = is_uneven(p, one);
    const char *text = one->values[i];
    if (!text || !text[0]) return LOOKS_UNKNOWN;
    if (!uneven && (p->state[i] == COLUMN_SAID || p->state[i] == COLUMN_PASSED)) return LOOKS_UNKNOWN;
    const looks what = looks_of(text);
    if (!uneven && p->state[i] == COLUMN_AGREED && fits(p->kind[i], what)) return LOOKS_UNKNOWN;
    const bool strange = !uneven && p->state[i] == COLUMN_STRANGE;
    return strange && what > LOOKS_MOBILE && what != p->kind[i] ? LOOKS_UNKNOWN : what;
}

static bool stays(const placing *p, const Vault__V1__LeakRow *one, size_t i, looks what)
{
    return !is_uneven(p, one) && p->t->columns[i][0] && what == LOOKS_UNKNOWN;
}

/* Columns for what stands among others and has none of its own. */
static void make_homes(placing *p)
{
    leak_table *t = p->t;
    bool wanted[LOOKS] = {false};
    for (size_t i = 0; i < t->row_count; i++)
        for (size_t k = 0; k < t->rows[i]->n_values; k++) wanted[placed_as(p, t->rows[i], k)] = true;
    for (size_t k = LOOKS_TOKEN; k < LOOKS; k++) {
        const char *field = field_like(p->how->of, (looks)k);
        p->home[k] = column_of(t, field);
        if (!wanted[k] || !field || p->home[k] != NOWHERE) continue;
        if (p->how->columns || t->column_count == LEAK_COLUMNS_MOST) continue;
        p->home[k] = t->column_count;
        t->columns[t->column_count++] = lent_text(field);
    }
}

/* A row whose values are placed. */
typedef struct placed_row {
    const Vault__V1__LeakRow *from;
    char **to;
    looks what[LEAK_COLUMNS_MOST];
    size_t count[LOOKS];
} placed_row;

/* Where a value goes; NOWHERE. A word that looks like a name is one if no other in the row does. A second column of a
 * kind is taken where the first one's value is something else: they have changed places. */
static size_t place_of(const placing *p, const placed_row *r, size_t i)
{
    const looks what = r->what[i];
    const size_t home = what == LOOKS_UNKNOWN ? NOWHERE : p->home[what];
    if (home == NOWHERE || r->to[home][0]) return NOWHERE;
    if (what >= LOOKS_NAME && r->count[what] > 1) return NOWHERE;
    const bool second = !is_uneven(p, r->from) && p->state[i] == COLUMN_STRANGE && what == p->kind[i];
    return second && (home >= p->t->of_file || r->what[home] == LOOKS_UNKNOWN) ? NOWHERE : home;
}

static void count_value(placing *p, const Vault__V1__LeakRow *one, size_t i, bool taken)
{
    leak_table *t = p->t;
    if (is_uneven(p, one))
        t->uneven_left += !taken;
    else
        ++*(taken ? &t->singles[i].taken : &t->singles[i].left);
}

/* Returns how many values stand where they belong. */
static size_t keep_values(placing *p, placed_row *r)
{
    const Vault__V1__LeakRow *from = r->from;
    size_t kept = 0;
    for (size_t i = 0; i < from->n_values; i++) {
        r->what[i] = placed_as(p, from, i);
        r->count[r->what[i]]++;
        p->t->long_values += !from->values[i] && (is_uneven(p, from) || p->state[i] < COLUMN_STRANGE);
        if (!from->values[i] || !stays(p, from, i, r->what[i])) continue;
        r->to[i] = from->values[i];
        kept += r->to[i][0] != '\0';
    }
    return kept;
}

/* The others, where there is still room. Returns how many have a place. */
static size_t move_values(placing *p, placed_row *r)
{
    const Vault__V1__LeakRow *from = r->from;
    size_t taken = 0;
    for (size_t i = 0; i < from->n_values; i++) {
        const char *text = from->values[i];
        if (!text || !text[0] || stays(p, from, i, r->what[i])) continue;
        if (!is_uneven(p, from) && p->state[i] == COLUMN_PASSED) continue;
        const size_t to = place_of(p, r, i);
        if (to != NOWHERE) r->to[to] = lent_text(text);
        count_value(p, from, i, to != NOWHERE);
        taken += to != NOWHERE;
    }
    return taken;
}

static vault_code place_rows(placing *p, vault_error *err)
{
    leak_table *t = p->t;
    size_t left = 0;
    for (size_t i = 0; i < t->row_count; i++) {
        Vault__V1__LeakRow *one = t->rows[i];
        const bool uneven = is_uneven(p, one);
        placed_row r = {.from = one, .to = arena_array(p->mem, t->column_count + 1, sizeof *r.to)};
        if (!r.to) return no_room(err);
        for (size_t k = 0; k < t->column_count; k++) r.to[k] = lent_text("");
        const uint64_t left_before = t->uneven_left;
        const size_t kept = keep_values(p, &r);
        const bool any = kept + move_values(p, &r) > 0;
        t->uneven += uneven && any;
        t->faulty += uneven && !any;
        if (!any) t->uneven_left = left_before; /* the row is left out as a whole */
        one->values = r.to;
        one->n_values = t->column_count;
        if (any || !uneven) t->rows[left++] = one;
    }
    t->row_count = left;
    return VAULT_OK;
}

vault_code leak_place(leak_table *t, arena *mem, const leak_reading *how, vault_error *err)
{
    placing p = {.t = t, .mem = mem, .how = how};
    bool any = false;
    t->columns = arena_array(mem, LEAK_COLUMNS_MOST + 1, sizeof *t->columns);
    t->singles = arena_array(mem, t->of_file + 1, sizeof *t->singles);
    if (!t->columns || !t->singles) return no_room(err);
    if (how->columns)
        VAULT_TRY(as_told(&p, err));
    else
        recognise(&p);
    make_homes(&p);
    for (size_t i = 0; i < t->column_count; i++) {
        any |= t->columns[i] != NULL;
        if (!t->columns[i]) t->columns[i] = lent_text("");
    }
    if (!any) return vault_fail(err, VAULT_INVALID, "no column is recognised: name them with --columns");
    VAULT_TRY(place_rows(&p, err));
    return t->row_count ? VAULT_OK
                        : vault_fail(err, VAULT_INVALID, "no row is recognised: name columns with --columns");
}
