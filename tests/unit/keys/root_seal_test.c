#include "keys/keys.h"
#include "tests/support/harness.h"

static const uint8_t ROOT[KEY_LEN] = "the root key of this very vault.",
                     UNSEAL[KEY_LEN] = "what people know or keep in safe";
static const char VAULT[] = "resident-vault/test";

static bytes unseal_key(void)
{
    return bytes_of(UNSEAL, sizeof UNSEAL);
}

static root_seal given_seal(root_source source)
{
    vault_error err = {0};
    root_seal s = {.source = source, .generation = 3};
    if (source == ROOT_SHARES) s.threshold = 3, s.shares = 5;
    if (source == ROOT_PASSPHRASE) s.cost = ARGON2_DEFAULT;
    if (source != ROOT_FILE) expect_ok(entropy_fill(s.salt, sizeof s.salt, &err), &err);
    if (source == ROOT_SHARES) expect_ok(entropy_fill(&s.checks[0][0], sizeof s.checks, &err), &err);
    expect_ok(root_seal_make(&s, VAULT, bytes_of(ROOT, sizeof ROOT), unseal_key(), &err), &err);
    return s;
}

static void expect_open(vault_code wanted, const root_seal *s, const char *vault, bytes unseal)
{
    vault_error err = {0};
    VAULT_CLEANUP(secret_clear) secret root = {0};
    expect_code(root_seal_open(&root, s, vault, unseal, &err), wanted, &err);
    assert_int_equal(root.at != NULL, wanted == VAULT_OK);
    if (root.at) assert_memory_equal(root.at, ROOT, KEY_LEN);
}

TEST("a root key that was sealed from any source opens again, and each time is sealed otherwise")
{
    for (root_source s = ROOT_FILE; s < ROOT_SOURCES; s++) {
        root_seal a = given_seal(s), b = given_seal(s);
        expect_open(VAULT_OK, &a, VAULT, unseal_key());
        assert_memory_not_equal(a.wrapped, b.wrapped, sizeof a.wrapped);
        assert_memory_not_equal(a.wrapped, b.wrapped, NONCE_LEN);
    }
}

