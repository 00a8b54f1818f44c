/* Corrections: filed by one department, listed and decided by the one that owns the field, told to whoever may know. */
#include "tests/unit/service/records.h"

#define PENDING  VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_PENDING
#define ACCEPTED VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_ACCEPTED
#define DECLINED VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_DECLINED

static const char *value_of(uint64_t index, const char *field)
{
    return stored_record(index, mask_of(&field, 1))->values[0]->value->text;
}

/* The one that waits for this field of a resident. */
static const Vault__V1__Correction *filed(uint64_t index, const char *field, const char *value)
{
    clinic_says(index, field, value);
    const Vault__V1__ListCorrectionsResponse *all =
        list(&(listed){.uri = POPULATION, .why = WHY, .token = known_token(POPULATION, WHY, index), .values = true});
    for (size_t i = 0; i < all->n_corrections; i++)
        if (all->corrections[i]->state == PENDING && strcmp(all->corrections[i]->field, field) == 0)
            return all->corrections[i];
    fail_msg("nothing waits for %s", field);
    return NULL;
}

static void forget_all(void)
{
    pg_sql("delete from correction");
    fixture_reset();
}

TEST("the owner is told who wants what, with a token of its own; the value only where it is asked for")
{
    (void)stored_record(50, MASK("name")); /* the fixture's own lines are older */
    int64_t then = clock_now_us();
    clinic_says(50, "name", "欧阳修");
    const Vault__V1__ListCorrectionsResponse *all = waiting(false);
    assert_int_equal(all->n_corrections, 1);
    const Vault__V1__Correction *one = all->corrections[0];
    assert_int_equal(strncmp(one->name, "corrections/", 12), 0);
    assert_string_equal(one->token, known_token(POPULATION, WHY, 50));
    assert_string_equal(one->field, "name");
    assert_string_equal(one->department, "health");
    assert_int_equal(one->state, PENDING);
    assert_true(one->file_time->seconds >= then / 1000000);
    assert_null(one->decide_time);
    assert_string_equal(one->decided_by, "");
    assert_string_equal(one->value, "");
    assert_string_equal(all->next_page_token, "");
    assert_string_equal(waiting(true)->corrections[0]->value, "欧阳修");
    expect_told(then, "\"action\":\"correct\"", 2);
    expect_told(then, "\"action\":\"correct\",\"app\":\"population\"", 2);
    forget_all();
}

TEST("accepted, the value is the field's, as the owner's word, and nowhere else any more")
{
    const Vault__V1__Correction *one = filed(51, "name", "司马光");
    int64_t then = clock_now_us();
    const Vault__V1__DecideResult *r = decide(POPULATION, WHY, one->name, true);
    assert_int_equal(outcome_of(r), 0);
    assert_int_equal(r->record_version, 2);
    const Vault__V1__Record *now = stored_record(51, MASK("name"));
    assert_string_equal(now->values[0]->value->text, "司马光");
    assert_string_equal(now->values[0]->department, "public-security");
    assert_int_equal(now->version, 2);
    assert_string_equal(
        pg_sql("select string_agg(state || '/' || length(sealed) || '/' || decider, ',') from correction"), "2/29/1");
    assert_int_equal(waiting(false)->n_corrections, 0);
    expect_told(then, "\"action\":\"correct\"", 2); /* the decision, and the look at an empty list */
    expect_told(then, "\"form\":\"accepted\"", 1);
    clinic_says(51, "name", "司马光"); /* stands: nothing is filed */
    assert_int_equal(waiting(false)->n_corrections, 0);
    forget_all();
}

