/* Searches over the fixture's residents, compared with a look through the generator's plaintext. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/receipt.h"
#include "tokenizer/pseudonym.h"

#include <stdio.h>

#define DISTRICT "320411"
#define STREET   "320411002"

/* ---- documents ---- */

static void index_field(json_t *schema, const char *name, const char *kinds)
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(json_array_get(json_object_get(schema, "collections"), 0), "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0)
            json_object_set_new(field, "index", json_loads(kinds, 0, NULL));
    }
}

#define SEARCHABLE                                                                                                     \
    "[\"name\",\"phone\",\"birth_date\",\"marital_status\",\"care_category\",\"household_number\",\"residence_"        \
    "address\"]"

static void add_rule(json_t *policy, const char *text)
{
    json_t *rule = json_loads(text, 0, NULL);
    assert_non_null(rule);
    json_array_append_new(json_object_get(policy, "rules"), rule);
}

#define RULE(id, app, purpose, fields, form, area, more)                                                               \
    "{\"id\":\"" id "\",\"action\":\"search\",\"consumer\":\"" app "\",\"purpose\":\"" purpose "\",\"fields\":" fields \
    ",\"form\":\"" form "\",\"areas\":[\"" area "\"],\"acting\":\"app\"," more                                         \
    "\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2099-12-31\"}}"

static void edit(const char *file, json_t *document)
{
    if (strcmp(file, "schema.json") == 0) {
        index_field(document, "name", "[\"equality\",\"ngram\"]");
        index_field(document, "phone", "[\"equality\",\"suffix\"]");
        index_field(document, "birth_date", "[\"band\"]");
        index_field(document, "marital_status", "[\"code\"]");
        index_field(document, "care_category", "[\"code\"]");
        index_field(document, "household_number", "[\"equality\"]");
        index_field(document, "residence_address", "[\"ngram\"]");
        index_field(document, "sex", "[]");
    }
    if (strcmp(file, "policy.json") == 0) {
        add_rule(document,
                 RULE("population-search", "population", "population-register", SEARCHABLE, "token", DISTRICT, ""));
        add_rule(document, RULE("eldercare-search", "eldercare", "elder-care",
                                "[\"birth_date\",\"care_category\",\"household_number\",\"phone\"]", "token", STREET,
                                "\"results\":5,"));
        add_rule(document, RULE("clinic-count", "clinic", "family-doctor", "[\"marital_status\",\"phone\"]", "count",
                                DISTRICT, ""));
    }
}

__attribute__((constructor)) static void set_edit(void)
{
    fixture_edit = edit;
}

/* ---- asking ---- */

static Vault__V1__SearchRequest *new_search(void)
{
    Vault__V1__SearchRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__search_request__init(in);
    in->conditions = arena_array(fixture_memory(), 16, sizeof *in->conditions);
    in->areas = arena_array(fixture_memory(), 80, sizeof *in->areas);
    return in;
}

static char *text_of(const char *text)
{
    return arena_text(fixture_memory(), bytes_of_text(text));
}

static Vault__V1__Condition *add(Vault__V1__SearchRequest *in, const char *field, int question)
{
    Vault__V1__Condition *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__condition__init(one);
    one->field = text_of(field);
    one->question_case = question;
    in->conditions[in->n_conditions++] = one;
    return one;
}

static Vault__V1__Values *values_of(const char *const *texts, size_t count)
{
    Vault__V1__Values *out = arena_alloc(fixture_memory(), sizeof *out);
    vault__v1__values__init(out);
    out->values = arena_array(fixture_memory(), count + 1, sizeof *out->values);
    for (size_t i = 0; i < count; i++) out->values[out->n_values++] = text_of(texts[i]);
    return out;
}

static void equals(Vault__V1__SearchRequest *in, const char *field, const char *value)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(&value, 1);
}

static void ends_with(Vault__V1__SearchRequest *in, const char *field, const char *value)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_ENDS_WITH)->ends_with = values_of(&value, 1);
}

static void has_part(Vault__V1__SearchRequest *in, const char *field, const char *part)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_PART)->part = text_of(part);
}

