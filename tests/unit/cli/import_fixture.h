/* A collection as a vault would list it, and files in a folder of the test's own. */
#pragma once
#include "tests/support/harness.h"
#include "vault/cli/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static Vault__V1__Field fixture_fields[] = {
    {.name = "id_number", .label = "公民身份号码", .format = "resident_id"},
    {.name = "name", .label = "姓名", .format = "person_name"},
    {.name = "sex", .label = "性别", .format = "sex"},
    {.name = "phone", .label = "联系方式", .format = "mobile"},
    {.name = "residence_area", .label = "现住地", .format = "division"},
    {.name = "residence_address", .label = "现住门(楼)详址", .format = "text200"},
};
enum { FIXTURE_FIELDS = sizeof fixture_fields / sizeof *fixture_fields };

static inline const Vault__V1__Collection *fixture_collection(void)
{
    static Vault__V1__Field *list[FIXTURE_FIELDS];
    static Vault__V1__Collection collection = VAULT__V1__COLLECTION__INIT;
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) {
        Vault__V1__Field field = VAULT__V1__FIELD__INIT;
        fixture_fields[i].base = field.base;
        list[i] = &fixture_fields[i];
    }
    collection.name = (char *)(uintptr_t) "residents";
    collection.natural_key = (char *)(uintptr_t) "id_number";
    collection.area = (char *)(uintptr_t) "residence_area";
    collection.fields = list;
    collection.n_fields = FIXTURE_FIELDS;
    return &collection;
}

/* In the test's folder; two at a time. */
static inline const char *fixture_path(const char *name)
{
    static char folder[32] = "", paths[4][128];
    static unsigned turn;
    if (!*folder) {
        (void)snprintf(folder, sizeof folder, "/tmp/import-test-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void fixture_write(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    (void)fclose(out);
}

static inline const char *fixture_read(const char *path)
{
    static char text[1 << 16];
    FILE *in = fopen(path, "r");
    if (!in) return NULL;
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    (void)fclose(in);
    return text;
}

static inline source fixture_source(const char *path)
{
    vault_error err = {0};
    source s;
    expect_ok(source_open(&s, &(source_options){.path = path, .delimiter = ','}, &err), &err);
    return s;
}
