#include "policy/internal.h"

const char *policy_clause_name(policy_clause c)
{
    static const char *const names[CLAUSES] = {
        [CLAUSE_NONE] = "none",
        [CLAUSE_PURPOSE] = "purpose",
        [CLAUSE_CONSUMER] = "consumer",
        [CLAUSE_ACTION] = "action",
        [CLAUSE_FIELDS] = "fields",
        [CLAUSE_FORM] = "form",
        [CLAUSE_ACTING] = "acting",
        [CLAUSE_ROLE] = "role",
        [CLAUSE_CONTRACT] = "contract",
        [CLAUSE_DATES] = "dates",
        [CLAUSE_ASSESSMENT] = "assessment",
        [CLAUSE_SHARING] = "sharing",
        [CLAUSE_HOURS] = "hours",
        [CLAUSE_TICKET] = "ticket",
        [CLAUSE_APPROVAL] = "approval",
        [CLAUSE_BREAK_GLASS] = "break_glass",
        [CLAUSE_PROHIBITED] = "prohibited",
        [CLAUSE_RESIDENT] = "resident",
        [CLAUSE_AREA] = "area",
        [CLAUSE_CLASS] = "class",
        [CLAUSE_CONSENT] = "consent",
        [CLAUSE_AGGREGATION] = "aggregation",
        [CLAUSE_FORBIDDEN] = "forbidden",
        [CLAUSE_BUDGET] = "budget",
    };
    return (unsigned)c < CLAUSES ? names[c] : "unknown";
}

size_t policy_rule_count(const policy *p)
{
    return p->count;
}

const char *policy_rule_id(const policy *p, unsigned rule)
{
    return rule < p->count ? rule_id(p, &p->rules[rule]) : "";
}

policy_scope policy_rule_scope(const policy *p, unsigned rule)
{
    if (rule >= p->count) return (policy_scope){0};
    const policy_rule *r = &p->rules[rule];
    return (policy_scope){.consumer = r->consumer,
                          .purpose = r->purpose,
                          .action = r->action,
                          .form = r->form,
                          .fields = r->fields,
                          .areas = p->areas + r->first_area,
                          .area_count = r->area_count,
                          .own_area = r->own_area,
                          .from = r->from,
                          .until = r->until < r->assessed_until ? r->until : r->assessed_until};
}

/* First cell in [low, high) whose key is not below `key`. */
static uint32_t lower_bound(const policy *p, uint32_t low, uint32_t high, uint64_t key)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->cells[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static policy_clause find_cell(const policy *p, const policy_facts *facts, const cell **out)
{
    size_t no = facts->purpose.no;
    if (no == 0 || no + 1 >= p->purpose_count) return CLAUSE_PURPOSE;
    uint32_t first = p->purposes[no], end = p->purposes[no + 1];
    if (first == end) return CLAUSE_PURPOSE;
    first = lower_bound(p, first, end, cell_key(facts->consumer, 0));
    if (first == end || p->cells[first].key >> 32 != facts->consumer.no) return CLAUSE_CONSUMER;
    uint64_t key = cell_key(facts->consumer, facts->action);
    first = lower_bound(p, first, end, key);
    if (first == end || p->cells[first].key != key) return CLAUSE_ACTION;
    *out = &p->cells[first];
    return CLAUSE_NONE;
}

/* The person's clauses. A contract that does not hold stops the person under a rule for the app alone, too. */
static policy_clause person_fails(const policy_rule *r, const policy_facts *facts)
{
    const policy_person *who = facts->person;
    if (!who) return r->person ? CLAUSE_ACTING : CLAUSE_NONE;
    if (r->person && !(r->roles & role_bit(who->role))) return CLAUSE_ROLE;
    return facts->date < who->from || facts->date > who->until ? CLAUSE_CONTRACT : CLAUSE_NONE;
}

/* The first clause after the cell's that the rule does not pass. For values, to ask for no field is not to ask:
 * refused; "nothing" may ask for none, because it grants none. */
static policy_clause rule_fails(const policy_rule *r, const policy_facts *facts)
{
    bool none = field_set_within(facts->fields, (field_set){0});
    if ((none && r->form != FORM_NOTHING) || !field_set_within(facts->fields, r->fields)) return CLAUSE_FIELDS;
    if (!form_allowed(r, facts->form)) return CLAUSE_FORM;
    policy_clause by_person = person_fails(r, facts);
    if (by_person != CLAUSE_NONE) return by_person;
    if (facts->date < r->from || facts->date > r->until) return CLAUSE_DATES;
    return facts->date > r->assessed_until ? CLAUSE_ASSESSMENT : CLAUSE_NONE;
}

admission policy_admit(const policy *p, const policy_facts *facts)
{
    admission a = {0};
    const cell *c;
    policy_clause furthest = find_cell(p, facts, &c);
    if (furthest != CLAUSE_NONE) return (admission){.failed = furthest};
    for (uint32_t i = c->first; i < c->first + c->count; i++) {
        policy_clause failed = rule_fails(&p->rules[i], facts);
        if (failed > furthest) furthest = failed;
        if (failed == CLAUSE_NONE && a.count < ADMISSION_RULES) a.rules[a.count++] = (uint16_t)i;
    }
    a.failed = a.count > 0 ? CLAUSE_NONE : furthest;
    return a;
}

bool rule_covers(const policy *p, const policy_rule *r, const policy_facts *facts, area_code area)
{
    if (!area_ranges_cover(p->areas + r->first_area, r->area_count, area)) return false;
    return !r->own_area || area_ranges_cover(facts->person->areas, facts->person->area_count, area);
}

bool rule_admits(const policy_rule *r, const policy_facts *facts)
{
    return r->purpose.no == facts->purpose.no && r->consumer.no == facts->consumer.no && r->action == facts->action &&
           rule_fails(r, facts) == CLAUSE_NONE;
}

grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, policy_resident of)
{
    if (a->failed != CLAUSE_NONE) return (grant){.failed = a->failed, .inner = a->failed};
    for (unsigned i = 0; i < a->count && i < ADMISSION_RULES; i++) {
        uint16_t number = a->rules[i];
        const policy_rule *r = number < p->count ? &p->rules[number] : NULL;
        if (!r || !rule_admits(r, facts) || !rule_covers(p, r, facts, of.area)) continue;
        return (grant){.given = true, .rule = number, .form = facts->form, .fields = facts->fields};
    }
    return (grant){.failed = CLAUSE_RESIDENT, .inner = CLAUSE_AREA};
}
