/* The schema document: the whole of GB/T 31000 is shipped, and what does not hold together is refused with its path and
 * the mend. */
#include "tests/unit/control/small.h"

TEST("a schema is read whole: collections in document order, their fields and all fields by number")
{
    documents d = small_documents();
    manifest_body *b = build_of(&d);
    const schema *s = &b->m.schema;
    const collection *people = schema_collection(s, "residents"), *houses = schema_collection_number(s, 255);
    assert_int_equal(s->collection_count, 2);
    assert_ptr_equal(people, &s->collections[0]);
    assert_ptr_equal(houses, &s->collections[1]);
    assert_string_equal(houses->name, "houses");
    assert_int_equal(people->count, 4);
    assert_string_equal(people->grid->name, "grid");
    assert_null(houses->grid);
    assert_string_equal(houses->natural_key->name, "house_number");
    for (size_t i = 1; i < s->count; i++) assert_true(s->fields[i - 1].number < s->fields[i].number);
    for (size_t c = 0; c < 2; c++) {
        const collection *of = &s->collections[c];
        for (size_t i = 0; i < of->count; i++) {
            assert_ptr_equal(of->fields[i]->collection, of);
            assert_ptr_equal(of->fields[i], schema_number(s, of->fields[i]->number));
            assert_ptr_equal(of->fields[i], schema_find(s, bytes_of_text(of->fields[i]->name)));
            if (i > 0) assert_true(of->fields[i - 1]->number < of->fields[i]->number);
        }
    }
    manifest_free(&b);
}

TEST("a law's term of a collection is read, may be left out, and is refused where it says nothing")
{
    static const char *const bad[] = {"P0Y", "P1201M", "10Y", "P1D", ""};
    documents d = small_documents();
    set(json_array_get(json_object_get(d.of[DOC_SCHEMA], "collections"), 0), "term", "\"P3Y\"");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->m.schema.collections[0].term_months, 36);
    assert_int_equal(b->m.schema.collections[1].term_months, 0);
    manifest_free(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[32];
        d = small_documents();
        snprintf(json, sizeof json, "\"%s\"", bad[i]);
        set(json_array_get(json_object_get(d.of[DOC_SCHEMA], "collections"), 1), "term", json);
        refused(&d, "schema.collections[1].term", "is not P1M to P1200M");
    }
}

TEST("a field's mask, retention, index, owner and retirement are those of the document")
{
    documents d = small_documents();
    manifest_body *b = build_of(&d);
    const schema_field *phone = schema_number(&b->m.schema, 255), *area = schema_number(&b->m.schema, 18);
    assert_string_equal(mask_name(phone->mask), "mobile_ends");
    assert_int_equal(phone->mask_strength, 1000);
    assert_int_equal(phone->retention_months, 1);
    assert_int_equal(area->retention_months, 18);
    assert_int_equal(schema_number(&b->m.schema, 5)->retention_months, 1200);
    assert_true(phone->indexes == 1U << INDEX_EQUALITY && phone->retired);
    assert_false(area->indexes || area->retired);
    assert_int_equal(phone->owner_no, find_department(b, "civil-affairs")->number);
    assert_int_equal(area->owner_no, find_department(b, "public-security")->number);
    manifest_free(&b);
}

TEST("what is unknown is not found: names by part or in another case, numbers between, collections")
{
    documents d = small_documents();
    manifest_body *b = build_of(&d);
    const schema *s = &b->m.schema;
    assert_null(schema_find(s, bytes_of_text("phon")));
    assert_null(schema_find(s, bytes_of_text("phones")));
    assert_null(schema_find(s, bytes_of_text("Phone")));
    assert_null(schema_find(s, bytes_of("phone\0", 6)));
    assert_null(schema_find(s, bytes_of(NULL, 0)));
    assert_null(schema_number(s, 0));
    assert_null(schema_number(s, 2));
    assert_null(schema_number(s, 256));
    assert_null(schema_collection(s, "house"));
    assert_null(schema_collection(s, ""));
    assert_null(schema_collection_number(s, 0));
    assert_null(schema_collection_number(s, 2));
    manifest_free(&b);
}

/* ---- what is shipped ---- */

