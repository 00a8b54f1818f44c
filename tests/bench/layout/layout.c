/* layout-bench CONNINFO GROUP ROWS ROUNDS: loads layouts of the resident tables side by side into one database and
 * measures them in turn; a JSON object a sample on stdout. tests/bench/layout/run starts the server and takes the
 * medians. GROUP is `shapes` (packed, key inline, row per field), `terms` (where search terms live) or `toast` (storage
 * options, with 40 fields, because TOAST only wakes above 2,032 bytes). */
#include "tests/bench/layout/rows.h"
#include "tests/bench/layout/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 512, CHANGED = 10240, LOADS = 3 };

typedef enum table_kind { WIDE, KEYS, FIELDS, HEADS, TERM_ARRAYS, TERM_ROWS } table_kind;

/* Columns of a wide row besides the common ones. */
typedef enum extras { BARE, WITH_KEY, WITH_TERMS } extras;

/* A layout stands in a schema of its name, which is the search path of all its statements. */
typedef struct layout {
    const char *name, *group;
    table_kind tables[3];
    size_t table_count;
    extras extra;
    const char *options; /* of the wide table: WITH (...) */
    const char *storage; /* of sealed */
    const char *index;   /* made after the load; NULL: none */
    const char *read, *read_one, *read_row, *read_key, *field, *rewrap, *field_and_term,
        *search; /* NULL: not measured */
} layout;

#define WHOLE       "WITH (toast_tuple_target = 8128)"
#define ROOMY       "WITH (toast_tuple_target = 8128, fillfactor = 80)"
#define COLUMNS     "SELECT r.id, area, version, state, tag, sealed, ring_version, dek"
#define KEYED       " FROM resident r JOIN resident_key k ON k.id = r.id"
#define THESE       " WHERE r.id = ANY($1)"
#define FIELD_INPUT " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) u(id, sealed, tag) WHERE r.id = u.id"
#define SET_FIELD   "UPDATE resident r SET version = version + 1, sealed = u.sealed, tag = u.tag"
#define TERM_INPUT                                                                                                     \
    "WITH u AS (SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[])"              \
    " u(id, sealed, tag, new, old))"
#define SET_KEY(table)                                                                                                 \
    "UPDATE " table " r SET ring_version = ring_version + 1, dek = u.dek"                                              \
    " FROM unnest($1::bigint[], $2::bytea[]) u(id, dek) WHERE r.id = u.id"
#define REPLACE " terms = array_replace(terms, u.old, u.new) FROM u WHERE r.id = u.id"
#define APART   .read = COLUMNS KEYED THESE, .field = SET_FIELD FIELD_INPUT, .rewrap = SET_KEY("resident_key")
#define INLINE_TERMS                                                                                                   \
    .extra = WITH_TERMS, .read = COLUMNS ", terms" KEYED THESE, .field = SET_FIELD FIELD_INPUT,                        \
    .field_and_term = TERM_INPUT " " SET_FIELD "," REPLACE, .search = "SELECT id FROM resident WHERE terms @> $1"
#define PACKED           .tables = {WIDE, KEYS}, .table_count = 2
#define TERM_TABLE(kind) .tables = {WIDE, KEYS, kind}, .table_count = 3
#define UPDATE_ROWS      ", t AS (UPDATE resident_term r SET term = u.new FROM u WHERE r.term = u.old AND r.id = u.id) "
#define UPDATE_ARRAYS    ", t AS (UPDATE resident_term r SET" REPLACE ") "
#define SEARCH_ROWS      "SELECT id FROM resident_term WHERE term = ANY($1)"
#define TERM_KEY         "ALTER TABLE resident_term ADD PRIMARY KEY (term, id)"

