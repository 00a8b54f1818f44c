/* How a loaded policy lies in memory. Rules are sorted by (purpose, consumer, action) and, within one such cell, stand
 * in document order; a call looks at one cell only. A rule's number, as admissions and grants carry it, is its place in
 * that order. */
#pragma once
#include "policy/id.h"
#include "policy/policy.h"
#include "policy/sieve.h"
#include "vault/base/calendar.h"

typedef struct policy_rule {
    purpose_no purpose;
    consumer_no consumer;
    policy_action action;
    policy_form form;
    bool person;             /* an acting person is required */
    bool own_area;           /* only in the person's own areas */
    uint64_t roles;          /* bit role_no - 1; one of them is required of the person */
    uint32_t from, until;    /* YYYYMMDD, both included */
    uint32_t assessed_until; /* of the purpose; 0: never assessed */
    field_set fields;
    uint32_t first_area, area_count; /* in policy.areas: sorted, disjoint */
    uint16_t results;                /* of a search for tokens; else 0 */
    uint16_t place;                  /* in the document: a rule for several consumers or purposes lies here several
                                        times */
    uint8_t level;                   /* highest one of a set of fields, 1 to LEVEL_MAX */
    bool consent, below;
    uint64_t only, except;  /* classes, 1 << index */
    uint16_t week;          /* its place in policy.weeks, from 1; 0: at all hours */
    uint16_t withhold;      /* place in policy.withholdings, from 1 */
    uint32_t first_pattern; /* of tickets */
    uint16_t pattern_count; /* 0: every ticket will do */
    uint32_t approval_above;
    uint32_t sharing_from, sharing_until; /* 0, UINT32_MAX where it needs no basis */
    const char *sharing;                  /* id of the basis; NULL: it needs none */
    uint8_t glass_hours;                  /* 0: no break-glass rule */
    uint16_t glass_residents, glass_review_hours;
} policy_rule;

/* Minutes of the week in which a rule counts; Monday 00:00 is the first. */
enum { WEEK_MINUTES = 7 * 24 * 60 };
typedef struct week {
    uint64_t minutes[(WEEK_MINUTES + 63) / 64];
} week;

/* A prohibition, or what a budget counts; lies here once for each purpose that it is for. 0 and all bits: any. */
typedef struct policy_match {
    purpose_no purpose;              /* 0: any; those below are entries of their own */
    consumer_no consumer;            /* 0: any */
    uint64_t roles;                  /* of the person; UINT64_MAX: also without a person */
    field_set fields;                /* one of them is asked for */
    unsigned forms;                  /* set of 1 << form */
    unsigned actions;                /* set of 1 << action */
    uint32_t first_area, area_count; /* 0: everywhere */
    uint64_t classes;                /* one of them; 0: everybody */
    uint32_t from, until;
    uint16_t index; /* of the prohibition or budget, in document order */
} policy_match;

typedef struct policy_withholding {
    const char *id, *title;
    uint32_t until, days; /* one of them */
} policy_withholding;

typedef struct cell {
    uint64_t key; /* of consumer and action */
    uint32_t first, count;
} cell;

enum { POLICY_RULES_MAX = UINT16_MAX, RESULTS_MAX = 4096, RESULTS_DEFAULT = 1000, BUDGETS_MAX = 1000 };

/* What most calls ask of a rule (front.c). */
typedef struct rule_front {
    field_set fields;
    uint64_t roles;       /* UINT64_MAX: nobody need act */
    uint32_t from, until; /* days on which dates, assessment and sharing basis hold */
    uint32_t first_area;
    uint16_t area_count;
    purpose_no purpose;
    consumer_no consumer;
    uint16_t cell; /* its place */
    uint8_t action, level, forms, flags;
} rule_front;

