/* A leaked list of any bytes, as an officer may be handed it: it is read or refused, every row has a text for each
 * column and none where nothing is looked at, no field is given twice, and nothing of it is longer than the vault
 * takes. */
#include "vault/cli/leak_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT = 8192, FIELDS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Vault__V1__Collection *residents(void)
{
    static const char *const told[FIELDS][3] = {
        {"id_number", "公民身份号码", "resident_id"}, {"name", "姓名", "person_name"}, {"phone", "联系方式", "mobile"}};
    static Vault__V1__Field fields[FIELDS], *all[FIELDS];
    static Vault__V1__Collection out;
    vault__v1__collection__init(&out);
    for (size_t i = 0; i < FIELDS; i++) {
        vault__v1__field__init(&fields[i]);
        fields[i].name = (char *)(uintptr_t)told[i][0];
        fields[i].label = (char *)(uintptr_t)told[i][1];
        fields[i].format = (char *)(uintptr_t)told[i][2];
        all[i] = &fields[i];
    }
    out.fields = all;
    out.n_fields = FIELDS;
    return &out;
}

static void check_columns(const leak_table *t)
{
    if (t->of_file > t->column_count || t->column_count > LEAK_COLUMNS_MOST) abort();
    for (size_t i = 0; i < t->column_count; i++) {
        if (!t->columns[i] || (i < t->of_file && !t->headings[i])) abort();
        if (i >= t->of_file && !t->columns[i][0]) abort();
        for (size_t k = 0; t->columns[i][0] && strcmp(t->columns[i], "token") != 0 && k < i; k++)
            if (strcmp(t->columns[i], t->columns[k]) == 0) abort();
    }
}

static void check_rows(const leak_table *t)
{
    if (!t->row_count || t->row_count > LEAK_ROWS_MOST || t->total < t->row_count + t->faulty) abort();
    for (size_t i = 0; i < t->row_count; i++) {
        if (t->rows[i]->n_values != t->column_count) abort();
        for (size_t k = 0; k < t->column_count; k++) {
            const char *text = t->rows[i]->values[k];
            if (strlen(text) > LEAK_TEXT_MOST || (text[0] && !t->columns[k][0])) abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    char path[64];
    vault_error err = {0};
    leak_table t;
    if (!mem) mem = arena_new(16 << 20);
    if (size > LIMIT) return 0;
    arena_reset(mem);
    int fd = memfd_create("list", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (leak_table_read(&t, mem, &(leak_reading){.path = path, .of = residents()}, &err) == VAULT_OK) {
        check_columns(&t);
        check_rows(&t);
    } else if (err.code != VAULT_INVALID || !err.detail[0]) {
        abort();
    }
    (void)close(fd);
    return 0;
}
