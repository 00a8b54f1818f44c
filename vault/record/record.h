/* Where keys, tokens, policy and rows meet: a resident's row is checked against its tag, its fields are opened under a
 * grant, and rows are made from values.
 *
 *   keys      DEK and view key of a resident, wrapped together by the record ring; AAD = "D" ‖ suite ‖ ring version ‖
 *             resident. Everything of a row is in the suite of the ring version that wraps its keys
 *   field     under the DEK; AAD = "F" ‖ suite ‖ resident ‖ field ‖ field version
 *   row tag   AEAD of nothing (GMAC, SP 800-38D) under HKDF-Extract("resident-vault row tag 1", DEK);
 *             AAD = "R" ‖ id ‖ collection ‖ natural key ‖ area ‖ state ‖ version ‖ made ‖ terms ‖ sealed
 *             fields
 *   view      of a line about the resident: under the view key, which stays when the DEK is replaced
 *   correction  suite ‖ mark ‖ value under the DEK; AAD = all columns of its row (correction.c)
 *
 * A cabinet holds one thread's cipher handles. Nothing here knows the database. */
#pragma once
#include "keys/keys.h"
#include "policy/policy.h"
#include "tokenizer/pseudonym.h"
#include "tokenizer/term.h"
#include "vault/base/arena.h"
#include "vault/control/control.h"
#include "vault/store/store.h"

/* resident_row.state. A restricted record is stored and revealed to nobody. An erased one has lost its key: it is not
 * found. */
enum { RECORD_LIVE = 1, RECORD_RESTRICTED = 2 };

typedef struct cabinet cabinet; /* one thread at a time; made anew for another keyring */
/* What comes out of the cabinet from now on lives in `mem`. */
void cabinet_use(cabinet *c, arena *mem);
/* The control version that rows are made by from now on: that of the manifest in force. */
void cabinet_made_by(cabinet *c, int64_t control_version);
/* The domain whose format-preserving tokens come out of it; NULL: none do (INTERNAL). Borrowed until the next call. */
void cabinet_act_for(cabinet *c, const domain *d);
VAULT_MUST_USE vault_code cabinet_new(cabinet **out, const keyring *keys, vault_error *err);
void cabinet_free(cabinet **c);

/* ---- identifiers ---- */

/* Keyed hash of a normalised natural key, which must not be empty; the same text in two collections has two keys. */
VAULT_MUST_USE vault_code cabinet_natural_key(cabinet *c, uint8_t out[NATURAL_LEN], const collection *of, bytes text,
                                              vault_error *err);
/* While the natural ring is rotated a resident stands under one of several: the keys of all versions that there are,
 * the active one first. Returns how many are filled. */
VAULT_MUST_USE vault_code cabinet_natural_keys(cabinet *c, uint8_t out[RING_VERSIONS_MAX][NATURAL_LEN], size_t *count,
                                               const collection *of, bytes text, vault_error *err);
/* Seals, or opens, what the vault keeps for itself about a request (answers to imports), under a key derived from the
 * record ring; `context` binds it to its place. In the cabinet's arena. */
VAULT_MUST_USE vault_code cabinet_seal_note(cabinet *c, bytes *out, bytes context, bytes plain, vault_error *err);
VAULT_MUST_USE vault_code cabinet_open_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err);
/* A list that the vault keeps for a while: sealed under a key of its own, and that key as a note, so that with the row
 * of the two all is gone. `context` binds both to their place. In the cabinet's arena. */
typedef struct sealed_list {
    bytes key, sealed;
} sealed_list;
VAULT_MUST_USE vault_code cabinet_seal_list(cabinet *c, sealed_list *out, bytes context, bytes plain, vault_error *err);
VAULT_MUST_USE vault_code cabinet_open_list(cabinet *c, bytes *out, bytes context, const sealed_list *from,
                                            vault_error *err);
/* What is counted, and for whom: a keyed hash of its parts, each with its length, that only the vault can make; it
 * stays when keys are rotated. And what stands beside it, sealed in its place, in the cabinet's arena. INTEGRITY: it
 * was edited, or is another one's. */
enum { COUNT_KEY_LEN = 16 };
VAULT_MUST_USE vault_code cabinet_count_id(cabinet *c, uint8_t out[COUNT_KEY_LEN], const bytes *parts, size_t count,
                                           vault_error *err);
