/* What a call asks for: fields, and items. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

vault_code refuse_at(vault_error *err, const char *reason, const char *list, long index)
{
    char path[sizeof err->field];
    if (index < 0)
        snprintf(path, sizeof path, "%s", list);
    else
        snprintf(path, sizeof path, "%s[%ld]", list, index);
    return vault_refuse(err, VAULT_INVALID, reason, path);
}

vault_code refuse_clause(vault_error *err, policy_clause clause)
{
    return vault_refuse(err, VAULT_DENIED, policy_clause_name(clause), "");
}

vault_code describe_fields(field_names *out, arena *mem, const collection *of, field_set set, vault_error *err)
{
    size_t room = 1;
    for (size_t i = 0; i < of->count; i++)
        if (field_set_has(set, of->fields[i]->number))
            room += strlen(of->fields[i]->name) + strlen(of->fields[i]->group) + 2;
    char *fields = arena_alloc(mem, room), *groups = arena_alloc(mem, room);
    if (!fields || !groups) return vault_fail(err, VAULT_EXHAUSTED, "no memory for names of fields");
    size_t at = 0, group_at = 0;
    for (size_t i = 0; i < of->count; i++) {
        const schema_field *f = of->fields[i];
        if (!field_set_has(set, f->number)) continue;
        at += (size_t)snprintf(fields + at, room - at, "%s%s", at ? "," : "", f->name);
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = field_set_has(set, of->fields[j]->number) && strcmp(of->fields[j]->group, f->group) == 0;
        if (!seen)
            group_at += (size_t)snprintf(groups + group_at, room - group_at, "%s%s", group_at ? "," : "", f->group);
    }
    *out = (field_names){.fields = fields, .groups = groups};
    return VAULT_OK;
}

vault_code call_mask(session *s, call *c, const Google__Protobuf__FieldMask *asked, vault_error *err)
{
    if (!asked || asked->n_paths == 0) return refuse_at(err, "REQUIRED", "field_mask", -1);
    if (asked->n_paths > POLICY_FIELDS_MAX) return refuse_at(err, "TOO_MANY", "field_mask.paths", -1);
    c->mask = arena_array(s->mem, asked->n_paths, sizeof *c->mask);
    if (!c->mask) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a field mask");
    for (size_t i = 0; i < asked->n_paths; i++) {
        const schema_field *f = schema_find(&s->manifest->schema, bytes_of_text(asked->paths[i]));
        if (!f) return refuse_at(err, "UNKNOWN_FIELD", "field_mask.paths", (long)i);
        if (field_set_has(c->facts.fields, f->number))
            return refuse_at(err, "DUPLICATE_FIELD", "field_mask.paths", (long)i);
        if (c->collection && f->collection != c->collection)
            return refuse_at(err, "MIXED_COLLECTIONS", "field_mask.paths", (long)i);
        c->collection = f->collection;
        field_set_add(&c->facts.fields, f->number);
        c->mask[c->mask_count++] = f;
    }
    field_names names;
    VAULT_TRY(describe_fields(&names, s->mem, c->collection, c->facts.fields, err));
    c->fields = names.fields;
    c->groups = names.groups;
    return VAULT_OK;
}

void call_admission(session *s, call *c, policy_action action, policy_form form)
{
    c->form = policy_form_name(form);
    c->facts = call_asks(c, action, form, c->facts.fields);
    c->admission = policy_admit(s->manifest->policy, &c->facts);
}

bool call_admit(session *s, call *c, const policy_facts *facts)
{
    const admission a = policy_admit(s->manifest->policy, facts);
    bool admitted = a.failed == CLAUSE_NONE;
    if (!admitted && (c->admission.failed == CLAUSE_NONE || a.failed <= c->admission.failed)) return false;
    c->admission = a;
    c->asked = admitted ? NULL : facts_kept(s, facts);
    return admitted;
}

const policy_facts *facts_kept(session *s, const policy_facts *facts)
{
    policy_facts *kept = arena_alloc(s->mem, sizeof *kept);
    if (kept) *kept = *facts;
    return kept;
}

void call_admission_alone(const session *s, call *c, bool for_residents)
{
    uint32_t today = clock_shanghai_date(c->now_us);
    const policy_person *acting = c->person ? &c->person->acting : NULL;
    if (for_residents && !call_domain(s, c, 0))
        c->admission.failed = CLAUSE_CONSUMER;
    else if (acting && (today < acting->from || today > acting->until))
        c->admission.failed = CLAUSE_CONTRACT;
    else if (for_residents && today > c->purpose->assessed_until)
        c->admission.failed = CLAUSE_ASSESSMENT;
}

const domain *call_domain(const session *s, const call *c, uint32_t number)
{
    bytes id = bytes_of_text(c->purpose->id);
    for (;;) {
        const purpose *above = manifest_purpose(s->manifest, id);
        const domain *d = above ? manifest_domain(s->manifest, c->caller->consumer, above->no) : NULL;
        if (d && (number == 0 || d->number == number)) return d;
        const uint8_t *slash = memrchr(id.at, '/', id.len);
        if (!slash) return NULL;
        id.len = (size_t)(slash - id.at);
    }
}

vault_code call_items(session *s, call *c, size_t count, const char *field, vault_error *err)
{
    if (count == 0) return refuse_at(err, "REQUIRED", field, -1);
    if (count > CALL_ITEMS) return refuse_at(err, "TOO_MANY", field, -1);
    return call_make_items(s, c, count, err);
}

vault_code call_make_items(session *s, call *c, size_t count, vault_error *err)
{
    c->items = arena_array(s->mem, count, sizeof *c->items);
    c->receipts = arena_array(c->rq->mem, count, sizeof *c->receipts); /* a part may come down to one item */
    if (!c->items || !c->receipts) return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu items", count);
    c->item_count = count;
    for (size_t i = 0; i < count; i++) {
        c->items[i].call = c;
        c->items[i].index = i;
    }
    return VAULT_OK;
}

area_code item_live_area(const item *it)
{
    int16_t wanted = (int16_t)it->call->collection->number;
    bool live = it->record.genuine && it->row->state == RECORD_LIVE && it->row->collection == wanted;
    return (area_code){live ? it->row->area : 0};
}

vault_code judge_by_area(session *s, item *it)
{
    const call *c = it->call;
    it->grant = policy_decide(s->manifest->policy, &c->admission, &c->facts,
                              item_facts_at(s, it, &c->admission, &c->facts, item_live_area(it)));
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, it->grant.failed);
}

void call_fail_with_store(call *c)
{
    for (size_t i = 0; i < c->item_count && c->rq->err.code == VAULT_OK; i++) {
        vault_code code = c->items[i].err.code;
        bool clash = code == VAULT_CONFLICT && !c->items[i].err.reason; /* with a reason it is the item's own */
        if (code == VAULT_UNAVAILABLE || clash || code == VAULT_INTERNAL || code == VAULT_EXHAUSTED)
            c->rq->err = c->items[i].err;
    }
}

void call_answers(session *s, call **calls, size_t count, void (*answer)(call *c))
{
    for (size_t i = 0; i < count && !s->moved; i++) {
        request *rq = calls[i]->rq;
        call_fail_with_store(calls[i]);
        if (rq->err.code != VAULT_OK) continue;
        answer(calls[i]);
        if (!rq->out && rq->err.code == VAULT_OK)
            (void)vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    }
}
