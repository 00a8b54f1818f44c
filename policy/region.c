#include "policy/region.h"

static bool no_fields(field_set s)
{
    return field_set_within(s, (field_set){0});
}

static field_set both(field_set a, field_set b)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) a.words[i] &= b.words[i];
    return a;
}

static field_set without(field_set a, field_set b)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) a.words[i] &= ~b.words[i];
    return a;
}

bool region_empty(const region *r)
{
    return no_fields(r->fields) || !r->forms || (!r->roles && !r->alone) || r->area_count == 0 || r->from > r->until;
}

static bool areas_meet(const region *a, const region *b)
{
    for (size_t i = 0, j = 0; i < a->area_count && j < b->area_count;) {
        if (a->areas[i].high < b->areas[j].low)
            i++;
        else if (b->areas[j].high < a->areas[i].low)
            j++;
        else
            return true;
    }
    return false;
}

bool regions_meet(const region *a, const region *b)
{
    return (a->forms & b->forms) && ((a->roles & b->roles) || (a->alone && b->alone)) && a->from <= b->until &&
           b->from <= a->until && !no_fields(both(a->fields, b->fields)) && areas_meet(a, b);
}

/* ---- areas ---- */

/* Adds what of `whole` lies in `by` to `in`, and what does not to `out`: both have room. */
typedef struct area_parts {
    area_range *in, *out;
    size_t in_count, out_count;
} area_parts;

static void cut_range(area_parts *to, area_range whole, const area_range *by, size_t count)
{
    for (size_t i = 0; i < count && whole.low <= whole.high; i++) {
        if (by[i].high < whole.low) continue;
        if (by[i].low > whole.high) break;
        if (by[i].low > whole.low) to->out[to->out_count++] = (area_range){whole.low, by[i].low - 1};
        int64_t low = by[i].low > whole.low ? by[i].low : whole.low;
        int64_t high = by[i].high < whole.high ? by[i].high : whole.high;
        to->in[to->in_count++] = (area_range){low, high};
        whole.low = high + 1;
    }
    if (whole.low <= whole.high) to->out[to->out_count++] = whole;
}

static bool cut_areas(area_parts *to, arena *mem, const region *r, const region *by)
{
    size_t room = 2 * (r->area_count + by->area_count) + 1;
    to->in = arena_array(mem, room, sizeof *to->in);
    to->out = arena_array(mem, room, sizeof *to->out);
    if (!to->in || !to->out) return false;
    for (size_t i = 0; i < r->area_count; i++) cut_range(to, r->areas[i], by->areas, by->area_count);
    return true;
}

/* ---- one dimension after the other ---- */

static void put_out(region_split *s, region part)
{
    if (!region_empty(&part)) s->outside[s->count++] = part;
}

static void cut_sets(region_split *s, const region *by)
{
    region *in = &s->inside, rest = *in;
    rest.fields = without(in->fields, by->fields);
    put_out(s, rest);
    in->fields = both(in->fields, by->fields);
    rest = *in;
    rest.forms &= ~by->forms;
    put_out(s, rest);
    in->forms &= by->forms;
    rest = *in;
    rest.roles &= ~by->roles;
    rest.alone = in->alone && !by->alone;
    put_out(s, rest);
    in->roles &= by->roles;
    in->alone = in->alone && by->alone;
}

/* A day before, as a bound: what ends before a day need not be a day itself. */
static void cut_days(region_split *s, const region *by)
{
    region *in = &s->inside, rest = *in;
    if (by->from > in->from) {
        rest.until = by->from - 1;
        put_out(s, rest);
        in->from = by->from;
    }
    rest = *in;
    if (by->until < in->until) {
        rest.from = by->until + 1;
        put_out(s, rest);
        in->until = by->until;
    }
}

bool region_cut(region_split *out, arena *mem, const region *r, const region *by)
{
    area_parts parts = {0};
    *out = (region_split){.inside = *r};
    if (!regions_meet(r, by)) {
        out->outside[out->count++] = *r;
        out->inside = (region){0};
        return true;
    }
    cut_sets(out, by);
    cut_days(out, by);
    if (!cut_areas(&parts, mem, &out->inside, by)) return false;
    region rest = out->inside;
    rest.areas = parts.out;
    rest.area_count = parts.out_count;
    put_out(out, rest);
    out->inside.areas = parts.in;
    out->inside.area_count = parts.in_count;
    return true;
}
