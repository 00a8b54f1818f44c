#include "keys/internal.h"
#include "tests/support/harness.h"
#include "vault/base/digest.h"
#include "vault/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/root_test.XXXXXX";
static char path[64];

static const char *given_folder(void)
{
    if (!path[0]) {
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/root.key", folder);
    }
    unlink(path);
    return path;
}

__attribute__((destructor)) static void remove_folder(void)
{
    if (!path[0]) return;
    unlink(path);
    rmdir(folder);
}

/* A key file's line for 36 bytes: key and check bytes as given. */
static size_t line_of(char out[128], const uint8_t coded[36])
{
    size_t len = (size_t)snprintf(out, 128, "resident-vault-root-key-1 ");
    len += base64_encode(out + len, bytes_of(coded, 36));
    out[len++] = '\n';
    return len;
}

static void good_bytes(uint8_t coded[36])
{
    for (int i = 0; i < 32; i++) coded[i] = (uint8_t)(i + 1);
    digest d = sha256(bytes_of(coded, 32));
    memcpy(coded + 32, d.at, 4);
}

static void expect_parse(vault_code wanted, const char *text, size_t len)
{
    vault_error err = {0};
    VAULT_CLEANUP(secret_clear) secret key = {0};
    vault_code got = root_key_parse(&key, bytes_of(text, len), "root.key", &err);
    if (got != VAULT_OK) assert_non_null(strstr(err.detail, "root.key"));
    harness_expect_code(got, wanted, &err, "root_key_parse", __FILE__, __LINE__);
    assert_int_equal(key.at != NULL, wanted == VAULT_OK);
}

/* ---- text ---- */

TEST("a good line opens, with and without its line end")
{
    uint8_t coded[36];
    char line[128];
    good_bytes(coded);
    size_t len = line_of(line, coded);
    expect_parse(VAULT_OK, line, len);
    expect_parse(VAULT_OK, line, len - 1);
}

TEST("each flipped bit of the line is found")
{
    uint8_t coded[36];
    char line[128];
    good_bytes(coded);
    size_t len = line_of(line, coded);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        line[bit / 8] = (char)(line[bit / 8] ^ 1 << bit % 8);
        expect_parse(VAULT_INVALID, line, len);
        line[bit / 8] = (char)(line[bit / 8] ^ 1 << bit % 8);
    }
}

TEST("every cut of the line and whatever follows it are refused")
{
    uint8_t coded[36];
    char line[128];
    good_bytes(coded);
    size_t len = line_of(line, coded);
    for (size_t cut = 0; cut < len - 1; cut++) expect_parse(VAULT_INVALID, line, cut);
    line[len] = '\n';
    expect_parse(VAULT_INVALID, line, len + 1);
    memmove(line + 1, line, len);
    line[0] = ' ';
    expect_parse(VAULT_INVALID, line, len + 1);
}

TEST("check bytes of another key and a key of zeros are refused")
{
    uint8_t coded[36] = {0};
    char line[128];
    digest d = sha256(bytes_of(coded, 32));
    memcpy(coded + 32, d.at, 4);
    expect_parse(VAULT_INVALID, line, line_of(line, coded));
    good_bytes(coded);
    coded[0] ^= 1;
    expect_parse(VAULT_INVALID, line, line_of(line, coded));
    memset(coded + 32, 0, 4);
    expect_parse(VAULT_INVALID, line, line_of(line, coded));
}

/* ---- file ---- */

TEST("a new key file is for its owner only, reads back the same each time, and differs from the next")
{
    vault_error err = {0};
    struct stat about;
    VAULT_CLEANUP(secret_clear) secret first = {0}, again = {0}, other = {0};
    umask(0);
    expect_ok(root_key_file_create(given_folder(), &err), &err);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    expect_ok(root_key_from_file(&first, path, &err), &err);
    expect_ok(root_key_from_file(&again, path, &err), &err);
    assert_int_equal(first.len, KEY_LEN);
    assert_true(bytes_equal_secret(secret_bytes(&first), secret_bytes(&again)));
    expect_ok(root_key_file_create(given_folder(), &err), &err);
    expect_ok(root_key_from_file(&other, path, &err), &err);
    assert_false(bytes_equal_secret(secret_bytes(&first), secret_bytes(&other)));
}

TEST("an existing key file is never written over")
{
    vault_error err = {0};
    char *before, *after;
    size_t len, len_after;
    expect_ok(root_key_file_create(given_folder(), &err), &err);
    expect_ok(file_read(&before, &len, path, 1000, &err), &err);
    expect_code(root_key_file_create(path, &err), VAULT_CONFLICT, &err);
    expect_ok(file_read(&after, &len_after, path, 1000, &err), &err);
    assert_int_equal(len, len_after);
    assert_memory_equal(before, after, len);
    free(before);
    free(after);
}

