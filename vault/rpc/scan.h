/* Looks through the wire bytes of a message before protobuf-c sees them: protobuf-c 1.4.1 cuts a text at an embedded
 * NUL, accepts text that is not UTF-8 and has no limits of its own. Source: the protobuf encoding,
 * protobuf.dev/programming-guides/encoding. Pure: no memory is taken, nothing of the transport is known. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"
#include <protobuf-c/protobuf-c.h>

enum {
    SCAN_DEPTH = 16,      /* messages within messages */
    SCAN_REPEATED = 4096, /* elements of one repeated field: CALL_ITEMS of the service */
    SCAN_LEAK_ROWS =
        10000, /* rows of a leaked list: one approval is bound to all of it, so that it comes in one call */
    SCAN_ELEMENTS = 1 << 18, /* fields and elements in all: 4,096 items of 60 values */
    SCAN_TEXT = 1 << 16,     /* bytes of one text field */
    SCAN_BYTES = 8 << 20,    /* bytes of one bytes field: a document of the control room */
    SCAN_FIELDS = 32,        /* fields that a message may declare; scan_check proves it at start */
};

/* INVALID with the path of the field ("items[3].values[1]") and one of the reasons WIRE_TRUNCATED, WIRE_MALFORMED,
 * WIRE_TYPE, TOO_DEEP, TOO_MANY, TOO_LONG, TEXT_NUL, TEXT_UTF8. OK means that protobuf-c can unpack it within bounds.
 */
VAULT_MUST_USE vault_code scan_message(const ProtobufCMessageDescriptor *type, bytes wire, vault_error *err);

/* That the scan can look through messages of this type; INTERNAL otherwise. At start. */
VAULT_MUST_USE vault_code scan_check(const ProtobufCMessageDescriptor *type, vault_error *err);

/* Well-formed UTF-8 (RFC 3629)? *nul tells whether there is a NUL in it. */
bool scan_text(bytes text, bool *nul);
