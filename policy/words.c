/* What an explanation says to people. Each clause has its sentences in the table below; what stands in braces is filled
 * in by the functions behind it. */
#include "policy/words.h"

#include "policy/internal.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 2048, LIST_MAX = 240, NAMES_MAX = POLICY_FIELDS_MAX };

typedef struct wording {
    const char *in[LANGUAGES];
} wording;

/* By clause, and by what is said of it (variant_of). */
static const wording wordings[CLAUSES][4] = {
    [CLAUSE_PURPOSE] = {{{"no rule is for the purpose {purpose}", "没有任何规则允许用途“{purpose}”"}},
                        {{"this purpose is not registered", "该用途未登记"}}},
    [CLAUSE_CONSUMER] = {{{"{consumer} has no rule for the purpose {purpose}",
                           "应用“{consumer}”在用途“{purpose}”下没有任何许可"}}},
    [CLAUSE_ACTION] = {{{"{consumer} has no rule to {action} for the purpose {purpose}",
                         "应用“{consumer}”不得为用途“{purpose}”{action}"}}},
    [CLAUSE_FIELDS] = {{{"{purpose} does not include {fields}", "用途“{purpose}”不包括：{fields}"}},
                       {{"no field is asked for", "没有申请任何字段"}},
                       {{"not all of these fields are included", "包含不允许的字段"}}},
    [CLAUSE_FORM] = {{{"not in the form {form}: {forms} would do", "不能以“{form}”形式提供，可以改用：{forms}"}},
                     {{"not in this form", "不能以此形式提供"}}},
    [CLAUSE_ACTING] = {{{"a person must act: {roles}", "必须由具体人员操作：{roles}"}},
                       {{"a person must act", "必须由具体人员操作"}}},
    [CLAUSE_ROLE] = {{{"the role {role} may not do this: {roles} may", "角色“{role}”无权操作，有权的角色：{roles}"}},
                     {{"this account may not call this method", "此账号无权调用该方法"}}},
    [CLAUSE_CONTRACT] = {{{"your contract ended {until}", "您的合同已于 {until} 到期"}},
                         {{"your contract begins {from}", "您的合同自 {from} 起才生效"}},
                         {{"your contract does not hold", "您的合同不在有效期内"}}},
    [CLAUSE_DATES] = {{{"the rule {rule} ended {until}", "规则“{rule}”已于 {until} 失效"}},
                      {{"the rule {rule} begins {from}", "规则“{rule}”自 {from} 起才生效"}},
                      {{"no rule holds on this day", "当日没有生效的规则"}}},
    [CLAUSE_ASSESSMENT] = {{{"the impact assessment of {purpose} ended {until}",
                             "用途“{purpose}”的影响评估已于 {until} 到期"}},
                           {{"{purpose} has no impact assessment", "用途“{purpose}”没有影响评估"}}},
    [CLAUSE_SHARING] =
        {{{"the sharing basis of the rule {rule} ended {until}", "规则“{rule}”的共享依据已于 {until} 到期"}},
         {{"the sharing basis of the rule {rule} begins {from}", "规则“{rule}”的共享依据自 {from} 起才生效"}},
         {{"no sharing basis is in force for this", "没有生效的共享依据"}}},
    [CLAUSE_HOURS] = {{{"not at this hour: the rule {rule} counts {hours}",
                        "此时段不允许，规则“{rule}”的时段：{hours}"}},
                      {{"not at this hour", "此时段不允许"}}},
    [CLAUSE_TICKET] = {{{"the ticket does not fit: {patterns}", "工单号不符合要求，应形如：{patterns}"}},
                       {{"the ticket does not fit", "工单号不符合要求"}}},
    [CLAUSE_APPROVAL] = {{{"more than {limit} residents at once need an approval",
                           "一次超过 {limit} 名居民须先经批准"}},
                         {{"so many residents at once need an approval", "一次查询这么多居民须先经批准"}}},
    [CLAUSE_BREAK_GLASS] = {{{"an opened break-glass is needed", "须先启动紧急访问"}},
                            {{"a break-glass does not allow this: call without it",
                              "紧急访问不允许此操作，请不要在紧急访问下调用"}}},
    [CLAUSE_PROHIBITED] = {{{"the prohibition {prohibition} forbids {fields}", "禁令“{prohibition}”禁止：{fields}"}},
                           {{"the prohibition {prohibition} forbids this", "禁令“{prohibition}”禁止此操作"}},
                           {{"a prohibition forbids this", "有禁令禁止此操作"}}},
    [CLAUSE_RESIDENT] = {{{"there is no such resident, or none whom you may ask for",
                           "没有这名居民，或您无权查询这名居民"}}},
    [CLAUSE_AREA] = {{{"the resident is not in an area of the rule {rule}", "居民不在规则“{rule}”的区域内"}},
                     {{"the resident is not in an area of the rule {rule}, or not in one of the person's own",
                       "居民不在规则“{rule}”的区域内，或不在操作人员自己的区域内"}},
                     {{"the resident is not in one of the areas", "居民不在允许的区域内"}}},
    [CLAUSE_CLASS] = {{{"the resident is not known to be of {only}", "不能确认居民属于：{only}"}},
                      {{"the resident is not known not to be of {except}", "不能确认居民不属于：{except}"}},
                      {{"the resident is not known to be of {only}, and not of {except}",
                        "不能确认居民属于：{only}，且不属于：{except}"}},
                      {{"this is not for residents of this class", "不适用于这类居民"}}},
    [CLAUSE_CONSENT] = {{{"the resident has given no consent for {purpose}, or has withdrawn it",
                          "居民未同意用途“{purpose}”，或已撤回同意"}}},
    [CLAUSE_AGGREGATION] = {{{"{fields} would complete {aggregation}, which is graded above the rule {rule}",
                              "{fields} 将与已查看的内容构成“{aggregation}”，其级别高于规则“{rule}”"}},
                            {{"together with what was seen before this is graded too high",
                              "与已查看的内容合并后级别过高"}}},
    [CLAUSE_FORBIDDEN] = {{{"the prohibition {prohibition} forbids {fields} of this resident",
                            "禁令“{prohibition}”禁止提供这名居民的：{fields}"}},
                          {{"the prohibition {prohibition} forbids this for this resident",
                            "禁令“{prohibition}”禁止对这名居民进行此操作"}},
                          {{"a prohibition forbids this for this resident", "有禁令禁止对这名居民进行此操作"}}},
    [CLAUSE_BUDGET] = {{{"the budget {budget} is spent for this {period}", "额度“{budget}”在本{period}内已用完"}},
                       {{"a budget is spent", "额度已用完"}}},
};
static const wording possible = {{"; {possible} is possible", "；可以改用：{possible}"}};

