/* Where a call is allowed, told before anybody is asked for: the same places as those where policy_decide grants. */
#include "tests/unit/policy/random.h"

#define SEARCH(id, fields, form, areas, acting, results)                                                               \
    "{\"id\": \"" id "\", \"action\": \"search\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [" fields     \
    "], \"form\": \"" form "\", \"areas\": [" areas "], " acting results                                               \
    ", \"valid\": {\"from\": \"2026-02-01\", \"until\": \"2026-11-30\"}}"
static const char searches[] = "{\"rules\": [" SEARCH(
    "care-find", "\"f1\", \"f2\"", "token", "\"320411002\", \"320411100\"", APP,
    ", \"results\": 50") "," SEARCH("care-near", "\"f1\"", "token", "\"320411003\", \"320411002001\"", APP,
                                    "") "," SEARCH("care-count", "\"f1\"", "count", "\"33\"", APP,
                                                   "") "," SEARCH("care-own", "\"f3\"", "token", "\"3204\"",
                                                                  OF("\"r1\"") OWN, ", \"results\": 4096") "]}";

static arena *mem;

static void open_arena(void)
{
    mem = arena_new(1 << 20);
    assert_non_null(mem);
}

static policy_facts search_for(unsigned field, policy_form form)
{
    policy_facts f = facts_of(field);
    f.action = POLICY_SEARCH;
    f.form = form;
    return f;
}

static area_list areas_of(const policy *p, const policy_facts *facts, area_list asked)
{
    vault_error err = {0};
    area_list out;
    admission a = policy_admit(p, facts);
    const policy_reach of = {.admission = &a, .facts = facts, .asked = asked};
    expect_ok(policy_areas(&out, mem, p, &of, &err), &err);
    return out;
}

static void expect_areas(area_list got, const area_range *want, size_t count)
{
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got.at[i].low, want[i].low);
        assert_int_equal(got.at[i].high, want[i].high);
    }
}

TEST("the areas of all rules that allow a call are joined, neighbours and what lies within another alike")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    const policy_facts both = search_for(1, FORM_TOKEN), one = search_for(2, FORM_TOKEN);
    const area_range joined[] = {{320411002000000, 320411003999999}, {320411100000000, 320411100999999}};
    const area_range apart[] = {{320411002000000, 320411002999999}, {320411100000000, 320411100999999}};
    open_arena();
    expect_areas(areas_of(p, &both, (area_list){0}), joined, 2);
    expect_areas(areas_of(p, &one, (area_list){0}), apart, 2);
    arena_free(&mem);
}

TEST("who counts may count also where residents may be found")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    const policy_facts count = search_for(1, FORM_COUNT);
    const area_range want[] = {
        {320411002000000, 320411003999999}, {320411100000000, 320411100999999}, {330000000000000, 339999999999999}};
    open_arena();
    expect_areas(areas_of(p, &count, (area_list){0}), want, 3);
    arena_free(&mem);
}

TEST("a call is allowed nowhere but where it was asked for, and nowhere at all outside of the rules")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    const policy_facts f = search_for(1, FORM_TOKEN);
    area_range asked[] = {{320411002001007, 320411002001007}, {320411003999000, 320411100000005}},
               outside[] = {{330105000000000, 330105999999999}};
    const area_range want[] = {
        {320411002001007, 320411002001007}, {320411003999000, 320411003999999}, {320411100000000, 320411100000005}};
    open_arena();
    expect_areas(areas_of(p, &f, (area_list){asked, 2}), want, 3);
    expect_areas(areas_of(p, &f, (area_list){outside, 1}), NULL, 0);
    arena_free(&mem);
}

TEST("own areas narrow those of the rule, and a person without any is allowed nowhere")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    policy_facts f = search_for(3, FORM_TOKEN);
    policy_person nowhere = worker;
    nowhere.area_count = 0;
    open_arena();
    expect_areas(areas_of(p, &f, (area_list){0}), own_areas, 2);
    f.person = &nowhere;
    expect_areas(areas_of(p, &f, (area_list){0}), NULL, 0);
    arena_free(&mem);
}

