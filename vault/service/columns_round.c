#include "vault/service/columns_round.h"

#include "vault/audit/columns.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"

enum { SAID_LEAST = 16 };

/* ---- what was said ---- */

/* By its text, which names the stretch or the line. */
static uint64_t hash_of(const vault_error *err)
{
    const digest hash = sha256(bytes_of_text(err->detail));
    return load_u64(hash.at);
}

static void add_said(columns_round *r, uint64_t what)
{
    if (r->said_count == r->said_room) {
        const size_t room = r->said_room ? 2 * r->said_room : SAID_LEAST;
        r->said = memory_grow(r->said, r->said_room * sizeof *r->said, room * sizeof *r->said);
        r->said_room = room;
    }
    r->said[r->said_count++] = (columns_said){.what = what, .round = r->round};
}

static void say(columns_round *r, const vault_error *err)
{
    const uint64_t what = hash_of(err);
    for (size_t i = 0; i < r->said_count; i++) {
        if (r->said[i].what != what) continue;
        r->said[i].round = r->round;
        return;
    }
    add_said(r, what);
    r->told++;
    log_failure(LOG_ERROR, "job.failed", err);
}

/* What this round has not come by is mended, or has become something else. */
static void forget_mended(columns_round *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->said_count; i++)
        if (r->said[i].round == r->round) r->said[kept++] = r->said[i];
    r->said_count = kept;
}

/* ---- a stretch ---- */

static vault_code make_columns(session *s, void *stretch, vault_error *err)
{
    return ledger_keep_columns(stretch, s->scribe, s->store, s->mem, err);
}

static vault_code know_lines(session *s, void *stretch, vault_error *err)
{
    return ledger_know_lines(stretch, s->scribe, s->store, s->mem, err);
}

/* One stretch, of which a line or the block may have been edited: it is passed over then. */
static void take_stretch(columns_round *r, session *s, session_work *work, int32_t *stretch)
{
    vault_error err = {0};
    vault_code code = session_run(s, work, stretch, &err);
    if (code == VAULT_INTEGRITY) say(r, &err);
    if (code != VAULT_OK && code != VAULT_INTEGRITY)
        *stretch = -1;
    else if (*stretch >= 0)
        ++*stretch;
}

bool columns_round_step(columns_round *r, session *s)
{
    if (r->make >= 0)
        take_stretch(r, s, make_columns, &r->make);
    else
        take_stretch(r, s, know_lines, &r->know);
    if (r->know >= 0) return false;
    forget_mended(r);
    r->make = r->know = 0;
    r->round++;
    return true;
}

void columns_round_clear(columns_round *r)
{
    memory_free(r->said, r->said_room * sizeof *r->said);
    *r = (columns_round){0};
}
