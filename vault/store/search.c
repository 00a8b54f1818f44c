/* Residents by search terms. One statement whatever is asked for (statements.c): it tells by the bits of the sets that
 * a resident is in which conditions hold. */
#include "vault/store/internal.h"

enum { TERMS_MOST = 4096 };

/* The bits of the sets that must be met: by all conditions together, or, where some of them are enough, by each. */
typedef struct demands {
    int64_t masks[SEARCH_SETS_MAX];
    size_t count, least;
} demands;

static demands demands_of(const store_search *what)
{
    bool all = what->least >= what->group_count;
    demands out = {.count = all ? 1 : what->group_count, .least = all ? 1 : what->least};
    for (size_t i = 0; i < what->set_count; i++) out.masks[all ? 0 : what->groups[i]] |= INT64_C(1) << i;
    return out;
}

static vault_code check_search(const store_search *what, vault_error *err)
{
    size_t probes = 0;
    bool bad = what->set_count == 0 || what->set_count > SEARCH_SETS_MAX || what->group_count > what->set_count;
    for (size_t i = 0; !bad && i < what->set_count; i++) {
        probes += what->sets[i].count;
        bad = what->groups[i] >= what->group_count;
    }
    if (!bad && probes <= SEARCH_PROBES_MAX) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "a search of %zu sets with %zu terms", what->set_count, probes);
}

#define arg_probes(s, put, what, value)                                                                                \
    do {                                                                                                               \
        size_t total_ = 0;                                                                                             \
        for (size_t i = 0; i < (what)->set_count; i++) total_ += (what)->sets[i].count;                                \
        arg_array((s), total_);                                                                                        \
        for (size_t i = 0; i < (what)->set_count; i++) {                                                               \
            for (size_t k = 0; k < (what)->sets[i].count; k++) {                                                       \
                const term_probe *probe = &(what)->sets[i].at[k];                                                      \
                (void)probe;                                                                                           \
                put((s), (value));                                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

static void arg_search(store *s, const store_search *what)
{
    demands d = demands_of(what);
    arg_probes(s, put_int4, what, (int32_t)i);
    arg_probes(s, put_int8, what, probe->term);
    arg_probes(s, put_int8, what, probe->low);
    arg_probes(s, put_int8, what, probe->high);
    arg_int8(s, what->after);
    arg_array(s, what->set_count);
    for (size_t i = 0; i < what->set_count; i++) put_int4(s, (int32_t)what->groups[i]);
    arg_array(s, d.count);
    for (size_t i = 0; i < d.count; i++) put_int8(s, d.masks[i]);
    arg_int8(s, (int64_t)d.least);
    arg_int8(s, (int64_t)(what->least < what->group_count ? what->group_count - what->least + 1 : 1));
}

/* A search that took too long would take as long again: its caller must ask for less. */
static vault_code run_search(store *s, const store_search *what, PGresult **r, vault_error *err)
{
    s->until = what->until_us;
    s->cut = false;
    vault_code code = call_run(s, r, err);
    s->until = 0;
    if (!s->cut || (code != VAULT_OK && code != VAULT_UNAVAILABLE)) return code;
    result_clear(r);
    vault_error_clear(err);
    return vault_refuse(err, VAULT_EXHAUSTED, "SEARCH_TOO_LONG", "");
}

vault_code store_search_ids(store *s, arena *mem, const store_search *what, int64_t **ids, size_t *count,
                            vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    VAULT_TRY(check_search(what, err));
    call_start(s, ST_SEARCH_IDS);
    arg_search(s, what);
    arg_int8(s, (int64_t)what->limit);
    VAULT_TRY(run_search(s, what, &r, err));
    *ids = arena_array(mem, (size_t)PQntuples(r) + 1, sizeof **ids);
    if (!*ids) return store_out_of_memory(err);
    for (; *count < (size_t)PQntuples(r); ++*count) (*ids)[*count] = col_int8(r, (int)*count, 0);
    return VAULT_OK;
}

vault_code store_search_count(store *s, const store_search *what, uint64_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(check_search(what, err));
    call_start(s, ST_SEARCH_COUNT);
    arg_search(s, what);
    arg_array(s, what->without_count);
    for (size_t i = 0; i < what->without_count; i++) put_int8(s, what->without[i]);
    VAULT_TRY(run_search(s, what, &r, err));
    *count = (uint64_t)col_int8(r, 0, 0);
    return VAULT_OK;
}

/* Two residents are enough to know that the term names nobody. */
vault_code store_ids_of_terms(store *s, arena *mem, const int64_t *terms, size_t count, int64_t *ids, vault_error *err)
{
    places where;
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (count > TERMS_MOST) return vault_fail(err, VAULT_INTERNAL, "ids of %zu terms in one call", count);
    VAULT_TRY(places_make(&where, mem, terms, sizeof *terms, count, err));
    call_start(s, ST_IDS_OF_TERMS);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, terms[i]);
    VAULT_TRY(call_run(s, &r, err));
    for (size_t i = 0; i < count; i++) ids[i] = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t term = col_int8(r, i, 0), id = col_int8(r, i, 1);
        for (int64_t at = places_first(&where, &term); at != NO_PLACE; at = places_next(&where, at))
            ids[at] = ids[at] == 0 || ids[at] == id ? id : SEVERAL_IDS;
    }
    return VAULT_OK;
}
