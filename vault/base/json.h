/* Strict reading of JSON documents (jansson): duplicate keys, unknown keys, wrong types, trailing text and depth over
 * 32 are errors that name line, column and key. */
#pragma once
#include "vault/base/file.h"
#include <jansson.h>

enum { JSON_FILE_LIMIT = 16 << 20 };

/* What is wrong, and where: line and column from 1, in characters; 0 where there is no place. */
typedef struct json_fault {
    unsigned line, column;
    char text[160];
} json_fault;
/* False for what is not strict JSON; the caller frees with json_clear (or json_decref). */
bool json_parse(json_t **out, bytes text, json_fault *fault);
/* INVALID for what is not strict JSON; the caller frees with json_clear (or json_decref). */
VAULT_MUST_USE vault_code json_read(json_t **out, bytes text, const char *name, vault_error *err);
/* The same of a file of at most JSON_FILE_LIMIT bytes. */
VAULT_MUST_USE vault_code json_read_file(json_t **out, const char *path, vault_error *err);
enum { JSON_SLIP_MAX = 200 };
/* What jansson says of a wrong shape, in words for whoever wrote the document. */
void json_slip(char out[JSON_SLIP_MAX], const char *text);
/* json_unpack_ex with JSON_STRICT; `name` is the document's path for the message ("policy.rules[3]"). */
VAULT_MUST_USE vault_code json_shape(json_t *value, vault_error *err, const char *name, const char *format, ...);
void json_clear(json_t **value); /* for VAULT_CLEANUP */
/* Where the value of a path ("fields[3].format"; the nearest part that stands) begins in a text that json_read takes:
 * line and column from 1, in characters. False for what is not JSON. */
typedef struct json_place {
    unsigned line, column;
} json_place;
bool json_locate(json_place *out, bytes text, const char *path);
