/* A node that asks witnesses: a real one, and others that are away, talk nonsense, or lie. Its collector is a thread:
 * TSan looks at it, too. */
#include "tests/support/crude.h"
#include "tests/support/vault_fixture.h"
#include "vault/audit/witness.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/witness/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static note_signer me;
static notebook *book;
static listener *door;
static int64_t born_s; /* it can have cosigned nothing before */

static const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *text_of(const char *format, ...)
{
    static char texts[64][1024];
    static unsigned next;
    char *out = texts[next++ % 64];
    va_list rest;
    va_start(rest, format);
    vsnprintf(out, sizeof texts[0], format, rest);
    va_end(rest);
    return out;
}

/* Before OpenSSL forgets what threads have of it. */
static void tidy(void)
{
    listener_close(&door);
    notebook_close(&book);
    signer_free(&me.by);
    if (folder[0]) (void)!system(text_of("rm -rf %s", folder));
}

static Vault__V1__GetCheckpointResponse *checkpoint_now(session *by)
{
    Vault__V1__GetCheckpointRequest in;
    vault__v1__get_checkpoint_request__init(&in);
    request *rq = ask(&(asked){
        .path = "/vault.v1.Audit/GetCheckpoint", .uri = OFFICER, .purpose = "log-review", .in = &in.base, .by = by});
    return rq->err.code == VAULT_OK ? (void *)rq->out : NULL;
}

