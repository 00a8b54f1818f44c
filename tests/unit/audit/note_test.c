#include "tests/support/harness.h"
#include "vault/audit/note.h"
#include "vault/base/secret.h"

#include <stdio.h>

/* The example of golang.org/x/mod/sumdb/note (package comment), made by another program. */
static const char PETER_KEY[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char PETER_NOTE[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static signer *by;
static note_key key;
static arena *mem;

static void given_log(const char *name)
{
    vault_error err = {0};
    const uint8_t seed[32] = {1, 2, 3};
    signer_free(&by);
    arena_free(&mem);
    mem = arena_new(1 << 20);
    expect_ok(signer_new(&by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    expect_ok(note_key_make(&key, name, SIGNATURE_ED25519, signer_public_key(by), &err), &err);
}

static const char *signed_text(const char *text)
{
    vault_error err = {0};
    const char *note = NULL;
    expect_ok(note_sign(&note, mem, bytes_of_text(text), &(note_signer){key, by}, 1, &err), &err);
    return note;
}

static note_verdict opened(const char *note)
{
    bytes text;
    return note_open(&text, bytes_of_text(note), &key);
}

TEST("a note made by another program opens under its key and gives its text")
{
    vault_error err = {0};
    note_key peter;
    bytes text;
    expect_ok(note_key_parse(&peter, bytes_of_text(PETER_KEY), &err), &err);
    assert_int_equal(note_open(&text, bytes_of_text(PETER_NOTE), &peter), NOTE_VERIFIED);
    assert_int_equal(text.len, strstr(PETER_NOTE, "\n\n") + 1 - PETER_NOTE);
}

TEST("a verifier key survives writing and reading, and a wrong id, type, length or name is refused")
{
    vault_error err = {0};
    note_key again;
    given_log("resident-vault/dev");
    const char *text = note_key_text(&key, mem);
    expect_ok(note_key_parse(&again, bytes_of_text(text), &err), &err);
    assert_memory_equal(&again, &key, sizeof key);
    const char *BAD[] = {"",
                         "PeterNeumann",
                         "PeterNeumann+c74f20a3",
                         "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                         "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                         "PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                         "PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                         "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T=",
                         "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
                         "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        expect_code(note_key_parse(&again, bytes_of_text(BAD[i]), &err), VAULT_INVALID, &err);
    }
    static const char ZEROS[] = "PeterNeumann\0\0+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    expect_code(note_key_parse(&again, bytes_of(ZEROS, sizeof ZEROS - 1), &err), VAULT_INVALID, &err);
}

TEST("the name of a log has no space, plus, control character or other alphabet, and an end")
{
    vault_error err = {0};
    char longest[NOTE_NAME_MAX + 2] = {0};
    given_log("a");
    memset(longest, 'x', NOTE_NAME_MAX);
    expect_ok(note_key_make(&key, longest, SIGNATURE_ED25519, signer_public_key(by), &err), &err);
    memset(longest, 'x', NOTE_NAME_MAX + 1);
    const char *BAD[] = {"",
                         "a b",
                         "a+b",
                         "a\nb",
                         "caf\xC3\xA9",
                         "a\xE2\x80\x83"
                         "b",
                         longest};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        expect_code(note_key_make(&key, BAD[i], SIGNATURE_ED25519, signer_public_key(by), &err), VAULT_INVALID, &err);
    }
}

TEST("our own note opens; every changed byte of it is refused or is another key's")
{
    given_log("resident-vault/dev");
    const char *note = signed_text("resident-vault/dev\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
    assert_int_equal(opened(note), NOTE_VERIFIED);
    size_t len = strlen(note);
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes text;
            char *changed = arena_text(mem, bytes_of_text(note));
            changed[i] = (char)(changed[i] ^ 1 << bit);
            assert_int_not_equal(note_open(&text, bytes_of(changed, len), &key), NOTE_VERIFIED);
            assert_int_equal(text.len, 0);
        }
    }
}

TEST("a cut note is never accepted")
{
    given_log("resident-vault/dev");
    const char *note = signed_text("resident-vault/dev\n5\nroot\n");
    for (size_t len = 0; len < strlen(note); len++) {
        bytes text;
        assert_int_not_equal(note_open(&text, bytes_of(note, len), &key), NOTE_VERIFIED);
    }
}

TEST("an unknown key is told from a forged signature")
{
    given_log("resident-vault/dev");
    const char *ours = signed_text("text\n");
    assert_int_equal(opened(PETER_NOTE), NOTE_NO_SIGNATURE);
    char *forged = arena_text(mem, bytes_of_text(ours));
    forged[1] = 'a';
    assert_int_equal(opened(forged), NOTE_BAD_SIGNATURE);
    assert_int_equal(opened("text\n"), NOTE_MALFORMED);
}

TEST("foreign signatures beside ours are skipped, before and after it; a wrong one beside a right one is refused")
{
    given_log("resident-vault/dev");
    const char *ours = signed_text("text\n"), *line = strchr(ours, '\n') + 2;
    const char *other = "\xE2\x80\x94 witness.example/w1 AAAAAAECAwQFBgc=\n";
    assert_int_equal(opened(arena_format(mem, "text\n\n%s%s%s", other, line, other)), NOTE_VERIFIED);
    char *wrong = arena_text(mem, bytes_of_text(line));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_int_equal(opened(arena_format(mem, "text\n\n%s%s", line, wrong)), NOTE_BAD_SIGNATURE);
}

TEST("malformed notes: no blank line, no newline at the end, control characters, NUL, rubbish for a signature, too "
     "many of them")
{
    given_log("resident-vault/dev");
    const char *line = strchr(signed_text("text\n"), '\n') + 2;
    const char *BAD[] = {"text",
                         "\n\n",
                         "text\n\n",
                         "text\n\nnot a signature\n",
                         "text\n\n\xE2\x80\x94 name\n",
                         "text\n\n\xE2\x80\x94 name AAAA\n",
                         "text\n\n\xE2\x80\x94  AAAAAAAA\n",
                         "text\n\n- name AAAAAAAA\n",
                         "text\n\n\xE2\x80\x94 name AAAA AAAA\n",
                         "text\n\n\xE2\x80\x94 name AAAAAAA\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) assert_int_equal(opened(BAD[i]), NOTE_MALFORMED);
    assert_int_equal(opened(arena_format(mem, "te\rxt\n\n%s", line)), NOTE_MALFORMED);
    assert_int_equal(opened(arena_format(mem, "text\n\n%snot a signature\n", line)), NOTE_MALFORMED);
    char *zero = arena_text(mem, bytes_of_text(signed_text("text\n")));
    bytes text;
    zero[2] = '\0';
    assert_int_equal(note_open(&text, bytes_of(zero, strlen(line) + 6), &key), NOTE_MALFORMED);
    char *many = arena_format(mem, "text\n\n");
    for (int i = 0; i <= NOTE_SIGNATURES_MAX; i++) many = arena_format(mem, "%s\xE2\x80\x94 n AAAAAAAA\n", many);
    assert_int_equal(opened(many), NOTE_MALFORMED);
}

TEST("a text that is not a note's is not signed")
{
    vault_error err = {0};
    const char *note;
    given_log("resident-vault/dev");
    const char *BAD[] = {"", "\n", "no newline", "tab\there\n", "bell\a\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        expect_code(note_sign(&note, mem, bytes_of_text(BAD[i]), &(note_signer){key, by}, 1, &err), VAULT_INTERNAL,
                    &err);
    }
}

TEST("a checkpoint survives writing and reading, with extensions left for their readers")
{
    given_log("resident-vault/dev");
    merkle_tree tree = {.size = 20852163, .root = {{9, 8, 7}}};
    checkpoint c;
    const char *text = checkpoint_text(mem, key.name, &tree);
    assert_true(checkpoint_parse(&c, bytes_of_text(text)));
    assert_true(bytes_same(c.origin, bytes_of_text(key.name)));
    assert_int_equal(c.tree.size, tree.size);
    assert_memory_equal(&c.tree.root, &tree.root, sizeof tree.root);
    assert_int_equal(c.extensions.len, 0);
    assert_true(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "%sextra\n", text))));
    assert_true(bytes_same(c.extensions, bytes_of_text("extra\n")));
}

