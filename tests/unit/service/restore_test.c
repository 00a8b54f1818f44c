/* Format-preserving tokens: made by reveals in the token form, taken back by BatchRestore. */
#include "tests/unit/service/asking.h"

static request *shown_as_token(session *by, const char *uri, const char *purpose_id, uint64_t index,
                               Google__Protobuf__FieldMask *fields)
{
    Vault__V1__RevealRequest *in = reveal_of(token_for(uri, purpose_id, index), fields);
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    return ask(
        &(asked){.path = "/vault.v1.Tokens/Reveal", .uri = uri, .purpose = purpose_id, .in = &in->base, .by = by});
}

static const char *token_of(const char *uri, const char *purpose_id, uint64_t index, const char *field)
{
    request *rq = shown_as_token(NULL, uri, purpose_id, index, MASK(field));
    expect_outcome(rq, VAULT_OK, NULL);
    return revealed(rq, 0);
}

static request *restore_by(session *by, const char *uri, const char *purpose_id, const char *field, char **values,
                           size_t count)
{
    Vault__V1__BatchRestoreRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_restore_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text(field));
    in->values = values;
    in->n_values = count;
    in->want_receipt = true;
    return ask(&(asked){
        .path = "/vault.v1.Tokens/BatchRestore", .uri = uri, .purpose = purpose_id, .in = &in->base, .by = by});
}

static const Vault__V1__RestoreResult *restored(session *by, const char *field, const char *text)
{
    request *rq = restore_by(by, ELDERCARE, "elder-care", field, one_text(text), 1);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchRestoreResponse *)(void *)rq->out)->results[0];
}

TEST("an ID number and a mobile become others that are valid, and the values are nowhere")
{
    uint64_t index = resident_in_street(0);
    const char *id = value_of(index, FIELD_ID_NUMBER), *phone = value_of(index, FIELD_PHONE);
    vault_error err = {0};
    bytes same;
    int64_t then = clock_now_us();
    request *rq = shown_as_token(NULL, ELDERCARE, "elder-care", index, MASK("phone", "id_number"));
    expect_outcome(rq, VAULT_OK, NULL);
    const char *other_phone = revealed(rq, 0), *other_id = revealed(rq, 1);
    assert_string_not_equal(other_id, id);
    assert_string_not_equal(other_phone, phone);
    assert_memory_equal(other_phone, phone, 3);
    expect_ok(format_normalise(format_find("resident_id"), fixture_memory(), bytes_of_text(other_id), &same, &err),
              &err);
    expect_ok(format_normalise(format_find("mobile"), fixture_memory(), bytes_of_text(other_phone), &same, &err), &err);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"form\":\"token\""), 1);
    assert_int_equal(occurrences(views, "\"rule\":\"test-tokens\""), 1);
    assert_true(!strstr(views, id) && !strstr(views, phone) && !strstr(views, other_id));
    fixture_reset();
}

TEST("a resident has one such token in a domain, and another one in every other")
{
    uint64_t index = resident_in_street(0);
    const char *first = token_of(ELDERCARE, "elder-care", index, "id_number");
    assert_string_equal(token_of(ELDERCARE, "elder-care", index, "id_number"), first);
    assert_string_not_equal(token_of(POPULATION, "population-register", index, "id_number"), first);
    fixture_reset();
}

TEST("a field without tokens has none, whatever else is asked for; where no rule gives the form, it is refused")
{
    uint64_t index = resident_in_street(0);
    request *rq = shown_as_token(NULL, POPULATION, "population-register", index, MASK("id_number", "name"));
    expect_outcome(rq, VAULT_INVALID, "NO_TOKEN_FORM");
    assert_string_equal(rq->err.field, "field_mask.paths[1]");
    expect_outcome(shown_as_token(NULL, CLINIC, "family-doctor", index, MASK("id_number")), VAULT_DENIED, "form");
    expect_outcome(shown_as_token(NULL, ELDERCARE, "elder-care", resident_elsewhere(0), MASK("id_number")),
                   VAULT_DENIED, "resident");
    fixture_reset();
}

