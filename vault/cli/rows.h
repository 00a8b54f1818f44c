/* A file of residents, row by row: CSV with a line of headings, or JSON lines. Memory is one buffer, whatever the file.
 */
#pragma once
#include "vault/base/digest.h"
#include "vault/cli/csv.h"
#include "vault/cli/encoding.h"

/* A row. What only the reader can see is a fault: WRONG_COLUMN_COUNT, BAD_ENCODING, TOO_LONG, BROKEN_QUOTE,
 * CONTROL_CHARACTER (a NUL), BAD_JSON, NOT_TEXT (a value that is no text: numbers lose their zeros), UNKNOWN_KEY. */
typedef struct row {
    size_t line;             /* that it begins in, from 1 */
    const char *fault;       /* static; NULL: none */
    const char *fault_field; /* the key at fault (JSON lines), or "" */
    char **values;           /* one for each heading; NULL where there is a fault */
    char *raw;               /* where there is a fault: what can be read of the row */
} row;

typedef struct source_options {
    const char *path; /* "-": standard input */
    char delimiter;
    encoding encoding;
    bool as_found; /* JSON lines: whole numbers are texts, other values that are no text are passed over; no NOT_TEXT */
} source_options;

enum { SOURCE_BUFFER = 1 << 20 };
/* Others read it and call the functions below. */
typedef struct source {
    const char *path;
    char **headings; /* of CSV; the keys of the objects in the file's beginning */
    size_t columns;
    bool jsonl, as_found, regular;
    uint64_t size;    /* of a regular file */
    int64_t mtime_us; /* its last change */
    digest head;      /* SHA-256 of its first MiB */
    size_t line;      /* where the next row begins */
    decoder decoder;
    int fd;

    arena *mem;
    char delimiter;
    uint8_t *buffer;
    size_t start, end; /* what is left in it */
    uint64_t base;     /* place of the buffer in the file */
    bool ended;        /* nothing comes behind it */
} source;

/* Reads the headings. INVALID says what is wrong with the file. */
VAULT_MUST_USE vault_code source_open(source *s, const source_options *options, vault_error *err);
void source_close(source *s); /* takes an empty one */
/* The next row, owned by the arena; NOT_FOUND at the end, EXHAUSTED when the arena is full, UNAVAILABLE when the file
 * cannot be read. Empty lines are passed over. */
VAULT_MUST_USE vault_code source_next(source *s, arena *mem, row *out, vault_error *err);
uint64_t source_offset(const source *s); /* of the next row, in bytes */
/* Goes on at a row whose offset and line were told before. */
VAULT_MUST_USE vault_code source_seek(source *s, uint64_t offset, size_t line, vault_error *err);
