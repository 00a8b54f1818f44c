/* An explanation in words, English and Chinese, and with the names that its numbers stand for. Pure. */
#pragma once
#include "policy/policy.h"

typedef enum language { ENGLISH, CHINESE, LANGUAGES } language;

/* What people call things: in English by their ids, in Chinese by their titles. Never NULL. */
typedef struct policy_labels {
    const void *context;
    const char *(*field)(const void *context, unsigned number, language in);
    const char *(*role)(const void *context, role_no no, language in);
    const char *(*purpose)(const void *context, purpose_no no, language in);
    const char *(*consumer)(const void *context, consumer_no no, language in);
} policy_labels;

/* What is explained. */
typedef struct policy_telling {
    const policy *policy;
    const policy_facts *facts;
    const policy_explanation *explanation;
    const policy_labels *labels;
} policy_telling;

/* One clause of it. In the arena. */
typedef struct policy_words {
    const char *clause; /* "fields" */
    const char **fields;
    size_t field_count;
    const char *
        *names; /* forms, roles, classes, patterns of tickets that would do; the prohibition, aggregation, budget
                 */
    size_t name_count;
    char from[16], until[16]; /* "2026-06-30", or "" */
    uint32_t limit;
    const char *text[LANGUAGES];
} policy_words;
/* EXHAUSTED. */
VAULT_MUST_USE vault_code policy_say(policy_words *out, arena *mem, const policy_telling *what,
                                     const policy_failing *clause, vault_error *err);
/* Names of a set of 1 << form: "masked". Returns how many. */
unsigned policy_form_names(const char *out[FORMS], unsigned forms);
