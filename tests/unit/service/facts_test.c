/* What the policy is told, to the day and the minute in Shanghai: birthdays, contracts, nights, assessments, and a
 * clock that is set back. And in which form, bound to what, a value is shown. The clock goes forward through the
 * program, because that of the log does not go back. */
#include "tests/unit/service/consents.h"
#include "tests/unit/service/import.h"
#include "tests/unit/service/jwt.h"

#define BEGIN "2026-02-27T09:00:00+08:00"

static void edit_dates(const char *file, json_t *doc)
{
    size_t i;
    json_t *one;
    edit_for_facts(file, doc);
    json_array_foreach(json_object_get(doc, "purposes"), i, one)
    {
        bool of_doctor = strcmp(json_string_value(json_object_get(one, "id")), DOCTOR) == 0;
        json_object_set_new(json_object_get(one, "assessment"), "until",
                            json_string(of_doctor ? "2026-03-31" : "2099-12-31"));
    }
    json_array_foreach(json_object_get(doc, "persons"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "id")), "grid-zhao") == 0)
            json_object_set_new(json_object_get(one, "contract"), "until", json_string("2026-06-30"));
    }
}

static void at(const char *time)
{
    clock_set_for_test(clock_parse(time));
}

/* So that the lines before have another time. */
static int64_t a_moment_later(void)
{
    clock_set_for_test(clock_now_us() + 1);
    return clock_now_us();
}

__attribute__((constructor)) static void with_dates(void)
{
    fixture_edit = edit_dates;
    at(BEGIN);
}

/* ---- strongest, and terms ---- */

static void expect_terms(const Vault__V1__Terms *t, Vault__V1__Form form, const char *withheld)
{
    assert_non_null(t);
    assert_int_equal(t->form, form);
    assert_string_equal(t->keep_until, "2029-02-27"); /* the purpose's P3Y */
    assert_string_equal(t->withheld_until, withheld);
    assert_null(t->review_due_time);
}

TEST("the strongest form is each resident's own, the terms say which, and so does the line")
{
    const char *whose[] = {token_for(ELDERCARE, CARE, resident_in_street(0)),
                           token_for(ELDERCARE, CARE, resident_elsewhere(0))};
    resident r;
    int64_t since = a_moment_later();
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(whose, 2), in->n_tokens = 2;
    in->field_mask = MASK("registered_address");
    in->form = VAULT__V1__FORM__FORM_STRONGEST;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    expect_terms(out->results[0]->terms, VAULT__V1__FORM__FORM_PLAIN, "2026-05-28");
    expect_terms(out->results[1]->terms, VAULT__V1__FORM__FORM_MASKED, "");
    the_resident(resident_in_street(0), &r);
    assert_string_equal(out->results[0]->values[0]->text, resident_text(&r, FIELD_REGISTERED_ADDRESS));
    the_resident(resident_elsewhere(0), &r);
    assert_string_not_equal(out->results[1]->values[0]->text, resident_text(&r, FIELD_REGISTERED_ADDRESS));
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"form\":\"plain\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"masked\""), 1);
    assert_int_equal(occurrences(views, "\"withheld\":\"investigation 2026-05-28\""), 1);
    assert_int_equal(occurrences(views, "\"residents\":2"), 2);
    fixture_reset();
}

TEST("a line names the basis of sharing that the rule rests on, where something was given")
{
    const char *near = token_for(CLINIC, DOCTOR, resident_in_street(0)),
               *far = token_for(CLINIC, DOCTOR, resident_elsewhere(0));
    int64_t since = a_moment_later();
    assert_non_null(revealed(reveal(CLINIC, DOCTOR, near, MASK("education")), 0));
    expect_outcome(reveal(CLINIC, DOCTOR, far, MASK("education")), VAULT_DENIED, "resident");
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"rule\":\"shared\",\"sharing\":\"care-to-clinic\""), 1);
    assert_int_equal(occurrences(views, "\"sharing\""), 1);
    since = a_moment_later();
    assert_non_null(revealed(see(token_for(ELDERCARE, CARE, resident_in_street(0)), "registered_address"), 0));
    assert_int_equal(occurrences(views_since(since), "\"sharing\""), 0);
    fixture_reset();
}

TEST("where no form is allowed the strongest is refused as any other, and nothing else but a reveal asks for it")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(0));
    expect_outcome(see_strongest(mine, "native_place"), VAULT_DENIED, "fields");
    expect_outcome(see_strongest(mine, "nothing_at_all"), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(see_strongest(mine, "occupation"), VAULT_DENIED, "resident"); /* no consent */
    expect_outcome(see_strongest(token_for(ELDERCARE, CARE, resident_elsewhere(0)), "phone"), VAULT_DENIED, "resident");
    expect_outcome(get_record(ELDERCARE, CARE, mine, MASK("name"), VAULT__V1__FORM__FORM_STRONGEST), VAULT_INVALID,
                   "OUT_OF_RANGE");
    fixture_reset();
}

