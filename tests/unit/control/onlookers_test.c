/* Masks are strong over all that one consumer may see, search and ask, by whatever rule and for whatever purpose. */
#include "tests/unit/control/fixture.h"

#include <time.h>

/* ---- documents ---- */

static json_t *field_of(const documents *d, const char *name)
{
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(entry(d, DOC_SCHEMA, "collections", 0), "fields"), i, value)
    {
        if (strcmp(json_string_value(json_object_get(value, "name")), name) == 0) return value;
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void mask_by(const documents *d, const char *name, const char *mask_json, const char *strength)
{
    set(field_of(d, name), "mask", mask_json);
    set(field_of(d, name), "mask_strength", strength);
}

/* No rules; eldercare and clinic are consumers of both purposes. ID numbers are masked at both ends, dates to the
 * year, and neither is claimed to be stronger than it is alone. */
static documents no_rules(void)
{
    documents d = dev_documents();
    set(d.of[DOC_POLICY], "rules", "[]");
    for (size_t i = 0; i < 3; i++)
        set(entry(&d, DOC_PURPOSES, "purposes", i), "consumers", "[\"eldercare\", \"clinic\", \"population\"]");
    mask_by(&d, "id_number", "\"id_ends\"", "1000");
    mask_by(&d, "birth_date", "\"date_year\"", "300");
    return d;
}

/* "action form fields", of eldercare for elder-care, in the district. */
static json_t *add_rule(const documents *d, const char *id, const char *action, const char *form, const char *fields)
{
    json_t *rule =
        parse("{\"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"areas\": [\"320411\"], \"acting\":"
              " \"app\", \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
    json_object_set_new(rule, "id", json_string(id));
    json_object_set_new(rule, "action", json_string(action));
    json_object_set_new(rule, "form", json_string(form));
    set(rule, "fields", fields);
    json_array_append_new(json_object_get(d->of[DOC_POLICY], "rules"), rule);
    return rule;
}

static void taken(documents *d)
{
    manifest_body *b = build_of(d);
    manifest_free(&b);
}

static void too_weak(documents *d, const char *what)
{
    refused(d, "policy.rules[0].fields", what);
}

/* ---- one rule ---- */

TEST("masks that leave too few ID numbers together are refused, with rule, field, consumer, numbers and mend")
{
    documents d = no_rules();
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    too_weak(&d,
             "care-show: the masked id_number leaves 'eldercare' 32 to guess among, fewer than 1000, with all that it "
             "sees beside it: leave one of them out");
    d = no_rules();
    mask_by(&d, "birth_date", "\"date_decade\"", "1000");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    too_weak(&d, "leaves 'eldercare' 197");
}

TEST("the same masks pass alone, hidden, with weaker claims, and where the ID number is not shown")
{
    documents d = no_rules();
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"name\"]");
    taken(&d);
    d = no_rules();
    mask_by(&d, "birth_date", "\"hidden\"", "300");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    taken(&d);
    d = no_rules();
    mask_by(&d, "id_number", "\"id_ends\"", "32");
    mask_by(&d, "birth_date", "\"date_year\"", "32");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    taken(&d);
    d = no_rules();
    add_rule(&d, "care-show", "reveal", "masked", "[\"name\", \"birth_date\"]");
    taken(&d);
    d = no_rules();
    mask_by(&d, "id_number", "\"hidden\"", "1000");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    taken(&d);
}

/* ---- rules together ---- */

TEST("what another rule shows, masked or in plain, by reveal or export, for another purpose, another role or another"
     " year, counts")
{
    static const struct {
        const char *action, *form, *key, *json, *left;
    } others[] = {
        {"reveal", "masked", NULL, NULL, " 32 "},
        {"reveal", "plain", NULL, NULL, " 1 "},
        {"export", "plain", NULL, NULL, " 1 "},
        {"reveal", "masked", "purpose", "\"family-doctor\"", " 32 "},
        {"reveal", "masked", "valid", "{\"from\": \"2030-01-01\", \"until\": \"2031-12-31\"}", " 32 "},
        {"reveal", "masked", "areas", "[\"320411002001\"]", " 32 "},
        {"reveal", "masked", "areas", "[\"32\"]", " 32 "},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        documents d = no_rules();
        add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]");
        json_t *rule = add_rule(&d, "other-show", others[i].action, others[i].form, "[\"birth_date\"]");
        if (others[i].key) set(rule, others[i].key, others[i].json);
        if (i == 0) {
            json_object_set_new(rule, "acting", json_string("person"));
            set(rule, "roles", "[\"nurse\"]");
        }
        const char *const said[] = {others[i].left, "with what rule 'other-show' tells"};
        manifest_body *b;
        assert_int_equal(manifest_build(&b, "v", &d, &err), VAULT_INVALID);
        assert_string_equal(err.field, "policy.rules[0].fields");
        for (size_t k = 0; k < 2; k++) {
            if (!strstr(err.detail, said[k])) fail_msg("'%s' does not say '%s'", err.detail, said[k]);
        }
        vault_error_clear(&err);
        documents_clear(&d);
    }
}

