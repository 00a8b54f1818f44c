/* Records of an area, listed by those who keep the vault: masked, few, never without a line. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

#define STREET    "320411002"
#define EVERYBODY "320411"

typedef struct page {
    const char *uri, *area, *permit, *token, *collection;
    int32_t size;
    Google__Protobuf__FieldMask *fields;
} page;

static request *browse(page p)
{
    NEW_REQUEST(in, Vault__V1__BrowseRequest, vault__v1__browse_request__init);
    in->collection = lend(p.collection ? p.collection : "");
    in->area = lend(p.area ? p.area : STREET);
    in->permit = lend(p.permit ? p.permit : "");
    in->page_token = lend(p.token ? p.token : "");
    in->page_size = p.size;
    in->field_mask = p.fields ? p.fields : MASK("name", "phone", "birth_date");
    return steward(NULL, p.uri ? p.uri : OFFICER, "/vault.v1.Records/Browse", &in->base);
}

static const Vault__V1__BrowseResponse *browsed(page p)
{
    request *rq = browse(p);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* A refusal that was decided has a line; a request that makes no sense has none. */
static void expect_refused(page p, vault_code code, const char *reason)
{
    int64_t before = lines_in_log();
    expect_outcome(browse(p), code, reason);
    assert_int_equal(lines_in_log(), before + (code == VAULT_DENIED));
}

/* Permits of the officer. */
static void add_permits(json_t *browsing)
{
    static const struct {
        const char *id, *fields, *until;
        int rows;
    } permits[] = {{"street-2", "[\"name\", \"phone\", \"religion\"]", "2099-12-31", 15},
                   {"ended", "[\"name\"]", "2020-12-31", 100},
                   {"with-id", "[\"name\", \"id_number\"]", "2099-12-31", 100}};
    for (size_t i = 0; i < sizeof permits / sizeof *permits; i++) {
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:s, s:s}", "id", permits[i].id, "principal", "officer-wang",
                      "collection", "residents", "area", STREET, "fields", json_loads(permits[i].fields, 0, NULL),
                      "rows", permits[i].rows, "reason", "review of a street", "until", permits[i].until);
        json_array_append_new(json_object_get(browsing, "permits"), one);
    }
}

static void given_permits(void)
{
    static bool given;
    if (given) return;
    given = true;
    (void)fixture_session();
    change_document("browsing", add_permits);
}

static long people_in(const char *area)
{
    return strtol(pg_sql("SELECT count(*) FROM resident WHERE area::text LIKE '%s%%' AND state = 1", area), NULL, 10);
}

/* ---- the small page ---- */

TEST("officers and administrators list an area in the masked form, with a line for the page and one for each record")
{
    (void)fixture_session();
    const char *const who[] = {OFFICER, ADMINISTRATOR};
    for (size_t i = 0; i < 2; i++) {
        int64_t before = lines_in_log(), since = clock_now_us();
        const Vault__V1__BrowseResponse *out = browsed((page){.uri = who[i], .size = 5});
        assert_int_equal(out->n_rows, 5);
        assert_string_equal(out->next_page_token, "");
        assert_int_equal(lines_in_log(), before + 6);
        const char *views = views_since(since);
        assert_int_equal(occurrences(views, "\"action\":\"browse\""), 6);
        assert_int_equal(occurrences(views, "\"form\":\"masked\""), 6);
        assert_int_equal(occurrences(views, "\"rule\":\"browsing/small-page\""), 6);
        assert_int_equal(occurrences(views, "\"resident\":"), 5);
        assert_int_equal(occurrences(views, "\"record\":1"), 5);
        assert_int_equal(occurrences(views, "\"hits\":5"), 1);
        assert_int_equal(occurrences(views, "\"fields\":\"name,birth_date,phone\""), 6);
        for (size_t r = 0; r < out->n_rows; r++) {
            assert_int_equal(out->rows[r]->n_values, 3);
            assert_true(out->rows[r]->version >= 1);
        }
    }
    fixture_reset();
}

TEST("every record's line has a view for its resident")
{
    int64_t before = lines_in_log();
    (void)browsed((page){.size = 3});
    assert_string_equal(pg_sql("SELECT count(*) FROM line WHERE idx >= %lld AND resident_tag <> 0 AND resident <> ''",
                               (long long)before),
                        "3");
    fixture_reset();
}

