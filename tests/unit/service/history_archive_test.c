/* Who has seen a resident's data, where the lines that say so lie in an archive, or were taken under another key. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/receipt.h"

#include "vault/base/clock.h"

#include <dirent.h>
#include <unistd.h>

static char folder[] = "/tmp/rv-history-XXXXXX";
enum { YEAR = 366 * 86400 };
#define CARE "elder-care"

/* Purposes that outlast the years of the test, and a rule for histories. */
static void with_histories(const char *file, json_t *document)
{
    size_t i;
    json_t *one;
    if (strcmp(file, "policy.json") == 0)
        json_array_append_new(json_object_get(document, "rules"),
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:[s], s:{s:s, s:s}}", "id",
                                        "history-desk", "action", "history", "consumer", "eldercare", "purpose", CARE,
                                        "acting", "app", "fields", "id_number", "form", "nothing", "areas", "320411002",
                                        "valid", "from", "2020-01-01", "until", "2099-12-31"));
    if (strcmp(file, "purposes.json") != 0) return;
    json_array_foreach(json_object_get(document, "purposes"), i, one)
        json_object_set_new(json_object_get(one, "assessment"), "until", json_string("2099-12-31"));
}

__attribute__((constructor)) static void before_all(void)
{
    fixture_edit = with_histories;
    if (mkdtemp(folder)) fixture_archives = folder;
}

__attribute__((destructor)) static void after_all(void)
{
    empty_folder(folder);
    rmdir(folder);
}

static char mine[128];

static request *look_back(const char *page, int32_t size)
{
    NEW_REQUEST(in, Vault__V1__AccessHistoryRequest, vault__v1__access_history_request__init);
    in->token = lend(mine);
    in->page_token = lend(page);
    in->page_size = size;
    return ask(&(asked){.path = "/vault.v1.Audit/AccessHistory", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
}

static const Vault__V1__AccessHistoryResponse *told(const char *page, int32_t size)
{
    request *rq = look_back(page, size);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static void given_published(void)
{
    int64_t lines = lines_in_log();
    for (int i = 0; i < 1200; i++) {
        if (strtoll(pg_sql("SELECT coalesce(max(size), 0) FROM published"), NULL, 10) >= lines) return;
        usleep(50000);
    }
    fail_msg("nothing is published");
}

static void given_lines(size_t count)
{
    asked *a = arena_array(fixture_memory(), count, sizeof *a);
    request **out = arena_array(fixture_memory(), count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        a[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                       .uri = ELDERCARE,
                       .purpose = CARE,
                       .in = &reveal_of(mine, MASK("name"))->base};
    ask_many(a, out, count);
    given_published();
}

static void archived_before(int64_t s)
{
    NEW_REQUEST(in, Vault__V1__ArchiveRequest, vault__v1__archive_request__init);
    NEW_REQUEST(before, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    before->seconds = s;
    in->before_time = before;
    request *rq = steward(NULL, OFFICER, "/vault.v1.Audit/Archive", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    wait_for_job(((const Vault__V1__ArchiveResponse *)(const void *)rq->out)->job, "done");
}

static bool is_proven(const Vault__V1__AccessEntry *e, const char *note)
{
    const merkle_tree tree = tree_of(note);
    const bytes opened[] = {bytes_of(e->resident_salt.data, e->resident_salt.len),
                            bytes_of(e->resident_view.data, e->resident_view.len)};
    const digest view = sha256_parts(opened, 2), leaf = merkle_leaf(bytes_of(e->leaf.data, e->leaf.len));
    return bytes_same(digest_bytes(&view), bytes_of(e->leaf.data + 42, DIGEST_LEN)) &&
           merkle_verify_inclusion(&leaf, (int64_t)e->line, &tree, path_of(e->path, e->n_path));
}

/* All of `before` at the end of what is told now. */
static void expect_kept(const Vault__V1__AccessHistoryResponse *before, size_t newer)
{
    given_published();
    const Vault__V1__AccessHistoryResponse *now = told("", 1000);
    assert_int_equal(now->n_entries, before->n_entries + newer);
    for (size_t i = 0; i < before->n_entries; i++) {
        const Vault__V1__AccessEntry *was = before->entries[i], *is = now->entries[newer + i];
        assert_int_equal(is->line, was->line);
        assert_int_equal(is->time->seconds, was->time->seconds);
        assert_string_equal(is->action, was->action);
        assert_memory_equal(is->resident_view.data, was->resident_view.data, was->resident_view.len);
        assert_true(is_proven(is, now->checkpoint));
    }
}

static const Vault__V1__AccessHistoryResponse *first;
static int64_t began_s;

TEST("what lies in an archive is told as before, each entry with its proof, page by page")
{
    snprintf(mine, sizeof mine, "%s", token_for(ELDERCARE, CARE, resident_in_street(3)));
    began_s = clock_now_us() / 1000000;
    given_lines(300);
    first = told("", 1000);
    assert_true(first->n_entries >= 300);
    clock_set_for_test(clock_now_us() + INT64_C(4) * YEAR * 1000000);
    archived_before(began_s + 3600);
    assert_true(strtol(pg_sql("SELECT count(*) FROM line WHERE idx < 256"), NULL, 10) == 0);
    expect_kept(first, 1);
    size_t count = 0;
    const char *next = "";
    do {
        const Vault__V1__AccessHistoryResponse *page = told(next, 64);
        for (size_t i = 1; i < page->n_entries; i++) assert_true(page->entries[i]->line < page->entries[i - 1]->line);
        count += page->n_entries;
        next = page->next_page_token;
    } while (next[0]);
    assert_int_equal(count, first->n_entries + 2);
}

TEST("under a new key of the log, and after the former one was destroyed, the same is told")
{
    size_t newer = told("", 1000)->n_entries - first->n_entries + 1;
    uint32_t former = 1;
    while (strcmp(ring_now("log", former)->state, "active") != 0) former++;
    wait_for_job(rotated("log")->jobs[0]->name, "done");
    expect_kept(first, newer);
    (void)destroyed(destroy_as(ADMINISTRATOR, "log", former, given_approved_destruction("log", former)));
    expect_kept(first, newer + 1);
}

/* The one file of archived lines. */
static void file_path(char out[400])
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, ".lines")) snprintf(out, 400, "%s/%s", folder, e->d_name);
    closedir(dir);
}

TEST("an archive that is away, or was edited, is no shorter history")
{
    static vault_error err;
    char path[400] = "", away[500];
    file_path(path);
    snprintf(away, sizeof away, "%s.away", path);
    expect_ok(fixture_reopen(&err), &err);
    assert_int_equal(rename(path, away), 0);
    expect_outcome(look_back("", 20), VAULT_OK, NULL); /* that need no archive */
    expect_outcome(look_back("", 1000), VAULT_UNAVAILABLE, "ARCHIVE_AWAY");
    assert_int_equal(rename(away, path), 0);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, -100, SEEK_END);
    int c = fgetc(f);
    fseek(f, -1, SEEK_CUR);
    fputc(c ^ 1, f);
    fclose(f);
    expect_ok(fixture_reopen(&err), &err);
    request *rq = look_back("", 1000);
    assert_true(rq->err.code == VAULT_INTEGRITY && !rq->out);
    clock_set_for_test(0);
}
