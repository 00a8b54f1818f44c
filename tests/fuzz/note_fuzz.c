/* Notes, checkpoints and verifier keys from strangers. What parses must survive being written again. */
#include "vault/audit/note.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

/* The size is canonical and the root has one spelling: writing gives the bytes that were read. */
static void checkpoint_again(arena *mem, bytes text)
{
    checkpoint c;
    if (!checkpoint_parse(&c, text)) return;
    const char *origin = arena_text(mem, c.origin);
    if (strlen(origin) != c.origin.len) return; /* a NUL: not for text functions */
    const char *again = checkpoint_text(mem, origin, &c.tree);
    size_t len = strlen(again);
    check(len + c.extensions.len == text.len && memcmp(again, text.at, len) == 0);
}

static void key_again(arena *mem, bytes text)
{
    vault_error err = {0};
    note_key key;
    if (note_key_parse(&key, text, &err) != VAULT_OK) return;
    check(bytes_same(bytes_of_text(note_key_text(&key, mem)), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char PETER[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    static note_key key;
    vault_error err = {0};
    bytes input = bytes_of(data, size), text;
    if (size > 2 * NOTE_MAX) return 0;
    if (!key.name[0] && note_key_parse(&key, bytes_of_text(PETER), &err) != VAULT_OK) abort();
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    note_verdict verdict = note_open(&text, input, &key);
    check((verdict == NOTE_VERIFIED) == (text.len > 0));
    checkpoint_again(mem, input);
    key_again(mem, input);
    return 0;
}
