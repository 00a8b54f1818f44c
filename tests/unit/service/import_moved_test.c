/* Control that moves on between two messages of an import: the next message is decided by what is in force then, once.
 */
#include "tests/unit/service/import.h"
#include "tests/unit/service/steward.h"

static node other;

/* Another vaultd changes a document: ours does not hear of it. */
static void change_elsewhere(const char *name, edit how)
{
    if (!other.service) node_open(&other);
    const Vault__V1__Approval *a = approval_of(propose(other.session, ADMINISTRATOR, name, edited(name, how)));
    expect_outcome(approve_as(other.session, OFFICER, a->name, a->digest), VAULT_OK, NULL);
}

static void another_title(json_t *of)
{
    static unsigned serial;
    char title[32];
    snprintf(title, sizeof title, "title %u", ++serial);
    json_object_set_new(entry(of, "purposes", "elder-care"), "title", json_string(title));
}

static void without_put(json_t *of)
{
    size_t i;
    json_t *rule, *rules = json_object_get(of, "rules");
    json_array_foreach(rules, i, rule)
    {
        if (strcmp(json_string_value(json_object_get(rule, "id")), "population-put") == 0) break;
    }
    json_array_remove(rules, i);
}

static json_t *field_named(json_t *of, const char *name)
{
    size_t i, j;
    json_t *collection, *field;
    json_array_foreach(json_object_get(of, "collections"), i, collection)
    {
        json_array_foreach(json_object_get(collection, "fields"), j, field)
        {
            if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0) return field;
        }
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void retire_workplace(json_t *of)
{
    json_object_set_new(field_named(of, "workplace"), "retired", json_true());
}

static Vault__V1__ImportRequest *bad_rows(size_t count)
{
    Vault__V1__ImportRequest *in = new_message();
    for (size_t i = 0; i < count; i++) add_row(in, NULL, 0);
    return in;
}

TEST("header, good rows, bad rows and the end: each counts once, though control moves on before every one of them")
{
    const importing how = {.id = "moving"};
    Vault__V1__ImportRequest *first = header_of(&how);
    request *rq = open_stream(&how, first);
    change_elsewhere("purposes", another_title);
    expect_outcome(send_message(rq, &how, first), VAULT_OK, NULL);
    change_elsewhere("purposes", another_title);
    expect_outcome(send_message(rq, &how, rows_of(40000, 30)), VAULT_OK, NULL);
    change_elsewhere("purposes", another_title);
    expect_outcome(send_message(rq, &how, bad_rows(7)), VAULT_OK, NULL);
    change_elsewhere("purposes", another_title);
    expect_outcome(send_message(rq, &how, rows_of(40020, 30)), VAULT_OK, NULL);
    change_elsewhere("purposes", another_title);
    const Vault__V1__ImportResponse *out = import_answer(send_message(rq, &how, NULL));
    expect_counts(out, "67 rows: 50 created, 0 updated, 10 unchanged, 7 rejected");
    assert_int_equal(out->reports[0]->row, 30);
    change_elsewhere("purposes", another_title);
    Vault__V1__ImportRequest *same[] = {rows_of(40000, 30), bad_rows(7), rows_of(40020, 30)};
    expect_counts(import_all(&how, same, 3), "67 rows: 50 created, 0 updated, 10 unchanged, 7 rejected");
    fixture_reset();
}

TEST("a field that is retired meanwhile ends the import; what went in before stays")
{
    const importing how = {0};
    request *rq = begin_import(&how);
    expect_outcome(send_message(rq, &how, rows_of(41000, 5)), VAULT_OK, NULL);
    change_elsewhere("schema", retire_workplace);
    expect_outcome(send_message(rq, &how, rows_of(41005, 5)), VAULT_INVALID, "RETIRED_FIELD");
    const importing without = {.mask = MASK("id_number", "residence_area", "name")};
    resident r;
    Vault__V1__ImportRequest *in = new_message();
    the_resident(41000, &r);
    ROW(in, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), resident_text(&r, FIELD_NAME));
    expect_counts(import_all(&without, &in, 1), "1 rows: 0 created, 0 updated, 1 unchanged, 0 rejected");
    fixture_reset();
}

TEST("a rule that is taken away meanwhile refuses every further row, and an answer is not given again")
{
    const importing how = {.mask = MASK("id_number", "residence_area", "name"), .id = "ruled"};
    resident r;
    Vault__V1__ImportRequest *in = new_message(), *more = new_message();
    the_resident(42000, &r);
    ROW(in, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), resident_text(&r, FIELD_NAME));
    the_resident(42001, &r);
    ROW(more, resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA),
        resident_text(&r, FIELD_NAME));
    request *rq = begin_import(&how);
    expect_outcome(send_message(rq, &how, in), VAULT_OK, NULL);
    change_elsewhere("policy", without_put);
    expect_outcome(send_message(rq, &how, more), VAULT_OK, NULL);
    const Vault__V1__ImportResponse *out = import_answer(send_message(rq, &how, NULL));
    expect_counts(out, "2 rows: 1 created, 0 updated, 0 unchanged, 1 rejected");
    expect_outcome(begin_import(&how), VAULT_DENIED, NULL);
    node_close(&other);
    fixture_reset();
}
