#include "tests/support/harness.h"
#include "vault/audit/lines_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES = 5 };

static arena *mem;
static char *file;
static size_t file_len;
static uint8_t leaves[LINES][LINES_FILE_LEAF_LEN];
static merkle_tree tree;

static lines_file_line line_of(int i)
{
    static const uint8_t SOME[3 * DIGEST_LEN] = {7, 8, 9};
    return (lines_file_line){.leaf = bytes_of(leaves[i], LINES_FILE_LEAF_LEN),
                             .nodes = bytes_of(SOME, (size_t)(i % 3) * DIGEST_LEN),
                             .officer = bytes_of(SOME, (size_t)(10 + i)),
                             .resident = bytes_of(SOME, i == 2 ? 0 : 20),
                             .resident_tag = -1 - i,
                             .person_tag = i};
}

/* Lines 3 to 7 of a log of 8, with the true path. */
static void given_file(bool archive)
{
    vault_error err = {0};
    digest hashes[8];
    merkle_batch *all;
    lines_body body;
    char *text = NULL;
    size_t text_len = 0;
    bytes front;
    const char *note;
    arena_free(&mem);
    free(file);
    mem = arena_new(1 << 20);
    for (int i = 0; i < 8; i++) {
        uint8_t leaf[LINES_FILE_LEAF_LEN] = {1, (uint8_t)i};
        hashes[i] = merkle_leaf(bytes_of(leaf, sizeof leaf));
        if (i >= 3) memcpy(leaves[i - 3], leaf, sizeof leaf);
    }
    expect_ok(merkle_append(&all, mem, (merkle_frontier){0}, hashes, 8, &err), &err);
    tree = (merkle_tree){8, merkle_batch_root(all)};
    lines_file_head head = {.origin = "resident-vault/test", .first = 3, .count = LINES, .archive = archive};
    expect_ok(merkle_batch_path(all, mem, 3, LINES, &head.path, &err), &err);
    FILE *to = open_memstream(&text, &text_len);
    lines_body_begin(&body);
    for (int i = 0; i < LINES; i++) {
        lines_file_line one = line_of(i);
        expect_ok(lines_file_put(to, &body, &one, archive, &err), &err);
    }
    fclose(to);
    lines_body_end(&head, &body);
    expect_ok(lines_file_text(&note, mem, &head, &err), &err);
    expect_ok(lines_file_front(&front, mem, bytes_of_text(note), bytes_of_text("checkpoint"), &err), &err);
    file_len = front.len + text_len;
    file = malloc(file_len);
    memcpy(file, front.at, front.len);
    memcpy(file + front.len, text, text_len);
    free(text);
}

/* OK: read to its end and whole. INTEGRITY: read to its end, and not whole. */
static vault_code read_all(const char *at, size_t len, digest hashes[LINES])
{
    vault_error err = {0};
    lines_file_line one;
    FILE *from = fmemopen((void *)(uintptr_t)at, len, "r");
    lines_file *f = NULL;
    vault_code code = lines_file_open(&f, from, &err);
    for (int64_t i = 0; code == VAULT_OK && i <= lines_file_head_of(f)->count; i++) {
        code = lines_file_next(&one, f, &err);
        if (code == VAULT_OK && i < LINES && hashes) hashes[i] = merkle_leaf(one.leaf);
    }
    if (code == VAULT_NOT_FOUND) code = lines_file_whole(f) ? VAULT_OK : VAULT_INTEGRITY;
    lines_file_close(&f);
    fclose(from);
    return code;
}

static void expect_parts(bytes got, bytes wanted)
{
    assert_int_equal(got.len, wanted.len);
    assert_true(bytes_same(got, wanted));
}

TEST("an archive gives back every part of every line, and is whole")
{
    vault_error err = {0};
    lines_file_line one;
    lines_file *f = NULL;
    given_file(true);
    FILE *from = fmemopen(file, file_len, "r");
    expect_ok(lines_file_open(&f, from, &err), &err);
    const lines_file_head *head = lines_file_head_of(f);
    assert_string_equal(head->origin, "resident-vault/test");
    assert_true(head->archive && head->first == 3 && head->count == LINES);
    expect_parts(head->checkpoint, bytes_of_text("checkpoint"));
    for (int i = 0; i < LINES; i++) {
        lines_file_line wanted = line_of(i);
        assert_false(lines_file_whole(f));
        expect_ok(lines_file_next(&one, f, &err), &err);
        expect_parts(one.leaf, wanted.leaf);
        expect_parts(one.nodes, wanted.nodes);
        expect_parts(one.officer, wanted.officer);
        expect_parts(one.resident, wanted.resident);
        assert_true(one.resident_tag == wanted.resident_tag && one.person_tag == wanted.person_tag);
    }
    expect_code(lines_file_next(&one, f, &err), VAULT_NOT_FOUND, &err);
    assert_true(lines_file_whole(f));
    lines_file_close(&f);
    fclose(from);
}

