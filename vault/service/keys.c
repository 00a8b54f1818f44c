/* Keys: states, never keys. */
#include "vault/service/operator.h"
#include "vault/service/rings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const STATES[RING_STATES] = {[RING_PRE_ACTIVE] = "pre-active",
                                                [RING_ACTIVE] = "active",
                                                [RING_RETIRING] = "retiring",
                                                [RING_DESTROYED] = "destroyed"};

/* What is told is what was opened at start: a row that says anything else was edited since. */
static bool as_opened(const keyring *keys, const ring_row *row)
{
    for (size_t i = 0; i < keyring_count(keys); i++) {
        const ring *r = keyring_at(keys, i);
        if (strcmp(r->name, row->name) != 0 || (int64_t)r->version != row->version) continue;
        return (int)r->state == row->state && (int)r->suite == row->suite && r->ends_us == row->ends_us;
    }
    return false;
}

static vault_code check_rows(const keyring *keys, const ring_row *rows, size_t count, vault_error *err)
{
    if (count != keyring_count(keys)) return vault_fail(err, VAULT_INTEGRITY, "key_ring has %zu rows", count);
    for (size_t i = 0; i < count; i++) {
        if (!as_opened(keys, &rows[i]))
            return vault_fail(err, VAULT_INTEGRITY, "a row of key_ring is not what was opened");
    }
    return VAULT_OK;
}

Vault__V1__Ring *ring_message(arena *mem, const ring_row *from)
{
    Vault__V1__Ring *out = MESSAGE(mem, Vault__V1__Ring, vault__v1__ring__init);
    if (!out || !(out->create_time = timestamp_of(mem, from->created_us))) return NULL;
    out->name = arena_format(mem, "rings/%s/versions/%d", from->name, from->version);
    out->version = (uint32_t)from->version;
    out->state = (char *)(uintptr_t)STATES[from->state];
    out->suite = lent(suite_name((suite_id)from->suite));
    if (from->ends_us && !(out->end_time = timestamp_of(mem, from->ends_us))) return NULL;
    return out->name ? out : NULL;
}

vault_code no_room_for_answer(request *rq)
{
    return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
}

static vault_code tell_root(Vault__V1__StatusResponse *out, session *s, vault_error *err)
{
    root_place place;
    VAULT_TRY(root_row_read(&place, s->store, err));
    root_tell(out, &place);
    return VAULT_OK;
}

/* Whose tokens a token ring makes: its name has the number of the domain alone. The answer outlives the manifest.
 * False: no room. */
static bool tell_issuer(Vault__V1__Ring *out, arena *mem, const manifest *m, const char *name)
{
    char wanted[32];
    for (size_t i = 0; i < manifest_issuer_count(m); i++) {
        const issuer one = manifest_issuer(m, i);
        (void)snprintf(wanted, sizeof wanted, "token/%" PRIu32, one.number);
        if (strcmp(name, wanted) != 0) continue;
        out->consumer = arena_text(mem, bytes_of_text(one.app));
        out->purpose = arena_text(mem, bytes_of_text(one.purpose));
        return out->consumer && out->purpose;
    }
    return true;
}

static vault_code answer(session *s, request *rq, const ring_row *rows, size_t count)
{
    Vault__V1__StatusResponse *out = MESSAGE(rq->mem, Vault__V1__StatusResponse, vault__v1__status_response__init);
    Vault__V1__Ring **rings = arena_array(rq->mem, count + 1, sizeof *rings);
    if (!out || !rings) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for rings");
    VAULT_TRY(tell_root(out, s, &rq->err));
    out->rings = rings;
    out->control_version = (uint64_t)s->manifest->version;
    for (size_t i = 0; i < count; i++) {
        rings[i] = ring_message(rq->mem, &rows[i]);
        if (!rings[i] || !tell_issuer(rings[i], rq->mem, s->manifest, rows[i].name))
            return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for rings");
        out->n_rings++;
    }
    rq->out = &out->base;
    return VAULT_OK;
}

/* Not a line: it shows no person and no resident, and an administrator needs it most while the log cannot be written. A
 * change of control between rows and rings is met when the run is confirmed. */
static void status(session *s, request *rq)
{
    ring_row *rows;
    size_t count;
    if (store_rings_read(s->store, rq->mem, &rows, &count, &rq->err) != VAULT_OK ||
        check_rows(manifest_keys(s->manifest), rows, count, &rq->err) != VAULT_OK)
        return;
    (void)answer(s, rq, rows, count);
}

void keys_status(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) status(s, calls[i]->rq);
}
