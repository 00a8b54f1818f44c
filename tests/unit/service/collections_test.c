/* ListCollections: what a client needs to know of the schema, for anybody who is somebody. */
#include "tests/support/vault_fixture.h"

static request *list(const char *uri, const char *why)
{
    Vault__V1__ListCollectionsRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__list_collections_request__init(in);
    return ask(&(asked){.path = "/vault.v1.Records/ListCollections", .uri = uri, .purpose = why, .in = &in->base});
}

static const Vault__V1__Collection *named(const request *rq, const char *name)
{
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__ListCollectionsResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_collections; i++)
        if (strcmp(out->collections[i]->name, name) == 0) return out->collections[i];
    fail_msg("no collection %s", name);
    return NULL;
}

TEST("every collection is told with its key, its area and its fields, to apps, officers and administrators")
{
    static const char *const who[][2] = {{POPULATION, "population-register"},
                                         {CLINIC, "family-doctor"},
                                         {OFFICER, "log-review"},
                                         {ADMINISTRATOR, "control"}};
    (void)fixture_session();
    int64_t lines = lines_in_log();
    for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
        request *rq = list(who[i][0], who[i][1]);
        const Vault__V1__Collection *people = named(rq, "residents"), *houses = named(rq, "housing");
        assert_string_equal(people->natural_key, "id_number");
        assert_string_equal(people->area, "residence_area");
        assert_string_equal(houses->natural_key, "house_number");
        assert_true(people->n_fields > GENERATOR_FIELDS);
        assert_string_equal(people->fields[0]->name, "id_number");
        assert_string_equal(people->fields[0]->label, "公民身份号码");
        assert_string_equal(people->fields[0]->format, "resident_id");
        assert_string_equal(people->fields[0]->group, "identity");
        assert_string_equal(people->fields[0]->class_, "sensitive");
        assert_int_equal(people->fields[0]->level, 4);
        assert_string_equal(people->fields[0]->owner, "public-security");
    }
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

static const Vault__V1__Field *field_named(const Vault__V1__Collection *of, const char *name)
{
    for (size_t i = 0; i < of->n_fields; i++)
        if (strcmp(of->fields[i]->name, name) == 0) return of->fields[i];
    fail_msg("no field %s", name);
    return NULL;
}

TEST("by which terms a field is searched, whether it names residents and has tokens, and what may be asked, is told")
{
    const Vault__V1__Collection *people = named(list(CLINIC, "family-doctor"), "residents");
    const Vault__V1__Field *phone = field_named(people, "phone"), *id = field_named(people, "id_number");
    assert_int_equal(phone->n_index, 2);
    assert_string_equal(phone->index[0], "equality");
    assert_string_equal(phone->index[1], "suffix");
    assert_true(phone->token);
    assert_false(phone->unique);
    assert_true(id->unique && id->token);
    assert_int_equal(id->n_index, 0);
    assert_true(field_named(people, "permit_number")->unique);
    assert_false(field_named(people, "sex")->unique || field_named(people, "sex")->token);
    assert_string_equal(field_named(people, "birth_date")->index[0], "band");
    assert_int_equal(people->n_predicates, 5);
    assert_string_equal(people->predicates[0]->name, "age_60");
    assert_string_equal(people->predicates[0]->field, "birth_date");
    assert_string_equal(people->predicates[0]->test, "age_at_least");
    assert_int_equal(people->predicates[0]->amount, 60);
    assert_string_equal(people->predicates[0]->label, "年满60周岁");
    assert_string_equal(people->predicates[4]->test, "equals");
    assert_int_equal(people->predicates[4]->amount, 0);
    assert_int_equal(named(list(CLINIC, "family-doctor"), "housing")->n_predicates, 0);
    fixture_reset();
}

TEST("nobody, and nobody's purpose, is told nothing")
{
    expect_outcome(list("vault://dev/apps/nobody", "elder-care"), VAULT_UNAUTHENTICATED, "PRINCIPAL_UNKNOWN");
    expect_outcome(list(POPULATION, "gossip"), VAULT_DENIED, "purpose");
    fixture_reset();
}
