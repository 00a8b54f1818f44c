/* Requests to correct what an authority has said, and what became of them. A row says by itself who asked for what,
 * when, and how it was decided; all of that is under the resident's key:
 *
 *   sealed  suite (1) ‖ [mark (8)] ‖ nonce ‖ ciphertext ‖ tag
 *   AAD     "C" ‖ suite ‖ number ‖ resident ‖ field ‖ department ‖ state ‖ decider ‖ filed ‖ decided ‖ mark
 *
 * While it waits, the plaintext is collected (4) ‖ value, padded, and the mark (HMAC under "resident-vault correction
 * 1" over DEK ‖ "M" ‖ resident ‖ field ‖ department ‖ value, cut) tells a request that is filed again. Of a decided one
 * nothing is sealed, and there is no mark: its value is nowhere any more. */
#include "vault/record/internal.h"

#include "vault/base/clock.h"

enum { MARK_LEN = CORRECTION_MARK_LEN - 1, AAD_LEN = 50, COLLECTED_LEN = 4, HOUR_BITS = 20, RANDOM_BITS = 43 };

/* In the suite of the field handle that is keyed. */
static bytes row_aad(uint8_t out[AAD_LEN], const cabinet *c, const correction_row *row, const uint8_t mark[MARK_LEN])
{
    writer w = writer_over(out, AAD_LEN);
    put_u8(&w, 'C');
    put_u8(&w, (uint8_t)c->suite);
    put_u64(&w, (uint64_t)row->number);
    put_u64(&w, (uint64_t)row->resident);
    put_u16(&w, (uint16_t)row->field);
    put_u16(&w, (uint16_t)row->department);
    put_u16(&w, (uint16_t)row->state);
    put_u16(&w, (uint16_t)row->decider);
    put_u64(&w, (uint64_t)row->filed_us);
    put_u64(&w, (uint64_t)row->decided_us);
    put_bytes(&w, bytes_of(mark, MARK_LEN));
    return writer_bytes(&w);
}

/* Of the place and the text alone: another number, or another time, makes no other request of it. */
static void make_mark(cabinet *c, uint8_t out[MARK_LEN], const record *r, const correction_row *row, bytes text)
{
    uint8_t place[13];
    writer w = writer_over(place, sizeof place);
    put_u8(&w, 'M');
    put_u64(&w, (uint64_t)row->resident);
    put_u16(&w, (uint16_t)row->field);
    put_u16(&w, (uint16_t)row->department);
    const bytes parts[] = {bytes_of(r->dek, KEY_LEN), writer_bytes(&w), text};
    prf_compute(c->suites[c->suite].mark, out, MARK_LEN, parts, sizeof parts / sizeof *parts);
}

/* The hour, and random bits behind it: about in the order of filing, and never of use again. */
static vault_code make_number(int64_t *out, int64_t now_us, vault_error *err)
{
    uint8_t random[8];
    VAULT_TRY(entropy_fill(random, sizeof random, err));
    uint64_t hour = (uint64_t)(now_us / INT64_C(3600000000)) & ((UINT64_C(1) << HOUR_BITS) - 1);
    *out = (int64_t)(hour << RANDOM_BITS | load_u64(random) >> (64 - RANDOM_BITS));
    return VAULT_OK;
}

static vault_code not_genuine(const correction_row *row, vault_error *err)
{
    return vault_fail(err, VAULT_INTEGRITY, "correction %lld of row %lld: impossible place or form",
                      (long long)row->number, (long long)row->resident);
}

vault_code correction_file(correction_row *out, cabinet *c, const record *r, const correction_said *what,
                           vault_error *err)
{
    uint8_t buffer[AAD_LEN];
    size_t len = padded_length(COLLECTED_LEN + what->text.len);
    if (len == 0) return vault_refuse(err, VAULT_INVALID, "TOO_LONG", what->field->name);
    size_t whole = CORRECTION_MARK_LEN + len + SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(c->mem, whole), *plain = arena_alloc(c->mem, COLLECTED_LEN + what->text.len);
    aead *cipher = NULL;
    if (!at || !plain) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a correction request");
    writer w = writer_over(plain, COLLECTED_LEN + what->text.len);
    put_u32(&w, what->collected);
    put_bytes(&w, what->text);
    *out = (correction_row){.found = true,
                            .resident = r->row->id,
                            .field = (int16_t)what->field->number,
                            .department = (int16_t)what->department,
                            .state = CORRECTION_PENDING,
                            .filed_us = clock_now_us(),
                            .sealed = bytes_of(at, whole)};
    VAULT_TRY(make_number(&out->number, out->filed_us, err));
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    at[0] = (uint8_t)c->suite;
    make_mark(c, at + 1, r, out, what->text);
    vault_code code = text_seal(c, at + CORRECTION_MARK_LEN, row_aad(buffer, c, out, at + 1), writer_bytes(&w), err);
    wipe(plain, w.len);
    return code;
}

/* Takes the row apart; INTEGRITY for what this program does not write. The field handle is keyed. */
typedef struct parts {
    const uint8_t *mark;
    bytes sealed;
} parts;

static vault_code take_apart(parts *out, cabinet *c, const record *r, const correction_row *row, vault_error *err)
{
    static const uint8_t none[MARK_LEN];
    aead *cipher = NULL;
    reader from = reader_over(row->sealed);
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "a correction to a row that is not proven");
    bool waits = row->state == CORRECTION_PENDING, decided = !waits && row->decider != 0 && row->decided_us > 0;
    uint8_t suite = get_u8(&from);
    out->mark = waits ? get_bytes(&from, MARK_LEN).at : none;
    out->sealed = from.rest;
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    bool placed = row->resident == r->row->id && (waits || decided);
    return !from.short_ && suite == c->suite && placed ? VAULT_OK : not_genuine(row, err);
}

