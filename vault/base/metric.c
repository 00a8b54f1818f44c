#include "vault/base/metric.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef enum kind { COUNTER, GAUGE, HISTOGRAM } kind;

typedef struct label_set {
    const char *name;
    unsigned count;
    const char *values[METRIC_METHODS]; /* NULL: not in use */
} label_set;

static label_set methods = {.name = "method", .count = METRIC_METHODS};
static label_set codes = {
    .name = "code",
    .count = METRIC_CODES,
    .values = {"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
               "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
               "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"},
};
static label_set outcomes = {.name = "outcome", .count = METRIC_OUTCOMES, .values = {"granted", "refused", "failed"}};
static label_set kinds_of_jobs = {
    .name = "kind",
    .count = METRIC_JOB_KINDS,
    .values = {NULL, "rewrap", "rewrite", "reseal", "lines", "control", "verify", "retention", "archive"}};
static label_set glass_states = {.name = "state", .count = 3, .values = {"open", "ended", "overdue"}};
static label_set notice_results = {.name = "result", .count = 3, .values = {"sent", "failed", "dropped"}};
static label_set witness_results = {.name = "result", .count = 3, .values = {"cosigned", "failed", "refused"}};
static label_set none = {.count = 1, .values = {""}};

enum { BOUNDS = 14, SUM = BOUNDS + 1, HISTOGRAM_CELLS = BOUNDS + 2 }; /* buckets, the one without bound, sum */

static const uint64_t time_bounds[BOUNDS] = {250,   500,    1000,   2500,   5000,    10000,   25000,
                                             50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};
static const uint64_t count_bounds[BOUNDS] = {1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512};

typedef struct metric {
    const char *name, *help;
    kind kind;
    label_set *first, *second;
    const uint64_t *bounds;
    double unit; /* what one raw unit is in the unit that is shown */
    _Atomic uint64_t *cells;
} metric;

static _Atomic uint64_t call_cells[METRIC_METHODS * METRIC_CODES], seconds_cells[METRIC_METHODS * HISTOGRAM_CELLS];
static _Atomic uint64_t batch_cells[HISTOGRAM_CELLS], append_cells[HISTOGRAM_CELLS], line_cells[METRIC_OUTCOMES];
static _Atomic uint64_t step_cells[METRIC_JOB_KINDS * HISTOGRAM_CELLS], left_cells[METRIC_JOB_KINDS];
static _Atomic uint64_t glass_cells[3], notice_cells[3], witness_cells[3];
static _Atomic uint64_t single_cells[METRICS];

static const metric table[METRICS] = {
    [METRIC_CALLS] = {"vault_calls_total", "Calls answered, by method and gRPC code.", COUNTER, &methods, &codes, NULL,
                      1, call_cells},
    [METRIC_CALL_SECONDS] = {"vault_call_seconds", "Time from a call's arrival to its reply.", HISTOGRAM, &methods,
                             &none, time_bounds, 1e-6, seconds_cells},
    [METRIC_BATCH_CALLS] = {"vault_batch_calls", "Calls that a worker ran together.", HISTOGRAM, &none, &none,
                            count_bounds, 1, batch_cells},
    [METRIC_QUEUE_CALLS] = {"vault_queue_calls", "Calls waiting for a worker.", GAUGE, &none, &none, NULL, 1,
                            &single_cells[METRIC_QUEUE_CALLS]},
    [METRIC_QUEUE_REFUSED] = {"vault_queue_refused_total", "Calls refused because the queue was full.", COUNTER, &none,
                              &none, NULL, 1, &single_cells[METRIC_QUEUE_REFUSED]},
    [METRIC_CALLS_DROPPED] = {"vault_calls_dropped_total", "Calls cancelled or late before they ran.", COUNTER, &none,
                              &none, NULL, 1, &single_cells[METRIC_CALLS_DROPPED]},
    [METRIC_LINES] = {"vault_lines_total", "Committed lines of the log, by outcome.", COUNTER, &outcomes, &none, NULL,
                      1, line_cells},
    [METRIC_APPEND_SECONDS] = {"vault_append_seconds", "Time of a durable append to the log.", HISTOGRAM, &none, &none,
                               time_bounds, 1e-6, append_cells},
    [METRIC_STORE_LOST] = {"vault_store_lost_total", "Connections to PostgreSQL that were lost.", COUNTER, &none, &none,
                           NULL, 1, &single_cells[METRIC_STORE_LOST]},
    [METRIC_JOB_LEFT] = {"vault_job_left_rows", "Rows that running jobs have still to do, by kind.", GAUGE,
                         &kinds_of_jobs, &none, NULL, 1, left_cells},
    [METRIC_JOB_STEP_SECONDS] = {"vault_job_step_seconds", "Time of a step of a job on this node, by kind.", HISTOGRAM,
                                 &kinds_of_jobs, &none, time_bounds, 1e-6, step_cells},
    [METRIC_BUDGET_SOFT] = {"vault_budget_soft_total", "Soft limits of budgets that were reached.", COUNTER, &none,
                            &none, NULL, 1, &single_cells[METRIC_BUDGET_SOFT]},
    [METRIC_EMERGENCIES] = {"vault_emergencies", "Break-glasses that wait for their review, by state.", GAUGE,
                            &glass_states, &none, NULL, 1, glass_cells},
    [METRIC_NOTICES] = {"vault_notices_total", "What the webhook was told by this node, by result.", COUNTER,
                        &notice_results, &none, NULL, 1, notice_cells},
    [METRIC_CANARY_USES] = {"vault_canary_uses_total", "Canaries that were used by others than officers.", COUNTER,
                            &none, &none, NULL, 1, &single_cells[METRIC_CANARY_USES]},
    [METRIC_WITNESS_ANSWERS] = {"vault_witness_answers_total",
                                "What witnesses of the log said to this node, by result.", COUNTER, &witness_results,
                                &none, NULL, 1, witness_cells},
    [METRIC_COSIGNED_LAG] = {"vault_cosigned_lag_lines", "Published lines that not enough witnesses have cosigned yet.",
                             GAUGE, &none, &none, NULL, 1, &single_cells[METRIC_COSIGNED_LAG]},
};

