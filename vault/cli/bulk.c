/* One call for many items: parts of what a call may bring, a line for each item, what is refused on stderr. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct run {
    ctl *ctl;
    const bulk *of;
    const char **items;
    size_t count, most;     /* most: in a part */
    const char *request_id; /* of the whole: parts have a number behind it */
} run;

/* ---- asking ---- */

static void *list_of(const run *r, size_t first, size_t count)
{
    if (!r->of->item) return (void *)(uintptr_t)(r->items + first);
    void **list = arena_array(r->ctl->mem, count, sizeof *list);
    if (!list) abort();
    for (size_t i = 0; i < count; i++) list[i] = r->of->item(r->ctl, r->items[first + i]);
    return list;
}

static void fill(const run *r, Vault__V1__RequestContext *context, size_t first, size_t count)
{
    size_t *how_many;
    ProtobufCMessage *request = r->of->request;
    void **list = message_member(request, r->of->list, &how_many);
    *list = list_of(r, first, count);
    *how_many = count;
    *(Vault__V1__RequestContext **)message_member(request, "context", NULL) = context;
    *(protobuf_c_boolean *)message_member(request, "want_receipt", NULL) = r->ctl->options[OPT_RECEIPT] != NULL;
    if (r->count > r->most)
        context->request_id = arena_format(r->ctl->mem, "%s.%zu", r->request_id, first / r->most + 1);
}

/* ---- answers ---- */

static const char *item_name(arena *mem, size_t number)
{
    const char *text = arena_format(mem, "item %zu", number);
    return text ? text : "item";
}

static const char *line_of(const run *r, const ProtobufCMessage *result)
{
    if (!r->of->said) return r->of->text(r->ctl->mem, result);
    return shown(r->ctl->mem, *(const char **)message_member(result, r->of->said, NULL));
}

static void show_lines(const run *r, const bulk_part *part)
{
    for (size_t i = 0; i < part->count; i++) {
        const char *text = part->outcomes[i].code ? "-" : line_of(r, part->results[i]);
        if (r->ctl->options[OPT_JSON])
            print_json(message_json(r->ctl->mem, part->results[i]));
        else
            puts(text ? text : "?");
    }
}

static ctl_exit show_part(const run *r, const bulk_part *part)
{
    ctl_exit end = CTL_OK;
    if (r->of->show)
        r->of->show(r->ctl, r->of->context, part);
    else
        show_lines(r, part);
    for (size_t i = 0; i < part->count; i++) {
        if (part->outcomes[i].code == CODE_OK) continue;
        say_outcome(r->ctl, item_name(r->ctl->mem, part->before + i + 1), &part->outcomes[i]);
        end = CTL_SOME_REFUSED;
    }
    return end;
}

static ctl_exit read_part(const run *r, const ProtobufCMessage *reply, size_t first, size_t count)
{
    size_t *results, *receipts;
    ProtobufCMessage ***all = message_member(reply, "results", &results);
    Vault__V1__Receipt ***kept = message_member(reply, "receipts", &receipts);
    outcome *outcomes = arena_array(r->ctl->mem, count, sizeof *outcomes);
    if (!outcomes) abort();
    if (*results != count) return usage_error(r->ctl, "the server answered %zu of %zu items", *results, count);
    for (size_t i = 0; i < count; i++)
        outcome_read(&outcomes[i], *(struct Google__Rpc__Status **)message_member((*all)[i], "status", NULL));
    ctl_exit end = show_part(r, &(bulk_part){.items = r->items + first,
                                             .count = count,
                                             .before = first,
                                             .results = (const ProtobufCMessage *const *)*all,
                                             .outcomes = outcomes});
    ctl_exit written = receipts_write(r->ctl, *kept, *receipts);
    return written ? written : end;
}

/* ---- the whole ---- */

static void say_unknown(const run *r, ctl_exit end)
{
    if (r->of->once && end == CTL_UNAVAILABLE && !r->ctl->options[OPT_JSON])
        fprintf(stderr, "vaultctl: done or not? The same again with --request-id %s does nothing twice\n",
                r->request_id);
}

static ctl_exit run_part(run *r, size_t first)
{
    size_t count = r->count - first < r->most ? r->count - first : r->most;
    Vault__V1__RequestContext context;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = r->of->method, .request = r->of->request, .type = r->of->reply};
    if (!ctl_context(r->ctl, &context)) return CTL_USAGE;
    if (!r->request_id) r->request_id = context.request_id;
    fill(r, &context, first, count);
    ctl_exit end = ctl_exchange(r->ctl, &x);
    say_unknown(r, end);
    return end ? end : read_part(r, x.reply, first, count);
}

static void say_progress(const run *r, size_t done)
{
    if (r->count <= r->most || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO)) return;
    if (done < r->count)
        fprintf(stderr, "\r%zu of %zu ", done, r->count);
    else
        fputs("\r\033[K", stderr);
}

ctl_exit bulk_run(ctl *c, const bulk *b)
{
    run r = {.ctl = c, .of = b, .most = b->most ? b->most : CALL_ITEMS};
    ctl_exit worst = ctl_items(c, b->first, &r.items, &r.count);
    if (worst != CTL_OK) return worst;
    if (r.count > r.most && (c->options[OPT_ASSERTION] || c->options[OPT_RECEIPT]))
        return usage_error(c, "an assertion or a receipt is for one call, of at most %zu items", r.most);
    for (size_t i = 0; i < r.count && worst <= CTL_SOME_REFUSED; i += r.most) {
        ctl_exit end = run_part(&r, i);
        if (end > worst) worst = end;
        say_progress(&r, i + r.most);
    }
    return worst;
}
