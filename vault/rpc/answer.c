#include "vault/rpc/internal.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include <string.h>

/* ---- outcomes ---- */

answer answer_error(arena *mem, const vault_error *err)
{
    return (answer){.code = (grpc_status_code)status_code(err->code),
                    .text = status_text(err->code),
                    .details = status_packed(mem, err)};
}

static bytes pack_in(arena *mem, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *at = arena_alloc(mem, len);
    return at ? bytes_of(at, protobuf_c_message_pack(message, at)) : bytes_of(NULL, 0);
}

static Google__Protobuf__Any any_of(arena *mem, const char *url, const ProtobufCMessage *message)
{
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    bytes packed = pack_in(mem, message);
    any.type_url = (char *)(uintptr_t)url;
    any.value = (ProtobufCBinaryData){.len = packed.len, .data = (uint8_t *)(uintptr_t)packed.at};
    return any;
}

answer answer_refusal(arena *mem, grpc_status_code code, const char *text, const char *reason, int retry_ms)
{
    answer a = {.code = code, .text = text};
    if (!mem) return a;
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = (char *)(uintptr_t)reason;
    info.domain = (char *)(uintptr_t) "resident-vault";
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    delay.seconds = retry_ms / 1000;
    delay.nanos = retry_ms % 1000 * 1000000;
    Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
    retry.retry_delay = &delay;
    Google__Protobuf__Any anys[] = {any_of(mem, "type.googleapis.com/google.rpc.ErrorInfo", &info.base),
                                    any_of(mem, "type.googleapis.com/google.rpc.RetryInfo", &retry.base)};
    Google__Protobuf__Any *details[] = {&anys[0], &anys[1]};
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    status.code = (int32_t)code;
    status.message = (char *)(uintptr_t)text;
    status.n_details = retry_ms > 0 ? 2 : 1;
    status.details = details;
    a.details = pack_in(mem, &status.base);
    return a;
}

/* ---- messages ---- */

/* A reply lies in a block of its own until the transport has written it, and is wiped then. */
typedef struct block {
    size_t size;
    uint8_t at[];
} block;

static void block_free(void *b)
{
    memory_free(b, ((block *)b)->size);
}

answer answer_message(const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    block *b = memory_new(sizeof *b + len);
    b->size = sizeof *b + len;
    protobuf_c_message_pack(message, b->at);
    grpc_slice slice = grpc_slice_new_with_user_data(b->at, len, block_free, b);
    answer a = {.code = GRPC_STATUS_OK, .text = "", .message = grpc_raw_byte_buffer_create(&slice, 1)};
    grpc_slice_unref(slice);
    return a;
}

/* ---- requests ---- */

static bytes slice_bytes(const grpc_slice *s)
{
    return s->refcount ? bytes_of(s->data.refcounted.bytes, s->data.refcounted.length)
                       : bytes_of(s->data.inlined.bytes, s->data.inlined.length);
}

bytes body_bytes(grpc_byte_buffer *body, arena *mem)
{
    grpc_slice_buffer *pieces = &body->data.raw.slice_buffer;
    if (pieces->count == 1) return slice_bytes(&pieces->slices[0]);
    writer w = writer_over(arena_alloc(mem, pieces->length), pieces->length);
    if (!w.at) return bytes_of(NULL, 0);
    for (size_t i = 0; i < pieces->count; i++) put_bytes(&w, slice_bytes(&pieces->slices[i]));
    return writer_bytes(&w);
}

/* The pieces are parts of the transport's read buffers: these bytes of them are this message's alone. */
void body_wipe(grpc_byte_buffer *body)
{
    grpc_slice_buffer *pieces = &body->data.raw.slice_buffer;
    for (size_t i = 0; i < pieces->count; i++) {
        bytes b = slice_bytes(&pieces->slices[i]);
        wipe((uint8_t *)(uintptr_t)b.at, b.len);
    }
}
