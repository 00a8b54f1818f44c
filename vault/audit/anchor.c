/* Which published checkpoint others are given, and what witnesses have cosigned of them. What stands in the table is
 * looked at as a stranger's: whoever edits it makes no checkpoint cosigned, but can take cosignatures away, until the
 * witnesses are asked again. */
#include "vault/audit/internal.h"
#include "vault/base/clock.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"

enum { STALE_S = 600 };

vault_code witness_policy_load(witness_policy **out, arena *mem, const char *file, vault_error *err)
{
    char *text;
    size_t len;
    VAULT_TRY(file_read(&text, &len, file, POLICY_FILE_MAX, err));
    vault_code code = witness_policy_read(out, mem, bytes_of(text, len), err);
    memory_free(text, len);
    return code;
}

void ledger_witnessed_by(ledger *l, const witness_policy *policy)
{
    l->witnesses = policy;
}

/* At least one has signed: a policy that wants nobody makes no checkpoint cosigned. */
static bool is_cosigned(const ledger *l, bytes note, int64_t *oldest)
{
    bool any = false;
    if (!l->witnesses || !witness_policy_met(l->witnesses, note, oldest)) return false;
    for (size_t i = 0; !any && i < witness_policy_count(l->witnesses); i++) {
        int64_t made;
        any = cosignature_open(&made, note, &witness_policy_at(l->witnesses, i)->key) == NOTE_VERIFIED;
    }
    return any;
}

static vault_code none(vault_error *err)
{
    return vault_fail(err, VAULT_NOT_FOUND, "no checkpoint is cosigned as the policy of witnesses wants");
}

/* *oldest: since when it has been cosigned by enough of them, in seconds of their clocks. */
static vault_code read_cosigned(published *out, const ledger *l, store *s, arena *mem, int64_t *oldest,
                                vault_error *err)
{
    vault_error why = {0};
    const char *note;
    int64_t size;
    if (!l->witnesses) return none(err);
    VAULT_TRY(store_cosigned_read(s, mem, &size, &note, err));
    if (size == 0 || published_open(out, l, bytes_of_text(note), "that was cosigned", &why) != VAULT_OK ||
        out->note.len == 0 || !is_cosigned(l, out->note, oldest))
        return none(err);
    return VAULT_OK;
}

static vault_code give(anchor *out, const published *from, arena *mem, vault_error *err)
{
    const char *note = arena_text(mem, from->note);
    *out = (anchor){.tree = from->tree, .note = note};
    return note ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a checkpoint");
}

vault_code ledger_cosigned(anchor *out, const ledger *l, store *s, arena *mem, vault_error *err)
{
    published found, newest;
    int64_t oldest;
    VAULT_TRY(read_cosigned(&found, l, s, mem, &oldest, err));
    VAULT_TRY(published_read(&newest, l, s, mem, err));
    return found.tree.size <= newest.tree.size ? give(out, &found, mem, err) : none(err);
}

vault_code ledger_anchor(anchor *out, const ledger *l, store *s, arena *mem, vault_error *err)
{
    published newest, found;
    int64_t oldest;
    VAULT_TRY(published_read(&newest, l, s, mem, err));
    if (newest.note.len == 0) return vault_fail(err, VAULT_NOT_FOUND, "nothing was published yet");
    vault_code code = read_cosigned(&found, l, s, mem, &oldest, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        return give(out, &newest, mem, err);
    }
    VAULT_TRY(code);
    int64_t age = clock_now_us() / 1000000 - oldest; /* less than none: a witness's clock is ahead, and says nothing */
    bool stale = found.tree.size < newest.tree.size && (age > STALE_S || age < -STALE_S);
    bool use = found.tree.size <= newest.tree.size && !stale;
    return give(out, use ? &found : &newest, mem, err);
}

vault_code ledger_keep_cosigned(const ledger *l, store *s, bytes note, bool *enough, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    vault_error why = {0};
    published of;
    int64_t oldest;
    *enough = false;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    if (published_open(&of, l, note, "that was cosigned", &why) != VAULT_OK || of.note.len == 0)
        return vault_fail(err, VAULT_INVALID, "what was cosigned is no checkpoint of this log");
    if (!is_cosigned(l, note, &oldest)) return VAULT_OK;
    const char *text = arena_text(mem, note);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no room for a checkpoint");
    *enough = true;
    return store_cosigned_write(s, of.tree.size, text, err);
}
