/* Receipts of a small log made here: every change of any part must be noticed, and called by its right name. */
#include "tests/support/harness.h"
#include "vault/cli/internal.h"

enum { LINES = 9, FIRST = 3, COUNT = 4, MEMORY = 1 << 20 };

typedef struct log {
    arena *mem;
    note_key key;
    signer *signer;
    uint8_t leaves[LINES][CTL_LEAF_LEN];
    Vault__V1__ReceiptLine lines[COUNT], *line_list[COUNT];
    ProtobufCBinaryData path[MERKLE_PATH_MAX];
    Vault__V1__Receipt receipt;
} log;

static char view[] = "{\"department\":\"civil-affairs\"}";
static uint8_t salt[] = "sixteen bytes...";

static bytes binary(const void *at, size_t len)
{
    return bytes_of(at, len);
}

/* Leaf i is made of its number; that of line FIRST opens with a resident's view. */
static void make_leaves(log *l, digest *hashes)
{
    for (size_t i = 0; i < LINES; i++) {
        memset(l->leaves[i], (int)i + 1, CTL_LEAF_LEN);
        if (i == FIRST) {
            const bytes parts[] = {binary(salt, 16), bytes_of_text(view)};
            digest d = sha256_parts(parts, 2);
            memcpy(l->leaves[i] + CTL_LEAF_RESIDENT, d.at, DIGEST_LEN);
        }
        hashes[i] = merkle_leaf(bytes_of(l->leaves[i], CTL_LEAF_LEN));
    }
}

static void make_receipt(log *l, merkle_path path, const char *note)
{
    vault__v1__receipt__init(&l->receipt);
    for (size_t i = 0; i < COUNT; i++) {
        vault__v1__receipt_line__init(&l->lines[i]);
        l->lines[i].leaf = (ProtobufCBinaryData){.len = CTL_LEAF_LEN, .data = l->leaves[FIRST + i]};
        l->line_list[i] = &l->lines[i];
    }
    l->lines[0].resident_view = (ProtobufCBinaryData){.len = strlen(view), .data = (uint8_t *)view};
    l->lines[0].resident_salt = (ProtobufCBinaryData){.len = 16, .data = salt};
    for (size_t i = 0; i < path.len; i++) {
        bytes copy = arena_copy(l->mem, digest_bytes(&path.at[i]));
        l->path[i] = (ProtobufCBinaryData){.len = DIGEST_LEN, .data = (uint8_t *)(uintptr_t)copy.at};
    }
    l->receipt.first_line = FIRST;
    l->receipt.lines = l->line_list, l->receipt.n_lines = COUNT;
    l->receipt.path = l->path, l->receipt.n_path = path.len;
    l->receipt.checkpoint = (char *)(uintptr_t)note;
}

static void log_make(log *l)
{
    vault_error err = {0};
    uint8_t seed[KEY_LEN] = {7};
    digest hashes[LINES];
    merkle_batch *batch;
    merkle_path path;
    const char *note;
    *l = (log){.mem = arena_new(MEMORY)};
    expect_ok(signer_new(&l->signer, SIGNATURE_ED25519, bytes_of(seed, sizeof seed), &err), &err);
    expect_ok(note_key_make(&l->key, "test/log", SIGNATURE_ED25519, signer_public_key(l->signer), &err), &err);
    make_leaves(l, hashes);
    expect_ok(merkle_append(&batch, l->mem, (merkle_frontier){0}, hashes, LINES, &err), &err);
    expect_ok(merkle_batch_path(batch, l->mem, FIRST, COUNT, &path, &err), &err);
    const merkle_tree tree = {.size = LINES, .root = merkle_batch_root(batch)};
    const char *text = checkpoint_text(l->mem, "test/log", &tree);
    expect_ok(note_sign(&note, l->mem, bytes_of_text(text), &(note_signer){l->key, l->signer}, 1, &err), &err);
    make_receipt(l, path, note);
}

static void log_clear(log *l)
{
    signer_free(&l->signer);
    arena_free(&l->mem);
}

static verdict judge(log *l)
{
    finding f = verify_receipt(l->mem, &l->receipt, &l->key);
    assert_true((f.verdict == VERDICT_VALID) == (*f.why == '\0'));
    return f.verdict;
}

TEST("a receipt is valid")
{
    VAULT_CLEANUP(log_clear) log l;
    log_make(&l);
    assert_int_equal(judge(&l), VERDICT_VALID);
}

