/* Rotation as administrators ask for it: states, jobs, lines, and who may not. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"

#include <pthread.h>

static const Vault__V1__Job *only_job(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RotateResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_jobs, 1);
    return out->jobs[0];
}

TEST("a ring is rotated by an administrator alone, and the new version is the active one")
{
    const Vault__V1__RotateResponse *out = rotated("term/name");
    assert_int_equal(out->n_rings, 1);
    assert_string_equal(out->rings[0]->name, "rings/term/name/versions/2");
    assert_string_equal(out->rings[0]->state, "active");
    assert_string_equal(out->rings[0]->suite, "intl");
    assert_int_equal(out->n_jobs, 1);
    assert_string_equal(out->jobs[0]->kind, "rewrite");
    assert_string_equal(out->jobs[0]->ring, "term/name");
    assert_int_equal(out->jobs[0]->version, 2);
    assert_int_equal(out->jobs[0]->total, FIXTURE_RESIDENTS);
    expect_ring("term/name", 1, "retiring");
    expect_ring("term/name", 2, "active");
    wait_for_job(out->jobs[0]->name, "done");
}

TEST("each ring has the job that brings over what is stored under it, and what was stored is read as before")
{
    static const struct {
        const char *of, *kind;
    } jobs[] = {{"record", "rewrap"}, {"natural", "rewrite"}, {"control", "control"}};
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        const Vault__V1__Job *job = only_job(rotate(jobs[i].of));
        assert_string_equal(job->kind, jobs[i].kind);
        wait_for_job(job->name, "done");
        const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
        expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
    }
    const Vault__V1__Job *job =
        only_job(rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"record"}, .reseal = true}));
    assert_string_equal(job->kind, "reseal");
    wait_for_job(job->name, "done");
}

TEST("a rotation is a line for each ring: who, why, which version, which suite")
{
    int64_t since = clock_now_us();
    request *rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"term/phone", "record"}, .suite = "gm"});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RotateResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_jobs, 2);
    assert_string_equal(out->jobs[1]->kind, "reseal"); /* another suite: values, too */
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"change\":\"rotate\""), 2);
    assert_int_equal(occurrences(views, "\"ring\":\"term/phone\""), 1);
    assert_non_null(strstr(views, "\"app\":\"admin-li\""));
    assert_non_null(strstr(views, "\"ticket\""));
    assert_non_null(strstr(views, "\"ringversion\":2"));
    assert_non_null(strstr(views, "\"suite\":\"gm\""));
    assert_string_equal(out->rings[1]->suite, "gm");
    for (size_t i = 0; i < 2; i++) wait_for_job(out->jobs[i]->name, "done");
    assert_int_equal(occurrences(views_since(since), "\"change\":\"rotated\""), 2);
}

static void without_first_rule(json_t *of)
{
    json_array_remove(json_object_get(of, "rules"), 0);
}

TEST("after the control ring's rotation no manifest or document is under the old version, and history still proves")
{
    uint32_t before = 0;
    while (strcmp(ring_now("control", before + 1)->state, "active") != 0) before++;
    wait_for_job(only_job(rotate("control"))->name, "done");
    assert_string_equal(pg_sql("SELECT count(*) FROM (SELECT sealed FROM control UNION ALL SELECT sealed FROM"
                               " control_document UNION ALL SELECT sealed FROM control_archive) AS a"
                               " WHERE substr(sealed, 1, 4) <> int4send(%u)",
                               before + 2),
                        "0");
    (void)proposed(ADMINISTRATOR, "policy", without_first_rule); /* and control goes on */
}

static char *a_token_ring(void)
{
    return lend(pg_sql("SELECT min(name) FROM key_ring WHERE name LIKE 'token/%%'"));
}

TEST("a token ring has no job, but an end for the epoch before")
{
    const char *of = a_token_ring();
    int64_t end = clock_now_us() / 1000000 + 3600;
    expect_outcome(rotate(of), VAULT_INVALID, "BAD_END");
    request *rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {of}, .end_s = end});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__RotateResponse *)(const void *)rq->out)->n_jobs, 0);
    assert_int_equal(ring_now(of, 1)->end_time->seconds, end);
    assert_null(ring_now(of, 2)->end_time);
}

TEST("what cannot be rotated is refused with a reason, and nothing has changed")
{
    static const struct {
        rotate_wish wish;
        vault_code code;
        const char *reason;
    } bad[] = {{{.rings = {"rows"}}, VAULT_INVALID, "RING_FIXED"},
               {{.rings = {"term/none"}}, VAULT_INVALID, "RING_UNKNOWN"},
               {{.rings = {""}}, VAULT_INVALID, "RING_UNKNOWN"},
               {{.rings = {"record\"}"}}, VAULT_INVALID, "RING_UNKNOWN"},
               {{.rings = {"record", "record"}}, VAULT_INVALID, "RING_TWICE"},
               {{.rings = {NULL}}, VAULT_INVALID, "REQUIRED"},
               {{.rings = {"record"}, .suite = "GM"}, VAULT_INVALID, "SUITE_UNKNOWN"},
               {{.rings = {"natural"}, .reseal = true}, VAULT_INVALID, "RESEAL_OF_RECORD"},
               {{.rings = {"natural"}, .end_s = 4000000000}, VAULT_INVALID, "BAD_END"}};
    const Vault__V1__StatusResponse *before = key_status();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_outcome(rotate_as(NULL, ADMINISTRATOR, bad[i].wish), bad[i].code, bad[i].reason);
    const Vault__V1__StatusResponse *after = key_status();
    assert_int_equal(before->control_version, after->control_version);
    assert_int_equal(before->n_rings, after->n_rings);
}

