/* Who gains and who loses: against what the engine says to random questions, and case by case. */
#include "policy/compare.h"
#include "tests/unit/policy/random.h"

static arena *mem;

static access_list compared(const policy *before, const policy *after, const access_filter *only)
{
    vault_error err = {0};
    access_list found;
    const policy_pair pair = {.before = {.policy = before}, .after = {.policy = after}, .only = *only};
    if (!mem) mem = arena_new(64 << 20);
    arena_reset(mem);
    expect_ok(policy_compare(&found, mem, &pair, &err), &err);
    assert_false(found.cut);
    return found;
}

static access_list difference(const policy *before, const policy *after)
{
    return compared(before, after, &(access_filter){0});
}

/* The first of some fields. */
static field_set only_one(field_set s)
{
    field_set one = {0};
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (!field_set_has(s, n)) continue;
        field_set_add(&one, n);
        break;
    }
    return one;
}

/* ---- against the engine ---- */

static bool allowed(const policy *p, const policy_facts *f, policy_resident of)
{
    const admission a = policy_admit(p, f);
    return policy_decide(p, &a, f, of).given;
}

static bool row_has(const policy_access *row, const policy_facts *f, area_code area)
{
    uint64_t role = f->person && f->person->role.no ? UINT64_C(1) << (f->person->role.no - 1) : 0;
    bool who = f->person && f->person->role.no ? (row->roles & role) != 0 : row->alone;
    return row->consumer.no == f->consumer.no && row->purpose.no == f->purpose.no && row->action == f->action && who &&
           (row->forms >> f->form & 1) && field_set_within(f->fields, row->fields) && row->from <= f->date &&
           f->date <= row->until && area_ranges_cover(row->areas, row->area_count, area);
}

static void expect_row(const access_list *rows, bool gains, const policy_facts *f, area_code area)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].gains == gains && row_has(&rows->at[i], f, area)) return;
    fail_msg("a change is not told: consumer %u, purpose %u, %s, form %s, %u", f->consumer.no, f->purpose.no,
             policy_action_name(f->action), policy_form_name(f->form), f->date);
}

/* What a resident's bits mean is then the same to both. */
static bool same_aggregations(const policy *a, const policy *b)
{
    if (policy_aggregation_count(a) != policy_aggregation_count(b)) return false;
    for (unsigned i = 0; i < policy_aggregation_count(a); i++) {
        const policy_aggregation *x = policy_aggregation_at(a, i), *y = policy_aggregation_at(b, i);
        if (x->level != y->level || !field_set_within(x->fields, y->fields) || !field_set_within(y->fields, x->fields))
            return false;
    }
    return true;
}

static unsigned ask(const policy *before, const policy *after, const access_list *rows, uint64_t *seed)
{
    policy_person who;
    policy_facts f = naive_facts(seed, &who);
    policy_resident of = naive_resident(seed);
    if (!same_aggregations(before, after)) of.complete = 0;
    f.fields = only_one(f.fields);
    bool was = allowed(before, &f, of), is = allowed(after, &f, of);
    if (was == is || field_set_within(f.fields, (field_set){0})) return 0;
    expect_row(rows, is, &f, of.area);
    return 1;
}

static unsigned questions(void)
{
    return getenv("VAULT_TEST_LONG") ? 4000 : 60;
}

/* Another version: a rule less, or a prohibition less. */
static json_t *without_one(json_t *document, const char *list, uint64_t *seed)
{
    json_t *copy = json_deep_copy(document), *entries = json_object_get(copy, list);
    if (json_array_size(entries) > 1) json_array_remove(entries, naive_random(seed) % json_array_size(entries));
    json_object_del(copy, "never");
    return copy;
}

TEST("whatever one of two random policies allows and the other does not lies in a row of their difference")
{
    uint64_t seed = 7;
    unsigned differ = 0;
    for (unsigned n = 0; n < questions(); n++) {
        json_t *one = random_document(&seed);
        json_t *other =
            n % 3 == 0 ? random_document(&seed) : without_one(one, n % 3 == 1 ? "rules" : "prohibitions", &seed);
        policy *before = try_load(one), *after = before ? try_load(other) : NULL;
        if (after) {
            access_list rows = difference(before, after);
            for (unsigned i = 0; i < 2000; i++) differ += ask(before, after, &rows, &seed);
        }
        policy_free(&before);
        policy_free(&after);
        json_decref(one);
        json_decref(other);
    }
    assert_true(differ > 100);
}

