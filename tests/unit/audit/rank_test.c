/* Ranking against the formulas of DOMAIN.md section 7, written here as they stand there: products and sums in long
 * double, without logarithms taken apart. */
#include "tests/support/harness.h"
#include "vault/audit/rank.h"
#include "vault/base/clock.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 12, SUSPECTS = 6, RESIDENTS = 1000 };

static struct {
    arena *mem;
    uint64_t random;
    double weight[4096], share[4096];
    uint32_t rows[64][4096];
    suspect_openings suspects[64];
    leak_crowd crowds[4];
    leak_question q;
    leak_answer answer;
    vault_error err;
} t;

static uint64_t some(uint64_t below)
{
    t.random ^= t.random << 13, t.random ^= t.random >> 7, t.random ^= t.random << 17;
    return t.random % below;
}

static void given_list(size_t rows)
{
    if (!t.mem) t.mem = arena_new(64 << 20);
    arena_reset(t.mem);
    t.random = 88172645463325252ULL;
    t.err = (vault_error){0};
    for (size_t i = 0; i < rows; i++) t.weight[i] = 1, t.share[i] = 1.0 / RESIDENTS;
    t.q = (leak_question){.weight = t.weight,
                          .share = t.share,
                          .row_count = rows,
                          .accessors = 100,
                          .suspects = t.suspects,
                          .crowds = t.crowds};
}

/* Explains rows [from, until). */
static size_t given_suspect(suspect_kind kind, uint64_t opened, uint32_t from, uint32_t until)
{
    const size_t at = t.q.suspect_count++;
    for (uint32_t r = from; r < until; r++) t.rows[at][r - from] = r;
    t.suspects[at] = (suspect_openings){.kind = kind, .opened = opened, .hits = t.rows[at], .hit_count = until - from};
    return at;
}

static size_t given_export(size_t maker, uint64_t opened, uint32_t from, uint32_t until)
{
    const size_t at = given_suspect(SUSPECT_EXPORT, opened, from, until);
    t.suspects[at].maker = maker;
    return at;
}

static void ranked(void)
{
    expect_ok(rank_leak(&t.answer, t.mem, &t.q, &t.err), &t.err);
}

static const leak_lead *lead_of(size_t suspect)
{
    for (size_t i = 0; i < t.answer.lead_count; i++)
        if (t.answer.leads[i].suspect == suspect) return &t.answer.leads[i];
    fail_msg("suspect %zu has no lead", suspect);
    return NULL;
}

static void expect_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-9 * (1 + fabs(wanted)))) fail_msg("%.15g, not %.15g", got, wanted);
}

/* ---- the definitions ---- */

static bool has(const uint32_t *rows, size_t count, size_t row)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] == row) return true;
    return false;
}

/* How much likelier the list is by this set than from elsewhere. */
static long double ratio(uint64_t size, const uint32_t *rows, size_t count)
{
    const long double e = t.q.epsilon > 0 ? t.q.epsilon : 0.2L;
    long double product = 1;
    for (size_t row = 0; row < t.q.row_count; row++) {
        const long double in = has(rows, count, row) ? 1 : 0;
        product *= powl(((1 - e) * in / (long double)size + e * t.share[row]) / t.share[row], t.weight[row]);
    }
    return product;
}

static long double hypothesis(size_t i)
{
    const suspect_openings *s = &t.suspects[i];
    const suspect_openings *maker = s->kind == SUSPECT_EXPORT ? &t.suspects[s->maker] : s;
    long double prior = 0.5L / (long double)t.q.accessors;
    if (maker->exports) prior *= 0.5L;
    if (s->kind == SUSPECT_EXPORT) prior /= (long double)maker->exports;
    return prior * ratio(s->opened, s->hits, s->hit_count);
}

static long double elsewhere(void)
{
    const size_t places = t.q.places > t.q.crowd_count ? t.q.places : t.q.crowd_count;
    long double sum = places ? 0.4L : 0.5L;
    for (size_t c = 0; c < t.q.crowd_count; c++)
        sum += 0.1L / (long double)places * ratio(t.crowds[c].people, t.crowds[c].rows, t.crowds[c].row_count);
    return sum;
}

static long double with_exports(size_t i)
{
    long double sum = hypothesis(i);
    for (size_t x = 0; x < t.q.suspect_count; x++)
        if (t.suspects[x].kind == SUSPECT_EXPORT && t.suspects[x].maker == i) sum += hypothesis(x);
    return sum;
}