TEST("what the owner has said itself meanwhile is accepted without another version")
{
    const char *name = filed(54, "name", "曾子固")->name, *to = known_token(POPULATION, WHY, 54);
    put_of(update(&(updated){
        .uri = POPULATION, .why = WHY, .token = to, .version = 1, .fields = MASK("name"), VALUES("曾子固")}));
    const Vault__V1__DecideResult *r = decide(POPULATION, WHY, name, true);
    assert_int_equal(outcome_of(r), 0);
    assert_int_equal(r->record_version, 2);
    assert_string_equal(value_of(54, "name"), "曾子固");
    assert_string_equal(pg_sql("select state from correction"), "2");
    forget_all();
}

TEST("the decision, the record and the line are of one transaction, or nothing of them is")
{
    const char *name = filed(55, "name", "黄鲁直")->name;
    pg_sql("create function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$");
    pg_sql("create trigger broken before insert on line execute function broken()");
    expect_outcome(ask_decide(POPULATION, WHY, decisions(&name, 1, true)), VAULT_UNAVAILABLE, NULL);
    pg_sql("drop trigger broken on line");
    pg_sql("drop function broken()");
    assert_string_equal(pg_sql("select state from correction"), "1");
    assert_int_equal(stored_record(55, MASK("name"))->version, 1);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, name, true)), 0);
    forget_all();
}

TEST("no value is told when its line cannot be written")
{
    filed(56, "name", "秦少游");
    pg_sql("create function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$");
    pg_sql("create trigger broken before insert on line execute function broken()");
    request *rq = ask_list(&(listed){.uri = POPULATION, .why = WHY, .values = true});
    expect_outcome(rq, VAULT_UNAVAILABLE, NULL);
    assert_null(rq->out);
    pg_sql("drop trigger broken on line");
    pg_sql("drop function broken()");
    forget_all();
}

TEST("declined, the field stays; the next round is another request, and the history tells both")
{
    resident r;
    the_resident(52, &r);
    const Vault__V1__Correction *first = filed(52, "name", "王安石");
    const Vault__V1__DecideResult *out = decide(POPULATION, WHY, first->name, false);
    assert_int_equal(outcome_of(out), 0);
    assert_int_equal(out->record_version, 1);
    assert_string_equal(value_of(52, "name"), resident_text(&r, FIELD_NAME));
    const Vault__V1__Correction *second = filed(52, "name", "王安石");
    assert_string_not_equal(second->name, first->name);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, second->name, true)), 0);
    const Vault__V1__ListCorrectionsResponse *all = list(&(listed){
        .uri = CLINIC, .why = "family-doctor", .token = known_token(CLINIC, "family-doctor", 52), .values = true});
    assert_int_equal(all->n_corrections, 2);
    for (size_t i = 0; i < 2; i++) {
        const Vault__V1__Correction *one = all->corrections[i];
        bool is_first = strcmp(one->name, first->name) == 0;
        assert_int_equal(one->state, is_first ? DECLINED : ACCEPTED);
        assert_string_equal(one->decided_by, "public-security");
        assert_string_equal(one->department, "health");
        assert_true(one->decide_time->seconds >= one->file_time->seconds);
        assert_string_equal(one->value, "");
        assert_string_equal(one->token, known_token(CLINIC, "family-doctor", 52));
    }
    forget_all();
}

TEST("a decided one is not decided again; a name of nobody and a name that is none have their own answers")
{
    const Vault__V1__Correction *one = filed(53, "name", "苏东坡");
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, false)), 0);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, false)), 10);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, true)), 10);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, "corrections/7", true)), 5);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, "corrections/9223372036854775807", true)), 5);
    static const char *const bad[] = {"",
                                      "corrections/",
                                      "corrections/0",
                                      "corrections/-1",
                                      "7",
                                      "corrections/07",
                                      "corrections/7x",
                                      "corrections/99999999999999999999",
                                      "Corrections/7",
                                      "corrections/ 7",
                                      "corrections/9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int got = outcome_of(decide(POPULATION, WHY, bad[i], true));
        if (got != 3) fail_msg("'%s' gave %d", bad[i], got);
    }
    forget_all();
}

