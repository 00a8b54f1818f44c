/* BEGIN, COMMIT, ROLLBACK. A transaction whose connection is gone stays begun until it is committed (which fails) or
 * rolled back: nothing that belongs to it can slip into a new connection. */
#include "vault/store/internal.h"

#include <string.h>

static vault_code begin(store *s, statement_id by, vault_error *err)
{
    if (s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "begin: a transaction is open");
    call_start(s, by);
    VAULT_TRY(call_done(s, err));
    s->in_transaction = true;
    return VAULT_OK;
}

vault_code store_begin(store *s, vault_error *err)
{
    return begin(s, ST_BEGIN, err);
}

vault_code store_begin_snapshot(store *s, vault_error *err)
{
    return begin(s, ST_BEGIN_SNAPSHOT, err);
}

/* Whatever happened: no transaction is open afterwards, or the connection that has it is closed. */
static void leave_transaction(store *s)
{
    s->in_transaction = false;
    if (s->conn && PQtransactionStatus(s->conn) != PQTRANS_IDLE) store_disconnect(s);
}

/* PostgreSQL answers COMMIT of a failed transaction with success and the tag ROLLBACK. */
vault_code store_commit(store *s, vault_error *err)
{
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "commit: no transaction is open");
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_COMMIT);
    vault_code code = call_run(s, &r, err);
    if (code == VAULT_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0)
        code = vault_fail(err, VAULT_INTERNAL, "commit: the transaction had failed");
    leave_transaction(s);
    return code;
}

void store_rollback(store *s)
{
    if (!s->in_transaction) return;
    vault_error ignored = {0}; /* a rollback that fails closes the connection, which rolls back as well */
    if (s->conn && PQstatus(s->conn) == CONNECTION_OK) {
        call_start(s, ST_ROLLBACK);
        if (call_done(s, &ignored) != VAULT_OK) store_disconnect(s);
    }
    leave_transaction(s);
}
