/* vaultd: reads the config, opens the rooms in order, waits for a signal, closes in reverse. */
#include "keys/keys.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/config.h"
#include "vault/metrics.h"
#include "vault/rpc/rpc.h"
#include "vault/verify_keys.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define VERSION "0.1.0"

enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_CONFIG = 78 };
enum { SECRET_HEAP = 16 << 20 };

static const char HELP[] =
    "vaultd: the service of Resident Vault\n"
    "\n"
    "  vaultd --config FILE                        serve until SIGTERM\n"
    "  vaultd --config FILE --check-config         look at the config and the files that it names, and stop\n"
    "  vaultd --config FILE --init FOLDER --name NAME\n"
    "                                              make a new vault in an empty database, from the seven\n"
    "                                              documents in FOLDER (deploy/dev has a set, docs/administrator.md)\n"
    "  vaultd --config FILE --verify-keys [--database CONNINFO]\n"
    "                                              open every key, and a sample of what lies under it; print JSON. "
    "For\n"
    "                                              copies of the database; a passphrase or shares come on standard "
    "input\n"
    "  vaultd --config FILE --accept-loss          take a database that is older than the checkpoint file for what "
    "there\n"
    "                                              is from now on; who was erased since is erased again; then start "
    "it\n"
    "  vaultd --make-root-key FILE                 make a root key file (0600); never overwrites one\n"
    "  vaultd --help, vaultd --version\n"
    "\n"
    "Examples:\n"
    "  vaultd --make-root-key root.key\n"
    "  vaultd --config /etc/resident-vault/vaultd.json --check-config\n"
    "  vaultd --config vaultd.json --init deploy/dev --name resident-vault/dev\n"
    "\n"
    "A config (what is not given has the value shown; database, root_key, tls and checkpoint_file must be given):\n"
    "  {\"listen\": \"127.0.0.1:7443\", \"database\": \"host=/run/postgresql user=vault dbname=vault\",\n"
    "   \"root_key\": {\"file\": \"root.key\", \"unattended_restart\": true},    or {\"passphrase_file\": ..., the "
    "same},\n"
    "                                              {\"passphrase\": true}, {\"shares\": true}: people enter it, "
    "vaultctl\n"
    "                                              operator init makes the vault, vaultctl operator unseal opens it\n"
    "   \"tls\": {\"ca\": \"ca.crt\", \"certificate\": \"server.crt\", \"key\": \"server.key\"},\n"
    "   \"checkpoint_file\": \"checkpoint\",               kept outside the database\n"
    "   \"webhook\": {\"url\": \"https://...\", \"ca_file\": ..., \"token_file\": ...},   officers are told at once; "
    "may "
    "be\n"
    "                                              left out, and so may the files\n"
    "   \"witness_policy\": FILE, \"witness_ca_file\": FILE,   whom to ask for cosignatures of the log; may be left "
    "out\n"
    "   \"archive_folder\": FOLDER, \"log_retention\": \"P3Y\",   where lines go that are older, when it is asked for; "
    "may be\n"
    "                                              left out: nothing is archived then\n"
    "   \"metrics\": \"127.0.0.1:9464\", \"workers\": 2, \"pollers\": 1, \"queue\": 1024, \"log_level\": \"info\",\n"
    "   \"limits\": {\"queue_bytes\": 67108864, \"message_bytes\": 8388608, \"streams\": 1024,\n"
    "              \"connection_age_seconds\": 1800, \"drain_seconds\": 10}}\n"
    "\n"
    "Log: one JSON object a line on stderr; \"server.ready\" names the address. SIGTERM or SIGINT ends after the "
    "running\n"
    "calls, at most drain_seconds; a second one hastens. Changed certificate files are read at the next connection.\n"
    "Exit codes: 0 ended as asked; 64 wrong usage; 69 PostgreSQL or a port is not there, try again; 78 the config or "
    "a\n"
    "file that it names is wrong; 1 anything else.\n";

typedef struct arguments {
    const char *config, *folder, *name, *new_key, *database;
    bool check, verify, loss;
} arguments;

static int usage(const char *what)
{
    fprintf(stderr, "vaultd: %s (vaultd --help)\n", what);
    return EXIT_USAGE;
}

static int exit_code(vault_code code)
{
    switch (code) {
    case VAULT_OK:
        return EXIT_SUCCESS;
    case VAULT_INVALID:
    case VAULT_NOT_FOUND:
        return EXIT_CONFIG;
    case VAULT_UNAVAILABLE:
        return EXIT_UNAVAILABLE;
    default:
        return EXIT_FAILURE;
    }
}

