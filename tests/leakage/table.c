/* leakage_table: the stolen table, and the truth beside it, a line a resident:
 *
 *   id, area (12 digits), then of each column asked for: value, and its terms in hexadecimal with commas; tabs between.
 *
 * Terms are made by the tokenizer as the vault makes them, under a random key a field. Ids are a shuffle of the
 * residents', as in the vault, where they follow the keyed natural keys. What the thief of a database does not get he
 * is given here: of which field and kind each term is. */
#include "tests/leakage/names.h"
#include "tokenizer/term.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: leakage_table SEED COUNT generator|nation COLUMN...\n"
    "columns: FIELD or FIELD.KIND, as name.equality, name.ngram, phone.suffix, birth_date.band, annual_income.band,\n"
    "care_category.code, residence_address.ngram; of any other field of the generator equality (which the schema may\n"
    "refuse: a bad index to try the attack on); FIELD alone gives its value without terms\n";

enum { COLUMNS = 16, IN_STREET = 1000, ARENA = 1 << 20, INCOME = GENERATOR_FIELDS + 1, KEY_SEED = 77 };
typedef struct column {
    unsigned field;
    index_kind kind; /* INDEX_KINDS: none */
    const format *format;
    prf *key;
} column;

typedef struct table {
    uint64_t seed, count;
    bool nation_names;
    column columns[COLUMNS];
    size_t column_count;
    uint32_t *ids;
} table;

static void must(vault_code code, const vault_error *err)
{
    if (code == VAULT_OK) return;
    fprintf(stderr, "leakage_table: %s\n", err->detail);
    exit(1);
}

/* ---- columns ---- */

static const char *format_of(unsigned field)
{
    switch (field) {
    case FIELD_NAME:
        return "person_name";
    case FIELD_BIRTH_DATE:
        return "date";
    case FIELD_PHONE:
        return "mobile";
    case FIELD_RESIDENCE_ADDRESS:
        return "text200";
    case FIELD_CARE_CATEGORY:
        return "care_category";
    case FIELD_ID_NUMBER:
        return "resident_id";
    case INCOME:
        return "amount";
    default:
        return "code30";
    }
}

static unsigned field_named(const char *name, size_t len)
{
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++)
        if (strlen(generator_field_name(f)) == len && memcmp(generator_field_name(f), name, len) == 0) return f;
    return len == 13 && memcmp(name, "annual_income", len) == 0 ? INCOME : 0;
}

static bool take_column(table *t, const char *name)
{
    vault_error err = {0};
    size_t len = strcspn(name, ".");
    column *c = &t->columns[t->column_count];
    if (t->column_count == COLUMNS) return false;
    *c = (column){.field = field_named(name, len), .kind = INDEX_KINDS};
    if (c->field == 0 || (name[len] && !index_kind_named(&c->kind, name + len + 1))) return false;
    c->format = format_find(format_of(c->field));
    /* A key a field, as in the vault; another table is another vault. */
    uint8_t key[KEY_LEN] = {KEY_SEED, (uint8_t)c->field, (uint8_t)t->seed, (uint8_t)(t->seed >> 8)};
    must(prf_new(&c->key, SUITE_INTL, bytes_of(key, sizeof key), &err), &err);
    t->column_count++;
    return true;
}

/* ---- values ---- */

/* Yuan a year, none of children and students: about 60,000 in the middle, three times as much for one in ten. */
static void income_of(const resident *r, uint64_t seed, char out[32])
{
    stream s = {.state = mix(seed ^ mix(r->index + UINT64_C(0x1C04E)))};
    double yuan = r->age < 60 ? 20000 : 8000;
    for (int i = 0; i < 6; i++) yuan *= 0.7 + (double)below(&s, 1000) / 1000;
    snprintf(out, 32, "%.0f", r->age < 20 || chance(&s, 60) ? 0.0 : yuan);
}

typedef struct texts {
    char name[NATION_NAME_MAX], income[32];
} texts;

