/* A whole log as tiles. Threads take bundles of 256 entries from front to back, hash them, and compare them with the
 * tile of level 0; what stands above is 256 times less and is compared by one thread; last, the root. What is read of a
 * file goes through the hash once, in place. */
#include "vault/verify/verify.h"

#include "vault/audit/tree_tiles.h"
#include "vault/base/clock.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MOST = 8, BUNDLES_AT_ONCE = 16, SAY_US = 500000 };
static const int64_t SIZE_MOST = INT64_C(1) << 36;

typedef struct fault {
    bool found;
    int64_t bundle;
    finding finding;
} fault;

typedef struct log_check {
    int folder;
    merkle_tree tree, old; /* old.size 0: none is asked about */
    int64_t bundles;
    digest *roots;    /* of the full tiles of level 0: the hashes of level 1 */
    digest *edge;     /* what stands in the last tile of level 0, where it is not full */
    digest *old_edge; /* the same of the tree of the older checkpoint */
    atomic_llong next, done;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t ended;
    fault tampered, incomplete; /* the first of each */
    unsigned running;
} log_check;

/* ---- files ---- */

typedef enum file_state { FILE_READ, FILE_MISSING, FILE_SHORT, FILE_LONG } file_state;

static file_state read_file(int folder, const char *path, uint8_t *out, size_t len)
{
    struct stat about;
    VAULT_CLEANUP(fd_close) int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return FILE_MISSING;
    file_state state = fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) ? FILE_MISSING
                       : about.st_size < (off_t)len                      ? FILE_SHORT
                       : about.st_size > (off_t)len                      ? FILE_LONG
                                                                         : FILE_READ;
    return state == FILE_READ && fd_read(fd, out, len) != (ssize_t)len ? FILE_SHORT : state;
}

static finding bad_file(file_state state, const char *path)
{
    if (state == FILE_READ) return finding_at(VALID, "", NULL);
    if (state == FILE_MISSING) return finding_at(INCOMPLETE, "a file is missing, or cannot be read", "%s", path);
    if (state == FILE_SHORT) return finding_at(INCOMPLETE, "a file is cut off", "%s", path);
    return finding_at(TAMPERED, "a file holds more than its place in the log", "%s", path);
}

/* A tile that is not full may be gone once the full one is there. `unit`: bytes of one of its hashes, or entries. */
static finding read_tile(int folder, const tile_name *t, uint8_t *out, size_t unit)
{
    char path[TILE_PATH_MAX], full[TILE_PATH_MAX];
    tile_path(path, t);
    file_state state = read_file(folder, path, out, t->width * unit);
    if (state != FILE_MISSING || t->width == TILE_WIDTH) return bad_file(state, path);
    tile_path(full, &(tile_name){.level = t->level, .index = t->index, .width = TILE_WIDTH});
    state = read_file(folder, full, out, TILE_WIDTH * unit);
    return bad_file(state, state == FILE_MISSING ? path : full);
}

/* ---- bundles ---- */

typedef struct bundle {
    int64_t index;
    unsigned width;
    uint8_t entries[TILE_BUNDLE_LEN];
    digest tile[TILE_WIDTH], leaves[TILE_WIDTH];
} bundle;

static void note_fault(log_check *k, int64_t index, const finding *f)
{
    fault *first = f->verdict == TAMPERED ? &k->tampered : &k->incomplete;
    pthread_mutex_lock(&k->lock);
    if (!first->found || index < first->bundle) *first = (fault){.found = true, .bundle = index, .finding = *f};
    pthread_mutex_unlock(&k->lock);
}

static finding read_bundle(const log_check *k, bundle *b)
{
    const tile_name entries = tile_at(TILE_ENTRIES, b->index, k->tree.size), tile = tile_at(0, b->index, k->tree.size);
    b->width = entries.width;
    finding f = read_tile(k->folder, &entries, b->entries, TILE_ENTRY_LEN);
    return f.verdict == VALID ? read_tile(k->folder, &tile, (uint8_t *)b->tile, sizeof(digest)) : f;
}

