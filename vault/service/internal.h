/* Shared inside vault/service: what a call becomes on its way through gate, batch and reply. */
#pragma once
#include "vault/record/record.h"
#include "vault/service/handlers.h"
#include "vault/service/service.h"

#include "vault/v1/audit.pb-c.h"
#include "vault/v1/control.pb-c.h"
#include "vault/v1/keys.pb-c.h"
#include "vault/v1/leaks.pb-c.h"
#include "vault/v1/policy.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/residents.pb-c.h"
#include "vault/v1/tokens.pb-c.h"

#include <pthread.h>
#include <stdatomic.h>

/* Shares that people entered on this node (operator.h). */
typedef struct entered {
    uint32_t count, generation;
    uint8_t salt[ROOT_SALT_LEN];
    int64_t last_us; /* monotonic */
    secret values;
    share at[SHARES_MAX];
} entered;

struct service {
    /* The life of the node (life.c). */
    control *control; /* NULL while the node is sealed, and so is ledger: they are used inside life_enter alone */
    ledger *ledger;
    pthread_rwlock_t life; /* of control, ledger, openings, and the keys of all sessions */
    uint64_t openings;
    int64_t turns;    /* of the manifest that it was opened with */
    atomic_bool open; /* the same as control, for whoever only asks */
    pthread_mutex_t sessions_lock;
    session *sessions; /* all of them, by `next` */
    root_keeping keeping;
    pthread_mutex_t root_lock;
    secret next_root;       /* of a rotation that is under way, or whose commit may stand */
    uint32_t doubt;         /* then the generation that it would have made; else 0 */
    atomic_bool root_moved; /* it was rotated elsewhere: this one opens nothing any more */
    atomic_bool wakes;      /* it opens by itself as soon as it can */
    pthread_mutex_t unsealing;
    entered entered;

    char *database, *checkpoint_file;
    struct {
        char *url, *ca_file, *token_file;
    } webhook;    /* url NULL: none */
    store *store; /* the publisher's */
    pthread_t publisher;
    bool publishing;
    struct shelf *shelf;         /* of the archive folder (vault/audit/archive.h) */
    int retention_months;        /* of the log */
    struct keeper *keeper;       /* jobs.h */
    struct witnesses *witnesses; /* witnesses.h; NULL: the config names no policy */
    atomic_ullong calls;         /* that came so far: jobs give way to them */
    pthread_mutex_t lock;        /* of `stop` */
    pthread_cond_t wake;
    bool stop;
    atomic_bool healthy;
    pthread_mutex_t finding_lock;
    struct finding {
        bool stands;
        char text[192];        /* as it was told */
    } findings[2];             /* edited control rows, by place */
    atomic_bool control_good;  /* none stands */
    struct recounts *recounts; /* recount.c, under finding_lock; or NULL */
    atomic_llong tried_us;     /* when the publisher last came back from the database, monotonic */
};

struct session {
    service *service;
    session *next;
    store *store;
    cabinet *cabinet;
    scribe *scribe;
    arena *mem;               /* of one run; wiped after it */
    secret deks;              /* BATCH_ITEMS times RECORD_KEYS_LEN */
    keyring *rings;           /* that cabinet and scribe were made for; held */
    const manifest *manifest; /* in force during a run */
    int64_t control_stamp;    /* of the control rows that it was read from */
    bool moved;               /* the control version moved on: reload and run again */
    bool confirmed;           /* an append of this run found the control version as it was */
    bool waking;              /* it opens the node: the manifest may still say sealed */
    vault_error damage[16];   /* found by this run, `damaged` times (session_damage) */
    size_t damaged;
    struct counting *counting; /* budgets.c; NULL until something is counted */
};

typedef struct item item;

/* What stands at the beginning of every request.state: the gate finds it there when a later message comes, and checks
 * role, certificate, person and purpose anew. Filled by stream_begin, in request.kept. */
typedef struct stream_state {
    const Vault__V1__RequestContext *context; /* of the first message */
    int64_t begun_us;                         /* the assertion is used once, and need not outlast the stream */
} stream_state;

