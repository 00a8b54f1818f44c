/* Purposes, and the consumers that are registered for them. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PURPOSES_MAX = UINT16_MAX - 1, CONSUMERS_MAX = 1000, DOMAINS_MAX = 1 << 20, NOTICE_MAX = 1000 };

/* ---- purposes ---- */

static vault_code read_assessment(builder *b, purpose *p, json_t *value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-./";
    const char *until;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s}", "id", &p->assessment, "until", &until));
    size_t len = strlen(p->assessment);
    if (len < 1 || len > ID_MAX || strspn(p->assessment, letters) != len) {
        return builder_fail(b, "id", "'%.40s' is not 1 to %d of A-Z, a-z, 0-9, - . /", p->assessment, ID_MAX);
    }
    if (date_read(&p->assessed_until, until)) return VAULT_OK;
    return builder_fail(b, "until", "'%.20s' is no day: write 2026-01-31", until);
}

static vault_code read_consumers(builder *b, json_t *list, purpose_no no)
{
    char key[32];
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        domain *d = &b->body->domains[b->body->domain_count];
        const char *id = json_string_value(value);
        snprintf(key, sizeof key, "consumers[%zu]", i);
        if (!id) return builder_fail(b, key, "not a text: write \"...\"");
        d->purpose = no;
        d->consumer = find_consumer(b->body, id);
        if (d->consumer.no == 0) return builder_fail(b, key, "unknown app '%.40s': register it in principals", id);
        for (const domain *other = d - i; other < d; other++) {
            if (other->consumer.no == d->consumer.no) return builder_fail(b, key, "'%.40s' stands twice", id);
        }
        b->body->domain_count++;
    }
    return VAULT_OK;
}

/* In which forms its rules may answer. An empty list would be a purpose for nothing. */
static vault_code read_forms(builder *b, purpose *p, json_t *list)
{
    char key[32];
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "forms", FORMS));
    if (json_array_size(list) == 0) return builder_fail(b, "forms", "an empty list: name the forms of its rules");
    json_array_foreach(list, i, value)
    {
        const char *name = json_string_value(value);
        unsigned form = 0;
        snprintf(key, sizeof key, "forms[%zu]", i);
        while (form < FORMS && name && strcmp(name, policy_form_name((policy_form)form)) != 0) form++;
        if (!name || form == FORMS)
            return builder_fail(b, key, "unknown form '%.20s': plain, masked, token, predicate, count or nothing",
                                name ? name : "");
        if (p->forms & 1U << form) return builder_fail(b, key, "'%s' stands twice", name);
        p->forms |= 1U << form;
    }
    return VAULT_OK;
}

static vault_code read_retention(builder *b, purpose *p, const char *text)
{
    p->retention_months = months_read(text);
    if (p->retention_months > 0) return VAULT_OK;
    return builder_fail(b, "retention", "'%.20s' is not P1M to P1200M or P1Y to P100Y", text);
}

static vault_code read_purpose(builder *b, size_t i, json_t *value)
{
    purpose *p = &b->body->purposes[i];
    const char *retention;
    json_t *consumers, *assessment, *forms;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "id", &p->id, "title", &p->title,
                            "basis", &p->basis, "notice", &p->notice, "forms", &forms, "retention", &retention,
                            "assessment", &assessment, "consumers", &consumers));
    VAULT_TRY(builder_id(b, "id", p->id, "/"));
    if (strstr(p->id, "//")) return builder_fail(b, "id", "an empty part between slashes");
    VAULT_TRY(builder_text(b, "title", p->title));
    VAULT_TRY(builder_text(b, "basis", p->basis));
    VAULT_TRY(builder_text_of(b, "notice", p->notice, NOTICE_MAX));
    VAULT_TRY(read_forms(b, p, forms));
    VAULT_TRY(read_retention(b, p, retention));
    p->no.no = (uint16_t)(i + 1);
    VAULT_TRY(read_consumers(b, consumers, p->no));
    builder_at(b, "purposes.purposes", i);
    builder_into(b, "assessment");
    builder_named(b, value, "id");
    return read_assessment(b, p, assessment);
}

/* ---- expired assessments ---- */

