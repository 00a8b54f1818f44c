/* Canaries, as changes of the manifest: who may, what every node knows of them, and that nobody reads or writes their
 * document in another way. */
#include "tests/unit/control/vault.h"

#define APP "vault://dev/apps/eldercare"

static const canary_value VALUES[] = {{"id_number", "320451196503121237"}, {"name", "钱多多"}};

static const char *name_of(const node *n, int64_t number)
{
    return arena_format(n->mem, "canaries/%032llx", (unsigned long long)number);
}

static canary *some(const node *n, int64_t first, size_t count)
{
    canary *out = arena_array(n->mem, count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = (canary){.name = name_of(n, first + (int64_t)i),
                          .resident = first + (int64_t)i,
                          .collection = "residents",
                          .area = INT64_C(320411002003001),
                          .values = VALUES,
                          .value_count = 2};
    return out;
}

static change plant_of(const canary *list, size_t count)
{
    return (change){.kind = CHANGE_PLANT, .canaries = list, .canary_count = count};
}

static void given_planted(const node *n, const canary *list, size_t count)
{
    expect_ok(try_change(n, WANG, plant_of(list, count), &err), &err);
}

static change retire_of(const char *name)
{
    return (change){.kind = CHANGE_RETIRE, .canary = name};
}

static size_t count_now(const node *n)
{
    const canary *all;
    const manifest *m = control_acquire(n->c);
    size_t count = manifest_canaries(m, &all);
    control_release(n->c, m);
    return count;
}

TEST("a new vault has none; an officer makes them, and every node knows each by its resident and by its name")
{
    given_vault();
    node n = node_open(), far = node_open();
    assert_int_equal(count_now(&n), 0);
    canary *made = some(&n, 700, 3);
    made[1].department = "civil-affairs";
    made[2].person = "grid-zhao";
    given_planted(&n, made, 3);
    expect_ok(control_reload(far.c, far.s, &err), &err);
    const manifest *m = control_acquire(far.c);
    assert_null(manifest_canary(m, 699));
    assert_null(manifest_canary(m, 703));
    assert_null(manifest_canary(m, 0));
    for (int64_t i = 0; i < 3; i++) {
        const canary *one = manifest_canary(m, 700 + i);
        assert_non_null(one);
        assert_string_equal(one->name, name_of(&n, 700 + i));
        assert_ptr_equal(manifest_canary_named(m, one->name), one);
        assert_string_equal(one->made_by, "officer-wang");
        assert_int_equal(one->made_us, now_us);
        assert_int_equal(one->retired_us, 0);
        assert_int_equal(one->area, INT64_C(320411002003001));
        assert_int_equal(one->value_count, 2);
        assert_string_equal(one->values[1].text, "钱多多");
    }
    assert_null(manifest_canary(m, 700)->department);
    assert_string_equal(manifest_canary(m, 701)->department, "civil-affairs");
    assert_string_equal(manifest_canary(m, 702)->person, "grid-zhao");
    control_release(far.c, m);
    node_close(&far);
    node_close(&n);
}

TEST("apps and administrators make none, and retire none")
{
    given_vault();
    node n = node_open();
    given_planted(&n, some(&n, 5, 1), 1);
    static const char *const others[] = {APP, LI};
    for (size_t i = 0; i < 2; i++) {
        expect_refused(&n, others[i], plant_of(some(&n, 9, 1), 1), VAULT_DENIED, "ROLE");
        expect_refused(&n, others[i], retire_of(name_of(&n, 5)), VAULT_DENIED, "ROLE");
    }
    node_close(&n);
}

TEST("one is retired once; what it was called stays, and an unknown one is told as such")
{
    given_vault();
    node n = node_open();
    given_planted(&n, some(&n, 5, 2), 2);
    expect_refused(&n, WANG, retire_of(name_of(&n, 7)), VAULT_NOT_FOUND, "CANARY_UNKNOWN");
    expect_refused(&n, WANG, retire_of(NULL), VAULT_NOT_FOUND, "CANARY_UNKNOWN");
    change gone = retire_of(name_of(&n, 5));
    gone.now_us = now_us + DAY_US;
    expect_ok(try_change(&n, ZHAO, gone, &err), &err);
    expect_refused(&n, WANG, retire_of(name_of(&n, 5)), VAULT_PRECONDITION, "ALREADY_RETIRED");
    const manifest *m = control_acquire(n.c);
    assert_int_equal(manifest_canary(m, 5)->retired_us, now_us + DAY_US);
    assert_string_equal(manifest_canary(m, 5)->values[0].text, "320451196503121237");
    assert_int_equal(manifest_canary(m, 6)->retired_us, 0);
    control_release(n.c, m);
    node_close(&n);
}

TEST("there is room for so many; the oldest that was retired makes room, one that lives never does")
{
    given_vault();
    node n = node_open();
    canary *all = some(&n, 1, CANARIES_MAX);
    for (size_t i = 0; i < CANARIES_MAX; i++) all[i].value_count = 0;
    given_planted(&n, all, CANARIES_MAX);
    expect_refused(&n, WANG, plant_of(some(&n, 9001, 1), 1), VAULT_EXHAUSTED, "TOO_MANY_CANARIES");
    expect_ok(try_change(&n, WANG, retire_of(name_of(&n, 8)), &err), &err);
    expect_refused(&n, WANG, plant_of(some(&n, 9001, 2), 2), VAULT_EXHAUSTED, "TOO_MANY_CANARIES");
    given_planted(&n, some(&n, 9001, 1), 1);
    assert_int_equal(count_now(&n), CANARIES_MAX);
    const manifest *m = control_acquire(n.c);
    assert_null(manifest_canary(m, 8));
    assert_non_null(manifest_canary(m, 7));
    assert_non_null(manifest_canary(m, 9001));
    control_release(n.c, m);
    node_close(&n);
}

TEST("their document has no name that anybody could ask for, and nobody proposes another")
{
    given_vault();
    node n = node_open();
    document found;
    assert_false(document_named(&found, "canaries"));
    change what = proposal_of(&n, DOC_CANARIES, json_pack("{s:[]}", "canaries"));
    expect_refused(&n, WANG, what, VAULT_INVALID, "DOCUMENT_UNKNOWN");
    const manifest *m = control_acquire(n.c);
    document_fault fault;
    digest canonical;
    expect_ok(control_check_document(&fault, &canonical, m, DOC_CANARIES, bytes_of_text("{\"canaries\":[]}"), &err),
              &err);
    assert_true(fault.text[0]);
    control_release(n.c, m);
    node_close(&n);
}

TEST("a row of them that is taken away, edited or put back by SQL is met")
{
    given_vault();
    node n = node_open();
    given_planted(&n, some(&n, 5, 1), 1);
    keep_rows("older");
    given_planted(&n, some(&n, 6, 1), 1);
    pg_sql("DELETE FROM control_document WHERE name = 'canaries'");
    expect_code(control_reload(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    pg_sql("INSERT INTO control_document SELECT * FROM older.control_document WHERE name = 'canaries'");
    expect_code(control_reload(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(count_now(&n), 2);
    node_close(&n);
}

TEST("other changes leave them as they are, and write their row no second time")
{
    given_vault();
    node n = node_open();
    given_planted(&n, some(&n, 5, 2), 2);
    const char *before = digest_now(&n, DOC_CANARIES);
    given_activated(&n, DOC_POLICY, policy_of(&n, 2));
    assert_string_equal(digest_now(&n, DOC_CANARIES), before);
    assert_int_equal(count_now(&n), 2);
    assert_string_equal(pg_sql("SELECT count(*) FROM control_document WHERE name = 'canaries'"), "1");
    assert_string_equal(pg_sql("SELECT count(*) FROM control_archive WHERE name = 'canaries'"), "1");
    node_close(&n);
}
