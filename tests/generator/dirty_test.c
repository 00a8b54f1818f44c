/* The list of planted faults is exactly what a second reading of the file finds, by the formats of the vault itself. */
#include "tests/generator/dirty.h"
#include "tests/support/harness.h"
#include "tokenizer/format.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 1 << 20, CELL_ROOM = 1024, RECORD_ROOM = 16384, FAULTS_ROOM = 8 };

/* ---- files in memory ---- */

typedef struct buffer {
    char *at;
    size_t len;
} buffer;

typedef struct files {
    buffer csv, list;
} files;

static void read_back(FILE *from, buffer *out)
{
    out->len = (size_t)ftell(from);
    rewind(from);
    out->at = memory_new(out->len + 1);
    assert_int_equal(fread(out->at, 1, out->len, from), out->len);
    assert_int_equal(fclose(from), 0);
}

static files made(const dirty_options *o)
{
    files out;
    FILE *csv = tmpfile(), *list = tmpfile();
    assert_non_null(csv);
    assert_non_null(list);
    generator *g = generator_new(o->seed);
    assert_true(dirty_write(g, o, csv, list));
    generator_free(&g);
    read_back(csv, &out.csv);
    read_back(list, &out.list);
    return out;
}

static void text_free(buffer *t)
{
    memory_free(t->at, t->len + 1);
}

static void files_free(files *f)
{
    text_free(&f->csv);
    text_free(&f->list);
}

static const dirty_options ordinary = {.seed = 11, .count = 6000, .fields = GENERATOR_FIELDS, .per_million = 300000};

/* ---- the list ---- */

typedef struct fault {
    uint64_t line;
    char field[32], reason[32], effect[16];
} fault;

/* The next fault; false at the end. */
static bool next_fault(const char **at, fault *out)
{
    const char *end = strchr(*at, '\n');
    json_int_t line;
    const char *field, *reason, *effect;
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    if (!end) return false;
    expect_ok(json_read(&value, bytes_of(*at, (size_t)(end - *at)), "fault", &err), &err);
    expect_ok(json_shape(value, &err, "fault", "{s:I, s:s, s:s, s:s}", "line", &line, "field", &field, "reason",
                         &reason, "effect", &effect),
              &err);
    out->line = (uint64_t)line;
    (void)snprintf(out->field, sizeof out->field, "%s", field);
    (void)snprintf(out->reason, sizeof out->reason, "%s", reason);
    (void)snprintf(out->effect, sizeof out->effect, "%s", effect);
    *at = end + 1;
    return true;
}

static bool is(const fault *f, const char *effect)
{
    return strcmp(f->effect, effect) == 0;
}

/* ---- records ---- */

typedef struct record {
    uint64_t line;
    bytes raw;
    char cell[GENERATOR_FIELDS + 2][CELL_ROOM];
    unsigned count;
} record;

typedef struct walker {
    bytes rest;
    uint64_t line;
    iconv_t gb18030;
} walker;

static bool is_utf8(bytes b)
{
    json_t *value = json_stringn((const char *)b.at, b.len); /* NULL for what is none */
    json_decref(value);
    return value != NULL;
}

static bytes take_record(walker *r)
{
    bool quoted = false;
    size_t len = 0;
    uint64_t lines = 1;
    for (; r->rest.at[len] != '\n' || quoted; len++) {
        assert_true(len < r->rest.len);
        quoted ^= r->rest.at[len] == '"';
        lines += r->rest.at[len] == '\n';
    }
    bytes out = bytes_of(r->rest.at, len);
    r->rest = bytes_of(r->rest.at + len + 1, r->rest.len - len - 1);
    r->line += lines;
    return out;
}

static size_t in_utf8(const walker *r, bytes raw, char out[RECORD_ROOM])
{
    char *from = (char *)(uintptr_t)raw.at, *to = out;
    size_t left = raw.len, room = RECORD_ROOM - 1;
    if (is_utf8(raw)) {
        memcpy(out, raw.at, raw.len);
        return raw.len;
    }
    assert_true(iconv(r->gb18030, &from, &left, &to, &room) != (size_t)-1);
    return (size_t)(to - out);
}

