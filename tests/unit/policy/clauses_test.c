/* What a rule may ask beside who, what and where: hours, tickets, approval, break-glass, sharing, and what is known of
 * the resident. */
#include "policy/internal.h"
#include "tests/unit/policy/fixture.h"

/* One rule of the app for f1 to f3, with whatever else it says; and what else the document has. */
#define DOCUMENT(lists, more)                                                                                          \
    "{" lists "\"rules\": [{\"id\": \"care\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", "     \
    "\"fields\": [\"f1\", \"f2\", \"f3\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"app\", "        \
    "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}" more "}]}"

static grant ask(const policy *p, const policy_facts *f, policy_resident of)
{
    admission a = policy_admit(p, f);
    return policy_decide(p, &a, f, of);
}

static policy_resident at_home(void)
{
    return (policy_resident){.area = home};
}

static void expect_inner(const policy *p, const policy_facts *f, policy_resident of, policy_clause inner)
{
    grant g = ask(p, f, of);
    if (g.inner != inner) fail_msg("%s, not %s", policy_clause_name(g.inner), policy_clause_name(inner));
    assert_int_equal(g.given, inner == CLAUSE_NONE);
    assert_int_equal(g.failed, inner > CLAUSE_RESIDENT ? CLAUSE_RESIDENT : inner);
}

static void expect_at_home(const policy *p, const policy_facts *f, policy_clause inner)
{
    expect_inner(p, f, at_home(), inner);
}

/* ---- moments ---- */

enum { MONDAY = 20260601, TUESDAY, FRIDAY = 20260605, SATURDAY, SUNDAY, NEXT_MONDAY };

typedef struct moment {
    uint32_t date;
    uint16_t minute;
    bool open;
} moment;

static void expect_hours(const char *text, const moment *moments, size_t count)
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(text);
    for (size_t i = 0; i < count; i++) {
        policy_facts f = facts_of(1);
        f.date = moments[i].date, f.minute = moments[i].minute;
        expect_at_home(p, &f, moments[i].open ? CLAUSE_NONE : CLAUSE_HOURS);
    }
}

TEST("hours begin with their first minute and end before their last, on their days alone")
{
    static const moment moments[] = {{MONDAY, 8 * 60 + 29, false}, {MONDAY, 8 * 60 + 30, true},
                                     {MONDAY, 17 * 60 + 29, true}, {MONDAY, 17 * 60 + 30, false},
                                     {FRIDAY, 12 * 60, true},      {SATURDAY, 12 * 60, false},
                                     {SUNDAY, 12 * 60, false},     {NEXT_MONDAY, 12 * 60, true},
                                     {MONDAY, 0, false},           {MONDAY, 1439, false}};
    expect_hours(DOCUMENT("", ", \"hours\": [{\"days\": [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], "
                              "\"from\": \"08:30\", \"until\": \"17:30\"}]"),
                 moments, sizeof moments / sizeof *moments);
}

TEST("hours over midnight belong to the day on which they begin, from Sunday into Monday, too")
{
    static const moment moments[] = {{FRIDAY, 22 * 60 - 1, false}, {FRIDAY, 22 * 60, true},   {SATURDAY, 0, true},
                                     {SATURDAY, 6 * 60 - 1, true}, {SATURDAY, 6 * 60, false}, {FRIDAY, 60, false},
                                     {SATURDAY, 22 * 60, false},   {SUNDAY, 60, false},       {SUNDAY, 1439, true},
                                     {NEXT_MONDAY, 0, true},       {NEXT_MONDAY, 359, true},  {NEXT_MONDAY, 360, false},
                                     {TUESDAY, 60, false},         {MONDAY, 60, true}};
    expect_hours(
        DOCUMENT("", ", \"hours\": [{\"days\": [\"fri\", \"sun\"], \"from\": \"22:00\", \"until\": \"06:00\"}]"),
        moments, sizeof moments / sizeof *moments);
}

