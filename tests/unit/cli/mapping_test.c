/* Headings and the fields that they mean. */
#include "tests/unit/cli/import_fixture.h"

static arena *mem;
static char *complaint;

static vault_code map(mapping *m, size_t count, const char *const *headings, const mapping_wishes *wishes)
{
    static const mapping_wishes none = {0};
    vault_error err = {0};
    if (!mem) mem = arena_new(4 << 20);
    *m = (mapping){.collection = fixture_collection(), .headings = (char **)(uintptr_t)headings, .columns = count};
    return mapping_make(m, mem, wishes ? wishes : &none, &complaint, &err);
}
#define MAP(m, wishes, ...)                                                                                            \
    map(m, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__}, wishes)

static void expect_paths(const mapping *m, const char *wanted)
{
    char got[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < m->count; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%s@%zu", i ? " " : "", m->paths[i], m->places[i]);
    assert_string_equal(got, wanted);
}

TEST("headings fit names, labels and usual aliases, whatever their width, case, blanks and stars")
{
    mapping m;
    assert_int_equal(MAP(&m, NULL, "公民身份号码", "姓名", "现住地"), VAULT_OK);
    expect_paths(&m, "id_number@0 name@1 residence_area@2");
    assert_int_equal(MAP(&m, NULL, " *身份证号 ", "Ｎａｍｅ", "现居住地", "手机号码*", "现住门（楼）详址"), VAULT_OK);
    expect_paths(&m, "id_number@0 name@1 residence_area@2 phone@3 residence_address@4");
    assert_int_equal(MAP(&m, NULL, "ID Number", "RESIDENCE-AREA", "　性　别　"), VAULT_OK);
    expect_paths(&m, "id_number@0 residence_area@1 sex@2");
    assert_int_equal(m.natural, 0);
}

TEST("columns of the tool's own are passed over")
{
    mapping m;
    assert_int_equal(MAP(&m, NULL, "现住地", "身份证", "_line", "_field", "_reason", "_raw"), VAULT_OK);
    expect_paths(&m, "residence_area@0 id_number@1");
    assert_int_equal(m.natural, 1);
}

TEST("headings that fit nothing are all told, with what could be meant")
{
    mapping m;
    assert_int_equal(MAP(&m, NULL, "身份证号", "现住地", "联系方法", "备注", ""), VAULT_INVALID);
    assert_non_null(strstr(complaint, "\"联系方法\" (phone, 联系方式?)"));
    assert_non_null(strstr(complaint, "\"备注\"\n"));
    assert_non_null(strstr(complaint, "\"\""));
}

TEST("of a file without headings, which begins with a resident, nothing is quoted")
{
    static const char *const numbers[] = {"11010519491231002X", "１３９０００００００１", "0519-88888888",
                                          "320411002003"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        mapping m;
        assert_int_equal(MAP(&m, NULL, "王小明", numbers[i], "现住地"), VAULT_INVALID);
        assert_non_null(strstr(complaint, "headings missing"));
        assert_null(strstr(complaint, "王小明"));
        assert_null(strstr(complaint, numbers[i]));
    }
    mapping m;
    assert_int_equal(MAP(&m, NULL, "身份证", "现住地", "2026年11月22日"), VAULT_INVALID);
    assert_non_null(strstr(complaint, "\"2026年11月22日\""));
    assert_int_equal(MAP(&m, &((mapping_wishes){.ignored = "13900000001"}), "身份证", "现住地", "13900000001"),
                     VAULT_OK);
}

TEST("wishes map, and ignore, and a wish about what there is not is a mistake")
{
    mapping m;
    assert_int_equal(MAP(&m, &((mapping_wishes){.maps = "号=id_number\n联系方法=phone", .ignored = "备注\n"}), "号",
                         "联系方法", "备注", "现住地", ""),
                     VAULT_OK);
    expect_paths(&m, "id_number@0 phone@1 residence_area@3");
    assert_int_equal(MAP(&m, &((mapping_wishes){.maps = "a=b=phone"}), "a=b", "身份证", "现住地"), VAULT_OK);
    expect_paths(&m, "phone@0 id_number@1 residence_area@2");
    assert_int_equal(MAP(&m, &((mapping_wishes){.maps = "姓名=nothing"}), "姓名", "身份证", "现住地"), VAULT_INVALID);
    assert_non_null(strstr(complaint, "\"nothing\""));
    assert_int_equal(MAP(&m, &((mapping_wishes){.maps = "没有=name"}), "姓名", "身份证", "现住地"), VAULT_INVALID);
    assert_int_equal(MAP(&m, &((mapping_wishes){.ignored = "没有"}), "姓名", "身份证", "现住地"), VAULT_INVALID);
    assert_int_equal(MAP(&m, &((mapping_wishes){.maps = "姓名"}), "姓名", "身份证", "现住地"), VAULT_INVALID);
}

TEST("a mapping file says the same, and --map is stronger")
{
    mapping m;
    VAULT_CLEANUP(json_clear) json_t *file = json_pack("{s:s, s:n}", "甲", "name", "乙");
    const mapping_wishes wishes = {.file = file, .maps = "甲=sex"};
    assert_int_equal(MAP(&m, &((mapping_wishes){.file = file}), "甲", "乙", "身份证", "现住地"), VAULT_OK);
    expect_paths(&m, "name@0 id_number@2 residence_area@3");
    assert_int_equal(MAP(&m, &wishes, "甲", "乙", "身份证", "现住地"), VAULT_OK);
    expect_paths(&m, "sex@0 id_number@2 residence_area@3");
    VAULT_CLEANUP(json_clear) json_t *wrong = json_pack("{s:i}", "甲", 1), *list = json_array();
    assert_int_equal(MAP(&m, &((mapping_wishes){.file = wrong}), "甲", "身份证", "现住地"), VAULT_INVALID);
    assert_int_equal(MAP(&m, &((mapping_wishes){.file = list}), "姓名", "身份证", "现住地"), VAULT_INVALID);
}

TEST("two columns for one field, no natural key and no area are mistakes")
{
    mapping m;
    assert_int_equal(MAP(&m, NULL, "身份证", "现住地", "手机号", "电话"), VAULT_INVALID);
    assert_non_null(strstr(complaint, "\"手机号\" and \"电话\" are both phone"));
    assert_int_equal(MAP(&m, &((mapping_wishes){.ignored = "电话"}), "身份证", "现住地", "手机号", "电话"), VAULT_OK);
    assert_int_equal(MAP(&m, NULL, "姓名", "现住地"), VAULT_INVALID);
    assert_non_null(strstr(complaint, "\"id_number\", which every row must"));
    assert_int_equal(MAP(&m, NULL, "姓名", "身份证"), VAULT_INVALID);
    assert_non_null(strstr(complaint, "residence_area"));
}

TEST("a mapping is remembered by its headings")
{
    mapping m;
    assert_int_equal(MAP(&m, NULL, "身份证", "现住地", "_line"), VAULT_OK);
    VAULT_CLEANUP(json_clear) json_t *got = mapping_json(&m);
    VAULT_CLEANUP(json_clear)
    json_t *wanted = json_pack("{s:s, s:s, s:n}", "身份证", "id_number", "现住地", "residence_area", "_line");
    assert_true(json_equal(got, wanted));
}
