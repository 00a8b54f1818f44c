#include "tests/support/harness.h"
#include "vault/base/bytes.h"
#include "vault/base/internal.h"

/* ---- comparing ---- */

TEST("equality of public and of secret bytes: contents and length, empty with or without an address")
{
    bytes a = bytes_of_text("abc"), b = bytes_of_text("abd"), shorter = bytes_of_text("ab");
    bool (*const compare[])(bytes, bytes) = {bytes_same, bytes_equal_secret};
    for (int i = 0; i < 2; i++) {
        assert_true(compare[i](a, bytes_of("abc", 3)));
        assert_false(compare[i](a, b));
        assert_false(compare[i](a, shorter));
        assert_false(compare[i](bytes_of(NULL, 0), a));
        assert_true(compare[i](bytes_of(NULL, 0), bytes_of("", 0)));
        assert_true(compare[i](bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
        assert_false(compare[i](bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    }
    assert_int_equal(bytes_of_text(NULL).len, 0);
}

/* ---- writer and reader ---- */

TEST("numbers are big-endian and come back")
{
    uint8_t out[64];
    writer w = writer_over(out, sizeof out);
    put_u8(&w, 0x01);
    put_u16(&w, 0x0203);
    put_u32(&w, 0x04050607);
    put_u64(&w, 0x08090a0b0c0d0e0fULL);
    put_sized(&w, bytes_of_text("xyz"));
    put_bytes(&w, bytes_of(NULL, 0));
    expect_hex(writer_bytes(&w), "01 0203 04050607 08090a0b0c0d0e0f 0003 78797a");
    reader r = reader_over(writer_bytes(&w));
    assert_int_equal(get_u8(&r), 0x01);
    assert_int_equal(get_u16(&r), 0x0203);
    assert_int_equal(get_u32(&r), 0x04050607);
    assert_true(get_u64(&r) == 0x08090a0b0c0d0e0fULL);
    assert_true(bytes_same(get_sized(&r), bytes_of_text("xyz")));
    assert_true(reader_done(&r));
}

TEST("a writer stops at its end for good and never writes past it")
{
    for (size_t cap = 0; cap < 18; cap++) {
        uint8_t out[32];
        memset(out, 0xee, sizeof out);
        writer w = writer_over(out, cap);
        put_u64(&w, 1);
        put_u32(&w, 2);
        put_sized(&w, bytes_of_text("abcd"));
        assert_int_equal(w.overflow, cap < 18);
        for (size_t i = w.len; i < sizeof out; i++) assert_int_equal(out[i], 0xee);
        put_u8(&w, 9); /* would fit, but what was before it did not */
        if (cap < 18) assert_int_equal(w.overflow, true);
        assert_null(put_space(&w, 1));
    }
}

TEST("sized bytes of 65,535 fit and of 65,536 do not, and a failed one leaves no length behind")
{
    static uint8_t out[70000], in[65536];
    writer w = writer_over(out, sizeof out);
    put_sized(&w, bytes_of(in, 65535));
    assert_false(w.overflow);
    assert_int_equal(w.len, 65537);
    w = writer_over(out, sizeof out);
    put_sized(&w, bytes_of(in, 65536));
    assert_true(w.overflow);
    assert_int_equal(w.len, 0);
}

TEST("absurd lengths overflow instead of wrapping")
{
    uint8_t out[8];
    writer w = writer_over(out, sizeof out);
    put_u8(&w, 1);
    assert_null(put_space(&w, SIZE_MAX));
    assert_true(w.overflow);
    reader r = reader_over(bytes_of(out, 8));
    get_u8(&r);
    assert_int_equal(get_bytes(&r, SIZE_MAX).len, 0);
    assert_true(r.short_);
}

TEST("a reader past its end gives zeros for good")
{
    static const uint8_t in[] = {0xff, 0xff, 0xff};
    reader r = reader_over(bytes_of(in, sizeof in));
    assert_int_equal(get_u32(&r), 0);
    assert_true(r.short_);
    assert_int_equal(get_u8(&r), 0); /* is there, but the reader is lost */
    assert_int_equal(get_bytes(&r, 1).len, 0);
    assert_false(reader_done(&r));
    r = reader_over(bytes_of(in, sizeof in));
    assert_int_equal(get_sized(&r).len, 0); /* says 65,535 */
    assert_true(r.short_);
    r = reader_over(bytes_of(NULL, 0));
    assert_true(reader_done(&r));
    assert_int_equal(get_bytes(&r, 0).len, 0);
    assert_true(reader_done(&r));
    r = reader_over(bytes_of(in, 1));
    assert_false(reader_done(&r)); /* trailing bytes */
}

TEST("64-bit numbers load as they were stored")
{
    uint8_t at[8];
    static const uint64_t values[] = {0, 1, 0x8000000000000000ULL, UINT64_MAX, 0x0123456789abcdefULL};
    for (int i = 0; i < 5; i++) {
        store_u64(at, values[i]);
        assert_true(load_u64(at) == values[i]);
    }
    expect_hex(bytes_of(at, 8), "0123456789abcdef");
}

/* ---- base64 and hex ---- */

TEST("base64 gives the answers of RFC 4648, section 10")
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[32];
        uint8_t back[32];
        size_t len;
        assert_int_equal(base64_encode(text, bytes_of_text(pairs[i][0])), strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        assert_true(base64_decode(back, sizeof back, &len, text, strlen(text)));
        assert_true(bytes_same(bytes_of(back, len), bytes_of_text(pairs[i][0])));
    }
}

TEST("every byte value in every position passes through base64 and hex")
{
    for (size_t len = 1; len <= 4; len++) {
        for (int value = 0; value < 256; value++) {
            uint8_t in[4] = {0}, back[4];
            char text[16];
            size_t back_len;
            in[len - 1] = (uint8_t)value;
            size_t text_len = base64_encode(text, bytes_of(in, len));
            assert_true(base64_decode(back, sizeof back, &back_len, text, text_len));
            assert_true(bytes_same(bytes_of(back, back_len), bytes_of(in, len)));
            hex_encode(text, bytes_of(in, len));
            expect_hex(bytes_of(in, len), text);
        }
    }
    char text[9];
    hex_encode(text, bytes_of("\x09\x0a\xf0\xff", 4));
    assert_string_equal(text, "090af0ff");
}

TEST("exactly the sixty-four characters of the alphabet are read")
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        char text[4] = {(char)c, (char)c, (char)c, (char)c};
        uint8_t out[3];
        size_t len;
        bool wanted = c && strchr(alphabet, c);
        assert_int_equal(base64_decode(out, sizeof out, &len, text, 4), wanted);
        assert_int_equal(len, wanted ? 3 : 0);
    }
}

TEST("base64 without padding, with white space, spare bits or misplaced padding is refused")
{
    static const char *const bad[] = {
        "Z",     "Zg",         "Zg=",      "Zg===", "Zh==", "Zm9=",   "Zm9v=",
        "====",  "=",          "Zg==Zg==", "Z===",  "=Zg=", "Zm9v\n", " Zm9v",
        "Zm 9v", "Zm9vYg==\n", "Zm8=Zm8=", "Z=g=",  "Zm-v", "Zm_v",   "\xef\xbb\xbfZm9vZ"};
    uint8_t out[32];
    size_t len;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(base64_decode(out, sizeof out, &len, bad[i], strlen(bad[i])));
        assert_int_equal(len, 0);
    }
    assert_false(base64_decode(out, sizeof out, &len, "Zm\0v", 4));
}

