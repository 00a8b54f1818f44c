#include "vault/base/draft.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 8 };
static const char END[] = "XXXXXX";
enum { END_LEN = sizeof END - 1 };

/* A sweep may have met it between its making and its lock. A file system without locks has no sweeps, either. */
static bool is_kept(int fd)
{
    struct stat about;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    return fstat(fd, &about) == 0 && about.st_nlink > 0;
}

int draft_open(char *path)
{
    char *end = path + strlen(path) - END_LEN;
    for (int i = 0; i < TRIES; i++) {
        memcpy(end, END, END_LEN);
        int fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0 || is_kept(fd)) return fd;
        close(fd);
    }
    return errno = EBUSY, -1;
}

/* While it is locked: who has made it just now makes another. */
static void remove_left(int folder, const char *name)
{
    struct stat about;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, name, 0);
    close(fd);
}

void drafts_sweep(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name), prefix = len - END_LEN;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strlen(e->d_name) == len && strncmp(e->d_name, name, prefix) == 0) remove_left(dirfd(dir), e->d_name);
    if (dir) closedir(dir);
}
