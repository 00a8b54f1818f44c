/* What stands in a list that was typed, pasted or scanned is read as it was meant. */
#include "tests/support/harness.h"
#include "vault/service/leak_spelling.h"

#include <string.h>

static arena *mem;

static void expect_read(const char *format, const char *written, const char *meant)
{
    const bytes got = leak_spelling(mem, format, bytes_of_text(written));
    if (!bytes_same(got, bytes_of_text(meant)))
        fail_msg("%s %s is read as %.*s", format, written, (int)got.len, (const char *)got.at);
}

static void in_memory(void)
{
    arena_free(&mem);
    mem = arena_new(1 << 16);
}

TEST("a mobile number is read in any groups, and behind any prefix")
{
    static const char *const written[] = {"13912345678",
                                          "139 1234 5678",
                                          "139-1234-5678",
                                          "+86 139 1234-5678",
                                          "+8613912345678",
                                          "86-13912345678",
                                          "008613912345678",
                                          "(+86)139.1234.5678",
                                          "１３９１２３４５６７８",
                                          "013912345678",
                                          "'13912345678",
                                          "=\"13912345678\"",
                                          "13912345678.0",
                                          "139\xe3\x80\x80"
                                          "1234\xc2\xa0"
                                          "5678",
                                          "\xe2\x80\x8b"
                                          "139\xe2\x80\x93"
                                          "1234\xe2\x80\x94"
                                          "5678"};
    in_memory();
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) expect_read("mobile", written[i], "13912345678");
    expect_read("phone", "+86 139 1234 5678", "13912345678");
    expect_read("mobile", "8613912345", "8613912345"); /* not long enough to have a prefix */
    expect_read("mobile", "138****1234", "138****1234");
    expect_read("mobile", "打 13912345678", "打 13912345678");
    expect_read("mobile", "", "");
}

TEST("an ID number is read in groups and in full width")
{
    in_memory();
    expect_read("resident_id", "110105 19491231 002x", "11010519491231002x");
    expect_read("resident_id", "110105-1949-1231-002X", "11010519491231002X");
    expect_read("resident_id", "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X");
    expect_read("resident_id", "'11010519491231002X", "11010519491231002X");
    expect_read("resident_id", "1101051949****002X", "1101051949****002X");
}

TEST("a token is read in groups and in full width; one with other characters is left as it is")
{
    in_memory();
    expect_read("token", "ｒｖ１ｑｐｚｒｙ９ｘ８", "rv1qpzry9x8");
    expect_read("token", "rv1 qpzr-y9x8", "rv1qpzry9x8");
    expect_read("token", "\"rv1qpzry9x8\"", "rv1qpzry9x8");
    expect_read("token", "<rv1qpzry9x8>", "<rv1qpzry9x8>");
}

TEST("a name is read without blanks, and with one kind of point")
{
    in_memory();
    expect_read("person_name", "张 三", "张三");
    expect_read("person_name", " 欧阳\xe3\x80\x80明 ", "欧阳明");
    expect_read("person_name", "阿卜杜拉•买买提", "阿卜杜拉·买买提");
    expect_read("person_name", "阿卜杜拉 · 买买提", "阿卜杜拉·买买提");
    expect_read("person_name", "阿卜杜拉．买买提", "阿卜杜拉·买买提");
    expect_read("person_name", "阿卜杜拉・买买提", "阿卜杜拉·买买提");
    expect_read("person_name", "John A. Smith", "John A. Smith");
    expect_read("person_name", "张三", "张三");
    expect_read("person_name", "", "");
}

TEST("a date is read as people write it")
{
    in_memory();
    expect_read("date", "1994年6月6日", "19940606");
    expect_read("date", "1994/06/6", "19940606");
    expect_read("date", "19940606", "19940606");
    expect_read("date", "6.6.1994", "6.6.1994");
    expect_read("date", "1994年", "1994年");
    expect_read("date", "99999999999年6月6日", "99999999999年6月6日");
}

TEST("texts and codes stay as they are, and cut-off characters harm nobody")
{
    in_memory();
    expect_read("text200", "龙城 大道 1 号", "龙城 大道 1 号");
    expect_read("sex", " 1", " 1");
    expect_read("person_name", "张\xe4\xb8", "张\xe4\xb8");
    expect_read("mobile", "139\xf0", "139\xf0");
    arena_free(&mem);
}
