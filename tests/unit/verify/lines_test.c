/* vault-verify range, archive, proof: lines by themselves; and witnesses' policies. */
#include "tests/unit/verify/town.h"

/* ---- files of lines ---- */

typedef struct range_of {
    int64_t first, count;
    bool archive;
    const char *origin;
    const note_signer *by; /* of an archive's note */
} range_of;

/* As the ledger stores them: of every line what it completes. */
static lines_file_line line_at(const made_log *l, int64_t index)
{
    static uint8_t nodes[MERKLE_LEVELS][DIGEST_LEN];
    static const uint8_t sealed[300] = {1, 2, 3};
    bytes made = merkle_batch_nodes(l->tree, (size_t)index);
    memcpy(nodes, made.at, made.len);
    return (lines_file_line){.leaf = bytes_of(l->leaves[index], LEAF),
                             .nodes = bytes_of(nodes, made.len),
                             .officer = bytes_of(sealed, 200 + (size_t)index % 100),
                             .resident = bytes_of(sealed, index % 3 ? 60 : 0),
                             .resident_tag = index,
                             .person_tag = -index};
}

static const char *lines_file_with(const made_log *l, const range_of *r)
{
    char *body = NULL;
    size_t body_len = 0;
    lines_body written;
    bytes front;
    const char *text, *note;
    lines_file_head head = {
        .origin = r->origin ? r->origin : NAME, .first = r->first, .count = r->count, .archive = r->archive};
    expect_ok(merkle_batch_path(l->tree, mem, r->first, (size_t)r->count, &head.path, &err), &err);
    FILE *to = open_memstream(&body, &body_len);
    lines_body_begin(&written);
    for (int64_t i = r->first; i < r->first + r->count; i++) {
        const lines_file_line one = line_at(l, i);
        expect_ok(lines_file_put(to, &written, &one, r->archive, &err), &err);
    }
    fclose(to);
    lines_body_end(&head, &written);
    expect_ok(lines_file_text(&text, mem, &head, &err), &err);
    note = r->archive ? note_by(text, r->by ? r->by : &log_signer, 1) : text;
    expect_ok(lines_file_front(&front, mem, bytes_of_text(note), bytes_of_text(l->note), &err), &err);
    char *path = arena_format(mem, "%s/%d.lines", folder, ++paths);
    FILE *f = fopen(path, "wb");
    fwrite(front.at, 1, front.len, f);
    fwrite(body, 1, body_len, f);
    fclose(f);
    free(body);
    return path;
}

static int judged_lines(const char *kind, const char *path)
{
    return RUN(kind, "--key", vkey(&log_signer), path);
}

