#include "vault/rpc/internal.h"

#include <string.h>

static const char SCHEME[] = "vault://";
enum { SCHEME_LEN = sizeof SCHEME - 1, MOST_URIS = 8 };

/* A SAN is of any bytes; one with a NUL could be read as a shorter one. */
static bool is_ours(const grpc_auth_property *p)
{
    return p->value_length > SCHEME_LEN && memcmp(p->value, SCHEME, SCHEME_LEN) == 0 &&
           !memchr(p->value, 0, p->value_length);
}

const char *const *peer_uris(arena *mem, grpc_call *handle)
{
    const char **uris = arena_array(mem, MOST_URIS + 2, sizeof *uris);
    size_t count = 0;
    grpc_auth_context *peer = uris ? grpc_call_auth_context(handle) : NULL;
    if (!peer) return NULL;
    grpc_auth_property_iterator each = grpc_auth_context_find_properties_by_name(peer, GRPC_PEER_URI_PROPERTY_NAME);
    const grpc_auth_property *p;
    while (count <= MOST_URIS && (p = grpc_auth_property_iterator_next(&each))) {
        if (!is_ours(p)) continue;
        uris[count] = arena_text(mem, bytes_of(p->value, p->value_length));
        if (uris[count]) count++;
    }
    grpc_auth_context_release(peer);
    return count > 0 && count <= MOST_URIS ? uris : NULL; /* one that was not read could be a second principal */
}
