/* Departments with the keys of their assertions, and the roles that their persons can have. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

enum { DEPARTMENTS_MAX = 1000, KEYS_MAX = 16 };

/* ---- departments ---- */

static int compare_departments(const void *a, const void *b)
{
    return strcmp((*(const department *const *)a)->id, (*(const department *const *)b)->id);
}

const department *find_department(const manifest_body *b, const char *id)
{
    const department wanted = {.id = id}, *key = &wanted;
    if (!b->departments_by_id || b->department_count == 0) return NULL;
    const department **found =
        bsearch(&key, b->departments_by_id, b->department_count, sizeof *b->departments_by_id, compare_departments);
    return found ? *found : NULL;
}

static void key_at(builder *b, size_t place, size_t key)
{
    builder_at(b, "principals.departments", place);
    builder_into_at(b, "assertion_keys", key);
}

const char *manifest_department(const manifest *m, unsigned number)
{
    const manifest_body *body = body_of(m);
    for (size_t i = 0; i < body->department_count; i++)
        if (body->departments[i].number == number) return body->departments[i].id;
    return NULL;
}

const char *manifest_department_title(const manifest *m, const char *id)
{
    const department *found = find_department(body_of(m), id);
    return found ? found->name : NULL;
}

unsigned manifest_department_number(const manifest *m, const char *id)
{
    const department *found = find_department(body_of(m), id);
    return found ? found->number : 0;
}

static vault_code read_keys(builder *b, department *d, json_t *list)
{
    manifest_body *body = b->body;
    size_t i;
    json_t *value;
    d->first_key = body->key_count;
    json_array_foreach(list, i, value)
    {
        assertion_key *key = &body->keys[body->key_count];
        key_at(b, (size_t)(d - body->departments), i);
        builder_named(b, value, "kid");
        VAULT_TRY(assertion_key_read(b, key, value));
        body->key_count++;
        d->key_count++;
        for (const assertion_key *other = body->keys + d->first_key; other < key; other++) {
            if (strcmp(other->kid, key->kid) == 0) return builder_fail(b, "kid", "'%s' stands twice", key->kid);
        }
    }
    return VAULT_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const assertion_key *x = *(const assertion_key *const *)a, *y = *(const assertion_key *const *)b;
    int by_point = strcmp(x->x, y->x);
    return by_point ? by_point : (x > y) - (x < y);
}

static vault_code key_stands_elsewhere(builder *b, const assertion_key *key)
{
    size_t at = (size_t)(key - b->body->keys), d = 0;
    while (at >= b->body->departments[d].first_key + b->body->departments[d].key_count) d++;
    key_at(b, d, at - b->body->departments[d].first_key);
    return builder_fail(b, "x", "key '%s' stands elsewhere too: make one of its own", key->kid);
}

/* A key stands once in the whole document: with it one department could speak for another. */
static vault_code check_keys(builder *b)
{
    const manifest_body *body = b->body;
    const assertion_key **sorted = memory_array(body->key_count, sizeof *sorted), *twin = NULL;
    for (size_t i = 0; i < body->key_count; i++) sorted[i] = &body->keys[i];
    qsort(sorted, body->key_count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < body->key_count && !twin; i++) {
        if (strcmp(sorted[i - 1]->x, sorted[i]->x) == 0) twin = sorted[i];
    }
    memory_free(sorted, body->key_count * sizeof *sorted);
    return twin ? key_stands_elsewhere(b, twin) : VAULT_OK;
}

static vault_code read_department(builder *b, department *out, json_t *value)
{
    json_t *keys;
    json_int_t number;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:I, s:o}", "id", &out->id, "name", &out->name, "number", &number,
                            "assertion_keys", &keys));
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    VAULT_TRY(builder_text(b, "name", out->name));
    if (number < 1 || number > UINT16_MAX) return builder_fail(b, "number", "not 1 to %d", UINT16_MAX);
    out->number = (unsigned)number;
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
        builder_entry(b, "principals.departments", i, value);
        json_t *keys = json_object_get(value, "assertion_keys");
        if (!keys) continue; /* told with the shape */
        VAULT_TRY(builder_list(b, keys, "assertion_keys", KEYS_MAX));
        *count += json_array_size(keys);
    }
    return VAULT_OK;
}

