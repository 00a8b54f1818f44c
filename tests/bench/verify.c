/* bench-verify: vault-verify over an exported log, against SHA-256 of the same bytes. --folder FOLDER (of the log,
 * which is made at the start) --lines COUNT
 *
 *   verify THREADS SECONDS     vault-verify log: files, every entry, every tile, the root
 *   messages THREADS SECONDS   SHA-256 of the same messages, one by one, in memory: of each line 00 || leaf (75 bytes)
 *                              and 01 || left || right (65 bytes)
 *   stream THREADS SECONDS     SHA-256 of as many bytes (140 a line) in one piece a thread, in memory
 *   files SECONDS              SHA-256 of all files of entries and tiles (108 bytes a line), as sha256sum reads them */
#include "tests/bench/bench.h"

#include "vault/audit/tree_tiles.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include "vault/verify/verify.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "resident-vault/bench"
enum { LEAF = TILE_LEAF_LEN, LEAF_MESSAGE = 1 + LEAF, NODE_MESSAGE = 1 + 2 * DIGEST_LEN, THREADS_MOST = 8 };

static struct {
    const char *folder;
    int64_t lines;
    key_list keys;
    uint8_t bundle[TILE_BUNDLE_LEN];
} bench;

/* ---- the log ---- */

static vault_code put(void *context, const tile_name *t, bytes content, vault_error *err)
{
    char name[TILE_PATH_MAX], path[512], part[512];
    (void)context, (void)err;
    tile_path(name, t);
    snprintf(path, sizeof path, "%s/%s", bench.folder, name);
    FILE *f = fopen(path, "wb");
    for (const char *slash = strchr(path + 1, '/'); !f && slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        (void)mkdir(part, 0755);
    }
    if (!f) f = fopen(path, "wb");
    if (!f || fwrite(content.at, 1, content.len, f) != content.len || fclose(f) != 0)
        die("%s: cannot be written", path);
    return VAULT_OK;
}

/* Leaves as they are: a version, a time, an action, and what looks random. */
static void make_leaf(uint8_t *out, int64_t i)
{
    uint8_t number[8];
    store_u64(number, (uint64_t)i);
    digest d = sha256(bytes_of(number, sizeof number));
    out[0] = 1;
    store_u64(out + 1, UINT64_C(1763784000000000) + (uint64_t)i);
    out[9] = 2;
    memcpy(out + 10, d.at, DIGEST_LEN);
    memcpy(out + 10 + DIGEST_LEN, d.at, DIGEST_LEN);
}

static merkle_tree write_log(void)
{
    vault_error err = {0};
    tile_edge *edge = memory_new(sizeof *edge);
    const tile_sink to = {put, NULL};
    for (int64_t i = 0; i < bench.lines; i++) {
        uint8_t *at = bench.bundle + (i % TILE_WIDTH) * TILE_ENTRY_LEN;
        at[0] = 0, at[1] = LEAF;
        make_leaf(at + 2, i);
        digest leaf = merkle_leaf(bytes_of(at + 2, LEAF));
        must(tile_edge_add(edge, &leaf, &to, &err), &err, "tiles");
        if ((i + 1) % TILE_WIDTH && i + 1 < bench.lines) continue;
        const tile_name name = tile_at(TILE_ENTRIES, i / TILE_WIDTH, bench.lines);
        (void)put(NULL, &name, bytes_of(bench.bundle, name.width * TILE_ENTRY_LEN), &err);
    }
    must(tile_edge_put(edge, &to, &err), &err, "tiles");
    merkle_tree tree = tile_edge_tree(edge);
    memory_free(edge, sizeof *edge);
    return tree;
}

