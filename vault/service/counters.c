#include "vault/service/counters.h"

#include "vault/base/clock.h"
#include "vault/service/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, PAD = 64, SIGHT_LEN = 2 + 2 * 8 * FIELD_WORDS + 4 };
static const char PERS_LETTERS[] = {[PER_PERSON] = 'p', [PER_CONSUMER] = 'c', [PER_PURPOSE] = 'u', [PERS] = 'e'};

/* ---- names ---- */

counter_name counter_name_for(const call *c, policy_per per)
{
    if (per == PER_PERSON && !c->person) per = PER_CONSUMER;
    const char *subject = per == PER_PERSON ? c->person->id : per == PER_CONSUMER ? c->caller->id : c->purpose->id;
    return (counter_name){.per = per, .subject = subject};
}

vault_code counter_id(session *s, const counter_name *name, uint8_t out[COUNT_ID_LEN], vault_error *err)
{
    uint8_t fixed[8];
    writer w = writer_over(fixed, sizeof fixed);
    put_u8(&w, (uint8_t)name->kind);
    put_u8(&w, (uint8_t)name->per);
    put_u32(&w, name->begun);
    const bytes parts[] = {bytes_of_text("counter"), writer_bytes(&w), bytes_of_text(name->id),
                           bytes_of_text(name->subject)};
    return cabinet_count_id(s->cabinet, out, parts, 4, err);
}

vault_code sight_id(session *s, const uint8_t by[COUNT_ID_LEN], int64_t resident, uint8_t out[COUNT_ID_LEN],
                    vault_error *err)
{
    uint8_t number[8];
    store_u64(number, (uint64_t)resident);
    const bytes parts[] = {bytes_of_text("sight"), bytes_of(by, COUNT_ID_LEN), bytes_of(number, sizeof number)};
    return cabinet_count_id(s->cabinet, out, parts, 3, err);
}

/* ---- counters ---- */

/* Padded, so that its length tells little of whose it is. */
vault_code counter_seal(session *s, const counter *c, count_row *inout, vault_error *err)
{
    size_t room = 32 + strlen(c->name.id) + strlen(c->name.subject) + PAD;
    uint8_t *at = arena_alloc(s->mem, room);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a counter");
    writer w = writer_over(at, room);
    put_u8(&w, FORMAT);
    put_u8(&w, (uint8_t)c->name.kind);
    put_u8(&w, (uint8_t)c->name.per);
    put_u32(&w, c->name.begun);
    put_u64(&w, c->residents);
    put_u64(&w, c->values);
    put_u8(&w, c->told);
    put_sized(&w, bytes_of_text(c->name.id));
    put_sized(&w, bytes_of_text(c->name.subject));
    while (w.len % PAD) put_u8(&w, 0);
    if (w.overflow) return vault_fail(err, VAULT_INTERNAL, "a counter's name is too long");
    return cabinet_seal_count(s->cabinet, &inout->sealed, inout->id, writer_bytes(&w), err);
}

vault_code counter_open(session *s, counter *out, const count_row *row, vault_error *err)
{
    bytes plain;
    *out = (counter){.name = {.id = "", .subject = ""}};
    VAULT_TRY(cabinet_open_count(s->cabinet, &plain, row->id, row->sealed, err));
    reader r = reader_over(plain);
    bool good = get_u8(&r) == FORMAT;
    out->name.kind = (count_kind)get_u8(&r);
    out->name.per = (policy_per)get_u8(&r);
    out->name.begun = get_u32(&r);
    out->residents = get_u64(&r);
    out->values = get_u64(&r);
    out->told = get_u8(&r) != 0;
    bytes id = get_sized(&r), subject = get_sized(&r);
    if (!good || r.short_) return vault_fail(err, VAULT_INTEGRITY, "a counter is not as it is written");
    out->name.id = arena_text(s->mem, id);
    out->name.subject = arena_text(s->mem, subject);
    bool room = out->name.id && out->name.subject;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for a counter");
}

/* ---- sights ---- */

vault_code sight_seal(session *s, const sight *of, count_row *inout, vault_error *err)
{
    uint8_t plain[SIGHT_LEN];
    writer w = writer_over(plain, sizeof plain);
    put_u16(&w, FORMAT);
    for (size_t i = 0; i < FIELD_WORDS; i++) put_u64(&w, of->fields.words[i]);
    for (size_t i = 0; i < FIELD_WORDS; i++) put_u64(&w, of->plain.words[i]);
    put_u32(&w, of->day);
    return cabinet_seal_count(s->cabinet, &inout->sealed, inout->id, writer_bytes(&w), err);
}

vault_code sight_open(session *s, sight *out, const count_row *row, vault_error *err)
{
    bytes plain;
    *out = (sight){0};
    if (!row->found) return VAULT_OK;
    VAULT_TRY(cabinet_open_count(s->cabinet, &plain, row->id, row->sealed, err));
    reader r = reader_over(plain);
    bool good = get_u16(&r) == FORMAT;
    for (size_t i = 0; i < FIELD_WORDS; i++) out->fields.words[i] = get_u64(&r);
    for (size_t i = 0; i < FIELD_WORDS; i++) out->plain.words[i] = get_u64(&r);
    out->day = get_u32(&r);
    return good && reader_done(&r) ? VAULT_OK : vault_fail(err, VAULT_INTEGRITY, "a sight is not as it is written");
}

