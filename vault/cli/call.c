/* What every call needs: its context, its deadline, its items, and what its end means to the shell. */
#include "vault/cli/internal.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASSERTION_MAX = 4096, ITEM_MAX = 4096, REQUEST_ID_BYTES = 16 };

FILE *open_input(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!in) fprintf(stderr, "vaultctl: %s: %s\n", path, strerror(errno));
    return in;
}

static void close_input(FILE *in)
{
    if (in != stdin) (void)fclose(in);
}

/* ---- context ---- */

static char *read_assertion(ctl *c, const char *path)
{
    FILE *in = open_input(path);
    if (!in) return NULL;
    char *text = arena_alloc(c->mem, ASSERTION_MAX + 1);
    size_t len = text ? fread(text, 1, ASSERTION_MAX + 1, in) : 0;
    close_input(in);
    while (len > 0 && (unsigned char)text[len - 1] <= ' ') text[--len] = '\0';
    if (len > 0 && len <= ASSERTION_MAX) return text;
    fprintf(stderr, "vaultctl: %s: no assertion in it\n", path);
    return NULL;
}

static char *new_request_id(arena *mem)
{
    uint8_t random[REQUEST_ID_BYTES];
    char *text = arena_alloc(mem, 2 * sizeof random + 1);
    if (RAND_bytes(random, sizeof random) != 1 || !text) abort();
    hex_encode(text, bytes_of(random, sizeof random));
    return text;
}

bool ctl_context(ctl *c, Vault__V1__RequestContext *out)
{
    vault__v1__request_context__init(out);
    out->purpose = lent(c->options[OPT_PURPOSE] ? c->options[OPT_PURPOSE] : c->command->purpose);
    out->ticket = lent(c->options[OPT_TICKET] ? c->options[OPT_TICKET] : "vaultctl");
    out->request_id = c->options[OPT_REQUEST_ID] ? lent(c->options[OPT_REQUEST_ID]) : new_request_id(c->mem);
    if (c->options[OPT_APPROVAL]) out->approval = lent(c->options[OPT_APPROVAL]);
    if (c->options[OPT_EMERGENCY]) out->emergency = lent(c->options[OPT_EMERGENCY]);
    if (!c->options[OPT_ASSERTION]) return true;
    char *assertion = read_assertion(c, c->options[OPT_ASSERTION]);
    if (assertion) out->assertion = assertion;
    return assertion != NULL;
}

/* ---- exchange ---- */

ctl_exit exit_of(int code)
{
    static const ctl_exit exits[CODES] = {
        [CODE_OK] = CTL_OK,
        [CODE_INVALID_ARGUMENT] = CTL_INVALID,
        [CODE_NOT_FOUND] = CTL_INVALID,
        [CODE_PERMISSION_DENIED] = CTL_DENIED,
        [CODE_UNAUTHENTICATED] = CTL_DENIED,
        [CODE_UNAVAILABLE] = CTL_UNAVAILABLE,
        [CODE_DEADLINE_EXCEEDED] = CTL_UNAVAILABLE,
        [CODE_RESOURCE_EXHAUSTED] = CTL_UNAVAILABLE,
    };
    if (code == CODE_OK) return CTL_OK;
    return code > 0 && code < CODES && exits[code] ? exits[code] : CTL_FAILED;
}

ctl_exit ctl_exchange(ctl *c, exchange *x)
{
    enum { TIMEOUT_S = 30, TIMEOUT_MAX_S = 86400 };
    int64_t seconds = option_number(c, OPT_TIMEOUT, TIMEOUT_S, TIMEOUT_MAX_S);
    if (seconds < 0) return usage_error(c, "--timeout is not a number of seconds");
    x->timeout_ms = (int)seconds * 1000;
    if (c->options[OPT_ASK_APPROVAL] && !c->asking) return ctl_ask_approval(c, x);
    client_exchange(c->client, x);
    if (x->outcome.code != CODE_OK) say_outcome(c, NULL, &x->outcome);
    return exit_of(x->outcome.code);
}

ctl_exit ctl_call(ctl *c, exchange *x, const char *method, ProtobufCMessage *request,
                  const ProtobufCMessageDescriptor *reply)
{
    Vault__V1__RequestContext *context = arena_alloc(c->mem, sizeof *context);
    Vault__V1__RequestContext **place = message_member(request, "context", NULL);
    *x = (exchange){.method = method, .request = request, .type = reply};
    if (!context || !place) abort();
    if (!ctl_context(c, context)) return CTL_USAGE;
    *place = context;
    ctl_exit end = ctl_exchange(c, x);
    x->request = NULL;
    return end;
}

/* ---- pages ---- */

int32_t page_size(const paging *p, int32_t most)
{
    return p->left < most ? (int32_t)p->left : most;
}

void page_done(ctl *c, paging *p, size_t got, const char *next)
{
    p->left -= (int64_t)got < p->left ? (int64_t)got : p->left;
    p->next = arena_text(c->mem, bytes_of_text(next));
    if (!p->next) abort();
}

