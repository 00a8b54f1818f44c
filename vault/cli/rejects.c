/* A rejects file is a CSV with the columns of the input and four of the tool's own behind them: whoever mends the rows
 * can import it as it is. It holds values of residents, so it is its owner's only. */
#include "vault/cli/import.h"

#include "vault/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for any row: a text of ROW_MAX bytes as U+FFFD throughout, or quoted throughout. */
enum { REJECTS_BUFFER = 16 * ROW_MAX, REJECTS_ROW = 5 * ROW_MAX, RAW_MAX = ROW_MAX / 4 };
static const char mark[] = "\xEF\xBB\xBF";
static const char *const own[] = {"_line", "_field", "_reason", "_raw"};
enum { OWN = sizeof own / sizeof *own };

static vault_code fail(const rejects *r, const char *what, vault_error *err)
{
    return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot %s: %s", r->path, what, strerrordesc_np(errno));
}

static vault_code write_out(rejects *r, vault_error *err)
{
    bytes rest = writer_bytes(&r->out);
    while (rest.len > 0) {
        ssize_t put = write(r->fd, rest.at, rest.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(r, "write", err);
        rest = bytes_of(rest.at + put, rest.len - (size_t)put);
        r->len += (uint64_t)put;
    }
    r->out.len = 0;
    return VAULT_OK;
}

/* ---- opening ---- */

static vault_code take(rejects *r, int flags, vault_error *err)
{
    r->fd = open(r->path, flags | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (r->fd < 0) return fail(r, "open", err);
    return fchmod(r->fd, S_IRUSR | S_IWUSR) == 0 ? VAULT_OK : fail(r, "protect", err);
}

static vault_code cut_back(rejects *r, uint64_t len, vault_error *err)
{
    struct stat about;
    VAULT_TRY(take(r, 0, err));
    if (fstat(r->fd, &about) != 0) return fail(r, "look at", err);
    if ((uint64_t)about.st_size < len)
        return vault_fail(err, VAULT_INVALID, "%s: less stands in it than was written (--again begins anew)", r->path);
    if (ftruncate(r->fd, (off_t)len) != 0 || lseek(r->fd, 0, SEEK_END) < 0) return fail(r, "cut back", err);
    r->len = len;
    return VAULT_OK;
}

/* What stands there from an earlier import goes away; what is no ordinary file, or the input, is never touched. */
static vault_code remove_old(rejects *r, const source *from, vault_error *err)
{
    struct stat there, input;
    if (lstat(r->path, &there) != 0) return errno == ENOENT ? VAULT_OK : fail(r, "look at", err);
    if (!S_ISREG(there.st_mode)) return vault_fail(err, VAULT_INVALID, "%s: no ordinary file", r->path);
    if (fstat(from->fd, &input) == 0 && there.st_dev == input.st_dev && there.st_ino == input.st_ino)
        return vault_fail(err, VAULT_INVALID, "%s: the rejects would go into the input itself", r->path);
    return unlink(r->path) == 0 ? VAULT_OK : fail(r, "remove the old", err);
}

vault_code rejects_open(rejects *r, const char *path, uint64_t len, const source *from, vault_error *err)
{
    *r = (rejects){.path = path, .fd = -1, .delimiter = from->jsonl ? ',' : from->delimiter};
    r->out = writer_over(memory_new(REJECTS_BUFFER), REJECTS_BUFFER);
    return len > 0 ? cut_back(r, len, err) : remove_old(r, from, err);
}

void rejects_close(rejects *r)
{
    if (r->fd >= 0) (void)close(r->fd);
    memory_free(r->out.at, r->out.cap);
    *r = (rejects){.fd = -1};
}

/* ---- writing ---- */

static bool is_own(const char *heading)
{
    return heading[0] == '_';
}

static vault_code begin(rejects *r, const source *from, vault_error *err)
{
    VAULT_TRY(take(r, O_CREAT | O_EXCL, err));
    put_bytes(&r->out, bytes_of_text(mark));
    for (size_t i = 0; i < from->columns; i++) {
        if (!is_own(from->headings[i])) csv_put(&r->out, bytes_of_text(from->headings[i]), r->delimiter, r->delimiter);
    }
    for (size_t i = 0; i < OWN; i++)
        csv_put(&r->out, bytes_of_text(own[i]), r->delimiter, i + 1 < OWN ? r->delimiter : '\n');
    return VAULT_OK;
}

/* As much of it as leaves room for the mended row beside it in a line. */
static bytes raw_of(const row *what)
{
    bytes all = bytes_of_text(what->values ? "" : what->raw);
    if (all.len <= RAW_MAX) return all;
    all.len = RAW_MAX;
    while (all.len > 0 && (all.at[all.len] & 0xc0) == 0x80) all.len--;
    return all;
}

vault_code rejects_add(rejects *r, const source *from, const row *what, const char *fields, const char *reasons,
                       vault_error *err)
{
    char line[24];
    if (r->fd < 0) VAULT_TRY(begin(r, from, err));
    if (r->out.cap - r->out.len < REJECTS_ROW) VAULT_TRY(write_out(r, err));
    for (size_t i = 0; i < from->columns; i++) {
        if (is_own(from->headings[i])) continue;
        csv_put(&r->out, bytes_of_text(what->values ? what->values[i] : ""), r->delimiter, r->delimiter);
    }
    (void)snprintf(line, sizeof line, "%zu", what->line);
    const bytes last[OWN] = {bytes_of_text(line), bytes_of_text(fields), bytes_of_text(reasons), raw_of(what)};
    for (size_t i = 0; i < OWN; i++) csv_put(&r->out, last[i], r->delimiter, i + 1 < OWN ? r->delimiter : '\n');
    return r->out.overflow ? vault_fail(err, VAULT_INTERNAL, "%s: a row was too long", r->path) : VAULT_OK;
}

vault_code rejects_flush(rejects *r, vault_error *err)
{
    if (r->fd < 0) return VAULT_OK;
    VAULT_TRY(write_out(r, err));
    return fdatasync(r->fd) == 0 ? VAULT_OK : fail(r, "write", err);
}
