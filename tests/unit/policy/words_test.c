/* What explanations say to people: sentences, in two languages, with nothing left to fill in. */
#include "policy/words.h"

#include "tests/unit/policy/small.h"

static const char *say_field(const void *context, unsigned number, language in)
{
    static const char *const names[LANGUAGES][5] = {{"", "name", "phone", "income", "address"},
                                                    {"", "姓名", "联系方式", "个人年收入", "住址"}};
    (void)context;
    return number < 5 ? names[in][number] : "other";
}

static const char *say_role(const void *context, role_no no, language in)
{
    static const char *const names[LANGUAGES][4] = {{"none", "grid-worker", "clerk", "nurse"},
                                                    {"无", "网格员", "窗口人员", "护士"}};
    (void)context;
    return no.no < 4 ? names[in][no.no] : "";
}

static const char *say_purpose(const void *context, purpose_no no, language in)
{
    (void)context, (void)no;
    return in == CHINESE ? "居家探访" : "elder-care/home-visit";
}

static const char *say_consumer(const void *context, consumer_no no, language in)
{
    (void)context, (void)no, (void)in;
    return "eldercare";
}

static const policy_labels labels = {
    .field = say_field, .role = say_role, .purpose = say_purpose, .consumer = say_consumer};

static arena *mem;

static field_set only(unsigned number)
{
    field_set out = {0};
    field_set_add(&out, number);
    return out;
}

/* One rule: name and phone in plain, by grid workers, on workdays from 8:30 to 17:30 and on Saturday mornings. */
static policy *one_rule(void)
{
    policy *p = small_new(1);
    p->rules[0] = (policy_rule){.purpose = {1},
                                .consumer = {1},
                                .action = POLICY_REVEAL,
                                .form = FORM_PLAIN,
                                .fields = {{1 << 1 | 1 << 2}},
                                .person = true,
                                .roles = 1,
                                .from = 20260101,
                                .until = 20261231,
                                .assessed_until = 20261231,
                                .first_area = 4,
                                .area_count = 1,
                                .level = 4,
                                .week = 1,
                                .pattern_count = 1,
                                .approval_above = 3,
                                .only = 1,
                                .except = 2,
                                .sharing_until = UINT32_MAX};
    memset(p->weeks[0].minutes, 0, sizeof p->weeks[0].minutes);
    for (unsigned day = 0; day < 6; day++)
        for (unsigned i = 510; i < (day < 5 ? 1050 : 720); i++)
            p->weeks[0].minutes[(day * 1440 + i) / 64] |= UINT64_C(1) << (day * 1440 + i) % 64;
    snprintf(p->ids[0], sizeof p->ids[0], "visit");
    policy_compile(p);
    return p;
}

/* Monday 2026-03-02, 10:00. */
static policy_facts good_call(const policy_person *who)
{
    return (policy_facts){.action = POLICY_REVEAL,
                          .consumer = {1},
                          .purpose = {1},
                          .fields = {{1 << 1}},
                          .form = FORM_PLAIN,
                          .person = who,
                          .date = 20260302,
                          .minute = 600,
                          .ticket = "OA-0001",
                          .residents = 1};
}
static const policy_person worker = {.role = {1}, .from = 20260101, .until = 20261231};

typedef struct expected {
    policy_clause clause;
    const char *english, *chinese;
} expected;

static void expect_words(const policy *p, const policy_facts *facts, const policy_explanation *e, expected of)
{
    const policy_telling what = {.policy = p, .facts = facts, .explanation = e, .labels = &labels};
    policy_words words;
    vault_error err = {0};
    expect_ok(policy_say(&words, mem, &what, &e->clauses[0], &err), &err);
    assert_string_equal(words.clause, policy_clause_name(of.clause));
    assert_string_equal(words.text[ENGLISH], of.english);
    assert_string_equal(words.text[CHINESE], of.chinese);
}

/* What is said first of this call. */
static void says(const policy_facts *facts, expected of)
{
    policy *p = one_rule();
    mem = arena_new(1 << 20);
    policy_explanation e = policy_explain(p, facts, NULL);
    assert_false(e.allowed);
    assert_int_equal(e.clauses[0].clause, of.clause);
    expect_words(p, facts, &e, of);
    arena_free(&mem);
    policy_free(&p);
}

TEST("a contract that has ended is said with its last day")
{
    const policy_person ended = {.role = {1}, .from = 20250101, .until = 20260228};
    policy_facts facts = good_call(&ended);
    says(&facts, (expected){CLAUSE_CONTRACT, "your contract ended 2026-02-28", "您的合同已于 2026-02-28 到期"});
    const policy_person early = {.role = {1}, .from = 20260303, .until = 20261231};
    facts = good_call(&early);
    says(&facts, (expected){CLAUSE_CONTRACT, "your contract begins 2026-03-03", "您的合同自 2026-03-03 起才生效"});
}