TEST("a key file that others may read, write or run is refused with a mend")
{
    vault_error err = {0};
    secret key;
    expect_ok(root_key_file_create(given_folder(), &err), &err);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        vault_code code = root_key_from_file(&key, path, &err);
        assert_non_null(strstr(err.detail, "chmod 0600"));
        expect_code(code, VAULT_INVALID, &err);
        assert_null(key.at);
    }
    assert_int_equal(chmod(path, 0400), 0);
    expect_ok(root_key_from_file(&key, path, &err), &err);
    secret_clear(&key);
}

TEST("a passphrase is the first line of its file, which nobody else may read")
{
    vault_error err = {0};
    secret read = {0};
    char longest[PASSPHRASE_MOST + 2];
    (void)given_folder();
    expect_ok(file_replace(path, bytes_of_text("eleven blue horses\nand more\n"), &err), &err);
    expect_ok(passphrase_from_file(&read, path, &err), &err);
    assert_true(bytes_same(secret_bytes(&read), bytes_of_text("eleven blue horses")));
    secret_clear(&read);
    assert_int_equal(chmod(path, 0640), 0);
    expect_code(passphrase_from_file(&read, path, &err), VAULT_INVALID, &err);
    memset(longest, 'x', sizeof longest);
    expect_ok(file_replace(path, bytes_of(longest, PASSPHRASE_MOST), &err), &err);
    expect_ok(passphrase_from_file(&read, path, &err), &err);
    secret_clear(&read);
    expect_ok(file_replace(path, bytes_of(longest, PASSPHRASE_MOST + 1), &err), &err);
    expect_code(passphrase_from_file(&read, path, &err), VAULT_INVALID, &err);
    expect_ok(file_replace(path, bytes_of_text("\nbelow"), &err), &err);
    expect_code(passphrase_from_file(&read, path, &err), VAULT_INVALID, &err);
    assert_null(read.at);
}

TEST("a key file of another user is refused")
{
    vault_error err = {0};
    secret key;
    if (geteuid() != 0) return; /* only root may give files away */
    expect_ok(root_key_file_create(given_folder(), &err), &err);
    assert_int_equal(chown(path, 12345, 12345), 0);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
}

static void given_file(const void *content, size_t len)
{
    vault_error err = {0};
    given_folder();
    expect_ok(file_create(path, bytes_of(content, len), &err), &err);
}

TEST("an absent, an empty, a too long, a malformed key file and a folder are refused: there is no default key")
{
    static char big[100000];
    vault_error err = {0};
    secret key;
    expect_code(root_key_from_file(&key, given_folder(), &err), VAULT_NOT_FOUND, &err);
    given_file("", 0);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
    memset(big, 'A', sizeof big);
    given_file(big, sizeof big);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
    given_file("resident-vault-root-key-2 AAAA\n", 31);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
    uint8_t coded[36];
    char line[130];
    good_bytes(coded);
    size_t len = line_of(line, coded);
    line[len] = 'x';
    given_file(line, len + 1);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
    expect_code(root_key_from_file(&key, "/tmp", &err), VAULT_INVALID, &err);
    assert_null(key.at);
}

TEST("a FIFO in the key file's place does not hang the start")
{
    vault_error err = {0};
    secret key;
    assert_int_equal(mkfifo(given_folder(), 0600), 0);
    expect_code(root_key_from_file(&key, path, &err), VAULT_INVALID, &err);
}

static int dead_source(uint8_t *out, size_t len)
{
    memset(out, 1, len);
    return -1;
}

TEST("without random bytes no key file is made")
{
    vault_error err = {0};
    entropy_set_for_test(dead_source);
    expect_code(root_key_file_create(given_folder(), &err), VAULT_INTERNAL, &err);
    entropy_set_for_test(NULL);
    assert_int_equal(access(path, F_OK), -1);
}

TEST("the root key never shows in an error's text")
{
    vault_error err = {0};
    uint8_t coded[36];
    char line[128];
    good_bytes(coded);
    size_t len = line_of(line, coded);
    line[len - 3] ^= 1;
    VAULT_CLEANUP(secret_clear) secret key = {0};
    assert_int_equal(root_key_parse(&key, bytes_of(line, len), "root.key", &err), VAULT_INVALID);
    line[len - 3] = '\0';
    assert_null(strstr(err.detail, line + 40));
}
