/* Statements of the work that goes over many rows: jobs, and what rotations of keys still have to bring over. */
#include "vault/store/statements.h"

#define RESIDENT_IS_STALE "(r.made < $3 OR ($2 <> 0 AND k.ring_version + 0 <> $2))"
#define SERVER_MS         "(extract(epoch FROM clock_timestamp()) * 1000)::int8" /* one clock for all nodes */
#define JOB_COLUMNS       "kind, state, ring, version, total, done, created, resumed, resumed_done, ended, finding"
#define JOB_TYPES                                                                                                      \
    SQL_INT2, SQL_INT2, SQL_TEXT, SQL_INT4, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_TEXT
/* A note begins with the version of the ring that it is under (vault/record/note.c). */
#define NOTE_IS_STALE(sealed, version) "substr(" sealed ", 1, 4) <> int4send(" version ")"
#define NOTES_STALE(as, table, version, sealed)                                                                        \
    {                                                                                                                  \
        .name = as,                                                                                                    \
        .sql = "SELECT id, " version ", " sealed " FROM " table                                                        \
               " WHERE id > $1 AND " NOTE_IS_STALE(sealed, "$2") " ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED",       \
        .params = {SQL_BYTEA, SQL_INT4, SQL_INT8}, .columns = {SQL_BYTEA, SQL_INT4, SQL_BYTEA}, .rows = ROWS_ANY       \
    }
#define NOTES_UPDATE(as, table, sealed)                                                                                \
    {                                                                                                                  \
        .name = as,                                                                                                    \
        .sql = "WITH w AS (UPDATE " table " t SET " sealed " = u.sealed FROM unnest($1, $2) AS u(id, sealed)"          \
               " WHERE t.id = u.id RETURNING 1) SELECT count(*) FROM w",                                               \
        .params = {SQL_BYTEAS, SQL_BYTEAS}, .columns = {SQL_INT8}, .rows = ROWS_ONE                                    \
    }

#define AT(id) ((id)-ST_JOB_INSERT)

