/* What the terms of values (term.c) and of questions (question.c) share. */
#pragma once
#include "tokenizer/internal.h"
#include "tokenizer/term.h"

enum { SUFFIX_LEN = 4, YEAR_DIGITS = 4 };

/* The term of what a kind takes of a value (term.h). */
int64_t term_make(prf *key, const term_place *place, bytes taken);
/* An empty list with room for `most`. */
VAULT_MUST_USE vault_code terms_room(term_list *out, arena *mem, size_t most, vault_error *err);
/* Every two neighbouring characters of normalised text, each pair once; there is room for them. */
void terms_of_pairs(term_list *out, prf *key, const term_place *place, bytes text);
/* Bytes of the first character of text that is not empty. */
size_t character_len(bytes text);
/* Number of the band of a normalised quantity. */
uint8_t band_of_quantity(bytes value);
