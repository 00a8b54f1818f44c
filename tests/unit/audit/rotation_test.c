/* A log whose ring is rotated: two versions side by side, one of them destroyed, two suites. */
#include "tests/unit/audit/rotating.h"
#include "vault/audit/internal.h"
#include "vault/base/file.h"

static note_key verifier(void)
{
    note_key k;
    expect_ok(note_key_parse(&k, bytes_of_text(ledger_verifier_key(book)), &err), &err);
    return k;
}

static const char *signed_text(void)
{
    const char *note;
    expect_ok(ledger_sign_note(&note, book, mem, bytes_of_text("a text\n"), &err), &err);
    return note;
}

static note_verdict opens(const char *note, const note_key *by)
{
    bytes text;
    return note_open(&text, bytes_of_text(note), by);
}

static line_page lines_of(int64_t resident, const char *person)
{
    return all_lines((line_query){.resident = resident, .person = person});
}

TEST("lines of both versions are read, proven and found by resident and by person, in their order")
{
    given_log_to_rotate(SUITE_INTL);
    given_lines(6);
    follow(1, 2);
    given_lines(6);
    line_page all = all_lines((line_query){0}), resident = lines_of(1, NULL), person = lines_of(0, "person-a");
    assert_int_equal(all.count, 13);
    assert_int_equal(inconsistent(&all) + inconsistent(&resident) + inconsistent(&person), 0);
    assert_int_equal(resident.count, 4);
    assert_int_equal(person.count, 4);
    for (size_t i = 1; i < resident.count; i++) assert_true(resident.lines[i].index > resident.lines[i - 1].index);
    line_trail t = {.resident = 1, .app = "gov-app-1", .purpose = "elder-care", .limit = 10};
    expect_ok(ledger_trail(hand, db, mem, &t, &err), &err);
    assert_int_equal(t.total, 2);
    assert_int_equal(t.count, 2);
    assert_true(t.lines[0].index > t.lines[1].index);
}

TEST("a page of an old and a new tag is as long as asked for, and goes on where it ended")
{
    given_log_to_rotate(SUITE_INTL);
    given_lines(10);
    follow(1, 2);
    given_lines(10);
    for (size_t limit = 1; limit < 5; limit++) {
        line_page found = all_lines((line_query){.resident = 2, .limit = limit});
        assert_int_equal(found.count, 4);
        assert_int_equal(inconsistent(&found), 0);
    }
}

TEST("an old line whose tag is edited to that of the other version is shown as damaged")
{
    given_log_to_rotate(SUITE_INTL);
    given_lines(1);
    follow(1, 2);
    pg_sql("UPDATE line SET resident_tag = %lld WHERE idx = 1", (long long)resident_tag(hand->active, 1));
    line_page found = lines_of(1, NULL);
    assert_int_equal(found.count, 1);
    assert_int_equal(inconsistent(&found), 1);
}

TEST("every version that has a key signs: a verifier with the old key goes on until it is destroyed")
{
    given_log_to_rotate(SUITE_INTL);
    note_key first = verifier();
    const char *told = ledger_verifier_key(book);
    assert_int_equal(opens(signed_text(), &first), NOTE_VERIFIED);
    follow(1, 2);
    note_key second = verifier();
    assert_string_not_equal(told, ledger_verifier_key(book)); /* what was told before can still be read */
    assert_int_equal(opens(signed_text(), &first), NOTE_VERIFIED);
    assert_int_equal(opens(signed_text(), &second), NOTE_VERIFIED);
    appended done = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
    expect_ok(appended_sign(&done, book, mem, &err), &err);
    assert_int_equal(opens(done.checkpoint, &first), NOTE_VERIFIED);
    assert_int_equal(opens(done.checkpoint, &second), NOTE_VERIFIED);
    follow(2, 2);
    assert_int_equal(opens(signed_text(), &first), NOTE_NO_SIGNATURE);
    assert_int_equal(opens(signed_text(), &second), NOTE_VERIFIED);
}

