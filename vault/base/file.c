#include "vault/base/file.h"
#include "vault/base/draft.h"
#include "vault/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- open files ---- */

ssize_t fd_read(int fd, void *at, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, (uint8_t *)at + len, room - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

bool fd_write(int fd, bytes content)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.at, content.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        content = bytes_of(content.at + put, content.len - (size_t)put);
    }
    return true;
}

void fd_close(int *fd)
{
    if (*fd >= 0) close(*fd);
}

/* ---- whole files ---- */

static vault_code fail_file(vault_error *err, const char *verb, const char *path)
{
    vault_code code = errno == ENOENT ? VAULT_NOT_FOUND : VAULT_UNAVAILABLE;
    return vault_fail(err, code, "%s: cannot %s: %s", path, verb, strerrordesc_np(errno));
}

static void free_text(char **text)
{
    free(*text);
}

void file_text_clear(file_text *f)
{
    memory_free(f->at, f->len);
    *f = (file_text){0};
}

vault_code file_read(char **out, size_t *len, const char *path, size_t limit, vault_error *err)
{
    *out = NULL;
    *len = 0;
    VAULT_CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) return fail_file(err, "open", path);
    if (!S_ISREG(about.st_mode)) return vault_fail(err, VAULT_INVALID, "%s: not a regular file", path);
    if ((uintmax_t)about.st_size > limit) {
        return vault_fail(err, VAULT_INVALID, "%s: longer than %zu bytes", path, limit);
    }
    size_t size = (size_t)about.st_size;
    VAULT_CLEANUP(free_text) char *text = memory_new(size + 1);
    ssize_t got = fd_read(fd, text, size + 1);
    if (got < 0) return fail_file(err, "read", path);
    if ((size_t)got > size) return vault_fail(err, VAULT_UNAVAILABLE, "%s: grew while it was read", path);
    *out = text;
    *len = (size_t)got;
    text = NULL;
    return VAULT_OK;
}

static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    VAULT_CLEANUP(fd_close) int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

vault_code file_replace(const char *path, bytes content, vault_error *err)
{
    char draft[PATH_MAX];
    if (snprintf(draft, sizeof draft, "%s.draft-XXXXXX", path) >= (int)sizeof draft) {
        return vault_fail(err, VAULT_INVALID, "path is longer than %d bytes", PATH_MAX);
    }
    drafts_sweep(draft);
    VAULT_CLEANUP(fd_close) int fd = draft_open(draft);
    if (fd < 0) return fail_file(err, "create a draft of", path);
    if (!fd_write(fd, content) || fsync(fd) != 0 || rename(draft, path) != 0) {
        vault_code code = fail_file(err, "write", path);
        unlink(draft);
        return code;
    }
    return sync_folder(path) ? VAULT_OK : fail_file(err, "sync the folder of", path);
}

vault_code file_create(const char *path, bytes content, vault_error *err)
{
    VAULT_CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST) return vault_fail(err, VAULT_CONFLICT, "%s: stands already", path);
    if (fd < 0) return fail_file(err, "create", path);
    if (!fd_write(fd, content) || fsync(fd) != 0 || !sync_folder(path)) {
        vault_code code = fail_file(err, "write", path);
        unlink(path);
        return code;
    }
    return VAULT_OK;
}
