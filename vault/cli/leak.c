/* Leaked lists: brought in, traced, closed; and what follows for those whom they are about. */
#include "vault/cli/leak_report.h"
#include "vault/cli/leak_table.h"
#include "vault/cli/query.h"
#include "vault/cli/text_file.h"

#include "vault/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEADS_MOST = 100, EVIDENCE_MOST = 50, EVIDENCE_USUAL = 5, AFFECTED_PAGE = 1000 };
/* What a vault takes unless it is told otherwise, less the call's own fields. */
enum { REQUEST_MOST = (8 << 20) - 4096 };
static const char CASE[] = "leaks/";

static void print_leak(arena *mem, const Vault__V1__Leak *l)
{
    printf("%s  %s\n  approval   %s\n  rows       %llu", shown(mem, l->name), shown(mem, l->state),
           shown(mem, l->approval), (unsigned long long)l->rows);
    if (l->total_rows) printf(" of %llu", (unsigned long long)l->total_rows);
    printf("\n  columns    ");
    for (size_t i = 0; i < l->n_columns; i++)
        printf("%s%s", i ? ", " : "", l->columns[i][0] ? shown(mem, l->columns[i]) : "-");
    printf("\n  seen       %s\n  brought by %s (%s), %s\n  ends       %s\n", time_text(mem, l->seen_time),
           shown(mem, l->creator), shown(mem, l->ticket), time_text(mem, l->create_time),
           time_text(mem, l->expire_time));
}

static void show_leak(const ctl *c, const Vault__V1__Leak *l)
{
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &l->base));
    else
        print_leak(c->mem, l);
}

/* ---- bringing one in ---- */

