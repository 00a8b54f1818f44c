/* One call that an app asks leave for: it waits like a proposal, never comes into force, and stands until it expires.
 * The approval is bound to the call itself, of which the manifest keeps the digest: not to a name for it. */
#include "vault/control/staged.h"

#include <string.h>

static const int64_t LIFETIME_LEAST_US = INT64_C(60) * 1000000, LIFETIME_MOST_US = INT64_C(86400) * 1000000;

/* Apps must not crowd out what administrators propose, nor each other. */
static vault_code check_room(const draft *d)
{
    unsigned all = 0, own = 0;
    for (size_t i = 0; i < d->core.pending_count; i++) {
        const approval *a = &d->core.pending[i];
        all += a->document == DOC_ACCESS;
        own += a->document == DOC_ACCESS && strcmp(a->proposer, d->what->who->id) == 0;
    }
    if (all < ACCESSES_MAX && own < ACCESSES_OF_APP) return VAULT_OK;
    return vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_PENDING", "");
}

/* What officers are shown: the same call another time has the same text but for its ticket. */
static json_t *describe(const draft *d)
{
    const access_ask *of = d->what->access;
    digest_hex bound;
    digest_write(bound, &of->bound);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "app", d->what->who->id, "call", bound, "fields",
                     of->fields, "form", of->form, "method", of->method, "person", of->person, "purpose", of->purpose,
                     "residents", (json_int_t)of->residents, "ticket", d->core.record.ticket);
}

vault_code access_propose(draft *d)
{
    const digest nothing = {0};
    int64_t lifetime = d->what->lifetime_us;
    VAULT_TRY(draft_must_be(d, ROLE_APP));
    if (lifetime < LIFETIME_LEAST_US || lifetime > LIFETIME_MOST_US)
        return vault_refuse(d->err, VAULT_INVALID, "BAD_LIFETIME", "lifetime_seconds");
    VAULT_TRY(check_room(d));
    VAULT_CLEANUP(json_clear) json_t *value = describe(d);
    if (!value) return vault_fail(d->err, VAULT_INVALID, "a text of the call is not UTF-8");
    VAULT_TRY(draft_propose(d, DOC_ACCESS, value, &nothing));
    d->core.pending[d->core.pending_count - 1].bound = d->what->access->bound;
    return VAULT_OK;
}

const approval *manifest_access(const manifest *m, const char *name, const digest *bound, int64_t now_us)
{
    const approval *a = manifest_approval(m, name);
    if (!a || a->document != DOC_ACCESS || now_us >= a->expires_us) return NULL;
    return digest_same(&a->bound, bound) && approval_complete(m, a) ? a : NULL;
}

vault_code access_read(access_ask *out, arena *mem, bytes content, vault_error *err)
{
    static const char *const keys[] = {"method", "person", "purpose", "fields", "form"};
    const char **const texts[] = {&out->method, &out->person, &out->purpose, &out->fields, &out->form};
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    *out = (access_ask){0};
    VAULT_TRY(json_read(&value, content, "access", err));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = json_string_value(json_object_get(value, keys[i]));
        if (!text) return vault_fail(err, VAULT_INTEGRITY, "an access that waits does not say its %s", keys[i]);
        if (!(*texts[i] = arena_text(mem, bytes_of_text(text))))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for an access");
    }
    out->residents = (uint32_t)json_integer_value(json_object_get(value, "residents"));
    return VAULT_OK;
}
