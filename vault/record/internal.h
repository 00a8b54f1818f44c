/* Shared inside vault/record. */
#pragma once
#include "vault/record/pack.h"
#include "vault/record/record.h"

typedef struct domain_key {
    uint32_t domain;
    uint32_t epoch;
    block_cipher *cipher;
} domain_key;

typedef struct term_key {
    const char *field;
    prf *prf;
} term_key;

enum { TAG_AAD_MAX = PACK_MAX + 4096 };

struct cabinet {
    const keyring *keys;
    arena *mem; /* of the batch at hand */
    aead *ring; /* keyed with a version of the record ring */
    uint32_t ring_version;
    aead *field; /* keyed with the DEK at hand */
    aead *tag;   /* keyed with its tag key */
    prf *tag_kdf, *natural;
    domain_key *domains;
    size_t domain_count;
    term_key *terms;
    size_t term_count;
    secret scratch; /* SCRATCH_LEN bytes of locked memory: derived keys, padded values */
    uint8_t *aad;   /* TAG_AAD_MAX bytes, for the input of the row tag */
    resident_row decoy;
    uint8_t decoy_dek[WRAPPED_DEK_LEN], decoy_tag[ROW_TAG_LEN];
    uint8_t *decoy_sealed;
};

enum { DEK_AAD_LEN = 14, FIELD_AAD_LEN = 16, SCRATCH_LEN = 8192, DECOY_SEALED_LEN = 1400 };

/* KEK handle of a ring version. INTEGRITY when there is no such version. */
VAULT_MUST_USE vault_code cabinet_ring(cabinet *c, aead **out, uint32_t version, vault_error *err);
VAULT_MUST_USE vault_code cabinet_term(cabinet *c, prf **out, const char *field, vault_error *err);

bytes dek_aad(uint8_t out[DEK_AAD_LEN], uint32_t ring_version, int64_t id);
bytes field_aad(uint8_t out[FIELD_AAD_LEN], int64_t id, const segment *s);
/* Keys the tag handle from a DEK and gives the row as AAD. */
VAULT_MUST_USE vault_code tag_prepare(cabinet *c, const uint8_t dek[KEY_LEN], const resident_row *row, bytes *aad,
                                      vault_error *err);
/* A field's text from its segment; the field handle must be keyed. */
VAULT_MUST_USE vault_code segment_open(cabinet *c, int64_t id, const segment *s, bytes *text, vault_error *err);
VAULT_MUST_USE vault_code row_seal_tag(cabinet *c, const uint8_t dek[KEY_LEN], resident_row *row,
                                       uint8_t out[ROW_TAG_LEN], vault_error *err);
