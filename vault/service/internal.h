/* Shared inside vault/service: what a call becomes on its way through gate, batch and reply. */
#pragma once
#include "vault/record/record.h"
#include "vault/service/service.h"

#include "vault/v1/audit.pb-c.h"
#include "vault/v1/keys.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"

#include <pthread.h>
#include <stdatomic.h>

struct service {
    control *control;
    ledger *ledger;
    char *database, *checkpoint_file;
    store *store; /* the publisher's */
    pthread_t publisher;
    bool publishing;
    pthread_mutex_t lock; /* of `stop` */
    pthread_cond_t wake;
    bool stop;
    atomic_bool healthy;
    atomic_llong tried_us; /* when the publisher last came back from the database, monotonic */
};

struct session {
    service *service;
    store *store;
    cabinet *cabinet;
    scribe *scribe;
    arena *mem;               /* of one run; wiped after it */
    secret deks;              /* BATCH_ITEMS data keys */
    const manifest *manifest; /* in force during a run */
    bool moved;               /* the control version moved on: reload and run again */
};

typedef struct item item;

/* A call past the gate. Lives in the session's arena, but for `asserted`. */
typedef struct call call;
struct call {
    request *rq;
    const Vault__V1__RequestContext *context;
    const principal *caller;
    const purpose *purpose; /* NULL: not registered */
    const person *person;   /* NULL: the app acts by itself */
    line_action action;
    policy_facts facts;
    admission admission;
    const schema_field **mask; /* in the order asked for */
    size_t mask_count;
    const char *fields, *groups; /* for the line: names in schema order */
    bool want_receipt;
    Vault__V1__Receipt **receipts;
    size_t receipt_count;
    item *items;
    size_t item_count;
};

/* One resident of a call. */
struct item {
    call *call;
    size_t index;    /* in the call */
    vault_error err; /* outcome; VAULT_INVALID before the batch: malformed, never looked up, no line */
    resident_id id;  /* 0: none */
    uint8_t natural_key[NATURAL_LEN];
    const resident_row *row;
    record record;
    grant grant;
    line *line;
    struct put_item *put; /* put: its values and its row to write (records.c) */
    uint32_t version;     /* of the record that was answered from */
    Vault__V1__FieldValue **values;
    const char *text; /* issue: the token */
};

/* What the items of an RPC have of their own; the way is the same for all (batch.c). */
typedef struct item_kind {
    bool by_natural_key;                       /* rows are fetched by natural key, else by id */
    vault_code (*judge)(session *s, item *it); /* policy, after the row is proven; leaves the grant */
    vault_code (*prepare)(session *s, item **items, size_t count,
                          vault_error *err); /* rows to write, before the lines; or NULL */
    vault_code (*write)(session *s, item **items, size_t count,
                        vault_error *err);      /* within the lines' transaction; or NULL */
    vault_code (*finish)(session *s, item *it); /* after the commit; or NULL */
} item_kind;

/* Runs the items of the calls, in parts of at most BATCH_ITEMS, each part one transaction: fetch, prove, decide, lines,
 * commit, finish. Leaves each item's outcome, and receipts in the calls. */
void batch_run(session *s, const item_kind *kind, call **calls, size_t count);

/* ---- service.c ---- */

/* How an attempt to write the log went: keeps service_healthy. An outage is told to the operator when it begins and
 * when it ends, every other failure each time. */
void service_note(service *s, vault_code code, const vault_error *err);

/* ---- gate.c ---- */

/* Who calls, in which role, for which registered purpose, for whom. NULL in calls[i] where the request was answered
 * with an error; refusals of a known caller are lines. Returns the number of calls that go on, in order. */
size_t gate_admit(session *s, const method *m, request **requests, size_t count, call **calls);

/* Appends lines that stand for no batch (refusals at the gate, queries). */
VAULT_MUST_USE vault_code append_alone(session *s, line *lines, size_t count, vault_error *err);
/* What every line of a call has in common. */
line_facts call_facts(const session *s, const call *c, line_outcome outcome);

/* ---- mask.c ---- */

/* Reads a field mask into c->mask, facts.fields, fields and groups. INVALID names the path. */
VAULT_MUST_USE vault_code call_mask(session *s, call *c, const Google__Protobuf__FieldMask *mask, vault_error *err);
/* Admission of the call by the policy, with today's date. */
void call_admission(session *s, call *c, policy_action action, policy_form form);
/* The caller's domain of this number for the call's purpose or one above it; 0: the nearest one. NULL: none. */
const domain *call_domain(const session *s, const call *c, uint32_t number);
/* Makes `count` items of a call; INVALID for none and above CALL_ITEMS. `field` names the repeated field. */
VAULT_MUST_USE vault_code call_items(session *s, call *c, size_t count, const char *field, vault_error *err);
/* INVALID with the path "<list>[<index>]" (or "<list>" where index is negative). */
vault_code refuse_at(vault_error *err, const char *reason, const char *list, long index);
/* Clause by which the policy refused, as an outcome. */
vault_code refuse_clause(vault_error *err, policy_clause clause);
/* The judgement that reveal and issue share: by the stored row's area. */
vault_code judge_by_area(session *s, item *it);

/* Answers each call whose err is still OK by `answer`, which sets rq->out. A call with an item that the store failed is
 * failed as a whole: nothing in it is final, and to repeat it does no harm. */
void call_answers(session *s, call **calls, size_t count, void (*answer)(call *c));

/* ---- status.c ---- */
typedef struct Google__Rpc__Status google_status;

/* Initialised message in an arena; NULL when it is full. */
#define MESSAGE(mem, Type, init) message_new((mem), sizeof(Type), (void (*)(void *))(init))
void *message_new(arena *mem, size_t size, void (*init)(void *));

/* ---- the handlers ---- */
void tokens_batch_issue(session *s, call **calls, size_t count);
void tokens_reveal(session *s, call **calls, size_t count);
void tokens_batch_reveal(session *s, call **calls, size_t count);
void records_batch_put(session *s, call **calls, size_t count);
void audit_get_checkpoint(session *s, call **calls, size_t count);
void audit_get_proof(session *s, call **calls, size_t count);
void audit_query(session *s, call **calls, size_t count);
void keys_status(session *s, call **calls, size_t count);
