/* Shared inside vault/record. */
#pragma once
#include "tokenizer/preserve.h"
#include "vault/record/pack.h"
#include "vault/record/record.h"

typedef struct domain_key {
    uint32_t domain;
    uint32_t epoch;
    block_cipher *cipher, *ff1; /* ff1: NULL until it is needed */
} domain_key;

typedef struct term_key {
    char ring[RING_NAME_MAX]; /* a copy: the schema that named the field may be gone */
    uint32_t version;
    prf *prf;
} term_key;

enum { DEK_AAD_LEN = 14, FIELD_AAD_LEN = 16, DECOY_SEALED_LEN = 1400 };
enum { PADDED_MAX = 4096, SCRATCH_LEN = PADDED_MAX + KEY_LEN, TERMS_MAX = 4096 };
enum { TAG_AAD_MAX = PACK_MAX + 8 * TERMS_MAX + 256 };

struct cabinet {
    const keyring *keys;
    arena *mem; /* of the batch at hand */
    aead *ring; /* keyed with a version of the record ring */
    uint32_t ring_version;
    aead *field; /* keyed with the DEK at hand */
    aead *tag;   /* keyed with its tag key */
    aead *note;  /* keyed below a version of the record ring */
    uint32_t note_version;
    prf *tag_kdf, *mark, *natural;
    domain_key *domains;
    size_t domain_count;
    const domain *acting; /* whose format-preserving tokens are made; or NULL */
    secret beside;        /* PADDED_MAX bytes of locked memory: a second value */
    term_key *terms;
    size_t term_count;
    size_t scratch_used; /* by the value that text_open left */
    secret scratch;      /* SCRATCH_LEN bytes of locked memory: a padded value, and behind it a derived key */
    uint8_t *aad;        /* TAG_AAD_MAX bytes, for the input of the row tag, or of a note */
    resident_row decoy;
    uint8_t decoy_dek[WRAPPED_KEYS_LEN], decoy_tag[ROW_TAG_LEN];
    uint8_t *decoy_sealed;
};

/* KEK handle of a ring version. INTEGRITY when there is no such version. */
VAULT_MUST_USE vault_code cabinet_ring(cabinet *c, aead **out, uint32_t version, vault_error *err);
/* Key of a field's search terms, of the version that is active now. INTERNAL when the field has no ring. */
VAULT_MUST_USE vault_code cabinet_term(cabinet *c, prf **out, const char *field, vault_error *err);

/* Keys of a domain's epoch, until the next call; NULL when there is no such epoch. */
VAULT_MUST_USE vault_code cabinet_domain_key(cabinet *c, domain_key **out, const domain *d, uint32_t epoch,
                                             vault_error *err);
/* The token of a value for the domain that the cabinet acts for, under its active epoch. */
VAULT_MUST_USE vault_code cabinet_preserve(cabinet *c, char out[PRESERVE_TEXT_MAX + 1], const schema_field *field,
                                           bytes text, vault_error *err);

/* The field handle keyed with the record's DEK. Valid until the next call on the cabinet. */
VAULT_MUST_USE vault_code record_cipher(aead **out, cabinet *c, const record *r, vault_error *err);

/* Contexts of a wrapped DEK and of a sealed field, written to `out`. */
bytes dek_aad(uint8_t out[DEK_AAD_LEN], uint32_t ring_version, int64_t id);
bytes field_aad(uint8_t out[FIELD_AAD_LEN], int64_t id, const segment *s);
/* Keys the tag handle from a DEK and gives the row as AAD, valid until the next call. INTEGRITY: no row is so large. */
VAULT_MUST_USE vault_code tag_prepare(cabinet *c, const uint8_t dek[KEY_LEN], const resident_row *row, bytes *aad,
                                      vault_error *err);
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
/* Makes the tag of a finished row in `out`, which the row borrows from then on. */
VAULT_MUST_USE vault_code row_seal_tag(cabinet *c, const uint8_t dek[KEY_LEN], resident_row *row,
                                       uint8_t out[ROW_TAG_LEN], vault_error *err);

/* A row in the making: the stored segments, of which the given fields replace some. */
typedef struct sealing {
    cabinet *c;
    const record_input *in;
    const uint8_t *dek;
    bytes stored;     /* segments before; empty for a new record */
    unsigned dropped; /* number of a stored field that is left out; 0: none */
    resident_row *row;
    writer pack;
} sealing;
/* Its terms, from the text of every indexed field after the merge. */
VAULT_MUST_USE vault_code seal_terms(sealing *s, vault_error *err);
/* All of the row after id, collection, natural key, area, version and DEK. */
VAULT_MUST_USE vault_code seal_row(sealing *s, vault_error *err);
