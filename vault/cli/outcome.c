/* google.rpc.Status and its typed details, read into one flat struct. */
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "vault/cli/client.h"
#include "vault/v1/common.pb-c.h"

#include <stdio.h>
#include <string.h>

static const char *const names[CODES] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

const char *outcome_name(int code)
{
    return code >= 0 && code < CODES ? names[code] : "UNKNOWN";
}

static void read_error_info(outcome *out, const ProtobufCMessage *detail)
{
    const Google__Rpc__ErrorInfo *info = (const void *)detail;
    (void)snprintf(out->reason, sizeof out->reason, "%s", info->reason);
    for (size_t i = 0; i < info->n_metadata; i++) {
        if (strcmp(info->metadata[i]->key, "clause") != 0) continue;
        (void)snprintf(out->clause, sizeof out->clause, "%s", info->metadata[i]->value);
    }
}

static void read_bad_request(outcome *out, const ProtobufCMessage *detail)
{
    const Google__Rpc__BadRequest *bad = (const void *)detail;
    if (bad->n_field_violations == 0) return;
    (void)snprintf(out->field, sizeof out->field, "%s", bad->field_violations[0]->field);
    (void)snprintf(out->violation, sizeof out->violation, "%s", bad->field_violations[0]->description);
}

static void read_retry_info(outcome *out, const ProtobufCMessage *detail)
{
    const Google__Protobuf__Duration *delay = ((const Google__Rpc__RetryInfo *)(const void *)detail)->retry_delay;
    if (delay && delay->seconds >= 0 && delay->seconds < 3600)
        out->retry_ms = (int)(delay->seconds * 1000 + delay->nanos / 1000000);
}

/* Sentences, as many as there is room for. */
static void join_text(char *out, const char *text)
{
    size_t len = strlen(out), more = strlen(text);
    if (more == 0 || len + more + 3 > WHY_MAX) return;
    (void)snprintf(out + len, WHY_MAX - len, "%s%s", len ? "; " : "", text);
}

static void read_explanation(outcome *out, const ProtobufCMessage *detail)
{
    const Vault__V1__PolicyExplanation *e = (const void *)detail;
    for (size_t i = 0; i < e->n_clauses; i++) {
        join_text(out->why, e->clauses[i]->text);
        join_text(out->why_zh, e->clauses[i]->text_zh);
    }
}

static const struct detail_kind {
    const ProtobufCMessageDescriptor *type;
    void (*read)(outcome *out, const ProtobufCMessage *detail);
} kinds[] = {
    {&google__rpc__error_info__descriptor, read_error_info},
    {&google__rpc__bad_request__descriptor, read_bad_request},
    {&google__rpc__retry_info__descriptor, read_retry_info},
    {&vault__v1__policy_explanation__descriptor, read_explanation},
};

static void read_detail(outcome *out, const Google__Protobuf__Any *any)
{
    const char *slash = strrchr(any->type_url, '/');
    for (size_t i = 0; slash && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(slash + 1, kinds[i].type->name) != 0) continue;
        ProtobufCMessage *detail = protobuf_c_message_unpack(kinds[i].type, NULL, any->value.len, any->value.data);
        if (!detail) return;
        kinds[i].read(out, detail);
        protobuf_c_message_free_unpacked(detail, NULL);
    }
}

void outcome_read(outcome *out, const Google__Rpc__Status *status)
{
    *out = (outcome){0};
    if (!status) return;
    out->code = status->code;
    (void)snprintf(out->message, sizeof out->message, "%s", status->message);
    for (size_t i = 0; i < status->n_details; i++) read_detail(out, status->details[i]);
}