VAULT_MUST_USE vault_code cabinet_seal_count(cabinet *c, bytes *out, const uint8_t id[COUNT_KEY_LEN], bytes plain,
                                             vault_error *err);
VAULT_MUST_USE vault_code cabinet_open_count(cabinet *c, bytes *out, const uint8_t id[COUNT_KEY_LEN], bytes sealed,
                                             vault_error *err);
/* The token of a resident in a domain, under the domain's active epoch. */
VAULT_MUST_USE vault_code cabinet_issue(cabinet *c, token *out, const domain *d, resident_id id, vault_error *err);
/* The resident of a token of this domain; id 0 for a forgery, an unknown epoch, or another domain's token. */
VAULT_MUST_USE vault_code cabinet_resolve(cabinet *c, resident_id *out, const domain *d, const token *t,
                                          vault_error *err);

/* The search terms by which a value of a field with an equality index is found: of each version of the field's ring,
 * the active one first. INTERNAL when the field has none. */
VAULT_MUST_USE vault_code cabinet_equality_terms(cabinet *c, int64_t out[RING_VERSIONS_MAX], size_t *count,
                                                 const schema_field *field, bytes text, vault_error *err);
/* Whether tokens of an epoch are made and taken, or taken until it ends, or not any more: who holds one of an ended
 * epoch is told so, and the officer can still see whose it was; of a destroyed one nobody can. */
typedef enum epoch_state { EPOCH_UNKNOWN, EPOCH_CURRENT, EPOCH_RETIRING, EPOCH_ENDED, EPOCH_DESTROYED } epoch_state;
epoch_state cabinet_epoch(const cabinet *c, const domain *d, uint32_t epoch, int64_t now_us);
/* The epochs whose tokens are taken, newest first. Returns how many. */
size_t cabinet_epochs(const cabinet *c, const domain *d, int64_t now_us, uint32_t out[RING_VERSIONS_MAX]);
/* The epoch in which tokens are made; 0: none. */
uint32_t cabinet_current_epoch(const cabinet *c, const domain *d);
/* The value behind a format-preserving token of the field and an epoch, in the cabinet's arena, with a NUL behind it;
 * empty when the domain has no such epoch, or its key is gone. Every text of the format is some value's token: whether
 * anybody has that value, the caller finds out. INVALID NOT_PRESERVABLE: no token of anything. */
typedef struct preserved {
    const domain *domain;
    uint32_t epoch;
    const schema_field *field;
    bytes text; /* normalised */
} preserved;
VAULT_MUST_USE vault_code cabinet_restore(cabinet *c, bytes *out, const preserved *from, vault_error *err);

/* ---- a row that is proven ---- */

/* A row whose tag fits, with its DEK. Borrows the row. Cleared by record_clear. */
typedef struct record {
    const resident_row *row;
    bool genuine; /* found, and proven */
    uint8_t *dek; /* RECORD_KEYS_LEN bytes of the locked heap, the caller's: data key, view key */
} record;
enum { RECORD_KEYS_LEN = 2 * KEY_LEN };
void record_clear(record *r);

/* Unwraps the DEK and checks the tag over every column. INTEGRITY when anything was edited, moved or put in another
 * row's place. For a row that was not found, a decoy of usual size is checked instead, so that the work is the same;
 * `genuine` is then false. */
VAULT_MUST_USE vault_code record_prove(record *out, cabinet *c, const resident_row *row, vault_error *err);

/* The cabinet's handle keyed with the record's view key (for sealing the resident's view). Valid until the next call on
 * the cabinet. */
VAULT_MUST_USE vault_code record_view_cipher(aead **out, cabinet *c, const record *r, vault_error *err);

typedef struct field_text {
    bytes text;
    bool absent; /* the record holds no such field */
} field_text;
/* A field's text, what its mask shows of it, or its format-preserving token (as the grant's form says), in the
 * cabinet's arena, with a NUL behind it. DENIED without a grant for this field, INTERNAL for a row that is not proven
 * (both are bugs of the caller); INTEGRITY when the value does not open, never an empty success; INVALID
 * NOT_PRESERVABLE: the value has no such token, which is not to say that it is shown. */
VAULT_MUST_USE vault_code field_open(field_text *out, cabinet *c, const grant *g, const record *r,
                                     const schema_field *field, vault_error *err);

