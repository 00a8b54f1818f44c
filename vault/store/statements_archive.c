/* Statements of the log's partitions, and of its lines that lie in files. */
#include "vault/store/statements.h"

/* A partition that stands in the log. */
#define PARTITION                                                                                                      \
    "SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"                                            \
    " WHERE i.inhparent = 'line'::regclass AND c.relname = 'line_' || n"

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
};

const statement *statement_of_archive(statement_id id)
{
    return &table[AT(id)];
}
