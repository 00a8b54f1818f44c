/* The text of vouchers and handovers. */
#include "tests/support/harness.h"
#include "tokenizer/internal.h"
#include "tokenizer/voucher.h"

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const voucher_kind KINDS[] = {VOUCHER_VALUES, VOUCHER_HANDOVER};

/* The same numbers in every run. */
static uint8_t draw(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint8_t)(state >> 32);
}

static void expect_refused(voucher_kind kind, const char *text, size_t len, const char *reason)
{
    vault_error err = {0};
    uint8_t secret[VOUCHER_LEN];
    assert_int_equal(voucher_read(secret, kind, bytes_of(text, len), &err), VAULT_INVALID);
    assert_string_equal(err.reason, reason);
}

TEST("a voucher is 36 lower-case characters that begin with its kind, and reads back as written, in capitals too")
{
    vault_error err = {0};
    for (int i = 0; i < 4000; i++) {
        voucher_kind kind = KINDS[i % 2];
        uint8_t secret[VOUCHER_LEN], back[VOUCHER_LEN];
        char text[VOUCHER_TEXT_LEN + 1];
        for (size_t j = 0; j < VOUCHER_LEN; j++) secret[j] = i < 2 ? 0 : i < 4 ? 0xff : draw();
        voucher_write(text, kind, secret);
        assert_int_equal(strlen(text), VOUCHER_TEXT_LEN);
        assert_memory_equal(text, kind == VOUCHER_VALUES ? "rvv1" : "rvh1", 4);
        assert_int_equal(strspn(text + 4, alphabet), VOUCHER_TEXT_LEN - 4);
        expect_ok(voucher_read(back, kind, bytes_of_text(text), &err), &err);
        assert_memory_equal(back, secret, VOUCHER_LEN);
        for (size_t j = 0; text[j]; j++)
            if (text[j] >= 'a') text[j] = (char)(text[j] - 32);
        expect_ok(voucher_read(back, kind, bytes_of_text(text), &err), &err);
        assert_memory_equal(back, secret, VOUCHER_LEN);
    }
}

TEST("every slip of one character is told as a typing slip, every swap of neighbours too")
{
    char text[VOUCHER_TEXT_LEN + 1], wrong[VOUCHER_TEXT_LEN + 1];
    voucher_write(text, VOUCHER_VALUES, (const uint8_t *)"0123456789abcdef");
    for (size_t at = 4; at < VOUCHER_TEXT_LEN; at++) {
        for (const char *c = alphabet; *c; c++) {
            memcpy(wrong, text, sizeof wrong);
            wrong[at] = *c;
            if (*c != text[at]) expect_refused(VOUCHER_VALUES, wrong, VOUCHER_TEXT_LEN, "TOKEN_MISTYPED");
        }
        memcpy(wrong, text, sizeof wrong);
        if (at + 1 == VOUCHER_TEXT_LEN || text[at] == text[at + 1]) continue;
        wrong[at] = text[at + 1], wrong[at + 1] = text[at];
        expect_refused(VOUCHER_VALUES, wrong, VOUCHER_TEXT_LEN, "TOKEN_MISTYPED");
    }
}

TEST("the other kind, a token, another length, mixed case and foreign characters are no voucher at all")
{
    char voucher[VOUCHER_TEXT_LEN + 1], handover[VOUCHER_TEXT_LEN + 1], wrong[VOUCHER_TEXT_LEN + 2] = "";
    voucher_write(voucher, VOUCHER_VALUES, (const uint8_t *)"0123456789abcdef");
    voucher_write(handover, VOUCHER_HANDOVER, (const uint8_t *)"0123456789abcdef");
    assert_memory_equal(voucher + 4, handover + 4, 26);
    expect_refused(VOUCHER_HANDOVER, voucher, VOUCHER_TEXT_LEN, "TOKEN_MALFORMED");
    expect_refused(VOUCHER_VALUES, handover, VOUCHER_TEXT_LEN, "TOKEN_MALFORMED");
    for (size_t len = 0; len < VOUCHER_TEXT_LEN; len++) expect_refused(VOUCHER_VALUES, voucher, len, "TOKEN_MALFORMED");
    memcpy(wrong, voucher, VOUCHER_TEXT_LEN), wrong[VOUCHER_TEXT_LEN] = 'q';
    expect_refused(VOUCHER_VALUES, wrong, VOUCHER_TEXT_LEN + 1, "TOKEN_MALFORMED");
    const char bad[] = {'b', 'i', 'o', '1', ' ', 'R', '\0', '\x80'};
    for (size_t i = 0; i < sizeof bad; i++) {
        memcpy(wrong, voucher, VOUCHER_TEXT_LEN);
        wrong[10] = bad[i];
        expect_refused(VOUCHER_VALUES, wrong, VOUCHER_TEXT_LEN, "TOKEN_MALFORMED");
    }
    const char *const others[] = {"", "rvv1", "rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_refused(VOUCHER_VALUES, others[i], strlen(others[i]), "TOKEN_MALFORMED");
}

TEST("spare bits that are set are refused although the check characters fit")
{
    for (uint8_t spare = 1; spare < 4; spare++) {
        char text[VOUCHER_TEXT_LEN + 1] = "";
        bech32m parts = {.prefix = {'r', 'v', 'v'}, .prefix_len = 3, .count = 26};
        parts.data[25] = spare;
        bech32m_write(text, &parts);
        expect_refused(VOUCHER_VALUES, text, VOUCHER_TEXT_LEN, "TOKEN_MALFORMED");
    }
}
