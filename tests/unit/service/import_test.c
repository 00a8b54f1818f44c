/* Imports: what is answered, that a message goes in once whatever breaks, and that a dry run writes lines alone. */
#include "tests/unit/service/import.h"
#include "tests/unit/service/lines.h"

#include <stdlib.h>

static int64_t number(const char *sql)
{
    return strtoll(pg_sql("%s", sql), NULL, 10);
}

static Vault__V1__ImportRequest *message(uint64_t from, size_t count)
{
    return rows_of(from, count);
}

static void set_value(Vault__V1__ImportRequest *in, size_t row, unsigned field, const char *value)
{
    in->rows[row]->values[field - 1] = (char *)(uintptr_t)value;
}

/* ---- what is answered ---- */

TEST("an import is answered with what became of its rows, each counted once, each with its line")
{
    const importing how = {.id = "answered"};
    Vault__V1__ImportRequest *in[] = {message(10000, 512), message(10512, 88)};
    set_value(in[1], 7, FIELD_PHONE, "12345");
    int64_t lines = lines_in_log();
    const Vault__V1__ImportResponse *out = import_all(&how, in, 2);
    expect_counts(out, "600 rows: 599 created, 0 updated, 0 unchanged, 1 rejected");
    assert_string_equal(reports_of(out), "519! phone BAD_LENGTH");
    assert_int_equal(lines_in_log(), lines + 599);
    request *rq = reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", 10599),
                         MASK("name", "id_number"));
    resident r;
    the_resident(10599, &r);
    assert_string_equal(revealed(rq, 0), resident_text(&r, FIELD_NAME));
    fixture_reset();
}

TEST("new, changed, unchanged and refused rows of one message are told apart")
{
    Vault__V1__ImportRequest *first = message(11000, 4), *second = message(11000, 6);
    set_value(second, 1, FIELD_PHONE, "13900000001");
    set_value(second, 5, FIELD_RESIDENCE_AREA, "110105001001");
    import_all(&(importing){0}, &first, 1);
    const Vault__V1__ImportResponse *out = import_all(&(importing){0}, &second, 1);
    expect_counts(out, "6 rows: 1 created, 1 updated, 3 unchanged, 1 rejected");
    assert_string_equal(reports_of(out), "5! resident");
    fixture_reset();
}

TEST("every bad field of a row is told, with the reason, and nothing of the row goes in")
{
    Vault__V1__ImportRequest *in = message(11100, 3);
    set_value(in, 1, FIELD_ID_NUMBER, "110105194912310021");
    set_value(in, 1, FIELD_NAME, "");
    set_value(in, 1, FIELD_BIRTH_DATE, "20230229");
    set_value(in, 1, FIELD_RESIDENCE_AREA, "");
    set_value(in, 1, FIELD_PHONE, "1380000000");
    in->rows[2]->n_values--;
    const Vault__V1__ImportResponse *out = import_all(&(importing){0}, &in, 1);
    expect_counts(out, "3 rows: 1 created, 0 updated, 0 unchanged, 2 rejected");
    assert_string_equal(reports_of(out), "1! id_number BAD_CHECK_DIGIT, birth_date BAD_DATE, phone BAD_LENGTH, "
                                         "residence_area REQUIRED; 2! WRONG_COUNT");
    fixture_reset();
}

