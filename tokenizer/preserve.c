/* Values as whole numbers and back. A domain of N numbers goes through FF1 over the least radix^len above N, and again
 * while the result is N or more (cycle walking): a permutation of the N. */
#include "tokenizer/codes.h"
#include "tokenizer/ff1.h"
#include "tokenizer/internal.h"
#include "vault/base/secret.h"

#include <assert.h>
#include <string.h>

enum { ID_LEN = 18, AREA_LEN = 6, DATE_LEN = 8, SEQUENCE_LEN = 3, MOBILE_LEN = 11, MOBILE_HEAD = 3, MOBILE_TAIL = 8 };
enum { SEQUENCES = 1000, FIRST_DATE = YEAR_FIRST * 10000 + 101, LAST_DATE = YEAR_LAST * 10000 + 1231, DAYS = 91676 };
enum { TWEAK_ROOM = 64, TWEAK_MAX = 60 };

typedef void ff1_way(const ff1_plan *p, uint64_t *a, uint64_t *b);

static vault_code refuse(vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, "NOT_PRESERVABLE", "");
}

static bool number(uint32_t *out, const uint8_t *at, size_t len)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        *out = *out * 10 + (uint32_t)(at[i] - '0');
    }
    return true;
}

static void write_number(char *out, size_t len, uint32_t v)
{
    for (; len > 0; v /= 10) out[--len] = (char)('0' + v % 10);
}

/* ---- areas: all six digits that the format takes, in their order; the table's among them ---- */

/* Provinces by their place, and their places by province, plus one. */
static const uint8_t provinces[] = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43,
                                    44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83};
enum { PROVINCES = sizeof provinces, OF_PROVINCE = 10000, FOREIGN = 900000, FOREIGNERS = 100000 };
enum { ALL_AREAS = PROVINCES * OF_PROVINCE + FOREIGNERS, OTHER_AREAS = ALL_AREAS - PRESERVE_AREAS };

/* Place of a code among all of them; ALL_AREAS when the format does not take it. */
static uint32_t place_of(uint32_t area)
{
    if (area >= FOREIGN) return PROVINCES * OF_PROVINCE + area - FOREIGN;
    static const uint8_t places[FOREIGN / OF_PROVINCE] = {
        [11] = 1,  [12] = 2,  [13] = 3,  [14] = 4,  [15] = 5,  [21] = 6,  [22] = 7,  [23] = 8,  [31] = 9,
        [32] = 10, [33] = 11, [34] = 12, [35] = 13, [36] = 14, [37] = 15, [41] = 16, [42] = 17, [43] = 18,
        [44] = 19, [45] = 20, [46] = 21, [50] = 22, [51] = 23, [52] = 24, [53] = 25, [54] = 26, [61] = 27,
        [62] = 28, [63] = 29, [64] = 30, [65] = 31, [71] = 32, [81] = 33, [82] = 34, [83] = 35,
    };
    uint32_t place = places[area / OF_PROVINCE];
    return place > 0 ? (place - 1) * OF_PROVINCE + area % OF_PROVINCE : (uint32_t)ALL_AREAS;
}

static uint32_t area_at(uint32_t place)
{
    if (place >= PROVINCES * OF_PROVINCE) return FOREIGN + place - PROVINCES * OF_PROVINCE;
    return (uint32_t)provinces[place / OF_PROVINCE] * OF_PROVINCE + place % OF_PROVINCE;
}

/* How many of the table's codes are below. Without branches: where a code stands cannot be guessed. */
static uint32_t listed_below(uint32_t area)
{
    uint32_t at = 0;
    for (uint32_t left = PRESERVE_AREAS; left > 1; left -= left / 2)
        at += preserve_areas[at + left / 2 - 1] < area ? left / 2 : 0;
    return at + (preserve_areas[at] < area);
}

/* The code with `rank` codes before it that are not in the table. */
static uint32_t other_at(uint32_t rank)
{
    uint32_t low = 0, high = PRESERVE_AREAS; /* of the table's codes, so many stand before it */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (place_of(preserve_areas[middle]) - middle > rank)
            high = middle;
        else
            low = middle + 1;
    }
    return area_at(rank + low);
}

/* ---- ID numbers ---- */

/* Numbers of one kind of area: N is areas * DAYS * SEQUENCES, radix^len the least above it within 5 %. */
typedef struct id_kind {
    uint32_t areas;
    unsigned radix;
    size_t len;
} id_kind;
static const id_kind listed = {PRESERVE_AREAS, 19, 9}, other = {OTHER_AREAS, 23, 10};

static uint64_t id_count(const id_kind *k)
{
    return (uint64_t)k->areas * DAYS * SEQUENCES;
}

