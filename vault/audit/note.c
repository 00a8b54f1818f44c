#include "vault/audit/note_parts.h"

#include <stdio.h>
#include <string.h>

/* How a kind of signature is named in key ids and verifier keys. */
typedef struct note_type {
    const char *at;
    size_t len, key_len;
} note_type;
static const note_type TYPES[] = {
    [SIGNATURE_ED25519] = {"\x01", 1, PUBLIC_KEY_LEN},
    [SIGNATURE_SM2] = {"\xff"
                       "resident-vault/sm2-sm3",
                       23, SM2_PUBLIC_KEY_LEN},
};
enum { TYPES_END = sizeof TYPES / sizeof *TYPES };

static const char SIGNATURE_PREFIX[] = "\xE2\x80\x94 "; /* U+2014 and a space */
enum { PREFIX_LEN = sizeof SIGNATURE_PREFIX - 1, OWN_SIGNATURE_MAX = 72 };

/* ---- keys ---- */

bool note_name_fits(bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] <= ' ' || name.at[i] >= 0x7F || name.at[i] == '+') return false;
    }
    return name.len > 0 && name.len <= NOTE_NAME_MAX;
}

static bytes type_of(const note_key *key)
{
    return bytes_of(TYPES[key->kind].at, TYPES[key->kind].len);
}

static bytes public_key_of(const note_key *key)
{
    return bytes_of(key->public_key, TYPES[key->kind].key_len);
}

vault_code note_key_make(note_key *out, const char *name, signature_kind kind, bytes public_key, vault_error *err)
{
    bytes text = bytes_of_text(name);
    if (!note_name_fits(text))
        return vault_fail(err, VAULT_INVALID, "the name of a log is 1 to 128 of ASCII, no space, no plus");
    if ((unsigned)kind - 1 >= TYPES_END - 1 || public_key.len != TYPES[kind].key_len)
        return vault_fail(err, VAULT_INVALID, "a public key of %zu bytes for signatures of kind %d", public_key.len,
                          (int)kind);
    *out = (note_key){.kind = kind};
    memcpy(out->name, text.at, text.len);
    memcpy(out->public_key, public_key.at, public_key.len);
    note_key_id(out->id, text, type_of(out), public_key);
    return VAULT_OK;
}

void note_key_id(uint8_t id[KEY_ID_LEN], bytes name, bytes type, bytes public_key)
{
    const bytes parts[] = {name, bytes_of("\n", 1), type, public_key};
    digest hash = sha256_parts(parts, 4);
    memcpy(id, hash.at, KEY_ID_LEN);
}

bool note_key_id_is(bytes hex, const uint8_t id[KEY_ID_LEN])
{
    char wanted[2 * KEY_ID_LEN + 1];
    hex_encode(wanted, bytes_of(id, KEY_ID_LEN));
    return bytes_same(hex, bytes_of_text(wanted));
}

bool note_cut(bytes *before, bytes *rest, char end)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->at, end, rest->len) : NULL;
    if (!at) return false;
    *before = bytes_of(rest->at, (size_t)(at - rest->at));
    *rest = bytes_of(at + 1, rest->len - before->len - 1);
    return true;
}

/* The kind whose type stands before a key of its length; 0: none. */
static unsigned kind_of(bytes typed)
{
    for (unsigned k = SIGNATURE_ED25519; k < TYPES_END; k++) {
        const note_type *t = &TYPES[k];
        if (typed.len == t->len + t->key_len && memcmp(typed.at, t->at, t->len) == 0) return k;
    }
    return 0;
}

bool note_key_split(key_parts *out, bytes text)
{
    bytes rest = text;
    return note_cut(&out->name, &rest, '+') && note_cut(&out->id, &rest, '+') && note_name_fits(out->name) &&
           base64_decode(out->typed, sizeof out->typed, &out->len, (const char *)rest.at, rest.len);
}