static void band(Vault__V1__SearchRequest *in, const char *field, const char *low, const char *high)
{
    Vault__V1__Band *out = arena_alloc(fixture_memory(), sizeof *out);
    vault__v1__band__init(out);
    out->low = text_of(low);
    out->high = text_of(high);
    add(in, field, VAULT__V1__CONDITION__QUESTION_BAND)->band = out;
}

static void same_as(Vault__V1__SearchRequest *in, const char *field, const char *whom)
{
    add(in, field, VAULT__V1__CONDITION__QUESTION_SAME_AS)->same_as = text_of(whom);
}

static void in_area(Vault__V1__SearchRequest *in, const char *prefix)
{
    in->areas[in->n_areas++] = text_of(prefix);
}

static request *search_as(const char *uri, const char *why, Vault__V1__SearchRequest *in)
{
    return ask(&(asked){.path = "/vault.v1.Records/Search", .uri = uri, .purpose = why, .in = &in->base});
}

static request *as_population(Vault__V1__SearchRequest *in)
{
    return search_as(POPULATION, "population-register", in);
}

static request *as_eldercare(Vault__V1__SearchRequest *in)
{
    return search_as(ELDERCARE, "elder-care", in);
}

static const Vault__V1__SearchResponse *answer_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* ---- what a look through the plaintext says ---- */

typedef bool (*holds)(const resident *r, const char *what);

static const char *const *all_tokens(void)
{
    static char tokens[FIXTURE_RESIDENTS][64];
    static const char *list[FIXTURE_RESIDENTS];
    if (list[0]) return list;
    Vault__V1__BatchIssueRequest in = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    in.values = arena_array(fixture_memory(), FIXTURE_RESIDENTS, sizeof *in.values);
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        in.values[in.n_values++] = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    }
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = "population-register", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_results; i++) {
        snprintf(tokens[i], sizeof tokens[i], "%s", out->results[i]->token);
        list[i] = tokens[i];
    }
    return list;
}

static long index_of_token(const char *text)
{
    const char *const *all = all_tokens();
    for (long i = 0; i < FIXTURE_RESIDENTS; i++)
        if (strcmp(all[i], text) == 0) return i;
    return -1;
}

static size_t expect_found(const Vault__V1__SearchResponse *out, holds rule, const char *what)
{
    bool found[FIXTURE_RESIDENTS] = {0};
    size_t wanted = 0;
    for (size_t i = 0; i < out->n_results; i++) {
        long at = index_of_token(out->results[i]->token);
        assert_true(at >= 0 && !found[at]);
        found[at] = true;
    }
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        if (rule(&r, what) != found[i]) fail_msg("resident %lu: %s", i, found[i] ? "found" : "missed");
        wanted += found[i];
    }
    return wanted;
}

static bool phone_ends(const resident *r, const char *what)
{
    const char *phone = resident_text(r, FIELD_PHONE);
    return strlen(phone) == 11 && strcmp(phone + 7, what) == 0;
}

static bool phone_is(const resident *r, const char *what)
{
    return strcmp(resident_text(r, FIELD_PHONE), what) == 0;
}

static bool lives_in(const resident *r, const char *prefix)
{
    return strncmp(resident_text(r, FIELD_RESIDENCE_AREA), prefix, strlen(prefix)) == 0;
}

static bool name_has(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strstr(resident_text(r, FIELD_NAME), what) != NULL;
}

static bool address_has(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strstr(resident_text(r, FIELD_RESIDENCE_ADDRESS), what) != NULL;
}

static bool married(const resident *r, const char *what)
{
    return lives_in(r, STREET) && strcmp(resident_text(r, FIELD_MARITAL_STATUS), what) == 0;
}

static bool born_until(const resident *r, const char *year)
{
    return lives_in(r, STREET) && strncmp(resident_text(r, FIELD_BIRTH_DATE), year, 4) <= 0;
}

static bool old_and_married(const resident *r, const char *year)
{
    return born_until(r, year) && married(r, "20");
}

static bool of_household(const resident *r, const char *what)
{
    return strcmp(resident_text(r, FIELD_HOUSEHOLD_NUMBER), what) == 0;
}

static resident someone(uint64_t index)
{
    resident r;
    the_resident(index, &r);
    return r;
}

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
    band(old, "birth_date", "", "19601231");
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

