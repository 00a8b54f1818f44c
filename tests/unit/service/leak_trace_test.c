/* Who can have leaked a list: linking inside the vault, gates by field, version and time, evidence with proofs, and
 * nothing of the list or of a record in the answer. */
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/leaks.h"

#include <math.h>

enum { FEW = 6 };
static uint64_t given[FEW]; /* residents of the test at hand */

/* Residents in eldercare's street from `from` on; returns where the next ones begin. */
static uint64_t take_residents(uint64_t from)
{
    for (size_t i = 0; i < FEW; i++) {
        given[i] = resident_in_street(from);
        from = given[i] + 1;
    }
    return from;
}

static void all_revealed(const char *uri, const char *why, Google__Protobuf__FieldMask *fields)
{
    for (size_t i = 0; i < FEW; i++)
        expect_outcome(reveal(uri, why, token_for(uri, why, given[i]), fields), VAULT_OK, NULL);
}

static void list_all(unsigned a, unsigned b)
{
    for (size_t i = 0; i < FEW; i++) list_resident(given[i], a, b);
}

static const Vault__V1__TraceReport *case_traced(void)
{
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *out = traced(leak->name);
    leak_closed(leak->name);
    return out;
}

static const Vault__V1__TraceLead *lead_of(const Vault__V1__TraceReport *r, const char *app)
{
    for (size_t i = 0; i < r->n_leads; i++)
        if (strcmp(r->leads[i]->app, app) == 0 && strcmp(r->leads[i]->kind, "export") != 0) return r->leads[i];
    return NULL;
}

static uint64_t after_first;

TEST("a list of names and phones leads to the app that has revealed them, with evidence, and holds no value")
{
    after_first = take_residents(0);
    all_revealed(ELDERCARE, "elder-care", MASK("name", "phone"));
    list_begin("name", "phone", NULL);
    list_all(FIELD_NAME, FIELD_PHONE);
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->rows, FEW);
    assert_int_equal(r->rows_linked, FEW);
    assert_int_equal(r->residents, FEW);
    for (size_t i = 0; i < FEW; i++) {
        assert_string_equal(r->trace_rows[i]->linked_by, "name+phone");
        assert_true(fabs(r->trace_rows[i]->weight - 1) < 1e-9);
        assert_int_equal(r->trace_rows[i]->n_stale, 0);
    }
    assert_true(r->n_leads >= 1);
    assert_string_equal(r->leads[0]->app, "eldercare");
    assert_int_equal(r->leads[0]->hits, FEW);
    assert_true(r->leads[0]->posterior > r->not_from_here);
    assert_int_equal(r->leads[0]->n_evidence, 5);
    assert_string_equal(r->leads[0]->purposes[0], "elder-care");
    assert_true(r->leads[0]->n_months >= 1);
    assert_int_equal(r->leads[0]->months[0]->hits + (r->leads[0]->n_months > 1 ? r->leads[0]->months[1]->hits : 0),
                     FEW);
    size_t size = protobuf_c_message_get_packed_size(&r->base);
    uint8_t *packed = arena_alloc(fixture_memory(), size + 1);
    protobuf_c_message_pack(&r->base, packed);
    for (size_t i = 0; i < FEW; i++) {
        resident one;
        the_resident(given[i], &one);
        assert_null(memmem(packed, size, resident_text(&one, FIELD_NAME), strlen(resident_text(&one, FIELD_NAME))));
        assert_null(memmem(packed, size, resident_text(&one, FIELD_PHONE), 11));
    }
    fixture_reset();
}

TEST("names with blanks and numbers in groups, behind +86, are whom they mean")
{
    list_begin("name", "phone", NULL);
    for (size_t i = 0; i < FEW; i++) {
        resident one;
        the_resident(given[i], &one);
        const char *name = resident_text(&one, FIELD_NAME), *phone = resident_text(&one, FIELD_PHONE);
        list_row(arena_format(fixture_memory(), "%.3s\u3000%s", name, name + 3),
                 arena_format(fixture_memory(), "+86 %.3s %.4s-%s", phone, phone + 3, phone + 7));
    }
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->rows_linked, FEW);
    for (size_t i = 0; i < FEW; i++) assert_string_equal(r->trace_rows[i]->linked_by, "name+phone");
    assert_string_equal(r->leads[0]->app, "eldercare");
    fixture_reset();
}

