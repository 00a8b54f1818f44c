/* What the policy is told of a call and of a resident. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"

/* ---- the call ---- */

int64_t service_now_us(const service *s)
{
    int64_t now = clock_now_us(), newest = ledger_newest_us(s->ledger);
    return now > newest ? now : newest;
}

/* Of a search the first item is the search itself. */
uint32_t request_residents(const method *m, const request *rq)
{
    size_t items = rq->in ? m->items(rq->in) : 1;
    if (m->action == LINE_SEARCH && items > 1) items--;
    return items < UINT32_MAX ? (uint32_t)items : UINT32_MAX;
}

policy_facts call_asks(const call *c, policy_action action, policy_form form, field_set fields)
{
    return (policy_facts){.action = action,
                          .form = form,
                          .fields = fields,
                          .consumer = c->caller->consumer,
                          .purpose = c->purpose->no,
                          .person = c->person ? &c->person->acting : NULL,
                          .date = clock_shanghai_date(c->now_us),
                          .minute = clock_shanghai_minute(c->now_us),
                          .ticket = c->context->ticket,
                          .residents = c->residents,
                          .approved = c->approval != NULL,
                          .break_glass = c->emergency != NULL};
}

/* ---- the resident ---- */

policy_resident item_facts_at(session *s, item *it, const admission *a, area_code area)
{
    (void)s, (void)it, (void)a;
    return (policy_resident){.area = area};
}
