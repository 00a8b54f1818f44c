#include "tokenizer/terms.h"

#include <string.h>

static const char *const names[INDEX_KINDS] = {[INDEX_EQUALITY] = "equality",
                                               [INDEX_SUFFIX] = "suffix",
                                               [INDEX_NGRAM] = "ngram",
                                               [INDEX_BAND] = "band",
                                               [INDEX_CODE] = "code"};

void natural_key(prf *key, uint8_t out[NATURAL_LEN], bytes id_number)
{
    prf_compute(key, out, NATURAL_LEN, &id_number, 1);
}

const char *index_kind_name(index_kind k)
{
    return (unsigned)k < INDEX_KINDS ? names[k] : "";
}

bool index_kind_named(index_kind *out, const char *name)
{
    for (*out = 0; *out < INDEX_KINDS; ++*out)
        if (strcmp(names[*out], name) == 0) return true;
    return false;
}

bool index_by_street(index_kind k)
{
    return k == INDEX_NGRAM || k == INDEX_BAND || k == INDEX_CODE;
}

/* ---- which format takes which kind ---- */

static bool is_one_of(const format *f, const char *const *some)
{
    while (*some && strcmp(*some, format_name(f)) != 0) some++;
    return *some != NULL;
}

/* Of characters in a row, so that a part of it says something. */
static bool is_text(const format *f)
{
    static const char *const texts[] = {"person_name", "text50", "text100", "text200", NULL};
    return is_one_of(f, texts);
}

static bool is_quantity(const format *f)
{
    static const char *const quantities[] = {"amount", "square_metres", "count", NULL};
    return is_one_of(f, quantities);
}

static bool is_long_text(const format *f)
{
    return strcmp(format_name(f), "text1024") == 0;
}

bool format_is_date(const format *f)
{
    return strcmp(format_name(f), "date") == 0;
}

static bool has_suffix(const format *f)
{
    static const char *const codes[] = {"resident_id", "mobile", "phone", "document", "code30", "credit_code", NULL};
    return is_one_of(f, codes);
}

static const char *equality_misfit(const format *f)
{
    if (format_values(f) >= 1000000000) return NULL;
    return format_is_date(f) || is_quantity(f)
               ? "equal terms of so few values would show their distribution: take 'band', or []"
               : "equal terms of so few values would show their distribution: take 'code', which is kept per street, "
                 "or []";
}

static const char *code_misfit(const format *f)
{
    if (format_is_date(f) || is_quantity(f)) return "codes are kept of lists, not of numbers: take 'band', or []";
    return format_values(f) <= 1000000 ? NULL
                                       : "codes are kept of lists, not of so many values: take 'equality', or []";
}

const char *index_misfit(index_kind k, const format *f)
{
    switch (k) {
    case INDEX_EQUALITY:
        return equality_misfit(f);
    case INDEX_SUFFIX:
        return has_suffix(f) ? NULL : "only numbers have a last four: of a text take 'ngram', of a list 'code', or []";
    case INDEX_NGRAM:
        if (is_text(f)) return NULL;
        return is_long_text(f) ? "a text of 1,024 characters has too many parts: take a shorter format, or []"
                               : "only names and texts have parts: of a number take 'suffix', of a list 'code', or []";
    case INDEX_BAND:
        return format_is_date(f) || is_quantity(f) ? NULL : "only dates and quantities have bands: take another, or []";
    case INDEX_CODE:
        return code_misfit(f);
    case INDEX_KINDS:
        break;
    }
    return "there is no such kind";
}

/* ---- terms ---- */

int64_t term_make(prf *key, const term_place *place, bytes taken)
{
    uint8_t head[9] = {(uint8_t)place->kind}, term[8];
    store_u64(head + 1, index_by_street(place->kind) ? (uint64_t)place->street : 0);
    prf_compute(key, term, sizeof term, (const bytes[]){bytes_of(head, sizeof head), taken}, 2);
    return (int64_t)load_u64(term);
}

vault_code terms_room(term_list *out, arena *mem, size_t most, vault_error *err)
{
    *out = (term_list){.at = arena_array(mem, most + 1, sizeof *out->at)};
    return out->at ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for terms");
}

size_t character_len(bytes text)
{
    size_t len = text.at[0] < 0x80 ? 1 : text.at[0] < 0xe0 ? 2 : text.at[0] < 0xf0 ? 3 : 4;
    return len < text.len ? len : text.len;
}

static void add_once(term_list *to, int64_t term)
{
    for (size_t i = 0; i < to->count; i++)
        if (to->at[i] == term) return;
    to->at[to->count++] = term;
}

void terms_of_pairs(term_list *out, prf *key, const term_place *place, bytes text)
{
    while (text.len > 0) {
        size_t first = character_len(text);
        bytes next = bytes_of(text.at + first, text.len - first);
        if (next.len == 0) return;
        add_once(out, term_make(key, place, bytes_of(text.at, first + character_len(next))));
        text = next;
    }
}

/* 0: below 1; then three bands a power of ten, from 1, from 2 and from 5. */
uint8_t band_of_quantity(bytes value)
{
    const uint8_t *dot = memchr(value.at, '.', value.len);
    size_t digits = dot ? (size_t)(dot - value.at) : value.len;
    uint8_t lead = value.at[0];
    if (digits == 1 && lead == '0') return 0;
    return (uint8_t)(1 + 3 * (digits - 1) + (lead >= '5' ? 2 : lead >= '2'));
}

static int64_t band_term(prf *key, const term_place *place, bytes value)
{
    uint8_t band;
    if (format_is_date(place->format)) return term_make(key, place, bytes_of(value.at, YEAR_DIGITS));
    band = band_of_quantity(value);
    return term_make(key, place, bytes_of(&band, 1));
}

vault_code terms_of_value(term_list *out, arena *mem, prf *key, const term_place *place, bytes value, vault_error *err)
{
    VAULT_TRY(terms_room(out, mem, place->kind == INDEX_NGRAM ? value.len : 1, err));
    switch (place->kind) {
    case INDEX_NGRAM:
        terms_of_pairs(out, key, place, value);
        break;
    case INDEX_SUFFIX:
        if (value.len < SUFFIX_LEN) break;
        out->at[out->count++] = term_make(key, place, bytes_of(value.at + value.len - SUFFIX_LEN, SUFFIX_LEN));
        break;
    case INDEX_BAND:
        out->at[out->count++] = band_term(key, place, value);
        break;
    case INDEX_EQUALITY:
    case INDEX_CODE:
    case INDEX_KINDS:
        out->at[out->count++] = term_make(key, place, value);
        break;
    }
    return VAULT_OK;
}
