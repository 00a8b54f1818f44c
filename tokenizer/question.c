/* Questions become lists of terms: of each list one must stand in a record. Street by street, in the order given. */
#include "tokenizer/codes.h"
#include "tokenizer/terms.h"

#include <stdio.h>
#include <string.h>

enum { YEAR_TEXT = YEAR_DIGITS + 1, BANDS = 1 + 3 * 12 };

static vault_code refuse(const char *reason, vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, reason, "");
}

static size_t streets_of(const term_ask *ask)
{
    return index_by_street(ask->kind) ? ask->street_count : 1;
}

static term_place place_of(const term_ask *ask, size_t street)
{
    return (term_place){
        .kind = ask->kind, .format = ask->format, .street = index_by_street(ask->kind) ? ask->streets[street] : 0};
}

static vault_code lists_room(term_question *out, arena *mem, size_t lists, size_t terms, vault_error *err)
{
    *out = (term_question){.lists = arena_array(mem, lists, sizeof *out->lists)};
    if (!out->lists) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a question");
    for (; out->count < lists; out->count++) VAULT_TRY(terms_room(&out->lists[out->count], mem, terms, err));
    return VAULT_OK;
}

/* ---- equality, code and suffix: one of the values ---- */

static vault_code ask_values(term_question *out, arena *mem, const term_ask *ask, const bytes *values, vault_error *err)
{
    size_t streets = streets_of(ask);
    VAULT_TRY(lists_room(out, mem, 1, streets * ask->value_count, err));
    for (size_t s = 0; s < streets; s++) {
        const term_place place = place_of(ask, s);
        for (size_t i = 0; i < ask->value_count; i++)
            out->lists[0].at[out->lists[0].count++] = term_make(ask->key, &place, values[i]);
    }
    return VAULT_OK;
}

static bool keeps_case(const format *f)
{
    return strcmp(format_name(f), "code30") == 0;
}

/* As the format writes it: ASCII, capital letters but where small ones differ from them. */
static vault_code read_suffix(bytes *out, arena *mem, const term_ask *ask, bytes in, vault_error *err)
{
    char at[TERM_PART_MAX];
    size_t len = 0;
    vault_error why = {0};
    if (text_fold_ascii(at, sizeof at, &len, text_trim(in), &why) != VAULT_OK)
        return refuse(why.reason && strcmp(why.reason, "TOO_LONG") == 0 ? "TOO_LONG" : "BAD_CHARACTER", err);
    if (len != SUFFIX_LEN) return refuse(len < SUFFIX_LEN ? "TOO_SHORT" : "TOO_LONG", err);
    for (size_t i = 0; i < len && !keeps_case(ask->format); i++)
        if (at[i] >= 'a' && at[i] <= 'z') at[i] = (char)(at[i] - 'a' + 'A');
    *out = arena_copy(mem, bytes_of(at, len));
    return out->len == len ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for a suffix");
}

static vault_code ask_suffix(term_question *out, arena *mem, const term_ask *ask, vault_error *err)
{
    bytes *values = arena_array(mem, ask->value_count, sizeof *values);
    if (!values) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a question");
    for (size_t i = 0; i < ask->value_count; i++) VAULT_TRY(read_suffix(&values[i], mem, ask, ask->values[i], err));
    return ask_values(out, mem, ask, values, err);
}

/* ---- ngram: every pair of the part, each a list of its own ---- */

static vault_code count_characters(size_t *out, bytes text, vault_error *err)
{
    for (*out = 0; text.len > 0; ++*out) {
        character_class class = character_class_of(text_next(&text));
        if (class == CHARACTER_CONTROL || class == CHARACTER_FOREIGN) return refuse("BAD_CHARACTER", err);
    }
    return VAULT_OK;
}

