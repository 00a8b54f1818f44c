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

void policy_compile(policy *p)
{
    qsort(p->rules, p->count, sizeof *p->rules, compare_rules);
    make_cells(p);
    make_purposes(p);
}
