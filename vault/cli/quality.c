/* What a dry run counts, per field: what is missing, what is malformed and why, which natural keys come twice, and
 * where another department says otherwise. */
#include "vault/cli/import.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS_MAX = 24, REASON_LEN = 48, HASHES_MOST = 1 << 23, HASHES_FIRST = 1 << 12 };

/* ---- hashes ---- */

static bool hash_place(hash_set *s, uint64_t hash, size_t *place)
{
    size_t at = (size_t)hash & (s->cap - 1);
    while (s->at[at] && s->at[at] != hash) at = (at + 1) & (s->cap - 1);
    *place = at;
    return s->at[at] == hash;
}

/* At most half of the places are taken. */
static void hash_grow(hash_set *s)
{
    hash_set more = {.cap = s->cap ? 2 * s->cap : HASHES_FIRST};
    size_t place;
    more.at = memory_array(more.cap, sizeof *more.at);
    for (size_t i = 0; i < s->cap; i++) {
        if (s->at[i] && !hash_place(&more, s->at[i], &place)) more.at[place] = s->at[i];
    }
    memory_free(s->at, s->cap * sizeof *s->at);
    s->at = more.at;
    s->cap = more.cap;
}

bool hash_set_add(hash_set *s, uint64_t hash)
{
    size_t place;
    hash += hash == 0;
    if (2 * s->count >= s->cap && s->count < s->most) hash_grow(s);
    if (s->cap == 0 || hash_place(s, hash, &place)) return s->cap > 0;
    if (s->count >= s->most) {
        s->dropped++;
        return false;
    }
    s->at[place] = hash;
    s->count++;
    return false;
}

void hash_set_free(hash_set *s)
{
    memory_free(s->at, s->cap * sizeof *s->at);
    *s = (hash_set){0};
}

/* ---- counting ---- */

typedef struct tally {
    char reason[REASON_LEN];
    uint64_t count;
} tally;

typedef struct field_quality {
    const char *name, *label; /* "" for the row as a whole */
    uint64_t missing, malformed, duplicated, contradicting;
    tally reasons[REASONS_MAX]; /* the last one takes what is left */
    size_t reason_count;
} field_quality;

struct quality {
    const mapping *columns;
    field_quality *fields; /* those of the mapping, then the row as a whole */
    hash_set seen;
    uint64_t rows;
};

quality *quality_new(arena *mem, const mapping *m)
{
    quality *q = arena_alloc(mem, sizeof *q);
    if (!q || !(q->fields = arena_array(mem, m->count + 1, sizeof *q->fields))) abort();
    q->columns = m;
    q->seen.most = HASHES_MOST;
    for (size_t i = 0; i < m->count; i++) {
        q->fields[i].name = m->paths[i];
        q->fields[i].label = m->fields[m->places[i]]->label;
    }
    q->fields[m->count].name = q->fields[m->count].label = "";
    return q;
}

void quality_free(quality **q)
{
    if (*q) hash_set_free(&(*q)->seen);
    *q = NULL;
}

static bool is_blank(const char *text)
{
    while (*text) {
        size_t step = strspn(text, " \t\r\n");
        if (step == 0 && strncmp(text, "\u3000", 3) == 0) step = 3;
        if (step == 0) return false;
        text += step;
    }
    return true;
}

void quality_row(quality *q, arena *spare, const row *what)
{
    const mapping *m = q->columns;
    uint64_t hash;
    q->rows++;
    for (size_t i = 0; i < m->count; i++) {
        const char *text = what->values[m->places[i]];
        if (is_blank(text))
            q->fields[i].missing++;
        else if (m->places[i] == m->natural)
            q->fields[i].duplicated += row_key(&hash, spare, m, what) && hash_set_add(&q->seen, hash);
    }
}

static void add_reason(field_quality *f, const char *reason)
{
    size_t i = 0;
    while (i < f->reason_count && strncmp(f->reasons[i].reason, reason, REASON_LEN - 1) != 0) i++;
    if (i == REASONS_MAX) i--;
    if (i == f->reason_count) {
        (void)snprintf(f->reasons[i].reason, REASON_LEN, "%s", i == REASONS_MAX - 1 ? "OTHERS" : reason);
        f->reason_count++;
    }
    f->reasons[i].count++;
    f->malformed++;
}

void quality_fault(quality *q, const char *field, const char *reason)
{
    size_t i = 0;
    while (i < q->columns->count && strcmp(q->fields[i].name, field) != 0) i++;
    if (strcmp(reason, "CORRECTION_FILED") == 0)
        q->fields[i].contradicting++;
    else if (strcmp(reason, "REQUIRED") != 0) /* counted as missing */
        add_reason(&q->fields[i], reason);
}

/* ---- telling ---- */

static json_t *field_json(const field_quality *f)
{
    json_t *reasons = json_object();
    for (size_t i = 0; i < f->reason_count; i++)
        (void)json_object_set_new(reasons, f->reasons[i].reason, json_integer((json_int_t)f->reasons[i].count));
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:I}", "field", f->name, "label", f->label, "missing",
                     (json_int_t)f->missing, "malformed", (json_int_t)f->malformed, "reasons", reasons, "duplicated",
                     (json_int_t)f->duplicated, "contradicting", (json_int_t)f->contradicting);
}

json_t *quality_json(const quality *q)
{
    json_t *fields = json_array();
    for (size_t i = 0; i <= q->columns->count; i++) (void)json_array_append_new(fields, field_json(&q->fields[i]));
    return json_pack("{s:I, s:o, s:I}", "rows", (json_int_t)q->rows, "fields", fields, "keys_not_compared",
                     (json_int_t)q->seen.dropped);
}

static const char *reasons_text(const field_quality *f, arena *mem)
{
    char *text = "";
    for (size_t i = 0; text && i < f->reason_count; i++)
        text = arena_format(mem, "%s%s%s %llu", text, *text ? ", " : "", f->reasons[i].reason,
                            (unsigned long long)f->reasons[i].count);
    return text ? text : "";
}

static const char *number(arena *mem, uint64_t n)
{
    char *text = n ? arena_format(mem, "%llu", (unsigned long long)n) : "";
    return text ? text : "";
}

void quality_print(const quality *q, arena *mem)
{
    static const char *const heads[] = {"FIELD", "LABEL", "MISSING", "MALFORMED", "DUPLICATED", "CONTRADICTING", "WHY"};
    table t = table_of(mem, 7, heads);
    for (size_t i = 0; i <= q->columns->count; i++) {
        const field_quality *f = &q->fields[i];
        bool whole = i == q->columns->count;
        if (whole && f->malformed == 0) continue;
        table_add(&t, (const char *[]){whole ? "(the row)" : f->name, f->label, number(mem, f->missing),
                                       number(mem, f->malformed), number(mem, f->duplicated),
                                       number(mem, f->contradicting), reasons_text(f, mem)});
    }
    table_print(&t);
    if (q->seen.dropped)
        printf("(%zu natural keys were not compared with those before them: the file is too large)\n", q->seen.dropped);
}
