#include "keys/internal.h"
#include "tests/support/harness.h"

#include <stdio.h>

static uint8_t scratch[3][512];

static bytes hex(int slot, const char *text)
{
    return bytes_of(scratch[slot], unhex(scratch[slot], sizeof scratch[slot], text));
}

/* ---- block ---- */

static void expect_block(suite_id suite, const char *key, const char *plain, const char *wanted)
{
    vault_error err = {0};
    block_cipher *b;
    uint8_t out[BLOCK_LEN];
    bytes in = hex(1, plain);
    expect_ok(block_new(&b, suite, hex(0, key), &err), &err);
    block_encrypt(b, out, in.at);
    expect_hex(bytes_of(out, BLOCK_LEN), wanted);
    block_decrypt(b, out, out);
    expect_hex(bytes_of(out, BLOCK_LEN), plain);
    block_encrypt(b, out, out);
    expect_hex(bytes_of(out, BLOCK_LEN), wanted);
    block_free(&b);
    block_free(&b);
}

TEST("AES with 16, 24 and 32 bytes of key gives the blocks of FIPS 197, C.1 to C.3, and takes them back, in place too")
{
    static const char plain[] = "00112233445566778899aabbccddeeff";
    expect_block(SUITE_INTL, "000102030405060708090a0b0c0d0e0f", plain, "69c4e0d86a7b0430d8cdb78070b4c55a");
    expect_block(SUITE_INTL, "000102030405060708090a0b0c0d0e0f1011121314151617", plain,
                 "dda97ca4864cdfe06eaf70a0ec0d7191");
    expect_block(SUITE_INTL, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", plain,
                 "8ea2b7ca516745bfeafc49904b496089");
}

TEST("SM4 gives the block of GB/T 32907, A.1, and after a million rounds the one of A.2")
{
    vault_error err = {0};
    static const char key[] = "0123456789abcdeffedcba9876543210";
    expect_block(SUITE_GM, key, key, "681edf34d206965e86b3e94f536e4246");
    VAULT_CLEANUP(block_free) block_cipher *b = NULL;
    uint8_t block[BLOCK_LEN];
    expect_ok(block_new(&b, SUITE_GM, hex(0, key), &err), &err);
    memcpy(block, scratch[0], sizeof block);
    for (int i = 0; i < 1000000; i++) block_encrypt(b, block, block);
    expect_hex(bytes_of(block, sizeof block), "595298c7c6fd271f0402f804c33d3f66");
}

TEST("of a ring's key SM4 takes the first 16 bytes")
{
    expect_block(SUITE_GM, "0123456789abcdeffedcba9876543210ffffffffffffffffffffffffffffffff",
                 "0123456789abcdeffedcba9876543210", "681edf34d206965e86b3e94f536e4246");
}

TEST("a block key of another length, or of an unknown suite, is refused")
{
    vault_error err = {0};
    block_cipher *b;
    for (size_t len = 0; len <= 64; len++) {
        bool aes = len == 16 || len == 24 || len == 32, sm4 = len == 16 || len == 32;
        if (!aes) expect_code(block_new(&b, SUITE_INTL, bytes_of(scratch[0], len), &err), VAULT_INTERNAL, &err);
        if (!sm4) expect_code(block_new(&b, SUITE_GM, bytes_of(scratch[0], len), &err), VAULT_INTERNAL, &err);
    }
    expect_code(block_new(&b, SUITE_NONE, bytes_of(scratch[0], KEY_LEN), &err), VAULT_INVALID, &err);
    assert_null(b);
    expect_code(block_new(&b, (suite_id)3, bytes_of(scratch[0], KEY_LEN), &err), VAULT_INVALID, &err);
    assert_null(b);
}

/* ---- PRF ---- */

static void expect_mac(const char *key, const char *data, size_t len, const char *mac)
{
    vault_error err = {0};
    uint8_t out[32];
    prf *p;
    expect_ok(prf_new(&p, SUITE_INTL, hex(0, key), &err), &err);
    bytes whole = hex(1, data);
    for (size_t cut = 0; cut <= whole.len; cut += 7) { /* in two parts, wherever they part, on one handle */
        const bytes parts[] = {bytes_of(whole.at, cut), bytes_of(whole.at + cut, whole.len - cut)};
        prf_compute(p, out, len, parts, 2);
        expect_hex(bytes_of(out, len), mac);
    }
    prf_free(&p);
    prf_free(&p);
}

#define TWENTY(x) x x x x x x x x x x x x x x x x x x x x
#define AA_131    TWENTY("aaaaaa") TWENTY("aaaaaa") "aaaaaaaaaaaaaaaaaaaaaa"

