/* Forged tokens, made with the domain's real key: a token whose zeros are not zero leads nowhere. And what cannot be
 * told apart from outside takes the same way inside: the statements and the calls into the cipher library are traced.
 */
#include "tests/unit/service/domain.h"
#include "vault/record/internal.h"

#include <dlfcn.h>
#include <gcrypt.h>
#include <libpq-fe.h>
#include <stdio.h>

/* ---- traces ---- */

static char trace[16384];
static size_t traced;
static _Thread_local bool tracing; /* this thread's: the publisher is not counted */

static void note(const char *what)
{
    if (!tracing) return;
    traced += (size_t)snprintf(trace + traced, sizeof trace - traced, "%s\n", what);
}

#define REAL(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

typedef int send_prepared(PGconn *, const char *, int, const char *const *, const int *, const int *, int);
int PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                        const int *formats, int result_format)
{
    note(name);
    return REAL(send_prepared *, "PQsendQueryPrepared")(conn, name, count, values, lengths, formats, result_format);
}

typedef gcry_error_t set_bytes(gcry_cipher_hd_t, const void *, size_t);
gcry_error_t gcry_cipher_setkey(gcry_cipher_hd_t h, const void *key, size_t len)
{
    note("setkey");
    return REAL(set_bytes *, "gcry_cipher_setkey")(h, key, len);
}

gcry_error_t gcry_cipher_authenticate(gcry_cipher_hd_t h, const void *aad, size_t len)
{
    note("authenticate");
    return REAL(set_bytes *, "gcry_cipher_authenticate")(h, aad, len);
}

gcry_error_t gcry_cipher_checktag(gcry_cipher_hd_t h, const void *tag, size_t len)
{
    note("checktag");
    return REAL(set_bytes *, "gcry_cipher_checktag")(h, tag, len);
}

typedef gcry_error_t transform(gcry_cipher_hd_t, void *, size_t, const void *, size_t);
gcry_error_t gcry_cipher_encrypt(gcry_cipher_hd_t h, void *out, size_t size, const void *in, size_t len)
{
    if (len > BLOCK_LEN) note("encrypt"); /* a look-up tag is one block, and none where there is nobody */
    return REAL(transform *, "gcry_cipher_encrypt")(h, out, size, in, len);
}

gcry_error_t gcry_cipher_decrypt(gcry_cipher_hd_t h, void *out, size_t size, const void *in, size_t len)
{
    note("decrypt");
    return REAL(transform *, "gcry_cipher_decrypt")(h, out, size, in, len);
}

static request *ask_traced(const asked *a, char out[sizeof trace])
{
    traced = 0;
    trace[0] = 0;
    tracing = true;
    request *rq = ask(a);
    tracing = false;
    assert_true(traced + 64 < sizeof trace);
    memcpy(out, trace, sizeof trace);
    return rq;
}

static bytes refusal_of(const request *rq)
{
    expect_outcome(rq, VAULT_DENIED, "resident");
    assert_null(rq->out);
    return status_packed(fixture_memory(), &rq->err);
}

static asked reveal_by(const char *text)
{
    return (asked){.path = "/vault.v1.Tokens/Reveal",
                   .uri = ELDERCARE,
                   .purpose = "elder-care",
                   .in = &reveal_of(text, MASK("name"))->base};
}

TEST("a token with any of its 64 zero bits flipped under the key is refused, as an unknown resident is")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *genuine = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    int64_t id = id_behind(genuine, key);
    assert_string_equal(forge(d, key, id, 0), genuine);
    bytes unknown = refusal_of(ask(&(asked[]){reveal_by(forge(d, key, INT64_MAX, 0))}[0]));
    for (unsigned bit = 0; bit < 64; bit++) {
        int64_t before = lines_in_log();
        asked one = reveal_by(forge(d, key, id, UINT64_C(1) << bit));
        assert_true(bytes_same(refusal_of(ask(&one)), unknown));
        assert_int_equal(lines_in_log(), before + 1);
    }
    asked one = reveal_by(forge(d, key, -id, 0));
    assert_true(bytes_same(refusal_of(ask(&one)), unknown));
    one = reveal_by(forge(d, key, 0, 0));
    assert_true(bytes_same(refusal_of(ask(&one)), unknown));
    one = reveal_by(genuine);
    expect_outcome(ask(&one), VAULT_OK, NULL);
    block_free(&key);
    fixture_reset();
}