TEST("a call that is not admitted, or an admission of other facts, is allowed nowhere")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    vault_error err = {0};
    area_list out;
    policy_facts good = search_for(1, FORM_TOKEN), other = search_for(7, FORM_TOKEN), app = search_for(3, FORM_TOKEN);
    app.person = NULL;
    admission a = policy_admit(p, &good), b = policy_admit(p, &other);
    admission of_person = policy_admit(p, &(policy_facts){.action = POLICY_SEARCH,
                                                          .consumer = {1},
                                                          .purpose = {1},
                                                          .fields = app.fields,
                                                          .form = FORM_TOKEN,
                                                          .person = &worker,
                                                          .date = 20260601});
    assert_int_equal(of_person.count, 1);
    const policy_reach mixed[] = {{.admission = &a, .facts = &other},
                                  {.admission = &b, .facts = &other},
                                  {.admission = &b, .facts = &good},
                                  {.admission = &of_person, .facts = &app}};
    open_arena();
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++) {
        expect_ok(policy_areas(&out, mem, p, &mixed[i], &err), &err);
        assert_int_equal(out.count, 0);
    }
    admission far = {.count = 2, .rules = {4000, UINT16_MAX}};
    const policy_reach beyond = {.admission = &far, .facts = &good};
    expect_ok(policy_areas(&out, mem, p, &beyond, &err), &err);
    assert_int_equal(out.count, 0);
    assert_int_equal(policy_results(p, &beyond), 0);
    arena_free(&mem);
}

TEST("areas that do not fit into memory are told, and none is given")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    const policy_facts f = search_for(1, FORM_TOKEN);
    admission a = policy_admit(p, &f);
    VAULT_CLEANUP(arena_free) arena *full = arena_new(1 << 16);
    while (arena_alloc(full, 64)) continue;
    while (arena_alloc(full, 1)) continue;
    vault_error err = {0};
    area_list out;
    const policy_reach of = {.admission = &a, .facts = &f};
    expect_code(policy_areas(&out, full, p, &of, &err), VAULT_EXHAUSTED, &err);
    assert_int_equal(out.count, 0);
}

static unsigned results_in(const policy *p, const policy_facts *facts, area_list asked)
{
    admission a = policy_admit(p, facts);
    const policy_reach of = {.admission = &a, .facts = facts, .asked = asked};
    return policy_results(p, &of);
}

TEST("a search gives as many residents as a rule for all of its areas allows: 1,000 where none is said")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(searches);
    const policy_facts one = search_for(2, FORM_TOKEN), both = search_for(1, FORM_TOKEN),
                       own = search_for(3, FORM_TOKEN), none = search_for(7, FORM_TOKEN);
    assert_int_equal(results_in(p, &one, (area_list){0}), 50);
    assert_int_equal(results_in(p, &own, (area_list){0}), 4096);
    assert_int_equal(results_in(p, &none, (area_list){0}), 0);
    area_range few = {320411002002000, 320411002999999}, many = {320411002001000, 320411002001999},
               more = {320411003000000, 320411003999999}, cut = {320411002001000, 320411002002000};
    assert_int_equal(results_in(p, &both, (area_list){&more, 1}), 1000);
    assert_int_equal(results_in(p, &both, (area_list){&many, 1}), 1000);
    assert_int_equal(results_in(p, &both, (area_list){&few, 1}), 50);
    assert_int_equal(results_in(p, &both, (area_list){&cut, 1}), 50);
    assert_int_equal(results_in(p, &both, (area_list){0}), 50);
}

/* ---- random policies ---- */

static bool lies_in(area_list list, int64_t code)
{
    for (size_t i = 0; i < list.count; i++) {
        if (list.at[i].low <= code && code <= list.at[i].high) return true;
    }
    return false;
}