/* By number, the later one of two in the document behind. */
static int compare_numbers(const void *a, const void *b)
{
    const department *x = *(const department *const *)a, *y = *(const department *const *)b;
    int by_number = (x->number > y->number) - (x->number < y->number);
    return by_number ? by_number : (x > y) - (x < y);
}

static vault_code check_numbers(builder *b)
{
    const manifest_body *body = b->body;
    const department **sorted = body->departments_by_id;
    qsort(sorted, body->department_count, sizeof *sorted, compare_numbers);
    for (size_t i = 1; i < body->department_count; i++) {
        if (sorted[i - 1]->number != sorted[i]->number) continue;
        builder_at(b, "principals.departments", (size_t)(sorted[i] - body->departments));
        return builder_fail(b, "number", "%s and %s are both %u: take one that was never used", sorted[i - 1]->id,
                            sorted[i]->id, sorted[i]->number);
    }
    return VAULT_OK;
}

static vault_code index_departments(builder *b)
{
    manifest_body *body = b->body;
    size_t count = body->department_count;
    const char **ids = memory_array(count, sizeof *ids);
    body->departments_by_id = memory_array(count, sizeof *body->departments_by_id);
    for (size_t i = 0; i < count; i++) {
        ids[i] = body->departments[i].id;
        body->departments_by_id[i] = &body->departments[i];
    }
    vault_code code = builder_twins(b, "principals.departments[].id", ids, count);
    memory_free(ids, count * sizeof *ids);
    VAULT_TRY(code);
    VAULT_TRY(check_numbers(b));
    qsort(body->departments_by_id, count, sizeof *body->departments_by_id, compare_departments);
    return check_keys(b);
}

vault_code build_departments(builder *b, json_t *list)
{
    manifest_body *body = b->body;
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "departments", DEPARTMENTS_MAX));
    VAULT_TRY(count_keys(b, list, &body->key_capacity));
    body->keys = memory_array(body->key_capacity, sizeof *body->keys);
    body->department_count = json_array_size(list);
    body->departments = memory_array(body->department_count, sizeof *body->departments);
    json_array_foreach(list, i, value)
    {
        builder_entry(b, "principals.departments", i, value);
        VAULT_TRY(read_department(b, &body->departments[i], value));
    }
    return index_departments(b);
}

/* ---- roles of persons ---- */

vault_code build_roles(builder *b, json_t *list)
{
    manifest_body *body = b->body;
    const char *ids[ROLES_MAX];
    size_t i;
    json_t *value;
    builder_in(b, "principals");
    VAULT_TRY(builder_list(b, list, "roles", ROLES_MAX));
    body->role_count = json_array_size(list);
    body->roles = memory_array(body->role_count, sizeof *body->roles);
    json_array_foreach(list, i, value)
    {
        person_role *r = &body->roles[i];
        builder_entry(b, "principals.roles", i, value);
        VAULT_TRY(builder_shape(b, value, "{s:s, s:s}", "id", &r->id, "title", &r->title));
        VAULT_TRY(builder_id(b, "id", r->id, ""));
        VAULT_TRY(builder_text(b, "title", r->title));
        ids[i] = r->id;
    }
    return builder_twins(b, "principals.roles[].id", ids, body->role_count);
}

role_no find_role(const manifest_body *b, const char *id)
{
    for (size_t i = 0; i < b->role_count; i++) {
        if (strcmp(b->roles[i].id, id) == 0) return (role_no){(uint16_t)(i + 1)};
    }
    return (role_no){0};
}
