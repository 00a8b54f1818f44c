/* The head, the append that moves it, lines, and the published checkpoint. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static void expect_head(store *s, const head_row *wanted)
{
    head_row got;
    expect_ok(store_head_read(s, &got, &err), &err);
    assert_int_equal(got.size, wanted->size);
    assert_int_equal(got.time, wanted->time);
    assert_int_equal(got.control_version, wanted->control_version);
    assert_memory_equal(got.control_digest.at, wanted->control_digest.at, DIGEST_LEN);
    assert_memory_equal(got.erasure.at, wanted->erasure.at, DIGEST_LEN);
    assert_int_equal(got.frontier_len, wanted->frontier_len);
    assert_memory_equal(got.frontier, wanted->frontier, wanted->frontier_len);
    assert_memory_equal(got.mac, wanted->mac, HEAD_MAC_LEN);
}

static store *given_log(int64_t size)
{
    store *s = fresh_store();
    head_row start = head_of(0, 1);
    expect_ok(store_head_create(s, &start, &err), &err);
    if (!size) return s;
    bool moved;
    head_row to = head_of(size, 1);
    expect_ok(store_append(s, (append_from){.head = &start}, &to, lines_of(0, (size_t)size), &moved, &err), &err);
    assert_false(moved);
    return s;
}

TEST("an append moves the head and inserts the lines, every column as it was written")
{
    store *s = given_log(0);
    head_row from = head_of(0, 1), to = head_of(7, 1);
    line_row got[7];
    bool moved = true;
    expect_ok(store_append(s, (append_from){.head = &from}, &to, lines_of(0, 7), &moved, &err), &err);
    assert_false(moved);
    expect_head(s, &to);
    int64_t indexes[] = {6, 0, 7, 3, 6, -1, 5};
    expect_ok(store_lines_by_index(s, mem, indexes, 7, got, &err), &err);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(got[i].found, indexes[i] >= 0 && indexes[i] < 7);
        if (got[i].found) expect_line(&got[i], indexes[i]);
    }
    store_close(&s);
}

TEST("an append to a head that has moved writes nothing and says so")
{
    store *s = given_log(5);
    head_row stale = head_of(4, 1), other = head_of(5, 2), to5 = head_of(5, 1), to6 = head_of(6, 1);
    bool moved = false;
    expect_ok(store_append(s, (append_from){.head = &stale}, &to5, lines_of(4, 1), &moved, &err), &err);
    assert_true(moved);
    moved = false;
    expect_ok(store_append(s, (append_from){.head = &other}, &to6, lines_of(5, 1), &moved, &err), &err);
    assert_true(moved);
    expect_head(s, &to5);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 5);
    store_close(&s);
}

TEST("an append whose stamp is not that of the control rows writes nothing; without a stamp they are not looked at")
{
    store *s = given_log(5);
    head_row from = head_of(5, 1), to = head_of(6, 1), next = head_of(7, 1);
    int64_t stamp;
    bool moved = false;
    pg_sql("INSERT INTO control VALUES (1, ''); INSERT INTO control_document VALUES ('policy', 1, '')");
    expect_ok(store_control_stamp(s, &stamp, &err), &err);
    expect_ok(store_append(s, (append_from){&from, stamp + 1}, &to, lines_of(5, 1), &moved, &err), &err);
    assert_true(moved);
    expect_head(s, &from);
    expect_ok(store_append(s, (append_from){&from, stamp}, &to, lines_of(5, 1), &moved, &err), &err);
    assert_false(moved);
    pg_sql("UPDATE control_document SET sealed = sealed");
    expect_ok(store_append(s, (append_from){&to, stamp}, &next, lines_of(6, 1), &moved, &err), &err);
    assert_true(moved);
    expect_ok(store_append(s, (append_from){&to, 0}, &next, lines_of(6, 1), &moved, &err), &err);
    assert_false(moved);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 7);
    store_close(&s);
}

TEST("lines that do not follow the head are refused before anything is sent")
{
    store *s = given_log(5);
    head_row from = head_of(5, 1), to = head_of(7, 1);
    bool moved;
    line_row gap[] = {line_of(5), line_of(7)};
    expect_code(store_append(s, (append_from){.head = &from}, &to, gap, &moved, &err), VAULT_INTERNAL, &err);
    expect_code(store_append(s, (append_from){.head = &from}, &to, lines_of(5, 1), &moved, &err), VAULT_INTERNAL, &err);
    expect_head(s, &from);
    store_close(&s);
}

TEST("an append within a transaction goes with it")
{
    store *s = given_log(3);
    head_row from = head_of(3, 1), to = head_of(5, 1), got;
    bool moved;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_head_lock(s, &got, &err), &err);
    assert_int_equal(got.size, 3);
    expect_ok(store_append(s, (append_from){.head = &from}, &to, lines_of(3, 2), &moved, &err), &err);
    store_rollback(s);
    expect_head(s, &from);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 3);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_append(s, (append_from){.head = &from}, &to, lines_of(3, 2), &moved, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    expect_head(s, &to);
    store_close(&s);
}

TEST("many lines of a transaction stand as they were written, or not at all")
{
    store *s = given_log(5);
    head_row from = head_of(5, 1), stale = head_of(4, 1), to = head_of(305, 1);
    line_row got[3];
    int64_t indexes[] = {5, 68, 304};
    bool moved = false;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_append(s, (append_from){.head = &stale}, &to, lines_of(4, 301), &moved, &err), &err);
    assert_true(moved);
    expect_ok(store_append(s, (append_from){.head = &from}, &to, lines_of(5, 300), &moved, &err), &err);
    assert_false(moved);
    expect_ok(store_commit(s, &err), &err);
    expect_head(s, &to);
    expect_ok(store_lines_by_index(s, mem, indexes, 3, got, &err), &err);
    for (int i = 0; i < 3; i++) expect_line(&got[i], indexes[i]);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 305);

    head_row next = head_of(405, 1);
    pg_sql("INSERT INTO line SELECT 400, resident_tag, person_tag, leaf, nodes, officer, resident FROM line WHERE idx "
           "= 0");
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_append(s, (append_from){.head = &to}, &next, lines_of(305, 100), &moved, &err), VAULT_CONFLICT,
                &err);
    store_rollback(s);
    vault_error_clear(&err);
    expect_head(s, &to);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 306);
    store_close(&s);
}

TEST("an append may change the control version alone")
{
    store *s = given_log(3);
    head_row from = head_of(3, 1), to = head_of(3, 2);
    bool moved;
    expect_ok(store_append(s, (append_from){.head = &from}, &to, NULL, &moved, &err), &err);
    assert_false(moved);
    expect_head(s, &to);
    store_close(&s);
}

TEST("there is one head: a second is a conflict, none is not found")
{
    store *s = fresh_store();
    head_row head = head_of(0, 1), got;
    expect_code(store_head_read(s, &got, &err), VAULT_NOT_FOUND, &err);
    expect_code(store_head_lock(s, &got, &err), VAULT_INTERNAL, &err);
    expect_ok(store_head_create(s, &head, &err), &err);
    expect_code(store_head_create(s, &head, &err), VAULT_CONFLICT, &err);
    store_close(&s);
}

TEST("a head with columns of other lengths is an integrity failure")
{
    store *s = given_log(3);
    head_row got;
    const char *const edits[] = {"mac = '\\x00'", "erasure = ''", "control_digest = '\\x0102'",
                                 "frontier = decode(repeat('00', 3000), 'hex')"};
    for (size_t i = 0; i < 4; i++) {
        pg_sql("CREATE TABLE kept AS TABLE head; UPDATE head SET %s", edits[i]);
        expect_code(store_head_read(s, &got, &err), VAULT_INTEGRITY, &err);
        pg_sql("DELETE FROM head; INSERT INTO head TABLE kept; DROP TABLE kept");
    }
    expect_ok(store_head_read(s, &got, &err), &err);
    store_close(&s);
}

TEST("the longest frontier and a batch of 4,096 lines pass")
{
    store *s = given_log(0);
    head_row from = head_of(0, 1), to = head_of(4096, 1);
    to.frontier_len = FRONTIER_MAX;
    memset(to.frontier, 0x5a, FRONTIER_MAX);
    bool moved;
    expect_ok(store_append(s, (append_from){.head = &from}, &to, lines_of(0, 4096), &moved, &err), &err);
    expect_head(s, &to);
    store_close(&s);
}

TEST("a head that was put back cannot write a line twice")
{
    store *s = given_log(5);
    pg_sql("UPDATE head SET size = 3");
    head_row from = head_of(3, 1), to = head_of(4, 1);
    bool moved;
    expect_code(store_append(s, (append_from){.head = &from}, &to, lines_of(3, 1), &moved, &err), VAULT_CONFLICT, &err);
    store_close(&s);
}

TEST("lines are paged oldest first, all of them or those of one tag")
{
    store *s = given_log(50);
    line_row got[20];
    lines_found found;
    expect_ok(store_lines_page(s, mem, &(line_range){LINE_ANY, NULL, 0, 37, 20}, got, &found, &err), &err);
    assert_int_equal(found.count, 13);
    for (size_t i = 0; i < found.count; i++) expect_line(&got[i], 37 + (int64_t)i);
    expect_ok(store_lines_page(s, mem, &(line_range){LINE_PERSON, (int64_t[]){3}, 1, 8, 5}, got, &found, &err), &err);
    assert_int_equal(found.count, 5);
    for (size_t i = 0; i < found.count; i++) expect_line(&got[i], 11 + 4 * (int64_t)i);
    expect_ok(store_lines_page(s, mem, &(line_range){LINE_RESIDENT, (int64_t[]){8}, 1, 45, 20}, got, &found, &err),
              &err);
    assert_int_equal(found.count, 2);
    expect_line(&got[0], 46);
    expect_ok(store_lines_page(s, mem, &(line_range){LINE_RESIDENT, (int64_t[]){0}, 1, 0, 20}, got, &found, &err),
              &err);
    assert_int_equal(found.count, 0);
    expect_ok(store_lines_page(s, mem, &(line_range){LINE_ANY, NULL, 0, 50, 20}, got, &found, &err), &err);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.archived, -1);
    store_close(&s);
}

TEST("a page of lines says how many were archived when it was read")
{
    static const line_key KEYS[] = {LINE_ANY, LINE_RESIDENT, LINE_PERSON, LINE_RESIDENT_BACK};
    store *s = given_log(50);
    line_row got[20];
    lines_found found;
    for (int64_t archived = 0; archived <= 32; archived += 16) {
        if (archived > 0)
            pg_sql("INSERT INTO archive (first, count, start_us, end_us, file, size, sha256, log_version)"
                   " VALUES (%lld, 16, 0, 0, 'a', 1, '', 1)",
                   (long long)archived - 16);
        for (int k = 0; k < 4; k++) {
            const int64_t tag = KEYS[k] == LINE_PERSON ? 3 : 8;
            const line_range range = {KEYS[k], &tag, 1, 47, 20};
            expect_ok(store_lines_page(s, mem, &range, got, &found, &err), &err);
            assert_int_equal(found.archived, found.count > 0 ? archived : -1);
        }
    }
    store_close(&s);
}

TEST("pages by tag go on over the stretches of the index, and end where the log ends")
{
    store *s = given_log(1);
    line_row got[10];
    size_t total = 0;
    lines_found found;
    pg_sql("INSERT INTO line SELECT 65536 * g + k, 7, CASE k %% 2 WHEN 0 THEN -3 ELSE 5 END, '', '', '', ''"
           " FROM generate_series(0, 20) g, (VALUES (10), (65535)) AS v(k);"
           "UPDATE head SET size = 65536 * 20 + 11");
    for (int64_t from = 0; from >= 0; total += found.count) {
        expect_ok(
            store_lines_page(s, mem, &(line_range){LINE_RESIDENT, (int64_t[]){7}, 1, from, 10}, got, &found, &err),
            &err);
        for (size_t i = 0; i < found.count; i++)
            assert_int_equal(got[i].index, (int64_t)(total + i) / 2 * 65536 + ((total + i) % 2 ? 65535 : 10));
        from = found.count == 10 ? got[9].index + 1 : -1;
    }
    assert_int_equal(
        total, 42); /* the stretch of the last line is shown whole: lines past the head are for the verifier to find */
    expect_ok(
        store_lines_page(s, mem, &(line_range){LINE_PERSON, (int64_t[]){-3}, 1, 65536 * 19, 10}, got, &found, &err),
        &err);
    assert_int_equal(found.count, 2);
    store_close(&s);
}

