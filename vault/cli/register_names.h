/* Ids that lines and reports hold, and how the register calls them: read once, from the documents in force. */
#pragma once
#include "vault/cli/internal.h"

typedef struct register_names {
    json_t *by_id;
} register_names;
/* Those of everybody whom a line names: two calls, each a line of the log. */
register_names names_read(ctl *c);
register_names names_none(void);
/* Of the entries of these lists (the last one NULL) of a document, by that member of each. Where it cannot be read, ids
 * stand for themselves. */
void names_add(ctl *c, register_names *to, const char *document, const char *const lists[], const char *member);
void names_clear(register_names *n);
const char *name_of(const register_names *n, const char *id); /* "" where it has none */
/* "赵敏 (grid-zhao)"; the id where it has none. */
const char *named(arena *mem, const register_names *n, const char *id);
