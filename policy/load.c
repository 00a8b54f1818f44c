/* Reading of the document: its lists, and where a fault is. */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 256 << 20, ENTRY_MAX = 32 << 20, LIST_MAX = 10000 };

static const char *const action_names[POLICY_ACTIONS] = {
    [POLICY_REVEAL] = "reveal",   [POLICY_ISSUE] = "issue",     [POLICY_PUT] = "put",
    [POLICY_SEARCH] = "search",   [POLICY_EXPORT] = "export",   [POLICY_ERASE] = "erase",
    [POLICY_CONSENT] = "consent", [POLICY_HISTORY] = "history", [POLICY_GUARDIAN] = "guardian"};
static const char *const form_names[FORMS] = {
    [FORM_NOTHING] = "nothing", [FORM_COUNT] = "count",   [FORM_PREDICATE] = "predicate",
    [FORM_TOKEN] = "token",     [FORM_MASKED] = "masked", [FORM_PLAIN] = "plain"};
const vocabulary action_words = {action_names, POLICY_ACTIONS, "action",
                                 "reveal, issue, put, search, export, erase, consent, history or guardian"};
const vocabulary form_words = {form_names, FORMS, "form", "plain, masked, token, predicate, count or nothing"};

const char *policy_action_name(policy_action a)
{
    return (unsigned)a < POLICY_ACTIONS ? action_names[a] : "";
}

const char *policy_form_name(policy_form f)
{
    return (unsigned)f < FORMS ? form_names[f] : "";
}

/* ---- places of faults ---- */

entry_key nth(const char *list, size_t i)
{
    entry_key k;
    snprintf(k.text, sizeof k.text, "%s[%zu]", list, i);
    return k;
}

cut_name cut(const char *name)
{
    cut_name c;
    size_t len = strlen(name);
    if (len >= sizeof c.text) {
        len = sizeof c.text - 1;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80) len--;
    }
    snprintf(c.text, sizeof c.text, "%.*s", (int)len, name);
    return c;
}

/* An entry, as messages and paths name it. */
typedef struct spot {
    const char *path, *id, *where;
    vault_error *err;
} spot;

/* What is wrong with the document is told with its path, which may be cut, but never mistaken: the end is lost. */
__attribute__((format(printf, 3, 0))) static vault_code fault(const spot *at, const char *key, const char *format,
                                                              va_list args)
{
    char text[sizeof at->err->detail];
    vsnprintf(text, sizeof text, format, args);
    (void)vault_fail_at(at->err, VAULT_INVALID, at->where, "%s%s%s%s: %s%s%s", at->path, *at->id ? " (" : "", at->id,
                        *at->id ? ")" : "", key, *key ? ": " : "", text);
    at->err->reason = "DOCUMENT_INVALID";
    snprintf(at->err->field, sizeof at->err->field, "%s%s%s", at->path, *key ? "." : "", key);
    return VAULT_INVALID;
}

vault_code loader_refuse_at(loader *l, const char *where, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vault_code code = fault(&(spot){l->at, l->id, where, l->err}, key, format, args);
    va_end(args);
    return code;
}

vault_code list_refuse_at(list_place at, const char *where, const char *key, const char *format, ...)
{
    char path[KEY_MAX];
    va_list args;
    snprintf(path, sizeof path, "policy.%s[%u]", at.list, at.place);
    va_start(args, format);
    vault_code code = fault(&(spot){path, at.id, where, at.err}, key, format, args);
    va_end(args);
    return code;
}

/* ---- single values ---- */

bool find_name(unsigned *out, const char *const *names, unsigned count, const char *name)
{
    for (*out = 0; *out < count; ++*out) {
        if (strcmp(names[*out], name) == 0) return true;
    }
    return false;
}

vault_code check_list(loader *l, const char *key, json_t *list)
{
    if (!json_is_array(list)) return refuse(l, key, "not a list");
    if (json_array_size(list) > 0) return VAULT_OK;
    return refuse(l, key, "an empty list means nobody and nothing: leave it out with what holds it");
}

bool is_any(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && strcmp(text, "any") == 0;
}

