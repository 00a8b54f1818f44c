/* fields: what the schema says of a collection to those who call: which fields there are, what may be asked of them. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *searched_by(arena *mem, const Vault__V1__Field *f)
{
    const char *all = f->n_index ? f->index[0] : "";
    for (size_t i = 1; all && i < f->n_index; i++) all = arena_format(mem, "%s,%s", all, f->index[i]);
    if (!all) abort();
    return all;
}

static const char *also(const Vault__V1__Collection *of, const Vault__V1__Field *f)
{
    const char *naming = of->natural_key;
    if (strcmp(f->name, naming) == 0) return f->token ? "natural key,token" : "natural key";
    if (strcmp(f->name, of->area) == 0) return "area";
    if (f->unique) return f->token ? "unique,token" : "unique";
    return f->token ? "token" : "";
}

static void show_fields(ctl *c, const Vault__V1__Collection *of)
{
    static const char *const heads[] = {"FIELD", "FORMAT", "CLASS", "SEARCHED BY", "ALSO", "OWNER", "LABEL"};
    table rows = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < of->n_fields; i++) {
        const Vault__V1__Field *f = of->fields[i];
        table_add(&rows, (const char *const[]){f->name, f->format, f->class_, searched_by(c->mem, f), also(of, f),
                                               f->owner, f->label});
    }
    table_print(&rows);
}

static void show_predicates(ctl *c, const Vault__V1__Collection *of)
{
    static const char *const heads[] = {"PREDICATE", "FIELD", "TEST", "LABEL"};
    table rows = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < of->n_predicates; i++) {
        const Vault__V1__Predicate *p = of->predicates[i];
        const char *test = p->amount ? arena_format(c->mem, "%s %u", p->test, p->amount) : p->test;
        if (!test) abort();
        table_add(&rows, (const char *const[]){p->name, p->field, test, p->label});
    }
    if (of->n_predicates == 0) return;
    puts("");
    table_print(&rows);
}

static ctl_exit show(ctl *c, const Vault__V1__ListCollectionsResponse *all)
{
    const char *name = c->options[OPT_COLLECTION] ? c->options[OPT_COLLECTION] : "residents";
    const Vault__V1__Collection *of = NULL;
    for (size_t i = 0; i < all->n_collections; i++) {
        if (strcmp(all->collections[i]->name, name) == 0) of = all->collections[i];
    }
    if (!of) return usage_error(c, "the vault has no collection %s", name);
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, &of->base)), CTL_OK;
    show_fields(c, of);
    show_predicates(c, of);
    return CTL_OK;
}

ctl_exit run_fields(ctl *c)
{
    Vault__V1__ListCollectionsRequest request = VAULT__V1__LIST_COLLECTIONS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Records/ListCollections", &request.base,
                            &vault__v1__list_collections_response__descriptor);
    return end == CTL_OK ? show(c, (const void *)x.reply) : end;
}
