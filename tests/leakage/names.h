/* Names as frequent as those of the nation. The generator's given names are 35 equally likely characters a list: too
 * flat to attack by frequency, so that an attack on them proves nothing. Here surnames have their shares, and given
 * names fall off by rank so that the most frequent full names come out as in the count of the Ministry of Public
 * Security (one name in 4,700 is the most frequent one, 290,607 of 1.37 billion; the tenth 233,708). Which characters
 * they are does not matter to an attack: they are taken by number. */
#pragma once
#include "tests/generator/internal.h"

typedef struct nation nation;
nation *nation_new(void);
void nation_free(nation **n);
/* NUL-terminated UTF-8 of two or three characters, or three or four behind a surname of two. */
enum { NATION_NAME_MAX = 32 };
void nation_name(const nation *n, stream *s, bool male, unsigned birth_year, char out[NATION_NAME_MAX]);
