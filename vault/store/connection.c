/* The connection: opening it, refusing a server that would lose what it confirms, preparing the table of statements,
 * finding out that it is gone, and transactions. */
#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/store/internal.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { RETRY_FIRST = 50 * 1000, RETRY_MOST = 1000 * 1000, SILENCE_MOST = 35 * 1000 * 1000, SERVER_LEAST = 150000 };
enum { ASK_AFTER = 1000 * 1000, ASK_MOST = 2 * 1000 * 1000, SURE_AFTER_MS = 100 };

/* What every session of ours is; a statement that waits longer than this is better refused. Plans are made once, when
 * tables may still be empty, so that the planner is told what is right at any size: index scans and nested loops
 * (planning at every call cost 50 us, three times the look-up of a resident). */
static const char session[] =
    "SET search_path = public, pg_temp; SET statement_timeout = '30s'; SET lock_timeout = '5s';"
    "SET idle_in_transaction_session_timeout = '30s'; SET default_transaction_isolation = 'read committed';"
    "SET default_transaction_deferrable = off; SET jit = off; SET plan_cache_mode = force_generic_plan;"
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET client_min_messages = error; SET bytea_output = hex;";

/* Settings that lose lines which were confirmed, and what to do about them. A reload of the configuration changes
 * synchronous_commit in sessions that stand, too: what was found is made the session's own. */
static const char durability[] = "SELECT current_setting('fsync'), current_setting('full_page_writes'), "
                                 "current_setting('synchronous_commit'), to_regclass('public.vault') IS NOT NULL, "
                                 "set_config('synchronous_commit', current_setting('synchronous_commit'), false)";

/* Server messages can hold values (the DETAIL of a unique violation does): only names and SQLSTATE go on. */
static void drop_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

void result_clear(PGresult **r)
{
    PQclear(*r);
    *r = NULL;
}

/* ---- SQLSTATE to code ---- */

static const struct {
    const char *state; /* five characters, or the two of a class */
    vault_code code;
} states[] = {
    {"23505", VAULT_CONFLICT},    /* unique_violation */
    {"23514", VAULT_UNAVAILABLE}, /* check_violation: no partition for a line, yet */
    {"25006", VAULT_UNAVAILABLE}, /* read_only_sql_transaction */
    {"25P03", VAULT_UNAVAILABLE}, /* idle_in_transaction_session_timeout */
    {"40", VAULT_UNAVAILABLE},    /* serialization_failure, deadlock_detected */
    {"53", VAULT_UNAVAILABLE},    /* disk_full, out_of_memory, too_many_connections */
    {"55P03", VAULT_UNAVAILABLE}, /* lock_not_available */
    {"57", VAULT_UNAVAILABLE},    /* query_canceled, admin_shutdown, crash_shutdown, cannot_connect_now */
    {"58", VAULT_UNAVAILABLE},    /* system_error, io_error */
    {"08", VAULT_UNAVAILABLE},    /* connection_exception */
    {"XX001", VAULT_INTEGRITY},   /* data_corrupted */
    {"XX002", VAULT_INTEGRITY},   /* index_corrupted */
};

vault_code sqlstate_code(const char *sqlstate)
{
    if (!sqlstate) return VAULT_UNAVAILABLE;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strncmp(sqlstate, states[i].state, strlen(states[i].state)) == 0) return states[i].code;
    return VAULT_INTERNAL;
}

/* A named check was broken by a row, which no waiting mends; one without a name is a partition that lacks. */
static vault_code code_of(const char *state, const char *constraint)
{
    bool broken = state && constraint && strcmp(state, "23514") == 0;
    return broken ? VAULT_INTERNAL : sqlstate_code(state);
}

vault_code store_fail_result(const PGresult *r, const char *what, vault_error *err)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    return vault_fail(err, code_of(state, constraint), "%s: SQLSTATE %s%s%s", what,
                      state ? state : "none, connection lost", constraint ? ", constraint " : "",
                      constraint ? constraint : "");
}

/* ---- the end of a call ---- */

