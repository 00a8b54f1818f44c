/* What most calls ask of a rule, as it lies at hand: a line of the cache for a rule, so that of 10,000 rules few lines
 * are fetched. What it cannot say the rule itself is asked for (rule.c), and both say the same. */
#include "policy/internal.h"
#include "vault/base/memory.h"

#include <string.h>

enum { LINE = 64 };
_Static_assert(sizeof(rule_front) == LINE, "a front is one line of the cache");

enum { /* flags */
       FRONT_PERSON = 1,
       FRONT_OWN_AREA = 2,
       FRONT_NOTHING = 4,   /* its form: a call may ask for no field */
       FRONT_GLASS = 8,     /* for an opened break-glass only */
       FRONT_CALL = 16,     /* asks more of the call */
       FRONT_RESIDENT = 32, /* asks more of the resident */
};

/* ---- made ---- */

static unsigned flags_of(const policy_rule *r)
{
    unsigned flags = 0;
    if (r->person) flags |= FRONT_PERSON;
    if (r->own_area) flags |= FRONT_OWN_AREA;
    if (r->form == FORM_NOTHING) flags |= FRONT_NOTHING;
    if (r->glass_hours > 0) flags |= FRONT_GLASS;
    if (r->week || r->pattern_count > 0 || r->approval_above > 0) flags |= FRONT_CALL;
    if (r->only || r->except || r->consent || r->area_count > UINT16_MAX) flags |= FRONT_RESIDENT;
    return flags;
}

static unsigned forms_of(const policy_rule *r)
{
    unsigned forms = 0;
    for (policy_form form = 0; form < FORMS; form++) forms |= form_allowed(r, form) ? 1U << form : 0;
    return forms;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static rule_front front_of(const policy_rule *r)
{
    return (rule_front){.fields = r->fields,
                        .roles = r->person ? r->roles : UINT64_MAX,
                        .from = r->from > r->sharing_from ? r->from : r->sharing_from,
                        .until = least(r->until, least(r->assessed_until, r->sharing_until)),
                        .first_area = r->first_area,
                        .area_count = (uint16_t)least(r->area_count, UINT16_MAX),
                        .purpose = r->purpose,
                        .consumer = r->consumer,
                        .action = (uint8_t)r->action,
                        .level = r->level,
                        .forms = (uint8_t)forms_of(r),
                        .flags = (uint8_t)flags_of(r)};
}

static uint64_t mark_of(field_set fields)
{
    return fields.words[0] | fields.words[1] | fields.words[2] | fields.words[3];
}

static void link_cells(policy *p)
{
    p->links = memory_array(p->cell_count, sizeof *p->links);
    for (size_t i = 0; i < p->cell_count; i++) {
        const cell *c = &p->cells[i];
        const policy_rule *r = &p->rules[c->first];
        matches_link(&p->links[i], forbids_of(p), r->purpose, r->consumer);
        for (uint32_t k = 0; k < c->count; k++) p->fronts[c->first + k].cell = (uint16_t)i;
    }
}

void fronts_fill(policy *p)
{
    for (size_t i = 0; i < p->count; i++) {
        uint16_t place = p->fronts[i].cell;
        p->fronts[i] = front_of(&p->rules[i]);
        p->fronts[i].cell = place;
        p->marks[i] = mark_of(p->rules[i].fields);
    }
}

/* A line more than there are rules, so that the first one can begin where a line does. */
void fronts_make(policy *p)
{
    p->front_room = memory_array(p->count + 1, sizeof *p->fronts);
    p->fronts = (rule_front *)((char *)p->front_room + (LINE - (uintptr_t)p->front_room % LINE) % LINE);
    p->marks = memory_array(p->count, sizeof *p->marks);
    fronts_fill(p);
    link_cells(p);
}

void fronts_free(policy *p)
{
    memory_free(p->front_room, (p->count + 1) * sizeof *p->fronts);
    memory_free(p->marks, p->count * sizeof *p->marks);
    memory_free(p->links, p->cell_count * sizeof *p->links);
}

/* ---- asked ---- */

uint64_t front_mark(const policy_facts *facts)
{
    return mark_of(facts->fields);
}

static bool passes_fields(const rule_front *f, const policy_facts *facts)
{
    const uint64_t *asked = facts->fields.words, any = asked[0] | asked[1] | asked[2] | asked[3];
    return any ? field_set_within(facts->fields, f->fields) : (f->flags & FRONT_NOTHING) != 0;
}

/* In the order of the clauses. */
static policy_clause fails_person(const rule_front *f, const policy_facts *facts)
{
    const policy_person *who = facts->person;
    if (!who) return f->flags & FRONT_PERSON ? CLAUSE_ACTING : CLAUSE_NONE;
    if ((f->flags & FRONT_PERSON) && (f->roles & role_bit(who->role)) == 0) return CLAUSE_ROLE;
    return who->from <= facts->date && facts->date <= who->until ? CLAUSE_NONE : CLAUSE_CONTRACT;
}

policy_clause front_fails(const policy *p, uint32_t rule, const policy_facts *facts)
{
    const rule_front *f = &p->fronts[rule];
    if (!passes_fields(f, facts)) return CLAUSE_FIELDS;
    if ((unsigned)facts->form >= FORMS || (f->forms >> (unsigned)facts->form & 1) == 0) return CLAUSE_FORM;
    policy_clause failed = fails_person(f, facts);
    if (failed != CLAUSE_NONE) return failed;
    bool more = facts->date < f->from || f->until < facts->date || (f->flags & FRONT_CALL);
    if (more) return rule_fails(p, &p->rules[rule], facts);
    return ((f->flags & FRONT_GLASS) != 0) == facts->break_glass ? CLAUSE_NONE : CLAUSE_BREAK_GLASS;
}

bool front_admits(const policy *p, uint32_t rule, const policy_facts *facts)
{
    const rule_front *f = &p->fronts[rule];
    return f->purpose.no == facts->purpose.no && f->consumer.no == facts->consumer.no &&
           f->action == (unsigned)facts->action && front_fails(p, rule, facts) == CLAUSE_NONE;
}

policy_clause front_fails_for(const policy *p, uint32_t rule, const policy_facts *facts, const policy_resident *of)
{
    const rule_front *f = &p->fronts[rule];
    if (f->flags & FRONT_RESIDENT) return rule_fails_for(p, &p->rules[rule], facts, of);
    if (!area_ranges_cover(p->areas + f->first_area, f->area_count, of->area)) return CLAUSE_AREA;
    const policy_person *who = facts->person;
    if ((f->flags & FRONT_OWN_AREA) && !(who && area_ranges_cover(who->areas, who->area_count, of->area)))
        return CLAUSE_AREA;
    uint64_t above = f->level < LEVEL_MAX ? p->above_level[f->level] : 0;
    return above != 0 && (aggregations_complete(p, facts, of) & above) != 0 ? CLAUSE_AGGREGATION : CLAUSE_NONE;
}

void front_needs(admission *a, const policy *p, uint32_t rule)
{
    const rule_front *f = &p->fronts[rule];
    __builtin_prefetch(&p->areas[f->first_area]); /* of whom it is asked for next */
    a->aggregations |= f->level < LEVEL_MAX ? p->above_level[f->level] : 0;
    if ((f->flags & FRONT_RESIDENT) == 0) return;
    const policy_rule *r = &p->rules[rule];
    a->classes |= r->only | r->except;
    a->consent |= r->consent;
}

const match_links *front_links(const policy *p, uint32_t rule)
{
    return &p->links[p->fronts[rule].cell];
}
