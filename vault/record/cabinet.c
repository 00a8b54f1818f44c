#include "vault/record/internal.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

static const char TAG_LABEL[] = "resident-vault row tag 1", MARK_LABEL[] = "resident-vault correction 1";

static vault_code active_ring(const ring **out, const cabinet *c, const char *name, vault_error *err)
{
    *out = keyring_active(c->keys, name);
    return *out ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "ring '%s' has no active version", name);
}

/* A row that nobody is in, of the usual size: what record_prove works on when there is no row. */
static vault_code make_decoy(cabinet *c, vault_error *err)
{
    uint8_t *dek = c->scratch.at, aad_buffer[DEK_AAD_LEN];
    const ring *kek_ring = keyring_active(c->keys, "record");
    c->decoy = (resident_row){.id = 0, .state = RECORD_LIVE, .version = 1, .ring_version = (int32_t)kek_ring->version};
    c->decoy_sealed = memory_new(DECOY_SEALED_LEN);
    c->decoy.sealed = bytes_of(c->decoy_sealed, DECOY_SEALED_LEN);
    VAULT_TRY(entropy_fill(dek, RECORD_KEYS_LEN, err));
    aead *kek = NULL;
    VAULT_TRY(cabinet_ring(c, &kek, kek_ring->version, err));
    VAULT_TRY(
        aead_seal(kek, c->decoy_dek, dek_aad(aad_buffer, kek_ring->version, 0), bytes_of(dek, RECORD_KEYS_LEN), err));
    c->decoy.dek = bytes_of(c->decoy_dek, WRAPPED_KEYS_LEN);
    VAULT_TRY(row_seal_tag(c, dek, &c->decoy, c->decoy_tag, err));
    wipe(dek, RECORD_KEYS_LEN);
    return VAULT_OK;
}

static vault_code open_handles(cabinet *c, vault_error *err)
{
    const ring *kek_ring, *natural;
    VAULT_TRY(active_ring(&kek_ring, c, "record", err));
    VAULT_TRY(active_ring(&natural, c, "natural", err));
    VAULT_TRY(aead_new(&c->ring, kek_ring->suite, err));
    VAULT_TRY(aead_new(&c->field, kek_ring->suite, err));
    VAULT_TRY(aead_new(&c->tag, kek_ring->suite, err));
    VAULT_TRY(aead_new(&c->note, kek_ring->suite, err));
    VAULT_TRY(prf_new(&c->tag_kdf, kek_ring->suite, bytes_of_text(TAG_LABEL), err));
    VAULT_TRY(prf_new(&c->mark, kek_ring->suite, bytes_of_text(MARK_LABEL), err));
    VAULT_TRY(prf_new(&c->natural, natural->suite, secret_bytes(&natural->key), err));
    VAULT_TRY(secret_new(&c->scratch, SCRATCH_LEN, err));
    VAULT_TRY(secret_new(&c->beside, PADDED_MAX, err));
    return make_decoy(c, err);
}

vault_code cabinet_new(cabinet **out, const keyring *keys, vault_error *err)
{
    VAULT_CLEANUP(cabinet_free) cabinet *c = memory_new(sizeof *c);
    c->keys = keys;
    c->aad = memory_new(TAG_AAD_MAX);
    VAULT_TRY(open_handles(c, err));
    *out = c;
    c = NULL;
    return VAULT_OK;
}

void cabinet_use(cabinet *c, arena *mem)
{
    c->mem = mem;
}

void cabinet_act_for(cabinet *c, const domain *d)
{
    c->acting = d;
}

void cabinet_free(cabinet **at)
{
    cabinet *c = *at;
    if (!c) return;
    aead_free(&c->ring);
    aead_free(&c->field);
    aead_free(&c->tag);
    aead_free(&c->note);
    prf_free(&c->tag_kdf);
    prf_free(&c->mark);
    prf_free(&c->natural);
    for (size_t i = 0; i < c->domain_count; i++) {
        block_free(&c->domains[i].cipher);
        block_free(&c->domains[i].ff1);
    }
    for (size_t i = 0; i < c->term_count; i++) prf_free(&c->terms[i].prf);
    memory_free(c->domains, c->domain_count * sizeof *c->domains);
    memory_free(c->terms, c->term_count * sizeof *c->terms);
    secret_clear(&c->scratch);
    secret_clear(&c->beside);
    memory_free(c->aad, TAG_AAD_MAX);
    memory_free(c->decoy_sealed, DECOY_SEALED_LEN);
    memory_free(c, sizeof *c);
    *at = NULL;
}