/* ---- races ---- */

typedef struct racer {
    store *s;
    line_row *lines; /* the lines that follow, whoever writes them */
    int appends, lost;
    vault_error err;
} racer;

static vault_code race_once(racer *r, int count)
{
    head_row from;
    bool moved = true;
    VAULT_TRY(store_head_read(r->s, &from, &r->err));
    head_row to = from;
    to.size += count;
    VAULT_TRY(store_append(r->s, (append_from){.head = &from}, &to, r->lines + from.size, &moved, &r->err));
    if (moved)
        r->lost++;
    else
        r->appends++;
    return VAULT_OK;
}

static pthread_barrier_t both; /* begin */

static void *race(void *at)
{
    racer *r = at;
    pthread_barrier_wait(&both);
    while (r->appends < 200 && race_once(r, 1 + r->appends % 3) == VAULT_OK) continue;
    return NULL;
}

TEST("two nodes that race write one log without gap or fork, and the loser is told")
{
    store *s = given_log(0);
    line_row *lines = lines_of(0, 1500);
    racer racers[2] = {{.lines = lines}, {.lines = lines}};
    pthread_t threads[2];
    pthread_barrier_init(&both, NULL, 2);
    for (int i = 0; i < 2; i++) expect_ok(store_open(&racers[i].s, pg_conninfo(), &err), &err);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) expect_ok(racers[i].err.code, &racers[i].err);
    for (int i = 0; i < 2; i++) assert_int_equal(racers[i].appends, 200);
    assert_true(racers[0].lost + racers[1].lost > 0);
    long size = sql_number("SELECT size FROM head");
    assert_int_equal(size, 2 * (67 * 1 + 67 * 2 + 66 * 3));
    assert_int_equal(sql_number("SELECT count(*) FROM line"), size);
    assert_int_equal(sql_number("SELECT max(idx) + 1 FROM line"), size);
    for (int i = 0; i < 2; i++) store_close(&racers[i].s);
    store_close(&s);
}

