#include "policy/sieve.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- one sieve ---- */

/* Shorter runs are walked through as fast. */
enum { SHORT_RUN = 16, WORD_BITS = 64 };

/* Rows of bits, one bit an entry. A role row 0 is for calls in which nobody acts; the one past the roles for a person
 * of none. Days are cut into a few spans: an entry stands in each of them that it touches. */
enum {
    ROW_FIELDS = 0,
    ROW_FORMS = ROW_FIELDS + POLICY_FIELDS_MAX,
    ROW_ROLES = ROW_FORMS + FORMS,
    NO_ROLE = ROLES_MAX + 1,
    ROW_NONE = ROW_ROLES + NO_ROLE + 1, /* stays empty */
    ROW_DAYS,
    SPANS_MAX = 64,
};
/* Of long runs: the entries of each field that are for each role, or for calls in which nobody acts, too (role 0). A
 * call looks at those of one field and of its role, which are few. */
enum {
    LISTED_RUN = 256, /* in shorter ones all entries are tried as fast */
    LISTED_MAX = UINT16_MAX,
    LIST_ROLES = ROLES_MAX + 1,
    LISTS = POLICY_FIELDS_MAX * LIST_ROLES,
    LISTED_TIMES = 64, /* an entry, on average: entries that are for more have no lists */
};
typedef struct entry_lists {
    uint32_t *firsts; /* [list] and [list + 1]: its part of `at`; NULL: no lists */
    uint16_t *at;     /* ascending in each list */
} entry_lists;
struct sieve {
    entry_lists lists;
    uint32_t words; /* of a row: an even number */
    uint32_t span_count;
    uint32_t spans[SPANS_MAX]; /* first day of each, ascending; the first is 0 */
    uint64_t *rows;
};

static uint64_t *row(const sieve *s, unsigned number)
{
    return s->rows + (size_t)number * s->words;
}

static size_t rows_size(const sieve *s)
{
    return ((size_t)ROW_DAYS + s->span_count) * s->words * sizeof *s->rows;
}

