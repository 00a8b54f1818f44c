/* Running other programs: PostgreSQL's own, and vaultd. As root, PostgreSQL's run as the user that owns the server. */
#include "vault/cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char SERVER_USER[] = "postgres";
enum { OUTPUT_MOST = 1 << 20, NOT_STARTED = 127 };

/* Where Debian keeps them, which is not on the path; else where the path says. */
static const char *const FOLDERS[] = {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin",
                                      "/usr/lib/postgresql/17/bin"};

const char *server_program(arena *mem, const char *name)
{
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
        const char *path = arena_format(mem, "%s/%s", FOLDERS[i], name);
        if (path && access(path, X_OK) == 0) return path;
    }
    return name;
}

/* The vaultd beside this vaultctl; else that of the path. */
const char *vaultd_program(arena *mem)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0) return "vaultd";
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    const char *path = arena_format(mem, "%s/vaultd", self);
    return path && access(path, X_OK) == 0 ? path : "vaultd";
}

bool server_user(uid_t *user, gid_t *group)
{
    const struct passwd *found = geteuid() == 0 ? getpwnam(SERVER_USER) : NULL;
    *user = found ? found->pw_uid : geteuid();
    *group = found ? found->pw_gid : getegid();
    return found != NULL;
}

/* In the child. */
static void become_server(void)
{
    uid_t user;
    gid_t group;
    if (!server_user(&user, &group)) return;
    if (initgroups(SERVER_USER, group) == 0 && setgid(group) == 0 && setuid(user) == 0) return;
    _exit(NOT_STARTED);
}

static void start_child(const program *p, int output)
{
    int input = open(p->input ? p->input : "/dev/null", O_RDONLY | O_CLOEXEC);
    if (input < 0 || dup2(input, STDIN_FILENO) < 0) _exit(NOT_STARTED);
    if (output >= 0 && dup2(output, STDOUT_FILENO) < 0) _exit(NOT_STARTED);
    if (output < 0 && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) _exit(NOT_STARTED);
    if (p->quiet) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0) _exit(NOT_STARTED);
        if (output < 0 && dup2(nowhere, STDOUT_FILENO) < 0) _exit(NOT_STARTED);
    }
    if (p->as_server) become_server();
    if (p->as_server && chdir("/") != 0) _exit(NOT_STARTED);
    execvp(p->words[0], (char *const *)(uintptr_t)p->words);
    _exit(NOT_STARTED);
}

/* What it prints, up to a megabyte. */
static char *read_output(arena *mem, int from)
{
    char *out = arena_alloc(mem, OUTPUT_MOST + 1);
    size_t used = 0;
    if (!out) abort();
    for (ssize_t got = 1; got > 0 && used<OUTPUT_MOST; used += got> 0 ? (size_t)got : 0)
        got = read(from, out + used, OUTPUT_MOST - used);
    out[used] = '\0';
    return out;
}

bool program_run(arena *mem, const program *p, char **output)
{
    int pipe_ends[2] = {-1, -1}, status = -1;
    if (output && pipe2(pipe_ends, O_CLOEXEC) != 0) return false;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) start_child(p, pipe_ends[1]);
    if (output) {
        (void)close(pipe_ends[1]);
        *output = child > 0 ? read_output(mem, pipe_ends[0]) : NULL;
        (void)close(pipe_ends[0]);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    bool missing = child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED);
    if (!p->quiet) fprintf(stderr, "vaultctl: %s %s\n", p->words[0], missing ? "cannot be run" : "failed");
    return false;
}
