/* audit checkpoint, proof, query. */
#include "vault/cli/internal.h"

#include "vault/audit/tree_proof.h"
#include "vault/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checkpoint and proof ---- */

ctl_exit run_audit_checkpoint(ctl *c)
{
    Vault__V1__GetCheckpointRequest request = VAULT__V1__GET_CHECKPOINT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/GetCheckpoint", &request.base,
                            &vault__v1__get_checkpoint_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__GetCheckpointResponse *reply = (const void *)x.reply;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        fputs(reply->checkpoint, stdout);
    return CTL_OK;
}

/* c2sp.org/tlog-proof: the leaf as its extra data, its index, the path, the checkpoint. */
static ctl_exit print_proof(const ctl *c, uint64_t line, const Vault__V1__GetProofResponse *reply)
{
    digest *path = arena_array(c->mem, reply->n_path + 1, sizeof *path);
    tlog_proof proof = {.extra = bytes_of(reply->leaf.data, reply->leaf.len),
                        .index = (int64_t)line,
                        .path = {.at = path},
                        .checkpoint = bytes_of_text(reply->checkpoint)};
    for (size_t i = 0; path && i < reply->n_path; i++)
        if (reply->path[i].len == DIGEST_LEN) memcpy(path[proof.path.len++].at, reply->path[i].data, DIGEST_LEN);
    const char *text = path ? tlog_proof_text(c->mem, &proof) : NULL;
    return text && fputs(text, stdout) != EOF ? CTL_OK : CTL_FAILED;
}

static void print_proof_json(uint64_t line, const Vault__V1__GetProofResponse *reply)
{
    json_t *path = json_array();
    for (size_t i = 0; i < reply->n_path; i++)
        json_array_append_new(path, base64_json(bytes_of(reply->path[i].data, reply->path[i].len)));
    print_json(json_pack("{s:I, s:I, s:o, s:o, s:s}", "index", (json_int_t)line, "tree_size",
                         (json_int_t)reply->tree_size, "leaf", base64_json(bytes_of(reply->leaf.data, reply->leaf.len)),
                         "path", path, "checkpoint", reply->checkpoint));
}

ctl_exit run_audit_proof(ctl *c)
{
    Vault__V1__GetProofRequest request = VAULT__V1__GET_PROOF_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    char *rest;
    unsigned long long line = strtoull(c->arguments[0], &rest, 10);
    if (*rest || c->arguments[0][0] < '0' || c->arguments[0][0] > '9')
        return usage_error(c, "%s is not the number of a line", c->arguments[0]);
    request.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    request.line = line;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Audit/GetProof", &request.base, &vault__v1__get_proof_response__descriptor);
    if (end != CTL_OK) return end;
    if (!c->options[OPT_JSON]) return print_proof(c, line, (const void *)x.reply);
    print_proof_json(line, (const void *)x.reply);
    return CTL_OK;
}

/* ---- query ---- */

Google__Protobuf__Timestamp *ctl_time(arena *mem, const char *text)
{
    Google__Protobuf__Timestamp *t = arena_alloc(mem, sizeof *t);
    const char *whole = strlen(text) == 10 ? arena_format(mem, "%sT00:00:00+08:00", text) : text;
    int64_t us = t && whole ? clock_parse(whole) : -1;
    if (us < 0) return NULL;
    google__protobuf__timestamp__init(t);
    t->seconds = us / 1000000;
    t->nanos = (int32_t)(us % 1000000) * 1000;
    return t;
}

static char *text_of(const ctl *c, option_id id)
{
    return (char *)(uintptr_t)(c->options[id] ? c->options[id] : "");
}

void query_of(ctl *c, Vault__V1__QueryRequest *out, Vault__V1__RequestContext *context)
{
    vault__v1__query_request__init(out);
    out->context = context;
    out->person = text_of(c, OPT_PERSON);
    out->resident_token = text_of(c, OPT_TOKEN);
    out->purpose = text_of(c, OPT_OF_PURPOSE);
}

static bool set_times(ctl *c, Vault__V1__QueryRequest *out)
{
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    if (since && !(out->start_time = ctl_time(c->mem, since))) return false;
    return !until || (out->end_time = ctl_time(c->mem, until));
}

static const char *member(json_t *view, const char *key)
{
    const char *text = json_string_value(json_object_get(view, key));
    return text ? text : "";
}

