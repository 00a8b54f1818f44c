/* What one rule, prohibition or budget says to one call: clause by clause, as the document has it. No table is used. */
#include "policy/internal.h"

#include <string.h>

static bool within(uint32_t from, uint32_t date, uint32_t until)
{
    return from <= date && date <= until;
}

/* ---- clauses of a rule ---- */

/* For values, to ask for no field is not to ask: refused; "nothing" may ask for none, because it grants none. */
static bool passes_fields(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    bool none = field_set_within(f->fields, (field_set){0});
    return none ? r->form == FORM_NOTHING : field_set_within(f->fields, r->fields);
}

static bool passes_form(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return form_allowed(r, f->form);
}

static bool passes_acting(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return f->person || !r->person;
}

static bool passes_role(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return !f->person || !r->person || (r->roles & role_bit(f->person->role)) != 0;
}

/* A contract that does not hold stops the person under a rule for the app alone, too. */
static bool passes_contract(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p, (void)r;
    return !f->person || within(f->person->from, f->date, f->person->until);
}

static bool passes_dates(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return within(r->from, f->date, r->until);
}

static bool passes_assessment(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return f->date <= r->assessed_until;
}

static bool passes_sharing(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return within(r->sharing_from, f->date, r->sharing_until);
}

static bool passes_hours(const policy *p, const policy_rule *r, const policy_facts *f)
{
    if (r->week == 0) return true;
    unsigned minute = week_minute(f->date, f->minute);
    if (r->week > p->week_count || minute >= WEEK_MINUTES) return false;
    return (p->weeks[r->week - 1].minutes[minute / 64] >> minute % 64 & 1) != 0;
}

static bool passes_ticket(const policy *p, const policy_rule *r, const policy_facts *f)
{
    if (r->pattern_count == 0) return true;
    for (unsigned i = 0; f->ticket && i < r->pattern_count; i++) {
        if (ticket_fits(p->patterns[r->first_pattern + i], f->ticket)) return true;
    }
    return false;
}

static bool passes_approval(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    uint32_t residents = f->residents > 0 ? f->residents : 1;
    return r->approval_above == 0 || residents <= r->approval_above || f->approved;
}

static bool passes_break_glass(const policy *p, const policy_rule *r, const policy_facts *f)
{
    (void)p;
    return (r->glass_hours > 0) == f->break_glass;
}

static bool (*const clauses[CLAUSES])(const policy *p, const policy_rule *r, const policy_facts *f) = {
    [CLAUSE_FIELDS] = passes_fields,         [CLAUSE_FORM] = passes_form,
    [CLAUSE_ACTING] = passes_acting,         [CLAUSE_ROLE] = passes_role,
    [CLAUSE_CONTRACT] = passes_contract,     [CLAUSE_DATES] = passes_dates,
    [CLAUSE_ASSESSMENT] = passes_assessment, [CLAUSE_SHARING] = passes_sharing,
    [CLAUSE_HOURS] = passes_hours,           [CLAUSE_TICKET] = passes_ticket,
    [CLAUSE_APPROVAL] = passes_approval,     [CLAUSE_BREAK_GLASS] = passes_break_glass,
};

bool rule_passes(const policy *p, const policy_rule *r, const policy_facts *facts, policy_clause clause)
{
    return clauses[clause](p, r, facts);
}

/* The table without its detours: this is asked of every rule that is not kept back. */
policy_clause rule_fails(const policy *p, const policy_rule *r, const policy_facts *facts)
{
    if (!passes_fields(p, r, facts)) return CLAUSE_FIELDS;
    if (!passes_form(p, r, facts)) return CLAUSE_FORM;
    if (!passes_acting(p, r, facts)) return CLAUSE_ACTING;
    if (!passes_role(p, r, facts)) return CLAUSE_ROLE;
    if (!passes_contract(p, r, facts)) return CLAUSE_CONTRACT;
    if (!passes_dates(p, r, facts)) return CLAUSE_DATES;
    if (!passes_assessment(p, r, facts)) return CLAUSE_ASSESSMENT;
    if (!passes_sharing(p, r, facts)) return CLAUSE_SHARING;
    if (!passes_hours(p, r, facts)) return CLAUSE_HOURS;
    if (!passes_ticket(p, r, facts)) return CLAUSE_TICKET;
    if (!passes_approval(p, r, facts)) return CLAUSE_APPROVAL;
    if (!passes_break_glass(p, r, facts)) return CLAUSE_BREAK_GLASS;
    return CLAUSE_NONE;
}

bool rule_admits(const policy *p, const policy_rule *r, const policy_facts *facts)
{
    return r->purpose.no == facts->purpose.no && r->consumer.no == facts->consumer.no && r->action == facts->action &&
           rule_fails(p, r, facts) == CLAUSE_NONE;
}

