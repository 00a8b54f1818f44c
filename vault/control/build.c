/* From documents to a frozen manifest: what the readers of all documents share, and the whole. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- where, and what is wrong ---- */

/* Names are quoted cut, and may be anything: what is left of a cut character, and what a terminal would obey, goes. */
void text_clean(char *text)
{
    size_t len = strlen(text), to = 0;
    for (size_t at = 0; at < len;) {
        const unsigned char *c = (const unsigned char *)text + at;
        size_t sequence = utf8_sequence(bytes_of(c, len - at));
        bool obeyed = c[0] < ' ' || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0);
        if (sequence > 0 && !obeyed) {
            memmove(text + to, c, sequence);
            to += sequence;
        } else if (sequence > 0) {
            text[to++] = '?';
        }
        at += sequence > 0 ? sequence : 1;
    }
    text[to] = '\0';
}

/* "at.key", cut at its end. */
static void set_path(char *out, size_t cap, const char *at, const char *key)
{
    size_t len = strnlen(at, cap - 1), more = strnlen(key, cap - 1);
    memcpy(out, at, len);
    if (more > 0 && len < cap - 1) out[len++] = '.';
    more = more < cap - 1 - len ? more : cap - 1 - len;
    memcpy(out + len, key, more);
    out[len + more] = '\0';
    text_clean(out);
}

vault_code builder_fail_at(builder *b, const char *where, const char *key, const char *message, ...)
{
    char text[sizeof b->err->detail];
    if (b->err->code != VAULT_OK) return VAULT_INVALID;
    va_list args;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    const char *name = b->name[0] ? b->name + 2 : "";
    (void)vault_fail_at(b->err, VAULT_INVALID, where, "%.*s%s%s", name[0] ? (int)strlen(name) - 1 : 0, name,
                        name[0] ? ": " : "", text);
    text_clean(b->err->detail);
    b->err->reason = "DOCUMENT_INVALID";
    set_path(b->err->field, sizeof b->err->field, b->at, key);
    return VAULT_INVALID;
}

void builder_in(builder *b, const char *part)
{
    snprintf(b->at, sizeof b->at, "%s", part);
    b->name[0] = '\0';
}

void builder_at(builder *b, const char *list, size_t i)
{
    snprintf(b->at, sizeof b->at, "%s[%zu]", list, i);
    b->name[0] = '\0';
}

void builder_into(builder *b, const char *part)
{
    size_t len = strlen(b->at);
    snprintf(b->at + len, sizeof b->at - len, ".%s", part);
}

void builder_into_at(builder *b, const char *list, size_t i)
{
    size_t len = strlen(b->at);
    snprintf(b->at + len, sizeof b->at - len, ".%s[%zu]", list, i);
    b->name[0] = '\0';
}

void builder_named(builder *b, json_t *value, const char *key)
{
    const char *id = json_string_value(json_object_get(value, key));
    b->name[0] = '\0';
    if (id && id_valid(id, "_/")) snprintf(b->name, sizeof b->name, " (%s)", id);
}

void builder_entry(builder *b, const char *list, size_t i, json_t *value)
{
    builder_at(b, list, i);
    builder_named(b, value, "id");
}

/* ---- values ---- */

vault_code builder_list(builder *b, json_t *list, const char *name, size_t most)
{
    if (!list) return builder_fail(b, name, "is missing");
    if (!json_is_array(list)) return builder_fail(b, name, "not a list: write [...]");
    if (json_array_size(list) > most) return builder_fail(b, name, "more than %zu entries", most);
    return VAULT_OK;
}

vault_code builder_id(builder *b, const char *key, const char *id, const char *extra)
{
    if (id_valid(id, extra)) return VAULT_OK;
    return builder_fail(b, key, "'%.40s' is not 1 to 64 of a-z, 0-9, -%s", id, extra);
}

vault_code builder_text_of(builder *b, const char *key, const char *text, size_t most)
{
    size_t len = strlen(text);
    bool plain = len >= 1 && len <= most;
    for (size_t i = 0; i < len && plain; i++) plain = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    return plain ? VAULT_OK : builder_fail(b, key, "not 1 to %zu bytes without control characters", most);
}

