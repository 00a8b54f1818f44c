/* Fictitious residents, in a document of the vault's own: who they are, whose eyes alone can meet them, and what they
 * are called. It is sealed as all documents are, and no RPC shows it. What belongs to one that was retired stays: a
 * list that leaked before may turn up after. */
#include "vault/base/memory.h"
#include "vault/control/staged.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_LEN = 9 + 32, VALUES_MOST = 64 };

vault_code canaries_none(json_t **out, vault_error *err)
{
    *out = json_pack("{s:[]}", "canaries");
    return *out ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "canaries: no memory");
}

/* ---- reading ---- */

static vault_code read_values(builder *b, canary *out, json_t *list)
{
    size_t i;
    json_t *value;
    manifest_body *body = b->body;
    canary_value *first = body->canary_values + body->canary_value_count;
    VAULT_TRY(builder_list(b, list, "values", VALUES_MOST));
    json_array_foreach(list, i, value)
    {
        VAULT_TRY(builder_shape(b, value, "{s:s, s:s}", "field", &first[i].field, "text", &first[i].text));
    }
    *out = (canary){.values = first, .value_count = json_array_size(list)};
    body->canary_value_count += out->value_count;
    return VAULT_OK;
}

static const char *unless_empty(const char *text)
{
    return text[0] ? text : NULL;
}

static vault_code read_one(builder *b, canary *out, json_t *value)
{
    json_int_t area, made, resident, retired;
    json_t *values;
    const char *name, *of, *office, *who, *by;
    VAULT_TRY(builder_shape(b, value, "{s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o}", "area", &area, "collection",
                            &of, "department", &office, "made", &made, "made_by", &by, "name", &name, "person", &who,
                            "resident", &resident, "retired", &retired, "values", &values));
    if (strlen(name) != NAME_LEN || resident <= 0) return builder_fail(b, "name", "is none of a canary");
    VAULT_TRY(read_values(b, out, values));
    out->name = name;
    out->resident = resident;
    out->collection = of;
    out->area = area;
    out->department = unless_empty(office);
    out->person = unless_empty(who);
    out->made_by = by;
    out->made_us = made;
    out->retired_us = retired;
    return VAULT_OK;
}

static int by_resident(const void *a, const void *b)
{
    const canary *x = *(const canary *const *)a, *y = *(const canary *const *)b;
    return (x->resident > y->resident) - (x->resident < y->resident);
}

static size_t count_values(json_t *list)
{
    size_t i, count = 0;
    json_t *value;
    json_array_foreach(list, i, value) count += json_array_size(json_object_get(value, "values"));
    return count;
}

vault_code build_canaries(builder *b, json_t *of)
{
    size_t i;
    json_t *list, *value;
    manifest_body *body = b->body;
    if (!of) return VAULT_OK; /* a trial */
    builder_in(b, "canaries");
    VAULT_TRY(builder_shape(b, of, "{s:o}", "canaries", &list));
    VAULT_TRY(builder_list(b, list, "canaries", CANARIES_MAX));
    body->canary_count = json_array_size(list);
    body->canary_value_capacity = count_values(list);
    body->canaries = memory_array(body->canary_count, sizeof *body->canaries);
    body->canaries_by_resident = memory_array(body->canary_count, sizeof *body->canaries_by_resident);
    body->canary_values = memory_array(body->canary_value_capacity, sizeof *body->canary_values);
    json_array_foreach(list, i, value)
    {
        builder_at(b, "canaries.canaries", i);
        VAULT_TRY(read_one(b, &body->canaries[i], value));
        body->canaries_by_resident[i] = &body->canaries[i];
    }
    if (body->canary_count)
        qsort(body->canaries_by_resident, body->canary_count, sizeof *body->canaries_by_resident, by_resident);
    return VAULT_OK;
}

void canaries_clear(manifest_body *body)
{
    memory_free(body->canaries, body->canary_count * sizeof *body->canaries);
    memory_free(body->canaries_by_resident, body->canary_count * sizeof *body->canaries_by_resident);
    memory_free(body->canary_values, body->canary_value_capacity * sizeof *body->canary_values);
}

