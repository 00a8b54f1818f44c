/* The policy engine: document and facts in; decision, terms and explanation out. Pure: no I/O, no clock of its own. A
 * loaded policy is frozen and read by any thread. Deny by default: what no rule allows in full is refused, a
 * prohibition wins over every rule, an empty list means nobody; an unknown key, form, field, purpose or consumer is a
 * load error that names line or rule and key.
 *
 * The document, key by key, is described in docs/schemas/policy.schema.json, and for people in docs/policy.md. In
 * short:
 *   {"field_sets":   [{"id": "contact", "fields": ["phone", "residence_address"]},
 *                     {"id": "justice-files", "collection": "residents", "owner": "justice", "level": 4}],
 *    "area_sets":    [{"id": "east", "areas": ["320411002", "320411003"]}],
 *    "classes":      [{"id": "child", "field": "birth_date", "test": "age_under", "years": 14},
 *                     {"id": "in-care", "field": "care_category", "test": "known"},
 *                     {"id": "severe", "field": "mental_risk_level", "test": "one_of", "values": ["3", "4"]}],
 *    "aggregations": [{"id": "frail-address", "fields": ["name", "residence_address", "care_category"], "level": 5,
 *                      "per": "person", "days": 30}],
 *    "withholding":  [{"id": "investigation", "title": "案件调查期间暂不告知", "days": 90}],
 *    "rules":        [{"id": "elder-care-reveal", "action": "reveal", "consumer": "eldercare", "purpose": "elder-care",
 *                      "fields": ["name", "@contact"], "form": "plain", "areas": ["330105", "@east"],
 *                      "acting": "person", "roles": ["grid-worker"], "own_area": true,
 *                      "valid": {"from": "2026-01-01", "until": "2026-12-31"}}],
 *    "prohibitions": [{"id": "no-income-for-grids", "consumers": "any", "purposes": ["elder-care"],
 *                      "roles": ["grid-worker"], "fields": ["annual_income"], "forms": "any", "areas": "any"}],
 *    "budgets":      [{"id": "grid-day", "per": "person", "consumers": "any", "purposes": ["elder-care"],
 *                      "roles": ["grid-worker"], "fields": "any", "period": "day", "residents": 200, "values": 800,
 *                      "soft": 80}],
 *    "never":        [{"id": "...", facts as in a file of cases (policy/cases.h)}]}
 * Only "rules" must be there. Of a rule "consumer" and "purpose" are a name or a list of names; beside what stands
 * above it may have: "below": true (counts for the purposes below its own as well), "results" (of a search for tokens),
 * "hours": [{"days": ["mon", ...], "from": "08:30", "until": "17:30"}] (until: not included, "24:00" the end of a
 * day; over midnight: counts to the day on which it begins), "consent": true, "residents": {"only": [classes],
 * "except": [classes]}, "ticket": [patterns] ('#' a digit,
 * '?' a character, '*' any number of them), "approval_above": n, "level": n, "sharing": "basis",
 * "break_glass": {"hours": 1 to 4, "residents": n, "review_hours": 1 to 72}, "withhold": "class of withholding".
 *
 * A field set is a list of fields and predicates, or what its fields are like ("collection", "class", "owner", "group",
 * "level": at least). A prohibition may have, beside what stands above: "classes" (of residents) and "actions", a list
 * or "any", and "valid"; what is left out narrows nothing. Purposes of prohibitions and budgets are meant with all that
 * lie below them. A rule of break-glass is for persons, and a reveal, issue or search.
 *
 * What it means: a call passes when one rule fits it in full and no prohibition meets it. "areas": prefixes of the
 * 15-digit area code. "acting": "person" (an assertion is required) or "app" (one may be left out); "roles" stands with
 * "person" only, and then must. "own_area" narrows the areas to the person's. Days and hours are of Asia/Shanghai, both
 * days included. A reveal in plain form allows the masked and the token form as well; a search for tokens allows
 * "count" too, unless residents are held back one by one (consent, classes); a prohibition for classes meets a count as
 * if it were for all. A call for values that asks for no field is refused. A person whose contract does not hold on the
 * day does not act at all. After a purpose's assessment has expired none of its rules passes. A prohibition meets a
 * call that asks for any of its fields, or a question about one of them, for one of its purposes or below, in one of
 * its forms; where it names classes of residents, one of whom it is not known whether he is of the class counts as of
 * it (a record of another collection is known to be none). A resident is of "only" when it is known that he is of one
 * of these classes, and passes "except" when it is known that he is of none of them. An aggregation is the set of its
 * fields, seen of one resident by one person (or consumer) with no pause longer than its days: a call that completes it
 * needs a rule whose "level" (without it: the highest of its own fields) is no lower; one that asks for none of its
 * fields that is new (in plain, where it was seen masked only), and not for all at once, completes nothing. A
 * break-glass rule counts in calls under an opened break-glass only, and these are allowed by such rules only.
 *
 * Load errors, too: an empty list, zero, an area within another of the same rule, two ids that look alike, two rules of
 * one scope, a rule that a prohibition always meets, a form that the purpose does not have, more than ADMISSION_RULES
 * rules that one call could meet, a case of "never" that would be allowed: none may silently not apply. */
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
/* The same day so many months later, or the last of that month. */
uint32_t date_months_later(uint32_t day, unsigned months);
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
    POLICY_CONSENT,  /* a resident's consent is written down, or its withdrawal */
    POLICY_HISTORY,  /* the resident is told who has seen the record */
    POLICY_GUARDIAN, /* who may ask for the resident is written down */
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
    CLAUSE_ASSESSMENT,  /* of the purpose: expired */
    CLAUSE_SHARING,     /* the basis is not in force */
    CLAUSE_HOURS,       /* of the day, or the day of the week */
    CLAUSE_TICKET,      /* fits no pattern */
    CLAUSE_APPROVAL,    /* more residents than may be asked for without */
    CLAUSE_BREAK_GLASS, /* an opened one is needed; or the rules for an opened one do not allow this */
    CLAUSE_PROHIBITED,  /* of the call as such, whoever the resident is */
    CLAUSE_RESIDENT,
    /* What CLAUSE_RESIDENT stands for where the caller must not learn it: in `grant.inner` and explanations to officers
     * alone. */
    CLAUSE_AREA,
    CLAUSE_CLASS,
    CLAUSE_CONSENT,
    CLAUSE_AGGREGATION,
    CLAUSE_FORBIDDEN, /* by a prohibition for the resident's area or class */
    CLAUSE_BUDGET,    /* spent: never by policy_decide, which knows no counters */
    CLAUSES
} policy_clause;
const char *policy_clause_name(policy_clause c); /* "purpose", "consumer", ... */

