/* In which encoding a row is written: UTF-8 or GB18030 (GB2312 and GBK are parts of it). Departments put files together
 * from several sources, so one file may hold both: each row is judged by itself. A row with a well-formed sequence of
 * three or four bytes, and nothing that is not well-formed, is UTF-8: Chinese text in GB18030 is that only by rare
 * accident. A row that is not well-formed is GB18030 when it decodes strictly. A row with well-formed sequences of two
 * bytes only may be either, and follows most of the rows in the file's beginning. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/error.h"

typedef enum encoding { ENCODING_AUTO, ENCODING_UTF8, ENCODING_GB18030 } encoding;
/* "auto", "utf-8", "gb18030" (also "gbk", "gb2312"), in any case; false for others. */
bool encoding_named(encoding *out, const char *name);
const char *encoding_name(encoding e); /* static */

typedef enum row_writing { WRITING_ASCII, WRITING_UTF8, WRITING_EITHER, WRITING_OTHER } row_writing;
row_writing writing_of(bytes row); /* by the rule above */

typedef struct decoder {
    void *gb18030;             /* iconv_t */
    encoding fixed;            /* by the user or a byte order mark */
    size_t in_utf8, in_others; /* rows of the file's beginning */
} decoder;
/* UNAVAILABLE when iconv does not know GB18030. */
VAULT_MUST_USE vault_code decoder_open(decoder *d, encoding fixed, vault_error *err);
void decoder_close(decoder *d); /* takes an empty one */
/* Length of the byte order mark at the start of a file; it fixes the encoding, unless the user has. */
size_t decoder_mark(decoder *d, bytes start);
void decoder_learn(decoder *d, bytes row); /* counts a row of the beginning */

typedef enum decoded {
    DECODED,
    DECODED_NOT,     /* neither, or not what is fixed */
    DECODED_CONTROL, /* has a NUL in it */
    DECODED_FULL,    /* the arena is full */
} decoded;
/* The row in UTF-8, NUL-terminated, owned by the arena. */
decoded decode(decoder *d, arena *mem, bytes row, char **text, size_t *len);
/* What can be read of it, for people: U+FFFD for each byte that is no UTF-8. NULL when the arena is full. */
char *decode_what_can_be(arena *mem, bytes row);
