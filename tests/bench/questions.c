/* bench-questions: the officer's questions to a log of many lines, in this process, against the bare SQL that finds the
 * same lines.
 *
 *   resident SECONDS, person SECONDS             a page of 100 lines: found by tag, opened, each proven
 *   resident-bare SECONDS, person-bare SECONDS   the same look-up by libpq, its rows thrown away
 *   resident-rows SECONDS, person-rows SECONDS   the same and the rows of the proofs, thrown away
 *   columns SECONDS                              blocks of columns, one after the other
 *   groups SECONDS                               all lines counted by app and day
 *   make SECONDS                                 columns from the lines of a stretch, sealed, written
 *   trace SECONDS                                a leaked list of 1,000 rows (trace.h)
 *
 * The log: LINES lines of RESIDENTS residents by PERSONS persons, ten of whom did half of it. A database that has one
 * is used as it is, and gets what it lacks of LINES. */
#include "tests/bench/bench.h"
#include "tests/bench/pg.h"
#include "tests/bench/trace.h"

#include "vault/audit/groups.h"
#include "vault/audit/internal.h"
#include "vault/base/clock.h"
#include "vault/store/statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8192, MEMORY = 512 << 20, PAGE = 100, HEAVY = 10, APPS = 20 };

static struct {
    store *store;
    keyring *keys;
    ledger *ledger;
    scribe *scribe;
    arena *mem;
    PGconn *bare;
    uint64_t random;
    int64_t lines, residents, persons;
    int64_t stretch;
} bench;

/* ---- the log ---- */

static int64_t one_of(int64_t many)
{
    return (int64_t)(random_next(&bench.random) % (uint64_t)many);
}

static int64_t some_person(void)
{
    return one_of(2) ? one_of(HEAVY) : one_of(bench.persons);
}

static void make(line *out)
{
    vault_error err = {0};
    static const char *const fields[] = {"name", "name,phone", "name,phone,address", "id_number"};
    int64_t person = some_person();
    line_facts f = {.action = one_of(20) ? LINE_REVEAL : LINE_SEARCH,
                    .outcome = one_of(30) ? LINE_GRANTED : LINE_REFUSED,
                    .app = arena_format(bench.mem, "app-%lld", (long long)(person % APPS)),
                    .department = arena_format(bench.mem, "department-%lld", (long long)(person % 7)),
                    .person = arena_format(bench.mem, "person-%lld", (long long)person),
                    .purpose = "elder-care",
                    .basis = "PIPL 13(1)(3)",
                    .ticket = arena_format(bench.mem, "case %lld", (long long)one_of(1000)),
                    .request = arena_format(bench.mem, "%016llx", (unsigned long long)random_next(&bench.random)),
                    .fields = fields[one_of(4)],
                    .groups = "identity",
                    .form = "plain",
                    .rule = "eldercare-reveal",
                    .control_version = 1,
                    .record_version = (uint32_t)one_of(5) + 1,
                    .area = 320411002001000 + one_of(9) * 1000000,
                    .resident = 1 + one_of(bench.residents),
                    .refers_to = -1};
    must(line_make(out, bench.scribe, bench.mem, &f, NULL, &err), &err, "line_make");
}

static void append(size_t count)
{
    vault_error err = {0};
    appended done;
    arena_reset(bench.mem);
    line *lines = arena_array(bench.mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) make(&lines[i]);
    const line_batch batch = {.control_version = 1, .lines = lines, .count = count};
    must(store_begin(bench.store, &err), &err, "begin");
    must(ledger_append_in_transaction(bench.ledger, bench.store, bench.mem, &batch, &done, &err), &err, "append");
    must(store_commit(bench.store, &err), &err, "commit");
    ledger_committed(bench.ledger);
}

static const uint8_t ROOT[KEY_LEN] = {7};

static void open_ring(const ring *wrapped)
{
    vault_error err = {0};
    must(keyring_add(bench.keys, bytes_of(ROOT, KEY_LEN), wrapped, &err), &err, "keyring");
}

