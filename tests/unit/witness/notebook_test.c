#include "tests/support/harness.h"
#include "vault/audit/note_parts.h"
#include "vault/audit/witness_request.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"
#include "vault/witness/program.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a log to be witnessed, and a witness ---- */

enum { LEAVES = 40 };
static const char ORIGIN[] = "resident-vault/test";
static arena *mem;
static char folder[64], key_file[80], state_folder[80];
static note_signer owner, other_owner, me;
static digest leaves[2][LEAVES]; /* of the log, and of a fork that is the same up to the 10th */
static notebook *book;

static const char *path_of(const char *name)
{
    return arena_format(mem, "%s/%s", state_folder, name);
}

static void new_owner(note_signer *out, const char *name, uint8_t seed)
{
    vault_error err = {0};
    uint8_t bytes32[32];
    memset(bytes32, seed, sizeof bytes32);
    signer_free(&out->by);
    expect_ok(signer_new(&out->by, SIGNATURE_ED25519, bytes_of(bytes32, 32), &err), &err);
    expect_ok(note_key_make(&out->key, name, SIGNATURE_ED25519, signer_public_key(out->by), &err), &err);
}

static vault_code open_again(vault_error *err)
{
    const note_key keys[] = {owner.key, other_owner.key};
    notebook_close(&book);
    return notebook_open(&book, &(notebook_options){state_folder, &me, keys, 2}, err);
}

static void remove_folder(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (folder[0]) (void)!system(command);
}

static void given_witness(void)
{
    vault_error err = {0};
    notebook_close(&book);
    remove_folder();
    arena_free(&mem);
    mem = arena_new(64 << 20);
    snprintf(folder, sizeof folder, "/tmp/vault-witness-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(remove_folder);
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    snprintf(state_folder, sizeof state_folder, "%s/state", folder);
    new_owner(&owner, ORIGIN, 1);
    new_owner(&other_owner, "another/log", 2);
    signer_free(&me.by);
    expect_ok(witness_key_create(key_file, "witness.test/1", &err), &err);
    expect_ok(witness_key_read(&me, key_file, &err), &err);
    expect_ok(notebook_create(state_folder, &me.key, &err), &err);
    expect_ok(open_again(&err), &err);
    for (int fork = 0; fork < 2; fork++) {
        for (int i = 0; i < LEAVES; i++)
            leaves[fork][i] = merkle_leaf(bytes_of_text(arena_format(mem, "%d %d", i < 10 ? 0 : fork, i)));
    }
}

/* By definition (RFC 6962 2.1), and the proof by its own (2.1.2): another way than the vault's. */
static digest root_of(const digest *d, int n)
{
    int k = 1;
    if (n == 0) return sha256(bytes_of("", 0));
    if (n == 1) return d[0];
    while (2 * k < n) k *= 2;
    digest left = root_of(d, k), right = root_of(d + k, n - k);
    return merkle_node(&left, &right);
}

static void subproof(digest *out, size_t *len, int m, const digest *d, int n, bool whole)
{
    int k = 1;
    if (m == n) {
        if (!whole) out[(*len)++] = root_of(d, n);
        return;
    }
    while (2 * k < n) k *= 2;
    if (m <= k) {
        subproof(out, len, m, d, k, whole);
        out[(*len)++] = root_of(d + k, n - k);
    } else {
        subproof(out, len, m - k, d + k, n - k, false);
        out[(*len)++] = root_of(d, k);
    }
}

static const char *signed_tree(int fork, int size, const note_signer *by)
{
    vault_error err = {0};
    const char *note = NULL,
               *text = checkpoint_text(mem, by->key.name, &(merkle_tree){size, root_of(leaves[fork], size)});
    expect_ok(note_sign(&note, mem, bytes_of_text(text), by, 1, &err), &err);
    return note;
}

static const char *request_for(int fork, int old, int size)
{
    witness_request r = {.old_size = old, .note = bytes_of_text(signed_tree(fork, size, &owner))};
    if (old > 0 && old < size) subproof(r.proof, &r.proof_len, old, leaves[fork], size, true);
    return witness_request_write(mem, &r);
}

static reply asked(const char *body)
{
    return notebook_answer(book, mem, bytes_of_text(body));
}

static unsigned status_of(int fork, int old, int size)
{
    return asked(request_for(fork, old, size)).status;
}

static bool stands(const char *name)
{
    struct stat about;
    return stat(path_of(name), &about) == 0;
}

/* ---- the protocol ---- */

TEST("a first checkpoint is cosigned, and the cosignature opens on the checkpoint at this time")
{
    int64_t seconds, now = clock_now_us() / 1000000;
    given_witness();
    reply r = asked(request_for(0, 0, 7));
    assert_int_equal(r.status, 200);
    const char *note = arena_format(mem, "%s%s", signed_tree(0, 7, &owner), r.text);
    assert_int_equal(cosignature_open(&seconds, bytes_of_text(note), &me.key), NOTE_VERIFIED);
    assert_in_range(seconds, now, clock_now_us() / 1000000);
    assert_int_equal(notebook_size(book, 0), 7);
}

TEST("each growth that is proven is cosigned, from every size to every size")
{
    given_witness();
    for (int first = 1; first < 20; first++) {
        given_witness();
        assert_int_equal(status_of(0, 0, first), 200);
        for (int size = first; size < LEAVES; size += 1 + size / 3) {
            assert_int_equal(status_of(0, (int)notebook_size(book, 0), size), 200);
            assert_int_equal(notebook_size(book, 0), size);
        }
    }
}

TEST("an unknown origin is 404, whoever has signed it; a known one without its signature is 403")
{
    note_signer stranger = {0};
    given_witness();
    new_owner(&stranger, "unknown/log", 1);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 3, &stranger))).status, 404);
    new_owner(&stranger, ORIGIN, 9);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 3, &stranger))).status, 403);
    signer_free(&stranger.by);
    vault_error err = {0};
    const char *note = NULL, *text = checkpoint_text(mem, ORIGIN, &(merkle_tree){3, root_of(leaves[0], 3)});
    expect_ok(note_sign(&note, mem, bytes_of_text(text), &other_owner, 1, &err), &err);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", note)).status, 403); /* the key of another log */
    char *forged = arena_text(mem, bytes_of_text(signed_tree(0, 3, &owner)));
    forged[strlen(ORIGIN) + 1] = '4';
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", forged)).status, 403);
    assert_int_equal(notebook_size(book, 0), 0);
}

