/* Who was erased stays so, whatever of him is put back, and whichever older table: a node does not open before. */
#include "tests/unit/service/erase.h"

#include <unistd.h>

/* A resident is erased, and what an old backup would have of the row lies aside. */
static const char *erased_with_backup(uint64_t index)
{
    const char *named = token_for(POPULATION, WHY, index);
    clinic_says(index, "name", "欧阳修");
    pg_sql("drop table if exists saved_resident, saved_key, saved_term, saved_correction");
    pg_sql("create table saved_resident as select * from resident");
    pg_sql("create table saved_key as select * from resident_key");
    pg_sql("create table saved_term as select * from resident_term");
    pg_sql("create table saved_correction as select * from correction");
    erase_one(named);
    pg_sql("delete from saved_resident where id in (select id from resident)");
    pg_sql("delete from saved_key where id not in (select id from saved_resident)");
    pg_sql("delete from saved_term where id not in (select id from saved_resident)");
    assert_int_equal(number_in("select count(*) from saved_resident"), 1);
    return named;
}

static void put_back(void)
{
    pg_sql("insert into resident select * from saved_resident");
    pg_sql("insert into resident_key select * from saved_key");
    pg_sql("insert into resident_term select * from saved_term");
    pg_sql("insert into correction select * from saved_correction");
}

static void expect_nobody(const char *named)
{
    assert_int_equal(number_in("select count(*) from resident r join saved_resident using (id)"), 0);
    assert_int_equal(number_in("select count(*) from resident_key r join saved_resident using (id)"), 0);
    assert_int_equal(number_in("select count(*) from resident_term r join saved_resident using (id)"), 0);
    assert_int_equal(number_in("select count(*) from correction"), 0);
    expect_outcome(reveal(POPULATION, WHY, named, MASK("name")), VAULT_DENIED, "resident");
}

TEST("an erased resident whose rows were put back from a backup is taken away when a node opens")
{
    const char *named = erased_with_backup(40);
    int64_t others = number_in("select count(*) from resident");
    put_back();
    fixture_restart();
    expect_nobody(named);
    assert_int_equal(number_in("select count(*) from resident"), others);
    fixture_reset();
}

TEST("the key alone, put back, opens nothing and goes, too")
{
    const char *named = erased_with_backup(41);
    pg_sql("insert into resident_key select * from saved_key");
    fixture_restart();
    expect_nobody(named);
    fixture_reset();
}

static void refused_to_open(const char *what)
{
    vault_error err = {0};
    vault_code code = fixture_reopen(&err);
    if (code != VAULT_INTEGRITY || !strstr(err.detail, what)) fail_msg("%s: '%s'", vault_code_name(code), err.detail);
}

TEST("a table of erasures that lacks a link, or has another one, or one too many, is not opened")
{
    (void)erased_with_backup(42);
    (void)erased_with_backup(43);
    pg_sql("create table if not exists saved_erasure as select * from erasure");
    pg_sql("delete from erasure where number = 1");
    refused_to_open("erasure 1 is missing");
    pg_sql("insert into erasure select * from saved_erasure where number = 1");
    fixture_restart();
    pg_sql("update erasure set resident = resident + 1 where number = 2");
    refused_to_open("erasure");
    pg_sql("update erasure set resident = resident - 1 where number = 2");
    fixture_restart();
    pg_sql("insert into erasure select max(number) + 1, 5, 5 from erasure");
    refused_to_open("is missing, or there are more");
    pg_sql("delete from erasure where resident = 5");
    fixture_restart();
    fixture_reset();
}

TEST("a file outside that knows of more erasures than the database refuses it: an older one was put back")
{
    char path[128];
    vault_error err = {0};
    (void)erased_with_backup(44);
    snprintf(path, sizeof path, "%s.erasures", fixture_checkpoint_file());
    for (int i = 0; i < 1200 && access(path, R_OK) != 0; i++) usleep(50000);
    fixture_restart();
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fprintf(f, "99 7 7 %064d\n", 0);
    fclose(f);
    refused_to_open("an older one was put back");
    expect_ok(unlink(path) == 0 ? VAULT_OK : VAULT_INTERNAL, &err);
    fixture_restart();
    fixture_reset();
}