TEST("no plain value, no natural key and no token stands in an answer")
{
    const Vault__V1__BrowseResponse *out = browsed(
        (page){.size = 20, .fields = MASK("name", "phone", "birth_date", "residence_address", "residence_area")});
    size_t len = protobuf_c_message_get_packed_size(&out->base);
    uint8_t *at = arena_alloc(fixture_memory(), len + 1);
    (void)protobuf_c_message_pack(&out->base, at);
    assert_true(out->n_rows > 0);
    assert_null(memmem(at, len, "rv1", 3));
    for (uint64_t i = 0; i < FIXTURE_RESIDENTS; i++) {
        resident r;
        the_resident(i, &r);
        const unsigned hidden[] = {FIELD_ID_NUMBER, FIELD_NAME, FIELD_PHONE, FIELD_BIRTH_DATE, FIELD_RESIDENCE_ADDRESS};
        for (size_t f = 0; f < sizeof hidden / sizeof *hidden; f++) {
            const char *value = resident_text(&r, hidden[f]);
            if (value && strlen(value) > 3 && memmem(at, len, value, strlen(value))) fail_msg("%s is shown", value);
        }
    }
    fixture_reset();
}

TEST("what is hidden is *** whether there is a value or not")
{
    given_permits();
    const Vault__V1__BrowseResponse *out =
        browsed((page){.permit = "street-2", .size = 15, .fields = MASK("religion", "name")});
    assert_true(out->n_rows > 5);
    for (size_t i = 0; i < out->n_rows; i++) {
        assert_string_equal(out->rows[i]->values[0]->text, "***");
        assert_false(out->rows[i]->values[0]->absent);
    }
    out = browsed((page){.size = 20, .fields = MASK("sex", "education", "permit_type")});
    for (size_t i = 0; i < out->n_rows; i++)
        for (size_t v = 0; v < 3; v++) {
            assert_string_equal(out->rows[i]->values[v]->text, "***");
            assert_false(out->rows[i]->values[v]->absent);
        }
    fixture_reset();
}

TEST("without a permit there are twenty at most, no second page, no sensitive field and no natural key")
{
    given_permits();
    assert_int_equal(browsed((page){0})->n_rows, people_in(STREET) < 20 ? people_in(STREET) : 20);
    expect_refused((page){.size = 21}, VAULT_DENIED, "permit");
    expect_refused((page){.size = 500}, VAULT_DENIED, "permit");
    expect_refused((page){.fields = MASK("name", "religion")}, VAULT_DENIED, "permit");
    expect_refused((page){.fields = MASK("id_number")}, VAULT_DENIED, "permit");
    const Vault__V1__BrowseResponse *first = browsed((page){.permit = "street-2", .fields = MASK("name")});
    assert_true(first->next_page_token[0] != '\0');
    expect_refused((page){.token = first->next_page_token, .fields = MASK("name")}, VAULT_INVALID, "BAD_PAGE_TOKEN");
    fixture_reset();
}

/* ---- permits ---- */

TEST("a permit gives its rows a page, and the pages that follow, until all are seen once")
{
    given_permits();
    size_t seen = 0, pages = 0;
    const char *token = "";
    do {
        const Vault__V1__BrowseResponse *out =
            browsed((page){.permit = "street-2", .size = 4, .token = token, .fields = MASK("name", "religion")});
        seen += out->n_rows;
        token = out->next_page_token;
        assert_true(out->n_rows <= 4 && ++pages < 100);
    } while (token[0]);
    assert_int_equal(seen, people_in(STREET));
    int64_t since = clock_now_us();
    assert_int_equal(browsed((page){.permit = "street-2", .fields = MASK("name")})->n_rows, 15);
    assert_int_equal(occurrences(views_since(since), "\"rule\":\"browsing/street-2\""), 16);
    fixture_reset();
}

TEST("a permit is its principal's alone, for its area, its fields, until its day: all else is one refusal")
{
    given_permits();
    const page fits = {.permit = "street-2", .fields = MASK("name")};
    assert_true(browsed(fits)->n_rows > 0);
    page p = fits;
    p.uri = OFFICER_2, expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.uri = ADMINISTRATOR, expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.permit = "no-such", expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.permit = "STREET-2", expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.permit = "ended", expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.area = "320411003", expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.size = 500, assert_int_equal(browsed(p)->n_rows, 15), p = fits; /* cut to its rows: pages follow */
    p.fields = MASK("name", "birth_date"), expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.collection = "housing", p.fields = MASK("house_area"), expect_refused(p, VAULT_DENIED, "permit"), p = fits;
    p.fields = MASK("name", "id_number"), expect_refused(p, VAULT_DENIED, "permit");
    fixture_reset();
}

TEST("the number that a record goes by is shown where a permit says so, and masked even then")
{
    given_permits();
    const Vault__V1__BrowseResponse *out =
        browsed((page){.permit = "with-id", .size = 20, .fields = MASK("name", "id_number")});
    assert_true(out->n_rows > 0);
    for (size_t i = 0; i < out->n_rows; i++) {
        const char *shown = out->rows[i]->values[1]->text;
        assert_int_equal(strspn(shown, "0123456789"), 6);
        assert_string_equal(shown + 6, "************");
    }
    fixture_reset();
}

