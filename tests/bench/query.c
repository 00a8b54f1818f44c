#include "tests/bench/query.h"

#include <stdio.h>
#include <string.h>

bool query_named(query_kind *out, const char *name)
{
    static const char *const names[QUERY_KINDS] = {"equality", "suffix", "ngram", "and"};
    for (*out = 0; *out < QUERY_KINDS; ++*out)
        if (strcmp(names[*out], name) == 0) return true;
    return false;
}

static void add(query *to, const char *field, int question, const char *text, size_t len)
{
    query_condition *c = &to->conditions[to->count++];
    c->field = field;
    c->question = (unsigned)question;
    snprintf(c->text, sizeof c->text, "%.*s", (int)len, text);
}

/* The first two characters of a name of ideographs. */
static bool add_part(query *to, const resident *r)
{
    bytes name = resident_value(r, FIELD_NAME);
    if (name.len < 6 || name.at[0] < 0xe0 || name.at[0] >= 0xf0 || name.at[3] < 0xe0 || name.at[3] >= 0xf0)
        return false;
    add(to, "name", ASK_PART, (const char *)name.at, 6);
    return true;
}

bool query_make(query *out, query_kind k, const resident *r)
{
    const char *phone = resident_text(r, FIELD_PHONE);
    *out = (query){.count = 0};
    if (k == QUERY_EQUALITY || k == QUERY_SUFFIX) {
        if (strlen(phone) != 11) return false;
        bool whole = k == QUERY_EQUALITY;
        add(out, "phone", whole ? ASK_EQUALS : ASK_ENDS_WITH, whole ? phone : phone + 7, 11);
        return true;
    }
    snprintf(out->area, sizeof out->area, "%.9s", resident_text(r, FIELD_RESIDENCE_AREA));
    if (!add_part(out, r)) return false;
    if (k == QUERY_NGRAM) return true;
    add(out, "birth_date", ASK_BAND, resident_text(r, FIELD_BIRTH_DATE), 8);
    if (strlen(phone) == 11) add(out, "phone", ASK_ENDS_WITH, phone + 7, 4);
    return out->count == QUERY_CONDITIONS;
}
