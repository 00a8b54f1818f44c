/* One row a format. A code is ASCII after folding and stands in a small buffer, where its check may rewrite it
 * (codes.c); a text keeps its own characters. */
#include "tokenizer/format.h"
#include "tokenizer/codes.h"
#include "tokenizer/internal.h"
#include "vault/base/secret.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 4094 }; /* what the largest size class holds */

struct format {
    const char *name;
    code_rule rule;
    uint64_t values;                                                    /* about; UINT64_MAX: no list of them */
    vault_code (*code)(const code_rule *r, code *c, vault_error *err);  /* a code, else NULL */
    vault_code (*text)(const format *f, bytes value, vault_error *err); /* a text, else NULL */
};

static vault_code refuse(const char *reason, vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, reason, "");
}

/* ---- texts ---- */

static vault_code text(const format *f, bytes value, vault_error *err)
{
    size_t count = 0;
    if (value.len > TEXT_BYTES_MAX) return refuse("TOO_LONG", err);
    while (value.len > 0) {
        character_class class = character_class_of(text_next(&value));
        if (class == CHARACTER_CONTROL) return refuse("CONTROL_CHARACTER", err);
        if (class == CHARACTER_FOREIGN) return refuse("BAD_CHARACTER", err);
        if (++count > f->rule.max) return refuse("TOO_LONG", err);
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

/* Days from 1850 to 2100, provinces of GB/T 2260: counted by the tests. */
enum { DAYS = 91676, PROVINCES = 35, FOREIGNERS = 10 };
#define ENDLESS  UINT64_MAX
#define MILLION  UINT64_C(1000000)
#define MILLIARD (1000 * MILLION)

/* Values as they are in use, where a list of them exists: counties 2,844 and communities 620,573 (the list of 2023). */
static const format formats[] = {
    {"resident_id", {18, NULL}, (PROVINCES + FOREIGNERS) * UINT64_C(10000) * DAYS * 1000, code_id_number, NULL},
    {"person_name", {50, NULL}, ENDLESS, NULL, person_name},
    {"sex", {1, "0129"}, 4, code_one_digit, NULL}, /* GB/T 2261.1 */
    {"date", {8, NULL}, DAYS, code_date, NULL},
    {"ethnicity", {2, "01-56 97-98"}, 58, code_two_digits, NULL}, /* GB/T 3304 */
    {"county", {6, NULL}, 2844, code_division, NULL},
    {"division", {12, NULL}, 620573, code_division, NULL},
    {"marital_status", {2, "10 20-23 30 40 90"}, 8, code_two_digits, NULL}, /* GB/T 2261.2 */
    {"political_status", {2, "01-13"}, 13, code_two_digits, NULL},          /* GB/T 4762 */
    /* GB/T 4658-2006, and 50 (technical school) of the 1984 edition, which registers still hold */
    {"education", {2, "10-23 28 30-33 40-50 60-63 70-73 80-83 90"}, 43, code_two_digits, NULL},
    {"religion", {2, "00 10 20 30 40 50 60 70 90 99"}, 10, code_two_digits, NULL},
    {"occupation_type", {5, NULL}, 80, code_occupation_type, NULL}, /* registers know the first two digits only */
    {"mobile", {11, NULL}, 7 * MILLIARD, code_mobile, NULL},
    {"relation", {2, "01-02 10-12 20-97 99"}, 84, code_two_digits, NULL}, /* GB/T 4761 */
    {"care_category", {2, "00-03"}, 4, code_two_digits, NULL},
    {"text50", {50, NULL}, ENDLESS, NULL, text},
    {"text100", {100, NULL}, ENDLESS, NULL, text},
    {"text200", {200, NULL}, ENDLESS, NULL, text},
    {"text1024", {1024, NULL}, ENDLESS, NULL, text},
    {"code30", {30, NULL}, ENDLESS, code_serial, NULL},
    {"grid", {15, NULL}, MILLION, code_grid, NULL},
    {"credit_code", {18, NULL}, ENDLESS, code_credit, NULL},
    {"phone", {13, NULL}, 7 * MILLIARD + 711 * 77 * MILLION, code_phone, NULL},
    {"document", {30, NULL}, ENDLESS, code_document, NULL},
    {"nationality", {3, NULL}, 249, code_nationality, NULL},
    {"flag", {1, "01"}, 2, code_one_digit, NULL},
    {"amount", {12, "decimals"}, 100 * MILLION, code_quantity, NULL}, /* most are round */
    {"square_metres", {6, "decimals"}, 100 * MILLION, code_quantity, NULL},
    {"count", {6, NULL}, MILLION, code_quantity, NULL},
    {"code2", {2, "00-99"}, 100, code_two_digits, NULL},
};
enum { FORMATS = sizeof formats / sizeof *formats };

const format *format_find(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

const char *format_name(const format *f)
{
    return f->name;
}

const char *const *format_names(void)
{
    static const char *const names[FORMATS + 1] = {
        "resident_id",
        "person_name",
        "sex",
        "date",
        "ethnicity",
        "county",
        "division",
        "marital_status",
        "political_status",
        "education",
        "religion",
        "occupation_type",
        "mobile",
        "relation",
        "care_category",
        "text50",
        "text100",
        "text200",
        "text1024",
        "code30",
        "grid",
        "credit_code",
        "phone",
        "document",
        "nationality",
        "flag",
        "amount",
        "square_metres",
        "count",
        "code2",
        NULL,
    };
    return names;
}

uint64_t format_values(const format *f)
{
    return f->values;
}

static vault_code normalise_code(const format *f, bytes in, code *c, vault_error *err)
{
    VAULT_TRY(text_fold_ascii(c->at, sizeof c->at, &c->len, in, err));
    if (c->len == 0) return refuse("BAD_LENGTH", err);
    return f->code(&f->rule, c, err);
}

/* A character of the result comes from at most three of the input (Hangul), or a few marks: a longer input is no
 * accident. */
static vault_code normalise_text(const format *f, arena *mem, bytes *value, vault_error *err)
{
    enum { BYTES_PER_CHARACTER = 12 };
    if (value->len > f->rule.max * BYTES_PER_CHARACTER) return refuse("TOO_LONG", err);
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
