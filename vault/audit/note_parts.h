/* What notes, cosignatures and the requests to witnesses are made of. Private to the room merkle. */
#pragma once
#include "vault/audit/note.h"

/* Printable ASCII without space and plus: narrower than the standard, which lets names be any Unicode without space. */
bool note_name_fits(bytes name);
/* Takes what stands before the first `end` out of *rest. */
bool note_cut(bytes *before, bytes *rest, char end);
/* Decimal without sign or leading zero, at most MERKLE_SIZE_MAX. */
bool note_read_size(int64_t *out, bytes text);
/* The base64 of a hash, exactly. */
bool note_read_hash(digest *out, bytes text);

enum { TYPED_KEY_MAX = 23 + SM2_PUBLIC_KEY_LEN };
/* The parts of a verifier key. */
typedef struct key_parts {
    bytes name, id; /* borrowed from the text; the id in hexadecimal */
    uint8_t typed[TYPED_KEY_MAX];
    size_t len;
} key_parts;
bool note_key_split(key_parts *out, bytes text);
/* Start of SHA-256(name LF typed key). */
void note_key_id(uint8_t id[KEY_ID_LEN], bytes name, bytes type, bytes public_key);
/* Whether the id that was written is this one. */
bool note_key_id_is(bytes hex, const uint8_t id[KEY_ID_LEN]);
const char *note_key_join(const note_key *key, bytes type, bytes public_key, arena *mem);

/* Many lines of printable text, each with its newline. */
bool note_text_fits(bytes text);
/* The signatures stand after the last blank line. */
bool note_split(bytes *text, bytes *signatures, bytes note);
/* Room for signatures of any type that there is: those of after the quantum computer have nearly 5 kB. */
enum { FOREIGN_SIGNATURE_MAX = 5120 };
typedef struct signature_line {
    bytes name;
    uint8_t blob[KEY_ID_LEN + FOREIGN_SIGNATURE_MAX]; /* key id || signature of any type */
    size_t len;
} signature_line;
/* A line without its newline. */
bool signature_line_read(signature_line *out, bytes line);
bool signature_line_is_of(const signature_line *s, const note_key *key);
/* With its newline; NULL when the arena is full. */
const char *signature_line_text(arena *mem, const note_key *key, bytes signature);
