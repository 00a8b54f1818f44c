/* Records.Export: all that one rule lets leave of a resident's record, for the resident, and which corrections there
 * were. A rule with the action "export" says by its fields what that is; of several that cover the record's area the
 * one that lets most of it leave. The line names what left. */
#include "vault/service/internal.h"

/* Rules that admit the call, each by its own fields; where none does, c->admission says why not. */
static vault_code find_ways(session *s, call *c, record_item *named)
{
    const policy *rules = s->manifest->policy;
    size_t count = policy_rule_count(rules);
    const field_set one = only_field(s->manifest->schema.collections[0].natural_key->number);
    const policy_facts any = call_asks(c, POLICY_EXPORT, FORM_PLAIN, one);
    c->admission.failed = CLAUSE_PURPOSE;
    (void)call_admit(s, c, &any);
    named->ways = arena_array(s->mem, count + 1, sizeof *named->ways);
    if (!named->ways) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for rules");
    for (unsigned i = 0; i < count; i++) {
        policy_scope scope = policy_rule_scope(rules, i);
        if (scope.action != POLICY_EXPORT || scope.consumer.no != any.consumer.no || scope.purpose.no != any.purpose.no)
            continue;
        const policy_facts facts = call_asks(c, POLICY_EXPORT, FORM_PLAIN, scope.fields);
        if (call_admit(s, c, &facts))
            named->ways[named->way_count++] = (export_way){.fields = scope.fields, .admitted = c->admission};
    }
    return VAULT_OK;
}

typedef struct leaving {
    field_set fields;
    size_t count;
} leaving;

/* What the record holds of a rule's fields; none where the rule is for another collection. */
static leaving held_of(field_set held, const collection *of, field_set wanted)
{
    leaving out = {0};
    for (size_t i = 0; of && i < of->count; i++) {
        unsigned number = of->fields[i]->number;
        if (!field_set_has(held, number) || !field_set_has(wanted, number)) continue;
        field_set_add(&out.fields, number);
        out.count++;
    }
    return out;
}

static vault_code name_fields(session *s, item *it, leaving what)
{
    field_names names;
    VAULT_TRY(describe_fields(&names, s->mem, it->call->collection, what.fields, &it->err));
    it->fields = names.fields;
    it->groups = names.groups;
    it->named->told = policy_rule_scope(s->manifest->policy, it->grant.rule).fields;
    return VAULT_OK;
}

static vault_code judge_export(session *s, item *it)
{
    const policy *rules = s->manifest->policy;
    const record_item *named = it->named;
    const collection *of = schema_collection_number(&s->manifest->schema, (unsigned)it->record.row->collection);
    field_set held;
    leaving best = {0};
    VAULT_TRY(record_fields(&held, &it->record, &it->err));
    it->call->collection = of;
    for (size_t i = 0; i < named->way_count; i++) {
        const leaving some = held_of(held, of, named->ways[i].fields);
        const policy_facts facts =
            call_asks(it->call, POLICY_EXPORT, FORM_PLAIN, some.count ? some.fields : named->ways[i].fields);
        grant g = policy_decide(rules, &named->ways[i].admitted, &facts,
                                item_facts_at(s, it, &named->ways[i].admitted, &facts, item_area(it)));
        if (!g.given || some.count <= best.count) continue;
        it->grant = g;
        best = some;
    }
    return best.count > 0 ? name_fields(s, it, best) : refuse_clause(&it->err, CLAUSE_RESIDENT);
}

static vault_code open_fields(session *s, item *it)
{
    const collection *of = it->call->collection;
    record_item *named = it->named;
    named->value_count = 0;
    named->values = arena_array(it->call->rq->mem, of->count, sizeof *named->values);
    if (!named->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < of->count; i++) {
        if (field_set_has(it->grant.fields, of->fields[i]->number)) VAULT_TRY(item_named_value(s, it, of->fields[i]));
    }
    return VAULT_OK;
}

static vault_code open_export(session *s, item *it)
{
    record_item *named = it->named;
    VAULT_TRY(open_fields(s, it));
    named->correction_count = 0;
    for (size_t i = 0; i < named->row_count; i++) VAULT_TRY(item_correction(s, it, i));
    return VAULT_OK;
}

static const item_kind EXPORT = {
    .one_snapshot = true, .look = corrections_look, .judge = judge_export, .finish = open_export};

static void answer_export(call *c)
{
    const item *it = &c->items[0];
    c->rq->err = it->err;
    Vault__V1__ExportResponse *out = MESSAGE(c->rq->mem, Vault__V1__ExportResponse, vault__v1__export_response__init);
    if (!out || it->err.code != VAULT_OK || !(out->record = item_record(it))) return;
    out->corrections = it->named->corrections;
    out->n_corrections = it->named->correction_count;
    c->rq->out = &out->base;
}

void records_export(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__ExportRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        c->form = policy_form_name(FORM_PLAIN);
        if (call_record(s, c, in->name, "name") == VAULT_OK) (void)find_ways(s, c, c->items[0].named);
    }
    batch_run(s, &EXPORT, calls, count);
    call_answers(s, calls, count, answer_export);
}
