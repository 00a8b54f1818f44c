/* A leaked list as it was found: what each column is, whatever it is written in; and the report, in which texts of the
 * log are nothing but texts. */
#include "vault/cli/leak_looks.h"
#include "vault/cli/leak_report.h"
#include "vault/cli/leak_table.h"

#include "tests/support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static arena *mem;
static leak_table table;
static vault_error err;

static Vault__V1__Field fields[7];
static Vault__V1__Collection residents;

static void field(size_t i, const char *name, const char *label, const char *format)
{
    static Vault__V1__Field *all[7];
    vault__v1__field__init(&fields[i]);
    fields[i].name = (char *)(uintptr_t)name;
    fields[i].label = (char *)(uintptr_t)label;
    fields[i].format = (char *)(uintptr_t)format;
    all[i] = &fields[i];
    residents.fields = all;
    residents.n_fields = i + 1;
}

static void given_schema(void)
{
    vault__v1__collection__init(&residents);
    field(0, "id_number", "公民身份号码", "resident_id");
    field(1, "name", "姓名", "person_name");
    field(2, "former_name", "曾用名", "person_name");
    field(3, "birth_date", "出生日期", "date");
    field(4, "phone", "联系方式", "mobile");
    field(5, "residence_address", "现住门(楼)详址", "text200");
    field(6, "education", "学历", "education");
}

static vault_code read_bytes(const char *text, size_t len, const char *columns)
{
    char path[] = "/tmp/leak-table-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    arena_free(&mem);
    mem = arena_new(16 << 20);
    given_schema();
    vault_error_clear(&err);
    vault_code code =
        leak_table_read(&table, mem, &(leak_reading){.path = path, .of = &residents, .columns = columns}, &err);
    unlink(path);
    return code;
}

static void read_text(const char *text)
{
    expect_ok(read_bytes(text, strlen(text), NULL), &err);
}

