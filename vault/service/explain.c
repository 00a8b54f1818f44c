/* Explanations of refusals. They are made after the refusal, of what the call itself has said, and of nothing that is
 * known of a resident: an unknown one, one elsewhere, one who has not consented and one of a class that is kept from
 * the caller have the same explanation, made by the same work. */
#include "vault/service/explain.h"

#include "policy/words.h"
#include "vault/base/clock.h"

#include <string.h>

/* What trailers take is some 8 KiB, in base64: above this the texts of the last clauses are left out. */
enum { DETAIL_MAX = 4096, NAMES_TOLD = 32 };

/* ---- names ---- */

static const char *label_field(const void *context, unsigned number, language in)
{
    return in == CHINESE ? manifest_field_label(context, number) : manifest_field_name(context, number);
}

static const char *label_role(const void *context, role_no no, language in)
{
    return in == CHINESE ? manifest_role_title(context, no) : manifest_role_name(context, no);
}

static const char *label_purpose(const void *context, purpose_no no, language in)
{
    const purpose *p = manifest_purpose_no(context, no);
    return !p ? "" : in == CHINESE ? p->title : p->id;
}

static const char *label_consumer(const void *context, consumer_no no, language in)
{
    const principal *app = manifest_app(context, no);
    (void)in;
    return app ? app->id : "";
}

/* ---- the message ---- */

/* Of their own: the manifest may be gone when the answer is packed. */
static char **own_texts(arena *mem, const char *const *texts, size_t count)
{
    char **own = arena_array(mem, count + 1, sizeof *own);
    for (size_t i = 0; own && i < count; i++)
        if (!(own[i] = arena_text(mem, bytes_of_text(texts[i])))) return NULL;
    return own;
}

static vault_code tell_clause(Vault__V1__FailingClause **out, arena *mem, const policy_telling *what,
                              const policy_failing *f, vault_error *err)
{
    policy_words words;
    Vault__V1__FailingClause *to = *out = MESSAGE(mem, Vault__V1__FailingClause, vault__v1__failing_clause__init);
    if (!to) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
    VAULT_TRY(policy_say(&words, mem, what, f, err));
    to->clause = lent(words.clause);
    to->fields = own_texts(mem, words.fields, words.field_count);
    to->names = own_texts(mem, words.names, words.name_count);
    if (!to->fields || !to->names) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
    to->n_fields = words.field_count;
    to->n_names = words.name_count;
    to->from = arena_text(mem, bytes_of_text(words.from));
    to->until = arena_text(mem, bytes_of_text(words.until));
    to->limit = words.limit;
    to->text = lent(words.text[ENGLISH]);
    to->text_zh = lent(words.text[CHINESE]);
    return to->from && to->until ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
}

vault_code explanation_message(Vault__V1__PolicyExplanation **out, arena *mem, const explained *from, vault_error *err)
{
    const policy_explanation *e = from->explanation;
    const policy_labels labels = {.context = from->manifest,
                                  .field = label_field,
                                  .role = label_role,
                                  .purpose = label_purpose,
                                  .consumer = label_consumer};
    const policy_telling what = {.policy = from->policy, .facts = from->facts, .explanation = e, .labels = &labels};
    Vault__V1__PolicyExplanation *to = MESSAGE(mem, Vault__V1__PolicyExplanation, vault__v1__policy_explanation__init);
    Vault__V1__FailingClause **list = arena_array(mem, FAILING_MAX, sizeof(void *));
    const char **forms = arena_array(mem, FORMS, sizeof *forms);
    if (!to || !list || !forms) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
    to->allowed = e->allowed;
    to->rule = arena_text(mem, bytes_of_text(policy_rule_id(from->policy, e->rule)));
    to->n_possible_forms = policy_form_names(forms, e->forms);
    to->possible_forms = (char **)(uintptr_t)forms;
    to->clauses = list;
    for (unsigned i = 0; i < e->count; i++)
        VAULT_TRY(tell_clause(&list[to->n_clauses++], mem, &what, &e->clauses[i], err));
    *out = to;
    return to->rule ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
}

/* From the last clause on texts are left out, then names, until it fits into what trailers take. */
static void shorten(Vault__V1__PolicyExplanation *e)
{
    for (size_t i = 0; i < e->n_clauses; i++) {
        Vault__V1__FailingClause *f = e->clauses[i];
        if (f->n_fields > NAMES_TOLD) f->n_fields = NAMES_TOLD;
        if (f->n_names > NAMES_TOLD) f->n_names = NAMES_TOLD;
    }
    for (size_t i = e->n_clauses; i-- > 0 && vault__v1__policy_explanation__get_packed_size(e) > DETAIL_MAX;)
        e->clauses[i]->text = e->clauses[i]->text_zh = lent("");
    for (size_t i = e->n_clauses; i-- > 0 && vault__v1__policy_explanation__get_packed_size(e) > DETAIL_MAX;)
        e->clauses[i]->n_fields = e->clauses[i]->n_names = 0;
}

/* ---- what a refusal was for ---- */

policy_clause clause_named(const char *name)
{
    for (policy_clause c = CLAUSE_PURPOSE; name && c < CLAUSES; c++)
        if (strcmp(policy_clause_name(c), name) == 0) return c;
    return CLAUSE_NONE;
}