TEST("an old size above the new one is 400, before any look at what was seen")
{
    given_witness();
    assert_int_equal(status_of(0, 8, 7), 400);
    assert_int_equal(status_of(0, 0, 7), 200);
    assert_int_equal(status_of(0, 8, 7), 400);
}

TEST("an old size that is not the one seen last is 409 and says which, in the specified type")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 7), 200);
    const int olds[] = {0, 1, 6, 8, 12};
    for (size_t i = 0; i < sizeof olds / sizeof *olds; i++) {
        reply r = asked(request_for(0, olds[i], 12));
        assert_int_equal(r.status, 409);
        assert_string_equal(r.text, "7\n");
        assert_string_equal(r.type, "text/x.tlog.size");
    }
    assert_int_equal(asked(request_for(0, 5, 5)).status, 409); /* an older database: the size says it */
    assert_int_equal(notebook_size(book, 0), 7);
}

TEST("a witness that never saw the log answers 409 with 0 to whoever thinks otherwise")
{
    given_witness();
    reply r = asked(request_for(0, 3, 7));
    assert_int_equal(r.status, 409);
    assert_string_equal(r.text, "0\n");
}

TEST("the same size is cosigned again where it is the same tree, and is 409 and proof of a lie where it is not")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    assert_int_equal(status_of(0, 12, 12), 200);
    assert_int_equal(status_of(1, 12, 12), 409);
    assert_true(stands("fork-1"));
    assert_int_equal(status_of(0, 12, 20), 200); /* the true one goes on */
    char *text;
    size_t len;
    vault_error err = {0};
    expect_ok(file_read(&text, &len, path_of("fork-1"), 1 << 20, &err), &err);
    assert_non_null(strstr(text, signed_tree(0, 12, &owner)));
    assert_non_null(strstr(text, signed_tree(1, 12, &owner)));
    memory_free(text, len);
}

TEST("a fork is kept whatever old size is said with it; another size than the one cosigned is no fork")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    assert_int_equal(status_of(0, 3, 12), 409);
    assert_int_equal(status_of(1, 3, 11), 409);
    assert_int_equal(status_of(1, 13, 12), 400);
    assert_false(stands("fork-1"));
    reply r = asked(request_for(1, 3, 12));
    assert_int_equal(r.status, 409);
    assert_string_equal(r.text, "12\n");
    assert_true(stands("fork-1"));
}

