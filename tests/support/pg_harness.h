/* A real PostgreSQL for tests: started at the first call, stopped and deleted when the program ends. With VAULT_TEST_DB
 * (a connection string) an instance that already runs is used instead, and the program makes a database of its own in
 * it. Failure ends the program: a test without its database proves nothing. */
#pragma once
#include <stdbool.h>

/* Before anything else, where a test stops, kills or misconfigures the server: never use the shared instance. */
void pg_private(void);
/* Connection string (role "vault", who owns the database) of a database of this program. */
const char *pg_conninfo(void);
/* Drops and creates that database: every connection is cut, nothing is left. */
void pg_empty(void);
/* Runs SQL as superuser in that database; returns the first line of what it prints, valid until the next call. */
__attribute__((format(printf, 1, 2))) const char *pg_sql(const char *format, ...);
/* Returns when a connection to that database waits for a lock of another one; a minute without ends the program. Other
 * programs share the instance: pg_locks alone tells of theirs too. */
void pg_await_lock(void);

/* Only after pg_private. */
void pg_stop(const char *mode);     /* fast, immediate, smart */
void pg_kill(void);                 /* kill -9 of all its processes */
void pg_start(const char *setting); /* "fsync=off", or NULL */
/* "name = value" of ALTER SYSTEM SET, or "name" alone of RESET; when it returns, it holds in every session from its
 * next statement on. */
void pg_set(const char *setting);
