/* The masks of a policy, checked for each consumer over all its rules, purposes and forms together: whoever gets a part
 * of a value by one call and another part by the next has both.
 *
 * Areas are told apart: where a consumer may see a field in plain form it has the explicit right to it, and a mask of
 * another rule protects nothing there; beyond that area it must be strong. So each stretch of areas between the ends of
 * rules is looked at by itself. Dates are not told apart (what was seen is known), nor are roles and own areas: the
 * consumer is one. A plain rule that ends before the masks do, that is for own areas alone or under a condition, or of
 * which a prohibition keeps somebody back, takes no mask's strength. What is seen under an opened break-glass is not
 * counted against masks: each opening is of few residents, told to the officer at once, and reviewed. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

/* Where a rule begins or ends. */
typedef struct edge {
    int64_t at;
    unsigned rule;
    bool begins;
} edge;

/* How many rules show a field so, at the place that is looked at. */
typedef struct tally {
    uint16_t count[POLICY_FIELDS_MAX];
} tally;

typedef struct sweep {
    const manifest_body *body;
    const unsigned *rules; /* of one consumer */
    size_t count;
    edge *edges;
    size_t edge_count;
    uint32_t from, until; /* of its masked rules: the first day and the last */
    tally seen[SIGHTS], sure;
} sweep;

/* What is seen in a stretch of areas. `sure`: in plain form, wherever and whenever it is masked there. */
typedef struct view {
    onlooker by;
    field_set sure;
} view;

/* What was found: a field that is masked too weakly for a consumer, at a place. */
typedef struct weakness {
    const schema_field *field;
    uint64_t left;
    int64_t at;
    unsigned rule;    /* that shows it masked */
    unsigned because; /* another one without which it would hold; or the same */
} weakness;

/* ---- what a rule shows ---- */

/* Whether somebody can be named in a question: as the one whose value the others share (same_as), by a value that few
 * have, or by a part of a value beside another field. By bands nobody can. */
static bool names_somebody(const manifest_body *body, field_set fields)
{
    const unsigned whole = 1U << INDEX_EQUALITY | 1U << INDEX_CODE, part = 1U << INDEX_SUFFIX | 1U << INDEX_NGRAM;
    unsigned kinds = 0, count = 0;
    for (size_t i = 0; i < body->field_count; i++) {
        const schema_field *f = &body->fields[i];
        if (!field_set_has(fields, f->number)) continue;
        kinds |= f->indexes;
        count++;
    }
    return (kinds & whole) != 0 || ((kinds & part) != 0 && count > 1);
}

/* False: nothing of a resident whom the caller can tell. Two counts that differ by one named resident tell of it what a
 * search would. */
static bool sight_of(sight *out, const manifest_body *body, const policy_scope *s)
{
    *out = SEEN_FOUND;
    if (s->break_glass && s->form != FORM_MASKED) return false;
    if (s->action == POLICY_SEARCH && s->form == FORM_COUNT) return names_somebody(body, s->fields);
    static const struct {
        policy_action action;
        policy_form form;
        sight how;
    } sights[] = {{POLICY_REVEAL, FORM_PLAIN, SEEN_PLAIN},   {POLICY_EXPORT, FORM_PLAIN, SEEN_PLAIN},
                  {POLICY_REVEAL, FORM_MASKED, SEEN_MASKED}, {POLICY_REVEAL, FORM_TOKEN, SEEN_TOKEN},
                  {POLICY_SEARCH, FORM_TOKEN, SEEN_FOUND},   {POLICY_REVEAL, FORM_PREDICATE, SEEN_ASKED}};
    for (size_t i = 0; i < sizeof sights / sizeof *sights; i++) {
        *out = sights[i].how;
        if (sights[i].action == s->action && sights[i].form == s->form) return true;
    }
    return false;
}

static void add_fields(tally *t, field_set fields, int by)
{
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (field_set_has(fields, n)) t->count[n] = (uint16_t)(t->count[n] + by);
    }
}

static field_set fields_of(const tally *t)
{
    field_set out = {0};
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (t->count[n]) field_set_add(&out, n);
    }
    return out;
}

