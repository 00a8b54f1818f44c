/* Use, checkpoints, certificates, receipts. A small log is made here. */
#include "tests/unit/verify/fixture.h"

enum { LINES = 9, FIRST = 3, COUNT = 4, LEAF = 74 };

static const char *checkpoint_by(const note_signer *signers, size_t count)
{
    merkle_tree tree = {.size = 3};
    memset(tree.root.at, 7, DIGEST_LEN);
    return note_by(checkpoint_text(mem, NAME, &tree), signers, count);
}

/* ---- use ---- */

TEST("wrong use is told apart from a verdict, and --help says all")
{
    given_keys();
    const char *note = text_file(checkpoint_by(&log_signer, 1));
    assert_int_equal(RUN("checkpoint", note), EXIT_USAGE);
    assert_int_equal(RUN("--key", vkey(&log_signer)), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer)), EXIT_USAGE);
    assert_int_equal(RUN("ledger", "--key", vkey(&log_signer), note), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--key", "nonsense", note), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--key", text_file(""), note), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--key", text_file("rubbish\n"), note), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", "--trust", note), EXIT_USAGE);
    assert_int_equal(RUN("checkpoint", note, "--key"), EXIT_USAGE);
    assert_int_equal(RUN("--help"), EXIT_VALID);
    assert_non_null(strstr(printed, "EXAMPLES"));
}

TEST("a key is given as text or as a file of several; more than it takes are refused")
{
    given_keys();
    const char *note = text_file(checkpoint_by(&log_signer, 1));
    const char *both = text_file(arena_format(mem, "%s\n%s\n", vkey(&stranger), vkey(&log_signer)));
    assert_int_equal(RUN("checkpoint", "--key", both, note), EXIT_VALID);
    assert_int_equal(RUN("checkpoint", "--key", text_file(vkey(&log_signer)), note), EXIT_VALID);
    char *many = arena_text(mem, bytes_of_text(""));
    for (int i = 0; i <= KEYS_MAX; i++) many = arena_format(mem, "%s%s\n", many, vkey(&log_signer));
    assert_int_equal(RUN("checkpoint", "--key", text_file(many), note), EXIT_USAGE);
}

/* ---- checkpoints ---- */

TEST("a checkpoint is valid under any of its keys, Ed25519 or SM2, and says what it says")
{
    given_keys();
    const note_signer both[] = {log_signer, national};
    const char *note = text_file(checkpoint_by(both, 2));
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), note), EXIT_VALID);
    assert_non_null(strstr(printed, "origin " NAME "\n"));
    assert_non_null(strstr(printed, "size 3\n"));
    assert_int_equal(RUN("checkpoint", "--key", vkey(&national), note), EXIT_VALID);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&stranger), note), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--json", "--key", vkey(&national), note), EXIT_VALID);
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    expect_ok(json_read(&whole, bytes_of_text(printed), "output", &err), &err);
    assert_string_equal(json_string_value(json_object_get(whole, "verdict")), "valid");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(whole, "checkpoint"), "size")), 3);
}

static void expect_one_object(const char *file)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    assert_ptr_equal(strchr(printed, '\n'), printed + strlen(printed) - 1);
    expect_ok(json_read(&whole, bytes_of_text(printed), "output", &err), &err);
    assert_non_null(strstr(json_string_value(json_object_get(whole, "file")), file));
    assert_non_null(json_string_value(json_object_get(whole, "verdict")));
}

TEST("with --json each file is one object in one line, also where its name is not UTF-8 or a place cuts it")
{
    given_keys();
    const char *note = checkpoint_by(&log_signer, 1), *key = vkey(&log_signer);
    const char *odd = arena_format(mem, "%s/\xff\xe7\x8e-\xc0\xaf\x80\"", folder);
    expect_ok(file_create(odd, bytes_of_text(note), &err), &err);
    assert_int_equal(RUN("checkpoint", "--json", "--key", key, odd), EXIT_VALID);
    expect_one_object("/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd-\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    char *wide = arena_format(mem, "%s/x", folder);
    for (int i = 0; i < 60; i++) wide = arena_format(mem, "%s\xe7\x8e\x8b", wide);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(RUN("log", "--json", "--key", key, wide), EXIT_INCOMPLETE);
        expect_one_object("\xe7\x8e\x8b");
        wide = arena_format(mem, "%s/.%s", folder, wide + strlen(folder) + 1);
    }
    assert_int_equal(RUN("checkpoint", "--json", "--key", key, "\xff"), EXIT_INCOMPLETE);
    expect_one_object("\xef\xbf\xbd");
}

