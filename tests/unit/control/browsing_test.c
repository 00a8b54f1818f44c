/* browsing.json: who may list records beyond the small page. */
#include "tests/unit/control/fixture.h"

static const char permit[] =
    "{\"id\": \"check-import\", \"principal\": \"officer-wang\", \"collection\": \"residents\","
    " \"area\": \"320411002\", \"fields\": [\"name\", \"phone\"], \"rows\": 200,"
    " \"reason\": \"T-2026-77\", \"until\": \"2026-12-31\"}";

static documents with_permit(void)
{
    documents d = dev_documents();
    set(d.of[DOC_BROWSING], "permits", "[]");
    add(&d, DOC_BROWSING, "permits", permit);
    return d;
}

static manifest_body *build_changed(const char *key, const char *json)
{
    documents d = with_permit();
    set(entry(&d, DOC_BROWSING, "permits", 0), key, json);
    return build_of(&d);
}

TEST("a permit is what the document says, and is found by its exact id")
{
    documents d = with_permit();
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.permit_count, 1);
    const browse_permit *p = manifest_permit(&b->m, "check-import");
    assert_ptr_equal(p, &b->m.permits[0]);
    assert_string_equal(p->principal, "officer-wang");
    assert_string_equal(p->collection->name, "residents");
    assert_true(p->area.low == INT64_C(320411002000000) && p->area.high == INT64_C(320411002999999));
    assert_int_equal(p->rows, 200);
    assert_int_equal(p->until, 20261231);
    assert_string_equal(p->reason, "T-2026-77");
    field_set want = {0};
    field_set_add(&want, schema_find(&b->m.schema, bytes_of_text("name"))->number);
    field_set_add(&want, schema_find(&b->m.schema, bytes_of_text("phone"))->number);
    assert_memory_equal(&p->fields, &want, sizeof want);
    static const char *const none[] = {"", "check", "check-imports", "Check-import", "check-import "};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(manifest_permit(&b->m, none[i]));
    manifest_free(&b);
}

TEST("without permits none is found")
{
    documents d = dev_documents();
    set(d.of[DOC_BROWSING], "permits", "[]");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.permit_count, 0);
    assert_null(manifest_permit(&b->m, "check-import"));
    manifest_free(&b);
}

TEST("many permits are each found, whatever their order")
{
    documents d = with_permit();
    for (int i = 25; i >= 0; i--) {
        json_t *more = parse(permit);
        json_object_set_new(more, "id", json_sprintf("z-%c", 'a' + (i * 7) % 26));
        json_object_set_new(more, "rows", json_integer(1 + (i * 7) % 26));
        json_array_append_new(json_object_get(d.of[DOC_BROWSING], "permits"), more);
    }
    manifest_body *b = build_of(&d);
    for (int i = 0; i < 26; i++) {
        char id[8];
        snprintf(id, sizeof id, "z-%c", 'a' + i);
        assert_int_equal(manifest_permit(&b->m, id)->rows, (unsigned)i + 1);
    }
    assert_non_null(manifest_permit(&b->m, "check-import"));
    manifest_free(&b);
}

TEST("a permit is for an administrator or officer, for a street at most, for 1 to 500 rows")
{
    manifest_body *b = build_changed("principal", "\"admin-li\"");
    assert_string_equal(b->m.permits[0].principal, "admin-li");
    manifest_free(&b);
    b = build_changed("area", "\"320411002001007\"");
    assert_true(b->m.permits[0].area.low == b->m.permits[0].area.high);
    manifest_free(&b);
    b = build_changed("rows", "500");
    assert_int_equal(b->m.permits[0].rows, 500);
    manifest_free(&b);
}

