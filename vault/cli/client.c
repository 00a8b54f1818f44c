#include "vault/cli/client.h"

#include "google/rpc/status.pb-c.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEM_LIMIT = 1 << 20,
    REPLY_MAX = 16 << 20,
    REQUEST_MAX = 64 << 20,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MOST_MS = 3000,
};

/* What a batch is known by: the rest of the call, or one further message of it. */
typedef struct step {
    struct flight *flight;
} step;

/* A call under way. It is over when its last batch has ended and no message is being sent. */
typedef struct flight {
    struct flight *next, **link; /* among those of the client */
    step last, sending;
    bool ended, is_sending;
    const bytes *more; /* not sent yet */
    size_t more_count;
    grpc_call *call;
    void *tag;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *request, *reply;
    grpc_status_code code;
    grpc_slice text;
} flight;

struct client {
    grpc_channel *channel;
    grpc_completion_queue *queue;
    flight *flights;
};

/* ---- connection ---- */

static vault_code pem_read(file_text *out, const char *path, const char *what, vault_error *err)
{
    if (!path) return vault_fail(err, VAULT_INVALID, "no %s given", what);
    return file_read(&out->at, &out->len, path, PEM_LIMIT, err);
}

static vault_code credentials(grpc_channel_credentials **out, const client_options *o, vault_error *err)
{
    VAULT_CLEANUP(file_text_clear) file_text ca = {0}, cert = {0}, key = {0};
    VAULT_TRY(pem_read(&ca, o->ca, "certificate authority", err));
    VAULT_TRY(pem_read(&cert, o->cert, "certificate", err));
    VAULT_TRY(pem_read(&key, o->key, "key", err));
    grpc_ssl_pem_key_cert_pair pair = {.private_key = key.at, .cert_chain = cert.at};
    *out = grpc_ssl_credentials_create_ex(ca.at, &pair, NULL, NULL);
    return *out ? VAULT_OK : vault_fail(err, VAULT_INVALID, "certificate or key is not PEM");
}

static grpc_channel *connect_to(const client_options *o, grpc_channel_credentials *who)
{
    int most = (int)(o->message_max && o->message_max < INT32_MAX ? o->message_max : REPLY_MAX);
    grpc_arg args[] = {
        {.type = GRPC_ARG_INTEGER,
         .key = (char *)(uintptr_t)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         .value.integer = most},
        {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, .value.integer = 1},
        {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)GRPC_ARG_ENABLE_RETRIES, .value.integer = 0},
        /* Else a vault that was away for a while is not looked for again for two minutes. */
        {.type = GRPC_ARG_INTEGER,
         .key = (char *)(uintptr_t)GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
         .value.integer = BACKOFF_FIRST_MS},
        {.type = GRPC_ARG_INTEGER,
         .key = (char *)(uintptr_t)GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
         .value.integer = BACKOFF_MOST_MS},
    };
    grpc_channel_args all = {.num_args = sizeof args / sizeof *args, .args = args};
    return grpc_channel_create(o->server, who, &all);
}

vault_code client_open(client **out, const client_options *o, vault_error *err)
{
    if (!o->server) return vault_fail(err, VAULT_INVALID, "no server given");
    grpc_channel_credentials *who = NULL;
    grpc_init();
    vault_code code = credentials(&who, o, err);
    if (code != VAULT_OK) {
        grpc_shutdown();
        return code;
    }
    client *c = memory_new(sizeof *c);
    c->channel = connect_to(o, who);
    c->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_channel_credentials_release(who);
    *out = c;
    return VAULT_OK;
}

static void flight_free(flight *f)
{
    if (f->next) f->next->link = f->link;
    *f->link = f->next;
    grpc_metadata_array_destroy(&f->initial);
    grpc_metadata_array_destroy(&f->trailing);
    if (f->request) grpc_byte_buffer_destroy(f->request);
    if (f->reply) grpc_byte_buffer_destroy(f->reply);
    grpc_slice_unref(f->text);
    grpc_call_unref(f->call);
    memory_free(f, sizeof *f);
}

void client_cancel(client *c)
{
    for (flight *f = c->flights; f; f = f->next) grpc_call_cancel(f->call, NULL);
}

