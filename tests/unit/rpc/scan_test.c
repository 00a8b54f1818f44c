#include "tests/support/harness.h"
#include "vault/rpc/scan.h"

#include "google/rpc/status.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "vault/v1/audit.pb-c.h"
#include "vault/v1/control.pb-c.h"
#include "vault/v1/leaks.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"

static uint8_t wire[8 << 20];

static vault_code scan_hex(const ProtobufCMessageDescriptor *type, const char *hex, vault_error *err)
{
    return scan_message(type, bytes_of(wire, unhex(wire, sizeof wire, hex)), err);
}

#define REVEAL_TYPE (&vault__v1__reveal_request__descriptor)
#define PUT_TYPE    (&vault__v1__batch_put_request__descriptor)

static void expect_refused(const ProtobufCMessageDescriptor *type, const char *hex, const char *reason,
                           const char *field)
{
    vault_error err = {0};
    assert_int_equal(scan_hex(type, hex, &err), VAULT_INVALID);
    assert_string_equal(err.reason, reason);
    assert_string_equal(err.field, field);
}

TEST("an empty message and a whole one pass")
{
    vault_error err = {0};
    expect_ok(scan_hex(REVEAL_TYPE, "", &err), &err);
    expect_ok(scan_hex(REVEAL_TYPE, "0a03 0a0161 1203 616263 1a03 0a0162 2001", &err), &err);
}

TEST("a field of a newer client passes, whatever its wire type")
{
    vault_error err = {0};
    expect_ok(scan_hex(REVEAL_TYPE, "9806 05 a106 0102030405060708 aa06 02 ff00 ad06 01020304", &err), &err);
}

TEST("a message that ends in the middle is refused at every length")
{
    const char whole[] = "0a030a01611203616263200a";
    for (size_t len = 2; len < sizeof whole - 1; len += 2) {
        if (len == 10 || len == 20) continue; /* ends of fields */
        char part[sizeof whole] = "";
        vault_error err = {0};
        memcpy(part, whole, len);
        assert_int_equal(scan_hex(REVEAL_TYPE, part, &err), VAULT_INVALID);
        assert_string_equal(err.reason, "WIRE_TRUNCATED");
    }
}

TEST("a length of 2^64 - 1 does not wrap around")
{
    expect_refused(REVEAL_TYPE, "12 ffffffffffffffffff01 61", "WIRE_TRUNCATED", "token");
}

TEST("a tag or a length of more than five bytes is refused")
{
    expect_refused(REVEAL_TYPE, "928080808000 00", "WIRE_TRUNCATED", "");
    expect_refused(REVEAL_TYPE, "12 808080808000", "WIRE_TRUNCATED", "token");
}

TEST("a number of eleven bytes is refused")
{
    expect_refused(REVEAL_TYPE, "20 8080808080808080808001", "WIRE_TRUNCATED", "want_receipt");
}

TEST("a number past 64 bits is refused")
{
    expect_refused(REVEAL_TYPE, "20 ffffffffffffffffff02", "WIRE_TRUNCATED", "want_receipt");
}

TEST("field number zero and one past the largest are refused")
{
    expect_refused(REVEAL_TYPE, "0001", "WIRE_MALFORMED", "");
    expect_refused(REVEAL_TYPE, "8080808010 01", "WIRE_MALFORMED", "");
}

TEST("groups and wire types that do not exist are refused")
{
    expect_refused(REVEAL_TYPE, "13", "WIRE_TYPE", "token");
    expect_refused(REVEAL_TYPE, "9b06 9c06", "WIRE_TYPE", "");
    expect_refused(REVEAL_TYPE, "16", "WIRE_TYPE", "token");
    expect_refused(REVEAL_TYPE, "17", "WIRE_TYPE", "token");
}

TEST("a field in another wire type than its own is refused")
{
    expect_refused(REVEAL_TYPE, "1001", "WIRE_TYPE", "token");
    expect_refused(REVEAL_TYPE, "22 0101", "WIRE_TYPE", "want_receipt");
}

TEST("an embedded NUL is refused, at the path of its field")
{
    expect_refused(REVEAL_TYPE, "12 03 610062", "TEXT_NUL", "token");
    expect_refused(REVEAL_TYPE, "0a 04 0a02 6100", "TEXT_NUL", "context.purpose");
    expect_refused(PUT_TYPE, "2203 0a0161 2208 0a0162 0a03 630064", "TEXT_NUL", "items[1].values[1]");
}