static bool next_record(walker *r, record *out)
{
    char text[RECORD_ROOM];
    bool quoted = false;
    size_t at = 0;
    if (r->rest.len == 0) return false;
    memset(out, 0, sizeof *out);
    out->line = r->line;
    out->raw = take_record(r);
    size_t len = in_utf8(r, out->raw, text);
    for (size_t i = 0; i < len; i++) {
        quoted ^= text[i] == '"';
        if (text[i] == ',' && !quoted)
            out->count++, at = 0;
        else if (text[i] != '"')
            out->cell[out->count][at++] = text[i];
        assert_true(out->count < GENERATOR_FIELDS + 2 && at < CELL_ROOM);
    }
    out->count++;
    return true;
}

static walker reader_of(const files *f)
{
    walker r = {.rest = bytes_of(f->csv.at, f->csv.len), .line = 1, .gb18030 = iconv_open("UTF-8", "GB18030")};
    record headings;
    assert_true(next_record(&r, &headings));
    return r;
}

/* ---- a second reading ---- */

static const char *const formats[] = {
    "",          "resident_id", "person_name",     "person_name",    "sex",
    "date",      "ethnicity",   "county",          "marital_status", "political_status",
    "education", "religion",    "occupation_type", "text50",         "text100",
    "mobile",    "division",    "text200",         "division",       "text200",
    "code30",    "relation",    "care_category"};

/* The canonical value in *out, or the reason why there is none. */
static const char *reason_of(arena *mem, const record *r, unsigned field, bytes *out)
{
    vault_error err = {0};
    const char *cell = r->cell[field - 1];
    bool needed = field == FIELD_ID_NUMBER || field == FIELD_RESIDENCE_AREA;
    *out = bytes_of(NULL, 0);
    if (!*cell) return needed ? "REQUIRED" : NULL;
    vault_code code = format_normalise(format_find(formats[field]), mem, bytes_of_text(cell), out, &err);
    return code == VAULT_OK ? NULL : err.reason;
}

static bool listed(const fault *faults, size_t count, const char *field, const char *reason)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(faults[i].field, field) == 0 && strcmp(faults[i].reason, reason) == 0)
            return is(&faults[i], "rejected");
    }
    return false;
}

/* How many reasons there are to reject the record; each must be in its list. */
static size_t rejections(arena *mem, const record *r, unsigned fields, const fault *faults, size_t count)
{
    size_t found = 0;
    if (r->count != fields) {
        assert_true(listed(faults, count, "", "WRONG_COLUMN_COUNT"));
        return 1;
    }
    for (unsigned f = 1; f <= fields; f++) {
        bytes value;
        const char *reason = reason_of(mem, r, f, &value);
        if (!reason) continue;
        if (!listed(faults, count, generator_field_name(f), reason)) {
            fail_msg("line %llu: %s: %s is not listed", (unsigned long long)r->line, generator_field_name(f), reason);
        }
        found++;
    }
    return found;
}

/* In how many fields the record, normalised, is not the resident. */
static size_t differences(arena *mem, const record *r, const resident *who, unsigned fields, unsigned *where)
{
    size_t found = 0;
    for (unsigned f = 1; f <= fields; f++) {
        bytes value;
        assert_null(reason_of(mem, r, f, &value));
        if (bytes_same(value, resident_value(who, f))) continue;
        found++;
        *where = f;
    }
    return found;
}

typedef struct tally {
    size_t records, rejected, mended, unchanged, merged, faults;
} tally;

/* The resident that an accepted record is of: the next one, or one of before. */
static uint64_t index_of(const generator *g, const record *r, arena *mem, uint64_t below)
{
    bytes id;
    assert_null(reason_of(mem, r, FIELD_ID_NUMBER, &id));
    for (uint64_t i = below; i > 0; i--) {
        resident who;
        generator_resident(g, i - 1, &who);
        if (bytes_same(id, resident_value(&who, FIELD_ID_NUMBER))) return i - 1;
    }
    fail_msg("line %llu: nobody before has this number", (unsigned long long)r->line);
    return 0;
}

