/* consent grant, withdraw, show. */
#include "vault/cli/internal.h"

#include <stdlib.h>

static void *word_of(ctl *c, const char *token, bool granted)
{
    Vault__V1__ConsentInput *out = arena_alloc(c->mem, sizeof *out);
    if (!out) abort();
    vault__v1__consent_input__init(out);
    out->token = lent(token);
    out->granted = granted;
    if (granted && c->options[OPT_UNTIL]) out->expire_time = ctl_time(c->mem, c->options[OPT_UNTIL]);
    return out;
}

static void *granted(ctl *c, const char *token)
{
    return word_of(c, token, true);
}

static void *withdrawn(ctl *c, const char *token)
{
    return word_of(c, token, false);
}

static const char *recorded_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__RecordConsentResult *r = (const void *)result;
    return arena_format(mem, "record version %u", r->record_version);
}

static ctl_exit record_words(ctl *c, void *(*word)(ctl *c, const char *token))
{
    Vault__V1__BatchRecordConsentsRequest request = VAULT__V1__BATCH_RECORD_CONSENTS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Consents/BatchRecord",
                               .request = &request.base,
                               .reply = &vault__v1__batch_record_consents_response__descriptor,
                               .list = "items",
                               .item = word,
                               .text = recorded_text});
}

ctl_exit run_consent_grant(ctl *c)
{
    Google__Protobuf__Timestamp *end = NULL;
    ctl_exit bad = ctl_end(c, &end);
    return bad == CTL_OK ? record_words(c, granted) : bad;
}

ctl_exit run_consent_withdraw(ctl *c)
{
    return record_words(c, withdrawn);
}

static const char *state_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__ConsentResult *r = (const void *)result;
    static const char *const states[] = {"unknown", "none", "given", "withdrawn", "expired"};
    const char *state = (unsigned)r->state < sizeof states / sizeof *states ? states[r->state] : states[0];
    const char *until = r->expire_time ? arena_format(mem, ", until %s", time_text(mem, r->expire_time)) : "";
    return r->time ? arena_format(mem, "%s, said %s%s", state, time_text(mem, r->time), until) : state;
}

ctl_exit run_consent_show(ctl *c)
{
    Vault__V1__BatchGetConsentsRequest request = VAULT__V1__BATCH_GET_CONSENTS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Consents/BatchGet",
                               .request = &request.base,
                               .reply = &vault__v1__batch_get_consents_response__descriptor,
                               .list = "tokens",
                               .text = state_text});
}
