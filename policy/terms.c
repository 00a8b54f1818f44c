#include "policy/terms.h"

#include <stdlib.h>
#include <string.h>

static const area_range everywhere = {.low = 0, .high = INT64_MAX};

/* ---- shared numbers ---- */

static uint16_t shared(const uint16_t *map, uint16_t own)
{
    return map ? map[own] : own;
}

static uint64_t shared_roles(const policy_side *of, uint64_t roles)
{
    uint64_t out = 0;
    if (roles == UINT64_MAX || !of->roles) return roles;
    for (uint16_t no = 1; no <= ROLES_MAX; no++)
        if (roles & role_bit((role_no){no})) out |= role_bit((role_no){of->roles[no]});
    return out;
}

static bool same_texts(const policy_class *a, const policy_class *b)
{
    if (a->text_count != b->text_count) return false;
    for (size_t i = 0; i < a->text_count; i++)
        if (strcmp(a->texts[i], b->texts[i]) != 0) return false;
    return true;
}

bool policy_classes_same(const policy_class *a, const policy_class *b)
{
    return strcmp(a->id, b->id) == 0 && a->field == b->field && a->test == b->test && a->years == b->years &&
           same_texts(a, b);
}

static bool same_aggregation(const policy_aggregation *a, const policy_aggregation *b)
{
    return strcmp(a->id, b->id) == 0 && a->days == b->days && a->per == b->per &&
           field_set_within(a->fields, b->fields) && field_set_within(b->fields, a->fields);
}

/* Where what a policy has of its own lies among what is shared. */
typedef struct set_maps {
    uint8_t classes[CLASSES_MAX], aggregations[AGGREGATIONS_MAX];
} set_maps;

/* False: there are too many. */
static bool share_classes(set_maps *to, shared_sets *all, const policy *p)
{
    for (size_t i = 0; i < p->class_count; i++) {
        size_t at = 0;
        while (at < all->class_count && !policy_classes_same(all->classes[at], &p->classes[i])) at++;
        if (at == CLASSES_MAX) return false;
        if (at == all->class_count) all->classes[all->class_count++] = &p->classes[i];
        to->classes[i] = (uint8_t)at;
    }
    return true;
}

static bool share_aggregations(set_maps *to, shared_sets *all, const policy *p)
{
    for (size_t i = 0; i < p->aggregation_count; i++) {
        size_t at = 0;
        while (at < all->aggregation_count && !same_aggregation(all->aggregations[at], &p->aggregations[i])) at++;
        if (at == AGGREGATIONS_MAX) return false;
        if (at == all->aggregation_count) all->aggregations[all->aggregation_count++] = &p->aggregations[i];
        to->aggregations[i] = (uint8_t)at;
    }
    return true;
}

static uint64_t shared_set(const uint8_t map[64], uint64_t own)
{
    uint64_t out = 0;
    for (unsigned i = 0; i < 64; i++)
        if (own >> i & 1) out |= UINT64_C(1) << map[i];
    return out;
}

/* ---- rules and prohibitions ---- */

static unsigned forms_of(const policy_rule *r)
{
    unsigned forms = 0;
    for (policy_form f = 0; f < FORMS; f++)
        if (form_allowed(r, f)) forms |= 1U << f;
    return forms;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static term term_of(const policy_side *of, const policy_rule *r, const set_maps *maps, const shared_sets *sets)
{
    const policy *p = of->policy;
    bool shows = r->action == POLICY_REVEAL || r->action == POLICY_EXPORT;
    return (term){.key = rule_key((purpose_no){shared(of->purposes, r->purpose.no)},
                                  (consumer_no){shared(of->consumers, r->consumer.no)}, r->action),
                  .at = {.fields = r->fields,
                         .forms = forms_of(r),
                         .roles = r->person ? shared_roles(of, r->roles) : UINT64_MAX,
                         .alone = !r->person,
                         .areas = p->areas + r->first_area,
                         .area_count = r->area_count,
                         .from = r->sharing_from > r->from ? r->sharing_from : r->from,
                         .until = least(least(r->until, r->assessed_until), r->sharing_until)},
                  .only = shared_set(maps->classes, r->only),
                  .except = shared_set(maps->classes, r->except),
                  .barred = shows ? shared_set(maps->aggregations, aggregations_above(p, r)) : 0,
                  .sets = sets,
                  .policy = p,
                  .rule = r};
}

static ban ban_of(const policy_side *of, const policy_match *m, const set_maps *maps)
{
    const policy *p = of->policy;
    return (ban){.purpose = {shared(of->purposes, m->purpose.no)},
                 .consumer = {shared(of->consumers, m->consumer.no)},
                 .actions = m->actions,
                 .at = {.fields = m->fields,
                        .forms = m->forms,
                        .roles = shared_roles(of, m->roles),
                        .alone = m->roles == UINT64_MAX,
                        .areas = m->area_count ? p->areas + m->first_area : &everywhere,
                        .area_count = m->area_count ? m->area_count : 1,
                        .from = m->from,
                        .until = m->until},
                 .classes = shared_set(maps->classes, m->classes),
                 .index = m->index};
}

static int compare_terms(const void *a, const void *b)
{
    const term *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->rule->place > y->rule->place) - (x->rule->place < y->rule->place);
}

