/* One row a format. A code is ASCII after folding and stands in a small buffer, where its check may rewrite it; a text
 * keeps its own characters. Codes and their lists follow DOMAIN.md sections 2 and 3. */
#include "tokenizer/format.h"
#include "tokenizer/internal.h"
#include "vault/base/secret.h"

#include <string.h>

enum { CODE_MAX = 64, ID_NUMBER_LEN = 18, ID_NUMBER_OLD_LEN = 15, DATE_LEN = 8, YEAR_FIRST = 1850, YEAR_LAST = 2100 };

typedef struct code {
    char at[CODE_MAX];
    size_t len;
} code;

struct format {
    const char *name;
    size_t max;                                                         /* characters */
    vault_code (*code)(const format *f, code *c, vault_error *err);     /* a code, else NULL */
    vault_code (*text)(const format *f, bytes value, vault_error *err); /* a text, else NULL */
    const char *list;                                                   /* of two-digit codes: "01-56 97" */
};

static vault_code refuse(const char *reason, vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, reason, "");
}

/* ---- parts of codes ---- */

static bool digits(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
    }
    return true;
}

static unsigned number(const char *at, size_t len)
{
    unsigned v = 0;
    for (size_t i = 0; i < len; i++) v = v * 10 + (unsigned)(at[i] - '0');
    return v;
}

static vault_code all_digits(const code *c, size_t len, vault_error *err)
{
    if (c->len != len) return refuse("BAD_LENGTH", err);
    return digits(c->at, len) ? VAULT_OK : refuse("BAD_CHARACTER", err);
}

/* `list` holds pairs of digits and ranges of them, apart by single blanks. */
static bool listed(const char *list, const char pair[2])
{
    for (const char *at = list; *at;) {
        bool range = at[2] == '-';
        const char *last = range ? at + 3 : at;
        if (memcmp(at, pair, 2) <= 0 && memcmp(pair, last, 2) <= 0) return true;
        at = last + 2 + (last[2] == ' ');
    }
    return false;
}

/* GB/T 2260: the first two digits; 83 stands in the residence permits of people from Taiwan. */
static const char provinces[] = "11-15 21-23 31-37 41-46 50-54 61-65 71 81-83";

/* The proleptic Gregorian calendar. */
static bool date_exists(const char at[DATE_LEN])
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = number(at, 4), month = number(at + 4, 2), day = number(at + 6, 2);
    if (year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day >= 1 && day <= (unsigned)days[month - 1] + (month == 2 && leap);
}

/* ISO 7064 MOD 11-2 over 17 digits (GB 11643-1999). */
static char check_character(const char *at)
{
    static const uint8_t weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weights; i++) sum += (unsigned)(at[i] - '0') * weights[i];
    return "10X98765432"[sum % 11];
}

/* ---- codes ---- */

/* Numbers of before 1999 have a year of two digits and no check character. */
static void id_from_old(code *c)
{
    memmove(c->at + 8, c->at + 6, ID_NUMBER_OLD_LEN - 6);
    memcpy(c->at + 6, "19", 2);
    c->at[ID_NUMBER_LEN - 1] = check_character(c->at);
    c->len = ID_NUMBER_LEN;
}

static vault_code id_number(const format *f, code *c, vault_error *err)
{
    (void)f;
    if (c->len != ID_NUMBER_LEN && c->len != ID_NUMBER_OLD_LEN) return refuse("BAD_LENGTH", err);
    char *last = &c->at[c->len - 1];
    if (c->len == ID_NUMBER_LEN && *last == 'x') *last = 'X';
    bool ends_in_x = c->len == ID_NUMBER_LEN && *last == 'X';
    if (!digits(c->at, c->len - ends_in_x)) return refuse("BAD_CHARACTER", err);
    if (c->len == ID_NUMBER_OLD_LEN) id_from_old(c);
    /* 9 begins the numbers of foreigners with permanent residence (since 2023). */
    if (c->at[0] != '9' && !listed(provinces, c->at)) return refuse("BAD_CODE", err);
    if (!date_exists(c->at + 6)) return refuse("BAD_DATE", err);
    return c->at[ID_NUMBER_LEN - 1] == check_character(c->at) ? VAULT_OK : refuse("BAD_CHECK_DIGIT", err);
}

/* YYYYMMDD, or with the same separator twice: YYYY-MM-DD, YYYY/MM/DD, YYYY.MM.DD. */
static vault_code date(const format *f, code *c, vault_error *err)
{
    (void)f;
    if (c->len == DATE_LEN + 2 && c->at[4] == c->at[7] && strchr("-/.", c->at[4])) {
        memmove(c->at + 4, c->at + 5, 2);
        memmove(c->at + 6, c->at + 8, 2);
        c->len = DATE_LEN;
    }
    VAULT_TRY(all_digits(c, DATE_LEN, err));
    return date_exists(c->at) ? VAULT_OK : refuse("BAD_DATE", err);
}

/* GB/T 2260 (6 digits) and the statistical division codes (12). */
static vault_code division(const format *f, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, f->max, err));
    return listed(provinces, c->at) ? VAULT_OK : refuse("BAD_CODE", err);
}

static vault_code mobile(const format *f, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, f->max, err));
    return c->at[0] == '1' && c->at[1] >= '3' ? VAULT_OK : refuse("BAD_CODE", err);
}

