/* When the values of a leaked list stood in their records: by the lines that wrote them. Only records that were written
 * more than once are asked about; whoever was written once has had its values ever since. */
#include "vault/service/leak_link.h"

#include <stdlib.h>
#include <string.h>

enum { STRETCH_MEMORY = 256 << 20 };

/* A record that was written more than once. */
typedef struct rewritten {
    int64_t resident;
    uint32_t last;   /* version that the newest line that wrote says */
    uint32_t *since; /* of each field of the list: version that wrote it last; 0: not known */
} rewritten;
typedef struct gating {
    leak_links *links;
    rewritten *all; /* ascending */
    size_t count;
} gating;

static int by_resident(const void *a, const void *b)
{
    const rewritten *x = a, *y = b;
    return (x->resident > y->resident) - (x->resident < y->resident);
}

static rewritten *find(const gating *g, int64_t resident)
{
    const rewritten wanted = {.resident = resident};
    return bsearch(&wanted, g->all, g->count, sizeof wanted, by_resident);
}

static vault_code begin(gating *g, leak_links *links, arena *mem, vault_error *err)
{
    *g = (gating){.links = links, .all = arena_array(mem, links->resident_count + 1, sizeof *g->all)};
    if (!g->all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for versions");
    for (size_t i = 0; i < links->resident_count; i++) {
        if (links->residents[i].version <= 1) continue;
        rewritten *one = &g->all[g->count++];
        *one = (rewritten){.resident = links->residents[i].id,
                           .since = arena_array(mem, links->field_count + 1, sizeof *one->since)};
        if (!one->since) return vault_fail(err, VAULT_EXHAUSTED, "no memory for versions");
    }
    return VAULT_OK;
}

/* Which of the list's fields a line of this text has written. */
static uint64_t fields_in(const leak_links *links, const char *text)
{
    uint64_t out = 0;
    for (size_t i = 0; i < links->field_count; i++) {
        const size_t len = strlen(links->names[i]);
        for (const char *at = text; (at = strstr(at, links->names[i])); at += len)
            if ((at == text || at[-1] == ',') && (at[len] == ',' || at[len] == '\0')) out |= UINT64_C(1) << i;
    }
    return out;
}

/* A line that says no newer version than the one before has changed nothing. */
static void note_line(const gating *g, const line_columns *c, size_t i, const uint64_t *fields)
{
    rewritten *one = find(g, c->resident[i]);
    if (!one || c->record_version[i] <= one->last) return;
    one->last = c->record_version[i];
    const uint64_t wrote = fields[c->text[COLUMN_FIELDS][i]];
    for (size_t f = 0; f < g->links->field_count; f++)
        if (wrote >> f & 1) one->since[f] = one->last;
}

static vault_code note_stretch(const gating *g, const line_columns *c, arena *mem, vault_error *err)
{
    uint64_t *fields = arena_array(mem, c->text_count[COLUMN_FIELDS] + 1, sizeof *fields);
    if (!fields) return vault_fail(err, VAULT_EXHAUSTED, "no memory for versions");
    for (size_t i = 0; i < c->text_count[COLUMN_FIELDS]; i++)
        fields[i] = fields_in(g->links, c->texts[COLUMN_FIELDS][i]);
    for (size_t i = 0; i < c->count; i++) {
        const bool writes = c->action[i] == LINE_PUT || c->action[i] == LINE_CORRECT;
        if (writes && c->outcome[i] == LINE_GRANTED && c->resident[i]) note_line(g, c, i, fields);
    }
    return VAULT_OK;
}

/* ---- the bounds ---- */

static void narrow_least(leaked_resident *at, uint32_t version)
{
    if (version > at->least_version) at->least_version = version;
}

static void narrow_most(leaked_resident *at, uint32_t version)
{
    if (at->most_version == 0 || version < at->most_version) at->most_version = version;
}

/* What stands now came with the line that wrote it last; what does not was there before, or never was. Bounds that
 * leave no version are those of several copies: then what stands now counts alone. */
static void bound(leaked_resident *at, uint64_t *stale, const rewritten *of)
{
    for (size_t f = 0; f < LEAK_FIELDS_MAX; f++) {
        const uint64_t bit = UINT64_C(1) << f;
        if (!(at->fields & bit)) continue;
        const uint32_t since = of ? of->since[f] : 0;
        if (!(*stale & bit)) narrow_least(at, since);
        if ((*stale & bit) && since > 1) narrow_most(at, since - 1);
        if ((*stale & bit) && since <= 1) at->fields &= ~bit;
    }
    *stale &= at->fields;
    if (at->most_version == 0 || at->most_version >= at->least_version) return;
    at->fields &= ~*stale;
    at->most_version = 0;
    *stale = 0;
}

vault_code leak_gate_versions(leak_links *inout, session *s, const call *c, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(STRETCH_MEMORY);
    gating g;
    if (!each) return vault_fail(err, VAULT_EXHAUSTED, "no memory for versions");
    arena_keep(each, STRETCH_MEMORY);
    VAULT_TRY(begin(&g, inout, s->mem, err));
    for (int64_t stretch = 0; g.count > 0; stretch++) {
        line_columns lines;
        arena_reset(each);
        VAULT_TRY(leak_in_time(c, err));
        VAULT_TRY(ledger_columns(&lines, s->scribe, s->store, each, stretch, err));
        if (lines.count == 0) break;
        VAULT_TRY(note_stretch(&g, &lines, each, err));
    }
    for (size_t i = 0; i < inout->leaked_count; i++)
        bound(&inout->leaked[i], &inout->stale[i], find(&g, inout->leaked[i].resident));
    return VAULT_OK;
}
