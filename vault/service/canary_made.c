#include "vault/service/canary_made.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, YOUNGEST = 19, OLDEST = 88, NAME_BYTES = 16, FIELDS_MOST = 16 };

#define LENGTH(list) (sizeof(list) / sizeof *(list))

/* Names that many people have: one of them leads to nobody. */
static const char *const SURNAMES[] = {"王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周",
                                       "徐", "孙", "马", "朱", "胡", "郭", "何", "高", "林", "罗"};
static const char *const GIVEN[] = {"建国", "秀英", "志强", "桂兰", "国华", "玉珍", "建华", "丽萍", "文杰", "雪梅",
                                    "永明", "秀兰", "德明", "海燕", "晓东", "春梅", "卫东", "小红", "俊杰", "婷婷"};
static const char *const ROADS[] = {"人民路", "解放路", "和平路", "建设路", "中山路", "新华路", "文化路", "光明路"};
static const char *const ESTATES[] = {"花园", "新村", "家园", "小区", "公寓", "佳园"};
/* Segments of mobile numbers that no operator has, as far as we know. */
static const char *const SEGMENTS[] = {"160", "161", "163", "164", "168", "169"};

/* ---- chance ---- */

/* Below `limit`, which is small against 2^64. 0 once the source of random numbers has failed: *err says so. */
static uint64_t below(uint64_t limit, vault_error *err)
{
    uint8_t random[8];
    if (err->code != VAULT_OK || entropy_fill(random, sizeof random, err) != VAULT_OK) return 0;
    return load_u64(random) % limit;
}

#define PICK(list, err) ((list)[below(LENGTH(list), (err))])

/* ---- values ---- */

/* One in the making. */
typedef struct sketch {
    arena *mem;
    const canary_wish *wish;
    canary_value *values;
    input_field *fields;
    size_t count;
    unsigned used; /* set of 1 << kind that stand already: of each format the first field is the resident's own */
    bool male;
    vault_error *err;
} sketch;

typedef enum kind { KIND_NAME, KIND_SEX, KIND_PHONE, KIND_ADDRESS } kind;

/* Of the county parts of codes of divisions 51 to 80 and 84 to 99 are nobody's. */
static unsigned county_part(vault_error *err)
{
    unsigned at = (unsigned)below(46, err);
    return at < 30 ? 51 + at : 54 + at;
}

/* The last character follows from the others: the one that the format takes. */
static const char *id_number(sketch *k)
{
    static const char checks[] = "0123456789X";
    const format *f = k->wish->collection->natural_key->format;
    const unsigned year = clock_shanghai_date(k->wish->now_us) / 10000;
    const unsigned born = year - YOUNGEST - (unsigned)below(OLDEST - YOUNGEST, k->err);
    const unsigned month = 1 + (unsigned)below(12, k->err), day = 1 + (unsigned)below(28, k->err);
    const unsigned serial = (unsigned)below(499, k->err) * 2 + (k->male ? 1 : 2), county = county_part(k->err);
    for (size_t i = 0; i < sizeof checks - 1; i++) {
        bytes canonical;
        vault_error no = {0};
        char *text = arena_format(k->mem, "%.4s%02u%04u%02u%02u%03u%c", (const char *)k->wish->community.at, county,
                                  born, month, day, serial, checks[i]);
        if (!text) return NULL;
        if (format_normalise(f, k->mem, bytes_of_text(text), &canonical, &no) == VAULT_OK) return text;
    }
    return NULL;
}

static const char *address(sketch *k)
{
    const char *road = PICK(ROADS, k->err), *estate = PICK(ESTATES, k->err);
    return arena_format(k->mem, "%s%llu号%s%s%llu幢%llu%02llu室", road, (unsigned long long)below(300, k->err) + 1,
                        road, estate, (unsigned long long)below(40, k->err) + 1,
                        (unsigned long long)below(18, k->err) + 1, (unsigned long long)below(4, k->err) + 1);
}

static const char *made_up(sketch *k, kind of)
{
    switch (of) {
    case KIND_NAME:
        return arena_format(k->mem, "%s%s", PICK(SURNAMES, k->err), PICK(GIVEN, k->err));
    case KIND_SEX:
        return k->male ? "1" : "2";
    case KIND_PHONE:
        return arena_format(k->mem, "%s%08llu", PICK(SEGMENTS, k->err), (unsigned long long)below(100000000, k->err));
    default:
        return address(k);
    }
}