void client_close(client **c)
{
    if (!*c) return;
    client_cancel(*c);
    for (completion done; (*c)->flights;) {
        if (client_next(*c, &done, 1000)) completion_clear(&done);
    }
    grpc_completion_queue_shutdown((*c)->queue);
    while (grpc_completion_queue_next((*c)->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {}
    grpc_completion_queue_destroy((*c)->queue);
    grpc_channel_destroy((*c)->channel);
    memory_free(*c, sizeof **c);
    *c = NULL;
    grpc_shutdown();
}

static void drop_log(gpr_log_func_args *args)
{
    (void)args;
}

void client_silence(void)
{
    gpr_set_log_function(drop_log);
}

/* ---- many calls in flight ---- */

static gpr_timespec after(int ms)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

static grpc_byte_buffer *buffer_of(bytes message)
{
    grpc_slice body = grpc_slice_from_copied_buffer((const char *)message.at, message.len);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&body, 1);
    grpc_slice_unref(body);
    return buffer;
}

static flight *flight_new(client *c, const client_call *call)
{
    flight *f = memory_new(sizeof *f);
    f->last.flight = f->sending.flight = f;
    f->tag = call->tag;
    f->more = call->more;
    f->more_count = call->more_count;
    f->request = buffer_of(call->request);
    grpc_metadata_array_init(&f->initial);
    grpc_metadata_array_init(&f->trailing);
    f->text = grpc_empty_slice();
    f->call =
        grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, c->queue,
                                 grpc_slice_from_static_string(call->method), NULL, after(call->timeout_ms), NULL);
    f->next = c->flights;
    f->link = &c->flights;
    if (f->next) f->next->link = &f->next;
    c->flights = f;
    return f;
}

/* The batches are always the same: an error is a mistake in this file. */
static void start_batch(flight *f, const grpc_op *ops, size_t count, step *tag)
{
    if (grpc_call_start_batch(f->call, ops, count, tag, NULL) != GRPC_CALL_OK) abort();
}

/* The message in f->request, with the end of the stream behind the last one. */
static size_t message_ops(const flight *f, grpc_op ops[2])
{
    ops[0] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = f->request};
    ops[1] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    return f->more_count > 0 ? 1 : 2;
}

enum { END_OPS = 3 };
static void end_ops(flight *f, grpc_op ops[END_OPS])
{
    ops[0] =
        (grpc_op){.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &f->initial};
    ops[1] = (grpc_op){.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &f->reply};
    ops[2] = (grpc_op){.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                       .data.recv_status_on_client = {
                           .trailing_metadata = &f->trailing, .status = &f->code, .status_details = &f->text}};
}

/* One message goes in one batch with all the rest; of several each waits for the one before. */
void client_start(client *c, const client_call *call)
{
    flight *f = flight_new(c, call);
    grpc_op ops[3 + END_OPS] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    size_t count = 1 + message_ops(f, ops + 1);
    f->is_sending = f->more_count > 0;
    if (f->is_sending) {
        start_batch(f, ops, count, &f->sending);
        count = 0;
    }
    end_ops(f, ops + count);
    start_batch(f, ops, count + END_OPS, &f->last);
}

/* The message has left; the next one follows, unless the call is over. */
static void send_next(flight *f, bool sent)
{
    grpc_op ops[2];
    grpc_byte_buffer_destroy(f->request);
    f->request = NULL;
    f->is_sending = sent && !f->ended && f->more_count > 0;
    if (!f->is_sending) return;
    f->request = buffer_of(*f->more++);
    f->more_count--;
    start_batch(f, ops, message_ops(f, ops), &f->sending);
}

static bytes slice_bytes(const grpc_slice *s)
{
    return bytes_of(GRPC_SLICE_START_PTR(*s), GRPC_SLICE_LENGTH(*s));
}

static void read_details(outcome *out, const grpc_metadata_array *trailing)
{
    for (size_t i = 0; i < trailing->count; i++) {
        const grpc_metadata *entry = &trailing->metadata[i];
        if (grpc_slice_str_cmp(entry->key, "grpc-status-details-bin") != 0) continue;
        bytes packed = slice_bytes(&entry->value);
        Google__Rpc__Status *status = google__rpc__status__unpack(NULL, packed.len, packed.at);
        if (!status) continue;
        outcome_read(out, status);
        google__rpc__status__free_unpacked(status, NULL);
    }
}

