#include "vault/audit/column_pack.h"

#include <endian.h>
#include <string.h>

enum { PACK_FORMAT = 2, WIDTH_MOST = 8, NUMBERS = 9 };

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
}

/* ---- the numbers of line_columns, whatever their width in memory ---- */

typedef struct number_column {
    size_t at;   /* of the pointer, in line_columns */
    size_t size; /* of each */
} number_column;
#define NUMBER(field)                                                                                                  \
    {                                                                                                                  \
        offsetof(line_columns, field), sizeof *((line_columns *)0)->field                                              \
    }
static const number_column COLUMNS[NUMBERS] = {NUMBER(time_us), NUMBER(resident), NUMBER(area),
                                               NUMBER(request), NUMBER(ticket),   NUMBER(record_version),
                                               NUMBER(check),   NUMBER(action),   NUMBER(outcome)};

static const void *column_of(const line_columns *c, const number_column *of)
{
    const void *at;
    memcpy(&at, (const char *)c + of->at, sizeof at);
    return at;
}

static uint64_t number_at(const void *at, size_t size, size_t i)
{
    switch (size) {
    case 1:
        return ((const uint8_t *)at)[i];
    case 2:
        return ((const uint16_t *)at)[i];
    case 4:
        return ((const uint32_t *)at)[i];
    default:
        return ((const uint64_t *)at)[i];
    }
}

/* ---- packing ---- */

static void put_numbers(writer *w, const void *at, size_t size, size_t count)
{
    uint64_t least = count ? UINT64_MAX : 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = number_at(at, size, i);
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    size_t width = 0;
    while (width < WIDTH_MOST && (most - least) >> (8 * width)) width++;
    put_u64(w, least);
    put_u8(w, (uint8_t)width);
    for (size_t i = 0; i < count; i++) {
        uint64_t above = htole64(number_at(at, size, i) - least);
        put_bytes(w, bytes_of(&above, width));
    }
}

static size_t most_packed(const line_columns *c)
{
    size_t len = 64 + CHECK_KEY_LEN + (NUMBERS + COLUMN_TEXTS) * (9 + c->count * WIDTH_MOST);
    for (size_t t = 0; t < COLUMN_TEXTS; t++)
        for (size_t i = 0; i < c->text_count[t]; i++) len += 2 + strlen(c->texts[t][i]);
    return len;
}

vault_code columns_pack(bytes *out, arena *mem, const line_columns *c, const digest *root, vault_error *err)
{
    size_t cap = most_packed(c);
    uint8_t *at = arena_alloc(mem, cap);
    if (!at) return no_room(err);
    writer w = writer_over(at, cap);
    put_u8(&w, PACK_FORMAT);
    put_u64(&w, (uint64_t)c->first);
    put_u32(&w, (uint32_t)c->count);
    put_bytes(&w, digest_bytes(root));
    put_bytes(&w, bytes_of(c->check_key, CHECK_KEY_LEN));
    for (size_t i = 0; i < NUMBERS; i++) put_numbers(&w, column_of(c, &COLUMNS[i]), COLUMNS[i].size, c->count);
    for (size_t t = 0; t < COLUMN_TEXTS; t++) {
        put_u16(&w, (uint16_t)(c->text_count[t] - 1)); /* the first one is "" */
        for (size_t i = 1; i < c->text_count[t]; i++) put_sized(&w, bytes_of_text(c->texts[t][i]));
        put_numbers(&w, c->text[t], sizeof(uint16_t), c->count);
    }
    if (w.overflow) return vault_fail(err, VAULT_INTERNAL, "columns are longer than they can be");
    *out = writer_bytes(&w);
    return VAULT_OK;
}

/* ---- unpacking ---- */

static vault_code no_columns(vault_error *err)
{
    return vault_fail(err, VAULT_INTEGRITY, "a block is no columns of the log");
}

/* A word is read whole and cut: what is behind it may be anything. */
static uint64_t packed_at(const uint8_t *at, uint64_t mask)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v) & mask;
}

typedef struct packed_numbers {
    const uint8_t *at;
    size_t width, count;
    uint64_t least;
} packed_numbers;

