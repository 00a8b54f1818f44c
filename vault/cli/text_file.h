/* Reports and lists that an officer keeps: on disk as a whole or not at all, for its owner alone (mode 0600), and never
 * through a symbolic link that somebody has laid there. */
#pragma once
#include "vault/cli/internal.h"

#include <stdio.h>

typedef struct text_file {
    FILE *to; /* what is written here is the file's */
    char *text;
    size_t len;
} text_file;
VAULT_MUST_USE bool text_file_begin(text_file *out);
/* Says why not on stderr. */
VAULT_MUST_USE ctl_exit text_file_save(text_file *f, const char *path);
void text_file_clear(text_file *f);
/* In a page: what the log or the server says is text, and never markup. NULL: nothing. */
void put_html(FILE *to, const char *text);
