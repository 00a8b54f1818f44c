/* Blocks of columns: sealed under the view key of the log ring, bound to their stretch, and to its lines by the root of
 * the subtree that they are, which is proven to stand in the tree of the committed head. */
#include "vault/audit/columns.h"

#include "vault/audit/column_pack.h"
#include "vault/audit/internal.h"
#include "vault/audit/known_lines.h"
#include "vault/store/columns.h"

#include <string.h>

enum { SCRATCH = 64 << 20, AAD_MAX = 48, STRETCH_LEVEL = 16 };
_Static_assert(COLUMN_STRETCH == 1 << STRETCH_LEVEL, "a stretch is a subtree");

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
}

/* ---- sealed blocks: stamp ‖ nonce ‖ ciphertext ‖ tag ---- */

static bytes block_aad(uint8_t at[AAD_MAX], const uint8_t stamp[STAMP_LEN], int32_t stretch)
{
    writer w = writer_over(at, AAD_MAX);
    put_bytes(&w, bytes_of_text("resident-vault log columns"));
    put_bytes(&w, bytes_of(stamp, STAMP_LEN));
    put_u32(&w, (uint32_t)stretch);
    return writer_bytes(&w);
}

static vault_code seal_block(column_block *inout, const scribe *sc, arena *mem, bytes plain, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    const scribe_keys *by = sc->active;
    size_t len = STAMP_LEN + plain.len + SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(mem, len);
    if (!at) return no_room(err);
    memcpy(at, by->of->stamp, STAMP_LEN);
    inout->log_version = (int32_t)by->of->version;
    inout->sealed = bytes_of(at, len);
    return aead_seal(by->view, at + STAMP_LEN, block_aad(aad, at, inout->stretch), plain, err);
}

static vault_code open_block(bytes *plain, const column_block *block, const scribe *sc, arena *mem, vault_error *err)
{
    uint8_t aad[AAD_MAX];
    const scribe_keys *by = scribe_keys_of(sc, block->sealed);
    bool shaped =
        by && block->sealed.len >= STAMP_LEN + SEAL_OVERHEAD && by->of->version == (uint32_t)block->log_version;
    if (!shaped) return vault_fail(err, VAULT_INTEGRITY, "columns %d of the log are damaged", block->stretch);
    bytes body = bytes_of(block->sealed.at + STAMP_LEN, block->sealed.len - STAMP_LEN);
    uint8_t *at = arena_alloc(mem, body.len - SEAL_OVERHEAD + COLUMN_SLACK);
    if (!at) return no_room(err);
    VAULT_TRY(aead_open(by->view, at, block_aad(aad, block->sealed.at, block->stretch), body, err));
    *plain = bytes_of(at, body.len - SEAL_OVERHEAD);
    return VAULT_OK;
}

/* ---- from lines ---- */

typedef struct stretch_lines {
    int64_t first;
    size_t count;
    digest *leaves; /* count of them; NULL: not asked for */
} stretch_lines;

static vault_code scan_into(column_maker *m, const stretch_lines *of, scribe *sc, store *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *page = arena_new(SCRATCH);
    if (!page) return no_room(err);
    for (size_t done = 0; done < of->count;) {
        size_t left = of->count - done;
        line_scan scan = {.from = of->first + (int64_t)done, .limit = left < SCAN_MOST ? left : SCAN_MOST};
        arena_reset(page);
        VAULT_TRY(ledger_scan(&scan, sc, s, page, err));
        if (scan.count == 0) return vault_fail(err, VAULT_INTEGRITY, "the log went back while it was read");
        VAULT_TRY(column_maker_add(m, scan.lines, scan.count, err));
        for (size_t i = 0; of->leaves && i < scan.count; i++) of->leaves[done + i] = merkle_leaf(scan.lines[i].leaf);
        done += scan.count;
    }
    return VAULT_OK;
}