/* A call past the gate. Lives in the session's arena, but for `asserted`. */
struct call {
    request *rq;
    const Vault__V1__RequestContext *context;
    const principal *caller;
    const purpose *purpose; /* NULL: not registered */
    const person *person;   /* NULL: the app acts by itself */
    line_action action;
    int64_t now_us;             /* the moment that it is decided by: no clock is asked again (facts.c) */
    uint32_t residents;         /* that it is about, at most */
    const approval *approval;   /* of just this call, by officers; or NULL */
    const emergency *emergency; /* the break-glass that it is under; or NULL */
    policy_facts facts;
    admission admission;
    const policy_facts *asked;    /* of the admission, where it is not of `facts`: of several ways in the one that comes
                                     furthest (call_admit); or NULL */
    const collection *collection; /* of the fields asked for */
    const schema_field **mask;    /* in the order asked for */
    size_t mask_count;
    const char *fields, *groups;     /* for the line: names in schema order */
    const char *form;                /* for the line */
    const struct batch_shape *shape; /* how its answer is made of its items (results.c) */
    bool want_receipt;
    Vault__V1__Receipt **receipts;
    size_t receipt_count;
    item *items;
    size_t item_count;
    struct import_step *step;    /* import: the message at hand (import.c) */
    struct listing *listing;     /* corrections: the page (corrections.c) */
    struct put_columns *columns; /* put: what its items share */
    struct kept_answer *kept;    /* by its request id (kept.c); NULL: nothing is kept */
    struct browsing *browsing;   /* what may be listed (browse.c) */
    struct search *search;       /* what is searched for (search.h) */
    struct strongest *strongest; /* a reveal in whichever form may be (terms.c); or NULL */
    Vault__V1__Terms *terms;     /* of `terms_of`; NULL: none were made yet */
    grant terms_of;
};

/* One resident of a call. */
struct item {
    call *call;
    size_t index;    /* in the call */
    vault_error err; /* outcome; VAULT_INVALID before the batch: malformed, never looked up, no line */
    resident_id id;  /* 0: none */
    bool nobody;     /* a line of the call itself: no resident is addressed */
    uint64_t hits;   /* for its line */
    uint8_t natural_key[NATURAL_LEN];
    uint8_t (*older)[NATURAL_LEN]; /* the same under the versions of the ring before the active one */
    size_t older_count;            /* as many for all items of a run */
    const resident_row *row;
    record record;
    grant grant;
    const policy_facts *asked; /* what refused it by a clause of calls, where that is not the call's; or NULL */
    bool on_word;              /* the grant may rest on what the resident said: a consent, a guardian (hold.h) */
    const resident_row *other; /* whose record the grant rests on, too; or NULL (hold.h) */
    uint64_t looked;           /* classes by 1 << index whose values were opened to decide */
    struct seen_item *seen;    /* of its resident, by whom aggregations are about (seen.c); NULL: not looked up */
    const char *budgets;       /* that count it, for its line; or NULL */
    uint16_t spent;            /* the budget that refused it: its index + 1; else 0 */
    line *line;
    struct put_item *put;               /* put: its values and its row to write */
    const char *fields, *groups, *form; /* for its line, where they are not the call's; else NULL */
    const char *rule;                   /* for its line, where it is not one of the policy's; else NULL */
    line_action action;                 /* for its line, where it is not the call's; else 0 */
    uint32_t version;                   /* of the record that was answered from */
    Vault__V1__FieldValue **values;
    Vault__V1__Terms *terms;    /* of a reveal: what its values are bound to */
    const char *text;           /* issue: the token */
    item *with;                 /* decided together with it and next to it in the call: one part holds both; or NULL */
    struct unique_item *unique; /* named by a unique field (unique.c) */
    struct test_item *test;     /* a predicate's question and answer (predicates.c) */
    struct inspect_item *inspect;   /* what its token is worth (inspect.c) */
    struct erase_item *erase;       /* erase.c */
    struct consent_item *consent;   /* consents.c */
    struct said_row *said;          /* the version of the record that a word about it makes (said.h) */
    struct guardian_item *guardian; /* guardians.c */
    struct history_item *history;   /* history.c */
    struct voucher_item *voucher;   /* vouchers and handovers: what is sealed in its row (voucher.c) */
    struct record_item *named;      /* a record by its name, or a correction (get.c, corrections.c) */
};

