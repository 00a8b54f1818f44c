/* Proofs that stand by themselves: one line, and that it stands in the log. */
#include "vault/verify/verify.h"

#include "vault/audit/tree_proof.h"
#include "vault/base/clock.h"

enum { LEAF_BYTES = 74, LEAF_TIME = 1 };

static json_t *facts_of(const tlog_proof *p, const checkpoint *head, bytes leaf)
{
    char time[32];
    json_t *facts = json_pack("{s:I, s:I}", "index", (json_int_t)p->index, "size", (json_int_t)head->tree.size);
    if (leaf.len != LEAF_BYTES) return facts;
    clock_format(time, (int64_t)load_u64(leaf.at + LEAF_TIME));
    json_object_set_new(facts, "time", json_string(time));
    return facts;
}

finding check_proof(arena *mem, bytes content, bytes leaf, const key_list *keys)
{
    tlog_proof p;
    checkpoint head;
    if (!tlog_proof_parse(&p, mem, content)) return finding_at(INCOMPLETE, "it is not a proof", NULL);
    if (leaf.len == 0) leaf = p.extra;
    if (leaf.len == 0)
        return finding_at(INCOMPLETE, "neither the proof nor --leaf or --receipt says what line it is of", "line %lld",
                          (long long)p.index);
    finding f = check_checkpoint(&head, p.checkpoint, keys);
    if (f.verdict != VALID) return f;
    digest hash = merkle_leaf(leaf);
    if (!merkle_verify_inclusion(&hash, p.index, &head.tree, p.path))
        return finding_at(TAMPERED, "the line does not lead to the root of the checkpoint", "line %lld",
                          (long long)p.index);
    f.facts = facts_of(&p, &head, leaf);
    return f;
}
