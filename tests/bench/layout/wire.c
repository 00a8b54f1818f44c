#include "tests/bench/layout/wire.h"
#include "vault/base/memory.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4 << 20, FLUSH = 1 << 16, PARAMS = 8, INT8 = 20, BYTEA = 17 };
struct wire {
    PGconn *conn;
    uint8_t out[ROOM]; /* COPY data waiting, or parameters */
    size_t len;
    size_t starts[PARAMS + 1];
    int params;
    double seconds, cpu; /* at the mark */
    uint64_t lsn;
};

static void die(const wire *w, const char *what)
{
    fprintf(stderr, "layout-bench: %s: %s\n", what, PQerrorMessage(w->conn));
    exit(1);
}

static PGresult *expect(wire *w, PGresult *r, const char *what)
{
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) die(w, what);
    return r;
}

wire *wire_open(const char *conninfo)
{
    wire *w = memory_new(sizeof *w);
    w->conn = PQconnectdb(conninfo);
    if (PQstatus(w->conn) != CONNECTION_OK) die(w, "connect");
    return w;
}

void wire_close(wire **w)
{
    PQfinish((*w)->conn);
    memory_free(*w, sizeof **w);
    *w = NULL;
}

uint64_t wire_random(uint64_t *state)
{
    uint64_t v = *state += UINT64_C(0x9E3779B97F4A7C15);
    v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
    return v ^ (v >> 31);
}

void wire_run(wire *w, const char *format, ...)
{
    char sql[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    PQclear(expect(w, PQexec(w->conn, sql), sql));
}

static uint64_t number(wire *w, const char *sql)
{
    PGresult *r = expect(w, PQexec(w->conn, sql), sql);
    uint64_t out = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return out;
}

/* ---- cost ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* User and system time of the server process; 0 where it is not on this machine. */
static double server_cpu(const wire *w)
{
    char path[64], text[512] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", PQbackendPID(w->conn));
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    const char *at = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    fclose(file);
    if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t wal_position(wire *w)
{
    return number(w, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
}

void wire_mark(wire *w, bool checkpoint)
{
    if (checkpoint) wire_run(w, "CHECKPOINT");
    w->lsn = wal_position(w);
    w->cpu = server_cpu(w);
    w->seconds = now();
}

void wire_report(wire *w, const char *layout, const char *what, uint64_t count)
{
    double seconds = now() - w->seconds, cpu = server_cpu(w) - w->cpu;
    uint64_t wal = wal_position(w) - w->lsn;
    printf("{\"layout\":\"%s\",\"what\":\"%s\",\"count\":%llu,\"us\":%.3f,\"server_us\":%.3f,\"wal\":%.1f}\n", layout,
           what, (unsigned long long)count, 1e6 * seconds / (double)count, 1e6 * cpu / (double)count,
           (double)wal / (double)count);
    fflush(stdout);
}

void wire_sizes(wire *w, const char *layout, const char *table, const char *when, uint64_t count)
{
    static const char *const kinds[] = {"heap", "toast", "indexes"};
    static const char *const sql[] = {"SELECT pg_relation_size('%s')",
                                      ("SELECT coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0)"
                                       " FROM pg_class WHERE oid = '%s'::regclass"),
                                      "SELECT pg_indexes_size('%s')"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof text, sql[i], table);
        printf("{\"layout\":\"%s\",\"what\":\"size-%s-%s\",\"table\":\"%s\",\"count\":%llu,\"bytes\":%llu}\n", layout,
               kinds[i], when, table, (unsigned long long)count, (unsigned long long)number(w, text));
    }
}

/* ---- binary values ---- */

static void put(wire *w, const void *at, size_t len)
{
    if (w->len + len > ROOM) die(w, "buffer full");
    memcpy(w->out + w->len, at, len);
    w->len += len;
}

static void put_number(wire *w, uint64_t v, size_t len)
{
    uint8_t out[8];
    for (size_t i = len; i-- > 0; v >>= 8) out[i] = (uint8_t)v;
    put(w, out, len);
}

static void sized_number(wire *w, uint64_t v, size_t len)
{
    put_number(w, len, 4);
    put_number(w, v, len);
}

static void array_start(wire *w, unsigned type, size_t count)
{
    put_number(w, 1, 4); /* dimensions */
    put_number(w, 0, 4); /* no NULL in it */
    put_number(w, type, 4);
    put_number(w, count, 4);
    put_number(w, 1, 4); /* first subscript */
}

void wire_int2(wire *w, int16_t v)
{
    sized_number(w, (uint64_t)v, 2);
}
void wire_int4(wire *w, int32_t v)
{
    sized_number(w, (uint64_t)v, 4);
}
void wire_int8(wire *w, int64_t v)
{
    sized_number(w, (uint64_t)v, 8);
}
void wire_bytes(wire *w, const void *at, size_t len)
{
    put_number(w, len, 4);
    put(w, at, len);
}
void wire_int8s(wire *w, const int64_t *v, size_t count)
{
    put_number(w, 20 + 12 * count, 4);
    array_start(w, INT8, count);
    for (size_t i = 0; i < count; i++) wire_int8(w, v[i]);
}

/* ---- COPY ---- */

static void flush(wire *w)
{
    if (w->len && PQputCopyData(w->conn, (const char *)w->out, (int)w->len) != 1) die(w, "copy");
    w->len = 0;
}

void wire_copy_start(wire *w, const char *table)
{
    wire_run(w, "COPY %s FROM STDIN (FORMAT binary)", table);
    w->len = 0;
    put(w, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

void wire_tuple(wire *w, int columns)
{
    if (w->len > FLUSH) flush(w);
    put_number(w, (uint64_t)columns, 2);
}

void wire_copy_end(wire *w)
{
    put_number(w, 0xFFFF, 2);
    flush(w);
    if (PQputCopyEnd(w->conn, NULL) != 1) die(w, "copy");
    PGresult *r;
    while ((r = PQgetResult(w->conn))) PQclear(expect(w, r, "copy"));
}

/* ---- prepared statements ---- */

void wire_prepare(wire *w, const char *sql)
{
    wire_run(w, "DEALLOCATE ALL");
    PQclear(expect(w, PQprepare(w->conn, "s", sql, 0, NULL), sql));
    w->len = 0;
    w->params = 0;
}

static void param_start(wire *w)
{
    w->starts[w->params++] = w->len;
}

void wire_param_int8s(wire *w, const int64_t *v, size_t count)
{
    param_start(w);
    array_start(w, INT8, count);
    for (size_t i = 0; i < count; i++) wire_int8(w, v[i]);
}

void wire_param_blobs_start(wire *w, size_t count)
{
    param_start(w);
    array_start(w, BYTEA, count);
}

void wire_blob(wire *w, const void *at, size_t len)
{
    wire_bytes(w, at, len);
}

void wire_execute(wire *w)
{
    const char *values[PARAMS];
    int lengths[PARAMS], formats[PARAMS];
    w->starts[w->params] = w->len;
    for (int i = 0; i < w->params; i++) {
        values[i] = (const char *)w->out + w->starts[i];
        lengths[i] = (int)(w->starts[i + 1] - w->starts[i]);
        formats[i] = 1;
    }
    PQclear(expect(w, PQexecPrepared(w->conn, "s", w->params, values, lengths, formats, 1), "execute"));
    w->len = 0;
    w->params = 0;
}
