/* Classes of residents by what stands in their records: to the day around a birthday, and unknown where nothing does.
 */
#include "tests/unit/record/fixture.h"

static schema_field BORN = {.name = "birth_date", .number = 9}, CARE = {.name = "care_category", .number = 10};
static const char *const SEVERE[] = {"3", "4", "12"};
static const policy_class CHILD = {.id = "child", .field = 9, .test = CLASS_AGE_UNDER, .years = 14},
                          GROWN = {.id = "grown", .field = 9, .test = CLASS_AGE_AT_LEAST, .years = 14},
                          IN_CARE = {.id = "in-care", .field = 10, .test = CLASS_KNOWN},
                          GRAVE = {.id = "grave", .field = 10, .test = CLASS_ONE_OF, .texts = SEVERE, .text_count = 3};

/* A resident who was born on a day, and has a care category; NULL: not known. */
static void given_resident_of(record *out, resident_row *row, const char *born, const char *care)
{
    input_field fields[3] = {{.field = &FIELDS[0], .text = bytes_of_text("11010519491231002X")}};
    record_input in = {.collection = &RESIDENTS, .fields = fields, .count = 1, .area = {1}, .department = OWNER};
    given_cabinet();
    BORN.collection = CARE.collection = &RESIDENTS;
    BORN.format = format_find("date");
    CARE.format = format_find("text");
    if (born) fields[in.count++] = (input_field){.field = &BORN, .text = bytes_of_text(born)};
    if (care) fields[in.count++] = (input_field){.field = &CARE, .text = bytes_of_text(care)};
    *row = (resident_row){.found = true, .id = 1};
    *out = (record){.dek = dek_bytes[0]};
    expect_ok(record_create(out, box, row, &in, &err), &err);
}

static class_answer of_class(const record *r, const policy_class *class, uint32_t today)
{
    const class_question q = {.record = r, .field = class->field == 9 ? &BORN : &CARE, .of = class, .today = today};
    class_answer out;
    expect_ok(record_class(&out, box, &q, &err), &err);
    return out;
}

static void expect_age_class(const char *born, uint32_t last_day_of_child)
{
    record r;
    resident_row row;
    given_resident_of(&r, &row, born, NULL);
    /* every day around it: the days of a month are few enough */
    for (uint32_t day = last_day_of_child - last_day_of_child % 100 + 1; day % 100 <= 31; day++) {
        bool child = day <= last_day_of_child;
        if (of_class(&r, &CHILD, day) != (child ? CLASS_IN : CLASS_OUT)) fail_msg("%s on %u", born, day);
        if (of_class(&r, &GROWN, day) != (child ? CLASS_OUT : CLASS_IN)) fail_msg("%s on %u, grown", born, day);
    }
}

TEST("a child is one through the day before the fourteenth birthday, and none on it")
{
    expect_age_class("20120515", 20260514);
    expect_age_class("20121231", 20261230);
    expect_age_class("20120101", 20251231);
    record r;
    resident_row row;
    given_resident_of(&r, &row, "20120101", NULL);
    assert_int_equal(of_class(&r, &CHILD, 20260101), CLASS_OUT);
}

TEST("who is born on 29 February is a child through 28 February of a common year, through that of a leap year too")
{
    record r;
    resident_row row;
    given_resident_of(&r, &row, "20120229", NULL);
    assert_int_equal(of_class(&r, &CHILD, 20260228), CLASS_IN); /* 2026 has no 29th: 14 on 1 March */
    assert_int_equal(of_class(&r, &CHILD, 20260301), CLASS_OUT);
    static const policy_class twelve = {.id = "under-12", .field = 9, .test = CLASS_AGE_UNDER, .years = 12};
    assert_int_equal(of_class(&r, &twelve, 20240228), CLASS_IN); /* 2024 has one */
    assert_int_equal(of_class(&r, &twelve, 20240229), CLASS_OUT);
}

TEST("of whoever is born after today, or whose birthday stands nowhere, the age is not known")
{
    record r;
    resident_row row;
    given_resident_of(&r, &row, "20300101", NULL);
    assert_int_equal(of_class(&r, &CHILD, 20260101), CLASS_UNKNOWN);
    assert_int_equal(of_class(&r, &GROWN, 20260101), CLASS_UNKNOWN);
    given_resident_of(&r, &row, NULL, NULL);
    assert_int_equal(of_class(&r, &CHILD, 20260101), CLASS_UNKNOWN);
    assert_int_equal(of_class(&r, &GROWN, 20260101), CLASS_UNKNOWN);
}

TEST("a value that is one of the list's is of the class, one that begins or ends like one is not, none is not known")
{
    static const struct {
        const char *care;
        class_answer grave, in_care;
    } rows[] = {{"3", CLASS_IN, CLASS_IN},       {"4", CLASS_IN, CLASS_IN},  {"12", CLASS_IN, CLASS_IN},
                {"1", CLASS_OUT, CLASS_IN},      {"2", CLASS_OUT, CLASS_IN}, {"34", CLASS_OUT, CLASS_IN},
                {NULL, CLASS_UNKNOWN, CLASS_OUT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        record r;
        resident_row row;
        given_resident_of(&r, &row, NULL, rows[i].care);
        assert_int_equal(of_class(&r, &GRAVE, 20260101), rows[i].grave);
        assert_int_equal(of_class(&r, &IN_CARE, 20260101), rows[i].in_care);
    }
}

TEST("of nobody nothing is known, not even that there is no value")
{
    record none = {.dek = dek_bytes[0]};
    const resident_row nobody = {.id = 77};
    given_cabinet();
    expect_ok(record_prove(&none, box, &nobody, &err), &err);
    assert_int_equal(of_class(&none, &CHILD, 20260101), CLASS_UNKNOWN);
    assert_int_equal(of_class(&none, &IN_CARE, 20260101), CLASS_UNKNOWN);
}

TEST("a record of another collection is none of the class: what forbids children forbids no houses")
{
    static const collection HOUSES = {.name = "houses", .number = 200};
    record r;
    resident_row row;
    given_resident_of(&r, &row, NULL, NULL);
    assert_int_equal(of_class(&r, &CHILD, 20260101), CLASS_UNKNOWN);
    BORN.collection = &HOUSES;
    assert_int_equal(of_class(&r, &CHILD, 20260101), CLASS_OUT);
    assert_int_equal(of_class(&r, &GROWN, 20260101), CLASS_OUT);
}

TEST("a value that does not open is damage, and no class")
{
    record r;
    resident_row row;
    given_resident_of(&r, &row, "20120515", NULL);
    edit_pack(&row)[row.sealed.len - 1] ^= 1;
    r.row = &row;
    const class_question q = {.record = &r, .field = &BORN, .of = &CHILD, .today = 20260101};
    class_answer out = CLASS_IN;
    expect_code(record_class(&out, box, &q, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(out, CLASS_UNKNOWN);
    vault_error_clear(&err);
}

TEST("the values leave no trace in the locked scratch")
{
    record r;
    resident_row row;
    given_resident_of(&r, &row, "20120515", "3");
    (void)of_class(&r, &CHILD, 20260101);
    for (size_t i = 0; i + 8 <= box->scratch.len; i++)
        assert_false(bytes_same(bytes_of(box->scratch.at + i, 8), bytes_of_text("20120515")));
}
