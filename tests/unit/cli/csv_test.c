/* Rows in bytes: where they end, on which line they begin, and what a wrong quote costs. */
#include "tests/support/harness.h"
#include "vault/cli/csv.h"

#include <stdio.h>
#include <stdlib.h>

static frame frame_of(const char *text, bool last)
{
    return csv_frame(bytes_of_text(text), ',', last);
}

/* The rows of a text as "line:a|b;...", "!" before a broken one. */
static const char *rows_of(const char *text, char delimiter)
{
    static char out[2048];
    size_t line = 1, len = 0;
    bytes rest = bytes_of_text(text);
    out[0] = '\0';
    while (rest.len > 0) {
        char *fields[16], copy[512];
        frame f = csv_frame(rest, delimiter, true);
        assert_true(f.len > 0 && f.len <= rest.len && f.body <= f.len);
        memcpy(copy, rest.at, f.body);
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%zu:", f.end == FRAME_BROKEN ? "!" : "", line);
        size_t count = f.end == FRAME_ROW ? csv_split(fields, 16, copy, f.body, delimiter) : 0;
        for (size_t i = 0; i < count; i++)
            len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i ? "|" : "", fields[i]);
        len += (size_t)snprintf(out + len, sizeof out - len, ";");
        line += f.lines;
        rest = bytes_of(rest.at + f.len, rest.len - f.len);
    }
    return out;
}

TEST("fields end at delimiters, rows at LF, CR LF or the end of the file")
{
    assert_string_equal(rows_of("a,b\nc,d\r\ne,f", ','), "1:a|b;2:c|d;3:e|f;");
    assert_string_equal(rows_of("a;b,c\n\"x;y\";z\n", ';'), "1:a|b,c;2:x;y|z;");
    assert_string_equal(rows_of("a\tb\n", '\t'), "1:a|b;");
    assert_string_equal(rows_of(",\n,,\n", ','), "1:|;2:||;");
    assert_string_equal(rows_of("a\n\nb\r\n\r\n", ','), "1:a;2:;3:b;4:;");
}

TEST("quoted fields hold delimiters, doubled quotes and line breaks, and lines are counted through them")
{
    assert_string_equal(rows_of("\"a,b\",\"c\"\"d\",\"\"\n", ','), "1:a,b|c\"d|;");
    assert_string_equal(rows_of("\"a\nb\r\nc\",d\ne\n", ','), "1:a\nb\r\nc|d;4:e;");
    assert_string_equal(rows_of("a,\"\"\"\"\n", ','), "1:a|\";");
    assert_string_equal(rows_of("\"a\"", ','), "1:a;");
    assert_string_equal(rows_of("\"a\"\r\n\"b\"\r", ','), "1:a;2:b;");
}

TEST("a wrong quote costs the line that it stands in, and its neighbours go in")
{
    assert_string_equal(rows_of("a,b\"c\nd,e\n", ','), "!1:;2:d|e;");
    assert_string_equal(rows_of("\"a\"b,c\nd,e\n", ','), "!1:;2:d|e;");
    assert_string_equal(rows_of("a,\"b\nc,d\ne,\"f\"\n", ','), "!1:;2:c|d;3:e|f;");
    assert_string_equal(rows_of("a,\"b\nc,d\ne,f\n", ','), "!1:;2:c|d;3:e|f;");
    assert_string_equal(rows_of("a,\"b", ','), "!1:;");
    assert_string_equal(rows_of("a, \"b\"\nc,d\n", ','), "!1:;2:c|d;");
    assert_string_equal(rows_of("\"a\"\rb\nc\n", ','), "!1:;2:c;");
}

TEST("a row whose end was not read yet asks for more, wherever it is cut")
{
    const char *whole = "\"a\"\"b\nc\",d\r\nnext";
    for (size_t cut = 0; cut < 11; cut++) {
        frame f = csv_frame(bytes_of(whole, cut), ',', false);
        assert_int_equal(f.end, FRAME_MORE);
    }
    frame f = csv_frame(bytes_of(whole, 12), ',', false);
    assert_int_equal(f.end, FRAME_ROW);
    assert_int_equal(f.len, 12);
    assert_int_equal(f.body, 10);
    assert_int_equal(f.lines, 2);
    assert_int_equal(frame_of("a,\"b\nc", false).end, FRAME_MORE);
    assert_int_equal(frame_of("a,b\"", false).end, FRAME_MORE); /* broken: but where its line ends is not known */
}

TEST("a row of 64 KiB goes in, one byte more is too long, and an open quote over lines costs its first line")
{
    char *text = malloc(3 * ROW_MAX);
    memset(text, 'x', 3 * ROW_MAX);
    text[ROW_MAX - 1] = '\n';
    assert_int_equal(csv_frame(bytes_of(text, 3 * ROW_MAX), ',', false).end, FRAME_ROW);
    text[ROW_MAX - 1] = 'x', text[ROW_MAX] = '\n';
    frame f = csv_frame(bytes_of(text, 3 * ROW_MAX), ',', false);
    assert_int_equal(f.end, FRAME_LONG);
    assert_int_equal(f.len, ROW_MAX);
    assert_int_equal(line_frame(bytes_of(text, 3 * ROW_MAX), true).end, FRAME_LONG);
    text[0] = '"', text[9] = '\n';
    f = csv_frame(bytes_of(text, 3 * ROW_MAX), ',', false);
    assert_int_equal(f.end, FRAME_BROKEN);
    assert_int_equal(f.len, 10);
    assert_int_equal(f.lines, 1);
    text[9] = 'x', text[ROW_MAX] = 'x';
    assert_int_equal(csv_frame(bytes_of(text, 3 * ROW_MAX), ',', true).end, FRAME_LONG);
    free(text);
}

TEST("fields past the room are counted and not written")
{
    char text[] = "a,b,c,d,";
    char *fields[2] = {0};
    assert_int_equal(csv_split(fields, 2, text, 8, ','), 5);
    assert_string_equal(fields[1], "b");
}

TEST("what is written is read again as it was")
{
    static const char *const values[] = {"",     "a",      "a,b", "a;b",    "\"", "a\"\"b",
                                         "a\nb", "a\r\nb", " a ", "王小明", "\t", "\r"};
    uint8_t room[1024];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (const char *delimiter = ",;\t"; *delimiter; delimiter++) {
            writer w = writer_over(room, sizeof room);
            char *fields[3];
            csv_put(&w, bytes_of_text(values[i]), *delimiter, *delimiter);
            csv_put(&w, bytes_of_text("end"), *delimiter, '\n');
            frame f = csv_frame(writer_bytes(&w), *delimiter, true);
            assert_int_equal(f.end, FRAME_ROW);
            assert_int_equal(f.len, w.len);
            assert_int_equal(csv_split(fields, 3, (char *)room, f.body, *delimiter), 2);
            assert_string_equal(fields[0], values[i]);
            assert_string_equal(fields[1], "end");
        }
    }
}
