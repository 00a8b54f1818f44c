/* The report of a trace, for people: one HTML page without scripts, that needs nothing from outside. */
#pragma once
#include "vault/v1/audit.pb-c.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct leak_report {
    const Vault__V1__TraceReport *of;
    const char *title;   /* of the case: its ticket */
    const char *made;    /* when */
    const json_t *names; /* by id, as the register has them; NULL: ids stand for themselves */
    bool chinese;
} leak_report;
/* False: it could not be written. */
bool leak_report_write(FILE *to, const leak_report *report);
