/* Verifying proofs. All of it is read by strangers first: no state, no memory, nothing believed that is not recomputed.
 */
#include "vault/audit/tree.h"

static bool same(const digest *a, const digest *b)
{
    return bytes_same(digest_bytes(a), digest_bytes(b));
}

/* What a range's root is made of: its leaves, and per level at most one sibling on either side. */
typedef struct range_proof {
    const digest *leaves;
    merkle_walk levels[MERKLE_LEVELS + 1];
    const digest *left[MERKLE_LEVELS + 1], *right[MERKLE_LEVELS + 1];
} range_proof;

static digest range_node(const range_proof *p, unsigned l, int64_t index)
{
    const merkle_walk *w = &p->levels[l];
    if (index < w->low) return *p->left[l];
    if (index > w->high) return *p->right[l];
    if (l == 0) return p->leaves[index - w->low];
    digest hash = range_node(p, l - 1, 2 * index);
    if (2 * index + 1 > p->levels[l - 1].last) return hash; /* an only child is carried up */
    digest right = range_node(p, l - 1, 2 * index + 1);
    return merkle_node(&hash, &right);
}

bool merkle_verify_range(const digest *leaves, size_t count, int64_t first, const merkle_tree *tree, merkle_path path)
{
    if (!merkle_range_fits(first, count, tree->size)) return false;
    range_proof p = {.leaves = leaves};
    merkle_walk w = merkle_walk_from(first, count, tree->size);
    size_t used = 0;
    for (;; merkle_walk_up(&w)) {
        size_t wanted = (size_t)merkle_walk_left(&w) + (size_t)merkle_walk_right(&w);
        if (path.len - used < wanted) return false;
        p.levels[w.level] = w;
        if (merkle_walk_left(&w)) p.left[w.level] = &path.at[used++];
        if (merkle_walk_right(&w)) p.right[w.level] = &path.at[used++];
        if (w.last == 0) break;
    }
    if (used != path.len) return false;
    digest root = range_node(&p, w.level, 0);
    return same(&root, &tree->root);
}

bool merkle_verify_inclusion(const digest *leaf, int64_t index, const merkle_tree *tree, merkle_path path)
{
    return merkle_verify_range(leaf, 1, index, tree, path);
}

/* RFC 9162 2.1.4.2, step by step: fn and sn walk up from the last leaves of the two trees; both roots are recomputed.
 */
static bool grow(int64_t fn, int64_t sn, digest *old, digest *now, merkle_path rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        if (sn == 0) return false;
        if (fn & 1 || fn == sn) {
            *old = merkle_node(&rest.at[i], old);
            *now = merkle_node(&rest.at[i], now);
            for (; !(fn & 1) && fn != 0; sn >>= 1) fn >>= 1;
        } else {
            *now = merkle_node(now, &rest.at[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

bool merkle_verify_consistency(const merkle_tree *old, const merkle_tree *tree, merkle_path path)
{
    if (old->size < 1 || old->size > tree->size || tree->size > MERKLE_SIZE_MAX) return false;
    if (old->size == tree->size) return path.len == 0 && same(&old->root, &tree->root);
    int64_t fn = old->size - 1, sn = tree->size - 1;
    for (; fn & 1; fn >>= 1) sn >>= 1;
    /* Where the old tree is perfect its root is the first hash, and is not sent. */
    digest from_old = old->root;
    if (fn > 0) {
        if (path.len == 0) return false;
        from_old = path.at[0];
        path = (merkle_path){.at = path.at + 1, .len = path.len - 1};
    }
    digest from_new = from_old;
    return grow(fn, sn, &from_old, &from_new, path) && same(&from_old, &old->root) && same(&from_new, &tree->root);
}
