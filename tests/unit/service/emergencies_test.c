/* Break-glass: for the person that it was opened for and nobody else, for its purpose, its hours, its residents; no
 * export; reviewed in time, or the person is suspended by itself, on every node. */
#include "tests/unit/service/glass.h"

/* The workers may ask for tokens, too. */
static void with_issue(const char *file, json_t *document)
{
    with_glass(file, document);
    if (strcmp(file, "policy.json") != 0) return;
    add_rule(
        document,
        "{\"id\": \"glass-issue\", \"action\": \"issue\", \"consumer\": \"eldercare\","
        " \"purpose\": \"elder-care\", \"fields\": [\"id_number\"], \"form\": \"nothing\", \"areas\": [\"320411\"],"
        " \"acting\": \"person\", \"roles\": [\"grid-worker\"],"
        " \"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"},"
        " \"break_glass\": {\"hours\": 2, \"residents\": 2, \"review_hours\": 24}}");
}

__attribute__((constructor)) static void documents(void)
{
    fixture_edit = with_issue;
}

static char **one_token(const char *token)
{
    char **list = arena_array(fixture_memory(), 1, sizeof *list);
    list[0] = lend(token);
    return list;
}

/* A reveal of one field by a person, or (sub NULL) by the app itself. */
static request *look_by(session *by, const char *sub, const char *field, const char *under, uint64_t resident_no)
{
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = GLASS_PURPOSE,
                        .in = &reveal_of(token_for(ELDERCARE, GLASS_PURPOSE, resident_no), MASK(field))->base,
                        .assertion = sub ? says(sub) : NULL,
                        .emergency = under,
                        .by = by});
}

static void close_as(const char *name, bool justified)
{
    expect_outcome(review_as(OFFICER, name, justified, "checked with the brigade"), VAULT_OK, NULL);
}