/* ---- pages ---- */

static Vault__V1__SearchRequest *everybody(int page)
{
    Vault__V1__SearchRequest *in = new_search();
    static const char *const all[] = {"10", "20", "21", "22", "23", "30", "40", "90"};
    add(in, "marital_status", VAULT__V1__CONDITION__QUESTION_EQUALS)->equals = values_of(all, 8);
    in_area(in, STREET);
    in->page_size = page;
    return in;
}

/* The number within an id, which grows with each resident, as it would stand in the page's place. */
static void expect_no_id_in(const char *page)
{
    uint8_t raw[512], id[8];
    size_t len = 0;
    assert_true(base64_decode(raw, sizeof raw, &len, page, strlen(page)));
    for (long i = 0; i < FIXTURE_RESIDENTS; i += 10) {
        store_u64(id, strtoull(pg_sql("SELECT id FROM resident ORDER BY id OFFSET %ld LIMIT 1", i), NULL, 10));
        assert_null(memmem(raw, len, id, sizeof id));
    }
}

TEST("pages bring everybody once, and their tokens hold no id")
{
    bool found[FIXTURE_RESIDENTS] = {0};
    size_t count = 0, whole = answer_of(as_population(everybody(500)))->n_results, pages = 0;
    char *page = text_of("");
    do {
        Vault__V1__SearchRequest *in = everybody(7);
        in->page_token = page;
        const Vault__V1__SearchResponse *out = answer_of(as_population(in));
        for (size_t i = 0; i < out->n_results; i++) {
            long at = index_of_token(out->results[i]->token);
            assert_true(at >= 0 && !found[at]);
            found[at] = true;
            count++;
        }
        assert_true(out->n_results == 7 || !out->next_page_token[0]);
        page = out->next_page_token;
        pages++;
        if (page[0]) expect_no_id_in(page);
    } while (page[0]);
    assert_int_equal(count, whole);
    assert_true(whole > 14 && pages == (whole + 6) / 7);
    fixture_reset();
}

TEST("a page token of another search, another caller, or an edited one is no good")
{
    char *page = answer_of(as_population(everybody(7)))->next_page_token;
    assert_true(page[0] != '\0');
    Vault__V1__SearchRequest *other = everybody(8), *edited = everybody(7), *junk = everybody(7), *own = everybody(7);
    other->page_token = page;
    expect_outcome(as_population(other), VAULT_INVALID, "BAD_PAGE_TOKEN");
    edited->page_token = text_of(page);
    edited->page_token[20] = edited->page_token[20] == 'A' ? 'B' : 'A';
    expect_outcome(as_population(edited), VAULT_INVALID, "BAD_PAGE_TOKEN");
    junk->page_token = text_of("AAAA");
    expect_outcome(as_population(junk), VAULT_INVALID, "BAD_PAGE_TOKEN");
    Vault__V1__SearchRequest *mine = new_search();
    equals(mine, "care_category", "00");
    mine->page_size = 2;
    page = answer_of(as_eldercare(mine))->next_page_token;
    Vault__V1__SearchRequest *theirs = new_search();
    equals(theirs, "care_category", "00");
    theirs->page_size = 2;
    in_area(theirs, STREET);
    theirs->page_token = page;
    expect_outcome(as_population(theirs), VAULT_INVALID, "BAD_PAGE_TOKEN");
    own->want_receipt = true; /* is no other search */
    own->page_token = answer_of(as_population(everybody(7)))->next_page_token;
    (void)answer_of(as_population(own));
    fixture_reset();
}

TEST("a rule's cap holds over all pages, and the answer says that it was reached")
{
    size_t got = 0;
    const Vault__V1__SearchResponse *out;
    char *page = text_of("");
    do {
        Vault__V1__SearchRequest *in = new_search();
        equals(in, "care_category", "00");
        in->page_size = 2;
        in->page_token = page;
        out = answer_of(as_eldercare(in));
        got += out->n_results;
        page = out->next_page_token;
        assert_int_equal(out->capped, got == 5);
    } while (page[0]);
    assert_int_equal(got, 5);
    fixture_reset();
}

