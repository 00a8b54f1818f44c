/* Handovers and vouchers: what is given to somebody else, or kept for later. */
#include "vault/cli/internal.h"

#include <string.h>

/* ---- handovers ---- */

ctl_exit run_handover_create(ctl *c)
{
    Vault__V1__BatchCreateHandoversRequest request = VAULT__V1__BATCH_CREATE_HANDOVERS_REQUEST__INIT;
    if (!c->options[OPT_BASIS]) return usage_error(c, "--basis is missing");
    request.basis = lent(c->options[OPT_BASIS]);
    ctl_exit end = ctl_end(c, &request.expire_time);
    if (end != CTL_OK) return end;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchCreateHandovers",
                               .request = &request.base,
                               .reply = &vault__v1__batch_create_handovers_response__descriptor,
                               .list = "tokens",
                               .once = true,
                               .said = "handover"});
}

ctl_exit run_handover_redeem(ctl *c)
{
    Vault__V1__BatchRedeemHandoversRequest request = VAULT__V1__BATCH_REDEEM_HANDOVERS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchRedeemHandovers",
                               .request = &request.base,
                               .reply = &vault__v1__batch_redeem_handovers_response__descriptor,
                               .list = "handovers",
                               .once = true,
                               .said = "token"});
}

/* ---- vouchers ---- */

ctl_exit run_voucher_create(ctl *c)
{
    enum { USES_MAX = 1000000 };
    Google__Protobuf__FieldMask mask;
    Vault__V1__BatchCreateVouchersRequest request = VAULT__V1__BATCH_CREATE_VOUCHERS_REQUEST__INIT;
    int64_t uses = option_number(c, OPT_USES, 1, USES_MAX);
    if (uses < 0) return usage_error(c, "--uses is a number from 1 to 1,000,000");
    ctl_exit end = ctl_fields(c, &mask);
    if (end == CTL_OK) end = ctl_form(c, &request.form);
    if (end == CTL_OK) end = ctl_end(c, &request.expire_time);
    if (end != CTL_OK) return end;
    request.field_mask = &mask;
    request.uses = (uint32_t)uses;
    if (c->options[OPT_FOR]) request.consumer = lent(c->options[OPT_FOR]);
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchCreateVouchers",
                               .request = &request.base,
                               .reply = &vault__v1__batch_create_vouchers_response__descriptor,
                               .list = "tokens",
                               .once = true,
                               .said = "voucher"});
}

/* "name=张三", "phone=13812345678" and so on, apart by tabs. */
static const char *redeemed_text(arena *mem, const ProtobufCMessage *result)
{
    const Vault__V1__RedeemVoucherResult *r = (const void *)result;
    const char *all = "";
    for (size_t i = 0; all && i < r->n_values; i++)
        all = arena_format(mem, "%s%s%s=%s", all, i ? "\t" : "", shown(mem, r->values[i]->field),
                           shown(mem, r->values[i]->value ? value_text(r->values[i]->value) : ""));
    return all;
}

ctl_exit run_voucher_redeem(ctl *c)
{
    Vault__V1__BatchRedeemVouchersRequest request = VAULT__V1__BATCH_REDEEM_VOUCHERS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchRedeemVouchers",
                               .request = &request.base,
                               .reply = &vault__v1__batch_redeem_vouchers_response__descriptor,
                               .list = "vouchers",
                               .once = true,
                               .text = redeemed_text});
}

static const char *revoked_text(arena *mem, const ProtobufCMessage *result)
{
    (void)mem, (void)result;
    return "revoked";
}

ctl_exit run_voucher_revoke(ctl *c)
{
    Vault__V1__BatchRevokeVouchersRequest request = VAULT__V1__BATCH_REVOKE_VOUCHERS_REQUEST__INIT;
    return bulk_run(c, &(bulk){.method = "/vault.v1.Tokens/BatchRevokeVouchers",
                               .request = &request.base,
                               .reply = &vault__v1__batch_revoke_vouchers_response__descriptor,
                               .list = "vouchers",
                               .text = revoked_text});
}