TEST("the tree of no lines has one root: a checkpoint of another is tampered with")
{
    given_keys();
    merkle_tree tree = {.size = 0, .root = sha256(bytes_of(NULL, 0))};
    const char *good = note_by(checkpoint_text(mem, NAME, &tree), &log_signer, 1), *key = vkey(&log_signer);
    assert_int_equal(RUN("checkpoint", "--key", key, text_file(good)), EXIT_VALID);
    tree.root.at[31] ^= 1;
    const char *bad = note_by(checkpoint_text(mem, NAME, &tree), &log_signer, 1);
    assert_int_equal(RUN("checkpoint", "--key", key, text_file(bad)), EXIT_TAMPERED);
    assert_non_null(strstr(printed, "no lines"));
}

TEST("a line of an extension is never empty")
{
    given_keys();
    static const char *const bad[] = {"\n", "\nmore\n", "more\n\n", "more\n\nmore\n"};
    merkle_tree tree = {.size = 3};
    const char *text = checkpoint_text(mem, NAME, &tree), *key = vkey(&log_signer);
    const char *good = note_by(arena_format(mem, "%smore\n and more\n", text), &log_signer, 1);
    assert_int_equal(RUN("checkpoint", "--key", key, text_file(good)), EXIT_VALID);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *note = note_by(arena_format(mem, "%s%s", text, bad[i]), &log_signer, 1);
        assert_int_equal(RUN("checkpoint", "--key", key, text_file(note)), EXIT_INCOMPLETE);
        assert_non_null(strstr(printed, "not a checkpoint"));
    }
}

TEST("with --all every key must have signed")
{
    given_keys();
    const note_signer both[] = {log_signer, national};
    const char *one = text_file(checkpoint_by(both, 1)), *two = text_file(checkpoint_by(both, 2));
    assert_int_equal(RUN("checkpoint", "--all", "--key", vkey(&log_signer), "--key", vkey(&national), one),
                     EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--all", "--key", vkey(&log_signer), "--key", vkey(&national), two), EXIT_VALID);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), "--key", vkey(&national), one), EXIT_VALID);
}

/* What --json says. */
static json_int_t unchecked(void)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    expect_ok(json_read(&whole, bytes_of_text(printed), "output", &err), &err);
    return json_integer_value(json_object_get(whole, "unchecked_signatures"));
}

TEST("a signature whose key was not given is not looked at, which is said, and with --all not taken")
{
    given_keys();
    const note_signer both[] = {log_signer, national};
    const char *ed = vkey(&log_signer), *sm2 = vkey(&national), *note = text_file(checkpoint_by(both, 2));
    assert_int_equal(RUN("checkpoint", "--key", ed, note), EXIT_VALID);
    assert_non_null(strstr(printed, ": valid; signatures by keys that were not given: 1\n"));
    assert_int_equal(RUN("checkpoint", "--json", "--key", ed, note), EXIT_VALID);
    assert_int_equal(unchecked(), 1);
    assert_int_equal(RUN("checkpoint", "--all", "--key", sm2, note), EXIT_UNVERIFIABLE);
    assert_non_null(strstr(printed, "a signature is by no key that was given"));
    assert_int_equal(RUN("checkpoint", "--json", "--all", "--key", ed, "--key", sm2, "--key", ed, note), EXIT_VALID);
    assert_int_equal(unchecked(), 0);
    assert_int_equal(RUN("checkpoint", "--key", ed, "--key", sm2, note), EXIT_VALID);
    assert_non_null(strstr(printed, ": valid\n"));
}

TEST("whatever byte of a note is changed, it is valid under no key, or a signature is said not to have been checked")
{
    given_keys();
    const note_signer both[] = {log_signer, national};
    const char *note = checkpoint_by(both, 2);
    size_t len = strlen(note), at = (size_t)(strstr(note, "\n\n") - note) + 2;
    uint8_t *edited = arena_alloc(mem, len);
    const key_list keys = {.at = {log_signer.key, national.key}, .count = 2};
    checkpoint c;
    for (size_t i = at; i < len; i++) {
        memcpy(edited, note, len);
        edited[i] ^= 1;
        finding f = check_checkpoint(&c, bytes_of(edited, len), &keys);
        assert_true(f.verdict != VALID || f.unchecked == 1);
    }
}

