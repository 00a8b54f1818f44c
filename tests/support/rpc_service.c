#include "tests/support/rpc_fixture.h"

#include "vault/base/memory.h"
#include "vault/v1/keys.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static tally counted;
static bool gate_closed;
static _Atomic bool healthy = true, check_refused, session_refused;

struct service {
    char nothing;
};
struct session {
    char nothing;
};
static service only;

service *fake_service(void)
{
    return &only;
}

tally fake_tally(void)
{
    pthread_mutex_lock(&lock);
    tally t = counted;
    pthread_mutex_unlock(&lock);
    return t;
}

void fake_reset(void)
{
    pthread_mutex_lock(&lock);
    counted = (tally){.waiting = counted.waiting};
    pthread_mutex_unlock(&lock);
}

void gate_close(void)
{
    pthread_mutex_lock(&lock);
    gate_closed = true;
    pthread_mutex_unlock(&lock);
}

void gate_open(void)
{
    pthread_mutex_lock(&lock);
    gate_closed = false;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
}

static void wait_at_gate(void)
{
    pthread_mutex_lock(&lock);
    counted.waiting++;
    while (gate_closed) pthread_cond_wait(&opened, &lock);
    counted.waiting--;
    pthread_mutex_unlock(&lock);
}

void fake_healthy(bool is)
{
    healthy = is;
}
void fake_refuse_check(bool refuse)
{
    check_refused = refuse;
}
void fake_refuse_session(bool refuse)
{
    session_refused = refuse;
}

/* ---- service.h ---- */

bool service_healthy(const service *s)
{
    (void)s;
    return healthy;
}

vault_code service_check(vault_error *err)
{
    return check_refused ? vault_fail(err, VAULT_INTERNAL, "an rpc without its row") : VAULT_OK;
}

vault_code session_open(session **out, service *s, vault_error *err)
{
    (void)s;
    if (session_refused) return vault_fail(err, VAULT_UNAVAILABLE, "no database");
    *out = memory_new(sizeof **out);
    return VAULT_OK;
}

void session_close(session **s)
{
    memory_free(*s, sizeof **s);
    *s = NULL;
}

static size_t one(const ProtobufCMessage *in)
{
    (void)in;
    return 1;
}

static size_t token_count(const ProtobufCMessage *in)
{
    size_t count = ((const Vault__V1__BatchRevealRequest *)(const void *)in)->n_tokens;
    return count ? count : 1;
}

static const method methods[] = {
    {.path = REVEAL,
     .input = &vault__v1__reveal_request__descriptor,
     .output = &vault__v1__reveal_response__descriptor,
     .items = one},
    {.path = BATCH_REVEAL,
     .input = &vault__v1__batch_reveal_request__descriptor,
     .output = &vault__v1__batch_reveal_response__descriptor,
     .items = token_count},
    {.path = STATUS,
     .input = &vault__v1__status_request__descriptor,
     .output = &vault__v1__status_response__descriptor,
     .items = one},
    {.path = IMPORT,
     .input = &vault__v1__import_request__descriptor,
     .output = &vault__v1__import_response__descriptor,
     .stream = true,
     .items = one},
};

const method *service_methods(size_t *count)
{
    *count = sizeof methods / sizeof *methods;
    return methods;
}

static void answer_value(request *rq, const char *text)
{
    Vault__V1__RevealResponse *out = arena_alloc(rq->mem, sizeof *out);
    Vault__V1__FieldValue *value = arena_alloc(rq->mem, sizeof *value),
                          **values = arena_array(rq->mem, 1, sizeof *values);
    vault__v1__reveal_response__init(out);
    vault__v1__field_value__init(value);
    value->text = arena_text(rq->mem, bytes_of_text(text));
    values[0] = value;
    out->n_values = 1;
    out->values = values;
    rq->out = &out->base;
}

static void answer_big(request *rq)
{
    enum { BIG = 1 << 20 };
    char *text = arena_alloc(rq->mem, BIG + 1);
    memset(text, 'b', BIG);
    answer_value(rq, text);
}

static void reveal(request *rq)
{
    const char *token = ((const Vault__V1__RevealRequest *)(const void *)rq->in)->token;
    if (strcmp(token, "deny") == 0)
        (void)vault_refuse(&rq->err, VAULT_DENIED, "fields", "");
    else if (strcmp(token, "internal") == 0)
        (void)vault_fail(&rq->err, VAULT_INTERNAL, "stays inside");
    else if (strcmp(token, "big") == 0)
        answer_big(rq);
    else if (strcmp(token, "nothing") != 0)
        answer_value(rq, strcmp(token, "uri") == 0 ? rq->uris[0] : token);
    if (strcmp(token, "wait") == 0) wait_at_gate();
}

