/* A log that is copied line by line: from where, and whether it is the one of the checkpoint. */
#pragma once
#include "vault/cli/internal.h"

/* What the vault has published; signed by --log-key, where it was given. */
typedef struct published_log {
    const char *note;
    checkpoint head;
    bool verified; /* by a key that was given */
} published_log;
ctl_exit published_read(ctl *c, published_log *out);

/* Audit.GetCheckpoint; the answer is in *x. */
ctl_exit checkpoint_get(ctl *c, exchange *x);
/* What the vault calls its checkpoint. Without a key it is read, whoever has signed it. */
finding checkpoint_told(checkpoint *out, const char *note, const note_key *key);

/* Leaves, asked for by thousands. */
typedef struct leaf_source {
    ctl *c;
    exchange x; /* the newest answer; cleared by leaf_source_clear */
    int64_t first, end;
    uint64_t fetched;
} leaf_source;
/* The leaf of line `index`, good until another answer is asked for; `end`: of what is wanted next. */
ctl_exit leaf_source_at(leaf_source *s, int64_t index, int64_t end, bytes *leaf);
void leaf_source_clear(leaf_source *s);

/* export_range.c: --range FIRST-LAST FILE. */
ctl_exit export_range(ctl *c);

/* "12,345 of 100,000 lines" on stderr, where somebody looks. */
typedef struct copy_progress {
    bool shown, terminal;
    int64_t begun_us, said_us, first, size;
} copy_progress;
copy_progress copy_progress_begin(const ctl *c, int64_t first, int64_t size);
void copy_progress_say(copy_progress *p, int64_t at);
void copy_progress_end(const copy_progress *p);
