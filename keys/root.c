#include "keys/internal.h"
#include "vault/base/digest.h"
#include "vault/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PREFIX[] = "resident-vault-root-key-1 ";
enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    CHECK_LEN = 4,
    CODED_LEN = (KEY_LEN + CHECK_LEN) / 3 * 4,
    LINE_LEN = PREFIX_LEN + CODED_LEN,
};

static const char MEND[] = "restore the file from its copy; a new one does not open the data";

/* ---- the text ---- */

static void check_of(uint8_t out[CHECK_LEN], const uint8_t key[KEY_LEN])
{
    digest d = sha256(bytes_of(key, KEY_LEN));
    memcpy(out, d.at, CHECK_LEN);
    wipe(&d, sizeof d);
}

static bool all_zero(bytes b)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < b.len; i++) sum |= b.at[i];
    return sum == 0;
}

static bool well_formed(bytes text)
{
    bool ends = text.len == LINE_LEN || (text.len == LINE_LEN + 1 && text.at[LINE_LEN] == '\n');
    return ends && memcmp(text.at, PREFIX, PREFIX_LEN) == 0;
}

vault_code root_key_parse(secret *out, bytes text, const char *name, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    uint8_t check[CHECK_LEN];
    size_t len;
    *out = (secret){0};
    VAULT_TRY(secret_new(&key, KEY_LEN + CHECK_LEN, err));
    if (!well_formed(text) || !base64_decode(key.at, key.len, &len, (const char *)text.at + PREFIX_LEN, CODED_LEN) ||
        len != key.len) {
        return vault_fail(err, VAULT_INVALID, "%s: not one line \"%s<%d characters>\": %s", name, PREFIX, CODED_LEN,
                          MEND);
    }
    check_of(check, key.at);
    if (!bytes_equal_secret(bytes_of(check, CHECK_LEN), bytes_of(key.at + KEY_LEN, CHECK_LEN))) {
        return vault_fail(err, VAULT_INVALID, "%s: the check characters do not fit: %s", name, MEND);
    }
    if (all_zero(bytes_of(key.at, KEY_LEN)))
        return vault_fail(err, VAULT_INVALID, "%s: the key is zero: %s", name, MEND);
    return secret_copy(out, bytes_of(key.at, KEY_LEN), err);
}

static vault_code root_key_write(secret *out, const uint8_t key[KEY_LEN], vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret coded = {0}, line = {0};
    VAULT_TRY(secret_new(&coded, KEY_LEN + CHECK_LEN, err));
    VAULT_TRY(secret_new(&line, LINE_LEN + 1, err));
    memcpy(coded.at, key, KEY_LEN);
    check_of(coded.at + KEY_LEN, key);
    memcpy(line.at, PREFIX, PREFIX_LEN);
    base64_encode((char *)line.at + PREFIX_LEN, secret_bytes(&coded));
    line.at[LINE_LEN] = '\n'; /* over the NUL */
    *out = secret_move(&line);
    return VAULT_OK;
}

/* ---- the file ---- */

static vault_code check_file(int fd, const char *path, vault_error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0) return vault_fail(err, VAULT_UNAVAILABLE, "%s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(about.st_mode)) return vault_fail(err, VAULT_INVALID, "%s: not a regular file", path);
    if (about.st_uid != geteuid() && about.st_uid != 0) {
        return vault_fail(err, VAULT_INVALID, "%s: belongs to another user: chown it to this service's", path);
    }
    if (about.st_mode & (S_IRWXG | S_IRWXO)) {
        return vault_fail(err, VAULT_INVALID, "%s: others may use it: chmod 0600 it", path);
    }
    return VAULT_OK;
}

/* Into `text`, as much as it takes. */
static vault_code read_file(bytes *out, secret *text, const char *path, vault_error *err)
{
    VAULT_CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        vault_code code = errno == ENOENT ? VAULT_NOT_FOUND : VAULT_UNAVAILABLE;
        return vault_fail(err, code, "root key %s: %s", path, strerrordesc_np(errno));
    }
    VAULT_TRY(check_file(fd, path, err));
    ssize_t len = fd_read(fd, text->at, text->len);
    if (len < 0) return vault_fail(err, VAULT_UNAVAILABLE, "%s: %s", path, strerrordesc_np(errno));
    *out = bytes_of(text->at, (size_t)len);
    return VAULT_OK;
}

vault_code root_key_from_file(secret *out, const char *path, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret text = {0};
    bytes line;
    *out = (secret){0};
    VAULT_TRY(secret_new(&text, LINE_LEN + 2, err)); /* one more than the longest, to see that there is more */
    VAULT_TRY(read_file(&line, &text, path, err));
    return root_key_parse(out, line, path, err);
}

vault_code passphrase_from_file(secret *out, const char *path, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret text = {0};
    bytes all;
    *out = (secret){0};
    VAULT_TRY(secret_new(&text, PASSPHRASE_MOST + 1, err));
    VAULT_TRY(read_file(&all, &text, path, err));
    const uint8_t *end = memchr(all.at, '\n', all.len);
    size_t len = end ? (size_t)(end - all.at) : all.len;
    if (len == 0 || len > PASSPHRASE_MOST)
        return vault_fail(err, VAULT_INVALID, "%s: its first line is not a passphrase of at most %d bytes", path,
                          PASSPHRASE_MOST);
    return secret_copy(out, bytes_of(all.at, len), err);
}

vault_code root_key_file_create(const char *path, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0}, line = {0};
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(entropy_fill(key.at, KEY_LEN, err));
    VAULT_TRY(root_key_write(&line, key.at, err));
    return file_create(path, secret_bytes(&line), err);
}