TEST("a policy gains and loses nothing against itself, in whatever order its rules stand")
{
    uint64_t seed = 11;
    for (unsigned n = 0; n < questions() / 4; n++) {
        json_t *one = random_document(&seed), *turned = json_deep_copy(one);
        json_t *rules = json_object_get(turned, "rules");
        for (size_t i = 1; i < json_array_size(rules); i++) {
            json_t *last = json_incref(json_array_get(rules, i));
            json_array_remove(rules, i);
            json_array_insert_new(rules, 0, last);
        }
        policy *before = try_load(one), *after = before ? try_load(turned) : NULL;
        if (after) {
            assert_int_equal(difference(before, before).count, 0);
            assert_int_equal(difference(before, after).count, 0);
        }
        policy_free(&before);
        policy_free(&after);
        json_decref(one);
        json_decref(turned);
    }
}

/* A call within the row that the one side allows and the other does not, by chance; conditions are met as they may. */
static bool has_witness(const policy_access *row, const policy *gives, const policy *lacks, uint64_t *seed)
{
    static const area_range everywhere = {0, INT64_MAX};
    for (unsigned i = 0; i < 4000; i++) {
        policy_person who = {.until = UINT32_MAX, .areas = &everywhere, .area_count = 1};
        policy_facts f = naive_facts(seed, &(policy_person){0});
        policy_resident of = {.area = {row->areas[naive_random(seed) % row->area_count].low}, .consent = true};
        of.in = naive_random(seed);
        of.out = ~of.in;
        if (same_aggregations(gives, lacks) && seldom(seed, 2)) of.complete = naive_random(seed);
        who.role.no = (uint16_t)(1 + naive_random(seed) % ROLES_MAX);
        f.person = row->alone && seldom(seed, 2) ? NULL : &who;
        f.consumer = row->consumer;
        f.purpose = row->purpose;
        f.action = row->action;
        f.form = (policy_form)(naive_random(seed) % FORMS);
        f.fields = only_one(row->fields);
        if (f.person && row->roles != UINT64_MAX) who.role.no = (uint16_t)(__builtin_ctzll(row->roles) + 1);
        if (row_has(row, &f, of.area) && allowed(gives, &f, of) && !allowed(lacks, &f, of)) return true;
    }
    return false;
}

TEST("rows of a difference are not made up: within nearly each of them a call can be found that is decided otherwise")
{
    uint64_t seed = 23;
    unsigned rows = 0, empty = 0;
    for (unsigned n = 0; n < questions() / 4; n++) {
        json_t *one = random_document(&seed), *other = without_one(one, n % 2 ? "rules" : "prohibitions", &seed);
        policy *before = try_load(one), *after = before ? try_load(other) : NULL;
        access_list found = after ? difference(before, after) : (access_list){0};
        for (size_t i = 0; i < found.count && i < 20; i++, rows++) {
            const policy_access *row = &found.at[i];
            empty += !has_witness(row, row->gains ? after : before, row->gains ? before : after, &seed);
        }
        policy_free(&before);
        policy_free(&after);
        json_decref(one);
        json_decref(other);
    }
    assert_true(rows > 10);
    if (empty * 5 > rows) fail_msg("%u of %u rows have nothing in them", empty, rows);
}

/* ---- case by case ---- */

#define ONE(fields, form, areas, rest)                                                                                 \
    "{\"id\": \"the-rule\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [" fields   \
    "], \"form\": \"" form "\", \"areas\": [" areas "], " rest                                                         \
    ", \"valid\": {\"from\": \"2026-02-01\", \"until\": \"2026-11-30\"}}"
#define RULES_OF(...) "{\"rules\": [" __VA_ARGS__ "]}"
#define R1            "\"acting\": \"person\", \"roles\": [\"r1\"]"

