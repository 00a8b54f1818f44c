/* Shared inside vault/record. */
#pragma once
#include "tokenizer/preserve.h"
#include "vault/record/pack.h"
#include "vault/record/record.h"

typedef struct domain_key {
    uint32_t domain;
    uint32_t epoch;
    const ring *of;
    block_cipher *cipher, *ff1; /* ff1: NULL until it is needed */
} domain_key;

/* The keyed hashes of a ring of search terms, or of natural keys: one of each version that has a key, the active one
 * first. */
typedef struct ring_prfs {
    char ring[RING_NAME_MAX]; /* a copy: the schema that named the field may be gone */
    prf *at[RING_VERSIONS_MAX];
    size_t count;
    int64_t since; /* control version that brought the active one */
} ring_prfs;

/* A version of the record ring. Its handles are opened when they are first needed. */
typedef struct record_key {
    const ring *of;
    aead *wrap; /* residents' keys */
    aead *note; /* keyed below it */
} record_key;

/* Handles for what lies under a resident's own key, in one suite. */
typedef struct suite_handles {
    aead *field; /* keyed with the DEK at hand */
    aead *tag;   /* keyed with its tag key */
    aead *fresh; /* keyed with the DEK that takes its place; NULL until one does */
    prf *tag_kdf, *mark;
} suite_handles;

/* A row that nobody is in. */
typedef struct decoy {
    resident_row row;
    uint8_t dek[WRAPPED_KEYS_LEN], tag[ROW_TAG_LEN];
} decoy;

enum { FIELD_AAD_LEN = 16, DECOY_SEALED_LEN = 1400, SUITES = SUITE_GM + 1 };
enum { PADDED_MAX = 4096, SCRATCH_LEN = PADDED_MAX + KEY_LEN, TERMS_MAX = 4096 };
enum { TAG_AAD_MAX = PACK_MAX + 8 * TERMS_MAX + 256 };

struct cabinet {
    const keyring *keys;
    arena *mem;   /* of the batch at hand */
    int64_t made; /* control version by which rows are written */
    record_key records[RING_VERSIONS_MAX];
    size_t record_count;
    const record_key *active; /* one of them */
    suite_handles suites[SUITES];
    aead *field;    /* the handle that is keyed with the key at hand */
    suite_id suite; /* its suite */
    ring_prfs natural;
    domain_key *domains;
    size_t domain_count;
    const domain *acting; /* whose format-preserving tokens are made; or NULL */
    secret beside;        /* PADDED_MAX bytes of locked memory: a second value */
    ring_prfs *terms;
    size_t term_count;
    size_t scratch_used; /* by the value that text_open left */
    secret scratch;      /* SCRATCH_LEN bytes of locked memory: a padded value, and behind it a derived key */
    uint8_t *aad;        /* TAG_AAD_MAX bytes, for the input of the row tag, or of a note */
    secret fresh;        /* RECORD_KEYS_LEN bytes: keys that take the place of others */
    prf *count_ids;      /* count.c; NULL until something is counted */
    aead *counts;
    decoy decoys[SUITES];
    size_t decoy_count; /* one of each suite that rows may be in */
    uint8_t *decoy_sealed;
};

/* ---- handles.c ---- */

VAULT_MUST_USE vault_code handles_open(cabinet *c, vault_error *err);
void handles_free(cabinet *c);
/* A version of the record ring. INTEGRITY when there is no such version, or its key is gone. */
VAULT_MUST_USE vault_code cabinet_record_key(cabinet *c, record_key **out, uint32_t version, vault_error *err);
/* The handles for what a row of this version's has; INTEGRITY as before. */
VAULT_MUST_USE vault_code cabinet_suite(cabinet *c, suite_handles **out, int32_t ring_version, vault_error *err);
/* Keys of a field's search terms. INTERNAL when the field has no ring. */
VAULT_MUST_USE vault_code cabinet_terms(cabinet *c, const ring_prfs **out, const char *field, vault_error *err);
/* A resident's keys, wrapped by a version of the record ring and unwrapped: WRAPPED_KEYS_LEN and RECORD_KEYS_LEN bytes.
 * INTEGRITY when they do not open, or there is no such version. */
VAULT_MUST_USE vault_code keys_wrap(cabinet *c, uint8_t out[WRAPPED_KEYS_LEN], const key_row *place,
                                    const uint8_t *keys, vault_error *err);
VAULT_MUST_USE vault_code keys_unwrap(cabinet *c, uint8_t *out, const key_row *row, vault_error *err);

/* Keys of a domain's epoch, until the next call; NULL when there is no such epoch. */
VAULT_MUST_USE vault_code cabinet_domain_key(cabinet *c, domain_key **out, const domain *d, uint32_t epoch,
                                             vault_error *err);