/* ---- a text that is being written ---- */

typedef struct sentence {
    const policy_telling *what;
    const policy_failing *clause;
    const policy_rule *rule; /* NULL: none */
    language in;
    size_t len;
    char at[TEXT_MAX];
} sentence;

static void add(sentence *s, const char *text)
{
    size_t len = strlen(text);
    if (s->len + len >= sizeof s->at) return; /* no half character */
    memcpy(s->at + s->len, text, len + 1);
    s->len += len;
}

/* An entry of a list that began at `begin`: what is too much is not told. */
static void add_entry(sentence *s, size_t begin, const char *text)
{
    if (s->len - begin > LIST_MAX) return;
    if (s->len > begin) add(s, s->in == CHINESE ? "、" : ", ");
    add(s, text);
    if (s->len - begin > LIST_MAX) add(s, "…");
}

static void day_text(char out[16], uint32_t day)
{
    if (day == 0 || day > 99991231)
        out[0] = '\0';
    else
        snprintf(out, 16, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
}

static void add_day(sentence *s, uint32_t day)
{
    char text[16];
    day_text(text, day);
    add(s, text);
}

static void add_bits(sentence *s, uint64_t bits, const char *(*name)(const sentence *s, unsigned bit))
{
    size_t begin = s->len;
    for (; bits != 0; bits &= bits - 1) add_entry(s, begin, name(s, (unsigned)__builtin_ctzll(bits)));
}

/* ---- names ---- */

static const char *form_label(const sentence *s, unsigned form)
{
    static const char *const chinese[FORMS] = {
        [FORM_NOTHING] = "不提供", [FORM_COUNT] = "计数",  [FORM_PREDICATE] = "是非判断",
        [FORM_TOKEN] = "替代值",   [FORM_MASKED] = "脱敏", [FORM_PLAIN] = "明文"};
    return form < FORMS && s->in == CHINESE ? chinese[form] : policy_form_name((policy_form)form);
}

static const char *role_label(const sentence *s, unsigned bit)
{
    const policy_labels *l = s->what->labels;
    return l->role(l->context, (role_no){(uint16_t)(bit + 1)}, s->in);
}

static const char *class_label(const sentence *s, unsigned bit)
{
    const policy_class *c = policy_class_at(s->what->policy, bit);
    return c ? c->id : "";
}

static const char *const days[LANGUAGES][7] = {{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"},
                                               {"周一", "周二", "周三", "周四", "周五", "周六", "周日"}};

static bool counts_at(const week *w, unsigned minute)
{
    return (w->minutes[minute / 64] >> minute % 64 & 1) != 0;
}

static bool same_day(const week *w, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < 1440; i++)
        if (counts_at(w, a * 1440 + i) != counts_at(w, b * 1440 + i)) return false;
    return true;
}

/* " 08:30-12:00 13:30-17:30" */
static void add_hours_of(sentence *s, const week *w, unsigned day)
{
    char text[32];
    for (unsigned i = 0, end; i < 1440; i = end) {
        for (end = i; end < 1440 && counts_at(w, day * 1440 + end) == counts_at(w, day * 1440 + i);) end++;
        if (!counts_at(w, day * 1440 + i)) continue;
        snprintf(text, sizeof text, " %02u:%02u-%02u:%02u", i / 60, i % 60, end / 60, end % 60);
        add(s, text);
    }
}

/* ---- what stands in braces ---- */

static void add_purpose(sentence *s)
{
    const policy_labels *l = s->what->labels;
    add(s, l->purpose(l->context, s->what->facts->purpose, s->in));
}

static void add_consumer(sentence *s)
{
    const policy_labels *l = s->what->labels;
    add(s, l->consumer(l->context, s->what->facts->consumer, s->in));
}

static void add_action(sentence *s)
{
    static const wording actions[POLICY_ACTIONS] = {
        [POLICY_REVEAL] = {{"reveal", "查看"}},
        [POLICY_ISSUE] = {{"issue tokens", "签发令牌"}},
        [POLICY_PUT] = {{"put records", "写入"}},
        [POLICY_SEARCH] = {{"search", "检索"}},
        [POLICY_EXPORT] = {{"export", "导出"}},
        [POLICY_ERASE] = {{"erase", "删除"}},
        [POLICY_CONSENT] = {{"record consents", "登记同意"}},
        [POLICY_HISTORY] = {{"tell who has seen the record", "告知查看记录"}},
        [POLICY_GUARDIAN] = {{"record guardians", "登记监护人"}},
    };
    if ((unsigned)s->what->facts->action < POLICY_ACTIONS) add(s, actions[s->what->facts->action].in[s->in]);
}

static void add_fields(sentence *s)
{
    const policy_labels *l = s->what->labels;
    size_t begin = s->len;
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++)
        if (field_set_has(s->clause->fields, n)) add_entry(s, begin, l->field(l->context, n, s->in));
}