TEST("the shipped schema holds GB/T 31000: people, special groups, foreigners, housing, grids, organisations")
{
    static const char *const collections[] = {"residents", "foreign_residents", "housing", "grids", "organisations"};
    static const char *const groups[] = {"floating", "left_behind", "released",  "correction",
                                         "mental",   "drug_use",    "aids_risk", "youth_at_risk"};
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++)
        assert_non_null(schema_collection(&b->m.schema, collections[i]));
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        size_t fields = 0;
        for (size_t k = 0; k < b->m.schema.count; k++) {
            const schema_field *f = &b->m.schema.fields[k];
            if (strcmp(f->group, groups[i]) != 0) continue;
            assert_string_equal(f->collection->name, "residents");
            fields++;
        }
        if (fields < 7) fail_msg("%s has %zu fields", groups[i], fields);
    }
    manifest_free(&b);
}

TEST("the fields of before keep their numbers")
{
    static const char *const names[] = {"id_number",
                                        "name",
                                        "former_name",
                                        "sex",
                                        "birth_date",
                                        "ethnicity",
                                        "native_place",
                                        "marital_status",
                                        "political_status",
                                        "education",
                                        "religion",
                                        "occupation_type",
                                        "occupation",
                                        "workplace",
                                        "phone",
                                        "registered_area",
                                        "registered_address",
                                        "residence_area",
                                        "residence_address",
                                        "household_number",
                                        "relation_to_head",
                                        "care_category"};
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(schema_number(&b->m.schema, i + 1)->name, names[i]);
    manifest_free(&b);
}

TEST("what the special groups say of a person is sensitive, of level 3 or 4, and shown to nobody in masked form whole")
{
    static const char *const groups[] = {"released", "correction", "mental", "drug_use", "aids_risk", "youth_at_risk"};
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    for (size_t k = 0; k < b->m.schema.count; k++) {
        const schema_field *f = &b->m.schema.fields[k];
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
            if (strcmp(f->group, groups[i]) != 0) continue;
            assert_string_equal(f->class_name, "sensitive");
            assert_true(f->level >= 3);
            assert_int_equal(f->indexes, 0);
        }
        assert_true(mask_strength(f->mask, f->format) >= f->mask_strength);
        assert_true(f->mask_strength >= 100);
    }
    manifest_free(&b);
}

TEST("the published JSON Schema names exactly the formats that there are")
{
    char path[600];
    json_t *published, *value;
    size_t count = 0, i;
    snprintf(path, sizeof path, "%s/../../../docs/schemas/schema.schema.json", dev_folder());
    expect_ok(json_read_file(&published, path, &err), &err);
    json_t *field = json_object_get(json_object_get(json_object_get(published, "$defs"), "field"), "properties");
    json_t *formats = json_object_get(json_object_get(field, "format"), "enum");
    json_t *masks = json_object_get(json_object_get(field, "mask"), "enum");
    while (format_names()[count]) count++;
    assert_int_equal(json_array_size(formats), count);
    json_array_foreach(formats, i, value) assert_non_null(format_find(json_string_value(value)));
    assert_true(json_array_size(masks) >= 11);
    json_array_foreach(masks, i, value) assert_non_null(mask_find(json_string_value(value)));
    json_decref(published);
}

/* ---- what is refused ---- */

typedef struct fault {
    const char *key, *json, *what;
} fault;

