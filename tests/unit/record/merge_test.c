/* Three departments put the same person: who may change what, what becomes a request, and what changes nothing. */
#include "tests/unit/record/people.h"

#define ID "11010519491231002X"

static const saying WANG = {{ID, "王小明", "320411002003", "320411002003005", "13900000001", NULL}};

static bool same_row(const resident_row *a, const resident_row *b)
{
    return a->id == b->id && a->collection == b->collection && a->area == b->area && a->state == b->state &&
           a->version == b->version && a->sealed.at == b->sealed.at && a->sealed.len == b->sealed.len &&
           a->terms == b->terms && a->term_count == b->term_count && a->tag.at == b->tag.at &&
           a->ring_version == b->ring_version && a->dek.at == b->dek.at;
}

TEST("what is stored already changes nothing, once its owners have said it: the row stays byte for byte")
{
    static const uint16_t departments[] = {POLICE, CARE, GRID, 9};
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    (void)tell(&p, CARE, &WANG);
    (void)tell(&p, GRID, &WANG);
    resident_row before = p.row;
    for (size_t i = 0; i < 4; i++) {
        record_merged m = tell(&p, departments[i], &WANG);
        assert_true(m.unchanged);
        assert_int_equal(m.correction_count, 0);
        assert_true(same_row(&p.row, &before));
    }
}

TEST("a field that stands empty is filled by whoever knows it")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, 9, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, NULL, "walks with a stick"}});
    assert_false(m.unchanged);
    assert_int_equal(m.correction_count, 0);
    assert_int_equal(p.row.version, 2);
    expect_stored(&p, P_NOTE, "walks with a stick");
    assert_int_equal(p.row.area, 320411002003005);
}

TEST("the owner's value wins over another department's, and then stands")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, CARE, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, "13900000002", NULL}});
    assert_false(m.unchanged);
    expect_stored(&p, P_PHONE, "13900000002");
    m = tell(&p, POLICE, &WANG); /* who gave the first one */
    assert_true(m.unchanged);
    assert_int_equal(m.correction_count, 1);
    expect_correction(&p, &m, 0, P_PHONE, POLICE, "13900000001");
    expect_stored(&p, P_PHONE, "13900000002");
}

TEST("what its owner has said too is the owner's word: whoever gave it first changes it no more")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, CARE, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, WANG.texts[P_PHONE], NULL}});
    assert_false(m.unchanged);
    assert_int_equal(m.correction_count, 0);
    expect_stored(&p, P_PHONE, WANG.texts[P_PHONE]);
    m = tell(&p, POLICE, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, "13900000009", NULL}});
    assert_true(m.unchanged);
    expect_correction(&p, &m, 0, P_PHONE, POLICE, "13900000009");
    expect_stored(&p, P_PHONE, WANG.texts[P_PHONE]);
}

TEST("another department's value becomes a request, and what else it says is taken")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, CARE, &(saying){{ID, "王小名", WANG.texts[P_AREA], NULL, NULL, "dog"}});
    assert_false(m.unchanged);
    assert_int_equal(m.correction_count, 1);
    expect_correction(&p, &m, 0, P_NAME, CARE, "王小名");
    assert_true(m.corrections[0].filed_us > INT64_C(1700000000) * 1000000); /* when it was filed, not collected */
    expect_stored(&p, P_NAME, "王小明");
    expect_stored(&p, P_NOTE, "dog");
}

TEST("a department changes what it gave itself, though the field is another's")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, POLICE, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, "13900000003", NULL}});
    assert_false(m.unchanged);
    expect_stored(&p, P_PHONE, "13900000003");
    m = tell(&p, GRID, &(saying){{ID, NULL, WANG.texts[P_AREA], NULL, "13900000004", NULL}});
    assert_int_equal(m.correction_count, 1);
    expect_stored(&p, P_PHONE, "13900000003");
}