static void *append_one(void *at)
{
    racer *r = at;
    head_row from = head_of(3, 1), to = head_of(4, 1);
    bool moved = false;
    if (store_append(r->s, (append_from){.head = &from}, &to, r->lines + 3, &moved, &r->err) == VAULT_OK && moved)
        r->lost = 1;
    return NULL;
}

TEST("an append that waits for another transaction looks again when that one commits")
{
    store *first = given_log(3);
    racer second = {.lines = lines_of(0, 4)};
    head_row from = head_of(3, 1), to = head_of(4, 1);
    pthread_t thread;
    bool moved;
    expect_ok(store_open(&second.s, pg_conninfo(), &err), &err);
    expect_ok(store_begin(first, &err), &err);
    expect_ok(store_append(first, (append_from){.head = &from}, &to, lines_of(3, 1), &moved, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, append_one, &second), 0);
    pg_await_lock();
    expect_ok(store_commit(first, &err), &err);
    pthread_join(thread, NULL);
    expect_ok(second.err.code, &second.err);
    assert_int_equal(second.lost, 1);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 4);
    store_close(&second.s);
    store_close(&first);
}

static void *lock_head(void *at)
{
    racer *r = at;
    head_row got;
    if (store_begin(r->s, &r->err) == VAULT_OK && store_head_lock(r->s, &got, &r->err) == VAULT_OK)
        r->appends = (int)got.size;
    store_rollback(r->s);
    return NULL;
}

