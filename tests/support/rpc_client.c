#include "tests/support/rpc_fixture.h"

#include "vault/base/file.h"
#include "vault/base/memory.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- certificates ---- */

static char folder[64];
static pid_t maker;

static void remove_folder(void)
{
    char command[128];
    if (getpid() != maker) return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
}

void ca(const char *arguments)
{
    char command[512];
    const char *rest = strchr(arguments, ' ');
    int verb = rest ? (int)(rest - arguments) : (int)strlen(arguments);
    snprintf(command, sizeof command, SOURCE_FOLDER "/tests/support/ca %.*s '%s' %s >/dev/null", verb, arguments,
             ca_folder(), rest ? rest + 1 : "");
    assert_int_equal(system(command), 0);
}

void ca_fingerprint(char out[65], const char *name)
{
    char command[512];
    const char *file = in_ca("fingerprint");
    snprintf(command, sizeof command, SOURCE_FOLDER "/tests/support/ca fingerprint '%s' %s >'%s'", ca_folder(), name,
             file);
    assert_int_equal(system(command), 0);
    FILE *from = fopen(file, "r");
    assert_non_null(from);
    assert_non_null(fgets(out, 65, from));
    fclose(from);
}

const char *ca_folder(void)
{
    if (folder[0]) return folder;
    snprintf(folder, sizeof folder, "/tmp/rpc-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    maker = getpid();
    atexit(remove_folder);
    ca("make");
    ca("client app vault://dev/apps/eldercare");
    return folder;
}

const char *in_ca(const char *name)
{
    static _Thread_local char paths[4][160];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", ca_folder(), name);
    return path;
}

/* ---- servers ---- */

rpc_options usual_options(void)
{
    static char ca_file[160], certificate[160], key[160];
    snprintf(ca_file, sizeof ca_file, "%s/ca.crt", ca_folder());
    snprintf(certificate, sizeof certificate, "%s/server.crt", ca_folder());
    snprintf(key, sizeof key, "%s/server.key", ca_folder());
    return (rpc_options){.listen = "127.0.0.1:0",
                         .ca = ca_file,
                         .certificate = certificate,
                         .key = key,
                         .workers = 2,
                         .pollers = 1,
                         .queue_calls = 1024,
                         .queue_bytes = 64 << 20,
                         .message_bytes = 8 << 20,
                         .connection_age_s = 1800,
                         .streams = 1024};
}

rpc_server *serve_with(const rpc_options *options)
{
    vault_error err = {0};
    rpc_server *server;
    rpc_log_init();
    expect_ok(rpc_open(&server, fake_service(), options, &err), &err);
    return server;
}

static rpc_server *usual;
static client *usual_caller;

rpc_server *usual_server(void)
{
    rpc_options options = usual_options();
    if (!usual) usual = serve_with(&options);
    return usual;
}

void server_stop(void)
{
    client_free(&usual_caller);
    rpc_close(&usual);
}

client *usual_client(void)
{
    if (!usual_caller) usual_caller = client_new(rpc_port(usual_server()), "app");
    return usual_caller;
}

/* ---- the client ---- */

struct client {
    grpc_channel *channel;
    bool patient;
};

static char *read_pem(const char *name, const char *ending)
{
    char file[64];
    vault_error err = {0};
    char *text;
    size_t len;
    snprintf(file, sizeof file, "%s%s", name, ending);
    expect_ok(file_read(&text, &len, in_ca(file), 1 << 20, &err), &err);
    return text;
}

static grpc_channel_credentials *credentials(const char *name)
{
    if (name && strcmp(name, "plain") == 0) return grpc_insecure_credentials_create();
    char *root = read_pem("ca", ".crt"), *key = name ? read_pem(name, ".key") : NULL,
         *chain = name ? read_pem(name, ".crt") : NULL;
    grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = chain};
    grpc_channel_credentials *made = grpc_ssl_credentials_create_ex(root, name ? &pair : NULL, NULL, NULL);
    free(root);
    free(key);
    free(chain);
    return made;
}