TEST("whatever byte of a note is changed, it is never valid; under both keys a changed text is tampered with")
{
    given_keys();
    const note_signer both[] = {log_signer, national};
    const char *note = checkpoint_by(both, 2);
    size_t len = strlen(note);
    uint8_t *edited = arena_alloc(mem, len);
    const key_list keys = {.at = {log_signer.key, national.key}, .count = 2, .all = true};
    checkpoint c;
    for (size_t i = 0; i < len; i++) {
        memcpy(edited, note, len);
        edited[i] ^= 1;
        assert_int_not_equal(check_checkpoint(&c, bytes_of(edited, len), &keys).verdict, VALID);
        assert_int_not_equal(check_checkpoint(&c, bytes_of(note, i), &keys).verdict, VALID);
    }
    char *text = arena_text(mem, bytes_of_text(note));
    text[strlen(NAME) + 1] = '4'; /* the size */
    assert_int_equal(RUN("checkpoint", "--key", vkey(&national), text_file(text)), EXIT_TAMPERED);
}

TEST("a signed text of another log, or one that is no checkpoint, is not one")
{
    given_keys();
    const char *other = checkpoint_text(mem, "somebody/else", &(merkle_tree){.size = 1});
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), text_file(note_by(other, &log_signer, 1))),
                     EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), "--key", vkey(&stranger),
                         text_file(note_by(other, &log_signer, 1))),
                     EXIT_UNVERIFIABLE); /* a log's name is its own key's to sign */
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), text_file(note_by("hello\n", &log_signer, 1))),
                     EXIT_INCOMPLETE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), text_file("")), EXIT_INCOMPLETE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), folder), EXIT_INCOMPLETE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), "/nowhere"), EXIT_INCOMPLETE);
}

/* ---- certificates ---- */

static const char CERTIFICATE[] = "resident-vault/certificate 1\nvault " NAME "\nring record\nversion 1\nsuite intl\n"
                                  "successor 2 gm\nreferences keys 0\nreferences vouchers 0\nreferences requests 0\n"
                                  "residents 13\nlog 4711\ncontrol 17\ntime 2026-11-22T12:00:00.000000Z\n";

static char *without(const char *line)
{
    const char *at = strstr(CERTIFICATE, line), *end = strchr(at, '\n') + 1;
    return arena_format(mem, "%.*s%s", (int)(at - CERTIFICATE), CERTIFICATE, end);
}

static int judged(const char *text)
{
    return RUN("certificate", "--key", vkey(&log_signer), text_file(note_by(text, &log_signer, 1)));
}

TEST("a certificate is valid when nothing referred to the key, and every line of it is shown")
{
    given_keys();
    assert_int_equal(judged(CERTIFICATE), EXIT_VALID);
    assert_non_null(strstr(printed, "ring record\n"));
    assert_non_null(strstr(printed, "residents 13\n"));
    const char *note = text_file(note_by(CERTIFICATE, &log_signer, 1));
    assert_int_equal(RUN("certificate", "--json", "--key", vkey(&log_signer), note), EXIT_VALID);
    assert_non_null(strstr(printed, "\"references\":{\"keys\":\"0\",\"vouchers\":\"0\",\"requests\":\"0\"}"));
    assert_int_equal(RUN("certificate", "--key", vkey(&stranger), note), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), note), EXIT_INCOMPLETE);
    const note_signer both[] = {log_signer, national};
    note = text_file(note_by(CERTIFICATE, both, 2));
    assert_int_equal(RUN("certificate", "--key", vkey(&national), note), EXIT_VALID);
    assert_non_null(strstr(printed, "not given: 1\n"));
    assert_int_equal(RUN("certificate", "--all", "--key", vkey(&national), note), EXIT_UNVERIFIABLE);
}

