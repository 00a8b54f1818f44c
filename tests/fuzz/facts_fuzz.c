/* Any facts to one policy that says all that a policy can: calls, persons, residents, and admissions that nobody
 * earned. What lies within the ranges is answered as the naive reading does; what does not is refused. */
#include "tests/unit/policy/explained.h"
#include "vault/base/bytes.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALID "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}"
static const char text[] =
    "{\"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14},"
    "               {\"id\": \"in-care\", \"field\": \"f2\", \"test\": \"known\"}],"
    " \"aggregations\": [{\"id\": \"sum\", \"fields\": [\"f1\", \"f3\"], \"level\": 5, \"per\": \"person\", \"days\": "
    "30}],"
    " \"rules\": [{\"id\": \"plain\", \"action\": \"reveal\", \"consumer\": [\"c1\", \"c2\"], \"purpose\": \"p1\", "
    "\"below\": true,"
    "   \"fields\": [\"f1\", \"f2\", \"f3\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"app\","
    "   \"residents\": {\"except\": [\"child\"]}, " VALID "},"
    "  {\"id\": \"worker\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [\"f1\", "
    "\"f4\"],"
    "   \"form\": \"masked\", \"areas\": [\"32\"], \"acting\": \"person\", \"roles\": [\"r1\", \"r3\"], \"own_area\": "
    "true,"
    "   \"hours\": [{\"days\": [\"fri\", \"sun\"], \"from\": \"22:00\", \"until\": \"06:00\"}],"
    "   \"ticket\": [\"T-##*\", \"*?-open\"], \"approval_above\": 3, \"consent\": true, " VALID "},"
    "  {\"id\": \"glass\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [\"f1\", "
    "\"f4\"],"
    "   \"form\": \"plain\", \"areas\": [\"32\"], \"acting\": \"person\", \"roles\": [\"r2\"], \"level\": 5,"
    "   \"break_glass\": {\"hours\": 2, \"residents\": 5, \"review_hours\": 24}, " VALID "},"
    "  {\"id\": \"find\", \"action\": \"search\", \"consumer\": \"c2\", \"purpose\": \"p2\", \"fields\": [\"f5\", "
    "\"f6\"],"
    "   \"form\": \"token\", \"areas\": [\"320411002\", \"33\"], \"acting\": \"app\", \"sharing\": \"b22\", " VALID "},"
    "  {\"id\": \"issue\", \"action\": \"issue\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [\"f7\"],"
    "   \"form\": \"nothing\", \"areas\": [\"32\"], \"acting\": \"app\", " VALID "}],"
    " \"prohibitions\": [{\"id\": \"no\", \"consumers\": [\"c2\"], \"purposes\": [\"p1\"], \"roles\": \"any\","
    "   \"fields\": [\"f2\"], \"forms\": [\"plain\"], \"areas\": \"any\"},"
    "  {\"id\": \"not-here\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": \"any\", \"fields\": [\"f3\", "
    "\"f7\"],"
    "   \"forms\": \"any\", \"areas\": [\"320411003\"], \"classes\": [\"in-care\"]}],"
    " \"budgets\": [{\"id\": \"day\", \"per\": \"person\", \"consumers\": \"any\", \"purposes\": [\"p1\"], \"roles\": "
    "[\"r1\"],"
    "   \"fields\": \"any\", \"period\": \"day\", \"residents\": 9},"
    "  {\"id\": \"all\", \"per\": \"purpose\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": \"any\","
    "   \"fields\": [\"f1\"], \"period\": \"week\", \"values\": 9}]}";

static struct {
    json_t *document;
    policy *policy;
} fixed;

static void start(void)
{
    vault_error err = {0};
    if (fixed.policy) return;
    fixed.document = json_loads(text, 0, NULL);
    if (!fixed.document || policy_load(&fixed.policy, fixed.document, &naive_names, &err) != VAULT_OK) {
        fprintf(stderr, "facts_fuzz: %s\n", err.detail);
        abort();
    }
}

/* What the input is cut into; past its end all is 0. */
typedef struct cutter {
    const uint8_t *at;
    size_t left;
} cutter;

static uint64_t take(cutter *c, size_t len)
{
    uint64_t out = 0;
    for (; len > 0; len--) {
        out = out << 8 | (c->left > 0 ? *c->at : 0);
        if (c->left > 0) c->at++, c->left--;
    }
    return out;
}

typedef struct asked {
    policy_facts facts;
    policy_person who;
    policy_resident of;
    char ticket[64];
} asked;

static const area_range own[] = {{320411002001000, 320411002001999}, {330000000000000, 339999999999999}};

