/* Imports as a client sends them: a header, messages of rows, the end. */
#pragma once
#include "tests/support/vault_fixture.h"

#include <stdio.h>

#define IMPORT "/vault.v1.Records/Import"

typedef struct importing {
    const char *uri, *purpose, *id; /* NULL: population, population-register, an id of its own */
    Google__Protobuf__FieldMask *mask;
    const char *collection; /* NULL: residents */
    const char *assertion;
    int64_t collected_s; /* 0: not said */
    bool dry;
    session *by; /* NULL: the fixture's */
} importing;

static inline Google__Protobuf__FieldMask *all_names(void)
{
    const char *names[GENERATOR_FIELDS];
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) names[f - 1] = generator_field_name(f);
    return mask_of(names, GENERATOR_FIELDS);
}

static inline Vault__V1__ImportRequest *new_message(void)
{
    Vault__V1__ImportRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__import_request__init(in);
    return in;
}

/* The next message, or the end. */
static inline request *send_message(request *rq, const importing *how, Vault__V1__ImportRequest *in)
{
    rq->in = in ? &in->base : NULL;
    service_run(how->by ? how->by : fixture_session(), method_at(IMPORT), &rq, 1);
    return rq;
}

static inline Vault__V1__ImportRequest *header_of(const importing *how)
{
    arena *mem = fixture_memory();
    Vault__V1__ImportRequest *in = new_message();
    Vault__V1__ImportHeader *header = in->header = arena_alloc(mem, sizeof *header);
    vault__v1__import_header__init(header);
    header->collection = (char *)(uintptr_t)(how->collection ? how->collection : "residents");
    header->field_mask = how->mask ? how->mask : all_names();
    header->dry_run = how->dry;
    if (how->collected_s) {
        header->collect_time = arena_alloc(mem, sizeof *header->collect_time);
        google__protobuf__timestamp__init(header->collect_time);
        header->collect_time->seconds = how->collected_s;
    }
    return in;
}

/* A stream that has not begun, and its first message. */
static inline request *open_stream(const importing *how, Vault__V1__ImportRequest *first)
{
    request *rq = make_request(&(asked){.path = IMPORT,
                                        .uri = how->uri ? how->uri : POPULATION,
                                        .purpose = how->purpose ? how->purpose : "population-register",
                                        .assertion = how->assertion,
                                        .in = &first->base});
    if (how->id) first->context->request_id = (char *)(uintptr_t)how->id;
    return rq;
}

static inline request *begin_import(const importing *how)
{
    Vault__V1__ImportRequest *first = header_of(how);
    request *rq = open_stream(how, first);
    return send_message(rq, how, first);
}

static inline void add_row(Vault__V1__ImportRequest *in, const char *const *values, size_t count)
{
    arena *mem = fixture_memory();
    Vault__V1__ResidentInput *row = arena_alloc(mem, sizeof *row);
    vault__v1__resident_input__init(row);
    row->values = arena_array(mem, count + 1, sizeof *row->values);
    for (size_t i = 0; i < count; i++) row->values[row->n_values++] = arena_text(mem, bytes_of_text(values[i]));
    if (!in->rows) in->rows = arena_array(mem, 1024, sizeof *in->rows);
    in->rows[in->n_rows++] = row;
}
#define ROW(in, ...)                                                                                                   \
    add_row((in), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* All fields of residents [from, from + count) of the seed. */
static inline Vault__V1__ImportRequest *rows_of(uint64_t from, size_t count)
{
    Vault__V1__ImportRequest *in = new_message();
    for (size_t i = 0; i < count; i++) {
        resident r;
        const char *values[GENERATOR_FIELDS];
        the_resident(from + i, &r);
        for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) values[f - 1] = resident_text(&r, f);
        add_row(in, values, GENERATOR_FIELDS);
    }
    return in;
}

static inline const Vault__V1__ImportResponse *import_answer(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(rq->out);
    return (const void *)rq->out;
}

/* The whole call. */
static inline const Vault__V1__ImportResponse *import_all(const importing *how, Vault__V1__ImportRequest **messages,
                                                          size_t count)
{
    request *rq = begin_import(how);
    expect_outcome(rq, VAULT_OK, NULL);
    for (size_t i = 0; i < count; i++) expect_outcome(send_message(rq, how, messages[i]), VAULT_OK, NULL);
    return import_answer(send_message(rq, how, NULL));
}

static inline void expect_counts(const Vault__V1__ImportResponse *out, const char *wanted)
{
    char got[96];
    snprintf(got, sizeof got, "%u rows: %u created, %u updated, %u unchanged, %u rejected", out->rows, out->created,
             out->updated, out->unchanged, out->rejected);
    assert_string_equal(got, wanted);
}

/* Reports as text: "3! phone BAD_LENGTH, sex BAD_CODE; 7 name CORRECTION_FILED" ("!": rejected). */
static inline const char *reports_of(const Vault__V1__ImportResponse *out)
{
    char text[4096] = "";
    size_t at = 0;
    for (size_t i = 0; i < out->n_reports && at < sizeof text; i++) {
        const Vault__V1__RowReport *r = out->reports[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%u%s", i ? "; " : "", r->row, r->rejected ? "!" : "");
        for (size_t j = 0; j < r->n_fields && at < sizeof text; j++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s %s%s%s", j ? "," : "", r->fields[j]->field,
                                   r->fields[j]->field[0] ? " " : "", r->fields[j]->reason);
    }
    return arena_text(fixture_memory(), bytes_of_text(text));
}

/* Everything that is stored of records: what must not change when nothing is to change. */
static inline const char *stored_records(void)
{
    return arena_text(
        fixture_memory(),
        bytes_of_text(pg_sql("select md5(coalesce(string_agg(r::text || k::text, ',' order by r.id), '')) || '/' || "
                             "count(*) || '/' || (select md5(coalesce(string_agg(c::text, ',' order by c::text), '')) "
                             "from correction c) from resident r join resident_key k on k.id = r.id")));
}
