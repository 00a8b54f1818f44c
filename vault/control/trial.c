#include "vault/control/trial.h"

#include "vault/control/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- a manifest of drafts ---- */

/* "policy.rules[3].fields": the document that it begins with, and the rest. */
static const draft *draft_of(const char **below, const drafts *with, const char *path)
{
    for (size_t i = 0; i < with->count; i++) {
        const char *name = document_name(with->at[i].document);
        size_t len = strlen(name);
        if (strncmp(path, name, len) != 0 || (path[len] && path[len] != '.' && path[len] != '[')) continue;
        *below = path + len + (path[len] == '.');
        return &with->at[i];
    }
    return NULL;
}

static void tell_fault(document_fault *fault, const drafts *with, const vault_error *err)
{
    const char *below;
    json_place at;
    const draft *of = draft_of(&below, with, err->field);
    if (of && json_locate(&at, of->content, below)) fault->line = at.line, fault->column = at.column;
    snprintf(fault->path, sizeof fault->path, "%s", err->field);
    snprintf(fault->text, sizeof fault->text, "%s", err->detail[0] ? err->detail : vault_code_name(err->code));
    text_clean(fault->path);
    text_clean(fault->text);
}

static bool read_json(document_fault *fault, json_t **out, bytes text, const char *name)
{
    json_fault found;
    if (json_parse(out, text, &found)) return true;
    *fault = (document_fault){.line = found.line, .column = found.column};
    snprintf(fault->path, sizeof fault->path, "%s", name);
    snprintf(fault->text, sizeof fault->text, "%s", found.text);
    text_clean(fault->text);
    return false;
}

static bool read_drafts(documents *read, document_fault *fault, const drafts *with)
{
    for (size_t i = 0; i < with->count; i++) {
        const draft *one = &with->at[i];
        json_clear(&read->of[one->document]);
        if (!read_json(fault, &read->of[one->document], one->content, document_name(one->document))) return false;
    }
    return true;
}

/* Those who read it know a fault as what the document lacks; a lack of memory is none. */
static vault_code build(manifest_body **out, document_fault *fault, const manifest_body *standing,
                        const documents *docs, const drafts *with)
{
    vault_error why = {0};
    vault_code code = manifest_build(out, standing->m.vault, docs, &why);
    if (code == VAULT_OK && !with->former) code = manifest_check_change(standing, *out, &why);
    if (code == VAULT_OK) return VAULT_OK;
    manifest_free(out);
    tell_fault(fault, with, &why);
    return code;
}

vault_code control_trial(const manifest **out, document_fault *fault, const manifest *m, const drafts *with,
                         vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents read = {0};
    manifest_body *next = NULL;
    *out = NULL;
    *fault = (document_fault){0};
    if (!read_drafts(&read, fault, with)) return VAULT_OK;
    documents docs = body_of(m)->docs; /* borrowed */
    docs.of[DOC_DOMAINS] = NULL;
    for (unsigned i = 0; i < DOC_DOMAINS; i++)
        if (read.of[i]) docs.of[i] = read.of[i];
    vault_code code = build(&next, fault, body_of(m), &docs, with);
    if (code == VAULT_EXHAUSTED) return vault_fail(err, code, "no memory for a trial");
    if (code != VAULT_OK) return VAULT_OK;
    next->m.version = m->version;
    *out = &next->m;
    return VAULT_OK;
}

void control_trial_free(const manifest **m)
{
    manifest_body *body = (manifest_body *)(uintptr_t)*m;
    *m = NULL;
    manifest_free(&body);
}

/* ---- cases ---- */

static policy_field case_field(void *context, const char *name)
{
    const schema *s = &((const manifest *)context)->schema;
    const schema_field *f = schema_find(s, bytes_of_text(name));
    const schema_predicate *p = f ? NULL : schema_predicate_find(s, bytes_of_text(name));
    if (!f && !p) return (policy_field){0};
    const collection *of = f ? f->collection : p->field->collection;
    return (policy_field){.number = f ? f->number : p->number, .collection = of->number, .predicate = p != NULL};
}

static consumer_no case_consumer(void *context, const char *id)
{
    return manifest_app_named(context, id);
}

static purpose_no case_purpose(void *context, const char *id)
{
    const purpose *p = manifest_purpose(context, bytes_of_text(id));
    return p ? p->no : (purpose_no){0};
}

static role_no case_role(void *context, const char *id)
{
    return manifest_role_named(context, id);
}

static const policy_person *case_person(void *context, const char *id)
{
    const person *p = manifest_person(context, id);
    return p ? &p->acting : NULL;
}

