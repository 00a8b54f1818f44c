/* A change that would leave stored values unreadable is refused, with the path in the new document and the mend. */
#include "tests/unit/control/fixture.h"

static json_t *collection_at(const documents *d, size_t i)
{
    return entry(d, DOC_SCHEMA, "collections", i);
}

static json_t *fields_of(const documents *d, size_t i)
{
    return json_object_get(collection_at(d, i), "fields");
}

static size_t place_of(const documents *d, size_t in, const char *name)
{
    size_t i;
    json_t *value;
    json_array_foreach(fields_of(d, in), i, value)
    {
        if (strcmp(json_string_value(json_object_get(value, "name")), name) == 0) return i;
    }
    fail_msg("no field %s", name);
    return 0;
}

static json_t *field_named(const documents *d, size_t in, const char *name)
{
    return json_array_get(fields_of(d, in), place_of(d, in, name));
}

static documents copy_of_dev(void)
{
    documents d = dev_documents();
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        json_t *copy = json_deep_copy(d.of[i]);
        json_decref(d.of[i]);
        d.of[i] = copy;
    }
    json_decref(d.of[DOC_POLICY]);
    d.of[DOC_POLICY] = parse("{\"rules\": []}");
    return d;
}

static vault_code change_to(documents *next)
{
    documents first = copy_of_dev();
    manifest_body *old = build_of(&first), *new = build_of(next);
    vault_code code = manifest_check_change(old, new, &err);
    manifest_free(&old);
    manifest_free(&new);
    return code;
}

static void taken(documents *next)
{
    expect_ok(change_to(next), &err);
}

static void unreadable(documents *next, const char *path, const char *what)
{
    vault_code code = change_to(next);
    if (code != VAULT_INVALID || strcmp(err.field, path) != 0 || !strstr(err.detail, what))
        fail_msg("%s: '%s: %s' is not '%s' with '%s'", vault_code_name(code), err.field, err.detail, path, what);
    assert_string_equal(err.reason, "CHANGE_UNREADABLE");
    vault_error_clear(&err);
}

static json_t *new_field(const documents *d, const char *name, int number)
{
    json_t *f = json_deep_copy(field_named(d, 0, "workplace"));
    json_object_set_new(f, "name", json_string(name));
    json_object_set_new(f, "label", json_string(name));
    json_object_set_new(f, "number", json_integer(number));
    return f;
}

TEST("nothing changed is readable, and so is another order of collections and fields")
{
    documents d = copy_of_dev();
    taken(&d);
    d = copy_of_dev();
    json_t *list = json_object_get(d.of[DOC_SCHEMA], "collections"), *first = json_incref(json_array_get(list, 0));
    json_array_remove(list, 0);
    json_array_append_new(list, first);
    json_t *fields = json_object_get(first, "fields"), *field = json_incref(json_array_get(fields, 0));
    json_array_remove(fields, 0);
    json_array_append_new(fields, field);
    taken(&d);
}

TEST("fields and collections are added, fields retired and taken back, labels, masks, owners and levels changed")
{
    documents d = copy_of_dev();
    json_array_append_new(fields_of(&d, 0), new_field(&d, "hobby", 254));
    set(field_named(&d, 0, "workplace"), "retired", "true");
    set(field_named(&d, 0, "name"), "mask", "\"hidden\"");
    set(field_named(&d, 0, "name"), "label", "\"全名\"");
    set(field_named(&d, 0, "name"), "owner", "\"civil-affairs\"");
    set(field_named(&d, 0, "name"), "level", "4");
    set(field_named(&d, 0, "name"), "retention", "\"P1Y\"");
    set(field_named(&d, 0, "name"), "index", "[]");
    taken(&d);
    d = copy_of_dev();
    json_t *more = json_deep_copy(collection_at(&d, 2));
    set(more, "name", "\"boats\"");
    set(more, "number", "99");
    set(more, "natural_key", "\"boat_number\"");
    set(more, "area", "\"boat_area\"");
    json_object_del(more, "grid");
    json_t *number = new_field(&d, "boat_number", 253), *area = new_field(&d, "boat_area", 254);
    set(number, "format", "\"code30\"");
    set(area, "format", "\"division\"");
    set(area, "mask", "\"hidden\"");
    set(number, "mask", "\"hidden\"");
    json_object_set_new(more, "fields", json_pack("[o, o]", number, area));
    json_array_append_new(json_object_get(d.of[DOC_SCHEMA], "collections"), more);
    taken(&d);
}

