/* Server reflection, answered from the descriptor set that protoc wrote: the requests and replies of v1 and v1alpha are
 * the same on the wire. The set is walked for each question; it is a few kilobytes and such calls are rare. */
#include "vault/rpc/internal.h"

#include "descriptors.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "vault/rpc/scan.h"
#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse reply;

enum { MOST_FILES = 64, MOST_SERVICES = 32 };

/* Field numbers of google/protobuf/descriptor.proto. */
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6
};
enum { ANY_NAME = 1, MESSAGE_FIELD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, SERVICE_METHOD = 2, ENUM_VALUE = 2 };

/* ---- reading descriptors: our own bytes, well-formed ---- */

static uint64_t varint(bytes *rest)
{
    uint64_t value = 0;
    for (unsigned shift = 0; rest->len > 0; shift += 7) {
        uint8_t b = rest->at[0];
        *rest = bytes_of(rest->at + 1, rest->len - 1);
        value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) break;
    }
    return value;
}

/* The next length-delimited field with this number; false at the end. */
static bool next_field(bytes *rest, uint64_t number, bytes *out)
{
    while (rest->len > 0) {
        uint64_t key = varint(rest);
        uint64_t len = (key & 7) == PROTOBUF_C_WIRE_TYPE_64BIT   ? 8
                       : (key & 7) == PROTOBUF_C_WIRE_TYPE_32BIT ? 4
                                                                 : varint(rest);
        if ((key & 7) == PROTOBUF_C_WIRE_TYPE_VARINT) continue;
        if (len > rest->len) return false;
        *out = bytes_of(rest->at, (size_t)len);
        *rest = bytes_of(rest->at + len, rest->len - (size_t)len);
        if (key >> 3 == number) return true;
    }
    return false;
}

static bytes only_field(bytes from, uint64_t number)
{
    bytes found = {0};
    return next_field(&from, number, &found) ? found : bytes_of(NULL, 0);
}

static bytes files(void)
{
    return bytes_of(proto_descriptors, proto_descriptors_len);
}

static bool file_named(bytes name, bytes *file)
{
    bytes rest = files();
    while (next_field(&rest, SET_FILE, file)) {
        if (bytes_same(only_field(*file, FILE_NAME), name)) return true;
    }
    return false;
}

/* ---- who declares a symbol ---- */

/* The rest of a dotted name after this first part; false when it does not begin with it. An empty rest: this is it. */
static bool after(bytes symbol, bytes part, bytes *rest)
{
    if (part.len == 0 || symbol.len < part.len || memcmp(symbol.at, part.at, part.len) != 0) return false;
    if (symbol.len > part.len && symbol.at[part.len] != '.') return false;
    size_t skip = part.len + (symbol.len > part.len);
    *rest = bytes_of(symbol.at + skip, symbol.len - skip);
    return true;
}

static bool declares_leaf(bytes from, uint64_t number, bytes symbol)
{
    bytes item, rest;
    while (next_field(&from, number, &item)) {
        if (after(symbol, only_field(item, ANY_NAME), &rest) && rest.len == 0) return true;
    }
    return false;
}

/* An enum or a service, or what stands within it under `leaf`. */
static bool declares_flat(bytes from, uint64_t number, uint64_t leaf, bytes symbol)
{
    bytes item, rest;
    while (next_field(&from, number, &item)) {
        if (after(symbol, only_field(item, ANY_NAME), &rest) && (rest.len == 0 || declares_leaf(item, leaf, rest)))
            return true;
    }
    return false;
}

static bool declares_message(bytes from, uint64_t number, bytes symbol)
{
    bytes item, rest;
    while (next_field(&from, number, &item)) {
        if (!after(symbol, only_field(item, ANY_NAME), &rest)) continue;
        if (rest.len == 0 || declares_leaf(item, MESSAGE_FIELD, rest) || declares_message(item, MESSAGE_NESTED, rest) ||
            declares_flat(item, MESSAGE_ENUM, ENUM_VALUE, rest))
            return true;
    }
    return false;
}

static bool file_declares(bytes file, bytes symbol)
{
    bytes rest;
    if (!after(symbol, only_field(file, FILE_PACKAGE), &rest)) return false;
    return declares_message(file, FILE_MESSAGE, rest) || declares_flat(file, FILE_ENUM, ENUM_VALUE, rest) ||
           declares_flat(file, FILE_SERVICE, SERVICE_METHOD, rest);
}

