/* Answers that are kept by request id, so that a repeated call is harmless.
 *
 * A row of `request`, sealed, written in the transaction that ends the call (or the message of a stream), for a week.
 * Of app and acting person: what one may know of residents, another need not. The way of a call:
 *
 *   kept_ask ─ kept_find (all calls of the run at once) ─ batch_run, with kept_write in it ─ kept_settle
 *
 * A call that is answered again has no items. */
#pragma once
#include "vault/service/internal.h"

#define KEPT_US (INT64_C(7) * 86400 * 1000000)
typedef struct kept_answer {
    digest id, content; /* of what was asked */
    int64_t expires_us; /* where it was found: it stands until it is swept, and may be older */
    bytes answer;       /* as it was given; in the session's arena */
    bool replayed;      /* it was found: the call is answered from it */
} kept_answer;
/* `label` names the use ("resident-vault put 1"), `place` the message within a stream (0), `content` what must be the
 * same. */
typedef struct kept_key {
    const char *label;
    uint32_t place;
    digest content;
} kept_key;
/* Leaves c->kept; its error is the call's. */
VAULT_MUST_USE vault_code kept_ask(session *s, call *c, const kept_key *key);
/* The same where purpose and request, its context apart, must be the same. */
VAULT_MUST_USE vault_code kept_ask_request(session *s, call *c, const char *label);
/* The calls that asked, by one statement. A call's error: CONFLICT REQUEST_ID_REUSED (context.request_id) where the
 * same id was used for other content; INTEGRITY where the kept answer was edited: told to the operator, and a line. */
void kept_find(session *s, call **calls, size_t count);
/* Neither answered nor failed. */
bool kept_goes_on(const call *c);
/* What became of a call's items; later ones than those of the part at hand have nothing to say. */
typedef vault_code kept_pack(session *s, const call *c, bytes *answer, vault_error *err);
VAULT_MUST_USE vault_code kept_packed(bytes *out, session *s, const ProtobufCMessage *message, vault_error *err);
/* A request of any method without its context. */
VAULT_MUST_USE vault_code request_packed(bytes *out, session *s, const ProtobufCMessage *in, vault_error *err);
/* Within the transaction of a part: the answers of the calls that end with it. CONFLICT: another one, of the same
 * request, was first. */
VAULT_MUST_USE vault_code kept_write(session *s, item **items, size_t count, kept_pack *pack, vault_error *err);
/* Whose calls another run answered since kept_find: they must write nothing more. Within a transaction, too. */
VAULT_MUST_USE vault_code kept_elsewhere(session *s, item **items, size_t count, bool *answered, vault_error *err);
/* A call that lost against itself (a run of it whose client has gone, or asked twice, has ended meanwhile): true, and
 * replayed, where the other one's answer was found. After call_fail_with_store. */
bool kept_rival(session *s, call *c);
/* Looks for the rivals of all, and writes a line for each call that is answered again. */
void kept_settle(session *s, call **calls, size_t count);
/* The answer without receipts, in the call's shape (results.c). */
kept_pack batch_pack;