static access_list between(const char *before, const char *after, policy **a, policy **b)
{
    *a = load_text(before);
    *b = load_text(after);
    return difference(*a, *b);
}

static bool is_field(field_set s, unsigned number)
{
    return field_set_has(s, number) && field_set_within(s, only_one(s));
}

TEST("a field more is gained, and the form that plain stands for goes with it")
{
    policy *a, *b;
    access_list rows = between(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1)),
                               RULES_OF(ONE("\"f1\", \"f2\"", "plain", "\"3204\"", R1)), &a, &b);
    assert_int_equal(rows.count, 1);
    assert_true(rows.at[0].gains);
    assert_true(is_field(rows.at[0].fields, 2));
    assert_int_equal(rows.at[0].forms, 1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN);
    assert_int_equal(rows.at[0].roles, 1);
    assert_false(rows.at[0].alone);
    assert_string_equal(rows.at[0].rule, "the-rule");
    policy_free(&a);
    policy_free(&b);
}

TEST("masked in the place of plain loses what masked does not show")
{
    policy *a, *b;
    access_list rows = between(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1)),
                               RULES_OF(ONE("\"f1\"", "masked", "\"3204\"", R1)), &a, &b);
    assert_int_equal(rows.count, 1);
    assert_false(rows.at[0].gains);
    assert_int_equal(rows.at[0].forms, 1U << FORM_PLAIN | 1U << FORM_TOKEN);
    policy_free(&a);
    policy_free(&b);
}

TEST("of areas those that are new are told, not the rule's")
{
    policy *a, *b;
    access_list rows = between(RULES_OF(ONE("\"f1\"", "plain", "\"320411\"", R1)),
                               RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1)), &a, &b);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.at[0].area_count, 2);
    assert_int_equal(rows.at[0].areas[0].low, 320400000000000);
    assert_int_equal(rows.at[0].areas[0].high, 320410999999999);
    assert_int_equal(rows.at[0].areas[1].low, 320412000000000);
    policy_free(&a);
    policy_free(&b);
}

TEST("one rule that says what two said before changes nothing")
{
    policy *a, *b;
    access_list rows =
        between(RULES_OF(ONE("\"f1\"", "plain", "\"320411\"",
                             R1) ","
                                 "{\"id\": \"another\", \"action\": \"reveal\", \"consumer\": \"c1\", "
                                 "\"purpose\": \"p1\", \"fields\": [\"f1\"], \"form\": \"plain\", \"areas\": "
                                 "[\"330105\"], " R1 ", \"valid\": {\"from\": \"2026-02-01\", \"until\": "
                                 "\"2026-11-30\"}}"),
                RULES_OF(ONE("\"f1\"", "plain", "\"330105\", \"320411\"", R1)), &a, &b);
    assert_int_equal(rows.count, 0);
    policy_free(&a);
    policy_free(&b);
}

static void expect_change(const char *strict, const char *wide, const char *condition)
{
    policy *a, *b;
    access_list rows = between(strict, wide, &a, &b);
    assert_int_equal(rows.count, 1);
    assert_true(rows.at[0].gains);
    policy_free(&a);
    policy_free(&b);
    rows = between(wide, strict, &a, &b);
    assert_int_equal(rows.count, 1);
    assert_false(rows.at[0].gains);
    policy_free(&a);
    policy_free(&b);
    a = load_text(strict);
    rows = difference(NULL, a);
    assert_int_equal(rows.count, 1);
    for (size_t i = 0; i < rows.at[0].condition_count; i++)
        if (strstr(rows.at[0].conditions[i], condition)) condition = "";
    if (*condition) fail_msg("the condition '%s' is not told", condition);
    policy_free(&a);
}

