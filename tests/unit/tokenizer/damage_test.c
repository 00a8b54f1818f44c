/* Tokens as they are found in a leak. */
#include "tests/support/harness.h"
#include "tokenizer/damage.h"
#include "tokenizer/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DOMAINS = 8, EPOCH = 3, PLENTY = 1 << 20 };

/* The officer's keys: a few domains, one epoch each. */
typedef struct officer {
    uint32_t number[DOMAINS];
    block_cipher *key[DOMAINS];
    uint64_t asked;
} officer;

static uint32_t draw(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static officer *keys(void)
{
    static officer o;
    vault_error err = {0};
    for (size_t i = 0; !o.key[DOMAINS - 1] && i < DOMAINS; i++) {
        uint8_t raw[KEY_LEN];
        memset(raw, (int)i + 1, sizeof raw);
        o.number[i] = draw() & 0xffffff;
        expect_ok(block_new(&o.key[i], SUITE_INTL, bytes_of(raw, sizeof raw), &err), &err);
    }
    return &o;
}

static bool genuine(void *context, token *candidate)
{
    officer *o = context;
    bool raw = candidate->domain == 0 && candidate->epoch == 0;
    o->asked++;
    for (size_t i = 0; i < DOMAINS; i++) {
        if (!raw && (candidate->domain != o->number[i] || candidate->epoch != EPOCH)) continue;
        if (pseudonym_open(o->key[i], candidate->pseudonym).id == 0) continue;
        candidate->domain = o->number[i], candidate->epoch = EPOCH;
        return true;
    }
    return false;
}

static token issued(void)
{
    officer *o = keys();
    size_t i = draw() % DOMAINS;
    token t = {.domain = o->number[i], .epoch = EPOCH};
    pseudonym_seal(o->key[i], t.pseudonym, (resident_id){1 + draw() % 13000000});
    return t;
}

typedef char token_text[2 * DAMAGE_TEXT_MAX];

static damage_found look(const char *text, uint64_t budget)
{
    const damage_judge judge = {.context = keys(), .genuine = genuine};
    return damage_read(bytes_of_text(text), &judge, budget);
}

static void expect_found(const char *text, const token *t, unsigned mended)
{
    damage_found f = look(text, PLENTY);
    if (!f.genuine || f.mended != mended)
        fail_msg("'%s': genuine %d, mended %u instead of %u", text, f.genuine, f.mended, mended);
    assert_int_equal(f.token.domain, t->domain);
    assert_int_equal(f.token.epoch, t->epoch);
    assert_memory_equal(f.token.pseudonym, t->pseudonym, PSEUDONYM_LEN);
    assert_false(f.given_up);
}

static void expect_nothing(const char *text)
{
    damage_found f = look(text, PLENTY);
    if (f.genuine) fail_msg("'%s' is taken for a token", text);
}

static void drop(char *text, size_t at)
{
    memmove(text + at, text + at + 1, strlen(text + at));
}

static char other_letter(char than)
{
    char c;
    do c = bech32m_alphabet[draw() & 31];
    while (c == than);
    return c;
}

/* ---- as it was issued ---- */

TEST("a token as it was issued, in any case, with blanks, hyphens, quotes and punctuation, needs no mending")
{
    static const char *const around[][2] = {
        {"", ""},   {" ", "\r\n"}, {"\"", "\","}, {"'", "'."},     {"token: ", ";"},
        {"(", ")"}, {"“", "”。"},  {"\t<", "/>"}, {"id=", "&x=1"}, {"\xe3\x80\x80", "，"}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_text found;
        token_write(text, &t);
        snprintf(found, sizeof found, "%s%s%s", around[i][0], text, around[i][1]);
        expect_found(found, &t, 0);
        for (char *c = text; *c; c++) *c = (char)(*c >= 'a' && *c <= 'z' && draw() % 2 ? *c - 32 : *c);
        snprintf(found, sizeof found, "%s%.11s-%.7s  %.9s\n%s%s", around[i][0], text, text + 11, text + 18, text + 27,
                 around[i][1]);
        expect_found(found, &t, 0);
    }
}

TEST("full-width characters are read as what they stand for")
{
    token t = issued();
    char text[TOKEN_TEXT_LEN + 1];
    token_text wide;
    token_write(text, &t);
    size_t len = 0;
    for (const char *c = text; *c && len + 4 < DAMAGE_TEXT_MAX - (size_t)TOKEN_TEXT_LEN; c++) {
        unsigned code = (unsigned)*c - 0x20;
        len += (size_t)snprintf(wide + len, 4, "\xef%c%c", (char)(0xbc + (code >> 6)), (char)(0x80 | (code & 0x3f)));
    }
    snprintf(wide + len, sizeof wide - len, "%s", text + len / 3);
    expect_found(wide, &t, 0);
}

TEST("every part of the prefix may be gone, and where nothing else is, all of it may be wrong")
{
    static const char *const left[] = {"rv1", "rv", "r1", "v1", "r", "v", "1", "", "rvl", "RVI", "tv1", "xxx"};
    for (int round = 0; round < 40; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_text found;
        token_write(text, &t);
        for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
            snprintf(found, sizeof found, "%s%s", left[i], text + 3);
            expect_found(found, &t, 0);
        }
    }
}

