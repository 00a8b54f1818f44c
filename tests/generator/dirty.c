#include "tests/generator/dirty.h"
#include "tests/generator/internal.h"

#include <iconv.h>
#include <stdarg.h>
#include <string.h>

enum { CELL = 512, CELLS = GENERATOR_FIELDS + 2, LINE = 16384, DUE_MAX = 64, DUE_LATEST = 500 };

typedef struct row {
    char cell[CELLS][CELL]; /* by field; the one behind the last is the cell too many */
    unsigned columns;
    bool in_gb18030;
} row;

/* Plants into a row; false where this resident has nothing to plant it in. */
typedef bool (*planter)(row *r, stream *s);
typedef struct kind {
    unsigned field; /* 0: the row as a whole */
    const char *reason, *effect;
    planter plant;
} kind;

/* What is said may come from the same cell. */
__attribute__((format(printf, 3, 4))) static bool set(row *r, unsigned field, const char *format, ...)
{
    char text[CELL];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(r->cell[field], text, sizeof text);
    return true;
}

static char *id_of(row *r)
{
    return r->cell[FIELD_ID_NUMBER];
}

static bool mend_check(row *r)
{
    id_of(r)[17] = id_check(id_of(r));
    return true;
}

/* ---- rejected ---- */

static bool wrong_check(row *r, stream *s)
{
    static const char all[] = "0123456789X";
    char *check = id_of(r) + 17;
    size_t at = (size_t)(strchr(all, *check) - all);
    *check = all[(at + between(s, 1, 10)) % 11];
    return true;
}

static bool short_id(row *r, stream *s)
{
    size_t at = below(s, 18);
    memmove(id_of(r) + at, id_of(r) + at + 1, 18 - at);
    return true;
}

static bool letter_in_id(row *r, stream *s)
{
    id_of(r)[below(s, 17)] = "OIlB"[below(s, 4)];
    return true;
}

static bool id_of_no_day(row *r, stream *s)
{
    memcpy(id_of(r) + 10, chance(s, 500) ? "0230" : "0431", 4);
    return mend_check(r);
}

static bool id_of_no_place(row *r, stream *s)
{
    memcpy(id_of(r), chance(s, 500) ? "00" : "38", 2);
    return mend_check(r);
}

static bool no_id(row *r, stream *s)
{
    (void)s;
    return set(r, FIELD_ID_NUMBER, "%s", "");
}

static bool no_area(row *r, stream *s)
{
    (void)s;
    return set(r, FIELD_RESIDENCE_AREA, "%s", "");
}

static bool area_of_no_province(row *r, stream *s)
{
    (void)s;
    memcpy(r->cell[FIELD_RESIDENCE_AREA], "99", 2);
    return true;
}

static bool no_such_day(row *r, stream *s)
{
    static const char *const days[] = {"0230", "0431", "1301", "0010", "0532", "0000"};
    memcpy(r->cell[FIELD_BIRTH_DATE] + 4, days[below(s, 6)], 4);
    return true;
}

static bool day_in_words(row *r, stream *s)
{
    (void)s;
    const char *d = r->cell[FIELD_BIRTH_DATE];
    return set(r, FIELD_BIRTH_DATE, "%.4s年%.2s月%.2s日", d, d + 4, d + 6);
}

static bool sex_in_words(row *r, stream *s)
{
    (void)s;
    return set(r, FIELD_SEX, "%s", r->cell[FIELD_SEX][0] == '1' ? "男" : "女");
}

static bool no_such_people(row *r, stream *s)
{
    return set(r, FIELD_ETHNICITY, "%u", between(s, 57, 96));
}

static bool short_phone(row *r, stream *s)
{
    char *phone = r->cell[FIELD_PHONE];
    (void)s;
    if (strlen(phone) != 11) return false;
    phone[10] = 0;
    return true;
}

static bool digit_in_name(row *r, stream *s)
{
    const char *name = r->cell[FIELD_NAME];
    return set(r, FIELD_NAME, "%s%u", name, below(s, 10));
}

static bool unseen_in_name(row *r, stream *s)
{
    const char *name = r->cell[FIELD_NAME];
    return set(r, FIELD_NAME, "%.3s%s%s", name, chance(s, 500) ? "\u200b" : "\u200e", name + 3);
}

/* Puts `other` in the place of the first `text` of a name. */
static bool replace(row *r, const char *text, const char *other)
{
    const char *name = r->cell[FIELD_NAME];
    const char *at = strstr(name, text);
    if (!at) return false;
    return set(r, FIELD_NAME, "%.*s%s%s", (int)(at - name), name, other, at + strlen(text));
}

