/* Where an admitted call is allowed, before anybody asks for a resident: what a search walks over. */
#include "policy/internal.h"

#include <stdlib.h>

/* Borrowed: sorted and disjoint. */
typedef struct areas {
    const area_range *at;
    size_t count;
} areas;

/* What two lists share, behind what `out` holds. */
static void add_shared(area_list *out, areas a, areas b)
{
    for (size_t i = 0, j = 0; i < a.count && j < b.count;) {
        const area_range *x = &a.at[i], *y = &b.at[j];
        area_range both = {.low = x->low > y->low ? x->low : y->low, .high = x->high < y->high ? x->high : y->high};
        if (both.low <= both.high) out->at[out->count++] = both;
        if (x->high < y->high)
            i++;
        else
            j++;
    }
}

static int compare_lows(const void *a, const void *b)
{
    const area_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Overlapping and neighbouring ranges become one. */
static void join(area_list *list)
{
    size_t kept = 0;
    if (list->count == 0) return;
    qsort(list->at, list->count, sizeof *list->at, compare_lows);
    for (size_t i = 1; i < list->count; i++) {
        area_range *last = &list->at[kept], next = list->at[i];
        if (next.low > last->high + 1)
            list->at[++kept] = next;
        else if (next.high > last->high)
            last->high = next.high;
    }
    list->count = kept + 1;
}

/* Two lists share at most one range for each of their ends. */
static size_t room_for(const policy_rule *r, const policy_reach *of)
{
    size_t own = r->own_area ? of->facts->person->area_count : 0;
    return r->area_count + own + of->asked.count;
}

/* The areas of one rule for this call. With own_area there is a person: the rule was asked. */
static vault_code add_rule(area_list *out, arena *mem, const policy *p, const policy_rule *r, const policy_reach *of)
{
    static const area_range all = {.low = 0, .high = INT64_MAX};
    const areas everywhere = {&all, 1}, asked = {of->asked.at, of->asked.count};
    const policy_person *who = of->facts->person;
    area_list narrowed = {.at = arena_array(mem, room_for(r, of), sizeof *narrowed.at)};
    if (!narrowed.at) return VAULT_EXHAUSTED;
    add_shared(&narrowed, (areas){p->areas + r->first_area, r->area_count},
               r->own_area ? (areas){who->areas, who->area_count} : everywhere);
    add_shared(out, (areas){narrowed.at, narrowed.count}, asked.count > 0 ? asked : everywhere);
    return VAULT_OK;
}

#define AREA_LAST INT64_C(999999999999999)

/* Where a prohibition refuses every resident. */
static areas forbidden_areas(const policy *p, const policy_match *m)
{
    static const area_range all = {.low = 0, .high = AREA_LAST};
    if (match_for_all(m)) return (areas){&all, 1};
    return m->classes == 0 ? (areas){p->areas + m->first_area, m->area_count} : (areas){NULL, 0};
}

typedef struct gathering {
    const policy *policy;
    area_list list;
    bool counting;
} gathering;

static bool gather(void *context, const policy_match *m)
{
    gathering *g = context;
    const areas more = forbidden_areas(g->policy, m);
    for (size_t i = 0; i < more.count && !g->counting; i++) g->list.at[g->list.count + i] = more.at[i];
    g->list.count += more.count;
    return true;
}

/* What lies between the ranges of a joined list, in place: one range more. */
static void turn_round(area_list *list)
{
    int64_t low = 0;
    for (size_t i = 0; i < list->count; i++) {
        const area_range next = list->at[i];
        list->at[i] = (area_range){.low = low, .high = next.low - 1};
        low = next.high + 1;
    }
    list->at[list->count++] = (area_range){.low = low, .high = AREA_LAST};
}

/* Takes away where prohibitions refuse everybody. */
static vault_code leave_out_forbidden(area_list *out, arena *mem, const policy *p, const policy_reach *of)
{
    gathering g = {.policy = p, .counting = true};
    matches_each(forbids_of(p), of->facts, gather, &g);
    if (g.list.count == 0) return VAULT_OK;
    area_list left = {.at = arena_array(mem, out->count + g.list.count + 1, sizeof *left.at)};
    g = (gathering){.policy = p, .list.at = arena_array(mem, g.list.count + 1, sizeof *left.at)};
    if (!left.at || !g.list.at) return VAULT_EXHAUSTED;
    matches_each(forbids_of(p), of->facts, gather, &g);
    join(&g.list);
    turn_round(&g.list);
    add_shared(&left, (areas){out->at, out->count}, (areas){g.list.at, g.list.count});
    *out = left;
    return VAULT_OK;
}

vault_code policy_areas(area_list *out, arena *mem, const policy *p, const policy_reach *of, vault_error *err)
{
    const policy_rule *rules[ADMISSION_RULES];
    unsigned count = 0;
    size_t room = 0;
    *out = (area_list){0};
    if (of->admission->failed != CLAUSE_NONE) return VAULT_OK;
    for (unsigned i = 0; i < of->admission->count && i < ADMISSION_RULES; i++) {
        uint16_t number = of->admission->rules[i];
        if (number >= p->count || !rule_admits(p, &p->rules[number], of->facts)) continue;
        rules[count++] = &p->rules[number];
        room += room_for(&p->rules[number], of);
    }
    if (count == 0) return VAULT_OK;
    if (!(out->at = arena_array(mem, room, sizeof *out->at))) return vault_fail(err, VAULT_EXHAUSTED, "areas");
    for (unsigned i = 0; i < count; i++) {
        if (add_rule(out, mem, p, rules[i], of) != VAULT_OK) return vault_fail(err, VAULT_EXHAUSTED, "areas of a rule");
    }
    join(out);
    if (leave_out_forbidden(out, mem, p, of) == VAULT_OK) return VAULT_OK;
    return vault_fail(err, VAULT_EXHAUSTED, "areas of prohibitions");
}

/* ---- how many residents of them a search may give ---- */

typedef struct place_asked {
    const policy *policy;
    int64_t place;
    bool forbidden;
} place_asked;

static bool forbids_place(void *context, const policy_match *m)
{
    place_asked *asked = context;
    const areas there = forbidden_areas(asked->policy, m);
    asked->forbidden = area_ranges_cover(there.at, there.count, (area_code){asked->place});
    return !asked->forbidden;
}

/* The most that one rule allows at the place; 0 where none does, or where it was not asked for. */
static unsigned most_at(const policy *p, const policy_reach *of, int64_t place)
{
    unsigned most = 0;
    place_asked asked = {.policy = p, .place = place};
    if (of->asked.count > 0 && !area_ranges_cover(of->asked.at, of->asked.count, (area_code){place})) return 0;
    for (unsigned i = 0; i < of->admission->count && i < ADMISSION_RULES; i++) {
        uint16_t number = of->admission->rules[i];
        const policy_rule *r = number < p->count ? &p->rules[number] : NULL;
        if (!r || r->results <= most || !rule_admits(p, r, of->facts)) continue;
        if (rule_covers(p, r, of->facts, (area_code){place})) most = r->results;
    }
    if (most > 0) matches_each(forbids_of(p), of->facts, forbids_place, &asked);
    return asked.forbidden ? 0 : most;
}

static unsigned lesser(unsigned least, unsigned most)
{
    return most > 0 && (least == 0 || most < least) ? most : least;
}

/* It changes where an area begins, and behind its end. */
static unsigned least_of(const policy *p, const policy_reach *of, areas list, unsigned least)
{
    for (size_t i = 0; i < list.count; i++) {
        least = lesser(least, most_at(p, of, list.at[i].low));
        least = lesser(least, most_at(p, of, list.at[i].high + 1));
    }
    return least;
}

typedef struct results_asked {
    const policy *policy;
    const policy_reach *of;
    unsigned least;
} results_asked;

static bool add_edges(void *context, const policy_match *m)
{
    results_asked *asked = context;
    asked->least = least_of(asked->policy, asked->of, forbidden_areas(asked->policy, m), asked->least);
    return true;
}

unsigned policy_results(const policy *p, const policy_reach *of)
{
    const policy_person *who = of->facts->person;
    results_asked asked = {.policy = p, .of = of};
    if (of->admission->failed != CLAUSE_NONE) return 0;
    unsigned least = least_of(p, of, (areas){of->asked.at, of->asked.count}, 0);
    if (who) least = least_of(p, of, (areas){who->areas, who->area_count}, least);
    for (unsigned i = 0; i < of->admission->count && i < ADMISSION_RULES; i++) {
        uint16_t number = of->admission->rules[i];
        if (number >= p->count) continue;
        const policy_rule *r = &p->rules[number];
        least = least_of(p, of, (areas){p->areas + r->first_area, r->area_count}, least);
    }
    asked.least = least;
    matches_each(forbids_of(p), of->facts, add_edges, &asked);
    return asked.least;
}
