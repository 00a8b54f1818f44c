/* Canaries: residents like all others for whoever can meet them, nobody for all others, in no count, and an alarm
 * for every use. */
#include "tests/unit/service/canaries.h"

static const asker REGISTER = {POPULATION, "population-register", NULL}, CARE = {ELDERCARE, "elder-care", NULL},
                   DOCTOR = {CLINIC, "family-doctor", NULL};

/* Others may count by name and phone, too; the care may search by name and put, and a person meets what only he can. */
static void with_counts(const char *file, json_t *document)
{
    make_searchable(file, document);
    if (strcmp(file, "policy.json") != 0) return;
    add_rule(document, RULE("population-count", "population", "population-register", "[\"name\",\"phone\"]", "count",
                            DISTRICT, ""));
    add_rule(document, RULE("care-search", "eldercare", "elder-care", "[\"name\"]", "token", DISTRICT, ""));
    add_rule(document,
             "{\"id\": \"care-guardians\", \"action\": \"guardian\", \"consumer\": \"eldercare\", \"purpose\": "
             "\"elder-care\", \"fields\": [\"id_number\"], \"form\": \"nothing\", \"areas\": [\"320411\"], "
             "\"acting\": \"app\", \"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"}}");
    add_rule(document, "{\"id\": \"clinic-puts\", \"action\": \"put\", \"consumer\": \"clinic\", \"purpose\": "
                       "\"family-doctor\", \"fields\": [\"id_number\", \"residence_area\", \"phone\"], \"form\": "
                       "\"plain\", \"areas\": [\"320411\"], \"acting\": \"app\", \"valid\": {\"from\": "
                       "\"2020-01-01\", \"until\": \"2099-12-31\"}}");
}

__attribute__((constructor)) static void documents(void)
{
    fixture_edit = with_counts;
}

/* An ID number that passes the checks, and is nobody's here. */
static const char *strangers_id(void)
{
    resident r;
    generator_resident(fixture_generator(), FIXTURE_RESIDENTS + 7, &r);
    return text_of(arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)));
}

/* ---- making ---- */

TEST("one has what a resident is looked for by: identifiers that pass their formats' checks and are nobody's")
{
    Vault__V1__Canary *const *made = created((wished){.count = 20});
    for (size_t i = 0; i < 20; i++) {
        const char *id = value_of(made[i], "id_number"), *phone = value_of(made[i], "phone");
        int county = (id[4] - '0') * 10 + id[5] - '0';
        assert_int_equal(strlen(id), 18);
        assert_memory_equal(id, "3204", 4);
        assert_true((county >= 51 && county <= 80) || county >= 84);
        assert_memory_equal(phone, "16", 2);
        assert_true(strlen(value_of(made[i], "name")) >= 6);
        assert_true(strlen(value_of(made[i], "residence_address")) > 12);
        assert_string_equal(value_of(made[i], "residence_area"), COMMUNITY);
        assert_string_equal(value_of(made[i], "sex"), (id[16] - '0') % 2 ? "1" : "2");
        for (size_t k = 0; k < i; k++) assert_string_not_equal(id, value_of(made[k], "id_number"));
    }
    fixture_reset();
}

TEST("what a service finds its people by stays absent: no list of a service holds one")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    const char *mine = issued_to(REGISTER, value_of(one, "id_number"));
    static const char *const none[] = {"birth_date", "care_category", "marital_status", "ethnicity"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_string_equal(value_of(one, none[i]), "");
        request *rq = look_at(REGISTER, mine, MASK(none[i]));
        expect_outcome(rq, VAULT_OK, NULL);
        assert_true(((const Vault__V1__RevealResponse *)(const void *)rq->out)->values[0]->absent);
    }
    fixture_reset();
}

TEST("the call is a line, and so is each canary: by its name alone")
{
    int64_t since = clock_now_us(), before = lines_in_log();
    Vault__V1__Canary *const *made = created((wished){.count = 3});
    assert_int_equal(lines_in_log(), before + 4);
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"action\":\"canary\""), 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(occurrences(views, made[i]->name), 1);
        for (size_t k = 0; k < made[i]->n_values; k++) {
            if (strcmp(made[i]->values[k]->field, "sex") == 0) continue;
            expect_not_in(views, made[i]->values[k]->value->text);
        }
    }
    fixture_reset();
}