/* What the names in a document may refer to. Borrowed for the call. */
typedef struct policy_field {
    unsigned number;     /* 0: unknown */
    unsigned collection; /* from 1 */
    bool predicate;      /* a predicate, which has a number like a field's */
    unsigned level;      /* 1 to 4; of a predicate its field's */
} policy_field;
/* A field set by what its fields are like: NULL or 0 where that is not asked for. */
typedef struct policy_selector {
    const char *collection, *class_name, *owner, *group;
    unsigned level; /* at least */
} policy_selector;
typedef struct policy_basis {
    bool found;
    consumer_no to;
    purpose_no purpose;
    uint32_t from, until;    /* days */
    const area_range *areas; /* sorted and disjoint; none: everywhere */
    size_t area_count;
} policy_basis;
enum { CLASSES_MAX = 64, CLASS_VALUES_MAX = 64, AGGREGATIONS_MAX = 64, LEVEL_MAX = 5 };
typedef enum class_test { CLASS_AGE_UNDER, CLASS_AGE_AT_LEAST, CLASS_KNOWN, CLASS_ONE_OF, CLASS_TESTS } class_test;
/* A class of residents: who is in it is said by one of their values. */
typedef struct policy_class {
    const char *id;
    unsigned field; /* of the schema */
    class_test test;
    unsigned years;           /* of an age */
    const char *const *texts; /* one_of: canonical values */
    size_t text_count;
} policy_class;
typedef struct policy_names {
    void *context;
    policy_field (*field)(void *context, const char *name);
    consumer_no (*consumer)(void *context, const char *id);
    purpose_no (*purpose)(void *context, const char *id);
    uint32_t (*assessed_until)(void *context, purpose_no purpose); /* last day of its assessment */
    role_no (*role)(void *context, const char *id);
    unsigned purposes; /* numbered 1 to so many; 0: none lies below another */
    /* NULL: the document cannot have what needs them. */
    unsigned (*select)(void *context, const policy_selector *by,
                       field_set *out);                     /* its collection; 0: none, or unknown */
    unsigned (*forms)(void *context, purpose_no purpose);   /* set of 1 << form; NULL: all of them */
    purpose_no (*above)(void *context, purpose_no purpose); /* 0: it is a root; NULL: all are */
    policy_basis (*basis)(void *context, const char *id);
    field_set (*questions)(void *context, field_set of);               /* predicates on these fields; NULL: none */
    const char *(*class_misfit)(void *context, const policy_class *c); /* NULL: fits; else why not, and the mend */
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
    uint16_t minute;             /* of the day, 0 to 1439 */
    const char *ticket;          /* NULL: none */
    uint32_t residents;          /* that the call is about; 0 counts as 1 */
    bool approved;               /* somebody else has approved this very call */
    bool break_glass;            /* under an opened one */
} policy_facts;

