/* The predicates of the schema: questions about a field that are answered without its value. Names and numbers are of
 * one space with those of fields. */
#include "vault/control/internal.h"

#include <stdio.h>
#include <string.h>

#define UNSAID INT64_MIN
enum { AMOUNT_MAX = 1000 }; /* predicate_misfit knows the amounts; more is none of them */

/* What an entry says, before it is checked. */
typedef struct predicate_entry {
    json_int_t number, years, digits;
    const char *field, *test;
} predicate_entry;

/* The one amount that the test has, under the key that says what it counts. */
static vault_code read_amount(builder *b, schema_predicate *p, const predicate_entry *e)
{
    bool area = p->test.kind == PREDICATE_SAME_AREA, age = !area && p->test.kind != PREDICATE_EQUALS;
    json_int_t amount = area ? e->digits : age ? e->years : 0;
    if (e->years != UNSAID && !age)
        return builder_fail(b, "years", "stands with age_at_least and age_under only: leave it out");
    if (e->digits != UNSAID && !area) return builder_fail(b, "digits", "stands with same_area only: leave it out");
    if (amount == UNSAID)
        return builder_fail(b, "", area ? "digits: missing: how many of the area code" : "years: missing: which age");
    if (amount < 0 || amount > AMOUNT_MAX) return builder_fail(b, area ? "digits" : "years", "out of range");
    p->test.amount = (unsigned)amount;
    return VAULT_OK;
}

static vault_code read_test(builder *b, schema_predicate *p, const predicate_entry *e)
{
    if (!predicate_kind_named(&p->test.kind, e->test)) {
        return builder_fail(b, "test", "unknown test '%.40s': age_at_least, age_under, same_area or equals", e->test);
    }
    VAULT_TRY(read_amount(b, p, e));
    const char *misfit = predicate_misfit(&p->test, p->field->format);
    return misfit ? builder_fail(b, "test", "'%s' of '%s': %s", e->test, p->field->name, misfit) : VAULT_OK;
}

/* No field and no predicate before it has the number. */
static vault_code check_number(builder *b, const schema_predicate *p)
{
    const schema_field *f = schema_number(&b->body->m.schema, p->number);
    const char *whose = f ? f->name : NULL;
    for (const schema_predicate *other = b->body->predicates; other < p; other++) {
        if (other->number == p->number) whose = other->name;
    }
    return whose ? builder_fail(b, "number", "%u is that of '%s': take a new one", p->number, whose) : VAULT_OK;
}

static vault_code read_predicate(builder *b, schema_predicate *p, const collection *c, json_t *value)
{
    predicate_entry e = {.years = UNSAID, .digits = UNSAID};
    VAULT_TRY(builder_shape(b, value, "{s:s, s:I, s:s, s:s, s:s, s?I, s?I}", "name", &p->name, "number", &e.number,
                            "label", &p->label, "field", &e.field, "test", &e.test, "years", &e.years, "digits",
                            &e.digits));
    VAULT_TRY(builder_field_name(b, p->name));
    VAULT_TRY(builder_text(b, "label", p->label));
    if (e.number < 1 || e.number > NUMBER_MAX) return builder_fail(b, "number", "not 1 to %d", NUMBER_MAX);
    p->number = (unsigned)e.number;
    VAULT_TRY(check_number(b, p));
    p->field = schema_find(&b->body->m.schema, bytes_of_text(e.field));
    if (!p->field || p->field->collection != c)
        return builder_fail(b, "field", "unknown field '%.40s': name one of this collection", e.field);
    return read_test(b, p, &e);
}

vault_code build_predicates(builder *b, collection *c, json_t *list)
{
    char where[48];
    size_t i;
    json_t *value;
    c->predicates = b->body->predicates + b->body->predicate_count;
    snprintf(where, sizeof where, "schema.collections[%zu].predicates", (size_t)(c - b->body->collections));
    json_array_foreach(list, i, value)
    {
        schema_predicate *p = &b->body->predicates[b->body->predicate_count++];
        builder_at(b, where, i);
        builder_named(b, value, "name");
        VAULT_TRY(read_predicate(b, p, c, value));
        c->predicate_count++;
    }
    return VAULT_OK;
}

/* The name of a predicate must not be taken for one of a field, either. */
vault_code check_predicate_names(builder *b)
{
    const manifest_body *body = b->body;
    const char *names[NUMBER_MAX];
    size_t earlier, later, fields = body->m.schema.count;
    for (size_t i = 0; i < fields; i++) names[i] = body->fields[i].name;
    for (size_t i = 0; i < body->predicate_count; i++) names[fields + i] = body->predicates[i].name;
    if (!find_twins(&earlier, &later, names, fields + body->predicate_count)) return VAULT_OK;
    const schema_predicate *p = &body->predicates[later - fields]; /* those of fields have been looked at */
    const collection *c = p->field->collection;
    builder_in(b, "schema");
    snprintf(b->at, sizeof b->at, "schema.collections[%zu].predicates[%zu]", (size_t)(c - body->collections),
             (size_t)(p - c->predicates));
    return builder_fail(b, "name", "'%.58s' looks like '%.58s': take a name of its own", names[later], names[earlier]);
}
