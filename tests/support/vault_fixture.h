/* A whole vault without the transport: private PostgreSQL, rings, manifest of tests/support/town with a policy made for
 * tests, one session. Calls go through service_run, the way that they come from the wire.
 *
 * Apps: eldercare (civil-affairs, purpose elder-care; reveals name, phone, residence_address, care_category in street
 * 320411002 alone), clinic (health, family-doctor, whole district), population (public-security, population-register:
 * puts everything, issues, reveals all). The purpose elder-care/visit lies below elder-care and has no domain of its
 * own: eldercare issues, and reveals the name, for it in the whole district. Grid workers may besides see the religion
 * in the whole district and the ethnicity in their own areas, where they put phone and grid (grid-own's is the grid
 * 320411002003001); the clinic sees ID number and date of birth masked, and puts a few fields. The population register
 * also holds houses.
 * Everybody's certificate has the digest of the URI's text. */
#pragma once
#include "keys/keys.h"
#include "tests/generator/generator.h"
#include "tests/support/harness.h"
#include "tests/support/pg_harness.h"
#include "vault/service/service.h"

#include <cjose/cjose.h>
#include <jansson.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "vault/v1/audit.pb-c.h"
#include "vault/v1/control.pb-c.h"
#include "vault/v1/keys.pb-c.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"

#define ELDERCARE       "vault://dev/apps/eldercare"
#define CLINIC          "vault://dev/apps/clinic"
#define POPULATION      "vault://dev/apps/population"
#define OFFICER         "vault://dev/officers/officer-wang"
#define OFFICER_2       "vault://dev/officers/officer-zhao"
#define ADMINISTRATOR   "vault://dev/administrators/admin-li"
#define ADMINISTRATOR_2 "vault://dev/administrators/admin-sun"

/* Stands for the whole program; the first call makes it. Residents 0 to FIXTURE_RESIDENTS - 1 of seed 1 are in. */
enum { FIXTURE_RESIDENTS = 200 };
/* A program that needs other documents sets it before anything else: it gets each one ("schema.json"), as the fixture
 * has made it, to be changed. */
extern void (*fixture_edit)(const char *file, json_t *document);
/* A program that has to do with the root key sets it before anything else: it wraps `root` for the vault of this name.
 * Without it nothing but fixture_options opens the vault. */
extern void (*fixture_seal)(root_seal *out, const char *vault, bytes root);
/* A program that archives sets it before anything else: a folder. */
extern const char *fixture_archives;
cjose_jwk_t *fixture_key(void); /* ES256, registered for civil-affairs as "civil-1" */
service *fixture_service(void);
session *fixture_session(void);
const generator *fixture_generator(void);
const char *fixture_checkpoint_file(void);
void fixture_path(char *out, size_t room, const char *name); /* in a folder that goes, with all in it, at the end */
service_options fixture_options(void);                       /* for another service on the same database */
json_t *fixture_certificate(const char *of); /* {"sha256": digest of the text}: an entry of "certificates" */
void fixture_restart(void);                  /* closes service and session, opens them again */
vault_code fixture_reopen(vault_error *err); /* the same, for tests in which that must fail */
void fixture_close(void);

/* A request as it would come off the wire; everything lives until the next fixture_reset. */
typedef struct asked {
    const char *path, *uri, *purpose;
    ProtobufCMessage *in;
    const char *assertion;            /* NULL: none */
    const char *ticket;               /* NULL: a usual one */
    const char *also;                 /* NULL, or another URI of the same certificate */
    const char *certificate;          /* NULL: its own; else the text that the digest of the certificate is made of */
    session *by;                      /* NULL: the fixture's */
    const char *approval, *emergency; /* NULL: none */
} asked;
request *ask(const asked *a);                               /* one call */
void ask_many(const asked *a, request **out, size_t count); /* calls of one method, run together */
request *make_request(const asked *a);                      /* for a stream: run by the test itself */
const method *method_at(const char *path);
void fixture_reset(void);
arena *fixture_memory(void);

Google__Protobuf__FieldMask *mask_of(const char *const *names, size_t count);
#define MASK(...)                                                                                                      \
    mask_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* ---- the main job in words ---- */

/* Index, from `from` on, of a resident of the seed who lives in (or outside) the street eldercare may see. */
uint64_t resident_in_street(uint64_t from);
uint64_t resident_elsewhere(uint64_t from);
void the_resident(uint64_t index, resident *out);
/* The token of a resident for an app; fails the test when it is refused. */
const char *token_for(const char *uri, const char *why, uint64_t index);
Vault__V1__RevealRequest *reveal_of(const char *token, Google__Protobuf__FieldMask *mask);
request *reveal(const char *uri, const char *why, const char *token, Google__Protobuf__FieldMask *mask);
const char *revealed(const request *rq, size_t at); /* value, or NULL where the call failed */
/* Puts residents [from, from + count) of the seed. */
request *put_residents(uint64_t from, size_t count);

void expect_outcome(const request *rq, vault_code code, const char *reason);
int64_t lines_in_log(void);
