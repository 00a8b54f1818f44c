/* bench-load: a governance app with many calls in flight. The same program, connections and threads make the calls of
 * both sides: the vault's, and the standard health check's.
 *
 *   put FLIGHT                      all residents, 512 a call
 *   issue FLIGHT                    tokens of all residents, kept for what follows
 *   health FLIGHT SECONDS           grpc.health.v1.Health/Check
 *   reveal FLIGHT SECONDS           one field of a random resident, with receipt
 *   reveal-bare FLIGHT SECONDS      the same without a receipt
 *   reveal-batch ITEMS FLIGHT SECONDS
 *   issue-batch ITEMS FLIGHT SECONDS   tokens of random residents, by their ID numbers
 *   search KIND FLIGHT SECONDS      by what a random resident has (query.h), the first 100
 *
 * One thread a connection; FLIGHT is of all connections together. */
#include "tests/bench/bench.h"
#include "tests/bench/query.h"

#include "grpc/health/v1/health.pb-c.h"
#include "tests/generator/generator.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/cli/client.h"
#include "vault/v1/records.pb-c.h"
#include "vault/v1/tokens.pb-c.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    PUT_ITEMS = 512,
    ISSUE_ITEMS = 4096,
    BATCH_MOST = 4096,
    TOKEN_ROOM = 48,
    NUMBER_ROOM = 20,
    LANES_MAX = 16,
    FLIGHT_MAX = 1024,
    TIMEOUT_MS = 60000,
    REQUEST_ROOM = 1 << 20,
    LOOK_EVERY = 61 /* replies, of which one is unpacked and compared */
};

#define FIELD "name"

typedef struct lane lane;
typedef struct slot {
    lane *of;
    int64_t began;
    uint64_t first; /* resident, or call of a fixed number */
    uint32_t *subjects;
} slot;

/* A kind of call. `request` gives false when no more are to be made. */
typedef struct kind {
    const char *method;
    bool (*request)(lane *l, slot *s, bytes *out);
    uint64_t (*reply)(lane *l, slot *s, bytes in); /* units that it is worth */
} kind;

typedef struct job {
    const kind *kind;
    window window;
    size_t items;
    query_kind query;
    atomic_ullong next; /* of a fixed number of calls */
    bool fixed, bare;   /* bare: without receipts */
} job;

struct lane {
    client *client;
    job *job;
    size_t flight;
    uint64_t random, replies;
    samples samples;
    slot slots[FLIGHT_MAX];
    uint8_t *room;
    pthread_t thread;
};

static struct {
    const char *server, *ca, *cert, *key;
    size_t residents;
    generator *people;
    char (*tokens)[TOKEN_ROOM];
    char (*numbers)[NUMBER_ROOM]; /* ID numbers, beside the tokens that `issue` gets for them */
    bytes *puts;                  /* packed requests */
    size_t put_calls;
    lane *lanes[LANES_MAX];
    size_t lane_count;
} app;

/* ---- requests ---- */

static const char *purpose_now = "bench"; /* set between runs */

#define CONTEXT(name)                                                                                                  \
    Vault__V1__RequestContext name = VAULT__V1__REQUEST_CONTEXT__INIT;                                                 \
    (name).purpose = (char *)(uintptr_t)purpose_now;                                                                   \
    (name).ticket = (char *)(uintptr_t) "case 2026-1122";                                                              \
    (name).request_id = (char *)(uintptr_t) "6f3b1e0a-5c1d-4a53-9a76-2f0a3b7f1e55"

static char *field_name = (char *)(uintptr_t)FIELD;

static bytes packed(lane *l, const ProtobufCMessage *m)
{
    if (protobuf_c_message_get_packed_size(m) > REQUEST_ROOM) die("a request is too large");
    return bytes_of(l->room, protobuf_c_message_pack(m, l->room));
}

static bool ask_health(lane *l, slot *s, bytes *out)
{
    (void)s;
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    *out = packed(l, &m.base);
    return true;
}