TEST("a checkpoint with a signed, padded, huge or missing size, or a root of another length, is refused")
{
    static const char ROOT[] = "CQgHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    static const char *SIZES[] = {"",
                                  "-1",
                                  "+1",
                                  "01",
                                  "00",
                                  " 1",
                                  "1 ",
                                  "0x1",
                                  "4611686018427387905",
                                  "9522825022085201014",
                                  "99999999999999999999",
                                  "1\n"};
    checkpoint c;
    given_log("resident-vault/dev");
    assert_true(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n0\n%s\n", ROOT))));
    assert_true(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n4611686018427387904\n%s\n", ROOT))));
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        assert_false(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n%s\n%s\n", SIZES[i], ROOT))));
    }
    assert_false(checkpoint_parse(&c, bytes_of_text("o\n1\nAAAA\n")));
    assert_false(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n1\n%s", ROOT))));
    assert_false(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n1\n%sAAAA\n", ROOT))));
    assert_false(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "\n1\n%s\n", ROOT))));
    assert_false(checkpoint_parse(&c, bytes_of_text(arena_format(mem, "o\n1\n%s\nextra", ROOT))));
}

/* ---- SM2 ---- */

/* Computed by Python's hashlib and base64. */
static const char SM2_KEY[] = "resident-vault/test+b9cf929a+/"
                              "3Jlc2lkZW50LXZhdWx0L3NtMi1zbTMEAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpK"
                              "issLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

TEST("the key of an SM2 signature is named by type ff and a longer identifier")
{
    vault_error err = {0};
    note_key made, again;
    uint8_t point[SM2_PUBLIC_KEY_LEN] = {4};
    for (size_t i = 0; i < 64; i++) point[i + 1] = (uint8_t)i;
    arena_free(&mem);
    mem = arena_new(1 << 20);
    expect_ok(note_key_make(&made, "resident-vault/test", SIGNATURE_SM2, bytes_of(point, sizeof point), &err), &err);
    assert_string_equal(note_key_text(&made, mem), SM2_KEY);
    expect_ok(note_key_parse(&again, bytes_of_text(SM2_KEY), &err), &err);
    assert_memory_equal(&made, &again, sizeof made);
    expect_code(note_key_make(&made, "a", SIGNATURE_SM2, bytes_of(point, PUBLIC_KEY_LEN), &err), VAULT_INVALID, &err);
    expect_code(note_key_make(&made, "a", SIGNATURE_ED25519, bytes_of(point, sizeof point), &err), VAULT_INVALID, &err);
    expect_code(note_key_make(&made, "a", (signature_kind)3, bytes_of(point, sizeof point), &err), VAULT_INVALID, &err);
}

TEST("a verifier key of type ff under another identifier, or cut, is none")
{
    vault_error err = {0};
    char *text = arena_text(mem, bytes_of_text(SM2_KEY));
    for (size_t i = strlen("resident-vault/test+"); i < strlen(text); i++) {
        note_key again;
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        expect_code(note_key_parse(&again, bytes_of_text(text), &err), VAULT_INVALID, &err);
        text[i] = kept;
        expect_code(note_key_parse(&again, bytes_of(text, i), &err), VAULT_INVALID, &err);
    }
}
