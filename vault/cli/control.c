/* The documents of the control room: what stands, what stood, what a file would be, and what is taken away at once. */
#include "vault/base/memory.h"
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 8 << 20 };

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

/* ---- a document ---- */

ctl_exit document_get(ctl *c, exchange *x, const char *name, uint64_t version)
{
    Vault__V1__GetDocumentRequest request = VAULT__V1__GET_DOCUMENT_REQUEST__INIT;
    request.document = lent(name);
    request.version = version;
    return ctl_call(c, x, "/vault.v1.Control/GetDocument", &request.base,
                    &vault__v1__get_document_response__descriptor);
}

json_t *content_json(ProtobufCBinaryData content)
{
    json_t *value = json_loadb((const char *)content.data, content.len, 0, NULL);
    return value ? value : json_null();
}

/* A version that was asked for; 0 for none. */
static bool read_version(const char *text, uint64_t *out)
{
    char *end = NULL;
    *out = text ? strtoull(text, &end, 10) : 0;
    return !text || (*end == '\0' && *out > 0 && text[0] != '-');
}

static void show_document(const ctl *c, const Vault__V1__GetDocumentResponse *reply)
{
    json_t *content = content_json(reply->content);
    if (c->options[OPT_JSON]) {
        print_json(json_pack("{s:I, s:s, s:o}", "version", (json_int_t)reply->version, "digest", reply->digest,
                             "content", content));
        return;
    }
    json_dumpf(content, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(content);
}

ctl_exit run_control_show(ctl *c)
{
    uint64_t version;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!read_version(c->options[OPT_VERSION], &version)) return usage_error(c, "--version is not a number");
    ctl_exit end = document_get(c, &x, c->arguments[0], version);
    if (end == CTL_OK) show_document(c, (const void *)x.reply);
    return end;
}

ctl_exit run_control_diff(ctl *c)
{
    uint64_t from, to;
    VAULT_CLEANUP(exchange_clear) exchange old = {0};
    VAULT_CLEANUP(exchange_clear) exchange new = {0};
    bool good = read_version(c->arguments[1], &from) && read_version(c->count > 2 ? c->arguments[2] : NULL, &to);
    if (!good) return usage_error(c, "a version is not a number from 1 on");
    ctl_exit end = document_get(c, &old, c->arguments[0], from);
    if (end == CTL_OK) end = document_get(c, &new, c->arguments[0], to);
    if (end != CTL_OK) return end;
    VAULT_CLEANUP(json_clear)
    json_t *before = content_json(((const Vault__V1__GetDocumentResponse *)(const void *)old.reply)->content);
    VAULT_CLEANUP(json_clear)
    json_t *after = content_json(((const Vault__V1__GetDocumentResponse *)(const void *)new.reply)->content);
    VAULT_CLEANUP(json_clear) json_t *found = json_difference(before, after);
    if (c->options[OPT_JSON])
        print_json(json_incref(found));
    else
        print_difference(found);
    return CTL_OK;
}

/* ---- a file that may become one ---- */

bool content_read(ctl *c, const char *path, ProtobufCBinaryData *out)
{
    vault_error err = {0};
    char *text;
    size_t len;
    if (file_read(&text, &len, path, CONTENT_MAX, &err) != VAULT_OK) return say_error(&err), false;
    bytes copy = arena_copy(c->mem, bytes_of(text, len));
    memory_free(text, len);
    *out = (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)copy.at};
    return copy.at != NULL || len == 0;
}

/* "persons.csv:17", "policy.json:3:14", or the file alone where the fault has no place in it. */
static const char *place_of(const ctl *c, const content_origin *origin, const Vault__V1__DocumentFault *fault,
                            size_t line)
{
    char *text = NULL;
    if (line)
        text = arena_format(c->mem, "%s:%zu", origin->file, line);
    else if (fault->line && !origin->line_of)
        text = arena_format(c->mem, "%s:%u:%u", origin->file, fault->line, fault->column);
    return text ? text : origin->file;
}

/* The line of a table's fault is the table's, not that of the document made from it. */
static ctl_exit say_fault(const ctl *c, const content_origin *origin, const Vault__V1__DocumentFault *fault)
{
    size_t line = origin->line_of ? origin->line_of(origin->context, fault->path) : 0;
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:{s:I, s:i, s:s, s:s}}", "fault", "line",
                             origin->line_of ? (json_int_t)line : (json_int_t)fault->line, "column",
                             origin->line_of ? 0 : (int)fault->column, "path", fault->path, "text", fault->text));
    else
        fprintf(stderr, "vaultctl: %s: %s%s%s\n", place_of(c, origin, fault, line), shown(c->mem, fault->path),
                *fault->path ? ": " : "", shown(c->mem, fault->text));
    return CTL_INVALID;
}

ctl_exit content_check(ctl *c, const char *document, ProtobufCBinaryData content, const content_origin *origin,
                       const char **canonical)
{
    Vault__V1__CheckDocumentRequest request = VAULT__V1__CHECK_DOCUMENT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.document = lent(document);
    request.content = content;
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Control/CheckDocument", &request.base,
                            &vault__v1__check_document_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__CheckDocumentResponse *reply = (const void *)x.reply;
    if (reply->fault) return say_fault(c, origin, reply->fault);
    if (canonical) *canonical = arena_text(c->mem, bytes_of_text(reply->digest));
    return CTL_OK;
}

