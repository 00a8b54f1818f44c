/* Rules that would never be reached: two of one scope, and more of one cell than a call may meet. */
#include "policy/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_cells(const policy_rule *a, const policy_rule *b)
{
    int by_purpose = order(a->purpose.no, b->purpose.no);
    return by_purpose ? by_purpose : order(cell_key(a->consumer, a->action), cell_key(b->consumer, b->action));
}

/* ---- two rules of the same scope ---- */

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

static int compare_fields(field_set a, field_set b)
{
    for (size_t i = 0; i < FIELD_WORDS; i++) {
        if (a.words[i] != b.words[i]) return order(a.words[i], b.words[i]);
    }
    return 0;
}

/* What only some calls or residents pass. How much a rule asks for beside it, and what follows from a call, makes no
 * other scope: of two such rules the milder one always passes, and the other would silently not count. */
static int compare_conditions(const scope *a, const scope *b)
{
    const policy_rule *x = a->rule, *y = b->rule;
    int by[] = {order(x->consent, y->consent),
                order(x->only, y->only),
                order(x->except, y->except),
                order(x->week, y->week),
                order(x->glass_hours > 0, y->glass_hours > 0),
                order(x->sharing_from, y->sharing_from),
                order(x->sharing_until, y->sharing_until),
                order(x->pattern_count, y->pattern_count)};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (by[i]) return by[i];
    }
    for (size_t i = 0; i < x->pattern_count; i++) {
        int by_text = strcmp(a->policy->patterns[x->first_pattern + i], b->policy->patterns[y->first_pattern + i]);
        if (by_text) return by_text;
    }
    return 0;
}

static int compare_scopes(const void *a, const void *b)
{
    const policy_rule *x = ((const scope *)a)->rule, *y = ((const scope *)b)->rule;
    int by[] = {compare_cells(x, y),         order(x->form, y->form),
                order(x->person, y->person), order(x->from, y->from),
                order(x->until, y->until),   order(x->own_area, y->own_area),
                order(x->roles, y->roles),   compare_fields(x->fields, y->fields)};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (by[i]) return by[i];
    }
    int by_conditions = compare_conditions(a, b);
    return by_conditions ? by_conditions : compare_area_lists(a, b);
}

/* Of equals the later one in the document comes last, and is the one to blame. */
static int compare_scopes_and_places(const void *a, const void *b)
{
    int by_scope = compare_scopes(a, b);
    return by_scope ? by_scope : order(((const scope *)a)->rule->place, ((const scope *)b)->rule->place);
}

static vault_code check_scopes(const policy *p, vault_error *err)
{
    scope *scopes = memory_array(p->count, sizeof *scopes);
    for (size_t i = 0; i < p->count; i++) scopes[i] = (scope){.policy = p, .rule = &p->rules[i]};
    if (p->count > 0) qsort(scopes, p->count, sizeof *scopes, compare_scopes_and_places);
    vault_code code = VAULT_OK;
    for (size_t i = 1; i < p->count && code == VAULT_OK; i++) {
        if (compare_scopes(&scopes[i - 1], &scopes[i]) != 0) continue;
        code = rule_refuse(p, scopes[i].rule, err, "", "is never reached: '%s' has the same scope: leave one out",
                           rule_id(p, scopes[i - 1].rule));
    }
    memory_free(scopes, p->count * sizeof *scopes);
    return code;
}

/* ---- cells that are too full ---- */

/* Whom a call could come from, and what it could ask for. Role 0 stands for a call without a person. Dates alone are
 * swept; areas and other conditions are not looked at. Of forms, those that rules have are enough: one that no rule has
 * is answered by rules that are met by their own, too. */
typedef struct caller {
    policy_form form;
    role_no role;
    bool glass; /* under an opened break-glass */
} caller;

static bool meets(const policy_rule *r, caller who)
{
    if ((r->glass_hours > 0) != who.glass) return false;
    if (r->person && !(r->roles & role_bit(who.role))) return false;
    return form_allowed(r, who.form);
}

