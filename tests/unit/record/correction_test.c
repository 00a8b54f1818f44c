/* Correction requests at rest: every column of a row is bound to the others, to the resident and to how it was decided.
 */
#include "tests/unit/record/people.h"
#include "vault/base/clock.h"

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

static correction_row decided(const stored *p, const correction_row *from, correction_state state)
{
    correction_row out;
    const correction_verdict how = {.state = state, .decider = POLICE};
    expect_ok(correction_decide(&out, box, &p->r, from, &how, &err), &err);
    return out;
}

/* Neither its value nor anything else of the row is told. */
static void expect_correction_broken(const record *r, const correction_row *row, const char *what)
{
    correction_text out = {0};
    grant g = grant_of((unsigned)row->field % POLICY_FIELDS_MAX);
    vault_code code = correction_check(box, r, row, &err);
    if (code != VAULT_INTEGRITY) fail_msg("%s: %s", what, vault_code_name(code));
    vault_error_clear(&err);
    assert_true(correction_open(&out, box, r, row, &g, &err) != VAULT_OK);
    vault_error_clear(&err);
    assert_null(out.text.at);
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

/* The columns of a row one by one, each with another value. */
static void expect_columns_bound(const record *r, const correction_row *row)
{
    enum { COLUMNS = 8 };
    for (int column = 0; column < COLUMNS; column++) {
        correction_row edited = *row;
        switch (column) {
        case 0:
            edited.number++;
            break;
        case 1:
            edited.filed_us++;
            break;
        case 2:
            edited.decided_us++;
            break;
        case 3:
            edited.decider++;
            break;
        case 4:
            edited.state = row->state == CORRECTION_ACCEPTED ? CORRECTION_DECLINED : CORRECTION_ACCEPTED;
            break;
        case 5:
            edited.state = row->state == CORRECTION_PENDING ? 7 : CORRECTION_PENDING;
            break;
        case 6:
            edited.field++;
            break;
        default:
            edited.department++;
            break;
        }
        char what[32];
        snprintf(what, sizeof what, "column %d of state %d", column, row->state);
        expect_correction_broken(r, &edited, what);
    }
}

TEST("no column of a row can be edited: number, time, state, decision, field or department")
{
    stored p;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    correction_row accepted = decided(&p, &m.corrections[0], CORRECTION_ACCEPTED),
                   declined = decided(&p, &m.corrections[0], CORRECTION_DECLINED);
    expect_columns_bound(&p.r, &m.corrections[0]);
    expect_columns_bound(&p.r, &accepted);
    expect_columns_bound(&p.r, &declined);
}

TEST("columns that change places between two requests of one resident do not fit any more")
{
    stored p;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    assert_true(m.correction_count >= 2);
    const correction_row *a = &m.corrections[0], *b = &m.corrections[1];
    correction_row swapped = *a;
    swapped.sealed = b->sealed;
    expect_correction_broken(&p.r, &swapped, "another request's text");
    swapped = *a;
    swapped.number = b->number;
    expect_correction_broken(&p.r, &swapped, "another request's number");
    correction_row done = decided(&p, a, CORRECTION_DECLINED), other = decided(&p, b, CORRECTION_ACCEPTED);
    done.sealed = other.sealed;
    expect_correction_broken(&p.r, &done, "another request's decision");
    done = decided(&p, a, CORRECTION_ACCEPTED);
    done.sealed = a->sealed;
    expect_correction_broken(&p.r, &done, "the value back under the decision");
    done.sealed = decided(&p, a, CORRECTION_DECLINED).sealed;
    expect_correction_broken(&p.r, &done, "declined, and said to be accepted");
}

TEST("every bit of a request is bound, and a cut one is damage, decided or not")
{
    stored p;
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    correction_row rows[] = {m.corrections[0], decided(&p, &m.corrections[0], CORRECTION_ACCEPTED)};
    for (size_t k = 0; k < 2; k++) {
        correction_row row = rows[k];
        uint8_t *copy = arena_alloc(mem, row.sealed.len);
        for (size_t i = 0; i < row.sealed.len * 8; i++) {
            memcpy(copy, rows[k].sealed.at, row.sealed.len);
            copy[i / 8] ^= (uint8_t)(1U << i % 8);
            row.sealed = bytes_of(copy, row.sealed.len);
            expect_correction_broken(&p.r, &row, "a bit");
        }
        for (size_t len = 0; len < row.sealed.len; len++) {
            correction_row cut = rows[k];
            cut.sealed.len = len;
            expect_correction_broken(&p.r, &cut, "cut");
        }
    }
}

TEST("a decided request holds no value: it is shorter than any, and opens nothing")
{
    stored p;
    correction_text out = {0};
    grant g = grant_of(PERSON[P_NAME].number);
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    correction_row row = decided(&p, &m.corrections[0], CORRECTION_ACCEPTED);
    assert_int_equal(row.sealed.len, 1 + SEAL_OVERHEAD);
    assert_int_equal(row.decider, POLICE);
    assert_int_equal(row.state, CORRECTION_ACCEPTED);
    assert_true(row.decided_us >= row.filed_us);
    assert_null(memmem(row.sealed.at, row.sealed.len, m.corrections[0].sealed.at + 1, CORRECTION_MARK_LEN - 1));
    expect_ok(correction_check(box, &p.r, &row, &err), &err);
    expect_code(correction_open(&out, box, &p.r, &row, &g, &err), VAULT_INTERNAL, &err);
    assert_null(out.text.at);
}

TEST("what was edited is not decided: its new row would make it genuine")
{
    stored p;
    correction_row out = {0};
    const correction_verdict how = {.state = CORRECTION_DECLINED, .decider = POLICE};
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    correction_row row = m.corrections[0];
    row.filed_us -= 1;
    expect_code(correction_decide(&out, box, &p.r, &row, &how, &err), VAULT_INTEGRITY, &err);
    assert_null(out.sealed.at);
}

TEST("a value is opened under a grant of its field in plain form alone")
{
    stored p;
    correction_text out = {0};
    given_cabinet();
    record_merged m = given_request(&p, 1, GRID);
    grant none = {0}, other = grant_of(PERSON[P_NOTE].number), masked = grant_of(PERSON[P_NAME].number),
          withdrawn = masked;
    masked.form = FORM_MASKED;
    withdrawn.given = false;
    const grant *const bad[] = {&none, &other, &masked, &withdrawn};
    for (size_t i = 0; i < 4; i++) {
        expect_code(correction_open(&out, box, &p.r, &m.corrections[0], bad[i], &err), VAULT_DENIED, &err);
        assert_null(out.text.at);
    }
    correction_row negative = m.corrections[0];
    negative.field = (int16_t)-negative.field;
    expect_code(correction_open(&out, box, &p.r, &negative, &masked, &err), VAULT_DENIED, &err);
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
    correction_text out = {0};
    grant g = grant_of(PERSON[P_NAME].number);
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, 40000, &OTHERWISE);
    expect_correction(&p, &m, 0, P_NAME, 40000, "王小名");
    p.r.genuine = false;
    expect_code(correction_open(&out, box, &p.r, &m.corrections[0], &g, &err), VAULT_INTERNAL, &err);
    assert_null(out.text.at);
    expect_code(correction_check(box, &p.r, &m.corrections[0], &err), VAULT_INTERNAL, &err);
}

