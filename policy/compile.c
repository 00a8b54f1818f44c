#include "policy/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ------------------------------------------------------------------------------------------------------- */

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

/* ---- two rules of the same scope -----------------------------------------------------------------------------------
 */

typedef struct scope {
    const policy *policy;
    const policy_rule *rule;
} scope;

static int compare_area_lists(const scope *a, const scope *b)
{
    if (a->rule->area_count != b->rule->area_count) return order(a->rule->area_count, b->rule->area_count);
    const area_range *x = a->policy->areas + a->rule->first_area, *y = b->policy->areas + b->rule->first_area;
    for (size_t i = 0; i < a->rule->area_count; i++) {
        if (x[i].low != y[i].low) return order((uint64_t)x[i].low, (uint64_t)y[i].low);
        if (x[i].high != y[i].high) return order((uint64_t)x[i].high, (uint64_t)y[i].high);
    }
    return 0;
}

static int compare_scopes(const void *a, const void *b)
{
    const policy_rule *x = ((const scope *)a)->rule, *y = ((const scope *)b)->rule;
    int by[] = {compare_cells(x, y),
                order(x->form, y->form),
                order(x->person, y->person),
                order(x->from, y->from),
                order(x->until, y->until),
                order(x->fields.words[0], y->fields.words[0]),
                order(x->fields.words[1], y->fields.words[1])};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (by[i]) return by[i];
    }
    return compare_area_lists(a, b);
}

static vault_code check_scopes(const policy *p, vault_error *err)
{
    scope *scopes = memory_array(p->count, sizeof *scopes);
    for (size_t i = 0; i < p->count; i++) scopes[i] = (scope){.policy = p, .rule = &p->rules[i]};
    qsort(scopes, p->count, sizeof *scopes, compare_scopes);
    vault_code code = VAULT_OK;
    for (size_t i = 1; i < p->count && code == VAULT_OK; i++) {
        if (compare_scopes(&scopes[i - 1], &scopes[i]) != 0) continue;
        code = vault_fail(err, VAULT_INVALID, "policy: rule '%s' is never reached: '%s' has the same scope",
                          rule_id(p, scopes[i].rule), rule_id(p, scopes[i - 1].rule));
    }
    memory_free(scopes, p->count * sizeof *scopes);
    return code;
}

/* ---- cells that are too full ---------------------------------------------------------------------------------------
 */

static int compare_from(const void *a, const void *b)
{
    return order((*(const policy_rule *const *)a)->from, (*(const policy_rule *const *)b)->from);
}

static int compare_until(const void *a, const void *b)
{
    return order((*(const policy_rule *const *)a)->until, (*(const policy_rule *const *)b)->until);
}

/* Field 0 stands for a call that asks for none: only "nothing" allows that. */
static bool meets(const policy_rule *r, unsigned field)
{
    return field == 0 ? r->form == FORM_NOTHING : field_set_has(r->fields, field);
}

/* A rule that would be left out of an admission for `field` on some day, or NULL: a sweep over the days on which rules
 * begin. */
static const policy_rule *rule_left_out(const policy_rule *const *by_from, const policy_rule *const *by_until,
                                        size_t count, unsigned field)
{
    unsigned standing = 0;
    for (size_t i = 0, ended = 0; i < count; i++) {
        if (!meets(by_from[i], field)) continue;
        for (; by_until[ended]->until < by_from[i]->from; ended++) standing -= meets(by_until[ended], field);
        if (++standing > ADMISSION_RULES) return by_from[i];
    }
    return NULL;
}

static vault_code check_crowding(const policy *p, const cell *c, vault_error *err)
{
    if (c->count <= ADMISSION_RULES) return VAULT_OK;
    const policy_rule **sorted = memory_array(2 * (size_t)c->count, sizeof *sorted), **by_until = sorted + c->count;
    for (size_t i = 0; i < c->count; i++) sorted[i] = by_until[i] = &p->rules[c->first + i];
    qsort(sorted, c->count, sizeof *sorted, compare_from);
    qsort(by_until, c->count, sizeof *sorted, compare_until);
    const policy_rule *left_out = NULL;
    for (unsigned field = 0; field < POLICY_FIELDS_MAX && !left_out; field++) {
        left_out = rule_left_out(sorted, by_until, c->count, field);
    }
    memory_free(sorted, 2 * (size_t)c->count * sizeof *sorted);
    if (!left_out) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "policy: rule '%s': areas: over %d rules cover one call: join their areas",
                      rule_id(p, left_out), ADMISSION_RULES);
}

vault_code policy_compile(policy *p, vault_error *err)
{
    qsort(p->rules, p->count, sizeof *p->rules, compare_rules);
    make_cells(p);
    make_purposes(p);
    VAULT_TRY(check_scopes(p, err));
    for (size_t i = 0; i < p->cell_count; i++) VAULT_TRY(check_crowding(p, &p->cells[i], err));
    return VAULT_OK;
}
