#include "tests/bench/trace.h"
#include "tests/bench/bench.h"

#include "vault/audit/openings.h"
#include "vault/base/clock.h"

#include <stdio.h>

enum { MEMORY = 1 << 30, LEADS = 20, EVIDENCE = 64 };

/* Every resident of a stride: those of a real list are as scattered. */
static leaked_resident *make_list(arena *mem, const traced_log *of)
{
    leaked_resident *all = arena_array(mem, of->rows, sizeof *all);
    const int64_t stride = of->residents / (int64_t)of->rows;
    for (size_t i = 0; i < of->rows; i++)
        all[i] = (leaked_resident){.resident = 1 + (int64_t)i * stride, .row = (uint32_t)i, .fields = 3};
    return all;
}

/* As leak_gate.c reads them: what has written the records of the list. */
static uint64_t pass_versions(const traced_log *of, arena *each)
{
    uint64_t written = 0;
    vault_error err = {0};
    for (int64_t stretch = 0;; stretch++) {
        line_columns c;
        arena_reset(each);
        must(ledger_columns(&c, of->scribe, of->store, each, stretch, &err), &err, "columns");
        if (c.count == 0) return written;
        for (size_t i = 0; i < c.count; i++) written += c.action[i] == LINE_PUT || c.action[i] == LINE_CORRECT;
    }
}

static void read_evidence(const traced_log *of, const openings *opened, const leak_answer *ranked, arena *each)
{
    vault_error err = {0};
    for (size_t i = 0; i < ranked->lead_count && i < LEADS; i++) {
        const size_t who = ranked->leads[i].suspect;
        arena_reset(each);
        for (size_t k = 0; k < opened->suspects[who].hit_count && k < EVIDENCE; k++) {
            const line_query q = {.from = opened->names[who].lines[k].index, .limit = 1};
            line_page page;
            must(ledger_query(of->scribe, of->store, each, &q, &page, &err), &err, "evidence");
        }
    }
}

void trace_leak(const traced_log *of)
{
    static const char *const fields[] = {"name", "phone"};
    vault_error err = {0};
    arena *mem = arena_new(MEMORY), *each = arena_new(MEMORY);
    openings opened;
    leak_answer ranked;
    if (!mem || !each) die("no memory");
    arena_keep(each, 256 << 20);
    const openings_question q = {.fields = fields,
                                 .field_count = 2,
                                 .leaked = make_list(mem, of),
                                 .leaked_count = of->rows,
                                 .row_count = of->rows,
                                 .residents = (uint64_t)of->residents,
                                 .before_us = clock_now_us()};
    const openings_source from = {.sc = of->scribe, .s = of->store};
    double *weight = arena_array(mem, of->rows, sizeof *weight);
    for (size_t i = 0; i < of->rows; i++) weight[i] = 1;
    (void)pass_versions(of, each);
    must(openings_collect(&opened, &from, mem, &q, &err), &err, "openings");
    const leak_question asked = openings_rank(&opened, weight);
    must(rank_leak(&ranked, mem, &asked, &err), &err, "rank");
    read_evidence(of, &opened, &ranked, each);
    arena_free(&mem);
    arena_free(&each);
}
