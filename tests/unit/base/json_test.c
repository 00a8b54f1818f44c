#include "tests/support/harness.h"
#include "vault/base/json.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- documents ---- */

/* Refused, with every one of the words in its text. */
static void expect_refused(const char *text, size_t len, const char *where, const char *word)
{
    vault_error err = {0};
    json_t *value;
    vault_code code = json_read(&value, bytes_of(text, len), "policy.json", &err);
    assert_null(value);
    if (!strstr(err.detail, where) || !strstr(err.detail, word)) print_error("%s\n", err.detail);
    assert_non_null(strstr(err.detail, where));
    assert_non_null(strstr(err.detail, word));
    expect_code(code, VAULT_INVALID, &err);
}

static void expect_refused_text(const char *text, const char *where, const char *word)
{
    expect_refused(text, strlen(text), where, word);
}

TEST("a good document is read")
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    expect_ok(json_read(&value, bytes_of_text(" {\"a\": [1, \"\xe7\x8e\x8b\", null]}\n"), "x", &err), &err);
    assert_int_equal(json_array_size(json_object_get(value, "a")), 3);
}

TEST("errors name the document, line, column and key")
{
    expect_refused_text("{\n  \"rules\": [\n    oops\n  ]\n}", "policy.json:3:", "oops");
    expect_refused_text("{\"a\": 1,\n \"a\": 2}", "policy.json:2:4", "\"a\"");
    expect_refused_text("{\"a\": 1} {\"b\": 2}", "policy.json:1:", "end of file expected");
    expect_refused_text("{\"a\": 1} x", "policy.json:1:", "end of file");
    expect_refused_text("", "policy.json:1:1", "'[' or '{'");
    expect_refused_text("\"text\"", "policy.json:1:", "'[' or '{'");
    expect_refused_text("{\"a\": 1,}", "policy.json:1:", "");
    expect_refused_text("{a: 1}", "policy.json:1:", "");
    expect_refused_text("{\"a\": 01}", "policy.json:1:", "");
    expect_refused_text("{\"a\": NaN}", "policy.json:1:", "");
    expect_refused_text("{\"a\": 99999999999999999999}", "policy.json:1:", "too big");
    expect_refused_text("{\"a\": 1e999}", "policy.json:1:", "");
    expect_refused_text("/* no */ {}", "policy.json:1:", "");
    expect_refused_text("\xef\xbb\xbf{}", "policy.json:1:", "");
    expect_refused_text("{\"a\": \"\xff\"}", "policy.json:1:", "0xff");
    expect_refused_text("{\"a\": \"\\u0000\"}", "policy.json:1:", "\\u0000");
    expect_refused_text("{\"a\": \"\\ud800\"}", "policy.json:1:", "");
    expect_refused("{\"a\"\0: 1}", 9, "policy.json:1:", "");
    expect_refused("{}\0", 3, "policy.json:1:3:", "zero byte");
    expect_refused("{\"a\": true\0}", 12, "policy.json:1:11:", "zero byte");
}

static size_t nested(char *out, int depth)
{
    memset(out, '[', (size_t)depth);
    memset(out + depth, ']', (size_t)depth);
    return 2 * (size_t)depth;
}

TEST("depth 32 is read and 33 is refused with its place; brackets in texts do not count")
{
    static char text[4000000];
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *value = NULL, *quoted = NULL;
    expect_ok(json_read(&value, bytes_of(text, nested(text, 32)), "x", &err), &err);
    expect_refused(text, nested(text, 33), "policy.json:1:33", "deeper than 32");
    expect_refused(text, nested(text, 2000000), "policy.json:1:33", "deeper than 32");
    size_t len = (size_t)snprintf(text, sizeof text, "[\"\\\"\\\\\\\"%0100d\"]", 0);
    memset(text + 8, '[', 100);
    expect_ok(json_read(&quoted, bytes_of(text, len), "x", &err), &err);
}

TEST("a document over the limit is refused before it is parsed")
{
    vault_error err = {0};
    json_t *value;
    expect_code(json_read(&value, bytes_of("", JSON_FILE_LIMIT + 1), "x", &err), VAULT_INVALID, &err);
}

/* ---- shapes ---- */

static json_t *given(const char *text)
{
    vault_error err = {0};
    json_t *value;
    expect_ok(json_read(&value, bytes_of_text(text), "given", &err), &err);
    return value;
}