vault_code cabinet_ring(cabinet *c, aead **out, uint32_t version, vault_error *err)
{
    if (version == 0 || c->ring_version != version) {
        const ring *found = keyring_find(c->keys, "record", version);
        if (!found) return vault_fail(err, VAULT_INTEGRITY, "record ring has no version %u", version);
        c->ring_version = 0;
        VAULT_TRY(aead_set_key(c->ring, secret_bytes(&found->key), err));
        c->ring_version = version;
    }
    *out = c->ring;
    return VAULT_OK;
}

/* The place of a field's key among those that are open, made when there is none. */
static term_key *key_place(cabinet *c, const char *name)
{
    for (size_t i = 0; i < c->term_count; i++) {
        if (strcmp(c->terms[i].ring, name) == 0) return &c->terms[i];
    }
    c->terms = memory_grow(c->terms, c->term_count * sizeof *c->terms, (c->term_count + 1) * sizeof *c->terms);
    term_key *added = &c->terms[c->term_count++];
    snprintf(added->ring, sizeof added->ring, "%s", name);
    return added;
}

vault_code cabinet_term(cabinet *c, prf **out, const char *field, vault_error *err)
{
    char name[RING_NAME_MAX];
    const ring *active;
    snprintf(name, sizeof name, "term/%s", field);
    VAULT_TRY(active_ring(&active, c, name, err));
    term_key *key = key_place(c, name);
    if (key->version != active->version) {
        prf_free(&key->prf);
        key->version = 0;
        VAULT_TRY(prf_new(&key->prf, active->suite, secret_bytes(&active->key), err));
        key->version = active->version;
    }
    *out = key->prf;
    return VAULT_OK;
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
    domain_key added = {.domain = d->number, .epoch = epoch};
    VAULT_TRY(block_new(&added.cipher, found->suite, secret_bytes(&found->key), err));
    c->domains = memory_grow(c->domains, c->domain_count * sizeof added, (c->domain_count + 1) * sizeof added);
    *out = &c->domains[c->domain_count++];
    **out = added;
    return VAULT_OK;
}

/* Hash of the collection's number (2, big-endian) and the text. */
vault_code cabinet_natural_key(cabinet *c, uint8_t out[NATURAL_LEN], const collection *of, bytes text, vault_error *err)
{
    writer w = writer_over(c->scratch.at, SCRATCH_LEN);
    put_u16(&w, (uint16_t)of->number);
    put_bytes(&w, text);
    if (text.len == 0 || w.overflow) return vault_fail(err, VAULT_INTERNAL, "a natural key of %zu bytes", text.len);
    natural_key(c->natural, out, writer_bytes(&w));
    wipe(c->scratch.at, w.len);
    return VAULT_OK;
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

vault_code cabinet_equality_term(cabinet *c, int64_t *out, const schema_field *field, bytes text, vault_error *err)
{
    const term_place place = {.kind = INDEX_EQUALITY, .format = field->format};
    prf *key = NULL;
    term_list terms = {0};
    if (!(field->indexes & 1U << INDEX_EQUALITY))
        return vault_fail(err, VAULT_INTERNAL, "field %u has no equality index", field->number);
    VAULT_TRY(cabinet_term(c, &key, field->name, err));
    VAULT_TRY(terms_of_value(&terms, c->mem, key, &place, text, err));
    if (terms.count != 1) return vault_fail(err, VAULT_INTERNAL, "a value of field %u has no term", field->number);
    *out = terms.at[0];
    return VAULT_OK;
}

uint32_t cabinet_current_epoch(const cabinet *c, const domain *d)
{
    const ring *active = d ? keyring_active(c->keys, d->ring) : NULL;
    return active ? active->version : 0;
}

/* Epochs are numbered without a gap: one before the current one that has no key had one. */
epoch_state cabinet_epoch(const cabinet *c, const domain *d, uint32_t epoch)
{
    uint32_t current = cabinet_current_epoch(c, d);
    if (epoch == 0 || epoch > current) return EPOCH_UNKNOWN;
    if (epoch == current) return EPOCH_CURRENT;
    return keyring_find(c->keys, d->ring, epoch) ? EPOCH_ENDED : EPOCH_DESTROYED;
}
