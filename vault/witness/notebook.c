/* The judge. One request at a time, from the look at what was cosigned last until the new state is on disk: two that
 * are proven from the same size must not both be cosigned, nor the smaller one after the larger. What is on disk may be
 * ahead of what went out, never behind it. */
#include "vault/audit/witness_request.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/witness/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORIGINS_MAX = 64, STATE_MOST = ORIGINS_MAX * 2 * NOTE_MAX, EVIDENCE_MOST = 32 };
enum {
    REPLY_OK = 200,
    REPLY_BAD_REQUEST = 400,
    REPLY_FORBIDDEN = 403,
    REPLY_NOT_FOUND = 404,
    REPLY_CONFLICT = 409,
    REPLY_UNPROCESSABLE = 422,
    REPLY_FAILED = 500
};

typedef struct known_log {
    char origin[NOTE_NAME_MAX + 1];
    merkle_tree last; /* what was cosigned; at first the empty tree */
    char *note;       /* NULL: nothing was cosigned yet */
} known_log;

struct notebook {
    pthread_mutex_t lock; /* of `logs` and the files */
    const note_signer *me;
    note_key *keys;
    size_t key_count;
    known_log logs[ORIGINS_MAX];
    size_t log_count;
    char *folder;
    int folder_fd; /* locked */
};

/* ---- files ---- */

static const char *path_in(arena *mem, const char *folder, const char *name)
{
    return arena_format(mem, "%s/%s", folder, name);
}

/* The whole state, with this note of this log. */
static json_t *state_json(const notebook *n, const known_log *changed, const char *note, const char *whose_key)
{
    VAULT_CLEANUP(json_clear) json_t *logs = json_object();
    for (size_t i = 0; i < n->log_count; i++) {
        const char *one = &n->logs[i] == changed ? note : n->logs[i].note;
        if (one && json_object_set_new(logs, n->logs[i].origin, json_string(one)) != 0) return NULL;
    }
    return json_pack("{s:O, s:s}", "logs", logs, "witness", whose_key);
}

/* As a text with its newline, in the arena. */
static bytes state_text(const notebook *n, arena *mem, const known_log *changed, const char *note,
                        const note_key *whose_key)
{
    const char *key = cosigner_key_text(whose_key, mem);
    VAULT_CLEANUP(json_clear) json_t *whole = key ? state_json(n, changed, note, key) : NULL;
    size_t flags = JSON_INDENT(1) | JSON_SORT_KEYS, len = whole ? json_dumpb(whole, NULL, 0, flags) : 0;
    char *text = len ? arena_alloc(mem, len + 1) : NULL;
    if (!text) return (bytes){0};
    json_dumpb(whole, text, len, flags);
    text[len] = '\n';
    return bytes_of(text, len + 1);
}

vault_code notebook_create(const char *folder, const note_key *whose_key, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    static const notebook nobody;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    if (mkdir(folder, S_IRWXU) != 0 && errno != EEXIST)
        return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot make the folder: %s", folder, strerrordesc_np(errno));
    const char *path = path_in(mem, folder, "checkpoints");
    bytes text = state_text(&nobody, mem, NULL, NULL, whose_key);
    if (!path || text.len == 0) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    return file_create(path, text, err);
}

/* ---- opening ---- */

static known_log *log_named(notebook *n, bytes origin)
{
    for (size_t i = 0; i < n->log_count; i++) {
        if (bytes_same(origin, bytes_of_text(n->logs[i].origin))) return &n->logs[i];
    }
    return NULL;
}

static vault_code add_log(notebook *n, const char *origin, vault_error *err)
{
    if (log_named(n, bytes_of_text(origin))) return VAULT_OK;
    if (n->log_count == ORIGINS_MAX || strlen(origin) > NOTE_NAME_MAX)
        return vault_fail(err, VAULT_INVALID, "more than 64 logs, or one of too long a name");
    known_log *l = &n->logs[n->log_count++];
    *l = (known_log){.last = {0, merkle_root(NULL, 0)}};
    memcpy(l->origin, origin, strlen(origin));
    return VAULT_OK;
}

static vault_code read_log(notebook *n, const char *origin, const json_t *note, vault_error *err)
{
    const char *text = json_string_value(note);
    bytes body;
    checkpoint c;
    if (!text || !note_unverified(&body, bytes_of_text(text)) || !checkpoint_parse(&c, body) ||
        !bytes_same(c.origin, bytes_of_text(origin)))
        return vault_fail(err, VAULT_INTEGRITY, "%s/checkpoints: what is kept of a log is no checkpoint of it",
                          n->folder);
    VAULT_TRY(add_log(n, origin, err));
    known_log *l = log_named(n, bytes_of_text(origin));
    l->last = c.tree;
    l->note = memory_text(text);
    return VAULT_OK;
}

