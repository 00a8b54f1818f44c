/* Blocks of columns: what is unpacked is sound wherever it is read, and is the same when it was packed again. */
#include "vault/audit/column_pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

/* With no more behind it than may be read. */
static vault_code unpack(line_columns *out, digest *root, arena *mem, bytes packed)
{
    vault_error err = {0};
    uint8_t *at = calloc(1, packed.len + COLUMN_SLACK);
    memcpy(at, packed.at, packed.len);
    vault_code code = columns_unpack(out, root, mem, bytes_of(at, packed.len), &err);
    free(at);
    check(code == VAULT_OK || code == VAULT_INTEGRITY || code == VAULT_EXHAUSTED);
    return code;
}

static void demand_sound(const line_columns *c)
{
    check(c->count <= COLUMN_STRETCH && c->first >= 0 && c->first % COLUMN_STRETCH == 0);
    for (size_t t = 0; t < COLUMN_TEXTS; t++) {
        check(c->text_count[t] > 0 && c->text_count[t] <= c->count + 1 && c->texts[t][0][0] == '\0');
        for (size_t i = 0; i < c->count; i++) check(strlen(c->texts[t][c->text[t][i]]) <= UINT16_MAX);
    }
}

static void demand_same(const line_columns *c, const digest *root, arena *mem)
{
    vault_error err = {0};
    line_columns again;
    digest root_again;
    bytes once, twice;
    check(columns_pack(&once, mem, c, root, &err) == VAULT_OK);
    check(unpack(&again, &root_again, mem, once) == VAULT_OK);
    check(memcmp(again.time_us, c->time_us, c->count * sizeof *c->time_us) == 0);
    check(memcmp(again.action, c->action, c->count * sizeof *c->action) == 0);
    check(columns_pack(&twice, mem, &again, &root_again, &err) == VAULT_OK);
    check(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    line_columns c;
    digest root;
    if (size > 1 << 16) return 0;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(64 << 20);
    if (unpack(&c, &root, mem, bytes_of(data, size)) != VAULT_OK) return 0;
    demand_sound(&c);
    demand_same(&c, &root, mem);
    return 0;
}
