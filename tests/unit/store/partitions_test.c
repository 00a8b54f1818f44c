/* The partitions of the log: made ahead, met alone by look-ups, taken away when they are empty. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static store *given_log(void)
{
    store *s = fresh_store();
    head_row start = head_of(0, 1);
    expect_ok(store_head_create(s, &start, &err), &err);
    return s;
}

static const char *partitions(void)
{
    return pg_sql("SELECT string_agg(c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid), ', ' ORDER BY c.relname)"
                  " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'line'::regclass");
}

static vault_code append(store *s, int64_t from, size_t count)
{
    head_row at = head_of(from, 1), to = head_of(from + (int64_t)count, 1);
    bool moved;
    return store_append(s, (append_from){.head = &at}, &to, lines_of(from, count), &moved, &err);
}

TEST("those of the newest lines and the next two are there, whoever asks and however often")
{
    store *s = given_log();
    expect_ok(store_partitions_make(s, 1, &err), &err);
    assert_string_equal(partitions(), "line_0 FOR VALUES FROM ('0') TO ('4194304'),"
                                      " line_1 FOR VALUES FROM ('4194304') TO ('8388608'),"
                                      " line_2 FOR VALUES FROM ('8388608') TO ('12582912')");
    expect_ok(store_partitions_make(s, LINE_PARTITION - 1, &err), &err);
    assert_string_equal(pg_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'line'::regclass"), "3");
    expect_ok(store_partitions_make(s, LINE_PARTITION, &err), &err);
    assert_string_equal(pg_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'line'::regclass"), "4");
    store_close(&s);
}

TEST("each has the form of the log: storage of its columns, indexes, room before values move out")
{
    store *s = given_log();
    expect_ok(store_partitions_make(s, 1, &err), &err);
    assert_string_equal(pg_sql("SELECT count(DISTINCT f) FROM (SELECT (SELECT string_agg(attname || attstorage::text,"
                               " ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) ||"
                               " (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) ||"
                               " coalesce(array_to_string(reloptions, ','), '') AS f"
                               " FROM pg_class c WHERE relname ~ '^line_[0-9]$' AND relkind = 'r') x"),
                        "1");
    assert_string_equal(pg_sql("SELECT (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) || ' ' ||"
                               " array_to_string(reloptions, ',') FROM pg_class c WHERE relname = 'line_2'"),
                        "3 toast_tuple_target=8128");
    store_close(&s);
}

static void *make_many(void *at)
{
    store *s = NULL;
    vault_error why = {0};
    vault_code code = store_open(&s, pg_conninfo(), &why);
    for (int64_t n = 0; n < 6 && code == VAULT_OK; n++) code = store_partitions_make(s, n * LINE_PARTITION, &why);
    store_close(&s);
    *(vault_code *)at = code;
    return NULL;
}

TEST("nodes that make them at once make each one once, and appends go on meanwhile, also while somebody reads")
{
    store *s = given_log(), *other = NULL;
    pthread_t threads[3];
    vault_code codes[3];
    line_row row;
    const int64_t first = 0;
    expect_ok(append(s, 0, 1), &err);
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_ok(store_begin_snapshot(other, &err), &err);
    expect_ok(store_lines_by_index(other, mem, &first, 1, &row, &err), &err);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, make_many, &codes[i]);
    for (int64_t i = 1; i < 50; i++) expect_ok(append(s, i, 1), &err);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++) assert_int_equal(codes[i], VAULT_OK);
    assert_string_equal(pg_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'line'::regclass"), "8");
    store_close(&other);
    store_close(&s);
}

TEST("an append without its partition fails and writes nothing, and works when the partition is made")
{
    store *s = given_log();
    head_row head;
    expect_ok(append(s, 0, 3), &err);
    pg_sql("CREATE TABLE kept AS SELECT * FROM line; DROP TABLE line_0");
    expect_code(append(s, 3, 1), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(append(s, 3, 100), VAULT_UNAVAILABLE, &err); /* by COPY */
    vault_error_clear(&err);
    store_rollback(s);
    expect_ok(store_head_read(s, &head, &err), &err);
    assert_int_equal(head.size, 3);
    expect_ok(store_partitions_make(s, 3, &err), &err);
    pg_sql("INSERT INTO line SELECT * FROM kept");
    expect_ok(append(s, 3, 1), &err);
    store_close(&s);
}