TEST("nobody but the owner is told of what waits, or decides; one outside its area neither")
{
    uint64_t in = known_in_full(60, true), out = known_in_full(60, false);
    const Vault__V1__Correction *name = filed(in, "name", "黄庭坚");
    clinic_says(in, "care_category", "03");
    clinic_says(out, "care_category", "03");
    /* the clinic owns nothing; the register does not own the category */
    expect_outcome(ask_list(&(listed){.uri = CLINIC, .why = "family-doctor"}), VAULT_DENIED, NULL);
    assert_int_equal(waiting(true)->n_corrections, 1);
    /* eldercare owns the category, in its street */
    const Vault__V1__ListCorrectionsResponse *mine =
        list(&(listed){.uri = ELDERCARE, .why = "elder-care", .values = true});
    assert_int_equal(mine->n_corrections, 1);
    assert_string_equal(mine->corrections[0]->token, known_token(ELDERCARE, "elder-care", in));
    assert_string_equal(mine->corrections[0]->value, "03");
    const char *other = arena_format(fixture_memory(), "corrections/%s",
                                     pg_sql("select number from correction c join resident r on r.id = c.resident where"
                                            " field = 22 and area / 1000000 <> 320411002"));
    assert_int_equal(outcome_of(decide(ELDERCARE, "elder-care", other, true)), 5);
    assert_int_equal(outcome_of(decide(ELDERCARE, "elder-care", name->name, true)), 5);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, mine->corrections[0]->name, true)), 5);
    assert_int_equal(outcome_of(decide(CLINIC, "family-doctor", name->name, true)), 7);
    assert_int_equal(outcome_of(decide(ELDERCARE, "elder-care", mine->corrections[0]->name, true)), 0);
    assert_string_equal(value_of(in, "care_category"), "03");
    forget_all();
}

TEST("of a record, corrections are told of fields that the caller may put or see, and to nobody else")
{
    uint64_t in = known_in_full(70, true), out = known_in_full(70, false);
    clinic_says(in, "name", "辛弃疾");
    clinic_says(in, "education", "90");
    clinic_says(out, "name", "李清照");
    listed as_eldercare = {
        .uri = ELDERCARE, .why = "elder-care", .token = known_token(ELDERCARE, "elder-care", in), .values = true};
    const Vault__V1__ListCorrectionsResponse *all = list(&as_eldercare);
    assert_int_equal(all->n_corrections, 1);
    assert_string_equal(all->corrections[0]->field, "name");
    assert_string_equal(all->corrections[0]->value, ""); /* not the owner */
    as_eldercare.token = known_token(ELDERCARE, "elder-care", out);
    expect_outcome(ask_list(&as_eldercare), VAULT_DENIED, "resident");
    as_eldercare.token = known_token(CLINIC, "family-doctor", in);
    expect_outcome(ask_list(&as_eldercare), VAULT_DENIED, "resident");
    as_eldercare.token = "nonsense";
    expect_outcome(ask_list(&as_eldercare), VAULT_INVALID, NULL);
    as_eldercare.token = known_token(ELDERCARE, "elder-care", resident_in_street(in + 1));
    assert_int_equal(list(&as_eldercare)->n_corrections, 0);
    forget_all();
}

TEST("a restricted resident's requests are told to nobody and decided by nobody")
{
    const Vault__V1__Correction *one = filed(80, "name", "陆放翁");
    const char *named = known_token(POPULATION, WHY, 80);
    restrict_record(POPULATION, WHY, named);
    assert_int_equal(waiting(true)->n_corrections, 0);
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .token = named}), VAULT_DENIED, "resident");
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, true)), 5);
    forget_all();
}

