/* Views, salts, seals, tags and references of one line: no database. */
#include "tests/support/harness.h"
#include "vault/audit/internal.h"

#include <stdio.h>
#include <stdlib.h>

static vault_error err;
static arena *mem;
static ledger *book;
static scribe *hand;

static ring ring_of(const char *name, uint32_t version)
{
    ring r;
    const uint8_t root[KEY_LEN] = {1};
    expect_ok(ring_create(&r, bytes_of(root, KEY_LEN),
                          &(ring_wish){.name = name, .version = version, .suite = SUITE_INTL, .since = 1}, &err),
              &err);
    return r;
}

static ring log_ring(uint32_t version)
{
    return ring_of("log", version);
}

static ledger *book_over(const ring *r)
{
    keyring *keys = NULL;
    const uint8_t root[KEY_LEN] = {1};
    ledger *l = ledger_new("resident-vault/test");
    ring rows = ring_of("rows", 1);
    expect_ok(keyring_new(&keys, &err), &err);
    expect_ok(keyring_add(keys, bytes_of(root, KEY_LEN), r, &err), &err);
    expect_ok(keyring_add(keys, bytes_of(root, KEY_LEN), &rows, &err), &err);
    secret_clear(&rows.key);
    expect_ok(ledger_follow(l, keys, &err), &err);
    keyring_free(&keys);
    return l;
}

static void given_scribe(void)
{
    arena_free(&mem);
    scribe_free(&hand);
    ledger_close(&book);
    mem = arena_new(64 << 20);
    ring r = log_ring(1);
    book = book_over(&r);
    secret_clear(&r.key);
    expect_ok(scribe_new(&hand, book, &err), &err);
}

static line made(const line_facts *f)
{
    line l;
    expect_ok(line_make(&l, hand, mem, f, NULL, &err), &err);
    return l;
}

static const char *text_of(bytes view)
{
    return arena_text(mem, view);
}

static const line_facts FULL = {.action = LINE_REVEAL,
                                .outcome = LINE_FAILED,
                                .app = "app",
                                .department = "dep",
                                .person = "per",
                                .purpose = "pur/pose",
                                .basis = "bas",
                                .ticket = "tic",
                                .request = "req",
                                .fields = "a,b",
                                .groups = "g",
                                .form = "for",
                                .rule = "rul",
                                .clause = "cla",
                                .control_version = 12,
                                .record_version = 7,
                                .area = 330106003001,
                                .resident = 99,
                                .refers_to = 41};

/* Members that lines of searches, handovers and vouchers have. */
static const line_facts SEARCHED = {.action = LINE_SEARCH,
                                    .outcome = LINE_GRANTED,
                                    .app = "app",
                                    .counterpart = "other",
                                    .sharing = "basis-1",
                                    .voucher = "0123456789abcdef",
                                    .hits = 12,
                                    .refers_to = -1};

/* ---- views ---- */

TEST("the officer's view names everything known, keys sorted, no white space")
{
    given_scribe();
    line l = made(&FULL);
    assert_string_equal(
        text_of(l.officer_view),
        "{\"action\":\"reveal\",\"app\":\"app\",\"area\":330106003001,\"basis\":\"bas\",\"clause\":\"cla\","
        "\"control\":12,\"department\":\"dep\",\"fields\":\"a,b\",\"form\":\"for\",\"outcome\":\"failed\","
        "\"person\":\"per\",\"purpose\":\"pur/pose\",\"record\":7,\"refers\":41,\"request\":\"req\","
        "\"resident\":99,\"rule\":\"rul\",\"ticket\":\"tic\"}");
}

