/* The check characters of bech32m are a BCH code over GF(32) (BIP-173): 40 places, six check equations, and any two
 * valid texts differ in five places at least. A place whose value is not known is an erasure: the value there is an
 * unknown of the six linear equations. All damage comes down to choosing places and solving:
 *
 *   marked      '?', '_', or a character that no token holds: the place is known
 *   wrong       up to two: each pair of places in turn; at most one solution, whatever the pair
 *   just gone   up to four: each way to put the rest in 40 places; 91,390 ways for four, of which one in 2^10 fits by
 *               chance: the keys decide
 *
 * Places are chosen from left to right. Each one chosen is a column of the equations, which is reduced by those before
 * it at once (Gaussian elimination), so that what is left to do for a choice is one column and the right-hand side.
 *
 * Six values of GF(32) lie side by side in 30 bits of a word; the four above them say which columns a vector was
 * combined of, and ride along: when the right-hand side is reduced to nothing, they are the solution. */
#include "tokenizer/damage.h"
#include "tokenizer/internal.h"

#include <assert.h>
#include <string.h>

enum { PLACES = TOKEN_TEXT_LEN - 3, PREFIX = 3, LETTERS_MAX = DAMAGE_TEXT_MAX, MARK = 255, FIELD_BITS = 5 };
enum { EQUATIONS = 6, EQUATION_BITS = EQUATIONS * FIELD_BITS };
static_assert(EQUATION_BITS + DAMAGE_MISSING_MAX * FIELD_BITS <= 60, "a vector and what it was combined of");

/* ---- GF(32)[12] in a word ---- */

/* By the root a of x^5 + x^3 + 1, in each of the twelve. */
static uint64_t times_a(uint64_t v)
{
    const uint64_t tops = UINT64_C(0x0842108421084210);
    uint64_t top = v & tops;
    return (v ^ top) << 1 ^ (top >> 4) * 9;
}

static uint64_t times(uint64_t v, uint64_t by)
{
    uint64_t out = 0;
    for (int bit = 0; bit < FIELD_BITS; bit++, v = times_a(v)) out ^= v & (0 - (by >> bit & 1));
    return out;
}

static const uint8_t inverse[32] = {0,  1,  20, 24, 10, 8,  12, 29, 5, 11, 4,  9,  6,  28, 26, 31,
                                    22, 18, 17, 23, 2,  25, 16, 19, 3, 21, 14, 30, 13, 7,  27, 15};

static uint64_t equations(uint64_t v)
{
    return v & ((UINT64_C(1) << EQUATION_BITS) - 1);
}

/* A column that has 1 where `shift` says, and nothing there of the columns before it. */
typedef struct pivot {
    uint64_t times[FIELD_BITS]; /* it, by 1, a, a^2, a^3, a^4 */
    unsigned shift;
} pivot;

static uint64_t reduce(uint64_t v, const pivot *by, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t factor = v >> by[i].shift & 31;
        for (int bit = 0; bit < FIELD_BITS; bit++) v ^= by[i].times[bit] & (0 - (factor >> bit & 1));
    }
    return v;
}

/* ---- the search ---- */

typedef struct search {
    const damage_judge *judge;
    damage_found *out;
    uint64_t budget;
    uint64_t unit[PLACES];     /* what the value 1 at a place adds to the remainder */
    uint64_t fixed;            /* what prefix and constant do */
    uint8_t given[PLACES];     /* the values that were found, without prefix; MARK: not known */
    size_t count;              /* of them; PLACES - count are just gone */
    uint64_t tail[PLACES + 1]; /* of given[i] and all after it, with all gaps before them */
    uint8_t value[PLACES];     /* as put in their places */
    pivot pivots[DAMAGE_MISSING_MAX];
    uint8_t erased[DAMAGE_MISSING_MAX]; /* the place of each pivot */
    size_t pivot_count;
} search;

static void weigh(search *s)
{
    static const uint8_t expanded[] = {'r' >> 5, 'v' >> 5, 0, 'r' & 31, 'v' & 31};
    uint32_t fixed = 1, unit = 1;
    for (size_t i = 0; i < sizeof expanded; i++) fixed = bech32m_step(fixed, expanded[i]);
    for (size_t i = 0; i < PLACES; i++) {
        fixed = bech32m_step(fixed, 0);
        s->unit[PLACES - 1 - i] = unit;
        unit = bech32m_step(unit, 0);
    }
    s->fixed = fixed ^ BECH32M_CONSTANT;
}

static void push(search *s, size_t place)
{
    pivot *to = &s->pivots[s->pivot_count];
    uint64_t column = s->unit[place] | UINT64_C(1) << (EQUATION_BITS + FIELD_BITS * s->pivot_count);
    column = reduce(column, s->pivots, s->pivot_count);
    uint64_t open = equations(column);
    assert(open); /* four columns are independent: that is the distance of five */
    to->shift = (unsigned)__builtin_ctzll(open) / FIELD_BITS * FIELD_BITS;
    to->times[0] = times(column, inverse[column >> to->shift & 31]);
    for (int bit = 1; bit < FIELD_BITS; bit++) to->times[bit] = times_a(to->times[bit - 1]);
    s->erased[s->pivot_count++] = (uint8_t)place;
}