static void add_form(sentence *s)
{
    add(s, form_label(s, s->what->facts->form));
}

static void add_forms(sentence *s)
{
    add_bits(s, s->clause->forms, form_label);
}

static void add_possible(sentence *s)
{
    add_bits(s, s->what->explanation->forms, form_label);
}

static void add_role(sentence *s)
{
    const policy_person *who = s->what->facts->person;
    const policy_labels *l = s->what->labels;
    add(s, l->role(l->context, who ? who->role : (role_no){0}, s->in));
}

static void add_roles(sentence *s)
{
    add_bits(s, s->clause->roles, role_label);
}

static void add_from(sentence *s)
{
    add_day(s, s->clause->from);
}

static void add_until(sentence *s)
{
    add_day(s, s->clause->until);
}

static void add_rule(sentence *s)
{
    if (s->rule) add(s, rule_id(s->what->policy, s->rule));
}

static void add_limit(sentence *s)
{
    char text[16];
    snprintf(text, sizeof text, "%u", s->clause->limit);
    add(s, text);
}

static void add_patterns(sentence *s)
{
    size_t begin = s->len;
    for (unsigned i = 0; s->rule && i < s->rule->pattern_count; i++)
        add_entry(s, begin, s->what->policy->patterns[s->rule->first_pattern + i]);
}

/* Days of the same hours together: "Mon-Fri 08:30-17:30, Sat 08:30-12:00". */
static void add_hours(sentence *s)
{
    const policy *p = s->what->policy;
    size_t begin = s->len;
    if (!s->rule || s->rule->week == 0 || s->rule->week > p->week_count) return;
    const week *w = &p->weeks[s->rule->week - 1];
    for (unsigned day = 0, last; day < 7; day = last + 1) {
        char text[32];
        for (last = day; last < 6 && same_day(w, day, last + 1);) last++;
        sentence hours = {.what = s->what, .in = s->in};
        add_hours_of(&hours, w, day);
        if (hours.len == 0) continue;
        snprintf(text, sizeof text, "%s%s%s", days[s->in][day], last > day ? (s->in == CHINESE ? "至" : "-") : "",
                 last > day ? days[s->in][last] : "");
        add_entry(s, begin, text);
        add(s, hours.at);
    }
}