static double guilt(size_t i)
{
    double innocent = 1;
    for (size_t row = 0; row < t.q.row_count; row++) {
        size_t holders = 0;
        for (size_t x = 0; x < t.q.suspect_count; x++)
            holders += t.suspects[x].kind != SUSPECT_EXPORT && has(t.suspects[x].hits, t.suspects[x].hit_count, row);
        if (t.weight[row] > 0 && has(t.suspects[i].hits, t.suspects[i].hit_count, row))
            innocent *= 1 - 0.8 / (double)holders;
    }
    return 1 - innocent;
}

static void expect_as_defined(void)
{
    long double all = elsewhere();
    double sum = t.answer.not_from_here;
    for (size_t i = 0; i < t.q.suspect_count; i++)
        if (t.suspects[i].kind != SUSPECT_EXPORT) all += with_exports(i);
    expect_near(t.answer.not_from_here, (double)(elsewhere() / all));
    for (size_t i = 0; i < t.q.suspect_count; i++) {
        const suspect_openings *s = &t.suspects[i];
        const bool is_export = s->kind == SUSPECT_EXPORT;
        expect_near(lead_of(i)->llr, (double)logl(ratio(s->opened, s->hits, s->hit_count)));
        expect_near(lead_of(i)->posterior, (double)((is_export ? hypothesis(i) : with_exports(i)) / all));
        expect_near(lead_of(i)->guilt, guilt(i));
        sum += is_export ? 0 : lead_of(i)->posterior;
    }
    expect_near(sum, 1);
    for (size_t i = 1; i < t.answer.lead_count; i++)
        assert_true(t.answer.leads[i - 1].posterior >= t.answer.leads[i].posterior);
}

/* ---- by the formula ---- */

static void some_rows(const uint32_t **rows, size_t *count, size_t at)
{
    *count = 0;
    *rows = t.rows[at];
    for (uint32_t r = 0; r < t.q.row_count; r++)
        if (some(3) == 0) t.rows[at][(*count)++] = r;
}

static void some_question(void)
{
    given_list(1 + some(ROWS));
    for (size_t i = 0; i < t.q.row_count; i++)
        t.weight[i] = (double)some(5) / 4, t.share[i] = (double)(1 + some(20)) / RESIDENTS;
    t.q.suspect_count = 1 + some(SUSPECTS);
    t.q.crowd_count = some(3);
    t.q.places = some(9);
    if (some(2)) t.q.epsilon = (double)(1 + some(9)) / 10;
    for (size_t i = 0; i < t.q.suspect_count; i++) {
        suspect_openings *s = &t.suspects[i];
        *s = (suspect_openings){.kind = i ? (suspect_kind)some(SUSPECT_KINDS) : SUSPECT_PERSON, .exports = some(3)};
        some_rows(&s->hits, &s->hit_count, i);
        s->opened = s->hit_count + 1 + some(300);
        if (s->kind == SUSPECT_EXPORT) t.suspects[0].exports++;
    }
    for (size_t c = 0; c < t.q.crowd_count; c++) {
        some_rows(&t.crowds[c].rows, &t.crowds[c].row_count, SUSPECTS + c);
        t.crowds[c].people = t.crowds[c].row_count + 1 + some(300);
    }
}

TEST("likelihoods, posteriors and guilt are those of the definitions, whatever is asked")
{
    uint64_t next = 7;
    for (int round = 0; round < 2000; round++) {
        t.random = next;
        uint64_t kept = next = next * 6364136223846793005ULL + 1442695040888963407ULL;
        given_list(1);
        t.random = kept | 1;
        some_question();
        ranked();
        expect_as_defined();
    }
}

TEST("who has opened few and explains all of them comes before who has opened many")
{
    given_list(10);
    size_t heavy = given_suspect(SUSPECT_PERSON, 900, 0, 10), right = given_suspect(SUSPECT_PERSON, 40, 0, 8);
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, right);
    assert_true(lead_of(right)->posterior > 0.99 && lead_of(heavy)->posterior < 0.01);
    assert_true(lead_of(heavy)->guilt > lead_of(right)->guilt); /* which the guilt model gets wrong */
    expect_near(lead_of(right)->coverage, 0.8);
    expect_near(lead_of(right)->concentration, 0.2);
}

TEST("of a list that nobody has opened, elsewhere is the answer")
{
    given_list(10);
    given_suspect(SUSPECT_PERSON, 40, 3, 4);
    ranked();
    assert_true(t.answer.not_from_here > 0.99);
}

