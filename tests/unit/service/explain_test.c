/* What whoever is refused is told: the clauses that are missing, as a detail of the status; and nothing of any
 * resident: an unknown one, one elsewhere, one who has not consented and a child have one and the same answer. */
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

#include "vault/v1/policy.pb-c.h"

#include <stdio.h>

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

#define RULE(id, field, form, more)                                                                                    \
    "{\"id\": \"" id "\", \"action\": \"reveal\", \"consumer\": \"eldercare\", \"purpose\": \"elder-care\", "          \
    "\"fields\": [\"" field "\"], \"form\": \"" form "\", \"areas\": [\"320411002\"], \"acting\": \"app\", " more      \
    "\"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"}}"
static const char *const more_rules[] = {
    RULE("address-too", "registered_address", "plain", ""),
    RULE("by-consent", "education", "plain", "\"consent\": true, "),
    RULE("no-children", "marital_status", "plain", "\"residents\": {\"except\": [\"child\"]}, "),
    RULE("by-ticket", "occupation", "plain", "\"ticket\": [\"OA-####\"], "),
    RULE("few-at-once", "former_name", "plain", "\"approval_above\": 2, "),
    RULE("never-on-sunday", "political_status", "plain",
         "\"hours\": [{\"days\": [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], \"from\": \"08:30\", \"until\": "
         "\"17:30\"}], "),
};

static void edit_policy(const char *file, json_t *document)
{
    if (strcmp(file, "policy.json") != 0) return;
    for (size_t i = 0; i < sizeof more_rules / sizeof *more_rules; i++)
        json_array_append_new(json_object_get(document, "rules"), parsed(more_rules[i]));
    json_object_set_new(
        document, "classes",
        parsed("[{\"id\": \"child\", \"field\": \"birth_date\", \"test\": \"age_under\", \"years\": 14}]"));
    json_object_set_new(
        document, "prohibitions",
        parsed("[{\"id\": \"no-sex-in-full\", \"consumers\": [\"clinic\"], \"purposes\": \"any\", "
               "\"roles\": \"any\", \"fields\": [\"sex\"], \"forms\": [\"plain\"], \"areas\": \"any\"}]"));
    json_object_set_new(document, "budgets",
                        parsed("[{\"id\": \"one-a-year\", \"per\": \"consumer\", \"consumers\": [\"eldercare\"], "
                               "\"purposes\": [\"elder-care/visit\"], \"roles\": \"any\", \"fields\": \"any\", "
                               "\"period\": \"year\", \"residents\": 1}]"));
}

__attribute__((constructor)) static void with_policy(void)
{
    fixture_edit = edit_policy;
}

/* ---- what is told ---- */

static Vault__V1__PolicyExplanation *detail_of(const Google__Rpc__Status *status)
{
    ProtobufCAllocator mem = arena_allocator(fixture_memory());
    Vault__V1__PolicyExplanation *found = NULL;
    for (size_t i = 0; i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        if (strcmp(any->type_url, "type.googleapis.com/vault.v1.PolicyExplanation") != 0) continue;
        assert_null(found);
        found = vault__v1__policy_explanation__unpack(&mem, any->value.len, any->value.data);
        assert_non_null(found);
    }
    return found;
}

static Vault__V1__PolicyExplanation *told(const request *rq)
{
    bytes packed = status_packed(fixture_memory(), &rq->err);
    ProtobufCAllocator mem = arena_allocator(fixture_memory());
    return detail_of(google__rpc__status__unpack(&mem, packed.len, packed.at));
}

/* The one clause that is missing. */
static const Vault__V1__FailingClause *only_clause(const Vault__V1__PolicyExplanation *e, const char *name)
{
    assert_non_null(e);
    assert_false(e->allowed);
    assert_int_equal(e->n_clauses, 1);
    assert_string_equal(e->clauses[0]->clause, name);
    assert_true(e->clauses[0]->text[0] && e->clauses[0]->text_zh[0]);
    return e->clauses[0];
}