vault_code read_number(loader *l, uint32_t *out, const char *key, const json_t *value, bounds within)
{
    if (!value) return VAULT_OK;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < within.least || number > within.most)
        return refuse(l, key, "is not %u to %u", within.least, within.most);
    *out = (uint32_t)number;
    return VAULT_OK;
}

vault_code read_flag(loader *l, bool *out, const char *key, const json_t *value)
{
    *out = json_is_true(value);
    return !value || json_is_boolean(value) ? VAULT_OK : refuse(l, key, "is neither true nor false");
}

vault_code keep_room(loader *l, void **out, size_t count, size_t size)
{
    *out = arena_array(l->policy->texts, count, size);
    return *out ? VAULT_OK : vault_fail(l->err, VAULT_EXHAUSTED, "policy: over %d bytes of names", TEXTS_MAX);
}

vault_code keep_text(loader *l, const char **out, const char *text)
{
    *out = arena_text(l->policy->texts, bytes_of_text(text));
    return *out ? VAULT_OK : vault_fail(l->err, VAULT_EXHAUSTED, "policy: over %d bytes of names", TEXTS_MAX);
}

/* ---- lists of entries that have ids ---- */

vault_code refuse_shape(loader *l, const char *key, const json_error_t *found)
{
    char slip[JSON_SLIP_MAX];
    json_slip(slip, found->text);
    return refuse(l, key, "%s", slip);
}

vault_code entry_shape_at(loader *l, json_t *value, const char *shape, ...)
{
    json_error_t found;
    va_list args;
    va_start(args, shape);
    int bad = json_vunpack_ex(value, &found, JSON_STRICT, shape, args);
    va_end(args);
    return bad ? refuse_shape(l, "", &found) : VAULT_OK;
}

/* From here on messages name the entry. */
static vault_code read_id(loader *l, const char **out, const json_t *value)
{
    const char *id = json_string_value(json_object_get(value, "id"));
    l->id = *out = "";
    if (!id) return VAULT_OK; /* told with the shape */
    if (!id_valid(id, "")) return refuse(l, "id", "'%s' is not 1 to %d of a-z, 0-9, -", cut(id).text, ID_MAX);
    l->id = *out = id;
    return VAULT_OK;
}

static size_t place_in(const register_of *ids, const char *id)
{
    size_t i = 0;
    while (ids->ids[i] != id) i++;
    return i;
}

static vault_code check_twins(loader *l, const char *list, const register_of *ids)
{
    const char *a, *b;
    if (!ids_look_alike(ids->ids, ids->count, &a, &b)) return VAULT_OK;
    size_t first = place_in(ids, a), second = place_in(ids, b);
    size_t later = first > second ? first : second, earlier = first + second - later;
    snprintf(l->at, sizeof l->at, "policy.%s[%zu]", list, later);
    l->id = ids->ids[later];
    return refuse(l, "id", "looks like '%s': no two ids may be taken for each other", ids->ids[earlier]);
}

static vault_code read_entry(loader *l, const id_list *of, register_of *ids, size_t i)
{
    json_t *value = json_array_get(of->list, i);
    snprintf(l->at, sizeof l->at, "policy.%s[%zu]", of->name, i);
    arena_reset(l->mem);
    VAULT_TRY(read_id(l, &ids->ids[i], value));
    VAULT_TRY(of->each(l, i, value));
    json_object_set_new(ids->places, ids->ids[i], json_integer((json_int_t)i));
    return VAULT_OK;
}

vault_code read_entries(loader *l, const id_list *of, register_of *ids)
{
    if (!of->list) return VAULT_OK;
    snprintf(l->at, sizeof l->at, "policy");
    l->id = "";
    if (!json_is_array(of->list) || json_array_size(of->list) > of->most)
        return refuse(l, of->name, "not a list of at most %zu", of->most);
    ids->count = json_array_size(of->list);
    ids->ids = memory_array(ids->count, sizeof *ids->ids);
    ids->places = json_object();
    for (size_t i = 0; i < ids->count; i++) VAULT_TRY(read_entry(l, of, ids, i));
    return check_twins(l, of->name, ids);
}