static vault_code read_state(notebook *n, json_t *state, const char *wanted, vault_error *err)
{
    json_t *logs = NULL, *note;
    const char *whose = NULL, *origin;
    VAULT_TRY(json_shape(state, err, "checkpoints", "{s:o, s:s}", "logs", &logs, "witness", &whose));
    if (strcmp(whose, wanted) != 0)
        return vault_fail(err, VAULT_CONFLICT, "%s: the folder of another witness (%.100s)", n->folder, whose);
    if (!json_is_object(logs)) return vault_fail(err, VAULT_INTEGRITY, "%s/checkpoints: no logs", n->folder);
    json_object_foreach(logs, origin, note) VAULT_TRY(read_log(n, origin, note, err));
    return VAULT_OK;
}

/* A state that is lost is no new beginning: who cosigns from nothing again may cosign a fork. */
static vault_code load(notebook *n, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(json_clear) json_t *state = NULL;
    char *text;
    size_t len;
    const char *path = mem ? path_in(mem, n->folder, "checkpoints") : NULL;
    const char *whose_key = mem ? cosigner_key_text(&n->me->key, mem) : NULL;
    if (!path || !whose_key) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(file_read(&text, &len, path, STATE_MOST, err));
    vault_code code = json_read(&state, bytes_of(text, len), path, err);
    memory_free(text, len);
    if (code == VAULT_OK) code = read_state(n, state, whose_key, err);
    return code == VAULT_INVALID ? err->code = VAULT_INTEGRITY : code;
}

