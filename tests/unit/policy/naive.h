/* A second reading of a policy document, as slow and as plain as can be: every call walks through the JSON text. What
 * it says is compared with what the engine says. */
#pragma once
#include "tests/unit/policy/names.h"

static const char *naive_text(json_t *rule, const char *key)
{
    return json_string_value(json_object_get(rule, key));
}

static uint64_t naive_count(json_t *entry, const char *key, uint64_t without)
{
    json_t *value = json_object_get(entry, key);
    return value ? (uint64_t)json_integer_value(value) : without;
}

static bool naive_any(json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "any") == 0;
}

/* ---- lists of names ---- */

/* What "@name" stands for. */
static json_t *naive_set(json_t *document, const char *list, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, list), i, entry)
    {
        if (strcmp(naive_text(entry, "id"), name + 1) == 0) return entry;
    }
    return NULL;
}

static bool naive_selected(json_t *set, unsigned number)
{
    field_set found;
    const policy_selector by = {.collection = naive_text(set, "collection"),
                                .owner = naive_text(set, "owner"),
                                .level = (unsigned)naive_count(set, "level", 0)};
    return naive_select(NULL, &by, &found) != 0 && field_set_has(found, number);
}

static bool naive_field_listed(json_t *document, json_t *fields, unsigned number)
{
    size_t i;
    json_t *name;
    if (naive_any(fields)) return true;
    json_array_foreach(fields, i, name)
    {
        const char *text = json_string_value(name);
        json_t *set = text[0] == '@' ? naive_set(document, "field_sets", text) : NULL;
        json_t *inner = json_object_get(set, "fields");
        if (!set && naive_field(NULL, text).number == number) return true;
        if (set && !inner && naive_selected(set, number)) return true;
        if (set && inner && naive_field_listed(document, inner, number)) return true;
    }
    return false;
}

static bool naive_area_listed(json_t *document, json_t *areas, area_code area)
{
    char code[32];
    size_t i;
    json_t *prefix;
    if (naive_any(areas)) return true;
    snprintf(code, sizeof code, "%015lld", (long long)area.code);
    json_array_foreach(areas, i, prefix)
    {
        const char *start = json_string_value(prefix);
        json_t *set = start[0] == '@' ? naive_set(document, "area_sets", start) : NULL;
        if (set && naive_area_listed(document, json_object_get(set, "areas"), area)) return true;
        if (!set && strncmp(code, start, strlen(start)) == 0 && strlen(code) == 15) return true;
    }
    return false;
}

static bool naive_listed(json_t *names, const char *wanted)
{
    size_t i;
    json_t *name;
    if (naive_any(names)) return true;
    if (json_is_string(names)) return strcmp(json_string_value(names), wanted) == 0;
    json_array_foreach(names, i, name)
    {
        if (strcmp(json_string_value(name), wanted) == 0) return true;
    }
    return false;
}

/* "c2" */
static bool naive_numbered(json_t *names, char kind, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%c%u", kind, number);
    return number > 0 && naive_listed(names, name);
}

static bool naive_has_purpose(json_t *names, bool below, purpose_no purpose)
{
    if (naive_any(names)) return true;
    if (purpose.no == 0 || naive_numbered(names, 'p', purpose.no)) return purpose.no != 0;
    return below && naive_has_purpose(names, below, naive_above(NULL, purpose));
}

/* ---- moments ---- */

static bool naive_dates(json_t *valid, uint32_t date)
{
    char today[16];
    if (!valid) return true;
    snprintf(today, sizeof today, "%04u-%02u-%02u", date / 10000, date / 100 % 100, date % 100);
    return strcmp(naive_text(valid, "from"), today) <= 0 && strcmp(today, naive_text(valid, "until")) <= 0;
}

/* Zeller's congruence. */
static const char *naive_weekday(uint32_t date)
{
    static const char *const names[] = {"sat", "sun", "mon", "tue", "wed", "thu", "fri"};
    unsigned year = date / 10000, month = date / 100 % 100, day = date % 100;
    if (month < 3) month += 12, year--;
    return names[(day + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400) % 7];
}

static const char *naive_day_before(const char *weekday)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    unsigned i = 0;
    while (strcmp(names[i], weekday) != 0) i++;
    return names[(i + 6) % 7];
}

static bool naive_hours(json_t *hours, uint32_t date, uint16_t minute)
{
    char now[8];
    size_t i;
    json_t *span;
    const char *today = naive_weekday(date), *yesterday = naive_day_before(today);
    if (!hours) return true;
    snprintf(now, sizeof now, "%02u:%02u", minute / 60U, minute % 60U);
    json_array_foreach(hours, i, span)
    {
        const char *from = naive_text(span, "from"), *until = naive_text(span, "until");
        json_t *days = json_object_get(span, "days");
        bool over_midnight = strcmp(until, from) < 0, begun = strcmp(from, now) <= 0, ended = strcmp(until, now) <= 0;
        if (naive_listed(days, today) && begun && (over_midnight || !ended)) return true;
        if (naive_listed(days, yesterday) && over_midnight && !ended) return true;
    }
    return false;
}

