#include "vault/rpc/scan.h"

#include "vault/v1/leaks.pb-c.h"

#include <stdio.h>
#include <string.h>

/* One message that is being looked through. The chain of frames up to the root is the path of the field at hand. */
typedef struct frame {
    const struct frame *parent;
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field; /* at hand; NULL: one that the type does not declare */
    unsigned depth;
    uint32_t seen[SCAN_FIELDS]; /* how often each field came */
    bytes rest;
} frame;

/* What is counted over the whole message. */
typedef struct scan {
    size_t elements;
    vault_error *err;
} scan;

/* ---- the path ---- */

static void put_path(writer *w, const frame *f)
{
    if (!f) return;
    put_path(w, f->parent);
    if (!f->field) return;
    char index[16] = "";
    uint32_t count = f->seen[f->field - f->type->fields];
    if (f->field->label == PROTOBUF_C_LABEL_REPEATED) snprintf(index, sizeof index, "[%u]", count ? count - 1 : 0);
    if (w->len > 0) put_u8(w, '.');
    put_bytes(w, bytes_of_text(f->field->name));
    put_bytes(w, bytes_of_text(index));
}

static vault_code refuse(scan *s, const frame *f, const char *reason)
{
    char path[sizeof s->err->field] = "";
    writer w = writer_over(path, sizeof path - 1);
    put_path(&w, f);
    return vault_refuse(s->err, VAULT_INVALID, reason, path);
}

/* ---- pieces of the wire ---- */

enum { NUMBER_BYTES = 10, TAG_BYTES = 5 }; /* tags and lengths are of 32 bits: protobuf-c reads no longer ones */

/* At most `most` bytes; of ten the tenth at most 1. */
static bool take_varint(bytes *rest, unsigned most, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < most && i < rest->len; i++) {
        uint8_t b = rest->at[i];
        *value |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b & 0x80) continue;
        if (i == 9 && b > 1) return false;
        *rest = bytes_of(rest->at + i + 1, rest->len - i - 1);
        return true;
    }
    return false;
}

static bool take(bytes *rest, uint64_t len, bytes *out)
{
    if (len > rest->len) return false;
    *out = bytes_of(rest->at, (size_t)len);
    *rest = bytes_of(rest->at + len, rest->len - (size_t)len);
    return true;
}

static bool take_value(bytes *rest, unsigned wire_type, bytes *out)
{
    uint64_t number;
    const uint8_t *start = rest->at;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!take_varint(rest, NUMBER_BYTES, &number)) return false;
        *out = bytes_of(start, (size_t)(rest->at - start));
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take(rest, 8, out);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take(rest, 4, out);
    default:
        return take_varint(rest, TAG_BYTES, &number) && take(rest, number, out);
    }
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* ---- text ---- */