vault_code correction_check(cabinet *c, const record *r, const correction_row *row, vault_error *err)
{
    uint8_t buffer[AAD_LEN];
    parts p;
    bytes inside;
    VAULT_TRY(take_apart(&p, c, r, row, err));
    bytes aad = row_aad(buffer, c, row, p.mark);
    if (row->state == CORRECTION_PENDING) {
        VAULT_TRY(text_open(c, &inside, aad, p.sealed, err));
        text_forget(c);
        return VAULT_OK;
    }
    if (p.sealed.len != SEAL_OVERHEAD) return not_genuine(row, err);
    return aead_open(c->field, c->scratch.at, aad, p.sealed, err);
}

vault_code correction_open(correction_text *out, cabinet *c, const record *r, const correction_row *row, const grant *g,
                           vault_error *err)
{
    uint8_t buffer[AAD_LEN];
    parts p;
    bytes inside;
    bool granted = g->given && g->form == FORM_PLAIN && row->field > 0 && row->field < POLICY_FIELDS_MAX &&
                   field_set_has(g->fields, (unsigned)row->field);
    if (!granted) return vault_fail(err, VAULT_DENIED, "field %d is not granted", row->field);
    VAULT_TRY(take_apart(&p, c, r, row, err));
    if (row->state != CORRECTION_PENDING) return vault_fail(err, VAULT_INTERNAL, "a decided request has no value");
    VAULT_TRY(text_open_copy(c, &inside, row_aad(buffer, c, row, p.mark), p.sealed, err));
    reader from = reader_over(inside);
    out->collected = get_u32(&from);
    out->text = from.rest;
    return from.short_ ? not_genuine(row, err) : VAULT_OK;
}

vault_code correction_decide(correction_row *out, cabinet *c, const record *r, const correction_row *row,
                             const correction_verdict *how, vault_error *err)
{
    static const uint8_t none[MARK_LEN];
    uint8_t buffer[AAD_LEN], *at = arena_alloc(c->mem, 1 + SEAL_OVERHEAD);
    aead *cipher = NULL;
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a decision");
    VAULT_TRY(correction_check(c, r, row, err));
    *out = *row;
    out->state = (int16_t)how->state;
    out->decider = (int16_t)how->decider;
    out->decided_us = clock_now_us();
    out->sealed = bytes_of(at, 1 + SEAL_OVERHEAD);
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    at[0] = (uint8_t)c->suite;
    return aead_seal(cipher, at + 1, row_aad(buffer, c, out, none), bytes_of(NULL, 0), err);
}

/* ---- under other keys ---- */

/* What is sealed lies in the scratch as it was padded, and goes from there under the other key. */
static vault_code seal_moved(const correction_row *row, cabinet *c, const record *to, uint8_t *at, size_t padded,
                             vault_error *err)
{
    uint8_t buffer[AAD_LEN];
    bytes inside;
    aead *cipher = NULL;
    VAULT_TRY(record_cipher(&cipher, c, to, err));
    VAULT_TRY(unpad(&inside, bytes_of(c->scratch.at, padded), err));
    if (inside.len < COLLECTED_LEN) return not_genuine(row, err);
    at[0] = (uint8_t)c->suite;
    make_mark(c, at + 1, to, row, bytes_of(inside.at + COLLECTED_LEN, inside.len - COLLECTED_LEN));
    return aead_seal(cipher, at + CORRECTION_MARK_LEN, row_aad(buffer, c, row, at + 1), bytes_of(c->scratch.at, padded),
                     err);
}

static vault_code reseal_pending(correction_row *inout, cabinet *c, const correction_move *how, uint8_t *at,
                                 vault_error *err)
{
    uint8_t buffer[AAD_LEN];
    parts p;
    bytes inside;
    VAULT_TRY(take_apart(&p, c, how->from, inout, err));
    VAULT_TRY(text_open(c, &inside, row_aad(buffer, c, inout, p.mark), p.sealed, err));
    vault_code code = seal_moved(inout, c, how->to, at, c->scratch_used, err);
    text_forget(c);
    return code;
}

static vault_code reseal_decided(correction_row *inout, cabinet *c, const correction_move *how, uint8_t *at,
                                 vault_error *err)
{
    static const uint8_t none[MARK_LEN];
    uint8_t buffer[AAD_LEN];
    aead *cipher = NULL;
    VAULT_TRY(correction_check(c, how->from, inout, err));
    VAULT_TRY(record_cipher(&cipher, c, how->to, err));
    at[0] = (uint8_t)c->suite;
    return aead_seal(cipher, at + 1, row_aad(buffer, c, inout, none), bytes_of(NULL, 0), err);
}

vault_code correction_reseal(correction_row *inout, cabinet *c, const correction_move *how, vault_error *err)
{
    uint8_t *at = arena_alloc(c->mem, inout->sealed.len + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a correction request");
    VAULT_TRY(inout->state == CORRECTION_PENDING ? reseal_pending(inout, c, how, at, err)
                                                 : reseal_decided(inout, c, how, at, err));
    inout->sealed = bytes_of(at, inout->sealed.len);
    return VAULT_OK;
}