TEST("an opened one shows at once what only its rule allows, and says what it is for; the line names it")
{
    int64_t since = clock_now_us();
    expect_outcome(look_by(NULL, "grid-zhao", "education", NULL, 1), VAULT_DENIED, "break_glass");
    const Vault__V1__Emergency *e = opened_by("grid-zhao");
    assert_string_equal(e->state, "open");
    assert_string_equal(e->rule, "eldercare-glass");
    assert_string_equal(e->person, "grid-zhao");
    assert_string_equal(e->reason, WHY);
    assert_int_equal(e->residents, 2);
    assert_int_equal(e->end_time->seconds - e->open_time->seconds, 2 * 3600);
    assert_int_equal(e->review_due_time->seconds - e->open_time->seconds, 24 * 3600);
    request *rq = look_by(NULL, "grid-zhao", "education", e->name, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(revealed(rq, 0));
    const char *views = views_since(since);
    char part[96];
    snprintf(part, sizeof part, "\"emergency\":\"%s\"", e->name);
    assert_int_equal(occurrences(views, part), 2); /* that it was opened, and the reveal */
    expect_in(views, "\"change\":\"open\"");
    expect_not_in(views, "三号楼"); /* what somebody wrote is for officers, under the seal of the manifest */
    close_as(e->name, true);
    fixture_reset();
}

TEST("another person, the app alone, another app or purpose, an unknown one: one answer, one line")
{
    const char *name = opened_by("grid-zhao")->name;
    const char *token = token_for(ELDERCARE, GLASS_PURPOSE, 1), *other = token_for(CLINIC, "family-doctor", 1);
    const asked calls[] = {
        {.uri = ELDERCARE, .purpose = GLASS_PURPOSE, .assertion = says("grid-own"), .emergency = name},
        {.uri = ELDERCARE, .purpose = GLASS_PURPOSE, .emergency = name},
        {.uri = ELDERCARE, .purpose = GLASS_PURPOSE, .assertion = says("grid-zhao"), .emergency = NOBODYS},
        {.uri = ELDERCARE,
         .purpose = "elder-care/visit",
         .assertion = assertion_of(&(claims){.purpose = "elder-care/visit"}),
         .emergency = name},
        {.uri = CLINIC, .purpose = "family-doctor", .emergency = name},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        asked a = calls[i];
        int64_t lines = lines_in_log();
        a.path = "/vault.v1.Tokens/Reveal";
        a.in = &reveal_of(a.uri == calls[4].uri ? other : token, MASK("education"))->base;
        expect_outcome(ask(&a), VAULT_DENIED, "break_glass");
        assert_int_equal(lines_in_log(), lines + 1);
    }
    close_as(name, true);
    fixture_reset();
}

TEST("a name that is none is malformed, whatever there is")
{
    static const char *const names[] = {"emergencies/", "x", "emergencies/0123456789ABCDEF0123456789abcdef",
                                        "approvals/0123456789abcdef0123456789abcdef",
                                        "emergencies/0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_outcome(look_by(NULL, "grid-zhao", "education", names[i], 1), VAULT_INVALID, "BAD_EMERGENCY");
    fixture_reset();
}

TEST("under it nothing is exported, handed over, put, erased or kept for later, and nothing an ordinary rule allows")
{
    const char *name = opened_by("grid-zhao")->name, *token = token_for(ELDERCARE, GLASS_PURPOSE, 1);
    NEW_REQUEST(taken, Vault__V1__ExportRequest, vault__v1__export_request__init);
    taken->name = arena_format(fixture_memory(), "records/%s", token);
    NEW_REQUEST(later, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    later->tokens = one_token(token);
    later->n_tokens = 1;
    later->field_mask = MASK("education");
    NEW_REQUEST(gone, Vault__V1__EraseRequest, vault__v1__erase_request__init);
    gone->tokens = one_token(token);
    gone->n_tokens = 1;
    NEW_REQUEST(over, Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init);
    over->tokens = one_token(token);
    over->n_tokens = 1;
    over->basis = lend("elder-care-to-clinic");
    const struct {
        const char *path;
        ProtobufCMessage *in;
    } calls[] = {{"/vault.v1.Records/Export", &taken->base},
                 {"/vault.v1.Tokens/BatchCreateVouchers", &later->base},
                 {"/vault.v1.Records/Erase", &gone->base},
                 {"/vault.v1.Tokens/BatchCreateHandovers", &over->base}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        expect_outcome(ask(&(asked){.path = calls[i].path,
                                    .uri = ELDERCARE,
                                    .purpose = GLASS_PURPOSE,
                                    .in = calls[i].in,
                                    .assertion = says("grid-zhao"),
                                    .emergency = name}),
                       VAULT_DENIED, "break_glass");
    expect_outcome(look_by(NULL, "grid-zhao", "religion", NULL, 1), VAULT_OK, NULL);
    expect_outcome(look_by(NULL, "grid-zhao", "religion", name, 1), VAULT_DENIED, "break_glass");
    close_as(name, true);
    fixture_reset();
}

TEST("it is for so many residents, over all its calls; the same resident again is the same one")
{
    const char *name = opened_by("grid-zhao")->name;
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 1), VAULT_OK, NULL);
    expect_outcome(look_by(NULL, "grid-zhao", "religion", name, 5), VAULT_DENIED, "break_glass"); /* counts nothing */
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 2), VAULT_OK, NULL);
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 3), VAULT_DENIED, "break_glass");
    expect_outcome(look_by(NULL, "grid-zhao", "marital_status", name, 1), VAULT_OK, NULL);
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 4), VAULT_DENIED, "break_glass");
    close_as(name, true);
    fixture_reset();
}

static const char *issued(const char *under, uint64_t resident_no)
{
    resident r;
    the_resident(resident_no, &r);
    NEW_REQUEST(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->values = one_token(arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)));
    in->n_values = 1;
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue",
                               .uri = ELDERCARE,
                               .purpose = GLASS_PURPOSE,
                               .in = &in->base,
                               .assertion = says("grid-zhao"),
                               .emergency = under});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0]->status ? "refused" : "issued";
}

TEST("residents whose tokens are asked for are among the so many")
{
    const char *name = opened_by("grid-zhao")->name;
    assert_string_equal(issued(name, 1), "issued");
    assert_string_equal(issued(name, 2), "issued");
    assert_string_equal(issued(name, 3), "refused");
    assert_string_equal(issued(name, 2), "issued");
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 3), VAULT_DENIED, "break_glass");
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 2), VAULT_OK, NULL);
    close_as(name, true);
    fixture_reset();
}

