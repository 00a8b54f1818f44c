/* vault-verify log: whole logs, and everything that can be done to one. It makes threads (pthread_create), so that
 * ThreadSanitizer looks at it, too. */
#include "tests/unit/verify/town.h"

/* ---- valid ---- */

TEST("a log is valid at every shape that its tiles can have, by one thread or many")
{
    static const int64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 805, 66000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        made_log l = log_of(sizes[i]);
        assert_int_equal(judged_log(&l), EXIT_VALID);
        assert_true(says(arena_format(mem, "lines %lld\n", (long long)sizes[i])));
        assert_int_equal(RUN("log", "--threads", "8", "--key", vkey(&log_signer), l.folder), EXIT_VALID);
        assert_int_equal(RUN("log", "--threads", "1", "--json", "--key", vkey(&log_signer), l.folder), EXIT_VALID);
        assert_true(says("\"verdict\":\"valid\""));
    }
}

TEST("a log is valid where a tile has grown full since its checkpoint, and the narrow one is gone")
{
    made_log whole = log_of(512), l = log_of(300);
    content c = content_of(tile_file(&whole, TILE_ENTRIES, 1));
    put_file(in_folder(&l, "tile/entries/001"), bytes_of(c.at, c.len));
    c = content_of(tile_file(&whole, 0, 1));
    put_file(in_folder(&l, "tile/0/001"), bytes_of(c.at, c.len));
    unlink(tile_file(&l, TILE_ENTRIES, 1));
    unlink(tile_file(&l, 0, 1));
    assert_int_equal(judged_log(&l), EXIT_VALID);
    flip(in_folder(&l, "tile/0/001"), 43 * 32 + 1, 0);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("line 299"));
}

TEST("a log continues every checkpoint that it had, and says which")
{
    made_log l = log_of(805);
    static const int64_t sizes[] = {1, 255, 256, 257, 512, 700, 768, 769, 805};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *old = text_file(note_of_size(&l, sizes[i]));
        assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", old, l.folder), EXIT_VALID);
        assert_true(says(arena_format(mem, "continues %lld\n", (long long)sizes[i])));
    }
}

TEST(
    "a log of no lines is valid, and of another root tampered with, as is an older checkpoint of one: no line is named")
{
    given_keys();
    made_log l = log_of(0), later = log_of(3);
    merkle_tree tree = {.size = 0, .root = sha256(bytes_of(NULL, 0))};
    const char *good = note_by(checkpoint_text(mem, NAME, &tree), &log_signer, 1);
    put_file(in_folder(&l, "checkpoint"), bytes_of_text(good));
    assert_int_equal(judged_log(&l), EXIT_VALID);
    tree.root.at[0] ^= 1;
    const char *bad = note_by(checkpoint_text(mem, NAME, &tree), &log_signer, 1);
    put_file(in_folder(&l, "checkpoint"), bytes_of_text(bad));
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_false(says("lines 0 to"));
    const char *old = in_folder(&l, "checkpoint");
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", old, later.folder), EXIT_TAMPERED);
    assert_false(says("lines 0 to"));
}

/* ---- one bit ---- */

static const char *const FILES[] = {"tile/entries/000.p/5", "tile/0/000.p/5"};

/* Each bit in turn; in a short run one of every byte. */
static size_t step(size_t i)
{
    return getenv("VAULT_TEST_LONG") ? 1 : i % 8 == 7 ? 1 : 9;
}

