/* Inside the store: the table of statements, one call at a time over one connection, and the way back from rows. */
#pragma once
#include "vault/store/store.h"

#include <libpq-fe.h>

/* Types on the wire: the fixed OIDs of PostgreSQL's pg_type.dat. */
typedef enum sql_type {
    SQL_NONE = 0,
    SQL_BYTEA = 17,
    SQL_INT8 = 20,
    SQL_INT2 = 21,
    SQL_INT4 = 23,
    SQL_TEXT = 25,
    SQL_BYTEAS = 1001,
    SQL_INT2S = 1005,
    SQL_INT4S = 1007,
    SQL_INT8S = 1016,
} sql_type;

typedef enum statement_id {
    ST_BEGIN,
    ST_BEGIN_SNAPSHOT,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_RESIDENTS_BY_ID,
    ST_RESIDENTS_BY_KEY,
    ST_RESIDENT_IDS,
    ST_RESIDENTS_LIST,
    ST_PEOPLE_COUNT,
    ST_RESIDENTS_COPY,
    ST_KEYS_COPY,
    ST_RESIDENTS_UPDATE,
    ST_RESIDENTS_ERASE,
    ST_CORRECTIONS_ERASE,
    ST_ERASURES_INSERT,
    ST_ERASURES_READ,
    ST_ERASURES_REPLAY,
    ST_TERMS_COPY,
    ST_TERMS_DELETE,
    ST_SEARCH_IDS,
    ST_SEARCH_COUNT,
    ST_IDS_OF_TERMS,
    ST_CORRECTIONS_PUT,
    ST_CORRECTIONS_DECIDE,
    ST_CORRECTIONS_BY_NUMBER,
    ST_CORRECTIONS_OF,
    ST_CORRECTIONS_PENDING,
    ST_HEAD_CREATE,
    ST_HEAD_READ,
    ST_HEAD_LOCK,
    ST_APPEND,
    ST_LINES_COPY,
    ST_LINES_BY_INDEX,
    ST_TREE_BY_INDEX,
    ST_LINES_PAGE,
    ST_LEAVES,
    ST_LINES_OF_RESIDENT,
    ST_LINES_OF_RESIDENT_BACK,
    ST_LINES_OF_PERSON,
    ST_RESIDENTS_WALK,
    ST_KEYS_BETWEEN,
    ST_WALK_ALONE,
    ST_LINES_STALE,
    ST_LINES_STALE_COUNT,
    ST_LINES_RENEW,
    ST_CHECKPOINT_PUBLISH,
    ST_CHECKPOINT_READ,
    ST_COSIGNED_WRITE,
    ST_COSIGNED_READ,
    ST_ASSERTIONS_USE,
    ST_ASSERTIONS_SWEEP,
    ST_REQUESTS_FIND,
    ST_REQUESTS_INSERT,
    ST_REQUESTS_SWEEP,
    ST_VOUCHERS_READ,
    ST_VOUCHERS_INSERT,
    ST_VOUCHERS_UPDATE,
    ST_VOUCHERS_SWEEP,
    ST_RINGS_READ,
    ST_RING_INSERT,
    ST_RING_UPDATE,
    ST_CONTROL_LOCK,
    ST_CONTROL_STAMP,
    ST_CONTROL_HISTORY,
    ST_CONTROL_STALE,
    ST_CONTROL_STALE_COUNT,
    ST_CONTROL_RESEAL,
    ST_MANIFESTS_READ,
    ST_MANIFEST_INSERT,
    ST_DOCUMENTS_READ,
    ST_DOCUMENT_INSERT,
    ST_DOCUMENT_ARCHIVE,
    ST_DOCUMENT_FIND,
    ST_PATIENCE,
    ST_REFERENCES_RECORD,
    ST_REFERENCES_ROWS,
    ST_REFERENCES_LOG,
    ST_REFERENCES_CONTROL,
    ST_RESIDENTS_COUNT,
    ST_CERTIFICATE_INSERT,
    ST_CERTIFICATE_READ,
    ST_VAULT_READ,
    ST_VAULT_INSERT,
    ST_VAULT_UPDATE,
    ST_JOB_INSERT,
    ST_JOBS_READ,
    ST_JOB_ADVANCE,
    ST_JOB_BUSY,
    ST_JOB_SAY,
    ST_JOB_SET,
    ST_RESIDENTS_PAGE,
    ST_CORRECTIONS_DROP,
    ST_RESIDENTS_STALE,
    ST_RESIDENTS_STALE_COUNT,
    ST_RESIDENTS_WINDOW,
    ST_RESIDENTS_RENEW,
    ST_RESIDENTS_HOLD,
    ST_CORRECTIONS_OF_ALL,
    ST_CORRECTIONS_RESEAL,
    ST_KEYS_STALE,
    ST_KEYS_UPDATE,
    ST_VOUCHER_NOTES_STALE,
    ST_VOUCHER_NOTES_UPDATE,
    ST_REQUEST_NOTES_STALE,
    ST_REQUEST_NOTES_UPDATE,
    ST_STALE_COUNT,
    ST_COLUMNS_READ,
    ST_COLUMNS_WRITE,
    ST_COLUMNS_LACKING,
    ST_NOTICE_INSERT,
    ST_NOTICE_TAKE,
    ST_NOTICE_DONE,
    ST_NOTICES_SWEEP,
    ST_LEAK_INSERT,
    ST_LEAK_READ,
    ST_LEAK_DELETE,
    ST_LEAKS_SWEEP,
    ST_LEAK_NOTES_STALE,
    ST_LEAK_NOTES_UPDATE,
    ST_TERM_HITS,
    ST_COUNTERS_MAKE,
    ST_COUNTERS_LOCK,
    ST_SEEN_READ,
    ST_COUNTS_WRITE,
    ST_COUNTERS_PAGE,
    ST_COUNTS_SWEEP,
    ST_PARTITIONS_LOCK,
    ST_PARTITIONS_LACKING,
    ST_PARTITIONS_THERE,
    ST_ARCHIVE_END,
    ST_ARCHIVES_READ,
    ST_ARCHIVE_STALE,
    ST_ARCHIVE_AROUND,
    ST_ARCHIVE_TAKE,
    ST_ARCHIVE_REPLACE,
    ST_ARCHIVED_NODES,
    STATEMENTS
} statement_id;

