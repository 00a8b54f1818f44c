#include "vault/rpc/internal.h"

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

/* ---- messages ---- */

/* A reply lies in a block of its own until the transport has written it, and is wiped then, on whatever thread that is:
 * the size is written last and read first. */
typedef struct block {
    _Atomic size_t size;
    uint8_t at[];
} block;

static void block_free(void *b)
{
    memory_free(b, atomic_load_explicit(&((block *)b)->size, memory_order_acquire));
}

answer answer_message(const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    block *b = memory_new(sizeof *b + len);
    protobuf_c_message_pack(message, b->at);
    atomic_store_explicit(&b->size, sizeof *b + len, memory_order_release);
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