static bool ask_reveal(lane *l, slot *s, bytes *out)
{
    CONTEXT(context);
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__RevealRequest m = VAULT__V1__REVEAL_REQUEST__INIT;
    s->first = random_next(&l->random) % app.residents;
    mask.n_paths = 1;
    mask.paths = &field_name;
    m.context = &context;
    m.token = app.tokens[s->first];
    m.field_mask = &mask;
    m.want_receipt = !l->job->bare;
    *out = packed(l, &m.base);
    return true;
}

static void choose_subjects(lane *l, slot *s)
{
    if (!s->subjects) s->subjects = memory_array(BATCH_MOST, sizeof *s->subjects);
    for (size_t i = 0; i < l->job->items; i++) s->subjects[i] = (uint32_t)(random_next(&l->random) % app.residents);
}

static bool ask_batch(lane *l, slot *s, bytes *out)
{
    char *tokens[BATCH_MOST];
    CONTEXT(context);
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Vault__V1__BatchRevealRequest m = VAULT__V1__BATCH_REVEAL_REQUEST__INIT;
    choose_subjects(l, s);
    for (size_t i = 0; i < l->job->items; i++) tokens[i] = app.tokens[s->subjects[i]];
    mask.n_paths = 1;
    mask.paths = &field_name;
    m.context = &context;
    m.n_tokens = l->job->items;
    m.tokens = tokens;
    m.field_mask = &mask;
    m.want_receipt = true;
    *out = packed(l, &m.base);
    return true;
}

static void fill_condition(Vault__V1__Condition *out, query_condition *from, char **text, Vault__V1__Values *values,
                           Vault__V1__Band *band)
{
    *text = from->text;
    values->n_values = 1;
    values->values = text;
    band->low = band->high = from->text;
    out->field = (char *)(uintptr_t)from->field;
    switch (from->question) {
    case ASK_EQUALS:
        out->question_case = VAULT__V1__CONDITION__QUESTION_EQUALS;
        out->equals = values;
        break;
    case ASK_ENDS_WITH:
        out->question_case = VAULT__V1__CONDITION__QUESTION_ENDS_WITH;
        out->ends_with = values;
        break;
    case ASK_PART:
        out->question_case = VAULT__V1__CONDITION__QUESTION_PART;
        out->part = from->text;
        break;
    case ASK_BAND:
        out->question_case = VAULT__V1__CONDITION__QUESTION_BAND;
        out->band = band;
        break;
    }
}

static bool ask_search(lane *l, slot *s, bytes *out)
{
    query q;
    resident r;
    char *texts[QUERY_CONDITIONS], *area = q.area;
    Vault__V1__Values values[QUERY_CONDITIONS];
    Vault__V1__Band bands[QUERY_CONDITIONS];
    Vault__V1__Condition conditions[QUERY_CONDITIONS], *list[QUERY_CONDITIONS];
    CONTEXT(context);
    Vault__V1__SearchRequest m = VAULT__V1__SEARCH_REQUEST__INIT;
    do generator_resident(app.people, s->first = random_next(&l->random) % app.residents, &r);
    while (!query_make(&q, l->job->query, &r));
    for (size_t i = 0; i < q.count; i++) {
        vault__v1__values__init(&values[i]);
        vault__v1__band__init(&bands[i]);
        vault__v1__condition__init(list[i] = &conditions[i]);
        fill_condition(list[i], &q.conditions[i], &texts[i], &values[i], &bands[i]);
    }
    m.context = &context;
    m.n_conditions = q.count;
    m.conditions = list;
    m.n_areas = q.area[0] != 0;
    m.areas = &area;
    m.page_size = QUERY_RESULTS;
    *out = packed(l, &m.base);
    return true;
}

