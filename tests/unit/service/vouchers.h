/* Vouchers and handovers as apps ask for them. */
#pragma once
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

#include <pthread.h>

#define DOCTOR    "family-doctor"
#define CARE      "elder-care"
#define BASIS     "care-to-clinic"
#define HANDOVERS "/vault.v1.Tokens/BatchCreateHandovers"
#define TRANSLATE "/vault.v1.Tokens/BatchRedeemHandovers"
#define VOUCHERS  "/vault.v1.Tokens/BatchCreateVouchers"
#define REDEEM    "/vault.v1.Tokens/BatchRedeemVouchers"
#define REVOKE    "/vault.v1.Tokens/BatchRevokeVouchers"

typedef struct asking {
    const char *uri, *purpose;
    const char *id, *assertion; /* NULL: an id of its own; nobody acts */
    session *by;                /* NULL: the fixture's */
} asking;

static const asking GIVER = {.uri = ELDERCARE, .purpose = CARE}, TAKER = {.uri = CLINIC, .purpose = DOCTOR};

static inline request *prepared(const asking *how, const char *path, ProtobufCMessage *in)
{
    request *rq = make_request(
        &(asked){.path = path, .uri = how->uri, .purpose = how->purpose, .in = in, .assertion = how->assertion});
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(in->descriptor, "context");
    Vault__V1__RequestContext *context = *(Vault__V1__RequestContext **)(void *)((char *)in + f->offset);
    if (how->id) context->request_id = lend(how->id);
    return rq;
}

static inline request *called(const asking *how, const char *path, ProtobufCMessage *in)
{
    request *rq = prepared(how, path, in);
    service_run(how->by ? how->by : fixture_session(), method_at(path), &rq, 1);
    return rq;
}

static inline char **lend_all(const char *const *texts, size_t count)
{
    char **out = arena_array(fixture_memory(), count + 1, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = lend(texts[i]);
    return out;
}

static inline Google__Protobuf__Timestamp *in_seconds(int64_t seconds)
{
    NEW_REQUEST(t, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    t->seconds = clock_now_us() / 1000000 + seconds;
    return t;
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

/* All but the status' details: code, text, and how large the details are, are the same where nothing is to be told. */
static inline void expect_alike(const Google__Rpc__Status *a, const Google__Rpc__Status *b)
{
    assert_int_equal(a->code, b->code);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->n_details, b->n_details);
    for (size_t i = 0; i < a->n_details; i++) {
        assert_int_equal(a->details[i]->value.len, b->details[i]->value.len);
        assert_memory_equal(a->details[i]->value.data, b->details[i]->value.data, a->details[i]->value.len);
    }
}

static inline const Google__Rpc__Status *malformed(const Google__Rpc__Status *status, const char *reason)
{
    assert_non_null(status);
    assert_int_equal(status->code, 3);
    assert_string_equal(refusal(status), reason);
    return status;
}

/* ---- the table ---- */

/* The newest voucher, or handover, is edited, used, and as it was again. */
#define NEWEST "id = (select id from voucher order by expires desc, id limit 1)"

static inline long stored_vouchers(void)
{
    return strtol(pg_sql("select count(*) from voucher"), NULL, 10);
}

/* ---- races ---- */

enum { RACERS = 4, RACE_CALLS = 16 };

/* One thread: its own session, requests that were made before. */
typedef struct racer {
    pthread_t thread;
    session *by;
    arena *mem;
    const char *path;
    request *requests[RACE_CALLS];
} racer;

/* A call that lost a race asks again. */
static inline void *race(void *at)
{
    racer *r = at;
    for (int i = 0; i < RACE_CALLS; i++) {
        for (int tries = 0; tries < 50; tries++) {
            service_run(r->by, method_at(r->path), &r->requests[i], 1);
            if (r->requests[i]->err.code != VAULT_CONFLICT || r->requests[i]->err.reason) break;
        }
    }
    return NULL;
}

/* Sessions 0 and 1 are this node's, 2 and 3 another's. */
static inline void race_all(racer *racers, const node *other)
{
    vault_error err = {0};
    for (int i = 0; i < RACERS; i++) {
        racers[i].mem = arena_new(64 << 20);
        for (int j = 0; j < RACE_CALLS; j++) racers[i].requests[j]->mem = racers[i].mem;
        expect_ok(session_open(&racers[i].by, i < 2 ? fixture_service() : other->service, &err), &err);
    }
    for (int i = 0; i < RACERS; i++) pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    for (int i = 0; i < RACERS; i++) pthread_join(racers[i].thread, NULL);
}

static inline void race_over(racer *racers)
{
    for (int i = 0; i < RACERS; i++) {
        session_close(&racers[i].by);
        arena_free(&racers[i].mem);
    }
}