static vault_code lock_folder(notebook *n, vault_error *err)
{
    n->folder_fd = open(n->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (n->folder_fd < 0)
        return vault_fail(err, VAULT_NOT_FOUND, "%s: no such folder (vault-witness keygen makes it)", n->folder);
    if (flock(n->folder_fd, LOCK_EX | LOCK_NB) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "%s: another vault-witness has it open", n->folder);
}

vault_code notebook_open(notebook **out, const notebook_options *o, vault_error *err)
{
    VAULT_CLEANUP(notebook_close) notebook *n = memory_new(sizeof *n);
    pthread_mutex_init(&n->lock, NULL);
    n->folder_fd = -1;
    n->folder = memory_text(o->folder);
    n->me = o->me;
    n->key_count = o->log_count;
    n->keys = memory_array(o->log_count + 1, sizeof *n->keys);
    memcpy(n->keys, o->logs, o->log_count * sizeof *n->keys);
    VAULT_TRY(lock_folder(n, err));
    VAULT_TRY(load(n, err));
    for (size_t i = 0; i < o->log_count; i++) VAULT_TRY(add_log(n, o->logs[i].name, err));
    *out = n;
    n = NULL;
    return VAULT_OK;
}

static void free_text(char *text)
{
    if (text) memory_free(text, strlen(text) + 1);
}

void notebook_close(notebook **at)
{
    notebook *n = *at;
    *at = NULL;
    if (!n) return;
    for (size_t i = 0; i < n->log_count; i++) free_text(n->logs[i].note);
    if (n->folder_fd >= 0) close(n->folder_fd);
    free_text(n->folder);
    memory_free(n->keys, (n->key_count + 1) * sizeof *n->keys);
    pthread_mutex_destroy(&n->lock);
    memory_free(n, sizeof *n);
}

size_t notebook_logs(const notebook *n)
{
    return n->log_count;
}

const char *notebook_origin(const notebook *n, size_t i)
{
    return n->logs[i].origin;
}

int64_t notebook_size(notebook *n, size_t i)
{
    pthread_mutex_lock(&n->lock);
    int64_t size = n->logs[i].last.size;
    pthread_mutex_unlock(&n->lock);
    return size;
}

/* ---- answers ---- */

static reply plain(unsigned status, const char *text)
{
    return (reply){.status = status, .type = "text/plain; charset=utf-8", .text = text};
}

static reply failed(const char *event, const vault_error *err)
{
    log_failure(LOG_ERROR, event, err);
    return plain(REPLY_FAILED, "the witness cannot write or sign now\n");
}

/* One request, and what it says. */
typedef struct question {
    notebook *n;
    arena *mem;
    witness_request asked;
    checkpoint now;
    bytes text; /* of the note */
    known_log *log;
} question;

static reply conflict(const question *q)
{
    const char *size = arena_format(q->mem, "%lld\n", (long long)q->log->last.size);
    return size ? (reply){REPLY_CONFLICT, WITNESS_SIZE_TYPE, size} : plain(REPLY_FAILED, "no memory\n");
}

/* Kept for whoever has to show it. There is an end to it: the requests are anybody's to send. */
static void keep_evidence(const question *q, const char *kind)
{
    vault_error err = {0};
    const char *text = arena_format(q->mem, "%.*s\n%s", (int)q->asked.note.len, (const char *)q->asked.note.at,
                                    q->log->note ? q->log->note : "");
    for (int i = 1; text && i <= EVIDENCE_MOST; i++) {
        const char *path = arena_format(q->mem, "%s/%s-%d", q->n->folder, kind, i);
        if (!path) return;
        vault_code code = file_create(path, bytes_of_text(text), &err);
        if (code == VAULT_OK) log_event(LOG_ERROR, "witness.evidence", "kept in %s", path);
        if (code != VAULT_CONFLICT) return;
        vault_error_clear(&err);
    }
}

static bool same_root(const merkle_tree *a, const merkle_tree *b)
{
    return bytes_same(digest_bytes(&a->root), digest_bytes(&b->root));
}

/* The proof of what is to be cosigned: nothing proves that a tree continues the empty one, or itself. */
static bool is_proven(const question *q)
{
    if (q->asked.old_size == 0 || q->asked.old_size == q->now.tree.size) return q->asked.proof_len == 0;
    return merkle_verify_consistency(&q->log->last, &q->now.tree, (merkle_path){q->asked.proof, q->asked.proof_len});
}

/* On disk first, then in memory: if the first fails, the second still says what went out last. */
static vault_code remember(const question *q, vault_error *err)
{
    const char *note = arena_text(q->mem, q->asked.note), *path = path_in(q->mem, q->n->folder, "checkpoints");
    bytes state = note ? state_text(q->n, q->mem, q->log, note, &q->n->me->key) : (bytes){0};
    if (!path || state.len == 0) return vault_fail(err, VAULT_EXHAUSTED, "no memory for the state");
    VAULT_TRY(file_replace(path, state, err));
    free_text(q->log->note);
    q->log->note = memory_text(note);
    q->log->last = q->now.tree;
    return VAULT_OK;
}

/* As the specification orders its checks; but a fork is seen whatever old size was said with it: the answer is the
 * same, and who lies would rather not say the true one. */
static reply judge(const question *q)
{
    vault_error err = {0};
    const char *line;
    const merkle_tree *last = &q->log->last, *now = &q->now.tree;
    if (q->asked.old_size > now->size) return plain(REPLY_BAD_REQUEST, "the old size is larger than the new one\n");
    if (now->size == last->size && !same_root(last, now)) {
        log_event(LOG_ERROR, "witness.fork", "%s has signed two trees of %lld lines", q->log->origin,
                  (long long)now->size);
        keep_evidence(q, "fork");
        return conflict(q);
    }
    if (q->asked.old_size != last->size) return conflict(q);
    if (!is_proven(q)) {
        log_event(LOG_WARN, "witness.unproven", "%s: %lld lines are not shown to continue %lld", q->log->origin,
                  (long long)now->size, (long long)last->size);
        keep_evidence(q, "unproven");
        return plain(REPLY_UNPROCESSABLE, "the proof does not show that the log only grew\n");
    }
    if (now->size != last->size || !q->log->note)
        if (remember(q, &err) != VAULT_OK) return failed("witness.unwritable", &err);
    if (cosign(&line, q->mem, q->text, q->n->me, clock_now_us() / 1000000, &err) != VAULT_OK)
        return failed("witness.unsigned", &err);
    return plain(REPLY_OK, line);
}

/* Signed by a key of this origin, and wrongly by none. */
static bool is_signed(const question *q)
{
    bool found = false;
    for (size_t i = 0; i < q->n->key_count; i++) {
        bytes text;
        if (!bytes_same(q->now.origin, bytes_of_text(q->n->keys[i].name))) continue;
        note_verdict verdict = note_open(&text, q->asked.note, &q->n->keys[i]);
        if (verdict != NOTE_VERIFIED && verdict != NOTE_NO_SIGNATURE) return false;
        found |= verdict == NOTE_VERIFIED;
    }
    return found;
}

static bool has_key(const notebook *n, bytes origin)
{
    for (size_t i = 0; i < n->key_count; i++) {
        if (bytes_same(origin, bytes_of_text(n->keys[i].name))) return true;
    }
    return false;
}

/* As notes must be; and as the state is written. */
static bool is_utf8(bytes text)
{
    for (size_t len; text.len > 0; text = bytes_of(text.at + len, text.len - len)) {
        if ((len = utf8_sequence(text)) == 0) return false;
    }
    return true;
}

reply notebook_answer(notebook *n, arena *mem, bytes body)
{
    question q = {.n = n, .mem = mem};
    if (!witness_request_read(&q.asked, body) || !note_unverified(&q.text, q.asked.note) ||
        !checkpoint_parse(&q.now, q.text) || !is_utf8(q.asked.note))
        return plain(REPLY_BAD_REQUEST, "not an add-checkpoint request (c2sp.org/tlog-witness)\n");
    if (!has_key(n, q.now.origin)) return plain(REPLY_NOT_FOUND, "no such log here\n");
    if (!is_signed(&q)) return plain(REPLY_FORBIDDEN, "not signed by a key of that log\n");
    pthread_mutex_lock(&n->lock);
    q.log = log_named(n, q.now.origin);
    reply r = judge(&q);
    pthread_mutex_unlock(&n->lock);
    return r;
}
