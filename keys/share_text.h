/* The text of a share: 46 bytes in Crockford's base32, 74 characters in groups of eight. */
#pragma once
#include "keys/keys.h"

enum { SHARE_SET_LEN = 4, SHARE_TEXT_CHECK_LEN = 4, SHARE_PACKED_LEN = 4 + 1 + 1 + SHARE_SET_LEN + KEY_LEN + 4 };

/* What a share says of itself. `value` lies in the locked heap. */
typedef struct share_words {
    uint32_t generation;
    uint8_t number, threshold, set[SHARE_SET_LEN];
    uint8_t *value; /* KEY_LEN bytes, the caller's */
} share_words;

/* SHARE_TEXT_MAX bytes of the locked heap, ended by NUL. */
VAULT_MUST_USE vault_code share_text_write(char *out, const share_words *words, vault_error *err);
/* INVALID SHARE_MALFORMED, or SHARE_MISTYPED; nothing is left at words->value then. */
VAULT_MUST_USE vault_code share_text_read(share_words *words, bytes text, vault_error *err);
