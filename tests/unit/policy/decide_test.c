/* Who gets what. Every clause refuses by itself, and nothing but a rule that fits in full allows. */
#include "tests/support/harness.h"
#include "tests/unit/policy/naive.h"
#include "vault/base/json.h"

static policy *load(json_t *document)
{
    vault_error err = {0};
    policy *p;
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    return p;
}

static policy *load_text(const char *text)
{
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    policy *p = load(document);
    json_decref(document);
    return p;
}

#define RULE(id, action, fields, form, areas, acting)                                                                  \
    "{\"id\": \"" id "\", \"action\": \"" action "\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [" fields \
    "], \"form\": \"" form "\", \"areas\": [" areas "], \"acting\": \"" acting                                         \
    "\", \"valid\": {\"from\": \"2026-02-01\", \"until\": \"2026-11-30\"}}"
static const char standard[] = "{\"rules\": [" RULE(
    "care-reveal", "reveal", "\"f1\", \"f2\", \"f3\"", "plain", "\"320411\", \"330105001\"",
    "person") "," RULE("care-batch", "reveal", "\"f1\"", "plain", "\"320411\"",
                       "app") "," RULE("care-issue", "issue", "\"f5\"", "nothing", "\"32\"", "app") "]}";

static const area_code home = {320411002001};

static policy_facts good_facts(void)
{
    policy_facts f = {
        .action = POLICY_REVEAL, .consumer = {1}, .purpose = {1}, .form = FORM_PLAIN, .person = true, .date = 20260601};
    field_set_add(&f.fields, 1);
    field_set_add(&f.fields, 3);
    return f;
}

static grant decide(const policy *p, const policy_facts *facts, area_code area)
{
    admission a = policy_admit(p, facts);
    return policy_decide(p, &a, facts, area);
}

static void expect_refused(const policy *p, const policy_facts *facts, area_code area, policy_clause clause)
{
    grant g = decide(p, facts, area), none = {.failed = clause};
    if (g.failed != clause) fail_msg("refused by %s, not %s", policy_clause_name(g.failed), policy_clause_name(clause));
    assert_memory_equal(&g.fields, &none.fields, sizeof g.fields);
    assert_false(g.given);
    assert_int_equal(g.form, FORM_NOTHING);
}

TEST("what a rule allows in full is granted, and exactly the fields asked for")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    grant g = decide(p, &f, home);
    assert_true(g.given);
    assert_int_equal(g.failed, CLAUSE_NONE);
    assert_int_equal(g.form, FORM_PLAIN);
    assert_string_equal(policy_rule_id(p, g.rule), "care-reveal");
    assert_true(field_set_has(g.fields, 1) && field_set_has(g.fields, 3));
    assert_false(field_set_has(g.fields, 2));
    policy_free(&p);
}

/* ---- each clause refuses by itself ---------------------------------------------------------------------------------
 */

static void change_purpose(policy_facts *f)
{
    f->purpose.no = 2;
}
static void no_purpose(policy_facts *f)
{
    f->purpose.no = 0;
}
static void huge_purpose(policy_facts *f)
{
    f->purpose.no = UINT16_MAX;
}
static void change_consumer(policy_facts *f)
{
    f->consumer.no = 2;
}
static void no_consumer(policy_facts *f)
{
    f->consumer.no = 0;
}
static void huge_consumer(policy_facts *f)
{
    f->consumer.no = UINT16_MAX;
}
static void change_action(policy_facts *f)
{
    f->action = POLICY_PUT;
}
static void strange_action(policy_facts *f)
{
    f->action = (policy_action)77;
}
static void negative_action(policy_facts *f)
{
    f->action = (policy_action)-1;
}
static void one_field_more(policy_facts *f)
{
    field_set_add(&f->fields, 4);
}
static void a_high_field(policy_facts *f)
{
    field_set_add(&f->fields, 127);
}
static void field_zero(policy_facts *f)
{
    field_set_add(&f->fields, 0);
}
static void no_fields(policy_facts *f)
{
    f->fields = (field_set){0};
}
static void change_form(policy_facts *f)
{
    f->form = FORM_NOTHING;
}
static void strange_form(policy_facts *f)
{
    f->form = (policy_form)9;
}
static void no_person(policy_facts *f)
{
    f->person = false;
}
static void day_before(policy_facts *f)
{
    f->date = 20260131;
}
static void day_after(policy_facts *f)
{
    f->date = 20261201;
}
static void no_date(policy_facts *f)
{
    f->date = 0;
}

