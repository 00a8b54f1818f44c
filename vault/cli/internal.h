/* What the commands of vaultctl share. A command is one row of the table in main.c and its function. */
#pragma once
#include "vault/audit/note.h"
#include "vault/base/arena.h"
#include "vault/base/json.h"
#include "vault/cli/client.h"

#include "vault/v1/audit.pb-c.h"
#include "vault/v1/common.pb-c.h"
#include "vault/v1/control.pb-c.h"
#include "vault/v1/keys.pb-c.h"
#include "vault/v1/policy.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"
#include <stdio.h>

/* Documented in --help. */
typedef enum ctl_exit {
    CTL_OK = 0,
    CTL_SOME_REFUSED = 1,
    CTL_USAGE = 2,
    CTL_DENIED = 3,
    CTL_UNAVAILABLE = 4,
    CTL_INVALID = 5,
    CTL_FAILED = 6,
    CTL_TAMPERED = 7,
    CTL_INCOMPLETE = 8,
    CTL_UNVERIFIABLE = 9,
    CTL_ASKED = 99, /* approval was asked for in the place of the call: 0 to the shell */
} ctl_exit;

typedef enum option_id {
    OPT_SERVER,
    OPT_CA,
    OPT_CERT,
    OPT_KEY,
    OPT_PURPOSE,
    OPT_TICKET,
    OPT_ASSERTION,
    OPT_TIMEOUT,
    OPT_JSON,
    OPT_HELP,
    OPT_FILE,
    OPT_FIELDS,
    OPT_RECEIPT,
    OPT_PERSON,
    OPT_TOKEN,
    OPT_OF_PURPOSE,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_LIMIT,
    OPT_LOG_KEY,
    OPT_STATE,
    OPT_LINES,
    OPT_APP,
    OPT_DEPARTMENT,
    OPT_AUDIENCE,
    OPT_LIFETIME,
    OPT_KEY_ID,
    OPT_VERSION,
    OPT_DIGEST,
    OPT_EXPIRES,
    OPT_MASKED,
    OPT_COLLECTION,
    OPT_MAP,
    OPT_MAP_FILE,
    OPT_IGNORE,
    OPT_SHOW_MAPPING,
    OPT_DELIMITER,
    OPT_ENCODING,
    OPT_COLLECTED,
    OPT_REJECTS,
    OPT_PART,
    OPT_PATIENCE,
    OPT_DRY_RUN,
    OPT_AGAIN,
    OPT_PROGRESS,
    OPT_FORM,
    OPT_FIELD,
    OPT_THAN,
    OPT_BASIS,
    OPT_USES,
    OPT_FOR,
    OPT_REQUEST_ID,
    OPT_OUT,
    OPT_AREA,
    OPT_COUNT,
    OPT_AT_LEAST,
    OPT_PERMIT,
    OPT_VALUES,
    OPT_SUITE,
    OPT_RESEAL,
    OPT_APPROVAL,
    OPT_WATCH,
    OPT_ROWS,
    OPT_NAME,
    OPT_ROOT,
    OPT_SHARES,
    OPT_THRESHOLD,
    OPT_RESET,
    OPT_CONFIG,
    OPT_DATABASE,
    OPT_ARCHIVE,
    OPT_ACCEPT_LOSS,
    OPT_WITH,
    OPT_DAYS,
    OPT_LINE,
    OPT_EMERGENCY,
    OPT_ASK_APPROVAL,
    OPT_JUSTIFIED,
    OPT_UNJUSTIFIED,
    OPT_NOTE,
    OPT_WAITING,
    OPT_RETIRED,
    OPT_HTML,
    OPT_TILES,
    OPT_RANGE,
    OPT_SEEN,
    OPT_COLUMNS,
    OPT_REPORT,
    OPT_EVIDENCE,
    OPT_ACTION,
    OPT_OUTCOME,
    OPT_OF_TICKET,
    OPT_OF_REQUEST,
    OPT_GROUP_BY,
    OPT_FOLLOW,
    OPT_CSV,
    OPT_RECEIPTS,
    OPT_GUARDIAN,
    OPT_KIND,
    OPT_BEFORE,
    OPT_LIST,
    OPT_COSIGNED,
    OPTIONS
} option_id;
__extension__ typedef unsigned __int128 option_set;
_Static_assert(OPTIONS <= 128, "a set of options is 128 bits");
#define OPTION(id) ((option_set)1 << (id))