TEST("under gm SM2 signs beside Ed25519, and either is enough for its verifier")
{
    given_log_to_rotate(SUITE_GM);
    note_key first = verifier();
    follow(1, 2);
    given_lines(2);
    const char *note = signed_text();
    note_key second = verifier();
    assert_int_equal(second.kind, SIGNATURE_ED25519);
    assert_int_equal(book->keys->signer_count, 3);
    const note_key *national = &book->keys->signers[1].key;
    assert_int_equal(national->kind, SIGNATURE_SM2);
    assert_int_equal(opens(note, &first), NOTE_VERIFIED);
    assert_int_equal(opens(note, &second), NOTE_VERIFIED);
    assert_int_equal(opens(note, national), NOTE_VERIFIED);
    note_key parsed;
    expect_ok(note_key_parse(&parsed, bytes_of_text(note_key_text(national, mem)), &err), &err);
    assert_int_equal(opens(note, &parsed), NOTE_VERIFIED);
    char *edited = arena_text(mem, bytes_of_text(note));
    edited[0] = 'b';
    assert_int_equal(opens(edited, &parsed), NOTE_BAD_SIGNATURE);
    line_page all = all_lines((line_query){0});
    assert_int_equal(inconsistent(&all), 0);
}

TEST("a receipt's checkpoint has no SM2 signature, which takes too long for each call; what is published has")
{
    const merkle_tree tree = {.size = 0};
    const char *told;
    given_log_to_rotate(SUITE_GM);
    note_key first = verifier();
    follow(1, 2);
    note_key second = verifier();
    const note_key *national = &book->keys->signers[1].key;
    appended done = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
    expect_ok(appended_sign(&done, book, mem, &err), &err);
    assert_int_equal(opens(done.checkpoint, &first), NOTE_VERIFIED);
    assert_int_equal(opens(done.checkpoint, &second), NOTE_VERIFIED);
    assert_int_equal(opens(done.checkpoint, national), NOTE_NO_SIGNATURE);
    expect_ok(tree_sign(&told, book, mem, &tree, &err), &err);
    assert_int_equal(opens(told, national), NOTE_VERIFIED);
}

TEST("rings of a half-rotated log may be destroyed once: then its lines are unreadable, shown, and nothing else fails")
{
    given_log_to_rotate(SUITE_INTL);
    given_lines(3);
    follow(1, 2);
    given_lines(3);
    follow(2, 2);
    given_lines(1);
    line_page all = all_lines((line_query){0});
    assert_int_equal(all.count, 8);
    assert_int_equal(inconsistent(&all), 4);
    assert_int_equal(lines_of(1, NULL).count, 2);
}

