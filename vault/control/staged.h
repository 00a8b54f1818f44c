/* A change on its way: what it makes of the manifest in force (stage.c), by which rule (change.c). */
#pragma once
#include "vault/control/core.h"

enum { ARCHIVED_MAX = PENDING_MAX + 3, ADDED_MAX = 3 };

struct staged {
    control *control;
    arena *mem;
    manifest_body *next;
    bytes sealed;                        /* manifest row */
    int64_t base_stamp, stamp;           /* of the control rows before and after */
    document_row archived[ARCHIVED_MAX]; /* names and versions */
    document_row added[ADDED_MAX];
    size_t archived_count, added_count;
    ring_row *rings; /* new ones */
    size_t ring_count;
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

/* What the change does by its rule (change.c): only what is refused for a reason of its own is refused here. */
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
