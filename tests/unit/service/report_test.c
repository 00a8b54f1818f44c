/* The report for a review of compliance: each of its counts equals that of an independent scan of the lines. */
#include "tests/unit/service/canaries.h"

static const asker REGISTER = {POPULATION, "population-register", NULL}, CARE = {ELDERCARE, "elder-care", NULL};

/* ---- asking ---- */

static Google__Protobuf__Timestamp *at(int64_t us)
{
    NEW_REQUEST(t, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    t->seconds = us / 1000000;
    t->nanos = (int32_t)(us % 1000000) * 1000;
    return t;
}

static request *report_as(const char *uri, int64_t from_us, int64_t until_us)
{
    NEW_REQUEST(in, Vault__V1__ReportRequest, vault__v1__report_request__init);
    if (from_us) in->start_time = at(from_us);
    if (until_us) in->end_time = at(until_us);
    return steward(NULL, uri, "/vault.v1.Audit/Report", &in->base);
}

static const Vault__V1__ReportResponse *reported(const char *uri, int64_t from_us, int64_t until_us)
{
    request *rq = report_as(uri, from_us, until_us);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const Vault__V1__ReportCount *count_in(const Vault__V1__ReportResponse *of, const char *kind, const char *key)
{
    static const Vault__V1__ReportCount none = VAULT__V1__REPORT_COUNT__INIT;
    for (size_t i = 0; i < of->n_counts; i++)
        if (strcmp(of->counts[i]->kind, kind) == 0 && strcmp(of->counts[i]->key, key) == 0) return of->counts[i];
    return &none;
}

/* ---- the scan ---- */

/* {"kind key": {"lines": n, "residents": {"123": true}}}, from the lines as an officer reads them. */
typedef struct scanned {
    json_t *counts;
    json_t *canaries; /* ids of residents */
} scanned;

static const char *said(json_t *view, const char *key)
{
    const char *text = json_string_value(json_object_get(view, key));
    return text ? text : "";
}

static void tell(scanned *s, const char *kind, const char *key, json_int_t whom)
{
    char name[128], id[32];
    snprintf(name, sizeof name, "%s %s", kind, key);
    snprintf(id, sizeof id, "%lld", (long long)whom);
    json_t *one = json_object_get(s->counts, name);
    if (!one) {
        one = json_pack("{s:i, s:{}}", "lines", 0, "residents");
        json_object_set_new(s->counts, name, one);
    }
    json_object_set_new(one, "lines", json_integer(json_integer_value(json_object_get(one, "lines")) + 1));
    if (whom) json_object_set_new(json_object_get(one, "residents"), id, json_true());
}

static bool is(const char *text, const char *const *of)
{
    for (; *of; of++)
        if (strcmp(text, *of) == 0) return true;
    return false;
}

static void scan_line(scanned *s, json_t *view)
{
    static const char *const shows[] = {"reveal", "export", "test", "browse", "restore", NULL};
    const char *action = said(view, "action"), *outcome = said(view, "outcome"), *form = said(view, "form");
    json_int_t whom = json_integer_value(json_object_get(view, "resident"));
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)whom);
    if (json_object_get(s->canaries, id)) {
        if (strcmp(action, "search") != 0 && said(view, "department")[0]) tell(s, "canary_alarms", "", whom);
        return;
    }
    if (strcmp(outcome, "refused") == 0) tell(s, "refused_by_clause", said(view, "clause"), whom);
    if (strcmp(outcome, "granted") != 0) return;
    bool redeemed = strcmp(action, "redeem") == 0 && form[0] && strcmp(form, "nothing") != 0;
    if (whom && (is(action, shows) || redeemed)) {
        tell(s, "opened_by_purpose", said(view, "purpose"), whom);
        tell(s, "opened_by_department", said(view, "department"), whom);
        tell(s, "opened_by_form", form, whom);
    }
    if (strcmp(action, "export") == 0) tell(s, "exports", "", whom);
    if (strcmp(action, "erase") == 0) tell(s, "erased", "", whom);
    if (strcmp(action, "trace") == 0) tell(s, "traces", "", whom);
}

