/* The policy engine: document and facts in, decision and reason out. Pure: no I/O, no clock of its own. A loaded policy
 * is frozen and read by any thread. Deny by default: what no rule allows in full is refused; an empty list means
 * nobody; an unknown key, form, field, purpose or consumer is a load error that names line or rule and key.
 *
 * Document (first form):
 *   {"rules": [{"id": "elder-care-reveal", "action": "reveal", "consumer": "eldercare", "purpose": "elder-care",
 *               "fields": ["name", "phone"], "form": "plain", "areas": ["330105"], "acting": "person",
 *               "valid": {"from": "2026-01-01", "until": "2026-12-31"}}]}
 * "action": "reveal", "issue" or "put". "form": "plain" or "nothing" ("nothing" grants no value: it is for "issue").
 * "areas": prefixes of the 12-digit division code, 2 to 12 digits each ("33" is a whole province); at least one.
 * "acting": "person" (an assertion is required) or "app" (one may be left out). "valid": both days included,
 * Asia/Shanghai. A "reveal" and a "put" are "plain", an "issue" is "nothing"; the fields of an issue are those that the
 * caller names residents by ("id_number"). A call in plain that asks for no field is refused. Load errors, too: an
 * empty list, an area within another of the same rule, two ids that look alike, two rules of one scope, and more than
 * ADMISSION_RULES rules that one call could meet (join their areas): none may silently not apply.
 */
#pragma once
#include "vault/base/error.h"
#include <jansson.h>
#include <stdint.h>

enum { POLICY_FIELDS_MAX = 128 };

/* A set of schema fields by number, 1 to 127. */
typedef struct field_set {
    uint64_t words[2];
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
    return (inner.words[0] & ~outer.words[0]) == 0 && (inner.words[1] & ~outer.words[1]) == 0;
}

typedef struct area_code {
    int64_t code;
} area_code; /* 12-digit division code as a number; 0: none */
typedef struct purpose_no {
    uint16_t no;
} purpose_no; /* index + 1 in the manifest's purposes; 0: unknown */
typedef struct consumer_no {
    uint16_t no;
} consumer_no; /* index + 1 in the manifest's apps; 0: unknown */

typedef enum policy_action { POLICY_REVEAL, POLICY_ISSUE, POLICY_PUT, POLICY_ACTIONS } policy_action;
typedef enum policy_form { FORM_NOTHING, FORM_PLAIN, FORMS } policy_form;

/* Clauses in the order in which they are tried; the first that no rule passes is the one that the refusal names. The
 * last one stands for "no such resident" and "not in your area" alike. */
typedef enum policy_clause {
    CLAUSE_NONE,
    CLAUSE_PURPOSE,
    CLAUSE_CONSUMER,
    CLAUSE_ACTION,
    CLAUSE_FIELDS,
    CLAUSE_FORM,
    CLAUSE_ACTING,
    CLAUSE_DATES,
    CLAUSE_RESIDENT,
    CLAUSES
} policy_clause;
const char *policy_clause_name(policy_clause c); /* "purpose", "consumer", ... */

/* What the names in a document may refer to. Borrowed for the call. */
typedef struct policy_names {
    void *context;
    unsigned (*field)(void *context, const char *name); /* schema number, 0 when unknown */
    consumer_no (*consumer)(void *context, const char *id);
    purpose_no (*purpose)(void *context, const char *id);
} policy_names;

typedef struct policy policy;
/* Reads and freezes; the document is not kept. INVALID names rule and key in `detail`. */
VAULT_MUST_USE vault_code policy_load(policy **out, json_t *document, const policy_names *names, vault_error *err);
void policy_free(policy **p);              /* takes NULL inside */
size_t policy_rule_count(const policy *p); /* rules are numbered from 0, in an order of the policy's own */
const char *policy_rule_id(const policy *p, unsigned rule); /* lives as long as the policy; "" past the last rule */

/* What a call asks for, without the resident. */
typedef struct policy_facts {
    policy_action action;
    consumer_no consumer;
    purpose_no purpose;
    field_set fields;
    policy_form form;
    bool person;   /* a valid assertion names an acting person */
    uint32_t date; /* YYYYMMDD in Asia/Shanghai */
} policy_facts;

/* The rules that allow a call as far as can be said without the resident. Borrows the policy. */
enum { ADMISSION_RULES = 16 };
typedef struct admission {
    policy_clause failed; /* CLAUSE_NONE: go on to policy_decide */
    unsigned count;
    uint16_t rules[ADMISSION_RULES]; /* in document order */
} admission;
/* When no rule passes, `failed` is the clause that the rule which came furthest did not pass. Any thread. */
admission policy_admit(const policy *p, const policy_facts *facts);

/* The grant for one resident: made by policy_decide alone, demanded by whoever opens a field. */
typedef struct grant {
    bool given;           /* all zero: nothing is granted */
    policy_clause failed; /* when not given */
    uint16_t rule;        /* when given */
    policy_form form;
    field_set fields;
} grant;
/* area 0 (no such resident) is refused with CLAUSE_RESIDENT, as any area outside the rule's. Grants the fields asked
 * for, by the first rule that covers the area; facts that the admission was not made of widen nothing. */
grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, area_code area);