static vault_code from_lines(line_columns *out, const stretch_lines *of, scribe *sc, store *s, arena *mem,
                             vault_error *err)
{
    column_maker *m;
    VAULT_TRY(column_maker_new(&m, mem, of->first, of->count, err));
    VAULT_TRY(scan_into(m, of, sc, s, err));
    *out = column_maker_columns(m);
    return VAULT_OK;
}

/* ---- the root of a stretch ---- */

static digest root_of(const digest *leaves, arena *mem)
{
    digest *level = arena_array(mem, COLUMN_STRETCH / 2, sizeof *level);
    if (!level) return (digest){0};
    for (size_t i = 0; i < COLUMN_STRETCH / 2; i++) level[i] = merkle_node(&leaves[2 * i], &leaves[2 * i + 1]);
    for (size_t n = COLUMN_STRETCH / 4; n > 0; n /= 2)
        for (size_t i = 0; i < n; i++) level[i] = merkle_node(&level[2 * i], &level[2 * i + 1]);
    return level[0];
}

/* ---- reading ---- */

typedef struct reading {
    scribe *sc;
    store *s;
    arena *mem;
    merkle_tree now;
} reading;

/* A block that was made of another log, one that went on from a backup of this one, is sealed by the same key. */
static vault_code check_root(const digest *root, int32_t stretch, const reading *r, vault_error *err)
{
    merkle_path path;
    const merkle_coordinate node = {.level = STRETCH_LEVEL, .index = stretch};
    const merkle_tree stretches = {.size = (r->now.size + COLUMN_STRETCH - 1) >> STRETCH_LEVEL, .root = r->now.root};
    VAULT_TRY(stored_node_path(&path, r->s, r->mem, node, r->now.size, err));
    if (merkle_verify_inclusion(root, stretch, &stretches, path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "columns %d of the log are those of other lines", stretch);
}

static vault_code from_block(line_columns *out, const column_block *block, const reading *r, vault_error *err)
{
    digest root;
    bytes plain;
    VAULT_TRY(open_block(&plain, block, r->sc, r->mem, err));
    VAULT_TRY(columns_unpack(out, &root, r->mem, plain, err));
    if (out->first == (int64_t)block->stretch * COLUMN_STRETCH && out->count == COLUMN_STRETCH)
        return check_root(&root, block->stretch, r, err);
    return vault_fail(err, VAULT_INTEGRITY, "columns %d of the log are those of other lines", block->stretch);
}

/* What a block says of the lines of its stretch is known from then on. */
static vault_code learn(const line_columns *c, const reading *r, vault_error *err)
{
    bool hold;
    const proofs_source from = {r->s, r->sc->of->known_lines, &r->now};
    if (known_lines_whole(from.known, c->first / COLUMN_STRETCH)) return VAULT_OK;
    VAULT_TRY(known_lines_hold(&hold, &from, r->mem, err));
    if (hold) known_lines_learn(from.known, c);
    return VAULT_OK;
}

/* A block under a key that is gone is as good as none. */
static vault_code read_kept(line_columns *out, const reading *r, int64_t stretch, vault_error *err)
{
    column_block block = {.stretch = (int32_t)stretch};
    *out = (line_columns){.first = stretch * COLUMN_STRETCH};
    if (out->first + COLUMN_STRETCH > r->now.size) return VAULT_OK;
    VAULT_TRY(store_columns_read(r->s, r->mem, &block, err));
    bool readable = block.found && log_keyset_version(r->sc->keys, block.log_version);
    if (!readable) return VAULT_OK;
    VAULT_TRY(from_block(out, &block, r, err));
    return learn(out, r, err);
}

static vault_code read_now(reading *out, scribe *sc, store *s, arena *mem, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    *out = (reading){.sc = sc, .s = s, .mem = mem, .now = head_tree(&head)};
    return VAULT_OK;
}

vault_code columns_kept(line_columns *out, scribe *sc, store *s, arena *mem, int64_t stretch, vault_error *err)
{
    reading r;
    VAULT_TRY(read_now(&r, sc, s, mem, err));
    return read_kept(out, &r, stretch, err);
}

vault_code ledger_columns(line_columns *out, scribe *sc, store *s, arena *mem, int64_t stretch, vault_error *err)
{
    reading r;
    if (stretch < 0 || stretch > INT32_MAX)
        return vault_fail(err, VAULT_INVALID, "no stretch %lld", (long long)stretch);
    VAULT_TRY(read_now(&r, sc, s, mem, err));
    VAULT_TRY(read_kept(out, &r, stretch, err));
    if (out->count > 0 || out->first >= r.now.size) return VAULT_OK;
    int64_t left = r.now.size - out->first;
    const stretch_lines lines = {.first = out->first, .count = left < COLUMN_STRETCH ? (size_t)left : COLUMN_STRETCH};
    return from_lines(out, &lines, sc, s, mem, err);
}

/* ---- keeping ---- */

vault_code ledger_know_lines(int32_t *inout, scribe *sc, store *s, arena *mem, vault_error *err)
{
    reading r;
    line_columns c;
    const int32_t from = *inout;
    *inout = -1; /* nothing to pass over where the head is damaged */
    VAULT_TRY(read_now(&r, sc, s, mem, err));
    const int64_t end = r.now.size / COLUMN_STRETCH;
    int64_t at = from > end - KNOWN_STRETCHES ? from : end - KNOWN_STRETCHES;
    while (at < end && known_lines_whole(sc->of->known_lines, at)) at++;
    *inout = at < end ? (int32_t)at : -1;
    return at < end ? read_kept(&c, &r, at, err) : VAULT_OK;
}

static vault_code make_block(column_block *inout, scribe *sc, store *s, arena *mem, vault_error *err)
{
    line_columns columns;
    bytes packed;
    stretch_lines lines = {.first = (int64_t)inout->stretch * COLUMN_STRETCH, .count = COLUMN_STRETCH};
    if (!(lines.leaves = arena_array(mem, lines.count, sizeof *lines.leaves))) return no_room(err);
    VAULT_TRY(from_lines(&columns, &lines, sc, s, mem, err));
    const digest root = root_of(lines.leaves, mem);
    VAULT_TRY(columns_pack(&packed, mem, &columns, &root, err));
    return seal_block(inout, sc, mem, packed, err);
}

/* What a former version of the ring has sealed, under the active one. False: it must be made anew. */
static vault_code renew_block(bool *renewed, column_block *inout, scribe *sc, arena *mem, vault_error *err)
{
    bytes plain;
    *renewed = inout->found && log_keyset_version(sc->keys, inout->log_version);
    if (!*renewed) return VAULT_OK;
    vault_code code = open_block(&plain, inout, sc, mem, err);
    if (code == VAULT_OK) return seal_block(inout, sc, mem, plain, err);
    if (code != VAULT_INTEGRITY) return code;
    vault_error_clear(err);
    *renewed = false;
    return VAULT_OK;
}

vault_code ledger_keep_columns(int32_t *inout, scribe *sc, store *s, arena *mem, vault_error *err)
{
    head_row head;
    column_block block = {0};
    bool renewed;
    const int32_t from = *inout;
    *inout = -1; /* as above */
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    int32_t version = (int32_t)scribe_version(sc);
    block.stretch = from;
    VAULT_TRY(store_columns_lacking(s, version, (int32_t)(head.size / COLUMN_STRETCH), &block.stretch, err));
    *inout = block.stretch;
    if (*inout < 0) return VAULT_OK;
    VAULT_TRY(store_columns_read(s, mem, &block, err));
    VAULT_TRY(renew_block(&renewed, &block, sc, mem, err));
    if (!renewed) VAULT_TRY(make_block(&block, sc, s, mem, err));
    return store_columns_write(s, &block, err);
}
