/* Page tokens: where to go on, and of which question. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"

#include <string.h>

enum { PAGE_TOKEN_LEN = 16 };

char *page_token(arena *mem, uint64_t conditions, int64_t from)
{
    uint8_t raw[PAGE_TOKEN_LEN];
    char *text = arena_alloc(mem, 4 * ((PAGE_TOKEN_LEN + 2) / 3) + 1);
    store_u64(raw, (uint64_t)from);
    store_u64(raw + 8, conditions);
    if (text) base64_encode(text, bytes_of(raw, sizeof raw));
    return text;
}

int64_t page_until(const request *rq)
{
    const int64_t now = clock_monotonic_us(), third = (rq->deadline_us - now) / 3, most = 3000000;
    return now + (third < most ? third : most);
}

vault_code page_token_read(int64_t *from, const char *text, uint64_t conditions, vault_error *err)
{
    uint8_t raw[PAGE_TOKEN_LEN];
    size_t len = 0;
    if (!text[0]) return VAULT_OK;
    bool good = base64_decode(raw, sizeof raw, &len, text, strlen(text)) && len == sizeof raw;
    if (!good || load_u64(raw) > INT64_MAX) return refuse_at(err, "BAD_PAGE_TOKEN", "page_token", -1);
    if (load_u64(raw + 8) != conditions) return refuse_at(err, "PAGE_TOKEN_OF_OTHER_QUERY", "page_token", -1);
    *from = (int64_t)load_u64(raw);
    return VAULT_OK;
}

/* ---- sealed ones ---- */

enum { SEALED_MOST = 256, END_LEN = 8 };
static const int64_t LIFETIME_US = INT64_C(3600) * 1000 * 1000;

/* Whose it is, and of which question. Ids hold no zero. */
static vault_code sealed_context(bytes *out, session *s, const call *c, const digest *conditions, vault_error *err)
{
    const char *const ids[] = {"resident-vault page 1", c->caller->id, c->purpose->id, c->person ? c->person->id : ""};
    size_t room = 1 + DIGEST_LEN;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) room += strlen(ids[i]) + 1;
    uint8_t *at = arena_alloc(s->mem, room);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a page token");
    writer w = writer_over(at, room);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) put_bytes(&w, bytes_of(ids[i], strlen(ids[i]) + 1));
    put_u8(&w, (uint8_t)c->action);
    put_bytes(&w, digest_bytes(conditions));
    *out = writer_bytes(&w);
    return VAULT_OK;
}

vault_code page_seal(char **out, session *s, const call *c, const digest *conditions, bytes place)
{
    vault_error *err = &c->rq->err;
    uint8_t plain[SEALED_MOST];
    bytes context, sealed;
    writer w = writer_over(plain, sizeof plain);
    put_u64(&w, (uint64_t)(c->now_us + LIFETIME_US));
    put_bytes(&w, place);
    if (w.overflow) return vault_fail(err, VAULT_INTERNAL, "a place of %zu bytes", place.len);
    VAULT_TRY(sealed_context(&context, s, c, conditions, err));
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(cabinet_seal_note(s->cabinet, &sealed, context, writer_bytes(&w), err));
    *out = arena_alloc(c->rq->mem, 4 * ((sealed.len + 2) / 3) + 1);
    if (!*out) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a page token");
    base64_encode(*out, sealed);
    return VAULT_OK;
}

vault_code page_open(bytes *place, session *s, const call *c, const char *text, const digest *conditions)
{
    vault_error *err = &c->rq->err, ignored = {0};
    uint8_t raw[2 * SEALED_MOST];
    size_t len = 0;
    bytes context, plain;
    *place = bytes_of(NULL, 0);
    if (!text[0]) return VAULT_OK;
    if (!base64_decode(raw, sizeof raw, &len, text, strlen(text)))
        return refuse_at(err, "BAD_PAGE_TOKEN", "page_token", -1);
    VAULT_TRY(sealed_context(&context, s, c, conditions, err));
    cabinet_use(s->cabinet, s->mem);
    if (cabinet_open_note(s->cabinet, &plain, context, bytes_of(raw, len), &ignored) != VAULT_OK || plain.len < END_LEN)
        return refuse_at(err, "BAD_PAGE_TOKEN", "page_token", -1);
    if ((int64_t)load_u64(plain.at) < c->now_us) return refuse_at(err, "PAGE_TOKEN_EXPIRED", "page_token", -1);
    *place = bytes_of(plain.at + END_LEN, plain.len - END_LEN);
    return VAULT_OK;
}
