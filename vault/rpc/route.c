#include "vault/rpc/internal.h"
#include "vault/rpc/scan.h"

#include "vault/base/metric.h"
#include <stdlib.h>
#include <string.h>

static const route own[] = {
    {.path = {(const uint8_t *)"/grpc.health.v1.Health/Check", 28}, .kind = ROUTE_HEALTH},
    {.path = {(const uint8_t *)"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 57},
     .kind = ROUTE_REFLECTION},
    {.path = {(const uint8_t *)"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 62},
     .kind = ROUTE_REFLECTION},
};
enum { OWN_ROUTES = sizeof own / sizeof *own };

static int compare(bytes a, bytes b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_routes(const void *a, const void *b)
{
    return compare(((const route *)a)->path, ((const route *)b)->path);
}

vault_code routes_init(routes *r, vault_error *err)
{
    size_t count;
    const method *methods = service_methods(&count);
    VAULT_TRY(service_check(err));
    if (count + OWN_ROUTES > ROUTES)
        return vault_fail(err, VAULT_INTERNAL, "more than %d methods", ROUTES - OWN_ROUTES);
    memcpy(r->at, own, sizeof own);
    for (size_t i = 0; i < count; i++) {
        VAULT_TRY(scan_check(methods[i].input, err));
        r->at[OWN_ROUTES + i] = (route){.path = bytes_of_text(methods[i].path), .method = &methods[i]};
    }
    r->count = OWN_ROUTES + count;
    qsort(r->at, r->count, sizeof *r->at, compare_routes);
    for (size_t i = 0; i < r->count; i++) {
        r->at[i].number = (unsigned)i;
        metric_name_method((unsigned)i, (const char *)r->at[i].path.at + 1);
    }
    metric_name_method((unsigned)r->count, "unknown");
    return VAULT_OK;
}

route *routes_find(routes *r, bytes path)
{
    route key = {.path = path};
    return bsearch(&key, r->at, r->count, sizeof *r->at, compare_routes);
}

bool routes_serve(const routes *r, bytes name)
{
    if (name.len == 0) return true;
    for (size_t i = 0; i < r->count; i++) {
        bytes path = r->at[i].path; /* "/" service "/" method */
        if (path.len > name.len + 1 && path.at[name.len + 1] == '/' && memcmp(path.at + 1, name.at, name.len) == 0)
            return true;
    }
    return false;
}