TEST("a newer text takes the place: who has read the older one does not decide on the newer")
{
    resident r;
    the_resident(81, &r);
    const char *older = filed(81, "name", "范仲淹")->name, *newer = filed(81, "name", "范成大")->name;
    assert_string_not_equal(older, newer);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, older, true)), 5);
    assert_string_equal(value_of(81, "name"), resident_text(&r, FIELD_NAME));
    assert_int_equal(outcome_of(decide(POPULATION, WHY, newer, true)), 0);
    assert_string_equal(value_of(81, "name"), "范成大");
    forget_all();
}

TEST("an accepted residence moves the record, within the caller's area")
{
    const Vault__V1__Correction *near = filed(82, "residence_area", "320411002003");
    assert_int_equal(outcome_of(decide(POPULATION, WHY, near->name, true)), 0);
    assert_string_equal(value_of(82, "residence_area"), "320411002003");
    assert_string_equal(pg_sql("select count(*) from resident where area / 1000 = 320411002003 and version = 2"), "1");
    forget_all();
}

/* ---- pages ---- */

TEST("what waits comes in pages, each once; a page's token is for the same question of the same app alone")
{
    enum { MANY = 9 };
    const char *seen[MANY] = {0}, *page = NULL;
    size_t count = 0;
    for (uint64_t i = 0; i < MANY; i++) clinic_says(90 + i, "name", "文天祥");
    listed ask_for = {.uri = POPULATION, .why = WHY, .size = 4};
    for (int turns = 0; turns < 4; turns++) {
        ask_for.page = page;
        const Vault__V1__ListCorrectionsResponse *got = list(&ask_for);
        assert_true(got->n_corrections <= 4);
        for (size_t i = 0; i < got->n_corrections; i++) {
            for (size_t k = 0; k < count; k++) assert_string_not_equal(seen[k], got->corrections[i]->name);
            seen[count++] = got->corrections[i]->name;
        }
        if (!got->next_page_token[0]) break;
        page = got->next_page_token;
    }
    assert_int_equal(count, MANY);
    ask_for.page = page;
    ask_for.values = true;
    expect_outcome(ask_list(&ask_for), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(ask_list(&(listed){.uri = ELDERCARE, .why = "elder-care", .page = page}), VAULT_INVALID,
                   "BAD_PAGE_TOKEN");
    char *edited = arena_text(fixture_memory(), bytes_of_text(page));
    edited[8] = edited[8] == 'A' ? 'B' : 'A';
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .size = 4, .page = edited}), VAULT_INVALID,
                   "BAD_PAGE_TOKEN");
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .size = 501}), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .size = -1}), VAULT_INVALID, "OUT_OF_RANGE");
    fixture_reset();
}

TEST("a page's token ends after an hour, and tells nothing of where it stands")
{
    const char *page = list(&(listed){.uri = POPULATION, .why = WHY, .size = 4})->next_page_token,
               *again = list(&(listed){.uri = POPULATION, .why = WHY, .size = 4})->next_page_token;
    assert_string_not_equal(page, again); /* sealed anew, the same place */
    int64_t now = clock_now_us();
    clock_set_for_test(now + INT64_C(3601) * 1000000);
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .size = 4, .page = page}), VAULT_INVALID,
                   "PAGE_TOKEN_EXPIRED");
    clock_set_for_test(0);
    forget_all();
}

TEST("several of one resident, and one twice, are decided in one call, each once")
{
    uint64_t who = known_in_full(83, true);
    const char *a = filed(who, "name", "岳鹏举")->name, *b = filed(who, "education", "90")->name;
    const char *const names[] = {a, b, a, "corrections/7"};
    request *rq = ask_decide(POPULATION, WHY, decisions(names, 4, true));
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchDecideCorrectionsResponse *out = (const void *)rq->out;
    const int wanted[] = {0, 0, 10, 5};
    for (size_t i = 0; i < 4; i++) assert_int_equal(outcome_of(out->results[i]), wanted[i]);
    assert_int_equal(out->results[0]->record_version, 2);
    assert_int_equal(out->results[1]->record_version, 3);
    assert_true(out->n_receipts >= 2);
    assert_string_equal(value_of(who, "name"), "岳鹏举");
    assert_string_equal(value_of(who, "education"), "90");
    expect_outcome(ask_decide(POPULATION, WHY, decisions(NULL, 0, true)), VAULT_INVALID, "REQUIRED");
    forget_all();
}