TEST("whole days go from midnight to midnight, and what is no moment lies in no hours")
{
    static const moment moments[] = {{SATURDAY, 0, true},   {SATURDAY, 1439, true},  {SUNDAY, 0, false},
                                     {FRIDAY, 1439, false}, {SATURDAY, 1440, false}, {SATURDAY, UINT16_MAX, false}};
    expect_hours(DOCUMENT("", ", \"hours\": [{\"days\": [\"sat\"], \"from\": \"00:00\", \"until\": \"24:00\"}]"),
                 moments, sizeof moments / sizeof *moments);
    assert_int_equal(week_minute(0, 0), WEEK_MINUTES);
    assert_int_equal(week_minute(20260230, 0), WEEK_MINUTES);
    assert_int_equal(week_minute(20261301, 0), WEEK_MINUTES);
    assert_int_equal(week_minute(UINT32_MAX, 0), WEEK_MINUTES);
}

TEST("the minute of the week follows the calendar for two hundred years")
{
    unsigned day = 0; /* the first of January 1900 was a Monday */
    for (uint32_t year = 1900; year < 2100; year++) {
        for (uint32_t month = 1; month <= 12; month++) {
            for (uint32_t date = 1; date <= month_length(year, month); date++, day++)
                assert_int_equal(week_minute(year * 10000 + month * 100 + date, 61), day % 7 * 1440 + 61);
        }
    }
}

TEST("a sharing basis that is not in force, the day before and the day after its term, shares nothing")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(DOCUMENT("", ", \"sharing\": \"b11\""));
    static const uint32_t days[][2] = {
        {20260104, CLAUSE_SHARING}, {20260105, 0}, {20260125, 0}, {20260126, CLAUSE_SHARING}};
    for (size_t i = 0; i < 4; i++) {
        policy_facts f = facts_of(1);
        f.date = days[i][0];
        expect_at_home(p, &f, (policy_clause)days[i][1]);
    }
}

/* ---- tickets, approval, break-glass ---- */

TEST("a ticket fits its pattern from the first character to the last")
{
    static const struct {
        const char *pattern, *ticket;
        bool fits;
    } all[] = {{"T-###", "T-123", true},
               {"T-###", "T-12", false},
               {"T-###", "T-1234", false},
               {"T-###", "t-123", false},
               {"T-###", "T-12x", false},
               {"#", "#", false},
               {"?", "?", true},
               {"?", "\xe5\xb7\xa5", true},
               {"?", "", false},
               {"*", "", true},
               {"*-open", "T-1-open", true},
               {"*-open", "T-1-open-open", true},
               {"*-open", "T-1-opened", false},
               {"A*B*C", "AxBxBxC", true},
               {"A*B*C", "AxBxBx", false},
               {"*#", "abc1", true},
               {"*#", "abc1d", false},
               {"ab", "abc", false},
               {"abc", "ab", false},
               {"a?", "a\xe5\xb7\xa5", true},
               {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (ticket_fits(all[i].pattern, all[i].ticket) != all[i].fits)
            fail_msg("%s, %s", all[i].pattern, all[i].ticket);
    }
}

TEST("a rule with patterns asks for a ticket that fits one of them; one without takes any and none")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(DOCUMENT("", ", \"ticket\": [\"T-###\", \"V*\"]")), *free = load_text(DOCUMENT("", ""));
    static const struct {
        const char *ticket;
        policy_clause clause;
    } all[] = {{"T-123", CLAUSE_NONE}, {"V", CLAUSE_NONE},    {NULL, CLAUSE_TICKET},
               {"", CLAUSE_TICKET},    {"T-", CLAUSE_TICKET}, {"xV", CLAUSE_TICKET}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        policy_facts f = facts_of(1);
        f.ticket = all[i].ticket;
        expect_at_home(p, &f, all[i].clause);
        expect_at_home(free, &f, CLAUSE_NONE);
    }
}

