/* Any text as the schema beside a small good set of the other documents. It is refused with a path, or what was frozen
 * holds together; as a change of a standing schema it is refused with a path, or every field that stood is still read.
 */
#include "tokenizer/preserve.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELD(name, number, format, rest)                                                                              \
    "{\"name\":\"" name "\",\"number\":" number ",\"label\":\"" name "\",\"format\":\"" format                         \
    "\",\"group\":\"g\",\"class\":\"personal\",\"level\":2,\"owner\":\"police\",\"retention\":\"P1Y\","                \
    "\"mask\":\"hidden\",\"mask_strength\":1,\"index\":[]" rest "}"

#define PEOPLE                                                                                                         \
    FIELD("id", "1", "resident_id", "")                                                                                \
    "," FIELD("area", "2", "division", "") "," FIELD("grid", "3", "grid", "") "," FIELD("note", "4", "text50", "")
#define OLD FIELD("old", "5", "date", ",\"retired\":true")
#define ADULT                                                                                                          \
    "{\"name\":\"adult\",\"number\":8,\"label\":\"18\",\"field\":\"id\",\"test\":\"age_at_least\",\"years\":18}"
#define HOUSES FIELD("house", "6", "code30", "") "," FIELD("place", "7", "division", "")

static const char standing[] =
    "{\"collections\":[{\"name\":\"residents\",\"label\":\"r\",\"number\":1,\"natural_key\":\"id\",\"area\":\"area\","
    "\"grid\":\"grid\",\"fields\":[" PEOPLE "," OLD "],\"predicates\":[" ADULT "]},"
    "{\"name\":\"houses\",\"label\":\"h\",\"number\":2,\"natural_key\":\"house\",\"area\":\"place\","
    "\"fields\":[" HOUSES "]}]}";

static const char *const good[DOCUMENTS] = {
    [DOC_PRINCIPALS] = "{\"approvals\":1,\"departments\":[{\"id\":\"police\",\"name\":\"p\",\"number\":1,"
                       "\"assertion_keys\":[]}],\"roles\":[],\"apps\":[],\"officers\":[{\"id\":\"officer\",\"uri\":"
                       "\"vault://dev/officer\",\"certificates\":[{\"sha256\":"
                       "\"1111111111111111111111111111111111111111111111111111111111111111\"}]}],"
                       "\"administrators\":[{\"id\":\"admin\",\"uri\":\"vault://dev/admin\",\"certificates\":[{"
                       "\"sha256\":\"2222222222222222222222222222222222222222222222222222222222222222\"}]}]}",
    [DOC_PERSONS] = "{\"persons\":[]}",
    [DOC_PURPOSES] = "{\"purposes\":[]}",
    [DOC_POLICY] = "{\"rules\":[]}",
    [DOC_SHARING] = "{\"bases\":[]}",
    [DOC_BROWSING] = "{\"permits\":[]}"};

/* NULL for what is no JSON, or is refused. */
static manifest_body *build_with(bytes text)
{
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    vault_error err = {0};
    manifest_body *body = NULL;
    if (json_read(&docs.of[DOC_SCHEMA], text, "fuzz", &err) != VAULT_OK) return NULL;
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        if (good[i] && json_read(&docs.of[i], bytes_of_text(good[i]), "fuzz", &err) != VAULT_OK) abort();
    }
    if (manifest_build(&body, "fuzz", &docs, &err) == VAULT_OK) return body;
    if (body || err.code != VAULT_INVALID || !err.field[0] || !err.detail[0] || !err.reason) abort();
    return NULL;
}

static void check_part(const collection *c, const schema_field *part, bool needed)
{
    if (!part && !needed) return;
    if (!part || part->collection != c || part->retired) abort();
}

/* Terms, names and tokens are made of what the formats can give. */
static void check_kept(const schema_field *f)
{
    for (index_kind k = 0; k < INDEX_KINDS; k++) {
        if (f->indexes & 1U << k && index_misfit(k, f->format)) abort();
    }
    if (f->indexes >> INDEX_KINDS) abort();
    if (f->unique && f != f->collection->natural_key && !(f->indexes & 1U << INDEX_EQUALITY)) abort();
    if (!f->unique && f == f->collection->natural_key) abort();
    if (f->token && preserve_domain(f->format) < PRESERVE_LEAST) abort();
}

static void check_predicate(const schema *s, const collection *c, const schema_predicate *p)
{
    if (schema_predicate_find(s, bytes_of_text(p->name)) != p || schema_find(s, bytes_of_text(p->name))) abort();
    if (schema_number(s, p->number) || p->number < 1 || p->number >= POLICY_FIELDS_MAX) abort();
    if (p->field->collection != c || predicate_misfit(&p->test, p->field->format)) abort();
}

static void check_collection(const schema *s, const collection *c)
{
    if (schema_collection(s, c->name) != c || schema_collection_number(s, c->number) != c) abort();
    check_part(c, c->natural_key, true);
    check_part(c, c->area, true);
    check_part(c, c->grid, false);
    for (size_t i = 0; i < c->count; i++) {
        const schema_field *f = c->fields[i];
        if (f->collection != c || (i > 0 && c->fields[i - 1]->number >= f->number)) abort();
        if (schema_find(s, bytes_of_text(f->name)) != f || schema_number(s, f->number) != f) abort();
        if (!f->mask || mask_strength(f->mask, f->format) < f->mask_strength || f->mask_strength < 1) abort();
        if (f->retention_months < 1 || f->retention_months > 1200 || f->owner_no != 1) abort();
        if (f->number < 1 || f->number >= POLICY_FIELDS_MAX || f->level < 1 || f->level > 4) abort();
        check_kept(f);
    }
    for (size_t i = 0; i < c->predicate_count; i++) check_predicate(s, c, &c->predicates[i]);
}

static void check_schema(const schema *s)
{
    size_t fields = 0;
    for (size_t i = 0; i < s->collection_count; i++) {
        check_collection(s, &s->collections[i]);
        fields += s->collections[i].count;
    }
    if (fields != s->count || !schema_collection(s, "residents")) abort();
}

static void check_change(const manifest_body *old, const manifest_body *next)
{
    vault_error err = {0};
    if (manifest_check_change(next, next, &err) != VAULT_OK) abort();
    if (manifest_check_change(old, next, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.field[0] || strcmp(err.reason, "CHANGE_UNREADABLE") != 0) abort();
        return;
    }
    for (size_t i = 0; i < old->field_count; i++) {
        const schema_field *f = &old->fields[i], *now = schema_number(&next->m.schema, f->number);
        if (!now || strcmp(now->name, f->name) != 0 || now->collection->number != f->collection->number) abort();
        if (now->format != f->format && strcmp(f->name, "note") != 0) abort();
    }
    for (size_t i = 0; i < old->predicate_count; i++) {
        const schema_predicate *p = &old->predicates[i],
                               *now = schema_predicate_find(&next->m.schema, bytes_of_text(p->name));
        if (!now || now->number != p->number || strcmp(now->field->name, p->field->name) != 0) abort();
        if (now->test.kind != p->test.kind || now->test.amount != p->test.amount) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static manifest_body *old;
    if (!old && !(old = build_with(bytes_of_text(standing)))) abort();
    VAULT_CLEANUP(manifest_free) manifest_body *next = build_with(bytes_of(data, size));
    if (!next) return 0;
    check_schema(&next->m.schema);
    check_change(old, next);
    return 0;
}