/* Kept in the database, which may be used again. */
static void make_ring(const char *name)
{
    vault_error err = {0};
    ring r;
    const ring_wish wish = {.name = name, .version = 1, .suite = SUITE_INTL, .since = 1};
    must(ring_create(&r, bytes_of(ROOT, KEY_LEN), &wish, &err), &err, "ring");
    secret_clear(&r.key);
    const ring_row kept = {name, 1, (int16_t)r.suite, (int16_t)r.state, 1, 0, bytes_of(r.wrapped, sizeof r.wrapped), 1};
    must(store_ring_insert(bench.store, &kept, &err), &err, "ring");
    open_ring(&r);
}

static void make_log(void)
{
    vault_error err = {0};
    must(store_create_schema(bench.store, &err), &err, "schema");
    must(store_begin(bench.store, &err), &err, "begin");
    make_ring("log");
    make_ring("rows");
    must(ledger_create(bench.store, bench.keys, "resident-vault/bench", sha256(bytes_of_text("manifest")), &err), &err,
         "log");
    must(store_commit(bench.store, &err), &err, "commit");
}

static void open_rings(void)
{
    vault_error err = {0};
    ring_row *rows;
    size_t count;
    must(store_rings_read(bench.store, bench.mem, &rows, &count, &err), &err, "rings");
    for (size_t i = 0; i < count; i++) {
        ring r = {.version = (uint32_t)rows[i].version,
                  .suite = (suite_id)rows[i].suite,
                  .state = (ring_state)rows[i].state,
                  .since = rows[i].since};
        if (rows[i].wrapped.len != sizeof r.wrapped) die("a ring of another program");
        snprintf(r.name, sizeof r.name, "%s", rows[i].name);
        memcpy(r.wrapped, rows[i].wrapped.at, sizeof r.wrapped);
        open_ring(&r);
    }
}

static void open_bare(const char *database)
{
    bench.bare = PQconnectdb(database);
    if (PQstatus(bench.bare) != CONNECTION_OK) die("connect: %s", PQerrorMessage(bench.bare));
}

static bool has_log(void)
{
    PGresult *r = PQexec(bench.bare, "SELECT to_regclass('head') IS NOT NULL");
    bool has = PQresultStatus(r) == PGRES_TUPLES_OK && PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return has;
}

static void open_log(const char *database)
{
    vault_error err = {0};
    must(secret_heap_init(4 << 20, &err), &err, "secure heap");
    must(keyring_new(&bench.keys, &err), &err, "keyring");
    must(store_open(&bench.store, database, &err), &err, "store_open");
    if (has_log())
        open_rings();
    else
        make_log();
    must(ledger_open(&bench.ledger, bench.store, bench.keys, "resident-vault/bench", &err), &err, "ledger");
    must(scribe_new(&bench.scribe, bench.ledger, &err), &err, "scribe");
}

/* As a keeper does, until nothing is left. */
static void keep_all(vault_code (*step)(int32_t *, scribe *, store *, arena *, vault_error *))
{
    vault_error err = {0};
    for (int32_t stretch = 0; stretch >= 0; stretch++) {
        arena_reset(bench.mem);
        must(step(&stretch, bench.scribe, bench.store, bench.mem, &err), &err, "columns");
        if (stretch < 0) return;
    }
}

/* What the log lacks of its length; of a log that was kept, nothing. */
static void fill(void)
{
    vault_error err = {0};
    head_row head;
    must(ledger_head(bench.ledger, bench.store, &head, &err), &err, "head");
    if (head.size > bench.lines) bench.lines = head.size;
    bench.random = (uint64_t)head.size;
    for (int64_t done = head.size; done < bench.lines; done += BATCH) {
        must(store_partitions_make(bench.store, done, &err), &err, "partitions");
        append(bench.lines - done < BATCH ? (size_t)(bench.lines - done) : BATCH);
    }
    keep_all(ledger_keep_columns);
    keep_all(ledger_know_lines);
    if (head.size < bench.lines) PQclear(PQexec(bench.bare, "VACUUM ANALYZE line"));
}

/* ---- bare SQL, in a session as vaultd's are ---- */