TEST("the resident's view names neither app, person, ticket, fields, rule nor any number")
{
    given_scribe();
    line l = made(&FULL);
    const char *view = text_of(l.resident_view), *ref = strstr(view, "\"ref\":\"");
    assert_non_null(ref);
    assert_int_equal(strspn(ref + 7, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 22);
    assert_string_equal(ref + 7 + 22, "\"}");
    assert_true(strncmp(view,
                        "{\"basis\":\"bas\",\"department\":\"dep\",\"groups\":\"g\",\"outcome\":\"failed\","
                        "\"purpose\":\"pur/pose\",\"ref\":",
                        (size_t)(ref - view)) == 0);
}

TEST("what lines of searches, handovers and vouchers say is read back, and the app with it")
{
    given_scribe();
    line_facts view;
    line l = made(&SEARCHED);
    assert_string_equal(text_of(l.officer_view),
                        "{\"action\":\"search\",\"app\":\"app\",\"counterpart\":\"other\",\"hits\":12,"
                        "\"outcome\":\"granted\",\"sharing\":\"basis-1\",\"voucher\":\"0123456789abcdef\"}");
    expect_ok(view_read(&view, mem, l.officer_view, &err), &err);
    assert_string_equal(view.app, "app");
    assert_int_equal(view.action, LINE_SEARCH);
}

TEST("what is not known is left out, and a line that refers to none says nothing of it")
{
    given_scribe();
    line l = made(&(line_facts){.action = LINE_PUT, .outcome = LINE_GRANTED, .refers_to = -1});
    assert_string_equal(text_of(l.officer_view), "{\"action\":\"put\",\"outcome\":\"granted\"}");
    l = made(&(line_facts){.action = LINE_QUERY, .outcome = LINE_REFUSED});
    assert_string_equal(text_of(l.officer_view), "{\"action\":\"query\",\"outcome\":\"refused\"}");
}

TEST("quotes, backslashes, control characters and other alphabets are written so that every reader reads them back")
{
    given_scribe();
    line l = made(&(line_facts){.action = LINE_PUT, .ticket = "a\"b\\c\n\t\x01\x1f\x7f/\xE6\xA1\x88\xF0\x9F\x98\x80"});
    assert_non_null(strstr(text_of(l.officer_view),
                           "\"ticket\":\"a\\\"b\\\\c\\n\\t\\u0001\\u001f\x7f/\xE6\xA1\x88\xF0\x9F\x98\x80\""));
    line_facts view;
    expect_ok(view_read(&view, mem, l.officer_view, &err), &err);
    assert_string_equal(view.ticket, "a\"b\\c\n\t\x01\x1f\x7f/\xE6\xA1\x88\xF0\x9F\x98\x80");
    char all[128];
    for (size_t c = 1; c < sizeof all; c++) all[c - 1] = (char)c;
    all[sizeof all - 1] = '\0';
    l = made(&(line_facts){.action = LINE_PUT, .fields = all});
    expect_ok(view_read(&view, mem, l.officer_view, &err), &err);
    assert_string_equal(view.fields, all);
}

TEST("a text cannot add members to its view")
{
    given_scribe();
    line l = made(&(line_facts){.action = LINE_PUT, .person = "x\",\"outcome\":\"granted", .outcome = LINE_REFUSED});
    line_facts view;
    expect_ok(view_read(&view, mem, l.officer_view, &err), &err);
    assert_string_equal(view.person, "x\",\"outcome\":\"granted");
    assert_int_equal(view.outcome, LINE_REFUSED);
}

TEST("text that is not UTF-8, too long, or endless is refused, and so is an unknown action or outcome or a negative id")
{
    line l;
    given_scribe();
    static const char *BAD[] = {"\xff", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "ok\x80"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .ticket = BAD[i]}, NULL, &err),
                    VAULT_INVALID, &err);
    }
    char longer[20000];
    memset(longer, 'x', sizeof longer);
    longer[129] = '\0';
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .ticket = longer}, NULL, &err),
                VAULT_INVALID, &err);
    longer[128] = '\0';
    expect_ok(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .ticket = longer}, NULL, &err), &err);
    memset(longer, '\x01', sizeof longer - 1);
    longer[4096] = '\0';
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .fields = longer}, NULL, &err),
                VAULT_INVALID, &err);
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = 0}, NULL, &err), VAULT_INTERNAL, &err);
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_ACTIONS}, NULL, &err), VAULT_INTERNAL, &err);
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .outcome = LINE_OUTCOMES}, NULL, &err),
                VAULT_INTERNAL, &err);
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .resident = -1}, NULL, &err), VAULT_INVALID,
                &err);
    expect_code(line_make(&l, hand, mem, &(line_facts){.action = LINE_PUT, .area = -1}, NULL, &err), VAULT_INVALID,
                &err);
}

