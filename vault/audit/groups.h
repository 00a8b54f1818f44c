/* Counts of lines by what they say, over the columns of the log. */
#pragma once
#include "vault/audit/columns.h"

typedef enum group_key {
    GROUP_ACTION,
    GROUP_OUTCOME,
    GROUP_APP,
    GROUP_DEPARTMENT,
    GROUP_PERSON,
    GROUP_PURPOSE,
    GROUP_FIELD, /* a line counts for each field that it names */
    GROUP_FORM,
    GROUP_RULE,
    GROUP_CLAUSE,
    GROUP_STREET, /* "330106003": of the area */
    GROUP_DAY,    /* "2026-11-22", in China */
    GROUP_HOUR,   /* "08": of the day */
    GROUP_KEYS
} group_key;
/* "action"; GROUP_KEYS for what is none. */
group_key group_key_read(const char *name);

enum { GROUP_KEYS_MOST = 3, GROUPS_MOST = 1000 };
typedef struct line_group {
    const char *keys[GROUP_KEYS_MOST]; /* "" where a line does not say */
    uint64_t count;
    int64_t first_us, last_us;
} line_group;
typedef struct line_groups {
    group_key by[GROUP_KEYS_MOST]; /* filled by the caller, each once */
    size_t by_count;               /* 1 to GROUP_KEYS_MOST */
    line_group *at;                /* most frequent first, at most GROUPS_MOST; owned by the arena */
    size_t count;
    uint64_t other_count; /* of the groups beyond */
    int64_t next;         /* index to go on from; -1 at the end */
    int64_t size;         /* of the log that was looked at */
} line_groups;
/* Counts the lines that a question asks for (its limit and anchor are not looked at), from q->from on: some millions a
 * call. INTEGRITY: a line of the newest stretch, or of one that has no block, was edited, or a block was. */
VAULT_MUST_USE vault_code ledger_groups(line_groups *inout, scribe *sc, store *s, arena *mem, const line_query *q,
                                        vault_error *err);