TEST("ranges are valid wherever they begin and end, archives in whole tiles")
{
    made_log l = log_of(805);
    static const range_of ranges[] = {{.first = 0, .count = 805},
                                      {.first = 0, .count = 1},
                                      {.first = 804, .count = 1},
                                      {.first = 3, .count = 700},
                                      {.first = 255, .count = 2}};
    static const range_of archives[] = {{.first = 0, .count = 256, .archive = true},
                                        {.first = 256, .count = 512, .archive = true},
                                        {.first = 0, .count = 768, .archive = true}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_int_equal(judged_lines("range", lines_file_with(&l, &ranges[i])), EXIT_VALID);
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
        assert_int_equal(judged_lines("archive", lines_file_with(&l, &archives[i])), EXIT_VALID);
    assert_true(says("first 0\n") && says("lines 768\n") && says("size 805\n"));
}

/* What stands before the first line. */
static size_t front_of(content c, const made_log *l, int64_t first)
{
    const uint8_t *at = memmem(c.at, c.len, l->leaves[first], LEAF);
    assert_non_null(at);
    return (size_t)(at - c.at);
}

/* Each byte of the file changed by one bit, the file cut before it, and what it is called. */
static void attack_lines(const char *kind, const char *path, size_t front, size_t each)
{
    content c = content_of(path);
    for (size_t i = 0; i < c.len; i += each) {
        c.at[i] ^= (uint8_t)(1u << i % 8);
        put_back(path, c);
        int code = judged_lines(kind, path);
        assert_true(i < front ? code != EXIT_VALID : code == EXIT_TAMPERED);
        c.at[i] ^= (uint8_t)(1u << i % 8);
        put_file(path, bytes_of(c.at, i));
        assert_int_equal(judged_lines(kind, path), EXIT_INCOMPLETE);
    }
    put_file(path, bytes_of(c.at, c.len + 1));
    assert_int_equal(judged_lines(kind, path), EXIT_TAMPERED);
    put_back(path, c);
    assert_int_equal(judged_lines(kind, path), EXIT_VALID);
}

TEST("one flipped bit anywhere in a range or an archive is never valid, and a file that is cut is incomplete")
{
    made_log l = log_of(300);
    const char *range = lines_file_with(&l, &(range_of){.first = 250, .count = 9});
    const char *archive = lines_file_with(&l, &(range_of){.first = 0, .count = 256, .archive = true});
    attack_lines("range", range, front_of(content_of(range), &l, 250), 1);
    attack_lines("archive", archive, front_of(content_of(archive), &l, 0), 397);
}

TEST("a flipped bit of a length is tampering, in the last line, too, and a missing part of the last line is not")
{
    made_log l = log_of(300);
    const char *path = lines_file_with(&l, &(range_of){.first = 0, .count = 256, .archive = true});
    content c = content_of(path);
    const lines_file_line last = line_at(&l, 255);
    size_t nodes = front_of(c, &l, 255) + LEAF, officer = nodes + 2 + last.nodes.len;
    const size_t lengths[] = {nodes, officer, officer + 2 + last.officer.len};
    for (int i = 0; i < 3 * 16; i++) {
        size_t at = lengths[i / 16] + (size_t)(i / 8 % 2);
        c.at[at] ^= (uint8_t)(1u << i % 8);
        put_back(path, c);
        assert_int_equal(judged_lines("archive", path), EXIT_TAMPERED);
        assert_true(i % 16 >= 8 || says("line 255")); /* a high byte: more than there is */
        c.at[at] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t end = nodes; end < c.len; end += 7) {
        put_file(path, bytes_of(c.at, end));
        assert_int_equal(judged_lines("archive", path), EXIT_INCOMPLETE);
        assert_true(says("line 255"));
    }
}

TEST("a flipped bit of an archive's leaf, node or sealed view is tampering, with the place where there is one")
{
    made_log l = log_of(805);
    const char *path = lines_file_with(&l, &(range_of){.first = 256, .count = 256, .archive = true});
    content c = content_of(path);
    const uint8_t *leaf = memmem(c.at, c.len, l.leaves[300], LEAF);
    assert_non_null(leaf);
    flip(path, (size_t)(leaf - c.at) + 20, 1);
    assert_int_equal(judged_lines("archive", path), EXIT_TAMPERED);
    assert_true(says("lines 300 to 301"));
    put_back(path, c);
    leaf = memmem(c.at, c.len, l.leaves[303], LEAF);
    flip(path, (size_t)(leaf - c.at) + LEAF + 2 + DIGEST_LEN, 1); /* its second node */
    assert_int_equal(judged_lines("archive", path), EXIT_TAMPERED);
    assert_true(says("lines 300 to 303"));
    put_back(path, c);
    flip(path, c.len - 1, 0); /* a tag */
    assert_int_equal(judged_lines("archive", path), EXIT_TAMPERED);
    put_back(path, c);
    flip(path, (size_t)(leaf - c.at) + LEAF + 2 + 2 * DIGEST_LEN + 2 + 100, 4); /* a view */
    assert_int_equal(judged_lines("archive", path), EXIT_TAMPERED);
}

TEST("an archive that somebody else has signed, and a file of another kind or log, are told apart")
{
    made_log l = log_of(300);
    const range_of archive = {.first = 0, .count = 256, .archive = true, .by = &stranger}, range = {.count = 5};
    assert_int_equal(judged_lines("archive", lines_file_with(&l, &archive)), EXIT_UNVERIFIABLE);
    assert_int_equal(judged_lines("archive", lines_file_with(&l, &range)), EXIT_INCOMPLETE);
    assert_int_equal(judged_lines("range", lines_file_with(&l, &(range_of){.count = 256, .archive = true})),
                     EXIT_INCOMPLETE);
    assert_int_equal(judged_lines("range", lines_file_with(&l, &(range_of){.count = 5, .origin = "somebody/else"})),
                     EXIT_TAMPERED);
    assert_int_equal(RUN("range", "--key", vkey(&stranger), lines_file_with(&l, &range)), EXIT_UNVERIFIABLE);
    assert_int_equal(judged_lines("range", text_file("")), EXIT_INCOMPLETE);
    assert_int_equal(judged_lines("range", "/nowhere"), EXIT_INCOMPLETE);
    assert_int_equal(judged_lines("range", folder), EXIT_INCOMPLETE);
}

TEST("an archive that another log's key has signed is not verified, though that key was given, too")
{
    made_log l = log_of(300);
    const range_of archive = {.first = 0, .count = 256, .archive = true, .by = &stranger};
    const char *path = lines_file_with(&l, &archive);
    assert_int_equal(RUN("archive", "--key", vkey(&log_signer), "--key", vkey(&stranger), path), EXIT_UNVERIFIABLE);
    assert_true(says("the archive is of another log"));
}

TEST("a range's lines that are swapped, or of another place, do not lead to the root")
{
    made_log l = log_of(300), other = log_with(300, 100, 9);
    const char *path = lines_file_with(&l, &(range_of){.first = 90, .count = 30});
    content c = content_of(path);
    uint8_t *a = c.at + c.len - 2 * LEAF, kept[LEAF];
    memcpy(kept, a, LEAF);
    memcpy(a, a + LEAF, LEAF);
    memcpy(a + LEAF, kept, LEAF);
    put_back(path, c);
    assert_int_equal(judged_lines("range", path), EXIT_TAMPERED);
    assert_true(says("lines 90 to 119"));
    other.note = l.note;
    assert_int_equal(judged_lines("range", lines_file_with(&other, &(range_of){.first = 90, .count = 30})),
                     EXIT_TAMPERED);
}

/* ---- proofs ---- */

static const char *proof_file(const made_log *l, int64_t index, bool extra)
{
    tlog_proof p = {.index = index, .checkpoint = bytes_of_text(l->note)};
    if (extra) p.extra = bytes_of(l->leaves[index], LEAF);
    expect_ok(merkle_batch_path(l->tree, mem, index, 1, &p.path, &err), &err);
    return text_file(tlog_proof_text(mem, &p));
}

TEST("a proof is valid of the leaf that it brings, of one that is given, or of a receipt's")
{
    made_log l = log_of(300);
    const char *leaf = base64(bytes_of(l.leaves[117], LEAF)), *other = base64(bytes_of(l.leaves[118], LEAF));
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), proof_file(&l, 117, true)), EXIT_VALID);
    assert_true(says("index 117\n") && says("size 300\n") && says("time 2025-11-22T04:00:00.000117Z\n"));
    const char *bare = proof_file(&l, 117, false);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), bare), EXIT_INCOMPLETE);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--leaf", leaf, bare), EXIT_VALID);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--leaf", other, bare), EXIT_TAMPERED);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--leaf", other, proof_file(&l, 117, true)),
                     EXIT_TAMPERED); /* what it brings itself is nobody's word */
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--leaf", "!", bare), EXIT_INCOMPLETE);
    const char *receipt = text_file(arena_format(
        mem,
        "{\"format\":\"resident-vault-receipts-1\",\"receipts\":[{\"first_line\":116,\"lines\":[{\"leaf\":\"%s\"},"
        "{\"leaf\":\"%s\"}],\"path\":[],\"checkpoint\":\"\"}]}",
        other, leaf));
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--receipt", receipt, bare), EXIT_VALID);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--receipt", receipt, proof_file(&l, 118, true)),
                     EXIT_INCOMPLETE);
    assert_int_equal(RUN("proof", "--key", vkey(&log_signer), "--receipt", receipt, proof_file(&l, 116, true)),
                     EXIT_TAMPERED);
}

