/* Administrators at work on keys, as the RPCs are called. */
#pragma once
#include "tests/unit/service/steward.h"

typedef struct rotate_wish {
    const char *rings[3]; /* ended by NULL */
    const char *suite;
    bool reseal;
    int64_t end_s;
} rotate_wish;

static inline request *rotate_as(session *by, const char *uri, rotate_wish wish)
{
    NEW_REQUEST(in, Vault__V1__RotateRequest, vault__v1__rotate_request__init);
    in->rings = arena_array(fixture_memory(), 3, sizeof *in->rings);
    for (size_t i = 0; i < 3 && wish.rings[i]; i++) in->rings[in->n_rings++] = lend(wish.rings[i]);
    in->suite = lend(wish.suite ? wish.suite : "");
    in->reseal = wish.reseal;
    if (wish.end_s) {
        NEW_REQUEST(end, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
        end->seconds = wish.end_s;
        in->end_time = end;
    }
    return steward(by, uri, "/vault.v1.Keys/Rotate", &in->base);
}

static inline request *rotate(const char *which)
{
    return rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {which}});
}

static inline const Vault__V1__RotateResponse *rotated(const char *which)
{
    request *rq = rotate(which);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline request *progress_of(const char *uri, const char *name)
{
    NEW_REQUEST(in, Vault__V1__ProgressRequest, vault__v1__progress_request__init);
    in->name = lend(name);
    return steward(NULL, uri, "/vault.v1.Keys/Progress", &in->base);
}

static inline request *change_job(const char *uri, const char *name, const char *to)
{
    NEW_REQUEST(in, Vault__V1__ChangeJobRequest, vault__v1__change_job_request__init);
    in->name = lend(name);
    in->to = lend(to);
    return steward(NULL, uri, "/vault.v1.Keys/ChangeJob", &in->base);
}

static inline request *destroy_as(const char *uri, const char *which, uint32_t version, const char *approval)
{
    NEW_REQUEST(in, Vault__V1__DestroyRequest, vault__v1__destroy_request__init);
    in->ring = lend(which);
    in->version = version;
    in->approval = lend(approval);
    return steward(NULL, uri, "/vault.v1.Keys/Destroy", &in->base);
}

static inline const Vault__V1__DestroyResponse *destroyed(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline request *certificate_as(const char *uri, const char *which, uint32_t version)
{
    NEW_REQUEST(in, Vault__V1__GetCertificateRequest, vault__v1__get_certificate_request__init);
    in->ring = lend(which);
    in->version = version;
    return steward(NULL, uri, "/vault.v1.Keys/GetCertificate", &in->base);
}

static inline const Vault__V1__Approval *get_operation(const char *name, bytes *content)
{
    NEW_REQUEST(in, Vault__V1__GetApprovalRequest, vault__v1__get_approval_request__init);
    in->name = lend(name);
    request *rq = steward(NULL, OFFICER, "/vault.v1.Approvals/Get", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetApprovalResponse *out = (const void *)rq->out;
    *content = bytes_of(out->content.data, out->content.len);
    assert_int_equal(out->standing.len, 0);
    return out->approval;
}

/* Proposed, and approved by an officer: the name of the approval. */
static inline const char *given_approved_destruction(const char *which, uint32_t version)
{
    const char *name = destroyed(destroy_as(ADMINISTRATOR, which, version, ""))->approval;
    bytes text;
    const Vault__V1__Approval *a = get_operation(name, &text);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    return name;
}

static inline const Vault__V1__StatusResponse *key_status(void)
{
    NEW_REQUEST(in, Vault__V1__StatusRequest, vault__v1__status_request__init);
    request *rq = steward(NULL, ADMINISTRATOR, "/vault.v1.Keys/Status", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__Ring *ring_now(const char *which, uint32_t version)
{
    const Vault__V1__StatusResponse *all = key_status();
    char name[128];
    snprintf(name, sizeof name, "rings/%s/versions/%u", which, version);
    for (size_t i = 0; i < all->n_rings; i++)
        if (strcmp(all->rings[i]->name, name) == 0) return all->rings[i];
    fail_msg("there is no %s", name);
    return NULL;
}

/* What the database says, as a number. */
static inline int64_t count_of(const char *text)
{
    return strtoll(text, NULL, 10);
}

static inline void expect_ring(const char *which, uint32_t version, const char *state)
{
    assert_string_equal(ring_now(which, version)->state, state);
}

/* Waits for the keeper: the job is in this state. One that goes on may take its time; none stands still for a minute.
 */
static inline void wait_for_job(const char *name, const char *state)
{
    const Vault__V1__Job *job = NULL;
    uint64_t done = 0;
    for (int still = 0; still < 1200; still++) {
        request *rq = progress_of(ADMINISTRATOR, name);
        expect_outcome(rq, VAULT_OK, NULL);
        job = ((const Vault__V1__ProgressResponse *)(const void *)rq->out)->jobs[0];
        if (strcmp(job->state, state) == 0) return;
        if (job->done != done) still = 0;
        done = job->done;
        usleep(50000);
    }
    fail_msg("%s is %s, not %s, %llu of %llu rows: %s", name, job->state, state, (unsigned long long)job->done,
             (unsigned long long)job->total, job->finding);
}