static void expect_columns(const char *const *names, size_t count)
{
    assert_int_equal(table.column_count, count);
    for (size_t i = 0; i < count; i++) assert_string_equal(table.columns[i], names[i]);
}
#define COLUMNS(...)                                                                                                   \
    expect_columns((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

TEST("headings say what columns are, by name, label or a usual alias; a strange one is not looked at")
{
    read_text("姓名,身份证号,联系方式,备注\n张三,11010519491231002X,13800000000,x\n");
    COLUMNS("name", "id_number", "phone", "");
    assert_int_equal(table.row_count, 1);
    assert_string_equal(table.rows[0]->values[1], "11010519491231002X");
    assert_false(table.headless);
    read_text("姓名,2026-11-01\n张三,x\n"); /* days are headings, too */
    COLUMNS("name", "");
    assert_false(table.headless);
}

TEST("without headings, columns are known by what stands in them, and the first row is one")
{
    read_text("张三,13800000000,11010519491231002X,19491231,新北区河海路12号3幢501室\n"
              "李四,13900000000,440524188001010014,18800101,三井街道某某村8号\n");
    COLUMNS("name", "phone", "id_number", "birth_date", "residence_address");
    assert_true(table.headless);
    assert_int_equal(table.row_count, 2);
    assert_string_equal(table.rows[0]->values[0], "张三");
}

TEST("a first line with somebody's address is a row, and no line of headings; one that names a field is")
{
    read_text("张三,新北区河海路12号3幢501室\n李四,三井街道某某村８号\n");
    COLUMNS("name", "residence_address");
    assert_true(table.headless);
    assert_int_equal(table.row_count, 2);
    read_text("姓名,2026年街道走访情况\n张三,x\n");
    COLUMNS("name", "");
    assert_false(table.headless);
    read_text("人,住址（街道门牌号）\n张三,新北区河海路12号3幢501室\n");
    assert_false(table.headless);
}

TEST("a heading that says nothing is mended by what stands below it, and no field is given twice")
{
    read_text("a;b;c\n张三;13800000000;李四\n王五;13800000001;赵六\n");
    COLUMNS("name", "phone", "");
}

TEST("bare lines, tabs, blanks around values and tokens are read")
{
    read_text("13800000000\n 13900000000 \n");
    COLUMNS("phone");
    assert_int_equal(table.row_count, 2);
    assert_string_equal(table.rows[1]->values[0], "13900000000");
    read_text("rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\trv1pppppppppppppppppppppppppppppppp\n");
    COLUMNS("token", "token");
}

TEST("lines that end within a cell, as a spreadsheet saves them, are no part of its value")
{
    read_text("\"姓名\n(必填)\",\"联系方式\n\"\r\n\"张三\n\",\"\r\n13800000000\"\r\n\"李四\r\n\",13900000000\r\n");
    COLUMNS("name", "phone");
    assert_string_equal(table.rows[0]->values[0], "张三");
    assert_string_equal(table.rows[0]->values[1], "13800000000");
    assert_string_equal(table.rows[1]->values[0], "李四");
}

TEST("JSON lines are read with their numbers, and whatever else stands in them")
{
    read_text("{\"姓名\": \"张三\", \"手机\": 13800000000, \"vip\": true, \"tags\": [1]}\n"
              "{\"姓名\": \"李四\", \"手机\": null, \"vip\": 0.5}\n");
    COLUMNS("name", "phone", "", "");
    assert_int_equal(table.row_count, 2);
    assert_int_equal(table.faulty, 0);
    assert_string_equal(table.rows[0]->values[1], "13800000000");
    assert_string_equal(table.rows[1]->values[1], "");
}

TEST("GB18030 is read like UTF-8")
{
    static const char text[] = "\xd0\xd5\xc3\xfb,\xc1\xaa\xcf\xb5\xb7\xbd\xca\xbd\n\xd5\xc5\xc8\xfd,13800000000\n";
    expect_ok(read_bytes(text, sizeof text - 1, NULL), &err);
    COLUMNS("name", "phone");
    assert_string_equal(table.rows[0]->values[0], "张三");
}

TEST("who names the columns is believed, and must name all of them")
{
    static const char text[] = "x,y,z\n张三,q,13800000000\n";
    expect_ok(read_bytes(text, sizeof text - 1, "former_name,-,phone"), &err);
    COLUMNS("former_name", "", "phone");
    expect_code(read_bytes(text, sizeof text - 1, "name,phone"), VAULT_INVALID, &err);
    expect_code(read_bytes(text, sizeof text - 1, "name,-,phone,-"), VAULT_INVALID, &err);
}

TEST("a list in which nothing is recognised is refused, and an empty one; values that are too long are left out")
{
    char text[1200];
    static const char nothing[] = "a,b\n1,2\n";
    expect_code(read_bytes(nothing, sizeof nothing - 1, NULL), VAULT_INVALID, &err);
    expect_code(read_bytes("姓名\n", strlen("姓名\n"), NULL), VAULT_INVALID, &err);
    memset(text, 'a', sizeof text);
    int len = snprintf(text, sizeof text, "姓名,电话\n");
    memset(text + len, 'a', 600);
    snprintf(text + len + 600, 32, ",13800000000\n");
    read_text(text);
    assert_string_equal(table.rows[0]->values[0], "");
    assert_string_equal(table.rows[0]->values[1], "13800000000");
    assert_int_equal(table.long_values, 1);
}

TEST("that no row can be taken apart is said, where there are some")
{
    static const char text[] = "姓名,手机\n张三,=\"13800000000\"\n";
    assert_int_equal(read_bytes(text, sizeof text - 1, NULL), VAULT_INVALID);
    assert_non_null(strstr(err.detail, "no rows that can be taken apart"));
    assert_int_equal(read_bytes("姓名,手机\n", strlen("姓名,手机\n"), NULL), VAULT_INVALID);
    assert_null(strstr(err.detail, "apart"));
}

TEST("a long value of a column that nobody looks at is not counted")
{
    char text[800];
    int len = snprintf(text, sizeof text, "姓名,备注\n张三,");
    memset(text + len, 'a', 600);
    text[len + 600] = '\0';
    read_text(text);
    COLUMNS("name", "");
    assert_int_equal(table.long_values, 0);
}

/* ---- values one by one ---- */

static void expect_row(size_t place, const char *const *values, size_t count)
{
    assert_int_equal(table.rows[place]->n_values, count);
    for (size_t i = 0; i < count; i++) assert_string_equal(table.rows[place]->values[i], values[i]);
}
#define ROW(place, ...)                                                                                                \
    expect_row(place, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define ID_A    "11010519491231002X"
#define ID_B    "440524188001010014"
#define TOKEN_A "rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"

TEST("one column, half of it ID numbers and half mobile numbers and tokens: each value goes where it belongs")
{
    read_text(ID_A "\n13800000000\n" ID_B "\n13900000000\n" TOKEN_A "\n13700000000\n");
    COLUMNS("", "token", "id_number", "phone");
    assert_int_equal(table.of_file, 1);
    assert_int_equal(table.row_count, 6);
    ROW(0, "", "", ID_A, "");
    ROW(1, "", "", "", "13800000000");
    ROW(4, "", TOKEN_A, "", "");
    assert_int_equal(table.singles[0].taken, 6);
    assert_int_equal(table.singles[0].left, 0);
}

TEST("columns that disagree from row to row: names too, as long as one value of the row looks like a name")
{
    read_text("张三,13800000000\n13900000000,李四\n王五," ID_A "\n" ID_B ",赵六\n本科,群众\n");
    COLUMNS("name", "", "id_number", "phone");
    ROW(0, "张三", "", "", "13800000000");
    ROW(1, "李四", "", "", "13900000000");
    ROW(2, "王五", "", ID_A, "");
    ROW(3, "赵六", "", ID_B, "");
}

TEST("in a column of mobile numbers an ID number is one, and what looks like nothing stays where it stands")
{
    read_text("张三,13800000000\n李四," ID_A "\n王五,13900000000\n赵六,0519-88888888\n孙七,13700000000\n");
    COLUMNS("name", "phone", "id_number");
    ROW(1, "李四", "", ID_A);
    ROW(3, "赵六", "0519-88888888", "");
    assert_int_equal(table.singles[1].taken, 1);
    assert_int_equal(table.singles[1].left, 0);
}

TEST("rows of another width are taken as far as they are recognised; what is not is counted")
{
    read_text("张三,13800000000\n李四,男,13900000000,本科\n" ID_A "\n王五,13700000000\n甲,乙,丙\n赵六,x," ID_B "\n");
    COLUMNS("name", "phone", "id_number");
    assert_int_equal(table.row_count, 5);
    ROW(1, "", "13900000000", ""); /* two words look like names */
    ROW(2, "", "", ID_A);
    ROW(4, "赵六", "", ID_B);
    assert_int_equal(table.total, 6);
    assert_int_equal(table.uneven, 3);
    assert_int_equal(table.uneven_left, 3 + 1);
    assert_int_equal(table.faulty, 1);
}

TEST("a list that begins with a single number may have more in its other rows")
{
    read_text("13800000000\n张三\t" ID_A "\n13900000000\n");
    COLUMNS("phone", "id_number", "name");
    ROW(1, "", ID_A, "张三");
}

TEST("of two mobile numbers in a row the first is taken; a second column of them is not looked at")
{
    read_text("张三,13800000000\n李四,13900000000\n王五,13700000000,13700000001\n");
    COLUMNS("name", "phone");
    ROW(2, "王五", "13700000000");
    assert_int_equal(table.uneven_left, 1);
    read_text("张三,13800000000,13600000000\n李四,,13900000000\n");
    COLUMNS("name", "phone", "");
    ROW(1, "李四", "", "");
}

TEST("a heading that says something is believed; of a column of remarks numbers are taken where the row has none")
{
    read_text("姓名,电话,备注\n张三," ID_A ",邻居\n李四,,手机另记\n王五,,13900000000\n赵六,13800000000,13900000001\n");
    COLUMNS("name", "phone", "");
    ROW(0, "张三", ID_A, "");
    ROW(2, "王五", "13900000000", "");
    ROW(3, "赵六", "13800000000", "");
}

TEST("who names the columns has no others made; rows of other widths go where they fit")
{
    static const char text[] = ID_A ",13800000000\n13900000000\n" ID_B "\n";
    expect_ok(read_bytes(text, sizeof text - 1, "-,phone"), &err);
    COLUMNS("", "phone");
    assert_int_equal(table.row_count, 2);
    ROW(0, "", "13800000000");
    ROW(1, "", "13900000000");
    assert_int_equal(table.faulty, 1);
}

TEST("full width, groups and prefixes are seen through, and kept for the vault to read")
{
    read_text("１３８００００００００\n+86 139-0000-0000\n110105 19491231 002x\n４４０５２４１８８００１０１００１４\n"
              "ｒｖ１ｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑｑ\n");
    COLUMNS("", "token", "id_number", "phone");
    ROW(0, "", "", "", "１３８００００００００");
    ROW(3, "", "", "４４０５２４１８８００１０１００１４", "");
}

TEST("what a text looks like")
{
    static const struct {
        const char *text;
        looks is;
    } all[] = {{ID_A, LOOKS_ID},
               {"11010519491231002x", LOOKS_ID},
               {"110105194912310021", LOOKS_UNKNOWN}, /* the check digit */
               {"110105194913310023", LOOKS_UNKNOWN},
               {"622202194912310021", LOOKS_UNKNOWN},
               {"'11010519491231002x", LOOKS_ID},
               {"13800000000", LOOKS_MOBILE},
               {"=\"13800000000\"", LOOKS_MOBILE},
               {"13800000000.0", LOOKS_MOBILE},
               {"008613800000000", LOOKS_MOBILE},
               {"12800000000", LOOKS_UNKNOWN},
               {"138****0000", LOOKS_UNKNOWN},
               {"19491231", LOOKS_DATE},
               {"1949-12-31", LOOKS_DATE},
               {"１９４９年１２月３１日", LOOKS_DATE},
               {"19491331", LOOKS_UNKNOWN},
               {"88888888", LOOKS_UNKNOWN},
               {"1949年", LOOKS_UNKNOWN},
               {"张三", LOOKS_NAME},
               {"张 三", LOOKS_NAME},
               {"阿卜杜拉·买买提", LOOKS_NAME},
               {"𠮷田某", LOOKS_NAME},
               {"张", LOOKS_UNKNOWN},
               {"新北区河海路12号", LOOKS_ADDRESS},
               {TOKEN_A, LOOKS_TOKEN},
               {"rv1", LOOKS_UNKNOWN},
               {"", LOOKS_UNKNOWN},
               {" ", LOOKS_UNKNOWN},
               {"\xe5\xbc", LOOKS_UNKNOWN}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (looks_of(all[i].text) != all[i].is) fail_msg("%s looks like %d", all[i].text, looks_of(all[i].text));
}

TEST("rows in which columns have changed places are put right, and a second column of words is not taken for names")
{
    read_text("张三,本科,13800000000\n李四,小学,13900000000\n" ID_A ",王五,13700000000\n赵六,初中,13600000000\n"
              "孙七,高中,\n,高中,13500000000\n");
    COLUMNS("name", "", "phone", "id_number");
    ROW(0, "张三", "", "13800000000", "");
    ROW(2, "王五", "", "13700000000", ID_A);
    ROW(5, "", "", "13500000000", "");
}

TEST("a JSON array is called one, and how it can be read is said")
{
    static const char *const arrays[] = {"[{\"name\": \"张三\"}]", " [\n  {\n", "[[\"a\"]]", "[\"13800000000\"]"};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        assert_int_equal(read_bytes(arrays[i], strlen(arrays[i]), NULL), VAULT_INVALID);
        if (!strstr(err.detail, "a JSON array")) fail_msg("%s: %s", arrays[i], err.detail);
        assert_non_null(strstr(err.detail, "JSON lines"));
    }
}

/* Mobile numbers, one a line, ending in 0, 1, 2 and so on. */
static void read_mobiles(size_t count)
{
    size_t room = 12 * count + 16, at = 0;
    char *text = malloc(room); /* the arena is made anew */
    for (size_t i = 0; i < count; i++) at += (size_t)snprintf(text + at, 16, "138%08zu\n", i);
    expect_ok(read_bytes(text, at, NULL), &err);
    free(text);
}

TEST("of more than ten thousand rows as many are drawn by lot, each once, and how many there are is known")
{
    enum { ALL = 2 * LEAK_ROWS_MOST, PARTS = 4 };
    size_t parts[PARTS] = {0};
    bool seen[ALL] = {false};
    read_mobiles(LEAK_ROWS_MOST);
    for (size_t i = 0; i < LEAK_ROWS_MOST; i++) assert_int_equal(strtoul(table.rows[i]->values[0] + 3, NULL, 10), i);
    read_mobiles(ALL);
    assert_int_equal(table.row_count, LEAK_ROWS_MOST);
    assert_int_equal(table.total, ALL);
    for (size_t i = 0; i < LEAK_ROWS_MOST; i++) {
        size_t at = strtoul(table.rows[i]->values[0] + 3, NULL, 10);
        assert_false(seen[at]);
        seen[at] = true;
        parts[at * PARTS / ALL]++;
    }
    for (size_t k = 0; k < PARTS; k++) assert_in_range(parts[k], 2200, 2800); /* 2,500 each, 8 times their deviation */
}

TEST("a list that comes through a pipe is read from its first row")
{
    enum { COUNT = 400 }; /* more than what is looked at for a delimiter */
    int ends[2];
    char path[32], one[16];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(write(ends[1], one, (size_t)snprintf(one, sizeof one, "138%08d\n", i)), 12);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    expect_ok(leak_table_read(&table, mem, &(leak_reading){.path = path, .of = &residents}, &err), &err);
    close(ends[0]);
    assert_int_equal(table.row_count, COUNT);
    assert_string_equal(table.rows[0]->values[0], "13800000000");
}

/* ---- the report ---- */

static const char *written(const Vault__V1__TraceReport *of, bool chinese)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_true(leak_report_write(to, &(leak_report){.of = of, .title = "t<1>", .made = "now", .chinese = chinese}));
    fclose(to);
    const char *kept = arena_text(mem, bytes_of(text, len));
    free(text);
    return kept;
}

TEST("the report says ranked leads and not proof, in both languages, without scripts, and escapes what it is told")
{
    Vault__V1__TraceLead lead = VAULT__V1__TRACE_LEAD__INIT, *leads[] = {&lead};
    Vault__V1__TraceMonth month = VAULT__V1__TRACE_MONTH__INIT, *months[] = {&month};
    Vault__V1__Line line = VAULT__V1__LINE__INIT, *lines[] = {&line};
    Vault__V1__TraceReport r = VAULT__V1__TRACE_REPORT__INIT;
    char evil[] = "<script>alert(1)</script>", quoted[] = "a\"b&c", none[] = "", when[] = "2026-03";
    lead.app = evil;
    lead.person = quoted;
    lead.kind = none;
    lead.posterior = 0.93;
    lead.months = months;
    lead.n_months = 1;
    lead.evidence = lines;
    lead.n_evidence = 1;
    line.officer_view = evil;
    month.month = when;
    month.hits = 3;
    r.leads = leads;
    r.n_leads = 1;
    r.not_from_here = 0.05;
    const char *text = written(&r, false);
    assert_non_null(strstr(text, "ranked leads, not proof"));
    assert_non_null(strstr(text, "Not from this vault"));
    assert_non_null(strstr(text, "&lt;script&gt;"));
    assert_non_null(strstr(text, "a&quot;b&amp;c"));
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "2026-03"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "t<1>"));
    assert_non_null(strstr(text, "0.930"));
    assert_null(strstr(text, "1.000"));
    lead.posterior = 1; /* near to certain is not certain */
    assert_non_null(strstr(written(&r, false), "&gt;0.999"));
    text = written(&r, true);
    assert_non_null(strstr(text, "不构成证据结论"));
    assert_non_null(strstr(text, "lang=\"zh-CN\""));
}
