/* Break-glass: opened by who acts, reviewed by an officer. */
#include "vault/cli/internal.h"

#include <stdio.h>

static json_t *emergency_json(arena *mem, const Vault__V1__Emergency *e)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "name", e->name, "consumer",
                     e->consumer, "person", e->person, "purpose", e->purpose, "rule", e->rule, "reason", e->reason,
                     "open_time", time_text(mem, e->open_time), "end_time", time_text(mem, e->end_time),
                     "review_due_time", time_text(mem, e->review_due_time), "residents", (int)e->residents, "state",
                     e->state, "reviewer", e->reviewer, "review_time", time_text(mem, e->review_time));
}

static void print_emergency(arena *mem, const Vault__V1__Emergency *e)
{
    printf("%s  %s\n  person     %s, with the app %s, for %s\n  rule       %s, at most %u residents\n  reason     %s\n",
           shown(mem, e->name), shown(mem, e->state), shown(mem, e->person), shown(mem, e->consumer),
           shown(mem, e->purpose), shown(mem, e->rule), e->residents, shown(mem, e->reason));
    printf("  opened     %s\n  ends       %s\n  review by  %s\n", time_text(mem, e->open_time),
           time_text(mem, e->end_time), time_text(mem, e->review_due_time));
    if (*e->reviewer) printf("  reviewed   %s by %s\n", time_text(mem, e->review_time), shown(mem, e->reviewer));
}

static void show_emergency(const ctl *c, const Vault__V1__Emergency *e)
{
    if (c->options[OPT_JSON])
        print_json(emergency_json(c->mem, e));
    else
        print_emergency(c->mem, e);
}

ctl_exit run_emergency_open(ctl *c)
{
    Vault__V1__OpenEmergencyRequest request = VAULT__V1__OPEN_EMERGENCY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_ASSERTION]) return usage_error(c, "--assertion is missing: a person opens it");
    request.reason = lent(c->arguments[0]);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Emergencies/Open", &request.base, &vault__v1__open_emergency_response__descriptor);
    if (end == CTL_OK) show_emergency(c, ((const Vault__V1__OpenEmergencyResponse *)(const void *)x.reply)->emergency);
    return end;
}

static void show_list(const ctl *c, const Vault__V1__ListEmergenciesResponse *reply)
{
    static const char *const heads[] = {"EMERGENCY", "STATE", "PERSON", "PURPOSE", "OPENED", "REVIEW BY", "REASON"};
    table t = table_of(c->mem, 7, heads);
    for (size_t i = 0; i < reply->n_emergencies; i++) {
        const Vault__V1__Emergency *e = reply->emergencies[i];
        table_add(&t, (const char *const[]){e->name, e->state, e->person, e->purpose, time_text(c->mem, e->open_time),
                                            time_text(c->mem, e->review_due_time), e->reason});
    }
    table_print(&t);
}

ctl_exit run_emergency_list(ctl *c)
{
    Vault__V1__ListEmergenciesRequest request = VAULT__V1__LIST_EMERGENCIES_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.waiting = c->options[OPT_WAITING] != NULL;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Emergencies/List", &request.base, &vault__v1__list_emergencies_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListEmergenciesResponse *reply = (const void *)x.reply;
    if (!c->options[OPT_JSON]) return show_list(c, reply), CTL_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < reply->n_emergencies; i++)
        json_array_append_new(all, emergency_json(c->mem, reply->emergencies[i]));
    print_json(all);
    return CTL_OK;
}

ctl_exit run_emergency_review(ctl *c)
{
    Vault__V1__ReviewEmergencyRequest request = VAULT__V1__REVIEW_EMERGENCY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_JUSTIFIED] == !c->options[OPT_UNJUSTIFIED])
        return usage_error(c, "say --justified or --unjustified");
    if (!c->options[OPT_NOTE]) return usage_error(c, "--note is missing: what has the review found?");
    request.name = lent(c->arguments[0]);
    request.justified = c->options[OPT_JUSTIFIED] != NULL;
    request.note = lent(c->options[OPT_NOTE]);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Emergencies/Review", &request.base,
                            &vault__v1__review_emergency_response__descriptor);
    if (end == CTL_OK)
        show_emergency(c, ((const Vault__V1__ReviewEmergencyResponse *)(const void *)x.reply)->emergency);
    return end;
}
