/* Random policies and questions: against a second reading, and for what must hold of any policy. */
#include "tests/unit/policy/random.h"

/* VAULT_TEST_LONG: a million questions, half a minute. */
static unsigned questions(void)
{
    return getenv("VAULT_TEST_LONG") ? 1000000 : 20000;
}

/* ---- against the naive reading ---- */

static void expect_clause(const char *what, policy_clause engine, policy_clause naive)
{
    if (engine == naive) return;
    fail_msg("%s: engine: %s, naive: %s", what, policy_clause_name(engine), policy_clause_name(naive));
}

static void compare_budgets(const policy *p, json_t *document, const policy_facts *f)
{
    uint16_t budgets[BUDGETS_PER_CALL];
    uint64_t found = 0;
    for (unsigned i = 0, count = policy_budgets(p, f, budgets); i < count; i++) {
        if (i > 0) assert_true(budgets[i - 1] < budgets[i]);
        found |= UINT64_C(1) << budgets[i];
    }
    assert_int_equal(found, naive_budgets(document, f));
}

static void compare(const policy *p, json_t *document, uint64_t *seed, unsigned *answers)
{
    policy_person who;
    policy_facts f = naive_facts(seed, &who);
    policy_resident of = naive_resident(seed);
    admission a = policy_admit(p, &f);
    grant g = policy_decide(p, &a, &f, of);
    naive_answer n = naive_decide(document, &f, &of);
    expect_clause("failed", g.failed, n.failed);
    expect_clause("inner", g.inner, n.inner);
    assert_int_equal(g.given, n.failed == CLAUSE_NONE);
    answers[g.inner]++;
    if (!g.given) return;
    assert_string_equal(policy_rule_id(p, g.rule), n.rule);
    compare_budgets(p, document, &f);
}

TEST("random questions to random policies get the answers of a naive reading, and every clause refuses some of them")
{
    uint64_t seed = 20261122;
    unsigned asked = 0, answers[CLAUSES] = {0};
    while (asked < questions()) {
        json_t *document = random_document(&seed);
        policy *p = try_load(document);
        for (unsigned i = 0; p && i < 400; i++, asked++) compare(p, document, &seed, answers);
        policy_free(&p);
        json_decref(document);
    }
    for (policy_clause c = CLAUSE_NONE; c < CLAUSES; c++) {
        bool never =
            c == CLAUSE_RESIDENT || c == CLAUSE_BUDGET; /* what stands behind the first; counters are not asked */
        if ((answers[c] == 0) != never) fail_msg("%s: %u", policy_clause_name(c), answers[c]);
    }
    assert_in_range(answers[CLAUSE_NONE], asked / 500, asked / 2);
}

/* ---- properties ---- */

typedef void (*change)(json_t *document, uint64_t *seed);
typedef void (*comparison)(const policy *before, const policy *after, const policy_facts *f, policy_resident of);

static void compare_changed(json_t *document, change apply, comparison holds, uint64_t *seed)
{
    VAULT_CLEANUP(policy_free) policy *before = try_load(document), *after = NULL;
    if (!before) return;
    apply(document, seed);
    if (!(after = try_load(document))) return; /* with a prohibition more, some rules may be in vain */
    for (unsigned i = 0; i < 100; i++) {
        policy_person who;
        policy_facts f = naive_facts(seed, &who);
        holds(before, after, &f, naive_resident(seed));
    }
}

static void for_changed_policies(change apply, comparison holds)
{
    uint64_t seed = 77;
    for (unsigned round = 0; round < 100; round++) {
        json_t *document = random_document(&seed);
        compare_changed(document, apply, holds, &seed);
        json_decref(document);
    }
}

static grant answer(const policy *p, const policy_facts *f, policy_resident of)
{
    admission a = policy_admit(p, f);
    return policy_decide(p, &a, f, of);
}

static void shuffle(json_t *list, uint64_t *seed)
{
    for (size_t i = json_array_size(list); i > 1; i--) {
        size_t j = naive_random(seed) % i;
        json_t *a = json_incref(json_array_get(list, i - 1)), *b = json_incref(json_array_get(list, j));
        json_array_set_new(list, i - 1, b);
        json_array_set_new(list, j, a);
    }
}

