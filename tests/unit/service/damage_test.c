/* The database is not trusted: whatever is edited, moved or put back piecemeal is DATA_LOSS, never a wrong value, never
 * an empty success. */
#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void flip_areas(long count)
{
    pg_sql("update resident set area = area # 1 where id in (select id from resident order by id limit %ld)", count);
}

/* The internal id of a resident of the seed, found by how many rows were made before it: rows are made in the order of
 * ids within a put, so it is read off the table by a value that only tests may know, the natural key's row order. */
static long long id_of(uint64_t index)
{
    resident r;
    int64_t before = lines_in_log();
    (void)token_for(CLINIC, "family-doctor", index);
    the_resident(index, &r);
    assert_int_equal(lines_in_log(), before + 1);
    /* The resident's tag in the line is keyed; the record that was touched is found by trying: damage one row, see
     * whose reveal fails. */
    const char *token = token_for(CLINIC, "family-doctor", index);
    long low = 1, high = strtol(pg_sql("select count(*) from resident"), NULL, 10);
    while (low < high) {
        long middle = (low + high) / 2;
        flip_areas(middle);
        bool hit = reveal(CLINIC, "family-doctor", token, MASK("name"))->err.code == VAULT_INTEGRITY;
        flip_areas(middle);
        if (hit)
            high = middle;
        else
            low = middle + 1;
    }
    return strtoll(pg_sql("select id from resident order by id offset %ld limit 1", low - 1), NULL, 10);
}

static void expect_found_out(const char *token, const char *what)
{
    request *rq = reveal(CLINIC, "family-doctor", token, MASK("name", "phone"));
    if (rq->err.code != VAULT_INTEGRITY) print_error("not found out: %s\n", what);
    assert_int_equal(rq->err.code, VAULT_INTEGRITY);
    assert_null(rq->out);
    assert_int_equal(status_code(rq->err.code), 15); /* DATA_LOSS */
}

TEST("a bit flipped in any stored column of a resident is found before use")
{
    static const char *const edits[][2] = {
        {"resident", "natural_key = set_bit(natural_key, 5, 1 - get_bit(natural_key, 5))"},
        {"resident", "area = area # 1"},
        {"resident", "area = area # 1000"},
        {"resident", "collection = collection + 1"},
        {"resident", "state = state # 2"},
        {"resident", "version = version # 1"},
        {"resident", "tag = set_bit(tag, 0, 1 - get_bit(tag, 0))"},
        {"resident", "tag = set_bit(tag, 200, 1 - get_bit(tag, 200))"},
        {"resident", "tag = substr(tag, 1, 27)"},
        {"resident", "tag = ''"},
        {"resident", "sealed = ''"},
        {"resident", "sealed = substr(sealed, 1, length(sealed) - 1)"},
        {"resident", "sealed = sealed || '\\x00'"},
        {"resident", "terms = '{}'"},
        {"resident", "terms[1] = terms[1] # 1"},
        {"resident", "terms = array_append(terms, 1)"},
        {"resident_key", "ring_version = ring_version + 1"},
        {"resident_key", "dek = set_bit(dek, 100, 1 - get_bit(dek, 100))"},
        {"resident_key", "dek = substr(dek, 1, 59)"},
        {"resident_key", "dek = ''"},
    };
    uint64_t who = resident_in_street(3);
    long long id = id_of(who);
    const char *token = token_for(CLINIC, "family-doctor", who);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        pg_sql("create table kept as select * from %s where id = %lld", edits[i][0], id);
        pg_sql("update %s set %s where id = %lld", edits[i][0], edits[i][1], id);
        expect_found_out(token, edits[i][1]);
        pg_sql("delete from %s where id = %lld", edits[i][0], id);
        pg_sql("insert into %s select * from kept", edits[i][0]);
        pg_sql("drop table kept");
        expect_outcome(reveal(CLINIC, "family-doctor", token, MASK("name")), VAULT_OK, NULL);
        fixture_reset();
        token = token_for(CLINIC, "family-doctor", who);
    }
    fixture_reset();
}

