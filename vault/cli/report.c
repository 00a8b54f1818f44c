/* audit report: what a review of compliance asks for. */
#include "vault/cli/report_page.h"
#include "vault/cli/text_file.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void add_names(ctl *c, json_t *to, const char *document, const char *list, const char *member)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    size_t i;
    json_t *entry;
    if (document_get(c, &x, document, 0) != CTL_OK) return; /* ids stand for themselves */
    VAULT_CLEANUP(json_clear)
    json_t *content = content_json(((const Vault__V1__GetDocumentResponse *)(const void *)x.reply)->content);
    json_array_foreach(json_object_get(content, list), i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        json_t *name = json_object_get(entry, member);
        if (id && json_is_string(name)) json_object_set(to, id, name);
    }
}

static json_t *read_names(ctl *c)
{
    json_t *names = json_object();
    add_names(c, names, "purposes", "purposes", "title");
    add_names(c, names, "principals", "departments", "name");
    return names;
}

/* ---- shown ------------------------------------------------------------------------------------------------------- */

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
    VAULT_CLEANUP(json_clear) json_t *names = read_names(c);
    if (c->options[OPT_HTML]) end = write_page(c, of, names);
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &of->base));
    else
        print_report(c, of, names);
    return end;
}