static void check_again(const generator *g, const record *r, arena *mem, const fault *f, uint64_t next)
{
    resident who;
    unsigned where = 0;
    generator_resident(g, index_of(g, r, mem, next), &who);
    size_t differing = differences(mem, r, &who, r->count, &where);
    assert_int_equal(differing, is(f, "merged"));
    if (differing) assert_string_equal(generator_field_name(where), f->field);
}

static void check_record(const generator *g, const record *r, const fault *faults, size_t count, uint64_t *next,
                         tally *t)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    size_t rejected = 0;
    for (size_t i = 0; i < count; i++) rejected += is(&faults[i], "rejected");
    t->records++;
    t->faults += count;
    assert_int_equal(rejections(mem, r, GENERATOR_FIELDS, faults, count), rejected);
    if (count > 0 && (is(faults, "unchanged") || is(faults, "merged"))) {
        check_again(g, r, mem, faults, *next);
        t->merged += is(faults, "merged"), t->unchanged += is(faults, "unchanged");
        return;
    }
    unsigned where;
    resident who;
    generator_resident(g, (*next)++, &who);
    if (rejected == 0) assert_int_equal(differences(mem, r, &who, GENERATOR_FIELDS, &where), 0);
    if (rejected > 0) t->rejected++;
    if (count > 0 && is(faults, "mended")) t->mended++;
    bool foreign = count > 0 && strcmp(faults->reason, "GB18030") == 0;
    assert_int_equal(is_utf8(r->raw), !foreign);
}

static tally check_file(const dirty_options *o)
{
    files f = made(o);
    generator *g = generator_new(o->seed);
    walker r = reader_of(&f);
    tally t = {0};
    const char *list = f.list.at;
    uint64_t next = o->from;
    fault ahead;
    bool more = next_fault(&list, &ahead);
    static record at;
    while (next_record(&r, &at)) {
        fault faults[FAULTS_ROOM];
        size_t count = 0;
        for (; more && ahead.line == at.line; more = next_fault(&list, &ahead)) {
            assert_true(count < FAULTS_ROOM);
            faults[count++] = ahead;
        }
        check_record(g, &at, faults, count, &next, &t);
    }
    assert_false(more); /* no fault is listed for a line at which no record begins */
    assert_int_equal(next, o->from + o->count);
    iconv_close(r.gb18030);
    generator_free(&g);
    files_free(&f);
    return t;
}

TEST("every fault that is listed is found at its line, every other value is the resident's, and nothing else is found")
{
    tally t = check_file(&ordinary);
    assert_int_equal(t.records, ordinary.count + t.unchanged + t.merged);
    assert_in_range(t.rejected + t.mended + t.unchanged + t.merged, 1700, 1900);
    assert_true(t.rejected > 900 && t.mended > 300 && t.unchanged > 20 && t.merged > 20);
    assert_true(t.faults > t.rejected + t.mended + t.unchanged + t.merged); /* some rows have two */
}

TEST("rows in GB18030 within a file of UTF-8 are listed, all of them")
{
    dirty_options o = ordinary;
    o.encoding = FILE_MIXED;
    tally t = check_file(&o);
    assert_true(t.mended > 350);
}

TEST("a file in which everything is faulty is listed to the last row")
{
    dirty_options o = ordinary;
    o.per_million = DIRTY_MILLION, o.count = 1500, o.from = 70000;
    tally t = check_file(&o);
    assert_in_range(t.rejected + t.mended + t.unchanged + t.merged, 1500, 1500);
}

TEST("every kind of fault is planted, and only where the list says which reason it has")
{
    static const char *const wanted[] = {"BAD_CHECK_DIGIT", "BAD_LENGTH", "BAD_CHARACTER",     "BAD_DATE",
                                         "BAD_CODE",        "REQUIRED",   "CONTROL_CHARACTER", "WRONG_COLUMN_COUNT",
                                         "OLD_ID_NUMBER",   "SMALL_X",    "FULL_WIDTH",        "SEPARATORS",
                                         "BLANKS",          "LOOK_ALIKE", "DUPLICATE",         "DIFFERS"};
    files f = made(&ordinary);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) assert_non_null(strstr(f.list.at, wanted[i]));
    assert_null(strstr(f.list.at, "GB18030")); /* in mixed files only */
    files_free(&f);
}

