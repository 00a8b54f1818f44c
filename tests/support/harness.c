#include "tests/support/harness.h"
#include "vault/base/secret.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct CMUnitTest tests[512];
static size_t count;

void harness_add(const char *sentence, void (*body)(void **))
{
    if (count == sizeof tests / sizeof *tests) abort();
    tests[count++] = (struct CMUnitTest){.name = sentence, .test_func = body};
}

void harness_expect_code(vault_code got, vault_code wanted, vault_error *err, const char *expr, const char *file,
                         int line)
{
    if (got == wanted) {
        vault_error_clear(err);
        return;
    }
    print_error("%s:%d: %s gave %s, wanted %s (%s, reason %s, field '%s': %s)\n", file, line, expr,
                vault_code_name(got), vault_code_name(wanted), err->where ? err->where : "-",
                err->reason ? err->reason : "-", err->field, err->detail);
    _fail(file, line);
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

size_t unhex(uint8_t *out, size_t cap, const char *hex)
{
    size_t len = 0;
    for (const char *at = hex; *at; at++) {
        if (*at == ' ') continue;
        int high = nibble(at[0]), low = nibble(at[1]);
        if (high < 0 || low < 0 || len == cap) abort();
        out[len++] = (uint8_t)(high << 4 | low);
        at++;
    }
    return len;
}

void harness_expect_hex(bytes got, const char *hex, const char *file, int line)
{
    uint8_t wanted[4096];
    size_t len = unhex(wanted, sizeof wanted, hex);
    _assert_int_equal(got.len, len, file, line);
    _assert_memory_equal(got.at, wanted, len, file, line);
}

size_t files_in(const char *folder)
{
    size_t files = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        files += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir) closedir(dir);
    return files;
}

void empty_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
}

int main(void)
{
    vault_error err = {0};
    setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
    if (secret_heap_init(4 << 20, &err) != VAULT_OK) {
        fprintf(stderr, "secure heap: %s\n", err.detail);
        return 1;
    }
    return _cmocka_run_group_tests("unit", tests, count, NULL, NULL);
}
