/* What officers are told without asking: at least once, by one node of several, with nothing in it that names a
 * resident or that somebody wrote; what an attacker writes into the table goes nowhere. */
#include "tests/support/webhook.h"
#include "tests/unit/service/glass.h"

#include <unistd.h>

__attribute__((constructor)) static void documents(void)
{
    fixture_edit = with_glass;
}

/* A node whose config names the webhook. */
static void hooked_open(node *n)
{
    static char url[64];
    static unsigned serial;
    char name[24];
    vault_error err = {0};
    (void)fixture_session();
    service_options o = fixture_options();
    snprintf(url, sizeof url, "https://127.0.0.1:%u/200", webhook_port());
    snprintf(name, sizeof name, "hooked-%u", ++serial);
    fixture_path(n->checkpoint, sizeof n->checkpoint, name);
    o.checkpoint_file = n->checkpoint;
    o.webhook.url = url;
    o.webhook.ca_file = webhook_file("server.crt");
    expect_ok(service_open(&n->service, &o, &err), &err);
    expect_ok(session_open(&n->session, n->service, &err), &err);
}

/* Waits until no notice is left, or so many have come. */
static void wait_for_posts(unsigned count)
{
    for (int i = 0; i < 2400 && webhook_last().count < count; i++) usleep(25000);
    assert_int_equal(webhook_last().count, count);
}

static void wait_for_none_left(void)
{
    for (int i = 0; i < 2400 && strcmp(pg_sql("SELECT count(*) FROM notice"), "0") != 0; i++) usleep(25000);
    assert_string_equal(pg_sql("SELECT count(*) FROM notice"), "0");
}

static void close_as(const char *name)
{
    expect_outcome(review_as(OFFICER, name, true, "checked"), VAULT_OK, NULL);
}

static void expect_told(const char *event, const Vault__V1__Emergency *e)
{
    char part[128];
    const webhook_post last = webhook_last();
    snprintf(part, sizeof part, "\"event\":\"%s\",\"name\":\"%s\"", event, e->name);
    expect_in(last.body, part);
    expect_in(last.body, "\"person\":\"grid-zhao\"");
    expect_in(last.body, "\"rule\":\"eldercare-glass\"");
    expect_in(last.body, "\"vault\":\"resident-vault/test\"");
    expect_not_in(last.body, "三号楼"); /* the reason may name anybody */
    json_t *whole = json_loads(last.body, 0, NULL);
    assert_non_null(whole);
    json_decref(whole);
}

TEST("an opening is told once by two nodes, and then its notice is gone")
{
    node one, two;
    hooked_open(&one);
    hooked_open(&two);
    unsigned before = webhook_last().count;
    const Vault__V1__Emergency *e = opened_by("grid-zhao");
    wait_for_posts(before + 1);
    wait_for_none_left();
    expect_told("emergency.opened", e);
    usleep(1200000); /* another look of each */
    assert_int_equal(webhook_last().count, before + 1);
    close_as(e->name);
    node_close(&two);
    node_close(&one);
    fixture_reset();
}

TEST("a webhook that does not take it is asked again, also by a node that was started since")
{
    node one;
    webhook_answers(503);
    hooked_open(&one);
    unsigned before = webhook_last().count;
    const Vault__V1__Emergency *e = opened_by("grid-zhao");
    wait_for_posts(before + 1);
    node_close(&one);
    assert_string_equal(pg_sql("SELECT tries FROM notice"), "1");
    webhook_answers(0);
    pg_sql("UPDATE notice SET due = 0"); /* a while later */
    hooked_open(&one);
    wait_for_posts(before + 2);
    wait_for_none_left();
    expect_told("emergency.opened", e);
    close_as(e->name);
    node_close(&one);
    fixture_reset();
}

TEST("what is written into the table by SQL is told to nobody")
{
    node one;
    unsigned before = webhook_last().count;
    pg_sql("INSERT INTO notice (kind, subject, created, due) VALUES (1, '" NOBODYS "', 4000000000000000, 0),"
           " (3, 'a\",\"resident\":\"11010519491231002X', 4000000000000000, 0), (9, 'x', 4000000000000000, 0),"
           " (2, '', 4000000000000000, 0)");
    hooked_open(&one);
    wait_for_none_left();
    assert_int_equal(webhook_last().count, before);
    node_close(&one);
    fixture_reset();
}

TEST("that a review is overdue is told, too, though nobody calls")
{
    node one;
    (void)pass(0);
    const Vault__V1__Emergency *e = opened_by("grid-zhao");
    pg_sql("DELETE FROM notice");
    (void)pass(24 * HOUR_US);
    unsigned before = webhook_last().count;
    hooked_open(&one);
    for (int i = 0; i < 2400 && webhook_last().count == before; i++) usleep(25000);
    expect_told("emergency.overdue", e);
    close_as(e->name);
    node_close(&one);
    fixture_reset();
}

TEST("what nobody takes for a week is dropped")
{
    node one;
    pg_sql("DELETE FROM notice; INSERT INTO notice (kind, subject, created, due)"
           " VALUES (3, 'grid-day', 1, 4000000000000000)");
    hooked_open(&one);
    wait_for_none_left();
    node_close(&one);
    fixture_reset();
}

TEST("the soft limit of a budget is told by the budget's name alone")
{
    node one;
    unsigned before = webhook_last().count;
    hooked_open(&one);
    for (uint64_t i = 0; i < 2; i++)
        expect_outcome(reveal(ELDERCARE, GLASS_PURPOSE, token_for(ELDERCARE, GLASS_PURPOSE, i), MASK("occupation")),
                       VAULT_OK, NULL);
    wait_for_posts(before + 1);
    const webhook_post last = webhook_last();
    expect_in(last.body, "{\"budget\":\"occupation-day\",\"event\":\"budget.soft\",");
    expect_not_in(last.body, "rv1");
    node_close(&one);
    fixture_reset();
}
