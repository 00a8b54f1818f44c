/* history, guardian record, show, end. */
#include "vault/cli/internal.h"

#include "vault/v1/residents.pb-c.h"
#include <stdlib.h>

enum { ENTRIES_MOST = 1000 };

/* ---- who has seen it ---- */

typedef struct told {
    ctl *c;
    table t;
    json_t *receipts; /* NULL: not asked for */
    unsigned unproven;
    const char *classes;
} told;

static const char *joined(arena *mem, char *const *texts, size_t count)
{
    const char *out = "";
    for (size_t i = 0; i < count && out; i++) out = arena_format(mem, "%s%s%s", out, i ? "," : "", texts[i]);
    return out ? out : "";
}

/* A receipt like any other, of one line. */
static json_t *entry_receipt(const Vault__V1__AccessEntry *e, char *note)
{
    Vault__V1__ReceiptLine line = VAULT__V1__RECEIPT_LINE__INIT, *lines[] = {&line};
    Vault__V1__Receipt receipt = VAULT__V1__RECEIPT__INIT;
    line.leaf = e->leaf;
    line.resident_view = e->resident_view;
    line.resident_salt = e->resident_salt;
    receipt.first_line = e->line;
    receipt.lines = lines, receipt.n_lines = 1;
    receipt.path = e->path, receipt.n_path = e->n_path;
    receipt.checkpoint = note;
    return receipt_json(&receipt);
}

/* A tree of one line has no path: nobody is in that line. */
static void keep_receipt(told *out, const Vault__V1__AccessEntry *e, char *note)
{
    if (!out->receipts) return;
    if (e->n_path > 0)
        json_array_append_new(out->receipts, entry_receipt(e, note));
    else
        out->unproven++;
}

static void show_entry(told *out, const Vault__V1__AccessEntry *e)
{
    arena *mem = out->c->mem;
    const char *who = *e->department_title ? e->department_title : e->department;
    const char *why = *e->purpose_title ? e->purpose_title : e->purpose;
    if (out->c->options[OPT_JSON])
        print_json(message_json(mem, &e->base));
    else
        table_add(&out->t, (const char *const[]){time_text(mem, e->time), e->action, e->outcome, who, why,
                                                 joined(mem, e->groups, e->n_groups), e->basis});
}

static ctl_exit history_page(ctl *c, void *context, paging *p)
{
    told *out = context;
    Vault__V1__AccessHistoryRequest request = VAULT__V1__ACCESS_HISTORY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    request.token = lent(c->arguments[0]);
    if (c->options[OPT_GUARDIAN]) request.guardian_token = lent(c->options[OPT_GUARDIAN]);
    if (since && !(request.start_time = ctl_time(c->mem, since))) return usage_error(c, "--since is no time");
    if (until && !(request.end_time = ctl_time(c->mem, until))) return usage_error(c, "--until is no time");
    request.page_size = page_size(p, ENTRIES_MOST);
    request.page_token = lent(p->next);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/AccessHistory", &request.base,
                            &vault__v1__access_history_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__AccessHistoryResponse *reply = (const void *)x.reply;
    for (size_t i = 0; i < reply->n_entries && i < (size_t)p->left; i++) {
        show_entry(out, reply->entries[i]);
        keep_receipt(out, reply->entries[i], reply->checkpoint);
    }
    out->classes = joined(c->mem, reply->withheld_classes, reply->n_withheld_classes);
    page_done(c, p, reply->n_entries, reply->next_page_token);
    return CTL_OK;
}

/* What may be withheld is always said, whether anything is or not. */
static void say_rest(const told *out)
{
    if (out->c->options[OPT_JSON]) return;
    if (*out->classes)
        fprintf(stderr, "vaultctl: the law may withhold, for a time: %s\n", shown(out->c->mem, out->classes));
    if (out->unproven > 0)
        fprintf(stderr, "vaultctl: %u of them are newer than the checkpoint: their receipts come with the next one\n",
                out->unproven);
}

ctl_exit run_history(ctl *c)
{
    static const char *const heads[] = {"TIME", "ACTION", "OUTCOME", "DEPARTMENT", "PURPOSE", "GROUPS", "BASIS"};
    told out = {.c = c, .t = table_of(c->mem, 7, heads), .classes = ""};
    if (c->options[OPT_RECEIPTS]) out.receipts = json_array();
    ctl_exit end = ctl_pages(c, ENTRIES_MOST, history_page, &out);
    if (end == CTL_OK && !c->options[OPT_JSON]) table_print(&out.t);
    if (end == CTL_OK) say_rest(&out);
    if (end == CTL_OK && out.receipts) return receipts_save(c, OPT_RECEIPTS, out.receipts);
    json_decref(out.receipts);
    return end;
}

/* ---- guardians ---- */

static void *word_of(ctl *c, const char *ward, bool ended)
{
    Vault__V1__GuardianItem *out = arena_alloc(c->mem, sizeof *out);
    if (!out) abort();
    vault__v1__guardian_item__init(out);
    out->token = lent(ward);
    out->guardian_token = lent(c->arguments[0]);
    out->ended = ended;
    if (c->options[OPT_KIND]) out->kind = lent(c->options[OPT_KIND]);
    if (c->options[OPT_UNTIL]) out->expire_time = ctl_time(c->mem, c->options[OPT_UNTIL]);
    return out;
}

static void *appointed(ctl *c, const char *ward)
{
    return word_of(c, ward, false);
}

static void *dismissed(ctl *c, const char *ward)
{
    return word_of(c, ward, true);
}

static const char *recorded_text(arena *mem, const ProtobufCMessage *result)
{
    (void)mem, (void)result;
    return "recorded";
}

static ctl_exit record_words(ctl *c, void *(*word)(ctl *c, const char *ward))
{
    Vault__V1__BatchRecordGuardiansRequest request = VAULT__V1__BATCH_RECORD_GUARDIANS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Guardians/BatchRecord",
                               .request = &request.base,
                               .reply = &vault__v1__batch_record_guardians_response__descriptor,
                               .list = "items",
                               .first = 1,
                               .item = word,
                               .text = recorded_text});
}

ctl_exit run_guardian_record(ctl *c)
{
    Google__Protobuf__Timestamp *end = NULL;
    ctl_exit bad = ctl_end(c, &end);
    if (!c->options[OPT_KIND]) return usage_error(c, "--kind is missing: parent, court or committee");
    return bad == CTL_OK ? record_words(c, appointed) : bad;
}

ctl_exit run_guardian_end(ctl *c)
{
    return record_words(c, dismissed);
}

/* "parent rv1..., court rv1... until 2027-01-01" */
static const char *guardians_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__GuardiansResult *r = (const void *)result;
    const char *out = "";
    for (size_t i = 0; i < r->n_guardians && out; i++) {
        const Vault__V1__GuardianItem *g = r->guardians[i];
        const char *until = g->expire_time ? arena_format(mem, " until %s", time_text(mem, g->expire_time)) : "";
        out = arena_format(mem, "%s%s%s %s%s%s", out, i ? ", " : "", g->kind, g->guardian_token, until,
                           g->ended ? " (ended)" : "");
    }
    return out && *out ? out : "none";
}

ctl_exit run_guardian_show(ctl *c)
{
    Vault__V1__BatchGetGuardiansRequest request = VAULT__V1__BATCH_GET_GUARDIANS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Guardians/BatchGet",
                               .request = &request.base,
                               .reply = &vault__v1__batch_get_guardians_response__descriptor,
                               .list = "tokens",
                               .text = guardians_text});
}
