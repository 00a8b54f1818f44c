/* Files that are read or written whole, and what is done with open ones. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* A whole file in memory. */
typedef struct file_text {
    char *at;
    size_t len;
} file_text;
void file_text_clear(file_text *f); /* takes an empty one */

/* Whole file into memory, at most limit bytes, with a NUL behind them; the caller frees with memory_free(at, len). */
VAULT_MUST_USE vault_code file_read(char **out, size_t *len, const char *path, size_t limit, vault_error *err);
/* Write, fsync, rename, fsync the folder: the file is the old or the new one, never half of it. Drafts of processes
 * that were killed at it ("<path>.draft-" and six characters) go. */
VAULT_MUST_USE vault_code file_replace(const char *path, bytes content, vault_error *err);
/* A new file of mode 0600, on disk when this returns. CONFLICT when the path stands already: it is left as it is. */
VAULT_MUST_USE vault_code file_create(const char *path, bytes content, vault_error *err);

/* Reads until the end or until there is no room; -1 with errno. */
ssize_t fd_read(int fd, void *at, size_t room);
/* Writes all; false with errno. */
VAULT_MUST_USE bool fd_write(int fd, bytes content);
void fd_close(int *fd); /* for VAULT_CLEANUP; below 0: there is none */