static policy_clause clause_of(const vault_error *err)
{
    return err->code == VAULT_DENIED ? clause_named(err->reason) : CLAUSE_NONE;
}

/* The call's facts, as far as it came. */
static policy_facts facts_of(const call *c)
{
    if (c->facts.consumer.no != 0) return c->facts;
    return (policy_facts){.consumer = c->caller->consumer,
                          .purpose = c->purpose ? c->purpose->no : (purpose_no){0},
                          .person = c->person ? &c->person->acting : NULL,
                          .date = clock_shanghai_date(c->now_us ? c->now_us : clock_now_us()),
                          .break_glass = c->emergency != NULL};
}

/* Of a clause that no rule was asked for. */
static policy_failing bare_clause(const policy *p, const call *c, const item *it, policy_clause clause)
{
    const policy_person *who = c->person ? &c->person->acting : NULL;
    const policy_budget *spent = it && it->spent ? policy_budget_at(p, it->spent - 1U) : NULL;
    policy_failing out = {.clause = clause};
    if (clause == CLAUSE_FIELDS) out.fields = c->facts.fields;
    if (clause == CLAUSE_CONTRACT && who) out.from = who->from, out.until = who->until;
    if (clause == CLAUSE_ASSESSMENT && c->purpose) out.until = c->purpose->assessed_until;
    if (clause == CLAUSE_BUDGET && spent) out.index = (uint16_t)(it->spent - 1), out.limit = spent->residents;
    if (clause == CLAUSE_BUDGET && !spent) out.index = UINT16_MAX;
    return out;
}

policy_explanation explain_clause(const policy *p, const policy_facts *facts, policy_clause clause)
{
    policy_explanation bare = {.rule = NO_RULE, .count = 1};
    bare.clauses[0] = (policy_failing){.clause = clause, .index = UINT16_MAX};
    if (clause >= CLAUSE_RESIDENT) {
        admission a = policy_admit(p, facts);
        if (a.failed == CLAUSE_NONE) bare.rule = a.rules[0];
        return bare;
    }
    const policy_explanation asked = policy_explain(p, facts, NULL);
    return asked.allowed ? bare : asked;
}

/* By which facts the policy refused by this clause: those of the item, of the way in that came furthest, or the call's.
 * NULL: it was not asked, or its answer was another. */
static const policy_facts *refused_by(const policy *p, const call *c, const item *it, policy_clause clause)
{
    const policy_facts *own = it && it->asked ? it->asked : c->asked;
    if (clause >= CLAUSE_RESIDENT) return NULL;
    if (own) return policy_admit(p, own).failed == clause ? own : NULL;
    return c->facts.consumer.no != 0 && c->admission.failed == clause ? &c->facts : NULL;
}

static policy_explanation find_reason(const session *s, const call *c, const item *it, policy_clause clause)
{
    const policy *p = s->manifest->policy;
    const policy_facts *by = refused_by(p, c, it, clause);
    policy_explanation out = {.rule = NO_RULE, .count = 1};
    if (by) {
        policy_explanation asked = policy_explain(p, by, NULL);
        if (!asked.allowed) return asked;
    }
    /* what leads nowhere is told in the same words by every method */
    if (clause != CLAUSE_RESIDENT && c->admission.failed == CLAUSE_NONE && c->admission.count > 0)
        out.rule = c->admission.rules[0];
    out.clauses[0] = bare_clause(p, c, it, clause);
    return out;
}

void explain_refusal(session *s, const call *c, const item *it, vault_error *err)
{
    const policy_clause clause = clause_of(err);
    Vault__V1__PolicyExplanation *why = NULL;
    vault_error poor = {0};
    if (err->why || clause == CLAUSE_NONE || !c->caller) return;
    const policy_facts *by = refused_by(s->manifest->policy, c, it, clause);
    const policy_facts facts = by ? *by : facts_of(c);
    const policy_explanation found = find_reason(s, c, it, clause);
    const explained what = {
        .manifest = s->manifest, .policy = s->manifest->policy, .facts = &facts, .explanation = &found};
    if (explanation_message(&why, c->rq->mem, &what, &poor) != VAULT_OK) return; /* the clause is told anyway */
    shorten(why);
    err->why = why;
}

/* Most items of a call are refused for the same: what was found for one is every other's. */
void explain_items(session *s, const call *c)
{
    const vault_error *last = NULL;
    const policy_facts *asked = NULL;
    size_t told = 0;
    for (size_t i = 0; i < c->item_count && told < EXPLAINED_ITEMS; i++) {
        item *it = &c->items[i];
        if (clause_of(&it->err) == CLAUSE_NONE) continue;
        bool same = last && last->reason == it->err.reason && clause_of(last) != CLAUSE_BUDGET && asked == it->asked;
        if (same && !it->err.why) it->err.why = last->why;
        explain_refusal(s, c, it, &it->err);
        last = &it->err;
        asked = it->asked;
        told++;
    }
}

void explain_calls(session *s, call *const *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const call *c = calls[i];
        explain_refusal(s, c, c->item_count == 1 ? &c->items[0] : NULL, &c->rq->err);
    }
}
