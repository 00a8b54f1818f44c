/* "Unknown" and "not allowed" must cost the same: who measures how long an answer takes must not learn whether there is
 * such a resident. Here each pair is asked for; under callgrind (tests/integration/work_test) the instructions between
 * the marks are counted, and each count is dumped under its name. By itself the program shows that the statements are
 * the same. */
#include "tests/unit/service/asking.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

/* ---- the statements ---- */

static char statements[2048];
static size_t noted;
static _Thread_local bool noting;

typedef int send_prepared(PGconn *, const char *, int, const char *const *, const int *, const int *, int);
int PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                        const int *formats, int result_format)
{
    if (noting) noted += (size_t)snprintf(statements + noted, sizeof statements - noted, "%s\n", name);
    send_prepared *real = (send_prepared *)(uintptr_t)dlsym(RTLD_NEXT, "PQsendQueryPrepared");
    return real(conn, name, count, values, lengths, formats, result_format);
}

/* ---- counting ---- */

/* A line costs as many hashes of the tree as its place in the log says: the two are counted in windows that take turns,
 * so that the places of each have as many bits set in all. */
static const char TURNS[] = "01101001";
enum { WINDOW = 4, WINDOWS = sizeof TURNS - 1 };

static int64_t log_size(void)
{
    head_row head;
    vault_error err = {0};
    expect_ok(store_head_read(fixture_session()->store, &head, &err), &err);
    return head.size;
}

static void ask_noted(const asked *a, char sql[sizeof statements])
{
    noted = 0;
    noting = true;
    (void)ask(a);
    noting = false;
    assert_true(noted > 0 && noted + 64 < sizeof statements);
    memcpy(sql, statements, sizeof statements);
}

/* Tickets of all lengths, because a hash takes 64 bytes at a time. */
static void count_window(const char *name, const asked *a, int turn)
{
    enum { STEP = 64 / (WINDOW * WINDOWS / 2) };
    asked one = *a;
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    for (int i = 0; i < WINDOW; i++) {
        one.ticket = arena_format(fixture_memory(), "%0*d", 13 + STEP * (turn * WINDOW + i), 7);
        (void)ask(&one);
    }
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name);
}

/* Two that must not be told apart. */
static void compare(const char *what, const char *one_name, const asked *one, const char *other_name,
                    const asked *other)
{
    char first[sizeof statements], second[sizeof statements];
    const char *names[2] = {arena_format(fixture_memory(), "%s/%s", what, one_name),
                            arena_format(fixture_memory(), "%s/%s", what, other_name)};
    const asked *const both[2] = {one, other};
    ask_noted(one, first);
    ask_noted(other, second);
    assert_string_equal(first, second);
    if (!RUNNING_ON_VALGRIND) return;
    while (log_size() % (WINDOW * WINDOWS)) (void)ask(other);
    int turns[2] = {0, 0};
    for (int i = 0; i < WINDOWS; i++) {
        int which = TURNS[i] - '0';
        count_window(names[which], both[which], turns[which]++);
    }
}

/* ---- what is asked ---- */

static asked by_care(const char *path, ProtobufCMessage *in)
{
    return (asked){.path = path, .uri = ELDERCARE, .purpose = "elder-care", .in = in};
}

static asked reveal_of_token(const char *text)
{
    return by_care("/vault.v1.Tokens/Reveal", &reveal_of(text, MASK("name", "phone"))->base);
}

static asked get_of_token(const char *text)
{
    Vault__V1__GetRecordRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__get_record_request__init(in);
    in->name = arena_format(fixture_memory(), "records/%s", text);
    in->field_mask = MASK("name", "phone");
    return by_care("/vault.v1.Records/Get", &in->base);
}

static asked test_of_token(const char *text)
{
    Vault__V1__BatchTestRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__TestItem *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__batch_test_request__init(in);
    vault__v1__test_item__init(one);
    one->token = (char *)(uintptr_t)text;
    in->predicate = (char *)(uintptr_t) "test_60";
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    return by_care("/vault.v1.Tokens/BatchTest", &in->base);
}

static asked issue_of(const char *field, const char *text)
{
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_issue_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text(field));
    in->values = one_text(text);
    in->n_values = 1;
    return by_care("/vault.v1.Tokens/BatchIssue", &in->base);
}

static asked restore_of(const char *text)
{
    Vault__V1__BatchRestoreRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_restore_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text("phone"));
    in->values = one_text(text);
    in->n_values = 1;
    return by_care("/vault.v1.Tokens/BatchRestore", &in->base);
}

/* The token that eldercare has of a phone. */
static const char *token_of_phone(const domain *d, const char *phone)
{
    const schema_field field = {.name = "phone", .format = format_find("mobile"), .token = true};
    char made[PRESERVE_TEXT_MAX + 1];
    vault_error err = {0};
    cabinet_act_for(fixture_session()->cabinet, d);
    expect_ok(cabinet_preserve(fixture_session()->cabinet, made, &field, bytes_of_text(phone), &err), &err);
    return arena_text(fixture_memory(), bytes_of_text(made));
}

/* Large pieces come zeroed from the system; smaller ones, zeroed by hand, would fall into one window or another. */
static void grow_memory(void)
{
    assert_non_null(arena_alloc(fixture_memory(), 4 << 20));
}

TEST("by token: unknown, elsewhere and forged are the same statements, and the same work")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *away = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    const char *nobody = forge(d, key, 999, 0), *forged = forge(d, key, 1, 2);
    static const struct {
        const char *name;
        asked (*of)(const char *text);
    } calls[] = {{"Reveal", reveal_of_token}, {"Get", get_of_token}, {"BatchTest", test_of_token}};
    grow_memory();
    CALLGRIND_START_INSTRUMENTATION;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        asked elsewhere = calls[i].of(away), unknown = calls[i].of(nobody), wrong = calls[i].of(forged);
        compare(calls[i].name, "elsewhere", &elsewhere, "unknown", &unknown);
        compare(calls[i].name, "forged", &wrong, "unknown-again", &unknown);
    }
    block_free(&key);
    fixture_reset();
}

TEST("by value: nobody's and one of somebody who may not be seen are the same statements, and the same work")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    uint64_t index = with_own_phone(true, 0), away = with_own_phone(false, 0);
    int64_t id = id_behind(token_for(ELDERCARE, "elder-care", index), key);
    resident nobody;
    the_resident(9999, &nobody);
    const char *no_number = resident_text(&nobody, FIELD_ID_NUMBER), *no_phone = "13900009999";
    asked hidden = issue_of("", value_of(index, FIELD_ID_NUMBER)), none = issue_of("", no_number);
    grow_memory();
    CALLGRIND_START_INSTRUMENTATION;
    set_state(id, RECORD_RESTRICTED);
    compare("BatchIssue", "restricted", &hidden, "unknown", &none);
    hidden = issue_of("phone", value_of(index, FIELD_PHONE)), none = issue_of("phone", no_phone);
    compare("BatchIssue-by-phone", "restricted", &hidden, "unknown", &none);
    set_state(id, RECORD_LIVE);
    hidden = restore_of(token_of_phone(d, value_of(away, FIELD_PHONE))), none = restore_of(token_of_phone(d, no_phone));
    compare("BatchRestore", "elsewhere", &hidden, "unknown", &none);
    block_free(&key);
    fixture_reset();
}
