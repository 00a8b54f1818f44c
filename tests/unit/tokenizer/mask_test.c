/* What masks show, what they never show, and what they leave to be guessed: counted. */
#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/mask.h"

static void shows(const char *name, const char *value, const char *wanted)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    vault_error err = {0};
    const mask *m = mask_find(name);
    bytes out;
    assert_non_null(m);
    expect_ok(mask_apply(m, mem, bytes_of_text(value), &out, &err), &err);
    if (out.len != strlen(wanted) || memcmp(out.at, wanted, out.len) != 0) {
        fail_msg("%s of '%s' is '%.*s', not '%s'", name, value, (int)out.len, (const char *)out.at, wanted);
    }
}

/* ---- what is shown ---- */

TEST("hidden shows three asterisks, whatever the value")
{
    static const char *const values[] = {"",       "a",        "11010519491231002X",
                                         "王小明", "\xff\xfe", "一个很长的地址一个很长的地址"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) shows("hidden", values[i], "***");
}

TEST("of a name the first character is shown, and neither its length nor its other parts")
{
    shows("name_surname", "张三", "张**");
    shows("name_surname", "张小三", "张**");
    shows("name_surname", "欧阳小明", "欧**");
    shows("name_surname", "阿卜杜拉·买买提", "阿**");
    shows("name_surname", "𠮷野", "𠮷**");
    shows("name_surname", "John", "J**");
    shows("name_surname", "1", "***");
    shows("name_surname", "", "***");
    shows("name_surname", "·王", "***");
    shows("name_surname", "\xe5\xbc", "***");
    shows("text_first", "市政府", "市**");
    shows("text_first", "3", "***");
    shows("name_surname", "王", "***");
    shows("name_surname", "𠮷", "***");
}

TEST("of an ID number the area, or the area and the last four")
{
    shows("id_area", "11010519491231002X", "110105************");
    shows("id_ends", "11010519491231002X", "110105********002X");
    shows("id_ends", "440524188001010014", "440524********0014");
}

TEST("of a mobile number three and four digits, of a landline the area code and three")
{
    shows("mobile_ends", "13812345678", "138****5678");
    shows("mobile_ends", "0519-88881234", "0519-****234");
    shows("mobile_ends", "0519-8881234", "0519-****234");
    shows("mobile_ends", "010-62345678", "010-****678");
}

TEST("of a date the year or the decade")
{
    shows("date_year", "19491231", "1949");
    shows("date_decade", "19491231", "1940-1949");
    shows("date_decade", "20000101", "2000-2009");
}

TEST("of a division or a grid the county")
{
    shows("division_county", "320411002001", "320411******");
    shows("division_county", "320411002001007", "320411*********");
}