TEST("a growth that is not proven is 422: a fork, another proof, one hash more or less or none, a proof from nothing")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    assert_int_equal(status_of(1, 12, 20), 422);
    witness_request r = {.old_size = 12, .note = bytes_of_text(signed_tree(0, 20, &owner))};
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 422);
    subproof(r.proof, &r.proof_len, 12, leaves[0], 20, true);
    r.proof_len++;
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 422);
    r.proof_len -= 2;
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 422);
    r.proof_len++;
    for (size_t i = 0; i < r.proof_len; i++) {
        r.proof[i].at[7] ^= 1;
        assert_int_equal(asked(witness_request_write(mem, &r)).status, 422);
        r.proof[i].at[7] ^= 1;
    }
    assert_true(stands("unproven-1"));
    assert_int_equal(notebook_size(book, 0), 12);
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 200);
    r.old_size = 20;
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 422); /* the same tree, and a proof of something */
}

TEST("a first checkpoint with a proof is 422: nothing proves that a tree continues the empty one")
{
    given_witness();
    witness_request r = {.proof_len = 1, .note = bytes_of_text(signed_tree(0, 4, &owner))};
    assert_int_equal(asked(witness_request_write(mem, &r)).status, 422);
    assert_int_equal(notebook_size(book, 0), 0);
}

TEST("the empty tree is cosigned with its own root, and with no other")
{
    given_witness();
    const char *note, *text = checkpoint_text(mem, ORIGIN, &(merkle_tree){0, leaves[0][0]});
    vault_error err = {0};
    expect_ok(note_sign(&note, mem, bytes_of_text(text), &owner, 1, &err), &err);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", note)).status, 409);
    assert_int_equal(status_of(0, 0, 0), 200);
    assert_int_equal(status_of(0, 0, 5), 200);
}

TEST("a request that is not one is 400, whatever is wrong with it")
{
    given_witness();
    const char *note = signed_tree(0, 3, &owner), *hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", *many = "";
    for (int i = 0; i < 64; i++) many = arena_format(mem, "%s%s", many, hash);
    const char *BAD[] = {"",
                         "\n",
                         "old\n\n",
                         "old 0",
                         "old 0\n",
                         "old 0\n\n",
                         arena_format(mem, "old 0\n%s", note),
                         arena_format(mem, "old 00\n\n%s", note),
                         arena_format(mem, "old -1\n\n%s", note),
                         arena_format(mem, "old +0\n\n%s", note),
                         arena_format(mem, "old  0\n\n%s", note),
                         arena_format(mem, "old 0 \n\n%s", note),
                         arena_format(mem, "Old 0\n\n%s", note),
                         arena_format(mem, "old 0\r\n\r\n%s", note),
                         arena_format(mem, "old 99999999999999999999\n\n%s", note),
                         arena_format(mem, "old 0\nAAAA\n\n%s", note),
                         arena_format(mem, "old 0\n%.43s\n\n%s", hash, note),
                         arena_format(mem, "old 0\n %s\n%s", hash, note),
                         arena_format(mem, "old 0\n%s\n%s", many, note),
                         arena_format(mem, "\nold 0\n\n%s", note),
                         arena_format(mem, "old 0\n\n%.*s", (int)strlen(note) - 1, note),
                         arena_format(mem, "old 0\n\nnot a checkpoint\n\n%s", strstr(note, "\xE2\x80\x94")),
                         arena_format(mem, "old 0\n\n%s\xE2\x80\x94 \xFF\xFE AAAAAAAA\n", note)};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (asked(BAD[i]).status != 400) print_error("%zu: %s\n", i, BAD[i]);
        assert_int_equal(asked(BAD[i]).status, 400);
    }
    const char zero[] = "old 0\n\nresident-vault/test\n\0";
    assert_int_equal(notebook_answer(book, mem, bytes_of(zero, sizeof zero)).status, 400);
    char *huge = arena_alloc(mem, WITNESS_REQUEST_MAX + 2);
    memset(huge, 'A', WITNESS_REQUEST_MAX + 1);
    assert_int_equal(asked(huge).status, 400);
    assert_int_equal(status_of(0, 0, 3), 200);
}