TEST("who is found stands in no order")
{
    size_t same = 0, ascending = 0;
    const char *before[3] = {"", "", ""};
    for (int round = 0; round < 6; round++) {
        const Vault__V1__SearchResponse *out = answer_of(as_population(everybody(100)));
        assert_true(out->n_results > 10);
        long first = index_of_token(out->results[0]->token), second = index_of_token(out->results[1]->token);
        ascending += first < second;
        same += strcmp(before[0], out->results[0]->token) == 0 && strcmp(before[1], out->results[1]->token) == 0;
        before[0] = out->results[0]->token;
        before[1] = out->results[1]->token;
    }
    assert_true(same < 5);
    (void)ascending;
    fixture_reset();
}

/* ---- lines ---- */

TEST("a search is a line, each resident found is one, a miss is one, and none has a value")
{
    int64_t then = clock_now_us();
    resident r = someone(2);
    const char *phone = resident_text(&r, FIELD_PHONE);
    Vault__V1__SearchRequest *hit = new_search(), *miss = new_search();
    equals(hit, "phone", phone);
    hit->want_receipt = true;
    const Vault__V1__SearchResponse *out = answer_of(as_population(hit));
    equals(miss, "phone", "13999999999");
    assert_int_equal(answer_of(as_population(miss))->n_results, 0);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"action\":\"search\""), 2 + out->n_results);
    assert_int_equal(occurrences(views, "\"fields\":\"phone\""), 2 + out->n_results);
    char hits[32];
    snprintf(hits, sizeof hits, "\"hits\":%zu", out->n_results);
    assert_int_equal(occurrences(views, hits), 1);
    assert_int_equal(occurrences(views, "\"rule\":\"population-search\""), out->n_results);
    assert_null(strstr(views, phone));
    assert_null(strstr(views, "13999999999"));
    assert_int_equal(out->n_receipts, 1);
    assert_int_equal(out->receipts[0]->n_lines, 1 + out->n_results);
    expect_receipt(out->receipts[0]);
    fixture_reset();
}

TEST("searches that run together are answered each for itself")
{
    request *out[3];
    asked all[3];
    Vault__V1__SearchRequest *in[3];
    for (uint64_t i = 0; i < 3; i++) {
        resident r = someone(i + 4);
        in[i] = new_search();
        equals(in[i], "household_number", resident_text(&r, FIELD_HOUSEHOLD_NUMBER));
        all[i] = (asked){.path = "/vault.v1.Records/Search",
                         .uri = POPULATION,
                         .purpose = "population-register",
                         .in = &in[i]->base};
    }
    in[1]->conditions[0]->field = text_of("sex");
    ask_many(all, out, 3);
    expect_outcome(out[1], VAULT_INVALID, "NOT_INDEXED");
    for (uint64_t i = 0; i < 3; i += 2) {
        resident r = someone(i + 4);
        assert_true(expect_found(answer_of(out[i]), of_household, resident_text(&r, FIELD_HOUSEHOLD_NUMBER)) > 0);
    }
    fixture_reset();
}

/* ---- the index proves nothing ---- */

TEST("an entry that SQL put into the index is no result, and is told")
{
    resident r = someone(5);
    const char *phone = resident_text(&r, FIELD_PHONE);
    Vault__V1__SearchRequest *in = new_search(), *again = new_search();
    equals(in, "phone", phone);
    size_t before = answer_of(as_population(in))->n_results;
    assert_true(before >= 1);
    /* Every entry of the index, for one resident more. */
    pg_sql("INSERT INTO resident_term SELECT t.term, r.area, r.id FROM resident_term t, (SELECT id, area FROM resident "
           "ORDER BY id DESC"
           " LIMIT 1) r ON CONFLICT DO NOTHING");
    int64_t then = clock_now_us();
    equals(again, "phone", phone);
    const Vault__V1__SearchResponse *out = answer_of(as_population(again));
    assert_int_equal(expect_found(out, phone_is, phone), before);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"outcome\":\"failed\""), 1);
    pg_sql("DELETE FROM resident_term t USING resident r WHERE t.id = r.id AND NOT t.term = ANY (r.terms)");
    assert_int_equal(answer_of(as_population(again))->n_results, before);
    fixture_reset();
}
