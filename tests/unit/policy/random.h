/* Policies by chance, of the names that the naive reading knows. */
#pragma once
#include "tests/unit/policy/fixture.h"

static const char *pick(uint64_t *seed, const char *const *from, size_t count)
{
    return from[naive_random(seed) % count];
}

static json_t *random_fields(const char *form, uint64_t *seed)
{
    bool predicates = strcmp(form, "predicate") == 0;
    unsigned count = predicates ? NAIVE_PREDICATES : NAIVE_FIELDS;
    json_t *list = json_array();
    unsigned bits = 1 + (unsigned)(naive_random(seed) % ((1U << count) - 1));
    for (unsigned i = 0; i < count; i++) {
        if (bits >> i & 1) json_array_append_new(list, json_sprintf("%c%u", predicates ? 'q' : 'f', i + 1));
    }
    return list;
}

/* Prefixes that do not lie within each other, in any order. */
static json_t *random_areas(uint64_t *seed)
{
    json_t *list = json_array();
    for (uint64_t tries = 1 + naive_random(seed) % 4; tries > 0; tries--) {
        const char *next = pick(seed, naive_areas, NAIVE_AREAS);
        bool clash = false;
        size_t i;
        json_t *value;
        json_array_foreach(list, i, value)
        {
            const char *there = json_string_value(value);
            size_t shared = strlen(there) < strlen(next) ? strlen(there) : strlen(next);
            if (strncmp(there, next, shared) == 0) clash = true;
        }
        if (!clash) json_array_append_new(list, json_string(next));
    }
    return list;
}

static void random_acting(json_t *rule, uint64_t *seed)
{
    bool person = naive_random(seed) % 2 == 0;
    json_object_set_new(rule, "acting", json_string(person ? "person" : "app"));
    if (!person) return;
    json_t *roles = json_array();
    unsigned bits = 1 + (unsigned)(naive_random(seed) % 7);
    for (unsigned i = 0; i < 3; i++) {
        if (bits >> i & 1) json_array_append_new(roles, json_sprintf("r%u", i + 1));
    }
    json_object_set_new(rule, "roles", roles);
    uint64_t odd = naive_random(seed) % 4;
    if (odd < 2) json_object_set_new(rule, "own_area", json_boolean(odd));
}

static const char *random_form(const char *action, uint64_t *seed)
{
    static const char *const shown[] = {"plain", "plain", "masked", "masked", "token", "predicate"}, *const found[] = {
                                                                                                         "token",
                                                                                                         "token",
                                                                                                         "count"};
    if (strcmp(action, "issue") == 0 || strcmp(action, "erase") == 0 || strcmp(action, "consent") == 0) return "nothing";
    if (strcmp(action, "search") == 0) return pick(seed, found, 3);
    return strcmp(action, "reveal") == 0 ? pick(seed, shown, 6) : "plain";
}

static json_t *random_rule(uint64_t *seed, unsigned number)
{
    const char *action = pick(seed, naive_actions, POLICY_ACTIONS), *form = random_form(action, seed);
    unsigned from = 1 + (unsigned)(naive_random(seed) % 28),
             until = from + (unsigned)(naive_random(seed) % (29 - from));
    json_t *rule = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "action", action, "consumer",
                             json_sprintf("c%u", (unsigned)(1 + naive_random(seed) % 2)), "purpose",
                             json_sprintf("p%u", (unsigned)(1 + naive_random(seed) % 2)), "form", form, "fields",
                             random_fields(form, seed), "areas", random_areas(seed));
    random_acting(rule, seed);
    if (strcmp(action, "search") == 0 && strcmp(form, "token") == 0 && naive_random(seed) % 2)
        json_object_set_new(rule, "results", json_integer(1 + (json_int_t)(naive_random(seed) % 4096)));
    json_object_set_new(rule, "id", json_sprintf("rule-%c%u", 'a' + (int)(number % 8), number / 8 + 2));
    json_object_set_new(rule, "valid",
                        json_pack("{s:o, s:o}", "from", json_sprintf("2026-01-%02u", from), "until",
                                  json_sprintf("2026-01-%02u", until)));
    return rule;
}

static inline json_t *random_document(uint64_t *seed)
{
    json_t *rules = json_array();
    for (unsigned i = 0, count = (unsigned)(naive_random(seed) % 60); i < count; i++) {
        json_array_append_new(rules, random_rule(seed, i));
    }
    return json_pack("{s:o}", "rules", rules);
}

/* NULL when the document holds twins or too many rules for one call: the only reasons that chance can bring. */
static inline policy *try_load(json_t *document)
{
    vault_error err = {0};
    policy *p;
    if (policy_load(&p, document, &naive_names, &err) == VAULT_OK) return p;
    if (!strstr(err.detail, "never reached") && !strstr(err.detail, "join their areas")) fail_msg("%s", err.detail);
    return NULL;
}
