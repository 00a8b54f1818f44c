#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALL_ITEMS = 4096 };

static char **borrowed(const char **items)
{
    return (char **)(uintptr_t)items;
}

static const char *item_name(arena *mem, size_t number)
{
    const char *text = arena_format(mem, "item %zu", number);
    return text ? text : "item";
}

/* ---- issue ---- */

static ctl_exit show_issued(ctl *c, const Vault__V1__BatchIssueResponse *reply, size_t before)
{
    ctl_exit end = CTL_OK;
    for (size_t i = 0; i < reply->n_results; i++) {
        const Vault__V1__IssueResult *r = reply->results[i];
        outcome o;
        outcome_read(&o, r->status);
        if (c->options[OPT_JSON])
            print_json(o.code ? json_pack("{s:o}", "error", outcome_json(&o)) : json_pack("{s:s}", "token", r->token));
        else
            puts(o.code ? "-" : r->token);
        if (o.code == CODE_OK) continue;
        say_outcome(c, item_name(c->mem, before + i + 1), &o);
        end = CTL_SOME_REFUSED;
    }
    return end;
}

static ctl_exit issue_part(ctl *c, const char **ids, size_t count, size_t before)
{
    Vault__V1__RequestContext context;
    Vault__V1__BatchIssueRequest request = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Tokens/BatchIssue",
                  .request = &request.base,
                  .type = &vault__v1__batch_issue_response__descriptor};
    if (!ctl_context(c, &context)) return CTL_USAGE;
    request.context = &context;
    request.values = borrowed(ids);
    request.n_values = count;
    if (c->options[OPT_COLLECTION]) request.collection = lent(c->options[OPT_COLLECTION]);
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    ctl_exit end = ctl_exchange(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__BatchIssueResponse *reply = (const void *)x.reply;
    end = show_issued(c, reply, before);
    ctl_exit written = receipts_write(c, reply->receipts, reply->n_receipts);
    return written ? written : end;
}

/* ---- reveal ---- */

typedef struct revealed {
    const char *token;
    Vault__V1__FieldValue **values;
    size_t count;
    outcome outcome;
} revealed;

static const char *value_text(const Vault__V1__FieldValue *v)
{
    return v->absent ? "" : v->text;
}

static json_t *revealed_json(const revealed *r, const Google__Protobuf__FieldMask *mask)
{
    if (r->outcome.code != CODE_OK)
        return json_pack("{s:s, s:o}", "token", r->token, "error", outcome_json(&r->outcome));
    json_t *values = json_object();
    for (size_t i = 0; i < r->count && i < mask->n_paths; i++) {
        const Vault__V1__FieldValue *v = r->values[i];
        json_object_set_new(values, mask->paths[i], v->absent ? json_null() : json_string(v->text));
    }
    return json_pack("{s:s, s:o}", "token", r->token, "values", values);
}

static void show_one(arena *mem, const revealed *r, const Google__Protobuf__FieldMask *mask)
{
    static const char *const heads[] = {"FIELD", "VALUE"};
    table t = table_of(mem, 2, heads);
    for (size_t i = 0; i < r->count && i < mask->n_paths; i++)
        table_add(&t, (const char *const[]){mask->paths[i], value_text(r->values[i])});
    table_print(&t);
}

static void show_many(arena *mem, const revealed *all, size_t count, const Google__Protobuf__FieldMask *mask)
{
    const char **cells = arena_array(mem, mask->n_paths + 1, sizeof *cells);
    if (!cells) abort();
    cells[0] = "TOKEN";
    for (size_t i = 0; i < mask->n_paths; i++) cells[i + 1] = mask->paths[i];
    table t = table_of(mem, mask->n_paths + 1, cells);
    for (size_t i = 0; i < count; i++) {
        cells[0] = all[i].token;
        for (size_t j = 0; j < mask->n_paths; j++) cells[j + 1] = j < all[i].count ? value_text(all[i].values[j]) : "-";
        table_add(&t, cells);
    }
    table_print(&t);
}

static ctl_exit show_revealed(ctl *c, const revealed *all, size_t count, const Google__Protobuf__FieldMask *mask)
{
    ctl_exit end = CTL_OK;
    for (size_t i = 0; i < count; i++) {
        if (c->options[OPT_JSON]) print_json(revealed_json(&all[i], mask));
        if (all[i].outcome.code == CODE_OK) continue;
        say_outcome(c, item_name(c->mem, i + 1), &all[i].outcome);
        end = CTL_SOME_REFUSED;
    }
    if (c->options[OPT_JSON]) return end;
    if (count == 1 && all[0].outcome.code == CODE_OK)
        show_one(c->mem, &all[0], mask);
    else
        show_many(c->mem, all, count, mask);
    return end;
}

