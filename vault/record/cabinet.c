#include "vault/record/internal.h"

#include "vault/base/memory.h"

/* A row that nobody is in, of the usual size: what record_prove works on when there is no row. */
static vault_code make_decoy(cabinet *c, const record_key *below, vault_error *err)
{
    uint8_t *dek = c->scratch.at;
    decoy *d = &c->decoys[c->decoy_count++];
    const key_row place = {.ring_version = (int32_t)below->of->version};
    d->row = (resident_row){.state = RECORD_LIVE, .version = 1, .ring_version = place.ring_version};
    d->row.sealed = bytes_of(c->decoy_sealed, DECOY_SEALED_LEN);
    d->row.dek = bytes_of(d->dek, WRAPPED_KEYS_LEN);
    VAULT_TRY(entropy_fill(dek, RECORD_KEYS_LEN, err));
    VAULT_TRY(keys_wrap(c, d->dek, &place, dek, err));
    VAULT_TRY(row_seal_tag(c, dek, &d->row, d->tag, err));
    wipe(dek, RECORD_KEYS_LEN);
    return VAULT_OK;
}

/* The active version's first, and one of each other suite: a row of a slower suite is not told from none. */
static vault_code make_decoys(cabinet *c, vault_error *err)
{
    bool made[SUITES] = {0};
    c->decoy_sealed = memory_new(DECOY_SEALED_LEN);
    VAULT_TRY(make_decoy(c, c->active, err));
    made[c->active->of->suite] = true;
    for (size_t i = 0; i < c->record_count; i++) {
        if (made[c->records[i].of->suite]) continue;
        VAULT_TRY(make_decoy(c, &c->records[i], err));
        made[c->records[i].of->suite] = true;
    }
    return VAULT_OK;
}

static vault_code open_all(cabinet *c, vault_error *err)
{
    VAULT_TRY(secret_new(&c->scratch, SCRATCH_LEN, err));
    VAULT_TRY(secret_new(&c->beside, PADDED_MAX, err));
    VAULT_TRY(secret_new(&c->fresh, RECORD_KEYS_LEN, err));
    VAULT_TRY(handles_open(c, err));
    return make_decoys(c, err);
}

vault_code cabinet_new(cabinet **out, const keyring *keys, vault_error *err)
{
    VAULT_CLEANUP(cabinet_free) cabinet *c = memory_new(sizeof *c);
    c->keys = keys;
    c->aad = memory_new(TAG_AAD_MAX);
    VAULT_TRY(open_all(c, err));
    *out = c;
    c = NULL;
    return VAULT_OK;
}

void cabinet_use(cabinet *c, arena *mem)
{
    c->mem = mem;
}

void cabinet_made_by(cabinet *c, int64_t control_version)
{
    c->made = control_version;
}

void cabinet_act_for(cabinet *c, const domain *d)
{
    c->acting = d;
}

void cabinet_free(cabinet **at)
{
    cabinet *c = *at;
    if (!c) return;
    handles_free(c);
    for (size_t i = 0; i < c->domain_count; i++) {
        block_free(&c->domains[i].cipher);
        block_free(&c->domains[i].ff1);
    }
    memory_free(c->domains, c->domain_count * sizeof *c->domains);
    secret_clear(&c->scratch);
    secret_clear(&c->beside);
    secret_clear(&c->fresh);
    prf_free(&c->count_ids);
    aead_free(&c->counts);
    memory_free(c->aad, TAG_AAD_MAX);
    memory_free(c->decoy_sealed, DECOY_SEALED_LEN);
    memory_free(c, sizeof *c);
    *at = NULL;
}

/* ---- identifiers ---- */

vault_code cabinet_domain_key(cabinet *c, domain_key **out, const domain *d, uint32_t epoch, vault_error *err)
{
    for (size_t i = 0; i < c->domain_count; i++) {
        if (c->domains[i].domain == d->number && c->domains[i].epoch == epoch) return *out = &c->domains[i], VAULT_OK;
    }
    *out = NULL;
    const ring *found = keyring_find(c->keys, d->ring, epoch);
    if (!found) return VAULT_OK;
    domain_key added = {.domain = d->number, .epoch = epoch, .of = found};
    VAULT_TRY(block_new(&added.cipher, found->suite, secret_bytes(&found->key), err));
    c->domains = memory_grow(c->domains, c->domain_count * sizeof added, (c->domain_count + 1) * sizeof added);
    *out = &c->domains[c->domain_count++];
    **out = added;
    return VAULT_OK;
}