TEST("a form that was asked for has its terms, too")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(0));
    request *rq = see(mine, "registered_address");
    expect_outcome(rq, VAULT_OK, NULL);
    expect_terms(((const Vault__V1__RevealResponse *)(const void *)rq->out)->terms, VAULT__V1__FORM__FORM_PLAIN,
                 "2026-05-28");
    fixture_reset();
}

/* ---- the fourteenth birthday ---- */

/* Two residents of the street with a birthday of their own. */
static const char *born_on(uint64_t who, const char *day)
{
    resident r;
    the_resident(who, &r);
    NEW(in, Vault__V1__BatchPutRequest, vault__v1__batch_put_request__init);
    NEW(one, Vault__V1__ResidentInput, vault__v1__resident_input__init);
    const char *values[] = {arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)), "320411002001", day,
                            day ? "80" : "10"};
    in->collection = lent("residents");
    in->field_mask = MASK("id_number", "residence_area", "birth_date", "education");
    if (!day) in->field_mask = MASK("id_number", "residence_area", "education"), values[2] = values[3];
    one->values = lend_all(values, day ? 4 : 3), one->n_values = day ? 4 : 3;
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_null(((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0]->status);
    return token_for(ELDERCARE, CARE, who);
}

static void expect_child(const char *mine, bool child)
{
    int64_t since = a_moment_later();
    request *rq = see(mine, "education");
    if (child)
        expect_outcome(rq, VAULT_DENIED, "resident");
    else
        expect_outcome(rq, VAULT_OK, NULL);
    const char *views = views_since(since);
    assert_true(occurrences(views, "\"attributes\":\"child\"") == 1);
    assert_int_equal(occurrences(views, "\"clause\":\"class\""), child);
}

TEST("until the fourteenth birthday, also one on 29 February, a child is one; whose day is not known may be one")
{
    enum { LEAP = 300, USUAL = 301, UNKNOWN = 302 };
    const char *leap = born_on(LEAP, "20120229"), *usual = born_on(USUAL, "20120302"),
               *unknown = born_on(UNKNOWN, NULL);
    at("2026-02-28T23:59:58+08:00");
    expect_child(leap, true);
    expect_child(usual, true);
    expect_child(unknown, true);
    at("2026-03-01T00:00:00+08:00");
    expect_child(leap, false);
    expect_child(usual, true);
    at("2026-03-01T23:59:58+08:00");
    expect_child(usual, true);
    at("2026-03-02T00:00:00+08:00");
    expect_child(usual, false);
    expect_child(unknown, true);
    fixture_reset();
}

/* The answer to a reveal of the education, as it goes over the wire, and how many lines it took. */
static bytes packed_answer(const char *mine, int64_t *lines)
{
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(&mine, 1), in->n_tokens = 1;
    in->field_mask = MASK("education");
    int64_t before = lines_in_log();
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    *lines = lines_in_log() - before;
    size_t len = protobuf_c_message_get_packed_size(rq->out);
    uint8_t *at = arena_alloc(fixture_memory(), len);
    (void)protobuf_c_message_pack(rq->out, at);
    return bytes_of(at, len);
}

TEST("a child, one who may be a child, one who lives elsewhere and one who is nobody are refused in the same bytes")
{
    const char *child = born_on(303, "20200101"), *unknown = born_on(304, NULL), *gone = born_on(305, "19400101"),
               *elsewhere = token_for(ELDERCARE, CARE, resident_elsewhere(0));
    const char *whose[] = {child, unknown, elsewhere, gone};
    erase_one(token_for(POPULATION, WHY, 305));
    bytes first = {0};
    int64_t since = a_moment_later();
    for (size_t i = 0; i < 4; i++) {
        int64_t lines;
        bytes answer = packed_answer(whose[i], &lines);
        if (i == 0) first = answer;
        assert_true(bytes_same(answer, first));
        assert_int_equal(lines, 1);
    }
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"clause\":\"class\""), 2); /* for officers alone */
    assert_int_equal(occurrences(views, "\"clause\":\"resident\""), 2);
    assert_int_equal(occurrences(views, "\"attributes\":\"child\""), 4);
    fixture_reset();
}

/* ---- hours, and a clock that is set back ---- */

static void expect_night(const char *time, const char *mine, bool open)
{
    at(time);
    request *rq = see(mine, "political_status");
    if (open)
        expect_outcome(rq, VAULT_OK, NULL);
    else
        expect_outcome(rq, VAULT_DENIED, "hours");
}

