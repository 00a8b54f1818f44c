/* One call: parameters are written in PostgreSQL's binary form into one growing buffer, the statement runs, and its
 * rows are checked against the table before anybody reads them. */
#include "vault/base/memory.h"
#include "vault/store/internal.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum { BINARY = 1 };

vault_code store_out_of_memory(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "arena is full");
}

/* ---- parameters ---- */

void call_start(store *s, statement_id id)
{
    s->call = id;
    s->param_count = 0;
    s->out.len = 0;
    s->copies = false;
}

static uint8_t *room(store *s, size_t len)
{
    if (s->out.cap - s->out.len < len) {
        size_t cap = s->out.cap ? s->out.cap : 4096;
        while (cap - s->out.len < len) cap *= 2;
        s->out.at = memory_grow(s->out.at, s->out.cap, cap);
        s->out.cap = cap;
    }
    uint8_t *at = s->out.at + s->out.len;
    s->out.len += len;
    return at;
}

/* Room in the parameter that is being written; a COPY has one text instead. */
static uint8_t *more(store *s, size_t len)
{
    if (!s->copies) s->params[s->param_count - 1].len += (int)len;
    return room(s, len);
}

static void put_raw(store *s, const void *at, size_t len)
{
    if (len) memcpy(more(s, len), at, len);
}

static void next_param(store *s)
{
    assert(s->param_count < PARAMS_MAX && statement_of(s->call)->params[s->param_count] != SQL_NONE);
    s->params[s->param_count].start = s->out.len;
    s->params[s->param_count].len = 0;
    s->param_count++;
}

static void put_be16(store *s, uint16_t v)
{
    v = htobe16(v);
    memcpy(more(s, sizeof v), &v, sizeof v);
}

static void put_be32(store *s, uint32_t v)
{
    v = htobe32(v);
    memcpy(more(s, sizeof v), &v, sizeof v);
}

static void put_be64(store *s, uint64_t v)
{
    v = htobe64(v);
    memcpy(more(s, sizeof v), &v, sizeof v);
}

void arg_int2(store *s, int16_t v)
{
    next_param(s);
    put_be16(s, (uint16_t)v);
}

void arg_int4(store *s, int32_t v)
{
    next_param(s);
    put_be32(s, (uint32_t)v);
}

void arg_int8(store *s, int64_t v)
{
    next_param(s);
    put_be64(s, (uint64_t)v);
}

void arg_bytes(store *s, bytes v)
{
    next_param(s);
    put_raw(s, v.at, v.len);
}

void arg_text(store *s, const char *v)
{
    arg_bytes(s, bytes_of_text(v));
}

static sql_type element_of(sql_type array)
{
    switch (array) {
    case SQL_INT2S:
        return SQL_INT2;
    case SQL_INT4S:
        return SQL_INT4;
    case SQL_INT8S:
        return SQL_INT8;
    default:
        return SQL_BYTEA;
    }
}

/* array_send's form: dimensions, "has nulls", element type, then per dimension length and lower bound. Empty: no
 * dimension. */
static void put_dimension(store *s, sql_type element, size_t count)
{
    put_be32(s, count ? 1 : 0);
    put_be32(s, 0);
    put_be32(s, element);
    if (!count) return;
    put_be32(s, (uint32_t)count);
    put_be32(s, 1);
}

void arg_array(store *s, size_t count)
{
    next_param(s);
    put_dimension(s, element_of(statement_of(s->call)->params[s->param_count - 1]), count);
}

void put_int2(store *s, int16_t v)
{
    put_be32(s, sizeof v);
    put_be16(s, (uint16_t)v);
}

void put_int4(store *s, int32_t v)
{
    put_be32(s, sizeof v);
    put_be32(s, (uint32_t)v);
}

void put_int8(store *s, int64_t v)
{
    put_be32(s, sizeof v);
    put_be64(s, (uint64_t)v);
}

void put_blob(store *s, bytes v)
{
    put_be32(s, (uint32_t)v.len);
    put_raw(s, v.at, v.len);
}

