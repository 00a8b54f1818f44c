/* A call of a thread that races with others: a session and memory of its own, as the app of the population register. */
#pragma once
#include "vault/base/clock.h"

#include "tests/unit/service/records.h"

#include <stdatomic.h>

/* The answer, or NULL; what became of it is in *rq. */
static inline const void *race_call(session *own, arena *mem, const char *path, ProtobufCMessage *in, request *rq)
{
    static const char *const uris[] = {POPULATION, NULL};
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(in->descriptor, "context");
    Vault__V1__RequestContext *context = arena_alloc(mem, sizeof *context);
    static atomic_uint serial;
    vault__v1__request_context__init(context);
    context->purpose = lent("population-register");
    context->ticket = lent("race");
    context->request_id = arena_format(mem, "race-%u", atomic_fetch_add(&serial, 1));
    *(Vault__V1__RequestContext **)(void *)((char *)in + f->offset) = context;
    *rq = (request){.mem = mem,
                    .kept = mem,
                    .uris = uris,
                    .certificate = sha256(bytes_of_text(POPULATION)),
                    .in = in,
                    .deadline_us = clock_monotonic_us() + 60000000};
    request *one = rq;
    service_run(own, method_at(path), &one, 1);
    return rq->out;
}
