/* Acting persons: role, contract, own areas. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

enum { PERSONS_MAX = 100000 };

static vault_code read_person(builder *b, person *out, json_t *value)
{
    const char *role_id;
    json_t *areas, *contract;
    uint32_t days[2];
    int suspended;
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:s, s:o, s:o, s:b}", "id", &out->id, "name", &out->name,
                            "department", &out->department, "role", &role_id, "areas", &areas, "contract", &contract,
                            "suspended", &suspended));
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    VAULT_TRY(builder_text(b, "name", out->name));
    if (!find_department(b->body, out->department)) {
        return builder_fail(b, "department", "unknown department '%.40s': register it in principals", out->department);
    }
    out->acting.role = find_role(b->body, role_id);
    if (out->acting.role.no == 0) {
        return builder_fail(b, "role", "unknown role '%.40s': register it in the roles of principals", role_id);
    }
    VAULT_TRY(builder_areas(b, areas, &out->acting.areas, &out->acting.area_count));
    VAULT_TRY(builder_days(b, "contract", contract, days));
    out->acting.from = days[0];
    out->acting.until = days[1];
    out->suspended = suspended != 0;
    return VAULT_OK;
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
        builder_entry(b, "persons.persons", i, value);
        VAULT_TRY(read_person(b, &b->body->persons[i], value));
    }
    return VAULT_OK;
}

/* Apps, officers, administrators and persons share one space of names, so that no name stands in two roles. Those of
 * the first three are known to differ. */
static vault_code check_names(builder *b)
{
    const manifest_body *body = b->body;
    size_t count = body->principal_count + body->person_count, earlier, later;
    const char **names = memory_array(count, sizeof *names);
    for (size_t i = 0; i < body->principal_count; i++) names[i] = body->principals[i].id;
    for (size_t i = 0; i < body->person_count; i++) names[body->principal_count + i] = body->persons[i].id;
    vault_code code = VAULT_OK;
    if (find_twins(&earlier, &later, names, count)) {
        builder_at(b, "persons.persons", later - body->principal_count);
        code = builder_fail(b, "id", "'%.64s' looks like '%.64s'%s: rename one", names[later], names[earlier],
                            earlier < body->principal_count ? " of principals" : "");
    }
    memory_free(names, count * sizeof *names);
    return code;
}

static int compare_persons(const void *a, const void *b)
{
    return strcmp(((const person *)a)->id, ((const person *)b)->id);
}

vault_code build_persons(builder *b, json_t *value)
{
    json_t *list;
    builder_in(b, "persons");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "persons", &list));
    VAULT_TRY(read_persons(b, list));
    VAULT_TRY(check_names(b));
    qsort(b->body->persons, b->body->person_count, sizeof *b->body->persons, compare_persons);
    return VAULT_OK;
}

const person *manifest_person(const manifest *m, const char *id)
{
    const manifest_body *body = body_of(m);
    const person wanted = {.id = id};
    if (body->person_count == 0) return NULL;
    return bsearch(&wanted, body->persons, body->person_count, sizeof *body->persons, compare_persons);
}
