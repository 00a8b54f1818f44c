/* Questions of any shape: what does not fit is refused; of all else the posteriors are numbers that add up to one, in
 * order, and nobody is named a colluder alone. The input is small numbers. */
#include "vault/audit/rank.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 32, SUSPECTS = 12 };

typedef struct asked {
    double weight[ROWS], share[ROWS];
    uint32_t rows[SUSPECTS + 1][ROWS];
    suspect_openings suspects[SUSPECTS];
    leak_crowd crowd;
    leak_question q;
} asked;

/* Mostly ascending: as bits; now and then as they come. */
static size_t read_rows(uint32_t *out, reader *r)
{
    size_t count = 0;
    const uint32_t bits = get_u32(r);
    for (uint32_t i = 0; i < ROWS; i++)
        if (bits >> i & 1) out[count++] = i;
    const uint8_t wrong = get_u8(r);
    if (wrong > 250 && count) out[wrong % count] = get_u8(r) % 40;
    return count;
}

static void read_question(asked *a, reader *r)
{
    a->q = (leak_question){.weight = a->weight, .share = a->share, .suspects = a->suspects, .crowds = &a->crowd};
    a->q.row_count = get_u8(r) % (ROWS + 1);
    a->q.suspect_count = get_u8(r) % (SUSPECTS + 1);
    a->q.crowd_count = get_u8(r) % 2;
    a->q.accessors = get_u16(r);
    a->q.epsilon = (double)get_u8(r) / 250;
    for (size_t i = 0; i < a->q.row_count; i++) {
        a->weight[i] = (double)get_u8(r) / 250;
        a->share[i] = pow(10, -(double)get_u8(r) / 20);
    }
    for (size_t i = 0; i < a->q.suspect_count; i++) {
        suspect_openings *s = &a->suspects[i];
        *s = (suspect_openings){.kind = (suspect_kind)(get_u8(r) % 4), .hits = a->rows[i], .exports = get_u8(r)};
        s->hit_count = read_rows(a->rows[i], r);
        s->opened = get_u32(r);
        s->maker = get_u8(r) % (SUSPECTS + 2);
        s->canaries = get_u8(r) > 250;
    }
    a->crowd = (leak_crowd){.rows = a->rows[SUSPECTS], .row_count = read_rows(a->rows[SUSPECTS], r)};
    a->crowd.people = get_u32(r);
}

static void check(const leak_answer *got, const leak_question *q)
{
    double sum = got->not_from_here;
    if (got->lead_count != q->suspect_count || got->colluder_count == 1) abort();
    for (size_t i = 0; i < got->lead_count; i++) {
        const leak_lead *l = &got->leads[i];
        if (!(l->posterior >= 0 && l->posterior <= 1 + 1e-9 && isfinite(l->llr))) abort();
        if (!(l->coverage >= 0 && l->coverage <= 1 && l->guilt >= 0 && l->guilt <= 1)) abort();
        if (q->suspects[l->suspect].kind != SUSPECT_EXPORT) sum += l->posterior;
    }
    if (!(fabs(sum - 1) < 1e-6)) abort();
    for (size_t i = 0; i < got->colluder_count; i++)
        if (!(got->colluders[i].weight > 0 && got->colluders[i].weight <= 1 + 1e-9)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static asked a;
    vault_error err = {0};
    leak_answer answer;
    reader r = reader_over(bytes_of(data, size));
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(4 << 20);
    read_question(&a, &r);
    const vault_code code = rank_leak(&answer, mem, &a.q, &err);
    if (code == VAULT_OK)
        check(&answer, &a.q);
    else if (code != VAULT_INVALID)
        abort();
    return 0;
}
