/* Sealing while everybody works: on every worker at once, between batches, and without an answer that is half of one.
 */
#include "tests/unit/service/sealed.h"

#include "vault/service/internal.h"

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

enum { WORKERS = 6, ROUNDS = 8 };

typedef struct worker {
    pthread_t thread;
    session *own;
    arena *mem;
    const char *token;
    atomic_bool *stop;
    atomic_uint revealed, sealed;
    unsigned other;
} worker;

static request *make_reveal(worker *w)
{
    static const char *const uris[] = {ELDERCARE, NULL};
    static char *paths[] = {(char *)(uintptr_t) "name"};
    request *rq = arena_alloc(w->mem, sizeof *rq);
    Vault__V1__RevealRequest *in = arena_alloc(w->mem, sizeof *in);
    Vault__V1__RequestContext *context = arena_alloc(w->mem, sizeof *context);
    Google__Protobuf__FieldMask *fields = arena_alloc(w->mem, sizeof *fields);
    vault__v1__reveal_request__init(in);
    vault__v1__request_context__init(context);
    google__protobuf__field_mask__init(fields);
    context->purpose = (char *)(uintptr_t) "elder-care";
    context->ticket = (char *)(uintptr_t) "visit";
    context->request_id = (char *)(uintptr_t) "thread";
    fields->n_paths = 1;
    fields->paths = paths;
    in->context = context;
    in->token = (char *)(uintptr_t)w->token;
    in->field_mask = fields;
    *rq = (request){.mem = w->mem,
                    .kept = w->mem,
                    .uris = uris,
                    .certificate = sha256(bytes_of_text(ELDERCARE)),
                    .in = &in->base,
                    .deadline_us = INT64_MAX};
    return rq;
}

static void *work(void *at)
{
    worker *w = at;
    const method *m = method_at("/vault.v1.Tokens/Reveal");
    while (!atomic_load(w->stop)) {
        request *rq = make_reveal(w);
        service_run(w->own, m, &rq, 1);
        bool is_sealed = rq->err.code == VAULT_UNAVAILABLE && rq->err.reason && !strcmp(rq->err.reason, "SEALED");
        w->revealed += rq->err.code == VAULT_OK && rq->out;
        w->sealed += is_sealed;
        w->other += rq->err.code != VAULT_OK && !is_sealed;
        arena_reset(w->mem);
    }
    return NULL;
}

static void start(worker *workers, const char *text, atomic_bool *stop)
{
    vault_error err = {0};
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.mem = arena_new(64 << 20), .token = text, .stop = stop};
        expect_ok(session_open(&workers[i].own, fixture_service(), &err), &err);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static bool some_revealed(const worker *workers)
{
    unsigned sum = 0;
    for (size_t i = 0; i < WORKERS; i++) sum += atomic_load(&workers[i].revealed);
    return sum > 0;
}

static bool some_sealed(const worker *workers)
{
    unsigned sum = 0;
    for (size_t i = 0; i < WORKERS; i++) sum += atomic_load(&workers[i].sealed);
    return sum > 0;
}

/* On a busy machine the workers may have stood still all the time until now. */
static void expect_soon(bool (*holds)(const worker *), const worker *workers)
{
    for (int i = 0; i < 60000 && !holds(workers); i++) usleep(1000);
    assert_true(holds(workers));
}

/* No session has a key, and the rooms are gone. */
static void expect_no_keys(service *s)
{
    pthread_rwlock_wrlock(&s->life);
    assert_null(s->control);
    assert_null(s->ledger);
    for (const session *w = s->sessions; w; w = w->next) assert_true(!w->rings && !w->cabinet && !w->scribe);
    pthread_rwlock_unlock(&s->life);
}

TEST("a seal takes the keys from every worker at once; each call is answered whole or with SEALED")
{
    worker workers[WORKERS];
    atomic_bool stop = false;
    char text[128];
    snprintf(text, sizeof text, "%s", token_for(ELDERCARE, "elder-care", resident_in_street(0)));
    start(workers, text, &stop);
    for (int round = 0; round < ROUNDS; round++) {
        expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
        expect_no_keys(fixture_service());
        if (round + 1 == ROUNDS) expect_soon(some_sealed, workers);
        unseal_whole(NULL);
        fixture_reset();
    }
    expect_soon(some_revealed, workers);
    atomic_store(&stop, true);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        session_close(&workers[i].own);
        arena_free(&workers[i].mem);
        assert_int_equal(workers[i].other, 0);
    }
    expect_outcome(reveal(ELDERCARE, "elder-care", text, MASK("name")), VAULT_OK, NULL);
    fixture_reset();
}
