/* Files row by row: headings, lines, faults, going on in the middle; CSV and JSON lines. */
#include "tests/support/harness.h"
#include "vault/cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MARK "\xEF\xBB\xBF"

static const char *file_of(const char *text, size_t len)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/rows-test-%d.csv", (int)getpid());
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    (void)fclose(out);
    return path;
}

static source open_text(const char *text)
{
    vault_error err = {0};
    source s;
    const source_options options = {.path = file_of(text, strlen(text)), .delimiter = ','};
    expect_ok(source_open(&s, &options, &err), &err);
    (void)unlink(options.path);
    return s;
}

static vault_code open_fails(const char *text, size_t len, const char *why)
{
    vault_error err = {0};
    source s;
    const source_options options = {.path = file_of(text, len), .delimiter = ','};
    vault_code code = source_open(&s, &options, &err);
    (void)unlink(options.path);
    if (code == VAULT_OK) source_close(&s);
    if (!strstr(err.detail, why)) fail_msg("%s", err.detail);
    return code;
}

/* The next row as "line:a|b", "line!FAULT field", or "end". */
static const char *next(source *s, arena *mem)
{
    vault_error err = {0};
    row r;
    vault_code code = source_next(s, mem, &r, &err);
    if (code == VAULT_NOT_FOUND) return "end";
    expect_ok(code, &err);
    if (r.fault) return arena_format(mem, "%zu!%s%s%s", r.line, r.fault, *r.fault_field ? " " : "", r.fault_field);
    char *text = arena_format(mem, "%zu:", r.line);
    for (size_t i = 0; i < s->columns; i++) text = arena_format(mem, "%s%s%s", text, i ? "|" : "", r.values[i]);
    return text;
}
#define NEXT(text) assert_string_equal(next(&s, mem), text)

TEST("headings and rows of a file with a byte order mark, empty lines and embedded line breaks")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close) source s = open_text(MARK "\n姓名,\"手机\n号\"\r\n\"王\n五\",1\n\n\r\n李四,2");
    assert_int_equal(s.columns, 2);
    assert_string_equal(s.headings[1], "手机\n号");
    NEXT("4:王\n五|1");
    NEXT("8:李四|2");
    NEXT("end");
    NEXT("end");
}

TEST("what only the reader can see is a fault of its row, and the rest goes on")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close)
    source s = open_text("a,b\n1\n1,2,3\n1,\"2\n3,4\n5,\xFF\n6,\xD5\xC5\n7,8\n");
    NEXT("2!WRONG_COLUMN_COUNT");
    NEXT("3!WRONG_COLUMN_COUNT");
    NEXT("4!BROKEN_QUOTE");
    NEXT("5:3|4");
    NEXT("6!BAD_ENCODING");
    NEXT("7:6|张");
    NEXT("8:7|8");
    NEXT("end");
}

TEST("a line over 64 KiB is rejected, however long, and the next one is read")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    size_t len = 5 << 20;
    char *text = malloc(len + 1);
    memset(text, 'x', len);
    text[len] = '\0';
    memcpy(text, "a,b\n", 4);
    memcpy(text + len - 9, "\n1,2\nx,y\n", 9);
    VAULT_CLEANUP(source_close) source s = open_text(text);
    free(text);
    NEXT("2!TOO_LONG");
    NEXT("3:1|2");
    NEXT("4:x|y");
    NEXT("end");
}

TEST("a row that grows past 64 KiB when it is decoded is rejected: no vault takes a text that long")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    char text[61000] = "a,b\n";
    size_t len = 4;
    while (len < 60000) text[len++] = (char)0xD5, text[len++] = (char)0xC5;
    memcpy(text + len, ",1\n2,3\n", 8);
    VAULT_CLEANUP(source_close) source s = open_text(text);
    NEXT("2!TOO_LONG");
    NEXT("3:2|3");
    NEXT("end");
}

TEST("a text of the file that cannot be taken apart is kept for people")
{
    vault_error err = {0};
    row r;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close) source s = open_text("a,b\n\xD5\xC5,1,2\nx,\"y\n\xFFz\n");
    expect_ok(source_next(&s, mem, &r, &err), &err);
    assert_string_equal(r.raw, "张,1,2");
    assert_null(r.values);
    expect_ok(source_next(&s, mem, &r, &err), &err);
    assert_string_equal(r.raw, "x,\"y");
    expect_ok(source_next(&s, mem, &r, &err), &err);
    assert_string_equal(r.raw, "\xEF\xBF\xBDz");
}

