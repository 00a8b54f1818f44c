/* vaultd --verify-keys: what service_check_keys finds, as JSON. */
#include "vault/verify_keys.h"

#include "vault/base/secret.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

enum { REPORT_MEMORY = 64 << 20, ENTERED_MOST = 8192 };

/* Shares or passphrase, as they come on standard input. */
static vault_code read_entered(secret *out, vault_error *err)
{
    size_t used = 0;
    VAULT_TRY(secret_new(out, ENTERED_MOST, err));
    while (used < out->len) {
        ssize_t got = read(STDIN_FILENO, out->at + used, out->len - used);
        if (got < 0) return vault_fail(err, VAULT_INVALID, "standard input cannot be read");
        if (got == 0) return VAULT_OK;
        used += (size_t)got;
    }
    return vault_fail(err, VAULT_INVALID, "more than %d bytes on standard input", ENTERED_MOST);
}

static size_t entered_len(const secret *s)
{
    size_t len = s->len;
    while (len > 0 && s->at[len - 1] == 0) len--;
    return len;
}

static json_t *rings_json(const keys_checked *found)
{
    json_t *all = json_array();
    for (size_t i = 0; i < found->ring_count; i++) {
        const checked_ring *r = &found->rings[i];
        json_array_append_new(all, json_pack("{s:s, s:i, s:s, s:s, s:I}", "ring", r->name, "version", (int)r->version,
                                             "state", r->state, "suite", r->suite, "samples", (json_int_t)r->samples));
    }
    return all;
}

static bool print_report(const keys_checked *found)
{
    json_t *all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:s?, s:o}", "vault", found->vault, "lines",
                            (json_int_t)found->lines, "residents", (json_int_t)found->residents, "erased",
                            (json_int_t)found->erased, "archives", (json_int_t)found->archives, "archives_away",
                            (json_int_t)found->archives_away, "fits_outside", found->behind == NULL, "behind",
                            found->behind, "rings", rings_json(found));
    bool good = all && json_dumpf(all, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
    json_decref(all);
    return good;
}

static vault_code take_entered(service_options *inout, secret *entered, bool typed, vault_error *err)
{
    if (!typed) return VAULT_OK;
    VAULT_TRY(read_entered(entered, err));
    inout->entered = bytes_of(entered->at, entered_len(entered));
    return VAULT_OK;
}

vault_code accept_loss(const service_options *with, bool typed, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret entered = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(REPORT_MEMORY);
    service_options options = *with;
    int64_t again;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(take_entered(&options, &entered, typed, err));
    VAULT_TRY(service_accept_loss(&again, mem, &options, err));
    printf("the loss is accepted: %lld residents were erased again; what was kept outside is set aside (.lost-...)\n",
           (long long)again);
    return VAULT_OK;
}

vault_code verify_keys(const service_options *with, bool typed, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret entered = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(REPORT_MEMORY);
    service_options options = *with;
    keys_checked found;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(take_entered(&options, &entered, typed, err));
    VAULT_TRY(service_check_keys(&found, mem, &options, err));
    return print_report(&found) ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "the report cannot be written");
}
