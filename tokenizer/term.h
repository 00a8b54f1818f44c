/* Keyed look-up values: never a plain hash, because ID numbers are few enough to be tried out. */
#pragma once
#include "keys/keys.h"

/* 128-bit natural key of a normalised ID number, under the ring "natural". */
enum { NATURAL_LEN = 16 };
void natural_key(prf *key, uint8_t out[NATURAL_LEN], bytes id_number);
/* 64-bit search term for equality of a normalised value of a field, under the ring "term/<field>". */
int64_t equality_term(prf *key, bytes value);
