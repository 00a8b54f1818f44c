/* Old lines of a vault at work go to archives, and nothing that was asked of the log before is answered otherwise. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"
#include "tests/unit/service/receipt.h"
#include "vault/audit/lines_file.h"

#include <sys/wait.h>

static vault_error err;
static char folder[] = "/tmp/rv-archives-XXXXXX";

/* Assessments that outlast the test's years. */
static void lengthen(const char *file, json_t *document)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(document, strcmp(file, "purposes.json") == 0 ? "purposes" : ""), i, one)
    {
        json_object_set_new(json_object_get(one, "assessment"), "until", json_string("2099-12-31"));
    }
}

__attribute__((constructor)) static void before_all(void)
{
    fixture_edit = lengthen;
    if (mkdtemp(folder)) fixture_archives = folder;
}

__attribute__((destructor)) static void after_all(void)
{
    empty_folder(folder);
    rmdir(folder);
}

enum { YEAR = 365 * 86400 };

static int64_t real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000;
}

/* The vault is so many years older from now on; lines that it has by then are that old. */
static void given_years(int years)
{
    clock_set_for_test(real_us() + INT64_C(1000000) * YEAR * years + INT64_C(86400) * 1000000 * years);
}

static Google__Protobuf__Timestamp *seconds(int64_t s)
{
    NEW_REQUEST(t, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    t->seconds = s;
    return t;
}

static request *archive_as(const char *uri, int64_t before_s)
{
    NEW_REQUEST(in, Vault__V1__ArchiveRequest, vault__v1__archive_request__init);
    if (before_s) in->before_time = seconds(before_s);
    return steward(NULL, uri, "/vault.v1.Audit/Archive", &in->base);
}

static const char *begun(int64_t before_s)
{
    request *rq = archive_as(OFFICER, before_s);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__ArchiveResponse *)(const void *)rq->out)->job;
}