TEST("a lock of the head that waits for an append gets the head that the append left")
{
    store *first = given_log(3);
    racer second = {0};
    head_row from = head_of(3, 1), to = head_of(4, 1);
    pthread_t thread;
    bool moved;
    expect_ok(store_open(&second.s, pg_conninfo(), &err), &err);
    expect_ok(store_begin(first, &err), &err);
    expect_ok(store_append(first, (append_from){.head = &from}, &to, lines_of(3, 1), &moved, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, lock_head, &second), 0);
    pg_await_lock();
    expect_ok(store_commit(first, &err), &err);
    pthread_join(thread, NULL);
    expect_ok(second.err.code, &second.err);
    assert_int_equal(second.appends, 4);
    store_close(&second.s);
    store_close(&first);
}

/* ---- published checkpoint ---- */

TEST("checkpoints are published by compare-and-swap")
{
    store *s = fresh_store();
    int64_t size;
    const char *note;
    bool swapped;
    expect_ok(store_checkpoint_read(s, mem, &size, &note, &err), &err);
    assert_int_equal(size, 0);
    expect_ok(store_checkpoint_publish(s, 5, 9, "early", &swapped, &err), &err);
    assert_false(swapped);
    expect_ok(store_checkpoint_publish(s, 0, 5, "five\n", &swapped, &err), &err);
    assert_true(swapped);
    expect_ok(store_checkpoint_publish(s, 0, 6, "six", &swapped, &err), &err);
    assert_false(swapped);
    expect_ok(store_checkpoint_publish(s, 4, 6, "six", &swapped, &err), &err);
    assert_false(swapped);
    expect_ok(store_checkpoint_publish(s, 5, 8, "eight\n\xe2\x80\x94 sig\n", &swapped, &err), &err);
    assert_true(swapped);
    expect_ok(store_checkpoint_read(s, mem, &size, &note, &err), &err);
    assert_int_equal(size, 8);
    assert_string_equal(note, "eight\n\xe2\x80\x94 sig\n");
    expect_code(store_checkpoint_publish(s, 8, 7, "back", &swapped, &err), VAULT_INTERNAL, &err);
    store_close(&s);
}

TEST("a cosigned checkpoint takes the place of a smaller one, of its equal, and of one that was never published")
{
    store *s = fresh_store();
    int64_t size;
    const char *note;
    bool swapped;
    expect_ok(store_cosigned_read(s, mem, &size, &note, &err), &err);
    assert_true(size == 0 && !*note);
    expect_ok(store_checkpoint_publish(s, 0, 9, "nine\n", &swapped, &err), &err);
    expect_ok(store_cosigned_write(s, 7, "seven\n", &err), &err);
    expect_ok(store_cosigned_write(s, 7, "seven again\n", &err), &err);
    expect_ok(store_cosigned_write(s, 5, "five\n", &err), &err);
    expect_ok(store_cosigned_read(s, mem, &size, &note, &err), &err);
    assert_int_equal(size, 7);
    assert_string_equal(note, "seven again\n");
    expect_ok(store_cosigned_write(s, 1000, "written by hand\n", &err), &err);
    expect_ok(store_cosigned_write(s, 8, "eight\n", &err), &err);
    expect_ok(store_cosigned_read(s, mem, &size, &note, &err), &err);
    assert_int_equal(size, 8);
    store_close(&s);
}
