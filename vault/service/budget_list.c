/* Policies.ListBudgets: the counters of the periods that run, by whom they are of. */
#include "vault/service/recount.h"

#include "vault/base/clock.h"

#include <string.h>

enum { PAGE_DEFAULT = 100, PAGE_MOST = 1000, READ_MOST = 500, LOOKED_MOST = 20000 };

const policy_budget *counter_present(const manifest *m, const counter_name *name, uint32_t date, uint16_t minute)
{
    for (unsigned i = 0; i < policy_budget_count(m->policy); i++) {
        const policy_budget *b = policy_budget_at(m->policy, i);
        bool per = b->per == name->per || (b->per == PER_PERSON && name->per == PER_CONSUMER);
        if (name->kind != COUNT_BUDGET || !per || strcmp(b->id, name->id) != 0) continue;
        return policy_period_of(b->period, date, minute).begun == name->begun ? b : NULL;
    }
    return NULL;
}

static char *day_text(arena *mem, uint32_t day)
{
    return arena_format(mem, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
}

Vault__V1__BudgetUse *budget_use(arena *mem, const counter *of, const policy_budget *b)
{
    uint32_t begun = of->name.begun;
    Vault__V1__BudgetUse *out = MESSAGE(mem, Vault__V1__BudgetUse, vault__v1__budget_use__init);
    if (!out) return NULL;
    out->budget = arena_text(mem, bytes_of_text(of->name.id));
    out->subject = arena_text(mem, bytes_of_text(of->name.subject));
    out->residents = of->residents;
    out->values = of->values;
    if (b) {
        const policy_span span = policy_period_of(b->period, begun / 100, (uint16_t)(begun % 100 * 60));
        out->period_start = timestamp_of(mem, hour_begun_us(begun));
        out->last_day = day_text(mem, span.last_day);
        out->residents_limit = b->residents;
        out->values_limit = b->values;
        if (!out->period_start || !out->last_day) return NULL;
    }
    return out->budget && out->subject ? out : NULL;
}

/* ---- a page ---- */

typedef struct listing_of {
    session *s;
    call *c;
    const char *budget; /* "": all */
    size_t most, looked;
    uint8_t after[COUNT_ID_LEN];
    bool begun, over;
    Vault__V1__ListBudgetsResponse *out;
} listing_of;

/* One that does not open is damage, which a recount names: the others are told. */
static vault_code tell(listing_of *l, const count_row *row)
{
    counter at;
    vault_error why = {0};
    arena *mem = l->c->rq->mem;
    int64_t now = l->c->now_us;
    vault_code code = counter_open(l->s, &at, row, &why);
    if (code == VAULT_INTEGRITY) return session_damage(l->s, &why), VAULT_OK;
    if (code != VAULT_OK) return l->c->rq->err = why, code;
    const policy_budget *b =
        counter_present(l->s->manifest, &at.name, clock_shanghai_date(now), clock_shanghai_minute(now));
    if (!b || at.residents == 0 || (l->budget[0] && strcmp(l->budget, b->id) != 0)) return VAULT_OK;
    Vault__V1__BudgetUse *use = budget_use(mem, &at, b);
    if (!use) return vault_fail(&l->c->rq->err, VAULT_EXHAUSTED, "no memory for budgets");
    l->out->uses[l->out->n_uses++] = use;
    return VAULT_OK;
}

static vault_code read_some(listing_of *l)
{
    count_row rows[READ_MOST];
    size_t count = READ_MOST;
    const bytes after = bytes_of(l->after, l->begun ? COUNT_ID_LEN : 0);
    VAULT_TRY(store_counters_page(l->s->store, l->s->mem, after, rows, &count, &l->c->rq->err));
    l->over = count == 0;
    for (size_t i = 0; i < count && l->out->n_uses < l->most; i++) {
        VAULT_TRY(tell(l, &rows[i]));
        memcpy(l->after, rows[i].id, COUNT_ID_LEN);
        l->begun = true;
        l->looked++;
    }
    return VAULT_OK;
}

static vault_code read_page(listing_of *l, const char *from)
{
    bytes place;
    const digest conditions = sha256(bytes_of_text(l->budget));
    l->out->uses = arena_array(l->c->rq->mem, l->most, sizeof *l->out->uses);
    if (!l->out->uses) return vault_fail(&l->c->rq->err, VAULT_EXHAUSTED, "no memory for budgets");
    VAULT_TRY(page_open(&place, l->s, l->c, from, &conditions));
    if (place.len == COUNT_ID_LEN) memcpy(l->after, place.at, COUNT_ID_LEN), l->begun = true;
    while (!l->over && l->out->n_uses < l->most && l->looked < LOOKED_MOST) VAULT_TRY(read_some(l));
    if (l->over) return VAULT_OK;
    return page_seal(&l->out->next_page_token, l->s, l->c, &conditions, bytes_of(l->after, COUNT_ID_LEN));
}

static vault_code list(session *s, call *c, Vault__V1__ListBudgetsResponse *out)
{
    const Vault__V1__ListBudgetsRequest *in = (const void *)c->rq->in;
    if (in->page_size < 0 || in->page_size > PAGE_MOST) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "page_size", -1);
    listing_of l = {
        .s = s, .c = c, .out = out, .budget = in->budget, .most = in->page_size ? (size_t)in->page_size : PAGE_DEFAULT};
    cabinet_use(s->cabinet, s->mem);
    return read_page(&l, in->page_token);
}

static vault_code list_one(session *s, call *c)
{
    Vault__V1__ListBudgetsResponse *out =
        MESSAGE(c->rq->mem, Vault__V1__ListBudgetsResponse, vault__v1__list_budgets_response__init);
    if (!out) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for budgets");
    (void)list(s, c, out);
    VAULT_TRY(write_call_line(s, c, &(line_facts){.fields = "budgets"}));
    c->rq->out = &out->base;
    return VAULT_OK;
}

void policies_list_budgets(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)list_one(s, calls[i]);
}
