/* purposes.json, and the domains that purposes and consumers make. */
#include "tests/unit/control/fixture.h"

static void refused_purpose(const char *key, const char *json, const char *below, const char *what)
{
    char path[96];
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 3), key, json);
    snprintf(path, sizeof path, "purposes.purposes[3].%s", below);
    refused(&d, path, what);
}

static const char below_care[] = "{\"id\": \"elder-care/visit\", \"title\": \"t\", \"basis\": \"b\", \"notice\": \"n\","
                                 "\"forms\": [\"plain\", \"nothing\", \"masked\"], \"retention\": \"P3Y\","
                                 "\"assessment\": {\"id\": \"PIA-1\", \"until\": \"2020-01-01\"}, \"consumers\": %s}";

static void add_below_care(const documents *d, const char *consumers)
{
    char json[512];
    snprintf(json, sizeof json, "%.*s%s}", (int)(strlen(below_care) - 3), below_care, consumers);
    add(d, DOC_PURPOSES, "purposes", json);
}

TEST("a purpose is what the document says: title, basis, notice, assessment and its last day")
{
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    const purpose *p = manifest_purpose(&b->m, bytes_of_text("family-doctor"));
    assert_string_equal(p->basis, "PIPL 13(1)(2)");
    assert_string_equal(p->assessment, "PIA-2026-021");
    assert_int_equal(p->assessed_until, 20271231);
    assert_true(strlen(p->notice) > 20);
    assert_non_null(manifest_purpose(&b->m, bytes_of_text("control")));
    manifest_free(&b);
}

TEST("purposes have one form, look like no other, and lie below one that is registered")
{
    static const char *const bad[] = {"\"Elder-care\"", "\"/a\"",           "\"a/\"", "\"a b\"",
                                      "\"../a\"",       "\"elder-care/*\"", "\"\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused_purpose("id", bad[i], "id", "is not 1 to 64");
    refused_purpose("id", "\"elder-care//a\"", "id", "empty part");
    refused_purpose("id", "\"none/such\"", "id", "is not registered");
    refused_purpose("id", "\"e1dercare\"", "id", "looks like 'elder-care'");
}

TEST("title, basis and notice are texts of their length, without control characters")
{
    refused_purpose("title", "\"\"", "title", "not 1 to 200 bytes");
    refused_purpose("basis", "\"a\\u0007\"", "basis", "not 1 to 200 bytes");
    refused_purpose("notice", "\"\"", "notice", "not 1 to 1000 bytes");
    char notice[1100] = "\"";
    memset(notice + 1, 'n', 1001);
    notice[1002] = '"';
    refused_purpose("notice", notice, "notice", "not 1 to 1000 bytes");
    documents d = dev_documents();
    memcpy(notice + 1001, "\"", 2);
    set(entry(&d, DOC_PURPOSES, "purposes", 3), "notice", notice);
    manifest_body *b = build_of(&d);
    assert_int_equal(strlen(b->purposes[3].notice), 1000);
    manifest_free(&b);
}

TEST("an assessment has an id and a last day; one that has expired loads, for the policy refuses")
{
    refused_purpose("assessment", "{\"id\": \"PIA 1\", \"until\": \"2027-12-31\"}", "assessment.id", "is not 1 to 64");
    refused_purpose("assessment", "{\"id\": \"\", \"until\": \"2027-12-31\"}", "assessment.id", "is not 1 to 64");
    refused_purpose("assessment", "{\"id\": \"PIA-1\", \"until\": \"2027-02-29\"}", "assessment.until", "is no day");
    refused_purpose("assessment", "{\"id\": \"PIA-1\"}", "assessment.until", "is missing");
    refused_purpose("assessment", "\"PIA-1\"", "assessment", "not an object");
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 3), "assessment", "{\"id\": \"a/B.9-\", \"until\": \"1999-12-31\"}");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->purposes[3].assessed_until, 19991231);
    manifest_free(&b);
}

TEST("consumers of a purpose are apps, each once; none means nobody")
{
    refused_purpose("consumers", "[\"officer-wang\"]", "consumers[0]", "unknown app 'officer-wang'");
    refused_purpose("consumers", "[\"eldercare\", \"clinic\", \"eldercare\"]", "consumers[2]",
                    "'eldercare' stands twice");
    refused_purpose("consumers", "[1]", "consumers[0]", "not a text");
    refused_purpose("consumers", "[\"*\"]", "consumers[0]", "unknown app");
    refused_purpose("consumers", "{}", "consumers", "not a list");
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[]");
    refused(&d, "policy.rules[0].consumer", "eldercare-issue: 'eldercare' is not registered for purpose 'elder-care'");
}

TEST("a rule for a consumer that is not registered for the purpose is refused")
{
    documents d = dev_documents();
    set(entry(&d, DOC_POLICY, "rules", 1), "consumer", "\"clinic\"");
    refused(&d, "policy.rules[1].consumer", "'clinic' is not registered for purpose 'elder-care'");
}

TEST("a consumer of a purpose may have rules for the purposes below it, and not the other way round")
{
    documents d = dev_documents();
    add_below_care(&d, "[]");
    set(entry(&d, DOC_POLICY, "rules", 1), "purpose", "\"elder-care/visit\"");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->domain_count, 3);
    manifest_free(&b);
    d = dev_documents();
    add_below_care(&d, "[\"clinic\"]");
    set(entry(&d, DOC_POLICY, "rules", 3), "purpose", "\"elder-care\"");
    refused(&d, "policy.rules[3].consumer", "not registered");
}