/* ---- one rule ---- */

static bool naive_fields(json_t *document, json_t *rule, const policy_facts *facts)
{
    bool all = true, any = false;
    for (unsigned number = 0; number < POLICY_FIELDS_MAX; number++) {
        if (!field_set_has(facts->fields, number)) continue;
        any = true;
        all = all && number > 0 && naive_field_listed(document, json_object_get(rule, "fields"), number);
    }
    return all && (any || strcmp(naive_text(rule, "form"), "nothing") == 0);
}

/* Whether residents are held back one by one: their number is not told then. */
static bool naive_picks(json_t *rule)
{
    return json_is_true(json_object_get(rule, "consent")) || json_object_get(rule, "residents") != NULL;
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
        if (facts->form == FORM_COUNT && naive_picks(rule)) continue;
        if (answered[i].action[0] == '*' || strcmp(answered[i].action, action) == 0) return true;
    }
    return false;
}

static bool naive_fits(const char *pattern, const char *ticket)
{
    size_t one = 1;
    if (*pattern == '\0') return *ticket == '\0';
    if (*pattern == '*') return naive_fits(pattern + 1, ticket) || (*ticket && naive_fits(pattern, ticket + 1));
    if (*ticket == '\0') return false;
    if (*pattern == '?') {
        while (((unsigned char)ticket[one] & 0xc0) == 0x80) one++;
        return naive_fits(pattern + 1, ticket + one);
    }
    bool same = *pattern == '#' ? *ticket >= '0' && *ticket <= '9' : *pattern == *ticket;
    return same && naive_fits(pattern + 1, ticket + 1);
}

static bool naive_ticket(json_t *patterns, const char *ticket)
{
    size_t i;
    json_t *pattern;
    if (!patterns) return true;
    json_array_foreach(patterns, i, pattern)
    {
        if (ticket && naive_fits(json_string_value(pattern), ticket)) return true;
    }
    return false;
}

static bool naive_sharing(json_t *rule, uint32_t date)
{
    const char *id = naive_text(rule, "sharing");
    policy_basis basis = id ? naive_basis(NULL, id) : (policy_basis){.until = UINT32_MAX};
    return basis.from <= date && date <= basis.until;
}

static bool naive_approved(json_t *rule, const policy_facts *facts)
{
    uint64_t most = naive_count(rule, "approval_above", UINT32_MAX);
    return facts->approved || facts->residents <= most;
}

static const char *const naive_actions[POLICY_ACTIONS] = {"reveal", "issue",   "put",     "search",  "export",
                                                          "erase",  "consent", "history", "guardian"};

/* Without the resident. */
static policy_clause naive_admits(json_t *document, json_t *rule, const policy_facts *facts)
{
    const policy_person *who = facts->person;
    bool person = strcmp(naive_text(rule, "acting"), "person") == 0;
    bool below = json_is_true(json_object_get(rule, "below")), glass = json_object_get(rule, "break_glass") != NULL;
    if (!naive_has_purpose(json_object_get(rule, "purpose"), below, facts->purpose)) return CLAUSE_PURPOSE;
    if (!naive_numbered(json_object_get(rule, "consumer"), 'c', facts->consumer.no)) return CLAUSE_CONSUMER;
    if (strcmp(naive_text(rule, "action"), naive_actions[facts->action]) != 0) return CLAUSE_ACTION;
    if (!naive_fields(document, rule, facts)) return CLAUSE_FIELDS;
    if (!naive_form(rule, facts)) return CLAUSE_FORM;
    if (person && !who) return CLAUSE_ACTING;
    if (person && !naive_numbered(json_object_get(rule, "roles"), 'r', who->role.no)) return CLAUSE_ROLE;
    if (who && (facts->date < who->from || facts->date > who->until)) return CLAUSE_CONTRACT;
    if (!naive_dates(json_object_get(rule, "valid"), facts->date)) return CLAUSE_DATES;
    if (facts->date > naive_assessed_until(NULL, facts->purpose)) return CLAUSE_ASSESSMENT;
    if (!naive_sharing(rule, facts->date)) return CLAUSE_SHARING;
    if (!naive_hours(json_object_get(rule, "hours"), facts->date, facts->minute)) return CLAUSE_HOURS;
    if (!naive_ticket(json_object_get(rule, "ticket"), facts->ticket)) return CLAUSE_TICKET;
    if (!naive_approved(rule, facts)) return CLAUSE_APPROVAL;
    return glass == facts->break_glass ? CLAUSE_NONE : CLAUSE_BREAK_GLASS;
}