static const layout layouts[] = {
    {"packed", "shapes", PACKED, .options = WHOLE, .storage = "EXTERNAL", APART,
     .read_row = "SELECT id, area, version, state, tag, sealed FROM resident r" THESE,
     .read_key = "SELECT id, ring_version, dek FROM resident_key r" THESE},
    {"packed-key-inline", "shapes", .tables = {WIDE}, .table_count = 1, .extra = WITH_KEY, .options = WHOLE,
     .storage = "EXTERNAL", .read = COLUMNS " FROM resident r" THESE, .field = SET_FIELD FIELD_INPUT,
     .rewrap = SET_KEY("resident")},
    {"row-per-field", "shapes", .tables = {HEADS, KEYS, FIELDS}, .table_count = 3, .options = "",
     .read = COLUMNS ", field" KEYED " JOIN resident_field f ON f.id = r.id" THESE,
     .read_one = COLUMNS ", field" KEYED " JOIN resident_field f ON f.id = r.id AND field = 6" THESE,
     .field = "WITH u AS (SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) u(id, sealed, tag)),"
              " f AS (UPDATE resident_field f SET sealed = u.sealed FROM u WHERE f.id = u.id AND field = 6)"
              " UPDATE resident r SET version = version + 1, tag = u.tag FROM u WHERE r.id = u.id",
     .rewrap = SET_KEY("resident_key")},

    {"terms-none", "terms", PACKED, .options = WHOLE, .storage = "EXTERNAL", APART},
    {"terms-inline-gin", "terms", PACKED, .options = WHOLE, .storage = "EXTERNAL", INLINE_TERMS,
     .index = "CREATE INDEX terms ON resident USING gin (terms)"},
    {"terms-inline-gin-direct", "terms", PACKED, .options = WHOLE, .storage = "EXTERNAL", INLINE_TERMS,
     .index = "CREATE INDEX terms ON resident USING gin (terms) WITH (fastupdate = off)"},
    {"terms-table-gin-direct", "terms", TERM_TABLE(TERM_ARRAYS), .options = WHOLE, .storage = "EXTERNAL",
     .index = "CREATE INDEX terms ON resident_term USING gin (terms) WITH (fastupdate = off)",
     .read = COLUMNS ", terms" KEYED " JOIN resident_term t ON t.id = r.id" THESE, .field = SET_FIELD FIELD_INPUT,
     .field_and_term = TERM_INPUT UPDATE_ARRAYS SET_FIELD " FROM u WHERE r.id = u.id",
     .search = "SELECT id FROM resident_term WHERE terms @> $1"},
    {"terms-rows", "terms", TERM_TABLE(TERM_ROWS), .options = WHOLE, .storage = "EXTERNAL",
     .index = TERM_KEY "; CREATE INDEX ON resident_term (id)",
     .read = COLUMNS ", ARRAY(SELECT term FROM resident_term t WHERE t.id = r.id)" KEYED THESE,
     .field = SET_FIELD FIELD_INPUT, .field_and_term = TERM_INPUT UPDATE_ROWS SET_FIELD " FROM u WHERE r.id = u.id",
     .search = SEARCH_ROWS},
    {"terms-inline-and-rows", "terms", TERM_TABLE(TERM_ROWS), .extra = WITH_TERMS, .options = WHOLE,
     .storage = "EXTERNAL", .index = TERM_KEY, .read = COLUMNS ", terms" KEYED THESE, .field = SET_FIELD FIELD_INPUT,
     .field_and_term = TERM_INPUT UPDATE_ROWS SET_FIELD "," REPLACE, .search = SEARCH_ROWS},

    {"default", "toast", PACKED, .options = "", .storage = "EXTENDED", APART},
    {"external", "toast", PACKED, .options = "", .storage = "EXTERNAL", APART},
    {"external-8128", "toast", PACKED, .options = WHOLE, .storage = "EXTERNAL", APART},
    {"main", "toast", PACKED, .options = "", .storage = "MAIN", APART},
    {"external-128", "toast", PACKED, .options = "WITH (toast_tuple_target = 128)", .storage = "EXTERNAL", APART},

    {"fill-100", "fill", PACKED, .options = WHOLE, .storage = "EXTERNAL", APART},
    {"fill-80", "fill", PACKED, .options = ROOMY, .storage = "EXTERNAL", APART},
    {"fill-100-gin", "fill", PACKED, .options = WHOLE, .storage = "EXTERNAL", INLINE_TERMS,
     .index = "CREATE INDEX terms ON resident USING gin (terms) WITH (fastupdate = off)"},
    {"fill-80-gin", "fill", PACKED, .options = ROOMY, .storage = "EXTERNAL", INLINE_TERMS,
     .index = "CREATE INDEX terms ON resident USING gin (terms) WITH (fastupdate = off)"},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static const generator *people;
static uint64_t rows;

static bool is_rows(const layout *l)
{
    return l->tables[0] == HEADS;
}
static bool is_gin(const layout *l)
{
    return l->index && strstr(l->index, "gin") != NULL;
}
static unsigned copies(const layout *l)
{
    return strcmp(l->group, "toast") == 0 ? 2 : 1;
}

static void make(const layout *l, uint64_t index, uint64_t salt, layout_row *out)
{
    layout_row_make(people, index, salt, copies(l), out);
}

static void use(wire *w, const layout *l)
{
    wire_run(w, "SET search_path TO \"%s\"", l->name);
}

static const char *table_name(table_kind kind)
{
    static const char *const names[] = {"resident", "resident_key",  "resident_field",
                                        "resident", "resident_term", "resident_term"};
    return names[kind];
}

static void create_wide(wire *w, const layout *l)
{
    static const char *const extra[] = {[BARE] = "",
                                        [WITH_KEY] = ", ring_version integer NOT NULL, dek bytea NOT NULL",
                                        [WITH_TERMS] = ", terms bigint[] NOT NULL"};
    wire_run(
        w,
        "CREATE TABLE resident (id bigint PRIMARY KEY, area bigint NOT NULL, version integer NOT NULL,"
        " state smallint NOT NULL, natural_key bytea NOT NULL UNIQUE, tag bytea NOT NULL%s, sealed bytea NOT NULL) %s",
        extra[l->extra], l->options);
    wire_run(w, "ALTER TABLE resident ALTER sealed SET STORAGE %s", l->storage);
}

static void create(wire *w, const layout *l)
{
    static const char *const others[] = {
        [KEYS] = "CREATE TABLE resident_key (id bigint PRIMARY KEY, ring_version integer NOT NULL, dek bytea NOT NULL)",
        [FIELDS] =
            "CREATE TABLE resident_field (id bigint, field smallint, sealed bytea NOT NULL, PRIMARY KEY (id, field))",
        [HEADS] = "CREATE TABLE resident (id bigint PRIMARY KEY, area bigint NOT NULL, version integer NOT NULL,"
                  " state smallint NOT NULL, natural_key bytea NOT NULL UNIQUE, tag bytea NOT NULL)",
        [TERM_ARRAYS] = "CREATE TABLE resident_term (id bigint PRIMARY KEY, terms bigint[] NOT NULL)",
        [TERM_ROWS] = "CREATE TABLE resident_term (term bigint NOT NULL, id bigint NOT NULL)",
    };
    wire_run(w, "DROP SCHEMA IF EXISTS \"%s\" CASCADE", l->name);
    wire_run(w, "CREATE SCHEMA \"%s\"", l->name);
    use(w, l);
    for (size_t t = 0; t < l->table_count; t++)
        if (l->tables[t] == WIDE)
            create_wide(w, l);
        else
            wire_run(w, "%s", others[l->tables[t]]);
}

/* ---- load ---- */

static void copy_wide(wire *w, const layout *l, table_kind kind, const layout_row *r)
{
    wire_tuple(w, 6 + (kind == WIDE) + (l->extra == WITH_TERMS) + 2 * (l->extra == WITH_KEY));
    wire_int8(w, r->id);
    wire_int8(w, r->area);
    wire_int4(w, 1);
    wire_int2(w, 1);
    wire_bytes(w, r->natural_key, KEY_LEN);
    wire_bytes(w, r->tag, TAG_LEN);
    if (l->extra == WITH_KEY) wire_int4(w, 1);
    if (l->extra == WITH_KEY) wire_bytes(w, r->dek, DEK_LEN);
    if (l->extra == WITH_TERMS) wire_int8s(w, r->terms, LAYOUT_TERMS);
    if (kind == WIDE) wire_bytes(w, r->pack, r->starts[r->segments]);
}

static void copy_row(wire *w, const layout *l, table_kind kind, const layout_row *r)
{
    switch (kind) {
    case WIDE:
    case HEADS:
        copy_wide(w, l, kind, r);
        break;
    case KEYS:
        wire_tuple(w, 3);
        wire_int8(w, r->id);
        wire_int4(w, 1);
        wire_bytes(w, r->dek, DEK_LEN);
        break;
    case FIELDS:
        for (size_t i = 0; i < r->segments; i++) {
            wire_tuple(w, 3);
            wire_int8(w, r->id);
            wire_int2(w, r->fields[i]);
            wire_bytes(w, r->pack + r->starts[i], (size_t)(r->starts[i + 1] - r->starts[i]));
        }
        break;
    case TERM_ARRAYS:
        wire_tuple(w, 2);
        wire_int8(w, r->id);
        wire_int8s(w, r->terms, LAYOUT_TERMS);
        break;
    case TERM_ROWS:
        for (size_t i = 0; i < LAYOUT_TERMS; i++) {
            wire_tuple(w, 2);
            wire_int8(w, r->terms[i]);
            wire_int8(w, r->id);
        }
        break;
    }
}

/* Residents from..from+count into every table of the layout, in one transaction. */
static void copy(wire *w, const layout *l, uint64_t from, uint64_t count)
{
    layout_row r;
    wire_run(w, "BEGIN");
    for (size_t t = 0; t < l->table_count; t++) {
        wire_copy_start(w, table_name(l->tables[t]));
        for (uint64_t i = 0; i < count; i++) {
            make(l, from + i, 0, &r);
            copy_row(w, l, l->tables[t], &r);
        }
        wire_copy_end(w);
    }
    wire_run(w, "COMMIT");
}

static void load(wire *w, const layout *l)
{
    create(w, l);
    wire_mark(w, true);
    copy(w, l, 0, rows);
    wire_report(w, l->name, "load", rows);
    if (l->index) {
        wire_mark(w, true);
        wire_run(w, "%s", l->index);
        wire_report(w, l->name, "index", rows);
    }
    for (size_t t = 0; t < l->table_count; t++) wire_run(w, "VACUUM (ANALYZE) %s", table_name(l->tables[t]));
}

/* ---- read and search ---- */

/* `calls` batches of random residents: once to warm the cache, once measured. */
static void read_some(wire *w, const layout *l, const char *sql, const char *name, size_t batch, uint64_t round)
{
    char what[32];
    size_t calls = batch == 1 ? 4000 : 20480 / batch;
    int64_t ids[BATCH];
    if (!sql) return;
    snprintf(what, sizeof what, "%s-%zu", name, batch);
    wire_prepare(w, sql);
    for (int pass = 0; pass < 2; pass++) {
        uint64_t random = round * 1000003 + batch;
        if (pass) wire_mark(w, false);
        for (size_t c = 0; c < calls; c++) {
            for (size_t i = 0; i < batch; i++) ids[i] = (int64_t)(wire_random(&random) % rows) + 1;
            wire_param_int8s(w, ids, batch);
            wire_execute(w);
        }
    }
    wire_report(w, l->name, what, calls * batch);
}

static void search_some(wire *w, const layout *l, const char *name, uint64_t round)
{
    enum { SEARCHES = 2000 };
    layout_row r;
    if (!l->search) return;
    wire_prepare(w, l->search);
    for (int pass = 0; pass < 2; pass++) {
        uint64_t random = round;
        if (pass) wire_mark(w, false);
        for (size_t i = 0; i < SEARCHES; i++) {
            make(l, wire_random(&random) % rows, 0, &r);
            wire_param_int8s(w, &r.terms[0], 1);
            wire_execute(w);
        }
    }
    wire_report(w, l->name, name, SEARCHES);
}

/* ---- change ---- */

/* Ids in order (no two transactions wait for each other), spread by a random stride, or side by side. */
static void some_ids(int64_t *ids, uint64_t round, bool spread)
{
    uint64_t random = round * 7919 + 1, stride = spread ? rows / CHANGED : 1;
    uint64_t start = wire_random(&random) % (rows - CHANGED * stride + 1);
    for (uint64_t i = 0; i < CHANGED; i++) ids[i] = (int64_t)(start + i * stride + wire_random(&random) % stride) + 1;
}

typedef enum change { CHANGE_FIELD, CHANGE_KEY, CHANGE_FIELD_AND_TERM } change;

static void send_values(wire *w, const layout *l, change what, const layout_row *made)
{
    wire_param_blobs_start(w, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        const layout_row *r = &made[i];
        if (what == CHANGE_KEY)
            wire_blob(w, r->dek, DEK_LEN);
        else if (is_rows(l)) /* the fifth value: native place, or what stands there */
            wire_blob(w, r->pack + r->starts[4], (size_t)(r->starts[5] - r->starts[4]));
        else
            wire_blob(w, r->pack, r->starts[r->segments]);
    }
    if (what == CHANGE_KEY) return;
    wire_param_blobs_start(w, BATCH);
    for (size_t i = 0; i < BATCH; i++) wire_blob(w, made[i].tag, TAG_LEN);
}

/* One transaction: the new values of BATCH residents as arrays. */
static void send_change(wire *w, const layout *l, change what, const int64_t *ids, uint64_t salt)
{
    static layout_row made[BATCH];
    int64_t terms[BATCH];
    for (size_t i = 0; i < BATCH; i++) make(l, (uint64_t)ids[i] - 1, salt, &made[i]);
    wire_param_int8s(w, ids, BATCH);
    send_values(w, l, what, made);
    /* The mobile's term goes up by one a round, so that the old one is known. */
    for (uint64_t old = 0; what == CHANGE_FIELD_AND_TERM && old < 2; old++) {
        for (size_t i = 0; i < BATCH; i++) terms[i] = made[i].terms[2] + (int64_t)(salt - old);
        wire_param_int8s(w, terms, BATCH);
    }
    wire_execute(w);
}

/* 10,240 residents in transactions of 512, after a checkpoint: the first touch of each page puts it whole into the WAL.
 */
static void change_some(wire *w, const layout *l, change what, const char *name, bool spread, uint64_t round)
{
    static int64_t ids[CHANGED];
    const char *sql = what == CHANGE_FIELD ? l->field : what == CHANGE_KEY ? l->rewrap : l->field_and_term;
    if (!sql) return;
    some_ids(ids, what == CHANGE_FIELD_AND_TERM ? 0 : round, spread);
    wire_prepare(w, sql);
    wire_mark(w, true);
    for (size_t at = 0; at < CHANGED; at += BATCH) send_change(w, l, what, ids + at, round);
    wire_report(w, l->name, name, CHANGED);
}

/* The same residents again: no page goes whole into the WAL any more. */
static void change_again(wire *w, const layout *l, uint64_t round)
{
    static int64_t ids[CHANGED];
    some_ids(ids, round, true);
    wire_mark(w, false);
    for (size_t at = 0; at < CHANGED; at += BATCH) send_change(w, l, CHANGE_FIELD, ids + at, round + 1000);
    wire_report(w, l->name, "field-again", CHANGED);
}

/* New residents by COPY of 512 into the loaded tables, then what GIN has put off. */
static void add_some(wire *w, const layout *l, uint64_t round)
{
    wire_mark(w, true);
    for (uint64_t at = 0; at < CHANGED; at += BATCH) copy(w, l, rows + round * CHANGED + at, BATCH);
    wire_report(w, l->name, "add", CHANGED);
    if (!is_gin(l)) return;
    wire_mark(w, false);
    wire_run(w, "SELECT gin_clean_pending_list('terms')");
    wire_report(w, l->name, "add-rest", CHANGED);
}

/* ---- in turn ---- */

static void sizes(wire *w, const layout *l, const char *when)
{
    use(w, l);
    for (size_t t = 0; t < l->table_count; t++) wire_sizes(w, l->name, table_name(l->tables[t]), when, rows);
}

static void round_of(wire *w, const layout *l, uint64_t round)
{
    static const size_t batches[] = {1, 64, 512};
    use(w, l);
    /* Left to itself the server plans `= ANY` of a small array anew each time, because a generic plan assumes ten keys.
     */
    read_some(w, l, l->read, "read-replanned", 1, round);
    wire_run(w, "SET plan_cache_mode = force_generic_plan");
    for (size_t b = 0; b < 3; b++) {
        read_some(w, l, l->read, "read", batches[b], round);
        read_some(w, l, l->read_one, "read-one", batches[b], round);
        read_some(w, l, l->read_row, "read-row-alone", batches[b], round);
        read_some(w, l, l->read_key, "read-key-alone", batches[b], round);
    }
    wire_run(w, "RESET plan_cache_mode");
    change_some(w, l, CHANGE_FIELD, "field", true, round);
    change_again(w, l, round);
    change_some(w, l, CHANGE_KEY, "rewrap-random", true, round);
    change_some(w, l, CHANGE_KEY, "rewrap-sweep", false, round);
    if (strcmp(l->group, "terms") != 0) return;
    add_some(w, l, round);
    search_some(w, l, "search", round);
    change_some(w, l, CHANGE_FIELD_AND_TERM, "field-and-term", true, round);
    search_some(w, l, "search-after", round);
}

typedef void step(wire *w, const layout *l, uint64_t round);
static void step_load(wire *w, const layout *l, uint64_t round)
{
    (void)round;
    load(w, l);
}

static void every(wire *w, const char *group, step *what, uint64_t round)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (strcmp(layouts[i].group, group) == 0) what(w, &layouts[i], round);
}

static void step_sizes(wire *w, const layout *l, uint64_t round)
{
    sizes(w, l, round ? "after" : "before");
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: layout-bench CONNINFO shapes|terms|toast|fill ROWS ROUNDS\n");
        return 2;
    }
    rows = strtoull(argv[3], NULL, 10);
    uint64_t rounds = strtoull(argv[4], NULL, 10);
    generator *g = generator_new(1);
    people = g;
    wire *w = wire_open(argv[1]);
    for (uint64_t pass = 0; pass < LOADS; pass++) every(w, argv[2], step_load, pass);
    every(w, argv[2], step_sizes, 0);
    for (uint64_t round = 1; round <= rounds; round++) every(w, argv[2], round_of, round);
    every(w, argv[2], step_sizes, 1);
    wire_close(&w);
    generator_free(&g);
    return 0;
}
