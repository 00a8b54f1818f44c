/* Characters as people type them: in full width, with blanks and points of many kinds. Pure. */
#pragma once
#include "vault/base/bytes.h"

/* The first character of a text in UTF-8 that is not empty, and past it: full-width ASCII as ASCII, wide and no-break
 * blanks as a blank; U+FFFD for a byte that belongs to none. */
uint32_t character_folded(bytes *rest);

/* A number without the ".0" that it gets from programs which keep mobile numbers as fractions. */
bytes character_whole(bytes text);

/* Of folded characters. Between: what groups of a number stand apart by, and what keeps a spreadsheet from counting
 * with it. Point: what stands between parts of a name. */
bool character_is_digit(uint32_t c);
bool character_is_letter(uint32_t c);
bool character_is_blank(uint32_t c);
bool character_is_between(uint32_t c);
bool character_is_point(uint32_t c);