TEST("a range holds leaves alone, and its path proves them against the tree")
{
    vault_error err = {0};
    digest hashes[LINES];
    lines_file *f = NULL;
    given_file(false);
    assert_int_equal(read_all(file, file_len, hashes), VAULT_OK);
    FILE *from = fmemopen(file, file_len, "r");
    expect_ok(lines_file_open(&f, from, &err), &err);
    const lines_file_head *head = lines_file_head_of(f);
    assert_false(head->archive);
    assert_true(merkle_verify_range(hashes, LINES, head->first, &tree, head->path));
    lines_file_close(&f);
    fclose(from);
}

static void demand_damage_shows(bool archive)
{
    given_file(archive);
    char *copy = malloc(file_len + 1);
    for (size_t cut = 0; cut < file_len; cut++) assert_int_not_equal(read_all(file, cut + (cut == 0), NULL), VAULT_OK);
    memcpy(copy, file, file_len);
    copy[file_len] = 'x';
    assert_int_equal(read_all(copy, file_len + 1, NULL), VAULT_INTEGRITY);
    size_t body = file_len - (size_t)LINES * LINES_FILE_LEAF_LEN;
    for (size_t i = archive ? file_len - 300 : body; i < file_len; i++) {
        copy[i] ^= 1;
        assert_int_not_equal(read_all(copy, file_len, NULL), VAULT_OK);
        copy[i] ^= 1;
    }
    free(copy);
}

TEST("whatever is cut off, put behind or flipped in a body shows")
{
    demand_damage_shows(true);
    demand_damage_shows(false);
}

static vault_code opened(const char *text)
{
    return read_all(text, strlen(text), NULL);
}

TEST("a head that is malformed is refused: numbers, kinds, hashes, control characters, lengths")
{
    static const char HASH[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
#define BYTES "\nbytes 0000000000000074"
    static const struct {
        const char *lines, *after;
    } BAD[] = {{"lines 0 0 range" BYTES, ""},
               {"lines 00 1 range" BYTES, ""},
               {"lines -1 1 range" BYTES, ""},
               {"lines 0 1 ranges" BYTES, ""},
               {"lines 0 1" BYTES, ""},
               {"lines 0 1 range " BYTES, ""},
               {"line 0 1 range" BYTES, ""},
               {"lines 0 1 range" BYTES, "="},
               {"lines 0 1 range" BYTES, "a"},
               {"lines 0 1 range" BYTES, "\n"},
               {"lines 0 1 range\r" BYTES, ""},
               {"lines 0 1\t range" BYTES, ""},
               {"lines 4611686018427387904 1 range" BYTES, ""},
               {"lines 99999999999999999999 1 range" BYTES, ""},
               {"lines 0 1 range", ""},
               {"lines 0 1 range\nbytes 74", ""},
               {"lines 0 1 range\nbytes 000000000000007a", ""},
               {"lines 0 1 range\nbytes 0000000000000073", ""},
               {"lines 0 2 range" BYTES, ""},
               {"lines 0 1 range\nbyte  0000000000000074", ""},
               {"lines 0 1 archive\nbytes -000000000000074", ""}};
    char text[600], whole[1000];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, "log\n%s\n%s\n%s", BAD[i].lines, HASH, BAD[i].after);
        snprintf(whole, sizeof whole, "resident-vault/lines-1 %zu 0\n%s%0200d", strlen(text), text, 0);
        assert_int_equal(opened(whole), VAULT_INVALID);
    }
    snprintf(text, sizeof text, "log\nlines 0 1 range" BYTES "\n%s\n", HASH);
    snprintf(whole, sizeof whole, "resident-vault/lines-1 %zu 0\n%s%074d", strlen(text), text, 0);
    assert_int_equal(opened(whole), VAULT_INTEGRITY); /* the same, well-formed, with another body */
    static const char *const FIRST[] = {"resident-vault/lines-2 1 1\n",
                                        "resident-vault/lines-1 1\n",
                                        "resident-vault/lines-1 999999999 1\n",
                                        "resident-vault/lines-1 1 1 1\n",
                                        "\n",
                                        "resident-vault/lines-1 0 0\n",
                                        "resident-vault/lines-1 1 65537\n"};
    for (size_t i = 0; i < sizeof FIRST / sizeof *FIRST; i++) assert_int_equal(opened(FIRST[i]), VAULT_INVALID);
}

