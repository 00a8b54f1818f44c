/* Vouchers and handovers of residents who were erased since. */
#include "tests/unit/service/vouchers.h"

TEST("a voucher and a handover that were made before open nobody afterwards")
{
    const uint64_t who = resident_in_street(70);
    const char *of_care = token_for(ELDERCARE, CARE, who);
    NEW_REQUEST(in, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    in->tokens = lend_all(&of_care, 1), in->n_tokens = 1;
    in->field_mask = MASK("name");
    const request *made = called(&GIVER, VOUCHERS, &in->base);
    expect_outcome(made, VAULT_OK, NULL);
    const char *voucher =
        ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)made->out)->results[0]->voucher;
    NEW_REQUEST(give, Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init);
    give->basis = lend(BASIS);
    give->tokens = lend_all(&of_care, 1), give->n_tokens = 1;
    made = called(&GIVER, HANDOVERS, &give->base);
    expect_outcome(made, VAULT_OK, NULL);
    const char *handover =
        ((const Vault__V1__BatchCreateHandoversResponse *)(const void *)made->out)->results[0]->handover;
    const char *named = token_for(POPULATION, "population-register", who);
    NEW_REQUEST(gone, Vault__V1__EraseRequest, vault__v1__erase_request__init);
    gone->tokens = lend_all(&named, 1), gone->n_tokens = 1;
    made =
        called(&(asking){.uri = POPULATION, .purpose = "population-register"}, "/vault.v1.Records/Erase", &gone->base);
    expect_outcome(made, VAULT_OK, NULL);
    assert_null(((const Vault__V1__EraseResponse *)(const void *)made->out)->results[0]->status);
    NEW_REQUEST(use, Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init);
    use->vouchers = lend_all(&voucher, 1), use->n_vouchers = 1;
    made = called(&GIVER, REDEEM, &use->base);
    expect_outcome(made, VAULT_OK, NULL);
    const Google__Rpc__Status *no =
        ((const Vault__V1__BatchRedeemVouchersResponse *)(const void *)made->out)->results[0]->status;
    assert_string_equal(refusal(no), "resident");
    NEW_REQUEST(take, Vault__V1__BatchRedeemHandoversRequest, vault__v1__batch_redeem_handovers_request__init);
    take->handovers = lend_all(&handover, 1), take->n_handovers = 1;
    made = called(&TAKER, TRANSLATE, &take->base);
    expect_outcome(made, VAULT_OK, NULL);
    no = ((const Vault__V1__BatchRedeemHandoversResponse *)(const void *)made->out)->results[0]->status;
    assert_string_equal(refusal(no), "resident");
    fixture_reset();
}
