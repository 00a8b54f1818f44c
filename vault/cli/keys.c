/* keys list, show, rotate, destroy, certificate: rings and their versions, never a key. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- list and show ---- */

/* "rings/token/7/versions/1" is a version of the ring "token/7". */
static bool is_of(const Vault__V1__Ring *r, const char *name)
{
    static const char head[] = "rings/", tail[] = "/versions/";
    size_t len = strlen(name);
    return strncmp(r->name, head, sizeof head - 1) == 0 && strncmp(r->name + sizeof head - 1, name, len) == 0 &&
           strncmp(r->name + sizeof head - 1 + len, tail, sizeof tail - 1) == 0;
}

/* Of a token ring: the app, and its purpose. */
static const char *issuer_text(arena *mem, const Vault__V1__Ring *r)
{
    return *r->consumer ? arena_format(mem, "%s, %s", r->consumer, r->purpose) : "";
}

static bool have_issuer(Vault__V1__Ring *const *rings, size_t count, const char *only)
{
    for (size_t i = 0; i < count; i++)
        if (*rings[i]->consumer && (!only || is_of(rings[i], only))) return true;
    return false;
}

/* All, or those of one ring. */
static size_t show_rings(const ctl *c, Vault__V1__Ring *const *rings, size_t count, const char *only)
{
    static const char *const heads[] = {"RING", "STATE", "SUITE", "CREATED", "TAKEN UNTIL", "TOKENS OF"};
    table t = table_of(c->mem, have_issuer(rings, count, only) ? 6 : 5, heads);
    size_t shown_count = 0;
    for (size_t i = 0; i < count; i++) {
        const Vault__V1__Ring *r = rings[i];
        if (only && !is_of(r, only)) continue;
        shown_count++;
        if (c->options[OPT_JSON])
            print_json(message_json(c->mem, &r->base));
        else
            table_add(&t, (const char *const[]){r->name, r->state, r->suite, time_text(c->mem, r->create_time),
                                                time_text(c->mem, r->end_time), issuer_text(c->mem, r)});
    }
    if (!c->options[OPT_JSON] && shown_count > 0) table_print(&t);
    return shown_count;
}

ctl_exit keys_status(ctl *c, exchange *x)
{
    Vault__V1__StatusRequest request = VAULT__V1__STATUS_REQUEST__INIT;
    return ctl_call(c, x, "/vault.v1.Keys/Status", &request.base, &vault__v1__status_response__descriptor);
}

ctl_exit run_keys_list(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = keys_status(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__StatusResponse *reply = (const void *)x.reply;
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, &reply->base)), CTL_OK;
    if (reply->sealed) return puts("sealed (vaultctl operator status)"), CTL_UNAVAILABLE;
    (void)show_rings(c, reply->rings, reply->n_rings, NULL);
    printf("control version %llu\n", (unsigned long long)reply->control_version);
    return CTL_OK;
}

/* The jobs of the ring, of all that the server remembers. */
static ctl_exit show_jobs(ctl *c, const char *name)
{
    Vault__V1__ProgressRequest request = VAULT__V1__PROGRESS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Keys/Progress", &request.base, &vault__v1__progress_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ProgressResponse *reply = (const void *)x.reply;
    Vault__V1__Job **own = arena_array(c->mem, reply->n_jobs + 1, sizeof *own);
    size_t count = 0;
    if (!own) abort();
    for (size_t i = 0; i < reply->n_jobs; i++)
        if (strcmp(reply->jobs[i]->ring, name) == 0) own[count++] = reply->jobs[i];
    jobs_show(c, own, count);
    return CTL_OK;
}

