/* What a rule may say beside who, what, where and in which form; and the rules of the engine that it becomes. */
#include "tests/unit/policy/document.h"

static const policy_rule *rule_of(const policy *p, const char *id, uint16_t purpose, uint16_t consumer)
{
    for (size_t i = 0; i < p->count; i++) {
        const policy_rule *r = &p->rules[i];
        if (strcmp(rule_id(p, r), id) == 0 && r->purpose.no == purpose && r->consumer.no == consumer) return r;
    }
    return NULL;
}

/* One key of the rule without conditions is another. */
static void bad_fire(const char *key, const char *json, const char *below, const char *says)
{
    bad_entry("rules", 1, key, json, below, says);
}

static void good_fire(const char *key, const char *json)
{
    taken(whole_with("rules", 1, key, json));
}

TEST("a rule for several consumers, and for purposes below, is one for each of them")
{
    policy *p = load_whole(whole());
    assert_int_equal(p->count, 2 * 3 + 1); /* p1, p2, p4 */
    for (uint16_t consumer = 1; consumer <= 2; consumer++) {
        for (uint16_t purpose = 1; purpose <= 4; purpose++) {
            const policy_rule *r = rule_of(p, "plain-one", purpose, consumer);
            assert_int_equal(r != NULL, purpose != 3);
            if (r) assert_int_equal(r->assessed_until, naive_assessed_until(NULL, (purpose_no){purpose}));
        }
    }
    policy_free(&p);
}

TEST("consumers and purposes are known, stand once, and none is named any")
{
    static const char *const keys[] = {"consumer", "purpose"};
    static const char *const one[] = {"c1", "p1"};
    for (size_t i = 0; i < 2; i++) {
        char twice[32], at[32], lower[32];
        snprintf(twice, sizeof twice, "[\"%s\", \"%s\"]", one[i], one[i]);
        snprintf(at, sizeof at, "%s[1]", keys[i]);
        snprintf(lower, sizeof lower, "%s[0]", keys[i]);
        bad_fire(keys[i], twice, at, "stands twice");
        bad_fire(keys[i], "[]", keys[i], "an empty list");
        bad_fire(keys[i], "null", keys[i], "not a list");
        bad_fire(keys[i], "[1]", lower, "not a text");
        bad_fire(keys[i], "[\"x\"]", lower, "unknown");
        bad_fire(keys[i], "[\"any\"]", lower, "'any' is not a name");
        bad_fire(keys[i], "\"any\"", keys[i], "'any' is not a name");
    }
    json_t *document = whole_with("rules", 1, "purpose", "[\"p2\", \"p1\"]");
    taken(json_deep_copy(document));
    json_object_set_new(nth_of(document, "rules", 1), "below", json_true());
    not_taken(document, "policy.rules[1].purpose", "lies below another");
    good_fire("below", "false");
    bad_fire("below", "1", "below", "neither true nor false");
}

/* So many rules for four consumers and three purposes each. */
static json_t *rules_for_twelve(unsigned count)
{
    json_t *from = whole(), *document = parse("{\"rules\": []}"), *one = json_deep_copy(nth_of(from, "rules", 1));
    json_object_del(one, "withhold");
    json_object_set_new(one, "consumer", parse("[\"c1\", \"c2\", \"c3\", \"c4\"]"));
    json_object_set_new(one, "purpose", parse("[\"p1\", \"p2\", \"p4\"]"));
    for (unsigned i = 0; i < count; i++) {
        json_t *copy = json_deep_copy(one);
        json_object_set_new(copy, "id", json_sprintf("r-%05x", i));
        json_array_append_new(json_object_get(document, "rules"), copy);
    }
    json_decref(one);
    json_decref(from);
    return document;
}

TEST("the rules of a document are 65,535 at most, once there is one for each consumer and purpose")
{
    not_taken(rules_for_twelve(65535 / 12 + 1), "policy.rules[5461]", "over 65535 rules");
}

TEST("a form that the purpose does not have is refused, also of one purpose of several")
{
    bad_fire("purpose", "\"p3\"", "form", "'plain' is not among the forms of its purpose");
    bad_fire("purpose", "[\"p1\", \"p3\"]", "form", "'plain' is not among the forms");
}

/* ---- hours ---- */

