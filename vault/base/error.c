#include "vault/base/error.h"

#include <stdarg.h>
#include <stdio.h>

vault_code vault_fail_at(vault_error *err, vault_code code, const char *where, const char *format, ...)
{
    if (err->code != VAULT_OK) return code;
    err->code = code;
    err->where = where;
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
    return code;
}

vault_code vault_refuse_at(vault_error *err, vault_code code, const char *where, const char *reason, const char *field)
{
    if (err->code != VAULT_OK) return code;
    err->code = code;
    err->where = where;
    err->reason = reason;
    snprintf(err->field, sizeof err->field, "%s", field ? field : "");
    return code;
}

void vault_error_clear(vault_error *err)
{
    *err = (vault_error){.code = VAULT_OK};
}

const char *vault_code_name(vault_code code)
{
    static const char *const names[VAULT_CODES] = {
        [VAULT_OK] = "OK",
        [VAULT_INVALID] = "INVALID",
        [VAULT_DENIED] = "DENIED",
        [VAULT_NOT_FOUND] = "NOT_FOUND",
        [VAULT_CONFLICT] = "CONFLICT",
        [VAULT_EXHAUSTED] = "EXHAUSTED",
        [VAULT_UNAVAILABLE] = "UNAVAILABLE",
        [VAULT_INTEGRITY] = "INTEGRITY",
        [VAULT_INTERNAL] = "INTERNAL",
        [VAULT_UNAUTHENTICATED] = "UNAUTHENTICATED",
        [VAULT_PRECONDITION] = "PRECONDITION",
    };
    return (unsigned)code < VAULT_CODES ? names[code] : "UNKNOWN";
}
