/* Whose the rows of a leaked list are (exact linking).
 *
 * A row leads to those whom its tokens name, or its values: by natural key, by unique fields, by other fields that are
 * indexed for equality; candidates are opened inside the vault and compared with every other column of the row. Those
 * stay who agree with most of them; its weight is how sure that is: 1 for one resident whom nothing contradicts, 1/k
 * for k of them, less for columns that say otherwise. */
#pragma once
#include "vault/audit/openings.h"
#include "vault/service/leaks.h"

enum { LINK_CANDIDATES_MAX = 32, LINK_RESIDENTS_MAX = 8 };
typedef struct link_row {
    const char *linked_by; /* names of the columns that led there, "name+phone"; "": to nobody */
    double weight;
    uint32_t residents;
    uint64_t stale;            /* columns, by 1 << index, that say otherwise than the record */
    bool canary;               /* one is meant by what is its own, and nobody else */
    const char *app, *purpose; /* of the row's token; NULL: it has none */
} link_row;
typedef struct link_resident {
    int64_t id;
    uint32_t version; /* of the record */
    bool child;       /* under 14 */
    bool alone;       /* some row means this one and nobody else */
    bool canary;      /* some row is a canary's, and this one is it */
    double told;      /* weight of the rows that speak of this one, 1 at most */
} link_resident;
/* Owned by the session's arena. */
typedef struct leak_links {
    const schema_field *fields[LEAK_FIELDS_MAX]; /* of the list */
    const char *names[LEAK_FIELDS_MAX];
    size_t field_count;
    link_row *rows;
    size_t row_count, linked;
    leaked_resident *leaked; /* by resident, and row */
    uint64_t *stale;         /* of each: fields that say otherwise than the record now */
    size_t leaked_count;
    link_resident *residents; /* ascending, each once */
    size_t resident_count;
} leak_links;
/* Nobody is held up by a list whose answer nobody waits for: asked between the parts of a trace. UNAVAILABLE: TOO_LATE.
 */
VAULT_MUST_USE vault_code leak_in_time(const call *c, vault_error *err);
VAULT_MUST_USE vault_code leak_link(leak_links *out, session *s, const call *c, const leak_list *list,
                                    vault_error *err);
/* Least and most version of each leaked resident, by what was put since: a value that the record has now came with the
 * newest line that wrote it, one that it has not was there before. `stale` fields that never were in the record are not
 * its any more. */
VAULT_MUST_USE vault_code leak_gate_versions(leak_links *inout, session *s, const call *c, vault_error *err);
/* A line for the call, and one for each of these residents, in parts; before anything is answered. */
typedef struct leak_lines {
    const char *leak;
    const char *fields;      /* of the call's line */
    const char *counterpart; /* app, or NULL */
    const link_resident *residents;
    size_t count;
} leak_lines;
VAULT_MUST_USE vault_code leak_write_lines(session *s, call *c, const leak_lines *what, vault_error *err);