/* An entry is hashed where it lies: the length before it, once seen, makes room for the prefix of a leaf. */
static finding hash_bundle(bundle *b)
{
    uint8_t *at = b->entries;
    for (unsigned i = 0; i < b->width; i++, at += TILE_ENTRY_LEN) {
        bool framed = at[0] == 0 && at[1] == TILE_LEAF_LEN;
        at[1] = 0;
        b->leaves[i] = sha256(bytes_of(at + 1, 1 + TILE_LEAF_LEN));
        if (framed && memcmp(b->leaves[i].at, b->tile[i].at, DIGEST_LEN) == 0) continue;
        return finding_at(TAMPERED,
                          framed ? "an entry does not have the hash of its tile" : "an entry's length is none",
                          "line %lld", (long long)b->index * TILE_WIDTH + i);
    }
    return finding_at(VALID, "", NULL);
}

static void keep_bundle(log_check *k, const bundle *b)
{
    if (b->width == TILE_WIDTH)
        k->roots[b->index] = tile_root(b->leaves);
    else
        memcpy(k->edge, b->leaves, b->width * sizeof(digest));
    if (k->old.size > 0 && b->index == k->old.size / TILE_WIDTH) memcpy(k->old_edge, b->leaves, sizeof b->leaves);
}

/* Behind what is known to be tampered with nothing is looked at. */
static bool behind_fault(log_check *k, int64_t index)
{
    pthread_mutex_lock(&k->lock);
    bool behind = k->tampered.found && index > k->tampered.bundle;
    pthread_mutex_unlock(&k->lock);
    return behind;
}

static void check_bundles(log_check *k, bundle *b, int64_t from)
{
    int64_t end = from + BUNDLES_AT_ONCE < k->bundles ? from + BUNDLES_AT_ONCE : k->bundles;
    for (b->index = from; b->index < end; b->index++) {
        finding f = read_bundle(k, b);
        if (f.verdict == VALID) f = hash_bundle(b);
        if (f.verdict == VALID)
            keep_bundle(k, b);
        else
            note_fault(k, b->index, &f);
    }
    atomic_fetch_add(&k->done, end - from);
}

static void *work(void *context)
{
    log_check *k = context;
    bundle *b = memory_new(sizeof *b);
    int64_t from;
    while ((from = atomic_fetch_add(&k->next, BUNDLES_AT_ONCE)) < k->bundles && !behind_fault(k, from))
        check_bundles(k, b, from);
    memory_free(b, sizeof *b);
    pthread_mutex_lock(&k->lock);
    k->running--;
    pthread_cond_signal(&k->ended);
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* ---- threads and progress ---- */

static void say(const log_check *k, int64_t begun_us, bool terminal)
{
    double seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    int64_t lines = atomic_load(&k->done) * TILE_WIDTH;
    if (lines > k->tree.size) lines = k->tree.size;
    fprintf(stderr, "%s%lld of %lld lines, %.0f lines/s%s", terminal ? "\r\033[K" : "", (long long)lines,
            (long long)k->tree.size, seconds > 0 ? (double)lines / seconds : 0, terminal ? "" : "\n");
    (void)fflush(stderr);
}

static void await(log_check *k, bool quiet)
{
    int64_t begun_us = clock_monotonic_us(), said_us = begun_us;
    bool terminal = isatty(STDERR_FILENO) == 1;
    pthread_mutex_lock(&k->lock);
    while (k->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SAY_US * 1000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&k->ended, &k->lock, &until);
        if (quiet || clock_monotonic_us() - said_us < (terminal ? 1 : 10) * SAY_US) continue;
        said_us = clock_monotonic_us();
        say(k, begun_us, terminal);
    }
    pthread_mutex_unlock(&k->lock);
    if (!quiet && terminal) fputs("\r\033[K", stderr);
}

static unsigned threads_of(const log_question *q, int64_t bundles)
{
    long processors = q->threads ? (long)q->threads : sysconf(_SC_NPROCESSORS_ONLN);
    int64_t useful = (bundles + BUNDLES_AT_ONCE - 1) / BUNDLES_AT_ONCE;
    long most = useful < THREADS_MOST ? (long)useful : THREADS_MOST;
    return processors < 1 || most < 1 ? 1 : processors < most ? (unsigned)processors : (unsigned)most;
}

static void run_threads(log_check *k, const log_question *q)
{
    pthread_t threads[THREADS_MOST];
    unsigned wanted = threads_of(q, k->bundles), begun = 0;
    k->running = wanted;
    while (begun < wanted && pthread_create(&threads[begun], NULL, work, k) == 0) begun++;
    pthread_mutex_lock(&k->lock);
    k->running -= wanted - begun;
    k->running += begun == 0; /* none could be made: this one does it */
    pthread_mutex_unlock(&k->lock);
    if (begun == 0) (void)work(k);
    await(k, q->quiet);
    for (unsigned i = 0; i < begun; i++) pthread_join(threads[i], NULL);
}

