/* A change of control: staged, written together with its line in one transaction, put in force after the commit. What
 * is refused is a line, too. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"

#include <string.h>

static const char *given(const char *text)
{
    return text && text[0] ? text : NULL;
}

/* What the line says. A refused change is told by what was asked for, as far as that is well-formed. */
static line_facts refused_facts(const change *what)
{
    bool named = what->approval && strlen(what->approval) == APPROVAL_NAME_LEN &&
                 strncmp(what->approval, "approvals/", 10) == 0 &&
                 strspn(what->approval + 10, "0123456789abcdef") == APPROVAL_NAME_LEN - 10;
    return (line_facts){.change = change_kind_name(what->kind),
                        .document = what->kind == CHANGE_PROPOSE ? document_name(what->document) : NULL,
                        .approval = named ? what->approval : NULL};
}

static const char *taken_back(arena *mem, const change *what)
{
    if (what->kind != CHANGE_REVOKE) return NULL;
    if (what->certificate) return arena_format(mem, "certificate=%s", what->certificate);
    return what->assertion_key ? arena_format(mem, "assertion_key=%s", what->assertion_key)
                               : arena_format(mem, "person=%s", what->person);
}

static line_facts done_facts(session *s, const change *what, const change_record *r)
{
    return (line_facts){.fields = taken_back(s->mem, what),
                        .change = change_kind_name(r->kind),
                        .document = given(r->document),
                        .approval = given(r->approval),
                        .before = given(hex_of(s->mem, &r->before)),
                        .after = given(hex_of(s->mem, &r->after))};
}

static vault_code write_and_append(session *s, staged *st, line *one, vault_error *err)
{
    control_step next;
    appended out;
    VAULT_TRY(staged_write(st, s->store, &next, err));
    const line_batch batch = {.control_version = s->manifest->version,
                              .control_stamp = s->control_stamp,
                              .lines = one,
                              .count = 1,
                              .next = &next};
    VAULT_TRY(ledger_append_in_transaction(s->service->ledger, s->store, s->mem, &batch, &out, err));
    return store_commit(s->store, err);
}

static vault_code write_change(session *s, staged *st, line *one, vault_error *err)
{
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = write_and_append(s, st, one, err);
    if (code == VAULT_OK) {
        ledger_committed(s->service->ledger);
    } else {
        ledger_rolled_back(s->service->ledger);
        store_rollback(s->store);
    }
    if (code == VAULT_CONFLICT)
        s->moved = true; /* another change was first: all runs again */
    else
        service_note(s->service, code, err);
    return code;
}

static vault_code carry_out(session *s, call *c, const change *what, staged **st, change_record *done)
{
    vault_error *err = &c->rq->err;
    line one;
    /* The texts of a record live as long as the staged change; those of the answer as long as the call. */
    VAULT_TRY(change_record_copy(done, c->rq->mem, staged_record(*st), err));
    const line_facts facts = done_facts(s, what, done);
    VAULT_TRY(make_call_line(&one, s, c, &facts, err));
    VAULT_TRY(write_change(s, *st, &one, err));
    s->confirmed = true;
    control_put_in_force(s->service->control, st);
    return VAULT_OK;
}

vault_code change_refuse(session *s, call *c, const change *what)
{
    const line_facts facts = refused_facts(what);
    return write_call_line(s, c, &facts);
}

vault_code change_run(session *s, call *c, change *what, change_record *done)
{
    VAULT_CLEANUP(staged_free) staged *st = NULL;
    what->who = c->caller;
    what->ticket = c->context->ticket;
    what->now_us = clock_now_us();
    if (control_stage(&st, s->service->control, s->store, s->manifest, what, &c->rq->err) != VAULT_OK)
        return change_refuse(s, c, what);
    return carry_out(s, c, what, &st, done);
}