static void count_rule(sweep *w, const edge *e)
{
    sight how;
    const policy_scope s = policy_rule_scope(w->body->rules, e->rule);
    int by = e->begins ? 1 : -1;
    if (!sight_of(&how, w->body, &s)) return;
    add_fields(&w->seen[how], s.fields, by);
    if (how != SEEN_PLAIN || s.own_area || s.conditional || s.from > w->from || s.until < w->until) return;
    const field_set kept_back = policy_rule_kept_back(w->body->rules, e->rule);
    field_set sure = s.fields;
    for (unsigned i = 0; i < FIELD_WORDS; i++) sure.words[i] &= ~kept_back.words[i];
    add_fields(&w->sure, sure, by);
}

/* ---- one stretch of areas ---- */

/* Everything at the place, but for one rule. */
static onlooker onlooker_without(const sweep *w, int64_t at, unsigned rule)
{
    onlooker r = {0};
    for (size_t i = 0; i < w->count; i++) {
        sight how;
        const policy_scope s = policy_rule_scope(w->body->rules, w->rules[i]);
        if (w->rules[i] == rule || !sight_of(&how, w->body, &s)) continue;
        if (!area_ranges_cover(s.areas, s.area_count, (area_code){at})) continue;
        for (unsigned k = 0; k < FIELD_WORDS; k++) r.seen[how].words[k] |= s.fields.words[k];
    }
    return r;
}

/* Which rule shows it masked there, and which other one is to blame. */
static void explain(weakness *found, const sweep *w)
{
    for (size_t i = w->count; i-- > 0;) {
        const policy_scope s = policy_rule_scope(w->body->rules, w->rules[i]);
        bool masked =
            s.action == POLICY_REVEAL && s.form == FORM_MASKED && field_set_has(s.fields, found->field->number);
        if (masked && area_ranges_cover(s.areas, s.area_count, (area_code){found->at})) found->rule = w->rules[i];
    }
    found->because = found->rule;
    for (size_t i = w->count; i-- > 0;) {
        const onlooker r = onlooker_without(w, found->at, w->rules[i]);
        bool shown = field_set_has(r.seen[SEEN_MASKED], found->field->number);
        if (shown && masked_left(&r, found->field) >= found->field->mask_strength) found->because = w->rules[i];
    }
}

static bool look(weakness *found, const sweep *w, const view *seen, int64_t at)
{
    const manifest_body *body = w->body;
    for (size_t i = 0; i < body->field_count; i++) {
        const schema_field *f = &body->fields[i];
        bool masked = field_set_has(seen->by.seen[SEEN_MASKED], f->number);
        if (!masked || field_set_has(seen->sure, f->number)) continue;
        uint64_t left = masked_left(&seen->by, f);
        if (left >= f->mask_strength) continue;
        *found = (weakness){.field = f, .left = left, .at = at};
        explain(found, w);
        return true;
    }
    return false;
}

/* ---- one consumer ---- */

