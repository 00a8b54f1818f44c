/* search, browse: residents by what is known of them. */
#include "vault/cli/expression.h"
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- search ---- */

static ctl_exit read_conditions(ctl *c, Vault__V1__SearchRequest *request)
{
    request->conditions = arena_array(c->mem, c->count, sizeof *request->conditions);
    if (!request->conditions) return usage_error(c, "too many conditions");
    for (size_t i = 0; i < c->count; i++) {
        vault_error err = {0};
        if (expression_read(&request->conditions[i], c->mem, c->arguments[i], &err) != VAULT_OK)
            return usage_error(c, "condition %zu %s", i + 1, err.detail);
    }
    request->n_conditions = c->count;
    return CTL_OK;
}

/* The conditions that hold of a result, where that was asked for. */
static const char *matched_text(ctl *c, const Vault__V1__SearchResult *r)
{
    const char *all = "";
    for (size_t i = 0; all && i < r->n_matched; i++) {
        const char *name = r->matched[i] < c->count ? c->arguments[r->matched[i]] : "?";
        all = arena_format(c->mem, "%s%c%s", all, i ? ' ' : '\t', shown(c->mem, name));
    }
    return all ? all : "";
}

static void show_count(const ctl *c, const Vault__V1__SearchResponse *reply)
{
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:I, s:b}", "count", (json_int_t)reply->count, "fewer_than_ten", reply->fewer_than_ten));
    else if (reply->fewer_than_ten)
        puts("fewer than 10");
    else
        printf("%llu\n", (unsigned long long)reply->count);
}

static void show_results(ctl *c, const Vault__V1__SearchResponse *reply)
{
    for (size_t i = 0; i < reply->n_results; i++) {
        const Vault__V1__SearchResult *r = reply->results[i];
        if (c->options[OPT_JSON])
            print_json(message_json(c->mem, &r->base));
        else
            printf("%s%s\n", shown(c->mem, r->token), matched_text(c, r));
    }
}

static ctl_exit search_page(ctl *c, void *context, paging *p)
{
    enum { PAGE_MAX = 500 };
    Vault__V1__SearchRequest *request = context;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request->page_size = page_size(p, PAGE_MAX);
    request->page_token = lent(p->next);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Records/Search", &request->base, &vault__v1__search_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__SearchResponse *reply = (const void *)x.reply;
    if (request->count_only)
        show_count(c, reply);
    else
        show_results(c, reply);
    if (reply->capped) fputs("vaultctl: the rule gives no more than these; there may be others\n", stderr);
    page_done(c, p, reply->n_results, reply->next_page_token);
    return receipts_write(c, reply->receipts, reply->n_receipts);
}

ctl_exit run_search(ctl *c)
{
    enum { LIMIT = 100, CONDITIONS_MAX = 8, RECEIPT_RESULTS = 500 };
    Vault__V1__SearchRequest request = VAULT__V1__SEARCH_REQUEST__INIT;
    int64_t at_least = option_number(c, OPT_AT_LEAST, 0, CONDITIONS_MAX);
    if (at_least < 0 || at_least > (int64_t)c->count)
        return usage_error(c, "--at-least is a number, of conditions that are given");
    if (c->options[OPT_RECEIPT] && option_number(c, OPT_LIMIT, LIMIT, RECEIPT_RESULTS) < 0)
        return usage_error(c, "a receipt is for one page, of at most %d results (--limit)", RECEIPT_RESULTS);
    ctl_exit end = read_conditions(c, &request);
    if (end == CTL_OK) end = ctl_names(c, OPT_AREA, &request.areas, &request.n_areas);
    if (end != CTL_OK) return end;
    request.minimum_matches = (uint32_t)at_least;
    request.count_only = c->options[OPT_COUNT] != NULL;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    if (c->options[OPT_COLLECTION]) request.collection = lent(c->options[OPT_COLLECTION]);
    return ctl_pages(c, LIMIT, search_page, &request);
}

/* ---- browse ---- */

typedef struct browsing {
    Vault__V1__BrowseRequest request;
    table rows;
    const char **cells;
} browsing;

static void show_row(ctl *c, browsing *b, const Vault__V1__BrowseRow *row)
{
    const Google__Protobuf__FieldMask *mask = b->request.field_mask;
    json_t *values = json_object();
    for (size_t i = 0; i < row->n_values && i < mask->n_paths; i++) {
        b->cells[i] = value_text(row->values[i]);
        json_object_set_new(values, mask->paths[i], message_json(c->mem, &row->values[i]->base));
    }
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:I, s:O}", "version", (json_int_t)row->version, "values", values));
    else if (row->n_values == mask->n_paths)
        table_add(&b->rows, b->cells);
    json_decref(values);
}

static ctl_exit browse_page(ctl *c, void *context, paging *p)
{
    enum { PAGE_MAX = 500 };
    browsing *b = context;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    b->request.page_size = page_size(p, PAGE_MAX);
    b->request.page_token = lent(p->next);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Records/Browse", &b->request.base, &vault__v1__browse_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__BrowseResponse *reply = (const void *)x.reply;
    for (size_t i = 0; i < reply->n_rows; i++) show_row(c, b, reply->rows[i]);
    page_done(c, p, reply->n_rows, reply->next_page_token);
    return CTL_OK;
}

ctl_exit run_browse(ctl *c)
{
    enum { LIMIT = 20 };
    Google__Protobuf__FieldMask mask;
    browsing b = {.request = VAULT__V1__BROWSE_REQUEST__INIT};
    if (!c->options[OPT_AREA]) return usage_error(c, "--area is missing");
    ctl_exit end = ctl_fields(c, &mask);
    if (end != CTL_OK) return end;
    b.request.collection = lent(c->options[OPT_COLLECTION] ? c->options[OPT_COLLECTION] : "residents");
    b.request.area = lent(c->options[OPT_AREA]);
    b.request.field_mask = &mask;
    if (c->options[OPT_PERMIT]) b.request.permit = lent(c->options[OPT_PERMIT]);
    b.cells = arena_array(c->mem, mask.n_paths, sizeof *b.cells);
    if (!b.cells) abort();
    b.rows = table_of(c->mem, mask.n_paths, (const char *const *)mask.paths);
    end = ctl_pages(c, LIMIT, browse_page, &b);
    if (!c->options[OPT_JSON] && b.rows.rows > 1) table_print(&b.rows);
    return end;
}