static void pop(search *s)
{
    s->pivot_count--;
}

/* The text that was solved: whatever fits is read as a token is read, and then judged. */
static bool judged(search *s, const uint8_t value[PLACES], unsigned mended)
{
    char text[TOKEN_TEXT_LEN + 1] = "rv1";
    vault_error err = {0};
    token t;
    for (size_t i = 0; i < PLACES; i++) text[PREFIX + i] = bech32m_alphabet[value[i]];
    if (token_read(&t, bytes_of(text, TOKEN_TEXT_LEN), &err) != VAULT_OK) return false;
    if (!s->judge->genuine(s->judge->context, &t)) return false;
    s->out->genuine = true;
    s->out->token = t;
    s->out->mended = mended;
    return true;
}

static bool spend(search *s)
{
    s->out->given_up |= s->out->work >= s->budget;
    if (!s->out->given_up) s->out->work++;
    return !s->out->given_up;
}

/* All places are chosen; `rest` is what the known values leave. The solution is what has to be added at the places. */
static bool solve(search *s, uint64_t rest)
{
    if (!spend(s)) return false;
    rest = reduce(rest, s->pivots, s->pivot_count);
    if (equations(rest)) return false;
    uint8_t whole[PLACES];
    unsigned mended = 0;
    memcpy(whole, s->value, sizeof whole);
    for (size_t i = 0; i < s->pivot_count; i++) {
        uint8_t add = rest >> (EQUATION_BITS + FIELD_BITS * i) & 31, *at = &whole[s->erased[i]];
        mended += *at == MARK || add != 0;
        *at = *at == MARK ? add : *at ^ add;
    }
    return judged(s, whole, mended);
}

/* ---- just gone ---- */

/* All gaps are behind: the rest stands as it is. */
static bool place_rest(search *s, size_t next, uint64_t rest)
{
    size_t gaps = PLACES - s->count, before = s->pivot_count;
    for (size_t i = next; i < s->count; i++) {
        s->value[i + gaps] = s->given[i];
        if (s->given[i] == MARK) push(s, i + gaps);
    }
    bool found = solve(s, rest ^ s->tail[next]);
    s->pivot_count = before;
    return found;
}

/* Puts given[next...] in the places from `place` on, with the gaps that are left in every way. */
static bool place(search *s, size_t at, size_t next, uint64_t rest)
{
    if (s->out->given_up) return false;
    if (at - next == PLACES - s->count) return place_rest(s, next, rest);
    push(s, at);
    s->value[at] = MARK;
    bool found = place(s, at + 1, next, rest);
    pop(s);
    if (found || next == s->count) return found;
    uint8_t value = s->given[next];
    s->value[at] = value;
    if (value != MARK) return place(s, at + 1, next + 1, rest ^ times(s->unit[at], value));
    push(s, at);
    found = place(s, at + 1, next + 1, rest);
    pop(s);
    return found;
}

static void add_up_tail(search *s)
{
    s->tail[s->count] = 0;
    for (size_t i = s->count; i-- > 0;) {
        uint64_t here = s->given[i] == MARK ? 0 : times(s->unit[i + PLACES - s->count], s->given[i]);
        s->tail[i] = s->tail[i + 1] ^ here;
    }
}

/* ---- wrong ---- */

/* With `wrong` more places erased, from `from` on, beside those that are marked. */
static bool erase(search *s, size_t from, unsigned wrong, uint64_t rest)
{
    if (wrong == 0) return solve(s, rest);
    for (size_t at = from; at + wrong <= PLACES && !s->out->given_up; at++) {
        if (s->value[at] == MARK) continue;
        push(s, at);
        bool found = erase(s, at + 1, wrong - 1, rest);
        pop(s);
        if (found) return true;
    }
    return false;
}

/* A wrong character whose place is not known takes two equations more than the values: two of them, or one beside two
 * that are marked. */
static bool try_whole(search *s)
{
    uint64_t rest = s->fixed ^ s->tail[0];
    bool found = false;
    memcpy(s->value, s->given, PLACES);
    for (size_t i = 0; i < PLACES; i++)
        if (s->given[i] == MARK) push(s, i);
    size_t marks = s->pivot_count;
    for (unsigned wrong = 0; wrong <= DAMAGE_WRONG_MAX && marks + 2 * wrong <= DAMAGE_MISSING_MAX && !found; wrong++)
        found = erase(s, 0, wrong, rest);
    s->pivot_count = 0;
    return found;
}

/* ---- what the text can have been ---- */

/* Letters, digits and marks in lower case, without all else. */
typedef struct letters {
    uint8_t at[LETTERS_MAX];
    size_t count;
} letters;

/* Full-width forms of ASCII, U+FF01 to U+FF5E, are EF BC 81 to EF BD 9E in UTF-8. */
static uint8_t full_width(bytes text)
{
    if (text.len < 3 || text.at[0] != 0xef || (text.at[1] != 0xbc && text.at[1] != 0xbd)) return 0;
    unsigned c = (text.at[1] & 3U) << 6 | (text.at[2] & 0x3fU);
    return c >= 1 && c <= 0x5e ? (uint8_t)(c + 0x20) : 0;
}

