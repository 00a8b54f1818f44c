/* Certificates of the server and the authority of its clients, read again when a file changes: gRPC asks at every
 * handshake. What is broken or half replaced is refused here, and the former stay in use. */
#include "vault/rpc/internal.h"

#include "vault/base/file.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES = 3, PEM_LIMIT = 1 << 20 };
enum { CA, CERTIFICATE, KEY };

struct tls {
    char *paths[FILES];
    pthread_mutex_t lock;
    struct stat seen[FILES]; /* under the lock */
    bool served;             /* gRPC has had what `seen` describes */
};

typedef struct pems {
    char *text[FILES]; /* NUL-terminated, as gRPC wants them */
    size_t size[FILES];
} pems;

static void pems_clear(pems *files)
{
    for (int i = 0; i < FILES; i++) memory_free(files->text[i], files->size[i]);
    *files = (pems){0};
}

static vault_code pem_read(pems *out, int which, const char *path, vault_error *err)
{
    char *content;
    size_t len;
    VAULT_TRY(file_read(&content, &len, path, PEM_LIMIT, err));
    out->size[which] = len + 1;
    out->text[which] = memory_new(len + 1);
    memcpy(out->text[which], content, len);
    memory_free(content, len);
    return memchr(out->text[which], 0, len) ? vault_fail(err, VAULT_INVALID, "%s: not a PEM file", path) : VAULT_OK;
}

/* ---- do they fit ---- */

static X509 *read_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    char no_passphrase[] = "";
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase) : NULL;
    BIO_free(bio);
    return key;
}

static vault_code check_pair(const tls *t, const pems *files, vault_error *err)
{
    X509 *ca = read_certificate(files->text[CA]), *certificate = read_certificate(files->text[CERTIFICATE]);
    EVP_PKEY *key = read_key(files->text[KEY]);
    vault_code code = VAULT_OK;
    if (!ca) code = vault_fail(err, VAULT_INVALID, "%s: no certificate in it", t->paths[CA]);
    if (!certificate) code = vault_fail(err, VAULT_INVALID, "%s: no certificate in it", t->paths[CERTIFICATE]);
    if (!key) code = vault_fail(err, VAULT_INVALID, "%s: no private key in it (without passphrase)", t->paths[KEY]);
    if (certificate && key && X509_check_private_key(certificate, key) != 1) {
        code = vault_fail(err, VAULT_INVALID, "%s: not the key of %s", t->paths[KEY], t->paths[CERTIFICATE]);
    }
    X509_free(ca);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return code;
}

static vault_code look(const tls *t, struct stat *seen, vault_error *err)
{
    for (int i = 0; i < FILES; i++) {
        if (stat(t->paths[i], &seen[i]) != 0) return vault_fail(err, VAULT_INVALID, "%s: cannot be read", t->paths[i]);
    }
    if (seen[KEY].st_mode & S_IRWXO) {
        return vault_fail(err, VAULT_INVALID, "%s: others may read it (mend: chmod 600)", t->paths[KEY]);
    }
    return VAULT_OK;
}

static vault_code read_files(const tls *t, pems *files, vault_error *err)
{
    for (int i = 0; i < FILES; i++) VAULT_TRY(pem_read(files, i, t->paths[i], err));
    return check_pair(t, files, err);
}

static bool same_files(const struct stat *a, const struct stat *b)
{
    for (int i = 0; i < FILES; i++) {
        if (a[i].st_ino != b[i].st_ino || a[i].st_dev != b[i].st_dev || a[i].st_size != b[i].st_size ||
            a[i].st_mtim.tv_sec != b[i].st_mtim.tv_sec || a[i].st_mtim.tv_nsec != b[i].st_mtim.tv_nsec)
            return false;
    }
    return true;
}

/* ---- gRPC asks ---- */

static vault_code renew(tls *t, const struct stat *now, grpc_ssl_server_certificate_config **out, vault_error *err)
{
    VAULT_CLEANUP(pems_clear) pems files = {0};
    memcpy(t->seen, now, sizeof t->seen); /* what is broken is not read again until it changes */
    VAULT_TRY(read_files(t, &files, err));
    grpc_ssl_pem_key_cert_pair pair = {.private_key = files.text[KEY], .cert_chain = files.text[CERTIFICATE]};
    *out = grpc_ssl_server_certificate_config_create(files.text[CA], &pair, 1);
    return VAULT_OK;
}

static grpc_ssl_certificate_config_reload_status fetch(void *data, grpc_ssl_server_certificate_config **out)
{
    tls *t = data;
    struct stat now[FILES];
    vault_error err = {0};
    pthread_mutex_lock(&t->lock);
    vault_code code = look(t, now, &err);
    bool fresh = code == VAULT_OK && (!t->served || !same_files(now, t->seen));
    if (fresh) code = renew(t, now, out, &err);
    bool renewed = fresh && code == VAULT_OK;
    if (renewed && t->served) log_event(LOG_INFO, "tls.renewed", "certificates were read again");
    if (renewed) t->served = true;
    pthread_mutex_unlock(&t->lock);
    if (code != VAULT_OK) log_failure(LOG_WARN, "tls.kept", &err);
    return renewed ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
}

/* ---- open and close ---- */

vault_code tls_open(tls **out, const rpc_options *o, vault_error *err)
{
    tls *t = memory_new(sizeof *t);
    t->paths[CA] = memory_text(o->ca);
    t->paths[CERTIFICATE] = memory_text(o->certificate);
    t->paths[KEY] = memory_text(o->key);
    pthread_mutex_init(&t->lock, NULL);
    VAULT_CLEANUP(pems_clear) pems files = {0};
    struct stat now[FILES];
    vault_code code = look(t, now, err);
    if (code == VAULT_OK) code = read_files(t, &files, err);
    if (code != VAULT_OK) {
        tls_close(&t);
        return code;
    }
    *out = t;
    return VAULT_OK;
}

grpc_server_credentials *tls_credentials(tls *t)
{
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, fetch, t));
}

void tls_close(tls **t)
{
    if (!*t) return;
    for (int i = 0; i < FILES; i++) {
        char *path = (*t)->paths[i];
        memory_free(path, path ? strlen(path) + 1 : 0);
    }
    pthread_mutex_destroy(&(*t)->lock);
    memory_free(*t, sizeof **t);
    *t = NULL;
}
