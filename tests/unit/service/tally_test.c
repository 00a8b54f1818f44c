/* Counts of lines and of distinct residents, against a slow count. */
#include "tests/support/harness.h"
#include "vault/service/tally.h"

#include <stdio.h>
#include <string.h>

TEST("a group is made once for a kind and a key; a line of nobody counts no resident")
{
    tally *t = tally_new();
    size_t a = tally_group(t, "opened", "x"), b = tally_group(t, "opened", "y"), c = tally_group(t, "refused", "x");
    assert_int_equal(tally_group(t, "opened", "x"), a);
    assert_true(a != b && b != c && a != c);
    tally_add(t, a, 0);
    tally_add(t, a, 7);
    tally_add(t, a, 7);
    tally_add(t, b, 7);
    assert_int_equal(tally_size(t), 3);
    assert_int_equal(tally_at(t, a).lines, 3);
    assert_int_equal(tally_at(t, a).residents, 1);
    assert_int_equal(tally_at(t, b).residents, 1);
    assert_int_equal(tally_at(t, c).lines, 0);
    assert_string_equal(tally_at(t, c).kind, "refused");
    tally_free(&t);
    assert_null(t);
    tally_free(&t);
}

enum { IDS = 200000, KEYS = 90 };

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

TEST("many residents in many groups are counted once in each")
{
    static uint8_t seen[KEYS][IDS / 8];
    uint64_t lines[KEYS] = {0}, residents[KEYS] = {0}, seed = 7;
    size_t groups[KEYS];
    tally *t = tally_new();
    for (size_t k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "k%zu", k);
        groups[k] = tally_group(t, "many", key);
    }
    for (size_t i = 0; i < 500000; i++) {
        size_t k = next(&seed) % KEYS, id = next(&seed) % (k < 3 ? IDS : 5000);
        lines[k]++;
        residents[k] += !(seen[k][id / 8] >> (id % 8) & 1);
        seen[k][id / 8] |= (uint8_t)(1U << (id % 8));
        tally_add(t, groups[k], ((int64_t)id + 1) << 31 | (int64_t)(id * 2654435761u % 1000));
    }
    for (size_t k = 0; k < KEYS; k++) {
        assert_int_equal(tally_at(t, groups[k]).lines, lines[k]);
        assert_int_equal(tally_at(t, groups[k]).residents, residents[k]);
    }
    tally_free(&t);
}