/* What the items of an RPC have of their own; the way is the same for all (batch.c). */
typedef struct item_kind {
    bool by_natural_key; /* rows are fetched by natural key, else by id */
    bool one_snapshot;   /* what is looked at and the rows are read as of one moment: they are under one key */
    bool by_voucher;     /* natural_key holds the id of a voucher, which a transaction does not write twice */
    vault_code (*look)(session *s, item **items, size_t count,
                       vault_error *err);      /* what an attempt must read anew before the rows, maybe ids; or NULL */
    vault_code (*judge)(session *s, item *it); /* policy, after the row is proven; leaves the grant */
    vault_code (*prepare)(session *s, item **items, size_t count,
                          vault_error *err); /* rows to write, before the lines; or NULL */
    vault_code (*write)(session *s, item **items, size_t count,
                        vault_error *err);      /* within the lines' transaction; or NULL */
    row_change (*change)(const item *it);       /* what `write` does to its resident's row; nothing: both NULL */
    vault_code (*finish)(session *s, item *it); /* after the commit; or NULL */
} item_kind;

/* Runs the items of the calls, in parts of at most BATCH_ITEMS, each part one transaction: fetch, prove, decide, lines,
 * commit, finish. Leaves each item's outcome, and receipts in the calls. */
void batch_run(session *s, const item_kind *kind, call **calls, size_t count);

/* ---- service.c ---- */

/* How an attempt to write the log went: keeps service_healthy. An outage is told to the operator when it begins and
 * when it ends, every other failure each time. */
void service_note(service *s, vault_code code, const vault_error *err);

/* An edited control row was found (INTEGRITY), or the rows there are good (OK): keeps service_healthy; a finding is
 * told to the operator once, and when it is mended. Any thread. */
typedef enum control_place { CONTROL_IN_FORCE, CONTROL_HISTORY } control_place;
void service_control(service *s, control_place place, vault_code code, const vault_error *err);

/* ---- life.c: sealed or open ---- */

void life_init(service *s);
void life_end(service *s); /* nobody is inside any more */
void life_join(service *s, session *w);
void life_part(service *s, session *w);
/* Inside: control and ledger stay. False, and not inside: the node is sealed. Not to be entered twice. */
bool life_enter(service *s);
/* Does the manifest say that the node must be sealed: now, or meanwhile? */
bool life_shut(const service *s, const manifest *m);
/* Seals the node, where the manifest in force now says so, or the root key is another: waits until nobody is inside,
 * and wipes all keys. */
void life_leave(service *s, store *with);
/* Opens it with `root`; empty: by the files that the config names, where it does, or not yet. Without any thread. */
VAULT_MUST_USE vault_code life_start(service *s, bytes root, vault_error *err);
/* Where the node opens by itself, and can by now. By the publisher, who is not inside. */
void life_wake(service *s, store *with);
/* Sessions that are idle let go of keys of before the last change of rings; those that work take others themselves. */
void life_refresh(service *s);
/* With `life` locked for writing: rooms and keys. The rooms are not left half open. */
VAULT_MUST_USE vault_code life_open(service *s, store *with, bytes root, vault_error *err);
void life_wipe(service *s);
void life_settle(service *s); /* afterwards: what others are told of it */
/* Inside. Another root key that is about to be written: kept until it is known whether it was. UNAVAILABLE
 * CONTROL_MOVED: so is one already, and nobody may put another in its place. */
