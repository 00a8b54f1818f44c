/* A folder that holds a log as files (c2sp.org/tlog-tiles), as it is made and gone on with. */
#pragma once
#include "vault/audit/tree_tiles.h"
#include "vault/base/error.h"

typedef struct tile_folder {
    int at; /* the folder, locked; -1: not open */
    const char *path;
} tile_folder;
/* Made where it does not stand. CONFLICT: another export is writing there. */
VAULT_MUST_USE vault_code tile_folder_open(tile_folder *out, const char *path, vault_error *err);
void tile_folder_close(tile_folder *f);
/* A file of exactly this length. False: there is none. */
bool tile_folder_read(const tile_folder *f, const tile_name *t, void *out, size_t len);
/* Not on disk before tile_folder_sync. */
VAULT_MUST_USE vault_code tile_folder_put(const tile_folder *f, const tile_name *t, bytes content, vault_error *err);
VAULT_MUST_USE vault_code tile_folder_sync(const tile_folder *f, vault_error *err);
/* Narrow tiles of a tree of `old` lines that are full now. Until then they stay, whatever came after: somebody may be
 * reading by an older checkpoint (c2sp.org/tlog-tiles, "Partial Tiles"). */
void tile_folder_drop(const tile_folder *f, int64_t old, int64_t now);
