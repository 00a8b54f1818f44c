/* Outcomes at the border: one table from code to google.rpc.Code and fixed public text; typed details from field and
 * reason. Nothing else of an error leaves: `where` and `detail` are for the operator. */
#include "vault/service/internal.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#include <string.h>

typedef struct public_status {
    int code; /* google.rpc.Code */
    const char *text;
} public_status;

static const public_status STATUSES[VAULT_CODES] = {
    [VAULT_OK] = {0, "OK"},
    [VAULT_INVALID] = {3, "the request is malformed; the details name the field and the reason"},
    [VAULT_DENIED] = {7, "refused by policy; the details name the clause"},
    [VAULT_NOT_FOUND] = {5, "not found"},
    [VAULT_CONFLICT] = {10, "changed meanwhile; read again and retry"},
    [VAULT_EXHAUSTED] = {8, "a limit is reached; the details say which"},
    [VAULT_UNAVAILABLE] = {14,
                           "the log cannot be written now, or the vault is sealed; nothing was revealed; retry later"},
    [VAULT_INTEGRITY] = {15, "stored data failed authentication; the operator has been told"},
    [VAULT_INTERNAL] = {13, "internal error"},
    [VAULT_UNAUTHENTICATED] = {16, "the caller or the acting person is not authenticated; the details say why"},
    [VAULT_PRECONDITION] = {9, "not as things stand; the details say what must be so first"},
};

int status_code(vault_code code)
{
    return STATUSES[code].code;
}

const char *status_text(vault_code code)
{
    return STATUSES[code].text;
}

static void *allocate(void *mem, size_t size)
{
    return arena_alloc(mem, size);
}

static void release(void *mem, void *at)
{
    (void)mem, (void)at; /* the arena goes as a whole */
}

ProtobufCAllocator arena_allocator(arena *mem)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = mem};
}

void *message_new(arena *mem, size_t size, void (*init)(void *))
{
    void *message = arena_alloc(mem, size);
    if (message) init(message);
    return message;
}

char *hex_of(arena *mem, const digest *d)
{
    static const digest none;
    char *text = arena_alloc(mem, 2 * DIGEST_LEN + 1);
    if (text) hex_encode(text, digest_bytes(d));
    if (text && bytes_same(digest_bytes(d), digest_bytes(&none))) text[0] = 0;
    return text;
}

Google__Protobuf__Timestamp *timestamp_of(arena *mem, int64_t us)
{
    Google__Protobuf__Timestamp *out = MESSAGE(mem, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    if (!out) return NULL;
    out->seconds = us / 1000000;
    out->nanos = (int32_t)(us % 1000000) * 1000;
    return out;
}

static bytes pack(arena *mem, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *at = arena_alloc(mem, len ? len : 1);
    return at ? bytes_of(at, protobuf_c_message_pack(message, at)) : bytes_of(NULL, 0);
}

static Google__Protobuf__Any *any(arena *mem, const char *type, const ProtobufCMessage *detail)
{
    Google__Protobuf__Any *out = MESSAGE(mem, Google__Protobuf__Any, google__protobuf__any__init);
    bytes packed = pack(mem, detail);
    if (!out || !packed.at) return NULL;
    out->type_url = arena_format(mem, "type.googleapis.com/%s", type);
    out->value = (ProtobufCBinaryData){.len = packed.len, .data = (uint8_t *)(uintptr_t)packed.at};
    return out->type_url ? out : NULL;
}

static Google__Protobuf__Any *bad_request(arena *mem, const violation *fields, size_t count)
{
    Google__Rpc__BadRequest__FieldViolation *all = arena_array(mem, count, sizeof *all),
                                            **list = arena_array(mem, count, sizeof *list);
    Google__Rpc__BadRequest detail = GOOGLE__RPC__BAD_REQUEST__INIT;
    if (!all || !list) return NULL;
    for (size_t i = 0; i < count; i++) {
        google__rpc__bad_request__field_violation__init(&all[i]);
        all[i].field = (char *)(uintptr_t)fields[i].field;
        all[i].description = (char *)(uintptr_t)fields[i].reason;
        list[i] = &all[i];
    }
    detail.n_field_violations = count;
    detail.field_violations = list;
    return any(mem, "google.rpc.BadRequest", &detail.base);
}

/* A refusal by the policy names its clause (clauses are in small letters) in metadata; every other reason is the reason
 * itself. */
static Google__Protobuf__Any *error_info(arena *mem, const vault_error *err)
{
    Google__Rpc__ErrorInfo__MetadataEntry clause = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT, *list[] = {&clause};
    Google__Rpc__ErrorInfo detail = GOOGLE__RPC__ERROR_INFO__INIT;
    bool denied = err->code == VAULT_DENIED && err->reason && (err->reason[0] & 0x20);
    detail.domain = (char *)(uintptr_t) "resident-vault";
    detail.reason = (char *)(uintptr_t)(denied        ? "POLICY_DENIED"
                                        : err->reason ? err->reason
                                                      : vault_code_name(err->code));
    if (denied) {
        clause.key = (char *)(uintptr_t) "clause";
        clause.value = (char *)(uintptr_t)err->reason;
        detail.n_metadata = 1;
        detail.metadata = list;
    }
    return any(mem, "google.rpc.ErrorInfo", &detail.base);
}

static Google__Protobuf__Any *retry_info(arena *mem)
{
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Rpc__RetryInfo detail = GOOGLE__RPC__RETRY_INFO__INIT;
    delay.nanos = 200000000;
    detail.retry_delay = &delay;
    return any(mem, "google.rpc.RetryInfo", &detail.base);
}

google_status *status_of_fields(arena *mem, const vault_error *err, const violation *fields, size_t count)
{
    Google__Rpc__Status *out = MESSAGE(mem, Google__Rpc__Status, google__rpc__status__init);
    Google__Protobuf__Any **details = arena_array(mem, 4, sizeof *details);
    if (!out || !details) return NULL;
    out->code = status_code(err->code);
    out->message = (char *)(uintptr_t)status_text(err->code);
    out->details = details;
    if ((details[out->n_details] = error_info(mem, err))) out->n_details++;
    if (count > 0 && (details[out->n_details] = bad_request(mem, fields, count))) out->n_details++;
    if (err->why && (details[out->n_details] = any(mem, "vault.v1.PolicyExplanation", err->why))) out->n_details++;
    if ((err->code == VAULT_EXHAUSTED || err->code == VAULT_UNAVAILABLE) && (details[out->n_details] = retry_info(mem)))
        out->n_details++;
    return out;
}

google_status *status_message(arena *mem, const vault_error *err)
{
    const violation only = {.field = err->field, .reason = err->reason ? err->reason : "INVALID"};
    return status_of_fields(mem, err, &only, err->code == VAULT_INVALID);
}

bytes status_packed(arena *mem, const vault_error *err)
{
    google_status *message = status_message(mem, err);
    return message ? pack(mem, &message->base) : bytes_of(NULL, 0);
}
