/* The rules of change.
 *
 *   propose ──► pending ──approve (officers, not who proposed, each once)──► ... ──the last one──► in force
 *                  ├──reject (an officer, or who proposed)──► gone
 *                  └──its time is over──► gone with the next change
 *   revoke takes away at once, alone
 *
 * An operation on keys that needs two people waits in the same way, and is carried out by who proposed it (rings.c).
 *
 * An approval is bound to the digest of the content and to that of the document that it replaces. Whoever acts is known
 * by id: another certificate of the same principal is the same principal. */
#include "vault/base/clock.h"
#include "vault/control/staged.h"

#include <stdio.h>
#include <string.h>

static const int64_t SECOND_US = 1000 * 1000, LIFETIME_LEAST_S = 60, LIFETIME_MOST_S = INT64_C(30) * 24 * 3600;

/* ---- who may ---- */

/* Stewards may propose, take back and revoke; what waits is approved by officers alone. */

/* Whom the manifest knows by this id in one of these roles; NULL for nobody. */
static const principal *find_one_of(const manifest_body *b, const char *id, unsigned roles)
{
    for (size_t i = 0; i < b->principal_count; i++) {
        const principal *p = &b->principals[i];
        if (((unsigned)p->role & roles) && strcmp(p->id, id) == 0) return p;
    }
    return NULL;
}

vault_code draft_must_be(const draft *d, unsigned roles)
{
    const principal *who = d->what->who;
    if (((unsigned)who->role & roles) && find_one_of(d->base, who->id, (unsigned)who->role)) return VAULT_OK;
    return vault_refuse(d->err, VAULT_DENIED, "ROLE", "");
}

/* ---- propose ---- */

static vault_code check_proposal(const draft *d, digest *base)
{
    const change *what = d->what;
    if ((unsigned)what->document >= DOC_DOMAINS)
        return vault_refuse(d->err, VAULT_INVALID, "DOCUMENT_UNKNOWN", "document");
    VAULT_TRY(draft_must_be(d, STEWARDS));
    if (!digest_read(base, what->base)) return vault_refuse(d->err, VAULT_INVALID, "BAD_DIGEST", "replaces");
    if (!digest_same(base, &d->core.documents[what->document].digest))
        return vault_refuse(d->err, VAULT_CONFLICT, "BASE_MOVED", "replaces");
    return VAULT_OK;
}

static vault_code check_room(const draft *d)
{
    int64_t lifetime = d->what->lifetime_us;
    int64_t most = d->what->document == DOC_LEAK ? LEAK_LIFETIME_US : LIFETIME_MOST_S * SECOND_US;
    if (lifetime < LIFETIME_LEAST_S * SECOND_US || lifetime > most)
        return vault_refuse(d->err, VAULT_INVALID, "BAD_LIFETIME", "lifetime_seconds");
    if (d->core.pending_count == PENDING_MAX) return vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_PENDING", "");
    return VAULT_OK;
}

static vault_code refuse_fault(const document_fault *fault, const char *reason, vault_error *err)
{
    (void)vault_refuse(err, VAULT_INVALID, reason, fault->path);
    snprintf(err->detail, sizeof err->detail, "%s", fault->text);
    return VAULT_INVALID;
}

static vault_code name_approval(char name[APPROVAL_NAME_LEN + 1], vault_error *err)
{
    uint8_t random[16];
    char hex[2 * sizeof random + 1];
    VAULT_TRY(entropy_fill(random, sizeof random, err));
    hex_encode(hex, bytes_of(random, sizeof random));
    snprintf(name, APPROVAL_NAME_LEN + 1, "approvals/%s", hex);
    return VAULT_OK;
}

/* Every node reads all that waits with every change: so it is bounded together, too. */
static vault_code check_sizes(const draft *d, const approval *next)
{
    int64_t total = next->size;
    for (size_t i = 0; i < d->core.pending_count; i++) total += d->core.pending[i].size;
    return total <= PENDING_BYTES_MAX ? VAULT_OK : vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_PENDING", "");
}

