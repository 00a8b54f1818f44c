/* policy budgets and recount: how far budgets are spent, and whether the counters are what the log says. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "3 of 5", or the number alone. */
static const char *spent_of(arena *mem, uint64_t spent, uint64_t limit)
{
    const char *out = limit ? arena_format(mem, "%llu of %llu", (unsigned long long)spent, (unsigned long long)limit)
                            : arena_format(mem, "%llu", (unsigned long long)spent);
    if (!out) abort();
    return out;
}

static json_t *json_of_use(arena *mem, const Vault__V1__BudgetUse *u)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "budget", u->budget, "subject", u->subject,
                     "period_start", time_text(mem, u->period_start), "last_day", u->last_day, "residents",
                     (json_int_t)u->residents, "residents_limit", (json_int_t)u->residents_limit, "values",
                     (json_int_t)u->values, "values_limit", (json_int_t)u->values_limit);
}

/* ---- budgets ---- */

typedef struct budget_output {
    json_t *all; /* where JSON is wanted */
    table t;
} budget_output;

static void show_use(const ctl *c, budget_output *to, const Vault__V1__BudgetUse *u)
{
    if (to->all)
        json_array_append_new(to->all, json_of_use(c->mem, u));
    else
        table_add(&to->t,
                  (const char *const[]){u->budget, u->subject, spent_of(c->mem, u->residents, u->residents_limit),
                                        spent_of(c->mem, u->values, u->values_limit),
                                        time_text(c->mem, u->period_start), u->last_day});
}

static ctl_exit list_pages(ctl *c, budget_output *to, Vault__V1__ListBudgetsRequest *request, size_t most)
{
    size_t count = 0;
    do {
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        ctl_exit end = ctl_call(c, &x, "/vault.v1.Policies/ListBudgets", &request->base,
                                &vault__v1__list_budgets_response__descriptor);
        if (end != CTL_OK) return end;
        const Vault__V1__ListBudgetsResponse *page = (const void *)x.reply;
        for (size_t i = 0; i < page->n_uses && count < most; i++, count++) show_use(c, to, page->uses[i]);
        request->page_token = arena_text(c->mem, bytes_of_text(page->next_page_token));
        if (!request->page_token) abort();
    } while (*request->page_token && count < most);
    return CTL_OK;
}

ctl_exit run_policy_budgets(ctl *c)
{
    enum { SHOWN_MOST = 1000, PAGE = 1000 };
    static const char *const heads[] = {"BUDGET", "OF", "RESIDENTS", "VALUES", "SINCE", "UNTIL"};
    Vault__V1__ListBudgetsRequest request = VAULT__V1__LIST_BUDGETS_REQUEST__INIT;
    int64_t most = option_number(c, OPT_LIMIT, SHOWN_MOST, INT32_MAX);
    if (most < 0) return usage_error(c, "--limit is not a number");
    budget_output to = {.t = table_of(c->mem, sizeof heads / sizeof *heads, heads)};
    if (c->count) request.budget = arena_text(c->mem, bytes_of_text(c->arguments[0]));
    if (!request.budget) abort();
    request.page_size = most < PAGE ? (int32_t)most : PAGE;
    if (c->options[OPT_JSON]) to.all = json_array();
    ctl_exit end = most ? list_pages(c, &to, &request, (size_t)most) : CTL_OK;
    if (end == CTL_OK && to.all)
        print_json(json_incref(to.all));
    else if (end == CTL_OK && to.t.rows > 1)
        table_print(&to.t);
    else if (end == CTL_OK)
        puts("nothing is counted in the present periods");
    json_decref(to.all);
    return end;
}

/* ---- recount ---- */

static void say_recount(const ctl *c, const Vault__V1__RecountBudgetsResponse *page)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    if ((!terminal && !c->options[OPT_PROGRESS]) || page->size == 0) return;
    fprintf(stderr, "%s%llu of %llu lines%s", terminal ? "\r\033[K" : "", (unsigned long long)page->position,
            (unsigned long long)page->size, terminal && page->position < page->size ? "" : "\n");
    (void)fflush(stderr);
}

static void show_findings(const ctl *c, const Vault__V1__RecountBudgetsResponse *last)
{
    static const char *const heads[] = {"BUDGET", "OF", "RESIDENTS", "BY THE LOG", "VALUES", "BY THE LOG"};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < last->n_findings; i++) {
        const Vault__V1__BudgetFinding *f = last->findings[i];
        table_add(&t, (const char *const[]){f->counter->budget, f->counter->subject,
                                            spent_of(c->mem, f->counter->residents, f->counter->residents_limit),
                                            spent_of(c->mem, f->residents, 0),
                                            spent_of(c->mem, f->counter->values, f->counter->values_limit),
                                            spent_of(c->mem, f->values, 0)});
    }
    if (last->n_findings) table_print(&t);
    printf("%llu counters compared with the log: %s\n", (unsigned long long)last->counters,
           last->n_findings ? "those above are not what it says" : "all as it says");
}

static void print_findings_json(const ctl *c, const Vault__V1__RecountBudgetsResponse *last)
{
    json_t *found = json_array();
    for (size_t i = 0; i < last->n_findings; i++) {
        const Vault__V1__BudgetFinding *f = last->findings[i];
        json_array_append_new(found, json_pack("{s:o, s:I, s:I}", "counter", json_of_use(c->mem, f->counter),
                                               "residents", (json_int_t)f->residents, "values", (json_int_t)f->values));
    }
    print_json(json_pack("{s:I, s:I, s:o}", "counters", (json_int_t)last->counters, "lines", (json_int_t)last->size,
                         "findings", found));
}

/* What was found was tampered with: by whoever may write to the database. */
static ctl_exit show_recount(const ctl *c, const Vault__V1__RecountBudgetsResponse *last)
{
    if (c->options[OPT_JSON])
        print_findings_json(c, last);
    else
        show_findings(c, last);
    return last->n_findings ? CTL_TAMPERED : CTL_OK;
}

ctl_exit run_policy_recount(ctl *c)
{
    Vault__V1__RecountBudgetsRequest request = VAULT__V1__RECOUNT_BUDGETS_REQUEST__INIT;
    for (;;) {
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        ctl_exit end = ctl_call(c, &x, "/vault.v1.Policies/RecountBudgets", &request.base,
                                &vault__v1__recount_budgets_response__descriptor);
        if (end != CTL_OK) return end;
        const Vault__V1__RecountBudgetsResponse *page = (const void *)x.reply;
        say_recount(c, page);
        if (!*page->next_page_token) return show_recount(c, page);
        request.page_token = arena_text(c->mem, bytes_of_text(page->next_page_token));
        if (!request.page_token) abort();
    }
}