/* The rules of a cell, twice. */
typedef struct crowd {
    const policy_rule **by_from, **by_until;
    size_t count;
    uint64_t roles;
    unsigned forms;
    bool glass;
} crowd;

static int compare_from(const void *a, const void *b)
{
    return order((*(const policy_rule *const *)a)->from, (*(const policy_rule *const *)b)->from);
}

static int compare_until(const void *a, const void *b)
{
    return order((*(const policy_rule *const *)a)->until, (*(const policy_rule *const *)b)->until);
}

static void gather(crowd *out, const policy_rule *rules)
{
    for (size_t i = 0; i < out->count; i++) {
        out->by_from[i] = out->by_until[i] = &rules[i];
        out->roles |= rules[i].roles;
        out->forms |= 1U << rules[i].form;
        out->glass |= rules[i].glass_hours > 0;
    }
    qsort(out->by_from, out->count, sizeof *out->by_from, compare_from);
    qsort(out->by_until, out->count, sizeof *out->by_until, compare_until);
}

/* How many rules stand on a day, by the field that they are met by; 0: a call that asks for none, which only "nothing"
 * allows. */
typedef struct standing {
    unsigned by_field[POLICY_FIELDS_MAX];
} standing;

/* True when one of them is more than a call may meet. */
static bool count_rule(standing *s, const policy_rule *r, bool begins)
{
    bool crowded = false;
    for (unsigned word = 0; word < FIELD_WORDS; word++) {
        for (uint64_t left = r->fields.words[word]; left; left &= left - 1) {
            unsigned *count = &s->by_field[word * 64 + (unsigned)__builtin_ctzll(left)];
            *count = begins ? *count + 1 : *count - 1;
            crowded |= *count > ADMISSION_RULES;
        }
    }
    if (r->form != FORM_NOTHING) return crowded;
    s->by_field[0] = begins ? s->by_field[0] + 1 : s->by_field[0] - 1;
    return crowded || s->by_field[0] > ADMISSION_RULES;
}

/* A rule that would be left out of an admission on some day, or NULL: a sweep over the days on which rules begin. */
static const policy_rule *left_out_for(const crowd *c, caller who)
{
    standing s = {{0}};
    for (size_t i = 0, ended = 0; i < c->count; i++) {
        if (!meets(c->by_from[i], who)) continue;
        for (; c->by_until[ended]->until < c->by_from[i]->from; ended++) {
            if (meets(c->by_until[ended], who)) (void)count_rule(&s, c->by_until[ended], false);
        }
        if (count_rule(&s, c->by_from[i], true)) return c->by_from[i];
    }
    return NULL;
}

static const policy_rule *left_out(const crowd *c, caller who)
{
    const policy_rule *found = NULL;
    if (!(c->forms & 1U << who.form)) return NULL;
    for (uint16_t role = 0; role <= ROLES_MAX && !found; role++) {
        who.role.no = role;
        if (role == 0 || (c->roles & role_bit(who.role))) found = left_out_for(c, who);
    }
    return found;
}

static vault_code check_crowding(const policy *p, const cell *at, vault_error *err)
{
    if (at->count <= ADMISSION_RULES) return VAULT_OK;
    const policy_rule **sorted = memory_array(2 * (size_t)at->count, sizeof *sorted);
    crowd c = {.by_from = sorted, .by_until = sorted + at->count, .count = at->count};
    gather(&c, p->rules + at->first);
    const policy_rule *found = NULL;
    for (policy_form form = 0; form < FORMS && !found; form++) {
        found = left_out(&c, (caller){.form = form});
        if (!found && c.glass) found = left_out(&c, (caller){.form = form, .glass = true});
    }
    memory_free(sorted, 2 * (size_t)at->count * sizeof *sorted);
    if (!found) return VAULT_OK;
    return rule_refuse(p, found, err, "areas", "over %d rules meet one call: join their areas", ADMISSION_RULES);
}

vault_code policy_check_scopes(const policy *p, vault_error *err)
{
    VAULT_TRY(check_scopes(p, err));
    for (size_t i = 0; i < p->cell_count; i++) VAULT_TRY(check_crowding(p, &p->cells[i], err));
    return VAULT_OK;
}