TEST("whoever saw a field masked, or another field, explains nothing of a list that has it in plain")
{
    take_residents(after_first);
    all_revealed(CLINIC, "family-doctor", MASK("name", "sex"));
    all_revealed(POPULATION, "population-register", MASK("id_number", "education"));
    list_begin("id_number", NULL);
    list_all(FIELD_ID_NUMBER, 0);
    const Vault__V1__TraceReport *r = case_traced();
    assert_string_equal(r->trace_rows[0]->linked_by, "id_number");
    assert_null(lead_of(r, "clinic"));
    assert_non_null(lead_of(r, "population"));
    assert_int_equal(lead_of(r, "population")->hits, FEW);
    fixture_reset();
}

TEST("what was opened after the list was seen explains nothing")
{
    after_first = take_residents(after_first);
    int64_t seen = clock_now_us();
    usleep(2000);
    all_revealed(CLINIC, "family-doctor", MASK("name", "phone"));
    list_begin("name", "phone", NULL);
    list_all(FIELD_NAME, FIELD_PHONE);
    list_seen_us = seen;
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->rows_linked, FEW);
    assert_null(lead_of(r, "clinic"));
    fixture_reset();
}

TEST("a list of tokens leads to the app that they were issued for")
{
    take_residents(after_first);
    list_begin("token", NULL);
    for (size_t i = 0; i < FEW; i++) list_row(token_for(CLINIC, "family-doctor", given[i]), NULL);
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->rows_linked, FEW);
    assert_string_equal(r->trace_rows[0]->linked_by, "token");
    assert_true(r->n_leads >= 1);
    assert_string_equal(r->leads[0]->app, "clinic");
    assert_null(lead_of(r, "population"));
    fixture_reset();
}

TEST("of two persons who act through one app the one who has opened the rows leads, and not the app")
{
    after_first = take_residents(after_first);
    list_begin("token", "religion", NULL);
    for (size_t i = 0; i < FEW; i++) {
        const char *text = token_for(ELDERCARE, "elder-care", given[i]);
        resident r;
        the_resident(given[i], &r);
        list_row(text, resident_text(&r, FIELD_RELIGION));
        for (int other = 0; other < 2; other++) {
            if (other && i) continue; /* he has opened one of them */
            const claims who = {.sub = other ? "grid-qian" : "grid-zhao"};
            expect_outcome(ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                                        .uri = ELDERCARE,
                                        .purpose = "elder-care",
                                        .in = &reveal_of(text, MASK("religion"))->base,
                                        .assertion = assertion_of(&who)}),
                           VAULT_OK, NULL);
        }
    }
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->rows_linked, FEW);
    assert_int_equal(r->n_leads, 2);
    assert_string_equal(r->leads[0]->kind, "person");
    assert_string_equal(r->leads[0]->person, "grid-zhao");
    assert_string_equal(r->leads[0]->app, "eldercare");
    assert_string_equal(r->leads[0]->department, "civil-affairs");
    assert_int_equal(r->leads[0]->hits, FEW);
    assert_string_equal(r->leads[1]->person, "grid-qian");
    assert_int_equal(r->leads[1]->hits, 1);
    assert_true(r->leads[0]->posterior > r->leads[1]->posterior);
    for (size_t i = 0; i < r->leads[0]->n_evidence; i++)
        assert_non_null(strstr(r->leads[0]->evidence[i]->officer_view, "\"person\":\"grid-zhao\""));
    fixture_reset();
}

TEST("people whom the vault does not know lead to nobody: the list is not from here")
{
    list_begin("name", "phone", NULL);
    for (uint64_t i = 0; i < FEW; i++) list_resident(FIXTURE_RESIDENTS + 1000 + i, FIELD_NAME, FIELD_PHONE);
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->residents, 0);
    assert_int_equal(r->n_leads, 0);
    assert_true(r->not_from_here > 0.99);
    fixture_reset();
}

