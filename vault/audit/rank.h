/* Ranking a leak (DOMAIN.md section 7): who can have leaked a list of rows, against "not from this vault". Pure: no
 * database, no clock, no randomness; the same question has the same answer everywhere.
 *
 *   LLR_i = sum over rows t of w_t * ln( ((1 - eps) * [t in R_i] / |R_i| + eps * q_t) / q_t )
 *   posterior = softmax(LLR_i + ln prior_i), with "not from this vault" at LLR 0
 *
 * Whoever exports much may have leaked one export alone: each is a hypothesis of its own, for which its maker stands.
 * "Not from this vault" is several, too: a list of people from anywhere, or of one place (a street, a community, a
 * grid), which somebody else has gathered there: it looks like what the grid worker of that place has opened. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/error.h"

#include <stdbool.h>

typedef enum suspect_kind { SUSPECT_PERSON, SUSPECT_APP, SUSPECT_EXPORT, SUSPECT_KINDS } suspect_kind;

/* One who opened what was leaked. */
typedef struct suspect_openings {
    suspect_kind kind;
    uint64_t opened;      /* |R_i|: residents of whom it opened the fields that its rows have; at least hit_count */
    const uint32_t *hits; /* rows t that it explains, ascending; borrowed */
    size_t hit_count;
    size_t canaries;  /* canaries of the list that it has opened: any puts it before all that have fewer */
    uint64_t exports; /* of a person or an app: how many it made, whether they explain anything or not */
    size_t maker;     /* of an export: the place of the person or app who made it, before its own */
} suspect_openings;

/* People of one place, from whom a list could have been gathered without the vault. */
typedef struct leak_crowd {
    uint64_t people;      /* at least row_count */
    const uint32_t *rows; /* that are about one of them, ascending; borrowed */
    size_t row_count;
} leak_crowd;

typedef struct leak_question {
    const double *weight; /* w_t of each row, 0 to 1: how sure it is whose it is; 0: linked to nobody */
    const double *share;  /* q_t: t's share of all openings, or 1/N; above 0 */
    size_t row_count;
    uint64_t accessors; /* who opened anything of these fields, with hits or without; 0: the suspects are all */
    double epsilon;     /* share of foreign rows that is assumed; 0: RANK_EPSILON */
    const suspect_openings *suspects;
    size_t suspect_count;
    const leak_crowd *crowds; /* none: nothing is known of places */
    size_t crowd_count;
    uint64_t places; /* that there are, with people in the list or without; 0: the crowds are all */
} leak_question;
#define RANK_EPSILON 0.2

typedef struct leak_lead {
    size_t suspect; /* its place in the question */
    double llr;     /* by the formula, of the whole set */
    /* Those of persons and apps, and not_from_here, add up to 1; that of an export is a part of its maker's. */
    double posterior;
    double coverage, concentration; /* |S cap R| / |S|, |S cap R| / |R| */
    double guilt;                   /* 1 - prod(1 - (1 - p) / |V_t|), p = 0.2 */
} leak_lead;

typedef struct leak_colluder {
    size_t suspect;
    double weight; /* share of the list */
    size_t hits;
} leak_colluder;

typedef struct leak_answer {
    leak_lead *leads; /* all suspects, best first; owned by the arena */
    size_t lead_count;
    double not_from_here;     /* posterior; 0 where a canary decides */
    leak_colluder *colluders; /* two or more, where they explain clearly more than the best alone; else none */
    size_t colluder_count;
} leak_answer;

/* INVALID: a number out of its range, or hits that are none of the rows. */
VAULT_MUST_USE vault_code rank_leak(leak_answer *out, arena *mem, const leak_question *q, vault_error *err);
