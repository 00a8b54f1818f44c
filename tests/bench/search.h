/* The bare side of ./bench search: the terms of a question by the vault's own keys, and the SQL that one would write
 * for it by hand. One thread at a time. */
#pragma once
#include "tests/bench/pg.h"
#include "tests/bench/query.h"

typedef struct searcher searcher;
searcher *searcher_open(const char *database, const char *root_key); /* stops the process when it fails */
void searcher_prepare(pg *p);
/* Ids of the first QUERY_RESULTS; the resident has what is asked for. */
size_t searcher_find(searcher *s, pg *p, query_kind k, const resident *r, int64_t ids[QUERY_RESULTS]);