TEST("lines on both sides of a bound are found by index, by page and by tag")
{
    store *s = given_log();
    line_row rows[6];
    lines_found found;
    pg_sql("INSERT INTO line SELECT g, 7, -3, '', '', '', '' FROM generate_series(%lld, %lld) g;"
           "UPDATE head SET size = %lld",
           (long long)LINE_PARTITION - 2, (long long)LINE_PARTITION + 1, (long long)LINE_PARTITION + 2);
    const int64_t indexes[] = {LINE_PARTITION, LINE_PARTITION - 1, 5, LINE_PARTITION - 1};
    expect_ok(store_lines_by_index(s, mem, indexes, 4, rows, &err), &err);
    for (int i = 0; i < 4; i++) assert_int_equal(rows[i].found, i != 2);
    static const line_key KEYS[] = {LINE_ANY, LINE_RESIDENT, LINE_PERSON, LINE_RESIDENT_BACK};
    for (int k = 0; k < 4; k++) {
        bool back = KEYS[k] == LINE_RESIDENT_BACK;
        const int64_t tag = KEYS[k] == LINE_PERSON ? -3 : 7;
        const line_range range = {KEYS[k], &tag, 1, back ? LINE_PARTITION : LINE_PARTITION - 1, 6};
        expect_ok(store_lines_page(s, mem, &range, rows, &found, &err), &err);
        assert_int_equal(found.count, 3);
        for (int i = 0; i < 3; i++) assert_int_equal(rows[i].index, range.from + (back ? -i : i));
    }
    store_close(&s);
}

/* How many scans of partitions a statement really ran. */
static long scans(const char *sql)
{
    return strtol(pg_sql("CREATE OR REPLACE FUNCTION scans(q text) RETURNS bigint LANGUAGE plpgsql AS $$"
                         " DECLARE l text; n bigint := 0; BEGIN FOR l IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF) ' || q"
                         " LOOP IF l ~ ' on line_[0-9]+ ' AND l !~ 'never executed' THEN n := n + 1; END IF; END LOOP;"
                         " RETURN n; END $$; SELECT scans($q$%s$q$)",
                         sql),
                  NULL, 10);
}

TEST("a look-up by tag or index meets the partition of its lines alone")
{
    store *s = given_log();
    expect_ok(store_partitions_make(s, 4 * LINE_PARTITION, &err), &err);
    char sql[1200];
    for (int i = 0; i < 2; i++) {
        const char *tag = i ? "person_tag" : "resident_tag";
        snprintf(sql, sizeof sql,
                 "SELECT l.* FROM generate_series(64 * 4, 64 * 4) AS b CROSS JOIN LATERAL (SELECT x.* FROM"
                 " unnest(ARRAY[7::int8]) AS t CROSS JOIN LATERAL (SELECT idx FROM line WHERE (idx >> 16)::int4 = b"
                 " AND idx >= b::int8 << 16 AND idx < (b::int8 + 1) << 16 AND %s = t AND %s <> 0 AND idx >= 5"
                 " ORDER BY idx LIMIT 9) AS x ORDER BY x.idx LIMIT 9) AS l LIMIT 9",
                 tag, tag);
        assert_true(scans(sql) <= 1);
    }
    store_close(&s);
}

TEST("one whose lines are all archived goes when it is empty, never while it has a line, and waits for nobody for long")
{
    store *s = given_log(), *other = NULL;
    bool dropped = true;
    line_row row;
    const int64_t first = 0;
    expect_ok(append(s, 0, 2), &err);
    expect_ok(store_partition_drop(s, LINE_PARTITION - 1, &dropped, &err), &err);
    assert_false(dropped);
    expect_ok(store_partition_drop(s, LINE_PARTITION, &dropped, &err), &err);
    assert_false(dropped);
    pg_sql("DELETE FROM line");
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_ok(store_begin_snapshot(other, &err), &err);
    expect_ok(store_lines_by_index(other, mem, &first, 1, &row, &err), &err);
    expect_code(store_partition_drop(s, LINE_PARTITION, &dropped, &err), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
    store_close(&other);
    expect_ok(store_partition_drop(s, LINE_PARTITION, &dropped, &err), &err);
    assert_true(dropped);
    expect_ok(store_partition_drop(s, LINE_PARTITION, &dropped, &err), &err);
    assert_false(dropped);
    assert_string_equal(pg_sql("SELECT to_regclass('line_0') IS NULL"), "t");
    store_close(&s);
}