TEST("whatever byte of a proof is changed or cut, it is not valid")
{
    made_log l = log_of(12);
    const char *path = proof_file(&l, 7, true);
    content c = content_of(path);
    for (size_t i = 0; i < c.len; i++) {
        c.at[i] ^= 1;
        put_back(path, c);
        assert_int_not_equal(RUN("proof", "--key", vkey(&log_signer), path), EXIT_VALID);
        c.at[i] ^= 1;
        put_file(path, bytes_of(c.at, i));
        assert_int_not_equal(RUN("proof", "--key", vkey(&log_signer), path), EXIT_VALID);
    }
}

/* ---- officers' views in receipts ---- */

TEST("a receipt's officer's view opens its leaf, or is tampered with")
{
    static const char VIEW[] = "{\"app\":\"clinic\"}", SALT[] = "sixteen bytes...";
    made_log l = log_of(1);
    const bytes parts[] = {bytes_of(SALT, 16), bytes_of_text(VIEW)};
    digest opened = sha256_parts(parts, 2);
    memcpy(l.leaves[0] + 10, opened.at, DIGEST_LEN);
    l.hashes[0] = merkle_leaf(bytes_of(l.leaves[0], LEAF));
    static const struct {
        const char *view;
        int verdict;
    } tried[] = {{"{\"app\":\"clinic\"}", EXIT_VALID}, {"{\"app\":\"school\"}", EXIT_TAMPERED}};
    for (size_t i = 0; i < 2; i++) {
        json_t *whole = json_pack("{s:s, s:[{s:i, s:[{s:s, s:s, s:s}], s:[], s:s}]}", "format",
                                  "resident-vault-receipts-1", "receipts", "first_line", 0, "lines", "leaf",
                                  base64(bytes_of(l.leaves[0], LEAF)), "officer_view", tried[i].view, "officer_salt",
                                  base64(bytes_of(SALT, 16)), "path", "checkpoint", note_of_size(&l, 1));
        char *text = json_dumps(whole, 0);
        assert_int_equal(RUN("receipt", "--key", vkey(&log_signer), text_file(text)), tried[i].verdict);
        free(text);
        json_decref(whole);
    }
    assert_true(says("lines 0 to 0: tampered"));
}

