/* A put that is repeated under its request id: answered as it was, whoever answers, and done once. */
#include "tests/unit/service/import.h"
#include "tests/unit/service/lines.h"

#include <pthread.h>
#include <stdlib.h>

#define PUT "/vault.v1.Records/BatchPut"

typedef struct putting {
    const char *uri, *purpose, *id, *assertion; /* NULL: population, population-register */
    session *by;
} putting;

static Vault__V1__BatchPutRequest *put_of(Google__Protobuf__FieldMask *mask)
{
    Vault__V1__BatchPutRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_put_request__init(in);
    in->collection = (char *)(uintptr_t) "residents";
    in->field_mask = mask;
    return in;
}

/* Residents [from, from + count) of the seed, all their fields. */
static Vault__V1__BatchPutRequest *people(uint64_t from, size_t count)
{
    Vault__V1__BatchPutRequest *in = put_of(all_names());
    Vault__V1__ImportRequest *rows = rows_of(from, count);
    in->n_items = rows->n_rows;
    in->items = rows->rows;
    return in;
}

static void set_value(Vault__V1__BatchPutRequest *in, size_t row, unsigned field, const char *value)
{
    in->items[row]->values[field - 1] = (char *)(uintptr_t)value;
}

static request *prepare(const putting *how, Vault__V1__BatchPutRequest *in)
{
    Vault__V1__BatchPutRequest *own = arena_alloc(fixture_memory(), sizeof *own);
    *own = *in;
    request *rq = make_request(&(asked){.path = PUT,
                                        .uri = how->uri ? how->uri : POPULATION,
                                        .purpose = how->purpose ? how->purpose : "population-register",
                                        .assertion = how->assertion,
                                        .in = &own->base});
    if (how->id) own->context->request_id = (char *)(uintptr_t)how->id;
    return rq;
}

static request *put(const putting *how, Vault__V1__BatchPutRequest *in)
{
    request *rq = prepare(how, in);
    service_run(how->by ? how->by : fixture_session(), method_at(PUT), &rq, 1);
    return rq;
}

/* The whole answer but its receipts, in hexadecimal. */
static const char *answer_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    Vault__V1__BatchPutResponse out = *(const Vault__V1__BatchPutResponse *)(const void *)rq->out;
    out.n_receipts = 0;
    size_t len = protobuf_c_message_get_packed_size(&out.base);
    uint8_t *packed = arena_alloc(fixture_memory(), len + 1);
    protobuf_c_message_pack(&out.base, packed);
    char *hex = arena_alloc(fixture_memory(), 2 * len + 1);
    hex_encode(hex, bytes_of(packed, len));
    return hex;
}

TEST("the same put again is answered as it was, over sessions, changes nothing, and is one line")
{
    vault_error err = {0};
    session *other = NULL;
    expect_ok(session_open(&other, fixture_service(), &err), &err);
    Vault__V1__BatchPutRequest *in = people(20000, 700);
    set_value(in, 3, FIELD_PHONE, "1");
    set_value(in, 5, FIELD_RESIDENCE_AREA, "110105001001");
    in->want_receipt = true;
    request *first = put(&(putting){.id = "again"}, in);
    const char *answer = answer_of(first), *stored = stored_records();
    const Vault__V1__BatchPutResponse *out = (const void *)first->out;
    assert_int_equal(out->n_receipts, 2);
    assert_true(out->results[699]->created && out->results[699]->record_version == 1);
    int64_t lines = lines_in_log(), then = clock_now_us();
    assert_string_equal(answer_of(put(&(putting){.id = "again"}, in)), answer);
    assert_string_equal(answer_of(put(&(putting){.id = "again", .by = other}, in)), answer);
    set_value(in, 7, FIELD_PHONE, "13900000001");
    (void)put(&(putting){.id = "meanwhile"}, people(20000, 1)); /* other puts do not change what was answered */
    in = people(20000, 700);
    set_value(in, 3, FIELD_PHONE, "1");
    set_value(in, 5, FIELD_RESIDENCE_AREA, "110105001001");
    in->want_receipt = true;
    assert_string_equal(answer_of(put(&(putting){.id = "again"}, in)), answer);
    assert_string_equal(stored_records(), stored);
    assert_int_equal(lines_in_log(), lines + 4);
    assert_int_equal(occurrences(views_since(then), "\"form\":\"replay\""), 3);
    session_close(&other);
    fixture_reset();
}

TEST("under another request id the same put is done, and finds nothing to change")
{
    Vault__V1__BatchPutRequest *in = people(20000, 3);
    const Vault__V1__BatchPutResponse *out = (const void *)put(&(putting){0}, in)->out;
    for (size_t i = 0; i < 3; i++) assert_true(out->results[i]->unchanged && !out->results[i]->created);
    fixture_reset();
}

