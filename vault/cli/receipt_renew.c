/* receipt renew: each line of a kept receipt by itself, with its path to a checkpoint that witnesses have cosigned. The
 * kept one is evidence against the vault that answers here: it is replaced only by what the log's key has signed. */
#include "vault/cli/log_copy.h"

#include <string.h>

static ctl_exit spoilt(const char *why, json_int_t line, ctl_exit end)
{
    fprintf(stderr, "vaultctl: line %lld: %s\n", (long long)line, why);
    return end;
}

/* The vault's answer leads the kept leaf to the root of its checkpoint. */
static bool leads_there(arena *mem, const Vault__V1__GetProofResponse *reply, json_int_t line, const merkle_tree *tree)
{
    merkle_path path;
    digest leaf = merkle_leaf(bytes_of(reply->leaf.data, reply->leaf.len));
    return hashes_read(&path, mem, reply->path, reply->n_path) && merkle_verify_inclusion(&leaf, line, tree, path);
}

static json_t *renewed(const Vault__V1__GetProofResponse *reply, json_int_t line, json_t *kept)
{
    return json_pack("{s:I, s:[O], s:o, s:s}", "first_line", line, "lines", kept, "path",
                     hashes_json(reply->path, reply->n_path), "checkpoint", reply->checkpoint);
}

/* What is renewed, and by whose word. */
typedef struct renewal {
    ctl *c;
    const note_key *key; /* NULL: none was given */
    json_t *all;
} renewal;

static ctl_exit renew_line(const renewal *r, json_int_t line, json_t *kept)
{
    Vault__V1__GetProofRequest request = VAULT__V1__GET_PROOF_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    const char *leaf = json_string_value(json_object_get(kept, "leaf"));
    request.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    request.line = (uint64_t)line;
    request.cosigned = true;
    ctl_exit end =
        ctl_call(r->c, &x, "/vault.v1.Audit/GetProof", &request.base, &vault__v1__get_proof_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__GetProofResponse *reply = (const void *)x.reply;
    VAULT_CLEANUP(json_clear) json_t *theirs = base64_json(bytes_of(reply->leaf.data, reply->leaf.len));
    if (!leaf || strcmp(leaf, json_string_value(theirs)) != 0)
        return spoilt("the log has another leaf there than the receipt", line, CTL_TAMPERED);
    checkpoint head;
    finding f = checkpoint_told(&head, reply->checkpoint, r->key);
    if (f.verdict != VERDICT_VALID) return spoilt(f.why, line, verdict_exit(f.verdict));
    if (!leads_there(r->c->mem, reply, line, &head.tree))
        return spoilt("the vault's proof does not lead to its checkpoint", line, CTL_TAMPERED);
    json_array_append_new(r->all, renewed(reply, line, kept));
    return CTL_OK;
}

static ctl_exit renew_all(const renewal *r, const json_t *receipts)
{
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        const json_t *one = json_array_get(receipts, i), *lines = json_object_get(one, "lines");
        json_int_t first = json_integer_value(json_object_get(one, "first_line"));
        for (size_t k = 0; k < json_array_size(lines); k++) {
            ctl_exit end = renew_line(r, first + (json_int_t)k, json_array_get(lines, k));
            if (end != CTL_OK) return end;
        }
    }
    return CTL_OK;
}

ctl_exit run_receipt_renew(ctl *c)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    VAULT_CLEANUP(json_clear) json_t *all = json_array();
    json_t *receipts;
    note_key key;
    bool known = c->options[OPT_LOG_KEY] != NULL;
    if (!known && !c->options[OPT_OUT]) return usage_error(c, "FILE is replaced with --log-key alone; else --out");
    if (known && log_key(c, &key).verdict != VERDICT_VALID)
        return usage_error(c, "--log-key is neither a verifier key nor a file with one");
    if (!receipts_load(c->arguments[0], &whole, &receipts)) return CTL_INCOMPLETE;
    const renewal r = {.c = c, .key = known ? &key : NULL, .all = all};
    ctl_exit end = renew_all(&r, receipts);
    if (end != CTL_OK) return end;
    if (!c->options[OPT_OUT]) c->options[OPT_OUT] = c->arguments[0];
    return receipts_save(c, OPT_OUT, json_incref(all));
}
