/* The sum of all rows: what each row adds, and what a batch changes. */
#include "vault/audit/internal.h"

#include <endian.h>
#include <string.h>

enum { LIMBS = ROW_SUM_LEN / 8 };

static uint64_t limb(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static void set_limb(uint8_t *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

void row_sum_join(row_sum *inout, const row_sum *more)
{
    unsigned carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t a = limb(inout->at + 8 * i), sum;
        unsigned over = __builtin_add_overflow(a, limb(more->at + 8 * i), &sum);
        carry = over | __builtin_add_overflow(sum, (uint64_t)carry, &sum);
        set_limb(inout->at + 8 * i, sum);
    }
}

/* Two's complement: what is taken is added. */
static void negate(row_sum *inout)
{
    static const row_sum one = {{1}};
    for (size_t i = 0; i < ROW_SUM_LEN; i++) inout->at[i] = (uint8_t)~inout->at[i];
    row_sum_join(inout, &one);
}

/* A row of another shape than any that is written counts for what it is, too. */
static void weigh(row_sum *out, prf *rows, const resident_row *row)
{
    uint8_t numbers[12];
    writer w = writer_over(numbers, sizeof numbers);
    put_u64(&w, (uint64_t)row->id);
    put_u32(&w, (uint32_t)row->version);
    const bytes parts[] = {writer_bytes(&w), row->tag};
    prf_compute(rows, out->at, ROW_SUM_LEN, parts, 2);
}

static void add(row_sum *inout, prf *rows, const resident_row *row)
{
    row_sum of;
    weigh(&of, rows, row);
    row_sum_join(inout, &of);
}

static void take(row_sum *inout, prf *rows, const resident_row *row)
{
    row_sum of;
    weigh(&of, rows, row);
    negate(&of);
    row_sum_join(inout, &of);
}

void row_sum_add(row_sum *inout, const scribe *s, const resident_row *row)
{
    add(inout, s->rows, row);
}

void row_sum_take(row_sum *inout, const scribe *s, const resident_row *row)
{
    take(inout, s->rows, row);
}

/* With a handle of its own: no thread waits for another one's rows. */
vault_code row_sum_changed(row_sum *out, const log_keyset *k, const row_change *changes, size_t count, vault_error *err)
{
    VAULT_CLEANUP(prf_free) prf *rows = NULL;
    *out = (row_sum){0};
    if (count == 0) return VAULT_OK;
    VAULT_TRY(prf_new(&rows, k->rows_suite, secret_bytes(&k->rows), err));
    for (size_t i = 0; i < count; i++) {
        if (changes[i].row) add(out, rows, changes[i].row);
        if (changes[i].was) take(out, rows, changes[i].was);
    }
    return VAULT_OK;
}

vault_code ledger_row_sum(row_sum *out, const ledger *l, const head_row *head, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    VAULT_TRY(head_check(k, head, err));
    head_sum(out, k, head);
    return VAULT_OK;
}
