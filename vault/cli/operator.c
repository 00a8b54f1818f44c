/* operator init, unseal, seal, rekey, rotate-root, status: the root key, and who opens the vault with it. */
#include "vault/cli/internal.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARES_MOST = 16 };

/* ---- status ---- */

static const char *source_name(Vault__V1__RootSource source)
{
    static const char *const names[] = {[VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_FILE] = "key file",
                                        [VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_PASSPHRASE] = "passphrase",
                                        [VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_SHARES] = "shares"};
    bool known = (unsigned)source < sizeof names / sizeof *names && names[source];
    return known ? names[source] : "unknown";
}

static void show_status(const Vault__V1__StatusResponse *now)
{
    if (!now->initialised) {
        puts("no vault: operator init makes one");
        return;
    }
    printf("%s\nroot key     %s", now->sealed ? "sealed" : "open", source_name(now->source));
    if (now->shares) printf(", %u of %u are needed", now->threshold, now->shares);
    printf(", generation %u\n", now->root_generation);
    if (now->sealed && now->shares) printf("entered      %u of %u\n", now->entered, now->threshold);
}

ctl_exit run_operator_status(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = keys_status(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__StatusResponse *now = (const void *)x.reply;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &now->base));
    else
        show_status(now);
    return now->initialised && !now->sealed ? CTL_OK : CTL_UNAVAILABLE;
}

/* ---- how the root key is to be kept ---- */

typedef struct choice {
    Vault__V1__RootChoice root;
    Vault__V1__ShareChoice shares;
} choice;

static ctl_exit choose_shares(ctl *c, choice *out)
{
    int64_t shares = option_number(c, OPT_SHARES, 0, SHARES_MOST),
            threshold = option_number(c, OPT_THRESHOLD, 0, SHARES_MOST);
    if (shares < 2 || threshold < 2 || threshold > shares)
        return usage_error(c, "--root shares goes with --shares N and --threshold K, 1 < K <= N <= %d", SHARES_MOST);
    vault__v1__share_choice__init(&out->shares);
    out->shares.shares = (uint32_t)shares;
    out->shares.threshold = (uint32_t)threshold;
    out->root.how_case = VAULT__V1__ROOT_CHOICE__HOW_SHARES;
    out->root.shares = &out->shares;
    return CTL_OK;
}

/* `now`: the passphrase itself is wanted, not only the wish to have one. */
static ctl_exit choose_passphrase(ctl *c, choice *out, bool now)
{
    static char later[] = "not yet chosen";
    out->root.how_case = VAULT__V1__ROOT_CHOICE__HOW_PASSPHRASE;
    out->root.passphrase = later;
    return now ? ctl_secret(c, "New passphrase: ", true, &out->root.passphrase) : CTL_OK;
}

static ctl_exit choose(ctl *c, choice *out, bool now)
{
    const char *root = c->options[OPT_ROOT];
    vault__v1__root_choice__init(&out->root);
    if (root && strcmp(root, "shares") == 0) return choose_shares(c, out);
    if (root && strcmp(root, "passphrase") == 0) return choose_passphrase(c, out, now);
    if (!root || strcmp(root, "file") != 0) return usage_error(c, "--root is shares, passphrase or file");
    out->root.how_case = VAULT__V1__ROOT_CHOICE__HOW_FILE;
    out->root.file = true;
    return CTL_OK;
}

static void show_shares(char *const *shares, size_t count)
{
    for (size_t i = 0; i < count; i++) printf("share %zu of %zu   %s\n", i + 1, count, shares[i]);
    if (count > 0)
        fputs("vaultctl: these are told this once and kept nowhere: give each to another person now\n", stderr);
}

/* ---- init ---- */

static ctl_exit read_document(ctl *c, const char *name, Vault__V1__InitDocument *out)
{
    enum { DOCUMENT_MOST = 8 << 20 };
    char *text, *path = arena_format(c->mem, "%s/%s.json", c->arguments[0], name);
    size_t len;
    vault_error err = {0};
    if (!path) abort();
    vault__v1__init_document__init(out);
    if (file_read(&text, &len, path, DOCUMENT_MOST, &err) != VAULT_OK) return say_error(&err), CTL_INVALID;
    bytes kept = arena_copy(c->mem, bytes_of(text, len));
    memory_free(text, len);
    if (!kept.at) abort();
    out->name = lent(name);
    out->content = (ProtobufCBinaryData){.len = kept.len, .data = (uint8_t *)(uintptr_t)kept.at};
    return CTL_OK;
}

static ctl_exit read_documents(ctl *c, Vault__V1__InitRequest *out)
{
    static const char *const names[] = {"schema", "principals", "persons", "purposes", "policy", "sharing", "browsing"};
    enum { COUNT = sizeof names / sizeof *names };
    Vault__V1__InitDocument *all = arena_array(c->mem, COUNT, sizeof *all);
    out->documents = arena_array(c->mem, COUNT, sizeof *out->documents);
    if (!all || !out->documents) abort();
    for (size_t i = 0; i < COUNT; i++) {
        ctl_exit end = read_document(c, names[i], &all[i]);
        if (end != CTL_OK) return end;
        out->documents[out->n_documents++] = &all[i];
    }
    return CTL_OK;
}

