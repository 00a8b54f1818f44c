/* What still needs a version of a ring, counted over whole tables; and the certificates of what nothing needs any more.
 */
#include "vault/store/internal.h"

#include <string.h>

static const int64_t PATIENCE_US = INT64_C(7200) * 1000 * 1000; /* as ST_PATIENCE says */

typedef struct counted {
    statement_id by;
    int64_t version; /* of the ring, or the control version that rows must be made by */
    int64_t *into[4];
} counted;

static vault_code count(store *s, const counted *what, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, what->by);
    arg_int8(s, what->version);
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < 4 && what->into[i]; i++) *what->into[i] = col_int8(r, 0, i);
    return VAULT_OK;
}

/* By the ring's name, which table's rows can be under it. */
static vault_code count_of(store *s, const char *ring, int32_t version, int64_t since, ring_references *out,
                           vault_error *err)
{
    if (strcmp(ring, "record") == 0) {
        const counted keys = {ST_REFERENCES_RECORD, version, {&out->keys, &out->vouchers, &out->requests, &out->leaks}};
        VAULT_TRY(count(s, &keys, err));
    } else if (strcmp(ring, "natural") == 0 || strncmp(ring, "term/", 5) == 0) {
        const counted rows = {ST_REFERENCES_ROWS, since, {&out->rows, &out->entries}};
        VAULT_TRY(count(s, &rows, err));
    } else if (strcmp(ring, "log") == 0) {
        const counted lines = {ST_REFERENCES_LOG, version, {&out->lines}};
        VAULT_TRY(count(s, &lines, err));
    } else if (strcmp(ring, "control") == 0) {
        const counted control = {ST_REFERENCES_CONTROL, version, {&out->manifests, &out->documents}};
        VAULT_TRY(count(s, &control, err));
    } else if (strncmp(ring, "token/", 6) != 0) {
        return vault_fail(err, VAULT_INTERNAL, "nobody knows what is under ring '%.40s'", ring);
    }
    return count(s, &(counted){ST_RESIDENTS_COUNT, 0, {&out->residents}}, err);
}

/* Longer than any other statement may take: until the transaction ends. */
static vault_code be_patient(store *s, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "references: no transaction is open");
    call_start(s, ST_PATIENCE);
    return call_run(s, &r, err);
}

vault_code store_references(store *s, const char *ring, int32_t version, int64_t since, ring_references *out,
                            vault_error *err)
{
    int64_t silence = s->silence_most;
    *out = (ring_references){0};
    VAULT_TRY(be_patient(s, err));
    s->silence_most = PATIENCE_US;
    vault_code code = count_of(s, ring, version, since, out, err);
    s->silence_most = silence;
    return code;
}

/* ---- certificates ---- */

vault_code store_certificate_insert(store *s, const certificate_row *row, vault_error *err)
{
    call_start(s, ST_CERTIFICATE_INSERT);
    arg_text(s, row->ring);
    arg_int4(s, row->version);
    arg_int8(s, row->line);
    arg_text(s, row->note);
    return call_done(s, err);
}

vault_code store_certificate_read(store *s, arena *mem, certificate_row *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    call_start(s, ST_CERTIFICATE_READ);
    arg_text(s, inout->ring);
    arg_int4(s, inout->version);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0)
        return vault_fail(err, VAULT_NOT_FOUND, "no certificate of '%.40s' %d", inout->ring, inout->version);
    inout->line = col_int8(r, 0, 0);
    inout->note = col_text_copy(mem, r, 0, 1, &full);
    return full ? store_out_of_memory(err) : VAULT_OK;
}