TEST("one that names a reference, lacks or doubles a line, or is of another vault or format, is not valid")
{
    given_keys();
    static const char *const LINES_OF_IT[] = {"vault ",     "ring ", "version ", "suite ",
                                              "successor ", "log ",  "control ", "time "};
    for (size_t i = 0; i < sizeof LINES_OF_IT / sizeof *LINES_OF_IT; i++)
        assert_int_equal(judged(without(arena_format(mem, "\n%s", LINES_OF_IT[i]) + 1)), EXIT_INCOMPLETE);
    assert_int_equal(judged(arena_format(mem, "%sring term/name\n", CERTIFICATE)), EXIT_INCOMPLETE);
    assert_int_equal(judged(arena_format(mem, "%sodd\n", CERTIFICATE)), EXIT_INCOMPLETE);
    assert_int_equal(judged(arena_format(mem, "%sreferences rows 1\n", CERTIFICATE)), EXIT_TAMPERED);
    assert_int_equal(judged(arena_format(mem, "%sreferences keys 00\n", CERTIFICATE)), EXIT_TAMPERED);
    assert_int_equal(judged(arena_format(mem, "resident-vault/certificate 2\n%s", strchr(CERTIFICATE, '\n') + 1)),
                     EXIT_INCOMPLETE);
    char *other = arena_text(mem, bytes_of_text(CERTIFICATE));
    memcpy(strstr(other, "/test"), "/else", 5);
    assert_int_equal(judged(other), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("certificate", "--key", vkey(&log_signer), "--key", vkey(&stranger),
                         text_file(note_by(CERTIFICATE, &stranger, 1))),
                     EXIT_UNVERIFIABLE);
}

TEST("a verdict that cannot be written is not valid; another one stays what it is")
{
    given_keys();
    const char *good = text_file(checkpoint_by(&log_signer, 1)), *foreign = text_file(checkpoint_by(&stranger, 1));
    char *const of_good[] = {"vault-verify",          "checkpoint", "--key", (char *)(uintptr_t)vkey(&log_signer),
                             (char *)(uintptr_t)good, NULL};
    char *const of_foreign[] = {
        "vault-verify", "checkpoint", "--key", (char *)(uintptr_t)vkey(&log_signer), (char *)(uintptr_t)foreign, NULL};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(verify_run(5, of_good, full), EXIT_USAGE);
    assert_int_equal(verify_run(5, of_foreign, full), EXIT_UNVERIFIABLE);
    fclose(full);
}

/* ---- receipts ---- */

/* Lines FIRST to FIRST + COUNT - 1 of a log of LINES; the first of them opens with a resident's view. */
static json_t *receipt_json(void)
{
    static const char VIEW[] = "{\"department\":\"civil-affairs\"}", SALT[] = "sixteen bytes...";
    static uint8_t leaves[LINES][LEAF];
    digest hashes[LINES];
    merkle_batch *tree;
    merkle_path path;
    for (int i = 0; i < LINES; i++) {
        memset(leaves[i], i + 1, LEAF);
        if (i == FIRST) {
            const bytes parts[] = {bytes_of(SALT, 16), bytes_of_text(VIEW)};
            digest d = sha256_parts(parts, 2);
            memcpy(leaves[i] + 42, d.at, DIGEST_LEN);
        }
        hashes[i] = merkle_leaf(bytes_of(leaves[i], LEAF));
    }
    expect_ok(merkle_append(&tree, mem, (merkle_frontier){0}, hashes, LINES, &err), &err);
    expect_ok(merkle_batch_path(tree, mem, FIRST, COUNT, &path, &err), &err);
    merkle_tree head = {.size = LINES, .root = merkle_batch_root(tree)};
    json_t *lines = json_array(), *hashes_json = json_array();
    for (int i = 0; i < COUNT; i++)
        json_array_append_new(lines, json_pack("{s:s}", "leaf", base64(bytes_of(leaves[FIRST + i], LEAF))));
    json_object_set_new(json_array_get(lines, 0), "resident_view", json_string(VIEW));
    json_object_set_new(json_array_get(lines, 0), "resident_salt", json_string(base64(bytes_of(SALT, 16))));
    for (size_t i = 0; i < path.len; i++)
        json_array_append_new(hashes_json, json_string(base64(digest_bytes(&path.at[i]))));
    return json_pack("{s:i, s:o, s:o, s:s}", "first_line", FIRST, "lines", lines, "path", hashes_json, "checkpoint",
                     note_by(checkpoint_text(mem, NAME, &head), &log_signer, 1));
}

static int judged_receipt(json_t *of)
{
    VAULT_CLEANUP(json_clear)
    json_t *whole = json_pack("{s:s, s:[o]}", "format", "resident-vault-receipts-1", "receipts", of);
    char *text = json_dumps(whole, 0);
    int code = RUN("receipt", "--key", vkey(&log_signer), text_file(text));
    free(text);
    return code;
}

static json_t *first_line(json_t *of)
{
    return json_array_get(json_object_get(of, "lines"), 0);
}