TEST("of a document the first and the last two characters, if it is long enough")
{
    shows("document_ends", "E12345678", "E****78");
    shows("document_ends", "E123456", "E****56");
    shows("document_ends", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", "A****23");
    shows("document_ends", "E12345", "***");
}

TEST("of an address the part up to the street or the town")
{
    shows("address_head", "江苏省常州市新北区三井街道华山社区1幢2单元301室", "江苏省常州市新北区三井街道***");
    shows("address_head", "江苏省常州市新北区薛家镇春江路337号", "江苏省常州市新北区薛家镇***");
    shows("address_head", "江苏省镇江市丹徒区高桥镇中心路3号", "江苏省镇江市丹徒区高桥镇***");
    shows("address_head", "河南省新乡市红旗区东街街道5号", "河南省新乡市红旗区东街街道***");
    shows("address_head", "江苏省常州市新北区春江路337号", "江苏省常州市新北区***");
    shows("address_head", "江苏省溧阳市燕山路8号", "江苏省溧阳市***");
    shows("address_head", "江苏省溧阳市锦绣小区8号", "江苏省溧阳市***");
    shows("address_head", "江苏省溧阳市燕山东路锦绣家园北区8号", "江苏省溧阳市***");
    shows("address_head", "江苏省常州市新北区人民路乡村花园8号", "江苏省常州市新北区***");
    shows("address_head", "上海市浦东新区世纪大道8号", "上海市浦东新区***");
    shows("address_head", "南京市江宁区秣陵街道8号", "南京市江宁区秣陵街道***");
    shows("address_head", "内蒙古自治区阿拉善左旗吉兰泰镇1号", "内蒙古自治区阿拉善左旗吉兰泰镇***");
}

TEST("of an address the part up to the community or the village, or up to what stands before it")
{
    shows("address_community", "江苏省常州市新北区三井街道华山社区1幢2单元301室",
          "江苏省常州市新北区三井街道华山社区***");
    shows("address_community", "江苏省常州市新北区三井街道太湖路社区12号", "江苏省常州市新北区三井街道太湖路社区***");
    shows("address_community", "江苏省常州市新北区河海街道燕山新村社区3幢",
          "江苏省常州市新北区河海街道燕山新村社区***");
    shows("address_community", "江苏省常州市新北区薛家镇奥园村委会3组", "江苏省常州市新北区薛家镇奥园村委会***");
    shows("address_community", "安徽省淮南市寿县安丰塘镇老街村12号", "安徽省淮南市寿县安丰塘镇老街村***");
    shows("address_community", "内蒙古自治区阿拉善左旗吉兰泰镇召素陶勒盖嘎查1号",
          "内蒙古自治区阿拉善左旗吉兰泰镇召素陶勒盖嘎查***");
    shows("address_community", "南京市江宁区秣陵街道百家湖居委会8号", "南京市江宁区秣陵街道百家湖居委会***");
    shows("address_community", "江苏省常州市新北区三井街道华山社区", "江苏省常州市新北区三井街道华山社区***");
    shows("address_community", "江苏省溧阳市华山社区8号", "江苏省溧阳市华山社区***");
}

TEST("an address that names no community is shown up to the street or the town, and never a part of a road or a house")
{
    shows("address_community", "江苏省常州市新北区三井街道春江路337号", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道燕山新村西区3号", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道阳光小区3幢301室", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道春江路五号华山社区", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道三幢二单元华山社区", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道3号华山社区", "江苏省常州市新北区三井街道***");
    shows("address_community", "江苏省常州市新北区三井街道社区8号", "江苏省常州市新北区三井街道***");
    shows("address_community", "华山社区3幢", "***");
    shows("address_community", "3号华山社区", "***");
    shows("address_community", "", "***");
}

TEST("an address without a place before its first number or sign shows nothing")
{
    static const char *const values[] = {"337号新北区三井街道", "春江路337号", "（新北区）", "#新北区",
                                         "１号新北区",          "Ⅲ新北区",     "①区",        "",
                                         "\xff新北区",          "村子"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) shows("address_head", values[i], "***");
    shows("address_head", "新北区3号街道", "新北区***");
    shows("address_head", "新北区３号街道", "新北区***");
    shows("address_head", "新北区Ⅲ街道", "新北区***");
}

TEST("a housing estate is no county: of an address that names it alone nothing is shown")
{
    static const char *const values[] = {"阳光小区3幢301室", "翠竹社区5组",      "锦绣花园北区8号", "人民路小区2幢",
                                         "锦绣家园南区8号",  "解放东街北区11号", "燕山新村西区3号", "城中公寓东区2室"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) shows("address_head", values[i], "***");
    shows("address_head", "新北区阳光小区3幢", "新北区***");
    shows("address_head", "河北省唐山市路南区5号", "河北省唐山市路南区***");
}

TEST("no mask of an address shows a digit of it, wherever digits stand")
{
    static const char address[] = "江苏省常州市新北区薛家镇华山社区春江路号幢单元室";
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    for (size_t at = 0; at <= sizeof address - 1; at += 3) {
        char text[sizeof address + 8];
        (void)snprintf(text, sizeof text, "%.*s77%s", (int)at, address, address + at);
        vault_error err = {0};
        bytes out;
        expect_ok(mask_apply(mask_find("address_head"), mem, bytes_of_text(text), &out, &err), &err);
        assert_null(memchr(out.at, '7', out.len));
        expect_ok(mask_apply(mask_find("address_community"), mem, bytes_of_text(text), &out, &err), &err);
        assert_null(memchr(out.at, '7', out.len));
        arena_reset(mem);
    }
}

TEST("a value that a mask is not made for is not shown")
{
    static const char *const values[] = {"王",
                                         "abc",
                                         "1949",
                                         "11010519491231002x",
                                         "1101051949123100XX",
                                         "11010549123100",
                                         "1949-12-31",
                                         "２０２４０２２９",
                                         "32041",
                                         "2381234567",
                                         "1381234567890",
                                         "0519-123",
                                         "-",
                                         "0519-8888888-",
                                         "\xff\xff\xff\xff\xff\xff\xff\xff",
                                         "E123\xff-678",
                                         ""};
    static const char *const masks[] = {"id_area",     "id_ends",         "mobile_ends",  "date_year",
                                        "date_decade", "division_county", "address_head", "address_community"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t j = 0; j < sizeof masks / sizeof *masks; j++) shows(masks[j], values[i], "***");
    }
    shows("document_ends", "E123\xff-678", "***");
    shows("document_ends", "护照123456789", "***");
}

TEST("a value with a NUL in it is not cut there")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    vault_error err = {0};
    bytes out;
    expect_ok(mask_apply(mask_find("id_area"), mem, bytes_of("11010519491231002X\0", 19), &out, &err), &err);
    assert_int_equal(out.len, 3);
    expect_ok(mask_apply(mask_find("mobile_ends"), mem,
                         bytes_of("1381234\0"
                                  "678",
                                  11),
                         &out, &err),
              &err);
    assert_int_equal(out.len, 3);
}