vault_code control_cases(policy_cases **out, document_fault *fault, const manifest *m, bytes file, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *read = NULL;
    const policy_names names = {.context = (void *)(uintptr_t)m,
                                .field = case_field,
                                .consumer = case_consumer,
                                .purpose = case_purpose,
                                .role = case_role};
    const case_names by = {.names = &names, .person = case_person};
    vault_error why = {0};
    json_place at;
    *out = NULL;
    *fault = (document_fault){0};
    if (!read_json(fault, &read, file, "")) return VAULT_OK;
    vault_code code = policy_cases_load(out, m->policy, read, &by, &why);
    if (code == VAULT_OK) return VAULT_OK;
    if (code != VAULT_INVALID) return *err = why, code;
    tell_fault(fault, &(drafts){0}, &why);
    if (json_locate(&at, file, why.field)) fault->line = at.line, fault->column = at.column;
    return VAULT_OK;
}

/* ---- numbers of two manifests ---- */

static consumer_no app_number(const manifest *m, uint16_t other, const manifest *from)
{
    return manifest_app_named(m, manifest_app(from, (consumer_no){other})->id);
}

static purpose_no purpose_number(const manifest *m, uint16_t other, const manifest *from)
{
    const purpose *p = manifest_purpose(m, bytes_of_text(manifest_purpose_no(from, (purpose_no){other})->id));
    return p ? p->no : (purpose_no){0};
}

static role_no role_number(const manifest *m, uint16_t other, const manifest *from)
{
    return manifest_role_named(m, manifest_role_name(from, (role_no){other}));
}

/* How many of each there are. */
typedef struct counts {
    uint16_t apps, purposes, roles;
} counts;

static counts counts_of(const manifest *m)
{
    const manifest_body *body = body_of(m);
    return (counts){(uint16_t)body->app_count, (uint16_t)body->purpose_count, (uint16_t)body->role_count};
}

vault_code manifest_numbers(shared_numbers *out, arena *mem, const manifest *from, const manifest *to, vault_error *err)
{
    const counts own = counts_of(from);
    counts next = counts_of(to);
    uint16_t *apps = arena_array(mem, own.apps + 1U, sizeof *apps);
    uint16_t *purposes = arena_array(mem, own.purposes + 1U, sizeof *purposes);
    uint16_t *roles = arena_array(mem, ROLES_MAX + 1U, sizeof *roles);
    if (!apps || !purposes || !roles) return vault_fail(err, VAULT_EXHAUSTED, "no memory for numbers");
    for (uint16_t i = 1; i <= own.apps; i++)
        if (!(apps[i] = app_number(to, i, from).no)) apps[i] = ++next.apps;
    for (uint16_t i = 1; i <= own.purposes; i++)
        if (!(purposes[i] = purpose_number(to, i, from).no)) purposes[i] = ++next.purposes;
    for (uint16_t i = 1; i <= own.roles; i++)
        if (!(roles[i] = role_number(to, i, from).no)) roles[i] = ++next.roles;
    *out = (shared_numbers){.consumers = apps, .purposes = purposes, .roles = roles};
    return next.roles <= ROLES_MAX ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "too many roles to tell apart");
}

/* The number of `second` that is shared as `no`; 0: none. */
static uint16_t own_number(const uint16_t *shared, uint16_t count, uint16_t no)
{
    for (uint16_t i = 1; shared && i <= count; i++)
        if (shared[i] == no) return i;
    return 0;
}

const char *pair_app(const manifest_pair *p, consumer_no no)
{
    const principal *app = manifest_app(p->first, no);
    if (!app && p->second)
        app =
            manifest_app(p->second, (consumer_no){own_number(p->numbers.consumers, counts_of(p->second).apps, no.no)});
    return app ? app->id : "";
}

const char *pair_purpose(const manifest_pair *p, purpose_no no)
{
    const purpose *found = manifest_purpose_no(p->first, no);
    if (!found && p->second) {
        uint16_t own = own_number(p->numbers.purposes, counts_of(p->second).purposes, no.no);
        found = manifest_purpose_no(p->second, (purpose_no){own});
    }
    return found ? found->id : "";
}

const char *pair_role(const manifest_pair *p, role_no no)
{
    const char *name = manifest_role_name(p->first, no);
    if (*name || !p->second) return name;
    return manifest_role_name(p->second, (role_no){own_number(p->numbers.roles, counts_of(p->second).roles, no.no)});
}

const char *pair_field(const manifest_pair *p, unsigned number)
{
    const char *name = manifest_field_name(p->first, number);
    return *name || !p->second ? name : manifest_field_name(p->second, number);
}

/* ---- persons ---- */

uint64_t manifest_roles_held(const manifest *m, uint32_t date)
{
    const manifest_body *body = body_of(m);
    uint64_t roles = 0;
    for (size_t i = 0; i < body->person_count; i++) {
        const person *p = &body->persons[i];
        bool acts = !p->suspended && p->acting.from <= date && date <= p->acting.until;
        if (acts && p->acting.role.no) roles |= UINT64_C(1) << (p->acting.role.no - 1);
    }
    return roles;
}

void manifest_persons_each(const manifest *m, void (*each)(void *context, const person *p), void *context)
{
    const manifest_body *body = body_of(m);
    for (size_t i = 0; i < body->person_count; i++) each(context, &body->persons[i]);
}