/* ---- a question about a value ---- */

/* Whether who asks could as well try all values: needs the right to the plain one. */
bool predicate_needs_plain(const schema_predicate *p);
typedef enum record_answer { ANSWER_ABSENT, ANSWER_NO, ANSWER_YES } record_answer;
typedef struct record_question {
    const schema_predicate *predicate;
    const grant *grant; /* of the predicate's number in its form, or of its field in the plain form */
    const record *record;
    const grant *other_grant; /* the same of the other one */
    const record *other;      /* with whose value it is compared; NULL: with `than` */
    bytes than;               /* normalised; empty where the predicate compares with nothing */
    uint32_t today;           /* YYYYMMDD */
} record_question;
/* The values stay in locked memory and are wiped: yes, no, or absent comes out. Fails as field_open. */
VAULT_MUST_USE vault_code record_ask(record_answer *out, cabinet *c, const record_question *q, vault_error *err);

/* Whether a record holds just this normalised value of a field. For what officers may ask, who are told no value
 * (tracing a leak): the value stays in locked memory, without a grant. INTEGRITY when it does not open. */
typedef enum record_match { MATCH_ABSENT, MATCH_OTHER, MATCH_SAME } record_match;
typedef struct record_guess {
    const schema_field *field;
    bytes text;
} record_guess;
VAULT_MUST_USE vault_code record_compare(record_match *out, cabinet *c, const record *r, const record_guess *guess,
                                         vault_error *err);

/* ---- search ---- */

/* terms_of_question under all keys of the field, with its format: a row meets it whichever of them its terms are made
 * by. */
VAULT_MUST_USE vault_code cabinet_ask(cabinet *c, term_question *out, const schema_field *field, term_ask *ask,
                                      vault_error *err);
/* By how many versions of the field's ring that is; 1 also where it has none. */
size_t cabinet_term_versions(cabinet *c, const schema_field *field);
/* The question after residents with the same value as this one: it is opened inside and wiped, its terms come out; no
 * list where the record has no such value. DENIED without a grant of a search by this field, or for another kind than
 * equality and code. */
typedef struct record_likeness {
    const grant *grant;
    const record *record;
    const schema_field *field;
    index_kind kind;
    const int64_t *streets;
    size_t street_count;
} record_likeness;
VAULT_MUST_USE vault_code record_alike(term_question *out, cabinet *c, const record_likeness *of, vault_error *err);
/* Ascending, each once, as record_meets takes them. */
void record_sort_terms(term_list *inout);
/* Whether one of the terms stands in the row, under its tag: an entry of the index alone proves nothing. */
bool record_meets(const record *r, term_list sorted);

/* Which fields a proven row holds. INTEGRITY: the pack is not one. */
VAULT_MUST_USE vault_code record_fields(field_set *out, const record *r, vault_error *err);
/* Who gave a granted field's value, and when it was collected; zeros where the record holds none. */
typedef struct field_source {
    uint16_t department;
    uint32_t collected; /* seconds since 1970 */
} field_source;
VAULT_MUST_USE vault_code field_source_of(field_source *out, const grant *g, const record *r, const schema_field *field,
                                          vault_error *err);

/* ---- a row from values ---- */

/* Normalised values of one resident, and where they come from. */
typedef struct input_field {
    const schema_field *field;
    bytes text; /* never empty */
} input_field;
typedef struct record_input {
    const collection *collection;
    const input_field *fields; /* in order of field number, each once */
    size_t count;
    area_code area; /* as given: without a grid where none was */
    uint16_t department;
    uint32_t collected;
} record_input;

/* A new record's row with a new DEK, left in out->dek; out->row is `row`, proven. `id` and natural key stand in *row
 * already. Borrows the cabinet's arena. INVALID: TOO_LONG (a value), RECORD_TOO_LARGE; INTERNAL when the random source
 * fails: *out is then not genuine. */
VAULT_MUST_USE vault_code record_create(record *out, cabinet *c, resident_row *row, const record_input *in,
                                        vault_error *err);

