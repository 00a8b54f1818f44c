/* Another unseal key and another root key: by two people, without stopping, and what was good before is worth nothing
 * afterwards. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/sealed.h"

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

static request *reveal_by(session *by)
{
    static char text[128];
    if (!text[0]) snprintf(text, sizeof text, "%s", token_for(ELDERCARE, "elder-care", resident_in_street(0)));
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = "elder-care",
                        .in = &reveal_of(text, MASK("name"))->base,
                        .by = by});
}

static request *rekey_by_two(session *by, bool rotate_root)
{
    const char *name = rekey_proposed(by, rotate_root);
    consent(name);
    return rekey(by, ADMINISTRATOR, name, rotate_root);
}

/* The node with the shares that are good now. */
static void expect_opens(session *by, const char *first, const char *second)
{
    expect_outcome(unseal_with(by, OFFICER, first), VAULT_OK, NULL);
    expect_outcome(unseal_with(by, OFFICER, second), VAULT_OK, NULL);
    expect_outcome(reveal_by(by), VAULT_OK, NULL);
}

TEST("new shares are made by an administrator and an officer, while everybody goes on; the old ones open nothing more")
{
    char old[GIVEN_SHARES][SHARE_TEXT_MAX];
    node other;
    node_open(&other);
    expect_outcome(reveal_by(other.session), VAULT_OK, NULL);
    memcpy(old, given_share, sizeof old);
    take_shares(rekey_by_two(NULL, false));
    expect_outcome(reveal_by(NULL), VAULT_OK, NULL);
    expect_outcome(reveal_by(other.session), VAULT_OK, NULL);
    assert_int_equal(status_of(NULL, OFFICER)->root_generation, 2);
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    for (size_t i = 0; i < GIVEN_SHARES; i++)
        expect_outcome(unseal_with(NULL, OFFICER, old[i]), VAULT_INVALID, "SHARE_OTHER_SET");
    expect_opens(NULL, given_share[2], given_share[0]);
    expect_outcome(reveal_by(other.session), VAULT_UNAVAILABLE, "SEALED");
    expect_opens(other.session, given_share[1], given_share[2]);
    node_close(&other);
    fixture_reset();
}