/* ---- --init ---- */

static service_options options_of(const config *c)
{
    bool by_passphrase = c->passphrase_file || c->by_passphrase;
    return (service_options){.database = c->database,
                             .checkpoint_file = c->checkpoint_file,
                             .webhook = {c->webhook, c->webhook_ca, c->webhook_token},
                             .archive_folder = c->archive_folder,
                             .retention_months = c->retention_months,
                             .witness_policy = c->witness_policy,
                             .witness_ca_file = c->witness_ca,
                             .keeping = {.source = c->root_key_file ? ROOT_FILE
                                                   : by_passphrase  ? ROOT_PASSPHRASE
                                                                    : ROOT_SHARES,
                                         .key_file = c->root_key_file,
                                         .passphrase_file = c->passphrase_file}};
}

static int init(const config *c, const arguments *a)
{
    vault_error err = {0};
    const service_options options = options_of(c);
    vault_code code = service_make_vault(&options, a->name, a->folder, &err);
    if (code != VAULT_OK) {
        fprintf(stderr, "vaultd: no vault was made: %s%s\n",
                code == VAULT_CONFLICT ? "a vault stands there already: " : "", err.detail);
        return exit_code(code);
    }
    printf("vault %s was made: tables, key rings, manifest version 1 from %s, log with its first line\n"
           "root key: %s %s (without it nothing can be opened: keep a copy elsewhere)\n",
           a->name, a->folder, c->root_key_file ? "key file" : "passphrase in",
           c->root_key_file ? c->root_key_file : c->passphrase_file);
    return EXIT_SUCCESS;
}

/* ---- --verify-keys ---- */

static int look_at_keys(const config *c, const arguments *a)
{
    vault_error err = {0};
    service_options options = options_of(c);
    if (a->database) options.database = a->database;
    bool typed = c->by_passphrase || c->by_shares;
    vault_code code = a->loss ? accept_loss(&options, typed, &err) : verify_keys(&options, typed, &err);
    if (code == VAULT_OK) return EXIT_SUCCESS;
    fprintf(stderr, "vaultd: %s: %s%s%s\n", a->loss ? "nothing was accepted" : "the keys do not open this database",
            err.detail, err.detail[0] ? "" : "refused: ", err.detail[0] || !err.reason ? "" : err.reason);
    return exit_code(code);
}

/* ---- serving ---- */

typedef struct rooms {
    service *service;
    metrics *metrics;
    rpc_server *rpc;
} rooms;

static vault_code open_rooms(rooms *r, const config *c, vault_error *err)
{
    const service_options of_service = options_of(c);
    VAULT_TRY(service_open(&r->service, &of_service, err));
    VAULT_TRY(metrics_open(&r->metrics, c->metrics, r->service, err));
    rpc_options of_rpc = {
        .listen = c->listen,
        .ca = c->ca,
        .certificate = c->certificate,
        .key = c->key,
        .workers = (unsigned)c->workers,
        .pollers = (unsigned)c->pollers,
        .queue_calls = (size_t)c->queue,
        .queue_bytes = (size_t)c->queue_bytes,
        .message_bytes = (size_t)c->message_bytes,
        .connection_age_s = (unsigned)c->connection_age_s,
        .streams = (unsigned)c->streams,
    };
    return rpc_open(&r->rpc, r->service, &of_rpc, err);
}

static void close_rooms(rooms *r)
{
    rpc_close(&r->rpc);
    metrics_close(&r->metrics);
    service_close(&r->service);
}

static sigset_t end_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

/* Blocked here before any thread is made, so that all threads inherit it and only this one waits for them. */
static void take_signals(void)
{
    sigset_t set = end_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

/* Each connection is a file: as many as the system lets us have. */
static void allow_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) log_event(LOG_WARN, "server.files", "the limit of files stays low");
}

static void wait_for_signal(void)
{
    sigset_t set = end_signals();
    int which;
    while (sigwait(&set, &which) != 0) {}
    log_event(LOG_INFO, "server.draining", "%s", strsignal(which));
}

