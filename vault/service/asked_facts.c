/* Facts as a request names them (policy.proto), for whoever asks what the policy would say: read by the names of one
 * manifest, strictly, and told back as they were understood. */
#include "vault/service/asked_facts.h"

#include "vault/base/clock.h"

#include <string.h>

enum { TICKET_MAX = 128, SECONDS_END = 7258118 }; /* seconds, in thousands: 2200-01-01 */

typedef struct facts_reader {
    const facts_asked *by;
    const Vault__V1__Facts *in;
    asked_facts *out;
    vault_error *err;
} facts_reader;

static vault_code unknown(const facts_reader *r, const char *reason, const char *path, long index)
{
    return refuse_at(r->err, reason, path, index);
}

/* ---- what is asked ---- */

/* Index of a name, or `count`. */
static unsigned name_index(const char *(*name)(unsigned), unsigned count, const char *text)
{
    unsigned i = 0;
    while (i < count && strcmp(name(i), text) != 0) i++;
    return i;
}

static const char *action_at(unsigned i)
{
    return policy_action_name((policy_action)i);
}

static const char *form_at(unsigned i)
{
    return policy_form_name((policy_form)i);
}

static policy_form usual_form(policy_action action)
{
    static const policy_form usual[POLICY_ACTIONS] = {[POLICY_REVEAL] = FORM_PLAIN,
                                                      [POLICY_PUT] = FORM_PLAIN,
                                                      [POLICY_EXPORT] = FORM_PLAIN,
                                                      [POLICY_SEARCH] = FORM_TOKEN};
    return usual[action];
}

static vault_code read_kinds(facts_reader *r)
{
    policy_facts *f = &r->out->facts;
    unsigned action = name_index(action_at, POLICY_ACTIONS, r->in->action);
    if (action == POLICY_ACTIONS) return unknown(r, r->in->action[0] ? "UNKNOWN_NAME" : "REQUIRED", "facts.action", -1);
    f->action = (policy_action)action;
    f->form = usual_form(f->action);
    if (!r->in->form[0]) return VAULT_OK;
    unsigned form = name_index(form_at, FORMS, r->in->form);
    if (form == FORMS) return unknown(r, "UNKNOWN_NAME", "facts.form", -1);
    f->form = (policy_form)form;
    return VAULT_OK;
}

static vault_code read_asker(facts_reader *r)
{
    const manifest *m = r->by->manifest;
    const purpose *why = manifest_purpose(m, bytes_of_text(r->in->purpose));
    r->out->facts.consumer = manifest_app_named(m, r->in->consumer);
    if (r->out->facts.consumer.no == 0) {
        return unknown(r, r->in->consumer[0] ? "UNKNOWN_CONSUMER" : "REQUIRED", "facts.consumer", -1);
    }
    if (!why) return unknown(r, r->in->purpose[0] ? "UNKNOWN_PURPOSE" : "REQUIRED", "facts.purpose", -1);
    r->out->facts.purpose = why->no;
    return VAULT_OK;
}

/* Of a field, or of a predicate; 0: unknown. */
static unsigned field_number(const manifest *m, const char *name)
{
    const schema_field *f = schema_find(&m->schema, bytes_of_text(name));
    const schema_predicate *p = f ? NULL : schema_predicate_find(&m->schema, bytes_of_text(name));
    return f ? f->number : p ? p->number : 0;
}

static vault_code read_fields(facts_reader *r)
{
    field_set *fields = &r->out->facts.fields;
    if (r->in->n_fields > POLICY_FIELDS_MAX) return unknown(r, "TOO_MANY", "facts.fields", -1);
    for (size_t i = 0; i < r->in->n_fields; i++) {
        unsigned number = field_number(r->by->manifest, r->in->fields[i]);
        if (number == 0) return unknown(r, "UNKNOWN_FIELD", "facts.fields", (long)i);
        if (field_set_has(*fields, number)) return unknown(r, "DUPLICATE_FIELD", "facts.fields", (long)i);
        field_set_add(fields, number);
    }
    return VAULT_OK;
}

static vault_code read_time(facts_reader *r)
{
    const Google__Protobuf__Timestamp *at = r->in->time;
    if (at && (at->seconds < 0 || at->seconds >= INT64_C(1000) * SECONDS_END || at->nanos < 0 || at->nanos > 999999999))
        return unknown(r, "OUT_OF_RANGE", "facts.time", -1);
    r->out->time_us = at ? at->seconds * 1000000 + at->nanos / 1000 : clock_now_us();
    r->out->facts.date = clock_shanghai_date(r->out->time_us);
    r->out->facts.minute = clock_shanghai_minute(r->out->time_us);
    return VAULT_OK;
}