static bool ask_put(lane *l, slot *s, bytes *out)
{
    s->first = atomic_fetch_add(&l->job->next, 1);
    if (s->first >= app.put_calls) return false;
    *out = app.puts[s->first];
    return true;
}

static bool ask_issue(lane *l, slot *s, bytes *out)
{
    char *numbers[ISSUE_ITEMS];
    CONTEXT(context);
    Vault__V1__BatchIssueRequest m = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    s->first = atomic_fetch_add(&l->job->next, 1) * ISSUE_ITEMS;
    if (s->first >= app.residents) return false;
    for (uint64_t i = s->first; i < app.residents && m.n_values < ISSUE_ITEMS; i++) {
        resident r;
        generator_resident(app.people, i, &r);
        snprintf(app.numbers[i], NUMBER_ROOM, "%s", resident_text(&r, FIELD_ID_NUMBER));
        numbers[m.n_values++] = app.numbers[i];
    }
    m.context = &context;
    m.values = numbers;
    *out = packed(l, &m.base);
    return true;
}

static bool ask_issue_batch(lane *l, slot *s, bytes *out)
{
    char *numbers[BATCH_MOST];
    CONTEXT(context);
    Vault__V1__BatchIssueRequest m = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    choose_subjects(l, s);
    for (size_t i = 0; i < l->job->items; i++) numbers[i] = app.numbers[s->subjects[i]];
    m.context = &context;
    m.n_values = l->job->items;
    m.values = numbers;
    m.want_receipt = true;
    *out = packed(l, &m.base);
    return true;
}

/* ---- replies ---- */

static void expect_name(uint64_t index, size_t count, Vault__V1__FieldValue *const *values)
{
    resident r;
    generator_resident(app.people, index, &r);
    if (count != 1 || values[0]->absent || strcmp(values[0]->text, resident_text(&r, FIELD_NAME)) != 0)
        die("resident %llu: another value came back", (unsigned long long)index);
}

static void expect_receipt(const Vault__V1__Receipt *receipt, size_t lines)
{
    if (!receipt || receipt->n_lines != lines || !*receipt->checkpoint) die("a reply without its receipt");
}

static bool is_looked_at(lane *l)
{
    return l->replies++ % LOOK_EVERY == 0;
}