TEST("a node that has not heard of the new version is told that control moved, and goes on once it follows")
{
    given_log_to_rotate(SUITE_INTL);
    VAULT_CLEANUP(ledger_close) ledger *other = NULL;
    appended done;
    head_row head;
    expect_ok(ledger_open(&other, db, keys, ORIGIN, &err), &err);
    line *late = lines_for(1, "person-a", "elder-care", 1);
    follow(1, 2);
    given_lines(1);
    const line_batch batch = {.control_version = 1, .lines = late, .count = 1};
    assert_int_equal(ledger_append(other, db, mem, &batch, &done, &err), VAULT_CONFLICT);
    assert_string_equal(err.reason, "CONTROL_MOVED");
    vault_error_clear(&err);
    expect_code(ledger_head(other, db, &head, &err), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    expect_ok(ledger_follow(other, keys, &err), &err);
    expect_ok(ledger_append(other, db, mem, &batch, &done, &err), &err);
    expect_ok(ledger_head(other, db, &head, &err), &err);
    assert_int_equal(head.log_version, 2);
}

TEST("a head that names a version that nobody has is found at the second publication")
{
    given_log_to_rotate(SUITE_INTL);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    pg_sql("UPDATE head SET log_version = 7");
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    pg_sql("UPDATE head SET log_version = 1");
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
}

TEST("an older head, put back under a version whose key is destroyed, is refused; also by a node that starts anew")
{
    head_row head;
    given_log_to_rotate(SUITE_INTL);
    given_lines(2);
    pg_sql("CREATE TABLE kept AS SELECT * FROM head");
    follow(1, 2);
    given_lines(2);
    follow(2, 2);
    expect_ok(ledger_head(book, db, &head, &err), &err);
    pg_sql("DELETE FROM head; INSERT INTO head SELECT * FROM kept; DELETE FROM line WHERE idx > 2");
    expect_code(ledger_head(book, db, &head, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    VAULT_CLEANUP(ledger_close) ledger *fresh = NULL;
    expect_code(ledger_open(&fresh, db, keys, ORIGIN, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
}

TEST("the sum of rows goes over to the new version's mask, and stays")
{
    uint8_t tag[ROW_TAG_LEN] = {1};
    const resident_row row = {.id = 5, .version = 1, .tag = bytes_of(tag, sizeof tag)};
    head_row head;
    row_sum wanted = {0}, sum;
    appended done;
    given_log_to_rotate(SUITE_GM);
    row_sum_add(&wanted, hand, &row);
    line *one = lines_for(5, "person-a", "elder-care", 1);
    const row_change put = {.row = &row};
    const line_batch batch = {.control_version = 1, .lines = one, .count = 1, .rows = &put, .row_count = 1};
    expect_ok(ledger_append(book, db, mem, &batch, &done, &err), &err);
    for (uint32_t first = 1; first <= 2; first++) {
        follow(first, 2);
        given_lines(1);
        expect_ok(ledger_head(book, db, &head, &err), &err);
        expect_ok(ledger_row_sum(&sum, book, &head, &err), &err);
        assert_memory_equal(sum.at, wanted.at, ROW_SUM_LEN);
    }
}

TEST("the file outside is accepted after the rotation, and signed anew by both; edited, it is refused")
{
    char folder[] = "/tmp/rv-rotation-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    given_log_to_rotate(SUITE_INTL);
    note_key first = verifier();
    expect_ok(ledger_publish(book, db, path, &err), &err);
    follow(1, 2);
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
    given_lines(1);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    char *text = NULL;
    size_t len;
    expect_ok(file_read(&text, &len, path, 1 << 16, &err), &err);
    note_key second = verifier();
    assert_int_equal(opens(text, &first), NOTE_VERIFIED);
    assert_int_equal(opens(text, &second), NOTE_VERIFIED);
    char *edited = arena_text(mem, bytes_of(text, len));
    edited[len - 10] ^= 1; /* of the second signature: the first one alone does not save it */
    expect_ok(file_replace(path, bytes_of(edited, len), &err), &err);
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    expect_ok(file_replace(path, bytes_of(text, len), &err), &err);
    follow(2, 2);
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
    free(text);
    unlink(path);
    rmdir(folder);
}

TEST("a published row that only a destroyed key has signed is signed anew, where the log continues it")
{
    int64_t size;
    const char *note;
    given_log_to_rotate(SUITE_INTL);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    follow(1, 2);
    given_lines(1);
    follow(2, 2); /* at once, before anything was published under both */
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    expect_ok(store_checkpoint_read(db, mem, &size, &note, &err), &err);
    note_key second = verifier();
    assert_int_equal(opens(note, &second), NOTE_VERIFIED);
    assert_int_equal(size, 2);
}

TEST("a node that was away while the key was destroyed that signed its file opens, where the log continues the file")
{
    char folder[] = "/tmp/rv-rotation-XXXXXX", path[64], *text = NULL;
    size_t len;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    given_log_to_rotate(SUITE_INTL);
    given_lines(2);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    follow(1, 2);
    given_lines(1);
    follow(2, 2);
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
    expect_ok(file_read(&text, &len, path, 1 << 16, &err), &err);
    char *longer = arena_text(mem, bytes_of(text, len));
    *strchr(strchr(longer, '\n') + 1, '3') = '7'; /* more lines than there are */
    expect_ok(file_replace(path, bytes_of(longer, len), &err), &err);
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    expect_ok(file_replace(path, bytes_of(text, len), &err), &err);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    free(text);
    expect_ok(file_read(&text, &len, path, 1 << 16, &err), &err);
    note_key second = verifier();
    assert_int_equal(opens(text, &second), NOTE_VERIFIED);
    free(text);
    unlink(path);
    rmdir(folder);
}

TEST("an older keyring that comes late takes no key back, and a newer one is followed while lines are made")
{
    given_log_to_rotate(SUITE_INTL);
    keyring *old = keys_from(1, 1);
    follow(1, 2);
    const char *told = ledger_verifier_key(book);
    expect_ok(ledger_follow(book, old, &err), &err);
    assert_ptr_equal(ledger_verifier_key(book), told);
    line *made = lines_for(1, "person-a", "elder-care", 1);
    keyring *newer = keys_from(1, 3);
    expect_ok(ledger_follow(book, newer, &err), &err);
    appended_batch(made, 1); /* under the version before, which still has its key */
    keyring_free(&old);
    keyring_free(&newer);
    line_page all = all_lines((line_query){0});
    assert_int_equal(inconsistent(&all), 0);
}
