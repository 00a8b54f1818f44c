/* put: residents from a file of JSON lines, in batches; what is refused is named by its line and the rest goes in. */
#include "vault/cli/internal.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 512, FIELDS_MAX = 64, BATCH_MEMORY = 16 << 20 };

typedef struct load {
    ctl *ctl;
    arena *mem;               /* of the batch */
    char *fields[FIELDS_MAX]; /* from the first line */
    size_t field_count;
    Vault__V1__ResidentInput *items[BATCH];
    size_t lines[BATCH], count; /* of the file */
    size_t line, accepted, created, refused;
} load;

static ctl_exit bad_line(const load *l, const char *what)
{
    return usage_error(l->ctl, "line %zu: %s", l->line, what);
}

/* ---- reading ---- */

/* The first line says which fields all lines give. */
static ctl_exit learn_fields(load *l, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (l->field_count == FIELDS_MAX) return bad_line(l, "too many fields");
        if (!(l->fields[l->field_count++] = arena_text(l->ctl->mem, bytes_of_text(name)))) return CTL_FAILED;
    }
    return l->field_count ? CTL_OK : bad_line(l, "no fields");
}

static ctl_exit add_values(load *l, json_t *object)
{
    Vault__V1__ResidentInput *item = arena_alloc(l->mem, sizeof *item);
    char **values = arena_array(l->mem, l->field_count, sizeof *values);
    size_t known = 0;
    if (!item || !values) return bad_line(l, "too long");
    vault__v1__resident_input__init(item);
    for (size_t i = 0; i < l->field_count; i++) {
        json_t *value = json_object_get(object, l->fields[i]);
        if (value && !json_is_string(value)) return bad_line(l, "a value is no text");
        values[i] = value ? arena_text(l->mem, bytes_of(json_string_value(value), json_string_length(value))) : "";
        if (!values[i]) return bad_line(l, "too long");
        known += value != NULL;
    }
    if (known != json_object_size(object)) return bad_line(l, "a field that the first line does not have");
    item->values = values;
    item->n_values = l->field_count;
    l->lines[l->count] = l->line;
    l->items[l->count++] = item;
    return CTL_OK;
}

static ctl_exit add_line(load *l, bytes text)
{
    vault_error dropped = {0}; /* its text could quote the value */
    VAULT_CLEANUP(json_clear) json_t *object = NULL;
    if (json_read(&object, text, "line", &dropped) != VAULT_OK || !json_is_object(object))
        return bad_line(l, "not a JSON object");
    ctl_exit end = l->field_count ? CTL_OK : learn_fields(l, object);
    return end ? end : add_values(l, object);
}

/* ---- sending ---- */

static void count_results(load *l, const Vault__V1__BatchPutResponse *reply)
{
    for (size_t i = 0; i < reply->n_results && i < l->count; i++) {
        char where[32];
        outcome o;
        outcome_read(&o, reply->results[i]->status);
        l->accepted += o.code == CODE_OK;
        l->created += o.code == CODE_OK && reply->results[i]->created;
        if (o.code == CODE_OK) continue;
        l->refused++;
        (void)snprintf(where, sizeof where, "line %zu", l->lines[i]);
        say_outcome(l->ctl, where, &o);
    }
}

static ctl_exit send_batch(load *l)
{
    Vault__V1__RequestContext context;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__BatchPutRequest request = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Records/BatchPut",
                  .request = &request.base,
                  .type = &vault__v1__batch_put_response__descriptor};
    if (l->count == 0) return CTL_OK;
    if (!ctl_context(l->ctl, &context)) return CTL_USAGE;
    mask.paths = l->fields;
    mask.n_paths = l->field_count;
    request.context = &context;
    request.collection = (char *)(uintptr_t) "residents";
    request.field_mask = &mask;
    request.items = l->items;
    request.n_items = l->count;
    ctl_exit end = ctl_exchange(l->ctl, &x);
    if (end == CTL_OK) count_results(l, (const void *)x.reply);
    arena_reset(l->mem);
    l->count = 0;
    return end;
}

static void say_progress(const load *l)
{
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%zu residents ", l->accepted + l->refused);
}

static ctl_exit send_all(load *l, FILE *in)
{
    char *text = NULL;
    size_t cap = 0;
    ctl_exit end = CTL_OK;
    for (ssize_t len; end == CTL_OK && (len = getline(&text, &cap, in)) > 0;) {
        l->line++;
        if (text[0] == '\n') continue;
        end = add_line(l, bytes_of(text, (size_t)len));
        if (end == CTL_OK && l->count == BATCH) end = send_batch(l), say_progress(l);
    }
    memory_free(text, cap);
    return end ? end : send_batch(l);
}

static void say_totals(const load *l)
{
    if (l->ctl->options[OPT_JSON]) {
        print_json(json_pack("{s:I, s:I, s:I}", "accepted", (json_int_t)l->accepted, "created", (json_int_t)l->created,
                             "refused", (json_int_t)l->refused));
        return;
    }
    printf("%zu accepted (%zu new, %zu known), %zu refused\n", l->accepted, l->created, l->accepted - l->created,
           l->refused);
}

ctl_exit run_put(ctl *c)
{
    if (!c->options[OPT_FILE]) return usage_error(c, "--file is missing");
    FILE *in = open_input(c->options[OPT_FILE]);
    if (!in) return CTL_USAGE;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(BATCH_MEMORY);
    load *l = mem ? arena_alloc(c->mem, sizeof *l) : NULL;
    if (!l) abort();
    *l = (load){.ctl = c, .mem = mem};
    ctl_exit end = send_all(l, in);
    if (in != stdin) (void)fclose(in);
    if (isatty(STDERR_FILENO)) fputc('\r', stderr);
    say_totals(l);
    return end ? end : l->refused ? CTL_SOME_REFUSED : CTL_OK;
}

/* ---- erase ---- */

static const char *erased_text(arena *mem, const ProtobufCMessage *result)
{
    (void)mem;
    return ((const Vault__V1__EraseResult *)(const void *)result)->restricted ? "restricted" : "erased";
}

ctl_exit run_erase(ctl *c)
{
    enum { PART = 512 };
    Vault__V1__EraseRequest request = VAULT__V1__ERASE_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Records/Erase",
                               .request = &request.base,
                               .reply = &vault__v1__erase_response__descriptor,
                               .list = "tokens",
                               .most = PART,
                               .text = erased_text});
}
