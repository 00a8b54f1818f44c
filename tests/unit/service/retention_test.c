/* What happens to values and records when their time is over: the keeper's daily job, by the test's clock. The law
 * wants houses kept for 50 years (erase.h); of a resident the phone may be kept for 10 years, the name for 30. */
#include "tests/unit/service/erase.h"

#include "vault/service/jobs.h"

#include <unistd.h>

enum { PUT = 60 };
static vault_error err;

static void edit_for_ages(const char *file, json_t *doc)
{
    size_t i;
    json_t *one;
    edit_for_erasure(file, doc);
    json_array_foreach(json_object_get(doc, "rules"), i, one)
        json_object_set_new(json_object_get(one, "valid"), "from", json_string("1970-01-01"));
    json_array_foreach(json_object_get(doc, "purposes"), i, one)
        json_object_set_new(json_object_get(one, "assessment"), "until", json_string("2099-12-31"));
}

/* The clock of the log does not go back, and a purpose's assessment ends in our days: all begins long ago. */
static int64_t begun_us;
static void begin(void)
{
    fixture_edit = edit_for_ages;
    begun_us = clock_parse("1971-01-01T00:00:00Z");
    clock_set_for_test(begun_us);
    (void)fixture_session();
}

/* By the keeper, to its end. */
static int64_t run_job(job_state wanted)
{
    session *s = fixture_session();
    job_row one = {.kind = JOB_RETENTION, .state = JOB_RUNNING, .ring = "", .total = 1};
    one.created_us = one.resumed_us = clock_now_us();
    expect_ok(store_job_insert(s->store, &one, &err), &err);
    keeper_wake(fixture_service()->keeper);
    char ended[96];
    snprintf(ended, sizeof ended, "select state from job where id = %lld", (long long)one.id);
    int64_t until = clock_monotonic_us() + 60000000;
    while (number_in(ended) == JOB_RUNNING && clock_monotonic_us() < until) usleep(5000);
    if (number_in(ended) != wanted) fail_msg("job: %s", pg_sql("select finding from job order by id desc limit 1"));
    return one.id;
}

/* On a day so many years after the beginning. */
static void on_day_after(int years, job_state wanted)
{
    clock_set_for_test(begun_us + years * INT64_C(31557600) * 1000000 + INT64_C(3 * 86400) * 1000000);
    (void)run_job(wanted);
}

static void expect_rows_and_sum(const char *where)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "select count(*) from resident_key k where not exists (select from resident r where r.id = k.id) %s",
             where);
    assert_int_equal(number_in(sql), 0);
    assert_int_equal(number_in("select erased from head"), number_in("select count(*) from erasure"));
}

TEST("while nothing is past its time a run changes no row and writes no line")
{
    begin();
    const char *before = arena_text(
        fixture_memory(), bytes_of_text(pg_sql("select md5(string_agg(tag::text, '' order by id)) from resident")));
    int64_t lines = lines_in_log(), rows = number_in("select count(*) from resident");
    int64_t id = run_job(JOB_DONE);
    char done[96];
    snprintf(done, sizeof done, "select done from job where id = %lld", (long long)id);
    assert_int_equal(number_in(done), rows);
    assert_int_equal(lines_in_log(), lines);
    assert_string_equal(pg_sql("select md5(string_agg(tag::text, '' order by id)) from resident"), before);
    fixture_reset();
}

TEST("a value past its retention is gone, with its search terms; the others stay, and one line says how many records")
{
    resident r;
    the_resident(PUT, &r);
    const char *named = token_for(POPULATION, WHY, PUT);
    assert_non_null(revealed(reveal(POPULATION, WHY, named, MASK("phone")), 0));
    clinic_says(PUT, "education", "20");
    int64_t terms = number_in("select sum(cardinality(terms)) from resident"), then = clock_now_us();
    on_day_after(11, JOB_DONE);
    assert_null(revealed(reveal(POPULATION, WHY, named, MASK("phone")), 0));
    assert_string_equal(revealed(reveal(POPULATION, WHY, named, MASK("name")), 0), resident_text(&r, FIELD_NAME));
    assert_true(number_in("select sum(cardinality(terms)) from resident") < terms);
    assert_int_equal(number_in("select count(*) from resident_term t join resident r using (id)"
                               " where t.term <> r.collection and t.term <> all(r.terms)"),
                     0);
    assert_true(occurrences(views_since(then), "\"change\":\"retention\"") >= 1);
    assert_true(occurrences(views_since(then), "\"action\":\"rewrite\"") >= 1);
    expect_rows_and_sum("");
    fixture_restart();
    fixture_reset();
}