TEST("every bit of every leaf and of every hash of the path counts")
{
    VAULT_CLEANUP(log_clear) log l;
    log_make(&l);
    for (size_t bit = 0; bit < COUNT * CTL_LEAF_LEN * 8; bit += 3) {
        l.leaves[FIRST + bit / (CTL_LEAF_LEN * 8)][bit / 8 % CTL_LEAF_LEN] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(judge(&l), VERDICT_TAMPERED);
        l.leaves[FIRST + bit / (CTL_LEAF_LEN * 8)][bit / 8 % CTL_LEAF_LEN] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i < l.receipt.n_path; i++) {
        for (size_t bit = 0; bit < DIGEST_LEN * 8; bit += 5) {
            l.path[i].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(judge(&l), VERDICT_TAMPERED);
            l.path[i].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_int_equal(judge(&l), VERDICT_VALID);
}

TEST("another place, fewer lines, a path too long or too short are tampered with")
{
    VAULT_CLEANUP(log_clear) log l;
    log_make(&l);
    for (uint64_t first = 0; first < 12; first++) {
        l.receipt.first_line = first;
        assert_int_equal(judge(&l), first == FIRST ? VERDICT_VALID : VERDICT_TAMPERED);
    }
    l.receipt.first_line = UINT64_MAX;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.receipt.first_line = FIRST;
    l.receipt.n_lines--;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.receipt.n_lines++;
    l.receipt.n_path--;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.receipt.n_path += 2;
    l.path[l.receipt.n_path - 1] = l.path[0];
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.receipt.n_path = 1000000;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
}

TEST("a resident's view that is not the one of the leaf is tampered with")
{
    VAULT_CLEANUP(log_clear) log l;
    log_make(&l);
    l.lines[1].resident_view = l.lines[0].resident_view;
    l.lines[1].resident_salt = l.lines[0].resident_salt;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.lines[1].resident_view.len = 0;
    assert_int_equal(judge(&l), VERDICT_VALID);
    l.lines[0].resident_view.len--;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
    l.lines[0].resident_view.len++;
    l.lines[0].resident_salt.len = 15;
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
}

TEST("what lacks a part is incomplete")
{
    VAULT_CLEANUP(log_clear) log l;
    log_make(&l);
    char *note = l.receipt.checkpoint;
    l.receipt.checkpoint = (char *)(uintptr_t) "";
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
    l.receipt.checkpoint = (char *)(uintptr_t) "no note";
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
    l.receipt.checkpoint = note;
    l.path[0].len = 31;
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
    l.path[0].len = 32;
    l.lines[2].leaf.len = 73;
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
    l.receipt.n_lines = 0;
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
}

TEST("a checkpoint of another key is unverifiable, one with a wrong signature is tampered with")
{
    VAULT_CLEANUP(log_clear) log l;
    vault_error err = {0};
    uint8_t other[PUBLIC_KEY_LEN] = {1};
    log_make(&l);
    note_key key = l.key;
    expect_ok(note_key_make(&l.key, "test/log", SIGNATURE_ED25519, bytes_of(other, sizeof other), &err), &err);
    assert_int_equal(judge(&l), VERDICT_UNVERIFIABLE);
    expect_ok(note_key_make(&l.key, "other/log", SIGNATURE_ED25519, bytes_of(key.public_key, PUBLIC_KEY_LEN), &err),
              &err);
    assert_int_equal(judge(&l), VERDICT_UNVERIFIABLE);
    l.key = key;
    char *size = strchr(l.receipt.checkpoint, '\n') + 1;
    *size = '8';
    assert_int_equal(judge(&l), VERDICT_TAMPERED);
}

TEST("a signed note that is no checkpoint, or of another log's name, proves nothing")
{
    VAULT_CLEANUP(log_clear) log l;
    vault_error err = {0};
    const char *note;
    log_make(&l);
    expect_ok(note_sign(&note, l.mem, bytes_of_text("hello\n"), &(note_signer){l.key, l.signer}, 1, &err), &err);
    l.receipt.checkpoint = (char *)(uintptr_t)note;
    assert_int_equal(judge(&l), VERDICT_INCOMPLETE);
    const char *text = checkpoint_text(l.mem, "other/log", &(merkle_tree){.size = LINES});
    expect_ok(note_sign(&note, l.mem, bytes_of_text(text), &(note_signer){l.key, l.signer}, 1, &err), &err);
    l.receipt.checkpoint = (char *)(uintptr_t)note;
    assert_int_equal(judge(&l), VERDICT_UNVERIFIABLE);
}

TEST("an officer's view opens its leaf and no other does")
{
    uint8_t leaf[CTL_LEAF_LEN] = {1};
    const bytes parts[] = {binary(salt, 16), bytes_of_text(view)};
    digest d = sha256_parts(parts, 2);
    memcpy(leaf + CTL_LEAF_OFFICER, d.at, DIGEST_LEN);
    Vault__V1__Line line = VAULT__V1__LINE__INIT;
    line.leaf = (ProtobufCBinaryData){.len = sizeof leaf, .data = leaf};
    line.officer_salt = (ProtobufCBinaryData){.len = 16, .data = salt};
    line.officer_view = view;
    assert_true(line_opens(&line));
    leaf[CTL_LEAF_OFFICER]++;
    assert_false(line_opens(&line));
    leaf[CTL_LEAF_OFFICER]--;
    line.leaf.len--;
    assert_false(line_opens(&line));
}
