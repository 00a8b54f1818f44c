/* The masked form: made inside the vault, so that the value itself never comes out. */
#include "tests/unit/record/fixture.h"

static vault_code open_masked(field_text *out, const record *r, unsigned field)
{
    grant g = grant_of(field);
    g.form = FORM_MASKED;
    return field_open(out, box, &g, r, field_of(field), &err);
}

static void expect_shown(const record *r, unsigned field, const char *text)
{
    field_text out = {0};
    expect_ok(open_masked(&out, r, field), &err);
    assert_false(out.absent);
    assert_string_equal((const char *)out.text.at, text);
    assert_int_equal(out.text.len, strlen(text));
}

TEST("a masked grant shows what each field's mask shows, and the plain value to nobody")
{
    record r;
    resident_row row;
    field_text out;
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){ANNA[0], "王小明", ANNA[2], ANNA[3], "walks with a stick"}, 0);
    expect_shown(&r, FIELD_NAME, "王**");
    expect_shown(&r, FIELD_PHONE, "139****0001");
    expect_shown(&r, FIELD_NOTE, "***");
    expect_text(&r, FIELD_NAME, "王小明");
    expect_ok(open_masked(&out, &r, FIELD_NUMBER), &err);
    assert_null(strstr((const char *)out.text.at, "19491231"));
}

TEST("a field that the record does not hold is absent in masked form too")
{
    record r;
    resident_row row;
    field_text out;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    expect_ok(open_masked(&out, &r, FIELD_NOTE), &err);
    assert_true(out.absent && !out.text.at);
}

TEST("a field without a mask is refused in masked form, not shown")
{
    record r;
    resident_row row;
    field_text out = {0};
    schema_field bare = *field_of(FIELD_NAME);
    grant g = grant_of(FIELD_NAME);
    bare.mask = NULL;
    g.form = FORM_MASKED;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    expect_code(field_open(&out, box, &g, &r, &bare, &err), VAULT_INTERNAL, &err);
    assert_null(out.text.at);
}

TEST("a value that does not open is damage in masked form, never three asterisks")
{
    record r;
    resident_row row;
    field_text out = {0};
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){NULL, NULL, NULL, NULL, "note"}, 0);
    edit_pack(&row)[SEGMENT_HEADER_LEN + 20] ^= 1;
    expect_code(open_masked(&out, &r, FIELD_NOTE), VAULT_INTEGRITY, &err);
    assert_null(out.text.at);
}

/* Also in what the sanitizer fences off between two pieces of the arena. */
__attribute__((no_sanitize("address"))) static bool holds(const uint8_t *from, const uint8_t *to, const char *text)
{
    size_t len = strlen(text);
    for (; from + len <= to; from++) {
        size_t same = 0;
        while (same < len && from[same] == (uint8_t)text[same]) same++;
        if (same == len) return true;
    }
    return false;
}

TEST("of a value that was shown masked nothing is left, neither in the caller's memory nor in the scratch")
{
    record r;
    resident_row row;
    field_text out;
    static const char value[] = "walks with a stick and a dog";
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){ANNA[0], NULL, NULL, NULL, value}, 0);
    const uint8_t *before = arena_alloc(mem, 1);
    expect_ok(open_masked(&out, &r, FIELD_NOTE), &err);
    const uint8_t *after = arena_alloc(mem, 1);
    assert_true(after > before && after - before < 4096);
    assert_false(holds(before, after, "stick"));
    assert_false(holds(box->scratch.at, box->scratch.at + SCRATCH_LEN, "stick"));
    expect_text(&r, FIELD_NOTE, value);
    assert_true(holds(before, arena_alloc(mem, 1), "stick")); /* so it would be seen */
    assert_false(holds(box->scratch.at, box->scratch.at + SCRATCH_LEN, "stick"));
}