TEST("a view with an unknown member, a missing or a doubled one, another order, another type, white space, an escape "
     "that need not be, or trailing text is not read")
{
    static const char *BAD[] = {"",
                                "{}",
                                "[]",
                                "{\"action\":\"put\"}",
                                "{\"outcome\":\"granted\"}",
                                "{\"action\":1,\"outcome\":\"granted\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"x\":1}",
                                "{\"action\":\"put\",\"outcome\":\"granted\"} ",
                                "{\"action\":\"put\",\"outcome\":\"granted\"}{}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":\"1\"}",
                                "{\"action\":\"put\",\"action\":\"put\",\"outcome\":\"granted\"}",
                                "{\"outcome\":\"granted\",\"action\":\"put\"}",
                                "{ \"action\":\"put\",\"outcome\":\"granted\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":0}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":01}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":-1}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":1.5}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"resident\":9223372036854775808}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"residents\":4294967296}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\u0061\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\u0000\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\u000a\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\u001F\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\n\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\/\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\xC0\x80\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"\\\"}",
                                "{\"action\":\"put\",\"outcome\":\"granted\",\"person\":\"x}"};
    line_facts view;
    given_scribe();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        expect_code(view_read(&view, mem, bytes_of_text(BAD[i]), &err), VAULT_INTEGRITY, &err);
    }
}

TEST("every action and outcome has its name and is read back as itself")
{
    given_scribe();
    for (line_action a = LINE_INIT; a < LINE_ACTIONS; a++) {
        for (line_outcome o = LINE_GRANTED; o < LINE_OUTCOMES; o++) {
            line_facts view;
            line l = made(&(line_facts){.action = a, .outcome = o});
            expect_ok(view_read(&view, mem, l.officer_view, &err), &err);
            assert_int_equal(view.action, a);
            assert_int_equal(view.outcome, o);
        }
    }
    assert_string_equal(line_action_name(LINE_ACTIONS), "unknown");
    assert_string_equal(line_action_name((line_action)0), "unknown");
    assert_string_equal(line_outcome_name(LINE_OUTCOMES), "unknown");
}

/* ---- leaf ---- */

TEST("the leaf commits to both views through their salts, and is read back")
{
    given_scribe();
    line l = made(&FULL);
    leaf_facts leaf;
    leaf_write(l.leaf, &l, 1763784000123456);
    assert_true(leaf_read(&leaf, bytes_of(l.leaf, LEAF_LEN)));
    assert_int_equal(leaf.time_us, 1763784000123456);
    assert_int_equal(leaf.action, LINE_REVEAL);
    const bytes officer[] = {bytes_of(l.officer_salt, SALT_LEN), l.officer_view};
    const bytes resident[] = {bytes_of(l.resident_salt, SALT_LEN), l.resident_view};
    digest o = sha256_parts(officer, 2), r = sha256_parts(resident, 2);
    assert_memory_equal(leaf.officer_hash, o.at, DIGEST_LEN);
    assert_memory_equal(leaf.resident_hash, r.at, DIGEST_LEN);
}

