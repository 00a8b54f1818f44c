/* Erasures as apps ask for them. The fixture, with the rules of records.h; the law wants houses kept for 50 years. */
#pragma once
#include "google/rpc/status.pb-c.h"
#include "tests/unit/service/records.h"

#define CARE   "elder-care"
#define DOCTOR "family-doctor"

static inline void edit_for_erasure(const char *file, json_t *doc)
{
    size_t i;
    json_t *one;
    edit_policy(file, doc);
    json_array_foreach(json_object_get(doc, "collections"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), "housing") == 0)
            json_object_set_new(one, "term", json_string("P50Y"));
    }
}

__attribute__((constructor)) static void with_term(void)
{
    fixture_edit = edit_for_erasure;
}

static inline char **lend_all(const char *const *texts, size_t count)
{
    char **out = arena_array(fixture_memory(), count + 1, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = lent(texts[i]);
    return out;
}

/* What an item was refused for: the clause, or the reason; "" where it was not. */
static inline const char *refusal(const Google__Rpc__Status *status)
{
    if (!status) return "";
    ProtobufCAllocator mem = arena_allocator(fixture_memory());
    const ProtobufCBinaryData *value = &status->details[0]->value;
    Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(&mem, value->len, value->data);
    assert_non_null(info);
    return info->n_metadata ? info->metadata[0]->value : info->reason;
}

static inline void expect_alike(const Google__Rpc__Status *a, const Google__Rpc__Status *b)
{
    size_t len = google__rpc__status__get_packed_size(a);
    uint8_t *x = arena_alloc(fixture_memory(), len), *y = arena_alloc(fixture_memory(), len);
    assert_int_equal(google__rpc__status__get_packed_size(b), len);
    google__rpc__status__pack(a, x);
    google__rpc__status__pack(b, y);
    assert_memory_equal(x, y, len);
}

static inline Vault__V1__EraseRequest *erase_of(const char *const *tokens, size_t count)
{
    NEW(in, Vault__V1__EraseRequest, vault__v1__erase_request__init);
    in->tokens = lend_all(tokens, count);
    in->n_tokens = count;
    in->want_receipt = true;
    return in;
}

static inline request *ask_erase(const char *uri, const char *why, const char *const *tokens, size_t count)
{
    return ask(
        &(asked){.path = "/vault.v1.Records/Erase", .uri = uri, .purpose = why, .in = &erase_of(tokens, count)->base});
}

static inline const Vault__V1__EraseResponse *erasures_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__EraseResult *erased(const char *uri, const char *why, const char *named)
{
    return erasures_of(ask_erase(uri, why, &named, 1))->results[0];
}

static inline void erase_one(const char *named)
{
    const Vault__V1__EraseResult *r = erased(POPULATION, WHY, named);
    assert_null(r->status);
    assert_false(r->restricted);
}

static inline int64_t number_in(const char *sql)
{
    return strtoll(pg_sql("%s", sql), NULL, 10);
}

/* A record of a collection that a law wants kept. */
static inline request *put_house(const char *number)
{
    const char *values[] = {number, "320411002001", "某路 1 号"};
    NEW(in, Vault__V1__BatchPutRequest, vault__v1__batch_put_request__init);
    NEW(one, Vault__V1__ResidentInput, vault__v1__resident_input__init);
    one->values = lend_all(values, 3), one->n_values = 3;
    in->collection = lent("housing");
    in->field_mask = MASK("house_number", "house_area", "house_address");
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    return ask(&(asked){.path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = WHY, .in = &in->base});
}
