/* health. */
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