/* ---- residents ---- */

static bool naive_own_area(json_t *rule, const policy_person *who, area_code area)
{
    if (!json_is_true(json_object_get(rule, "own_area"))) return true;
    for (size_t i = 0; i < who->area_count; i++) {
        if (who->areas[i].low <= area.code && area.code <= who->areas[i].high) return true;
    }
    return false;
}

typedef enum naive_known { NAIVE_UNKNOWN, NAIVE_IN, NAIVE_OUT } naive_known;

static naive_known naive_class(json_t *document, const policy_resident *of, const char *id)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, "classes"), i, entry)
    {
        if (strcmp(naive_text(entry, "id"), id) != 0) continue;
        bool in = of->in >> i & 1, out = of->out >> i & 1;
        return in == out ? NAIVE_UNKNOWN : in ? NAIVE_IN : NAIVE_OUT;
    }
    return NAIVE_UNKNOWN;
}

/* Whether one of the classes is known to be `as`. */
static bool naive_some_class(json_t *document, json_t *classes, const policy_resident *of, naive_known as)
{
    size_t i;
    json_t *id;
    json_array_foreach(classes, i, id)
    {
        if (naive_class(document, of, json_string_value(id)) == as) return true;
    }
    return false;
}

static bool naive_classes(json_t *document, json_t *rule, const policy_resident *of)
{
    json_t *residents = json_object_get(rule, "residents"), *only = json_object_get(residents, "only");
    json_t *except = json_object_get(residents, "except");
    if (only && !naive_some_class(document, only, of, NAIVE_IN)) return false;
    return !naive_some_class(document, except, of, NAIVE_IN) && !naive_some_class(document, except, of, NAIVE_UNKNOWN);
}

static unsigned naive_rule_level(json_t *document, json_t *rule)
{
    unsigned highest = 0;
    for (unsigned n = 1; n <= NAIVE_FIELDS; n++) {
        if (naive_field_listed(document, json_object_get(rule, "fields"), n) && naive_level(n) > highest)
            highest = naive_level(n);
    }
    return (unsigned)naive_count(rule, "level", highest);
}

/* Whether one of the aggregations that the call would complete is of a higher level than the rule. */
static bool naive_too_much(json_t *document, json_t *rule, const policy_facts *facts, const policy_resident *of)
{
    size_t i;
    json_t *entry;
    bool shown = facts->action == POLICY_REVEAL || facts->action == POLICY_EXPORT;
    if (!shown || (facts->form != FORM_PLAIN && facts->form != FORM_MASKED)) return false;
    json_array_foreach(json_object_get(document, "aggregations"), i, entry)
    {
        bool some = false, all = true;
        for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
            if (!naive_field_listed(document, json_object_get(entry, "fields"), n)) continue;
            some = some || field_set_has(facts->fields, n);
            all = all && field_set_has(facts->fields, n);
        }
        bool complete = all || (some && (of->complete >> i & 1) != 0);
        if (complete && naive_count(entry, "level", 0) > naive_rule_level(document, rule)) return true;
    }
    return false;
}

static policy_clause naive_allows(json_t *document, json_t *rule, const policy_facts *facts, const policy_resident *of)
{
    if (!naive_area_listed(document, json_object_get(rule, "areas"), of->area)) return CLAUSE_AREA;
    if (!naive_own_area(rule, facts->person, of->area)) return CLAUSE_AREA;
    if (!naive_classes(document, rule, of)) return CLAUSE_CLASS;
    if (json_is_true(json_object_get(rule, "consent")) && !of->consent) return CLAUSE_CONSENT;
    return naive_too_much(document, rule, facts, of) ? CLAUSE_AGGREGATION : CLAUSE_NONE;
}

/* ---- prohibitions and budgets ---- */

/* Whether a prohibition, or a budget, is for the call. What an entry does not have is not asked. */
static bool naive_meets(json_t *document, json_t *entry, const policy_facts *facts)
{
    json_t *fields = json_object_get(entry, "fields"), *roles = json_object_get(entry, "roles");
    json_t *forms = json_object_get(entry, "forms"), *consumers = json_object_get(entry, "consumers");
    bool asked = naive_any(fields);
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (field_set_has(facts->fields, n) && naive_field_listed(document, fields, n)) asked = true;
    }
    bool role = naive_any(roles) || (facts->person && naive_numbered(roles, 'r', facts->person->role.no));
    bool consumer = naive_any(consumers) || naive_numbered(consumers, 'c', facts->consumer.no);
    return asked && role && consumer && naive_has_purpose(json_object_get(entry, "purposes"), true, facts->purpose) &&
           (!forms || naive_listed(forms, policy_form_name(facts->form))) &&
           naive_dates(json_object_get(entry, "valid"), facts->date);
}