vault_code note_key_parse(note_key *out, bytes text, vault_error *err)
{
    char copy[NOTE_NAME_MAX + 1] = {0};
    key_parts parts;
    unsigned kind = note_key_split(&parts, text) ? kind_of(bytes_of(parts.typed, parts.len)) : 0;
    if (!kind) return vault_fail(err, VAULT_INVALID, "not an Ed25519 or SM2 verifier key (name+id+key)");
    memcpy(copy, parts.name.at, parts.name.len);
    size_t skip = TYPES[kind].len;
    VAULT_TRY(note_key_make(out, copy, kind, bytes_of(parts.typed + skip, parts.len - skip), err));
    if (note_key_id_is(parts.id, out->id)) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "the id of the verifier key is not that of its name and key");
}

const char *note_key_join(const note_key *key, bytes type, bytes public_key, arena *mem)
{
    uint8_t typed[TYPED_KEY_MAX];
    char hex[2 * KEY_ID_LEN + 1], base64[4 * ((sizeof typed + 2) / 3) + 1];
    writer w = writer_over(typed, sizeof typed);
    put_bytes(&w, type);
    put_bytes(&w, public_key);
    hex_encode(hex, bytes_of(key->id, KEY_ID_LEN));
    base64_encode(base64, writer_bytes(&w));
    return arena_format(mem, "%s+%s+%s", key->name, hex, base64);
}

const char *note_key_text(const note_key *key, arena *mem)
{
    return note_key_join(key, type_of(key), public_key_of(key), mem);
}

/* ---- opening ---- */

bool note_text_fits(bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < ' ' && text.at[i] != '\n') return false;
    }
    return text.len > 1 && text.at[text.len - 1] == '\n';
}

bool note_split(bytes *text, bytes *signatures, bytes note)
{
    if (note.len < 3 || note.len > NOTE_MAX || !note_text_fits(note)) return false;
    for (size_t i = note.len - 1; i > 0; i--) {
        if (note.at[i - 1] != '\n' || note.at[i] != '\n') continue;
        *text = bytes_of(note.at, i);
        *signatures = bytes_of(note.at + i + 1, note.len - i - 1);
        return signatures->len > 0 && note_text_fits(*text);
    }
    return false;
}

bool signature_line_read(signature_line *out, bytes line)
{
    if (line.len < PREFIX_LEN || memcmp(line.at, SIGNATURE_PREFIX, PREFIX_LEN) != 0) return false;
    bytes rest = bytes_of(line.at + PREFIX_LEN, line.len - PREFIX_LEN);
    if (!note_cut(&out->name, &rest, ' ') || out->name.len == 0) return false;
    return base64_decode(out->blob, sizeof out->blob, &out->len, (const char *)rest.at, rest.len) &&
           out->len > KEY_ID_LEN;
}

bool signature_line_is_of(const signature_line *s, const note_key *key)
{
    return bytes_same(s->name, bytes_of_text(key->name)) && memcmp(s->blob, key->id, KEY_ID_LEN) == 0;
}

bool note_unverified(bytes *text, bytes note)
{
    bytes signatures;
    return note_split(text, &signatures, note);
}

note_verdict note_open(bytes *text, bytes note, const note_key *key)
{
    bytes body, rest, line;
    bool found = false;
    *text = (bytes){0};
    if (!note_split(&body, &rest, note)) return NOTE_MALFORMED;
    for (size_t i = 0; rest.len > 0; i++) {
        signature_line s;
        if (i == NOTE_SIGNATURES_MAX || !note_cut(&line, &rest, '\n') || !signature_line_read(&s, line))
            return NOTE_MALFORMED;
        if (!signature_line_is_of(&s, key)) continue;
        bytes signature = bytes_of(s.blob + KEY_ID_LEN, s.len - KEY_ID_LEN);
        if (!signature_valid(key->kind, public_key_of(key), body, signature)) return NOTE_BAD_SIGNATURE;
        found = true;
    }
    if (!found) return NOTE_NO_SIGNATURE;
    *text = body;
    return NOTE_VERIFIED;
}

