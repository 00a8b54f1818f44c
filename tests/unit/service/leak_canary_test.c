/* Canaries in a leaked list: whoever met them comes first, and nobody is told that he is affected in their name. */
#include "tests/unit/service/canaries.h"
#include "tests/unit/service/leaks.h"

static const asker HOLDER = {.uri = ELDERCARE, .why = "elder-care"};

TEST("a canary in the list puts its department's app first, before one who has opened all of the others")
{
    enum { FEW = 4 };
    uint64_t at = resident_in_street(0);
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    list_begin("name", "phone", NULL);
    for (size_t i = 0; i < FEW; i++, at = resident_in_street(at + 1)) {
        expect_outcome(reveal(CLINIC, "family-doctor", token_for(CLINIC, "family-doctor", at), MASK("name", "phone")),
                       VAULT_OK, NULL);
        list_resident(at, FIELD_NAME, FIELD_PHONE);
    }
    expect_outcome(look_at(HOLDER, issued_to(HOLDER, value_of(one, "id_number")), MASK("name", "phone")), VAULT_OK,
                   NULL);
    list_row(value_of(one, "name"), value_of(one, "phone"));
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *r = traced(leak->name);
    assert_int_equal(r->rows_linked, FEW + 1);
    assert_true(r->trace_rows[FEW]->canary);
    assert_false(r->trace_rows[0]->canary);
    assert_true(r->n_leads >= 2);
    assert_string_equal(r->leads[0]->app, "eldercare");
    assert_int_equal(r->leads[0]->n_canaries, 1);
    assert_string_equal(r->leads[0]->canaries[0], one->name);
    request *rq = affected(leak->name, "clinic", "family-doctor");
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__ListAffectedResponse *)(const void *)rq->out)->total, FEW);
    uint64_t before = alarms();
    traced(leak->name);
    assert_int_equal(alarms(), before); /* an officer's own look is no use */
    leak_closed(leak->name);
    fixture_reset();
}

TEST("one that was retired is found in a list that leaked before, by its values and by a token of it")
{
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    const char *token_of = issued_to(HOLDER, value_of(one, "id_number"));
    expect_outcome(look_at(HOLDER, token_of, MASK("name", "phone")), VAULT_OK, NULL);
    expect_outcome(retire_as(OFFICER, one->name), VAULT_OK, NULL);
    list_begin("name", "phone", NULL);
    list_row(value_of(one, "name"), value_of(one, "phone"));
    list_row(value_of(one, "name"), "13900000000");
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *r = traced(leak->name);
    assert_int_equal(r->rows_linked, 1);
    assert_true(r->trace_rows[0]->canary);
    assert_string_equal(r->leads[0]->app, "eldercare");
    assert_string_equal(r->leads[0]->canaries[0], one->name);
    request *rq = affected(leak->name, "clinic", "family-doctor");
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__ListAffectedResponse *)(const void *)rq->out)->total, 0);
    leak_closed(leak->name);
    list_begin(LEAK_PSEUDONYM, NULL);
    list_row(token_of, NULL);
    leak = leak_open_case();
    assert_true(traced(leak->name)->trace_rows[0]->canary);
    leak_closed(leak->name);
    fixture_reset();
}

TEST("a row that may mean a canary, and may mean somebody else, is no proof against whoever met it")
{
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    uint64_t like = resident_in_street(0);
    expect_outcome(look_at(HOLDER, issued_to(HOLDER, value_of(one, "id_number")), MASK("name", "phone")), VAULT_OK,
                   NULL);
    put_phone(like, value_of(one, "phone"));
    list_begin("phone", NULL);
    list_row(value_of(one, "phone"), NULL);
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *r = traced(leak->name);
    assert_int_equal(r->trace_rows[0]->residents, 2);
    assert_false(r->trace_rows[0]->canary);
    for (size_t i = 0; i < r->n_leads; i++) assert_int_equal(r->leads[i]->n_canaries, 0);
    leak_closed(leak->name);
    resident as;
    the_resident(like, &as);
    put_phone(like, resident_text(&as, FIELD_PHONE));
    fixture_reset();
}

TEST("a name that a canary happens to have is no proof against whoever met it; its number is")
{
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    expect_outcome(look_at(HOLDER, issued_to(HOLDER, value_of(one, "id_number")), MASK("name", "phone")), VAULT_OK,
                   NULL);
    list_begin("name", "phone", NULL);
    list_row(value_of(one, "name"), "");
    list_row("", value_of(one, "phone"));
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *r = traced(leak->name);
    assert_false(r->trace_rows[0]->canary);
    assert_true(r->trace_rows[1]->canary);
    assert_int_equal(r->leads[0]->n_canaries, 1);
    leak_closed(leak->name);
    list_begin("name", NULL);
    list_row(value_of(one, "name"), NULL);
    leak = leak_open_case();
    r = traced(leak->name);
    assert_true(r->not_from_here > 0);
    for (size_t i = 0; i < r->n_leads; i++) assert_int_equal(r->leads[i]->n_canaries, 0);
    leak_closed(leak->name);
    fixture_reset();
}
