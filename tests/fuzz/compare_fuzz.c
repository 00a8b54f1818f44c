/* Any policy that loads against one that says much: what they differ in can be told both ways, is nothing against
 * itself, and lint ends. */
#include "policy/compare.h"
#include "tests/unit/policy/names.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALID "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}"
static const char text[] =
    "{\"rules\": [{\"id\": \"plain\", \"action\": \"reveal\", \"consumer\": [\"c1\", \"c2\"], \"purpose\": \"p1\","
    "   \"fields\": [\"f1\", \"f2\", \"f3\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"app\", " VALID
    "}],"
    " \"prohibitions\": [{\"id\": \"no\", \"consumers\": \"any\", \"purposes\": [\"p1\"], \"roles\": \"any\","
    "   \"fields\": [\"f2\"], \"forms\": [\"plain\"], \"areas\": [\"320411002\"]}]}";

static const policy *the_policy(void)
{
    static policy *p;
    vault_error err = {0};
    if (p) return p;
    json_t *document = json_loads(text, 0, NULL);
    if (!document || policy_load(&p, document, &naive_names, &err) != VAULT_OK) abort();
    json_decref(document);
    return p;
}

static size_t differences(arena *mem, const policy *before, const policy *after)
{
    vault_error err = {0};
    access_list rows;
    const policy_pair pair = {.before = {.policy = before}, .after = {.policy = after}};
    arena_reset(mem);
    if (policy_compare(&rows, mem, &pair, &err) != VAULT_OK && err.code != VAULT_EXHAUSTED) abort();
    for (size_t i = 0; i < rows.count; i++)
        if (!rows.at[i].area_count || !rows.at[i].forms || rows.at[i].from > rows.at[i].until) abort();
    return rows.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    vault_error err = {0};
    lint_list found;
    VAULT_CLEANUP(json_clear) json_t *document = NULL;
    VAULT_CLEANUP(policy_free) policy *p = NULL;
    if (!mem) mem = arena_new(64 << 20);
    if (json_read(&document, bytes_of(data, size), "fuzz", &err) != VAULT_OK) return 0;
    if (policy_load(&p, document, &naive_names, &err) != VAULT_OK) return 0;
    (void)differences(mem, the_policy(), p);
    (void)differences(mem, p, the_policy());
    if (differences(mem, p, p) != 0) abort();
    arena_reset(mem);
    if (policy_lint(&found, mem, p, &(lint_ask){.today = 20260601, .roles = 1}, &err) != VAULT_OK) abort();
    return 0;
}