TEST("another consumer's rules, another area's, and forms that tell nothing of one resident do not count")
{
    static const struct {
        const char *action, *form, *fields, *key, *json;
    } others[] = {
        {"reveal", "masked", "[\"birth_date\"]", "consumer", "\"clinic\""},
        {"reveal", "plain", "[\"birth_date\"]", "consumer", "\"clinic\""},
        {"reveal", "plain", "[\"birth_date\"]", "areas", "[\"320412\", \"33\"]"},
        {"search", "count", "[\"birth_date\"]", "purpose", "\"elder-care\""},
        {"put", "plain", "[\"birth_date\"]", "purpose", "\"elder-care\""},
        {"issue", "nothing", "[\"id_number\"]", "purpose", "\"elder-care\""},
        {"reveal", "token", "[\"id_number\"]", "purpose", "\"elder-care\""},
        {"reveal", "predicate", "[\"same_street\", \"phone_is\"]", "purpose", "\"elder-care\""},
        {"search", "token", "[\"phone\"]", "purpose", "\"elder-care\""},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        documents d = no_rules();
        add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]");
        set(add_rule(&d, "other", others[i].action, others[i].form, others[i].fields), others[i].key, others[i].json);
        taken(&d);
    }
}

TEST("three rules that are strong by twos and weak together are refused")
{
    documents d = no_rules();
    mask_by(&d, "id_number", "\"id_area\"", "1000");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]");
    add_rule(&d, "care-birth", "reveal", "plain", "[\"birth_date\"]");
    taken(&d); /* 1,000 sequences */
    d = no_rules();
    mask_by(&d, "id_number", "\"id_area\"", "1000");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]");
    add_rule(&d, "care-sex", "reveal", "plain", "[\"sex\"]");
    taken(&d);
    d = no_rules();
    mask_by(&d, "id_number", "\"id_area\"", "1000");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]");
    add_rule(&d, "care-birth", "reveal", "plain", "[\"birth_date\"]");
    add_rule(&d, "care-sex", "reveal", "plain", "[\"sex\"]");
    too_weak(&d, "leaves 'eldercare' 500");
}

/* ---- the right to the plain value ---- */

static documents plain_beside(const char *key, const char *json)
{
    documents d = no_rules();
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    json_t *rule = add_rule(&d, "care-plain", "reveal", "plain", "[\"id_number\", \"birth_date\"]");
    if (key) set(rule, key, json);
    return d;
}

TEST("where a consumer may see a field in plain, its mask protects nothing and is not asked to")
{
    documents d = plain_beside(NULL, NULL);
    taken(&d);
    d = plain_beside("areas", "[\"32\"]");
    taken(&d);
    d = plain_beside("action", "\"export\"");
    taken(&d);
}

TEST("a plain right for a part of the area, for own areas, or for a shorter time leaves the mask to be strong")
{
    static const char *const narrower[][2] = {
        {"areas", "[\"320411002\"]"},
        {"areas", "[\"320412\"]"},
        {"valid", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-30\"}"},
        {"valid", "{\"from\": \"2026-01-02\", \"until\": \"2026-12-31\"}"},
        {"consumer", "\"clinic\""},
    };
    for (size_t i = 0; i < sizeof narrower / sizeof *narrower; i++) {
        documents d = plain_beside(narrower[i][0], narrower[i][1]);
        too_weak(&d, "the masked id_number leaves");
    }
    documents d = plain_beside("acting", "\"person\"");
    json_t *rule = entry(&d, DOC_POLICY, "rules", 1);
    set(rule, "roles", "[\"clerk\"]");
    set(rule, "own_area", "true");
    too_weak(&d, "the masked id_number leaves");
}

