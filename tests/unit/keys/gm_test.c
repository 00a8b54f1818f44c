/* The national suite against published answers: SM3 by its HMAC, SM4-GCM and SM2 (SM4's blocks: primitive_test.c). */
#include "keys/internal.h"
#include "tests/support/harness.h"

#include <stdio.h>

static uint8_t scratch[4][512];

static bytes hex(int slot, const char *text)
{
    return bytes_of(scratch[slot], unhex(scratch[slot], sizeof scratch[slot], text));
}

/* ---- SM3, as MAC and signature have it ---- */

static void expect_digest(const char *text, const char *wanted)
{
    vault_error err = {0};
    const suite_row *gm;
    uint8_t out[32];
    expect_ok(suite_find(&gm, SUITE_GM, &err), &err);
    gcry_md_hash_buffer(gm->mac, out, text, strlen(text));
    expect_hex(bytes_of(out, sizeof out), wanted);
}

TEST("SM3 gives the answers of GB/T 32905, A.1 and A.2")
{
    expect_digest("abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    expect_digest("abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd",
                  "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

/* ---- HMAC-SM3 ---- */

static void expect_mac(const char *key, const char *data, const char *mac)
{
    vault_error err = {0};
    uint8_t out[32];
    VAULT_CLEANUP(prf_free) prf *p = NULL;
    expect_ok(prf_new(&p, SUITE_GM, hex(0, key), &err), &err);
    bytes whole = hex(1, data);
    for (size_t cut = 0; cut <= whole.len; cut += 7) { /* in two parts, wherever they part, on one handle */
        const bytes parts[] = {bytes_of(whole.at, cut), bytes_of(whole.at + cut, whole.len - cut)};
        prf_compute(p, out, sizeof out, parts, 2);
        expect_hex(bytes_of(out, sizeof out), mac);
    }
}

#define TWENTY(x) x x x x x x x x x x x x x x x x x x x x

TEST("HMAC-SM3 gives the answers of GM/T 0042, D.3")
{
    static const char alphabet[] = "6162636462636465636465666465666765666768666768696768696a68696a6b"
                                   "696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071";
    static const char counting[] = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
    char twice[2 * sizeof alphabet], longer[2 * sizeof counting];
    snprintf(twice, sizeof twice, "%s%s", alphabet, alphabet);
    snprintf(longer, sizeof longer, "%s2122232425", counting);
    expect_mac(counting, twice, "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a");
    expect_mac(longer, TWENTY("cd") TWENTY("cd") "cdcdcdcdcdcdcdcdcdcd",
               "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae");
    expect_mac(TWENTY("0b") "0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
               "c0ba18c68b90c88bc07de794bfc7d2c8d19ec31ed8773bc2b390c9604e0be11e");
    expect_mac("4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
               "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882");
}

TEST("a derived key is the HMAC-SM3 over label and 1, as RFC 5869 has it for any hash")
{
    vault_error err = {0};
    uint8_t wanted[32];
    static const uint8_t one = 1;
    const bytes key = bytes_of_text("some key"), parts[] = {bytes_of_text("row tag"), bytes_of(&one, 1)};
    VAULT_CLEANUP(prf_free) prf *p = NULL;
    VAULT_CLEANUP(secret_clear) secret derived = {0}, intl = {0};
    expect_ok(prf_new(&p, SUITE_GM, key, &err), &err);
    prf_compute(p, wanted, sizeof wanted, parts, 2);
    expect_ok(key_derive(&derived, SUITE_GM, key, "row tag", &err), &err);
    expect_ok(key_derive(&intl, SUITE_INTL, key, "row tag", &err), &err);
    assert_memory_equal(derived.at, wanted, sizeof wanted);
    assert_memory_not_equal(derived.at, intl.at, sizeof wanted);
}

/* ---- SM4-GCM ---- */

static const uint8_t *nonce;

static int nonce_source(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] = nonce[i % NONCE_LEN];
    return 0;
}

TEST("SM4-GCM gives the answer of RFC 8998, A.1; of a ring's key the second half does not matter")
{
    vault_error err = {0};
    uint8_t out[64 + SEAL_OVERHEAD], back[64];
    const bytes plain = hex(1, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                               "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"),
                aad = hex(2, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
    VAULT_CLEANUP(aead_free) aead *a = NULL;
    nonce = hex(3, "00001234567800000000abcd").at;
    expect_ok(aead_new(&a, SUITE_GM, &err), &err);
    for (int i = 0; i < 2; i++) {
        expect_ok(aead_set_key(a,
                               hex(0, i ? "0123456789abcdeffedcba987654321000000000000000000000000000000000"
                                        : "0123456789abcdeffedcba9876543210ffffffffffffffffffffffffffffffff"),
                               &err),
                  &err);
        entropy_set_for_test(nonce_source);
        expect_ok(aead_seal(a, out, aad, plain, &err), &err);
        entropy_set_for_test(NULL);
        expect_hex(bytes_of(out, sizeof out), "00001234567800000000abcd"
                                              "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
                                              "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
                                              "83de3541e4c2b58177e065a9bf7b62ec");
        expect_ok(aead_open(a, back, aad, bytes_of(out, sizeof out), &err), &err);
        assert_memory_equal(back, plain.at, sizeof back);
    }
}

/* ---- SM2 ---- */

static const char SM2_PRIVATE[] = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
static const char SM2_PUBLIC[] = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
                                 "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
static const char SM2_SIGNATURE[] = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
                                    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

TEST("SM2 has the public key of GB/T 32918.5, A, and takes its signature of \"message digest\"")
{
    vault_error err = {0};
    VAULT_CLEANUP(signer_free) signer *s = NULL;
    expect_ok(signer_new(&s, SIGNATURE_SM2, hex(0, SM2_PRIVATE), &err), &err);
    expect_hex(signer_public_key(s), SM2_PUBLIC);
    assert_true(
        signature_valid(SIGNATURE_SM2, hex(1, SM2_PUBLIC), bytes_of_text("message digest"), hex(2, SM2_SIGNATURE)));
    assert_false(
        signature_valid(SIGNATURE_SM2, hex(1, SM2_PUBLIC), bytes_of_text("message digesT"), hex(2, SM2_SIGNATURE)));
}

typedef struct signed_leaf {
    uint8_t key[SM2_PUBLIC_KEY_LEN], message[5], signature[SIGNATURE_LEN];
} signed_leaf;

static signed_leaf given_signed(void)
{
    vault_error err = {0};
    signed_leaf l = {.message = "leaf"};
    VAULT_CLEANUP(signer_free) signer *s = NULL;
    expect_ok(signer_new(&s, SIGNATURE_SM2, hex(0, SM2_PRIVATE), &err), &err);
    memcpy(l.key, signer_public_key(s).at, sizeof l.key);
    expect_ok(signer_sign(s, l.signature, bytes_of(l.message, sizeof l.message), &err), &err);
    return l;
}

static bool holds(const signed_leaf *l)
{
    return signature_valid(SIGNATURE_SM2, bytes_of(l->key, sizeof l->key), bytes_of(l->message, sizeof l->message),
                           bytes_of(l->signature, sizeof l->signature));
}

TEST("an SM2 signature holds, is another one each time, and each flipped bit is found")
{
    signed_leaf l = given_signed(), again = given_signed();
    assert_true(holds(&l) && holds(&again));
    assert_memory_not_equal(l.signature, again.signature, sizeof l.signature);
    uint8_t *const fields[] = {l.signature, l.message, l.key};
    const size_t lengths[] = {sizeof l.signature, sizeof l.message, sizeof l.key};
    for (int f = 0; f < 3; f++) {
        for (size_t bit = 0; bit < 8 * lengths[f]; bit += f == 1 ? 1 : 3) {
            fields[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(holds(&l));
            fields[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(holds(&l));
}

TEST("of r, s and r + n only the first two are a signature: zero, the order and more are refused")
{
    static const char order[] = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
    signed_leaf good = given_signed();
    for (int half = 0; half < 2; half++) {
        signed_leaf l = good;
        memset(l.signature + 32 * half, 0, 32);
        assert_false(holds(&l));
        memset(l.signature + 32 * half, 0xff, 32);
        assert_false(holds(&l));
        memcpy(l.signature + 32 * half, hex(0, order).at, 32);
        assert_false(holds(&l));
    }
    const bytes key = bytes_of(good.key, sizeof good.key), message = bytes_of(good.message, sizeof good.message);
    for (size_t len = 0; len < SIGNATURE_LEN; len++)
        assert_false(signature_valid(SIGNATURE_SM2, key, message, bytes_of(good.signature, len)));
}

TEST("a public key that is no point of the curve, is compressed or of the other kind, is refused")
{
    signed_leaf l = given_signed(), other = l;
    const bytes message = bytes_of(l.message, sizeof l.message), signature = bytes_of(l.signature, sizeof l.signature);
    memset(other.key + 1, 0, sizeof other.key - 1);
    assert_false(holds(&other));
    for (int form = 0; form < 8; form++) {
        other = l;
        other.key[0] = (uint8_t)form;
        assert_int_equal(holds(&other), form == 4);
    }
    for (size_t len = 0; len < sizeof l.key; len++)
        assert_false(signature_valid(SIGNATURE_SM2, bytes_of(l.key, len), message, signature));
    assert_false(signature_valid(SIGNATURE_ED25519, bytes_of(l.key, PUBLIC_KEY_LEN), message, signature));
    assert_false(signature_valid((signature_kind)3, bytes_of(l.key, sizeof l.key), message, signature));
}

TEST("a seed above the order is reduced; one that gives no key is refused, and a kind that is not there")
{
    vault_error err = {0};
    VAULT_CLEANUP(signer_free) signer *s = NULL, *reduced = NULL;
    expect_ok(
        signer_new(&s, SIGNATURE_SM2, hex(0, "0000000000000000000000000000000000000000000000000000000000000005"), &err),
        &err);
    expect_ok(signer_new(&reduced, SIGNATURE_SM2,
                         hex(0, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54128"), &err),
              &err);
    assert_memory_equal(signer_public_key(s).at, signer_public_key(reduced).at, SM2_PUBLIC_KEY_LEN);
    static const char *const bad[] = {"0000000000000000000000000000000000000000000000000000000000000000",
                                      "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122",
                                      "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"};
    signer *none;
    for (int i = 0; i < 3; i++) {
        expect_code(signer_new(&none, SIGNATURE_SM2, hex(0, bad[i]), &err), VAULT_INTERNAL, &err);
        assert_null(none);
    }
    expect_code(signer_new(&none, (signature_kind)0, hex(0, SM2_PRIVATE), &err), VAULT_INVALID, &err);
    expect_code(signer_new(&none, (signature_kind)3, hex(0, SM2_PRIVATE), &err), VAULT_INVALID, &err);
    expect_code(signer_new(&none, SIGNATURE_SM2, bytes_of(scratch[0], 31), &err), VAULT_INTERNAL, &err);
}
