/* What is kept of a field beside its value: search terms, names of residents, format-preserving tokens. */
#include "tests/unit/control/small.h"
#include "tokenizer/preserve.h"

/* The last field of residents, not retired, of this format, with no index. */
static json_t *extra_of(documents *d, const char *format_name_text)
{
    json_t *f = field_at(d, 0, 3);
    json_object_set_new(f, "format", json_string(format_name_text));
    set(f, "mask", "\"hidden\"");
    set(f, "index", "[]");
    json_object_del(f, "retired");
    return f;
}

static const schema_field *extra(const manifest_body *b)
{
    return schema_number(&b->m.schema, 255);
}

static manifest_body *with_kind(const char *format_text, const char *kinds)
{
    documents d = small_documents();
    set(extra_of(&d, format_text), "index", kinds);
    return build_of(&d);
}

TEST("each kind of index is taken where it fits, alone and beside others")
{
    static const struct {
        const char *format, *kinds;
        unsigned set;
    } good[] = {
        {"mobile", "[\"equality\", \"suffix\"]", 1U << INDEX_EQUALITY | 1U << INDEX_SUFFIX},
        {"person_name", "[\"ngram\", \"equality\"]", 1U << INDEX_EQUALITY | 1U << INDEX_NGRAM},
        {"date", "[\"band\"]", 1U << INDEX_BAND},
        {"amount", "[\"band\"]", 1U << INDEX_BAND},
        {"care_category", "[\"code\"]", 1U << INDEX_CODE},
        {"text200", "[\"ngram\"]", 1U << INDEX_NGRAM},
        {"text200", "[]", 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        manifest_body *b = with_kind(good[i].format, good[i].kinds);
        assert_int_equal(extra(b)->indexes, good[i].set);
        manifest_free(&b);
    }
}

TEST("for each kind and format, the schema takes what the tokenizer can make, and says else why not")
{
    for (const char *const *name = format_names(); *name; name++) {
        for (index_kind k = 0; k < INDEX_KINDS; k++) {
            const char *misfit = index_misfit(k, format_find(*name));
            char kinds[32];
            snprintf(kinds, sizeof kinds, "[\"%s\"]", index_kind_name(k));
            if (!misfit) {
                manifest_body *b = with_kind(*name, kinds);
                assert_int_equal(extra(b)->indexes, 1U << k);
                manifest_free(&b);
                continue;
            }
            documents d = small_documents();
            set(extra_of(&d, *name), "index", kinds);
            refused(&d, "schema.collections[0].fields[3].index", misfit);
        }
    }
}

TEST("an index that would show how few values are spread is refused with their number")
{
    static const char *const few[][2] = {{"sex", "'equality': format 'sex' has about 4 values"},
                                         {"care_category", "about 4 values"},
                                         {"date", "values"}};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        documents d = small_documents();
        set(extra_of(&d, few[i][0]), "index", "[\"equality\"]");
        refused(&d, "schema.collections[0].fields[3].index", few[i][1]);
    }
}

TEST("the ring of a field's terms is needed with any kind of index, and without an index with none")
{
    static const char *const kinds[] = {"[]", "[\"band\"]"};
    for (int with = 0; with < 2; with++) {
        manifest_body *b = with_kind("date", kinds[with]);
        assert_int_equal(extra(b)->indexes != 0, with);
        manifest_free(&b);
    }
}

/* ---- unique ---- */

TEST("residents are named by the natural key, and by a unique field that has equal terms")
{
    documents d = small_documents();
    json_t *f = extra_of(&d, "document");
    set(f, "index", "[\"equality\"]");
    set(f, "unique", "true");
    manifest_body *b = build_of(&d);
    assert_true(extra(b)->unique);
    assert_true(schema_find(&b->m.schema, bytes_of_text("id_number"))->unique);
    assert_true(schema_find(&b->m.schema, bytes_of_text("house_number"))->unique);
    assert_false(schema_find(&b->m.schema, bytes_of_text("residence_area"))->unique);
    manifest_free(&b);
}

TEST("a unique field without equal terms is refused: nobody could be found by it")
{
    static const char *const kinds[] = {"[]", "[\"suffix\"]"};
    for (size_t i = 0; i < 2; i++) {
        documents d = small_documents();
        json_t *f = extra_of(&d, "document");
        set(f, "index", kinds[i]);
        set(f, "unique", "true");
        refused(&d, "schema.collections[0].fields[3].unique", "needs the index \"equality\"");
    }
}

TEST("a natural key may say that it is unique, needs no index for it, and may not say that it is not")
{
    documents d = small_documents();
    set(field_at(&d, 0, 0), "unique", "true");
    manifest_body *b = build_of(&d);
    assert_true(schema_number(&b->m.schema, 1)->unique);
    manifest_free(&b);
    d = small_documents();
    set(field_at(&d, 0, 0), "unique", "false");
    refused(&d, "schema.collections[0].fields[0].unique", "leave");
    d = small_documents();
    set(extra_of(&d, "document"), "unique", "1");
    refused(&d, "schema.collections[0].fields[3].unique", "neither true nor false");
}

/* ---- token ---- */

TEST("a field has format-preserving tokens where its format has a million values to spread them over")
{
    for (const char *const *name = format_names(); *name; name++) {
        documents d = small_documents();
        uint64_t values = preserve_domain(format_find(*name));
        set(extra_of(&d, *name), "token", "\"ff1\"");
        if (values < PRESERVE_LEAST) {
            refused(&d, "schema.collections[0].fields[3].token", values ? "fewer than 1000000" : "leave it out");
            continue;
        }
        manifest_body *b = build_of(&d);
        assert_true(extra(b)->token);
        manifest_free(&b);
    }
    manifest_body *b = with_kind("mobile", "[]");
    assert_false(extra(b)->token);
    manifest_free(&b);
}

TEST("\"ff1\" is the one kind of token")
{
    static const char *const bad[] = {"\"\"", "\"FF1\"", "\"ff3\"", "\"ff1 \""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        documents d = small_documents();
        set(extra_of(&d, "mobile"), "token", bad[i]);
        refused(&d, "schema.collections[0].fields[3].token", "unknown kind");
    }
    documents d = small_documents();
    set(extra_of(&d, "mobile"), "token", "true");
    refused(&d, "schema.collections[0].fields[3].token", "not a text");
}
