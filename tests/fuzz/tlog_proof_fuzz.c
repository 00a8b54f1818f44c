/* Proofs that stand by themselves, from strangers. What is taken is written again byte for byte, and one bit of its
 * path more proves nothing. */
#include "vault/audit/tree_proof.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void written_again(arena *mem, const tlog_proof *p, bytes text)
{
    if (memchr(p->checkpoint.at, 0, p->checkpoint.len)) return; /* not for text functions */
    check(bytes_same(bytes_of_text(tlog_proof_text(mem, p)), text));
}

/* A tree of which this is the only leaf, or one that the proof itself makes: no path of another length fits. */
static void proves_nothing(const tlog_proof *p)
{
    const merkle_tree tree = {.size = p->index + 1};
    digest leaf = merkle_leaf(p->extra);
    check(!merkle_verify_inclusion(&leaf, p->index, &tree, p->path));
    const merkle_tree alone = {.size = 1, .root = leaf};
    check(merkle_verify_inclusion(&leaf, p->index, &alone, p->path) == (p->index == 0 && p->path.len == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tlog_proof p;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
    if (!mem || !tlog_proof_parse(&p, mem, bytes_of(data, size))) return 0;
    check(p.index >= 0 && p.index < MERKLE_SIZE_MAX && p.path.len <= MERKLE_PATH_MAX && p.checkpoint.len > 0);
    written_again(mem, &p, bytes_of(data, size));
    proves_nothing(&p);
    return 0;
}