static uint64_t take_health(lane *l, slot *s, bytes in)
{
    (void)l, (void)s;
    if (in.len != 2 || in.at[1] != GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
        die("the server is not healthy");
    return 1;
}

static uint64_t take_reveal(lane *l, slot *s, bytes in)
{
    if (!is_looked_at(l)) return 1;
    Vault__V1__RevealResponse *out = vault__v1__reveal_response__unpack(NULL, in.len, in.at);
    if (!out) die("a reply that is not one");
    expect_name(s->first, out->n_values, out->values);
    if (!l->job->bare) expect_receipt(out->receipt, 1);
    vault__v1__reveal_response__free_unpacked(out, NULL);
    return 1;
}

static uint64_t take_batch(lane *l, slot *s, bytes in)
{
    if (in.len < l->job->items * 100) die("a reply that lacks values or receipts");
    if (l->replies++ % 7) return l->job->items;
    Vault__V1__BatchRevealResponse *out = vault__v1__batch_reveal_response__unpack(NULL, in.len, in.at);
    if (!out || out->n_results != l->job->items) die("a reply that is not one");
    for (size_t i = 0; i < out->n_results; i++)
        expect_name(s->subjects[i], out->results[i]->n_values, out->results[i]->values);
    vault__v1__batch_reveal_response__free_unpacked(out, NULL);
    return l->job->items;
}

/* Whom the question was taken from is among those found, unless there are more than a page. */
static uint64_t take_search(lane *l, slot *s, bytes in)
{
    if (!is_looked_at(l)) return 1;
    Vault__V1__SearchResponse *out = vault__v1__search_response__unpack(NULL, in.len, in.at);
    if (!out) die("a reply that is not one");
    bool found = out->n_results == QUERY_RESULTS;
    for (size_t i = 0; i < out->n_results && !found; i++)
        found = strcmp(out->results[i]->token, app.tokens[s->first]) == 0;
    if (!found) die("resident %llu was not found", (unsigned long long)s->first);
    vault__v1__search_response__free_unpacked(out, NULL);
    return 1;
}

static void expect_fine(const Google__Rpc__Status *status)
{
    outcome o;
    if (!status) return;
    outcome_read(&o, status);
    die("an item was refused: %s %s %s %s %s", outcome_name(o.code), o.reason, o.clause, o.field, o.violation);
}

static uint64_t take_put(lane *l, slot *s, bytes in)
{
    (void)l, (void)s;
    Vault__V1__BatchPutResponse *out = vault__v1__batch_put_response__unpack(NULL, in.len, in.at);
    if (!out) die("a reply that is not one");
    uint64_t count = out->n_results;
    for (size_t i = 0; i < count; i++) expect_fine(out->results[i]->status);
    vault__v1__batch_put_response__free_unpacked(out, NULL);
    return count;
}

static uint64_t take_issue(lane *l, slot *s, bytes in)
{
    (void)l;
    Vault__V1__BatchIssueResponse *out = vault__v1__batch_issue_response__unpack(NULL, in.len, in.at);
    if (!out) die("a reply that is not one");
    uint64_t count = out->n_results;
    for (size_t i = 0; i < count; i++) {
        expect_fine(out->results[i]->status);
        snprintf(app.tokens[s->first + i], TOKEN_ROOM, "%s", out->results[i]->token);
    }
    vault__v1__batch_issue_response__free_unpacked(out, NULL);
    return count;
}

/* The tokens are those that `issue` got. */
static uint64_t take_issue_batch(lane *l, slot *s, bytes in)
{
    if (in.len < l->job->items * 100) die("a reply that lacks tokens or receipts");
    if (l->replies++ % 7) return l->job->items;
    Vault__V1__BatchIssueResponse *out = vault__v1__batch_issue_response__unpack(NULL, in.len, in.at);
    if (!out || out->n_results != l->job->items) die("a reply that is not one");
    for (size_t i = 0; i < out->n_results; i++)
        if (strcmp(out->results[i]->token, app.tokens[s->subjects[i]]) != 0)
            die("resident %u: another token came back", (unsigned)s->subjects[i]);
    vault__v1__batch_issue_response__free_unpacked(out, NULL);
    return l->job->items;
}

static const kind HEALTH = {"/grpc.health.v1.Health/Check", ask_health, take_health};
static const kind REVEAL = {"/vault.v1.Tokens/Reveal", ask_reveal, take_reveal};
static const kind BATCH = {"/vault.v1.Tokens/BatchReveal", ask_batch, take_batch};
static const kind ISSUE_BATCH = {"/vault.v1.Tokens/BatchIssue", ask_issue_batch, take_issue_batch};
static const kind SEARCH = {"/vault.v1.Records/Search", ask_search, take_search};
static const kind PUT = {"/vault.v1.Records/BatchPut", ask_put, take_put};
static const kind ISSUE = {"/vault.v1.Tokens/BatchIssue", ask_issue, take_issue};

/* ---- prepared puts ---- */

typedef struct put_memory {
    resident people[PUT_ITEMS];
    char *values[PUT_ITEMS][GENERATOR_CORE_FIELDS];
    Vault__V1__ResidentInput inputs[PUT_ITEMS], *items[PUT_ITEMS];
} put_memory;

static bytes pack_put(put_memory *m, uint64_t first, Google__Protobuf__FieldMask *mask)
{
    char id[32]; /* of its own: a put under an id that was used is answered and not done */
    CONTEXT(context);
    snprintf(id, sizeof id, "put-%llu", (unsigned long long)first);
    context.request_id = id;
    Vault__V1__BatchPutRequest put = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    for (uint64_t i = first; i < app.residents && put.n_items < PUT_ITEMS; i++) {
        size_t at = put.n_items++;
        generator_resident(app.people, i, &m->people[at]);
        for (unsigned f = 1; f <= GENERATOR_CORE_FIELDS; f++)
            m->values[at][f - 1] = (char *)(uintptr_t)resident_text(&m->people[at], f);
        vault__v1__resident_input__init(&m->inputs[at]);
        m->inputs[at].n_values = GENERATOR_CORE_FIELDS;
        m->inputs[at].values = m->values[at];
        m->items[at] = &m->inputs[at];
    }
    put.context = &context;
    put.collection = (char *)(uintptr_t) "residents";
    put.field_mask = mask;
    put.items = m->items;
    size_t len = vault__v1__batch_put_request__get_packed_size(&put);
    uint8_t *at = memory_new(len);
    vault__v1__batch_put_request__pack(&put, at);
    return bytes_of(at, len);
}

static void prepare_puts(void)
{
    if (app.puts) return;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *names[GENERATOR_CORE_FIELDS];
    for (unsigned f = 1; f <= GENERATOR_CORE_FIELDS; f++) names[f - 1] = (char *)(uintptr_t)generator_field_name(f);
    mask.n_paths = GENERATOR_CORE_FIELDS;
    mask.paths = names;
    app.put_calls = (app.residents + PUT_ITEMS - 1) / PUT_ITEMS;
    app.puts = memory_array(app.put_calls, sizeof *app.puts);
    put_memory *m = memory_new(sizeof *m);
    for (size_t i = 0; i < app.put_calls; i++) app.puts[i] = pack_put(m, i * PUT_ITEMS, &mask);
    memory_free(m, sizeof *m);
}

/* ---- driving ---- */

static bool start(lane *l, slot *s)
{
    bytes request;
    if (!l->job->fixed && atomic_load_explicit(&l->job->window.until, memory_order_relaxed)) return false;
    if (!l->job->kind->request(l, s, &request)) return false;
    s->began = clock_monotonic_us();
    const client_call next = {.method = l->job->kind->method, .request = request, .timeout_ms = TIMEOUT_MS, .tag = s};
    client_start(l->client, &next);
    return true;
}

static void take(lane *l, completion *done)
{
    slot *s = done->tag;
    int64_t took = clock_monotonic_us() - s->began;
    if (done->outcome.code != CODE_OK)
        die("%s: %s %s %s %s", l->job->kind->method, outcome_name(done->outcome.code), done->outcome.message,
            done->outcome.reason, done->outcome.clause);
    uint64_t units = l->job->kind->reply(l, s, done->reply);
    if (window_counts(&l->job->window)) samples_add(&l->samples, took, units);
    completion_clear(done);
}

static void *drive(void *argument)
{
    lane *l = argument;
    size_t flying = 0;
    for (size_t i = 0; i < l->flight; i++) flying += start(l, &l->slots[i]);
    while (flying) {
        completion done = {0};
        if (!client_next(l->client, &done, TIMEOUT_MS)) die("no reply within a minute");
        slot *s = done.tag;
        take(l, &done);
        flying -= !start(l, s);
    }
    return NULL;
}

static void run(job *j, size_t flight, double seconds)
{
    samples all = {0};
    size_t lanes = flight < app.lane_count ? flight : app.lane_count;
    if (flight > lanes * FLIGHT_MAX) die("too many in flight");
    if (j->fixed) window_open(&j->window);
    for (size_t i = 0; i < lanes; i++) {
        lane *l = app.lanes[i];
        l->job = j;
        l->flight = flight / lanes + (i < flight % lanes);
        if (pthread_create(&l->thread, NULL, drive, l) != 0) die("no thread");
    }
    if (!j->fixed) window_run(&j->window, seconds);
    for (size_t i = 0; i < lanes; i++) pthread_join(app.lanes[i]->thread, NULL);
    if (j->fixed) window_shut(&j->window);
    for (size_t i = 0; i < lanes; i++) {
        samples_merge(&all, &app.lanes[i]->samples);
        samples_clear(&app.lanes[i]->samples);
    }
    window_report(&j->window, &all);
    samples_clear(&all);
}

static void obey(const command *c)
{
    job j = {0};
    bool counted = c->count > 0 && strncmp(c->words[0], "counted", 7) == 0; /* for the purpose that has a budget */
    purpose_now = counted ? "bench/counted" : "bench";
    if (command_is(c, "put", 2)) {
        prepare_puts();
        j.kind = &PUT, j.fixed = true;
        run(&j, (size_t)command_number(c, 1), 0);
    } else if (command_is(c, "issue", 2)) {
        j.kind = &ISSUE, j.fixed = true;
        run(&j, (size_t)command_number(c, 1), 0);
    } else if (command_is(c, "health", 3) || command_is(c, "reveal", 3) || command_is(c, "counted", 3) ||
               command_is(c, "reveal-bare", 3)) {
        j.bare = strcmp(c->words[0], "reveal-bare") == 0;
        j.kind = c->words[0][0] == 'h' ? &HEALTH : &REVEAL;
        run(&j, (size_t)command_number(c, 1), command_seconds(c, 2));
    } else if (command_is(c, "reveal-batch", 4) || command_is(c, "counted-batch", 4) ||
               command_is(c, "issue-batch", 4)) {
        j.kind = c->words[0][0] == 'i' ? &ISSUE_BATCH : &BATCH;
        j.items = (size_t)command_number(c, 1);
        if (j.items < 1 || j.items > BATCH_MOST) die("1 to %d items", BATCH_MOST);
        run(&j, (size_t)command_number(c, 2), command_seconds(c, 3));
    } else if (command_is(c, "search", 4) && query_named(&j.query, c->words[1])) {
        j.kind = &SEARCH;
        run(&j, (size_t)command_number(c, 2), command_seconds(c, 3));
    } else {
        die("bench-load: what is '%s'?", c->count ? c->words[0] : "");
    }
}

/* ---- start ---- */

/* As vaultd does for itself: Debian's absl looks for deadlocks at every lock. A lighter client leaves more to the
 * server. */
static void calm_absl(void)
{
    void *found = dlsym(RTLD_DEFAULT, "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE");
    void (*set_mode)(int);
    memcpy(&set_mode, &found, sizeof set_mode);
    if (found) set_mode(0);
}

static lane *lane_new(size_t index)
{
    vault_error err = {0};
    lane *l = memory_new(sizeof *l);
    const client_options o = {.server = app.server, .ca = app.ca, .cert = app.cert, .key = app.key};
    must(client_open(&l->client, &o, &err), &err, "client_open");
    l->room = memory_new(REQUEST_ROOM);
    l->random = 1 + index;
    for (size_t i = 0; i < FLIGHT_MAX; i++) l->slots[i].of = l;
    return l;
}

int main(int argc, char **argv)
{
    (void)argc;
    command c;
    app.server = option(argv, "--server");
    app.ca = option(argv, "--ca");
    app.cert = option(argv, "--cert");
    app.key = option(argv, "--key");
    app.residents = strtoul(option(argv, "--residents"), NULL, 10);
    app.lane_count = strtoul(option(argv, "--connections"), NULL, 10);
    if (!app.residents || app.lane_count < 1 || app.lane_count > LANES_MAX) die("bench-load: bad numbers");
    app.people = generator_new(1);
    app.tokens = memory_array(app.residents, sizeof *app.tokens);
    app.numbers = memory_array(app.residents, sizeof *app.numbers);
    client_silence();
    calm_absl();
    for (size_t i = 0; i < app.lane_count; i++) app.lanes[i] = lane_new(i);
    while (command_read(&c)) obey(&c);
    return 0;
}