TEST("text that is not UTF-8 is refused: overlong, surrogate, past U+10FFFF, cut, stray")
{
    static const char *const bad[] = {"12 02 c080",
                                      "12 02 c1bf",
                                      "12 03 e08080",
                                      "12 03 eda080",
                                      "12 04 f0808080",
                                      "12 04 f4908080",
                                      "12 04 f5808080",
                                      "12 02 e4b8",
                                      "12 01 80",
                                      "12 03 e4b841",
                                      "12 0a 61616161616161616180",
                                      "12 01 ff",
                                      "12 02 c261"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_refused(REVEAL_TYPE, bad[i], "TEXT_UTF8", "token");
}

TEST("the ends of every range of UTF-8 pass")
{
    static const char *const good[] = {
        "12 02 c280",   "12 02 dfbf",     "12 03 e0a080",   "12 03 ed9fbf",
        "12 03 ee8080", "12 04 f0908080", "12 04 f48fbfbf", "12 0b e4b8ade69687 6162636465"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        vault_error err = {0};
        expect_ok(scan_hex(REVEAL_TYPE, good[i], &err), &err);
    }
}

/* n elements of the same bytes. */
static bytes repeat(size_t n, const char *hex)
{
    uint8_t one[64];
    size_t len = unhex(one, sizeof one, hex);
    for (size_t i = 0; i < n; i++) memcpy(wire + i * len, one, len);
    return bytes_of(wire, n * len);
}

TEST("4,096 elements of a field pass and 4,097 are refused")
{
    vault_error err = {0};
    expect_ok(scan_message(PUT_TYPE, repeat(SCAN_REPEATED, "2200"), &err), &err);
    assert_int_equal(scan_message(PUT_TYPE, repeat(SCAN_REPEATED + 1, "2200"), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
    assert_string_equal(err.field, "items[4096]");
}

TEST("a leaked list has 10,000 rows at most")
{
    vault_error err = {0};
    const ProtobufCMessageDescriptor *type = &vault__v1__open_leak_request__descriptor;
    expect_ok(scan_message(type, repeat(SCAN_LEAK_ROWS, "2200"), &err), &err);
    assert_int_equal(scan_message(type, repeat(SCAN_LEAK_ROWS + 1, "2200"), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
    assert_string_equal(err.field, "rows[10000]");
}

TEST("a small message of very many fields is refused")
{
    vault_error err = {0};
    assert_int_equal(scan_message(REVEAL_TYPE, repeat(SCAN_ELEMENTS + 1, "2001"), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
}

TEST("a text of 64 KiB passes and one byte more is refused")
{
    vault_error err = {0};
    memset(wire, 'a', sizeof wire);
    memcpy(wire, "\x12\x80\x80\x04", 4);
    expect_ok(scan_message(REVEAL_TYPE, bytes_of(wire, 4 + SCAN_TEXT), &err), &err);
    memcpy(wire, "\x12\x81\x80\x04", 4);
    assert_int_equal(scan_message(REVEAL_TYPE, bytes_of(wire, 5 + SCAN_TEXT), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_LONG");
}

TEST("a document of 8 MiB passes as bytes and one byte more is refused")
{
    static uint8_t large[SCAN_BYTES + 16]; /* field 3 of a ProposeRequest; not text: any byte will do */
    vault_error err = {0};
    memset(large, 0xff, sizeof large);
    memcpy(large, "\x1a\x80\x80\x80\x04", 5);
    expect_ok(scan_message(&vault__v1__propose_request__descriptor, bytes_of(large, 5 + SCAN_BYTES), &err), &err);
    memcpy(large, "\x1a\x81\x80\x80\x04", 5);
    assert_int_equal(scan_message(&vault__v1__propose_request__descriptor, bytes_of(large, 6 + SCAN_BYTES), &err),
                     VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_LONG");
    assert_string_equal(err.field, "content");
}

/* A type that holds itself, for the depth: protoc has none in our files. */
static const ProtobufCMessageDescriptor nest;
static const ProtobufCFieldDescriptor nest_fields[] = {
    {.name = "in", .id = 1, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_MESSAGE, .descriptor = &nest},
    {.name = "numbers", .id = 2, .label = PROTOBUF_C_LABEL_REPEATED, .type = PROTOBUF_C_TYPE_UINT32}};
static const ProtobufCIntRange nest_ranges[] = {{1, 0}, {0, 2}};
static const ProtobufCMessageDescriptor nest = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                .name = "nest",
                                                .n_fields = 2,
                                                .fields = nest_fields,
                                                .n_field_ranges = 1,
                                                .field_ranges = nest_ranges};

static bytes nested(size_t depth)
{
    for (size_t i = 0; i < depth; i++) {
        wire[2 * i] = 0x0a;
        wire[2 * i + 1] = (uint8_t)(2 * (depth - i - 1));
    }
    return bytes_of(wire, 2 * depth);
}

TEST("16 levels pass and 17 are refused")
{
    vault_error err = {0};
    expect_ok(scan_check(&nest, &err), &err);
    expect_ok(scan_message(&nest, nested(SCAN_DEPTH - 1), &err), &err);
    assert_int_equal(scan_message(&nest, nested(SCAN_DEPTH), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_DEEP");
}

TEST("packed numbers are counted and looked through")
{
    vault_error err = {0};
    expect_ok(scan_hex(&nest, "12 03 018001 12 00", &err), &err);
    expect_refused(&nest, "12 02 0180", "WIRE_TRUNCATED", "numbers[0]");
    memset(wire, 1, 3 + SCAN_REPEATED + 1);
    memcpy(wire, "\x12\x81\x20", 3);
    assert_int_equal(scan_message(&nest, bytes_of(wire, 3 + SCAN_REPEATED + 1), &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
}

TEST("every request type of the interface can be looked through")
{
    static const ProtobufCMessageDescriptor *const types[] = {
        PUT_TYPE,
        REVEAL_TYPE,
        &vault__v1__batch_reveal_request__descriptor,
        &vault__v1__batch_issue_request__descriptor,
        &vault__v1__query_request__descriptor,
        &vault__v1__import_request__descriptor,
        &vault__v1__propose_request__descriptor,
        &vault__v1__revoke_request__descriptor,
        &grpc__reflection__v1__server_reflection_request__descriptor,
        &google__rpc__status__descriptor};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        vault_error err = {0};
        expect_ok(scan_check(types[i], &err), &err);
    }
}
