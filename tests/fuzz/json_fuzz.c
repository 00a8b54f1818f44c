/* Strict JSON: what is read is no deeper than 32 and can be written and read again; what is not names line and column.
 */
#include "vault/base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *value = NULL, *again = NULL;
    if (json_read(&value, bytes_of(data, size), "fuzz", &err) != VAULT_OK) {
        if (value || err.code != VAULT_INVALID || strncmp(err.detail, "fuzz:", 5) != 0) abort();
        return 0;
    }
    if (depth(value) > 32) abort();
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text || json_read(&again, bytes_of_text(text), "again", &err) != VAULT_OK || !json_equal(value, again))
        abort();
    free(text);
    return 0;
}
