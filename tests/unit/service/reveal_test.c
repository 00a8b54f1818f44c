#include "tests/support/vault_fixture.h"
#include "vault/audit/merkle.h"

#include <stdio.h>
#include <stdlib.h>

TEST("a department reveals the fields that its purpose allows")
{
    resident r;
    uint64_t who = resident_in_street(0);
    the_resident(who, &r);
    const char *token = token_for(ELDERCARE, "elder-care", who);
    request *rq = reveal(ELDERCARE, "elder-care", token, MASK("phone", "name", "residence_address"));
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(revealed(rq, 1), resident_text(&r, FIELD_NAME));
    assert_string_equal(revealed(rq, 2), resident_text(&r, FIELD_RESIDENCE_ADDRESS));
    fixture_reset();
}

TEST("every reveal writes one line before it answers, and so does every refusal")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    int64_t before = lines_in_log();
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 1);
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("religion")), VAULT_DENIED, "acting");
    assert_int_equal(lines_in_log(), before + 2);
    fixture_reset();
}

TEST("a refusal names the clause that failed")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ELDERCARE, "no-such-purpose", token, MASK("name")), VAULT_DENIED, "purpose");
    expect_outcome(reveal(ELDERCARE, "family-doctor", token, MASK("name")), VAULT_DENIED, "consumer");
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name", "education")), VAULT_DENIED, "fields");
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("workplace")), VAULT_DENIED, "dates");
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("religion")), VAULT_DENIED, "acting");
    expect_outcome(reveal(OFFICER, "elder-care", token, MASK("name")), VAULT_DENIED, "role");
    expect_outcome(reveal(ADMINISTRATOR, "elder-care", token, MASK("name")), VAULT_DENIED, "role");
    expect_outcome(reveal("vault://dev/apps/stranger", "elder-care", token, MASK("name")), VAULT_UNAUTHENTICATED,
                   "PRINCIPAL_UNKNOWN");
    fixture_reset();
}

static void expect_same_refusal(const request *a, const request *b)
{
    expect_outcome(a, VAULT_DENIED, "resident");
    expect_outcome(b, VAULT_DENIED, "resident");
    bytes x = status_packed(fixture_memory(), &a->err), y = status_packed(fixture_memory(), &b->err);
    assert_true(x.len > 0 && bytes_same(x, y));
}

TEST("nobody can tell a resident elsewhere from one who does not exist, or whose token is another's")
{
    const char *elsewhere = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    const char *foreign = token_for(CLINIC, "family-doctor", resident_in_street(0));
    request *a = reveal(ELDERCARE, "elder-care", elsewhere, MASK("name"));
    request *b = reveal(ELDERCARE, "elder-care", foreign, MASK("name"));
    expect_same_refusal(a, b);
    fixture_reset();
}

TEST("a typing slip is told from a forgery, and writes no line")
{
    char slip[64];
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    int64_t before = lines_in_log();
    snprintf(slip, sizeof slip, "%s", token);
    slip[10] = slip[10] == 'q' ? 'p' : 'q';
    expect_outcome(reveal(ELDERCARE, "elder-care", slip, MASK("name")), VAULT_INVALID, "TOKEN_MISTYPED");
    assert_int_equal(lines_in_log(), before);
    fixture_reset();
}

TEST("the receipt proves the line under the checkpoint's root")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    request *rq = reveal(ELDERCARE, "elder-care", token, MASK("name"));
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Receipt *receipt = ((const Vault__V1__RevealResponse *)(const void *)rq->out)->receipt;
    assert_non_null(receipt);
    assert_int_equal(receipt->n_lines, 1);
    digest leaf = merkle_leaf(bytes_of(receipt->lines[0]->leaf.data, receipt->lines[0]->leaf.len)), root, path[64];
    for (size_t i = 0; i < receipt->n_path; i++) memcpy(path[i].at, receipt->path[i].data, DIGEST_LEN);
    const char *size_line = strchr(receipt->checkpoint, '\n') + 1, *root_line = strchr(size_line, '\n') + 1;
    size_t len = 0;
    assert_true(base64_decode(root.at, sizeof root.at, &len, root_line, (size_t)(strchr(root_line, '\n') - root_line)));
    const merkle_path siblings = {.at = path, .len = receipt->n_path};
    const merkle_tree tree = {.size = strtoll(size_line, NULL, 10), .root = root};
    assert_true(merkle_verify_inclusion(&leaf, (int64_t)receipt->first_line, &tree, siblings));
    const bytes view[] = {bytes_of(receipt->lines[0]->resident_salt.data, 16),
                          bytes_of(receipt->lines[0]->resident_view.data, receipt->lines[0]->resident_view.len)};
    digest opened = sha256_parts(view, 2);
    assert_memory_equal(opened.at, receipt->lines[0]->leaf.data + 42, DIGEST_LEN);
    fixture_reset();
}

TEST("calls that run together answer each for itself")
{
    enum { CALLS = 40 };
    asked calls[CALLS];
    request *out[CALLS];
    const char *mine = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    const char *other = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    int64_t before = lines_in_log();
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = ELDERCARE,
                           .purpose = i % 5 ? "elder-care" : "unheard-of",
                           .in = &reveal_of(i % 2 ? mine : other, MASK("name"))->base};
    ask_many(calls, out, CALLS);
    for (size_t i = 0; i < CALLS; i++)
        expect_outcome(out[i], i % 5 && i % 2 ? VAULT_OK : VAULT_DENIED, i % 5 ? i % 2 ? NULL : "resident" : "purpose");
    assert_int_equal(lines_in_log(), before + CALLS);
    fixture_reset();
}