TEST("more residents than a rule allows need an approval, and one call is about one resident at least")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(DOCUMENT("", ", \"approval_above\": 2")),
           *one = load_text(DOCUMENT("", ", \"approval_above\": 1"));
    policy_facts f = facts_of(1);
    for (f.residents = 0; f.residents < 5; f.residents++) {
        f.approved = false;
        expect_at_home(p, &f, f.residents > 2 ? CLAUSE_APPROVAL : CLAUSE_NONE);
        expect_at_home(one, &f, f.residents > 1 ? CLAUSE_APPROVAL : CLAUSE_NONE);
        f.approved = true;
        expect_at_home(p, &f, CLAUSE_NONE);
    }
    f.approved = false, f.residents = UINT32_MAX;
    expect_at_home(p, &f, CLAUSE_APPROVAL);
}

#define GLASS                                                                                                          \
    "{\"rules\": [" RULE("daily", "reveal", "\"f1\"", "masked", "\"320411\"", OF("\"r1\"")) "," RULE(                  \
        "glass", "reveal", "\"f1\", \"f2\"", "plain", "\"32\"",                                                        \
        OF("\"r1\", \"r2\"") ", \"break_glass\": "                                                                     \
                             "{\"hours\": 4, \"residents\": 10, \"review_hours\": 24}") "]}"

TEST("a break-glass rule counts under an opened break-glass only, and then no other rule does")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(GLASS);
    policy_facts f = facts_of(1);
    f.form = FORM_MASKED;
    assert_string_equal(policy_rule_id(p, ask(p, &f, at_home()).rule), "daily");
    f.break_glass = true;
    assert_string_equal(policy_rule_id(p, ask(p, &f, at_home()).rule), "glass");
    f.form = FORM_PLAIN;
    expect_at_home(p, &f, CLAUSE_NONE);
    f.break_glass = false;
    expect_at_home(p, &f, CLAUSE_BREAK_GLASS);
    VAULT_CLEANUP(policy_free) policy *without = load_text(standard);
    f.break_glass = true;
    expect_at_home(without, &f, CLAUSE_BREAK_GLASS);
}

/* ---- what is known of the resident ---- */

#define CLASSES_LIST                                                                                                   \
    "\"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14},"                    \
    " {\"id\": \"in-care\", \"field\": \"f2\", \"test\": \"known\"}],"
enum { CHILD = 1, IN_CARE = 2 };

static void expect_classes(const char *text, const policy_clause want[4])
{
    static const struct {
        uint64_t in, out;
    } known[4] = {{CHILD, IN_CARE}, {IN_CARE, CHILD}, {0, 0}, {CHILD, CHILD | IN_CARE}};
    VAULT_CLEANUP(policy_free) policy *p = load_text(text);
    policy_facts f = facts_of(1);
    for (size_t i = 0; i < 4; i++) {
        const policy_resident of = {.area = home, .in = known[i].in, .out = known[i].out};
        expect_inner(p, &f, of, want[i]);
    }
}

TEST("a rule for some classes is for those who are known to be of one; who may be of one is excepted")
{
    expect_classes(DOCUMENT(CLASSES_LIST, ", \"residents\": {\"only\": [\"in-care\"]}"),
                   (const policy_clause[]){CLAUSE_CLASS, CLAUSE_NONE, CLAUSE_CLASS, CLAUSE_CLASS});
    expect_classes(DOCUMENT(CLASSES_LIST, ", \"residents\": {\"except\": [\"child\"]}"),
                   (const policy_clause[]){CLAUSE_CLASS, CLAUSE_NONE, CLAUSE_CLASS, CLAUSE_CLASS});
    expect_classes(DOCUMENT(CLASSES_LIST, ", \"residents\": {\"only\": [\"child\", \"in-care\"]}"),
                   (const policy_clause[]){CLAUSE_NONE, CLAUSE_NONE, CLAUSE_CLASS, CLAUSE_CLASS});
    expect_classes(DOCUMENT(CLASSES_LIST, ", \"residents\": {\"only\": [\"in-care\"], \"except\": [\"child\"]}"),
                   (const policy_clause[]){CLAUSE_CLASS, CLAUSE_NONE, CLAUSE_CLASS, CLAUSE_CLASS});
}

