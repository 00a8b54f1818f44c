/* What officers and administrators may list: denied unless everything fits. */
#include "policy/policy.h"
#include "tests/support/harness.h"

static field_set fields(unsigned a, unsigned b)
{
    field_set s = {0};
    if (a) field_set_add(&s, a);
    if (b) field_set_add(&s, b);
    return s;
}

static area_range area(const char *prefix)
{
    area_range r;
    assert_true(area_range_read(&r, prefix));
    return r;
}

static browse_scope scope(void)
{
    return (browse_scope){.fields = fields(3, 200), .area = area("320411002"), .rows = 50, .until = 20261231};
}

static browse_ask fitting(void)
{
    return (browse_ask){.fields = fields(3, 0), .area = area("320411002001"), .rows = 50, .date = 20261231};
}

static const area_code INSIDE = {320411002001003};

static void expect_no_grant(browse_scope s, browse_ask a, area_code at)
{
    grant g = browse_decide(&s, &a, at);
    assert_false(g.given);
    assert_int_equal(g.failed, CLAUSE_RESIDENT);
    assert_true(field_set_within(g.fields, fields(0, 0)));
}

TEST("a fitting ask is granted in the masked form alone, for the fields asked for, under no rule of the policy")
{
    browse_scope s = scope();
    browse_ask a = fitting();
    assert_true(browse_admits(&s, &a));
    grant g = browse_decide(&s, &a, INSIDE);
    assert_true(g.given && g.form == FORM_MASKED && g.rule == NO_RULE);
    assert_true(field_set_within(g.fields, fields(3, 0)) && field_set_has(g.fields, 3));
    a.area = s.area, a.fields = s.fields, a.rows = 1, a.date = 1;
    assert_true(browse_admits(&s, &a));
}

TEST("a scope of nothing, or an ask of nothing, admits nothing")
{
    browse_scope s = {0};
    browse_ask a = fitting(), none = {0};
    assert_false(browse_admits(&s, &a));
    assert_false(browse_admits(&s, &none));
    s = scope();
    assert_false(browse_admits(&s, &none));
    expect_no_grant((browse_scope){0}, a, INSIDE);
    expect_no_grant(s, none, INSIDE);
    expect_no_grant(s, none, (area_code){0});
}

TEST("each part that does not fit refuses the whole: fields, area, rows, day")
{
    browse_ask a = fitting();
    a.fields = fields(0, 0), expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.fields = fields(3, 4), expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.area = area("32041100"), expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.area = area("320411003"), expect_no_grant(scope(), a, (area_code){320411003001000}), a = fitting();
    a.area.low = 1, expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.area.high = a.area.low - 1, expect_no_grant(scope(), a, a.area.low == 0 ? INSIDE : (area_code){a.area.low});
    a = fitting();
    a.rows = 0, expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.rows = 51, expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.date = 20270101, expect_no_grant(scope(), a, INSIDE), a = fitting();
    a.date = 0, expect_no_grant(scope(), a, INSIDE);
}

TEST("a record outside of the area asked for, or of no area, is not granted although the scope would reach it")
{
    expect_no_grant(scope(), fitting(), (area_code){320411002002000});
    expect_no_grant(scope(), fitting(), (area_code){0});
    expect_no_grant(scope(), fitting(), (area_code){-1});
}

TEST("random asks: granted only where every part fits")
{
    uint64_t draw = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
        browse_scope s = scope();
        browse_ask a = {.fields = fields(draw & 1 ? 3 : 0, draw & 2   ? 200
                                                           : draw & 4 ? 7
                                                                      : 0),
                        .area = area(draw & 8    ? "320411002001"
                                     : draw & 16 ? "320411002"
                                                 : "320411"),
                        .rows = (unsigned)(draw >> 8 & 63),
                        .date = draw & 32 ? 20261230 + (uint32_t)(draw >> 16 & 1) : 20270101};
        area_code at = {draw & 64 ? INSIDE.code : 320411009001000};
        bool fits = (draw & 3) && !((draw & 4) && !(draw & 2)) && (draw & 24) && a.rows >= 1 && a.rows <= 50 &&
                    (draw & 32) && (draw & 64);
        assert_int_equal(browse_decide(&s, &a, at).given, fits);
    }
}