/* White space around the part is no part of it: without it more is found, never less. */
static vault_code read_part(bytes *out, arena *mem, bytes in, vault_error *err)
{
    enum { BYTES_PER_CHARACTER = 12 };
    vault_error why = {0};
    size_t characters = 0;
    bytes part = text_trim(in);
    if (part.len > TERM_PART_MAX * BYTES_PER_CHARACTER) return refuse("TOO_LONG", err);
    vault_code outcome = text_nfc(mem, part, out, &why);
    if (outcome == VAULT_INVALID) return refuse("BAD_CHARACTER", err);
    if (outcome != VAULT_OK) return *err = why, outcome;
    VAULT_TRY(count_characters(&characters, *out, err));
    if (characters < TERM_PART_MIN) return refuse("TOO_SHORT", err);
    return characters > TERM_PART_MAX ? refuse("TOO_LONG", err) : VAULT_OK;
}

static vault_code ask_part(term_question *out, arena *mem, const term_ask *ask, vault_error *err)
{
    bytes part;
    term_list pairs;
    VAULT_TRY(read_part(&part, mem, ask->values[0], err));
    VAULT_TRY(terms_room(&pairs, mem, TERM_PART_MAX, err));
    for (size_t s = 0; s < ask->street_count; s++) {
        const term_place place = place_of(ask, s);
        pairs.count = 0;
        terms_of_pairs(&pairs, ask->key, &place, part);
        if (s == 0) VAULT_TRY(lists_room(out, mem, pairs.count, ask->street_count, err));
        for (size_t i = 0; i < pairs.count; i++) out->lists[i].at[out->lists[i].count++] = pairs.at[i];
    }
    return VAULT_OK;
}

/* ---- band: one of those from low to high ---- */

typedef struct bands {
    unsigned first, last;
} bands;

static unsigned year_of(bytes date)
{
    unsigned year = 0;
    for (size_t i = 0; i < YEAR_DIGITS; i++) year = 10 * year + (unsigned)(date.at[i] - '0');
    return year;
}

static unsigned band_of(const term_ask *ask, bytes value)
{
    return format_is_date(ask->format) ? year_of(value) : band_of_quantity(value);
}

static vault_code read_bands(bands *out, const term_ask *ask, vault_error *err)
{
    bool date = format_is_date(ask->format);
    out->first = ask->low.len ? band_of(ask, ask->low) : date ? YEAR_FIRST : 0;
    out->last = ask->high.len ? band_of(ask, ask->high) : date ? YEAR_LAST : BANDS - 1;
    return out->first <= out->last ? VAULT_OK : refuse("EMPTY_BAND", err);
}

static int64_t term_of_band(prf *key, const term_place *place, unsigned band)
{
    char text[YEAR_TEXT + 8];
    if (!format_is_date(place->format)) return term_make(key, place, bytes_of((const uint8_t[]){(uint8_t)band}, 1));
    snprintf(text, sizeof text, "%04u", band);
    return term_make(key, place, bytes_of(text, YEAR_DIGITS));
}

static vault_code ask_bands(term_question *out, arena *mem, const term_ask *ask, vault_error *err)
{
    bands of;
    VAULT_TRY(read_bands(&of, ask, err));
    size_t terms = (of.last - of.first + 1) * ask->street_count;
    if (terms > TERM_LIST_MAX) return refuse("TOO_MANY", err);
    VAULT_TRY(lists_room(out, mem, 1, terms, err));
    for (size_t s = 0; s < ask->street_count; s++) {
        const term_place place = place_of(ask, s);
        for (unsigned band = of.first; band <= of.last; band++)
            out->lists[0].at[out->lists[0].count++] = term_of_band(ask->key, &place, band);
    }
    return VAULT_OK;
}

vault_code terms_of_question(term_question *out, arena *mem, const term_ask *ask, vault_error *err)
{
    bool many =
        ask->value_count > TERM_VALUES_MAX || (index_by_street(ask->kind) && ask->street_count > TERM_STREETS_MAX);
    if (many) return refuse("TOO_MANY", err);
    switch (ask->kind) {
    case INDEX_SUFFIX:
        return ask_suffix(out, mem, ask, err);
    case INDEX_NGRAM:
        return ask_part(out, mem, ask, err);
    case INDEX_BAND:
        return ask_bands(out, mem, ask, err);
    case INDEX_EQUALITY:
    case INDEX_CODE:
    case INDEX_KINDS:
        break;
    }
    return ask_values(out, mem, ask, ask->values, err);
}
