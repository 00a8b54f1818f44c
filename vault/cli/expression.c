#include "vault/cli/expression.h"

#include <string.h>

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
static const char too_long[] = "is too long";

/* ---- reading ---- */

/* The next value of a list, up to a comma that no backslash stands before; *rest is behind it, NULL after the last. */
static char *next_value(arena *mem, const char **rest)
{
    const char *at = *rest;
    char *value = arena_alloc(mem, strlen(at) + 1), *to = value;
    for (; value && *at && *at != ','; at++) {
        if (*at == '\\' && at[1]) at++;
        *to++ = *at;
    }
    *rest = *at ? at + 1 : NULL;
    return value;
}

static vault_code read_values(Vault__V1__Values **out, arena *mem, const char *text, vault_error *err)
{
    Vault__V1__Values *values = arena_alloc(mem, sizeof *values);
    if (!values) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    vault__v1__values__init(values);
    values->values = arena_array(mem, EXPRESSION_VALUES_MAX, sizeof *values->values);
    for (const char *rest = text; rest;) {
        if (values->n_values == EXPRESSION_VALUES_MAX)
            return vault_fail(err, VAULT_INVALID, "has more than %d values", EXPRESSION_VALUES_MAX);
        char *value = next_value(mem, &rest);
        if (!value || !values->values) return vault_fail(err, VAULT_INVALID, "%s", too_long);
        if (!*value) return vault_fail(err, VAULT_INVALID, "has an empty value");
        values->values[values->n_values++] = value;
    }
    *out = values;
    return VAULT_OK;
}

static vault_code read_equals(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err)
{
    return read_values(&out->equals, mem, text, err);
}

static vault_code read_ends_with(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err)
{
    return read_values(&out->ends_with, mem, text, err);
}

static vault_code read_whole(char **out, arena *mem, const char *text, vault_error *err)
{
    *out = arena_text(mem, bytes_of_text(text));
    if (!*out) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    return **out ? VAULT_OK : vault_fail(err, VAULT_INVALID, "has nothing behind the field's name");
}

static vault_code read_part(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err)
{
    return read_whole(&out->part, mem, text, err);
}

static vault_code read_same_as(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err)
{
    return read_whole(&out->same_as, mem, text, err);
}

static vault_code read_band(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err)
{
    const char *dots = strstr(text, "..");
    size_t low = dots ? (size_t)(dots - text) : strlen(text);
    Vault__V1__Band *band = arena_alloc(mem, sizeof *band);
    if (!band) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    vault__v1__band__init(band);
    band->low = arena_text(mem, bytes_of(text, low));
    band->high = arena_text(mem, bytes_of_text(dots ? dots + 2 : text));
    if (!band->low || !band->high) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    if (!*band->low && !*band->high) return vault_fail(err, VAULT_INVALID, "is a band without an end");
    if ((*band->low && band->low[strlen(band->low) - 1] == '.') || *band->high == '.')
        return vault_fail(err, VAULT_INVALID, "has a dot too many");
    out->band = band;
    return VAULT_OK;
}

static const struct question {
    char sign;
    Vault__V1__Condition__QuestionCase asked;
    vault_code (*read)(Vault__V1__Condition *out, arena *mem, const char *text, vault_error *err);
} questions[] = {
    {'=', VAULT__V1__CONDITION__QUESTION_EQUALS, read_equals},
    {'%', VAULT__V1__CONDITION__QUESTION_ENDS_WITH, read_ends_with},
    {'~', VAULT__V1__CONDITION__QUESTION_PART, read_part},
    {':', VAULT__V1__CONDITION__QUESTION_BAND, read_band},
    {'@', VAULT__V1__CONDITION__QUESTION_SAME_AS, read_same_as},
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

vault_code expression_read(Vault__V1__Condition **out, arena *mem, const char *text, vault_error *err)
{
    size_t name = strspn(text, name_characters);
    Vault__V1__Condition *c = arena_alloc(mem, sizeof *c);
    if (!c || strlen(text) > EXPRESSION_MAX) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    vault__v1__condition__init(c);
    if (name == 0) return vault_fail(err, VAULT_INVALID, "does not begin with the name of a field");
    c->field = arena_text(mem, bytes_of(text, name));
    if (!c->field) return vault_fail(err, VAULT_INVALID, "%s", too_long);
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (questions[i].sign != text[name]) continue;
        VAULT_TRY(questions[i].read(c, mem, text + name + 1, err));
        c->question_case = questions[i].asked;
        *out = c;
        return VAULT_OK;
    }
    return vault_fail(err, VAULT_INVALID, "lacks one of = %% ~ : @ behind the field's name");
}

/* ---- writing ---- */

static const char *write_values(arena *mem, const Vault__V1__Condition *of, char sign, const Vault__V1__Values *values)
{
    size_t room = strlen(of->field) + 2;
    for (size_t i = 0; i < values->n_values; i++) room += 2 * strlen(values->values[i]) + 1;
    char *text = arena_alloc(mem, room), *to = text;
    if (!text) return NULL;
    for (const char *at = of->field; *at;) *to++ = *at++;
    for (size_t i = 0; i < values->n_values; i++) {
        *to++ = i ? ',' : sign;
        for (const char *at = values->values[i]; *at; at++) {
            if (*at == ',' || *at == '\\') *to++ = '\\';
            *to++ = *at;
        }
    }
    return text;
}

const char *expression_write(arena *mem, const Vault__V1__Condition *of)
{
    switch (of->question_case) {
    case VAULT__V1__CONDITION__QUESTION_EQUALS:
        return write_values(mem, of, '=', of->equals);
    case VAULT__V1__CONDITION__QUESTION_ENDS_WITH:
        return write_values(mem, of, '%', of->ends_with);
    case VAULT__V1__CONDITION__QUESTION_PART:
        return arena_format(mem, "%s~%s", of->field, of->part);
    case VAULT__V1__CONDITION__QUESTION_BAND:
        return arena_format(mem, "%s:%s..%s", of->field, of->band->low, of->band->high);
    default:
        return arena_format(mem, "%s@%s", of->field, of->same_as);
    }
}
