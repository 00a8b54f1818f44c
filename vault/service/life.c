/* The life of a node: sealed, it holds no key at all; open, it has control and ledger. Whoever works with them is
 * inside (life_enter); opening and sealing wait until nobody is, and then change everything at once, for all sessions.
 *
 *   no vault ──Initialise──► sealed ──root key──► open
 *                              ▲                   │ the manifest says sealed, or the root key was rotated elsewhere
 *                              └───────────────────┘
 *
 * A node whose config names a file opens by itself: when it starts, and after Initialise or a rotation elsewhere; never
 * where the manifest says sealed, because that was said by hand. */
#include "vault/service/operator.h"
#include "vault/service/recount.h"
#include "vault/service/witnesses.h"

#include "policy/cases.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

void life_init(service *s)
{
    pthread_rwlockattr_t fair; /* callers without end must not keep a seal waiting */
    pthread_rwlockattr_init(&fair);
    pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->life, &fair);
    pthread_rwlockattr_destroy(&fair);
    pthread_mutex_init(&s->sessions_lock, NULL);
    pthread_mutex_init(&s->root_lock, NULL);
    pthread_mutex_init(&s->unsealing, NULL);
}

void life_end(service *s)
{
    life_wipe(s);
    entered_forget(&s->entered);
    pthread_rwlock_destroy(&s->life);
    pthread_mutex_destroy(&s->sessions_lock);
    pthread_mutex_destroy(&s->root_lock);
    pthread_mutex_destroy(&s->unsealing);
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

/* ---- opening and wiping: under the write lock ---- */

/* Whoever asks for nothing, or for everything there could ever be, and whoever asks about nobody. */
static bool is_denied(const policy *p, const policy_facts *asked)
{
    const admission a = policy_admit(p, asked), open_door = {.failed = CLAUSE_NONE};
    return a.failed != CLAUSE_NONE && !policy_decide(p, &a, asked, (policy_resident){0}).given &&
           !policy_decide(p, &open_door, asked, (policy_resident){0}).given;
}

static bool all_denied(const manifest *m, consumer_no app, purpose_no why)
{
    policy_facts asked = {.action = POLICY_REVEAL,
                          .form = FORM_PLAIN,
                          .consumer = app,
                          .purpose = why,
                          .date = clock_shanghai_date(clock_now_us())};
    bool denied = is_denied(m->policy, &asked);
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) field_set_add(&asked.fields, n);
    return denied && is_denied(m->policy, &asked);
}

/* A policy that grants to nobody's purpose, to a registered one without saying what, or about a resident who is not
 * there, is not a policy; nor is one that allows what it says must never be. It is tried at every start. */
static vault_code try_denied(const manifest *m, vault_error *err)
{
    static const char what[] = "a request that must be denied was not";
    if (!all_denied(m, (consumer_no){0}, (purpose_no){0})) return vault_fail(err, VAULT_INTERNAL, what);
    for (consumer_no app = {1}; manifest_app(m, app); app.no++) {
        for (purpose_no why = {1}; manifest_purpose_no(m, why); why.no++)
            if (!all_denied(m, app, why)) return vault_fail(err, VAULT_INTERNAL, what);
    }
    return m->never ? policy_never_holds(m->policy, m->never, err) : VAULT_OK;
}

static vault_code open_rooms(service *s, store *with, bytes root, vault_error *err)
{
    VAULT_TRY(control_open(&s->control, with, root, err));
    VAULT_TRY(ledger_open(&s->ledger, with, control_keys(s->control), control_vault_name(s->control), err));
    ledger_witnessed_by(s->ledger, witnesses_policy(s->witnesses));
    VAULT_TRY(ledger_check_outside(s->ledger, with, s->checkpoint_file, err));
    VAULT_TRY(erasures_replay(s, with, err));
    const manifest *m = control_acquire(s->control);
    vault_code code = try_denied(m, err);
    s->turns = m->turns; /* a seal that comes between this and the first batch is a turn, too */
    control_release(s->control, m);
    return code;
}

