/* Sealing of views, look-up tags and resident references, with cipher handles of one thread. */
#include "vault/audit/internal.h"
#include "vault/base/memory.h"

#include <string.h>

static vault_code open_keys(scribe_keys *out, const log_keys *k, vault_error *err)
{
    out->of = k;
    VAULT_TRY(aead_new(&out->view, k->suite, err));
    VAULT_TRY(aead_set_key(out->view, secret_bytes(&k->view), err));
    VAULT_TRY(block_new(&out->tag, k->suite, secret_bytes(&k->tag), err));
    return block_new(&out->reference, k->suite, secret_bytes(&k->reference), err);
}

static vault_code open_all(scribe *s, vault_error *err)
{
    const log_keyset *k = s->keys;
    for (size_t i = 0; i < k->count; i++) {
        scribe_keys *to = &s->at[s->count++];
        VAULT_TRY(open_keys(to, &k->at[i], err));
        if (&k->at[i] == k->active) s->active = to;
    }
    return prf_new(&s->rows, k->rows_suite, secret_bytes(&k->rows), err);
}

vault_code scribe_new(scribe **out, ledger *l, vault_error *err)
{
    scribe *s = memory_new(sizeof *s);
    *out = s;
    s->of = l;
    s->keys = ledger_keys(l);
    vault_code code = open_all(s, err);
    if (code != VAULT_OK) scribe_free(out);
    return code;
}

void scribe_free(scribe **at)
{
    scribe *s = *at;
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        aead_free(&s->at[i].view);
        block_free(&s->at[i].tag);
        block_free(&s->at[i].reference);
    }
    prf_free(&s->rows);
    log_keyset_free(&s->keys);
    memory_free(s, sizeof *s);
    *at = NULL;
}

/* ---- sealed views: stamp ‖ nonce ‖ ciphertext ‖ tag ---- */

enum { AAD_MAX = 48 };

static bytes view_aad(uint8_t at[AAD_MAX], view_kind kind, const uint8_t stamp[STAMP_LEN])
{
    static const char *NAMES[] = {
        [VIEW_OFFICER] = "resident-vault officer view", [VIEW_RESIDENT] = "resident-vault resident view"};
    writer w = writer_over(at, AAD_MAX);
    put_bytes(&w, bytes_of_text(NAMES[kind]));
    put_bytes(&w, bytes_of(stamp, STAMP_LEN));
    return writer_bytes(&w);
}

/* Of an officer's view: the log ring's version. A resident's view is under his own key, whatever becomes of the log's:
 * its stamp says the suite alone. */
static void stamp_view(uint8_t out[STAMP_LEN], const scribe *s, view_kind kind, const aead *under)
{
    writer w = writer_over(out, STAMP_LEN);
    put_u32(&w, (uint32_t)aead_suite(under) << 24);
    if (kind == VIEW_OFFICER) memcpy(out, s->active->of->stamp, STAMP_LEN);
}

vault_code scribe_seal(bytes *out, const scribe *s, arena *mem, aead *under, const salted_view *view, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    size_t len = STAMP_LEN + view->salted.len + SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(mem, len);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a sealed view");
    stamp_view(at, s, view->kind, under);
    *out = bytes_of(at, len);
    return aead_seal(under, at + STAMP_LEN, view_aad(aad, view->kind, at), view->salted, err);
}

const scribe_keys *scribe_keys_of(const scribe *s, bytes sealed)
{
    for (size_t i = 0; i < s->count; i++)
        if (sealed.len >= STAMP_LEN && memcmp(sealed.at, s->at[i].of->stamp, STAMP_LEN) == 0) return &s->at[i];
    return NULL;
}

/* Of a resident's view the stamp must be that of the cipher at hand. */
static bool has_stamp(const scribe *s, view_kind kind, aead *under, bytes sealed)
{
    uint8_t stamp[STAMP_LEN];
    if (sealed.len < STAMP_LEN + SALT_LEN + SEAL_OVERHEAD) return false;
    if (kind == VIEW_OFFICER) return under != NULL;
    stamp_view(stamp, s, kind, under);
    return memcmp(sealed.at, stamp, STAMP_LEN) == 0;
}

vault_code scribe_open(salted_view *out, const scribe *s, arena *mem, aead *resident, bytes sealed, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    const scribe_keys *keys = out->kind == VIEW_OFFICER ? scribe_keys_of(s, sealed) : NULL;
    aead *under = out->kind == VIEW_RESIDENT ? resident : keys ? keys->view : NULL;
    if (!has_stamp(s, out->kind, under, sealed)) {
        return vault_fail(err, VAULT_INTEGRITY,
                          "a sealed view is too short, or of a version of the log ring without key");
    }
    bytes body = bytes_of(sealed.at + STAMP_LEN, sealed.len - STAMP_LEN);
    uint8_t *at = arena_alloc(mem, body.len - SEAL_OVERHEAD);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a view");
    VAULT_TRY(aead_open(under, at, view_aad(aad, out->kind, sealed.at), body, err));
    out->salted = bytes_of(at, body.len - SEAL_OVERHEAD);
    return VAULT_OK;
}

/* ---- tags and references ---- */

/* One block, cut to 64 bits. 0 means "none" in the table and is never a tag. */
static int64_t tag_of(const scribe_keys *k, uint8_t block[BLOCK_LEN])
{
    block_encrypt(k->tag, block, block);
    int64_t tag = (int64_t)load_u64(block);
    return tag ? tag : 1;
}

int64_t resident_tag(const scribe_keys *k, int64_t resident)
{
    uint8_t block[BLOCK_LEN] = {'R'};
    store_u64(block + 8, (uint64_t)resident);
    int64_t tag = tag_of(k, block); /* of nobody, too: a line takes as long, whether there is somebody or not */
    return resident ? tag : 0;
}

int64_t person_tag(const scribe_keys *k, const char *person)
{
    uint8_t block[BLOCK_LEN] = {'P'};
    if (!person) return 0;
    digest hash = sha256(bytes_of_text(person));
    memcpy(block + 1, hash.at, BLOCK_LEN - 1);
    return tag_of(k, block);
}

size_t scribe_resident_tags(const scribe *s, int64_t resident, int64_t tags[RING_VERSIONS_MAX])
{
    for (size_t i = 0; i < s->count; i++) tags[i] = resident_tag(&s->at[i], resident);
    return s->count;
}

size_t scribe_person_tags(const scribe *s, const char *person, int64_t tags[RING_VERSIONS_MAX])
{
    for (size_t i = 0; i < s->count; i++) tags[i] = person_tag(&s->at[i], person);
    return s->count;
}

/* id ‖ 64 random bits in one block: the vault reads the id back, nobody else can tell two references of one resident
 * from two of two, or from the 16 random bytes that stand where there is no resident. */
void scribe_reference(const scribe *s, uint8_t reference[REFERENCE_LEN], int64_t resident)
{
    store_u64(reference, (uint64_t)resident);
    block_encrypt(s->active->reference, reference, reference);
}
