/* Bare libpq for the limits: statements with binary arrays, and the insertion of lines that stand as bytes already. One
 * connection, one thread at a time. Failures end the program. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/store/store.h"

#include <libpq-fe.h>

enum { PG_PARAMS = 8, PG_INT8 = 20, PG_BYTEA = 17 };

typedef struct pg {
    PGconn *conn;
    writer out; /* parameters of the statement that is being built */
    size_t start[PG_PARAMS];
    int len[PG_PARAMS], count;
} pg;

pg *pg_open(const char *conninfo);
void pg_run(pg *p, const char *sql); /* no parameters, no rows */
void pg_prepare(pg *p, const char *name, const char *sql);

void pg_array(pg *p, uint32_t type, size_t count); /* then exactly count of these: */
void pg_int8(pg *p, int64_t v);
void pg_bytea(pg *p, bytes v);
PGresult *pg_execute(pg *p, const char *name); /* binary rows; to be cleared */

/* A second line table, bare.line, with the columns, indexes, settings and content of the first. */
void pg_lines_table(pg *p);
void pg_lines_prepare(pg *p);
/* The newest `count` lines; owned by the arena. */
line_row *pg_lines_newest(const char *conninfo, arena *mem, size_t count);
/* One durable INSERT of lines that are counted up from `first`; their own indexes do not matter. */
void pg_lines_insert(pg *p, const line_row *lines, size_t count, int64_t first);
int64_t pg_number(pg *p, const char *sql); /* one row, one column */
