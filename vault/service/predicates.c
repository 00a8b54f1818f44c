/* Tokens.BatchTest: predicates of the schema, answered by yes or no without the value.
 *
 * Who is compared with another resident needs both: each is judged by itself and has a line of its own, and what
 * refuses one refuses the other. The pair stands side by side among the items, and in one part. */
#include "vault/service/internal.h"

#include <stdio.h>

/* Of the one who is asked about; the one who is compared with has none. */
struct test_item {
    const schema_predicate *predicate;
    bytes than; /* normalised */
    record_answer answer;
};

/* ---- the question ---- */

static void refuse_in(item *it, const char *reason, const char *part)
{
    char path[64];
    snprintf(path, sizeof path, "items[%zu].%s", it->index, part);
    (void)refuse_at(&it->err, reason, path, -1);
}

static void read_token(session *s, item *it, const char *text, const char *part)
{
    char path[64];
    snprintf(path, sizeof path, "items[%zu].%s", it->index, part);
    item_token(s, it, text, path, -1);
}

static void read_value(session *s, item *it, const char *text)
{
    vault_error why = {0};
    const format *f = it->test->predicate->field->format;
    if (format_normalise(f, s->mem, bytes_of_text(text), &it->test->than, &why) != VAULT_OK)
        refuse_in(it, why.reason ? why.reason : "INVALID", "value");
}

/* The other one stands behind. */
static void read_other(session *s, item *it, const char *text)
{
    item *other = it + 1;
    other->index = it->index;
    it->with = other;
    other->with = it;
    read_token(s, other, text, "other_token");
    if (it->err.code == VAULT_OK) it->err = other->err;
}

static void read_than(session *s, item *it, const Vault__V1__TestItem *in)
{
    bool compares = predicate_compares(&it->test->predicate->test);
    bool by_value = in->than_case == VAULT__V1__TEST_ITEM__THAN_VALUE;
    bool by_other = in->than_case == VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN;
    if (by_other) read_other(s, it, in->other_token);
    if (compares && by_value)
        read_value(s, it, in->value);
    else if (compares && !by_other)
        refuse_in(it, "REQUIRED", "value");
    else if (!compares && (by_value || by_other))
        refuse_in(it, "NOTHING_TO_COMPARE", by_value ? "value" : "other_token");
    if (it->with) it->with->err = it->err; /* what cannot be asked of one is not asked of the other */
}

static bool has_other(const Vault__V1__TestItem *in)
{
    return in->than_case == VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN;
}

static vault_code read_items(session *s, call *c, const schema_predicate *p, const Vault__V1__BatchTestRequest *in)
{
    size_t others = 0;
    struct test_item *tests = arena_array(s->mem, in->n_items + 1, sizeof *tests);
    if (!tests) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for tests");
    for (size_t i = 0; i < in->n_items; i++) others += has_other(in->items[i]);
    VAULT_TRY(call_make_items(s, c, in->n_items + others, &c->rq->err));
    item *it = c->items;
    for (size_t i = 0; i < in->n_items; it += 1 + has_other(in->items[i]), i++) {
        tests[i] = (struct test_item){.predicate = p, .than = bytes_of("", 0)};
        it->index = i;
        it->test = &tests[i];
        read_token(s, it, in->items[i]->token, "token");
        read_than(s, it, in->items[i]);
    }
    return VAULT_OK;
}

/* Whoever could try out all values needs the right to the value itself. */
static void admit(session *s, call *c, const schema_predicate *p)
{
    bool plain = predicate_needs_plain(p);
    c->collection = p->field->collection;
    c->fields = p->name;
    c->groups = p->field->group;
    field_set_add(&c->facts.fields, plain ? p->field->number : p->number);
    call_admission(s, c, POLICY_REVEAL, plain ? FORM_PLAIN : FORM_PREDICATE);
    c->form = policy_form_name(FORM_PREDICATE);
}

static vault_code ask_test(session *s, call *c)
{
    const Vault__V1__BatchTestRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    const schema_predicate *p = schema_predicate_find(&s->manifest->schema, bytes_of_text(in->predicate));
    c->want_receipt = in->want_receipt;
    if (!in->predicate[0]) return refuse_at(err, "REQUIRED", "predicate", -1);
    if (!p) return refuse_at(err, "UNKNOWN_PREDICATE", "predicate", -1);
    if (in->n_items == 0) return refuse_at(err, "REQUIRED", "items", -1);
    if (in->n_items > CALL_ITEMS) return refuse_at(err, "TOO_MANY", "items", -1);
    admit(s, c, p);
    return read_items(s, c, p, in);
}

/* ---- the answer ---- */

static void refuse_with(item *it, const item *cause)
{
    it->err = cause->err;
    it->grant = (grant){0};
}

/* Before the lines are made. */
static vault_code join(session *s, item **items, size_t count, vault_error *err)
{
    (void)s, (void)err;
    for (size_t i = 0; i < count; i++) {
        item *it = items[i], *other = it->with;
        if (!it->test || !other) continue;
        if (it->err.code != VAULT_OK)
            refuse_with(other, it);
        else if (other->err.code != VAULT_OK)
            refuse_with(it, other);
    }
    return VAULT_OK;
}

static vault_code finish(session *s, item *it)
{
    struct test_item *t = it->test;
    if (!t) return VAULT_OK;
    const record_question q = {.predicate = t->predicate,
                               .grant = &it->grant,
                               .record = &it->record,
                               .other_grant = it->with ? &it->with->grant : NULL,
                               .other = it->with ? &it->with->record : NULL,
                               .than = t->than,
                               .today = it->call->facts.date};
    return record_ask(&t->answer, s->cabinet, &q, &it->err);
}

static const item_kind TEST = {.judge = judge_by_area, .prepare = join, .finish = finish};

static bool fill(void *result, const item *it)
{
    Vault__V1__TestResult *out = result;
    out->holds = it->test->answer == ANSWER_YES;
    out->absent = it->test->answer == ANSWER_ABSENT;
    return true;
}

/* The other resident of a question. */
static bool is_other(const item *it)
{
    return !it->test;
}

static const batch_shape TEST_ANSWER = {
    .response = &vault__v1__batch_test_response__descriptor, .fill = fill, .silent = is_other};

void tokens_batch_test(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)ask_test(s, calls[i]);
    batch_run(s, &TEST, calls, count);
    batch_answers(s, calls, count, &TEST_ANSWER);
}