/* A real witness of the fixture's log. */
static void given_witness(void)
{
    vault_error err = {0};
    Vault__V1__GetCheckpointResponse *now = NULL;
    if (door) return;
    snprintf(folder, sizeof folder, "/tmp/vault-witnesses-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(tidy);
    born_s = clock_now_us() / 1000000;
    for (int i = 0; !now && i < 1200; i++, usleep(50000)) now = checkpoint_now(NULL);
    assert_non_null(now);
    note_key log;
    expect_ok(note_key_parse(&log, bytes_of_text(now->verifier_key), &err), &err);
    expect_ok(witness_key_create(text_of("%s/key", folder), "witness.test/1", &err), &err);
    expect_ok(witness_key_read(&me, text_of("%s/key", folder), &err), &err);
    expect_ok(notebook_create(text_of("%s/state", folder), &me.key, &err), &err);
    const notebook_options options = {text_of("%s/state", folder), &me, &log, 1};
    expect_ok(notebook_open(&book, &options, &err), &err);
    expect_ok(listener_open(&door, &(listener_options){.address = "127.0.0.1:0"}, book, &err), &err);
}

static const char *witness_line(const char *name, const char *url)
{
    vault_error err = {0};
    note_signer one = {0};
    uint8_t seed[32] = {0};
    note_key key = me.key;
    memcpy(seed, name, strlen(name));
    if (strcmp(name, "good") != 0) {
        expect_ok(signer_new(&one.by, SIGNATURE_ED25519, bytes_of(seed, 32), &err), &err);
        expect_ok(cosigner_key_make(&key, text_of("witness.test/%s", name), signer_public_key(one.by), &err), &err);
        signer_free(&one.by);
    }
    return text_of("witness %s %s %s\n", name, cosigner_key_text(&key, fixture_memory()), url);
}

static const char *policy_file(const char *text)
{
    vault_error err = {0};
    const char *path = text_of("%s/policy", folder);
    expect_ok(file_replace(path, bytes_of_text(text), &err), &err);
    return path;
}

/* Another node on the same database, which asks the witnesses of this policy. */
typedef struct node {
    service *service;
    session *session;
} node;

static node opened_node(const char *policy)
{
    vault_error err = {0};
    node n;
    service_options o = fixture_options();
    o.witness_policy = policy_file(policy);
    expect_ok(service_open(&n.service, &o, &err), &err);
    expect_ok(session_open(&n.session, n.service, &err), &err);
    return n;
}

static void node_close(node *n)
{
    session_close(&n->session);
    service_close(&n->service);
}

/* Waits until a checkpoint of at least this many lines is cosigned, and gives it. */
static const char *cosigned_note(const node *n, int64_t least)
{
    for (int i = 0; i < 1200; i++, usleep(50000)) {
        Vault__V1__GetCheckpointResponse *now = checkpoint_now(n->session);
        bytes text;
        checkpoint c;
        if (now && note_unverified(&text, bytes_of_text(now->cosigned_checkpoint)) && checkpoint_parse(&c, text) &&
            c.tree.size >= least)
            return now->cosigned_checkpoint;
    }
    fail_msg("no cosigned checkpoint of %lld lines", (long long)least);
    return NULL;
}

static request *proof_of_line(session *by, uint64_t line, uint64_t size, bool cosigned)
{
    Vault__V1__GetProofRequest in;
    vault__v1__get_proof_request__init(&in);
    in.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    in.line = line;
    in.tree_size = size;
    in.cosigned = cosigned;
    return ask(&(asked){
        .path = "/vault.v1.Audit/GetProof", .uri = OFFICER, .purpose = "log-review", .in = &in.base, .by = by});
}

TEST("where no witness is asked no checkpoint is cosigned, and who wants one is told so")
{
    given_witness();
    assert_string_equal(checkpoint_now(NULL)->cosigned_checkpoint, "");
    expect_outcome(proof_of_line(NULL, 0, 0, true), VAULT_PRECONDITION, "NOT_COSIGNED");
    expect_outcome(proof_of_line(NULL, 0, 5, true), VAULT_INVALID, "OUT_OF_RANGE");
}

TEST("a policy that cannot be read, or names a URL where nobody may be asked, stops the start")
{
    vault_error err = {0};
    service *s = NULL;
    service_options o = fixture_options();
    given_witness();
    static const char *const URLS[] = {"http://witness.example", "ftp://127.0.0.1", "https://u:p@witness.example"};
    for (size_t i = 0; i < 3; i++) {
        o.witness_policy = policy_file(text_of("%squorum good\n", witness_line("good", URLS[i])));
        expect_code(service_open(&s, &o, &err), VAULT_INVALID, &err);
    }
    o.witness_policy = policy_file("quorum nobody\n");
    expect_code(service_open(&s, &o, &err), VAULT_INVALID, &err);
    o.witness_policy = text_of("%s/no-such-file", folder);
    expect_code(service_open(&s, &o, &err), VAULT_NOT_FOUND, &err);
}

TEST(
    "one that cosigns is enough where the policy says so, whatever the others do; a line is proven to what it cosigned")
{
    crude rubbish, ahead, liar, refuses;
    int64_t seconds;
    given_witness();
    crude_start(&rubbish, "rubbish\r\n\r\n", 1);
    crude_start(&ahead, "HTTP/1.1 409 Conflict\r\nContent-Length: 20\r\nConnection: close\r\n\r\n4000000000000000000\n",
                1);
    crude_start(
        &liar,
        "HTTP/1.1 200 OK\r\nContent-Length: 30\r\nConnection: close\r\n\r\n\xE2\x80\x94 witness.test/liar AAAAAAAA\n",
        1);
    crude_start(&refuses, "HTTP/1.1 422 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 1);
    const char *policy =
        arena_format(fixture_memory(),
                     "%s%s%s%s%s%sgroup any-of-them any good rubbish ahead liar refuses away\nquorum any-of-them\n",
                     witness_line("good", text_of("http://127.0.0.1:%d", listener_port(door))),
                     witness_line("rubbish", text_of("http://127.0.0.1:%u", rubbish.port)),
                     witness_line("ahead", text_of("http://127.0.0.1:%u/", ahead.port)),
                     witness_line("liar", text_of("http://127.0.0.1:%u/a/b", liar.port)),
                     witness_line("refuses", text_of("http://127.0.0.1:%u", refuses.port)),
                     witness_line("away", "http://127.0.0.1:1"));
    node n = opened_node(policy);
    const char *note = cosigned_note(&n, 1);
    assert_int_equal(cosignature_open(&seconds, bytes_of_text(note), &me.key), NOTE_VERIFIED);
    assert_in_range(seconds, born_s, clock_now_us() / 1000000);
    request *rq = proof_of_line(n.session, 0, 0, true);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetProofResponse *proof = (void *)rq->out;
    bytes text;
    checkpoint c;
    assert_true(note_unverified(&text, bytes_of_text(proof->checkpoint)) && checkpoint_parse(&c, text));
    assert_int_equal(proof->tree_size, c.tree.size);
    digest path[64], leaf = merkle_leaf(bytes_of(proof->leaf.data, proof->leaf.len));
    for (size_t i = 0; i < proof->n_path; i++) memcpy(path[i].at, proof->path[i].data, DIGEST_LEN);
    assert_true(merkle_verify_inclusion(&leaf, 0, &c.tree, (merkle_path){path, proof->n_path}));
    assert_int_equal(cosignature_open(&seconds, bytes_of_text(proof->checkpoint), &me.key), NOTE_VERIFIED);
    assert_true(metric_read(METRIC_WITNESS_ANSWERS, (metric_at){WITNESS_COSIGNED, 0}) >= 1);
    assert_true(metric_read(METRIC_WITNESS_ANSWERS, (metric_at){WITNESS_FAILED, 0}) >= 3);
    assert_true(metric_read(METRIC_WITNESS_ANSWERS, (metric_at){WITNESS_REFUSED, 0}) >= 2);
    assert_true(service_healthy(n.service));
    node_close(&n);
    crude_end(&rubbish);
    crude_end(&ahead);
    crude_end(&liar);
    crude_end(&refuses);
}

TEST("a node that starts anew learns from the witness what it has seen, and new lines are cosigned by what follows")
{
    given_witness();
    const char *policy =
        text_of("%squorum good\n", witness_line("good", text_of("http://127.0.0.1:%d", listener_port(door))));
    node n = opened_node(policy);
    assert_int_equal(put_residents(FIXTURE_RESIDENTS, 5)->err.code, VAULT_OK);
    int64_t lines = lines_in_log();
    (void)cosigned_note(&n, lines);
    assert_true(notebook_size(book, 0) >= lines);
    node_close(&n);
    n = opened_node(policy);
    assert_int_equal(put_residents(FIXTURE_RESIDENTS + 5, 5)->err.code, VAULT_OK);
    (void)cosigned_note(&n, lines + 5);
    node_close(&n);
}

TEST("where not enough have cosigned none is cosigned, and the vault serves as before")
{
    given_witness();
    node n = opened_node(arena_format(fixture_memory(), "%s%sgroup both all good away\nquorum both\n",
                                      witness_line("good", text_of("http://127.0.0.1:%d", listener_port(door))),
                                      witness_line("away", "http://127.0.0.1:1")));
    int64_t before = notebook_size(book, 0);
    assert_int_equal(put_residents(FIXTURE_RESIDENTS + 10, 5)->err.code, VAULT_OK);
    for (int i = 0; i < 1200 && notebook_size(book, 0) < before + 5; i++) usleep(50000);
    assert_true(notebook_size(book, 0) >= before + 5);
    assert_string_equal(checkpoint_now(n.session)->cosigned_checkpoint, "");
    expect_outcome(proof_of_line(n.session, 0, 0, true), VAULT_PRECONDITION, "NOT_COSIGNED");
    expect_outcome(proof_of_line(n.session, 0, 0, false), VAULT_OK, NULL);
    assert_true(service_healthy(n.service));
    node_close(&n);
    tidy(); /* its threads are over before OpenSSL is */
}
