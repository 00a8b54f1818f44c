/* A word about residents that makes a new version of each record: consents, guardians. Inside vault/service. */
#pragma once
#include "vault/service/internal.h"

/* The row that an item's word makes. */
typedef struct said_row {
    bool unchanged; /* it stands already: nothing is written */
    resident_row next;
} said_row;

/* The items of a call, each with its said_row. */
VAULT_MUST_USE vault_code said_items(session *s, call *c, size_t count, const char *list);
/* For item_kind.prepare: `say` makes the row of each item that went well so far. A record that does not open, or has no
 * room, is the item's own affair; all else is the part's. */
VAULT_MUST_USE vault_code said_prepare(session *s, item **items, size_t count, vault_code (*say)(session *s, item *it),
                                       vault_error *err);
/* For item_kind. What stands already must still stand when the line says so: all rows are locked then, in one order. */
VAULT_MUST_USE vault_code said_write(session *s, item **items, size_t count, vault_error *err);
row_change said_change(const item *it);

/* When what is said ends; 0: never. An end is of what is `good` for a time, and to come: else INVALID BAD_TIME at
 * items[].expire_time. */
VAULT_MUST_USE vault_code said_end(int64_t *out, const item *it, const Google__Protobuf__Timestamp *end, bool good,
                                   vault_error *err);
