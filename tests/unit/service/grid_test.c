/* Own areas: a grid worker sees, and puts, who is in the own grid, and nobody else. */
#include "tests/unit/service/import.h"
#include "tests/unit/service/jwt.h"

#define OWN   "320411002003001"
#define OTHER "320411002003002"
#define AREA  "320411002003"

enum { IN_OWN = 20000, IN_OTHER, IN_NONE, ELSEWHERE };

static request *put_values(const char *uri, const char *why, const char *said, Google__Protobuf__FieldMask *fields,
                           const char *const *values)
{
    arena *mem = fixture_memory();
    Vault__V1__BatchPutRequest *in = arena_alloc(mem, sizeof *in);
    Vault__V1__ResidentInput *one = arena_alloc(mem, sizeof *one), **items = arena_alloc(mem, sizeof(void *));
    vault__v1__batch_put_request__init(in);
    vault__v1__resident_input__init(one);
    in->collection = (char *)(uintptr_t) "residents";
    in->field_mask = fields;
    in->items = items, in->n_items = 1;
    items[0] = one;
    one->values = arena_array(mem, fields->n_paths, sizeof *one->values);
    for (size_t i = 0; i < fields->n_paths; i++) one->values[one->n_values++] = (char *)(uintptr_t)values[i];
    return ask(
        &(asked){.path = "/vault.v1.Records/BatchPut", .uri = uri, .purpose = why, .in = &in->base, .assertion = said});
}

static const Vault__V1__PutResult *result_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0];
}

static const char *id_of(uint64_t index)
{
    resident r;
    the_resident(index, &r);
    return arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
}

static void given_resident(uint64_t index, const char *area, const char *grid)
{
    const char *values[] = {id_of(index), area, grid, "01", "13800000000"};
    assert_null(result_of(put_values(POPULATION, "population-register", NULL,
                                     MASK("id_number", "residence_area", "grid", "ethnicity", "phone"), values))
                    ->status);
}

static void given_grids(void)
{
    given_resident(IN_OWN, AREA, OWN);
    given_resident(IN_OTHER, AREA, OTHER);
    given_resident(IN_NONE, AREA, "");
    given_resident(ELSEWHERE, "320411002004", "320411002004001");
}

static request *see(const char *who, uint64_t index)
{
    const char *token = token_for(ELDERCARE, "elder-care", index);
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = "elder-care",
                        .in = &reveal_of(token, MASK("ethnicity"))->base,
                        .assertion = who ? assertion_of(&(claims){.sub = who}) : NULL});
}

TEST("a grid worker sees who is in the own grid; another grid, none, and another community are refused alike")
{
    given_grids();
    request *rq = see("grid-own", IN_OWN);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(revealed(rq, 0), "01");
    expect_outcome(see("grid-own", IN_OTHER), VAULT_DENIED, "resident");
    expect_outcome(see("grid-own", IN_NONE), VAULT_DENIED, "resident");
    expect_outcome(see("grid-own", ELSEWHERE), VAULT_DENIED, "resident");
    expect_outcome(see(NULL, IN_OWN), VAULT_DENIED, "acting");
    fixture_reset();
}

TEST("one whose area is the community sees all its grids, and not the next community")
{
    for (uint64_t i = IN_OWN; i <= IN_NONE; i++) expect_outcome(see("grid-zhao", i), VAULT_OK, NULL);
    expect_outcome(see("grid-zhao", ELSEWHERE), VAULT_DENIED, "resident");
    expect_outcome(see("clerk-li", IN_OWN), VAULT_DENIED, "role");
    fixture_reset();
}

static request *worker_puts(uint64_t index, const char *area, const char *grid)
{
    const char *values[] = {id_of(index), area, grid, "13800000001"};
    return put_values(ELDERCARE, "elder-care", assertion_of(&(claims){.sub = "grid-own"}),
                      MASK("id_number", "residence_area", "grid", "phone"), values);
}

TEST("a grid worker puts into the own grid alone: not into another, not out of it, nobody away from elsewhere")
{
    static const struct {
        uint64_t index;
        const char *area, *grid;
        bool passes;
    } tries[] = {{IN_OWN, AREA, OWN, true},      {IN_OWN, AREA, "", true}, /* stays where it is */
                 {IN_OWN, AREA, OTHER, false},   {IN_OWN, "320411002004", "", false},
                 {IN_OTHER, AREA, OTHER, false}, {IN_OTHER, AREA, OWN, false},
                 {IN_OTHER, AREA, "", false},    {IN_NONE, AREA, OWN, false},
                 {ELSEWHERE, AREA, OWN, false},  {20100, AREA, OWN, true},
                 {20101, AREA, "", false},       {20102, AREA, OTHER, false}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        const Vault__V1__PutResult *out = result_of(worker_puts(tries[i].index, tries[i].area, tries[i].grid));
        if (tries[i].passes != (out->status == NULL)) fail_msg("try %zu", i);
        if (out->status) assert_int_equal(out->status->code, 7);
    }
    fixture_reset();
}

static const Vault__V1__ImportResponse *import_as(const char *who, uint64_t index)
{
    Vault__V1__ImportRequest *in = new_message();
    ROW(in, id_of(index), AREA, OTHER, "13800000000");
    return import_all(&(importing){.uri = ELDERCARE,
                                   .purpose = "elder-care",
                                   .id = "worker-list",
                                   .mask = MASK("id_number", "residence_area", "grid", "phone"),
                                   .assertion = assertion_of(&(claims){.sub = who})},
                      &in, 1);
}

TEST("what one person's import was answered is not answered to another's, who has no right to it")
{
    given_resident(IN_OTHER, AREA, OTHER);
    assert_int_equal(import_as("grid-zhao", IN_OTHER)->rejected, 0);
    assert_int_equal(import_as("grid-zhao", IN_OTHER)->rejected, 0); /* again */
    const Vault__V1__ImportResponse *out = import_as("grid-own", IN_OTHER);
    assert_int_equal(out->rejected, 1);
    assert_string_equal(out->reports[0]->fields[0]->reason, "resident");
    fixture_reset();
}

TEST("who moves out of the grid is out of sight at once, and in the sight of the other")
{
    given_resident(IN_OWN, AREA, OTHER);
    expect_outcome(see("grid-own", IN_OWN), VAULT_DENIED, "resident");
    given_resident(IN_OTHER, AREA, OWN);
    expect_outcome(see("grid-own", IN_OTHER), VAULT_OK, NULL);
    fixture_reset();
}

TEST("an area edited in the row opens nothing")
{
    const char *token = token_for(ELDERCARE, "elder-care", IN_OWN); /* who has moved to the other grid */
    const asked how = {.path = "/vault.v1.Tokens/Reveal",
                       .uri = ELDERCARE,
                       .purpose = "elder-care",
                       .in = &reveal_of(token, MASK("ethnicity"))->base,
                       .assertion = assertion_of(&(claims){.sub = "grid-own"})};
    pg_sql("update resident set area = %s where area = %s", OWN, OTHER);
    expect_outcome(ask(&how), VAULT_INTEGRITY, NULL);
    fixture_reset();
}
