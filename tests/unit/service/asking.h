/* The fixture with what the token calls need: the phone is unique, it and the ID number have format-preserving tokens,
 * there are predicates, and rules for all that. Eldercare acts in the street 320411002 alone, as ever.
 *
 *   eldercare    issues by phone, too; asks the predicates test_*; ID number and phone as tokens; the phone in plain
 * form clinic       the sex in plain form, so it may ask test_sex; issues by ID number alone population   everything in
 * plain form */
#pragma once
#include "tests/unit/service/domain.h"
#include "tests/unit/service/lines.h"
#include "vault/record/internal.h"

#include <stdio.h>

static inline json_t *entry_of(json_t *list, const char *key, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, key)), name) == 0) return entry;
    }
    return NULL;
}

static inline void edit_schema(json_t *doc)
{
    static const char predicates[] =
        "[{\"name\": \"test_60\", \"number\": 241, \"label\": \"60\", \"field\": \"birth_date\", \"test\": "
        "\"age_at_least\", \"years\": 60},"
        "{\"name\": \"test_street\", \"number\": 242, \"label\": \"street\", \"field\": \"residence_area\", \"test\": "
        "\"same_area\", \"digits\": 9},"
        "{\"name\": \"test_phone\", \"number\": 243, \"label\": \"phone\", \"field\": \"phone\", \"test\": \"equals\"},"
        "{\"name\": \"test_sex\", \"number\": 244, \"label\": \"sex\", \"field\": \"sex\", \"test\": \"equals\"},"
        "{\"name\": \"test_former\", \"number\": 245, \"label\": \"former\", \"field\": \"former_name\", \"test\": "
        "\"equals\"}]";
    json_t *people = entry_of(json_object_get(doc, "collections"), "name", "residents");
    json_t *fields = json_object_get(people, "fields"), *phone = entry_of(fields, "name", "phone");
    json_t *more = json_loads(predicates, 0, NULL), *stand = json_object_get(people, "predicates");
    json_object_set_new(phone, "unique", json_true());
    json_object_set_new(phone, "index", json_pack("[s]", "equality"));
    json_object_set_new(phone, "token", json_string("ff1"));
    json_object_set_new(entry_of(fields, "name", "id_number"), "token", json_string("ff1"));
    if (!stand) json_object_set_new(people, "predicates", stand = json_array());
    json_array_extend(stand, more);
    json_decref(more);
}

static inline void add_rule(json_t *rules, const char *id, const char *action, const char *form, const char *fields)
{
    json_t *rule =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:[s], s:s, s:{s:s, s:s}}", "id", id, "action", action, "consumer",
                  "eldercare", "purpose", "elder-care", "fields", json_loads(fields, 0, NULL), "form", form, "areas",
                  "320411002", "acting", "app", "valid", "from", "2020-01-01", "until", "2099-12-31");
    assert_non_null(rule);
    json_array_append_new(rules, rule);
}

/* A second purpose of the same app, with the same rules. */
static inline void add_purpose(json_t *doc)
{
    json_t *list = json_object_get(doc, "purposes"), *other = json_deep_copy(entry_of(list, "id", "elder-care"));
    json_object_set_new(other, "id", json_string("elder-meals"));
    json_array_append_new(list, other);
}

static inline void copy_rules(json_t *rules)
{
    char id[80];
    size_t count = json_array_size(rules);
    for (size_t i = 0; i < count; i++) {
        json_t *rule = json_array_get(rules, i);
        if (strcmp(json_string_value(json_object_get(rule, "purpose")), "elder-care") != 0) continue;
        json_t *other = json_deep_copy(rule);
        snprintf(id, sizeof id, "meals-%s", json_string_value(json_object_get(rule, "id")));
        json_object_set_new(other, "id", json_string(id));
        json_object_set_new(other, "purpose", json_string("elder-meals"));
        json_array_append_new(rules, other);
    }
}

