/* What a policy holds beside its rules, for whoever applies it. */
#include "policy/internal.h"

#include <string.h>

policy_terms policy_rule_terms(const policy *p, unsigned rule)
{
    if (rule >= p->count) return (policy_terms){0};
    const policy_rule *r = &p->rules[rule];
    policy_terms out = {.level = r->level,
                        .approval_above = r->approval_above,
                        .sharing = r->sharing,
                        .break_glass = {.hours = r->glass_hours,
                                        .residents = r->glass_residents,
                                        .review_hours = r->glass_review_hours}};
    if (r->withhold == 0) return out;
    const policy_withholding *w = &p->withholdings[r->withhold - 1];
    out.withhold = w->id;
    out.withhold_until = w->until;
    out.withhold_days = w->days;
    return out;
}

size_t policy_withholding_count(const policy *p)
{
    return p->withholding_count;
}

const char *policy_withholding_id(const policy *p, unsigned index)
{
    return index < p->withholding_count ? p->withholdings[index].id : "";
}

size_t policy_class_count(const policy *p)
{
    return p->class_count;
}

const policy_class *policy_class_at(const policy *p, unsigned index)
{
    return index < p->class_count ? &p->classes[index] : NULL;
}

int policy_class_named(const policy *p, const char *id)
{
    for (size_t i = 0; i < p->class_count; i++) {
        if (strcmp(p->classes[i].id, id) == 0) return (int)i;
    }
    return -1;
}

size_t policy_aggregation_count(const policy *p)
{
    return p->aggregation_count;
}

const policy_aggregation *policy_aggregation_at(const policy *p, unsigned index)
{
    return index < p->aggregation_count ? &p->aggregations[index] : NULL;
}

size_t policy_budget_count(const policy *p)
{
    return p->budget_count;
}

const policy_budget *policy_budget_at(const policy *p, unsigned index)
{
    return index < p->budget_count ? &p->budgets[index] : NULL;
}