/* Runs of prohibitions that are for the calls of a cell: the place of each among the runs, from 1; 0: no more. */
typedef struct match_links {
    uint32_t at[4];
} match_links;

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
    week *weeks;
    size_t week_count;
    const char **patterns;
    size_t pattern_count;
    policy_class *classes;
    size_t class_count;
    policy_aggregation *aggregations;
    size_t aggregation_count;
    policy_withholding *withholdings;
    size_t withholding_count;
    policy_match *forbids, *counts; /* entries of prohibitions, of budgets */
    size_t forbid_count, count_count;
    const char **prohibitions; /* ids, in document order */
    size_t prohibition_count;
    policy_budget *budgets;
    size_t budget_count;
    arena *texts; /* what the lists above point at */
    size_t place_count, rule_capacity, forbid_capacity, count_capacity, week_capacity, pattern_capacity;
    /* tables: made by policy_compile of what stands above */
    runs rule_runs, forbid_runs, count_runs;
    rule_front *fronts;   /* of each rule */
    void *front_room;     /* where they lie */
    uint64_t *marks;      /* of each rule: its fields' numbers modulo 64; most rules are not even looked at */
    match_links *links;   /* of each cell */
    field_set aggregated; /* fields of which some aggregation is */
    uint64_t aggregations_of[POLICY_FIELDS_MAX]; /* by field: those that it is one of, 1 << index */
    uint64_t above_level[LEVEL_MAX + 1];         /* by level: aggregations of a higher one */
};

static inline uint64_t cell_key(consumer_no consumer, policy_action action)
{
    return (uint64_t)consumer.no << 32 | (uint32_t)action;
}

static inline const char *rule_id(const policy *p, const policy_rule *r)
{
    return p->ids[r->place];
}

/* By which rules are sorted. */
static inline uint64_t rule_key(purpose_no purpose, consumer_no consumer, policy_action action)
{
    return (uint64_t)purpose.no << 48 | (uint64_t)consumer.no << 32 | (uint32_t)action;
}

static inline uint64_t role_bit(role_no role)
{
    return role.no >= 1 && role.no <= ROLES_MAX ? UINT64_C(1) << (role.no - 1) : 0;
}

/* Whether some call, or some resident, within its scope does not pass all the same. */
static inline bool rule_conditional(const policy_rule *r)
{
    return r->consent || r->only || r->except || r->week || r->pattern_count > 0 || r->approval_above > 0 ||
           r->sharing_from > 0 || r->sharing_until < UINT32_MAX || r->glass_hours > 0;
}

/* Whether a rule of this form answers a call that asks for that one. Whoever may see a value in full may see what its
 * mask shows, and its format-preserving token; whoever may have the residents found may have their number, unless some
 * of them are held back one by one: a number would tell of these, too. */
static inline bool form_allowed(const policy_rule *r, policy_form asked)
{
    if (asked == r->form) return true;
    if (r->action == POLICY_REVEAL) return r->form == FORM_PLAIN && (asked == FORM_MASKED || asked == FORM_TOKEN);
    if (r->action != POLICY_SEARCH || r->form != FORM_TOKEN || asked != FORM_COUNT) return false;
    return !r->consent && r->only == 0 && r->except == 0;
}

/* ---- one rule, one call (rule.c) ---- */

/* Whether the rule passes this one clause, CLAUSE_FIELDS to CLAUSE_BREAK_GLASS, whatever the others say. */
bool rule_passes(const policy *p, const policy_rule *r, const policy_facts *facts, policy_clause clause);
/* The first of these clauses that it does not pass, or CLAUSE_NONE. Not asked: purpose, consumer and action. */
policy_clause rule_fails(const policy *p, const policy_rule *r, const policy_facts *facts);
/* Whether the rule, which an admission named, allows the call as far as can be said without the resident: asked again,
 * so that an admission of other facts, or of another version of the policy, can widen nothing. */
bool rule_admits(const policy *p, const policy_rule *r, const policy_facts *facts);
/* Whether the rule is one for the area; with own_area, whether it is the person's, too. */
bool rule_covers(const policy *p, const policy_rule *r, const policy_facts *facts, area_code area);
/* What of a resident a rule that admits the call does not pass: the first of area, class, consent, aggregation; or
 * CLAUSE_NONE. */
policy_clause rule_fails_for(const policy *p, const policy_rule *r, const policy_facts *facts,
                             const policy_resident *of);
/* Aggregations that one of the fields asked for belongs to, where the call counts for them: by 1 << index. */
uint64_t aggregations_touched(const policy *p, const policy_facts *facts);
/* Of those the complete ones: by what is known of the resident, or because all of it is asked for at once. */
uint64_t aggregations_complete(const policy *p, const policy_facts *facts, const policy_resident *of);

/* Those of a higher level than the rule's. */
uint64_t aggregations_above(const policy *p, const policy_rule *r);

