/* What a search asks: conditions by the schema, values by their formats, terms by the field's keys, and where. */
#include "vault/service/search.h"

#include <stdio.h>
#include <string.h>

enum { STREET = 1000000, STREET_DIGITS = 9, PATH_MAX_LEN = 64 };

static vault_code out_of_memory(call *c)
{
    return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a search");
}

/* "conditions[2].equals", or with an index behind it where that is not negative. */
static vault_code refuse_condition(call *c, size_t at, const char *part, const char *reason, long index)
{
    char path[PATH_MAX_LEN];
    snprintf(path, sizeof path, "conditions[%zu]%s%s", at, part[0] ? "." : "", part);
    vault_error_clear(&c->rq->err);
    return refuse_at(&c->rq->err, reason, path, index);
}

/* ---- conditions ---- */

static const char *part_of(const Vault__V1__Condition *in)
{
    switch (in->question_case) {
    case VAULT__V1__CONDITION__QUESTION_EQUALS:
        return "equals";
    case VAULT__V1__CONDITION__QUESTION_ENDS_WITH:
        return "ends_with";
    case VAULT__V1__CONDITION__QUESTION_PART:
        return "part";
    case VAULT__V1__CONDITION__QUESTION_BAND:
        return "band";
    case VAULT__V1__CONDITION__QUESTION_SAME_AS:
        return "same_as";
    default:
        return "question";
    }
}

static bool kind_of(index_kind *out, const Vault__V1__Condition *in, unsigned indexes)
{
    switch (in->question_case) {
    case VAULT__V1__CONDITION__QUESTION_ENDS_WITH:
        *out = INDEX_SUFFIX;
        break;
    case VAULT__V1__CONDITION__QUESTION_PART:
        *out = INDEX_NGRAM;
        break;
    case VAULT__V1__CONDITION__QUESTION_BAND:
        *out = INDEX_BAND;
        break;
    default:
        *out = indexes & 1U << INDEX_EQUALITY ? INDEX_EQUALITY : INDEX_CODE;
        break;
    }
    return (indexes & 1U << *out) != 0;
}

static vault_code check_values(call *c, size_t at, const Vault__V1__Condition *in, const Vault__V1__Values *values)
{
    if (!values || values->n_values == 0) return refuse_condition(c, at, part_of(in), "REQUIRED", -1);
    return values->n_values <= VALUES_MAX ? VAULT_OK : refuse_condition(c, at, part_of(in), "TOO_MANY", -1);
}

static vault_code check_question(call *c, size_t at, const Vault__V1__Condition *in)
{
    switch (in->question_case) {
    case VAULT__V1__CONDITION__QUESTION_EQUALS:
        return check_values(c, at, in, in->equals);
    case VAULT__V1__CONDITION__QUESTION_ENDS_WITH:
        return check_values(c, at, in, in->ends_with);
    case VAULT__V1__CONDITION__QUESTION_PART:
    case VAULT__V1__CONDITION__QUESTION_SAME_AS:
        return VAULT_OK;
    case VAULT__V1__CONDITION__QUESTION_BAND:
        return in->band ? VAULT_OK : refuse_condition(c, at, "band", "REQUIRED", -1);
    default:
        return refuse_condition(c, at, "", "REQUIRED", -1);
    }
}

static vault_code read_condition(search *q, session *s, call *c, const Vault__V1__Condition *in)
{
    size_t at = q->condition_count;
    condition *out = &q->conditions[at];
    const schema_field *f = schema_find(&s->manifest->schema, bytes_of_text(in->field));
    if (!f || f->collection != c->collection) return refuse_condition(c, at, "field", "UNKNOWN_FIELD", -1);
    VAULT_TRY(check_question(c, at, in));
    *out = (condition){.in = in, .field = f};
    if (!kind_of(&out->kind, in, f->indexes)) return refuse_condition(c, at, part_of(in), "NOT_INDEXED", -1);
    for (size_t i = 0; i < at; i++)
        if (q->conditions[i].field == f && q->conditions[i].in->question_case == in->question_case)
            return refuse_condition(c, at, "field", "DUPLICATE_FIELD", -1);
    field_set_add(&c->facts.fields, f->number); /* the rule must allow it, and the line names it */
    q->condition_count++;
    return VAULT_OK;
}

