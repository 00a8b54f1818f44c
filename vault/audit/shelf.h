/* The files of archived lines, inside vault/audit. */
#pragma once
#include "vault/audit/archive.h"
#include "vault/audit/internal.h"
#include "vault/audit/lines_file.h"

/* One file, looked into. */
typedef struct volume volume;
/* Held until it is returned. UNAVAILABLE ARCHIVE_AWAY: its file is not at hand (field: which archive). INTEGRITY: it is
 * not the one that was written. s may be NULL. */
VAULT_MUST_USE vault_code shelf_take(volume **out, shelf *s, const archive_row *row, vault_error *err);
void shelf_return(shelf *s, volume **v); /* takes an empty one */
int64_t volume_first(const volume *v);
bool volume_has(const volume *v, int64_t index);
VAULT_MUST_USE vault_code volume_line(line_row *out, const volume *v, arena *mem, int64_t index, vault_error *err);
const int64_t *volume_tags(const volume *v, line_key key); /* of all its lines, in order */

/* False: there is no folder, or it is no name of an archive. */
bool shelf_path(char out[ARCHIVE_PATH_ROOM], const shelf *s, const char *file);
/* Of a file from its beginning, where it stands again afterwards. */
VAULT_MUST_USE vault_code file_digest(FILE *from, digest *out, int64_t *size, vault_error *err);