/* ・ and • look like the · between the parts of a name. */
static bool look_alike_dot(row *r, stream *s)
{
    return replace(r, "·", chance(s, 500) ? "・" : "•");
}

static bool break_in_cell(row *r, stream *s)
{
    (void)s;
    return set(r, FIELD_WORKPLACE, "%s", "常州某单位\n二楼");
}

static bool cell_missing(row *r, stream *s)
{
    (void)s;
    r->columns--;
    return true;
}

static bool cell_too_many(row *r, stream *s)
{
    (void)s;
    r->columns++;
    return set(r, r->columns, "%s", "备注");
}

/* ---- mended ---- */

static bool old_id(row *r, stream *s)
{
    (void)s;
    if (strncmp(id_of(r) + 6, "19", 2) != 0) return false;
    memmove(id_of(r) + 6, id_of(r) + 8, 9);
    id_of(r)[15] = 0;
    return true;
}

static bool small_x(row *r, stream *s)
{
    (void)s;
    if (id_of(r)[17] != 'X') return false;
    id_of(r)[17] = 'x';
    return true;
}

/* ASCII as its full-width twin, U+FF01 on. */
static bool widen(row *r, unsigned field)
{
    char wide[CELL];
    size_t at = 0;
    for (const char *c = r->cell[field]; *c; c++, at += 3) {
        unsigned point = 0xff00u + (unsigned char)*c - 0x20;
        wide[at] = (char)0xef;
        wide[at + 1] = (char)(0x80 | (point >> 6 & 0x3f));
        wide[at + 2] = (char)(0x80 | (point & 0x3f));
    }
    wide[at] = 0;
    return at > 0 && set(r, field, "%s", wide);
}

static bool wide_id(row *r, stream *s)
{
    (void)s;
    return widen(r, FIELD_ID_NUMBER);
}

static bool wide_phone(row *r, stream *s)
{
    (void)s;
    return widen(r, FIELD_PHONE);
}

static bool day_with_signs(row *r, stream *s)
{
    const char *d = r->cell[FIELD_BIRTH_DATE], sign = "-/."[below(s, 3)];
    return set(r, FIELD_BIRTH_DATE, "%.4s%c%.2s%c%.2s", d, sign, d + 4, sign, d + 6);
}

static bool blanks(row *r, stream *s)
{
    const char *name = r->cell[FIELD_NAME];
    (void)s;
    return set(r, FIELD_NAME, "\u3000%s ", name);
}

/* Characters that Unicode has twice: the second one is canonically the first, and no eye tells them apart. */
static bool look_alike_name(row *r, stream *s)
{
    static const char *const twins[][2] = {{"李", "\uf9e1"}, {"林", "\uf9f4"}, {"金", "\uf90a"},
                                           {"梁", "\uf97a"}, {"柳", "\uf9c9"}, {"吏", "\uf9de"}};
    (void)s;
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        if (replace(r, twins[i][0], twins[i][1])) return true;
    }
    return replace(r, "·", "\u0387");
}

static bool as_gb18030(row *r, stream *s)
{
    (void)s;
    r->in_gb18030 = true;
    return true;
}

/* ---- again ---- */

static bool again(row *r, stream *s)
{
    (void)r, (void)s;
    return true;
}

static bool other_phone(row *r, stream *s)
{
    char before[CELL];
    memcpy(before, r->cell[FIELD_PHONE], sizeof before);
    do {
        set(r, FIELD_PHONE, "160%08u", below(s, 100000000));
    } while (strcmp(before, r->cell[FIELD_PHONE]) == 0);
    return true;
}

/* ---- the table ---- */

#define REJECTED(field, reason, plant)                                                                                 \
    {                                                                                                                  \
        field, reason, "rejected", plant                                                                               \
    }
#define MENDED(field, reason, plant)                                                                                   \
    {                                                                                                                  \
        field, reason, "mended", plant                                                                                 \
    }
