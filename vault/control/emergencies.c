/* Break-glass: opened by an app for its acting person, known to every node with the next version of the manifest, and
 * reviewed by an officer. What was not reviewed in time suspends its person by the manifest alone: no job has to run,
 * and no row can be edited for it. */
#include "vault/control/staged.h"

#include <stdio.h>
#include <string.h>

static const int64_t HOUR_US = INT64_C(3600) * 1000 * 1000;

/* ---- at rest ---- */

static json_t *one_json(const emergency *e)
{
    return json_pack("{s:s, s:I, s:I, s:b, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "consumer", e->consumer,
                     "due", (json_int_t)e->due_us, "ends", (json_int_t)e->ends_us, "justified", e->justified, "name",
                     e->name, "note", e->note, "opened", (json_int_t)e->opened_us, "person", e->person, "purpose",
                     e->purpose, "reason", e->reason, "residents", (json_int_t)e->residents, "reviewed",
                     (json_int_t)e->reviewed_us, "reviewer", e->reviewer, "rule", e->rule);
}

json_t *emergencies_json(const manifest_core *core)
{
    json_t *list = json_array();
    for (size_t i = 0; i < core->emergency_count; i++) {
        if (json_array_append_new(list, one_json(&core->emergencies[i])) == 0) continue;
        json_decref(list); /* a text is no UTF-8 */
        return NULL;
    }
    return list;
}

static bool read_one(emergency *out, json_t *value)
{
    const char *name;
    json_int_t due, ends, opened, residents, reviewed;
    int justified;
    if (json_unpack_ex(
            value, NULL, JSON_STRICT, "{s:s, s:I, s:I, s:b, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:s, s:s}",
            "consumer", &out->consumer, "due", &due, "ends", &ends, "justified", &justified, "name", &name, "note",
            &out->note, "opened", &opened, "person", &out->person, "purpose", &out->purpose, "reason", &out->reason,
            "residents", &residents, "reviewed", &reviewed, "reviewer", &out->reviewer, "rule", &out->rule) != 0)
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    out->due_us = due;
    out->ends_us = ends;
    out->opened_us = opened;
    out->residents = (uint32_t)residents;
    out->reviewed_us = reviewed;
    out->justified = justified;
    return strlen(name) == EMERGENCY_NAME_LEN && residents >= 1 && residents <= UINT32_MAX;
}

bool emergencies_read(manifest_core *core, json_t *list)
{
    size_t i;
    json_t *value;
    if (!json_is_array(list) || json_array_size(list) > EMERGENCIES_MAX) return false;
    json_array_foreach(list, i, value)
    {
        if (!read_one(&core->emergencies[i], value)) return false;
    }
    core->emergency_count = json_array_size(list);
    return true;
}

/* ---- asking ---- */

size_t manifest_emergencies(const manifest *m, const emergency **out)
{
    *out = body_of(m)->core.emergencies;
    return body_of(m)->core.emergency_count;
}

static emergency *find(const manifest_core *core, const char *name)
{
    for (size_t i = 0; i < core->emergency_count; i++)
        if (strcmp(core->emergencies[i].name, name) == 0) return (emergency *)(uintptr_t)&core->emergencies[i];
    return NULL;
}

const emergency *manifest_emergency(const manifest *m, const char *name)
{
    return find(&body_of(m)->core, name);
}

static bool waits(const emergency *e)
{
    return e->reviewed_us == 0;
}

bool emergency_open(const emergency *e, int64_t now_us)
{
    return waits(e) && now_us < e->ends_us;
}

const char *emergency_state(const emergency *e, int64_t now_us)
{
    if (!waits(e)) return e->justified ? "justified" : "unjustified";
    if (now_us >= e->due_us) return "overdue";
    return emergency_open(e, now_us) ? "open" : "ended";
}

static const emergency *find_overdue(const manifest_core *core, const char *who, int64_t now_us)
{
    for (size_t i = 0; i < core->emergency_count; i++) {
        const emergency *e = &core->emergencies[i];
        if (waits(e) && now_us >= e->due_us && strcmp(e->person, who) == 0) return e;
    }
    return NULL;
}