/* The log is cut into stretches of 65,536 lines for its tag indexes: the same text in the index and in the query. */
#define LINE_STRETCH(index) "((" index ") >> 16)::int4"
/* The lines of a stretch by index alone: what tells the planner which partition it lies in. */
#define LINE_IN_STRETCH(index, stretch)                                                                                \
    "(" index " >= " stretch "::int8 << 16 AND " index " < (" stretch "::int8 + 1) << 16)"
enum { LINE_PARTITION_BITS = 22 }; /* LINE_PARTITION */

typedef enum rows_expected { ROWS_NONE, ROWS_ONE, ROWS_AT_MOST_ONE, ROWS_ANY } rows_expected;

enum { PARAMS_MAX = 20, COLUMNS_MAX = 13 };
typedef struct statement {
    const char *name, *sql;
    sql_type params[PARAMS_MAX + 1], columns[COLUMNS_MAX + 1]; /* ended by SQL_NONE */
    rows_expected rows;
} statement;
const statement *statement_of(statement_id id);

/* Rows of one table since those that have ended were swept. */
typedef struct sweeping {
    size_t fresh;
    int64_t again_us; /* monotonic: when to sweep whatever comes */
} sweeping;

struct store {
    PGconn *conn; /* NULL: closed; the next call connects */
    char *conninfo;
    bool prepared;                /* false while the database holds no vault */
    bool in_transaction;          /* begun and neither committed nor rolled back, whatever the connection says */
    int64_t retry_at, retry_wait; /* microseconds, monotonic: no connect before, and how long after the next failure */
    int64_t silence_most;         /* microseconds: a server that is silent for longer is gone */
    int64_t ask_after;            /* microseconds of silence, after which it is asked whether it heard us; 0: never */
    int64_t until;                /* microseconds, monotonic: a statement that lasts longer is cancelled; 0: none is */
    bool cut;                     /* one was */
    sweeping assertions, requests, vouchers;
    struct shelf *shelf; /* store_shelf */
    PGresult *nobody;    /* a row of usual size, read where there is none (residents.c); NULL: not made yet */
    struct {             /* parameters of the call that is being built */
        uint8_t *at;
        size_t len, cap;
    } out;
    statement_id call;
    bool copies; /* the call is a COPY: what was built are its rows */
    int param_count;
    struct {
        size_t start;
        int len;
    } params[PARAMS_MAX];
};

/* ---- connection.c ---- */

/* A usable connection with everything prepared: connects when there is none. NOT_FOUND: the database holds no vault. */
VAULT_MUST_USE vault_code store_ready(store *s, vault_error *err);
VAULT_MUST_USE vault_code store_connected(store *s, vault_error *err); /* the same for a database without a vault */
VAULT_MUST_USE vault_code store_prepare(store *s, vault_error *err);
void store_disconnect(store *s);
/* Waits for the end of what was sent: OK only when no result and no commit failed. *out is the (last) result, to be
 * cleared. */
VAULT_MUST_USE vault_code store_finish(store *s, const char *what, PGresult **out, vault_error *err);
/* What PQgetResult gives, waited for no longer than the server may be silent: NULL, too, when it was. */
PGresult *store_next_result(store *s);
vault_code store_fail_result(const PGresult *r, const char *what, vault_error *err);
void result_clear(PGresult **r);
vault_code sqlstate_code(const char *sqlstate); /* NULL: the connection failed */

/* ---- schema.c, partitions.c: text that holds no value ---- */

