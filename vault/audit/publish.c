/* Published checkpoints: one after the other in the database by compare-and-swap, and the newest in a file outside it,
 * which is what finds a database that was put back. Whatever is signed here has been shown to contain what was
 * published before. */
#include "vault/audit/internal.h"
#include "vault/base/file.h"
#include "vault/base/log.h"

#include <string.h>

/* Signed by one key of ours, and wrongly by none. */
static note_verdict open_by_any(bytes *text, const ledger *l, bytes note)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    note_verdict found = NOTE_NO_SIGNATURE;
    bytes body;
    for (size_t i = 0; i < k->signer_count; i++) {
        note_verdict one = note_open(&body, note, &k->signers[i].key);
        if (one == NOTE_MALFORMED || one == NOTE_BAD_SIGNATURE) return one;
        if (one == NOTE_VERIFIED) found = one, *text = body;
    }
    return found;
}

static vault_code read_tree(published *out, const ledger *l, bytes text, const char *where, vault_error *err)
{
    checkpoint c;
    if (!checkpoint_parse(&c, text) || !bytes_same(c.origin, bytes_of_text(l->name)))
        return vault_fail(err, VAULT_INTEGRITY, "the checkpoint %s is of another log", where);
    out->tree = c.tree;
    return VAULT_OK;
}

static vault_code read_note(published *out, const ledger *l, bytes note, const char *where, vault_error *err)
{
    static const char *VERDICTS[] = {[NOTE_MALFORMED] = "is not a signed note",
                                     [NOTE_NO_SIGNATURE] = "is not signed by a key that this log has",
                                     [NOTE_BAD_SIGNATURE] = "has a wrong signature: it was edited"};
    bytes text;
    note_verdict verdict = open_by_any(&text, l, note);
    if (verdict != NOTE_VERIFIED)
        return vault_fail(err, VAULT_INTEGRITY, "the checkpoint %s %s", where, VERDICTS[verdict]);
    out->note = note;
    return read_tree(out, l, text, where, err);
}

/* What a destroyed key alone has signed cannot be verified any more: that the log continues it is shown all the same,
 * and then it is signed anew. */
static bool is_unverifiable(const ledger *l, bytes note, bytes *text)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    bytes verified;
    return k->has_lost && open_by_any(&verified, l, note) == NOTE_NO_SIGNATURE && note_unverified(text, note);
}

vault_code published_open(published *out, const ledger *l, bytes note, const char *where, vault_error *err)
{
    bytes text;
    *out = (published){0};
    return is_unverifiable(l, note, &text) ? read_tree(out, l, text, where, err) : read_note(out, l, note, where, err);
}

vault_code published_read(published *out, const ledger *l, store *s, arena *mem, vault_error *err)
{
    static const char WHERE[] = "in the database";
    const char *note = NULL;
    int64_t size = 0;
    *out = (published){0};
    VAULT_TRY(store_checkpoint_read(s, mem, &size, &note, err));
    if (size == 0) return VAULT_OK;
    VAULT_TRY(published_open(out, l, bytes_of_text(note), WHERE, err));
    if (out->tree.size == size) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the checkpoint in the database is not of the size that stands beside it");
}

