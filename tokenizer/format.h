/* Formats of field values (DOMAIN.md section 3): normalise and validate. Pure. A table, one row a format. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/error.h"

/* "resident_id", "person_name", "sex", "date", "ethnicity", "county", "division", "marital_status", "political_status",
 * "education", "religion", "occupation_type", "mobile", "relation", "care_category", "text50", "text100", "text200",
 * "text1024", "code30", and for the whole of GB/T 31000: "grid" (15 digits: community and serial), "credit_code" (GB
 * 32100), "phone" (mobile, or landline with area code), "document" (5 to 30 letters and digits of a passport or
 * permit), "nationality" (three letters, GB/T 2659), "flag" (0 or 1), "amount" (yuan, up to 12 digits and two
 * decimals), "square_metres", "count" (up to 6 digits), "code2" (two digits of a list that the standard leaves to the
 * place). */
typedef struct format format;
const format *format_find(const char *name); /* NULL when unknown */
const char *format_name(const format *f);
const char *const *format_names(void); /* all, NULL-terminated: for messages that say what there is */
/* About how many valid values there are; UINT64_MAX for texts and names. */
uint64_t format_values(const format *f);

/* The canonical form of `in` (UTF-8): surrounding white space away; of codes, full-width ASCII to ASCII; of names and
 * texts, NFC. Lower-case x of an ID number to X, 15-digit ID numbers to 18; dates (also with - / . between) to
 * YYYYMMDD; mobile numbers also in groups or behind +86. Owned by the arena. INVALID with a reason: NOT_UTF8,
 * CONTROL_CHARACTER, TOO_LONG, BAD_LENGTH, BAD_CHARACTER, BAD_CHECK_DIGIT, BAD_DATE, BAD_CODE; EXHAUSTED when the arena
 * is full. The caller names the field. */
VAULT_MUST_USE vault_code format_normalise(const format *f, arena *mem, bytes in, bytes *out, vault_error *err);

/* Padding to size classes, so that the length of a sealed value tells little: 16, 32, 48, 64, 96, 128, 192, 256, 384,
 * 512, ... up to 4,096 bytes, with the text's length in the first two bytes (big-endian). 0 when the text is longer
 * than 4,094 bytes. */
size_t padded_length(size_t text_len);
void pad(uint8_t *out, size_t padded_len, bytes text);
/* The text inside; INTEGRITY when the length does not fit or the padding is not zero. */
VAULT_MUST_USE vault_code unpad(bytes *out, bytes padded, vault_error *err);
