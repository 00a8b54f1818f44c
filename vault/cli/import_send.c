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

/* ---- the calls of a part ---- */

/* What came back of each; a call without rows is not made. */
typedef struct replies {
    Vault__V1__ImportResponse *at[PART_CALLS];
} replies;

static void replies_free(replies *r)
{
    for (size_t i = 0; i < PART_CALLS; i++) {
        if (r->at[i]) vault__v1__import_response__free_unpacked(r->at[i], NULL);
        r->at[i] = NULL;
    }
}

/* Starts the calls that have no answer yet. */
static bool start(const sending *s, part *p, replies *r, size_t *in_flight)
{
    *in_flight = 0;
    for (size_t i = 0; i < PART_CALLS; i++) {
        part_call *call = &p->calls[i];
        if (call->count == 0 || r->at[i]) continue;
        if (!part_pack(p, &s->plan, i)) return false;
        client_start(s->plan.ctl->client, &(client_call){.method = "/vault.v1.Records/Import",
                                                         .request = call->messages[0],
                                                         .timeout_ms = s->timeout_ms,
                                                         .tag = &r->at[i],
                                                         .more = call->messages + 1,
                                                         .more_count = call->message_count - 1});
        ++*in_flight;
    }
    return true;
}

/* Keeps the reply of a call that has ended well; else *end says how it ended. */
static void take(const completion *done, outcome *end)
{
    Vault__V1__ImportResponse **at = done->tag;
    if (done->outcome.code != CODE_OK) {
        *end = done->outcome;
        return;
    }
    *at = vault__v1__import_response__unpack(NULL, done->reply.len, done->reply.at);
    if (!*at) *end = (outcome){.code = CODE_UNKNOWN, .message = "the reply is not of the type that was asked for"};
}

/* Until all have ended. A second signal drops them. */
static void wait_for(const sending *s, size_t in_flight, outcome *end)
{
    client *c = s->plan.ctl->client;
    *end = (outcome){.code = CODE_OK};
    for (bool cancelled = false; in_flight > 0;) {
        VAULT_CLEANUP(completion_clear) completion done = {0};
        if (client_next(c, &done, WAIT_MS)) {
            take(&done, end);
            in_flight--;
        } else if (stops > 1 && !cancelled) {
            client_cancel(c);
            cancelled = true;
        }
    }
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

typedef struct lane {
    sending *s;
    part now, next;
    bool has_next;
    vault_error ahead; /* why the next part could not be read */
    progress shown;
} lane;

static ctl_exit failed(const vault_error *err)
{
    say_error(err);
    return err->code == VAULT_INVALID ? CTL_INVALID : CTL_FAILED;
}

/* Reads the next part, once. What goes wrong (in l->ahead) is told when its turn comes. */
static void read_ahead(lane *l)
{
    if (l->has_next || l->ahead.code != VAULT_OK || stops > 0) return;
    l->has_next = part_read(&l->next, &l->s->plan, l->now.number + 1, &l->ahead) == VAULT_OK;
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

static ctl_exit acknowledge(lane *l, const replies *said)
{
    vault_error err = {0};
    sending *s = l->s;
    if (part_account(&l->now, &s->plan, said->at, &s->books, &err) != VAULT_OK) return failed(&err);
    if (keep(s, &l->now, &err) != VAULT_OK) return failed(&err);
    progress_say(&l->shown, s->state);
    return CTL_OK;
}

/* Sends the part until all of it is acknowledged. */
static ctl_exit deliver(lane *l)
{
    sending *s = l->s;
    patience left = {0};
    outcome end;
    size_t in_flight;
    VAULT_CLEANUP(replies_free) replies said = {0};
    do {
        if (!start(s, &l->now, &said, &in_flight)) return CTL_FAILED;
        read_ahead(l);
        wait_for(s, in_flight, &end);
    } while (end.code != CODE_OK && be_patient(s, &left, &end));
    if (end.code == CODE_OK) return acknowledge(l, &said);
    if (stops > 0) return CTL_INCOMPLETE;
    progress_end(&l->shown);
    say_outcome(s->plan.ctl, NULL, &end);
    return exit_of(end.code);
}

static ctl_exit swap(lane *l)
{
    const part done = l->now;
    read_ahead(l);
    if (!l->has_next) return l->ahead.code != VAULT_OK ? failed(&l->ahead) : CTL_INCOMPLETE;
    l->now = l->next;
    l->next = (part){.mem = done.mem};
    l->has_next = false;
    return CTL_OK;
}

static ctl_exit run_lane(lane *l)
{
    vault_error err = {0};
    ctl_exit end = CTL_OK;
    if (part_read(&l->now, &l->s->plan, l->s->state->parts + 1, &err) != VAULT_OK) return failed(&err);
    while (end == CTL_OK && l->now.count > 0) {
        if (stops > 0) return CTL_INCOMPLETE;
        end = deliver(l);
        if (end == CTL_OK && stops == 0)
            end = swap(l);
        else if (end == CTL_OK)
            end = CTL_INCOMPLETE;
    }
    return end;
}

ctl_exit send_parts(sending *s)
{
    VAULT_CLEANUP(arena_free) arena *one = arena_new(PART_MEMORY);
    VAULT_CLEANUP(arena_free) arena *other = arena_new(PART_MEMORY);
    if (!one || !other) abort();
    arena_keep(one, PART_KEPT);
    arena_keep(other, PART_KEPT);
    lane l = {.s = s, .now = {.mem = one}, .next = {.mem = other}};
    catch_stops();
    l.shown = progress_start(s->plan.ctl, s->state, s->plan.from);
    ctl_exit end = run_lane(&l);
    progress_end(&l.shown);
    return end;
}
