/* Checks of codes, one function a kind of code; format.c has the table that names them. */
#pragma once
#include "vault/base/error.h"

#include <stdint.h>

enum { CODE_MAX = 64, YEAR_FIRST = 1850, YEAR_LAST = 2100 };

/* Folded to ASCII; at least one character. A check may rewrite it to the canonical form. */
typedef struct code {
    char at[CODE_MAX];
    size_t len;
} code;

typedef struct code_rule {
    size_t max;       /* characters */
    const char *list; /* of two-digit codes ("01-56 97"), or of digits, or NULL */
} code_rule;

/* `list` holds pairs of digits and ranges of them, apart by single blanks. */
bool code_listed(const char *list, const char pair[2]);

/* The check character over the 17 digits of an ID number: ISO 7064 MOD 11-2 (GB 11643-1999). */
char code_id_check(const char *at);

/* Each rewrites `c` to its canonical form, or refuses: INVALID with the reasons of format_normalise. */
vault_code code_id_number(const code_rule *r, code *c, vault_error *err);
vault_code code_date(const code_rule *r, code *c, vault_error *err);
vault_code code_division(const code_rule *r, code *c, vault_error *err);
vault_code code_grid(const code_rule *r, code *c, vault_error *err);
vault_code code_mobile(const code_rule *r, code *c, vault_error *err);
vault_code code_phone(const code_rule *r, code *c, vault_error *err);
vault_code code_one_digit(const code_rule *r, code *c, vault_error *err);
vault_code code_two_digits(const code_rule *r, code *c, vault_error *err);
vault_code code_occupation_type(const code_rule *r, code *c, vault_error *err);
vault_code code_nationality(const code_rule *r, code *c, vault_error *err);
vault_code code_serial(const code_rule *r, code *c, vault_error *err);
vault_code code_document(const code_rule *r, code *c, vault_error *err);
vault_code code_credit(const code_rule *r, code *c, vault_error *err);
vault_code code_quantity(const code_rule *r, code *c, vault_error *err);