static Vault__V1__Form form_asked(const ctl *c)
{
    return c->options[OPT_MASKED] ? VAULT__V1__FORM__FORM_MASKED : VAULT__V1__FORM__FORM_PLAIN;
}

static ctl_exit reveal_one(ctl *c, const char *token, Vault__V1__RequestContext *context,
                           Google__Protobuf__FieldMask *mask)
{
    Vault__V1__RevealRequest request = VAULT__V1__REVEAL_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {
        .method = "/vault.v1.Tokens/Reveal", .request = &request.base, .type = &vault__v1__reveal_response__descriptor};
    request.context = context;
    request.token = (char *)(uintptr_t)token;
    request.form = form_asked(c);
    request.field_mask = mask;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    ctl_exit end = ctl_exchange(c, &x);
    if (end != CTL_OK) return end;
    Vault__V1__RevealResponse *reply = (void *)x.reply;
    revealed r = {.token = token, .values = reply->values, .count = reply->n_values};
    end = show_revealed(c, &r, 1, mask);
    return end ? end : receipts_write(c, &reply->receipt, reply->receipt ? 1 : 0);
}

static ctl_exit show_batch(ctl *c, const char **tokens, const Vault__V1__BatchRevealResponse *reply,
                           const Google__Protobuf__FieldMask *mask)
{
    revealed *all = arena_array(c->mem, reply->n_results + 1, sizeof *all);
    if (!all) abort();
    for (size_t i = 0; i < reply->n_results; i++) {
        const Vault__V1__RevealResult *r = reply->results[i];
        all[i] = (revealed){.token = tokens[i], .values = r->values, .count = r->n_values};
        outcome_read(&all[i].outcome, r->status);
    }
    return show_revealed(c, all, reply->n_results, mask);
}

static ctl_exit reveal_many(ctl *c, const char **tokens, size_t count, Vault__V1__RequestContext *context,
                            Google__Protobuf__FieldMask *mask)
{
    Vault__V1__BatchRevealRequest request = VAULT__V1__BATCH_REVEAL_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Tokens/BatchReveal",
                  .request = &request.base,
                  .type = &vault__v1__batch_reveal_response__descriptor};
    request.context = context;
    request.tokens = borrowed(tokens);
    request.n_tokens = count;
    request.form = form_asked(c);
    request.field_mask = mask;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    ctl_exit end = ctl_exchange(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__BatchRevealResponse *reply = (const void *)x.reply;
    if (reply->n_results != count)
        return usage_error(c, "the server answered %zu of %zu items", reply->n_results, count);
    end = show_batch(c, tokens, reply, mask);
    ctl_exit written = receipts_write(c, reply->receipts, reply->n_receipts);
    return written ? written : end;
}

/* ---- commands ---- */

ctl_exit run_issue(ctl *c)
{
    const char **ids;
    size_t count;
    ctl_exit worst = ctl_items(c, &ids, &count);
    if (worst != CTL_OK) return worst;
    if (count > CALL_ITEMS && (c->options[OPT_ASSERTION] || c->options[OPT_RECEIPT]))
        return usage_error(c, "an assertion or a receipt is for one call, of at most %d items", CALL_ITEMS);
    for (size_t i = 0; i < count && worst <= CTL_SOME_REFUSED; i += CALL_ITEMS) {
        ctl_exit end = issue_part(c, ids + i, count - i < CALL_ITEMS ? count - i : CALL_ITEMS, i);
        if (end > worst) worst = end;
    }
    return worst;
}

ctl_exit run_reveal(ctl *c)
{
    const char **tokens;
    size_t count;
    Vault__V1__RequestContext context;
    Google__Protobuf__FieldMask mask;
    ctl_exit end = ctl_items(c, &tokens, &count);
    if (end == CTL_OK) end = ctl_fields(c, &mask);
    if (end != CTL_OK) return end;
    if (count > CALL_ITEMS) return usage_error(c, "at most %d tokens", CALL_ITEMS);
    if (!ctl_context(c, &context)) return CTL_USAGE;
    return count == 1 ? reveal_one(c, tokens[0], &context, &mask) : reveal_many(c, tokens, count, &context, &mask);
}
