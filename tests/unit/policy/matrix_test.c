/* A district: 54 departments, 24 purposes, 20 fields, areas and forms. The policy is made from a table; each decision
 * is compared with what the table says, read cell by cell. */
#include "policy/policy.h"
#include "tests/support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPARTMENTS = 54, PURPOSES = 24, FIELDS = 20, STREETS = 6, GROUPS = 4, ROLES = 3, TODAY = 20260601 };
static const policy_form forms[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN, FORM_PREDICATE, FORM_NOTHING};
enum { ASKED_FORMS = sizeof forms / sizeof *forms };

/* Streets 320411001 to 320411006. */
static area_code street(unsigned s)
{
    return (area_code){INT64_C(320411000000000) + (int64_t)(s + 1) * 1000000 + 1007};
}

/* What departments of a group may do for a purpose; every department is of one group for it, or of none. */
typedef struct entry {
    unsigned fields, streets; /* sets of 1 << number */
    policy_form form;
    unsigned role; /* 0: the app by itself */
} entry;

static unsigned mixed(unsigned a, unsigned b, unsigned salt)
{
    uint64_t x = (uint64_t)a * 1000003 + (uint64_t)b * 7919 + salt * 104729U + 12345;
    x ^= x >> 13, x *= UINT64_C(0x9e3779b97f4a7c15), x ^= x >> 29;
    return (unsigned)(x >> 11);
}

/* GROUPS: it has no part in the purpose. */
static unsigned group_of(unsigned department, unsigned purpose)
{
    unsigned group = mixed(department, purpose, 1) % (2 * GROUPS);
    return group < GROUPS ? group : GROUPS;
}

static entry entry_of(unsigned purpose, unsigned group)
{
    static const policy_form given[] = {FORM_PLAIN, FORM_PLAIN, FORM_MASKED, FORM_TOKEN};
    unsigned fields = mixed(purpose, group, 2) & mixed(purpose, group, 3) & ((1U << FIELDS) - 1);
    unsigned streets = mixed(purpose, group, 4) % ((1U << STREETS) - 1) + 1;
    return (entry){.fields = fields | 1U << group,
                   .streets = streets,
                   .form = given[mixed(purpose, group, 5) % 4],
                   .role = mixed(purpose, group, 6) % (ROLES + 1)};
}

/* The last field is shown in plain to nobody; the one before it to nobody of role 1; the third from the end to nobody
 * in the first street. */
enum { SECRET = FIELDS - 1, NOT_FOR_ROLE = FIELDS - 2, NOT_HERE = FIELDS - 3 };

/* ---- the document ---- */

static json_t *names_of(const char *format, unsigned count, unsigned set)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        if (set >> i & 1) json_array_append_new(list, json_sprintf(format, i + 1));
    }
    return list;
}

static json_t *departments_of(unsigned purpose, unsigned group)
{
    json_t *list = json_array();
    for (unsigned d = 0; d < DEPARTMENTS; d++) {
        if (group_of(d, purpose) == group) json_array_append_new(list, json_sprintf("d%u", d + 1));
    }
    return list;
}

static void add_rule(json_t *rules, unsigned purpose, unsigned group)
{
    const entry e = entry_of(purpose, group);
    json_t *departments = departments_of(purpose, group);
    if (json_array_size(departments) == 0) {
        json_decref(departments);
        return;
    }
    json_t *rule =
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:{s:s, s:s}}", "id",
                  json_sprintf("rule-%c%c", 'a' + (int)purpose, 'a' + (int)group), "action", "reveal", "consumer",
                  departments, "purpose", json_sprintf("p%u", purpose + 1), "fields", names_of("f%u", FIELDS, e.fields),
                  "areas", names_of("32041100%u", STREETS, e.streets), "form", policy_form_name(e.form), "acting",
                  e.role ? "person" : "app", "valid", "from", "2026-01-01", "until", "2026-12-31");
    if (e.role) json_object_set_new(rule, "roles", json_pack("[o]", json_sprintf("r%u", e.role)));
    json_array_append_new(rules, rule);
}

static json_t *prohibition(const char *id, unsigned field, const char *role, const char *area)
{
    json_t *roles = role ? json_pack("[s]", role) : json_string("any");
    json_t *areas = area ? json_pack("[s]", area) : json_string("any");
    return json_pack("{s:s, s:s, s:s, s:o, s:[o], s:[s], s:o}", "id", id, "consumers", "any", "purposes", "any",
                     "roles", roles, "fields", json_sprintf("f%u", field + 1), "forms", "plain", "areas", areas);
}

static json_t *document(void)
{
    json_t *rules = json_array();
    for (unsigned p = 0; p < PURPOSES; p++) {
        for (unsigned g = 0; g < GROUPS; g++) add_rule(rules, p, g);
    }
    return json_pack("{s:o, s:[o, o, o]}", "rules", rules, "prohibitions", prohibition("secret", SECRET, NULL, NULL),
                     prohibition("not-for-role", NOT_FOR_ROLE, "r1", NULL),
                     prohibition("not-here", NOT_HERE, NULL, "320411001"));
}

