/* issue, reveal, inspect, test, restore. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- issue ---- */

ctl_exit run_issue(ctl *c)
{
    Vault__V1__BatchIssueRequest request = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    if (c->options[OPT_COLLECTION]) request.collection = lent(c->options[OPT_COLLECTION]);
    if (c->options[OPT_FIELD]) request.field = lent(c->options[OPT_FIELD]);
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchIssue",
                               .request = &request.base,
                               .reply = &vault__v1__batch_issue_response__descriptor,
                               .list = "values",
                               .said = "token"});
}

/* ---- reveal ---- */

/* In which form, where the vault chose it, and what else whoever reads this is bound to: for people, beside the values.
 */
static void say_terms(const ctl *c, const Vault__V1__Terms *t)
{
    static const char *const forms[] = {"", "plain", "masked", "token"};
    bool chosen = c->options[OPT_FORM] && strcmp(c->options[OPT_FORM], "strongest") == 0;
    if (!t || c->options[OPT_JSON]) return;
    if (chosen && (unsigned)t->form < sizeof forms / sizeof *forms)
        fprintf(stderr, "form: %s; may be kept until %s\n", forms[t->form], shown(c->mem, t->keep_until));
    if (*t->withheld_until) fprintf(stderr, "withheld from the resident until %s\n", shown(c->mem, t->withheld_until));
    if (t->review_due_time)
        fprintf(stderr, "under a break-glass, to be reviewed by %s\n", time_text(c->mem, t->review_due_time));
}

static json_t *values_json(const char *token, Vault__V1__FieldValue *const *values, size_t count,
                           const Google__Protobuf__FieldMask *mask)
{
    json_t *all = json_object();
    for (size_t i = 0; i < count && i < mask->n_paths; i++)
        json_object_set_new(all, mask->paths[i], values[i]->absent ? json_null() : json_string(values[i]->text));
    return json_pack("{s:s, s:o}", "token", token, "values", all);
}

static json_t *with_terms(arena *mem, json_t *inout, const Vault__V1__Terms *t)
{
    if (t) json_object_set_new(inout, "terms", message_json(mem, &t->base));
    return inout;
}

static void show_one(ctl *c, const Vault__V1__RevealResponse *reply, const Google__Protobuf__FieldMask *mask)
{
    static const char *const heads[] = {"FIELD", "VALUE"};
    table t = table_of(c->mem, 2, heads);
    if (c->options[OPT_JSON]) {
        print_json(
            with_terms(c->mem, values_json(c->arguments[0], reply->values, reply->n_values, mask), reply->terms));
        return;
    }
    for (size_t i = 0; i < reply->n_values && i < mask->n_paths; i++)
        table_add(&t, (const char *const[]){mask->paths[i], value_text(reply->values[i])});
    table_print(&t);
}

static ctl_exit reveal_one(ctl *c, Google__Protobuf__FieldMask *mask, Vault__V1__Form form)
{
    Vault__V1__RevealRequest request = VAULT__V1__REVEAL_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.token = lent(c->arguments[0]);
    request.form = form;
    request.field_mask = mask;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Tokens/Reveal", &request.base, &vault__v1__reveal_response__descriptor);
    if (end != CTL_OK) return end;
    Vault__V1__RevealResponse *reply = (void *)x.reply;
    show_one(c, reply, mask);
    say_terms(c, reply->terms);
    return receipts_write(c, &reply->receipt, reply->receipt ? 1 : 0);
}

static void show_revealed_json(arena *mem, const bulk_part *part, const Google__Protobuf__FieldMask *mask)
{
    for (size_t i = 0; i < part->count; i++) {
        const Vault__V1__RevealResult *r = (const void *)part->results[i];
        print_json(part->outcomes[i].code
                       ? json_pack("{s:s, s:o}", "token", part->items[i], "error", outcome_json(&part->outcomes[i]))
                       : with_terms(mem, values_json(part->items[i], r->values, r->n_values, mask), r->terms));
    }
}

