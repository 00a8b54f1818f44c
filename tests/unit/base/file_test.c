/* A file that is replaced is the old one or the new one, whatever fails, and no draft of it stays. */
#include "tests/support/harness.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Calls of the system that fail: the n-th of its kind from now, once; or that the process does not survive. */
enum { CALL_WRITE, CALL_FSYNC, CALL_RENAME, CALLS };
static struct {
    int at, error; /* error 0: killed */
} faults[CALLS];
static int most; /* bytes that a write takes; 0: all */

static bool fails(int call)
{
    if (faults[call].at == 0 || --faults[call].at > 0) return false;
    if (faults[call].error == 0) raise(SIGKILL);
    errno = faults[call].error;
    return true;
}

ssize_t write(int fd, const void *at, size_t len)
{
    if (fails(CALL_WRITE)) return -1;
    return pwrite(fd, at, most && len > (size_t)most ? (size_t)most : len, lseek(fd, 0, SEEK_END));
}

int fsync(int fd)
{
    return fails(CALL_FSYNC) ? -1 : fdatasync(fd);
}

int rename(const char *from, const char *to)
{
    return fails(CALL_RENAME) ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static char folder[] = "/tmp/rv-file-XXXXXX", path[PATH_MAX];

static void given_file(const char *content)
{
    vault_error err = {0};
    memset(faults, 0, sizeof faults);
    most = 0;
    if (strstr(folder, "XXXXXX")) assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    expect_ok(file_replace(path, bytes_of_text(content), &err), &err);
}

static void expect_file(const char *content)
{
    vault_error err = {0};
    char *text;
    size_t len;
    expect_ok(file_read(&text, &len, path, 1 << 20, &err), &err);
    assert_string_equal(text, content);
    memory_free(text, len);
}

static size_t files_there(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

__attribute__((destructor)) static void tidy(void)
{
    unlink(path);
    rmdir(folder);
}

TEST("a call of the system that fails leaves the file as it was, and no draft")
{
    static const struct {
        int call, at, error;
    } cases[] = {{CALL_WRITE, 1, ENOSPC}, {CALL_WRITE, 2, ENOSPC}, {CALL_WRITE, 2, EIO},    {CALL_FSYNC, 1, EIO},
                 {CALL_FSYNC, 1, ENOSPC}, {CALL_RENAME, 1, EIO},   {CALL_RENAME, 1, ENOSPC}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vault_error err = {0};
        given_file("old");
        most = 7;
        faults[cases[i].call].at = cases[i].at;
        faults[cases[i].call].error = cases[i].error;
        assert_int_equal(file_replace(path, bytes_of_text("a new one"), &err), VAULT_UNAVAILABLE);
        assert_non_null(strstr(err.detail, strerrordesc_np(cases[i].error)));
        assert_int_equal(faults[cases[i].call].at, 0);
        vault_error_clear(&err);
        expect_file("old");
        assert_int_equal(files_there(), 1);
        expect_ok(file_replace(path, bytes_of_text("a new one"), &err), &err);
        expect_file("a new one");
    }
}

TEST("a write that was interrupted, or took a part alone, goes on")
{
    vault_error err = {0};
    given_file("old");
    most = 1;
    faults[CALL_WRITE].at = 3;
    faults[CALL_WRITE].error = EINTR;
    expect_ok(file_replace(path, bytes_of_text("new, piece by piece"), &err), &err);
    expect_file("new, piece by piece");
}

TEST("a folder that cannot be synced is told, and the file is the new one as a whole")
{
    vault_error err = {0};
    given_file("old");
    faults[CALL_FSYNC].at = 2;
    faults[CALL_FSYNC].error = EIO;
    expect_code(file_replace(path, bytes_of_text("new"), &err), VAULT_UNAVAILABLE, &err);
    expect_file("new");
    assert_int_equal(files_there(), 1);
}

TEST("killed before any of its calls a process leaves the old file, and its draft goes with the next replacement")
{
    for (int call = 0; call < CALLS; call++) {
        vault_error err = {0};
        int status;
        given_file("old");
        pid_t child = fork();
        if (child == 0) {
            faults[call].at = 1;
            (void)!file_replace(path, bytes_of_text("new"), &err);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        expect_file("old");
        assert_int_equal(files_there(), 2);
        expect_ok(file_replace(path, bytes_of_text("new"), &err), &err);
        expect_file("new");
        assert_int_equal(files_there(), 1);
    }
}

TEST("of two that replace it at once neither takes the other's draft away")
{
    vault_error err = {0};
    given_file("0");
    pid_t child = fork();
    for (int i = 0; i < 200; i++)
        if (file_replace(path, bytes_of_text(child ? "parent" : "child"), &err) != VAULT_OK) break;
    if (child == 0) _exit(err.code == VAULT_OK ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_ok(err.code, &err);
    assert_int_equal(files_there(), 1);
}
