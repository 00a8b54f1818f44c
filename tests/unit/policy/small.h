/* Small policies by chance, made without a document: everything that a rule can ask for, with fields 1 to 4, roles 1 to
 * 3, two classes, two aggregations and three prohibitions, so that all ways through them can be tried. */
#pragma once
#include "policy/internal.h"
#include "tests/support/harness.h"
#include "vault/base/memory.h"

enum { SMALL_RULES = 4, SMALL_FIELDS = 4, SMALL_ROLES = 3, SMALL_CLASSES = 2, SMALL_DATE = 20260301 };

static uint64_t small_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed * UINT64_C(0x2545f4914f6cdd1d) >> 20;
}

static bool small_odds(uint64_t *seed, unsigned percent)
{
    return small_random(seed) % 100 < percent;
}

static field_set small_fields(uint64_t *seed)
{
    field_set out = {0};
    uint64_t bits = 1 + small_random(seed) % 15;
    for (unsigned n = 1; n <= SMALL_FIELDS; n++)
        if (bits >> (n - 1) & 1) field_set_add(&out, n);
    return out;
}

static policy_form small_form(uint64_t *seed)
{
    static const policy_form forms[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN, FORM_PLAIN};
    return forms[small_random(seed) % 4];
}

static void small_days(uint64_t *seed, unsigned passes, uint32_t *from, uint32_t *until)
{
    bool fits = small_odds(seed, passes), early = small_odds(seed, 50);
    *from = fits || early ? 20260101 : 20260601;
    *until = fits || !early ? 20261231 : 20260201;
}

/* Areas 0 to 3 of the policy are four districts, 4 is everywhere. */
static inline policy_rule small_rule(uint64_t *seed, uint16_t place)
{
    policy_rule r = {.purpose = {1}, .consumer = {1}, .action = POLICY_REVEAL, .place = place};
    r.form = small_form(seed);
    r.fields = small_fields(seed);
    r.person = small_odds(seed, 50);
    r.own_area = r.person && small_odds(seed, 30);
    r.roles = r.person ? 1 + small_random(seed) % 7 : 0;
    small_days(seed, 80, &r.from, &r.until);
    r.assessed_until = small_odds(seed, 90) ? 20261231 : 20260201;
    r.first_area = small_odds(seed, 60) ? 4 : (uint32_t)(small_random(seed) % 4);
    r.area_count = 1;
    r.level = (uint8_t)(1 + small_random(seed) % LEVEL_MAX);
    r.consent = small_odds(seed, 25);
    r.only = small_odds(seed, 20) ? 1 + small_random(seed) % 3 : 0;
    r.except = small_odds(seed, 20) ? (1 + small_random(seed) % 3) & ~r.only : 0;
    r.week = small_odds(seed, 20);
    r.pattern_count = small_odds(seed, 20);
    r.approval_above = small_odds(seed, 20) ? 1 + (uint32_t)(small_random(seed) % 3) : 0;
    r.sharing_until = UINT32_MAX;
    if (small_odds(seed, 20)) small_days(seed, 60, &r.sharing_from, &r.sharing_until);
    r.glass_hours = small_odds(seed, 20);
    return r;
}

static inline policy_match small_prohibition(uint64_t *seed, uint16_t index)
{
    policy_match m = {.index = index, .actions = 1U << POLICY_REVEAL, .until = UINT32_MAX, .roles = UINT64_MAX};
    m.fields =
        small_odds(seed, 30) ? (field_set){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}} : small_fields(seed);
    m.forms = small_odds(seed, 50) ? (1U << FORMS) - 1 : 1U << small_form(seed);
    if (small_odds(seed, 50)) m.roles = 1 + small_random(seed) % 7;
    if (small_odds(seed, 30)) m.first_area = (uint32_t)(small_random(seed) % 4), m.area_count = 1;
    if (small_odds(seed, 30)) m.classes = 1 + small_random(seed) % 3;
    if (small_odds(seed, 20)) small_days(seed, 50, &m.from, &m.until);
    return m;
}