TEST("an import without rows is answered with nothing; one of bad rows alone, too, says so")
{
    const Vault__V1__ImportResponse *out = import_all(&(importing){0}, NULL, 0);
    expect_counts(out, "0 rows: 0 created, 0 updated, 0 unchanged, 0 rejected");
    Vault__V1__ImportRequest *in = message(11200, 2);
    set_value(in, 0, FIELD_SEX, "7");
    set_value(in, 1, FIELD_SEX, "8");
    int64_t lines = lines_in_log();
    for (int i = 0; i < 2; i++) {
        out = import_all(&(importing){.id = "bad-rows"}, &in, 1);
        expect_counts(out, "2 rows: 0 created, 0 updated, 0 unchanged, 2 rejected");
        assert_string_equal(reports_of(out), "0! sex BAD_CODE; 1! sex BAD_CODE");
    }
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("the same person again within a message, and in the next one, is one record")
{
    Vault__V1__ImportRequest *in[] = {message(11300, 2), message(11300, 1)};
    for (int i = 0; i < 3; i++) in[0]->rows[in[0]->n_rows++] = message(11300, 1)->rows[0];
    set_value(in[0], 3, FIELD_PHONE, "13900000002");
    const Vault__V1__ImportResponse *out = import_all(&(importing){0}, in, 2);
    expect_counts(out, "6 rows: 2 created, 2 updated, 2 unchanged, 0 rejected");
    fixture_reset();
}

TEST("a record that was edited takes nothing in; the row says so, and its neighbours go in")
{
    Vault__V1__ImportRequest *in = message(11400, 3);
    import_all(&(importing){0}, &in, 1);
    pg_sql("update resident set area = area # 1 where id = (select max(id) from resident)");
    for (size_t i = 0; i < 3; i++) set_value(in, i, FIELD_PHONE, "13900000020");
    const Vault__V1__ImportResponse *out = import_all(&(importing){0}, &in, 1);
    expect_counts(out, "3 rows: 0 created, 2 updated, 0 unchanged, 1 rejected");
    assert_non_null(strstr(reports_of(out), "! INTEGRITY"));
    pg_sql("update resident set area = area # 1 where id = (select max(id) from resident)");
    fixture_reset();
}

/* ---- order of messages ---- */

static void expect_refused(Vault__V1__ImportRequest *in, const char *reason, const char *field)
{
    request *rq = begin_import(&(importing){0});
    expect_outcome(rq, VAULT_OK, NULL);
    send_message(rq, &(importing){0}, in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, field);
}

TEST("messages in a wrong order, empty ones and too large ones are refused by the path")
{
    const importing how = {0};
    int64_t lines = lines_in_log(), records = number("select count(*) from resident");
    Vault__V1__ImportRequest *rows = message(12000, 1);
    expect_outcome(send_message(open_stream(&how, rows), &how, rows), VAULT_INVALID, "REQUIRED"); /* no header */
    Vault__V1__ImportRequest *both = header_of(&how);
    both->rows = rows->rows, both->n_rows = 1;
    expect_outcome(send_message(open_stream(&how, both), &how, both), VAULT_INVALID, "NOT_IN_FIRST_MESSAGE");
    Vault__V1__ImportRequest *again = header_of(&how);
    expect_refused(again, "FIRST_MESSAGE_ONLY", "header");
    again = message(12000, 1);
    again->context = arena_alloc(fixture_memory(), sizeof *again->context);
    vault__v1__request_context__init(again->context);
    expect_refused(again, "FIRST_MESSAGE_ONLY", "context");
    expect_refused(new_message(), "REQUIRED", "rows");
    expect_refused(message(12000, 513), "TOO_MANY", "rows");
    request *rq = open_stream(&how, header_of(&how));
    expect_outcome(send_message(rq, &how, NULL), VAULT_INVALID, "REQUIRED"); /* an end without a beginning */
    assert_int_equal(lines_in_log(), lines);
    assert_int_equal(number("select count(*) from resident"), records);
    fixture_reset();
}

TEST("a header with a wrong collection, field or time is refused")
{
    const importing bad[] = {{.collection = "nobody"},
                             {.mask = MASK("id_number", "residence_area", "nonsense")},
                             {.mask = MASK("id_number", "residence_area", "house_address")},
                             {.collection = "housing", .mask = MASK("id_number", "residence_area")},
                             {.mask = MASK("id_number", "name")},
                             {.collected_s = INT64_C(9999999999)}};
    const char *const reasons[] = {"UNKNOWN_COLLECTION", "UNKNOWN_FIELD", "MIXED_COLLECTIONS",
                                   "MIXED_COLLECTIONS",  "AREA_REQUIRED", "BAD_TIME"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_outcome(begin_import(&bad[i]), VAULT_INVALID, reasons[i]);
    fixture_reset();
}

TEST("what no rule allows is refused with the header, in one line")
{
    int64_t lines = lines_in_log();
    request *rq = begin_import(&(importing){.uri = CLINIC, .purpose = "family-doctor"});
    expect_outcome(rq, VAULT_DENIED, "fields");
    assert_null(rq->state);
    assert_int_equal(lines_in_log(), lines + 1);
    fixture_reset();
}

TEST("a call brings 65,536 rows and no more")
{
    const importing how = {0};
    Vault__V1__ImportRequest *empty = new_message();
    for (int i = 0; i < 512; i++) add_row(empty, NULL, 0);
    request *rq = begin_import(&how);
    for (int i = 0; i < 128; i++) expect_outcome(send_message(rq, &how, empty), VAULT_OK, NULL);
    void *kept = rq->state;
    empty->n_rows = 1;
    expect_outcome(send_message(rq, &how, empty), VAULT_INVALID, "TOO_MANY");
    rq->state = kept;
    const Vault__V1__ImportResponse *out = import_answer(send_message(rq, &how, NULL));
    expect_counts(out, "65536 rows: 0 created, 0 updated, 0 unchanged, 65536 rejected");
    assert_int_equal(out->n_reports, 65536);
    assert_int_equal(out->reports[65535]->row, 65535);
    fixture_reset();
}

/* ---- once, whatever happens ---- */

TEST("the same import again is answered as it was, changes nothing, and is one line a message")
{
    const importing how = {.id = "again", .collected_s = 1700000000};
    Vault__V1__ImportRequest *in[] = {message(13000, 512), message(13512, 40)};
    set_value(in[0], 3, FIELD_PHONE, "1");
    const Vault__V1__ImportResponse *first = import_all(&how, in, 2);
    const char *stored = stored_records(), *reports = reports_of(first);
    int64_t lines = lines_in_log(), then = clock_now_us();
    for (int i = 0; i < 3; i++) {
        const Vault__V1__ImportResponse *out = import_all(&how, in, 2);
        expect_counts(out, "552 rows: 551 created, 0 updated, 0 unchanged, 1 rejected");
        assert_string_equal(reports_of(out), reports);
    }
    assert_string_equal(stored_records(), stored);
    assert_int_equal(lines_in_log(), lines + 6);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"form\":\"replay\""), 6);
    assert_int_equal(occurrences(views, "\"request\":\"again\""), 6);
    fixture_reset();
}

