/* Rings, a schema of five fields, and residents made of them: no database. */
#pragma once
#include "tests/support/harness.h"
#include "vault/record/internal.h"

#include <stdio.h>

enum { FIELD_NUMBER = 1, FIELD_NAME = 2, FIELD_AREA = 3, FIELD_PHONE = 5, FIELD_NOTE = 127, FIXTURE_FIELDS = 5 };

static vault_error err;
static keyring *keys;
static arena *mem;
static cabinet *box;
static uint8_t dek_bytes[4][RECORD_KEYS_LEN];

enum { OWNER = 3 }; /* department that owns all fields */
static const collection RESIDENTS;
static schema_field FIELDS[FIXTURE_FIELDS] = {
    {.name = "id_number",
     .number = FIELD_NUMBER,
     .collection = &RESIDENTS,
     .owner_no = OWNER,
     .indexes = 1U << INDEX_EQUALITY},
    {.name = "name",
     .number = FIELD_NAME,
     .collection = &RESIDENTS,
     .owner_no = OWNER,
     .indexes = 1U << INDEX_EQUALITY},
    {.name = "residence_area", .number = FIELD_AREA, .collection = &RESIDENTS, .owner_no = OWNER},
    {.name = "phone",
     .number = FIELD_PHONE,
     .collection = &RESIDENTS,
     .owner_no = OWNER,
     .indexes = 1U << INDEX_EQUALITY},
    {.name = "note", .number = FIELD_NOTE, .collection = &RESIDENTS, .owner_no = OWNER}};
static const schema_field *const RESIDENT_FIELDS[] = {&FIELDS[0], &FIELDS[1], &FIELDS[2], &FIELDS[3], &FIELDS[4]};
static const collection RESIDENTS = {.name = "residents",
                                     .number = 1,
                                     .fields = RESIDENT_FIELDS,
                                     .count = FIXTURE_FIELDS,
                                     .natural_key = &FIELDS[0],
                                     .area = &FIELDS[2]};

static inline const schema_field *field_of(unsigned number)
{
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) {
        if (FIELDS[i].number == number) return &FIELDS[i];
    }
    fail_msg("no field %u", number);
    return NULL;
}

static inline void given_masks(void)
{
    static const char *const names[FIXTURE_FIELDS] = {"id_area", "name_surname", "division_county", "mobile_ends",
                                                      "hidden"};
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) FIELDS[i].mask = mask_find(names[i]);
}

static inline void given_ring(const char *name, uint32_t version)
{
    static const uint8_t root[KEY_LEN] = {7};
    ring r = {0};
    expect_ok(ring_create(&r, bytes_of(root, sizeof root),
                          &(ring_wish){.name = name, .version = version, .suite = SUITE_INTL, .since = 1}, &err),
              &err);
    secret_clear(&r.key);
    expect_ok(keyring_add(keys, bytes_of(root, sizeof root), &r, &err), &err);
}

static inline void given_cabinet(void)
{
    static const char *const names[] = {"record",         "natural",    "token/5",  "token/6",
                                        "term/id_number", "term/phone", "term/name"};
    if (box) {
        arena_reset(mem);
        cabinet_use(box, mem);
        return;
    }
    mem = arena_new(64 << 20);
    given_masks();
    expect_ok(keyring_new(&keys, &err), &err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) given_ring(names[i], 1);
    expect_ok(cabinet_new(&box, keys, &err), &err);
    cabinet_use(box, mem);
    cabinet_made_by(box, 1);
}

__attribute__((destructor)) static void forget_cabinet(void)
{
    cabinet_free(&box);
    keyring_free(&keys);
    if (mem) arena_free(&mem);
}

/* ---- residents ---- */

typedef struct given {
    input_field fields[FIXTURE_FIELDS];
    record_input in;
} given;

/* Texts by place in FIELDS; NULL: not given. */
static inline void given_input(given *g, const char *const texts[FIXTURE_FIELDS])
{
    *g = (given){
        .in = {.collection = &RESIDENTS, .area = {320411002001000}, .department = OWNER, .collected = 1700000000}};
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) {
        if (!texts[i]) continue;
        g->fields[g->in.count++] = (input_field){.field = &FIELDS[i], .text = bytes_of_text(texts[i])};
    }
    g->in.fields = g->fields;
}

static const char *const ANNA[FIXTURE_FIELDS] = {"11010519491231002X", "Anna", "320411002001", "13900000001", NULL};

/* A sealed resident; slot: which of the four places for a DEK. */
static inline vault_code seal_resident(record *out, resident_row *row, int64_t id, const char *const *texts,
                                       size_t slot)
{
    given g;
    given_input(&g, texts);
    *row = (resident_row){.found = true, .id = id};
    memset(row->natural_key, (int)id, sizeof row->natural_key);
    *out = (record){.dek = dek_bytes[slot]};
    return record_create(out, box, row, &g.in, &err);
}

static inline void given_resident(record *out, resident_row *row, int64_t id, const char *const *texts, size_t slot)
{
    expect_ok(seal_resident(out, row, id, texts, slot), &err);
    assert_true(out->genuine);
}

/* ---- grants: made by policy_decide alone, but for tests ---- */

static inline grant grant_of(unsigned field)
{
    grant g = {.given = true, .form = FORM_PLAIN};
    field_set_add(&g.fields, field);
    return g;
}

static inline vault_code open_as(field_text *out, const record *r, unsigned field)
{
    grant g = grant_of(field);
    return field_open(out, box, &g, r, field_of(field), &err);
}

static inline void expect_text(const record *r, unsigned field, const char *text)
{
    field_text out;
    expect_ok(open_as(&out, r, field), &err);
    assert_false(out.absent);
    assert_int_equal(out.text.len, strlen(text));
    assert_string_equal((const char *)out.text.at, text);
}

static inline void expect_broken(const record *r, unsigned field)
{
    field_text out = {0};
    expect_code(open_as(&out, r, field), VAULT_INTEGRITY, &err);
    assert_null(out.text.at);
}

static inline void merge_into(resident_row *next, const record *r, const record_input *in)
{
    record_merged merged;
    expect_ok(record_merge(&merged, next, box, r, in, &err), &err);
}

/* A copy of a row's packed fields that may be written to. */
static inline uint8_t *edit_pack(resident_row *row)
{
    uint8_t *copy = arena_alloc(mem, row->sealed.len);
    memcpy(copy, row->sealed.at, row->sealed.len);
    row->sealed = bytes_of(copy, row->sealed.len);
    return copy;
}
