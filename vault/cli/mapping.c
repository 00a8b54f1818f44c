#include "vault/cli/mapping.h"

#include "vault/base/character.h"
#include "vault/cli/csv.h"

#include <stdio.h>
#include <string.h>

/* Headings of real tables that are neither name nor label of a field. The first field that the collection has counts.
 */
static const struct alias {
    const char *heading, *field;
} aliases[] = {
    {"身份证号", "id_number"},
    {"身份证号码", "id_number"},
    {"身份证", "id_number"},
    {"公民身份证号", "id_number"},
    {"公民身份证号码", "id_number"},
    {"居民身份证号码", "id_number"},
    {"证件号码", "id_number"},
    {"idno", "id_number"},
    {"idcard", "id_number"},
    {"sfzh", "id_number"},
    {"sfzhm", "id_number"},
    {"姓名", "name"},
    {"名字", "name"},
    {"居民姓名", "name"},
    {"fullname", "name"},
    {"xm", "name"},
    {"曾用名", "former_name"},
    {"性别", "sex"},
    {"gender", "sex"},
    {"xb", "sex"},
    {"出生日期", "birth_date"},
    {"出生年月日", "birth_date"},
    {"生日", "birth_date"},
    {"dateofbirth", "birth_date"},
    {"birthday", "birth_date"},
    {"csrq", "birth_date"},
    {"民族", "ethnicity"},
    {"mz", "ethnicity"},
    {"籍贯", "native_place"},
    {"婚姻状况", "marital_status"},
    {"婚姻", "marital_status"},
    {"婚否", "marital_status"},
    {"政治面貌", "political_status"},
    {"学历", "education"},
    {"文化程度", "education"},
    {"宗教信仰", "religion"},
    {"职业类别", "occupation_type"},
    {"职业", "occupation"},
    {"服务处所", "workplace"},
    {"工作单位", "workplace"},
    {"单位", "workplace"},
    {"手机号", "phone"},
    {"手机号码", "phone"},
    {"手机", "phone"},
    {"联系电话", "phone"},
    {"联系方式", "phone"},
    {"电话", "phone"},
    {"电话号码", "phone"},
    {"mobile", "phone"},
    {"telephone", "phone"},
    {"lxdh", "phone"},
    {"户籍地", "registered_area"},
    {"户籍所在地", "registered_area"},
    {"户籍区划", "registered_area"},
    {"户籍地址", "registered_address"},
    {"户籍详址", "registered_address"},
    {"户口地址", "registered_address"},
    {"现住地", "residence_area"},
    {"现居住地", "residence_area"},
    {"居住地", "residence_area"},
    {"现住地区划", "residence_area"},
    {"现住址", "residence_address"},
    {"现居住地址", "residence_address"},
    {"居住地址", "residence_address"},
    {"现住地址", "residence_address"},
    {"家庭住址", "residence_address"},
    {"住址", "residence_address"},
    {"address", "residence_address"},
    {"户号", "household_number"},
    {"与户主关系", "relation_to_head"},
    {"户主关系", "relation_to_head"},
    {"关怀类别", "care_category"},
    {"网格", "grid"},
    {"网格编码", "grid"},
    {"所属网格", "grid"},
};

/* ---- headings ---- */

char *heading_canonical(arena *mem, const char *heading)
{
    char *text = arena_alloc(mem, strlen(heading) + 1);
    size_t len = 0;
    for (bytes rest = bytes_of_text(heading); text && rest.len > 0;) {
        const uint8_t *from = rest.at;
        uint32_t c = character_folded(&rest);
        if (c <= ' ' || c == '*' || c == '_' || c == '-' || c == 0xfeff) continue;
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        if (c < 0x80)
            text[len++] = (char)c;
        else
            memcpy(text + len, from, (size_t)(rest.at - from)), len += (size_t)(rest.at - from);
    }
    return text;
}

static const Vault__V1__Field *field_named(const Vault__V1__Collection *c, const char *name)
{
    for (size_t i = 0; i < c->n_fields; i++) {
        if (strcmp(c->fields[i]->name, name) == 0) return c->fields[i];
    }
    return NULL;
}

static const Vault__V1__Field *field_by_alias(const Vault__V1__Collection *c, const char *canonical)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        const Vault__V1__Field *field =
            strcmp(aliases[i].heading, canonical) == 0 ? field_named(c, aliases[i].field) : NULL;
        if (field) return field;
    }
    return NULL;
}

const Vault__V1__Field *heading_field(const Vault__V1__Collection *c, arena *mem, const char *heading)
{
    const char *wanted = heading_canonical(mem, heading);
    const Vault__V1__Field *labelled = NULL;
    if (!wanted || !*wanted) return NULL;
    for (size_t i = 0; i < c->n_fields; i++) {
        const char *name = heading_canonical(mem, c->fields[i]->name),
                   *label = heading_canonical(mem, c->fields[i]->label);
        if (name && strcmp(name, wanted) == 0) return c->fields[i];
        if (!labelled && label && strcmp(label, wanted) == 0) labelled = c->fields[i];
    }
    return labelled ? labelled : field_by_alias(c, wanted);
}