TEST("one flipped bit in any entry or tile of a log is tampering; in its checkpoint it is never valid")
{
    made_log l = log_of(5);
    for (size_t f = 0; f < sizeof FILES / sizeof *FILES; f++) {
        const char *path = in_folder(&l, FILES[f]);
        content c = content_of(path);
        for (size_t i = 0; i < 8 * c.len; i += step(i)) {
            c.at[i / 8] ^= (uint8_t)(1u << i % 8);
            put_back(path, c);
            assert_int_equal(judged_log(&l), EXIT_TAMPERED);
            c.at[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        put_back(path, c);
    }
    const char *path = in_folder(&l, "checkpoint");
    content c = content_of(path);
    for (size_t i = 0; i < 8 * c.len; i += step(i)) {
        c.at[i / 8] ^= (uint8_t)(1u << i % 8);
        put_back(path, c);
        assert_int_not_equal(judged_log(&l), EXIT_VALID);
        c.at[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    put_back(path, c);
    assert_int_equal(judged_log(&l), EXIT_VALID);
}

TEST("the first place is named: the line, or the tile above it")
{
    made_log l = log_of(66000);
    const char *entries = tile_file(&l, TILE_ENTRIES, 100), *tile = tile_file(&l, 0, 200);
    flip(entries, 17 * TILE_ENTRY_LEN + 40, 3);
    flip(tile, 9 * 32, 7);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("line 25617")); /* 100 * 256 + 17 */
    assert_int_equal(RUN("log", "--threads", "1", "--quiet", "--key", vkey(&log_signer), l.folder), EXIT_TAMPERED);
    assert_true(says("line 25617"));
    flip(entries, 17 * TILE_ENTRY_LEN + 40, 3);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("line 51209")); /* 200 * 256 + 9 */
    flip(tile, 9 * 32, 7);
    flip(tile_file(&l, 1, 0), 33 * 32 + 5, 1);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("tile 1, lines 8448 to 8703")); /* 33 * 256 */
    flip(tile_file(&l, 1, 0), 33 * 32 + 5, 1);
    flip(tile_file(&l, 2, 0), 0, 0);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("tile 2, lines 0 to 65535"));
    flip(tile_file(&l, 2, 0), 0, 0);
    assert_int_equal(judged_log(&l), EXIT_VALID);
}

/* ---- lines cut, swapped, put in ---- */

TEST("a last line that is dropped is incomplete: the checkpoint knows of it")
{
    made_log l = log_of(300);
    const char *path = tile_file(&l, TILE_ENTRIES, 1);
    content c = content_of(path);
    put_file(path, bytes_of(c.at, c.len - TILE_ENTRY_LEN));
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
    assert_true(says("cut off: tile/entries/001.p/44"));
    unlink(path);
    put_file(in_folder(&l, "tile/entries/001.p/43"), bytes_of(c.at, c.len - TILE_ENTRY_LEN));
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
    assert_true(says("missing"));
}

TEST("an end that is cut off with its checkpoint put back shows against a newer checkpoint")
{
    made_log l = log_of(300);
    const char *newest = text_file(l.note);
    made_log shorter = log_of(299);
    assert_int_equal(judged_log(&shorter), EXIT_VALID);
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", newest, shorter.folder), EXIT_TAMPERED);
    assert_true(says("shorter"));
}

static void swap_lines(made_log *l, int64_t a, int64_t b)
{
    uint8_t kept[LEAF];
    memcpy(kept, l->leaves[a], LEAF);
    memcpy(l->leaves[a], l->leaves[b], LEAF);
    memcpy(l->leaves[b], kept, LEAF);
}

TEST("two lines that are swapped are tampering, though every tile be made to fit")
{
    made_log l = log_of(805);
    swap_lines(&l, 20, 21);
    put_entries(&l);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("line 20"));
    put_tiles(&l);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("do not have the root"));
}

TEST("a log that was forked is tampered with for whoever has seen the other branch, and not for who has seen neither")
{
    made_log ours = log_with(600, 300, 7), theirs = log_with(500, 300, 8);
    assert_int_equal(judged_log(&ours), EXIT_VALID);
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", text_file(theirs.note), ours.folder),
                     EXIT_TAMPERED);
    assert_true(says("forked"));
    const char *before = text_file(note_of_size(&theirs, 300));
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", before, ours.folder), EXIT_VALID);
}

TEST("two checkpoints of one size are a fork, and no file that is missing hides it")
{
    made_log ours = log_with(600, 300, 7), theirs = log_with(600, 300, 8);
    const char *old = text_file(theirs.note), *same = text_file(ours.note);
    static const char *const names[] = {"tile/1/000.p/2", "tile/0/001", "tile/entries/000"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(unlink(in_folder(&ours, names[i])), 0);
        assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", same, ours.folder), EXIT_INCOMPLETE);
        assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", old, ours.folder), EXIT_TAMPERED);
        assert_true(says("it was forked or edited: lines 0 to 599"));
    }
    flip(in_folder(&ours, "tile/entries/001"), 10, 0);
    put_file(in_folder(&ours, "tile/0/001"), bytes_of(&ours.hashes[256], 256 * sizeof(digest)));
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", old, ours.folder), EXIT_TAMPERED);
    assert_true(says("line 256"));
}

