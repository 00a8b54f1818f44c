/* The strict shape of an entry. jansson reads it, and says that something is wrong; what, and where, is found here, by
 * walking the same format: a fault has the path of a key, and a mend. */
#include "vault/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KNOWN_MAX = 24, DEPTH_MAX = 4 };

typedef struct walk {
    const char *format;
    va_list args;
    builder *b;
} walk;

static char next(walk *w)
{
    while (*w->format && strchr(" ,:\t\n", *w->format)) w->format++;
    return *w->format ? *w->format++ : '\0';
}

/* What a value of the kind must be; NULL when it is. */
static const char *missed(char kind, const json_t *value)
{
    switch (kind) {
    case 's':
        return json_is_string(value) ? NULL : "not a text: write \"...\"";
    case 'i':
    case 'I':
        return json_is_integer(value) ? NULL : "not a whole number";
    case 'b':
        return json_is_boolean(value) ? NULL : "neither true nor false";
    case '{':
        return json_is_object(value) ? NULL : "not an object: write {...}";
    default:
        return NULL;
    }
}

static bool plain_key(const char *key)
{
    size_t len = strlen(key);
    return len >= 1 && len <= ID_MAX &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static vault_code unknown_key(walk *w, const char *path, const char *name, const char *known)
{
    char at[sizeof w->b->err->field];
    if (!plain_key(name)) return builder_fail(w->b, path, "unknown key '%.40s': known are %s", name, known);
    snprintf(at, sizeof at, "%s%s%s", path, path[0] ? "." : "", name);
    return builder_fail(w->b, at, "unknown key: known are %s", known);
}

static vault_code check_unknown(walk *w, const char *path, json_t *object, const char *const *known, size_t count)
{
    char list[160] = "";
    const char *name;
    json_t *value;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", known[i]);
    }
    json_object_foreach(object, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++) found = strcmp(known[i], name) == 0;
        if (!found) return unknown_key(w, path, name, list);
    }
    return VAULT_OK;
}

static vault_code walk_object(walk *w, const char *path, json_t *object, unsigned depth);

static vault_code walk_value(walk *w, const char *path, json_t *value, unsigned depth)
{
    char kind = next(w);
    if (kind == '{') {
        const char *what = value ? missed(kind, value) : NULL;
        return what ? builder_fail(w->b, path, "%s", what) : walk_object(w, path, value, depth + 1);
    }
    (void)va_arg(w->args, void *);
    const char *what = value ? missed(kind, value) : NULL;
    return what ? builder_fail(w->b, path, "%s", what) : VAULT_OK;
}

/* `object` is NULL where an optional one is left out: its arguments are passed over. */
static vault_code walk_object(walk *w, const char *path, json_t *object, unsigned depth)
{
    const char *known[KNOWN_MAX];
    size_t count = 0;
    while (depth < DEPTH_MAX && next(w) == 's' && count < KNOWN_MAX) {
        char below[sizeof w->b->err->field];
        const char *key = known[count++] = va_arg(w->args, const char *);
        bool optional = *w->format == '?';
        w->format += optional;
        json_t *value = object ? json_object_get(object, key) : NULL;
        snprintf(below, sizeof below, "%s%s%s", path, path[0] ? "." : "", key);
        if (object && !value && !optional) return builder_fail(w->b, below, "is missing");
        VAULT_TRY(walk_value(w, below, value, depth));
    }
    return object ? check_unknown(w, path, object, known, count) : VAULT_OK;
}

vault_code builder_shape_at(builder *b, json_t *value, const char *shape, ...)
{
    json_error_t error;
    va_list args;
    va_start(args, shape);
    int failed = json_vunpack_ex(value, &error, JSON_STRICT, shape, args);
    va_end(args);
    if (!failed) return VAULT_OK;
    walk w = {.format = shape, .b = b};
    va_start(w.args, shape);
    vault_code code = missed('{', value) ? builder_fail(b, "", "not an object: write {...}") : VAULT_OK;
    if (code == VAULT_OK && next(&w) == '{') code = walk_object(&w, "", value, 0);
    va_end(w.args);
    return code != VAULT_OK ? code : builder_fail(b, "", "%s", error.text);
}