TEST("a field that a purpose does not include is said by name")
{
    policy_facts facts = good_call(&worker);
    field_set_add(&facts.fields, 3);
    says(&facts, (expected){CLAUSE_FIELDS, "elder-care/home-visit does not include income",
                            "用途“居家探访”不包括：个人年收入"});
    facts.fields = (field_set){0};
    says(&facts, (expected){CLAUSE_FIELDS, "no field is asked for", "没有申请任何字段"});
}

TEST("roles, hours, tickets and approvals are said with what would do")
{
    const policy_person clerk = {.role = {2}, .from = 20260101, .until = 20261231};
    policy_facts facts = good_call(&clerk);
    says(&facts, (expected){CLAUSE_ROLE, "the role clerk may not do this: grid-worker may",
                            "角色“窗口人员”无权操作，有权的角色：网格员"});
    facts = good_call(NULL);
    says(&facts, (expected){CLAUSE_ACTING, "a person must act: grid-worker", "必须由具体人员操作：网格员"});
    facts = good_call(&worker);
    facts.minute = 1100;
    says(&facts,
         (expected){CLAUSE_HOURS, "not at this hour: the rule visit counts Mon-Fri 08:30-17:30, Sat 08:30-12:00",
                    "此时段不允许，规则“visit”的时段：周一至周五 08:30-17:30、周六 08:30-12:00"});
    facts = good_call(&worker);
    facts.ticket = "what";
    says(&facts, (expected){CLAUSE_TICKET, "the ticket does not fit: OA-####", "工单号不符合要求，应形如：OA-####"});
    facts = good_call(&worker);
    facts.residents = 4;
    says(&facts,
         (expected){CLAUSE_APPROVAL, "more than 3 residents at once need an approval", "一次超过 3 名居民须先经批准"});
}

TEST("what is said names the other forms that are possible")
{
    policy *p = one_rule();
    mem = arena_new(1 << 20);
    policy_facts facts = good_call(&worker);
    policy_explanation e = {.rule = 0, .count = 1, .forms = 1U << FORM_MASKED};
    e.clauses[0] = (policy_failing){.clause = CLAUSE_FIELDS, .fields = only(3)};
    expect_words(p, &facts, &e,
                 (expected){CLAUSE_FIELDS, "elder-care/home-visit does not include income; masked is possible",
                            "用途“居家探访”不包括：个人年收入；可以改用：脱敏"});
    e.clauses[0] = (policy_failing){.clause = CLAUSE_FORM, .forms = 1U << FORM_MASKED | 1U << FORM_TOKEN};
    expect_words(p, &facts, &e,
                 (expected){CLAUSE_FORM, "not in the form plain: token, masked would do",
                            "不能以“明文”形式提供，可以改用：替代值、脱敏"});
    arena_free(&mem);
    policy_free(&p);
}

static void check_text(const char *text, policy_clause clause)
{
    if (!text[0] || strpbrk(text, "{}") || strstr(text, "  ") || strstr(text, "“”") || text[strlen(text) - 1] == ' ')
        fail_msg("%s: '%s'", policy_clause_name(clause), text);
    for (bytes rest = bytes_of_text(text); rest.len > 0;) {
        size_t step = utf8_sequence(rest);
        if (step == 0) fail_msg("%s is no UTF-8: '%s'", policy_clause_name(clause), text);
        rest = bytes_of(rest.at + step, rest.len - step);
    }
}

/* With nothing known, and with everything. */
static void say_each(const policy *p, policy_clause clause, uint16_t rule, uint32_t day)
{
    policy_facts facts = good_call(day % 2 ? &worker : NULL);
    facts.break_glass = day % 2;
    policy_explanation e = {.rule = rule, .count = 1, .forms = day % 2 ? (1U << FORMS) - 1 : 0};
    e.clauses[0] = (policy_failing){.clause = clause,
                                    .from = day,
                                    .until = day,
                                    .classes = day & 3,
                                    .roles = day & 7,
                                    .forms = day % 64,
                                    .index = 3};
    if (rule == NO_RULE) e.clauses[0].from = e.clauses[0].until = 0;
    if (day % 2) e.clauses[0].fields = (field_set){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    const policy_telling what = {.policy = p, .facts = &facts, .explanation = &e, .labels = &labels};
    policy_words words;
    vault_error err = {0};
    expect_ok(policy_say(&words, mem, &what, &e.clauses[0], &err), &err);
    check_text(words.text[ENGLISH], clause);
    check_text(words.text[CHINESE], clause);
}

TEST("every clause has its sentences, whatever is known of it")
{
    static const uint32_t days[] = {0, 20250101, 20260102, 20990101};
    policy *p = one_rule();
    mem = arena_new(1 << 24);
    for (policy_clause clause = CLAUSE_PURPOSE; clause < CLAUSES; clause++)
        for (size_t i = 0; i < sizeof days / sizeof *days; i++)
            for (uint16_t rule = 0; rule < 2; rule++) say_each(p, clause, rule ? NO_RULE : 0, days[i]);
    arena_free(&mem);
    policy_free(&p);
}
