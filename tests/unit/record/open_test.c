/* Opening: a row is proven before its fields are, a field opens under a grant for it alone, and a context that does not
 * fit opens nothing. */
#include "tests/unit/record/fixture.h"

static grant everything(policy_form form)
{
    return (grant){.given = true, .form = form, .fields = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
}

TEST("without a grant for this field in a form that shows values nothing opens")
{
    record r;
    resident_row row;
    field_text out = {0};
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    grant none = {0}, refused = grant_of(FIELD_NAME), other = grant_of(FIELD_PHONE), nothing = grant_of(FIELD_NAME);
    refused.given = false;
    nothing.form = FORM_NOTHING;
    const grant *const bad[] = {&none, &refused, &other, &nothing};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        expect_code(field_open(&out, box, bad[i], &r, field_of(FIELD_NAME), &err), VAULT_DENIED, &err);
        assert_null(out.text.at);
    }
    const schema_field past = {.number = POLICY_FIELDS_MAX}, last = {.number = UINT32_MAX};
    const grant all = everything(FORM_PLAIN);
    expect_code(field_open(&out, box, &all, &r, &past, &err), VAULT_DENIED, &err);
    expect_code(field_open(&out, box, &all, &r, &last, &err), VAULT_DENIED, &err);
}

TEST("a grant opens nothing of a row that is not proven")
{
    record r = {.dek = dek_bytes[0]};
    resident_row missing = {.id = 5};
    field_text out = {0};
    given_cabinet();
    expect_ok(record_prove(&r, box, &missing, &err), &err);
    assert_false(r.genuine);
    for (policy_form form = FORM_MASKED; form <= FORM_PLAIN; form++) {
        grant all = everything(form);
        expect_code(field_open(&out, box, &all, &r, field_of(FIELD_NAME), &err), VAULT_INTERNAL, &err);
        assert_true(!out.absent && !out.text.at);
    }
}

/* ---- every part of a field's context ---- */

static void expect_bound(size_t offset, const char *what)
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){NULL, "Anna", NULL, NULL, NULL}, 0);
    uint8_t *pack = edit_pack(&row);
    pack[offset] ^= 1;
    segment s;
    bool found;
    aead *cipher;
    bytes text = {0};
    expect_ok(record_cipher(&cipher, box, &r, &err), &err);
    reader from = reader_over(row.sealed);
    expect_ok(segment_read(&s, &from, 0, &err), &err);
    vault_code code = segment_open(box, row.id, &s, &text, &err);
    if (code != VAULT_INTEGRITY) fail_msg("%s is not bound", what);
    vault_error_clear(&err);
    assert_null(text.at);
    (void)found;
}

TEST("field number, field version and suite are bound to the value; so is every byte of it")
{
    expect_bound(1, "field number");
    expect_bound(2, "field version, first byte");
    expect_bound(5, "field version, last byte");
    expect_bound(6, "suite");
    for (size_t i = 0; i < NONCE_LEN + 16 + TAG_LEN; i++) expect_bound(SEGMENT_HEADER_LEN + i, "a sealed byte");
}

TEST("a field's value in another resident's place does not open, even under the other's own data key")
{
    record a, b;
    resident_row row_a, row_b;
    given_cabinet();
    given_resident(&a, &row_a, 1, ANNA, 0);
    given_resident(&b, &row_b, 2, ANNA, 1);
    resident_row stolen = row_b;
    stolen.sealed = row_a.sealed;
    b.row = &stolen;
    expect_broken(&b, FIELD_NAME); /* another data key */
    memcpy(dek_bytes[1], dek_bytes[0], KEY_LEN);
    expect_broken(&b, FIELD_NAME); /* the same data key, another id */
}

TEST("a value moved to another field, or an old version put into the new one, does not open though the tag was made "
     "anew")
{
    record r;
    resident_row row, next;
    given g;
    uint8_t tag[ROW_TAG_LEN];
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){NULL, "Anna", NULL, NULL, NULL}, 0);
    resident_row moved = row;
    edit_pack(&moved)[1] = FIELD_PHONE;
    expect_ok(row_seal_tag(box, r.dek, &moved, tag, &err), &err);
    record again = {.dek = dek_bytes[2]};
    expect_ok(record_prove(&again, box, &moved, &err), &err);
    expect_broken(&again, FIELD_PHONE);

    given_input(&g, (const char *const[]){NULL, "Bea", NULL, NULL, NULL});
    merge_into(&next, &r, &g.in);
    uint8_t *pack = edit_pack(&next);
    assert_int_equal(next.sealed.len, row.sealed.len);
    memcpy(pack + SEGMENT_HEADER_LEN, row.sealed.at + SEGMENT_HEADER_LEN, row.sealed.len - SEGMENT_HEADER_LEN);
    expect_ok(row_seal_tag(box, r.dek, &next, tag, &err), &err);
    expect_ok(record_prove(&again, box, &next, &err), &err);
    expect_broken(&again, FIELD_NAME);
}

