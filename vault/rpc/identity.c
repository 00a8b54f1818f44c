/* Who is at the other end: the URIs of the client's certificate, while it is valid. The handshake looks at the dates as
 * well, but a resumed session (gRPC 1.51 gives no way to forbid it) and a connection that lives on do not come back to
 * it. */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

static const char SCHEME[] = "vault://";
enum { SCHEME_LEN = sizeof SCHEME - 1, MOST_URIS = 8 };

/* A SAN is of any bytes; one with a NUL could be read as a shorter one. */
static bool is_ours(const grpc_auth_property *p)
{
    return p->value_length > SCHEME_LEN && memcmp(p->value, SCHEME, SCHEME_LEN) == 0 &&
           !memchr(p->value, 0, p->value_length);
}

static vault_code read_uris(const char ***out, arena *mem, grpc_auth_context *peer, vault_error *err)
{
    const char **uris = arena_array(mem, MOST_URIS + 2, sizeof *uris);
    if (!uris) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an identity");
    size_t count = 0;
    grpc_auth_property_iterator each = grpc_auth_context_find_properties_by_name(peer, GRPC_PEER_URI_PROPERTY_NAME);
    const grpc_auth_property *p;
    while (count <= MOST_URIS && (p = grpc_auth_property_iterator_next(&each))) {
        if (!is_ours(p)) continue;
        uris[count] = arena_text(mem, bytes_of(p->value, p->value_length));
        if (uris[count]) count++;
    }
    *out = uris;
    if (count > 0 && count <= MOST_URIS) return VAULT_OK;
    return vault_refuse(err, VAULT_UNAUTHENTICATED, "NO_IDENTITY",
                        ""); /* one that was not read could be a second principal */
}

int64_t certificate_ends_us(bytes pem)
{
    struct tm end;
    BIO *text = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *certificate = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    bool good = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1;
    X509_free(certificate);
    BIO_free(text);
    return good ? (int64_t)timegm(&end) * 1000000 : 0;
}

/* To read a certificate costs more than all the rest of a call: its end is kept by its digest. */
static int64_t ends_us(certificate_ends *known, bytes pem)
{
    digest of = sha256(pem);
    for (size_t i = 0; i < CERTIFICATES_KNOWN; i++) {
        if (bytes_same(digest_bytes(&known->at[i].of), digest_bytes(&of))) return known->at[i].ends_us;
    }
    int64_t ends = certificate_ends_us(pem);
    known->at[known->next].of = of;
    known->at[known->next].ends_us = ends;
    known->next = (known->next + 1) % CERTIFICATES_KNOWN;
    return ends;
}

static vault_code check_valid(certificate_ends *known, grpc_auth_context *peer, vault_error *err)
{
    grpc_auth_property_iterator each =
        grpc_auth_context_find_properties_by_name(peer, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const grpc_auth_property *p = grpc_auth_property_iterator_next(&each);
    bool valid = p && ends_us(known, bytes_of(p->value, p->value_length)) > clock_now_us();
    return valid ? VAULT_OK : vault_refuse(err, VAULT_UNAUTHENTICATED, "CERTIFICATE_EXPIRED", "");
}

vault_code peer_uris(const char ***out, arena *mem, grpc_call *handle, certificate_ends *known, vault_error *err)
{
    grpc_auth_context *peer = grpc_call_auth_context(handle);
    if (!peer) return vault_refuse(err, VAULT_UNAUTHENTICATED, "NO_IDENTITY", "");
    vault_code code = read_uris(out, mem, peer, err);
    if (code == VAULT_OK) code = check_valid(known, peer, err);
    grpc_auth_context_release(peer);
    return code;
}