TEST("without rows and without suspects elsewhere is left")
{
    given_list(0);
    ranked();
    assert_int_equal(t.answer.lead_count, 0);
    expect_near(t.answer.not_from_here, 1);
}

TEST("a row that leads to nobody says nothing")
{
    given_list(6);
    size_t one = given_suspect(SUSPECT_PERSON, 50, 0, 4);
    t.weight[4] = t.weight[5] = 0;
    ranked();
    const leak_lead with = *lead_of(one);
    t.q.row_count = 4;
    ranked();
    expect_near(lead_of(one)->llr, with.llr);
    expect_near(lead_of(one)->coverage, 1);
    expect_near(with.coverage, 1);
}

TEST("many rows do not overflow")
{
    given_list(4096);
    for (size_t i = 0; i < 4096; i++) t.share[i] = 1e-6;
    size_t one = given_suspect(SUSPECT_PERSON, 4096, 0, 4096), other = given_suspect(SUSPECT_APP, 9000, 0, 4096);
    ranked();
    assert_true(lead_of(one)->posterior > 0.999999 && lead_of(other)->posterior < 1e-6);
    assert_true(t.answer.not_from_here >= 0 && t.answer.colluder_count == 0);
}

/* ---- exports, places, canaries ---- */

TEST("one export of many is found, and its maker stands before it")
{
    given_list(8);
    size_t maker = given_suspect(SUSPECT_APP, 900, 0, 8);
    t.suspects[maker].exports = 30;
    size_t right = given_export(maker, 30, 0, 8), wrong = given_export(maker, 30, 0, 1);
    size_t person = given_suspect(SUSPECT_PERSON, 400, 0, 8);
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, maker);
    assert_int_equal(t.answer.leads[1].suspect, right);
    assert_true(lead_of(maker)->posterior > 0.95 && lead_of(right)->posterior > 0.95);
    assert_true(lead_of(wrong)->posterior < 0.01 && lead_of(person)->posterior < 0.05);
}

TEST("who makes thousands of exports is not accused for having made one that fits by chance")
{
    given_list(10);
    size_t maker = given_suspect(SUSPECT_APP, RESIDENTS, 0, 10);
    t.suspects[maker].exports = 1000000;
    given_export(maker, 10, 0, 3);
    ranked();
    assert_true(lead_of(maker)->posterior < 0.5);
}

TEST("a list gathered in one street is not laid at the door of the street's grid worker")
{
    given_list(10);
    size_t worker = given_suspect(SUSPECT_PERSON, 90, 0, 9);
    ranked();
    assert_true(lead_of(worker)->posterior > 0.9);
    t.q.crowd_count = 1;
    t.crowds[0] = (leak_crowd){.people = 100, .rows = t.rows[0], .row_count = 9};
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, worker);
    assert_true(lead_of(worker)->posterior < 0.5 && t.answer.not_from_here > 0.5);
}

TEST("a canary decides, whatever the numbers say")
{
    given_list(20);
    size_t likely = given_suspect(SUSPECT_PERSON, 25, 0, 20), holder = given_suspect(SUSPECT_PERSON, 900, 0, 1);
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, likely);
    t.suspects[holder].canaries = 1;
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, holder);
    expect_near(lead_of(holder)->posterior, 1);
    expect_near(lead_of(likely)->posterior, 0);
    expect_near(t.answer.not_from_here, 0);
}

TEST("of two canaries' holder an export that met one stands behind him")
{
    given_list(20);
    size_t maker = given_suspect(SUSPECT_APP, 900, 0, 20);
    size_t part = given_export(maker, 20, 0, 10);
    t.suspects[maker].exports = 3;
    t.suspects[maker].canaries = 2;
    t.suspects[part].canaries = 1;
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, maker);
    expect_near(lead_of(maker)->posterior, 1);
    assert_true(lead_of(part)->posterior > 0 && lead_of(part)->posterior < 1);
}

/* ---- colluders ---- */

TEST("two who have leaked a half each are named with their shares, and nobody else")
{
    given_list(20);
    size_t a = given_suspect(SUSPECT_PERSON, 100, 0, 10), b = given_suspect(SUSPECT_PERSON, 120, 10, 20);
    given_suspect(SUSPECT_PERSON, 900, 0, 18);
    given_suspect(SUSPECT_PERSON, 100, 8, 11);
    ranked();
    assert_int_equal(t.answer.colluder_count, 2);
    assert_int_equal(t.answer.colluders[0].suspect + t.answer.colluders[1].suspect, a + b);
    assert_true(fabs(t.answer.colluders[0].weight - 0.5) < 0.1 && t.answer.colluders[0].hits == 10);
}