TEST("neither officers nor apps rotate, pause or destroy; the refusal is a line")
{
    int64_t since = clock_now_us();
    static const char *const others[] = {OFFICER, ELDERCARE};
    for (size_t i = 0; i < 2; i++) {
        expect_outcome(rotate_as(NULL, others[i], (rotate_wish){.rings = {"record"}}), VAULT_DENIED, "role");
        expect_outcome(change_job(others[i], "jobs/1", "pause"), VAULT_DENIED, "role");
        expect_outcome(destroy_as(others[i], "record", 1, ""), VAULT_DENIED, "role");
    }
    assert_int_equal(occurrences(views_since(since), "\"outcome\":\"refused\""), 6);
    expect_outcome(progress_of(ELDERCARE, ""), VAULT_DENIED, "role");
    expect_outcome(certificate_as(ELDERCARE, "record", 1), VAULT_DENIED, "role");
}

TEST("who rotates reveals nothing: an administrator has no way to a value")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ADMINISTRATOR, "elder-care", token, MASK("name")), VAULT_DENIED, "role");
    wait_for_job(only_job(rotate("record"))->name, "done");
    expect_outcome(reveal(ADMINISTRATOR, "elder-care", token, MASK("name")), VAULT_DENIED, "role");
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
}

/* A job as another node left it when somebody paused it. */
static const char *given_paused_job(const char *of)
{
    pg_sql("INSERT INTO job (kind, ring, version, state, total, done, created, resumed, resumed_done, ended, finding)"
           " VALUES (2, '%s', 1, 2, 10, 3, 1, 1, 0, 0, '')",
           of);
    return lend(pg_sql("SELECT 'jobs/' || max(id) FROM job"));
}

TEST("a ring whose rotation has not ended is not rotated again; to cancel it is a line, and then it is")
{
    int64_t since = clock_now_us();
    const char *name = given_paused_job("term/birth_date");
    expect_outcome(rotate("term/birth_date"), VAULT_PRECONDITION, "ROTATION_OPEN");
    expect_ring("term/birth_date", 1, "active");
    expect_outcome(change_job(ADMINISTRATOR, name, "pause"), VAULT_PRECONDITION, "JOB_STATE");
    request *rq = change_job(ADMINISTRATOR, name, "cancel");
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Job *job = ((const Vault__V1__ChangeJobResponse *)(const void *)rq->out)->job;
    assert_string_equal(job->state, "cancelled");
    assert_int_equal(job->done, 3);
    expect_outcome(change_job(ADMINISTRATOR, name, "resume"), VAULT_PRECONDITION, "JOB_STATE");
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"change\":\"cancel_job\""), 1);
    assert_int_equal(occurrences(views, "\"clause\":\"ROTATION_OPEN\""), 1);
    assert_int_equal(occurrences(views, "\"clause\":\"JOB_STATE\""), 2);
    wait_for_job(only_job(rotate("term/birth_date"))->name, "done");
}

TEST("while a version of another suite has a key, a rotation of the record ring reseals: a change of suite may have "
     "been cancelled")
{
    const bool national =
        count_of(pg_sql("SELECT suite FROM key_ring WHERE name = 'record' AND state = 2")) == 2; /* SUITE_GM */
    const char *to = national ? "intl" : "gm";
    const Vault__V1__Job *first =
        only_job(rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"record"}, .suite = to}));
    (void)change_job(ADMINISTRATOR, first->name, "cancel"); /* or it is done already */
    const Vault__V1__Job *next = only_job(rotate("record"));
    assert_string_equal(next->kind, "reseal");
    wait_for_job(next->name, "done");
    assert_string_equal(
        pg_sql("SELECT count(*) FROM resident_key WHERE ring_version <> (SELECT max(version) FROM key_ring"
               " WHERE name = 'record')"),
        "0");
}

TEST("a paused job goes on when somebody resumes it")
{
    int64_t since = clock_now_us();
    wait_for_job(only_job(rotate("term/phone"))->name, "done");
    pg_sql("UPDATE resident SET made = made - 1 WHERE id = (SELECT min(id) FROM resident); UPDATE job SET state = 2 "
           "WHERE id = (SELECT max(id) FROM"
           " job)");
    const char *name = lend(pg_sql("SELECT 'jobs/' || max(id) FROM job"));
    expect_outcome(change_job(ADMINISTRATOR, name, "resume"), VAULT_OK, NULL);
    wait_for_job(name, "failed"); /* the row was edited, and does not open: the job says so */
    pg_sql("UPDATE resident SET made = made + 1 WHERE id = (SELECT min(id) FROM resident)");
    assert_int_equal(occurrences(views_since(since), "\"change\":\"resume_job\""), 1);
}

