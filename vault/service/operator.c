/* What a sealed node answers, and how it is opened: Status, Unseal, Initialise. There is no gate before them, because
 * who is registered stands under the keys. So anybody with a certificate may enter shares, which are worth nothing
 * alone; what is enough opens the node for its own call, and that call then stands at the gate: only a registered
 * steward leaves it open. */
#include "vault/service/operator.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- Status ---- */

/* What is known is told; a database that does not answer keeps nobody from knowing that the node is sealed. */
static vault_code status_sealed(session *s, request *rq)
{
    service *of = s->service;
    root_place place;
    Vault__V1__StatusResponse *out = MESSAGE(rq->mem, Vault__V1__StatusResponse, vault__v1__status_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a status");
    vault_code code = root_row_read(&place, s->store, &rq->err);
    if (code != VAULT_OK && code != VAULT_NOT_FOUND) return code;
    vault_error_clear(&rq->err);
    out->sealed = true;
    if (code == VAULT_OK) root_tell(out, &place);
    pthread_mutex_lock(&of->unsealing);
    entered_expire(&of->entered, clock_monotonic_us());
    out->entered = entered_count(&of->entered);
    pthread_mutex_unlock(&of->unsealing);
    rq->out = &out->base;
    return VAULT_OK;
}

void keys_status_sealed(session *s, const method *m, request *rq)
{
    (void)m;
    (void)status_sealed(s, rq);
}

/* ---- the node's own log ---- */

/* There is no log to write a line in: who did it is told by the certificate. */
static void tell(const char *event, const request *rq, const char *what)
{
    char hex[2 * DIGEST_LEN + 1];
    hex_encode(hex, digest_bytes(&rq->certificate));
    log_event(rq->err.code == VAULT_OK ? LOG_INFO : LOG_WARN, event, "%s, certificate %s", what, hex);
}

static void tell_outcome(const char *event, const request *rq)
{
    if (rq->err.code == VAULT_INTEGRITY || rq->err.code == VAULT_INTERNAL) log_failure(LOG_ERROR, event, &rq->err);
    tell(event, rq, rq->err.reason ? rq->err.reason : vault_code_name(rq->err.code));
}

/* ---- opening for one call ---- */

/* Opens the node, and runs the call as one that stands at the gate. Its outcome is left in rq->err, and decides whether
 * the node stays open. With the lock of everything: nobody else is answered by the keys before that. */
static void wake_for(session *s, const method *m, request *rq, bytes root)
{
    service *of = s->service;
    pthread_rwlock_wrlock(&of->life);
    if (of->control) {
        (void)vault_refuse(&rq->err, VAULT_PRECONDITION, "NOT_SEALED", "");
    } else if (life_open(of, s->store, root, &rq->err) == VAULT_OK) {
        s->waking = true;
        session_calls(s, m, &rq, 1);
        s->waking = false;
        if (rq->err.code != VAULT_OK) life_wipe(of);
    }
    life_settle(of);
    pthread_rwlock_unlock(&of->life);
}

/* ---- Unseal ---- */

/* What is entered, and what it is for. */
typedef struct entry {
    session *s;
    request *rq;
    const Vault__V1__UnsealRequest *in;
    root_place place;
    bool complete;
} entry;

static vault_code take_share(secret *unseal, entry *e)
{
    entered *so_far = &e->s->service->entered;
    const root_seal *seal = &e->place.seal;
    vault_error *err = &e->rq->err;
    if (e->in->with_case != VAULT__V1__UNSEAL_REQUEST__WITH_SHARE) return refuse_at(err, "REQUIRED", "share", -1);
    VAULT_TRY(entered_add(so_far, seal, bytes_of_text(e->in->share), err));
    e->complete = entered_complete(so_far, seal);
    return e->complete ? entered_join(unseal, so_far, seal, err) : VAULT_OK;
}

/* What is wrong with a file is for the operator's eyes. */
static vault_code take_file(secret *unseal, entry *e)
{
    const root_keeping *k = &e->s->service->keeping;
    vault_error why = {0};
    if (e->in->with_case != VAULT__V1__UNSEAL_REQUEST__WITH__NOT_SET)
        return refuse_at(&e->rq->err, "OTHER_SOURCE", "with", -1);
    if (!root_lies_here(k) || k->source != (int)e->place.seal.source)
        return vault_refuse(&e->rq->err, VAULT_PRECONDITION, "NO_KEY_FILE", "");
    e->complete = true;
    if (root_unseal_from_files(unseal, k, &e->place.seal, &why) == VAULT_OK) return VAULT_OK;
    log_failure(LOG_ERROR, "unseal.file", &why);
    return vault_refuse(&e->rq->err, VAULT_PRECONDITION, "BAD_KEY_FILE", "");
}

static vault_code take_passphrase(secret *unseal, entry *e)
{
    const root_seal *seal = &e->place.seal;
    vault_error why = {0};
    if (e->in->with_case == VAULT__V1__UNSEAL_REQUEST__WITH__NOT_SET && e->s->service->keeping.passphrase_file)
        return take_file(unseal, e);
    if (e->in->with_case != VAULT__V1__UNSEAL_REQUEST__WITH_PASSPHRASE)
        return refuse_at(&e->rq->err, "REQUIRED", "passphrase", -1);
    e->complete = true;
    vault_code code = root_key_from_passphrase(unseal, bytes_of_text(e->in->passphrase),
                                               bytes_of(seal->salt, sizeof seal->salt), seal->cost, &why);
    if (code == VAULT_INVALID) return refuse_at(&e->rq->err, "BAD_PASSPHRASE", "passphrase", -1); /* too short */
    if (code != VAULT_OK) e->rq->err = why;
    return code;
}

/* A share that opens nothing cannot be: each was checked. A passphrase or a file is found to be wrong here. */
static vault_code open_root(secret *root, const entry *e, bytes unseal)
{
    vault_error why = {0}, *err = &e->rq->err;
    const root_seal *seal = &e->place.seal;
    vault_code code = root_seal_open(root, seal, e->place.vault, unseal, &why);
    if (code == VAULT_INTEGRITY && e->in->with_case == VAULT__V1__UNSEAL_REQUEST__WITH_PASSPHRASE)
        return refuse_at(err, "WRONG_PASSPHRASE", "passphrase", -1);
    if (code == VAULT_INTEGRITY && seal->source != ROOT_SHARES)
        return vault_refuse(err, VAULT_PRECONDITION, "BAD_KEY_FILE", "");
    if (code != VAULT_OK) *err = why;
    return code;
}

static vault_code answer_unseal(const entry *e, bool sealed)
{
    Vault__V1__UnsealResponse *out = MESSAGE(e->rq->mem, Vault__V1__UnsealResponse, vault__v1__unseal_response__init);
    if (!out) return vault_fail(&e->rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    out->sealed = sealed;
    out->threshold = e->place.seal.threshold;
    out->entered = entered_count(&e->s->service->entered);
    e->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code take(secret *unseal, entry *e)
{
    switch (e->place.seal.source) {
    case ROOT_SHARES:
        return take_share(unseal, e);
    case ROOT_PASSPHRASE:
        return take_passphrase(unseal, e);
    default:
        return take_file(unseal, e);
    }
}

static vault_code complete(entry *e, const method *m, bytes unseal)
{
    VAULT_CLEANUP(secret_clear) secret root = {0};
    entered *so_far = &e->s->service->entered;
    vault_code code = open_root(&root, e, unseal);
    if (code == VAULT_OK) {
        wake_for(e->s, m, e->rq, secret_bytes(&root));
        code = e->rq->err.code;
    }
    if (code == VAULT_OK)
        entered_forget(so_far);
    else
        entered_take_back(so_far); /* somebody who may can enter it again */
    return code;
}

static vault_code unseal_node(session *s, const method *m, request *rq)
{
    VAULT_CLEANUP(secret_clear) secret unseal = {0};
    entry e = {.s = s, .rq = rq, .in = (const void *)rq->in};
    entered *so_far = &s->service->entered;
    VAULT_TRY(gate_check_context(e.in->context, &rq->err));
    if (root_row_read(&e.place, s->store, &rq->err) == VAULT_NOT_FOUND) {
        vault_error_clear(&rq->err);
        return vault_refuse(&rq->err, VAULT_PRECONDITION, "NOT_INITIALISED", "");
    }
    VAULT_TRY(rq->err.code);
    entered_expire(so_far, clock_monotonic_us());
    if (e.in->reset) entered_forget(so_far);
    if (e.in->reset && e.in->with_case == VAULT__V1__UNSEAL_REQUEST__WITH__NOT_SET) return answer_unseal(&e, true);
    VAULT_TRY(take(&unseal, &e));
    return e.complete ? complete(&e, m, secret_bytes(&unseal)) : answer_unseal(&e, true);
}

void keys_unseal_sealed(session *s, const method *m, request *rq)
{
    if (pthread_mutex_trylock(&s->service->unsealing) != 0) {
        (void)vault_refuse(&rq->err, VAULT_UNAVAILABLE, "UNSEALING", "");
        return;
    }
    (void)unseal_node(s, m, rq);
    pthread_mutex_unlock(&s->service->unsealing);
    tell_outcome("node.unseal", rq);
}

/* ---- Initialise ---- */

static vault_code read_documents(bytes texts[DOC_DOMAINS], const Vault__V1__InitRequest *in, vault_error *err)
{
    document at;
    for (size_t i = 0; i < in->n_documents; i++) {
        const Vault__V1__InitDocument *one = in->documents[i];
        if (!document_named(&at, one->name)) return refuse_at(err, "DOCUMENT_UNKNOWN", "documents", (long)i);
        if (texts[at].at) return refuse_at(err, "DOCUMENT_TWICE", "documents", (long)i);
        if (one->content.len == 0) return refuse_at(err, "REQUIRED", "documents", (long)i);
        texts[at] = bytes_of(one->content.data, one->content.len);
    }
    for (unsigned i = 0; i < DOC_DOMAINS; i++)
        if (!texts[i].at) return refuse_at(err, "DOCUMENT_MISSING", "documents", -1);
    return VAULT_OK;
}

/* A commit whose answer was cut off may stand, and its shares must then be told: looked at for two seconds. */
static bool stands_after_all(store *with, const new_root *made)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    for (int i = 0; i < 20; i++) {
        root_place place;
        vault_error err = {0};
        if (root_row_read(&place, with, &err) == VAULT_OK)
            return bytes_same(bytes_of(place.seal.wrapped, sizeof place.seal.wrapped),
                              bytes_of(made->seal.wrapped, sizeof made->seal.wrapped));
        nanosleep(&pause, NULL);
    }
    return false;
}

static vault_code write_vault(session *s, const init_options *options, const new_root *made, vault_error *err)
{
    vault_code code = control_init(s->store, options, err);
    if (code != VAULT_UNAVAILABLE || !stands_after_all(s->store, made)) return code;
    vault_error_clear(err);
    return VAULT_OK;
}

static vault_code make_vault(session *s, request *rq, new_root *made, Vault__V1__InitResponse *out)
{
    const Vault__V1__InitRequest *in = (const void *)rq->in;
    root_wish wish;
    bytes texts[DOC_DOMAINS] = {{0}};
    suite_id suite = SUITE_INTL;
    root_place there;
    vault_error *err = &rq->err;
    VAULT_TRY(gate_check_context(in->context, err));
    vault_code code = root_row_read(&there, s->store, err);
    if (code == VAULT_OK) return vault_refuse(err, VAULT_PRECONDITION, "INITIALISED", "");
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(err);
    VAULT_TRY(root_choice_read(&wish, in->root, err));
    if (in->suite[0] && !suite_named(&suite, in->suite)) return refuse_at(err, "SUITE_UNKNOWN", "suite", -1);
    VAULT_TRY(read_documents(texts, in, err));
    if (strlen(in->vault) >= VAULT_NAME_ROOM) return refuse_at(err, "BAD_NAME", "vault", -1);
    wish.vault = in->vault;
    wish.generation = 1;
    VAULT_TRY(new_root_make(made, &s->service->keeping, &wish, err));
    out->shares = root_share_texts(rq->mem, made, &out->n_shares); /* now, lest they stand and cannot be told */
    if (!out->shares) return vault_fail(err, VAULT_EXHAUSTED, "no memory for shares");
    const init_options options = {
        .name = in->vault, .texts = texts, .root = secret_bytes(&made->root), .seal = &made->seal, .suite = suite};
    return write_vault(s, &options, made, err);
}

/* The vault stands: what is told once is told, whatever becomes of the rest. The first line of a key operation is that
 * of the caller, where the documents name him; and where the key lies in a file, the node goes on. */
static void first_opening(session *s, const method *m, request *rq, const new_root *made)
{
    service *of = s->service;
    Vault__V1__InitResponse *out = (Vault__V1__InitResponse *)(void *)rq->out;
    request trial = *rq;
    trial.out = NULL;
    wake_for(s, m, &trial, secret_bytes(&made->root));
    if (trial.err.code != VAULT_OK) {
        log_failure(LOG_WARN, "node.init", &trial.err);
        return;
    }
    out->verifier_key = ((Vault__V1__InitResponse *)(void *)trial.out)->verifier_key;
    if ((int)made->seal.source == of->keeping.source && root_lies_here(&of->keeping)) return;
    pthread_rwlock_wrlock(&of->life);
    life_wipe(of);
    life_settle(of);
    pthread_rwlock_unlock(&of->life);
}

static vault_code initialise(session *s, const method *m, request *rq)
{
    VAULT_CLEANUP(new_root_clear) new_root made = {0};
    Vault__V1__InitResponse *out = MESSAGE(rq->mem, Vault__V1__InitResponse, vault__v1__init_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    VAULT_TRY(make_vault(s, rq, &made, out));
    rq->out = &out->base;
    first_opening(s, m, rq, &made);
    return VAULT_OK;
}

void keys_initialise_sealed(session *s, const method *m, request *rq)
{
    if (pthread_mutex_trylock(&s->service->unsealing) != 0) {
        (void)vault_refuse(&rq->err, VAULT_UNAVAILABLE, "UNSEALING", "");
        return;
    }
    (void)initialise(s, m, rq);
    pthread_mutex_unlock(&s->service->unsealing);
    tell_outcome("node.init", rq);
}