TEST("a declared shape is unpacked")
{
    vault_error err = {0};
    const char *name;
    int count = 0, optional = 5;
    VAULT_CLEANUP(json_clear) json_t *value = given("{\"name\": \"x\", \"count\": 3}");
    expect_ok(json_shape(value, &err, "policy", "{s:s, s:i, s?i}", "name", &name, "count", &count, "more", &optional),
              &err);
    assert_string_equal(name, "x");
    assert_int_equal(count + optional, 8);
}

static void expect_misfit(const char *text, const char *key)
{
    vault_error err = {0};
    const char *name;
    int count;
    VAULT_CLEANUP(json_clear) json_t *value = given(text);
    vault_code code = json_shape(value, &err, "policy.rules[3]", "{s:s, s:i}", "name", &name, "count", &count);
    assert_non_null(strstr(err.detail, "policy.rules[3]"));
    if (!strstr(err.detail, key)) print_error("%s\n", err.detail);
    assert_non_null(strstr(err.detail, key));
    expect_code(code, VAULT_INVALID, &err);
}

TEST("missing, unknown and mistyped keys are refused by name")
{
    expect_misfit("{\"name\": \"x\"}", "a key is missing: count");
    expect_misfit("{\"name\": \"x\", \"count\": 1, \"extra_key\": 1}", "unknown key: extra_key");
    expect_misfit("{\"name\": \"x\", \"Count\": 1}", "count");
    expect_misfit("{\"name\": 1, \"count\": 1}", "string");
    expect_misfit("{\"name\": \"x\", \"count\": 1.5}", "real");
    expect_misfit("{\"name\": \"x\", \"count\": null}", "null");
    expect_misfit("[]", "array");
}

/* ---- files ---- */

static char folder[] = "/tmp/json_test.XXXXXX";
static char path[PATH_MAX];

static const char *given_path(const char *name)
{
    static bool made;
    if (!made) assert_non_null(mkdtemp(folder));
    made = true;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    return path;
}

