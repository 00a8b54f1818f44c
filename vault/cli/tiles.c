#include "vault/cli/tiles.h"
#include "vault/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

vault_code tile_folder_open(tile_folder *out, const char *path, vault_error *err)
{
    *out = (tile_folder){.at = -1, .path = path};
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot be made: %s", path, strerrordesc_np(errno));
    out->at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->at < 0) return vault_fail(err, VAULT_UNAVAILABLE, "%s: %s", path, strerrordesc_np(errno));
    if (flock(out->at, LOCK_EX | LOCK_NB) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "%s: another export is writing there", path);
}

void tile_folder_close(tile_folder *f)
{
    if (f->at >= 0) close(f->at);
    f->at = -1;
}

/* ---- reading ---- */

bool tile_folder_read(const tile_folder *f, const tile_name *t, void *out, size_t len)
{
    char path[TILE_PATH_MAX];
    struct stat about;
    tile_path(path, t);
    VAULT_CLEANUP(fd_close) int fd = openat(f->at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || (size_t)about.st_size != len) return false;
    return fd_read(fd, out, len) == (ssize_t)len;
}

/* ---- writing ---- */

/* The folders above a file, within the folder of the log. */
static bool make_folders(const tile_folder *f, const char *path)
{
    char part[TILE_PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(f->at, part, 0755) != 0 && errno != EEXIST) return false;
    }
    return true;
}

static int open_new(const tile_folder *f, const char *path)
{
    enum { FLAGS = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW };
    int fd = openat(f->at, path, FLAGS, 0644);
    if (fd >= 0 || errno != ENOENT || !make_folders(f, path)) return fd;
    return openat(f->at, path, FLAGS, 0644);
}

static bool holds(const tile_folder *f, const tile_name *t, bytes content)
{
    uint8_t there[TILE_BUNDLE_LEN];
    return content.len <= sizeof there && tile_folder_read(f, t, there, content.len) &&
           bytes_same(bytes_of(there, content.len), content);
}

/* What holds it already is left alone: it may be of the checkpoint that stands, and must be whole if this ends here. */
vault_code tile_folder_put(const tile_folder *f, const tile_name *t, bytes content, vault_error *err)
{
    char path[TILE_PATH_MAX];
    tile_path(path, t);
    if (holds(f, t, content)) return VAULT_OK;
    VAULT_CLEANUP(fd_close) int fd = open_new(f, path);
    if (fd >= 0 && fd_write(fd, content)) return VAULT_OK;
    return vault_fail(err, VAULT_UNAVAILABLE, "%s/%s: cannot be written: %s", f->path, path, strerrordesc_np(errno));
}

/* One call for hundreds of thousands of files. */
vault_code tile_folder_sync(const tile_folder *f, vault_error *err)
{
    if (syncfs(f->at) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_UNAVAILABLE, "%s: not on disk: %s", f->path, strerrordesc_np(errno));
}

/* All widths of it, each of a checkpoint that was there once. */
static void drop(const tile_folder *f, tile_name t)
{
    char path[TILE_PATH_MAX];
    for (t.width = 1; t.width < TILE_WIDTH; t.width++) {
        tile_path(path, &t);
        (void)unlinkat(f->at, path, 0);
    }
    *strrchr(path, '/') = '\0';
    (void)unlinkat(f->at, path, AT_REMOVEDIR);
}

void tile_folder_drop(const tile_folder *f, int64_t old, int64_t now)
{
    for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
        int64_t count = tile_count(level, old);
        if (count == 0) continue;
        const tile_name was = tile_at(level, count - 1, old), is = tile_at(level, count - 1, now);
        if (was.width < TILE_WIDTH && is.width == TILE_WIDTH) drop(f, was);
    }
}
