/* The documents of asking.h, with budgets; and calls that are counted by them.
 *
 *   care-day     eldercare for elder-care: 5 residents and 12 values a day, told from 60 %
 *   care-week    the purpose elder-care: 9 residents a week
 *   worker-day   a grid worker: 2 residents a day
 *   doctor-hour  the clinic: 4 values an hour
 * Every test begins with counters that have counted nothing. */
#pragma once
#include "tests/unit/service/asking.h"
#include "tests/unit/service/jwt.h"

#define NEW(name, Type, init)                                                                                          \
    Type *name = arena_alloc(fixture_memory(), sizeof *name);                                                          \
    init(name)
#define REVEAL_MANY "/vault.v1.Tokens/BatchReveal"

static inline void add_budget(json_t *doc, const char *text)
{
    json_t *list = json_object_get(doc, "budgets"), *budget = json_loads(text, 0, NULL);
    assert_non_null(budget);
    if (!list) json_object_set_new(doc, "budgets", list = json_array());
    json_array_append_new(list, budget);
}

#define BUDGET(id, per, consumers, purposes, roles, period, more)                                                      \
    "{\"id\":\"" id "\",\"per\":\"" per "\",\"consumers\":" consumers ",\"purposes\":" purposes ",\"roles\":" roles    \
    ",\"fields\":\"any\",\"period\":\"" period "\"," more "}"

static inline void edit_counted(const char *file, json_t *doc)
{
    edit_document(file, doc);
    if (strcmp(file, "policy.json") != 0) return;
    add_rule(json_object_get(doc, "rules"), "counted-search", "search", "token", "[\"phone\"]");
    add_budget(doc, BUDGET("care-day", "consumer", "[\"eldercare\"]", "[\"elder-care\"]", "\"any\"", "day",
                           "\"residents\":5,\"values\":12,\"soft\":60"));
    add_budget(doc,
               BUDGET("care-week", "purpose", "\"any\"", "[\"elder-care\"]", "\"any\"", "week", "\"residents\":9"));
    add_budget(doc,
               BUDGET("worker-day", "person", "\"any\"", "\"any\"", "[\"grid-worker\"]", "day", "\"residents\":2"));
    add_budget(doc, BUDGET("doctor-hour", "consumer", "[\"clinic\"]", "[\"family-doctor\"]", "\"any\"", "hour",
                           "\"values\":4"));
}

__attribute__((constructor)) static void want_budgets(void)
{
    fixture_edit = edit_counted;
}

static const int64_t DAY_US = INT64_C(86400) * 1000000;

/* Time only goes on: the log's newest line is no later than any moment of a call. */
static inline void given_later(int64_t us)
{
    clock_set_for_test(clock_now_us() + us);
}

static inline int64_t from_now_on(void)
{
    given_later(1000000);
    return clock_now_us();
}

/* What SQL can do: everybody's counters are gone. It is a Monday or Tuesday, and not late. */
static inline void given_nothing_counted(void)
{
    static const int64_t MONDAY_US = INT64_C(1785722400) * 1000000; /* 3 August 2026, 10:00 in Shanghai */
    static bool set;
    fixture_session();
    int64_t since = (clock_now_us() - MONDAY_US) % (7 * DAY_US);
    given_later(set && since < DAY_US ? 1000000 : 7 * DAY_US - since);
    set = true;
    pg_sql("delete from budget_count");
    pg_sql("delete from budget_seen");
}

/* The n-th resident of the street that eldercare may see. */
static inline uint64_t in_street(size_t n)
{
    uint64_t index = resident_in_street(0);
    for (; n > 0; n--) index = resident_in_street(index + 1);
    return index;
}

static inline const char *care_token(size_t n)
{
    enum { KNOWN = 64 };
    static char known[KNOWN][64];
    assert_true(n < KNOWN);
    if (!known[n][0]) snprintf(known[n], sizeof known[n], "%s", token_for(ELDERCARE, "elder-care", in_street(n)));
    return known[n];
}