TEST("a page token is good for its question alone, holds no id in clear, and ends within the hour")
{
    given_permits();
    const page first = {.permit = "street-2", .size = 4, .fields = MASK("name")};
    const char *token = browsed(first)->next_page_token;
    page p = first;
    p.token = token;
    assert_true(browsed(p)->n_rows > 0);
    p.fields = MASK("phone"), expect_refused(p, VAULT_INVALID, "BAD_PAGE_TOKEN"), p.fields = first.fields;
    p.area = STREET "001", expect_refused(p, VAULT_INVALID, "BAD_PAGE_TOKEN"), p.area = NULL;
    p.permit = "with-id", expect_refused(p, VAULT_INVALID, "BAD_PAGE_TOKEN"), p.permit = first.permit;
    p.token = "AAAA", expect_refused(p, VAULT_INVALID, "BAD_PAGE_TOKEN");
    p.token = token;
    clock_set_for_test(clock_now_us() + INT64_C(3601) * 1000000);
    expect_refused(p, VAULT_INVALID, "PAGE_TOKEN_EXPIRED");
    clock_set_for_test(0);
    fixture_reset();
}

/* ---- who and what ---- */

TEST("apps do not browse, and nobody browses without a reason")
{
    NEW_REQUEST(in, Vault__V1__BrowseRequest, vault__v1__browse_request__init);
    in->area = lend(STREET), in->field_mask = MASK("name");
    expect_outcome(
        ask(&(asked){.path = "/vault.v1.Records/Browse", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base}),
        VAULT_DENIED, "role");
    expect_outcome(
        ask(&(asked){
            .path = "/vault.v1.Records/Browse", .uri = OFFICER, .purpose = "control", .ticket = "", .in = &in->base}),
        VAULT_INVALID, "BAD_TICKET");
    fixture_reset();
}

TEST("requests that cannot be are refused by name")
{
    expect_refused((page){.area = "32041100"}, VAULT_INVALID, "AREA_TOO_WIDE");
    expect_refused((page){.area = EVERYBODY}, VAULT_INVALID, "AREA_TOO_WIDE");
    expect_refused((page){.area = ""}, VAULT_INVALID, "BAD_AREA");
    expect_refused((page){.area = "32041100x"}, VAULT_INVALID, "BAD_AREA");
    expect_refused((page){.area = "3204110020010010"}, VAULT_INVALID, "BAD_AREA");
    expect_refused((page){.size = -1}, VAULT_INVALID, "OUT_OF_RANGE");
    expect_refused((page){.size = 501}, VAULT_INVALID, "OUT_OF_RANGE");
    expect_refused((page){.collection = "none"}, VAULT_INVALID, "UNKNOWN_COLLECTION");
    expect_refused((page){.fields = MASK("nothing")}, VAULT_INVALID, "UNKNOWN_FIELD");
    expect_refused((page){.fields = MASK("name", "name")}, VAULT_INVALID, "DUPLICATE_FIELD");
    expect_refused((page){.fields = MASK("house_area")}, VAULT_INVALID, "MIXED_COLLECTIONS");
    fixture_reset();
}

TEST("an area where nobody lives is an empty page, and a line")
{
    int64_t before = lines_in_log();
    const Vault__V1__BrowseResponse *out = browsed((page){.area = "999999999"});
    assert_true(out->n_rows == 0 && !out->next_page_token[0]);
    assert_int_equal(lines_in_log(), before + 1);
    fixture_reset();
}

/* ---- rows that are not what they seem ---- */

TEST("an entry of the index that leads elsewhere shows nothing, and a record that was edited fails the page")
{
    const char *elsewhere =
        pg_sql("SELECT id FROM resident WHERE area::text NOT LIKE '" STREET "%%' ORDER BY id LIMIT 1");
    char id[32];
    snprintf(id, sizeof id, "%s", elsewhere);
    size_t before = browsed((page){.area = STREET "001"})->n_rows;
    pg_sql("INSERT INTO resident_term (term, area, id) VALUES (1, " STREET "001000, %s), (1, " STREET "001000, 987654)",
           id);
    int64_t since = clock_now_us();
    assert_int_equal(browsed((page){.area = STREET "001"})->n_rows, before);
    assert_int_equal(occurrences(views_since(since), "\"clause\":\"resident\""), before < 19 ? 2 : 20 - before);
    pg_sql("DELETE FROM resident_term WHERE area = " STREET "001000 AND id IN (%s, 987654) AND term = 1", id);
    pg_sql("UPDATE resident SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)"
           " WHERE id = (SELECT id FROM resident_term WHERE term = 1 AND area::text LIKE '" STREET
           "%%' ORDER BY id LIMIT 1)");
    request *rq = browse((page){0});
    assert_int_equal(rq->err.code, VAULT_INTEGRITY);
    assert_null(rq->out);
    fixture_reset();
}