TEST("HMAC-SHA-256 gives the answers of RFC 4231")
{
    expect_mac(TWENTY("0b"), "4869205468657265", 32,
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect_mac("4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", 32,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect_mac(TWENTY("aa"), TWENTY("dd") TWENTY("dd") "dddddddddddddddddddd", 32,
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    expect_mac("0102030405060708090a0b0c0d0e0f10111213141516171819", TWENTY("cd") TWENTY("cd") "cdcdcdcdcdcdcdcdcdcd",
               32, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    expect_mac(TWENTY("0c"), "546573742057697468205472756e636174696f6e", 16, "a3b6167473100ee06e0c796c2955552b");
    expect_mac(
        AA_131,
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
        32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    expect_mac(
        AA_131,
        "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e6420"
        "61206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173"
        "686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
        32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST("HMAC-SHA-256 gives the answers that NIST adds to FIPS 198-1: keys shorter than, as long as and longer than a "
     "block")
{
    static const char equal[] = "53616d706c65206d65737361676520666f72206b65796c656e3d626c6f636b6c656e",
                      less[] = "53616d706c65206d65737361676520666f72206b65796c656e3c626c6f636b6c656e";
    char key[2 * 100 + 1];
    for (unsigned i = 0; i < 100; i++) snprintf(key + 2 * i, 3, "%02x", i);
    expect_mac(key, equal, 32, "bdccb6c72ddeadb500ae768386cb38cc41c63dbb0878ddb9c7a38a431b78378d");
    key[2 * 64] = '\0';
    expect_mac(key, equal, 32, "8bb9a1db9806f20df7f77b82138c7914d174d59e13dc4d0169c9057b133e1d62");
    key[2 * 32] = '\0';
    expect_mac(key, less, 32, "a28cf43130ee696a98f14a37678b56bcfcbdd9e5cf69717fecf5480f0ebdf790");
}

TEST("a handle keyed again is as a new one, and an empty key is refused")
{
    vault_error err = {0};
    uint8_t first[32], again[32], other[32];
    const bytes part = bytes_of_text("message");
    prf *p;
    expect_code(prf_new(&p, SUITE_INTL, bytes_of(NULL, 0), &err), VAULT_INTERNAL, &err);
    assert_null(p);
    expect_ok(prf_new(&p, SUITE_INTL, bytes_of_text("key one"), &err), &err);
    prf_compute(p, first, 32, &part, 1);
    expect_ok(prf_set_key(p, bytes_of_text("key two"), &err), &err);
    prf_compute(p, other, 32, &part, 1);
    expect_ok(prf_set_key(p, bytes_of_text("key one"), &err), &err);
    prf_compute(p, again, 32, &part, 1);
    assert_memory_equal(first, again, 32);
    assert_memory_not_equal(first, other, 32);
    expect_code(prf_set_key(p, bytes_of(NULL, 0), &err), VAULT_INTERNAL, &err);
    prf_free(&p);
}

/* ---- derivation ---- */

static void expect_derived(const char *key, const char *label, const char *wanted)
{
    vault_error err = {0};
    VAULT_CLEANUP(secret_clear) secret out = {0};
    expect_ok(key_derive(&out, SUITE_INTL, hex(0, key), label, &err), &err);
    expect_hex(secret_bytes(&out), wanted);
}

TEST("derivation is the Expand of RFC 5869 (A.1 and A.2, first block)")
{
    char label[81] = {0};
    expect_derived("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                   "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9",
                   "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    for (int i = 0; i < 80; i++) label[i] = (char)(0xb0 + i);
    expect_derived("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244", label,
                   "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
}

TEST("labels separate keys, and no label is an error")
{
    vault_error err = {0};
    static const char *const labels[] = {"row tag", "row tag ", "row-tag", "Row tag", "row ta"};
    secret keys[5];
    for (int i = 0; i < 5; i++) {
        expect_ok(key_derive(&keys[i], SUITE_INTL, bytes_of_text("some key"), labels[i], &err), &err);
        for (int j = 0; j < i; j++) assert_false(bytes_equal_secret(secret_bytes(&keys[i]), secret_bytes(&keys[j])));
    }
    for (int i = 0; i < 5; i++) secret_clear(&keys[i]);
    expect_code(key_derive(&keys[0], SUITE_INTL, bytes_of_text("some key"), "", &err), VAULT_INTERNAL, &err);
    expect_code(key_derive(&keys[0], SUITE_INTL, bytes_of(NULL, 0), "label", &err), VAULT_INTERNAL, &err);
    assert_null(keys[0].at);
}

/* ---- signatures ---- */

static void expect_signature(const char *seed, const char *public_key, const char *message, const char *signature)
{
    vault_error err = {0};
    uint8_t out[SIGNATURE_LEN];
    signer *s;
    expect_ok(signer_new(&s, SIGNATURE_ED25519, hex(0, seed), &err), &err);
    expect_hex(signer_public_key(s), public_key);
    bytes m = hex(1, message);
    expect_ok(signer_sign(s, out, m, &err), &err);
    expect_hex(bytes_of(out, SIGNATURE_LEN), signature);
    assert_true(signature_valid(SIGNATURE_ED25519, signer_public_key(s), m, bytes_of(out, SIGNATURE_LEN)));
    signer_free(&s);
    signer_free(&s);
}

TEST("Ed25519 gives the answers of RFC 8032, 7.1 (tests 1 to 3 and SHA(abc))")
{
    expect_signature("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                     "d25bf5f0595bbe24655141438e7a100b");
    expect_signature("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                     "387b2eaeb4302aeeb00d291612bb0c00");
    expect_signature("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                     "4a7c15e9716ed28dc027beceea1ec40a");
    expect_signature("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
                     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
                     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                     "454d4423643ce80e2a9ac94fa54ca49f",
                     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
                     "3dca179c138ac17ad9bef1177331a704");
}

TEST("each flipped bit of a signature, of the message and of the public key is found")
{
    vault_error err = {0};
    uint8_t out[SIGNATURE_LEN], key[PUBLIC_KEY_LEN], message[5] = "leaf";
    signer *s;
    expect_ok(signer_new(&s, SIGNATURE_ED25519, bytes_of("0123456789abcdef0123456789abcdef", 32), &err), &err);
    memcpy(key, signer_public_key(s).at, sizeof key);
    expect_ok(signer_sign(s, out, bytes_of(message, 5), &err), &err);
    uint8_t *const fields[] = {out, message, key};
    const size_t lengths[] = {sizeof out, sizeof message, sizeof key};
    for (int f = 0; f < 3; f++) {
        for (size_t bit = 0; bit < 8 * lengths[f]; bit++) {
            fields[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(signature_valid(SIGNATURE_ED25519, bytes_of(key, PUBLIC_KEY_LEN), bytes_of(message, 5),
                                         bytes_of(out, sizeof out)));
            fields[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(signature_valid(SIGNATURE_ED25519, bytes_of(key, PUBLIC_KEY_LEN), bytes_of(message, 5),
                                bytes_of(out, sizeof out)));
    signer_free(&s);
}

/* RFC 8032, 5.1.7: S must be below the order L, or a stranger could write a second signature of the same line. */
TEST("a signature with S + L, of another length, or by a key that is no point is refused")
{
    vault_error err = {0};
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t out[SIGNATURE_LEN + 1] = {0}, no_point[PUBLIC_KEY_LEN];
    bytes message = bytes_of_text("leaf");
    signer *s;
    expect_ok(signer_new(&s, SIGNATURE_ED25519, bytes_of("0123456789abcdef0123456789abcdef", 32), &err), &err);
    expect_ok(signer_sign(s, out, message, &err), &err);
    assert_false(signature_valid(SIGNATURE_ED25519, signer_public_key(s), message, bytes_of(out, 63)));
    assert_false(signature_valid(SIGNATURE_ED25519, signer_public_key(s), message, bytes_of(out, 65)));
    assert_false(signature_valid(SIGNATURE_ED25519, signer_public_key(s), message, bytes_of(NULL, 0)));
    memset(no_point, 0xff, sizeof no_point);
    assert_false(signature_valid(SIGNATURE_ED25519, bytes_of(no_point, PUBLIC_KEY_LEN), message, bytes_of(out, 64)));
    unsigned carry = 0;
    for (int i = 0; i < 32; i++) {
        carry += (unsigned)out[32 + i] + order[i];
        out[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_false(signature_valid(SIGNATURE_ED25519, signer_public_key(s), message, bytes_of(out, 64)));
    signer_free(&s);
    for (size_t len = 0; len <= 64; len += 16) {
        if (len != 32)
            expect_code(signer_new(&s, SIGNATURE_ED25519, bytes_of(scratch[0], len), &err), VAULT_INTERNAL, &err);
    }
}

/* ---- passphrase ---- */

TEST("Argon2id gives the answer of RFC 9106, 5.3")
{
    vault_error err = {0};
    uint8_t password[32], salt[16], pepper[8], data[12];
    memset(password, 1, sizeof password);
    memset(salt, 2, sizeof salt);
    memset(pepper, 3, sizeof pepper);
    memset(data, 4, sizeof data);
    const argon2_extra extra = {bytes_of(pepper, sizeof pepper), bytes_of(data, sizeof data)};
    const argon2_cost cost = {.passes = 3, .memory_kib = 32, .lanes = 4};
    VAULT_CLEANUP(secret_clear) secret out = {0};
    expect_ok(argon2id(&out, bytes_of(password, 32), bytes_of(salt, 16), cost, &extra, &err), &err);
    expect_hex(secret_bytes(&out), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}

TEST("a passphrase gives the same key again, and another for each bit of passphrase, salt or cost")
{
    vault_error err = {0};
    const argon2_cost cheap = {.passes = 1, .memory_kib = 64, .lanes = 1},
                      dearer = {.passes = 2, .memory_kib = 64, .lanes = 1};
    bytes salt = bytes_of_text("sixteen bytes ok"), phrase = bytes_of_text("correct horse battery");
    secret keys[5];
    expect_ok(root_key_from_passphrase(&keys[0], phrase, salt, cheap, &err), &err);
    expect_ok(root_key_from_passphrase(&keys[1], bytes_of_text("correct horse batterz"), salt, cheap, &err), &err);
    expect_ok(root_key_from_passphrase(&keys[2], phrase, bytes_of_text("sixteen bytes oK"), cheap, &err), &err);
    expect_ok(root_key_from_passphrase(&keys[3], phrase, salt, dearer, &err), &err);
    expect_ok(root_key_from_passphrase(&keys[4], phrase, salt, cheap, &err), &err);
    for (int i = 1; i < 4; i++) assert_false(bytes_equal_secret(secret_bytes(&keys[0]), secret_bytes(&keys[i])));
    assert_true(bytes_equal_secret(secret_bytes(&keys[0]), secret_bytes(&keys[4])));
    for (int i = 0; i < 5; i++) secret_clear(&keys[i]);
}

TEST("a short passphrase, a short salt and a cost of nothing are refused")
{
    vault_error err = {0};
    const argon2_cost cheap = {.passes = 1, .memory_kib = 64, .lanes = 1};
    bytes salt = bytes_of_text("sixteen bytes ok"), phrase = bytes_of_text("twelve bytes");
    secret out = {0};
    expect_code(root_key_from_passphrase(&out, bytes_of_text("elevenbytes"), salt, cheap, &err), VAULT_INVALID, &err);
    expect_code(root_key_from_passphrase(&out, bytes_of(NULL, 0), salt, cheap, &err), VAULT_INVALID, &err);
    expect_code(root_key_from_passphrase(&out, phrase, bytes_of(salt.at, 15), cheap, &err), VAULT_INVALID, &err);
    static const argon2_cost costs[] = {{0, 64, 1},  {1, 0, 1},     {1, 64, 0},      {1, 7, 1},
                                        {1, 64, 65}, {1001, 64, 1}, {1, 1U << 31, 1}};
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        expect_code(root_key_from_passphrase(&out, phrase, salt, costs[i], &err), VAULT_INVALID, &err);
    }
    assert_null(out.at);
}

/* ---- the cost that is measured ---- */

static const int64_t *readings;

static int64_t scripted_clock(void)
{
    return *readings++;
}

static const argon2_cost CHEAP = {.passes = 3, .memory_kib = 64, .lanes = 1};

TEST("the cost of a passphrase is raised until it takes half a second, and left alone where it does")
{
    vault_error err = {0};
    argon2_cost cost;
    static const int64_t slow[] = {7000, 507000}, fast[] = {0, 100000, 0, 400000, 5, 500005};
    readings = slow;
    expect_ok(argon2_calibrate_from(&cost, CHEAP, scripted_clock, &err), &err);
    assert_int_equal(cost.passes, 3);
    assert_int_equal(cost.memory_kib, 64);
    readings = fast;
    expect_ok(argon2_calibrate_from(&cost, CHEAP, scripted_clock, &err), &err);
    assert_ptr_equal(readings, fast + 6);
    assert_int_equal(cost.passes, 21); /* 3, then 3 * 5 + 1, then 16 * 5 / 4 + 1 */
}

TEST("a clock that stands still ends the measuring, and a cost that Argon2id refuses does at once")
{
    vault_error err = {0};
    argon2_cost cost;
    static const int64_t still[8] = {0};
    readings = still;
    expect_code(argon2_calibrate_from(&cost, CHEAP, scripted_clock, &err), VAULT_INTERNAL, &err);
    assert_ptr_equal(readings, still + 4); /* as asked, and with the most passes there are */
    readings = still;
    expect_code(argon2_calibrate_from(&cost, (argon2_cost){0}, scripted_clock, &err), VAULT_INVALID, &err);
}