static void shuffle_lists(json_t *document, uint64_t *seed)
{
    shuffle(json_object_get(document, "rules"), seed);
    shuffle(json_object_get(document, "prohibitions"), seed);
}

static void same_answer(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    grant a = answer(before, f, of), b = answer(after, f, of);
    assert_int_equal(a.given, b.given);
    assert_int_equal(a.failed, b.failed);
    assert_int_equal(a.inner, b.inner);
    assert_memory_equal(&a.fields, &b.fields, sizeof a.fields);
}

TEST("the order of the rules, and of the prohibitions, changes no answer")
{
    for_changed_policies(shuffle_lists, same_answer);
}

static void rename_ids(json_t *document, const char *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, list), i, entry)
    {
        json_object_set_new(entry, "id", json_sprintf("x%zu-%c%zuy", i / 8 + 2, 'c' + (char)(i % 8), i + 2));
    }
}

/* Those that nothing else in the document refers to. */
static void rename_all(json_t *document, uint64_t *seed)
{
    (void)seed;
    rename_ids(document, "rules");
    rename_ids(document, "prohibitions");
    rename_ids(document, "aggregations");
    rename_ids(document, "budgets");
}

static void same_rule(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    same_answer(before, after, f, of);
    assert_int_equal(answer(before, f, of).rule, answer(after, f, of).rule);
}

TEST("other ids change no answer")
{
    for_changed_policies(rename_all, same_rule);
}

static void not_more(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    if (!answer(before, f, of).given) assert_false(answer(after, f, of).given);
}

static void not_less(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    not_more(after, before, f, of);
}

static void remove_from(json_t *document, const char *list, uint64_t *seed)
{
    json_t *entries = json_object_get(document, list);
    if (json_array_size(entries) > 0) json_array_remove(entries, naive_random(seed) % json_array_size(entries));
    if (json_array_size(entries) == 0 && strcmp(list, "rules") != 0) json_object_del(document, list);
}

static void remove_rule(json_t *document, uint64_t *seed)
{
    remove_from(document, "rules", seed);
}

TEST("a policy with one rule less never allows more")
{
    for_changed_policies(remove_rule, not_more);
}

static void remove_prohibition(json_t *document, uint64_t *seed)
{
    remove_from(document, "prohibitions", seed);
}

TEST("a policy with one prohibition less never allows less")
{
    for_changed_policies(remove_prohibition, not_less);
}

static void add_prohibition(json_t *document, uint64_t *seed)
{
    json_t *list = json_object_get(document, "prohibitions");
    if (!list) json_object_set_new(document, "prohibitions", list = json_array());
    json_array_append_new(list, random_prohibition(seed, 25));
}

TEST("a policy with one prohibition more never allows more")
{
    for_changed_policies(add_prohibition, not_more);
}

static void add_aggregation(json_t *document, uint64_t *seed)
{
    json_t *list = json_object_get(document, "aggregations");
    if (!list) json_object_set_new(document, "aggregations", list = json_array());
    json_array_append_new(list, random_aggregation(seed, 25));
}

TEST("a policy with one aggregation more never allows more")
{
    for_changed_policies(add_aggregation, not_more);
}

/* ---- of calls and residents ---- */

static void leave(json_t *document, uint64_t *seed)
{
    (void)document, (void)seed;
}

/* Prohibitions are for some forms and roles only, and so may meet the weaker call alone. */
static void prohibit_nothing(json_t *document, uint64_t *seed)
{
    (void)seed;
    json_object_del(document, "prohibitions");
}

static void fewer_fields(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)after;
    if (!answer(before, f, of).given) return;
    policy_facts one = *f;
    for (unsigned n = 1; n <= NAIVE_FIELDS + NAIVE_PREDICATES; n++) {
        if (!field_set_has(f->fields, n)) continue;
        one.fields = (field_set){0};
        field_set_add(&one.fields, n);
        assert_true(answer(before, &one, of).given);
    }
}

