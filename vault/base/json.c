#include "vault/base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_LIMIT = 32 };

/* Where the text nests deeper than the limit, before the parser recurses into it, or holds a zero byte, which the
 * parser passes over behind some words; else line 0. */
static json_place not_to_parse(bytes text, const char **why)
{
    json_place at = {.line = 1};
    int depth = 0;
    bool quoted = false, escaped = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        if (c == '\n') at = (json_place){.line = at.line + 1};
        at.column += c != '\n' && (text.at[i] & 0xc0) != 0x80;
        bool opens = !quoted && (c == '{' || c == '['), closes = !quoted && (c == '}' || c == ']');
        depth += opens - closes;
        *why = c == '\0' ? "a zero byte" : "nested deeper than 32";
        if (c == '\0' || depth > DEPTH_LIMIT) return at;
        if (c == '"' && !escaped) quoted = !quoted;
        escaped = quoted && c == '\\' && !escaped;
    }
    return (json_place){0};
}

bool json_parse(json_t **out, bytes text, json_fault *fault)
{
    json_error_t error;
    *out = NULL;
    *fault = (json_fault){0};
    if (text.len > JSON_FILE_LIMIT) {
        snprintf(fault->text, sizeof fault->text, "longer than %d bytes", JSON_FILE_LIMIT);
        return false;
    }
    const char *why;
    json_place at = not_to_parse(text, &why);
    if (at.line > 0) {
        *fault = (json_fault){.line = at.line, .column = at.column};
        snprintf(fault->text, sizeof fault->text, "%s", why);
        return false;
    }
    *out = json_loadb(text.len ? (const char *)text.at : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (*out) return true;
    if (error.line > 0) *fault = (json_fault){.line = (unsigned)error.line, .column = 1};
    if (error.line > 0 && error.column > 1) fault->column = (unsigned)error.column;
    snprintf(fault->text, sizeof fault->text, "%s", error.text);
    return false;
}

vault_code json_read(json_t **out, bytes text, const char *name, vault_error *err)
{
    json_fault fault;
    if (json_parse(out, text, &fault)) return VAULT_OK;
    if (fault.line == 0) return vault_fail(err, VAULT_INVALID, "%s: %s", name, fault.text);
    return vault_fail(err, VAULT_INVALID, "%s:%u:%u: %s", name, fault.line, fault.column, fault.text);
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

/* The library's words for the two commonest slips say nothing to whoever wrote the document. */
void json_slip(char out[JSON_SLIP_MAX], const char *text)
{
    static const char unknown[] = " left unpacked: ", missing[] = "Object item not found: ";
    const char *keys = strstr(text, unknown);
    if (keys)
        (void)snprintf(out, JSON_SLIP_MAX, "unknown key: %s", keys + sizeof unknown - 1);
    else if (strncmp(text, missing, sizeof missing - 1) == 0)
        (void)snprintf(out, JSON_SLIP_MAX, "a key is missing: %s", text + sizeof missing - 1);
    else
        (void)snprintf(out, JSON_SLIP_MAX, "%s", text);
}

static vault_code shape_fails(const char *name, const char *text, vault_error *err)
{
    char slip[JSON_SLIP_MAX];
    json_slip(slip, text);
    return vault_fail(err, VAULT_INVALID, "%s: %s", name, slip);
}

vault_code json_shape(json_t *value, vault_error *err, const char *name, const char *format, ...)
{
    json_error_t error;
    va_list args;
    va_start(args, format);
    int failed = json_vunpack_ex(value, &error, JSON_STRICT, format, args);
    va_end(args);
    return failed ? shape_fails(name, error.text, err) : VAULT_OK;
}

void json_clear(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
