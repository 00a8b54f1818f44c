#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/internal.h"

/* ---- ID numbers ---- */

TEST("the ID numbers of GB 11643 and of the domain's notes are accepted")
{
    stays("resident_id", "11010519491231002X");
    stays("resident_id", "440524188001010014");
    refused("resident_id", "110105194912310021", "BAD_CHECK_DIGIT");
    refused("resident_id", "110105194902300021", "BAD_DATE");
}

TEST("a lower-case x, full-width digits, blanks around and the old 15 digits become the one canonical form")
{
    becomes("resident_id", "11010519491231002x", "11010519491231002X");
    becomes("resident_id", "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X");
    becomes("resident_id", "１１０１０５１９４９１２３１００２ｘ", "11010519491231002X");
    becomes("resident_id", "　 11010519491231002X\t\r\n", "11010519491231002X");
    becomes("resident_id", "110105491231002", "11010519491231002X");
}

TEST("an ID number with any one character changed, dropped or added is refused")
{
    const char *good = "11010519491231002X";
    vault_error err = {0};
    char out[64], wrong[32];
    for (size_t at = 0; at < 18; at++) {
        for (const char *c = "0123456789X"; *c; c++) {
            memcpy(wrong, good, 19);
            wrong[at] = *c;
            if (*c == good[at]) continue;
            assert_int_equal(normalise("resident_id", bytes_of(wrong, 18), out, sizeof out, &err), VAULT_INVALID);
            vault_error_clear(&err);
        }
        memcpy(wrong, good, at);
        memcpy(wrong + at, good + at + 1, 18 - at);
        refused("resident_id", wrong, "BAD_LENGTH");
        memcpy(wrong, good, at);
        wrong[at] = '1';
        memcpy(wrong + at + 1, good + at, 19 - at);
        refused("resident_id", wrong, "BAD_LENGTH");
    }
}

TEST("two different neighbouring digits of an ID number swapped are refused")
{
    vault_error err = {0};
    char out[64];
    for (size_t at = 0; at < 16; at++) {
        char wrong[] = "440524188001010014", one = wrong[at];
        wrong[at] = wrong[at + 1], wrong[at + 1] = one;
        if (strcmp(wrong, "440524188001010014") == 0) continue;
        assert_int_equal(normalise("resident_id", bytes_of_text(wrong), out, sizeof out, &err), VAULT_INVALID);
        vault_error_clear(&err);
    }
}

TEST("an ID number names a province, and X stands only at its end")
{
    refused("resident_id", "990105X9491231002X", "BAD_CHARACTER");
    refused("resident_id", "160105194912310021", "BAD_CODE");
    refused("resident_id", "000105194912310021", "BAD_CODE");
    refused("resident_id", "11010549123100X", "BAD_CHARACTER");
    refused("resident_id", "11010519491231002-", "BAD_CHARACTER");
    refused("resident_id", "一1010519491231002", "BAD_CHARACTER");
    refused("resident_id", "110105194912310020000000000000000000000000000000000000000000000000000", "TOO_LONG");
}

