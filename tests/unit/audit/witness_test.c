#include "tests/support/harness.h"
#include "tests/vectors/cosignatures.inc"
#include "vault/audit/note_parts.h"
#include "vault/audit/witness.h"

#include <stdio.h>
#include <stdlib.h>

static arena *mem;
static note_key w1, w2, owner;

static void given_keys(void)
{
    vault_error err = {0};
    arena_free(&mem);
    mem = arena_new(4 << 20);
    expect_ok(cosigner_key_parse(&w1, bytes_of_text(W1_KEY), &err), &err);
    expect_ok(cosigner_key_parse(&w2, bytes_of_text(W2_KEY), &err), &err);
    expect_ok(note_key_parse(&owner, bytes_of_text(LOG_KEY), &err), &err);
}

/* The checkpoint with the log's signature and these lines. */
static bytes note_of(const char *a, const char *b)
{
    return bytes_of_text(arena_format(mem, "%s\n%s%s%s", TEXT, LOG_LINE, a, b));
}

static note_verdict opened(bytes note)
{
    int64_t seconds;
    return cosignature_open(&seconds, note, &w1);
}

/* ---- cosignatures ---- */

TEST("cosignatures made by another program open, and say when they were made")
{
    int64_t seconds;
    given_keys();
    bytes note = note_of(W1_LINE, W2_LINE), text;
    assert_int_equal(cosignature_open(&seconds, note, &w1), NOTE_VERIFIED);
    assert_int_equal(seconds, 1679315147);
    assert_int_equal(cosignature_open(&seconds, note, &w2), NOTE_VERIFIED);
    assert_int_equal(seconds, 1679315200);
    assert_int_equal(note_open(&text, note, &owner), NOTE_VERIFIED);
}

