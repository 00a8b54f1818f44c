/* Leaked lists as officers bring them: made column by column, row by row, from the fixture's residents. */
#pragma once
#include "tests/unit/service/steward.h"

#include "vault/base/clock.h"
#include "vault/service/leaks.h"
#include "vault/v1/leaks.pb-c.h"

#include <stdarg.h>
#include <stdlib.h>

static const char *leak_asker = OFFICER;
static int64_t list_seen_us;
static Vault__V1__OpenLeakRequest *list_at_hand;

static inline request *of_leaks(const char *path, ProtobufCMessage *in)
{
    return ask(&(asked){.path = path, .uri = leak_asker, .purpose = "log-review", .in = in});
}

static inline int kept_lists(void)
{
    return (int)strtol(pg_sql("SELECT count(*) FROM leak"), NULL, 10);
}

/* ---- the list ---- */

/* Columns, ended by NULL. */
static inline void list_begin(const char *first, ...)
{
    NEW_REQUEST(in, Vault__V1__OpenLeakRequest, vault__v1__open_leak_request__init);
    va_list more;
    in->columns = arena_array(fixture_memory(), 64, sizeof *in->columns);
    in->rows = arena_array(fixture_memory(), 256, sizeof *in->rows);
    va_start(more, first);
    for (const char *name = first; name; name = va_arg(more, const char *)) in->columns[in->n_columns++] = lend(name);
    va_end(more);
    list_at_hand = in;
    list_seen_us = 0;
}

/* One value or two, as many as are not NULL. */
static inline void list_row(const char *a, const char *b)
{
    NEW_REQUEST(row, Vault__V1__LeakRow, vault__v1__leak_row__init);
    row->values = arena_array(fixture_memory(), 2, sizeof *row->values);
    row->values[row->n_values++] = lend(a);
    if (b) row->values[row->n_values++] = lend(b);
    list_at_hand->rows[list_at_hand->n_rows++] = row;
}

static inline void list_resident(uint64_t index, unsigned a, unsigned b)
{
    resident r;
    the_resident(index, &r);
    list_row(resident_text(&r, a), b ? resident_text(&r, b) : NULL);
}

static inline const char *long_text(size_t len)
{
    char *text = arena_alloc(fixture_memory(), len + 1);
    memset(text, 'a', len);
    return text;
}

/* ---- the case ---- */

static inline request *open_leak(void)
{
    int64_t seen = list_seen_us ? list_seen_us : clock_now_us();
    list_at_hand->seen_time = arena_alloc(fixture_memory(), sizeof *list_at_hand->seen_time);
    google__protobuf__timestamp__init(list_at_hand->seen_time);
    list_at_hand->seen_time->seconds = seen / 1000000;
    list_at_hand->seen_time->nanos = (int32_t)(seen % 1000000 * 1000);
    return of_leaks("/vault.v1.Leaks/Open", &list_at_hand->base);
}

static inline const Vault__V1__Leak *leak_opened(void)
{
    request *rq = open_leak();
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline void leak_approved(const Vault__V1__Leak *leak)
{
    request *rq = get_approval(OFFICER_2, leak->approval);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetApprovalResponse *waits = (const void *)rq->out;
    expect_outcome(approve_as(NULL, OFFICER_2, leak->approval, waits->approval->digest), VAULT_OK, NULL);
}

static inline const Vault__V1__Leak *leak_open_case(void)
{
    const Vault__V1__Leak *leak = leak_opened();
    leak_approved(leak);
    return leak;
}

static inline request *list_leaks(void)
{
    NEW_REQUEST(in, Vault__V1__ListLeaksRequest, vault__v1__list_leaks_request__init);
    return of_leaks("/vault.v1.Leaks/List", &in->base);
}

/* NULL: it is not among them. */
static inline const Vault__V1__Leak *leak_listed(const char *name)
{
    request *rq = list_leaks();
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__ListLeaksResponse *all = (const void *)rq->out;
    for (size_t i = 0; i < all->n_leaks; i++)
        if (strcmp(all->leaks[i]->name, name) == 0) return all->leaks[i];
    return NULL;
}

static inline request *close_leak(const char *name)
{
    NEW_REQUEST(in, Vault__V1__CloseLeakRequest, vault__v1__close_leak_request__init);
    in->name = lend(name);
    return of_leaks("/vault.v1.Leaks/Close", &in->base);
}

static inline const Vault__V1__Leak *leak_closed(const char *name)
{
    request *rq = close_leak(name);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline request *trace_leak(const char *name, int evidence)
{
    NEW_REQUEST(in, Vault__V1__TraceLeakRequest, vault__v1__trace_leak_request__init);
    in->leak = lend(name);
    in->evidence = evidence;
    return of_leaks("/vault.v1.Audit/TraceLeak", &in->base);
}

static inline const Vault__V1__TraceReport *traced(const char *name)
{
    request *rq = trace_leak(name, 5);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline request *affected(const char *name, const char *app, const char *why)
{
    NEW_REQUEST(in, Vault__V1__ListAffectedRequest, vault__v1__list_affected_request__init);
    in->leak = lend(name);
    in->app = lend(app);
    in->purpose = lend(why);
    return of_leaks("/vault.v1.Leaks/ListAffected", &in->base);
}

static inline void sweep_now(void)
{
    vault_error err = {0};
    session *own = NULL;
    expect_ok(session_open(&own, fixture_service(), &err), &err);
    expect_ok(session_run(own, leaks_sweep, NULL, &err), &err);
    session_close(&own);
}

/* ---- values that are changed ---- */

static inline void put_phone(uint64_t index, const char *phone)
{
    resident r;
    char *values[4];
    Vault__V1__ResidentInput row = VAULT__V1__RESIDENT_INPUT__INIT, *rows[] = {&row};
    Vault__V1__BatchPutRequest in = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    the_resident(index, &r);
    values[0] = lend(resident_text(&r, FIELD_ID_NUMBER));
    values[1] = lend(resident_text(&r, FIELD_RESIDENCE_AREA));
    values[2] = lend(phone);
    row.values = values;
    row.n_values = 3;
    in.field_mask = MASK("id_number", "residence_area", "phone");
    in.items = rows;
    in.n_items = 1;
    in.collection = lend("residents");
    expect_outcome(
        ask(&(asked){
            .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in.base}),
        VAULT_OK, NULL);
}
