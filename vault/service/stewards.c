/* Operations on the root key, behind the gate: the line of an unsealing, Seal, Rekey. */
#include "vault/service/change.h"
#include "vault/service/operator.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <time.h>

enum { DOUBT_MOST_US = 30000000 };
#define PROPOSAL_US (INT64_C(7) * 86400 * 1000000)

/* ---- Unseal and Initialise ---- */

/* Of one who opens the node: a line; and where the manifest says sealed, a change of it. */
static vault_code open_by_hand(session *s, call *c)
{
    const line_facts facts = {.change = change_kind_name(CHANGE_UNSEAL)};
    change what = {.kind = CHANGE_UNSEAL};
    change_record done;
    return s->manifest->sealed ? change_run(s, c, &what, &done) : write_call_line(s, c, &facts);
}

static vault_code unseal(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__UnsealResponse *out = MESSAGE(rq->mem, Vault__V1__UnsealResponse, vault__v1__unseal_response__init);
    const line_facts facts = {.change = change_kind_name(CHANGE_UNSEAL)};
    if (!s->waking) {
        (void)vault_refuse(&rq->err, VAULT_PRECONDITION, "NOT_SEALED", "");
        return write_call_line(s, c, &facts);
    }
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    VAULT_TRY(open_by_hand(s, c));
    rq->out = &out->base;
    return VAULT_OK;
}

void keys_unseal(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)unseal(s, calls[i]);
}

static void initialise(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__InitResponse *out = MESSAGE(rq->mem, Vault__V1__InitResponse, vault__v1__init_response__init);
    const line_facts facts = {.change = change_kind_name(CHANGE_INIT)};
    if (!s->waking) (void)vault_refuse(&rq->err, VAULT_PRECONDITION, "INITIALISED", "");
    if (out) out->verifier_key = arena_text(rq->mem, bytes_of_text(ledger_verifier_key(s->service->ledger)));
    if (rq->err.code == VAULT_OK && (!out || !out->verifier_key))
        (void)vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    if (write_call_line(s, c, &facts) == VAULT_OK) rq->out = &out->base;
}

void keys_initialise(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) initialise(s, calls[i]);
}

/* ---- Seal ---- */

static void seal(session *s, call *c)
{
    request *rq = c->rq;
    change what = {.kind = CHANGE_SEAL};
    change_record done;
    Vault__V1__SealResponse *out = MESSAGE(rq->mem, Vault__V1__SealResponse, vault__v1__seal_response__init);
    if (!out) (void)vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    if (out && change_run(s, c, &what, &done) == VAULT_OK) rq->out = &out->base;
}

void keys_seal(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) seal(s, calls[i]);
}

/* ---- Rekey ---- */

/* Canonical JSON of what is asked for: two people agree on just this. */
static const char *operation_text(arena *mem, const root_wish *wish, bool rotate_root)
{
    const char *rotates = rotate_root ? "true" : "false";
    if (wish->source != ROOT_SHARES)
        return arena_format(mem, "{\"operation\":\"rekey\",\"root\":\"%s\",\"rotate_root\":%s}",
                            root_source_name(wish->source), rotates);
    return arena_format(
        mem, "{\"operation\":\"rekey\",\"root\":\"shares\",\"rotate_root\":%s,\"shares\":%u,\"threshold\":%u}", rotates,
        wish->shares, wish->threshold);
}