VAULT_MUST_USE vault_code life_next_root(service *s, bytes root, vault_error *err);
void life_forget_next_root(service *s); /* it was not, or control has it by now */
/* Nobody knows whether the root key of this generation was written; and which one that is, 0: none. */
void life_doubt_next_root(service *s, uint32_t generation);
uint32_t life_doubted(service *s);

/* ---- replay.c ---- */

/* Refuses (INTEGRITY) a table of erasures that is not the head's, or lacks what is kept outside; and takes away what
 * there is of erased residents again. By whoever opens a node, before anything is answered. */
VAULT_MUST_USE vault_code erasures_replay(service *s, store *with, vault_error *err);

/* ---- run.c: how a session runs ---- */

/* Some work of a session, with the manifest in force, its control_stamp, and the session's handles made for its keys.
 * Where it leaves s->moved, control is read anew and it runs again. s->mem is emptied after each run. */
typedef vault_code session_work(session *s, void *context, vault_error *err);
/* For jobs: what the calls have by themselves. The work's outcome; UNAVAILABLE SEALED, or CONTROL_MOVED when it moves
 * all the time; INTEGRITY where control was edited. Never from within a call. */
VAULT_MUST_USE vault_code session_run(session *s, session_work *work, void *context, vault_error *err);
/* The same, and calls behind the gate, by one who is inside (or has the lock for writing). */
VAULT_MUST_USE vault_code session_attempts(session *s, session_work *work, void *context, vault_error *err);
void session_calls(session *s, const method *m, request **requests, size_t count);
void session_drop_keys(session *s);
/* A row that does not open, or is not as it was sealed: the operator is told after the run, unless control had moved on
 * and the row was merely of a version of the keys that this node did not know yet. */
void session_damage(session *s, const vault_error *what);

/* ---- gate.c ---- */

/* INVALID names the path: REQUIRED, BAD_TICKET, BAD_REQUEST_ID, BAD_APPROVAL, BAD_EMERGENCY. */
VAULT_MUST_USE vault_code gate_check_context(const Vault__V1__RequestContext *context, vault_error *err);
/* UTF-8 without control characters, of so many bytes. */
bool plain_text(const char *text, size_t least, size_t most);
/* The prefix ("approvals/") and 32 hexadecimal digits: what the vault names things by. */
bool is_name_in(const char *text, const char *prefix);
/* Keeps the context of a stream's first message. */
VAULT_MUST_USE vault_code stream_begin(stream_state *out, const call *c, vault_error *err);

/* Who calls, in which role, for which registered purpose, for whom. NULL in calls[i] where the request was answered
 * with an error; refusals of a known caller are lines. Returns the number of calls that go on, in order. */
size_t gate_admit(session *s, const method *m, request **requests, size_t count, call **calls);

/* Appends lines that stand for no batch (refusals at the gate, queries). */
VAULT_MUST_USE vault_code append_alone(session *s, line *lines, size_t count, vault_error *err);
/* The one line of a call that reads or changes control, or asks for keys, before its answer leaves: rq->err says how it
 * went (INTEGRITY and INTERNAL: failed; else refused). Of `facts` the fields, change, document, approval, before,
 * after, and where they are given action and resident, are taken. Returns rq->err's code, which is that of the append
 * where it failed. */
VAULT_MUST_USE vault_code write_call_line(session *s, call *c, const line_facts *facts);
VAULT_MUST_USE vault_code make_call_line(line *out, session *s, const call *c, const line_facts *facts,
                                         vault_error *err);
/* What every line of a call has in common. */
line_facts call_facts(const session *s, const call *c, line_outcome outcome);

/* ---- mask.c ---- */

/* Reads a field mask into c->mask, collection, facts.fields, fields and groups. INVALID names the path: UNKNOWN_FIELD,
 * DUPLICATE_FIELD, MIXED_COLLECTIONS. */
VAULT_MUST_USE vault_code call_mask(session *s, call *c, const Google__Protobuf__FieldMask *asked, vault_error *err);
/* Names of a set's fields in schema order, and the groups that they belong to, each once; comma-separated. */
typedef struct field_names {
    const char *fields, *groups;
} field_names;
VAULT_MUST_USE vault_code describe_fields(field_names *out, arena *mem, const collection *of, field_set set,
                                          vault_error *err);
