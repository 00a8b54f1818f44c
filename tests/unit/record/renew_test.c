/* Rows in the midst of rotations: several versions and both suites side by side, and each as it would be written today.
 */
#include "tests/unit/record/rotated.h"

#define EVERYTHING                                                                                                     \
    {.ring = "record", .suite = SUITE_GM}, {.ring = "natural", .suite = SUITE_GM},                                     \
        {.ring = "term/phone", .suite = SUITE_GM}, {.ring = "term/name", .suite = SUITE_GM},                           \
    {                                                                                                                  \
        .ring = "term/id_number", .suite = SUITE_GM                                                                    \
    }

static void expect_opens(const record *r, unsigned field, const char *text)
{
    field_text out;
    grant g = grant_of(field);
    expect_ok(field_open(&out, after, &g, r, field_of(field), &err), &err);
    assert_false(out.absent);
    assert_string_equal((const char *)out.text.at, text);
}

static void proven(record *out, const resident_row *row, size_t slot)
{
    *out = (record){.dek = dek_bytes[slot]};
    expect_ok(record_prove(out, after, row, &err), &err);
    assert_true(out->genuine);
}

/* Anna under the rings of before, with her natural key. */
static void given_anna(record *r, resident_row *row)
{
    given_resident(r, row, 1, ANNA, 0);
    expect_ok(cabinet_natural_key(box, row->natural_key, &RESIDENTS, bytes_of_text(ANNA[0]), &err), &err);
    uint8_t *tag = arena_alloc(mem, ROW_TAG_LEN);
    expect_ok(row_seal_tag(box, r->dek, row, tag, &err), &err);
}

static record_renewal renewal(bool reseal)
{
    return (record_renewal){.collection = &RESIDENTS, .made = ROTATED_AT, .reseal = reseal};
}

static void renewed(resident_row *out, const resident_row *row, bool reseal)
{
    record old;
    const record_renewal how = renewal(reseal);
    proven(&old, row, 1);
    expect_ok(record_renew(out, after, &old, &how, &err), &err);
    assert_true(out->was == row);
}

static bool finds(cabinet *by, unsigned field, const char *value, const resident_row *row)
{
    bytes text = bytes_of_text(value);
    term_question q;
    term_ask ask = {.kind = INDEX_EQUALITY, .values = &text, .value_count = 1};
    record r = {.row = row, .genuine = true};
    expect_ok(cabinet_ask(by, &q, field_of(field), &ask, &err), &err);
    assert_int_equal(q.count, 1);
    record_sort_terms(&q.lists[0]);
    return record_meets(&r, q.lists[0]);
}

static segment first_segment(const resident_row *row)
{
    segment s;
    reader from = reader_over(row->sealed);
    expect_ok(segment_read(&s, &from, 0, &err), &err);
    return s;
}

/* ---- side by side ---- */

TEST("residents of both suites open in one batch, in any order, each in its own")
{
    resident_row row, fresh = {.found = true, .id = 2};
    record old, next = {.dek = dek_bytes[2]};
    given g;
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&old, &row);
    given_input(&g, (const char *const[]){"110105194912310021", "Bea", NULL, "13700000002", NULL});
    expect_ok(record_create(&next, after, &fresh, &g.in, &err), &err);
    assert_int_equal(fresh.ring_version, 2);
    assert_int_equal(fresh.made, ROTATED_AT);
    assert_int_equal(first_segment(&row).suite, SUITE_INTL);
    assert_int_equal(first_segment(&fresh).suite, SUITE_GM);
    for (int i = 0; i < 3; i++) {
        proven(&old, &row, 0);
        proven(&next, &fresh, 2);
        expect_opens(&old, FIELD_NAME, "Anna");
        expect_opens(&next, FIELD_NAME, "Bea");
        expect_opens(&old, FIELD_PHONE, "13900000001");
        expect_opens(&next, FIELD_PHONE, "13700000002");
    }
}

