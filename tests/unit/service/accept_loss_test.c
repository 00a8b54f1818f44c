/* What is kept outside knows of more than the database: it is not opened, unless somebody accepts the loss; and then
 * who was erased in what is lost is erased again. */
#include "tests/unit/service/erase.h"
#include "vault/service/looking.h"

#include <unistd.h>

static vault_error err;
static char erasures[128];

/* The residents with the least ids, as the next links of the file outside would have them; returns the first one. */
static int64_t add_lost_erasures(int64_t count)
{
    uint8_t numbers[24];
    char hex[2 * DIGEST_LEN + 1];
    digest link = {0};
    const int64_t before = number_in("select count(*) from erasure");
    snprintf(erasures, sizeof erasures, "%s.erasures", fixture_checkpoint_file());
    for (int i = 0; i < DIGEST_LEN; i++)
        link.at[i] = (uint8_t)strtol(pg_sql("select get_byte(erasure, %d) from head", i), NULL, 10);
    FILE *f = fopen(erasures, "a");
    assert_non_null(f);
    for (int64_t i = 0; i < count; i++) {
        const char *who = pg_sql("select id from resident order by id offset %lld limit 1", (long long)i);
        writer w = writer_over(numbers, sizeof numbers);
        put_u64(&w, (uint64_t)(before + i + 1));
        put_u64(&w, (uint64_t)strtoll(who, NULL, 10));
        put_u64(&w, 999999);
        const bytes parts[] = {bytes_of("resident-vault erasure 1", 24), digest_bytes(&link), writer_bytes(&w)};
        link = sha256_parts(parts, 3);
        hex_encode(hex, digest_bytes(&link));
        fprintf(f, "%lld %s 999999 %s\n", (long long)(before + i + 1), who, hex);
    }
    fclose(f);
    return number_in("select min(id) from resident");
}

static void wait_for_file(int64_t links)
{
    char text[64] = "";
    for (int i = 0; i < 1200; i++) {
        FILE *f = fopen(erasures, "r");
        int64_t n = 0;
        while (f && fgets(text, sizeof text, f)) n += strchr(text, '\n') != NULL;
        if (f) fclose(f);
        if (n >= links) return;
        usleep(50000);
    }
    fail_msg("%s has not %lld links", erasures, (long long)links);
}

static vault_code accept(int64_t *again)
{
    const service_options o = fixture_options();
    vault_error_clear(&err);
    return service_accept_loss(again, fixture_memory(), &o, &err);
}

/* What was set aside, or the fixture's folder could not go. */
static void clear_aside(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -f %s.lost-* %s.lost-*", erasures, fixture_checkpoint_file());
    assert_int_equal(system(command), 0);
}

TEST("where nothing is lost there is nothing to accept, and nothing is changed")
{
    int64_t again;
    erase_one(token_for(POPULATION, WHY, 80));
    snprintf(erasures, sizeof erasures, "%s.erasures", fixture_checkpoint_file());
    wait_for_file(1);
    int64_t lines = lines_in_log();
    expect_code(accept(&again), VAULT_INVALID, &err);
    assert_int_equal(lines_in_log(), lines);
    assert_int_equal(access(erasures, R_OK), 0);
    fixture_reset();
}

TEST("an erasure that only the file outside knows of is done again, with a line, and the vault opens")
{
    int64_t again, who, links = number_in("select count(*) from erasure");
    char sql[96];
    wait_for_file(links);
    who = add_lost_erasures(1);
    assert_int_equal(fixture_reopen(&err), VAULT_INTEGRITY);
    vault_error_clear(&err);
    expect_ok(accept(&again), &err);
    assert_int_equal(again, 1);
    snprintf(sql, sizeof sql, "select count(*) from resident where id = %lld", (long long)who);
    assert_int_equal(number_in(sql), 0);
    assert_int_equal(number_in("select count(*) from erasure"), links + 1);
    assert_int_not_equal(access(erasures, R_OK), 0); /* set aside */
    fixture_restart();
    wait_for_file(links + 1);
    expect_code(accept(&again), VAULT_INVALID, &err);
    clear_aside();
    fixture_reset();
}

TEST("a file outside that is no chain is not followed")
{
    int64_t again, rows = number_in("select count(*) from resident");
    FILE *f = fopen(erasures, "a");
    assert_non_null(f);
    fprintf(f, "3 %s 5 %064d\n", pg_sql("select min(id) from resident"), 0);
    fclose(f);
    expect_code(accept(&again), VAULT_INTEGRITY, &err);
    assert_int_equal(number_in("select count(*) from resident"), rows);
    fixture_reset();
}

TEST("however many erasures are lost, the memory of one part is enough for all; a damaged row goes like the others")
{
    enum { MANY = 150 };
    int64_t again, links = number_in("select count(*) from erasure");
    assert_int_equal(unlink(erasures), 0);
    fixture_restart();
    wait_for_file(links);
    (void)add_lost_erasures(MANY);
    pg_sql("update resident set area = area + 1 where id = (select min(id) from resident)");
    const service_options o = fixture_options();
    arena *small = arena_new(64 << 10);
    assert_non_null(small);
    vault_error_clear(&err);
    expect_ok(service_accept_loss(&again, small, &o, &err), &err);
    arena_free(&small);
    assert_int_equal(again, MANY);
    assert_int_equal(number_in("select count(*) from erasure"), links + MANY);
    fixture_restart();
    clear_aside();
    fixture_reset();
}
