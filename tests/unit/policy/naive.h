/* A second reading of a policy document, as slow and as plain as can be: every call walks through the JSON text. What
 * it says is compared with what the engine says. Names: field "f7" is number 7, consumer "c2", purpose "p3" and role
 * "r2" alike; "q2" is a predicate, number 10; "h1" to "h9" are fields of another collection, with the highest numbers
 * that there are. */
#pragma once
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAIVE_FIELDS = 8, NAIVE_PREDICATES = 4, NAIVE_NAMES = 4 };

static unsigned naive_number(const char *name, char kind, unsigned most)
{
    if (name[0] != kind || name[1] < '1' || name[1] > '9' || name[2]) return 0;
    unsigned number = (unsigned)(name[1] - '0');
    return number <= most ? number : 0;
}

static policy_field naive_field(void *context, const char *name)
{
    (void)context;
    unsigned house = naive_number(name, 'h', 9), number = naive_number(name, 'f', NAIVE_FIELDS);
    unsigned question = naive_number(name, 'q', NAIVE_PREDICATES);
    if (question) return (policy_field){.number = NAIVE_FIELDS + question, .collection = 1, .predicate = true};
    return house ? (policy_field){.number = POLICY_FIELDS_MAX - house, .collection = 2}
                 : (policy_field){.number = number, .collection = 1};
}

static consumer_no naive_consumer(void *context, const char *id)
{
    (void)context;
    return (consumer_no){(uint16_t)naive_number(id, 'c', NAIVE_NAMES)};
}

static purpose_no naive_purpose(void *context, const char *id)
{
    (void)context;
    return (purpose_no){(uint16_t)naive_number(id, 'p', NAIVE_NAMES)};
}

static role_no naive_role(void *context, const char *id)
{
    (void)context;
    return (role_no){(uint16_t)naive_number(id, 'r', NAIVE_NAMES)};
}

/* The assessment of p1 holds for long, that of p2 ends in the month of the random questions; p3 never had one. */
static uint32_t naive_assessed_until(void *context, purpose_no purpose)
{
    static const uint32_t until[] = {[1] = 20991231, [2] = 20260120, [3] = 0, [4] = 20260131};
    (void)context;
    return purpose.no < sizeof until / sizeof *until ? until[purpose.no] : 0;
}

static const policy_names naive_names = {.field = naive_field,
                                         .consumer = naive_consumer,
                                         .purpose = naive_purpose,
                                         .assessed_until = naive_assessed_until,
                                         .role = naive_role};

static const char *naive_text(json_t *rule, const char *key)
{
    return json_string_value(json_object_get(rule, key));
}

static bool naive_fields(json_t *rule, const policy_facts *facts)
{
    bool all = true, any = false;
    for (unsigned number = 1; number < POLICY_FIELDS_MAX; number++) {
        if (!field_set_has(facts->fields, number)) continue;
        bool listed = false;
        size_t i;
        json_t *name;
        json_array_foreach(json_object_get(rule, "fields"), i, name)
        {
            if (naive_field(NULL, json_string_value(name)).number == number) listed = true;
        }
        any = true;
        all = all && listed;
    }
    return all && (any || strcmp(naive_text(rule, "form"), "nothing") == 0);
}

static bool naive_dates(json_t *rule, uint32_t date)
{
    char today[16];
    json_t *valid = json_object_get(rule, "valid");
    snprintf(today, sizeof today, "%04u-%02u-%02u", date / 10000, date / 100 % 100, date % 100);
    return strcmp(naive_text(valid, "from"), today) <= 0 && strcmp(today, naive_text(valid, "until")) <= 0;
}

static bool naive_area(json_t *rule, area_code area)
{
    char code[32];
    size_t i;
    json_t *prefix;
    snprintf(code, sizeof code, "%015lld", (long long)area.code);
    json_array_foreach(json_object_get(rule, "areas"), i, prefix)
    {
        const char *start = json_string_value(prefix);
        if (strncmp(code, start, strlen(start)) == 0 && strlen(code) == 15) return true;
    }
    return false;
}

