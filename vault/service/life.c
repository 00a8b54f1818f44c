/* The life of a node: sealed, it holds no key at all; open, it has control and ledger. Whoever works with them is
 * inside (life_enter); opening and sealing wait until nobody is, and then change everything at once, for all sessions.
 *
 *   sealed ──root key──► open ──the manifest says sealed, or the root key is another──► sealed
 */
#include "vault/service/internal.h"

#include "vault/base/log.h"

void life_init(service *s)
{
    pthread_rwlockattr_t fair; /* callers without end must not keep a seal waiting */
    pthread_rwlockattr_init(&fair);
    pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->life, &fair);
    pthread_rwlockattr_destroy(&fair);
    pthread_mutex_init(&s->sessions_lock, NULL);
    atomic_store(&s->open, false);
}

/* ---- sessions, whose keys go when the node is sealed ---- */

void life_join(service *s, session *w)
{
    pthread_mutex_lock(&s->sessions_lock);
    w->next = s->sessions;
    s->sessions = w;
    pthread_mutex_unlock(&s->sessions_lock);
}

void life_part(service *s, session *w)
{
    pthread_mutex_lock(&s->sessions_lock);
    for (session **at = &s->sessions; *at; at = &(*at)->next) {
        if (*at != w) continue;
        *at = w->next;
        break;
    }
    pthread_mutex_unlock(&s->sessions_lock);
}

static void drop_all_keys(service *s)
{
    pthread_mutex_lock(&s->sessions_lock);
    for (session *w = s->sessions; w; w = w->next) session_drop_keys(w);
    pthread_mutex_unlock(&s->sessions_lock);
}

/* ---- opening and sealing: under the write lock ---- */

/* A policy that grants to nobody's purpose, or a resident who is not there, is not a policy: it is tried at every
 * start. */
static vault_code try_denied(const manifest *m, vault_error *err)
{
    const policy_facts facts = {.action = POLICY_REVEAL, .form = FORM_PLAIN};
    const admission a = policy_admit(m->policy, &facts), open_door = {.failed = CLAUSE_NONE};
    const grant g = policy_decide(m->policy, &open_door, &facts, (area_code){0});
    return a.failed != CLAUSE_NONE && !g.given
               ? VAULT_OK
               : vault_fail(err, VAULT_INTERNAL, "a request that must be denied was not");
}

static vault_code open_rooms(service *s, store *with, bytes root, vault_error *err)
{
    VAULT_TRY(control_open(&s->control, with, root, err));
    VAULT_TRY(ledger_open(&s->ledger, with, control_keys(s->control), control_vault_name(s->control), err));
    VAULT_TRY(ledger_check_outside(s->ledger, with, s->checkpoint_file, err));
    const manifest *m = control_acquire(s->control);
    vault_code code = try_denied(m, err);
    control_release(s->control, m);
    return code;
}

void life_wipe(service *s)
{
    atomic_store(&s->open, false);
    drop_all_keys(s);
    ledger_close(&s->ledger);
    control_close(&s->control);
}

vault_code life_open(service *s, store *with, bytes root, vault_error *err)
{
    vault_code code = open_rooms(s, with, root, err);
    if (code != VAULT_OK) return life_wipe(s), code;
    s->openings++;
    atomic_store(&s->open, true);
    return VAULT_OK;
}

/* ---- inside ---- */

bool life_sealed_by_manifest(const service *s)
{
    const manifest *m = control_acquire(s->control);
    bool sealed = m->sealed;
    control_release(s->control, m);
    return sealed;
}

bool life_enter(service *s)
{
    pthread_rwlock_rdlock(&s->life);
    if (s->control) return true;
    pthread_rwlock_unlock(&s->life);
    return false;
}

static void seal(service *s, uint64_t opening)
{
    pthread_rwlock_wrlock(&s->life);
    bool ours = s->control && s->openings == opening; /* else another one has sealed, or even opened it since */
    if (ours) life_wipe(s);
    pthread_rwlock_unlock(&s->life);
    if (ours) log_event(LOG_WARN, "node.sealed", "all keys are wiped: this node must be unsealed");
}

void life_leave(service *s)
{
    uint64_t opening = s->openings;
    bool must_seal = life_sealed_by_manifest(s);
    pthread_rwlock_unlock(&s->life);
    if (must_seal) seal(s, opening);
}

void life_end(service *s)
{
    life_wipe(s);
    pthread_rwlock_destroy(&s->life);
    pthread_mutex_destroy(&s->sessions_lock);
}