static bool result_good(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Asks the server to end what it does. It answers on the connection: that it was cancelled, or with the result if that
 * was ready first. */
static void cancel(store *s)
{
    char why[256];
    PGcancel *how = PQgetCancel(s->conn);
    s->until = 0;
    s->cut = true;
    if (how) (void)PQcancel(how, why, sizeof why);
    PQfreeCancel(how);
}

static bool is_readable(store *s, int64_t wait_ms)
{
    struct pollfd readable = {.fd = PQsocket(s->conn), .events = POLLIN};
    return poll(&readable, 1, (int)wait_ms) > 0;
}

static void connect_now(store *s);

/* Over a connection of its own, for a moment: whether the process that serves ours waits for us to say something. */
static bool awaits_us(const store *s)
{
    store other = {.conninfo = s->conninfo, .silence_most = ASK_MOST};
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    vault_error ignored = {0};
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT 1 FROM pg_stat_activity WHERE pid = %d AND wait_event = 'ClientRead'",
             PQbackendPID(s->conn));
    connect_now(&other);
    bool yes = PQstatus(other.conn) == CONNECTION_OK &&
               store_query_text(&other, sql, "look at a session", &r, &ignored) == VAULT_OK && PQntuples(r) == 1;
    store_disconnect(&other);
    return yes;
}

/* A send that fails while the socket stays open (EIO, ENOBUFS) is kept secret by libpq until the next byte comes, and
 * none will: the server waits for us as we wait for it, with its locks held. So it is: nothing of ours is on its way,
 * nothing of its, and the server says so, twice. One that cannot be asked is waited for. */
static bool unheard(store *s)
{
    for (int i = 0; i < 2; i++) {
        int underway = 0;
        if (ioctl(PQsocket(s->conn), SIOCOUTQ, &underway) != 0 || underway != 0) return false;
        if (!awaits_us(s) || is_readable(s, SURE_AFTER_MS)) return false;
    }
    return true;
}

/* The server ends a statement after 30 seconds by itself: if it says nothing for longer, it is frozen or unreachable,
 * and libpq alone would wait for ever. */
static bool answers(store *s)
{
    int64_t start = clock_monotonic_us(), end = start + s->silence_most, pause = s->ask_after;
    int64_t ask = pause ? start + pause : end;
    while (PQisBusy(s->conn)) {
        int64_t now = clock_monotonic_us(), left = (ask < end ? ask : end) - now;
        if (now >= end) return false;
        if (s->until != 0 && now >= s->until) cancel(s);
        if (left <= 0) {
            if (unheard(s)) return false;
            ask = clock_monotonic_us() + (pause *= 2);
            continue;
        }
        if (s->until != 0 && s->until - now < left) left = s->until - now;
        if (!is_readable(s, left / 1000 + 1)) continue; /* a signal, or the time is up */
        if (!PQconsumeInput(s->conn)) return true;      /* PQgetResult says what is wrong */
    }
    return true;
}

PGresult *store_next_result(store *s)
{
    return answers(s) ? PQgetResult(s->conn) : NULL;
}

/* PostgreSQL waits for the rows of a COPY. In pieces, which stay in the processor's cache on their way through libpq
 * and the backend. */
enum { COPY_PIECE = 32 << 10 };

static bool feed(store *s)
{
    const char *rows = (const char *)s->out.at;
    bool good = s->copies;
    for (size_t at = 0; good && at < s->out.len; at += COPY_PIECE) {
        size_t len = s->out.len - at < COPY_PIECE ? s->out.len - at : COPY_PIECE;
        good = PQputCopyData(s->conn, rows + at, (int)len) == 1;
    }
    return good && PQputCopyEnd(s->conn, NULL) == 1;
}

/* The commit of a single statement comes after its CommandComplete: an error there is a result of its own, so that all
 * results up to ReadyForQuery are read and the first bad one counts. */
vault_code store_finish(store *s, const char *what, PGresult **out, vault_error *err)
{
    vault_code code = VAULT_OK;
    PGresult *r;
    while ((r = store_next_result(s))) {
        result_clear(out);
        *out = r;
        if (PQresultStatus(r) == PGRES_COPY_IN) {
            if (feed(s)) continue;
            break; /* active: the connection is given up */
        }
        if (code == VAULT_OK && !result_good(r)) code = store_fail_result(r, what, err);
    }
    if (PQstatus(s->conn) != CONNECTION_OK || PQtransactionStatus(s->conn) == PQTRANS_ACTIVE) {
        if (code == VAULT_OK) code = vault_fail(err, VAULT_UNAVAILABLE, "%s: connection lost", what);
        store_disconnect(s);
    }
    if (code == VAULT_OK && !*out) code = vault_fail(err, VAULT_INTERNAL, "%s: no result", what);
    if (code != VAULT_OK) result_clear(out);
    return code;
}

