/* tests/vectors/tokens.inc, which another implementation wrote: domains, epochs and fields are apart, and stay what
 * they are. */
#include "tests/support/harness.h"
#include "tokenizer/preserve.h"
#include "tokenizer/pseudonym.h"
#include "tokenizer/term.h"

typedef struct pseudonym_vector {
    uint32_t domain;
    uint16_t epoch;
    const char *key;
    int64_t resident;
    const char *block, *text;
} pseudonym_vector;

typedef struct derived_vector {
    const char *key, *label, *derived;
} derived_vector;

typedef struct preserved_vector {
    const char *format, *key, *tweak, *value, *text;
} preserved_vector;

typedef struct natural_vector {
    const char *key, *number, *natural;
} natural_vector;

#define DERIVED(...)
#define PRESERVED(...)
#define NATURAL(...)
#define PSEUDONYM(domain, epoch, key, resident, block, text) {domain, epoch, key, resident, block, text},
static const pseudonym_vector pseudonyms[] = {
#include "tests/vectors/tokens.inc"
};
#undef PSEUDONYM
#undef DERIVED
#define PSEUDONYM(...)
#define DERIVED(...) {__VA_ARGS__},
static const derived_vector derivations[] = {
#include "tests/vectors/tokens.inc"
};
#undef DERIVED
#undef PRESERVED
#define DERIVED(...)
#define PRESERVED(...) {__VA_ARGS__},
static const preserved_vector preserved[] = {
#include "tests/vectors/tokens.inc"
};
#undef PRESERVED
#undef NATURAL
#define PRESERVED(...)
#define NATURAL(...) {__VA_ARGS__},
static const natural_vector naturals[] = {
#include "tests/vectors/tokens.inc"
};
enum {
    PSEUDONYMS = sizeof pseudonyms / sizeof *pseudonyms,
    DERIVATIONS = sizeof derivations / sizeof *derivations,
    PRESERVES = sizeof preserved / sizeof *preserved,
    NATURALS = sizeof naturals / sizeof *naturals
};

static block_cipher *keyed(const char *hex)
{
    vault_error err = {0};
    uint8_t raw[KEY_LEN];
    block_cipher *out;
    expect_ok(block_new(&out, SUITE_INTL, bytes_of(raw, unhex(raw, sizeof raw, hex)), &err), &err);
    return out;
}

TEST("every written pseudonym is made, written as text, read and opened")
{
    for (size_t i = 0; i < PSEUDONYMS; i++) {
        const pseudonym_vector *v = &pseudonyms[i];
        VAULT_CLEANUP(block_free) block_cipher *key = keyed(v->key);
        vault_error err = {0};
        token t = {.domain = v->domain, .epoch = v->epoch}, back;
        char text[TOKEN_TEXT_LEN + 1];
        pseudonym_seal(key, t.pseudonym, (resident_id){v->resident});
        expect_hex(bytes_of(t.pseudonym, sizeof t.pseudonym), v->block);
        token_write(text, &t);
        assert_string_equal(text, v->text);
        expect_ok(token_read(&back, bytes_of_text(v->text), &err), &err);
        assert_true(back.domain == v->domain && back.epoch == v->epoch);
        assert_true(pseudonym_open(key, back.pseudonym).id == v->resident);
    }
}

TEST("one resident shares no pseudonym, and no more bytes than chance gives, over domains, purposes and epochs")
{
    size_t pairs = 0, equal = 0;
    for (size_t i = 0; i < PSEUDONYMS; i++) {
        for (size_t j = 0; j < i; j++) {
            if (pseudonyms[i].resident != pseudonyms[j].resident) continue;
            VAULT_CLEANUP(block_free) block_cipher *other = keyed(pseudonyms[j].key);
            uint8_t a[PSEUDONYM_LEN], b[PSEUDONYM_LEN];
            unhex(a, sizeof a, pseudonyms[i].block), unhex(b, sizeof b, pseudonyms[j].block);
            for (size_t k = 0; k < PSEUDONYM_LEN; k++) equal += a[k] == b[k];
            assert_true(pseudonym_open(other, a).id == 0);
            pairs++;
        }
    }
    assert_int_equal(pairs, 4 * 36); /* nine domains and epochs */
    assert_in_range(equal, 0, 24);   /* of 2,304 places nine agree by chance */
}

TEST("every written key is derived, and none is its ring's or another's")
{
    for (size_t i = 0; i < DERIVATIONS; i++) {
        vault_error err = {0};
        uint8_t raw[KEY_LEN];
        VAULT_CLEANUP(secret_clear) secret out = {0};
        bytes from = bytes_of(raw, unhex(raw, sizeof raw, derivations[i].key));
        expect_ok(key_derive(&out, SUITE_INTL, from, derivations[i].label, &err), &err);
        expect_hex(secret_bytes(&out), derivations[i].derived);
        assert_string_not_equal(derivations[i].derived, derivations[i].key);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(derivations[i].derived, derivations[j].derived);
    }
}

TEST("every written format-preserving token is made and opened, and no two of one value are equal")
{
    for (size_t i = 0; i < PRESERVES; i++) {
        const preserved_vector *v = &preserved[i];
        VAULT_CLEANUP(block_free) block_cipher *key = keyed(v->key);
        const preserve p = {.key = key, .format = format_find(v->format), .tweak = bytes_of_text(v->tweak)};
        vault_error err = {0};
        char out[PRESERVE_TEXT_MAX + 1];
        expect_ok(preserve_seal(out, &p, bytes_of_text(v->value), &err), &err);
        assert_string_equal(out, v->text);
        expect_ok(preserve_open(out, &p, bytes_of_text(v->text), &err), &err);
        assert_string_equal(out, v->value);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(preserved[j].value, v->value) == 0) assert_string_not_equal(preserved[j].text, v->text);
        }
    }
}

TEST("every written natural key is made")
{
    for (size_t i = 0; i < NATURALS; i++) {
        vault_error err = {0};
        uint8_t raw[KEY_LEN], out[NATURAL_LEN];
        VAULT_CLEANUP(prf_free) prf *key = NULL;
        expect_ok(prf_new(&key, SUITE_INTL, bytes_of(raw, unhex(raw, sizeof raw, naturals[i].key)), &err), &err);
        natural_key(key, out, bytes_of_text(naturals[i].number));
        expect_hex(bytes_of(out, sizeof out), naturals[i].natural);
    }
}