TEST("after its hours it is over, and stays so when the clock is set back")
{
    (void)pass(0);
    const char *name = opened_by("grid-zhao")->name, *token = token_for(ELDERCARE, GLASS_PURPOSE, 1);
    (void)pass(2 * HOUR_US - 1000);
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 1), VAULT_OK, NULL);
    (void)pass(1000);
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 1), VAULT_DENIED, "break_glass");
    set_back(HOUR_US);
    expect_outcome(ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                                .uri = ELDERCARE,
                                .purpose = GLASS_PURPOSE,
                                .in = &reveal_of(token, MASK("education"))->base,
                                .assertion = assertion_of(&(claims){.issued_s = 3600}),
                                .emergency = name}),
                   VAULT_DENIED, "break_glass");
    assert_string_equal(list_as(OFFICER, true)->emergencies[0]->state, "ended");
    (void)pass(1000);
    close_as(name, true);
    fixture_reset();
}

TEST("a review ends it at once")
{
    const char *name = opened_by("grid-zhao")->name;
    close_as(name, true);
    expect_outcome(look_by(NULL, "grid-zhao", "education", name, 1), VAULT_DENIED, "break_glass");
    expect_outcome(look_by(NULL, "grid-zhao", "religion", NULL, 1), VAULT_OK, NULL);
    fixture_reset();
}

TEST("not reviewed in time, its person is refused by itself: on every node, at once with the moment; the app is not")
{
    node far;
    node_open(&far);
    (void)pass(0);
    const char *name = opened_by("grid-zhao")->name;
    (void)pass(24 * HOUR_US - 1000000);
    expect_outcome(look_by(far.session, "grid-zhao", "religion", NULL, 1), VAULT_OK, NULL);
    (void)pass(1000000);
    session *const nodes[] = {fixture_session(), far.session};
    for (size_t i = 0; i < 2; i++) {
        expect_outcome(look_by(nodes[i], "grid-zhao", "religion", NULL, 1), VAULT_UNAUTHENTICATED, "REVIEW_OVERDUE");
        expect_outcome(open_as(nodes[i], "grid-zhao", WHY), VAULT_UNAUTHENTICATED, "REVIEW_OVERDUE");
        expect_outcome(look_by(nodes[i], "grid-own", "religion", NULL, 1), VAULT_OK, NULL);
        expect_outcome(look_by(nodes[i], NULL, "name", NULL, resident_in_street(0)), VAULT_OK, NULL);
    }
    assert_string_equal(list_as(ADMINISTRATOR, true)->emergencies[0]->state, "overdue");
    close_as(name, true);
    for (size_t i = 0; i < 2; i++) expect_outcome(look_by(nodes[i], "grid-zhao", "religion", NULL, 1), VAULT_OK, NULL);
    node_close(&far);
    fixture_reset();
}

TEST("who opened one without need is suspended by the review, which says so; the officer gives a note")
{
    const char *name = opened_by("grid-own")->name;
    expect_outcome(review_as(OFFICER, name, false, ""), VAULT_INVALID, "BAD_NOTE");
    expect_outcome(review_as(OFFICER, name, false, "a\nb"), VAULT_INVALID, "BAD_NOTE");
    expect_outcome(review_as(ADMINISTRATOR, name, true, "fine"), VAULT_DENIED, "role");
    request *rq = review_as(OFFICER_2, name, false, "there was no fire");
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__ReviewEmergencyResponse *out = (const void *)rq->out;
    assert_string_equal(out->emergency->state, "unjustified");
    assert_string_equal(out->emergency->reviewer, "officer-zhao");
    assert_string_equal(out->change->document, "persons");
    expect_in(last_line()->officer_view, "\"fields\":\"unjustified\"");
    expect_outcome(look_by(NULL, "grid-own", "religion", NULL, 1), VAULT_UNAUTHENTICATED, "PERSON_SUSPENDED");
    expect_outcome(review_as(OFFICER, name, true, "it was after all"), VAULT_PRECONDITION, "ALREADY_REVIEWED");
    fixture_reset();
}

