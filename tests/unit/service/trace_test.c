/* Whose tokens they are, as found in a leak. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

static request *trace_as(const char *uri, const char *const *findings, size_t count, int32_t lines)
{
    NEW_REQUEST(in, Vault__V1__TraceTokenRequest, vault__v1__trace_token_request__init);
    in->findings = (char **)(uintptr_t)findings;
    in->n_findings = count;
    in->lines = lines;
    return ask(&(asked){.path = "/vault.v1.Audit/TraceToken", .uri = uri, .purpose = "log-review", .in = &in->base});
}

static const Vault__V1__TraceTokenResponse *traced(const char *const *findings, size_t count, int32_t lines)
{
    request *rq = trace_as(OFFICER, findings, count, lines);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__TraceTokenResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, count);
    return out;
}

static const Vault__V1__TraceResult *trace_one(const char *finding, int32_t lines)
{
    return traced(&finding, 1, lines)->results[0];
}

static void expect_issued(const Vault__V1__TraceResult *r, const char *token, const char *app, const char *why)
{
    assert_true(r->genuine);
    assert_string_equal(r->token, token);
    assert_string_equal(r->app, app);
    assert_string_equal(r->purpose, why);
    assert_int_equal(r->epoch, 1);
}

TEST("a token leads to app, purpose and epoch, and to the calls that issued and used it, newest first")
{
    uint64_t who = resident_in_street(20);
    const char *token = token_for(ELDERCARE, "elder-care", who);
    (void)token_for(CLINIC, "family-doctor", who);
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
    expect_outcome(reveal(ELDERCARE, "elder-care/visit", token, MASK("name")), VAULT_OK, NULL);
    const Vault__V1__TraceResult *r = trace_one(token, 100);
    expect_issued(r, token, "eldercare", "elder-care");
    assert_int_equal(r->mended, 0);
    assert_int_equal(r->line_count, 3);
    assert_int_equal(r->n_lines, 3);
    assert_string_equal(r->lines[0]->action, "reveal");
    expect_in(r->lines[0]->officer_view, "\"purpose\":\"elder-care/visit\"");
    assert_string_equal(r->lines[2]->action, "issue");
    for (size_t i = 0; i < 3; i++) {
        expect_in(r->lines[i]->officer_view, "\"app\":\"eldercare\"");
        assert_true(r->lines[i]->consistent && r->lines[i]->leaf.len == 74 && r->lines[i]->officer_salt.len == 16);
    }
    r = trace_one(token, 1);
    assert_true(r->n_lines == 1 && r->line_count == 3);
    r = trace_one(token, 0);
    assert_true(r->n_lines == 0 && r->line_count == 3);
    fixture_reset();
}

TEST("damaged findings lead to the same token: mistyped, cut, without prefix, in capitals, raw bytes")
{
    const char *token = token_for(CLINIC, "family-doctor", 5);
    char wrong[64], cut[64], capitals[64], marked[64];
    snprintf(wrong, sizeof wrong, "%s", token), wrong[9] = wrong[9] == 'q' ? 'p' : 'q', wrong[30] = 'b';
    snprintf(cut, sizeof cut, "%.10s%.8s%s", token + 3, token + 14, token + 24);
    snprintf(capitals, sizeof capitals, "\"%s\",", token);
    for (char *c = capitals; *c; c++) *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    snprintf(marked, sizeof marked, "%.11s??%s", token, token + 13);
    const char *findings[] = {wrong, cut, capitals, marked, token + 3};
    const uint32_t mended[] = {2, 3, 0, 2, 0};
    const Vault__V1__TraceTokenResponse *out = traced(findings, 5, 1);
    for (size_t i = 0; i < 5; i++) {
        expect_issued(out->results[i], token, "clinic", "family-doctor");
        assert_int_equal(out->results[i]->mended, mended[i]);
        assert_true(out->results[i]->line_count >= 1 && out->results[i]->n_lines == 1);
    }
    fixture_reset();
}

/* The 16 bytes of a token's text, in hexadecimal. */
static const char *hex_of_token(const char *text)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    uint8_t packed[22] = {0};
    char hex[33];
    for (size_t i = 0; i < 34; i++) {
        unsigned value = (unsigned)(strchr(alphabet, text[3 + i]) - alphabet);
        for (size_t b = 0; b < 5; b++)
            if (value >> (4 - b) & 1) packed[(5 * i + b) / 8] |= (uint8_t)(0x80 >> (5 * i + b) % 8);
    }
    hex_encode(hex, bytes_of(packed + 5, 16));
    return arena_text(fixture_memory(), bytes_of(hex, 32));
}

