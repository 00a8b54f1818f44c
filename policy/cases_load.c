/* Reading of cases: what is not known, not said or said twice is an error, as in the policy itself: a case that
 * silently asked for something else would prove nothing. */
#include "policy/cases_internal.h"
#include "policy/id.h"
#include "vault/base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CASES_BYTES = 256 << 20, KEY_MAX = 48, TITLE_MAX = 200, TICKET_MAX = 128, RESIDENTS_MAX = 1000000 };

/* A person of the file. */
typedef struct named_person {
    const char *id;
    policy_person person;
} named_person;

typedef struct case_reader {
    policy_cases *out;
    const policy *policy;
    const case_names *names;
    named_person *persons;
    size_t person_count;
    bool expects; /* a file's; those of "never" are all to be refused */
    policy_moment moment;
    case_place at;
    policy_case *to;
} case_reader;

#define refuse(r, key, ...) case_refuse(&(r)->at, (key), __VA_ARGS__)

vault_code case_refuse_at(const case_place *at, const char *where, const char *key, const char *format, ...)
{
    char text[sizeof at->err->detail], path[KEY_MAX];
    const char *id = at->id ? at->id : "";
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (at->index == CASES_LIST)
        snprintf(path, sizeof path, "%s", at->list);
    else
        snprintf(path, sizeof path, "%s[%zu]", at->list, at->index);
    (void)vault_fail_at(at->err, VAULT_INVALID, where, "%s%s%s%s: %s%s%s", path, *id ? " (" : "", id, *id ? ")" : "",
                        key, *key ? ": " : "", text);
    at->err->reason = "DOCUMENT_INVALID";
    snprintf(at->err->field, sizeof at->err->field, "%s%s%s", path, *key ? "." : "", key);
    return VAULT_INVALID;
}

/* "facts.fields[3]" */
typedef struct case_key {
    char text[KEY_MAX];
} case_key;

static case_key nth(const char *list, size_t i)
{
    case_key k;
    snprintf(k.text, sizeof k.text, "%s[%zu]", list, i);
    return k;
}

static case_key below(const char *in, const char *key)
{
    case_key k;
    snprintf(k.text, sizeof k.text, "%s.%s", in, key);
    return k;
}

static vault_code no_room(case_reader *r)
{
    return vault_fail(r->at.err, VAULT_EXHAUSTED, "no memory for cases");
}

/* The shape's own message names the key. */
static vault_code refuse_shape(case_reader *r, const char *key, const vault_error *shape)
{
    const char *text = strstr(shape->detail, ": ");
    return refuse(r, key, "%s", text ? text + 2 : shape->detail);
}

static vault_code keep_text(case_reader *r, const char **out, const char *key, const char *text, size_t most)
{
    if (!*text || strlen(text) > most) return refuse(r, key, "is not 1 to %zu bytes", most);
    *out = arena_text(r->out->mem, bytes_of_text(text));
    return *out ? VAULT_OK : no_room(r);
}

/* ---- small kinds ---- */

static bool read_minutes(uint16_t *out, const char *text)
{
    if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5) return false;
    unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    unsigned minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
    *out = (uint16_t)(hour * 60 + minute);
    return text[0] != ':' && text[1] != ':' && text[3] != ':' && text[4] != ':' && hour < 24 && minute < 60;
}

/* "2026-03-02T09:30", of Asia/Shanghai. */
static bool read_moment(policy_moment *out, const char *text)
{
    char day[11];
    if (strlen(text) != 16 || text[10] != 'T') return false;
    snprintf(day, sizeof day, "%.10s", text);
    return date_read(&out->date, day) && read_minutes(&out->minute, text + 11);
}

static vault_code read_list(case_reader *r, const char *key, json_t *list)
{
    if (!json_is_array(list)) return refuse(r, key, "not a list");
    return json_array_size(list) > 0 ? VAULT_OK : refuse(r, key, "an empty list says nothing: leave it out");
}

/* `own` are the words below "facts" for booleans; false where it is not given. */
static vault_code read_flag(case_reader *r, bool *out, const char *key, json_t *value)
{
    if (value && !json_is_boolean(value)) return refuse(r, key, "is neither true nor false");
    *out = json_is_true(value);
    return VAULT_OK;
}

/* ---- persons ---- */

