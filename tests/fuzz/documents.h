/* A small good set of documents, for the fuzz targets that change one of them. */
#pragma once
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_DAYS "{\"from\":\"2026-01-01\",\"until\":\"2026-12-31\"}"
#define FUZZ_FIELD(name, number, format, class, mask, rest)                                                            \
    "{\"name\":\"" name "\",\"number\":" number ",\"label\":\"" name "\",\"format\":\"" format                         \
    "\",\"group\":\"g\",\"class\":\"" class "\",\"level\":2,\"owner\":\"police\",\"retention\":\"P1Y\",\"mask\":"      \
                                            "\"" mask "\",\"mask_strength\":1,\"index\":[" rest "]}"
#define FUZZ_CALLER(id, sha256)                                                                                        \
    "{\"id\":\"" id "\",\"uri\":\"vault://dev/" id "\",\"certificates\":[{\"sha256\":\"" sha256 "\"}]}"
#define FUZZ_ZEROS "000000000000000000000000000000000000000000000000000000000000000"

static const char *const fuzz_good[DOC_DOMAINS] = {
    [DOC_SCHEMA] =
        "{\"collections\":[{\"name\":\"residents\",\"label\":\"r\",\"number\":1,\"natural_key\":\"id_number\","
        "\"area\":\"area\",\"fields\":[" FUZZ_FIELD(
            "id_number", "1", "resident_id", "sensitive", "id_ends",
            "") "," FUZZ_FIELD("area", "2", "division", "general", "division_county",
                               "") "," FUZZ_FIELD("birth", "3", "date", "personal", "date_year",
                                                  "") "," FUZZ_FIELD("phone", "4", "mobile", "personal", "mobile_ends",
                                                                     "\"equality\"") "]}]}",
    [DOC_PRINCIPALS] =
        "{\"approvals\":1,\"departments\":[{\"id\":\"police\",\"name\":\"p\",\"number\":1,\"assertion_keys\":[]}],"
        "\"roles\":[{\"id\":\"clerk\",\"title\":\"c\"}],\"apps\":[{\"id\":\"app\",\"department\":\"police\","
        "\"uri\":\"vault://dev/app\",\"certificates\":[]},{\"id\":\"other\",\"department\":\"police\","
        "\"uri\":\"vault://dev/other\",\"certificates\":[]}],\"officers\":[" FUZZ_CALLER(
            "officer", FUZZ_ZEROS "1") "],\"administrators\":[" FUZZ_CALLER("admin", FUZZ_ZEROS "2") "]}",
    [DOC_PERSONS] = "{\"persons\":[{\"id\":\"p2\",\"name\":\"n\",\"department\":\"police\",\"role\":\"clerk\","
                    "\"areas\":[\"32\"],\"contract\":" FUZZ_DAYS ",\"suspended\":false}]}",
    [DOC_PURPOSES] = "{\"purposes\":[{\"id\":\"care\",\"title\":\"t\",\"basis\":\"b\",\"notice\":\"n\",\"forms\":"
                     "[\"plain\",\"masked\"],\"retention\":\"P3Y\",\"assessment\":"
                     "{\"id\":\"A-1\",\"until\":\"2027-12-31\"},\"consumers\":[\"app\"]}]}",
    [DOC_POLICY] = "{\"rules\":[{\"id\":\"r\",\"action\":\"reveal\",\"consumer\":\"app\",\"purpose\":\"care\","
                   "\"fields\":[\"id_number\"],\"form\":\"masked\",\"areas\":[\"32\"],\"acting\":\"person\","
                   "\"roles\":[\"clerk\"],\"own_area\":true,\"valid\":" FUZZ_DAYS "}]}",
    [DOC_SHARING] = "{\"bases\":[{\"id\":\"s\",\"item\":\"i\",\"from\":\"other\",\"to\":\"app\",\"purpose\":\"care\","
                    "\"areas\":[\"32\"],\"valid\":" FUZZ_DAYS "}]}",
    [DOC_BROWSING] = "{\"permits\":[{\"id\":\"b\",\"principal\":\"officer\",\"collection\":\"residents\","
                     "\"area\":\"320411002\",\"fields\":[\"phone\"],\"rows\":50,\"reason\":\"r\",\"until\":"
                     "\"2026-12-31\"}]}",
};

static inline documents fuzz_documents(void)
{
    documents d = {0};
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        d.of[i] = json_loads(fuzz_good[i], 0, NULL);
        if (!d.of[i]) abort();
    }
    return d;
}

/* Built once. */
static inline const manifest_body *fuzz_standing(void)
{
    static manifest_body *standing;
    vault_error err = {0};
    if (standing) return standing;
    documents d = fuzz_documents();
    if (manifest_build(&standing, "fuzz", &d, &err) != VAULT_OK) {
        fprintf(stderr, "%s: %s\n", err.field, err.detail);
        abort();
    }
    documents_clear(&d);
    return standing;
}

/* A fault says something, in UTF-8 that no terminal obeys. */
static inline void fuzz_expect_fault(const document_fault *fault)
{
    if (!fault->text[0] || (fault->line == 0) != (fault->column == 0)) abort();
    for (const char *at = fault->text; *at;) {
        size_t one = utf8_sequence(bytes_of_text(at));
        if (one == 0 || (unsigned char)*at < ' ') abort();
        at += one;
    }
}