/* How the values of a department stand to those that are stored. */
typedef struct record_merged {
    bool unchanged;               /* the row is the old one: nothing is to be written */
    const schema_field **refused; /* fields that stand otherwise, from one whose word weighs more */
    correction_row *corrections;  /* and the request to correct each, sealed */
    size_t correction_count;
} record_merged;
/* The next version of a proven row. A value that is stored already changes nothing, but where the field's owner says
 * what another department gave: it is the owner's from then on. Otherwise it is taken when the field stands empty, when
 * the department is the field's owner, or when the stored value is its own; else it becomes a correction request. The
 * natural key never changes. The grid of the stored area stays where the new values give none and the division is the
 * same. Fails as record_create, and INTEGRITY when a stored value does not open. */
VAULT_MUST_USE vault_code record_merge(record_merged *out, resident_row *row, cabinet *c, const record *old,
                                       const record_input *in, vault_error *err);
/* The same row, stored and opened for nobody from then on. */
VAULT_MUST_USE vault_code record_restrict(resident_row *out, cabinet *c, const record *old, vault_error *err);

/* ---- consents ---- */

typedef enum consent_state { CONSENT_NONE, CONSENT_GIVEN, CONSENT_WITHDRAWN } consent_state;
typedef struct consent_word {
    consent_state state;
    int64_t said_us, expires_us; /* expires: 0: never */
} consent_word;
/* Given, and in force. */
bool consent_stands(const consent_word *of, int64_t now_us);
/* Ids of a purpose and those above it, nearest first. */
typedef struct consent_chain {
    const char *const *ids;
    size_t count;
} consent_chain;
/* The word about the nearest of the purposes that there is one about (a withdrawal takes those below it along). Of a
 * row that nobody is in: none, by about the same work. INTEGRITY when the list does not open. */
VAULT_MUST_USE vault_code record_consent(consent_word *out, cabinet *c, const record *r, const consent_chain *chain,
                                         vault_error *err);
typedef struct consent_said {
    const collection *collection; /* of the record */
    const char *purpose;
    consent_word what;
    uint16_t department; /* that it was said to */
} consent_said;
/* The next version of a proven row, with it; *unchanged: it stands already. INVALID RECORD_TOO_LARGE. */
VAULT_MUST_USE vault_code record_say(resident_row *out, bool *unchanged, cabinet *c, const record *old,
                                     const consent_said *said, vault_error *err);

/* What is known of a resident's class. */
typedef enum class_answer { CLASS_UNKNOWN, CLASS_IN, CLASS_OUT } class_answer;

/* ---- guardians ---- */

/* Of a resident's register: who may ask for him. */
typedef enum guardian_kind { GUARDIAN_PARENT = 1, GUARDIAN_COURT, GUARDIAN_COMMITTEE, GUARDIAN_KINDS } guardian_kind;
typedef struct guardian {
    int64_t resident; /* who it is */
    guardian_kind kind;
    bool of_child;               /* ends by itself with the 18th birthday */
    bool ended;                  /* taken back */
    int64_t said_us, expires_us; /* expires: 0: without an end */
    uint16_t department;         /* that wrote it down */
} guardian;
enum { GUARDIANS_MAX = 32 };
typedef struct guardian_list {
    guardian at[GUARDIANS_MAX]; /* in the order of their writing */
    size_t count;
} guardian_list;
/* Those whose guardianship was taken back or ended are among them. Of a row that nobody is in: none, by about the same
 * work. INTEGRITY when the list does not open. */
VAULT_MUST_USE vault_code record_guardians(guardian_list *out, cabinet *c, const record *r, vault_error *err);
typedef struct guardian_said {
    const collection *collection; /* of the record */
    guardian what;                /* takes the place of what stood of the same one */
} guardian_said;
/* The next version of a proven row, with it; *unchanged: it stands already (or ended is what never stood). INVALID
 * RECORD_TOO_LARGE, or TOO_MANY_GUARDIANS: so many stand. */
VAULT_MUST_USE vault_code record_appoint(resident_row *out, bool *unchanged, cabinet *c, const record *old,
                                         const guardian_said *said, vault_error *err);
/* The field that says how old a resident is: the ID number that names the record, else one "birth_date" or
 * "..._birth_date"; NULL: none. */
const schema_field *record_birth_field(const collection *of);
/* Whether the record's resident is under 18, by that field. */
VAULT_MUST_USE vault_code record_child(class_answer *out, cabinet *c, const record *r, const collection *of,
                                       uint32_t today, vault_error *err);
