/* bench-bare: what PostgreSQL and the cipher can do by themselves, on the rows and lines that the vault has made. As
 * many connections as vaultd has workers, each with a thread.
 *
 *   prepare                        data keys opened, a second line table, the newest lines read
 *   reveal-batch ITEMS SECONDS     read the rows of ITEMS random residents, insert and commit as many lines, open one
 *   value of each with AES-256-GCM of libgcrypt (its data key is at hand already)
 *   issue-batch ITEMS SECONDS      the same rows by natural key, and as many lines; no cipher at all
 *   dump                           the rows of the three resident tables, into memory, as binary COPY gives them
 *   put                            the same rows by binary COPY into the same tables, which the caller has emptied
 *   search KIND SECONDS            the ids of searches like the vault's (query.h, search.c)
 *   search-whole KIND SECONDS      the same; then the rows found, and as many lines inserted and committed */
#include "tests/bench/bench.h"
#include "tests/bench/pg.h"
#include "tests/bench/search.h"

#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include "vault/control/control.h"
#include "vault/record/internal.h"
#include <gcrypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 3, POOL = 8192, CONNECTIONS_MAX = 16, NAME_FIELD = 2, KEYS_AT_ONCE = 4096, COPY_PIECE = 1 << 18 };

/* Tuples of a binary COPY, without its header and trailer. */
typedef struct dump {
    uint8_t *at;
    size_t len, cap;
    size_t *starts, rows, room; /* where each row begins; one more at the end */
} dump;

typedef struct lane {
    pg *pg;
    pthread_t thread;
    uint64_t random;
    samples samples;
    gcry_cipher_hd_t cipher;
    size_t number;
    searcher *searcher;
} lane;

static struct {
    const char *database, *root_key;
    lane lanes[CONNECTIONS_MAX];
    size_t lane_count;
    arena *kept;
    line_row *pool;
    atomic_llong next_line;
    int64_t *ids;                     /* of all residents, in order */
    uint8_t (*deks)[RECORD_KEYS_LEN]; /* beside them */
    uint8_t (*naturals)[NATURAL_KEY_LEN];
    uint64_t residents;
    size_t items;
    void (*batch)(lane *l);
    generator *people;
    query_kind query;
    bool whole; /* rows and lines, too */
    window window;
    dump tables[TABLES];
} bare;

/* ---- the keys of all residents ---- */

/* Ids begin with the number of a sequence; what stands behind it is random (vault/service/records.c). */
static size_t place_of(int64_t id)
{
    return (size_t)((id >> 31) - (bare.ids[0] >> 31));
}

static void read_ids(pg *p)
{
    pg_prepare(p, "ids", "SELECT id FROM resident ORDER BY id");
    PGresult *rows = pg_execute(p, "ids");
    bare.residents = (uint64_t)PQntuples(rows);
    bare.ids = memory_array(bare.residents, sizeof *bare.ids);
    for (size_t i = 0; i < bare.residents; i++) {
        bare.ids[i] = (int64_t)load_u64((const uint8_t *)PQgetvalue(rows, (int)i, 0));
        if (place_of(bare.ids[i]) != i) die("ids are not without gaps");
    }
    PQclear(rows);
}

static void open_dek(aead *a, const resident_row *row)
{
    vault_error err = {0};
    uint8_t aad[14];
    writer context = writer_over(aad, sizeof aad); /* record.h */
    if (!row->found) die("resident %lld is not there", (long long)row->id);
    memcpy(bare.naturals[place_of(row->id)], row->natural_key, NATURAL_KEY_LEN);
    put_u8(&context, 'D');
    put_u8(&context, SUITE_INTL);
    put_u32(&context, (uint32_t)row->ring_version);
    put_u64(&context, (uint64_t)row->id);
    must(aead_open(a, bare.deks[place_of(row->id)], writer_bytes(&context), row->dek, &err), &err, "data key");
}

static void open_deks(store *s, const keyring *keys)
{
    vault_error err = {0};
    aead *a = NULL;
    int64_t ids[KEYS_AT_ONCE];
    arena *mem = arena_new(256 << 20);
    const ring *wraps = keyring_active(keys, "record");
    must(aead_new(&a, wraps->suite, &err), &err, "aead");
    must(aead_set_key(a, secret_bytes(&wraps->key), &err), &err, "aead");
    bare.deks = memory_array(bare.residents, sizeof *bare.deks);
    bare.naturals = memory_array(bare.residents, sizeof *bare.naturals);
    for (uint64_t from = 0; from < bare.residents; from += KEYS_AT_ONCE) {
        size_t count = bare.residents - from < KEYS_AT_ONCE ? bare.residents - from : KEYS_AT_ONCE;
        arena_reset(mem);
        resident_row *rows = arena_array(mem, count, sizeof *rows);
        for (size_t i = 0; i < count; i++) ids[i] = bare.ids[from + i];
        must(store_residents_by_id(s, mem, ids, count, rows, &err), &err, "rows");
        for (size_t i = 0; i < count; i++) open_dek(a, &rows[i]);
    }
    arena_free(&mem);
    aead_free(&a);
}