static void reveal_many(request *rq)
{
    const Vault__V1__BatchRevealRequest *in = (const void *)rq->in;
    Vault__V1__BatchRevealResponse *out = arena_alloc(rq->mem, sizeof *out);
    vault__v1__batch_reveal_response__init(out);
    out->results = arena_array(rq->mem, in->n_tokens, sizeof *out->results);
    for (size_t i = 0; i < in->n_tokens; i++) {
        out->results[i] = arena_alloc(rq->mem, sizeof **out->results);
        vault__v1__reveal_result__init(out->results[i]);
    }
    out->n_results = in->n_tokens;
    rq->out = &out->base;
}

/* ---- the client stream ---- */

/* What a stream keeps: a chain of what came, each link told from noise. */
typedef struct link {
    const struct link *before;
    unsigned number, check;
} link;
typedef struct import {
    const link *newest;
    unsigned rows, bad;
    bool nothing;
    _Atomic bool runs;
} import;

static bool chain_is_whole(const import *im)
{
    unsigned number = im->rows;
    for (const link *l = im->newest; l; l = l->before) {
        if (l->number != --number || l->check != ~number) return false;
    }
    return number == 0;
}

static void import_message(request *rq, import *im)
{
    const Vault__V1__ImportRequest *in = (const void *)rq->in;
    const char *text = in->n_rows > 0 && in->rows[0]->n_values > 0 ? in->rows[0]->values[0] : "";
    link *l = arena_alloc(rq->kept, sizeof *l);
    if (strcmp(text, "deny") == 0) (void)vault_refuse(&rq->err, VAULT_DENIED, "fields", "");
    if (strcmp(text, "internal") == 0) (void)vault_fail(&rq->err, VAULT_INTERNAL, "stays inside");
    if (strcmp(text, "wait") == 0) wait_at_gate();
    if (rq->asserted != (im->rows > 0)) im->bad++;
    rq->asserted = true;
    im->nothing = strcmp(text, "nothing") == 0;
    bool in_order = text[0] < '0' || text[0] > '9' || (unsigned)strtoul(text, NULL, 10) == im->rows;
    if (!in_order || !chain_is_whole(im) || rq->mem == rq->kept) im->bad++;
    *l = (link){.before = im->newest, .number = im->rows, .check = ~im->rows};
    im->newest = l;
    im->rows++;
}

static void import_end(request *rq, const import *im)
{
    Vault__V1__ImportResponse *out = arena_alloc(rq->mem, sizeof *out);
    vault__v1__import_response__init(out);
    out->rows = im->rows;
    out->rejected = im->bad + !chain_is_whole(im);
    if (!im->nothing) rq->out = &out->base;
}

static void count_import(bool last, bool overlap)
{
    pthread_mutex_lock(&lock);
    counted.lasts += last;
    counted.overlaps += overlap;
    pthread_mutex_unlock(&lock);
}

static void import_run(request *rq)
{
    if (!rq->state) rq->state = arena_alloc(rq->kept, sizeof(import));
    import *im = rq->state;
    count_import(!rq->in, atomic_exchange(&im->runs, true));
    if (rq->in)
        import_message(rq, im);
    else
        import_end(rq, im);
    atomic_store(&im->runs, false);
}

static void count_run(const method *m, request **calls, size_t count)
{
    unsigned items = 0;
    for (size_t i = 0; i < count; i++) items += calls[i]->in ? (unsigned)m->items(calls[i]->in) : 1;
    pthread_mutex_lock(&lock);
    counted.batches++;
    counted.calls += (unsigned)count;
    counted.certificate = calls[0]->certificate;
    if (count > counted.largest) counted.largest = (unsigned)count;
    if (items > counted.most_items) counted.most_items = items;
    pthread_mutex_unlock(&lock);
}

void service_run(session *s, const method *m, request **calls, size_t count)
{
    (void)s;
    count_run(m, calls, count);
    for (size_t i = 0; i < count; i++) {
        if (calls[i]->in ? calls[i]->in->descriptor != m->input : !m->stream) abort(); /* a batch is of one method */
        if (!m->stream && calls[i]->kept != calls[i]->mem) abort();
        if (m == &methods[0])
            reveal(calls[i]);
        else if (m == &methods[1])
            reveal_many(calls[i]);
        else if (m->stream)
            import_run(calls[i]);
        else
            (void)vault_refuse(&calls[i]->err, VAULT_UNAVAILABLE, "LATER", "");
    }
}
