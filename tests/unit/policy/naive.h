/* A second reading of a policy document, as slow and as plain as can be: every call walks through the JSON text. What
 * it says is compared with what the engine says. Names: field "f7" is number 7, consumer "c2" and purpose "p3" alike.
 */
#pragma once
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAIVE_FIELDS = 8, NAIVE_NAMES = 4 };

static unsigned naive_number(const char *name, char kind, unsigned most)
{
    if (name[0] != kind || name[1] < '1' || name[1] > '9' || name[2]) return 0;
    unsigned number = (unsigned)(name[1] - '0');
    return number <= most ? number : 0;
}

static unsigned naive_field(void *context, const char *name)
{
    (void)context;
    return naive_number(name, 'f', NAIVE_FIELDS);
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

static const policy_names naive_names = {.field = naive_field, .consumer = naive_consumer, .purpose = naive_purpose};

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
            if (naive_field(NULL, json_string_value(name)) == number) listed = true;
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
    snprintf(code, sizeof code, "%012lld", (long long)area.code);
    json_array_foreach(json_object_get(rule, "areas"), i, prefix)
    {
        const char *start = json_string_value(prefix);
        if (strncmp(code, start, strlen(start)) == 0 && strlen(code) == 12) return true;
    }
    return false;
}

static policy_clause naive_rule(json_t *rule, const policy_facts *facts, area_code area)
{
    static const char *const actions[] = {"reveal", "issue", "put"}, *const forms[] = {"nothing", "plain"};
    if (naive_purpose(NULL, naive_text(rule, "purpose")).no != facts->purpose.no) return CLAUSE_PURPOSE;
    if (naive_consumer(NULL, naive_text(rule, "consumer")).no != facts->consumer.no) return CLAUSE_CONSUMER;
    if (strcmp(naive_text(rule, "action"), actions[facts->action]) != 0) return CLAUSE_ACTION;
    if (!naive_fields(rule, facts)) return CLAUSE_FIELDS;
    if (strcmp(naive_text(rule, "form"), forms[facts->form]) != 0) return CLAUSE_FORM;
    if (strcmp(naive_text(rule, "acting"), "person") == 0 && !facts->person) return CLAUSE_ACTING;
    if (!naive_dates(rule, facts->date)) return CLAUSE_DATES;
    return naive_area(rule, area) ? CLAUSE_NONE : CLAUSE_RESIDENT;
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

static const char *const naive_areas[] = {"32",        "3204",      "320411",       "320411002", "320411002001",
                                          "320411003", "320411004", "320411100",    "33",        "330105",
                                          "3301",      "34",        "320411002002", "11",        "320410"};
enum { NAIVE_AREAS = sizeof naive_areas / sizeof *naive_areas };

/* Mostly one of the first two names, so that questions often meet a rule. */
static inline uint16_t naive_name(uint64_t *seed)
{
    uint64_t odd = naive_random(seed) % 8;
    return (uint16_t)(odd == 0 ? naive_random(seed) % (NAIVE_NAMES + 1) : 1 + odd % 2);
}

static inline policy_facts naive_facts(uint64_t *seed, area_code *area)
{
    static const int64_t codes[] = {0,
                                    320411002001,
                                    320411002002,
                                    320411100200,
                                    330105001001,
                                    340000000000,
                                    110101001001,
                                    320410001001,
                                    999999999999,
                                    -320411002001,
                                    32,
                                    330199000000};
    policy_facts f = {.action = (policy_action)(naive_random(seed) % POLICY_ACTIONS),
                      .consumer = {naive_name(seed)},
                      .purpose = {naive_name(seed)},
                      .person = naive_random(seed) % 2 == 0,
                      .date = 20260101 + (uint32_t)(naive_random(seed) % 28)};
    f.form = naive_random(seed) % 8 == 0 ? (policy_form)(naive_random(seed) % FORMS)
             : f.action == POLICY_ISSUE  ? FORM_NOTHING
                                         : FORM_PLAIN;
    for (uint64_t n = naive_random(seed) % 3; n > 0; n--)
        field_set_add(&f.fields, 1 + (unsigned)(naive_random(seed) % NAIVE_FIELDS));
    area->code = codes[naive_random(seed) % (sizeof codes / sizeof *codes)];
    return f;
}