TEST("a row that stands twice is one piece of evidence, and nonsense is none")
{
    list_begin("phone", NULL);
    list_resident(5, FIELD_PHONE, 0);
    list_resident(5, FIELD_PHONE, 0);
    list_row("not a number", NULL);
    list_row("", NULL);
    const Vault__V1__TraceReport *r = case_traced();
    assert_int_equal(r->n_trace_rows, 4);
    assert_true(r->trace_rows[0]->weight > 0 || r->trace_rows[0]->residents > 1);
    assert_true(r->trace_rows[0]->residents > 1 || r->trace_rows[1]->weight == 0);
    assert_string_equal(r->trace_rows[2]->linked_by, "");
    assert_string_equal(r->trace_rows[3]->linked_by, "");
    fixture_reset();
}

TEST("rows that may mean two say no more of either than one row that names him, however often they stand")
{
    enum { TIMES = 20 };
    uint64_t one = resident_in_street(0), other = resident_in_street(one + 1);
    double all = 0;
    resident r;
    the_resident(one, &r);
    put_phone(other, resident_text(&r, FIELD_PHONE));
    list_begin("id_number", "phone", NULL);
    for (int i = 0; i < TIMES; i++) list_row("", resident_text(&r, FIELD_PHONE));
    const Vault__V1__TraceReport *twenty = case_traced();
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(twenty->trace_rows[i]->residents, 2);
        all += twenty->trace_rows[i]->weight;
    }
    assert_true(all > 0 && all < 1 + 1e-9);
    list_resident(one, FIELD_ID_NUMBER, FIELD_PHONE);
    const Vault__V1__TraceReport *named = case_traced();
    assert_true(named->trace_rows[0]->weight == 0);
    assert_true(named->trace_rows[TIMES]->weight > 0);
    the_resident(other, &r);
    put_phone(other, resident_text(&r, FIELD_PHONE));
    fixture_reset();
}

/* ---- values that were changed ---- */

TEST("a value that was changed since leads to whoever saw it before, one that is new to whoever saw it after")
{
    char phone[12];
    after_first = take_residents(after_first);
    all_revealed(CLINIC, "family-doctor", MASK("name", "phone"));
    for (size_t i = 0; i < FEW; i++) {
        snprintf(phone, sizeof phone, "1600001%04zu", i);
        put_phone(given[i], phone);
    }
    all_revealed(ELDERCARE, "elder-care", MASK("name", "phone"));
    list_begin("id_number", "phone", NULL);
    list_all(FIELD_ID_NUMBER, FIELD_PHONE);
    const Vault__V1__TraceReport *before = case_traced();
    assert_int_equal(before->trace_rows[0]->n_stale, 1);
    assert_string_equal(before->trace_rows[0]->stale[0], "phone");
    assert_true(before->trace_rows[0]->weight < 1);
    list_begin("phone", NULL);
    for (size_t i = 0; i < FEW; i++) {
        snprintf(phone, sizeof phone, "1600001%04zu", i);
        list_row(phone, NULL);
    }
    const Vault__V1__TraceReport *after = case_traced();
    assert_int_equal(after->rows_linked, FEW);
    assert_null(lead_of(after, "clinic"));
    assert_non_null(lead_of(after, "eldercare"));
    list_begin("name", "phone", NULL);
    list_all(FIELD_NAME, FIELD_PHONE); /* the old numbers: the name alone leads nowhere for sure */
    const Vault__V1__TraceReport *old = case_traced();
    assert_null(lead_of(old, "eldercare"));
    fixture_reset();
}

/* ---- lines, affected ---- */