/* Nowhere (everywhere), one prefix, or two that do not meet. */
static area_list random_asked(area_range room[2], uint64_t *seed)
{
    area_list asked = {.at = room, .count = naive_random(seed) % 3};
    for (size_t i = 0; i < asked.count; i++)
        assert_true(area_range_read(&room[i], naive_areas[naive_random(seed) % NAIVE_AREAS]));
    if (!area_ranges_sort(room, asked.count)) asked.count = 1;
    return asked;
}

typedef struct question {
    const policy *policy;
    json_t *document;
    const policy_facts *facts;
    area_list asked, given;
    uint64_t *seed;
} question;

/* Whoever may be shown is somewhere in the list; and the list holds no other places. */
static void expect_same_place(const question *q, int64_t code)
{
    bool inside = q->asked.count == 0 || lies_in(q->asked, code);
    bool wanted = inside && naive_allowed_at(q->document, q->facts, (area_code){code});
    if (lies_in(q->given, code) != wanted) fail_msg("%lld: decided otherwise", (long long)code);
    policy_resident somebody = naive_resident(q->seed);
    somebody.area.code = code;
    admission a = policy_admit(q->policy, q->facts);
    if (inside && policy_decide(q->policy, &a, q->facts, somebody).given) assert_true(wanted);
}

/* Each place where something could change, one before, and one behind. */
static void compare_places(const question *q)
{
    for (size_t i = 0; i < NAIVE_CODES; i++) expect_same_place(q, naive_codes[i]);
    for (size_t i = 0; i < NAIVE_AREAS; i++) {
        area_range r;
        assert_true(area_range_read(&r, naive_areas[i]));
        const int64_t edges[] = {r.low - 1, r.low, r.high, r.high + 1};
        for (size_t k = 0; k < 4; k++) expect_same_place(q, edges[k]);
    }
    for (size_t i = 0; i < q->given.count; i++) {
        assert_true(q->given.at[i].low <= q->given.at[i].high);
        if (i > 0) assert_true(q->given.at[i - 1].high + 1 < q->given.at[i].low);
    }
}

/* Of all places where the search is allowed, the least. */
static unsigned fewest_results(const question *q)
{
    unsigned fewest = 0;
    for (size_t i = 0; i < NAIVE_AREAS; i++) {
        area_range r;
        assert_true(area_range_read(&r, naive_areas[i]));
        const int64_t edges[] = {r.low, r.high + 1, i < NAIVE_CODES ? naive_codes[i] : r.low};
        for (size_t k = 0; k < 3; k++) {
            bool wanted = q->asked.count == 0 || lies_in(q->asked, edges[k]);
            unsigned most = wanted ? naive_results(q->document, q->facts, (area_code){edges[k]}) : 0;
            if (most > 0 && (fewest == 0 || most < fewest)) fewest = most;
        }
    }
    return fewest;
}

static void ask_places(const policy *p, json_t *document, uint64_t *seed, unsigned *found)
{
    policy_person who;
    area_range room[2];
    policy_facts f = naive_facts(seed, &who);
    question q = {.policy = p, .document = document, .facts = &f, .asked = random_asked(room, seed), .seed = seed};
    q.given = areas_of(p, &f, q.asked);
    compare_places(&q);
    assert_int_equal(results_in(p, &f, q.asked), fewest_results(&q));
    *found += q.given.count > 0;
    arena_reset(mem);
}

TEST("an area is in the list exactly if the policy decides so there: 2,000 random calls")
{
    uint64_t seed = 20261122;
    unsigned asked = 0, found = 0;
    open_arena();
    while (asked < 2000) {
        json_t *document = random_document(&seed);
        policy *p = try_load(document);
        for (unsigned i = 0; p && i < 50; i++, asked++) ask_places(p, document, &seed, &found);
        policy_free(&p);
        json_decref(document);
    }
    arena_free(&mem);
    assert_in_range(found, 20, 1000);
}
