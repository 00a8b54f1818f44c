#include "keys/internal.h"

#include <string.h>

/* ---- checks ---- */

/* One canonical form: lower-case letters, digits, '_', '-' and '.', in parts joined by '/'; no part empty or of dots.
 */
static bool name_valid(const char *name, size_t size)
{
    size_t len = strnlen(name, size);
    if (len == 0 || len == size) return false;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-./") != len) return false;
    return name[0] != '/' && name[len - 1] != '/' && !strstr(name, "//") && !strstr(name, "..");
}

static bool state_valid(ring_state state)
{
    return state >= RING_PRE_ACTIVE && state < RING_STATES;
}

/* What a stored row must be before its wrap is even tried. */
static vault_code check_row(const ring *r, vault_error *err)
{
    if (!name_valid(r->name, sizeof r->name)) return vault_fail(err, VAULT_INTEGRITY, "a key ring's name is malformed");
    if (r->version > 0 && state_valid(r->state)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "key ring %s: version %u, state %d", r->name, r->version, (int)r->state);
}

/* ---- wrapping ---- */

static const char CONTEXT[] = "resident-vault ring 1";
enum { CONTEXT_MAX = sizeof CONTEXT + RING_NAME_MAX + 32 };

static bytes context_of(uint8_t out[CONTEXT_MAX], const ring *r)
{
    writer w = writer_over(out, CONTEXT_MAX);
    put_sized(&w, bytes_of_text(CONTEXT));
    put_sized(&w, bytes_of_text(r->name));
    put_u32(&w, r->version);
    put_u16(&w, (uint16_t)r->suite);
    put_u8(&w, (uint8_t)r->state);
    put_u64(&w, (uint64_t)r->since);
    put_u64(&w, (uint64_t)r->ends_us);
    return writer_bytes(&w);
}

/* Of the root key each suite has a key of its own: SM4 would otherwise be given half of what AES is. */
static vault_code root_cipher(aead **out, const ring *r, bytes root, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    if (root.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a root key of %zu bytes", root.len);
    VAULT_TRY(aead_new(out, r->suite, err));
    VAULT_TRY(key_derive(&key, r->suite, root, "resident-vault ring wrap", err));
    return aead_set_key(*out, secret_bytes(&key), err);
}

/* A destroyed ring seals nothing: what is left is a MAC, so that destruction cannot be written by hand either. */
static vault_code wrap(ring *r, bytes root, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *a = NULL;
    uint8_t context[CONTEXT_MAX];
    VAULT_TRY(root_cipher(&a, r, root, err));
    memset(r->wrapped, 0, sizeof r->wrapped);
    return aead_seal(a, r->wrapped, context_of(context, r), secret_bytes(&r->key), err);
}

vault_code ring_open(ring *r, bytes root, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *a = NULL;
    VAULT_CLEANUP(secret_clear) secret key = {0};
    uint8_t context[CONTEXT_MAX];
    vault_error cause = {0};
    r->key = (secret){0};
    VAULT_TRY(check_row(r, err));
    VAULT_TRY(root_cipher(&a, r, root, err));
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    size_t len = r->state == RING_DESTROYED ? SEAL_OVERHEAD : sizeof r->wrapped;
    vault_code code = aead_open(a, key.at, context_of(context, r), bytes_of(r->wrapped, len), &cause);
    if (code == VAULT_INTEGRITY) {
        return vault_fail(err, code, "key ring %s, version %u: wrong root key, or the row was edited", r->name,
                          r->version);
    }
    if (code != VAULT_OK) return vault_fail(err, code, "key ring %s: %s", r->name, cause.detail);
    if (r->state != RING_DESTROYED) r->key = secret_move(&key);
    return VAULT_OK;
}

/* ---- life of a ring ---- */

vault_code ring_create(ring *out, bytes root, const ring_wish *wish, vault_error *err)
{
    ring made = {.version = wish->version, .suite = wish->suite, .state = RING_ACTIVE, .since = wish->since};
    *out = (ring){0};
    if (!name_valid(wish->name, sizeof made.name) || wish->version == 0) {
        return vault_fail(err, VAULT_INVALID, "a key ring named \"%.64s\" of version %u", wish->name, wish->version);
    }
    memcpy(made.name, wish->name, strlen(wish->name));
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(entropy_fill(key.at, key.len, err));
    made.key = key;
    VAULT_TRY(wrap(&made, root, err));
    *out = made;
    key = (secret){0}; /* the ring owns it now */
    return VAULT_OK;
}

vault_code ring_set_state(ring *r, bytes root, ring_state state, int64_t ends_us, vault_error *err)
{
    VAULT_TRY(check_row(r, err));
    if (!state_valid(state) || state < r->state || !r->key.at) {
        return vault_fail(err, VAULT_INVALID, "key ring %s, version %u, %s: state %d after %d", r->name, r->version,
                          r->key.at ? "open" : "without key", (int)state, (int)r->state);
    }
    ring changed = *r;
    changed.state = state;
    changed.ends_us = ends_us;
    if (state == RING_DESTROYED) changed.key = (secret){0};
    VAULT_TRY(wrap(&changed, root, err));
    if (state == RING_DESTROYED) secret_clear(&r->key);
    *r = changed;
    return VAULT_OK;
}

vault_code ring_rewrap(ring *r, bytes root, vault_error *err)
{
    VAULT_TRY(check_row(r, err));
    if (!r->key.at && r->state != RING_DESTROYED)
        return vault_fail(err, VAULT_INVALID, "key ring %s, version %u, is not open", r->name, r->version);
    ring changed = *r;
    VAULT_TRY(wrap(&changed, root, err));
    *r = changed;
    return VAULT_OK;
}