TEST("what is compared with a resident of the other suite is compared rightly")
{
    static const predicate equals = {.kind = PREDICATE_EQUALS};
    resident_row row, fresh = {.found = true, .id = 2};
    record old, next = {.dek = dek_bytes[2]};
    record_answer same;
    given g;
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&old, &row);
    given_input(&g, (const char *const[]){"110105194912310021", "Bea", NULL, "13900000001", NULL});
    expect_ok(record_create(&next, after, &fresh, &g.in, &err), &err);
    proven(&old, &row, 0);
    const schema_predicate phones = {.number = 9, .field = field_of(FIELD_PHONE), .test = equals};
    const grant plain = grant_of(FIELD_PHONE);
    const record_question q = {
        .predicate = &phones, .grant = &plain, .record = &old, .other_grant = &plain, .other = &next};
    expect_ok(record_ask(&same, after, &q, &err), &err);
    assert_int_equal(same, ANSWER_YES);
}

TEST("a merge leaves the resident's suite as it is, and makes natural key and terms anew")
{
    resident_row row, next;
    record old, merged;
    given g;
    uint8_t natural[NATURAL_LEN];
    GIVEN_TURNS(EVERYTHING);
    given_anna(&old, &row);
    proven(&old, &row, 1);
    given_input(&g, (const char *const[]){ANNA[0], NULL, NULL, "13700000002", NULL});
    record_merged how;
    expect_ok(record_merge(&how, &next, after, &old, &g.in, &err), &err);
    assert_int_equal(next.ring_version, 1);
    assert_int_equal(next.made, ROTATED_AT);
    assert_int_equal(first_segment(&next).suite, SUITE_INTL);
    expect_ok(cabinet_natural_key(after, natural, &RESIDENTS, bytes_of_text(ANNA[0]), &err), &err);
    assert_memory_equal(next.natural_key, natural, NATURAL_LEN);
    assert_memory_not_equal(row.natural_key, natural, NATURAL_LEN);
    proven(&merged, &next, 2);
    expect_opens(&merged, FIELD_PHONE, "13700000002");
    assert_false(finds(box, FIELD_NAME, "Anna", &next));
    assert_true(finds(after, FIELD_NAME, "Anna", &next));
}

TEST("a row whose keys are said to be under another version is refused, and one whose value changes its suite")
{
    resident_row row;
    record r;
    field_text out;
    grant g = grant_of(FIELD_NUMBER);
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&r, &row);
    resident_row moved = row;
    moved.ring_version = 2;
    r = (record){.dek = dek_bytes[1]};
    expect_code(record_prove(&r, after, &moved, &err), VAULT_INTEGRITY, &err);
    moved.ring_version = 3;
    expect_code(record_prove(&r, after, &moved, &err), VAULT_INTEGRITY, &err);
    proven(&r, &row, 1);
    moved = row;
    edit_pack(&moved)[6] = SUITE_GM; /* behind field and version */
    assert_int_equal(first_segment(&moved).suite, SUITE_GM);
    r.row = &moved;
    expect_code(field_open(&out, after, &g, &r, field_of(FIELD_NUMBER), &err), VAULT_INTEGRITY, &err);
}

TEST("nobody is worked on in either suite, the same way each time")
{
    record r = {.dek = dek_bytes[3]};
    bool seen[SUITES] = {0};
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    for (int64_t id = 0; id < 8; id++) {
        const resident_row none = {.id = id};
        expect_ok(record_prove(&r, after, &none, &err), &err);
        assert_false(r.genuine);
        int32_t version = r.row->ring_version;
        seen[version == 2 ? SUITE_GM : SUITE_INTL] = true;
        expect_ok(record_prove(&r, after, &none, &err), &err);
        assert_int_equal(r.row->ring_version, version);
    }
    assert_true(seen[SUITE_INTL] && seen[SUITE_GM]);
}

/* ---- natural keys and terms ---- */

TEST("while rings rotate, keys and terms of all versions are asked for, the active one's first")
{
    uint8_t all[RING_VERSIONS_MAX][NATURAL_LEN], one[NATURAL_LEN];
    int64_t terms[RING_VERSIONS_MAX], before[RING_VERSIONS_MAX];
    size_t count = 0;
    bytes number = bytes_of_text(ANNA[0]), phone = bytes_of_text("13900000001");
    GIVEN_TURNS(EVERYTHING);
    expect_ok(cabinet_natural_keys(after, all, &count, &RESIDENTS, number, &err), &err);
    assert_int_equal(count, 2);
    expect_ok(cabinet_natural_key(after, one, &RESIDENTS, number, &err), &err);
    assert_memory_equal(all[0], one, NATURAL_LEN);
    expect_ok(cabinet_natural_key(box, one, &RESIDENTS, number, &err), &err);
    assert_memory_equal(all[1], one, NATURAL_LEN);
    expect_ok(cabinet_equality_terms(box, before, &count, field_of(FIELD_PHONE), phone, &err), &err);
    assert_int_equal(count, 1);
    expect_ok(cabinet_equality_terms(after, terms, &count, field_of(FIELD_PHONE), phone, &err), &err);
    assert_int_equal(count, 2);
    assert_true(terms[1] == before[0] && terms[0] != before[0]);
}

