/* Any message as JSON, by its descriptor. */
#include "vault/cli/internal.h"

#include "google/rpc/status.pb-c.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *value_text(const Vault__V1__FieldValue *v)
{
    return v->absent ? "" : v->text;
}

void *message_member(const ProtobufCMessage *of, const char *name, size_t **count)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(of->descriptor, name);
    char *at = (char *)(uintptr_t)of;
    if (!f) return NULL;
    if (count) *count = (void *)(at + f->quantifier_offset);
    return at + f->offset;
}

/* ---- messages that have a form of their own ---- */

static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_null(); /* no UTF-8 */
}

static json_t *time_json(arena *mem, const ProtobufCMessage *of)
{
    return json_string(time_text(mem, (const void *)of));
}

static json_t *value_json(arena *mem, const ProtobufCMessage *of)
{
    const Vault__V1__FieldValue *v = (const void *)of;
    (void)mem;
    return v->absent ? json_null() : text_json(v->text);
}

static json_t *line_json(arena *mem, const ProtobufCMessage *of)
{
    return audit_line_json(mem, (const void *)of);
}

static json_t *nothing(arena *mem, const ProtobufCMessage *of)
{
    (void)mem, (void)of;
    return NULL;
}

static const struct own_form {
    const ProtobufCMessageDescriptor *type;
    json_t *(*json)(arena *mem, const ProtobufCMessage *of);
} own_forms[] = {
    {&google__protobuf__timestamp__descriptor, time_json},
    {&vault__v1__field_value__descriptor, value_json},
    {&vault__v1__line__descriptor, line_json},
    {&vault__v1__receipt__descriptor, nothing}, /* --receipt keeps it */
};

/* ---- members ---- */

/* TOKEN_STATE_VALID is "valid". */
static json_t *enum_json(const ProtobufCEnumDescriptor *type, int number)
{
    char text[64] = "unknown";
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    const char *last = value ? strrchr(value->name, '_') : NULL;
    for (size_t i = 0; last && i < sizeof text - 1; i++) {
        text[i] = (char)tolower((unsigned char)last[i + 1]);
        if (!last[i + 1]) break;
    }
    return json_string(text);
}

static json_t *member_json(arena *mem, const ProtobufCFieldDescriptor *f, const void *at)
{
    const ProtobufCBinaryData *binary = at;
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return message_json(mem, *(const ProtobufCMessage *const *)at);
    case PROTOBUF_C_TYPE_STRING:
        return text_json(*(const char *const *)at);
    case PROTOBUF_C_TYPE_BYTES:
        return base64_json(bytes_of(binary->data, binary->len));
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return enum_json(f->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_INT32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(*(const double *)at);
    default:
        return json_null(); /* the vault's messages have no other types */
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return sizeof(uint32_t);
    }
}

static json_t *list_json(arena *mem, const ProtobufCFieldDescriptor *f, const char *first, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(all, member_json(mem, f, first + i * size_of(f)));
    return all;
}

static bool is_empty(const ProtobufCFieldDescriptor *f, const void *at)
{
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return !*(const void *const *)at;
    return f->type == PROTOBUF_C_TYPE_STRING && !**(const char *const *)at;
}

static void add_member(json_t *whole, arena *mem, const ProtobufCMessage *of, const ProtobufCFieldDescriptor *f)
{
    const char *at = (const char *)of + f->offset, *quantifier = (const char *)of + f->quantifier_offset;
    bool chosen = !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || *(const uint32_t *)(const void *)quantifier == f->id;
    json_t *value = NULL;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(const void *)quantifier;
        if (count > 0) value = list_json(mem, f, *(const char *const *)(const void *)at, count);
    } else if (chosen && !is_empty(f, at)) {
        value = member_json(mem, f, at);
    }
    if (value) json_object_set_new(whole, f->name, value);
}

json_t *message_json(arena *mem, const ProtobufCMessage *of)
{
    for (size_t i = 0; i < sizeof own_forms / sizeof *own_forms; i++) {
        if (own_forms[i].type == of->descriptor) return own_forms[i].json(mem, of);
    }
    Google__Rpc__Status *const *status = message_member(of, "status", NULL);
    if (status && *status) {
        outcome o;
        outcome_read(&o, *status);
        return json_pack("{s:o}", "error", outcome_json(&o));
    }
    json_t *whole = json_object();
    for (unsigned i = 0; i < of->descriptor->n_fields; i++) add_member(whole, mem, of, &of->descriptor->fields[i]);
    return whole;
}