/* False for what is not an ID number in its canonical form. */
static bool id_rank(const id_kind **kind, uint64_t *rank, bytes value)
{
    uint32_t area, date, sequence;
    if (value.len != ID_LEN || !number(&area, value.at, AREA_LEN) || !number(&date, value.at + AREA_LEN, DATE_LEN) ||
        !number(&sequence, value.at + AREA_LEN + DATE_LEN, SEQUENCE_LEN))
        return false;
    if (code_id_check((const char *)value.at) != (char)value.at[ID_LEN - 1]) return false;
    uint32_t place = place_of(area), below = listed_below(area), day = calendar_day(date);
    if (place == ALL_AREAS || date < FIRST_DATE || date > LAST_DATE || calendar_date(day) != date) return false;
    bool is_listed = below < PRESERVE_AREAS && preserve_areas[below] == area;
    *kind = is_listed ? &listed : &other;
    *rank = ((uint64_t)(is_listed ? below : place - below) * DAYS + (day - calendar_day(FIRST_DATE))) * SEQUENCES +
            sequence;
    return true;
}

static void id_write(char *out, const id_kind *kind, uint64_t rank)
{
    uint32_t sequence = (uint32_t)(rank % SEQUENCES), day = (uint32_t)(rank / SEQUENCES % DAYS);
    uint32_t area = (uint32_t)(rank / SEQUENCES / DAYS);
    write_number(out, AREA_LEN, kind == &listed ? preserve_areas[area] : other_at(area));
    write_number(out + AREA_LEN, DATE_LEN, calendar_date(calendar_day(FIRST_DATE) + day));
    write_number(out + AREA_LEN + DATE_LEN, SEQUENCE_LEN, sequence);
    out[ID_LEN - 1] = code_id_check(out);
    out[ID_LEN] = '\0';
}

static bool turn_id(char *out, const preserve *p, bytes value, ff1_way *way)
{
    const id_kind *kind;
    uint64_t rank;
    ff1_plan plan;
    if (!id_rank(&kind, &rank, value)) return false;
    ff1_prepare(&plan, &(ff1){.key = p->key, .radix = kind->radix, .tweak = p->tweak}, kind->len);
    do {
        uint64_t a = rank / plan.right, b = rank % plan.right;
        way(&plan, &a, &b);
        rank = a * plan.right + b;
    } while (rank >= id_count(kind));
    id_write(out, kind, rank);
    wipe(&plan, sizeof plan);
    return true;
}

/* ---- mobile numbers ---- */

static bool turn_mobile(char *out, const preserve *p, bytes value, ff1_way *way)
{
    uint32_t head, left, right;
    uint8_t tweak[TWEAK_ROOM];
    ff1_plan plan;
    if (value.len != MOBILE_LEN || !number(&head, value.at, MOBILE_HEAD) || head < 130 || head > 199 ||
        !number(&left, value.at + MOBILE_HEAD, MOBILE_TAIL / 2) ||
        !number(&right, value.at + MOBILE_HEAD + MOBILE_TAIL / 2, MOBILE_TAIL / 2))
        return false;
    if (p->tweak.len > 0) memcpy(tweak, p->tweak.at, p->tweak.len);
    memcpy(tweak + p->tweak.len, value.at, MOBILE_HEAD);
    ff1_prepare(&plan, &(ff1){.key = p->key, .radix = 10, .tweak = bytes_of(tweak, p->tweak.len + MOBILE_HEAD)},
                MOBILE_TAIL);
    uint64_t a = left, b = right;
    way(&plan, &a, &b);
    write_number(out, MOBILE_HEAD, head);
    write_number(out + MOBILE_HEAD, MOBILE_TAIL / 2, (uint32_t)a);
    write_number(out + MOBILE_HEAD + MOBILE_TAIL / 2, MOBILE_TAIL / 2, (uint32_t)b);
    out[MOBILE_LEN] = '\0';
    wipe(&plan, sizeof plan);
    return true;
}

/* ---- the table ---- */

typedef struct preserve_row {
    const char *format;
    uint64_t domain;
    bool (*turn)(char *out, const preserve *p, bytes value, ff1_way *way);
} preserve_row;

static const preserve_row *row_of(const format *f)
{
    static const preserve_row rows[] = {
        {"resident_id", (uint64_t)PRESERVE_AREAS * DAYS * SEQUENCES, turn_id},
        {"mobile", 100000000, turn_mobile},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].format, format_name(f)) == 0) return &rows[i];
    }
    return NULL;
}

uint64_t preserve_domain(const format *f)
{
    const preserve_row *r = row_of(f);
    return r ? r->domain : 0;
}

static vault_code turn(char *out, const preserve *p, bytes value, ff1_way *way, vault_error *err)
{
    assert(p->tweak.len <= TWEAK_MAX);
    const preserve_row *r = row_of(p->format);
    out[0] = '\0';
    return r && r->turn(out, p, value, way) ? VAULT_OK : refuse(err);
}

vault_code preserve_seal(char out[PRESERVE_TEXT_MAX + 1], const preserve *p, bytes value, vault_error *err)
{
    return turn(out, p, value, ff1_forward, err);
}

vault_code preserve_open(char out[PRESERVE_TEXT_MAX + 1], const preserve *p, bytes text, vault_error *err)
{
    return turn(out, p, text, ff1_back, err);
}