static inline void edit_policy(json_t *doc)
{
    json_t *rules = json_object_get(doc, "rules"), *issue = entry_of(rules, "id", "eldercare-issue");
    json_array_append_new(json_object_get(issue, "fields"), json_string("phone"));
    add_rule(rules, "test-predicates", "reveal", "predicate",
             "[\"test_60\", \"test_street\", \"test_phone\", \"test_former\"]");
    add_rule(rules, "test-tokens", "reveal", "token", "[\"id_number\", \"phone\"]");
    add_rule(rules, "test-put", "put", "plain", "[\"phone\"]");
    add_rule(rules, "test-export", "export", "plain", "[\"name\", \"phone\"]");
    copy_rules(rules);
}

static inline void edit_document(const char *file, json_t *doc)
{
    if (strcmp(file, "schema.json") == 0) edit_schema(doc);
    if (strcmp(file, "policy.json") == 0) edit_policy(doc);
    if (strcmp(file, "purposes.json") == 0) add_purpose(doc);
}

__attribute__((constructor)) static void want_documents(void)
{
    fixture_edit = edit_document;
}

/* A resident in (or outside) the street whose phone nobody else has. */
static inline uint64_t with_own_phone(bool in_street, uint64_t from)
{
    for (uint64_t i = from;; i++) {
        resident r, other;
        uint64_t same = 0;
        i = in_street ? resident_in_street(i) : resident_elsewhere(i);
        the_resident(i, &r);
        for (uint64_t k = 0; k < FIXTURE_RESIDENTS; k++) {
            the_resident(k, &other);
            same += strcmp(resident_text(&other, FIELD_PHONE), resident_text(&r, FIELD_PHONE)) == 0;
        }
        if (same == 1 && resident_text(&r, FIELD_PHONE)[0]) return i;
    }
}

static inline char *value_of(uint64_t index, unsigned field)
{
    resident r;
    the_resident(index, &r);
    return arena_text(fixture_memory(), resident_value(&r, field));
}

/* A copy of one text as a list of one. */
static inline char **one_text(const char *text)
{
    char **out = arena_array(fixture_memory(), 1, sizeof *out);
    out[0] = arena_text(fixture_memory(), bytes_of_text(text));
    return out;
}

/* Why an item was refused: clause, or reason and path; "" where it went well. */
static inline const char *why(const Google__Rpc__Status *status)
{
    const char *out = status ? "?" : "";
    for (size_t i = 0; status && i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        if (strstr(any->type_url, "ErrorInfo")) {
            Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(NULL, any->value.len, any->value.data);
            out = arena_format(fixture_memory(), "%s", info->n_metadata ? info->metadata[0]->value : info->reason);
            google__rpc__error_info__free_unpacked(info, NULL);
        } else if (strstr(any->type_url, "BadRequest")) {
            Google__Rpc__BadRequest *bad = google__rpc__bad_request__unpack(NULL, any->value.len, any->value.data);
            out = arena_format(fixture_memory(), "%s %s", out, bad->field_violations[0]->field);
            google__rpc__bad_request__free_unpacked(bad, NULL);
        }
    }
    return out;
}

/* The row of a resident in another state, proven again with its own key; by the id behind a token. */
static inline void set_state(int64_t id, int16_t state)
{
    vault_error err = {0};
    session *s = fixture_session();
    uint8_t tag[ROW_TAG_LEN], dek[KEY_LEN];
    char hex[2 * ROW_TAG_LEN + 1];
    resident_row row;
    record proven = {.dek = dek};
    expect_ok(store_residents_by_id(s->store, fixture_memory(), &id, 1, &row, &err), &err);
    expect_ok(record_prove(&proven, s->cabinet, &row, &err), &err);
    row.state = state;
    expect_ok(row_seal_tag(s->cabinet, dek, &row, tag, &err), &err);
    hex_encode(hex, bytes_of(tag, sizeof tag));
    pg_sql("update resident set state = %d, tag = '\\x%s' where id = %lld", state, hex, (long long)row.id);
}