TEST("what was collected in the moment of the line would be known for one: it is some time ago, and not the same for "
     "all")
{
    enum { MANY = 12 };
    int64_t first = 0;
    bool same = true;
    Vault__V1__Canary *const *made = created((wished){.count = MANY});
    for (size_t i = 0; i < MANY; i++) {
        NEW_REQUEST(in, Vault__V1__GetRecordRequest, vault__v1__get_record_request__init);
        in->name = arena_format(fixture_memory(), "records/%s", issued_to(REGISTER, value_of(made[i], "id_number")));
        in->field_mask = MASK("name");
        request *rq = ask(&(asked){
            .path = "/vault.v1.Records/Get", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
        expect_outcome(rq, VAULT_OK, NULL);
        int64_t at = ((const Vault__V1__Record *)(const void *)rq->out)->values[0]->collect_time->seconds;
        assert_true(at <= clock_now_us() / 1000000 - 86400);
        if (i == 0) first = at;
        same &= at == first;
    }
    assert_false(same);
    fixture_reset();
}

TEST("what makes no sense is refused, with a line")
{
    const struct {
        wished w;
        const char *reason;
    } bad[] = {{{.collection = "people"}, "UNKNOWN_COLLECTION"},
               {{.collection = "housing"}, "COLLECTION_UNSUITABLE"},
               {{.area = "320411"}, "BAD_AREA"},
               {{.area = "32041100200300x"}, "BAD_AREA"},
               {{.area = "020411002003"}, "BAD_AREA"},
               {{.area = ""}, "BAD_AREA"},
               {{.department = "nobody"}, "UNKNOWN_DEPARTMENT"},
               {{.person = "nobody"}, "UNKNOWN_PERSON"},
               {{.count = 101}, "OUT_OF_RANGE"},
               {{.count = -1}, "OUT_OF_RANGE"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t before = lines_in_log();
        expect_outcome(create_as(OFFICER, bad[i].w), VAULT_INVALID, bad[i].reason);
        assert_int_equal(lines_in_log(), before + 1);
    }
    expect_outcome(retire_as(OFFICER, ""), VAULT_INVALID, "REQUIRED");
    expect_outcome(retire_as(OFFICER, "canaries/0123456789abcdef0123456789abcdef"), VAULT_NOT_FOUND, "CANARY_UNKNOWN");
    fixture_reset();
}

TEST("nobody but officers makes, lists or retires one, and no document tells of them")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    static const char *const others[] = {ADMINISTRATOR, POPULATION};
    for (size_t i = 0; i < 2; i++) {
        expect_outcome(create_as(others[i], (wished){0}), VAULT_DENIED, "role");
        expect_outcome(list_canaries(others[i], true, true), VAULT_DENIED, "role");
        expect_outcome(retire_as(others[i], one->name), VAULT_DENIED, "role");
    }
    assert_int_not_equal(get_document(NULL, ADMINISTRATOR, "canaries", 0)->err.code, VAULT_OK);
    assert_int_not_equal(get_document(NULL, OFFICER, "canaries", 0)->err.code, VAULT_OK);
    fixture_reset();
}

/* ---- met by everybody ---- */

TEST("one for everybody is found and shown as any resident; a search is no use, everything else is, and is told")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    uint64_t before = alarms();
    assert_true(found_by(REGISTER, "name", value_of(one, "name")) > 0);
    assert_int_equal(alarms(), before);
    assert_int_equal(notices_of(one->name), 0);
    const char *mine = issued_to(REGISTER, value_of(one, "id_number"));
    assert_int_equal(alarms(), before + 1);
    assert_int_equal(notices_of(one->name), 1);
    request *rq = look_at(REGISTER, mine, MASK("name", "phone"));
    assert_string_equal(revealed(rq, 0), value_of(one, "name"));
    assert_int_equal(alarms(), before + 2);
    assert_int_equal(notices_of(one->name), 1); /* that stands already */
    const Vault__V1__Canary *now = listed(one->name);
    assert_int_equal(now->uses, 2);
    assert_non_null(now->last_use_time);
    assert_string_equal(value_of(now, "name"), value_of(one, "name"));
    assert_int_equal(listed(created((wished){0})[0]->name)->uses, 0);
    fixture_reset();
}

TEST("a search by its own number is an alarm, by a name is none")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    uint64_t before = alarms();
    assert_int_equal(found_by(CARE, "phone", value_of(one, "phone")), 1);
    assert_int_equal(alarms(), before + 1);
    assert_int_equal(notices_of(one->name), 1);
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "name", value_of(one, "name"));
    equals(in, "phone", value_of(one, "phone"));
    (void)answer_of(as_population(in));
    assert_int_equal(alarms(), before + 2);
    assert_true(found_by(REGISTER, "name", value_of(one, "name")) > 0);
    assert_int_equal(alarms(), before + 2);
    fixture_reset();
}