static vault_code read_areas(case_reader *r, policy_person *to, const char *key, json_t *list)
{
    size_t i;
    json_t *value;
    if (!list) return VAULT_OK;
    VAULT_TRY(read_list(r, key, list));
    area_range *areas = arena_array(r->out->mem, json_array_size(list), sizeof *areas);
    if (!areas) return no_room(r);
    json_array_foreach(list, i, value)
    {
        const char *prefix = json_string_value(value);
        if (!prefix || !area_range_read(&areas[i], prefix))
            return refuse(r, nth(key, i).text, "is not 2 to %d digits of an area code", AREA_DIGITS);
    }
    if (!area_ranges_sort(areas, json_array_size(list)))
        return refuse(r, key, "one lies within another: leave the narrower one out");
    to->areas = areas;
    to->area_count = json_array_size(list);
    return VAULT_OK;
}

/* Without one it holds. */
static vault_code read_contract(case_reader *r, policy_person *to, const char *key, json_t *value)
{
    const char *from, *until;
    vault_error shape = {0};
    *to = (policy_person){.role = to->role, .areas = to->areas, .area_count = to->area_count, .until = UINT32_MAX};
    if (!value) return VAULT_OK;
    if (json_shape(value, &shape, "contract", "{s:s, s:s}", "from", &from, "until", &until) != VAULT_OK)
        return refuse_shape(r, key, &shape);
    if (!date_read(&to->from, from)) return refuse(r, below(key, "from").text, "is not a date like 2026-01-31");
    if (!date_read(&to->until, until)) return refuse(r, below(key, "until").text, "is not a date like 2026-12-31");
    return to->from <= to->until ? VAULT_OK : refuse(r, key, "ends (until) before it begins (from)");
}

static vault_code read_role(case_reader *r, policy_person *to, const char *key, const char *id)
{
    to->role = r->names->names->role(r->names->names->context, id);
    return to->role.no ? VAULT_OK : refuse(r, key, "unknown role '%.40s': register it with the principals", id);
}

static vault_code read_person(case_reader *r, named_person *to, json_t *value)
{
    const char *id, *role;
    json_t *areas = NULL, *contract = NULL;
    vault_error shape = {0};
    if (json_shape(value, &shape, "person", "{s:s, s:s, s?o, s?o}", "id", &id, "role", &role, "areas", &areas,
                   "contract", &contract) != VAULT_OK)
        return refuse_shape(r, "", &shape);
    if (!id_valid(id, "")) return refuse(r, "id", "is not 1 to %d of a-z, 0-9, -", ID_MAX);
    for (size_t i = 0; i < r->person_count; i++)
        if (strcmp(r->persons[i].id, id) == 0) return refuse(r, "id", "'%s' stands twice: rename one", id);
    VAULT_TRY(keep_text(r, &to->id, "id", id, ID_MAX));
    VAULT_TRY(read_role(r, &to->person, "role", role));
    VAULT_TRY(read_areas(r, &to->person, "areas", areas));
    return read_contract(r, &to->person, "contract", contract);
}

static vault_code read_persons(case_reader *r, json_t *list)
{
    size_t i;
    json_t *value;
    if (!list) return VAULT_OK;
    r->at.list = "persons";
    r->at.index = CASES_LIST;
    VAULT_TRY(read_list(r, "", list));
    if (!(r->persons = arena_array(r->out->mem, json_array_size(list), sizeof *r->persons))) return no_room(r);
    json_array_foreach(list, i, value)
    {
        r->at.index = i;
        VAULT_TRY(read_person(r, &r->persons[i], value));
        r->person_count++;
    }
    return VAULT_OK;
}

/* The file's own come first: a test does not change its meaning when somebody is registered. */
static vault_code find_person(case_reader *r, const char *id)
{
    const policy_names *names = r->names->names;
    for (size_t i = 0; i < r->person_count; i++)
        if (strcmp(r->persons[i].id, id) == 0) return r->to->person = &r->persons[i].person, VAULT_OK;
    if (r->names->person) r->to->person = r->names->person(names->context, id);
    return r->to->person ? VAULT_OK : refuse(r, "facts.person", "unknown person '%.40s': add it to \"persons\"", id);
}

/* "role", "areas" and "contract" in the place of "person". */
typedef struct case_actor {
    const char *person, *role;
    json_t *areas, *contract;
} case_actor;

