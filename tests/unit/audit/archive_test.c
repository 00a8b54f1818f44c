/* Lines in archives: nothing that was known of the log before is lost, and no damage hides. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/archive.h"
#include "vault/audit/internal.h"
#include "vault/audit/lines_file.h"
#include "vault/audit/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Calls of the system that fail: the n-th of its kind from now, once. */
enum { CALL_FSYNC, CALL_LINK, CALL_UNLINK, CALLS };
static struct {
    int at, error;
} faults[CALLS];

static bool fails(int call)
{
    if (faults[call].at == 0 || --faults[call].at > 0) return false;
    errno = faults[call].error;
    return true;
}

int fsync(int fd)
{
    return fails(CALL_FSYNC) ? -1 : fdatasync(fd);
}

int link(const char *from, const char *to)
{
    return fails(CALL_LINK) ? -1 : linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    return fails(CALL_UNLINK) ? -1 : unlinkat(AT_FDCWD, path, 0);
}

enum { BATCH = 100 };
static char folder[] = "/tmp/rv-archive-XXXXXX";
static shelf *files;

__attribute__((destructor)) static void tidy(void)
{
    empty_folder(folder);
    rmdir(folder);
}

static void given_shelf(void)
{
    if (strstr(folder, "XXXXXX")) assert_non_null(mkdtemp(folder));
    shelf_close(&files);
    expect_ok(shelf_open(&files, folder, &err), &err);
    store_set_shelf(db, files);
}

/* `count` lines and the first one, some persons and residents, a hundred of them a second; published. */
static void given_many(size_t count)
{
    static const char *const PERSONS[] = {"person-a", "person-b", "person-c"};
    given_log();
    given_shelf();
    empty_folder(folder);
    for (size_t done = 0; done < count; done += BATCH) {
        clock_set_for_test(INT64_C(1000000) * (NOON + 1 + (int64_t)(done / BATCH)));
        line *lines = arena_array(mem, BATCH, sizeof *lines);
        for (size_t i = 0; i < BATCH; i++)
            lines[i] = *lines_for(1 + (int64_t)((done + i) % 7), PERSONS[(done + i) % 3], "elder-care", 1);
        appended_batch(lines, BATCH);
    }
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
}

static vault_code archive(int64_t before, archive_row *what)
{
    anchor to;
    VAULT_CLEANUP(archive_draft_clear) archive_draft draft = {0};
    VAULT_TRY(ledger_anchor(&to, book, db, mem, &err));
    VAULT_TRY(archive_next(what, db, &to, before, &err));
    const archive_wish wish = {what->first, what->count, &to};
    VAULT_TRY(archive_draft_write(&draft, hand, db, &wish, &err));
    VAULT_TRY(store_begin(db, &err));
    vault_code code = store_archive_take(db, &draft.row, &err);
    if (code == VAULT_OK) code = archive_draft_place(&draft, files, &err);
    if (code == VAULT_OK) code = store_commit(db, &err);
    store_rollback(db);
    *what = draft.row;
    return code;
}

static void archived(int64_t before, int64_t first, int64_t count)
{
    archive_row row;
    expect_ok(archive(before, &row), &err);
    assert_int_equal(row.first, first);
    assert_int_equal(row.count, count);
}

/* ---- all that is known of a log ---- */

typedef struct known {
    line_page all, of_person, of_resident;
    size_t trail;
    uint32_t version;
    digest proofs;
} known;

static digest proofs_of(int64_t size)
{
    digest_stream sum;
    digest_begin(&sum);
    for (int64_t i = 0; i < size; i += 7) {
        line_proof proof = {.index = i, .size = size - i % 5};
        if (i >= proof.size) continue;
        expect_ok(ledger_prove_inclusion(book, db, mem, &proof, &err), &err);
        digest_add(&sum, proof.leaf);
        digest_add(&sum, bytes_of(proof.path.at, proof.path.len * DIGEST_LEN));
        growth_proof growth = {.old_size = i + 1, .size = size};
        expect_ok(ledger_prove_consistency(book, db, mem, &growth, &err), &err);
        digest_add(&sum, bytes_of(growth.path.at, growth.path.len * DIGEST_LEN));
    }
    return digest_end(&sum);
}

