/* Partitions of the log: 2^22 lines each, by index, which is the order of time. They are made ahead of the lines, so
 * that no append waits for one, and taken away when all of their lines lie in archives. There is none for whatever fits
 * nowhere else: an append without its partition fails, and nothing is revealed. */
#include "vault/store/internal.h"

#include <stdio.h>

enum { AHEAD = 2, LISTED_MOST = 64, SQL_ROOM = 320, PARTITION_BITS = LINE_PARTITION_BITS };

/* ATTACH locks the log against other changes of its form alone: lines go on being read and written. */
vault_code store_partition_create(store *s, int64_t number, vault_error *err)
{
    char sql[SQL_ROOM];
    snprintf(sql, sizeof sql,
             "CREATE TABLE line_%lld (LIKE line INCLUDING STORAGE) WITH (toast_tuple_target = 8128);"
             "ALTER TABLE line ATTACH PARTITION line_%lld FOR VALUES FROM (%lld) TO (%lld)",
             (long long)number, (long long)number, (long long)(number << PARTITION_BITS),
             (long long)((number + 1) << PARTITION_BITS));
    return store_run_text(s, sql, "create partition", err);
}

/* Those of [from, end] that are there, or that are not. */
static vault_code list(store *s, statement_id which, const int64_t between[2], int64_t numbers[LISTED_MOST],
                       size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    call_start(s, which);
    arg_int8(s, between[0]);
    arg_int8(s, between[1]);
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r) && *count < LISTED_MOST; i++) numbers[(*count)++] = col_int8(r, i, 0);
    return VAULT_OK;
}

static vault_code make(store *s, const int64_t between[2], vault_error *err)
{
    int64_t numbers[LISTED_MOST];
    size_t count;
    call_start(s, ST_PARTITIONS_LOCK); /* another node may be at it */
    VAULT_TRY(call_done(s, err));
    VAULT_TRY(list(s, ST_PARTITIONS_LACKING, between, numbers, &count, err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(store_partition_create(s, numbers[i], err));
    return store_commit(s, err);
}

vault_code store_partitions_make(store *s, int64_t size, vault_error *err)
{
    const int64_t between[2] = {size >> PARTITION_BITS, (size >> PARTITION_BITS) + AHEAD};
    int64_t numbers[LISTED_MOST];
    size_t count;
    VAULT_TRY(list(s, ST_PARTITIONS_LACKING, between, numbers, &count, err));
    if (count == 0) return VAULT_OK;
    VAULT_TRY(store_begin(s, err));
    vault_code code = make(s, between, err);
    store_rollback(s);
    return code;
}

/* DROP locks the whole log: it waits for nobody longer than an append can wait, and is tried again later. */
static vault_code drop(store *s, int64_t number, bool *dropped, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    char sql[SQL_ROOM];
    VAULT_TRY(store_run_text(s, "SET LOCAL lock_timeout = '100ms'", "drop partition", err));
    snprintf(sql, sizeof sql, "SELECT EXISTS (SELECT FROM line_%lld)::int", (long long)number);
    VAULT_TRY(store_query_text(s, sql, "drop partition", &r, err));
    if (PQntuples(r) != 1 || PQgetvalue(r, 0, 0)[0] != '0') return VAULT_OK; /* a line that nobody knows of: kept */
    snprintf(sql, sizeof sql, "DROP TABLE line_%lld", (long long)number);
    VAULT_TRY(store_run_text(s, sql, "drop partition", err));
    VAULT_TRY(store_commit(s, err));
    *dropped = true;
    return VAULT_OK;
}

vault_code store_partition_drop(store *s, int64_t archived, bool *dropped, vault_error *err)
{
    const int64_t between[2] = {0, (archived >> PARTITION_BITS) - 1};
    int64_t numbers[LISTED_MOST];
    size_t count;
    *dropped = false;
    if (between[1] < 0) return VAULT_OK;
    VAULT_TRY(list(s, ST_PARTITIONS_THERE, between, numbers, &count, err));
    if (count == 0) return VAULT_OK;
    VAULT_TRY(store_begin(s, err));
    vault_code code = drop(s, numbers[0], dropped, err);
    store_rollback(s);
    return code;
}
