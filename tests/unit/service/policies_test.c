/* Work on policies: cases, comparisons, who may see what, what looks wrong, and the log decided again. */
#include "tests/unit/service/steward.h"

#include "vault/v1/policy.pb-c.h"

typedef struct draft_of {
    const char *document;
    bytes content;
} draft_of;

/* Into a request that has `drafts`. */
static void give(Vault__V1__Draft ***list, size_t *count, const draft_of *drafts, size_t n)
{
    *list = arena_array(fixture_memory(), n + 1, sizeof **list);
    for (size_t i = 0; i < n; i++) {
        NEW_REQUEST(one, Vault__V1__Draft, vault__v1__draft__init);
        one->document = lend(drafts[i].document);
        one->content =
            (ProtobufCBinaryData){.len = drafts[i].content.len, .data = (uint8_t *)(uintptr_t)drafts[i].content.at};
        (*list)[(*count)++] = one;
    }
}

static draft_of policy_draft(edit how)
{
    return (draft_of){"policy", edited("policy", how)};
}

static void remove_rule(json_t *of, const char *id)
{
    json_t *rules = json_object_get(of, "rules"), *rule;
    size_t i;
    json_array_foreach(rules, i, rule)
    {
        if (strcmp(json_string_value(json_object_get(rule, "id")), id) != 0) continue;
        json_array_remove(rules, i);
        return;
    }
    fail_msg("no rule %s", id);
}

static void without_reveal(json_t *of)
{
    remove_rule(of, "clinic-reveal");
}

static void with_address(json_t *of)
{
    json_array_append_new(json_object_get(entry(of, "rules", "clinic-reveal"), "fields"),
                          json_string("residence_address"));
}

static void without_address(json_t *of)
{
    json_t *fields = json_object_get(entry(of, "rules", "clinic-reveal"), "fields");
    json_array_remove(fields, json_array_size(fields) - 1);
}

static void broken(json_t *of)
{
    json_object_set_new(entry(of, "rules", "clinic-reveal"), "form", json_string("shown"));
}

static void same(json_t *of)
{
    (void)of;
}

/* ---- cases ---- */

static request *test_cases(const char *uri, const char *text, edit how)
{
    NEW_REQUEST(in, Vault__V1__TestPolicyRequest, vault__v1__test_policy_request__init);
    in->cases = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)lend(text)};
    draft_of draft = how ? policy_draft(how) : (draft_of){0};
    if (how) give(&in->drafts, &in->n_drafts, &draft, 1);
    return steward(NULL, uri, "/vault.v1.Policies/Test", &in->base);
}

