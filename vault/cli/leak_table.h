/* A leaked list as it was found: CSV, JSON lines or bare lines, with headings or without, in UTF-8 or GB18030. Which
 * column is what its heading says, else what stands in it: tokens, ID numbers, mobile numbers, dates, names, addresses.
 */
#pragma once
#include "vault/cli/rows.h"

#include "vault/v1/leaks.pb-c.h"
#include "vault/v1/records.pb-c.h"

enum {
    LEAK_ROWS_MOST = 10000,
    LEAK_COLUMNS_MOST = 64,
    LEAK_TEXT_MOST = 512,
    LEAK_VALUES_MOST = 250000 /* of all rows: the vault takes some more in one message */
};
typedef struct leak_table {
    char **headings;
    char **columns; /* of the vault: fields, "token", or "" */
    size_t column_count;
    /* At most rows_most, of many columns fewer: of more they are drawn by lot. Columns that are not looked at are
     * empty. */
    Vault__V1__LeakRow **rows;
    size_t rows_most;
    size_t row_count;
    uint64_t total, faulty; /* rows of the file; of these, that could not be taken apart, and are left out */
    bool headless;
} leak_table;
typedef struct leak_reading {
    const char *path;
    const Vault__V1__Collection *of;
    const char *columns; /* what the user says of them: names apart by commas; NULL */
    char delimiter;      /* 0: as the first line looks */
    encoding encoding;
} leak_reading;
/* In the arena. INVALID says what is wrong with the file, or that no column is recognised. */
VAULT_MUST_USE vault_code leak_table_read(leak_table *out, arena *mem, const leak_reading *how, vault_error *err);

/* What a text looks like. */
typedef enum looks { LOOKS_UNKNOWN, LOOKS_TOKEN, LOOKS_ID, LOOKS_MOBILE, LOOKS_DATE, LOOKS_NAME, LOOKS_ADDRESS } looks;
looks looks_of(const char *text);
