/* Random policies and questions: against a second reading, and for what must hold of any policy. */
#include "tests/unit/policy/random.h"

/* ---- against the naive reading -------------------------------------------------------------------------------------
 */

static void compare(const policy *p, json_t *document, uint64_t *seed, unsigned *given)
{
    area_code area;
    policy_person who;
    const char *id = "";
    policy_facts f = naive_facts(seed, &who, &area);
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
    assert_in_range(given, 1000, 150000); /* the questions are neither all refused nor all granted */
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
            policy_person who;
            policy_facts f = naive_facts(&seed, &who, &area);
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
    policy_person good = {.role = {1}, .from = 20250101, .until = 20271231};
    policy_facts one = *f;
    for (unsigned n = 1; n <= NAIVE_FIELDS + NAIVE_PREDICATES; n++) {
        if (!field_set_has(f->fields, n)) continue;
        one.fields = (field_set){0};
        field_set_add(&one.fields, n);
        assert_true(decide(before, &one, area).given);
    }
    one = *f;
    one.person = f->person ? f->person : &good;
    assert_true(decide(before, &one, area).given);
}

static void expect_given_as(const policy *p, policy_facts facts, area_code area, policy_form form)
{
    facts.form = form;
    grant g = decide(p, &facts, area);
    assert_true(g.given);
    assert_int_equal(g.form, form);
}

static void weaker_too(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    (void)after;
    if (!decide(before, f, area).given) return;
    if (f->action == POLICY_REVEAL && f->form == FORM_PLAIN) {
        expect_given_as(before, *f, area, FORM_MASKED);
        expect_given_as(before, *f, area, FORM_TOKEN);
    }
    if (f->action == POLICY_SEARCH && f->form == FORM_TOKEN) expect_given_as(before, *f, area, FORM_COUNT);
}

TEST("who may see values may see their masks and tokens, and who may have residents may have their number")
{
    for_changed_policies(leave, weaker_too);
}

static void day_by_day(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    (void)after;
    if (!f->person || decide(before, f, area).given) return;
    policy_person shorter = *f->person;
    shorter.from++, shorter.until--;
    shorter.area_count -= shorter.area_count > 0;
    policy_facts less = *f;
    less.person = &shorter;
    assert_false(decide(before, &less, area).given);
}

TEST("a shorter contract and fewer own areas never allow more")
{
    for_changed_policies(leave, day_by_day);
}

TEST("who may see some fields may see each of them, and a person whose contract holds never takes a grant away")
{
    for_changed_policies(leave, fewer_fields);
}