TEST("a receipt is valid, and says which lines it is of")
{
    given_keys();
    assert_int_equal(judged_receipt(receipt_json()), EXIT_VALID);
    assert_non_null(strstr(printed, "lines 3 to 6: valid"));
    const note_signer both[] = {log_signer, national};
    json_t *of = receipt_json();
    const char *once = json_string_value(json_object_get(of, "checkpoint"));
    const char *text = arena_format(mem, "%.*s", (int)(strstr(once, "\n\n") + 1 - once), once);
    json_object_set_new(of, "checkpoint", json_string(note_by(text, both, 2)));
    assert_int_equal(judged_receipt(of), EXIT_VALID);
    assert_non_null(strstr(printed, "not given: 1\n"));
}

TEST("every part of a receipt that is changed is noticed, and called by its right name")
{
    given_keys();
    json_t *r = receipt_json();
    json_object_set_new(first_line(r), "leaf", json_string(base64(bytes_of(folder, 10))));
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    r = receipt_json();
    json_object_set_new(first_line(r), "resident_view", json_string("{\"department\":\"health\"}"));
    assert_int_equal(judged_receipt(r), EXIT_TAMPERED);
    r = receipt_json();
    json_object_del(first_line(r), "resident_salt");
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    r = receipt_json();
    json_object_set_new(r, "first_line", json_integer(FIRST + 1));
    assert_int_equal(judged_receipt(r), EXIT_TAMPERED);
    r = receipt_json();
    json_array_remove(json_object_get(r, "lines"), 3);
    assert_int_equal(judged_receipt(r), EXIT_TAMPERED);
    r = receipt_json();
    json_array_remove(json_object_get(r, "path"), 0);
    assert_int_equal(judged_receipt(r), EXIT_TAMPERED);
    r = receipt_json();
    json_array_append_new(json_object_get(r, "path"), json_string(base64(bytes_of(NAME NAME, DIGEST_LEN))));
    assert_int_equal(judged_receipt(r), EXIT_TAMPERED);
    r = receipt_json();
    json_array_clear(json_object_get(r, "lines"));
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    r = receipt_json();
    json_object_set_new(r, "first_line", json_integer(-1));
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    r = receipt_json();
    json_object_set_new(r, "extra", json_true());
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    assert_int_equal(judged_receipt(json_string("no receipt")), EXIT_INCOMPLETE);
}

TEST("a receipt that does not hold is named by all of its lines, and one without any by its place in the file")
{
    given_keys();
    json_t *r = receipt_json();
    json_object_set_new(r, "checkpoint", json_string(checkpoint_by(&stranger, 1)));
    assert_int_equal(judged_receipt(r), EXIT_UNVERIFIABLE);
    assert_non_null(strstr(printed, "lines 3 to 6: unverifiable"));
    r = receipt_json();
    json_array_clear(json_object_get(r, "lines"));
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    assert_non_null(strstr(printed, "  receipt 1 of the file: incomplete"));
    r = receipt_json();
    json_object_set_new(r, "first_line", json_integer(-1));
    assert_int_equal(judged_receipt(r), EXIT_INCOMPLETE);
    assert_non_null(strstr(printed, "  receipt 1 of the file: incomplete"));
}

TEST("a file that is no file of receipts is incomplete, and the gravest verdict of several files counts")
{
    given_keys();
    static const char *const BAD[] = {"", "{", "[]", "{\"format\":\"resident-vault-receipts-2\",\"receipts\":[1]}",
                                      "{\"format\":\"resident-vault-receipts-1\",\"receipts\":[]}"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(RUN("receipt", "--key", vkey(&log_signer), text_file(BAD[i])), EXIT_INCOMPLETE);
    char *edited = arena_text(mem, bytes_of_text(checkpoint_by(&log_signer, 1)));
    const char *good = text_file(edited), *foreign = text_file(checkpoint_by(&stranger, 1));
    edited[strlen(NAME) + 1] = '4';
    const char *tampered = text_file(edited);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), good, foreign), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), foreign, "/nowhere", good), EXIT_INCOMPLETE);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), foreign, tampered, "/nowhere"), EXIT_TAMPERED);
}

TEST("it reads, and writes nothing")
{
    struct stat before, after;
    given_keys();
    const char *path = text_file(checkpoint_by(&log_signer, 1));
    chmod(path, 0400);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(RUN("checkpoint", "--key", vkey(&log_signer), path), EXIT_VALID);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}
