/* Permits to list records beyond the small page that needs none (Records.Browse). */
#include "vault/control/internal.h"

vault_code build_browsing(builder *b, json_t *value)
{
    json_t *list;
    builder_in(b, "browsing");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "permits", &list));
    return builder_list(b, list, "permits", 0);
}
