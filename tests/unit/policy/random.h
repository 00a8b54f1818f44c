/* Policies by chance, of the names that the naive reading knows. */
#pragma once
#include "tests/unit/policy/chance.h"
#include "tests/unit/policy/fixture.h"

static const char *pick(uint64_t *seed, const char *const *from, size_t count)
{
    return from[naive_random(seed) % count];
}

static bool seldom(uint64_t *seed, unsigned one_in)
{
    return naive_random(seed) % one_in == 0;
}

/* Some of "f1", "f2", ..., at least `least` of them. */
static json_t *random_names(char kind, unsigned count, unsigned least, uint64_t *seed)
{
    json_t *list = json_array();
    unsigned bits = 0;
    while (__builtin_popcount(bits) < (int)least) bits = (unsigned)(naive_random(seed) % (1U << count));
    for (unsigned i = 0; i < count; i++) {
        if (bits >> i & 1) json_array_append_new(list, json_sprintf("%c%u", kind, i + 1));
    }
    return list;
}

/* Prefixes that do not lie within each other, in any order. */
static json_t *random_areas(uint64_t *seed)
{
    json_t *list = json_array();
    if (seldom(seed, 8)) {
        json_array_append_new(list, json_string("@towns"));
        return list;
    }
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

static json_t *random_days(uint64_t *seed)
{
    unsigned from = 1 + (unsigned)(naive_random(seed) % 28),
             until = from + (unsigned)(naive_random(seed) % (29 - from));
    return json_pack("{s:o, s:o}", "from", json_sprintf("2026-01-%02u", from), "until",
                     json_sprintf("2026-01-%02u", until));
}

/* "any", or what else there is. */
static json_t *any_or(json_t *list, uint64_t *seed)
{
    if (!seldom(seed, 3)) return list;
    json_decref(list);
    return json_string("any");
}

/* Of which none lies below another. */
static json_t *random_roots(uint64_t *seed)
{
    static const char *const roots[][2] = {{"p1", NULL}, {"p2", NULL}, {"p4", NULL}, {"p1", "p3"}, {"p3", "p2"}};
    const size_t i = naive_random(seed) % 5;
    return json_pack("[s, s*]", roots[i][0], roots[i][1]);
}

/* ---- rules ---- */

static json_t *random_fields(const char *form, uint64_t *seed)
{
    if (strcmp(form, "predicate") == 0) return random_names('q', NAIVE_PREDICATES, 1, seed);
    uint64_t odd = naive_random(seed) % 8;
    if (odd == 0) return json_pack("[s]", "@high");
    if (odd == 1) return json_pack("[s, s]", "@pair", "f8");
    return random_names('f', NAIVE_FIELDS, 1, seed);
}

static void random_acting(json_t *rule, uint64_t *seed)
{
    bool person = naive_random(seed) % 2 == 0;
    json_object_set_new(rule, "acting", json_string(person ? "person" : "app"));
    if (!person) return;
    json_object_set_new(rule, "roles", random_names('r', 3, 1, seed));
    uint64_t odd = naive_random(seed) % 4;
    if (odd < 2) json_object_set_new(rule, "own_area", json_boolean(odd));
}

static const char *random_form(const char *action, uint64_t *seed)
{
    static const char *const shown[] = {"plain", "plain", "masked", "masked", "token", "predicate"}, *const found[] = {
                                                                                                         "token",
                                                                                                         "token",
                                                                                                         "count"};
    static const char *const formless[] = {"issue", "erase", "consent", "history", "guardian"};
    for (size_t i = 0; i < sizeof formless / sizeof *formless; i++)
        if (strcmp(action, formless[i]) == 0) return "nothing";
    if (strcmp(action, "search") == 0) return pick(seed, found, 3);
    return strcmp(action, "reveal") == 0 ? pick(seed, shown, 6) : "plain";
}

static json_t *random_hours(uint64_t *seed)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static const char *const times[] = {"00:00", "08:30", "11:59", "17:30", "22:00", "23:59"};
    size_t from = naive_random(seed) % 6, until = (from + 1 + naive_random(seed) % 5) % 6;
    size_t day = naive_random(seed) % 7, other = (day + 3) % 7;
    return json_pack("[{s:[s, s], s:s, s:s}]", "days", days[day], days[other], "from", times[from], "until",
                     until == 0 ? "24:00" : times[until]);
}

