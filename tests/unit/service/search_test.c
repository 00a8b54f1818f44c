/* Whom a search finds: compared with a look through the generator's plaintext; and what is refused. */
#include "tests/unit/service/search.h"

/* ---- finding ---- */

TEST("equality and suffix find in the whole district, whoever has the value")
{
    size_t found = 0;
    for (uint64_t i = 0; i < 20; i++) {
        resident r = someone(i);
        const char *phone = resident_text(&r, FIELD_PHONE);
        if (!phone[0]) continue;
        Vault__V1__SearchRequest *whole = new_search(), *end = new_search();
        equals(whole, "phone", phone);
        ends_with(end, "phone", phone + 7);
        found += expect_found(answer_of(as_population(whole)), phone_is, phone);
        assert_true(expect_found(answer_of(as_population(end)), phone_ends, phone + 7) > 0);
    }
    assert_true(found >= 10);
    fixture_reset();
}

TEST("parts of names and addresses are found in the street that is named")
{
    static const char *const parts[] = {"苑", "幢"};
    size_t found = 0;
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i += 7) {
        resident r = someone(i);
        char two[16] = "";
        const char *name = resident_text(&r, FIELD_NAME);
        snprintf(two, sizeof two, "%.6s", name);
        Vault__V1__SearchRequest *in = new_search();
        has_part(in, "name", two);
        in_area(in, STREET);
        found += expect_found(answer_of(as_population(in)), name_has, two);
    }
    for (size_t i = 0; i < 2; i++) {
        char part[16];
        snprintf(part, sizeof part, "1%s", parts[i]);
        Vault__V1__SearchRequest *in = new_search();
        has_part(in, "residence_address", part);
        in_area(in, STREET);
        found += expect_found(answer_of(as_population(in)), address_has, part);
    }
    assert_true(found > 0);
    fixture_reset();
}

TEST("bands, codes, and both together")
{
    Vault__V1__SearchRequest *old = new_search(), *wed = new_search(), *both = new_search();
    band(old, "birth_date", "", "1960"); /* the same as any day of it */
    equals(wed, "marital_status", "20");
    band(both, "birth_date", "", "19601231");
    equals(both, "marital_status", "20");
    in_area(old, STREET);
    in_area(wed, STREET);
    in_area(both, STREET);
    assert_true(expect_found(answer_of(as_population(old)), born_until, "1960") > 0);
    assert_true(expect_found(answer_of(as_population(wed)), married, "20") > 0);
    assert_true(expect_found(answer_of(as_population(both)), old_and_married, "1960") > 0);
    fixture_reset();
}

TEST("a household is found by one of its members, who is one of them")
{
    resident r = someone(3);
    Vault__V1__SearchRequest *in = new_search();
    same_as(in, "household_number", all_tokens()[3]);
    assert_true(expect_found(answer_of(as_population(in)), of_household, resident_text(&r, FIELD_HOUSEHOLD_NUMBER)) >
                0);
    fixture_reset();
}

TEST("with two of three a clerk finds candidates, and is told which conditions hold")
{
    uint64_t i = resident_in_street(0);
    resident r = someone(i);
    while (!resident_text(&r, FIELD_PHONE)[0]) r = someone(i = resident_in_street(i + 1));
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "name", "没有人");
    equals(in, "phone", resident_text(&r, FIELD_PHONE));
    band(in, "birth_date", resident_text(&r, FIELD_BIRTH_DATE), resident_text(&r, FIELD_BIRTH_DATE));
    in_area(in, STREET);
    in->minimum_matches = 2;
    const Vault__V1__SearchResponse *out = answer_of(as_population(in));
    bool there = false;
    for (size_t k = 0; k < out->n_results; k++) {
        const Vault__V1__SearchResult *one = out->results[k];
        there |= strcmp(one->token, all_tokens()[i]) == 0;
        assert_int_equal(one->n_matched, 2);
        assert_int_equal(one->matched[0], 1);
        assert_int_equal(one->matched[1], 2);
    }
    assert_true(there);
    in->minimum_matches = 3;
    assert_int_equal(answer_of(as_population(in))->n_results, 0);
    fixture_reset();
}