/* Admission of the call by the policy: c->facts, with its fields as they stand. */
void call_admission(session *s, call *c, policy_action action, policy_form form);
/* One of several ways into a call, whose c->admission is refused, or that of another way: of all of them the one that
 * goes furthest is c->admission and, where it is refused, c->asked. True where this one goes all the way. */
bool call_admit(session *s, call *c, const policy_facts *facts);
/* For as long as the run. NULL when memory is out: then a refusal is explained by its clause alone. */
const policy_facts *facts_kept(session *s, const policy_facts *facts);
/* Admission of a call that no rule of the policy is for: that the person's contract holds and, with `for_residents`,
 * that the app acts for the purpose at all (has a domain for it) and that the purpose is assessed. */
void call_admission_alone(const session *s, call *c, bool for_residents);
/* The caller's domain of this number for the call's purpose or one above it; 0: the nearest one. NULL: none. */
const domain *call_domain(const session *s, const call *c, uint32_t number);
/* Makes `count` items of a call; INVALID for none and above CALL_ITEMS. `field` names the repeated field. */
VAULT_MUST_USE vault_code call_items(session *s, call *c, size_t count, const char *field, vault_error *err);
/* As many as are needed for what was asked for, whatever their number. */
VAULT_MUST_USE vault_code call_make_items(session *s, call *c, size_t count, vault_error *err);
/* INVALID with the path "<list>[<index>]" (or "<list>" where index is negative). */
vault_code refuse_at(vault_error *err, const char *reason, const char *list, long index);
/* Clause by which the policy refused, as an outcome. */
vault_code refuse_clause(vault_error *err, policy_clause clause);
/* The moment by which is decided: that of the wall clock, but never before the newest line of the log. A clock that is
 * set back opens nothing again that has ended. */
int64_t service_now_us(const service *s);
/* How many residents a call is about, at most: as it was asked. */
uint32_t request_residents(const method *m, const request *rq);
/* What a call would ask the policy for (facts.c). */
policy_facts call_asks(const call *c, policy_action action, policy_form form, field_set fields);
/* What the policy may know of the item's resident, as if it were in this area (facts.c): its classes and its consent,
 * opened inside the vault where the admission asks for them, and what has been seen of it. Leaves in the item what was
 * looked at. */
policy_resident item_facts_at(session *s, item *it, const admission *a, const policy_facts *facts, area_code area);
/* What its line says beyond that: the names of the classes that were looked at, the clause that refused it as officers
 * may know it, the basis of sharing that the rule which gave it rests on, and from when on its resident may know of it.
 * NULL where there is nothing to say, or memory is out. */
const char *item_attributes(const session *s, const item *it);
const char *item_clause(const item *it);
const char *item_sharing(const session *s, const item *it);
const char *item_withheld(const session *s, const item *it);
uint32_t terms_withheld_until(const policy_terms *terms, int64_t now_us); /* YYYYMMDD; 0: at once */
/* The purposes of a call: its own, and those above it, nearest first. */
enum { PURPOSES_ABOVE_MAX = 32 };
typedef struct purpose_line {
    const char *ids[PURPOSES_ABOVE_MAX];
    size_t count;
} purpose_line;
purpose_line call_purposes(const session *s, const call *c);
/* The judgement that reveal and issue share: by the stored row's area. */
vault_code judge_by_area(session *s, item *it);

/* Where the item's resident is, for the policy; 0: nobody, or nobody whose record may be used for the call. */
area_code item_live_area(const item *it);

/* ---- terms.c ---- */

/* Admission of a reveal in the strongest form that may be: of plain, masked, and token where all fields have one. Its
 * error is the call's. */
