#include "tests/support/pg_harness.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PG_SCRIPT
#error "PG_SCRIPT is the path of tests/support/pg"
#endif

static char folder[64];  /* of the private instance; empty: none */
static char server[512]; /* connection string of the instance, without a database of ours */
static char database[64], conninfo[640];
static bool own_instance;
static pid_t owner; /* a forked child must not delete its parent's server */

static void die(const char *what)
{
    fprintf(stderr, "pg_harness: %s\n", what);
    exit(1);
}

/* Runs a program and keeps the first `cap - 1` bytes that it prints. */
static bool capture(char *out, size_t cap, const char *const *argv)
{
    int pipe_out[2];
    if (pipe(pipe_out)) die("pipe");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
        dup2(pipe_out[1], 1);
        for (int fd = 3; fd < 256; fd++) close(fd);
        execvp(argv[0], (char *const *)(const void *)argv);
        _exit(127);
    }
    close(pipe_out[1]);
    size_t len = 0;
    char piece[4096];
    for (ssize_t n; (n = read(pipe_out[0], piece, sizeof piece)) > 0;) {
        size_t take = (size_t)n < cap - 1 - len ? (size_t)n : cap - 1 - len;
        memcpy(out + len, piece, take);
        len += take;
    }
    close(pipe_out[0]);
    out[len] = 0;
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void script(const char *command, const char *a, const char *b, char *out, size_t cap)
{
    if (!capture(out, cap, (const char *const[]){PG_SCRIPT, command, folder, a, b, NULL})) die(command);
}

/* Columns apart by '|', up to the first line's end. */
static void first_row(char *out, size_t cap, const PGresult *r)
{
    size_t len = 0;
    for (int i = 0; i < PQnfields(r) && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? "|" : "", PQgetvalue(r, 0, i));
    out[strcspn(out, "\n")] = 0;
}

/* By a connection of its own, because the server may be stopped, and connections cut, between two calls; not by psql,
 * because to fork a program with sanitizers costs more than most tests. Several statements are one transaction. */
static const char *run(const char *dbname, const char *sql)
{
    static char out[8192];
    char target[1024];
    snprintf(target, sizeof target,
             "%s user=postgres dbname=%s options='-cclient_min_messages=error -cdefault_transaction_read_only=off'",
             server, dbname);
    PGconn *conn = PQconnectdb(target);
    if (PQstatus(conn) != CONNECTION_OK || !PQsendQuery(conn, sql)) die(PQerrorMessage(conn));
    out[0] = 0;
    for (PGresult *r; (r = PQgetResult(conn)); PQclear(r)) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) die(PQerrorMessage(conn));
        if (!out[0] && PQntuples(r) > 0) first_row(out, sizeof out, r);
    }
    PQfinish(conn);
    return out;
}

static void remove_instance(void)
{
    char out[256];
    if (getpid() != owner) return;
    if (own_instance) {
        script("remove", NULL, NULL, out, sizeof out);
        snprintf(out, sizeof out, "%s/.pg.lock", folder);
        unlink(out);
        rmdir(folder);
    } else if (*database) {
        snprintf(out, sizeof out, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
        run("postgres", out);
    }
}

static void start_own(const char *setting)
{
    char out[512];
    script("start", setting ? "--set" : NULL, setting, out, sizeof out);
    out[strcspn(out, "\n")] = 0;
    snprintf(server, sizeof server, "%s", out);
}

static void make_database(void)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    run("postgres", sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s OWNER vault", database);
    run("postgres", sql);
    snprintf(conninfo, sizeof conninfo, "%s dbname=%s", server, database);
}

static void ready(void)
{
    if (*server) return;
    owner = getpid();
    const char *shared = getenv("VAULT_TEST_DB");
    snprintf(database, sizeof database, "test_%ld", (long)owner);
    if (shared && *shared && !own_instance) {
        snprintf(server, sizeof server, "%s", shared);
    } else {
        own_instance = true;
        const char *where = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/rv-test-XXXXXX", where && *where ? where : "/tmp");
        if (!mkdtemp(folder)) die("mkdtemp");
        atexit(remove_instance);
        start_own(NULL);
    }
    if (!own_instance) atexit(remove_instance);
    make_database();
}

void pg_private(void)
{
    if (*server && !own_instance) die("pg_private comes first");
    own_instance = true;
}

const char *pg_conninfo(void)
{
    ready();
    return conninfo;
}

void pg_empty(void)
{
    ready();
    make_database();
}

const char *pg_sql(const char *format, ...)
{
    char sql[16384];
    va_list args;
    ready();
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    return run(database, sql);
}

void pg_await_lock(void)
{
    const char *waiting =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for (int i = 0; i < 6000; i++) {
        if (*pg_sql("%s", waiting)) return;
        usleep(10000);
    }
    die("nothing waits for a lock");
}

void pg_stop(const char *mode)
{
    char out[256];
    if (!own_instance) die("pg_stop wants pg_private");
    script("stop", mode, NULL, out, sizeof out);
}

void pg_kill(void)
{
    char out[256];
    if (!own_instance) die("pg_kill wants pg_private");
    script("kill", NULL, NULL, out, sizeof out);
}

void pg_start(const char *setting)
{
    if (!own_instance) die("pg_start wants pg_private");
    start_own(setting);
}

/* The postmaster has read its files anew when a new session says so, and told its children in the same breath. */
void pg_set(const char *setting)
{
    char before[64];
    if (!own_instance) die("pg_set wants pg_private");
    snprintf(before, sizeof before, "%s", pg_sql("SELECT pg_conf_load_time()"));
    pg_sql("ALTER SYSTEM %s %s", strchr(setting, '=') ? "SET" : "RESET", setting);
    pg_sql("SELECT pg_reload_conf()");
    for (int i = 0; i < 6000; i++) {
        if (strcmp(pg_sql("SELECT pg_conf_load_time()"), before) != 0) return;
        usleep(10000);
    }
    die("the configuration is not read");
}