/* What is known of a resident when it is decided. All zero: no such resident. */
typedef struct policy_resident {
    area_code area;   /* 0: no such resident */
    uint64_t in, out; /* classes by 1 << index: known to be of it, known not to be; neither: not known */
    uint64_t
        complete; /* aggregations by 1 << index: of which all fields are seen with those asked for, one of them new */
    bool consent; /* to the call's purpose, or one above it: given, and in force */
} policy_resident;

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
    bool conditional;     /* not always, or not of everybody: hours, consent, classes, tickets, approval, a basis */
    bool break_glass;     /* under an opened one only */
    uint32_t from, until; /* of the rule, and of its purpose's assessment: what ends first */
} policy_scope;
policy_scope policy_rule_scope(const policy *p, unsigned rule); /* zero past the last rule */
/* Fields that the rule shows in plain form, but not of everybody or not everywhere: a prohibition keeps them back, and
 * may leave their masks to be seen. */
field_set policy_rule_kept_back(const policy *p, unsigned rule);

/* The rules that allow a call as far as can be said without the resident. Borrows the policy. */
enum { ADMISSION_RULES = 16 };
typedef struct admission {
    policy_clause failed; /* CLAUSE_NONE: go on to policy_decide */
    unsigned count;
    uint16_t rules[ADMISSION_RULES]; /* in document order */
    /* What of a resident must be known to decide. */
    uint64_t classes, aggregations;
    bool consent;
} admission;
/* When no rule passes, `failed` is the clause that the rule which came furthest did not pass. Any thread. */
admission policy_admit(const policy *p, const policy_facts *facts);

/* The grant for one resident: made by policy_decide and browse_decide alone, demanded by whoever opens a field. */
enum { NO_RULE = UINT16_MAX }; /* past the last one */
typedef struct grant {
    bool given;           /* all zero: nothing is granted */
    policy_clause failed; /* when not given: what the caller may be told */
    policy_clause inner;  /* when not given: what it was, for the officer's view of the line */
    uint16_t rule;        /* when given; NO_RULE: by browse_decide */
    policy_form form;
    field_set fields;
} grant;
/* An all-zero `of` (no such resident) is refused with CLAUSE_RESIDENT, as any area outside the rule's (or, with
 * own_area, outside the person's), and whatever else depends on the resident. Grants the fields asked for in the form
 * asked for, by the first rule that covers the area; facts that the admission was not made of widen nothing. */
grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, policy_resident of);
/* The strongest of these forms (set of 1 << form) that the call is admitted in and the resident may be shown in: plain,
 * masked, token. FORM_NOTHING: none. Of a call before its residents are known: `of` NULL. */
policy_form policy_strongest(const policy *p, const policy_facts *facts, unsigned forms, const policy_resident *of);

/* ---- what a grant is bound to ---- */

typedef struct policy_terms {
    unsigned level;          /* highest one of a set of fields */
    unsigned approval_above; /* 0: needs none */
    struct {
        unsigned hours, residents, review_hours; /* 0: no break-glass rule */
    } break_glass;
    const char *sharing;                    /* id of the basis that it rests on, or NULL */
    const char *withhold;                   /* class of withholding, or NULL */
    uint32_t withhold_until, withhold_days; /* one of them */
} policy_terms;
policy_terms policy_rule_terms(const policy *p, unsigned rule); /* zero past the last rule */