/* Of the lines in that time, page by page. */
static scanned scan(int64_t from_us, int64_t until_us, json_t *canaries)
{
    scanned s = {json_object(), canaries};
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->page_size = 1000;
    if (from_us) in->start_time = at(from_us);
    if (until_us) in->end_time = at(until_us);
    for (bool more = true; more;) {
        request *rq =
            ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__QueryResponse *page = (const void *)rq->out;
        for (size_t i = 0; i < page->n_lines; i++) {
            json_t *view = json_loads(page->lines[i]->officer_view, 0, NULL);
            scan_line(&s, view);
            json_decref(view);
        }
        in->page_token = page->next_page_token;
        more = page->next_page_token[0] != '\0';
    }
    return s;
}

static void expect_as_scanned(const Vault__V1__ReportResponse *of, scanned s)
{
    static const char *const from_manifests[] = {"changes", "rotations", "emergencies", "reviews", NULL};
    size_t counted = 0;
    for (size_t i = 0; i < of->n_counts; i++) {
        const Vault__V1__ReportCount *one = of->counts[i];
        char name[128];
        if (is(one->kind, from_manifests)) continue;
        snprintf(name, sizeof name, "%s %s", one->kind, one->key);
        json_t *wanted = json_object_get(s.counts, name);
        if (!wanted) fail_msg("'%s' is in no line", name);
        assert_int_equal(one->lines, json_integer_value(json_object_get(wanted, "lines")));
        assert_int_equal(one->residents, json_object_size(json_object_get(wanted, "residents")));
        counted++;
    }
    assert_int_equal(counted, json_object_size(s.counts));
    json_decref(s.counts);
}

/* ---- what happens ---- */

static void given_a_busy_day(void)
{
    for (uint64_t i = 0; i < 30; i++) {
        const char *mine = token_for(POPULATION, "population-register", i);
        expect_outcome(look_at(REGISTER, mine, MASK("name", "phone")), VAULT_OK, NULL);
        if (i % 3 == 0) expect_outcome(look_at(REGISTER, mine, MASK("name")), VAULT_OK, NULL);
    }
    for (uint64_t i = 0, from = 0; i < 5; i++, from++) {
        from = resident_in_street(from);
        expect_outcome(look_at(CARE, token_for(ELDERCARE, "elder-care", from), MASK("phone")), VAULT_OK, NULL);
    }
    uint64_t far = resident_elsewhere(0);
    const char *visited = token_for(ELDERCARE, "elder-care/visit", far);
    expect_outcome(look_at(CARE, visited, MASK("phone")), VAULT_DENIED, "resident");
    expect_outcome(look_at(CARE, visited, MASK("religion")), VAULT_DENIED, "acting");
    NEW_REQUEST(in, Vault__V1__BrowseRequest, vault__v1__browse_request__init);
    in->collection = lend("residents");
    in->area = lend(STREET);
    in->field_mask = MASK("name");
    expect_outcome(steward(NULL, ADMINISTRATOR, "/vault.v1.Records/Browse", &in->base), VAULT_OK, NULL);
}

static json_t *ids_of_canaries(void)
{
    json_t *out = json_object();
    const char *all = pg_sql("SELECT string_agg(id::text, ',') FROM aside");
    char *copy = text_of(all ? all : ""), *rest = NULL;
    for (char *id = strtok_r(copy, ",", &rest); id; id = strtok_r(NULL, ",", &rest))
        json_object_set_new(out, id, json_true());
    return out;
}

static void rename_purpose(json_t *of)
{
    json_object_set_new(json_array_get(json_object_get(of, "purposes"), 0), "title", json_string("another title"));
}

/* ---- tests ---- */

