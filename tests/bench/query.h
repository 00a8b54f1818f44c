/* Searches of ./bench: what is asked for is taken from a random resident, and so is found. Both sides ask the same. */
#pragma once
#include "tests/generator/generator.h"
#include "vault/base/bytes.h"

typedef enum query_kind { QUERY_EQUALITY, QUERY_SUFFIX, QUERY_NGRAM, QUERY_AND, QUERY_KINDS } query_kind;
enum { QUERY_CONDITIONS = 3, QUERY_TEXT = 64, QUERY_RESULTS = 100 };

/* One condition: its field, the word of proto/vault/v1/records.proto for its question, and what is asked. */
typedef struct query_condition {
    const char *field;
    enum { ASK_EQUALS, ASK_ENDS_WITH, ASK_PART, ASK_BAND } question;
    char text[QUERY_TEXT];
} query_condition;
typedef struct query {
    query_condition conditions[QUERY_CONDITIONS];
    size_t count;
    char area[10]; /* street; empty: everywhere */
} query;

bool query_named(query_kind *out, const char *name); /* "equality", "suffix", "ngram", "and" */
/* False where the resident has no such value: take another. */
bool query_make(query *out, query_kind k, const resident *r);
