/* Audit: checkpoint and proofs. */
#include "vault/service/internal.h"

#include <stdio.h>
#include <string.h>

static ProtobufCBinaryData borrowed(const void *at, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)at};
}

static bool call_failed(const call *c, vault_code code)
{
    return code != VAULT_OK || c->rq->err.code != VAULT_OK;
}

/* ---- checkpoint and proofs ---- */

/* "" where witnesses have not cosigned any as the policy wants. */
static vault_code newest_cosigned(session *s, request *rq, char **note)
{
    anchor found;
    vault_code code = ledger_cosigned(&found, s->service->ledger, s->store, rq->mem, &rq->err);
    if (code == VAULT_OK) *note = lent(found.note);
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(&rq->err);
    return VAULT_OK;
}

static void get_checkpoint(session *s, call *c)
{
    request *rq = c->rq;
    int64_t size;
    const char *note = NULL;
    Vault__V1__GetCheckpointResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetCheckpointResponse, vault__v1__get_checkpoint_response__init);
    if (!out || call_failed(c, store_checkpoint_read(s->store, rq->mem, &size, &note, &rq->err))) return;
    if (size == 0) {
        (void)vault_refuse(&rq->err, VAULT_NOT_FOUND, "NOT_YET_PUBLISHED", "");
        return;
    }
    out->checkpoint = arena_text(rq->mem, bytes_of_text(note));
    verifier_keys keys;
    if (call_failed(c, newest_cosigned(s, rq, &out->cosigned_checkpoint))) return;
    if (call_failed(c, ledger_verifier_keys(&keys, s->service->ledger, rq->mem, &rq->err))) return;
    out->verifier_key = lent(keys.at[0]);
    out->verifier_keys = (char **)(uintptr_t)keys.at;
    out->n_verifier_keys = keys.count;
    if (out->checkpoint) rq->out = &out->base;
}

static vault_code fill_path(Vault__V1__GetProofResponse *out, arena *mem, const merkle_path *path, vault_error *err)
{
    out->path = arena_array(mem, path->len + 1, sizeof *out->path);
    if (!out->path) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a proof");
    for (size_t i = 0; i < path->len; i++) out->path[out->n_path++] = borrowed(path->at[i].at, DIGEST_LEN);
    return VAULT_OK;
}

static vault_code prove_line(session *s, request *rq, Vault__V1__GetProofResponse *out, int64_t index)
{
    line_proof proof = {.index = index, .size = (int64_t)out->tree_size};
    VAULT_TRY(ledger_prove_inclusion(s->service->ledger, s->store, rq->mem, &proof, &rq->err));
    out->leaf = borrowed(proof.leaf.at, proof.leaf.len);
    return fill_path(out, rq->mem, &proof.path, &rq->err);
}

static vault_code prove_growth(session *s, request *rq, Vault__V1__GetProofResponse *out, int64_t old_size)
{
    growth_proof proof = {.old_size = old_size, .size = (int64_t)out->tree_size};
    VAULT_TRY(ledger_prove_consistency(s->service->ledger, s->store, rq->mem, &proof, &rq->err));
    return fill_path(out, rq->mem, &proof.path, &rq->err);
}

/* The tree to prove against, and its checkpoint where it is one that was published last. */
static vault_code choose_tree(session *s, request *rq, Vault__V1__GetProofResponse *out,
                              const Vault__V1__GetProofRequest *in)
{
    int64_t size;
    const char *note = NULL;
    anchor cosigned;
    if (in->tree_size > INT64_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "tree_size", -1);
    if (in->cosigned && in->tree_size) return refuse_at(&rq->err, "OUT_OF_RANGE", "cosigned", -1);
    if (in->cosigned) {
        vault_code code = ledger_cosigned(&cosigned, s->service->ledger, s->store, rq->mem, &rq->err);
        if (code == VAULT_NOT_FOUND) vault_error_clear(&rq->err);
        if (code == VAULT_NOT_FOUND) return vault_refuse(&rq->err, VAULT_PRECONDITION, "NOT_COSIGNED", "");
        VAULT_TRY(code);
        out->tree_size = (uint64_t)cosigned.tree.size;
        out->checkpoint = lent(cosigned.note);
        return VAULT_OK;
    }
    VAULT_TRY(store_checkpoint_read(s->store, rq->mem, &size, &note, &rq->err));
    out->tree_size = in->tree_size ? in->tree_size : (uint64_t)size;
    if (out->tree_size == (uint64_t)size && size > 0) out->checkpoint = lent(note);
    return VAULT_OK;
}

static vault_code get_proof(session *s, request *rq, const Vault__V1__GetProofRequest *in)
{
    Vault__V1__GetProofResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetProofResponse, vault__v1__get_proof_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a proof");
    VAULT_TRY(choose_tree(s, rq, out, in));
    rq->out = &out->base;
    if (in->of_case == VAULT__V1__GET_PROOF_REQUEST__OF_LINE && in->line < INT64_MAX)
        return prove_line(s, rq, out, (int64_t)in->line);
    if (in->of_case == VAULT__V1__GET_PROOF_REQUEST__OF_OLD_SIZE && in->old_size < INT64_MAX && in->old_size > 0)
        return prove_growth(s, rq, out, (int64_t)in->old_size);
    return refuse_at(&rq->err, in->of_case ? "OUT_OF_RANGE" : "REQUIRED", "of", -1);
}

void audit_get_checkpoint(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) get_checkpoint(s, calls[i]);
}

void audit_get_proof(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        request *rq = calls[i]->rq;
        if (get_proof(s, rq, (const void *)rq->in) != VAULT_OK) rq->out = NULL;
    }
}