TEST("raw bytes say whose they are by the keys of all domains")
{
    const char *apps[][2] = {{ELDERCARE, "elder-care"}, {CLINIC, "family-doctor"}, {POPULATION, "population-register"}};
    const char *names[] = {"eldercare", "clinic", "population"};
    for (size_t i = 0; i < 3; i++) {
        const char *token = token_for(apps[i][0], apps[i][1], 33);
        expect_issued(trace_one(hex_of_token(token), 0), token, names[i], apps[i][1]);
    }
    assert_false(trace_one("00112233445566778899aabbccddeeff", 0)->genuine);
    fixture_reset();
}

TEST("what is no token of this vault is answered as that, and says nothing else")
{
    const char *token = token_for(CLINIC, "family-doctor", 7);
    char forged[64];
    snprintf(forged, sizeof forged, "%s", token);
    memset(forged + 20, 'q', 10);
    const char *findings[] = {"",
                              "no token",
                              forged,
                              "rv1qy352eufqqgjyv6y24n80zye42aueh0wlulx03a0",
                              "qy352eufqqgjyv6y24n80zye42aueh0wlulx",
                              "\xff\xfe",
                              "11010519491231002X"};
    const Vault__V1__TraceTokenResponse *out = traced(findings, 7, 100);
    for (size_t i = 0; i < 7; i++) {
        const Vault__V1__TraceResult *r = out->results[i];
        assert_false(r->genuine || r->not_tried);
        assert_true(!r->token[0] && !r->app[0] && !r->purpose[0] && r->epoch == 0 && r->n_lines == 0);
    }
    fixture_reset();
}

TEST("a trace is a line, and one for each resident that was found, before the answer: none names a token")
{
    const char *one = token_for(CLINIC, "family-doctor", 40), *two = token_for(CLINIC, "family-doctor", 41);
    const char *other = token_for(ELDERCARE, "elder-care", 40);
    const char *findings[] = {one, two, one, other, "junk", one};
    int64_t before = lines_in_log(), since = clock_now_us();
    (void)traced(findings, 6, 0);
    assert_int_equal(lines_in_log(), before + 3);
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"action\":\"trace\""), 3);
    assert_int_equal(occurrences(views, "\"fields\":\"findings=6\",\"hits\":5"), 1);
    assert_int_equal(occurrences(views, "\"counterpart\":\"clinic\""), 1); /* the other has tokens of two apps */
    assert_int_equal(occurrences(views, "\"counterpart\":"), 1);
    assert_int_equal(occurrences(views, "\"resident\":"), 2);
    expect_not_in(views, one + 3);
    assert_string_equal(pg_sql("SELECT count(*) FROM line WHERE idx >= %lld AND resident <> ''", (long long)before),
                        "2"); /* the residents see that an officer looked */
    before = lines_in_log();
    findings[0] = "junk";
    (void)traced(findings, 1, 0);
    assert_int_equal(lines_in_log(), before + 1);
    fixture_reset();
}