typedef enum guardianship { GUARDIAN_STANDS, GUARDIAN_NONE, GUARDIAN_ENDED, GUARDIAN_GROWN } guardianship;
/* What somebody is to the resident at this moment. Who is not known to be a child any more is grown. */
guardianship guardianship_of(const guardian_list *of, int64_t resident, class_answer child, int64_t now_us);

/* ---- classes of residents ---- */

typedef struct class_question {
    const record *record;
    const schema_field *field; /* of the class */
    const policy_class *of;
    uint32_t today; /* YYYYMMDD */
} class_question;
/* The value stays in locked memory and is wiped. Unknown where the record has no such value (but for CLASS_KNOWN, and
 * for records of another collection, which are none of the class), or nobody is in the row: by about the same work.
 * INTEGRITY when the value does not open. */
VAULT_MUST_USE vault_code record_class(class_answer *out, cabinet *c, const class_question *q, vault_error *err);

/* ---- retention ---- */

typedef enum record_fate { FATE_STAYS, FATE_DROPS, FATE_RESTRICTED, FATE_ERASED } record_fate;
typedef struct record_age {
    record_fate fate;
    field_set past; /* values past their retention: what FATE_DROPS is about */
    bool term_runs; /* a law still wants the record kept */
} record_age;
/* What is to become of a proven row on a day (YYYYMMDD, in Asia/Shanghai): each value stays through the day that many
 * months after it was collected. A restricted record loses nothing until the law's term has ended, and then all. */
VAULT_MUST_USE vault_code record_due(record_age *out, const record *r, const collection *of, uint32_t today,
                                     vault_error *err);
/* The next version of a proven row without some of its values, and without their search terms. */
typedef struct record_dropping {
    const collection *collection;
    field_set fields;
} record_dropping;
VAULT_MUST_USE vault_code record_drop(resident_row *out, cabinet *c, const record *old, const record_dropping *what,
                                      vault_error *err);

/* ---- corrections ---- */

/* Whether every column of a row is as it was written, for this resident. INTEGRITY: edited, or of another place.
 * Nothing of a row may be told before. */
VAULT_MUST_USE vault_code correction_check(cabinet *c, const record *r, const correction_row *row, vault_error *err);
/* What is wanted, of a request that waits; with a NUL behind it. DENIED without a grant of the field in plain form. */
typedef struct correction_text {
    bytes text;
    uint32_t collected; /* by the department that filed it, seconds since 1970 */
} correction_text;
VAULT_MUST_USE vault_code correction_open(correction_text *out, cabinet *c, const record *r, const correction_row *row,
                                          const grant *g, vault_error *err);
/* The row of a decided request: its value is gone. In the cabinet's arena. */
typedef struct correction_verdict {
    correction_state state; /* accepted or declined */
    uint16_t decider;       /* department */
} correction_verdict;
VAULT_MUST_USE vault_code correction_decide(correction_row *out, cabinet *c, const record *r, const correction_row *row,
                                            const correction_verdict *how, vault_error *err);

/* ---- rotation ---- */

/* Unwraps a resident's keys and wraps them under the active version of the record ring, of which row->ring_version is
 * then. In the cabinet's arena. The suite must be the same (INTERNAL). INTEGRITY when they do not open. */
VAULT_MUST_USE vault_code record_rewrap(cabinet *c, key_row *inout, vault_error *err);
/* A note as it is sealed now (cabinet_open_note), under the active version of the record ring. `context` is its place.
 */
VAULT_MUST_USE vault_code cabinet_reseal_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err);
/* Which version of the record ring a note is under; 0: it is none. */
uint32_t note_version(bytes sealed);
/* The proven row as it would be written today: natural key and terms under the active versions of their rings, `made`
 * = the control version given. The record version stays. With `reseal` also under new keys of the active version of the
 * record ring, every value sealed anew in its suite; the view key stays. Corrections that wait come along:
 * `corrections` are those of the resident, sealed anew in place. */
typedef struct record_renewal {
    const collection *collection;
    int64_t made;
    bool reseal;
    correction_row *corrections;
    size_t correction_count;
} record_renewal;
VAULT_MUST_USE vault_code record_renew(resident_row *out, cabinet *c, const record *old, const record_renewal *how,
                                       vault_error *err);
