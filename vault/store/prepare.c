/* All statements are prepared at connect, in one round trip, and what the server says of their parameters and columns
 * is compared with the table: a database of another format is found here and not in the middle of a reveal. */
#include "vault/store/internal.h"

#include <string.h>

static int count_types(const sql_type *types)
{
    int n = 0;
    while (types[n] != SQL_NONE) n++;
    return n;
}

static vault_code other_format(const char *what, vault_error *err)
{
    return vault_fail(err, VAULT_INTERNAL, "%s: the tables in the database are those of another version of vaultd",
                      what);
}

static vault_code check_described(const PGresult *r, const statement *st, vault_error *err)
{
    int params = count_types(st->params), columns = count_types(st->columns);
    bool fits = PQnparams(r) == params && PQnfields(r) == columns;
    for (int i = 0; fits && i < params; i++) fits = PQparamtype(r, i) == st->params[i];
    for (int i = 0; fits && i < columns; i++) fits = PQftype(r, i) == st->columns[i];
    return fits ? VAULT_OK : other_format(st->name, err);
}

static bool send_prepares(PGconn *conn)
{
    for (statement_id id = 0; id < STATEMENTS; id++) {
        const statement *st = statement_of(id);
        Oid types[PARAMS_MAX];
        int count = count_types(st->params);
        for (int i = 0; i < count; i++) types[i] = st->params[i];
        if (!PQsendPrepare(conn, st->name, st->sql, count, types)) return false;
        if (!PQsendDescribePrepared(conn, st->name)) return false;
    }
    return PQpipelineSync(conn);
}

/* 42: a table or a column is not there. */
static bool is_unknown(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state && strncmp(state, "42", 2) == 0;
}

/* One answer of the pipeline: a result and then NULL. */
static vault_code next_answer(store *s, PGresult **r, const char *what, vault_error *err)
{
    *r = store_next_result(s);
    if (!*r) return vault_fail(err, VAULT_UNAVAILABLE, "prepare %s: connection lost", what);
    if (is_unknown(*r)) return other_format(what, err);
    if (PQresultStatus(*r) != PGRES_COMMAND_OK) return store_fail_result(*r, what, err);
    PQclear(store_next_result(s));
    return VAULT_OK;
}

static vault_code read_prepared(store *s, vault_error *err)
{
    for (statement_id id = 0; id < STATEMENTS; id++) {
        const statement *st = statement_of(id);
        VAULT_CLEANUP(result_clear) PGresult *prepared = NULL, *described = NULL;
        VAULT_TRY(next_answer(s, &prepared, st->name, err));
        VAULT_TRY(next_answer(s, &described, st->name, err));
        VAULT_TRY(check_described(described, st, err));
    }
    return VAULT_OK;
}

static vault_code read_sync(store *s, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = store_next_result(s);
    if (PQresultStatus(r) != PGRES_PIPELINE_SYNC || !PQexitPipelineMode(s->conn))
        return vault_fail(err, VAULT_UNAVAILABLE, "prepare: connection lost");
    return VAULT_OK;
}

static vault_code prepare_all(store *s, vault_error *err)
{
    if (!PQenterPipelineMode(s->conn) || !send_prepares(s->conn))
        return vault_fail(err, VAULT_UNAVAILABLE, "prepare: connection lost");
    VAULT_TRY(read_prepared(s, err));
    return read_sync(s, err);
}

/* After a failure half of the statements stand: the connection is given up, and the next call starts from nothing. */
vault_code store_prepare(store *s, vault_error *err)
{
    vault_code code = prepare_all(s, err);
    s->prepared = code == VAULT_OK;
    if (!s->prepared) store_disconnect(s);
    return code;
}
