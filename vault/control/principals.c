/* Who may call and who may act: departments with the keys of their assertions, apps, persons, officers, administrators.
 */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

enum { URI_MAX = 255, LIST_MAX = UINT16_MAX - 1, PERSONS_MAX = 1000000, KEYS_MAX = 16 };

/* ---- departments ---------------------------------------------------------------------------------------------------
 */

const department *find_department(const manifest_body *b, const char *id)
{
    for (size_t i = 0; i < b->department_count; i++) {
        if (strcmp(b->departments[i].id, id) == 0) return &b->departments[i];
    }
    return NULL;
}

/* A kid stands once in its department, a key once in the whole document: with it one department could speak for
 * another. */
static vault_code check_key(builder *b, const department *d, const assertion_key *key)
{
    for (const assertion_key *other = b->body->keys; other < key; other++) {
        bool own = other >= b->body->keys + d->first_key;
        if (own && strcmp(other->kid, key->kid) == 0)
            return builder_fail(b, "assertion_keys: kid '%s' stands twice", key->kid);
        if (strcmp(other->x, key->x) == 0)
            return builder_fail(b, "assertion_keys: key '%s' stands elsewhere too", key->kid);
    }
    return VAULT_OK;
}

static vault_code read_keys(builder *b, department *d, json_t *list)
{
    size_t i;
    json_t *value;
    d->first_key = b->body->key_count;
    json_array_foreach(list, i, value)
    {
        assertion_key *key = &b->body->keys[b->body->key_count];
        VAULT_TRY(assertion_key_read(b, key, value));
        b->body->key_count++;
        d->key_count++;
        VAULT_TRY(check_key(b, d, key));
    }
    return VAULT_OK;
}

static vault_code read_department(builder *b, department *out, json_t *value)
{
    json_t *keys;
    VAULT_TRY(json_shape(value, b->err, b->at, "{s:s, s:s, s:o}", "id", &out->id, "name", &out->name, "assertion_keys",
                         &keys));
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    VAULT_TRY(builder_text(b, "name", out->name));
    return read_keys(b, out, keys);
}

/* The keys of all departments lie in one array, made once: its place must not move. */
static vault_code count_keys(builder *b, json_t *list, size_t *count)
{
    size_t i;
    json_t *value;
    *count = 0;
    json_array_foreach(list, i, value)
    {
        builder_at(b, "principals.departments", i);
        builder_named(b, value, "id");
        json_t *keys = json_object_get(value, "assertion_keys");
        VAULT_TRY(builder_list(b, keys, "assertion_keys", KEYS_MAX));
        *count += json_array_size(keys);
    }
    return VAULT_OK;
}

static vault_code read_departments(builder *b, json_t *list)
{
    manifest_body *body = b->body;
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "departments", LIST_MAX));
    VAULT_TRY(count_keys(b, list, &body->key_capacity));
    body->keys = memory_array(body->key_capacity, sizeof *body->keys);
    body->department_count = json_array_size(list);
    body->departments = memory_array(body->department_count, sizeof *body->departments);
    const char **ids = memory_array(body->department_count, sizeof *ids);
    vault_code code = VAULT_OK;
    json_array_foreach(list, i, value)
    {
        builder_at(b, "principals.departments", i);
        builder_named(b, value, "id");
        code = read_department(b, &body->departments[i], value);
        if (code != VAULT_OK) break;
        ids[i] = body->departments[i].id;
    }
    if (code == VAULT_OK) code = builder_twins(b, "principals.departments: id", ids, body->department_count);
    memory_free(ids, body->department_count * sizeof *ids);
    return code;
}

/* ---- principals ----------------------------------------------------------------------------------------------------
 */

/* scheme://path in one canonical form: lower case, no empty or dot segment, no escape, nothing after the last segment.
 */
