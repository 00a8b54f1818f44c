/* Rules that look wrong: nothing that a loader must refuse, but what somebody should look at. */
#include "policy/terms.h"

#include <string.h>

enum {
    SCRATCH = 64 << 20,
    STEPS_MAX = 4000000,
    DELICATE = 4,                 /* level of fields from which on a rule must narrow itself */
    WIDE_LOW = 100000,            /* a district in a 15-digit code */
    FINDINGS_A_RULE = LINT_KINDS, /* one of each */
};

typedef struct linter {
    arena *mem, *scratch;
    const policy *policy;
    const lint_ask *ask;
    terms all;
    shared_sets sets;
    lint_list *out;
    size_t steps;
    vault_error *err;
} linter;

const char *lint_kind_name(lint_kind kind)
{
    static const char *const names[LINT_KINDS] = {[LINT_OVER_WIDE] = "over-wide",
                                                  [LINT_CONFLICT] = "conflict",
                                                  [LINT_SHADOWED] = "shadowed",
                                                  [LINT_EXPIRED] = "expired",
                                                  [LINT_UNMET] = "unmet"};
    return (unsigned)kind < LINT_KINDS ? names[kind] : "";
}

static vault_code report(linter *l, const lint_finding *what)
{
    lint_finding *to = &l->out->at[l->out->count++];
    *to = *what;
    if (!to->other) to->other = "";
    return to->text ? VAULT_OK : vault_fail(l->err, VAULT_EXHAUSTED, "no memory for findings");
}

/* ---- over-wide ---- */

/* Wider than a street: nine digits. */
static bool reaches_far(const policy *p, const policy_rule *r)
{
    for (size_t i = 0; i < r->area_count; i++) {
        const area_range *a = &p->areas[r->first_area + i];
        if (a->high - a->low + 1 > (int64_t)10 * WIDE_LOW) return true;
    }
    return false;
}

static bool narrowed(const policy_rule *r)
{
    return r->consent || r->only || r->pattern_count || r->approval_above || r->glass_hours ||
           (r->sharing_from || r->sharing_until != UINT32_MAX);
}

static vault_code find_wide(linter *l, const policy_rule *r)
{
    bool shows = (r->action == POLICY_REVEAL || r->action == POLICY_EXPORT) && r->form == FORM_PLAIN;
    if (!shows || r->level < DELICATE || narrowed(r) || r->own_area || !reaches_far(l->policy, r)) return VAULT_OK;
    const char *who = r->person ? "persons in more than their own areas" : "the app by itself";
    return report(l, &(lint_finding){.kind = LINT_OVER_WIDE,
                                     .rule = rule_id(l->policy, r),
                                     .text = arena_format(l->mem,
                                                          "shows fields of level %u in plain form to %s: narrow it to "
                                                          "own areas, classes, consent or tickets, or ask for approval",
                                                          (unsigned)r->level, who)});
}

/* ---- conflict ---- */

static vault_code find_conflict(linter *l, const term *t)
{
    arena_reset(l->scratch);
    for (size_t i = 0; i < l->all.ban_count; i++) {
        terms one = {.bans = &l->all.bans[i], .ban_count = 1};
        reduction r = {.mem = l->scratch, .steps = l->steps, .most = STEPS_MAX};
        reduction_begin(&r, t, &t->at);
        size_t parts = r.left.count;
        uint64_t except = t->except;
        reduction_forbid(&r, &one);
        l->steps = r.steps;
        bool touched = !r.failed && (r.left.count != parts || (parts > 0 && r.left.at[0].except != except));
        if (!touched) continue;
        return report(l, &(lint_finding){.kind = LINT_CONFLICT,
                                         .rule = rule_id(l->policy, t->rule),
                                         .other = policy_prohibition_id(l->policy, one.bans->index),
                                         .text = "a prohibition takes away a part of what it allows: say in the rule "
                                                 "what is left, or keep both if that is meant"});
    }
    return VAULT_OK;
}

/* ---- shadowed ---- */

/* What the other rules of the cell leave of the rule; *by: the first that takes from it. */
static bool covered_by_others(linter *l, const term *t, const term **by)
{
    size_t first, end;
    const terms none = {0};
    arena_reset(l->scratch);
    reduction r = {.mem = l->scratch, .steps = l->steps, .most = STEPS_MAX};
    reduction_begin(&r, t, &t->at);
    terms_of(&l->all, t->key, &first, &end);
    for (size_t i = first; i < end && r.left.count > 0 && !r.failed; i++) {
        const term *other = &l->all.at[i];
        if (other->rule->place == t->rule->place || !regions_meet(&other->at, &t->at)) continue;
        if (!*by && no_stricter(other, other->except, t, t->except)) *by = other;
        reduction_cover(&r, &none, other);
    }
    l->steps = r.steps;
    return !r.failed && r.left.count == 0 && *by;
}

