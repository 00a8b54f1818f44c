#include "vault/base/json.h"

#include <stdarg.h>

enum { DEPTH_LIMIT = 32 };

/* Where the text nests deeper than the limit, before the parser recurses into it: line and column from 1, else line 0.
 */
typedef struct place {
    int line, column;
} place;

static place too_deep(bytes text)
{
    place at = {.line = 1, .column = 0};
    int depth = 0;
    bool quoted = false, escaped = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        at = c == '\n' ? (place){.line = at.line + 1} : (place){.line = at.line, .column = at.column + 1};
        bool opens = !quoted && (c == '{' || c == '['), closes = !quoted && (c == '}' || c == ']');
        depth += opens - closes;
        if (depth > DEPTH_LIMIT) return at;
        if (c == '"' && !escaped) quoted = !quoted;
        escaped = quoted && c == '\\' && !escaped;
    }
    return (place){.line = 0};
}

vault_code json_read(json_t **out, bytes text, const char *name, vault_error *err)
{
    *out = NULL;
    if (text.len > JSON_FILE_LIMIT) {
        return vault_fail(err, VAULT_INVALID, "%s: longer than %d bytes", name, JSON_FILE_LIMIT);
    }
    place deep = too_deep(text);
    if (deep.line > 0) {
        return vault_fail(err, VAULT_INVALID, "%s:%d:%d: nested deeper than %d", name, deep.line, deep.column,
                          DEPTH_LIMIT);
    }
    json_error_t error;
    *out = json_loadb(text.len ? (const char *)text.at : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (*out) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "%s:%d:%d: %s", name, error.line, error.column, error.text);
}

vault_code json_read_file(json_t **out, const char *path, vault_error *err)
{
    char *text;
    size_t len;
    *out = NULL;
    VAULT_TRY(file_read(&text, &len, path, JSON_FILE_LIMIT, err));
    vault_code code = json_read(out, bytes_of(text, len), path, err);
    free(text);
    return code;
}

vault_code json_shape(json_t *value, vault_error *err, const char *name, const char *format, ...)
{
    json_error_t error;
    va_list args;
    va_start(args, format);
    int failed = json_vunpack_ex(value, &error, JSON_STRICT, format, args);
    va_end(args);
    return failed ? vault_fail(err, VAULT_INVALID, "%s: %s", name, error.text) : VAULT_OK;
}

void json_clear(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