static known everything(int64_t size)
{
    known k = {.all = all_lines((line_query){.limit = 1000}),
               .of_person = all_lines((line_query){.person = "person-b"}),
               .of_resident = all_lines((line_query){.resident = 3})};
    line_trail trail = {.resident = 3, .app = "gov-app-1", .purpose = "elder-care", .limit = 100};
    expect_ok(ledger_trail(hand, db, mem, &trail, &err), &err);
    assert_int_equal(trail.count, trail.total < 100 ? trail.total : 100);
    for (size_t i = 1; i < trail.count; i++) assert_true(trail.lines[i - 1].index > trail.lines[i].index);
    k.trail = trail.total;
    expect_ok(ledger_last_write(hand, db, mem, 3, &k.version, &err), &err);
    k.proofs = proofs_of(size);
    return k;
}

static void expect_same_lines(const line_page *a, const line_page *b, int64_t archived_end)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(inconsistent(b), 0);
    for (size_t i = 0; i < a->count; i++) {
        const opened_line *x = &a->lines[i], *y = &b->lines[i];
        assert_int_equal(x->index, y->index);
        assert_true(bytes_same(x->leaf, y->leaf) && bytes_same(x->officer_view, y->officer_view));
        assert_int_equal(y->archived, y->index < archived_end);
    }
}

static void expect_same(const known *a, const known *b, int64_t archived_end)
{
    expect_same_lines(&a->all, &b->all, archived_end);
    expect_same_lines(&a->of_person, &b->of_person, archived_end);
    expect_same_lines(&a->of_resident, &b->of_resident, archived_end);
    assert_int_equal(a->trail, b->trail);
    assert_int_equal(a->version, b->version);
    assert_memory_equal(a->proofs.at, b->proofs.at, DIGEST_LEN);
}

static void expect_scanned(int64_t size)
{
    line_scan scan = {.limit = 100};
    do {
        expect_ok(ledger_scan(&scan, hand, db, mem, &err), &err);
        for (size_t i = 0; i < scan.count; i++) assert_int_equal(scan.lines[i].index, scan.from + (int64_t)i);
        scan.from += (int64_t)scan.count;
    } while (scan.count > 0);
    assert_int_equal(scan.from, size);
}

TEST("whatever is asked of a log is answered the same when its first lines lie in archives, in one or in several")
{
    given_many(800);
    known before = everything(801), after;
    assert_int_equal(before.all.count, 801);
    archived(600, 0, 512);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 801 - 512);
    after = everything(801);
    expect_same(&before, &after, 512);
    expect_scanned(801);
    archived(801, 512, 256);
    after = everything(801);
    expect_same(&before, &after, 768);
    expect_scanned(801);
    for (int64_t from = 250; from < 801; from += 130) {
        entry_page page = {.from = from, .size = 801, .limit = 300};
        expect_ok(ledger_entries(db, mem, &page, &err), &err);
        for (size_t i = 0; i < page.count; i++)
            assert_true(bytes_same(page.leaves[i], before.all.lines[from + (int64_t)i].leaf));
    }
}

TEST("bounds in time are found among archived lines, and the log goes on behind them")
{
    int64_t index;
    given_many(800);
    archived(801, 0, 768);
    expect_ok(ledger_since(&index, hand, db, mem, INT64_C(1000000) * (NOON + 3), &err), &err);
    assert_int_equal(index, 201);
    line_page some =
        all_lines((line_query){.start_us = INT64_C(1000000) * (NOON + 3), .end_us = INT64_C(1000000) * (NOON + 7)});
    assert_int_equal(some.count, 400);
    assert_int_equal(some.lines[0].index, 201);
    appended_batch(lines_for(3, "person-b", "elder-care", 20), 20);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    assert_int_equal(all_lines((line_query){0}).count, 821);
    expect_scanned(821);
}

TEST("nothing is archived of what does not fill a tile, is not published or is past the bound")
{
    anchor to;
    archive_row row;
    given_many(300);
    expect_ok(ledger_anchor(&to, book, db, mem, &err), &err);
    expect_ok(archive_next(&row, db, &to, 255, &err), &err);
    assert_int_equal(row.count, 0);
    expect_ok(archive_next(&row, db, &to, 10000, &err), &err);
    assert_int_equal(row.count, 256);
    to.tree.size = 255;
    expect_ok(archive_next(&row, db, &to, 10000, &err), &err);
    assert_int_equal(row.count, 0);
}

