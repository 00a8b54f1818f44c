/* Conditions of a search as one writes them in a shell, each one word:
 *
 *   field=value,value   one of these values
 *   field%1234,5678     ends with one of these four characters
 *   field~part          holds this part
 *   field:low..high     in a band, ends included; one end may be missing; field:value is the band that holds the value
 *   field@token         has the same value as this resident
 *
 * Field names are of [a-z0-9_], so that the first other character says what is asked. In lists a backslash makes the
 * character behind it a plain one. No character here means anything to a shell within a word. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/error.h"

#include "vault/v1/records.pb-c.h"

enum { EXPRESSION_MAX = 4096, EXPRESSION_VALUES_MAX = 64 };
/* Of a NUL-terminated text; all of it lives in the arena. INVALID: `detail` says what is wrong, without the values. */
VAULT_MUST_USE vault_code expression_read(Vault__V1__Condition **out, arena *mem, const char *text, vault_error *err);
/* The same condition as text, in the arena: read again it gives the same condition. NULL when the arena is full. */
const char *expression_write(arena *mem, const Vault__V1__Condition *of);
