/* Counters as officers see them. */
#pragma once
#include "vault/service/counters.h"

/* The budget whose present period it counts; NULL: none, or another period. */
const policy_budget *counter_present(const manifest *m, const counter_name *name, uint32_t date, uint16_t minute);
/* As it is told; of a counter of no budget without limits. NULL when memory is out. */
Vault__V1__BudgetUse *budget_use(arena *mem, const counter *of, const policy_budget *b);

/* Recounts that have begun and not ended: a node keeps a few of them, for as long as the next page is asked for soon,
 * and none when it is sealed: they hold names of persons and purposes, and which residents were seen. */
typedef struct recounts recounts;
void recounts_drop(service *s); /* wipes them; also where there are none */
