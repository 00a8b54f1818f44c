/* bench-policy: decisions by one thread, of a policy made for it: rules for 54 consumers and 24 purposes, 10,000
 * persons of 64 roles, 200 fields, 540 streets, and prohibitions, classes, hours, tickets, aggregations and budgets
 * among them.
 *
 *   decide RULES SPREAD SECONDS   SPREAD many: rules of a district; one: all for one consumer and purpose. Three of
 * four calls are what some rule is for, the rest are drawn at random load RULES SPREAD SECONDS     the document is read
 * and made into tables, again and again
 */
#include "tests/bench/bench.h"

#include "policy/policy.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { CONSUMERS = 54, PURPOSES = 24, ROLES = 64, FIELDS = 200, STREETS = 540, PERSONS = 10000, RULES = 20000 };
enum { QUESTIONS = 8192, CHUNK = 256, FIELDS_OF_RULE = 8, RULE_WORDS = 4 };

/* What the document says of a rule. */
typedef struct rule_drawn {
    unsigned consumer, purpose, fields[FIELDS_OF_RULE], field_count, streets[2], roles[2];
    bool person;
} rule_drawn;

static struct {
    unsigned count;
    bool one; /* consumer and purpose */
    uint64_t seed;
    rule_drawn rules[RULES];
    policy *policy;
    policy_person persons[PERSONS];
    area_range areas[PERSONS];
    policy_facts facts[QUESTIONS];
    policy_resident residents[QUESTIONS];
    unsigned given;
} bench;

static unsigned any(unsigned limit)
{
    return (unsigned)(random_next(&bench.seed) >> 16) % limit;
}

/* ---- names: "c54" is number 54 ---- */

static unsigned number(const char *name, unsigned most)
{
    unsigned n = (unsigned)strtoul(name + 1, NULL, 10);
    return n <= most ? n : 0;
}

static policy_field field_named(void *context, const char *name)
{
    (void)context;
    return (policy_field){.number = number(name, FIELDS), .collection = 1, .level = 1};
}

static consumer_no consumer_named(void *context, const char *id)
{
    (void)context;
    return (consumer_no){(uint16_t)number(id, CONSUMERS)};
}

static purpose_no purpose_named(void *context, const char *id)
{
    (void)context;
    return (purpose_no){(uint16_t)number(id, PURPOSES)};
}

static uint32_t assessed(void *context, purpose_no purpose)
{
    (void)context, (void)purpose;
    return 20991231;
}

static role_no role_named(void *context, const char *id)
{
    (void)context;
    return (role_no){(uint16_t)number(id, ROLES)};
}

static const policy_names names = {.field = field_named,
                                   .consumer = consumer_named,
                                   .purpose = purpose_named,
                                   .assessed_until = assessed,
                                   .role = role_named,
                                   .purposes = PURPOSES};

/* ---- the document ---- */

static int64_t street(unsigned s)
{
    return 320400000 + (int64_t)(s / 9) * 1000 + s % 9 + 1;
}

static rule_drawn draw(unsigned i)
{
    rule_drawn r = {.consumer = bench.one ? 1 : 1 + i % CONSUMERS,
                    .purpose = bench.one ? 1 : 1 + i / CONSUMERS % PURPOSES,
                    .person = any(3) > 0 || bench.one,
                    .streets = {any(STREETS / 2), STREETS / 2 + any(STREETS / 2)},
                    .roles = {1 + any(ROLES / 2), 1 + ROLES / 2 + any(ROLES / 2)}};
    unsigned step = 1 + any(FIELDS / FIELDS_OF_RULE - 1), first = any(FIELDS);
    r.field_count = 1 + any(bench.one ? 2 : FIELDS_OF_RULE); /* as one call may meet 16 rules at most */
    for (unsigned k = 0; k < r.field_count; k++) r.fields[k] = 1 + (first + k * step) % FIELDS;
    return r;
}