static grpc_arg number(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

client *client_new(int port, const char *name)
{
    char target[64];
    snprintf(target, sizeof target, "ipv4:127.0.0.1:%d", port);
    grpc_init();
    client *c = memory_new(sizeof *c);
    grpc_arg args[] = {number(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
                       number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1),
                       number(GRPC_ARG_ENABLE_RETRIES, 0),
                       number(GRPC_ARG_HTTP2_BDP_PROBE, 0), /* a window stays as it is */
                       {.type = GRPC_ARG_STRING,
                        .key = (char *)(uintptr_t)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
                        .value.string = (char *)(uintptr_t) "localhost"}};
    grpc_channel_args all = {.num_args = sizeof args / sizeof *args, .args = args};
    grpc_channel_credentials *with = credentials(name);
    c->channel = grpc_channel_create(target, with, &all);
    grpc_channel_credentials_release(with);
    return c;
}

client *client_patient(int port)
{
    client *c = client_new(port, "app");
    c->patient = true;
    return c;
}

void client_free(client **c)
{
    if (!*c) return;
    grpc_channel_destroy((*c)->channel);
    memory_free(*c, sizeof **c);
    *c = NULL;
    grpc_shutdown();
}

/* ---- calls ---- */

struct pending {
    grpc_completion_queue *cq;
    grpc_call *call;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *sent, *reply;
    grpc_slice text;
    grpc_status_code code;
    uint32_t flags; /* of the initial metadata */
};

static gpr_timespec in_ms(int ms)
{
    if (ms == 0) return gpr_inf_future(GPR_CLOCK_REALTIME);
    return gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

static grpc_byte_buffer *buffer_of(bytes b)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)b.at, b.len);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static pending *open_call(client *c, const char *path, int timeout_ms)
{
    pending *p = memory_new(sizeof *p);
    p->cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_slice host = grpc_slice_from_static_string("localhost"), name = grpc_slice_from_copied_string(path);
    p->call = grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, p->cq, name, &host, in_ms(timeout_ms),
                                       NULL);
    grpc_slice_unref(name);
    grpc_metadata_array_init(&p->initial);
    grpc_metadata_array_init(&p->trailing);
    p->text = grpc_empty_slice();
    p->flags = c->patient ? GRPC_INITIAL_METADATA_WAIT_FOR_READY : 0;
    return p;
}

static grpc_op status_op(pending *p)
{
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    op.data.recv_status_on_client.trailing_metadata = &p->trailing;
    op.data.recv_status_on_client.status = &p->code;
    op.data.recv_status_on_client.status_details = &p->text;
    return op;
}

pending *begin(client *c, const asking *a)
{
    static grpc_metadata gzip;
    pending *p = open_call(c, a->path, a->timeout_ms);
    grpc_op ops[6] = {{.op = GRPC_OP_SEND_INITIAL_METADATA, .flags = p->flags}};
    size_t count = 1;
    if (a->compressed) {
        gzip.key = grpc_slice_from_static_string("grpc-internal-encoding-request");
        gzip.value = grpc_slice_from_static_string("gzip");
        ops[0].data.send_initial_metadata.count = 1;
        ops[0].data.send_initial_metadata.metadata = &gzip;
    }
    if (a->message.at) {
        p->sent = buffer_of(a->message);
        ops[count++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = p->sent};
    }
    ops[count++] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    ops[count++] =
        (grpc_op){.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &p->initial};
    if (!a->unread) ops[count++] = (grpc_op){.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &p->reply};
    ops[count++] = status_op(p);
    assert_int_equal(grpc_call_start_batch(p->call, ops, count, p, NULL), GRPC_CALL_OK);
    return p;
}

void cancel(pending *p)
{
    grpc_call_cancel(p->call, NULL);
}

static size_t copy_slice(uint8_t *out, size_t cap, grpc_slice s)
{
    size_t len = GRPC_SLICE_LENGTH(s);
    memcpy(out, GRPC_SLICE_START_PTR(s), len < cap ? len : cap);
    return len;
}

static void read_reply(got *g, grpc_byte_buffer *reply)
{
    grpc_byte_buffer_reader from;
    if (!reply || !grpc_byte_buffer_reader_init(&from, reply)) return;
    grpc_slice all = grpc_byte_buffer_reader_readall(&from);
    g->reply_len = copy_slice(g->reply, sizeof g->reply, all);
    grpc_slice_unref(all);
    grpc_byte_buffer_reader_destroy(&from);
}

static got close_call(pending *p)
{
    got g = {.code = p->code};
    copy_slice((uint8_t *)g.text, sizeof g.text - 1, p->text);
    for (size_t i = 0; i < p->trailing.count; i++) {
        grpc_metadata *m = &p->trailing.metadata[i];
        if (grpc_slice_str_cmp(m->key, "grpc-status-details-bin") == 0)
            g.details_len = copy_slice(g.details, sizeof g.details, m->value);
    }
    read_reply(&g, p->reply);
    if (p->reply) grpc_byte_buffer_destroy(p->reply);
    if (p->sent) grpc_byte_buffer_destroy(p->sent);
    grpc_slice_unref(p->text);
    grpc_metadata_array_destroy(&p->initial);
    grpc_metadata_array_destroy(&p->trailing);
    grpc_call_unref(p->call);
    grpc_completion_queue_shutdown(p->cq);
    grpc_completion_queue_destroy(p->cq);
    memory_free(p, sizeof *p);
    return g;
}

got finish(pending *p)
{
    enum { PATIENCE_MS = 150000 };
    grpc_event event = grpc_completion_queue_pluck(p->cq, p, in_ms(PATIENCE_MS), NULL);
    if (event.type != GRPC_OP_COMPLETE) {
        print_error("a call got no answer within %d ms\n", PATIENCE_MS);
        abort();
    }
    return close_call(p);
}

got call_bytes(client *c, const char *path, bytes message)
{
    return finish(begin(c, &(asking){.path = path, .message = message, .timeout_ms = 60000}));
}

bytes reveal_wire(const char *token)
{
    static _Thread_local uint8_t wire[1024];
    Vault__V1__RevealRequest in = VAULT__V1__REVEAL_REQUEST__INIT;
    in.token = (char *)(uintptr_t)token;
    return bytes_of(wire, vault__v1__reveal_request__pack(&in, wire));
}