static void prohibit(documents *d, const char *forms, const char *key, const char *value)
{
    json_t *no = parse("{\"id\": \"no\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": \"any\","
                       " \"fields\": [\"id_number\"], \"areas\": \"any\"}");
    set(no, "forms", forms);
    if (key) set(no, key, value);
    set(d->of[DOC_POLICY], "classes",
        "[{\"id\": \"child\", \"field\": \"birth_date\", \"test\": \"age_under\", \"years\": 14}]");
    json_t *list = json_array();
    json_array_append_new(list, no);
    json_object_set_new(d->of[DOC_POLICY], "prohibitions", list);
}

TEST("of whom a prohibition keeps the plain value back, the mask is left to be strong")
{
    static const char *const some[][2] = {{"classes", "[\"child\"]"}, {"areas", "[\"320411002\"]"}};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        documents d = plain_beside(NULL, NULL);
        prohibit(&d, "[\"plain\"]", some[i][0], some[i][1]);
        too_weak(&d, "the masked id_number leaves");
        d = plain_beside(NULL, NULL);
        prohibit(&d, "\"any\"", some[i][0], some[i][1]); /* the mask, too */
        taken(&d);
        d = plain_beside(NULL, NULL);
        prohibit(&d, "[\"token\"]", some[i][0], some[i][1]);
        taken(&d);
    }
    documents d = plain_beside(NULL, NULL);
    prohibit(&d, "[\"plain\"]", "roles", "[\"clerk\"]"); /* others of the consumer see it */
    taken(&d);
    d = plain_beside("action", "\"export\"");
    prohibit(&d, "\"any\"", "actions", "[\"export\"]");
    set(json_array_get(json_object_get(d.of[DOC_POLICY], "prohibitions"), 0), "classes", "[\"child\"]");
    too_weak(&d, "the masked id_number leaves");
}

TEST("a plain right whose purpose is assessed for a shorter time leaves the mask to be strong")
{
    documents d = plain_beside("purpose", "\"family-doctor\"");
    taken(&d);
    d = plain_beside("purpose", "\"family-doctor\"");
    set(entry(&d, DOC_PURPOSES, "purposes", 2), "assessment", "{\"id\": \"PIA-2026-021\", \"until\": \"2026-12-30\"}");
    too_weak(&d, "the masked id_number leaves");
}

TEST("plain at home and masked elsewhere is strong as long as the masks are")
{
    documents d = no_rules();
    set(add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]"), "areas", "[\"3204\"]");
    add_rule(&d, "care-plain", "reveal", "plain", "[\"id_number\", \"birth_date\", \"sex\"]");
    taken(&d);
    d = no_rules();
    set(add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\"]"), "areas", "[\"3204\"]");
    add_rule(&d, "care-plain", "reveal", "plain", "[\"id_number\"]");
    set(add_rule(&d, "care-birth", "reveal", "plain", "[\"birth_date\"]"), "areas", "[\"320410\"]");
    too_weak(&d, "rule 'care-birth'");
}

/* ---- searches and predicates ---- */

/* The field is shown masked in one rule, and found or asked about by another. */
static documents beside_form(const char *field, const char *action, const char *form, const char *fields)
{
    documents d = no_rules();
    char list[80];
    snprintf(list, sizeof list, "[\"%s\"]", field);
    add_rule(&d, "care-show", "reveal", "masked", list);
    add_rule(&d, "care-ask", action, form, fields);
    return d;
}

TEST("a search by suffix tells no more of a mobile number than its mask shows, and more of a landline")
{
    documents d = beside_form("phone", "search", "token", "[\"phone\"]");
    taken(&d);
    d = beside_form("head_phone", "search", "token", "[\"head_phone\"]");
    set(field_of(&d, "head_phone"), "index", "[\"suffix\"]");
    too_weak(&d,
             "the masked head_phone leaves 'eldercare' 700 to guess among, fewer than 1000, with what rule 'care-ask'");
    d = beside_form("head_phone", "search", "token", "[\"head_phone\"]");
    set(field_of(&d, "head_phone"), "index", "[\"equality\"]");
    taken(&d);
    d = beside_form("head_phone", "search", "count", "[\"head_phone\"]");
    set(field_of(&d, "head_phone"), "index", "[\"suffix\"]");
    taken(&d);
}

