/* Tests read as sentences:  TEST("a forged token is refused") { ... }   One program a file; cmocka beneath, TAP out.
 * Everything of cmocka is available (assert_int_equal, ...). OK(err) demands VAULT_OK and prints the cause otherwise.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vault/base/bytes.h"
#include "vault/base/error.h"

void harness_add(const char *sentence, void (*body)(void **));

#define HARNESS_JOIN_(a, b) a##b
#define HARNESS_JOIN(a, b)  HARNESS_JOIN_(a, b)
#define TEST(sentence)      TEST_(sentence, HARNESS_JOIN(test_, __LINE__))
#define TEST_(sentence, name)                                                                                          \
    static void name(void **state);                                                                                    \
    __attribute__((constructor)) static void HARNESS_JOIN(add_, name)(void)                                            \
    {                                                                                                                  \
        harness_add(sentence, name);                                                                                   \
    }                                                                                                                  \
    static void name(__attribute__((unused)) void **state)

/* Demand an outcome; shows where and why when it is another. */
#define expect_ok(expr, err)         harness_expect_code((expr), VAULT_OK, (err), #expr, __FILE__, __LINE__)
#define expect_code(expr, code, err) harness_expect_code((expr), (code), (err), #expr, __FILE__, __LINE__)
void harness_expect_code(vault_code got, vault_code wanted, vault_error *err, const char *expr, const char *file,
                         int line);

/* Hex text (spaces allowed) into out; returns the length. */
size_t unhex(uint8_t *out, size_t cap, const char *hex);
#define expect_hex(got, hex) harness_expect_hex((got), (hex), __FILE__, __LINE__)
void harness_expect_hex(bytes got, const char *hex, const char *file, int line);

/* The files of a folder, hidden ones too: how many there are; and without them. A folder that is not there has none. */
size_t files_in(const char *folder);
void empty_folder(const char *folder);
