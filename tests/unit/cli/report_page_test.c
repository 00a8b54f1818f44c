/* The page of the report: what a server sends is text on it, and never markup. */
#include "tests/support/harness.h"
#include "vault/cli/report_page.h"

#include <stdlib.h>
#include <string.h>

static Vault__V1__ReportCount counts[3] = {VAULT__V1__REPORT_COUNT__INIT, VAULT__V1__REPORT_COUNT__INIT,
                                           VAULT__V1__REPORT_COUNT__INIT};
static Vault__V1__ReportCount *list[] = {&counts[0], &counts[1], &counts[2]};

static const Vault__V1__ReportResponse *some(char *key)
{
    static Vault__V1__ReportResponse of = VAULT__V1__REPORT_RESPONSE__INIT;
    counts[0].kind = counts[1].kind = lent("opened_by_purpose");
    counts[0].key = lent("elder-care");
    counts[0].lines = 200;
    counts[0].residents = 50;
    counts[1].key = key;
    counts[1].lines = 50;
    counts[2].kind = lent("something_new");
    of.counts = list;
    of.n_counts = 3;
    of.residents = 12345;
    return &of;
}

static char *written(const report_page *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_true(report_page_write(to, p));
    fclose(to);
    return text;
}

TEST("a key is text, whatever it looks like; a number fills its bar by the greatest of its series")
{
    char *text = written(&(report_page){
        .of = some(lent("<script>alert(1)</script>&\"\x01")), .since = "", .until = "", .made = "2026-11-22"});
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot; "));
    assert_non_null(strstr(text, "<b>12345</b>"));
    assert_non_null(strstr(text, "width:100%"));
    assert_non_null(strstr(text, "width:25%"));
    assert_non_null(strstr(text, "default-src 'none'"));
    assert_null(strstr(text, "http://"));
    free(text);
}

TEST("names stand before ids where the register has them; the words are in one language or the other")
{
    json_t *names = json_pack("{s:s}", "elder-care", "独居老人关怀");
    report_page p = {.of = some(lent("x")), .since = "2026-01-01", .until = "2027-01-01", .made = "", .names = names};
    char *text = written(&p);
    assert_non_null(strstr(text, "独居老人关怀 <small>elder-care</small>"));
    assert_non_null(strstr(text, "Openings by purpose"));
    assert_null(strstr(text, "按目的查看"));
    free(text);
    p.chinese = true;
    text = written(&p);
    assert_non_null(strstr(text, "按目的查看"));
    assert_null(strstr(text, "Openings by purpose"));
    free(text);
    json_decref(names);
}

TEST("what administrators and officers have opened is of no department, and not the sum of all")
{
    report_page p = {.of = some(lent("")), .since = "", .until = "", .made = ""};
    char *text = written(&p);
    assert_non_null(strstr(text, "<td>in all<"));
    free(text);
    counts[1].kind = lent("opened_by_department");
    text = written(&p);
    assert_non_null(strstr(text, "no department"));
    assert_null(strstr(text, "<td>in all<"));
    free(text);
}

TEST("a series that this tool does not know yet goes by its own name, and what cannot be written is told")
{
    assert_string_equal(report_kind("something_new", true), "something_new");
    assert_string_equal(report_kind("exports", false), "Exports of whole records");
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_false(report_page_write(full, &(report_page){.of = some(lent("x")), .since = "", .until = "", .made = ""}));
    fclose(full);
}