/* Whether the prohibition meets the call, or the budget counts it, whoever the resident is. */
bool match_meets(const policy_match *m, const policy_facts *facts);
/* Any fields, and calls for none. */
static inline bool match_any_field(const policy_match *m)
{
    const uint64_t *w = m->fields.words;
    return (w[0] & w[1] & w[2] & w[3]) == UINT64_MAX;
}
/* Whether it is for all residents: then it meets the call as such. */
static inline bool match_for_all(const policy_match *m)
{
    return m->area_count == 0 && m->classes == 0;
}
/* Whether it is for this resident: in its areas, and of its classes as far as is known. */
bool match_is_for(const policy *p, const policy_match *m, const policy_resident *of);

/* Entries of prohibitions or budgets. */
typedef struct match_table {
    const policy_match *at;
    const runs *runs;
} match_table;
static inline match_table forbids_of(const policy *p)
{
    return (match_table){p->forbids, &p->forbid_runs};
}
static inline match_table counts_of(const policy *p)
{
    return (match_table){p->counts, &p->count_runs};
}
/* By which entries are sorted. */
static inline uint64_t match_key(purpose_no purpose, consumer_no consumer)
{
    return (uint64_t)purpose.no << 16 | consumer.no;
}
/* Calls `found` with each entry that meets the call, until it returns false. */
typedef bool (*match_found)(void *context, const policy_match *m);
void matches_each(match_table list, const policy_facts *facts, match_found found, void *context);
/* The same in two steps, for calls of one purpose and consumer. */
void matches_link(match_links *out, match_table list, purpose_no purpose, consumer_no consumer);
typedef struct match_visit {
    const policy_facts *facts;
    match_found found;
    void *context;
} match_visit;
void matches_each_linked(match_table list, const match_links *links, const match_visit *visit);

/* ---- what most calls ask of a rule (front.c): says what rule.c says, by the rule's number ---- */

void fronts_make(policy *p);
void fronts_fill(policy *p); /* again, after rules were changed in their places: tests do */
void fronts_free(policy *p);
/* A rule all of whose fields are asked for has all the bits of this in its mark. */
uint64_t front_mark(const policy_facts *facts);
policy_clause front_fails(const policy *p, uint32_t rule, const policy_facts *facts); /* as rule_fails */
bool front_admits(const policy *p, uint32_t rule, const policy_facts *facts);         /* as rule_admits */
policy_clause front_fails_for(const policy *p, uint32_t rule, const policy_facts *facts, const policy_resident *of);
/* Adds what must be known of a resident to decide by the rule. */
void front_needs(admission *a, const policy *p, uint32_t rule);
/* Prohibitions that are for calls of the rule's purpose and consumer. */
const match_links *front_links(const policy *p, uint32_t rule);

/* Whether a ticket fits a pattern: '#' a digit, '?' a character, '*' any number of them. */
bool ticket_fits(const char *pattern, const char *ticket);
/* Minute of the week of a moment; WEEK_MINUTES for what is none. */
unsigned week_minute(uint32_t date, uint16_t minute);
/* The next day; what is no day ("for ever") stays. */
uint32_t date_after(uint32_t date);

/* INVALID DOCUMENT_INVALID: err->field is the path of the fault ("policy.rules[3].fields[0]"; `key` is its part below
 * the entry, or ""), detail says for people which entry, what and the mend. */
typedef struct list_place {
    const char *list; /* "rules" */
    unsigned place;
    const char *id;
    vault_error *err;
} list_place;
#define rule_refuse(p, r, err, key, ...)                                                                               \
    list_refuse_at((list_place){"rules", (r)->place, rule_id((p), (r)), (err)}, VAULT_HERE, (key), __VA_ARGS__)
__attribute__((format(printf, 4, 5))) vault_code list_refuse_at(list_place at, const char *where, const char *key,
                                                                const char *format, ...);

/* Sorts the rules into cells, and the entries of prohibitions and budgets by whom they are for; makes the tables. Once
 * for a policy. */
void policy_compile(policy *p);
void policy_free_tables(policy *p);

/* Refuses two rules of the same scope, and a cell of which one call could meet more than ADMISSION_RULES rules: some of
 * them would silently never apply. Of a compiled policy. */
VAULT_MUST_USE vault_code policy_check_scopes(const policy *p, vault_error *err);
/* Refuses a rule that a prohibition always meets, and more budgets than one call may count in (meets.c). */
VAULT_MUST_USE vault_code policy_check_meets(const policy *p, vault_error *err);