__attribute__((destructor)) static void remove_folder(void)
{
    static const char *const names[] = {"a", "b", "fifo"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void expect_content(const char *wanted)
{
    vault_error err = {0};
    char *text;
    size_t len;
    expect_ok(file_read(&text, &len, path, 1 << 20, &err), &err);
    assert_int_equal(len, strlen(wanted));
    assert_string_equal(text, wanted);
    free(text);
}

TEST("a file is replaced whole, and no draft is left beside it")
{
    vault_error err = {0};
    given_path("a");
    expect_ok(file_replace(path, bytes_of_text("one"), &err), &err);
    expect_content("one");
    expect_ok(file_replace(path, bytes_of_text("second"), &err), &err);
    expect_content("second");
    expect_ok(file_replace(path, bytes_of(NULL, 0), &err), &err);
    expect_content("");
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* only when empty */
    assert_int_equal(mkdir(folder, 0700), 0);
}

TEST("a file that cannot be replaced stays as it was, without a draft")
{
    vault_error err = {0};
    char inner[PATH_MAX];
    given_path("b");
    assert_int_equal(mkdir(path, 0700), 0); /* rename of a file over a folder fails */
    expect_code(file_replace(path, bytes_of_text("x"), &err), VAULT_UNAVAILABLE, &err);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(inner, sizeof inner, "%s/none/a", folder);
    expect_code(file_replace(inner, bytes_of_text("x"), &err), VAULT_NOT_FOUND, &err);
}

TEST("a new file never takes the place of another, a link's target included")
{
    vault_error err = {0};
    char link_path[PATH_MAX];
    given_path("a");
    snprintf(link_path, sizeof link_path, "%s", path);
    assert_int_equal(symlink("b", link_path), 0);
    expect_code(file_create(link_path, bytes_of_text("x"), &err), VAULT_CONFLICT, &err);
    given_path("b");
    assert_int_equal(access(path, F_OK), -1);
    expect_ok(file_create(path, bytes_of_text("x"), &err), &err);
    expect_code(file_create(path, bytes_of_text("y"), &err), VAULT_CONFLICT, &err);
    expect_content("x");
}

TEST("absent, too long and irregular files are refused; a FIFO does not hang")
{
    vault_error err = {0};
    char *text;
    size_t len;
    json_t *value;
    expect_code(file_read(&text, &len, given_path("a"), 10, &err), VAULT_NOT_FOUND, &err);
    expect_code(json_read_file(&value, path, &err), VAULT_NOT_FOUND, &err);
    assert_null(value);
    expect_ok(file_create(path, bytes_of_text("0123456789A"), &err), &err);
    expect_code(file_read(&text, &len, path, 10, &err), VAULT_INVALID, &err);
    expect_code(json_read_file(&value, path, &err), VAULT_INVALID, &err);
    expect_code(file_read(&text, &len, "/tmp", 10, &err), VAULT_INVALID, &err);
    assert_int_equal(mkfifo(given_path("fifo"), 0600), 0);
    expect_code(file_read(&text, &len, path, 10, &err), VAULT_INVALID, &err);
    assert_null(text);
}

/* ---- places ---- */

static void expect_place(const char *text, const char *where, unsigned row, unsigned column)
{
    json_place at;
    bool found = json_locate(&at, bytes_of_text(text), where);
    if (!found || at.line != row || at.column != column) {
        print_error("'%s' in %s: %d, %u:%u is not %u:%u\n", where, text, found, at.line, at.column, row, column);
    }
    assert_true(found && at.line == row && at.column == column);
}

TEST("a path is found where its value begins, in lines and characters")
{
    static const char text[] =
        "{\n  \"fields\": [\n    {\"name\": \"a\"},\n\t{\"\xe7\x8e\x8b\": [1, {\"x\" : -2.5e3}], \"b\":true }\n  ]\n}";
    expect_place(text, "", 1, 1);
    expect_place(text, "fields", 2, 13);
    expect_place(text, "fields[0]", 3, 5);
    expect_place(text, "fields[0].name", 3, 14);
    expect_place(text, "fields[1].\xe7\x8e\x8b", 4, 8);
    expect_place(text, "fields[1].\xe7\x8e\x8b[0]", 4, 9);
    expect_place(text, "fields[1].\xe7\x8e\x8b[1].x", 4, 19);
    expect_place(text, "fields[1].b", 4, 33);
    expect_place("[[1,[2,3]],4]", "[0][1][1]", 1, 8);
    expect_place("\r\n\t [ 7 ]", "[0]", 2, 5);
}

TEST("of a path that goes nowhere the nearest part that stands is found")
{
    static const char text[] = "{\"a\": [{\"b\": \"}]{[\\\"\"}],\n \"c\": 1}";
    expect_place(text, "x", 1, 1);
    expect_place(text, "a[1]", 1, 7);
    expect_place(text, "a[0].x", 1, 8);
    expect_place(text, "a[0].b.c", 1, 14);
    expect_place(text, "a.b", 1, 7);
    expect_place(text, "c[0]", 2, 7);
    expect_place(text, "a[", 1, 7);
    expect_place(text, "a[]", 1, 7);
    expect_place(text, "a[x]", 1, 7);
    expect_place(text, "a[-1]", 1, 7);
    expect_place(text, "a[99999999999999999999]", 1, 7);
    expect_place(text, "a..b", 1, 7);
    expect_place(text, ".", 1, 1);
    expect_place("{}", "a", 1, 1);
    expect_place("[]", "[0]", 1, 1);
}

TEST("a key is found although it is written with escapes, and never by its beginning")
{
    expect_place("{\"ab\": 1, \"a\": 2}", "a", 1, 16);
    expect_place("{\"a\": 1, \"ab\": 2}", "ab", 1, 16);
    expect_place("{\"\\u0061b\": 2}", "ab", 1, 13);
    expect_place("{\"\\u738b\": 2}", "\xe7\x8e\x8b", 1, 12);
    expect_place("{\"\\ud83d\\ude00\": 2}", "\xf0\x9f\x98\x80", 1, 18);
    expect_place("{\"a\\\"b\": 1, \"c\": 2}", "c", 1, 18);
    expect_place("{\"\\/\\\\\\n\": 1}", "/\\\n", 1, 12);
}

TEST("what is no JSON has no place, and is never read past its end")
{
    static const char *const bad[] = {"",       "x",        "\"a\"",       "7",         "{",
                                      "{\"a",   "{\"a\"",   "{\"a\":",     "{\"b\" 1}", "{\"b\": 1",
                                      "{1: 2}", "{\"b\":}", "{\"b\": \"x", "{\"b\\"};
    json_place at;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = strlen(bad[i]);
        char *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
        memcpy(exact, bad[i], len);
        if (json_locate(&at, bytes_of(exact, len), "a.b[0]")) fail_msg("%s", bad[i]);
        assert_int_equal(at.line, 0);
        free(exact);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    assert_false(json_locate(&at, bytes_of(deep, sizeof deep), "[1]"));
}
