/* The tables of a policy find what walking through its rules finds, however the rules lie: few purposes with many
 * rules, many days, all roles, fields with high numbers. Rules are made by hand: more of them than a document may have
 * for one call. */
#include "policy/internal.h"
#include "tests/support/harness.h"
#include "tests/unit/policy/chance.h"
#include "vault/base/memory.h"

#include <limits.h>
#include <string.h>

/* How rules are spread. */
typedef struct spread {
    size_t count;
    unsigned purposes, fields, roles, days;
} spread;

static uint64_t below(uint64_t *seed, uint64_t limit)
{
    return naive_random(seed) % limit;
}

static field_set some_fields(uint64_t *seed, unsigned among)
{
    field_set out = {0};
    for (uint64_t n = 1 + below(seed, 4); n > 0; n--)
        field_set_add(&out, POLICY_FIELDS_MAX - 1 - (unsigned)below(seed, among));
    return out;
}

static uint64_t some_roles(uint64_t *seed, unsigned among)
{
    return UINT64_C(1) << below(seed, among) | UINT64_C(1) << below(seed, among);
}

static policy_rule some_rule(uint64_t *seed, const spread *s)
{
    static const policy_form given[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN, FORM_NOTHING};
    bool person = below(seed, 4) != 0;
    uint32_t from = (uint32_t)below(seed, s->days);
    return (policy_rule){.purpose = {(uint16_t)(1 + below(seed, s->purposes))},
                         .consumer = {1},
                         .form = given[below(seed, 4)],
                         .person = person,
                         .roles = person ? some_roles(seed, s->roles) : 0,
                         .from = from,
                         .until = from + (uint32_t)below(seed, 3) * (uint32_t)below(seed, s->days),
                         .assessed_until = UINT32_MAX,
                         .sharing_until = UINT32_MAX,
                         .fields = some_fields(seed, s->fields),
                         .glass_hours = below(seed, 8) == 0};
}

static policy *made(uint64_t *seed, const spread *s)
{
    policy *p = memory_new(sizeof *p);
    p->count = p->rule_capacity = p->place_count = s->count;
    p->rules = memory_array(s->count, sizeof *p->rules);
    p->ids = memory_array(s->count, sizeof *p->ids);
    for (size_t i = 0; i < s->count; i++) {
        p->rules[i] = some_rule(seed, s);
        p->rules[i].place = (uint16_t)i;
    }
    policy_compile(p);
    return p;
}

static policy_facts some_facts(uint64_t *seed, const spread *s, policy_person *who)
{
    static const policy_form asked[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN, FORM_NOTHING, FORM_PREDICATE, FORMS};
    *who = (policy_person){.role = {(uint16_t)below(seed, s->roles + 2)}, .until = below(seed, 8) ? UINT32_MAX : 0};
    policy_facts f = {.purpose = {(uint16_t)(1 + below(seed, s->purposes + 1))},
                      .consumer = {1},
                      .form = asked[below(seed, 6)],
                      .person = below(seed, 4) ? who : NULL,
                      .date = (uint32_t)below(seed, 3 * (uint64_t)s->days),
                      .break_glass = below(seed, 8) == 0};
    if (below(seed, 8) == 0) return f;
    f.fields = some_fields(seed, s->fields);
    if (below(seed, 2))
        f.fields = (field_set){0}, field_set_add(&f.fields, POLICY_FIELDS_MAX - 1 - (unsigned)below(seed, s->fields));
    return f;
}

/* Every rule, one after the other. */
static admission walked(const policy *p, const policy_facts *f)
{
    policy_clause furthest = CLAUSE_PURPOSE;
    admission a = {0};
    for (unsigned i = 0; i < p->count; i++) {
        const policy_rule *r = &p->rules[i];
        policy_clause failed = r->purpose.no == f->purpose.no ? rule_fails(p, r, f) : CLAUSE_PURPOSE;
        if (failed > furthest) furthest = failed;
        if (failed == CLAUSE_NONE && a.count < ADMISSION_RULES) a.rules[a.count++] = (uint16_t)i;
    }
    if (a.count == 0) a.failed = furthest;
    return a;
}

