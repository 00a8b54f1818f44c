#include "vault/service/budgets.h"

/* ---- words: consents and guardians ---- */

/* What a resident has said stands in the row, so that the row must be the one that was read: who withdraws a consent or
 * ends a guardianship writes another one, and who erases a guardian takes his away. Rows of all that is granted are
 * locked, in one order: those that are written are among them. */
static bool words_wanted(const session *s, const item *it)
{
    (void)s;
    return it->on_word && it->err.code == VAULT_OK && it->grant.given;
}

static bool rests_on_row(const item *it)
{
    return it->err.code == VAULT_OK && it->grant.given && it->record.genuine && it->row->found;
}

static vault_code words_take(session *s, item **items, size_t count, vault_error *err)
{
    size_t held = 0;
    resident_row *rows = arena_array(s->mem, 2 * count, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (!rests_on_row(items[i])) continue;
        rows[held++] = *items[i]->row;
        if (items[i]->other) rows[held++] = *items[i]->other;
    }
    return store_residents_hold(s->store, s->mem, rows, held, err);
}

/* ---- all of them ---- */

static const hold HOLDS[] = {{.wanted = words_wanted, .take = words_take},
                             {.wanted = budgets_wanted, .take = budgets_take}};
enum { HOLD_COUNT = sizeof HOLDS / sizeof *HOLDS };

static bool wanted_by(const hold *h, const session *s, item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (h->wanted(s, items[i])) return true;
    return false;
}

bool holds_wanted(const session *s, item *const *items, size_t count)
{
    for (size_t h = 0; h < HOLD_COUNT; h++)
        if (wanted_by(&HOLDS[h], s, items, count)) return true;
    return false;
}

vault_code holds_take(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t h = 0; h < HOLD_COUNT; h++)
        if (wanted_by(&HOLDS[h], s, items, count)) VAULT_TRY(HOLDS[h].take(s, items, count, err));
    return VAULT_OK;
}

vault_code hold_refuse(item *it, policy_clause clause)
{
    it->grant = (grant){.failed = clause, .inner = clause};
    vault_error_clear(&it->err);
    (void)refuse_clause(&it->err, clause);
    return VAULT_OK;
}