/* ---- what stands above ---- */

/* The hashes of one level, and what the tree of the older checkpoint ends in there. */
typedef struct level_hashes {
    int level;
    digest *at;
    int64_t count;
} level_hashes;

static finding check_tile(const log_check *k, const level_hashes *h, int64_t index)
{
    digest tile[TILE_WIDTH];
    const tile_name name = tile_at(h->level, index, k->tree.size);
    finding f = read_tile(k->folder, &name, (uint8_t *)tile, sizeof(digest));
    if (f.verdict != VALID) return f;
    for (unsigned i = 0; i < name.width; i++) {
        if (memcmp(tile[i].at, h->at[index * TILE_WIDTH + i].at, DIGEST_LEN) == 0) continue;
        int64_t each = INT64_C(1) << (TILE_HEIGHT * h->level), first = (index * TILE_WIDTH + i) * each;
        return finding_at(TAMPERED, "a tile does not have the hashes of those below it", "tile %d, lines %lld to %lld",
                          h->level, (long long)first, (long long)(first + each - 1));
    }
    return finding_at(VALID, "", NULL);
}

/* The end of a level as the edges of the two trees have it. */
static void keep_edges(const log_check *k, const level_hashes *h, tile_edge *edge, tile_edge *old)
{
    size_t width = tile_edge_width(edge, h->level), old_width = tile_edge_width(old, h->level);
    memcpy(edge->at[h->level], h->at + h->count - (int64_t)width, width * sizeof(digest));
    int64_t old_count = old->size >> (TILE_HEIGHT * h->level);
    if (k->old.size > 0) memcpy(old->at[h->level], h->at + old_count - (int64_t)old_width, old_width * sizeof(digest));
}

/* The hashes of the level above, in the place of those of this one. */
static void go_up(level_hashes *h)
{
    int64_t full = h->count / TILE_WIDTH;
    for (int64_t i = 0; i < full; i++) h->at[i] = tile_root(&h->at[i * TILE_WIDTH]);
    h->level++;
    h->count = full;
}

static finding check_levels(log_check *k, tile_edge *edge, tile_edge *old)
{
    level_hashes h = {.level = 1, .at = k->roots, .count = k->tree.size / TILE_WIDTH};
    memcpy(edge->at[0], k->edge, tile_edge_width(edge, 0) * sizeof(digest));
    if (k->old.size > 0) memcpy(old->at[0], k->old_edge, tile_edge_width(old, 0) * sizeof(digest));
    for (; h.count > 0 && h.level < TILE_LEVELS; go_up(&h)) {
        for (int64_t i = 0; i < tile_count(h.level, k->tree.size); i++) {
            finding f = check_tile(k, &h, i);
            if (f.verdict != VALID) return f;
        }
        keep_edges(k, &h, edge, old);
    }
    return finding_at(VALID, "", NULL);
}

static bool same_root(const tile_edge *e, const merkle_tree *tree)
{
    merkle_tree made = tile_edge_tree(e);
    return bytes_same(digest_bytes(&made.root), digest_bytes(&tree->root));
}

static finding not_continued(const log_check *k)
{
    return finding_at(TAMPERED, "the log does not continue the older checkpoint: it was forked or edited",
                      "lines 0 to %lld", (long long)k->old.size - 1);
}

static finding check_roots(log_check *k)
{
    tile_edge *edge = memory_new(sizeof *edge), *old = memory_new(sizeof *old);
    edge->size = k->tree.size;
    old->size = k->old.size;
    finding f = check_levels(k, edge, old);
    if (f.verdict == VALID && !same_root(edge, &k->tree))
        f = finding_at(TAMPERED, "the lines do not have the root of the checkpoint", "lines 0 to %lld",
                       (long long)k->tree.size - 1);
    if (f.verdict == VALID && k->old.size > 0 && !same_root(old, &k->old)) f = not_continued(k);
    memory_free(edge, sizeof *edge);
    memory_free(old, sizeof *old);
    return f;
}

/* ---- the checkpoints ---- */

