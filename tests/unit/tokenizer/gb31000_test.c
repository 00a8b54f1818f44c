/* The formats that the rest of GB/T 31000 needs: grids, organisations, telephones, documents, quantities. */
#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/codes.h"

TEST("a grid is a division of twelve digits and a number from 001 to 999 in it")
{
    stays("grid", "320411002001001");
    stays("grid", "320411002001999");
    becomes("grid", "３２０４１１００２００１００７", "320411002001007");
    refused("grid", "320411002001000", "BAD_CODE");
    refused("grid", "320411002001", "BAD_LENGTH");
    refused("grid", "3204110020010011", "BAD_LENGTH");
    refused("grid", "00041100200100a", "BAD_CHARACTER");
    refused("grid", "000411002001001", "BAD_CODE");
    refused("grid", "990411002001001", "BAD_CODE");
}

TEST("the credit codes of GB 32100 are accepted, a wrong check character is not")
{
    stays("credit_code", "91110000600037341L");
    stays("credit_code", "91350100M000100Y43");
    becomes("credit_code", "91350100m000100y43", "91350100M000100Y43");
    becomes("credit_code", "９１３５０１００Ｍ０００１００Ｙ４３", "91350100M000100Y43");
    refused("credit_code", "91350100M000100Y4Z", "BAD_CHARACTER");
    refused("credit_code", "91350100M000100Y44", "BAD_CHECK_DIGIT");
    refused("credit_code", "91350100M000100Y4", "BAD_LENGTH");
    refused("credit_code", "91350100M000100Y433", "BAD_LENGTH");
    refused("credit_code", "9135O100M000100Y43", "BAD_CHARACTER");
    refused("credit_code", "91A50100M000100Y43", "BAD_CHARACTER");
}

TEST("a credit code with any one character changed is refused")
{
    static const char good[] = "91350100M000100Y43", all[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (const char *c = all; *c; c++) {
            char wrong[sizeof good], out[64];
            vault_error err = {0};
            memcpy(wrong, good, sizeof good);
            wrong[at] = *c;
            bool accepted = normalise("credit_code", bytes_of_text(wrong), out, sizeof out, &err) == VAULT_OK;
            assert_int_equal(accepted, *c == good[at]);
        }
    }
}

TEST("a telephone is a mobile number, or a landline whose area code is set apart")
{
    stays("phone", "13812345678");
    stays("phone", "0519-88888888");
    stays("phone", "010-62345678");
    stays("phone", "025-7654321");
    becomes("phone", "051988888888", "0519-88888888");
    becomes("phone", "(0519)88888888", "0519-88888888");
    becomes("phone", "（０５１９）８８８８８８８８", "0519-88888888");
    becomes("phone", "０１０６２３４５６７８", "010-62345678");
    becomes("phone", "05198888888", "0519-8888888");
}

TEST("a telephone without its area code, with a wrong one, or with something behind it, is refused")
{
    refused("phone", "88888888", "BAD_LENGTH");
    refused("phone", "12812345678", "BAD_CODE");
    refused("phone", "0119-8888888", "BAD_CHARACTER");
    refused("phone", "0219-8888888", "BAD_CHARACTER");
    refused("phone", "011-88888888", "BAD_CODE");
    refused("phone", "0019-88888888", "BAD_CODE");
    refused("phone", "0519-18888888", "BAD_CODE");
    refused("phone", "0519-98888888", "BAD_CODE");
    refused("phone", "0519-888888", "BAD_LENGTH");
    refused("phone", "0519-888888888", "BAD_LENGTH");
    refused("phone", "0519-8888-8888", "BAD_CHARACTER");
    refused("phone", "0519--8888888", "BAD_CHARACTER");
    refused("phone", "(0519-88888888", "BAD_CHARACTER");
    refused("phone", "(0519)-88888888", "BAD_CHARACTER");
    refused("phone", "+86051988888888", "BAD_LENGTH");
    refused("phone", "0", "BAD_LENGTH");
    refused("phone", "(", "BAD_CHARACTER");
    refused("phone", "()", "BAD_CHARACTER");
    refused("phone", "-", "BAD_CHARACTER");
}