static inline void small_lists(policy *p, uint64_t *seed)
{
    static const char *const ids[] = {"no-a", "no-b", "no-c"}, *const sets[] = {"set-a", "set-b"};
    p->prohibition_count = p->forbid_count = p->forbid_capacity = small_random(seed) % 4;
    p->forbids = memory_array(p->forbid_capacity, sizeof *p->forbids);
    p->prohibitions = arena_array(p->texts, 3, sizeof *p->prohibitions);
    for (uint16_t i = 0; i < p->forbid_count; i++)
        p->forbids[i] = small_prohibition(seed, i), p->prohibitions[i] = ids[i];
    p->aggregation_count = small_random(seed) % 3;
    p->aggregations = arena_array(p->texts, 2, sizeof *p->aggregations);
    for (unsigned i = 0; i < p->aggregation_count; i++)
        p->aggregations[i] =
            (policy_aggregation){.id = sets[i], .fields = small_fields(seed), .level = 2 + i, .days = 30};
}

static const area_range small_areas[] = {{320411002000000, 320411002999999},
                                         {320411003000000, 320411003999999},
                                         {320412001000000, 320412001999999},
                                         {330100000000000, 330199999999999},
                                         {0, INT64_MAX}};

/* With rules that are not yet written, nor compiled; policy_free frees it. */
static inline policy *small_new(size_t rules)
{
    policy *p = memory_new(sizeof *p);
    p->texts = arena_new(1 << 16);
    p->count = p->place_count = p->rule_capacity = rules;
    p->rules = memory_array(p->count, sizeof *p->rules);
    p->ids = memory_array(p->count, sizeof *p->ids);
    p->area_count = p->area_capacity = sizeof small_areas / sizeof *small_areas;
    p->areas = memory_array(p->area_capacity, sizeof *p->areas);
    memcpy(p->areas, small_areas, sizeof small_areas);
    p->week_count = p->week_capacity = 1; /* never */
    p->weeks = memory_array(1, sizeof *p->weeks);
    p->pattern_count = p->pattern_capacity = 1;
    p->patterns = memory_array(1, sizeof *p->patterns);
    p->patterns[0] = "OA-####";
    p->class_count = SMALL_CLASSES;
    p->classes = arena_array(p->texts, SMALL_CLASSES, sizeof *p->classes);
    p->classes[0].id = "child", p->classes[1].id = "in-care";
    return p;
}

/* `backwards`: the same rules and prohibitions, the last one first. */
static inline policy *small_policy_in(uint64_t *seed, bool backwards)
{
    policy *p = small_new(1 + small_random(seed) % SMALL_RULES);
    for (uint16_t i = 0; i < p->count; i++) p->rules[i] = small_rule(seed, i), p->ids[i][0] = (char)('a' + i);
    small_lists(p, seed);
    for (uint16_t i = 0; backwards && i < p->count; i++) p->rules[i].place = (uint16_t)(p->count - 1 - i);
    for (uint16_t i = 0; backwards && i < p->forbid_count; i++)
        p->forbids[i].index = (uint16_t)(p->forbid_count - 1 - i);
    policy_compile(p);
    return p;
}

static inline policy *small_policy(uint64_t *seed)
{
    return small_policy_in(seed, false);
}

static inline policy_facts small_facts(uint64_t *seed, policy_person *who)
{
    policy_facts f = {.action = POLICY_REVEAL, .consumer = {1}, .purpose = {1}, .date = SMALL_DATE, .minute = 600};
    f.fields = small_odds(seed, 97) ? small_fields(seed) : (field_set){0};
    f.form = small_form(seed);
    f.ticket = small_odds(seed, 50) ? "OA-1234" : "none";
    f.residents = 1 + (uint32_t)(small_random(seed) % 4);
    f.approved = small_odds(seed, 20);
    f.break_glass = small_odds(seed, 20);
    *who = (policy_person){.role = {(uint16_t)(small_random(seed) % 4)}, .areas = small_areas, .area_count = 2};
    small_days(seed, 80, &who->from, &who->until);
    f.person = small_odds(seed, 70) ? who : NULL;
    return f;
}

static inline policy_resident small_resident(uint64_t *seed)
{
    policy_resident of = {.area = {small_areas[small_random(seed) % 4].low + 7}, .consent = small_odds(seed, 50)};
    of.in = small_random(seed) % 4;
    of.out = small_random(seed) % 4 & ~of.in;
    of.complete = small_odds(seed, 50) ? small_random(seed) % 4 : 0;
    return small_odds(seed, 95) ? of : (policy_resident){0};
}