static bool uri_valid(const char *uri)
{
    const char *path = strstr(uri, "://");
    size_t len = strlen(uri);
    if (!path || path == uri || len > URI_MAX || uri[0] < 'a' || uri[0] > 'z') return false;
    if (strspn(uri, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != (size_t)(path - uri)) return false;
    path += 3;
    if (strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789-._/:@") != strlen(path)) return false;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        if (*at == '/' || *at == '\0' || *at == '.') return false;
    }
    return true;
}

static vault_code check_uri(builder *b, const char *uri)
{
    if (uri_valid(uri)) return VAULT_OK;
    return builder_fail(b, "uri: '%.60s' is not scheme://a/b of a-z, 0-9, - . _ : @", uri);
}

static vault_code read_app(builder *b, principal *out, json_t *value)
{
    VAULT_TRY(json_shape(value, b->err, b->at, "{s:s, s:s, s:s}", "id", &out->id, "department", &out->department, "uri",
                         &out->uri));
    const department *d = find_department(b->body, out->department);
    if (!d) return builder_fail(b, "department: unknown department '%.40s'", out->department);
    out->department_no = (unsigned)(d - b->body->departments) + 1;
    out->consumer.no = (uint16_t)(out - b->body->principals + 1);
    return VAULT_OK;
}

static vault_code read_officer(builder *b, principal *out, json_t *value)
{
    out->department = "";
    return json_shape(value, b->err, b->at, "{s:s, s:s}", "id", &out->id, "uri", &out->uri);
}

typedef struct principal_kind {
    const char *name, *at;
    role role;
    vault_code (*read)(builder *b, principal *out, json_t *value);
} principal_kind;
static const principal_kind kinds[] = {
    {"apps", "principals.apps", ROLE_APP, read_app},
    {"officers", "principals.officers", ROLE_OFFICER, read_officer},
    {"administrators", "principals.administrators", ROLE_ADMINISTRATOR, read_officer},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static vault_code read_kind(builder *b, const principal_kind *kind, principal *out, json_t *list)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        builder_at(b, kind->at, i);
        builder_named(b, value, "id");
        out[i].role = kind->role;
        VAULT_TRY(kind->read(b, &out[i], value));
        VAULT_TRY(builder_id(b, "id", out[i].id, ""));
        VAULT_TRY(check_uri(b, out[i].uri));
    }
    return VAULT_OK;
}

/* No vault without somebody who watches it and somebody who runs it. */
static vault_code count_principals(builder *b, json_t *lists[KINDS])
{
    for (size_t i = 0; i < KINDS; i++) {
        VAULT_TRY(builder_list(b, lists[i], kinds[i].name, LIST_MAX));
        size_t count = json_array_size(lists[i]);
        if (count == 0 && kinds[i].role != ROLE_APP) return builder_fail(b, "%s: at least one", kinds[i].name);
        b->body->principal_count += count;
    }
    b->body->app_count = json_array_size(lists[0]);
    return VAULT_OK;
}

static vault_code read_principals(builder *b, json_t *lists[KINDS])
{
    manifest_body *body = b->body;
    VAULT_TRY(count_principals(b, lists));
    body->principals = memory_array(body->principal_count, sizeof *body->principals);
    principal *next = body->principals;
    for (size_t i = 0; i < KINDS; i++) {
        VAULT_TRY(read_kind(b, &kinds[i], next, lists[i]));
        next += json_array_size(lists[i]);
    }
    return VAULT_OK;
}

/* ---- persons -------------------------------------------------------------------------------------------------------
 */

static vault_code read_person(builder *b, person *out, json_t *value)
{
    VAULT_TRY(json_shape(value, b->err, b->at, "{s:s, s:s}", "id", &out->id, "department", &out->department));
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    if (find_department(b->body, out->department)) return VAULT_OK;
    return builder_fail(b, "department: unknown department '%.40s'", out->department);
}

static vault_code read_persons(builder *b, json_t *list)
{
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "persons", PERSONS_MAX));
    b->body->person_count = json_array_size(list);
    b->body->persons = memory_array(b->body->person_count, sizeof *b->body->persons);
    json_array_foreach(list, i, value)
    {
        builder_at(b, "principals.persons", i);
        builder_named(b, value, "id");
        VAULT_TRY(read_person(b, &b->body->persons[i], value));
    }
    return VAULT_OK;
}