TEST("a version whose key is destroyed is not asked for any more")
{
    uint8_t all[RING_VERSIONS_MAX][NATURAL_LEN];
    size_t count = 0;
    GIVEN_TURNS({.ring = "natural", .suite = SUITE_INTL, .destroyed = true});
    expect_ok(cabinet_natural_keys(after, all, &count, &RESIDENTS, bytes_of_text(ANNA[0]), &err), &err);
    assert_int_equal(count, 1);
}

TEST("terms by street stand street by street, each with all versions of the ring")
{
    static const int64_t streets[] = {320411002, 320411003, 320411004};
    schema_field coded = {
        .name = "phone", .number = FIELD_PHONE, .format = format_find("resident_id"), .indexes = 1U << INDEX_NGRAM};
    bytes part = bytes_of_text("12");
    term_question old, q;
    term_ask ask = {.kind = INDEX_NGRAM, .streets = streets, .street_count = 3, .values = &part, .value_count = 1};
    GIVEN_TURNS({.ring = "term/phone", .suite = SUITE_GM});
    expect_ok(cabinet_ask(box, &old, &coded, &ask, &err), &err);
    expect_ok(cabinet_ask(after, &q, &coded, &ask, &err), &err);
    assert_int_equal(q.count, old.count);
    assert_int_equal(q.lists[0].count, 2 * old.lists[0].count);
    assert_int_equal(old.lists[0].count, 3);
    for (size_t street = 0; street < 3; street++) {
        assert_true(q.lists[0].at[2 * street + 1] == old.lists[0].at[street]);
        assert_true(q.lists[0].at[2 * street] != old.lists[0].at[street]);
    }
}

/* ---- rows as they would be written today ---- */

TEST("a renewed row has natural key and terms of the active versions, and the same values under the same keys")
{
    resident_row row, next;
    record r;
    uint8_t natural[NATURAL_LEN];
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    assert_true(finds(after, FIELD_PHONE, "13900000001", &row));
    renewed(&next, &row, false);
    assert_int_equal(next.version, row.version);
    assert_int_equal(next.made, ROTATED_AT);
    assert_int_equal(next.ring_version, 1);
    assert_true(bytes_same(next.sealed, row.sealed) && bytes_same(next.dek, row.dek));
    assert_int_equal(next.term_count, row.term_count);
    expect_ok(cabinet_natural_key(after, natural, &RESIDENTS, bytes_of_text(ANNA[0]), &err), &err);
    assert_memory_equal(next.natural_key, natural, NATURAL_LEN);
    assert_false(finds(box, FIELD_PHONE, "13900000001", &next));
    assert_true(finds(after, FIELD_PHONE, "13900000001", &next));
    assert_false(finds(after, FIELD_PHONE, "13900000002", &next));
    proven(&r, &next, 2);
    expect_opens(&r, FIELD_NAME, "Anna");
}

TEST("a resealed row is in the active suite, under other keys; the key of its views stays")
{
    resident_row row, next;
    record r, before;
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    renewed(&next, &row, true);
    assert_int_equal(next.version, row.version);
    assert_int_equal(next.ring_version, 2);
    assert_int_equal(next.sealed.len, row.sealed.len);
    proven(&before, &row, 1);
    proven(&r, &next, 2);
    assert_memory_not_equal(r.dek, before.dek, KEY_LEN);
    assert_memory_equal(r.dek + KEY_LEN, before.dek + KEY_LEN, KEY_LEN);
    expect_opens(&r, FIELD_NUMBER, ANNA[0]);
    expect_opens(&r, FIELD_NAME, "Anna");
    expect_opens(&r, FIELD_PHONE, "13900000001");
    reader from = reader_over(next.sealed), old = reader_over(row.sealed);
    for (segment s = {0}, was = {0}; from.rest.len > 0;) {
        expect_ok(segment_read(&s, &from, s.field, &err), &err);
        expect_ok(segment_read(&was, &old, was.field, &err), &err);
        assert_int_equal(s.suite, SUITE_GM);
        assert_true(s.version == was.version && s.department == was.department && s.collected == was.collected);
        assert_false(bytes_same(s.sealed, was.sealed));
    }
}

