/* health and keys status. */
#include "vault/cli/internal.h"

#include "grpc/health/v1/health.pb-c.h"
#include <stdio.h>

ctl_exit run_health(ctl *c)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/grpc.health.v1.Health/Check",
                  .request = &request.base,
                  .type = &grpc__health__v1__health_check_response__descriptor};
    ctl_exit end = ctl_exchange(c, &x);
    if (end != CTL_OK) return end;
    unsigned status = (unsigned)((const Grpc__Health__V1__HealthCheckResponse *)(const void *)x.reply)->status;
    const char *name = names[status < sizeof names / sizeof *names ? status : 0];
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:s}", "status", name));
    else
        puts(name);
    return status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING ? CTL_OK : CTL_UNAVAILABLE;
}

static json_t *status_json(arena *mem, const Vault__V1__StatusResponse *reply)
{
    json_t *rings = json_array();
    for (size_t i = 0; i < reply->n_rings; i++) {
        const Vault__V1__Ring *r = reply->rings[i];
        json_array_append_new(rings, json_pack("{s:s, s:s, s:s, s:s}", "name", r->name, "state", r->state, "suite",
                                               r->suite, "create_time", time_text(mem, r->create_time)));
    }
    return json_pack("{s:o, s:I, s:b}", "rings", rings, "control_version", (json_int_t)reply->control_version, "sealed",
                     reply->sealed);
}

static void show_rings(arena *mem, const Vault__V1__StatusResponse *reply)
{
    static const char *const heads[] = {"RING", "STATE", "SUITE", "CREATED"};
    table t = table_of(mem, 4, heads);
    for (size_t i = 0; i < reply->n_rings; i++) {
        const Vault__V1__Ring *r = reply->rings[i];
        table_add(&t, (const char *const[]){r->name, r->state, r->suite, time_text(mem, r->create_time)});
    }
    table_print(&t);
    printf("control version %llu%s\n", (unsigned long long)reply->control_version, reply->sealed ? ", sealed" : "");
}

ctl_exit run_keys_status(ctl *c)
{
    Vault__V1__StatusRequest request = VAULT__V1__STATUS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Keys/Status", &request.base, &vault__v1__status_response__descriptor);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON])
        print_json(status_json(c->mem, (const void *)x.reply));
    else
        show_rings(c->mem, (const void *)x.reply);
    return CTL_OK;
}