static vault_code answer_proposal(request *rq, const change_record *done)
{
    Vault__V1__RekeyResponse *out = MESSAGE(rq->mem, Vault__V1__RekeyResponse, vault__v1__rekey_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    out->approval = lent(done->approval);
    rq->out = &out->base;
    return VAULT_OK;
}

/* Made before anything is written: shares that there is no memory to tell would be lost. */
static vault_code answer_rekey(request *rq, const new_root *made)
{
    Vault__V1__RekeyResponse *out = MESSAGE(rq->mem, Vault__V1__RekeyResponse, vault__v1__rekey_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    out->shares = root_share_texts(rq->mem, made, &out->n_shares);
    if (!out->shares) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for shares");
    out->root_generation = made->seal.generation;
    rq->out = &out->base;
    return VAULT_OK;
}

/* Behind the lock of the head: whatever transaction had come as far as its line has ended one way or the other. */
static vault_code read_settled(root_place *out, store *with, vault_error *err)
{
    head_row head;
    VAULT_TRY(store_begin(with, err));
    vault_code code = store_head_lock(with, &head, err);
    if (code == VAULT_OK) code = root_row_read(out, with, err);
    store_rollback(with);
    return code;
}

typedef enum fate { FATE_UNKNOWN, FATE_STANDS, FATE_UNDONE } fate;

/* A commit whose answer was cut off may stand, and then the shares must be told: the vault's row is asked as long as
 * the caller waits. */
static fate fate_of(session *s, const request *rq, const new_root *made)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    const int64_t most = clock_monotonic_us() + DOUBT_MOST_US;
    while (clock_monotonic_us() < (rq->deadline_us < most ? rq->deadline_us : most)) {
        root_place place;
        vault_error err = {0};
        if (read_settled(&place, s->store, &err) == VAULT_OK)
            return bytes_same(bytes_of(place.seal.wrapped, sizeof place.seal.wrapped),
                              bytes_of(made->seal.wrapped, sizeof made->seal.wrapped))
                       ? FATE_STANDS
                       : FATE_UNDONE;
        nanosleep(&pause, NULL);
    }
    return FATE_UNKNOWN;
}

/* The key is known to the node before the commit, so that it is not lost with one that is in doubt. */
static vault_code carry_out(session *s, call *c, change *what, const new_root *made)
{
    change_record done;
    request *rq = c->rq;
    bool rotates = what->root.len > 0;
    if (rotates) VAULT_TRY(life_next_root(s->service, what->root, &rq->err));
    vault_code code = change_run(s, c, what, &done);
    fate so = code == VAULT_UNAVAILABLE ? fate_of(s, rq, made) : FATE_UNDONE;
    if (rotates && so == FATE_UNDONE) life_forget_next_root(s->service); /* or control has it */
    if (rotates && so == FATE_UNKNOWN) life_doubt_next_root(s->service, made->seal.generation);
    if (so != FATE_STANDS) return code;
    vault_error_clear(&rq->err);
    s->confirmed = true; /* by the row itself; the manifest that goes with it is read by the next run */
    return VAULT_OK;
}

/* The vault's row as it stands; and with it what became of a rotation before, if that is still in doubt. */
static vault_code read_place(root_place *out, session *s, vault_error *err)
{
    uint32_t doubted = life_doubted(s->service);
    if (doubted == 0) return root_row_read(out, s->store, err);
    VAULT_TRY(read_settled(out, s->store, err));
    if (out->seal.generation < doubted) life_forget_next_root(s->service);
    return VAULT_OK;
}

static vault_code rekey_now(session *s, call *c, change *what, root_wish *wish, bool rotate_root)
{
    VAULT_CLEANUP(new_root_clear) new_root made = {0};
    VAULT_CLEANUP(secret_clear) secret root = {0};
    root_place place;
    vault_error *err = &c->rq->err;
    VAULT_TRY(read_place(&place, s, err));
    wish->generation = place.seal.generation + 1;
    wish->vault = place.vault;
    if (!rotate_root) VAULT_TRY(control_root(&root, s->service->control, err));
    wish->root = secret_bytes(&root);
    if (new_root_make(&made, &s->service->keeping, wish, err) != VAULT_OK) return change_refuse(s, c, what);
    VAULT_TRY(answer_rekey(c->rq, &made));
    what->seal = &made.seal;
    if (rotate_root) what->root = secret_bytes(&made.root);
    return carry_out(s, c, what, &made);
}

static vault_code rekey(session *s, call *c)
{
    const Vault__V1__RekeyRequest *in = (const void *)c->rq->in;
    root_wish wish;
    change_record done;
    change what = {.kind = CHANGE_REKEY, .approval = in->approval, .lifetime_us = PROPOSAL_US};
    if (root_choice_read(&wish, in->root, &c->rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    const char *text = operation_text(s->mem, &wish, in->rotate_root);
    if (!text) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for an operation");
    what.operation = bytes_of_text(text);
    if (in->approval[0]) return rekey_now(s, c, &what, &wish, in->rotate_root);
    VAULT_TRY(change_run(s, c, &what, &done));
    return answer_proposal(c->rq, &done);
}

void keys_rekey(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)rekey(s, calls[i]);
}