TEST("each flipped bit of the unseal key is found, and so is a key of another length")
{
    root_seal s = given_seal(ROOT_FILE);
    uint8_t other[KEY_LEN + 1] = {0};
    memcpy(other, UNSEAL, KEY_LEN);
    for (size_t bit = 0; bit < 8 * KEY_LEN; bit++) {
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_open(VAULT_INTEGRITY, &s, VAULT, bytes_of(other, KEY_LEN));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_open(VAULT_INTERNAL, &s, VAULT, bytes_of(other, KEY_LEN + 1));
    expect_open(VAULT_INTERNAL, &s, VAULT, bytes_of(other, 16));
    expect_open(VAULT_INTERNAL, &s, VAULT, bytes_of(NULL, 0));
}

TEST("each flipped bit of salt, checks and wrap is found")
{
    root_seal s = given_seal(ROOT_SHARES);
    uint8_t *const members[] = {s.salt, &s.checks[0][0], s.wrapped};
    const size_t lengths[] = {sizeof s.salt, sizeof s.checks, sizeof s.wrapped};
    for (int m = 0; m < 3; m++) {
        for (size_t bit = 0; bit < 8 * lengths[m]; bit++) {
            members[m][bit / 8] ^= (uint8_t)(1 << bit % 8);
            expect_open(VAULT_INTEGRITY, &s, VAULT, unseal_key());
            members[m][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    expect_open(VAULT_OK, &s, VAULT, unseal_key());
}

TEST("an edited source, generation, number of shares or cost does not open")
{
    const root_seal s = given_seal(ROOT_SHARES);
    root_seal edited = s;
    for (int source = -1; source <= ROOT_SOURCES; source++) {
        edited.source = (root_source)source;
        expect_open(source == ROOT_SHARES ? VAULT_OK : VAULT_INTEGRITY, &edited, VAULT, unseal_key());
    }
    edited.source = (root_source)(256 + ROOT_SHARES);
    expect_open(VAULT_INTEGRITY, &edited, VAULT, unseal_key());
    edited.source = ROOT_SHARES;
    uint32_t *const numbers[] = {&edited.generation,  &edited.threshold,       &edited.shares,
                                 &edited.cost.passes, &edited.cost.memory_kib, &edited.cost.lanes};
    for (int n = 0; n < 6; n++) {
        for (int bit = 0; bit < 32; bit++) {
            *numbers[n] ^= 1U << bit;
            expect_open(VAULT_INTEGRITY, &edited, VAULT, unseal_key());
            *numbers[n] ^= 1U << bit;
        }
    }
    expect_open(VAULT_OK, &edited, VAULT, unseal_key());
}

TEST("the row of another vault does not open, nor an older generation's wrap in the newer row")
{
    root_seal s = given_seal(ROOT_FILE), older = s;
    static const char *const names[] = {"", "resident-vault/tes", "resident-vault/test ", "Resident-vault/test"};
    for (int i = 0; i < 4; i++) expect_open(VAULT_INTEGRITY, &s, names[i], unseal_key());
    vault_error err = {0};
    s.generation++;
    expect_ok(root_seal_make(&s, VAULT, bytes_of(ROOT, sizeof ROOT), unseal_key(), &err), &err);
    memcpy(s.wrapped, older.wrapped, sizeof s.wrapped);
    expect_open(VAULT_INTEGRITY, &s, VAULT, unseal_key());
}

TEST("a refusal says that key, passphrase or shares are others, and holds none of them")
{
    vault_error err = {0};
    root_seal s = given_seal(ROOT_PASSPHRASE);
    secret root;
    assert_int_equal(root_seal_open(&root, &s, VAULT, bytes_of(ROOT, KEY_LEN), &err), VAULT_INTEGRITY);
    assert_non_null(strstr(err.detail, "does not open"));
    assert_null(strstr(err.detail, "the root key of this"));
}

TEST("a root key of another length, no source, no generation, and a vault's name past all bounds are refused")
{
    vault_error err = {0};
    const root_seal good = given_seal(ROOT_FILE);
    root_seal s = good;
    char name[600] = {0};
    memset(name, 'a', sizeof name - 1);
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, 16), unseal_key(), &err), VAULT_INTERNAL, &err);
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, KEY_LEN), bytes_of(UNSEAL, 16), &err), VAULT_INTERNAL, &err);
    expect_code(root_seal_make(&s, name, bytes_of(ROOT, KEY_LEN), unseal_key(), &err), VAULT_INTERNAL, &err);
    expect_open(VAULT_INTERNAL, &good, name, unseal_key());
    s = good, s.generation = 0;
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, KEY_LEN), unseal_key(), &err), VAULT_INTERNAL, &err);
    s = good, s.source = 0;
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, KEY_LEN), unseal_key(), &err), VAULT_INTERNAL, &err);
    s = good, s.source = ROOT_SOURCES;
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, KEY_LEN), unseal_key(), &err), VAULT_INTERNAL, &err);
}

static int dead_source(uint8_t *out, size_t len)
{
    memset(out, 1, len);
    return -1;
}

TEST("without random bytes no root key is sealed")
{
    vault_error err = {0};
    static const uint8_t zero[ROOT_WRAPPED_LEN];
    root_seal s = {.source = ROOT_FILE, .generation = 1};
    entropy_set_for_test(dead_source);
    expect_code(root_seal_make(&s, VAULT, bytes_of(ROOT, KEY_LEN), unseal_key(), &err), VAULT_INTERNAL, &err);
    entropy_set_for_test(NULL);
    assert_memory_equal(s.wrapped, zero, sizeof zero);
}

TEST("sources have names, and a number that is none has an empty one")
{
    assert_string_equal(root_source_name(ROOT_FILE), "file");
    assert_string_equal(root_source_name(ROOT_PASSPHRASE), "passphrase");
    assert_string_equal(root_source_name(ROOT_SHARES), "shares");
    static const int wrong[] = {-1, 0, ROOT_SOURCES, 255};
    for (int i = 0; i < 4; i++) assert_string_equal(root_source_name((root_source)wrong[i]), "");
}

TEST("suites have names, and names suites")
{
    suite_id id;
    assert_string_equal(suite_name(SUITE_INTL), "intl");
    assert_string_equal(suite_name(SUITE_GM), "gm");
    assert_string_equal(suite_name(SUITE_NONE), "");
    assert_string_equal(suite_name((suite_id)3), "");
    assert_true(suite_named(&id, "intl") && id == SUITE_INTL);
    assert_true(suite_named(&id, "gm") && id == SUITE_GM);
    static const char *const wrong[] = {"", "GM", "gm ", "g", "intl,gm", "none"};
    for (int i = 0; i < 6; i++) assert_true(!suite_named(&id, wrong[i]) && id == SUITE_NONE);
}