void put_int8s(store *s, const int64_t *v, size_t count)
{
    put_be32(s, (uint32_t)(count ? 20 + 12 * count : 12));
    put_dimension(s, SQL_INT8, count);
    for (size_t i = 0; i < count; i++) put_int8(s, v[i]);
}

/* ---- rows of a COPY ---- */

void copy_start(store *s, statement_id id)
{
    static const char signature[11] = "PGCOPY\n\377\r\n"; /* with its NUL */
    call_start(s, id);
    s->copies = true;
    put_raw(s, signature, sizeof signature);
    put_be32(s, 0); /* flags */
    put_be32(s, 0); /* no extension */
}

void copy_next(store *s, int16_t columns)
{
    put_be16(s, (uint16_t)columns);
}

vault_code copy_run(store *s, vault_error *err)
{
    put_be16(s, UINT16_MAX);
    return call_done(s, err);
}

/* ---- run ---- */

static bool send_call(store *s, const statement *st)
{
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    for (int i = 0; i < s->param_count; i++) {
        values[i] = s->params[i].len ? (const char *)s->out.at + s->params[i].start : "";
        lengths[i] = s->params[i].len;
        formats[i] = BINARY;
    }
    return PQsendQueryPrepared(s->conn, st->name, s->param_count, values, lengths, formats, BINARY);
}

static bool rows_fit(const statement *st, const PGresult *r)
{
    int rows = PQntuples(r);
    switch (st->rows) {
    case ROWS_NONE:
        return rows == 0;
    case ROWS_ONE:
        return rows == 1;
    case ROWS_AT_MOST_ONE:
        return rows <= 1;
    case ROWS_ANY:
        return true;
    }
    return false;
}

vault_code call_run(store *s, PGresult **out, vault_error *err)
{
    const statement *st = statement_of(s->call);
    *out = NULL;
    assert(st->params[s->param_count] == SQL_NONE);
    VAULT_TRY(store_ready(s, err));
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (s->out.len > INT32_MAX / 2) return vault_fail(err, VAULT_EXHAUSTED, "%s: call too large", st->name);
    if (!send_call(s, st)) {
        store_disconnect(s);
        return vault_fail(err, VAULT_UNAVAILABLE, "%s: connection lost", st->name);
    }
    VAULT_TRY(store_finish(s, st->name, &r, err));
    if (!rows_fit(st, r)) return vault_fail(err, VAULT_INTERNAL, "%s: %d rows", st->name, PQntuples(r));
    *out = r;
    r = NULL;
    return VAULT_OK;
}

vault_code call_done(store *s, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    return call_run(s, &r, err);
}

/* ---- rows ---- */

/* Types were checked when the statement was prepared: PostgreSQL sends exactly so many bytes, or none for NULL. */
static uint64_t col_uint(const PGresult *r, int row, int column, size_t size)
{
    uint64_t v = 0;
    if (PQgetlength(r, row, column) != (int)size) return 0;
    memcpy((uint8_t *)&v + sizeof v - size, PQgetvalue(r, row, column), size);
    return be64toh(v);
}

int16_t col_int2(const PGresult *r, int row, int column)
{
    return (int16_t)col_uint(r, row, column, 2);
}

int32_t col_int4(const PGresult *r, int row, int column)
{
    return (int32_t)col_uint(r, row, column, 4);
}

int64_t col_int8(const PGresult *r, int row, int column)
{
    return (int64_t)col_uint(r, row, column, 8);
}

bytes col_bytes(const PGresult *r, int row, int column)
{
    return bytes_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

bool col_fixed(const PGresult *r, int row, int column, uint8_t *out, size_t len)
{
    bytes got = col_bytes(r, row, column);
    memset(out, 0, len);
    if (got.len != len) return false;
    memcpy(out, got.at, len);
    return true;
}

const char *col_text_copy(arena *mem, const PGresult *r, int row, int column, bool *full)
{
    const char *text = arena_text(mem, col_bytes(r, row, column));
    if (!text) *full = true;
    return text;
}

bytes col_bytes_copy(arena *mem, const PGresult *r, int row, int column, bool *full)
{
    bytes from = col_bytes(r, row, column), copy = arena_copy(mem, from);
    if (copy.len != from.len) *full = true;
    return copy;
}
