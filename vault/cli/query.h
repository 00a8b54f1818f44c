/* audit query: what its files share. */
#pragma once
#include "vault/cli/register_names.h"

/* One way to show lines. */
typedef struct line_view {
    ctl *c;
    register_names names;
    table t;
    bool begun;
    json_t *receipts; /* NULL: none are kept */
    uint64_t size;    /* lines of the log that was looked through */
} line_view;
void view_line(line_view *v, const Vault__V1__Line *l, const char *note); /* note: where it is proven */
json_t *line_receipt(const Vault__V1__Line *l, const char *note);         /* to be kept by receipts_save */
void view_end(line_view *v);                                              /* what was gathered */
/* Comma-separated, each as a spreadsheet takes it: text that it would run is told to be text. */
void print_csv(const char *const *cells, size_t count);

/* Counts in the place of lines. */
ctl_exit run_groups(ctl *c);
/* The conditions of the command line. CTL_USAGE: said on stderr. */
ctl_exit query_request(ctl *c, Vault__V1__QueryRequest *out);
/* How much of the log was looked at, where stderr is a terminal or it is asked for; nothing of what is quick. */
void query_progress(const ctl *c, const Vault__V1__QueryResponse *reply);
/* That no line fits, and where it was looked: of tables. JSON and CSV of nothing are nothing. */
void say_none_fits(const ctl *c, uint64_t size);
