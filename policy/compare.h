/* What a policy comes to: who may have what, what another version gives and takes, and which of its rules look wrong.
 * Pure. Said field by field: what a call for several of them at once adds (aggregations) stands among the conditions.
 */
#pragma once
#include "policy/policy.h"

/* A policy with its own numbers brought to numbers that both sides of a comparison share ([own number]; NULL: they are
 * the same). Fields have the same numbers in every version. */
typedef struct policy_side {
    const policy *policy; /* NULL: nothing is allowed */
    const uint16_t *consumers, *purposes, *roles;
} policy_side;

/* Somebody may have fields, in forms, in areas, from a day until another. */
typedef struct policy_access {
    bool gains; /* by the second side; else lost, which the first side gave */
    consumer_no consumer;
    purpose_no purpose; /* shared numbers, and so are roles */
    policy_action action;
    unsigned forms; /* set of 1 << form */
    field_set fields;
    uint64_t roles; /* 1 << (role_no - 1); UINT64_MAX: whoever acts */
    bool alone;     /* the app without a person, too */
    bool own_area;
    const area_range *areas; /* sorted and disjoint */
    size_t area_count;
    uint32_t from, until;    /* days; until UINT32_MAX: no end */
    const char **conditions; /* what else must hold, for people */
    size_t condition_count;
    const char *rule; /* id, of the side that gives it */
} policy_access;

/* What is asked about; all zero: everything. */
typedef struct access_filter {
    consumer_no consumer;        /* shared number; 0: any */
    unsigned field;              /* 0: any */
    unsigned forms;              /* set of 1 << form; 0: any */
    area_range area;             /* high 0: anywhere */
    const policy_person *person; /* that acts: role (shared number), contract, own areas; NULL: anybody */
    uint32_t date;               /* nothing that ended before; 0: ever */
} access_filter;

typedef struct access_list {
    policy_access *at; /* in the arena: by purpose, consumer, action, rule */
    size_t count;
    bool cut; /* there is more */
} access_list;
enum { ACCESS_MAX = 10000 };

/* What `after` gives that `before` did not (gains), and the other way round. Exact where the conditions of rules can be
 * compared; of conditions of which neither includes the other both sides are told. EXHAUSTED: no memory, or more
 * classes or roles in all than can be told apart. */
typedef struct policy_pair {
    policy_side before, after;
    access_filter only;
} policy_pair;
VAULT_MUST_USE vault_code policy_compare(access_list *out, arena *mem, const policy_pair *pair, vault_error *err);

/* ---- rules that look wrong ---- */

typedef enum lint_kind {
    LINT_OVER_WIDE, /* delicate fields in plain form with nothing that narrows it */
    LINT_CONFLICT,  /* a prohibition takes away a part of it */
    LINT_SHADOWED,  /* what it allows others allow, too */
    LINT_EXPIRED,   /* it, its basis, or its purpose's assessment has ended */
    LINT_UNMET,     /* nobody has its roles, or the hours leave nothing */
    LINT_KINDS
} lint_kind;
const char *lint_kind_name(lint_kind kind); /* "over-wide" */
typedef struct lint_finding {
    lint_kind kind;
    const char *rule, *other; /* ids; other: of a rule or prohibition, or "" */
    const char *text;         /* for people: what, and the mend */
} lint_finding;
typedef struct lint_list {
    lint_finding *at; /* in the arena, in document order */
    size_t count;
} lint_list;
typedef struct lint_ask {
    uint32_t today;
    uint64_t roles; /* that somebody has whose contract holds, 1 << (role_no - 1) */
} lint_ask;
VAULT_MUST_USE vault_code policy_lint(lint_list *out, arena *mem, const policy *p, const lint_ask *ask,
                                      vault_error *err);
/* Ids of rules, each once, in document order. In the arena. */
typedef struct rule_list {
    const char **ids;
    size_t count;
} rule_list;
VAULT_MUST_USE vault_code policy_rules(rule_list *out, arena *mem, const policy *p, vault_error *err);

/* What is known of a resident to whom the rule granted something: all zero, but for classes and consent. */
policy_resident policy_rule_implies(const policy *p, unsigned rule);
/* Whether the classes say the same. */
bool policy_classes_same(const policy_class *a, const policy_class *b);
