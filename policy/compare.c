/* Who gains and who loses: each rule of one side, less what its own side prohibits, less what the other side gives
 * under no stricter conditions. What is left is the difference. */
#include "policy/terms.h"

#include <string.h>

enum { SCRATCH = 64 << 20, STEPS_MAX = 4000000 };

typedef struct comparison {
    arena *mem, *scratch;
    const policy_pair *pair;
    shared_sets sets;
    terms before, after;
    region within; /* what is asked about */
    area_range area;
    access_list *out;
    size_t steps;
    vault_error *err;
} comparison;

/* One of the two directions. */
typedef struct direction {
    const terms *own, *other;
    bool gains, same_bans;
} direction;

/* ---- what is asked about ---- */

static const area_range everywhere = {.low = 0, .high = INT64_MAX};

static field_set all_fields(void)
{
    field_set all;
    memset(&all, 0xff, sizeof all);
    return all;
}

static void read_filter(comparison *c)
{
    const access_filter *only = &c->pair->only;
    const policy_person *who = only->person;
    c->area = only->area.high ? only->area : everywhere;
    c->within = (region){.fields = all_fields(),
                         .forms = only->forms ? only->forms : UINT32_MAX,
                         .roles = who ? role_bit(who->role) : UINT64_MAX,
                         .alone = !who,
                         .areas = &c->area,
                         .area_count = 1,
                         .from = who && who->from > only->date ? who->from : only->date,
                         .until = who ? who->until : UINT32_MAX};
    if (!only->field) return;
    c->within.fields = (field_set){0};
    field_set_add(&c->within.fields, only->field);
}

static bool asked_about(const comparison *c, const term *t)
{
    uint16_t wanted = c->pair->only.consumer.no;
    return wanted == 0 || wanted == (t->key >> 32 & 0xffff);
}

/* ---- one rule ---- */

static vault_code emit(comparison *c, const term *t, const piece *left, bool gains)
{
    policy_access *to = &c->out->at[c->out->count];
    area_range *areas = arena_array(c->mem, left->at.area_count, sizeof *areas);
    if (!areas) return vault_fail(c->err, VAULT_EXHAUSTED, "no memory for a comparison");
    memcpy(areas, left->at.areas, left->at.area_count * sizeof *areas);
    *to = (policy_access){.gains = gains,
                          .consumer = {(uint16_t)(t->key >> 32 & 0xffff)},
                          .purpose = {(uint16_t)(t->key >> 48)},
                          .action = t->rule->action,
                          .forms = left->at.forms,
                          .fields = left->at.fields,
                          .roles = left->at.roles,
                          .alone = left->at.alone,
                          .own_area = t->rule->own_area,
                          .areas = areas,
                          .area_count = left->at.area_count,
                          .from = left->at.from,
                          .until = left->at.until,
                          .rule = rule_id(t->policy, t->rule)};
    c->out->count++;
    return conditions_of(to, c->mem, t, left->except, &c->sets, c->err);
}

/* With own_area, of the areas asked about only those that are the person's. */
static bool narrow_to_own(comparison *c, reduction *r, const term *t)
{
    const policy_person *who = c->pair->only.person;
    region own = c->within;
    if (!who || !t->rule->own_area) return reduction_begin(r, t, &c->within), true;
    own.areas = who->areas;
    own.area_count = who->area_count;
    if (who->area_count == 0) return false;
    reduction_begin(r, t, &own);
    return true;
}

static vault_code compare_term(comparison *c, const term *t, const direction *d)
{
    size_t first, end;
    arena_reset(c->scratch);
    reduction r = {.mem = c->scratch, .steps = c->steps, .most = STEPS_MAX};
    if (!narrow_to_own(c, &r, t)) return VAULT_OK;
    reduction_forbid(&r, d->own);
    terms_of(d->other, t->key, &first, &end);
    for (size_t i = first; i < end && r.left.count > 0 && !r.failed; i++)
        if (regions_meet(&d->other->at[i].at, &t->at)) reduction_cover(&r, d->other, &d->other->at[i]);
    c->steps = r.steps;
    c->out->cut |= r.failed;
    for (size_t i = 0; i < r.left.count && !c->out->cut; i++) {
        c->out->cut = c->out->count == ACCESS_MAX;
        if (!c->out->cut) VAULT_TRY(emit(c, t, &r.left.at[i], d->gains));
    }
    return VAULT_OK;
}

/* A rule that the other side has, too, gives nothing new where prohibitions are the same: most rules of two versions
 * are such. `next`: where the last one was found; the next one mostly stands behind it. */
static bool stands_there(const direction *d, const term *t, size_t *next)
{
    size_t first, end;
    if (!d->same_bans) return false;
    if (*next < d->other->count && d->other->at[*next].key == t->key && terms_equal(&d->other->at[*next], t))
        return ++*next, true;
    terms_of(d->other, t->key, &first, &end);
    for (size_t i = first; i < end; i++) {
        if (!terms_equal(&d->other->at[i], t)) continue;
        *next = i + 1;
        return true;
    }
    return false;
}

static vault_code compare_all(comparison *c, const direction *d)
{
    size_t next = 0;
    for (size_t i = 0; i < d->own->count && !c->out->cut; i++) {
        const term *t = &d->own->at[i];
        if (!asked_about(c, t) || stands_there(d, t, &next)) continue;
        VAULT_TRY(compare_term(c, t, d));
    }
    return VAULT_OK;
}

/* ---- both directions ---- */

static vault_code compare_sides(comparison *c)
{
    const policy_pair *pair = c->pair;
    VAULT_TRY(terms_make(&c->before, c->mem, &pair->before, &c->sets, c->err));
    VAULT_TRY(terms_make(&c->after, c->mem, &pair->after, &c->sets, c->err));
    bool same = bans_equal(&c->before, &c->after);
    const direction gains = {.own = &c->after, .other = &c->before, .gains = true, .same_bans = same};
    const direction losses = {.own = &c->before, .other = &c->after, .same_bans = same};
    VAULT_TRY(compare_all(c, &gains));
    return compare_all(c, &losses);
}

vault_code policy_compare(access_list *out, arena *mem, const policy_pair *pair, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    comparison c = {.mem = mem, .scratch = scratch, .pair = pair, .out = out, .err = err};
    *out = (access_list){.at = arena_array(mem, ACCESS_MAX, sizeof *out->at)};
    if (!scratch || !out->at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a comparison");
    read_filter(&c);
    return compare_sides(&c);
}

policy_resident policy_rule_implies(const policy *p, unsigned rule)
{
    if (rule >= p->count) return (policy_resident){0};
    const policy_rule *r = &p->rules[rule];
    bool one = r->only && !(r->only & (r->only - 1)); /* of several it is not known which */
    return (policy_resident){.in = one ? r->only : 0, .out = r->except, .consent = r->consent};
}
