/* Canaries: fictitious residents that officers put out, and look after. */
#include "vault/cli/internal.h"

#include "vault/v1/residents.pb-c.h"

#include <stdio.h>

static const char *whose(const ctl *c, const Vault__V1__Canary *one)
{
    if (!one->department[0] && !one->person[0]) return "everybody";
    return arena_format(c->mem, "%s%s%s", one->department, one->department[0] && one->person[0] ? "/" : "",
                        one->person);
}

static void print_values(const ctl *c, const Vault__V1__Canary *one)
{
    printf("%s\n", shown(c->mem, one->name));
    for (size_t i = 0; i < one->n_values; i++)
        printf("  %-18s %s\n", shown(c->mem, one->values[i]->field), shown(c->mem, value_text(one->values[i]->value)));
}

static ctl_exit show(const ctl *c, const ProtobufCMessage *reply, Vault__V1__Canary *const *all, size_t count)
{
    static const char *const heads[] = {"CANARY", "AREA", "MET BY", "MADE", "RETIRED", "USES", "LAST USE"};
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, reply)), CTL_OK;
    table t = table_of(c->mem, 7, heads);
    for (size_t i = 0; i < count; i++)
        table_add(&t,
                  (const char *const[]){all[i]->name, all[i]->area, whose(c, all[i]),
                                        time_text(c->mem, all[i]->create_time), time_text(c->mem, all[i]->retire_time),
                                        arena_format(c->mem, "%llu", (unsigned long long)all[i]->uses),
                                        time_text(c->mem, all[i]->last_use_time)});
    table_print(&t);
    for (size_t i = 0; i < count; i++)
        if (all[i]->n_values) print_values(c, all[i]);
    return CTL_OK;
}

static char *given(const ctl *c, option_id id, const char *otherwise)
{
    return lent(c->options[id] ? c->options[id] : otherwise);
}

ctl_exit run_canary_create(ctl *c)
{
    Vault__V1__CreateCanariesRequest request = VAULT__V1__CREATE_CANARIES_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_AREA]) return usage_error(c, "--area is missing: where are they to live?");
    int64_t count = option_number(c, OPT_LIMIT, 1, 100);
    if (count < 1) return usage_error(c, "--limit is not a number from 1 to 100");
    request.collection = given(c, OPT_COLLECTION, "residents");
    request.area = given(c, OPT_AREA, "");
    request.department = given(c, OPT_DEPARTMENT, "");
    request.person = given(c, OPT_PERSON, "");
    request.count = (int32_t)count;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Canaries/Create", &request.base, &vault__v1__create_canaries_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__CreateCanariesResponse *reply = (const void *)x.reply;
    return show(c, &reply->base, reply->canaries, reply->n_canaries);
}

ctl_exit run_canary_list(ctl *c)
{
    Vault__V1__ListCanariesRequest request = VAULT__V1__LIST_CANARIES_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.show_values = c->options[OPT_VALUES] != NULL;
    request.show_retired = c->options[OPT_RETIRED] != NULL;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Canaries/List", &request.base, &vault__v1__list_canaries_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListCanariesResponse *reply = (const void *)x.reply;
    return show(c, &reply->base, reply->canaries, reply->n_canaries);
}

ctl_exit run_canary_retire(ctl *c)
{
    Vault__V1__RetireCanaryRequest request = VAULT__V1__RETIRE_CANARY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = lent(c->arguments[0]);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Canaries/Retire", &request.base, &vault__v1__canary__descriptor);
    if (end != CTL_OK) return end;
    Vault__V1__Canary *one = (Vault__V1__Canary *)(void *)x.reply;
    return show(c, &one->base, &one, 1);
}
