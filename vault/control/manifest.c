/* From documents to a frozen manifest, and the look-ups in it. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what all documents share --------------------------------------------------------------------------------------
 */

vault_code builder_list(builder *b, json_t *list, const char *name, size_t most)
{
    if (!json_is_array(list)) return builder_fail(b, "%s: not a list", name);
    if (json_array_size(list) > most) return builder_fail(b, "%s: more than %zu entries", name, most);
    return VAULT_OK;
}

void builder_in(builder *b, const char *part)
{
    snprintf(b->at, sizeof b->at, "%s", part);
}

void builder_at(builder *b, const char *list, size_t i)
{
    snprintf(b->at, sizeof b->at, "%s[%zu]", list, i);
}

void builder_named(builder *b, json_t *value, const char *key)
{
    const char *id = json_string_value(json_object_get(value, key));
    size_t len = strlen(b->at);
    if (id && id_valid(id, "_/")) snprintf(b->at + len, sizeof b->at - len, " (%s)", id);
}

vault_code builder_id(builder *b, const char *key, const char *id, const char *extra)
{
    if (id_valid(id, extra)) return VAULT_OK;
    return builder_fail(b, "%s: '%.40s' is not 1 to 64 of a-z, 0-9, -%s", key, id, extra);
}

vault_code builder_text(builder *b, const char *key, const char *text)
{
    size_t len = strlen(text);
    bool plain = len >= 1 && len <= 200;
    for (size_t i = 0; i < len && plain; i++) plain = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    return plain ? VAULT_OK : builder_fail(b, "%s: not 1 to 200 bytes without control characters", key);
}

vault_code builder_twins(builder *b, const char *where, const char *const *ids, size_t count)
{
    const char *first, *second;
    if (!ids_look_alike(ids, count, &first, &second)) return VAULT_OK;
    return vault_fail(b->err, VAULT_INVALID, "%s: '%.64s' looks like '%.64s'", where, first, second);
}

/* ---- policy --------------------------------------------------------------------------------------------------------
 */

static unsigned name_field(void *context, const char *name)
{
    const schema_field *f = schema_find(&((const manifest_body *)context)->m.schema, bytes_of_text(name));
    return f ? f->number : 0;
}

static consumer_no name_consumer(void *context, const char *id)
{
    return find_consumer(context, id);
}

static purpose_no name_purpose(void *context, const char *id)
{
    const purpose *p = manifest_purpose(&((const manifest_body *)context)->m, bytes_of_text(id));
    return p ? p->no : (purpose_no){0};
}

/* A consumer may act for a purpose when a domain of it stands for the purpose, or for one above it. */
static bool registered(const manifest_body *body, const char *consumer, const char *id)
{
    consumer_no no = find_consumer(body, consumer);
    bytes name = bytes_of_text(id);
    for (;;) {
        const purpose *p = manifest_purpose(&body->m, name);
        if (p && manifest_domain(&body->m, no, p->no)) return true;
        const uint8_t *slash = name.len ? memrchr(name.at, '/', name.len) : NULL;
        if (!slash) return false;
        name.len = (size_t)(slash - name.at);
    }
}

/* The shape is known to be good: the policy has been loaded from it. */
static vault_code check_pairs(builder *b, json_t *rules)
{
    size_t i;
    json_t *value;
    json_array_foreach(rules, i, value)
    {
        const char *consumer = json_string_value(json_object_get(value, "consumer"));
        const char *id = json_string_value(json_object_get(value, "purpose"));
        builder_at(b, "policy.rules", i);
        builder_named(b, value, "id");
        if (!registered(b->body, consumer, id)) {
            return builder_fail(b, "consumer: '%s' is not registered for purpose '%s'", consumer, id);
        }
    }
    return VAULT_OK;
}

vault_code build_policy(builder *b, json_t *value)
{
    policy_names names = {.context = b->body, .field = name_field, .consumer = name_consumer, .purpose = name_purpose};
    VAULT_TRY(policy_load(&b->body->rules, value, &names, b->err));
    b->body->m.policy = b->body->rules;
    return check_pairs(b, json_object_get(value, "rules"));
}

/* ---- the whole -----------------------------------------------------------------------------------------------------
 */

bool vault_name_valid(const char *name)
{
    return id_valid(name, "./") && !strstr(name, "..") && !strstr(name, "//");
}

static vault_code build(builder *b, const documents *docs, json_t *numbers)
{
    VAULT_TRY(build_principals(b, docs->of[DOC_PRINCIPALS]));
    VAULT_TRY(build_schema(b, docs->of[DOC_SCHEMA]));
    VAULT_TRY(build_purposes(b, docs->of[DOC_PURPOSES], numbers));
    return build_policy(b, docs->of[DOC_POLICY]);
}

vault_code manifest_build(manifest_body **out, const char *vault, const documents *docs, json_t *numbers,
                          vault_error *err)
{
    *out = NULL;
    if (!vault_name_valid(vault)) {
        return vault_fail(err, VAULT_INVALID, "the vault's name is not 1 to 64 of a-z, 0-9, '.', '/', '-'");
    }
    VAULT_CLEANUP(manifest_free) manifest_body *body = memory_new(sizeof *body);
    for (unsigned i = 0; i < DOCUMENTS; i++) body->docs.of[i] = json_incref(docs->of[i]);
    body->m.vault = memory_text(vault);
    builder b = {.body = body, .err = err};
    VAULT_TRY(build(&b, docs, numbers));
    *out = body;
    body = NULL;
    return VAULT_OK;
}

void manifest_free(manifest_body **b)
{
    manifest_body *it = *b;
    *b = NULL;
    if (!it) return;
    policy_free(&it->rules);
    for (size_t i = 0; i < it->key_count; i++) cjose_jwk_release(it->keys[i].jwk);
    memory_free(it->keys, it->key_capacity * sizeof *it->keys);
    memory_free(it->fields, it->field_count * sizeof *it->fields);
    memory_free(it->departments, it->department_count * sizeof *it->departments);
    memory_free(it->principals, it->principal_count * sizeof *it->principals);
    memory_free(it->by_uri, it->principal_count * sizeof *it->by_uri);
    memory_free(it->apps_by_id, it->app_count * sizeof *it->apps_by_id);
    memory_free(it->persons, it->person_count * sizeof *it->persons);
    memory_free(it->purposes, it->purpose_count * sizeof *it->purposes);
    memory_free(it->purposes_by_id, it->purpose_count * sizeof *it->purposes_by_id);
    memory_free(it->domains, it->domain_capacity * sizeof *it->domains);
    memory_free(it->domains_by_number, it->domain_capacity * sizeof *it->domains_by_number);
    memory_free(it->domain_rings, it->domain_capacity * sizeof *it->domain_rings);
    memory_free((char *)it->m.vault, strlen(it->m.vault) + 1);
    documents_clear(&it->docs);
    memory_free(it, sizeof *it);
}

vault_code manifest_rings(const manifest_body *b, ring_visitor each, void *context, vault_error *err)
{
    static const char *const fixed[] = {"record", "natural", "control", "log"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) VAULT_TRY(each(context, fixed[i], err));
    for (size_t i = 0; i < b->field_count; i++) {
        char name[RING_NAME_MAX];
        if (!b->fields[i].term) continue;
        snprintf(name, sizeof name, "term/%s", b->fields[i].name);
        VAULT_TRY(each(context, name, err));
    }
    for (size_t i = 0; i < b->domain_count; i++) VAULT_TRY(each(context, b->domains[i].ring, err));
    return VAULT_OK;
}