static bool naive_own_area(json_t *rule, const policy_person *who, area_code area)
{
    if (!json_is_true(json_object_get(rule, "own_area"))) return true;
    for (size_t i = 0; i < who->area_count; i++) {
        if (who->areas[i].low <= area.code && area.code <= who->areas[i].high) return true;
    }
    return false;
}

static bool naive_has_role(json_t *rule, const policy_person *who)
{
    size_t i;
    json_t *id;
    json_array_foreach(json_object_get(rule, "roles"), i, id)
    {
        if (who->role.no != 0 && naive_role(NULL, json_string_value(id)).no == who->role.no) return true;
    }
    return false;
}

static bool naive_form(json_t *rule, const policy_facts *facts)
{
    /* What is asked for, and in which rules of which action that is answered; "*": of any. */
    static const struct {
        policy_form asked;
        const char *action, *form;
    } answered[] = {
        {FORM_NOTHING, "*", "nothing"},   {FORM_COUNT, "*", "count"},      {FORM_PREDICATE, "*", "predicate"},
        {FORM_TOKEN, "*", "token"},       {FORM_MASKED, "*", "masked"},    {FORM_PLAIN, "*", "plain"},
        {FORM_MASKED, "reveal", "plain"}, {FORM_TOKEN, "reveal", "plain"}, {FORM_COUNT, "search", "token"},
    };
    const char *form = naive_text(rule, "form"), *action = naive_text(rule, "action");
    for (size_t i = 0; i < sizeof answered / sizeof *answered; i++) {
        if (answered[i].asked != facts->form || strcmp(answered[i].form, form) != 0) continue;
        if (answered[i].action[0] == '*' || strcmp(answered[i].action, action) == 0) return true;
    }
    return false;
}

static const char *const naive_actions[POLICY_ACTIONS] = {"reveal", "issue", "put",    "search",
                                                          "export", "erase", "consent"};

static policy_clause naive_rule(json_t *rule, const policy_facts *facts, area_code area)
{
    const policy_person *who = facts->person;
    bool person = strcmp(naive_text(rule, "acting"), "person") == 0;
    if (naive_purpose(NULL, naive_text(rule, "purpose")).no != facts->purpose.no) return CLAUSE_PURPOSE;
    if (naive_consumer(NULL, naive_text(rule, "consumer")).no != facts->consumer.no) return CLAUSE_CONSUMER;
    if (strcmp(naive_text(rule, "action"), naive_actions[facts->action]) != 0) return CLAUSE_ACTION;
    if (!naive_fields(rule, facts)) return CLAUSE_FIELDS;
    if (!naive_form(rule, facts)) return CLAUSE_FORM;
    if (person && !who) return CLAUSE_ACTING;
    if (person && !naive_has_role(rule, who)) return CLAUSE_ROLE;
    if (who && (facts->date < who->from || facts->date > who->until)) return CLAUSE_CONTRACT;
    if (!naive_dates(rule, facts->date)) return CLAUSE_DATES;
    if (facts->date > naive_assessed_until(NULL, facts->purpose)) return CLAUSE_ASSESSMENT;
    return naive_area(rule, area) && naive_own_area(rule, who, area) ? CLAUSE_NONE : CLAUSE_RESIDENT;
}

/* The clause that refuses, or CLAUSE_NONE; *id is the first rule that allows. */
static inline policy_clause naive_decide(json_t *document, const policy_facts *facts, area_code area, const char **id)
{
    policy_clause furthest = CLAUSE_PURPOSE;
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        policy_clause failed = naive_rule(rule, facts, area);
        *id = naive_text(rule, "id");
        if (failed == CLAUSE_NONE) return CLAUSE_NONE;
        if (failed > furthest) furthest = failed;
    }
    return furthest;
}

static inline uint64_t naive_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static const char *const naive_areas[] = {
    "32", "3204",   "320411", "320411002", "320411002001", "320411003", "320411004", "320411100",
    "33", "330105", "3301",   "34",        "320411002002", "11",        "320410",    "320411002001007"};
enum { NAIVE_AREAS = sizeof naive_areas / sizeof *naive_areas };

