/* Canaries in every field of every request: what a caller says is nowhere but sealed, not in the tables, not in the
 * operator's log, not in an error, not in the metrics. */
#include "tests/unit/service/import.h"
#include "tests/unit/service/jwt.h"
#include "vault/base/metric.h"

#include <stdlib.h>
#include <unistd.h>

/* Each is long enough to stand nowhere by chance; the canaries of the control room, which have names of their own in
 * log and metrics, are other ones. */
#define TICKET  "Canard-ticket-4711"
#define ID      "canard-request-4711"
#define PURPOSE "canard-purpose-4711"
#define PERSON  "canard-person-4711"
#define NAME    "Kanarienvogel"
#define WORK    "Canard Works 4711"
#define PHONE   "13947114711"
#define TOKEN   "rv1canard4711"
#define PAGE    "canardpage4711=="
#define FIELD   "canard_field_4711"
#define CHOSEN  "(Canard|canard|Kanarien|13947114711)"

static char log_path[] = "/tmp/rv-canary-XXXXXX";
static int kept_stderr = -1;

static void capture_log(void)
{
    int fd = mkstemp(log_path);
    assert_true(fd >= 0);
    kept_stderr = dup(2);
    dup2(fd, 2);
    close(fd);
}

static bytes captured_log(void)
{
    dup2(kept_stderr, 2);
    close(kept_stderr);
    FILE *file = fopen(log_path, "r");
    char *text = arena_alloc(fixture_memory(), 1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    unlink(log_path);
    return bytes_of(text, len);
}

static const char *const CANARIES[] = {TICKET, ID, PURPOSE, PERSON, NAME, WORK, PHONE, TOKEN, PAGE, FIELD, "anard"};

static void expect_none_in(bytes text, const char *where)
{
    for (size_t i = 0; i < sizeof CANARIES / sizeof *CANARIES; i++)
        if (memmem(text.at, text.len, CANARIES[i], strlen(CANARIES[i]))) fail_msg("%s: %s", where, CANARIES[i]);
}

static request *ask_canary(const char *path, const char *uri, const char *why, ProtobufCMessage *in, const char *said)
{
    request *rq =
        ask(&(asked){.path = path, .uri = uri, .purpose = why, .in = in, .ticket = TICKET, .assertion = said});
    if (rq->err.code != VAULT_OK) {
        expect_none_in(status_packed(fixture_memory(), &rq->err), path);
        expect_none_in(bytes_of(rq->err.detail, strlen(rq->err.detail)), path);
    }
    return rq;
}

/* ---- requests full of canaries ---- */

static char number[32];

static void put_canary(void)
{
    static char *values[5], *names[] = {"id_number", "residence_area", "name", "workplace", "phone"};
    resident r;
    the_resident(7001, &r);
    snprintf(number, sizeof number, "%s", resident_text(&r, FIELD_ID_NUMBER));
    Vault__V1__BatchPutRequest in = VAULT__V1__BATCH_PUT_REQUEST__INIT;
    Vault__V1__ResidentInput item = VAULT__V1__RESIDENT_INPUT__INIT, *items[] = {&item, &item};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *given[] = {number, arena_text(fixture_memory(), resident_value(&r, FIELD_RESIDENCE_AREA)),
                     (char *)(uintptr_t)NAME, (char *)(uintptr_t)WORK, (char *)(uintptr_t)PHONE};
    memcpy(values, given, sizeof values);
    mask.paths = names, mask.n_paths = 5;
    item.values = values, item.n_values = 5;
    in.collection = (char *)(uintptr_t) "residents";
    in.field_mask = &mask;
    in.items = items, in.n_items = 2;
    expect_outcome(ask_canary("/vault.v1.Records/BatchPut", POPULATION, "population-register", &in.base, NULL),
                   VAULT_OK, NULL);
    values[2] = (char *)(uintptr_t)(NAME "\x01"); /* refused, and not repeated to anybody */
    values[4] = (char *)(uintptr_t)(PHONE "00");
    (void)ask_canary("/vault.v1.Records/BatchPut", POPULATION, "population-register", &in.base, NULL);
    in.collection = (char *)(uintptr_t)FIELD;
    expect_outcome(ask_canary("/vault.v1.Records/BatchPut", POPULATION, "population-register", &in.base, NULL),
                   VAULT_INVALID, "UNKNOWN_COLLECTION");
    names[4] = (char *)(uintptr_t)FIELD;
    in.collection = (char *)(uintptr_t) "residents";
    expect_outcome(ask_canary("/vault.v1.Records/BatchPut", POPULATION, "population-register", &in.base, NULL),
                   VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(ask_canary("/vault.v1.Records/BatchPut", POPULATION, PURPOSE, &in.base, NULL), VAULT_DENIED,
                   "purpose");
}

static request *import_step(request *rq, const importing *how, Vault__V1__ImportRequest *in)
{
    send_message(rq, how, in);
    if (rq->err.code != VAULT_OK) {
        expect_none_in(status_packed(fixture_memory(), &rq->err), IMPORT);
        expect_none_in(bytes_of(rq->err.detail, strlen(rq->err.detail)), IMPORT);
    }
    return rq;
}

static request *begin_canary(const importing *how)
{
    Vault__V1__ImportRequest *first = header_of(how);
    request *rq = open_stream(how, first);
    first->context->ticket = (char *)(uintptr_t)TICKET;
    return import_step(rq, how, first);
}

/* Rows that go in, rows that are refused, corrections of another department, answers that are given again. */
static void import_canary(void)
{
    importing how = {.id = ID, .mask = MASK("id_number", "residence_area", "name", "workplace", "phone")};
    resident r;
    the_resident(7002, &r);
    const char *who = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)), *where = "320411002003";
    Vault__V1__ImportRequest *in = new_message(), *other = new_message();
    ROW(in, who, where, NAME, WORK, PHONE);
    ROW(in, who, where, NAME "\x01", WORK, PHONE "00");
    ROW(in, NAME, WORK, PHONE, FIELD, TOKEN);
    ROW(other, who, where, NAME "s", WORK, PHONE);
    for (int i = 0; i < 2; i++) {
        request *rq = begin_canary(&how);
        expect_outcome(import_step(rq, &how, in), VAULT_OK, NULL);
        expect_outcome(import_step(rq, &how, NULL), VAULT_OK, NULL);
        size_t len = protobuf_c_message_get_packed_size(rq->out);
        uint8_t *at = arena_alloc(fixture_memory(), len);
        expect_none_in(bytes_of(at, protobuf_c_message_pack(rq->out, at)), "the answer to an import");
    }
    expect_outcome(import_step(begin_canary(&how), &how, other), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    how.collection = FIELD;
    expect_outcome(begin_canary(&how), VAULT_INVALID, "UNKNOWN_COLLECTION");
    importing theirs = {.uri = CLINIC, .purpose = "family-doctor", .id = ID};
    theirs.mask = MASK("id_number", "residence_area", "name", "phone");
    Vault__V1__ImportRequest *said = new_message();
    ROW(said, who, where, NAME NAME, PHONE);
    expect_outcome(import_step(begin_canary(&theirs), &theirs, said), VAULT_OK, NULL);
    assert_string_equal(pg_sql("select count(*) > 0 from correction"), "t");
}

static void issue_canary(void)
{
    Vault__V1__BatchIssueRequest in = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    char *numbers[] = {number, (char *)(uintptr_t)TICKET};
    in.values = numbers, in.n_values = 2;
    expect_outcome(ask_canary("/vault.v1.Tokens/BatchIssue", POPULATION, "population-register", &in.base, NULL),
                   VAULT_OK, NULL);
}

static void reveal_canary(void)
{
    const char *own = token_for(POPULATION, "population-register", 7001);
    request *rq = ask_canary("/vault.v1.Tokens/Reveal", POPULATION, "population-register",
                             &reveal_of(own, MASK("name", "workplace", "phone"))->base, NULL);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(revealed(rq, 0), NAME);
    assert_string_equal(revealed(rq, 1), WORK);
    assert_string_equal(revealed(rq, 2), PHONE);
    (void)ask_canary("/vault.v1.Tokens/Reveal", ELDERCARE, "elder-care", &reveal_of(TOKEN, MASK("name"))->base,
                     assertion_of(&(claims){.sub = PERSON}));
    (void)ask_canary("/vault.v1.Tokens/Reveal", ELDERCARE, "elder-care", &reveal_of(TOKEN, MASK(FIELD))->base,
                     TICKET "." TICKET "." TICKET);
    (void)ask_canary("/vault.v1.Tokens/Reveal", "vault://" PERSON, "elder-care", &reveal_of(TOKEN, MASK("name"))->base,
                     NULL);
}

static void query_canary(void)
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT, none = in;
    in.person = (char *)(uintptr_t)PERSON;
    (void)ask_canary("/vault.v1.Audit/Query", OFFICER, "log-review", &in.base, NULL);
    in = none, in.resident_token = (char *)(uintptr_t)TOKEN;
    (void)ask_canary("/vault.v1.Audit/Query", OFFICER, "log-review", &in.base, NULL);
    in = none, in.purpose = (char *)(uintptr_t)PURPOSE;
    (void)ask_canary("/vault.v1.Audit/Query", OFFICER, "log-review", &in.base, NULL);
    in = none, in.page_token = (char *)(uintptr_t)PAGE;
    (void)ask_canary("/vault.v1.Audit/Query", OFFICER, "log-review", &in.base, NULL);
    in = none;
    expect_outcome(ask_canary("/vault.v1.Audit/Query", OFFICER, "log-review", &in.base, NULL), VAULT_OK, NULL);
}