TEST("a search by suffix shows the end of a masked ID number")
{
    documents d = beside_form("id_number", "search", "token", "[\"id_number\"]");
    mask_by(&d, "id_number", "\"id_area\"", "10000");
    set(field_of(&d, "id_number"), "index", "[\"suffix\"]");
    too_weak(&d, "leaves 'eldercare' 3181");
}

TEST("a search by band tells the year of a masked date, and of an income the band")
{
    documents d = beside_form("birth_date", "search", "token", "[\"birth_date\"]");
    mask_by(&d, "birth_date", "\"date_decade\"", "1000");
    too_weak(&d,
             "the masked birth_date leaves 'eldercare' 365 to guess among, fewer than 1000, with what rule 'care-ask'");
    d = beside_form("id_number", "search", "token", "[\"birth_date\"]");
    too_weak(&d, "the masked id_number leaves 'eldercare' 32");
    d = beside_form("annual_income", "search", "token", "[\"annual_income\"]");
    too_weak(&d, "leaves 'eldercare' 100");
    d = beside_form("care_category", "search", "token", "[\"care_category\"]");
    too_weak(&d, "leaves 'eldercare' 1 ");
    d = beside_form("name", "search", "token", "[\"name\"]");
    too_weak(&d, "leaves 'eldercare' 1 "); /* put together from its pairs */
    d = beside_form("residence_area", "search", "token", "[\"phone\"]");
    too_weak(&d, "leaves 'eldercare' 1 "); /* every search asks for areas */
    d = beside_form("registered_area", "search", "token", "[\"phone\"]");
    taken(&d);
}

TEST("counts tell what a search would where somebody can be named in them, and nothing where nobody can")
{
    documents d = beside_form("birth_date", "search", "count", "[\"birth_date\", \"phone\"]");
    mask_by(&d, "birth_date", "\"date_decade\"", "1000");
    too_weak(&d, "leaves 'eldercare' 365 to guess among"); /* as many with that phone among them, or one less */
    d = beside_form("care_category", "search", "count", "[\"care_category\"]");
    too_weak(&d, "leaves 'eldercare' 1 "); /* as many as share this one's */
    d = beside_form("birth_date", "search", "count", "[\"birth_date\", \"annual_income\"]");
    mask_by(&d, "birth_date", "\"date_decade\"", "1000");
    taken(&d);
}

TEST("predicates on ages part what a mask leaves of a birth date, and what the birth date leaves of the ID number")
{
    documents d = beside_form("birth_date", "reveal", "predicate", "[\"age_60\"]");
    too_weak(&d, "the masked birth_date leaves 'eldercare' 1 ");
    d = beside_form("birth_date", "reveal", "predicate", "[\"age_60\", \"age_75\"]");
    mask_by(&d, "birth_date", "\"hidden\"", "5000");
    taken(&d);
    d = beside_form("birth_date", "reveal", "predicate", "[\"age_60\", \"age_75\"]");
    mask_by(&d, "birth_date", "\"hidden\"", "6000");
    too_weak(&d, "leaves 'eldercare' 54"); /* fifteen years */
    d = beside_form("id_number", "reveal", "predicate", "[\"under_14\"]");
    too_weak(&d, "leaves 'eldercare' 458"); /* of fourteen years */
    d = beside_form("id_number", "reveal", "predicate", "[\"under_14\"]");
    mask_by(&d, "id_number", "\"id_ends\"", "458");
    taken(&d);
    d = beside_form("id_number", "reveal", "predicate", "[\"age_60\", \"age_75\"]");
    too_weak(&d, "the masked id_number leaves 'eldercare' 4"); /* an eleventh of fifteen years */
}

