/* audit report: what a review of compliance asks for. */
#include "vault/cli/register_names.h"
#include "vault/cli/report_page.h"
#include "vault/cli/text_file.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static register_names read_names(ctl *c)
{
    register_names names = names_none();
    names_add(c, &names, "purposes", (const char *const[]){"purposes", NULL}, "title");
    names_add(c, &names, "principals", (const char *const[]){"departments", NULL}, "name");
    return names;
}

/* ---- shown ---- */

static const char *number(const ctl *c, uint64_t n)
{
    return arena_format(c->mem, "%llu", (unsigned long long)n);
}

static void print_report(const ctl *c, const Vault__V1__ReportResponse *of, const json_t *names)
{
    static const char *const heads[] = {"WHAT", "OF", "LINES", "RESIDENTS"};
    const bool chinese = speaks_chinese();
    table t = table_of(c->mem, 4, heads);
    for (size_t i = 0; i < of->n_counts; i++) {
        const Vault__V1__ReportCount *one = of->counts[i];
        const char *name = json_string_value(json_object_get(names, one->key));
        if (!one->key[0] && strcmp(one->kind, "opened_by_department") == 0)
            name = "(none)"; /* administrators, officers */
        table_add(&t, (const char *const[]){report_kind(one->kind, chinese), name ? name : one->key,
                                            number(c, one->lines), number(c, one->residents)});
    }
    printf("%llu persons, %llu of them restricted; %llu of %llu lines read, %llu archived\n",
           (unsigned long long)of->residents, (unsigned long long)of->restricted, (unsigned long long)of->lines_read,
           (unsigned long long)of->lines, (unsigned long long)of->archived_lines);
    table_print(&t);
}

static ctl_exit write_page(ctl *c, const Vault__V1__ReportResponse *of, const json_t *names)
{
    char made[32];
    clock_format(made, clock_now_us());
    const report_page page = {.of = of,
                              .since = c->options[OPT_SINCE] ? c->options[OPT_SINCE] : "",
                              .until = c->options[OPT_UNTIL] ? c->options[OPT_UNTIL] : "",
                              .made = made,
                              .names = names,
                              .chinese = speaks_chinese()};
    VAULT_CLEANUP(text_file_clear) text_file f = {0};
    if (!text_file_begin(&f) || !report_page_write(f.to, &page)) abort();
    return text_file_save(&f, c->options[OPT_HTML]);
}

ctl_exit run_audit_report(ctl *c)
{
    Vault__V1__ReportRequest request = VAULT__V1__REPORT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    if (since && !(request.start_time = ctl_time(c->mem, since))) return usage_error(c, "--since is no time");
    if (until && !(request.end_time = ctl_time(c->mem, until))) return usage_error(c, "--until is no time");
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/Report", &request.base, &vault__v1__report_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ReportResponse *of = (const void *)x.reply;
    if (c->options[OPT_JSON] && !c->options[OPT_HTML]) {
        print_json(message_json(c->mem, &of->base));
        return CTL_OK;
    }
    VAULT_CLEANUP(names_clear) register_names names = read_names(c);
    if (c->options[OPT_HTML]) end = write_page(c, of, names.by_id);
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &of->base));
    else
        print_report(c, of, names.by_id);
    return end;
}