/* ---- its names ---- */

static unsigned number(const char *name, char kind, unsigned most)
{
    char back[16];
    unsigned n = name[0] == kind ? (unsigned)strtoul(name + 1, NULL, 10) : 0;
    snprintf(back, sizeof back, "%c%u", kind, n);
    return n <= most && strcmp(back, name) == 0 ? n : 0;
}

static policy_field field_named(void *context, const char *name)
{
    (void)context;
    return (policy_field){.number = number(name, 'f', FIELDS), .collection = 1, .level = 1};
}

static consumer_no consumer_named(void *context, const char *id)
{
    (void)context;
    return (consumer_no){(uint16_t)number(id, 'd', DEPARTMENTS)};
}

static purpose_no purpose_named(void *context, const char *id)
{
    (void)context;
    return (purpose_no){(uint16_t)number(id, 'p', PURPOSES)};
}

static uint32_t assessed(void *context, purpose_no purpose)
{
    (void)context, (void)purpose;
    return 20991231;
}

static role_no role_named(void *context, const char *id)
{
    (void)context;
    return (role_no){(uint16_t)number(id, 'r', ROLES)};
}

static policy *load_district(void)
{
    const policy_names names = {.field = field_named,
                                .consumer = consumer_named,
                                .purpose = purpose_named,
                                .assessed_until = assessed,
                                .role = role_named,
                                .purposes = PURPOSES};
    vault_error err = {0};
    policy *p;
    json_t *text = document();
    expect_ok(policy_load(&p, text, &names, &err), &err);
    json_decref(text);
    return p;
}

/* ---- every cell ---- */

typedef struct cell {
    unsigned department, purpose, field, street, role; /* role 0: nobody acts */
    policy_form form;
} cell;

static bool allowed(cell c)
{
    unsigned group = group_of(c.department, c.purpose);
    if (group == GROUPS) return false;
    const entry e = entry_of(c.purpose, group);
    bool form = c.form == e.form || (e.form == FORM_PLAIN && (c.form == FORM_MASKED || c.form == FORM_TOKEN));
    bool forbidden = c.form == FORM_PLAIN && (c.field == SECRET || (c.field == NOT_FOR_ROLE && c.role == 1) ||
                                              (c.field == NOT_HERE && c.street == 0));
    return form && !forbidden && (e.role == 0 || e.role == c.role) && (e.fields >> c.field & 1) &&
           (e.streets >> c.street & 1);
}

static bool decided(const policy *p, cell c)
{
    const policy_person who = {.role = {(uint16_t)c.role}, .from = 20260101, .until = 20261231};
    policy_facts f = {.action = POLICY_REVEAL,
                      .consumer = {(uint16_t)(c.department + 1)},
                      .purpose = {(uint16_t)(c.purpose + 1)},
                      .form = c.form,
                      .person = c.role ? &who : NULL,
                      .date = TODAY};
    field_set_add(&f.fields, c.field + 1);
    admission a = policy_admit(p, &f);
    return policy_decide(p, &a, &f, (policy_resident){.area = street(c.street)}).given;
}

static unsigned compare_cells(const policy *p, cell c)
{
    unsigned given = 0;
    for (c.field = 0; c.field < FIELDS; c.field++) {
        for (c.street = 0; c.street < STREETS; c.street++) {
            for (unsigned form = 0; form < ASKED_FORMS; form++) {
                c.form = forms[form];
                bool is = decided(p, c);
                if (is != allowed(c))
                    fail_msg("d%u p%u f%u street %u role %u %s: %s", c.department + 1, c.purpose + 1, c.field + 1,
                             c.street + 1, c.role, policy_form_name(c.form), is ? "given" : "refused");
                given += is;
            }
        }
    }
    return given;
}

TEST("54 departments for 24 purposes in 6 streets, each field in each form: 777,600 decisions as the table has them")
{
    VAULT_CLEANUP(policy_free) policy *p = load_district();
    unsigned given = 0;
    for (unsigned d = 0; d < DEPARTMENTS; d++) {
        for (unsigned purpose = 0; purpose < PURPOSES; purpose++)
            given += compare_cells(p, (cell){.department = d, .purpose = purpose, .role = (d + purpose) % (ROLES + 1)});
    }
    assert_in_range(given, 10000, 300000);
}

TEST("each department alone with each role: what another may see is not shown to it")
{
    VAULT_CLEANUP(policy_free) policy *p = load_district();
    for (unsigned d = 0; d < DEPARTMENTS; d += 9) {
        for (unsigned role = 0; role <= ROLES; role++) {
            for (unsigned purpose = 0; purpose < PURPOSES; purpose += 5)
                compare_cells(p, (cell){.department = d, .purpose = purpose, .role = role});
        }
    }
}