TEST("each condition that is taken from a rule is a gain, that is put in a loss, and is told in words")
{
    const char *wide = RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1));
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1 ", \"consent\": true")), wide, "consent");
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1 ", \"ticket\": [\"T-##\"]")), wide, "T-##");
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1 ", \"approval_above\": 10")), wide, "above 10");
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"", R1 ", \"own_area\": true")), wide, "");
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"",
                               R1 ", \"hours\": [{\"days\": [\"mon\"], \"from\": \"08:30\", \"until\": \"17:30\"}]")),
                  wide, "mon 08:30-17:30");
    expect_change(RULES_OF(ONE("\"f1\"", "plain", "\"3204\"",
                               R1 ", \"hours\": [{\"days\": [\"mon\", \"tue\", \"wed\", \"sat\"], \"from\": \"22:00\", "
                                  "\"until\": \"06:00\"}]")),
                  wide, "mon-wed 22:00-06:00, sat 22:00-06:00");
}

#define CHILD "\"classes\": [{\"id\": \"child\", \"field\": \"f3\", \"test\": \"age_under\", \"years\": 14}], "
#define BAN(rest)                                                                                                      \
    "\"prohibitions\": [{\"id\": \"the-ban\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": \"any\", "     \
    "\"fields\": [\"f1\"], \"forms\": \"any\", \"areas\": " rest "}]"

TEST("a prohibition takes from every rule what it forbids; of a class it is a condition")
{
    policy *a, *b;
    const char *free_of = "{" CHILD "\"rules\": [" ONE("\"f1\", \"f2\"", "plain", "\"3204\"", R1) "]}";
    access_list rows = between(
        free_of, "{" CHILD BAN("[\"320411\"]") ", \"rules\": [" ONE("\"f1\", \"f2\"", "plain", "\"3204\"", R1) "]}", &a,
        &b);
    assert_int_equal(rows.count, 1);
    assert_false(rows.at[0].gains);
    assert_true(is_field(rows.at[0].fields, 1));
    assert_int_equal(rows.at[0].areas[0].low, 320411000000000);
    policy_free(&a);
    policy_free(&b);
    rows = between(free_of,
                   "{" CHILD BAN("\"any\", \"classes\": [\"child\"]") ", \"rules\": [" ONE("\"f1\", \"f2\"", "plain",
                                                                                           "\"3204\"", R1) "]}",
                   &a, &b);
    assert_int_equal(rows.count, 1);
    assert_false(rows.at[0].gains);
    policy_free(&a);
    rows = difference(NULL, b);
    bool told = false;
    for (size_t i = 0; i < rows.count; i++)
        for (size_t j = 0; j < rows.at[i].condition_count; j++)
            told |= strcmp(rows.at[i].conditions[j], "no resident of class child") == 0;
    assert_true(told);
    policy_free(&b);
}

/* ---- who can, what can ---- */

TEST("what is asked about narrows what is told: field, form, area, consumer, person")
{
    policy *p = load_text(standard);
    area_range west, elsewhere;
    assert_true(area_range_read(&west, "330105001"));
    assert_true(area_range_read(&elsewhere, "11"));
    assert_int_equal(compared(NULL, p, &(access_filter){.field = 1}).count, 2);
    assert_int_equal(compared(NULL, p, &(access_filter){.field = 7, .forms = 1U << FORM_PLAIN}).count, 0);
    assert_int_equal(compared(NULL, p, &(access_filter){.field = 7, .forms = 1U << FORM_MASKED}).count, 1);
    assert_int_equal(compared(NULL, p, &(access_filter){.field = 1, .area = west}).count, 1);
    assert_int_equal(compared(NULL, p, &(access_filter){.area = elsewhere}).count, 0);
    assert_int_equal(compared(NULL, p, &(access_filter){.consumer = {1}}).count, 5);
    assert_int_equal(compared(NULL, p, &(access_filter){.consumer = {2}}).count, 0);
    assert_int_equal(compared(NULL, p, &(access_filter){.date = 20261201}).count, 0);
    access_list own = compared(NULL, p, &(access_filter){.person = &worker, .field = 8});
    assert_int_equal(own.count, 1);
    assert_int_equal(own.at[0].area_count, 2);
    assert_int_equal(own.at[0].areas[0].low, own_areas[0].low);
    const policy_person stranger = {.role = {2}, .until = 20261231};
    assert_int_equal(compared(NULL, p, &(access_filter){.person = &stranger, .field = 8}).count, 0);
    policy_free(&p);
    arena_free(&mem);
}
