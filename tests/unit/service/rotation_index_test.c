/* An index that is added to a field whose values are stored already. */
#include "google/rpc/status.pb-c.h"
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

/* Texts that may be searched by their parts: together they may have more terms than a record. */
enum { LONG_FIELDS = 21, LONG_TEXT = 200 };

static void add_long_fields(json_t *doc)
{
    char name[32];
    json_t *fields = json_object_get(json_array_get(json_object_get(doc, "collections"), 0), "fields");
    for (int i = 0; i < LONG_FIELDS; i++) {
        json_t *field = json_deep_copy(field_named(doc, "registered_address"));
        snprintf(name, sizeof name, "long_%d", i);
        json_object_set_new(field, "name", json_string(name));
        json_object_set_new(field, "label", json_string(name));
        json_object_set_new(field, "number", json_integer(235 + i));
        json_array_append_new(fields, field);
    }
}

static json_t *long_names(void)
{
    char name[32];
    json_t *names = json_pack("[s, s]", "id_number", "residence_area");
    for (int i = 0; i < LONG_FIELDS; i++) {
        snprintf(name, sizeof name, "long_%d", i);
        json_array_append_new(names, json_string(name));
    }
    return names;
}

static json_t *put_rule(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:[s], s:s, s:{s:s, s:s}}", "id", "put-long", "action", "put",
                     "consumer", "population", "purpose", "population-register", "fields", long_names(), "form",
                     "plain", "areas", "320411", "acting", "app", "valid", "from", "2020-01-01", "until", "2099-12-31");
}

static void add_search_rule(const char *file, json_t *doc)
{
    if (strcmp(file, "schema.json") == 0)
        json_object_set_new(field_named(doc, "household_number"), "index", json_array());
    if (strcmp(file, "schema.json") == 0) add_long_fields(doc);
    if (strcmp(file, "policy.json") != 0) return;
    json_array_append_new(json_object_get(doc, "rules"), put_rule());
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

/* ---- more terms than a record may have ---- */

static void index_pairs(json_t *of)
{
    char name[32];
    for (int i = 0; i < LONG_FIELDS; i++) {
        snprintf(name, sizeof name, "long_%d", i);
        json_object_set_new(field_named(of, name), "index", json_pack("[s]", "ngram"));
    }
}

/* No pair of characters stands in it twice. */
static char *long_text(void)
{
    char *text = arena_alloc(fixture_memory(), 3 * LONG_TEXT + 1);
    for (unsigned i = 0; i < LONG_TEXT; i++) {
        unsigned at = 0x4e00 + i;
        snprintf(text + (size_t)3 * i, 4, "%c%c%c", (int)(0xe0 | at >> 12), (int)(0x80 | (at >> 6 & 63)),
                 (int)(0x80 | (at & 63)));
    }
    return text;
}

static void put_long(const char *number)
{
    enum { COUNT = LONG_FIELDS + 2 };
    json_t *names = long_names();
    NEW_REQUEST(in, Vault__V1__BatchPutRequest, vault__v1__batch_put_request__init);
    NEW_REQUEST(one, Vault__V1__ResidentInput, vault__v1__resident_input__init);
    NEW_REQUEST(fields, Google__Protobuf__FieldMask, google__protobuf__field_mask__init);
    fields->paths = arena_array(fixture_memory(), COUNT, sizeof *fields->paths);
    one->values = arena_array(fixture_memory(), COUNT, sizeof *one->values);
    for (size_t i = 0; i < COUNT; i++) {
        fields->paths[i] = lend(json_string_value(json_array_get(names, i)));
        one->values[i] = i == 0 ? lend(number) : i == 1 ? lend("320411002001") : long_text();
    }
    json_decref(names);
    fields->n_paths = one->n_values = COUNT;
    in->field_mask = fields;
    in->collection = lend("residents");
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__PutResult *put = ((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0];
    if (put->status) fail_msg("%s", put->status->message);
}

TEST("a record that would have too many terms stays as it is: the job brings over the others, and fails at its end")
{
    enum { STEPS = 20 };
    resident r;
    job_row job;
    vault_error err = {0};
    vault_code code = VAULT_OK;
    (void)given_no_keeper();
    the_resident(3000, &r);
    put_long(resident_text(&r, FIELD_ID_NUMBER));
    expect_outcome(approve(OFFICER, proposed(ADMINISTRATOR, "schema", index_pairs)), VAULT_OK, NULL);
    (void)ROTATE(, "term/long_0");
    assert_true(open_job(&job));
    job_work w = {.job = &job, .most = 100};
    for (int i = 0; i < STEPS && code == VAULT_OK && !w.ended; i++)
        code = session_run(fixture_session(), run_step, &w, &err);
    expect_code(code, VAULT_INTEGRITY, &err);
    assert_non_null(strstr(w.finding, "1 rows"));
    assert_string_equal(pg_sql("select count(*) from resident where made < (select max(since) from key_ring)"), "1");
    forget_work(&w);
    fixture_reset();
}
