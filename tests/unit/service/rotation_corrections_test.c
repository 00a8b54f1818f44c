/* Corrections while residents come under new keys: what waits is shown and decided, whichever key it is under. */
#include "tests/unit/service/records.h"
#include "tests/unit/service/rotating.h"

static uint64_t asked_about; /* a resident of whom the clinic says otherwise */

static const Vault__V1__Correction *wanted(void)
{
    const Vault__V1__ListCorrectionsResponse *all = waiting(true);
    assert_int_equal(all->n_corrections, 1);
    return all->corrections[0];
}

static void given_correction(const char *field, const char *value)
{
    (void)given_no_keeper();
    asked_about = known_in_full(0, true);
    const Vault__V1__PutResult *put = clinic_says(asked_about, field, value);
    assert_int_equal(put->n_corrections, 1);
}

static void reseal(const char *suite, void (*look)(void))
{
    static const char *const rings[] = {"record"};
    (void)rotate_rings((rotate_wish){.rings = rings, .count = 1, .suite = suite, .reseal = true});
    (void)run_jobs(100, look);
}

static void expect_wanted(void)
{
    assert_string_equal(wanted()->value, "90");
}

TEST("a correction that waits is shown at every moment of a reseal, and can be accepted under the new key")
{
    given_correction("education", "90");
    expect_wanted();
    reseal("gm", expect_wanted);
    expect_wanted();
    const char *name = name_of("", wanted()->name);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, name + 1, true)), 0);
    const Vault__V1__Record *now = stored_record(asked_about, MASK("education"));
    assert_string_equal(now->values[0]->value->text, "90");
    fixture_reset();
}

TEST("what was decided fits under every key that comes after, and an export shows both")
{
    given_correction("education", "80");
    const char *name = name_of("", wanted()->name);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, name + 1, false)), 0);
    given_correction("education", "70");
    reseal("intl", NULL);
    reseal(NULL, NULL);
    const Vault__V1__ListCorrectionsResponse *all = list(
        &(listed){.uri = POPULATION, .why = WHY, .token = known_token(POPULATION, WHY, asked_about), .values = true});
    assert_true(all->n_corrections >= 2);
    fixture_reset();
}

TEST("a request that is filed while its resident is resealed is never left behind under the old key")
{
    (void)given_no_keeper();
    asked_about = known_in_full(0, true);
    job_row job;
    (void)ROTATE(.reseal = true, "record");
    assert_true(open_job(&job));
    job_work w = {.job = &job};
    for (int i = 0; !step_by(fixture_session(), &w, 40); i++)
        (void)clinic_says(asked_about, "education", i % 2 ? "61" : "62");
    end_work(&w);
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .values = true}), VAULT_OK, NULL);
    assert_true(waiting(true)->n_corrections > 0);
    assert_string_equal(pg_sql("select count(distinct ring_version) from resident_key"), "1");
    fixture_reset();
}