TEST("a full arena is EXHAUSTED")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(8);
    vault_error err = {0};
    bytes out;
    expect_code(mask_apply(mask_find("id_area"), mem, bytes_of_text("11010519491231002X"), &out, &err), VAULT_EXHAUSTED,
                &err);
}

/* ---- what fits what ---- */

TEST("every mask is found by its name, no other is, and only hidden fits every format")
{
    static const char *const bad[] = {"", "Hidden", "id_", "id_area ", "none", "plain"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_null(mask_find(bad[i]));
    size_t masks = 0;
    for (const char *const *name = mask_names(); *name; name++, masks++) {
        size_t fits = 0, formats = 0;
        assert_string_equal(mask_name(mask_find(*name)), *name);
        for (const char *const *f = format_names(); *f; f++, formats++)
            fits += mask_fits(mask_find(*name), format_find(*f));
        assert_true(fits > 0);
        assert_int_equal(fits == formats, strcmp(*name, "hidden") == 0);
    }
    assert_int_equal(masks, 12);
}

TEST("a mask fits formats by their whole names")
{
    assert_true(mask_fits(mask_find("division_county"), format_find("grid")));
    assert_false(mask_fits(mask_find("division_county"), format_find("county"))); /* it would show all of it */
    assert_false(mask_fits(mask_find("date_year"), format_find("resident_id")));
    assert_false(mask_fits(mask_find("text_first"), format_find("sex")));
    assert_true(mask_fits(mask_find("text_first"), format_find("text50")));
    assert_true(mask_fits(mask_find("text_first"), format_find("text100")));
    assert_true(mask_fits(mask_find("mobile_ends"), format_find("phone")));
}

/* ---- what is left to be guessed: counted; of ID numbers in company_test.c ---- */

static bool valid(arena *mem, const format *f, const char *text)
{
    vault_error err = {0};
    bytes out;
    arena_reset(mem);
    return format_normalise(f, mem, bytes_of_text(text), &out, &err) == VAULT_OK;
}

static uint32_t days_of(unsigned first_year, unsigned last_year)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    uint32_t total = 0;
    unsigned months = (last_year - first_year + 1) * 12;
    for (unsigned i = 0; i < months * 31; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%04u%02u%02u", first_year + i / 31 / 12, i / 31 % 12 + 1, i % 31 + 1);
        total += valid(mem, format_find("date"), text);
    }
    return total;
}