static ctl_exit get_collection(ctl *c, exchange *x, const Vault__V1__Collection **out)
{
    Vault__V1__ListCollectionsRequest request = VAULT__V1__LIST_COLLECTIONS_REQUEST__INIT;
    const char *name = c->options[OPT_COLLECTION] ? c->options[OPT_COLLECTION] : "residents";
    ctl_exit end = ctl_call(c, x, "/vault.v1.Records/ListCollections", &request.base,
                            &vault__v1__list_collections_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListCollectionsResponse *all = (const void *)x->reply;
    for (size_t i = 0; i < all->n_collections; i++)
        if (strcmp(all->collections[i]->name, name) == 0) return *out = all->collections[i], CTL_OK;
    return usage_error(c, "the vault has no collection %s", name);
}

static const char *column_text(const ctl *c, const leak_table *t, size_t i)
{
    const struct leak_singles *by = &t->singles[i];
    const char *name = t->columns[i][0] ? shown(c->mem, t->columns[i]) : by->taken ? "mixed" : "not looked at";
    if (!by->taken && !(by->left && t->columns[i][0])) return name;
    return arena_format(c->mem, "%s; %llu values are taken as what they look like, %llu are left out", name,
                        (unsigned long long)by->taken, (unsigned long long)by->left);
}

static void say_left_out(const leak_table *t)
{
    if (t->uneven)
        fprintf(stderr,
                "%llu rows have another number of columns: what is recognised in them is taken, %llu values are left "
                "out\n",
                (unsigned long long)t->uneven, (unsigned long long)t->uneven_left);
    if (t->faulty)
        fprintf(stderr, "%llu rows could not be taken apart, and are left out\n", (unsigned long long)t->faulty);
    if (t->long_values)
        fprintf(stderr, "%llu values are over %d bytes long, and are left out\n", (unsigned long long)t->long_values,
                LEAK_TEXT_MOST);
    if (t->total > t->row_count + t->faulty)
        fprintf(stderr, "%zu of %llu rows are taken, drawn by lot\n", t->row_count, (unsigned long long)t->total);
}

/* Headings are the file's: of one without any nothing is quoted. */
static void say_columns(const ctl *c, const leak_table *t)
{
    for (size_t i = 0; i < t->of_file; i++)
        fprintf(stderr, "column %zu%s%s: %s\n", i + 1, t->headless ? "" : " ",
                t->headless ? "" : shown(c->mem, t->headings[i]), column_text(c, t, i));
    for (size_t i = t->of_file; i < t->column_count; i++)
        fprintf(stderr, "found among others: %s\n", shown(c->mem, t->columns[i]));
    say_left_out(t);
}

static ctl_exit read_table(ctl *c, const Vault__V1__Collection *of, leak_table *out)
{
    vault_error err = {0};
    const char *delimiter = c->options[OPT_DELIMITER], *coding = c->options[OPT_ENCODING];
    leak_reading how = {.path = c->arguments[0], .of = of, .columns = c->options[OPT_COLUMNS]};
    if (delimiter && strlen(delimiter) != 1) return usage_error(c, "--delimiter is one character");
    if (delimiter) how.delimiter = delimiter[0];
    if (coding && !encoding_named(&how.encoding, coding)) return usage_error(c, "--encoding %s is not known", coding);
    if (leak_table_read(out, c->mem, &how, &err) != VAULT_OK) return say_error(&err), CTL_INVALID;
    say_columns(c, out);
    return CTL_OK;
}

static ctl_exit open_case(ctl *c, const leak_table *t)
{
    Vault__V1__OpenLeakRequest request = VAULT__V1__OPEN_LEAK_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_SEEN]) return usage_error(c, "--seen is missing: when the list was seen first");
    if (!(request.seen_time = ctl_time(c->mem, c->options[OPT_SEEN])))
        return usage_error(c, "--seen is not a time: %s", c->options[OPT_SEEN]);
    request.columns = t->columns;
    request.n_columns = t->column_count;
    request.rows = t->rows;
    request.n_rows = t->row_count;
    request.total_rows = t->total > t->row_count ? t->total : 0;
    const size_t size = vault__v1__open_leak_request__get_packed_size(&request);
    if (size > REQUEST_MOST)
        return usage_error(c,
                           "the list has %zu bytes, and a request no more than %d (limits.message_bytes): leave "
                           "columns out with --columns, or bring it in parts",
                           size, REQUEST_MOST);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Leaks/Open", &request.base, &vault__v1__leak__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__Leak *made = (const void *)x.reply;
    show_leak(c, made);
    fprintf(stderr,
            "another officer looks at it and approves: vaultctl approval show %s\n"
            "then: vaultctl audit trace %s --report report.html --ticket ...\n",
            shown(c->mem, made->approval), shown(c->mem, made->name));
    return CTL_OK;
}

static ctl_exit bring(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    const Vault__V1__Collection *of = NULL;
    leak_table found = {0};
    ctl_exit end = get_collection(c, &x, &of);
    if (end == CTL_OK) end = read_table(c, of, &found);
    return end == CTL_OK ? open_case(c, &found) : end;
}

/* ---- tracing ---- */

static const char *percent(arena *mem, double value)
{
    return arena_format(mem, "%.1f %%", 100 * value);
}

/* Nothing is certain here, and nothing impossible. */
static const char *likelihood(arena *mem, double value)
{
    return value > 0.999 ? "> 99.9 %" : value < 0.001 ? "< 0.1 %" : percent(mem, value);
}

static const char *lead_name(const ctl *c, const Vault__V1__TraceLead *of, const register_names *names)
{
    if (of->person[0]) return named(c->mem, names, of->person);
    return of->request_id[0] ? of->request_id : "(by itself)";
}

static void print_leads(const ctl *c, const Vault__V1__TraceReport *r, const register_names *names)
{
    static const char *const heads[] = {"LEAD", "APP", "KIND", "POSTERIOR", "ROWS", "OF LIST", "OPENED", "CANARIES"};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < r->n_leads; i++) {
        const Vault__V1__TraceLead *one = r->leads[i];
        table_add(&t, (const char *const[]){
                          lead_name(c, one, names), one->app, one->kind, likelihood(c->mem, one->posterior),
                          arena_format(c->mem, "%llu", (unsigned long long)one->hits), percent(c->mem, one->coverage),
                          arena_format(c->mem, "%llu", (unsigned long long)one->opened),
                          arena_format(c->mem, "%zu", one->n_canaries)});
    }
    table_print(&t);
}

