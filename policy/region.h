/* Regions of what may be asked for: sets of fields, forms and roles, areas, and a span of days. Inside policy/. */
#pragma once
#include "policy/policy.h"

typedef struct region {
    field_set fields;
    unsigned forms;
    uint64_t roles;
    bool alone;              /* without a person */
    const area_range *areas; /* sorted and disjoint */
    size_t area_count;
    uint32_t from, until;
} region;

/* Whether nothing lies in it. */
bool region_empty(const region *r);
/* Whether they share anything. */
bool regions_meet(const region *a, const region *b);
/* What of `r` lies in `by` becomes *inside (empty: nothing does), the rest up to REGION_PARTS others. False: no memory.
 */
enum { REGION_PARTS = 6 };
typedef struct region_split {
    region inside, outside[REGION_PARTS];
    unsigned count;
} region_split;
bool region_cut(region_split *out, arena *mem, const region *r, const region *by);