TEST("many at once get the tokens that each alone would get")
{
    Vault__V1__BatchRevealRequest in = VAULT__V1__BATCH_REVEAL_REQUEST__INIT;
    char *tokens[20];
    for (size_t i = 0; i < 20; i++) tokens[i] = (char *)(uintptr_t)token_for(POPULATION, "population-register", i);
    in.tokens = tokens, in.n_tokens = 20;
    in.field_mask = MASK("phone");
    in.form = VAULT__V1__FORM__FORM_TOKEN;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchReveal", .uri = POPULATION, .purpose = "population-register", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < 20; i++)
        assert_string_equal(out->results[i]->values[0]->text, token_of(POPULATION, "population-register", i, "phone"));
    fixture_reset();
}

TEST("what is taken back is the value and the own pseudonym, logged as what it is")
{
    uint64_t index = with_own_phone(true, 0);
    const char *phone = value_of(index, FIELD_PHONE), *shown = token_of(ELDERCARE, "elder-care", index, "phone");
    int64_t then = clock_now_us(), before = lines_in_log();
    const Vault__V1__RestoreResult *got = restored(NULL, "phone", shown);
    assert_int_equal(lines_in_log(), before + 1);
    assert_string_equal(why(got->status), "");
    assert_string_equal(got->value, phone);
    const char *views = views_since(then);
    assert_string_equal(got->token, token_for(ELDERCARE, "elder-care", index));
    assert_int_equal(occurrences(views, "\"action\":\"restore\""), 1);
    assert_int_equal(occurrences(views, "\"fields\":\"phone\""), 1);
    assert_true(!strstr(views, phone) && !strstr(views, shown));

    char **id = one_text(token_of(POPULATION, "population-register", index, "id_number"));
    request *rq = restore_by(NULL, POPULATION, "population-register", "id_number", id, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    got = ((const Vault__V1__BatchRestoreResponse *)(void *)rq->out)->results[0];
    assert_string_equal(got->value, value_of(index, FIELD_ID_NUMBER));
    fixture_reset();
}

/* The token that an app would have of the resident's phone. */
static char *phone_token(const char *uri, const char *purpose_id, uint64_t index)
{
    vault_error err = {0};
    session *s = fixture_session();
    const schema_field phone = {.name = "phone", .format = format_find("mobile"), .token = true};
    char made[PRESERVE_TEXT_MAX + 1];
    cabinet_act_for(s->cabinet, domain_of(uri, purpose_id));
    expect_ok(cabinet_preserve(s->cabinet, made, &phone, bytes_of_text(value_of(index, FIELD_PHONE)), &err), &err);
    return arena_text(fixture_memory(), bytes_of_text(made));
}

TEST("a pseudonym comes with the value for whoever may issue by it: the others get none by trying numbers")
{
    uint64_t index = with_own_phone(true, 0);
    char **shown = one_text(phone_token(CLINIC, "family-doctor", index));
    request *rq = restore_by(NULL, CLINIC, "family-doctor", "phone", shown, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RestoreResult *got = ((const Vault__V1__BatchRestoreResponse *)(void *)rq->out)->results[0];
    assert_string_equal(got->value, value_of(index, FIELD_PHONE));
    assert_string_equal(got->token, "");
    fixture_reset();
}

TEST("nobody's token, another domain's, and that of somebody elsewhere are refused alike; a poor text names its place")
{
    uint64_t index = with_own_phone(true, 0), away = with_own_phone(false, 0);
    const char *foreign = token_of(POPULATION, "population-register", index, "phone");
    /* The street is looked at when it is taken back. */
    const char *hidden = phone_token(ELDERCARE, "elder-care", away);
    assert_string_equal(why(restored(NULL, "phone", foreign)->status), "resident");
    assert_string_equal(why(restored(NULL, "phone", "13900009999")->status), "resident");
    assert_string_equal(why(restored(NULL, "phone", hidden)->status), "resident");
    assert_string_equal(why(restored(NULL, "phone", "139")->status), "BAD_LENGTH values[0]");
    fixture_reset();
}

TEST("the field must have tokens, be unique, and be permitted in plain form")
{
    char **any = one_text("13900009999");
    expect_outcome(restore_by(NULL, ELDERCARE, "elder-care", "", any, 1), VAULT_INVALID, "REQUIRED");
    expect_outcome(restore_by(NULL, ELDERCARE, "elder-care", "nothing", any, 1), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(restore_by(NULL, ELDERCARE, "elder-care", "name", any, 1), VAULT_INVALID, "NO_TOKEN_FORM");
    expect_outcome(restore_by(NULL, ELDERCARE, "elder-care", "phone", any, 0), VAULT_INVALID, "REQUIRED");
    /* Who may have the tokens may not have the values. */
    const char *shown = token_of(ELDERCARE, "elder-care", resident_in_street(0), "id_number");
    assert_string_equal(why(restored(NULL, "id_number", shown)->status), "form");
    fixture_reset();
}

/* What a token may mean in two epochs. */
static resident_id meant(const char *one, const char *other)
{
    vault_error err = {0};
    session *s = fixture_session();
    const schema_field *phone = schema_find(&s->manifest->schema, bytes_of_text("phone"));
    unique_item u = {.field = phone};
    item it = {.unique = &u}, *items[] = {&it};
    cabinet_use(s->cabinet, s->mem);
    expect_ok(unique_add(&u, s, bytes_of_text(one), &err), &err);
    expect_ok(unique_add(&u, s, bytes_of_text(other), &err), &err);
    expect_ok(unique_look(s, items, 1, &err), &err);
    return it.id;
}

TEST("where one of the values is that of two residents, the token is not taken for a stranger's who has another")
{
    session *s = fixture_session();
    control *c = s->service->control;
    const char *own = value_of(with_own_phone(true, 0), FIELD_PHONE), *shared = NULL;
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS && !shared; i++) {
        const char *phone = value_of(i, FIELD_PHONE);
        for (uint64_t k = 0; k < i; k++)
            if (phone[0] && strcmp(value_of(k, FIELD_PHONE), phone) == 0) shared = phone;
    }
    s->manifest = control_acquire(c);
    assert_true(meant(own, "13900009999").id > 0);
    assert_int_equal(meant(own, shared).id, 0);
    assert_int_equal(meant(shared, own).id, 0);
    assert_int_equal(meant(shared, "13900009999").id, 0);
    control_release(c, s->manifest);
    s->manifest = NULL;
    fixture_reset();
}

/* The last one: the fixture's own session stays in the first epoch. */
TEST("a token of a retiring epoch is taken back until the epoch ends, and leads nowhere afterwards")
{
    uint64_t index = with_own_phone(true, 0);
    const char *phone = value_of(index, FIELD_PHONE), *old = token_of(ELDERCARE, "elder-care", index, "phone");
    const domain *d = domain_of(ELDERCARE, "elder-care");
    begin_epoch_2(d, RING_RETIRING);
    ring_of(d, 1)->ends_us = INT64_MAX;
    session *later = new_session();
    request *rq = shown_as_token(later, ELDERCARE, "elder-care", index, MASK("phone"));
    expect_outcome(rq, VAULT_OK, NULL);
    const char *fresh = revealed(rq, 0);
    assert_string_not_equal(fresh, old);
    assert_string_equal(restored(later, "phone", old)->value, phone);
    assert_string_equal(restored(later, "phone", fresh)->value, phone);
    ring_of(d, 1)->ends_us = clock_now_us();
    assert_string_equal(why(restored(later, "phone", old)->status), "resident");
    assert_string_equal(restored(later, "phone", fresh)->value, phone);
    session_close(&later);
    begin_epoch_2(d, RING_DESTROYED);
    later = new_session();
    assert_string_equal(why(restored(later, "phone", old)->status), "resident");
    assert_string_equal(restored(later, "phone", fresh)->value, phone);
    session_close(&later);
    fixture_reset();
}
