/* The keeper's rounds over the columns of the log: stretch by stretch blocks are made where there are none, then read,
 * so that questions know their lines. What is damaged is passed over, and said once, not in every round: again when it
 * changes, or comes back after it was mended. */
#pragma once
#include "vault/service/internal.h"

typedef struct columns_said {
    uint64_t what;  /* a hash of it */
    uint32_t round; /* in which it was found last */
} columns_said;

/* {0} begins a round. */
typedef struct columns_round {
    int32_t make, know; /* from which stretch on; -1: none is left */
    uint32_t round;
    columns_said *said;
    size_t said_count, said_room;
    uint64_t told; /* failures that went to the operator's log, in all */
} columns_round;

/* One stretch. True: the round is over, and the next step begins another. The session's thread. */
bool columns_round_step(columns_round *r, session *s);
void columns_round_clear(columns_round *r);