static void add_only(sentence *s)
{
    add_bits(s, s->rule ? s->clause->classes & s->rule->only : s->clause->classes, class_label);
}

static void add_except(sentence *s)
{
    add_bits(s, s->rule ? s->clause->classes & s->rule->except : 0, class_label);
}

static void add_prohibition(sentence *s)
{
    add(s, policy_prohibition_id(s->what->policy, s->clause->index));
}

static void add_aggregation(sentence *s)
{
    const policy_aggregation *a = policy_aggregation_at(s->what->policy, s->clause->index);
    if (a) add(s, a->id);
}

static void add_budget(sentence *s)
{
    const policy_budget *b = policy_budget_at(s->what->policy, s->clause->index);
    if (b) add(s, b->id);
}

static void add_period(sentence *s)
{
    static const char *const chinese[PERIODS] = {"小时", "日", "周", "月", "年"};
    const policy_budget *b = policy_budget_at(s->what->policy, s->clause->index);
    if (b) add(s, s->in == CHINESE ? chinese[b->period] : policy_period_name(b->period));
}

static const struct blank {
    const char *name;
    void (*fill)(sentence *s);
} blanks[] = {
    {"purpose", add_purpose},
    {"consumer", add_consumer},
    {"action", add_action},
    {"fields", add_fields},
    {"form", add_form},
    {"forms", add_forms},
    {"possible", add_possible},
    {"role", add_role},
    {"roles", add_roles},
    {"from", add_from},
    {"until", add_until},
    {"rule", add_rule},
    {"limit", add_limit},
    {"patterns", add_patterns},
    {"hours", add_hours},
    {"only", add_only},
    {"except", add_except},
    {"prohibition", add_prohibition},
    {"aggregation", add_aggregation},
    {"budget", add_budget},
    {"period", add_period},
};

static void fill_blank(sentence *s, const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (strlen(blanks[i].name) == len && memcmp(blanks[i].name, name, len) == 0) blanks[i].fill(s);
}

static void write_out(sentence *s, const wording *w)
{
    char piece[256];
    for (const char *at = w->in [s->in]; *at;) {
        size_t len = strcspn(at, "{");
        snprintf(piece, sizeof piece, "%.*s", (int)len, at);
        add(s, piece);
        at += len;
        if (!*at) return;
        len = strcspn(++at, "}");
        fill_blank(s, at, len);
        at += len + 1;
    }
}

/* ---- a clause ---- */

static bool no_fields(const policy_failing *f)
{
    return field_set_within(f->fields, (field_set){0});
}

static bool undated(const policy_failing *f)
{
    return f->from == 0 && f->until == 0;
}

static unsigned of_prohibition(const policy_telling *what, const policy_failing *f)
{
    return f->index >= what->policy->prohibition_count ? 2 : no_fields(f);
}

/* By what of the residents the rule wants: both; nothing that is known here. */
static unsigned of_classes(const policy_rule *r, uint64_t classes)
{
    bool only = r && (classes & r->only) != 0, except = r && (classes & r->except) != 0;
    return only && except ? 2 : only ? 0 : except ? 1 : 3;
}

/* Nothing is known but the clause. */
static bool bare(const policy_telling *what, const policy_rule *r, const policy_failing *f)
{
    switch (f->clause) {
    case CLAUSE_FORM:
        return f->forms == 0;
    case CLAUSE_ACTING:
    case CLAUSE_ROLE:
        return f->roles == 0;
    case CLAUSE_HOURS:
        return !r || r->week == 0;
    case CLAUSE_TICKET:
        return !r || r->pattern_count == 0;
    case CLAUSE_APPROVAL:
        return f->limit == 0;
    case CLAUSE_AGGREGATION:
        return !r || !policy_aggregation_at(what->policy, f->index);
    case CLAUSE_BUDGET:
        return !policy_budget_at(what->policy, f->index);
    default:
        return false;
    }
}