TEST("nothing of the keys is left behind by a reseal, nor of the values")
{
    resident_row row, next;
    record r;
    uint8_t zeros[RECORD_KEYS_LEN] = {0};
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&r, &row);
    renewed(&next, &row, true);
    assert_memory_equal(after->fresh.at, zeros, RECORD_KEYS_LEN);
    assert_null(memmem(after->scratch.at, after->scratch.len, "13900000001", 11));
}

TEST("an index that is added later has its terms once the row is renewed")
{
    schema_field *note = &FIELDS[FIXTURE_FIELDS - 1];
    resident_row row, next;
    record r;
    GIVEN_TURNS({.ring = "term/phone", .suite = SUITE_INTL});
    given_resident(&r, &row, 1, (const char *const[]){ANNA[0], "Anna", NULL, NULL, "walks with a stick"}, 0);
    size_t before = row.term_count;
    const ring_wish wish = {.name = "term/note", .version = 1, .suite = SUITE_GM, .since = ROTATED_AT};
    ring later = {0};
    expect_ok(ring_create(&later, bytes_of(TURN_ROOT, KEY_LEN), &wish, &err), &err);
    secret_clear(&later.key);
    expect_ok(keyring_add(turned_keys, bytes_of(TURN_ROOT, KEY_LEN), &later, &err), &err);
    note->indexes = 1U << INDEX_EQUALITY;
    assert_false(finds(after, FIELD_NOTE, "walks with a stick", &row));
    renewed(&next, &row, false);
    assert_true(finds(after, FIELD_NOTE, "walks with a stick", &next));
    assert_int_equal(next.term_count, before + 1);
    note->indexes = 0;
}

TEST("a restricted record stays restricted, and keeps the mark of when it was made until it is renewed")
{
    resident_row row, hidden, next;
    record r;
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    proven(&r, &row, 1);
    expect_ok(record_restrict(&hidden, after, &r, &err), &err);
    assert_int_equal(hidden.made, row.made);
    renewed(&next, &hidden, true);
    assert_int_equal(next.state, RECORD_RESTRICTED);
    assert_int_equal(next.made, ROTATED_AT);
    proven(&r, &next, 2);
}

TEST("a row that was edited is not renewed, nor one that is not proven or of another collection")
{
    static const collection other = {.number = 2};
    resident_row row, next;
    record r;
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    proven(&r, &row, 1);
    record_renewal how = renewal(true);
    resident_row broken = row;
    edit_pack(&broken)[SEGMENT_HEADER_LEN + 20] ^= 1;
    r.row = &broken;
    expect_code(record_renew(&next, after, &r, &how, &err), VAULT_INTEGRITY, &err);
    r.row = &row;
    how.collection = &other;
    expect_code(record_renew(&next, after, &r, &how, &err), VAULT_INTERNAL, &err);
    how.collection = &RESIDENTS;
    r.genuine = false;
    expect_code(record_renew(&next, after, &r, &how, &err), VAULT_INTERNAL, &err);
}

/* ---- corrections ---- */

static void given_correction(correction_row *out, const record *r, const char *phone)
{
    resident_row next;
    record_merged merged;
    given g;
    given_input(&g, (const char *const[]){ANNA[0], NULL, NULL, phone, NULL});
    g.in.department = OWNER + 1;
    expect_ok(record_merge(&merged, &next, box, r, &g.in, &err), &err);
    assert_int_equal(merged.correction_count, 1);
    *out = merged.corrections[0];
}