TEST("a bit flipped anywhere in the sealed fields is found")
{
    uint64_t who = resident_in_street(3);
    long long id = id_of(who);
    const char *token = token_for(CLINIC, "family-doctor", who);
    long bits = strtol(pg_sql("select 8 * length(sealed) from resident where id = %lld", id), NULL, 10);
    for (long bit = 0; bit < bits; bit += 131) {
        pg_sql("update resident set sealed = set_bit(sealed, %ld, 1 - get_bit(sealed, %ld)) where id = %lld", bit, bit,
               id);
        expect_found_out(token, "a bit of sealed");
        pg_sql("update resident set sealed = set_bit(sealed, %ld, 1 - get_bit(sealed, %ld)) where id = %lld", bit, bit,
               id);
    }
    expect_outcome(reveal(CLINIC, "family-doctor", token, MASK("name")), VAULT_OK, NULL);
    fixture_reset();
}

TEST("ciphertext, keys and tags moved between two residents are found, alone and all together")
{
    static const char *const moves[] = {
        "update resident a set sealed = b.sealed from resident b where a.id = %lld and b.id = %lld",
        "update resident a set tag = b.tag from resident b where a.id = %lld and b.id = %lld",
        "update resident a set sealed = b.sealed, tag = b.tag from resident b where a.id = %lld and b.id = %lld",
        "update resident a set area = b.area, state = b.state, version = b.version, terms = b.terms, sealed = "
        "b.sealed, tag = b.tag from resident b "
        "where a.id = %lld and b.id = %lld",
        "update resident_key a set dek = b.dek from resident_key b where a.id = %lld and b.id = %lld",
        "with k as (update resident_key a set dek = b.dek from resident_key b where a.id = %1$lld and b.id = %2$lld) "
        "update resident a set "
        "area = b.area, state = b.state, version = b.version, terms = b.terms, sealed = b.sealed, tag = b.tag from "
        "resident b where a.id = %1$lld "
        "and b.id = %2$lld",
    };
    uint64_t who = resident_in_street(3);
    long long a = id_of(who), b = id_of(resident_elsewhere(3));
    const char *token = token_for(CLINIC, "family-doctor", who);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        pg_sql("create table kept as select * from resident where id = %lld", a);
        pg_sql("create table kept_key as select * from resident_key where id = %lld", a);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        pg_sql(moves[i], a, b);
#pragma GCC diagnostic pop
        expect_found_out(token, moves[i]);
        pg_sql("delete from resident where id = %lld; delete from resident_key where id = %lld", a, a);
        pg_sql("insert into resident select * from kept; insert into resident_key select * from kept_key");
        pg_sql("drop table kept; drop table kept_key");
    }
    expect_outcome(reveal(CLINIC, "family-doctor", token, MASK("name")), VAULT_OK, NULL);
    fixture_reset();
}

TEST("damage is a line with the outcome failed, and one broken resident does not fail its neighbours")
{
    enum { CALLS = 3 };
    asked calls[CALLS];
    request *out[CALLS];
    uint64_t broken = resident_in_street(3), whole = resident_in_street(broken + 1);
    long long id = id_of(broken);
    const char *bad = token_for(CLINIC, "family-doctor", broken);
    const char *good = token_for(CLINIC, "family-doctor", whole);
    pg_sql("update resident set area = area # 1 where id = %lld", id);
    int64_t before = lines_in_log();
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = CLINIC,
                           .purpose = "family-doctor",
                           .in = &reveal_of(i == 1 ? bad : good, MASK("name"))->base};
    ask_many(calls, out, CALLS);
    expect_outcome(out[0], VAULT_OK, NULL);
    expect_outcome(out[1], VAULT_INTEGRITY, NULL);
    expect_outcome(out[2], VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + CALLS);
    pg_sql("update resident set area = area # 1 where id = %lld", id);
    fixture_reset();
}

TEST("an edited head is found at start")
{
    static const char *const edits[] = {"size = size - 1",
                                        "time = time + 1",
                                        "control_digest = set_bit(control_digest, 0, 1 - get_bit(control_digest, 0))",
                                        "frontier = set_bit(frontier, 9, 1 - get_bit(frontier, 9))",
                                        "mac = set_bit(mac, 9, 1 - get_bit(mac, 9))",
                                        "erasure = set_bit(erasure, 9, 1 - get_bit(erasure, 9))"};
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        vault_error err = {0};
        pg_sql("create table kept as select * from head");
        pg_sql("update head set %s", edits[i]);
        assert_int_not_equal(fixture_reopen(&err), VAULT_OK);
        pg_sql("delete from head");
        pg_sql("insert into head select * from kept");
        pg_sql("drop table kept");
        fixture_restart();
    }
    expect_outcome(reveal(CLINIC, "family-doctor", token_for(CLINIC, "family-doctor", 1), MASK("name")), VAULT_OK,
                   NULL);
    fixture_reset();
}
