/* Purposes, and the domains that they make: one for each consumer of each purpose. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PURPOSES_MAX = UINT16_MAX - 1, DOMAINS_MAX = 1 << 20 };

/* ---- domains -------------------------------------------------------------------------------------------------------
 */

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

static vault_code read_number(builder *b, domain *out, json_t *numbers, size_t i)
{
    if (!numbers) {
        out->number = (uint32_t)i + 1;
        return VAULT_OK;
    }
    json_int_t number = json_integer_value(json_array_get(numbers, i));
    if (number < 1 || number > DOMAIN_NUMBER_MAX) {
        return vault_fail(b->err, VAULT_INVALID, "domains[%zu]: not 1 to %d", i, DOMAIN_NUMBER_MAX);
    }
    out->number = (uint32_t)number;
    return VAULT_OK;
}

static vault_code read_consumer(builder *b, domain *out, json_t *value)
{
    const char *id = json_string_value(value);
    if (!id) return builder_fail(b, "%s: not a text", "consumers");
    out->consumer = find_consumer(b->body, id);
    return out->consumer.no ? VAULT_OK : builder_fail(b, "consumers: unknown app '%.40s'", id);
}

static vault_code read_domains(builder *b, json_t *list, purpose_no no, json_t *numbers)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        domain *d = &b->body->domains[b->body->domain_count];
        d->purpose = no;
        VAULT_TRY(read_consumer(b, d, value));
        VAULT_TRY(read_number(b, d, numbers, b->body->domain_count));
        b->body->domain_count++;
    }
    return VAULT_OK;
}

static vault_code index_domains(builder *b)
{
    manifest_body *body = b->body;
    size_t count = body->domain_count;
    qsort(body->domains, count, sizeof *body->domains, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        domain *d = &body->domains[i];
        if (i > 0 && compare_pairs(d - 1, d) == 0) {
            return vault_fail(b->err, VAULT_INVALID, "purposes (%s): consumers: '%s' stands twice",
                              body->purposes[d->purpose.no - 1].id, body->principals[d->consumer.no - 1].id);
        }
        snprintf(body->domain_rings[i], sizeof *body->domain_rings, "token/%u", d->number);
        d->ring = body->domain_rings[i];
        body->domains_by_number[i] = d;
    }
    qsort(body->domains_by_number, count, sizeof *body->domains_by_number, compare_numbers);
    for (size_t i = 1; i < count; i++) {
        if (compare_numbers(&body->domains_by_number[i - 1], &body->domains_by_number[i]) == 0) {
            return vault_fail(b->err, VAULT_INVALID, "domains: %u stands twice", body->domains_by_number[i]->number);
        }
    }
    return VAULT_OK;
}

/* ---- purposes ------------------------------------------------------------------------------------------------------
 */

static vault_code read_purpose(builder *b, size_t i, json_t *value, json_t *numbers)
{
    purpose *p = &b->body->purposes[i];
    json_t *consumers;
    VAULT_TRY(json_shape(value, b->err, b->at, "{s:s, s:s, s:s, s:o}", "id", &p->id, "title", &p->title, "basis",
                         &p->basis, "consumers", &consumers));
    VAULT_TRY(builder_id(b, "id", p->id, "/"));
    if (strstr(p->id, "//")) return builder_fail(b, "%s: an empty part between slashes", "id");
    VAULT_TRY(builder_text(b, "title", p->title));
    VAULT_TRY(builder_text(b, "basis", p->basis));
    p->no.no = (uint16_t)(i + 1);
    return read_domains(b, consumers, p->no, numbers);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const purpose *const *)a)->id, (*(const purpose *const *)b)->id);
}