/* Without what a page says beside its lines. */
static const char *bare_sql(const statement *st)
{
    static const char more[] = ", " ARCHIVE_END;
    const char *at = strstr(st->sql, more);
    return at ? arena_format(bench.mem, "%.*s%s", (int)(at - st->sql), st->sql, at + sizeof more - 1) : st->sql;
}

static void prepare_bare(void)
{
    PQclear(PQexec(bench.bare, "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
                               "SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"));
    static const statement_id used[] = {ST_LINES_OF_RESIDENT, ST_LINES_OF_PERSON, ST_LINES_BY_INDEX};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        const statement *st = statement_of(used[i]);
        Oid types[PARAMS_MAX];
        int count = 0;
        for (; st->params[count] != SQL_NONE; count++) types[count] = st->params[count];
        PGresult *r = PQprepare(bench.bare, st->name, bare_sql(st), count, types);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) die("prepare: %s", PQerrorMessage(bench.bare));
        PQclear(r);
    }
}

static void put_array(writer *w, const int64_t *at, size_t count)
{
    put_u32(w, 1), put_u32(w, 0), put_u32(w, SQL_INT8), put_u32(w, (uint32_t)count), put_u32(w, 1);
    for (size_t i = 0; i < count; i++) put_u32(w, 8), put_u64(w, (uint64_t)at[i]);
}

static PGresult *execute(const char *name, int count, const char *const *values, const int *lengths)
{
    static const int formats[] = {1, 1, 1};
    PGresult *r = PQexecPrepared(bench.bare, name, count, values, lengths, formats, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) die("%s: %s", name, PQerrorMessage(bench.bare));
    return r;
}

static PGresult *bare_page(const char *name, int64_t tag)
{
    uint8_t from[8], limit[8], tags[64];
    writer w = writer_over(tags, sizeof tags);
    put_array(&w, &tag, 1);
    store_u64(from, 0);
    store_u64(limit, PAGE); /* as ledger_query asks for */
    const char *const values[] = {(const char *)from, (const char *)limit, (const char *)tags};
    const int lengths[] = {8, 8, (int)w.len};
    return execute(name, 3, values, lengths);
}