/* ---- the file ---- */

static FILE *open_archive(const char *name, const char *how)
{
    char path[ARCHIVE_PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, how);
    assert_non_null(f);
    return f;
}

TEST("a file proves itself: signed by the log, its leaves lead to the checkpoint in it")
{
    lines_file *f = NULL;
    lines_file_line one;
    note_key key;
    bytes text;
    digest leaves[256];
    given_many(300);
    archived(300, 0, 256);
    FILE *from = open_archive("0-255.lines", "r");
    expect_ok(lines_file_open(&f, from, &err), &err);
    const lines_file_head *head = lines_file_head_of(f);
    expect_ok(note_key_parse(&key, bytes_of_text(ledger_verifier_key(book)), &err), &err);
    assert_int_equal(note_open(&text, head->note, &key), NOTE_VERIFIED);
    assert_string_equal(head->origin, ORIGIN);
    for (int i = 0; i < 256; i++) {
        expect_ok(lines_file_next(&one, f, &err), &err);
        leaves[i] = merkle_leaf(one.leaf);
    }
    assert_true(lines_file_whole(f));
    merkle_tree tree = tree_of_note(arena_text(mem, head->checkpoint));
    assert_true(merkle_verify_range(leaves, 256, 0, &tree, head->path));
    lines_file_close(&f);
    fclose(from);
    assert_int_equal(files_in(folder), 1);
}

static vault_code query_all(void)
{
    line_page page;
    return ledger_query(hand, db, mem, &(line_query){.limit = 1000}, &page, &err);
}