void life_wipe(service *s)
{
    drop_all_keys(s);
    ledger_close(&s->ledger);
    control_close(&s->control);
    recounts_drop(s);
    secret_clear(&s->next_root);
    s->doubt = 0;
}

vault_code life_open(service *s, store *with, bytes root, vault_error *err)
{
    vault_code code = open_rooms(s, with, root, err);
    if (code != VAULT_OK) return life_wipe(s), code;
    s->openings++;
    atomic_store(&s->root_moved, false);
    atomic_store(&s->wakes, false);
    return VAULT_OK;
}

/* Whoever has opened it by hand has made the last turn. */
static void take_turn(service *s)
{
    const manifest *m = control_acquire(s->control);
    s->turns = m->turns;
    control_release(s->control, m);
}

void life_settle(service *s)
{
    bool is_open = s->control != NULL;
    if (is_open) take_turn(s);
    if (atomic_exchange(&s->open, is_open) == is_open) return;
    if (is_open)
        log_event(LOG_INFO, "node.open", "the vault is open");
    else
        log_event(LOG_WARN, "node.sealed", "all keys are wiped; vaultctl operator unseal opens this node again");
}

/* ---- opening by itself ---- */

bool life_shut(const service *s, const manifest *m)
{
    return m->sealed || m->turns != s->turns;
}

static bool sealed_by_manifest(const service *s)
{
    const manifest *m = control_acquire(s->control);
    bool sealed = life_shut(s, m);
    control_release(s->control, m);
    return sealed;
}

/* What was sealed by hand stays so. */
static vault_code open_unless_sealed(service *s, store *with, bytes root, vault_error *err)
{
    VAULT_TRY(life_open(s, with, root, err));
    if (!sealed_by_manifest(s)) return VAULT_OK;
    life_wipe(s);
    log_event(LOG_WARN, "node.waits", "the vault was sealed by hand: vaultctl operator unseal opens this node");
    return VAULT_OK;
}

static vault_code root_from_files(secret *root, const service *s, const root_place *place, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret unseal = {0};
    VAULT_TRY(root_unseal_from_files(&unseal, &s->keeping, &place->seal, err));
    return root_seal_open(root, &place->seal, place->vault, secret_bytes(&unseal), err);
}

/* What the config says is how a node may open by itself; people may open it whatever it says. */
static vault_code start(service *s, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret root = {0};
    root_place place;
    vault_code code = root_row_read(&place, s->store, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        atomic_store(&s->wakes, root_lies_here(&s->keeping));
        log_event(LOG_WARN, "node.waits", "there is no vault in the database: vaultctl operator init makes one");
        return VAULT_OK;
    }
    VAULT_TRY(code);
    if (root_check_source(&s->keeping, &place.seal, err) != VAULT_OK || !root_lies_here(&s->keeping)) {
        log_event(LOG_WARN, "node.waits", "sealed: vaultctl operator unseal opens it%s%s", err->detail[0] ? "; " : "",
                  err->detail);
        vault_error_clear(err);
        return VAULT_OK;
    }
    VAULT_TRY(root_from_files(&root, s, &place, err));
    return open_unless_sealed(s, s->store, secret_bytes(&root), err);
}

vault_code life_start(service *s, bytes root, vault_error *err)
{
    VAULT_TRY(root.len > 0 ? open_unless_sealed(s, s->store, root, err) : start(s, err));
    life_settle(s);
    return VAULT_OK;
}

static void open_now(service *s, store *with, bytes root, vault_error *err)
{
    pthread_rwlock_wrlock(&s->life);
    if (!s->control) (void)!open_unless_sealed(s, with, root, err);
    life_settle(s);
    pthread_rwlock_unlock(&s->life);
}

/* It tries until it has found a vault, and then once: what does not open now does not open in a second either. */
static void wake(service *s, store *with)
{
    VAULT_CLEANUP(secret_clear) secret root = {0};
    root_place place;
    vault_error err = {0};
    vault_code code = root_row_read(&place, with, &err);
    if (code == VAULT_OK) code = root_from_files(&root, s, &place, &err);
    if (code == VAULT_OK) open_now(s, with, secret_bytes(&root), &err);
    code = err.code;
    if (code == VAULT_NOT_FOUND || code == VAULT_UNAVAILABLE) return;
    atomic_store(&s->wakes, false);
    if (code != VAULT_OK) log_failure(LOG_ERROR, "node.refused", &err);
}