static vault_code read_conditions(search *q, session *s, call *c)
{
    field_names names;
    size_t count = q->in->n_conditions;
    if (count == 0) return refuse_at(&c->rq->err, "REQUIRED", "conditions", -1);
    if (count > CONDITIONS_MAX) return refuse_at(&c->rq->err, "TOO_MANY", "conditions", -1);
    if (q->in->minimum_matches > count) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "minimum_matches", -1);
    for (size_t i = 0; i < count; i++) VAULT_TRY(read_condition(q, s, c, q->in->conditions[i]));
    q->least = q->in->minimum_matches ? q->in->minimum_matches : count;
    VAULT_TRY(describe_fields(&names, s->mem, c->collection, c->facts.fields, &c->rq->err));
    c->fields = names.fields;
    c->groups = names.groups;
    return VAULT_OK;
}

/* ---- areas ---- */

static bool by_street(const search *q)
{
    for (size_t i = 0; i < q->condition_count; i++)
        if (index_by_street(q->conditions[i].kind)) return true;
    return false;
}

/* Prefixes lie apart or one within another: the inner ones go. */
static void leave_inner_out(area_list *areas)
{
    size_t kept = 0;
    (void)area_ranges_sort(areas->at, areas->count);
    for (size_t i = 0; i < areas->count; i++) {
        area_range *last = kept ? &areas->at[kept - 1] : NULL;
        if (last && areas->at[i].low <= last->high) {
            if (areas->at[i].high > last->high) last->high = areas->at[i].high;
            continue;
        }
        areas->at[kept++] = areas->at[i];
    }
    areas->count = kept;
}

static vault_code read_asked(search *q, session *s, call *c)
{
    size_t count = q->in->n_areas;
    bool narrow = by_street(q);
    if (count > AREAS_MAX) return refuse_at(&c->rq->err, "TOO_MANY", "areas", -1);
    if (!(q->asked.at = arena_array(s->mem, count + 1, sizeof *q->asked.at))) return out_of_memory(c);
    for (size_t i = 0; i < count; i++) {
        if (!area_range_read(&q->asked.at[i], q->in->areas[i]))
            return refuse_at(&c->rq->err, "BAD_AREA", "areas", (long)i);
        if (narrow && strlen(q->in->areas[i]) < STREET_DIGITS)
            return refuse_at(&c->rq->err, "AREA_TOO_WIDE", "areas", (long)i);
    }
    q->asked.count = count;
    leave_inner_out(&q->asked);
    return VAULT_OK;
}

/* Each range must lie in one street, as those do that were asked for. */
static vault_code read_streets(search *q, call *c, const area_list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        int64_t street = from->at[i].low / STREET;
        if (from->at[i].high / STREET != street) return refuse_at(&c->rq->err, "AREA_TOO_WIDE", "areas", -1);
        if (q->street_count && q->streets[q->street_count - 1] == street) continue;
        if (q->street_count == TERM_STREETS_MAX) return refuse_at(&c->rq->err, "AREA_TOO_WIDE", "areas", -1);
        q->streets[q->street_count++] = street;
    }
    if (q->street_count == 0) q->street_count = 1; /* nowhere: street 0, where nobody lives */
    return VAULT_OK;
}

vault_code search_read_areas(search *q, session *s, call *c)
{
    const policy_reach of = {.admission = &c->admission, .facts = &c->facts, .asked = q->asked};
    VAULT_TRY(policy_areas(&q->reach, s->mem, s->manifest->policy, &of, &c->rq->err));
    return by_street(q) ? read_streets(q, c, q->asked.count ? &q->asked : &q->reach) : VAULT_OK;
}

