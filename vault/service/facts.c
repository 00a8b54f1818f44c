/* What the policy is told of a call and of a resident. */
#include "vault/service/budgets.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

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

purpose_line call_purposes(const session *s, const call *c)
{
    purpose_line out = {0};
    bytes id = bytes_of_text(c->purpose->id);
    while (out.count < PURPOSES_ABOVE_MAX) {
        const purpose *at = manifest_purpose(s->manifest, id);
        if (at) out.ids[out.count++] = at->id;
        const uint8_t *slash = memrchr(id.at, '/', id.len);
        if (!slash) break;
        id.len = (size_t)(slash - id.at);
    }
    return out;
}

/* What stands in a row that does not open is not known; the row says so to whoever is shown a value. */
static bool consents(session *s, item *it)
{
    vault_error broken = {0};
    consent_word said;
    const purpose_line about = call_purposes(s, it->call);
    const consent_chain chain = {about.ids, about.count};
    if (record_consent(&said, s->cabinet, &it->record, &chain, &broken) == VAULT_OK)
        return consent_stands(&said, it->call->now_us);
    session_damage(s, &broken);
    return false;
}

static class_answer class_of(session *s, item *it, const policy_class *class, uint32_t today)
{
    vault_error broken = {0};
    class_answer out = CLASS_UNKNOWN;
    const schema_field *field = schema_number(&s->manifest->schema, class->field);
    const class_question q = {.record = &it->record, .field = field, .of = class, .today = today};
    if (field && record_class(&out, s->cabinet, &q, &broken) != VAULT_OK) session_damage(s, &broken);
    return out;
}

static void look_at_classes(policy_resident *out, session *s, item *it, const admission *a)
{
    const policy *rules = s->manifest->policy;
    uint32_t today = clock_shanghai_date(it->call->now_us);
    for (unsigned i = 0; i < CLASSES_MAX && a->classes >> i; i++) {
        const policy_class *class = a->classes >> i & 1 ? policy_class_at(rules, i) : NULL;
        if (!class) continue;
        class_answer answer = class_of(s, it, class, today);
        out->in |= (uint64_t)(answer == CLASS_IN) << i;
        out->out |= (uint64_t)(answer == CLASS_OUT) << i;
    }
}

/* The same work is done whoever the resident is, and whether there is one. */
policy_resident item_facts_at(session *s, item *it, const admission *a, const policy_facts *facts, area_code area)
{
    policy_resident out = {.area = area};
    if (a->aggregations) out.complete = seen_complete(s, it, a, facts);
    if (a->classes) look_at_classes(&out, s, it, a);
    if (a->consent) out.consent = consents(s, it);
    it->looked |= a->classes;
    if (area.code == 0) return (policy_resident){0};
    it->on_word |= out.consent;
    return out;
}

/* ---- for the line ---- */

const char *item_attributes(const session *s, const item *it)
{
    const policy *rules = s->manifest->policy;
    size_t room = 1, at = 0;
    if (!it->looked) return NULL;
    for (unsigned i = 0; i < CLASSES_MAX; i++)
        if (it->looked >> i & 1) room += strlen(policy_class_at(rules, i)->id) + 1;
    char *out = arena_alloc(s->mem, room);
    for (unsigned i = 0; out && i < CLASSES_MAX; i++)
        if (it->looked >> i & 1)
            at += (size_t)snprintf(out + at, room - at, "%s%s", at ? "," : "", policy_class_at(rules, i)->id);
    return out;
}

/* Elsewhere and nowhere are told apart by nobody. */
const char *item_clause(const item *it)
{
    policy_clause inner = it->grant.inner;
    if (it->err.code == VAULT_OK) return NULL;
    bool by_policy = it->err.code == VAULT_DENIED && it->grant.failed == CLAUSE_RESIDENT;
    bool inside = inner > CLAUSE_AREA && inner < CLAUSES;
    if (by_policy && inside) return policy_clause_name(inner);
    return it->err.reason ? it->err.reason : vault_code_name(it->err.code);
}

const char *item_sharing(const session *s, const item *it)
{
    return it->grant.given ? policy_rule_terms(s->manifest->policy, it->grant.rule).sharing : NULL;
}

const char *item_withheld(const session *s, const item *it)
{
    enum { ROOM = 96 };
    const admission *a = &it->call->admission;
    unsigned rule = it->grant.given ? it->grant.rule : a->count > 0 ? a->rules[0] : NO_RULE;
    const policy_terms terms = policy_rule_terms(s->manifest->policy, rule);
    char *out = terms.withhold ? arena_alloc(s->mem, ROOM) : NULL;
    if (!out) return NULL;
    uint32_t until = terms_withheld_until(&terms, it->call->now_us);
    snprintf(out, ROOM, "%s %04u-%02u-%02u", terms.withhold, until / 10000, until / 100 % 100, until % 100);
    return out;
}

uint32_t terms_withheld_until(const policy_terms *terms, int64_t now_us)
{
    static const int64_t DAY_US = INT64_C(86400) * 1000000;
    if (!terms->withhold) return 0;
    return terms->withhold_until ? terms->withhold_until
                                 : clock_shanghai_date(now_us + (int64_t)terms->withhold_days * DAY_US);
}