static vault_code read_actor(case_reader *r, const case_actor *who)
{
    if (who->person && (who->role || who->areas || who->contract))
        return refuse(r, "facts.person", "stands beside a role, areas or a contract: leave one out");
    if (who->person) return find_person(r, who->person);
    if (!who->role && who->areas) return refuse(r, "facts.areas", "stands with a role only: leave it out");
    if (!who->role && who->contract) return refuse(r, "facts.contract", "stands with a role only: leave it out");
    if (!who->role) return VAULT_OK;
    policy_person *own = arena_alloc(r->out->mem, sizeof *own);
    if (!own) return no_room(r);
    VAULT_TRY(read_role(r, own, "facts.role", who->role));
    VAULT_TRY(read_areas(r, own, "facts.areas", who->areas));
    VAULT_TRY(read_contract(r, own, "facts.contract", who->contract));
    r->to->person = own;
    return VAULT_OK;
}

/* ---- what is asked for ---- */

static vault_code read_action(case_reader *r, const char *name)
{
    for (policy_action a = 0; a < POLICY_ACTIONS; a++)
        if (strcmp(policy_action_name(a), name) == 0) return r->to->facts.action = a, VAULT_OK;
    return refuse(r, "facts.action",
                  "unknown action '%.40s': reveal, issue, put, search, export, erase, consent, history or guardian",
                  name);
}

static bool find_form(policy_form *out, const char *name)
{
    for (policy_form f = 0; f < FORMS; f++)
        if (strcmp(policy_form_name(f), name) == 0) return *out = f, true;
    return false;
}

static vault_code read_form(case_reader *r, const char *name)
{
    static const policy_form otherwise[POLICY_ACTIONS] = {[POLICY_REVEAL] = FORM_PLAIN,
                                                          [POLICY_PUT] = FORM_PLAIN,
                                                          [POLICY_EXPORT] = FORM_PLAIN,
                                                          [POLICY_SEARCH] = FORM_TOKEN};
    r->to->facts.form = otherwise[r->to->facts.action];
    if (!name || find_form(&r->to->facts.form, name)) return VAULT_OK;
    return refuse(r, "facts.form", "unknown form '%.40s': plain, masked, token, predicate, count or nothing", name);
}

static vault_code read_ids(case_reader *r, const char *consumer, const char *purpose)
{
    const policy_names *names = r->names->names;
    r->to->facts.consumer = names->consumer(names->context, consumer);
    r->to->facts.purpose = names->purpose(names->context, purpose);
    if (!r->to->facts.consumer.no)
        return refuse(r, "facts.consumer", "unknown consumer '%.40s': name a registered app", consumer);
    if (r->to->facts.purpose.no) return VAULT_OK;
    return refuse(r, "facts.purpose", "unknown purpose '%.40s': name a registered one", purpose);
}

static vault_code read_field(case_reader *r, size_t i, json_t *value, unsigned *collection)
{
    case_key at = nth("facts.fields", i);
    const policy_names *names = r->names->names;
    const char *name = json_string_value(value);
    if (!name) return refuse(r, at.text, "not a text");
    policy_field f = names->field(names->context, name);
    if (f.number == 0 || f.number >= POLICY_FIELDS_MAX)
        return refuse(r, at.text, "unknown field '%.40s': write it as the schema does", name);
    if (field_set_has(r->to->facts.fields, f.number))
        return refuse(r, at.text, "'%.40s' stands twice: leave one out", name);
    if (*collection && f.collection != *collection)
        return refuse(r, at.text, "'%.40s' is of another collection: no call asks for both", name);
    *collection = f.collection;
    field_set_add(&r->to->facts.fields, f.number);
    return VAULT_OK;
}

static vault_code read_fields(case_reader *r, json_t *list)
{
    size_t i;
    json_t *value;
    unsigned collection = 0;
    if (!list) return VAULT_OK;
    VAULT_TRY(read_list(r, "facts.fields", list));
    json_array_foreach(list, i, value) VAULT_TRY(read_field(r, i, value, &collection));
    return VAULT_OK;
}

static vault_code read_residents(case_reader *r, json_t *value)
{
    json_int_t count = json_is_integer(value) ? json_integer_value(value) : 0;
    if (!value) return VAULT_OK;
    if (count < 1 || count > RESIDENTS_MAX) return refuse(r, "facts.residents", "is not 1 to %d", RESIDENTS_MAX);
    r->to->facts.residents = (uint32_t)count;
    return VAULT_OK;
}

