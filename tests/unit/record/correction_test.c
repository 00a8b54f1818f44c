/* Correction requests at rest: each is bound to its resident, field and department. */
#include "tests/unit/record/people.h"

#define ID "11010519491231002X"

static const saying WANG = {{ID, "王小明", "320411002003", NULL, "13900000001", "dog"}};
static const saying OTHERWISE = {{ID, "王小名", "320411002003", NULL, "13900000009", "cat"}};

/* Two requests of one department: name and residence are the police's. */
static record_merged given_request(stored *p, int64_t id, uint16_t department)
{
    given_person(p, id, POLICE, &WANG);
    record_merged m = tell(p, department, &OTHERWISE);
    assert_true(m.correction_count >= 1);
    return m;
}

static void expect_correction_broken(const record *r, const correction_row *row, const char *what)
{
    bytes out = {0};
    vault_code code = correction_open(&out, box, r, row, &err);
    if (code != VAULT_INTEGRITY) fail_msg("%s: %s", what, vault_code_name(code));
    vault_error_clear(&err);
    assert_null(out.at);
}

TEST("a request moved to another field, department or resident does not open")
{
    stored a, b;
    given_cabinet();
    record_merged m = given_request(&a, 1, GRID), n = given_request(&b, 2, GRID);
    correction_row row = m.corrections[0];
    assert_int_equal(row.field, PERSON[P_NAME].number);
    row.field = (int16_t)PERSON[P_NOTE].number;
    expect_correction_broken(&a.r, &row, "another field");
    row = m.corrections[0];
    row.department = POLICE;
    expect_correction_broken(&a.r, &row, "another department");
    row = m.corrections[0];
    row.resident = 2;
    expect_correction_broken(&b.r, &row, "another resident");
    expect_correction_broken(&a.r, &row, "under the key of the one it was made for, as another's");
    row = n.corrections[0];
    row.resident = 1;
    expect_correction_broken(&a.r, &row, "another's request");
    memcpy(b.r.dek, a.r.dek, KEY_LEN); /* the same data key, another resident */
    row = m.corrections[0];
    row.resident = 2;
    expect_correction_broken(&b.r, &row, "another resident of the same key");
}

TEST("two requests of one resident do not change places")
{
    stored p;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    assert_true(m.correction_count >= 2);
    correction_row swapped = m.corrections[0];
    swapped.sealed = m.corrections[1].sealed;
    expect_correction_broken(&p.r, &swapped, "another request's text");
}

TEST("every bit of a request is bound, and a cut one is damage")
{
    stored p;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    correction_row row = m.corrections[0];
    uint8_t *copy = arena_alloc(mem, row.sealed.len);
    for (size_t i = 0; i < row.sealed.len * 8; i++) {
        memcpy(copy, m.corrections[0].sealed.at, row.sealed.len);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        row.sealed = bytes_of(copy, row.sealed.len);
        expect_correction_broken(&p.r, &row, "a bit");
    }
    for (size_t len = 0; len < row.sealed.len; len++) {
        correction_row cut = m.corrections[0];
        cut.sealed.len = len;
        expect_correction_broken(&p.r, &cut, "cut");
    }
}

TEST("a stored field is no request, and a request no field")
{
    stored p;
    segment s;
    bool found;
    bytes text = {0};
    aead *cipher;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    expect_ok(pack_find(&s, &found, p.row.sealed, PERSON[P_NAME].number, &err), &err);
    uint8_t *copy = arena_alloc(mem, CORRECTION_MARK_LEN + s.sealed.len);
    correction_row row = m.corrections[0];
    memcpy(copy, row.sealed.at, CORRECTION_MARK_LEN);
    memcpy(copy + CORRECTION_MARK_LEN, s.sealed.at, s.sealed.len);
    row.sealed = bytes_of(copy, CORRECTION_MARK_LEN + s.sealed.len);
    expect_correction_broken(&p.r, &row, "a field's value");
    s.sealed =
        bytes_of(m.corrections[0].sealed.at + CORRECTION_MARK_LEN, m.corrections[0].sealed.len - CORRECTION_MARK_LEN);
    expect_ok(record_cipher(&cipher, box, &p.r, &err), &err);
    expect_code(segment_open(box, p.row.id, &s, &text, &err), VAULT_INTEGRITY, &err);
    assert_null(text.at);
}

TEST("a request of a row that is not proven is not opened; departments past 32,767 are told apart")
{
    stored p;
    bytes out = {0};
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, 40000, &OTHERWISE);
    expect_correction(&p, &m, 0, P_NAME, 40000, "王小名");
    p.r.genuine = false;
    expect_code(correction_open(&out, box, &p.r, &m.corrections[0], &err), VAULT_INTERNAL, &err);
    assert_null(out.at);
}

TEST("the length of a request tells a size class, and its text is not in it")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, GRID, &(saying){{ID, "Li", WANG.texts[P_AREA], NULL, NULL, NULL}});
    size_t len = m.corrections[0].sealed.len;
    m = tell(&p, GRID, &(saying){{ID, "Zheng Xiaom", WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_int_equal(m.corrections[0].sealed.len, len);
    assert_null(memmem(m.corrections[0].sealed.at, len, "Zheng", 5));
}

TEST("a request filed again has the same mark and nothing else in common; another text, field, department or resident "
     "has another mark")
{
    stored a, b;
    given_cabinet();
    record_merged first = given_request(&a, 1, GRID), again = tell(&a, GRID, &OTHERWISE),
                  other = tell(&a, 9, &OTHERWISE), elsewhere = given_request(&b, 2, GRID);
    const uint8_t *mark = first.corrections[0].sealed.at;
    size_t len = first.corrections[0].sealed.len;
    assert_memory_equal(mark, again.corrections[0].sealed.at, CORRECTION_MARK_LEN);
    for (size_t i = CORRECTION_MARK_LEN; i + 8 <= len; i += 8)
        assert_memory_not_equal(mark + i, again.corrections[0].sealed.at + i, 8);
    assert_memory_not_equal(mark, other.corrections[0].sealed.at, CORRECTION_MARK_LEN);
    assert_memory_not_equal(mark, elsewhere.corrections[0].sealed.at, CORRECTION_MARK_LEN);
    assert_memory_not_equal(mark, first.corrections[1].sealed.at, CORRECTION_MARK_LEN);
    again = tell(&a, GRID, &(saying){{ID, "王小朋", WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_memory_not_equal(mark, again.corrections[0].sealed.at, CORRECTION_MARK_LEN);
}
