/* audit checkpoint, proof. */
#include "vault/cli/log_copy.h"

#include "vault/audit/tree_proof.h"
#include "vault/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checkpoint and proof ---- */

ctl_exit run_audit_checkpoint(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = checkpoint_get(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__GetCheckpointResponse *reply = (const void *)x.reply;
    bool cosigned = c->options[OPT_COSIGNED] != NULL;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        fputs(cosigned ? reply->cosigned_checkpoint : reply->checkpoint, stdout);
    if (!cosigned || reply->cosigned_checkpoint[0]) return CTL_OK;
    fputs("vaultctl: no checkpoint is cosigned as the vault's policy of witnesses wants\n", stderr);
    return CTL_INCOMPLETE;
}

/* c2sp.org/tlog-proof: the leaf as its extra data, its index, the path, the checkpoint. */
static ctl_exit print_proof(const ctl *c, uint64_t line, const Vault__V1__GetProofResponse *reply)
{
    tlog_proof proof = {.extra = bytes_of(reply->leaf.data, reply->leaf.len),
                        .index = (int64_t)line,
                        .checkpoint = bytes_of_text(reply->checkpoint)};
    const char *text =
        hashes_read(&proof.path, c->mem, reply->path, reply->n_path) ? tlog_proof_text(c->mem, &proof) : NULL;
    return text && fputs(text, stdout) != EOF ? CTL_OK : CTL_FAILED;
}

static void print_proof_json(uint64_t line, const Vault__V1__GetProofResponse *reply)
{
    print_json(json_pack("{s:I, s:I, s:o, s:o, s:s}", "index", (json_int_t)line, "tree_size",
                         (json_int_t)reply->tree_size, "leaf", base64_json(bytes_of(reply->leaf.data, reply->leaf.len)),
                         "path", hashes_json(reply->path, reply->n_path), "checkpoint", reply->checkpoint));
}

ctl_exit run_audit_proof(ctl *c)
{
    Vault__V1__GetProofRequest request = VAULT__V1__GET_PROOF_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    char *rest;
    unsigned long long line = strtoull(c->arguments[0], &rest, 10);
    if (*rest || c->arguments[0][0] < '0' || c->arguments[0][0] > '9')
        return usage_error(c, "%s is not the number of a line", c->arguments[0]);
    request.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    request.line = line;
    request.cosigned = c->options[OPT_COSIGNED] != NULL;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Audit/GetProof", &request.base, &vault__v1__get_proof_response__descriptor);
    if (end != CTL_OK) return end;
    if (!c->options[OPT_JSON]) return print_proof(c, line, (const void *)x.reply);
    print_proof_json(line, (const void *)x.reply);
    return CTL_OK;
}

/* ---- times ---- */

Google__Protobuf__Timestamp *ctl_time(arena *mem, const char *text)
{
    Google__Protobuf__Timestamp *t = arena_alloc(mem, sizeof *t);
    const char *whole = strlen(text) == 10 ? arena_format(mem, "%sT00:00:00+08:00", text) : text;
    int64_t us = t && whole ? clock_parse(whole) : -1;
    if (us < 0) return NULL;
    google__protobuf__timestamp__init(t);
    t->seconds = us / 1000000;
    t->nanos = (int32_t)(us % 1000000) * 1000;
    return t;
}