pending *begin_reveal(client *c, const char *token, int timeout_ms)
{
    return begin(c, &(asking){.path = REVEAL, .message = reveal_wire(token), .timeout_ms = timeout_ms});
}

got call_reveal(client *c, const char *token)
{
    return call_bytes(c, REVEAL, reveal_wire(token));
}

bool details_hold(const got *g, const char *text)
{
    size_t held = g->details_len < sizeof g->details ? g->details_len : sizeof g->details;
    return memmem(g->details, held, text, strlen(text));
}

bool replied(const got *g, const char *text)
{
    size_t held = g->reply_len < sizeof g->reply ? g->reply_len : sizeof g->reply;
    return g->code == GRPC_STATUS_OK && memmem(g->reply, held, text, strlen(text));
}

/* ---- streams ---- */

static bool step(pending *p, const grpc_op *ops, size_t count)
{
    static char tag;
    assert_int_equal(grpc_call_start_batch(p->call, ops, count, &tag, NULL), GRPC_CALL_OK);
    grpc_event event = grpc_completion_queue_pluck(p->cq, &tag, in_ms(150000), NULL);
    return event.type == GRPC_OP_COMPLETE && event.success;
}

static bool exchange(pending *p, bool first, bytes question, bytes *answer)
{
    got g = {0};
    grpc_byte_buffer *sent = buffer_of(question), *reply = NULL;
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = sent},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &reply},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &p->initial}};
    bool ok = step(p, ops, first ? 3 : 2) && reply;
    read_reply(&g, reply);
    *answer = bytes_of(NULL, g.reply_len);
    grpc_byte_buffer_destroy(sent);
    if (reply) grpc_byte_buffer_destroy(reply);
    return ok;
}

pending *stream_begin_for(client *c, const char *path, int timeout_ms)
{
    pending *p = open_call(c, path, timeout_ms);
    grpc_op open = {.op = GRPC_OP_SEND_INITIAL_METADATA, .flags = p->flags};
    step(p, &open, 1);
    return p;
}

pending *stream_begin(client *c, const char *path)
{
    return stream_begin_for(c, path, 60000);
}

bool stream_send(pending *p, bytes message)
{
    grpc_byte_buffer *sent = buffer_of(message);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = sent};
    bool ok = step(p, &op, 1);
    grpc_byte_buffer_destroy(sent);
    return ok;
}

got stream_finish(pending *p)
{
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &p->initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &p->reply},
        status_op(p)};
    assert_int_equal(grpc_call_start_batch(p->call, ops, 4, p, NULL), GRPC_CALL_OK);
    return finish(p);
}

bytes import_wire(const char *text)
{
    static _Thread_local uint8_t wire[1024];
    char *values[] = {(char *)(uintptr_t)text};
    Vault__V1__ResidentInput row = VAULT__V1__RESIDENT_INPUT__INIT, *rows[] = {&row};
    Vault__V1__ImportRequest in = VAULT__V1__IMPORT_REQUEST__INIT;
    row.n_values = in.n_rows = 1;
    row.values = values;
    in.rows = rows;
    return bytes_of(wire, vault__v1__import_request__pack(&in, wire));
}

bool import_said(const got *g, unsigned rows, unsigned rejected)
{
    if (g->code != GRPC_STATUS_OK || g->reply_len > sizeof g->reply) return false;
    Vault__V1__ImportResponse *out = vault__v1__import_response__unpack(NULL, g->reply_len, g->reply);
    bool said = out && out->rows == rows && out->rejected == rejected;
    if (!said && out) print_error("rows %u, rejected %u\n", out->rows, out->rejected);
    vault__v1__import_response__free_unpacked(out, NULL);
    return said;
}

got stream_end(pending *p)
{
    grpc_op ops[] = {
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &p->initial},
        status_op(p)}; /* core gives no status before the initial metadata were asked for */
    step(p, ops, 2);
    return close_call(p);
}

size_t ask_stream(client *c, const char *path, const bytes *questions, size_t count, bytes *answers, got *end)
{
    pending *p = open_call(c, path, 60000);
    grpc_op open = {.op = GRPC_OP_SEND_INITIAL_METADATA}, close = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
            status = status_op(p);
    size_t answered = 0;
    step(p, &open, 1);
    while (answered < count && exchange(p, answered == 0, questions[answered], &answers[answered])) answered++;
    step(p, &close, 1);
    step(p, &status, 1);
    *end = close_call(p);
    return answered;
}

bool wait_for(bool (*condition)(void))
{
    enum { MOST_MS = 60000 };
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < MOST_MS; i++) {
        if (condition()) return true;
        nanosleep(&moment, NULL);
    }
    return condition();
}

void server_heard(client *c)
{
    for (int i = 0; i < 2; i++) { /* the poller has the first one's events behind it when it answers the second one */
        got g = call_bytes(c, "/grpc.health.v1.Health/Check", bytes_of("", 0));
        assert_int_equal(g.code, GRPC_STATUS_OK);
    }
}