vault_code draft_propose(draft *d, document about, json_t *value, const digest *base)
{
    const change *what = d->what;
    VAULT_TRY(check_room(d));
    approval *a = &d->core.pending[d->core.pending_count];
    *a = (approval){.document = about,
                    .version = d->core.record.version,
                    .base = *base,
                    .proposer = what->who->id,
                    .ticket = d->core.record.ticket,
                    .created_us = what->now_us,
                    .expires_us = what->now_us + what->lifetime_us};
    VAULT_TRY(draft_add_row(d, about, value, &a->content));
    a->size = (int64_t)d->st->added[d->st->added_count - 1].sealed.len;
    if (digest_same(&a->content, base)) return vault_refuse(d->err, VAULT_INVALID, "NOTHING_CHANGES", "content");
    VAULT_TRY(check_sizes(d, a));
    VAULT_TRY(name_approval(a->name, d->err));
    d->core.pending_count++;
    d->core.record.kind = CHANGE_PROPOSE;
    d->core.record.document = document_name(about);
    d->core.record.approval = a->name;
    d->core.record.before = *base;
    d->core.record.after = a->content;
    return VAULT_OK;
}

static vault_code propose(draft *d)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    const change *what = d->what;
    document_fault fault;
    digest base;
    if (what->document == DOC_ACCESS) return access_propose(d);
    if (what->document == DOC_LEAK) return leak_propose(d);
    VAULT_TRY(check_proposal(d, &base));
    VAULT_TRY(check_room(d));
    const document_given given = {what->document, what->content, clock_shanghai_date(what->now_us)};
    const char *reason = document_check(&fault, &value, &given, d->base);
    if (reason) return refuse_fault(&fault, reason, d->err);
    return draft_propose(d, what->document, value, &base);
}

/* ---- approve, activate, reject ---- */

/* What has expired is not among them any more. */
vault_code draft_find_pending(draft *d, size_t *out)
{
    for (size_t i = 0; i < d->core.pending_count; i++) {
        const approval *a = &d->core.pending[i];
        if (!d->what->approval || strcmp(a->name, d->what->approval) != 0) continue;
        d->core.record.document = document_name(a->document);
        d->core.record.approval = manifest_approval(&d->base->m, a->name)->name;
        d->core.record.before = a->base;
        d->core.record.after = a->content;
        *out = i;
        return VAULT_OK;
    }
    return vault_refuse(d->err, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN", "name");
}

static vault_code check_consent(const draft *d, const approval *a)
{
    const char *id = d->what->who->id;
    digest wanted;
    VAULT_TRY(draft_must_be(d, ROLE_OFFICER));
    if (strcmp(a->proposer, id) == 0) return vault_refuse(d->err, VAULT_DENIED, "SELF_APPROVAL", "");
    for (unsigned i = 0; i < a->approved_count; i++) {
        if (strcmp(a->approved_by[i], id) == 0) return vault_refuse(d->err, VAULT_DENIED, "ALREADY_APPROVED", "");
    }
    if (!digest_read(&wanted, d->what->digest)) return vault_refuse(d->err, VAULT_INVALID, "BAD_DIGEST", "digest");
    if (!digest_same(&wanted, &a->content)) return vault_refuse(d->err, VAULT_CONFLICT, "DIGEST_DIFFERS", "digest");
    if (a->document < DOCUMENTS && !digest_same(&a->base, &d->core.documents[a->document].digest))
        return vault_refuse(d->err, VAULT_CONFLICT, "BASE_MOVED", "");
    return VAULT_OK;
}

/* Of officers who still are officers and can call: what a certificate said that was revoked since, and has left its
 * officer none, is nobody's word. */
static unsigned count_consents(const manifest_body *b, const approval *a)
{
    unsigned count = 0;
    for (unsigned i = 0; i < a->approved_count; i++) {
        const principal *p = find_one_of(b, a->approved_by[i], ROLE_OFFICER);
        count += p && principal_can_call(p, NULL);
    }
    return count;
}

unsigned draft_consents(const draft *d, const approval *a)
{
    return count_consents(d->base, a);
}

bool approval_complete(const manifest *m, const approval *a)
{
    return m->approvals >= 1 && count_consents(body_of(m), a) >= m->approvals;
}

/* An assessment may expire while the change waits. */
static vault_code check_assessments(const draft *d, document which, json_t *value)
{
    if (which != DOC_PURPOSES) return VAULT_OK;
    return purposes_assessed(value, d->docs.of[which], clock_shanghai_date(d->what->now_us), d->err);
}

/* The row that the proposal has written is in force from now on. */
static vault_code activate(draft *d, size_t i)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    const approval a = d->core.pending[i];
    const opener with = {d->base->rings, d->control->name};
    document_row row = {.name = document_name(a.document), .version = a.version};
    bytes text;
    VAULT_TRY(store_document_find(d->store, d->st->mem, &row, d->err));
    VAULT_TRY(document_open(&text, d->st->mem, &with, &row, &a.content, d->err));
    VAULT_TRY(json_read(&value, text, row.name, d->err));
    VAULT_TRY(check_assessments(d, a.document, value));
    draft_archive(d, a.document, d->core.documents[a.document].row);
    d->core.documents[a.document].digest = a.content;
    d->core.documents[a.document].version = d->core.record.version;
    d->core.documents[a.document].row = a.version;
    d->core.record.kind = CHANGE_ACTIVATE;
    json_clear(&d->docs.of[a.document]);
    d->docs.of[a.document] = value;
    value = NULL;
    draft_drop(d, i);
    return draft_domains(d);
}

