/* What a text of a leaked list looks like, however it is written: in full width, in groups, with a prefix. The vault
 * reads the spellings (vault/service/leak_spelling.h): here they are only told apart. Pure. */
#pragma once
#include "vault/base/bytes.h"

/* Those of which one alone is sure come first. */
typedef enum looks {
    LOOKS_UNKNOWN,
    LOOKS_TOKEN,
    LOOKS_ID, /* with the right check character */
    LOOKS_MOBILE,
    LOOKS_DATE,
    LOOKS_NAME, /* two to four Chinese characters, more with a point: many other words look like it */
    LOOKS_ADDRESS,
    LOOKS
} looks;
looks looks_of(const char *text);
