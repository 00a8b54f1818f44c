/* bench-questions trace: a leaked list of many rows over the whole log, as Audit.TraceLeak asks for it once it has been
 * linked: a pass for the versions of the records, a pass for who opened what, the ranking, and lines of evidence. */
#pragma once
#include "vault/audit/audit.h"

typedef struct traced_log {
    scribe *scribe;
    store *store;
    int64_t lines, residents;
    size_t rows;
} traced_log;
void trace_leak(const traced_log *of);
