/* Searches over the fixture's residents, and a look through the generator's plaintext to compare them with. */
#pragma once
#include "tests/unit/service/lines.h"
#include "tests/unit/service/receipt.h"
#include "tokenizer/pseudonym.h"

#include <stdio.h>

#define DISTRICT "320411"
#define STREET   "320411002"

/* ---- documents ---- */

static inline void index_field(json_t *schema, const char *name, const char *kinds)
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(json_array_get(json_object_get(schema, "collections"), 0), "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0)
            json_object_set_new(field, "index", json_loads(kinds, 0, NULL));
    }
}

#define SEARCHABLE                                                                                                     \
    "[\"name\",\"phone\",\"birth_date\",\"marital_status\",\"care_category\",\"household_number\",\"residence_"        \
    "address\"]"

static inline void add_rule(json_t *policy, const char *text)
{
    json_t *rule = json_loads(text, 0, NULL);
    assert_non_null(rule);
    json_array_append_new(json_object_get(policy, "rules"), rule);
}

#define RULE(id, app, purpose, fields, form, area, more)                                                               \
    "{\"id\":\"" id "\",\"action\":\"search\",\"consumer\":\"" app "\",\"purpose\":\"" purpose "\",\"fields\":" fields \
    ",\"form\":\"" form "\",\"areas\":[\"" area "\"],\"acting\":\"app\"," more                                         \
    "\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2099-12-31\"}}"

static inline void make_searchable(const char *file, json_t *document)
{
    if (strcmp(file, "schema.json") == 0) {
        index_field(document, "name", "[\"equality\",\"ngram\"]");
        index_field(document, "phone", "[\"equality\",\"suffix\"]");
        index_field(document, "birth_date", "[\"band\"]");
        index_field(document, "marital_status", "[\"code\"]");
        index_field(document, "care_category", "[\"code\"]");
        index_field(document, "household_number", "[\"equality\"]");
        index_field(document, "residence_address", "[\"ngram\"]");
        index_field(document, "sex", "[]");
    }
    if (strcmp(file, "policy.json") == 0) {
        add_rule(document,
                 RULE("population-search", "population", "population-register", SEARCHABLE, "token", DISTRICT, ""));
        add_rule(document, RULE("eldercare-search", "eldercare", "elder-care",
                                "[\"birth_date\",\"care_category\",\"household_number\",\"phone\"]", "token", STREET,
                                "\"results\":5,"));
        add_rule(document, RULE("clinic-count", "clinic", "family-doctor", "[\"marital_status\",\"phone\"]", "count",
                                DISTRICT, ""));
    }
}

__attribute__((constructor)) static inline void set_edit(void)
{
    fixture_edit = make_searchable;
}

/* ---- asking ---- */

static inline Vault__V1__SearchRequest *new_search(void)
{
    Vault__V1__SearchRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__search_request__init(in);
    in->conditions = arena_array(fixture_memory(), 16, sizeof *in->conditions);
    in->areas = arena_array(fixture_memory(), 80, sizeof *in->areas);
    return in;
}

static inline char *text_of(const char *text)
{
    return arena_text(fixture_memory(), bytes_of_text(text));
}

static inline Vault__V1__Condition *add(Vault__V1__SearchRequest *in, const char *field, int question)
{
    Vault__V1__Condition *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__condition__init(one);
    one->field = text_of(field);
    one->question_case = (Vault__V1__Condition__QuestionCase)question;
    in->conditions[in->n_conditions++] = one;
    return one;
}

static inline Vault__V1__Values *values_of(const char *const *texts, size_t count)
{
    Vault__V1__Values *out = arena_alloc(fixture_memory(), sizeof *out);
    vault__v1__values__init(out);
    out->values = arena_array(fixture_memory(), count + 1, sizeof *out->values);
    for (size_t i = 0; i < count; i++) out->values[out->n_values++] = text_of(texts[i]);
    return out;
}

static inline void equals(Vault__V1__SearchRequest *in, const char *field, const char *value)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(&value, 1);
}

static inline void ends_with(Vault__V1__SearchRequest *in, const char *field, const char *value)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_ENDS_WITH)->ends_with = values_of(&value, 1);
}

static inline void has_part(Vault__V1__SearchRequest *in, const char *field, const char *part)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_PART)->part = text_of(part);
}

