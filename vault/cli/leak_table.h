/* A leaked list as it was found: CSV, JSON lines or bare lines, with headings or without, in UTF-8 or GB18030. A column
 * is what its heading says, else what most of its values look like: tokens, ID numbers, mobile numbers, dates, names,
 * addresses. Where they disagree, and in rows of another width than the first, each value is placed by what it looks
 * like, once a row and field. */
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
    char **headings; /* of those that the file has */
    char **columns;  /* of the vault: fields, "token", or "" */
    size_t of_file;  /* columns that the file has; behind them: what was found among others only */
    size_t column_count;
    /* At most rows_most, of many columns fewer: of more they are drawn by lot. Columns that are not looked at are
     * empty. */
    Vault__V1__LeakRow **rows;
    size_t rows_most;
    size_t row_count;
    uint64_t total, faulty; /* rows of the file; of these, that could not be taken apart, and are left out */
    /* Rows of another width that are taken, and their values that are not; values over LEAK_TEXT_MOST bytes, left out
     */
    uint64_t uneven, uneven_left, long_values;
    struct leak_singles {
        uint64_t taken, left; /* values that were placed by themselves, and those that have no place */
    } * singles;              /* of each column of the file */
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