TEST("an impossible suite or length is damage and reads nothing")
{
    record r;
    resident_row row;
    uint8_t huge[SEGMENT_HEADER_LEN + 9000] = {0};
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    static const size_t lengths[] = {0, 1, SEAL_OVERHEAD - 1, SEAL_OVERHEAD, 8192, 9000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        writer w = writer_over(huge, sizeof huge);
        segment_write(&w, &(segment){.field = FIELD_NAME,
                                     .version = 1,
                                     .suite = SUITE_INTL,
                                     .sealed = bytes_of(huge + SEGMENT_HEADER_LEN, lengths[i])});
        resident_row edited = row;
        edited.sealed = writer_bytes(&w);
        r.row = &edited;
        expect_broken(&r, FIELD_NAME);
    }
}

/* ---- the row ---- */

static void expect_unproven(const resident_row *edited, const char *what)
{
    record r = {.dek = dek_bytes[3]};
    static const uint8_t zeros[KEY_LEN];
    vault_code code = record_prove(&r, box, edited, &err);
    if (code != VAULT_INTEGRITY) fail_msg("%s: %s", what, vault_code_name(code));
    vault_error_clear(&err);
    assert_false(r.genuine);
    assert_null(r.row);
    assert_memory_equal(r.dek, zeros, KEY_LEN); /* the key of a row that is not proven does not stay */
}

TEST("every column of a row is under its tag or its wrap")
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 7, ANNA, 0);
    const int64_t terms[] = {row.terms[0], row.terms[2], row.terms[1]};
    resident_row edits[] = {row, row, row, row, row, row, row, row, row, row, row, row, row, row, row, row};
    edits[0].id = 8;
    edits[1].natural_key[15] ^= 1;
    edits[2].area++;
    edits[3].state = 2;
    edits[4].version++;
    edits[5].term_count--;
    edits[6].terms = terms;
    edits[7].sealed.len--;
    edits[8].sealed = bytes_of(NULL, 0);
    edits[9].tag.len--;
    edits[10].dek.len--;
    edits[11].ring_version = 2;
    edits[12].ring_version = 0;
    edits[13].ring_version = -1;
    edits[14].collection = 2;
    edits[15].collection = 0;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char what[32];
        snprintf(what, sizeof what, "edit %zu", i);
        expect_unproven(&edits[i], what);
    }
    record again = {.dek = dek_bytes[3]};
    expect_ok(record_prove(&again, box, &row, &err), &err);
    assert_true(again.genuine);
}

TEST("key and row of two residents do not fit together in any mixture")
{
    record a, b;
    resident_row row_a, row_b;
    given_cabinet();
    given_resident(&a, &row_a, 1, ANNA, 0);
    given_resident(&b, &row_b, 2, ANNA, 1);
    resident_row mixed = row_a;
    mixed.dek = row_b.dek;
    expect_unproven(&mixed, "another's key");
    mixed = row_b;
    mixed.id = row_a.id;
    expect_unproven(&mixed, "another's row under this id");
    mixed = row_a;
    mixed.tag = row_b.tag;
    expect_unproven(&mixed, "another's tag");
}

TEST("a cabinet goes on rightly after a version of the ring that is not there")
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    for (int i = 0; i < 3; i++) {
        resident_row edited = row;
        edited.ring_version = 9;
        expect_unproven(&edited, "no such version");
        expect_ok(record_prove(&r, box, &row, &err), &err);
        expect_text(&r, FIELD_NAME, "Anna");
    }
}

/* ---- tokens ---- */

TEST("a token leads back in its own domain and epoch, and nowhere else")
{
    const domain five = {.number = 5, .ring = "token/5"}, six = {.number = 6, .ring = "token/6"},
                 none = {.number = 7, .ring = "token/7"};
    token t, other;
    resident_id id;
    given_cabinet();
    expect_ok(cabinet_issue(box, &t, &five, (resident_id){42}, &err), &err);
    expect_ok(cabinet_issue(box, &other, &six, (resident_id){42}, &err), &err);
    assert_memory_not_equal(t.pseudonym, other.pseudonym, PSEUDONYM_LEN);
    expect_ok(cabinet_resolve(box, &id, &five, &t, &err), &err);
    assert_int_equal(id.id, 42);
    expect_ok(cabinet_resolve(box, &id, &six, &t, &err), &err);
    assert_int_equal(id.id, 0);
    t.domain = 6;
    expect_ok(cabinet_resolve(box, &id, &six, &t, &err), &err);
    assert_int_equal(id.id, 0);
    t.domain = 5;
    t.epoch = 2;
    expect_ok(cabinet_resolve(box, &id, &five, &t, &err), &err);
    assert_int_equal(id.id, 0);
    expect_ok(cabinet_resolve(box, &id, NULL, &t, &err), &err);
    assert_int_equal(id.id, 0);
    expect_code(cabinet_issue(box, &t, &none, (resident_id){42}, &err), VAULT_INTERNAL, &err);
    expect_code(cabinet_issue(box, &t, NULL, (resident_id){42}, &err), VAULT_INTERNAL, &err);
    expect_code(cabinet_issue(box, &t, &five, (resident_id){0}, &err), VAULT_INTERNAL, &err);
    expect_code(cabinet_issue(box, &t, &five, (resident_id){-1}, &err), VAULT_INTERNAL, &err);
}

