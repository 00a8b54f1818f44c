/* Who is at the other end: the URIs and the digest of the client's certificate, while it is valid. The handshake looks
 * at the dates as well, but a resumed session (gRPC 1.51 gives no way to forbid it) and a connection that lives on do
 * not come back to it. */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"
#include <openssl/evp.h>
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

static int64_t ends_us(const X509 *x)
{
    struct tm end;
    return ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) == 1 ? (int64_t)timegm(&end) * 1000000 : 0;
}

certificate_facts certificate_read(bytes pem)
{
    certificate_facts read = {0};
    unsigned len = sizeof read.der.at;
    BIO *text = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *x = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    if (x && X509_digest(x, EVP_sha256(), read.der.at, &len) == 1) read.ends_us = ends_us(x);
    X509_free(x);
    BIO_free(text);
    return read;
}

/* To read a certificate costs more than all the rest of a call: what was read is kept. */
static const certificate_facts *read_once(certificates *known, bytes pem)
{
    digest of = sha256(pem);
    size_t place = of.at[0] % CERTIFICATES_KNOWN;
    if (!bytes_same(digest_bytes(&known->at[place].pem), digest_bytes(&of))) {
        known->at[place].pem = of;
        known->at[place].read = certificate_read(pem);
    }
    return &known->at[place].read;
}

static vault_code read_certificate(digest *out, certificates *known, grpc_auth_context *peer, vault_error *err)
{
    grpc_auth_property_iterator each =
        grpc_auth_context_find_properties_by_name(peer, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const grpc_auth_property *p = grpc_auth_property_iterator_next(&each);
    const certificate_facts *read = p ? read_once(known, bytes_of(p->value, p->value_length)) : NULL;
    if (!read || read->ends_us <= clock_now_us())
        return vault_refuse(err, VAULT_UNAUTHENTICATED, "CERTIFICATE_EXPIRED", "");
    *out = read->der;
    return VAULT_OK;
}

vault_code peer_identify(request *rq, grpc_call *handle, certificates *known, vault_error *err)
{
    const char **uris = NULL;
    grpc_auth_context *peer = grpc_call_auth_context(handle);
    if (!peer) return vault_refuse(err, VAULT_UNAUTHENTICATED, "NO_IDENTITY", "");
    vault_code code = read_uris(&uris, rq->mem, peer, err);
    if (code == VAULT_OK) code = read_certificate(&rq->certificate, known, peer, err);
    grpc_auth_context_release(peer);
    rq->uris = uris;
    return code;
}
