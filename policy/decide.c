#include "policy/internal.h"

const char *policy_clause_name(policy_clause c)
{
    static const char *const names[CLAUSES] = {
        [CLAUSE_NONE] = "none",     [CLAUSE_PURPOSE] = "purpose", [CLAUSE_CONSUMER] = "consumer",
        [CLAUSE_ACTION] = "action", [CLAUSE_FIELDS] = "fields",   [CLAUSE_FORM] = "form",
        [CLAUSE_ACTING] = "acting", [CLAUSE_DATES] = "dates",     [CLAUSE_RESIDENT] = "resident",
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

/* The first clause after the cell's that the rule does not pass. In plain, to ask for no field is not to ask: refused;
 * "nothing" may ask for none, because it grants none. */
static policy_clause rule_fails(const policy_rule *r, const policy_facts *facts)
{
    field_set asked = facts->fields;
    bool none = (asked.words[0] | asked.words[1]) == 0;
    if ((none && r->form != FORM_NOTHING) || !field_set_within(asked, r->fields)) return CLAUSE_FIELDS;
    if (facts->form != r->form) return CLAUSE_FORM;
    if (r->person && !facts->person) return CLAUSE_ACTING;
    if (facts->date < r->from || facts->date > r->until) return CLAUSE_DATES;
    return CLAUSE_NONE;
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

static bool rule_covers(const policy *p, const policy_rule *r, area_code area)
{
    const area_range *areas = p->areas + r->first_area;
    uint32_t low = 0, high = r->area_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (areas[middle].high < area.code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->area_count && areas[low].low <= area.code;
}

/* The rule is asked again, so that an admission of other facts, or of another version of the policy, can widen nothing.
 */
static bool rule_allows(const policy *p, const policy_rule *r, const policy_facts *facts, area_code area)
{
    return r->purpose.no == facts->purpose.no && r->consumer.no == facts->consumer.no && r->action == facts->action &&
           rule_fails(r, facts) == CLAUSE_NONE && rule_covers(p, r, area);
}

grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, area_code area)
{
    if (a->failed != CLAUSE_NONE) return (grant){.failed = a->failed};
    for (unsigned i = 0; i < a->count && i < ADMISSION_RULES; i++) {
        uint16_t number = a->rules[i];
        if (number >= p->count || !rule_allows(p, &p->rules[number], facts, area)) continue;
        return (grant){.given = true, .rule = number, .form = facts->form, .fields = facts->fields};
    }
    return (grant){.failed = CLAUSE_RESIDENT};
}