TEST("the dates of a year and of a decade are as many as are counted")
{
    uint32_t year = UINT32_MAX, decade = UINT32_MAX;
    for (unsigned first = 1850; first < 2100; first += 10) {
        uint32_t of_year = days_of(first + 1, first + 1), of_decade = days_of(first, first + 9);
        if (of_year < year) year = of_year;
        if (of_decade < decade) decade = of_decade;
    }
    assert_int_equal(mask_strength(mask_find("date_year"), format_find("date")), year);
    assert_int_equal(mask_strength(mask_find("date_decade"), format_find("date")), decade);
}

/* How many of the numbers that a mask hides are valid: all that stand behind `head` before `tail`. */
static uint64_t count_hidden(const char *name, const char *head, unsigned hidden, const char *tail)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    uint64_t found = 0;
    unsigned end = 1;
    for (unsigned i = 0; i < hidden; i++) end *= 10;
    for (unsigned v = 0; v < end; v++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%s%0*u%s", head, (int)hidden, v, tail);
        found += valid(mem, format_find(name), text);
    }
    return found;
}

TEST("the telephones that a mask leaves are as many as are counted")
{
    const mask *m = mask_find("mobile_ends");
    assert_int_equal(mask_strength(m, format_find("mobile")), count_hidden("mobile", "138", 4, "5678"));
    assert_int_equal(mask_strength(m, format_find("phone")), count_hidden("phone", "0519-", 4, "234"));
    assert_true(count_hidden("phone", "138", 4, "5678") >= mask_strength(m, format_find("phone")));
}

TEST("the places that a mask leaves are as many as the format has, and a document's ends leave ten thousand at least")
{
    assert_int_equal(mask_strength(mask_find("division_county"), format_find("division")),
                     count_hidden("division", "320411", 6, ""));
    assert_int_equal(mask_strength(mask_find("division_county"), format_find("grid")),
                     UINT64_C(1000000) * count_hidden("grid", "320411002001", 3, ""));
    const mask *ends = mask_find("document_ends");
    assert_int_equal(count_hidden("document", "E", 4, "78"), mask_strength(ends, format_find("document")));
    assert_int_equal(count_hidden("code30", "E", 4, "78"), mask_strength(ends, format_find("code30")));
    /* Of an organisation's code fifteen are hidden: six digits of them are enough, one in 31 has the check character.
     */
    assert_true(count_hidden("credit_code", "91", 6, "60003734XL") >= mask_strength(ends, format_find("credit_code")));
}

TEST("a mask and a format that have a number are among those that are counted here and in company_test.c")
{
    static const char *const counted[] = {
        "id_area resident_id",    "id_ends resident_id",  "mobile_ends mobile",       "mobile_ends phone",
        "date_year date",         "date_decade date",     "division_county division", "division_county grid",
        "document_ends document", "document_ends code30", "document_ends credit_code"};
    size_t found = 0;
    for (const char *const *m = mask_names(); *m; m++) {
        for (const char *const *f = format_names(); *f; f++) {
            char pair[64];
            if (!mask_fits(mask_find(*m), format_find(*f))) continue;
            if (mask_strength(mask_find(*m), format_find(*f)) == UINT64_MAX) continue;
            (void)snprintf(pair, sizeof pair, "%s %s", *m, *f);
            size_t i = 0;
            while (i < sizeof counted / sizeof *counted && strcmp(counted[i], pair) != 0) i++;
            if (i == sizeof counted / sizeof *counted) fail_msg("%s is not counted", pair);
            found++;
        }
    }
    assert_int_equal(found, sizeof counted / sizeof *counted);
}

TEST("what is hidden whole, or of texts, has no number")
{
    assert_true(mask_strength(mask_find("hidden"), format_find("sex")) == UINT64_MAX);
    assert_true(mask_strength(mask_find("name_surname"), format_find("person_name")) == UINT64_MAX);
    assert_true(mask_strength(mask_find("address_head"), format_find("text200")) == UINT64_MAX);
}
