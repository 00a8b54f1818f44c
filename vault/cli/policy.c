/* Work on policies that are not in force: tested, compared, proposed. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- drafts ---- */

enum { DRAFTS_MAX = 8 };

static ctl_exit add_draft(ctl *c, draft_list *to, const char *document, const char *file)
{
    Vault__V1__Draft *one = arena_alloc(c->mem, sizeof *one);
    if (!one) abort();
    vault__v1__draft__init(one);
    one->document = lent(document);
    if (to->count == DRAFTS_MAX) return usage_error(c, "there are not so many documents");
    if (!content_read(c, file, &one->content)) return CTL_INVALID;
    to->only = to->count ? NULL : file;
    to->at[to->count++] = one;
    return CTL_OK;
}

ctl_exit drafts_read(ctl *c, const char *policy, draft_list *out)
{
    ctl_exit end = CTL_OK;
    *out = (draft_list){.at = arena_array(c->mem, DRAFTS_MAX, sizeof *out->at)};
    if (!out->at) abort();
    if (policy) end = add_draft(c, out, "policy", policy);
    for (const char *at = c->options[OPT_WITH]; end == CTL_OK && at && *at;) {
        size_t len = strcspn(at, "\n"), name = strcspn(at, "=");
        if (name >= len) return usage_error(c, "--with is DOCUMENT=FILE");
        const char *document = arena_text(c->mem, bytes_of(at, name));
        const char *file = arena_text(c->mem, bytes_of(at + name + 1, len - name - 1));
        if (!document || !file) abort();
        end = add_draft(c, out, document, file);
        at += len + (at[len] == '\n');
    }
    return end;
}

ctl_exit drafts_explain(ctl *c, const draft_list *drafts, ctl_exit end)
{
    const content_origin origin = {.file = drafts->only};
    if (end != CTL_INVALID || !drafts->only) return end;
    (void)content_check(c, drafts->at[0]->document, drafts->at[0]->content, &origin, NULL);
    return end;
}

/* Into a request that has `drafts`. */
static void drafts_give(ProtobufCMessage *request, const draft_list *drafts)
{
    size_t *count;
    Vault__V1__Draft ***list = message_member(request, "drafts", &count);
    *list = drafts->at;
    *count = drafts->count;
}

/* ---- documents ---- */

/* The same command of the control room, for the policy. */
static ctl_exit as_document(ctl *c, ctl_exit (*run)(ctl *c))
{
    const char *arguments[] = {"policy", c->arguments[0]};
    ctl as = *c;
    as.arguments = arguments;
    as.count = 2;
    return run(&as);
}

ctl_exit run_policy_validate(ctl *c)
{
    return as_document(c, run_control_check);
}

ctl_exit run_policy_propose(ctl *c)
{
    return as_document(c, run_control_propose);
}

ctl_exit run_policy_activate(ctl *c)
{
    return run_approval_approve(c);
}

ctl_exit run_policy_history(ctl *c)
{
    return run_control_history(c);
}

ctl_exit run_policy_rollback(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange former = {0};
    VAULT_CLEANUP(exchange_clear) exchange standing = {0};
    char *rest;
    unsigned long long version = strtoull(c->arguments[0], &rest, 10);
    if (*rest || version == 0 || c->arguments[0][0] < '0' || c->arguments[0][0] > '9')
        return usage_error(c, "%s is not a version", c->arguments[0]);
    ctl_exit end = document_get(c, &former, "policy", version);
    if (end == CTL_OK) end = document_get(c, &standing, "policy", 0);
    if (end != CTL_OK) return end;
    return propose(c, "policy", ((const Vault__V1__GetDocumentResponse *)(const void *)former.reply)->content,
                   ((const Vault__V1__GetDocumentResponse *)(const void *)standing.reply)->digest);
}

/* ---- test ---- */

static ctl_exit say_cases_fault(const ctl *c, const char *file, const Vault__V1__DocumentFault *fault)
{
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:{s:i, s:i, s:s, s:s}}", "fault", "line", (int)fault->line, "column",
                             (int)fault->column, "path", fault->path, "text", fault->text));
    else
        fprintf(stderr, "vaultctl: %s:%u:%u: %s\n", file, fault->line, fault->column, shown(c->mem, fault->text));
    return CTL_INVALID;
}