static vault_code sex(const format *f, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, f->max, err));
    return strchr("0129", c->at[0]) ? VAULT_OK : refuse("BAD_CODE", err);
}

static vault_code two_digits(const format *f, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, f->max, err));
    return listed(f->list, c->at) ? VAULT_OK : refuse("BAD_CODE", err);
}

/* GB/T 6565-2015: the major class, then two pairs of digits for the finer ones. */
static vault_code occupation_type(const format *f, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, f->max, err));
    return c->at[0] >= '1' && c->at[0] <= '8' ? VAULT_OK : refuse("BAD_CODE", err);
}

/* Numbers of households and documents. */
static vault_code serial(const format *f, code *c, vault_error *err)
{
    if (c->len > f->max) return refuse("TOO_LONG", err);
    for (size_t i = 0; i < c->len; i++) {
        bool letter = (c->at[i] >= 'A' && c->at[i] <= 'Z') || (c->at[i] >= 'a' && c->at[i] <= 'z');
        if (!letter && !digits(&c->at[i], 1) && !strchr("-_/.()", c->at[i])) return refuse("BAD_CHARACTER", err);
    }
    return VAULT_OK;
}

/* ---- texts ---- */

static vault_code text(const format *f, bytes value, vault_error *err)
{
    size_t count = 0;
    while (value.len > 0) {
        character_class class = character_class_of(text_next(&value));
        if (class == CHARACTER_CONTROL) return refuse("CONTROL_CHARACTER", err);
        if (class == CHARACTER_FOREIGN) return refuse("BAD_CHARACTER", err);
        if (++count > f->max) return refuse("TOO_LONG", err);
    }
    return VAULT_OK;
}

/* Letters and ideographs; between them one middle dot (U+00B7), or what stands between the parts of foreign names. */
static vault_code person_name(const format *f, bytes value, vault_error *err)
{
    VAULT_TRY(text(f, value, err));
    bool after_letter = false;
    while (value.len > 0) {
        int32_t c = text_next(&value);
        bool letter = character_class_of(c) == CHARACTER_LETTER;
        bool joint = c == 0xb7 || c == ' ' || c == '-' || c == '\'' || c == '.';
        if (!letter && !(joint && after_letter)) return refuse("BAD_CHARACTER", err);
        after_letter = letter || (c == '.' && value.len > 0);
    }
    return after_letter ? VAULT_OK : refuse("BAD_CHARACTER", err);
}

/* ---- the table ---- */

static const format formats[] = {
    {"resident_id", 18, id_number, NULL, NULL},
    {"person_name", 50, NULL, person_name, NULL},
    {"sex", 1, sex, NULL, NULL}, /* GB/T 2261.1 */
    {"date", 8, date, NULL, NULL},
    {"ethnicity", 2, two_digits, NULL, "01-56 97-98"}, /* GB/T 3304 */
    {"county", 6, division, NULL, NULL},
    {"division", 12, division, NULL, NULL},
    {"marital_status", 2, two_digits, NULL, "10 20-23 30 40 90"}, /* GB/T 2261.2 */
    {"political_status", 2, two_digits, NULL, "01-13"},           /* GB/T 4762 */
    /* GB/T 4658-2006, and 50 (technical school) of the 1984 edition, which registers still hold */
    {"education", 2, two_digits, NULL, "10-23 28 30-33 40-50 60-63 70-73 80-83 90"},
    {"religion", 2, two_digits, NULL, "00 10 20 30 40 50 60 70 90 99"},
    {"occupation_type", 5, occupation_type, NULL, NULL},
    {"mobile", 11, mobile, NULL, NULL},
    {"relation", 2, two_digits, NULL, "01-02 10-12 20-97 99"}, /* GB/T 4761 */
    {"care_category", 2, two_digits, NULL, "00-03"},
    {"text50", 50, NULL, text, NULL},
    {"text100", 100, NULL, text, NULL},
    {"text200", 200, NULL, text, NULL},
    {"code30", 30, serial, NULL, NULL},
};

const format *format_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

const char *format_name(const format *f)
{
    return f->name;
}

static vault_code normalise_code(const format *f, bytes in, code *c, vault_error *err)
{
    VAULT_TRY(text_fold_ascii(c->at, sizeof c->at, &c->len, in, err));
    return f->code(f, c, err);
}

/* A character of the result comes from at most three of the input (Hangul), or a few marks: a longer input is no
 * accident. */
static vault_code normalise_text(const format *f, arena *mem, bytes *value, vault_error *err)
{
    enum { BYTES_PER_CHARACTER = 12 };
    if (value->len > f->max * BYTES_PER_CHARACTER) return refuse("TOO_LONG", err);
    VAULT_TRY(text_nfc(mem, *value, value, err));
    return f->text(f, *value, err);
}

vault_code format_normalise(const format *f, arena *mem, bytes in, bytes *out, vault_error *err)
{
    code c = {.len = 0};
    bytes value = text_trim(in);
    if (value.len == 0) return refuse("BAD_LENGTH", err);
    vault_code outcome = f->code ? normalise_code(f, value, &c, err) : normalise_text(f, mem, &value, err);
    if (outcome == VAULT_OK) {
        if (f->code) value = bytes_of(c.at, c.len);
        *out = arena_copy(mem, value);
        if (out->len != value.len) outcome = vault_fail(err, VAULT_EXHAUSTED, "no room for a normalised value");
    }
    wipe(c.at, c.len);
    return outcome;
}
