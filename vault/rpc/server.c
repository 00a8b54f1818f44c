/* Opens and closes in the order that gRPC core wants. End: shutdown_and_notify with pollers running (posted calls come
 * back, clients are told to go) -> its tag when the last connection has ended -> workers end -> the answers that they
 * left are sent, as the cancelled calls, too, are answered -> server_destroy -> queues shut down and emptied -> join.
 */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include <dlfcn.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { POSTED = 64, POLLER_MEMORY = 1 << 20, METADATA_BYTES = 16 << 10, SPARE_CALLS = 1024, LOOK_MS = 10 };

/* ---- pollers ---- */

/* Some things happen without an event: a worker hangs to which calls were left; the one answer whose completion was to
 * wake this poller goes to a client who does not take it; a stream's client is silent. So while calls are in hand it
 * wakes by itself. */
static gpr_timespec next_look(const poller *p)
{
    if (p->live == 0) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(LOOK_MS, GPR_TIMESPAN));
}

static void look_around(poller *p)
{
    rpc_server *r = p->server;
    int64_t now = clock_monotonic_us();
    calls_send_left(p);
    if (p->live == 0 || now - p->looked_us < LOOK_MS * 1000) return;
    p->looked_us = now;
    queue_look(&r->queue);
    streams_in_look(&r->streams_in, atomic_load_explicit(&r->draining, memory_order_relaxed));
}

static void *poll_queue(void *argument)
{
    poller *p = argument;
    for (;;) {
        grpc_event event = grpc_completion_queue_next(p->cq, next_look(p), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN) return NULL;
        tag *t = event.type == GRPC_OP_COMPLETE ? event.tag : NULL;
        if (t) t->done(t, event.success != 0);
        look_around(p);
    }
}

static vault_code poller_start(poller *p, vault_error *err)
{
    for (int i = 0; i < POSTED; i++) call_post(p);
    p->started = pthread_create(&p->thread, NULL, poll_queue, p) == 0;
    return p->started ? VAULT_OK : vault_fail(err, VAULT_UNAVAILABLE, "cannot start a poller thread");
}

static vault_code poller_init(poller *p, rpc_server *r, vault_error *err)
{
    p->server = r;
    pthread_mutex_init(&p->lock, NULL);
    p->most_live = 2 * r->queue.most_calls + SPARE_CALLS;
    p->mem = arena_new(POLLER_MEMORY);
    p->cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(r->handle, p->cq, NULL);
    return p->mem ? VAULT_OK : vault_fail(err, VAULT_UNAVAILABLE, "no memory for a poller");
}

static void drain_queue(grpc_completion_queue *cq)
{
    grpc_event event;
    do {
        event = grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_OP_COMPLETE) ((tag *)event.tag)->done(event.tag, event.success != 0);
    } while (event.type != GRPC_QUEUE_SHUTDOWN);
}

static void poller_end(poller *p)
{
    if (p->cq) {
        grpc_completion_queue_shutdown(p->cq);
        if (p->started)
            pthread_join(p->thread, NULL);
        else
            drain_queue(p->cq);
        grpc_completion_queue_destroy(p->cq);
    }
    calls_free(p);
    arena_free(&p->mem);
    pthread_mutex_destroy(&p->lock);
}

/* ---- the server ---- */