static bool expired(const json_t *entry, uint32_t today)
{
    uint32_t until;
    const char *text = json_string_value(json_object_get(json_object_get(entry, "assessment"), "until"));
    return !text || !date_read(&until, text) || until < today;
}

/* The entries of a document, by id. */
static json_t *by_id(json_t *value)
{
    size_t i;
    json_t *entry, *all = json_object();
    json_array_foreach(json_object_get(value, "purposes"), i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        if (id) json_object_set(all, id, entry);
    }
    return all;
}

vault_code purposes_assessed(json_t *value, json_t *standing, uint32_t today, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *before = by_id(standing);
    char path[sizeof err->field];
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(value, "purposes"), i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        if (id && json_equal(entry, json_object_get(before, id))) continue;
        if (!expired(entry, today)) continue;
        snprintf(path, sizeof path, "purposes.purposes[%zu].assessment.until", i);
        (void)vault_refuse(err, VAULT_INVALID, "ASSESSMENT_EXPIRED", path);
        snprintf(err->detail, sizeof err->detail, "%.64s: the impact assessment has expired: file a new one",
                 id ? id : "");
        return VAULT_INVALID;
    }
    return VAULT_OK;
}

/* ---- all of them ---- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const purpose *const *)a)->id, (*(const purpose *const *)b)->id);
}

/* "a/b" lies below "a", which must be registered. */
static vault_code check_parents(builder *b)
{
    for (size_t i = 0; i < b->body->purpose_count; i++) {
        purpose *p = &b->body->purposes[i];
        const char *id = p->id, *slash = strrchr(id, '/');
        const purpose *above = slash ? manifest_purpose(&b->body->m, bytes_of(id, (size_t)(slash - id))) : NULL;
        if (above) p->above = above->no;
        if (!slash || above) continue;
        builder_at(b, "purposes.purposes", i);
        return builder_fail(b, "id", "the purpose above '%.64s' is not registered", id);
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
    vault_code code = builder_twins(b, "purposes.purposes[].id", ids, body->purpose_count);
    memory_free(ids, body->purpose_count * sizeof *ids);
    VAULT_TRY(code);
    qsort(body->purposes_by_id, body->purpose_count, sizeof *body->purposes_by_id, compare_ids);
    return check_parents(b);
}

static vault_code count_domains(builder *b, json_t *list, size_t *count)
{
    size_t i;
    json_t *value;
    *count = 0;
    json_array_foreach(list, i, value)
    {
        json_t *consumers = json_object_get(value, "consumers");
        if (!consumers) continue; /* told with the shape */
        builder_entry(b, "purposes.purposes", i, value);
        VAULT_TRY(builder_list(b, consumers, "consumers", CONSUMERS_MAX));
        *count += json_array_size(consumers);
    }
    builder_in(b, "purposes");
    return *count > DOMAINS_MAX ? builder_fail(b, "purposes", "more than %d domains", DOMAINS_MAX) : VAULT_OK;
}

static vault_code make_room(builder *b, json_t *list)
{
    manifest_body *body = b->body;
    VAULT_TRY(builder_list(b, list, "purposes", PURPOSES_MAX));
    VAULT_TRY(count_domains(b, list, &body->domain_capacity));
    body->purpose_count = json_array_size(list);
    body->purposes = memory_array(body->purpose_count, sizeof *body->purposes);
    body->purposes_by_id = memory_array(body->purpose_count, sizeof *body->purposes_by_id);
    body->domains = memory_array(body->domain_capacity, sizeof *body->domains);
    body->domains_by_number = memory_array(body->domain_capacity, sizeof *body->domains_by_number);
    body->domain_rings = memory_array(body->domain_capacity, sizeof *body->domain_rings);
    return VAULT_OK;
}

vault_code build_purposes(builder *b, json_t *value, json_t *domains)
{
    json_t *list, *entry;
    size_t i;
    builder_in(b, "purposes");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "purposes", &list));
    VAULT_TRY(make_room(b, list));
    json_array_foreach(list, i, entry)
    {
        builder_entry(b, "purposes.purposes", i, entry);
        VAULT_TRY(read_purpose(b, i, entry));
    }
    VAULT_TRY(index_purposes(b));
    return build_domains(b, domains);
}

/* ---- look-ups ---- */

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
