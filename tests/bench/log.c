/* bench-log: the ledger in this process, on a log of its own, against the bare insertion of the same bytes.
 *
 *   ours WAITING SECONDS     batches of WAITING lines: each is made (views, salts, hashes, seals), all are appended
 *   unstamped WAITING SECONDS   the same without the check of the control rows' stamp, which the product never leaves
 * out limit WAITING SECONDS    batches of WAITING lines as they stood in the table: one INSERT ... unnest that commits
 *
 * One connection and one thread on both sides. */
#include "tests/bench/bench.h"
#include "tests/bench/pg.h"

#include "keys/keys.h"
#include "vault/audit/audit.h"
#include "vault/base/clock.h"
#include "vault/base/secret.h"
#include <string.h>

enum { POOL = 4096, WAITING_MOST = 4096, MEMORY = 256 << 20 };

static struct {
    const char *database;
    store *store;
    keyring *keys;
    ledger *ledger;
    scribe *scribe;
    aead *dek;
    arena *mem, *kept;
    uint64_t random;
    pg *bare;
    line_row *pool;
    int64_t bare_next;
    int64_t stamp; /* of the control rows */
} bench;

/* ---- ours ---- */

static line_facts facts(void)
{
    return (line_facts){.action = LINE_REVEAL,
                        .outcome = LINE_GRANTED,
                        .app = "eldercare",
                        .department = "civil-affairs",
                        .person = "grid-zhao",
                        .purpose = "elder-care",
                        .basis = "PIPL 13(1)(3)",
                        .ticket = "case 2026-1122",
                        .request = "6f3b1e0a-5c1d-4a53-9a76-2f0a3b7f1e55",
                        .fields = "name",
                        .groups = "identity",
                        .form = "plain",
                        .rule = "eldercare-reveal",
                        .control_version = 1,
                        .record_version = 3,
                        .area = 320411002001,
                        .resident = (int64_t)(random_next(&bench.random) % 200000 + 1),
                        .refers_to = -1};
}

/* As in a reveal: every resident's view is sealed under another key. */
static void make(line *out)
{
    vault_error err = {0};
    uint8_t key[KEY_LEN];
    line_facts f = facts();
    memset(key, 5, sizeof key);
    store_u64(key, (uint64_t)f.resident);
    must(aead_set_key(bench.dek, bytes_of(key, KEY_LEN), &err), &err, "key");
    must(line_make(out, bench.scribe, bench.mem, &f, bench.dek, &err), &err, "line_make");
}

static void append_with(size_t waiting, int64_t stamp)
{
    vault_error err = {0};
    appended done;
    arena_reset(bench.mem);
    line *lines = arena_array(bench.mem, waiting, sizeof *lines);
    for (size_t i = 0; i < waiting; i++) make(&lines[i]);
    const line_batch batch = {.control_version = 1, .control_stamp = stamp, .lines = lines, .count = waiting};
    must(ledger_append(bench.ledger, bench.store, bench.mem, &batch, &done, &err), &err, "append");
}

static void append_ours(size_t waiting)
{
    append_with(waiting, bench.stamp);
}

static void append_unstamped(size_t waiting)
{
    append_with(waiting, 0);
}

/* ---- limit ---- */

static void append_bare(size_t waiting)
{
    size_t from = (size_t)(random_next(&bench.random) % (POOL - waiting + 1));
    pg_lines_insert(bench.bare, bench.pool + from, waiting, bench.bare_next);
    bench.bare_next += (int64_t)waiting;
}

/* ---- start ---- */

static void add_ring(const char *name)
{
    vault_error err = {0};
    ring r;
    uint8_t root[KEY_LEN];
    memset(root, 7, sizeof root);
    must(ring_create(&r, bytes_of(root, KEY_LEN),
                     &(ring_wish){.name = name, .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
         &err, "ring");
    secret_clear(&r.key);
    must(keyring_add(bench.keys, bytes_of(root, KEY_LEN), &r, &err), &err, "keyring");
}

static void open_keys(void)
{
    vault_error err = {0};
    must(secret_heap_init(4 << 20, &err), &err, "secure heap");
    must(keyring_new(&bench.keys, &err), &err, "keyring");
    add_ring("log");
    add_ring("rows");
    must(aead_new(&bench.dek, SUITE_INTL, &err), &err, "aead");
}

/* As many control rows as a vault has: a manifest, and the documents that it names. */
static void put_control_rows(void)
{
    static const char *const names[] = {"schema", "principals", "persons",  "purposes",
                                        "policy", "sharing",    "browsing", "domains"};
    vault_error err = {0};
    static uint8_t sealed[8192];
    const manifest_row row = {.version = 1, .sealed = bytes_of(sealed, sizeof sealed)};
    must(store_manifest_insert(bench.store, &row, &err), &err, "manifest");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const document_row document = {.name = names[i], .version = 1, .sealed = bytes_of(sealed, sizeof sealed)};
        must(store_document_insert(bench.store, &document, &err), &err, "document");
    }
    must(store_control_stamp(bench.store, &bench.stamp, &err), &err, "stamp");
}

static void open_log(void)
{
    vault_error err = {0};
    must(store_open(&bench.store, bench.database, &err), &err, "store_open");
    must(store_create_schema(bench.store, &err), &err, "schema");
    must(store_begin(bench.store, &err), &err, "begin");
    must(ledger_create(bench.store, bench.keys, "resident-vault/bench", sha256(bytes_of_text("manifest")), &err), &err,
         "log");
    must(store_commit(bench.store, &err), &err, "commit");
    put_control_rows();
    must(ledger_open(&bench.ledger, bench.store, bench.keys, "resident-vault/bench", &err), &err, "ledger");
    must(scribe_new(&bench.scribe, bench.ledger, &err), &err, "scribe");
}

static void open_bare(void)
{
    for (size_t i = 0; i < POOL; i += 512) append_ours(512);
    bench.pool = pg_lines_newest(bench.database, bench.kept, POOL);
    bench.bare = pg_open(bench.database);
    pg_lines_table(bench.bare);
    pg_lines_prepare(bench.bare);
    bench.bare_next = pg_number(bench.bare, "SELECT max(idx) + 1 FROM bare.line");
}

static void run(void (*append)(size_t), size_t waiting, double seconds)
{
    samples s = {0};
    window w = {0};
    if (waiting < 1 || waiting > WAITING_MOST) die("1 to %d lines", WAITING_MOST);
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, seconds);) {
        int64_t began = clock_monotonic_us();
        append(waiting);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, waiting);
    }
    window_report(&w, &s);
    samples_clear(&s);
}

int main(int argc, char **argv)
{
    (void)argc;
    command c;
    bench.database = option(argv, "--database");
    bench.mem = arena_new(MEMORY);
    bench.kept = arena_new(MEMORY);
    open_keys();
    open_log();
    open_bare();
    static const struct {
        const char *name;
        void (*append)(size_t waiting);
    } sides[] = {{"ours", append_ours}, {"unstamped", append_unstamped}, {"limit", append_bare}};
    enum { SIDES = sizeof sides / sizeof *sides };
    while (command_read(&c)) {
        size_t i = 0;
        while (i < SIDES && !command_is(&c, sides[i].name, 3)) i++;
        if (i == SIDES) die("bench-log: ours, unstamped or limit, WAITING, SECONDS");
        run(sides[i].append, (size_t)command_number(&c, 1), command_seconds(&c, 2));
    }
    return 0;
}
