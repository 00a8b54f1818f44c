/* Leaks.ListAffected: whom a leaked list is about, as tokens of the department that notifies them, and what the notice
 * must say (PIPL 57). Only residents whom a row names alone: who is one of several is told nothing that may be
 * another's.
 */
#include "vault/service/leak_link.h"

#include <string.h>

enum { PAGE_MOST = 1000, PAGE_USUAL = 500 };

typedef struct affected {
    session *s;
    call *c;
    const Vault__V1__ListAffectedRequest *in;
    const domain *of; /* of the tokens */
    leak_case leak;
    leak_links links;
    link_resident *all;
    size_t count, children;
    size_t first, page; /* of this page */
} affected;

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory for who is affected");
}

static uint64_t conditions_of(const Vault__V1__ListAffectedRequest *in)
{
    uint64_t out = 0;
    const bytes nul = bytes_of("", 1);
    const digest d = sha256_parts((const bytes[]){bytes_of_text("affected"), nul, bytes_of_text(in->leak), nul,
                                                  bytes_of_text(in->app), nul, bytes_of_text(in->purpose)},
                                  7);
    for (size_t i = 0; i < sizeof out; i++) out = out << 8 | d.at[i];
    return out;
}

static vault_code find_domain(affected *a, vault_error *err)
{
    const manifest *m = a->s->manifest;
    const purpose *why = manifest_purpose(m, bytes_of_text(a->in->purpose));
    const consumer_no app = manifest_app_named(m, a->in->app);
    if (!a->in->app[0]) return refuse_at(err, "REQUIRED", "app", -1);
    if (!a->in->purpose[0]) return refuse_at(err, "REQUIRED", "purpose", -1);
    a->of = why && app.no ? manifest_domain(m, app, why->no) : NULL;
    return a->of ? VAULT_OK : vault_refuse(err, VAULT_NOT_FOUND, "DOMAIN_UNKNOWN", "purpose");
}

static vault_code check(affected *a, int64_t *from, vault_error *err)
{
    const Vault__V1__ListAffectedRequest *in = a->in;
    if (in->page_size < 0 || in->page_size > PAGE_MOST) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    a->page = in->page_size ? (size_t)in->page_size : PAGE_USUAL;
    VAULT_TRY(find_domain(a, err));
    return page_token_read(from, in->page_token, conditions_of(in), err);
}

/* Those whom a row names alone, in the order of residents. Nobody is behind a canary. */
static vault_code choose(affected *a, vault_error *err)
{
    a->all = arena_array(a->s->mem, a->links.resident_count + 1, sizeof *a->all);
    if (!a->all) return no_room(err);
    for (size_t i = 0; i < a->links.resident_count; i++) {
        const link_resident *one = &a->links.residents[i];
        if (!one->alone || manifest_canary(a->s->manifest, one->id)) continue;
        a->all[a->count++] = *one;
        a->children += one->child;
    }
    return VAULT_OK;
}

static vault_code begin(affected *a, vault_error *err)
{
    int64_t from = 0;
    VAULT_TRY(check(a, &from, err));
    VAULT_TRY(leak_open(&a->leak, a->s, a->c, a->in->leak, err));
    VAULT_TRY(leak_link(&a->links, a->s, a->c, &a->leak.list, err));
    VAULT_TRY(choose(a, err));
    a->first = from < 0 || (uint64_t)from > a->count ? a->count : (size_t)from;
    if (a->page > a->count - a->first) a->page = a->count - a->first;
    return VAULT_OK;
}

/* ---- the answer ---- */

static int gravity(const char *class_name)
{
    static const char *const classes[] = {"general", "personal", "sensitive"};
    for (int i = 0; i < 3; i++)
        if (strcmp(classes[i], class_name) == 0) return i;
    return 3;
}

static vault_code answer_notice(const affected *a, Vault__V1__ListAffectedResponse *out, vault_error *err)
{
    arena *mem = a->c->rq->mem;
    const schema_field *gravest = NULL;
    out->field_labels = arena_array(mem, a->links.field_count + 1, sizeof *out->field_labels);
    if (!out->field_labels) return no_room(err);
    for (size_t i = 0; i < a->links.field_count; i++) {
        const schema_field *f = a->links.fields[i];
        if (!gravest || gravity(f->class_name) > gravity(gravest->class_name)) gravest = f;
        if (!(out->field_labels[out->n_field_labels++] = arena_text(mem, bytes_of_text(f->label)))) return no_room(err);
    }
    out->gravest_class = arena_text(mem, bytes_of_text(gravest ? gravest->class_name : ""));
    return out->gravest_class ? VAULT_OK : no_room(err);
}

static vault_code answer_tokens(const affected *a, Vault__V1__ListAffectedResponse *out, vault_error *err)
{
    arena *mem = a->c->rq->mem;
    out->tokens = arena_array(mem, a->page + 1, sizeof *out->tokens);
    if (!out->tokens) return no_room(err);
    for (size_t i = 0; i < a->page; i++) {
        token made;
        char *text = arena_alloc(mem, TOKEN_TEXT_LEN + 1);
        if (!text) return no_room(err);
        VAULT_TRY(cabinet_issue(a->s->cabinet, &made, a->of, (resident_id){a->all[a->first + i].id}, err));
        token_write(text, &made);
        out->tokens[out->n_tokens++] = text;
    }
    return VAULT_OK;
}

static vault_code answer(const affected *a, vault_error *err)
{
    arena *mem = a->c->rq->mem;
    Vault__V1__ListAffectedResponse *out =
        MESSAGE(mem, Vault__V1__ListAffectedResponse, vault__v1__list_affected_response__init);
    const size_t next = a->first + a->page;
    if (!out) return no_room(err);
    out->total = a->count;
    out->children = a->children;
    out->rows = a->leak.list.row_count;
    out->total_rows = a->leak.list.total_rows;
    if (next < a->count && !(out->next_page_token = page_token(mem, conditions_of(a->in), (int64_t)next)))
        return no_room(err);
    VAULT_TRY(answer_notice(a, out, err));
    VAULT_TRY(answer_tokens(a, out, err));
    a->c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code list(session *s, call *c)
{
    vault_error *err = &c->rq->err;
    affected a = {.s = s, .c = c, .in = (const void *)c->rq->in};
    if (begin(&a, err) != VAULT_OK) {
        const line_facts facts = {.fields = "affected"};
        return write_call_line(s, c, &facts);
    }
    const leak_lines what = {.leak = a.leak.name,
                             .fields = "affected",
                             .counterpart = a.in->app,
                             .residents = a.all + a.first,
                             .count = a.page};
    VAULT_TRY(leak_write_lines(s, c, &what, err));
    return answer(&a, err);
}

void leaks_list_affected(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++)
        if (list(s, calls[i]) != VAULT_OK) calls[i]->rq->out = NULL;
}