TEST("a predicate on areas tells so many digits, of the area and of the grid in it")
{
    documents d = beside_form("residence_area", "reveal", "predicate", "[\"same_street\"]");
    mask_by(&d, "residence_area", "\"division_county\"", "1000");
    taken(&d);
    d = beside_form("residence_area", "reveal", "predicate", "[\"same_street\"]");
    mask_by(&d, "residence_area", "\"division_county\"", "1001");
    too_weak(&d, "leaves 'eldercare' 1000");
    d = beside_form("grid", "reveal", "plain", "[\"residence_area\"]");
    mask_by(&d, "grid", "\"division_county\"", "1000");
    too_weak(&d, "leaves 'eldercare' 999");
    d = beside_form("residence_area", "reveal", "plain", "[\"grid\"]");
    too_weak(&d, "leaves 'eldercare' 1 ");
}

TEST("an ID number in plain tells the birth date and the sex, its end the sex")
{
    documents d = beside_form("birth_date", "reveal", "plain", "[\"id_number\"]");
    too_weak(&d, "the masked birth_date leaves 'eldercare' 1 ");
    d = beside_form("sex", "reveal", "plain", "[\"id_number\"]");
    too_weak(&d, "the masked sex leaves 'eldercare' 1 ");
    d = beside_form("sex", "reveal", "masked", "[\"id_number\"]");
    too_weak(&d, "the masked sex leaves 'eldercare' 1 ");
    d = beside_form("sex", "reveal", "masked", "[\"id_number\"]");
    mask_by(&d, "id_number", "\"id_area\"", "1000");
    taken(&d);
    d = beside_form("permit_expires", "reveal", "plain", "[\"id_number\"]");
    taken(&d); /* no birth date */
}

TEST("the ends of an ID number leave few birth dates of a year, whatever little is claimed for the number")
{
    documents d = no_rules();
    mask_by(&d, "id_number", "\"id_ends\"", "30");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\"]");
    too_weak(&d, "the masked birth_date leaves 'eldercare' 32 to guess among, fewer than 300");
    d = no_rules();
    mask_by(&d, "id_number", "\"id_area\"", "30");
    add_rule(&d, "care-show", "reveal", "masked", "[\"id_number\", \"birth_date\", \"permit_expires\"]");
    taken(&d);
}

TEST("a format-preserving token of a mobile number shows its head")
{
    documents d = beside_form("phone", "reveal", "token", "[\"phone\"]");
    mask_by(&d, "phone", "\"hidden\"", "100000000");
    taken(&d);
    d = beside_form("phone", "reveal", "token", "[\"phone\"]");
    mask_by(&d, "phone", "\"hidden\"", "100000000");
    add_rule(&d, "care-find", "search", "token", "[\"phone\"]");
    too_weak(&d, "leaves 'eldercare' 10000 ");
}

/* ---- counted by force ---- */

static uint64_t left_with(const manifest_body *b, const char *field, sight how)
{
    onlooker by = {0};
    const schema_field *f = schema_find(&b->m.schema, bytes_of_text(field));
    assert_non_null(f);
    field_set_add(&by.seen[SEEN_MASKED], f->number);
    if (how != SEEN_MASKED) field_set_add(&by.seen[how], f->number);
    return masked_left(&by, f);
}

static bool is_valid(const char *format_text, arena *mem, const char *text)
{
    bytes canonical;
    vault_error why = {0};
    return format_normalise(format_find(format_text), mem, bytes_of_text(text), &canonical, &why) == VAULT_OK &&
           bytes_same(canonical, bytes_of_text(text));
}

TEST("counted one by one: landlines of one end and mobile numbers of one end are as many as is claimed")
{
    documents d = no_rules();
    set(field_of(&d, "head_phone"), "index", "[\"suffix\"]");
    mask_by(&d, "phone", "\"hidden\"", "1000");
    manifest_body *b = build_of(&d);
    arena *mem = arena_new(1 << 20);
    unsigned landlines = 0, heads = 0;
    for (unsigned n = 0; n < 1000; n++) {
        char landline[16], mobile[16];
        bytes shown;
        snprintf(landline, sizeof landline, "0519-%03u1234", n);
        snprintf(mobile, sizeof mobile, "%03u00001234", n);
        arena_reset(mem);
        heads += is_valid("mobile", mem, mobile);
        if (!is_valid("phone", mem, landline)) continue;
        expect_ok(mask_apply(mask_find("mobile_ends"), mem, bytes_of_text(landline), &shown, &err), &err);
        landlines += bytes_same(shown, bytes_of_text("0519-****234"));
    }
    assert_int_equal(left_with(b, "head_phone", SEEN_FOUND), landlines);
    assert_int_equal(left_with(b, "phone", SEEN_FOUND), heads * 10000);
    arena_free(&mem);
    manifest_free(&b);
}