/* ---- lists of ids ---- */

vault_code id_list_make(id_list *out, arena *mem, size_t most, vault_error *err)
{
    size_t slots = 8;
    while (slots < 2 * most) slots *= 2;
    *out = (id_list){.mask = slots - 1};
    out->rows = arena_array(mem, most + 1, sizeof *out->rows);
    out->slots = arena_array(mem, slots, sizeof *out->slots);
    return out->rows && out->slots ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for counters");
}

size_t id_list_put(id_list *l, const uint8_t id[COUNT_ID_LEN], bool *fresh)
{
    size_t slot = load_u64(id) & l->mask;
    while (l->slots[slot] && memcmp(l->rows[l->slots[slot] - 1].id, id, COUNT_ID_LEN) != 0) slot = (slot + 1) & l->mask;
    *fresh = l->slots[slot] == 0;
    if (!*fresh) return l->slots[slot] - 1;
    memcpy(l->rows[l->count].id, id, COUNT_ID_LEN);
    l->slots[slot] = (uint32_t)++l->count;
    return l->count - 1;
}

/* ---- days ---- */

int64_t hour_begun_us(uint32_t hour)
{
    char text[32];
    snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:00:00+08:00", hour / 1000000 % 10000, hour / 10000 % 100,
             hour / 100 % 100, hour % 100);
    return clock_parse(text);
}

int64_t day_begun_us(uint32_t day)
{
    return hour_begun_us(day * 100);
}

unsigned field_set_count(field_set s)
{
    unsigned n = 0;
    for (size_t i = 0; i < FIELD_WORDS; i++) n += (unsigned)__builtin_popcountll(s.words[i]);
    return n;
}

/* ---- items ---- */

static bool action_of(const item *it, policy_action *out)
{
    const call *c = it->call;
    switch (it->action ? it->action : c->action) {
    case LINE_REVEAL:
    case LINE_TEST:
    case LINE_RESTORE:
    case LINE_REDEEM: /* of a voucher: a handover grants nothing */
        *out = POLICY_REVEAL;
        return true;
    case LINE_EXPORT:
        *out = POLICY_EXPORT;
        return true;
    case LINE_ISSUE: /* no budget counts it, but the residents of a break-glass are so many, whatever is done */
        *out = POLICY_ISSUE;
        return c->emergency != NULL;
    case LINE_SEARCH: /* not the search itself, nor whom it compares with */
        *out = POLICY_SEARCH;
        return !it->nobody && it->index > c->search->like_count;
    default:
        return false;
    }
}

bool item_counted(const item *it, policy_facts *facts)
{
    policy_action action;
    bool granted = it->err.code == VAULT_OK && it->grant.given && it->grant.rule != NO_RULE && it->record.genuine;
    if (!granted || !action_of(it, &action)) return false;
    *facts = call_asks(it->call, action, it->grant.form, it->grant.fields);
    return true;
}

/* What names its own rules (an export) or its own resident (a voucher) is tried out one by one. */
bool item_like_counted(const item *it, policy_facts *facts)
{
    const call *c = it->call;
    bool finds = it->nobody && it->err.code == VAULT_OK && c->action == LINE_SEARCH && c->facts.form == FORM_TOKEN;
    bool asks = c->action == LINE_REVEAL || c->action == LINE_TEST || c->action == LINE_RESTORE ||
                (c->action == LINE_ISSUE && c->emergency);
    bool nowhere = it->err.code == VAULT_DENIED && it->grant.failed == CLAUSE_RESIDENT && !it->nobody;
    if (c->admission.failed != CLAUSE_NONE || !(finds || (asks && nowhere))) return false;
    *facts = c->facts;
    return true;
}

/* ---- in a line ---- */

vault_code counters_write(char **out, arena *mem, const counter_name *names, size_t count, vault_error *err)
{
    size_t room = 1, at = 0;
    for (size_t i = 0; i < count; i++) room += strlen(names[i].id) + sizeof ":p:2026112200,";
    char *text = arena_alloc(mem, room);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no memory for the names of counters");
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%s:%c:%u", i ? "," : "", names[i].id,
                               PERS_LETTERS[names[i].per], names[i].begun);
    *out = text;
    return VAULT_OK;
}

static bool per_of(policy_per *out, char letter)
{
    for (policy_per p = 0; p <= PERS; p++)
        if (PERS_LETTERS[p] == letter) return *out = p, true;
    return false;
}

bool counters_next(const char **inout, counter_name *out, char id[COUNTER_ID_ROOM])
{
    const char *at = *inout;
    size_t len = strcspn(at, ":");
    char *end = NULL;
    *out = (counter_name){.kind = COUNT_BUDGET, .id = id, .subject = ""};
    if (len == 0 || len >= COUNTER_ID_ROOM || at[len] != ':' || !per_of(&out->per, at[len + 1])) return false;
    if (at[len + 2] != ':') return false;
    memcpy(id, at, len);
    id[len] = '\0';
    unsigned long begun = strtoul(at + len + 3, &end, 10);
    if (end == at + len + 3 || begun > UINT32_MAX || (*end && *end != ',')) return false;
    out->begun = (uint32_t)begun;
    out->kind = out->per == PERS ? COUNT_EMERGENCY : COUNT_BUDGET;
    *inout = *end ? end + 1 : end;
    return true;
}