/* A loop for each width, so that none of them asks which it is. */
#define FILL(type)                                                                                                     \
    for (size_t i = 0; i < from->count; i++, at += from->width)                                                        \
    ((type *)to)[i] = (type)(from->least + packed_at(at, mask))
static void fill(void *to, size_t size, const packed_numbers *from)
{
    const uint64_t mask = from->width == 0 ? 0 : UINT64_MAX >> (64 - 8 * from->width);
    const uint8_t *at = from->at;
    switch (size) {
    case 1:
        FILL(uint8_t);
        break;
    case 2:
        FILL(uint16_t);
        break;
    case 4:
        FILL(uint32_t);
        break;
    default:
        FILL(uint64_t);
    }
}

static const uint8_t NOTHING[WIDTH_MOST];

typedef struct unpacking {
    reader r;
    arena *mem;
    size_t count;
} unpacking;

static vault_code get_numbers(void **out, unpacking *u, size_t size, vault_error *err)
{
    packed_numbers from = {.count = u->count};
    from.least = get_u64(&u->r);
    from.width = get_u8(&u->r);
    if (u->r.short_ || from.width > WIDTH_MOST) return no_columns(err);
    from.at = get_bytes(&u->r, u->count * from.width).at;
    if (u->r.short_) return no_columns(err);
    if (from.width == 0) from.at = NOTHING;
    *out = arena_array(u->mem, u->count + 1, size);
    if (!*out) return no_room(err);
    fill(*out, size, &from);
    return VAULT_OK;
}

static vault_code get_texts(const char ***out, size_t *count, unpacking *u, vault_error *err)
{
    *count = (size_t)get_u16(&u->r) + 1;
    if (u->r.short_ || *count - 1 > u->count) return no_columns(err);
    *out = arena_array(u->mem, *count, sizeof **out);
    if (!*out) return no_room(err);
    (*out)[0] = "";
    for (size_t i = 1; i < *count; i++) {
        bytes text = get_sized(&u->r);
        if (u->r.short_) return no_columns(err);
        if (!((*out)[i] = arena_text(u->mem, text))) return no_room(err);
    }
    return VAULT_OK;
}

static vault_code get_text_column(line_columns *out, size_t t, unpacking *u, vault_error *err)
{
    const char **texts = NULL;
    void *numbers = NULL;
    VAULT_TRY(get_texts(&texts, &out->text_count[t], u, err));
    VAULT_TRY(get_numbers(&numbers, u, sizeof(uint16_t), err));
    uint16_t most = 0;
    for (size_t i = 0; i < u->count; i++) {
        uint16_t number = ((const uint16_t *)numbers)[i];
        most = number > most ? number : most;
    }
    if (most >= out->text_count[t]) return no_columns(err);
    out->texts[t] = texts;
    out->text[t] = numbers;
    return VAULT_OK;
}

vault_code columns_unpack(line_columns *out, digest *root, arena *mem, bytes packed, vault_error *err)
{
    unpacking u = {.r = reader_over(packed), .mem = mem};
    uint8_t format = get_u8(&u.r);
    *out = (line_columns){.first = (int64_t)get_u64(&u.r), .kept = true};
    out->count = u.count = get_u32(&u.r);
    bytes hash = get_bytes(&u.r, DIGEST_LEN), key = get_bytes(&u.r, CHECK_KEY_LEN);
    bool good = !u.r.short_ && format == PACK_FORMAT && out->count <= COLUMN_STRETCH && out->first >= 0 &&
                out->first % COLUMN_STRETCH == 0;
    if (!good) return no_columns(err);
    memcpy(root->at, hash.at, DIGEST_LEN);
    memcpy(out->check_key, key.at, CHECK_KEY_LEN);
    for (size_t i = 0; i < NUMBERS; i++) {
        void *numbers = NULL;
        VAULT_TRY(get_numbers(&numbers, &u, COLUMNS[i].size, err));
        memcpy((char *)out + COLUMNS[i].at, &numbers, sizeof numbers);
    }
    for (size_t t = 0; t < COLUMN_TEXTS; t++) VAULT_TRY(get_text_column(out, t, &u, err));
    return reader_done(&u.r) ? VAULT_OK : no_columns(err);
}
