/* Facts of residents in the policy: consents and classes. The fixture, with rules besides, all of eldercare for the
 * purpose elder-care: it writes consents down in the whole district; in the street 320411002 it sees the occupation of
 * those who agreed, and the education of those who are known to be no children. */
#pragma once
#include "tests/unit/service/erase.h"

static inline void add_json_rule(json_t *doc, const char *text)
{
    json_error_t why;
    json_t *rule = json_loads(text, 0, &why);
    if (!rule) fail_msg("%s: %s", text, why.text);
    if (!json_object_get(rule, "consumer")) json_object_set_new(rule, "consumer", json_string("eldercare"));
    if (!json_object_get(rule, "purpose")) json_object_set_new(rule, "purpose", json_string("elder-care"));
    if (!json_object_get(rule, "acting")) json_object_set_new(rule, "acting", json_string("app"));
    json_object_set_new(rule, "valid", json_pack("{s:s, s:s}", "from", "2020-01-01", "until", "2099-12-31"));
    json_array_append_new(json_object_get(doc, "rules"), rule);
}

static inline void edit_for_facts(const char *file, json_t *doc)
{
    edit_for_erasure(file, doc);
    if (strcmp(file, "policy.json") != 0) return;
    json_object_set_new(
        doc, "classes",
        json_pack("[{s:s, s:s, s:s, s:i}]", "id", "child", "field", "birth_date", "test", "age_under", "years", 14));
    json_object_set_new(
        doc, "withholding",
        json_pack("[{s:s, s:s, s:i}]", "id", "investigation", "title", "案件调查期间暂不告知", "days", 90));
    add_json_rule(doc, "{\"id\": \"consent-book\", \"action\": \"consent\", \"fields\": [\"id_number\"],"
                       " \"form\": \"nothing\", \"areas\": [\"320411\"]}");
    add_json_rule(doc, "{\"id\": \"by-consent\", \"action\": \"reveal\", \"fields\": [\"occupation\"],"
                       " \"form\": \"plain\", \"areas\": [\"320411002\"], \"consent\": true}");
    add_json_rule(doc, "{\"id\": \"no-children\", \"action\": \"reveal\", \"fields\": [\"education\"],"
                       " \"form\": \"plain\", \"areas\": [\"320411002\"], \"residents\": {\"except\": [\"child\"]}}");
    add_json_rule(doc, "{\"id\": \"address-near\", \"action\": \"reveal\", \"fields\": [\"registered_address\"],"
                       " \"form\": \"plain\", \"areas\": [\"320411002\"], \"withhold\": \"investigation\"}");
    add_json_rule(doc, "{\"id\": \"address-far\", \"action\": \"reveal\", \"fields\": [\"registered_address\"],"
                       " \"form\": \"masked\", \"areas\": [\"320411\"]}");
    add_json_rule(doc, "{\"id\": \"shared\", \"action\": \"reveal\", \"consumer\": \"clinic\","
                       " \"purpose\": \"family-doctor\", \"fields\": [\"education\"], \"form\": \"plain\","
                       " \"areas\": [\"320411002\"], \"sharing\": \"care-to-clinic\"}");
    add_json_rule(doc, "{\"id\": \"night\", \"action\": \"reveal\", \"fields\": [\"political_status\"],"
                       " \"form\": \"plain\", \"areas\": [\"320411\"],"
                       " \"hours\": [{\"days\": [\"mon\"], \"from\": \"22:00\", \"until\": \"06:00\"}]}");
}

__attribute__((constructor)) static void with_facts(void)
{
    fixture_edit = edit_for_facts;
}

/* ---- consents ---- */

static inline request *say_as(session *by, const char *const *tokens, size_t count, bool granted, int64_t end_s)
{
    NEW(in, Vault__V1__BatchRecordConsentsRequest, vault__v1__batch_record_consents_request__init);
    in->items = arena_array(fixture_memory(), count + 1, sizeof *in->items);
    in->want_receipt = true;
    for (size_t i = 0; i < count; i++) {
        NEW(one, Vault__V1__ConsentInput, vault__v1__consent_input__init);
        one->token = lent(tokens[i]);
        one->granted = granted;
        if (end_s) {
            NEW(end, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
            end->seconds = end_s;
            one->expire_time = end;
        }
        in->items[in->n_items++] = one;
    }
    return ask(&(asked){
        .path = "/vault.v1.Consents/BatchRecord", .uri = ELDERCARE, .purpose = CARE, .in = &in->base, .by = by});
}

/* What the one item was refused for; "" where it was written. */
static inline const char *said(const char *mine, bool granted)
{
    request *rq = say_as(NULL, &mine, 1, granted, 0);
    expect_outcome(rq, VAULT_OK, NULL);
    return refusal(((const Vault__V1__BatchRecordConsentsResponse *)(const void *)rq->out)->results[0]->status);
}

static inline const Vault__V1__ConsentResult *standing(const char *why, const char *mine)
{
    NEW(in, Vault__V1__BatchGetConsentsRequest, vault__v1__batch_get_consents_request__init);
    in->tokens = lend_all(&mine, 1);
    in->n_tokens = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Consents/BatchGet", .uri = ELDERCARE, .purpose = why, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchGetConsentsResponse *)(const void *)rq->out)->results[0];
}

static inline request *see(const char *mine, const char *field)
{
    return reveal(ELDERCARE, CARE, mine, MASK(field));
}

/* In whichever form may be. */
static inline request *see_strongest(const char *mine, const char *field)
{
    Vault__V1__RevealRequest *in = reveal_of(mine, MASK(field));
    in->form = VAULT__V1__FORM__FORM_STRONGEST;
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
}