/* Until all calls have ended, the time is up, or a second signal comes. */
static void drain(rpc_server *rpc, int64_t seconds)
{
    sigset_t set = end_signals();
    const struct timespec step = {.tv_nsec = 20000000};
    int64_t end = clock_monotonic_us() + seconds * 1000000;
    rpc_drain(rpc);
    while (!rpc_drained(rpc) && clock_monotonic_us() < end) {
        if (sigtimedwait(&set, NULL, &step) > 0) break;
    }
    if (!rpc_drained(rpc)) log_event(LOG_WARN, "server.cut", "calls that have not ended are cancelled");
    rpc_cancel(rpc);
}

static int serve(const config *c)
{
    vault_error err = {0};
    rooms r = {0};
    take_signals();
    allow_files();
    rpc_log_init();
    vault_code code = open_rooms(&r, c, &err);
    if (code == VAULT_OK) {
        const char *colon = strrchr(c->listen, ':');
        log_event(LOG_INFO, "server.ready", "%.*s:%d metrics on port %d version %s",
                  colon ? (int)(colon - c->listen) : 0, c->listen, rpc_port(r.rpc), metrics_port(r.metrics), VERSION);
        wait_for_signal();
        drain(r.rpc, c->drain_s);
    } else {
        log_failure(LOG_ERROR, "server.refused", &err);
    }
    close_rooms(&r);
    if (code == VAULT_OK) log_event(LOG_INFO, "server.ended", "all calls have ended");
    return rpc_deaf() ? EXIT_UNAVAILABLE : exit_code(code);
}

/* ---- arguments ---- */

static void set_level(const char *name)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    for (log_level level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        if (strcmp(names[level], name) == 0) log_set_level(level);
    }
}

static int run(const config *c, const arguments *a)
{
    vault_error err = {0};
    vault_code code = config_check_files(c, &err);
    if (code == VAULT_OK && a->check) return printf("%s: ok\n", c->file) < 0;
    if (code == VAULT_OK) code = secret_heap_init(SECRET_HEAP, &err);
    if (code != VAULT_OK) {
        fprintf(stderr, "vaultd: %s\n", err.detail);
        return exit_code(code);
    }
    set_level(c->log_level);
    if (a->verify || a->loss) return look_at_keys(c, a);
    return a->folder ? init(c, a) : serve(c);
}

static int read_and_run(const arguments *a)
{
    vault_error err = {0};
    VAULT_CLEANUP(config_clear) config c = {0};
    if (config_read(&c, a->config, &err) != VAULT_OK) {
        fprintf(stderr, "vaultd: %s\n", err.detail);
        return EXIT_CONFIG;
    }
    return run(&c, a);
}

static int make_key(const char *path)
{
    vault_error err = {0};
    vault_code code = secret_heap_init(SECRET_HEAP, &err);
    if (code == VAULT_OK) code = root_key_file_create(path, &err);
    if (code == VAULT_OK)
        return printf("%s: made; without it nothing can be opened: keep a copy elsewhere\n", path) < 0;
    fprintf(stderr, "vaultd: %s\n", err.detail);
    return exit_code(code);
}

/* Which of them go together. */
static int run_what_is_asked(const arguments *a, int argc)
{
    if (a->new_key) return argc == 3 || argc == 2 ? make_key(a->new_key) : usage("--make-root-key goes alone");
    if (!a->config) return usage("--config FILE is missing");
    if (a->database && !a->verify) return usage("--database goes with --verify-keys alone");
    if (!a->folder != !a->name) return usage("--init FOLDER and --name NAME go together");
    return read_and_run(a);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"init", required_argument, NULL, 'i'},
        {"name", required_argument, NULL, 'n'},
        {"verify-keys", no_argument, NULL, 'y'},
        {"accept-loss", no_argument, NULL, 'l'},
        {"database", required_argument, NULL, 'd'},
        {"make-root-key", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    arguments a = {0};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            a.config = optarg;
            break;
        case 'k':
            a.check = true;
            break;
        case 'i':
            a.folder = optarg;
            break;
        case 'n':
            a.name = optarg;
            break;
        case 'y':
            a.verify = true;
            break;
        case 'l':
            a.loss = true;
            break;
        case 'd':
            a.database = optarg;
            break;
        case 'm':
            a.new_key = optarg;
            break;
        case 'h':
            return fputs(HELP, stdout) < 0;
        case 'v':
            return puts("vaultd " VERSION) < 0;
        default:
            return usage("unknown option, or one without its value");
        }
    }
    if (optind < argc) return usage("only options are taken");
    return run_what_is_asked(&a, argc);
}
