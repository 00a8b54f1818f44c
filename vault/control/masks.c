/* What masks leave to be guessed, together with all else that the same onlooker may see, search or ask about the same
 * resident (DOMAIN.md section 3). The strength of a masked field is the least number of valid values that fit all of
 * it.
 *
 * What answers for a part of a value tells that part: a search by suffix the last four characters, by band the year of
 * a date or the 1-2-5 band of a quantity, by n-gram the text (its pairs can be put together), by code the value (there
 * are few), by area the area; a predicate on the age parts the birth dates, same_area tells digits of the area code; a
 * format-preserving token of a mobile number tells its first three digits. What answers for a whole value of many
 * (equality, equals, the issue of tokens) tells only whoever has it already: each try is a call and a line.
 *
 * An ID number holds the birth date and the sex, and the other way round. The birth date of residents is any date of
 * the natural key's group; where that has none, any date at all. */
#include "vault/control/internal.h"

#include <string.h>

enum { COUNTY_DIGITS = 6, SEQUENCES = 1000, AGES_MAX = POLICY_FIELDS_MAX };
#define NO_LIST UINT64_MAX /* nothing is told, or of texts, of which there is no list */

static bool is_format(const schema_field *f, const char *name)
{
    return strcmp(format_name(f->format), name) == 0;
}

static bool is_mask(const mask *m, const char *name)
{
    return strcmp(mask_name(m), name) == 0;
}

static bool sees(const onlooker *r, sight how, const schema_field *f)
{
    return field_set_has(r->seen[how], f->number);
}

static bool finds_by(const onlooker *r, const schema_field *f, index_kind k)
{
    return sees(r, SEEN_FOUND, f) && (f->indexes & 1U << k) != 0;
}

/* ---- the birth date, and what says something of it ---- */

static bool is_birth_date(const schema_field *f)
{
    const collection *c = f->collection;
    if (!is_format(f, "date")) return false;
    if (strcmp(f->group, c->natural_key->group) == 0) return true;
    for (size_t i = 0; i < c->count; i++) {
        if (is_format(c->fields[i], "date") && strcmp(c->fields[i]->group, c->natural_key->group) == 0) return false;
    }
    return true;
}

/* The mask that shows of a date what the onlooker can know of it; NULL: nothing. */
static const mask *known_date(const onlooker *r, const schema_field *f)
{
    if (finds_by(r, f, INDEX_BAND)) return mask_find("date_year");
    return sees(r, SEEN_MASKED, f) ? f->mask : NULL;
}

/* Ages that the onlooker may ask about, of any date or ID number of the collection: how many. */
static size_t asked_ages(unsigned out[AGES_MAX], const onlooker *r, const collection *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->predicate_count; i++) {
        const schema_predicate *p = &c->predicates[i];
        bool age = p->test.kind == PREDICATE_AGE_AT_LEAST || p->test.kind == PREDICATE_AGE_UNDER;
        if (age && field_set_has(r->seen[SEEN_ASKED], p->number)) out[count++] = p->test.amount;
    }
    return count;
}

/* ---- one format after the other ---- */

static void add_company(mask_company *out, const onlooker *r, const schema_field *f)
{
    if (is_format(f, "sex")) {
        if (sees(r, SEEN_PLAIN, f) || finds_by(r, f, INDEX_CODE)) out->plain_sex = true;
        return;
    }
    if (!is_birth_date(f)) return;
    const mask *known = known_date(r, f);
    if (sees(r, SEEN_PLAIN, f)) out->plain_birth_date = true;
    if (!known) return;
    bool more = !out->birth_date || mask_strength(known, f->format) < mask_strength(out->birth_date, f->format);
    if (more) out->birth_date = known;
}

/* Where the last four characters can be found by, they count as shown. */
static uint64_t left_of_id(const onlooker *r, const schema_field *f)
{
    unsigned ages[AGES_MAX];
    const collection *c = f->collection;
    mask_company company = {.id_number = finds_by(r, f, INDEX_SUFFIX) ? mask_find("id_ends") : f->mask,
                            .age_thresholds = ages,
                            .age_count = asked_ages(ages, r, c)};
    for (size_t i = 0; i < c->count; i++) add_company(&company, r, c->fields[i]);
    return mask_strength_of_id(&company);
}

/* What is shown of the ID number whose birth date the field is; NULL: nothing. */
static const mask *shown_of_id(const onlooker *r, const schema_field *date)
{
    const schema_field *id = date->collection->natural_key;
    if (!is_birth_date(date) || !is_format(id, "resident_id") || !sees(r, SEEN_MASKED, id)) return NULL;
    return finds_by(r, id, INDEX_SUFFIX) ? mask_find("id_ends") : id->mask;
}

/* Ages are counted as those of ID numbers are, and so are dates that must give the check character that is shown. */
static uint64_t left_of_date(const onlooker *r, const schema_field *f)
{
    unsigned ages[AGES_MAX];
    const mask *known = known_date(r, f), *beside = shown_of_id(r, f);
    bool ends = beside && is_mask(beside, "id_ends");
    const mask_company company = {.id_number = ends ? beside : mask_find("id_area"),
                                  .birth_date = known,
                                  .age_thresholds = ages,
                                  .age_count = asked_ages(ages, r, f->collection)};
    if (is_birth_date(f) && sees(r, SEEN_PLAIN, f->collection->natural_key)) return 1;
    if (ends) return mask_strength_of_id(&company);
    uint64_t left = known ? mask_strength(known, f->format) : NO_LIST;
    if (company.age_count == 0) return left;
    uint64_t by_age = mask_strength_of_id(&company) / SEQUENCES;
    return by_age < left ? by_age : left;
}

