/* Policies of witnesses, their keys and their answers, from strangers. */
#include "vault/audit/witness.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char KEY[] = "witness.example/w1+0ad7d35e+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
static const char NOTE[] = "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xE2\x80\x94 o AAAAAAAA\n";

static void check(bool holds)
{
    if (!holds) abort();
}

/* Nobody has cosigned this note: no policy that asks for somebody is met, whatever its text. */
static void policy_asks(arena *mem, bytes text)
{
    vault_error err = {0};
    witness_policy *p;
    int64_t oldest;
    if (witness_policy_read(&p, mem, text, &err) != VAULT_OK) {
        check(err.code == VAULT_INVALID && err.detail[0]);
        return;
    }
    bool met = witness_policy_met(p, bytes_of_text(NOTE), &oldest);
    check(oldest == 0 && (!met || memmem(text.at, text.len, "none", 4)));
    for (size_t i = 0; i < witness_policy_count(p); i++) {
        note_key again;
        const char *key = cosigner_key_text(&witness_policy_at(p, i)->key, mem);
        check(cosigner_key_parse(&again, bytes_of_text(key), &err) == VAULT_OK);
    }
}

/* An answer adds nothing that does not open afterwards. */
static void answer_joins(arena *mem, bytes more, const note_key *key)
{
    vault_error err = {0};
    const char *out;
    int64_t seconds;
    if (note_join(&out, mem, bytes_of_text(NOTE), more, (witness_keys){key, 1}, &err) != VAULT_OK) abort();
    if (strcmp(out, NOTE) != 0) check(cosignature_open(&seconds, bytes_of_text(out), key) == NOTE_VERIFIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static note_key key;
    vault_error err = {0};
    bytes input = bytes_of(data, size);
    int64_t seconds;
    if (size > 2 * NOTE_MAX) return 0;
    if (!key.name[0] && cosigner_key_parse(&key, bytes_of_text(KEY), &err) != VAULT_OK) abort();
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    policy_asks(mem, input);
    answer_joins(mem, input, &key);
    note_verdict verdict = cosignature_open(&seconds, input, &key);
    check(seconds == 0 || verdict == NOTE_VERIFIED);
    return 0;
}