TEST("an app finds in the areas of its rule alone, and asked elsewhere it finds nobody")
{
    uint64_t inside = resident_in_street(0), outside = resident_elsewhere(0);
    for (int k = 0; k < 2; k++) {
        resident r = someone(k ? inside : outside);
        while (!resident_text(&r, FIELD_PHONE)[0])
            r = someone(k ? (inside = resident_in_street(inside + 1)) : (outside = resident_elsewhere(outside + 1)));
        Vault__V1__SearchRequest *in = new_search();
        equals(in, "phone", resident_text(&r, FIELD_PHONE));
        size_t found = answer_of(as_eldercare(in))->n_results;
        assert_true(k ? found >= 1 : found == 0);
    }
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "care_category", "00");
    in_area(in, "320411003");
    assert_int_equal(answer_of(as_eldercare(in))->n_results, 0);
    fixture_reset();
}

/* ---- refusals ---- */

TEST("a field, an action or a form that no rule allows is denied, and is a line")
{
    int64_t then = clock_now_us();
    Vault__V1__SearchRequest *field = new_search(), *action = new_search(), *form = new_search();
    equals(field, "marital_status", "20");
    in_area(field, STREET);
    expect_outcome(as_eldercare(field), VAULT_DENIED, "fields");
    equals(action, "phone", "13900000001");
    expect_outcome(search_as(ELDERCARE, "elder-care/visit", action), VAULT_DENIED, "action");
    ends_with(form, "phone", "0001");
    expect_outcome(search_as(CLINIC, "family-doctor", form), VAULT_DENIED, "form");
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 3);
    assert_int_equal(occurrences(views, "\"action\":\"search\""), 3);
    fixture_reset();
}

TEST("who may count is told how many, and not which, and not how few")
{
    Vault__V1__SearchRequest *many = new_search(), *few = new_search();
    size_t wanted = 0;
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r = someone(i);
        wanted += married(&r, "20");
    }
    equals(many, "marital_status", "20");
    in_area(many, STREET);
    many->count_only = true;
    const Vault__V1__SearchResponse *out = answer_of(search_as(CLINIC, "family-doctor", many));
    assert_int_equal(out->n_results, 0);
    assert_int_equal(out->count, wanted < 10 ? 0 : wanted);
    assert_int_equal(out->fewer_than_ten, wanted < 10);
    resident r = someone(1);
    equals(few, "phone", resident_text(&r, FIELD_PHONE));
    few->count_only = true;
    out = answer_of(search_as(CLINIC, "family-doctor", few));
    assert_true(out->fewer_than_ten && out->count == 0 && out->n_results == 0);
    fixture_reset();
}

static void expect_invalid(Vault__V1__SearchRequest *in, const char *reason, const char *path)
{
    int64_t before = lines_in_log();
    request *rq = as_population(in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, path);
    assert_int_equal(lines_in_log(), before);
}

TEST("a request that is no search is refused with the path of its fault")
{
    Vault__V1__SearchRequest *in = new_search();
    expect_invalid(in, "REQUIRED", "conditions");
    for (int i = 0; i < 9; i++) equals(in, "phone", "13900000001");
    expect_invalid(in, "TOO_MANY", "conditions");
    in->n_conditions = 2;
    expect_invalid(in, "DUPLICATE_FIELD", "conditions[1].field");
    in->n_conditions = 1;
    in->minimum_matches = 2;
    expect_invalid(in, "OUT_OF_RANGE", "minimum_matches");
    in->minimum_matches = 0;
    in->page_size = 501;
    expect_invalid(in, "OUT_OF_RANGE", "page_size");
    in->page_size = -1;
    expect_invalid(in, "OUT_OF_RANGE", "page_size");
    in->page_size = 0;
    in->collection = text_of("nobody");
    expect_invalid(in, "UNKNOWN_COLLECTION", "collection");
    in->collection = text_of("foreign_residents");
    expect_invalid(in, "UNKNOWN_FIELD", "conditions[0].field");
    in->collection = text_of("");
    in_area(in, "32041x");
    expect_invalid(in, "BAD_AREA", "areas[0]");
    in->n_areas = 65;
    expect_invalid(in, "TOO_MANY", "areas");
    fixture_reset();
}