static json_t *random_residents(uint64_t *seed)
{
    static const char *const classes[] = {"child", "in-care", "severe", "old"};
    size_t first = naive_random(seed) % 4, second = (first + 1 + naive_random(seed) % 3) % 4;
    uint64_t odd = naive_random(seed) % 3;
    if (odd == 0) return json_pack("{s:[s]}", "only", classes[first]);
    if (odd == 1) return json_pack("{s:[s, s]}", "except", classes[first], classes[second]);
    return json_pack("{s:[s], s:[s]}", "only", classes[first], "except", classes[second]);
}

/* What a rule may say of residents and values only some actions have. */
static void random_looks(json_t *rule, uint64_t *seed)
{
    const char *action = naive_text(rule, "action"), *form = naive_text(rule, "form");
    bool finds = strcmp(action, "search") == 0 && strcmp(form, "token") == 0;
    bool looks = strcmp(action, "reveal") == 0 || strcmp(action, "export") == 0 || strcmp(action, "issue") == 0;
    if (finds && seldom(seed, 2))
        json_object_set_new(rule, "results", json_integer(1 + (json_int_t)(naive_random(seed) % 4096)));
    if ((looks || finds) && seldom(seed, 5)) json_object_set_new(rule, "residents", random_residents(seed));
    if ((looks || finds) && seldom(seed, 6)) json_object_set_new(rule, "consent", json_true());
}

static void random_conditions(json_t *rule, uint64_t *seed)
{
    static const char *const patterns[] = {"T-#", "T-##*", "*-open", "?-*", "*", "urgent", "?#?", "A-####-*#7"};
    const char *action = naive_text(rule, "action"), *consumer = naive_text(rule, "consumer");
    const char *purpose = naive_text(rule, "purpose");
    json_t *valid = json_object_get(rule, "valid");
    bool glass = strcmp(action, "reveal") == 0 || strcmp(action, "search") == 0 || strcmp(action, "issue") == 0;
    if (seldom(seed, 6)) json_object_set_new(rule, "hours", random_hours(seed));
    if (seldom(seed, 6)) json_object_set_new(rule, "ticket", json_pack("[s]", pick(seed, patterns, 8)));
    if (seldom(seed, 6)) json_object_set_new(rule, "approval_above", json_integer(1 + (json_int_t)seldom(seed, 2)));
    if (seldom(seed, 6)) json_object_set_new(rule, "level", json_integer(4 + (json_int_t)seldom(seed, 2)));
    if (consumer && purpose && seldom(seed, 6) && strcmp(naive_text(valid, "from"), "2026-01-25") <= 0 &&
        strcmp(naive_text(valid, "until"), "2026-01-05") >= 0)
        json_object_set_new(rule, "sharing", json_sprintf("b%c%c", consumer[1], purpose[1]));
    if (glass && json_object_get(rule, "roles") && seldom(seed, 6))
        json_object_set_new(rule, "break_glass",
                            json_pack("{s:i, s:i, s:i}", "hours", 2, "residents", 5, "review_hours", 24));
}

/* One name, or several. */
static json_t *random_parties(char kind, uint64_t *seed)
{
    return seldom(seed, 4) ? random_names(kind, 3, 1, seed)
                           : json_sprintf("%c%u", kind, (unsigned)(1 + naive_random(seed) % 2));
}

static json_t *random_rule(uint64_t *seed, unsigned number)
{
    const char *action = pick(seed, naive_actions, POLICY_ACTIONS), *form = random_form(action, seed);
    json_t *rule = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "action", action, "consumer",
                             random_parties('c', seed), "purpose", random_parties('p', seed), "form", form, "fields",
                             random_fields(form, seed), "areas", random_areas(seed), "valid", random_days(seed));
    json_object_set_new(rule, "id", json_sprintf("rule-%c%u", 'a' + (int)(number % 8), number / 8 + 2));
    if (seldom(seed, 6)) {
        json_object_set_new(rule, "below", json_true());
        json_object_set_new(rule, "purpose", random_roots(seed));
    }
    random_acting(rule, seed);
    random_looks(rule, seed);
    random_conditions(rule, seed);
    return rule;
}

/* ---- what else a document has ---- */

static json_t *random_match(const char *id, unsigned number, uint64_t *seed)
{
    json_t *fields = seldom(seed, 4) ? json_pack("[s]", "@high") : random_names('f', NAIVE_FIELDS, 1, seed);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", json_sprintf("%s-%c", id, 'a' + (int)number), "consumers",
                     any_or(random_names('c', 3, 1, seed), seed), "purposes", any_or(random_roots(seed), seed), "roles",
                     any_or(random_names('r', 3, 1, seed), seed), "fields", any_or(fields, seed));
}

