#include "vault/cli/import.h"

#include "vault/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART_MEMORY = 96 << 20, PART_KEPT = 16 << 20, WAIT_MS = 200, PAUSE_FIRST_MS = 250, PAUSE_MOST_MS = 5000 };

/* ---- signals ---- */

static volatile sig_atomic_t stops; /* SIGINT and SIGTERM so far */

static void on_stop(int number)
{
    (void)number;
    stops++;
}

static void catch_stops(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- calls ---- */

/* A part on its way: what came back of each of its calls. */
typedef enum stage { TO_SEND, IN_FLIGHT, ANSWERED } stage;
typedef struct shipment {
    part part;
    bool read;
    struct {
        stage stage;
        Vault__V1__ImportResponse *reply;
    } calls[PART_CALLS];
} shipment;

/* The part whose answers are awaited, and the next one, whose first call leaves when the first one of this has been
 * answered, and so on: a resident is in the same call of every part, and so the rows of each go in in their order. */
typedef struct lanes {
    sending *s;
    shipment at[2];
    size_t now;
    size_t in_flight;
    bool cancelled;
    vault_error ahead; /* why the next part could not be read */
    outcome failed;    /* of the first call that failed; then no other one leaves */
    progress shown;
} lanes;

static shipment *this_part(lanes *l)
{
    return &l->at[l->now];
}

static shipment *next_part(lanes *l)
{
    return &l->at[1 - l->now];
}

static bool may_leave(lanes *l, const shipment *of, size_t call)
{
    bool first = of == this_part(l) || this_part(l)->calls[call].stage == ANSWERED;
    return of->read && of->calls[call].stage == TO_SEND && first && l->failed.code == CODE_OK && stops == 0;
}

static bool start(lanes *l, shipment *of, size_t call)
{
    const sending *s = l->s;
    const part_call *c = &of->part.calls[call];
    of->calls[call].stage = c->count > 0 ? IN_FLIGHT : ANSWERED;
    if (c->count == 0) return true;
    if (!part_pack(&of->part, &s->plan, call)) return of->calls[call].stage = TO_SEND, false;
    client_start(s->plan.ctl->client, &(client_call){.method = "/vault.v1.Records/Import",
                                                     .request = c->messages[0],
                                                     .timeout_ms = s->timeout_ms,
                                                     .tag = &of->calls[call],
                                                     .more = c->messages + 1,
                                                     .more_count = c->message_count - 1});
    l->in_flight++;
    return true;
}

/* Starts all that may leave. */
static bool start_all(lanes *l)
{
    shipment *const parts[] = {this_part(l), next_part(l)};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < PART_CALLS; i++)
            if (may_leave(l, parts[p], i) && !start(l, parts[p], i)) return false;
    return true;
}

static shipment *shipment_of(lanes *l, const void *tag, size_t *call)
{
    for (size_t p = 0; p < 2; p++)
        for (*call = 0; *call < PART_CALLS; ++*call)
            if (&l->at[p].calls[*call] == tag) return &l->at[p];
    abort();
}

/* Keeps the reply of a call that has ended well; it is sent again otherwise. */
static void take(lanes *l, const completion *done)
{
    size_t call;
    shipment *of = shipment_of(l, done->tag, &call);
    outcome end = done->outcome;
    Vault__V1__ImportResponse **reply = &of->calls[call].reply;
    if (end.code == CODE_OK && !(*reply = vault__v1__import_response__unpack(NULL, done->reply.len, done->reply.at)))
        end = (outcome){.code = CODE_UNKNOWN, .message = "the reply is not of the type that was asked for"};
    of->calls[call].stage = end.code == CODE_OK ? ANSWERED : TO_SEND;
    if (l->failed.code == CODE_OK) l->failed = end;
    l->in_flight--;
}

/* Until a call has ended. A second signal drops what is in flight. */
static void wait_for_one(lanes *l)
{
    client *c = l->s->plan.ctl->client;
    for (;;) {
        VAULT_CLEANUP(completion_clear) completion done = {0};
        if (client_next(c, &done, WAIT_MS)) {
            take(l, &done);
            return;
        }
        if (stops > 1 && !l->cancelled) client_cancel(c);
        l->cancelled = stops > 1;
    }
}

static bool is_answered(const shipment *of)
{
    for (size_t i = 0; i < PART_CALLS; i++)
        if (of->calls[i].stage != ANSWERED) return false;
    return true;
}

static void shipment_empty(shipment *of)
{
    for (size_t i = 0; i < PART_CALLS; i++)
        if (of->calls[i].reply) vault__v1__import_response__free_unpacked(of->calls[i].reply, NULL);
    *of = (shipment){.part.mem = of->part.mem};
}

/* A part may be sent again as often as one likes: the vault knows its request id. */
static bool may_pass(int code)
{
    return code == CODE_UNAVAILABLE || code == CODE_RESOURCE_EXHAUSTED || code == CODE_DEADLINE_EXCEEDED;
}

/* A connection that comes back ends the pause. */
static void rest(const sending *s, int pause_ms)
{
    int64_t until = clock_monotonic_us() + (int64_t)pause_ms * 1000;
    while (stops == 0 && clock_monotonic_us() < until) {
        if (client_rest(s->plan.ctl->client, pause_ms < WAIT_MS ? pause_ms : WAIT_MS)) return;
    }
}

