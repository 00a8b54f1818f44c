/* Drafts of killed processes go, and nothing else does. */
#include "tests/support/harness.h"
#include "vault/base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/rv-draft-XXXXXX";

static char *in_folder(char out[PATH_MAX], const char *name)
{
    if (strstr(folder, "XXXXXX")) assert_non_null(mkdtemp(folder));
    snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return out;
}

static char *draft_path(char out[PATH_MAX])
{
    return in_folder(out, ".it.draft-XXXXXX");
}

static void sweep(void)
{
    char path[PATH_MAX];
    drafts_sweep(draft_path(path));
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void given_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

__attribute__((destructor)) static void tidy(void)
{
    sweep();
    rmdir(folder);
}

TEST("a draft stays as long as it is open, or what was made of its descriptor, and goes with the next sweep")
{
    char path[PATH_MAX];
    int fd = draft_open(draft_path(path)), other;
    struct stat about;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    sweep();
    assert_true(is_there(path));
    other = dup(fd);
    close(fd);
    sweep();
    assert_true(is_there(path));
    close(other);
    assert_true(is_there(path));
    sweep();
    assert_false(is_there(path));
}

TEST("a draft of a process that was killed goes, that of one that lives stays")
{
    char path[PATH_MAX];
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        if (draft_open(draft_path(path)) >= 0) (void)!write(told[1], path, sizeof path);
        for (;;) pause();
    }
    assert_int_equal(read(told[0], path, sizeof path), sizeof path);
    sweep();
    assert_true(is_there(path));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(is_there(path));
    sweep();
    assert_false(is_there(path));
    close(told[0]);
    close(told[1]);
}

TEST("whatever has another name, or is no file, is nobody's draft")
{
    static const char *const names[] = {"it", ".it.draft-", ".it.draft-abcde", ".it.draft-abcdefg", ".at.draft-abcdef"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) given_file(in_folder(path, names[i]));
    assert_int_equal(mkdir(in_folder(path, ".it.draft-foldr_"), 0700), 0);
    assert_int_equal(symlink("it", in_folder(path, ".it.draft-linked")), 0);
    assert_int_equal(mkfifo(in_folder(path, ".it.draft-a-fifo"), 0600), 0);
    sweep();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(is_there(in_folder(path, names[i])));
        unlink(path);
    }
    assert_int_equal(rmdir(in_folder(path, ".it.draft-foldr_")), 0);
    assert_int_equal(unlink(in_folder(path, ".it.draft-linked")), 0);
    assert_int_equal(unlink(in_folder(path, ".it.draft-a-fifo")), 0);
}

TEST("a folder that is not there has no drafts, and none is made in it")
{
    char path[PATH_MAX] = "/tmp/rv-no-such-folder/draft-XXXXXX";
    drafts_sweep(path);
    assert_int_equal(draft_open(path), -1);
    assert_int_equal(errno, ENOENT);
}

static void *sweep_on(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) sweep();
    return NULL;
}

TEST("a sweep beside it takes no draft from under whoever makes one")
{
    atomic_bool stop = false;
    pthread_t sweeper;
    assert_int_equal(pthread_create(&sweeper, NULL, sweep_on, &stop), 0);
    for (int i = 0; i < 500; i++) {
        char path[PATH_MAX];
        int fd = draft_open(draft_path(path));
        assert_true(fd >= 0);
        assert_true(is_there(path));
        assert_int_equal(unlink(path), 0);
        close(fd);
    }
    atomic_store(&stop, true);
    pthread_join(sweeper, NULL);
}