/* ---- wrong characters ---- */

TEST("every single wrong character is mended, whatever stands there")
{
    static const char others[] = "1bio";
    token t = issued();
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &t);
    for (size_t at = 3; at < TOKEN_TEXT_LEN; at++) {
        char was = text[at];
        for (uint8_t v = 0; v < 32 + 4; v++) {
            text[at] = v < 32 ? bech32m_alphabet[v] : others[v - 32];
            if (text[at] != was) expect_found(text, &t, 1);
        }
        text[at] = was;
    }
}

TEST("two wrong characters are mended at every pair of places, with and without the prefix")
{
    for (size_t one = 3; one < TOKEN_TEXT_LEN; one++) {
        for (size_t two = one + 1; two < TOKEN_TEXT_LEN; two++) {
            token t = issued();
            char text[TOKEN_TEXT_LEN + 1];
            token_write(text, &t);
            text[one] = draw() % 8 ? other_letter(text[one]) : 'b';
            text[two] = draw() % 8 ? other_letter(text[two]) : 'o';
            expect_found(draw() % 2 ? text : text + 3, &t, 2);
        }
    }
}

TEST("one wrong character beside two that are marked is mended")
{
    for (int round = 0; round < 200; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        size_t at = 3 + draw() % 38;
        text[at] = '?', text[at + 1] = '_';
        size_t wrong = at > 20 ? 3 + draw() % 17 : 25 + draw() % 18;
        text[wrong] = other_letter(text[wrong]);
        expect_found(text, &t, 3);
    }
}

TEST("three wrong characters are never taken for another token")
{
    for (int round = 0; round < 300; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        for (size_t i = 0; i < 3; i++) text[4 + 13 * i] = other_letter(text[4 + 13 * i]);
        expect_nothing(text);
    }
}

/* ---- missing characters ---- */

TEST("one to four marked characters are mended")
{
    for (int round = 0; round < 800; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        unsigned marks = 0;
        while (marks < 1U + (unsigned)round % 4) {
            char *at = &text[3 + draw() % 40];
            if (*at != '?' && *at != '_') *at = draw() % 2 ? '?' : '_', marks++;
        }
        expect_found(draw() % 4 ? text : text + 3, &t, marks);
    }
}

TEST("every single character may be gone")
{
    token t = issued();
    for (size_t at = 3; at < TOKEN_TEXT_LEN; at++) {
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        drop(text, at);
        expect_found(text, &t, 1);
        expect_found(text + 3, &t, 1);
    }
}

TEST("two to four characters that are just gone are mended, at places that nobody knows, with or without the prefix")
{
    for (int round = 0; round < 60; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        unsigned gone = 2 + (unsigned)round % 3;
        for (unsigned i = 0; i < gone; i++) drop(text, 3 + draw() % (40 - i));
        expect_found(text + draw() % 4, &t, gone);
    }
}

TEST("the ends may be cut off")
{
    for (size_t cut = 1; cut <= 4; cut++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        expect_found(text + 3 + cut, &t, (unsigned)cut);
        text[TOKEN_TEXT_LEN - cut] = '\0';
        expect_found(text, &t, (unsigned)cut);
        expect_found(text + 3, &t, (unsigned)cut);
    }
}

TEST("some marked and some just gone, four in all, are mended")
{
    for (int round = 0; round < 60; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        text[5 + draw() % 15] = '?';
        if (round % 2) text[22 + draw() % 10] = '_';
        drop(text, 35 + draw() % 5);
        drop(text, 3 + draw() % 2);
        expect_found(text, &t, 3 + (unsigned)round % 2);
    }
}

TEST("five missing characters are not looked for")
{
    token t = issued();
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &t);
    memset(text + 10, '?', 5);
    assert_int_equal(look(text, PLENTY).work, 0);
    token_write(text, &t);
    text[TOKEN_TEXT_LEN - 5] = '\0';
    assert_int_equal(look(text, PLENTY).work, 0);
}

/* ---- raw bytes ---- */

static void write_hex(char *out, const token *t, const char *between)
{
    size_t gap = strlen(between);
    for (size_t i = 0; i < PSEUDONYM_LEN; i++, out += 2) {
        if (i) memcpy(out, between, gap), out += gap;
        hex_encode(out, bytes_of(&t->pseudonym[i], 1));
    }
}

