/* What witnesses have cosigned, kept; and which checkpoint proofs for others lead to. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/witness.h"

static note_signer a, b;
static witness_policy *policy;

static void new_witness(note_signer *out, const char *name, uint8_t seed)
{
    uint8_t whole[32];
    memset(whole, seed, sizeof whole);
    signer_free(&out->by);
    expect_ok(signer_new(&out->by, SIGNATURE_ED25519, bytes_of(whole, 32), &err), &err);
    expect_ok(cosigner_key_make(&out->key, name, signer_public_key(out->by), &err), &err);
}

static void given_policy(const char *quorum)
{
    const char *text = arena_format(mem, "witness a %s\nwitness b %s\ngroup both all a b\nquorum %s\n",
                                    cosigner_key_text(&a.key, mem), cosigner_key_text(&b.key, mem), quorum);
    expect_ok(witness_policy_read(&policy, mem, bytes_of_text(text), &err), &err);
    ledger_witnessed_by(book, policy);
}

static void given_witnessed_log(const char *quorum)
{
    given_log();
    new_witness(&a, "witness.test/a", 1);
    new_witness(&b, "witness.test/b", 2);
    given_policy(quorum);
}

static const char *published(void)
{
    int64_t size;
    const char *note;
    given_lines(3);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    expect_ok(store_checkpoint_read(db, mem, &size, &note, &err), &err);
    return note;
}

/* The note with the cosignature of one more, made when the clock of the test stands. */
static const char *cosigned(const char *note, const note_signer *by)
{
    bytes text;
    const char *made;
    assert_true(note_unverified(&text, bytes_of_text(note)));
    expect_ok(cosign(&made, mem, text, by, clock_now_us() / 1000000, &err), &err);
    return arena_format(mem, "%s%s", note, made);
}

static bool kept(const char *note)
{
    bool enough;
    expect_ok(ledger_keep_cosigned(book, db, bytes_of_text(note), &enough, &err), &err);
    return enough;
}

static const char *anchored(void)
{
    anchor at;
    expect_ok(ledger_anchor(&at, book, db, mem, &err), &err);
    assert_int_equal(tree_of_note(at.note).size, at.tree.size);
    return at.note;
}

static void expect_none(void)
{
    anchor at;
    expect_code(ledger_cosigned(&at, book, db, mem, &err), VAULT_NOT_FOUND, &err);
}

TEST("before anything is published there is nothing that proofs lead to")
{
    anchor at;
    given_witnessed_log("a");
    expect_code(ledger_anchor(&at, book, db, mem, &err), VAULT_NOT_FOUND, &err);
    expect_none();
}

TEST("a checkpoint that enough witnesses have cosigned is kept, and is what proofs lead to until a newer one is")
{
    given_witnessed_log("both");
    const char *first = published();
    assert_false(kept(first));
    assert_false(kept(cosigned(first, &a)));
    expect_none();
    assert_string_equal(anchored(), first);
    first = cosigned(cosigned(first, &a), &b);
    assert_true(kept(first));
    const char *second = published();
    assert_string_equal(anchored(), first);
    assert_true(kept(cosigned(cosigned(second, &b), &a)));
    assert_string_equal(anchored(), cosigned(cosigned(second, &b), &a));
    assert_true(kept(first)); /* an older one that comes late changes nothing */
    assert_string_equal(anchored(), cosigned(cosigned(second, &b), &a));
}

TEST("witnesses that are away for long do not keep proofs of newer lines away; a log that stands still is not stale")
{
    given_witnessed_log("a");
    const char *first = cosigned(published(), &a);
    assert_true(kept(first));
    clock_set_for_test(INT64_C(1000000) * (NOON + 86400));
    assert_string_equal(anchored(), first);
    const char *second = published();
    assert_string_equal(anchored(), first);
    clock_set_for_test(INT64_C(1000000) * (NOON + 86400));
    assert_string_equal(anchored(), second);
    anchor at;
    expect_ok(ledger_cosigned(&at, book, db, mem, &err), &err); /* but whoever asks for it gets it */
    assert_string_equal(at.note, first);
}

TEST("a witness whose clock is ahead does not keep proofs of newer lines away either")
{
    given_witnessed_log("a");
    const char *first = published();
    clock_set_for_test(INT64_C(1000000) * (NOON + 365 * 86400));
    assert_true(kept(cosigned(first, &a)));
    const char *second = published();
    clock_set_for_test(INT64_C(1000000) * (NOON + 86400));
    assert_string_equal(anchored(), second);
}

TEST("what is edited in the table, larger than what was published, or not wanted any more, is not cosigned")
{
    given_witnessed_log("a");
    const char *first = published(), *good = cosigned(first, &a);
    assert_true(kept(good));
    pg_sql("UPDATE cosigned SET note = replace(note, 'witness.test/a', 'witness.test/b')");
    expect_none();
    assert_string_equal(anchored(), first);
    assert_true(kept(good));
    pg_sql("UPDATE cosigned SET note = 'rubbish'");
    expect_none();
    assert_string_equal(anchored(), first);
    assert_true(kept(good));
    const char *second = cosigned(published(), &a);
    assert_true(kept(second));
    pg_sql("UPDATE published SET size = %lld, note = '%s'", (long long)tree_of_note(first).size, first);
    expect_none();
    assert_string_equal(anchored(), first);
    given_policy("b");
    expect_none();
    given_policy("none");
    ledger_witnessed_by(book, NULL);
    expect_none();
    assert_string_equal(anchored(), first);
}

TEST("a policy that wants nobody makes no checkpoint cosigned by nobody")
{
    given_witnessed_log("none");
    const char *first = published();
    assert_false(kept(first));
    expect_none();
    assert_true(kept(cosigned(first, &b)));
}

TEST("a note of another log, an edited one, or one with a wrong cosignature, is never kept")
{
    bool enough;
    given_witnessed_log("a");
    const char *first = published(), *good = cosigned(first, &a);
    char *edited = arena_text(mem, bytes_of_text(good));
    edited[strlen(ORIGIN) + 1] = edited[strlen(ORIGIN) + 1] == '3' ? '4' : '3';
    expect_code(ledger_keep_cosigned(book, db, bytes_of_text(edited), &enough, &err), VAULT_INVALID, &err);
    expect_code(ledger_keep_cosigned(book, db, bytes_of_text("x\n"), &enough, &err), VAULT_INVALID, &err);
    char *wrong = arena_text(mem, bytes_of_text(good));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_false(kept(wrong));
    note_signer stranger = {.by = a.by};
    expect_ok(note_key_make(&stranger.key, ORIGIN, SIGNATURE_ED25519, signer_public_key(a.by), &err), &err);
    const char *foreign;
    bytes text;
    assert_true(note_unverified(&text, bytes_of_text(first)));
    expect_ok(note_sign(&foreign, mem, text, &stranger, 1, &err), &err);
    expect_code(ledger_keep_cosigned(book, db, bytes_of_text(cosigned(foreign, &a)), &enough, &err), VAULT_INVALID,
                &err);
    expect_none();
}
