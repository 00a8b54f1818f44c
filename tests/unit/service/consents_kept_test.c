/* What a record's consents outlive: rotations, reseals, and every way in which a record is written. And that of who is
 * restricted they say nothing. */
#include "tests/unit/service/consents.h"
#include "tests/unit/service/import.h"
#include "tests/unit/service/rotating.h"

/* Residents of the street: one who agreed, one who agreed until a day, one who took it back, one who said nothing. */
enum { AGREED, UNTIL, BACK, SILENT, PEOPLE };
static uint64_t people[PEOPLE];
static const int64_t END_S = INT64_C(4000000000);

static const char *of(unsigned who)
{
    return known_token(ELDERCARE, CARE, people[who]);
}

static void given_words(void)
{
    uint64_t at = 0;
    for (unsigned i = 0; i < PEOPLE; i++, at++) people[i] = at = known_in_full(at, true);
    assert_string_equal(said(of(AGREED), true), "");
    const char *until = of(UNTIL);
    expect_outcome(say_as(NULL, &until, 1, true, END_S), VAULT_OK, NULL);
    assert_string_equal(said(of(BACK), true), "");
    assert_string_equal(said(of(BACK), false), "");
}

static void expect_state(unsigned who, Vault__V1__ConsentState state)
{
    const Vault__V1__ConsentResult *now = standing(CARE, of(who));
    assert_null(now->status);
    assert_int_equal(now->state, state);
    assert_int_equal(now->expire_time ? now->expire_time->seconds : 0, who == UNTIL ? END_S : 0);
}

/* They say what they said, and what rests on it is given or not. */
static void expect_words(void)
{
    static const Vault__V1__ConsentState states[] = {
        VAULT__V1__CONSENT_STATE__CONSENT_STATE_GIVEN, VAULT__V1__CONSENT_STATE__CONSENT_STATE_GIVEN,
        VAULT__V1__CONSENT_STATE__CONSENT_STATE_WITHDRAWN, VAULT__V1__CONSENT_STATE__CONSENT_STATE_NONE};
    for (unsigned who = 0; who < PEOPLE; who++) {
        bool stands = who == AGREED || who == UNTIL;
        expect_state(who, states[who]);
        expect_outcome(see(of(who), "occupation"), stands ? VAULT_OK : VAULT_DENIED, stands ? NULL : "resident");
    }
}

static void rotate(bool reseal, const char *suite)
{
    static const char *const rings[] = {"record"};
    (void)given_no_keeper();
    (void)rotate_rings((rotate_wish){.rings = rings, .count = 1, .suite = suite, .reseal = reseal});
    (void)run_jobs(200, expect_words);
    expect_words();
}

TEST("what was said stands at every step of a rotation of the record ring, of a reseal, and of another suite")
{
    given_words();
    rotate(false, NULL);
    rotate(true, NULL);
    rotate(true, "gm");
    fixture_restart(); /* the head's sum is checked against the rows */
    expect_words();
    fixture_reset();
}

static unsigned version_of(unsigned who)
{
    return stored_record(people[who], MASK("sex"))->version;
}

/* The register says something new of everybody. */
static void update_all(const char *phone)
{
    for (unsigned who = 0; who < PEOPLE; who++)
        assert_null(put_of(update(&(updated){.uri = POPULATION,
                                             .why = WHY,
                                             .token = known_token(POPULATION, WHY, people[who]),
                                             .version = version_of(who),
                                             .fields = MASK("phone"),
                                             VALUES(phone)}))
                        ->status);
}

TEST("an update, a put and an import change what they bring, and no word of the resident's")
{
    given_words();
    update_all("13900000001");
    expect_words();
    unsigned before = version_of(AGREED);
    for (unsigned who = 0; who < PEOPLE; who++) {
        request *rq = put_residents(people[who], 1); /* the seed's phone again */
        expect_outcome(rq, VAULT_OK, NULL);
        assert_null(((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0]->status);
    }
    assert_true(version_of(AGREED) > before);
    expect_words();
    update_all("13900000002");
    before = version_of(AGREED);
    for (unsigned who = 0; who < PEOPLE; who++) {
        Vault__V1__ImportRequest *rows[] = {rows_of(people[who], 1)};
        (void)import_all(&(importing){0}, rows, 1);
    }
    assert_true(version_of(AGREED) > before);
    expect_words();
    fixture_reset();
}

TEST("a correction that waits, is declined or accepted leaves every word as it is")
{
    given_words();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned who = 0; who < PEOPLE; who++)
            assert_int_equal(clinic_says(people[who], "education", "90")->n_corrections, 1);
        expect_words();
        for (unsigned who = 0; who < PEOPLE; who++) {
            const char *name = name_of("", waiting(true)->corrections[0]->name);
            assert_int_equal(outcome_of(decide(POPULATION, WHY, name + 1, round == 1)), 0);
        }
        expect_words();
    }
    const Vault__V1__Record *now = stored_record(people[AGREED], MASK("education"));
    assert_string_equal(now->values[0]->value->text, "90");
    fixture_reset();
}

/* What leaves, but for what it is the proof and version of. */
static bytes exported(unsigned who)
{
    request *rq = export_record(ELDERCARE, CARE, of(who));
    expect_outcome(rq, VAULT_OK, NULL);
    Vault__V1__ExportResponse *out = (void *)rq->out;
    out->record->receipt = NULL;
    out->record->version = 0;
    size_t len = protobuf_c_message_get_packed_size(&out->base);
    uint8_t *packed = arena_alloc(fixture_memory(), len);
    return bytes_of(packed, protobuf_c_message_pack(&out->base, packed));
}

TEST("an export is of fields and corrections: with every word, or none, the same leaves")
{
    given_words();
    assert_string_equal(said(of(AGREED), false), "");
    const bytes before = exported(AGREED);
    assert_string_equal(said(of(AGREED), true), "");
    assert_true(bytes_same(before, exported(AGREED)));
    fixture_reset();
}

TEST("of who is restricted nothing is shown, nothing is written down, and no word is told: as of nobody")
{
    given_words();
    const char *nobody = token_for(CLINIC, DOCTOR, people[AGREED]); /* another app's */
    for (unsigned who = 0; who < PEOPLE; who++)
        restrict_record(POPULATION, WHY, known_token(POPULATION, WHY, people[who]));
    const Google__Rpc__Status *unknown = standing(CARE, nobody)->status;
    for (unsigned who = 0; who < PEOPLE; who++) {
        int64_t lines = lines_in_log();
        expect_outcome(see(of(who), "occupation"), VAULT_DENIED, "resident");
        expect_outcome(see_strongest(of(who), "occupation"), VAULT_DENIED, "resident");
        assert_string_equal(said(of(who), false), "resident");
        assert_string_equal(said(of(who), true), "resident");
        const Vault__V1__ConsentResult *got = standing(CARE, of(who));
        assert_int_equal(got->state, VAULT__V1__CONSENT_STATE__CONSENT_STATE_UNSPECIFIED);
        assert_true(!got->time && !got->expire_time);
        expect_alike(got->status, unknown);
        assert_int_equal(lines_in_log(), lines + 5);
    }
    fixture_reset();
}