TEST("base64 is not decoded past the room given")
{
    uint8_t out[8];
    size_t len;
    memset(out, 0xee, sizeof out);
    assert_false(base64_decode(out, 5, &len, "Zm9vYmFy", 8));
    assert_true(base64_decode(out, 6, &len, "Zm9vYmFy", 8));
    assert_int_equal(out[6], 0xee);
    assert_true(base64_decode(out, 5, &len, "Zm9vYmE=", 8));
    assert_true(base64_decode(out, 0, &len, "", 0));
}

/* ---- UTF-8 ---- */

TEST("well-formed UTF-8 is told from overlong, cut, surrogate and too large")
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {{"a", 1},
                 {"\xc2\x80", 2},
                 {"\xe7\x8e\x8b", 3},
                 {"\xf0\xa0\x80\x80", 4},
                 {"\xf4\x8f\xbf\xbf", 4},
                 {"\x80", 0},
                 {"\xc0\x80", 0},
                 {"\xc1\xbf", 0},
                 {"\xe0\x9f\xbf", 0},
                 {"\xed\xa0\x80", 0},
                 {"\xf0\x8f\xbf\xbf", 0},
                 {"\xf4\x90\x80\x80", 0},
                 {"\xf5\x80\x80\x80", 0},
                 {"\xe7\x8e", 0},
                 {"\xe7\x8e\x41", 0},
                 {"\xff", 0},
                 {"\xed\x9f\xbf", 3},
                 {"\xee\x80\x80", 3},
                 {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(utf8_sequence(bytes_of_text(cases[i].text)), cases[i].len);
    }
}
