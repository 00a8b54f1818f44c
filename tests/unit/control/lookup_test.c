/* What can be looked up in a manifest: exact names, and nothing near them. */
#include "tests/unit/control/fixture.h"

TEST("a principal is found by its exact URI and no other")
{
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    const principal *p = manifest_principal(&b->m, "vault://dev/apps/eldercare");
    assert_string_equal(p->id, "eldercare");
    assert_string_equal(p->department, "civil-affairs");
    assert_int_equal(p->department_no, 2);
    assert_int_equal(p->role, ROLE_APP);
    assert_ptr_equal(manifest_app(&b->m, p->consumer), p);
    assert_int_equal(manifest_principal(&b->m, "vault://dev/officers/officer-wang")->role, ROLE_OFFICER);
    assert_int_equal(manifest_principal(&b->m, "vault://dev/administrators/admin-li")->role, ROLE_ADMINISTRATOR);
    assert_int_equal(manifest_principal(&b->m, "vault://dev/officers/officer-wang")->consumer.no, 0);
    static const char *const none[] = {"",
                                       "vault://dev/apps/eldercare/",
                                       "vault://dev/apps/eldercar",
                                       "VAULT://dev/apps/eldercare",
                                       "vault://dev/apps/Eldercare",
                                       "vault://dev/apps/eldercare ",
                                       "vault://dev/apps",
                                       "eldercare"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(manifest_principal(&b->m, none[i]));
    assert_null(manifest_app(&b->m, (consumer_no){0}));
    assert_null(manifest_app(&b->m, (consumer_no){4})); /* the officer comes after the apps and is none */
    assert_null(manifest_app(&b->m, (consumer_no){UINT16_MAX}));
    manifest_free(&b);
}

TEST("a purpose is found by its exact bytes: no prefix, no case, no NUL")
{
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    assert_string_equal(manifest_purpose(&b->m, bytes_of_text("family-doctor"))->basis, "PIPL 13(1)(2)");
    static const char *const none[] = {"",           "elder-car",   "elder-care/", "elder-carex",
                                       "Elder-care", "elder-care ", "*",           "z"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(manifest_purpose(&b->m, bytes_of_text(none[i])));
    assert_null(manifest_purpose(&b->m, bytes_of("elder-care\0", 11)));
    assert_null(manifest_purpose(&b->m, bytes_of("elder\0care", 10)));
    assert_null(manifest_purpose(&b->m, (bytes){0}));
    for (size_t i = 0; i < b->purpose_count; i++) {
        assert_ptr_equal(manifest_purpose(&b->m, bytes_of_text(b->purposes[i].id)), &b->purposes[i]);
        assert_int_equal(b->purposes[i].no.no, i + 1);
    }
    manifest_free(&b);
}

TEST("a domain is found by its pair and by its number")
{
    documents d = dev_documents();
    d.of[DOC_DOMAINS] =
        parse("{\"domains\": [{\"consumer\": \"clinic\", \"purpose\": \"family-doctor\", \"number\": 77},"
              "{\"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"number\": 16777215},"
              "{\"consumer\": \"population\", \"purpose\": \"population-register\", \"number\": 1}]}");
    manifest_body *b = build_of(&d);
    const principal *app = manifest_principal(&b->m, "vault://dev/apps/clinic");
    const domain *found =
        manifest_domain(&b->m, app->consumer, manifest_purpose(&b->m, bytes_of_text("family-doctor"))->no);
    assert_int_equal(found->number, 77);
    assert_string_equal(found->ring, "token/77");
    assert_ptr_equal(manifest_domain_number(&b->m, 77), found);
    assert_string_equal(manifest_domain_number(&b->m, 16777215)->ring, "token/16777215");
    assert_null(manifest_domain(&b->m, app->consumer, manifest_purpose(&b->m, bytes_of_text("elder-care"))->no));
    assert_null(manifest_domain(&b->m, (consumer_no){0}, (purpose_no){0}));
    assert_null(manifest_domain_number(&b->m, 0));
    assert_null(manifest_domain_number(&b->m, 2));
    manifest_free(&b);
}

TEST("a field is found by its exact name and by its number")
{
    documents d = dev_documents();
    manifest_body *b = build_of(&d);
    for (size_t i = 0; i < b->m.schema.count; i++) {
        const schema_field *f = &b->m.schema.fields[i];
        assert_ptr_equal(schema_number(&b->m.schema, f->number), f);
        assert_ptr_equal(schema_find(&b->m.schema, bytes_of_text(f->name)), f);
    }
    assert_null(schema_number(&b->m.schema, 0));
    assert_null(schema_number(&b->m.schema, 256));
    assert_null(schema_find(&b->m.schema, bytes_of_text("Name")));
    assert_null(schema_find(&b->m.schema, bytes_of("name\0", 5)));
    assert_null(schema_find(&b->m.schema, (bytes){0}));
    manifest_free(&b);
}