TEST("a record whose time is over is erased; one that a law wants kept is restricted, and erased when that has ended")
{
    expect_outcome(put_house("H-9"), VAULT_OK, NULL);
    const char *named = token_for(POPULATION, WHY, PUT);
    int64_t all = number_in("select count(*) from resident");
    on_day_after(11 + 31, JOB_DONE);
    assert_int_equal(number_in("select count(*) from resident"), 1);
    assert_int_equal(number_in("select count(*) from resident where state = 2"), 1);
    assert_int_equal(number_in("select count(*) from erasure"), all - 1);
    assert_int_equal(number_in("select count(*) from resident_term"), 0);
    expect_outcome(reveal(POPULATION, WHY, named, MASK("name")), VAULT_DENIED, "resident");
    on_day_after(11 + 31, JOB_DONE);
    assert_int_equal(number_in("select count(*) from resident"), 1);
    fixture_restart();
    on_day_after(11 + 51, JOB_DONE);
    assert_int_equal(number_in("select count(*) from resident"), 0);
    assert_int_equal(number_in("select count(*) from erasure"), all);
    expect_rows_and_sum("");
    fixture_restart();
    fixture_reset();
}

TEST("a correction that waited for longer than its value might be kept is gone")
{
    expect_outcome(put_residents(PUT, 1), VAULT_OK, NULL);
    const char *of_clinic = token_for(CLINIC, DOCTOR, PUT);
    const char *value = "欧阳修";
    (void)put_of(update(&(updated){.uri = CLINIC,
                                   .why = DOCTOR,
                                   .token = of_clinic,
                                   .version = 1,
                                   .fields = MASK("name"),
                                   .values = &value,
                                   .count = 1}));
    assert_int_equal(number_in("select count(*) from correction"), 1);
    pg_sql("update correction set filed = 1");
    (void)run_job(JOB_DONE);
    assert_int_equal(number_in("select count(*) from correction"), 0);
    fixture_reset();
}

TEST("a row that does not open stays, and the job fails in the end and says how many; the others are not kept by it")
{
    expect_outcome(put_residents(PUT, 3), VAULT_OK, NULL);
    const char *broken = arena_text(fixture_memory(), bytes_of_text(pg_sql("select max(id) from resident")));
    pg_sql("update resident set area = area + 1 where id = %s", broken);
    on_day_after(11 + 51 + 31, JOB_FAILED);
    assert_int_equal(number_in("select count(*) from resident"), 1);
    assert_non_null(strstr(pg_sql("select finding from job order by id desc limit 1"), "2 erased"));
    assert_non_null(strstr(pg_sql("select finding from job order by id desc limit 1"), "1 do not open"));
    pg_sql("update resident set area = area - 1 where id = %s", broken);
    fixture_reset();
}

TEST("the day's job is begun once, whoever looks how often")
{
    session *s = fixture_session();
    int64_t before = number_in("select count(*) from job where kind = 7");
    pg_sql("update job set created = 0 where kind = 7");
    for (int i = 0; i < 3; i++) expect_ok(session_run(s, retention_daily, NULL, &err), &err);
    assert_int_equal(number_in("select count(*) from job where kind = 7"), before + 1);
    clock_set_for_test(clock_now_us() + INT64_C(86400) * 1000000);
    for (int i = 0; i < 3; i++) {
        while (number_in("select count(*) from job where kind = 7 and state = 1") > 0) usleep(5000);
        expect_ok(session_run(s, retention_daily, NULL, &err), &err);
    }
    clock_set_for_test(0);
    assert_int_equal(number_in("select count(*) from job where kind = 7"), before + 2);
    fixture_reset();
}
