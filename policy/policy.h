/* The policy engine: document and facts in, decision and reason out. Pure: no I/O, no clock of its own. A loaded policy
 * is frozen and read by any thread. Deny by default: what no rule allows in full is refused; an empty list means
 * nobody; an unknown key, form, field, purpose or consumer is a load error that names line or rule and key.
 *
 * Document:
 *   {"rules": [{"id": "elder-care-reveal", "action": "reveal", "consumer": "eldercare", "purpose": "elder-care",
 *               "fields": ["name", "phone"], "form": "plain", "areas": ["330105"],
 *               "acting": "person", "roles": ["grid-worker"], "own_area": true,
 *               "valid": {"from": "2026-01-01", "until": "2026-12-31"}}]}
 * "action": "reveal", "issue", "put", "search", "export" or "erase". "form": "plain", "masked" (each field by the mask
 * that the schema gives it), "token" (format-preserving tokens), "predicate" (the answers of predicates, which stand in
 * "fields" by their own names and nowhere else), "count", "nothing" (grants no value: it is for "issue" and "erase").
 * Of a search: "token" (tokens of the residents found; allows "count", too) or "count"; its fields are those that may
 * be searched by; "results" (1 to 4,096; may be left out: 1,000) is how many residents one search may give in all.
 * "areas": prefixes of the 15-digit area code (12 of the division, 3 of the grid), 2 to 15 digits each ("33" is a whole
 * province); at least one. "acting": "person" (an assertion is required) or "app" (one may be left out). "roles" stands
 * with "person" only, and then must: registered roles, one of which the person has; the person's contract must hold on
 * the day. "own_area" (with "person" only; may be left out) narrows the areas to those of the person itself. "valid":
 * both days included, Asia/Shanghai. A "reveal" is "plain", "masked", "token" or "predicate", a "put" or "export" is
 * "plain", an "issue" is "nothing"; the fields of an issue are those that the caller names residents by
 * ("id_number"); an "erase" is "nothing", and names the natural key of the records that may be erased. A reveal in
 * plain form allows the masked and the token form as well. A call for values that asks for no field is refused. A
 * person whose contract does not hold on the day does not act at all: also a rule with acting "app" refuses the call
 * that carries such a person's assertion. The fields of a rule are of one collection. After a purpose's assessment has
 * expired, none of its rules passes. Load errors, too: an empty list, an area within another of the same rule, two ids
 * that look alike, two rules of one scope, and more than ADMISSION_RULES rules that one call could meet (join their
 * areas): none may silently not apply.
 */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/error.h"
#include <jansson.h>
#include <stdint.h>

enum { POLICY_FIELDS_MAX = 256, FIELD_WORDS = POLICY_FIELDS_MAX / 64 };

/* A set of schema fields by number, 1 to 255. */
typedef struct field_set {
    uint64_t words[FIELD_WORDS];
} field_set;
static inline bool field_set_has(field_set s, unsigned n)
{
    return (s.words[n >> 6] >> (n & 63) & 1) != 0;
}
static inline void field_set_add(field_set *s, unsigned n)
{
    s->words[n >> 6] |= UINT64_C(1) << (n & 63);
}
static inline bool field_set_within(field_set inner, field_set outer)
{
    uint64_t outside = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) outside |= inner.words[i] & ~outer.words[i];
    return outside == 0;
}

/* 12-digit division code and 3-digit number of the grid in it (000: not known) as one number; 0: none. */
typedef struct area_code {
    int64_t code;
} area_code;
enum { AREA_DIGITS = 15, DIVISION_DIGITS = 12, GRIDS = 1000 };
/* All areas below a prefix: [low, high]. */
typedef struct area_range {
    int64_t low, high;
} area_range;
/* "3204" covers 320400000000000 to 320499999999999. False for what is not 2 to 15 digits without a leading 0. */
bool area_range_read(area_range *out, const char *prefix);
/* Sorts; false when one lies within another. */
bool area_ranges_sort(area_range *areas, size_t count);
bool area_ranges_cover(const area_range *sorted, size_t count, area_code area);

/* Days as YYYYMMDD. "2026-01-31" to 20260131; false for what is no day from 1900 on. */
bool date_read(uint32_t *out, const char *text);
typedef struct purpose_no {
    uint16_t no;
} purpose_no; /* index + 1 in the manifest's purposes; 0: unknown */
typedef struct consumer_no {
    uint16_t no;
} consumer_no; /* index + 1 in the manifest's apps; 0: unknown */
typedef struct role_no {
    uint16_t no;
} role_no; /* index + 1 in the manifest's roles of persons, at most 64; 0: unknown */
enum { ROLES_MAX = 64 };

typedef enum policy_action {
    POLICY_REVEAL,
    POLICY_ISSUE,
    POLICY_PUT,
    POLICY_SEARCH,
    POLICY_EXPORT,
    POLICY_ERASE,
    POLICY_ACTIONS
} policy_action;
typedef enum policy_form {
    FORM_NOTHING,
    FORM_COUNT,
    FORM_PREDICATE,
    FORM_TOKEN,
    FORM_MASKED,
    FORM_PLAIN,
    FORMS
} policy_form;
const char *policy_action_name(policy_action a); /* "reveal" */
const char *policy_form_name(policy_form f);     /* "plain" */

/* Clauses in the order in which they are tried; the first that no rule passes is the one that the refusal names. The
 * last one stands for "no such resident" and "not in your area" alike. */