static void add_conditions(json_t *rule, const rule_drawn *r)
{
    if (r->person) {
        json_object_set_new(rule, "roles",
                            json_pack("[o, o]", json_sprintf("r%u", r->roles[0]), json_sprintf("r%u", r->roles[1])));
    }
    if (any(8) == 0) {
        json_object_set_new(rule, "hours",
                            json_pack("[{s:[s, s, s, s, s], s:s, s:s}]", "days", "mon", "tue", "wed", "thu", "fri",
                                      "from", "08:30", "until", "17:30"));
    }
    if (any(16) == 0) json_object_set_new(rule, "ticket", json_pack("[s, s]", "T-####-*", "V*"));
    if (any(8) == 0) json_object_set_new(rule, "residents", json_pack("{s:[s]}", "except", "child"));
}

static json_t *rule_of(unsigned i, const rule_drawn *r)
{
    json_t *fields = json_array();
    for (unsigned k = 0; k < r->field_count; k++) json_array_append_new(fields, json_sprintf("f%u", r->fields[k]));
    json_t *rule = json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:[o, o], s:s, s:{s:s, s:s}}", "id",
                             json_sprintf("rule-%u", i), "action", "reveal", "consumer",
                             json_sprintf("c%u", r->consumer), "purpose", json_sprintf("p%u", r->purpose), "fields",
                             fields, "form", "plain", "areas", json_sprintf("%09lld", (long long)street(r->streets[0])),
                             json_sprintf("%09lld", (long long)street(r->streets[1])), "acting",
                             r->person ? "person" : "app", "valid", "from", "2026-01-01", "until", "2027-12-31");
    add_conditions(rule, r);
    return rule;
}

/* A few for all consumers, and more for single ones the more rules there are. */
static json_t *prohibitions(void)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < 10 + bench.count / 50; i++) {
        json_t *consumers = i < 10 ? json_string("any") : json_pack("[o]", json_sprintf("c%u", 1 + any(CONSUMERS)));
        json_t *areas =
            i % 2 ? json_string("any") : json_pack("[o]", json_sprintf("%09lld", (long long)street(any(STREETS))));
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:[o], s:s, s:[o, o], s:[s], s:o}", "id", json_sprintf("not-%u", i),
                            "consumers", consumers, "purposes", json_sprintf("p%u", 1 + any(PURPOSES)), "roles", "any",
                            "fields", json_sprintf("f%u", 1 + any(FIELDS / 2)),
                            json_sprintf("f%u", FIELDS / 2 + 1 + any(FIELDS / 2)), "forms", "plain", "areas", areas));
    }
    return list;
}

static json_t *document(void)
{
    json_t *rules = json_array(), *forbidden = prohibitions();
    for (unsigned i = 0; i < bench.count; i++) {
        bench.rules[i] = draw(i);
        json_array_append_new(rules, rule_of(i, &bench.rules[i]));
    }
    return json_pack("{s:o, s:o, s:[{s:s, s:s, s:s, s:i}], s:[{s:s, s:[s, s, s], s:i, s:s, s:i}], s:[{s:s, s:s, s:s, "
                     "s:s, s:s, s:s, s:s, s:i}]}",
                     "rules", rules, "prohibitions", forbidden, "classes", "id", "child", "field", "f1", "test",
                     "age_under", "years", 14, "aggregations", "id", "sum", "fields", "f1", "f2", "f3", "level", 5,
                     "per", "person", "days", 30, "budgets", "id", "day", "per", "person", "consumers", "any",
                     "purposes", "any", "roles", "any", "fields", "any", "period", "day", "residents", 200);
}

static void load(json_t *text)
{
    vault_error err = {0};
    policy_free(&bench.policy);
    must(policy_load(&bench.policy, text, &names, &err), &err, "policy");
}

static json_t *make(const command *c)
{
    bench.count = (unsigned)command_number(c, 1);
    bench.one = strcmp(c->words[2], "one") == 0;
    bench.seed = 20261122;
    if (bench.count == 0 || bench.count > RULES) die("bench-policy: 1 to %d rules", RULES);
    json_t *text = document();
    if (!text) die("bench-policy: document");
    return text;
}

/* ---- questions ---- */

