#include "vault/audit/note_parts.h"
#include "vault/audit/witness.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

static const char TYPE[] = "\x04", HEADER[] = "cosignature/v1\n";
enum { TYPE_LEN = 1, TIME_LEN = 8, TIME_LINE_MAX = 32 };
static const int64_t TIME_MOST = INT64_C(253402300799); /* of the year 9999 */

/* ---- keys ---- */

vault_code cosigner_key_make(note_key *out, const char *name, bytes public_key, vault_error *err)
{
    VAULT_TRY(note_key_make(out, name, SIGNATURE_ED25519, public_key, err));
    note_key_id(out->id, bytes_of_text(name), bytes_of(TYPE, TYPE_LEN), public_key);
    return VAULT_OK;
}

vault_code cosigner_key_parse(note_key *out, bytes text, vault_error *err)
{
    char copy[NOTE_NAME_MAX + 1] = {0};
    key_parts parts;
    if (!note_key_split(&parts, text) || parts.len != TYPE_LEN + PUBLIC_KEY_LEN || parts.typed[0] != TYPE[0])
        return vault_fail(err, VAULT_INVALID, "not the verifier key of a witness (name+id+key of type 04)");
    memcpy(copy, parts.name.at, parts.name.len);
    VAULT_TRY(cosigner_key_make(out, copy, bytes_of(parts.typed + TYPE_LEN, PUBLIC_KEY_LEN), err));
    if (note_key_id_is(parts.id, out->id)) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "the id of the witness's key is not that of its name and key");
}

const char *cosigner_key_text(const note_key *key, arena *mem)
{
    return note_key_join(key, bytes_of(TYPE, TYPE_LEN), bytes_of(key->public_key, PUBLIC_KEY_LEN), mem);
}

/* ---- cosignatures ---- */

/* What is signed; owned. */
typedef struct cosigned {
    uint8_t *at;
    size_t len, cap;
} cosigned;

static void cosigned_free(cosigned *c)
{
    memory_free(c->at, c->cap);
}

static cosigned cosigned_message(bytes text, int64_t seconds)
{
    size_t cap = sizeof HEADER + TIME_LINE_MAX + text.len;
    cosigned c = {.at = memory_new(cap), .cap = cap};
    int head = snprintf((char *)c.at, cap, "%stime %lld\n", HEADER, (long long)seconds);
    memcpy(c.at + head, text.at, text.len);
    c.len = (size_t)head + text.len;
    return c;
}

/* Nothing but a checkpoint is cosigned: of another text a witness cannot say that it only grew. */
vault_code cosign(const char **line, arena *mem, bytes text, const note_signer *by, int64_t seconds, vault_error *err)
{
    uint8_t signature[COSIGNATURE_LEN];
    checkpoint of;
    if (seconds < 0 || text.len > NOTE_MAX || !note_text_fits(text) || !checkpoint_parse(&of, text))
        return vault_fail(err, VAULT_INTERNAL, "only checkpoints are cosigned, at a time after 1970");
    VAULT_CLEANUP(cosigned_free) cosigned message = cosigned_message(text, seconds);
    store_u64(signature, (uint64_t)seconds);
    VAULT_TRY(signer_sign(by->by, signature + TIME_LEN, bytes_of(message.at, message.len), err));
    *line = signature_line_text(mem, &by->key, bytes_of(signature, sizeof signature));
    return *line ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a cosignature");
}

static bool cosignature_valid(int64_t *seconds, bytes text, const signature_line *s, const note_key *key)
{
    if (s->len != KEY_ID_LEN + COSIGNATURE_LEN) return false;
    const uint8_t *at = s->blob + KEY_ID_LEN;
    *seconds = (int64_t)load_u64(at);
    if (*seconds < 0 || *seconds > TIME_MOST) return false;
    VAULT_CLEANUP(cosigned_free) cosigned message = cosigned_message(text, *seconds);
    return signature_valid(SIGNATURE_ED25519, bytes_of(key->public_key, PUBLIC_KEY_LEN),
                           bytes_of(message.at, message.len), bytes_of(at + TIME_LEN, SIGNATURE_LEN));
}

note_verdict cosignature_open(int64_t *seconds, bytes note, const note_key *key)
{
    bytes text, rest, line;
    int64_t newest = -1, made;
    *seconds = 0;
    if (!note_split(&text, &rest, note)) return NOTE_MALFORMED;
    for (size_t i = 0; rest.len > 0; i++) {
        signature_line s;
        if (i == NOTE_SIGNATURES_MAX || !note_cut(&line, &rest, '\n') || !signature_line_read(&s, line))
            return NOTE_MALFORMED;
        if (!signature_line_is_of(&s, key)) continue;
        if (!cosignature_valid(&made, text, &s, key)) return NOTE_BAD_SIGNATURE;
        if (made > newest) newest = made;
    }
    if (newest < 0) return NOTE_NO_SIGNATURE;
    *seconds = newest;
    return NOTE_VERIFIED;
}

/* ---- joining ---- */

/* The first line of `more`, with its newline, that is a good cosignature of the text by the key; empty: none. What
 * cannot be read is another program's business, and skipped. */
static bytes good_line(bytes text, bytes more, const note_key *key)
{
    bytes line;
    while (note_cut(&line, &more, '\n')) {
        signature_line s;
        int64_t made;
        if (!signature_line_read(&s, line) || !signature_line_is_of(&s, key)) continue;
        if (cosignature_valid(&made, text, &s, key)) return bytes_of(line.at, line.len + 1);
    }
    return (bytes){0};
}

static vault_code join_one(const char **note, arena *mem, bytes more, const note_key *key, vault_error *err)
{
    bytes text, whole = bytes_of_text(*note);
    int64_t made;
    note_verdict stands = cosignature_open(&made, whole, key);
    if (stands == NOTE_VERIFIED) return VAULT_OK;
    if (stands != NOTE_NO_SIGNATURE || !note_unverified(&text, whole))
        return vault_fail(err, VAULT_INVALID, "a note whose signatures are spoilt takes no more of them");
    bytes line = good_line(text, more, key);
    if (line.len == 0) return VAULT_OK;
    *note = arena_format(mem, "%s%.*s", *note, (int)line.len, (const char *)line.at);
    if (!*note) return vault_fail(err, VAULT_EXHAUSTED, "no room for a note");
    if (cosignature_open(&made, bytes_of_text(*note), key) == NOTE_VERIFIED) return VAULT_OK;
    return vault_fail(err, VAULT_EXHAUSTED, "the note is full");
}

vault_code note_join(const char **out, arena *mem, bytes note, bytes more, witness_keys keys, vault_error *err)
{
    bytes text;
    if (!note_unverified(&text, note)) return vault_fail(err, VAULT_INVALID, "what is to be cosigned is no note");
    *out = arena_text(mem, note);
    if (!*out) return vault_fail(err, VAULT_EXHAUSTED, "no room for a note");
    for (size_t i = 0; i < keys.count; i++) VAULT_TRY(join_one(out, mem, more, &keys.at[i], err));
    return VAULT_OK;
}