static _Atomic uint64_t *cell(metric_id id, metric_at at)
{
    const metric *m = &table[id];
    if (at.first >= m->first->count || at.second >= m->second->count) return NULL;
    size_t index = (size_t)at.first * m->second->count + at.second;
    return &m->cells[m->kind == HISTOGRAM ? index * HISTOGRAM_CELLS : index];
}

static void raise_by(_Atomic uint64_t *at, uint64_t n)
{
    atomic_fetch_add_explicit(at, n, memory_order_relaxed);
}

void metric_add(metric_id id, metric_at at, uint64_t n)
{
    _Atomic uint64_t *c = cell(id, at);
    if (c) raise_by(c, n);
}

void metric_set(metric_id id, metric_at at, uint64_t value)
{
    _Atomic uint64_t *c = cell(id, at);
    if (c) atomic_store_explicit(c, value, memory_order_relaxed);
}

void metric_observe(metric_id id, metric_at at, uint64_t value)
{
    _Atomic uint64_t *c = cell(id, at);
    if (!c) return;
    unsigned bucket = 0;
    while (bucket < BOUNDS && value > table[id].bounds[bucket]) bucket++;
    raise_by(&c[bucket], 1);
    raise_by(&c[SUM], value);
}

static uint64_t value_of(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

uint64_t metric_read(metric_id id, metric_at at)
{
    const _Atomic uint64_t *c = cell(id, at);
    if (!c) return 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < (table[id].kind == HISTOGRAM ? SUM : 1); i++) sum += value_of(&c[i]);
    return sum;
}

void metric_name_method(unsigned index, const char *name)
{
    if (index < METRIC_METHODS) methods.values[index] = name;
}

/* ---- Prometheus' text ---- */

__attribute__((format(printf, 2, 3))) static void put_line(writer *out, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put_bytes(out, bytes_of_text(line));
}

/* "method=\"...\",code=\"...\"" or "" */
static void label_text(char out[128], const metric *m, metric_at at)
{
    out[0] = '\0';
    if (m->first->name) snprintf(out, 128, "%s=\"%s\"", m->first->name, m->first->values[at.first]);
    size_t len = strlen(out);
    if (m->second->name) snprintf(out + len, 128 - len, ",%s=\"%s\"", m->second->name, m->second->values[at.second]);
}

static void put_histogram(writer *out, const metric *m, const _Atomic uint64_t *c, const char *labels)
{
    uint64_t count = 0;
    const char *comma = labels[0] ? "," : "";
    for (unsigned i = 0; i < BOUNDS; i++) {
        count += value_of(&c[i]);
        put_line(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", m->name, labels, comma, (double)m->bounds[i] * m->unit,
                 (unsigned long long)count);
    }
    count += value_of(&c[BOUNDS]);
    put_line(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", m->name, labels, comma, (unsigned long long)count);
    const char *open = labels[0] ? "{" : "", *close = labels[0] ? "}" : "";
    put_line(out, "%s_sum%s%s%s %.9g\n", m->name, open, labels, close, (double)value_of(&c[SUM]) * m->unit);
    put_line(out, "%s_count%s%s%s %llu\n", m->name, open, labels, close, (unsigned long long)count);
}

static void put_cell(writer *out, metric_id id, metric_at at)
{
    const metric *m = &table[id];
    const _Atomic uint64_t *c = cell(id, at);
    char labels[128];
    label_text(labels, m, at);
    if (m->kind == HISTOGRAM)
        put_histogram(out, m, c, labels);
    else if (labels[0])
        put_line(out, "%s{%s} %llu\n", m->name, labels, (unsigned long long)value_of(c));
    else
        put_line(out, "%s %llu\n", m->name, (unsigned long long)value_of(c));
}

void metric_render(writer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (metric_id id = 0; id < METRICS; id++) {
        const metric *m = &table[id];
        put_line(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
        for (metric_at at = {0, 0}; at.first < m->first->count; at.first++) {
            for (at.second = 0; at.second < m->second->count; at.second++) {
                bool used = m->second == &none || metric_read(id, at) > 0; /* of method and code only the pairs seen */
                if (m->first->values[at.first] && used) put_cell(out, id, at);
            }
        }
    }
}