static inline void band(Vault__V1__SearchRequest *in, const char *field, const char *low, const char *high)
{
    Vault__V1__Band *out = arena_alloc(fixture_memory(), sizeof *out);
    vault__v1__band__init(out);
    out->low = text_of(low);
    out->high = text_of(high);
    add(in, field, VAULT__V1__CONDITION__QUESTION_BAND)->band = out;
}

static inline void same_as(Vault__V1__SearchRequest *in, const char *field, const char *whom)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_SAME_AS)->same_as = text_of(whom);
}

static inline void in_area(Vault__V1__SearchRequest *in, const char *prefix)
{
    in->areas[in->n_areas++] = text_of(prefix);
}

static inline request *search_as(const char *uri, const char *why, Vault__V1__SearchRequest *in)
{
    return ask(&(asked){.path = "/vault.v1.Records/Search", .uri = uri, .purpose = why, .in = &in->base});
}

static inline request *as_population(Vault__V1__SearchRequest *in)
{
    return search_as(POPULATION, "population-register", in);
}

static inline request *as_eldercare(Vault__V1__SearchRequest *in)
{
    return search_as(ELDERCARE, "elder-care", in);
}

static inline const Vault__V1__SearchResponse *answer_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* ---- what a look through the plaintext says ---- */

typedef bool (*holds)(const resident *r, const char *what);

static inline const char *const *all_tokens(void)
{
    static char tokens[FIXTURE_RESIDENTS][64];
    static const char *list[FIXTURE_RESIDENTS];
    if (list[0]) return list;
    Vault__V1__BatchIssueRequest in = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    in.values = arena_array(fixture_memory(), FIXTURE_RESIDENTS, sizeof *in.values);
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        in.values[in.n_values++] = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    }
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = "population-register", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_results; i++) {
        snprintf(tokens[i], sizeof tokens[i], "%s", out->results[i]->token);
        list[i] = tokens[i];
    }
    return list;
}

static inline long index_of_token(const char *text)
{
    const char *const *all = all_tokens();
    for (long i = 0; i < FIXTURE_RESIDENTS; i++)
        if (strcmp(all[i], text) == 0) return i;
    return -1;
}

static inline size_t expect_found(const Vault__V1__SearchResponse *out, holds rule, const char *what)
{
    bool found[FIXTURE_RESIDENTS] = {0};
    size_t wanted = 0;
    for (size_t i = 0; i < out->n_results; i++) {
        long at = index_of_token(out->results[i]->token);
        assert_true(at >= 0 && !found[at]);
        found[at] = true;
    }
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        if (rule(&r, what) != found[i]) fail_msg("resident %lu: %s", i, found[i] ? "found" : "missed");
        wanted += found[i];
    }
    return wanted;
}

static inline bool phone_ends(const resident *r, const char *what)
{
    const char *phone = resident_text(r, FIELD_PHONE);
    return strlen(phone) == 11 && strcmp(phone + 7, what) == 0;
}

static inline bool phone_is(const resident *r, const char *what)
{
    return strcmp(resident_text(r, FIELD_PHONE), what) == 0;
}

static inline bool lives_in(const resident *r, const char *prefix)
{
    return strncmp(resident_text(r, FIELD_RESIDENCE_AREA), prefix, strlen(prefix)) == 0;
}

static inline bool name_has(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strstr(resident_text(r, FIELD_NAME), what) != NULL;
}

static inline bool address_has(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strstr(resident_text(r, FIELD_RESIDENCE_ADDRESS), what) != NULL;
}

static inline bool married(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strcmp(resident_text(r, FIELD_MARITAL_STATUS), what) == 0;
}

static inline bool born_until(const resident *r, const char *year)
{
    return lives_in(r, STREET) && strncmp(resident_text(r, FIELD_BIRTH_DATE), year, 4) <= 0;
}

static inline bool old_and_married(const resident *r, const char *year)
{
    return born_until(r, year) && married(r, "20");
}

static inline bool of_household(const resident *r, const char *what)
{
    return strcmp(resident_text(r, FIELD_HOUSEHOLD_NUMBER), what) == 0;
}

static inline resident someone(uint64_t index)
{
    resident r;
    the_resident(index, &r);
    return r;
}