static void expect_same(uint64_t seed, spread s, unsigned questions)
{
    policy *p = made(&seed, &s);
    unsigned given = 0;
    for (unsigned i = 0; i < questions; i++) {
        policy_person who;
        policy_facts f = some_facts(&seed, &s, &who);
        admission is = policy_admit(p, &f), should = walked(p, &f);
        if (is.failed != should.failed)
            fail_msg("%s, not %s", policy_clause_name(is.failed), policy_clause_name(should.failed));
        assert_int_equal(is.count, should.count);
        assert_memory_equal(is.rules, should.rules, sizeof is.rules);
        given += is.count > 0;
    }
    assert_in_range(given, 1, questions - 1);
    policy_free(&p);
}

TEST("one rule, a few, as many as a word has bits, and one more")
{
    static const size_t counts[] = {1, 2, 7, 8, 9, 10, 15, 16, 17, 18, 63, 64, 65, 127, 128, 129, 255, 256, 257};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        expect_same(3 + i, (spread){counts[i], 1, 3, 3, 20}, 3000);
}

TEST("many rules for one purpose, of many fields and all roles, on few days and on many")
{
    expect_same(11, (spread){3000, 1, 200, 64, 10}, 2000);
    expect_same(12, (spread){3000, 1, 20, 64, 1000000}, 2000);
    expect_same(13, (spread){3000, 1, 2, 2, 100000}, 2000);
}

TEST("many purposes with few rules, and with many")
{
    expect_same(21, (spread){3000, 900, 3, 3, 20}, 3000);
    expect_same(22, (spread){3000, 40, 8, 6, 100}, 3000);
}

/* ---- prohibitions ---- */

/* Of each dimension "any" now and then. */
static policy_match some_match(uint64_t *seed, const spread *s)
{
    uint32_t from = (uint32_t)below(seed, s->days);
    policy_match m = {.purpose = {(uint16_t)below(seed, s->purposes + 1)},
                      .consumer = {(uint16_t)below(seed, 3)},
                      .roles = below(seed, 3) ? some_roles(seed, s->roles) : UINT64_MAX,
                      .fields = some_fields(seed, s->fields),
                      .forms = 1 + (unsigned)below(seed, (1U << FORMS) - 1),
                      .actions = 1U << POLICY_REVEAL,
                      .from = from,
                      .until = below(seed, 2) ? UINT32_MAX : from};
    if (below(seed, 8) == 0) memset(&m.fields, 0xff, sizeof m.fields);
    return m;
}

static policy *forbidding(uint64_t *seed, const spread *s)
{
    policy *p = memory_new(sizeof *p);
    p->forbid_count = p->forbid_capacity = s->count;
    p->forbids = memory_array(s->count, sizeof *p->forbids);
    for (size_t i = 0; i < s->count; i++) {
        p->forbids[i] = some_match(seed, s);
        p->forbids[i].index = (uint16_t)i;
    }
    policy_compile(p);
    return p;
}

/* Numbers of those that were found, and how often. */
typedef struct found {
    uint8_t times[4096];
    unsigned count, most;
} found;

static bool note(void *context, const policy_match *m)
{
    found *f = context;
    f->times[m->index]++;
    return ++f->count < f->most;
}

static void expect_same_matches(uint64_t seed, spread s, unsigned questions)
{
    policy *p = forbidding(&seed, &s);
    unsigned total = 0;
    for (unsigned i = 0; i < questions; i++) {
        policy_person who;
        policy_facts f = some_facts(&seed, &s, &who);
        found all = {.most = UINT_MAX}, few = {.most = 2}, should = {.most = UINT_MAX};
        matches_each(forbids_of(p), &f, note, &all);
        matches_each(forbids_of(p), &f, note, &few);
        for (size_t k = 0; k < s.count; k++) {
            if (match_meets(&p->forbids[k], &f)) note(&should, &p->forbids[k]);
        }
        assert_int_equal(all.count, should.count);
        assert_memory_equal(all.times, should.times, sizeof all.times);
        assert_int_equal(few.count, should.count < 2 ? should.count : 2);
        total += all.count;
    }
    assert_in_range(total, 1, (uint64_t)questions * s.count / 2);
    policy_free(&p);
}

TEST("few prohibitions and many, for all and for some, are found each once, and no more than are asked for")
{
    expect_same_matches(31, (spread){12, 1, 3, 3, 20}, 1000);
    expect_same_matches(32, (spread){100, 1, 3, 3, 20}, 1000);
    expect_same_matches(33, (spread){4000, 3, 200, 64, 1000}, 500);
    expect_same_matches(34, (spread){4000, 300, 8, 5, 20}, 500);
}