static void open_keys(void)
{
    vault_error err = {0};
    secret root = {0};
    store *s = NULL;
    control *c = NULL;
    must(root_key_from_file(&root, bare.root_key, &err), &err, "root key");
    must(store_open(&s, bare.database, &err), &err, "store_open");
    must(control_open(&c, s, secret_bytes(&root), &err), &err, "control_open");
    open_deks(s, control_keys(c));
    control_close(&c);
    store_close(&s);
    secret_clear(&root);
}

#define ROWS                                                                                                           \
    "SELECT r.id, r.natural_key, r.area, r.state, r.version, r.sealed, r.terms, r.tag, k.ring_version, k.dek"          \
    " FROM resident r JOIN resident_key k ON k.id = r.id WHERE "

static void prepare(void)
{
    pg *p = bare.lanes[0].pg;
    read_ids(p);
    open_keys();
    bare.kept = arena_new(256 << 20);
    bare.pool = pg_lines_newest(bare.database, bare.kept, POOL);
    pg_lines_table(p);
    atomic_store(&bare.next_line, pg_number(p, "SELECT max(idx) + 1 FROM bare.line"));
    for (size_t i = 0; i < bare.lane_count; i++) {
        lane *l = &bare.lanes[i];
        pg_lines_prepare(l->pg);
        pg_prepare(l->pg, "rows", ROWS "r.id = ANY($1::bigint[])");
        pg_prepare(l->pg, "rows of keys", ROWS "r.natural_key = ANY($1::bytea[])");
        if (gcry_cipher_open(&l->cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, GCRY_CIPHER_SECURE)) die("cipher");
    }
}

/* ---- reveal-batch and issue-batch ---- */

static void open_value(lane *l, int64_t id, bytes sealed)
{
    vault_error err = {0};
    uint8_t aad[FIELD_AAD_LEN], out[1024];
    segment s;
    bool found;
    must(pack_find(&s, &found, sealed, NAME_FIELD, &err), &err, "pack");
    if (!found) die("resident %lld has no name", (long long)id);
    bytes about = field_aad(aad, id, &s);
    size_t len = s.sealed.len - SEAL_OVERHEAD;
    gcry_error_t failed = gcry_cipher_setkey(l->cipher, bare.deks[place_of(id)], KEY_LEN);
    if (!failed) failed = gcry_cipher_setiv(l->cipher, s.sealed.at, NONCE_LEN);
    if (!failed) failed = gcry_cipher_authenticate(l->cipher, about.at, about.len);
    if (!failed) failed = gcry_cipher_final(l->cipher);
    if (!failed) failed = gcry_cipher_decrypt(l->cipher, out, sizeof out, s.sealed.at + NONCE_LEN, len);
    if (!failed) failed = gcry_cipher_checktag(l->cipher, s.sealed.at + NONCE_LEN + len, TAG_LEN);
    if (failed) die("resident %lld: %s", (long long)id, gcry_strerror(failed));
}

static void append(lane *l, size_t count)
{
    pg_lines_insert(l->pg, bare.pool + random_next(&l->random) % (POOL - count), count,
                    atomic_fetch_add(&bare.next_line, (long long)count));
}

static void issue(lane *l)
{
    pg_array(l->pg, PG_BYTEA, bare.items);
    for (size_t i = 0; i < bare.items; i++)
        pg_bytea(l->pg, bytes_of(bare.naturals[random_next(&l->random) % bare.residents], NATURAL_KEY_LEN));
    PQclear(pg_execute(l->pg, "rows of keys"));
    append(l, bare.items);
}

static void reveal(lane *l)
{
    enum { ID, SEALED = 5 };
    pg_array(l->pg, PG_INT8, bare.items);
    for (size_t i = 0; i < bare.items; i++) pg_int8(l->pg, bare.ids[random_next(&l->random) % bare.residents]);
    PGresult *rows = pg_execute(l->pg, "rows");
    append(l, bare.items);
    for (int i = 0; i < PQntuples(rows); i++) {
        int64_t id = (int64_t)load_u64((const uint8_t *)PQgetvalue(rows, i, ID));
        open_value(l, id, bytes_of(PQgetvalue(rows, i, SEALED), (size_t)PQgetlength(rows, i, SEALED)));
    }
    PQclear(rows);
}