TEST("the same rows under another request id are compared, and change nothing")
{
    Vault__V1__ImportRequest *in = message(13000, 300);
    const char *stored = stored_records();
    import_all(&(importing){.id = "first-name"}, &in, 1);
    stored = stored_records();
    const Vault__V1__ImportResponse *out = import_all(&(importing){.id = "other-name"}, &in, 1);
    assert_int_equal(out->unchanged, 300);
    assert_string_equal(stored_records(), stored);
    fixture_reset();
}

TEST("the request id of another content is not taken: rows, order, header, purpose, place")
{
    importing how = {.id = "reused", .collected_s = 1700000000};
    Vault__V1__ImportRequest *in[] = {message(14000, 3), message(14003, 3)};
    import_all(&how, in, 2);
    const char *stored = stored_records();
    int64_t lines = lines_in_log();
    Vault__V1__ImportRequest *changed = message(14000, 3), *fewer = message(14000, 2), *other = message(14003, 3);
    set_value(changed, 2, FIELD_PHONE, "13900000003");
    Vault__V1__ImportRequest *const wrong[] = {changed, fewer, other};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        request *rq = begin_import(&how);
        expect_outcome(send_message(rq, &how, wrong[i]), VAULT_CONFLICT, "REQUEST_ID_REUSED");
        assert_int_equal(status_code(rq->err.code), 10);
    }
    how.collected_s = 1700000001;
    expect_outcome(send_message(begin_import(&how), &how, in[0]), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    assert_string_equal(stored_records(), stored);
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("the request id of one app is nothing to another")
{
    const importing theirs = {.id = "shared", .mask = MASK("id_number", "residence_area", "name")},
                    ours = {.uri = CLINIC,
                            .purpose = "family-doctor",
                            .id = "shared",
                            .mask = MASK("id_number", "residence_area", "name")};
    resident r;
    the_resident(14100, &r);
    Vault__V1__ImportRequest *in = new_message();
    ROW(in, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), resident_text(&r, FIELD_NAME));
    expect_counts(import_all(&theirs, &in, 1), "1 rows: 1 created, 0 updated, 0 unchanged, 0 rejected");
    expect_counts(import_all(&ours, &in, 1), "1 rows: 0 created, 0 updated, 1 unchanged, 0 rejected");
    fixture_reset();
}

