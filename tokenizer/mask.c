/* One row a mask: what it is made for, how it shows a value, what it leaves to be guessed. A mask shows what it is sure
 * of and nothing else: a value of another shape becomes "***". Asterisks tell no length that the format leaves open. */
#include "tokenizer/mask.h"
#include "tokenizer/internal.h"
#include "vault/base/secret.h"

#include <string.h>
#include <utf8proc.h>

enum { SHOWN_MAX = 4096, ID_LEN = 18, DATE_LEN = 8, DIVISION_LEN = 12, GRID_LEN = 15, DOCUMENT_LEAST = 7 };
static const char nothing[] = "***";

/* What is shown, piece by piece. A mask that has written no piece shows nothing. */
typedef struct shown {
    uint8_t at[SHOWN_MAX];
    size_t len;
} shown;

struct mask {
    const char *name;
    const char *formats; /* "name name", or NULL: every format */
    void (*show)(shown *out, bytes value);
    uint64_t (*strength)(const format *f);
};

/* ---- parts ---- */

static void show(shown *out, bytes part)
{
    if (part.len > sizeof out->at - out->len) return;
    memcpy(out->at + out->len, part.at, part.len);
    out->len += part.len;
}

static void show_stars(shown *out, size_t count)
{
    for (; count > 0; count--) show(out, bytes_of("*", 1));
}

static bytes first(bytes value, size_t count)
{
    return bytes_of(value.at, count);
}

static bytes last(bytes value, size_t count)
{
    return bytes_of(value.at + value.len - count, count);
}

static bool digits(bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') return false;
    }
    return true;
}

/* The next character and its length, or 0 at the end and where the bytes are no UTF-8. */
static size_t character(bytes rest, int32_t *c)
{
    if (rest.len == 0) return 0;
    utf8proc_ssize_t len = utf8proc_iterate(rest.at, (utf8proc_ssize_t)rest.len, c);
    return len > 0 ? (size_t)len : 0;
}

/* ---- names and texts ---- */

/* The first character. */
static void show_first(shown *out, bytes value)
{
    int32_t c;
    size_t len = character(value, &c);
    if (len == 0 || len == value.len) return; /* of one character nothing: it would be the whole value */
    show(out, first(value, len));
    show_stars(out, 2);
}

static void show_surname(shown *out, bytes value)
{
    int32_t c;
    if (character(value, &c) > 0 && character_class_of(c) == CHARACTER_LETTER) show_first(out, value);
}

/* Letters and ideographs at the start, up to the first digit, sign, or letter that stands for a number. */
static bytes words_of(bytes value)
{
    enum { ROMAN_FIRST = 0x2160, ROMAN_LAST = 0x2188 };
    bytes rest = value;
    int32_t c;
    for (size_t len; (len = character(rest, &c)) > 0; rest = bytes_of(rest.at + len, rest.len - len)) {
        bool letter = character_class_of(c) == CHARACTER_LETTER && !(c >= ROMAN_FIRST && c <= ROMAN_LAST);
        if (!letter && c != ' ') break;
    }
    return first(value, value.len - rest.len);
}

/* Where the first of the texts begins in `in` and how long it is; NULL when none stands in it. */
static const uint8_t *find_first(bytes in, const char *const *texts, size_t *len)
{
    const uint8_t *found = NULL;
    for (; *texts; texts++) {
        const uint8_t *at = memmem(in.at, in.len, *texts, strlen(*texts));
        if (!at || (found && at >= found)) continue;
        found = at;
        *len = strlen(*texts);
    }
    return found;
}

/* Behind a city the county of it, where its name follows at once: 小区 and 社区 are none. */
static const uint8_t *end_of_county(bytes words, const uint8_t *end)
{
    static const char *const counties[] = {"区", "县", "旗", "市", NULL};
    enum { CHARACTER = 3, COUNTY_MAX = 5 * CHARACTER };
    size_t rest = (size_t)(words.at + words.len - end), len = 0;
    bytes next = bytes_of(end, rest < COUNTY_MAX ? rest : COUNTY_MAX);
    const uint8_t *found = find_first(next, counties, &len);
    if (!found || found < end + CHARACTER) return end;
    bytes before = bytes_of(found - CHARACTER, CHARACTER);
    bool housing = bytes_same(before, bytes_of_text("小")) || bytes_same(before, bytes_of_text("社"));
    return housing ? end : found + len;
}

/* The end of the street's or town's name, or NULL: its marker does not count behind a road or a village, whose name it
 * may be a part of. */
static const uint8_t *end_of_town(bytes words, const uint8_t *from)
{
    static const char *const towns[] = {"街道", "镇", "乡", "苏木", NULL};
    static const char *const finer[] = {"路", "大道", "巷", "弄", "村", "小区", "社区", "花园", NULL};
    bytes rest = bytes_of(from, (size_t)(words.at + words.len - from));
    size_t len = 0;
    const uint8_t *road = find_first(rest, finer, &len);
    if (road) rest.len = (size_t)(road - from);
    const uint8_t *town = find_first(rest, towns, &len);
    return town ? town + len : NULL;
}

