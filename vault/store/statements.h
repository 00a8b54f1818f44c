/* What the two halves of the table of statements share: columns of tables, and their types. */
#pragma once
#include "vault/store/internal.h"

#define RESIDENT_COLUMNS                                                                                               \
    "r.id, r.natural_key, r.collection, r.area, r.state, r.version, r.sealed, r.terms, r.tag, r.made, "                \
    "k.ring_version, k.dek"
/* Not JOIN ... ON: where the tables were analyzed while they were empty, that is planned as a walk through a whole
 * index, for the order that a merge would want; and the plan stays with the connection while they fill. */
#define RESIDENT_WITH_KEY                                                                                              \
    "resident r CROSS JOIN LATERAL (SELECT ring_version, dek FROM resident_key WHERE id = r.id OFFSET 0) k"
#define RESIDENT_TYPES                                                                                                 \
    {                                                                                                                  \
        SQL_INT8, SQL_BYTEA, SQL_INT2, SQL_INT8, SQL_INT2, SQL_INT4, SQL_BYTEA, SQL_INT8S, SQL_BYTEA, SQL_INT8,        \
            SQL_INT4, SQL_BYTEA                                                                                        \
    }
#define CORRECTION_COLUMNS "number, resident, field, department, filed, decided, decider, state, sealed"
#define CORRECTION_TYPES                                                                                               \
    {                                                                                                                  \
        SQL_INT8, SQL_INT8, SQL_INT2, SQL_INT2, SQL_INT8, SQL_INT8, SQL_INT2, SQL_INT2, SQL_BYTEA                      \
    }
/* How many lines are archived: those before it. */
#define ARCHIVE_END "coalesce((SELECT first + count FROM archive ORDER BY first DESC LIMIT 1), 0)"

/* statements_work.c: from ST_JOB_INSERT on. */
const statement *statement_of_work(statement_id id);
/* statements_counts.c: from ST_COUNTERS_MAKE on. */
const statement *statement_of_counts(statement_id id);
/* statements_archive.c: from ST_PARTITIONS_LOCK on. */
const statement *statement_of_archive(statement_id id);