TEST("for every 17 digits there is exactly one check character")
{
    char text[32];
    vault_error err = {0};
    char out[64];
    for (int sequence = 0; sequence < 1000; sequence++) {
        int accepted = 0;
        for (const char *c = "0123456789X"; *c; c++) {
            (void)snprintf(text, sizeof text, "32041120000229%03d%c", sequence, *c);
            accepted += normalise("resident_id", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
            vault_error_clear(&err);
        }
        assert_int_equal(accepted, 1);
    }
}

/* ---- dates ---- */

TEST("dates are days of the calendar from 1850 to 2100")
{
    stays("date", "18500101");
    stays("date", "21001231");
    stays("date", "20000229");
    stays("date", "20240229");
    const char *const wrong[] = {"18491231", "21010101", "19000229", "21000229", "20230229", "20230431",
                                 "20231301", "20230001", "20230100", "20230132", "00000000", "99999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) refused("date", wrong[i], "BAD_DATE");
}

TEST("dates with separators become eight digits, odd ones are refused")
{
    becomes("date", "2024-02-29", "20240229");
    becomes("date", "2024/02/29", "20240229");
    becomes("date", "2024.02.29", "20240229");
    becomes("date", "２０２４０２２９", "20240229");
    refused("date", "2024-02/29", "BAD_LENGTH");
    refused("date", "2024-2-29", "BAD_LENGTH");
    refused("date", "2024102129", "BAD_LENGTH");
    refused("date", "-0240229", "BAD_CHARACTER");
    refused("date", "2024-0a-29", "BAD_CHARACTER");
}

TEST("each year has 365 or 366 days that are accepted")
{
    vault_error err = {0};
    char text[16], out[32];
    for (int year = 1896; year <= 1905; year++) {
        int days = 0;
        for (int day = 0; day < 10000; day++) {
            (void)snprintf(text, sizeof text, "%04d%04d", year, day);
            days += normalise("date", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
            vault_error_clear(&err);
        }
        assert_int_equal(days, year % 4 == 0 && year != 1900 ? 366 : 365);
    }
}

/* ---- codes ---- */

TEST("the code lists hold what their standards list and nothing else")
{
    static const struct {
        const char *name;
        int count;
        const char *in[4], *out[4];
    } lists[] = {
        {"ethnicity", 58, {"01", "56", "97", "98"}, {"00", "57", "96", "99"}},
        {"marital_status", 8, {"10", "20", "23", "90"}, {"00", "24", "31", "99"}},
        {"political_status", 13, {"01", "07", "12", "13"}, {"00", "14", "20", "99"}},
        {"education", 43, {"10", "28", "50", "90"}, {"09", "24", "51", "91"}},
        {"religion", 10, {"00", "10", "70", "99"}, {"01", "11", "80", "98"}},
        {"relation", 84, {"01", "12", "97", "99"}, {"00", "13", "19", "98"}},
        {"care_category", 4, {"00", "01", "02", "03"}, {"04", "10", "30", "99"}},
    };
    vault_error err = {0};
    char text[8], out[8];
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        int count = 0;
        for (int v = 0; v < 100; v++) {
            (void)snprintf(text, sizeof text, "%02d", v);
            count += normalise(lists[i].name, bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
            vault_error_clear(&err);
        }
        assert_int_equal(count, lists[i].count);
        for (size_t j = 0; j < 4; j++) stays(lists[i].name, lists[i].in[j]);
        for (size_t j = 0; j < 4; j++) refused(lists[i].name, lists[i].out[j], "BAD_CODE");
        refused(lists[i].name, "1", "BAD_LENGTH");
        refused(lists[i].name, "001", "BAD_LENGTH");
        refused(lists[i].name, "0O", "BAD_CHARACTER");
    }
}

TEST("sex is one of 0, 1, 2 and 9")
{
    for (int v = 0; v <= 9; v++) {
        char text[] = {(char)('0' + v), 0};
        if (strchr("0129", *text))
            stays("sex", text);
        else
            refused("sex", text, "BAD_CODE");
    }
    becomes("sex", "２", "2");
    refused("sex", "男", "BAD_CHARACTER");
    refused("sex", "11", "BAD_LENGTH");
}

TEST("a county has six digits and a division twelve, in a province that exists")
{
    stays("county", "320411");
    stays("division", "320411002001");
    becomes("division", "３２０４１１００２００１", "320411002001");
    refused("county", "32041", "BAD_LENGTH");
    refused("division", "320411", "BAD_LENGTH");
    refused("division", "3204110020011", "BAD_LENGTH");
    refused("division", "32041100200a", "BAD_CHARACTER");
    refused("county", "990411", "BAD_CODE");
    refused("division", "000411002001", "BAD_CODE");
}

TEST("a mobile number begins with 13 to 19 and has 11 digits")
{
    for (char second = '3'; second <= '9'; second++) {
        char text[] = {'1', second, '0', '0', '0', '0', '0', '0', '0', '0', '0', 0};
        stays("mobile", text);
    }
    refused("mobile", "12012345678", "BAD_CODE");
    refused("mobile", "23012345678", "BAD_CODE");
    refused("mobile", "1301234567", "BAD_LENGTH");
    refused("mobile", "130123456789", "BAD_LENGTH");
    refused("mobile", "1301234567 8", "BAD_LENGTH");
    refused("mobile", "130-2345678", "BAD_CHARACTER");
}

TEST("a mobile number may stand in groups, and behind the country's code")
{
    becomes("mobile", "130 1234 5678", "13012345678");
    becomes("mobile", "130-1234-5678", "13012345678");
    becomes("mobile", "+8613012345678", "13012345678");
    becomes("mobile", "+86 130-1234-5678", "13012345678");
    becomes("phone", "＋８６－１３０－１２３４－５６７８", "13012345678");
    refused("mobile", "130 1234-5678", "BAD_LENGTH");
    refused("mobile", "13 0123 45678", "BAD_LENGTH");
    refused("mobile", "+85213012345678", "BAD_LENGTH");
    refused("mobile", "+86", "BAD_LENGTH");
}

TEST("an occupation type has five digits, the first 1 to 8")
{
    stays("occupation_type", "10000");
    stays("occupation_type", "80000");
    refused("occupation_type", "00000", "BAD_CODE");
    refused("occupation_type", "90000", "BAD_CODE");
    refused("occupation_type", "1000", "BAD_LENGTH");
}

TEST("a serial number holds ASCII letters, digits and - _ / . ( ), 30 at most")
{
    stays("code30", "0000012345");
    stays("code30", "A-1_b/2.(c)");
    becomes("code30", "Ａ－１", "A-1");
    stays("code30", "123456789012345678901234567890");
    refused("code30", "1234567890123456789012345678901", "TOO_LONG");
    refused("code30", "1 2", "BAD_CHARACTER");
    refused("code30", "a;b", "BAD_CHARACTER");
    refused("code30", "户1", "BAD_CHARACTER");
}

/* ---- names and texts ---- */

TEST("names hold letters and ideographs, with one joint between the parts")
{
    stays("person_name", "王小明");
    stays("person_name", "阿卜杜拉·买买提");
    stays("person_name", "〇㐂𠮷");           /* ideographic zero, extension A, extension B */
    stays("person_name", "\xf0\xb1\x8d\x90"); /* U+31350, extension H: younger than the library's tables */
    stays("person_name", "John F. O'Neil-Smith");
    stays("person_name", "Žofie");
    becomes("person_name", "　王小明 ", "王小明");
}

TEST("names with digits, symbols, doubled or dangling joints are refused")
{
    const char *const wrong[] = {"王1",    "王@",    "·王",   "王·", "王··明", "王  明", "-",   "王_明",
                                 "王\"明", "王，明", "王/明", "王;", "<b>王",  "王、明", "１王"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) refused("person_name", wrong[i], "BAD_CHARACTER");
}

TEST("text is brought to NFC: composed letters, Hangul, compatibility ideographs")
{
    becomes("person_name", "e\xcc\x81", "\xc3\xa9");
    becomes("person_name", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c");
    becomes("person_name", "\xef\xa4\x80", "\xe8\xb1\x88");         /* U+F900 → U+8C48 */
    becomes("person_name", "王\xce\x87明", "王·明");                /* U+0387 → U+00B7 */
    becomes("text50", "a\xcc\xa3\xcc\x87", "\xe1\xba\xa1\xcc\x87"); /* marks in canonical order */
    becomes("text50", "a\xcc\x87\xcc\xa3", "\xe1\xba\xa1\xcc\x87");
}

TEST("normalising twice changes nothing")
{
    const char *const in[] = {"e\xcc\x81", "\xef\xa4\x80", "a\xcc\x87\xcc\xa3", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        vault_error err = {0};
        char once[256];
        expect_ok(normalise("text200", bytes_of_text(in[i]), once, sizeof once, &err), &err);
        stays("text200", once);
    }
}

TEST("texts keep full-width characters and are measured in characters")
{
    stays("text100", "三井街道１２３号（东）");
    char text[4 * 201 + 1] = {0};
    for (int i = 0; i < 200; i++) memcpy(text + 4 * i, "\xf0\xa0\xae\xb7", 4);
    stays("text200", text);
    memcpy(text + 800, "\xf0\xa0\xae\xb7", 4);
    refused("text200", text, "TOO_LONG");
    char ascii[52] = {0};
    memset(ascii, 'a', 50);
    stays("text50", ascii);
    ascii[50] = 'a';
    refused("text50", ascii, "TOO_LONG");
    refused("person_name", ascii, "TOO_LONG");
}

TEST("control, direction, zero-width, private and unassigned characters are refused, wherever they stand")
{
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"a\x01"
         "b",
         "CONTROL_CHARACTER"},
        {"a\tb", "CONTROL_CHARACTER"},
        {"a\nb", "CONTROL_CHARACTER"},
        {"a\x7f", "CONTROL_CHARACTER"},
        {"\xc2\x85", "CONTROL_CHARACTER"},
        {"a\xe2\x80\xae"
         "b",
         "CONTROL_CHARACTER"},
        {"a\xe2\x80\x8b"
         "b",
         "CONTROL_CHARACTER"},
        {"\xef\xbb\xbf"
         "a",
         "CONTROL_CHARACTER"},
        {"a\xe2\x80\xa8"
         "b",
         "CONTROL_CHARACTER"},
        {"\xee\x80\x80", "BAD_CHARACTER"},
        {"\xef\xbf\xbf", "BAD_CHARACTER"},
        {"\xf4\x8f\xbf\xbf", "BAD_CHARACTER"},
        {"\xf0\xaf\xbf\xbe", "BAD_CHARACTER"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused("text50", bad[i].text, bad[i].reason);
        refused("person_name", bad[i].text, bad[i].reason);
    }
    refused("mobile",
            "1381234\x01"
            "678",
            "CONTROL_CHARACTER");
    refused("mobile",
            "1381234\xe2\x80\x8b"
            "678",
            "CONTROL_CHARACTER");
}

TEST("an embedded NUL is a control character and cuts nothing off")
{
    refused_bytes("text50", bytes_of("ab\0cd", 5), "CONTROL_CHARACTER");
    refused_bytes("resident_id", bytes_of("11010519491231002X\0", 19), "CONTROL_CHARACTER");
    refused_bytes("sex", bytes_of("\0", 1), "CONTROL_CHARACTER");
    refused_bytes("person_name", bytes_of("王\0", 4), "CONTROL_CHARACTER");
}

TEST("bytes that are not UTF-8 are refused by every format")
{
    static const char *const bad[] = {
        "\x80", "\xc0\x80",          "\xc1\xbf",    "\xe4\xb8", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xff", "\xe4\xb8\xadx\xe4", "\xe0\x80\x80"};
    static const char *const names[] = {"resident_id", "person_name", "sex",    "date",
                                        "division",    "mobile",      "text50", "code30"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            vault_error err = {0};
            char out[64];
            assert_int_equal(normalise(names[j], bytes_of_text(bad[i]), out, sizeof out, &err), VAULT_INVALID);
            assert_true(strcmp(err.reason, "NOT_UTF8") == 0 || bad[i][0] == '\xe4');
        }
    }
}

TEST("blank values have no length, and unknown formats are not found")
{
    const char *const blanks[] = {"", " ", "　", "\r\n", "\xc2\xa0"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        refused("text50", blanks[i], "BAD_LENGTH");
        refused("resident_id", blanks[i], "BAD_LENGTH");
    }
    assert_null(format_find(""));
    assert_null(format_find("Resident_id"));
    assert_null(format_find("text"));
    assert_null(format_find("text500"));
}

TEST("a full arena is EXHAUSTED and not a refusal of the value")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16);
    vault_error err = {0};
    bytes out;
    expect_code(format_normalise(format_find("text50"), mem, bytes_of_text("三井街道华山社区"), &out, &err),
                VAULT_EXHAUSTED, &err);
    expect_code(format_normalise(format_find("resident_id"), mem, bytes_of_text("11010519491231002X"), &out, &err),
                VAULT_EXHAUSTED, &err);
    expect_code(format_normalise(format_find("person_name"), mem, bytes_of_text("e\xcc\x81"), &out, &err),
                VAULT_EXHAUSTED, &err);
}

TEST("the result does not point into the input")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    vault_error err = {0};
    char in[] = "王小明";
    bytes out;
    expect_ok(format_normalise(format_find("person_name"), mem, bytes_of_text(in), &out, &err), &err);
    memset(in, 'x', sizeof in - 1);
    assert_memory_equal(out.at, "王小明", out.len);
}