TEST("a trace is a line, and one for each resident, all with the case, before the answer")
{
    take_residents(0);
    list_begin("name", "phone", NULL);
    list_all(FIELD_NAME, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_open_case();
    int64_t lines = lines_in_log();
    traced(leak->name);
    assert_int_equal(lines_in_log(), lines + 1 + FEW);
    expect_outcome(trace_leak("leaks/00000000000000000000000000000000", 0), VAULT_NOT_FOUND, "LEAK_UNKNOWN");
    assert_int_equal(lines_in_log(), lines + 2 + FEW);
    expect_outcome(trace_leak(leak->name, 51), VAULT_INVALID, "OUT_OF_RANGE");
    leak_closed(leak->name);
    fixture_reset();
}

TEST("whom a list is about, as tokens of who notifies them, page by page, a line for each")
{
    take_residents(0);
    list_begin("id_number", "care_category", NULL);
    list_all(FIELD_ID_NUMBER, FIELD_CARE_CATEGORY);
    const Vault__V1__Leak *leak = leak_open_case();
    int64_t lines = lines_in_log();
    request *rq = affected(leak->name, "eldercare", "elder-care");
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), lines + 1 + FEW);
    const Vault__V1__ListAffectedResponse *out = (const void *)rq->out;
    assert_int_equal(out->total, FEW);
    assert_int_equal(out->n_tokens, FEW);
    assert_string_equal(out->gravest_class, "sensitive");
    assert_int_equal(out->n_field_labels, 2);
    for (size_t i = 0; i < FEW; i++) {
        const char *own = token_for(ELDERCARE, "elder-care", given[i]);
        size_t found = 0;
        for (size_t k = 0; k < out->n_tokens; k++) found += strcmp(out->tokens[k], own) == 0;
        assert_int_equal(found, 1);
    }
    expect_outcome(affected(leak->name, "eldercare", "family-doctor"), VAULT_NOT_FOUND, "DOMAIN_UNKNOWN");
    expect_outcome(affected(leak->name, "nobody", "elder-care"), VAULT_NOT_FOUND, "DOMAIN_UNKNOWN");
    leak_closed(leak->name);
    fixture_reset();
}

TEST("who is named by one row is affected, also where a row before it may mean somebody else as well")
{
    uint64_t one = resident_in_street(0), other = resident_in_street(one + 1);
    resident r;
    the_resident(one, &r);
    put_phone(other, resident_text(&r, FIELD_PHONE));
    list_begin("id_number", "phone", NULL);
    list_row("", resident_text(&r, FIELD_PHONE));
    list_resident(one, FIELD_ID_NUMBER, FIELD_PHONE);
    list_resident(one, FIELD_ID_NUMBER, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *report = traced(leak->name);
    assert_true(report->trace_rows[0]->residents > 1);
    assert_int_equal(report->trace_rows[1]->residents, 1);
    assert_true(report->trace_rows[1]->weight > 0);
    assert_true(report->trace_rows[2]->weight == 0);
    request *rq = affected(leak->name, "eldercare", "elder-care");
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__ListAffectedResponse *)(const void *)rq->out)->total, 1);
    leak_closed(leak->name);
    the_resident(other, &r);
    put_phone(other, resident_text(&r, FIELD_PHONE));
    fixture_reset();
}