static vault_code find_shadowed(linter *l, const term *const *of, size_t count)
{
    const term *by = NULL;
    for (size_t i = 0; i < count; i++)
        if (!covered_by_others(l, of[i], &by)) return VAULT_OK;
    return report(l, &(lint_finding){.kind = LINT_SHADOWED,
                                     .rule = rule_id(l->policy, of[0]->rule),
                                     .other = rule_id(l->policy, by->rule),
                                     .text = "other rules allow all of it under no stricter conditions: leave it out"});
}

/* ---- expired, unmet ---- */

static vault_code find_expired(linter *l, const policy_rule *r)
{
    uint32_t today = l->ask->today;
    const char *what = r->until < today            ? "its days have ended"
                       : r->sharing_until < today  ? "its sharing basis has ended"
                       : r->assessed_until < today ? "the assessment of its purpose has ended"
                                                   : NULL;
    if (!what) return VAULT_OK;
    return report(l, &(lint_finding){.kind = LINT_EXPIRED,
                                     .rule = rule_id(l->policy, r),
                                     .text = arena_format(l->mem, "%s: leave it out, or renew it", what)});
}

static vault_code find_unmet(linter *l, const policy_rule *r)
{
    if (!r->person || (r->roles & l->ask->roles)) return VAULT_OK;
    return report(l, &(lint_finding){.kind = LINT_UNMET,
                                     .rule = rule_id(l->policy, r),
                                     .text = "nobody whose contract holds has one of its roles"});
}

/* ---- all rules ---- */

/* Terms by place in the document. */
typedef struct by_place {
    const term **at;
    size_t *first; /* of a place; [places] is the end */
    size_t places;
} by_place;

static bool sort_by_place(by_place *out, arena *mem, const terms *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].rule->place >= out->places) out->places = all->at[i].rule->place + 1U;
    out->at = arena_array(mem, all->count + 1, sizeof *out->at);
    out->first = arena_array(mem, out->places + 2, sizeof *out->first);
    if (!out->at || !out->first) return false;
    for (size_t i = 0; i < all->count; i++) out->first[all->at[i].rule->place + 2]++;
    for (size_t i = 2; i < out->places + 2; i++) out->first[i] += out->first[i - 1];
    for (size_t i = 0; i < all->count; i++) out->at[out->first[all->at[i].rule->place + 1]++] = &all->at[i];
    return true;
}

static vault_code lint_rule(linter *l, const term *const *of, size_t count)
{
    VAULT_TRY(find_wide(l, of[0]->rule));
    VAULT_TRY(find_conflict(l, of[0]));
    VAULT_TRY(find_shadowed(l, of, count));
    VAULT_TRY(find_expired(l, of[0]->rule));
    return find_unmet(l, of[0]->rule);
}

vault_code policy_lint(lint_list *out, arena *mem, const policy *p, const lint_ask *ask, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    linter l = {.mem = mem, .scratch = scratch, .policy = p, .ask = ask, .out = out, .err = err};
    by_place sorted = {0};
    const policy_side side = {.policy = p};
    *out = (lint_list){0};
    VAULT_TRY(terms_make(&l.all, mem, &side, &l.sets, err));
    if (!scratch || !sort_by_place(&sorted, mem, &l.all))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for findings");
    out->at = arena_array(mem, sorted.places * FINDINGS_A_RULE + 1, sizeof *out->at);
    if (!out->at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for findings");
    for (size_t i = 0; i < sorted.places; i++) {
        size_t first = sorted.first[i], count = sorted.first[i + 1] - first;
        if (count > 0) VAULT_TRY(lint_rule(&l, sorted.at + first, count));
    }
    return VAULT_OK;
}

vault_code policy_rules(rule_list *out, arena *mem, const policy *p, vault_error *err)
{
    *out = (rule_list){.ids = arena_array(mem, p->count + 1, sizeof *out->ids)};
    if (!out->ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rules");
    for (size_t i = 0; i < p->count; i++) {
        size_t place = p->rules[i].place;
        if (!out->ids[place]) out->count++;
        out->ids[place] = p->ids[place];
    }
    return VAULT_OK;
}