static void same_text(const buffer *a, const buffer *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->at, b->at, a->len);
}

TEST("the same seed gives the same bytes and the same list")
{
    files a = made(&ordinary), b = made(&ordinary);
    same_text(&a.csv, &b.csv);
    same_text(&a.list, &b.list);
    dirty_options o = ordinary;
    o.seed++;
    files c = made(&o);
    assert_true(a.csv.len != c.csv.len || memcmp(a.csv.at, c.csv.at, a.csv.len) != 0);
    files_free(&a), files_free(&b), files_free(&c);
}

TEST("without faults the file is the clean one, and the list is empty")
{
    dirty_options o = ordinary;
    o.per_million = 0, o.count = 50;
    files f = made(&o);
    generator *g = generator_new(o.seed);
    walker r = reader_of(&f);
    static record at;
    for (uint64_t i = 0; i < o.count; i++) {
        resident who;
        generator_resident(g, i, &who);
        assert_true(next_record(&r, &at));
        assert_int_equal(at.line, i + 2);
        for (unsigned field = 1; field <= GENERATOR_FIELDS; field++) {
            assert_string_equal(at.cell[field - 1], resident_text(&who, field));
        }
    }
    assert_false(next_record(&r, &at));
    assert_int_equal(f.list.len, 0);
    iconv_close(r.gb18030);
    generator_free(&g);
    files_free(&f);
}

TEST("a whole file in GB18030, with or without its mark, is the file in UTF-8, and has the same list")
{
    static const char utf8_mark[] = "\xef\xbb\xbf", gb_mark[] = "\x84\x31\x95\x33";
    dirty_options o = ordinary;
    files plain = made(&o);
    o.encoding = FILE_UTF8_BOM;
    files marked = made(&o);
    assert_memory_equal(marked.csv.at, utf8_mark, 3);
    assert_memory_equal(marked.csv.at + 3, plain.csv.at, plain.csv.len);
    o.encoding = FILE_GB18030;
    files foreign = made(&o);
    o.encoding = FILE_GB18030_BOM;
    files both = made(&o);
    assert_memory_equal(both.csv.at, gb_mark, 4);
    assert_int_equal(both.csv.len, foreign.csv.len + 4);
    assert_memory_equal(both.csv.at + 4, foreign.csv.at, foreign.csv.len);
    same_text(&both.list, &plain.list);
    iconv_t to_utf8 = iconv_open("UTF-8", "GB18030");
    buffer back = {.at = memory_new(2 * foreign.csv.len + 1), .len = 2 * foreign.csv.len};
    char *from = foreign.csv.at, *to = back.at;
    size_t left = foreign.csv.len, room = back.len;
    assert_true(iconv(to_utf8, &from, &left, &to, &room) != (size_t)-1);
    assert_int_equal(to - back.at, plain.csv.len);
    assert_memory_equal(back.at, plain.csv.at, plain.csv.len);
    iconv_close(to_utf8);
    text_free(&back);
    files_free(&plain), files_free(&marked), files_free(&foreign), files_free(&both);
}

TEST("the headings are the names of the fields, or their Chinese labels")
{
    static const char names[] = "id_number,name,former_name,sex,", labels[] = "公民身份号码,姓名,曾用名,性别,";
    dirty_options o = ordinary;
    o.count = 1;
    files a = made(&o);
    o.labels = true;
    files b = made(&o);
    assert_memory_equal(a.csv.at, names, sizeof names - 1);
    assert_memory_equal(b.csv.at, labels, sizeof labels - 1);
    assert_non_null(strstr(b.csv.at, ",户号,与户主关系,关怀类别\n"));
    files_free(&a), files_free(&b);
}
