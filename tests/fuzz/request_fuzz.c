/* What comes off the wire: the first byte chooses the request type, the rest is scanned and, if the scan lets it pass,
 * unpacked within the memory that one call may take. What passes must unpack, hold only whole texts, and pack again. */
#include "vault/base/arena.h"
#include "vault/rpc/scan.h"
#include "vault/service/service.h"

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *type_of(uint8_t choice)
{
    size_t count;
    const method *methods = service_methods(&count);
    size_t which = choice % (count + 2);
    if (which < count) return methods[which].input;
    return which == count ? &grpc__health__v1__health_check_request__descriptor
                          : &grpc__reflection__v1__server_reflection_request__descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    if (size == 0) return 0;
    if (!mem) mem = arena_new(256 << 20);
    vault_error err = {0};
    const ProtobufCMessageDescriptor *type = type_of(data[0]);
    bytes wire = bytes_of(data + 1, size - 1);
    if (scan_message(type, wire, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason) abort();
        return 0;
    }
    ProtobufCAllocator memory = arena_allocator(mem);
    ProtobufCMessage *in = protobuf_c_message_unpack(type, &memory, wire.len, wire.at);
    if (!in || !protobuf_c_message_check(in)) abort();
    size_t len = protobuf_c_message_get_packed_size(in);
    uint8_t *again = arena_alloc(mem, len);
    if (!again || protobuf_c_message_pack(in, again) != len) abort();
    if (scan_message(type, bytes_of(again, len), &err) != VAULT_OK) abort(); /* nothing was cut or bent on the way */
    arena_reset(mem);
    return 0;
}
