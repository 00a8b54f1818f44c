/* Searches under a rule that leaves a class of residents out: eldercare finds in its street who is not old. */
#include "tests/unit/service/search.h"

static void edit_classes(const char *file, json_t *document)
{
    size_t i;
    json_t *rule;
    make_searchable(file, document);
    if (strcmp(file, "policy.json") != 0) return;
    json_object_set_new(
        document, "classes",
        json_pack("[{s:s, s:s, s:s, s:i}]", "id", "old", "field", "birth_date", "test", "age_at_least", "years", 60));
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        if (strcmp(json_string_value(json_object_get(rule, "id")), "eldercare-search") == 0)
            json_object_set_new(rule, "residents", json_pack("{s:[s]}", "except", "old"));
    }
}

__attribute__((constructor)) static void with_classes(void)
{
    fixture_edit = edit_classes;
}

/* Somebody of the street with a phone, who was born by 1940, or since 1990. */
static resident one_who_is(bool old)
{
    for (uint64_t i = resident_in_street(0);; i = resident_in_street(i + 1)) {
        const resident r = someone(i);
        const char *born = resident_text(&r, FIELD_BIRTH_DATE);
        bool fits = old ? strncmp(born, "1955", 4) <= 0 : strncmp(born, "1975", 4) >= 0;
        if (born[0] && fits && resident_text(&r, FIELD_PHONE)[0]) return r;
    }
}

/* Lines of the receipts of a search that found so many. */
static size_t found_by(Vault__V1__SearchRequest *in, size_t wanted, bool more)
{
    size_t lines = 0;
    in->want_receipt = true;
    const Vault__V1__SearchResponse *out = answer_of(as_eldercare(in));
    assert_int_equal(out->n_results, wanted);
    assert_int_equal(out->next_page_token[0] != 0, more);
    for (size_t i = 0; i < out->n_receipts; i++) lines += out->receipts[i]->n_lines;
    return lines;
}

static Vault__V1__SearchRequest *phones(const char *const *list, size_t count)
{
    Vault__V1__SearchRequest *in = new_search();
    add(in, "phone", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(list, count);
    in->page_size = 1;
    return in;
}

TEST("who is of a class that the rule leaves out is found no more than nobody: by lines, pages or damage")
{
    const resident old = one_who_is(true), young = one_who_is(false);
    const char *both[] = {resident_text(&old, FIELD_PHONE), resident_text(&young, FIELD_PHONE)};
    const char *nobody[] = {"13000000000", both[1]};
    clock_set_for_test(clock_now_us() + 1000000);
    int64_t then = clock_now_us(), before = lines_in_log();
    assert_int_equal(found_by(phones(nobody, 1), 0, false), 1);
    assert_int_equal(found_by(phones(both, 1), 0, false), 1);
    assert_int_equal(lines_in_log(), before + 2);
    assert_int_equal(found_by(phones(nobody, 2), 1, false), 2);
    assert_int_equal(found_by(phones(both, 2), 1, false), 2);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"outcome\":\"failed\""), 0);
    assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 0);
    fixture_reset();
}

TEST("pages are full, whoever is left out on the way, up to the rule's number of results")
{
    Vault__V1__SearchRequest *in = new_search();
    const Vault__V1__SearchResponse *out;
    size_t given = 0, most[] = {2, 2, 1};
    band(in, "birth_date", "1900", "2030");
    in->page_size = 2;
    for (size_t page = 0; page < 3; page++) {
        out = answer_of(as_eldercare(in));
        assert_int_equal(out->n_results, most[page]);
        given += out->n_results;
        in->page_token = text_of(out->next_page_token);
    }
    assert_int_equal(given, 5);
    assert_true(out->capped);
    fixture_reset();
}
