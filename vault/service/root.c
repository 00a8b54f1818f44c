/* Where the root key comes from: the unseal key of a file or passphrase file that the config names, or of what people
 * entered, and the vault's row. */
#include "vault/service/operator.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

enum { ROW_MEMORY = 1 << 20 };

vault_code root_row_read(root_place *out, store *with, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_MEMORY);
    vault_row row;
    *out = (root_place){0};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(store_vault_read(with, mem, &row, err));
    VAULT_TRY(control_root_seal(&out->seal, &row, err));
    if (strlen(row.name) >= sizeof out->vault) return vault_fail(err, VAULT_INTEGRITY, "the vault's name is malformed");
    snprintf(out->vault, sizeof out->vault, "%s", row.name);
    return VAULT_OK;
}

/* ---- files ---- */

bool root_lies_here(const root_keeping *k)
{
    return k->key_file || k->passphrase_file;
}

vault_code root_check_source(const root_keeping *k, const root_seal *seal, vault_error *err)
{
    if (k->source == (int)seal->source) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID,
                      "this vault's root key comes from %s, and not from %s as the config says (mend: root_key)",
                      root_source_name(seal->source), root_source_name((root_source)k->source));
}

vault_code root_unseal_from_files(secret *unseal, const root_keeping *k, const root_seal *seal, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret passphrase = {0};
    *unseal = (secret){0};
    VAULT_TRY(root_check_source(k, seal, err));
    if (k->key_file) return root_key_from_file(unseal, k->key_file, err);
    VAULT_TRY(passphrase_from_file(&passphrase, k->passphrase_file, err));
    const bytes salt = bytes_of(seal->salt, sizeof seal->salt);
    return root_key_from_passphrase(unseal, secret_bytes(&passphrase), salt, seal->cost, err);
}

/* ---- a new unseal key ---- */

/* Of the file that the config names, which need not be of the source that is wished for here. */
static vault_code take_file(new_root *out, const root_keeping *k, vault_error *err)
{
    if (!k->key_file) return vault_refuse(err, VAULT_PRECONDITION, "NO_KEY_FILE", "root.file");
    vault_error why = {0};
    if (root_key_from_file(&out->unseal, k->key_file, &why) == VAULT_OK) return VAULT_OK;
    (void)vault_refuse(err, VAULT_PRECONDITION, "BAD_KEY_FILE", "root.file");
    snprintf(err->detail, sizeof err->detail, "%s", why.detail);
    return err->code;
}

static vault_code take_passphrase(new_root *out, bytes passphrase, vault_error *err)
{
    root_seal *seal = &out->seal;
    VAULT_TRY(argon2_calibrate(&seal->cost, clock_work_us, err));
    VAULT_TRY(entropy_fill(seal->salt, sizeof seal->salt, err));
    return root_key_from_passphrase(&out->unseal, passphrase, bytes_of(seal->salt, sizeof seal->salt), seal->cost, err);
}

static vault_code take_shares(new_root *out, const root_wish *wish, vault_error *err)
{
    out->seal.threshold = wish->threshold;
    out->seal.shares = wish->shares;
    VAULT_TRY(secret_new(&out->unseal, KEY_LEN, err));
    VAULT_TRY(entropy_fill(out->unseal.at, KEY_LEN, err));
    return shares_split(&out->shares, &out->seal, secret_bytes(&out->unseal), err);
}

void new_root_clear(new_root *n)
{
    secret_clear(&n->unseal);
    secret_clear(&n->shares);
    secret_clear(&n->root);
    *n = (new_root){0};
}

vault_code new_root_make(new_root *out, const root_keeping *k, const root_wish *wish, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret lying = {0};
    *out = (new_root){.seal = {.source = wish->source, .generation = wish->generation}};
    bytes passphrase = wish->passphrase;
    if (wish->source == ROOT_PASSPHRASE && !passphrase.at) {
        VAULT_TRY(passphrase_from_file(&lying, k->passphrase_file, err));
        passphrase = secret_bytes(&lying);
    }
    VAULT_TRY(wish->source == ROOT_FILE         ? take_file(out, k, err)
              : wish->source == ROOT_PASSPHRASE ? take_passphrase(out, passphrase, err)
                                                : take_shares(out, wish, err));
    if (wish->root.len > 0) {
        VAULT_TRY(secret_copy(&out->root, wish->root, err));
    } else {
        VAULT_TRY(secret_new(&out->root, KEY_LEN, err));
        VAULT_TRY(entropy_fill(out->root.at, KEY_LEN, err));
    }
    return root_seal_make(&out->seal, wish->vault, secret_bytes(&out->root), secret_bytes(&out->unseal), err);
}

/* ---- vaultd --init ---- */

vault_code service_make_vault(const service_options *o, const char *name, const char *folder, vault_error *err)
{
    VAULT_CLEANUP(new_root_clear) new_root made = {0};
    VAULT_CLEANUP(store_close) store *with = NULL;
    const root_wish wish = {.source = (root_source)o->keeping.source, .generation = 1, .vault = name};
    VAULT_TRY(control_check_folder(folder, err));
    if (!root_lies_here(&o->keeping))
        return vault_fail(
            err, VAULT_INVALID,
            "the config says that people enter the root key: start vaultd and use vaultctl operator init");
    VAULT_TRY(store_open(&with, o->database, err));
    VAULT_TRY(new_root_make(&made, &o->keeping, &wish, err));
    const init_options options = {
        .name = name, .folder = folder, .root = secret_bytes(&made.root), .seal = &made.seal, .suite = SUITE_INTL};
    return control_init(with, &options, err);
}