vault_code terms_make(terms *out, arena *mem, const policy_side *of, shared_sets *sets, vault_error *err)
{
    const policy *p = of->policy;
    set_maps maps = {0};
    *out = (terms){0};
    if (!p) return VAULT_OK;
    if (!share_classes(&maps, sets, p) || !share_aggregations(&maps, sets, p))
        return vault_fail(err, VAULT_EXHAUSTED, "too many classes of residents, or aggregations");
    out->at = arena_array(mem, p->count + 1, sizeof *out->at);
    out->bans = arena_array(mem, p->forbid_count + 1, sizeof *out->bans);
    if (!out->at || !out->bans) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a comparison");
    for (size_t i = 0; i < p->count; i++) out->at[out->count++] = term_of(of, &p->rules[i], &maps, sets);
    for (size_t i = 0; i < p->forbid_count; i++) out->bans[out->ban_count++] = ban_of(of, &p->forbids[i], &maps);
    qsort(out->at, out->count, sizeof *out->at, compare_terms);
    return VAULT_OK;
}

void terms_of(const terms *t, uint64_t key, size_t *first, size_t *end)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->at[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low < t->count && t->at[low].key == key) low++;
    *end = low;
}

/* ---- conditions ---- */

static const week *week_of(const term *t)
{
    return t->rule->week ? &t->policy->weeks[t->rule->week - 1] : NULL;
}

static bool hours_within(const week *inner, const week *outer)
{
    if (!outer || !inner) return !outer; /* NULL: at all hours */
    for (size_t i = 0; i < sizeof outer->minutes / sizeof *outer->minutes; i++)
        if (inner->minutes[i] & ~outer->minutes[i]) return false;
    return true;
}

static bool has_pattern(const term *t, const char *pattern)
{
    for (size_t i = 0; i < t->rule->pattern_count; i++)
        if (strcmp(t->policy->patterns[t->rule->first_pattern + i], pattern) == 0) return true;
    return false;
}

/* Pattern by pattern: whether one includes another is not looked at. */
static bool tickets_within(const term *inner, const term *outer)
{
    if (outer->rule->pattern_count == 0) return true;
    for (size_t i = 0; i < inner->rule->pattern_count; i++)
        if (!has_pattern(outer, inner->policy->patterns[inner->rule->first_pattern + i])) return false;
    return inner->rule->pattern_count > 0;
}

static bool glass_within(const policy_rule *inner, const policy_rule *outer)
{
    return (inner->glass_hours == 0) == (outer->glass_hours == 0) && inner->glass_hours <= outer->glass_hours &&
           inner->glass_residents <= outer->glass_residents;
}

static bool approval_within(const policy_rule *inner, const policy_rule *outer)
{
    return outer->approval_above == 0 || (inner->approval_above != 0 && inner->approval_above <= outer->approval_above);
}

bool aggregation_touches(const policy_aggregation *a, field_set fields)
{
    uint64_t both = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) both |= a->fields.words[i] & fields.words[i];
    return both != 0;
}

/* What the one bars, and the other does not, for the other's fields. */
static bool bars_more(const term *a, const term *b)
{
    uint64_t more = a->barred & ~b->barred;
    for (size_t i = 0; i < a->sets->aggregation_count; i++)
        if ((more >> i & 1) && aggregation_touches(a->sets->aggregations[i], b->at.fields)) return true;
    return false;
}

bool no_stricter(const term *a, uint64_t a_except, const term *b, uint64_t b_except)
{
    const policy_rule *outer = a->rule, *inner = b->rule;
    if ((outer->own_area && !inner->own_area) || (outer->consent && !inner->consent)) return false;
    if (a->only != 0 && (b->only == 0 || (b->only & ~a->only))) return false;
    if ((a_except & ~b_except) || bars_more(a, b) || outer->results < inner->results) return false;
    return hours_within(week_of(b), week_of(a)) && tickets_within(b, a) && approval_within(inner, outer) &&
           glass_within(inner, outer);
}

static bool regions_equal(const region *a, const region *b)
{
    if (a->forms != b->forms || a->roles != b->roles || a->alone != b->alone || a->from != b->from ||
        a->until != b->until || a->area_count != b->area_count)
        return false;
    if (!field_set_within(a->fields, b->fields) || !field_set_within(b->fields, a->fields)) return false;
    for (size_t i = 0; i < a->area_count; i++)
        if (a->areas[i].low != b->areas[i].low || a->areas[i].high != b->areas[i].high) return false;
    return true;
}

