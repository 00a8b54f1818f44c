/* GET /metrics (Prometheus) and GET /healthz (200 or 503) over HTTP, on a loopback address only: there is no
 * authentication, and nothing in it names anybody (vault/base/metric.h). */
#pragma once
#include "vault/base/error.h"
#include "vault/service/service.h"

typedef struct metrics metrics;
/* INVALID when the address is not a loopback one ("127.0.0.1:9464", "[::1]:9464"); UNAVAILABLE when the port is taken.
 */
VAULT_MUST_USE vault_code metrics_open(metrics **out, const char *listen, const service *s, vault_error *err);
int metrics_port(const metrics *m);
void metrics_close(metrics **m);
