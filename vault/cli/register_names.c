#include "vault/cli/register_names.h"

#include <string.h>

register_names names_none(void)
{
    return (register_names){.by_id = json_object()};
}

void names_add(ctl *c, register_names *to, const char *document, const char *const lists[], const char *member)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (document_get(c, &x, document, 0) != CTL_OK) return;
    VAULT_CLEANUP(json_clear)
    json_t *content = content_json(((const Vault__V1__GetDocumentResponse *)(const void *)x.reply)->content);
    for (size_t i = 0; lists[i]; i++) {
        const json_t *entries = json_object_get(content, lists[i]);
        for (size_t n = 0; n < json_array_size(entries); n++) {
            const json_t *entry = json_array_get(entries, n), *id = json_object_get(entry, "id");
            json_t *name = json_object_get(entry, member);
            if (json_is_string(id) && json_is_string(name)) json_object_set(to->by_id, json_string_value(id), name);
        }
    }
}

register_names names_read(ctl *c)
{
    register_names out = names_none();
    names_add(c, &out, "principals", (const char *const[]){"departments", "apps", "officers", NULL}, "name");
    names_add(c, &out, "persons", (const char *const[]){"persons", NULL}, "name");
    return out;
}

void names_clear(register_names *n)
{
    json_decref(n->by_id);
    n->by_id = NULL;
}

const char *name_of(const register_names *n, const char *id)
{
    const char *name = json_string_value(json_object_get(n->by_id, id));
    return name ? name : "";
}

const char *named(arena *mem, const register_names *n, const char *id)
{
    const char *name = name_of(n, id);
    return *name && strcmp(name, id) != 0 ? arena_format(mem, "%s (%s)", name, id) : id;
}
