/* Who acts, where, until when, in which form; and until when a purpose stands. */
#include "tests/unit/policy/fixture.h"

TEST("each role of the rule acts, every other role is refused")
{
    policy *p = load_text(standard);
    for (unsigned no = 0; no <= UINT16_MAX; no++) {
        policy_person who = worker;
        who.role.no = (uint16_t)no;
        policy_facts f = good_facts();
        f.person = &who;
        if (no == 1 || no == 3)
            assert_true(decide(p, &f, home).given);
        else if (no < 70 || no % 64 < 4)
            expect_refused(p, &f, home, CLAUSE_ROLE);
    }
    policy_free(&p);
}

TEST("a rule for one role grants nothing to another role: all pairs")
{
    policy *p = load_text("{\"rules\": [" RULE("a", "reveal", "\"f1\"", "plain", "\"32\"", OF("\"r1\"")) "," RULE(
        "b", "reveal", "\"f2\"", "plain", "\"32\"", OF("\"r2\"")) "," RULE("c", "reveal", "\"f3\"", "plain", "\"32\"",
                                                                           OF("\"r3\"")) "]}");
    for (uint16_t role = 1; role <= 3; role++) {
        for (unsigned field = 1; field <= 3; field++) {
            policy_person who = worker;
            who.role.no = role;
            policy_facts f = facts_of(field);
            f.person = &who;
            if (role == field)
                assert_true(decide(p, &f, home).given);
            else
                expect_refused(p, &f, home, CLAUSE_ROLE);
        }
    }
    policy_free(&p);
}

static void on_day(policy_facts *f, policy_person *who, uint32_t from, uint32_t until, uint32_t date)
{
    *who = worker;
    who->from = from;
    who->until = until;
    f->person = who;
    f->date = date;
}

TEST("the first and the last day of a contract count, the day before and the day after do not")
{
    policy *p = load_text(standard);
    policy_person who;
    policy_facts f = good_facts();
    static const struct {
        uint32_t date;
        bool given;
    } days[] = {{20260228, false}, {20260301, true}, {20260331, true}, {20260401, false}};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        on_day(&f, &who, 20260301, 20260331, days[i].date);
        if (days[i].given)
            assert_true(decide(p, &f, home).given);
        else
            expect_refused(p, &f, home, CLAUSE_CONTRACT);
    }
    on_day(&f, &who, 20260331, 20260301, 20260315); /* backwards: never */
    expect_refused(p, &f, home, CLAUSE_CONTRACT);
    policy_free(&p);
}

TEST("whose contract has ended does not act under the rule of the app either, nor brings or issues anything")
{
    policy *p = load_text(with_put);
    policy_person who;
    policy_facts reveal = facts_of(1), issue = facts_of(5), put = facts_of(8);
    issue.action = POLICY_ISSUE, issue.form = FORM_NOTHING, put.action = POLICY_PUT;
    policy_facts *all[] = {&reveal, &issue, &put};
    for (size_t i = 0; i < 3; i++) {
        on_day(all[i], &who, 20250101, 20260531, 20260601);
        expect_refused(p, all[i], home, CLAUSE_CONTRACT);
        on_day(all[i], &who, 20250101, 20260601, 20260601);
        assert_true(decide(p, all[i], home).given);
        all[i]->person = NULL;
        assert_true(decide(p, all[i], home).given);
    }
    policy_free(&p);
}

TEST("a person of any role may act through an app that may act alone")
{
    policy *p = load_text(standard);
    policy_facts f = facts_of(1);
    f.person = &(policy_person){.role = {2}, .from = 20250101, .until = 20261231};
    assert_string_equal(policy_rule_id(p, decide(p, &f, home).rule), "care-batch");
    policy_free(&p);
}

