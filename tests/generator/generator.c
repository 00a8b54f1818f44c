#include "tests/generator/internal.h"
#include "vault/base/memory.h"

#include <assert.h>
#include <string.h>

static const char *const names[GENERATOR_FIELDS + 1] = {
    "",
    "id_number",
    "name",
    "former_name",
    "sex",
    "birth_date",
    "ethnicity",
    "native_place",
    "marital_status",
    "political_status",
    "education",
    "religion",
    "occupation_type",
    "occupation",
    "workplace",
    "phone",
    "registered_area",
    "registered_address",
    "residence_area",
    "residence_address",
    "household_number",
    "relation_to_head",
    "care_category",
};
const char *generator_field_name(unsigned field)
{
    return names[field];
}

generator *generator_new(uint64_t seed)
{
    generator *g = memory_new(sizeof *g);
    unsigned weights[PLACES_MAX > ORIGINS_MAX ? PLACES_MAX : ORIGINS_MAX];
    g->seed = mix(seed + UINT64_C(0x5245534944454E54));
    data_load(g);
    deck_build(g);
    wheel_build(&g->surnames, surname_weights, SURNAMES);
    wheel_build(&g->ethnicities, ethnicity_weights, ETHNICITIES);
    for (size_t i = 0; i < g->origin_count; i++) weights[i] = g->origins[i].weight;
    wheel_build(&g->sources, weights, g->origin_count);
    stream random = {.state = mix(g->seed ^ UINT64_C(0x40E5))};
    for (size_t i = 0; i < g->place_count; i++) {
        place_kind kind = g->places[i].kind;
        weights[i] = kind == PLACE_COMMUNITY ? between(&random, 60, 180)
                     : kind == PLACE_VILLAGE ? between(&random, 25, 70)
                                             : 8;
    }
    wheel_build(&g->homes, weights, g->place_count);
    return g;
}

void generator_free(generator **g)
{
    memory_free(*g, sizeof **g);
    *g = NULL;
}

size_t generator_places(const generator *g)
{
    return g->place_count;
}
const place *generator_place(const generator *g, size_t at)
{
    return &g->places[at];
}
size_t generator_origins(const generator *g)
{
    return g->origin_count;
}
const origin *generator_origin(const generator *g, size_t at)
{
    return &g->origins[at];
}

/* Everything that the values of one resident are made from. */
typedef struct person {
    const generator *g;
    const household_plan *home;
    const member_plan *is;
    uint64_t index;
    unsigned age, birth_year;
    identity id;
    stream random; /* of this member, for everything but the given name */
} person;

/* Writing the text: values one behind the other, each closed by a NUL. */
typedef struct pen {
    resident *to;
    size_t at;
    unsigned field;
} pen;

