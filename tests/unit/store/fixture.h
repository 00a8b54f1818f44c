/* Rows and heads with recognisable content, and a store over an empty vault. */
#pragma once
#include "tests/support/harness.h"
#include "tests/support/pg_harness.h"
#include "vault/store/store.h"

#include <stdio.h>
#include <stdlib.h>

static vault_error err;
static arena *mem;

/* An empty database with tables; mem is emptied too. */
static inline store *fresh_store(void)
{
    store *s = NULL;
    if (!mem) mem = arena_new(256 << 20);
    arena_reset(mem);
    pg_empty();
    expect_ok(store_open(&s, pg_conninfo(), &err), &err);
    expect_ok(store_create_schema(s, &err), &err);
    return s;
}

static inline bytes filled(int seed, size_t len)
{
    uint8_t *at = arena_alloc(mem, len + 1);
    for (size_t i = 0; i < len; i++) at[i] = (uint8_t)((size_t)seed * 31 + i * 7 + (i >> 8));
    return bytes_of(at, len);
}

static inline resident_row resident(int64_t id)
{
    resident_row row = {.id = id, .area = 330106003000 + id, .state = 1, .version = 1, .ring_version = 3};
    memcpy(row.natural_key, filled((int)id, 16).at, 12);
    memcpy(row.natural_key + 8, &id, 8);
    row.sealed = filled((int)id, (size_t)(id * 97 % 2000));
    row.tag = filled((int)id + 1, ROW_TAG_LEN);
    row.dek = filled((int)id + 2, WRAPPED_KEYS_LEN);
    row.collection = (int16_t)(1 + id % 255);
    row.term_count = (size_t)(id % 5);
    int64_t *terms = arena_array(mem, row.term_count, sizeof *terms);
    for (size_t i = 0; i < row.term_count; i++) terms[i] = -id * 1000003 - (int64_t)i;
    row.terms = terms;
    return row;
}

static inline void expect_resident(const resident_row *got, const resident_row *wanted)
{
    assert_true(got->found);
    assert_int_equal(got->id, wanted->id);
    assert_memory_equal(got->natural_key, wanted->natural_key, NATURAL_KEY_LEN);
    assert_int_equal(got->collection, wanted->collection);
    assert_int_equal(got->area, wanted->area);
    assert_int_equal(got->state, wanted->state);
    assert_int_equal(got->version, wanted->version);
    assert_int_equal(got->ring_version, wanted->ring_version);
    assert_true(bytes_same(got->sealed, wanted->sealed));
    assert_true(bytes_same(got->tag, wanted->tag));
    assert_true(bytes_same(got->dek, wanted->dek));
    assert_int_equal(got->term_count, wanted->term_count);
    for (size_t i = 0; i < wanted->term_count; i++) assert_int_equal(got->terms[i], wanted->terms[i]);
}

/* Residents `first` to `first + count - 1`, committed. */
static inline resident_row *given_residents(store *s, int64_t first, size_t count)
{
    resident_row *rows = arena_array(mem, count, sizeof *rows);
    for (size_t i = 0; i < count; i++) rows[i] = resident(first + (int64_t)i);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_insert(s, mem, rows, count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    return rows;
}

static inline head_row head_of(int64_t size, int64_t control_version)
{
    head_row h = {.size = size, .time = 1000 + size, .control_version = control_version, .frontier_len = 96};
    memset(h.control_digest.at, 0xcd, DIGEST_LEN);
    memset(h.erasure.at, 0xe0, DIGEST_LEN);
    memset(h.frontier, (int)(size & 0xff), h.frontier_len);
    memset(h.mac, (int)(size * 3 & 0xff), HEAD_MAC_LEN);
    return h;
}

static inline line_row line_of(int64_t index)
{
    return (line_row){.index = index,
                      .leaf = filled((int)index, 74),
                      .nodes = filled((int)index + 1, index % 2 ? 32 : 0),
                      .officer = filled((int)index + 2, 300),
                      .resident = filled((int)index + 3, index % 3 ? 200 : 0),
                      .resident_tag = index % 3 ? 7 + index % 3 : 0,
                      .person_tag = index % 4};
}

static inline line_row *lines_of(int64_t from, size_t count)
{
    line_row *lines = arena_array(mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) lines[i] = line_of(from + (int64_t)i);
    return lines;
}

static inline void expect_line(const line_row *got, int64_t index)
{
    line_row wanted = line_of(index);
    assert_int_equal(got->index, index);
    assert_true(bytes_same(got->leaf, wanted.leaf));
    assert_true(bytes_same(got->nodes, wanted.nodes));
    assert_true(bytes_same(got->officer, wanted.officer));
    assert_true(bytes_same(got->resident, wanted.resident));
    assert_int_equal(got->resident_tag, wanted.resident_tag);
    assert_int_equal(got->person_tag, wanted.person_tag);
}

static inline long sql_number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}