TEST("a leaf of another length or version, or before 1970, is not read")
{
    uint8_t at[LEAF_LEN + 1] = {LEAF_VERSION};
    leaf_facts leaf;
    assert_true(leaf_read(&leaf, bytes_of(at, LEAF_LEN)));
    for (size_t len = 0; len < LEAF_LEN; len++) assert_false(leaf_read(&leaf, bytes_of(at, len)));
    assert_false(leaf_read(&leaf, bytes_of(at, LEAF_LEN + 1)));
    at[1] = 0x80;
    assert_false(leaf_read(&leaf, bytes_of(at, LEAF_LEN)));
    at[1] = 0, at[0] = 2;
    assert_false(leaf_read(&leaf, bytes_of(at, LEAF_LEN)));
}

TEST("two lines of the same facts share nothing that is published, sealed or given to the resident")
{
    given_scribe();
    line a = made(&FULL), b = made(&FULL);
    assert_memory_not_equal(a.officer_hash, b.officer_hash, DIGEST_LEN);
    assert_memory_not_equal(a.resident_hash, b.resident_hash, DIGEST_LEN);
    assert_memory_not_equal(a.officer_salt, b.officer_salt, SALT_LEN);
    assert_memory_not_equal(a.officer_salt, a.resident_salt, SALT_LEN);
    assert_string_not_equal(text_of(a.resident_view), text_of(b.resident_view));
    assert_true(bytes_same(a.officer_view, b.officer_view));
    for (size_t i = 4; i + 16 <= a.officer_sealed.len; i += 16)
        assert_memory_not_equal(a.officer_sealed.at + i, b.officer_sealed.at + i, 16);
}

TEST("the resident's view of a line without a resident has the same shape as of one with")
{
    given_scribe();
    line_facts f = FULL;
    line with = made(&f);
    f.resident = 0;
    line without = made(&f);
    assert_int_equal(with.resident_view.len, without.resident_view.len);
    assert_int_equal(without.resident_tag, 0);
    assert_int_equal(without.resident_sealed.len, 0);
}

/* ---- seals ---- */

static vault_code opens(const scribe *by, view_kind kind, bytes sealed)
{
    salted_view out = {.kind = kind};
    vault_code code = scribe_open(&out, by, mem, by->active->view, sealed, &err);
    vault_error_clear(&err);
    return code;
}

TEST("a sealed view opens to salt and view; a flipped bit, a cut, the other kind or another ring version do not")
{
    given_scribe();
    line l = made(&FULL);
    salted_view out = {.kind = VIEW_OFFICER};
    expect_ok(scribe_open(&out, hand, mem, NULL, l.officer_sealed, &err), &err);
    assert_memory_equal(out.salted.at, l.officer_salt, SALT_LEN);
    assert_memory_equal(out.salted.at + SALT_LEN, l.officer_view.at, l.officer_view.len);
    assert_int_equal(opens(hand, VIEW_RESIDENT, l.officer_sealed), VAULT_INTEGRITY);
    uint8_t *copy = arena_alloc(mem, l.officer_sealed.len);
    memcpy(copy, l.officer_sealed.at, l.officer_sealed.len);
    for (size_t i = 0; i < l.officer_sealed.len; i++) {
        copy[i] ^= 1;
        assert_int_equal(opens(hand, VIEW_OFFICER, bytes_of(copy, l.officer_sealed.len)), VAULT_INTEGRITY);
        copy[i] ^= 1;
        assert_int_equal(opens(hand, VIEW_OFFICER, bytes_of(copy, i)), VAULT_INTEGRITY);
    }
    assert_int_equal(opens(hand, VIEW_OFFICER, bytes_of(copy, l.officer_sealed.len)), VAULT_OK);
}

TEST("the suite and version of the log ring stand in front of every sealed view")
{
    given_scribe();
    ring second = log_ring(0x010203);
    ledger *later = book_over(&second);
    scribe *by = NULL;
    line l;
    expect_ok(scribe_new(&by, later, &err), &err);
    expect_ok(line_make(&l, by, mem, &FULL, NULL, &err), &err);
    expect_hex(bytes_of(l.officer_sealed.at, 4), "01010203");
    assert_int_equal(opens(hand, VIEW_OFFICER, l.officer_sealed), VAULT_INTEGRITY);
    secret_clear(&second.key);
    scribe_free(&by);
    ledger_close(&later);
}

