/* The documents of tests/support/town, in memory, to be changed; and a manifest made of them without a database. */
#pragma once
#include "tests/support/harness.h"
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

static vault_error err;

/* Of tests/support/town. */
enum { DEV_RULES = 17 };

#ifndef DOCUMENTS_FROM
#define DOCUMENTS_FROM "tests/support/town"
#endif

static inline const char *dev_folder(void)
{
    static char path[512];
    const char *file = __FILE__, *end = strstr(file, "tests/unit/");
    snprintf(path, sizeof path, "%.*s" DOCUMENTS_FROM, (int)(end - file), file);
    return path;
}

/* What whoever inits a vault does: tests/support/town has no certificates. Here the digest is that of the URI's text.
 */
static inline void certify(const documents *d)
{
    static const char *const lists[] = {"apps", "officers", "administrators"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t k;
        json_t *value;
        json_array_foreach(json_object_get(d->of[DOC_PRINCIPALS], lists[i]), k, value)
        {
            char hex[2 * DIGEST_LEN + 1];
            digest made = sha256(bytes_of_text(json_string_value(json_object_get(value, "uri"))));
            hex_encode(hex, digest_bytes(&made));
            json_object_set_new(value, "certificates", json_pack("[{s:s}]", "sha256", hex));
        }
    }
}

static inline documents dev_documents(void)
{
    documents d;
    expect_ok(documents_read(&d, dev_folder(), &err), &err);
    certify(&d);
    return d;
}

static inline json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("%s: %s", error.text, text);
    return value;
}

/* The i-th entry of a list of a document: entry(&d, DOC_PRINCIPALS, "apps", 0). */
static inline json_t *entry(const documents *d, document which, const char *list, size_t i)
{
    json_t *found = json_array_get(json_object_get(d->of[which], list), i);
    assert_non_null(found);
    return found;
}

static inline void set(json_t *object, const char *key, const char *json)
{
    assert_int_equal(json_object_set_new(object, key, parse(json)), 0);
}

static inline void add(const documents *d, document which, const char *list, const char *json)
{
    assert_int_equal(json_array_append_new(json_object_get(d->of[which], list), parse(json)), 0);
}

static inline manifest_body *build_of(documents *d)
{
    manifest_body *body;
    expect_ok(manifest_build(&body, "resident-vault/test", d, &err), &err);
    documents_clear(d);
    return body;
}

/* The documents are refused: the fault has exactly this path, and the message says what. */
static inline void refused(documents *d, const char *path, const char *what)
{
    manifest_body *body;
    vault_code code = manifest_build(&body, "resident-vault/test", d, &err);
    if (code != VAULT_INVALID || strcmp(err.field, path) != 0 || !strstr(err.detail, what)) {
        fail_msg("%s: '%s: %s' is not '%s' with '%s'", vault_code_name(code), err.field, err.detail, path, what);
    }
    assert_non_null(err.reason);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    assert_null(body);
    vault_error_clear(&err);
    documents_clear(d);
}
