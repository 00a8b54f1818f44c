/* trace: whose tokens are these? A list as it was found, one finding a line. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FINDING_MAX = 128 }; /* characters that the vault reads of one */

typedef struct trace {
    ctl *ctl;
    char **findings;
    uint64_t *lines; /* of the file */
    size_t count, genuine;
    int32_t want; /* lines of the log for each */
    table rows;
} trace;

/* Without what is too long to be one: that is said, with its line. */
static ctl_exit read_findings(trace *t)
{
    const char **all;
    size_t count;
    ctl_exit end = ctl_lines(t->ctl, t->ctl->arguments[0], &all, &count);
    if (end != CTL_OK) return end;
    t->findings = arena_array(t->ctl->mem, count + 1, sizeof *t->findings);
    t->lines = arena_array(t->ctl->mem, count + 1, sizeof *t->lines);
    if (!t->findings || !t->lines) return usage_error(t->ctl, "too many findings");
    for (size_t i = 0; i < count; i++) {
        if (strlen(all[i]) > FINDING_MAX) {
            fprintf(stderr, "vaultctl: finding %zu: longer than %d bytes, left out\n", i + 1, FINDING_MAX);
            continue;
        }
        t->lines[t->count] = i + 1;
        t->findings[t->count++] = lent(all[i]);
    }
    return t->count ? CTL_OK : usage_error(t->ctl, "no findings in %s", t->ctl->arguments[0]);
}

static void show_line(table *rows, const Vault__V1__Line *line)
{
    const char *what = arena_format(rows->mem, "  line %llu", (unsigned long long)line->index);
    table_add(rows, (const char *const[]){what, line->action, line->outcome, "", "", time_text(rows->mem, line->time),
                                          line->consistent && line_opens(line) ? "" : "ALTERED"});
}

static void add_genuine(trace *t, size_t i, const Vault__V1__TraceResult *r)
{
    arena *mem = t->ctl->mem;
    table_add(&t->rows,
              (const char *const[]){arena_format(mem, "%llu", (unsigned long long)t->lines[i]), r->app, r->purpose,
                                    arena_format(mem, "%u", r->epoch), arena_format(mem, "%u", r->mended),
                                    arena_format(mem, "%u", r->line_count), r->token});
    for (size_t k = 0; k < r->n_lines; k++) show_line(&t->rows, r->lines[k]);
}

static void show_result(trace *t, size_t i, const Vault__V1__TraceResult *r)
{
    t->genuine += r->genuine != 0;
    if (t->ctl->options[OPT_JSON]) {
        json_t *value = message_json(t->ctl->mem, &r->base);
        json_object_set_new(value, "finding", json_integer((json_int_t)t->lines[i]));
        print_json(value);
    } else if (r->genuine) {
        add_genuine(t, i, r);
    } else if (r->not_tried) {
        fprintf(stderr, "vaultctl: finding %llu: too damaged to be tried among many; trace it alone\n",
                (unsigned long long)t->lines[i]);
    }
}

static ctl_exit trace_part(trace *t, size_t first, size_t count)
{
    Vault__V1__TraceTokenRequest request = VAULT__V1__TRACE_TOKEN_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.findings = t->findings + first;
    request.n_findings = count;
    request.lines = t->want;
    ctl_exit end =
        ctl_call(t->ctl, &x, "/vault.v1.Audit/TraceToken", &request.base, &vault__v1__trace_token_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__TraceTokenResponse *reply = (const void *)x.reply;
    if (reply->n_results != count)
        return usage_error(t->ctl, "the server answered %zu of %zu findings", reply->n_results, count);
    for (size_t i = 0; i < count; i++) show_result(t, first + i, reply->results[i]);
    return CTL_OK;
}

static void say_progress(const trace *t, size_t done)
{
    if (t->count <= CALL_ITEMS || !isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r%zu of %zu ", done < t->count ? done : t->count, t->count);
    if (done >= t->count) fputc('\n', stderr);
}

ctl_exit run_trace(ctl *c)
{
    enum { LINES_MAX = 100 };
    static const char *const heads[] = {"FINDING", "APP", "PURPOSE", "EPOCH", "MENDED", "LINES", "TOKEN"};
    trace t = {.ctl = c, .rows = table_of(c->mem, 7, heads)};
    int64_t want = option_number(c, OPT_LIMIT, 0, LINES_MAX);
    if (want < 0) return usage_error(c, "--limit is a number up to %d, of lines for each token", LINES_MAX);
    t.want = (int32_t)want;
    ctl_exit end = read_findings(&t);
    for (size_t i = 0; i < t.count && end == CTL_OK; i += CALL_ITEMS) {
        end = trace_part(&t, i, t.count - i < CALL_ITEMS ? t.count - i : CALL_ITEMS);
        say_progress(&t, i + CALL_ITEMS);
    }
    if (end != CTL_OK || c->options[OPT_JSON]) return end;
    if (t.genuine) table_print(&t.rows);
    printf("%zu of %zu are tokens of this vault\n", t.genuine, t.count);
    return CTL_OK;
}