TEST("own area is the person's within the rule's, to its borders")
{
    policy *p = load_text(standard);
    policy_facts f = facts_of(8);
    static const struct {
        int64_t code;
        bool given;
    } edges[] = {{320411002000999, false}, {320411002001000, true},  {320411002001999, true},
                 {320411002002000, false}, {320411003001004, false}, {320411003001005, true},
                 {320411003001006, false}, {320411003001000, false}, {0, false},
                 {330105001001000, false}, {-320411002001000, false}};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        if (edges[i].given)
            assert_true(decide(p, &f, (area_code){edges[i].code}).given);
        else
            expect_refused(p, &f, (area_code){edges[i].code}, CLAUSE_RESIDENT);
    }
    policy_free(&p);
}

TEST("an own area outside the rule's areas, or no own area at all, covers nobody")
{
    policy *p = load_text(standard);
    static const area_range elsewhere = {330105001000000, 330105001999999};
    policy_person who = worker;
    policy_facts f = facts_of(8);
    f.person = &who;
    who.areas = &elsewhere, who.area_count = 1;
    expect_refused(p, &f, (area_code){330105001001000}, CLAUSE_RESIDENT);
    expect_refused(p, &f, home, CLAUSE_RESIDENT);
    who.areas = NULL, who.area_count = 0;
    expect_refused(p, &f, home, CLAUSE_RESIDENT);
    expect_refused(p, &f, (area_code){0}, CLAUSE_RESIDENT);
    policy_free(&p);
}

TEST("own areas narrow only the rules that say so")
{
    policy *p = load_text(standard);
    policy_facts f = facts_of(2);
    assert_true(decide(p, &f, (area_code){320411100100000}).given);
    policy_free(&p);
}

TEST("a rule in masked form never grants plain values, one in plain form grants the masked ones as masked")
{
    policy *p = load_text(standard);
    policy_facts f = facts_of(7);
    expect_refused(p, &f, home, CLAUSE_FORM);
    f.form = FORM_MASKED;
    grant g = decide(p, &f, home);
    assert_true(g.given);
    assert_int_equal(g.form, FORM_MASKED);
    f = facts_of(2);
    assert_int_equal(decide(p, &f, home).form, FORM_PLAIN);
    f.form = FORM_MASKED;
    g = decide(p, &f, home);
    assert_true(g.given);
    assert_int_equal(g.form, FORM_MASKED);
    policy_free(&p);
}

TEST("an admission for masked values is none for plain ones")
{
    policy *p = load_text(standard);
    policy_facts f = facts_of(7), plain = f;
    f.form = FORM_MASKED;
    admission a = policy_admit(p, &f);
    assert_int_equal(a.failed, CLAUSE_NONE);
    assert_false(policy_decide(p, &a, &plain, (policy_resident){.area = home}).given);
    policy_free(&p);
}

TEST("values are not brought masked, and tokens not issued masked")
{
    policy *p = load_text(with_put);
    policy_facts put = facts_of(8), issue = facts_of(5);
    put.action = POLICY_PUT, put.form = FORM_MASKED;
    expect_refused(p, &put, home, CLAUSE_FORM);
    issue.action = POLICY_ISSUE, issue.form = FORM_MASKED;
    expect_refused(p, &issue, home, CLAUSE_FORM);
    policy_free(&p);
}

TEST("on the last day of its assessment a purpose stands, on the day after none of its rules passes")
{
    policy *p = load_assessed(20260601);
    policy_facts f = good_facts(), issue = facts_of(5);
    issue.action = POLICY_ISSUE, issue.form = FORM_NOTHING, issue.person = NULL;
    assert_true(decide(p, &f, home).given);
    assert_true(decide(p, &issue, home).given);
    f.date = issue.date = 20260602;
    expect_refused(p, &f, home, CLAUSE_ASSESSMENT);
    expect_refused(p, &issue, home, CLAUSE_ASSESSMENT);
    policy_free(&p);
}

TEST("a purpose that was never assessed passes on no day")
{
    policy *p = load_assessed(0);
    policy_facts f = good_facts();
    for (f.date = 20260601; f.date < 20260605; f.date++) expect_refused(p, &f, home, CLAUSE_ASSESSMENT);
    policy_free(&p);
}