/* What a resident can be looked for by without being served by it: the value, its end, parts of a name. */
static bool is_service_attribute(const schema_field *f)
{
    return (f->indexes & ~(1U << INDEX_EQUALITY | 1U << INDEX_SUFFIX | 1U << INDEX_NGRAM)) != 0;
}

static bool kind_of(kind *out, const schema_field *f, const collection *of)
{
    const char *name = format_name(f->format);
    bool at_home = strcmp(f->group, of->area->group) == 0;
    if (strcmp(name, "person_name") == 0) return *out = KIND_NAME, true;
    if (strcmp(name, "sex") == 0) return *out = KIND_SEX, true;
    if (strcmp(name, "mobile") == 0 || strcmp(name, "phone") == 0) return *out = KIND_PHONE, true;
    return *out = KIND_ADDRESS, at_home && strncmp(name, "text", 4) == 0;
}

static const char *text_for(sketch *k, const schema_field *f)
{
    const collection *of = k->wish->collection;
    kind what;
    if (f == of->natural_key) return id_number(k);
    if (f == of->area) return arena_text(k->mem, k->wish->community);
    if (f == of->grid) return k->wish->grid.len ? arena_text(k->mem, k->wish->grid) : NULL;
    bool fits = !f->retired && !is_service_attribute(f) && strcmp(f->class_name, "sensitive") != 0;
    if (!fits || !kind_of(&what, f, of) || (k->used & 1U << what)) return NULL;
    k->used |= 1U << what;
    return made_up(k, what);
}

static vault_code add(sketch *k, const schema_field *f)
{
    bytes canonical;
    const char *text = k->count < FIELDS_MOST ? text_for(k, f) : NULL;
    VAULT_TRY(k->err->code);
    if (!text) return VAULT_OK;
    VAULT_TRY(format_normalise(f->format, k->mem, bytes_of_text(text), &canonical, k->err));
    const char *name = arena_text(k->mem, bytes_of_text(f->name)), *kept = arena_text(k->mem, canonical);
    if (!name || !kept) return vault_fail(k->err, VAULT_EXHAUSTED, "no memory for a canary");
    k->fields[k->count] = (input_field){.field = f, .text = canonical};
    k->values[k->count++] = (canary_value){.field = name, .text = kept};
    return VAULT_OK;
}

/* ---- the whole ---- */

/* Not now: what was collected in the very second of a line about canaries would be known for one. Long enough ago to
 * stand among others, and not so long that the value is dropped soon. */
static uint32_t collected(const sketch *k, vault_error *err)
{
    unsigned months = 24;
    for (size_t i = 0; i < k->count; i++)
        if (k->fields[i].field->retention_months < months) months = k->fields[i].field->retention_months;
    uint64_t span = (uint64_t)months * 15 * DAY_S; /* half of it */
    return (uint32_t)(k->wish->now_us / 1000000 - (int64_t)(DAY_S + below(span, err)));
}

static const char *new_name(arena *mem, vault_error *err)
{
    uint8_t random[NAME_BYTES];
    char hex[2 * NAME_BYTES + 1];
    if (entropy_fill(random, sizeof random, err) != VAULT_OK) return NULL;
    hex_encode(hex, bytes_of(random, sizeof random));
    char *out = arena_format(mem, "canaries/%s", hex);
    if (!out) (void)vault_fail(err, VAULT_EXHAUSTED, "no memory for a canary");
    return out;
}

bool canary_possible(const collection *of)
{
    return strcmp(format_name(of->natural_key->format), "resident_id") == 0;
}

vault_code canary_make(canary_made *out, arena *mem, const canary_wish *wish, vault_error *err)
{
    const collection *of = wish->collection;
    sketch k = {.mem = mem,
                .wish = wish,
                .values = arena_array(mem, FIELDS_MOST, sizeof *k.values),
                .fields = arena_array(mem, FIELDS_MOST, sizeof *k.fields),
                .male = below(2, err) == 0,
                .err = err};
    if (!k.values || !k.fields) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a canary");
    for (size_t i = 0; i < of->count; i++) VAULT_TRY(add(&k, of->fields[i]));
    out->told = (canary){.name = new_name(mem, err),
                         .collection = of->name,
                         .area = wish->area.code,
                         .department = wish->department,
                         .person = wish->person,
                         .values = k.values,
                         .value_count = k.count};
    out->values = (record_input){.collection = of,
                                 .fields = k.fields,
                                 .count = k.count,
                                 .area = wish->area,
                                 .department = wish->given_by,
                                 .collected = collected(&k, err)};
    return err->code;
}
