#include "policy/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_cells(const policy_rule *a, const policy_rule *b)
{
    int by_purpose = order(a->purpose.no, b->purpose.no);
    return by_purpose ? by_purpose : order(cell_key(a->consumer, a->action), cell_key(b->consumer, b->action));
}

static int compare_rules(const void *a, const void *b)
{
    const policy_rule *x = a, *y = b;
    int by_cell = compare_cells(x, y);
    return by_cell ? by_cell : order(x->place, y->place);
}

static void make_cells(policy *p)
{
    p->cells = memory_array(p->count, sizeof *p->cells);
    for (size_t i = 0; i < p->count; i++) {
        const policy_rule *r = &p->rules[i];
        if (i == 0 || compare_cells(r - 1, r) != 0) {
            p->cells[p->cell_count++] = (cell){.key = cell_key(r->consumer, r->action), .first = (uint32_t)i};
        }
        p->cells[p->cell_count - 1].count++;
    }
}

/* purposes[no] .. purposes[no + 1]: the cells of that purpose. */
static void make_purposes(policy *p)
{
    size_t highest = p->count > 0 ? p->rules[p->count - 1].purpose.no : 0;
    p->purpose_count = highest + 2;
    p->purposes = memory_array(p->purpose_count, sizeof *p->purposes);
    for (size_t i = 0; i < p->cell_count; i++) p->purposes[p->rules[p->cells[i].first].purpose.no + 1]++;
    for (size_t no = 1; no < p->purpose_count; no++) p->purposes[no] += p->purposes[no - 1];
}

/* ---- tables of rules ---- */

static uint64_t key_of_rule(const void *list, size_t i)
{
    const policy_rule *r = (const policy_rule *)list + i;
    return rule_key(r->purpose, r->consumer, r->action);
}

static sieved sieved_rule(const void *list, size_t i)
{
    const policy_rule *r = (const policy_rule *)list + i;
    unsigned forms = 0;
    for (policy_form form = 0; form < FORMS; form++) forms |= form_allowed(r, form) ? 1U << form : 0;
    return (sieved){.fields = r->fields,
                    .forms = forms,
                    .roles = r->roles,
                    .nobody = !r->person,
                    .from = r->from,
                    .until = r->until};
}

/* ---- tables of prohibitions and budgets ---- */

static uint64_t key_of_match(const void *list, size_t i)
{
    const policy_match *m = (const policy_match *)list + i;
    return match_key(m->purpose, m->consumer);
}

static sieved sieved_match(const void *list, size_t i)
{
    const policy_match *m = (const policy_match *)list + i;
    return (sieved){.fields = m->fields,
                    .forms = m->forms,
                    .roles = m->roles,
                    .nobody = m->roles == UINT64_MAX,
                    .from = m->from,
                    .until = m->until};
}

static int compare_matches(const void *a, const void *b)
{
    const policy_match *x = a, *y = b;
    int by_key = order(match_key(x->purpose, x->consumer), match_key(y->purpose, y->consumer));
    return by_key ? by_key : order(x->index, y->index);
}

static runs match_runs(policy_match *list, size_t count)
{
    const run_source of = {.list = list, .count = count, .key = key_of_match, .entry = sieved_match};
    if (count > 0) qsort(list, count, sizeof *list, compare_matches);
    return runs_new(&of);
}

static void make_aggregations(policy *p)
{
    for (size_t i = 0; i < p->aggregation_count; i++) {
        const policy_aggregation *a = &p->aggregations[i];
        for (unsigned n = 0; n < POLICY_FIELDS_MAX; n++) {
            if (!field_set_has(a->fields, n)) continue;
            p->aggregations_of[n] |= UINT64_C(1) << i;
            field_set_add(&p->aggregated, n);
        }
        for (unsigned level = 0; level < a->level && level <= LEVEL_MAX; level++)
            p->above_level[level] |= UINT64_C(1) << i;
    }
}

void policy_compile(policy *p)
{
    if (p->count > 0) qsort(p->rules, p->count, sizeof *p->rules, compare_rules);
    make_cells(p);
    make_purposes(p);
    p->rule_runs = runs_new(&(run_source){p->rules, p->count, key_of_rule, sieved_rule});
    p->forbid_runs = match_runs(p->forbids, p->forbid_count);
    p->count_runs = match_runs(p->counts, p->count_count);
    make_aggregations(p);
    fronts_make(p);
}

void policy_free_tables(policy *p)
{
    runs_free(&p->rule_runs);
    fronts_free(p);
    runs_free(&p->forbid_runs);
    runs_free(&p->count_runs);
}