static inline Vault__V1__BatchRevealRequest *reveal_list(const char *const *tokens, size_t count,
                                                         Google__Protobuf__FieldMask *fields)
{
    Vault__V1__BatchRevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_reveal_request__init(in);
    in->tokens = arena_array(fixture_memory(), count + 1, sizeof *in->tokens);
    for (size_t i = 0; i < count; i++) in->tokens[in->n_tokens++] = (char *)(uintptr_t)tokens[i];
    in->field_mask = fields;
    return in;
}

/* Eldercare asks for residents [from, from + count) of the street: a letter for each, 'g' granted, 'b' refused by a
 * budget, '?' anything else. */
typedef struct looking_at {
    size_t from, count;
    Google__Protobuf__FieldMask *fields;
    const char *assertion, *purpose;
} looking_at;

static inline const char *look_at_many(const looking_at *l)
{
    const char **tokens = arena_array(fixture_memory(), l->count, sizeof *tokens);
    for (size_t i = 0; i < l->count; i++) tokens[i] = care_token(l->from + i);
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = ELDERCARE,
                               .purpose = l->purpose ? l->purpose : "elder-care",
                               .assertion = l->assertion,
                               .in = &reveal_list(tokens, l->count, l->fields)->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    char *letters = arena_alloc(fixture_memory(), l->count + 1);
    for (size_t i = 0; i < out->n_results; i++) {
        const char *reason = why(out->results[i]->status);
        letters[i] = strcmp(reason, "") == 0 ? 'g' : strcmp(reason, "budget") == 0 ? 'b' : '?';
    }
    return letters;
}

#define LOOK(first, number, ...)                                                                                       \
    look_at_many(&(looking_at){.from = (first), .count = (number), .fields = MASK(__VA_ARGS__)})

/* ---- searches, exports, vouchers of eldercare ---- */

static inline request *search_phones(size_t from, size_t count, int32_t page, const char *next)
{
    Vault__V1__SearchRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__Condition *c = arena_alloc(fixture_memory(), sizeof *c),
                         **list = arena_array(fixture_memory(), 1, sizeof *list);
    Vault__V1__Values *values = arena_alloc(fixture_memory(), sizeof *values);
    vault__v1__search_request__init(in);
    vault__v1__condition__init(c);
    vault__v1__values__init(values);
    values->values = arena_array(fixture_memory(), count + 1, sizeof *values->values);
    for (size_t i = 0; i < count; i++) values->values[values->n_values++] = value_of(in_street(from + i), FIELD_PHONE);
    if (count == 0) values->values[values->n_values++] = lent("13000000000"); /* nobody's */
    c->field = lent("phone");
    c->question_case = VAULT__V1__CONDITION__QUESTION_EQUALS;
    c->equals = values;
    list[0] = c;
    in->conditions = list;
    in->n_conditions = 1;
    in->page_size = page;
    in->page_token = lent(next);
    return ask(
        &(asked){.path = "/vault.v1.Records/Search", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
}

static inline request *export_of(size_t n)
{
    NEW(in, Vault__V1__ExportRequest, vault__v1__export_request__init);
    in->name = arena_format(fixture_memory(), "records/%s", care_token(n));
    return ask(
        &(asked){.path = "/vault.v1.Records/Export", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
}

static inline const char *made_voucher(size_t n)
{
    NEW(in, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    in->tokens = one_text(care_token(n));
    in->n_tokens = 1;
    in->field_mask = MASK("name", "phone");
    in->uses = 2;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchCreateVouchers", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)rq->out)->results[0]->voucher;
}

static inline const Vault__V1__RedeemVoucherResult *redeemed(const char *voucher)
{
    NEW(in, Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init);
    in->vouchers = one_text(voucher);
    in->n_vouchers = 1;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchRedeemVouchers", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchRedeemVouchersResponse *)(const void *)rq->out)->results[0];
}
