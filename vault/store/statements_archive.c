/* Statements of the log's partitions, and of its lines that lie in files. */
#include "vault/store/statements.h"

/* A partition that stands in the log. */
#define PARTITION                                                                                                      \
    "SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"                                            \
    " WHERE i.inhparent = 'line'::regclass AND c.relname = 'line_' || n"

#define ARCHIVE_COLUMNS "first, count, start_us, end_us, file, size, sha256, log_version"
#define ARCHIVE_TYPES                                                                                                  \
    {                                                                                                                  \
        SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_TEXT, SQL_INT8, SQL_BYTEA, SQL_INT4                                \
    }

#define AT(id) ((id)-ST_PARTITIONS_LOCK)

static const statement table[] = {
    [AT(ST_PARTITIONS_LOCK)] = {.name = "partitions_lock",
                                .sql = "SELECT 1::int8 FROM pg_advisory_xact_lock(5263204733872054271)",
                                .columns = {SQL_INT8},
                                .rows = ROWS_ONE},
    [AT(ST_PARTITIONS_LACKING)] = {.name = "partitions_lacking",
                                   .sql = "SELECT n FROM generate_series($1::int8, $2) AS n"
                                          " WHERE NOT EXISTS (" PARTITION ")",
                                   .params = {SQL_INT8, SQL_INT8},
                                   .columns = {SQL_INT8},
                                   .rows = ROWS_ANY},
    [AT(ST_PARTITIONS_THERE)] = {.name = "partitions_there",
                                 .sql = "SELECT n FROM generate_series($1::int8, $2) AS n WHERE EXISTS (" PARTITION ")",
                                 .params = {SQL_INT8, SQL_INT8},
                                 .columns = {SQL_INT8},
                                 .rows = ROWS_ANY},
    [AT(ST_ARCHIVE_END)] = {.name = "archive_end",
                            .sql = "SELECT " ARCHIVE_END,
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [AT(ST_ARCHIVES_READ)] = {.name = "archives_read",
                              .sql =
                                  "SELECT " ARCHIVE_COLUMNS " FROM archive WHERE first >= coalesce((SELECT max(first)"
                                  " FROM archive WHERE first <= $1), 0) AND first + count > $1 ORDER BY first LIMIT"
                                  " $2",
                              .params = {SQL_INT8, SQL_INT8},
                              .columns = ARCHIVE_TYPES,
                              .rows = ROWS_ANY},
    [AT(ST_ARCHIVE_STALE)] = {.name = "archive_stale",
                              .sql = "SELECT " ARCHIVE_COLUMNS " FROM archive WHERE log_version <> $1"
                                     " ORDER BY first LIMIT 1",
                              .params = {SQL_INT4},
                              .columns = ARCHIVE_TYPES,
                              .rows = ROWS_AT_MOST_ONE},
    [AT(ST_ARCHIVE_AROUND)] = {.name = "archive_around",
                               .sql = "SELECT coalesce((SELECT max(first + count) FROM archive WHERE end_us < $1), 0),"
                                      " coalesce((SELECT min(first + count) FROM archive WHERE end_us >= $1),"
                                      " (SELECT max(size) FROM head))",
                               .params = {SQL_INT8},
                               .columns = {SQL_INT8, SQL_INT8},
                               .rows = ROWS_ONE},
    /* The parts of one statement see the lines as they were before it. */
    [AT(ST_ARCHIVE_TAKE)] =
        {.name = "archive_take",
         .sql = "WITH a AS (INSERT INTO archive (" ARCHIVE_COLUMNS ") VALUES ($1, $6, $7, $8, $2, $3, $4, $5)),"
                " n AS (INSERT INTO archived_node (line, leaf, nodes) SELECT idx, leaf, nodes FROM line"
                " WHERE idx >= $1 AND idx < $1 + $6 AND idx & 255 = 255),"
                " d AS (DELETE FROM line WHERE idx >= $1 AND idx < $1 + $6 RETURNING 1)"
                " SELECT (SELECT count(*) FROM d),"
                " coalesce((SELECT first + count FROM archive ORDER BY first DESC LIMIT 1), 0)",
         .params = {SQL_INT8, SQL_TEXT, SQL_INT8, SQL_BYTEA, SQL_INT4, SQL_INT8, SQL_INT8, SQL_INT8},
         .columns = {SQL_INT8, SQL_INT8},
         .rows = ROWS_ONE},
    [AT(ST_ARCHIVE_REPLACE)] = {.name = "archive_replace",
                                .sql = "WITH w AS (UPDATE archive SET file = $2, size = $3, sha256 = $4,"
                                       " log_version = $5 WHERE first = $1 AND file = $6 RETURNING 1)"
                                       " SELECT count(*) FROM w",
                                .params = {SQL_INT8, SQL_TEXT, SQL_INT8, SQL_BYTEA, SQL_INT4, SQL_TEXT},
                                .columns = {SQL_INT8},
                                .rows = ROWS_ONE},
    [AT(ST_ARCHIVED_NODES)] = {.name = "archived_nodes",
                               .sql =
                                   "SELECT i.place, n.leaf, n.nodes FROM unnest($1) WITH ORDINALITY AS i(line, place)"
                                   " JOIN archived_node AS n ON n.line = i.line",
                               .params = {SQL_INT8S},
                               .columns = {SQL_INT8, SQL_BYTEA, SQL_BYTEA},
                               .rows = ROWS_ANY},
};

const statement *statement_of_archive(statement_id id)
{
    return &table[AT(id)];
}