TEST("a token of another epoch, of another's domain, and of no domain is refused in the same way")
{
    const domain *d = domain_of(ELDERCARE, "elder-care"), none = {.number = 0};
    block_cipher *key = key_of(d);
    bytes unknown = refusal_of(ask(&(asked[]){reveal_by(forge(d, key, INT64_MAX, 0))}[0]));
    token t;
    vault_error err = {0};
    expect_ok(token_read(&t, bytes_of_text(token_for(ELDERCARE, "elder-care", resident_in_street(0))), &err), &err);
    char text[TOKEN_TEXT_LEN + 1];
    t.epoch = 2;
    token_write(text, &t);
    assert_true(bytes_same(refusal_of(ask(&(asked[]){reveal_by(text)}[0])), unknown));
    t.epoch = 1;
    t.domain = domain_of(CLINIC, "family-doctor")->number;
    token_write(text, &t);
    assert_true(bytes_same(refusal_of(ask(&(asked[]){reveal_by(text)}[0])), unknown));
    assert_true(bytes_same(refusal_of(ask(&(asked[]){reveal_by(forge(&none, key, 1, 0))}[0])), unknown));
    block_free(&key);
    fixture_reset();
}

TEST("unknown, elsewhere, forged: the same answer, the same statements, the same calls of the cipher library")
{
    char elsewhere[sizeof trace], other[sizeof trace];
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    asked one = reveal_by(token_for(ELDERCARE, "elder-care", resident_elsewhere(0)));
    bytes wanted = refusal_of(ask_traced(&one, elsewhere));
    assert_non_null(strstr(elsewhere, "residents_by_id\n"));
    assert_non_null(strstr(elsewhere, "append\n"));
    const char *const others[] = {forge(d, key, INT64_MAX, 0), forge(d, key, 1, 2),
                                  token_for(ELDERCARE, "elder-care", resident_elsewhere(50))};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        one = reveal_by(others[i]);
        bytes got = refusal_of(ask_traced(&one, other));
        assert_true(bytes_same(got, wanted));
        assert_string_equal(other, elsewhere);
    }
    block_free(&key);
    fixture_reset();
}

static asked issue_by(const char *uri, const char *why, const char *number)
{
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    char **numbers = arena_array(fixture_memory(), 1, sizeof *numbers);
    vault__v1__batch_issue_request__init(in);
    numbers[0] = (char *)(uintptr_t)number;
    in->n_values = 1;
    in->values = numbers;
    in->want_receipt = true;
    return (asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = uri, .purpose = why, .in = &in->base};
}

static const Vault__V1__BatchIssueResponse *refused_item(const request *rq, bytes *status)
{
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    assert_int_equal(out->results[0]->status->code, 7);
    const ProtobufCMessage *message = &out->results[0]->status->base;
    uint8_t *at = arena_alloc(fixture_memory(), protobuf_c_message_get_packed_size(message));
    *status = bytes_of(at, protobuf_c_message_pack(message, at));
    return out;
}

/* A resident who lives outside the district, put by SQL-free means: nobody may see them. */
TEST("an ID number that nobody has and one of somebody who may not be seen give the same answer in the same way")
{
    char unseen[sizeof trace], unknown[sizeof trace];
    resident r;
    bytes a, b;
    pg_sql("create table kept as select * from resident");
    the_resident(7, &r);
    const char *here = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    the_resident(9999, &r);
    const char *nobody = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    /* Who is not live is not seen; the row is proven again with its own key. */
    vault_error err = {0};
    session *s = fixture_session();
    uint8_t natural[1][NATURAL_LEN], tag[ROW_TAG_LEN], dek[KEY_LEN];
    char hex[2 * ROW_TAG_LEN + 1];
    resident_row row;
    record proven = {.dek = dek};
    const manifest *m = control_acquire(s->service->control);
    const collection *people = schema_collection(&m->schema, "residents");
    expect_ok(cabinet_natural_key(s->cabinet, natural[0], people, bytes_of_text(here), &err), &err);
    control_release(s->service->control, m);
    expect_ok(store_residents_by_key(s->store, fixture_memory(), (const uint8_t(*)[NATURAL_LEN])natural, 1, &row, &err),
              &err);
    expect_ok(record_prove(&proven, s->cabinet, &row, &err), &err);
    row.state = 2;
    expect_ok(row_seal_tag(s->cabinet, dek, &row, tag, &err), &err);
    hex_encode(hex, bytes_of(tag, sizeof tag));
    pg_sql("update resident set state = 2, tag = '\\x%s' where id = %lld", hex, (long long)row.id);

    int64_t before = lines_in_log();
    asked one = issue_by(ELDERCARE, "elder-care", here), two = issue_by(ELDERCARE, "elder-care", nobody);
    const Vault__V1__BatchIssueResponse *x = refused_item(ask_traced(&one, unseen), &a);
    const Vault__V1__BatchIssueResponse *y = refused_item(ask_traced(&two, unknown), &b);
    assert_true(bytes_same(a, b));
    assert_string_equal(unseen, unknown);
    assert_int_equal(lines_in_log(), before + 2);
    /* Nor do the receipts tell them apart. */
    assert_int_equal(x->receipts[0]->lines[0]->resident_view.len, y->receipts[0]->lines[0]->resident_view.len);
    assert_int_equal(protobuf_c_message_get_packed_size(&x->receipts[0]->lines[0]->base),
                     protobuf_c_message_get_packed_size(&y->receipts[0]->lines[0]->base));
    pg_sql("update resident r set state = k.state, tag = k.tag from kept k where k.id = r.id; drop table kept");
    fixture_reset();
}

