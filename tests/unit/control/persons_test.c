/* persons.json: who acts, in which role, where, and how long. */
#include "tests/unit/control/fixture.h"
#include "vault/base/clock.h"

static void refused_person(const char *key, const char *json, const char *below, const char *what)
{
    char path[96];
    documents d = dev_documents();
    set(entry(&d, DOC_PERSONS, "persons", 4), key, json);
    snprintf(path, sizeof path, "persons.persons[4].%s", below);
    refused(&d, path, what);
}

TEST("a person is what the document says: role, contract, areas, suspended or not")
{
    documents d = dev_documents();
    set(entry(&d, DOC_PERSONS, "persons", 3), "areas", "[\"3205\", \"320411002003001\", \"320411002002\"]");
    set(entry(&d, DOC_PERSONS, "persons", 4), "suspended", "true");
    set(entry(&d, DOC_PERSONS, "persons", 5), "areas", "[]");
    manifest_body *b = build_of(&d);
    const person *p = manifest_person(&b->m, "grid-zhao");
    assert_string_equal(p->name, "\xe8\xb5\xb5\xe4\xb8\x80");
    assert_string_equal(p->department, "civil-affairs");
    assert_int_equal(p->acting.role.no, find_role(b, "grid-worker").no);
    assert_int_equal(p->acting.from, 20260101);
    assert_int_equal(p->acting.until, 20281231);
    assert_false(p->suspended);
    assert_int_equal(p->acting.area_count, 3);
    assert_int_equal(p->acting.areas[0].low, INT64_C(320411002002000));
    assert_int_equal(p->acting.areas[0].high, INT64_C(320411002002999));
    assert_int_equal(p->acting.areas[1].low, INT64_C(320411002003001));
    assert_int_equal(p->acting.areas[1].high, INT64_C(320411002003001));
    assert_int_equal(p->acting.areas[2].low, INT64_C(320500000000000));
    assert_true(manifest_person(&b->m, "grid-qian")->suspended);
    assert_int_equal(manifest_person(&b->m, "grid-sun")->acting.area_count, 0);
    assert_int_equal(manifest_person(&b->m, "doctor-feng")->acting.areas[0].low, INT64_C(320411000000000));
    manifest_free(&b);
}

TEST("ids that look alike are refused: letters for digits, dashes, and nothing but one form of letters")
{
    static const char *const alike[] = {"\"grid-zha0\"", "\"gridzhao\"", "\"grid--zhao\"", "\"grid-zhao\""};
    static const char *const bad[] = {
        "\"Grid-zhao\"", "\"grid-zhao \"", "\"gr\321\226d-zhao\"", "\"\"", "\"grid/zhao\"", "\"..\"", "\"grid*\""};
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) refused_person("id", alike[i], "id", "looks like");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused_person("id", bad[i], "id", "is not 1 to 64");
}

TEST("a person's id is nobody else's: no app's, officer's or administrator's")
{
    static const char *const ids[] = {"\"eldercare\"", "\"c1inic\"", "\"officer-wang\"", "\"adminli\""};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        refused_person("id", ids[i], "id", "of principals: rename one");
}

TEST("department and role of a person are registered, in that very form")
{
    refused_person("department", "\"Health\"", "department", "unknown department 'Health'");
    refused_person("department", "\"\"", "department", "unknown department");
    refused_person("role", "\"Clerk\"", "role", "unknown role 'Clerk'");
    refused_person("role", "\"\"", "role", "unknown role");
    refused_person("role", "\"*\"", "role", "unknown role");
    refused_person("name", "\"\"", "name", "not 1 to 200 bytes");
    refused_person("name", "\"a\\nb\"", "name", "not 1 to 200 bytes");
    refused_person("suspended", "0", "suspended", "neither true nor false");
    refused_person("suspended", "null", "suspended", "neither true nor false");
}

