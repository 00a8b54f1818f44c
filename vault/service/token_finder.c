#include "vault/service/token_finder.h"

#include <stdio.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
    const token_domain *x = a, *y = b;
    return (x->of.number > y->of.number) - (x->of.number < y->of.number);
}

vault_code token_finder_open(token_finder *out, session *s, vault_error *err)
{
    const manifest *m = s->manifest;
    *out = (token_finder){.s = s, .err = err, .domain_count = manifest_issuer_count(m)};
    out->domains = arena_array(s->mem, out->domain_count + 1, sizeof *out->domains);
    if (!out->domains) return vault_fail(err, VAULT_EXHAUSTED, "no memory for domains");
    for (size_t i = 0; i < out->domain_count; i++) out->domains[i].of = manifest_issuer(m, i);
    qsort(out->domains, out->domain_count, sizeof *out->domains, by_number);
    for (size_t i = 0; i < out->domain_count; i++) {
        token_domain *d = &out->domains[i];
        snprintf(d->ring, sizeof d->ring, "token/%u", d->of.number);
        d->found = (domain){.number = d->of.number, .ring = d->ring};
        const ring *active = keyring_active(manifest_keys(m), d->ring);
        d->newest = active ? active->version : 0;
    }
    return VAULT_OK;
}

static bool opens(token_finder *f, const token_domain *d, const token *candidate)
{
    resident_id id;
    if (f->err->code != VAULT_OK || cabinet_resolve(f->s->cabinet, &id, &d->found, candidate, f->err) != VAULT_OK)
        return false;
    if (id.id == 0) return false;
    f->domain = d;
    f->resident = id;
    return true;
}

/* Raw bytes say nothing of their domain: all are tried. */
static bool raw_genuine(token_finder *f, token *candidate)
{
    for (size_t i = 0; i < f->domain_count; i++) {
        candidate->domain = f->domains[i].of.number;
        for (uint32_t epoch = f->domains[i].newest; epoch > 0; epoch--) {
            candidate->epoch = (uint16_t)epoch;
            if (opens(f, &f->domains[i], candidate)) return true;
        }
    }
    return false;
}

static bool genuine(void *context, token *candidate)
{
    token_finder *f = context;
    const token_domain wanted = {.of = {.number = candidate->domain}};
    if (candidate->domain == 0 && candidate->epoch == 0) return raw_genuine(f, candidate);
    const token_domain *d = bsearch(&wanted, f->domains, f->domain_count, sizeof wanted, by_number);
    return d && opens(f, d, candidate);
}

damage_found token_find(token_finder *f, bytes text, uint64_t budget)
{
    const damage_judge judge = {.context = f, .genuine = genuine};
    f->domain = NULL;
    f->resident = (resident_id){0};
    return damage_read(text, &judge, budget);
}