TEST("an older checkpoint of another log accuses nobody, though the keys of both were given")
{
    made_log l = log_of(805);
    static const int64_t sizes[] = {300, 805, 900};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        merkle_tree tree = {.size = sizes[i], .root = sha256(bytes_of_text("another"))};
        const char *old = text_file(note_by(checkpoint_text(mem, "somebody/else", &tree), &stranger, 1));
        assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--key", vkey(&stranger), "--old", old, l.folder),
                         EXIT_UNVERIFIABLE);
        assert_true(says(arena_format(mem, "the older checkpoint is of another log: %s\n", old)));
    }
}

/* ---- what is not there ---- */

TEST("a file that is missing is named, and is no tampering; tampering elsewhere is said before it")
{
    static const char *const names[] = {"tile/entries/001", "tile/0/002", "tile/1/000.p/3", "tile/entries/003.p/37"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        made_log l = log_of(805);
        assert_int_equal(unlink(in_folder(&l, names[i])), 0);
        assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
        assert_true(says(names[i]));
    }
    made_log l = log_of(805);
    unlink(tile_file(&l, TILE_ENTRIES, 0));
    flip(tile_file(&l, TILE_ENTRIES, 2), 10, 0);
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("line 512"));
}

TEST("a file that is longer than its place is tampered with; a folder in its place is missing")
{
    made_log l = log_of(300);
    const char *path = tile_file(&l, 0, 0);
    content c = content_of(path);
    put_file(path, bytes_of(c.at, c.len + 1));
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    unlink(path);
    mkdir(path, 0755);
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
}

TEST(
    "of a full tile in the place of a narrow one it is the full one that is named when it does not hold what it should")
{
    made_log whole = log_of(512), l = log_of(300);
    content c = content_of(tile_file(&whole, TILE_ENTRIES, 1));
    const char *full = in_folder(&l, "tile/entries/001");
    unlink(tile_file(&l, TILE_ENTRIES, 1));
    put_file(full, bytes_of(c.at, c.len - 1));
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
    assert_true(says("cut off: tile/entries/001\n"));
    put_file(full, bytes_of(c.at, c.len));
    unlink(tile_file(&l, 0, 1));
    c = content_of(tile_file(&whole, 0, 1));
    put_file(in_folder(&l, "tile/0/001"), bytes_of(c.at, c.len + 1));
    assert_int_equal(judged_log(&l), EXIT_TAMPERED);
    assert_true(says("more than its place in the log: tile/0/001\n"));
    unlink(in_folder(&l, "tile/0/001"));
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
    assert_true(says("tile/0/001.p/44\n"));
}

TEST("what is no log at all is incomplete, and another log's is unverifiable")
{
    made_log l = log_of(3);
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), folder), EXIT_INCOMPLETE);
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "/nowhere"), EXIT_INCOMPLETE);
    assert_int_equal(RUN("log", "--key", vkey(&stranger), l.folder), EXIT_UNVERIFIABLE);
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", "/nowhere", l.folder), EXIT_INCOMPLETE);
    const char *other = text_file(note_by("somebody/else\n1\nAAAA\n", &stranger, 1));
    assert_int_equal(RUN("log", "--key", vkey(&log_signer), "--old", other, l.folder), EXIT_UNVERIFIABLE);
    put_file(
        in_folder(&l, "checkpoint"),
        bytes_of_text(note_by(checkpoint_text(mem, NAME, &(merkle_tree){.size = INT64_C(1) << 60}), &log_signer, 1)));
    assert_int_equal(judged_log(&l), EXIT_INCOMPLETE);
}

TEST("wrong use of the options of one kind with another is told")
{
    made_log l = log_of(3);
    const char *old = text_file(l.note);
    assert_int_equal(RUN("checkpoint", "--old", old, "--key", vkey(&log_signer), old), EXIT_USAGE);
    assert_int_equal(RUN("log", "--leaf", "AAAA", "--key", vkey(&log_signer), l.folder), EXIT_USAGE);
    assert_int_equal(RUN("log", "--threads", "0", "--key", vkey(&log_signer), l.folder), EXIT_USAGE);
    assert_int_equal(RUN("log", "--threads", "9", "--key", vkey(&log_signer), l.folder), EXIT_USAGE);
    assert_int_equal(RUN("proof", "--leaf", "AAAA", "--receipt", old, "--key", vkey(&log_signer), old), EXIT_USAGE);
}