TEST("a field that does not hold together is refused at its key, with the mend")
{
    static const fault faults[] = {
        {"name", "\"Phone\"", "a-z"},
        {"name", "\"pho-ne\"", "a-z"},
        {"name", "\"\"", "a-z"},
        {"name", "\"a2345678901234567890123456789012345678901234567890123456789\"", "1 to 58"},
        {"number", "0", "1 to 255"},
        {"number", "256", "1 to 255"},
        {"number", "-1", "1 to 255"},
        {"number", "9223372036854775807", "1 to 255"},
        {"number", "18", "residence_area"},
        {"number", "3", "house_number"},
        {"label", "\"\"", "1 to 200"},
        {"label", "\"a\\u0007b\"", "control"},
        {"label", "\"grid\"", "'grid'"},
        {"format", "\"telephone\"", "unknown format"},
        {"group", "\"Contact\"", "a-z"},
        {"class", "\"secret\"", "general, personal or sensitive"},
        {"level", "0", "1 to 4"},
        {"level", "5", "1 to 4"},
        {"owner", "\"nobody\"", "principals"},
        {"retention", "\"P0Y\"", "P1M"},
        {"retention", "\"P101Y\"", "P1M"},
        {"retention", "\"P1201M\"", "P1M"},
        {"retention", "\"P01Y\"", "P1M"},
        {"retention", "\"1Y\"", "P1M"},
        {"retention", "\"P1\"", "P1M"},
        {"retention", "\"P1D\"", "P1M"},
        {"retention", "\"P1Y6M\"", "P1M"},
        {"retention", "\"PY\"", "P1M"},
        {"retention", "\"\"", "P1M"},
        {"retention", "\"P99999999999999999999Y\"", "P1M"},
        {"mask", "\"stars\"", "hidden"},
        {"mask", "\"id_area\"", "not made for format 'phone'"},
        {"mask", "\"date_year\"", "hidden"},
        {"mask_strength", "0", "1 or more"},
        {"mask_strength", "-5", "1 or more"},
        {"mask_strength", "9223372036854775807", "leaves"},
        {"index", "[\"prefix\"]", "unknown kind 'prefix': equality, suffix, ngram, band or code"},
        {"index", "[\"equality\", \"equality\"]", "twice"},
        {"index", "[1]", "not a list of names"},
        {"index", "\"equality\"", "not a list"},
        {"index", "true", "not a list"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        documents d = small_documents();
        char path[64];
        bool houses = strcmp(faults[i].json, "3") == 0; /* shows where the second one stands */
        snprintf(path, sizeof path,
                 houses ? "schema.collections[1].fields[1].number" : "schema.collections[0].fields[3].%s",
                 faults[i].key);
        set(field_at(&d, 0, 3), faults[i].key, faults[i].json);
        refused(&d, path, houses ? "phone" : faults[i].what);
    }
}

TEST("unknown, missing and wrongly typed keys are refused, in fields, collections and the document")
{
    documents d = small_documents();
    set(field_at(&d, 0, 1), "term", "true");
    refused(&d, "schema.collections[0].fields[1].term", "unknown key");
    d = small_documents();
    json_object_del(field_at(&d, 0, 1), "mask");
    refused(&d, "schema.collections[0].fields[1].mask", "is missing");
    d = small_documents();
    set(field_at(&d, 0, 1), "number", "18.5");
    refused(&d, "schema.collections[0].fields[1].number", "not a whole number");
    d = small_documents();
    set(collection_at(&d, 1), "owner", "\"x\"");
    refused(&d, "schema.collections[1].owner", "unknown key");
    d = small_documents();
    json_object_del(collection_at(&d, 1), "area");
    refused(&d, "schema.collections[1].area", "is missing");
    d = small_documents();
    set(d.of[DOC_SCHEMA], "version", "1");
    refused(&d, "schema.version", "unknown key");
    d = small_documents();
    set(collection_at(&d, 1), "fields", "{}");
    refused(&d, "schema.collections[1].fields", "not a list");
    d = small_documents();
    json_array_append_new(json_object_get(collection_at(&d, 0), "fields"), parse("7"));
    refused(&d, "schema.collections[0].fields[4]", "not an object");
    d = small_documents();
    add(&d, DOC_SCHEMA, "collections", "[]");
    refused(&d, "schema.collections[2].fields", "not a list");
}

TEST("a collection that does not hold together is refused at its key, with the mend")
{
    static const fault faults[] = {
        {"name", "\"Houses\"", "a-z"},
        {"label", "\"\"", "1 to 200"},
        {"number", "0", "1 to 255"},
        {"number", "256", "1 to 255"},
        {"number", "1", "'residents'"},
        {"natural_key", "\"nothing\"", "unknown field"},
        {"natural_key", "\"id_number\"", "of this collection"},
        {"natural_key", "\"house_area\"", "formats: resident_id document code30 grid credit_code"},
        {"area", "\"residence_area\"", "of this collection"},
        {"area", "\"house_number\"", "formats: division"},
        {"grid", "\"grid\"", "of this collection"},
        {"grid", "\"house_area\"", "formats: grid"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        documents d = small_documents();
        char path[64];
        snprintf(path, sizeof path, "schema.collections[1].%s", faults[i].key);
        set(collection_at(&d, 1), faults[i].key, faults[i].json);
        refused(&d, path, faults[i].what);
    }
}

TEST("residents are found by their ID number, and must be there")
{
    documents d = small_documents();
    set(field_at(&d, 0, 0), "format", "\"document\"");
    set(field_at(&d, 0, 0), "mask", "\"hidden\"");
    refused(&d, "schema.collections[0].natural_key", "resident_id");
    d = small_documents();
    set(collection_at(&d, 0), "name", "\"people\"");
    refused(&d, "schema.collections", "'residents' must be there");
    d = small_documents();
    json_array_clear(json_object_get(d.of[DOC_SCHEMA], "collections"));
    refused(&d, "schema.collections", "'residents' must be there");
}

TEST("natural key, area and grid are not retired")
{
    static const char *const keys[] = {"natural_key", "area", "grid"};
    for (size_t i = 0; i < 3; i++) {
        documents d = small_documents();
        char path[64];
        snprintf(path, sizeof path, "schema.collections[0].%s", keys[i]);
        set(field_at(&d, 0, i), "retired", "true");
        refused(&d, path, "retired");
    }
}

TEST("names that look alike are refused over all collections, at the later one")
{
    documents d = small_documents();
    set(field_at(&d, 1, 0), "name", "\"ph0ne\"");
    set(collection_at(&d, 1), "area", "\"ph0ne\"");
    refused(&d, "schema.collections[1].fields[0].name", "'ph0ne' looks like 'phone'");
    d = small_documents();
    set(field_at(&d, 1, 1), "name", "\"phone\"");
    refused(&d, "schema.collections[1].fields[1].name", "'phone' looks like 'phone'");
    d = small_documents();
    set(collection_at(&d, 1), "name", "\"res_idents\"");
    refused(&d, "schema.collections[1].name", "looks like");
}

TEST("the same label stands in two collections, and not twice in one")
{
    documents d = small_documents(); /* "area" in both */
    manifest_body *b = build_of(&d);
    manifest_free(&b);
    d = small_documents();
    set(field_at(&d, 1, 1), "label", "\"area\"");
    refused(&d, "schema.collections[1].fields[1].label", "'house_area'");
}

TEST("formats of few values have no equality terms: they would show how the values are spread")
{
    static const char *const few[] = {"sex",  "date",   "division", "county", "ethnicity",
                                      "flag", "amount", "grid",     "code2"};
    static const char *const many[] = {"mobile", "phone", "person_name", "code30", "document", "credit_code", "text50"};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        documents d = small_documents();
        char json[32];
        snprintf(json, sizeof json, "\"%s\"", few[i]);
        set(field_at(&d, 0, 3), "format", json);
        set(field_at(&d, 0, 3), "mask", "\"hidden\"");
        refused(&d, "schema.collections[0].fields[3].index", "distribution");
    }
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        documents d = small_documents();
        char json[32];
        snprintf(json, sizeof json, "\"%s\"", many[i]);
        set(field_at(&d, 0, 3), "format", json);
        set(field_at(&d, 0, 3), "mask", "\"hidden\"");
        manifest_body *b = build_of(&d);
        manifest_free(&b);
    }
}

