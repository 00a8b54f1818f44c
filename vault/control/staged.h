/* A change on its way: what it makes of the manifest in force (stage.c), by which rule (change.c). */
#pragma once
#include "vault/control/core.h"

enum { ARCHIVED_MAX = PENDING_MAX + 3, ADDED_MAX = 3 };

/* A row of the table of rings, as the change leaves it. */
typedef enum ring_fate { RING_STANDS, RING_CHANGED, RING_MADE } ring_fate;
typedef struct ring_slot {
    ring_row row;
    ring_fate fate;
} ring_slot;

struct staged {
    control *control;
    arena *mem;
    manifest_body *next;
    bytes sealed;                        /* manifest row */
    int64_t base_stamp, stamp;           /* of the control rows before and after */
    document_row archived[ARCHIVED_MAX]; /* names and versions */
    document_row added[ADDED_MAX];
    size_t archived_count, added_count;
    ring_slot *rings; /* all rows, where the change touches any; else none */
    size_t ring_count, ring_capacity;
    keyring *keys;    /* of the next manifest, by which it is sealed; held */
    vault_row *vault; /* the row that a rekey writes, or NULL */
    secret root;      /* another root key, or empty */
    vault_code (*write)(void *context, store *s, vault_error *err); /* the caller's; or NULL */
    void *context;
};

/* The next manifest while it is being made. */
typedef struct draft {
    staged *st;
    control *control;
    store *store;
    const manifest_body *base;
    const change *what;
    manifest_core core; /* texts are borrowed from the base, the change, and the staged change's arena */
    documents docs;     /* owned */
    vault_error *err;
} draft;

enum { STEWARDS = ROLE_OFFICER | ROLE_ADMINISTRATOR };

/* What the change does by its rule (change.c; of keys: rings.c): only what is refused for a reason of its own is
 * refused here. */
VAULT_MUST_USE vault_code change_apply(draft *d);
/* Puts a new document in the place of the standing one, as a row of this version. */
VAULT_MUST_USE vault_code draft_bring(draft *d, document which, json_t *value);
/* A row of this version with this content; its digest. */
VAULT_MUST_USE vault_code draft_add_row(draft *d, document which, json_t *value, digest *sum);
/* The row of a version is a former one from now on. */
void draft_archive(draft *d, document which, int64_t version);
/* Approval i is no longer pending. */
void draft_drop(draft *d, size_t i);
/* Domains for new pairs. */
VAULT_MUST_USE vault_code draft_domains(draft *d);
/* Whom the manifest knows as somebody of these roles: DENIED ROLE for others. */
VAULT_MUST_USE vault_code draft_must_be(const draft *d, unsigned roles);
/* The approval that the change names, if it is pending; and what of it the line says. NOT_FOUND APPROVAL_UNKNOWN. */
VAULT_MUST_USE vault_code draft_find_pending(draft *d, size_t *out);
/* How many officers consent who still are officers and can call. */
unsigned draft_consents(const draft *d, const approval *a);
/* Takes the assertions of a person, as a part of the change. NOT_FOUND PERSON_UNKNOWN: there is no such person, or it
 * is suspended already. */
VAULT_MUST_USE vault_code draft_suspend(draft *d, const char *who);
/* A break-glass, and its review (emergencies.c). */
VAULT_MUST_USE vault_code emergencies_apply(draft *d);
/* Canaries that are made, or one that is retired (canaries.c). */
VAULT_MUST_USE vault_code canaries_apply(draft *d);
/* One call that an app asks leave for (access.c). */
VAULT_MUST_USE vault_code access_propose(draft *d);
/* A leaked list that an officer brings (leaks.c). */
VAULT_MUST_USE vault_code leak_propose(draft *d);
/* Something that waits for approval: `about`, with content `value`, instead of what has digest `base`. */
VAULT_MUST_USE vault_code draft_propose(draft *d, document about, json_t *value, const digest *base);

/* ---- rings (rings.c) ---- */

/* Rotation, destruction, another root key, sealing. */
VAULT_MUST_USE vault_code rings_apply(draft *d);
/* The rings without which the next manifest cannot work, where they are missing. */
VAULT_MUST_USE vault_code draft_make_rings(draft *d);
/* st->keys, and the digest of the rows. */
VAULT_MUST_USE vault_code draft_settle_rings(draft *d);
/* In the transaction of the change. */
VAULT_MUST_USE vault_code staged_write_rings(staged *st, store *s, vault_error *err);
/* New rings join the keyring that stands. */
VAULT_MUST_USE vault_code staged_take_rings(staged *st, vault_error *err);
