/* Vouchers and handovers: what is sealed in their rows, and the way that both have in common (vouchers.c).
 *
 * A row is found by the first 16 bytes of SHA-256("resident-vault voucher 1" ‖ kind ‖ secret): whoever copies the table
 * holds no secret, and can redeem nothing. Its seal is bound to id and version, so that what was sealed for one use
 * does not open as another's. (A whole row put back as it was opens: what a use costs is then given a second time. It
 * is two lines of the log with one record of use: for `audit verify --rows`.) */
#pragma once
#include "tokenizer/voucher.h"
#include "vault/service/internal.h"

/* Of a use: digest of who, request id, content and place. The last ones are kept, so that a request that is repeated is
 * no second use, also where it broke between two of its parts. */
enum { USE_MARK_LEN = 16, USE_MARKS = 16 };

typedef struct voucher_terms {
    voucher_kind kind;
    int64_t resident;
    const char *giver, *purpose, *person; /* app that made it, for which purpose, for whom ("": by itself) */
    uint32_t domain;                      /* the giver's */
    const char *receiver;                 /* app that may redeem it */
    const char *basis, *item;             /* handover: sharing basis, its catalogue item */
    uint32_t use;                         /* handover: the receiver's domain */
    field_set fields;                     /* voucher: what it is good for */
    policy_form form;
    uint32_t uses, used;
    int64_t expires_us, used_us; /* used_us: last */
    bool revoked;
    uint8_t marks[USE_MARKS][USE_MARK_LEN]; /* of the last uses, the newest one last */
    unsigned mark_count;
} voucher_terms;

typedef struct voucher_item {
    uint8_t secret[VOUCHER_LEN]; /* of a new one */
    char reference[17];          /* for lines; "": not made */
    const char *counterpart, *sharing;
    bool known;         /* found, and opened */
    vault_error broken; /* INTEGRITY: found, and not as it was sealed */
    voucher_row row;    /* as it stands; of a new one, or of one that is written, as it will */
    bool written;       /* row is to be written */
    voucher_terms terms;
    uint8_t mark[USE_MARK_LEN];
    bool again; /* this very use was counted before */
    Vault__V1__NamedValue **values;
    size_t value_count;
} voucher_item;

/* Place of a voucher's seal: another use is another place. */
enum { VOUCHER_CONTEXT_LEN = 1 + VOUCHER_ID_LEN + 4 };
bytes voucher_context(uint8_t out[VOUCHER_CONTEXT_LEN], bytes id, int32_t version);

/* Items of new vouchers, one for each token of the caller's. */
VAULT_MUST_USE vault_code voucher_items_new(session *s, call *c, voucher_kind kind, char *const *tokens, size_t count);
/* Items of vouchers that are shown; `list` names them. */
VAULT_MUST_USE vault_code voucher_items_shown(session *s, call *c, voucher_kind kind, char *const *texts, size_t count);
/* The end that was asked for. INVALID BAD_TIME (expire_time): past, or more than `most_us` from the call's moment. */
VAULT_MUST_USE vault_code voucher_end(int64_t *out, const call *c, const Google__Protobuf__Timestamp *asked,
                                      int64_t usual_us, int64_t most_us, vault_error *err);
bool voucher_of(const voucher_item *v, const char *app, const char *held); /* known, and `held` is that app */

/* For item_kind. The rows as they stand, opened; it->id is the resident of what was opened. */
VAULT_MUST_USE vault_code voucher_look(session *s, item **items, size_t count, vault_error *err);
/* The rows of new vouchers, from their terms, and their texts. */
VAULT_MUST_USE vault_code voucher_prepare_new(session *s, item **items, size_t count, vault_error *err);
/* The next version of a row, from its terms. */
VAULT_MUST_USE vault_code voucher_next(session *s, item *it, vault_error *err);
/* The same, with one use more, unless it was counted before. */
VAULT_MUST_USE vault_code voucher_use(session *s, item *it, vault_error *err);
/* The rows that these left; of new vouchers and of uses with the answers that are kept. */
VAULT_MUST_USE vault_code voucher_write_new(session *s, item **items, size_t count, vault_error *err);
VAULT_MUST_USE vault_code voucher_write_used(session *s, item **items, size_t count, vault_error *err);
VAULT_MUST_USE vault_code voucher_update(session *s, item **items, size_t count, vault_error *err);

/* Runs calls of one of the two ways: `ask` reads all but the items, `read` the items. */
typedef struct voucher_way {
    const item_kind *kind;
    vault_code (*ask)(session *s, call *c);
    vault_code (*read)(session *s, call *c);
    const batch_shape *shape;
} voucher_way;
/* What was made under a request id is answered as it was. */
void voucher_run_new(session *s, const voucher_way *how, call **calls, size_t count);
/* What was used, or revoked, under a request id is done again, and is no second use. */
void voucher_run_shown(session *s, const voucher_way *how, call **calls, size_t count);