void life_wake(service *s, store *with)
{
    if (pthread_mutex_trylock(&s->unsealing) != 0) return; /* people are at it */
    entered_expire(&s->entered, clock_monotonic_us());
    if (!atomic_load(&s->open) && atomic_load(&s->wakes)) wake(s, with);
    pthread_mutex_unlock(&s->unsealing);
}

/* Where somebody works it is left to the next second: a busy node's sessions all come to their turn. */
void life_refresh(service *s)
{
    if (pthread_rwlock_trywrlock(&s->life) != 0) return;
    uint64_t now = s->control ? keyring_generation(control_keys(s->control)) : 0;
    pthread_mutex_lock(&s->sessions_lock);
    for (session *w = s->sessions; now && w; w = w->next)
        if (w->rings && keyring_generation(w->rings) != now) session_drop_keys(w);
    pthread_mutex_unlock(&s->sessions_lock);
    pthread_rwlock_unlock(&s->life);
}

/* ---- inside ---- */

bool life_enter(service *s)
{
    pthread_rwlock_rdlock(&s->life);
    if (s->control) return true;
    pthread_rwlock_unlock(&s->life);
    return false;
}

/* The root key was rotated: here, by a call that never learnt whether it was; or elsewhere. */
static void follow_root(service *s, store *with, bytes next)
{
    vault_error err = {0};
    if (next.len > 0 && open_unless_sealed(s, with, next, &err) == VAULT_OK) return;
    atomic_store(&s->wakes, root_lies_here(&s->keeping));
}

/* Asked again when nobody is inside: a root key that was rotated by this node is met by others between its commit and
 * its being in force. */
static bool must_seal(service *s, store *with)
{
    vault_error err = {0};
    if (atomic_load(&s->root_moved) && control_reload(s->control, with, &err) == VAULT_OK)
        atomic_store(&s->root_moved, false);
    return atomic_load(&s->root_moved) || sealed_by_manifest(s);
}

static void seal(service *s, store *with, uint64_t opening)
{
    VAULT_CLEANUP(secret_clear) secret next = {0};
    pthread_rwlock_wrlock(&s->life);
    /* Else another one has sealed, or even opened it since. */
    if (s->control && s->openings == opening && must_seal(s, with)) {
        next = secret_move(&s->next_root);
        life_wipe(s);
        if (atomic_exchange(&s->root_moved, false)) follow_root(s, with, secret_bytes(&next));
        life_settle(s);
    }
    pthread_rwlock_unlock(&s->life);
}

void life_leave(service *s, store *with)
{
    uint64_t opening = s->openings;
    bool over = sealed_by_manifest(s) || atomic_load(&s->root_moved);
    pthread_rwlock_unlock(&s->life);
    if (over) seal(s, with, opening);
}

/* ---- another root key ---- */

vault_code life_next_root(service *s, bytes root, vault_error *err)
{
    pthread_mutex_lock(&s->root_lock);
    vault_code code = s->next_root.at ? vault_refuse(err, VAULT_UNAVAILABLE, "CONTROL_MOVED", "")
                                      : secret_copy(&s->next_root, root, err);
    pthread_mutex_unlock(&s->root_lock);
    return code;
}

void life_forget_next_root(service *s)
{
    pthread_mutex_lock(&s->root_lock);
    secret_clear(&s->next_root);
    s->doubt = 0;
    pthread_mutex_unlock(&s->root_lock);
}

void life_doubt_next_root(service *s, uint32_t generation)
{
    pthread_mutex_lock(&s->root_lock);
    s->doubt = generation;
    pthread_mutex_unlock(&s->root_lock);
}

uint32_t life_doubted(service *s)
{
    pthread_mutex_lock(&s->root_lock);
    uint32_t generation = s->doubt;
    pthread_mutex_unlock(&s->root_lock);
    return generation;
}
