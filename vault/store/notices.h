/* What the officers are still to be told by the webhook: written with what it tells of, taken by one node at a time,
 * gone when it was told. A row names a thing of the manifest; what there is to say of it the manifest says. */
#pragma once
#include "vault/store/store.h"

typedef enum notice_kind {
    NOTICE_EMERGENCY = 1, /* opened; subject: "emergencies/..." */
    NOTICE_OVERDUE,       /* not reviewed in time; subject: the same */
    NOTICE_BUDGET,        /* the soft limit of a budget is reached; subject: its id */
    NOTICE_CANARY,        /* one was used; subject: "canaries/..." */
    NOTICE_KINDS
} notice_kind;

typedef struct notice_row {
    int64_t id; /* of one that was taken */
    notice_kind kind;
    const char *subject;
    int64_t created_us;
    int32_t tries; /* with this one */
} notice_row;

/* Within the transaction of what it tells of, if one is open. Nothing, where the same stands already,
 * nor for the subject "", whose insertion takes as long. */
VAULT_MUST_USE vault_code store_notice_insert(store *s, const notice_row *row, vault_error *err);
/* One that is due, if there is one: due again in 15 s, and in twice as long each time, up to an hour. */
VAULT_MUST_USE vault_code store_notice_take(store *s, arena *mem, int64_t now_us, notice_row *out, bool *found,
                                            vault_error *err);
VAULT_MUST_USE vault_code store_notice_done(store *s, int64_t id, vault_error *err);
/* Drops those from before; how many. */
VAULT_MUST_USE vault_code store_notices_sweep(store *s, int64_t before_us, int64_t *dropped, vault_error *err);