static request *look(const char *token, const char *field)
{
    return reveal(ELDERCARE, "elder-care", token, MASK(field));
}

static const char *in_street(void)
{
    return token_for(ELDERCARE, "elder-care", resident_in_street(0));
}

TEST("a field that the purpose does not include is named, and the forms that are possible")
{
    const char *token = token_for(CLINIC, "family-doctor", resident_in_street(0));
    request *rq = reveal(CLINIC, "family-doctor", token, MASK("name", "religion"));
    expect_outcome(rq, VAULT_DENIED, "fields");
    const Vault__V1__FailingClause *f = only_clause(told(rq), "fields");
    assert_int_equal(f->n_fields, 1);
    assert_string_equal(f->fields[0], "religion");
    assert_string_equal(f->text, "family-doctor does not include religion");
    rq = reveal(CLINIC, "family-doctor", token, MASK("id_number"));
    expect_outcome(rq, VAULT_DENIED, "form");
    f = only_clause(told(rq), "form");
    assert_string_equal(f->names[0], "masked");
    assert_string_equal(told(rq)->possible_forms[0], "masked");
    fixture_reset();
}

TEST("a prohibition is named, and the form that it leaves")
{
    const char *token = token_for(CLINIC, "family-doctor", resident_in_street(0));
    request *rq = reveal(CLINIC, "family-doctor", token, MASK("sex"));
    expect_outcome(rq, VAULT_DENIED, "prohibited");
    const Vault__V1__FailingClause *f = only_clause(told(rq), "prohibited");
    assert_string_equal(f->names[0], "no-sex-in-full");
    assert_string_equal(f->text, "the prohibition no-sex-in-full forbids sex; token, masked is possible");
    assert_string_equal(told(rq)->rule, "clinic-reveal");
    fixture_reset();
}

TEST("tickets, roles, dates, purposes and accounts are told with what would do")
{
    request *rq = look(in_street(), "occupation");
    expect_outcome(rq, VAULT_DENIED, "ticket");
    assert_string_equal(only_clause(told(rq), "ticket")->names[0], "OA-####");
    rq = look(in_street(), "workplace");
    expect_outcome(rq, VAULT_DENIED, "dates");
    assert_string_equal(only_clause(told(rq), "dates")->until, "2020-12-31");
    rq = look(in_street(), "religion");
    expect_outcome(rq, VAULT_DENIED, "acting");
    assert_string_equal(only_clause(told(rq), "acting")->names[0], "grid-worker");
    rq = reveal(ELDERCARE, "no-such-purpose", in_street(), MASK("name"));
    expect_outcome(rq, VAULT_DENIED, "purpose");
    (void)only_clause(told(rq), "purpose");
    rq = reveal(ELDERCARE, "family-doctor", in_street(), MASK("name"));
    expect_outcome(rq, VAULT_DENIED, "consumer");
    (void)only_clause(told(rq), "consumer");
    rq = reveal(OFFICER, "elder-care", in_street(), MASK("name"));
    expect_outcome(rq, VAULT_DENIED, "role");
    (void)only_clause(told(rq), "role");
    fixture_reset();
}

static Vault__V1__BatchRevealRequest *many(const char **tokens, size_t count, const char *field)
{
    Vault__V1__BatchRevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_reveal_request__init(in);
    in->tokens = (char **)(uintptr_t)tokens;
    in->n_tokens = count;
    in->field_mask = MASK(field);
    return in;
}

