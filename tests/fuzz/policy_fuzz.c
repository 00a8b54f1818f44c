/* Any text as a policy: it is refused, or it answers as the naive reading does, and explains what it answers. */
#include "tests/unit/policy/chance.h"
#include "tests/unit/policy/explained.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const policy *p, json_t *document)
{
    uint64_t seed = 1 + policy_rule_count(p);
    for (unsigned i = 0; i < 50; i++) {
        policy_person who;
        policy_facts f = naive_facts(&seed, &who);
        policy_resident of = naive_resident(&seed);
        admission a = policy_admit(p, &f);
        grant g = policy_decide(p, &a, &f, of);
        naive_answer n = naive_decide(document, &f, &of);
        if (g.failed != n.failed || g.inner != n.inner || g.given != (n.failed == CLAUSE_NONE)) abort();
        if (g.given && strcmp(policy_rule_id(p, g.rule), n.rule) != 0) abort();
        explained_as_naive(p, &(explained){.document = document, .facts = f, .of = of});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *document = NULL;
    VAULT_CLEANUP(policy_free) policy *p = NULL;
    if (json_read(&document, bytes_of(data, size), "fuzz", &err) != VAULT_OK) return 0;
    if (policy_load(&p, document, &naive_names, &err) == VAULT_OK)
        ask(p, document);
    else if (err.code != VAULT_INVALID || !err.detail[0] || !err.reason || strncmp(err.field, "policy", 6) != 0)
        abort();
    return 0;
}