static void *batch_on(void *argument)
{
    lane *l = argument;
    while (!atomic_load(&bare.window.until)) {
        int64_t began = clock_monotonic_us();
        bare.batch(l);
        if (window_counts(&bare.window)) samples_add(&l->samples, clock_monotonic_us() - began, bare.items);
    }
    return NULL;
}

/* ---- search ---- */

/* The rows of those found, and as many lines and one more, as the vault writes them. */
static void fetch_and_log(lane *l, const int64_t *ids, size_t count)
{
    pg_array(l->pg, PG_INT8, count);
    for (size_t i = 0; i < count; i++) pg_int8(l->pg, ids[i]);
    PQclear(pg_execute(l->pg, "rows"));
    append(l, count + 1);
}

static void *search_on(void *argument)
{
    lane *l = argument;
    int64_t ids[QUERY_RESULTS];
    while (!atomic_load(&bare.window.until)) {
        resident r;
        query q;
        do generator_resident(bare.people, random_next(&l->random) % bare.residents, &r);
        while (!query_make(&q, bare.query, &r));
        int64_t began = clock_monotonic_us();
        size_t count = searcher_find(l->searcher, l->pg, bare.query, &r, ids);
        if (bare.whole) fetch_and_log(l, ids, count);
        if (window_counts(&bare.window)) samples_add(&l->samples, clock_monotonic_us() - began, 1);
    }
    return NULL;
}

/* After `prepare`. */
static void open_searchers(void)
{
    if (bare.people) return;
    bare.people = generator_new(1);
    for (size_t i = 0; i < bare.lane_count; i++) {
        bare.lanes[i].searcher = searcher_open(bare.database, bare.root_key);
        searcher_prepare(bare.lanes[i].pg);
    }
}

static void start(void *(*work)(void *));
static void join(void);

static void search(double seconds)
{
    open_searchers();
    start(search_on);
    window_run(&bare.window, seconds);
    join();
}

/* ---- put ---- */

static void keep(dump *d, const char *row, size_t len)
{
    if (d->len + len > d->cap) {
        size_t cap = (d->len + len) * 2;
        d->at = memory_grow(d->at, d->cap, cap);
        d->cap = cap;
    }
    if (d->rows + 2 > d->room) {
        size_t room = (d->rows + 2) * 2;
        d->starts = memory_grow(d->starts, d->room * sizeof *d->starts, room * sizeof *d->starts);
        d->room = room;
    }
    memcpy(d->at + d->len, row, len);
    d->starts[d->rows++] = d->len;
    d->len += len;
    d->starts[d->rows] = d->len;
}

enum { HEADER = 19, TRAILER = 2 };

/* libpq gives a row at a time; the first has the header before it, and the trailer stands alone. */
static void dump_table(dump *d, pg *p, const char *sql)
{
    char *row;
    int len;
    d->len = d->rows = 0;
    PQclear(PQexec(p->conn, sql));
    for (bool first = true; (len = PQgetCopyData(p->conn, &row, 0)) > 0; first = false) {
        size_t skip = first ? HEADER : 0;
        if ((size_t)len > skip + TRAILER) keep(d, row + skip, (size_t)len - skip);
        PQfreemem(row);
    }
    if (len != -1) die("%s: %s", sql, PQerrorMessage(p->conn));
    PQclear(PQgetResult(p->conn));
    PQclear(PQgetResult(p->conn));
}

static void copy_in(lane *l, const dump *d, const char *sql)
{
    static const char header[HEADER] = "PGCOPY\n\377\r\n\0", trailer[TRAILER] = "\377\377";
    PGconn *conn = l->pg->conn;
    size_t low = d->rows * l->number / bare.lane_count, high = d->rows * (l->number + 1) / bare.lane_count;
    PQclear(PQexec(conn, sql));
    int good = PQputCopyData(conn, header, HEADER);
    for (size_t at = d->starts[low], end = d->starts[high]; good == 1 && at < end; at += COPY_PIECE) {
        size_t len = end - at < COPY_PIECE ? end - at : COPY_PIECE;
        good = PQputCopyData(conn, (const char *)d->at + at, (int)len);
    }
    if (good != 1 || PQputCopyData(conn, trailer, TRAILER) != 1 || PQputCopyEnd(conn, NULL) != 1)
        die("copy: %s", PQerrorMessage(conn));
    PGresult *r = PQgetResult(conn);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) die("copy: %s", PQerrorMessage(conn));
    PQclear(r);
    PQclear(PQgetResult(conn));
}

