/* Strict JSON: what is read is no deeper than 32 and can be written and read again; what is not names line and column.
 * Every path of what is read is found in its text, and there stands that value. */
#include "vault/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_LEN = 1024, PATHS_MAX = 500 };
static unsigned paths_left; /* the work grows with its square */

static int depth(const json_t *value)
{
    int deepest = 0;
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            if (depth(item) > deepest) deepest = depth(item);
        }
    }
    json_array_foreach(value, index, item)
    {
        if (depth(item) > deepest) deepest = depth(item);
    }
    return deepest + (json_is_object(value) || json_is_array(value));
}

/* The text from a place on. */
static bytes rest_at(bytes text, json_place at)
{
    size_t i = 0;
    for (unsigned row = 1; row < at.line; i++) row += text.at[i] == '\n';
    for (unsigned column = 1; column < at.column; column++) i += utf8_sequence(bytes_of(text.at + i, text.len - i));
    return bytes_of(text.at + i, text.len - i);
}

/* What stands at the place begins with that value. */
static void expect_there(bytes text, const char *path, const json_t *value)
{
    json_place at;
    json_error_t error;
    if (!json_locate(&at, text, path) || at.line == 0) abort();
    bytes rest = rest_at(text, at);
    json_t *found = json_loadb((const char *)rest.at, rest.len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
    if (!found || !json_equal(found, value)) abort();
    json_decref(found);
}

/* Keys that a path cannot say are passed over, and so is what lies below them. */
static void expect_paths(bytes text, char path[PATH_LEN], json_t *value)
{
    size_t len = strlen(path), i;
    const char *key;
    json_t *item;
    if (paths_left == 0) return;
    paths_left--;
    expect_there(text, path, value);
    if (json_is_object(value)) {
        json_object_foreach(value, key, item)
        {
            if (!key[0] || strpbrk(key, ".[") || len + strlen(key) + 2 >= PATH_LEN) continue;
            snprintf(path + len, PATH_LEN - len, "%s%s", len ? "." : "", key);
            expect_paths(text, path, item);
        }
    }
    json_array_foreach(value, i, item)
    {
        if (len + 24 >= PATH_LEN) continue;
        snprintf(path + len, PATH_LEN - len, "[%zu]", i);
        expect_paths(text, path, item);
    }
    path[len] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[PATH_LEN] = "";
    json_place at;
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *value = NULL, *again = NULL;
    if (json_read(&value, bytes_of(data, size), "fuzz", &err) != VAULT_OK) {
        (void)json_locate(&at, bytes_of(data, size), "a[1].b"); /* only not to crash */
        if (value || err.code != VAULT_INVALID || strncmp(err.detail, "fuzz:", 5) != 0) abort();
        return 0;
    }
    if (depth(value) > 32) abort();
    paths_left = PATHS_MAX;
    expect_paths(bytes_of(data, size), path, value);
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text || json_read(&again, bytes_of_text(text), "again", &err) != VAULT_OK || !json_equal(value, again))
        abort();
    free(text);
    return 0;
}