static vault_code read_time(case_reader *r, const char *text)
{
    policy_moment at = r->moment;
    if (text && !read_moment(&at, text)) return refuse(r, "facts.time", "is not a time like 2026-03-02T09:30");
    r->to->facts.date = at.date;
    r->to->facts.minute = at.minute;
    return VAULT_OK;
}

/* ---- the resident ---- */

static vault_code read_area(case_reader *r, const char *text)
{
    area_range whole;
    size_t len = text ? strlen(text) : 0;
    if (!text) return VAULT_OK;
    if ((len != DIVISION_DIGITS && len != AREA_DIGITS) || !area_range_read(&whole, text))
        return refuse(r, "facts.resident.area", "is not an area code of %d or %d digits", DIVISION_DIGITS, AREA_DIGITS);
    r->to->of.area.code = whole.low;
    return VAULT_OK;
}

static vault_code add_class(case_reader *r, uint64_t *to, const char *key, json_t *value)
{
    const char *id = json_string_value(value);
    int index = id ? policy_class_named(r->policy, id) : -1;
    if (index < 0) return refuse(r, key, "unknown class '%.40s': the policy has none of this name", id ? id : "");
    *to |= UINT64_C(1) << index;
    return VAULT_OK;
}

static vault_code read_classes(case_reader *r, uint64_t *to, const char *key, json_t *list)
{
    size_t i;
    json_t *value;
    if (!list) return VAULT_OK;
    VAULT_TRY(read_list(r, key, list));
    json_array_foreach(list, i, value) VAULT_TRY(add_class(r, to, nth(key, i).text, value));
    return VAULT_OK;
}

static vault_code read_not_of(case_reader *r, json_t *value)
{
    policy_resident *of = &r->to->of;
    size_t count = policy_class_count(r->policy);
    const char *word = json_string_value(value);
    uint64_t all = count >= CLASSES_MAX ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    if (word && strcmp(word, "others") != 0)
        return refuse(r, "facts.resident.not_of", "is neither a list of classes nor \"others\"");
    if (word) return of->out = all & ~of->in, VAULT_OK;
    VAULT_TRY(read_classes(r, &of->out, "facts.resident.not_of", value));
    if (of->in & of->out) return refuse(r, "facts.resident.not_of", "names a class that \"of\" names, too");
    return VAULT_OK;
}

static vault_code add_aggregation(case_reader *r, const char *key, json_t *value)
{
    const char *id = json_string_value(value);
    for (unsigned i = 0; id && i < policy_aggregation_count(r->policy); i++) {
        if (strcmp(policy_aggregation_at(r->policy, i)->id, id) != 0) continue;
        r->to->of.complete |= UINT64_C(1) << i;
        return VAULT_OK;
    }
    return refuse(r, key, "unknown aggregation '%.40s': the policy has none of this name", id ? id : "");
}

static vault_code read_completes(case_reader *r, json_t *list)
{
    size_t i;
    json_t *value;
    if (!list) return VAULT_OK;
    VAULT_TRY(read_list(r, "facts.resident.completes", list));
    json_array_foreach(list, i, value) VAULT_TRY(add_aggregation(r, nth("facts.resident.completes", i).text, value));
    return VAULT_OK;
}

static vault_code read_resident(case_reader *r, json_t *value)
{
    const char *area = NULL;
    json_t *of = NULL, *not_of = NULL, *consent = NULL, *completes = NULL;
    vault_error shape = {0};
    if (!value) return VAULT_OK;
    if (json_shape(value, &shape, "resident", "{s?s, s?o, s?o, s?o, s?o}", "area", &area, "of", &of, "not_of", &not_of,
                   "consent", &consent, "completes", &completes) != VAULT_OK)
        return refuse_shape(r, "facts.resident", &shape);
    r->to->about = true;
    VAULT_TRY(read_area(r, area));
    VAULT_TRY(read_classes(r, &r->to->of.in, "facts.resident.of", of));
    VAULT_TRY(read_not_of(r, not_of));
    VAULT_TRY(read_flag(r, &r->to->of.consent, "facts.resident.consent", consent));
    return read_completes(r, completes);
}

/* ---- a case ---- */