static int compare_edges(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void make_edges(sweep *w)
{
    size_t room = 0;
    for (size_t i = 0; i < w->count; i++) room += 2 * policy_rule_scope(w->body->rules, w->rules[i]).area_count;
    w->edges = memory_array(room, sizeof *w->edges);
    w->edge_count = room;
    for (size_t i = 0, k = 0; i < w->count; i++) {
        const policy_scope s = policy_rule_scope(w->body->rules, w->rules[i]);
        for (size_t j = 0; j < s.area_count; j++) {
            w->edges[k++] = (edge){.at = s.areas[j].low, .rule = w->rules[i], .begins = true};
            w->edges[k++] = (edge){.at = s.areas[j].high + 1, .rule = w->rules[i]};
        }
    }
    if (room > 0) qsort(w->edges, room, sizeof *w->edges, compare_edges);
}

static bool has_masks(sweep *w)
{
    w->from = UINT32_MAX;
    for (size_t i = 0; i < w->count; i++) {
        const policy_scope s = policy_rule_scope(w->body->rules, w->rules[i]);
        if (s.action != POLICY_REVEAL || s.form != FORM_MASKED) continue;
        w->from = s.from < w->from ? s.from : w->from;
        w->until = s.until > w->until ? s.until : w->until;
    }
    return w->until > 0;
}

/* What is seen at the place; false where nothing is masked. */
static bool masks_at(view *out, const sweep *w)
{
    const field_set none = {0};
    for (unsigned how = 0; how < SIGHTS; how++) out->by.seen[how] = fields_of(&w->seen[how]);
    out->sure = fields_of(&w->sure);
    return !field_set_within(out->by.seen[SEEN_MASKED], none);
}

/* Looks again only where something else is seen than where it looked last. */
static bool find_weakness(weakness *found, sweep *w)
{
    view last = {0};
    for (size_t i = 0; i < w->edge_count; i++) {
        view now = {0};
        count_rule(w, &w->edges[i]);
        if (i + 1 < w->edge_count && w->edges[i + 1].at == w->edges[i].at) continue;
        if (!masks_at(&now, w) || memcmp(&now, &last, sizeof now) == 0) continue;
        if (look(found, w, &now, w->edges[i].at)) return true;
        last = now;
    }
    return false;
}

static bool check_consumer(weakness *found, sweep *w)
{
    if (!has_masks(w)) return false;
    make_edges(w);
    bool weak = find_weakness(found, w);
    memory_free(w->edges, w->edge_count * sizeof *w->edges);
    return weak;
}

/* ---- all of them ---- */

static void at_rule(builder *b, json_t *rules, unsigned rule)
{
    size_t i;
    json_t *value;
    json_array_foreach(rules, i, value)
    {
        const char *id = json_string_value(json_object_get(value, "id"));
        if (!id || strcmp(id, policy_rule_id(b->body->rules, rule)) != 0) continue;
        builder_entry(b, "policy.rules", i, value);
    }
}

static vault_code refuse(builder *b, json_t *rules, const weakness *found)
{
    const policy *p = b->body->rules;
    const char *who = manifest_app(&b->body->m, policy_rule_scope(p, found->rule).consumer)->id;
    unsigned long long left = found->left, least = found->field->mask_strength;
    at_rule(b, rules, found->rule);
    if (found->because == found->rule)
        return builder_fail(b, "fields",
                            "the masked %s leaves '%s' %llu to guess among, fewer than %llu, with all that it sees "
                            "beside it: leave one of them out",
                            found->field->name, who, left, least);
    return builder_fail(b, "fields",
                        "the masked %s leaves '%s' %llu to guess among, fewer than %llu, with what rule '%s' tells: "
                        "leave one of them out",
                        found->field->name, who, left, least, policy_rule_id(p, found->because));
}

typedef struct owned_rule {
    consumer_no consumer;
    unsigned rule;
} owned_rule;

static int compare_owners(const void *a, const void *b)
{
    const owned_rule *x = a, *y = b;
    if (x->consumer.no != y->consumer.no) return x->consumer.no < y->consumer.no ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

/* The rules of each consumer, one after the other. */
static void group_rules(unsigned *out, uint16_t *consumers, const policy *p)
{
    size_t count = policy_rule_count(p);
    owned_rule *all = memory_array(count, sizeof *all);
    for (unsigned i = 0; i < count; i++) all[i] = (owned_rule){policy_rule_scope(p, i).consumer, i};
    if (count > 0) qsort(all, count, sizeof *all, compare_owners);
    for (size_t i = 0; i < count; i++) {
        out[i] = all[i].rule;
        consumers[i] = all[i].consumer.no;
    }
    memory_free(all, count * sizeof *all);
}

vault_code check_masks(builder *b, json_t *rules)
{
    size_t count = policy_rule_count(b->body->rules);
    unsigned *sorted = memory_array(count, sizeof *sorted);
    uint16_t *consumers = memory_array(count, sizeof *consumers);
    sweep *w = memory_new(sizeof *w);
    weakness found;
    bool weak = false;
    group_rules(sorted, consumers, b->body->rules);
    for (size_t first = 0, end; first < count && !weak; first = end) {
        for (end = first + 1; end < count && consumers[end] == consumers[first];) end++;
        *w = (sweep){.body = b->body, .rules = sorted + first, .count = end - first};
        weak = check_consumer(&found, w);
    }
    memory_free(w, sizeof *w);
    memory_free(consumers, count * sizeof *consumers);
    memory_free(sorted, count * sizeof *sorted);
    return weak ? refuse(b, rules, &found) : VAULT_OK;
}