/* Hashes of the collection's number (2, big-endian) and the text, by the first `count` versions of the ring. */
static vault_code hash_natural(cabinet *c, uint8_t (*out)[NATURAL_LEN], size_t count, const collection *of, bytes text,
                               vault_error *err)
{
    writer w = writer_over(c->scratch.at, SCRATCH_LEN);
    put_u16(&w, (uint16_t)of->number);
    put_bytes(&w, text);
    if (text.len == 0 || w.overflow) return vault_fail(err, VAULT_INTERNAL, "a natural key of %zu bytes", text.len);
    for (size_t i = 0; i < count; i++) natural_key(c->natural.at[i], out[i], writer_bytes(&w));
    wipe(c->scratch.at, w.len);
    return VAULT_OK;
}

vault_code cabinet_natural_key(cabinet *c, uint8_t out[NATURAL_LEN], const collection *of, bytes text, vault_error *err)
{
    return hash_natural(c, (uint8_t(*)[NATURAL_LEN])out, 1, of, text, err);
}

vault_code cabinet_natural_keys(cabinet *c, uint8_t out[RING_VERSIONS_MAX][NATURAL_LEN], size_t *count,
                                const collection *of, bytes text, vault_error *err)
{
    *count = c->natural.count;
    return hash_natural(c, out, *count, of, text, err);
}

vault_code cabinet_issue(cabinet *c, token *out, const domain *d, resident_id id, vault_error *err)
{
    const ring *active = d ? keyring_active(c->keys, d->ring) : NULL;
    if (!active || active->version > UINT16_MAX || id.id <= 0)
        return vault_fail(err, VAULT_INTERNAL, "no domain, no epoch, or no resident, for a token");
    domain_key *key = NULL;
    VAULT_TRY(cabinet_domain_key(c, &key, d, active->version, err));
    if (!key) return vault_fail(err, VAULT_INTERNAL, "the active epoch of %s has no key", d->ring);
    *out = (token){.domain = d->number, .epoch = (uint16_t)active->version};
    pseudonym_seal(key->cipher, out->pseudonym, id);
    return VAULT_OK;
}

vault_code cabinet_resolve(cabinet *c, resident_id *out, const domain *d, const token *t, vault_error *err)
{
    *out = (resident_id){0};
    if (!d || t->domain != d->number) return VAULT_OK;
    domain_key *key = NULL;
    VAULT_TRY(cabinet_domain_key(c, &key, d, t->epoch, err));
    if (key) *out = pseudonym_open(key->cipher, t->pseudonym);
    return VAULT_OK;
}

vault_code cabinet_equality_terms(cabinet *c, int64_t out[RING_VERSIONS_MAX], size_t *count, const schema_field *field,
                                  bytes text, vault_error *err)
{
    const term_place place = {.kind = INDEX_EQUALITY, .format = field->format};
    const ring_prfs *keys = NULL;
    term_list terms = {0};
    if (!(field->indexes & 1U << INDEX_EQUALITY))
        return vault_fail(err, VAULT_INTERNAL, "field %u has no equality index", field->number);
    VAULT_TRY(cabinet_terms(c, &keys, field->name, err));
    for (*count = 0; *count < keys->count; ++*count) {
        VAULT_TRY(terms_of_value(&terms, c->mem, keys->at[*count], &place, text, err));
        if (terms.count != 1) return vault_fail(err, VAULT_INTERNAL, "a value of field %u has no term", field->number);
        out[*count] = terms.at[0];
    }
    return VAULT_OK;
}

uint32_t cabinet_current_epoch(const cabinet *c, const domain *d)
{
    const ring *active = d ? keyring_active(c->keys, d->ring) : NULL;
    return active ? active->version : 0;
}

static epoch_state state_of_epoch(const ring *of, int64_t now_us)
{
    if (of->state == RING_ACTIVE) return EPOCH_CURRENT;
    return of->state == RING_RETIRING && now_us < of->ends_us ? EPOCH_RETIRING : EPOCH_ENDED;
}

/* Epochs are numbered without a gap: one before the current one that has no key had one. */
epoch_state cabinet_epoch(const cabinet *c, const domain *d, uint32_t epoch, int64_t now_us)
{
    for (size_t i = 0; d && i < c->domain_count; i++) {
        if (c->domains[i].domain == d->number && c->domains[i].epoch == epoch)
            return state_of_epoch(c->domains[i].of, now_us);
    }
    uint32_t current = cabinet_current_epoch(c, d);
    if (epoch == 0 || epoch > current) return EPOCH_UNKNOWN;
    const ring *of = keyring_find(c->keys, d->ring, epoch);
    return of ? state_of_epoch(of, now_us) : EPOCH_DESTROYED;
}

size_t cabinet_epochs(const cabinet *c, const domain *d, int64_t now_us, uint32_t out[RING_VERSIONS_MAX])
{
    const ring *versions[RING_VERSIONS_MAX];
    size_t count = d ? keyring_versions(c->keys, d->ring, versions) : 0, taken = 0;
    for (size_t i = 0; i < count; i++)
        if (state_of_epoch(versions[i], now_us) != EPOCH_ENDED) out[taken++] = versions[i]->version;
    return taken;
}