typedef enum policy_clause {
    CLAUSE_NONE,
    CLAUSE_PURPOSE,
    CLAUSE_CONSUMER,
    CLAUSE_ACTION,
    CLAUSE_FIELDS,
    CLAUSE_FORM,
    CLAUSE_ACTING,   /* a person must act */
    CLAUSE_ROLE,     /* of the person */
    CLAUSE_CONTRACT, /* of the person, whatever the rule's "acting": not yet, or no more */
    CLAUSE_DATES,
    CLAUSE_ASSESSMENT, /* of the purpose: expired */
    CLAUSE_RESIDENT,
    CLAUSES
} policy_clause;
const char *policy_clause_name(policy_clause c); /* "purpose", "consumer", ... */

/* What the names in a document may refer to. Borrowed for the call. */
typedef struct policy_field {
    unsigned number;     /* 0: unknown */
    unsigned collection; /* from 1 */
    bool predicate;      /* a predicate, which has a number like a field's */
} policy_field;
typedef struct policy_names {
    void *context;
    policy_field (*field)(void *context, const char *name);
    consumer_no (*consumer)(void *context, const char *id);
    purpose_no (*purpose)(void *context, const char *id);
    uint32_t (*assessed_until)(void *context, purpose_no purpose); /* last day of its assessment */
    role_no (*role)(void *context, const char *id);
} policy_names;

typedef struct policy policy;
/* Reads and freezes; the document is not kept. INVALID DOCUMENT_INVALID: `field` is the path of the fault
 * ("policy.rules[3].fields[0]"), `detail` names rule and key, what is wrong and how to mend it. */
VAULT_MUST_USE vault_code policy_load(policy **out, json_t *document, const policy_names *names, vault_error *err);
void policy_free(policy **p);              /* takes NULL inside */
size_t policy_rule_count(const policy *p); /* rules are numbered from 0, in an order of the policy's own */
const char *policy_rule_id(const policy *p, unsigned rule); /* lives as long as the policy; "" past the last rule */

/* Who acts, as the register says. */
typedef struct policy_person {
    role_no role;
    uint32_t from, until;    /* of the contract, both days included */
    const area_range *areas; /* its own, sorted and disjoint */
    size_t area_count;
} policy_person;

/* What a call asks for, without the resident. */
typedef struct policy_facts {
    policy_action action;
    consumer_no consumer;
    purpose_no purpose;
    field_set fields;
    policy_form form;
    const policy_person *person; /* NULL: no assertion, the app acts by itself */
    uint32_t date;               /* YYYYMMDD in Asia/Shanghai */
} policy_facts;

/* What a rule lets one see, where and when, for the check of the joint strength of masks. Borrowed from the policy. */
typedef struct policy_scope {
    consumer_no consumer;
    purpose_no purpose;
    policy_action action;
    policy_form form;
    field_set fields;
    const area_range *areas; /* sorted and disjoint */
    size_t area_count;
    bool own_area;
    uint32_t from, until; /* of the rule, and of its purpose's assessment: what ends first */
} policy_scope;
policy_scope policy_rule_scope(const policy *p, unsigned rule); /* zero past the last rule */

/* The rules that allow a call as far as can be said without the resident. Borrows the policy. */
enum { ADMISSION_RULES = 16 };
typedef struct admission {
    policy_clause failed; /* CLAUSE_NONE: go on to policy_decide */
    unsigned count;
    uint16_t rules[ADMISSION_RULES]; /* in document order */
} admission;
/* When no rule passes, `failed` is the clause that the rule which came furthest did not pass. Any thread. */
admission policy_admit(const policy *p, const policy_facts *facts);

/* The grant for one resident: made by policy_decide and browse_decide alone, demanded by whoever opens a field. */
enum { NO_RULE = UINT16_MAX }; /* past the last one */
typedef struct grant {
    bool given;           /* all zero: nothing is granted */
    policy_clause failed; /* when not given */
    uint16_t rule;        /* when given; NO_RULE: by browse_decide */
    policy_form form;
    field_set fields;
} grant;
/* area 0 (no such resident) is refused with CLAUSE_RESIDENT, as any area outside the rule's (or, with own_area, outside
 * the person's). Grants the fields asked for in the form asked for, by the first rule that covers the area; facts that
 * the admission was not made of widen nothing. */
grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, area_code area);

/* Where an admitted call is allowed: the areas of its rules (with own_area, those that are the person's too) that lie
 * within `asked` (sorted and disjoint; none: everywhere). Sorted, disjoint, joined; in the arena. policy_decide still
 * decides each resident. EXHAUSTED. */
typedef struct area_list {
    area_range *at;
    size_t count;
} area_list;
typedef struct policy_reach {
    const admission *admission;
    const policy_facts *facts;
    area_list asked;
} policy_reach;
VAULT_MUST_USE vault_code policy_areas(area_list *out, arena *mem, const policy *p, const policy_reach *of,
                                       vault_error *err);
/* How many residents an admitted search may give in all, wherever in its areas they are: at each place the most that
 * one of the rules for it allows, and of all places the least. 0: it is allowed nowhere. */
unsigned policy_results(const policy *p, const policy_reach *of);

/* ---- what officers and administrators may list (Records.Browse) ---- */

/* The page that needs no permit, or a permit. All zero: nothing. */
typedef struct browse_scope {
    field_set fields;
    area_range area;
    unsigned rows;  /* a page */
    uint32_t until; /* last day */
} browse_scope;
typedef struct browse_ask {
    field_set fields;
    area_range area;
    unsigned rows;
    uint32_t date; /* YYYYMMDD in Asia/Shanghai */
} browse_ask;
/* Some field, all of them in the scope; an area within it; 1 to its rows; not after its last day. */
bool browse_admits(const browse_scope *scope, const browse_ask *ask);
/* The grant for one record: the fields asked for, in the masked form, where the ask is admitted and the record lies in
 * the area asked for; else CLAUSE_RESIDENT. */
grant browse_decide(const browse_scope *scope, const browse_ask *ask, area_code area);
