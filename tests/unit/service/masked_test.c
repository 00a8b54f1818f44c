/* The masked form: the mask is shown, and the value is nowhere: not in the answer, not in the log. */
#include "tests/unit/service/lines.h"

#include <stdio.h>

static request *reveal_in(const char *uri, const char *why, Vault__V1__Form form, Vault__V1__RevealRequest *in)
{
    in->form = form;
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal", .uri = uri, .purpose = why, .in = &in->base});
}

static request *as_clinic(uint64_t index, Vault__V1__Form form, Google__Protobuf__FieldMask *fields)
{
    return reveal_in(CLINIC, "family-doctor", form, reveal_of(token_for(CLINIC, "family-doctor", index), fields));
}

static bytes packed(const request *rq)
{
    size_t len = protobuf_c_message_get_packed_size(rq->out);
    uint8_t *at = arena_alloc(fixture_memory(), len + 1);
    return bytes_of(at, protobuf_c_message_pack(rq->out, at));
}

static void expect_absent(bytes where, const char *value)
{
    if (memmem(where.at, where.len, value, strlen(value))) fail_msg("a value that was masked is there: %s", value);
}

TEST("where the rule gives the masked form, the mask is shown and the value is nowhere")
{
    for (uint64_t i = 0; i < 20; i++) {
        resident r;
        char area[24], decade[16];
        the_resident(i, &r);
        const char *id = resident_text(&r, FIELD_ID_NUMBER), *born = resident_text(&r, FIELD_BIRTH_DATE);
        int64_t then = clock_now_us();
        request *rq = as_clinic(i, VAULT__V1__FORM__FORM_MASKED, MASK("birth_date", "id_number"));
        expect_outcome(rq, VAULT_OK, NULL);
        snprintf(area, sizeof area, "%.6s************", id);
        snprintf(decade, sizeof decade, "%.3s0-%.3s9", born, born);
        assert_string_equal(revealed(rq, 0), decade);
        assert_string_equal(revealed(rq, 1), area);
        const char *views = views_since(then);
        bytes answer = packed(rq), log = bytes_of_text(views);
        const char *const values[] = {id, id + 6, born};
        for (size_t v = 0; v < 3; v++) expect_absent(answer, values[v]), expect_absent(log, values[v]);
        assert_int_equal(occurrences(views, "\"form\":\"masked\""), 1);
        assert_int_equal(occurrences(views, "\"rule\":\"clinic-masked\""), 1);
    }
    fixture_reset();
}

TEST("a rule for the masked form gives nothing in the plain one")
{
    int64_t then = clock_now_us();
    expect_outcome(as_clinic(1, VAULT__V1__FORM__FORM_PLAIN, MASK("birth_date")), VAULT_DENIED, "form");
    expect_outcome(as_clinic(1, VAULT__V1__FORM__FORM_UNSPECIFIED, MASK("birth_date")), VAULT_DENIED, "form");
    expect_outcome(as_clinic(1, VAULT__V1__FORM__FORM_UNSPECIFIED, MASK("name", "birth_date")), VAULT_DENIED, NULL);
    assert_int_equal(occurrences(views_since(then), "\"form\":\"plain\""), 3);
    fixture_reset();
}

TEST("a rule for the plain form gives the masked one as well, masked")
{
    resident r;
    the_resident(2, &r);
    request *rq = as_clinic(2, VAULT__V1__FORM__FORM_MASKED, MASK("name", "sex"));
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_not_equal(revealed(rq, 0), resident_text(&r, FIELD_NAME));
    assert_non_null(strstr(revealed(rq, 0), "*"));
    assert_string_equal(revealed(rq, 1), "***");
    expect_absent(packed(rq), resident_text(&r, FIELD_NAME));
    fixture_reset();
}

TEST("a field that was never given is absent in the masked form, too")
{
    uint64_t i = 0;
    resident r;
    do the_resident(i++, &r);
    while (resident_text(&r, FIELD_FORMER_NAME)[0]);
    request *rq =
        reveal_in(POPULATION, "population-register", VAULT__V1__FORM__FORM_MASKED,
                  reveal_of(token_for(POPULATION, "population-register", i - 1), MASK("former_name", "name")));
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RevealResponse *out = (const void *)rq->out;
    assert_true(out->values[0]->absent);
    assert_string_equal(out->values[0]->text, "");
    fixture_reset();
}

TEST("many at once are masked in the same way")
{
    enum { MANY = 700 };
    Vault__V1__BatchRevealRequest in = VAULT__V1__BATCH_REVEAL_REQUEST__INIT;
    char *tokens[MANY];
    for (size_t i = 0; i < FIXTURE_RESIDENTS; i++) tokens[i] = (char *)(uintptr_t)token_for(CLINIC, "family-doctor", i);
    for (size_t i = FIXTURE_RESIDENTS; i < MANY; i++) tokens[i] = tokens[i % FIXTURE_RESIDENTS];
    in.tokens = tokens, in.n_tokens = MANY;
    in.field_mask = MASK("id_number");
    in.form = VAULT__V1__FORM__FORM_MASKED;
    request *rq = ask(
        &(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = CLINIC, .purpose = "family-doctor", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    bytes answer = packed(rq);
    for (size_t i = 0; i < MANY; i++) {
        resident r;
        the_resident(i % FIXTURE_RESIDENTS, &r);
        assert_string_equal(out->results[i]->values[0]->text + 6, "************");
        expect_absent(answer, resident_text(&r, FIELD_ID_NUMBER));
    }
    in.form = VAULT__V1__FORM__FORM_PLAIN;
    rq = ask(
        &(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = CLINIC, .purpose = "family-doctor", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    out = (const void *)rq->out;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(out->results[i]->n_values, 0);
        assert_int_equal(out->results[i]->status->code, 7);
    }
    fixture_reset();
}

TEST("a form that nobody knows is refused, never taken for another")
{
    for (int form = -1; form < 40; form += form == -1 ? 6 : 1) {
        request *rq = as_clinic(1, (Vault__V1__Form)form, MASK("name"));
        expect_outcome(rq, VAULT_INVALID, "OUT_OF_RANGE");
        assert_string_equal(rq->err.field, "form");
    }
    fixture_reset();
}