TEST("hours over midnight are those of the day on which they begin, to the minute; a clock set back opens none again")
{
    const char *mine = token_for(ELDERCARE, CARE, 0);
    expect_night("2026-03-02T05:59:00+08:00", mine, false); /* Monday, but the night of Sunday */
    expect_night("2026-03-02T21:59:59+08:00", mine, false);
    expect_night("2026-03-02T22:00:00+08:00", mine, true);
    expect_night("2026-03-03T00:00:00+08:00", mine, true);
    expect_night("2026-03-03T05:59:59+08:00", mine, true);
    expect_night("2026-03-03T06:00:00+08:00", mine, false);
    expect_night("2026-03-03T05:30:00+08:00", mine, false); /* set back by half an hour */
    expect_night("2026-03-02T23:00:00+08:00", mine, false); /* and by a day */
    fixture_restart();                                      /* the log knows, and not the node alone */
    expect_night("2026-03-02T23:30:00+08:00", mine, false);
    expect_night("2026-03-03T22:30:00+08:00", mine, false); /* Tuesday */
    expect_night("2026-03-09T22:30:00+08:00", mine, true);  /* next Monday */
    fixture_reset();
}

/* ---- consents end by themselves ---- */

TEST("a consent that was given until a moment holds until then, and a clock set back does not give it again")
{
    const char *mine = token_for(ELDERCARE, CARE, resident_in_street(0));
    at("2026-03-10T09:00:00+08:00");
    int64_t end_s = clock_parse("2026-03-10T12:00:00+08:00") / 1000000;
    expect_outcome(say_as(NULL, &mine, 1, true, end_s), VAULT_OK, NULL);
    at("2026-03-10T11:59:59+08:00");
    expect_outcome(see(mine, "occupation"), VAULT_OK, NULL);
    assert_int_equal(standing(CARE, mine)->expire_time->seconds, end_s);
    at("2026-03-10T12:00:00+08:00");
    expect_outcome(see(mine, "occupation"), VAULT_DENIED, "resident");
    assert_int_equal(standing(CARE, mine)->state, VAULT__V1__CONSENT_STATE__CONSENT_STATE_EXPIRED);
    at("2026-03-10T11:00:00+08:00");
    expect_outcome(see(mine, "occupation"), VAULT_DENIED, "resident");
    fixture_reset();
}

/* ---- a purpose that expires in the midst of a stream ---- */

TEST("an import whose purpose expires between two messages brings the rows of the first, and no more")
{
    const char *names[] = {"id_number", "residence_area", "name"};
    const importing how = {.uri = CLINIC, .purpose = DOCTOR, .id = "over-midnight", .mask = mask_of(names, 3)};
    at("2026-03-31T23:59:58+08:00");
    request *rq = begin_import(&how);
    expect_outcome(rq, VAULT_OK, NULL);
    int64_t rows = number_in("select count(*) from resident");
    for (unsigned message = 0; message < 2; message++) {
        if (message == 1) at("2026-04-01T00:00:00+08:00");
        resident r;
        the_resident(400 + message, &r);
        Vault__V1__ImportRequest *in = new_message();
        const char *values[] = {arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)), "320411002001",
                                arena_text(fixture_memory(), resident_value(&r, FIELD_NAME))};
        add_row(in, values, 3);
        expect_outcome(send_message(rq, &how, in), VAULT_OK, NULL);
    }
    expect_outcome(send_message(rq, &how, NULL), VAULT_OK, NULL);
    const Vault__V1__ImportResponse *out = (const void *)rq->out;
    assert_int_equal(out->created, 1);
    assert_int_equal(out->rejected, 1);
    assert_string_equal(out->reports[0]->fields[0]->reason, "assessment");
    assert_int_equal(number_in("select count(*) from resident"), rows + 1);
    fixture_reset();
}

/* ---- contracts ---- */

static request *as_grid_worker(const char *mine)
{
    Vault__V1__RevealRequest *in = reveal_of(mine, MASK("religion"));
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = CARE,
                        .in = &in->base,
                        .assertion = assertion_of(&(claims){0})});
}

TEST("a contract ends with its last day in Shanghai, to the second, and a clock set back does not renew it")
{
    const char *mine = token_for(ELDERCARE, CARE, 0);
    at("2026-06-30T15:59:59Z");
    expect_outcome(as_grid_worker(mine), VAULT_OK, NULL);
    at("2026-06-30T16:00:00Z");
    expect_outcome(as_grid_worker(mine), VAULT_DENIED, "contract");
    at("2026-06-30T15:59:00Z");
    expect_outcome(as_grid_worker(mine), VAULT_DENIED, "contract");
    fixture_reset();
}
