/* What a server says, read into an outcome; and the words of a command line. */
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "tests/support/harness.h"
#include "vault/cli/internal.h"

#include <stdlib.h>

static Google__Protobuf__Any any_of(const char *url, const ProtobufCMessage *detail)
{
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = (char *)(uintptr_t)url;
    any.value.len = protobuf_c_message_get_packed_size(detail);
    any.value.data = malloc(any.value.len + 1);
    protobuf_c_message_pack(detail, any.value.data);
    return any;
}

static outcome read_details(Google__Protobuf__Any **details, size_t count)
{
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    outcome out;
    status.code = CODE_INVALID_ARGUMENT;
    status.message = (char *)(uintptr_t) "malformed";
    status.details = details;
    status.n_details = count;
    outcome_read(&out, &status);
    for (size_t i = 0; i < count; i++) free(details[i]->value.data);
    return out;
}

TEST("no status is OK")
{
    outcome out;
    memset(&out, 0xee, sizeof out);
    outcome_read(&out, NULL);
    assert_int_equal(out.code, CODE_OK);
    assert_string_equal(out.field, "");
}

TEST("field, reason, clause and delay are read from the typed details")
{
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__ErrorInfo__MetadataEntry clause = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT, *list[] = {&clause};
    Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
    Google__Rpc__BadRequest__FieldViolation violation = GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT,
                                            *violations[] = {&violation};
    Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    info.reason = (char *)(uintptr_t) "POLICY_DENIED";
    clause.key = (char *)(uintptr_t) "clause";
    clause.value = (char *)(uintptr_t) "fields";
    info.metadata = list, info.n_metadata = 1;
    violation.field = (char *)(uintptr_t) "items[3].values[1]";
    violation.description = (char *)(uintptr_t) "BAD_DATE";
    bad.field_violations = violations, bad.n_field_violations = 1;
    delay.seconds = 1, delay.nanos = 200000000;
    retry.retry_delay = &delay;
    Google__Protobuf__Any anys[] = {any_of("type.googleapis.com/google.rpc.ErrorInfo", &info.base),
                                    any_of("type.googleapis.com/google.rpc.BadRequest", &bad.base),
                                    any_of("type.googleapis.com/google.rpc.RetryInfo", &retry.base)};
    outcome out = read_details((Google__Protobuf__Any *[]){&anys[0], &anys[1], &anys[2]}, 3);
    assert_string_equal(out.message, "malformed");
    assert_string_equal(out.reason, "POLICY_DENIED");
    assert_string_equal(out.clause, "fields");
    assert_string_equal(out.field, "items[3].values[1]");
    assert_string_equal(out.violation, "BAD_DATE");
    assert_int_equal(out.retry_ms, 1200);
}

TEST("what is missing for a permission is read in two languages, as far as there is room")
{
    Vault__V1__FailingClause one = VAULT__V1__FAILING_CLAUSE__INIT, *list[40];
    Vault__V1__PolicyExplanation e = VAULT__V1__POLICY_EXPLANATION__INIT;
    one.text = (char *)(uintptr_t) "your contract ended 2026-06-30";
    one.text_zh = (char *)(uintptr_t) "您的合同已于 2026-06-30 到期";
    for (size_t i = 0; i < 40; i++) list[i] = &one;
    e.clauses = list, e.n_clauses = 2;
    Google__Protobuf__Any any = any_of("type.googleapis.com/vault.v1.PolicyExplanation", &e.base);
    outcome out = read_details((Google__Protobuf__Any *[]){&any}, 1);
    assert_string_equal(out.why, "your contract ended 2026-06-30; your contract ended 2026-06-30");
    assert_string_equal(out.why_zh, "您的合同已于 2026-06-30 到期; 您的合同已于 2026-06-30 到期");
    e.n_clauses = 40;
    any = any_of("type.googleapis.com/vault.v1.PolicyExplanation", &e.base);
    out = read_details((Google__Protobuf__Any *[]){&any}, 1);
    assert_in_range(strlen(out.why), WHY_MAX / 2, WHY_MAX - 1);
    assert_string_equal(out.why + strlen(out.why) - 10, "2026-06-30"); /* whole sentences */
}