/* The answer to a search by one number, packed. */
static bytes packed_answer(asker by, const char *field, const char *number, bool count)
{
    Vault__V1__SearchRequest *in = new_search();
    equals(in, field, number);
    in->count_only = count;
    const Vault__V1__SearchResponse *out = answer_of(search_as(by.uri, by.why, in));
    uint8_t *packed = arena_alloc(fixture_memory(), vault__v1__search_response__get_packed_size(out) + 1);
    return bytes_of(packed, vault__v1__search_response__pack(out, packed));
}

/* As that of a number which nobody has; and an alarm, which the other is not. */
static void expect_told_of_nobody(asker by, const Vault__V1__Canary *one, bool count)
{
    uint64_t before = alarms();
    bytes it = packed_answer(by, "phone", value_of(one, "phone"), count);
    assert_int_equal(alarms(), before + 1);
    assert_int_equal(notices_of(one->name), 1);
    assert_true(bytes_same(it, packed_answer(by, "phone", "16012345678", count)));
    assert_int_equal(alarms(), before + 1);
}

TEST("a search by the number of one who is hidden, or lives elsewhere, finds nobody, and is an alarm; so is a count")
{
    const Vault__V1__Canary *hidden = created((wished){.department = "civil-affairs"})[0];
    const Vault__V1__Canary *own = created((wished){.person = "grid-own"})[0];
    const Vault__V1__Canary *elsewhere = created((wished){.area = "320402001001"})[0];
    expect_told_of_nobody(REGISTER, hidden, false);
    expect_told_of_nobody(REGISTER, hidden, true);
    expect_told_of_nobody(CARE, own, false);
    expect_told_of_nobody(REGISTER, elsewhere, false);
    expect_told_of_nobody(REGISTER, elsewhere, true);
    fixture_reset();
}

TEST("however its number is spelt and whatever stands beside it, each canary that is named is an alarm, once")
{
    Vault__V1__Canary *const *made = created((wished){.count = 2, .department = "health"});
    const char *one = value_of(made[0], "phone"), *two = value_of(made[1], "phone");
    const char *spelt = arena_format(fixture_memory(), "+86 %.3s-%.4s-%s", one, one + 3, one + 7);
    uint64_t before = alarms();
    Vault__V1__SearchRequest *in = new_search();
    add(in, "phone", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals =
        values_of((const char *const[]){spelt, "16012345678", two, one}, 4);
    equals(in, "name", "\xe7\x8e\x8b");
    in->minimum_matches = 1;
    (void)answer_of(as_population(in));
    assert_int_equal(alarms(), before + 2);
    assert_int_equal(notices_of(made[0]->name) + notices_of(made[1]->name), 2);
    fixture_reset();
}

TEST("who is refused the search has come with its number all the same; that of one that is retired is told of, too")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    uint64_t before = alarms();
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "phone", value_of(one, "phone"));
    assert_int_equal(search_as(DOCTOR.uri, DOCTOR.why, in)->err.code, VAULT_DENIED);
    assert_int_equal(alarms(), before + 1);
    expect_outcome(retire_as(OFFICER, one->name), VAULT_OK, NULL);
    assert_int_equal(found_by(REGISTER, "phone", value_of(one, "phone")), 0);
    assert_int_equal(alarms(), before + 2);
    fixture_reset();
}

TEST("one whom a number beside its name is not of is shown by chance; who compares others with it uses its token")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    const char *mine = issued_to(CARE, value_of(one, "id_number"));
    uint64_t before = alarms();
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "name", value_of(one, "name"));
    equals(in, "phone", "16012345678");
    in->minimum_matches = 1;
    assert_true(answer_of(as_population(in))->n_results > 0);
    assert_int_equal(alarms(), before);
    in = new_search();
    same_as(in, "phone", mine);
    (void)answer_of(as_eldercare(in));
    assert_true(alarms() > before);
    fixture_reset();
}