static void make_persons(void)
{
    for (unsigned i = 0; i < PERSONS; i++) {
        int64_t low = street(any(STREETS)) * 1000000;
        bench.areas[i] = (area_range){low, low + 999999};
        bench.persons[i] = (policy_person){.role = {(uint16_t)(1 + i % ROLES)},
                                           .from = 20250101,
                                           .until = 20271231,
                                           .areas = &bench.areas[i],
                                           .area_count = 1};
    }
}

/* What a rule is for; one in four is for another consumer, field or street. */
static void make_question(unsigned i)
{
    const rule_drawn *r = &bench.rules[any(bench.count)];
    unsigned odd = any(12), role = r->person ? r->roles[any(2)] : 1 + any(ROLES);
    policy_facts *f = &bench.facts[i];
    *f = (policy_facts){.action = POLICY_REVEAL,
                        .consumer = {(uint16_t)(odd == 0 ? 1 + any(CONSUMERS) : r->consumer)},
                        .purpose = {(uint16_t)r->purpose},
                        .form = any(2) ? FORM_PLAIN : FORM_MASKED,
                        .person = &bench.persons[role - 1 + ROLES * any(PERSONS / ROLES)],
                        .date = 20260601,
                        .minute = 600,
                        .ticket = "T-2026-7",
                        .residents = 1};
    for (unsigned k = 0; k < r->field_count && k < 3; k++) field_set_add(&f->fields, r->fields[k]);
    if (odd == 1) field_set_add(&f->fields, 1 + any(FIELDS));
    int64_t at = street(odd == 2 ? any(STREETS) : r->streets[any(2)]);
    bench.residents[i] = (policy_resident){.area = {at * 1000000 + 1001}, .out = UINT64_MAX};
}

static void decide(unsigned first)
{
    for (unsigned i = first; i < first + CHUNK; i++) {
        admission a = policy_admit(bench.policy, &bench.facts[i]);
        bench.given += policy_decide(bench.policy, &a, &bench.facts[i], bench.residents[i]).given;
    }
}

static void check_questions(void)
{
    bench.given = 0;
    for (unsigned i = 0; i < QUESTIONS; i += CHUNK) decide(i);
    if (bench.given < QUESTIONS / 2 || bench.given > QUESTIONS * 19 / 20)
        die("bench-policy: %u of %d questions granted", bench.given, QUESTIONS);
}

static void run_decisions(const command *c)
{
    samples s = {0};
    window w = {0};
    json_t *text = make(c);
    load(text);
    json_decref(text);
    make_persons();
    for (unsigned i = 0; i < QUESTIONS; i++) make_question(i);
    check_questions();
    unsigned at = 0;
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, command_seconds(c, 3));) {
        int64_t began = clock_monotonic_us();
        decide(at);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, CHUNK);
        at = (at + CHUNK) % QUESTIONS;
    }
    window_report(&w, &s);
    samples_clear(&s);
}

static void read_text(json_t *document)
{
    static char *text;
    if (!text) text = json_dumps(document, JSON_COMPACT); /* of the one document of this run of the program */
    json_t *again = text ? json_loads(text, 0, NULL) : NULL;
    if (!again) die("bench-policy: text");
    json_decref(again);
}

static void run_loads(const command *c, void (*one)(json_t *document))
{
    samples s = {0};
    window w = {0};
    json_t *text = make(c);
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, command_seconds(c, 3));) {
        int64_t began = clock_monotonic_us();
        one(text);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, 1);
    }
    window_report(&w, &s);
    samples_clear(&s);
    json_decref(text);
}

int main(void)
{
    command c;
    while (command_read(&c)) {
        if (command_is(&c, "decide", RULE_WORDS))
            run_decisions(&c);
        else if (command_is(&c, "load", RULE_WORDS))
            run_loads(&c, load);
        else if (command_is(&c, "read", RULE_WORDS))
            run_loads(&c, read_text);
        else
            die("bench-policy: decide, load or read, RULES many|one SECONDS");
    }
    policy_free(&bench.policy);
    return 0;
}