static bool counts_at(const policy *p, const policy_rule *r, unsigned day, unsigned minute)
{
    unsigned at = day * 24 * 60 + minute;
    return (p->weeks[r->week - 1].minutes[at >> 6] >> (at & 63) & 1) != 0;
}

static void expect_hours(const char *hours, unsigned minutes)
{
    unsigned found = 0;
    policy *p = load_whole(whole_with("rules", 1, "hours", hours));
    const policy_rule *r = rule_of(p, "fire", 1, 1);
    for (unsigned i = 0; i < WEEK_MINUTES; i++) found += counts_at(p, r, 0, i);
    assert_int_equal(found, minutes);
    policy_free(&p);
}

TEST("hours are of the days on which they begin, and run over midnight and over the end of the week")
{
    policy *p = load_whole(whole());
    const policy_rule *r = rule_of(p, "plain-one", 1, 1);
    enum { MON, TUE, SUN = 6, TEN = 22 * 60, SIX = 6 * 60 };
    assert_false(counts_at(p, r, MON, TEN - 1));
    assert_true(counts_at(p, r, MON, TEN));
    assert_true(counts_at(p, r, TUE, SIX - 1));
    assert_false(counts_at(p, r, TUE, SIX));
    assert_true(counts_at(p, r, MON, 0) && counts_at(p, r, MON, SIX - 1)); /* of Sunday */
    assert_false(counts_at(p, r, SUN, 0));
    policy_free(&p);
}

TEST("an end is not included, 24:00 is the end of a day, and spans may meet but not overlap")
{
    expect_hours("[{\"days\": [\"mon\"], \"from\": \"00:00\", \"until\": \"24:00\"}]", 1440);
    expect_hours("[{\"days\": [\"sun\"], \"from\": \"23:59\", \"until\": \"24:00\"}]", 1);
    expect_hours("[{\"days\": [\"sun\"], \"from\": \"23:59\", \"until\": \"23:58\"}]", 1439);
    expect_hours("[{\"days\": [\"tue\", \"wed\"], \"from\": \"08:30\", \"until\": \"09:00\"},"
                 " {\"days\": [\"tue\"], \"from\": \"09:00\", \"until\": \"09:01\"}]",
                 61);
    bad_fire("hours",
             "[{\"days\": [\"mon\"], \"from\": \"22:00\", \"until\": \"06:00\"},"
             " {\"days\": [\"tue\"], \"from\": \"05:59\", \"until\": \"07:00\"}]",
             "hours[1].days", "hours of tue stand twice");
}

