/* Replies as JSON, by their descriptors: names, times, what is empty and what is refused. */
#include "google/rpc/status.pb-c.h"
#include "tests/support/harness.h"
#include "vault/base/memory.h"
#include "vault/cli/internal.h"

#include <stdlib.h>

static void expect_json(const ProtobufCMessage *of, const char *wanted)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(json_clear) json_t *value = message_json(mem, of);
    char *text = json_dumps(value, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, wanted);
    memory_free(text, strlen(text));
}

static Vault__V1__FieldValue value_of(const char *text, bool absent)
{
    Vault__V1__FieldValue v = VAULT__V1__FIELD_VALUE__INIT;
    v.text = lent(text);
    v.absent = absent;
    return v;
}

TEST("numbers and truth values stand there even when they are 0; texts, lists and messages that are empty do not")
{
    Vault__V1__TestResult no = VAULT__V1__TEST_RESULT__INIT;
    Vault__V1__PutResult put = VAULT__V1__PUT_RESULT__INIT;
    Vault__V1__TraceResult none = VAULT__V1__TRACE_RESULT__INIT;
    expect_json(&no.base, "{\"holds\":false,\"absent\":false}");
    put.record_version = 7;
    char *corrections[] = {lent("phone"), lent("name")};
    put.corrections = corrections, put.n_corrections = 2;
    expect_json(&put.base,
                "{\"created\":false,\"record_version\":7,\"unchanged\":false,\"corrections\":[\"phone\",\"name\"]}");
    expect_json(&none.base, "{\"genuine\":false,\"mended\":0,\"epoch\":0,\"line_count\":0,\"not_tried\":false}");
}

TEST("a job tells its rate as a number")
{
    Vault__V1__Job job = VAULT__V1__JOB__INIT;
    job.name = lent("jobs/17");
    job.total = 400, job.done = 100, job.rows_per_second = 2.5;
    expect_json(&job.base, "{\"name\":\"jobs/17\",\"version\":0,\"total\":400,\"done\":100,\"rows_per_second\":2.5}");
}

TEST("a refused item is its error alone")
{
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    Vault__V1__InspectResult r = VAULT__V1__INSPECT_RESULT__INIT;
    status.code = CODE_PERMISSION_DENIED;
    status.message = lent("not allowed");
    r.status = &status;
    r.epoch = 5;
    expect_json(&r.base, "{\"error\":{\"code\":\"PERMISSION_DENIED\",\"message\":\"not allowed\"}}");
}

TEST("a state is its last word, in lower case; one that is not known is said to be so")
{
    Vault__V1__InspectResult r = VAULT__V1__INSPECT_RESULT__INIT;
    r.state = VAULT__V1__TOKEN_STATE__TOKEN_STATE_EXPIRED;
    r.epoch = 1, r.current_epoch = 2;
    expect_json(&r.base, "{\"state\":\"expired\",\"epoch\":1,\"current_epoch\":2}");
    r.state = (Vault__V1__TokenState)77;
    expect_json(&r.base, "{\"state\":\"unknown\",\"epoch\":1,\"current_epoch\":2}");
}

TEST("a value is its text, null where there is none; a time is RFC 3339; receipts are left out")
{
    Vault__V1__FieldValue given = value_of("张三", false), absent = value_of("", true), empty = value_of("", false);
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Vault__V1__NamedValue values[3], *list[] = {&values[0], &values[1], &values[2]};
    Vault__V1__Receipt receipt = VAULT__V1__RECEIPT__INIT;
    Vault__V1__Record record = VAULT__V1__RECORD__INIT;
    for (size_t i = 0; i < 3; i++) vault__v1__named_value__init(&values[i]);
    time.seconds = 1790000000;
    values[0].field = lent("name"), values[0].value = &given;
    values[0].department = lent("civil-affairs"), values[0].collect_time = &time;
    values[1].field = lent("phone"), values[1].value = &absent;
    values[2].field = lent("religion"), values[2].value = &empty;
    record.name = lent("records/rv1x"), record.version = 3;
    record.values = list, record.n_values = 3;
    record.receipt = &receipt;
    expect_json(
        &record.base,
        "{\"name\":\"records/rv1x\",\"version\":3,\"values\":[{\"field\":\"name\",\"value\":\"张三\",\"department\":"
        "\"civil-affairs\",\"collect_time\":\"2026-09-21T14:13:20.000000Z\"},{\"field\":\"phone\",\"value\":null},"
        "{\"field\":\"religion\",\"value\":\"\"}]}");
}