static vault_code approve(draft *d)
{
    size_t i;
    VAULT_TRY(draft_must_be(d, ROLE_OFFICER));
    VAULT_TRY(draft_find_pending(d, &i));
    approval *a = &d->core.pending[i];
    VAULT_TRY(check_consent(d, a));
    if (d->base->m.approvals < 1) return vault_fail(d->err, VAULT_INTEGRITY, "a manifest that needs no approvals");
    bool enough = draft_consents(d, a) + 1 >= d->base->m.approvals;
    if (enough && a->document < DOCUMENTS) return activate(d, i);
    if (a->approved_count == APPROVALS_MAX) return vault_fail(d->err, VAULT_EXHAUSTED, "no room for an approval");
    a->approved_by[a->approved_count++] = d->what->who->id;
    return VAULT_OK;
}

static vault_code reject(draft *d)
{
    size_t i;
    VAULT_TRY(draft_must_be(d, STEWARDS));
    VAULT_TRY(draft_find_pending(d, &i));
    const approval *a = &d->core.pending[i];
    if (d->what->who->role != ROLE_OFFICER && strcmp(a->proposer, d->what->who->id) != 0)
        return vault_refuse(d->err, VAULT_DENIED, "NOT_YOURS", "");
    draft_archive(d, a->document, a->version);
    draft_drop(d, i);
    return VAULT_OK;
}

/* ---- revoke ---- */

static json_t *with_text(json_t *list, const char *key, const char *text)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        const char *found = json_string_value(json_object_get(value, key));
        if (found && strcmp(found, text) == 0) return value;
    }
    return NULL;
}

/* As many officers stay as are needed to approve anything, and one administrator: otherwise nothing could ever be
 * changed again. */
static vault_code check_last(const draft *d, const principal *of, const digest *without)
{
    unsigned left = 0, least = of->role == ROLE_OFFICER ? d->base->m.approvals : 1;
    if (of->role == ROLE_APP || principal_can_call(of, without)) return VAULT_OK;
    for (size_t i = 0; i < d->base->principal_count; i++) {
        const principal *p = &d->base->principals[i];
        left += p->role == of->role && principal_can_call(p, without);
    }
    if (left >= least) return VAULT_OK;
    const char *reason = of->role == ROLE_OFFICER ? "LAST_OFFICER" : "LAST_ADMINISTRATOR";
    return vault_refuse(d->err, VAULT_DENIED, reason, "certificate");
}

static const principal *certified(const manifest_body *b, const digest *sha256)
{
    for (size_t i = 0; i < b->principal_count; i++) {
        const certificate *one = principal_certificate(&b->principals[i], sha256);
        if (one) return one->revoked ? NULL : &b->principals[i];
    }
    return NULL;
}

static vault_code revoke_certificate(const draft *d, json_t *principals)
{
    static const char *const lists[] = {"apps", "officers", "administrators"};
    const char *hex = d->what->certificate;
    digest sha256;
    json_t *found = NULL;
    if (!digest_read(&sha256, hex)) return vault_refuse(d->err, VAULT_INVALID, "BAD_DIGEST", "certificate");
    const principal *of = certified(d->base, &sha256);
    if (!of) return vault_refuse(d->err, VAULT_NOT_FOUND, "CERTIFICATE_UNKNOWN", "certificate");
    VAULT_TRY(check_last(d, of, &sha256));
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !found; i++) {
        json_t *one = with_text(json_object_get(principals, lists[i]), "uri", of->uri);
        found = with_text(json_object_get(one, "certificates"), "sha256", hex);
    }
    return json_object_set_new(found, "revoked", json_true()) == 0
               ? VAULT_OK
               : vault_fail(d->err, VAULT_INTERNAL, "a certificate stands in no list");
}