static void take_person(asked *out, cutter *c)
{
    uint8_t kind = (uint8_t)take(c, 1);
    out->who = (policy_person){.role = {(uint16_t)take(c, kind & 4 ? 2 : 1)},
                               .from = kind & 8 ? (uint32_t)take(c, 4) : 0,
                               .until = kind & 16 ? (uint32_t)take(c, 4) : UINT32_MAX,
                               .areas = own,
                               .area_count = kind & 3};
    if (out->who.area_count > 2) out->who.area_count = 2;
    out->facts.person = kind & 32 ? NULL : &out->who;
}

static void take_fields(asked *out, cutter *c)
{
    uint64_t low = take(c, 2);
    out->facts.fields.words[0] = low & 0x1fff; /* field 0, which there is not, among them */
    if (low & 0x8000) out->facts.fields.words[3] = take(c, 8);
}

static uint32_t take_date(cutter *c)
{
    uint8_t kind = (uint8_t)take(c, 1);
    return kind & 128 ? (uint32_t)take(c, 4) : 20260101U + kind % 4U * 100 + kind % 28U;
}

static void take_asked(asked *out, cutter *c)
{
    *out = (asked){0};
    out->facts.action = (policy_action)take(c, 1);
    out->facts.form = (policy_form)take(c, 1);
    out->facts.consumer.no = (uint16_t)take(c, 1);
    out->facts.purpose.no = (uint16_t)take(c, 1);
    take_fields(out, c);
    take_person(out, c);
    out->facts.date = take_date(c);
    out->facts.minute = (uint16_t)take(c, 2);
    uint8_t flags = (uint8_t)take(c, 1);
    out->facts.residents = flags & 1 ? (uint32_t)take(c, 4) : flags >> 5;
    out->facts.approved = flags & 2, out->facts.break_glass = flags & 4;
    out->of = (policy_resident){.area = {(int64_t)take(c, 7)}, .in = take(c, 1), .out = take(c, 1)};
    out->of.complete = take(c, 1), out->of.consent = flags & 8;
    size_t len = c->left < sizeof out->ticket - 1 ? c->left : sizeof out->ticket - 1;
    if (len > 0) memcpy(out->ticket, c->at, len);
    out->facts.ticket = flags & 16 ? NULL : out->ticket;
}

static bool is_day(uint32_t date)
{
    char day[16];
    uint32_t back;
    snprintf(day, sizeof day, "%04u-%02u-%02u", date / 10000 % 10000, date / 100 % 100, date % 100);
    return date_read(&back, day) && back == date;
}

static void compare(const asked *a, grant g)
{
    const policy_facts *f = &a->facts;
    bool kinds = (unsigned)f->action < POLICY_ACTIONS && (unsigned)f->form < FORMS;
    if (!kinds && g.given) abort();
    if (!kinds || !is_day(f->date) || f->minute >= 1440) return;
    naive_answer n = naive_decide(fixed.document, f, &a->of);
    if (g.failed != n.failed || g.inner != n.inner || g.given != (n.failed == CLAUSE_NONE)) abort();
    if (g.given && strcmp(policy_rule_id(fixed.policy, g.rule), n.rule) != 0) abort();
    explained_as_naive(fixed.policy, &(explained){.document = fixed.document, .facts = *f, .of = a->of});
}

/* An admission of whatever the input says. */
static void forge(cutter c, const asked *a, grant earned)
{
    admission forged = {.count = (unsigned)take(&c, 4)};
    for (unsigned i = 0; i < ADMISSION_RULES; i++) forged.rules[i] = (uint16_t)take(&c, 1);
    if (policy_decide(fixed.policy, &forged, &a->facts, a->of).given && !earned.given) abort();
}

static void ask_the_rest(const asked *a)
{
    (void)policy_explain(fixed.policy, &a->facts, &a->of);
    (void)policy_explain(fixed.policy, &a->facts, NULL);
    uint16_t budgets[BUDGETS_PER_CALL];
    const policy_facts *f = &a->facts;
    unsigned count = policy_budgets(fixed.policy, f, budgets);
    if (count > policy_budget_count(fixed.policy) || (count == 2 && budgets[0] >= budgets[1])) abort();
    policy_form strongest = policy_strongest(fixed.policy, f, UINT32_MAX, &a->of);
    policy_form admitted = policy_strongest(fixed.policy, f, UINT32_MAX, NULL);
    if (strongest > admitted) abort();
    for (policy_period p = 0; p < PERIODS; p++) {
        policy_span span = policy_period_of(p, f->date, f->minute);
        if (is_day(f->date) && (span.begun / 100 > f->date || span.last_day < f->date)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    asked a;
    cutter c = {.at = data, .left = size};
    start();
    take_asked(&a, &c);
    admission earned = policy_admit(fixed.policy, &a.facts);
    grant g = policy_decide(fixed.policy, &earned, &a.facts, a.of);
    compare(&a, g);
    forge(c, &a, g);
    ask_the_rest(&a);
    return 0;
}