/* The rows that the proofs of a page need, each once. */
static int by_number(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void bare_proofs(const PGresult *page)
{
    vault_error err = {0};
    merkle_plan plan;
    static int64_t indexes[PAGE * 64];
    static uint8_t packed[PAGE * 64 * 12 + 64];
    size_t count = 0, kept = 0;
    for (int i = 0; i < PQntuples(page) && i < PAGE; i++) {
        int64_t index = (int64_t)load_u64((const uint8_t *)PQgetvalue(page, i, 0));
        must(merkle_plan_inclusion(&plan, index, bench.lines, &err), &err, "plan");
        for (size_t n = 0; n < plan.node_count; n++) indexes[count++] = merkle_node_line(plan.nodes[n]);
        indexes[count++] = index;
    }
    qsort(indexes, count, sizeof *indexes, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || indexes[kept - 1] != indexes[i]) indexes[kept++] = indexes[i];
    writer w = writer_over(packed, sizeof packed);
    put_array(&w, indexes, kept);
    const char *const values[] = {(const char *)packed};
    PQclear(execute("lines_by_index", 1, values, (const int[]){(int)w.len}));
}

/* ---- what is measured: each returns how many lines it was about ---- */

static int64_t asked_resident(void)
{
    return 1 + one_of(bench.residents);
}

static const char *asked_person(void)
{
    return arena_format(bench.mem, "person-%lld", (long long)(HEAVY + one_of(bench.persons - HEAVY)));
}

static uint64_t ask(const line_query *q)
{
    vault_error err = {0};
    line_page page;
    must(ledger_query(bench.scribe, bench.store, bench.mem, q, &page, &err), &err, "query");
    for (size_t i = 0; i < page.count; i++)
        if (!page.lines[i].consistent) die("line %lld is not consistent", (long long)page.lines[i].index);
    return 1;
}

static uint64_t ask_resident(void)
{
    return ask(&(line_query){.resident = asked_resident(), .limit = PAGE});
}

static uint64_t ask_person(void)
{
    return ask(&(line_query){.person = asked_person(), .limit = PAGE});
}

static uint64_t bare(const char *name, int64_t tag, bool proofs)
{
    PGresult *r = bare_page(name, tag);
    if (proofs) bare_proofs(r);
    PQclear(r);
    return 1;
}

static uint64_t bare_resident(void)
{
    return bare("lines_of_resident", resident_tag(bench.scribe->active, asked_resident()), false);
}

static uint64_t bare_person(void)
{
    return bare("lines_of_person", person_tag(bench.scribe->active, asked_person()), false);
}

static uint64_t rows_resident(void)
{
    return bare("lines_of_resident", resident_tag(bench.scribe->active, asked_resident()), true);
}

static uint64_t rows_person(void)
{
    return bare("lines_of_person", person_tag(bench.scribe->active, asked_person()), true);
}

static uint64_t read_columns(void)
{
    vault_error err = {0};
    line_columns c;
    int64_t whole = bench.lines / COLUMN_STRETCH;
    if (whole == 0) die("no complete stretch");
    must(ledger_columns(&c, bench.scribe, bench.store, bench.mem, bench.stretch++ % whole, &err), &err, "columns");
    if (!c.kept) die("a stretch is not kept");
    return c.count;
}

static uint64_t count_groups(void)
{
    vault_error err = {0};
    line_query q = {0};
    line_groups g = {.by = {GROUP_APP, GROUP_DAY}, .by_count = 2};
    for (g.next = 0; g.next >= 0; q.from = g.next)
        must(ledger_groups(&g, bench.scribe, bench.store, bench.mem, &q, &err), &err, "groups");
    return (uint64_t)bench.lines;
}

static uint64_t make_columns(void)
{
    vault_error err = {0};
    int32_t stretch = 0;
    PQclear(PQexec(bench.bare, "DELETE FROM line_columns WHERE stretch = 0"));
    must(ledger_keep_columns(&stretch, bench.scribe, bench.store, bench.mem, &err), &err, "columns");
    return COLUMN_STRETCH;
}

static uint64_t trace(void)
{
    trace_leak(&(traced_log){.scribe = bench.scribe,
                             .store = bench.store,
                             .lines = bench.lines,
                             .residents = bench.residents,
                             .rows = 1000});
    return 1000;
}

static void run(uint64_t (*work)(void), double seconds)
{
    samples s = {0};
    window w = {0};
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, seconds);) {
        arena_reset(bench.mem);
        int64_t began = clock_monotonic_us();
        uint64_t units = work();
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, units);
    }
    window_report(&w, &s);
    samples_clear(&s);
}

int main(int argc, char **argv)
{
    (void)argc;
    command c;
    bench.lines = strtoll(option(argv, "--lines"), NULL, 10);
    bench.residents = strtoll(option(argv, "--residents"), NULL, 10);
    bench.persons = strtoll(option(argv, "--persons"), NULL, 10);
    if (bench.persons <= HEAVY || bench.residents < 1 || bench.lines < 2) die("too few");
    bench.mem = arena_new(MEMORY);
    arena_keep(bench.mem, 32 << 20);
    open_bare(option(argv, "--database"));
    open_log(option(argv, "--database"));
    fill();
    prepare_bare();
    static const struct {
        const char *name;
        uint64_t (*work)(void);
    } all[] = {{"resident", ask_resident},       {"person", ask_person},
               {"resident-bare", bare_resident}, {"person-bare", bare_person},
               {"resident-rows", rows_resident}, {"person-rows", rows_person},
               {"columns", read_columns},        {"groups", count_groups},
               {"make", make_columns},           {"trace", trace}};
    while (command_read(&c)) {
        size_t i = 0;
        while (i < sizeof all / sizeof *all && !command_is(&c, all[i].name, 2)) i++;
        if (i == sizeof all / sizeof *all) die("bench-questions: which case, and SECONDS");
        run(all[i].work, command_seconds(&c, 1));
    }
    return 0;
}