typedef struct patience {
    int64_t until_us;
    int pause_ms;
} patience;

/* Waits before the next try, and says so; false when patience is at its end. */
static bool be_patient(const sending *s, patience *left, const outcome *why)
{
    int64_t now = clock_monotonic_us();
    if (!may_pass(why->code) || stops > 0) return false;
    if (left->until_us == 0) left->until_us = now + s->patience_us;
    int pause = left->pause_ms ? left->pause_ms : PAUSE_FIRST_MS;
    if (pause < why->retry_ms) pause = why->retry_ms;
    if (now + (int64_t)pause * 1000 > left->until_us) return false;
    fprintf(stderr, "vaultctl: %s: %s; again in %.2g s\n", outcome_name(why->code), why->message, pause / 1000.0);
    left->pause_ms = pause < PAUSE_MOST_MS / 2 ? 2 * pause : PAUSE_MOST_MS;
    rest(s, pause);
    return stops == 0;
}

/* ---- parts ---- */

static ctl_exit failed(const vault_error *err)
{
    say_error(err);
    return err->code == VAULT_INVALID ? CTL_INVALID : CTL_FAILED;
}

/* Reads the next part, once. What goes wrong (in l->ahead) is told when its turn comes. */
static void read_ahead(lanes *l)
{
    shipment *next = next_part(l);
    if (next->read || l->ahead.code != VAULT_OK || stops > 0) return;
    next->read = part_read(&next->part, &l->s->plan, this_part(l)->part.number + 1, &l->ahead) == VAULT_OK;
}

static vault_code keep(const sending *s, const part *p, vault_error *err)
{
    import_state *state = s->state;
    VAULT_TRY(rejects_flush(s->books.rejects, err));
    state->parts = p->number;
    state->offset = p->offset;
    state->line = p->line;
    state->rejects_len = s->books.rejects->len;
    return s->state_path ? state_write(state, s->state_path, err) : VAULT_OK;
}

static ctl_exit acknowledge(lanes *l)
{
    vault_error err = {0};
    sending *s = l->s;
    shipment *done = this_part(l);
    Vault__V1__ImportResponse *replies[PART_CALLS];
    for (size_t i = 0; i < PART_CALLS; i++) replies[i] = done->calls[i].reply;
    if (part_account(&done->part, &s->plan, replies, &s->books, &err) != VAULT_OK) return failed(&err);
    if (keep(s, &done->part, &err) != VAULT_OK) return failed(&err);
    progress_say(&l->shown, s->state);
    return CTL_OK;
}

/* Sends what may leave until all of this part is answered, or a call has failed and none is in flight any more. */
static bool send_once(lanes *l)
{
    l->failed = (outcome){.code = CODE_OK};
    if (!start_all(l)) return false;
    read_ahead(l);
    if (!start_all(l)) return false;
    while (l->in_flight > 0 && (l->failed.code != CODE_OK || !is_answered(this_part(l)))) {
        wait_for_one(l);
        if (!start_all(l)) return false;
    }
    return true;
}

/* Sends the part until all of it is acknowledged. */
static ctl_exit deliver(lanes *l)
{
    patience left = {0};
    do {
        if (!send_once(l)) return CTL_FAILED;
        if (is_answered(this_part(l))) return acknowledge(l);
    } while (be_patient(l->s, &left, &l->failed));
    if (stops > 0) return CTL_INCOMPLETE;
    progress_end(&l->shown);
    say_outcome(l->s->plan.ctl, NULL, &l->failed);
    return exit_of(l->failed.code);
}

/* The next part is this part from now on. */
static ctl_exit go_to_next(lanes *l)
{
    read_ahead(l);
    if (!next_part(l)->read) return l->ahead.code != VAULT_OK ? failed(&l->ahead) : CTL_INCOMPLETE;
    shipment_empty(this_part(l));
    l->now = 1 - l->now;
    return CTL_OK;
}

static ctl_exit run_lanes(lanes *l)
{
    vault_error err = {0};
    shipment *first = this_part(l);
    ctl_exit end = CTL_OK;
    if (part_read(&first->part, &l->s->plan, l->s->state->parts + 1, &err) != VAULT_OK) return failed(&err);
    first->read = true;
    while (end == CTL_OK && this_part(l)->part.count > 0) {
        if (stops > 0) return CTL_INCOMPLETE;
        end = deliver(l);
        if (end == CTL_OK) end = stops > 0 ? CTL_INCOMPLETE : go_to_next(l);
    }
    return end;
}

/* What is still in flight is answered again when the import goes on. */
static void lanes_end(lanes *l)
{
    while (l->in_flight > 0) wait_for_one(l);
    for (size_t p = 0; p < 2; p++) {
        shipment_empty(&l->at[p]);
        arena_free(&l->at[p].part.mem);
    }
}

ctl_exit send_parts(sending *s)
{
    VAULT_CLEANUP(lanes_end) lanes l = {.s = s};
    for (size_t p = 0; p < 2; p++) {
        if (!(l.at[p].part.mem = arena_new(PART_MEMORY))) abort();
        arena_keep(l.at[p].part.mem, PART_KEPT);
    }
    catch_stops();
    l.shown = progress_start(s->plan.ctl, s->state, s->plan.from);
    ctl_exit end = run_lanes(&l);
    progress_end(&l.shown);
    return end;
}