VAULT_MUST_USE vault_code call_strongest(session *s, call *c, const Google__Protobuf__FieldMask *asked);
/* The judgement then: each resident in its own form, which is the grant's. */
vault_code judge_strongest(session *s, item *it);
/* What the values that were granted to the item are bound to; NULL when memory is out. */
Vault__V1__Terms *item_terms(const session *s, item *it);

/* Answers each call whose err is still OK by `answer`, which sets rq->out. A call with an item that the store failed is
 * failed as a whole: nothing in it is final, and to repeat it does no harm. */
void call_answers(session *s, call **calls, size_t count, void (*answer)(call *c));
/* That alone: the call's error is the first such item's. */
void call_fail_with_store(call *c);

/* ---- values.c: values by token ---- */

/* The resident of a token of a domain that is the call's; INVALID with the path for a text that is none. Nobody for a
 * forgery. PRECONDITION TOKEN_EPOCH_ENDED by the text alone: whoever made it up, and whether anybody is behind it. */
void item_token(session *s, item *it, const char *text, const char *list, long index);
/* What a call asks to see, and its admission; its error is the call's. */
VAULT_MUST_USE vault_code call_reveal(session *s, call *c, const Google__Protobuf__FieldMask *fields,
                                      Vault__V1__Form form);
/* A field of an item that was granted it, after the commit. */
VAULT_MUST_USE vault_code item_value(Vault__V1__FieldValue **out, session *s, item *it, const schema_field *field);

/* ---- unique.c: residents named by a value of a unique field ---- */

/* Values that may be meant: one, or what a text stands for in each epoch whose tokens are taken. Just one of them must
 * lead to somebody. Each is looked up by every version of its ring, next to each other. */
typedef struct unique_item {
    const schema_field *field;
    size_t count, versions;       /* of values, and of the ring */
    uint8_t (*keys)[NATURAL_LEN]; /* of a natural key: count times versions */
    int64_t *terms;               /* of another field */
    size_t meant;                 /* which value led to the id */
} unique_item;
/* The natural key by which an item's row is fetched, under every version of the ring. */
VAULT_MUST_USE vault_code item_natural_key(session *s, item *it, const collection *of, bytes canonical);
/* Whether residents can be named by the field at all. */
bool field_is_unique(const schema_field *f);
/* An item of a call's `values`, normalised, and it->unique for it. Its error is the item's, with its path. */
VAULT_MUST_USE vault_code unique_read(bytes *canonical, session *s, item *it, const schema_field *by, const char *text);
/* Adds a normalised value to those that may be meant. */
VAULT_MUST_USE vault_code unique_add(unique_item *u, session *s, bytes text, vault_error *err);
/* For item_kind, with rows by id: the ids; and judge_by_area of a row that has the value that it was found by. */
VAULT_MUST_USE vault_code unique_look(session *s, item **items, size_t count, vault_error *err);
vault_code unique_judge(session *s, item *it);
/* The pseudonym of the resident in a domain, as a text in it->text; in the call's own one, its error the item's. */
VAULT_MUST_USE vault_code item_issue_for(session *s, item *it, const domain *of, vault_error *err);
vault_code item_issue(session *s, item *it);

/* ---- put.c: the way of an item that is put, for BatchPut and Import ---- */

/* What the items of a call share. */
typedef struct put_columns {
    size_t *order;            /* positions in the mask, by field number */
    long natural, area, grid; /* positions of the fields that say who and where; grid -1: not given */
    uint32_t collected;
    const char *list; /* name of the items, for paths: "items"; NULL: the call is the only one */
    bool dry;         /* nothing is written but the lines */
} put_columns;

/* One bad value of an item. */
typedef struct put_fault {
    long column; /* place in the mask; -1: the item as a whole */
    const char *reason;
} put_fault;

/* What an item brings, and the row that it becomes. */
typedef struct put_item {
    const put_columns *columns;
    record_input in;
    resident_row next;
    record_merged merged; /* with the record that stood */
    bool created;
    put_fault *faults; /* the first one is the item's err */
    size_t fault_count;
} put_item;