static void print_trace(const ctl *c, const Vault__V1__TraceReport *r, const register_names *names)
{
    printf("%llu of %llu rows lead to %llu residents; %llu lines and %llu accessors looked at\n"
           "not from this vault: %s\n",
           (unsigned long long)r->rows_linked, (unsigned long long)r->rows, (unsigned long long)r->residents,
           (unsigned long long)r->lines, (unsigned long long)r->accessors, likelihood(c->mem, r->not_from_here));
    print_leads(c, r, names);
    for (size_t i = 0; i < r->n_colluders; i++)
        printf("%s%s with %s: %s of the list\n", i ? "  " : "together clearly better:\n  ",
               shown(c->mem, r->colluders[i]->person), shown(c->mem, r->colluders[i]->app),
               percent(c->mem, r->colluders[i]->weight));
    puts("ranked leads, not proof");
}

static ctl_exit write_report(const ctl *c, const Vault__V1__TraceReport *r, const register_names *names)
{
    char now[32];
    const char *path = c->options[OPT_REPORT];
    if (!path) return CTL_OK;
    VAULT_CLEANUP(text_file_clear) text_file f = {0};
    clock_format(now, clock_now_us());
    const leak_report report = {
        .of = r, .title = c->options[OPT_TICKET], .made = now, .names = names->by_id, .chinese = speaks_chinese()};
    if (!text_file_begin(&f) || !leak_report_write(f.to, &report)) abort();
    ctl_exit end = text_file_save(&f, path);
    if (end == CTL_OK) fprintf(stderr, "the report is in %s\n", path);
    return end;
}

/* The evidence of all leads, each line once: `vault-verify receipt` checks it. */
static ctl_exit keep_evidence(const ctl *c, const Vault__V1__TraceReport *r)
{
    VAULT_CLEANUP(json_clear) json_t *known = json_object();
    if (!c->options[OPT_RECEIPTS]) return CTL_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < r->n_leads; i++) {
        for (size_t k = 0; k < r->leads[i]->n_evidence; k++) {
            const Vault__V1__Line *one = r->leads[i]->evidence[k];
            const char *index = arena_format(c->mem, "%llu", (unsigned long long)one->index);
            if (!one->consistent || one->n_path == 0 || json_object_get(known, index)) continue;
            json_object_set_new(known, index, json_true());
            json_array_append_new(all, line_receipt(one, r->checkpoint));
        }
    }
    return receipts_save(c, OPT_RECEIPTS, all);
}

static ctl_exit show_trace(ctl *c, const Vault__V1__TraceReport *r)
{
    const bool named_at_all = c->options[OPT_REPORT] || !c->options[OPT_JSON];
    VAULT_CLEANUP(names_clear) register_names names = named_at_all ? names_read(c) : (register_names){0};
    ctl_exit end = write_report(c, r, &names);
    if (end == CTL_OK) end = keep_evidence(c, r);
    if (end == CTL_OK && c->options[OPT_JSON])
        print_json(message_json(c->mem, &r->base));
    else if (end == CTL_OK)
        print_trace(c, r, &names);
    return end;
}