static const Vault__V1__TestPolicyResponse *tested(const char *text, edit how)
{
    request *rq = test_cases(ADMINISTRATOR, text, how);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const char cases[] =
    "{\"cases\": [\n"
    " {\"id\": \"clinic-phone\", \"facts\": {\"consumer\": \"clinic\", \"purpose\": \"family-doctor\", \"action\": "
    "\"reveal\",\n  \"fields\": [\"phone\"], \"resident\": {\"area\": \"320411003001\"}}, \"expect\": \"allowed\", "
    "\"rule\": \"clinic-reveal\"},\n"
    " {\"id\": \"clinic-religion\", \"facts\": {\"consumer\": \"clinic\", \"purpose\": \"family-doctor\", \"action\": "
    "\"reveal\",\n  \"fields\": [\"religion\"]}, \"expect\": \"refused\", \"clause\": \"fields\"},\n"
    " {\"id\": \"grid-own\", \"facts\": {\"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"action\": "
    "\"reveal\",\n  \"fields\": [\"ethnicity\"], \"person\": \"grid-own\", \"resident\": {\"area\": "
    "\"320411002003001\"}}, \"expect\": \"allowed\"}]}";

TEST("cases are run against what is in force, with its persons, and against drafts")
{
    const Vault__V1__TestPolicyResponse *out = tested(cases, NULL);
    assert_null(out->fault);
    assert_int_equal(out->n_results, 3);
    for (size_t i = 0; i < 3; i++)
        if (!out->results[i]->passed) fail_msg("%s: %s", out->results[i]->id, out->results[i]->found);
    assert_int_equal(out->covered, 2);
    assert_int_equal(out->rules, out->n_uncovered + 2);
    assert_string_equal(out->results[0]->expected, "allowed by clinic-reveal");
    out = tested(cases, with_address);
    assert_true(out->results[0]->passed);
    fixture_reset();
}

static void only_sex(json_t *of)
{
    json_object_set_new(entry(of, "rules", "clinic-reveal"), "fields", json_pack("[s]", "sex"));
}

TEST("a case that fails says what was expected and what was found")
{
    const Vault__V1__TestPolicyResponse *out = tested(cases, only_sex);
    assert_false(out->results[0]->passed);
    assert_string_equal(out->results[0]->expected, "allowed by clinic-reveal");
    assert_string_equal(out->results[0]->found, "refused: fields");
    assert_int_equal(out->results[0]->explanation->n_clauses, 1);
    assert_string_equal(out->results[0]->explanation->clauses[0]->clause, "fields");
    assert_string_equal(out->results[0]->explanation->clauses[0]->fields[0], "phone");
    assert_null(out->results[1]->explanation);
    assert_true(out->results[1]->passed);
    fixture_reset();
}

TEST("a fault in the file of cases is told with its place, and nothing is run")
{
    const Vault__V1__TestPolicyResponse *out = tested("{\"cases\": [\n {\"id\": \"x\"}]}", NULL);
    assert_non_null(out->fault);
    assert_int_equal(out->n_results, 0);
    assert_string_equal(out->fault->path, "cases[0]");
    assert_int_equal(out->fault->line, 2);
    out = tested("{\"cases\": ", NULL);
    assert_non_null(out->fault);
    expect_outcome(test_cases(OFFICER, "", NULL), VAULT_INVALID, "REQUIRED");
    request *rq = test_cases(OFFICER, cases, broken);
    expect_outcome(rq, VAULT_INVALID, "DOCUMENT_INVALID");
    expect_in(rq->err.field, "policy.rules[");
    fixture_reset();
}

/* ---- diff ---- */

static request *diff(const char *uri, const draft_of *drafts, size_t n, uint64_t version, const char *approval)
{
    NEW_REQUEST(in, Vault__V1__DiffPolicyRequest, vault__v1__diff_policy_request__init);
    give(&in->drafts, &in->n_drafts, drafts, n);
    in->version = version;
    in->approval = lend(approval);
    return steward(NULL, uri, "/vault.v1.Policies/Diff", &in->base);
}

static const Vault__V1__DiffPolicyResponse *difference_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("a difference names who gains or loses which fields, for which purpose and where")
{
    draft_of draft = policy_draft(with_address);
    const Vault__V1__DiffPolicyResponse *out = difference_of(diff(OFFICER, &draft, 1, 0, ""));
    assert_int_equal(out->n_changes, 1);
    const Vault__V1__Access *a = out->changes[0]->access;
    assert_true(out->changes[0]->gains);
    assert_string_equal(a->consumer, "clinic");
    assert_string_equal(a->purpose, "family-doctor");
    assert_string_equal(a->action, "reveal");
    assert_string_equal(a->form, "plain");
    assert_string_equal(a->rule, "clinic-reveal");
    assert_int_equal(a->n_fields, 1);
    assert_string_equal(a->fields[0], "residence_address");
    assert_int_equal(a->n_areas, 1);
    assert_string_equal(a->areas[0], "320411");
    draft = policy_draft(without_reveal);
    out = difference_of(diff(ADMINISTRATOR, &draft, 1, 0, ""));
    assert_true(out->n_changes >= 1);
    for (size_t i = 0; i < out->n_changes; i++) assert_false(out->changes[i]->gains);
    draft = policy_draft(same);
    assert_int_equal(difference_of(diff(OFFICER, &draft, 1, 0, ""))->n_changes, 0);
    fixture_reset();
}

static void turn_around(json_t *of)
{
    json_t *apps = json_object_get(of, "apps");
    for (size_t i = 1; i < json_array_size(apps); i++) {
        json_t *last = json_incref(json_array_get(apps, i));
        json_array_remove(apps, i);
        json_array_insert_new(apps, 0, last);
    }
}

TEST("other numbers are no difference: apps that stand in another order are the same apps")
{
    const draft_of drafts[] = {{"principals", edited("principals", turn_around)}, policy_draft(with_address)};
    assert_int_equal(difference_of(diff(OFFICER, drafts, 1, 0, ""))->n_changes, 0);
    const Vault__V1__DiffPolicyResponse *out = difference_of(diff(OFFICER, drafts, 2, 0, ""));
    assert_int_equal(out->n_changes, 1);
    assert_string_equal(out->changes[0]->access->consumer, "clinic");
    fixture_reset();
}

TEST("what waits for approval, and what was in force once, are compared with what is in force")
{
    uint64_t before = standing("policy")->version;
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "policy", with_address);
    const Vault__V1__DiffPolicyResponse *out = difference_of(diff(OFFICER, NULL, 0, 0, a->name));
    assert_int_equal(out->n_changes, 1);
    draft_of draft = policy_draft(same);
    expect_outcome(diff(OFFICER, &draft, 1, 0, a->name), VAULT_INVALID, "EXCLUDES_DRAFTS");
    expect_outcome(diff(OFFICER, NULL, 0, 0, "approvals/0"), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    out = difference_of(diff(OFFICER, NULL, 0, before, ""));
    assert_int_equal(out->n_changes, 1);
    assert_true(out->changes[0]->gains);
    assert_int_equal(difference_of(diff(OFFICER, NULL, 0, 0, ""))->n_changes, 0);
    expect_outcome(diff(OFFICER, NULL, 0, 100000, ""), VAULT_NOT_FOUND, "VERSION_UNKNOWN");
    change_document("policy", without_address);
    fixture_reset();
}

TEST("a draft of no document, of the vault's own, said twice, or too long is refused by its place")
{
    const bytes good = edited("policy", same);
    draft_of drafts[] = {{"policy", good}, {"domains", good}, {"", good}};
    expect_outcome(diff(OFFICER, drafts + 1, 1, 0, ""), VAULT_INVALID, "DOCUMENT_UNKNOWN");
    expect_outcome(diff(OFFICER, drafts + 2, 1, 0, ""), VAULT_INVALID, "REQUIRED");
    drafts[1].document = "policy";
    request *rq = diff(OFFICER, drafts, 2, 0, "");
    expect_outcome(rq, VAULT_INVALID, "DUPLICATE_NAME");
    assert_string_equal(rq->err.field, "drafts[1].document");
    drafts[1] = (draft_of){"policy", bytes_of_text("{")};
    expect_outcome(diff(OFFICER, drafts + 1, 1, 0, ""), VAULT_INVALID, "DOCUMENT_INVALID");
    fixture_reset();
}

/* ---- who can, what can ---- */

static request *who_can(const char *uri, const char *field, const char *form, const char *area)
{
    NEW_REQUEST(in, Vault__V1__WhoCanRequest, vault__v1__who_can_request__init);
    in->field = lend(field);
    in->form = lend(form);
    in->area = lend(area);
    return steward(NULL, uri, "/vault.v1.Policies/WhoCan", &in->base);
}

static const Vault__V1__AccessResponse *accesses(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static bool has_rule(const Vault__V1__AccessResponse *out, const char *rule)
{
    for (size_t i = 0; i < out->n_accesses; i++)
        if (strcmp(out->accesses[i]->rule, rule) == 0) return true;
    return false;
}

TEST("who may see a field is told with persons who have the roles, and narrowed by form and area")
{
    const Vault__V1__AccessResponse *out = accesses(who_can(OFFICER, "ethnicity", "", ""));
    assert_true(has_rule(out, "eldercare-own"));
    assert_false(has_rule(out, "clinic-reveal"));
    bool own = false;
    for (size_t i = 0; i < out->n_persons; i++) own |= strcmp(out->persons[i], "grid-own") == 0;
    assert_true(own);
    assert_true(has_rule(accesses(who_can(OFFICER, "birth_date", "masked", "")), "clinic-masked"));
    assert_false(has_rule(accesses(who_can(OFFICER, "birth_date", "plain", "")), "clinic-masked"));
    assert_int_equal(accesses(who_can(ADMINISTRATOR, "ethnicity", "", "11"))->n_accesses, 0);
    assert_false(has_rule(accesses(who_can(OFFICER, "workplace", "", "")), "eldercare-expired"));
    expect_outcome(who_can(OFFICER, "no_such", "", ""), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(who_can(OFFICER, "", "", ""), VAULT_INVALID, "REQUIRED");
    expect_outcome(who_can(OFFICER, "phone", "shown", ""), VAULT_INVALID, "UNKNOWN_NAME");
    expect_outcome(who_can(OFFICER, "phone", "", "east"), VAULT_INVALID, "BAD_AREA");
    fixture_reset();
}

static request *what_can(const char *uri, bool person, const char *who)
{
    NEW_REQUEST(in, Vault__V1__WhatCanRequest, vault__v1__what_can_request__init);
    in->who_case = person ? VAULT__V1__WHAT_CAN_REQUEST__WHO_PERSON : VAULT__V1__WHAT_CAN_REQUEST__WHO_CONSUMER;
    in->consumer = lend(who); /* a union */
    return steward(NULL, uri, "/vault.v1.Policies/WhatCan", &in->base);
}

TEST("what an app or a person may see is told, of a person in his own areas")
{
    const Vault__V1__AccessResponse *out = accesses(what_can(OFFICER, false, "clinic"));
    assert_true(has_rule(out, "clinic-reveal") && has_rule(out, "clinic-issue"));
    assert_false(has_rule(out, "eldercare-reveal"));
    out = accesses(what_can(OFFICER, true, "grid-own"));
    for (size_t i = 0; i < out->n_accesses; i++) {
        if (strcmp(out->accesses[i]->rule, "eldercare-own") != 0) continue;
        assert_int_equal(out->accesses[i]->n_areas, 1);
        assert_string_equal(out->accesses[i]->areas[0], "320411002003001");
        assert_true(out->accesses[i]->own_area);
    }
    assert_true(has_rule(out, "eldercare-own"));
    expect_outcome(what_can(OFFICER, true, "nobody"), VAULT_INVALID, "UNKNOWN_PERSON");
    expect_outcome(what_can(OFFICER, false, "nobody"), VAULT_INVALID, "UNKNOWN_CONSUMER");
    fixture_reset();
}

/* ---- lint ---- */

static void twice(json_t *of)
{
    json_t *copy = json_deep_copy(entry(of, "rules", "clinic-reveal"));
    json_object_set_new(copy, "id", json_string("clinic-again"));
    json_object_set_new(copy, "fields", json_pack("[s]", "phone"));
    json_array_append_new(json_object_get(of, "rules"), copy);
}

static bool found(const Vault__V1__LintResponse *out, const char *kind, const char *rule)
{
    for (size_t i = 0; i < out->n_findings; i++)
        if (strcmp(out->findings[i]->kind, kind) == 0 && strcmp(out->findings[i]->rule, rule) == 0) return true;
    return false;
}

TEST("rules that have ended, and rules that others make needless, are found; of drafts, too")
{
    NEW_REQUEST(in, Vault__V1__LintRequest, vault__v1__lint_request__init);
    request *rq = steward(NULL, ADMINISTRATOR, "/vault.v1.Policies/Lint", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_true(found((const void *)rq->out, "expired", "eldercare-expired"));
    assert_false(found((const void *)rq->out, "shadowed", "clinic-reveal"));
    assert_true(((const Vault__V1__LintResponse *)(const void *)rq->out)->n_rules > 10);
    draft_of draft = policy_draft(twice);
    give(&in->drafts, &in->n_drafts, &draft, 1);
    rq = steward(NULL, OFFICER, "/vault.v1.Policies/Lint", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_true(found((const void *)rq->out, "shadowed", "clinic-again"));
    fixture_reset();
}

/* ---- replay ---- */

static request *simulate(const char *uri, const draft_of *draft, int32_t page_size, const char *page_token)
{
    NEW_REQUEST(in, Vault__V1__SimulateRequest, vault__v1__simulate_request__init);
    give(&in->drafts, &in->n_drafts, draft, draft != NULL);
    in->page_size = page_size;
    in->page_token = lend(page_token);
    return steward(NULL, uri, "/vault.v1.Policies/Simulate", &in->base);
}

/* All pages, added up; groups and uses are those of the last one. */
static Vault__V1__SimulateResponse replayed(const draft_of *draft, int32_t page_size)
{
    Vault__V1__SimulateResponse all = VAULT__V1__SIMULATE_RESPONSE__INIT;
    const char *next = "";
    do {
        request *rq = simulate(OFFICER, draft, page_size, next);
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__SimulateResponse *page = (const void *)rq->out;
        all.decisions += page->decisions;
        all.would_refuse += page->would_refuse;
        all.would_allow += page->would_allow;
        all.open += page->open;
        all.groups = page->groups;
        all.n_groups = page->n_groups;
        all.uses = page->uses;
        all.n_uses = page->n_uses;
        assert_true(page->position <= page->size);
        next = page->next_page_token;
    } while (*next);
    return all;
}

static uint64_t use_of(const Vault__V1__SimulateResponse *of, const char *rule)
{
    for (size_t i = 0; i < of->n_uses; i++)
        if (strcmp(of->uses[i]->rule, rule) == 0) return of->uses[i]->count;
    return 0;
}

static void given_reveals(void)
{
    const char *near = token_for(CLINIC, "family-doctor", resident_in_street(0));
    const char *elder = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    const char *far = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    for (int i = 0; i < 5; i++) expect_outcome(reveal(CLINIC, "family-doctor", near, MASK("phone")), VAULT_OK, NULL);
    expect_outcome(reveal(CLINIC, "family-doctor", near, MASK("residence_address")), VAULT_DENIED, NULL);
    expect_outcome(reveal(ELDERCARE, "elder-care", elder, MASK("name")), VAULT_OK, NULL);
    expect_outcome(reveal(ELDERCARE, "elder-care", far, MASK("name")), VAULT_DENIED, NULL);
}

TEST("what was decided by a policy is decided the same by it again: the replay finds nothing")
{
    given_reveals();
    Vault__V1__SimulateResponse all = replayed(NULL, 0);
    assert_true(all.decisions > 200); /* the residents that were put, among others */
    if (all.would_refuse || all.would_allow || all.n_groups)
        fail_msg("%llu refused, %llu allowed: %s %s %s", (unsigned long long)all.would_refuse,
                 (unsigned long long)all.would_allow, all.groups[0]->consumer, all.groups[0]->fields,
                 all.groups[0]->clause);
    assert_int_equal(all.open, 0);
    assert_true(use_of(&all, "clinic-reveal") >= 5);
    assert_int_equal(use_of(&all, "eldercare-expired"), 0);
    fixture_reset();
}

TEST("a rule less would have refused what was granted by it, told by app, purpose, fields and clause")
{
    given_reveals();
    draft_of draft = policy_draft(only_sex);
    Vault__V1__SimulateResponse all = replayed(&draft, 0);
    assert_int_equal(all.would_refuse, use_of(&all, "clinic-reveal"));
    assert_int_equal(all.would_allow, 0);
    assert_int_equal(all.n_groups, 1);
    assert_false(all.groups[0]->allows);
    assert_string_equal(all.groups[0]->consumer, "clinic");
    assert_string_equal(all.groups[0]->purpose, "family-doctor");
    assert_string_equal(all.groups[0]->fields, "phone");
    assert_string_equal(all.groups[0]->form, "plain");
    assert_string_equal(all.groups[0]->clause, "fields");
    assert_int_equal(all.groups[0]->count, all.would_refuse);
    fixture_reset();
}

TEST("a field more would have allowed what was refused; whoever is not there stays refused")
{
    given_reveals();
    draft_of draft = policy_draft(with_address);
    Vault__V1__SimulateResponse all = replayed(&draft, 0);
    assert_int_equal(all.would_refuse, 0);
    assert_true(all.would_allow >= 1);
    assert_int_equal(all.n_groups, 1);
    assert_true(all.groups[0]->allows);
    assert_string_equal(all.groups[0]->clause, "fields");
    fixture_reset();
}

static void only_children(json_t *of)
{
    json_t *rule = entry(of, "rules", "clinic-reveal");
    json_object_set_new(
        of, "classes",
        json_pack("[{s:s, s:s, s:s, s:i}]", "id", "child", "field", "birth_date", "test", "age_under", "years", 14));
    json_object_set_new(rule, "residents", json_pack("{s:[s]}", "only", "child"));
}

TEST("what depends on a resident's class, which the log does not hold, is left open and not guessed")
{
    given_reveals();
    draft_of draft = policy_draft(only_children);
    Vault__V1__SimulateResponse all = replayed(&draft, 0);
    assert_int_equal(all.would_refuse, 0);
    assert_int_equal(all.open, use_of(&all, "clinic-reveal"));
    fixture_reset();
}

TEST("pages of any size add up to the same, end, and are good for the same question and officer only")
{
    given_reveals();
    draft_of draft = policy_draft(only_sex), other = policy_draft(with_address);
    Vault__V1__SimulateResponse whole = replayed(&draft, 100000);
    Vault__V1__SimulateResponse parts = replayed(&draft, 97);
    assert_int_equal(whole.would_refuse, parts.would_refuse);
    assert_int_equal(whole.decisions, parts.decisions);
    request *rq = simulate(OFFICER, &draft, 10, "");
    const char *next = ((const Vault__V1__SimulateResponse *)(const void *)rq->out)->next_page_token;
    expect_outcome(simulate(OFFICER, &other, 10, next), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(simulate(OFFICER_2, &draft, 10, next), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(simulate(OFFICER, &draft, 10, "AAAA"), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(simulate(OFFICER, &draft, 10, next), VAULT_OK, NULL);
    expect_outcome(simulate(OFFICER, &draft, -1, ""), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(simulate(OFFICER, &draft, 100001, ""), VAULT_INVALID, "OUT_OF_RANGE");
    fixture_reset();
}

TEST("times choose the lines, and a question that nobody can answer is refused")
{
    given_reveals();
    NEW_REQUEST(in, Vault__V1__SimulateRequest, vault__v1__simulate_request__init);
    NEW_REQUEST(when, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    when->seconds = 4000000000;
    in->start_time = when;
    request *rq = steward(NULL, OFFICER, "/vault.v1.Policies/Simulate", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__SimulateResponse *)(const void *)rq->out)->decisions, 0);
    in->end_time = when;
    expect_outcome(steward(NULL, OFFICER, "/vault.v1.Policies/Simulate", &in->base), VAULT_INVALID, "OUT_OF_RANGE");
    in->start_time = NULL;
    NEW_REQUEST(early, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    early->seconds = 1;
    in->end_time = early;
    rq = steward(NULL, OFFICER, "/vault.v1.Policies/Simulate", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__SimulateResponse *)(const void *)rq->out)->decisions, 0);
    assert_string_equal(((const Vault__V1__SimulateResponse *)(const void *)rq->out)->next_page_token, "");
    fixture_reset();
}

/* ---- who may ask, and what is left of it ---- */

static void expect_one_line(request *rq, int64_t before, const char *fields)
{
    (void)rq;
    assert_int_equal(lines_in_log(), before + 1);
    expect_in(last_line()->officer_view, fields);
}

TEST("every question is a line, those that are refused too; apps ask nothing, administrators replay nothing")
{
    draft_of draft = policy_draft(with_address);
    int64_t before = lines_in_log();
    expect_one_line(diff(OFFICER, &draft, 1, 0, ""), before, "\"difference\"");
    before = lines_in_log();
    expect_one_line(who_can(OFFICER, "phone", "", ""), before, "\"who-can\"");
    before = lines_in_log();
    expect_one_line(who_can(OFFICER, "no_such", "", ""), before, "UNKNOWN_FIELD");
    before = lines_in_log();
    expect_one_line(simulate(OFFICER, &draft, 0, ""), before, "\"replay\"");
    before = lines_in_log();
    expect_one_line(test_cases(OFFICER, cases, NULL), before, "\"cases\"");
    expect_outcome(simulate(ADMINISTRATOR, &draft, 0, ""), VAULT_DENIED, NULL);
    expect_outcome(diff(CLINIC, &draft, 1, 0, ""), VAULT_DENIED, NULL);
    expect_outcome(who_can(CLINIC, "phone", "", ""), VAULT_DENIED, NULL);
    expect_outcome(what_can(CLINIC, false, "clinic"), VAULT_DENIED, NULL);
    expect_outcome(test_cases(CLINIC, cases, NULL), VAULT_DENIED, NULL);
    fixture_reset();
}

TEST("a log that was edited is replayed for nobody")
{
    draft_of draft = policy_draft(with_address);
    pg_sql("UPDATE line SET leaf = set_byte(leaf, 10, get_byte(leaf, 10) # 1) WHERE idx = 7");
    expect_outcome(simulate(OFFICER, &draft, 0, ""), VAULT_INTEGRITY, NULL);
    pg_sql("UPDATE line SET leaf = set_byte(leaf, 10, get_byte(leaf, 10) # 1) WHERE idx = 7");
    expect_outcome(simulate(OFFICER, &draft, 0, ""), VAULT_OK, NULL);
    fixture_reset();
    fixture_close();
}