TEST("an admission says which classes must be known, and whether the consent must")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(DOCUMENT(CLASSES_LIST, ", \"residents\": {\"except\": [\"in-care\"]}, \"consent\": true")),
           *plain = load_text(DOCUMENT(CLASSES_LIST, ""));
    policy_facts f = facts_of(1), refused = facts_of(7);
    admission a = policy_admit(p, &f), none = policy_admit(plain, &f), failed = policy_admit(p, &refused);
    assert_int_equal(a.classes, IN_CARE);
    assert_true(a.consent);
    assert_true(none.classes == 0 && !none.consent && none.aggregations == 0);
    assert_true(failed.classes == 0 && !failed.consent && failed.count == 0);
}

TEST("a rule that rests on consent allows nobody without")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(DOCUMENT("", ", \"consent\": true"));
    policy_facts f = facts_of(1);
    expect_inner(p, &f, (policy_resident){.area = home, .consent = true}, CLAUSE_NONE);
    expect_inner(p, &f, (policy_resident){.area = home}, CLAUSE_CONSENT);
    expect_inner(p, &f, (policy_resident){.consent = true}, CLAUSE_AREA);
}

#define SUM                                                                                                            \
    "\"aggregations\": [{\"id\": \"sum\", \"fields\": [\"f1\", \"f2\"], \"level\": 5, \"per\": \"person\", "           \
    "\"days\": 30}],"

TEST("fields that together are more than their parts need a rule of their level, at once or one after the other")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(DOCUMENT(SUM, "")), *high = load_text(DOCUMENT(SUM, ", \"level\": 5"));
    policy_facts one = facts_of(1), other = facts_of(3), both = facts_of(1);
    field_set_add(&both.fields, 2);
    const policy_resident seen = {.area = home, .complete = 1};
    expect_at_home(p, &one, CLAUSE_NONE);
    expect_inner(p, &one, seen, CLAUSE_AGGREGATION);
    expect_at_home(p, &both, CLAUSE_AGGREGATION);
    expect_inner(p, &other, seen, CLAUSE_NONE);
    expect_inner(high, &both, seen, CLAUSE_NONE);
    assert_int_equal(policy_admit(p, &one).aggregations, 1);
    assert_int_equal(policy_admit(p, &other).aggregations, 0);
    assert_int_equal(policy_admit(high, &both).aggregations, 0);
    one.form = FORM_MASKED;
    expect_inner(p, &one, seen, CLAUSE_AGGREGATION);
    one.form = FORM_TOKEN;
    expect_inner(p, &one, seen, CLAUSE_NONE);
    assert_int_equal(policy_admit(p, &one).aggregations, 0);
}

TEST("whatever it is of the resident that refuses, the caller may be told one and the same")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(
        DOCUMENT(CLASSES_LIST SUM
                 "\"prohibitions\": [{\"id\": \"no\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": "
                 "\"any\", \"fields\": \"any\", \"forms\": \"any\", \"areas\": [\"320411100\"]}],",
                 ", \"consent\": true, \"residents\": {\"except\": [\"child\"]}"));
    static const policy_resident residents[] = {
        {.in = 0},
        {.area = {330105001001000}, .out = CHILD, .consent = true},
        {.area = {320411002001007}, .in = CHILD, .consent = true},
        {.area = {320411002001007}, .out = CHILD},
        {.area = {320411002001007}, .out = CHILD, .consent = true, .complete = 1},
        {.area = {320411100001007}, .out = CHILD, .consent = true}};
    static const policy_clause inner[] = {CLAUSE_AREA,    CLAUSE_AREA,        CLAUSE_CLASS,
                                          CLAUSE_CONSENT, CLAUSE_AGGREGATION, CLAUSE_FORBIDDEN};
    policy_facts f = facts_of(1);
    grant first = ask(p, &f, residents[0]);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        grant g = ask(p, &f, residents[i]);
        assert_int_equal(g.inner, inner[i]);
        g.inner = first.inner;
        assert_memory_equal(&g, &first, sizeof g);
    }
    expect_inner(p, &f, (policy_resident){.area = home, .out = CHILD, .consent = true}, CLAUSE_NONE);
}
