/* The log is a vault's own, in tables of its own, appended as its nodes append; only the clock is set. */
#include "tests/simulation/simulation.h"
#include "tests/support/pg_harness.h"
#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2048, MEMORY = 256 << 20, COLUMNS_MEMORY = 2000 << 20, STRETCHES_MOST = 4096 };

typedef struct writing {
    keyring *keys;
    ledger *ledger;
    arena *mem;
} writing;

/* ---- a log ---- */

static void add_ring(keyring *k, const char *name)
{
    ring r;
    uint8_t root[KEY_LEN];
    memset(root, 7, sizeof root);
    MUST(ring_create(&r, bytes_of(root, KEY_LEN),
                     &(ring_wish){.name = name, .version = 1, .suite = SUITE_INTL, .since = 1}, err));
    secret_clear(&r.key);
    MUST(keyring_add(k, bytes_of(root, KEY_LEN), &r, err));
}

static void begin_log(book *b, writing *to)
{
    clock_set_for_test(world_time(0) - 1);
    pg_empty();
    MUST(store_open(&b->store, pg_conninfo(), err));
    MUST(keyring_new(&to->keys, err));
    add_ring(to->keys, "log");
    add_ring(to->keys, "rows");
    MUST(store_create_schema(b->store, err));
    MUST(store_begin(b->store, err));
    MUST(ledger_create(b->store, to->keys, "simulation", sha256(bytes_of_text("simulation")), err));
    MUST(store_commit(b->store, err));
    MUST(ledger_open(&to->ledger, b->store, to->keys, "simulation", err));
    MUST(scribe_new(&b->scribe, to->ledger, err));
}

static const char *fields_of(arena *mem, uint8_t fields)
{
    char text[96] = "";
    for (int f = 0; f < FIELDS; f++)
        if (fields >> f & 1)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? "," : "", field_names[f]);
    return arena_text(mem, bytes_of_text(text));
}

static line_facts facts_of(const world *w, uint32_t at, arena *mem)
{
    const deed *d = &w->deeds[at];
    const actor *a = &w->actors[d->who];
    return (line_facts){.action = d->put       ? LINE_PUT
                                  : d->request ? LINE_EXPORT
                                               : LINE_REVEAL,
                        .outcome = LINE_GRANTED,
                        .app = a->app,
                        .department = a->department,
                        .person = *a->person ? a->person : NULL,
                        .purpose = "elder-care",
                        .basis = "PIPL 13(1)(3)",
                        .request = arena_format(mem, d->request ? "export-%u" : "%u", d->request ? d->request : at),
                        .fields = fields_of(mem, d->fields),
                        .form = "plain",
                        .control_version = 1,
                        .record_version = d->version,
                        .area = world_area(w, d->resident),
                        .resident = d->resident,
                        .refers_to = -1};
}

static void append_part(book *b, const world *w, writing *to, uint32_t first, size_t count)
{
    appended done;
    arena_reset(to->mem);
    line *lines = arena_array(to->mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        const line_facts f = facts_of(w, first + (uint32_t)i, to->mem);
        MUST(line_make(&lines[i], b->scribe, to->mem, &f, NULL, err));
    }
    const line_batch batch = {.control_version = 1, .lines = lines, .count = count};
    MUST(ledger_append(to->ledger, b->store, to->mem, &batch, &done, err));
}

/* A batch is of one part, so that its lines have their time. */
static void append_all(book *b, const world *w, writing *to)
{
    for (uint32_t at = 0; at < w->deed_count;) {
        uint32_t until = at;
        while (until < w->deed_count && until - at < BATCH && w->deeds[until].part == w->deeds[at].part) until++;
        clock_set_for_test(world_time(w->deeds[at].part));
        append_part(b, w, to, at, until - at);
        at = until;
    }
}

/* ---- and its columns ---- */

static void read_columns(book *b, arena *mem)
{
    for (int32_t stretch = 0; stretch >= 0;) {
        arena_reset(mem);
        MUST(ledger_keep_columns(&stretch, b->scribe, b->store, mem, err));
    }
    b->mem = arena_new(COLUMNS_MEMORY);
    b->columns = calloc(STRETCHES_MOST, sizeof *b->columns);
    for (b->stretches = 0; b->stretches < STRETCHES_MOST; b->stretches++) {
        line_columns *c = &b->columns[b->stretches];
        MUST(ledger_columns(c, b->scribe, b->store, b->mem, (int64_t)b->stretches, err));
        if (!c->count) return;
    }
    die("a log of more than %d stretches", STRETCHES_MOST);
}

static writing kept; /* of the scribe; for book_close */

void book_write(book *b, const world *w)
{
    *b = (book){0};
    kept.mem = arena_new(MEMORY);
    int64_t began = clock_monotonic_us();
    begin_log(b, &kept);
    append_all(b, w, &kept);
    b->seconds_appended = (double)(clock_monotonic_us() - began) / 1e6;
    began = clock_monotonic_us();
    read_columns(b, kept.mem);
    b->seconds_read = (double)(clock_monotonic_us() - began) / 1e6;
}

void book_close(book *b)
{
    scribe_free(&b->scribe);
    ledger_close(&kept.ledger);
    keyring_free(&kept.keys);
    store_close(&b->store);
    arena_free(&kept.mem);
    arena_free(&b->mem);
    free(b->columns);
}
