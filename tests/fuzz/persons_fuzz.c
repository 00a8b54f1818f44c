/* Any text as the list of persons: refused with a fault, or each person is found by its id and by nothing else, has a
 * role and a department that are registered, days in order, and areas that are sorted and apart. */
#include "tests/fuzz/documents.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_person(const manifest_body *b, const person *p)
{
    const policy_person *a = &p->acting;
    if (manifest_person(&b->m, p->id) != p || !id_valid(p->id, "") || !find_department(b, p->department)) abort();
    if (a->role.no < 1 || a->role.no > b->role_count || a->from > a->until || a->from < 19000101) abort();
    if (a->area_count > AREAS_MAX) abort();
    for (size_t i = 0; i < a->area_count; i++) {
        if (a->areas[i].low > a->areas[i].high || a->areas[i].low < INT64_C(100000000000000)) abort();
        if (i > 0 && a->areas[i - 1].high >= a->areas[i].low) abort();
    }
}

static void expect_persons(json_t *value)
{
    VAULT_CLEANUP(documents_clear) documents docs = fuzz_documents();
    VAULT_CLEANUP(manifest_free) manifest_body *b = NULL;
    vault_error err = {0};
    json_decref(docs.of[DOC_PERSONS]);
    docs.of[DOC_PERSONS] = json_incref(value);
    if (manifest_build(&b, "fuzz", &docs, &err) != VAULT_OK) abort();
    if (b->person_count != json_array_size(json_object_get(value, "persons"))) abort();
    for (size_t i = 0; i < b->person_count; i++) {
        expect_person(b, &b->persons[i]);
        for (size_t k = 0; k < b->principal_count; k++) {
            if (id_compare_looks(b->persons[i].id, b->principals[k].id) == 0) abort();
        }
        if (i > 0 && id_compare_looks(b->persons[i - 1].id, b->persons[i].id) == 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    static const char head[] = "{\"persons\":", tail[] = "}";
    char text[8192];
    document_fault fault;
    if (size > sizeof text - sizeof head - sizeof tail) return 0;
    writer w = writer_over((uint8_t *)text, sizeof text);
    put_bytes(&w, bytes_of_text(head));
    put_bytes(&w, bytes_of(data, size));
    put_bytes(&w, bytes_of_text(tail));
    if (document_check(&fault, &value, &(document_given){DOC_PERSONS, writer_bytes(&w), 20260601}, fuzz_standing()))
        fuzz_expect_fault(&fault);
    else
        expect_persons(value);
    return 0;
}