TEST("a job that is not there, or is not named as jobs are, is refused")
{
    static const char *const bad[] = {
        "jobs/", "jobs/0", "jobs/01", "jobs/-1", "job/1", "jobs/1x", "jobs/9999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        expect_outcome(progress_of(ADMINISTRATOR, bad[i]), VAULT_INVALID, "BAD_NAME");
        expect_outcome(change_job(ADMINISTRATOR, bad[i], "pause"), VAULT_INVALID, "BAD_NAME");
    }
    expect_outcome(progress_of(OFFICER, "jobs/999999"), VAULT_NOT_FOUND, "JOB_UNKNOWN");
    expect_outcome(change_job(ADMINISTRATOR, "jobs/999999", "pause"), VAULT_NOT_FOUND, "JOB_UNKNOWN");
    expect_outcome(change_job(ADMINISTRATOR, "jobs/1", "stop"), VAULT_INVALID, "BAD_VERB");
    expect_outcome(progress_of(OFFICER, ""), VAULT_OK, NULL);
}

/* ---- two at once ---- */

typedef struct racer {
    pthread_t thread;
    service *on;
    request *rq;
} racer;

static void *race(void *at)
{
    racer *r = at;
    session *own;
    vault_error err = {0};
    if (session_open(&own, r->on, &err) != VAULT_OK) abort();
    service_run(own, method_at("/vault.v1.Keys/Rotate"), &r->rq, 1);
    session_close(&own);
    return NULL;
}

static request *rotation_request(const char *which)
{
    NEW_REQUEST(in, Vault__V1__RotateRequest, vault__v1__rotate_request__init);
    in->rings = arena_array(fixture_memory(), 1, sizeof *in->rings);
    in->rings[in->n_rings++] = lend(which);
    request *rq = make_request(
        &(asked){.path = "/vault.v1.Keys/Rotate", .uri = ADMINISTRATOR, .purpose = "control", .in = &in->base});
    rq->mem = rq->kept = arena_new(1 << 20); /* each thread has its own */
    assert_non_null(rq->mem);
    return rq;
}

TEST("of rotations of one ring at once, on two nodes, one is carried out and the others find it open, or follow it")
{
    enum { RACERS = 4 };
    racer racers[RACERS];
    node other;
    node_open(&other);
    int64_t before = count_of(pg_sql("SELECT max(version) FROM key_ring WHERE name = 'term/phone'")), granted = 0;
    for (size_t i = 0; i < RACERS; i++)
        racers[i] = (racer){.on = i % 2 ? other.service : fixture_service(), .rq = rotation_request("term/phone")};
    for (size_t i = 0; i < RACERS; i++) pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    for (size_t i = 0; i < RACERS; i++) pthread_join(racers[i].thread, NULL);
    for (size_t i = 0; i < RACERS; i++) {
        granted += racers[i].rq->err.code == VAULT_OK;
        if (racers[i].rq->err.code == VAULT_OK || racers[i].rq->err.code == VAULT_UNAVAILABLE) continue;
        expect_outcome(racers[i].rq, VAULT_PRECONDITION, "ROTATION_OPEN");
    }
    for (size_t i = 0; i < RACERS; i++) arena_free(&racers[i].rq->mem);
    assert_in_range(granted, 1, RACERS);
    assert_int_equal(count_of(pg_sql("SELECT max(version) FROM key_ring WHERE name = 'term/phone'")), before + granted);
    assert_int_equal(count_of(pg_sql("SELECT count(*) FROM key_ring WHERE name = 'term/phone' AND state = 2")), 1);
    wait_for_job(lend(pg_sql("SELECT 'jobs/' || max(id) FROM job")), "done");
    node_close(&other);
}

TEST("whose tokens a ring makes can be read after the manifest that said so is gone")
{
    char told[64] = "";
    const char *consumer = NULL;
    NEW_REQUEST(in, Vault__V1__StatusRequest, vault__v1__status_request__init);
    request *rq = steward(NULL, ADMINISTRATOR, "/vault.v1.Keys/Status", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__StatusResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_rings; i++)
        if (*out->rings[i]->consumer) consumer = out->rings[i]->consumer;
    assert_non_null(consumer);
    snprintf(told, sizeof told, "%s", consumer);
    node other;
    node_open(&other);
    rq = rotate_as(other.session, ADMINISTRATOR, (rotate_wish){.rings = {"term/phone"}});
    expect_outcome(rq, VAULT_OK, NULL);
    expect_outcome(get_document(NULL, OFFICER, "policy", 0), VAULT_OK, NULL); /* this node reads all anew */
    assert_string_equal(consumer, told); /* an answer is sent when its run is over */
    wait_for_job(((const Vault__V1__RotateResponse *)(const void *)rq->out)->jobs[0]->name, "done");
    node_close(&other);
}