TEST("totals are those of an independent scan; canaries are in none but their own, and persons are told without them")
{
    int64_t since = clock_now_us();
    (void)fixture_session();
    uint64_t before = reported(OFFICER, 0, 0)->residents;
    pg_sql("CREATE TABLE aside AS SELECT id FROM resident");
    Vault__V1__Canary *const *made = created((wished){.count = 3});
    pg_sql("CREATE TABLE others AS SELECT id FROM resident WHERE id NOT IN (SELECT id FROM aside);"
           " DROP TABLE aside; ALTER TABLE others RENAME TO aside");
    for (size_t i = 0; i < 3; i++)
        (void)look_at(REGISTER, issued_to(REGISTER, value_of(made[i], "id_number")), MASK("name"));
    given_a_busy_day();
    const Vault__V1__ReportResponse *of = reported(OFFICER, since, 0);
    json_t *canaries = ids_of_canaries();
    assert_int_equal(json_object_size(canaries), 3);
    expect_as_scanned(of, scan(since, 0, canaries));
    assert_int_equal(of->residents, before);
    assert_int_equal(of->restricted, 0);
    assert_int_equal(count_in(of, "canary_alarms", "")->lines, 6);
    assert_int_equal(count_in(of, "canary_alarms", "")->residents, 3);
    assert_int_equal(count_in(of, "opened_by_purpose", "population-register")->lines, 40);
    assert_int_equal(count_in(of, "opened_by_purpose", "population-register")->residents, 30);
    assert_true(count_in(of, "refused_by_clause", "resident")->lines >= 1);
    expect_as_scanned(reported(OFFICER, 0, 0), scan(0, 0, canaries));
    json_decref(canaries);
    fixture_reset();
}

TEST("records are counted once a person; houses, grids and organisations are none")
{
    const Vault__V1__ReportResponse *of = reported(OFFICER, 0, 0);
    assert_int_equal(of->residents,
                     strtol(pg_sql("SELECT count(*) FROM resident WHERE collection <= 2 AND id NOT IN (SELECT id FROM "
                                   "aside)"),
                            NULL, 10));
    fixture_reset();
}

TEST("a time that is asked for bounds all of it, changes too")
{
    int64_t since = clock_now_us();
    change_document("purposes", rename_purpose);
    int64_t after = clock_now_us() + 1;
    assert_int_equal(count_in(reported(OFFICER, since, after), "changes", "purposes")->lines, 1);
    const Vault__V1__ReportResponse *of = reported(OFFICER, after, after + 1);
    assert_int_equal(of->n_counts, 0);
    assert_int_equal(of->lines_read, 0);
    assert_true(of->lines > 0);
    of = reported(OFFICER, 1, since);
    assert_int_equal(count_in(of, "changes", "purposes")->lines, 0);
    assert_true(of->lines_read > 0);
    fixture_reset();
}

TEST("an administrator gets it without the canaries; an app gets none; each is a line")
{
    int64_t before = lines_in_log();
    assert_int_equal(count_in(reported(ADMINISTRATOR, 0, 0), "canary_alarms", "")->lines, 0);
    expect_outcome(report_as(POPULATION, 0, 0), VAULT_DENIED, "role");
    assert_int_equal(lines_in_log(), before + 2);
    fixture_reset();
}

TEST("a time that is none is refused, with a line")
{
    static const int64_t bad[][2] = {{-1000000, 0}, {0, -1000000}, {5000000, 5000000}, {6000000, 5000000}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t before = lines_in_log();
        expect_outcome(report_as(OFFICER, bad[i][0], bad[i][1]), VAULT_INVALID, "BAD_TIME");
        assert_int_equal(lines_in_log(), before + 1);
    }
    fixture_reset();
}

TEST("who has waited long enough gets no answer, and holds nobody up")
{
    NEW_REQUEST(in, Vault__V1__ReportRequest, vault__v1__report_request__init);
    request *rq =
        make_request(&(asked){.path = "/vault.v1.Audit/Report", .uri = OFFICER, .purpose = "control", .in = &in->base});
    rq->deadline_us = clock_monotonic_us() - 1;
    service_run(fixture_session(), method_at("/vault.v1.Audit/Report"), &rq, 1);
    expect_outcome(rq, VAULT_UNAVAILABLE, "TOO_LATE");
    fixture_reset();
}