TEST("it is opened by a person with a reason, where a rule is for them; a second one must wait")
{
    char *const endless = arena_alloc(fixture_memory(), 402);
    memset(endless, 'x', 401);
    endless[401] = 0;
    const char *const reasons[] = {"", "too short", "a line\nand another", "\xff\xfe not a text", endless};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        expect_outcome(open_as(NULL, "grid-zhao", reasons[i]), VAULT_INVALID, "BAD_REASON");
    expect_outcome(open_as(NULL, NULL, WHY), VAULT_DENIED, "acting");
    NEW_REQUEST(in, Vault__V1__OpenEmergencyRequest, vault__v1__open_emergency_request__init);
    in->reason = lend(WHY);
    expect_outcome(ask(&(asked){.path = "/vault.v1.Emergencies/Open",
                                .uri = ELDERCARE,
                                .purpose = "elder-care/visit",
                                .in = &in->base,
                                .assertion = assertion_of(&(claims){.purpose = "elder-care/visit"})}),
                   VAULT_DENIED, "break_glass");
    const char *name = opened_by("grid-zhao")->name;
    expect_outcome(open_as(NULL, "grid-zhao", WHY), VAULT_PRECONDITION, "ALREADY_OPEN");
    close_as(name, true);
    fixture_reset();
}

TEST("two nodes open one between them: the second one, which had not heard of it, finds it open")
{
    node far;
    node_open(&far);
    expect_outcome(open_as(far.session, "nobody-there", WHY), VAULT_UNAUTHENTICATED, "ASSERTION_PERSON");
    const char *name = opened_by("grid-zhao")->name;
    int64_t lines = lines_in_log();
    expect_outcome(open_as(far.session, "grid-zhao", WHY), VAULT_PRECONDITION, "ALREADY_OPEN");
    assert_int_equal(lines_in_log(), lines + 1);
    assert_int_equal(list_as(OFFICER, true)->n_emergencies, 1);
    close_as(name, true);
    expect_outcome(look_by(far.session, "grid-zhao", "education", name, 1), VAULT_DENIED, "break_glass");
    assert_string_equal(last_change()->kind, "review");
    assert_string_equal(last_change()->emergency, name);
    node_close(&far);
    fixture_reset();
}

TEST("the list is newest first, of all or of those that wait, for officers and administrators; each question is a line")
{
    const char *first = opened_by("grid-zhao")->name;
    close_as(first, true);
    const char *second = opened_by("grid-zhao")->name;
    int64_t lines = lines_in_log();
    const Vault__V1__ListEmergenciesResponse *all = list_as(ADMINISTRATOR, false), *waiting = list_as(OFFICER, true);
    assert_int_equal(lines_in_log(), lines + 2);
    assert_true(all->n_emergencies >= 2);
    assert_string_equal(all->emergencies[0]->name, second);
    assert_string_equal(all->emergencies[1]->name, first);
    assert_string_equal(all->emergencies[1]->state, "justified");
    assert_int_equal(waiting->n_emergencies, 1);
    assert_string_equal(waiting->emergencies[0]->name, second);
    NEW_REQUEST(in, Vault__V1__ListEmergenciesRequest, vault__v1__list_emergencies_request__init);
    expect_outcome(
        ask(&(asked){
            .path = "/vault.v1.Emergencies/List", .uri = ELDERCARE, .purpose = GLASS_PURPOSE, .in = &in->base}),
        VAULT_DENIED, "role");
    close_as(second, true);
    fixture_reset();
}

TEST("the officers' notice is written with the opening, and names no more than it; what is refused leaves none")
{
    pg_sql("DELETE FROM notice");
    expect_outcome(open_as(NULL, NULL, WHY), VAULT_DENIED, "acting");
    assert_string_equal(pg_sql("SELECT count(*) FROM notice"), "0");
    const char *name = opened_by("grid-zhao")->name;
    assert_string_equal(pg_sql("SELECT kind, tries FROM notice WHERE subject = '%s'", name), "1|0");
    close_as(name, true);
    pg_sql("DELETE FROM notice");
    fixture_reset();
}
