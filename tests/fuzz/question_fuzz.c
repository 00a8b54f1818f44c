/* A question of every kind about a field of every format from any bytes: it is refused with a reason or becomes terms,
 * within the limits; and a value that fits the format is found by the part, the end and the whole of it. The first byte
 * says where the value ends and the question begins. */
#include "tokenizer/term.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static arena *mem;
static prf *key;
static const int64_t streets[] = {320411002, 320411003};

static vault_code ask(term_question *out, index_kind kind, const format *f, bytes text)
{
    vault_error err = {0};
    const term_ask asked = {.key = key,
                            .kind = kind,
                            .format = f,
                            .streets = streets,
                            .street_count = 2,
                            .values = &text,
                            .value_count = 1};
    vault_code code = terms_of_question(out, mem, &asked, &err);
    if (code != VAULT_OK && (code != VAULT_INVALID || !err.reason)) abort();
    return code;
}

static void check_limits(const term_question *q)
{
    if (q->count == 0 || q->count > QUESTION_LISTS_MAX) abort();
    for (size_t i = 0; i < q->count; i++)
        if (q->lists[i].count == 0 || q->lists[i].count > TERM_LIST_MAX) abort();
}

static bool stands_in(int64_t term, term_list in)
{
    for (size_t i = 0; i < in.count; i++)
        if (in.at[i] == term) return true;
    return false;
}

static void expect_met(const term_question *q, term_list value)
{
    for (size_t i = 0; i < q->count; i++) {
        bool met = false;
        for (size_t j = 0; j < q->lists[i].count; j++) met |= stands_in(q->lists[i].at[j], value);
        if (!met) abort();
    }
}

/* What is kept of a value is found by the value itself. */
static void check_value(index_kind kind, const format *f, bytes value)
{
    vault_error err = {0};
    const term_place place = {.kind = kind, .format = f, .street = streets[1]};
    term_list kept;
    term_question q;
    if (terms_of_value(&kept, mem, key, &place, value, &err) != VAULT_OK) abort();
    for (size_t i = 0; i < kept.count; i++)
        for (size_t j = 0; j < i; j++)
            if (kept.at[i] == kept.at[j]) abort();
    if (kind == INDEX_BAND) return;
    bytes asked = value;
    if (kind == INDEX_SUFFIX) asked = value.len < 4 ? value : bytes_of(value.at + value.len - 4, 4);
    if (ask(&q, kind, f, asked) == VAULT_OK) expect_met(&q, kept);
}

static void check_band(const format *f, bytes low, bytes high)
{
    vault_error err = {0};
    term_question q;
    const term_ask asked = {
        .key = key, .kind = INDEX_BAND, .format = f, .streets = streets, .street_count = 2, .low = low, .high = high};
    const term_place place = {.kind = INDEX_BAND, .format = f, .street = streets[0]};
    term_list kept;
    vault_code code = terms_of_question(&q, mem, &asked, &err);
    if (code != VAULT_OK && code != VAULT_INVALID) abort();
    if (code != VAULT_OK || !low.len) return;
    check_limits(&q);
    if (terms_of_value(&kept, mem, key, &place, low, &err) != VAULT_OK) abort();
    expect_met(&q, kept);
}

static void check_kind(index_kind kind, const format *f, bytes value, bytes text)
{
    vault_error err = {0};
    term_question q;
    bytes one, other = text;
    if (index_misfit(kind, f)) return;
    bool fits = format_normalise(f, mem, value, &one, &err) == VAULT_OK;
    if (fits) check_value(kind, f, one);
    if (kind == INDEX_BAND) {
        bool both = format_normalise(f, mem, text, &other, &err) == VAULT_OK;
        check_band(f, fits ? one : bytes_of(NULL, 0), both ? other : bytes_of(NULL, 0));
    } else if (ask(&q, kind, f, other) == VAULT_OK) {
        check_limits(&q);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret_key[32] = {1};
    vault_error err = {0};
    if (size == 0) return 0;
    if (!mem) mem = arena_new(64 << 20);
    if (!key && prf_new(&key, SUITE_INTL, bytes_of(secret_key, sizeof secret_key), &err) != VAULT_OK) abort();
    size_t end = data[0] < size - 1 ? data[0] : size - 1;
    bytes value = bytes_of(data + 1, end), text = bytes_of(data + 1 + end, size - 1 - end);
    for (const char *const *name = format_names(); *name; name++) {
        for (index_kind kind = 0; kind < INDEX_KINDS; kind++) check_kind(kind, format_find(*name), value, text);
        arena_reset(mem);
    }
    return 0;
}