/* How many residents of one place a search may give, by the rules that allow it there. */
static inline unsigned naive_results(json_t *document, const policy_facts *facts, area_code place)
{
    unsigned most = 0;
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        json_t *results = json_object_get(rule, "results");
        bool finds =
            strcmp(naive_text(rule, "action"), "search") == 0 && strcmp(naive_text(rule, "form"), "token") == 0;
        unsigned own = results ? (unsigned)json_integer_value(results) : 1000;
        if (finds && naive_rule(rule, facts, place) == CLAUSE_NONE && own > most) most = own;
    }
    return most;
}

/* Mostly one of the first two names, so that questions often meet a rule. */
static inline uint16_t naive_name(uint64_t *seed)
{
    uint64_t odd = naive_random(seed) % 8;
    return (uint16_t)(odd == 0 ? naive_random(seed) % (NAIVE_NAMES + 1) : 1 + odd % 2);
}

/* Someone whose contract lies somewhere around the month of the questions, or nobody. The areas are static. */
static inline const policy_person *naive_person(policy_person *out, uint64_t *seed)
{
    static const area_range own[] = {{320411002001000, 320411002001999}, {330000000000000, 339999999999999}};
    uint64_t odd = naive_random(seed) % 8;
    if (odd < 3) return NULL;
    *out = (policy_person){.role = {naive_name(seed)},
                           .from = odd == 3 ? 20260110 : 20250101,
                           .until = odd == 4 ? 20260120 : 20271231,
                           .areas = own,
                           .area_count = (size_t)(naive_random(seed) % 3)};
    return out;
}

static inline policy_form naive_asked(policy_action action, uint64_t *seed)
{
    static const policy_form shown[] = {FORM_PLAIN,  FORM_PLAIN,  FORM_PLAIN, FORM_PREDICATE,
                                        FORM_MASKED, FORM_MASKED, FORM_TOKEN};
    uint64_t odd = naive_random(seed) % 8;
    if (odd == 0) return (policy_form)(naive_random(seed) % FORMS);
    if (action == POLICY_ISSUE || action == POLICY_ERASE || action == POLICY_CONSENT) return FORM_NOTHING;
    if (action == POLICY_SEARCH) return odd < 4 ? FORM_COUNT : FORM_TOKEN;
    return action == POLICY_REVEAL ? shown[odd - 1] : FORM_PLAIN;
}

/* None to two; where predicates are asked for, mostly predicates. */
static inline field_set naive_asked_fields(policy_form form, uint64_t *seed)
{
    field_set out = {0};
    bool odd = naive_random(seed) % 16 == 0, predicates = (form == FORM_PREDICATE) != odd;
    for (uint64_t n = naive_random(seed) % 3; n > 0; n--) {
        uint64_t any = naive_random(seed);
        field_set_add(&out, 1 + (unsigned)(predicates ? NAIVE_FIELDS + any % NAIVE_PREDICATES : any % NAIVE_FIELDS));
    }
    return out;
}

/* Where residents are. */
enum { NAIVE_CODES = 15 };
static const int64_t naive_codes[NAIVE_CODES] = {0,
                                                 320411002001000,
                                                 320411002001007,
                                                 320411002001008,
                                                 320411002002000,
                                                 320411100200000,
                                                 330105001001000,
                                                 340000000000000,
                                                 110101001001000,
                                                 320410001001999,
                                                 999999999999999,
                                                 -320411002001000,
                                                 320411002001,
                                                 32,
                                                 330199000000000};

/* `who` is room for the person who acts, if one does. */
static inline policy_facts naive_facts(uint64_t *seed, policy_person *who, area_code *area)
{
    policy_facts f = {.action = (policy_action)(naive_random(seed) % POLICY_ACTIONS),
                      .consumer = {naive_name(seed)},
                      .purpose = {naive_name(seed)},
                      .person = naive_person(who, seed),
                      .date = 20260101 + (uint32_t)(naive_random(seed) % 28)};
    f.form = naive_asked(f.action, seed);
    f.fields = naive_asked_fields(f.form, seed);
    area->code = naive_codes[naive_random(seed) % NAIVE_CODES];
    return f;
}
