/* Whether a resident is of a class: the value is opened inside, and of it nothing comes out but that. */
#include "vault/record/internal.h"

void record_work(cabinet *c, const record *r)
{
    enum { USUAL_LEN = 64 + SEAL_OVERHEAD };
    static const uint8_t nothing[USUAL_LEN];
    aead *cipher = NULL;
    vault_error ignored = {0};
    vault_code code = r->row ? record_cipher(&cipher, c, r, &ignored) : VAULT_DENIED;
    if (code == VAULT_OK) {
        const bytes aad = bytes_of(nothing, FIELD_AAD_LEN), sealed = bytes_of(nothing, sizeof nothing);
        code = aead_open(cipher, c->scratch.at, aad, sealed, &ignored);
    }
    (void)code;
}

static bool holds(const class_question *q, predicate_kind kind, bytes inside)
{
    const predicate p = {.kind = kind, .amount = q->of->years};
    return predicate_holds(&p, q->field->format, inside, bytes_of(NULL, 0), q->today);
}

/* Of who is born after today neither holds. */
static class_answer by_age(const class_question *q, bytes inside)
{
    bool under = holds(q, PREDICATE_AGE_UNDER, inside), over = holds(q, PREDICATE_AGE_AT_LEAST, inside);
    if (!under && !over) return CLASS_UNKNOWN;
    return under == (q->of->test == CLASS_AGE_UNDER) ? CLASS_IN : CLASS_OUT;
}

/* All of the texts are compared, whichever it is. */
static class_answer by_texts(const class_question *q, bytes inside)
{
    unsigned same = 0;
    for (size_t i = 0; i < q->of->text_count; i++)
        same |= (unsigned)bytes_equal_secret(inside, bytes_of_text(q->of->texts[i]));
    return same ? CLASS_IN : CLASS_OUT;
}

static class_answer answer(const class_question *q, bytes inside)
{
    switch (q->of->test) {
    case CLASS_AGE_UNDER:
    case CLASS_AGE_AT_LEAST:
        return by_age(q, inside);
    case CLASS_KNOWN:
        return CLASS_IN;
    case CLASS_ONE_OF:
        return by_texts(q, inside);
    default:
        return CLASS_UNKNOWN;
    }
}

/* Of a record without the value: a house is no child, and who has no care category is not in care. */
static class_answer without_value(const class_question *q)
{
    const record *r = q->record;
    if (!r->genuine) return CLASS_UNKNOWN;
    bool elsewhere = r->row->collection != (int16_t)q->field->collection->number;
    return elsewhere || q->of->test == CLASS_KNOWN ? CLASS_OUT : CLASS_UNKNOWN;
}

vault_code record_class(class_answer *out, cabinet *c, const class_question *q, vault_error *err)
{
    segment s;
    bool found = false;
    aead *cipher = NULL;
    bytes inside;
    *out = CLASS_UNKNOWN;
    if (q->record->genuine) VAULT_TRY(pack_find(&s, &found, q->record->row->sealed, q->field->number, err));
    if (!found) {
        record_work(c, q->record);
        *out = without_value(q);
        return VAULT_OK;
    }
    VAULT_TRY(record_cipher(&cipher, c, q->record, err));
    VAULT_TRY(segment_unseal(c, q->record->row->id, &s, &inside, err));
    *out = answer(q, inside);
    text_forget(c);
    return VAULT_OK;
}