/* ---- one account, one role -----------------------------------------------------------------------------------------
 */

/* Apps, officers, administrators and persons share one space of names, so that no name stands in two roles. */
static vault_code check_names(builder *b)
{
    const manifest_body *body = b->body;
    size_t count = body->principal_count + body->person_count;
    const char **names = memory_array(count, sizeof *names);
    for (size_t i = 0; i < body->principal_count; i++) names[i] = body->principals[i].uri;
    vault_code code = builder_twins(b, "principals: uri", names, body->principal_count);
    for (size_t i = 0; i < body->principal_count; i++) names[i] = body->principals[i].id;
    for (size_t i = 0; i < body->person_count; i++) names[body->principal_count + i] = body->persons[i].id;
    if (code == VAULT_OK) code = builder_twins(b, "principals: id", names, count);
    memory_free(names, count * sizeof *names);
    return code;
}

static int compare_uris(const void *a, const void *b)
{
    return strcmp((*(const principal *const *)a)->uri, (*(const principal *const *)b)->uri);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const principal *const *)a)->id, (*(const principal *const *)b)->id);
}

static int compare_persons(const void *a, const void *b)
{
    return strcmp(((const person *)a)->id, ((const person *)b)->id);
}

static void index_principals(manifest_body *body)
{
    body->by_uri = memory_array(body->principal_count, sizeof *body->by_uri);
    body->apps_by_id = memory_array(body->app_count, sizeof *body->apps_by_id);
    for (size_t i = 0; i < body->principal_count; i++) body->by_uri[i] = &body->principals[i];
    for (size_t i = 0; i < body->app_count; i++) body->apps_by_id[i] = &body->principals[i];
    qsort(body->by_uri, body->principal_count, sizeof *body->by_uri, compare_uris);
    qsort(body->apps_by_id, body->app_count, sizeof *body->apps_by_id, compare_ids);
    qsort(body->persons, body->person_count, sizeof *body->persons, compare_persons);
}

vault_code build_principals(builder *b, json_t *value)
{
    json_t *departments, *persons, *lists[KINDS];
    builder_in(b, "principals");
    VAULT_TRY(json_shape(value, b->err, "principals", "{s:o, s:o, s:o, s:o, s:o}", "departments", &departments, "apps",
                         &lists[0], "persons", &persons, "officers", &lists[1], "administrators", &lists[2]));
    VAULT_TRY(read_departments(b, departments));
    builder_in(b, "principals");
    VAULT_TRY(read_principals(b, lists));
    builder_in(b, "principals");
    VAULT_TRY(read_persons(b, persons));
    VAULT_TRY(check_names(b));
    index_principals(b->body);
    return VAULT_OK;
}

/* ---- look-ups ------------------------------------------------------------------------------------------------------
 */

const principal *manifest_principal(const manifest *m, const char *uri)
{
    const manifest_body *body = body_of(m);
    const principal wanted = {.uri = uri}, *key = &wanted;
    const principal **found = bsearch(&key, body->by_uri, body->principal_count, sizeof *body->by_uri, compare_uris);
    return found ? *found : NULL;
}

const principal *manifest_app(const manifest *m, consumer_no no)
{
    const manifest_body *body = body_of(m);
    return no.no >= 1 && no.no <= body->app_count ? &body->principals[no.no - 1] : NULL;
}

consumer_no find_consumer(const manifest_body *b, const char *id)
{
    const principal wanted = {.id = id}, *key = &wanted;
    const principal **found = bsearch(&key, b->apps_by_id, b->app_count, sizeof *b->apps_by_id, compare_ids);
    return found ? (*found)->consumer : (consumer_no){0};
}

const person *manifest_person(const manifest *m, const char *id)
{
    const manifest_body *body = body_of(m);
    const person wanted = {.id = id};
    return bsearch(&wanted, body->persons, body->person_count, sizeof *body->persons, compare_persons);
}