typedef struct ctl ctl;
typedef struct command {
    const char *name;      /* "audit proof": one word or two */
    const char *arguments; /* "TOKEN...", or "" */
    const char *summary;   /* one line */
    const char *about;     /* the rest of its help, examples included */
    option_set options;    /* that it takes besides --help and --json (and, when remote, those of every call);
                              OPT_TICKET among them: it must be given */
    size_t least, most;    /* arguments */
    bool remote;           /* talks to a server */
    const char *purpose;   /* of the call where none is given; NULL: must be given */
    ctl_exit (*run)(ctl *c);
} command;

struct ctl {
    const command *command;
    const char *options[OPTIONS]; /* NULL: not given; of those that may come again, a line each */
    const char **arguments;
    size_t count;
    arena *mem;
    client *client; /* open where the command is remote */
    bool asking;    /* approval is being asked for (--ask-approval) */
};

/* ---- commands.c, policy_commands.c ---- */

/* Purposes of calls that are for no resident. */
#define OFFICER_PURPOSE "log-review"
#define CONTROL_PURPOSE "control"
const command *command_at(size_t i);        /* NULL past the last one */
const command *policy_command_at(size_t i); /* of those alone that are about policies, consents and break-glass */
const command *leak_command_at(size_t i);   /* of those alone that are about leaked lists */

/* ---- options.c ---- */