/* A checkpoint that has been signed, and whose it is. */
typedef struct signed_tree {
    char origin[NOTE_NAME_MAX + 1];
    merkle_tree tree;
} signed_tree;

static finding read_checkpoint(signed_tree *out, const char *path, const key_list *keys)
{
    VAULT_CLEANUP(file_text_clear) file_text note = {0};
    vault_error dropped = {0};
    checkpoint head;
    if (file_read(&note.at, &note.len, path, NOTE_MAX, &dropped) != VAULT_OK)
        return finding_at(INCOMPLETE, "a checkpoint cannot be read", "%.120s", path);
    finding f = check_checkpoint(&head, bytes_of(note.at, note.len), keys);
    if (f.verdict == VALID) {
        out->tree = head.tree;
        snprintf(out->origin, sizeof out->origin, "%.*s", (int)head.origin.len, (const char *)head.origin.at);
    }
    if (f.verdict != VALID && !f.place[0]) snprintf(f.place, sizeof f.place, "%.120s", path);
    return f;
}

/* An older checkpoint is good without witnesses, and before a rotation it had one key: it is the reader's own. */
static finding read_both(log_check *k, const log_question *q)
{
    char path[4096];
    key_list plain = *q->keys;
    plain.policy = NULL;
    plain.all = false;
    if (snprintf(path, sizeof path, "%s/checkpoint", q->folder) >= (int)sizeof path)
        return finding_at(INCOMPLETE, "a name is too long", NULL);
    signed_tree now = {0}, then = {0};
    finding f = read_checkpoint(&now, path, q->keys), old = f;
    if (f.verdict == VALID && q->old) old = read_checkpoint(&then, q->old, &plain);
    if (old.verdict != VALID) return old;
    if (q->old && strcmp(now.origin, then.origin) != 0)
        return finding_at(UNVERIFIABLE, "the older checkpoint is of another log", "%.120s", q->old);
    k->tree = now.tree;
    k->old = then.tree;
    if (k->old.size > k->tree.size)
        return finding_at(TAMPERED, "the log is shorter than the older checkpoint: its end was cut off", "line %lld",
                          (long long)k->tree.size);
    return k->tree.size <= SIZE_MOST ? f : finding_at(INCOMPLETE, "more lines than this program holds", NULL);
}

/* ---- all of it ---- */

static finding worst(const log_check *k)
{
    return k->tampered.found ? k->tampered.finding : k->incomplete.finding;
}

static json_t *facts_of(const log_check *k)
{
    char root[4 * ((DIGEST_LEN + 2) / 3) + 1];
    base64_encode(root, digest_bytes(&k->tree.root));
    json_t *facts = json_pack("{s:I, s:s}", "lines", (json_int_t)k->tree.size, "root", root);
    if (k->old.size > 0) json_object_set_new(facts, "continues", json_integer(k->old.size));
    return facts;
}

/* Two checkpoints that the log has signed of as many lines: no file need be there to see the fork. */
static bool has_two_roots(const log_check *k)
{
    return k->old.size > 0 && k->old.size == k->tree.size &&
           !bytes_same(digest_bytes(&k->old.root), digest_bytes(&k->tree.root));
}

static finding check_all(log_check *k, const log_question *q)
{
    k->bundles = tile_count(TILE_ENTRIES, k->tree.size);
    size_t full = (size_t)(k->tree.size / TILE_WIDTH) + 1;
    k->roots = memory_array(full, sizeof *k->roots);
    k->edge = memory_array(2 * TILE_WIDTH, sizeof *k->edge);
    k->old_edge = k->edge + TILE_WIDTH;
    run_threads(k, q);
    finding f = k->tampered.found || k->incomplete.found ? worst(k) : check_roots(k);
    if (f.verdict == INCOMPLETE && has_two_roots(k)) f = not_continued(k);
    if (f.verdict == VALID) f.facts = facts_of(k);
    memory_free(k->edge, 2 * TILE_WIDTH * sizeof *k->edge);
    memory_free(k->roots, full * sizeof *k->roots);
    return f;
}

finding check_log(const log_question *q)
{
    log_check k = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    finding f = read_both(&k, q);
    if (f.verdict != VALID) return f;
    k.folder = open(q->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k.folder < 0) return finding_at(INCOMPLETE, "it cannot be read", NULL);
    size_t unchecked = f.unchecked;
    f = check_all(&k, q);
    f.unchecked = unchecked;
    close(k.folder);
    return f;
}