/* ---- witnesses ---- */

typedef struct cosigned_log {
    made_log log;
    const char *policy, *note; /* policy: file; note: with one witness's line */
    note_signer witness;
} cosigned_log;

static cosigned_log given_witness(const char *quorum)
{
    cosigned_log c = {.log = log_of(300), .witness = signer_of("witness.example/w1", SIGNATURE_ED25519, 9)};
    const char *line;
    bytes text;
    expect_ok(cosigner_key_make(&c.witness.key, "witness.example/w1", signer_public_key(c.witness.by), &err), &err);
    assert_true(note_unverified(&text, bytes_of_text(c.log.note)));
    expect_ok(cosign(&line, mem, text, &c.witness, 1763784000, &err), &err);
    c.note = arena_format(mem, "%s%s", c.log.note, line);
    c.policy = text_file(arena_format(mem, "log %s\nwitness w1 %s\nquorum %s\n", vkey(&log_signer),
                                      cosigner_key_text(&c.witness.key, mem), quorum));
    put_file(in_folder(&c.log, "checkpoint"), bytes_of_text(c.note));
    return c;
}

TEST("with a policy a checkpoint needs its witnesses, whatever file it stands in")
{
    cosigned_log c = given_witness("w1");
    const char *bare = text_file(c.log.note), *cosigned = text_file(c.note);
    assert_int_equal(RUN("checkpoint", "--policy", c.policy, cosigned), EXIT_VALID); /* the log's key stands in it */
    assert_true(says("witnessed_since 2025-11-22T04:00:00.000000Z\n"));
    assert_int_equal(RUN("checkpoint", "--policy", c.policy, bare), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), bare), EXIT_VALID);
    assert_int_equal(RUN("log", "--quiet", "--policy", c.policy, "--old", bare, c.log.folder), EXIT_VALID);
    assert_int_equal(RUN("proof", "--policy", c.policy, proof_file(&c.log, 7, true)), EXIT_UNVERIFIABLE);
    c.log.note = c.note;
    assert_int_equal(RUN("proof", "--policy", c.policy, proof_file(&c.log, 7, true)), EXIT_VALID);
    assert_int_equal(RUN("range", "--policy", c.policy, lines_file_with(&c.log, &(range_of){.count = 9})), EXIT_VALID);
    signer_free(&c.witness.by);
}

