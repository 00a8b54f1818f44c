/* sharing.json: who may hand residents over to whom, for what. */
#include "tests/unit/control/fixture.h"

static const char basis[] =
    "{\"id\": \"care-to-clinic\", \"item\": \"320411-0081\", \"from\": \"eldercare\", \"to\": \"clinic\","
    "\"purpose\": \"family-doctor\", \"areas\": [\"320411\"],"
    "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2027-12-31\"}}";

static documents with_basis(void)
{
    documents d = dev_documents();
    set(d.of[DOC_SHARING], "bases", "[]");
    add(&d, DOC_SHARING, "bases", basis);
    return d;
}

static void refused_basis(const char *key, const char *json, const char *below, const char *what)
{
    char path[96];
    documents d = with_basis();
    set(entry(&d, DOC_SHARING, "bases", 0), key, json);
    snprintf(path, sizeof path, "sharing.bases[0].%s", below);
    refused(&d, path, what);
}

TEST("a sharing basis is found by its exact id among others")
{
    documents d = with_basis();
    json_t *other = parse(basis);
    set(other, "id", "\"a-first\"");
    json_array_append_new(json_object_get(d.of[DOC_SHARING], "bases"), other);
    manifest_body *b = build_of(&d);
    assert_string_equal(manifest_basis(&b->m, "care-to-clinic")->item, "320411-0081");
    assert_string_equal(manifest_basis(&b->m, "a-first")->id, "a-first");
    static const char *const none[] = {"", "care-to-clini", "care-to-clinics", "Care-to-clinic", "clinic"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(manifest_basis(&b->m, none[i]));
    manifest_free(&b);
    d = dev_documents();
    set(d.of[DOC_SHARING], "bases", "[]");
    b = build_of(&d);
    assert_null(manifest_basis(&b->m, "care-to-clinic"));
    manifest_free(&b);
}

TEST("a sharing basis is what the document says")
{
    documents d = with_basis();
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.basis_count, 1);
    const sharing_basis *s = &b->m.bases[0];
    assert_string_equal(s->id, "care-to-clinic");
    assert_string_equal(s->item, "320411-0081");
    assert_string_equal(manifest_app(&b->m, s->from)->id, "eldercare");
    assert_string_equal(manifest_app(&b->m, s->to)->id, "clinic");
    assert_int_equal(s->purpose.no, manifest_purpose(&b->m, bytes_of_text("family-doctor"))->no.no);
    assert_int_equal(s->valid_from, 20260101);
    assert_int_equal(s->valid_until, 20271231);
    assert_int_equal(s->area_count, 1);
    assert_int_equal(s->areas[0].high, INT64_C(320411999999999));
    manifest_free(&b);
}

TEST("both apps, and the purpose of the one who receives, are registered")
{
    refused_basis("from", "\"Eldercare\"", "from", "unknown app 'Eldercare'");
    refused_basis("from", "\"officer-wang\"", "from", "unknown app");
    refused_basis("to", "\"*\"", "to", "unknown app");
    refused_basis("to", "\"eldercare\"", "to", "shares with itself");
    refused_basis("purpose", "\"none\"", "purpose", "unknown purpose 'none'");
    refused_basis("purpose", "\"elder-care\"", "purpose", "'clinic' is no consumer of 'elder-care'");
}

TEST("areas and days of a basis are said: an empty list shares nothing and is refused")
{
    refused_basis("areas", "[]", "areas", "shares nothing");
    refused_basis("areas", "[\"3\"]", "areas[0]", "is no area");
    refused_basis("areas", "[\"32\", \"3204\"]", "areas", "within another");
    refused_basis("valid", "{\"from\": \"2026-01-01\", \"until\": \"2025-12-31\"}", "valid.until", "is before");
    refused_basis("valid", "{\"from\": \"2026-01-01\"}", "valid.until", "is missing");
    refused_basis("item", "\"\"", "item", "not 1 to 200 bytes");
    refused_basis("id", "\"Care\"", "id", "is not 1 to 64");
}

TEST("two bases that look alike are refused")
{
    documents d = with_basis();
    add(&d, DOC_SHARING, "bases", basis);
    set(entry(&d, DOC_SHARING, "bases", 1), "id", "\"care-t0-c1inic\"");
    refused(&d, "sharing.bases[1].id", "looks like 'care-to-clinic'");
}
