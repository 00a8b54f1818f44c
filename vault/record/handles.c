/* Cipher handles of a cabinet: of each version of the record ring, of each suite that rows may be in, and the keyed
 * hashes of each version of the rings of natural keys and search terms. While a ring rotates rows of several versions
 * stand side by side. */
#include "vault/record/internal.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

static const char TAG_LABEL[] = "resident-vault row tag 1", MARK_LABEL[] = "resident-vault correction 1";

enum { DEK_AAD_LEN = 14 };

/* ---- the record ring ---- */

static vault_code open_suite(cabinet *c, suite_id suite, vault_error *err)
{
    suite_handles *h = &c->suites[suite];
    if (h->field) return VAULT_OK;
    VAULT_TRY(aead_new(&h->tag, suite, err));
    VAULT_TRY(prf_new(&h->tag_kdf, suite, bytes_of_text(TAG_LABEL), err));
    VAULT_TRY(prf_new(&h->mark, suite, bytes_of_text(MARK_LABEL), err));
    return aead_new(&h->field, suite, err);
}

static vault_code open_records(cabinet *c, vault_error *err)
{
    const ring *versions[RING_VERSIONS_MAX];
    c->record_count = keyring_versions(c->keys, "record", versions);
    for (size_t i = 0; i < c->record_count; i++) {
        c->records[i].of = versions[i];
        if (versions[i]->state == RING_ACTIVE) c->active = &c->records[i];
        VAULT_TRY(open_suite(c, versions[i]->suite, err));
    }
    return c->active ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "ring 'record' has no active version");
}

vault_code cabinet_record_key(cabinet *c, record_key **out, uint32_t version, vault_error *err)
{
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i].of->version == version) return *out = &c->records[i], VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "record ring has no version %u", version);
}

vault_code cabinet_suite(cabinet *c, suite_handles **out, int32_t ring_version, vault_error *err)
{
    record_key *key = NULL;
    VAULT_TRY(cabinet_record_key(c, &key, (uint32_t)ring_version, err));
    *out = &c->suites[key->of->suite];
    return VAULT_OK;
}

vault_code cabinet_key_field(cabinet *c, int32_t ring_version, const uint8_t key[KEY_LEN], vault_error *err)
{
    record_key *below = NULL;
    VAULT_TRY(cabinet_record_key(c, &below, (uint32_t)ring_version, err));
    c->suite = below->of->suite;
    c->field = c->suites[c->suite].field;
    return aead_set_key(c->field, bytes_of(key, KEY_LEN), err);
}

/* ---- residents' keys ---- */

static bytes wrap_aad(uint8_t out[DEK_AAD_LEN], const ring *of, int64_t id)
{
    writer w = writer_over(out, DEK_AAD_LEN);
    put_u8(&w, 'D');
    put_u8(&w, (uint8_t)of->suite);
    put_u32(&w, of->version);
    put_u64(&w, (uint64_t)id);
    return writer_bytes(&w);
}

static vault_code open_wrap(cabinet *c, record_key **out, int32_t version, vault_error *err)
{
    VAULT_TRY(cabinet_record_key(c, out, (uint32_t)version, err));
    record_key *key = *out;
    if (key->wrap) return VAULT_OK;
    VAULT_CLEANUP(aead_free) aead *wrap = NULL;
    VAULT_TRY(aead_new(&wrap, key->of->suite, err));
    VAULT_TRY(aead_set_key(wrap, secret_bytes(&key->of->key), err));
    key->wrap = wrap;
    wrap = NULL;
    return VAULT_OK;
}

vault_code keys_wrap(cabinet *c, uint8_t out[WRAPPED_KEYS_LEN], const key_row *place, const uint8_t *keys,
                     vault_error *err)
{
    uint8_t aad[DEK_AAD_LEN];
    record_key *by = NULL;
    VAULT_TRY(open_wrap(c, &by, place->ring_version, err));
    return aead_seal(by->wrap, out, wrap_aad(aad, by->of, place->id), bytes_of(keys, RECORD_KEYS_LEN), err);
}

vault_code keys_unwrap(cabinet *c, uint8_t *out, const key_row *row, vault_error *err)
{
    uint8_t aad[DEK_AAD_LEN];
    record_key *by = NULL;
    if (row->dek.len != WRAPPED_KEYS_LEN)
        return vault_fail(err, VAULT_INTEGRITY, "row %lld lacks its key", (long long)row->id);
    VAULT_TRY(open_wrap(c, &by, row->ring_version, err));
    return aead_open(by->wrap, out, wrap_aad(aad, by->of, row->id), row->dek, err);
}

/* ---- keyed hashes ---- */

static vault_code add_prf(ring_prfs *to, const ring *of, vault_error *err)
{
    VAULT_TRY(prf_new(&to->at[to->count], of->suite, secret_bytes(&of->key), err));
    to->count++;
    return VAULT_OK;
}

static vault_code open_prfs(cabinet *c, ring_prfs *out, const char *name, vault_error *err)
{
    const ring *versions[RING_VERSIONS_MAX], *active = keyring_active(c->keys, name);
    if (!active) return vault_fail(err, VAULT_INTERNAL, "ring '%s' has no active version", name);
    size_t count = keyring_versions(c->keys, name, versions);
    snprintf(out->ring, sizeof out->ring, "%s", name);
    out->since = active->since;
    VAULT_TRY(add_prf(out, active, err));
    for (size_t i = 0; i < count; i++)
        if (versions[i] != active) VAULT_TRY(add_prf(out, versions[i], err));
    return VAULT_OK;
}

static void free_prfs(ring_prfs *p)
{
    for (size_t i = 0; i < RING_VERSIONS_MAX; i++) prf_free(&p->at[i]);
    *p = (ring_prfs){0};
}

vault_code cabinet_terms(cabinet *c, const ring_prfs **out, const char *field, vault_error *err)
{
    char name[RING_NAME_MAX];
    ring_prfs opened = {0};
    snprintf(name, sizeof name, "term/%s", field);
    for (size_t i = 0; i < c->term_count; i++)
        if (strcmp(c->terms[i].ring, name) == 0) return *out = &c->terms[i], VAULT_OK;
    vault_code code = open_prfs(c, &opened, name, err);
    if (code != VAULT_OK) return free_prfs(&opened), code;
    c->terms = memory_grow(c->terms, c->term_count * sizeof opened, (c->term_count + 1) * sizeof opened);
    c->terms[c->term_count] = opened;
    *out = &c->terms[c->term_count++];
    return VAULT_OK;
}

/* ---- all of them ---- */

vault_code handles_open(cabinet *c, vault_error *err)
{
    VAULT_TRY(open_records(c, err));
    return open_prfs(c, &c->natural, "natural", err);
}

void handles_free(cabinet *c)
{
    for (size_t i = 0; i < c->record_count; i++) {
        aead_free(&c->records[i].wrap);
        aead_free(&c->records[i].note);
    }
    for (size_t i = 0; i < SUITES; i++) {
        aead_free(&c->suites[i].field);
        aead_free(&c->suites[i].tag);
        aead_free(&c->suites[i].fresh);
        prf_free(&c->suites[i].tag_kdf);
        prf_free(&c->suites[i].mark);
    }
    free_prfs(&c->natural);
    for (size_t i = 0; i < c->term_count; i++) free_prfs(&c->terms[i]);
    memory_free(c->terms, c->term_count * sizeof *c->terms);
}