static const char *with_version(arena *mem, const char *told, json_t *view)
{
    json_int_t version = json_integer_value(json_object_get(view, "ringversion"));
    return version > 0 ? arena_format(mem, "%s %lld", told, (long long)version) : told;
}

static bool is_of_keys(json_t *view)
{
    const char *action = member(view, "action");
    return strcmp(action, "keys") == 0 || strcmp(action, "rewrite") == 0 || strcmp(action, "verify") == 0;
}

/* Fields; of the control room also which document or ring, and what became of it; of a handover or voucher whom with
 * and on what basis; of a search how many were found, of a rotation how many rows it wrote. */
static const char *asked_for(arena *mem, json_t *view)
{
    static const char *const told[] = {"document", "change", "ring", "fields", "counterpart", "sharing"};
    const char *all = "";
    for (size_t i = 0; all && i < sizeof told / sizeof *told; i++) {
        const char *one = member(view, told[i]);
        if (*one) all = arena_format(mem, "%s%s%s", all, *all ? " " : "", one);
        if (*one && all && strcmp(told[i], "ring") == 0) all = with_version(mem, all, view);
    }
    json_int_t hits = json_integer_value(json_object_get(view, "hits"));
    return all && hits > 0 ? arena_format(mem, "%s: %lld %s", all, (long long)hits, is_of_keys(view) ? "rows" : "found")
                           : all;
}

static void add_line(table *t, const Vault__V1__Line *line)
{
    VAULT_CLEANUP(json_clear) json_t *view = NULL;
    vault_error dropped = {0};
    if (json_read(&view, bytes_of_text(line->officer_view), "view", &dropped) != VAULT_OK) view = json_object();
    const char *index = arena_format(t->mem, "%llu", (unsigned long long)line->index);
    const char *clause = member(view, "clause");
    const char *ended = arena_format(t->mem, "%s%s%s", line->outcome, *clause ? ": " : "", clause);
    const char *alarm = !line->consistent ? "ALTERED" : line_opens(line) ? "" : "DOES NOT OPEN";
    table_add(t, (const char *const[]){index, time_text(t->mem, line->time), line->action, ended, member(view, "app"),
                                       member(view, "person"), member(view, "purpose"), asked_for(t->mem, view),
                                       member(view, "ticket"), alarm});
}

json_t *audit_line_json(arena *mem, const Vault__V1__Line *line)
{
    vault_error dropped = {0};
    json_t *view = NULL;
    if (json_read(&view, bytes_of_text(line->officer_view), "view", &dropped) != VAULT_OK) view = json_null();
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:b, s:b, s:o, s:o}", "index", (json_int_t)line->index, "time",
                     time_text(mem, line->time), "action", line->action, "outcome", line->outcome, "officer_view", view,
                     "consistent", line->consistent, "opens", line_opens(line), "leaf",
                     base64_json(bytes_of(line->leaf.data, line->leaf.len)), "officer_salt",
                     base64_json(bytes_of(line->officer_salt.data, line->officer_salt.len)));
}

static ctl_exit query_page(ctl *c, void *context, paging *p)
{
    enum { PAGE_MAX = 1000 };
    table *t = context;
    Vault__V1__QueryRequest request;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    query_of(c, &request, NULL);
    if (!set_times(c, &request)) return usage_error(c, "--since and --until are times (2026-11-22T08:00:00Z) or dates");
    request.page_size = page_size(p, PAGE_MAX);
    request.page_token = lent(p->next);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/Query", &request.base, &vault__v1__query_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__QueryResponse *reply = (const void *)x.reply;
    for (size_t i = 0; i < reply->n_lines && i < (size_t)p->left; i++) {
        if (c->options[OPT_JSON])
            print_json(audit_line_json(c->mem, reply->lines[i]));
        else
            add_line(t, reply->lines[i]);
    }
    page_done(c, p, reply->n_lines, reply->next_page_token);
    return CTL_OK;
}

ctl_exit run_audit_query(ctl *c)
{
    enum { LIMIT = 100 };
    static const char *const heads[] = {"LINE",   "TIME",    "ACTION", "OUTCOME", "APP",
                                        "PERSON", "PURPOSE", "FIELDS", "TICKET",  ""};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    ctl_exit end = ctl_pages(c, LIMIT, query_page, &t);
    if (!c->options[OPT_JSON] && t.rows > 1) table_print(&t);
    return end;
}