ctl_exit run_keys_show(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = keys_status(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__StatusResponse *reply = (const void *)x.reply;
    if (show_rings(c, reply->rings, reply->n_rings, c->arguments[0]) > 0) return show_jobs(c, c->arguments[0]);
    fputs("vaultctl: there is no such ring (vaultctl keys list)\n", stderr);
    return CTL_INVALID;
}

/* ---- rotate ---- */

static ctl_exit watch_all(ctl *c, const Vault__V1__RotateResponse *reply)
{
    const char **names = arena_array(c->mem, reply->n_jobs + 1, sizeof *names);
    if (!names) abort();
    for (size_t i = 0; i < reply->n_jobs; i++)
        if (!(names[i] = arena_text(c->mem, bytes_of_text(reply->jobs[i]->name)))) abort();
    return jobs_watch(c, names, reply->n_jobs);
}

ctl_exit run_keys_rotate(ctl *c)
{
    Vault__V1__RotateRequest request = VAULT__V1__ROTATE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.rings = (char **)(uintptr_t)c->arguments;
    request.n_rings = c->count;
    if (c->options[OPT_SUITE]) request.suite = lent(c->options[OPT_SUITE]);
    request.reseal = c->options[OPT_RESEAL] != NULL;
    ctl_exit end = ctl_end(c, &request.end_time);
    if (end != CTL_OK) return end;
    end = ctl_call(c, &x, "/vault.v1.Keys/Rotate", &request.base, &vault__v1__rotate_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__RotateResponse *reply = (const void *)x.reply;
    (void)show_rings(c, reply->rings, reply->n_rings, NULL);
    if (c->options[OPT_WATCH]) return watch_all(c, reply);
    jobs_show(c, reply->jobs, reply->n_jobs);
    return CTL_OK;
}

/* ---- destroy, certificate ---- */

/* RING VERSION */
static ctl_exit read_version(ctl *c, uint32_t *out)
{
    char *rest;
    unsigned long version = strtoul(c->arguments[1], &rest, 10);
    if (*rest || c->arguments[1][0] < '1' || c->arguments[1][0] > '9' || version > UINT32_MAX)
        return usage_error(c, "%s is not the number of a version", c->arguments[1]);
    *out = (uint32_t)version;
    return CTL_OK;
}

/* The note as it was signed goes to --out or standard output: every byte of it counts. */
static ctl_exit show_certificate(ctl *c, const Vault__V1__Certificate *one)
{
    vault_error err = {0};
    if (c->options[OPT_JSON]) {
        print_json(message_json(c->mem, &one->base));
    } else if (c->options[OPT_OUT]) {
        if (file_replace(c->options[OPT_OUT], bytes_of_text(one->note), &err) != VAULT_OK)
            return say_error(&err), CTL_FAILED;
        printf("line %llu; the certificate is in %s\n", (unsigned long long)one->line, c->options[OPT_OUT]);
    } else {
        fputs(one->note, stdout);
    }
    return CTL_OK;
}

ctl_exit show_proposal(const ctl *c, const char *name)
{
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:s}", "approval", name));
    else
        printf("%s  pending: an officer approves it (approval show, approval approve), then the same again with "
               "--approval\n",
               shown(c->mem, name));
    return CTL_OK;
}

ctl_exit run_keys_destroy(ctl *c)
{
    Vault__V1__DestroyRequest request = VAULT__V1__DESTROY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = read_version(c, &request.version);
    if (end != CTL_OK) return end;
    request.ring = lent(c->arguments[0]);
    if (c->options[OPT_APPROVAL]) request.approval = lent(c->options[OPT_APPROVAL]);
    end = ctl_call(c, &x, "/vault.v1.Keys/Destroy", &request.base, &vault__v1__destroy_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__DestroyResponse *reply = (const void *)x.reply;
    return reply->certificate ? show_certificate(c, reply->certificate) : show_proposal(c, reply->approval);
}

ctl_exit run_keys_certificate(ctl *c)
{
    Vault__V1__GetCertificateRequest request = VAULT__V1__GET_CERTIFICATE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = read_version(c, &request.version);
    if (end != CTL_OK) return end;
    request.ring = lent(c->arguments[0]);
    end = ctl_call(c, &x, "/vault.v1.Keys/GetCertificate", &request.base,
                   &vault__v1__get_certificate_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__GetCertificateResponse *reply = (const void *)x.reply;
    return reply->certificate ? show_certificate(c, reply->certificate) : CTL_FAILED;
}
