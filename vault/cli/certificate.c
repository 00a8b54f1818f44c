/* What the register has to say of a certificate: its digest, and the URI that names its holder. */
#include "vault/cli/internal.h"

#include "vault/base/digest.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void certificate_free(X509 **certificate)
{
    X509_free(*certificate);
}

static X509 *read_certificate(const char *path)
{
    FILE *in = open_input(path);
    X509 *found = in ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    if (in && !found) fprintf(stderr, "vaultctl: %s: no certificate in PEM form\n", path);
    if (in && in != stdin) (void)fclose(in);
    return found;
}

static json_t *uris_of(X509 *certificate)
{
    json_t *uris = json_array();
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        json_array_append_new(uris,
                              json_stringn((const char *)ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)));
    }
    GENERAL_NAMES_free(names);
    return uris;
}

static bool digest_text(X509 *certificate, char out[2 * DIGEST_LEN + 1])
{
    uint8_t at[DIGEST_LEN];
    unsigned len = 0;
    if (X509_digest(certificate, EVP_sha256(), at, &len) != 1 || len != DIGEST_LEN) return false;
    hex_encode(out, bytes_of(at, DIGEST_LEN));
    return true;
}

ctl_exit run_certificate_show(ctl *c)
{
    char fingerprint[2 * DIGEST_LEN + 1];
    VAULT_CLEANUP(certificate_free) X509 *certificate = read_certificate(c->arguments[0]);
    if (!certificate || !digest_text(certificate, fingerprint)) return CTL_INVALID;
    json_t *uris = uris_of(certificate);
    if (c->options[OPT_JSON]) {
        print_json(json_pack("{s:s, s:o}", "sha256", fingerprint, "uris", uris));
        return CTL_OK;
    }
    size_t i;
    json_t *uri;
    printf("sha256 %s\n", fingerprint);
    json_array_foreach(uris, i, uri) printf("uri    %s\n", shown(c->mem, json_string_value(uri)));
    json_decref(uris);
    return CTL_OK;
}