/* The token of a value for the domain that the cabinet acts for, under its active epoch. */
VAULT_MUST_USE vault_code cabinet_preserve(cabinet *c, char out[PRESERVE_TEXT_MAX + 1], const schema_field *field,
                                           bytes text, vault_error *err);

/* The field handle keyed with the record's DEK. Valid until the next call on the cabinet. */
VAULT_MUST_USE vault_code record_cipher(aead **out, cabinet *c, const record *r, vault_error *err);

/* Keys the field handle of the suite that a version of the record ring has. */
VAULT_MUST_USE vault_code cabinet_key_field(cabinet *c, int32_t ring_version, const uint8_t key[KEY_LEN],
                                            vault_error *err);
/* Context of a sealed field, written to `out`. */
bytes field_aad(uint8_t out[FIELD_AAD_LEN], int64_t id, const segment *s);
/* A text of `len` bytes padded, sealed under the keyed field handle: padded_len + SEAL_OVERHEAD bytes at `out`. */
VAULT_MUST_USE vault_code text_seal(cabinet *c, uint8_t *out, bytes aad, bytes text, vault_error *err);
/* The text in *inside lies in the scratch and is wiped by the caller: text_forget. INTEGRITY: nothing is left there. */
VAULT_MUST_USE vault_code text_open(cabinet *c, bytes *inside, bytes aad, bytes sealed, vault_error *err);
void text_forget(cabinet *c);
/* As text_open, into the arena with a NUL behind it. */
VAULT_MUST_USE vault_code text_open_copy(cabinet *c, bytes *text, bytes aad, bytes sealed, vault_error *err);
/* As text_open, of a field's segment; the field handle must be keyed. */
VAULT_MUST_USE vault_code segment_unseal(cabinet *c, int64_t id, const segment *s, bytes *inside, vault_error *err);
/* A field's text from its segment; the field handle must be keyed. */
VAULT_MUST_USE vault_code segment_open(cabinet *c, int64_t id, const segment *s, bytes *text, vault_error *err);
/* Whether a segment holds this text; the field handle must be keyed. */
VAULT_MUST_USE vault_code segment_holds(cabinet *c, int64_t id, const segment *s, bytes text, bool *same,
                                        vault_error *err);
/* What a department says of a field, as a request that waits: sealed under the resident's key, with a number of its
 * own. In the cabinet's arena. */
typedef struct correction_said {
    const schema_field *field;
    bytes text;
    uint16_t department;
    uint32_t collected;
} correction_said;
VAULT_MUST_USE vault_code correction_file(correction_row *out, cabinet *c, const record *r, const correction_said *what,
                                          vault_error *err);
/* About the work of opening a value, where there is none to be opened. */
void record_work(cabinet *c, const record *r);
/* Makes the tag of a finished row in `out`, which the row borrows from then on. */
VAULT_MUST_USE vault_code row_seal_tag(cabinet *c, const uint8_t dek[KEY_LEN], resident_row *row,
                                       uint8_t out[ROW_TAG_LEN], vault_error *err);

/* The row of a request as it is under other keys of its resident: sealed anew in place. */
typedef struct correction_move {
    const record *from, *to;
} correction_move;
VAULT_MUST_USE vault_code correction_reseal(correction_row *inout, cabinet *c, const correction_move *how,
                                            vault_error *err);

/* A row in the making: the stored segments, of which the given fields replace some. */
typedef struct sealing {
    cabinet *c;
    const record_input *in;
    const uint8_t *dek;
    bytes stored;      /* segments before; empty for a new record */
    field_set dropped; /* stored fields that are left out */
    unsigned list;     /* CONSENT_SEGMENT, GUARDIAN_SEGMENT: which list is given, and */
    bytes listed;      /* what takes the place of the stored one; empty: all lists stay */
    resident_row *row;
    writer pack;
} sealing;
/* Its natural key under the active version of the ring, where it was made before that. */
VAULT_MUST_USE vault_code seal_natural(sealing *s, vault_error *err);
/* Its terms, from the text of every indexed field after the merge. */
VAULT_MUST_USE vault_code seal_terms(sealing *s, vault_error *err);
/* All of the row after id, collection, natural key, area, state, version and keys. */
VAULT_MUST_USE vault_code seal_row(sealing *s, vault_error *err);

/* ---- list.c: what stands in a segment behind all fields: its format (1) || entries ---- */

/* What one begins with. */
enum { LIST_FORMAT = 1 };
/* The entries of a proven record's list, in the scratch: to be forgotten (text_forget) when *found. */
VAULT_MUST_USE vault_code list_open(reader *entries, bool *found, cabinet *c, const record *r, unsigned list,
                                    vault_error *err);
/* The next version of the record with `listed` in the place of its list; all else stays. */
VAULT_MUST_USE vault_code list_seal(resident_row *out, cabinet *c, const record *old, const sealing *how,
                                    vault_error *err);
