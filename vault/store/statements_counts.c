/* Statements of what is counted. */
#include "vault/store/statements.h"

#define COUNT_COLUMNS                                                                                                  \
    {                                                                                                                  \
        SQL_BYTEA, SQL_BYTEA, SQL_INT8                                                                                 \
    }
#define AT(id) ((id)-ST_COUNTERS_MAKE)

static const statement table[] = {
    /* In one order for everybody: two that make the same ones wait for each other, but not both. */
    [AT(ST_COUNTERS_MAKE)] = {.name = "counters_make",
                              .sql = "INSERT INTO budget_count (id, sealed, ends) SELECT * FROM unnest($1, $2, $3)"
                                     " AS u(id, sealed, ends) ORDER BY id ON CONFLICT (id) DO NOTHING",
                              .params = {SQL_BYTEAS, SQL_BYTEAS, SQL_INT8S}},
    [AT(ST_COUNTERS_LOCK)] = {.name = "counters_lock",
                              .sql =
                                  "SELECT id, sealed, ends FROM budget_count WHERE id = ANY($1) ORDER BY id FOR UPDATE",
                              .params = {SQL_BYTEAS},
                              .columns = COUNT_COLUMNS,
                              .rows = ROWS_ANY},
    [AT(ST_SEEN_READ)] = {.name = "seen_read",
                          .sql = "SELECT id, sealed, ends FROM budget_seen WHERE id = ANY($1)",
                          .params = {SQL_BYTEAS},
                          .columns = COUNT_COLUMNS,
                          .rows = ROWS_ANY},
    /* Both tables by one round trip. The rows of seen are under the locks of their counters. */
    [AT(ST_COUNTS_WRITE)] = {.name = "counts_write",
                             .sql = "WITH s AS (INSERT INTO budget_seen (id, sealed, ends) SELECT * FROM"
                                    " unnest($3, $4, $5) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed,"
                                    " ends = excluded.ends), w AS (UPDATE budget_count c SET sealed = u.sealed"
                                    " FROM unnest($1, $2) AS u(id, sealed) WHERE c.id = u.id RETURNING 1)"
                                    " SELECT count(*) FROM w",
                             .params = {SQL_BYTEAS, SQL_BYTEAS, SQL_BYTEAS, SQL_BYTEAS, SQL_INT8S},
                             .columns = {SQL_INT8},
                             .rows = ROWS_ONE},
    [AT(ST_COUNTERS_PAGE)] = {.name = "counters_page",
                              .sql = "SELECT id, sealed, ends FROM budget_count WHERE id > $1 ORDER BY id LIMIT $2",
                              .params = {SQL_BYTEA, SQL_INT8},
                              .columns = COUNT_COLUMNS,
                              .rows = ROWS_ANY},
    [AT(ST_COUNTS_SWEEP)] = {.name = "counts_sweep",
                             .sql = "WITH c AS (DELETE FROM budget_count WHERE id = ANY (ARRAY (SELECT id FROM"
                                    " budget_count WHERE ends < $1 ORDER BY ends LIMIT $2 FOR UPDATE SKIP LOCKED))"
                                    " RETURNING 1), s AS (DELETE FROM budget_seen WHERE id = ANY (ARRAY (SELECT id FROM"
                                    " budget_seen WHERE ends < $1 ORDER BY ends LIMIT $2 FOR UPDATE SKIP LOCKED))"
                                    " RETURNING 1) SELECT (SELECT count(*) FROM c) + (SELECT count(*) FROM s)",
                             .params = {SQL_INT8, SQL_INT8},
                             .columns = {SQL_INT8},
                             .rows = ROWS_ONE},
};

const statement *statement_of_counts(statement_id id)
{
    return &table[AT(id)];
}