static size_t print_failures(const ctl *c, const Vault__V1__TestPolicyResponse *reply)
{
    static const char *const heads[] = {"CASE", "EXPECTED", "FOUND", "WHY"};
    table t = table_of(c->mem, 4, heads);
    for (size_t i = 0; i < reply->n_results; i++) {
        const Vault__V1__CaseResult *one = reply->results[i];
        const char *why = explanation_text(c->mem, one->explanation);
        if (!one->passed) table_add(&t, (const char *const[]){one->id, one->expected, one->found, why});
    }
    if (t.rows > 1 && !c->options[OPT_JSON]) table_print(&t);
    return t.rows - 1;
}

static void print_coverage(const ctl *c, const Vault__V1__TestPolicyResponse *reply, size_t failed)
{
    printf("%zu cases: %zu passed, %zu failed; %u of %u rules and prohibitions were met\n", reply->n_results,
           reply->n_results - failed, failed, reply->covered, reply->rules);
    for (size_t i = 0; i < reply->n_uncovered; i++) printf("  not met: %s\n", shown(c->mem, reply->uncovered[i]));
}

ctl_exit run_policy_test(ctl *c)
{
    Vault__V1__TestPolicyRequest request = VAULT__V1__TEST_POLICY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    draft_list drafts;
    ctl_exit end = drafts_read(c, c->count > 1 ? c->arguments[1] : NULL, &drafts);
    if (end != CTL_OK) return end;
    if (!content_read(c, c->arguments[0], &request.cases)) return CTL_INVALID;
    drafts_give(&request.base, &drafts);
    end = ctl_call(c, &x, "/vault.v1.Policies/Test", &request.base, &vault__v1__test_policy_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    const Vault__V1__TestPolicyResponse *reply = (const void *)x.reply;
    if (reply->fault) return say_cases_fault(c, c->arguments[0], reply->fault);
    size_t failed = print_failures(c, reply);
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        print_coverage(c, reply, failed);
    return failed ? CTL_SOME_REFUSED : CTL_OK;
}

/* ---- who may see what ---- */

static const char *join(arena *mem, char *const *texts, size_t count)
{
    const char *all = "";
    for (size_t i = 0; all && i < count; i++) all = arena_format(mem, "%s%s%s", all, i ? "," : "", texts[i]);
    if (!all) abort();
    return all;
}

static const char *who_of(arena *mem, const Vault__V1__Access *a)
{
    const char *who =
        a->n_roles ? arena_format(mem, "%s: %s", a->consumer, join(mem, a->roles, a->n_roles)) : a->consumer;
    if (!who) abort();
    return who;
}

static const char *conditions_of(arena *mem, const Vault__V1__Access *a)
{
    const char *all = a->own_area ? "own areas" : "";
    for (size_t i = 0; all && i < a->n_conditions; i++)
        all = arena_format(mem, "%s%s%s", all, *all ? "; " : "", a->conditions[i]);
    if (!all) abort();
    return all;
}

enum { ACCESS_COLUMNS = 9 };
static const char *const access_heads[ACCESS_COLUMNS] = {"",     "WHO",   "PURPOSE", "ACTION",    "FIELDS",
                                                         "FORM", "AREAS", "UNTIL",   "CONDITIONS"};

static void add_access(table *t, const char *sign, const Vault__V1__Access *a)
{
    table_add(t, (const char *const[]){sign, who_of(t->mem, a), a->purpose, a->action,
                                       join(t->mem, a->fields, a->n_fields), a->form,
                                       join(t->mem, a->areas, a->n_areas), a->until, conditions_of(t->mem, a)});
}

static void say_cut(bool cut)
{
    if (cut) fputs("vaultctl: there is more than is listed\n", stderr);
}

static void show_accesses(const ctl *c, const Vault__V1__AccessResponse *reply)
{
    if (c->options[OPT_JSON]) {
        print_json(message_json(c->mem, &reply->base));
        return;
    }
    table t = table_of(c->mem, ACCESS_COLUMNS, access_heads);
    for (size_t i = 0; i < reply->n_accesses; i++) add_access(&t, "", reply->accesses[i]);
    if (reply->n_accesses)
        table_print(&t);
    else
        puts("nobody, nothing");
    if (reply->n_persons) printf("%zu persons have one of these roles\n", reply->n_persons);
    say_cut(reply->cut);
}

ctl_exit run_policy_who_can(ctl *c)
{
    Vault__V1__WhoCanRequest request = VAULT__V1__WHO_CAN_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    draft_list drafts;
    ctl_exit end = drafts_read(c, NULL, &drafts);
    if (end != CTL_OK) return end;
    request.field = lent(c->arguments[0]);
    if (c->options[OPT_FORM]) request.form = lent(c->options[OPT_FORM]);
    if (c->options[OPT_AREA]) request.area = lent(c->options[OPT_AREA]);
    drafts_give(&request.base, &drafts);
    end = ctl_call(c, &x, "/vault.v1.Policies/WhoCan", &request.base, &vault__v1__access_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    show_accesses(c, (const void *)x.reply);
    return CTL_OK;
}

ctl_exit run_policy_what_can(ctl *c)
{
    Vault__V1__WhatCanRequest request = VAULT__V1__WHAT_CAN_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    draft_list drafts;
    ctl_exit end = drafts_read(c, NULL, &drafts);
    if (end != CTL_OK) return end;
    if ((c->count == 1) == (c->options[OPT_PERSON] != NULL)) return usage_error(c, "name an app, or --person");
    if (c->count == 1) {
        request.who_case = VAULT__V1__WHAT_CAN_REQUEST__WHO_CONSUMER;
        request.consumer = lent(c->arguments[0]);
    } else {
        request.who_case = VAULT__V1__WHAT_CAN_REQUEST__WHO_PERSON;
        request.person = lent(c->options[OPT_PERSON]);
    }
    drafts_give(&request.base, &drafts);
    end = ctl_call(c, &x, "/vault.v1.Policies/WhatCan", &request.base, &vault__v1__access_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    show_accesses(c, (const void *)x.reply);
    return CTL_OK;
}

/* ---- diff ---- */

static void show_changes(const ctl *c, const Vault__V1__DiffPolicyResponse *reply)
{
    size_t gains = 0;
    if (c->options[OPT_JSON]) {
        print_json(message_json(c->mem, &reply->base));
        return;
    }
    table t = table_of(c->mem, ACCESS_COLUMNS, access_heads);
    for (size_t i = 0; i < reply->n_changes; i++) {
        gains += reply->changes[i]->gains ? 1 : 0;
        add_access(&t, reply->changes[i]->gains ? "+" : "-", reply->changes[i]->access);
    }
    if (reply->n_changes) table_print(&t);
    printf("%zu gained, %zu lost\n", gains, reply->n_changes - gains);
    say_cut(reply->cut);
}

ctl_exit run_policy_diff(ctl *c)
{
    Vault__V1__DiffPolicyRequest request = VAULT__V1__DIFF_POLICY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    draft_list drafts;
    int64_t version = option_number(c, OPT_VERSION, 0, INT64_MAX);
    if (version < 0) return usage_error(c, "--version is not a number from 1 on");
    ctl_exit end = drafts_read(c, c->count ? c->arguments[0] : NULL, &drafts);
    if (end != CTL_OK) return end;
    if (!drafts.count && !c->options[OPT_APPROVAL] && !version)
        return usage_error(c, "name a file, --with, --approval or --version");
    request.version = (uint64_t)version;
    if (c->options[OPT_APPROVAL]) request.approval = lent(c->options[OPT_APPROVAL]);
    drafts_give(&request.base, &drafts);
    end = ctl_call(c, &x, "/vault.v1.Policies/Diff", &request.base, &vault__v1__diff_policy_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    show_changes(c, (const void *)x.reply);
    return CTL_OK;
}
