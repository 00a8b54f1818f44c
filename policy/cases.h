/* Cases: facts, and what a policy must say to them. A file of cases is the policy's test; "never" in a policy holds
 * cases that must be refused at every moment. Pure.
 *
 * A file (docs/schemas/cases.schema.json):
 *   {"time":    "2026-03-02T09:30",
 *    "persons": [{"id": "grid-li", "role": "grid-worker", "areas": ["330105001002"],
 *                 "contract": {"from": "2026-01-01", "until": "2026-12-31"}}],
 *    "cases":   [{"id": "phone-in-own-grid", "title": "a grid worker rings up somebody of the own grid",
 *                 "facts": {"consumer": "eldercare", "purpose": "elder-care/home-visit", "action": "reveal",
 *                           "fields": ["phone"], "form": "plain", "person": "grid-li",
 *                           "resident": {"area": "330105001002001", "not_of": ["child"], "consent": true}},
 *                 "expect": "allowed", "rule": "elder-care-reveal"},
 *                {"id": "phone-elsewhere",
 *                 "facts": {... "resident": {"area": "330106001002"}},
 *                 "expect": "refused", "clause": "area"}]}
 * "never" of a policy is a list of the same cases without "expect" (and what stands beside it: clause, rule).
 *
 * Of a file only "cases" must be there; "time" is that of all cases that have none of their own (without it: now), and
 * local, of Asia/Shanghai. Of a case "id", "facts" and "expect" ("allowed" or "refused") must be there; "title" is for
 * people; "clause" of a refusal is one of policy_clause_name (one of a resident's own clauses, or "resident" for all of
 * them; not "budget", which needs counters); "rule" the id of the rule that allows; "strongest" ("plain", "masked",
 * "token", "nothing") what policy_strongest must find of these three.
 *
 * Of facts "consumer", "purpose" and "action" must be there. "fields": names of the schema, each once (without it:
 * none). "form": without it plain for reveal, put and export, token for search, else nothing. "person": one of the
 * file's own, else a registered one; or, in its place, "role" with "areas" (may be left out: none of one's own) and
 * "contract" (left out: holds). "time", "ticket"; "residents" (1 to 1,000,000), "approved", "break_glass" as in
 * policy_facts. "resident": without it the case is about the call alone, before its residents are known; {} is one whom
 * nobody knows; "area" has 12 or 15 digits; "of" and "not_of" name classes of which he is known to be, or not to be
 * ("not_of": "others" are all that "of" does not name; those neither names are not known); "consent"; "completes"
 * names aggregations of which all fields are seen with those that the call asks for. */
#pragma once
#include "policy/policy.h"

/* What names may refer to: `names` as for policy_load; `person` (NULL: none is registered) lives as long as the cases.
 */
typedef struct case_names {
    const policy_names *names;
    const policy_person *(*person)(void *context, const char *id); /* of names->context; NULL: unknown */
} case_names;

typedef struct policy_case {
    const char *id, *title; /* title: NULL where there is none */
    policy_facts facts;     /* date 0: at the moment at which it is run */
    policy_resident of;
    bool about;                  /* a resident: `of` is looked at */
    bool allowed;                /* what is expected */
    policy_clause clause;        /* of a refusal; CLAUSE_NONE: any */
    const char *rule;            /* NULL: any */
    bool graded;                 /* `strongest` is expected */
    policy_form strongest;       /* FORM_NOTHING: none of them */
    const policy_person *person; /* whom facts.person is, or NULL */
} policy_case;

/* Frozen; made for one policy, whose classes and aggregations they name, and which outlives them. */
typedef struct policy_cases policy_cases;
enum { CASES_MAX = 100000 };
/* A file. INVALID DOCUMENT_INVALID: `field` is the path in it ("cases[3].facts.fields[0]"), `detail` says which case,
 * what and the mend. */
VAULT_MUST_USE vault_code policy_cases_load(policy_cases **out, const policy *p, json_t *file, const case_names *names,
                                            vault_error *err);
/* "never" of a policy's document, not yet tried; the path begins with "policy.never". */
VAULT_MUST_USE vault_code policy_never_load(policy_cases **out, const policy *p, json_t *list, const case_names *names,
                                            vault_error *err);
void policy_cases_free(policy_cases **c); /* takes NULL inside */
size_t policy_case_count(const policy_cases *c);
const policy_case *policy_case_at(const policy_cases *c, size_t i); /* NULL past the last one */

/* A moment in Asia/Shanghai. */
typedef struct policy_moment {
    uint32_t date;
    uint16_t minute;
} policy_moment;

typedef struct case_outcome {
    bool passed;
    bool allowed;
    policy_clause clause;  /* of a refusal: the inner one */
    uint16_t rule;         /* that allows it; NO_RULE: none */
    policy_form strongest; /* of plain, masked and token */
    policy_facts facts;    /* as they were asked: with a date */
} case_outcome;
/* Of a case without a time: at `now`. */
case_outcome policy_case_run(const policy *p, const policy_case *c, policy_moment now);

/* INVALID DOCUMENT_INVALID ("policy.never[3]", with the rule's id) where one of these is allowed at some moment: at its
 * own time, or, where it has none, on any day and at any hour. For the loader; at a start the cases of the policy in
 * force are tried again. */
VAULT_MUST_USE vault_code policy_never_holds(const policy *p, const policy_cases *never, vault_error *err);

/* Which rules and prohibitions a file of cases has met: a rule that allowed a case, a prohibition that refused one. */
typedef struct case_coverage {
    size_t rules, covered;  /* rules and prohibitions of the document */
    const char **uncovered; /* ids, in document order; in the arena */
    size_t uncovered_count;
} case_coverage;
/* EXHAUSTED. */
VAULT_MUST_USE vault_code policy_coverage(case_coverage *out, arena *mem, const policy *p, const policy_cases *cases,
                                          policy_moment now, vault_error *err);