static void show_revealed(ctl *c, const void *context, const bulk_part *part)
{
    const Google__Protobuf__FieldMask *mask = context;
    const char **cells = arena_array(c->mem, mask->n_paths + 1, sizeof *cells);
    if (!cells) abort();
    if (c->options[OPT_JSON]) {
        show_revealed_json(c->mem, part, mask);
        return;
    }
    cells[0] = "TOKEN";
    for (size_t i = 0; i < mask->n_paths; i++) cells[i + 1] = mask->paths[i];
    table t = table_of(c->mem, mask->n_paths + 1, cells);
    for (size_t i = 0; i < part->count; i++) {
        const Vault__V1__RevealResult *r = (const void *)part->results[i];
        cells[0] = part->items[i];
        for (size_t j = 0; j < mask->n_paths; j++) cells[j + 1] = j < r->n_values ? value_text(r->values[j]) : "-";
        table_add(&t, cells);
    }
    table_print(&t);
}

ctl_exit run_reveal(ctl *c)
{
    Google__Protobuf__FieldMask mask;
    Vault__V1__BatchRevealRequest request = VAULT__V1__BATCH_REVEAL_REQUEST__INIT;
    ctl_exit end = ctl_fields(c, &mask);
    if (end == CTL_OK) end = ctl_form(c, &request.form);
    if (end != CTL_OK) return end;
    if (c->count == 1 && !c->options[OPT_FILE]) return reveal_one(c, &mask, request.form);
    request.field_mask = &mask;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchReveal",
                               .request = &request.base,
                               .reply = &vault__v1__batch_reveal_response__descriptor,
                               .list = "tokens",
                               .show = show_revealed,
                               .context = &mask});
}

/* ---- inspect ---- */

static const char *inspected_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__InspectResult *r = (const void *)result;
    if (r->state == VAULT__V1__TOKEN_STATE__TOKEN_STATE_VALID) return "valid";
    if (r->state == VAULT__V1__TOKEN_STATE__TOKEN_STATE_GONE) return "gone";
    return arena_format(mem, "expired (epoch %u, now %u)", r->epoch, r->current_epoch);
}

ctl_exit run_inspect(ctl *c)
{
    Vault__V1__BatchInspectRequest request = VAULT__V1__BATCH_INSPECT_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchInspect",
                               .request = &request.base,
                               .reply = &vault__v1__batch_inspect_response__descriptor,
                               .list = "tokens",
                               .text = inspected_text});
}

/* ---- test ---- */

static bool is_token(const char *text)
{
    enum { TOKEN_CHARACTERS = 43 };
    return strlen(text) == TOKEN_CHARACTERS && strncmp(text, "rv1", 3) == 0;
}

/* "TOKEN", or "TOKEN VALUE": what it is compared with, else that of --than. */
static void *test_item(ctl *c, const char *text)
{
    size_t len = strcspn(text, " \t");
    const char *than = text[len] ? text + len + 1 : c->options[OPT_THAN];
    Vault__V1__TestItem *item = arena_alloc(c->mem, sizeof *item);
    if (!item) abort();
    vault__v1__test_item__init(item);
    item->token = arena_text(c->mem, bytes_of(text, len));
    if (!item->token) abort();
    if (!than) return item;
    bool other = is_token(than);
    item->than_case = other ? VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN : VAULT__V1__TEST_ITEM__THAN_VALUE;
    *(other ? &item->other_token : &item->value) = lent(than);
    return item;
}

static const char *tested_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__TestResult *r = (const void *)result;
    (void)mem;
    return r->absent ? "unknown" : r->holds ? "yes" : "no";
}

ctl_exit run_predicate(ctl *c)
{
    Vault__V1__BatchTestRequest request = VAULT__V1__BATCH_TEST_REQUEST__INIT;
    request.predicate = lent(c->arguments[0]);
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchTest",
                               .request = &request.base,
                               .reply = &vault__v1__batch_test_response__descriptor,
                               .list = "items",
                               .first = 1,
                               .item = test_item,
                               .text = tested_text});
}

/* ---- restore ---- */

static const char *restored_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__RestoreResult *r = (const void *)result;
    return arena_format(mem, "%s\t%s", shown(mem, r->value), shown(mem, r->token));
}

ctl_exit run_restore(ctl *c)
{
    Vault__V1__BatchRestoreRequest request = VAULT__V1__BATCH_RESTORE_REQUEST__INIT;
    request.field = lent(c->arguments[0]);
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchRestore",
                               .request = &request.base,
                               .reply = &vault__v1__batch_restore_response__descriptor,
                               .list = "values",
                               .first = 1,
                               .text = restored_text});
}