/* ---- what could be meant ---- */

/* How many characters of `a` stand in `b`. */
static size_t common_characters(const char *a, const char *b)
{
    size_t count = 0;
    for (bytes left = bytes_of_text(a); left.len > 0;) {
        uint32_t c = character_folded(&left);
        bool found = false;
        for (bytes rest = bytes_of_text(b); rest.len > 0 && !found;) found = character_folded(&rest) == c;
        count += found;
    }
    return count;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (bytes rest = bytes_of_text(text); rest.len > 0; count++) (void)character_folded(&rest);
    return count;
}

/* The field that shares most with the heading, if that is at least half of both; NULL: none. */
static const Vault__V1__Field *likely(const Vault__V1__Collection *c, arena *mem, const char *heading)
{
    const char *wanted = heading_canonical(mem, heading);
    const Vault__V1__Field *best = NULL;
    size_t most = 0;
    for (size_t i = 0; wanted && i < c->n_fields; i++) {
        const char *texts[] = {heading_canonical(mem, c->fields[i]->name), heading_canonical(mem, c->fields[i]->label)};
        for (size_t j = 0; j < 2; j++) {
            size_t both = characters(wanted) + (texts[j] ? characters(texts[j]) : 0);
            size_t shared = texts[j] ? common_characters(wanted, texts[j]) + common_characters(texts[j], wanted) : 0;
            size_t score = both ? 1000 * shared / both : 0;
            if (score <= most || score < 500) continue;
            most = score;
            best = c->fields[i];
        }
    }
    return best;
}

/* ---- wishes ---- */

typedef struct making {
    mapping *m;
    arena *mem;
    bool *settled; /* columns that a wish has spoken about */
    char *complaint;
} making;

static vault_code complain(making *k, const char *what, const char *heading, const char *more)
{
    char *text = arena_format(k->mem, "%s%s%s\"%s\"%s", k->complaint ? k->complaint : "", k->complaint ? "\n" : "",
                              what, heading, more);
    if (!text) return VAULT_EXHAUSTED;
    k->complaint = text;
    return VAULT_OK;
}

/* One column, or all of that heading; `field` NULL: ignored. */
static vault_code settle(making *k, const char *heading, const char *field)
{
    const Vault__V1__Field *found = field ? field_named(k->m->collection, field) : NULL;
    char *wanted = heading_canonical(k->mem, heading);
    size_t columns = 0;
    if (!wanted) return VAULT_EXHAUSTED;
    for (size_t i = 0; i < k->m->columns; i++) {
        char *canonical = heading_canonical(k->mem, k->m->headings[i]);
        if (!canonical) return VAULT_EXHAUSTED;
        if (strcmp(canonical, wanted) != 0) continue;
        k->settled[i] = true;
        k->m->fields[i] = found;
        columns++;
    }
    if (field && !found) return complain(k, "no field has the name ", field, "");
    return columns ? VAULT_OK : complain(k, "no column has the heading ", heading, "");
}

static vault_code settle_line(making *k, const char *line, bool ignored)
{
    char *equals = strrchr(line, '=');
    if (ignored) return settle(k, line, NULL);
    if (!equals) return complain(k, "not HEADING=FIELD: ", line, "");
    char *heading = arena_text(k->mem, bytes_of(line, (size_t)(equals - line)));
    return heading ? settle(k, heading, equals + 1) : VAULT_EXHAUSTED;
}

static vault_code settle_lines(making *k, const char *lines, bool ignored)
{
    for (const char *at = lines; at;) {
        size_t len = strcspn(at, "\n");
        char *line = arena_text(k->mem, bytes_of(at, len));
        if (!line) return VAULT_EXHAUSTED;
        VAULT_TRY(settle_line(k, line, ignored));
        at = at[len] ? at + len + 1 : NULL;
    }
    return VAULT_OK;
}

static vault_code settle_file(making *k, json_t *file)
{
    const char *heading;
    json_t *field;
    if (file && !json_is_object(file)) return complain(k, "the mapping is no object: ", "--map-file", "");
    json_object_foreach(file, heading, field)
    {
        if (!json_is_string(field) && !json_is_null(field))
            VAULT_TRY(complain(k, "neither the name of a field nor null: ", heading, ""));
        else
            VAULT_TRY(settle(k, heading, json_string_value(field)));
    }
    return VAULT_OK;
}

/* ---- making ---- */

/* Numbers of persons, telephones and divisions have eleven digits or more; headings do not. */
static bool holds_a_number(const char *canonical)
{
    enum { NUMBER_LEAST = 11 };
    size_t run = 0;
    for (; *canonical && run < NUMBER_LEAST; canonical++) run = *canonical >= '0' && *canonical <= '9' ? run + 1 : 0;
    return run == NUMBER_LEAST;
}