/* "a/b" lies below "a", which must be registered. */
static vault_code check_parents(builder *b)
{
    for (size_t i = 0; i < b->body->purpose_count; i++) {
        const char *id = b->body->purposes[i].id, *slash = strrchr(id, '/');
        if (!slash || manifest_purpose(&b->body->m, bytes_of(id, (size_t)(slash - id)))) continue;
        return vault_fail(b->err, VAULT_INVALID, "purposes (%s): id: the purpose above is not registered", id);
    }
    return VAULT_OK;
}

static vault_code index_purposes(builder *b)
{
    manifest_body *body = b->body;
    const char **ids = memory_array(body->purpose_count, sizeof *ids);
    for (size_t i = 0; i < body->purpose_count; i++) {
        ids[i] = body->purposes[i].id;
        body->purposes_by_id[i] = &body->purposes[i];
    }
    vault_code code = builder_twins(b, "purposes: id", ids, body->purpose_count);
    memory_free(ids, body->purpose_count * sizeof *ids);
    VAULT_TRY(code);
    qsort(body->purposes_by_id, body->purpose_count, sizeof *body->purposes_by_id, compare_ids);
    return check_parents(b);
}

static vault_code count_domains(builder *b, json_t *list, json_t *numbers, size_t *count)
{
    size_t i;
    json_t *value;
    *count = 0;
    json_array_foreach(list, i, value)
    {
        builder_at(b, "purposes", i);
        builder_named(b, value, "id");
        json_t *consumers = json_object_get(value, "consumers");
        VAULT_TRY(builder_list(b, consumers, "consumers", PURPOSES_MAX));
        *count += json_array_size(consumers);
    }
    builder_in(b, "purposes");
    if (*count > DOMAINS_MAX) return builder_fail(b, "more than %d domains", DOMAINS_MAX);
    if (numbers && json_array_size(numbers) != *count)
        return builder_fail(b, "%zu domains, not as many numbers", *count);
    return VAULT_OK;
}

static vault_code make_room(builder *b, json_t *list, json_t *numbers)
{
    manifest_body *body = b->body;
    VAULT_TRY(builder_list(b, list, "purposes", PURPOSES_MAX));
    VAULT_TRY(count_domains(b, list, numbers, &body->domain_capacity));
    body->purpose_count = json_array_size(list);
    body->purposes = memory_array(body->purpose_count, sizeof *body->purposes);
    body->purposes_by_id = memory_array(body->purpose_count, sizeof *body->purposes_by_id);
    body->domains = memory_array(body->domain_capacity, sizeof *body->domains);
    body->domains_by_number = memory_array(body->domain_capacity, sizeof *body->domains_by_number);
    body->domain_rings = memory_array(body->domain_capacity, sizeof *body->domain_rings);
    return VAULT_OK;
}

vault_code build_purposes(builder *b, json_t *value, json_t *numbers)
{
    json_t *list, *entry;
    size_t i;
    builder_in(b, "purposes");
    VAULT_TRY(json_shape(value, b->err, "purposes", "{s:o}", "purposes", &list));
    VAULT_TRY(make_room(b, list, numbers));
    json_array_foreach(list, i, entry)
    {
        builder_at(b, "purposes", i);
        builder_named(b, entry, "id");
        VAULT_TRY(read_purpose(b, i, entry, numbers));
    }
    VAULT_TRY(index_purposes(b));
    return index_domains(b);
}

/* ---- look-ups ------------------------------------------------------------------------------------------------------
 */

static int compare_bytes(bytes a, const char *text)
{
    int by_start = strncmp((const char *)a.at, text, a.len);
    return by_start ? by_start : text[a.len] == '\0' ? 0 : -1;
}

const purpose *manifest_purpose(const manifest *m, bytes id)
{
    const manifest_body *body = body_of(m);
    if (id.len == 0 || id.len > ID_MAX || memchr(id.at, 0, id.len)) return NULL;
    size_t low = 0, high = body->purpose_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int by = compare_bytes(id, body->purposes_by_id[middle]->id);
        if (by == 0) return body->purposes_by_id[middle];
        if (by < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

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
