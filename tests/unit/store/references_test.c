/* What still needs a version of a ring, counted over whole tables: one value in any of them is found. */
#include "tests/unit/store/fixture.h"

static ring_references counted(store *s, const char *ring, int32_t version, int64_t since)
{
    ring_references all;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_references(s, ring, version, since, &all, &err), &err);
    store_rollback(s);
    return all;
}

static int64_t sum(const ring_references *r)
{
    return r->keys + r->vouchers + r->requests + r->rows + r->entries + r->lines + r->manifests + r->documents;
}

static int64_t needed(store *s, const char *ring, int32_t version, int64_t since)
{
    const ring_references all = counted(s, ring, version, since);
    return sum(&all);
}

TEST("an empty vault refers to nothing, and to a ring that nobody knows is an error")
{
    static const char *const rings[] = {"record", "natural", "term/name", "log", "control", "token/7"};
    store *s = fresh_store();
    ring_references all;
    for (size_t i = 0; i < 6; i++) assert_int_equal(needed(s, rings[i], 1, 5), 0);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_references(s, "rows", 1, 5, &all, &err), VAULT_INTERNAL, &err);
    store_rollback(s);
    expect_code(store_references(s, "record", 1, 5, &all, &err), VAULT_INTERNAL, &err); /* no transaction */
    store_close(&s);
}

/* One row that names version 7 (or was made by control version 7) in each place where one can. */
typedef struct needing {
    const char *sql, *ring;
    size_t member; /* of ring_references */
} needing;
#define MEMBER(name) offsetof(ring_references, name)
static const needing ONES[] = {
    {"UPDATE resident_key SET ring_version = 7 WHERE id = 2", "record", MEMBER(keys)},
    {"INSERT INTO voucher VALUES ('x', 1, '\\x00000007aa', 9)", "record", MEMBER(vouchers)},
    {"INSERT INTO request VALUES ('x', '\\x00000007aa', 9)", "record", MEMBER(requests)},
    {"UPDATE resident SET made = 7 WHERE id = 2", "term/name", MEMBER(rows)},
    {"UPDATE resident SET made = 7 WHERE id = 2", "natural", MEMBER(rows)},
    {"INSERT INTO resident_term VALUES (5, 1, 2)", "term/name", MEMBER(entries)},
    {"INSERT INTO resident_term VALUES (5, 1, 999)", "natural", MEMBER(entries)},
    {"DELETE FROM resident_term WHERE id = 2 AND term = (SELECT min(term) FROM resident_term WHERE id = 2)",
     "term/name", MEMBER(entries)},
    {"UPDATE resident_term SET area = area + 1 WHERE id = 1", "term/name", MEMBER(entries)},
    {"INSERT INTO line VALUES (0, 0, 0, '', '', '\\x01000007aa', '')", "log", MEMBER(lines)},
    {"INSERT INTO line VALUES (0, 0, 0, '', '', '\\x02000007aa', '')", "log", MEMBER(lines)},
    {"INSERT INTO head VALUES (1, 1, 1, '', 7, 0, '', '', '', '')", "log", MEMBER(lines)},
    {"INSERT INTO line_columns VALUES (0, 7, '')", "log", MEMBER(lines)},
    {"INSERT INTO control VALUES (1, '\\x00000007aa')", "control", MEMBER(manifests)},
    {"INSERT INTO control_document VALUES ('policy', 1, '\\x00000007aa')", "control", MEMBER(documents)},
    {"INSERT INTO control_archive VALUES ('policy', 1, 2, '\\x00000007aa')", "control", MEMBER(documents)},
};

static int64_t member_of(const ring_references *of, size_t at)
{
    int64_t value;
    memcpy(&value, (const char *)of + at, sizeof value);
    return value;
}

TEST("one value under a version, in any table, is a reference to it")
{
    for (size_t i = 0; i < sizeof ONES / sizeof *ONES; i++) {
        store *s = fresh_store();
        (void)given_residents(s, 1, 6);
        pg_sql("UPDATE resident SET made = 8");
        const ring_references before = counted(s, ONES[i].ring, 7, 8);
        if (sum(&before)) fail_msg("%s: %lld %lld", ONES[i].sql, (long long)before.rows, (long long)before.entries);
        assert_int_equal(before.residents, 6);
        pg_sql("%s", ONES[i].sql);
        const ring_references found = counted(s, ONES[i].ring, 7, 8);
        if (member_of(&found, ONES[i].member) < 1 || sum(&found) != member_of(&found, ONES[i].member))
            fail_msg("%s: %lld of %lld", ONES[i].sql, (long long)member_of(&found, ONES[i].member),
                     (long long)sum(&found));
        store_close(&s);
    }
}

TEST("what is under another version, or made later, is none; nor are the entries of a record that nobody may find")
{
    store *s = fresh_store();
    (void)given_residents(s, 1, 6);
    pg_sql("INSERT INTO line VALUES (0, 0, 0, '', '', '\\x01000008aa', '');"
           "INSERT INTO voucher VALUES ('x', 1, '\\x00000008aa', 9); UPDATE resident SET made = 8");
    assert_int_equal(needed(s, "log", 7, 0), 0);
    assert_int_equal(needed(s, "record", 7, 0), 0);
    assert_int_equal(needed(s, "record", 3, 0), 6);
    assert_int_equal(needed(s, "term/name", 1, 8), 0);
    assert_int_equal(needed(s, "term/name", 1, 9), 6);
    pg_sql("UPDATE resident SET state = 2 WHERE id = 3; DELETE FROM resident_term WHERE id = 3");
    assert_int_equal(needed(s, "term/name", 1, 8), 0);
    store_close(&s);
}

TEST("a certificate stands once for a version, and is read back")
{
    store *s = fresh_store();
    const certificate_row row = {.ring = "term/name", .version = 3, .line = 77, .note = "text\n\n— x y\n"};
    certificate_row got = {.ring = "term/name", .version = 3};
    expect_code(store_certificate_read(s, mem, &got, &err), VAULT_NOT_FOUND, &err);
    expect_ok(store_certificate_insert(s, &row, &err), &err);
    expect_ok(store_certificate_read(s, mem, &got, &err), &err);
    assert_string_equal(got.note, row.note);
    assert_int_equal(got.line, 77);
    expect_code(store_certificate_insert(s, &row, &err), VAULT_CONFLICT, &err);
    got.version = 4;
    expect_code(store_certificate_read(s, mem, &got, &err), VAULT_NOT_FOUND, &err);
    store_close(&s);
}