TEST("three who have leaked a third each are named")
{
    given_list(30);
    for (uint32_t i = 0; i < 3; i++) given_suspect(SUSPECT_PERSON, 100, 10 * i, 10 * i + 10);
    given_suspect(SUSPECT_PERSON, 950, 0, 29);
    ranked();
    assert_int_equal(t.answer.colluder_count, 3);
    for (size_t i = 0; i < 3; i++) assert_true(t.answer.colluders[i].suspect < 3);
}

TEST("one who has leaked all has no colluders, with twins, heavy users and foreign rows beside")
{
    given_list(20);
    given_suspect(SUSPECT_PERSON, 100, 0, 14);
    given_suspect(SUSPECT_PERSON, 100, 0, 7);
    given_suspect(SUSPECT_PERSON, 900, 0, 18);
    given_suspect(SUSPECT_PERSON, 100, 14, 15);
    ranked();
    assert_int_equal(t.answer.leads[0].suspect, 0);
    assert_int_equal(t.answer.colluder_count, 0);
}

TEST("a list from one community is not the collusion of those who work there")
{
    given_list(20);
    for (size_t i = 0; i < 20; i++) t.share[i] = 1e-5;
    for (uint32_t i = 0; i < 4; i++) given_suspect(SUSPECT_PERSON, 250, 5 * i, 5 * i + 5);
    ranked();
    assert_int_equal(t.answer.colluder_count, 4);
    t.q.crowd_count = 1;
    t.q.places = 80;
    for (uint32_t i = 0; i < 20; i++) t.rows[SUSPECTS][i] = i;
    t.crowds[0] = (leak_crowd){.people = 1100, .rows = t.rows[SUSPECTS], .row_count = 20};
    ranked();
    assert_int_equal(t.answer.colluder_count, 0);
}

/* ---- what does not fit ---- */

static void expect_refused(void)
{
    t.err = (vault_error){0};
    expect_code(rank_leak(&t.answer, t.mem, &t.q, &t.err), VAULT_INVALID, &t.err);
}

#define expect_refused_with(place, wrong)                                                                              \
    do {                                                                                                               \
        const __typeof__(place) kept_ = (place);                                                                       \
        (place) = (wrong);                                                                                             \
        expect_refused();                                                                                              \
        (place) = kept_;                                                                                               \
    } while (0)

TEST("numbers out of their range are refused")
{
    given_list(5);
    size_t maker = given_suspect(SUSPECT_APP, 50, 0, 5), made = given_export(maker, 50, 0, 5);
    t.q.crowd_count = 1;
    t.crowds[0] = (leak_crowd){.people = 5, .rows = t.rows[0], .row_count = 5};
    expect_refused_with(t.weight[2], 1.5);
    expect_refused_with(t.weight[2], -0.1);
    expect_refused_with(t.weight[2], NAN);
    expect_refused_with(t.share[4], 0);
    expect_refused_with(t.share[4], INFINITY);
    expect_refused_with(t.q.epsilon, 1);
    expect_refused_with(t.q.epsilon, -0.2);
    expect_refused_with(t.suspects[maker].opened, 4);
    expect_refused_with(t.suspects[maker].opened, 0);
    expect_refused_with(t.suspects[maker].kind, SUSPECT_EXPORT);
    expect_refused_with(t.suspects[made].maker, made);
    expect_refused_with(t.suspects[made].maker, 7);
    expect_refused_with(t.rows[maker][4], 5);
    expect_refused_with(t.rows[maker][3], 4);
    expect_refused_with(t.crowds[0].people, 4);
    t.err = (vault_error){0};
    ranked();
}

TEST("memory that is out is an answer")
{
    given_list(10);
    given_suspect(SUSPECT_PERSON, 100, 0, 10);
    given_suspect(SUSPECT_PERSON, 100, 0, 5);
    bool done = false;
    for (size_t limit = 64; !done; limit += 997) {
        arena *small = arena_new(limit);
        t.err = (vault_error){0};
        vault_code code = small ? rank_leak(&t.answer, small, &t.q, &t.err) : VAULT_EXHAUSTED;
        assert_true(code == VAULT_OK || code == VAULT_EXHAUSTED);
        done = code == VAULT_OK;
        arena_free(&small);
    }
    arena_free(&t.mem);
}
