/* Leaked lists: cases that two officers make together, linked to residents inside the vault, traced to who opened them,
 * and gone with their case. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/leaks.h"
#include "tests/unit/service/steward.h"

#include "vault/audit/columns.h"
#include "vault/base/clock.h"
#include "vault/service/leaks.h"

/* ---- cases ---- */

TEST("a list waits for another officer, is open then, and is gone when it is closed")
{
    list_begin("name", "phone", NULL);
    list_resident(3, FIELD_NAME, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_opened();
    assert_string_equal(leak->state, "pending");
    assert_int_equal(leak->rows, 1);
    assert_string_equal(leak->columns[1], "phone");
    assert_string_equal(leak->creator, "officer-wang");
    assert_string_equal(leak_listed(leak->name)->state, "pending");
    expect_outcome(trace_leak(leak->name, 0), VAULT_PRECONDITION, "NOT_APPROVED");
    expect_outcome(affected(leak->name, "eldercare", "elder-care"), VAULT_PRECONDITION, "NOT_APPROVED");
    leak_approved(leak);
    assert_string_equal(leak_listed(leak->name)->state, "open");
    expect_outcome(trace_leak(leak->name, 0), VAULT_OK, NULL);
    assert_int_equal(kept_lists(), 1);
    const Vault__V1__Leak *closed = leak_closed(leak->name);
    assert_string_equal(closed->state, "closed");
    assert_int_equal(kept_lists(), 0);
    assert_null(leak_listed(leak->name));
    expect_outcome(trace_leak(leak->name, 0), VAULT_NOT_FOUND, "LEAK_UNKNOWN");
    expect_outcome(close_leak(leak->name), VAULT_NOT_FOUND, "LEAK_UNKNOWN");
    fixture_reset();
}

TEST("whoever brought the list cannot approve it, and no other role may open, see, use or close one")
{
    static const char *const others[] = {ADMINISTRATOR, ELDERCARE, CLINIC};
    list_begin("phone", NULL);
    list_resident(3, FIELD_PHONE, 0);
    const Vault__V1__Leak *leak = leak_opened();
    const Vault__V1__GetApprovalResponse *waits = (const void *)get_approval(OFFICER, leak->approval)->out;
    expect_outcome(approve_as(NULL, OFFICER, leak->approval, waits->approval->digest), VAULT_DENIED, "SELF_APPROVAL");
    for (size_t i = 0; i < 3; i++) {
        leak_asker = others[i];
        expect_outcome(open_leak(), VAULT_DENIED, "role");
        expect_outcome(list_leaks(), VAULT_DENIED, "role");
        expect_outcome(trace_leak(leak->name, 0), VAULT_DENIED, "role");
        expect_outcome(affected(leak->name, "eldercare", "elder-care"), VAULT_DENIED, "role");
        expect_outcome(close_leak(leak->name), VAULT_DENIED, "role");
    }
    leak_asker = OFFICER;
    leak_closed(leak->name);
    fixture_reset();
}

TEST("what officers approve says columns, rows and when it was seen, and holds no value of the list")
{
    resident r;
    the_resident(4, &r);
    list_begin("name", "phone", NULL);
    list_resident(4, FIELD_NAME, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_opened();
    request *rq = get_approval(OFFICER_2, leak->approval);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetApprovalResponse *out = (const void *)rq->out;
    const char *text = arena_text(fixture_memory(), bytes_of(out->content.data, out->content.len));
    assert_non_null(strstr(text, "\"columns\":[\"name\",\"phone\"]"));
    assert_non_null(strstr(text, "\"rows\":1"));
    assert_null(strstr(text, resident_text(&r, FIELD_PHONE)));
    assert_null(strstr(text, resident_text(&r, FIELD_NAME)));
    leak_closed(leak->name);
    fixture_reset();
}

TEST("a list that is none is refused, with what is wrong and nothing of it")
{
    static const struct {
        const char *column, *reason;
    } bad[] = {{"shoe_size", "UNKNOWN_FIELD"}, {"name", "DUPLICATE_FIELD"}, {"house_number", "MIXED_COLLECTIONS"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        list_begin("name", bad[i].column, NULL);
        list_row("a", "b");
        expect_outcome(open_leak(), VAULT_INVALID, bad[i].reason);
    }
    list_begin("name", NULL);
    expect_outcome(open_leak(), VAULT_INVALID, "REQUIRED");
    list_begin("", NULL);
    list_row("a", NULL);
    expect_outcome(open_leak(), VAULT_INVALID, "REQUIRED");
    list_begin("name", NULL);
    list_row("a", "b");
    expect_outcome(open_leak(), VAULT_INVALID, "BAD_ROW");
    list_begin("name", NULL);
    list_row(long_text(513), NULL);
    expect_outcome(open_leak(), VAULT_INVALID, "TOO_LONG");
    list_begin("name", NULL);
    list_row("a", NULL);
    list_seen_us = clock_now_us() + INT64_C(86400) * 1000000;
    expect_outcome(open_leak(), VAULT_INVALID, "OUT_OF_RANGE");
    fixture_reset();
}

TEST("only so many cases are open at a time")
{
    const char *names[LEAKS_MAX];
    for (size_t i = 0; i < LEAKS_MAX; i++) {
        list_begin("phone", NULL);
        list_resident(3 + i, FIELD_PHONE, 0);
        names[i] = leak_opened()->name;
    }
    list_begin("phone", NULL);
    list_resident(3, FIELD_PHONE, 0);
    expect_outcome(open_leak(), VAULT_EXHAUSTED, "TOO_MANY_LEAKS");
    for (size_t i = 0; i < LEAKS_MAX; i++) leak_closed(names[i]);
    fixture_reset();
}

TEST("a list that was edited, or that is another's, is not used")
{
    list_begin("phone", NULL);
    list_resident(3, FIELD_PHONE, 0);
    const Vault__V1__Leak *one = leak_open_case();
    list_begin("phone", NULL);
    list_resident(4, FIELD_PHONE, 0);
    const Vault__V1__Leak *other = leak_open_case();
    pg_sql("CREATE TABLE kept AS SELECT * FROM leak");
    pg_sql("UPDATE leak SET sealed = (SELECT k.sealed FROM kept k WHERE k.id <> leak.id)");
    expect_outcome(trace_leak(one->name, 0), VAULT_INTEGRITY, NULL);
    pg_sql("UPDATE leak SET key = (SELECT k.key FROM kept k WHERE k.id <> leak.id)");
    expect_outcome(trace_leak(one->name, 0), VAULT_INTEGRITY, NULL);
    pg_sql("UPDATE leak SET key = k.key, sealed = k.sealed FROM kept k WHERE k.id = leak.id");
    expect_outcome(trace_leak(one->name, 0), VAULT_OK, NULL);
    pg_sql("UPDATE leak SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)");
    expect_outcome(trace_leak(other->name, 0), VAULT_INTEGRITY, NULL);
    pg_sql("UPDATE leak SET sealed = k.sealed FROM kept k WHERE k.id = leak.id");
    leak_closed(one->name);
    leak_closed(other->name);
    pg_sql("INSERT INTO leak SELECT * FROM kept");
    expect_outcome(trace_leak(one->name, 0), VAULT_NOT_FOUND, "LEAK_UNKNOWN"); /* put back, and good for nothing */
    pg_sql("DROP TABLE kept");
    clock_set_for_test(clock_now_us() + INT64_C(660) * 1000000);
    sweep_now();
    clock_set_for_test(0);
    assert_int_equal(kept_lists(), 0);
    fixture_reset();
}

TEST("a case ends after ninety days, and its list is swept")
{
    list_begin("phone", NULL);
    list_resident(3, FIELD_PHONE, 0);
    const Vault__V1__Leak *leak = leak_open_case();
    clock_set_for_test(clock_now_us() + LEAK_LIFETIME_US + INT64_C(60) * 1000000);
    expect_outcome(trace_leak(leak->name, 0), VAULT_NOT_FOUND, "LEAK_UNKNOWN");
    assert_null(leak_listed(leak->name));
    sweep_now();
    assert_int_equal(kept_lists(), 0);
    clock_set_for_test(0);
    fixture_reset();
}

TEST("a list goes over to the new version of the record ring, and is good before and after")
{
    const int64_t until = clock_monotonic_us() + 60000000;
    list_begin("phone", NULL);
    list_resident(3, FIELD_PHONE, 0);
    const Vault__V1__Leak *leak = leak_open_case();
    rotated("record");
    expect_outcome(trace_leak(leak->name, 0), VAULT_OK, NULL);
    while (strcmp(pg_sql("SELECT count(*) FROM leak WHERE substr(key, 1, 4) <> int4send(2)"), "0") != 0) {
        assert_true(clock_monotonic_us() < until);
        usleep(10000);
    }
    expect_outcome(trace_leak(leak->name, 0), VAULT_OK, NULL);
    leak_closed(leak->name);
    fixture_reset();
}