vault_code builder_text(builder *b, const char *key, const char *text)
{
    return builder_text_of(b, key, text, 200);
}

vault_code builder_days(builder *b, const char *key, json_t *value, uint32_t days[2])
{
    static const char *const ends[] = {"from", "until"};
    const char *text[2];
    size_t len = strlen(b->at);
    builder_into(b, key);
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s}", "from", &text[0], "until", &text[1]));
    for (size_t i = 0; i < 2; i++) {
        if (!date_read(&days[i], text[i]))
            return builder_fail(b, ends[i], "'%.20s' is no day: write 2026-01-31", text[i]);
    }
    if (days[0] > days[1]) return builder_fail(b, "until", "is before the first day, %.20s", text[0]);
    b->at[len] = '\0';
    return VAULT_OK;
}

vault_code builder_areas(builder *b, json_t *list, const area_range **areas, size_t *count)
{
    area_range *first = b->body->areas + b->body->area_count;
    char key[32];
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "areas", AREAS_MAX));
    json_array_foreach(list, i, value)
    {
        const char *prefix = json_string_value(value);
        snprintf(key, sizeof key, "areas[%zu]", i);
        if (!prefix || !area_range_read(&first[i], prefix)) {
            return builder_fail(b, key, "'%.20s' is no area: write 2 to 15 digits, \"320411\"", prefix ? prefix : "");
        }
    }
    *areas = first;
    *count = json_array_size(list);
    b->body->area_count += *count;
    if (area_ranges_sort(first, *count)) return VAULT_OK;
    return builder_fail(b, "areas", "one lies within another: leave the narrower one out");
}

bool find_twins(size_t *earlier, size_t *later, const char *const *ids, size_t count)
{
    const char *pair[2];
    size_t found = 0;
    if (!ids_look_alike(ids, count, &pair[0], &pair[1])) return false;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != pair[0] && ids[i] != pair[1]) continue;
        *(found++ ? later : earlier) = i;
    }
    return true;
}

vault_code builder_twins(builder *b, const char *where, const char *const *ids, size_t count)
{
    size_t earlier, later;
    const char *place = strstr(where, "[]");
    if (!find_twins(&earlier, &later, ids, count)) return VAULT_OK;
    builder_in(b, where);
    if (place) snprintf(b->at, sizeof b->at, "%.*s[%zu]%s", (int)(place - where), where, later, place + 2);
    return builder_fail(b, "", "'%.64s' looks like '%.64s': rename one", ids[later], ids[earlier]);
}

/* ---- the whole ---- */

bool vault_name_valid(const char *name)
{
    return id_valid(name, "./") && !strstr(name, "..") && !strstr(name, "//");
}

static size_t count_areas(json_t *list)
{
    size_t i, count = 0;
    json_t *value;
    json_array_foreach(list, i, value) count += json_array_size(json_object_get(value, "areas"));
    return count;
}

/* Persons and bases point into one array, made once: its place must not move. */
static void make_areas(manifest_body *body)
{
    body->area_capacity = count_areas(json_object_get(body->docs.of[DOC_PERSONS], "persons")) +
                          count_areas(json_object_get(body->docs.of[DOC_SHARING], "bases"));
    body->areas = memory_array(body->area_capacity, sizeof *body->areas);
}

static vault_code build(builder *b, const documents *docs)
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        builder_in(b, document_name((document)i));
        if (!docs->of[i]) return builder_fail(b, "", "is missing");
    }
    make_areas(b->body);
    VAULT_TRY(build_principals(b, docs->of[DOC_PRINCIPALS]));
    VAULT_TRY(build_persons(b, docs->of[DOC_PERSONS]));
    VAULT_TRY(build_schema(b, docs->of[DOC_SCHEMA]));
    VAULT_TRY(build_purposes(b, docs->of[DOC_PURPOSES], docs->of[DOC_DOMAINS]));
    VAULT_TRY(build_sharing(b, docs->of[DOC_SHARING]));
    VAULT_TRY(build_policy(b, docs->of[DOC_POLICY])); /* rules may rest on a basis */
    VAULT_TRY(build_browsing(b, docs->of[DOC_BROWSING]));
    return build_canaries(b, docs->of[DOC_CANARIES]);
}

