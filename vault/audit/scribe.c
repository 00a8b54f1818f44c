/* Sealing of views, look-up tags and resident references, with cipher handles of one thread. */
#include "vault/audit/internal.h"
#include "vault/base/memory.h"

#include <string.h>

vault_code scribe_new(scribe **out, ledger *l, vault_error *err)
{
    const log_keys *k = &l->keys;
    scribe *s = memory_new(sizeof *s);
    *out = s;
    s->of = l;
    vault_code code = aead_new(&s->view, k->suite, err);
    if (code == VAULT_OK) code = aead_set_key(s->view, secret_bytes(&k->view), err);
    if (code == VAULT_OK) code = block_new(&s->tag, k->suite, secret_bytes(&k->tag), err);
    if (code == VAULT_OK) code = block_new(&s->reference, k->suite, secret_bytes(&k->reference), err);
    if (code != VAULT_OK) scribe_free(out);
    return code;
}

void scribe_free(scribe **s)
{
    if (!*s) return;
    aead_free(&(*s)->view);
    block_free(&(*s)->tag);
    block_free(&(*s)->reference);
    memory_free(*s, sizeof **s);
    *s = NULL;
}

/* ---- sealed views: stamp ‖ nonce ‖ ciphertext ‖ tag
 * ------------------------------------------------------------------ */

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

vault_code scribe_seal(bytes *out, const scribe *s, arena *mem, aead *under, const salted_view *view, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    size_t len = STAMP_LEN + view->salted.len + SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(mem, len);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a sealed view");
    memcpy(at, s->of->keys.stamp, STAMP_LEN);
    *out = bytes_of(at, len);
    return aead_seal(under, at + STAMP_LEN, view_aad(aad, view->kind, at), view->salted, err);
}

vault_code scribe_open(salted_view *out, const scribe *s, arena *mem, aead *under, bytes sealed, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    if (sealed.len < STAMP_LEN + SALT_LEN + SEAL_OVERHEAD || memcmp(sealed.at, s->of->keys.stamp, STAMP_LEN) != 0) {
        return vault_fail(err, VAULT_INTEGRITY, "a sealed view is too short or of another version of the log ring");
    }
    bytes body = bytes_of(sealed.at + STAMP_LEN, sealed.len - STAMP_LEN);
    uint8_t *at = arena_alloc(mem, body.len - SEAL_OVERHEAD);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a view");
    VAULT_TRY(aead_open(under, at, view_aad(aad, out->kind, sealed.at), body, err));
    out->salted = bytes_of(at, body.len - SEAL_OVERHEAD);
    return VAULT_OK;
}

/* ---- tags and references -------------------------------------------------------------------------------------------
 */

/* One block, cut to 64 bits. 0 means "none" in the table and is never a tag. */
static int64_t tag_of(const scribe *s, uint8_t block[BLOCK_LEN])
{
    block_encrypt(s->tag, block, block);
    int64_t tag = (int64_t)load_u64(block);
    return tag ? tag : 1;
}

int64_t scribe_resident_tag(const scribe *s, int64_t resident)
{
    uint8_t block[BLOCK_LEN] = {'R'};
    store_u64(block + 8, (uint64_t)resident);
    int64_t tag = tag_of(s, block); /* of nobody, too: a line takes as long, whether there is somebody or not */
    return resident ? tag : 0;
}

int64_t scribe_person_tag(const scribe *s, const char *person)
{
    uint8_t block[BLOCK_LEN] = {'P'};
    if (!person) return 0;
    digest hash = sha256(bytes_of_text(person));
    memcpy(block + 1, hash.at, BLOCK_LEN - 1);
    return tag_of(s, block);
}

/* id ‖ 64 random bits in one block: the vault reads the id back, nobody else can tell two references of one resident
 * from two of two, or from the 16 random bytes that stand where there is no resident. */
void scribe_reference(const scribe *s, uint8_t reference[REFERENCE_LEN], int64_t resident)
{
    store_u64(reference, (uint64_t)resident);
    block_encrypt(s->reference, reference, reference);
}