TEST("without a policy cosignatures are not looked at, which each kind says; with --all they are not taken")
{
    cosigned_log c = given_witness("w1");
    c.log.note = c.note;
    const char *range = lines_file_with(&c.log, &(range_of){.count = 9});
    const char *archive = lines_file_with(&c.log, &(range_of){.count = 256, .archive = true});
    const struct {
        const char *kind, *file;
    } each[] = {{"checkpoint", text_file(c.note)},
                {"proof", proof_file(&c.log, 7, true)},
                {"range", range},
                {"archive", archive},
                {"log", c.log.folder}};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        assert_int_equal(RUN(each[i].kind, "--quiet", "--key", vkey(&log_signer), each[i].file), EXIT_VALID);
        assert_true(says(": valid; signatures by keys that were not given: 1\n"));
        assert_int_equal(RUN(each[i].kind, "--quiet", "--all", "--key", vkey(&log_signer), each[i].file),
                         EXIT_UNVERIFIABLE);
        assert_int_equal(RUN(each[i].kind, "--quiet", "--all", "--policy", c.policy, each[i].file), EXIT_VALID);
        assert_true(says(": valid\n"));
    }
    const char *old = text_file(c.note); /* the reader's own: with whatever is on it */
    assert_int_equal(RUN("log", "--quiet", "--all", "--policy", c.policy, "--old", old, c.log.folder), EXIT_VALID);
    signer_free(&c.witness.by);
}

TEST("a policy with more logs than keys are held is refused: none is left out in silence")
{
    given_keys();
    char *policy = arena_format(mem, "%s", "");
    for (int i = 0; i <= KEYS_MAX; i++) {
        note_signer one = signer_of(NAME, SIGNATURE_ED25519, (uint8_t)(100 + i));
        policy = arena_format(mem, "%slog %s\n", policy, vkey(&one));
        signer_free(&one.by);
    }
    policy = arena_format(mem, "%squorum none\n", policy);
    assert_int_equal(RUN("checkpoint", "--all", "--policy", text_file(policy), text_file("")), EXIT_USAGE);
}

TEST("a cosignature of a time that no calendar has is none")
{
    cosigned_log c = given_witness("w1");
    const char *line;
    bytes text;
    assert_true(note_unverified(&text, bytes_of_text(c.log.note)));
    expect_ok(cosign(&line, mem, text, &c.witness, INT64_MAX, &err), &err);
    const char *note = arena_format(mem, "%s%s", c.log.note, line);
    assert_int_equal(RUN("checkpoint", "--policy", c.policy, text_file(note)), EXIT_TAMPERED);
    signer_free(&c.witness.by);
}

TEST("a wrong cosignature of a witness is tampering, though the policy would do without it")
{
    cosigned_log c = given_witness("none");
    assert_int_equal(RUN("checkpoint", "--policy", c.policy, text_file(c.log.note)), EXIT_VALID);
    char *wrong = arena_text(mem, bytes_of_text(c.note));
    size_t at = strlen(wrong) - 20;
    wrong[at] = wrong[at] == 'A' ? 'B' : 'A';
    assert_int_equal(RUN("checkpoint", "--policy", c.policy, text_file(wrong)), EXIT_TAMPERED);
    assert_true(says("w1"));
    assert_int_equal(RUN("checkpoint", "--policy", text_file("quorum nobody\n"), text_file(c.note)), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--policy", "/nowhere", text_file(c.note)), EXIT_USAGE);
    signer_free(&c.witness.by);
}