typedef struct put_header {
    const char *collection;
    const Google__Protobuf__FieldMask *mask;
    const Google__Protobuf__Timestamp *collected; /* NULL: now */
    const char *list;
    bool dry;
} put_header;
/* Columns and admission of a call, whose error it sets. */
VAULT_MUST_USE vault_code put_read_header(session *s, call *c, const put_header *header, put_columns *out);
/* Its items, each with its outcome so far. */
VAULT_MUST_USE vault_code put_read_rows(session *s, call *c, const put_columns *columns,
                                        Vault__V1__ResidentInput *const *rows, size_t count);
/* The steps of these two, for Update. The columns are those of c->mask. */
VAULT_MUST_USE vault_code put_read_columns(session *s, call *c, put_columns *out, vault_error *err);
VAULT_MUST_USE vault_code put_read_time(uint32_t *out, const Google__Protobuf__Timestamp *given, vault_error *err);
/* The values that decide where a record belongs, canonical; empty: not given, or bad. */
typedef struct put_keys {
    bytes natural, area, grid;
} put_keys;
/* A bad value is a fault of the item. */
VAULT_MUST_USE vault_code put_read_values(put_keys *keys, session *s, item *it, char *const *values, size_t count);
/* in.area from the keys of division and grid. */
vault_code put_read_area(session *s, item *it, const put_keys *keys);
int64_t number_of_digits(bytes digits);
/* Of an item that went well; NULL when memory is out. */
Vault__V1__PutResult *put_result(const item *it);
/* Ids of new residents, never used before. */
VAULT_MUST_USE vault_code put_new_ids(session *s, int64_t *ids, size_t count, vault_error *err);
/* For item_kind. */
vault_code put_judge(session *s, item *it);
VAULT_MUST_USE vault_code put_prepare(session *s, item **items, size_t count, vault_error *err);
/* Before rows are written, where requests are written beside some that are not. */
VAULT_MUST_USE vault_code put_hold(session *s, item **items, size_t count, vault_error *err);
VAULT_MUST_USE vault_code put_write(session *s, item **items, size_t count, vault_error *err);
row_change put_change(const item *it);

/* ---- get.c: a record by its name, for Get, Update, Export and the corrections of one record ---- */

/* A rule's fields, and who is admitted to them. */
typedef struct export_way {
    field_set fields;
    admission admitted;
} export_way;
typedef struct record_item {
    const char *token; /* as the caller gave it; NULL: by number */
    export_way *ways;  /* export: of each rule that admits the call */
    size_t way_count;
    correction_row *rows; /* of the record; or the one that is shown, or decided on */
    size_t row_count;
    int64_t after; /* rows above this number, at most so many; 0: all */
    size_t limit;
    field_set told; /* fields whose corrections the caller may know */
    grant *plain;   /* by place in rows: under which its wanted value is shown; NULL: none is */
    const Vault__V1__Decision *decision;
    const put_keys *keys;   /* update: where its values put the record */
    correction_row decided; /* the row that it makes */
    Vault__V1__NamedValue **values;
    size_t value_count;
    Vault__V1__Correction **corrections;
    size_t correction_count;
} record_item;
/* "records/<token>", the one item of a call, whose error it is: INVALID BAD_NAME, or what is wrong with the token. */
vault_code call_record(session *s, call *c, const char *name, const char *path);
/* A value, with where it comes from, behind those that are there: item->named->values has room. */
VAULT_MUST_USE vault_code item_named_value(session *s, item *it, const schema_field *field);
/* The record as it is answered. NULL when memory is out. */
Vault__V1__Record *item_record(const item *it);
/* Its area; 0 where there is nobody, or nobody whose record may be used. */
area_code item_area(const item *it);

/* ---- corrections.c ---- */