/* Options and arguments behind the command's words. False: *what says why. */
bool options_parse(ctl *c, char **words, size_t count, const char **what);
option_set options_of(const command *c); /* all that it takes */
void options_help(option_set set);       /* on standard output */
/* A number within bounds, `otherwise` where it was not given; -1 where it is none. */
int64_t option_number(const ctl *c, option_id id, int64_t otherwise, int64_t most);
ctl_exit usage_error(const ctl *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- call.c ---- */

/* A text as protobuf-c takes it: lent, never written to. */
static inline char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* The context of a call; the request id of --request-id, else a new one each time. False when the assertion cannot be
 * read (said on stderr). */
bool ctl_context(ctl *c, Vault__V1__RequestContext *out);
/* Asks officers to approve this very call, in its place (approval.c): CTL_ASKED, or how that failed. */
ctl_exit ctl_ask_approval(ctl *c, exchange *of);
/* The call, with the timeout asked for. A failure is said on stderr and is the exit code. With --ask-approval it is not
 * made. */
ctl_exit ctl_exchange(ctl *c, exchange *x);
/* The same for a request that lacks its context only; the reply is x->reply, of the type given. */
ctl_exit ctl_call(ctl *c, exchange *x, const char *method, ProtobufCMessage *request,
                  const ProtobufCMessageDescriptor *reply);
ctl_exit exit_of(int code);
/* Arguments from `first` on, or the lines of --file; "-" is standard input. */
ctl_exit ctl_items(ctl *c, size_t first, const char ***items, size_t *count);
ctl_exit ctl_lines(ctl *c, const char *path, const char ***lines, size_t *count); /* that are not empty */
FILE *open_input(const char *path);                                               /* NULL: said on stderr */
/* Names apart by commas; none where the option was not given. */
ctl_exit ctl_names(ctl *c, option_id id, char ***names, size_t *count);
/* --fields, of which there must be one. */
ctl_exit ctl_fields(ctl *c, Google__Protobuf__FieldMask *out);
/* --form, or --masked. */
ctl_exit ctl_form(const ctl *c, Vault__V1__Form *out);
/* --until; NULL where it was not given. */
ctl_exit ctl_end(ctl *c, Google__Protobuf__Timestamp **out);

/* ---- secret_input.c: without echo, or from --file, never from the command line ---- */

ctl_exit ctl_secret(ctl *c, const char *prompt, bool twice, char **out);
ctl_exit ctl_secrets(ctl *c, const char *prompt, const char ***out, size_t *count); /* one, or the lines of --file */

/* Pages of a list, one call each. */
typedef struct paging {
    int64_t left;     /* of --limit */
    const char *next; /* "" the first time, and after the last page */
} paging;
int32_t page_size(const paging *p, int32_t most);
void page_done(ctl *c, paging *p, size_t got, const char *next);
/* Asks for pages until there are no more or enough; says where there are more. */
ctl_exit ctl_pages(ctl *c, int64_t otherwise, ctl_exit (*ask)(ctl *c, void *context, paging *p), void *context);

/* ---- bulk.c: many items, a result each ---- */

enum { CALL_ITEMS = 4096 };
typedef struct bulk_part {
    const char *const *items; /* as they were given */
    size_t count, before;     /* before: items of the parts that went ahead */
    const ProtobufCMessage *const *results;
    const outcome *outcomes;
} bulk_part;
typedef struct bulk {
    const char *method;
    const ProtobufCMessageDescriptor *reply; /* has `results`, each with a status, and `receipts` */
    ProtobufCMessage *request;               /* lacks its context, its items, and whether a receipt is wanted */
    const char *list;                        /* what its items are called: "tokens" */
    size_t first;                            /* argument that is the first item */
    size_t most;                             /* items in a part; 0: CALL_ITEMS */
    bool once;                               /* makes something, or uses it up: idempotent by request id */
    void *(*item)(ctl *c, const char *text); /* what stands in the list for it; NULL: the text itself */
    /* A result in a line: one of its members, or as `text` says, in the arena. Refused ones are "-". */
    const char *said;
    const char *(*text)(arena *mem, const ProtobufCMessage *result);
    /* All results of a part, in place of lines. */
    void (*show)(ctl *c, const void *context, const bulk_part *part);
    const void *context;
} bulk;
/* Parts of 4,096, each shown when it is answered; what is refused is said on stderr. */
ctl_exit bulk_run(ctl *c, const bulk *b);

/* ---- message.c ---- */

/* What a server says, by the names of the .proto files; what is empty is left out, and receipts. A refused item is its
 * "error" alone. */
json_t *message_json(arena *mem, const ProtobufCMessage *of);
/* A member by name, and for a repeated one how many there are; NULL when there is no such member. */
void *message_member(const ProtobufCMessage *of, const char *name, size_t **count);
const char *value_text(const Vault__V1__FieldValue *v); /* "" for none */

/* ---- print.c ---- */

/* "vaultctl: PERMISSION_DENIED: ... (clause purpose)" on stderr, or JSON; `where` ("item 3") may be NULL. */
void say_outcome(const ctl *c, const char *where, const outcome *o);
bool speaks_chinese(void); /* by the locale */
/* Its sentences, in one; "" for NULL. */
const char *explanation_text(arena *mem, const Vault__V1__PolicyExplanation *e);
void say_error(const vault_error *err);
json_t *outcome_json(const outcome *o);
void print_json(json_t *value); /* takes the reference */
json_t *base64_json(bytes b);
json_t *hashes_json(const ProtobufCBinaryData *of, size_t count);
/* In the arena. False: one of them has another length than a hash. */
bool hashes_read(merkle_path *out, arena *mem, const ProtobufCBinaryData *from, size_t count);
/* RFC 3339, or a date, which begins at midnight in China. NULL where there is no such time. */
Google__Protobuf__Timestamp *ctl_time(arena *mem, const char *text);
const char *time_text(arena *mem, const Google__Protobuf__Timestamp *t); /* "" for none */

/* What a server sends must not steer the terminal: control characters are shown as ?. */
const char *shown(arena *mem, const char *text); /* a copy */
void print_text(FILE *to, const char *text);

typedef struct table {
    arena *mem;
    size_t columns, rows, cap;
    const char **cells;
} table;
table table_of(arena *mem, size_t columns, const char *const *heads);
void table_add(table *t, const char *const *cells); /* control characters are shown as ? */
void table_print(const table *t);

/* ---- progress.c ---- */

void say_time_left(double seconds); /* ", 3 min 20 s left" on stderr */

/* ---- keys.c ---- */

ctl_exit keys_status(ctl *c, exchange *x);
/* What an operation of two people is left as by its first call. */
ctl_exit show_proposal(const ctl *c, const char *name);

/* ---- jobs.c ---- */

void jobs_show(const ctl *c, Vault__V1__Job *const *jobs, size_t count);
/* Waits until a job does not run any more, and says meanwhile how far it is. *out lives in x. */
ctl_exit job_wait(ctl *c, exchange *x, const char *name, const Vault__V1__Job **out);
/* Waits for each, and shows how it ended. */
ctl_exit jobs_watch(ctl *c, const char *const *names, size_t count);

/* ---- diff.c ---- */

/* [{"path", "before", "after"}...]; entries of lists are told apart by their id or name. The caller frees. */
json_t *json_difference(json_t *before, json_t *after);
void print_difference(json_t *found);

/* ---- control.c, approval.c: what the commands of the control room share ---- */

/* The document in force (version 0) or as it was; the reply is x->reply. */
ctl_exit document_get(ctl *c, exchange *x, const char *name, uint64_t version);
json_t *content_json(ProtobufCBinaryData content); /* null for what is no JSON */
/* Where a document comes from, for the message of a fault. */
typedef struct content_origin {
    const char *file;
    size_t (*line_of)(const void *context, const char *path); /* NULL: the file is the document itself */
    const void *context;
} content_origin;
/* Whether the vault would take it; says the fault where it would not. *canonical (may be NULL): its digest. */
ctl_exit content_check(ctl *c, const char *document, ProtobufCBinaryData content, const content_origin *origin,
                       const char **canonical);
/* Proposes, and shows the approval that waits. */
ctl_exit propose(ctl *c, const char *document, ProtobufCBinaryData content, const char *base);

/* A file's content, as it stands. False: said on stderr. */
bool content_read(ctl *c, const char *path, ProtobufCBinaryData *out);

/* ---- policy.c ---- */

/* Documents that stand in the place of those in force: --with DOCUMENT=FILE, and `policy` (NULL: none) for the policy.
 */
typedef struct draft_list {
    Vault__V1__Draft **at;
    size_t count;
    const char *only; /* the file, where there is one only */
} draft_list;
ctl_exit drafts_read(ctl *c, const char *policy, draft_list *out);
/* A call that was refused for a fault in its only draft: says where in the file it is, and what. Returns `end`. */
ctl_exit drafts_explain(ctl *c, const draft_list *drafts, ctl_exit end);

/* ---- verify.c: what a stranger would check ---- */

typedef enum verdict { VERDICT_VALID, VERDICT_TAMPERED, VERDICT_INCOMPLETE, VERDICT_UNVERIFIABLE } verdict;
const char *verdict_name(verdict v);
ctl_exit verdict_exit(verdict v);

typedef struct finding {
    verdict verdict;
    const char *why; /* static */
} finding;
/* The key of --log-key (its text or a file), else UNVERIFIABLE. */
finding log_key(ctl *c, note_key *out);
finding verify_checkpoint(checkpoint *out, const char *note, const note_key *key);
/* Signature, leaves, path, resident views. */
finding verify_receipt(arena *mem, const Vault__V1__Receipt *r, const note_key *key);
/* The officer's view opens the leaf. */
bool line_opens(const Vault__V1__Line *line);
enum { CTL_LEAF_LEN = 74, CTL_LEAF_OFFICER = 10, CTL_LEAF_RESIDENT = 42 };

/* ---- receipt.c ---- */

json_t *receipt_json(const Vault__V1__Receipt *r);
/* A file of receipts: *receipts is borrowed from *whole. False: it is none, said on stderr. */
bool receipts_load(const char *path, json_t **whole, json_t **receipts);
/* Writes the file that an option names; takes the reference of the receipts. */
ctl_exit receipts_save(const ctl *c, option_id to, json_t *all);
/* Writes --receipt where it was given. */
ctl_exit receipts_write(ctl *c, Vault__V1__Receipt *const *receipts, size_t count);

/* ---- the commands ---- */

ctl_exit run_put(ctl *c);
ctl_exit run_import(ctl *c);
ctl_exit run_issue(ctl *c);
ctl_exit run_reveal(ctl *c);
ctl_exit run_inspect(ctl *c);
ctl_exit run_predicate(ctl *c);
ctl_exit run_restore(ctl *c);
ctl_exit run_handover_create(ctl *c);
ctl_exit run_handover_redeem(ctl *c);
ctl_exit run_voucher_create(ctl *c);
ctl_exit run_voucher_redeem(ctl *c);
ctl_exit run_voucher_revoke(ctl *c);
ctl_exit run_get(ctl *c);
ctl_exit run_update(ctl *c);
ctl_exit run_export(ctl *c);
ctl_exit run_erase(ctl *c);
ctl_exit run_fields(ctl *c);
ctl_exit run_search(ctl *c);
ctl_exit run_browse(ctl *c);
ctl_exit run_correction_list(ctl *c);
ctl_exit run_correction_accept(ctl *c);
ctl_exit run_correction_decline(ctl *c);
ctl_exit run_trace(ctl *c);
ctl_exit run_audit_trace(ctl *c);
ctl_exit run_leak_list(ctl *c);
ctl_exit run_leak_close(ctl *c);
ctl_exit run_incident(ctl *c);
ctl_exit run_audit_checkpoint(ctl *c);
ctl_exit run_audit_proof(ctl *c);
ctl_exit run_receipt_renew(ctl *c);
ctl_exit run_audit_export(ctl *c);
ctl_exit run_audit_query(ctl *c);
ctl_exit run_audit_verify(ctl *c);
ctl_exit run_audit_report(ctl *c);
ctl_exit run_audit_archive(ctl *c);
ctl_exit run_receipt_verify(ctl *c);
ctl_exit run_operator_status(ctl *c);
ctl_exit run_operator_init(ctl *c);
ctl_exit run_operator_unseal(ctl *c);
ctl_exit run_operator_seal(ctl *c);
ctl_exit run_operator_rekey(ctl *c);
ctl_exit run_operator_rotate_root(ctl *c);
ctl_exit run_keys_list(ctl *c);
ctl_exit run_keys_show(ctl *c);
ctl_exit run_keys_rotate(ctl *c);
ctl_exit run_keys_progress(ctl *c);
ctl_exit run_keys_pause(ctl *c);
ctl_exit run_keys_resume(ctl *c);
ctl_exit run_keys_cancel(ctl *c);
ctl_exit run_keys_destroy(ctl *c);
ctl_exit run_keys_certificate(ctl *c);
ctl_exit run_backup_create(ctl *c);
ctl_exit run_backup_verify(ctl *c);
ctl_exit run_backup_restore(ctl *c);
ctl_exit run_health(ctl *c);
ctl_exit run_assertion_make(ctl *c);
ctl_exit run_control_history(ctl *c);
ctl_exit run_control_show(ctl *c);
ctl_exit run_control_diff(ctl *c);
ctl_exit run_control_check(ctl *c);
ctl_exit run_control_propose(ctl *c);
ctl_exit run_approval_list(ctl *c);
ctl_exit run_approval_show(ctl *c);
ctl_exit run_approval_approve(ctl *c);
ctl_exit run_approval_reject(ctl *c);
ctl_exit run_consent_grant(ctl *c);
ctl_exit run_consent_withdraw(ctl *c);
ctl_exit run_consent_show(ctl *c);
ctl_exit run_history(ctl *c);
ctl_exit run_guardian_record(ctl *c);
ctl_exit run_guardian_end(ctl *c);
ctl_exit run_guardian_show(ctl *c);
ctl_exit run_emergency_open(ctl *c);
ctl_exit run_emergency_list(ctl *c);
ctl_exit run_emergency_review(ctl *c);
ctl_exit run_canary_create(ctl *c);
ctl_exit run_canary_list(ctl *c);
ctl_exit run_canary_retire(ctl *c);
ctl_exit run_revoke_certificate(ctl *c);
ctl_exit run_revoke_assertion_key(ctl *c);
ctl_exit run_revoke_person(ctl *c);
ctl_exit run_certificate_show(ctl *c);
ctl_exit run_persons_import(ctl *c);
ctl_exit run_policy_validate(ctl *c);
ctl_exit run_policy_test(ctl *c);
ctl_exit run_policy_explain(ctl *c);
ctl_exit run_policy_diff(ctl *c);
ctl_exit run_policy_who_can(ctl *c);
ctl_exit run_policy_what_can(ctl *c);
ctl_exit run_policy_lint(ctl *c);
ctl_exit run_policy_simulate(ctl *c);
ctl_exit run_policy_budgets(ctl *c);
ctl_exit run_policy_recount(ctl *c);
ctl_exit run_policy_propose(ctl *c);
ctl_exit run_policy_activate(ctl *c);
ctl_exit run_policy_rollback(ctl *c);
ctl_exit run_policy_history(ctl *c);

json_t *audit_line_json(arena *mem, const Vault__V1__Line *line);
/* One query for lines, as the officer asked; from the page given ("" the first). */
void query_of(ctl *c, Vault__V1__QueryRequest *out, Vault__V1__RequestContext *context);