TEST("details of unknown types, of rubbish, and of texts that are too long do no harm")
{
    char huge[4096];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = huge;
    Google__Protobuf__Any anys[] = {any_of("type.googleapis.com/google.rpc.ErrorInfo", &info.base),
                                    any_of("type.googleapis.com/no.Such", &info.base), any_of("", &info.base),
                                    any_of("x/google.rpc.BadRequest", &info.base)};
    memset(anys[3].value.data, 0xff, anys[3].value.len);
    outcome out = read_details((Google__Protobuf__Any *[]){&anys[0], &anys[1], &anys[2], &anys[3]}, 4);
    assert_int_equal(strlen(out.reason), sizeof out.reason - 1);
    assert_string_equal(out.field, "");
}

TEST("every code has a name and an exit code, and only OK is 0")
{
    for (int code = -5; code < 40; code++) {
        assert_non_null(outcome_name(code));
        assert_true((exit_of(code) == CTL_OK) == (code == CODE_OK));
    }
    assert_string_equal(outcome_name(7), "PERMISSION_DENIED");
    assert_string_equal(outcome_name(16), "UNAUTHENTICATED");
    assert_int_equal(exit_of(CODE_PERMISSION_DENIED), CTL_DENIED);
    assert_int_equal(exit_of(CODE_UNAVAILABLE), CTL_UNAVAILABLE);
    assert_int_equal(exit_of(CODE_DATA_LOSS), CTL_FAILED);
}

/* ---- options ---- */

static const command some = {.name = "some", .options = OPTION(OPT_FILE) | OPTION(OPT_LIMIT), .most = SIZE_MAX};

static bool parse(ctl *c, arena *mem, size_t count, const char *const *words)
{
    const char *what = NULL;
    *c = (ctl){.command = &some, .mem = mem};
    return options_parse(c, (char **)(uintptr_t)words, count, &what);
}
#define PARSE(c, mem, ...)                                                                                             \
    parse(c, mem, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

TEST("options stand anywhere, with their value behind them or after =")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    ctl c;
    assert_true(PARSE(&c, mem, "a", "--file", "f", "b", "--json", "--limit=7", "--", "--file"));
    assert_string_equal(c.options[OPT_FILE], "f");
    assert_non_null(c.options[OPT_JSON]);
    assert_int_equal(option_number(&c, OPT_LIMIT, 1, 10), 7);
    assert_int_equal(c.count, 3);
    assert_string_equal(c.arguments[1], "b");
    assert_string_equal(c.arguments[2], "--file");
}

TEST("unknown options, another command's, switches with values and values that are missing are mistakes")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    ctl c;
    assert_false(PARSE(&c, mem, "--nothing"));
    assert_false(PARSE(&c, mem, "--server", "x"));
    assert_false(PARSE(&c, mem, "--fil", "x"));
    assert_false(PARSE(&c, mem, "--files", "x"));
    assert_false(PARSE(&c, mem, "--json=yes"));
    assert_false(PARSE(&c, mem, "--file"));
}

TEST("a value that is empty, as of a variable that was not set, is missing, and never read as no condition")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    ctl c;
    assert_false(PARSE(&c, mem, "--file", ""));
    assert_false(PARSE(&c, mem, "--file=", "a"));
    assert_false(PARSE(&c, mem, "--limit", "", "a"));
}

TEST("numbers are whole, positive and bounded")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    static const char *const wrong[] = {"", "x", "1x", "0", "-1", "11", "99999999999999999999"};
    ctl c;
    assert_true(PARSE(&c, mem, "a"));
    assert_int_equal(option_number(&c, OPT_LIMIT, 5, 10), 5);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        c.options[OPT_LIMIT] = wrong[i];
        assert_int_equal(option_number(&c, OPT_LIMIT, 5, 10), -1);
    }
}

TEST("fields are names apart by commas")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    Google__Protobuf__FieldMask mask;
    ctl c = {.command = &some, .mem = mem};
    c.options[OPT_FIELDS] = "name,phone";
    assert_int_equal(ctl_fields(&c, &mask), CTL_OK);
    assert_int_equal(mask.n_paths, 2);
    assert_string_equal(mask.paths[1], "phone");
    c.options[OPT_FIELDS] = "name,,phone";
    assert_int_equal(ctl_fields(&c, &mask), CTL_USAGE);
    c.options[OPT_FIELDS] = "";
    assert_int_equal(ctl_fields(&c, &mask), CTL_USAGE);
}