TEST("the request id of other content is not taken: rows, order, mask, collection, time, purpose")
{
    const putting how = {.id = "reused"};
    Vault__V1__BatchPutRequest *in = people(21000, 3), *wrong[5];
    answer_of(put(&how, in));
    const char *stored = stored_records();
    int64_t lines = lines_in_log();
    for (size_t i = 0; i < 5; i++) wrong[i] = people(21000, 3);
    set_value(wrong[0], 2, FIELD_PHONE, "13900000003");
    wrong[1]->n_items = 2;
    Vault__V1__ResidentInput *swapped = wrong[2]->items[0];
    wrong[2]->items[0] = wrong[2]->items[1], wrong[2]->items[1] = swapped;
    wrong[3]->field_mask->n_paths--;
    for (size_t i = 0; i < 3; i++) wrong[3]->items[i]->n_values--;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = 1700000000;
    wrong[4]->collect_time = &time;
    for (size_t i = 0; i < 5; i++) expect_outcome(put(&how, wrong[i]), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    assert_string_equal(put(&how, wrong[0])->err.field, "context.request_id");
    assert_string_equal(stored_records(), stored);
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("the request id of one app is nothing to another, and one of an import nothing to a put")
{
    Google__Protobuf__FieldMask *mask = MASK("id_number", "residence_area", "name");
    Vault__V1__BatchPutRequest *in = put_of(mask);
    Vault__V1__ImportRequest *row = new_message();
    resident r;
    the_resident(21100, &r);
    ROW(row, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA),
        resident_text(&r, FIELD_NAME));
    in->items = row->rows, in->n_items = 1;
    const char *first = answer_of(put(&(putting){.id = "shared"}, in));
    const char *theirs = answer_of(put(&(putting){.uri = CLINIC, .purpose = "family-doctor", .id = "shared"}, in));
    assert_string_not_equal(first, theirs);
    expect_counts(import_all(&(importing){.id = "shared", .mask = mask}, &row, 1),
                  "1 rows: 0 created, 0 updated, 1 unchanged, 0 rejected");
    fixture_reset();
}

TEST("what no rule allows is refused each time, and keeps no answer")
{
    pg_sql("delete from request");
    Vault__V1__BatchPutRequest *in = people(21200, 2);
    for (int i = 0; i < 2; i++) {
        request *rq = put(&(putting){.uri = CLINIC, .purpose = "family-doctor", .id = "denied"}, in);
        const Vault__V1__BatchPutResponse *out = (const void *)rq->out;
        assert_int_equal(out->results[0]->status->code, 7);
    }
    assert_string_equal(pg_sql("select count(*) from request"), "0");
    fixture_reset();
}

TEST("the same put twice in one run of calls, and at once in two sessions: one makes the records, both answer alike")
{
    Vault__V1__BatchPutRequest *in = people(21300, 5);
    request *both[2] = {prepare(&(putting){.id = "twins"}, in), prepare(&(putting){.id = "twins"}, in)};
    int64_t lines = lines_in_log();
    service_run(fixture_session(), method_at(PUT), both, 2);
    assert_string_equal(answer_of(both[0]), answer_of(both[1]));
    const Vault__V1__BatchPutResponse *out = (const void *)both[1]->out;
    for (size_t i = 0; i < 5; i++) assert_true(out->results[i]->created);
    assert_int_equal(lines_in_log(), lines + 6); /* of the second one no part is written */
    assert_string_equal(pg_sql("select count(*) from request where id in (select id from request group by id having "
                               "count(*) > 1)"),
                        "0");
    fixture_reset();
}

enum { THREADS = 4 };
typedef struct racer {
    pthread_t thread;
    session *own;
    request *rq;
} racer;

static void *race(void *at)
{
    racer *r = at;
    for (int tries = 0; tries < 20; tries++) {
        service_run(r->own, method_at(PUT), &r->rq, 1);
        if (r->rq->err.code != VAULT_CONFLICT || r->rq->err.reason) break;
    }
    return NULL;
}

TEST("four sessions with one request at once: the records are made once, and all are answered alike")
{
    vault_error err = {0};
    racer racers[THREADS];
    arena *own[THREADS];
    Vault__V1__BatchPutRequest *in = people(21400, 40);
    for (int i = 0; i < THREADS; i++) {
        expect_ok(session_open(&racers[i].own, fixture_service(), &err), &err);
        racers[i].rq = prepare(&(putting){.id = "race"}, in);
        own[i] = arena_new(64 << 20);
        racers[i].rq->mem = own[i];
    }
    for (int i = 0; i < THREADS; i++) pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    for (int i = 0; i < THREADS; i++) pthread_join(racers[i].thread, NULL);
    const char *answer = answer_of(racers[0].rq);
    for (int i = 0; i < THREADS; i++) {
        assert_string_equal(answer_of(racers[i].rq), answer);
        session_close(&racers[i].own);
        arena_free(&own[i]);
    }
    assert_string_equal(pg_sql("select count(*) = max(idx) + 1 from line"), "t");
    fixture_reset();
}

TEST("a put that broke before its answer was kept is done again, and ends as if nothing had been")
{
    Vault__V1__BatchPutRequest *in = people(21500, 600);
    pg_sql("create or replace function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$");
    pg_sql("create trigger broken before insert on request execute function broken()");
    expect_outcome(put(&(putting){.id = "broken"}, in), VAULT_UNAVAILABLE, NULL);
    pg_sql("drop trigger broken on request");
    const char *answer = answer_of(put(&(putting){.id = "broken"}, in)), *stored = stored_records();
    assert_string_equal(answer_of(put(&(putting){.id = "broken"}, in)), answer);
    assert_string_equal(stored_records(), stored);
    fixture_reset();
}

TEST("an answer that was edited, or put in another's place, is never given; nothing in it stands readable")
{
    Vault__V1__BatchPutRequest *one = people(21600, 2), *two = people(21610, 2);
    pg_sql("delete from request");
    answer_of(put(&(putting){.id = "sealed-1"}, one));
    answer_of(put(&(putting){.id = "sealed-2"}, two));
    assert_string_equal(pg_sql("select count(*) from request where position('sealed'::bytea in answer || id) > 0"),
                        "0");
    pg_sql("update request a set answer = b.answer from request b where a.id <> b.id");
    int64_t lines = lines_in_log();
    expect_outcome(put(&(putting){.id = "sealed-1"}, one), VAULT_INTEGRITY, NULL);
    assert_int_equal(lines_in_log(), lines + 1);
    pg_sql("update request set expires = expires + 1 where answer <> ''");
    pg_sql("update request a set answer = b.answer from request b where a.id <> b.id"); /* each its own again */
    expect_outcome(put(&(putting){.id = "sealed-1"}, one), VAULT_INTEGRITY, NULL);
    pg_sql("update request set expires = expires - 1");
    answer_of(put(&(putting){.id = "sealed-1"}, one));
    pg_sql("update request set answer = ''");
    expect_outcome(put(&(putting){.id = "sealed-2"}, two), VAULT_INTEGRITY, NULL);
    pg_sql("delete from request");
    const Vault__V1__BatchPutResponse *out = (const void *)put(&(putting){.id = "sealed-1"}, one)->out;
    assert_true(out->results[0]->unchanged);
    fixture_reset();
}

/* The answers that are kept are out of sight until somebody writes to them, or changes a record: as if another node had
 * ended just then. */
static void hide_answers(void)
{
    pg_sql("create sequence met; grant all on sequence met to public;"
           "create function meet() returns trigger language plpgsql as "
           "$$ begin perform nextval('met'); return new; end $$;"
           "create function seen() returns boolean language sql volatile as 'select is_called from met';"
           "create trigger meet before insert on request for each row execute function meet();"
           "create trigger meet before update on resident for each row execute function meet();"
           "create policy met on request using (seen()) with check (true);"
           "alter table request enable row level security, force row level security");
}

static void show_answers(void)
{
    pg_sql("alter table request disable row level security; drop policy met on request;"
           "drop trigger meet on request; drop trigger meet on resident;"
           "drop function seen; drop function meet; drop sequence met");
}

TEST("a put that another node answered meanwhile writes no part of it: what was put since stays")
{
    static const size_t counts[] = {1, 4, 600};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const putting how = {.id = counts[i] == 1 ? "late-1" : counts[i] == 4 ? "late-4" : "late-600"};
        Vault__V1__BatchPutRequest *newer = people(22000 + 1000 * i, counts[i]);
        const char *answer = answer_of(put(&how, people(22000 + 1000 * i, counts[i])));
        set_value(newer, 0, FIELD_PHONE, "13900000009");
        answer_of(put(&(putting){0}, newer));
        const char *stored = stored_records();
        int64_t lines = lines_in_log();
        hide_answers();
        assert_string_equal(answer_of(put(&how, people(22000 + 1000 * i, counts[i]))), answer);
        show_answers();
        assert_string_equal(stored_records(), stored);
        assert_int_equal(lines_in_log(), lines + 1);
        fixture_reset();
    }
}