static const struct {
    policy_clause clause;
    void (*change)(policy_facts *f);
} failures[] = {
    {CLAUSE_PURPOSE, change_purpose}, {CLAUSE_PURPOSE, no_purpose},
    {CLAUSE_PURPOSE, huge_purpose},   {CLAUSE_CONSUMER, change_consumer},
    {CLAUSE_CONSUMER, no_consumer},   {CLAUSE_CONSUMER, huge_consumer},
    {CLAUSE_ACTION, change_action},   {CLAUSE_ACTION, strange_action},
    {CLAUSE_ACTION, negative_action}, {CLAUSE_FIELDS, one_field_more},
    {CLAUSE_FIELDS, a_high_field},    {CLAUSE_FIELDS, field_zero},
    {CLAUSE_FIELDS, no_fields},       {CLAUSE_FORM, change_form},
    {CLAUSE_FORM, strange_form},      {CLAUSE_ACTING, no_person},
    {CLAUSE_DATES, day_before},       {CLAUSE_DATES, day_after},
    {CLAUSE_DATES, no_date},
};
enum { FAILURES = sizeof failures / sizeof *failures };

TEST("each clause alone refuses, and is named")
{
    policy *p = load_text(standard);
    for (size_t i = 0; i < FAILURES; i++) {
        policy_facts f = good_facts();
        failures[i].change(&f);
        expect_refused(p, &f, home, failures[i].clause);
    }
    policy_free(&p);
}

TEST("of two clauses that fail, the refusal names the one that is tried first")
{
    policy *p = load_text(standard);
    for (size_t i = 0; i < FAILURES; i++) {
        for (size_t j = 0; j < FAILURES; j++) {
            policy_facts f = good_facts();
            failures[i].change(&f);
            failures[j].change(&f);
            policy_clause a = failures[i].clause, b = failures[j].clause;
            if (a == b) continue;
            /* f1 and f3 without a person: "care-batch" is stopped at the fields, "care-reveal" comes to the person. */
            expect_refused(p, &f, home, a < b ? a : b);
        }
    }
    policy_free(&p);
}

TEST("the furthest clause that any rule comes to is named")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.fields = (field_set){0};
    field_set_add(&f.fields, 1);
    f.person = false;
    f.date = 20251231; /* care-reveal stops at the person, care-batch at the date */
    expect_refused(p, &f, home, CLAUSE_DATES);
    policy_free(&p);
}

TEST("both days of the validity are included")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.date = 20260201;
    assert_true(decide(p, &f, home).given);
    f.date = 20261130;
    assert_true(decide(p, &f, home).given);
    policy_free(&p);
}

/* ---- areas ---------------------------------------------------------------------------------------------------------
 */

TEST("no such resident and not in your area are the same refusal")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    grant nobody = decide(p, &f, (area_code){0}), elsewhere = decide(p, &f, (area_code){110101001001});
    expect_refused(p, &f, (area_code){0}, CLAUSE_RESIDENT);
    assert_memory_equal(&nobody, &elsewhere, sizeof nobody);
    policy_free(&p);
}

TEST("a prefix covers its area from the first code to the last and nothing beside it")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    static const struct {
        int64_t code;
        bool inside;
    } edges[] = {{320410999999, false}, {320411000000, true},   {320411999999, true},   {320412000000, false},
                 {330105000999, false}, {330105001000, true},   {330105001999, true},   {330105002000, false},
                 {320411, false},       {-320411002001, false}, {1320411002001, false}, {INT64_MAX, false},
                 {INT64_MIN, false},    {320411002, false}};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        assert_int_equal(decide(p, &f, (area_code){edges[i].code}).given, edges[i].inside);
    }
    policy_free(&p);
}

/* ---- persons, apps, issue ------------------------------------------------------------------------------------------
 */

TEST("an app rule lets the app act alone, and a person who acts through it loses nothing")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.fields = (field_set){0};
    field_set_add(&f.fields, 1);
    f.person = false;
    assert_string_equal(policy_rule_id(p, decide(p, &f, home).rule), "care-batch");
    f.person = true;
    assert_true(decide(p, &f, home).given);
    policy_free(&p);
}

TEST("the first rule of the document that covers the resident is the one that is named")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.fields = (field_set){0};
    field_set_add(&f.fields, 1);
    assert_string_equal(policy_rule_id(p, decide(p, &f, home).rule), "care-reveal");
    policy_free(&p);
}

TEST("an issue grants no field, whether the call names the field it looks up by or none")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.action = POLICY_ISSUE;
    f.form = FORM_NOTHING;
    f.fields = (field_set){0};
    grant g = decide(p, &f, home);
    assert_true(g.given);
    assert_int_equal(g.form, FORM_NOTHING);
    assert_true(field_set_within(g.fields, (field_set){0}));
    field_set_add(&f.fields, 5);
    assert_true(decide(p, &f, home).given);
    field_set_add(&f.fields, 6);
    expect_refused(p, &f, home, CLAUSE_FIELDS);
    policy_free(&p);
}

