/* Facts by chance: calls of the names that the policies of the tests are made of, and residents. */
#pragma once
#include "tests/unit/policy/names.h"

static inline uint64_t naive_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static const char *const naive_areas[] = {
    "32", "3204",   "320411", "320411002", "320411002001", "320411003", "320411004", "320411100",
    "33", "330105", "3301",   "34",        "320411002002", "11",        "320410",    "320411002001007"};
enum { NAIVE_AREAS = sizeof naive_areas / sizeof *naive_areas };

/* Mostly one of the first two names, so that questions often meet a rule. */
static inline uint16_t naive_name(uint64_t *seed)
{
    uint64_t odd = naive_random(seed) % 8;
    return (uint16_t)(odd == 0 ? naive_random(seed) % (NAIVE_NAMES + 1) : 1 + odd % 2);
}

/* Someone whose contract lies somewhere around the month of the questions, or nobody. The areas are static. */
static inline const policy_person *naive_person(policy_person *out, uint64_t *seed)
{
    static const area_range own[] = {{320411002001000, 320411002001999}, {330000000000000, 339999999999999}};
    uint64_t odd = naive_random(seed) % 8;
    if (odd < 3) return NULL;
    *out = (policy_person){.role = {naive_name(seed)},
                           .from = odd == 3 ? 20260110 : 20250101,
                           .until = odd == 4 ? 20260120 : 20271231,
                           .areas = own,
                           .area_count = (size_t)(naive_random(seed) % 3)};
    return out;
}

static inline policy_form naive_asked(policy_action action, uint64_t *seed)
{
    static const policy_form shown[] = {FORM_PLAIN,  FORM_PLAIN,  FORM_PLAIN, FORM_PREDICATE,
                                        FORM_MASKED, FORM_MASKED, FORM_TOKEN};
    uint64_t odd = naive_random(seed) % 8;
    if (odd == 0) return (policy_form)(naive_random(seed) % FORMS);
    bool whole = action >= POLICY_ERASE && action <= POLICY_GUARDIAN;
    if (action == POLICY_ISSUE || whole) return FORM_NOTHING;
    if (action == POLICY_SEARCH) return odd < 4 ? FORM_COUNT : FORM_TOKEN;
    return action == POLICY_REVEAL ? shown[odd - 1] : FORM_PLAIN;
}

/* None to two; where predicates are asked for, mostly predicates. */
static inline field_set naive_asked_fields(policy_form form, uint64_t *seed)
{
    field_set out = {0};
    bool odd = naive_random(seed) % 16 == 0, predicates = (form == FORM_PREDICATE) != odd;
    for (uint64_t n = naive_random(seed) % 3; n > 0; n--) {
        uint64_t any = naive_random(seed);
        field_set_add(&out, 1 + (unsigned)(predicates ? NAIVE_FIELDS + any % NAIVE_PREDICATES : any % NAIVE_FIELDS));
    }
    return out;
}

/* Where residents are. */
enum { NAIVE_CODES = 15 };
static const int64_t naive_codes[NAIVE_CODES] = {0,
                                                 320411002001000,
                                                 320411002001007,
                                                 320411002001008,
                                                 320411002002000,
                                                 320411100200000,
                                                 330105001001000,
                                                 340000000000000,
                                                 110101001001000,
                                                 320410001001999,
                                                 999999999999999,
                                                 -320411002001000,
                                                 320411002001,
                                                 32,
                                                 330199000000000};

/* Of each class and aggregation every answer, "known to be and not to be" among them. */
static inline policy_resident naive_resident(uint64_t *seed)
{
    uint64_t known = naive_random(seed), in = naive_random(seed), both = naive_random(seed) & naive_random(seed);
    return (policy_resident){.area = {naive_codes[naive_random(seed) % NAIVE_CODES]},
                             .in = known & in,
                             .out = known & (~in | (both & naive_random(seed))),
                             .complete = naive_random(seed) & naive_random(seed),
                             .consent = naive_random(seed) % 2 == 0};
}

/* NULL: none. */
static const char *const naive_tickets[] = {NULL,       "",           "T-1",    "T-12",   "T-123", "A-2026-0007",
                                            "T-1-open", "12345-open", "urgent", "工单-7", "T",     "#?*"};
enum { NAIVE_TICKETS = sizeof naive_tickets / sizeof *naive_tickets };

/* `who` is room for the person who acts, if one does. */
static inline policy_facts naive_facts(uint64_t *seed, policy_person *who)
{
    policy_facts f = {.action = (policy_action)(naive_random(seed) % POLICY_ACTIONS),
                      .consumer = {naive_name(seed)},
                      .purpose = {naive_name(seed)},
                      .person = naive_person(who, seed),
                      .date = 20260101 + (uint32_t)(naive_random(seed) % 28),
                      .minute = (uint16_t)(naive_random(seed) % 1440),
                      .ticket = naive_tickets[naive_random(seed) % NAIVE_TICKETS],
                      .residents = (uint32_t)(naive_random(seed) % 6),
                      .approved = naive_random(seed) % 4 == 0,
                      .break_glass = naive_random(seed) % 8 == 0};
    f.form = naive_asked(f.action, seed);
    f.fields = naive_asked_fields(f.form, seed);
    return f;
}
