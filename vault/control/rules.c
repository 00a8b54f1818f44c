/* The policy within the manifest: what its names refer to, and who is registered for what. */
#include "vault/control/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------------------------------
 */

static policy_field name_field(void *context, const char *name)
{
    const schema *s = &((const manifest_body *)context)->m.schema;
    const schema_field *f = schema_find(s, bytes_of_text(name));
    const schema_predicate *p = f ? NULL : schema_predicate_find(s, bytes_of_text(name));
    if (f) return (policy_field){.number = f->number, .collection = f->collection->number};
    if (!p) return (policy_field){0};
    return (policy_field){.number = p->number, .collection = p->field->collection->number, .predicate = true};
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

static uint32_t purpose_assessed(void *context, purpose_no no)
{
    const manifest_body *body = context;
    return no.no >= 1 && no.no <= body->purpose_count ? body->purposes[no.no - 1].assessed_until : 0;
}

static role_no name_role(void *context, const char *id)
{
    return find_role(context, id);
}

/* ---- registered pairs ----------------------------------------------------------------------------------------------
 */

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

/* Whole records are erased: a rule with other fields than what names them would never be met. */
static vault_code check_erase(builder *b, json_t *rule)
{
    const json_t *fields = json_object_get(rule, "fields");
    const char *name = json_string_value(json_array_get(fields, 0));
    const schema_field *f = schema_find(&b->body->m.schema, bytes_of_text(name));
    if (strcmp(json_string_value(json_object_get(rule, "action")), "erase") != 0) return VAULT_OK;
    if (json_array_size(fields) == 1 && f && f == f->collection->natural_key) return VAULT_OK;
    return builder_fail(b, "fields", "an erase names one field, the natural key of the records: make a rule for each");
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
        builder_entry(b, "policy.rules", i, value);
        if (!registered(b->body, consumer, id)) {
            return builder_fail(b, "consumer", "'%.40s' is not registered for purpose '%.40s': add it to its consumers",
                                consumer, id);
        }
        VAULT_TRY(check_erase(b, value));
    }
    return VAULT_OK;
}

/* ---- the document --------------------------------------------------------------------------------------------------
 */

/* The policy's own messages begin with their path, and name the rule: "policy.rules[3] (id): fields: text". Here the
 * path has a place of its own. */
static vault_code policy_fault(builder *b, vault_code code)
{
    vault_error *err = b->err;
    char *text = err->detail, *end = strstr(text, ": ");
    if (code != VAULT_INVALID) return code;
    char *name = strstr(text, " (");
    char id[ID_MAX + 1] = "";
    err->reason = "DOCUMENT_INVALID";
    if (strncmp(text, "policy", 6) != 0 || !end) return code;
    if (name && name < end) snprintf(id, sizeof id, "%.*s", (int)strcspn(name + 2, ")"), name + 2);
    size_t path_len = (size_t)((name && name < end ? name : end) - text);
    if (!err->field[0]) snprintf(err->field, sizeof err->field, "%.*s", (int)path_len, text);
    const char *part = strlen(err->field) > path_len ? err->field + path_len + 1 : "", *rest = end + 2;
    size_t part_len = strlen(part);
    if (part_len && strncmp(rest, part, part_len) == 0 && rest[part_len] == ':') rest += part_len + 2;
    const vault_error found = *err;
    vault_error_clear(err);
    (void)vault_fail_at(err, code, found.where, "%s%s%s", id, id[0] ? ": " : "", found.detail + (rest - text));
    text_clean(err->detail);
    err->reason = found.reason;
    memcpy(err->field, found.field, sizeof err->field);
    return code;
}

vault_code build_policy(builder *b, json_t *value)
{
    const policy_names names = {.context = b->body,
                                .field = name_field,
                                .consumer = name_consumer,
                                .purpose = name_purpose,
                                .assessed_until = purpose_assessed,
                                .role = name_role};
    json_t *rules = json_object_get(value, "rules");
    builder_in(b, "policy");
    VAULT_TRY(policy_fault(b, policy_load(&b->body->rules, value, &names, b->err)));
    b->body->m.policy = b->body->rules;
    VAULT_TRY(check_pairs(b, rules));
    return check_masks(b, rules);
}