TEST("areas are prefixes of 2 to 15 digits, none within another")
{
    static const char *const bad[] = {
        "3", "0320", "3204110020030010", "32041100200300x", "32-", " 32", "32 ", "\xef\xbc\x93\xef\xbc\x92", "", "*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[64];
        snprintf(json, sizeof json, "[\"320412\", \"%s\"]", bad[i]);
        refused_person("areas", json, "areas[1]", "is no area: write 2 to 15 digits");
    }
    refused_person("areas", "[320411]", "areas[0]", "is no area");
    refused_person("areas", "[null]", "areas[0]", "is no area");
    refused_person("areas", "\"320411\"", "areas", "not a list");
    refused_person("areas", "[\"320411002\", \"320411\"]", "areas", "within another");
    refused_person("areas", "[\"320411\", \"320411\"]", "areas", "within another");
}

TEST("a contract has two days, in order, and both exist")
{
    refused_person("contract", "{\"from\": \"2026-01-01\"}", "contract.until", "is missing");
    refused_person("contract", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-31\", \"x\": 1}", "contract.x",
                   "unknown key");
    refused_person("contract", "{\"from\": \"2026-02-29\", \"until\": \"2026-12-31\"}", "contract.from", "is no day");
    refused_person("contract", "{\"from\": \"2026-1-1\", \"until\": \"2026-12-31\"}", "contract.from", "is no day");
    refused_person("contract", "{\"from\": \"2026-01-01\", \"until\": \"\"}", "contract.until", "is no day");
    refused_person("contract", "{\"from\": \"2026-01-02\", \"until\": \"2026-01-01\"}", "contract.until", "is before");
    refused_person("contract", "{\"from\": 20260101, \"until\": \"2026-12-31\"}", "contract.from", "not a text");
    refused_person("contract", "[]", "contract", "not an object");
    documents d = dev_documents();
    set(entry(&d, DOC_PERSONS, "persons", 4), "contract", "{\"from\": \"2026-01-01\", \"until\": \"2026-01-01\"}");
    manifest_body *b = build_of(&d);
    manifest_free(&b);
}

/* ---- many ---- */

static void add_persons(const documents *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char json[320];
        snprintf(json, sizeof json,
                 "{\"id\": \"worker-%u\", \"name\": \"n\", \"department\": \"grid-center\", \"role\": \"grid-worker\","
                 "\"areas\": [\"32041100%u\", \"32041200%u\"], \"contract\": {\"from\": \"2026-01-01\", \"until\":"
                 "\"2028-12-31\"}, \"suspended\": false}",
                 20000 + i * 7919 % count, 1000 + i % 9000, 1000 + i % 9000);
        add(d, DOC_PERSONS, "persons", json);
    }
}

TEST("each of 10,000 persons is found, whatever their order, with areas of its own")
{
    documents d = dev_documents();
    add_persons(&d, 10000);
    int64_t start = clock_monotonic_us();
    manifest_body *b;
    expect_ok(manifest_build(&b, "v", &d, &err), &err);
    print_message("# 10,000 persons: %lld us\n", (long long)(clock_monotonic_us() - start));
    for (unsigned i = 0; i < 10000; i++) {
        char id[32];
        snprintf(id, sizeof id, "worker-%u", 20000 + i * 7919 % 10000);
        const person *p = manifest_person(&b->m, id);
        assert_string_equal(p->id, id);
        assert_int_equal(p->acting.areas[0].low, (INT64_C(320411000000) + 1000 + i % 9000) * 1000);
    }
    assert_null(manifest_person(&b->m, "worker-30000"));
    assert_null(manifest_person(&b->m, "worker-2000"));
    assert_null(manifest_person(&b->m, ""));
    manifest_free(&b);
    documents_clear(&d);
}

TEST("more than 100,000 persons are refused")
{
    documents d = dev_documents();
    for (unsigned i = 0; i <= 100000; i++)
        json_array_append_new(json_object_get(d.of[DOC_PERSONS], "persons"), json_null());
    refused(&d, "persons.persons", "more than 100000");
}