static vault_code read_call(facts_reader *r)
{
    policy_facts *f = &r->out->facts;
    VAULT_TRY(read_kinds(r));
    VAULT_TRY(read_asker(r));
    VAULT_TRY(read_fields(r));
    VAULT_TRY(read_time(r));
    if (strlen(r->in->ticket) > TICKET_MAX) return unknown(r, "BAD_TICKET", "facts.ticket", -1);
    if (r->in->ticket[0] && !(f->ticket = arena_text(r->by->mem, bytes_of_text(r->in->ticket))))
        return vault_fail(r->err, VAULT_EXHAUSTED, "no memory for facts");
    f->residents = r->in->residents ? r->in->residents : 1;
    f->approved = r->in->approved;
    f->break_glass = r->in->break_glass;
    return VAULT_OK;
}

/* ---- who acts ---- */

/* Of another department as of nobody: an app learns nothing of persons who cannot act through it. */
static vault_code read_registered(facts_reader *r)
{
    const person *who = manifest_person(r->by->manifest, r->in->person);
    if (!who || (r->by->department && strcmp(who->department, r->by->department) != 0))
        return unknown(r, "UNKNOWN_PERSON", "facts.person", -1);
    if (who->suspended) return unknown(r, "PERSON_SUSPENDED", "facts.person", -1); /* no call comes so far */
    if (r->in->role[0]) return unknown(r, "EXCLUDES_PERSON", "facts.role", -1);
    if (r->in->n_own_areas > 0) return unknown(r, "EXCLUDES_PERSON", "facts.own_areas", -1);
    r->out->person = who;
    r->out->facts.person = &who->acting;
    return VAULT_OK;
}

static vault_code read_own_areas(facts_reader *r, policy_person *who)
{
    size_t count = r->in->n_own_areas;
    if (count > POLICY_FIELDS_MAX) return unknown(r, "TOO_MANY", "facts.own_areas", -1);
    area_range *areas = arena_array(r->by->mem, count + 1, sizeof *areas);
    if (!areas) return vault_fail(r->err, VAULT_EXHAUSTED, "no memory for areas");
    for (size_t i = 0; i < count; i++) {
        if (!area_range_read(&areas[i], r->in->own_areas[i])) return unknown(r, "BAD_AREA", "facts.own_areas", (long)i);
    }
    if (!area_ranges_sort(areas, count)) return unknown(r, "BAD_AREA", "facts.own_areas", -1);
    who->areas = areas;
    who->area_count = count;
    return VAULT_OK;
}

/* Somebody of a role, whose contract holds. */
static vault_code read_somebody(facts_reader *r)
{
    policy_person *who = arena_alloc(r->by->mem, sizeof *who);
    if (!who) return vault_fail(r->err, VAULT_EXHAUSTED, "no memory for a person");
    who->role = manifest_role_named(r->by->manifest, r->in->role);
    who->until = UINT32_MAX;
    if (who->role.no == 0) return unknown(r, "UNKNOWN_NAME", "facts.role", -1);
    r->out->facts.person = who;
    return read_own_areas(r, who);
}

static vault_code read_person(facts_reader *r)
{
    if (r->in->person[0]) return read_registered(r);
    if (r->in->role[0]) return read_somebody(r);
    return r->in->n_own_areas ? unknown(r, "REQUIRED", "facts.role", -1) : VAULT_OK;
}

/* ---- the resident ---- */

/* 12 digits of a division, or 15 of a grid. */
static vault_code read_area(facts_reader *r, const char *text)
{
    area_range only;
    size_t len = strlen(text);
    if (len == 0) return VAULT_OK;
    if ((len != DIVISION_DIGITS && len != AREA_DIGITS) || !area_range_read(&only, text))
        return unknown(r, "BAD_AREA", "facts.resident.area", -1);
    r->out->of.area.code = only.low;
    return VAULT_OK;
}

static vault_code read_classes(facts_reader *r, uint64_t *set, char *const *names, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        int index = policy_class_named(r->by->policy, names[i]);
        if (index < 0) return unknown(r, "UNKNOWN_NAME", path, (long)i);
        uint64_t bit = UINT64_C(1) << index;
        if ((r->out->of.in | r->out->of.out) & bit) return unknown(r, "DUPLICATE_NAME", path, (long)i);
        *set |= bit;
    }
    return VAULT_OK;
}

static vault_code read_completes(facts_reader *r, const Vault__V1__ResidentFacts *in)
{
    size_t all = policy_aggregation_count(r->by->policy);
    for (size_t i = 0; i < in->n_completes; i++) {
        unsigned index = 0;
        while (index < all && strcmp(policy_aggregation_at(r->by->policy, index)->id, in->completes[i]) != 0) index++;
        if (index == all) return unknown(r, "UNKNOWN_NAME", "facts.resident.completes", (long)i);
        r->out->of.complete |= UINT64_C(1) << index;
    }
    return VAULT_OK;
}

static vault_code read_resident(facts_reader *r)
{
    const Vault__V1__ResidentFacts *in = r->in->resident;
    policy_resident *of = &r->out->of;
    if (!in) return VAULT_OK;
    r->out->about = true;
    of->consent = in->consent;
    VAULT_TRY(read_area(r, in->area));
    VAULT_TRY(read_classes(r, &of->in, in->of_classes, in->n_of_classes, "facts.resident.of_classes"));
    VAULT_TRY(read_classes(r, &of->out, in->not_of_classes, in->n_not_of_classes, "facts.resident.not_of_classes"));
    return read_completes(r, in);
}

