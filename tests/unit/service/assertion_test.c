/* Acting persons: an assertion is used up by the one call that it came with, and by no other. */
#include "tests/unit/service/jwt.h"

#include <pthread.h>

static request *reveal_religion(const char *assertion)
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = "elder-care",
                        .in = &reveal_of(token, MASK("religion"))->base,
                        .assertion = assertion});
}

TEST("a rule for persons opens to a person, and not to the app alone")
{
    expect_outcome(reveal_religion(NULL), VAULT_DENIED, "acting");
    expect_outcome(reveal_religion(assertion_of(&(claims){0})), VAULT_OK, NULL);
    fixture_reset();
}

TEST("an assertion that does not hold is refused with its reason and a line, and nothing is revealed")
{
    cjose_err error;
    cjose_jwk_t *stranger = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    const struct {
        claims is;
        const char *reason;
    } bad[] = {{{.aud = "resident-vault/other"}, "ASSERTION_AUDIENCE"},
               {{.azp = "clinic"}, "ASSERTION_APP"},
               {{.iss = "health"}, "ASSERTION_APP"},
               {{.purpose = "family-doctor"}, "ASSERTION_PURPOSE"},
               {{.purpose = "elder-care/visit"}, "ASSERTION_PURPOSE"},
               {{.sub = "nobody"}, "ASSERTION_PERSON"},
               {{.sub = "doctor-zheng"}, "ASSERTION_PERSON"},
               {{.kid = "civil-2"}, "ASSERTION_SIGNATURE"},
               {{.alg = "none"}, "ASSERTION_SIGNATURE"},
               {{.alg = "HS256"}, "ASSERTION_SIGNATURE"},
               {{.key = stranger}, "ASSERTION_SIGNATURE"},
               {{.issued_s = 120}, "ASSERTION_NOT_YET"},
               {{.issued_s = -600}, "ASSERTION_EXPIRED"},
               {{.lasting_s = 901}, "ASSERTION_TOO_LONG"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t before = lines_in_log();
        request *rq = reveal_religion(assertion_of(&bad[i].is));
        expect_outcome(rq, VAULT_UNAUTHENTICATED, bad[i].reason);
        assert_null(rq->out);
        assert_int_equal(lines_in_log(), before + 2); /* the token's, and the refusal's */
        fixture_reset();
    }
    expect_outcome(reveal_religion("garbage"), VAULT_UNAUTHENTICATED, "ASSERTION_MALFORMED");
    cjose_jwk_release(stranger);
    fixture_reset();
}

TEST("an assertion passes once, also after the service was started anew")
{
    char kept[4096];
    snprintf(kept, sizeof kept, "%s", assertion_of(&(claims){0}));
    expect_outcome(reveal_religion(kept), VAULT_OK, NULL);
    expect_outcome(reveal_religion(kept), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_restart();
    expect_outcome(reveal_religion(kept), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("the same id in another assertion is a replay all the same")
{
    expect_outcome(reveal_religion(assertion_of(&(claims){.jti = "same"})), VAULT_OK, NULL);
    expect_outcome(reveal_religion(assertion_of(&(claims){.jti = "same", .sub = "grid-qian"})), VAULT_UNAUTHENTICATED,
                   "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("an assertion is used up by a call that is refused, too")
{
    const char *said = assertion_of(&(claims){0});
    expect_outcome(ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                                .uri = ELDERCARE,
                                .purpose = "elder-care",
                                .in = &reveal_of("rv1nonsense", MASK("religion"))->base,
                                .assertion = said}),
                   VAULT_INVALID, "TOKEN_MALFORMED");
    expect_outcome(reveal_religion(said), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("within one batch of calls the first one has the assertion, and each other its own")
{
    enum { CALLS = 6 };
    asked calls[CALLS];
    request *out[CALLS];
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0)), *same = assertion_of(&(claims){0});
    for (size_t i = 0; i < CALLS; i++) {
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = ELDERCARE,
                           .purpose = "elder-care",
                           .in = &reveal_of(token, MASK("religion"))->base,
                           .assertion = i % 2 ? same : assertion_of(&(claims){0})};
    }
    ask_many(calls, out, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        bool replayed = i % 2 && i > 1;
        expect_outcome(out[i], replayed ? VAULT_UNAUTHENTICATED : VAULT_OK, replayed ? "ASSERTION_REPLAYED" : NULL);
    }
    fixture_reset();
}

/* ---- two workers ---- */

enum { WORKERS = 4 };

static struct worker {
    session *own;
    arena *mem;
    Vault__V1__RequestContext context;
    Vault__V1__RevealRequest in;
    request rq;
} workers[WORKERS];
static pthread_barrier_t start;

static void *work(void *at)
{
    struct worker *w = at;
    request *one = &w->rq;
    size_t count;
    const method *rows = service_methods(&count);
    while (strcmp(rows->path, "/vault.v1.Tokens/Reveal") != 0) rows++;
    pthread_barrier_wait(&start);
    service_run(w->own, rows, &one, 1);
    return NULL;
}

TEST("of workers that have the same assertion at the same moment one reveals")
{
    static const char *uris[] = {ELDERCARE, NULL};
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    vault_error err = {0};
    for (size_t i = 0; i < WORKERS; i++) {
        expect_ok(session_open(&workers[i].own, fixture_service(), &err), &err);
        workers[i].mem = arena_new(16 << 20);
    }
    pthread_barrier_init(&start, NULL, WORKERS);
    for (int round = 0; round < 10; round++) {
        pthread_t threads[WORKERS];
        size_t revealed_by = 0;
        const char *same = assertion_of(&(claims){0});
        for (size_t i = 0; i < WORKERS; i++) {
            struct worker *w = &workers[i];
            vault__v1__request_context__init(&w->context);
            w->context.purpose = (char *)(uintptr_t) "elder-care";
            w->context.ticket = (char *)(uintptr_t) "case";
            w->context.request_id = (char *)(uintptr_t) "id";
            w->context.assertion = (char *)(uintptr_t)same;
            w->in = *reveal_of(token, MASK("religion"));
            w->in.context = &w->context;
            w->rq = (request){.mem = w->mem,
                              .kept = w->mem,
                              .uris = uris,
                              .certificate = sha256(bytes_of_text(ELDERCARE)),
                              .in = &w->in.base};
            pthread_create(&threads[i], NULL, work, w);
        }
        for (size_t i = 0; i < WORKERS; i++) {
            pthread_join(threads[i], NULL);
            revealed_by += workers[i].rq.err.code == VAULT_OK;
            if (workers[i].rq.err.code != VAULT_OK)
                expect_outcome(&workers[i].rq, VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
        }
        assert_int_equal(revealed_by, 1);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        session_close(&workers[i].own);
        arena_free(&workers[i].mem);
    }
    pthread_barrier_destroy(&start);
    fixture_reset();
}

TEST("the line names the person")
{
    expect_outcome(reveal_religion(assertion_of(&(claims){.sub = "grid-sun"})), VAULT_OK, NULL);
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.person = (char *)(uintptr_t) "grid-sun";
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_lines, 1);
    assert_non_null(strstr(out->lines[0]->officer_view, "\"person\":\"grid-sun\""));
    assert_string_equal(out->lines[0]->outcome, "granted");
    assert_true(out->lines[0]->consistent);
    fixture_reset();
}