TEST("signatures of unknown keys beside the log's are passed over, large ones too; a wrong one of a known key is 403")
{
    given_witness();
    uint8_t blob[4 + 4000] = {1};
    char base64[4 * ((sizeof blob + 2) / 3) + 1];
    base64_encode(base64, bytes_of(blob, sizeof blob));
    const char *note = signed_tree(0, 5, &owner), *line = strstr(note, "\xE2\x80\x94");
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s\xE2\x80\x94 w %s\n", note, base64)).status, 200);
    char *wrong = arena_text(mem, bytes_of_text(line));
    wrong[strlen(wrong) - 6] = wrong[strlen(wrong) - 6] == 'A' ? 'B' : 'A';
    assert_int_equal(asked(arena_format(mem, "old 5\n\n%s%s", note, wrong)).status, 403);
}

TEST("while a log's keys are rotated, either key is good")
{
    vault_error err = {0};
    note_signer next = {0};
    given_witness();
    new_owner(&next, ORIGIN, 77);
    const note_key keys[] = {owner.key, next.key};
    notebook_close(&book);
    expect_ok(notebook_open(&book, &(notebook_options){state_folder, &me, keys, 2}, &err), &err);
    assert_int_equal(notebook_logs(book), 1);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 4, &owner))).status, 200);
    assert_int_equal(asked(arena_format(mem, "old 4\n\n%s", signed_tree(0, 4, &next))).status, 200);
    signer_free(&next.by);
}

/* ---- what it remembers ---- */

TEST("after a restart it knows what it cosigned, of each log")
{
    vault_error err = {0};
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 3, &other_owner))).status, 200);
    expect_ok(open_again(&err), &err);
    assert_int_equal(status_of(0, 0, 12), 409);
    assert_int_equal(status_of(1, 12, 20), 422);
    assert_int_equal(status_of(0, 12, 20), 200);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 3, &other_owner))).status, 409);
}

TEST("what stood of a log that is no longer asked for is kept")
{
    vault_error err = {0};
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    notebook_close(&book);
    expect_ok(notebook_open(&book, &(notebook_options){state_folder, &me, &other_owner.key, 1}, &err), &err);
    assert_int_equal(status_of(0, 12, 20), 404);
    assert_int_equal(asked(arena_format(mem, "old 0\n\n%s", signed_tree(0, 3, &other_owner))).status, 200);
    expect_ok(open_again(&err), &err);
    assert_int_equal(status_of(0, 0, 20), 409);
    assert_int_equal(status_of(0, 12, 20), 200);
}

TEST("a crash after the state was written and before the answer: the log is told the size, and goes on")
{
    vault_error err = {0};
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    assert_int_equal(status_of(0, 12, 20), 200); /* this answer got lost */
    expect_ok(open_again(&err), &err);
    reply r = asked(request_for(0, 12, 20));
    assert_int_equal(r.status, 409);
    assert_string_equal(r.text, "20\n");
    assert_int_equal(status_of(0, 20, 20), 200);
    assert_int_equal(status_of(0, 20, 30), 200);
}

TEST("where the state cannot be written nothing is cosigned, and what was said last holds")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    if (geteuid() == 0) { /* permissions stop nobody: the folder itself goes away */
        char moved[96];
        snprintf(moved, sizeof moved, "%s.away", state_folder);
        assert_int_equal(rename(state_folder, moved), 0);
        assert_int_equal(status_of(0, 12, 20), 500);
        assert_int_equal(notebook_size(book, 0), 12);
        assert_int_equal(rename(moved, state_folder), 0);
    } else {
        assert_int_equal(chmod(state_folder, 0500), 0);
        assert_int_equal(status_of(0, 12, 20), 500);
        assert_int_equal(chmod(state_folder, 0700), 0);
    }
    assert_int_equal(status_of(0, 12, 20), 200);
}

static void write_state(const char *text)
{
    vault_error err = {0};
    expect_ok(file_replace(path_of("checkpoints"), bytes_of_text(text), &err), &err);
}

