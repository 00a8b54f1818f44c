/* bench-replay: a long log for Policies.Simulate, appended to a vault's own log as its nodes append to it.
 *
 *   lines COUNT      of reveals and issues, granted and refused, by seventeen persons and three apps */
#include "tests/bench/bench.h"
#include "vault/base/clock.h"
#include "vault/base/secret.h"
#include "vault/service/looking.h"

#include <string.h>

enum { PART = 2048, MEMORY = 256 << 20 };

static struct {
    looking at;
    uint64_t random;
    arena *mem;
} bench;

/* What lines say, by turns; the last ones were refused. */
typedef struct sample {
    line_action action;
    const char *app, *person, *purpose, *fields, *form, *rule, *clause;
} sample;
static const sample samples_of[] = {
    {LINE_REVEAL, "eldercare", "grid-zhao", "elder-care", "name,phone", "plain", "eldercare-reveal", NULL},
    {LINE_REVEAL, "eldercare", NULL, "elder-care", "name,phone", "plain", "eldercare-batch", NULL},
    {LINE_REVEAL, "clinic", "doctor-zheng", "family-doctor", "name,birth_date,phone", "plain", "clinic-reveal", NULL},
    {LINE_ISSUE, "clinic", NULL, "family-doctor", "id_number", "nothing", "clinic-issue", NULL},
    {LINE_REVEAL, "eldercare", "clerk-li", "elder-care", "residence_address", "plain", "eldercare-reveal", NULL},
    {LINE_REVEAL, "population", "police-chen", "population-register", "name,phone", "plain", "population-check", NULL},
    {LINE_ISSUE, "eldercare", NULL, "elder-care", "id_number", "nothing", "eldercare-issue", NULL},
    {LINE_REVEAL, "clinic", "doctor-zheng", "family-doctor", "religion", "plain", NULL, "fields"},
};
enum { SAMPLES = sizeof samples_of / sizeof *samples_of };

static line_facts facts(uint64_t number)
{
    const sample *s = &samples_of[number % SAMPLES];
    return (line_facts){.action = s->action,
                        .outcome = s->clause ? LINE_REFUSED : LINE_GRANTED,
                        .app = s->app,
                        .department = "civil-affairs",
                        .person = s->person,
                        .purpose = s->purpose,
                        .basis = "PIPL 13(1)(3)",
                        .ticket = "case 2026-1122",
                        .request = "6f3b1e0a-5c1d-4a53-9a76-2f0a3b7f1e55",
                        .fields = s->fields,
                        .groups = "identity,contact",
                        .form = s->form,
                        .rule = s->rule,
                        .clause = s->clause,
                        .control_version = (uint64_t)bench.at.manifest->version,
                        .record_version = 3,
                        .area = 320411002003000,
                        .resident = (int64_t)(random_next(&bench.random) % 200000 + 1),
                        .refers_to = -1};
}

static void append_part(uint64_t first, size_t count)
{
    vault_error err = {0};
    appended done;
    arena_reset(bench.mem);
    line *lines = arena_array(bench.mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        const line_facts f = facts(first + i);
        must(line_make(&lines[i], bench.at.scribe, bench.mem, &f, NULL, &err), &err, "line_make");
    }
    const line_batch batch = {.control_version = bench.at.manifest->version,
                              .control_stamp = control_stamp(bench.at.control),
                              .lines = lines,
                              .count = count};
    must(ledger_append(bench.at.ledger, bench.at.store, bench.mem, &batch, &done, &err), &err, "append");
}

static void append_lines(uint64_t count)
{
    samples s = {0};
    window w = {0};
    window_open(&w);
    for (uint64_t at = 0; at < count; at += PART) {
        int64_t began = clock_monotonic_us();
        size_t part = count - at < PART ? (size_t)(count - at) : PART;
        append_part(at, part);
        samples_add(&s, clock_monotonic_us() - began, part);
    }
    window_shut(&w);
    window_report(&w, &s);
    samples_clear(&s);
}

int main(int argc, char **argv)
{
    command c;
    vault_error err = {0};
    (void)argc;
    const service_options o = {.database = option(argv, "--database"),
                               .keeping = {.source = ROOT_FILE, .key_file = option(argv, "--root-key")}};
    must(secret_heap_init(4 << 20, &err), &err, "secure heap");
    bench.mem = arena_new(MEMORY);
    bench.at.mem = arena_new(MEMORY);
    must(looking_open(&bench.at, &o, &err), &err, "vault");
    while (command_read(&c)) {
        if (!command_is(&c, "lines", 2)) die("bench-replay: lines COUNT");
        append_lines((uint64_t)command_number(&c, 1));
    }
    looking_close(&bench.at);
    arena_free(&bench.at.mem);
    arena_free(&bench.mem);
    return 0;
}
