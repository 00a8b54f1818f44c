#include "vault/store/people.h"
#include "vault/store/internal.h"

enum { COL_LIVE, COL_RESTRICTED, COL_LIVE_WITHOUT, COL_RESTRICTED_WITHOUT };

vault_code store_people_count(store *s, people_count *io, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_PEOPLE_COUNT);
    arg_array(s, io->collection_count);
    for (size_t i = 0; i < io->collection_count; i++) put_int8(s, io->collections[i]);
    arg_array(s, io->without_count);
    for (size_t i = 0; i < io->without_count; i++) put_int8(s, io->without[i]);
    VAULT_TRY(call_run(s, &r, err));
    io->live = col_int8(r, 0, COL_LIVE) - col_int8(r, 0, COL_LIVE_WITHOUT);
    io->restricted = col_int8(r, 0, COL_RESTRICTED) - col_int8(r, 0, COL_RESTRICTED_WITHOUT);
    return VAULT_OK;
}
