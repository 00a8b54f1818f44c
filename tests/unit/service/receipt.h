/* Receipts, checked as their holder would: the lines under the checkpoint's root, and the resident's views that are
 * opened. */
#pragma once
#include "tests/support/vault_fixture.h"
#include "vault/audit/merkle.h"

#include <stdlib.h>

static inline merkle_tree tree_of(const char *note)
{
    merkle_tree tree;
    size_t len = 0;
    const char *size_line = strchr(note, '\n') + 1, *root_line = strchr(size_line, '\n') + 1;
    tree.size = strtoll(size_line, NULL, 10);
    assert_true(base64_decode(tree.root.at, sizeof tree.root.at, &len, root_line,
                              (size_t)(strchr(root_line, '\n') - root_line)));
    assert_int_equal(len, DIGEST_LEN);
    return tree;
}

static inline merkle_path path_of(const ProtobufCBinaryData *at, size_t count)
{
    digest *out = arena_array(fixture_memory(), count + 1, sizeof *out);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(at[i].len, DIGEST_LEN);
        memcpy(out[i].at, at[i].data, DIGEST_LEN);
    }
    return (merkle_path){.at = out, .len = count};
}

static inline void expect_receipt(const Vault__V1__Receipt *r)
{
    digest *leaves = arena_array(fixture_memory(), r->n_lines, sizeof *leaves);
    merkle_tree tree = tree_of(r->checkpoint);
    for (size_t i = 0; i < r->n_lines; i++) {
        const Vault__V1__ReceiptLine *at = r->lines[i];
        assert_int_equal(at->leaf.len, 74);
        leaves[i] = merkle_leaf(bytes_of(at->leaf.data, at->leaf.len));
        const bytes view[] = {bytes_of(at->resident_salt.data, at->resident_salt.len),
                              bytes_of(at->resident_view.data, at->resident_view.len)};
        digest opened = sha256_parts(view, 2);
        assert_memory_equal(opened.at, at->leaf.data + 42, DIGEST_LEN);
    }
    assert_true(r->n_lines > 0);
    assert_true(merkle_verify_range(leaves, r->n_lines, (int64_t)r->first_line, &tree, path_of(r->path, r->n_path)));
    leaves[r->n_lines / 2].at[0] ^= 1;
    assert_false(merkle_verify_range(leaves, r->n_lines, (int64_t)r->first_line, &tree, path_of(r->path, r->n_path)));
}