/* Length of the sequence that starts here with its lead byte, or 0. Table 3-7 of the Unicode standard. */
static size_t sequence(bytes b)
{
    uint8_t lead = b.at[0];
    size_t len = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (len == 0 || len > b.len) return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (b.at[1] < low || b.at[1] > high) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((b.at[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

bool scan_text(bytes text, bool *nul)
{
    *nul = text.len > 0 && memchr(text.at, 0, text.len);
    size_t i = 0;
    while (i < text.len) {
        uint64_t eight;
        if (text.len - i >= sizeof eight) {
            memcpy(&eight, text.at + i, sizeof eight);
            if (!(eight & 0x8080808080808080U)) {
                i += sizeof eight;
                continue;
            }
        }
        size_t len = text.at[i] < 0x80 ? 1 : sequence(bytes_of(text.at + i, text.len - i));
        if (len == 0) return false;
        i += len;
    }
    return true;
}

static vault_code check_text(scan *s, const frame *f, bytes text)
{
    bool nul;
    bool is_text = f->field->type == PROTOBUF_C_TYPE_STRING;
    if (text.len > (is_text ? SCAN_TEXT : SCAN_BYTES)) return refuse(s, f, "TOO_LONG");
    if (!is_text) return VAULT_OK;
    if (!scan_text(text, &nul)) return refuse(s, f, "TEXT_UTF8");
    return nul ? refuse(s, f, "TEXT_NUL") : VAULT_OK;
}

/* ---- fields ---- */

static uint32_t most_of(const ProtobufCFieldDescriptor *field)
{
    return field->descriptor == &vault__v1__leak_row__descriptor ? SCAN_LEAK_ROWS : SCAN_REPEATED;
}

static vault_code count_element(scan *s, frame *f)
{
    if (++s->elements > SCAN_ELEMENTS) return refuse(s, f, "TOO_MANY");
    if (!f->field) return VAULT_OK;
    uint32_t count = ++f->seen[f->field - f->type->fields];
    bool many = f->field->label == PROTOBUF_C_LABEL_REPEATED && count > most_of(f->field);
    return many ? refuse(s, f, "TOO_MANY") : VAULT_OK;
}

/* Elements of a packed field, one after the other. The field itself was counted as the first. */
static vault_code scan_packed(scan *s, frame *f, bytes packed)
{
    bytes value;
    for (bool first = true; packed.len > 0; first = false) {
        if (!take_value(&packed, wire_type_of(f->field->type), &value)) return refuse(s, f, "WIRE_TRUNCATED");
        if (!first) VAULT_TRY(count_element(s, f));
    }
    return VAULT_OK;
}

static vault_code scan_frame(scan *s, frame *f);

static vault_code scan_submessage(scan *s, const frame *f, bytes wire)
{
    if (f->depth + 1 > SCAN_DEPTH) return refuse(s, f, "TOO_DEEP");
    frame inner = {.parent = f, .type = f->field->descriptor, .depth = f->depth + 1, .rest = wire};
    return scan_frame(s, &inner);
}

static vault_code scan_value(scan *s, frame *f, unsigned wire_type, bytes value)
{
    unsigned wanted = wire_type_of(f->field->type);
    bool packed = f->field->label == PROTOBUF_C_LABEL_REPEATED && wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (wire_type != wanted) return packed ? scan_packed(s, f, value) : refuse(s, f, "WIRE_TYPE");
    if (f->field->type == PROTOBUF_C_TYPE_MESSAGE) return scan_submessage(s, f, value);
    return wanted == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? check_text(s, f, value) : VAULT_OK;
}

static vault_code scan_field(scan *s, frame *f)
{
    uint64_t tag;
    bytes value;
    f->field = NULL;
    if (!take_varint(&f->rest, TAG_BYTES, &tag)) return refuse(s, f->parent, "WIRE_TRUNCATED");
    unsigned wire_type = tag & 7;
    uint64_t number = tag >> 3;
    if (number == 0 || number >= 1U << 29) return refuse(s, f->parent, "WIRE_MALFORMED");
    f->field = protobuf_c_message_descriptor_get_field(f->type, (unsigned)number);
    VAULT_TRY(count_element(s, f));
    /* Groups (3, 4) are no part of proto3; 6 and 7 do not exist. */
    if (wire_type > 5 || wire_type == 3 || wire_type == 4) return refuse(s, f, "WIRE_TYPE");
    if (!take_value(&f->rest, wire_type, &value)) return refuse(s, f, "WIRE_TRUNCATED");
    return f->field ? scan_value(s, f, wire_type, value) : VAULT_OK;
}

static vault_code scan_frame(scan *s, frame *f)
{
    while (f->rest.len > 0) VAULT_TRY(scan_field(s, f));
    return VAULT_OK;
}

vault_code scan_message(const ProtobufCMessageDescriptor *type, bytes wire, vault_error *err)
{
    scan s = {.err = err};
    frame root = {.type = type, .depth = 1, .rest = wire};
    return scan_frame(&s, &root);
}

static vault_code check_type(const ProtobufCMessageDescriptor *type, unsigned depth, vault_error *err)
{
    if (type->n_fields > SCAN_FIELDS) {
        return vault_fail(err, VAULT_INTERNAL, "%s declares more than %d fields", type->name, SCAN_FIELDS);
    }
    for (unsigned i = 0; i < type->n_fields && depth < SCAN_DEPTH; i++) { /* a type may hold itself */
        if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE) continue;
        VAULT_TRY(check_type(type->fields[i].descriptor, depth + 1, err));
    }
    return VAULT_OK;
}

vault_code scan_check(const ProtobufCMessageDescriptor *type, vault_error *err)
{
    return check_type(type, 1, err);
}