TEST("sixteen bytes are read in hexadecimal and base64, and the keys say of which domain they are")
{
    static const char *const between[] = {"", " ", ":", "-"};
    for (int round = 0; round < 50; round++) {
        token t = issued();
        token_text text, hex;
        for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
            write_hex(hex, &t, between[i]);
            expect_found(hex, &t, 0);
            snprintf(text, sizeof text, "0x%.100s", hex);
            expect_found(text, &t, 0);
        }
        for (char *c = hex; *c; c++) *c = (char)(*c >= 'a' ? *c - 32 : *c);
        snprintf(text, sizeof text, " \"%.100s\",", hex);
        expect_found(text, &t, 0);
        base64_encode(text, bytes_of(t.pseudonym, PSEUDONYM_LEN));
        expect_found(text, &t, 0);
        for (char *c = text; *c; c++) *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
        text[22] = '\0';
        expect_found(text, &t, 0);
        snprintf(hex, sizeof hex, "'%.100s=='", text);
        expect_found(hex, &t, 0);
    }
}

/* ---- what is none ---- */

TEST("a forged token is not genuine, whole or damaged, and neither is one of an unknown domain")
{
    for (int round = 0; round < 100; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        t.pseudonym[draw() % PSEUDONYM_LEN] ^= (uint8_t)(1 + draw() % 255);
        token_write(text, &t);
        expect_nothing(text);
        text[3 + draw() % 40] = '?';
        expect_nothing(text);
        t = issued();
        t.domain ^= 1U << draw() % 24;
        token_write(text, &t);
        expect_nothing(text);
    }
}

TEST("junk is never a token: random letters of every length, random bytes, hexadecimal, base64")
{
    token_text text;
    for (size_t round = 0; round < 600; round++) {
        size_t len = round % 3 ? draw() % 36 : 34 + draw() % 12;
        for (size_t i = 0; i < len; i++) text[i] = bech32m_alphabet[draw() & 31];
        text[len] = '\0';
        expect_nothing(text);
        for (size_t i = 0; i < len; i++) text[i] = (char)(1 + draw() % 255);
        expect_nothing(text);
        for (size_t i = 0; i < 32; i++) text[i] = "0123456789abcdef"[draw() & 15];
        text[32] = '\0';
        expect_nothing(text);
    }
    expect_nothing("");
    expect_nothing("rv1");
    expect_nothing("????????????????????????????????????????");
    memset(text, 'q', DAMAGE_TEXT_MAX + 1), text[DAMAGE_TEXT_MAX + 1] = '\0';
    expect_nothing(text);
}

static bool never(void *context, token *candidate)
{
    (void)candidate;
    ++*(uint64_t *)context;
    return false;
}

TEST("the check characters leave few candidates to the keys: one in about a thousand of four missing")
{
    uint64_t asked = 0, work = 0;
    const damage_judge judge = {.context = &asked, .genuine = never};
    for (int round = 0; round < 3; round++) {
        token t = issued();
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        text[TOKEN_TEXT_LEN - 4] = '\0';
        work += damage_read(bytes_of_text(text), &judge, PLENTY).work;
    }
    assert_int_equal(work, 3 * 91390);
    assert_in_range(asked, 3, 3 * 91390 / 1024 * 2); /* the spare bits leave a quarter of those that fit */
}

/* ---- cost ---- */

TEST("the budget ends the search, and the answer says so")
{
    token t = issued();
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &t);
    text[TOKEN_TEXT_LEN - 4] = '\0';
    damage_found f = look(text, 1000);
    assert_true(f.given_up && !f.genuine);
    assert_int_equal(f.work, 1000);
    token_write(text, &t);
    f = look(text, 0);
    assert_true(f.given_up && !f.genuine && f.work == 0);
    f = look(text, 1);
    assert_true(!f.given_up && f.genuine && f.work == 1);
}

static double milliseconds(const char *text, int times)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < times; i++) (void)look(text, PLENTY);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6) / times;
}

TEST("what the search costs is told")
{
    token t = issued();
    char text[TOKEN_TEXT_LEN + 1];
    t.domain ^= 1; /* nobody's: all is tried */
    token_write(text, &t);
    double whole = milliseconds(text, 20);
    text[TOKEN_TEXT_LEN - 4] = '\0';
    double missing = milliseconds(text, 3);
    printf("# two wrong: %.3f ms; four missing: %.1f ms; without prefix %.1f ms\n", whole, missing,
           milliseconds(text + 3, 3));
    assert_true(missing < 10000); /* far off: another machine, sanitizers */
}