/* The log as it is now begins with the tree that was published. */
static vault_code must_continue(store *s, arena *mem, const merkle_tree *old, const merkle_tree *now, vault_error *err)
{
    if (old->size == 0) return VAULT_OK;
    if (old->size > now->size) {
        return vault_fail(err, VAULT_INTEGRITY,
                          "the log has %lld lines and a checkpoint of it %lld: an older database was put back",
                          (long long)now->size, (long long)old->size);
    }
    growth_proof growth = {.old_size = old->size, .size = now->size};
    VAULT_TRY(stored_consistency(s, mem, &growth, err));
    if (merkle_verify_consistency(old, now, growth.path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the log does not continue its checkpoint of %lld lines: forked or edited",
                      (long long)old->size);
}

/* ---- the file ---- */

/* What a publication works with. */
typedef struct publication {
    const ledger *l;
    store *s;
    arena *mem;
} publication;

/* Another node may keep the same file: it never goes back to a smaller tree, nor on to one that does not continue it.
 */
static vault_code keep_outside(const publication *p, const char *path, const published *newest, vault_error *err)
{
    VAULT_CLEANUP(file_text_clear) file_text file = {0};
    published there;
    if (!path || newest->note.len == 0) return VAULT_OK;
    vault_code code = file_read(&file.at, &file.len, path, NOTE_MAX, err);
    if (code == VAULT_OK) code = published_open(&there, p->l, bytes_of(file.at, file.len), "in the file", err);
    vault_error_clear(err);
    if (code == VAULT_OK && there.note.len > 0 && there.tree.size >= newest->tree.size) return VAULT_OK;
    if (code == VAULT_OK) VAULT_TRY(must_continue(p->s, p->mem, &there.tree, &newest->tree, err));
    return file_replace(path, newest->note, err);
}

vault_code ledger_check_outside(ledger *l, store *s, const char *path, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(file_text_clear) file_text file = {0};
    published there;
    head_row head;
    if (!path) return VAULT_OK;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    vault_code code = file_read(&file.at, &file.len, path, NOTE_MAX, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        log_event(LOG_WARN, "log.unchecked", "no checkpoint in %s yet: an older database would not be noticed", path);
        return VAULT_OK;
    }
    VAULT_TRY(code);
    VAULT_TRY(published_open(&there, l, bytes_of(file.at, file.len), "outside the database", err));
    VAULT_TRY(ledger_head(l, s, &head, err));
    merkle_tree now = head_tree(&head);
    VAULT_TRY(must_continue(s, mem, &there.tree, &now, err));
    l->published = there.tree.size;
    return VAULT_OK;
}

/* A file is written after its checkpoint stands in the database, where only larger ones follow. */
static vault_code must_not_shrink(const ledger *l, const published *last, vault_error *err)
{
    if (last->tree.size >= l->published) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY,
                      "the checkpoint in the database is of %lld lines and was of %lld: deleted, or put back",
                      (long long)last->tree.size, (long long)l->published);
}

/* ---- publishing ---- */

/* Control is reloaded before each publication: a head that is still under unknown keys at the next one is edited. */
static vault_code newest_head(ledger *l, store *s, head_row *out, vault_error *err)
{
    vault_code code = ledger_head(l, s, out, err);
    l->astray = code == VAULT_CONFLICT ? l->astray + 1 : 0;
    if (l->astray < 2) return code;
    vault_error_clear(err);
    return vault_fail(err, VAULT_INTEGRITY, "the log's head is under a version of the log ring that there is not");
}

static vault_code publish(const publication *p, ledger *l, const char *path, vault_error *err)
{
    published last, next;
    head_row head;
    const char *note;
    bool swapped = false;
    VAULT_TRY(published_read(&last, l, p->s, p->mem, err)); /* before the head: what was published then, is in it */
    VAULT_TRY(must_not_shrink(l, &last, err));
    VAULT_TRY(newest_head(l, p->s, &head, err));
    VAULT_TRY(store_partitions_make(p->s, head.size, err));
    next.tree = head_tree(&head);
    VAULT_TRY(must_continue(p->s, p->mem, &last.tree, &next.tree, err));
    VAULT_TRY(erasures_keep(l, p->s, path, &head, err));
    l->published = last.tree.size;
    if (next.tree.size == last.tree.size && last.note.len > 0) return keep_outside(p, path, &last, err);
    VAULT_TRY(tree_sign(&note, l, p->mem, &next.tree, err));
    VAULT_TRY(store_checkpoint_publish(p->s, last.tree.size, next.tree.size, note, &swapped, err));
    next.note = bytes_of_text(note);
    if (swapped) l->published = next.tree.size;
    return swapped ? keep_outside(p, path, &next, err) : VAULT_OK; /* else another node was first: next time */
}

vault_code ledger_publish(ledger *l, store *s, const char *path, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    const publication p = {.l = l, .s = s, .mem = mem};
    vault_code code = publish(&p, l, path, err);
    if (code != VAULT_CONFLICT) return code;
    vault_error_clear(err); /* the keys have moved on: next time */
    return VAULT_OK;
}