static const Vault__V1__BatchRevealResponse *reveal_many(const char *purpose, const char **tokens, size_t count,
                                                         const char *field)
{
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal",
                               .uri = ELDERCARE,
                               .purpose = purpose,
                               .in = &many(tokens, count, field)->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("items have their explanations, too: above so many residents an approval is needed, and a budget is spent")
{
    const char *tokens[3];
    for (size_t i = 0; i < 3; i++) tokens[i] = token_for(ELDERCARE, "elder-care", resident_in_street(i * 20));
    const Vault__V1__BatchRevealResponse *out = reveal_many("elder-care", tokens, 3, "former_name");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(only_clause(detail_of(out->results[i]->status), "approval")->limit, 2);
    out = reveal_many("elder-care/visit", tokens, 3, "name");
    assert_null(out->results[0]->status);
    const Vault__V1__FailingClause *f = only_clause(detail_of(out->results[1]->status), "budget");
    assert_string_equal(f->names[0], "one-a-year");
    assert_int_equal(f->limit, 1);
    assert_string_equal(f->text, "the budget one-a-year is spent for this year");
    fixture_reset();
}

static const Vault__V1__PolicyExplanation *told_of_erasure(const char *uri, const char *purpose)
{
    const char *token = in_street();
    Vault__V1__EraseRequest in = VAULT__V1__ERASE_REQUEST__INIT;
    in.tokens = (char **)(uintptr_t)&token;
    in.n_tokens = 1;
    request *rq = ask(&(asked){.path = "/vault.v1.Records/Erase", .uri = uri, .purpose = purpose, .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    return detail_of(((const Vault__V1__EraseResponse *)(const void *)rq->out)->results[0]->status);
}

TEST("who may not erase or export is told which rule is missing, as who may not reveal")
{
    const Vault__V1__FailingClause *f = only_clause(told_of_erasure(CLINIC, "family-doctor"), "action");
    assert_string_equal(f->text, "clinic has no rule to erase for the purpose family-doctor");
    Vault__V1__ExportRequest out = VAULT__V1__EXPORT_REQUEST__INIT;
    out.name = arena_format(fixture_memory(), "records/%s", in_street());
    request *rq =
        ask(&(asked){.path = "/vault.v1.Records/Export", .uri = CLINIC, .purpose = "family-doctor", .in = &out.base});
    expect_outcome(rq, VAULT_DENIED, "action");
    assert_string_equal(only_clause(told(rq), "action")->text,
                        "clinic has no rule to export for the purpose family-doctor");
    fixture_reset();
}

static const char *made_voucher(const char *field)
{
    const char *token = in_street();
    Vault__V1__BatchCreateVouchersRequest in = VAULT__V1__BATCH_CREATE_VOUCHERS_REQUEST__INIT;
    in.tokens = (char **)(uintptr_t)&token;
    in.n_tokens = 1;
    in.consumer = lend("clinic");
    in.field_mask = MASK(field);
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchCreateVouchers", .uri = ELDERCARE, .purpose = "elder-care", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__VoucherResult *made =
        ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)rq->out)->results[0];
    assert_null(made->status);
    return made->voucher;
}

TEST("of vouchers each is explained by what it is for")
{
    char *texts[] = {lend(made_voucher("registered_address")), lend(made_voucher("former_name")), NULL};
    Vault__V1__BatchRedeemVouchersRequest in = VAULT__V1__BATCH_REDEEM_VOUCHERS_REQUEST__INIT;
    in.vouchers = texts;
    in.n_vouchers = 2;
    const asked by_clinic = {
        .path = "/vault.v1.Tokens/BatchRedeemVouchers", .uri = CLINIC, .purpose = "family-doctor", .in = &in.base};
    request *rq = ask(&by_clinic);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRedeemVouchersResponse *out = (const void *)rq->out;
    assert_non_null(out->results[0]->status);
    const Vault__V1__FailingClause *f = only_clause(detail_of(out->results[0]->status), "fields");
    assert_string_equal(f->fields[0], "registered_address");
    assert_string_equal(f->text, "family-doctor does not include registered_address");
    assert_non_null(out->results[1]->status);
    f = only_clause(detail_of(out->results[1]->status), "fields");
    assert_string_equal(f->text, "family-doctor does not include former_name");
    fixture_reset();
}

TEST("an answer of thousands of refusals stays small: the first ones are explained")
{
    enum { COUNT = 4096 };
    const char **tokens = arena_array(fixture_memory(), COUNT, sizeof *tokens), *one = in_street();
    for (size_t i = 0; i < COUNT; i++) tokens[i] = one;
    const Vault__V1__BatchRevealResponse *out = reveal_many("elder-care", tokens, COUNT, "workplace");
    assert_int_equal(out->n_results, COUNT);
    assert_non_null(detail_of(out->results[255]->status));
    assert_null(detail_of(out->results[256]->status));
    assert_in_range(protobuf_c_message_get_packed_size(&out->base), 1, 1 << 20);
    fixture_reset();
}

/* ---- nothing of residents ---- */

static uint64_t child_in_street(uint64_t from)
{
    for (uint64_t i = from;; i = resident_in_street(i + 1)) {
        resident r;
        the_resident(i, &r);
        if (i >= FIXTURE_RESIDENTS) break;
        if (i == resident_in_street(i) && strcmp(resident_text(&r, FIELD_BIRTH_DATE), "20130101") >= 0) return i;
    }
    fail_msg("no child lives in the street");
    return 0;
}

static bytes status_bytes(const request *rq)
{
    expect_outcome(rq, VAULT_DENIED, "resident");
    (void)only_clause(told(rq), "resident");
    assert_int_equal(told(rq)->n_possible_forms, 0);
    return status_packed(fixture_memory(), &rq->err);
}

/* Of the same call about others: one who is elsewhere, and one whom nobody knows (another app's token). */
static void expect_alike(const char *token, const char *field)
{
    bytes here = status_bytes(look(token, field));
    const char *elsewhere = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    const char *nobody = token_for(CLINIC, "family-doctor", resident_in_street(0));
    assert_true(bytes_same(here, status_bytes(look(elsewhere, field))));
    assert_true(bytes_same(here, status_bytes(look(nobody, field))));
}

TEST("who has not consented, a child, one elsewhere and nobody are refused in the same words")
{
    expect_alike(in_street(), "education");
    expect_alike(token_for(ELDERCARE, "elder-care", child_in_street(resident_in_street(0))), "marital_status");
    fixture_reset();
}

/* Texts of results: what stands between them is the number of the item. */
static void expect_items_alike(const Vault__V1__BatchRevealResponse *out, size_t from)
{
    ProtobufCMessage *first = (void *)out->results[from]->status;
    assert_non_null(first);
    size_t len = protobuf_c_message_get_packed_size(first);
    uint8_t *a = arena_alloc(fixture_memory(), len), *b = arena_alloc(fixture_memory(), len);
    protobuf_c_message_pack(first, a);
    for (size_t i = from + 1; i < out->n_results; i++) {
        ProtobufCMessage *other = (void *)out->results[i]->status;
        assert_non_null(other);
        assert_int_equal(protobuf_c_message_get_packed_size(other), len);
        protobuf_c_message_pack(other, b);
        assert_memory_equal(a, b, len);
    }
}

TEST("in a batch, too; beside one who may be seen")
{
    uint64_t child = child_in_street(resident_in_street(0)), adult = resident_in_street(0);
    for (resident r;; adult = resident_in_street(adult + 1)) {
        the_resident(adult, &r);
        if (strcmp(resident_text(&r, FIELD_BIRTH_DATE), "20000101") < 0) break;
    }
    const char *tokens[] = {token_for(ELDERCARE, "elder-care", adult), token_for(ELDERCARE, "elder-care", child),
                            token_for(ELDERCARE, "elder-care", resident_elsewhere(0)),
                            token_for(CLINIC, "family-doctor", adult)};
    const Vault__V1__BatchRevealResponse *out = reveal_many("elder-care", tokens, 4, "marital_status");
    assert_null(out->results[0]->status);
    expect_items_alike(out, 1);
    fixture_reset();
}

/* ---- Policies.Explain ---- */

static Vault__V1__ExplainRequest *explain_request(void)
{
    Vault__V1__ExplainRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__explain_request__init(in);
    return in;
}

static Vault__V1__Facts *facts_in(Vault__V1__ExplainRequest *in, const char *field)
{
    Vault__V1__Facts *f = arena_alloc(fixture_memory(), sizeof *f);
    vault__v1__facts__init(f);
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_FACTS;
    in->facts = f;
    f->consumer = "eldercare";
    f->purpose = "elder-care";
    f->action = "reveal";
    f->n_fields = field ? 1 : 0;
    f->fields = arena_array(fixture_memory(), 1, sizeof *f->fields);
    f->fields[0] = (char *)(uintptr_t)field;
    return f;
}

static request *explain_by(const char *uri, Vault__V1__ExplainRequest *in)
{
    bool app = strcmp(uri, OFFICER) != 0 && strcmp(uri, ADMINISTRATOR) != 0;
    return ask(&(asked){.path = "/vault.v1.Policies/Explain",
                        .uri = uri,
                        .purpose = app ? "elder-care" : "log-review",
                        .in = &in->base});
}

static const Vault__V1__ExplainResponse *explained(const char *uri, Vault__V1__ExplainRequest *in)
{
    request *rq = explain_by(uri, in);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("an officer asks for any facts: of a child, of one elsewhere, of somebody of a role")
{
    Vault__V1__ResidentFacts of = VAULT__V1__RESIDENT_FACTS__INIT;
    char *child[] = {"child"};
    Vault__V1__ExplainRequest *in = explain_request();
    Vault__V1__Facts *f = facts_in(in, "marital_status");
    f->resident = &of;
    of.area = "320411002001";
    const Vault__V1__ExplainResponse *out = explained(OFFICER, in);
    const Vault__V1__FailingClause *why = only_clause(out->explanation, "class");
    assert_string_equal(why->names[0], "child");
    assert_string_equal(out->explanation->rule, "no-children");
    of.not_of_classes = child, of.n_not_of_classes = 1;
    out = explained(OFFICER, in);
    assert_true(out->explanation->allowed);
    assert_string_equal(out->explanation->rule, "no-children");
    assert_string_equal(out->facts->form, "plain");
    assert_string_equal(out->facts->resident->area, "320411002001000");
    assert_string_equal(out->facts->resident->not_of_classes[0], "child");
    of.area = "320411003001";
    (void)only_clause(explained(ADMINISTRATOR, in)->explanation, "area");
    f->fields[0] = "religion";
    f->role = "grid-worker";
    of.area = "320411003001";
    assert_true(explained(OFFICER, in)->explanation->allowed);
    fixture_reset();
}

TEST("hours are those of the time that is asked about")
{
    Google__Protobuf__Timestamp sunday = GOOGLE__PROTOBUF__TIMESTAMP__INIT; /* 2026-03-01, 10:00 in Shanghai */
    sunday.seconds = 1772330400;
    Vault__V1__ExplainRequest *in = explain_request();
    facts_in(in, "political_status")->time = &sunday;
    const Vault__V1__FailingClause *why = only_clause(explained(OFFICER, in)->explanation, "hours");
    assert_string_equal(why->text, "not at this hour: the rule never-on-sunday counts Mon-Fri 08:30-17:30");
    sunday.seconds += 86400;
    assert_true(explained(OFFICER, in)->explanation->allowed);
    fixture_reset();
}

static void expect_path(Vault__V1__ExplainRequest *in, const char *reason, const char *path)
{
    request *rq = explain_by(OFFICER, in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, path);
}

TEST("names that nobody knows are told with their place")
{
    Vault__V1__ResidentFacts of = VAULT__V1__RESIDENT_FACTS__INIT;
    char *names[] = {"child", "nobody"};
    Vault__V1__ExplainRequest *in = explain_request();
    expect_path(in, "REQUIRED", "what");
    facts_in(in, "nothing_such");
    expect_path(in, "UNKNOWN_FIELD", "facts.fields[0]");
    facts_in(in, "name")->action = "look";
    expect_path(in, "UNKNOWN_NAME", "facts.action");
    facts_in(in, "name")->form = "bold";
    expect_path(in, "UNKNOWN_NAME", "facts.form");
    facts_in(in, "name")->consumer = "nobody";
    expect_path(in, "UNKNOWN_CONSUMER", "facts.consumer");
    facts_in(in, "name")->purpose = "nothing";
    expect_path(in, "UNKNOWN_PURPOSE", "facts.purpose");
    facts_in(in, "name")->person = "nobody";
    expect_path(in, "UNKNOWN_PERSON", "facts.person");
    facts_in(in, "name")->role = "king";
    expect_path(in, "UNKNOWN_NAME", "facts.role");
    Vault__V1__Facts *f = facts_in(in, "name");
    f->resident = &of;
    of.area = "3204";
    expect_path(in, "BAD_AREA", "facts.resident.area");
    of.area = "";
    of.of_classes = names, of.n_of_classes = 2;
    expect_path(in, "UNKNOWN_NAME", "facts.resident.of_classes[1]");
    of.n_of_classes = of.n_not_of_classes = 1, of.not_of_classes = names;
    expect_path(in, "DUPLICATE_NAME", "facts.resident.not_of_classes[0]");
    fixture_reset();
}

TEST("an app asks about calls of its own, and about nobody")
{
    Vault__V1__ResidentFacts of = VAULT__V1__RESIDENT_FACTS__INIT;
    Vault__V1__ExplainRequest *in = explain_request();
    Vault__V1__Facts *f = facts_in(in, "workplace");
    (void)only_clause(explained(ELDERCARE, in)->explanation, "dates");
    f->consumer = "";
    assert_string_equal(explained(ELDERCARE, in)->facts->consumer, "eldercare");
    f->fields[0] = "education"; /* by consent: that is nobody's business before somebody is asked for */
    assert_true(explained(ELDERCARE, in)->explanation->allowed);
    f->resident = &of;
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    f->resident = NULL;
    f->consumer = "clinic";
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE;
    in->line = 1;
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    expect_outcome(explain_by(ADMINISTRATOR, in), VAULT_DENIED, "role");
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_APPROVAL;
    in->approval = "approvals/0123456789abcdef0123456789abcdef";
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    expect_outcome(explain_by(OFFICER, in), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    fixture_reset();
}

TEST("of persons of other departments an app hears nothing")
{
    Vault__V1__ExplainRequest *in = explain_request();
    Vault__V1__Facts *f = facts_in(in, "religion");
    f->person = "grid-zhao";
    assert_true(explained(ELDERCARE, in)->explanation->allowed);
    f->consumer = "clinic";
    f->purpose = "family-doctor";
    request *rq =
        ask(&(asked){.path = "/vault.v1.Policies/Explain", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base});
    expect_outcome(rq, VAULT_INVALID, "UNKNOWN_PERSON");
    fixture_reset();
}

static const Vault__V1__ExplainResponse *explain_line(int64_t index)
{
    Vault__V1__ExplainRequest *in = explain_request();
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE;
    in->line = (uint64_t)index;
    return explained(OFFICER, in);
}

TEST("a past line is explained as it was decided, and the officer hears what the caller did not")
{
    const char *token = in_street(), *elsewhere = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    int64_t first = lines_in_log();
    expect_outcome(look(token, "name"), VAULT_OK, NULL);
    expect_outcome(look(token, "workplace"), VAULT_DENIED, "dates");
    expect_outcome(look(elsewhere, "name"), VAULT_DENIED, "resident");
    expect_outcome(look(token, "education"), VAULT_DENIED, "resident");
    const Vault__V1__ExplainResponse *out = explain_line(first);
    assert_true(out->explanation->allowed);
    assert_string_equal(out->explanation->rule, "eldercare-reveal");
    assert_string_equal(out->facts->fields[0], "name");
    assert_string_equal(only_clause(explain_line(first + 1)->explanation, "dates")->until, "2020-12-31");
    (void)only_clause(explain_line(first + 2)->explanation, "resident");
    out = explain_line(first + 3);
    assert_string_equal(only_clause(out->explanation, "consent")->clause, "consent");
    assert_string_equal(out->explanation->rule, "by-consent");
    fixture_reset();
}

TEST("a line that is none, or was no decision, is told apart; each question is a line")
{
    Vault__V1__ExplainRequest *in = explain_request();
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE;
    in->line = 100000000;
    int64_t before = lines_in_log();
    expect_outcome(explain_by(OFFICER, in), VAULT_NOT_FOUND, "LINE_UNKNOWN");
    assert_int_equal(lines_in_log(), before + 1);
    in->line = 0;
    expect_outcome(explain_by(OFFICER, in), VAULT_PRECONDITION, "NOT_A_DECISION");
    (void)explained(OFFICER, (facts_in(in, "name"), in));
    assert_int_equal(lines_in_log(), before + 3);
    fixture_reset();
}

TEST("drafts are asked in the place of what is in force")
{
    static const char draft[] =
        "{\"rules\": [{\"id\": \"only\", \"action\": \"reveal\", \"consumer\": \"eldercare\", \"purpose\": "
        "\"elder-care\", \"fields\": [\"name\"], \"form\": \"masked\", \"areas\": [\"320411002\"], \"acting\": "
        "\"app\", \"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"}}]}";
    Vault__V1__Draft one = VAULT__V1__DRAFT__INIT, *list[] = {&one};
    Vault__V1__ExplainRequest *in = explain_request();
    facts_in(in, "name");
    one.document = "policy";
    one.content = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)draft, .len = strlen(draft)};
    in->drafts = list, in->n_drafts = 1;
    const Vault__V1__ExplainResponse *out = explained(OFFICER, in);
    assert_string_equal(only_clause(out->explanation, "form")->names[0], "masked");
    assert_string_equal(out->explanation->rule, "only");
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    int64_t first = lines_in_log();
    expect_outcome(look(in_street(), "name"), VAULT_OK, NULL);
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE;
    in->line = (uint64_t)first + 1; /* the token was issued first */
    (void)only_clause(explained(OFFICER, in)->explanation, "form");
    fixture_reset();
}

