/* The district of deploy/dev: its documents are good, its policy does what its own file of cases says, and every rule
 * and every prohibition of it is met by a case. */
#define DOCUMENTS_FROM "deploy/dev"
#include "policy/compare.h"
#include "tests/unit/control/fixture.h"
#include "vault/control/trial.h"

static const policy_moment monday = {.date = 20260302, .minute = 570};

static manifest_body *district(void)
{
    documents d = dev_documents();
    return build_of(&d);
}

static policy_cases *its_cases(const manifest_body *b)
{
    char path[600], *text;
    size_t len;
    document_fault f = {0};
    policy_cases *cases;
    snprintf(path, sizeof path, "%s/policy_cases.json", dev_folder());
    expect_ok(file_read(&text, &len, path, 1 << 20, &err), &err);
    expect_ok(control_cases(&cases, &f, &b->m, bytes_of(text, len), &err), &err);
    if (!cases) fail_msg("%u:%u: %s: %s", f.line, f.column, f.path, f.text);
    memory_free(text, len);
    return cases;
}

TEST("the district has 54 departments, twenty purposes and more, and roles of street, community and grid")
{
    static const char *const roles[] = {"grid-worker", "grid-leader", "community-worker", "street-clerk"};
    manifest_body *b = district();
    assert_int_equal(b->department_count, 54);
    assert_true(b->purpose_count >= 20);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        assert_int_not_equal(manifest_role_named(&b->m, roles[i]).no, 0);
    manifest_free(&b);
}

TEST("every case of the district's file comes out as it says")
{
    manifest_body *b = district();
    policy_cases *cases = its_cases(b);
    unsigned failed = 0;
    for (size_t i = 0; i < policy_case_count(cases); i++) {
        const policy_case *c = policy_case_at(cases, i);
        const case_outcome o = policy_case_run(b->m.policy, c, monday);
        if (o.passed) continue;
        failed++;
        print_message("# %s: %s, %s\n", c->id, o.allowed ? "allowed" : policy_clause_name(o.clause),
                      policy_rule_id(b->m.policy, o.rule));
    }
    assert_int_equal(failed, 0);
    policy_cases_free(&cases);
    manifest_free(&b);
}

/* Prohibitions that no rule of today meets: they keep rules of tomorrow out. */
static const struct {
    const char *id, *rule;
} guards[] = {
#define RULE(consumer, purpose, action, field, role)                                                                   \
    "{\"id\": \"tomorrow\", \"action\": \"" action "\", \"consumer\": \"" consumer "\", \"purpose\": \"" purpose       \
    "\", \"fields\": [\"" field                                                                                        \
    "\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"person\", \"roles\": [\"" role                   \
    "\"], \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2027-12-31\"}}"
    {"no-beliefs-in-services", RULE("grid", "grid-service", "reveal", "religion", "grid-worker")},
    {"aids-stays-with-doctors", RULE("clinic", "family-doctor", "reveal", "aids_route", "doctor")},
    {"no-files-at-work", RULE("jobs", "employment", "reveal", "released_crime", "job-adviser")},
    {"no-numbers-on-the-street", RULE("desk-sanjing", "street-service", "reveal", "id_number", "street-clerk")},
    {"no-export-of-files", RULE("population", "population-register", "export", "drug_found", "police")},
};
enum { GUARDS = sizeof guards / sizeof *guards };

static bool is_guard(const char *prohibition)
{
    for (size_t i = 0; i < GUARDS; i++)
        if (strcmp(guards[i].id, prohibition) == 0) return true;
    return false;
}

TEST("a rule that one of the district's prohibitions always meets is not taken")
{
    for (size_t i = 0; i < GUARDS; i++) {
        documents d = dev_documents();
        char path[32];
        snprintf(path, sizeof path, "policy.rules[%zu]", json_array_size(json_object_get(d.of[DOC_POLICY], "rules")));
        add(&d, DOC_POLICY, "rules", guards[i].rule);
        refused(&d, path, guards[i].id);
    }
}

TEST("every rule of the district is met by a case of its file, and every prohibition that any rule meets")
{
    manifest_body *b = district();
    policy_cases *cases = its_cases(b);
    arena *mem = arena_new(1 << 20);
    case_coverage all;
    expect_ok(policy_coverage(&all, mem, b->m.policy, cases, monday, &err), &err);
    for (size_t i = 0; i < all.uncovered_count; i++)
        if (!is_guard(all.uncovered[i])) fail_msg("%s is met by no case", all.uncovered[i]);
    assert_int_equal(all.uncovered_count, GUARDS);
    arena_free(&mem);
    policy_cases_free(&cases);
    manifest_free(&b);
}

/* Rules that are as wide as their purpose: of the register, and of the visits. */
static bool wide_on_purpose(const char *rule)
{
    static const char *const rules[] = {"eldercare-reveal", "population-check", "population-export",
                                        "population-floating"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i], rule) == 0) return true;
    return false;
}

TEST("the district has no rule that is shadowed, expired or met by nobody, and few whose fields lie open")
{
    manifest_body *b = district();
    arena *mem = arena_new(1 << 20);
    lint_list found;
    const lint_ask ask = {.today = monday.date, .roles = manifest_roles_held(&b->m, monday.date)};
    expect_ok(policy_lint(&found, mem, b->m.policy, &ask, &err), &err);
    for (size_t i = 0; i < found.count; i++) {
        const lint_finding *f = &found.at[i];
        if (f->kind == LINT_CONFLICT) continue; /* what prohibitions are for */
        if (f->kind == LINT_OVER_WIDE && wide_on_purpose(f->rule)) continue;
        fail_msg("%s: %s %s: %s", lint_kind_name(f->kind), f->rule, f->other, f->text);
    }
    arena_free(&mem);
    manifest_free(&b);
}
