/* Which encoding a row is in, also in files that hold both. */
#include "tests/support/harness.h"
#include "vault/cli/encoding.h"

#define MING    "\xE5\xBC\xA0\xE6\x98\x8E" /* 张明, UTF-8 */
#define MING_GB "\xD5\xC5\xC3\xF7"
#define MAOTAI  "\xC3\xA9\xCC\xA8" /* 茅台 in GBK, and well-formed UTF-8 of two bytes each */
#define RARE    "\xF0\xA0\xAE\xB7" /* U+20BB7, UTF-8 */
#define RARE_GB "\x95\x34\xB2\x35"

static arena *mem;

static decoder open_decoder(encoding fixed)
{
    vault_error err = {0};
    decoder d;
    if (!mem) mem = arena_new(1 << 20);
    expect_ok(decoder_open(&d, fixed, &err), &err);
    return d;
}

static const char *read_as(decoder *d, const char *row)
{
    char *text;
    size_t len;
    return decode(d, mem, bytes_of_text(row), &text, &len) == DECODED && strlen(text) == len ? text : "(not)";
}

TEST("a row says by itself whether it is UTF-8, unless it has sequences of two bytes only")
{
    assert_int_equal(writing_of(bytes_of_text("plain, 123")), WRITING_ASCII);
    assert_int_equal(writing_of(bytes_of_text("a " MING)), WRITING_UTF8);
    assert_int_equal(writing_of(bytes_of_text(RARE)), WRITING_UTF8);
    assert_int_equal(writing_of(bytes_of_text(MAOTAI)), WRITING_EITHER);
    assert_int_equal(writing_of(bytes_of_text(MING_GB)), WRITING_OTHER);
    assert_int_equal(writing_of(bytes_of_text("\xC0\x80")), WRITING_OTHER);
    assert_int_equal(writing_of(bytes_of_text("\xED\xA0\x80")), WRITING_OTHER);
}

TEST("rows of both encodings in one file are read, each as it is")
{
    VAULT_CLEANUP(decoder_close) decoder d = open_decoder(ENCODING_AUTO);
    assert_string_equal(read_as(&d, "1," MING), "1," MING);
    assert_string_equal(read_as(&d, "2," MING_GB), "2," MING);
    assert_string_equal(read_as(&d, RARE_GB), RARE);
    assert_string_equal(read_as(&d, "1,\xD5"), "(not)");
    assert_string_equal(read_as(&d, "\xFF\xFF"), "(not)");
    assert_string_equal(read_as(&d, "\x80"), "(not)");
}

TEST("a row that can be either follows the beginning of the file")
{
    VAULT_CLEANUP(decoder_close) decoder d = open_decoder(ENCODING_AUTO);
    assert_string_equal(read_as(&d, MAOTAI), MAOTAI);
    decoder_learn(&d, bytes_of_text(MING_GB));
    assert_string_equal(read_as(&d, MAOTAI), "\xE8\x8C\x85\xE5\x8F\xB0");
    decoder_learn(&d, bytes_of_text(MING));
    assert_string_equal(read_as(&d, MAOTAI), MAOTAI);
    decoder_learn(&d, bytes_of_text("ascii"));
    decoder_learn(&d, bytes_of_text(MING_GB));
    decoder_learn(&d, bytes_of_text(MAOTAI));
    assert_string_equal(read_as(&d, "caf\xC3\xA9"), "caf\xE8\x8C\x85"); /* in a file of GB18030: 茅 */
    assert_string_equal(read_as(&d, "\xC3\xA9 \xC3\xA9\xC3"), "(not)");
}

TEST("a byte order mark or the user settles it, and then nothing else is taken")
{
    VAULT_CLEANUP(decoder_close) decoder marked = open_decoder(ENCODING_AUTO);
    assert_int_equal(decoder_mark(&marked, bytes_of_text("\xEF\xBB\xBF"
                                                         "a")),
                     3);
    assert_string_equal(read_as(&marked, MING_GB), "(not)");
    assert_string_equal(read_as(&marked, MAOTAI), MAOTAI);
    VAULT_CLEANUP(decoder_close) decoder gb = open_decoder(ENCODING_GB18030);
    assert_int_equal(decoder_mark(&gb, bytes_of_text("\xEF\xBB\xBF"
                                                     "a")),
                     0);
    assert_string_equal(read_as(&gb, MING_GB), MING);
    assert_string_equal(read_as(&gb, "1," MING "\xE5"), "(not)");
    VAULT_CLEANUP(decoder_close) decoder own = open_decoder(ENCODING_AUTO);
    assert_int_equal(decoder_mark(&own, bytes_of_text("\x84\x31\x95\x33"
                                                      "a")),
                     4);
    assert_int_equal(own.fixed, ENCODING_GB18030);
    VAULT_CLEANUP(decoder_close) decoder none = open_decoder(ENCODING_AUTO);
    assert_int_equal(decoder_mark(&none, bytes_of_text("\xEF\xBB")), 0);
    assert_int_equal(decoder_mark(&none, bytes_of_text("")), 0);
}

TEST("a NUL is told, because it would cut the text")
{
    VAULT_CLEANUP(decoder_close) decoder d = open_decoder(ENCODING_AUTO);
    char *text;
    size_t len;
    assert_int_equal(decode(&d, mem, bytes_of("a\0b", 3), &text, &len), DECODED_CONTROL);
    assert_string_equal(decode_what_can_be(mem, bytes_of("a\0b" MING_GB, 7)),
                        "a\xEF\xBF\xBD"
                        "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST("an encoding goes by several names")
{
    encoding e;
    assert_true(encoding_named(&e, "UTF-8") && e == ENCODING_UTF8);
    assert_true(encoding_named(&e, "gbk") && e == ENCODING_GB18030);
    assert_true(encoding_named(&e, "auto") && e == ENCODING_AUTO);
    assert_false(encoding_named(&e, "latin1"));
    assert_false(encoding_named(&e, ""));
    assert_string_equal(encoding_name(ENCODING_GB18030), "gb18030");
}