/* Which of its sentences. */
static unsigned variant_of(const policy_telling *what, const policy_rule *r, const policy_failing *f)
{
    const policy_facts *facts = what->facts;
    switch (f->clause) {
    case CLAUSE_PURPOSE:
        return facts->purpose.no == 0;
    case CLAUSE_FIELDS:
        return !no_fields(f) ? 0 : r ? 1 : 2;
    case CLAUSE_CONTRACT:
    case CLAUSE_DATES:
    case CLAUSE_SHARING:
        return undated(f) ? 2 : facts->date < f->from;
    case CLAUSE_ASSESSMENT:
        return f->until == 0;
    case CLAUSE_BREAK_GLASS:
        return facts->break_glass;
    case CLAUSE_PROHIBITED:
    case CLAUSE_FORBIDDEN:
        return of_prohibition(what, f);
    case CLAUSE_AREA:
        return !r ? 2 : r->own_area;
    case CLAUSE_CLASS:
        return of_classes(r, f->classes);
    default:
        return bare(what, r, f);
    }
}

/* Other forms are told once, and where the form is not what fails. */
static bool tells_forms(const policy_telling *what, const policy_failing *f)
{
    const policy_explanation *e = what->explanation;
    for (unsigned i = 0; i < e->count; i++)
        if (e->clauses[i].clause == CLAUSE_FORM) return false;
    return !e->allowed && e->forms != 0 && e->count > 0 && f == &e->clauses[0];
}

static const char *say_in(arena *mem, const policy_telling *what, const policy_failing *f, language in)
{
    const policy *p = what->policy;
    sentence s = {.what = what, .clause = f, .in = in};
    if (what->explanation->rule < p->count) s.rule = &p->rules[what->explanation->rule];
    const wording *w = &wordings[f->clause][variant_of(what, s.rule, f)];
    if (w->in[in]) write_out(&s, w);
    if (tells_forms(what, f)) write_out(&s, &possible);
    return arena_text(mem, bytes_of(s.at, s.len));
}

unsigned policy_form_names(const char *out[FORMS], unsigned forms)
{
    unsigned count = 0;
    for (policy_form form = 0; form < FORMS; form++)
        if (forms >> form & 1) out[count++] = policy_form_name(form);
    return count;
}

static void name(policy_words *out, const char *id)
{
    if (out->name_count < NAMES_MAX) out->names[out->name_count++] = id;
}

static void name_bits(policy_words *out, const sentence *s, uint64_t bits,
                      const char *(*label)(const sentence *s, unsigned bit))
{
    for (; bits != 0; bits &= bits - 1) name(out, label(s, (unsigned)__builtin_ctzll(bits)));
}

static void name_patterns(policy_words *out, const sentence *s)
{
    if (s->clause->clause != CLAUSE_TICKET || !s->rule) return;
    for (unsigned i = 0; i < s->rule->pattern_count; i++)
        name(out, s->what->policy->patterns[s->rule->first_pattern + i]);
}

static void name_index(policy_words *out, const policy *p, const policy_failing *f)
{
    const policy_aggregation *a = policy_aggregation_at(p, f->index);
    const policy_budget *b = policy_budget_at(p, f->index);
    if (f->clause == CLAUSE_PROHIBITED || f->clause == CLAUSE_FORBIDDEN) name(out, policy_prohibition_id(p, f->index));
    if (f->clause == CLAUSE_AGGREGATION && a) name(out, a->id);
    if (f->clause == CLAUSE_BUDGET && b) name(out, b->id);
}

static void name_all(policy_words *out, const policy_telling *what, const policy_failing *f)
{
    const policy_labels *l = what->labels;
    sentence s = {.what = what, .clause = f, .in = ENGLISH};
    if (what->explanation->rule < what->policy->count) s.rule = &what->policy->rules[what->explanation->rule];
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++)
        if (field_set_has(f->fields, n)) out->fields[out->field_count++] = l->field(l->context, n, ENGLISH);
    name_bits(out, &s, f->forms, form_label);
    name_bits(out, &s, f->roles, role_label);
    name_bits(out, &s, f->classes, class_label);
    name_patterns(out, &s);
    name_index(out, what->policy, f);
}

vault_code policy_say(policy_words *out, arena *mem, const policy_telling *what, const policy_failing *clause,
                      vault_error *err)
{
    *out = (policy_words){.clause = policy_clause_name(clause->clause),
                          .fields = arena_array(mem, POLICY_FIELDS_MAX, sizeof *out->fields),
                          .names = arena_array(mem, NAMES_MAX, sizeof *out->names),
                          .limit = clause->limit};
    if (!out->fields || !out->names) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
    day_text(out->from, clause->from);
    day_text(out->until, clause->until);
    name_all(out, what, clause);
    for (language in = 0; in < LANGUAGES; in++)
        if (!(out->text[in] = say_in(mem, what, clause, in)))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for an explanation");
    return VAULT_OK;
}
