/* An index that is added to a field whose values are stored already. */
#include "tests/unit/service/steward.h"

#include "tests/unit/service/rotating.h"

static json_t *field_named(json_t *of, const char *name)
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(json_array_get(json_object_get(of, "collections"), 0), "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0) return field;
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void add_search_rule(const char *file, json_t *doc)
{
    if (strcmp(file, "schema.json") == 0)
        json_object_set_new(field_named(doc, "household_number"), "index", json_array());
    if (strcmp(file, "policy.json") != 0) return;
    json_t *rule = json_pack("{s:s, s:s, s:s, s:s, s:[s], s:s, s:[s], s:s, s:{s:s, s:s}}", "id", "search-household",
                             "action", "search", "consumer", "population", "purpose", "population-register", "fields",
                             "household_number", "form", "token", "areas", "320411", "acting", "app", "valid", "from",
                             "2020-01-01", "until", "2099-12-31");
    assert_non_null(rule);
    json_array_append_new(json_object_get(doc, "rules"), rule);
}

__attribute__((constructor)) static void with_rule(void)
{
    fixture_edit = add_search_rule;
}

static void index_household(json_t *of)
{
    json_object_set_new(field_named(of, "household_number"), "index", json_pack("[s]", "equality"));
}

static request *search_household(const char *text)
{
    NEW_REQUEST(in, Vault__V1__SearchRequest, vault__v1__search_request__init);
    NEW_REQUEST(one, Vault__V1__Condition, vault__v1__condition__init);
    NEW_REQUEST(values, Vault__V1__Values, vault__v1__values__init);
    values->values = arena_array(fixture_memory(), 1, sizeof *values->values);
    values->values[values->n_values++] = lend(text);
    one->field = lend("household_number");
    one->question_case = VAULT__V1__CONDITION__QUESTION_EQUALS;
    one->equals = values;
    in->conditions = arena_array(fixture_memory(), 1, sizeof *in->conditions);
    in->conditions[in->n_conditions++] = one;
    return ask(&(asked){
        .path = "/vault.v1.Records/Search", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
}

static size_t found(const char *text)
{
    request *rq = search_household(text);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__SearchResponse *)(const void *)rq->out)->n_results;
}

static size_t living_in(const char *household)
{
    size_t count = 0;
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        count += strcmp(resident_text(&r, FIELD_HOUSEHOLD_NUMBER), household) == 0;
    }
    return count;
}

TEST("an index that is added later finds those who are put from then on, and all once its ring was rotated")
{
    resident r;
    (void)given_no_keeper();
    the_resident(3, &r);
    const char *household = lend(resident_text(&r, FIELD_HOUSEHOLD_NUMBER));
    expect_outcome(search_household(household), VAULT_INVALID, NULL);
    expect_outcome(approve(OFFICER, proposed(ADMINISTRATOR, "schema", index_household)), VAULT_OK, NULL);
    assert_int_equal(found(household), 0);
    (void)ROTATE(, "term/household_number");
    assert_int_equal(found(household), 0);
    (void)run_jobs(100, NULL);
    assert_int_equal(found(household), living_in(household));
    for (uint64_t i = 10; i < 14; i++) {
        the_resident(i, &r);
        const char *other = lend(resident_text(&r, FIELD_HOUSEHOLD_NUMBER));
        assert_int_equal(found(other), living_in(other));
    }
    fixture_reset();
}