static grpc_arg number(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

static grpc_server *create(const rpc_options *o)
{
    grpc_arg args[] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int)o->message_bytes),
        number(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1), /* the service bounds its replies by items */
        number(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES),
        number(GRPC_ARG_MAX_CONCURRENT_STREAMS, (int)o->streams),
        number(GRPC_ARG_MAX_CONNECTION_AGE_MS, (int)o->connection_age_s * 1000), /* core varies it by a tenth */
        number(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 60000),
        number(GRPC_ARG_KEEPALIVE_TIME_MS, 120000),
        number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000),
        number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        number(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000),
        number(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000),
        number(GRPC_ARG_ALLOW_REUSEPORT, 0), /* a port that is taken is an error */
        number(GRPC_ARG_ENABLE_CENSUS, 0),
        number(GRPC_ARG_ENABLE_CHANNELZ, 0),
        /* Compression beside secrets tells their likeness, and a small message can unpack into a huge one. */
        number(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
        number(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        number(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
    };
    grpc_channel_args all = {.num_args = sizeof args / sizeof *args, .args = args};
    return grpc_server_create(&all, NULL);
}

static void ended(tag *t, bool ok)
{
    (void)ok;
    rpc_server *r = (rpc_server *)(void *)((char *)t - offsetof(rpc_server, end));
    atomic_store(&r->drained, true);
}

static vault_code listen_on(rpc_server *r, const rpc_options *o, vault_error *err)
{
    VAULT_TRY(tls_open(&r->tls, o, err));
    r->handle = create(o);
    r->pollers = memory_array(o->pollers, sizeof *r->pollers);
    r->poller_count = o->pollers;
    for (unsigned i = 0; i < o->pollers; i++) VAULT_TRY(poller_init(&r->pollers[i], r, err));
    grpc_server_credentials *credentials = tls_credentials(r->tls);
    r->port = grpc_server_add_http2_port(r->handle, o->listen, credentials);
    grpc_server_credentials_release(credentials);
    return r->port > 0 ? VAULT_OK
                       : vault_fail(err, VAULT_UNAVAILABLE, "cannot listen on %s: is the port taken?", o->listen);
}

/* Workers before pollers: a session that cannot be opened is found before the first call comes. */
static vault_code serve(rpc_server *r, const rpc_options *o, vault_error *err)
{
    r->workers = memory_array(o->workers, sizeof *r->workers);
    r->worker_count = o->workers;
    for (unsigned i = 0; i < o->workers; i++) VAULT_TRY(worker_start(&r->workers[i], r, err));
    VAULT_TRY(listen_on(r, o, err));
    grpc_server_start(r->handle);
    for (unsigned i = 0; i < r->poller_count; i++) VAULT_TRY(poller_start(&r->pollers[i], err));
    return VAULT_OK;
}

vault_code rpc_open(rpc_server **out, service *s, const rpc_options *options, vault_error *err)
{
    *out = NULL;
    grpc_init();
    rpc_server *r = memory_new(sizeof *r);
    r->service = s;
    r->end.done = ended;
    pthread_mutex_init(&r->streams.lock, NULL);
    streams_in_init(&r->streams_in, options);
    queue_init(&r->queue, &r->routes, options->queue_calls, options->queue_bytes);
    vault_code code = routes_init(&r->routes, err);
    if (code == VAULT_OK) code = serve(r, options, err);
    if (code == VAULT_OK)
        *out = r;
    else
        rpc_close(&r);
    return code;
}

int rpc_port(const rpc_server *r)
{
    return r->port;
}

/* ---- the end ---- */

void rpc_drain(rpc_server *r)
{
    if (r->drain_begun || !r->handle) return;
    r->drain_begun = true;
    atomic_store(&r->draining, true);
    grpc_server_shutdown_and_notify(r->handle, r->pollers[0].cq, &r->end);
    streams_cancel(&r->streams);
}

static bool streams_run(rpc_server *r)
{
    pthread_mutex_lock(&r->streams.lock);
    bool some = r->streams.count > 0;
    pthread_mutex_unlock(&r->streams.lock);
    return some;
}

/* All calls that were posted have come back, so that none can come any more, and none is left. gRPC itself also waits
 * for every client to hang up, which those that do not look at their connection do not do. */
static bool nothing_runs(rpc_server *r)
{
    for (unsigned i = 0; i < r->poller_count; i++) {
        if (atomic_load(&r->pollers[i].posted) > 0 || atomic_load(&r->pollers[i].live) > 0) return false;
    }
    return !streams_run(r);
}

bool rpc_drained(rpc_server *r)
{
    return atomic_load(&r->drained) || (r->drain_begun && nothing_runs(r));
}

void rpc_cancel(rpc_server *r)
{
    if (r->handle && r->drain_begun) grpc_server_cancel_all_calls(r->handle);
}

static bool pollers_run(const rpc_server *r)
{
    return r->poller_count > 0 && r->pollers[r->poller_count - 1].started;
}

static bool connections_ended(rpc_server *r)
{
    return atomic_load(&r->drained);
}

static void wait_until(bool (*holds)(rpc_server *), rpc_server *r)
{
    const struct timespec step = {.tv_nsec = 5000000};
    while (!holds(r)) nanosleep(&step, NULL);
}

static void close_server(rpc_server *r)
{
    if (pollers_run(r)) {
        rpc_drain(r);
        rpc_cancel(r);
        wait_until(connections_ended, r);
    } else if (r->poller_count > 0 && r->pollers[0].cq) {
        grpc_server_shutdown_and_notify(r->handle, r->pollers[0].cq, &r->end);
    }
}

void rpc_close(rpc_server **server)
{
    rpc_server *r = *server;
    if (!r) return;
    if (r->handle) close_server(r);
    queue_end(&r->queue);
    for (unsigned i = 0; i < r->worker_count; i++) worker_join(&r->workers[i]);
    memory_free(r->workers, r->worker_count * sizeof *r->workers);
    if (pollers_run(r)) wait_until(nothing_runs, r); /* a batch started on a queue that is shut down is an abort */
    if (r->handle) grpc_server_destroy(r->handle);
    for (unsigned i = 0; i < r->poller_count; i++) poller_end(&r->pollers[i]);
    memory_free(r->pollers, r->poller_count * sizeof *r->pollers);
    tls_close(&r->tls);
    queue_destroy(&r->queue);
    pthread_mutex_destroy(&r->streams.lock);
    pthread_mutex_destroy(&r->streams_in.lock);
    memory_free(r, sizeof *r);
    *server = NULL;
    grpc_shutdown_blocking();
}

/* ---- once per process ---- */

/* gRPC's messages can quote a peer's bytes: all but those of the files that speak of files, ports and handshakes stay
 * out. */
static bool is_harmless(const char *file)
{
    static const char *const spoken[] = {
        "ssl_transport_security.cc", "ssl_security_connector.cc",        "chttp2_server.cc",
        "tcp_server_posix.cc",       "tcp_server_utils_posix_common.cc", "security_handshaker.cc"};
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        if (strcmp(file, spoken[i]) == 0) return true;
    }
    return false;
}