/* ---- granted, and then it does not open ---- */

static void hex_text(char *out, bytes b)
{
    hex_encode(out, b);
}

TEST("a field that was granted and does not open is DATA_LOSS, and a second line that refers to the first")
{
    static char hex[8192], tag_hex[2 * ROW_TAG_LEN + 1];
    vault_error err = {0};
    session *s = fixture_session();
    const domain *d = domain_of(CLINIC, "family-doctor");
    block_cipher *key = key_of(d);
    const char *own = token_for(CLINIC, "family-doctor", 3);
    int64_t id = id_behind(own, key);
    uint8_t tag[ROW_TAG_LEN], dek[KEY_LEN], *pack;
    resident_row row;
    record proven = {.dek = dek};
    expect_ok(store_residents_by_id(s->store, fixture_memory(), &id, 1, &row, &err), &err);
    expect_ok(record_prove(&proven, s->cabinet, &row, &err), &err);
    /* Somebody who has the data key, but not the value: the tag of the row fits, the name does not open. */
    pack = arena_alloc(fixture_memory(), row.sealed.len);
    memcpy(pack, row.sealed.at, row.sealed.len);
    segment name;
    bool found;
    expect_ok(pack_find(&name, &found, row.sealed, FIELD_NAME, &err), &err);
    assert_true(found);
    pack[name.sealed.at - row.sealed.at + NONCE_LEN] ^= 1;
    row.sealed = bytes_of(pack, row.sealed.len);
    expect_ok(row_seal_tag(s->cabinet, dek, &row, tag, &err), &err);
    hex_text(hex, row.sealed);
    hex_text(tag_hex, bytes_of(tag, sizeof tag));
    pg_sql("create table kept as select * from resident where id = %lld", (long long)id);
    pg_sql("update resident set sealed = '\\x%s', tag = '\\x%s' where id = %lld", hex, tag_hex, (long long)id);

    int64_t before = lines_in_log();
    request *rq = reveal(CLINIC, "family-doctor", own, MASK("phone", "name"));
    expect_outcome(rq, VAULT_INTEGRITY, NULL);
    assert_null(rq->out);
    assert_int_equal(lines_in_log(), before + 2);
    expect_outcome(reveal(CLINIC, "family-doctor", own, MASK("phone")), VAULT_OK, NULL);

    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.resident_token = (char *)(uintptr_t)own;
    rq = ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *out = (const void *)rq->out;
    char refers[64];
    snprintf(refers, sizeof refers, "\"refers\":%lld", (long long)before);
    bool seen = false;
    for (size_t i = 0; i < out->n_lines; i++) {
        if ((int64_t)out->lines[i]->index != before + 1) continue;
        seen = true;
        assert_string_equal(out->lines[i]->outcome, "failed");
        assert_string_equal(out->lines[i - 1]->outcome, "granted");
        assert_non_null(strstr(out->lines[i]->officer_view, refers));
        assert_non_null(strstr(out->lines[i]->officer_view, "\"clause\":\"INTEGRITY\""));
    }
    assert_true(seen);
    pg_sql("update resident r set sealed = k.sealed, tag = k.tag from kept k where k.id = r.id; drop table kept");
    expect_outcome(reveal(CLINIC, "family-doctor", own, MASK("name")), VAULT_OK, NULL);
    block_free(&key);
    fixture_reset();
}

/* ---- chance ---- */

static int no_chance(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return -1;
}

TEST("without random bytes nothing is sealed, written or revealed; with them the service goes on")
{
    const char *own = token_for(CLINIC, "family-doctor", 3);
    int64_t before = lines_in_log();
    char rows[32];
    snprintf(rows, sizeof rows, "%s", pg_sql("select count(*) || ' ' || sum(version) from resident"));
    entropy_set_for_test(no_chance);
    request *rq = reveal(CLINIC, "family-doctor", own, MASK("name"));
    expect_outcome(rq, VAULT_INTERNAL, NULL);
    assert_null(rq->out);
    rq = put_residents(4000, 3);
    expect_outcome(rq, VAULT_INTERNAL, NULL);
    assert_null(rq->out);
    expect_outcome(put_residents(0, 3), VAULT_INTERNAL, NULL);
    assert_int_equal(lines_in_log(), before);
    assert_string_equal(pg_sql("select count(*) || ' ' || sum(version) from resident"), rows);
    entropy_set_for_test(NULL);
    expect_outcome(reveal(CLINIC, "family-doctor", own, MASK("name")), VAULT_OK, NULL);
    fixture_reset();
}