VAULT_MUST_USE vault_code store_query_text(store *s, const char *sql, const char *what, PGresult **out,
                                           vault_error *err);
VAULT_MUST_USE vault_code store_run_text(store *s, const char *sql, const char *what, vault_error *err);
/* Within a transaction. */
VAULT_MUST_USE vault_code store_partition_create(store *s, int64_t number, vault_error *err);

/* ---- call.c: build, run, read ---- */

/* Parameters in order of the table; an array is opened, gets exactly `count` elements, and is then complete. */
void call_start(store *s, statement_id id);
void arg_int2(store *s, int16_t v);
void arg_int4(store *s, int32_t v);
void arg_int8(store *s, int64_t v);
void arg_bytes(store *s, bytes v);
void arg_text(store *s, const char *v);
void arg_array(store *s, size_t count);
void put_int2(store *s, int16_t v);
void put_int4(store *s, int32_t v);
void put_int8(store *s, int64_t v);
void put_blob(store *s, bytes v);
void put_int8s(store *s, const int64_t *v, size_t count); /* an array, as one value */
/* Rows of a COPY ... FROM STDIN (FORMAT binary) instead: a row is begun, and gets exactly `columns` values by put_*. */
void copy_start(store *s, statement_id id);
void copy_next(store *s, int16_t columns);
VAULT_MUST_USE vault_code copy_run(store *s, vault_error *err);
/* Runs it. Rows come back checked against the table; *out is to be cleared by the caller, set to NULL on failure. */
VAULT_MUST_USE vault_code call_run(store *s, PGresult **out, vault_error *err);
VAULT_MUST_USE vault_code call_done(store *s, vault_error *err); /* the same where no row is read */

int16_t col_int2(const PGresult *r, int row, int column);
int32_t col_int4(const PGresult *r, int row, int column);
int64_t col_int8(const PGresult *r, int row, int column);
bytes col_bytes(const PGresult *r, int row, int column); /* borrowed from r */
bool col_fixed(const PGresult *r, int row, int column, uint8_t *out,
               size_t len); /* false, and zeros, for another length */
/* Copies in the arena; *full is set when it is. */
const char *col_text_copy(arena *mem, const PGresult *r, int row, int column, bool *full);
bytes col_bytes_copy(arena *mem, const PGresult *r, int row, int column, bool *full);
vault_code store_out_of_memory(vault_error *err);

/* ---- residents.c ---- */

/* A row of RESIDENT_COLUMNS, in the arena. */
VAULT_MUST_USE vault_code resident_copy(resident_row *row, arena *mem, const PGresult *r, int i, vault_error *err);
/* One array parameter out of one member of pointers to rows of residents. */
#define arg_column(s, put, rows, count, value)                                                                         \
    do {                                                                                                               \
        arg_array((s), (count));                                                                                       \
        for (size_t i_ = 0; i_ < (count); i_++) {                                                                      \
            const resident_row *row = (rows)[i_];                                                                      \
            put((s), (value));                                                                                         \
        }                                                                                                              \
    } while (0)
/* The terms of all rows as one array; and where each row's begin and end in it, counted from 1: an end before its begin
 * is an empty slice. */
void arg_all_terms(store *s, const resident_row *const *rows, size_t count);
void arg_term_bounds(store *s, const resident_row *const *rows, size_t count);
/* Pointers to the rows by id: the one order in which every transaction locks them. */
VAULT_MUST_USE vault_code residents_in_order(const resident_row ***out, arena *mem, const resident_row *rows,
                                             size_t count, vault_error *err);

/* ---- sweep.c ---- */

typedef struct sweep_rule {
    statement_id by;
    size_t every;    /* rows that come */
    int64_t kept_us; /* past their end */
} sweep_rule;
/* When it is time, and never within a transaction. That it failed is told to the operator, and to nobody else. */
void sweep(store *s, sweeping *of, const sweep_rule *rule);

/* ---- terms.c: the entries of resident_term, within the transaction of their rows ---- */

VAULT_MUST_USE vault_code terms_insert(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err);
/* Of rows that are gone. */
VAULT_MUST_USE vault_code terms_erase(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err);
/* After the rows are locked. Every row names the one that it replaces. */
VAULT_MUST_USE vault_code terms_update(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err);

/* ---- places.c: from a key in a row back to the places where it was asked for ---- */

typedef struct places {
    const uint8_t *keys;
    size_t key_len; /* at least 8 */
    size_t mask;
    uint32_t *slots, *next; /* place + 1; 0: none */
} places;
/* Over `count` keys side by side; borrows them. */
VAULT_MUST_USE vault_code places_make(places *out, arena *mem, const void *keys, size_t key_len, size_t count,
                                      vault_error *err);
enum { NO_PLACE = -1 };
int64_t places_first(const places *p, const void *key);
int64_t places_next(const places *p, int64_t place); /* the next place of the same key */
