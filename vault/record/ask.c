/* Questions about a value: it is opened inside, and yes or no comes out. */
#include "vault/record/internal.h"

#include <string.h>

/* Below this many values, whoever may ask "is it this one?" can ask for all of them. */
enum { VALUES_TO_TRY = 1000000 };

bool predicate_needs_plain(const schema_predicate *p)
{
    return p->test.kind == PREDICATE_EQUALS && format_values(p->field->format) < VALUES_TO_TRY;
}

static bool may_ask(const grant *g, const schema_predicate *p)
{
    if (!g || !g->given) return false;
    if (g->form == FORM_PLAIN) return field_set_has(g->fields, p->field->number);
    return g->form == FORM_PREDICATE && field_set_has(g->fields, p->number) && !predicate_needs_plain(p);
}

/* As text_open; *found false: the record holds no such value. */
static vault_code open_inside(cabinet *c, bytes *inside, bool *found, const record *r, const schema_field *field,
                              vault_error *err)
{
    segment s;
    aead *cipher = NULL;
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "field %u of a row that is not proven", field->number);
    VAULT_TRY(pack_find(&s, found, r->row->sealed, field->number, err));
    if (!*found) return VAULT_OK;
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    return segment_unseal(c, r->row->id, &s, inside, err);
}

/* The other one's value goes beside, because there is one scratch. */
static vault_code open_beside(cabinet *c, bytes *than, bool *found, const record_question *q, vault_error *err)
{
    bytes inside;
    VAULT_TRY(open_inside(c, &inside, found, q->other, q->predicate->field, err));
    if (!*found) return VAULT_OK;
    memcpy(c->beside.at, inside.at, inside.len);
    *than = bytes_of(c->beside.at, inside.len);
    text_forget(c);
    return VAULT_OK;
}

static vault_code answer(record_answer *out, cabinet *c, const record_question *q, bytes than, vault_error *err)
{
    const schema_predicate *p = q->predicate;
    bytes inside;
    bool found;
    VAULT_TRY(open_inside(c, &inside, &found, q->record, p->field, err));
    *out = ANSWER_ABSENT;
    if (!found) return VAULT_OK;
    *out = predicate_holds(&p->test, p->field->format, inside, than, q->today) ? ANSWER_YES : ANSWER_NO;
    text_forget(c);
    return VAULT_OK;
}

vault_code record_ask(record_answer *out, cabinet *c, const record_question *q, vault_error *err)
{
    bytes than = q->than;
    bool found = true;
    if (!may_ask(q->grant, q->predicate) || (q->other && !may_ask(q->other_grant, q->predicate)))
        return vault_fail(err, VAULT_DENIED, "predicate %u is not granted", q->predicate->number);
    if (q->other) VAULT_TRY(open_beside(c, &than, &found, q, err));
    *out = ANSWER_ABSENT;
    vault_code code = found ? answer(out, c, q, than, err) : VAULT_OK;
    if (q->other) wipe(c->beside.at, than.len);
    return code;
}

vault_code record_compare(record_match *out, cabinet *c, const record *r, const record_guess *guess, vault_error *err)
{
    bytes inside;
    bool found;
    *out = MATCH_ABSENT;
    VAULT_TRY(open_inside(c, &inside, &found, r, guess->field, err));
    if (!found) return VAULT_OK;
    *out = bytes_equal_secret(inside, guess->text) ? MATCH_SAME : MATCH_OTHER;
    text_forget(c);
    return VAULT_OK;
}
