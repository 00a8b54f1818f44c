#include "tests/support/harness.h"
#include "vault/base/clock.h"
#include "vault/base/digest.h"
#include <unistd.h>

/* ---- clock ---- */

TEST("the clock of a thread's work stands while it sleeps and goes while it computes")
{
    int64_t before = clock_work_us();
    usleep(30000);
    int64_t slept = clock_work_us();
    assert_true(slept - before < 20000);
    while (clock_work_us() < slept + 1000) continue;
}

TEST("a set clock stands still until it is given back")
{
    clock_set_for_test(1234567);
    assert_true(clock_now_us() == 1234567);
    assert_true(clock_now_us() == 1234567);
    clock_set_for_test(0);
    assert_true(clock_now_us() > 1700000000000000);
    int64_t before = clock_monotonic_us();
    assert_true(clock_monotonic_us() >= before);
}

TEST("times are written as RFC 3339 with microseconds, before 1970 too")
{
    char out[32];
    clock_format(out, 0);
    assert_string_equal(out, "1970-01-01T00:00:00.000000Z");
    clock_format(out, 1795312961123456);
    assert_string_equal(out, "2026-11-22T02:02:41.123456Z");
    clock_format(out, -1);
    assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
    clock_format(out, INT64_MAX);
    clock_format(out, INT64_MIN);
    assert_true(strlen(out) < 32);
}

TEST("what is written is read back to the microsecond")
{
    for (int64_t us = 1; us < 253402300800000000; us = us * 3 + 12345677) {
        char out[32];
        clock_format(out, us);
        assert_true(clock_parse(out) == us);
    }
}

TEST("offsets and fractions are read")
{
    assert_true(clock_parse("1970-01-01T08:00:00+08:00") == 0);
    assert_true(clock_parse("1970-01-01T00:00:00-00:30") == 1800000000);
    assert_true(clock_parse("1970-01-01T00:00:01.5Z") == 1500000);
    assert_true(clock_parse("1970-01-01T00:00:01.123456789Z") == 1123456);
    assert_true(clock_parse("2024-02-29T00:00:00Z") == 1709164800000000);
}

TEST("malformed times are refused")
{
    static const char *const bad[] = {"",
                                      "1970",
                                      "1970-01-01",
                                      "1970-01-01T00:00:00",
                                      "1970-01-01 00:00:00Z",
                                      "1970-01-01t00:00:00Z",
                                      "1970-01-01T00:00:00z",
                                      "1970-13-01T00:00:00Z",
                                      "1970-00-01T00:00:00Z",
                                      "2023-02-29T00:00:00Z",
                                      "2023-04-31T00:00:00Z",
                                      "2023-04-00T00:00:00Z",
                                      "1970-01-01T24:00:00Z",
                                      "1970-01-01T00:60:00Z",
                                      "1970-01-01T00:00:60Z",
                                      "1970-01-01T00:00:00.Z",
                                      "1970-01-01T00:00:00.1234567890Z",
                                      "1970-01-01T00:00:00Zx",
                                      "1970-01-01T00:00:00+8:00",
                                      "1970-01-01T00:00:00+0800",
                                      "1970-01-01T00:00:00+24:00",
                                      "1970-01-01T00:00:00+08:60",
                                      "+970-01-01T00:00:00Z",
                                      "1970-1-01T00:00:00Z",
                                      " 1970-01-01T00:00:00Z",
                                      "1969-12-31T23:59:59Z",
                                      /* before 1970 */ "1970-01-01T00:00:00+08:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_true(clock_parse(bad[i]) == -1);
}

TEST("the date in Shanghai turns at 16:00 UTC")
{
    assert_int_equal(clock_shanghai_date(clock_parse("2026-11-22T15:59:59.999999Z")), 20261122);
    assert_int_equal(clock_shanghai_date(clock_parse("2026-11-22T16:00:00Z")), 20261123);
    assert_int_equal(clock_shanghai_date(clock_parse("2025-12-31T16:00:00Z")), 20260101);
    assert_int_equal(clock_shanghai_date(clock_parse("2024-02-28T16:00:00Z")), 20240229);
    assert_int_equal(clock_shanghai_date(-28800000000 - 1), 19691231);
}

/* ---- digest ---- */

TEST("SHA-256 gives the answers of FIPS 180-4")
{
    digest d = sha256(bytes_of_text("abc"));
    expect_hex(digest_bytes(&d), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    d = sha256(bytes_of(NULL, 0));
    expect_hex(digest_bytes(&d), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    d = sha256(bytes_of_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
    expect_hex(digest_bytes(&d), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST("a digest of parts is the digest of the whole, wherever they part")
{
    uint8_t in[200];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)i;
    digest whole = sha256(bytes_of(in, sizeof in));
    for (size_t cut = 0; cut <= sizeof in; cut++) {
        const bytes parts[] = {bytes_of(in, cut), bytes_of(NULL, 0), bytes_of(in + cut, sizeof in - cut)};
        digest d = sha256_parts(parts, 3);
        assert_memory_equal(d.at, whole.at, DIGEST_LEN);
    }
}