/* ---- domains ---- */

#define PAIR(consumer, id, number) "{\"consumer\":\"" consumer "\",\"purpose\":\"" id "\",\"number\":" number "}"
#define GOOD_PAIRS                 PAIR("eldercare", "elder-care", "7") "," PAIR("population", "population-register", "16777215")

static void refused_domains(const char *list, const char *path, const char *what)
{
    char json[1024];
    documents d = dev_documents();
    snprintf(json, sizeof json, "{\"domains\": [%s]}", list);
    d.of[DOC_DOMAINS] = parse(json);
    refused(&d, path, what);
}

TEST("every domain has a number of 24 bits, not zero, that no other has")
{
    refused_domains("", "domains.domains", "has no number");
    refused_domains(GOOD_PAIRS, "domains.domains", "'clinic' for 'family-doctor' has no number");
    refused_domains(GOOD_PAIRS "," PAIR("clinic", "family-doctor", "0"), "domains.domains[2].number",
                    "not 1 to 16777215");
    refused_domains(GOOD_PAIRS "," PAIR("clinic", "family-doctor", "-1"), "domains.domains[2].number", "not 1 to");
    refused_domains(GOOD_PAIRS "," PAIR("clinic", "family-doctor", "16777216"), "domains.domains[2].number",
                    "not 1 to");
    refused_domains(GOOD_PAIRS "," PAIR("clinic", "family-doctor", "7"), "domains.domains[2].number", "7 stands twice");
    refused_domains(GOOD_PAIRS "," PAIR("gone", "gone", "7"), "domains.domains[2].number", "7 stands twice");
    refused_domains(GOOD_PAIRS "," PAIR("clinic", "family-doctor", "\"8\""), "domains.domains[2].number",
                    "not a whole");
    refused_domains(GOOD_PAIRS "," PAIR("eldercare", "elder-care", "8"), "domains.domains", "stands twice");
    refused_domains("[]", "domains.domains[0]", "not an object");
}

TEST("numbers of pairs that are gone stand in the document and make no domain")
{
    documents d = dev_documents();
    d.of[DOC_DOMAINS] = parse("{\"domains\": [" PAIR("gone", "elder-care", "8") "," GOOD_PAIRS "," PAIR(
        "clinic", "family-doctor", "77") "," PAIR("clinic", "elder-care", "9") "]}");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->domain_count, 3);
    assert_null(manifest_domain_number(&b->m, 8));
    assert_null(manifest_domain_number(&b->m, 9));
    assert_string_equal(manifest_domain_number(&b->m, 77)->ring, "token/77");
    manifest_free(&b);
}

static json_int_t number_of(json_t *domains, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(json_object_get(domains, "domains"), i), "number"));
}

TEST("completing keeps every number that stands, and draws random ones for new pairs")
{
    documents d = dev_documents();
    json_t *first, *again, *other;
    expect_ok(domains_complete(&first, &d, &err), &err);
    expect_ok(domains_complete(&other, &d, &err), &err);
    assert_int_equal(json_array_size(json_object_get(first, "domains")), 3);
    assert_true(number_of(first, 0) != number_of(other, 0) || number_of(first, 1) != number_of(other, 1));
    json_decref(other);
    d.of[DOC_DOMAINS] = first;
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[\"clinic\"]"); /* one pair gone, one new */
    expect_ok(domains_complete(&again, &d, &err), &err);
    assert_int_equal(json_array_size(json_object_get(again, "domains")), 4);
    for (size_t i = 0; i < 3; i++) assert_int_equal(number_of(again, i), number_of(first, i));
    for (size_t i = 0; i < 3; i++) assert_int_not_equal(number_of(again, 3), number_of(first, i));
    d.of[DOC_DOMAINS] = again;
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", "[\"eldercare\", \"clinic\"]"); /* come back */
    expect_ok(domains_complete(&other, &d, &err), &err);
    assert_true(json_equal(other, again));
    json_decref(other);
    json_decref(first);
    manifest_body *b = build_of(&d);
    assert_int_equal(b->domain_count, 4);
    manifest_free(&b);
}

TEST("a thousand new pairs get a thousand different numbers")
{
    documents d = dev_documents();
    json_t *list = json_array(), *domains;
    for (unsigned i = 0; i < 1000; i++) {
        char id[32];
        snprintf(id, sizeof id, "app-%u", i + 2000);
        json_array_append_new(list, json_string(id));
    }
    json_object_set_new(entry(&d, DOC_PURPOSES, "purposes", 0), "consumers", list);
    expect_ok(domains_complete(&domains, &d, &err), &err);
    bool *seen = memory_array(DOMAIN_NUMBER_MAX + 1, sizeof *seen);
    for (size_t i = 0; i < 1002; i++) {
        json_int_t number = number_of(domains, i);
        assert_true(number >= 1 && number <= DOMAIN_NUMBER_MAX && !seen[number]);
        seen[number] = true;
    }
    memory_free(seen, (DOMAIN_NUMBER_MAX + 1) * sizeof *seen);
    json_decref(domains);
    documents_clear(&d);
}