static void make_log(void)
{
    vault_error err = {0};
    char path[512];
    uint8_t seed[KEY_LEN] = {7};
    const char *note;
    note_signer by;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    merkle_tree tree = write_log();
    must(signer_new(&by.by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err, "signer");
    must(note_key_make(&by.key, NAME, SIGNATURE_ED25519, signer_public_key(by.by), &err), &err, "key");
    must(note_sign(&note, mem, bytes_of_text(checkpoint_text(mem, NAME, &tree)), &by, 1, &err), &err, "note");
    snprintf(path, sizeof path, "%s/checkpoint", bench.folder);
    must(file_replace(path, bytes_of_text(note), &err), &err, "checkpoint");
    bench.keys = (key_list){.at = {by.key}, .count = 1};
    signer_free(&by.by);
}

/* ---- sides: one piece is the whole log once ---- */

static void verify(unsigned threads)
{
    finding f =
        check_log(&(log_question){.folder = bench.folder, .keys = &bench.keys, .threads = threads, .quiet = true});
    if (f.verdict != VALID) die("%s: %s %s", verdict_name(f.verdict), f.why, f.place);
    json_decref(f.facts);
}

typedef struct part {
    int64_t lines;
    bool stream;
    digest end;
} part;

/* Each message waits for no other, as the leaves of a log do not. */
static void *hash_part(void *context)
{
    part *p = context;
    uint8_t leaf[LEAF_MESSAGE] = {0}, node[NODE_MESSAGE] = {1};
    for (int64_t i = 0; i < p->lines; i++) {
        leaf[1 + i % LEAF]++;
        node[1 + i % DIGEST_LEN]++;
        digest a = sha256(bytes_of(leaf, sizeof leaf)), b = sha256(bytes_of(node, sizeof node));
        p->end.at[i % DIGEST_LEN] ^= a.at[0] ^ b.at[0];
    }
    return NULL;
}

static void *stream_part(void *context)
{
    enum { BLOCK = 100 * (LEAF_MESSAGE + NODE_MESSAGE) };
    static const uint8_t block[BLOCK] = {1};
    part *p = context;
    digest_stream s;
    digest_begin(&s);
    for (int64_t i = 0; i < p->lines; i += 100) digest_add(&s, bytes_of(block, BLOCK));
    p->end = digest_end(&s);
    return NULL;
}

static void hash_all(unsigned threads, void *(*work)(void *))
{
    pthread_t at[THREADS_MOST];
    part parts[THREADS_MOST] = {0};
    for (unsigned i = 0; i < threads; i++) {
        parts[i].lines = bench.lines / threads;
        if (pthread_create(&at[i], NULL, work, &parts[i]) != 0) die("no thread");
    }
    for (unsigned i = 0; i < threads; i++) pthread_join(at[i], NULL);
}

static void messages(unsigned threads)
{
    hash_all(threads, hash_part);
}

static void stream(unsigned threads)
{
    hash_all(threads, stream_part);
}

static void add_file(digest_stream *s, const tile_name *t)
{
    static uint8_t block[1 << 16];
    char name[TILE_PATH_MAX], path[512];
    tile_path(name, t);
    snprintf(path, sizeof path, "%s/%s", bench.folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) die("%s: cannot be read", path);
    for (size_t got; (got = fread(block, 1, sizeof block, f)) > 0;) digest_add(s, bytes_of(block, got));
    (void)fclose(f);
}

static void files(unsigned threads)
{
    digest_stream s;
    (void)threads;
    digest_begin(&s);
    for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++)
        for (int64_t i = 0; i < tile_count(level, bench.lines); i++) {
            const tile_name name = tile_at(level, i, bench.lines);
            add_file(&s, &name);
        }
    (void)digest_end(&s);
}

/* ---- commands ---- */

static void run(void (*side)(unsigned), unsigned threads, double seconds)
{
    samples s = {0};
    window w = {0};
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, seconds);) {
        int64_t began = clock_monotonic_us();
        side(threads);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, (uint64_t)bench.lines);
    }
    window_report(&w, &s);
    samples_clear(&s);
}

static unsigned threads_of(const command *c)
{
    long threads = command_number(c, 1);
    if (threads < 1 || threads > THREADS_MOST) die("1 to %d threads", THREADS_MOST);
    return (unsigned)threads;
}

int main(int argc, char **argv)
{
    command c;
    vault_error err = {0};
    (void)argc;
    must(secret_heap_init(1 << 20, &err), &err, "secure heap");
    bench.folder = option(argv, "--folder");
    bench.lines = strtoll(option(argv, "--lines"), NULL, 10);
    if (bench.lines < 1000) die("--lines is 1,000 or more");
    make_log();
    while (command_read(&c)) {
        if (command_is(&c, "verify", 3))
            run(verify, threads_of(&c), command_seconds(&c, 2));
        else if (command_is(&c, "messages", 3))
            run(messages, threads_of(&c), command_seconds(&c, 2));
        else if (command_is(&c, "stream", 3))
            run(stream, threads_of(&c), command_seconds(&c, 2));
        else if (command_is(&c, "files", 2))
            run(files, 1, command_seconds(&c, 1));
        else
            die("bench-verify: verify, messages or stream, THREADS, SECONDS; files SECONDS");
    }
    return 0;
}