TEST("of a choice only what was chosen is shown, numbers of a list one by one, and what is no UTF-8 is null")
{
    Vault__V1__TestItem item = VAULT__V1__TEST_ITEM__INIT;
    Vault__V1__SearchResult result = VAULT__V1__SEARCH_RESULT__INIT;
    uint32_t matched[] = {0, 2};
    item.token = lent("rv1a");
    expect_json(&item.base, "{\"token\":\"rv1a\"}");
    item.than_case = VAULT__V1__TEST_ITEM__THAN_VALUE;
    item.value = lent("138");
    expect_json(&item.base, "{\"token\":\"rv1a\",\"value\":\"138\"}");
    result.token = lent("\xff\xfe");
    result.matched = matched, result.n_matched = 2;
    expect_json(&result.base, "{\"token\":null,\"matched\":[0,2]}");
}

TEST("a member is found by name, with its number where it is repeated; one that is not there is NULL")
{
    Vault__V1__BatchInspectRequest request = VAULT__V1__BATCH_INSPECT_REQUEST__INIT;
    size_t *count;
    char ***tokens = message_member(&request.base, "tokens", &count);
    assert_ptr_equal(tokens, &request.tokens);
    assert_ptr_equal(count, &request.n_tokens);
    assert_ptr_equal(message_member(&request.base, "context", NULL), &request.context);
    assert_null(message_member(&request.base, "contexts", NULL));
}

/* ---- words of the command line that several commands share ---- */

static int no_run;

static ctl_exit two_pages(ctl *c, void *context, paging *p)
{
    int *asked = context;
    ++*asked;
    assert_int_equal(page_size(p, 4), p->left < 4 ? p->left : 4);
    page_done(c, p, (size_t)page_size(p, 4), *asked < 3 ? "more" : "");
    return CTL_OK;
}

TEST("pages are asked for until there are no more, or enough; --form and --until are read, or said to be wrong")
{
    static const command one = {.name = "some"};
    ctl c = {.command = &one, .mem = arena_new(1 << 16)};
    Vault__V1__Form form;
    Google__Protobuf__Timestamp *end = NULL;
    assert_int_equal(ctl_pages(&c, 100, two_pages, &no_run), CTL_OK);
    assert_int_equal(no_run, 3);
    no_run = 0;
    c.options[OPT_LIMIT] = "5";
    assert_int_equal(ctl_pages(&c, 100, two_pages, &no_run), CTL_OK);
    assert_int_equal(no_run, 2);
    c.options[OPT_LIMIT] = "0";
    assert_int_equal(ctl_pages(&c, 100, two_pages, &no_run), CTL_USAGE);
    assert_int_equal(ctl_form(&c, &form), CTL_OK);
    assert_int_equal(form, VAULT__V1__FORM__FORM_PLAIN);
    c.options[OPT_MASKED] = "yes";
    assert_int_equal(ctl_form(&c, &form), CTL_OK);
    assert_int_equal(form, VAULT__V1__FORM__FORM_MASKED);
    c.options[OPT_FORM] = "token";
    assert_int_equal(ctl_form(&c, &form), CTL_OK);
    assert_int_equal(form, VAULT__V1__FORM__FORM_TOKEN);
    c.options[OPT_FORM] = "clear";
    assert_int_equal(ctl_form(&c, &form), CTL_USAGE);
    assert_int_equal(ctl_end(&c, &end), CTL_OK);
    assert_null(end);
    c.options[OPT_UNTIL] = "2027-01-01";
    assert_int_equal(ctl_end(&c, &end), CTL_OK);
    assert_int_equal(end->seconds, 1798732800);
    c.options[OPT_UNTIL] = "soon";
    assert_int_equal(ctl_end(&c, &end), CTL_USAGE);
    arena_free(&c.mem);
}