static const statement table[] = {
    [AT(ST_JOB_INSERT)] = {.name = "job_insert",
                           .sql =
                               "INSERT INTO job (" JOB_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                               " RETURNING id",
                           .params = {JOB_TYPES},
                           .columns = {SQL_INT8},
                           .rows = ROWS_ONE},
    [AT(ST_JOBS_READ)] = {.name = "jobs_read",
                          .sql = "SELECT id, " JOB_COLUMNS ", " SERVER_MS
                                 " - busy FROM job WHERE ($1 = 0 OR id = $1) AND state <= $2"
                                 " ORDER BY id DESC LIMIT 100",
                          .params = {SQL_INT8, SQL_INT2},
                          .columns = {SQL_INT8, JOB_TYPES, SQL_INT8},
                          .rows = ROWS_ANY},
    [AT(ST_JOB_ADVANCE)] = {.name = "job_advance",
                            .sql = "WITH u AS (UPDATE job SET done = done + $2 WHERE id = $1 AND state = 1 RETURNING 1)"
                                   " SELECT count(*) FROM u",
                            .params = {SQL_INT8, SQL_INT8},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [AT(ST_JOB_BUSY)] = {.name = "job_busy",
                         .sql = "UPDATE job SET busy = " SERVER_MS " WHERE id = $1 AND state = 1",
                         .params = {SQL_INT8}},
    [AT(ST_JOB_SAY)] = {.name = "job_say",
                        .sql = "UPDATE job SET finding = $2 WHERE id = $1 AND state = 1",
                        .params = {SQL_INT8, SQL_TEXT}},
    [AT(ST_JOB_SET)] = {.name = "job_set",
                        .sql = "WITH u AS (UPDATE job SET state = $2, total = $3, finding = $4,"
                               " resumed = CASE WHEN $2 = 1 THEN $5 ELSE resumed END,"
                               " resumed_done = CASE WHEN $2 = 1 THEN done ELSE resumed_done END,"
                               " ended = CASE WHEN $2 > 2 THEN $5 ELSE ended END"
                               " WHERE id = $1 AND state = ANY($6) RETURNING 1) SELECT count(*) FROM u",
                        .params = {SQL_INT8, SQL_INT2, SQL_INT8, SQL_TEXT, SQL_INT8, SQL_INT2S},
                        .columns = {SQL_INT8},
                        .rows = ROWS_ONE},

    [AT(ST_RESIDENTS_PAGE)] = {.name = "residents_page",
                               .sql = "SELECT " RESIDENT_COLUMNS " FROM " RESIDENT_WITH_KEY
                                      " WHERE r.id > $1 ORDER BY r.id LIMIT $2",
                               .params = {SQL_INT8, SQL_INT8},
                               .columns = RESIDENT_TYPES,
                               .rows = ROWS_ANY},
    [AT(ST_CORRECTIONS_DROP)] = {.name = "corrections_drop",
                                 .sql = "WITH w AS (DELETE FROM correction c USING unnest($1, $2) AS u(field, before)"
                                        " WHERE c.state = 1 AND c.field = u.field AND c.filed < u.before RETURNING 1)"
                                        " SELECT count(*) FROM w",
                                 .params = {SQL_INT2S, SQL_INT8S},
                                 .columns = {SQL_INT8},
                                 .rows = ROWS_ONE},
    /* Whole residents: $2 and $3 say what is stale, either alone is enough. */
    [AT(ST_RESIDENTS_STALE)] = {.name = "residents_stale",
                                .sql = "SELECT " RESIDENT_COLUMNS " FROM " RESIDENT_WITH_KEY " WHERE r.id > $1"
                                       " AND r.id <= $4 AND " RESIDENT_IS_STALE
                                       " ORDER BY r.id LIMIT $5 FOR UPDATE OF r SKIP LOCKED",
                                .params = {SQL_INT8, SQL_INT4, SQL_INT8, SQL_INT8, SQL_INT8},
                                .columns = RESIDENT_TYPES,
                                .rows = ROWS_ANY},
    [AT(ST_RESIDENTS_STALE_COUNT)] =
        {.name = "residents_stale_count",
         .sql = "SELECT count(*) FROM resident r JOIN resident_key k USING (id) WHERE r.id > $1"
                " AND r.id <= $4 AND " RESIDENT_IS_STALE,
         .params = {SQL_INT8, SQL_INT4, SQL_INT8, SQL_INT8},
         .columns = {SQL_INT8},
         .rows = ROWS_ONE},
    [AT(ST_RESIDENTS_WINDOW)] = {.name = "residents_window",
                                 .sql = "SELECT coalesce(max(id), 0) FROM (SELECT id FROM resident WHERE id > $1"
                                        " ORDER BY id LIMIT $2) AS w",
                                 .params = {SQL_INT8, SQL_INT8},
                                 .columns = {SQL_INT8},
                                 .rows = ROWS_ONE},
    [AT(ST_RESIDENTS_RENEW)] =
        {.name = "residents_renew",
         .sql = "WITH w AS (UPDATE resident r SET natural_key = u.natural_key, state = u.state, made = u.made,"
                " terms = ($7)[u.low:u.high], sealed = u.sealed, tag = u.tag"
                " FROM unnest($1, $2, $3, $4, $5, $6, $8, $9, $10, $11)"
                " AS u(id, version, was, state, low, high, natural_key, tag, made, sealed)"
                " WHERE r.id = u.id AND r.version = u.version AND r.tag = u.was RETURNING 1) SELECT count(*) FROM w",
         .params = {SQL_INT8S, SQL_INT4S, SQL_BYTEAS, SQL_INT2S, SQL_INT4S, SQL_INT4S, SQL_INT8S, SQL_BYTEAS,
                    SQL_BYTEAS, SQL_INT8S, SQL_BYTEAS},
         .columns = {SQL_INT8},
         .rows = ROWS_ONE},
    [AT(ST_RESIDENTS_HOLD)] = {.name = "residents_hold",
                               .sql = "WITH h AS (SELECT r.id FROM resident r JOIN unnest($1, $2, $3)"
                                      " AS u(id, version, tag) ON r.id = u.id AND r.version = u.version"
                                      " AND r.tag = u.tag ORDER BY r.id FOR NO KEY UPDATE OF r) SELECT count(*) FROM h",
                               .params = {SQL_INT8S, SQL_INT4S, SQL_BYTEAS},
                               .columns = {SQL_INT8},
                               .rows = ROWS_ONE},
    [AT(ST_CORRECTIONS_OF_ALL)] = {.name = "corrections_of_all",
                                   .sql = "SELECT " CORRECTION_COLUMNS " FROM correction WHERE resident = ANY($1)"
                                          " ORDER BY resident, number",
                                   .params = {SQL_INT8S},
                                   .columns = CORRECTION_TYPES,
                                   .rows = ROWS_ANY},
    [AT(ST_CORRECTIONS_RESEAL)] = {.name = "corrections_reseal",
                                   .sql = "WITH w AS (UPDATE correction c SET sealed = u.sealed"
                                          " FROM unnest($1, $2, $3) AS u(number, state, sealed)"
                                          " WHERE c.number = u.number AND c.state = u.state RETURNING 1)"
                                          " SELECT count(*) FROM w",
                                   .params = {SQL_INT8S, SQL_INT2S, SQL_BYTEAS},
                                   .columns = {SQL_INT8},
                                   .rows = ROWS_ONE},
    /* "+ 0", because of the column by itself the statistics say that hardly a row has another version, for which a walk
     * through the index would not be worth while. */
    [AT(ST_KEYS_STALE)] = {.name = "keys_stale",
                           .sql =
                               "SELECT id, ring_version, dek FROM resident_key WHERE id > $1 AND ring_version + 0 <> $2"
                               " ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED",
                           .params = {SQL_INT8, SQL_INT4, SQL_INT8},
                           .columns = {SQL_INT8, SQL_INT4, SQL_BYTEA},
                           .rows = ROWS_ANY},
    [AT(ST_KEYS_UPDATE)] = {.name = "keys_update",
                            .sql = "WITH w AS (UPDATE resident_key k SET ring_version = u.version, dek = u.dek"
                                   " FROM unnest($1, $2, $3) AS u(id, version, dek) WHERE k.id = u.id RETURNING 1)"
                                   " SELECT count(*) FROM w",
                            .params = {SQL_INT8S, SQL_INT4S, SQL_BYTEAS},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [AT(ST_VOUCHER_NOTES_STALE)] = NOTES_STALE("voucher_notes_stale", "voucher", "version", "sealed"),
    [AT(ST_VOUCHER_NOTES_UPDATE)] = NOTES_UPDATE("voucher_notes_update", "voucher", "sealed"),
    [AT(ST_REQUEST_NOTES_STALE)] = NOTES_STALE("request_notes_stale", "request", "0", "answer"),
    [AT(ST_REQUEST_NOTES_UPDATE)] = NOTES_UPDATE("request_notes_update", "request", "answer"),
    [AT(ST_STALE_COUNT)] =
        {.name = "stale_count",
         .sql = "SELECT (SELECT count(*) FROM resident_key WHERE ring_version <> $1),"
                " (SELECT count(*) FROM voucher WHERE " NOTE_IS_STALE(
                    "sealed", "$1") "),"
                                    " (SELECT count(*) FROM request WHERE " NOTE_IS_STALE(
                                        "answer", "$1") "), (SELECT count(*) FROM leak WHERE " NOTE_IS_STALE("key",
                                                                                                             "$1") ")",
         .params = {SQL_INT4},
         .columns = {SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8},
         .rows = ROWS_ONE},
    [AT(ST_COLUMNS_READ)] = {.name = "columns_read",
                             .sql = "SELECT log_version, sealed FROM line_columns WHERE stretch = $1",
                             .params = {SQL_INT4},
                             .columns = {SQL_INT4, SQL_BYTEA},
                             .rows = ROWS_AT_MOST_ONE},
    [AT(ST_COLUMNS_WRITE)] = {.name = "columns_write",
                              .sql = "INSERT INTO line_columns (stretch, log_version, sealed) VALUES ($1, $2, $3)"
                                     " ON CONFLICT (stretch) DO UPDATE SET log_version = excluded.log_version,"
                                     " sealed = excluded.sealed",
                              .params = {SQL_INT4, SQL_INT4, SQL_BYTEA}},
    [AT(ST_COLUMNS_LACKING)] = {.name = "columns_lacking",
                                .sql = "SELECT n FROM generate_series($3, $2 - 1) AS g(n) WHERE NOT EXISTS (SELECT FROM"
                                       " line_columns WHERE stretch = n AND log_version = $1) LIMIT 1",
                                .params = {SQL_INT4, SQL_INT4, SQL_INT4},
                                .columns = {SQL_INT4},
                                .rows = ROWS_AT_MOST_ONE},
    [AT(ST_NOTICE_INSERT)] =
        {.name = "notice_insert",
         .sql = "INSERT INTO notice (kind, subject, created, due) SELECT $1, $2, $3, $3 WHERE $2 <> ''"
                " ON CONFLICT (kind, subject) DO NOTHING",
         .params = {SQL_INT2, SQL_TEXT, SQL_INT8}},
    /* Whoever takes one has it until it is due again: later with each time. */
    [AT(ST_NOTICE_TAKE)] = {.name = "notice_take",
                            .sql = "UPDATE notice SET tries = tries + 1,"
                                   " due = $1 + least(3600::int8, 15::int8 << least(tries, 16)) * 1000000"
                                   " WHERE id = (SELECT id FROM notice WHERE due <= $1 ORDER BY due LIMIT 1"
                                   " FOR UPDATE SKIP LOCKED) RETURNING id, kind, subject, created, tries",
                            .params = {SQL_INT8},
                            .columns = {SQL_INT8, SQL_INT2, SQL_TEXT, SQL_INT8, SQL_INT4},
                            .rows = ROWS_AT_MOST_ONE},
    [AT(ST_NOTICE_DONE)] = {.name = "notice_done", .sql = "DELETE FROM notice WHERE id = $1", .params = {SQL_INT8}},
    [AT(ST_NOTICES_SWEEP)] = {.name = "notices_sweep",
                              .sql = "WITH w AS (DELETE FROM notice WHERE created < $1 RETURNING 1)"
                                     " SELECT count(*) FROM w",
                              .params = {SQL_INT8},
                              .columns = {SQL_INT8},
                              .rows = ROWS_ONE},
    [AT(ST_LEAK_INSERT)] = {.name = "leak_insert",
                            .sql = "INSERT INTO leak (id, created, expires, key, sealed) VALUES ($1, $2, $3, $4, $5)",
                            .params = {SQL_BYTEA, SQL_INT8, SQL_INT8, SQL_BYTEA, SQL_BYTEA}},
    [AT(ST_LEAK_READ)] = {.name = "leak_read",
                          .sql = "SELECT created, expires, key, sealed FROM leak WHERE id = $1",
                          .params = {SQL_BYTEA},
                          .columns = {SQL_INT8, SQL_INT8, SQL_BYTEA, SQL_BYTEA},
                          .rows = ROWS_AT_MOST_ONE},
    [AT(ST_LEAK_DELETE)] = {.name = "leak_delete", .sql = "DELETE FROM leak WHERE id = $1", .params = {SQL_BYTEA}},
    [AT(ST_LEAKS_SWEEP)] = {.name = "leaks_sweep",
                            .sql = "WITH w AS (DELETE FROM leak WHERE expires <= $3 OR (created < $2 AND id <> ALL($1))"
                                   " RETURNING 1) SELECT count(*) FROM w",
                            .params = {SQL_BYTEAS, SQL_INT8, SQL_INT8},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [AT(ST_LEAK_NOTES_STALE)] = NOTES_STALE("leak_notes_stale", "leak", "0", "key"),
    [AT(ST_LEAK_NOTES_UPDATE)] = NOTES_UPDATE("leak_notes_update", "leak", "key"),
    [AT(ST_TERM_HITS)] = {.name = "term_hits",
                          .sql = "SELECT u.place, t.id FROM unnest($1) WITH ORDINALITY AS u(term, place)"
                                 " CROSS JOIN LATERAL (SELECT id FROM resident_term WHERE term = u.term LIMIT $2) AS t",
                          .params = {SQL_INT8S, SQL_INT8},
                          .columns = {SQL_INT8, SQL_INT8},
                          .rows = ROWS_ANY},
};

const statement *statement_of_work(statement_id id)
{
    return &table[AT(id)];
}