/* Document and file of the command line. */
static ctl_exit check_file(ctl *c, ProtobufCBinaryData *content, const char **canonical)
{
    const content_origin origin = {.file = c->arguments[1]};
    if (!content_read(c, c->arguments[1], content)) return CTL_INVALID;
    return content_check(c, c->arguments[0], *content, &origin, canonical);
}

ctl_exit run_control_check(ctl *c)
{
    ProtobufCBinaryData content;
    const char *canonical = NULL;
    ctl_exit end = check_file(c, &content, &canonical);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:s}", "digest", canonical));
    else
        printf("%s: would be taken, digest %s\n", c->arguments[1], canonical);
    return CTL_OK;
}

/* Checked first: a fault is then told with its line and column. */
ctl_exit run_control_propose(ctl *c)
{
    ProtobufCBinaryData content;
    ctl_exit end = check_file(c, &content, NULL);
    if (end != CTL_OK) return end;
    VAULT_CLEANUP(exchange_clear) exchange standing = {0};
    end = document_get(c, &standing, c->arguments[0], 0);
    if (end != CTL_OK) return end;
    return propose(c, c->arguments[0], content,
                   ((const Vault__V1__GetDocumentResponse *)(const void *)standing.reply)->digest);
}

/* ---- history ---- */

static json_t *change_json(arena *mem, const Vault__V1__Change *change)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "version", (json_int_t)change->version,
                     "time", time_text(mem, change->time), "kind", change->kind, "document", change->document, "who",
                     change->who, "ticket", change->ticket, "before", change->before, "after", change->after,
                     "approval", change->approval, "manifest", change->manifest);
}

static void add_change(table *t, const Vault__V1__Change *change)
{
    char version[24];
    (void)snprintf(version, sizeof version, "%llu", (unsigned long long)change->version);
    table_add(t,
              (const char *const[]){version, time_text(t->mem, change->time), change->kind, or_dash(change->document),
                                    or_dash(change->who), or_dash(change->approval), change->ticket});
}

static table changes_table(arena *mem)
{
    static const char *const heads[] = {"VERSION", "TIME", "CHANGE", "DOCUMENT", "WHO", "APPROVAL", "TICKET"};
    return table_of(mem, 7, heads);
}

typedef struct history {
    table rows;
    json_t *all;
} history;

/* Of the policy's history what decides who may see what, and no operation on keys. */
static bool asked_for(const Vault__V1__Change *change)
{
    static const char *const documents[] = {"policy", "purposes", "principals", "persons", "sharing"};
    if (change->version == 1) return true;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        if (strcmp(change->document, documents[i]) == 0) return true;
    return false;
}

static ctl_exit history_page(ctl *c, void *context, paging *p)
{
    enum { PAGE_MAX = 1000 };
    history *h = context;
    Vault__V1__ListChangesRequest request = VAULT__V1__LIST_CHANGES_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    bool some = strcmp(c->command->name, "policy history") == 0; /* of a page perhaps none */
    request.page_size = some ? PAGE_MAX : page_size(p, PAGE_MAX);
    request.page_token = lent(p->next);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Control/ListChanges", &request.base, &vault__v1__list_changes_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListChangesResponse *reply = (const void *)x.reply;
    size_t shown = 0;
    const char *next = reply->next_page_token;
    for (size_t i = 0; i < reply->n_changes; i++) {
        if (some && !asked_for(reply->changes[i])) continue;
        if ((int64_t)shown == p->left) {
            next = "more";
            break;
        }
        json_array_append_new(h->all, change_json(c->mem, reply->changes[i]));
        add_change(&h->rows, reply->changes[i]);
        shown++;
    }
    page_done(c, p, shown, next);
    return CTL_OK;
}

ctl_exit run_control_history(ctl *c)
{
    enum { LIMIT = 100 };
    VAULT_CLEANUP(json_clear) json_t *all = json_array();
    history h = {.rows = changes_table(c->mem), .all = all};
    ctl_exit end = ctl_pages(c, LIMIT, history_page, &h);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON])
        print_json(json_incref(all));
    else
        table_print(&h.rows);
    return CTL_OK;
}

/* ---- revoke ---- */

static ctl_exit revoke(ctl *c, Vault__V1__RevokeRequest *request)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Control/Revoke", &request->base, &vault__v1__revoke_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__Change *change = ((const Vault__V1__RevokeResponse *)(const void *)x.reply)->change;
    if (c->options[OPT_JSON])
        print_json(change_json(c->mem, change));
    else
        printf("revoked: control version %llu, on every node from its next batch on\n",
               (unsigned long long)change->version);
    return CTL_OK;
}

ctl_exit run_revoke_certificate(ctl *c)
{
    Vault__V1__RevokeRequest request = VAULT__V1__REVOKE_REQUEST__INIT;
    request.what_case = VAULT__V1__REVOKE_REQUEST__WHAT_CERTIFICATE;
    request.certificate = lent(c->arguments[0]);
    return revoke(c, &request);
}

ctl_exit run_revoke_assertion_key(ctl *c)
{
    Vault__V1__RevokeRequest request = VAULT__V1__REVOKE_REQUEST__INIT;
    request.what_case = VAULT__V1__REVOKE_REQUEST__WHAT_ASSERTION_KEY;
    request.assertion_key = lent(c->arguments[0]);
    return revoke(c, &request);
}

ctl_exit run_revoke_person(ctl *c)
{
    Vault__V1__RevokeRequest request = VAULT__V1__REVOKE_REQUEST__INIT;
    request.what_case = VAULT__V1__REVOKE_REQUEST__WHAT_PERSON;
    request.person = lent(c->arguments[0]);
    return revoke(c, &request);
}