TEST("the natural key never changes, and is not even a request")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, CARE, &WANG);
    record_merged m = tell(&p, CARE, &(saying){{"440524188001010014", NULL, WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_true(m.unchanged);
    assert_int_equal(m.correction_count, 0);
    expect_stored(&p, P_ID, ID);
}

TEST("a row of another collection, or one that is not proven, is not merged with")
{
    stored p;
    said s;
    record_merged m;
    resident_row next;
    collection other = PEOPLE;
    other.number = 2;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    hear(&s, POLICE, &WANG);
    s.in.collection = &other;
    expect_code(record_merge(&m, &next, box, &p.r, &s.in, &err), VAULT_INTERNAL, &err);
    s.in.collection = &PEOPLE;
    p.r.genuine = false;
    expect_code(record_merge(&m, &next, box, &p.r, &s.in, &err), VAULT_INTERNAL, &err);
}

TEST("a stored value that does not open fails the merge, be it only looked at")
{
    said s;
    stored p;
    record_merged m;
    resident_row next;
    segment at;
    bool found;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    uint8_t *pack = edit_pack(&p.row);
    expect_ok(pack_find(&at, &found, p.row.sealed, PERSON[P_NAME].number, &err), &err);
    pack[(size_t)(at.sealed.at - pack) + 20] ^= 1;
    hear(&s, CARE, &WANG);
    expect_code(record_merge(&m, &next, box, &p.r, &s.in, &err), VAULT_INTEGRITY, &err);
}

TEST("a request of a text that is too long is refused with the field's name")
{
    stored p;
    said s;
    record_merged m;
    resident_row next;
    char text[4096];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    hear(&s, CARE, &(saying){{ID, text, WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_int_equal(record_merge(&m, &next, box, &p.r, &s.in, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_LONG");
    assert_string_equal(err.field, "name");
    vault_error_clear(&err);
}

/* ---- areas and grids ---- */

TEST("the grid stays where the new values give none and the division is the same")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    (void)tell(&p, POLICE, &(saying){{ID, "王大明", WANG.texts[P_AREA], NULL, NULL, NULL}});
    assert_int_equal(p.row.version, 2);
    assert_int_equal(p.row.area, 320411002003005);
    expect_stored(&p, P_GRID, "320411002003005");
}

TEST("who moves to another division takes no grid along")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, GRID, &WANG);
    (void)tell(&p, POLICE, &(saying){{ID, NULL, "320505001001", NULL, NULL, NULL}});
    assert_int_equal(p.row.area, INT64_C(320505001001) * GRIDS);
    expect_stored(&p, P_GRID, NULL);
    expect_stored(&p, P_AREA, "320505001001");
}

TEST("who moves takes the grid that is given with the division, though the old one was an authority's")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, GRID, &WANG);
    record_merged m = tell(&p, POLICE, &(saying){{ID, NULL, "320505001001", "320505001001009", NULL, NULL}});
    assert_int_equal(m.correction_count, 0);
    assert_int_equal(p.row.area, 320505001001009);
    expect_stored(&p, P_GRID, "320505001001009");
}

TEST("where the move is refused its grid is refused too, and the record stays where it is")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, GRID, &(saying){{ID, NULL, "320505001001", "320505001001009", NULL, NULL}});
    assert_true(m.unchanged);
    assert_int_equal(m.correction_count, 2);
    expect_correction(&p, &m, 0, P_AREA, GRID, "320505001001");
    expect_correction(&p, &m, 1, P_GRID, GRID, "320505001001009");
    assert_int_equal(p.row.area, 320411002003005);
}

TEST("within the division the grid's owner moves the record, and others ask")
{
    stored p;
    given_cabinet();
    given_person(&p, 1, POLICE, &WANG);
    record_merged m = tell(&p, GRID, &(saying){{ID, NULL, WANG.texts[P_AREA], "320411002003007", NULL, NULL}});
    assert_false(m.unchanged);
    assert_int_equal(p.row.area, 320411002003007);
    m = tell(&p, POLICE, &WANG);
    assert_true(m.unchanged);
    expect_correction(&p, &m, 0, P_GRID, POLICE, "320411002003005");
    assert_int_equal(p.row.area, 320411002003007);
}

/* ---- a naive model ---- */

enum { STEPS = 4000, CHOICES = 3 };

static const char *const choices[PEOPLE_FIELDS][CHOICES] = {{ID, ID, ID},
                                                            {"王小明", "王小名", "Anna"},
                                                            {"320411002003", "320411002004", "320505001001"},
                                                            {NULL, NULL, NULL}, /* made of the division */
                                                            {"13900000001", "13900000002", "13900000003"},
                                                            {"dog", "walks with a stick", "dog and stick"}};

typedef struct model {
    char text[PEOPLE_FIELDS][32]; /* "": absent */
    uint16_t by[PEOPLE_FIELDS];
    int version;
    bool changed, asked[PEOPLE_FIELDS];
} model;

static uint64_t chance = 20261122;
static unsigned roll(unsigned sides)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chance >> 33) % sides;
}

static void model_take(model *m, size_t i, uint16_t department, const char *text)
{
    snprintf(m->text[i], sizeof m->text[i], "%s", text);
    m->by[i] = department;
    m->changed = true;
}

static void model_field(model *m, size_t i, uint16_t department, const char *text)
{
    bool same = strcmp(m->text[i], text) == 0;
    if (same && (m->by[i] == department || PERSON[i].owner_no != department)) return;
    if (!m->text[i][0] || m->by[i] == department || PERSON[i].owner_no == department) {
        model_take(m, i, department, text);
    } else {
        m->asked[i] = true;
    }
}