TEST("a file that is not at hand is said to be away, and proofs of newer lines do not need it")
{
    char from[ARCHIVE_PATH_ROOM], to[ARCHIVE_PATH_ROOM];
    line_proof proof = {.index = 500, .size = 801};
    growth_proof growth = {.old_size = 600, .size = 801};
    given_many(800);
    archived(600, 0, 512);
    snprintf(from, sizeof from, "%s/0-511.lines", folder);
    snprintf(to, sizeof to, "%s/elsewhere", folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(query_all(), VAULT_UNAVAILABLE);
    assert_string_equal(err.reason, "ARCHIVE_AWAY");
    assert_string_equal(err.field, "archives/0-511");
    vault_error_clear(&err);
    expect_code(ledger_prove_inclusion(book, db, mem, &proof, &err), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
    proof.index = 513;
    expect_ok(ledger_prove_inclusion(book, db, mem, &proof, &err), &err);
    expect_ok(ledger_prove_consistency(book, db, mem, &growth, &err), &err);
    growth.old_size = 256;
    expect_ok(ledger_prove_consistency(book, db, mem, &growth, &err), &err);
    appended_batch(lines_for(3, "person-b", "elder-care", 5), 5);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    assert_int_equal(rename(to, from), 0);
    expect_ok(query_all(), &err);
    store_set_shelf(db, NULL);
    expect_code(query_all(), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
}

TEST("a file in which a bit was flipped, that is cut, longer, or another one, is refused, wherever it was done")
{
    static const long PLACES[] = {3, 40, 150, 1200, 30000, -1, -40, -200};
    given_many(300);
    archived(300, 0, 256);
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        for (int again = 0; again < 2; again++) {
            FILE *f = open_archive("0-255.lines", "r+");
            fseek(f, PLACES[i], PLACES[i] < 0 ? SEEK_END : SEEK_SET);
            int c = fgetc(f);
            fseek(f, -1, SEEK_CUR);
            fputc(c ^ 4, f);
            fclose(f);
            given_shelf();
            if (again) break; /* as it was */
            expect_code(query_all(), VAULT_INTEGRITY, &err);
            vault_error_clear(&err);
        }
        expect_ok(query_all(), &err);
    }
    FILE *f = open_archive("0-255.lines", "a");
    fputc('\n', f);
    fclose(f);
    given_shelf();
    expect_code(query_all(), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
}

TEST("names of files in the table are names alone: none leads out of the folder")
{
    static const char *const NAMES[] = {"../../etc/passwd", "/etc/passwd", "0-255.lines/../x", "..", "x.lines", ""};
    given_many(300);
    archived(300, 0, 256);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        pg_sql("UPDATE archive SET file = '%s'", NAMES[i]);
        given_shelf();
        expect_code(query_all(), VAULT_UNAVAILABLE, &err);
        vault_error_clear(&err);
        archive_remove(files, NAMES[i]);
    }
    assert_int_equal(files_in(folder), 1);
}

/* ---- what must not be archived ---- */

TEST("a damaged line is not archived: nothing is deleted, and no file stays")
{
    static const char *const EDITS[] = {"officer = set_byte(officer, 40, get_byte(officer, 40) # 1)",
                                        "resident_tag = resident_tag # 1",
                                        "person_tag = person_tag # 1",
                                        "leaf = set_byte(leaf, 60, get_byte(leaf, 60) # 1)",
                                        "nodes = set_byte(nodes, 1, get_byte(nodes, 1) # 1)",
                                        "nodes = ''",
                                        "leaf = ''"};
    archive_row row;
    given_many(300);
    pg_sql("CREATE TABLE kept AS SELECT * FROM line WHERE idx = 101");
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        pg_sql("UPDATE line SET %s WHERE idx = 101", EDITS[i]);
        expect_code(archive(300, &row), VAULT_INTEGRITY, &err);
        vault_error_clear(&err);
        assert_int_equal(files_in(folder), 0);
        assert_int_equal(sql_number("SELECT count(*) FROM line"), 301);
        pg_sql("DELETE FROM line WHERE idx = 101; INSERT INTO line SELECT * FROM kept");
    }
    pg_sql("DELETE FROM line WHERE idx = 101");
    expect_code(archive(300, &row), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    pg_sql("INSERT INTO line SELECT * FROM kept");
    expect_ok(archive(300, &row), &err);
}

TEST("of two that archive the same lines the second is told, and a file that nobody knows of is in nobody's way")
{
    anchor to;
    archive_draft one = {0}, two = {0};
    given_many(300);
    fclose(open_archive("0-255.lines", "w"));
    expect_ok(ledger_anchor(&to, book, db, mem, &err), &err);
    const archive_wish wish = {0, 256, &to};
    expect_ok(archive_draft_write(&one, hand, db, &wish, &err), &err);
    expect_ok(archive_draft_write(&two, hand, db, &wish, &err), &err);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(store_archive_take(db, &one.row, &err), &err);
    expect_ok(archive_draft_place(&one, files, &err), &err);
    expect_ok(store_commit(db, &err), &err);
    expect_ok(store_begin(db, &err), &err);
    expect_code(store_archive_take(db, &two.row, &err), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    store_rollback(db);
    archive_draft_clear(&two);
    archive_draft_clear(&one);
    assert_int_equal(files_in(folder), 2);
    expect_ok(query_all(), &err);
}

TEST("a file never changes once it is named: not by a node that was held up while another archived its lines")
{
    anchor to;
    archive_draft late = {0}, first = {0};
    given_many(300);
    expect_ok(ledger_anchor(&to, book, db, mem, &err), &err);
    const archive_wish wish = {0, 256, &to};
    expect_ok(archive_draft_write(&late, hand, db, &wish, &err), &err);
    expect_ok(archive_draft_write(&first, hand, db, &wish, &err), &err);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(store_archive_take(db, &first.row, &err), &err);
    expect_ok(archive_draft_place(&first, files, &err), &err);
    expect_ok(store_commit(db, &err), &err);
    expect_code(archive_draft_place(&late, files, &err), VAULT_UNAVAILABLE, &err); /* its transaction is gone */
    vault_error_clear(&err);
    archive_draft_clear(&late);
    assert_int_equal(files_in(folder), 1);
    expect_ok(query_all(), &err);
}

/* Nothing was taken and no file is there; with the fault gone it is archived as if there had been none. */
static void expect_untouched(const char *what)
{
    assert_int_equal(sql_number("SELECT (SELECT count(*) FROM line) * 1000 + (SELECT count(*) FROM archive)"), 301000);
    if (files_in(folder) != 0) fail_msg("a file stays after: %s", what);
    archived(300, 0, 256);
    expect_ok(query_all(), &err);
    fclose(open_archive("0-255.lines", "r"));
    assert_int_equal(files_in(folder), 1);
}

TEST("a call of the system that fails while an archive is made takes no line, leaves no file, and says what it was")
{
    static const struct {
        int call, at, error;
        vault_code code;
    } cases[] = {{CALL_FSYNC, 1, EIO, VAULT_INTERNAL},      {CALL_FSYNC, 1, ENOSPC, VAULT_EXHAUSTED},
                 {CALL_FSYNC, 2, EIO, VAULT_INTERNAL},      {CALL_LINK, 1, ENOSPC, VAULT_EXHAUSTED},
                 {CALL_LINK, 1, EDQUOT, VAULT_EXHAUSTED},   {CALL_LINK, 1, EIO, VAULT_INTERNAL},
                 {CALL_LINK, 1, EEXIST, VAULT_UNAVAILABLE}, {CALL_LINK, 1, EACCES, VAULT_INTERNAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        archive_row row;
        given_many(300);
        faults[cases[i].call].at = cases[i].at;
        faults[cases[i].call].error = cases[i].error;
        assert_int_equal(archive(300, &row), cases[i].code);
        assert_int_equal(faults[cases[i].call].at, 0);
        assert_non_null(strstr(err.detail, cases[i].error == EEXIST ? "taken" : strerrordesc_np(cases[i].error)));
        vault_error_clear(&err);
        expect_untouched(strerrorname_np(cases[i].error));
    }
}

TEST("a file that cannot grow any further, wherever it stands by then, is none")
{
    static const rlim_t lengths[] = {0, 1, 1000, 70000};
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    given_many(300);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) { /* the last write is a short one */
        archive_row row;
        small = (struct rlimit){lengths[i], before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        vault_code code = archive(300, &row);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        expect_code(code, VAULT_EXHAUSTED, &err);
        vault_error_clear(&err);
        assert_int_equal(files_in(folder), 0);
    }
    expect_untouched("a file that is too long");
}

TEST("a draft that could not be removed, or that a killed process has left, goes with the next archive")
{
    archive_row row;
    given_many(600);
    faults[CALL_UNLINK].at = 1;
    faults[CALL_UNLINK].error = EIO;
    expect_ok(archive(300, &row), &err);
    assert_int_equal(files_in(folder), 2);
    fclose(open_archive(".archive-draft.abcdef", "w"));
    archived(600, 256, 256);
    assert_int_equal(files_in(folder), 2);
}

TEST("a draft of another node's that is being written stays")
{
    anchor to;
    archive_draft slow = {0};
    given_many(300);
    expect_ok(ledger_anchor(&to, book, db, mem, &err), &err);
    const archive_wish wish = {0, 256, &to};
    expect_ok(archive_draft_write(&slow, hand, db, &wish, &err), &err);
    archived(300, 0, 256);
    assert_int_equal(files_in(folder), 2);
    archive_draft_clear(&slow);
    assert_int_equal(files_in(folder), 1);
}

static void expect_settled(int64_t first, const char *file, size_t left)
{
    archive_placed placed = {.first = first};
    snprintf(placed.file, sizeof placed.file, "%s", file);
    expect_ok(archive_settle(db, files, &placed, &err), &err);
    assert_int_equal(placed.file[0], 0);
    assert_int_equal(files_in(folder), left);
}

TEST("a file of which it is not known whether its row was committed goes, unless it was")
{
    given_many(600);
    archived(300, 0, 256);
    fclose(open_archive("256-511.lines", "w"));
    fclose(open_archive("0-255.2.lines", "w"));
    expect_settled(0, "0-255.lines", 3);
    expect_settled(0, "0-255.2.lines", 2);
    expect_settled(256, "256-511.lines", 1);
    expect_settled(256, "256-511.lines", 1);
    expect_settled(0, "", 1);
    expect_ok(query_all(), &err);
}

TEST("a folder that is not there is refused at the start, and one that cannot be written when it is wanted")
{
    shelf *none = NULL;
    archive_row row;
    expect_code(shelf_open(&none, "/tmp/rv-no-such-folder", &err), VAULT_INVALID, &err);
    vault_error_clear(&err);
    given_many(300);
    expect_ok(shelf_open(&none, NULL, &err), &err);
    store_set_shelf(db, none);
    assert_int_equal(archive(300, &row), VAULT_PRECONDITION);
    assert_string_equal(err.reason, "NO_ARCHIVE_FOLDER");
    vault_error_clear(&err);
    store_set_shelf(db, files);
    shelf_close(&none);
}
