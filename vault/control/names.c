/* Numbers that the policy uses, and the names that people know them by. */
#include "vault/control/internal.h"

consumer_no manifest_app_named(const manifest *m, const char *id)
{
    return find_consumer(body_of(m), id);
}

role_no manifest_role_named(const manifest *m, const char *id)
{
    return find_role(body_of(m), id);
}

const char *manifest_role_name(const manifest *m, role_no no)
{
    const manifest_body *body = body_of(m);
    return no.no >= 1 && no.no <= body->role_count ? body->roles[no.no - 1].id : "";
}

const purpose *manifest_purpose_no(const manifest *m, purpose_no no)
{
    const manifest_body *body = body_of(m);
    return no.no >= 1 && no.no <= body->purpose_count ? &body->purposes[no.no - 1] : NULL;
}

const char *manifest_role_title(const manifest *m, role_no no)
{
    const manifest_body *body = body_of(m);
    return no.no >= 1 && no.no <= body->role_count ? body->roles[no.no - 1].title : "";
}

static const schema_predicate *find_predicate(const schema *s, unsigned number)
{
    for (size_t i = 0; i < s->collection_count; i++) {
        const collection *c = &s->collections[i];
        for (size_t j = 0; j < c->predicate_count; j++)
            if (c->predicates[j].number == number) return &c->predicates[j];
    }
    return NULL;
}

const char *manifest_field_name(const manifest *m, unsigned number)
{
    const schema_field *f = schema_number(&m->schema, number);
    const schema_predicate *p = f ? NULL : find_predicate(&m->schema, number);
    return f ? f->name : p ? p->name : "";
}

const char *manifest_field_label(const manifest *m, unsigned number)
{
    const schema_field *f = schema_number(&m->schema, number);
    const schema_predicate *p = f ? NULL : find_predicate(&m->schema, number);
    return f ? f->label : p ? p->label : "";
}
