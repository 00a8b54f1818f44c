/* A vault whose root key comes from a passphrase, and one whose node reads it from a file. */
#include "tests/unit/service/sealed.h"

#include "vault/base/file.h"
#include <sys/stat.h>

static const char PHRASE[] = "eleven blue horses over the river";

/* Cheap on purpose: what a good cost is, is measured elsewhere. */
static void given_passphrase(root_seal *out, const char *vault, bytes root)
{
    secret unseal = {0};
    vault_error err = {0};
    *out = (root_seal){.source = ROOT_PASSPHRASE, .generation = 1, .cost = {.passes = 1, .memory_kib = 64, .lanes = 1}};
    memset(out->salt, 5, sizeof out->salt);
    expect_ok(root_key_from_passphrase(&unseal, bytes_of_text(PHRASE), bytes_of(out->salt, sizeof out->salt), out->cost,
                                       &err),
              &err);
    expect_ok(root_seal_make(out, vault, root, secret_bytes(&unseal), &err), &err);
    secret_clear(&unseal);
}

__attribute__((constructor)) static void choose_passphrase(void)
{
    fixture_seal = given_passphrase;
}

TEST("a passphrase opens the vault; one that is wrong in any byte, missing or short does not")
{
    (void)fixture_session();
    char text[sizeof PHRASE];
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    for (size_t i = 0; PHRASE[i]; i++) {
        memcpy(text, PHRASE, sizeof text);
        text[i] ^= 1;
        request *rq = unseal_phrase(NULL, OFFICER, text);
        expect_outcome(rq, VAULT_INVALID, "WRONG_PASSPHRASE");
        assert_string_equal(rq->err.field, "passphrase");
    }
    expect_outcome(unseal_phrase(NULL, OFFICER, "eleven blue horses over the river "), VAULT_INVALID,
                   "WRONG_PASSPHRASE");
    expect_outcome(unseal_phrase(NULL, OFFICER, "eleven blue"), VAULT_INVALID, "BAD_PASSPHRASE");
    expect_outcome(unseal_phrase(NULL, OFFICER, ""), VAULT_INVALID, "BAD_PASSPHRASE");
    expect_outcome(unseal_with(NULL, OFFICER, NULL), VAULT_INVALID, "REQUIRED");
    expect_outcome(unseal_with(NULL, OFFICER, "rvs1-00"), VAULT_INVALID, "REQUIRED");
    assert_false(is_open(NULL));
    expect_outcome(unseal_phrase(NULL, ELDERCARE, PHRASE), VAULT_DENIED, "role");
    assert_false(is_open(NULL));
    expect_outcome(unseal_phrase(NULL, ADMINISTRATOR, PHRASE), VAULT_OK, NULL);
    assert_true(is_open(NULL));
    fixture_reset();
}

/* ---- a node that has it in a file ---- */

static char phrase_file[64];

static vault_code open_with_file(node *n, const char *text, vault_error *err)
{
    (void)fixture_session();
    service_options o = fixture_options();
    fixture_path(n->checkpoint, sizeof n->checkpoint, "phrase-node");
    fixture_path(phrase_file, sizeof phrase_file, "phrase");
    expect_ok(file_replace(phrase_file, bytes_of_text(text), err), err);
    assert_int_equal(chmod(phrase_file, 0600), 0);
    o.root = (bytes){0};
    o.checkpoint_file = n->checkpoint;
    o.keeping = (root_keeping){.source = ROOT_PASSPHRASE, .passphrase_file = phrase_file};
    VAULT_TRY(service_open(&n->service, &o, err));
    return session_open(&n->session, n->service, err);
}

static void close_with_file(node *n)
{
    node_close(n);
    unlink(phrase_file);
}

TEST("a node with the passphrase in a file opens by itself, and not where the vault was sealed by hand")
{
    node n = {0};
    vault_error err = {0};
    expect_ok(open_with_file(&n, "eleven blue horses over the river\n", &err), &err);
    assert_true(is_open(n.session));
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    assert_false(is_open(n.session));
    close_with_file(&n);
    expect_ok(open_with_file(&n, PHRASE, &err), &err);
    assert_false(is_open(n.session));
    expect_outcome(unseal_with(n.session, OFFICER, NULL), VAULT_OK, NULL); /* by hand: its own file */
    assert_true(is_open(n.session));
    close_with_file(&n);
    expect_outcome(unseal_phrase(NULL, OFFICER, PHRASE), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a node whose file holds another passphrase does not start, and one whose file went bad is not opened by it")
{
    node n = {0};
    vault_error err = {0};
    expect_code(open_with_file(&n, "twelve blue horses over the river", &err), VAULT_INTEGRITY, &err);
    unlink(phrase_file);
    vault_error_clear(&err);
    expect_ok(open_with_file(&n, PHRASE, &err), &err);
    expect_outcome(seal_vault(n.session, OFFICER), VAULT_OK, NULL);
    expect_ok(file_replace(phrase_file, bytes_of_text("twelve blue horses over the river"), &err), &err);
    expect_outcome(unseal_with(n.session, OFFICER, NULL), VAULT_PRECONDITION, "BAD_KEY_FILE");
    assert_int_equal(chmod(phrase_file, 0644), 0);
    expect_outcome(unseal_with(n.session, OFFICER, NULL), VAULT_PRECONDITION, "BAD_KEY_FILE");
    unlink(phrase_file);
    expect_outcome(unseal_with(n.session, OFFICER, NULL), VAULT_PRECONDITION, "BAD_KEY_FILE");
    expect_outcome(unseal_phrase(n.session, OFFICER, PHRASE), VAULT_OK, NULL);
    close_with_file(&n);
    expect_outcome(unseal_phrase(NULL, OFFICER, PHRASE), VAULT_OK, NULL);
    fixture_reset();
}
