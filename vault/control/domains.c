/* Domains: one for each consumer of each purpose, under a number that the vault draws and never gives to another. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERED_MAX = 1 << 22 }; /* a quarter of all numbers: drawing one that is free stays quick */

static int order(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_pairs(const void *a, const void *b)
{
    const domain *x = a, *y = b;
    int by_consumer = order(x->consumer.no, y->consumer.no);
    return by_consumer ? by_consumer : order(x->purpose.no, y->purpose.no);
}

static int compare_numbers(const void *a, const void *b)
{
    return order((*(const domain *const *)a)->number, (*(const domain *const *)b)->number);
}

/* ---- the document ---- */

/* An entry as it stands; pairs that are gone keep theirs. */
typedef struct numbered {
    const char *consumer, *purpose;
    uint32_t number;
} numbered;

typedef struct numbering {
    numbered *of; /* by consumer and purpose */
    size_t count;
    uint8_t *taken; /* a bit for each number */
} numbering;

enum { TAKEN_LEN = (DOMAIN_NUMBER_MAX + 1) / 8 };

static void numbering_clear(numbering *n)
{
    memory_free(n->of, n->count * sizeof *n->of);
    memory_free(n->taken, n->taken ? TAKEN_LEN : 0);
    *n = (numbering){0};
}

/* False when it is taken already. */
static bool take(numbering *n, uint32_t number)
{
    uint8_t bit = (uint8_t)(1U << (number & 7));
    if (n->taken[number >> 3] & bit) return false;
    n->taken[number >> 3] |= bit;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    int by_consumer = strcmp(x->consumer, y->consumer);
    return by_consumer ? by_consumer : strcmp(x->purpose, y->purpose);
}

static vault_code read_numbered(builder *b, numbering *n, numbered *out, json_t *value)
{
    json_int_t number;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:I}", "consumer", &out->consumer, "purpose", &out->purpose, "number",
                            &number));
    if (number < 1 || number > DOMAIN_NUMBER_MAX) {
        return builder_fail(b, "number", "not 1 to %d", DOMAIN_NUMBER_MAX);
    }
    out->number = (uint32_t)number;
    return take(n, out->number) ? VAULT_OK : builder_fail(b, "number", "%u stands twice", out->number);
}

static vault_code read_numbering(builder *b, numbering *n, json_t *stands)
{
    size_t i;
    json_t *list, *value;
    builder_in(b, "domains");
    VAULT_TRY(builder_shape(b, stands, "{s:o}", "domains", &list));
    VAULT_TRY(builder_list(b, list, "domains", NUMBERED_MAX));
    n->count = json_array_size(list);
    n->of = memory_array(n->count, sizeof *n->of);
    n->taken = memory_new(TAKEN_LEN);
    json_array_foreach(list, i, value)
    {
        builder_at(b, "domains.domains", i);
        VAULT_TRY(read_numbered(b, n, &n->of[i], value));
    }
    if (n->count > 0) qsort(n->of, n->count, sizeof *n->of, compare_names);
    builder_in(b, "domains");
    for (i = 1; i < n->count; i++) {
        if (compare_names(&n->of[i - 1], &n->of[i]) != 0) continue;
        return builder_fail(b, "domains", "'%.40s' for '%.40s' stands twice", n->of[i].consumer, n->of[i].purpose);
    }
    return VAULT_OK;
}

static const numbered *find_numbered(const numbering *n, const char *consumer, const char *id)
{
    const numbered wanted = {.consumer = consumer, .purpose = id};
    return n->count ? bsearch(&wanted, n->of, n->count, sizeof *n->of, compare_names) : NULL;
}

/* ---- in the manifest ---- */

/* Without numbers (a trial) domains are counted. */
static vault_code number_domains(builder *b, const numbering *n)
{
    manifest_body *body = b->body;
    for (size_t i = 0; i < body->domain_count; i++) {
        domain *d = &body->domains[i];
        d->number = (uint32_t)i + 1;
        if (!n) continue;
        const char *consumer = body->principals[d->consumer.no - 1].id, *id = body->purposes[d->purpose.no - 1].id;
        const numbered *found = find_numbered(n, consumer, id);
        if (!found) return builder_fail(b, "domains", "'%.40s' for '%.40s' has no number", consumer, id);
        d->number = found->number;
    }
    return VAULT_OK;
}

