/* A private PostgreSQL on a copy of a backup: settings of its own (those of the backup may lie elsewhere, or name
 * others' archives), no port, a socket in a folder that only its user enters. It replays the log that came with the
 * backup, and then all that the archive has. */
#include "vault/cli/backup.h"

#include "vault/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_US = 100000 };

static bool said(const char *what, const char *path)
{
    fprintf(stderr, "vaultctl: %s: %s: %s\n", path, what, strerrordesc_np(errno));
    return false;
}

static bool write_file(const char *path, const char *text)
{
    uid_t user;
    gid_t group;
    (void)server_user(&user, &group);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return said("cannot be written", path);
    bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchown(fd, user, group) == 0;
    (void)close(fd);
    return good || said("cannot be written", path);
}

/* A short name: a socket's path has 107 bytes at most. */
static bool make_run_folder(arena *mem, scratch *s)
{
    uid_t user;
    gid_t group;
    char *path = arena_format(mem, "/tmp/vault-backup-XXXXXX");
    (void)server_user(&user, &group);
    if (!path || !mkdtemp(path) || chown(path, user, group) != 0) return said("cannot be made", "/tmp/vault-backup-");
    s->run = path;
    return true;
}

static bool plain_path(const char *path)
{
    return strcspn(path, "'\"\\\n%") == strlen(path) ||
           (errno = EINVAL, said("has a character that cannot be used", path));
}

/* A segment that pg_receivewal has not finished yet ends in .partial: the last one. */
static const char *restore_command(arena *mem, const scratch *s)
{
    if (!s->archive) return "";
    return arena_format(mem,
                        "restore_command = 'cp \"%s/%%f\" \"%%p\" || cp \"%s/%%f.partial\" \"%%p\"'\n"
                        "recovery_target_timeline = 'latest'\n",
                        s->archive, s->archive);
}

static bool write_settings(arena *mem, const scratch *s)
{
    const char *settings =
        arena_format(mem,
                     "data_directory = '%s'\nhba_file = '%s/hba'\nident_file = '%s/ident'\n"
                     "listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n"
                     "archive_mode = off\nhot_standby = off\nmax_wal_senders = 0\nwal_level = replica\n"
                     "logging_collector = off\nfsync = on\nfull_page_writes = on\n"
                     "synchronous_commit = on\nsynchronous_standby_names = ''\n"
                     "log_statement = 'none'\nlog_min_error_statement = 'panic'\n%s",
                     s->data, s->run, s->run, s->run, restore_command(mem, s));
    const char *signal = arena_format(mem, "%s/recovery.signal", s->data);
    return write_file(arena_format(mem, "%s/settings", s->run), settings) &&
           write_file(arena_format(mem, "%s/hba", s->run), "local all all trust\n") &&
           write_file(arena_format(mem, "%s/ident", s->run), "") && (!s->archive || write_file(signal, ""));
}

/* What ALTER SYSTEM has set counts for more than a config file: an archive_command, by which the copy's history would
 * come into the city's archive, and lead every later recovery astray. It waits beside its place while the copy runs. */
static bool set_aside(arena *mem, const scratch *s, bool again)
{
    const char *own = arena_format(mem, "%s/postgresql.auto.conf", s->data);
    const char *aside = arena_format(mem, "%s/postgresql.auto.conf.aside", s->data);
    if (!own || !aside) abort();
    return rename(again ? aside : own, again ? own : aside) == 0 || errno == ENOENT || said("cannot be renamed", own);
}

/* pg_ctl takes a server for started that replays its log and lets nobody in; it may end while it does. */
static bool wait_for_replay(arena *mem, const scratch *s)
{
    const char *const ready[] = {server_program(mem, "pg_isready"), "-q", "-h", s->run, "-p", "5432", NULL};
    const char *const alive[] = {server_program(mem, "pg_ctl"), "status", "-D", s->data, "-s", NULL};
    for (;;) {
        if (program_run(mem, &(program){.words = ready, .as_server = true, .quiet = true}, NULL)) return true;
        if (!program_run(mem, &(program){.words = alive, .as_server = true, .quiet = true}, NULL)) return false;
        usleep(LOOK_US);
    }
}

/* What the server says of a start that failed is kept. */
static bool start(arena *mem, scratch *s)
{
    const char *options = arena_format(mem, "-c config_file='%s/settings'", s->run);
    const char *log = arena_format(mem, "%s/log", s->run);
    const char *const begin[] = {server_program(mem, "pg_ctl"),
                                 "start",
                                 "-D",
                                 s->data,
                                 "-o",
                                 options,
                                 "-l",
                                 log,
                                 "-w",
                                 "-s",
                                 "-t",
                                 "86400",
                                 NULL};
    s->started = program_run(mem, &(program){.words = begin, .as_server = true}, NULL) && wait_for_replay(mem, s);
    if (!s->started) fprintf(stderr, "vaultctl: the copy does not start; what the server says is in %s\n", log);
    return s->started;
}

bool scratch_start(arena *mem, scratch *s)
{
    if (!plain_path(s->data) || (s->archive && !plain_path(s->archive))) return false;
    return make_run_folder(mem, s) && write_settings(mem, s) && set_aside(mem, s, false) && start(mem, s);
}

void scratch_stop(arena *mem, scratch *s)
{
    const char *const stop[] = {server_program(mem, "pg_ctl"), "stop", "-D", s->data, "-m", "fast", "-w", "-s", NULL};
    const char *const clear[] = {"rm", "-rf", "--", s->run, NULL};
    if (!s->started) return;
    s->started = false;
    (void)program_run(mem, &(program){.words = stop, .as_server = true, .quiet = true}, NULL);
    (void)set_aside(mem, s, true);
    (void)program_run(mem, &(program){.words = clear, .quiet = true}, NULL);
}
