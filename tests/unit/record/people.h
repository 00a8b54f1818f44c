/* Three departments that know the same people: a collection with a grid, whose fields have different owners. */
#pragma once
#include "tests/unit/record/fixture.h"

enum { POLICE = 3, CARE = 4, GRID = 5 };
enum { P_ID, P_NAME, P_AREA, P_GRID, P_PHONE, P_NOTE, PEOPLE_FIELDS };

static const collection PEOPLE;
static const schema_field PERSON[PEOPLE_FIELDS] = {
    {.name = "id_number", .number = 1, .collection = &PEOPLE, .owner_no = POLICE, .indexes = 1U << INDEX_EQUALITY},
    {.name = "name", .number = 2, .collection = &PEOPLE, .owner_no = POLICE, .indexes = 1U << INDEX_EQUALITY},
    {.name = "residence_area", .number = 18, .collection = &PEOPLE, .owner_no = POLICE},
    {.name = "grid", .number = 23, .collection = &PEOPLE, .owner_no = GRID},
    {.name = "phone", .number = 40, .collection = &PEOPLE, .owner_no = CARE, .indexes = 1U << INDEX_EQUALITY},
    {.name = "note", .number = 255, .collection = &PEOPLE, .owner_no = CARE}};
static const schema_field *const PERSON_FIELDS[] = {&PERSON[0], &PERSON[1], &PERSON[2],
                                                    &PERSON[3], &PERSON[4], &PERSON[5]};
static const collection PEOPLE = {.name = "residents",
                                  .number = 1,
                                  .fields = PERSON_FIELDS,
                                  .count = PEOPLE_FIELDS,
                                  .natural_key = &PERSON[P_ID],
                                  .area = &PERSON[P_AREA],
                                  .grid = &PERSON[P_GRID]};

/* What a department says: NULL where it says nothing. */
typedef struct saying {
    const char *texts[PEOPLE_FIELDS];
} saying;

typedef struct said {
    input_field fields[PEOPLE_FIELDS];
    record_input in;
} said;

static inline int64_t number_in(const char *digits)
{
    int64_t n = 0;
    for (; digits && *digits; digits++) n = n * 10 + (*digits - '0');
    return n;
}

/* As the service makes it: the area of the division and, where one is given, of the grid. */
static inline void hear(said *out, uint16_t department, const saying *what)
{
    *out = (said){.in = {.collection = &PEOPLE, .department = department, .collected = 1700000000}};
    for (size_t i = 0; i < PEOPLE_FIELDS; i++) {
        if (!what->texts[i]) continue;
        out->fields[out->in.count++] = (input_field){.field = &PERSON[i], .text = bytes_of_text(what->texts[i])};
    }
    out->in.fields = out->fields;
    out->in.area.code = what->texts[P_GRID] ? number_in(what->texts[P_GRID]) : number_in(what->texts[P_AREA]) * GRIDS;
}

/* A person as the database has it, with the key of its row at hand. */
typedef struct stored {
    resident_row row;
    record r;
} stored;

static inline void given_person(stored *out, int64_t id, uint16_t department, const saying *what)
{
    said s;
    hear(&s, department, what);
    *out = (stored){.row = {.found = true, .id = id}, .r = {.dek = dek_bytes[id % 4]}};
    memset(out->row.natural_key, (int)id, NATURAL_KEY_LEN);
    expect_ok(record_create(&out->r, box, &out->row, &s.in, &err), &err);
    out->r.row = &out->row;
}

/* The next version takes the place of the one before, proven anew. */
static inline record_merged tell(stored *p, uint16_t department, const saying *what)
{
    said s;
    record_merged merged;
    resident_row next;
    hear(&s, department, what);
    expect_ok(record_merge(&merged, &next, box, &p->r, &s.in, &err), &err);
    p->row = next;
    expect_ok(record_prove(&p->r, box, &p->row, &err), &err);
    p->r.row = &p->row;
    return merged;
}

/* NULL: the record holds no such field. */
static inline const char *value_of(const stored *p, size_t field)
{
    grant g = grant_of(PERSON[field].number);
    field_text out;
    expect_ok(field_open(&out, box, &g, &p->r, &PERSON[field], &err), &err);
    return out.absent ? NULL : (const char *)out.text.at;
}

static inline void expect_stored(const stored *p, size_t field, const char *text)
{
    const char *got = value_of(p, field);
    if (!text && got) fail_msg("%s is '%s', not absent", PERSON[field].name, got);
    if (text && (!got || strcmp(got, text) != 0))
        fail_msg("%s is '%s', not '%s'", PERSON[field].name, got ? got : "-", text);
}

static inline void expect_correction(const stored *p, const record_merged *m, size_t at, size_t field,
                                     uint16_t department, const char *text)
{
    correction_text out;
    grant g = grant_of(PERSON[field].number);
    assert_true(at < m->correction_count);
    assert_ptr_equal(m->refused[at], &PERSON[field]);
    assert_int_equal(m->corrections[at].resident, p->row.id);
    assert_int_equal(m->corrections[at].field, PERSON[field].number);
    assert_int_equal((uint16_t)m->corrections[at].department, department);
    expect_ok(correction_open(&out, box, &p->r, &m->corrections[at], &g, &err), &err);
    assert_true(bytes_same(out.text, bytes_of_text(text)));
    assert_int_equal(out.text.at[out.text.len], 0);
    assert_int_equal(out.collected, 1700000000);
}