/* ---- a call that waits ---- */

static const Vault__V1__Approval *ask_leave(Vault__V1__BatchRevealRequest *of)
{
    Vault__V1__RequestAccessRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    uint8_t *packed = arena_alloc(fixture_memory(), protobuf_c_message_get_packed_size(&of->base) + 1);
    vault__v1__request_access_request__init(in);
    in->method = "/vault.v1.Tokens/BatchReveal";
    in->request = (ProtobufCBinaryData){.len = protobuf_c_message_pack(&of->base, packed), .data = packed};
    request *rq = ask(&(asked){
        .path = "/vault.v1.Approvals/RequestAccess", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__RequestAccessResponse *)(const void *)rq->out)->approval;
}

TEST("a call that waits for leave is explained before an officer consents to it, and after")
{
    const char *tokens[3];
    for (size_t i = 0; i < 3; i++) tokens[i] = token_for(ELDERCARE, "elder-care", resident_in_street(i * 20));
    const Vault__V1__Approval *a = ask_leave(many(tokens, 3, "former_name"));
    Vault__V1__ExplainRequest *in = explain_request();
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_APPROVAL;
    in->approval = a->name;
    const Vault__V1__ExplainResponse *out = explained(OFFICER, in);
    assert_int_equal(only_clause(out->explanation, "approval")->limit, 2);
    assert_int_equal(out->facts->residents, 3);
    assert_string_equal(out->facts->fields[0], "former_name");
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    out = explained(ADMINISTRATOR, in);
    assert_true(out->explanation->allowed);
    assert_string_equal(out->explanation->rule, "few-at-once");
    expect_outcome(explain_by(ELDERCARE, in), VAULT_DENIED, "role");
    fixture_reset();
}