/* ---- the request ---- */

/* A page token is good for the very same search. */
static vault_code digest_request(search *q, session *s, call *c)
{
    Vault__V1__SearchRequest same = *q->in;
    same.context = NULL;
    same.page_token = lent("");
    same.want_receipt = false;
    size_t len = vault__v1__search_request__get_packed_size(&same);
    uint8_t *packed = arena_alloc(s->mem, len + 1);
    if (!packed) return out_of_memory(c);
    vault__v1__search_request__pack(&same, packed);
    q->asked_digest = sha256(bytes_of(packed, len));
    return VAULT_OK;
}

vault_code search_read(search *q, session *s, call *c)
{
    const Vault__V1__SearchRequest *in = q->in;
    c->collection = schema_collection(&s->manifest->schema, in->collection[0] ? in->collection : "residents");
    if (!c->collection) return refuse_at(&c->rq->err, "UNKNOWN_COLLECTION", "collection", -1);
    if (in->page_size < 0 || in->page_size > PAGE_MOST) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "page_size", -1);
    q->page = in->page_size ? (size_t)in->page_size : PAGE_DEFAULT;
    VAULT_TRY(read_conditions(q, s, c));
    VAULT_TRY(read_asked(q, s, c));
    return digest_request(q, s, c);
}

/* ---- values to terms ---- */

static vault_code normalise(bytes *out, session *s, call *c, size_t at, const char *text)
{
    vault_error why = {0};
    const condition *asked = &c->search->conditions[at];
    if (format_normalise(asked->field->format, s->mem, bytes_of_text(text), out, &why) == VAULT_OK) return VAULT_OK;
    if (why.code != VAULT_INVALID) return c->rq->err = why, why.code;
    return refuse_condition(c, at, part_of(asked->in), why.reason ? why.reason : "INVALID", -1);
}

static vault_code read_values(term_ask *ask, session *s, call *c, size_t at)
{
    const condition *asked = &c->search->conditions[at];
    bool plain = asked->kind != INDEX_SUFFIX;
    const Vault__V1__Values *in = plain ? asked->in->equals : asked->in->ends_with;
    bytes *values = arena_array(s->mem, in->n_values, sizeof *values);
    if (!values) return out_of_memory(c);
    for (size_t i = 0; i < in->n_values; i++) {
        values[i] = bytes_of_text(in->values[i]);
        if (!plain || normalise(&values[i], s, c, at, in->values[i]) == VAULT_OK) continue;
        if (c->rq->err.code != VAULT_INVALID) return c->rq->err.code;
        return refuse_condition(c, at, "equals.values", c->rq->err.reason, (long)i);
    }
    ask->values = values;
    ask->value_count = in->n_values;
    return VAULT_OK;
}

/* A year stands for itself: any day of it will do. */
static vault_code read_edge(bytes *out, session *s, call *c, size_t at, const char *text)
{
    bool year = format_is_date(c->search->conditions[at].field->format) && strlen(text) == 4;
    const char *day = year ? arena_format(s->mem, "%s0101", text) : text;
    if (!day) return out_of_memory(c);
    return text[0] ? normalise(out, s, c, at, day) : VAULT_OK;
}

static vault_code read_band(term_ask *ask, session *s, call *c, size_t at)
{
    const Vault__V1__Band *in = c->search->conditions[at].in->band;
    VAULT_TRY(read_edge(&ask->low, s, c, at, in->low));
    return read_edge(&ask->high, s, c, at, in->high);
}

static vault_code read_part(term_ask *ask, session *s, call *c, size_t at)
{
    bytes *part = arena_alloc(s->mem, sizeof *part);
    if (!part) return out_of_memory(c);
    *part = bytes_of_text(c->search->conditions[at].in->part);
    ask->values = part;
    ask->value_count = 1;
    return VAULT_OK;
}

