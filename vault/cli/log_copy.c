#include "vault/cli/log_copy.h"

#include "vault/base/clock.h"

#include <unistd.h>

enum { LEAVES_A_CALL = 4096 };

/* ---- the checkpoint ---- */

static ctl_exit no_good(const char *what, const char *why, ctl_exit end)
{
    fprintf(stderr, "vaultctl: %s: %s\n", what, why);
    return end;
}

ctl_exit checkpoint_get(ctl *c, exchange *x)
{
    Vault__V1__GetCheckpointRequest request = VAULT__V1__GET_CHECKPOINT_REQUEST__INIT;
    return ctl_call(c, x, "/vault.v1.Audit/GetCheckpoint", &request.base,
                    &vault__v1__get_checkpoint_response__descriptor);
}

finding checkpoint_told(checkpoint *out, const char *note, const note_key *key)
{
    bytes text;
    if (key) return verify_checkpoint(out, note, key);
    bool read = note_unverified(&text, bytes_of_text(note)) && checkpoint_parse(out, text);
    return (finding){read ? VERDICT_VALID : VERDICT_INCOMPLETE, "what the vault calls its checkpoint is none"};
}

static ctl_exit check_note(ctl *c, published_log *out)
{
    note_key key;
    bool given = c->options[OPT_LOG_KEY] != NULL;
    finding f = given ? log_key(c, &key) : (finding){.verdict = VERDICT_VALID};
    if (f.verdict == VERDICT_VALID) f = checkpoint_told(&out->head, out->note, given ? &key : NULL);
    out->verified = given && f.verdict == VERDICT_VALID;
    return f.verdict == VERDICT_VALID ? CTL_OK : no_good(verdict_name(f.verdict), f.why, verdict_exit(f.verdict));
}

ctl_exit published_read(ctl *c, published_log *out)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    *out = (published_log){0};
    ctl_exit end = checkpoint_get(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__GetCheckpointResponse *reply = (const void *)x.reply;
    const char *note = c->options[OPT_COSIGNED] ? reply->cosigned_checkpoint : reply->checkpoint;
    if (!note[0]) return no_good("unverifiable", "no witnesses have cosigned the log yet", CTL_UNVERIFIABLE);
    out->note = arena_text(c->mem, bytes_of_text(note));
    return out->note ? check_note(c, out) : CTL_FAILED;
}

/* ---- leaves ---- */

static ctl_exit ask(leaf_source *s, int64_t index, int64_t end)
{
    Vault__V1__GetEntriesRequest request = VAULT__V1__GET_ENTRIES_REQUEST__INIT;
    int64_t count = end - index < LEAVES_A_CALL ? end - index : LEAVES_A_CALL;
    request.first = (uint64_t)index;
    request.count = (int32_t)count;
    exchange_clear(&s->x);
    s->first = s->end = 0;
    ctl_exit code = ctl_call(s->c, &s->x, "/vault.v1.Audit/GetEntries", &request.base,
                             &vault__v1__get_entries_response__descriptor);
    if (code != CTL_OK) return code;
    const Vault__V1__GetEntriesResponse *reply = (const void *)s->x.reply;
    if (reply->n_entries == 0 || reply->n_entries > (size_t)count)
        return no_good("incomplete", "the vault does not give the lines of its checkpoint", CTL_INCOMPLETE);
    s->first = index;
    s->end = index + (int64_t)reply->n_entries;
    s->fetched += reply->n_entries;
    return CTL_OK;
}

ctl_exit leaf_source_at(leaf_source *s, int64_t index, int64_t end, bytes *leaf)
{
    ctl_exit code = index < s->first || index >= s->end ? ask(s, index, end) : CTL_OK;
    if (code != CTL_OK) return code;
    const Vault__V1__GetEntriesResponse *reply = (const void *)s->x.reply;
    const ProtobufCBinaryData *entry = &reply->entries[index - s->first];
    *leaf = bytes_of(entry->data, entry->len);
    return leaf->len == CTL_LEAF_LEN ? CTL_OK : no_good("incomplete", "a line has another length", CTL_INCOMPLETE);
}

void leaf_source_clear(leaf_source *s)
{
    exchange_clear(&s->x);
}

/* ---- progress ---- */

copy_progress copy_progress_begin(const ctl *c, int64_t first, int64_t size)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    return (copy_progress){.shown = terminal || c->options[OPT_PROGRESS],
                           .terminal = terminal,
                           .begun_us = clock_monotonic_us(),
                           .first = first,
                           .size = size};
}

void copy_progress_say(copy_progress *p, int64_t at)
{
    enum { TERMINAL_US = 200000, FILE_US = 2000000 };
    int64_t now = clock_monotonic_us();
    if (!p->shown || now - p->said_us < (p->terminal ? TERMINAL_US : FILE_US)) return;
    double seconds = (double)(now - p->begun_us) / 1e6;
    p->said_us = now;
    fprintf(stderr, "%s%lld of %lld lines", p->terminal ? "\r\033[K" : "", (long long)at, (long long)p->size);
    if (seconds > 0 && at > p->first && at < p->size)
        say_time_left((double)(p->size - at) * seconds / (double)(at - p->first));
    if (!p->terminal) fputc('\n', stderr);
    (void)fflush(stderr);
}

void copy_progress_end(const copy_progress *p)
{
    if (p->shown && p->terminal) fputs("\r\033[K", stderr);
}
