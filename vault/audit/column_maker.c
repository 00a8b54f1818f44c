/* Columns from lines: numbers go where they belong, each text is kept once. */
#include "vault/audit/column_pack.h"

#include <string.h>

enum { TEXTS_MOST = 65535, SLOTS_LEAST = 64 };

typedef struct text_column {
    const char **texts; /* texts[0] is "" */
    size_t count, room;
    uint16_t *slots; /* by hash: number of a text; 0: free */
    size_t slot_count;
    uint16_t *numbers;
    uint16_t last; /* neighbours often say the same */
} text_column;

struct column_maker {
    arena *mem;
    int64_t first;
    size_t count, most;
    uint8_t check_key[CHECK_KEY_LEN];
    int64_t *time_us, *resident, *area;
    uint64_t *request, *ticket, *check;
    uint32_t *record_version;
    uint8_t *action, *outcome;
    text_column text[COLUMN_TEXTS];
    const char *last_request, *last_ticket; /* of the lines that are being added */
};

uint64_t column_request(const char *request_id)
{
    if (!request_id || !*request_id) return 0;
    digest hash = sha256(bytes_of_text(request_id));
    uint64_t number = load_u64(hash.at);
    return number ? number : 1;
}

/* ---- texts ---- */

static uint64_t text_hash(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *text; text++) h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return h ^ h >> 29;
}

static uint16_t *slot_of(const text_column *c, const char *text)
{
    size_t mask = c->slot_count - 1, at = text_hash(text) & mask;
    while (c->slots[at] && strcmp(c->texts[c->slots[at]], text) != 0) at = (at + 1) & mask;
    return &c->slots[at];
}

static bool grow(text_column *c, arena *mem)
{
    size_t room = c->room ? 4 * c->room : SLOTS_LEAST / 2;
    const char **texts = arena_array(mem, room, sizeof *texts);
    uint16_t *slots = arena_array(mem, 2 * room, sizeof *slots);
    if (!texts || !slots) return false;
    texts[0] = "";
    for (size_t i = 0; i < c->count; i++) texts[i] = c->texts[i];
    c->count = c->count ? c->count : 1;
    c->texts = texts, c->room = room;
    c->slots = slots, c->slot_count = 2 * room;
    for (size_t i = 1; i < c->count; i++) *slot_of(c, texts[i]) = (uint16_t)i;
    return true;
}

static vault_code add_text(column_maker *m, text_column *c, const char *text, vault_error *err)
{
    uint16_t number = 0;
    if (text && *text) {
        if (c->last && strcmp(c->texts[c->last], text) == 0) return c->numbers[m->count] = c->last, VAULT_OK;
        if (c->count == c->room && !grow(c, m->mem)) return vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
        uint16_t *slot = slot_of(c, text);
        if (!*slot) {
            if (c->count > TEXTS_MOST) return vault_fail(err, VAULT_EXHAUSTED, "a column has too many texts");
            if (!(c->texts[c->count] = arena_text(m->mem, bytes_of_text(text))))
                return vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
            *slot = (uint16_t)c->count++;
        }
        number = *slot;
    }
    c->numbers[m->count] = c->last = number;
    return VAULT_OK;
}

/* ---- lines ---- */

vault_code column_maker_new(column_maker **out, arena *mem, int64_t first, size_t most, vault_error *err)
{
    column_maker *m = arena_alloc(mem, sizeof *m);
    if (!m) return vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
    *m = (column_maker){.mem = mem, .first = first, .most = most};
    VAULT_TRY(entropy_fill(m->check_key, sizeof m->check_key, err));
    m->time_us = arena_array(mem, most, sizeof *m->time_us);
    m->resident = arena_array(mem, most, sizeof *m->resident);
    m->area = arena_array(mem, most, sizeof *m->area);
    m->request = arena_array(mem, most, sizeof *m->request);
    m->ticket = arena_array(mem, most, sizeof *m->ticket);
    m->check = arena_array(mem, most, sizeof *m->check);
    m->record_version = arena_array(mem, most, sizeof *m->record_version);
    m->action = arena_array(mem, most, sizeof *m->action);
    m->outcome = arena_array(mem, most, sizeof *m->outcome);
    bool room = m->time_us && m->resident && m->area && m->request && m->ticket && m->check && m->record_version &&
                m->action && m->outcome;
    for (size_t t = 0; room && t < COLUMN_TEXTS; t++) {
        m->text[t].numbers = arena_array(mem, most, sizeof(uint16_t));
        room = m->text[t].numbers && grow(&m->text[t], mem);
    }
    *out = m;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for columns");
}

static uint64_t hash_once(const char *text, const char **last, const uint64_t *column, size_t at)
{
    bool same = at > 0 && text && *last && strcmp(text, *last) == 0;
    *last = text;
    return same ? column[at - 1] : column_request(text);
}

static vault_code add_line(column_maker *m, const opened_line *l, vault_error *err)
{
    const line_facts *f = &l->said;
    const char *const texts[COLUMN_TEXTS] = {
        [COLUMN_APP] = f->app,         [COLUMN_DEPARTMENT] = f->department, [COLUMN_PERSON] = f->person,
        [COLUMN_PURPOSE] = f->purpose, [COLUMN_FIELDS] = f->fields,         [COLUMN_FORM] = f->form,
        [COLUMN_RULE] = f->rule,       [COLUMN_CLAUSE] = f->clause,
    };
    size_t at = m->count;
    if (at >= m->most || l->index != m->first + (int64_t)at)
        return vault_fail(err, VAULT_INTERNAL, "line %lld is not the next of its columns", (long long)l->index);
    for (size_t t = 0; t < COLUMN_TEXTS; t++) VAULT_TRY(add_text(m, &m->text[t], texts[t], err));
    m->time_us[at] = l->time_us;
    m->resident[at] = f->resident;
    m->area[at] = f->area;
    m->record_version[at] = f->record_version;
    m->action[at] = (uint8_t)l->action;
    m->outcome[at] = (uint8_t)f->outcome;
    m->request[at] = hash_once(f->request, &m->last_request, m->request, at);
    m->ticket[at] = hash_once(f->ticket, &m->last_ticket, m->ticket, at);
    m->check[at] = line_check(m->check_key, l->leaf);
    m->count++;
    return VAULT_OK;
}

vault_code column_maker_add(column_maker *m, const opened_line *lines, size_t count, vault_error *err)
{
    m->last_request = m->last_ticket = NULL;
    for (size_t i = 0; i < count; i++) VAULT_TRY(add_line(m, &lines[i], err));
    return VAULT_OK;
}

line_columns column_maker_columns(const column_maker *m)
{
    line_columns out = {.first = m->first,
                        .count = m->count,
                        .time_us = m->time_us,
                        .resident = m->resident,
                        .area = m->area,
                        .record_version = m->record_version,
                        .request = m->request,
                        .ticket = m->ticket,
                        .check = m->check,
                        .action = m->action,
                        .outcome = m->outcome};
    memcpy(out.check_key, m->check_key, CHECK_KEY_LEN);
    for (size_t t = 0; t < COLUMN_TEXTS; t++) {
        out.text[t] = m->text[t].numbers;
        out.texts[t] = m->text[t].texts;
        out.text_count[t] = m->text[t].count;
    }
    return out;
}

vault_code columns_make(line_columns *out, arena *mem, const opened_line *lines, size_t count, vault_error *err)
{
    column_maker *m;
    VAULT_TRY(column_maker_new(&m, mem, count ? lines[0].index : 0, count, err));
    VAULT_TRY(column_maker_add(m, lines, count, err));
    *out = column_maker_columns(m);
    return VAULT_OK;
}