TEST("a search by its number that took too long to be answered is an alarm; where that cannot be written, none is "
     "answered")
{
    const Vault__V1__Canary *one = created((wished){.department = "health"})[0];
    uint64_t before = alarms();
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "phone", value_of(one, "phone"));
    pg_sql("DELETE FROM notice; ALTER TABLE notice ADD CONSTRAINT no CHECK (kind <> 4)");
    request *rq = as_population(in);
    pg_sql("ALTER TABLE notice DROP CONSTRAINT no");
    assert_int_not_equal(rq->err.code, VAULT_OK);
    assert_null(rq->out);
    assert_int_equal(alarms(), before);
    rq = make_request(&(asked){
        .path = "/vault.v1.Records/Search", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    rq->deadline_us = clock_monotonic_us();
    service_run(fixture_session(), method_at("/vault.v1.Records/Search"), &rq, 1);
    expect_outcome(rq, VAULT_EXHAUSTED, "SEARCH_TOO_LONG");
    assert_int_equal(alarms(), before + 1);
    fixture_reset();
}

TEST("a use that is refused is an alarm too: whoever holds the number has it from somewhere")
{
    const Vault__V1__Canary *one = created((wished){.area = "320411001001"})[0];
    uint64_t before = alarms();
    request *rq = look_at(CARE, issued_to(REGISTER, value_of(one, "id_number")), MASK("name"));
    assert_int_not_equal(rq->err.code, VAULT_OK); /* another domain's token: nobody, and no use of this one */
    assert_int_equal(alarms(), before + 1);
    const char *mine = issued_to((asker){ELDERCARE, "elder-care/visit", NULL}, value_of(one, "id_number"));
    expect_outcome(look_at(CARE, mine, MASK("phone")), VAULT_DENIED, "resident");
    assert_int_equal(alarms(), before + 3);
    assert_int_equal(listed(one->name)->uses, 3);
    fixture_reset();
}

TEST("an alarm that cannot be written takes the answer with it: nothing is shown, no line says so")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    const char *mine = issued_to(REGISTER, value_of(one, "id_number"));
    uint64_t before = alarms();
    int64_t lines = lines_in_log();
    pg_sql("DELETE FROM notice; ALTER TABLE notice ADD CONSTRAINT no CHECK (kind <> 4)");
    request *rq = look_at(REGISTER, mine, MASK("name"));
    assert_int_not_equal(rq->err.code, VAULT_OK);
    assert_null(rq->out);
    assert_int_equal(lines_in_log(), lines);
    assert_int_equal(alarms(), before);
    pg_sql("ALTER TABLE notice DROP CONSTRAINT no");
    expect_outcome(look_at(REGISTER, mine, MASK("name")), VAULT_OK, NULL);
    assert_int_equal(alarms(), before + 1);
    fixture_reset();
}

/* ---- met by some ---- */

static void expect_nobody(asker by, const Vault__V1__Canary *one)
{
    uint64_t before = alarms();
    issued it = issue(by, value_of(one, "id_number")), nobody = issue(by, strangers_id());
    assert_null(it.token);
    assert_null(nobody.token);
    assert_true(bytes_same(it.refusal, nobody.refusal));
    assert_int_equal(alarms(), before + 1);
}

TEST("a department's own is nobody for all others: to issue, to find, to put; the alarm goes out all the same")
{
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    expect_nobody(REGISTER, one);
    expect_nobody(DOCTOR, one);
    assert_int_equal(found_by(REGISTER, "phone", value_of(one, "phone")), 0);
    assert_int_equal(found_by(CARE, "phone", value_of(one, "phone")), 1);
    const char *mine = issued_to(CARE, value_of(one, "id_number"));
    assert_string_equal(revealed(look_at(CARE, mine, MASK("name")), 0), value_of(one, "name"));
    fixture_reset();
}