TEST("our cosignature is byte for byte that of another program")
{
    vault_error err = {0};
    uint8_t seed[32];
    signer *by;
    const char *line;
    given_keys();
    memset(seed, 1, sizeof seed);
    expect_ok(signer_new(&by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    note_key key;
    expect_ok(cosigner_key_make(&key, "witness.example/w1", signer_public_key(by), &err), &err);
    assert_memory_equal(&key, &w1, sizeof key);
    expect_ok(cosign(&line, mem, bytes_of_text(TEXT), &(note_signer){key, by}, 1679315147, &err), &err);
    assert_string_equal(line, W1_LINE);
    signer_free(&by);
}

TEST("a witness's key is told from a log's: neither is read as the other, and the text survives")
{
    vault_error err = {0};
    note_key key;
    given_keys();
    assert_string_equal(cosigner_key_text(&w1, mem), W1_KEY);
    expect_code(cosigner_key_parse(&key, bytes_of_text(LOG_KEY), &err), VAULT_INVALID, &err);
    expect_code(note_key_parse(&key, bytes_of_text(W1_KEY), &err), VAULT_INVALID, &err);
    char *text = arena_text(mem, bytes_of_text(W1_KEY));
    for (size_t i = strlen("witness.example/w1+"); i < strlen(text); i++) {
        char kept = text[i];
        text[i] = kept == 'B' ? 'C' : 'B';
        expect_code(cosigner_key_parse(&key, bytes_of_text(text), &err), VAULT_INVALID, &err);
        text[i] = kept;
        expect_code(cosigner_key_parse(&key, bytes_of(text, i), &err), VAULT_INVALID, &err);
    }
}

TEST("every flipped bit of a cosigned checkpoint is refused or takes the cosignature away")
{
    given_keys();
    bytes note = bytes_of_text(arena_format(mem, "%s\n%s", TEXT, W1_LINE));
    char *changed = arena_text(mem, note);
    assert_int_equal(opened(note), NOTE_VERIFIED);
    for (size_t i = 0; i < note.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            changed[i] = (char)(changed[i] ^ 1 << bit);
            assert_int_not_equal(opened(bytes_of(changed, note.len)), NOTE_VERIFIED);
            changed[i] = (char)(changed[i] ^ 1 << bit);
        }
    }
    for (size_t len = 0; len < note.len; len++) assert_int_not_equal(opened(bytes_of(changed, len)), NOTE_VERIFIED);
}

TEST("a log's own signature is no cosignature, nor one of another witness, nor one of the same name by another key")
{
    vault_error err = {0};
    int64_t seconds;
    note_key other;
    given_keys();
    assert_int_equal(opened(note_of("", "")), NOTE_NO_SIGNATURE);
    assert_int_equal(opened(note_of(W2_LINE, "")), NOTE_NO_SIGNATURE);
    expect_ok(cosigner_key_make(&other, w1.name, bytes_of(w2.public_key, PUBLIC_KEY_LEN), &err), &err);
    assert_int_equal(cosignature_open(&seconds, note_of(W1_LINE, ""), &other), NOTE_NO_SIGNATURE);
    memcpy(other.id, w1.id, KEY_ID_LEN); /* ids are short: a collision is a failure to verify */
    assert_int_equal(cosignature_open(&seconds, note_of(W1_LINE, ""), &other), NOTE_BAD_SIGNATURE);
}

TEST("a signature of type 01 under a witness's id is refused: a cosignature says when it was made")
{
    vault_error err = {0};
    uint8_t seed[32], signature[SIGNATURE_LEN];
    signer *by;
    given_keys();
    memset(seed, 1, sizeof seed);
    expect_ok(signer_new(&by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    expect_ok(signer_sign(by, signature, bytes_of_text(TEXT), &err), &err);
    const char *line = signature_line_text(mem, &w1, bytes_of(signature, sizeof signature));
    assert_int_equal(opened(note_of(line, "")), NOTE_BAD_SIGNATURE);
    signer_free(&by);
}

TEST("of two cosignatures of one witness the newer counts; one wrong beside one right spoils both")
{
    int64_t seconds;
    given_keys();
    assert_int_equal(cosignature_open(&seconds, note_of(W1_LATER, W1_LINE), &w1), NOTE_VERIFIED);
    assert_int_equal(seconds, 1679315999);
    char *wrong = arena_text(mem, bytes_of_text(W1_LATER));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_int_equal(opened(note_of(W1_LINE, wrong)), NOTE_BAD_SIGNATURE);
}

TEST("a time before 1970, or past 2^63, is not a time, and only checkpoints are cosigned")
{
    vault_error err = {0};
    uint8_t seed[32] = {1}, signature[COSIGNATURE_LEN] = {0x80};
    signer *by;
    const char *line;
    given_keys();
    assert_int_equal(opened(note_of(signature_line_text(mem, &w1, bytes_of(signature, sizeof signature)), "")),
                     NOTE_BAD_SIGNATURE);
    expect_ok(signer_new(&by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    const note_signer me = {w1, by};
    expect_code(cosign(&line, mem, bytes_of_text(TEXT), &me, -1, &err), VAULT_INTERNAL, &err);
    static const char *TEXTS[] = {"", "\n", "text\n", "o\n1\n", "o\n1\nAAAA\n", "o\n01\nCsUYapGGPo4dkMgIAUqom/"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        expect_code(cosign(&line, mem, bytes_of_text(TEXTS[i]), &me, 1, &err), VAULT_INTERNAL, &err);
    signer_free(&by);
}

TEST("a note with a signature of nearly 5 kB beside ours opens: keys of after the quantum computer")
{
    given_keys();
    uint8_t blob[4 + 5000] = {9, 9, 9, 9};
    char base64[4 * ((sizeof blob + 2) / 3) + 1];
    base64_encode(base64, bytes_of(blob, sizeof blob));
    const char *line = arena_format(mem, "\xE2\x80\x94 witness.example/w1 %s\n", base64);
    assert_int_equal(opened(note_of(line, W1_LINE)), NOTE_VERIFIED);
}

/* ---- joining ---- */

static const char *joined(bytes note, const char *more)
{
    vault_error err = {0};
    const note_key keys[] = {w1, w2};
    const char *out = NULL;
    expect_ok(note_join(&out, mem, note, bytes_of_text(more), (witness_keys){keys, 2}, &err), &err);
    return out;
}

TEST(
    "a checkpoint takes the good cosignatures of known witnesses, each once, and nothing else that stands in an answer")
{
    given_keys();
    const char *plain = (const char *)note_of("", "").at;
    const char *rubbish = "not a line\n\xE2\x80\x94 w AAAA\n\n\xE2\x80\x94  \n";
    char *wrong = arena_text(mem, bytes_of_text(W1_LINE));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_string_equal(joined(note_of("", ""), ""), plain);
    assert_string_equal(joined(note_of("", ""), rubbish), plain);
    assert_string_equal(joined(note_of("", ""), wrong), plain);
    assert_string_equal(joined(note_of("", ""), LOG_LINE), plain);
    assert_string_equal(joined(note_of("", ""), arena_format(mem, "%s%s%s", rubbish, wrong, W1_LINE)),
                        (const char *)note_of(W1_LINE, "").at);
    assert_string_equal(joined(note_of("", ""), arena_format(mem, "%s%s%s", W2_LINE, W1_LINE, W1_LINE)),
                        (const char *)note_of(W1_LINE, W2_LINE).at);
    assert_string_equal(joined(note_of(W1_LINE, ""), W1_LATER), (const char *)note_of(W1_LINE, "").at);
    const char *cut = arena_format(mem, "%.*s", (int)strlen(W1_LINE) - 1, W1_LINE);
    assert_string_equal(joined(note_of("", ""), cut), plain);
}

TEST("what is no note, or already spoilt, or full, takes no cosignature")
{
    vault_error err = {0};
    const char *out;
    given_keys();
    bytes more = bytes_of_text(W1_LINE);
    expect_code(note_join(&out, mem, bytes_of_text("text\n"), more, (witness_keys){&w1, 1}, &err), VAULT_INVALID, &err);
    char *wrong = arena_text(mem, bytes_of_text(W1_LINE));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    expect_code(note_join(&out, mem, note_of(wrong, ""), more, (witness_keys){&w1, 1}, &err), VAULT_INVALID, &err);
    bytes lines = note_of("", "");
    char *many = arena_format(mem, "%.*s", (int)lines.len, (const char *)lines.at);
    for (int i = 1; i < NOTE_SIGNATURES_MAX; i++) many = arena_format(mem, "%s\xE2\x80\x94 n AAAAAAAA\n", many);
    expect_code(note_join(&out, mem, bytes_of_text(many), more, (witness_keys){&w1, 1}, &err), VAULT_EXHAUSTED, &err);
}

/* ---- the policy ---- */

static const witness_policy *policy_of(const char *text)
{
    vault_error err = {0};
    witness_policy *p = NULL;
    expect_ok(witness_policy_read(&p, mem, bytes_of_text(text), &err), &err);
    return p;
}

TEST("a policy says its logs and witnesses, whatever the blanks and comments between them")
{
    given_keys();
    const witness_policy *p =
        policy_of(arena_format(mem,
                               "# of the district\n\n \t\nlog %s https://vault.example\n"
                               "\twitness  W1\t%s  https://w1.example:8843/a\n"
                               "  # one more\nwitness W2 %s\ngroup both all W1 W2 \nquorum both\n",
                               LOG_KEY, W1_KEY, W2_KEY));
    const note_key *logs;
    assert_int_equal(witness_policy_logs(p, &logs), 1);
    assert_memory_equal(logs, &owner, sizeof owner);
    assert_int_equal(witness_policy_count(p), 2);
    assert_string_equal(witness_policy_at(p, 0)->name, "W1");
    assert_string_equal(witness_policy_at(p, 0)->url, "https://w1.example:8843/a");
    assert_memory_equal(&witness_policy_at(p, 0)->key, &w1, sizeof w1);
    assert_string_equal(witness_policy_at(p, 1)->url, "");
}

TEST("what a policy does not say plainly is refused with its line")
{
    given_keys();
    const char *w = arena_format(mem, "witness a %s\nwitness b %s\n", W1_KEY, W2_KEY);
    const struct {
        const char *text, *line;
    } BAD[] = {
        {"", "line 1 "},
        {w, "line 3 "},
        {arena_format(mem, "%squorum a", w), "line 3 "},
        {arena_format(mem, "%squorum\n", w), "line 3 "},
        {arena_format(mem, "%squorum a b\n", w), "line 3 "},
        {arena_format(mem, "%squorum c\n", w), "line 3 "},
        {arena_format(mem, "%squorum a\nquorum a\n", w), "line 4 "},
        {arena_format(mem, "%squorum none\nquorum none\n", w), "line 4 "},
        {arena_format(mem, "quorum a\n%s", w), "line 1 "},
        {arena_format(mem, "%sgroup g 0 a b\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g 3 a b\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g 01 a b\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g +1 a b\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g ALL a b\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g any\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g any a a\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g any a none\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g any g\nquorum g\n", w), "line 3 "},
        {arena_format(mem, "%sgroup a any b\nquorum a\n", w), "line 3 "},
        {arena_format(mem, "%sgroup none any b\nquorum a\n", w), "line 3 "},
        {arena_format(mem, "%sgroup g any a\ngroup h any a\nquorum g\n", w), "line 4 "},
        {arena_format(mem, "%switness c %s\nquorum a\n", w, W1_KEY), "line 3 "},
        {arena_format(mem, "%switness c %s\nquorum a\n", w, LOG_KEY), "line 3 "},
        {arena_format(mem, "%switness c\nquorum a\n", w), "line 3 "},
        {arena_format(mem, "witness a %s u v\nquorum a\n", W1_KEY), "line 1 "},
        {arena_format(mem, "log %s\nlog %s\nquorum none\n", LOG_KEY, LOG_KEY), "line 2 "},
        {arena_format(mem, "log %s\nquorum none\n", W1_KEY), "line 1 "},
        {arena_format(mem, "%sQuorum a\n", w), "line 3 "},
        {arena_format(mem, "%squorum a # but\n", w), "line 3 "},
        {arena_format(mem, "%squorum a\r\n", w), "line 3 "},
        {arena_format(mem, "%sgroup %065d any a\nquorum a\n", w, 7), "line 3 "},
        {arena_format(mem, "witness a %s %0513d\nquorum a\n", W1_KEY, 7), "line 1 "},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        vault_error err = {0};
        witness_policy *p;
        vault_code code = witness_policy_read(&p, mem, bytes_of_text(BAD[i].text), &err);
        if (code != VAULT_INVALID || !strstr(err.detail, BAD[i].line)) print_error("%zu: %s\n", i, BAD[i].text);
        assert_non_null(strstr(err.detail, BAD[i].line));
        expect_code(code, VAULT_INVALID, &err);
    }
}

TEST("a policy with a NUL, too long a line of words, or too many groups, is refused; as many as there may be are not")
{
    static const char ZERO[] = "quorum no\0ne\n";
    vault_error err = {0};
    witness_policy *p;
    given_keys();
    expect_code(witness_policy_read(&p, mem, bytes_of(ZERO, sizeof ZERO - 1), &err), VAULT_INVALID, &err);
    const char *groups = arena_format(mem, "witness g0 %s\n", W1_KEY), *words = "group x any";
    for (int i = 1; i <= 64; i++) groups = arena_format(mem, "%sgroup g%d all g%d\n", groups, i, i - 1);
    for (int i = 0; i < 200; i++) words = arena_format(mem, "%s w%d", words, i);
    policy_of(arena_format(mem, "%squorum g64\n", groups));
    policy_of(arena_format(mem, "# %s\nquorum none\n", words));
    const char *BAD[] = {arena_format(mem, "%sgroup g65 all g64\nquorum g65\n", groups),
                         arena_format(mem, "%s\nquorum none\n", words)};
    for (size_t i = 0; i < 2; i++)
        expect_code(witness_policy_read(&p, mem, bytes_of_text(BAD[i]), &err), VAULT_INVALID, &err);
    char *large = arena_alloc(mem, POLICY_FILE_MAX + 2);
    memset(large, '\n', POLICY_FILE_MAX + 1);
    expect_code(witness_policy_read(&p, mem, bytes_of_text(large), &err), VAULT_INVALID, &err);
}

static bool met(const char *quorum, bytes note, int64_t *oldest)
{
    const char *text = arena_format(mem, "witness a %s\nwitness b %s\n%s", W1_KEY, W2_KEY, quorum);
    return witness_policy_met(policy_of(text), note, oldest);
}

TEST("a quorum is met by one, by any, by all or by a number of its members, and says since when")
{
    int64_t t;
    given_keys();
    bytes none = note_of("", ""), one = note_of(W1_LINE, ""), both = note_of(W1_LINE, W2_LINE);
    assert_true(met("quorum none\n", none, &t) && t == 0);
    assert_false(met("quorum a\n", none, &t));
    assert_true(met("quorum a\n", one, &t) && t == 1679315147);
    assert_false(met("quorum b\n", one, &t));
    assert_true(met("group g any a b\nquorum g\n", one, &t) && t == 1679315147);
    assert_true(met("group g any a b\nquorum g\n", both, &t) && t == 1679315200); /* the younger would do alone */
    assert_false(met("group g all a b\nquorum g\n", one, &t));
    assert_true(met("group g all a b\nquorum g\n", both, &t) && t == 1679315147);
    assert_true(met("group g 2 a b\nquorum g\n", both, &t));
    assert_true(met("group g any a\ngroup h all g b\nquorum h\n", both, &t) && t == 1679315147);
    assert_false(met("group g any a\ngroup h all g b\nquorum h\n", one, &t) || t != 0);
}

TEST("a wrong cosignature of a named witness spoils the note for the quorum, and what is no note meets none")
{
    int64_t t;
    given_keys();
    char *wrong = arena_text(mem, bytes_of_text(W2_LINE));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_false(met("group g any a b\nquorum g\n", note_of(W1_LINE, wrong), &t));
    assert_false(met("quorum none\n", bytes_of_text("text\n"), &t));
    assert_false(met("quorum none\n", bytes_of_text(""), &t));
}

/* A random policy is judged as its text says when it is read naively. */
typedef struct plain_group {
    int needed, members[8], count;
} plain_group;

static bool plainly_met(const plain_group *groups, int g, const bool *signed_by)
{
    int have = 0;
    for (int i = 0; i < groups[g].count; i++) {
        int m = groups[g].members[i];
        have += m < 100 ? signed_by[m] : plainly_met(groups, m - 100, signed_by);
    }
    return have >= groups[g].needed;
}

TEST("random policies of groups in groups are judged as a naive reading judges them")
{
    srandom(7);
    for (int round = 0; round < 200; round++) {
        given_keys();
        plain_group groups[3] = {{0}, {0}, {0}};
        bool by[2] = {random() & 1, random() & 1}, used[2] = {false, false};
        const char *text = arena_format(mem, "witness w0 %s\nwitness w1 %s\n", W1_KEY, W2_KEY);
        for (int g = 0; g < 3; g++) {
            const char *names = "";
            if (g > 0 && (g == 2 || random() & 1)) groups[g].members[groups[g].count++] = 100 + g - 1;
            if (g == 2 && groups[1].members[0] != 100) groups[g].members[groups[g].count++] = 100;
            for (int w = 0; w < 2; w++) {
                if (used[w] || (g < 2 && random() & 1)) continue;
                groups[g].members[groups[g].count++] = w, used[w] = true;
            }
            if (groups[g].count == 0) break;
            groups[g].needed = 1 + (int)(random() % groups[g].count);
            for (int i = 0; i < groups[g].count; i++) {
                int m = groups[g].members[i];
                names = arena_format(mem, "%s %c%d", names, m < 100 ? 'w' : 'g', m % 100);
            }
            text = arena_format(mem, "%sgroup g%d %d%s\n", text, g, groups[g].needed, names);
        }
        if (groups[0].count == 0 || groups[1].count == 0 || groups[2].count == 0) continue;
        int64_t t;
        bool got = witness_policy_met(policy_of(arena_format(mem, "%squorum g2\n", text)),
                                      note_of(by[0] ? W1_LINE : "", by[1] ? W2_LINE : ""), &t);
        assert_int_equal(got, plainly_met(groups, 2, by));
    }
}