static bool file_with_symbol(bytes symbol, bytes *file)
{
    bytes rest = files();
    while (next_field(&rest, SET_FILE, file)) {
        if (file_declares(*file, symbol)) return true;
    }
    return false;
}

/* ---- replies ---- */

typedef struct answers {
    reply out;
    Grpc__Reflection__V1__FileDescriptorResponse file_list;
    Grpc__Reflection__V1__ListServiceResponse service_list;
    Grpc__Reflection__V1__ErrorResponse error;
    ProtobufCBinaryData file_bytes[MOST_FILES];
    Grpc__Reflection__V1__ServiceResponse services[MOST_SERVICES], *service_at[MOST_SERVICES];
} answers;

static void say_error(answers *a, grpc_status_code code, const char *text)
{
    grpc__reflection__v1__error_response__init(&a->error);
    a->error.error_code = (int32_t)code;
    a->error.error_message = (char *)(uintptr_t)text;
    a->out.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    a->out.error_response = &a->error;
}

static void add_file(answers *a, bytes file)
{
    size_t *count = &a->file_list.n_file_descriptor_proto;
    for (size_t i = 0; i < *count; i++) {
        if (a->file_bytes[i].data == file.at) return;
    }
    if (*count < MOST_FILES)
        a->file_bytes[(*count)++] = (ProtobufCBinaryData){.len = file.len, .data = (uint8_t *)(uintptr_t)file.at};
}

/* The file and all that it imports, so that a client need not ask again. */
static void say_file(answers *a, bool found, bytes file)
{
    if (!found) {
        say_error(a, GRPC_STATUS_NOT_FOUND, "not declared here");
        return;
    }
    grpc__reflection__v1__file_descriptor_response__init(&a->file_list);
    add_file(a, file);
    for (size_t i = 0; i < a->file_list.n_file_descriptor_proto; i++) {
        bytes rest = bytes_of(a->file_bytes[i].data, a->file_bytes[i].len), name, import;
        while (next_field(&rest, FILE_IMPORT, &name)) {
            if (file_named(name, &import)) add_file(a, import);
        }
    }
    a->file_list.file_descriptor_proto = a->file_bytes;
    a->out.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    a->out.file_descriptor_response = &a->file_list;
}

static void add_service(answers *a, arena *mem, bytes file, bytes declared)
{
    bytes package = only_field(file, FILE_PACKAGE), name = only_field(declared, ANY_NAME);
    size_t *count = &a->service_list.n_service;
    if (*count == MOST_SERVICES) return;
    Grpc__Reflection__V1__ServiceResponse *s = &a->services[*count];
    grpc__reflection__v1__service_response__init(s);
    s->name = arena_format(mem, "%.*s.%.*s", (int)package.len, (const char *)package.at, (int)name.len,
                           (const char *)name.at);
    if (s->name) a->service_at[(*count)++] = s;
}

static void say_services(answers *a, arena *mem)
{
    bytes rest = files(), file, declared;
    grpc__reflection__v1__list_service_response__init(&a->service_list);
    while (next_field(&rest, SET_FILE, &file)) {
        for (bytes in = file; next_field(&in, FILE_SERVICE, &declared);) add_service(a, mem, file, declared);
    }
    a->service_list.service = a->service_at;
    a->out.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    a->out.list_services_response = &a->service_list;
}

static void say(answers *a, arena *mem, question *q)
{
    bytes file = {0};
    grpc__reflection__v1__server_reflection_response__init(&a->out);
    a->out.valid_host = q->host;
    a->out.original_request = q;
    switch (q->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        say_file(a, file_named(bytes_of_text(q->file_by_filename), &file), file);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        say_file(a, file_with_symbol(bytes_of_text(q->file_containing_symbol), &file), file);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        say_services(a, mem);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        say_error(a, GRPC_STATUS_NOT_FOUND, "there are no extensions");
        return;
    default:
        say_error(a, GRPC_STATUS_INVALID_ARGUMENT, "no question was asked");
        return;
    }
}

grpc_byte_buffer *reflection_answer(arena *mem, bytes wire)
{
    const ProtobufCMessageDescriptor *type = &grpc__reflection__v1__server_reflection_request__descriptor;
    vault_error err = {0};
    ProtobufCAllocator memory = arena_allocator(mem);
    answers *a = arena_alloc(mem, sizeof *a);
    if (!a || scan_message(type, wire, &err) != VAULT_OK) return NULL;
    question *q = (question *)protobuf_c_message_unpack(type, &memory, wire.len, wire.at);
    if (!q) return NULL;
    say(a, mem, q);
    return answer_message(&a->out.base).message;
}