static const char *const copies[TABLES][2] = {
    {"COPY resident TO STDOUT (FORMAT binary)", "COPY resident FROM STDIN (FORMAT binary)"},
    {"COPY resident_key TO STDOUT (FORMAT binary)", "COPY resident_key FROM STDIN (FORMAT binary)"},
    /* By entry of a batch of 512, and not the whole in the order of the index: neither side has all residents at once.
     */
    {"COPY (SELECT t.* FROM resident_term t JOIN (SELECT id, row_number() OVER (ORDER BY id) / 512 AS part FROM "
     "resident) r"
     " USING (id) ORDER BY r.part, t.term, t.area, t.id) TO STDOUT (FORMAT binary)",
     "COPY resident_term FROM STDIN (FORMAT binary)"},
};

static void *put_on(void *argument)
{
    lane *l = argument;
    int64_t began = clock_monotonic_us();
    pg_run(l->pg, "BEGIN");
    for (int i = 0; i < TABLES; i++) copy_in(l, &bare.tables[i], copies[i][1]);
    pg_run(l->pg, "COMMIT");
    size_t rows = bare.tables[0].rows;
    samples_add(&l->samples, clock_monotonic_us() - began,
                rows * (l->number + 1) / bare.lane_count - rows * l->number / bare.lane_count);
    return NULL;
}

/* ---- commands ---- */

static void start(void *(*work)(void *))
{
    for (size_t i = 0; i < bare.lane_count; i++)
        if (pthread_create(&bare.lanes[i].thread, NULL, work, &bare.lanes[i]) != 0) die("no thread");
}

static void join(void)
{
    for (size_t i = 0; i < bare.lane_count; i++) pthread_join(bare.lanes[i].thread, NULL);
}

static void report(void)
{
    samples all = {0};
    for (size_t i = 0; i < bare.lane_count; i++) {
        samples_merge(&all, &bare.lanes[i].samples);
        samples_clear(&bare.lanes[i].samples);
    }
    window_report(&bare.window, &all);
    samples_clear(&all);
}

static void obey(const command *c)
{
    bare.window = (window){0};
    if (command_is(c, "reveal-batch", 3) || command_is(c, "issue-batch", 3)) {
        bare.batch = c->words[0][0] == 'r' ? reveal : issue;
        bare.items = (size_t)command_number(c, 1);
        if (bare.items < 1 || bare.items > KEYS_AT_ONCE) die("1 to %d items", KEYS_AT_ONCE);
        start(batch_on);
        window_run(&bare.window, command_seconds(c, 2));
        join();
    } else if ((command_is(c, "search", 3) || command_is(c, "search-whole", 3)) &&
               query_named(&bare.query, c->words[1])) {
        bare.whole = strcmp(c->words[0], "search") != 0;
        search(command_seconds(c, 2));
    } else if (command_is(c, "prepare", 1) || command_is(c, "dump", 1)) {
        window_open(&bare.window);
        if (c->words[0][0] == 'p') prepare();
        for (int i = 0; i < TABLES && c->words[0][0] == 'd'; i++)
            dump_table(&bare.tables[i], bare.lanes[0].pg, copies[i][0]);
        window_shut(&bare.window);
    } else if (command_is(c, "put", 1)) {
        window_open(&bare.window);
        start(put_on);
        join();
        window_shut(&bare.window);
    } else {
        die("bench-bare: what is '%s'?", c->count ? c->words[0] : "");
    }
    report();
}

int main(int argc, char **argv)
{
    (void)argc;
    command c;
    vault_error err = {0};
    bare.database = option(argv, "--database");
    bare.root_key = option(argv, "--root-key");
    bare.lane_count = strtoul(option(argv, "--connections"), NULL, 10);
    if (bare.lane_count < 1 || bare.lane_count > CONNECTIONS_MAX) die("1 to %d connections", CONNECTIONS_MAX);
    must(secret_heap_init(16 << 20, &err), &err, "secure heap");
    for (size_t i = 0; i < bare.lane_count; i++)
        bare.lanes[i] = (lane){.pg = pg_open(bare.database), .random = 1000 + i, .number = i};
    while (command_read(&c)) obey(&c);
    return 0;
}
