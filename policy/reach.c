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
    return VAULT_OK;
}

/* ---- how many residents of them a search may give ------------------------------------------------------------------
 */

/* The most that one rule allows at the place; 0 where none does, or where it was not asked for. */
static unsigned most_at(const policy *p, const policy_reach *of, int64_t place)
{
    unsigned most = 0;
    if (of->asked.count > 0 && !area_ranges_cover(of->asked.at, of->asked.count, (area_code){place})) return 0;
    for (unsigned i = 0; i < of->admission->count && i < ADMISSION_RULES; i++) {
        uint16_t number = of->admission->rules[i];
        const policy_rule *r = number < p->count ? &p->rules[number] : NULL;
        if (!r || r->results <= most || !rule_admits(p, r, of->facts)) continue;
        if (rule_covers(p, r, of->facts, (area_code){place})) most = r->results;
    }
    return most;
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

unsigned policy_results(const policy *p, const policy_reach *of)
{
    const policy_person *who = of->facts->person;
    unsigned least = least_of(p, of, (areas){of->asked.at, of->asked.count}, 0);
    if (of->admission->failed != CLAUSE_NONE) return 0;
    if (who) least = least_of(p, of, (areas){who->areas, who->area_count}, least);
    for (unsigned i = 0; i < of->admission->count && i < ADMISSION_RULES; i++) {
        uint16_t number = of->admission->rules[i];
        if (number >= p->count) continue;
        const policy_rule *r = &p->rules[number];
        least = least_of(p, of, (areas){p->areas + r->first_area, r->area_count}, least);
    }
    return least;
}
