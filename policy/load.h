/* How a policy document is read (load*.c): whatever is not known, not said or said twice is an error; nothing is
 * guessed, nothing ignored. */
#pragma once
#include "policy/internal.h"
#include "vault/base/json.h"

enum { KEY_MAX = 64, NAME_SHOWN = 40, LEVEL_NONE = 1 };

/* Fields by a name of the document, "@contact". */
typedef struct named_fields {
    field_set fields;
    unsigned collection, most, least; /* levels */
    bool values, questions;           /* holds fields, holds predicates */
} named_fields;

/* Areas by a name of the document, "@east". */
typedef struct named_areas {
    area_range *at;
    size_t count;
} named_areas;

/* Entries of one of the lists that carry ids: where an id stands. */
typedef struct register_of {
    const char **ids;
    size_t count;
    json_t *places; /* by id */
} register_of;

typedef struct loader {
    policy *policy;
    const policy_names *names;
    vault_error *err;
    arena *mem;     /* of one entry */
    char at[48];    /* the entry that is being read: "policy.rules[3]" */
    const char *id; /* of it; "" before it is known */
    register_of field_ids, area_ids, class_ids, withhold_ids;
    named_fields *field_sets;
    named_areas *area_sets;
    unsigned class_collections[CLASSES_MAX];
} loader;

/* INVALID DOCUMENT_INVALID at a key of the entry at hand ("": the entry itself). */
#define refuse(l, key, ...) loader_refuse_at((l), VAULT_HERE, (key), __VA_ARGS__)
__attribute__((format(printf, 4, 5))) vault_code loader_refuse_at(loader *l, const char *where, const char *key,
                                                                  const char *format, ...);

/* "fields[3]" */
typedef struct entry_key {
    char text[KEY_MAX];
} entry_key;
entry_key nth(const char *list, size_t i);
/* A name from the document, cut where a character ends, so that the rest of the message stays. */
typedef struct cut_name {
    char text[NAME_SHOWN];
} cut_name;
cut_name cut(const char *name);

/* Place of a name among `count`; false: unknown. */
bool find_name(unsigned *out, const char *const *names, unsigned count, const char *name);
/* A list that may not be empty: what an empty one means is never "all". */
VAULT_MUST_USE vault_code check_list(loader *l, const char *key, json_t *list);
/* Strict shape of the entry at hand (json_shape). */
/* Refuses what jansson found wrong with the shape of the value at `key`. */
vault_code refuse_shape(loader *l, const char *key, const json_error_t *found);
#define entry_shape(l, value, ...) entry_shape_at((l), (value), __VA_ARGS__)
VAULT_MUST_USE vault_code entry_shape_at(loader *l, json_t *value, const char *shape, ...);
/* True where "any" stands. */
bool is_any(const json_t *value);
/* A whole number within [least, most]; nothing is set where none is given (NULL). */
typedef struct bounds {
    uint32_t least, most;
} bounds;
VAULT_MUST_USE vault_code read_number(loader *l, uint32_t *out, const char *key, const json_t *value, bounds within);
/* true or false; false where none is given (NULL). */
VAULT_MUST_USE vault_code read_flag(loader *l, bool *out, const char *key, const json_t *value);
/* A copy that lives as long as the policy. EXHAUSTED. */
VAULT_MUST_USE vault_code keep_text(loader *l, const char **out, const char *text);
VAULT_MUST_USE vault_code keep_room(loader *l, void **out, size_t count, size_t size);

/* Calls `each` for every entry of document.<list>, which is at most `most` long; `id` and the place are set, and the id
 * stands in the register when it returns. A list may be left out (NULL), but not be empty. */
typedef vault_code (*entry_reader)(loader *l, size_t i, json_t *value);
typedef struct id_list {
    const char *name; /* "rules" */
    json_t *list;
    size_t most;
    entry_reader each;
} id_list;
VAULT_MUST_USE vault_code read_entries(loader *l, const id_list *of, register_of *ids);
/* Place of an id in a register; negative: none. */
int place_of(const register_of *ids, const char *id);
void register_clear(register_of *r);

/* ---- lists of names (load_names.c) ---- */

/* Numbers of consumers, or of purposes; in the loader's arena. */
typedef struct numbers {
    uint16_t *at;
    size_t count;
} numbers;
/* A name, or a list of names. */
VAULT_MUST_USE vault_code read_consumers(loader *l, numbers *out, const char *key, json_t *value);
/* With `below`: and every purpose below one of them. */
VAULT_MUST_USE vault_code read_purposes(loader *l, numbers *out, const char *key, json_t *value, bool below);
/* Of one collection, unless `mixed`. */
typedef struct field_wish {
    const char *key;
    bool mixed;
    bool values, questions; /* fields, predicates: which may be named */
    const char *form;       /* for the message */
} field_wish;
VAULT_MUST_USE vault_code read_fields(loader *l, named_fields *out, const field_wish *wish, json_t *list);
VAULT_MUST_USE vault_code read_roles(loader *l, uint64_t *out, const char *key, json_t *list);
VAULT_MUST_USE vault_code read_class_names(loader *l, uint64_t *out, const char *key, json_t *list);
/* To the end of policy.areas, sorted. */
VAULT_MUST_USE vault_code read_areas(loader *l, uint32_t *first, uint32_t *count, json_t *list);
/* Of names (policy_form_name, policy_action_name): a set of 1 << place. */
typedef struct vocabulary {
    const char *const *names;
    unsigned count;
    const char *what, *mend;
} vocabulary;
VAULT_MUST_USE vault_code read_set_of(loader *l, unsigned *out, const char *key, json_t *list, const vocabulary *of);
extern const vocabulary action_words, form_words;
bool below_purpose(const loader *l, purpose_no lower, purpose_no upper); /* or the same */

/* ---- moments (load_when.c) ---- */

/* "valid": its from and until, which are texts; both days included. */
VAULT_MUST_USE vault_code read_days(loader *l, uint32_t *from, uint32_t *until, json_t *valid);
VAULT_MUST_USE vault_code read_hours(loader *l, uint16_t *out, json_t *list); /* place in policy.weeks, from 1 */

/* ---- the lists of a document ---- */

VAULT_MUST_USE vault_code read_sets(loader *l, json_t *field_sets, json_t *area_sets); /* load_sets.c */
VAULT_MUST_USE vault_code read_classes(loader *l, json_t *classes);                    /* load_classes.c */
VAULT_MUST_USE vault_code read_aggregations(loader *l, json_t *list);                  /* load_classes.c */
VAULT_MUST_USE vault_code read_withholdings(loader *l, json_t *list);                  /* load_classes.c */
VAULT_MUST_USE vault_code read_rule(loader *l, size_t i, json_t *value);               /* load_rule.c */
VAULT_MUST_USE vault_code read_prohibitions(loader *l, json_t *list);                  /* load_match.c */
VAULT_MUST_USE vault_code read_budgets(loader *l, json_t *list);                       /* load_match.c */