static void model_tell(model *m, uint16_t department, const saying *s)
{
    m->changed = false;
    memset(m->asked, 0, sizeof m->asked);
    for (size_t i = 1; i < PEOPLE_FIELDS; i++) {
        if (i != P_GRID && s->texts[i]) model_field(m, i, department, s->texts[i]);
    }
    if (m->text[P_GRID][0] && strncmp(m->text[P_GRID], m->text[P_AREA], 12) != 0) m->text[P_GRID][0] = '\0';
    if (s->texts[P_GRID] && strncmp(s->texts[P_GRID], m->text[P_AREA], 12) != 0) {
        m->asked[P_GRID] = true;
    } else if (s->texts[P_GRID]) {
        model_field(m, P_GRID, department, s->texts[P_GRID]);
    }
    m->version += m->changed;
}

static void expect_as_modelled(const stored *p, const record_merged *merged, const model *m, uint16_t department,
                               const saying *s)
{
    size_t asked = 0;
    assert_int_equal(merged->unchanged, !m->changed);
    assert_int_equal(p->row.version, m->version);
    for (size_t i = 0; i < PEOPLE_FIELDS; i++) {
        expect_stored(p, i, m->text[i][0] ? m->text[i] : NULL);
        if (m->asked[i]) expect_correction(p, merged, asked++, i, department, s->texts[i]);
    }
    assert_int_equal(merged->correction_count, asked);
    int64_t area = m->text[P_GRID][0] ? number_in(m->text[P_GRID]) : number_in(m->text[P_AREA]) * GRIDS;
    assert_int_equal(p->row.area, area);
}

static void expect_terms_whole(const stored *p)
{
    size_t count = 0;
    for (size_t i = 0; i < PEOPLE_FIELDS; i++) {
        const char *text = value_of(p, i);
        bytes value = bytes_of_text(text ? text : "");
        term_question asked;
        term_ask ask = {.kind = INDEX_EQUALITY, .values = &value, .value_count = 1};
        if (!PERSON[i].indexes || !text) continue;
        expect_ok(cabinet_ask(box, &asked, &PERSON[i], &ask, &err), &err);
        assert_true(record_meets(&p->r, asked.lists[0]));
        count++;
    }
    assert_int_equal(p->row.term_count, count);
}

static void say_anything(saying *s, char grid[16])
{
    *s = (saying){.texts = {ID}};
    s->texts[P_AREA] = choices[P_AREA][roll(8) < 6 ? 0 : roll(CHOICES)];
    if (roll(3) == 0) {
        snprintf(grid, 16, "%s%03u", s->texts[P_AREA], 1 + roll(3));
        s->texts[P_GRID] = grid;
    }
    for (size_t i = 1; i < PEOPLE_FIELDS; i++) {
        if (i != P_AREA && i != P_GRID && roll(2)) s->texts[i] = choices[i][roll(CHOICES)];
    }
}

TEST("4,000 random puts of three departments: record, requests, area and terms are those of a naive model")
{
    enum { KEEP = 1 << 16 };
    static uint8_t sealed[KEEP], kept_tag[ROW_TAG_LEN], kept_dek[WRAPPED_KEYS_LEN];
    static int64_t terms[8];
    stored p;
    model m = {.version = 1};
    char grid[16];
    saying s = {{ID, NULL, choices[P_AREA][0], NULL, NULL, NULL}};
    given_cabinet();
    given_person(&p, 1, POLICE, &s);
    model_take(&m, P_ID, POLICE, ID);
    model_take(&m, P_AREA, POLICE, s.texts[P_AREA]);
    for (int step = 0; step < STEPS; step++) {
        uint16_t department = (uint16_t)(POLICE + roll(3));
        say_anything(&s, grid);
        record_merged merged = tell(&p, department, &s);
        model_tell(&m, department, &s);
        expect_as_modelled(&p, &merged, &m, department, &s);
        expect_terms_whole(&p);
        /* As if it had gone through the database: nothing that the row borrows is in the arena any more. */
        p.row.sealed = bytes_of(memmove(sealed, p.row.sealed.at, p.row.sealed.len), p.row.sealed.len);
        p.row.tag = bytes_of(memmove(kept_tag, p.row.tag.at, ROW_TAG_LEN), ROW_TAG_LEN);
        p.row.dek = bytes_of(memmove(kept_dek, p.row.dek.at, WRAPPED_KEYS_LEN), WRAPPED_KEYS_LEN);
        p.row.terms = memmove(terms, p.row.terms, p.row.term_count * sizeof *terms);
        given_cabinet();
    }
    assert_true(m.version > STEPS / 4);
}