TEST("a natural key is keyed, of 128 bits, and never of nothing")
{
    static const collection other = {.number = 2}, far = {.number = 255};
    static char longer[8192];
    uint8_t a[NATURAL_LEN], b[NATURAL_LEN];
    given_cabinet();
    expect_ok(cabinet_natural_key(box, a, &RESIDENTS, bytes_of_text("11010519491231002X"), &err), &err);
    expect_ok(cabinet_natural_key(box, b, &RESIDENTS, bytes_of_text("110105194912310021"), &err), &err);
    assert_memory_not_equal(a, b, NATURAL_LEN);
    expect_ok(cabinet_natural_key(box, b, &RESIDENTS, bytes_of_text("11010519491231002X"), &err), &err);
    assert_memory_equal(a, b, NATURAL_LEN);
    expect_ok(cabinet_natural_key(box, b, &other, bytes_of_text("11010519491231002X"), &err), &err);
    assert_memory_not_equal(a, b, NATURAL_LEN); /* the same text in another collection */
    expect_ok(cabinet_natural_key(box, a, &far, bytes_of_text("11010519491231002X"), &err), &err);
    assert_memory_not_equal(a, b, NATURAL_LEN);
    expect_ok(cabinet_natural_key(box, a, &RESIDENTS, bytes_of_text("11010519491231002X"), &err), &err);
    digest plain = sha256(bytes_of_text("11010519491231002X"));
    assert_memory_not_equal(a, plain.at, NATURAL_LEN);
    expect_code(cabinet_natural_key(box, a, &RESIDENTS, bytes_of("", 0), &err), VAULT_INTERNAL, &err);
    expect_code(cabinet_natural_key(box, a, &RESIDENTS, bytes_of(longer, sizeof longer), &err), VAULT_INTERNAL, &err);
}

/* The key that writes. */
static vault_code term_key(prf **out, const char *field)
{
    const ring_prfs *of = NULL;
    VAULT_TRY(cabinet_terms(box, &of, field, &err));
    *out = of->at[0];
    return VAULT_OK;
}

TEST("keys of terms outlive the text that named them")
{
    char name[] = "phone";
    prf *first, *again, *other;
    given_cabinet();
    expect_ok(term_key(&first, name), &err);
    memcpy(name, "namex", sizeof name); /* a manifest that has gone */
    expect_ok(term_key(&again, "phone"), &err);
    assert_ptr_equal(first, again);
    expect_ok(term_key(&other, "name"), &err);
    assert_ptr_not_equal(first, other);
    expect_code(term_key(&other, "namex"), VAULT_INTERNAL, &err);
}

static int64_t term_in_ring(const char *field, const char *text)
{
    prf *key = NULL;
    term_list out;
    const term_place place = {.kind = INDEX_EQUALITY};
    expect_ok(term_key(&key, field), &err);
    expect_ok(terms_of_value(&out, mem, key, &place, bytes_of_text(text), &err), &err);
    return out.at[0];
}

TEST("search terms follow the version of their ring that is active")
{
    given_cabinet();
    given_ring("term/later", 1);
    int64_t first = term_in_ring("later", "x");
    assert_int_equal(term_in_ring("later", "x"), first);
}

TEST("rings that appear while the cabinet stands are found")
{
    const domain late = {.number = 77, .ring = "token/77"};
    token t;
    resident_id id;
    prf *key;
    given_cabinet();
    expect_code(cabinet_issue(box, &t, &late, (resident_id){42}, &err), VAULT_INTERNAL, &err);
    expect_code(term_key(&key, "appears"), VAULT_INTERNAL, &err);
    t = (token){.domain = 77, .epoch = 1};
    expect_ok(cabinet_resolve(box, &id, &late, &t, &err), &err);
    assert_int_equal(id.id, 0);
    given_ring("token/77", 1);
    given_ring("term/appears", 1);
    expect_ok(cabinet_issue(box, &t, &late, (resident_id){42}, &err), &err);
    expect_ok(cabinet_resolve(box, &id, &late, &t, &err), &err);
    assert_int_equal(id.id, 42);
    expect_ok(term_key(&key, "appears"), &err);
}