TEST("a note that the log has signed is read through its signature")
{
    vault_error err = {0};
    const uint8_t seed[32] = {5};
    signer *by = NULL;
    note_key key;
    const char *note, *text;
    bytes front, verified;
    lines_file *f = NULL;
    given_file(true);
    const lines_file_head head = {.origin = "log", .first = 256, .count = 1, .bytes = LINES_FILE_LEAF_LEN};
    expect_ok(signer_new(&by, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    expect_ok(note_key_make(&key, "log", SIGNATURE_ED25519, signer_public_key(by), &err), &err);
    expect_ok(lines_file_text(&text, mem, &head, &err), &err);
    expect_ok(note_sign(&note, mem, bytes_of_text(text), &(note_signer){key, by}, 1, &err), &err);
    expect_ok(lines_file_front(&front, mem, bytes_of_text(note), bytes_of_text(note), &err), &err);
    FILE *from = fmemopen((void *)(uintptr_t)front.at, front.len, "r");
    expect_ok(lines_file_open(&f, from, &err), &err);
    assert_int_equal(lines_file_head_of(f)->first, 256);
    assert_int_equal(note_open(&verified, lines_file_head_of(f)->note, &key), NOTE_VERIFIED);
    lines_file_close(&f);
    fclose(from);
    signer_free(&by);
}

TEST("a body that was cut off is told from one with another length within")
{
    vault_error err = {0};
    lines_file_line one;
    given_file(true);
    size_t last = file_len - (LINES_FILE_LEAF_LEN + 2 + DIGEST_LEN + 2 + 14 + 2 + 20 + 16) + LINES_FILE_LEAF_LEN;
    for (int cut = 0; cut < 2; cut++) {
        lines_file *f = NULL;
        if (!cut) file[last] ^= 0x10; /* the nodes: 4,128 bytes, it says */
        FILE *from = fmemopen(file, file_len - (size_t)cut, "r");
        expect_ok(lines_file_open(&f, from, &err), &err);
        for (int i = 1; i < LINES; i++) expect_ok(lines_file_next(&one, f, &err), &err);
        expect_code(lines_file_next(&one, f, &err), VAULT_INVALID, &err);
        assert_int_equal(lines_file_cut(f), cut);
        if (!cut) file[last] ^= 0x10;
        lines_file_close(&f);
        fclose(from);
    }
}

TEST("a part that is too long, a leaf of another length and a full disk are refused")
{
    vault_error err = {0};
    lines_body body;
    lines_body_begin(&body);
    given_file(true);
    lines_file_line one = line_of(0);
    FILE *full = fopen("/dev/full", "w");
    setvbuf(full, NULL, _IONBF, 0);
    expect_code(lines_file_put(full, &body, &one, true, &err), VAULT_UNAVAILABLE, &err);
    one.officer.len = LINES_FILE_PARTS_MAX + 1;
    expect_code(lines_file_put(full, &body, &one, true, &err), VAULT_INVALID, &err);
    one = line_of(0);
    one.leaf.len--;
    expect_code(lines_file_put(full, &body, &one, false, &err), VAULT_INVALID, &err);
    fclose(full);
}

TEST("a file that is longer than a block reads to its end")
{
    vault_error err = {0};
    enum { MANY = 6 };
    static uint8_t large[LINES_FILE_PARTS_MAX];
    char *text = NULL;
    size_t len = 0;
    const char *note;
    bytes front;
    lines_body body;
    given_file(true);
    lines_file_line one = line_of(1);
    one.nodes = one.officer = one.resident = bytes_of(large, sizeof large);
    lines_file_head head = {.origin = "log", .count = MANY, .archive = true};
    for (int round = 0; round < 2; round++) { /* the first one for the digest */
        FILE *to = open_memstream(&text, &len);
        expect_ok(lines_file_text(&note, mem, &head, &err), &err);
        expect_ok(lines_file_front(&front, mem, bytes_of_text(note), (bytes){0}, &err), &err);
        fwrite(front.at, 1, front.len, to);
        lines_body_begin(&body);
        for (int i = 0; i < MANY; i++) expect_ok(lines_file_put(to, &body, &one, true, &err), &err);
        lines_body_end(&head, &body);
        fclose(to);
        if (round == 0) free(text);
    }
    assert_int_equal(read_all(text, len, NULL), VAULT_OK);
    text[len - 9] ^= 1;
    assert_int_equal(read_all(text, len, NULL), VAULT_INTEGRITY);
    free(text);
}