/* The status of the transport counts; the details add to it. */
static void read_outcome(outcome *out, const flight *f)
{
    *out = (outcome){0};
    if (f->code != GRPC_STATUS_OK) read_details(out, &f->trailing);
    bytes text = slice_bytes(&f->text);
    size_t len = text.len < sizeof out->message ? text.len : sizeof out->message - 1;
    out->code = (int)f->code;
    memset(out->message, 0, sizeof out->message);
    if (len > 0) memcpy(out->message, text.at, len);
}

static bytes take_reply(const flight *f)
{
    grpc_byte_buffer_reader pieces;
    if (f->code != GRPC_STATUS_OK || !f->reply || !grpc_byte_buffer_reader_init(&pieces, f->reply))
        return bytes_of(NULL, 0);
    grpc_slice all = grpc_byte_buffer_reader_readall(&pieces);
    bytes from = slice_bytes(&all);
    uint8_t *copy = from.len ? memory_new(from.len) : NULL;
    if (copy) memcpy(copy, from.at, from.len);
    wipe((uint8_t *)(uintptr_t)from.at, from.len);
    grpc_slice_unref(all);
    grpc_byte_buffer_reader_destroy(&pieces);
    return bytes_of(copy, from.len);
}

bool client_next(client *c, completion *out, int timeout_ms)
{
    gpr_timespec until = after(timeout_ms);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(c->queue, until, NULL);
        if (event.type != GRPC_OP_COMPLETE) return false;
        step *now = event.tag;
        flight *f = now->flight;
        if (now == &f->sending)
            send_next(f, event.success != 0);
        else
            f->ended = true;
        if (!f->ended || f->is_sending) continue;
        out->tag = f->tag;
        read_outcome(&out->outcome, f);
        out->reply = take_reply(f);
        flight_free(f);
        return true;
    }
}

bool client_rest(client *c, int timeout_ms)
{
    static step watching; /* a tag, no more */
    gpr_timespec until = after(timeout_ms);
    bool was_ready = grpc_channel_check_connectivity_state(c->channel, 1) == GRPC_CHANNEL_READY;
    for (;;) {
        grpc_connectivity_state now = grpc_channel_check_connectivity_state(c->channel, 1);
        if (now == GRPC_CHANNEL_READY && !was_ready) return true;
        grpc_channel_watch_connectivity_state(c->channel, now, until, c->queue, &watching);
        grpc_event event = grpc_completion_queue_next(c->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        was_ready = was_ready && event.success == 0;
        if (event.success == 0) return false; /* nothing changed until then */
    }
}

void completion_clear(completion *c)
{
    memory_free((uint8_t *)(uintptr_t)c->reply.at, c->reply.len);
    *c = (completion){0};
}

/* ---- one call, waited for ---- */

static void unpack_reply(exchange *x, bytes packed)
{
    x->reply = protobuf_c_message_unpack(x->type, NULL, packed.len, packed.at);
    if (x->reply) return;
    x->outcome = (outcome){.code = CODE_UNKNOWN, .message = "the reply is not of the type that was asked for"};
}

void client_exchange(client *c, exchange *x)
{
    VAULT_CLEANUP(completion_clear) completion done = {0};
    size_t len = protobuf_c_message_get_packed_size(x->request);
    x->reply = NULL;
    if (len > REQUEST_MAX) {
        x->outcome = (outcome){.code = CODE_RESOURCE_EXHAUSTED, .message = "the request is too large to be sent"};
        return;
    }
    uint8_t *packed = memory_new(len + 1);
    protobuf_c_message_pack(x->request, packed);
    client_start(c, &(client_call){.method = x->method, .request = bytes_of(packed, len), .timeout_ms = x->timeout_ms});
    memory_free(packed, len + 1);
    while (!client_next(c, &done, x->timeout_ms + 1000)) {}
    x->outcome = done.outcome;
    if (x->outcome.code == CODE_OK) unpack_reply(x, done.reply);
}

void exchange_clear(exchange *x)
{
    if (x->reply) protobuf_c_message_free_unpacked(x->reply, NULL);
    x->reply = NULL;
}
