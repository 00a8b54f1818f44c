/* Unsealing and the root key, inside vault/service. */
#pragma once
#include "vault/service/internal.h"

enum { VAULT_NAME_ROOM = 65 };
/* The vault's row, as it concerns the root key. */
typedef struct root_place {
    root_seal seal;
    char vault[VAULT_NAME_ROOM];
} root_place;
/* NOT_FOUND: there is no vault in the database. */
VAULT_MUST_USE vault_code root_row_read(root_place *out, store *with, vault_error *err);

/* Does the unseal key lie in a file that the config names? */
bool root_lies_here(const root_keeping *k);
/* INVALID: the seal is of another source than the config says. */
VAULT_MUST_USE vault_code root_check_source(const root_keeping *k, const root_seal *seal, vault_error *err);
/* The unseal key by those files; INVALID as root_check_source. */
VAULT_MUST_USE vault_code root_unseal_from_files(secret *unseal, const root_keeping *k, const root_seal *seal,
                                                 vault_error *err);

/* Another unseal key, and what it wraps. */
typedef struct root_wish {
    root_source source;
    uint32_t generation;
    uint32_t threshold, shares; /* of shares */
    bytes passphrase;           /* of a passphrase; NULL: as in the file that the config names */
    const char *vault;          /* its name */
    bytes root;                 /* empty: a new one */
} root_wish;
typedef struct new_root {
    root_seal seal;
    secret root, unseal;
    secret shares; /* texts, SHARE_TEXT_MAX bytes each */
} new_root;
/* PRECONDITION NO_KEY_FILE, BAD_KEY_FILE (root.file). Takes its time for a passphrase. */
VAULT_MUST_USE vault_code new_root_make(new_root *out, const root_keeping *k, const root_wish *wish, vault_error *err);
void new_root_clear(new_root *n);

/* ---- entered.c: shares that were entered on this node, under service.unsealing ---- */

enum { ENTERED_MOST_S = 600 };
/* Wipes them: also where the last one was entered too long ago. */
void entered_forget(entered *e);
void entered_expire(entered *e, int64_t now_us);
/* One more, of the set that the seal is about; those of another set are forgotten. INVALID (field "share"): the reasons
 * of share_read, and SHARE_TWICE. */
VAULT_MUST_USE vault_code entered_add(entered *e, const root_seal *seal, bytes text, vault_error *err);
void entered_take_back(entered *e); /* the last one */
uint32_t entered_count(const entered *e);
bool entered_complete(const entered *e, const root_seal *seal);
VAULT_MUST_USE vault_code entered_join(secret *unseal, const entered *e, const root_seal *seal, vault_error *err);

/* ---- choice.c: what is asked for with a RootChoice ---- */

/* INVALID ROOT_CHOICE (root), BAD_SHARES (root.shares), BAD_PASSPHRASE (root.passphrase). */
VAULT_MUST_USE vault_code root_choice_read(root_wish *out, const Vault__V1__RootChoice *in, vault_error *err);
/* Texts of shares for an answer; NULL when memory is out. */
char **root_share_texts(arena *mem, const new_root *made, size_t *count);
/* The part of a status that the vault's row says. */
void root_tell(Vault__V1__StatusResponse *out, const root_place *place);