static json_t *random_forms(uint64_t *seed)
{
    json_t *list = json_array();
    size_t form = naive_random(seed) % FORMS, other = (form + 1 + naive_random(seed) % (FORMS - 1)) % FORMS;
    json_array_append_new(list, json_string(policy_form_name((policy_form)form)));
    json_array_append_new(list, json_string(policy_form_name((policy_form)other)));
    return list;
}

static json_t *random_prohibition(uint64_t *seed, unsigned number)
{
    static const char *const classes[] = {"child", "in-care", "severe", "old"};
    json_t *entry = random_match("not", number, seed);
    json_object_set_new(entry, "forms", any_or(random_forms(seed), seed));
    json_object_set_new(entry, "areas", any_or(random_areas(seed), seed));
    if (seldom(seed, 2)) json_object_set_new(entry, "classes", json_pack("[s]", classes[naive_random(seed) % 4]));
    if (seldom(seed, 3)) json_object_set_new(entry, "valid", random_days(seed));
    return entry;
}

static json_t *random_budget(uint64_t *seed, unsigned number)
{
    json_t *entry = random_match("most", number, seed);
    json_object_set_new(entry, "per", json_string(seldom(seed, 2) ? "person" : "purpose"));
    json_object_set_new(entry, "period", json_string(seldom(seed, 2) ? "day" : "month"));
    json_object_set_new(entry, "residents", json_integer(7));
    return entry;
}

/* Of a level above all of their fields', so that each of them means something. */
static json_t *random_aggregation(uint64_t *seed, unsigned number)
{
    return json_pack("{s:o, s:o, s:i, s:s, s:i}", "id", json_sprintf("sum-%c", 'a' + (int)number), "fields",
                     random_names('f', NAIVE_FIELDS, 2, seed), "level", 5, "per", "person", "days", 30);
}

typedef json_t *(*entry_maker)(uint64_t *seed, unsigned number);

static json_t *random_list(entry_maker make, unsigned most, uint64_t *seed)
{
    json_t *list = json_array();
    for (unsigned i = 0, count = (unsigned)(naive_random(seed) % (most + 1)); i < count; i++)
        json_array_append_new(list, make(seed, i));
    return list;
}

/* A list that may be left out, but not be empty. */
static void add_list(json_t *document, const char *key, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set_new(document, key, list);
    else
        json_decref(list);
}

static const char random_head[] =
    "{\"field_sets\": [{\"id\": \"high\", \"collection\": \"residents\", \"level\": 3, \"owner\": \"odd\"},"
    "                  {\"id\": \"pair\", \"fields\": [\"f1\", \"f2\"]}],"
    " \"area_sets\": [{\"id\": \"towns\", \"areas\": [\"320411002\", \"330105\"]}],"
    " \"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14},"
    "               {\"id\": \"in-care\", \"field\": \"f2\", \"test\": \"known\"},"
    "               {\"id\": \"severe\", \"field\": \"f3\", \"test\": \"one_of\", \"values\": [\"3\", \"4\"]},"
    "               {\"id\": \"old\", \"field\": \"f1\", \"test\": \"age_at_least\", \"years\": 80}]}";

/* Most have a few prohibitions, some many: few lists are long enough for tables otherwise. */
static inline json_t *random_document(uint64_t *seed)
{
    json_t *document = json_loads(random_head, 0, NULL);
    unsigned prohibitions = seldom(seed, 3) ? 24 : 5;
    json_object_set_new(document, "rules", random_list(random_rule, 60, seed));
    add_list(document, "prohibitions", random_list(random_prohibition, prohibitions, seed));
    add_list(document, "aggregations", random_list(random_aggregation, 4, seed));
    add_list(document, "budgets", random_list(random_budget, 10, seed));
    return document;
}

/* NULL when the document holds what only chance brings: rules that are never reached, too many rules or budgets for one
 * call. */
static inline policy *try_load(json_t *document)
{
    static const char *const by_chance[] = {"never reached", "join their areas", "always meets", "budgets"};
    vault_error err = {0};
    policy *p;
    if (policy_load(&p, document, &naive_names, &err) == VAULT_OK) return p;
    for (size_t i = 0; i < sizeof by_chance / sizeof *by_chance; i++) {
        if (strstr(err.detail, by_chance[i])) return NULL;
    }
    fail_msg("%s", err.detail);
    return NULL;
}