/* ---- every call that is no stream, from the method table, with a canary in every text ---- */

static ProtobufCMessage *full_of_canaries(const ProtobufCMessageDescriptor *of, unsigned *turn)
{
    ProtobufCMessage *in = arena_alloc(fixture_memory(), of->sizeof_message);
    of->message_init(in);
    for (unsigned i = 0; i < of->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &of->fields[i];
        bool text = f->type == PROTOBUF_C_TYPE_STRING, message = f->type == PROTOBUF_C_TYPE_MESSAGE;
        if ((!text && !message) || f->descriptor == &google__protobuf__timestamp__descriptor) continue;
        const char *said = CANARIES[*turn % (sizeof CANARIES / sizeof *CANARIES)];
        void *one = text ? (void *)(uintptr_t)said : full_of_canaries(f->descriptor, turn),
             **at = (void *)((char *)in + f->offset);
        *turn += 1;
        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) *(uint32_t *)(void *)((char *)in + f->quantifier_offset) = f->id;
        *at = one;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) continue;
        void **list = arena_alloc(fixture_memory(), sizeof *list);
        *at = list;
        list[0] = one;
        *(size_t *)(void *)((char *)in + f->quantifier_offset) = 1;
    }
    return in;
}

/* Of a choice the last one is made. Documents of the control room are no data of residents: their faults show parts of
 * them. */