/* ---- asking ---- */

size_t manifest_canaries(const manifest *m, const canary **out)
{
    *out = body_of(m)->canaries;
    return body_of(m)->canary_count;
}

const canary *manifest_canary(const manifest *m, int64_t resident)
{
    const manifest_body *body = body_of(m);
    const canary wanted = {.resident = resident}, *key = &wanted;
    if (body->canary_count == 0) return NULL;
    const canary **found =
        bsearch(&key, body->canaries_by_resident, body->canary_count, sizeof *body->canaries_by_resident, by_resident);
    return found ? *found : NULL;
}

const canary *manifest_canary_named(const manifest *m, const char *name)
{
    const manifest_body *body = body_of(m);
    for (size_t i = 0; i < body->canary_count; i++)
        if (strcmp(body->canaries[i].name, name) == 0) return &body->canaries[i];
    return NULL;
}

/* ---- changes ---- */

static json_t *values_json(const canary *of)
{
    json_t *list = json_array();
    for (size_t i = 0; i < of->value_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "field", of->values[i].field, "text", of->values[i].text));
    return list;
}

static json_t *one_json(const canary *of, const draft *d)
{
    return json_pack("{s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:i, s:o}", "area", (json_int_t)of->area, "collection",
                     of->collection, "department", of->department ? of->department : "", "made",
                     (json_int_t)d->what->now_us, "made_by", d->what->who->id, "name", of->name, "person",
                     of->person ? of->person : "", "resident", (json_int_t)of->resident, "retired", 0, "values",
                     values_json(of));
}

/* The oldest one that was retired goes: the history of the documents keeps it. */
static vault_code make_room(json_t *list, const draft *d)
{
    size_t i = 0;
    while (json_array_size(list) + d->what->canary_count > CANARIES_MAX) {
        while (i < json_array_size(list) &&
               json_integer_value(json_object_get(json_array_get(list, i), "retired")) == 0)
            i++;
        if (i == json_array_size(list)) return vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_CANARIES", "");
        json_array_remove(list, i);
    }
    return VAULT_OK;
}

static vault_code plant(json_t *list, const draft *d)
{
    VAULT_TRY(make_room(list, d));
    for (size_t i = 0; i < d->what->canary_count; i++) {
        json_t *one = one_json(&d->what->canaries[i], d);
        if (!one || json_array_append_new(list, one) != 0)
            return vault_fail(d->err, VAULT_INVALID, "a text of a canary is not UTF-8");
    }
    return VAULT_OK;
}

static vault_code retire(json_t *list, const draft *d)
{
    size_t i;
    json_t *value;
    const char *wanted = d->what->canary ? d->what->canary : "";
    json_array_foreach(list, i, value)
    {
        const char *name = json_string_value(json_object_get(value, "name"));
        if (!name || strcmp(name, wanted) != 0) continue;
        if (json_integer_value(json_object_get(value, "retired")) != 0)
            return vault_refuse(d->err, VAULT_PRECONDITION, "ALREADY_RETIRED", "name");
        return json_object_set_new(value, "retired", json_integer(d->what->now_us)) == 0 ? VAULT_OK : VAULT_EXHAUSTED;
    }
    return vault_refuse(d->err, VAULT_NOT_FOUND, "CANARY_UNKNOWN", "name");
}

vault_code canaries_apply(draft *d)
{
    VAULT_TRY(draft_must_be(d, ROLE_OFFICER));
    VAULT_CLEANUP(json_clear) json_t *copy = json_deep_copy(d->docs.of[DOC_CANARIES]);
    json_t *list = json_object_get(copy, "canaries");
    if (!list) return vault_fail(d->err, VAULT_EXHAUSTED, "canaries: no memory");
    VAULT_TRY(d->what->kind == CHANGE_PLANT ? plant(list, d) : retire(list, d));
    d->core.record.document = document_name(DOC_CANARIES);
    d->core.record.before = d->core.documents[DOC_CANARIES].digest;
    VAULT_TRY(draft_bring(d, DOC_CANARIES, copy));
    d->core.record.after = d->core.documents[DOC_CANARIES].digest;
    return VAULT_OK;
}