static void set_bit(const sieve *s, unsigned number, size_t i)
{
    row(s, number)[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
}

static uint32_t span_end(const sieve *s, uint32_t span)
{
    return span + 1 < s->span_count ? s->spans[span + 1] - 1 : UINT32_MAX;
}

static void add_entry(sieve *s, size_t i, const sieved *e)
{
    for (unsigned field = 0; field < POLICY_FIELDS_MAX; field++) {
        if (field_set_has(e->fields, field)) set_bit(s, ROW_FIELDS + field, i);
    }
    for (unsigned form = 0; form < FORMS; form++) {
        if (e->forms >> form & 1) set_bit(s, ROW_FORMS + form, i);
    }
    for (unsigned role = 1; role <= ROLES_MAX; role++) {
        if (e->nobody || e->roles >> (role - 1) & 1) set_bit(s, ROW_ROLES + role, i);
    }
    if (e->nobody) set_bit(s, ROW_ROLES, i), set_bit(s, ROW_ROLES + NO_ROLE, i);
    for (uint32_t span = 0; span < s->span_count; span++) {
        if (e->from <= span_end(s, span) && s->spans[span] <= e->until) set_bit(s, ROW_DAYS + span, i);
    }
}

static int compare_days(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* At the days on which entries begin, and behind those on which they end; where these are many, at some of them. */
static void cut_spans(sieve *s, const sieved *entries, size_t count)
{
    uint32_t *days = memory_array(2 * count, sizeof *days);
    size_t cuts = 0;
    for (size_t i = 0; i < count; i++) {
        days[2 * i] = entries[i].from;
        days[2 * i + 1] = entries[i].until < UINT32_MAX ? entries[i].until + 1 : 0;
    }
    qsort(days, 2 * count, sizeof *days, compare_days);
    for (size_t i = 0; i < 2 * count; i++) {
        if (days[i] > 0 && (cuts == 0 || days[i] != days[cuts - 1])) days[cuts++] = days[i];
    }
    size_t step = 1 + cuts / SPANS_MAX;
    s->span_count = 1;
    for (size_t i = 0; i < cuts && s->span_count < SPANS_MAX; i += step) s->spans[s->span_count++] = days[i];
    memory_free(days, 2 * count * sizeof *days);
}

static uint32_t list_number(unsigned field, unsigned role)
{
    return field * LIST_ROLES + role;
}

/* Adds one to the number of each list that the entry stands in. */
static void count_in_lists(uint32_t *counts, const sieved *e)
{
    for (unsigned field = 0; field < POLICY_FIELDS_MAX; field++) {
        if (!field_set_has(e->fields, field)) continue;
        if (e->nobody) counts[list_number(field, 0)]++;
        for (uint64_t roles = e->nobody ? 0 : e->roles; roles != 0; roles &= roles - 1)
            counts[list_number(field, 1 + (unsigned)__builtin_ctzll(roles))]++;
    }
}

/* Puts it at the end of each, where `ends` are. */
static void put_into_lists(uint16_t *at, uint32_t *ends, const sieved *e, uint16_t i)
{
    for (unsigned field = 0; field < POLICY_FIELDS_MAX; field++) {
        if (!field_set_has(e->fields, field)) continue;
        if (e->nobody) at[ends[list_number(field, 0)]++] = i;
        for (uint64_t roles = e->nobody ? 0 : e->roles; roles != 0; roles &= roles - 1)
            at[ends[list_number(field, 1 + (unsigned)__builtin_ctzll(roles))]++] = i;
    }
}

static size_t list_size(const sieved *e)
{
    size_t fields = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) fields += (size_t)__builtin_popcountll(e->fields.words[i]);
    return fields * (e->nobody ? 1 : (size_t)__builtin_popcountll(e->roles));
}

static entry_lists lists_new(const sieved *entries, size_t count)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++) all += list_size(&entries[i]);
    if (count < LISTED_RUN || count > LISTED_MAX || all > count * LISTED_TIMES) return (entry_lists){0};
    entry_lists out = {.firsts = memory_array(LISTS + 1, sizeof *out.firsts), .at = memory_array(all, sizeof *out.at)};
    uint32_t *ends = memory_array(LISTS, sizeof *ends);
    for (size_t i = 0; i < count; i++) count_in_lists(ends, &entries[i]);
    for (uint32_t i = 0; i < LISTS; i++) out.firsts[i + 1] = out.firsts[i] + ends[i];
    memcpy(ends, out.firsts, LISTS * sizeof *ends);
    for (size_t i = 0; i < count; i++) put_into_lists(out.at, ends, &entries[i], (uint16_t)i);
    memory_free(ends, LISTS * sizeof *ends);
    return out;
}

static void lists_free(entry_lists *l)
{
    if (!l->firsts) return;
    memory_free(l->at, l->firsts[LISTS] * sizeof *l->at);
    memory_free(l->firsts, (LISTS + 1) * sizeof *l->firsts);
}

static sieve *sieve_new(const run_source *of, const run *r)
{
    sieve *s = memory_new(sizeof *s);
    sieved *entries = memory_array(r->count, sizeof *entries);
    for (size_t i = 0; i < r->count; i++) entries[i] = of->entry(of->list, r->first + i);
    s->words = (r->count + 2 * WORD_BITS - 1) / (2 * WORD_BITS) * 2;
    cut_spans(s, entries, r->count);
    s->rows = memory_new(rows_size(s));
    for (size_t i = 0; i < r->count; i++) add_entry(s, i, &entries[i]);
    s->lists = lists_new(entries, r->count);
    memory_free(entries, r->count * sizeof *entries);
    return s;
}

static void sieve_free(sieve *s)
{
    if (!s) return;
    lists_free(&s->lists);
    memory_free(s->rows, rows_size(s));
    memory_free(s, sizeof *s);
}

/* ---- runs ---- */