static void every_method_canary(void)
{
    static const char *const who[][2] = {{ELDERCARE, "elder-care"},
                                         {POPULATION, "population-register"},
                                         {OFFICER, "log-review"},
                                         {ADMINISTRATOR, "log-review"}};
    size_t count;
    unsigned turn = 0;
    const method *all = service_methods(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].stream || strstr(all[i].path, "Control/") || strstr(all[i].path, "Approvals/")) continue;
        for (size_t k = 0; k < 2 * sizeof who / sizeof *who; k++) {
            request *rq =
                ask_canary(all[i].path, who[k / 2][0], who[k / 2][1], full_of_canaries(all[i].input, &turn), NULL);
            size_t len = rq->out ? protobuf_c_message_get_packed_size(rq->out) : 0;
            uint8_t *at = arena_alloc(fixture_memory(), len + 1);
            if (rq->out) expect_none_in(bytes_of(at, protobuf_c_message_pack(rq->out, at)), all[i].path);
        }
    }
}

/* Names of the tables in which a text stands, as text or inside bytes. */
static const char *tables_with(const char *pattern, const char *hex)
{
    return pg_sql(
        "set xmlbinary = hex; select coalesce(string_agg(tablename, ','), '') from pg_tables where schemaname "
        "= 'public' and query_to_xml(format('select * from %%I', tablename), true, false, '')::text ~* "
        "'(%s|%s)'",
        pattern, hex);
}

static void hex_of(char *out, const char *text)
{
    hex_encode(out, bytes_of_text(text));
}

TEST("what callers say is sealed in the line, and stands nowhere else")
{
    char hex[128], number_hex[64];
    fixture_session();
    capture_log();
    put_canary();
    import_canary();
    issue_canary();
    reveal_canary();
    query_canary();
    every_method_canary();
    bytes log = captured_log();
    assert_non_null(memmem(log.at, log.len, "gate.unknown", 12)); /* the log was captured */
    expect_none_in(log, "the operator's log");
    assert_null(memmem(log.at, log.len, number, strlen(number)));

    hex_of(hex, "anard");
    assert_string_equal(tables_with(CHOSEN, hex), "");
    hex_of(hex, NAME);
    hex_of(number_hex, number);
    assert_string_equal(tables_with(number, number_hex), "");
    assert_string_equal(tables_with(hex, "3133393437313134373131"), "");
    hex_of(hex, PHONE);
    pg_sql("create table planted as select '\\x00%s'::bytea as b", hex); /* the search finds what is there */
    assert_string_equal(tables_with(PHONE, hex), "planted");
    pg_sql("drop table planted");

    static char text[1 << 18];
    writer w = writer_over(text, sizeof text);
    metric_render(&w);
    assert_false(w.overflow);
    expect_none_in(writer_bytes(&w), "metrics");
    fixture_reset();
}
