#include "tests/bench/search.h"

#include "tests/bench/bench.h"
#include "vault/base/memory.h"
#include "vault/control/control.h"
#include "vault/record/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { STREET = 1000000, ROOM = 1 << 20 };

struct searcher {
    store *store;
    control *control;
    const manifest *manifest;
    cabinet *cabinet; /* for its term keys */
    arena *mem;
};

searcher *searcher_open(const char *database, const char *root_key)
{
    vault_error err = {0};
    secret root = {0};
    searcher *s = memory_new(sizeof *s);
    must(root_key_from_file(&root, root_key, &err), &err, "root key");
    must(store_open(&s->store, database, &err), &err, "store_open");
    must(control_open(&s->control, s->store, secret_bytes(&root), &err), &err, "control_open");
    must(cabinet_new(&s->cabinet, control_keys(s->control), &err), &err, "cabinet_new");
    s->manifest = control_acquire(s->control);
    s->mem = arena_new(ROOM);
    secret_clear(&root);
    return s;
}

#define ONE                                                                                                            \
    "resident_term a WHERE a.term = ($1::bigint[])[1] AND a.area BETWEEN ($1::bigint[])[4] AND ($1::bigint[])[5]"
#define AND(n)                                                                                                         \
    " AND EXISTS (SELECT FROM resident_term b WHERE b.term = ($1::bigint[])[" n "] AND b.area = a.area AND b.id = "    \
    "a.id)"

void searcher_prepare(pg *p)
{
    pg_run(p, "SET plan_cache_mode = force_generic_plan");
    pg_run(
        p,
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off");
    pg_prepare(p, "one", "SELECT a.id FROM " ONE " ORDER BY a.id LIMIT 100");
    pg_prepare(p, "and", "SELECT a.id FROM " ONE AND("2") AND("3") " ORDER BY a.id LIMIT 100");
}

static int64_t term_of(searcher *s, const query *q, size_t at, const int64_t *street)
{
    static const index_kind kinds[] = {[ASK_EQUALS] = INDEX_EQUALITY,
                                       [ASK_ENDS_WITH] = INDEX_SUFFIX,
                                       [ASK_PART] = INDEX_NGRAM,
                                       [ASK_BAND] = INDEX_BAND};
    const query_condition *c = &q->conditions[at];
    const schema_field *f = schema_find(&s->manifest->schema, bytes_of_text(c->field));
    bytes value = bytes_of_text(c->text);
    term_ask ask = {
        .kind = kinds[c->question], .streets = street, .street_count = 1, .values = &value, .value_count = 1};
    term_question out;
    vault_error err = {0};
    if (!f) die("no field %s", c->field);
    if (c->question == ASK_EQUALS && !(f->indexes & 1U << INDEX_EQUALITY)) ask.kind = INDEX_CODE;
    if (c->question == ASK_BAND) ask.low = ask.high = value;
    must(cabinet_ask(s->cabinet, &out, f, &ask, &err), &err, "terms");
    return out.lists[0].at[0];
}

size_t searcher_find(searcher *s, pg *p, query_kind k, const resident *r, int64_t ids[QUERY_RESULTS])
{
    query q;
    if (!query_make(&q, k, r)) return 0;
    int64_t street = strtoll(q.area, NULL, 10), low = street * STREET, high = low + STREET - 1;
    arena_reset(s->mem);
    cabinet_use(s->cabinet, s->mem);
    pg_array(p, PG_INT8, 5);
    for (size_t i = 0; i < QUERY_CONDITIONS; i++) pg_int8(p, i < q.count ? term_of(s, &q, i, &street) : 0);
    pg_int8(p, street ? low : INT64_C(320411) * 1000000000);
    pg_int8(p, street ? high : INT64_C(320412) * 1000000000 - 1);
    PGresult *rows = pg_execute(p, q.count == 1 ? "one" : "and");
    size_t count = (size_t)PQntuples(rows);
    for (size_t i = 0; i < count; i++) ids[i] = (int64_t)load_u64((const uint8_t *)PQgetvalue(rows, (int)i, 0));
    PQclear(rows);
    if (count == 0) die("a search that finds nobody");
    return count;
}