static ctl_exit trace_case(ctl *c)
{
    Vault__V1__TraceLeakRequest request = VAULT__V1__TRACE_LEAK_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    int64_t leads = option_number(c, OPT_LIMIT, 20, LEADS_MOST);
    int64_t evidence = option_number(c, OPT_EVIDENCE, EVIDENCE_USUAL, EVIDENCE_MOST);
    if (leads < 1) return usage_error(c, "--limit is a number of leads, up to %d", LEADS_MOST);
    if (evidence < 0) return usage_error(c, "--evidence is a number of lines, up to %d", EVIDENCE_MOST);
    request.leak = lent(c->arguments[0]);
    request.leads = (int32_t)leads;
    request.evidence = (int32_t)evidence;
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/TraceLeak", &request.base, &vault__v1__trace_report__descriptor);
    return end == CTL_OK ? show_trace(c, (const void *)x.reply) : end;
}

/* A list that lies in a folder of that name is a list. */
static bool is_case(const char *name)
{
    return strncmp(name, CASE, sizeof CASE - 1) == 0 && access(name, F_OK) != 0;
}

ctl_exit run_audit_trace(ctl *c)
{
    return is_case(c->arguments[0]) ? trace_case(c) : bring(c);
}

/* ---- list and close ---- */

ctl_exit run_leak_list(ctl *c)
{
    static const char *const heads[] = {"LEAK", "STATE", "ROWS", "SEEN", "BROUGHT BY", "TICKET", "ENDS"};
    Vault__V1__ListLeaksRequest request = VAULT__V1__LIST_LEAKS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Leaks/List", &request.base, &vault__v1__list_leaks_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListLeaksResponse *reply = (const void *)x.reply;
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, &reply->base)), CTL_OK;
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < reply->n_leaks; i++) {
        const Vault__V1__Leak *one = reply->leaks[i];
        table_add(&t, (const char *const[]){one->name, one->state,
                                            arena_format(c->mem, "%llu", (unsigned long long)one->rows),
                                            time_text(c->mem, one->seen_time), one->creator, one->ticket,
                                            time_text(c->mem, one->expire_time)});
    }
    table_print(&t);
    return CTL_OK;
}

ctl_exit run_leak_close(ctl *c)
{
    Vault__V1__CloseLeakRequest request = VAULT__V1__CLOSE_LEAK_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = lent(c->arguments[0]);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Leaks/Close", &request.base, &vault__v1__leak__descriptor);
    if (end == CTL_OK) show_leak(c, (const void *)x.reply);
    return end;
}

/* ---- incident ---- */

typedef struct incident {
    ctl *ctl;
    FILE *tokens;
    json_t *json; /* of all pages; NULL: texts */
    const Vault__V1__ListAffectedResponse *last;
} incident;

static void keep_tokens(const incident *of, const Vault__V1__ListAffectedResponse *reply)
{
    json_t *all = of->json ? json_object_get(of->json, "tokens") : NULL;
    for (size_t i = 0; i < reply->n_tokens; i++) {
        fprintf(of->tokens, "%s\n", shown(of->ctl->mem, reply->tokens[i]));
        if (all) json_array_append_new(all, json_string(reply->tokens[i]));
    }
}

static const char *in_chinese(const char *class_name)
{
    static const char *const classes[][2] = {
        {"general", "一般"}, {"personal", "个人信息"}, {"sensitive", "敏感个人信息"}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i][0], class_name) == 0) return classes[i][1];
    return class_name;
}

/* What PIPL 57 wants in a notice, as far as the vault knows it; the rest is for people to write. */
static void print_notice(const Vault__V1__ListAffectedResponse *r, arena *mem)
{
    printf("个人信息安全事件告知（草稿，依据《个人信息保护法》第五十七条）\n\n一、涉及的个人信息种类：");
    for (size_t i = 0; i < r->n_field_labels; i++) printf("%s%s", i ? "、" : "", shown(mem, r->field_labels[i]));
    printf("（最高类别：%s）\n二、发生原因：【待填】\n三、可能造成的危害：【待填】\n"
           "四、已采取的补救措施：【待填】\n五、您可以采取的减轻危害的措施：【待填】\n六、联系方式：【待填】\n\n"
           "涉及居民 %llu 人，其中不满十四周岁 %llu 人（告知其监护人）。\n\n",
           shown(mem, in_chinese(r->gravest_class)), (unsigned long long)r->total, (unsigned long long)r->children);
    printf("Notice of a personal information incident (draft; PIPL article 57)\n\n"
           "1. Kinds of personal information: as above (gravest class: %s)\n2. Cause: [to be written]\n"
           "3. Harm that may follow: [to be written]\n4. What has been done: [to be written]\n"
           "5. What you can do yourself: [to be written]\n6. Whom to ask: [to be written]\n\n"
           "Residents affected: %llu, of whom %llu under 14 (their guardians are told).\n",
           shown(mem, r->gravest_class), (unsigned long long)r->total, (unsigned long long)r->children);
}