ctl_exit ctl_pages(ctl *c, int64_t otherwise, ctl_exit (*ask)(ctl *c, void *context, paging *p), void *context)
{
    enum { LIMIT_MAX = 1000000 };
    ctl_exit end;
    paging p = {.left = option_number(c, OPT_LIMIT, otherwise, LIMIT_MAX), .next = ""};
    if (p.left < 0) return usage_error(c, "--limit is a number up to 1,000,000");
    do end = ask(c, context, &p);
    while (end == CTL_OK && p.left > 0 && *p.next);
    if (end == CTL_OK && *p.next) fputs("vaultctl: there are more (--limit)\n", stderr);
    return end;
}

/* ---- items ---- */

typedef struct list {
    const char **at;
    size_t count, cap;
} list;

static bool list_add(list *l, arena *mem, const char *item)
{
    if (l->count == l->cap) {
        const char **more = arena_array(mem, l->cap ? 2 * l->cap : 256, sizeof *more);
        if (!more) return false;
        if (l->count > 0) memcpy(more, l->at, l->count * sizeof *more);
        l->at = more;
        l->cap = l->cap ? 2 * l->cap : 256;
    }
    l->at[l->count++] = item;
    return true;
}

static bool read_lines(ctl *c, FILE *in, list *l)
{
    char line[ITEM_MAX];
    while (fgets(line, sizeof line, in)) {
        size_t len = strcspn(line, "\r\n");
        if (len == sizeof line - 1) return false;
        char *item = len ? arena_text(c->mem, bytes_of(line, len)) : NULL;
        if (len && (!item || !list_add(l, c->mem, item))) return false;
    }
    return true;
}

ctl_exit ctl_lines(ctl *c, const char *path, const char ***lines, size_t *count)
{
    list l = {0};
    FILE *in = open_input(path);
    if (!in) return CTL_USAGE;
    bool read = read_lines(c, in, &l);
    close_input(in);
    *lines = l.at;
    *count = l.count;
    return read ? CTL_OK : usage_error(c, "%s: a line is too long, or the file too large", path);
}

ctl_exit ctl_items(ctl *c, size_t first, const char ***items, size_t *count)
{
    *items = c->arguments + first;
    *count = c->count - first;
    if (c->options[OPT_FILE]) {
        if (c->count > first) return usage_error(c, "give items or --file, not both");
        ctl_exit end = ctl_lines(c, c->options[OPT_FILE], items, count);
        if (end != CTL_OK) return end;
    }
    return *count ? CTL_OK : usage_error(c, "no items given");
}

ctl_exit ctl_names(ctl *c, option_id id, char ***names, size_t *count)
{
    list l = {0};
    for (const char *at = c->options[id]; at && *at;) {
        size_t len = strcspn(at, ",");
        char *name = len ? arena_text(c->mem, bytes_of(at, len)) : NULL;
        if (!name || !list_add(&l, c->mem, name)) return usage_error(c, "names in a list are apart by commas");
        at += len + (at[len] == ',');
    }
    *names = (char **)(uintptr_t)l.at;
    *count = l.count;
    return CTL_OK;
}

ctl_exit ctl_fields(ctl *c, Google__Protobuf__FieldMask *out)
{
    google__protobuf__field_mask__init(out);
    ctl_exit end = ctl_names(c, OPT_FIELDS, &out->paths, &out->n_paths);
    if (end != CTL_OK) return end;
    return out->n_paths ? CTL_OK : usage_error(c, "--fields is missing");
}

ctl_exit ctl_form(const ctl *c, Vault__V1__Form *out)
{
    static const char *const forms[] = {[VAULT__V1__FORM__FORM_PLAIN] = "plain",
                                        [VAULT__V1__FORM__FORM_MASKED] = "masked",
                                        [VAULT__V1__FORM__FORM_TOKEN] = "token",
                                        [VAULT__V1__FORM__FORM_STRONGEST] = "strongest"};
    const char *asked = c->options[OPT_FORM] ? c->options[OPT_FORM] : c->options[OPT_MASKED] ? "masked" : "plain";
    for (unsigned f = VAULT__V1__FORM__FORM_PLAIN; f < sizeof forms / sizeof *forms; f++) {
        if (strcmp(asked, forms[f]) == 0) return *out = (Vault__V1__Form)f, CTL_OK;
    }
    return usage_error(c, "--form is plain, masked, token, or (of reveal) strongest");
}

ctl_exit ctl_end(ctl *c, Google__Protobuf__Timestamp **out)
{
    if (!c->options[OPT_UNTIL]) return CTL_OK;
    *out = ctl_time(c->mem, c->options[OPT_UNTIL]);
    return *out ? CTL_OK : usage_error(c, "--until is a time (2026-11-22T08:00:00Z) or a date");
}
