/* Random policies and questions: against a second reading, and for what must hold of any policy. */
#include "tests/unit/policy/fixture.h"

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

static void random_acting(json_t *rule, uint64_t *seed)
{
    bool person = naive_random(seed) % 2 == 0;
    json_object_set_new(rule, "acting", json_string(person ? "person" : "app"));
    if (!person) return;
    json_t *roles = json_array();
    unsigned bits = 1 + (unsigned)(naive_random(seed) % 7);
    for (unsigned i = 0; i < 3; i++) {
        if (bits >> i & 1) json_array_append_new(roles, json_sprintf("r%u", i + 1));
    }
    json_object_set_new(rule, "roles", roles);
    uint64_t odd = naive_random(seed) % 4;
    if (odd < 2) json_object_set_new(rule, "own_area", json_boolean(odd));
}

static const char *random_form(const char *action, uint64_t *seed)
{
    if (strcmp(action, "issue") == 0) return "nothing";
    return strcmp(action, "reveal") == 0 && naive_random(seed) % 3 == 0 ? "masked" : "plain";
}

static json_t *random_rule(uint64_t *seed, unsigned number)
{
    static const char *const actions[] = {"reveal", "issue", "put"};
    const char *action = pick(seed, actions, 3);
    unsigned from = 1 + (unsigned)(naive_random(seed) % 28),
             until = from + (unsigned)(naive_random(seed) % (29 - from));
    json_t *rule = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "action", action, "consumer",
                             json_sprintf("c%u", (unsigned)(1 + naive_random(seed) % 2)), "purpose",
                             json_sprintf("p%u", (unsigned)(1 + naive_random(seed) % 2)), "form",
                             random_form(action, seed), "fields", random_fields(seed), "areas", random_areas(seed));
    random_acting(rule, seed);
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
    for (unsigned n = 1; n <= NAIVE_FIELDS; n++) {
        if (!field_set_has(f->fields, n)) continue;
        one.fields = (field_set){0};
        field_set_add(&one.fields, n);
        assert_true(decide(before, &one, area).given);
    }
    one = *f;
    one.person = f->person ? f->person : &good;
    assert_true(decide(before, &one, area).given);
}

static void masked_too(const policy *before, const policy *after, const policy_facts *f, area_code area)
{
    (void)after;
    if (f->action != POLICY_REVEAL || !decide(before, f, area).given) return;
    policy_facts masked = *f;
    masked.form = FORM_MASKED;
    grant g = decide(before, &masked, area);
    assert_true(g.given);
    assert_int_equal(g.form, FORM_MASKED);
}

TEST("who may see values may see what their masks show of them")
{
    for_changed_policies(leave, masked_too);
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