TEST("nobody makes new shares alone, with another's consent, or others than were agreed on; and none twice")
{
    const char *name = rekey_proposed(NULL, false);
    expect_outcome(rekey(NULL, ADMINISTRATOR, name, false), VAULT_PRECONDITION, "NOT_APPROVED");
    consent(name);
    expect_outcome(rekey(NULL, ADMINISTRATOR_2, name, false), VAULT_DENIED, "NOT_YOURS");
    expect_outcome(rekey(NULL, ADMINISTRATOR, name, true), VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_outcome(rekey(NULL, OFFICER, name, false), VAULT_DENIED, "role");
    expect_outcome(rekey(NULL, ELDERCARE, "", false), VAULT_DENIED, "role");
    take_shares(rekey(NULL, ADMINISTRATOR, name, false));
    expect_outcome(rekey(NULL, ADMINISTRATOR, name, false), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    fixture_reset();
}

TEST("what cannot be is refused before anybody is asked for consent")
{
    static const struct {
        uint32_t threshold, shares;
    } wrong[] = {{0, 0}, {1, 3}, {4, 3}, {2, 17}, {0, 5}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        NEW_REQUEST(in, Vault__V1__RekeyRequest, vault__v1__rekey_request__init);
        NEW_REQUEST(how, Vault__V1__RootChoice, vault__v1__root_choice__init);
        NEW_REQUEST(many, Vault__V1__ShareChoice, vault__v1__share_choice__init);
        many->threshold = wrong[i].threshold;
        many->shares = wrong[i].shares;
        how->how_case = VAULT__V1__ROOT_CHOICE__HOW_SHARES;
        how->shares = many;
        in->root = how;
        expect_outcome(keys_call(NULL, ADMINISTRATOR, "Rekey", &in->base), VAULT_INVALID, "BAD_SHARES");
    }
    NEW_REQUEST(none, Vault__V1__RekeyRequest, vault__v1__rekey_request__init);
    expect_outcome(keys_call(NULL, ADMINISTRATOR, "Rekey", &none->base), VAULT_INVALID, "ROOT_CHOICE");
    NEW_REQUEST(brief, Vault__V1__RootChoice, vault__v1__root_choice__init);
    brief->how_case = VAULT__V1__ROOT_CHOICE__HOW_PASSPHRASE;
    brief->passphrase = lend("eleven byte");
    none->root = brief;
    expect_outcome(keys_call(NULL, ADMINISTRATOR, "Rekey", &none->base), VAULT_INVALID, "BAD_PASSPHRASE");
    fixture_reset();
}

TEST("a key file that the node does not have is no way to keep the root key")
{
    NEW_REQUEST(in, Vault__V1__RekeyRequest, vault__v1__rekey_request__init);
    NEW_REQUEST(how, Vault__V1__RootChoice, vault__v1__root_choice__init);
    how->how_case = VAULT__V1__ROOT_CHOICE__HOW_FILE;
    how->file = true;
    in->root = how;
    request *rq = keys_call(NULL, ADMINISTRATOR, "Rekey", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    in->approval = lend(((const Vault__V1__RekeyResponse *)(const void *)rq->out)->approval);
    consent(in->approval);
    expect_outcome(keys_call(NULL, ADMINISTRATOR, "Rekey", &in->base), VAULT_PRECONDITION, "NO_KEY_FILE");
    expect_outcome(reveal_by(NULL), VAULT_OK, NULL);
    fixture_reset();
}

TEST("another root key seals the nodes that have the old one; the new shares open them")
{
    node other;
    node_open(&other);
    expect_outcome(reveal_by(other.session), VAULT_OK, NULL);
    take_shares(rekey_by_two(NULL, true));
    expect_outcome(reveal_by(NULL), VAULT_OK, NULL);
    expect_outcome(reveal_by(other.session), VAULT_UNAVAILABLE, "SEALED");
    expect_opens(other.session, given_share[0], given_share[1]);
    take_shares(rekey_by_two(other.session, false)); /* it has the new root key, and so can wrap it again */
    expect_outcome(reveal_by(NULL), VAULT_OK, NULL);
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    expect_opens(NULL, given_share[0], given_share[2]);
    node_close(&other);
    fixture_reset();
}

TEST("the vault's row of before, put back by SQL, does not bring the old shares back")
{
    char old[GIVEN_SHARES][SHARE_TEXT_MAX];
    memcpy(old, given_share, sizeof old);
    pg_sql("CREATE TABLE kept AS TABLE vault; SELECT 1");
    take_shares(rekey_by_two(NULL, false));
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    pg_sql("CREATE TABLE fresh AS TABLE vault; DELETE FROM vault; INSERT INTO vault SELECT * FROM kept; SELECT 1");
    expect_outcome(unseal_with(NULL, OFFICER, old[0]), VAULT_OK, NULL);
    request *rq = unseal_with(NULL, OFFICER, old[1]);
    assert_int_equal(rq->err.code, VAULT_INTEGRITY);
    assert_false(is_open(NULL));
    pg_sql("DELETE FROM vault; INSERT INTO vault SELECT * FROM fresh; DROP TABLE kept, fresh; SELECT 1");
    expect_opens(NULL, given_share[0], given_share[1]);
    fixture_reset();
}

TEST("a rekeying is a line: who, why, by which approval; a refused one, too")
{
    int64_t since = clock_now_us();
    take_shares(rekey_by_two(NULL, false));
    expect_outcome(rekey(NULL, ADMINISTRATOR, "approvals/00000000000000000000000000000000", false), VAULT_NOT_FOUND,
                   "APPROVAL_UNKNOWN");
    const char *lines = views_since(since);
    assert_int_equal(occurrences(lines, "\"document\":\"operation\""), 3); /* proposed, approved, done */
    assert_int_equal(occurrences(lines, "\"change\":\"rekey\""), 2);       /* done, refused */
    assert_int_equal(occurrences(lines, "\"clause\":\"APPROVAL_UNKNOWN\""), 1);
    assert_null(strstr(lines, "rvs1-"));
    fixture_reset();
}