/* The last digit but one of an ID number says it. */
static uint64_t left_of_sex(const onlooker *r, const schema_field *f)
{
    const schema_field *id = f->collection->natural_key;
    if (!is_format(id, "resident_id")) return mask_strength(f->mask, f->format);
    bool ends = sees(r, SEEN_MASKED, id) && is_mask(id->mask, "id_ends");
    if (sees(r, SEEN_PLAIN, id) || ends || finds_by(r, id, INDEX_SUFFIX)) return 1;
    return mask_strength(f->mask, f->format);
}

/* Three digits, four, and four; the first of all is 1, and seven digits can follow it. */
static uint64_t left_of_mobile(const onlooker *r, const schema_field *f)
{
    bool ends = is_mask(f->mask, "mobile_ends"), head = ends || sees(r, SEEN_TOKEN, f);
    bool tail = ends || finds_by(r, f, INDEX_SUFFIX);
    if (head) return tail ? 10000 : 100000000;
    return tail ? 700000 : NO_LIST;
}

/* A landline has seven or eight digits, the first of them 2 to 8, behind an area code that the mask shows with three
 * digits of the end. With the fourth, three are left. */
static uint64_t left_of_phone(const onlooker *r, const schema_field *f)
{
    bool ends = is_mask(f->mask, "mobile_ends");
    if (!finds_by(r, f, INDEX_SUFFIX)) return mask_strength(f->mask, f->format);
    return ends ? 700 : 700000;
}

/* Document numbers have five characters at least, here counted as digits; serial numbers may have four. */
static uint64_t left_of_number(const onlooker *r, const schema_field *f)
{
    if (!finds_by(r, f, INDEX_SUFFIX)) return mask_strength(f->mask, f->format);
    if (is_format(f, "credit_code")) return 10000;
    return is_format(f, "document") ? 10 : 1;
}

/* Digits of the area code that one field says. */
static unsigned told_digits(const onlooker *r, const schema_field *f, bool of_another)
{
    const collection *c = f->collection;
    unsigned whole = is_format(f, "grid") ? AREA_DIGITS : DIVISION_DIGITS, told = 0;
    if (sees(r, SEEN_MASKED, f) && is_mask(f->mask, "division_county")) told = COUNTY_DIGITS;
    for (size_t i = 0; i < c->predicate_count; i++) {
        const schema_predicate *p = &c->predicates[i];
        bool asked = p->field == f && field_set_has(r->seen[SEEN_ASKED], p->number);
        if (asked && p->test.kind == PREDICATE_SAME_AREA && p->test.amount > told) told = p->test.amount;
    }
    return of_another && sees(r, SEEN_PLAIN, f) ? whole : told;
}

/* Searches find by area, whatever else they are for. */
static bool finds_any(const onlooker *r, const collection *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (sees(r, SEEN_FOUND, c->fields[i])) return true;
    }
    return false;
}

/* The grid's code begins with that of its division. */
static uint64_t left_of_area(const onlooker *r, const schema_field *f)
{
    const collection *c = f->collection;
    bool place = f == c->area || f == c->grid;
    unsigned told = told_digits(r, f, false), whole = is_format(f, "grid") ? AREA_DIGITS : DIVISION_DIGITS;
    const schema_field *other = !place ? NULL : f == c->area ? c->grid : c->area;
    if (other) {
        unsigned more = told_digits(r, other, true);
        told = more > told ? more : told;
    }
    if (told >= whole || (place && finds_any(r, c))) return 1;
    uint64_t left = whole == AREA_DIGITS ? GRIDS - 1 : 1;
    if (told == 0) return NO_LIST;
    for (unsigned i = told; i < DIVISION_DIGITS; i++) left *= 10;
    return left;
}

/* The least of the bands: below 1. */
static uint64_t left_of_quantity(const onlooker *r, const schema_field *f)
{
    if (!finds_by(r, f, INDEX_BAND)) return mask_strength(f->mask, f->format);
    return is_format(f, "count") ? 1 : 100;
}

static const struct {
    const char *format;
    uint64_t (*left)(const onlooker *r, const schema_field *f);
} by_format[] = {
    {"resident_id", left_of_id}, {"date", left_of_date},          {"sex", left_of_sex},
    {"mobile", left_of_mobile},  {"phone", left_of_phone},        {"document", left_of_number},
    {"code30", left_of_number},  {"credit_code", left_of_number}, {"division", left_of_area},
    {"grid", left_of_area},      {"amount", left_of_quantity},    {"square_metres", left_of_quantity},
    {"count", left_of_quantity},
};

uint64_t masked_left(const onlooker *r, const schema_field *f)
{
    if (finds_by(r, f, INDEX_CODE) || finds_by(r, f, INDEX_NGRAM)) return 1;
    for (size_t i = 0; i < sizeof by_format / sizeof *by_format; i++) {
        if (is_format(f, by_format[i].format)) return by_format[i].left(r, f);
    }
    return mask_strength(f->mask, f->format);
}

const schema_field *masked_weakest(const collection *c, field_set masked)
{
    const onlooker r = {.seen = {[SEEN_MASKED] = masked}};
    for (size_t i = 0; i < c->count; i++) {
        const schema_field *f = c->fields[i];
        if (field_set_has(masked, f->number) && masked_left(&r, f) < f->mask_strength) return f;
    }
    return NULL;
}
