/* The compliance report for people: one HTML page without scripts, that needs nothing from outside. */
#pragma once
#include "vault/cli/internal.h"

typedef struct report_page {
    const Vault__V1__ReportResponse *of;
    const char *since, *until, *made; /* "": open */
    const json_t *names;              /* how the register calls an id; or NULL */
    bool chinese;
} report_page;
/* False: it could not be written. */
bool report_page_write(FILE *to, const report_page *p);
/* What a series is called: "openings by purpose"; the kind itself where it is not known. */
const char *report_kind(const char *kind, bool chinese);