static void add(pen *p, bytes b)
{
    assert(p->at + b.len < GENERATOR_TEXT);
    memcpy(p->to->text + p->at, b.at, b.len);
    p->at += b.len;
}
static void add_text(pen *p, const char *text)
{
    add(p, bytes_of(text, strlen(text)));
}
static void add_number(pen *p, uint64_t number, size_t digits)
{
    char out[20];
    for (size_t i = digits; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
    add(p, bytes_of(out, digits));
}
static void add_count(pen *p, unsigned number)
{
    add_number(p, number, number < 10 ? 1 : number < 100 ? 2 : number < 1000 ? 3 : 4);
}
static void end(pen *p)
{
    p->to->text[p->at++] = 0;
    p->to->start[++p->field] = (uint16_t)p->at;
}
static void say(pen *p, const char *text)
{
    add_text(p, text);
    end(p);
}

/* One of several codes by weight: {"10", 8, "20", 30, ...} as parallel arrays ending in NULL. */
typedef struct choice {
    const char *code;
    unsigned weight;
} choice;
static const char *choose(stream *s, const choice *from)
{
    unsigned total = 0;
    for (const choice *c = from; c->code; c++) total += c->weight;
    unsigned at = below(s, total);
    while (at >= from->weight) at -= (from++)->weight;
    return from->code;
}

/* ---- who ---- */

static bool is_elsewhere(const person *p)
{
    return p->is->origin != LOCAL;
}
static const origin *origin_of(const person *p)
{
    return &p->g->origins[p->is->origin];
}

static void write_id(pen *p, const person *who, const origin *born)
{
    size_t from = p->at;
    add(p, bytes_of(born ? (const char *)born->code.at : "3204", 4));
    add_number(p, who->id.county, 2);
    add_number(p, who->birth_year, 4);
    add_number(p, who->id.month, 2);
    add_number(p, who->id.day, 2);
    add_number(p, who->id.sequence, 3);
    char check[1] = {id_check(p->to->text + from)};
    add(p, bytes_of(check, 1));
    end(p);
}

/* The given name is the first thing drawn from a stream of its own, so that a child can name its father. */
static void add_given(pen *p, const member_plan *m, unsigned birth_year)
{
    stream s = {.state = m->key ^ UINT64_C(0x4E414D45)};
    const char *code = ethnicity_codes[m->ethnicity];
    if (strcmp(code, "05") == 0 || strcmp(code, "17") == 0) {
        add_text(p, uyghur_name(&s, m->male));
        return;
    }
    if (strcmp(code, "04") == 0) {
        const char *first = tibetan_name(&s), *second = tibetan_name(&s);
        add_text(p, first);
        add_text(p, chance(&s, 200) && second != first ? "·" : "");
        if (second != first) add_text(p, second);
        return;
    }
    add_text(p, surnames[m->surname]);
    if (!chance(&s, birth_year < 1985 ? 180 : 120)) add_text(p, given_character(&s, m->male, birth_year));
    add_text(p, chance(&s, 1) ? rare_character(&s) : given_character(&s, m->male, birth_year));
}

static void write_name(pen *p, const person *who)
{
    add_given(p, who->is, who->birth_year);
    const char *code = ethnicity_codes[who->is->ethnicity];
    if (strcmp(code, "05") == 0 || strcmp(code, "17") == 0) {
        const member_plan *father = &who->home->members[who->is->father];
        stream s = {.state = who->is->key ^ UINT64_C(0xFA7E)};
        add_text(p, "·");
        if (father != who->is && father->ethnicity == who->is->ethnicity)
            add_given(p, father, who->birth_year - 25);
        else
            add_text(p, uyghur_name(&s, true));
    }
    end(p);
}

static void write_former_name(pen *p, person *who)
{
    if (chance(&who->random, 30)) {
        add_text(p, surnames[who->is->surname]);
        add_text(p, given_character(&who->random, who->is->male, who->birth_year));
        if (chance(&who->random, 500)) add_text(p, given_character(&who->random, who->is->male, who->birth_year));
    }
    end(p);
}

static bool is_married(const person *p)
{
    const household_plan *h = p->home;
    if (p->is->role == 'S') return true;
    if (p->is->role == 'H') return h->size > 1 && h->members[1].role == 'S';
    size_t parents = 0;
    for (size_t m = 0; m < h->size; m++) parents += h->members[m].role == 'P';
    return p->is->role == 'P' && parents == 2;
}

static const char *marital_status(person *p)
{
    static const choice married[] = {{"20", 600}, {"21", 330}, {"22", 55}, {"23", 15}, {0}};
    static const choice old[] = {{"30", 80}, {"40", 10}, {"10", 10}, {0}};
    static const choice middle[] = {{"10", 45}, {"40", 40}, {"30", 10}, {"20", 5}, {0}};
    static const choice parent[] = {{"40", 65}, {"30", 25}, {"10", 10}, {0}};
    if (is_married(p)) return choose(&p->random, married);
    if (p->age < 22 || p->is->role == 'C') return "10";
    if (p->age >= 60) return choose(&p->random, old);
    if (p->is->role == 'H' && p->home->size > 1) return choose(&p->random, parent);
    return p->age < 30 ? "10" : choose(&p->random, middle);
}

static const char *political_status(person *p)
{
    static const choice grown[] = {{"13", 885}, {"01", 100}, {"02", 4}, {"04", 1}, {"05", 3}, {"06", 2}, {"07", 1},
                                   {"08", 1},   {"09", 1},   {"10", 1}, {"11", 1}, {"12", 2}, {0}};
    static const choice young[] = {{"13", 45}, {"03", 52}, {"02", 1}, {"01", 2}, {0}};
    if (p->age < 14) return "13";
    if (p->age < 18) return chance(&p->random, 500) ? "03" : "13";
    return choose(&p->random, p->age < 28 ? young : grown);
}

static const char *education(person *p)
{
    static const choice student[] = {{"20", 45}, {"30", 35}, {"60", 15}, {"40", 5}, {0}};
    static const choice young[] = {{"10", 8},  {"20", 30}, {"30", 25}, {"40", 8},
                                   {"60", 12}, {"70", 15}, {"80", 2},  {0}};
    static const choice middle[] = {{"10", 2},  {"20", 10}, {"30", 12}, {"40", 8}, {"50", 2},
                                    {"60", 20}, {"70", 38}, {"80", 8},  {0}};
    static const choice old[] = {{"20", 3}, {"30", 5}, {"60", 12}, {"70", 35}, {"80", 35}, {"90", 10}, {0}};
    if (p->age < 16) return p->age < 6 ? "90" : p->age < 13 ? "80" : "70";
    if (p->age < 19) return chance(&p->random, 700) ? "60" : "40";
    return choose(&p->random, p->age < 23 ? student : p->age < 40 ? young : p->age < 60 ? middle : old);
}

static const char *religion(person *p)
{
    static const choice any[] = {{"00", 940}, {"10", 35}, {"30", 5}, {"40", 4}, {"50", 14}, {"90", 2}, {0}};
    static const char *const muslim[] = {"03", "05", "17", "26", "29", "35", "41", "43", "47", "50"};
    const char *code = ethnicity_codes[p->is->ethnicity];
    for (size_t i = 0; i < sizeof muslim / sizeof *muslim; i++)
        if (strcmp(code, muslim[i]) == 0) return "70";
    return strcmp(code, "04") == 0 ? "10" : choose(&p->random, any);
}

/* ---- work ---- */

static const place *home_of(const person *p)
{
    return &p->g->places[p->home->home];
}

/* "三井街道" as 三井, "华山社区" as 华山. */
static bytes stem(bytes name)
{
    static const char *const ends[] = {"街道", "社区", "镇", "村"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t len = strlen(ends[i]);
        if (name.len > len && memcmp(name.at + name.len - len, ends[i], len) == 0)
            return bytes_of(name.at, name.len - len);
    }
    return name;
}

static void write_school(pen *p, const person *who)
{
    say(p, "80000");
    say(p, "学生");
    if (who->age >= 19) {
        say(p, "常州某高等院校");
        return;
    }
    add_text(p, "常州市");
    add(p, stem(home_of(who)->street));
    say(p, who->age < 12 ? "小学" : who->age < 15 ? "初级中学" : "高级中学");
}

static void write_firm(pen *p, person *who, const job *work)
{
    if (work->type[0] == '5') {
        add(p, home_of(who)->name);
    } else if (work->type[0] == '3') {
        add(p, home_of(who)->street);
        add_text(p, "办事处");
    } else if (work->type[0] != '8') {
        add_text(p, "常州");
        add_text(p, firm_word(&who->random));
        add_text(p, firm_word(&who->random));
        add_text(p, firm_trade(&who->random));
    }
    end(p);
}

/* Type, occupation and workplace. */
static void write_work(pen *p, person *who)
{
    bool student = who->age >= 6 && (who->age < 18 || (who->age < 22 && chance(&who->random, 600)));
    bool retired = who->age >= (who->is->male ? 60 : 55) && chance(&who->random, who->age < 70 ? 780 : 970);
    if (student) {
        write_school(p, who);
    } else if (who->age < 6 || retired) {
        say(p, "80000");
        say(p, retired ? "退休" : "学龄前儿童");
        end(p);
    } else {
        const job *work = job_of(&who->random);
        say(p, work->type);
        say(p, work->title);
        write_firm(p, who, work);
    }
}

/* ---- where ---- */

/* Eight digits that are a permutation of the index: a Feistel network over two halves of four digits. */
static uint64_t phone_digits(uint64_t seed, uint64_t index)
{
    uint64_t left = index / 10000 % 10000, right = index % 10000;
    for (uint64_t round = 0; round < 2; round++) {
        left = (left + mix(seed + (round << 32) + right) % 10000) % 10000;
        right = (right + mix(seed + (round << 32) + (1 << 16) + left) % 10000) % 10000;
    }
    return left * 10000 + right;
}

/* The segments are nobody's, as far as we know. */
static void write_phone(pen *p, person *who)
{
    static const char *const segments[] = {"160", "161", "163", "164", "168", "169", "194"};
    uint64_t owner = who->age < 12 ? who->home->head : who->index;
    if (who->age < 80 || !chance(&who->random, 300)) {
        add_text(p, segments[mix(owner + who->g->seed) % 7]);
        add_number(p, phone_digits(who->g->seed, owner), 8);
    }
    end(p);
}

static void add_door(pen *p, const place *at, stream *s)
{
    add_text(p, "江苏省常州市新北区");
    add(p, at->street);
    if (at->kind == PLACE_VILLAGE) {
        add(p, at->name);
        add_count(p, between(s, 1, 24));
        add_text(p, "组");
        add_count(p, between(s, 1, 180));
        add_text(p, "号");
        return;
    }
    add_text(p, road_name(s));
    add_count(p, between(s, 1, 680));
    add_text(p, "号");
    add(p, stem(at->name));
    add_text(p, estate_name(s));
    add_count(p, between(s, 1, 60));
    add_text(p, "幢");
    if (chance(s, 600)) {
        add_text(p, chance(s, 500) ? "甲" : "乙");
        add_text(p, "单元");
    }
    add_number(p, between(s, 1, 28) * 100 + between(s, 1, 4), 4);
    add_text(p, "室");
}

static void write_door(pen *p, const person *who, uint16_t at)
{
    stream s = {.state = who->home->key ^ mix(at)};
    add_door(p, &who->g->places[at], &s);
    end(p);
}

static void write_registration(pen *p, person *who)
{
    if (!is_elsewhere(who)) {
        const place *at = &who->g->places[who->home->registered];
        add(p, at->code);
        end(p);
        write_door(p, who, who->home->registered);
        return;
    }
    const origin *from = origin_of(who);
    stream s = {.state = who->home->key ^ mix(who->is->origin)};
    add(p, from->code);
    end(p);
    bytes parts[] = {from->province, from->city, from->county, from->street, from->name};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) add(p, parts[i]);
    add_count(p, between(&s, 1, 240));
    say(p, "号");
}

