/* Lines that are known to stand in the tree: of each one 64 bits that fit its leaf alone. Any thread. */
#pragma once
#include "vault/audit/columns.h"

/* The newest ones: 16,777,216 lines in 128 MB, which are taken as lines come to be known. */
enum { KNOWN_STRETCHES = 256 };
typedef struct known_lines known_lines;
known_lines *known_lines_new(void);
void known_lines_free(known_lines **out);

/* What is known is of this tree; size 0: nothing yet. */
merkle_tree known_lines_tree(known_lines *k);
/* It has grown from the one to the other, which the caller has proven. False: it was another by now. */
bool known_lines_grow(known_lines *k, const merkle_tree *from, const merkle_tree *to);

/* It will be asked for soon: what is known of it begins to come into the processor's cache, where little of 128 MB is.
 * Many are waited for at once. */
void known_lines_fetch(known_lines *k, int64_t index);
/* False: it is not known, or this is not its leaf. */
bool known_lines_have(known_lines *k, int64_t index, bytes leaf);
/* A line that was proven. */
VAULT_MUST_USE vault_code known_lines_add(known_lines *k, int64_t index, bytes leaf, vault_error *err);
/* A whole stretch, whose root was proven. */
void known_lines_learn(known_lines *k, const line_columns *of);
bool known_lines_whole(known_lines *k, int64_t stretch);