TEST("a text becomes wider, never narrower, and no other format takes its place")
{
    static const char *const texts[] = {"text50", "text100", "text200", "text1024"};
    for (size_t from = 0; from < 4; from++) {
        for (size_t to = 0; to < 4; to++) {
            documents first = copy_of_dev(), next = copy_of_dev();
            char json[2][16], path[64];
            snprintf(json[0], sizeof json[0], "\"%s\"", texts[from]);
            snprintf(json[1], sizeof json[1], "\"%s\"", texts[to]);
            set(field_named(&first, 0, "workplace"), "format", json[0]);
            set(field_named(&next, 0, "workplace"), "format", json[1]);
            snprintf(path, sizeof path, "schema.collections[0].fields[%zu].format", place_of(&next, 0, "workplace"));
            manifest_body *old = build_of(&first), *new = build_of(&next);
            vault_code code = manifest_check_change(old, new, &err);
            assert_int_equal(code, from <= to ? VAULT_OK : VAULT_INVALID);
            if (code != VAULT_OK) assert_string_equal(err.field, path);
            vault_error_clear(&err);
            manifest_free(&old);
            manifest_free(&new);
        }
    }
}

TEST("another format is refused: what is stored would not be one of its values")
{
    static const char *const others[] = {"mobile", "code30", "document", "resident_id", "date"};
    char path[64];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        documents d = copy_of_dev();
        char json[32];
        snprintf(json, sizeof json, "\"%s\"", others[i]);
        snprintf(path, sizeof path, "schema.collections[0].fields[%zu].format", place_of(&d, 0, "workplace"));
        set(field_named(&d, 0, "workplace"), "format", json);
        set(field_named(&d, 0, "workplace"), "mask", "\"hidden\"");
        unreadable(&d, path, "retire it");
    }
    documents d = copy_of_dev();
    set(field_named(&d, 0, "occupation_type"), "format", "\"text50\"");
    snprintf(path, sizeof path, "schema.collections[0].fields[%zu].format", place_of(&d, 0, "occupation_type"));
    unreadable(&d, path, "occupation_type");
}

TEST("a field that is gone, renamed, renumbered or moved to another collection is refused")
{
    char path[64];
    documents d = copy_of_dev();
    json_array_remove(fields_of(&d, 0), place_of(&d, 0, "workplace"));
    unreadable(&d, "schema.collections[0].fields", "'workplace' is gone");
    d = copy_of_dev();
    set(field_named(&d, 0, "workplace"), "name", "\"place_of_work\"");
    unreadable(&d, "schema.collections[0].fields", "'workplace' is gone");
    d = copy_of_dev();
    set(field_named(&d, 0, "workplace"), "number", "254");
    snprintf(path, sizeof path, "schema.collections[0].fields[%zu].number", place_of(&d, 0, "workplace"));
    unreadable(&d, path, "'workplace' has been 14");
    d = copy_of_dev();
    json_array_append(fields_of(&d, 2), field_named(&d, 0, "workplace"));
    json_array_remove(fields_of(&d, 0), place_of(&d, 0, "workplace"));
    snprintf(path, sizeof path, "schema.collections[2].fields[%zu].name", place_of(&d, 2, "workplace"));
    unreadable(&d, path, "one of 'residents'");
}

TEST("two fields that change their numbers with each other are refused")
{
    char path[64];
    documents d = copy_of_dev();
    set(field_named(&d, 0, "workplace"), "number", "13");
    set(field_named(&d, 0, "occupation"), "number", "14");
    snprintf(path, sizeof path, "schema.collections[0].fields[%zu].number", place_of(&d, 0, "occupation"));
    unreadable(&d, path, "'occupation' has been 13");
}

TEST("a collection that is gone, renamed, renumbered, or has another natural key or area field is refused")
{
    documents d = copy_of_dev();
    json_array_remove(json_object_get(d.of[DOC_SCHEMA], "collections"), 2);
    unreadable(&d, "schema.collections", "'housing' is gone");
    d = copy_of_dev();
    set(collection_at(&d, 2), "name", "\"houses\"");
    unreadable(&d, "schema.collections", "'housing' is gone");
    d = copy_of_dev();
    set(collection_at(&d, 2), "number", "77");
    unreadable(&d, "schema.collections[2].number", "'housing' has been 3");
    d = copy_of_dev();
    set(collection_at(&d, 1), "natural_key", "\"foreign_document_type\"");
    unreadable(&d, "schema.collections[1].natural_key", "foreign_document_number");
    d = copy_of_dev();
    set(collection_at(&d, 0), "area", "\"registered_area\"");
    unreadable(&d, "schema.collections[0].area", "residence_area");
}

TEST("a grid field may come and go: areas that are stored stay what they are")
{
    documents d = copy_of_dev();
    json_object_del(collection_at(&d, 0), "grid");
    taken(&d);
}

TEST("a department that is gone or has another number is refused: stored values are its own")
{
    documents d = copy_of_dev();
    set(entry(&d, DOC_PRINCIPALS, "departments", 1), "number", "60000");
    unreadable(&d, "principals.departments[1].number", "has been");
    documents first = copy_of_dev();
    add(&first, DOC_PRINCIPALS, "departments",
        "{\"id\": \"short-lived\", \"name\": \"x\", \"number\": 777, \"assertion_keys\": []}");
    d = copy_of_dev();
    manifest_body *old = build_of(&first), *new = build_of(&d);
    expect_code(manifest_check_change(old, new, &err), VAULT_INVALID, &err);
    expect_ok(manifest_check_change(new, old, &err), &err);
    manifest_free(&old);
    manifest_free(&new);
}