/* The row in that place, proven, as it is told, behind those that are there. INTEGRITY: it was edited. */
VAULT_MUST_USE vault_code item_correction(session *s, item *it, size_t at);
/* The policy's answer to these facts for an item's record. */
grant item_ask(session *s, item *it, const policy_facts *facts);
static inline field_set only_field(unsigned number)
{
    field_set one = {0};
    field_set_add(&one, number);
    return one;
}
/* c->admission to put fields that the caller's department owns, in any area; they are added to *fields. */
void call_admit_owner(session *s, call *c, field_set *fields);
/* Reads anew the corrections of the records: item_kind.look. */
VAULT_MUST_USE vault_code corrections_look(session *s, item **items, size_t count, vault_error *err);

/* ---- erase.c: what is done with whole records, which rules name by the natural key of their collection ---- */

/* c->admission: a token does not say of which collection its resident is; a rule for any of them lets the call in. */
void call_admit_whole(session *s, call *c, policy_action action);
/* The policy's answer for an item's record. */
grant item_ask_whole(session *s, item *it, policy_action action);

/* ---- status.c ---- */
typedef struct Google__Rpc__Status google_status;

/* The same as status_message with so many bad fields as are given. */
typedef struct violation {
    const char *field, *reason;
} violation;
google_status *status_of_fields(arena *mem, const vault_error *err, const violation *fields, size_t count);

/* Initialised message in an arena; NULL when it is full. */
#define MESSAGE(mem, Type, init) message_new((mem), sizeof(Type), (void (*)(void *))(init))
void *message_new(arena *mem, size_t size, void (*init)(void *));

/* A text as protobuf-c takes it: never written to; "" for NULL. */
static inline char *lent(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}
char *hex_of(arena *mem, const digest *d); /* "" for a digest of zeros; NULL when memory is out */
Google__Protobuf__Timestamp *timestamp_of(arena *mem, int64_t us);

/* ---- vouchers.c ---- */

/* What a line says of a voucher or handover: the other side, the sharing basis, a reference that is no secret. */
void voucher_tell(line_facts *facts, const item *it);

/* ---- results.c: answers of batches ---- */

/* How an rpc's response is made of its items. Its message has `results`, of messages with `status`, and `receipts`. */
typedef struct batch_shape {
    const ProtobufCMessageDescriptor *response;
    bool (*fill)(void *result, const item *it); /* of an item that went well; false: memory is out */
    google_status *(*refused)(const item *it);  /* of one that did not; NULL: its err says all */
    bool (*silent)(const item *it);             /* items that are not answered; NULL: none */
    bool kept;                                  /* the answer is kept by request id (kept.c) */
} batch_shape;
/* call_answers in that shape. */
void batch_answers(session *s, call **calls, size_t count, const batch_shape *as);

/* ---- approvals.c, control.c: as they are told; NULL when memory is out ---- */

Vault__V1__Approval *approval_message(arena *mem, const approval *from, unsigned needed);
Vault__V1__Change *change_message(arena *mem, const change_record *from);

/* ---- page.c ---- */

/* A page token is good for the conditions of the call that gave it. */
char *page_token(arena *mem, uint64_t conditions, int64_t from);
/* When a page of the log ends, done or not (monotonic): after a third of the time that the caller has left, and after
 * three seconds at the most, for other calls wait for the worker. */
int64_t page_until(const request *rq);
/* Leaves *from as it is for an empty token. INVALID names the path "page_token". */
VAULT_MUST_USE vault_code page_token_read(int64_t *from, const char *text, uint64_t conditions, vault_error *err);

/* One that tells nothing: sealed for this caller's question (`conditions`: digest of what must be the same), good for
 * an hour. `place`: where to go on, at most 200 bytes. Their errors are the call's. */
VAULT_MUST_USE vault_code page_seal(char **out, session *s, const call *c, const digest *conditions, bytes place);
/* Empty for an empty token. INVALID BAD_PAGE_TOKEN (of another question or caller, too), PAGE_TOKEN_EXPIRED. */
VAULT_MUST_USE vault_code page_open(bytes *place, session *s, const call *c, const char *text,
                                    const digest *conditions);

/* ---- query.c ---- */

/* A line as its readers see it, in the arena; NULL when memory is out. */
Vault__V1__Line *audit_line(arena *mem, const opened_line *from);