static vault_code read_facts(case_reader *r, json_t *value)
{
    const char *consumer, *purpose, *action, *form = NULL, *time = NULL, *ticket = NULL;
    json_t *fields = NULL, *residents = NULL, *approved = NULL, *glass = NULL, *resident = NULL;
    case_actor who = {0};
    vault_error shape = {0};
    policy_facts *f = &r->to->facts;
    if (json_shape(value, &shape, "facts",
                   "{s:s, s:s, s:s, s?o, s?s, s?s, s?s, s?o, s?o, s?s, s?s, s?o, s?o, s?o, s?o}", "consumer", &consumer,
                   "purpose", &purpose, "action", &action, "fields", &fields, "form", &form, "person", &who.person,
                   "role", &who.role, "areas", &who.areas, "contract", &who.contract, "time", &time, "ticket", &ticket,
                   "residents", &residents, "approved", &approved, "break_glass", &glass, "resident",
                   &resident) != VAULT_OK)
        return refuse_shape(r, "facts", &shape);
    VAULT_TRY(read_ids(r, consumer, purpose));
    VAULT_TRY(read_action(r, action));
    VAULT_TRY(read_form(r, form));
    VAULT_TRY(read_fields(r, fields));
    VAULT_TRY(read_actor(r, &who));
    VAULT_TRY(read_time(r, time));
    if (ticket) VAULT_TRY(keep_text(r, &f->ticket, "facts.ticket", ticket, TICKET_MAX));
    VAULT_TRY(read_residents(r, residents));
    VAULT_TRY(read_flag(r, &f->approved, "facts.approved", approved));
    VAULT_TRY(read_flag(r, &f->break_glass, "facts.break_glass", glass));
    return read_resident(r, resident);
}

static bool known_rule(const policy *p, const char *id)
{
    for (unsigned i = 0; i < policy_rule_count(p); i++)
        if (strcmp(policy_rule_id(p, i), id) == 0) return true;
    return false;
}

/* What is expected, as it stands in the file. */
typedef struct case_expectation {
    const char *expect, *clause, *rule, *strongest;
} case_expectation;

static vault_code read_clause(case_reader *r, const char *name)
{
    for (policy_clause c = CLAUSE_PURPOSE; c < CLAUSES; c++) {
        if (strcmp(policy_clause_name(c), name) != 0 || c == CLAUSE_BUDGET) continue;
        return r->to->clause = c, VAULT_OK;
    }
    return refuse(r, "clause", "'%.40s' is no clause of a refusal", name);
}

static vault_code read_expectation(case_reader *r, const case_expectation *e)
{
    if (strcmp(e->expect, "allowed") != 0 && strcmp(e->expect, "refused") != 0)
        return refuse(r, "expect", "is neither \"allowed\" nor \"refused\"");
    r->to->allowed = strcmp(e->expect, "allowed") == 0;
    if (e->clause && r->to->allowed) return refuse(r, "clause", "stands with a refusal only: leave it out");
    if (e->rule && !r->to->allowed) return refuse(r, "rule", "stands with what is allowed only: leave it out");
    if (e->clause) VAULT_TRY(read_clause(r, e->clause));
    if (e->rule && !known_rule(r->policy, e->rule)) return refuse(r, "rule", "the policy has no rule '%.40s'", e->rule);
    if (e->rule) VAULT_TRY(keep_text(r, &r->to->rule, "rule", e->rule, ID_MAX));
    r->to->graded = e->strongest != NULL;
    const unsigned graded = 1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN | 1U << FORM_NOTHING;
    if (!e->strongest || (find_form(&r->to->strongest, e->strongest) && (graded >> r->to->strongest & 1)))
        return VAULT_OK;
    return refuse(r, "strongest", "is not plain, masked, token or nothing");
}

static vault_code read_case(case_reader *r, json_t *value)
{
    static const char file[] = "{s:s, s?s, s:o, s?s, s?s, s?s, s:s}", never[] = "{s:s, s?s, s:o}";
    const char *id, *title = NULL;
    case_expectation e = {.expect = "refused"};
    json_t *facts;
    vault_error shape = {0};
    r->at.id = NULL;
    if (json_shape(value, &shape, "case", r->expects ? file : never, "id", &id, "title", &title, "facts", &facts,
                   "clause", &e.clause, "rule", &e.rule, "strongest", &e.strongest, "expect", &e.expect) != VAULT_OK)
        return refuse_shape(r, "", &shape);
    if (!id_valid(id, "")) return refuse(r, "id", "is not 1 to %d of a-z, 0-9, -", ID_MAX);
    VAULT_TRY(keep_text(r, &r->to->id, "id", id, ID_MAX));
    r->at.id = r->to->id;
    if (title) VAULT_TRY(keep_text(r, &r->to->title, "title", title, TITLE_MAX));
    VAULT_TRY(read_facts(r, facts));
    r->to->facts.person = r->to->person;
    return read_expectation(r, &e);
}

