/* Options, and what is printed. */
#include "vault/base/file.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/witness/program.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_CONFIG = 78 };
enum { LOG_KEYS_MAX = 64, KEY_FILE_MOST = 64 << 10, SECRET_HEAP = 1 << 20 };

static const char HELP[] =
    "vault-witness: sees to it that a log only grows, and says so by its signature (c2sp.org/tlog-witness)\n"
    "\n"
    "  vault-witness keygen --name NAME --key FILE --state FOLDER\n"
    "                        make a private key (0600) and an empty folder for what it will have seen; print the\n"
    "                        verifier key, which goes into the policy of the log and of its readers\n"
    "  vault-witness serve --key FILE --state FOLDER --log KEY [--log KEY ...] [--listen ADDRESS:PORT]\n"
    "                        [--certificate FILE --private-key FILE]\n"
    "                        answer POST /add-checkpoint until SIGTERM\n"
    "  vault-witness --help\n"
    "\n"
    "  --name NAME           of the witness: like a URL without scheme (witness.audit.example/1)\n"
    "  --log KEY             a log's verifier key (name+id+base64), or a file of them, one a line. While the keys of "
    "a\n"
    "                        log are rotated it has several: give all\n"
    "  --listen              127.0.0.1:8843. Plain HTTP is for this machine alone (a proxy before it, or a test);\n"
    "                        --certificate and --private-key (PEM) make it HTTPS\n"
    "\n"
    "The folder is what the promise rests on: a witness whose folder is lost or put back to an older state must not "
    "go\n"
    "on under its key (make another; readers put that one in their policies). fork-* in it is proof that a log lied.\n"
    "Log: one JSON object a line on stderr; \"witness.ready\" names the address and the verifier key.\n"
    "Exit codes: 0 ended as asked; 64 wrong usage; 69 a port is not there; 78 a file is wrong; 1 anything else.\n"
    "\n"
    "Examples:\n"
    "  vault-witness keygen --name witness.audit.example/1 --key witness.key --state /var/lib/vault-witness\n"
    "  vault-witness serve --key witness.key --state /var/lib/vault-witness --log log.vkey \\\n"
    "                --listen 0.0.0.0:8843 --certificate server.crt --private-key server.key\n";

typedef struct asked {
    const char *verb, *name, *key, *state;
    listener_options listen;
    note_key logs[LOG_KEYS_MAX];
    size_t log_count;
    bool help;
} asked;

/* ---- options ---- */

static int usage(const char *why, const char *what)
{
    fprintf(stderr, "vault-witness: %s%s%s (vault-witness --help)\n", why, what ? ": " : "", what ? what : "");
    return EXIT_USAGE;
}

static bool add_key(asked *a, bytes text)
{
    vault_error err = {0};
    return a->log_count < LOG_KEYS_MAX && note_key_parse(&a->logs[a->log_count++], text, &err) == VAULT_OK;
}

/* A verifier key, or a file of them, one a line. */
static bool add_keys(asked *a, const char *given)
{
    vault_error err = {0};
    char *text;
    size_t len, before = a->log_count;
    if (strchr(given, '+') && add_key(a, bytes_of_text(given))) return true;
    a->log_count = before;
    if (file_read(&text, &len, given, KEY_FILE_MOST, &err) != VAULT_OK) return false;
    bool good = true;
    for (size_t at = 0; good && at < len;) {
        size_t line = strcspn(text + at, "\n");
        if (line > 0) good = add_key(a, bytes_of(text + at, line));
        at += line + 1;
    }
    memory_free(text, len);
    return good && a->log_count > before;
}

static int read_option(asked *a, int option)
{
    const char **const texts[] = {['n'] = &a->name,
                                  ['k'] = &a->key,
                                  ['s'] = &a->state,
                                  ['l'] = &a->listen.address,
                                  ['c'] = &a->listen.certificate,
                                  ['p'] = &a->listen.key};
    if (option == 'h') return a->help = true, 0;
    if (option == 'g') return add_keys(a, optarg) ? 0 : usage("neither a verifier key nor a file of them", optarg);
    if (option == ':' || option == '?') return usage("unknown option, or one without its value", NULL);
    *texts[option] = optarg;
    return 0;
}

