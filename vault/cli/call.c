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
    out->request_id = new_request_id(c->mem);
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
    client_exchange(c->client, x);
    if (x->outcome.code != CODE_OK) say_outcome(c, NULL, &x->outcome);
    return exit_of(x->outcome.code);
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

ctl_exit ctl_items(ctl *c, const char ***items, size_t *count)
{
    *items = c->arguments;
    *count = c->count;
    if (c->options[OPT_FILE]) {
        list l = {0};
        if (c->count > 0) return usage_error(c, "give items or --file, not both");
        FILE *in = open_input(c->options[OPT_FILE]);
        if (!in) return CTL_USAGE;
        bool read = read_lines(c, in, &l);
        close_input(in);
        if (!read) return usage_error(c, "%s: a line is too long, or the file too large", c->options[OPT_FILE]);
        *items = l.at;
        *count = l.count;
    }
    return *count ? CTL_OK : usage_error(c, "no items given");
}

ctl_exit ctl_fields(ctl *c, Google__Protobuf__FieldMask *out)
{
    const char *at = c->options[OPT_FIELDS];
    list l = {0};
    google__protobuf__field_mask__init(out);
    while (at && *at) {
        size_t len = strcspn(at, ",");
        char *name = len ? arena_text(c->mem, bytes_of(at, len)) : NULL;
        if (!name || !list_add(&l, c->mem, name)) return usage_error(c, "--fields is a list of names, apart by commas");
        at += len + (at[len] == ',');
    }
    out->paths = (char **)(uintptr_t)l.at;
    out->n_paths = l.count;
    return l.count ? CTL_OK : usage_error(c, "--fields is missing");
}