/* A notice to some must not be taken for one to all. */
static void say_sampled(const Vault__V1__ListAffectedResponse *r)
{
    if (r->total_rows <= r->rows) return;
    fprintf(
        stderr,
        "vaultctl: these are the residents of %llu rows that were drawn of %llu: bring the others as cases of their "
        "own, or more must be notified than stand here\n",
        (unsigned long long)r->rows, (unsigned long long)r->total_rows);
}

static void end_json(const incident *of, const Vault__V1__ListAffectedResponse *r)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < r->n_field_labels; i++) json_array_append_new(labels, json_string(r->field_labels[i]));
    json_object_set_new(of->json, "field_labels", labels);
    json_object_set_new(of->json, "gravest_class", json_string(r->gravest_class));
    json_object_set_new(of->json, "total", json_integer((json_int_t)r->total));
    json_object_set_new(of->json, "children", json_integer((json_int_t)r->children));
    json_object_set_new(of->json, "rows", json_integer((json_int_t)r->rows));
    json_object_set_new(of->json, "total_rows", json_integer((json_int_t)(r->total_rows ? r->total_rows : r->rows)));
    print_json(json_incref(of->json));
}

static ctl_exit ask_pages(incident *of)
{
    ctl *c = of->ctl;
    Vault__V1__ListAffectedRequest request = VAULT__V1__LIST_AFFECTED_REQUEST__INIT;
    request.leak = lent(c->arguments[0]);
    request.app = lent(c->options[OPT_APP]);
    request.purpose = lent(c->options[OPT_OF_PURPOSE]);
    request.page_size = AFFECTED_PAGE;
    for (;;) {
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        ctl_exit end = ctl_call(c, &x, "/vault.v1.Leaks/ListAffected", &request.base,
                                &vault__v1__list_affected_response__descriptor);
        if (end != CTL_OK) return end;
        const Vault__V1__ListAffectedResponse *reply = (const void *)x.reply;
        keep_tokens(of, reply);
        if (reply->next_page_token[0]) {
            if (!(request.page_token = arena_text(c->mem, bytes_of_text(reply->next_page_token)))) abort();
            continue;
        }
        if (of->json)
            end_json(of, reply);
        else
            print_notice(reply, c->mem);
        say_sampled(reply);
        return CTL_OK;
    }
}

ctl_exit run_incident(ctl *c)
{
    VAULT_CLEANUP(json_clear) json_t *json = c->options[OPT_JSON] ? json_pack("{s:[]}", "tokens") : NULL;
    incident of = {.ctl = c, .json = json};
    VAULT_CLEANUP(text_file_clear) text_file kept = {0};
    if (!c->options[OPT_APP] || !c->options[OPT_OF_PURPOSE])
        return usage_error(c, "--app and --of-purpose are missing: who notifies, and for what");
    if (!text_file_begin(&kept)) abort();
    of.tokens = kept.to;
    ctl_exit end = ask_pages(&of);
    if (end == CTL_OK && !json && !c->options[OPT_OUT])
        fputs("vaultctl: whom to notify: --out FILE keeps their tokens\n", stderr);
    if (end == CTL_OK && c->options[OPT_OUT]) return text_file_save(&kept, c->options[OPT_OUT]);
    return end;
}