/* "department/kid" */
static vault_code revoke_key(const draft *d, json_t *principals)
{
    const char *name = d->what->assertion_key, *kid = strchr(name, '/');
    char owner[ID_MAX + 1];
    json_t *found = NULL;
    if (kid && (size_t)(kid - name) < sizeof owner) {
        snprintf(owner, sizeof owner, "%.*s", (int)(kid - name), name);
        found = with_text(json_object_get(principals, "departments"), "id", owner);
        found = with_text(json_object_get(found, "assertion_keys"), "kid", kid + 1);
    }
    if (!found || json_is_true(json_object_get(found, "revoked")))
        return vault_refuse(d->err, VAULT_NOT_FOUND, "ASSERTION_KEY_UNKNOWN", "assertion_key");
    return json_object_set_new(found, "revoked", json_true()) == 0 ? VAULT_OK : VAULT_EXHAUSTED;
}

static vault_code suspend(const draft *d, json_t *persons, const char *who)
{
    json_t *found = with_text(json_object_get(persons, "persons"), "id", who);
    if (!found || json_is_true(json_object_get(found, "suspended")))
        return vault_refuse(d->err, VAULT_NOT_FOUND, "PERSON_UNKNOWN", "person");
    return json_object_set_new(found, "suspended", json_true()) == 0 ? VAULT_OK : VAULT_EXHAUSTED;
}

/* The record says which document it was, and what became of it. */
static vault_code bring(draft *d, document which, json_t *value)
{
    d->core.record.document = document_name(which);
    d->core.record.before = d->core.documents[which].digest;
    VAULT_TRY(draft_bring(d, which, value));
    d->core.record.after = d->core.documents[which].digest;
    return VAULT_OK;
}

vault_code draft_suspend(draft *d, const char *who)
{
    VAULT_CLEANUP(json_clear) json_t *copy = json_deep_copy(d->docs.of[DOC_PERSONS]);
    VAULT_TRY(suspend(d, copy, who));
    return bring(d, DOC_PERSONS, copy);
}

static vault_code revoke(draft *d)
{
    const change *what = d->what;
    VAULT_TRY(draft_must_be(d, STEWARDS));
    if (!what->certificate + !what->assertion_key + !what->person != 2)
        return vault_refuse(d->err, VAULT_INVALID, "ONE_OF", "what");
    if (what->person) return draft_suspend(d, what->person);
    VAULT_CLEANUP(json_clear) json_t *copy = json_deep_copy(d->docs.of[DOC_PRINCIPALS]);
    VAULT_TRY(what->certificate ? revoke_certificate(d, copy) : revoke_key(d, copy));
    return bring(d, DOC_PRINCIPALS, copy);
}

/* ---- all ---- */

vault_code change_apply(draft *d)
{
    switch (d->what->kind) {
    case CHANGE_PROPOSE:
        return propose(d);
    case CHANGE_APPROVE:
        return approve(d);
    case CHANGE_REJECT:
        return reject(d);
    case CHANGE_REVOKE:
        return revoke(d);
    case CHANGE_ROTATE:
    case CHANGE_DESTROY:
    case CHANGE_REKEY:
    case CHANGE_SEAL:
    case CHANGE_UNSEAL:
        return rings_apply(d);
    case CHANGE_OPEN:
    case CHANGE_REVIEW:
        return emergencies_apply(d);
    case CHANGE_PLANT:
    case CHANGE_RETIRE:
        return canaries_apply(d);
    default:
        return vault_fail(d->err, VAULT_INTERNAL, "no change of kind %d is asked for", (int)d->what->kind);
    }
}

vault_code control_check_document(document_fault *fault, digest *canonical, const manifest *m, document d,
                                  bytes content, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(4 * (size_t)DOCUMENT_MAX);
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    bytes text;
    *canonical = (digest){0};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    const document_given given = {d, content, clock_shanghai_date(clock_now_us())};
    if (document_check(fault, &value, &given, body_of(m))) return VAULT_OK;
    VAULT_TRY(document_canonical(&text, mem, value, err));
    *canonical = sha256(text);
    return VAULT_OK;
}

/* ---- pending ---- */

size_t manifest_pending(const manifest *m, const approval **out)
{
    *out = body_of(m)->core.pending;
    return body_of(m)->core.pending_count;
}

const approval *manifest_approval(const manifest *m, const char *name)
{
    const manifest_core *core = &body_of(m)->core;
    for (size_t i = 0; i < core->pending_count; i++) {
        if (strcmp(core->pending[i].name, name) == 0) return &core->pending[i];
    }
    return NULL;
}