static bytes value_of(const column *c, const resident *r, const texts *own)
{
    if (c->field == INCOME) return bytes_of(own->income, strlen(own->income));
    if (c->field == FIELD_NAME && own->name[0]) return bytes_of(own->name, strlen(own->name));
    return resident_value(r, c->field);
}

static void make_texts(texts *out, const table *t, const nation *n, const resident *r)
{
    *out = (texts){0};
    income_of(r, t->seed, out->income);
    if (!t->nation_names) return;
    stream s = {.state = mix(t->seed ^ mix(r->index + UINT64_C(0x4A7104)))};
    unsigned year = GENERATOR_REFERENCE_DATE / 10000 - 1 - r->age;
    nation_name(n, &s, resident_text(r, FIELD_SEX)[0] == '1', year, out->name);
}

/* ---- writing ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void put_terms(arena *mem, const column *c, int64_t street, bytes value)
{
    vault_error err = {0};
    term_list terms = {0};
    const term_place where = {.kind = c->kind, .format = c->format, .street = street};
    if (c->kind == INDEX_KINDS || value.len == 0) return;
    must(terms_of_value(&terms, mem, c->key, &where, value, &err), &err);
    qsort(terms.at, terms.count, sizeof *terms.at, by_value); /* as they stand in the row */
    for (size_t i = 0; i < terms.count; i++) printf("%s%llx", i == 0 ? "" : ",", (unsigned long long)terms.at[i]);
}

static void put_resident(arena *mem, const table *t, const nation *n, const resident *r)
{
    texts own;
    const char *area = resident_text(r, FIELD_RESIDENCE_AREA);
    int64_t street = strtoll(area, NULL, 10) / IN_STREET;
    make_texts(&own, t, n, r);
    printf("%u\t%s", t->ids[r->index] + 1, area);
    for (size_t i = 0; i < t->column_count; i++) {
        bytes value = value_of(&t->columns[i], r, &own);
        printf("\t%.*s\t", (int)value.len, (const char *)value.at);
        put_terms(mem, &t->columns[i], street, value);
    }
    putchar('\n');
    arena_reset(mem);
}

static void shuffle(uint32_t *ids, uint64_t count, uint64_t seed)
{
    stream s = {.state = mix(seed + UINT64_C(0x5AFF1E))};
    for (uint64_t i = 0; i < count; i++) ids[i] = (uint32_t)i;
    for (uint64_t i = count; i > 1; i--) {
        unsigned j = below(&s, (unsigned)i);
        uint32_t other = ids[i - 1];
        ids[i - 1] = ids[j];
        ids[j] = other;
    }
}

static void put_all(table *t)
{
    static char buffer[1 << 18];
    resident r;
    generator *g = generator_new(t->seed);
    nation *n = nation_new();
    arena *mem = arena_new(ARENA);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    t->ids = memory_array(t->count, sizeof *t->ids);
    shuffle(t->ids, t->count, t->seed);
    for (uint64_t i = 0; i < t->count; i++) {
        generator_resident(g, i, &r);
        put_resident(mem, t, n, &r);
    }
    memory_free(t->ids, t->count * sizeof *t->ids);
    arena_free(&mem);
    nation_free(&n);
    generator_free(&g);
}

int main(int argc, char **argv)
{
    table t = {0};
    vault_error err = {0};
    bool good = argc > 4;
    must(secret_heap_init(1 << 20, &err), &err);
    if (good) {
        t.seed = strtoull(argv[1], NULL, 10);
        t.count = strtoull(argv[2], NULL, 10);
        t.nation_names = strcmp(argv[3], "nation") == 0;
        good = t.count > 0 && t.count <= GENERATOR_LIMIT;
    }
    for (int i = 4; good && i < argc; i++) good = take_column(&t, argv[i]);
    if (!good) return fputs(help, stderr), 2;
    put_all(&t);
    for (size_t i = 0; i < t.column_count; i++) prf_free(&t.columns[i].key);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
