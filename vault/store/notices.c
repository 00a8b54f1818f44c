#include "vault/store/notices.h"
#include "vault/store/internal.h"

enum { COL_ID, COL_KIND, COL_SUBJECT, COL_CREATED, COL_TRIES };

vault_code store_notice_insert(store *s, const notice_row *row, vault_error *err)
{
    call_start(s, ST_NOTICE_INSERT);
    arg_int2(s, (int16_t)row->kind);
    arg_text(s, row->subject);
    arg_int8(s, row->created_us);
    return call_done(s, err);
}

vault_code store_notice_take(store *s, arena *mem, int64_t now_us, notice_row *out, bool *found, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *found = false;
    call_start(s, ST_NOTICE_TAKE);
    arg_int8(s, now_us);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return VAULT_OK;
    *out = (notice_row){.id = col_int8(r, 0, COL_ID),
                        .kind = (notice_kind)col_int2(r, 0, COL_KIND),
                        .subject = col_text_copy(mem, r, 0, COL_SUBJECT, &full),
                        .created_us = col_int8(r, 0, COL_CREATED),
                        .tries = col_int4(r, 0, COL_TRIES)};
    *found = !full;
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_notice_done(store *s, int64_t id, vault_error *err)
{
    call_start(s, ST_NOTICE_DONE);
    arg_int8(s, id);
    return call_done(s, err);
}

vault_code store_notices_sweep(store *s, int64_t before_us, int64_t *dropped, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_NOTICES_SWEEP);
    arg_int8(s, before_us);
    VAULT_TRY(call_run(s, &r, err));
    *dropped = col_int8(r, 0, 0);
    return VAULT_OK;
}
