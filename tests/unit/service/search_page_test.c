/* Pages, caps and order of answers; lines of a search; entries that SQL put into the index. */
#include "tests/unit/service/search.h"

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

TEST("an entry that SQL moved into the caller's area brings nobody from elsewhere, and is told")
{
    uint64_t outside = resident_elsewhere(0);
    resident r = someone(outside);
    while (!resident_text(&r, FIELD_PHONE)[0]) r = someone(outside = resident_elsewhere(outside + 1));
    Vault__V1__SearchRequest *in = new_search();
    equals(in, "phone", resident_text(&r, FIELD_PHONE));
    pg_sql("UPDATE resident_term SET area = " STREET "001000 WHERE area::text NOT LIKE '" STREET "%%'");
    int64_t then = clock_now_us();
    assert_int_equal(answer_of(as_eldercare(in))->n_results, 0);
    assert_true(occurrences(views_since(then), "\"outcome\":\"failed\"") >= 1);
    assert_null(strstr(views_since(then), "\"outcome\":\"refused\""));
    pg_sql("UPDATE resident_term t SET area = r.area FROM resident r WHERE r.id = t.id");
    fixture_reset();
}

TEST("a search whose time is up is refused, and is a line")
{
    (void)fixture_session();
    Vault__V1__SearchRequest *in = new_search();
    band(in, "birth_date", "", "");
    in_area(in, STREET);
    in->count_only = true;
    request *rq = make_request(&(asked){
        .path = "/vault.v1.Records/Search", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    int64_t then = clock_now_us();
    rq->deadline_us = clock_monotonic_us();
    service_run(fixture_session(), method_at("/vault.v1.Records/Search"), &rq, 1);
    expect_outcome(rq, VAULT_EXHAUSTED, "SEARCH_TOO_LONG");
    assert_int_equal(occurrences(views_since(then), "\"clause\":\"SEARCH_TOO_LONG\""), 1);
    fixture_reset();
}