TEST("a natural key of a grid may be the grid of its collection")
{
    documents d = small_documents();
    set(field_at(&d, 1, 1), "format", "\"grid\"");
    set(collection_at(&d, 1), "grid", "\"house_number\"");
    manifest_body *b = build_of(&d);
    const collection *houses = schema_collection(&b->m.schema, "houses");
    assert_ptr_equal(houses->grid, houses->natural_key);
    manifest_free(&b);
}

TEST("255 fields are all that there may be, in all collections together")
{
    for (int extra = 249; extra <= 250; extra++) { /* six stand already */
        documents d = small_documents();
        unsigned number = 0;
        for (int i = 0; i < extra; i++) {
            json_t *f = json_deep_copy(field_at(&d, 1, 1));
            do number++;
            while (number == 1 || number == 3 || number == 5 || number == 18 || number == 20);
            json_object_set_new(f, "name", json_sprintf("extra_%c%c", 'a' + i / 26, 'a' + i % 26));
            json_object_set_new(f, "label", json_sprintf("extra %d", i));
            json_object_set_new(f, "number", json_integer(number < 255 ? number : 255));
            json_array_append_new(json_object_get(collection_at(&d, 1), "fields"), f);
        }
        if (extra == 250) {
            refused(&d, "schema.collections", "more than 255 fields");
            continue;
        }
        manifest_body *b = build_of(&d);
        assert_int_equal(b->m.schema.count, 255);
        assert_int_equal(schema_collection(&b->m.schema, "houses")->count, 251);
        manifest_free(&b);
    }
}