/* ---- padding ---- */

TEST("padded values open again for every length, and lengths of one class look alike")
{
    static uint8_t text[4095], padded[4096];
    vault_error err = {0};
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 31 + 7);
    size_t before = 0;
    for (size_t len = 0; len <= 4094; len++) {
        size_t room = padded_length(len);
        assert_true(room >= len + 2 && room <= 4096 && room >= before && room % 16 == 0);
        before = room;
        memset(padded, 0xee, sizeof padded);
        pad(padded, room, bytes_of(text, len));
        bytes back;
        expect_ok(unpad(&back, bytes_of(padded, room), &err), &err);
        assert_int_equal(back.len, len);
        assert_memory_equal(back.at, text, len);
    }
    assert_int_equal(padded_length(4095), 0);
    assert_int_equal(padded_length(SIZE_MAX), 0);
    assert_int_equal(padded_length(SIZE_MAX - 1), 0);
    assert_int_equal(padded_length(0), padded_length(14));
    assert_int_equal(padded_length(15), 32);
}

TEST("padding with a wrong length, a wrong size or a byte left over is an integrity failure")
{
    vault_error err = {0};
    uint8_t padded[64];
    bytes back;
    pad(padded, 32, bytes_of_text("11010519491231002X"));
    for (size_t len = 0; len < 32; len++) expect_code(unpad(&back, bytes_of(padded, len), &err), VAULT_INTEGRITY, &err);
    for (size_t at = 20; at < 32; at++) {
        padded[at] = 1;
        expect_code(unpad(&back, bytes_of(padded, 32), &err), VAULT_INTEGRITY, &err);
        padded[at] = 0;
    }
    expect_ok(unpad(&back, bytes_of(padded, 32), &err), &err);
    padded[1] = 31;
    expect_code(unpad(&back, bytes_of(padded, 32), &err), VAULT_INTEGRITY, &err);
    padded[1] = 14;
    expect_code(unpad(&back, bytes_of(padded, 32), &err), VAULT_INTEGRITY, &err);
    padded[0] = 0xff;
    expect_code(unpad(&back, bytes_of(padded, 32), &err), VAULT_INTEGRITY, &err);
}
