/* correction list, accept, decline: what a department says of a value that another one owns. */
#include "vault/cli/internal.h"

#include <stdlib.h>

/* ---- list ---- */

typedef struct listing {
    Vault__V1__ListCorrectionsRequest request;
    table rows;
} listing;

static void show_correction(ctl *c, table *rows, const Vault__V1__Correction *one)
{
    static const char *const states[] = {"", "pending", "accepted", "declined"};
    unsigned state = (unsigned)one->state;
    if (c->options[OPT_JSON]) {
        print_json(message_json(c->mem, &one->base));
        return;
    }
    table_add(rows, (const char *const[]){one->name, one->field, one->department, time_text(c->mem, one->file_time),
                                          states[state < sizeof states / sizeof *states ? state : 0], one->value,
                                          one->token});
}

static ctl_exit list_page(ctl *c, void *context, paging *p)
{
    enum { PAGE_MAX = 500 };
    listing *l = context;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    l->request.page_size = page_size(p, PAGE_MAX);
    l->request.page_token = lent(p->next);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Records/ListCorrections", &l->request.base,
                            &vault__v1__list_corrections_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListCorrectionsResponse *reply = (const void *)x.reply;
    for (size_t i = 0; i < reply->n_corrections; i++) show_correction(c, &l->rows, reply->corrections[i]);
    page_done(c, p, reply->n_corrections, reply->next_page_token);
    return CTL_OK;
}

ctl_exit run_correction_list(ctl *c)
{
    enum { LIMIT = 100 };
    static const char *const heads[] = {"CORRECTION", "FIELD", "ASKED BY", "ASKED", "STATE", "WANTED", "RESIDENT"};
    listing l = {.request = VAULT__V1__LIST_CORRECTIONS_REQUEST__INIT, .rows = table_of(c->mem, 7, heads)};
    if (c->count > 0) l.request.parent = arena_format(c->mem, "records/%s", c->arguments[0]);
    if (!l.request.parent) abort();
    l.request.show_values = c->options[OPT_VALUES] != NULL;
    ctl_exit end = ctl_pages(c, LIMIT, list_page, &l);
    if (!c->options[OPT_JSON] && l.rows.rows > 1) table_print(&l.rows);
    return end;
}

/* ---- accept, decline ---- */

static void *decision(ctl *c, const char *name, bool accept)
{
    Vault__V1__Decision *d = arena_alloc(c->mem, sizeof *d);
    if (!d) abort();
    vault__v1__decision__init(d);
    d->name = lent(name);
    d->accept = accept;
    return d;
}

static void *acceptance(ctl *c, const char *name)
{
    return decision(c, name, true);
}

static void *declination(ctl *c, const char *name)
{
    return decision(c, name, false);
}

static const char *version_text(arena *mem, const ProtobufCMessage *result)
{
    return arena_format(mem, "version %u", ((const Vault__V1__DecideResult *)(const void *)result)->record_version);
}

static ctl_exit decide(ctl *c, void *(*item)(ctl *c, const char *name))
{
    Vault__V1__BatchDecideCorrectionsRequest request = VAULT__V1__BATCH_DECIDE_CORRECTIONS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Records/BatchDecideCorrections",
                               .request = &request.base,
                               .reply = &vault__v1__batch_decide_corrections_response__descriptor,
                               .list = "decisions",
                               .item = item,
                               .text = version_text});
}

ctl_exit run_correction_accept(ctl *c)
{
    return decide(c, acceptance);
}

ctl_exit run_correction_decline(ctl *c)
{
    return decide(c, declination);
}