TEST("an issue in plain, or a reveal by the issue rule, is refused")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    f.fields = (field_set){0};
    field_set_add(&f.fields, 5);
    expect_refused(p, &f, home, CLAUSE_FIELDS);
    f.action = POLICY_ISSUE;
    expect_refused(p, &f, home, CLAUSE_FORM);
    policy_free(&p);
}

/* ---- admissions that were not earned -------------------------------------------------------------------------------
 */

TEST("a refused admission stays refused with its clause")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts(), other = f;
    no_person(&other);
    admission a = policy_admit(p, &other);
    grant g = policy_decide(p, &a, &f, home);
    assert_false(g.given);
    assert_int_equal(g.failed, CLAUSE_ACTING);
    policy_free(&p);
}

TEST("an empty admission grants nothing")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    admission a = {0};
    assert_false(policy_decide(p, &a, &f, home).given);
    policy_free(&p);
}

TEST("an admission of other facts, of rules that do not exist, or too long widens nothing")
{
    policy *p = load_text(standard);
    policy_facts f = good_facts();
    admission earned = policy_admit(p, &f);
    for (size_t i = 0; i < FAILURES; i++) {
        policy_facts wider = f;
        failures[i].change(&wider);
        assert_false(policy_decide(p, &earned, &wider, home).given);
    }
    admission forged = {.count = UINT32_MAX};
    memset(forged.rules, 0xff, sizeof forged.rules);
    assert_false(policy_decide(p, &forged, &f, home).given);
    policy_free(&p);
}

/* ---- against the naive reading -------------------------------------------------------------------------------------
 */

static const char *pick(uint64_t *seed, const char *const *from, size_t count)
{
    return from[naive_random(seed) % count];
}

static json_t *random_fields(uint64_t *seed)
{
    json_t *list = json_array();
    unsigned bits = 1 + (unsigned)(naive_random(seed) % ((1U << NAIVE_FIELDS) - 1));
    for (unsigned i = 0; i < NAIVE_FIELDS; i++) {
        if (bits >> i & 1) json_array_append_new(list, json_sprintf("f%u", i + 1));
    }
    return list;
}

/* Prefixes that do not lie within each other, in any order. */
static json_t *random_areas(uint64_t *seed)
{
    json_t *list = json_array();
    for (uint64_t tries = 1 + naive_random(seed) % 4; tries > 0; tries--) {
        const char *next = pick(seed, naive_areas, NAIVE_AREAS);
        bool clash = false;
        size_t i;
        json_t *value;
        json_array_foreach(list, i, value)
        {
            const char *there = json_string_value(value);
            size_t shared = strlen(there) < strlen(next) ? strlen(there) : strlen(next);
            if (strncmp(there, next, shared) == 0) clash = true;
        }
        if (!clash) json_array_append_new(list, json_string(next));
    }
    return list;
}

static json_t *random_rule(uint64_t *seed, unsigned number)
{
    static const char *const actions[] = {"reveal", "issue", "put"}, *const acting[] = {"app", "person"};
    const char *action = pick(seed, actions, 3);
    unsigned from = 1 + (unsigned)(naive_random(seed) % 28),
             until = from + (unsigned)(naive_random(seed) % (29 - from));
    json_t *rule = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "action", action, "consumer",
                             json_sprintf("c%u", (unsigned)(1 + naive_random(seed) % 2)), "purpose",
                             json_sprintf("p%u", (unsigned)(1 + naive_random(seed) % 2)), "form",
                             strcmp(action, "issue") == 0 ? "nothing" : "plain", "fields", random_fields(seed), "areas",
                             random_areas(seed), "acting", pick(seed, acting, 2));
    json_object_set_new(rule, "id", json_sprintf("rule-%c%u", 'a' + (int)(number % 8), number / 8 + 2));
    json_object_set_new(rule, "valid",
                        json_pack("{s:o, s:o}", "from", json_sprintf("2026-01-%02u", from), "until",
                                  json_sprintf("2026-01-%02u", until)));
    return rule;
}

static json_t *random_document(uint64_t *seed)
{
    json_t *rules = json_array();
    for (unsigned i = 0, count = (unsigned)(naive_random(seed) % 60); i < count; i++) {
        json_array_append_new(rules, random_rule(seed, i));
    }
    return json_pack("{s:o}", "rules", rules);
}