vault_code manifest_build(manifest_body **out, const char *vault, const documents *docs, vault_error *err)
{
    *out = NULL;
    if (!vault_name_valid(vault)) {
        return vault_fail(err, VAULT_INVALID, "the vault's name is not 1 to 64 of a-z, 0-9, '.', '/', '-'");
    }
    VAULT_CLEANUP(manifest_free) manifest_body *body = memory_new(sizeof *body);
    for (unsigned i = 0; i < DOCUMENTS; i++) body->docs.of[i] = json_incref(docs->of[i]);
    body->m.vault = memory_text(vault);
    builder b = {.body = body, .err = err};
    VAULT_TRY(build(&b, docs));
    *out = body;
    body = NULL;
    return VAULT_OK;
}

void manifest_free(manifest_body **b)
{
    manifest_body *it = *b;
    *b = NULL;
    if (!it) return;
    policy_cases_free(&it->never);
    policy_free(&it->rules);
    keyring_free(&it->rings);
    for (size_t i = 0; i < it->key_count; i++) cjose_jwk_release(it->keys[i].jwk);
    memory_free(it->keys, it->key_capacity * sizeof *it->keys);
    memory_free(it->fields, it->field_count * sizeof *it->fields);
    memory_free(it->collections, it->collection_count * sizeof *it->collections);
    memory_free(it->collection_fields, it->field_count * sizeof *it->collection_fields);
    memory_free(it->predicates, it->predicate_capacity * sizeof *it->predicates);
    memory_free(it->certificates, it->certificate_count * sizeof *it->certificates);
    memory_free(it->roles, it->role_count * sizeof *it->roles);
    memory_free(it->areas, it->area_capacity * sizeof *it->areas);
    memory_free(it->bases, it->basis_count * sizeof *it->bases);
    memory_free(it->permits, it->permit_count * sizeof *it->permits);
    memory_free(it->departments, it->department_count * sizeof *it->departments);
    memory_free(it->departments_by_id, it->department_count * sizeof *it->departments_by_id);
    memory_free(it->principals, it->principal_count * sizeof *it->principals);
    memory_free(it->by_uri, it->principal_count * sizeof *it->by_uri);
    memory_free(it->apps_by_id, it->app_count * sizeof *it->apps_by_id);
    memory_free(it->persons, it->person_count * sizeof *it->persons);
    memory_free(it->purposes, it->purpose_count * sizeof *it->purposes);
    memory_free(it->purposes_by_id, it->purpose_count * sizeof *it->purposes_by_id);
    memory_free(it->domains, it->domain_capacity * sizeof *it->domains);
    memory_free(it->domains_by_number, it->domain_capacity * sizeof *it->domains_by_number);
    memory_free(it->domain_rings, it->domain_capacity * sizeof *it->domain_rings);
    canaries_clear(it);
    memory_free((char *)it->m.vault, strlen(it->m.vault) + 1);
    json_clear(&it->core.text);
    documents_clear(&it->docs);
    memory_free(it, sizeof *it);
}

vault_code manifest_rings(const manifest_body *b, ring_visitor each, void *context, vault_error *err)
{
    static const char *const fixed[] = {"record", "natural", "control", "log", "rows"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) VAULT_TRY(each(context, fixed[i], err));
    for (size_t i = 0; i < b->field_count; i++) {
        char name[RING_NAME_MAX];
        if (!b->fields[i].indexes) continue;
        snprintf(name, sizeof name, "term/%s", b->fields[i].name);
        VAULT_TRY(each(context, name, err));
    }
    for (size_t i = 0; i < b->domain_count; i++) VAULT_TRY(each(context, b->domains[i].ring, err));
    return VAULT_OK;
}