/* Classes of withholding, in document order. */
size_t policy_withholding_count(const policy *p);
const char *policy_withholding_id(const policy *p, unsigned index); /* "" past the last one */

/* Classes of residents, in document order. */
size_t policy_class_count(const policy *p);
const policy_class *policy_class_at(const policy *p, unsigned index); /* NULL past the last one */
/* Index of a class; negative: unknown. */
int policy_class_named(const policy *p, const char *id);

/* Whose counter it is. */
typedef enum policy_per { PER_PERSON, PER_CONSUMER, PER_PURPOSE, PERS } policy_per;
typedef enum policy_period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR, PERIODS } policy_period;
const char *policy_per_name(policy_per per);          /* "person" */
const char *policy_period_name(policy_period period); /* "day" */
typedef struct policy_aggregation {
    const char *id;
    field_set fields;
    unsigned level, days;
    policy_per per; /* person (the consumer where nobody acts) or consumer */
} policy_aggregation;
/* Aggregations, in document order. */
size_t policy_aggregation_count(const policy *p);
const policy_aggregation *policy_aggregation_at(const policy *p, unsigned index);

/* Distinct residents, and distinct values (a field of a resident), of reveals, searches and exports in one period of
 * the calendar (Asia/Shanghai; weeks begin on Monday). */
typedef struct policy_budget {
    const char *id;
    policy_per per; /* person: the consumer where nobody acts */
    policy_period period;
    uint32_t residents, values; /* 0: not limited; one of them is */
    unsigned soft;              /* percent from which on the officer is told; 0: never */
} policy_budget;
/* Budgets, in document order. */
size_t policy_budget_count(const policy *p);
const policy_budget *policy_budget_at(const policy *p, unsigned index);
/* Budgets that a granted call counts in, by index, ascending; at most BUDGETS_PER_CALL (more is a load error). */
enum { BUDGETS_PER_CALL = 8 };
unsigned policy_budgets(const policy *p, const policy_facts *facts, uint16_t out[BUDGETS_PER_CALL]);
/* When the period of a moment began, as YYYYMMDDHH, and its last day as YYYYMMDD. */
typedef struct policy_span {
    uint32_t begun, last_day;
} policy_span;
policy_span policy_period_of(policy_period period, uint32_t date, uint16_t minute);

/* ---- explanations (explain.c) ---- */

/* One clause that is not met, and what would meet it. */
typedef struct policy_failing {
    policy_clause clause;
    field_set fields;     /* fields, prohibited, forbidden, aggregation: which */
    unsigned forms;       /* form: set of 1 << form in which it would pass */
    uint32_t from, until; /* dates, contract, assessment, sharing: days that are in force */
    uint64_t classes;     /* class */
    uint64_t roles;       /* role: 1 << (role_no - 1) */
    uint16_t index;       /* prohibited, forbidden: of the prohibition; aggregation, budget: of it; else 0 */
    uint32_t limit;       /* approval: above how many; budget: how many */
} policy_failing;
enum { FAILING_MAX = 16 };
/* What is missing: all of its clauses met, and nothing else changed, the call is allowed; none can be left out. To meet
 * fields, form, acting, role, contract, approval, break-glass, class or consent is to change the call, the person or
 * the resident so that the rule passes it, as little as that takes (fields that the rule does not have are left out);
 * to meet any other clause is that the rule, or the prohibition, were such that it passes. No rule fails on fewer
 * clauses; of those that fail on as few it is the one that comes furthest. */
typedef struct policy_explanation {
    bool allowed;
    uint16_t rule; /* that allows it, or comes nearest; NO_RULE: none is for purpose, consumer and action */
    unsigned count;
    policy_failing clauses[FAILING_MAX];
    unsigned forms; /* set of 1 << form in which these fields would be allowed to this caller now */
} policy_explanation;
/* With `of` NULL nothing is said of any resident: the call alone is explained, and is allowed when it is admitted. What
 * depends on a resident is then, for whoever must not learn it, the one clause CLAUSE_RESIDENT, which the caller of
 * policy_explain says himself. After a refusal only: it asks all rules of the purpose, consumer and action. */
policy_explanation policy_explain(const policy *p, const policy_facts *facts, const policy_resident *of);
/* Id of a prohibition; "" past the last one. */
const char *policy_prohibition_id(const policy *p, unsigned index);

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