/* NULL when the document holds twins or too many rules for one call: the only reasons that chance can bring. */
static policy *try_load(json_t *document)
{
    vault_error err = {0};
    policy *p;
    if (policy_load(&p, document, &naive_names, &err) == VAULT_OK) return p;
    if (!strstr(err.detail, "never reached") && !strstr(err.detail, "join their areas")) fail_msg("%s", err.detail);
    return NULL;
}

static void compare(const policy *p, json_t *document, uint64_t *seed, unsigned *given)
{
    area_code area;
    const char *id = "";
    policy_facts f = naive_facts(seed, &area);
    grant g = decide(p, &f, area);
    policy_clause clause = naive_decide(document, &f, area, &id);
    if (g.failed != clause) fail_msg("engine: %s, naive: %s", policy_clause_name(g.failed), policy_clause_name(clause));
    assert_int_equal(g.given, clause == CLAUSE_NONE);
    if (g.given) assert_string_equal(policy_rule_id(p, g.rule), id);
    *given += g.given;
}

TEST("200,000 random questions to random policies get the answers of a naive reading")
{
    uint64_t seed = 20261122;
    unsigned asked = 0, given = 0;
    while (asked < 200000) {
        json_t *document = random_document(&seed);
        policy *p = try_load(document);
        for (unsigned i = 0; p && i < 1000; i++, asked++) compare(p, document, &seed, &given);
        policy_free(&p);
        json_decref(document);
    }
    assert_in_range(given, 2000, 150000); /* the questions are neither all refused nor all granted */
}

/* ---- properties ----------------------------------------------------------------------------------------------------
 */

static void shuffle(json_t *rules, uint64_t *seed)
{
    for (size_t i = json_array_size(rules); i > 1; i--) {
        size_t j = naive_random(seed) % i;
        json_t *a = json_incref(json_array_get(rules, i - 1)), *b = json_incref(json_array_get(rules, j));
        json_array_set_new(rules, i - 1, b);
        json_array_set_new(rules, j, a);
    }
}

typedef void (*comparison)(const policy *before, const policy *after, const policy_facts *f, area_code area);

static void for_changed_policies(void (*change)(json_t *rules, uint64_t *seed), comparison holds)
{
    uint64_t seed = 77;
    for (unsigned round = 0; round < 150; round++) {
        json_t *document = random_document(&seed);
        policy *before = try_load(document);
        if (before) change(json_object_get(document, "rules"), &seed);
        policy *after = before ? load(document) : NULL;
        for (unsigned i = 0; before && i < 200; i++) {
            area_code area;
            policy_facts f = naive_facts(&seed, &area);
            holds(before, after, &f, area);
        }
        policy_free(&before);
        policy_free(&after);
        json_decref(document);
    }
}

static void same_answer(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    grant a = decide(before, f, area), b = decide(after, f, area);
    assert_int_equal(a.given, b.given);
    assert_int_equal(a.failed, b.failed);
    assert_memory_equal(&a.fields, &b.fields, sizeof a.fields);
}

TEST("the order of the rules changes no answer")
{
    for_changed_policies(shuffle, same_answer);
}

static void remove_one(json_t *rules, uint64_t *seed)
{
    if (json_array_size(rules) > 0) json_array_remove(rules, naive_random(seed) % json_array_size(rules));
}

static void not_more(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    if (!decide(before, f, area).given) assert_false(decide(after, f, area).given);
}

TEST("a policy with one rule less never allows more")
{
    for_changed_policies(remove_one, not_more);
}

static void leave(json_t *rules, uint64_t *seed)
{
    (void)rules, (void)seed;
}

static void fewer_fields(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    (void)after;
    if (!decide(before, f, area).given) return;
    policy_facts one = *f;
    for (unsigned n = 1; n <= NAIVE_FIELDS; n++) {
        if (!field_set_has(f->fields, n)) continue;
        one.fields = (field_set){0};
        field_set_add(&one.fields, n);
        assert_true(decide(before, &one, area).given);
    }
    one = *f;
    one.person = true;
    assert_true(decide(before, &one, area).given);
}

TEST("who may see some fields may see each of them, and a person who acts never takes a grant away")
{
    for_changed_policies(leave, fewer_fields);
}

TEST("every clause has its own name")
{
    for (policy_clause a = CLAUSE_NONE; a < CLAUSES; a++) {
        assert_true(strlen(policy_clause_name(a)) > 0);
        for (policy_clause b = CLAUSE_NONE; b < a; b++)
            assert_string_not_equal(policy_clause_name(a), policy_clause_name(b));
    }
    assert_string_equal(policy_clause_name(CLAUSES), "unknown");
}
