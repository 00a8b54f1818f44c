/* A schema of two small collections, to be changed key by key. */
#pragma once
#include "tests/unit/control/fixture.h"

static inline json_t *collection_at(const documents *d, size_t i)
{
    return entry(d, DOC_SCHEMA, "collections", i);
}

static inline json_t *field_at(const documents *d, size_t i, size_t k)
{
    json_t *found = json_array_get(json_object_get(collection_at(d, i), "fields"), k);
    assert_non_null(found);
    return found;
}

/* A document of two small collections: residents and houses. */
static inline documents small_documents(void)
{
    static const char text[] =
        "{\"collections\": [{\"name\": \"residents\", \"label\": \"people\", \"number\": 1, \"natural_key\": "
        "\"id_number\", \"area\": \"residence_area\", \"grid\": \"grid\", \"fields\": ["
        "{\"name\": \"id_number\", \"number\": 1, \"label\": \"id\", \"format\": \"resident_id\", \"group\": "
        "\"identity\", "
        "\"class\": \"sensitive\", \"level\": 4, \"owner\": \"public-security\", \"retention\": \"P10Y\", \"mask\": "
        "\"id_area\", \"mask_strength\": 1000, \"index\": []},"
        "{\"name\": \"residence_area\", \"number\": 18, \"label\": \"area\", \"format\": \"division\", \"group\": "
        "\"residence\", \"class\": \"general\", \"level\": 2, \"owner\": \"public-security\", \"retention\": \"P18M\", "
        "\"mask\": \"hidden\", \"mask_strength\": 1, \"index\": []},"
        "{\"name\": \"grid\", \"number\": 5, \"label\": \"grid\", \"format\": \"grid\", \"group\": \"residence\", "
        "\"class\": \"general\", \"level\": 1, \"owner\": \"civil-affairs\", \"retention\": \"P100Y\", \"mask\": "
        "\"division_county\", \"mask_strength\": 2, \"index\": []},"
        "{\"name\": \"phone\", \"number\": 255, \"label\": \"phone\", \"format\": \"phone\", \"group\": \"contact\", "
        "\"class\": \"personal\", \"level\": 3, \"owner\": \"civil-affairs\", \"retention\": \"P1M\", \"mask\": "
        "\"mobile_ends\", \"mask_strength\": 1000, \"index\": [\"equality\"], \"retired\": true}]},"
        "{\"name\": \"houses\", \"label\": \"houses\", \"number\": 255, \"natural_key\": \"house_number\", \"area\": "
        "\"house_area\", \"fields\": ["
        "{\"name\": \"house_area\", \"number\": 20, \"label\": \"area\", \"format\": \"division\", \"group\": "
        "\"house\", "
        "\"class\": \"general\", \"level\": 2, \"owner\": \"civil-affairs\", \"retention\": \"P10Y\", \"mask\": "
        "\"hidden\", \"mask_strength\": 1, \"index\": []},"
        "{\"name\": \"house_number\", \"number\": 3, \"label\": \"number\", \"format\": \"code30\", \"group\": "
        "\"house\", "
        "\"class\": \"general\", \"level\": 2, \"owner\": \"civil-affairs\", \"retention\": \"P10Y\", \"mask\": "
        "\"hidden\", \"mask_strength\": 1, \"index\": []}]}]}";
    documents d = dev_documents();
    json_decref(d.of[DOC_SCHEMA]);
    json_decref(d.of[DOC_POLICY]);
    d.of[DOC_SCHEMA] = parse(text);
    d.of[DOC_POLICY] = parse("{\"rules\": []}");
    return d;
}