/* Rows of many lengths, some over two lines. */
static void write_rows(char *text, size_t count)
{
    size_t len = (size_t)snprintf(text, 64, "a,b\n");
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, 64, i % 7 ? "%zu,王%.*s\n" : "%zu,\"x\n%.*s\"\r\n", i, (int)(i % 31),
                                "abcdefghijklmnopqrstuvwxyzabcdef");
}

TEST("reading goes on at any row that was told, as if it had never stopped")
{
    enum { ROWS = 30000 };
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
    char *text = malloc(ROWS * 64);
    write_rows(text, ROWS);
    VAULT_CLEANUP(source_close) source s = open_text(text);
    free(text);
    uint64_t offsets[8];
    size_t lines[8];
    char *rows[8] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t offset = source_offset(&s);
        size_t line = s.line;
        const char *got = next(&s, mem);
        if (i % 4000 != 17) continue;
        offsets[i / 4000] = offset, lines[i / 4000] = line;
        rows[i / 4000] = arena_text(mem, bytes_of_text(got));
    }
    NEXT("end");
    for (size_t i = 8; i-- > 0;) {
        vault_error err = {0};
        expect_ok(source_seek(&s, offsets[i], lines[i], &err), &err);
        NEXT(rows[i]);
    }
    vault_error err = {0};
    expect_code(source_seek(&s, s.size + 1, 1, &err), VAULT_INVALID, &err);
}

TEST("files that have no rows to give are refused with the mend")
{
    assert_int_equal(open_fails("", 0, "empty"), VAULT_INVALID);
    assert_int_equal(open_fails("\n\n", 2, "empty"), VAULT_INVALID);
    assert_int_equal(open_fails("\xFF\xFE"
                                "a\0",
                                4, "UTF-16"),
                     VAULT_INVALID);
    assert_int_equal(open_fails("a,\"b\n1,2\n", 9, "quote"), VAULT_INVALID);
    assert_int_equal(open_fails("a;b\n1;2\n", 8, "--delimiter"), VAULT_INVALID);
    assert_int_equal(open_fails("a\0b,c\n", 6, "headings"), VAULT_INVALID);
    assert_int_equal(open_fails("a,b\r1,2\r", 8, "line feed"), VAULT_INVALID);
    assert_int_equal(open_fails("{\n", 2, "JSON"), VAULT_INVALID);
    vault_error err = {0};
    source s;
    expect_code(source_open(&s, &(source_options){.path = "/nonexistent", .delimiter = ','}, &err), VAULT_INVALID,
                &err);
    expect_code(source_open(&s, &(source_options){.path = "/tmp", .delimiter = ','}, &err), VAULT_INVALID, &err);
}

TEST("JSON lines: texts by key, missing and null is not known; numbers, strangers and rubbish are faults")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close)
    source s = open_text("{\"id\":\"1\",\"name\":\"王\"}\n"
                         "{\"name\":\"李\\n\",\"id\":null}\n"
                         " \n"
                         "{\"id\":12}\n"
                         "{\"id\":\"1\",\"id\":\"2\"}\n"
                         "[1]\n"
                         "{\"phone\":\"1\"\n"
                         "{\"id\":\"\\u0000\"}\n"
                         "{\"phone\":\"138\"}");
    assert_true(s.jsonl);
    assert_int_equal(s.columns, 3); /* phone is known from the last line */
    NEXT("1:1|王|");
    NEXT("2:|李\n|");
    NEXT("4!NOT_TEXT id");
    NEXT("5!BAD_JSON");
    NEXT("6!BAD_JSON");
    NEXT("7!BAD_JSON");
    NEXT("8!BAD_JSON");
    NEXT("9:||138");
    NEXT("end");
}

TEST("a key that the beginning of the file did not have is a fault of its row")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
    char *text = malloc(2 << 20);
    size_t len = 0;
    while (len < 3 << 19) len += (size_t)snprintf(text + len, 64, "{\"id\":\"%zu\"}\n", len);
    (void)snprintf(text + len, 64, "{\"id\":\"1\",\"late\":\"2\"}\n");
    VAULT_CLEANUP(source_close) source s = open_text(text);
    free(text);
    const char *got = NULL, *last;
    while (strcmp(last = next(&s, mem), "end") != 0) got = last;
    assert_non_null(strstr(got, "!UNKNOWN_KEY late"));
}
