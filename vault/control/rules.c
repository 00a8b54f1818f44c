/* The policy within the manifest: what its names refer to, and who is registered for what. */
#include "policy/cases.h"
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static policy_field name_field(void *context, const char *name)
{
    const schema *s = &((const manifest_body *)context)->m.schema;
    const schema_field *f = schema_find(s, bytes_of_text(name));
    const schema_predicate *p = f ? NULL : schema_predicate_find(s, bytes_of_text(name));
    if (f) return (policy_field){.number = f->number, .collection = f->collection->number, .level = f->level};
    if (!p) return (policy_field){0};
    return (policy_field){
        .number = p->number, .collection = p->field->collection->number, .predicate = true, .level = p->field->level};
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

static const purpose *purpose_numbered(const manifest_body *body, purpose_no no)
{
    return no.no >= 1 && no.no <= body->purpose_count ? &body->purposes[no.no - 1] : NULL;
}

static uint32_t purpose_assessed(void *context, purpose_no no)
{
    const purpose *p = purpose_numbered(context, no);
    return p ? p->assessed_until : 0;
}

static unsigned purpose_forms(void *context, purpose_no no)
{
    const purpose *p = purpose_numbered(context, no);
    return p ? p->forms : 0;
}

static purpose_no purpose_above(void *context, purpose_no no)
{
    const purpose *p = purpose_numbered(context, no);
    return p ? p->above : (purpose_no){0};
}

static role_no name_role(void *context, const char *id)
{
    return find_role(context, id);
}

static policy_basis name_basis(void *context, const char *id)
{
    const sharing_basis *s = manifest_basis(&((const manifest_body *)context)->m, id);
    if (!s) return (policy_basis){0};
    return (policy_basis){.found = true,
                          .to = s->to,
                          .purpose = s->purpose,
                          .from = s->valid_from,
                          .until = s->valid_until,
                          .areas = s->areas,
                          .area_count = s->area_count};
}

static const policy_person *name_person(void *context, const char *id)
{
    const person *p = manifest_person(&((const manifest_body *)context)->m, id);
    return p ? &p->acting : NULL;
}

/* ---- sets of fields, classes of residents ---- */

static bool is_asked(const char *wanted, const char *is)
{
    return !wanted || strcmp(wanted, is) == 0;
}

/* Values only: what a predicate tells is asked for by its name. */
static unsigned select_fields(void *context, const policy_selector *by, field_set *out)
{
    const schema *s = &((const manifest_body *)context)->m.schema;
    unsigned found = 0;
    *out = (field_set){0};
    for (size_t i = 0; i < s->count; i++) {
        const schema_field *f = &s->fields[i];
        if (!is_asked(by->collection, f->collection->name) || !is_asked(by->class_name, f->class_name) ||
            !is_asked(by->owner, f->owner) || !is_asked(by->group, f->group) || f->level < by->level)
            continue;
        if (found != 0 && found != f->collection->number) return 0;
        found = f->collection->number;
        field_set_add(out, f->number);
    }
    return found;
}

static field_set questions_of(void *context, field_set of)
{
    const schema *s = &((const manifest_body *)context)->m.schema;
    field_set out = {0};
    for (size_t i = 0; i < s->collection_count; i++) {
        const collection *c = &s->collections[i];
        for (size_t k = 0; k < c->predicate_count; k++) {
            if (field_set_has(of, c->predicates[k].field->number)) field_set_add(&out, c->predicates[k].number);
        }
    }
    return out;
}

/* A policy is no secret: no value that names somebody stands in it. */
static const char *values_misfit(const policy_class *c, const format *f)
{
    enum { FEW = 10000, ROOM = 1 << 16 };
    if (format_values(f) > FEW) return "one_of is for codes of a list, of which there are few: ask whether it is known";
    arena *mem = arena_new(ROOM);
    const char *misfit = mem ? NULL : "there is no memory to check it";
    for (size_t i = 0; i < c->text_count && !misfit; i++) {
        vault_error err = {0};
        bytes canonical, given = bytes_of_text(c->texts[i]);
        bool valid = format_normalise(f, mem, given, &canonical, &err) == VAULT_OK;
        if (!valid || canonical.len != given.len || memcmp(canonical.at, given.at, given.len) != 0)
            misfit = "is no value of its format, written as the vault keeps it";
    }
    arena_free(&mem);
    return misfit;
}

static const char *class_misfit(void *context, const policy_class *c)
{
    const schema_field *f = schema_number(&((const manifest_body *)context)->m.schema, c->field);
    const predicate under = {.kind = PREDICATE_AGE_UNDER, .amount = c->years};
    if (!f) return "its field is unknown";
    if (c->test == CLASS_AGE_UNDER || c->test == CLASS_AGE_AT_LEAST) return predicate_misfit(&under, f->format);
    return c->test == CLASS_ONE_OF ? values_misfit(c, f->format) : NULL;
}

/* ---- what single rules may say ---- */

/* A consumer may act for a purpose when a domain of it stands for the purpose, or for one above it. */
static bool registered(const manifest_body *body, consumer_no consumer, purpose_no no)
{
    for (const purpose *p = purpose_numbered(body, no); p; p = purpose_numbered(body, p->above)) {
        if (manifest_domain(&body->m, consumer, p->no)) return true;
    }
    return false;
}

/* Whole records are erased, and have consents, histories and guardians: a rule with other fields than what names them
 * would never be met. */
static bool names_no_record(const manifest_body *body, const policy_scope *s)
{
    unsigned number = 1;
    static const unsigned whole =
        1U << POLICY_ERASE | 1U << POLICY_CONSENT | 1U << POLICY_HISTORY | 1U << POLICY_GUARDIAN;
    if (!(whole & 1U << s->action)) return false;
    while (number < POLICY_FIELDS_MAX && !field_set_has(s->fields, number)) number++;
    const schema_field *f = schema_number(&body->m.schema, number);
    field_set alone = {0};
    if (!f || f != f->collection->natural_key) return true;
    field_set_add(&alone, number);
    return !field_set_within(s->fields, alone);
}

static vault_code check_rule(builder *b, const policy_scope *s)
{
    if (names_no_record(b->body, s))
        return builder_fail(b, "fields", "%s names one field, the natural key of the records: make a rule for each",
                            policy_action_name(s->action));
    if (registered(b->body, s->consumer, s->purpose)) return VAULT_OK;
    return builder_fail(b, "consumer", "'%.40s' is not registered for purpose '%.40s': add it to its consumers",
                        manifest_app(&b->body->m, s->consumer)->id, purpose_numbered(b->body, s->purpose)->id);
}

typedef struct named_rule {
    const char *id;
    unsigned rule;
} named_rule;

static int compare_named(const void *a, const void *b)
{
    const named_rule *x = a, *y = b;
    int by_id = strcmp(x->id, y->id);
    return by_id ? by_id : (x->rule > y->rule) - (x->rule < y->rule);
}

/* First of the rules of an id. */
static size_t first_named(const named_rule *sorted, size_t count, const char *id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static vault_code check_named(builder *b, json_t *rules, const named_rule *sorted, size_t count)
{
    size_t i;
    json_t *value;
    json_array_foreach(rules, i, value)
    {
        const char *id = json_string_value(json_object_get(value, "id"));
        builder_entry(b, "policy.rules", i, value);
        for (size_t k = first_named(sorted, count, id); k < count && strcmp(sorted[k].id, id) == 0; k++) {
            const policy_scope scope = policy_rule_scope(b->body->rules, sorted[k].rule);
            VAULT_TRY(check_rule(b, &scope));
        }
    }
    return VAULT_OK;
}

/* In the order of the document, so that the first fault is told. */
static vault_code check_rules(builder *b, json_t *rules)
{
    const policy *p = b->body->rules;
    size_t count = policy_rule_count(p);
    named_rule *sorted = memory_array(count, sizeof *sorted);
    for (unsigned i = 0; i < count; i++) sorted[i] = (named_rule){policy_rule_id(p, i), i};
    if (count > 0) qsort(sorted, count, sizeof *sorted, compare_named);
    vault_code code = check_named(b, rules, sorted, count);
    memory_free(sorted, count * sizeof *sorted);
    return code;
}

/* ---- the document ---- */

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

/* Cases that must be refused whenever they are asked: kept, to be tried again at each start. */
static vault_code build_never(builder *b, json_t *list, const policy_names *names)
{
    manifest_body *body = b->body;
    const case_names cases = {.names = names, .person = name_person};
    if (json_array_size(list) == 0) return VAULT_OK;
    VAULT_TRY(policy_fault(b, policy_never_load(&body->never, body->rules, list, &cases, b->err)));
    body->m.never = body->never;
    return policy_fault(b, policy_never_holds(body->rules, body->never, b->err));
}

vault_code build_policy(builder *b, json_t *value)
{
    const policy_names names = {.context = b->body,
                                .field = name_field,
                                .consumer = name_consumer,
                                .purpose = name_purpose,
                                .assessed_until = purpose_assessed,
                                .role = name_role,
                                .purposes = (unsigned)b->body->purpose_count,
                                .select = select_fields,
                                .forms = purpose_forms,
                                .above = purpose_above,
                                .basis = name_basis,
                                .questions = questions_of,
                                .class_misfit = class_misfit};
    json_t *rules = json_object_get(value, "rules");
    builder_in(b, "policy");
    VAULT_TRY(policy_fault(b, policy_load(&b->body->rules, value, &names, b->err)));
    b->body->m.policy = b->body->rules;
    VAULT_TRY(check_rules(b, rules));
    VAULT_TRY(check_masks(b, rules));
    return build_never(b, json_object_get(value, "never"), &names);
}