TEST("who puts the number of one that is hidden is refused as for a resident elsewhere, and changes nothing")
{
    const Vault__V1__Canary *one = created((wished){.department = "civil-affairs"})[0];
    NEW_REQUEST(in, Vault__V1__BatchPutRequest, vault__v1__batch_put_request__init);
    NEW_REQUEST(row, Vault__V1__ResidentInput, vault__v1__resident_input__init);
    in->collection = lend("residents");
    in->field_mask = MASK("id_number", "residence_area", "phone");
    row->values = arena_array(fixture_memory(), 3, sizeof *row->values);
    row->values[row->n_values++] = lend(value_of(one, "id_number"));
    row->values[row->n_values++] = lend(COMMUNITY);
    row->values[row->n_values++] = lend("16012345678");
    in->items = &row;
    in->n_items = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Records/BatchPut", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0]->status);
    const char *mine = issued_to(CARE, value_of(one, "id_number"));
    assert_string_equal(revealed(look_at(CARE, mine, MASK("phone")), 0), value_of(one, "phone"));
    fixture_reset();
}

TEST("a person's own is met by that person alone, through any app")
{
    const Vault__V1__Canary *one = created((wished){.person = "grid-own"})[0];
    const asker zhao = {ELDERCARE, "elder-care", assertion_of(&(claims){.sub = "grid-zhao"})};
    expect_nobody(CARE, one);
    expect_nobody(REGISTER, one);
    assert_null(issue(zhao, value_of(one, "id_number")).token);
    assert_int_equal(found_by(CARE, "phone", value_of(one, "phone")), 0);
    const asker own = {ELDERCARE, "elder-care", assertion_of(&(claims){.sub = "grid-own"})};
    assert_non_null(issue(own, value_of(one, "id_number")).token);
    fixture_reset();
}

static const Google__Rpc__Status *appointed(const char *ward, const char *guardian)
{
    NEW_REQUEST(one, Vault__V1__GuardianItem, vault__v1__guardian_item__init);
    NEW_REQUEST(in, Vault__V1__BatchRecordGuardiansRequest, vault__v1__batch_record_guardians_request__init);
    one->token = lend(ward);
    one->guardian_token = lend(guardian);
    one->kind = lend("court");
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Guardians/BatchRecord", .uri = CARE.uri, .purpose = CARE.why, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchRecordGuardiansResponse *)(const void *)rq->out)->results[0]->status;
}

TEST("one that is hidden is nobody's guardian, as who lives elsewhere is none")
{
    const Vault__V1__Canary *one = created((wished){.person = "grid-own"})[0], *all = created((wished){0})[0];
    const asker own = {ELDERCARE, "elder-care", assertion_of(&(claims){.sub = "grid-own"})};
    const char *ward = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    assert_null(appointed(ward, issued_to(CARE, value_of(all, "id_number"))));
    const Google__Rpc__Status *hidden = appointed(ward, issued_to(own, value_of(one, "id_number")));
    assert_non_null(hidden);
    fixture_reset();
}

TEST("a page of a search is full although some that it came by are hidden")
{
    enum { HIDDEN = 30, SHOWN = 3 };
    static const char area[] = "320411011011";
    const char *names[HIDDEN + SHOWN];
    Vault__V1__Canary *const *hidden = created((wished){.area = area, .count = HIDDEN, .department = "health"});
    Vault__V1__Canary *const *others = created((wished){.area = area, .count = SHOWN});
    for (size_t i = 0; i < HIDDEN + SHOWN; i++)
        names[i] = value_of(i < HIDDEN ? hidden[i] : others[i - HIDDEN], "name");
    Vault__V1__SearchRequest *in = new_search();
    add(in, "name", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(names, HIDDEN + SHOWN);
    in_area(in, area);
    in->page_size = 2;
    const Vault__V1__SearchResponse *first = answer_of(as_population(in));
    assert_int_equal(first->n_results, 2);
    in->page_token = first->next_page_token;
    const Vault__V1__SearchResponse *last = answer_of(as_population(in));
    assert_int_equal(last->n_results, 1);
    assert_string_equal(last->next_page_token, "");
    fixture_reset();
}

/* ---- statistics ---- */

static const char *counted(const char *field, const char *value)
{
    int64_t since = clock_now_us();
    Vault__V1__SearchRequest *in = new_search();
    equals(in, field, value);
    in->count_only = true;
    (void)answer_of(as_population(in));
    return views_since(since);
}

TEST("counts leave them out, whoever could meet them; also in the line")
{
    Vault__V1__Canary *const *made = created((wished){.count = 5});
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(found_by(REGISTER, "name", value_of(made[i], "name")) > 0, true);
        const char *views = counted("phone", value_of(made[i], "phone"));
        expect_not_in(views, "\"hits\":");
    }
    resident r = someone(0);
    expect_in(counted("phone", resident_text(&r, FIELD_PHONE)), "\"hits\":1");
    fixture_reset();
}