TEST("hours that are none are refused")
{
    static const char *const bad[][2] = {
        {"\"from\": \"24:00\", \"until\": \"06:00\"", "is not an hour like 08:30"},
        {"\"from\": \"8:00\", \"until\": \"18:00\"", "is not an hour"},
        {"\"from\": \"08:60\", \"until\": \"18:00\"", "is not an hour"},
        {"\"from\": \"08:00\", \"until\": \"24:01\"", "is not an hour"},
        {"\"from\": \"08:00\", \"until\": \"08:00\"", "ends when it begins"},
        {"\"from\": \"08:00:00\", \"until\": \"09:00\"", "is not an hour"},
        {"\"from\": \"\", \"until\": \"09:00\"", "is not an hour"},
        {"\"from\": \"08:00\"", "until"},
        {"\"from\": \"08:00\", \"until\": \"09:00\", \"zone\": \"UTC\"", "zone"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[160];
        snprintf(json, sizeof json, "[{\"days\": [\"mon\"], %s}]", bad[i][0]);
        bad_fire("hours", json, "hours[0]", bad[i][1]);
    }
    bad_fire("hours", "[]", "hours", "an empty list");
    bad_fire("hours", "\"any\"", "hours", "not a list");
    bad_fire("hours", "[{\"days\": [], \"from\": \"08:00\", \"until\": \"09:00\"}]", "hours[0].days", "an empty list");
    bad_fire("hours", "[{\"days\": [\"Mon\"], \"from\": \"08:00\", \"until\": \"09:00\"}]", "hours[0].days[0]",
             "unknown day 'Mon'");
    bad_fire("hours", "[{\"days\": [\"mon\", \"mon\"], \"from\": \"08:00\", \"until\": \"09:00\"}]", "hours[0].days[1]",
             "stands twice");
}

/* ---- residents ---- */

TEST("consent and classes are what a rule asks of residents one by one")
{
    policy *p = load_whole(whole());
    const policy_rule *r = rule_of(p, "plain-one", 4, 2), *fire = rule_of(p, "fire", 1, 1);
    assert_true(r->consent && !fire->consent);
    assert_int_equal(r->only, 1U << 2);
    assert_int_equal(r->except, 1U << 0);
    assert_int_equal(fire->only | fire->except, 0);
    policy_free(&p);
    bad_fire("consent", "\"yes\"", "consent", "neither true nor false");
    bad_fire("residents", "{}", "residents", "says nothing");
    bad_fire("residents", "[\"child\"]", "residents", "");
    bad_fire("residents", "{\"all\": [\"child\"]}", "residents", "all");
    bad_fire("residents", "{\"only\": []}", "residents.only", "an empty list");
    bad_fire("residents", "{\"only\": [\"children\"]}", "residents.only[0]", "unknown class 'children'");
    bad_fire("residents", "{\"except\": [\"child\", \"child\"]}", "residents.except[1]", "stands twice");
    bad_fire("residents", "{\"except\": [\"any\"]}", "residents.except[0]", "'any' is not a name");
    bad_fire("residents", "{\"only\": [\"child\", \"elder\"], \"except\": [\"child\"]}", "residents",
             "in only and in except");
    bad_fire("residents", "{\"except\": [\"rented\"]}", "residents", "'rented' is a class of another collection");
}

TEST("where nobody is looked at one by one, what depends on a resident is refused: it would not be applied")
{
    static const char *const kinds[][2] = {{"put", "plain"},       {"search", "count"},    {"erase", "nothing"},
                                           {"consent", "nothing"}, {"history", "nothing"}, {"guardian", "nothing"}};
    static const char *const keys[][2] = {{"consent", "true"}, {"residents", "{\"only\": [\"child\"]}"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (size_t k = 0; k < 2; k++) {
            json_t *document = whole_with("rules", 1, keys[k][0], keys[k][1]), *r = nth_of(document, "rules", 1);
            char path[64];
            json_object_del(r, "break_glass");
            json_object_set_new(r, "action", json_string(kinds[i][0]));
            json_object_set_new(r, "form", json_string(kinds[i][1]));
            snprintf(path, sizeof path, "policy.rules[1].%s", keys[k][0]);
            not_taken(document, path, "stands with reveal, issue, export and a search of form token only");
        }
    }
}

/* A search for tokens with one condition more: whether it answers how many there are, too. */
static bool tells_number(const char *key, const char *json)
{
    json_t *document = whole_with("rules", 1, key ? key : "level", key ? json : "5"), *r = nth_of(document, "rules", 1);
    json_object_del(r, "break_glass");
    json_object_set_new(r, "action", json_string("search"));
    json_object_set_new(r, "form", json_string("token"));
    policy *p = load_whole(document);
    bool tells = form_allowed(rule_of(p, "fire", 1, 1), FORM_COUNT);
    policy_free(&p);
    return tells;
}

TEST("who may have some residents alone does not have the number of all")
{
    assert_true(tells_number(NULL, NULL));
    assert_true(tells_number("ticket", "[\"T-1\"]"));
    assert_false(tells_number("consent", "true"));
    assert_false(tells_number("residents", "{\"except\": [\"child\"]}"));
    assert_false(tells_number("residents", "{\"only\": [\"in-care\"]}"));
}

/* ---- tickets, approval, level, sharing ---- */

TEST("patterns of tickets are of visible characters, stand once, and are kept in their order")
{
    policy *p = load_whole(whole());
    const policy_rule *r = rule_of(p, "plain-one", 1, 1);
    assert_int_equal(r->pattern_count, 2);
    assert_string_equal(p->patterns[r->first_pattern], "T-####");
    assert_string_equal(p->patterns[r->first_pattern + 1], "*-x");
    assert_int_equal(rule_of(p, "fire", 1, 1)->pattern_count, 0);
    policy_free(&p);
    static const char *const bad[] = {"\"\"",
                                      "1",
                                      "\"a b\"",
                                      "\"\\u4e00\"",
                                      "\"a**b\"",
                                      "\"a\\u007f\"",
                                      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[160];
        snprintf(json, sizeof json, "[\"T-1\", %s]", bad[i]);
        bad_fire("ticket", json, "ticket[1]", "");
    }
    bad_fire("ticket", "[]", "ticket", "an empty list");
    bad_fire("ticket", "\"T-1\"", "ticket", "not a list");
    bad_fire("ticket", "[\"T-1\", \"T-1\"]", "ticket[1]", "stands twice");
}

TEST("approval is needed above one resident or more, never above none")
{
    policy *p = load_whole(whole());
    assert_int_equal(rule_of(p, "plain-one", 1, 1)->approval_above, 50);
    policy_free(&p);
    good_fire("approval_above", "1");
    static const char *const bad[] = {"0", "-1", "1000001", "4294967297", "1.5", "\"50\"", "null", "true"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        bad_fire("approval_above", bad[i], "approval_above", "is not 1 to 1000000");
}

TEST("a rule's level is no lower than that of its fields")
{
    good_fire("level", "2");
    bad_fire("level", "1", "level", "is lower than that of one of its fields, 2");
    bad_fire("level", "0", "level", "is not 1 to 5");
    bad_fire("level", "6", "level", "is not 1 to 5");
}

TEST("a rule that rests on a basis is for its consumer, its purpose and below, within its days")
{
    json_t *document = whole_with("rules", 1, "consumer", "\"c2\"");
    json_object_set_new(nth_of(document, "rules", 1), "sharing", json_string("b21"));
    policy *p = load_whole(json_deep_copy(document));
    const policy_rule *r = rule_of(p, "fire", 1, 2), *other = rule_of(p, "plain-one", 1, 1);
    assert_int_equal(r->sharing_from, 20260105);
    assert_int_equal(r->sharing_until, 20260125);
    assert_string_equal(policy_rule_terms(p, (unsigned)(r - p->rules)).sharing, "b21");
    assert_null(policy_rule_terms(p, (unsigned)(other - p->rules)).sharing);
    assert_int_equal(other->sharing_from, 0);
    assert_int_equal(other->sharing_until, UINT32_MAX);
    policy_free(&p);
    json_object_set_new(nth_of(document, "rules", 1), "purpose", json_string("p4"));
    taken(json_deep_copy(document));
    json_object_set_new(nth_of(document, "rules", 1), "sharing", json_string("b22"));
    taken(json_deep_copy(document)); /* p4 lies below p2 */
    json_object_set_new(nth_of(document, "rules", 1), "purpose", json_string("p1"));
    not_taken(document, "policy.rules[1].sharing", "is for another purpose");
    document = whole_with("rules", 1, "sharing", "\"b11\"");
    json_t *days = json_object_get(nth_of(document, "rules", 1), "valid");
    json_object_set_new(days, "from", json_string("2026-01-25"));
    taken(json_deep_copy(document));
    json_object_set_new(days, "from", json_string("2026-01-26"));
    not_taken(document, "policy.rules[1].sharing", "holds on none of the rule's days");
    bad_fire("sharing", "\"b21\"", "sharing", "shares with another consumer");
    bad_fire("sharing", "\"none\"", "sharing", "unknown basis 'none'");
    bad_fire("sharing", "true", "sharing", "unknown basis");
}

static policy_basis narrow_basis(void *context, const char *id)
{
    static const area_range areas[] = {{320411000000000, 320411999999999}, {330000000000000, 339999999999999}};
    policy_basis b = naive_basis(context, id);
    b.areas = areas;
    b.area_count = 2;
    return b;
}

static vault_code within_basis(const char *areas)
{
    vault_error err = {0};
    policy *p;
    policy_names names = all_names();
    names.basis = narrow_basis;
    json_t *document = whole_with("rules", 1, "areas", areas);
    json_object_set_new(nth_of(document, "rules", 1), "sharing", json_string("b11"));
    vault_code code = policy_load(&p, document, &names, &err);
    if (code != VAULT_OK) assert_string_equal(err.field, "policy.rules[1].sharing");
    policy_free(&p);
    json_decref(document);
    return code;
}

TEST("a rule that rests on a basis reaches no further than its areas")
{
    assert_int_equal(within_basis("[\"320411\", \"330105\"]"), VAULT_OK);
    assert_int_equal(within_basis("[\"320411002\", \"33\"]"), VAULT_OK);
    assert_int_equal(within_basis("[\"3204\"]"), VAULT_INVALID);
    assert_int_equal(within_basis("[\"320411\", \"34\"]"), VAULT_INVALID);
    assert_int_equal(within_basis("[\"32\"]"), VAULT_INVALID);
}

/* ---- break-glass ---- */

TEST("a break-glass rule is for a person, for four hours at most, with a number of residents and a review")
{
    policy *p = load_whole(whole());
    for (unsigned i = 0; i < p->count; i++) {
        const policy_terms t = policy_rule_terms(p, i);
        bool fire = strcmp(policy_rule_id(p, i), "fire") == 0;
        assert_int_equal(t.break_glass.hours, fire ? 4 : 0);
        assert_int_equal(t.break_glass.residents, fire ? 20 : 0);
        assert_int_equal(t.break_glass.review_hours, fire ? 24 : 0);
        assert_int_equal(t.approval_above, fire ? 0 : 50);
    }
    policy_free(&p);
    static const char *const bad[][3] = {
        {"{\"hours\": 5, \"residents\": 1, \"review_hours\": 1}", "break_glass.hours", "is not 1 to 4"},
        {"{\"hours\": 0, \"residents\": 1, \"review_hours\": 1}", "break_glass.hours", "is not 1 to 4"},
        {"{\"hours\": 1, \"residents\": 0, \"review_hours\": 1}", "break_glass.residents", "is not 1 to 1000"},
        {"{\"hours\": 1, \"residents\": 1, \"review_hours\": 73}", "break_glass.review_hours", "is not 1 to 72"},
        {"{\"hours\": 1, \"residents\": 1, \"review_hours\": 0}", "break_glass.review_hours", "is not 1 to 72"},
        {"{\"hours\": 1, \"residents\": 1}", "break_glass", "review_hours"},
        {"{\"hours\": 1, \"residents\": 1, \"review_hours\": 1, \"export\": true}", "break_glass", "export"},
        {"true", "break_glass", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) bad_fire("break_glass", bad[i][0], bad[i][1], bad[i][2]);
}

TEST("under break-glass nothing is exported, brought, erased, consented to or told of, and no app acts alone")
{
    static const char *const kinds[][2] = {{"export", "plain"},    {"put", "plain"},       {"erase", "nothing"},
                                           {"consent", "nothing"}, {"history", "nothing"}, {"guardian", "nothing"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_t *document = whole_with("rules", 1, "action", "\"reveal\""), *r = nth_of(document, "rules", 1);
        json_object_set_new(r, "action", json_string(kinds[i][0]));
        json_object_set_new(r, "form", json_string(kinds[i][1]));
        not_taken(document, "policy.rules[1].break_glass", "stands with reveal, issue and search only");
    }
    json_t *document = whole_with("rules", 1, "acting", "\"app\"");
    json_object_del(nth_of(document, "rules", 1), "roles");
    not_taken(document, "policy.rules[1].break_glass", "stands with acting person only");
}

/* ---- scopes ---- */

/* The second rule twice; the copy with another value at one key. */
static json_t *twins(const char *key, const char *json)
{
    json_t *document = whole(), *copy = json_deep_copy(nth_of(document, "rules", 1));
    json_object_set_new(copy, "id", json_string("copy"));
    if (key && json) json_object_set_new(copy, key, parse(json));
    if (key && !json) json_object_del(copy, key);
    json_array_append_new(json_object_get(document, "rules"), copy);
    return document;
}

TEST("two rules differ by a condition, or the later one is refused; not by how much, or by what follows")
{
    static const char *const apart[][2] = {
        {"break_glass", NULL},
        {"consent", "true"},
        {"residents", "{\"except\": [\"child\"]}"},
        {"ticket", "[\"T-1\"]"},
        {"hours", "[{\"days\": [\"mon\"], \"from\": \"08:00\", \"until\": \"18:00\"}]"}};
    static const char *const same[][2] = {{NULL, NULL},
                                          {"withhold", NULL},
                                          {"approval_above", "5"},
                                          {"level", "5"},
                                          {"break_glass", "{\"hours\": 1, \"residents\": 1, \"review_hours\": 1}"}};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) taken(twins(apart[i][0], apart[i][1]));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        not_taken(twins(same[i][0], same[i][1]), "policy.rules[2]", "is never reached: 'fire' has the same scope");
}