TEST("a state that is lost, cut, of another witness, or held by another program is no beginning")
{
    vault_error err = {0};
    given_witness();
    notebook *second = NULL;
    const notebook_options same = {state_folder, &me, &owner.key, 1};
    expect_code(notebook_open(&second, &same, &err), VAULT_CONFLICT, &err);
    assert_int_equal(status_of(0, 0, 12), 200);
    char *text;
    size_t len;
    expect_ok(file_read(&text, &len, path_of("checkpoints"), 1 << 20, &err), &err);
    for (size_t cut = 0; cut < len - 2; cut += 7) {
        write_state(arena_format(mem, "%.*s", (int)cut, text));
        expect_code(open_again(&err), VAULT_INTEGRITY, &err);
    }
    const char *key = cosigner_key_text(&me.key, mem);
    write_state(arena_format(mem, "{\"logs\": {\"%s\": \"rubbish\"}, \"witness\": \"%s\"}", ORIGIN, key));
    expect_code(open_again(&err), VAULT_INTEGRITY, &err);
    write_state(arena_format(mem, "{\"logs\": [], \"witness\": \"%s\"}", key));
    expect_code(open_again(&err), VAULT_INTEGRITY, &err);
    write_state("{\"logs\": {}, \"witness\": \"w+00000000+AAAA\"}");
    expect_code(open_again(&err), VAULT_CONFLICT, &err);
    assert_int_equal(unlink(path_of("checkpoints")), 0);
    expect_code(open_again(&err), VAULT_NOT_FOUND, &err);
    write_state(text);
    expect_ok(open_again(&err), &err);
    assert_int_equal(notebook_size(book, 0), 12);
    memory_free(text, len);
    expect_code(notebook_create(state_folder, &me.key, &err), VAULT_CONFLICT, &err);
}

TEST("evidence has an end: a stranger who sends rubbish proofs does not fill the disk")
{
    given_witness();
    assert_int_equal(status_of(0, 0, 12), 200);
    for (int i = 0; i < 40; i++) assert_int_equal(status_of(1, 12, 20), 422);
    assert_true(stands("unproven-32") && !stands("unproven-33"));
    assert_int_equal(status_of(1, 12, 12), 409);
    assert_true(stands("fork-1"));
}

/* ---- the race of the specification ---- */

enum { RACERS = 8 };
typedef struct racer {
    const char *body;
    unsigned status;
} racer;

static void *race(void *at)
{
    racer *r = at;
    VAULT_CLEANUP(arena_free) arena *own = arena_new(16 << 20);
    r->status = notebook_answer(book, own, bytes_of_text(r->body)).status;
    return NULL;
}

TEST("of many requests that are proven from the same size one is cosigned, and the size never goes back")
{
    for (int round = 0; round < 20; round++) {
        racer all[RACERS];
        pthread_t threads[RACERS];
        int good = 0, cosigned = 0;
        given_witness();
        assert_int_equal(status_of(0, 0, 10), 200);
        for (int i = 0; i < RACERS; i++) all[i] = (racer){.body = request_for(i & 1, 10, 11 + i)};
        for (int i = 0; i < RACERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, race, &all[i]), 0);
        for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < RACERS; i++) {
            good += all[i].status == 200;
            if (all[i].status == 200) cosigned = 11 + i;
            assert_true(all[i].status == 200 || all[i].status == 409);
        }
        assert_int_equal(good, 1);
        assert_int_equal(notebook_size(book, 0), cosigned);
    }
}

/* ---- keys ---- */

TEST("a witness's private key is its owner's alone, is never overwritten, and every changed character of it is refused")
{
    vault_error err = {0};
    struct stat about;
    note_signer again;
    char *text;
    size_t len;
    given_witness();
    assert_int_equal(stat(key_file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    expect_code(witness_key_create(key_file, "other", &err), VAULT_CONFLICT, &err);
    assert_int_equal(chmod(key_file, 0640), 0);
    expect_code(witness_key_read(&again, key_file, &err), VAULT_INVALID, &err);
    assert_int_equal(chmod(key_file, 0600), 0);
    expect_ok(file_read(&text, &len, key_file, 1 << 10, &err), &err);
    for (size_t i = 0; i < len; i++) {
        char kept = text[i];
        text[i] = kept == 'B' ? 'C' : 'B';
        int fd = open(key_file, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, text, len), len);
        close(fd);
        expect_code(witness_key_read(&again, key_file, &err), VAULT_INVALID, &err);
        text[i] = kept;
    }
    memory_free(text, len);
    expect_code(witness_key_create(path_of("new"), "with space", &err), VAULT_INVALID, &err);
    assert_false(stands("new"));
}