vault_code asked_facts_read(asked_facts *out, const facts_asked *by, const Vault__V1__Facts *in, vault_error *err)
{
    facts_reader r = {.by = by, .in = in, .out = out, .err = err};
    *out = (asked_facts){0};
    if (!in) return refuse_at(err, "REQUIRED", "facts", -1);
    VAULT_TRY(read_call(&r));
    VAULT_TRY(read_person(&r));
    return read_resident(&r);
}

/* ---- told back ---- */

static vault_code tell_fields(Vault__V1__Facts *out, const facts_asked *by, field_set fields)
{
    out->fields = arena_array(by->mem, POLICY_FIELDS_MAX, sizeof *out->fields);
    if (!out->fields) return VAULT_EXHAUSTED;
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++)
        if (field_set_has(fields, n)) out->fields[out->n_fields++] = lent(manifest_field_name(by->manifest, n));
    return VAULT_OK;
}

/* Prefix of a range: the digits that all of it has. */
static char *area_prefix(arena *mem, const area_range *of)
{
    int64_t low = of->low, span = of->high - of->low + 1;
    while (span > 1) span /= 10, low /= 10;
    return arena_format(mem, "%lld", (long long)low);
}

static vault_code tell_person(Vault__V1__Facts *out, const facts_asked *by, const asked_facts *from)
{
    const policy_person *who = from->facts.person;
    if (!who) return VAULT_OK;
    out->person = lent(from->person ? from->person->id : NULL);
    out->role = lent(manifest_role_name(by->manifest, who->role));
    out->own_areas = arena_array(by->mem, who->area_count + 1, sizeof *out->own_areas);
    if (!out->own_areas) return VAULT_EXHAUSTED;
    for (size_t i = 0; i < who->area_count; i++)
        if (!(out->own_areas[out->n_own_areas++] = area_prefix(by->mem, &who->areas[i]))) return VAULT_EXHAUSTED;
    return VAULT_OK;
}

static size_t tell_classes(char **out, const policy *p, uint64_t set)
{
    size_t count = 0;
    for (unsigned i = 0; i < policy_class_count(p); i++)
        if (set >> i & 1) out[count++] = lent(policy_class_at(p, i)->id);
    return count;
}

static vault_code tell_resident(Vault__V1__Facts *out, const facts_asked *by, const policy_resident *of)
{
    Vault__V1__ResidentFacts *r = MESSAGE(by->mem, Vault__V1__ResidentFacts, vault__v1__resident_facts__init);
    char **names = arena_array(by->mem, 2 * CLASSES_MAX + AGGREGATIONS_MAX, sizeof *names);
    if (!r || !names) return VAULT_EXHAUSTED;
    if (of->area.code && !(r->area = arena_format(by->mem, "%lld", (long long)of->area.code))) return VAULT_EXHAUSTED;
    r->of_classes = names;
    r->n_of_classes = tell_classes(r->of_classes, by->policy, of->in);
    r->not_of_classes = names + CLASSES_MAX;
    r->n_not_of_classes = tell_classes(r->not_of_classes, by->policy, of->out);
    r->completes = names + 2 * CLASSES_MAX;
    for (unsigned i = 0; i < policy_aggregation_count(by->policy); i++)
        if (of->complete >> i & 1) r->completes[r->n_completes++] = lent(policy_aggregation_at(by->policy, i)->id);
    r->consent = of->consent;
    out->resident = r;
    return VAULT_OK;
}

static vault_code tell_call(Vault__V1__Facts *out, const facts_asked *by, const asked_facts *from)
{
    const policy_facts *f = &from->facts;
    const principal *app = manifest_app(by->manifest, f->consumer);
    const purpose *why = manifest_purpose_no(by->manifest, f->purpose);
    out->consumer = lent(app ? app->id : NULL);
    out->purpose = lent(why ? why->id : NULL);
    out->action = lent(policy_action_name(f->action));
    out->form = lent(policy_form_name(f->form));
    out->ticket = lent(f->ticket);
    out->residents = f->residents;
    out->approved = f->approved;
    out->break_glass = f->break_glass;
    if (!(out->time = timestamp_of(by->mem, from->time_us))) return VAULT_EXHAUSTED;
    return tell_fields(out, by, f->fields);
}

Vault__V1__Facts *asked_facts_tell(const facts_asked *by, const asked_facts *from)
{
    Vault__V1__Facts *out = MESSAGE(by->mem, Vault__V1__Facts, vault__v1__facts__init);
    if (!out || tell_call(out, by, from) != VAULT_OK || tell_person(out, by, from) != VAULT_OK) return NULL;
    return from->about && tell_resident(out, by, &from->of) != VAULT_OK ? NULL : out;
}