TEST("corrections come along under the resident's new key: what waits opens, what is decided still fits")
{
    resident_row row, next;
    record r, again;
    correction_row rows[2], before[2];
    correction_text text;
    grant g = grant_of(FIELD_PHONE);
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    given_correction(&rows[0], &r, "13700000009");
    given_correction(&rows[1], &r, "13700000008");
    const correction_verdict no = {.state = CORRECTION_DECLINED, .decider = OWNER};
    expect_ok(correction_decide(&rows[1], box, &r, &rows[1], &no, &err), &err);
    memcpy(before, rows, sizeof rows);
    proven(&r, &row, 1);
    record_renewal how = renewal(true);
    how.corrections = rows;
    how.correction_count = 2;
    expect_ok(record_renew(&next, after, &r, &how, &err), &err);
    proven(&again, &next, 2);
    for (size_t i = 0; i < 2; i++) {
        expect_ok(correction_check(after, &again, &rows[i], &err), &err);
        expect_code(correction_check(after, &again, &before[i], &err), VAULT_INTEGRITY, &err);
        proven(&r, &row, 1);
        expect_code(correction_check(after, &r, &rows[i], &err), VAULT_INTEGRITY, &err);
        expect_ok(correction_check(after, &r, &before[i], &err), &err);
        assert_int_equal(rows[i].sealed.len, before[i].sealed.len);
        assert_int_equal(rows[i].sealed.at[0], SUITE_GM);
    }
    expect_ok(correction_open(&text, after, &again, &rows[0], &g, &err), &err);
    assert_string_equal((const char *)text.text.at, "13700000009");
    assert_int_equal(text.collected, 1700000000);
}

TEST("an edited correction keeps its resident from being resealed")
{
    resident_row row, next;
    record r;
    correction_row rows[1];
    GIVEN_TURNS(EVERYTHING);
    given_anna(&r, &row);
    given_correction(&rows[0], &r, "13700000009");
    rows[0].department++;
    proven(&r, &row, 1);
    record_renewal how = renewal(true);
    how.corrections = rows;
    how.correction_count = 1;
    expect_code(record_renew(&next, after, &r, &how, &err), VAULT_INTEGRITY, &err);
}

/* ---- epochs ---- */

static const domain FIVE = {.number = 5, .ring = "token/5"};

TEST(
    "tokens of an epoch are taken until it ends, to the microsecond; who they are of can be told until its key is gone")
{
    enum { END = 1000 };
    token t;
    resident_id id;
    uint32_t epochs[RING_VERSIONS_MAX];
    given_cabinet();
    expect_ok(cabinet_issue(box, &t, &FIVE, (resident_id){42}, &err), &err);
    GIVEN_TURNS({.ring = "token/5", .suite = SUITE_GM, .ends_us = END});
    for (int cached = 0; cached < 2; cached++) {
        assert_int_equal(cabinet_epoch(after, &FIVE, 1, END - 1), EPOCH_RETIRING);
        assert_int_equal(cabinet_epoch(after, &FIVE, 1, END), EPOCH_ENDED);
        assert_int_equal(cabinet_epoch(after, &FIVE, 2, END), EPOCH_CURRENT);
        assert_int_equal(cabinet_epoch(after, &FIVE, 3, END), EPOCH_UNKNOWN);
        assert_int_equal(cabinet_epoch(after, &FIVE, 0, END), EPOCH_UNKNOWN);
        assert_int_equal(cabinet_epoch(after, NULL, 1, END), EPOCH_UNKNOWN);
        expect_ok(cabinet_resolve(after, &id, &FIVE, &t, &err), &err);
        assert_int_equal(id.id, 42);
    }
    assert_int_equal(cabinet_epochs(after, &FIVE, END - 1, epochs), 2);
    assert_true(epochs[0] == 2 && epochs[1] == 1);
    assert_int_equal(cabinet_epochs(after, &FIVE, END, epochs), 1);
    assert_int_equal(epochs[0], 2);
    GIVEN_TURNS({.ring = "token/5", .suite = SUITE_GM, .destroyed = true});
    assert_int_equal(cabinet_epoch(after, &FIVE, 1, 0), EPOCH_DESTROYED);
    expect_ok(cabinet_resolve(after, &id, &FIVE, &t, &err), &err);
    assert_int_equal(id.id, 0);
    expect_ok(cabinet_issue(after, &t, &FIVE, (resident_id){42}, &err), &err);
    assert_int_equal(t.epoch, 2);
}