static void index_domains(manifest_body *body)
{
    size_t count = body->domain_count;
    qsort(body->domains, count, sizeof *body->domains, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        domain *d = &body->domains[i];
        snprintf(body->domain_rings[i], sizeof *body->domain_rings, "token/%u", d->number);
        d->ring = body->domain_rings[i];
        body->domains_by_number[i] = d;
    }
    qsort(body->domains_by_number, count, sizeof *body->domains_by_number, compare_numbers);
}

vault_code build_domains(builder *b, json_t *stands)
{
    VAULT_CLEANUP(numbering_clear) numbering n = {0};
    if (stands) VAULT_TRY(read_numbering(b, &n, stands));
    VAULT_TRY(number_domains(b, stands ? &n : NULL));
    index_domains(b->body);
    return VAULT_OK;
}

/* ---- new numbers ---- */

/* Random, so that a token's domain number tells a finder nothing, not even how many domains there are. */
static vault_code draw_number(numbering *n, uint32_t *out, vault_error *err)
{
    do {
        uint8_t at[4] = {0};
        VAULT_TRY(entropy_fill(at + 1, 3, err));
        reader r = reader_over(bytes_of(at, sizeof at));
        *out = get_u32(&r);
    } while (*out == 0 || !take(n, *out));
    return VAULT_OK;
}

static vault_code add_domain(json_t *list, numbering *n, const char *consumer, const char *id, vault_error *err)
{
    uint32_t number;
    if (json_array_size(list) >= NUMBERED_MAX) {
        return vault_fail(err, VAULT_EXHAUSTED, "domains: %d numbers are given", NUMBERED_MAX);
    }
    VAULT_TRY(draw_number(n, &number, err));
    json_t *entry = json_pack("{s:s, s:s, s:I}", "consumer", consumer, "purpose", id, "number", (json_int_t)number);
    if (entry && json_array_append_new(list, entry) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_EXHAUSTED, "domains: no memory");
}

/* Twice the same pair is not looked for: such documents are refused before. */
static vault_code add_missing(json_t *list, numbering *n, json_t *purposes, vault_error *err)
{
    size_t i, k;
    json_t *entry, *value;
    json_array_foreach(json_object_get(purposes, "purposes"), i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        json_array_foreach(json_object_get(entry, "consumers"), k, value)
        {
            const char *consumer = json_string_value(value);
            if (!id || !consumer) return vault_fail(err, VAULT_INVALID, "purposes: not checked before");
            if (!find_numbered(n, consumer, id)) VAULT_TRY(add_domain(list, n, consumer, id, err));
        }
    }
    return VAULT_OK;
}

vault_code domains_complete(json_t **out, const documents *docs, vault_error *err)
{
    VAULT_CLEANUP(numbering_clear) numbering n = {0};
    VAULT_CLEANUP(json_clear)
    json_t *all = docs->of[DOC_DOMAINS] ? json_deep_copy(docs->of[DOC_DOMAINS]) : json_pack("{s:[]}", "domains");
    builder b = {.err = err};
    *out = NULL;
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "domains: no memory");
    VAULT_TRY(read_numbering(&b, &n, all));
    VAULT_TRY(add_missing(json_object_get(all, "domains"), &n, docs->of[DOC_PURPOSES], err));
    *out = all;
    all = NULL;
    return VAULT_OK;
}

/* ---- look-ups ---- */

const domain *manifest_domain(const manifest *m, consumer_no consumer, purpose_no no)
{
    const manifest_body *body = body_of(m);
    const domain wanted = {.consumer = consumer, .purpose = no};
    return bsearch(&wanted, body->domains, body->domain_count, sizeof *body->domains, compare_pairs);
}

const domain *manifest_domain_number(const manifest *m, uint32_t number)
{
    const manifest_body *body = body_of(m);
    const domain wanted = {.number = number}, *key = &wanted;
    const domain **found =
        bsearch(&key, body->domains_by_number, body->domain_count, sizeof *body->domains_by_number, compare_numbers);
    return found ? *found : NULL;
}

static const json_t *issuers(const manifest *m)
{
    return json_object_get(body_of(m)->docs.of[DOC_DOMAINS], "domains");
}

size_t manifest_issuer_count(const manifest *m)
{
    return json_array_size(issuers(m));
}

issuer manifest_issuer(const manifest *m, size_t i)
{
    const json_t *at = json_array_get(issuers(m), i);
    return (issuer){.number = (uint32_t)json_integer_value(json_object_get(at, "number")),
                    .app = json_string_value(json_object_get(at, "consumer")),
                    .purpose = json_string_value(json_object_get(at, "purpose"))};
}
