/* Answers of batches: every response has `results`, one for each item in their order, and `receipts`; every result has
 * `status`, where its item did not go well. What is left to each rpc is what a good item's result says. */
#include "vault/service/explain.h"
#include "vault/service/kept.h"

#include "google/rpc/status.pb-c.h"

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *of, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(of, name);
}

/* A place in a message that holds a pointer, or a number of elements. */
static void **pointer_at(ProtobufCMessage *of, const ProtobufCFieldDescriptor *field)
{
    return (void **)(void *)((char *)of + field->offset);
}

static size_t *count_at(ProtobufCMessage *of, const ProtobufCFieldDescriptor *field)
{
    return (size_t *)(void *)((char *)of + field->quantifier_offset);
}

static ProtobufCMessage *result_of(const batch_shape *as, const ProtobufCMessageDescriptor *type, const item *it)
{
    arena *mem = it->call->rq->mem;
    ProtobufCMessage *out = message_new(mem, type->sizeof_message, (void (*)(void *))type->message_init);
    if (!out) return NULL;
    if (it->err.code == VAULT_OK) return as->fill(out, it) ? out : NULL;
    google_status *status = as->refused ? as->refused(it) : status_message(mem, &it->err);
    *pointer_at(out, field_of(type, "status")) = status;
    return status ? out : NULL;
}

/* Without receipts; NULL when memory is out. */
static ProtobufCMessage *response_of(const batch_shape *as, const call *c)
{
    arena *mem = c->rq->mem;
    const ProtobufCFieldDescriptor *list = field_of(as->response, "results");
    ProtobufCMessage *out =
        message_new(mem, as->response->sizeof_message, (void (*)(void *))as->response->message_init);
    ProtobufCMessage **results = arena_array(mem, c->item_count + 1, sizeof *results);
    size_t count = 0;
    if (!out || !results) return NULL;
    for (size_t i = 0; i < c->item_count; i++) {
        const item *it = &c->items[i];
        if (as->silent && as->silent(it)) continue;
        if (!(results[count++] = result_of(as, list->descriptor, it))) return NULL;
    }
    *pointer_at(out, list) = results;
    *count_at(out, list) = count;
    return out;
}

vault_code batch_pack(session *s, const call *c, bytes *answer, vault_error *err)
{
    explain_items(s, c);
    const ProtobufCMessage *response = response_of(c->shape, c);
    if (!response) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    return kept_packed(answer, s, response, err);
}

/* What was answered before comes without receipts: its lines have theirs. */
static void batch_answer(call *c)
{
    const batch_shape *as = c->shape;
    ProtobufCAllocator mem = arena_allocator(c->rq->mem);
    bool before = as->kept && c->kept && c->kept->replayed;
    ProtobufCMessage *out = before
                                ? protobuf_c_message_unpack(as->response, &mem, c->kept->answer.len, c->kept->answer.at)
                                : response_of(as, c);
    const ProtobufCFieldDescriptor *receipts = field_of(as->response, "receipts");
    if (out && !before) {
        *pointer_at(out, receipts) = c->receipts;
        *count_at(out, receipts) = c->receipt_count;
    }
    c->rq->out = out;
}

void batch_answers(session *s, call **calls, size_t count, const batch_shape *as)
{
    for (size_t i = 0; i < count; i++) calls[i]->shape = as;
    for (size_t i = 0; i < count && !s->moved; i++) explain_items(s, calls[i]);
    call_answers(s, calls, count, batch_answer);
}