/* Where the first marker of a city or county stands, and how long it is; NULL: none does. Behind a road or a housing
 * estate it is a part of that: 阳光小区, 人民路北区. */
static const uint8_t *find_city(bytes words, size_t *len)
{
    static const char *const wide[] = {"区", "县", "旗", "市", NULL};
    static const char *const finer[] = {"路",   "街", "大道", "巷",   "弄",   "村",   "小区", "社区",
                                        "花园", "苑", "家园", "公寓", "大厦", "广场", NULL};
    size_t finer_len = 0;
    const uint8_t *city = find_first(words, wide, len), *road = find_first(words, finer, &finer_len);
    return city && road && road < city ? NULL : city;
}

/* Province, city, county, then street or town: the town's marker counts behind a county's or a city's only, for cities
 * like 镇江 and 新乡 have it in their names. Without one, the county ends the head. NULL: not even a city is named. */
static const uint8_t *end_of_head(bytes words)
{
    size_t len = 0;
    const uint8_t *city = find_city(words, &len);
    if (!city) return NULL;
    const uint8_t *end = end_of_town(words, city + len);
    return end ? end : end_of_county(words, city + len);
}

static void show_address(shown *out, bytes value, const uint8_t *end)
{
    if (!end) return;
    show(out, first(value, (size_t)(end - value.at)));
    show_stars(out, 3);
}

static void show_address_head(shown *out, bytes value)
{
    show_address(out, value, end_of_head(words_of(value)));
}

/* The end of the first of the markers behind the head, or NULL. Behind a part of a road, an estate (新村 is one, too)
 * or a house it is a part of another name, unless the community is called by just that: 太湖路社区. */
static const uint8_t *end_of_name(bytes rest, const char *const *markers)
{
    static const char *const finer[] = {"路",   "街",   "大道", "巷",   "弄",   "胡同", "小区",
                                        "新村", "花园", "家园", "公寓", "大厦", "广场", "号",
                                        "栋",   "幢",   "单元", "室",   "组",   " ",    NULL};
    enum { CHARACTER = 3, NAME_BYTES_MAX = 10 * CHARACTER };
    size_t len = 0, part_len = 0;
    const uint8_t *marker = find_first(rest, markers, &len), *part = find_first(rest, finer, &part_len);
    if (!marker || marker == rest.at || marker - rest.at > NAME_BYTES_MAX) return NULL;
    return part && part < marker && part + part_len != marker ? NULL : marker + len;
}

/* The end of the community's or village's name, or of the head where none follows at once. */
static const uint8_t *end_of_community(bytes words, const uint8_t *head)
{
    static const char *const communities[] = {"社区", "居民委员会", "居委会", "村民委员会", "村委会", "嘎查", NULL};
    static const char *const villages[] = {"村", NULL};
    bytes rest = bytes_of(head, (size_t)(words.at + words.len - head));
    const uint8_t *end = end_of_name(rest, communities);
    if (!end) end = end_of_name(rest, villages);
    return end ? end : head;
}

static void show_address_community(shown *out, bytes value)
{
    bytes words = words_of(value);
    const uint8_t *head = end_of_head(words);
    show_address(out, value, head ? end_of_community(words, head) : NULL);
}

/* ---- codes ---- */

static bool is_id(bytes value)
{
    if (value.len != ID_LEN || !digits(first(value, ID_LEN - 1))) return false;
    return value.at[ID_LEN - 1] == 'X' || digits(last(value, 1));
}

static void show_id_area(shown *out, bytes value)
{
    if (!is_id(value)) return;
    show(out, first(value, 6));
    show_stars(out, ID_LEN - 6);
}

static void show_id_ends(shown *out, bytes value)
{
    if (!is_id(value)) return;
    show(out, first(value, 6));
    show_stars(out, ID_LEN - 10);
    show(out, last(value, 4));
}

/* Of a landline the area code and three digits: it has one or two digits less to hide. */
static void show_mobile_ends(shown *out, bytes value)
{
    const uint8_t *dash = value.len > 0 ? memchr(value.at, '-', value.len) : NULL;
    size_t area = dash ? (size_t)(dash - value.at) : 0;
    bool mobile = value.len == 11 && value.at[0] == '1' && digits(value);
    bool landline = (area == 3 || area == 4) && value.len >= area + 8 && value.len <= area + 9 && value.at[0] == '0';
    if (landline) landline = digits(first(value, area)) && digits(last(value, value.len - area - 1));
    if (!mobile && !landline) return;
    show(out, first(value, mobile ? 3 : area + 1));
    show_stars(out, 4);
    show(out, last(value, mobile ? 4 : 3));
}

static void show_date_year(shown *out, bytes value)
{
    if (value.len == DATE_LEN && digits(value)) show(out, first(value, 4));
}