TEST("values whose borders moved are another content")
{
    const importing how = {.id = "borders", .mask = MASK("id_number", "residence_area", "workplace", "occupation")};
    resident r;
    the_resident(14200, &r);
    const char *who = resident_text(&r, FIELD_ID_NUMBER), *where = resident_text(&r, FIELD_RESIDENCE_AREA);
    Vault__V1__ImportRequest *one = new_message(), *two = new_message();
    ROW(one, who, where, "ab", "c");
    ROW(two, who, where, "a", "bc");
    import_all(&how, &one, 1);
    expect_outcome(send_message(begin_import(&how), &how, two), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    fixture_reset();
}

/* Whatever statement touches the table fails with this SQLSTATE from now on. */
static void break_table(const char *table, const char *events, const char *state)
{
    pg_sql("create or replace function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '%s'; end $$",
           state);
    pg_sql("create trigger broken before %s on %s execute function broken()", events, table);
}

static void mend_table(const char *table)
{
    pg_sql("drop trigger broken on %s", table);
}

/* Three transactions: the person of rows 0, 2 and 4 has another phone each time. */
static Vault__V1__ImportRequest *three_parts(uint64_t from)
{
    Vault__V1__ImportRequest *in = message(from, 2);
    in->rows[in->n_rows++] = message(from, 1)->rows[0];
    in->rows[in->n_rows++] = message(from + 2, 1)->rows[0];
    in->rows[in->n_rows++] = message(from, 1)->rows[0];
    set_value(in, 2, FIELD_PHONE, "13900000004");
    set_value(in, 4, FIELD_PHONE, "13900000005");
    return in;
}

static const char *phone_of(uint64_t index)
{
    request *rq =
        reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", index), MASK("phone"));
    expect_outcome(rq, VAULT_OK, NULL);
    return revealed(rq, 0);
}

TEST("a message that broke between two of its transactions is sent again, and ends as if nothing had been")
{
    static const struct {
        const char *table, *events, *state;
        vault_code code;
    } faults[] = {{"request", "insert", "57P01", VAULT_UNAVAILABLE}, {"request", "insert", "XX000", VAULT_INTERNAL},
                  {"request", "insert", "23505", VAULT_CONFLICT},    {"resident", "update", "57014", VAULT_UNAVAILABLE},
                  {"resident", "update", "XX000", VAULT_INTERNAL},   {"resident", "insert", "53100", VAULT_UNAVAILABLE},
                  {"line", "insert", "53100", VAULT_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char id[16];
        snprintf(id, sizeof id, "broken-%zu", i);
        const importing how = {.id = id, .collected_s = 1700000000};
        uint64_t from = 15000 + 10 * i;
        Vault__V1__ImportRequest *in = three_parts(from);
        request *rq = begin_import(&how);
        break_table(faults[i].table, faults[i].events, faults[i].state);
        expect_outcome(send_message(rq, &how, in), faults[i].code, NULL);
        mend_table(faults[i].table);
        assert_int_equal(number("select count(*) from request where answer = ''"), 0);
        const Vault__V1__ImportResponse *out = import_all(&how, &in, 1);
        assert_int_equal(out->rejected, 0);
        assert_int_equal(out->created + out->updated + out->unchanged, 5);
        assert_string_equal(phone_of(from), "13900000005");
        const char *stored = stored_records();
        const Vault__V1__ImportResponse *same = import_all(&how, &in, 1);
        assert_int_equal(same->created, out->created);
        assert_int_equal(same->updated, out->updated);
        assert_string_equal(stored_records(), stored);
        fixture_reset();
    }
}

TEST("an answer that cannot be kept does not let its last rows in, and is not given")
{
    const importing how = {.id = "kept"};
    Vault__V1__ImportRequest *in = message(15500, 20);
    request *rq = begin_import(&how);
    const char *stored = stored_records();
    break_table("request", "insert", "57P01");
    expect_outcome(send_message(rq, &how, in), VAULT_UNAVAILABLE, NULL);
    mend_table("request");
    assert_string_equal(stored_records(), stored);
    fixture_reset();
}

TEST("two imports under one request id at once: one record each, and both are answered alike")
{
    const importing how = {.id = "twins"};
    Vault__V1__ImportRequest *in = message(15600, 6);
    request *twins[2] = {begin_import(&how), begin_import(&how)};
    for (int i = 0; i < 2; i++) twins[i]->in = &in->base;
    service_run(fixture_session(), method_at(IMPORT), twins, 2);
    for (int i = 0; i < 2; i++) expect_outcome(twins[i], VAULT_OK, NULL);
    const Vault__V1__ImportResponse *out = import_all(&how, &in, 1);
    assert_int_equal(out->rejected, 0);
    for (int i = 0; i < 2; i++) {
        const Vault__V1__ImportResponse *same = import_answer(send_message(twins[i], &how, NULL));
        assert_int_equal(same->created, out->created);
        assert_int_equal(same->unchanged, out->unchanged);
    }
    assert_int_equal(number("select count(*) from request where id in (select id from request group by id having "
                            "count(*) > 1)"),
                     0);
    fixture_reset();
}

TEST("an answer that was edited, or put in another's place, is never given")
{
    const importing one = {.id = "sealed-1"}, two = {.id = "sealed-2"};
    Vault__V1__ImportRequest *first = message(15700, 2), *second = message(15710, 2);
    pg_sql("delete from request");
    import_all(&one, &first, 1);
    import_all(&two, &second, 1);
    pg_sql("update request a set answer = b.answer from request b where a.id <> b.id");
    int64_t lines = lines_in_log();
    expect_outcome(send_message(begin_import(&one), &one, first), VAULT_INTEGRITY, NULL);
    assert_int_equal(lines_in_log(), lines + 1);
    pg_sql("update request set answer = set_byte(answer, length(answer) - 1, "
           "get_byte(answer, length(answer) - 1) # 1)");
    expect_outcome(send_message(begin_import(&two), &two, second), VAULT_INTEGRITY, NULL);
    pg_sql("update request set answer = ''");
    expect_outcome(send_message(begin_import(&two), &two, second), VAULT_INTEGRITY, NULL);
    pg_sql("delete from request");
    expect_counts(import_all(&one, &first, 1), "2 rows: 0 created, 0 updated, 2 unchanged, 0 rejected");
    fixture_reset();
}

TEST("nothing that was asked or answered stands readable in the table of answers")
{
    const importing how = {.id = "readable"};
    resident r;
    Vault__V1__ImportRequest *in = message(15800, 1);
    the_resident(15800, &r);
    set_value(in, 0, FIELD_SEX, "9");
    in->rows[in->n_rows++] = message(15801, 1)->rows[0];
    set_value(in, 0, FIELD_SEX, "7");
    pg_sql("delete from request");
    import_all(&how, &in, 1);
    const char *const parts[] = {"readable", "population", "sex", "BAD_CODE", resident_text(&r, FIELD_ID_NUMBER)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_string_equal(pg_sql("select count(*) from request where position('%s'::bytea in answer) > 0 or "
                                   "position('%s'::bytea in id) > 0",
                                   parts[i], parts[i]),
                            "0");
    assert_string_equal(pg_sql("select count(*) from request"), "1");
    fixture_reset();
}

/* ---- dry run ---- */

TEST("a dry run tells what an import would do, and writes lines alone")
{
    Vault__V1__ImportRequest *stood = message(16000, 4), *in = message(16000, 8);
    set_value(in, 1, FIELD_PHONE, "13900000006");
    set_value(in, 6, FIELD_BIRTH_DATE, "20230229");
    set_value(in, 7, FIELD_RESIDENCE_AREA, "110105001001");
    import_all(&(importing){0}, &stood, 1);
    const char *stored = stored_records();
    int64_t answers = number("select count(*) from request"), ids = number("select last_value from resident_id");
    int64_t lines = lines_in_log(), then = clock_now_us();
    for (int i = 0; i < 2; i++) {
        const Vault__V1__ImportResponse *out = import_all(&(importing){.id = "dry", .dry = true}, &in, 1);
        expect_counts(out, "8 rows: 2 created, 1 updated, 3 unchanged, 2 rejected");
        assert_string_equal(reports_of(out), "6! birth_date BAD_DATE; 7! resident");
    }
    assert_int_equal(occurrences(views_since(then), "\"form\":\"dry-run\""), 14);
    lines++; /* of the question */
    assert_string_equal(stored_records(), stored);
    assert_int_equal(number("select count(*) from request"), answers);
    assert_int_equal(number("select last_value from resident_id"), ids);
    assert_int_equal(lines_in_log(), lines + 14);
    expect_counts(import_all(&(importing){.id = "dry"}, &in, 1),
                  "8 rows: 2 created, 1 updated, 3 unchanged, 2 rejected");
    fixture_reset();
}

TEST("a dry run of another department names its corrections, and files none")
{
    const importing how = {.uri = CLINIC,
                           .purpose = "family-doctor",
                           .mask = MASK("id_number", "residence_area", "name", "phone"),
                           .dry = true};
    resident r;
    the_resident(16100, &r);
    Vault__V1__ImportRequest *stood = message(16100, 1), *in = new_message();
    ROW(in, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), "王小明", "13900000007");
    import_all(&(importing){0}, &stood, 1);
    const char *stored = stored_records();
    const Vault__V1__ImportResponse *out = import_all(&how, &in, 1);
    expect_counts(out, "1 rows: 0 created, 0 updated, 1 unchanged, 0 rejected");
    assert_string_equal(reports_of(out), "0 name CORRECTION_FILED, phone CORRECTION_FILED");
    assert_string_equal(stored_records(), stored);
    fixture_reset();
}

/* ---- in between ---- */

TEST("an app whose role, purpose or certificate is another at the next message does not go on")
{
    const importing how = {0};
    Vault__V1__ImportRequest *in = message(17000, 1);
    request *rq = begin_import(&how);
    expect_outcome(rq, VAULT_OK, NULL);
    rq->certificate.at[0] ^= 1;
    expect_outcome(send_message(rq, &how, in), VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN");
    fixture_reset();
}

TEST("messages of several imports that run together do not mix")
{
    enum { STREAMS = 5 };
    request *rq[STREAMS];
    importing how[STREAMS];
    char ids[STREAMS][16];
    for (size_t i = 0; i < STREAMS; i++) {
        snprintf(ids[i], sizeof ids[i], "mixed-%zu", i);
        how[i] = (importing){.id = ids[i], .dry = i == 3};
        rq[i] = begin_import(&how[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        Vault__V1__ImportRequest *in = message(18000 + 100 * i, 20 + i);
        if (i == 1) set_value(in, 4, FIELD_SEX, "7");
        rq[i]->in = &in->base;
    }
    service_run(fixture_session(), method_at(IMPORT), rq, STREAMS);
    for (size_t i = 0; i < STREAMS; i++) {
        const Vault__V1__ImportResponse *out = import_answer(send_message(rq[i], &how[i], NULL));
        assert_int_equal(out->rows, 20 + i);
        assert_int_equal(out->created, 20 + i - (i == 1));
        assert_string_equal(reports_of(out), i == 1 ? "4! sex BAD_CODE" : "");
    }
    fixture_reset();
}