static int check(const asked *a, int left)
{
    if (a->help) return 0;
    if (!a->verb || (strcmp(a->verb, "keygen") != 0 && strcmp(a->verb, "serve") != 0))
        return usage("keygen or serve", a->verb);
    if (left > 0) return usage("too much behind it", NULL);
    if (!a->key || !a->state) return usage("--key and --state must be given", NULL);
    if (a->verb[0] == 'k') return a->name ? 0 : usage("--name must be given", NULL);
    return a->log_count > 0 ? 0 : usage("no --log: a witness of nothing", NULL);
}

static int read_options(asked *a, int argc, char *const *argv)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"state", required_argument, NULL, 's'},
                                            {"log", required_argument, NULL, 'g'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"certificate", required_argument, NULL, 'c'},
                                            {"private-key", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c, wrong = 0;
    optind = 0;
    while (!wrong && (c = getopt_long(argc, argv, ":", options, NULL)) != -1) wrong = read_option(a, c);
    if (wrong) return wrong;
    if (optind < argc) a->verb = argv[optind++];
    return check(a, argc - optind);
}

/* ---- keygen ---- */

static vault_code keygen(const asked *a, FILE *out, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    note_signer me;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(witness_key_create(a->key, a->name, err));
    VAULT_TRY(witness_key_read(&me, a->key, err));
    vault_code code = notebook_create(a->state, &me.key, err);
    signer_free(&me.by);
    VAULT_TRY(code);
    const char *text = cosigner_key_text(&me.key, mem);
    if (!text || fprintf(out, "%s\n", text) < 0 || fflush(out) != 0)
        return vault_fail(err, VAULT_UNAVAILABLE, "the verifier key could not be printed");
    return VAULT_OK;
}

/* ---- serve ---- */

typedef struct witnessing {
    note_signer me;
    notebook *notebook;
    listener *listener;
} witnessing;

static void witnessing_end(witnessing *w)
{
    listener_close(&w->listener);
    notebook_close(&w->notebook);
    signer_free(&w->me.by);
}

static void tell_start(const witnessing *w, const asked *a)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    const char *key = mem ? cosigner_key_text(&w->me.key, mem) : NULL;
    for (size_t i = 0; i < notebook_logs(w->notebook); i++)
        log_event(LOG_INFO, "witness.log", "%s: %lld lines were cosigned last", notebook_origin(w->notebook, i),
                  (long long)notebook_size(w->notebook, i));
    log_event(LOG_INFO, "witness.ready", "%s port %d %s", a->listen.address, listener_port(w->listener),
              key ? key : "");
}

static vault_code serve(const asked *a, vault_error *err)
{
    VAULT_CLEANUP(witnessing_end) witnessing w = {0};
    sigset_t ends;
    int signal_number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL); /* before any thread is made: this one waits for them */
    signal(SIGPIPE, SIG_IGN);
    VAULT_TRY(witness_key_read(&w.me, a->key, err));
    const notebook_options options = {a->state, &w.me, a->logs, a->log_count};
    VAULT_TRY(notebook_open(&w.notebook, &options, err));
    VAULT_TRY(listener_open(&w.listener, &a->listen, w.notebook, err));
    tell_start(&w, a);
    sigwait(&ends, &signal_number);
    log_event(LOG_INFO, "witness.ended", "asked to end");
    return VAULT_OK;
}

/* ---- the program ---- */

static int exit_code(vault_code code)
{
    if (code == VAULT_OK) return EXIT_SUCCESS;
    if (code == VAULT_UNAVAILABLE) return EXIT_UNAVAILABLE;
    return code == VAULT_INVALID || code == VAULT_NOT_FOUND || code == VAULT_CONFLICT || code == VAULT_INTEGRITY
               ? EXIT_CONFIG
               : EXIT_FAILURE;
}

int witness_run(int argc, char *const *argv, FILE *out)
{
    vault_error err = {0};
    asked a = {.listen = {.address = "127.0.0.1:8843"}};
    int wrong = read_options(&a, argc, argv);
    if (wrong) return wrong;
    if (a.help) return fputs(HELP, out) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
    vault_code code = secret_heap_init(SECRET_HEAP, &err);
    if (code == VAULT_OK) code = a.verb[0] == 'k' ? keygen(&a, out, &err) : serve(&a, &err);
    if (code != VAULT_OK) fprintf(stderr, "vault-witness: %s\n", err.detail);
    return exit_code(code);
}
