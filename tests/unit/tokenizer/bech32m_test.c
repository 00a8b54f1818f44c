/* All Bech32m vectors of BIP-350. */
#include "tests/support/harness.h"
#include "tokenizer/internal.h"

static bech32m_verdict read(const char *text)
{
    bech32m parts;
    return bech32m_read(&parts, bytes_of_text(text));
}

TEST("the valid strings of BIP-350 are read and written again as they were")
{
    static const char *const valid[] = {
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        bech32m parts;
        char again[BECH32M_TEXT_MAX + 1] = {0};
        assert_int_equal(bech32m_read(&parts, bytes_of_text(valid[i])), BECH32M_FITS);
        bech32m_write(again, &parts);
        assert_string_equal(again, i == 0 ? valid[1] : valid[i]);
    }
}

TEST("the invalid strings of BIP-350 are refused")
{
    static const char *const malformed[] = {
        "\x20"
        "1xj0phk",
        "\x7f"
        "1g6xzxy",
        "\x80"
        "1vctc34",
        "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "16plkw9",
        "1p2gdwpf",
        "",
        "1",
        "111111",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(read(malformed[i]), BECH32M_MALFORMED);
    assert_int_equal(read("M1VUXWEZ"), BECH32M_MISTYPED);
}

TEST("strings whose check characters are Bech32 and not Bech32m are refused (BIP-173's valid ones)")
{
    static const char *const older[] = {
        "A12UEL5L",
        "a12uel5l",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
    };
    for (size_t i = 0; i < sizeof older / sizeof *older; i++) assert_int_equal(read(older[i]), BECH32M_MISTYPED);
}

TEST("the insertion that Bech32 did not see, q before a final p, is seen")
{
    bech32m parts = {.prefix = {'t'}, .prefix_len = 1, .count = 8};
    for (uint8_t v = 0; v < 32; v++) {
        char out[BECH32M_TEXT_MAX + 1] = {0}, longer[BECH32M_TEXT_MAX + 1] = {0};
        memset(parts.data, v, parts.count);
        bech32m_write(out, &parts);
        size_t len = strlen(out);
        memcpy(longer, out, len - 1);
        longer[len - 1] = 'q';
        longer[len] = out[len - 1];
        assert_int_equal(read(longer), BECH32M_MISTYPED);
    }
}