/* Dates of a year, or of a decade and of a year within it, by what mask and band show of each. */
TEST("counted one by one: a decade and a band leave the least year of 1930 to 2025")
{
    documents d = no_rules();
    mask_by(&d, "birth_date", "\"date_decade\"", "1");
    manifest_body *b = build_of(&d);
    arena *mem = arena_new(1 << 20);
    unsigned in_band[2100] = {0}, least = UINT_MAX;
    for (unsigned day = 19300101; day <= 20251231; day++) {
        char text[16];
        bytes shown;
        snprintf(text, sizeof text, "%u", day);
        arena_reset(mem);
        if (!is_valid("date", mem, text)) continue;
        expect_ok(mask_apply(mask_find("date_decade"), mem, bytes_of_text(text), &shown, &err), &err);
        assert_memory_equal(shown.at, text, 3);
        in_band[day / 10000]++;
    }
    for (unsigned year = 1930; year <= 2025; year++) least = in_band[year] < least ? in_band[year] : least;
    assert_int_equal(left_with(b, "birth_date", SEEN_FOUND), least);
    arena_free(&mem);
    manifest_free(&b);
}

/* ---- browsing, and large policies ---- */

TEST("masks in one list of a permit are strong together")
{
    documents d = no_rules();
    set(d.of[DOC_BROWSING], "permits",
        "[{\"id\": \"check\", \"principal\": \"officer-wang\", \"collection\": \"residents\", \"area\": \"320411002\","
        " \"fields\": [\"id_number\", \"birth_date\"], \"rows\": 50, \"reason\": \"r\", \"until\": \"2026-12-31\"}]");
    refused(&d, "browsing.permits[0].fields", "check: beside the others the masked id_number leaves fewer than 1000");
    d = no_rules();
    manifest_body *b = build_of(&d);
    const collection *people = schema_collection(&b->m.schema, "residents");
    field_set both = {0};
    field_set_add(&both, schema_find(&b->m.schema, bytes_of_text("id_number"))->number);
    assert_null(masked_weakest(people, both));
    field_set_add(&both, schema_find(&b->m.schema, bytes_of_text("birth_date"))->number);
    assert_string_equal(masked_weakest(people, both)->name, "id_number");
    assert_null(masked_weakest(people, (field_set){0}));
    manifest_free(&b);
}

TEST("thousands of rules of one consumer, each for another area, are looked at in two seconds")
{
    documents d = no_rules();
    for (unsigned i = 0; i < 8000; i++) {
        char id[24], area[24], day[16];
        snprintf(id, sizeof id, "show-%u", i);
        snprintf(area, sizeof area, "[\"3204%08u\"]", 10000000 + i);
        snprintf(day, sizeof day, "%04u-%02u-%02u", 2026 + i / 336, 1 + i / 28 % 12, 1 + i % 28);
        json_t *rule = add_rule(&d, id, "reveal", i % 2 ? "masked" : "plain", "[\"phone\", \"name\", \"id_number\"]");
        set(rule, "areas", area);
        json_object_set_new(rule, "valid", json_pack("{s:s, s:s}", "from", day, "until", day));
    }
    clock_t begin = clock();
    taken(&d);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 2);
}

TEST("ages are counted once where many rules ask for the same")
{
    documents d = no_rules();
    mask_by(&d, "id_number", "\"id_ends\"", "400");
    for (unsigned i = 0; i < 200; i++) {
        char id[24], area[24];
        snprintf(id, sizeof id, "show-%u", i);
        snprintf(area, sizeof area, "[\"3204%08u\"]", 10000000 + i);
        json_t *rule = add_rule(&d, id, "reveal", "masked", "[\"id_number\"]");
        set(rule, "areas", area);
        char day[16];
        snprintf(day, sizeof day, "20%02u-01-01", i / 12 + 27);
        json_object_set_new(rule, "valid", json_pack("{s:s, s:s}", "from", day, "until", day));
    }
    set(add_rule(&d, "ask", "reveal", "predicate", "[\"under_14\"]"), "areas", "[\"32\"]");
    clock_t begin = clock();
    taken(&d);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 2);
}