/* ---- opening ---- */

void store_disconnect(store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->prepared = false;
}

/* The first line of libpq's message: who refused, never a value or a password. */
static vault_code fail_connect(const store *s, vault_error *err)
{
    const char *text = PQerrorMessage(s->conn);
    return vault_fail(err, VAULT_UNAVAILABLE, "connect: %.*s", (int)strcspn(text, "\n"), text);
}

static vault_code check_durability(store *s, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(store_query_text(s, durability, "server settings", &r, err));
    static const char *const names[] = {"fsync", "full_page_writes", "synchronous_commit"};
    if (PQserverVersion(s->conn) < SERVER_LEAST)
        return vault_fail(err, VAULT_INTERNAL, "PostgreSQL is %d: use 15 or newer", PQserverVersion(s->conn));
    for (int i = 0; i < 3; i++)
        if (strcmp(PQgetvalue(r, 0, i), "off") == 0)
            return vault_fail(err, VAULT_INTERNAL,
                              "%s is off, so confirmed lines can be lost: set %s = on in postgresql.conf and reload",
                              names[i], names[i]);
    s->prepared = false;
    return strcmp(PQgetvalue(r, 0, 3), "t") == 0 ? store_prepare(s, err) : VAULT_OK;
}

static vault_code start_session(store *s, vault_error *err)
{
    PQsetNoticeProcessor(s->conn, drop_notice, NULL);
    VAULT_TRY(store_run_text(s, session, "session settings", err));
    return check_durability(s, err);
}

/* `dbname` expands the connection string; what follows it wins over it. */
static void connect_now(store *s)
{
    static const char *const names[] = {"dbname",           "application_name", "client_encoding",
                                        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                        "keepalives_count", "tcp_user_timeout", NULL};
    const char *const values[] = {s->conninfo, "vaultd", "UTF8", "5", "30", "5", "3", "35000", NULL};
    s->conn = PQconnectdbParams(names, values, 1);
}

static vault_code connect_store(store *s, vault_error *err)
{
    int64_t now = clock_monotonic_us();
    if (now < s->retry_at) return vault_fail(err, VAULT_UNAVAILABLE, "not connected: next try follows");
    connect_now(s);
    vault_code code = PQstatus(s->conn) == CONNECTION_OK ? start_session(s, err) : fail_connect(s, err);
    if (code == VAULT_OK) {
        s->retry_at = s->retry_wait = 0;
        return VAULT_OK;
    }
    store_disconnect(s);
    s->retry_wait = s->retry_wait ? 2 * s->retry_wait : RETRY_FIRST;
    if (s->retry_wait > RETRY_MOST) s->retry_wait = RETRY_MOST;
    s->retry_at = clock_monotonic_us() + s->retry_wait;
    return code;
}

vault_code store_connected(store *s, vault_error *err)
{
    if (s->conn && PQstatus(s->conn) == CONNECTION_OK) return VAULT_OK;
    store_disconnect(s);
    if (s->in_transaction) return vault_fail(err, VAULT_UNAVAILABLE, "the transaction went with its connection");
    return connect_store(s, err);
}

static vault_code look_for_vault(store *s, vault_error *err)
{
    static const char look[] = "SELECT to_regclass('public.vault') IS NOT NULL";
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(store_query_text(s, look, "look for a vault", &r, err));
    if (strcmp(PQgetvalue(r, 0, 0), "t") != 0) return vault_fail(err, VAULT_NOT_FOUND, "the database holds no vault");
    return store_prepare(s, err);
}

vault_code store_ready(store *s, vault_error *err)
{
    VAULT_TRY(store_connected(s, err));
    return s->prepared ? VAULT_OK : look_for_vault(s, err);
}

vault_code store_open(store **out, const char *conninfo, vault_error *err)
{
    store *s = memory_new(sizeof *s);
    s->conninfo = memory_text(conninfo);
    s->silence_most = SILENCE_MOST;
    s->ask_after = ASK_AFTER;
    vault_code code = connect_store(s, err);
    if (code == VAULT_OK)
        *out = s;
    else
        store_close(&s);
    return code;
}

void store_close(store **s)
{
    store *old = *s;
    *s = NULL;
    if (!old) return;
    store_disconnect(old);
    result_clear(&old->nobody);
    memory_free(old->out.at, old->out.cap);
    memory_free(old->conninfo, strlen(old->conninfo) + 1);
    memory_free(old, sizeof *old);
}
