/* A change of control: staged, written together with its line in one transaction, put in force after the commit. What
 * is refused is a line, too. */
#include "vault/service/change.h"

#include <string.h>

static const char *given(const char *text)
{
    return text && text[0] ? text : NULL;
}

/* What the line says. A refused change is told by what was asked for, as far as that is well-formed. */
static line_facts refused_facts(const session *s, const change *what)
{
    bool named = what->approval && is_name_in(what->approval, "approvals/");
    bool of_glass = what->emergency && is_name_in(what->emergency, "emergencies/");
    const ring *of = what->ring_count ? keyring_active(s->rings, what->rings[0].name) : NULL;
    return (line_facts){.change = change_kind_name(what->kind),
                        .document = what->kind == CHANGE_PROPOSE ? document_name(what->document) : NULL,
                        .approval = named ? what->approval : NULL,
                        .emergency = of_glass ? what->emergency : NULL,
                        .ring = of ? of->name : NULL,
                        .ring_version = of ? what->rings[0].version : 0};
}

/* What was taken back by a revocation, and what came of a review. */
static const char *told_of(arena *mem, const change *what)
{
    if (what->kind == CHANGE_REVIEW) return what->justified ? "justified" : "unjustified";
    if (what->kind != CHANGE_REVOKE) return NULL;
    if (what->certificate) return arena_format(mem, "certificate=%s", what->certificate);
    return what->assertion_key ? arena_format(mem, "assertion_key=%s", what->assertion_key)
                               : arena_format(mem, "person=%s", what->person);
}

static line_facts done_facts(session *s, const change *what, const change_record *r)
{
    return (line_facts){.fields = told_of(s->mem, what),
                        .change = change_kind_name(r->kind),
                        .document = given(r->document),
                        .approval = given(r->approval),
                        .emergency = given(r->emergency),
                        .before = given(hex_of(s->mem, &r->before)),
                        .after = given(hex_of(s->mem, &r->after))};
}

/* One change on its way through its transaction. */
typedef struct writing {
    session *s;
    call *c;
    const change *what;
    const change_record *done;
    const change_lines *lines; /* or NULL: one line, and nothing else */
} writing;

static vault_code make_lines(line **out, const writing *w, size_t count, vault_error *err)
{
    line *lines = arena_array(w->s->mem, count, sizeof *lines);
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < count; i++) {
        line_facts facts = done_facts(w->s, w->what, w->done);
        if (w->lines) VAULT_TRY(w->lines->fill(w->lines->context, &facts, i, err));
        VAULT_TRY(make_call_line(&lines[i], w->s, w->c, &facts, err));
    }
    *out = lines;
    return VAULT_OK;
}

static vault_code write_and_append(const writing *w, staged *st, vault_error *err)
{
    session *s = w->s;
    size_t count = w->lines ? w->lines->count : 1;
    control_step next;
    appended out;
    line *lines = NULL;
    if (w->lines && w->lines->before) VAULT_TRY(w->lines->before(w->lines->context, err));
    VAULT_TRY(staged_write(st, s->store, &next, err));
    VAULT_TRY(make_lines(&lines, w, count, err));
    line_batch batch = {.control_version = s->manifest->version,
                        .control_stamp = s->control_stamp,
                        .lines = lines,
                        .count = count,
                        .next = &next};
    if (w->lines) {
        batch.rows = w->lines->rows;
        batch.row_count = w->lines->row_count;
        batch.erased = w->lines->erased;
        batch.erased_count = w->lines->erased_count;
    }
    VAULT_TRY(ledger_append_in_transaction(s->service->ledger, s->store, s->mem, &batch, &out, err));
    if (w->lines && w->lines->after) VAULT_TRY(w->lines->after(w->lines->context, out.first, err));
    return store_commit(s->store, err);
}

/* Refused by what the change writes beside its own rows. */
static bool refused(const vault_error *err)
{
    return err->reason && err->code != VAULT_CONFLICT && err->code != VAULT_UNAVAILABLE;
}

static vault_code write_change(const writing *w, staged *st, vault_error *err)
{
    session *s = w->s;
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = write_and_append(w, st, err);
    if (code == VAULT_OK) {
        ledger_committed(s->service->ledger);
    } else {
        ledger_rolled_back(s->service->ledger);
        store_rollback(s->store);
    }
    if (code == VAULT_CONFLICT)
        s->moved = true; /* another change was first: all runs again */
    else if (!refused(err))
        service_note(s->service, code, err);
    return code;
}

vault_code change_refuse(session *s, call *c, const change *what)
{
    const line_facts facts = refused_facts(s, what);
    return write_call_line(s, c, &facts);
}

static vault_code carry_out(const writing *w, staged **st, change_record *done)
{
    session *s = w->s;
    vault_error *err = &w->c->rq->err;
    /* The texts of a record live as long as the staged change; those of the answer as long as the call. */
    VAULT_TRY(change_record_copy(done, w->c->rq->mem, staged_record(*st), err));
    if (write_change(w, *st, err) != VAULT_OK) return refused(err) ? change_refuse(s, w->c, w->what) : err->code;
    s->confirmed = true;
    control_put_in_force(s->service->control, st);
    return VAULT_OK;
}

vault_code change_run_with(session *s, call *c, change *what, change_record *done, const change_lines *lines)
{
    VAULT_CLEANUP(staged_free) staged *st = NULL;
    vault_error *err = &c->rq->err;
    const writing w = {s, c, what, done, lines};
    what->who = c->caller;
    what->ticket = c->context->ticket;
    what->now_us = c->now_us;
    if (control_stage(&st, s->service->control, s->store, s->manifest, what, err) == VAULT_OK)
        return carry_out(&w, &st, done);
    if (err->code != VAULT_CONFLICT || !err->reason || strcmp(err->reason, "CONTROL_MOVED") != 0)
        return change_refuse(s, c, what);
    s->moved = true; /* its rows are others than those of the manifest at hand */
    return err->code;
}

vault_code change_run(session *s, call *c, change *what, change_record *done)
{
    return change_run_with(s, c, what, done, NULL);
}
