/* What the files of this room share and nobody else sees (their tests apart). */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/calendar.h"
#include "vault/base/error.h"

/* A block stored at once: stored in two halves, the cipher's load of it would wait for both to reach the cache. */
typedef uint64_t lanes __attribute__((vector_size(16)));

/* ---- bech32m.c: BIP-350, the text form of tokens ---- */

enum { BECH32M_TEXT_MAX = 90, BECH32M_PREFIX_MAX = 83, BECH32M_CHECK = 6 };

/* Text taken apart: the prefix in lower case, and the data as values below 32, without the check characters. */
typedef struct bech32m {
    uint8_t prefix[BECH32M_PREFIX_MAX];
    size_t prefix_len;
    uint8_t data[BECH32M_TEXT_MAX];
    size_t count;
} bech32m;

typedef enum bech32m_verdict {
    BECH32M_FITS,
    BECH32M_MALFORMED, /* length, alphabet, separator or mixed case */
    BECH32M_MISTYPED,  /* well formed, but the check characters are not its own */
} bech32m_verdict;

extern const char bech32m_alphabet[];     /* by value */
extern const uint8_t bech32m_values[256]; /* of each lower-case character plus one; 0: outside of the alphabet */

/* The parts in *out are valid where the verdict is BECH32M_FITS. */
bech32m_verdict bech32m_read(bech32m *out, bytes text);
/* Writes prefix_len + 1 + count + BECH32M_CHECK characters, without NUL. The caller keeps to the limits above. */
void bech32m_write(char *out, const bech32m *parts);

/* For those who mend: the remainder after one more value. */
enum { BECH32M_CONSTANT = 0x2bc830a3 };
uint32_t bech32m_step(uint32_t rest, uint32_t value);

/* Bytes as `count` values of five bits, and back: 5 * count bits, of which the last ones that fill no byte are spare.
 * The byte in which the last value ends is read. False when a spare bit is set. */
void five_bits_write(uint8_t *out, size_t count, const uint8_t *from);
bool five_bits_read(uint8_t *out, const uint8_t *values_of, size_t count);

/* ---- text.c: canonical characters ---- */

/* Without the white space around it (ASCII blanks, no-break space, ideographic space). */
bytes text_trim(bytes in);
/* Printable ASCII and full-width ASCII into `out` as ASCII. INVALID: NOT_UTF8, CONTROL_CHARACTER, BAD_CHARACTER,
 * TOO_LONG. */
VAULT_MUST_USE vault_code text_fold_ascii(char *out, size_t cap, size_t *len, bytes in, vault_error *err);
/* NFC (Unicode TR15). *out is `in` itself where it is plainly NFC already, else owned by the arena. INVALID: NOT_UTF8;
 * EXHAUSTED. */
VAULT_MUST_USE vault_code text_nfc(arena *mem, bytes in, bytes *out, vault_error *err);
/* The next code point of text that text_nfc gave, and past it. */
int32_t text_next(bytes *rest);

typedef enum character_class {
    CHARACTER_OTHER,   /* digits, punctuation, symbols, the space */
    CHARACTER_LETTER,  /* letters, marks that go with them, ideographs */
    CHARACTER_CONTROL, /* control and format characters, line and paragraph separators */
    CHARACTER_FOREIGN, /* private, unassigned */
} character_class;
character_class character_class_of(int32_t c);

/* ---- preserve_areas.c ---- */

enum { PRESERVE_AREAS = 3377 };
extern const uint32_t preserve_areas[PRESERVE_AREAS]; /* rising */
