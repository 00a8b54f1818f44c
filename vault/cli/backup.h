/* Inside vault/cli: backups of the vault's database, on PostgreSQL's own tools. */
#pragma once
#include "vault/cli/internal.h"

#include <sys/types.h>

/* ---- programs.c ---- */

typedef struct program {
    const char *const *words; /* ended by NULL; the first is the program */
    const char *input;        /* file for its standard input; NULL: none */
    bool as_server;           /* one of PostgreSQL's, which does not run as root */
    bool quiet;               /* what it says does not matter */
} program;
/* Runs it to its end; false, and said on stderr, where it did not exit with 0. *output: what it printed (NULL: that
 * goes to our stderr). */
bool program_run(arena *mem, const program *p, char **output);
/* Where a program of PostgreSQL is, and the vaultd that goes with this vaultctl. */
const char *server_program(arena *mem, const char *name);
const char *vaultd_program(arena *mem);
/* Who PostgreSQL runs as: false: ourselves. */
bool server_user(uid_t *user, gid_t *group);

/* ---- scratch.c: a private server on a copy of the data ---- */

typedef struct scratch {
    const char *data;    /* the copy */
    const char *run;     /* set: a folder with settings, socket and log */
    const char *archive; /* WAL to be replayed from there; NULL: what the backup holds */
    bool started;
} scratch;
/* Starts it when its log is replayed; false: said on stderr. No port: a socket in a folder of its own. */
bool scratch_start(arena *mem, scratch *s);
void scratch_stop(arena *mem, scratch *s); /* and takes `run` away */