bool terms_equal(const term *a, const term *b)
{
    return regions_equal(&a->at, &b->at) && a->only == b->only && no_stricter(a, a->except, b, b->except) &&
           no_stricter(b, b->except, a, a->except);
}

bool bans_equal(const terms *a, const terms *b)
{
    if (a->ban_count != b->ban_count) return false;
    for (size_t i = 0; i < a->ban_count; i++) {
        const ban *x = &a->bans[i], *y = &b->bans[i];
        if (x->purpose.no != y->purpose.no || x->consumer.no != y->consumer.no || x->actions != y->actions ||
            x->classes != y->classes || !regions_equal(&x->at, &y->at))
            return false;
    }
    return true;
}

/* ---- what is left ---- */

enum { PIECES_FIRST = 16 };

static void keep(reduction *r, pieces *to, const region *at, uint64_t except)
{
    if (r->failed || region_empty(at)) return;
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : PIECES_FIRST;
        piece *more = arena_array(r->mem, room, sizeof *more);
        if (!more) {
            r->failed = true;
            return;
        }
        if (to->count) memcpy(more, to->at, to->count * sizeof *more);
        to->at = more;
        to->room = room;
    }
    to->at[to->count++] = (piece){.at = *at, .except = except};
}

/* False: given up. */
static bool cut(reduction *r, region_split *out, const region *at, const region *by)
{
    if (++r->steps > r->most || !region_cut(out, r->mem, at, by)) r->failed = true;
    return !r->failed;
}

static void keep_outside(reduction *r, pieces *to, const region_split *s, uint64_t except)
{
    for (unsigned i = 0; i < s->count; i++) keep(r, to, &s->outside[i], except);
}

void reduction_begin(reduction *r, const term *of, const region *within)
{
    region_split s;
    r->of = of;
    r->left = (pieces){0};
    if (cut(r, &s, &of->at, within)) keep(r, &r->left, &s.inside, of->except);
}

static bool ban_is_for(const ban *b, const term *t)
{
    return (b->purpose.no == 0 || b->purpose.no == t->key >> 48) &&
           (b->consumer.no == 0 || b->consumer.no == (t->key >> 32 & 0xffff)) &&
           (b->actions >> (t->key & 0xffffffff) & 1);
}

static void forbid(reduction *r, const ban *b)
{
    pieces rest = {0};
    region_split s;
    for (size_t i = 0; i < r->left.count; i++) {
        const piece *one = &r->left.at[i];
        if (!cut(r, &s, &one->at, &b->at)) return;
        keep_outside(r, &rest, &s, one->except);
        if (b->classes) keep(r, &rest, &s.inside, one->except | b->classes);
    }
    r->left = rest;
}

void reduction_forbid(reduction *r, const terms *own)
{
    for (size_t i = 0; i < own->ban_count && r->left.count > 0 && !r->failed; i++)
        if (ban_is_for(&own->bans[i], r->of) && regions_meet(&own->bans[i].at, &r->of->at)) forbid(r, &own->bans[i]);
}

/* A part of a piece that `by` covers as a region: kept where the other side's prohibitions, from the `from`th on, take
 * it away again, or where its conditions are stricter by the classes that they except. */
typedef struct cover {
    reduction *r;
    const terms *other;
    const term *by;
    pieces *rest;
    uint64_t piece_except;
} cover;

static void cover_part(const cover *c, const region *at, uint64_t except, size_t from)
{
    region_split s;
    if (c->r->failed || region_empty(at)) return;
    if (except & ~c->piece_except) {
        keep(c->r, c->rest, at, c->piece_except);
        return;
    }
    while (from < c->other->ban_count &&
           (!ban_is_for(&c->other->bans[from], c->by) || !regions_meet(&c->other->bans[from].at, at)))
        from++;
    if (from == c->other->ban_count) return; /* covered */
    const ban *b = &c->other->bans[from];
    if (!cut(c->r, &s, at, &b->at)) return;
    if (b->classes)
        cover_part(c, &s.inside, except | b->classes, from + 1);
    else
        keep(c->r, c->rest, &s.inside, c->piece_except);
    for (unsigned i = 0; i < s.count; i++) cover_part(c, &s.outside[i], except, from + 1);
}

void reduction_cover(reduction *r, const terms *other, const term *by)
{
    pieces rest = {0};
    region_split s;
    if (!no_stricter(by, 0, r->of, 0)) return;
    for (size_t i = 0; i < r->left.count && !r->failed; i++) {
        const piece *one = &r->left.at[i];
        const cover c = {.r = r, .other = other, .by = by, .rest = &rest, .piece_except = one->except};
        if (!cut(r, &s, &one->at, &by->at)) return;
        keep_outside(r, &rest, &s, one->except);
        cover_part(&c, &s.inside, by->except, 0);
    }
    if (!r->failed) r->left = rest;
}