static void show_date_decade(shown *out, bytes value)
{
    if (value.len != DATE_LEN || !digits(value)) return;
    show(out, first(value, 3));
    show(out, bytes_of("0-", 2));
    show(out, first(value, 3));
    show(out, bytes_of("9", 1));
}

static void show_county(shown *out, bytes value)
{
    if ((value.len != DIVISION_LEN && value.len != GRID_LEN) || !digits(value)) return;
    show(out, first(value, 6));
    show_stars(out, value.len - 6);
}

/* Of short numbers nothing: too little would be left. */
static void show_document_ends(shown *out, bytes value)
{
    if (value.len < DOCUMENT_LEAST) return;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] <= ' ' || value.at[i] > '~') return;
    }
    show(out, first(value, 1));
    show_stars(out, 4);
    show(out, last(value, 2));
}

/* ---- strengths: tests/unit/tokenizer/mask_test.c counts what is written here ---- */

/* Of any date, for the masks of dates: a decade has at least two leap years. */
enum { YEAR_DAYS = 365, DECADE_DAYS = 3652 };

static uint64_t of_texts(const format *f)
{
    (void)f;
    return UINT64_MAX;
}

static uint64_t of_id_area(const format *f)
{
    (void)f;
    return mask_strength_of_id(&(mask_company){.id_number = mask_find("id_area")});
}

static uint64_t of_id_ends(const format *f)
{
    (void)f;
    return mask_strength_of_id(&(mask_company){.id_number = mask_find("id_ends")});
}

/* Four digits of a mobile number; of a landline of seven digits the first four: 2 to 8, then any. */
static uint64_t of_mobile_ends(const format *f)
{
    return strcmp(format_name(f), "mobile") == 0 ? 10000 : 7000;
}

static uint64_t of_date_year(const format *f)
{
    (void)f;
    return YEAR_DAYS;
}

static uint64_t of_date_decade(const format *f)
{
    (void)f;
    return DECADE_DAYS;
}

/* Six digits, of a grid nine, of which the last three are not zero. */
static uint64_t of_county(const format *f)
{
    return strcmp(format_name(f), "grid") == 0 ? UINT64_C(999000000) : UINT64_C(1000000);
}

/* Four characters at least, here counted as digits: most numbers are made of them. */
static uint64_t of_document_ends(const format *f)
{
    (void)f;
    return 10000;
}

/* ---- the table ---- */

static void show_nothing(shown *out, bytes value)
{
    (void)out, (void)value;
}

#define TEXTS "text50 text100 text200 text1024"
static const mask masks[] = {
    {"hidden", NULL, show_nothing, of_texts},
    {"name_surname", "person_name", show_surname, of_texts},
    {"id_area", "resident_id", show_id_area, of_id_area},
    {"id_ends", "resident_id", show_id_ends, of_id_ends},
    {"mobile_ends", "mobile phone", show_mobile_ends, of_mobile_ends},
    {"date_year", "date", show_date_year, of_date_year},
    {"date_decade", "date", show_date_decade, of_date_decade},
    {"division_county", "division grid", show_county, of_county},
    {"address_head", TEXTS, show_address_head, of_texts},
    {"address_community", TEXTS, show_address_community, of_texts},
    {"text_first", "person_name " TEXTS, show_first, of_texts},
    {"document_ends", "document code30 credit_code", show_document_ends, of_document_ends},
};
enum { MASKS = sizeof masks / sizeof *masks };

const mask *mask_find(const char *name)
{
    for (size_t i = 0; i < MASKS; i++) {
        if (strcmp(masks[i].name, name) == 0) return &masks[i];
    }
    return NULL;
}

const char *mask_name(const mask *m)
{
    return m->name;
}

const char *const *mask_names(void)
{
    static const char *const names[MASKS + 1] = {
        "hidden",      "name_surname",    "id_area",      "id_ends",           "mobile_ends", "date_year",
        "date_decade", "division_county", "address_head", "address_community", "text_first",  "document_ends",
        NULL};
    return names;
}

bool mask_fits(const mask *m, const format *f)
{
    if (!m->formats) return true;
    const char *name = format_name(f);
    size_t len = strlen(name);
    for (const char *at = m->formats; (at = strstr(at, name)) != NULL; at += len) {
        if ((at == m->formats || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) return true;
    }
    return false;
}

vault_code mask_apply(const mask *m, arena *mem, bytes value, bytes *out, vault_error *err)
{
    shown s;
    s.len = 0;
    m->show(&s, value);
    bytes text = s.len > 0 ? bytes_of(s.at, s.len) : bytes_of_text(nothing);
    *out = arena_copy(mem, text);
    bool fits = out->len == text.len;
    wipe(s.at, s.len);
    return fits ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a masked value");
}

uint64_t mask_strength(const mask *m, const format *f)
{
    return m->strength(f);
}