static const char *relation(const person *p)
{
    switch (p->is->role) {
    case 'S':
        return p->is->male ? "11" : "12";
    case 'C':
        return p->is->male ? "20" : "30";
    case 'P':
        return p->is->male ? "51" : "52";
    case 'G':
        return p->is->male ? "40" : "45";
    default:
        return "02";
    }
}

static const char *care(person *p)
{
    bool alone = p->home->size == 1 && p->age >= 60;
    bool disabled = chance(&p->random, p->age < 18 ? 8 : p->age < 60 ? 20 : 75);
    return alone && disabled ? "03" : disabled ? "02" : alone ? "01" : "00";
}

/* ---- all together ---- */

/* A birthday on 28 February becomes the 29th in every leap year for one sequence number in two: still one-to-one. */
static void leap(identity *id, unsigned year)
{
    bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (leaps && id->month == 2 && id->day == 28 && id->sequence % 4 >= 2) id->day = 29;
}

static const origin *birth_place(person *p)
{
    if (is_elsewhere(p)) return origin_of(p);
    /* Settled here since: registered in the district, the ID area still that of the birth place. */
    if (p->age >= 18 && chance(&p->random, 50)) return &p->g->origins[wheel_turn(&p->g->sources, &p->random)];
    return NULL;
}

static void write_values(pen *p, person *who, const origin *born)
{
    write_id(p, who, born);
    write_name(p, who);
    write_former_name(p, who);
    say(p, who->is->male ? "1" : "2");
    add_number(p, who->birth_year, 4);
    add_number(p, who->id.month, 2);
    add_number(p, who->id.day, 2);
    end(p);
    say(p, ethnicity_codes[who->is->ethnicity]);
    add(p, born ? bytes_of(born->code.at, 6) : bytes_of("320411", 6));
    end(p);
    say(p, marital_status(who));
    say(p, political_status(who));
    say(p, education(who));
    say(p, religion(who));
    write_work(p, who);
    write_phone(p, who);
    write_registration(p, who);
    add(p, home_of(who)->code);
    end(p);
    write_door(p, who, who->home->home);
    add_number(p, who->home->number + 1, 10);
    end(p);
    say(p, relation(who));
    say(p, care(who));
}

void generator_resident(const generator *g, uint64_t index, resident *out)
{
    assert(index < GENERATOR_LIMIT);
    const deck_slot *slot = &g->slots[index % DECK];
    household_plan home;
    household_of(g, index, &home);
    const member_plan *is = &home.members[slot->member];
    person who = {.g = g, .home = &home, .is = is, .index = index, .age = is->age};
    who.birth_year = GENERATOR_REFERENCE_DATE / 10000 - 1 - is->age;
    who.id = identity_of(g->seed, index / DECK * g->sexes[slot->male] + slot->rank, slot->male);
    leap(&who.id, who.birth_year);
    who.random.state = is->key;
    const origin *born = birth_place(&who);
    out->index = index;
    out->age = is->age;
    out->elsewhere = born != NULL;
    out->start[1] = 0;
    pen p = {.to = out, .field = 1};
    write_values(&p, &who, born);
    assert(p.field == GENERATOR_FIELDS + 1);
}