/* Strangers can make it speak by every connection: a few lines a second are enough. */
static bool is_too_much(void)
{
    enum { LINES_A_SECOND = 10 };
    static _Atomic int64_t second;
    static _Atomic unsigned lines;
    int64_t now = clock_monotonic_us() / 1000000;
    if (atomic_exchange(&second, now) != now) atomic_store(&lines, 0);
    return atomic_fetch_add(&lines, 1) >= LINES_A_SECOND;
}

static _Atomic bool deaf;

bool rpc_deaf(void)
{
    return atomic_load(&deaf);
}

/* gRPC 1.51 never accepts again on a port after one accept has failed, as it does when files run out (grpc issue
 * 20418). Its log is the only place where that shows; main waits for this signal. */
static void hear_deafness(const gpr_log_func_args *args)
{
    if (strncmp(args->message, "Failed accept4", sizeof "Failed accept4" - 1) != 0) return;
    if (atomic_exchange(&deaf, true)) return;
    log_event(LOG_ERROR, "rpc.deaf", "no connection is accepted any more: %s", args->message);
    (void)kill(getpid(), SIGTERM);
}

static void log_line(gpr_log_func_args *args)
{
    hear_deafness(args);
    if (is_too_much()) return;
    static const log_level levels[] = {
        [GPR_LOG_SEVERITY_DEBUG] = LOG_DEBUG, [GPR_LOG_SEVERITY_INFO] = LOG_DEBUG, [GPR_LOG_SEVERITY_ERROR] = LOG_WARN};
    const char *slash = strrchr(args->file, '/'), *file = slash ? slash + 1 : args->file;
    log_event(levels[args->severity], "grpc", "%s:%d: %s", file, args->line,
              is_harmless(file) ? args->message : "(not shown)");
}

/* Debian's absl is built with a deadlock detector that costs an eighth of a call's instructions. Found by name, since
 * it is C++ and of another library; without it we are merely slower. */
static void calm_absl(void)
{
    static const char name[] = "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE";
    void *found = dlsym(RTLD_DEFAULT, name);
    void (*set_mode)(int);
    memcpy(&set_mode, &found, sizeof set_mode);
    if (found) set_mode(0); /* kIgnore */
}

void rpc_log_init(void)
{
    gpr_set_log_function(log_line);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    calm_absl();
}