typedef struct naive_answer {
    policy_clause failed, inner;
    const char *rule; /* the first that allows */
} naive_answer;

/* Of a prohibition that meets the call. */
static policy_clause naive_forbids(json_t *document, json_t *entry, const policy_facts *facts,
                                   const policy_resident *of)
{
    json_t *areas = json_object_get(entry, "areas"), *classes = json_object_get(entry, "classes");
    if (facts->form == FORM_COUNT) classes = NULL; /* nobody is looked at */
    if ((!areas || naive_any(areas)) && (!classes || naive_any(classes))) return CLAUSE_PROHIBITED;
    if (areas && !naive_area_listed(document, areas, of->area)) return CLAUSE_NONE;
    bool out = classes && !naive_any(classes) && !naive_some_class(document, classes, of, NAIVE_IN) &&
               !naive_some_class(document, classes, of, NAIVE_UNKNOWN);
    return out ? CLAUSE_NONE : CLAUSE_FORBIDDEN;
}

static policy_clause naive_prohibited(json_t *document, const policy_facts *facts, const policy_resident *of)
{
    policy_clause found = CLAUSE_NONE;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, "prohibitions"), i, entry)
    {
        policy_clause how =
            naive_meets(document, entry, facts) ? naive_forbids(document, entry, facts, of) : CLAUSE_NONE;
        if (how == CLAUSE_PROHIBITED) return how;
        if (how != CLAUSE_NONE) found = how;
    }
    return found;
}

/* The clause that refuses and what it was, or CLAUSE_NONE. */
static inline naive_answer naive_decide(json_t *document, const policy_facts *facts, const policy_resident *of)
{
    policy_clause furthest = CLAUSE_PURPOSE, prohibited = naive_prohibited(document, facts, of);
    const char *allowing = NULL;
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        policy_clause failed = naive_admits(document, rule, facts);
        if (failed == CLAUSE_NONE && prohibited == CLAUSE_PROHIBITED)
            return (naive_answer){CLAUSE_PROHIBITED, CLAUSE_PROHIBITED, NULL};
        if (failed == CLAUSE_NONE) failed = naive_allows(document, rule, facts, of);
        if (failed == CLAUSE_NONE && !allowing) allowing = naive_text(rule, "id");
        if (failed > furthest) furthest = failed;
    }
    if (allowing && prohibited == CLAUSE_NONE) return (naive_answer){CLAUSE_NONE, CLAUSE_NONE, allowing};
    if (allowing) return (naive_answer){CLAUSE_RESIDENT, CLAUSE_FORBIDDEN, NULL};
    return (naive_answer){furthest > CLAUSE_RESIDENT ? CLAUSE_RESIDENT : furthest, furthest, NULL};
}

/* Budgets that a granted call counts in, a bit each. */
static inline uint64_t naive_budgets(json_t *document, const policy_facts *facts)
{
    static const bool counted[POLICY_ACTIONS] = {
        [POLICY_REVEAL] = true, [POLICY_SEARCH] = true, [POLICY_EXPORT] = true};
    uint64_t found = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, "budgets"), i, entry)
    {
        if (counted[facts->action] && naive_meets(document, entry, facts)) found |= UINT64_C(1) << i;
    }
    return found;
}

/* Whether a rule that admits the call is for the place, whoever is there. */
static bool naive_reaches(json_t *document, json_t *rule, const policy_facts *facts, area_code place)
{
    return naive_admits(document, rule, facts) == CLAUSE_NONE &&
           naive_area_listed(document, json_object_get(rule, "areas"), place) &&
           naive_own_area(rule, facts->person, place);
}

/* Whether prohibitions refuse everybody there. */
static bool naive_closed(json_t *document, const policy_facts *facts, area_code place)
{
    const policy_resident of = {.area = place, .out = UINT64_MAX};
    return naive_prohibited(document, facts, &of) != CLAUSE_NONE;
}

static inline bool naive_allowed_at(json_t *document, const policy_facts *facts, area_code place)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        if (naive_reaches(document, rule, facts, place)) return !naive_closed(document, facts, place);
    }
    return false;
}

/* How many residents of one place a search may give, by the rules that allow it there. */
static inline unsigned naive_results(json_t *document, const policy_facts *facts, area_code place)
{
    unsigned most = 0;
    size_t i;
    json_t *rule;
    if (naive_closed(document, facts, place)) return 0;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        bool finds =
            strcmp(naive_text(rule, "action"), "search") == 0 && strcmp(naive_text(rule, "form"), "token") == 0;
        unsigned own = (unsigned)naive_count(rule, "results", 1000);
        if (finds && naive_reaches(document, rule, facts, place) && own > most) most = own;
    }
    return most;
}
