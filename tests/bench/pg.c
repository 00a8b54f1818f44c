#include "tests/bench/pg.h"

#include "tests/bench/bench.h"
#include "vault/base/memory.h"
#include <stdlib.h>

enum { ROOM = 16 << 20 };

static PGresult *expect(pg *p, PGresult *r, ExecStatusType status, const char *what)
{
    if (PQresultStatus(r) != status) die("%.60s: %s", what, PQerrorMessage(p->conn));
    return r;
}

pg *pg_open(const char *conninfo)
{
    pg *p = memory_new(sizeof *p);
    p->conn = PQconnectdb(conninfo);
    if (PQstatus(p->conn) != CONNECTION_OK) die("connect: %s", PQerrorMessage(p->conn));
    p->out = writer_over(memory_new(ROOM), ROOM);
    return p;
}

void pg_run(pg *p, const char *sql)
{
    PQclear(expect(p, PQexec(p->conn, sql), PGRES_COMMAND_OK, sql));
}

void pg_prepare(pg *p, const char *name, const char *sql)
{
    PQclear(expect(p, PQprepare(p->conn, name, sql, 0, NULL), PGRES_COMMAND_OK, sql));
}

int64_t pg_number(pg *p, const char *sql)
{
    PGresult *r = expect(p, PQexec(p->conn, sql), PGRES_TUPLES_OK, sql);
    int64_t number = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return number;
}

/* ---- parameters: array_send's form, one dimension, no NULLs ---- */

static void close_param(pg *p)
{
    if (p->count) p->len[p->count - 1] = (int)(p->out.len - p->start[p->count - 1]);
}

void pg_array(pg *p, uint32_t type, size_t count)
{
    close_param(p);
    p->start[p->count++] = p->out.len;
    put_u32(&p->out, count ? 1 : 0);
    put_u32(&p->out, 0);
    put_u32(&p->out, type);
    put_u32(&p->out, (uint32_t)count);
    put_u32(&p->out, 1);
}

void pg_int8(pg *p, int64_t v)
{
    put_u32(&p->out, 8);
    put_u64(&p->out, (uint64_t)v);
}

void pg_bytea(pg *p, bytes v)
{
    put_u32(&p->out, (uint32_t)v.len);
    put_bytes(&p->out, v);
}

PGresult *pg_execute(pg *p, const char *name)
{
    const char *values[PG_PARAMS];
    int formats[PG_PARAMS];
    close_param(p);
    if (p->out.overflow) die("%s: too many parameters", name);
    for (int i = 0; i < p->count; i++) {
        values[i] = (const char *)p->out.at + p->start[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecPrepared(p->conn, name, p->count, values, p->len, formats, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        die("%s: %s", name, PQerrorMessage(p->conn));
    p->out = writer_over(p->out.at, p->out.cap);
    p->count = 0;
    return r;
}

/* ---- lines ---- */

void pg_lines_table(pg *p)
{
    pg_run(p, "SET client_min_messages = warning");
    pg_run(p, "DROP SCHEMA IF EXISTS bare CASCADE");
    pg_run(p, "CREATE SCHEMA bare");
    pg_run(p, "CREATE TABLE bare.line (LIKE public.line INCLUDING ALL) WITH (toast_tuple_target = 8128)");
    pg_run(p, "INSERT INTO bare.line SELECT * FROM public.line");
    pg_run(p, "ANALYZE bare.line");
}

void pg_lines_prepare(pg *p)
{
    pg_prepare(p, "lines",
               "INSERT INTO bare.line (idx, leaf, nodes, officer, resident, resident_tag, person_tag)"
               " SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[],"
               " $7::bigint[])");
}

line_row *pg_lines_newest(const char *conninfo, arena *mem, size_t count)
{
    vault_error err = {0};
    store *s = NULL;
    head_row head;
    lines_found got;
    line_row *lines = arena_array(mem, count, sizeof *lines);
    must(store_open(&s, conninfo, &err), &err, "store_open");
    must(store_head_read(s, &head, &err), &err, "head");
    must(store_lines_page(s, mem, &(line_range){.from = head.size - (int64_t)count, .limit = count}, lines, &got, &err),
         &err, "lines");
    store_close(&s);
    if (got.count != count) die("%zu lines are too few", got.count);
    return lines;
}

void pg_lines_insert(pg *p, const line_row *lines, size_t count, int64_t first)
{
    pg_array(p, PG_INT8, count);
    for (size_t i = 0; i < count; i++) pg_int8(p, first + (int64_t)i);
    pg_array(p, PG_BYTEA, count);
    for (size_t i = 0; i < count; i++) pg_bytea(p, lines[i].leaf);
    pg_array(p, PG_BYTEA, count);
    for (size_t i = 0; i < count; i++) pg_bytea(p, lines[i].nodes);
    pg_array(p, PG_BYTEA, count);
    for (size_t i = 0; i < count; i++) pg_bytea(p, lines[i].officer);
    pg_array(p, PG_BYTEA, count);
    for (size_t i = 0; i < count; i++) pg_bytea(p, lines[i].resident);
    pg_array(p, PG_INT8, count);
    for (size_t i = 0; i < count; i++) pg_int8(p, lines[i].resident_tag);
    pg_array(p, PG_INT8, count);
    for (size_t i = 0; i < count; i++) pg_int8(p, lines[i].person_tag);
    PQclear(pg_execute(p, "lines"));
}