const emergency *manifest_overdue(const manifest *m, const char *who, int64_t now_us)
{
    return find_overdue(&body_of(m)->core, who, now_us);
}

/* ---- opening ---- */

/* Whoever opens one after the other gets no farther by it than a few: each waits for an officer. */
static vault_code check_opening(const draft *d)
{
    const glass_opening *o = d->what->opening;
    unsigned of_app = 0, of_person = 0;
    if (find_overdue(&d->core, o->person, d->what->now_us))
        return vault_refuse(d->err, VAULT_PRECONDITION, "REVIEW_OVERDUE", "");
    for (size_t i = 0; i < d->core.emergency_count; i++) {
        const emergency *e = &d->core.emergencies[i];
        bool same = strcmp(e->person, o->person) == 0;
        if (same && emergency_open(e, d->what->now_us) && strcmp(e->purpose, o->purpose) == 0)
            return vault_refuse(d->err, VAULT_PRECONDITION, "ALREADY_OPEN", "");
        of_person += same && waits(e);
        of_app += strcmp(e->consumer, d->what->who->id) == 0 && waits(e);
    }
    if (of_person < EMERGENCIES_OF_PERSON && of_app < EMERGENCIES_OF_APP) return VAULT_OK;
    return vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_OPEN", "");
}

/* The oldest one that was reviewed goes: the history of the manifest keeps it. */
static vault_code make_room(draft *d)
{
    manifest_core *core = &d->core;
    size_t i = 0;
    if (core->emergency_count < EMERGENCIES_MAX) return VAULT_OK;
    while (i < core->emergency_count && waits(&core->emergencies[i])) i++;
    if (i == core->emergency_count) return vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_OPEN", "");
    memmove(&core->emergencies[i], &core->emergencies[i + 1],
            (core->emergency_count - i - 1) * sizeof core->emergencies[0]);
    core->emergency_count--;
    return VAULT_OK;
}

static vault_code open_one(draft *d)
{
    const change *what = d->what;
    const glass_opening *o = what->opening;
    uint8_t random[16];
    char hex[2 * sizeof random + 1];
    VAULT_TRY(draft_must_be(d, ROLE_APP));
    VAULT_TRY(check_opening(d));
    VAULT_TRY(make_room(d));
    VAULT_TRY(entropy_fill(random, sizeof random, d->err));
    hex_encode(hex, bytes_of(random, sizeof random));
    emergency *e = &d->core.emergencies[d->core.emergency_count++];
    *e = (emergency){.consumer = what->who->id,
                     .person = o->person,
                     .purpose = o->purpose,
                     .rule = o->rule,
                     .reason = o->reason,
                     .opened_us = what->now_us,
                     .ends_us = what->now_us + (int64_t)o->hours * HOUR_US,
                     .due_us = what->now_us + (int64_t)o->review_hours * HOUR_US,
                     .residents = o->residents,
                     .reviewer = "",
                     .note = ""};
    snprintf(e->name, sizeof e->name, "emergencies/%s", hex);
    d->core.record.emergency = e->name;
    return VAULT_OK;
}

/* ---- review ---- */

/* Who is gone, or is suspended already, needs no suspension. */
static vault_code suspend(draft *d, const char *who)
{
    const person *found = manifest_person(&d->base->m, who);
    return !found || found->suspended ? VAULT_OK : draft_suspend(d, who);
}

static vault_code review(draft *d)
{
    const change *what = d->what;
    VAULT_TRY(draft_must_be(d, ROLE_OFFICER));
    emergency *e = what->emergency ? find(&d->core, what->emergency) : NULL;
    if (!e) return vault_refuse(d->err, VAULT_NOT_FOUND, "EMERGENCY_UNKNOWN", "name");
    d->core.record.emergency = e->name;
    if (!waits(e)) return vault_refuse(d->err, VAULT_PRECONDITION, "ALREADY_REVIEWED", "name");
    e->reviewer = what->who->id;
    e->note = what->note;
    e->reviewed_us = what->now_us;
    e->justified = what->justified;
    return e->justified ? VAULT_OK : suspend(d, e->person);
}

vault_code emergencies_apply(draft *d)
{
    return d->what->kind == CHANGE_OPEN ? open_one(d) : review(d);
}