TEST("a permit that does not hold together is refused at its key, with the mend")
{
    static const struct {
        const char *key, *json, *below, *what;
    } faults[] = {
        {"id", "\"Check\"", "id", "a-z"},
        {"principal", "\"eldercare\"", "principal", "unknown officer or administrator"},
        {"principal", "\"police-chen\"", "principal", "unknown officer or administrator"},
        {"principal", "\"\"", "principal", "register it"},
        {"principal", "\"*\"", "principal", "register it"},
        {"collection", "\"people\"", "collection", "unknown collection"},
        {"collection", "\"\"", "collection", "unknown collection"},
        {"area", "\"32041100\"", "area", "9 to 15 digits"},
        {"area", "\"3204110020010070\"", "area", "9 to 15 digits"},
        {"area", "\"032041100\"", "area", "9 to 15 digits"},
        {"area", "\"32041100*\"", "area", "9 to 15 digits"},
        {"area", "\"\"", "area", "9 to 15 digits"},
        {"fields", "[]", "fields", "an empty list shows nothing"},
        {"fields", "{}", "fields", "not a list"},
        {"fields", "[1]", "fields[0]", "not a text"},
        {"fields", "[\"name\", \"Phone\"]", "fields[1]", "unknown field 'Phone'"},
        {"fields", "[\"name\", \"house_number\"]", "fields[1]", "name one of 'residents'"},
        {"fields", "[\"name\", \"phone\", \"name\"]", "fields[2]", "'name' stands twice"},
        {"rows", "0", "rows", "1 to 500"},
        {"rows", "-1", "rows", "1 to 500"},
        {"rows", "501", "rows", "1 to 500"},
        {"rows", "4294967297", "rows", "1 to 500"},
        {"rows", "20.0", "rows", "whole number"},
        {"reason", "\"\"", "reason", "1 to 200"},
        {"reason", "\"a\\u0000\"", "reason", ""},
        {"until", "\"2026-02-29\"", "until", "no day"},
        {"until", "\"forever\"", "until", "no day"},
        {"form", "\"plain\"", "form", "unknown key"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char path[96];
        documents d = with_permit();
        if (strstr(faults[i].json, "\\u0000")) { /* no reader gives such a text */
            json_error_t error;
            assert_null(json_loads(faults[i].json, JSON_DECODE_ANY, &error));
            documents_clear(&d);
            continue;
        }
        set(entry(&d, DOC_BROWSING, "permits", 0), faults[i].key, faults[i].json);
        snprintf(path, sizeof path, "browsing.permits[0].%s", faults[i].below);
        refused(&d, path, faults[i].what);
    }
}

TEST("a predicate is no field that can be listed")
{
    documents d = with_permit();
    json_t *people = entry(&d, DOC_SCHEMA, "collections", 0);
    set(people, "predicates",
        "[{\"name\": \"turned_90\", \"number\": 254, \"label\": \"90\", \"field\": \"birth_date\","
        " \"test\": \"age_at_least\", \"years\": 90}]");
    set(d.of[DOC_POLICY], "rules", "[]");
    set(entry(&d, DOC_BROWSING, "permits", 0), "fields", "[\"turned_90\"]");
    refused(&d, "browsing.permits[0].fields[0]", "unknown field 'turned_90'");
}

TEST("ids of permits that look alike are refused, at the later one")
{
    documents d = with_permit();
    json_t *more = parse(permit);
    set(more, "id", "\"checkimport\"");
    json_array_append_new(json_object_get(d.of[DOC_BROWSING], "permits"), more);
    refused(&d, "browsing.permits[1].id", "looks like");
}

/* ---- strong together ---- */

/* ID numbers are shown at both ends, dates by their year; either is strong by itself. */
static documents with_ends(const char *date_class)
{
    documents d = with_permit();
    json_t *fields = json_object_get(entry(&d, DOC_SCHEMA, "collections", 0), "fields");
    set(d.of[DOC_POLICY], "rules", "[]");
    set(json_array_get(fields, 0), "mask", "\"id_ends\"");
    set(json_array_get(fields, 4), "mask", "\"date_year\"");
    set(json_array_get(fields, 4), "mask_strength", "300");
    set(json_array_get(fields, 4), "class", date_class);
    return d;
}

static void permit_for(documents *d, const char *id, const char *whose, const char *area, const char *fields)
{
    json_t *more = parse(permit);
    json_object_set_new(more, "id", json_string(id));
    json_object_set_new(more, "principal", json_string(whose));
    json_object_set_new(more, "area", json_string(area));
    set(more, "fields", fields);
    json_array_append_new(json_object_get(d->of[DOC_BROWSING], "permits"), more);
}

TEST("a permit is strong beside the page that needs none")
{
    documents d = with_ends("\"personal\"");
    permit_for(&d, "numbers", "officer-wang", "320411003", "[\"id_number\"]");
    refused(&d, "browsing.permits[1].fields", "the masked id_number leaves fewer than 1000");
}

TEST("permits of one principal are strong together where they meet, and those of two are apart")
{
    static const struct {
        const char *whose, *area, *weak;
    } others[] = {{"officer-wang", "320411002", "browsing.permits[0].fields"},
                  {"officer-wang", "320411002003", "browsing.permits[1].fields"},
                  {"officer-wang", "320411003", NULL},
                  {"admin-li", "320411002", NULL}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        documents d = with_ends("\"sensitive\"");
        permit_for(&d, "dates", others[i].whose, others[i].area, "[\"birth_date\"]");
        permit_for(&d, "numbers", "officer-wang", "320411002", "[\"id_number\"]");
        if (others[i].weak) {
            refused(&d, others[i].weak, "other pages");
            continue;
        }
        manifest_body *b = build_of(&d);
        assert_int_equal(b->m.permit_count, 3);
        manifest_free(&b);
    }
}

TEST("the page that needs no permit shows no mask that its others leave too weak")
{
    documents d = with_ends("\"personal\"");
    json_t *head = json_array_get(json_object_get(entry(&d, DOC_SCHEMA, "collections", 0), "fields"), 24);
    assert_string_equal(json_string_value(json_object_get(head, "name")), "head_id_number");
    set(head, "mask", "\"id_ends\"");
    set(head, "class", "\"personal\"");
    manifest_body *b = build_of(&d);
    const collection *people = schema_collection(&b->m.schema, "residents");
    field_set shown = small_page_fields(people);
    assert_true(field_set_has(shown, 2) && field_set_has(shown, 5));   /* name, birth date */
    assert_false(field_set_has(shown, 1) || field_set_has(shown, 25)); /* the natural key, the number of the head */
    assert_false(field_set_has(shown, 6));                             /* sensitive */
    assert_null(masked_weakest(people, shown));
    manifest_free(&b);
}