ctl_exit run_operator_init(ctl *c)
{
    Vault__V1__InitRequest request = VAULT__V1__INIT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    choice how;
    if (!c->options[OPT_NAME]) return usage_error(c, "--name is missing");
    ctl_exit end = read_documents(c, &request);
    if (end == CTL_OK) end = choose(c, &how, true);
    if (end != CTL_OK) return end;
    request.vault = lent(c->options[OPT_NAME]);
    request.root = &how.root;
    if (c->options[OPT_SUITE]) request.suite = lent(c->options[OPT_SUITE]);
    end = ctl_call(c, &x, "/vault.v1.Keys/Initialise", &request.base, &vault__v1__init_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__InitResponse *reply = (const void *)x.reply;
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, &reply->base)), CTL_OK;
    printf("the vault was made\nlog key       %s\n", shown(c->mem, reply->verifier_key));
    show_shares(reply->shares, reply->n_shares);
    return CTL_OK;
}

/* ---- unseal and seal ---- */

static ctl_exit send_unseal(ctl *c, Vault__V1__UnsealRequest *request, bool *sealed)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Keys/Unseal", &request->base, &vault__v1__unseal_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__UnsealResponse *reply = (const void *)x.reply;
    *sealed = reply->sealed;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else if (reply->sealed)
        printf("sealed: %u of %u shares are entered on this node\n", reply->entered, reply->threshold);
    else
        puts("open");
    return CTL_OK;
}

static ctl_exit send_shares(ctl *c)
{
    const char **shares;
    size_t count;
    bool sealed = true;
    ctl_exit end = ctl_secrets(c, "Share: ", &shares, &count);
    for (size_t i = 0; end == CTL_OK && sealed && i < count; i++) {
        Vault__V1__UnsealRequest request = VAULT__V1__UNSEAL_REQUEST__INIT;
        request.with_case = VAULT__V1__UNSEAL_REQUEST__WITH_SHARE;
        request.share = lent(shares[i]);
        end = send_unseal(c, &request, &sealed);
    }
    return end;
}

/* An empty one: that of the file that the node's config names. */
static ctl_exit send_passphrase(ctl *c)
{
    Vault__V1__UnsealRequest request = VAULT__V1__UNSEAL_REQUEST__INIT;
    char *passphrase;
    bool sealed;
    ctl_exit end = ctl_secret(c, "Passphrase (empty: the node's own file): ", false, &passphrase);
    if (end != CTL_OK) return end;
    if (*passphrase) {
        request.with_case = VAULT__V1__UNSEAL_REQUEST__WITH_PASSPHRASE;
        request.passphrase = passphrase;
    }
    return send_unseal(c, &request, &sealed);
}

static ctl_exit unseal_by(ctl *c, Vault__V1__RootSource source)
{
    Vault__V1__UnsealRequest request = VAULT__V1__UNSEAL_REQUEST__INIT;
    bool sealed;
    request.reset = c->options[OPT_RESET] != NULL;
    if (request.reset) return send_unseal(c, &request, &sealed);
    if (source == VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_SHARES) return send_shares(c);
    if (source == VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_PASSPHRASE) return send_passphrase(c);
    return send_unseal(c, &request, &sealed);
}

ctl_exit run_operator_unseal(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = keys_status(c, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__StatusResponse *now = (const void *)x.reply;
    if (!now->initialised || !now->sealed) {
        show_status(now);
        return now->initialised ? CTL_OK : CTL_UNAVAILABLE;
    }
    return unseal_by(c, now->source);
}

ctl_exit run_operator_seal(ctl *c)
{
    Vault__V1__SealRequest request = VAULT__V1__SEAL_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Keys/Seal", &request.base, &vault__v1__seal_response__descriptor);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:b}", "sealed", true));
    else
        puts("sealed: every node, until each is unsealed by hand");
    return CTL_OK;
}

/* ---- rekey and rotate-root ---- */

static void show_rekey(const Vault__V1__RekeyResponse *reply, bool rotate_root)
{
    printf(rotate_root
               ? "there is another root key now, under another unseal key, generation %u; other nodes wait to be "
                 "unsealed\n"
               : "the root key lies under another unseal key now, generation %u\n",
           reply->root_generation);
    show_shares(reply->shares, reply->n_shares);
}

static ctl_exit rekey(ctl *c, bool rotate_root)
{
    Vault__V1__RekeyRequest request = VAULT__V1__REKEY_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    choice how;
    ctl_exit end = choose(c, &how, c->options[OPT_APPROVAL] != NULL);
    if (end != CTL_OK) return end;
    request.root = &how.root;
    request.rotate_root = rotate_root;
    if (c->options[OPT_APPROVAL]) request.approval = lent(c->options[OPT_APPROVAL]);
    end = ctl_call(c, &x, "/vault.v1.Keys/Rekey", &request.base, &vault__v1__rekey_response__descriptor);
    if (end == CTL_UNAVAILABLE && c->options[OPT_APPROVAL])
        fputs(
            "vaultctl: it may have been done without an answer: seal and restart nothing, look at operator status, and"
            " rekey once more if the generation has moved on\n",
            stderr);
    if (end != CTL_OK) return end;
    const Vault__V1__RekeyResponse *reply = (const void *)x.reply;
    if (reply->approval[0]) return show_proposal(c, reply->approval);
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        show_rekey(reply, rotate_root);
    return CTL_OK;
}

ctl_exit run_operator_rekey(ctl *c)
{
    return rekey(c, false);
}

ctl_exit run_operator_rotate_root(ctl *c)
{
    return rekey(c, true);
}