/* ---- browsing ---- */

static size_t page_of(const char *uri, const char *area)
{
    NEW_REQUEST(in, Vault__V1__BrowseRequest, vault__v1__browse_request__init);
    in->collection = lend("residents");
    in->area = lend(area);
    in->field_mask = MASK("name");
    request *rq = steward(NULL, uri, "/vault.v1.Records/Browse", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BrowseResponse *)(const void *)rq->out)->n_rows;
}

TEST("administrators browse past those that are hidden, and do not see that there are any; officers see them")
{
    static const char area[] = "320411009009";
    uint64_t before = alarms();
    (void)created((wished){.area = area, .count = 2});
    (void)created((wished){.area = area, .count = 25, .department = "health"});
    assert_int_equal(page_of(ADMINISTRATOR, area), 2);
    assert_int_equal(page_of(OFFICER, area), 20);
    (void)created((wished){.area = area, .count = 20});
    assert_int_equal(page_of(ADMINISTRATOR, area), 20);
    assert_int_equal(alarms(), before);
    fixture_reset();
}

/* ---- retiring ---- */

static void expect_rows_sound(void)
{
    NEW_REQUEST(in, Vault__V1__VerifyRowsRequest, vault__v1__verify_rows_request__init);
    request *rq = steward(NULL, OFFICER, "/vault.v1.Audit/VerifyRows", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    wait_for_job(((const Vault__V1__VerifyRowsResponse *)(const void *)rq->out)->job, "done");
}

TEST("one that is retired is erased; its uses stay, and what it was called; rows and erasures are sound")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    const char *mine = issued_to(REGISTER, value_of(one, "id_number"));
    long rows = strtol(pg_sql("SELECT count(*) FROM resident"), NULL, 10);
    expect_rows_sound();
    request *rq = retire_as(OFFICER_2, one->name);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(((const Vault__V1__Canary *)(const void *)rq->out)->retire_time);
    assert_int_equal(((const Vault__V1__Canary *)(const void *)rq->out)->uses, 1);
    assert_int_equal(strtol(pg_sql("SELECT count(*) FROM resident"), NULL, 10), rows - 1);
    expect_outcome(look_at(REGISTER, mine, MASK("name")), VAULT_DENIED, "resident");
    assert_int_equal(found_by(REGISTER, "phone", value_of(one, "phone")), 0);
    expect_outcome(retire_as(OFFICER, one->name), VAULT_PRECONDITION, "ALREADY_RETIRED");
    assert_string_equal(value_of(listed(one->name), "id_number"), value_of(one, "id_number"));
    assert_int_equal(listed(one->name)->uses, 2); /* whoever still holds its token is told of, too */
    expect_rows_sound();
    fixture_restart();
    fixture_reset();
}

TEST("one whose record is gone already is retired all the same")
{
    const Vault__V1__Canary *one = created((wished){0})[0];
    const char *id = value_of(one, "id_number");
    pg_sql("CREATE TABLE aside AS SELECT id FROM resident ORDER BY id DESC LIMIT 1");
    (void)id;
    pg_sql("DELETE FROM resident_key WHERE id IN (SELECT id FROM aside)");
    pg_sql("DELETE FROM resident WHERE id IN (SELECT id FROM aside)");
    expect_outcome(retire_as(OFFICER, one->name), VAULT_OK, NULL);
    fixture_reset();
}

TEST("another node knows one as soon as it is made, and of a use who asks there hears as well")
{
    node other;
    node_open(&other);
    const Vault__V1__Canary *one = created((wished){.department = "health"})[0];
    uint64_t before = alarms();
    NEW_REQUEST(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->values = arena_array(fixture_memory(), 1, sizeof *in->values);
    in->values[in->n_values++] = lend(value_of(one, "id_number"));
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue",
                               .uri = POPULATION,
                               .purpose = "population-register",
                               .in = &in->base,
                               .by = other.session});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0]->status);
    assert_int_equal(alarms(), before + 1);
    node_close(&other);
    fixture_reset();
}