int place_of(const register_of *ids, const char *id)
{
    const json_t *place = json_object_get(ids->places, id);
    return place ? (int)json_integer_value(place) : -1;
}

void register_clear(register_of *r)
{
    json_clear(&r->places);
    memory_free(r->ids, r->count * sizeof *r->ids);
    *r = (register_of){0};
}

/* ---- the document ---- */

typedef struct lists {
    json_t *field_sets, *area_sets, *classes, *aggregations, *withholding, *rules, *prohibitions, *budgets, *never;
} lists;

static vault_code check_document(loader *l, lists *of, json_t *document)
{
    VAULT_TRY(entry_shape(l, document, "{s:o, s?o, s?o, s?o, s?o, s?o, s?o, s?o, s?o}", "rules", &of->rules,
                          "field_sets", &of->field_sets, "area_sets", &of->area_sets, "classes", &of->classes,
                          "aggregations", &of->aggregations, "withholding", &of->withholding, "prohibitions",
                          &of->prohibitions, "budgets", &of->budgets, "never", &of->never));
    if (!of->never || json_is_array(of->never)) return VAULT_OK;
    return refuse(l, "never", "not a list");
}

/* An empty list of rules allows nobody anything. */
static vault_code read_rules(loader *l, json_t *rules)
{
    policy *p = l->policy;
    register_of ids = {0};
    p->place_count = json_array_size(rules);
    p->ids = memory_array(p->place_count, sizeof *p->ids);
    vault_code code = read_entries(l, &(id_list){"rules", rules, POLICY_RULES_MAX, read_rule}, &ids);
    register_clear(&ids);
    return code;
}

static vault_code read_document(loader *l, json_t *document)
{
    lists of = {0};
    VAULT_TRY(check_document(l, &of, document));
    VAULT_TRY(read_sets(l, of.field_sets, of.area_sets));
    VAULT_TRY(read_classes(l, of.classes));
    VAULT_TRY(read_aggregations(l, of.aggregations));
    VAULT_TRY(read_withholdings(l, of.withholding));
    VAULT_TRY(read_rules(l, of.rules));
    VAULT_TRY(read_prohibitions(l, of.prohibitions));
    return read_budgets(l, of.budgets);
}

static void loader_clear(loader *l)
{
    register_clear(&l->field_ids);
    register_clear(&l->area_ids);
    register_clear(&l->class_ids);
    register_clear(&l->withhold_ids);
    arena_free(&l->mem);
}

vault_code policy_load(policy **out, json_t *document, const policy_names *names, vault_error *err)
{
    *out = NULL;
    VAULT_CLEANUP(policy_free) policy *p = memory_new(sizeof *p);
    VAULT_CLEANUP(loader_clear)
    loader l = {.policy = p, .names = names, .err = err, .at = "policy", .id = ""};
    l.mem = arena_new(ENTRY_MAX);
    p->texts = arena_new(TEXTS_MAX);
    if (!l.mem || !p->texts) return vault_fail(err, VAULT_EXHAUSTED, "policy: no memory");
    VAULT_TRY(read_document(&l, document));
    policy_compile(p);
    VAULT_TRY(policy_check_scopes(p, err));
    VAULT_TRY(policy_check_meets(p, err));
    *out = p;
    p = NULL;
    return VAULT_OK;
}

void policy_free(policy **p)
{
    policy *it = *p;
    *p = NULL;
    if (!it) return;
    policy_free_tables(it);
    memory_free(it->cells, it->count * sizeof *it->cells);
    memory_free(it->purposes, it->purpose_count * sizeof *it->purposes);
    memory_free(it->rules, it->rule_capacity * sizeof *it->rules);
    memory_free(it->ids, it->place_count * sizeof *it->ids);
    memory_free(it->areas, it->area_capacity * sizeof *it->areas);
    memory_free(it->forbids, it->forbid_capacity * sizeof *it->forbids);
    memory_free(it->counts, it->count_capacity * sizeof *it->counts);
    memory_free(it->weeks, it->week_capacity * sizeof *it->weeks);
    memory_free(it->patterns, it->pattern_capacity * sizeof *it->patterns);
    arena_free(&it->texts);
    memory_free(it, sizeof *it);
}