TEST("a question that its field cannot be asked is refused")
{
    Vault__V1__SearchRequest *in = new_search();
    add(in, "phone", VAULT__V1__CONDITION__QUESTION__NOT_SET);
    expect_invalid(in, "REQUIRED", "conditions[0]");
    in->n_conditions = 0;
    equals(in, "sex", "1");
    expect_invalid(in, "NOT_INDEXED", "conditions[0].equals");
    in->n_conditions = 0;
    has_part(in, "phone", "139");
    expect_invalid(in, "NOT_INDEXED", "conditions[0].part");
    in->n_conditions = 0;
    add(in, "phone", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(NULL, 0);
    expect_invalid(in, "REQUIRED", "conditions[0].equals");
    in->n_conditions = 0;
    const char *many[65];
    for (int i = 0; i < 65; i++) many[i] = "13900000001";
    add(in, "phone", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(many, 65);
    expect_invalid(in, "TOO_MANY", "conditions[0].equals");
    in->n_conditions = 0;
    const char *two[] = {"13900000001", "1390000"};
    add(in, "phone", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(two, 2);
    expect_invalid(in, "BAD_LENGTH", "conditions[0].equals.values[1]");
    in->n_conditions = 0;
    ends_with(in, "phone", "12");
    expect_invalid(in, "TOO_SHORT", "conditions[0].ends_with");
    in->n_conditions = 0;
    band(in, "birth_date", "19600101", "19591231");
    in_area(in, STREET);
    expect_invalid(in, "EMPTY_BAND", "conditions[0].band");
    in->n_conditions = 0;
    band(in, "birth_date", "1960-13-01", "");
    expect_invalid(in, "BAD_DATE", "conditions[0].band");
    in->n_conditions = 0;
    band(in, "birth_date", "19x0", "");
    expect_invalid(in, "BAD_CHARACTER", "conditions[0].band");
    in->n_conditions = 0;
    same_as(in, "household_number", "rv1nonsense");
    request *rq = as_population(in);
    assert_int_equal(rq->err.code, VAULT_INVALID);
    assert_string_equal(rq->err.field, "conditions[0].same_as");
    fixture_reset();
}

TEST("kinds that are kept per street need areas of a street or less")
{
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "care_category", "01");
    expect_invalid(in, "AREA_TOO_WIDE", "areas");
    in_area(in, "32041100");
    expect_invalid(in, "AREA_TOO_WIDE", "areas[0]");
    in->n_areas = 0;
    in_area(in, "320411002003");
    in_area(in, STREET); /* the one holds the other */
    (void)answer_of(as_population(in));
    Vault__V1__SearchRequest *own = new_search(); /* all that this one may see is a street */
    equals(own, "care_category", "00");
    assert_int_equal(answer_of(as_eldercare(own))->n_results, 5);
    fixture_reset();
}

TEST("too many parts in one search are refused")
{
    Vault__V1__SearchRequest *in = new_search();
    has_part(in, "residence_address", "abcdefghijklmnopqrstuvwxyz01234");
    has_part(in, "name", "abcdefghijk");
    in_area(in, STREET);
    expect_invalid(in, "TOO_MANY", "conditions");
    fixture_reset();
}

/* ---- same_as ---- */

TEST("a resident elsewhere, one who never was, and another domain's token are one answer, and lines")
{
    uint64_t elsewhere = resident_elsewhere(0);
    char forged[80];
    token t;
    vault_error err = {0};
    const char *own = token_for(ELDERCARE, "elder-care", elsewhere), *other = all_tokens()[0];
    expect_ok(token_read(&t, bytes_of_text(own), &err), &err);
    t.pseudonym[3] ^= 1;
    token_write(forged, &t);
    const char *const tokens[] = {own, other, forged};
    for (size_t i = 0; i < 3; i++) {
        int64_t then = clock_now_us();
        Vault__V1__SearchRequest *in = new_search();
        same_as(in, "household_number", tokens[i]);
        expect_outcome(as_eldercare(in), VAULT_DENIED, "resident");
        const char *views = views_since(then);
        assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 2);
        assert_int_equal(occurrences(views, "\"clause\":\"resident\""), 2);
        assert_int_equal(occurrences(views, "\"action\":\"search\""), 2);
    }
    fixture_reset();
}
