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

TEST("nobody, and nobody's purpose, is told nothing")
{
    expect_outcome(list("vault://dev/apps/nobody", "elder-care"), VAULT_UNAUTHENTICATED, "PRINCIPAL_UNKNOWN");
    expect_outcome(list(POPULATION, "gossip"), VAULT_DENIED, "purpose");
    fixture_reset();
}