TEST("who has waited long enough holds nobody up with a list, and has a line")
{
    NEW_REQUEST(in, Vault__V1__TraceLeakRequest, vault__v1__trace_leak_request__init);
    take_residents(0);
    list_begin("phone", NULL);
    for (size_t i = 0; i < FEW; i++) list_resident(given[i], FIELD_PHONE, 0);
    const Vault__V1__Leak *leak = leak_open_case();
    int64_t lines = lines_in_log();
    in->leak = lend(leak->name);
    request *rq = make_request(
        &(asked){.path = "/vault.v1.Audit/TraceLeak", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    rq->deadline_us = clock_monotonic_us() - 1;
    service_run(fixture_session(), method_at("/vault.v1.Audit/TraceLeak"), &rq, 1);
    expect_outcome(rq, VAULT_UNAVAILABLE, "TOO_LATE");
    assert_int_equal(lines_in_log(), lines + 1);
    leak_closed(leak->name);
    fixture_reset();
}

/* The monotonic clock of this thread, where it stands still; and how often the log was asked for lines. */
static _Thread_local int64_t stands_at;
static _Thread_local unsigned looked_up, last_look; /* after the last one an hour is over */
int64_t __real_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void)
{
    return stands_at ? stands_at : __real_clock_monotonic_us();
}
vault_code __real_ledger_query(scribe *sc, store *s, arena *mem, const line_query *q, line_page *out, vault_error *err);
vault_code __wrap_ledger_query(scribe *sc, store *s, arena *mem, const line_query *q, line_page *out, vault_error *err);
vault_code __wrap_ledger_query(scribe *sc, store *s, arena *mem, const line_query *q, line_page *out, vault_error *err)
{
    vault_code code = __real_ledger_query(sc, s, mem, q, out, err);
    if (++looked_up == last_look) stands_at += INT64_C(3600) * 1000000;
    return code;
}

/* A call whose time is over after so many looks into the log. */
static request *trace_until(const char *name, unsigned looks)
{
    NEW_REQUEST(in, Vault__V1__TraceLeakRequest, vault__v1__trace_leak_request__init);
    in->leak = lend(name);
    in->evidence = 5;
    request *rq = make_request(
        &(asked){.path = "/vault.v1.Audit/TraceLeak", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    stands_at = __real_clock_monotonic_us();
    looked_up = 0;
    last_look = looks;
    service_run(fixture_session(), method_at("/vault.v1.Audit/TraceLeak"), &rq, 1);
    stands_at = 0;
    return rq;
}

TEST("between lines of evidence a trace asks whether anybody still waits, and tells nothing late")
{
    take_residents(after_first);
    all_revealed(ELDERCARE, "elder-care", MASK("name", "phone"));
    list_begin("name", "phone", NULL);
    list_all(FIELD_NAME, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_open_case();
    expect_outcome(trace_until(leak->name, 0), VAULT_OK, NULL);
    const unsigned all = looked_up;
    assert_true(all >= FEW);
    for (unsigned looks = 1; looks < all; looks++) {
        const int64_t lines = lines_in_log();
        request *rq = trace_until(leak->name, looks);
        expect_outcome(rq, VAULT_UNAVAILABLE, "TOO_LATE");
        assert_null(rq->out);
        assert_int_equal(looked_up, looks);
        assert_int_equal(lines_in_log(), lines + 1 + FEW);
    }
    leak_closed(leak->name);
    fixture_reset();
}

TEST("who was erased is linked to nobody, and the trace of the others is as it was")
{
    Vault__V1__EraseRequest in = VAULT__V1__ERASE_REQUEST__INIT;
    uint64_t gone = resident_elsewhere(100);
    take_residents(0);
    char *tokens[] = {lend(token_for(POPULATION, "population-register", gone))};
    list_begin("id_number", "phone", NULL);
    list_all(FIELD_ID_NUMBER, FIELD_PHONE);
    list_resident(gone, FIELD_ID_NUMBER, FIELD_PHONE);
    const Vault__V1__Leak *leak = leak_open_case();
    const Vault__V1__TraceReport *before = traced(leak->name);
    assert_string_equal(before->trace_rows[FEW]->linked_by, "id_number");
    in.tokens = tokens;
    in.n_tokens = 1;
    expect_outcome(
        ask(&(asked){
            .path = "/vault.v1.Records/Erase", .uri = POPULATION, .purpose = "population-register", .in = &in.base}),
        VAULT_OK, NULL);
    const Vault__V1__TraceReport *after = traced(leak->name);
    assert_string_equal(after->trace_rows[FEW]->linked_by, "");
    assert_int_equal(after->rows_linked, before->rows_linked - 1);
    assert_int_equal(after->n_leads, before->n_leads);
    for (size_t i = 0; i < FEW; i++)
        assert_string_equal(after->trace_rows[i]->linked_by, before->trace_rows[i]->linked_by);
    for (size_t i = 0; i < after->n_leads; i++) assert_string_equal(after->leads[i]->app, before->leads[i]->app);
    leak_closed(leak->name);
    fixture_reset();
}
