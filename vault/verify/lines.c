/* Ranges and archives: lines in a file by themselves, proven by their path to a checkpoint. What else an archive holds
 * of them is sealed: the log has signed the digest of all of it. */
#include "vault/verify/verify.h"

#include "vault/audit/lines_file.h"
#include "vault/base/memory.h"

#include <string.h>

enum { LINES_MOST = 1 << 24 };

typedef struct lines_check {
    const key_list *keys;
    lines_file *file;
    const lines_file_head *head;
    checkpoint tree;
    digest *leaves;
    int64_t read;
    digest nodes[MERKLE_LEVELS]; /* of each level the newest left node */
} lines_check;

static void close_file(FILE **f)
{
    if (*f) (void)fclose(*f);
}

/* ---- the head ---- */

static finding check_head(lines_check *k)
{
    bytes text;
    const lines_file_head *head = k->head;
    finding f = check_checkpoint(&k->tree, head->checkpoint, k->keys), of_note = finding_at(VALID, "", NULL);
    if (f.verdict != VALID) return f;
    if (head->archive) of_note = open_note(&text, head->note, k->keys);
    if (of_note.verdict != VALID) return of_note;
    f.unchecked += of_note.unchecked;
    if (!bytes_same(bytes_of_text(head->origin), k->tree.origin))
        return finding_at(TAMPERED, "the lines and the checkpoint are of two logs", NULL);
    if (head->archive && !signed_for(k->tree.origin, head->note, k->keys))
        return finding_at(UNVERIFIABLE, "the archive is of another log", NULL);
    if (head->first + head->count > k->tree.tree.size)
        return finding_at(TAMPERED, "there are more lines than the checkpoint has", NULL);
    return head->count <= LINES_MOST ? f : finding_at(INCOMPLETE, "more lines than this program reads in a file", NULL);
}

/* ---- the body ---- */

/* The nodes that stand in an archive beside a line are those that its leaves make: finds where a leaf was changed. */
static finding check_nodes(lines_check *k, const lines_file_line *one, int64_t index, const digest *leaf)
{
    unsigned completes = (unsigned)__builtin_ctzll((unsigned long long)index + 1);
    digest hash = *leaf;
    if (one->nodes.len != (size_t)completes * DIGEST_LEN)
        return finding_at(TAMPERED, "the line has other nodes than one at its place", "line %lld", (long long)index);
    for (unsigned level = 1; level <= completes; level++) {
        int64_t from = index + 1 - (INT64_C(1) << level);
        if (from < k->head->first) break; /* begins before the archive */
        hash = merkle_node(&k->nodes[level - 1], &hash);
        if (memcmp(hash.at, one->nodes.at + (size_t)(level - 1) * DIGEST_LEN, DIGEST_LEN) != 0)
            return finding_at(TAMPERED, "leaves and nodes do not fit each other", "lines %lld to %lld", (long long)from,
                              (long long)index);
    }
    return finding_at(VALID, "", NULL);
}

/* Of each level the newest left node waits for its sibling. */
static void keep_node(lines_check *k, int64_t index, const digest *leaf, const lines_file_line *one)
{
    unsigned completes = (unsigned)__builtin_ctzll((unsigned long long)index + 1);
    k->nodes[completes] = *leaf;
    if (completes > 0) memcpy(k->nodes[completes].at, one->nodes.at + (size_t)(completes - 1) * DIGEST_LEN, DIGEST_LEN);
}

static finding check_line(lines_check *k, const lines_file_line *one)
{
    int64_t index = k->head->first + k->read;
    digest leaf = merkle_leaf(one->leaf);
    k->leaves[k->read++] = leaf;
    if (!k->head->archive) return finding_at(VALID, "", NULL);
    finding f = check_nodes(k, one, index, &leaf);
    if (f.verdict == VALID) keep_node(k, index, &leaf, one);
    return f;
}

/* Cut off, or a length within the line was changed: the log has signed how long the whole is. */
static finding name_end(lines_check *k, vault_code code)
{
    bool cut = code != VAULT_INVALID || lines_file_cut(k->file);
    return finding_at(cut ? INCOMPLETE : TAMPERED,
                      cut ? "the file ends before its last line" : "a part of the line has another length", "line %lld",
                      (long long)(k->head->first + k->read));
}

static finding check_body(lines_check *k)
{
    lines_file_line one;
    vault_error dropped = {0};
    while (k->read < k->head->count) {
        vault_code code = lines_file_next(&one, k->file, &dropped);
        if (code != VAULT_OK) return name_end(k, code);
        finding f = check_line(k, &one);
        if (f.verdict != VALID) return f;
    }
    if (!merkle_verify_range(k->leaves, (size_t)k->head->count, k->head->first, &k->tree.tree, k->head->path))
        return finding_at(TAMPERED, "the lines do not lead to the root of the checkpoint", "lines %lld to %lld",
                          (long long)k->head->first, (long long)(k->head->first + k->head->count - 1));
    if (!lines_file_whole(k->file))
        return finding_at(TAMPERED, "the file holds something else than was written, or more", NULL);
    return finding_at(VALID, "", NULL);
}

/* ---- the file ---- */

static finding check_opened(lines_check *k)
{
    finding f = check_head(k);
    if (f.verdict != VALID) return f;
    size_t unchecked = f.unchecked;
    k->leaves = memory_array((size_t)k->head->count, sizeof *k->leaves);
    f = check_body(k);
    memory_free(k->leaves, (size_t)k->head->count * sizeof *k->leaves);
    f.unchecked = unchecked;
    if (f.verdict == VALID)
        f.facts = json_pack("{s:s, s:I, s:I, s:I}", "origin", k->head->origin, "first", (json_int_t)k->head->first,
                            "lines", (json_int_t)k->head->count, "size", (json_int_t)k->tree.tree.size);
    return f;
}

finding check_lines_file(const char *path, bool archive, const key_list *keys)
{
    VAULT_CLEANUP(close_file) FILE *from = fopen(path, "rb");
    lines_check k = {.keys = keys};
    vault_error dropped = {0};
    if (!from) return finding_at(INCOMPLETE, "it cannot be read", NULL);
    if (lines_file_open(&k.file, from, &dropped) != VAULT_OK)
        return finding_at(INCOMPLETE, "it is not a file of lines", NULL);
    k.head = lines_file_head_of(k.file);
    finding f =
        k.head->archive == archive
            ? check_opened(&k)
            : finding_at(INCOMPLETE, archive ? "it is a range, no archive" : "it is an archive, no range", NULL);
    lines_file_close(&k.file);
    return f;
}