TEST("requests that cannot be are refused by name, and only an officer may trace")
{
    const char *long_one = arena_format(fixture_memory(), "%0129d", 0), *findings[] = {"x", long_one};
    const char **many = arena_array(fixture_memory(), 4097, sizeof *many);
    for (size_t i = 0; i < 4097; i++) many[i] = "x";
    int64_t before = lines_in_log();
    expect_outcome(trace_as(OFFICER, findings, 0, 1), VAULT_INVALID, "REQUIRED");
    request *rq = trace_as(OFFICER, findings, 2, 1);
    expect_outcome(rq, VAULT_INVALID, "TOO_LONG");
    assert_string_equal(rq->err.field, "findings[1]");
    expect_outcome(trace_as(OFFICER, many, 4097, 0), VAULT_INVALID, "TOO_MANY");
    expect_outcome(trace_as(OFFICER, many, 42, 98), VAULT_INVALID, "TOO_MANY");
    expect_outcome(trace_as(OFFICER, many, 1, -1), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(trace_as(OFFICER, many, 1, 101), VAULT_INVALID, "OUT_OF_RANGE");
    assert_int_equal(lines_in_log(), before);
    expect_outcome(trace_as(ADMINISTRATOR, many, 1, 0), VAULT_DENIED, "role");
    expect_outcome(trace_as(CLINIC, many, 1, 0), VAULT_DENIED, "role");
    assert_int_equal(lines_in_log(), before + 2);
    fixture_reset();
}

TEST("a list of thousands finds the plain ones, and tells which of the damaged ones it had no time for")
{
    enum { COUNT = 1000 };
    static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const char *token = token_for(CLINIC, "family-doctor", 50), **many = arena_array(fixture_memory(), COUNT, 8);
    for (size_t i = 0; i < COUNT; i++) /* those that cost most: four gone, and nobody's */
        many[i] = i % 400 == 99 ? token
                                : arena_format(fixture_memory(), "rv1qy352eufqqgjyv6y24n80zye42aueh0w%c%c%cq",
                                               letters[i & 31], letters[i >> 5 & 31], letters[i >> 10]);
    NEW_REQUEST(in, Vault__V1__TraceTokenRequest, vault__v1__trace_token_request__init);
    in->findings = (char **)(uintptr_t)many, in->n_findings = COUNT;
    request *rq = make_request(
        &(asked){.path = "/vault.v1.Audit/TraceToken", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    rq->deadline_us = clock_monotonic_us() + 100000; /* the time is up as soon as all was looked at once */
    service_run(fixture_session(), method_at("/vault.v1.Audit/TraceToken"), &rq, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__TraceTokenResponse *out = (const void *)rq->out;
    size_t found = 0, tried = 0;
    for (size_t i = 0; i < COUNT; i++)
        found += out->results[i]->genuine ? 1 : 0, tried += out->results[i]->not_tried ? 0 : 1;
    assert_int_equal(found, 3);
    assert_true(tried < COUNT / 2);
    fixture_reset();
}

/* ---- domains that are gone ---- */

static void drop_consumer(json_t *purposes)
{
    json_t *list = json_object_get(entry(purposes, "purposes", "family-doctor"), "consumers");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), "clinic") == 0) json_array_remove(list, i--);
}

static void drop_rules(json_t *policy)
{
    json_t *list = json_object_get(policy, "rules");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "consumer")), "clinic") == 0)
            json_array_remove(list, i--);
}

static void drop_bases(json_t *sharing)
{
    json_array_clear(json_object_get(sharing, "bases"));
}

TEST("a token of a domain that is gone is traced all the same")
{
    const char *token = arena_text(fixture_memory(), bytes_of_text(token_for(CLINIC, "family-doctor", 60)));
    change_document("sharing", drop_bases);
    change_document("policy", drop_rules);
    change_document("purposes", drop_consumer);
    expect_outcome(reveal(CLINIC, "family-doctor", token, MASK("name")), VAULT_DENIED, NULL);
    const Vault__V1__TraceResult *r = trace_one(token, 10);
    expect_issued(r, token, "clinic", "family-doctor");
    assert_true(r->line_count >= 1 && r->n_lines >= 1);
    expect_issued(trace_one(hex_of_token(token), 0), token, "clinic", "family-doctor");
    fixture_reset();
}

TEST("a token of a resident whose record was edited, or erased, is traced all the same")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(70));
    pg_sql("UPDATE resident SET area = area + 1");
    expect_issued(trace_one(token, 0), token, "eldercare", "elder-care");
    pg_sql("UPDATE resident SET area = area - 1");
    pg_sql("DELETE FROM resident_key");
    expect_issued(trace_one(token, 0), token, "eldercare", "elder-care");
    fixture_reset();
}