size_t note_unchecked(bytes note, const note_key *const *keys, size_t count)
{
    bytes body, rest, line;
    size_t unchecked = 0;
    if (!note_split(&body, &rest, note)) return 0;
    while (note_cut(&line, &rest, '\n')) {
        signature_line s;
        size_t k = 0;
        bool good = signature_line_read(&s, line);
        while (good && k < count && !signature_line_is_of(&s, keys[k])) k++;
        unchecked += !good || k == count;
    }
    return unchecked;
}

const char *signature_line_text(arena *mem, const note_key *key, bytes signature)
{
    uint8_t blob[KEY_ID_LEN + OWN_SIGNATURE_MAX];
    char base64[4 * ((sizeof blob + 2) / 3) + 1];
    writer w = writer_over(blob, sizeof blob);
    put_bytes(&w, bytes_of(key->id, KEY_ID_LEN));
    put_bytes(&w, signature);
    base64_encode(base64, writer_bytes(&w));
    return arena_format(mem, "%s%s %s\n", SIGNATURE_PREFIX, key->name, base64);
}

static vault_code add_signature(const char **note, arena *mem, bytes text, const note_signer *by, vault_error *err)
{
    uint8_t signature[SIGNATURE_LEN];
    VAULT_TRY(signer_sign(by->by, signature, text, err));
    const char *line = signature_line_text(mem, &by->key, bytes_of(signature, sizeof signature));
    *note = line ? arena_format(mem, "%s%s", *note, line) : NULL;
    return *note ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a note");
}

vault_code note_sign(const char **out, arena *mem, bytes text, const note_signer *signers, size_t count,
                     vault_error *err)
{
    if (!note_text_fits(text) || count == 0 || count > NOTE_SIGNATURES_MAX)
        return vault_fail(err, VAULT_INTERNAL, "a note of this text cannot be signed");
    *out = arena_format(mem, "%.*s\n", (int)text.len, (const char *)text.at);
    if (!*out) return vault_fail(err, VAULT_EXHAUSTED, "no room for a note");
    for (size_t i = 0; i < count; i++) VAULT_TRY(add_signature(out, mem, text, &signers[i], err));
    return VAULT_OK;
}

/* ---- checkpoints ---- */

bool note_read_size(int64_t *out, bytes text)
{
    if (text.len == 0 || text.len > 19 || (text.at[0] == '0' && text.len > 1)) return false;
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *out > MERKLE_SIZE_MAX / 10) return false;
        *out = *out * 10 + (text.at[i] - '0');
        if (*out > MERKLE_SIZE_MAX) return false;
    }
    return true;
}

bool note_read_hash(digest *out, bytes text)
{
    size_t len = 0;
    return base64_decode(out->at, DIGEST_LEN, &len, (const char *)text.at, text.len) && len == DIGEST_LEN;
}

/* None of them empty, the last one ended. */
static bool has_full_lines(bytes text)
{
    bytes line;
    while (text.len > 0)
        if (!note_cut(&line, &text, '\n') || line.len == 0) return false;
    return true;
}

bool checkpoint_parse(checkpoint *out, bytes text)
{
    bytes size, root;
    *out = (checkpoint){0};
    return note_cut(&out->origin, &text, '\n') && note_cut(&size, &text, '\n') && note_cut(&root, &text, '\n') &&
           out->origin.len > 0 && note_read_size(&out->tree.size, size) && note_read_hash(&out->tree.root, root) &&
           has_full_lines(out->extensions = text);
}

const char *checkpoint_text(arena *mem, const char *origin, const merkle_tree *tree)
{
    char base64[4 * ((DIGEST_LEN + 2) / 3) + 1];
    base64_encode(base64, digest_bytes(&tree->root));
    return arena_format(mem, "%s\n%lld\n%s\n", origin, (long long)tree->size, base64);
}
