/* Counters, gauges and histograms of the process: a fixed table (metric.c) with atomic cells. Labels come from closed
 * sets, so that no metric can name a person, a token or a caller. Thread-safe, never fails, allocates nothing. */
#pragma once
#include "vault/base/bytes.h"

typedef enum metric_id {
    METRIC_CALLS,            /* counter: method, code */
    METRIC_CALL_SECONDS,     /* histogram in microseconds: method; from the call's arrival to its reply */
    METRIC_BATCH_CALLS,      /* histogram: calls that a worker ran together */
    METRIC_QUEUE_CALLS,      /* gauge */
    METRIC_QUEUE_REFUSED,    /* counter: calls refused because the queue was full */
    METRIC_CALLS_DROPPED,    /* counter: calls cancelled or past their deadline before they ran */
    METRIC_LINES,            /* counter: outcome; committed lines of the log */
    METRIC_APPEND_SECONDS,   /* histogram in microseconds: a durable append */
    METRIC_STORE_LOST,       /* counter: connections to PostgreSQL that were lost */
    METRIC_JOB_LEFT,         /* gauge: kind; rows that jobs have still to do */
    METRIC_JOB_STEP_SECONDS, /* histogram in microseconds: kind; a step of a job on this node */
    METRIC_BUDGET_SOFT,      /* counter: soft limits of budgets that were reached */
    METRIC_EMERGENCIES,      /* gauge: state; break-glasses that wait for their review */
    METRIC_NOTICES,          /* counter: result; what the webhook was told by this node */
    METRIC_CANARY_USES,      /* counter: canaries that were used by others than officers */
    METRIC_WITNESS_ANSWERS,  /* counter: result; what witnesses said to this node */
    METRIC_COSIGNED_LAG,     /* gauge: lines that are published, and not cosigned by enough witnesses */
    METRICS
} metric_id;

typedef enum metric_emergency { EMERGENCY_IS_OPEN, EMERGENCY_IS_ENDED, EMERGENCY_IS_OVERDUE } metric_emergency;
typedef enum metric_witness { WITNESS_COSIGNED, WITNESS_FAILED, WITNESS_REFUSED } metric_witness;
typedef enum metric_notice { NOTICE_SENT, NOTICE_FAILED, NOTICE_DROPPED } metric_notice;
enum { METRIC_METHODS = 96, METRIC_CODES = 17, METRIC_OUTCOMES = 3, METRIC_JOB_KINDS = 9 };

/* Which cell of a metric: indexes into its label sets; 0 where it has none. What is out of range is counted nowhere. */
typedef struct metric_at {
    unsigned first, second;
} metric_at;

void metric_add(metric_id id, metric_at at, uint64_t n);     /* counter, gauge */
void metric_set(metric_id id, metric_at at, uint64_t value); /* gauge */
void metric_observe(metric_id id, metric_at at, uint64_t value);
uint64_t metric_read(metric_id id, metric_at at); /* a histogram: the number of observations */

/* Names a value of the label "method", once at start, before other threads: a static text. */
void metric_name_method(unsigned index, const char *name);

/* Everything in Prometheus' text format, version 0.0.4. */
void metric_render(writer *out);
