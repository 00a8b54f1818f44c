/* Sharing bases: who may hand residents over to whom, for what. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BASES_MAX = 10000 };

static vault_code read_app(builder *b, consumer_no *out, const char *key, const char *id)
{
    *out = find_consumer(b->body, id);
    if (out->no) return VAULT_OK;
    return builder_fail(b, key, "unknown app '%.40s': register it in principals", id);
}

static vault_code read_purpose(builder *b, sharing_basis *out, const char *to, const char *id)
{
    const purpose *p = manifest_purpose(&b->body->m, bytes_of_text(id));
    if (!p) return builder_fail(b, "purpose", "unknown purpose '%.40s': register it in purposes", id);
    out->purpose = p->no;
    if (manifest_domain(&b->body->m, out->to, p->no)) return VAULT_OK;
    return builder_fail(b, "purpose", "'%.40s' is no consumer of '%.40s': add it to its consumers", to, id);
}

static vault_code read_basis(builder *b, sharing_basis *out, json_t *value)
{
    const char *from, *to, *use;
    json_t *areas, *valid;
    uint32_t days[2];
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", &out->id, "item", &out->item, "from",
                            &from, "to", &to, "purpose", &use, "areas", &areas, "valid", &valid));
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    VAULT_TRY(builder_text(b, "item", out->item));
    VAULT_TRY(read_app(b, &out->from, "from", from));
    VAULT_TRY(read_app(b, &out->to, "to", to));
    if (out->from.no == out->to.no) return builder_fail(b, "to", "'%.40s' shares with itself: name another app", to);
    VAULT_TRY(read_purpose(b, out, to, use));
    VAULT_TRY(builder_areas(b, areas, &out->areas, &out->area_count));
    if (out->area_count == 0) return builder_fail(b, "areas", "an empty list shares nothing: leave the basis out");
    VAULT_TRY(builder_days(b, "valid", valid, days));
    out->valid_from = days[0];
    out->valid_until = days[1];
    return VAULT_OK;
}

static vault_code check_ids(builder *b)
{
    size_t count = b->body->basis_count;
    const char **ids = memory_array(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) ids[i] = b->body->bases[i].id;
    vault_code code = builder_twins(b, "sharing.bases[].id", ids, count);
    memory_free(ids, count * sizeof *ids);
    return code;
}

static int compare_bases(const void *a, const void *b)
{
    return strcmp(((const sharing_basis *)a)->id, ((const sharing_basis *)b)->id);
}

vault_code build_sharing(builder *b, json_t *value)
{
    size_t i;
    json_t *list, *entry;
    builder_in(b, "sharing");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "bases", &list));
    VAULT_TRY(builder_list(b, list, "bases", BASES_MAX));
    b->body->basis_count = json_array_size(list);
    b->body->bases = memory_array(b->body->basis_count, sizeof *b->body->bases);
    json_array_foreach(list, i, entry)
    {
        builder_entry(b, "sharing.bases", i, entry);
        VAULT_TRY(read_basis(b, &b->body->bases[i], entry));
    }
    VAULT_TRY(check_ids(b));
    qsort(b->body->bases, b->body->basis_count, sizeof *b->body->bases, compare_bases);
    b->body->m.bases = b->body->bases;
    b->body->m.basis_count = b->body->basis_count;
    return VAULT_OK;
}

const sharing_basis *manifest_basis(const manifest *m, const char *id)
{
    const sharing_basis wanted = {.id = id};
    if (m->basis_count == 0) return NULL;
    return bsearch(&wanted, m->bases, m->basis_count, sizeof *m->bases, compare_bases);
}