/* Linear but for the last '*' before a place: only that one can still give way. */
bool ticket_fits(const char *pattern, const char *ticket)
{
    const char *star = NULL, *resume = NULL;
    while (*ticket) {
        if (*pattern == '*') {
            star = pattern++, resume = ticket;
            continue;
        }
        bool any = *pattern == '?' || (*pattern == '#' && *ticket >= '0' && *ticket <= '9');
        if (any || (*pattern == *ticket && *pattern != '#')) {
            bool character = *pattern == '?';
            pattern++, ticket++;
            while (character && ((unsigned char)*ticket & 0xc0) == 0x80) ticket++;
            continue;
        }
        if (!star) return false;
        pattern = star + 1, ticket = ++resume;
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

/* ---- what is known of a resident ---- */

bool rule_covers(const policy *p, const policy_rule *r, const policy_facts *facts, area_code area)
{
    if (!area_ranges_cover(p->areas + r->first_area, r->area_count, area)) return false;
    if (!r->own_area) return true;
    return facts->person && area_ranges_cover(facts->person->areas, facts->person->area_count, area);
}

/* Who is said to be of a class and not to be of it is not known to be either. */
static bool passes_classes(const policy_rule *r, const policy_resident *of)
{
    if (r->only != 0 && (r->only & of->in & ~of->out) == 0) return false;
    return (r->except & ~(of->out & ~of->in)) == 0;
}

static bool fields_meet(field_set a, field_set b)
{
    uint64_t shared = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) shared |= a.words[i] & b.words[i];
    return shared != 0;
}

uint64_t aggregations_touched(const policy *p, const policy_facts *facts)
{
    uint64_t found = 0;
    bool shown = facts->action == POLICY_REVEAL || facts->action == POLICY_EXPORT;
    if (p->aggregation_count == 0 || !fields_meet(p->aggregated, facts->fields) || !shown ||
        (facts->form != FORM_PLAIN && facts->form != FORM_MASKED))
        return 0;
    for (unsigned word = 0; word < FIELD_WORDS; word++) {
        for (uint64_t bits = facts->fields.words[word]; bits != 0; bits &= bits - 1)
            found |= p->aggregations_of[word * 64 + (unsigned)__builtin_ctzll(bits)];
    }
    return found;
}

uint64_t aggregations_complete(const policy *p, const policy_facts *facts, const policy_resident *of)
{
    uint64_t touched = aggregations_touched(p, facts), found = touched & of->complete;
    for (uint64_t bits = touched & ~found; bits != 0; bits &= bits - 1) {
        unsigned i = (unsigned)__builtin_ctzll(bits);
        if (field_set_within(p->aggregations[i].fields, facts->fields)) found |= UINT64_C(1) << i;
    }
    return found;
}

uint64_t aggregations_above(const policy *p, const policy_rule *r)
{
    return r->level < LEVEL_MAX ? p->above_level[r->level] : 0;
}

policy_clause rule_fails_for(const policy *p, const policy_rule *r, const policy_facts *facts,
                             const policy_resident *of)
{
    if (!rule_covers(p, r, facts, of->area)) return CLAUSE_AREA;
    if (!passes_classes(r, of)) return CLAUSE_CLASS;
    if (r->consent && !of->consent) return CLAUSE_CONSENT;
    return (aggregations_complete(p, facts, of) & aggregations_above(p, r)) != 0 ? CLAUSE_AGGREGATION : CLAUSE_NONE;
}

/* ---- prohibitions and budgets ---- */

bool match_meets(const policy_match *m, const policy_facts *f)
{
    uint64_t role = f->person ? role_bit(f->person->role) : 0;
    if (m->purpose.no != 0 && m->purpose.no != f->purpose.no) return false;
    if (m->consumer.no != 0 && m->consumer.no != f->consumer.no) return false;
    if (m->roles != UINT64_MAX && (m->roles & role) == 0) return false;
    if (!match_any_field(m) && !fields_meet(m->fields, f->fields)) return false;
    if ((unsigned)f->form >= FORMS || (m->forms >> (unsigned)f->form & 1) == 0) return false;
    if ((unsigned)f->action >= POLICY_ACTIONS || (m->actions >> (unsigned)f->action & 1) == 0) return false;
    return within(m->from, f->date, m->until);
}

bool match_is_for(const policy *p, const policy_match *m, const policy_resident *of)
{
    if (m->area_count > 0 && !area_ranges_cover(p->areas + m->first_area, m->area_count, of->area)) return false;
    return m->classes == 0 || (m->classes & ~(of->out & ~of->in)) != 0;
}

/* Those in a run that meet the call, until `found` has enough. */
static bool each_of_run(const match_visit *f, match_table list, const run *r)
{
    const policy_match *first = list.at + r->first;
    sift s;
    uint32_t i;
    if (!r->sieve) {
        for (i = 0; i < r->count; i++) {
            if (match_meets(&first[i], f->facts) && !f->found(f->context, &first[i])) return false;
        }
        return true;
    }
    sift_start(&s, r, SIFT_ANY, f->facts);
    while (sift_next(&s, &i)) {
        if (match_meets(&first[i], f->facts) && !f->found(f->context, &first[i])) return false;
    }
    return true;
}

void matches_link(match_links *out, match_table list, purpose_no purpose, consumer_no consumer)
{
    const purpose_no purposes[] = {{0}, purpose};
    const consumer_no consumers[] = {{0}, consumer};
    unsigned count = 0;
    *out = (match_links){0};
    for (unsigned i = 0; i < 4; i++) {
        if ((i / 2 && purpose.no == 0) || (i % 2 && consumer.no == 0)) continue; /* the same run again */
        const run *r = runs_find(list.runs, match_key(purposes[i / 2], consumers[i % 2]));
        if (r) out->at[count++] = (uint32_t)(r - list.runs->slots) + 1;
    }
}

void matches_each_linked(match_table list, const match_links *links, const match_visit *visit)
{
    for (unsigned i = 0; i < 4 && links->at[i] != 0; i++) {
        if (!each_of_run(visit, list, &list.runs->slots[links->at[i] - 1])) return;
    }
}

void matches_each(match_table list, const policy_facts *facts, match_found found, void *context)
{
    match_links links;
    const match_visit visit = {.facts = facts, .found = found, .context = context};
    matches_link(&links, list, facts->purpose, facts->consumer);
    matches_each_linked(list, &links, &visit);
}
