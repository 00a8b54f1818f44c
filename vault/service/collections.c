/* What the schema holds: names for those who bring a file. Nothing of a resident is in it, and so it is no line. */
#include "vault/service/internal.h"

#include <string.h>

/* The schema may be gone when the answer leaves: what is told of it is a copy. */
static char *copied(arena *mem, const char *text)
{
    return arena_text(mem, bytes_of_text(text));
}

/* The kinds of search terms that are kept, by name. */
static bool answer_index(Vault__V1__Field *out, arena *mem, const schema_field *from)
{
    out->index = arena_array(mem, INDEX_KINDS, sizeof *out->index);
    if (!out->index) return false;
    for (index_kind k = 0; k < INDEX_KINDS; k++) {
        if (!(from->indexes & 1U << k)) continue;
        if (!(out->index[out->n_index] = copied(mem, index_kind_name(k)))) return false;
        out->n_index++;
    }
    return true;
}

static Vault__V1__Field *answer_field(arena *mem, const schema_field *from)
{
    Vault__V1__Field *out = MESSAGE(mem, Vault__V1__Field, vault__v1__field__init);
    if (!out) return NULL;
    out->name = copied(mem, from->name);
    out->label = copied(mem, from->label);
    out->format = copied(mem, format_name(from->format));
    out->group = copied(mem, from->group);
    out->class_ = copied(mem, from->class_name);
    out->level = from->level;
    out->owner = copied(mem, from->owner);
    out->unique = from->unique;
    out->token = from->token;
    bool whole = out->name && out->label && out->format && out->group && out->class_ && out->owner;
    return whole && answer_index(out, mem, from) ? out : NULL;
}

/* A field that is retired cannot be put, and is not told. */
static bool answer_fields(Vault__V1__Collection *out, arena *mem, const collection *from)
{
    out->fields = arena_array(mem, from->count + 1, sizeof *out->fields);
    if (!out->fields) return false;
    for (size_t i = 0; i < from->count; i++) {
        if (from->fields[i]->retired) continue;
        if (!(out->fields[out->n_fields] = answer_field(mem, from->fields[i]))) return false;
        out->n_fields++;
    }
    return true;
}

static Vault__V1__Predicate *answer_predicate(arena *mem, const schema_predicate *from)
{
    Vault__V1__Predicate *out = MESSAGE(mem, Vault__V1__Predicate, vault__v1__predicate__init);
    if (!out) return NULL;
    out->name = copied(mem, from->name);
    out->label = copied(mem, from->label);
    out->field = copied(mem, from->field->name);
    out->test = copied(mem, predicate_kind_name(from->test.kind));
    out->amount = from->test.amount;
    return out->name && out->label && out->field && out->test ? out : NULL;
}

static bool answer_predicates(Vault__V1__Collection *out, arena *mem, const collection *from)
{
    out->predicates = arena_array(mem, from->predicate_count + 1, sizeof *out->predicates);
    if (!out->predicates) return false;
    for (size_t i = 0; i < from->predicate_count; i++) {
        if (!(out->predicates[i] = answer_predicate(mem, &from->predicates[i]))) return false;
        out->n_predicates++;
    }
    return true;
}

static Vault__V1__Collection *answer_collection(arena *mem, const collection *from)
{
    Vault__V1__Collection *out = MESSAGE(mem, Vault__V1__Collection, vault__v1__collection__init);
    if (!out) return NULL;
    out->name = copied(mem, from->name);
    out->label = copied(mem, from->label);
    out->natural_key = copied(mem, from->natural_key->name);
    out->area = copied(mem, from->area->name);
    bool whole = out->name && out->label && out->natural_key && out->area;
    return whole && answer_fields(out, mem, from) && answer_predicates(out, mem, from) ? out : NULL;
}

static vault_code list(const schema *all, request *rq)
{
    Vault__V1__ListCollectionsResponse *out =
        MESSAGE(rq->mem, Vault__V1__ListCollectionsResponse, vault__v1__list_collections_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for collections");
    out->collections = arena_array(rq->mem, all->collection_count + 1, sizeof *out->collections);
    for (size_t i = 0; out->collections && i < all->collection_count; i++) {
        if (!(out->collections[i] = answer_collection(rq->mem, &all->collections[i])))
            return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for collections");
        out->n_collections++;
    }
    rq->out = &out->base;
    return VAULT_OK;
}

void records_list_collections(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)list(&s->manifest->schema, calls[i]->rq);
}