static void take_letters(letters *out, bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t wide = full_width(bytes_of(text.at + i, text.len - i)), c = wide ? wide : text.at[i];
        if (c >= 'A' && c <= 'Z') c |= 0x20;
        bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '?' || c == '_';
        if (kept && out->count < LETTERS_MAX) out->at[out->count++] = c;
        if (wide) i += 2;
    }
}

/* From "rv1" on, where that stands in it, and no further than a token goes. */
static void find_prefix(letters *l)
{
    const uint8_t *found = memmem(l->at, l->count, "rv1", PREFIX);
    if (!found) return;
    l->count -= (size_t)(found - l->at);
    memmove(l->at, found, l->count);
    if (l->count > TOKEN_TEXT_LEN) l->count = TOKEN_TEXT_LEN;
}

/* Can the first `count` letters be what is left of "rv1"? A '1' ends it, because no token has one. */
static bool is_prefix(const letters *l, size_t count)
{
    static const char whole[] = "rv1";
    size_t at = 0;
    for (size_t i = 0; i < count; i++, at++) {
        while (at < PREFIX && whole[at] != (char)l->at[i]) at++;
        if (at >= PREFIX) return false;
    }
    bool ended = count > 0 && l->at[count - 1] == '1';
    for (size_t i = count; i < PREFIX && i < l->count && !ended; i++) {
        if (l->at[i] == '1') return false;
        if (l->at[i] != 'r' && l->at[i] != 'v') break;
    }
    return true;
}

/* Whole, with prefix or what is left of it before it; where nothing is gone, three letters stand for the prefix
 * whatever they are. */
static bool take_values(search *s, const letters *l, size_t gone)
{
    size_t skip = l->count + gone - PLACES, marks = 0;
    if (!is_prefix(l, skip) && !(gone == 0 && skip == PREFIX)) return false;
    s->count = PLACES - gone;
    for (size_t i = 0; i < s->count; i++) {
        uint8_t value = bech32m_values[l->at[skip + i]]; /* plus one */
        s->given[i] = value ? value - 1 : MARK;
        marks += !value;
    }
    if (marks + gone > DAMAGE_MISSING_MAX) return false;
    add_up_tail(s);
    return true;
}

static bool try_text(search *s, const letters *l)
{
    weigh(s);
    for (size_t gone = 0; gone <= DAMAGE_MISSING_MAX; gone++) {
        if (l->count + gone < PLACES || l->count + gone > PLACES + PREFIX || !take_values(s, l, gone)) continue;
        if (gone == 0 ? try_whole(s) : place(s, 0, 0, s->fixed)) return true;
    }
    return false;
}

/* ---- raw bytes ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(uint8_t out[PSEUDONYM_LEN], const letters *l)
{
    const uint8_t *at = l->at;
    size_t count = l->count;
    if (count == 2 * PSEUDONYM_LEN + 2 && at[0] == '0' && at[1] == 'x') at += 2, count -= 2;
    if (count != 2 * PSEUDONYM_LEN) return false;
    for (size_t i = 0; i < PSEUDONYM_LEN; i++) {
        int high = hex_digit(at[2 * i]), low = hex_digit(at[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool in_base64(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '-' || c == '_' || c == '=';
}

/* Either alphabet, with or without padding; around it may stand what is in neither. */
static bool read_base64(uint8_t out[PSEUDONYM_LEN], bytes text)
{
    enum { CHARACTERS = 22 };
    char padded[CHARACTERS + 3] = "";
    size_t len = 0;
    while (text.len > 0 && !in_base64(text.at[0])) text = bytes_of(text.at + 1, text.len - 1);
    while (text.len > 0 && (!in_base64(text.at[text.len - 1]) || text.at[text.len - 1] == '=')) text.len--;
    if (text.len != CHARACTERS) return false;
    for (size_t i = 0; i < CHARACTERS; i++) {
        char c = (char)text.at[i];
        padded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    memcpy(padded + CHARACTERS, "==", 3);
    return base64_decode(out, PSEUDONYM_LEN, &len, padded, CHARACTERS + 2) && len == PSEUDONYM_LEN;
}

static bool try_raw(search *s, const letters *l, bytes text)
{
    token t = {0};
    if (!read_hex(t.pseudonym, l) && !read_base64(t.pseudonym, text)) return false;
    if (!spend(s) || !s->judge->genuine(s->judge->context, &t)) return false;
    s->out->genuine = true;
    s->out->token = t;
    return true;
}

damage_found damage_read(bytes text, const damage_judge *judge, uint64_t budget)
{
    damage_found out = {0};
    letters l = {0};
    search s = {.judge = judge, .out = &out, .budget = budget};
    if (text.len > DAMAGE_TEXT_MAX) return out;
    take_letters(&l, text);
    if (try_raw(&s, &l, text)) return out;
    find_prefix(&l);
    (void)try_text(&s, &l);
    return out;
}