TEST("who may see some fields may see each of them")
{
    for_changed_policies(leave, fewer_fields);
}

/* A break-glass rule is for a person alone. */
static void with_person(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)before;
    policy_person good = {.role = {1}, .from = 20250101, .until = 20271231};
    policy_facts other = *f;
    other.person = &good;
    if (!f->person && answer(after, f, of).given) assert_true(answer(after, &other, of).given);
}

TEST("a person whose contract holds never takes a grant of the app's away")
{
    for_changed_policies(prohibit_nothing, with_person);
}

static void expect_given_as(const policy *p, policy_facts facts, policy_resident of, policy_form form)
{
    facts.form = form;
    grant g = answer(p, &facts, of);
    assert_true(g.given);
    assert_int_equal(g.form, form);
}

static void weaker_too(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)before;
    if (!answer(after, f, of).given) return;
    if (f->action == POLICY_REVEAL && f->form == FORM_PLAIN) {
        expect_given_as(after, *f, of, FORM_MASKED);
        expect_given_as(after, *f, of, FORM_TOKEN);
    }
    const admission a = policy_admit(after, f);
    bool all = !a.consent && a.classes == 0; /* nobody is held back one by one */
    if (f->action == POLICY_SEARCH && f->form == FORM_TOKEN && all) expect_given_as(after, *f, of, FORM_COUNT);
}

TEST("who may see values may see their masks and tokens, and who may have all residents may have their number")
{
    for_changed_policies(prohibit_nothing, weaker_too);
}

static void less_person(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)after;
    if (!f->person || answer(before, f, of).given) return;
    policy_person shorter = *f->person;
    shorter.from++, shorter.until--;
    shorter.area_count -= shorter.area_count > 0;
    policy_facts less = *f;
    less.person = &shorter;
    assert_false(answer(before, &less, of).given);
}

TEST("a shorter contract and fewer own areas never allow more")
{
    for_changed_policies(leave, less_person);
}

static void less_known(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)after;
    if (answer(before, f, of).given) return;
    policy_facts less = *f;
    less.approved = false, less.ticket = NULL, less.residents += 1;
    const policy_resident fewer = {.area = of.area, .in = of.in & 5, .out = of.out & 10, .complete = of.complete | 3};
    assert_false(answer(before, &less, of).given);
    assert_false(answer(before, f, fewer).given);
}

TEST("without approval or ticket, for more residents, or with less known of a resident, never more is allowed")
{
    for_changed_policies(leave, less_known);
}

static void unasked(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    (void)after;
    admission a = policy_admit(before, f);
    if (a.failed != CLAUSE_NONE) return;
    policy_resident other = of;
    other.in ^= ~a.classes, other.out ^= ~a.classes, other.complete ^= ~a.aggregations, other.consent ^= !a.consent;
    grant g = policy_decide(before, &a, f, of), same = policy_decide(before, &a, f, other);
    assert_memory_equal(&g, &same, sizeof g);
}

TEST("what an admission does not ask for of a resident decides nothing")
{
    for_changed_policies(leave, unasked);
}

static void strongest(const policy *before, const policy *after, const policy_facts *f, policy_resident of)
{
    static const policy_form ranks[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN};
    (void)after;
    for (unsigned forms = 0; forms < 1U << FORMS; forms++) {
        policy_form shown = FORM_NOTHING, admitted = FORM_NOTHING;
        for (unsigned i = 3; i-- > 0;) {
            policy_facts as = *f;
            as.form = ranks[i];
            if (!(forms & 1U << as.form)) continue;
            if (answer(before, &as, of).given) shown = as.form;
            if (policy_admit(before, &as).failed == CLAUSE_NONE) admitted = as.form;
        }
        assert_int_equal(policy_strongest(before, f, forms, &of), shown);
        assert_int_equal(policy_strongest(before, f, forms, NULL), admitted);
    }
}

TEST("the strongest form is the first of plain, masked and token that is asked for and allowed")
{
    for_changed_policies(leave, strongest);
}
