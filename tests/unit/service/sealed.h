/* Sealing and unsealing, as people ask for it. */
#pragma once
#include "tests/unit/service/steward.h"

/* Of the vault that this program makes: shares, each in a text of its own; written by given_shares. */
enum { GIVEN_SHARES = 3, GIVEN_THRESHOLD = 2 };
static char given_share[GIVEN_SHARES][SHARE_TEXT_MAX];

static inline void given_shares(root_seal *out, const char *vault, bytes root)
{
    secret texts = {0}, unseal = {0};
    vault_error err = {0};
    *out = (root_seal){.source = ROOT_SHARES, .generation = 1, .threshold = GIVEN_THRESHOLD, .shares = GIVEN_SHARES};
    expect_ok(secret_new(&unseal, KEY_LEN, &err), &err);
    expect_ok(entropy_fill(unseal.at, KEY_LEN, &err), &err);
    expect_ok(shares_split(&texts, out, secret_bytes(&unseal), &err), &err);
    expect_ok(root_seal_make(out, vault, root, secret_bytes(&unseal), &err), &err);
    for (size_t i = 0; i < GIVEN_SHARES; i++) memcpy(given_share[i], texts.at + i * SHARE_TEXT_MAX, SHARE_TEXT_MAX);
    secret_clear(&texts);
    secret_clear(&unseal);
}

static inline request *keys_call(session *by, const char *uri, const char *name, ProtobufCMessage *in)
{
    return steward(by, uri, arena_format(fixture_memory(), "/vault.v1.Keys/%s", name), in);
}

static inline request *seal_vault(session *by, const char *uri)
{
    NEW_REQUEST(in, Vault__V1__SealRequest, vault__v1__seal_request__init);
    return keys_call(by, uri, "Seal", &in->base);
}

static inline request *unseal_with(session *by, const char *uri, const char *share_text)
{
    NEW_REQUEST(in, Vault__V1__UnsealRequest, vault__v1__unseal_request__init);
    if (share_text) {
        in->with_case = VAULT__V1__UNSEAL_REQUEST__WITH_SHARE;
        in->share = lend(share_text);
    }
    return keys_call(by, uri, "Unseal", &in->base);
}

static inline request *unseal_phrase(session *by, const char *uri, const char *passphrase)
{
    NEW_REQUEST(in, Vault__V1__UnsealRequest, vault__v1__unseal_request__init);
    in->with_case = VAULT__V1__UNSEAL_REQUEST__WITH_PASSPHRASE;
    in->passphrase = lend(passphrase);
    return keys_call(by, uri, "Unseal", &in->base);
}

static inline request *forget_shares(session *by)
{
    NEW_REQUEST(in, Vault__V1__UnsealRequest, vault__v1__unseal_request__init);
    in->reset = true;
    return keys_call(by, OFFICER, "Unseal", &in->base);
}

static inline const Vault__V1__StatusResponse *status_of(session *by, const char *uri)
{
    NEW_REQUEST(in, Vault__V1__StatusRequest, vault__v1__status_request__init);
    request *rq = keys_call(by, uri, "Status", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline bool is_open(session *by)
{
    return !status_of(by, OFFICER)->sealed;
}

static inline void expect_entered(session *by, unsigned count)
{
    const Vault__V1__StatusResponse *now = status_of(by, OFFICER);
    assert_true(now->sealed);
    assert_int_equal(now->entered, count);
}

/* Opens the node with the given shares, in the name of the administrator. */
static inline void unseal_whole(session *by)
{
    expect_outcome(unseal_with(by, ADMINISTRATOR, given_share[0]), VAULT_OK, NULL);
    expect_outcome(unseal_with(by, ADMINISTRATOR, given_share[1]), VAULT_OK, NULL);
}

/* ---- rekeying ---- */

static inline request *rekey(session *by, const char *uri, const char *approval, bool rotate_root)
{
    NEW_REQUEST(in, Vault__V1__RekeyRequest, vault__v1__rekey_request__init);
    NEW_REQUEST(how, Vault__V1__RootChoice, vault__v1__root_choice__init);
    NEW_REQUEST(many, Vault__V1__ShareChoice, vault__v1__share_choice__init);
    many->threshold = GIVEN_THRESHOLD;
    many->shares = GIVEN_SHARES;
    how->how_case = VAULT__V1__ROOT_CHOICE__HOW_SHARES;
    how->shares = many;
    in->root = how;
    in->rotate_root = rotate_root;
    in->approval = lend(approval);
    return keys_call(by, uri, "Rekey", &in->base);
}

/* Two people: what is proposed, approved, and then carried out. The shares of before are no longer the given ones. */
static inline const char *rekey_proposed(session *by, bool rotate_root)
{
    request *rq = rekey(by, ADMINISTRATOR, "", rotate_root);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__RekeyResponse *)(const void *)rq->out)->approval;
}

static inline void consent(const char *approval)
{
    const Vault__V1__ListApprovalsResponse *all = pending();
    for (size_t i = 0; i < all->n_approvals; i++) {
        if (strcmp(all->approvals[i]->name, approval) == 0)
            expect_outcome(approve(OFFICER, all->approvals[i]), VAULT_OK, NULL);
    }
}

static inline void take_shares(const request *rq)
{
    const Vault__V1__RekeyResponse *out = (const void *)rq->out;
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(out->n_shares, GIVEN_SHARES);
    for (size_t i = 0; i < GIVEN_SHARES; i++) snprintf(given_share[i], sizeof given_share[i], "%s", out->shares[i]);
}