/* A key's parts lie 16 bits apart: all of them come down before they are spread. */
static size_t slot_of(const runs *r, uint64_t key)
{
    return (size_t)((key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (r->slot_count - 1);
}

static size_t count_keys(const run_source *of)
{
    size_t keys = 0;
    for (size_t i = 0; i < of->count; i++) keys += i == 0 || of->key(of->list, i) != of->key(of->list, i - 1);
    return keys;
}

/* The slot of the key, or the empty one where it belongs: there is one. */
static run *slot_for(const runs *r, uint64_t key)
{
    size_t slot = slot_of(r, key);
    while (r->slots[slot].count != 0 && r->slots[slot].key != key) slot = (slot + 1) & (r->slot_count - 1);
    return &r->slots[slot];
}

runs runs_new(const run_source *of)
{
    runs r = {.count = count_keys(of), .slot_count = 4};
    if (r.count == 0) return (runs){0};
    while (r.slot_count < 2 * r.count) r.slot_count *= 2;
    r.slots = memory_array(r.slot_count, sizeof *r.slots);
    for (uint32_t i = 0; i < of->count; i++) {
        uint64_t key = of->key(of->list, i);
        run *its = slot_for(&r, key);
        if (its->count++ == 0) its->key = key, its->first = i;
    }
    for (size_t i = 0; i < r.slot_count; i++) {
        if (r.slots[i].count > SHORT_RUN) r.slots[i].sieve = sieve_new(of, &r.slots[i]);
    }
    return r;
}

void runs_free(runs *r)
{
    for (size_t i = 0; i < r->slot_count; i++) sieve_free(r->slots[i].sieve);
    memory_free(r->slots, r->slot_count * sizeof *r->slots);
    *r = (runs){0};
}

const run *runs_find(const runs *r, uint64_t key)
{
    const run *found = r->count > 0 ? slot_for(r, key) : NULL;
    return found && found->count > 0 ? found : NULL;
}

/* ---- one walk ---- */

static uint32_t span_of(const sieve *s, uint32_t date)
{
    uint32_t low = 0, high = s->span_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->spans[middle] <= date)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static unsigned role_row(const policy_person *who)
{
    if (!who) return 0;
    return who->role.no >= 1 && who->role.no <= ROLES_MAX ? who->role.no : NO_ROLE;
}

static bool contract_holds(const policy_facts *facts)
{
    return !facts->person || (facts->person->from <= facts->date && facts->date <= facts->person->until);
}

/* No field asked for: a match for any fields stands in row 0, which no field has; a rule then must be one of form
 * "nothing". */
static void take_fields(sift *s, field_set asked)
{
    for (unsigned word = 0; word < FIELD_WORDS; word++) {
        for (uint64_t bits = asked.words[word]; bits != 0; bits &= bits - 1)
            s->fields[s->field_count++] = (uint8_t)(word * WORD_BITS + (unsigned)__builtin_ctzll(bits));
    }
    if (s->field_count == 0 && s->mode == SIFT_ANY) s->fields[s->field_count++] = 0;
}

/* Of the field that has the fewest, which comes to be the first. Entries for nobody stand in their own list alone, but
 * are for everybody. */
static void take_lists(sift *s, unsigned role)
{
    const entry_lists *l = &s->of->lists;
    uint32_t shortest = UINT32_MAX;
    s->listed = l->firsts && s->mode == SIFT_ALL && s->field_count > 0;
    for (unsigned i = 0; s->listed && i < s->field_count; i++) {
        const uint32_t *open = &l->firsts[list_number(s->fields[i], 0)], *own = open + role;
        uint32_t many = open[1] - open[0] + (role > 0 ? own[1] - own[0] : 0);
        if (many >= shortest) continue;
        const uint8_t field = s->fields[i];
        shortest = many;
        s->fields[i] = s->fields[0];
        s->fields[0] = field;
        s->lists[0] = (sift_list){l->at + open[0], l->at + open[1]};
        s->lists[1] = role > 0 ? (sift_list){l->at + own[0], l->at + own[1]} : (sift_list){0};
    }
}

void sift_start(sift *s, const run *r, sift_fields mode, const policy_facts *facts)
{
    const sieve *of = r->sieve;
    s->of = of;
    s->mode = mode;
    s->form = row(of, (unsigned)facts->form < FORMS ? ROW_FORMS + (unsigned)facts->form : ROW_NONE);
    s->role = row(of, ROW_ROLES + role_row(facts->person));
    s->days = row(of, ROW_DAYS + span_of(of, facts->date));
    s->no_role = facts->person ? CLAUSE_ROLE : CLAUSE_ACTING;
    s->no_day = contract_holds(facts) ? CLAUSE_DATES : CLAUSE_CONTRACT;
    s->field_count = 0;
    s->word = 0;
    s->left[0] = s->left[1] = 0;
    s->by_fields = s->by_form = s->by_role = s->by_day = (bit_pair){0};
    take_fields(s, facts->fields);
    take_lists(s, role_row(facts->person) % NO_ROLE);
}

static inline bit_pair two_words(const uint64_t *of, uint32_t word)
{
    bit_pair out;
    memcpy(&out, of + word, sizeof out);
    return out;
}

static inline bool none(bit_pair p)
{
    return (p[0] | p[1]) == 0;
}

static inline bit_pair with_fields(const sift *s, uint32_t word)
{
    bit_pair found = two_words(row(s->of, s->field_count ? s->fields[0] : ROW_FORMS + FORM_NOTHING), word);
    for (unsigned i = 1; i < s->field_count; i++) {
        bit_pair next = two_words(row(s->of, s->fields[i]), word);
        found = s->mode == SIFT_ANY ? found | next : found & next;
    }
    return found;
}

/* On to the next two words of which some entry is let through. No clause costs a branch. */
static bool next_pair(sift *s)
{
    bit_pair by_fields = s->by_fields, by_form = s->by_form, by_role = s->by_role, found = {0};
    uint32_t word = s->word, words = s->of->words;
    for (; word < words && none(found); word += 2) {
        found = with_fields(s, word);
        by_fields |= found, found &= two_words(s->form, word);
        by_form |= found, found &= two_words(s->role, word);
        by_role |= found, found &= two_words(s->days, word);
    }
    s->by_fields = by_fields, s->by_form = by_form, s->by_role = by_role, s->by_day |= found;
    s->word = word;
    s->left[0] = found[0], s->left[1] = found[1];
    return !none(found);
}

/* The lower one of the two lists' next. */
static bool next_listed(sift *s, uint32_t *out)
{
    sift_list *open = &s->lists[0], *own = &s->lists[1];
    if (open->at == open->end && own->at == own->end) return false;
    bool first = own->at == own->end || (open->at != open->end && *open->at < *own->at);
    *out = first ? *open->at++ : *own->at++;
    return true;
}

static bool in_row(const uint64_t *of, uint32_t i)
{
    return (of[i / WORD_BITS] >> i % WORD_BITS & 1) != 0;
}

static bool next_of_lists(sift *s, uint32_t *out)
{
    while (next_listed(s, out)) {
        bool all = true;
        for (unsigned i = 1; i < s->field_count; i++) all = all && in_row(row(s->of, s->fields[i]), *out);
        if (!all || !in_row(s->form, *out)) continue;
        s->by_role[0] = 1;
        if (in_row(s->days, *out)) return true;
    }
    return false;
}

bool sift_next(sift *s, uint32_t *out)
{
    if (s->listed) return next_of_lists(s, out);
    if ((s->left[0] | s->left[1]) == 0 && !next_pair(s)) return false;
    unsigned second = s->left[0] == 0;
    *out = (s->word - 2 + second) * WORD_BITS + (uint32_t)__builtin_ctzll(s->left[second]);
    s->left[second] &= s->left[second] - 1;
    return true;
}

/* Of a walk through lists, which pass by entries for other roles. */
static policy_clause reached_by_others(const sift *s)
{
    bit_pair by_fields = {0}, by_form = {0};
    for (uint32_t word = 0; word < s->of->words && none(by_form); word += 2) {
        bit_pair found = with_fields(s, word);
        by_fields |= found;
        by_form |= found & two_words(s->form, word);
    }
    if (none(by_fields)) return CLAUSE_FIELDS;
    return none(by_form) ? CLAUSE_FORM : s->no_role;
}

policy_clause sift_reached(const sift *s)
{
    if (s->listed) return none(s->by_role) ? reached_by_others(s) : s->no_day;
    if (none(s->by_fields)) return CLAUSE_FIELDS;
    if (none(s->by_form)) return CLAUSE_FORM;
    return none(s->by_role) ? s->no_role : s->no_day;
}
