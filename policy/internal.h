/* How a loaded policy lies in memory. Rules are sorted by (purpose, consumer, action) and, within one such cell, stand
 * in document order; a call looks at one cell only. A rule's number, as admissions and grants carry it, is its place in
 * that order. */
#pragma once
#include "policy/id.h"
#include "policy/policy.h"

typedef struct area_range {
    int64_t low, high; /* division codes, both included */
} area_range;

typedef struct policy_rule {
    purpose_no purpose;
    consumer_no consumer;
    policy_action action;
    policy_form form;
    bool person;          /* an acting person is required */
    uint32_t from, until; /* YYYYMMDD, both included */
    field_set fields;
    uint32_t first_area, area_count; /* in policy.areas: sorted, disjoint */
    uint16_t place;                  /* in the document */
} policy_rule;

typedef struct cell {
    uint64_t key; /* of consumer and action */
    uint32_t first, count;
} cell;

enum { POLICY_RULES_MAX = UINT16_MAX };

struct policy {
    policy_rule *rules;
    char (*ids)[ID_MAX + 1]; /* by place in the document */
    size_t count;
    area_range *areas;
    size_t area_count, area_capacity;
    cell *cells; /* by purpose, then key */
    size_t cell_count;
    uint32_t *purposes; /* [no] and [no + 1]: the purpose's cells */
    size_t purpose_count;
};

static inline uint64_t cell_key(consumer_no consumer, policy_action action)
{
    return (uint64_t)consumer.no << 32 | (uint32_t)action;
}

static inline const char *rule_id(const policy *p, const policy_rule *r)
{
    return p->ids[r->place];
}

/* Sorts the rules into cells; refuses two rules of the same scope, and a cell of which one call could meet more than
 * ADMISSION_RULES rules: some of them would silently never apply. */
VAULT_MUST_USE vault_code policy_compile(policy *p, vault_error *err);