TEST("the resident's view is sealed under the resident's key and no other")
{
    given_scribe();
    aead *dek = NULL;
    const uint8_t key[KEY_LEN] = {5}, other[KEY_LEN] = {6};
    line l;
    salted_view out = {.kind = VIEW_RESIDENT};
    expect_ok(aead_new(&dek, SUITE_INTL, &err), &err);
    expect_ok(aead_set_key(dek, bytes_of(key, KEY_LEN), &err), &err);
    expect_ok(line_make(&l, hand, mem, &FULL, dek, &err), &err);
    expect_ok(scribe_open(&out, hand, mem, dek, l.resident_sealed, &err), &err);
    assert_memory_equal(out.salted.at, l.resident_salt, SALT_LEN);
    assert_memory_equal(out.salted.at + SALT_LEN, l.resident_view.at, l.resident_view.len);
    assert_int_equal(opens(hand, VIEW_RESIDENT, l.resident_sealed), VAULT_INTEGRITY);
    expect_ok(aead_set_key(dek, bytes_of(other, KEY_LEN), &err), &err);
    expect_code(scribe_open(&out, hand, mem, dek, l.resident_sealed, &err), VAULT_INTEGRITY, &err);
    aead_free(&dek);
}

/* ---- tags ---- */

TEST("tags are the same for the same one, differ for others, never link a person to a resident, and need the key")
{
    given_scribe();
    ring again = log_ring(1);
    ledger *foreign = book_over(&again);
    scribe *by = NULL;
    expect_ok(scribe_new(&by, foreign, &err), &err);
    assert_int_equal(resident_tag(hand->active, 1), resident_tag(hand->active, 1));
    assert_int_not_equal(resident_tag(hand->active, 1), resident_tag(hand->active, 2));
    assert_int_not_equal(resident_tag(hand->active, 1), resident_tag(by->active, 1));
    assert_int_equal(person_tag(hand->active, "a"), person_tag(hand->active, "a"));
    assert_int_not_equal(person_tag(hand->active, "a"), person_tag(hand->active, "A"));
    assert_int_not_equal(person_tag(hand->active, "1"), resident_tag(hand->active, 1));
    assert_int_equal(person_tag(hand->active, NULL), 0);
    assert_int_equal(resident_tag(hand->active, 0), 0);
    for (int64_t i = 1; i < 2000; i++) assert_int_not_equal(resident_tag(hand->active, i), 0);
    secret_clear(&again.key);
    scribe_free(&by);
    ledger_close(&foreign);
}

TEST("a reference leads the vault back to the resident and differs from line to line")
{
    given_scribe();
    uint8_t one[REFERENCE_LEN] = {[8] = 1}, two[REFERENCE_LEN] = {[8] = 2}, block[BLOCK_LEN];
    scribe_reference(hand, one, 77);
    scribe_reference(hand, two, 77);
    assert_memory_not_equal(one, two, REFERENCE_LEN);
    block_decrypt(hand->active->reference, block, two);
    assert_int_equal(load_u64(block), 77);
}

static int no_entropy(uint8_t *out, size_t len)
{
    (void)out, (void)len;
    return -1;
}

TEST("without randomness no line is made")
{
    line l;
    given_scribe();
    entropy_set_for_test(no_entropy);
    expect_code(line_make(&l, hand, mem, &FULL, NULL, &err), VAULT_INTERNAL, &err);
    entropy_set_for_test(NULL);
    made(&FULL);
}

TEST("a line does not outgrow its arena quietly")
{
    line l;
    given_scribe();
    for (size_t limit = 64; limit < 2048; limit += 64) {
        VAULT_CLEANUP(arena_free) arena *small = arena_new(limit);
        vault_code code = line_make(&l, hand, small, &FULL, NULL, &err);
        assert_true(code == VAULT_OK || code == VAULT_EXHAUSTED);
        vault_error_clear(&err);
    }
}