static vault_code ask_condition(search *q, session *s, call *c, size_t at)
{
    condition *asked = &q->conditions[at];
    term_ask ask = {.kind = asked->kind, .streets = q->streets, .street_count = q->street_count};
    if (asked->in->question_case == VAULT__V1__CONDITION__QUESTION_SAME_AS) return VAULT_OK;
    VAULT_TRY(asked->kind == INDEX_BAND    ? read_band(&ask, s, c, at)
              : asked->kind == INDEX_NGRAM ? read_part(&ask, s, c, at)
                                           : read_values(&ask, s, c, at));
    vault_error why = {0};
    vault_code code = cabinet_ask(s->cabinet, &asked->question, asked->field, &ask, &why);
    if (code == VAULT_INVALID) return refuse_condition(c, at, part_of(asked->in), why.reason, -1);
    if (code != VAULT_OK) c->rq->err = why;
    return code;
}

vault_code search_ask(search *q, session *s, call *c)
{
    for (size_t i = 0; i < q->condition_count; i++) VAULT_TRY(ask_condition(q, s, c, i));
    return VAULT_OK;
}

/* ---- terms to probes ---- */

/* The ranges where a term can stand: of a kind by street those of its street alone. */
static size_t add_probes(term_probe *out, const search *q, const term_list *list, index_kind kind)
{
    size_t count = 0, each = index_by_street(kind) ? list->count / q->street_count : list->count;
    for (size_t t = 0; t < list->count; t++) {
        int64_t street = q->streets[each ? t / each : 0];
        for (size_t r = 0; r < q->reach.count; r++) {
            area_range in = q->reach.at[r];
            if (index_by_street(kind)) {
                if (in.low < street * STREET) in.low = street * STREET;
                if (in.high >= (street + 1) * STREET) in.high = (street + 1) * STREET - 1;
                if (in.low > in.high) continue;
            }
            if (out) out[count] = (term_probe){.term = list->at[t], .low = in.low, .high = in.high};
            count++;
        }
    }
    return count;
}

static vault_code add_set(search *q, session *s, call *c, size_t of, term_list terms)
{
    const condition *asked = &q->conditions[of];
    size_t at = q->set_count++, probes = add_probes(NULL, q, &terms, asked->kind);
    term_probe *all = arena_array(s->mem, probes + 1, sizeof *all);
    if (!all) return out_of_memory(c);
    /* What may be asked for does not depend on whether keys are being rotated. */
    if ((q->probes += probes / cabinet_term_versions(s->cabinet, asked->field)) > PROBES_MOST)
        return refuse_at(&c->rq->err, "TOO_MANY", "conditions", -1);
    q->term_sets[at] = (term_set){.at = all, .count = add_probes(all, q, &terms, asked->kind)};
    q->groups[at] = of;
    q->sets[at] = (sought){.terms = terms, .condition = of};
    record_sort_terms(&q->sets[at].terms);
    return VAULT_OK;
}

static vault_code add_condition(search *q, session *s, call *c, size_t of)
{
    const term_question *asked = &q->conditions[of].question;
    if (asked->count == 0) return add_set(q, s, c, of, (term_list){0}); /* nobody has it */
    for (size_t i = 0; i < asked->count; i++) VAULT_TRY(add_set(q, s, c, of, asked->lists[i]));
    return VAULT_OK;
}

vault_code search_plan(search *q, session *s, call *c)
{
    size_t sets = 0;
    for (size_t i = 0; i < q->condition_count; i++)
        sets += q->conditions[i].question.count ? q->conditions[i].question.count : 1;
    if (sets > SEARCH_SETS_MAX) return refuse_at(&c->rq->err, "TOO_MANY", "conditions", -1);
    for (size_t i = 0; i < q->condition_count; i++) VAULT_TRY(add_condition(q, s, c, i));
    q->what.sets = q->term_sets;
    q->what.set_count = q->set_count;
    q->what.groups = q->groups;
    q->what.group_count = q->condition_count;
    q->what.least = q->least;
    return VAULT_OK;
}