TEST("a document has 5 to 30 letters and digits, the letters large")
{
    stays("document", "E12345678");
    stays("document", "12345");
    becomes("document", "ｅ12345678", "E12345678");
    stays("document", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123");
    refused("document", "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234", "TOO_LONG");
    refused("document", "E123", "BAD_LENGTH");
    refused("document", "E 2345678", "BAD_CHARACTER");
    refused("document", "E-2345678", "BAD_CHARACTER");
    refused("document", "护照123456", "BAD_CHARACTER");
}

TEST("a nationality is one of 249 codes of three letters")
{
    int count = 0;
    for (int i = 0; i < 26 * 26 * 26; i++) {
        char text[] = {(char)('A' + i / 676), (char)('A' + i / 26 % 26), (char)('A' + i % 26), 0}, out[8];
        vault_error err = {0};
        count += normalise("nationality", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
    }
    assert_int_equal(count, 249);
    becomes("nationality", "chn", "CHN");
    stays("nationality", "ZWE");
    stays("nationality", "ABW");
    refused("nationality", "CN", "BAD_LENGTH");
    refused("nationality", "156", "BAD_CHARACTER");
    refused("nationality", "WAF", "BAD_CODE");
    refused("nationality", "W A", "BAD_CHARACTER");
}

TEST("a flag is 0 or 1")
{
    stays("flag", "0");
    stays("flag", "1");
    refused("flag", "2", "BAD_CODE");
    refused("flag", "是", "BAD_CHARACTER");
    refused("flag", "01", "BAD_LENGTH");
}

TEST("equal amounts are equal texts")
{
    becomes("amount", "0", "0");
    becomes("amount", "000", "0");
    becomes("amount", "0012", "12");
    becomes("amount", "12.00", "12");
    becomes("amount", "12.0", "12");
    becomes("amount", "12.5", "12.50");
    becomes("amount", "0.05", "0.05");
    becomes("amount", "００１２．５", "12.50");
    becomes("amount", "000000000000000999999999999.99", "999999999999.99");
    becomes("square_metres", "120.50", "120.50");
    becomes("square_metres", "999999.99", "999999.99");
    becomes("count", "007", "7");
}

TEST("amounts with signs, commas, units, too many digits or decimals are refused")
{
    static const char *const wrong[] = {"-1", "+1", "1,000", "1e5",  "12元", ".5",
                                        "5.", ".",  "1.2.3", "1..2", "0x1",  "1 000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused("amount", wrong[i], "BAD_CHARACTER");
        refused("square_metres", wrong[i], "BAD_CHARACTER");
        refused("count", wrong[i], "BAD_CHARACTER");
    }
    refused("amount", "1.234", "BAD_LENGTH");
    refused("amount", "1000000000000", "TOO_LONG");
    refused("square_metres", "1000000", "TOO_LONG");
    refused("count", "1000000", "TOO_LONG");
    refused("count", "1.0", "BAD_CHARACTER");
    refused("amount", "000000000000000000000000000000000000000000000000000000000000000000000001", "TOO_LONG");
}

TEST("a code of two digits that the place defines is any two digits")
{
    stays("code2", "00");
    stays("code2", "99");
    refused("code2", "0", "BAD_LENGTH");
    refused("code2", "0a", "BAD_CHARACTER");
}

TEST("a long text holds 1,024 characters, as long as the largest size class takes its bytes")
{
    static char text[4 * 1100];
    memset(text, 'a', 1024);
    stays("text1024", text);
    text[1024] = 'a';
    refused("text1024", text, "TOO_LONG");
    memset(text, 0, sizeof text);
    for (int i = 0; i < 1024; i++) memcpy(text + 3 * i, "\xe5\xb8\xae", 3);
    stays("text1024", text);
    memset(text, 0, sizeof text);
    for (int i = 0; i < 1023; i++) memcpy(text + 4 * i, "\xf0\xa0\xae\xb7", 4);
    stays("text1024", text);
    memcpy(text + 4 * 1023, "\xf0\xa0\xae\xb7", 4); /* 4,096 bytes: could not be sealed */
    refused("text1024", text, "TOO_LONG");
}

/* ---- what there is ---- */

TEST("every format that is named is found, once, by its own name")
{
    const char *const *names = format_names();
    size_t count = 0;
    for (; names[count]; count++) {
        const format *f = format_find(names[count]);
        assert_non_null(f);
        assert_string_equal(format_name(f), names[count]);
        for (size_t j = 0; j < count; j++) assert_string_not_equal(names[j], names[count]);
    }
    assert_int_equal(count, 30);
}

TEST("formats of a code list have as many values as the format accepts")
{
    static const char *const lists[] = {"sex",       "ethnicity", "marital_status", "political_status",
                                        "education", "religion",  "relation",       "care_category",
                                        "flag",      "code2"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        uint64_t one = 0, two = 0;
        for (int v = 0; v < 100; v++) {
            char text[8], out[8];
            vault_error err = {0};
            (void)snprintf(text, sizeof text, "%02d", v);
            two += normalise(lists[i], bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
            vault_error_clear(&err);
            (void)snprintf(text, sizeof text, "%d", v % 10);
            one += v < 10 && normalise(lists[i], bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
        }
        assert_int_equal(format_values(format_find(lists[i])), one + two);
    }
}

TEST("there are as many dates as the calendar has, and ID numbers for each of them in each county of each province")
{
    uint64_t days = 0, provinces = 0;
    for (unsigned year = YEAR_FIRST; year <= YEAR_LAST; year++) {
        for (unsigned day = 0; day < 1300; day++) {
            char text[16], out[16];
            vault_error err = {0};
            (void)snprintf(text, sizeof text, "%04u%04u", year, day % 100 > 31 ? 0 : day);
            days += normalise("date", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
        }
    }
    assert_int_equal(days, format_values(format_find("date")));
    for (unsigned province = 0; province < 100; province++) {
        char text[16], out[16];
        vault_error err = {0};
        (void)snprintf(text, sizeof text, "%02u0411", province);
        provinces += normalise("county", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
    }
    assert_int_equal(format_values(format_find("resident_id")), (provinces + 10) * 10000 * days * 1000);
}

TEST("texts and names have no number of values, telephones have more than can be tried")
{
    static const char *const texts[] = {"person_name", "text50", "text1024", "code30", "document", "credit_code"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(format_values(format_find(texts[i])) == UINT64_MAX);
    }
    assert_true(format_values(format_find("mobile")) == UINT64_C(7000000000));
    assert_true(format_values(format_find("phone")) > UINT64_C(7000000000));
}