/* ---- a row that somebody edited ---- */

TEST("a row whose columns were edited or swapped is not told and not decided")
{
    static const char *const edits[] = {"filed = filed - 1",
                                        "department = 2",
                                        "number = number + 1",
                                        "resident = (select id from resident where id <> resident limit 1)",
                                        "field = 10",
                                        "sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)",
                                        "sealed = (select sealed from correction where field = 10)"};
    uint64_t who = known_in_full(84, false);
    pg_sql("delete from correction");
    filed(who, "name", "朱元晦");
    clinic_says(who, "education", "90");
    pg_sql("create table kept as select * from correction");
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        int64_t then = clock_now_us();
        if (strncmp(edits[i], "field", 5) == 0) pg_sql("delete from correction where field = 10");
        pg_sql("update correction set %s where field = 2", edits[i]);
        request *rq = ask_list(&(listed){.uri = POPULATION, .why = WHY, .values = true});
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__ListCorrectionsResponse *out = (const void *)rq->out;
        for (size_t k = 0; k < out->n_corrections; k++) assert_string_equal(out->corrections[k]->value, "90");
        const char *views = views_since(then);
        if (!occurrences(views, "\"outcome\":\"failed\"")) fail_msg("%s: not found out\n%s", edits[i], views);
        const char *name = arena_format(fixture_memory(), "corrections/%s",
                                        pg_sql("select c.number from correction c, kept k where k.field = 2 and "
                                               "c.number in (k.number, k.number + 1)"));
        int got = outcome_of(decide(POPULATION, WHY, name, true));
        if (got != 15) fail_msg("%s: decided with %d", edits[i], got);
        pg_sql("truncate correction");
        pg_sql("insert into correction select * from kept");
    }
    pg_sql("drop table kept");
    forget_all();
}

TEST("a decided row with its value put back by SQL does not wait again")
{
    const Vault__V1__Correction *one = filed(85, "name", "陈同甫");
    pg_sql("create table kept as select * from correction");
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, false)), 0);
    pg_sql("update correction c set state = 1, sealed = k.sealed from kept k"); /* the decision's columns stay */
    assert_int_equal(waiting(true)->n_corrections, 0);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, true)), 15);
    pg_sql("drop table kept");
    forget_all();
}

/* ---- at once ---- */

TEST("accepted and declined at once: one of them, and the other is told that it was decided")
{
    enum { ROUNDS = 4 };
    for (uint64_t i = 0; i < ROUNDS; i++) {
        resident r;
        the_resident(110 + i, &r);
        const char *name = filed(110 + i, "name", "叶正则")->name;
        asked calls[2];
        request *out[2];
        int outcomes[2];
        for (size_t k = 0; k < 2; k++)
            calls[k] = (asked){.path = "/vault.v1.Records/BatchDecideCorrections",
                               .uri = POPULATION,
                               .purpose = WHY,
                               .in = &decisions(&name, 1, k == 0)->base};
        race(calls, out);
        for (size_t k = 0; k < 2; k++) {
            expect_outcome(out[k], VAULT_OK, NULL);
            outcomes[k] =
                outcome_of(((const Vault__V1__BatchDecideCorrectionsResponse *)(const void *)out[k]->out)->results[0]);
        }
        assert_int_equal(outcomes[0] + outcomes[1], 10);
        assert_string_equal(value_of(110 + i, "name"), outcomes[0] == 0 ? "叶正则" : resident_text(&r, FIELD_NAME));
    }
    assert_string_equal(pg_sql("select count(*) from correction where state = 1"), "0");
    forget_all();
}