TEST("the length of a request tells a size class, and its text is not in it")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, GRID, &(saying){{ID, "Li", WANG.texts[P_AREA], NULL, NULL, NULL}});
    size_t len = m.corrections[0].sealed.len;
    m = tell(&p, GRID, &(saying){{ID, "Zheng Xia", WANG.texts[P_AREA], NULL, NULL, NULL}});
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
    assert_int_not_equal(first.corrections[0].number, again.corrections[0].number);
    for (size_t i = CORRECTION_MARK_LEN; i + 8 <= len; i += 8)
        assert_memory_not_equal(mark + i, again.corrections[0].sealed.at + i, 8);
    assert_memory_not_equal(mark, other.corrections[0].sealed.at, CORRECTION_MARK_LEN);
    assert_memory_not_equal(mark, elsewhere.corrections[0].sealed.at, CORRECTION_MARK_LEN);
    assert_memory_not_equal(mark, first.corrections[1].sealed.at, CORRECTION_MARK_LEN);
    again = tell(&a, GRID, &(saying){{ID, "王小朋", WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_memory_not_equal(mark, again.corrections[0].sealed.at, CORRECTION_MARK_LEN);
}

TEST("numbers are positive, never twice the same, and go up with the hours")
{
    enum { MANY = 2000 };
    static int64_t numbers[MANY];
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    const correction_said what = {
        .field = &PERSON[P_NAME], .text = bytes_of_text("王"), .department = GRID, .collected = 1};
    int64_t hour = clock_now_us() / INT64_C(3600000000);
    for (size_t i = 0; i < MANY; i++) {
        correction_row row;
        expect_ok(correction_file(&row, box, &p.r, &what, &err), &err);
        numbers[i] = row.number;
        assert_true(row.number > 0 && row.number >> 43 >= hour && row.number >> 43 <= hour + 1);
        for (size_t j = 0; j < i; j++) assert_true(numbers[j] != row.number);
    }
}

/* ---- where values come from; records that are restricted ---- */

TEST("a field's department and time of collection are told under a grant of it, and those alone")
{
    stored p;
    field_source from;
    grant g = grant_of(PERSON[P_NAME].number);
    given_cabinet();
    given_person(&p, 1, CARE, &WANG);
    expect_ok(field_source_of(&from, &g, &p.r, &PERSON[P_NAME], &err), &err);
    assert_int_equal(from.department, CARE);
    assert_int_equal(from.collected, 1700000000);
    expect_code(field_source_of(&from, &g, &p.r, &PERSON[P_PHONE], &err), VAULT_DENIED, &err);
    g = grant_of(PERSON[P_GRID].number);
    expect_ok(field_source_of(&from, &g, &p.r, &PERSON[P_GRID], &err), &err);
    assert_int_equal(from.department, 0);
    p.r.genuine = false;
    expect_code(field_source_of(&from, &g, &p.r, &PERSON[P_GRID], &err), VAULT_INTERNAL, &err);
}

TEST("the fields that a record holds are those that were given; of a decoy there are none")
{
    stored p;
    field_set held;
    given_cabinet();
    given_person(&p, 1, CARE, &WANG);
    expect_ok(record_fields(&held, &p.r, &err), &err);
    for (size_t i = 0; i < PEOPLE_FIELDS; i++)
        assert_int_equal(field_set_has(held, PERSON[i].number), WANG.texts[i] != NULL);
    p.r.genuine = false;
    expect_ok(record_fields(&held, &p.r, &err), &err);
    assert_true(field_set_within(held, (field_set){0}));
}

TEST("a restricted record is the next version under a tag of its own; set back to live by SQL it is damage")
{
    stored p;
    resident_row next;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    expect_ok(record_restrict(&next, box, &p.r, &err), &err);
    assert_int_equal(next.state, RECORD_RESTRICTED);
    assert_int_equal(next.version, p.row.version + 1);
    expect_ok(record_prove(&p.r, box, &next, &err), &err);
    assert_true(p.r.genuine);
    next.state = RECORD_LIVE;
    expect_code(record_prove(&p.r, box, &next, &err), VAULT_INTEGRITY, &err);
    expect_code(record_restrict(&next, box, &p.r, &err), VAULT_INTERNAL, &err);
}
