/* What a stranger would check, with the published key and RFC 6962 alone. Three kinds of "no" are kept apart: what is
 * tampered with, what is incomplete, and what cannot be verified with the key at hand. */
#include "vault/cli/internal.h"

#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    ctl_exit exit;
} verdicts[] = {
    [VERDICT_VALID] = {"valid", CTL_OK},
    [VERDICT_TAMPERED] = {"tampered", CTL_TAMPERED},
    [VERDICT_INCOMPLETE] = {"incomplete", CTL_INCOMPLETE},
    [VERDICT_UNVERIFIABLE] = {"unverifiable", CTL_UNVERIFIABLE},
};

const char *verdict_name(verdict v)
{
    return verdicts[v].name;
}

ctl_exit verdict_exit(verdict v)
{
    return verdicts[v].exit;
}

static finding found(verdict v, const char *why)
{
    return (finding){.verdict = v, .why = why};
}

/* ---- key and checkpoint ---- */

static bool key_from_file(note_key *out, const char *path)
{
    enum { KEY_FILE_MAX = 4096 };
    vault_error dropped = {0};
    char *text;
    size_t len;
    if (file_read(&text, &len, path, KEY_FILE_MAX, &dropped) != VAULT_OK) return false;
    while (len > 0 && (unsigned char)text[len - 1] <= ' ') len--;
    bool good = note_key_parse(out, bytes_of(text, len), &dropped) == VAULT_OK;
    memory_free(text, len);
    return good;
}

finding log_key(ctl *c, note_key *out)
{
    const char *given = c->options[OPT_LOG_KEY];
    vault_error dropped = {0};
    if (!given) return found(VERDICT_UNVERIFIABLE, "no key of the log was given (--log-key)");
    if (note_key_parse(out, bytes_of_text(given), &dropped) == VAULT_OK || key_from_file(out, given))
        return found(VERDICT_VALID, "");
    return found(VERDICT_UNVERIFIABLE, "--log-key is neither a verifier key nor a file with one");
}

finding verify_checkpoint(checkpoint *out, const char *note, const note_key *key)
{
    bytes text;
    switch (note_open(&text, bytes_of_text(note), key)) {
    case NOTE_MALFORMED:
        return found(VERDICT_INCOMPLETE, "the checkpoint is not a signed note");
    case NOTE_NO_SIGNATURE:
        return found(VERDICT_UNVERIFIABLE, "the checkpoint is not signed by the key given");
    case NOTE_BAD_SIGNATURE:
        return found(VERDICT_TAMPERED, "the signature of the checkpoint is wrong");
    case NOTE_VERIFIED:
        break;
    }
    if (!checkpoint_parse(out, text)) return found(VERDICT_INCOMPLETE, "the signed text is not a checkpoint");
    if (!bytes_same(out->origin, bytes_of_text(key->name)))
        return found(VERDICT_UNVERIFIABLE, "the checkpoint is of another log");
    return found(VERDICT_VALID, "");
}

/* ---- lines ---- */

static bool opens(bytes leaf, size_t at, bytes salt, bytes view)
{
    const bytes parts[] = {salt, view};
    digest d = sha256_parts(parts, 2);
    return leaf.len == CTL_LEAF_LEN && bytes_same(bytes_of(leaf.at + at, DIGEST_LEN), digest_bytes(&d));
}

static bytes binary(ProtobufCBinaryData b)
{
    return bytes_of(b.data, b.len);
}

bool line_opens(const Vault__V1__Line *line)
{
    return opens(binary(line->leaf), CTL_LEAF_OFFICER, binary(line->officer_salt), bytes_of_text(line->officer_view));
}

/* ---- receipts ---- */

static finding read_leaves(digest *out, const Vault__V1__Receipt *r)
{
    for (size_t i = 0; i < r->n_lines; i++) {
        const Vault__V1__ReceiptLine *line = r->lines[i];
        bytes leaf = binary(line->leaf);
        if (leaf.len != CTL_LEAF_LEN) return found(VERDICT_INCOMPLETE, "a leaf does not have 74 bytes");
        if (line->resident_view.len > 0 &&
            !opens(leaf, CTL_LEAF_RESIDENT, binary(line->resident_salt), binary(line->resident_view)))
            return found(VERDICT_TAMPERED, "a resident's view does not open its leaf");
        out[i] = merkle_leaf(leaf);
    }
    return found(VERDICT_VALID, "");
}

finding verify_receipt(arena *mem, const Vault__V1__Receipt *r, const note_key *key)
{
    checkpoint head;
    if (r->n_lines == 0 || !r->checkpoint[0])
        return found(VERDICT_INCOMPLETE, "the receipt has no lines or no checkpoint");
    if (r->n_path > MERKLE_PATH_MAX || r->first_line > (uint64_t)MERKLE_SIZE_MAX)
        return found(VERDICT_TAMPERED, "the path is longer than any");
    digest *leaves = arena_array(mem, r->n_lines, sizeof *leaves);
    merkle_path path;
    if (!leaves) abort();
    finding f = verify_checkpoint(&head, r->checkpoint, key);
    if (f.verdict == VERDICT_VALID) f = read_leaves(leaves, r);
    if (f.verdict != VERDICT_VALID) return f;
    if (!hashes_read(&path, mem, r->path, r->n_path))
        return found(VERDICT_INCOMPLETE, "a hash of the path does not have 32 bytes");
    bool stands = merkle_verify_range(leaves, r->n_lines, (int64_t)r->first_line, &head.tree, path);
    return stands ? f : found(VERDICT_TAMPERED, "the lines do not lead to the root of the checkpoint");
}
