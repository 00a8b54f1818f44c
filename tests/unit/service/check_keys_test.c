/* What `vaultd --verify-keys` finds: every ring, samples of what lies under it, and what does not open. */
#include "tests/unit/service/erase.h"
#include "tests/unit/service/steward.h"

static keys_checked found;
static vault_error err;

static vault_code look(const service_options *o)
{
    vault_error_clear(&err);
    return service_check_keys(&found, fixture_memory(), o, &err);
}

static service_options options(void)
{
    (void)fixture_session();
    return fixture_options();
}

static const checked_ring *ring_of(const char *name)
{
    for (size_t i = 0; i < found.ring_count; i++)
        if (strcmp(found.rings[i].name, name) == 0) return &found.rings[i];
    fail_msg("no ring %s", name);
    return NULL;
}

TEST("every ring that there is opens, and samples of all kinds of values do; nothing is written")
{
    const service_options o = options();
    int64_t lines = lines_in_log();
    expect_ok(look(&o), &err);
    assert_string_equal(found.vault, "resident-vault/test");
    assert_int_equal(found.residents, FIXTURE_RESIDENTS);
    assert_int_equal(found.lines, lines);
    assert_null(found.behind);
    assert_int_equal(found.ring_count, number_in("select count(*) from key_ring"));
    static const char *const used[] = {"record", "natural", "control", "log", "rows", "term/name", "term/phone"};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) assert_true(ring_of(used[i])->samples > 0);
    for (size_t i = 0; i < found.ring_count; i++)
        if (strncmp(found.rings[i].name, "token/", 6) == 0) assert_int_equal(found.rings[i].samples, 1);
    assert_int_equal(ring_of("record")->samples, 192);
    assert_string_equal(ring_of("record")->state, "active");
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("another root key opens nothing")
{
    service_options o = options();
    uint8_t other[KEY_LEN];
    memcpy(other, o.root.at, KEY_LEN);
    other[31] ^= 1;
    o.root = bytes_of(other, sizeof other);
    expect_code(look(&o), VAULT_INTEGRITY, &err);
    fixture_reset();
}

TEST("people's shares are not taken for a vault whose key lies in a file, and without a key nothing is begun")
{
    service_options o = options();
    o.root = bytes_of(NULL, 0);
    o.keeping = (root_keeping){.source = ROOT_SHARES};
    o.entered = bytes_of_text("rvs1-00000000\n");
    expect_code(look(&o), VAULT_INVALID, &err);
    o.keeping = (root_keeping){.source = ROOT_FILE, .key_file = "/nonexistent"};
    assert_int_not_equal(look(&o), VAULT_OK);
    vault_error_clear(&err);
    fixture_reset();
}

/* Each is damaged, found, and mended. */
TEST("a row, a key, a term, a line, a ring or a manifest that was edited does not pass")
{
    static const struct {
        const char *harm, *mend;
    } damages[] = {
        {"update resident set area = area + 1 where id = (select min(id) from resident)",
         "update resident set area = area - 1 where id = (select min(id) from resident)"},
        {"update resident_key set ring_version = 2 where id = (select min(id) from resident)",
         "update resident_key set ring_version = 1 where id = (select min(id) from resident)"},
        {"update line set officer = set_byte(officer, 30, get_byte(officer, 30) # 1) where idx = 3",
         "update line set officer = set_byte(officer, 30, get_byte(officer, 30) # 1) where idx = 3"},
        {"update key_ring set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where name = 'term/phone'",
         "update key_ring set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where name = 'term/phone'"},
        {"update control set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
         "update control set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)"},
        {"insert into erasure values (77, 1, 1)", "delete from erasure where number = 77"},
    };
    const service_options o = options();
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        pg_sql("%s", damages[i].harm);
        if (look(&o) != VAULT_INTEGRITY) fail_msg("%s: %s", damages[i].harm, vault_code_name(err.code));
        pg_sql("%s", damages[i].mend);
        expect_ok(look(&o), &err);
    }
    fixture_reset();
}

TEST("a database that lags behind what is kept outside says so, and its keys are good all the same")
{
    const service_options o = options();
    char path[128];
    erase_one(token_for(POPULATION, WHY, 50));
    snprintf(path, sizeof path, "%s.erasures", fixture_checkpoint_file());
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fprintf(f, "99 7 7 %064d\n", 0);
    fclose(f);
    expect_ok(look(&o), &err);
    assert_non_null(found.behind);
    assert_int_equal(found.erased, 1);
    assert_int_equal(remove(path), 0);
    fixture_reset();
}

static void without_index(json_t *of)
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(json_array_get(json_object_get(of, "collections"), 0), "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), "phone") == 0)
            json_object_set_new(field, "index", json_array());
    }
}

TEST("rows that were written while the schema had other indexes are sound")
{
    const service_options o = options();
    expect_outcome(approve(OFFICER, proposed(ADMINISTRATOR, "schema", without_index)), VAULT_OK, NULL);
    expect_ok(look(&o), &err);
    assert_int_equal(ring_of("record")->samples, 192);
    fixture_reset();
}
