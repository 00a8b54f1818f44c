/* In which form values are shown, where the strongest one is asked for, and what whoever gets them is bound to. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"

#include <stdio.h>

/* ---- the strongest form ---- */

enum { WAYS_MOST = 3 };
/* The forms that a reveal may have, strongest first, and the admission to each. */
struct strongest {
    struct way {
        policy_facts facts;
        admission may;
    } ways[WAYS_MOST];
    size_t count;
};

static bool all_have_tokens(const call *c)
{
    for (size_t i = 0; i < c->mask_count; i++)
        if (!c->mask[i]->token) return false;
    return true;
}

/* One of them is enough; where none is, the refusal is that of the one that came furthest. What has to be known of a
 * resident is what any of them asks for. */
static void join(admission *inout, const admission *with, bool first)
{
    bool better = inout->failed != CLAUSE_NONE && (with->failed == CLAUSE_NONE || with->failed > inout->failed);
    admission both = first || better ? *with : *inout;
    if (!first) {
        both.classes = inout->classes | with->classes;
        both.aggregations = inout->aggregations | with->aggregations;
        both.consent = inout->consent || with->consent;
    }
    *inout = both;
}

vault_code call_strongest(session *s, call *c, const Google__Protobuf__FieldMask *asked)
{
    static const policy_form forms[WAYS_MOST] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN};
    bool none = true;
    VAULT_TRY(call_mask(s, c, asked, &c->rq->err));
    const field_set fields = c->facts.fields;
    c->strongest = arena_alloc(s->mem, sizeof *c->strongest);
    if (!c->strongest) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a call");
    for (size_t i = 0; i < WAYS_MOST; i++) {
        struct way *w = &c->strongest->ways[c->strongest->count];
        if (forms[i] == FORM_TOKEN && !all_have_tokens(c)) continue;
        w->facts = call_asks(c, POLICY_REVEAL, forms[i], fields);
        w->may = policy_admit(s->manifest->policy, &w->facts);
        bool best = none && w->may.failed == CLAUSE_NONE;
        if (i == 0 || best) c->facts = w->facts;
        join(&c->admission, &w->may, i == 0);
        none &= !best;
        c->strongest->count++;
    }
    c->form = policy_form_name(c->facts.form);
    return VAULT_OK;
}

/* All of them are asked, wherever one is given: nobody is told from nobody by the work. */
vault_code judge_strongest(session *s, item *it)
{
    const call *c = it->call;
    const struct strongest *asked = c->strongest;
    const area_code area = item_live_area(it);
    const policy_resident of = item_facts_at(s, it, &c->admission, &c->facts, area);
    it->grant = (grant){0};
    it->form = NULL;
    for (size_t i = 0; i < asked->count; i++) {
        const struct way *w = &asked->ways[i];
        grant g = policy_decide(s->manifest->policy, &w->may, &w->facts, of);
        if (it->grant.given || (!g.given && it->grant.failed == CLAUSE_RESIDENT)) continue;
        it->grant = g;
    }
    if (!it->grant.given) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    it->form = policy_form_name(it->grant.form);
    return VAULT_OK;
}

/* ---- terms ---- */

/* "" for 0, NULL when memory is out. */
static char *day_text(arena *mem, uint32_t day)
{
    enum { ROOM = 24 };
    char *out = day ? arena_alloc(mem, ROOM) : lent("");
    if (day && out) snprintf(out, ROOM, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
    return out;
}

static Vault__V1__Form form_told(policy_form form)
{
    switch (form) {
    case FORM_MASKED:
        return VAULT__V1__FORM__FORM_MASKED;
    case FORM_TOKEN:
        return VAULT__V1__FORM__FORM_TOKEN;
    default:
        return VAULT__V1__FORM__FORM_PLAIN;
    }
}

static Vault__V1__Terms *make_terms(const session *s, const call *c, const grant *g)
{
    arena *mem = c->rq->mem;
    const policy_terms of = policy_rule_terms(s->manifest->policy, g->rule);
    Vault__V1__Terms *out = MESSAGE(mem, Vault__V1__Terms, vault__v1__terms__init);
    if (!out) return NULL;
    out->form = form_told(g->form);
    out->keep_until = day_text(mem, date_months_later(clock_shanghai_date(c->now_us), c->purpose->retention_months));
    out->withheld_until = day_text(mem, terms_withheld_until(&of, c->now_us));
    if (c->emergency) out->review_due_time = timestamp_of(mem, c->emergency->due_us);
    return out->keep_until && out->withheld_until && (!c->emergency || out->review_due_time) ? out : NULL;
}

/* Residents of a call mostly share them. */
Vault__V1__Terms *item_terms(const session *s, item *it)
{
    call *c = it->call;
    bool same = c->terms && c->terms_of.rule == it->grant.rule && c->terms_of.form == it->grant.form;
    if (!same) {
        c->terms = make_terms(s, c, &it->grant);
        c->terms_of = it->grant;
    }
    return c->terms;
}