static const kind kinds[] = {
    REJECTED(FIELD_ID_NUMBER, "BAD_CHECK_DIGIT", wrong_check),
    REJECTED(FIELD_ID_NUMBER, "BAD_LENGTH", short_id),
    REJECTED(FIELD_ID_NUMBER, "BAD_CHARACTER", letter_in_id),
    REJECTED(FIELD_ID_NUMBER, "BAD_DATE", id_of_no_day),
    REJECTED(FIELD_ID_NUMBER, "BAD_CODE", id_of_no_place),
    REJECTED(FIELD_ID_NUMBER, "REQUIRED", no_id),
    REJECTED(FIELD_RESIDENCE_AREA, "REQUIRED", no_area),
    REJECTED(FIELD_RESIDENCE_AREA, "BAD_CODE", area_of_no_province),
    REJECTED(FIELD_BIRTH_DATE, "BAD_DATE", no_such_day),
    REJECTED(FIELD_BIRTH_DATE, "BAD_CHARACTER", day_in_words),
    REJECTED(FIELD_SEX, "BAD_CHARACTER", sex_in_words),
    REJECTED(FIELD_ETHNICITY, "BAD_CODE", no_such_people),
    REJECTED(FIELD_PHONE, "BAD_LENGTH", short_phone),
    REJECTED(FIELD_NAME, "BAD_CHARACTER", digit_in_name),
    REJECTED(FIELD_NAME, "CONTROL_CHARACTER", unseen_in_name),
    REJECTED(FIELD_NAME, "BAD_CHARACTER", look_alike_dot),
    REJECTED(FIELD_WORKPLACE, "CONTROL_CHARACTER", break_in_cell),
    REJECTED(0, "WRONG_COLUMN_COUNT", cell_missing),
    REJECTED(0, "WRONG_COLUMN_COUNT", cell_too_many),
    MENDED(FIELD_ID_NUMBER, "OLD_ID_NUMBER", old_id),
    MENDED(FIELD_ID_NUMBER, "SMALL_X", small_x),
    MENDED(FIELD_ID_NUMBER, "FULL_WIDTH", wide_id),
    MENDED(FIELD_PHONE, "FULL_WIDTH", wide_phone),
    MENDED(FIELD_BIRTH_DATE, "SEPARATORS", day_with_signs),
    MENDED(FIELD_NAME, "BLANKS", blanks),
    MENDED(FIELD_NAME, "LOOK_ALIKE", look_alike_name),
    {0, "DUPLICATE", "unchanged", again},
    {FIELD_PHONE, "DIFFERS", "merged", other_phone},
    MENDED(0, "GB18030", as_gb18030), /* in mixed files only: stands last */
};
enum { KINDS = sizeof kinds / sizeof *kinds, BIRTH_DAY = 8 };

static bool comes_later(const kind *k)
{
    return k->plant == again || k->plant == other_phone;
}

/* ---- writing ---- */

/* A resident that comes again. */
typedef struct due {
    uint64_t index, at; /* at: how many residents have been written before it */
    const kind *as;
} due;

typedef struct sink {
    const generator *g;
    const dirty_options *o;
    FILE *to, *faults;
    iconv_t gb18030;
    uint64_t line; /* of the next record */
    due due[DUE_MAX];
    size_t due_count;
} sink;

static size_t add_cell(char *line, size_t at, const char *cell)
{
    bool quoted = strpbrk(cell, ",\"\n\r") != NULL; /* no cell has a quote */
    return at + (size_t)snprintf(line + at, LINE - at, quoted ? "\"%s\"" : "%s", cell);
}

static bool put_text(sink *s, char *text, size_t len, bool in_gb18030)
{
    char out[2 * LINE], *from = text, *end = out;
    size_t room = sizeof out;
    for (size_t i = 0; i < len; i++) s->line += text[i] == '\n';
    if (!in_gb18030) return fwrite_unlocked(text, 1, len, s->to) == len;
    if (iconv(s->gb18030, &from, &len, &end, &room) == (size_t)-1) return false;
    size_t written = (size_t)(end - out);
    return fwrite_unlocked(out, 1, written, s->to) == written;
}

static bool whole_in_gb18030(const sink *s)
{
    return s->o->encoding == FILE_GB18030 || s->o->encoding == FILE_GB18030_BOM;
}

static bool put_row(sink *s, const row *r)
{
    char line[LINE];
    size_t at = 0;
    for (unsigned f = 1; f <= r->columns; f++) {
        at = add_cell(line, at, r->cell[f]);
        line[at++] = f < r->columns ? ',' : '\n';
    }
    return put_text(s, line, at, r->in_gb18030 || whole_in_gb18030(s));
}

static bool note(sink *s, const kind *k)
{
    return fprintf(s->faults, "{\"line\": %llu, \"field\": \"%s\", \"reason\": \"%s\", \"effect\": \"%s\"}\n",
                   (unsigned long long)s->line, k->field ? generator_field_name(k->field) : "", k->reason,
                   k->effect) > 0;
}