/* A file without headings begins with a resident, of whom nothing may be told. */
static vault_code find_values(making *k, bool *found)
{
    *found = false;
    for (size_t i = 0; i < k->m->columns && !*found; i++) {
        char *canonical = heading_canonical(k->mem, k->m->headings[i]);
        if (!canonical) return VAULT_EXHAUSTED;
        *found = !k->settled[i] && k->m->headings[i][0] != '_' && holds_a_number(canonical);
    }
    if (!*found) return VAULT_OK;
    k->complaint = arena_format(k->mem, "a heading holds a number of eleven digits or more: are the headings missing?");
    return k->complaint ? VAULT_OK : VAULT_EXHAUSTED;
}

static vault_code fit_headings(making *k)
{
    for (size_t i = 0; i < k->m->columns; i++) {
        const char *heading = k->m->headings[i];
        if (k->settled[i] || heading[0] == '_') continue;
        k->m->fields[i] = heading_field(k->m->collection, k->mem, heading);
        if (k->m->fields[i]) continue;
        const Vault__V1__Field *near = likely(k->m->collection, k->mem, heading);
        char *more = near ? arena_format(k->mem, " (%s, %s?)", near->name, near->label) : "";
        if (!more) return VAULT_EXHAUSTED;
        VAULT_TRY(complain(k, "no field fits the heading ", heading, more));
    }
    return VAULT_OK;
}

static vault_code find_doubles(making *k)
{
    for (size_t i = 0; i < k->m->columns; i++) {
        for (size_t j = 0; k->m->fields[i] && j < i; j++) {
            if (k->m->fields[j] != k->m->fields[i]) continue;
            char *more = arena_format(k->mem, " and \"%s\" are both %s", k->m->headings[i], k->m->fields[i]->name);
            if (!more) return VAULT_EXHAUSTED;
            VAULT_TRY(complain(k, "columns ", k->m->headings[j], more));
        }
    }
    return VAULT_OK;
}

static bool has_field(const mapping *m, const char *name)
{
    for (size_t i = 0; i < m->columns; i++) {
        if (m->fields[i] && strcmp(m->fields[i]->name, name) == 0) return true;
    }
    return false;
}

static vault_code demand(making *k, const char *name)
{
    return has_field(k->m, name) ? VAULT_OK : complain(k, "no column gives the field ", name, ", which every row must");
}

static vault_code finish(making *k)
{
    mapping *m = k->m;
    const char *natural = m->collection->natural_key;
    m->paths = arena_array(k->mem, m->columns, sizeof *m->paths);
    m->places = arena_array(k->mem, m->columns, sizeof *m->places);
    if (!m->paths || !m->places) return VAULT_EXHAUSTED;
    for (size_t i = 0; i < m->columns; i++) {
        if (!m->fields[i]) continue;
        if (strcmp(m->fields[i]->name, natural) == 0) m->natural = i;
        m->paths[m->count] = m->fields[i]->name;
        m->places[m->count++] = i;
    }
    return VAULT_OK;
}

static vault_code make(making *k, const mapping_wishes *wishes)
{
    mapping *m = k->m;
    m->fields = arena_array(k->mem, m->columns, sizeof *m->fields);
    k->settled = arena_array(k->mem, m->columns, sizeof *k->settled);
    if (!m->fields || !k->settled) return VAULT_EXHAUSTED;
    VAULT_TRY(settle_file(k, wishes->file));
    VAULT_TRY(settle_lines(k, wishes->ignored, true));
    VAULT_TRY(settle_lines(k, wishes->maps, false));
    bool values;
    VAULT_TRY(find_values(k, &values));
    if (values) return VAULT_OK;
    VAULT_TRY(fit_headings(k));
    VAULT_TRY(find_doubles(k));
    VAULT_TRY(demand(k, m->collection->natural_key));
    VAULT_TRY(demand(k, m->collection->area));
    return finish(k);
}

vault_code mapping_make(mapping *m, arena *mem, const mapping_wishes *wishes, char **complaint, vault_error *err)
{
    making k = {.m = m, .mem = mem};
    m->count = 0;
    *complaint = "";
    if (make(&k, wishes) != VAULT_OK) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a mapping");
    if (!k.complaint) return VAULT_OK;
    *complaint = k.complaint;
    return vault_fail(err, VAULT_INVALID, "the columns do not fit");
}

json_t *mapping_json(const mapping *m)
{
    json_t *out = json_object();
    for (size_t i = 0; i < m->columns; i++) {
        json_t *field = m->fields[i] ? json_string(m->fields[i]->name) : json_null();
        (void)json_object_set_new(out, m->headings[i], field);
    }
    return out;
}
