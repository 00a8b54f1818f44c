/* What a resident may know of the lines about him: time, department, purpose, field groups, basis. Never the person,
 * nor what the law withholds for the time being. */
#pragma once
#include "vault/audit/audit.h"

enum { HISTORY_MOST = 1000, HISTORY_READ_MOST = 10000 };
typedef struct history_query {
    int64_t resident;
    aead *view;               /* keyed with his view key */
    int64_t start_us, end_us; /* [start, end); end 0: open */
    int64_t from;             /* index of the newest line that is looked at */
    uint32_t today;           /* YYYYMMDD, in Asia/Shanghai: what is withheld until then is shown */
    size_t limit;             /* 1 to HISTORY_MOST */
    size_t read_most;         /* lines that one call looks at, shown or not: HISTORY_READ_MOST */
    merkle_tree tree;         /* that paths lead to; of no lines: there is none yet */
    int64_t until_us; /* monotonic: the page ends soon after, before another archive is looked into; 0: no bound */
} history_query;
typedef struct history_entry {
    int64_t index, time_us;
    line_action action;
    const char *outcome, *department, *purpose, *groups, *basis; /* as his view says; "" where it does not */
    bytes leaf, view;                                            /* JSON */
    uint8_t salt[SALT_LEN];
    merkle_path path; /* none: the line is newer than the tree */
} history_entry;
typedef struct history_page {
    history_entry *entries; /* newest first; owned by the arena */
    size_t count;
    int64_t next; /* index to go on from; -1 at the end */
} history_page;
/* A page may end early, also without an entry, and have a next one. Every line that it looks at, shown or not, is
 * proven to stand in the log and to be as it was written: one that is not makes the whole INTEGRITY, so that none is
 * hidden by damage. (A tag edited in the table takes its line out of look-ups by that tag.) */
VAULT_MUST_USE vault_code ledger_history(history_page *out, scribe *sc, store *s, arena *mem, const history_query *q,
                                         vault_error *err);