static const Vault__V1__ListArchivesResponse *listed(void)
{
    NEW_REQUEST(in, Vault__V1__ListArchivesRequest, vault__v1__list_archives_request__init);
    request *rq = steward(NULL, ADMINISTRATOR, "/vault.v1.Audit/ListArchives", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const Vault__V1__QueryResponse *lines_of(const char *token)
{
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->resident_token = lend(token);
    in->page_size = 1000;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const char *token(void)
{
    return token_for(ELDERCARE, "elder-care", resident_in_street(0));
}

/* Until what the log has by now is published. */
static void given_published(void)
{
    int64_t lines = lines_in_log();
    for (int i = 0; i < 1200; i++) {
        if (strtoll(pg_sql("SELECT coalesce(max(size), 0) FROM published"), NULL, 10) >= lines) return;
        usleep(50000);
    }
    fail_msg("nothing is published");
}

static void given_reveals(size_t count)
{
    const char *t = token();
    asked *a = arena_array(fixture_memory(), count, sizeof *a);
    request **out = arena_array(fixture_memory(), count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        a[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                       .uri = ELDERCARE,
                       .purpose = "elder-care",
                       .in = &reveal_of(t, MASK("name"))->base};
    ask_many(a, out, count);
    for (size_t i = 0; i < count; i++) expect_outcome(out[i], VAULT_OK, NULL);
    given_published();
}

TEST("younger lines than the retention stay, whoever asks; and who is no officer may not ask")
{
    given_reveals(60);
    int64_t now = real_us() / 1000000;
    expect_outcome(archive_as(OFFICER, 0), VAULT_INVALID, "REQUIRED");
    expect_outcome(archive_as(OFFICER, -5), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(archive_as(OFFICER, now - 60), VAULT_INVALID, "RETENTION");
    expect_outcome(archive_as(OFFICER, now - 3 * YEAR + 3 * 86400), VAULT_INVALID, "RETENTION");
    expect_outcome(archive_as(OFFICER, now + YEAR), VAULT_INVALID, "RETENTION");
    expect_outcome(archive_as(ADMINISTRATOR, now - 4 * YEAR), VAULT_DENIED, "role");
    expect_outcome(archive_as(ELDERCARE, now - 4 * YEAR), VAULT_DENIED, "role");
    wait_for_job(begun(now - 4 * YEAR), "done"); /* and nothing is that old */
    assert_int_equal(listed()->n_archives, 0);
    assert_int_equal(files_in(folder), 0);
}

/* Until the one that archives says so of itself. */
static void await_said(const char *like)
{
    const char *count = arena_format(
        fixture_memory(), "SELECT count(*) FROM job WHERE kind = 8 AND state = 1 AND finding LIKE '%s'", like);
    for (int i = 0; i < 1200; i++) {
        if (count_of(pg_sql("%s", count)) == 1) return;
        usleep(50000);
    }
    fail_msg("the job says: %s", pg_sql("SELECT string_agg(finding, '|') FROM job"));
}

TEST("a job that nobody asked the vault for, or a node with a shorter retention was asked for, takes no younger lines")
{
    given_reveals(300);
    pg_sql("INSERT INTO job (kind, ring, version, state, total, done, created, resumed, resumed_done, ended, finding)"
           " VALUES (8, '', 1, 1, 256, 0, 0, 0, 0, 0, '')");
    await_said("waits for the retention: its next lines are kept until 20%");
    assert_int_equal(files_in(folder), 0);
    assert_int_equal(listed()->n_archives, 0);
    assert_int_equal(count_of(pg_sql("WITH d AS (DELETE FROM job WHERE version = 1 AND kind = 8 AND state = 1 "
                                     "RETURNING 1) SELECT count(*) FROM d")),
                     1);
}

TEST("what is asked of a log whose lines lie in an archive is answered as before, and a line says that they went")
{
    int64_t now = real_us() / 1000000;
    const char *t = token();
    size_t before = lines_of(t)->n_lines;
    given_published();
    given_years(4);
    wait_for_job(begun(now + 600), "done");
    const Vault__V1__ListArchivesResponse *all = listed();
    assert_int_equal(all->n_archives, 1);
    const Vault__V1__ArchivedRange *a = all->archives[0];
    assert_int_equal(a->first_line, 0);
    assert_true(a->line_count >= 256 && a->line_count % 256 == 0 && a->at_hand);
    assert_int_equal(count_of(pg_sql("SELECT count(*) FROM line WHERE idx < 256")), 0);
    const Vault__V1__QueryResponse *after = lines_of(t);
    assert_int_equal(after->n_lines, before + 1); /* the first query itself */
    for (size_t i = 0; i < after->n_lines; i++) {
        assert_true(after->lines[i]->consistent);
        assert_int_equal(after->lines[i]->archived, after->lines[i]->index < a->line_count);
    }
    const char *said = views_since((now + 3 * YEAR) * INT64_C(1000000));
    assert_int_equal(occurrences(said, "\"action\":\"archive\""), 2); /* that it was asked for, and that it was done */
    assert_int_equal(occurrences(said, arena_format(fixture_memory(), "\"archive\":\"%s\"", a->name)), 1);
}

static const Vault__V1__GetProofResponse *proof_of(uint64_t index)
{
    NEW_REQUEST(in, Vault__V1__GetProofRequest, vault__v1__get_proof_request__init);
    in->of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    in->line = index;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/GetProof", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("archived lines are proven to anybody, and the vault starts again over them")
{
    for (uint64_t i = 0; i < 256; i += 37) assert_int_equal(proof_of(i)->leaf.len, 74);
    fixture_restart();
    for (uint64_t i = 0; i < 256; i += 37) assert_int_equal(proof_of(i)->leaf.len, 74);
    expect_outcome(reveal(ELDERCARE, "elder-care", token(), MASK("name")), VAULT_OK, NULL);
    assert_true(service_healthy(fixture_service()));
}

/* Exit code of the stranger's program over a file, with the key that the vault tells now. */
static int verified(const char *file)
{
    char self[300] = "", command[1200];
    NEW_REQUEST(in, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init);
    request *rq = ask(
        &(asked){.path = "/vault.v1.Audit/GetCheckpoint", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetCheckpointResponse *out = (const void *)rq->out;
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    *strrchr(self, '/') = '\0';
    snprintf(command, sizeof command, "%s/../vault-verify archive --key '%s' '%s/%s' >/dev/null 2>&1", self,
             out->verifier_key, folder, file);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void flip(const char *file)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, -100, SEEK_END);
    int c = fgetc(f);
    fseek(f, -1, SEEK_CUR);
    fputc(c ^ 1, f);
    fclose(f);
}

TEST("a stranger's verifier finds the file valid, and a flipped bit in it not")
{
    const char *file = lend(listed()->archives[0]->file);
    assert_int_equal(verified(file), 0);
    flip(file);
    assert_int_equal(verified(file), 7);
    flip(file);
    assert_int_equal(verified(file), 0);
}

static uint32_t active_version(void)
{
    uint32_t v = 1;
    while (strcmp(ring_now("log", v)->state, "active") != 0) v++;
    return v;
}

TEST("a rotation of the log ring takes archives with it, and the former version can be destroyed after that alone")
{
    uint32_t former = active_version();
    const char *name = lend(listed()->archives[0]->file);
    wait_for_job(rotated("log")->jobs[0]->name, "done");
    const Vault__V1__ArchivedRange *a = listed()->archives[0];
    assert_string_not_equal(a->file, name);
    assert_true(a->at_hand);
    assert_int_equal(files_in(folder), 1); /* the former file is gone */
    given_reveals(1);
    assert_int_equal(verified(a->file), 0);
    assert_int_equal(count_of(pg_sql("SELECT log_version FROM archive")), former + 1);
    const char *approval = given_approved_destruction("log", former);
    pg_sql("UPDATE archive SET log_version = %u", former); /* one that is still under it, for who counts */
    expect_outcome(destroy_as(ADMINISTRATOR, "log", former, approval), VAULT_PRECONDITION, NULL);
    pg_sql("UPDATE archive SET log_version = %u", former + 1);
    (void)destroyed(destroy_as(ADMINISTRATOR, "log", former, given_approved_destruction("log", former)));
    const Vault__V1__QueryResponse *after = lines_of(token());
    size_t archived = 0;
    for (size_t i = 0; i < after->n_lines; i++) {
        assert_true(after->lines[i]->consistent);
        archived += after->lines[i]->archived ? 1 : 0;
    }
    assert_true(archived > 0);
}

TEST("after the clock has stepped back, another node, more lines and a second archive, all is as it was")
{
    node n;
    given_years(3);
    given_reveals(300);
    fixture_archives = NULL;
    node_open(&n);
    fixture_archives = folder;
    given_years(8);
    const Vault__V1__ListArchivesResponse *first = listed();
    uint64_t end = first->archives[0]->first_line + first->archives[0]->line_count;
    given_published();
    wait_for_job(begun(real_us() / 1000000 + 5 * YEAR - 30 * 86400), "done");
    const Vault__V1__ListArchivesResponse *all = listed();
    assert_true(all->n_archives >= 2);
    assert_int_equal(all->archives[1]->first_line, end);
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->page_size = 1000;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base, .by = n.session});
    expect_outcome(rq, VAULT_UNAVAILABLE, NULL); /* that node has no folder */
    node_close(&n);
    rq = ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *page = (const void *)rq->out;
    for (size_t i = 0; i < page->n_lines; i++) assert_true(page->lines[i]->consistent);
    expect_ok(fixture_reopen(&err), &err);
}

static int64_t archives_away(int64_t archives)
{
    keys_checked found;
    const service_options o = fixture_options();
    expect_ok(service_check_keys(&found, fixture_memory(), &o, &err), &err);
    assert_int_equal(found.archives, archives);
    return found.archives_away;
}

TEST("a file that is away is said to be, by name, and what does not need it goes on")
{
    char from[400], to[500];
    const Vault__V1__ArchivedRange *a = listed()->archives[0];
    snprintf(from, sizeof from, "%s/%s", folder, a->file);
    snprintf(to, sizeof to, "%s.away", from);
    expect_ok(fixture_reopen(&err), &err); /* it was looked into by then */
    assert_int_equal(rename(from, to), 0);
    assert_false(listed()->archives[0]->at_hand);
    assert_int_equal(archives_away(2), 1);
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_UNAVAILABLE, "ARCHIVE_AWAY");
    assert_string_equal(rq->err.field, a->name);
    expect_outcome(reveal(ELDERCARE, "elder-care", token(), MASK("name")), VAULT_OK, NULL);
    assert_true(service_healthy(fixture_service()));
    assert_int_equal(rename(to, from), 0);
    assert_int_equal(archives_away(2), 0);
    rq = ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
}

TEST("a line that was edited is not archived: the job says which, and keeps the lines")
{
    given_years(8);
    given_reveals(300);
    int64_t first = count_of(pg_sql("SELECT min(idx) FROM line")),
            lines = count_of(pg_sql("SELECT count(*) FROM line"));
    pg_sql("UPDATE line SET person_tag = person_tag # 1 WHERE idx = %lld", (long long)first + 7);
    given_years(12);
    wait_for_job(begun(real_us() / 1000000 + 9 * YEAR - 30 * 86400), "failed");
    assert_true(count_of(pg_sql("SELECT count(*) FROM line")) >= lines);
    pg_sql("UPDATE line SET person_tag = person_tag # 1 WHERE idx = %lld", (long long)first + 7);
    wait_for_job(begun(real_us() / 1000000 + 9 * YEAR - 30 * 86400), "done");
}

TEST("a job that cannot write says so, takes nothing, and goes on by itself when it can")
{
    char away[400];
    given_years(12);
    given_reveals(300);
    int64_t lines = count_of(pg_sql("SELECT count(*) FROM line"));
    size_t files = files_in(folder);
    snprintf(away, sizeof away, "%s.away", folder);
    given_years(16);
    assert_int_equal(rename(folder, away), 0);
    const char *job = begun(real_us() / 1000000 + 13 * YEAR - 30 * 86400);
    await_said("tried again: an archive cannot be written: No such file%");
    assert_true(count_of(pg_sql("SELECT count(*) FROM line")) >= lines);
    assert_int_equal(rename(away, folder), 0);
    wait_for_job(job, "done");
    assert_int_equal(count_of(pg_sql("SELECT count(*) FROM job WHERE finding <> '' AND state = 4 AND kind = 8")), 0);
    assert_true(files_in(folder) > files);
    clock_set_for_test(0);
}
