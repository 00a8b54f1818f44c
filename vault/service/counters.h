/* What is counted, and how it lies inside its seal. Counters are of budgets, of opened break-glasses, and of
 * aggregations, of which only the lock is used: what has been seen of a resident changes under its counter's lock. */
#pragma once
#include "vault/service/internal.h"
#include "vault/store/counts.h"

typedef enum count_kind { COUNT_BUDGET = 1, COUNT_EMERGENCY, COUNT_AGGREGATION } count_kind; /* stored */
typedef struct counter_name {
    count_kind kind;
    policy_per per;      /* of an emergency PERS */
    const char *id;      /* of the budget or aggregation; name of the emergency */
    const char *subject; /* person, consumer or purpose; of an emergency "" */
    uint32_t begun;      /* policy_span; 0: it has no period */
} counter_name;
typedef struct counter {
    counter_name name;
    uint64_t residents, values;
    bool told; /* that the soft limit was reached */
} counter;
/* Of one resident, by one counter. */
typedef struct sight {
    field_set fields;
    field_set plain; /* of an aggregation, those of them that were not masked */
    uint32_t day;    /* of the last time, YYYYMMDD */
} sight;

/* PER_PERSON counts for the consumer where nobody acts. */
counter_name counter_name_for(const call *c, policy_per per);
VAULT_MUST_USE vault_code counter_id(session *s, const counter_name *name, uint8_t out[COUNT_ID_LEN], vault_error *err);
VAULT_MUST_USE vault_code counter_seal(session *s, const counter *c, count_row *inout, vault_error *err);
/* Texts in the arena. INTEGRITY: edited, or another one's. */
VAULT_MUST_USE vault_code counter_open(session *s, counter *out, const count_row *row, vault_error *err);

/* Of what a counter has seen of a resident; 0 stands for nobody, whose sight is looked for like another. */
VAULT_MUST_USE vault_code sight_id(session *s, const uint8_t by[COUNT_ID_LEN], int64_t resident,
                                   uint8_t out[COUNT_ID_LEN], vault_error *err);
/* All of one length, whatever was seen. */
VAULT_MUST_USE vault_code sight_seal(session *s, const sight *of, count_row *inout, vault_error *err);
/* Nothing, of a row that was not found. INTEGRITY: edited, or of somebody else. */
VAULT_MUST_USE vault_code sight_open(session *s, sight *out, const count_row *row, vault_error *err);

/* Ids, each once, with room for a row each. */
typedef struct id_list {
    count_row *rows;
    uint32_t *slots; /* place + 1 */
    size_t count, mask;
} id_list;
VAULT_MUST_USE vault_code id_list_make(id_list *out, arena *mem, size_t most, vault_error *err);
/* The place of an id, which is a keyed hash: nobody can choose ids that meet. *fresh: it stood not there. */
size_t id_list_put(id_list *l, const uint8_t id[COUNT_ID_LEN], bool *fresh);

/* When a day of Asia/Shanghai (YYYYMMDD), or an hour of it (YYYYMMDDHH), began. */
int64_t day_begun_us(uint32_t day);
int64_t hour_begun_us(uint32_t hour);
unsigned field_set_count(field_set s);
static inline field_set field_set_join(field_set a, field_set b)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) a.words[i] |= b.words[i];
    return a;
}
static inline bool field_set_meets(field_set a, field_set b)
{
    uint64_t both = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) both |= a.words[i] & b.words[i];
    return both != 0;
}

/* What a granted item has opened or found, as budgets and aggregations take it: false where they have nothing to do
 * with it. `fields` of a search are those that it was found by, and none is counted. */
bool item_counted(const item *it, policy_facts *facts);
/* The same of an item that leads nowhere, as if it had led to a resident whom nobody has counted yet: where a counter
 * has no room for such a one it says so of everybody. The item of a search as such is one, too. */
bool item_like_counted(const item *it, policy_facts *facts);
enum { COUNTER_ID_ROOM = 72 };
/* The counters in the text of a line, one after the other: "grid-day:p:2026112200,...";
 * an emergency is "emergencies/...:e:0". */
VAULT_MUST_USE vault_code counters_write(char **out, arena *mem, const counter_name *names, size_t count,
                                         vault_error *err);
/* Reads the next one, with its id in `id`; moves on. False at the end, or where it is none. */
bool counters_next(const char **inout, counter_name *out, char id[COUNTER_ID_ROOM]);