static void fill(const sink *s, row *r, uint64_t index)
{
    resident who;
    generator_resident(s->g, index, &who);
    *r = (row){.columns = s->o->fields};
    for (unsigned f = 1; f <= s->o->fields; f++) set(r, f, "%s", resident_text(&who, f));
}

static stream stream_of(const sink *s, uint64_t index)
{
    return (stream){.state = mix(s->o->seed ^ UINT64_C(0xD1127)) ^ mix(index + 1)};
}

/* The first kind from a drawn one on that this resident can have. */
static const kind *plant(const sink *s, row *r, stream *random)
{
    unsigned count = s->o->encoding == FILE_MIXED ? KINDS : KINDS - 1, first = below(random, count);
    for (unsigned i = 0;; i++) {
        const kind *k = &kinds[(first + i) % count];
        if (comes_later(k) && s->due_count == DUE_MAX) continue;
        if (comes_later(k) || k->plant(r, random)) return k;
    }
}

static bool put_faulty(sink *s, row *r, uint64_t index, uint64_t now, stream *random)
{
    const kind *k = plant(s, r, random);
    if (comes_later(k)) {
        s->due[s->due_count++] = (due){.index = index, .at = now + between(random, 1, DUE_LATEST), .as = k};
        return put_row(s, r);
    }
    bool rejected_id = k->field == FIELD_ID_NUMBER && strcmp(k->effect, "rejected") == 0;
    if (!note(s, k)) return false;
    if (rejected_id && chance(random, 125)) {
        kinds[BIRTH_DAY].plant(r, random);
        if (!note(s, &kinds[BIRTH_DAY])) return false;
    }
    return put_row(s, r);
}

static bool put_resident(sink *s, uint64_t index, uint64_t now)
{
    row r;
    stream random = stream_of(s, index);
    fill(s, &r, index);
    if (below(&random, DIRTY_MILLION) >= s->o->per_million) return put_row(s, &r);
    return put_faulty(s, &r, index, now, &random);
}

static bool put_again(sink *s, const due *d)
{
    row r;
    stream random = stream_of(s, ~d->index);
    fill(s, &r, d->index);
    d->as->plant(&r, &random);
    return note(s, d->as) && put_row(s, &r);
}

static bool put_due(sink *s, uint64_t now)
{
    size_t left = 0;
    bool good = true;
    for (size_t i = 0; i < s->due_count; i++) {
        due d = s->due[i];
        if (d.at > now)
            s->due[left++] = d;
        else
            good = put_again(s, &d) && good;
    }
    s->due_count = left;
    return good;
}

static const char *label(unsigned field)
{
    static const char *const labels[] = {
        "",         "公民身份号码",   "姓名",   "曾用名",         "性别",     "出生日期",   "民族",     "籍贯",
        "婚姻状况", "政治面貌",       "学历",   "宗教信仰",       "职业类别", "职业",       "服务处所", "联系方式",
        "户籍地",   "户籍门(楼)详址", "现住地", "现住门(楼)详址", "户号",     "与户主关系", "关怀类别"};
    return labels[field];
}

static bool put_headings(sink *s)
{
    char mark[] = "\ufeff";
    row r = {.columns = s->o->fields};
    bool marked = s->o->encoding == FILE_UTF8_BOM || s->o->encoding == FILE_GB18030_BOM;
    for (unsigned f = 1; f <= r.columns; f++) set(&r, f, "%s", s->o->labels ? label(f) : generator_field_name(f));
    return (!marked || put_text(s, mark, sizeof mark - 1, whole_in_gb18030(s))) && put_row(s, &r);
}

static bool put_all(sink *s)
{
    bool good = put_headings(s);
    for (uint64_t i = 0; i < s->o->count && good; i++) {
        good = put_resident(s, s->o->from + i, i) && put_due(s, i);
    }
    return good && put_due(s, UINT64_MAX);
}

bool dirty_write(const generator *g, const dirty_options *o, FILE *to, FILE *faults)
{
    sink s = {.g = g, .o = o, .to = to, .faults = faults, .line = 1};
    s.gb18030 = iconv_open("GB18030", "UTF-8");
    if (s.gb18030 == (iconv_t)-1) return false;
    bool good = put_all(&s);
    iconv_close(s.gb18030);
    return good && fflush(to) == 0 && fflush(faults) == 0;
}

const char *file_encoding_name(file_encoding e)
{
    static const char *const names[FILE_ENCODINGS] = {"utf-8", "utf-8-bom", "gb18030", "gb18030-bom", "mixed"};
    return names[e];
}