static vault_code check_ids(case_reader *r)
{
    const policy_cases *c = r->out;
    const char *first, *second, **ids = arena_array(c->mem, c->count + 1, sizeof *ids);
    if (!ids) return no_room(r);
    for (size_t i = 0; i < c->count; i++) ids[i] = c->at[i].id;
    if (!ids_look_alike(ids, c->count, &first, &second)) return VAULT_OK;
    for (size_t i = 0; i < c->count; i++)
        if (ids[i] == second) r->at.index = i;
    r->at.id = second;
    return refuse(r, "id", "looks like '%s': no two cases may be taken for each other", first);
}

static vault_code read_cases(case_reader *r, const char *name, json_t *list)
{
    size_t i, count = json_array_size(list);
    json_t *value;
    r->at = (case_place){.list = name, .index = CASES_LIST, .err = r->at.err};
    VAULT_TRY(read_list(r, "", list));
    if (count > CASES_MAX) return refuse(r, "", "there are more than %d cases", CASES_MAX);
    if (!(r->out->at = arena_array(r->out->mem, count, sizeof *r->out->at))) return no_room(r);
    json_array_foreach(list, i, value)
    {
        r->to = &r->out->at[i];
        r->at.index = i;
        VAULT_TRY(read_case(r, value));
        r->out->count++;
    }
    return check_ids(r);
}

/* ---- the whole ---- */

static policy_cases *cases_new(void)
{
    arena *mem = arena_new(CASES_BYTES);
    policy_cases *c = mem ? arena_alloc(mem, sizeof *c) : NULL;
    if (!c) arena_free(&mem);
    if (c) c->mem = mem;
    return c;
}

void policy_cases_free(policy_cases **c)
{
    arena *mem = *c ? (*c)->mem : NULL;
    *c = NULL;
    arena_free(&mem);
}

static vault_code read_file(case_reader *r, json_t *file)
{
    const char *time = NULL;
    json_t *persons = NULL, *cases;
    vault_error *err = r->at.err, shape = {0};
    if (json_shape(file, &shape, "cases", "{s?s, s?o, s:o}", "time", &time, "persons", &persons, "cases", &cases) !=
        VAULT_OK) {
        (void)vault_fail(err, VAULT_INVALID, "%s", shape.detail);
        return err->reason = "DOCUMENT_INVALID", VAULT_INVALID;
    }
    if (time && !read_moment(&r->moment, time)) {
        (void)vault_fail(err, VAULT_INVALID, "time: is not a time like 2026-03-02T09:30");
        snprintf(err->field, sizeof err->field, "time");
        return err->reason = "DOCUMENT_INVALID", VAULT_INVALID;
    }
    VAULT_TRY(read_persons(r, persons));
    return read_cases(r, "cases", cases);
}

vault_code policy_cases_load(policy_cases **out, const policy *p, json_t *file, const case_names *names,
                             vault_error *err)
{
    *out = NULL;
    VAULT_CLEANUP(policy_cases_free) policy_cases *c = cases_new();
    if (!c) return vault_fail(err, VAULT_EXHAUSTED, "no memory for cases");
    case_reader r = {.out = c, .policy = p, .names = names, .expects = true, .at.err = err};
    VAULT_TRY(read_file(&r, file));
    *out = c;
    c = NULL;
    return VAULT_OK;
}

vault_code policy_never_load(policy_cases **out, const policy *p, json_t *list, const case_names *names,
                             vault_error *err)
{
    *out = NULL;
    VAULT_CLEANUP(policy_cases_free) policy_cases *c = cases_new();
    if (!c) return vault_fail(err, VAULT_EXHAUSTED, "no memory for cases");
    case_reader r = {.out = c, .policy = p, .names = names, .at.err = err};
    VAULT_TRY(read_cases(&r, "policy.never", list));
    *out = c;
    c = NULL;
    return VAULT_OK;
}

size_t policy_case_count(const policy_cases *c)
{
    return c->count;
}

const policy_case *policy_case_at(const policy_cases *c, size_t i)
{
    return i < c->count ? &c->at[i] : NULL;
}
