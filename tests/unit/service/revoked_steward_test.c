/* Whose certificate was revoked has no part in what two people do with keys: not by a consent of before, nor with the
 * last share. */
#include "tests/unit/service/sealed.h"

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

static request *approve_named(const char *uri, const char *name)
{
    const Vault__V1__ListApprovalsResponse *all = pending();
    for (size_t i = 0; i < all->n_approvals; i++)
        if (strcmp(all->approvals[i]->name, name) == 0) return approve(uri, all->approvals[i]);
    fail_msg("%s is not pending", name);
    return NULL;
}

static void given_revoked(const char *uri)
{
    expect_outcome(revoke_as(NULL, ADMINISTRATOR, CERTIFICATE, fingerprint(uri)), VAULT_OK, NULL);
}

TEST("the consent of an officer whose certificate was revoked since does not count any more")
{
    const char *agreed = rekey_proposed(NULL, false);
    expect_outcome(approve_named(OFFICER_2, agreed), VAULT_OK, NULL);
    given_revoked(OFFICER_2);
    expect_outcome(rekey(NULL, ADMINISTRATOR, agreed, false), VAULT_PRECONDITION, "NOT_APPROVED");
    expect_outcome(approve_named(OFFICER, agreed), VAULT_OK, NULL);
    take_shares(rekey(NULL, ADMINISTRATOR, agreed, false));
    fixture_reset();
}

TEST("a steward whose certificate was revoked does not open the vault, not even with the last share")
{
    given_revoked(ADMINISTRATOR_2);
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    expect_outcome(unseal_with(NULL, ADMINISTRATOR_2, given_share[0]), VAULT_OK, NULL);
    expect_outcome(unseal_with(NULL, ADMINISTRATOR_2, given_share[1]), VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED");
    expect_outcome(unseal_with(NULL, OFFICER_2, given_share[1]), VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED");
    assert_false(is_open(NULL));
    expect_entered(NULL, 1);
    expect_outcome(unseal_with(NULL, OFFICER, given_share[1]), VAULT_OK, NULL);
    assert_true(is_open(NULL));
    fixture_reset();
}
