/* What officers and administrators may list. Their page is not a rule's: no consumer, no purpose of a department stands
 * behind it, and so nothing but masked values is ever granted. */
#include "policy/internal.h"

static bool area_within(area_range inner, area_range outer)
{
    return inner.low > 0 && inner.low <= inner.high && inner.low >= outer.low && inner.high <= outer.high;
}

bool browse_admits(const browse_scope *scope, const browse_ask *ask)
{
    bool none = field_set_within(ask->fields, (field_set){0});
    return !none && field_set_within(ask->fields, scope->fields) && area_within(ask->area, scope->area) &&
           ask->rows >= 1 && ask->rows <= scope->rows && ask->date >= 1 && ask->date <= scope->until;
}

grant browse_decide(const browse_scope *scope, const browse_ask *ask, area_code area)
{
    bool inside = area.code >= ask->area.low && area.code <= ask->area.high;
    if (!browse_admits(scope, ask) || !inside) return (grant){.failed = CLAUSE_RESIDENT};
    return (grant){.given = true, .rule = NO_RULE, .form = FORM_MASKED, .fields = ask->fields};
}
