"""The attacker of docs/leakage.md against 10,000 residents (tests/leakage/run: against many more), and whether what he is given is what a
vault really writes."""

import collections
import functools
import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "integration")]
import attack  # noqa: E402
import kit  # noqa: E402

TOOL = str(kit.BUILD / "tests/leakage/leakage_table")
RESIDENTS = int(os.environ.get("VAULT_LEAKAGE", 10000))
DEFAULT = ("id_number.equality", "name.equality", "phone.equality", "household_number.equality", "phone.suffix")
PROMISE = 0.01


@functools.cache
def stolen_and_census(columns, names="nation", seed=11):
    stolen = attack.table(TOOL, seed, RESIDENTS, names, columns)
    census = attack.table(TOOL, seed + 1, RESIDENTS, names, [c.split(".")[0] for c in columns])
    return stolen, {c: census.values[c.split(".")[0]] for c in columns}


def by_frequency(column, names="nation"):
    stolen, census = stolen_and_census((column,), names)
    return attack.frequency(stolen, census[column], column)


# --- the promise ---

@pytest.mark.parametrize("names", ["nation", "generator"])
@pytest.mark.parametrize("column", DEFAULT)
def test_frequencies_tell_at_most_one_value_in_a_hundred_of_the_kinds_that_need_not_be_asked_for(column, names):
    assert by_frequency(column, names).whole <= PROMISE
    assert by_frequency(column, names).part <= PROMISE


def test_neither_do_names_beside_the_terms_of_birth_years():
    stolen, census = stolen_and_census(("name.equality", "birth_date.band"))
    assert attack.names_by_age(stolen, attack.Table([], census, {})).whole <= PROMISE


# --- the attacker has teeth ---

def test_the_same_attack_reads_most_of_an_index_that_the_schema_would_refuse():
    """Equality over the whole city, of a field with eight values."""
    bad = by_frequency("education.equality")
    assert bad.whole > 0.5 and bad.gain > 0.25


def test_the_same_attack_reads_names_that_are_as_uneven_as_it_needs():
    """A name by rank, each half as frequent again as the next: nearly all is told."""
    names = [f"n{k}" for k in range(12) for _ in range(4 * 2 ** (11 - k))]
    table = attack.Table(["320411002001"] * len(names), {"name.equality": names}, {"name.equality": [(f"t{hash(n)}",) for n in names]})
    assert attack.frequency(table, names, "name.equality").whole == 1.0
    assert attack.frequency(table, names, "name.equality").blind_whole < 0.51


def test_codes_and_bands_tell_more_than_the_census():
    assert by_frequency("annual_income.band").part > 0.6
    assert by_frequency("care_category.code").part > 0.9


def test_known_residents_give_away_whoever_shares_a_term_with_them():
    for column, least in (("household_number.equality", 0.01), ("name.equality", 0.0005), ("care_category.code", 0.9)):
        stolen, census = stolen_and_census((column,))
        assert attack.known_single(stolen, census[column], column, 0.01).part > least, column


def test_namesakes_carry_parts_of_names_from_street_to_street():
    """Names that few parts make up, so that 10,000 residents are enough: the equality of names undoes that parts are kept per street."""
    streets, names = ["320411002", "320411003"], ["王伟", "王芳", "李伟", "李秀英", "张秀兰", "刘国秀"]
    rows = [(s, n) for k, s in enumerate(streets) for i, n in enumerate(names) for _ in range(40 - 5 * i + k)]
    column, by = "name.ngram", "name.equality"
    table = attack.Table([s + "001" for s, _ in rows], {column: [n for _, n in rows], by: [n for _, n in rows]},
                         {column: [tuple(sorted(s + p for p in attack.pairs_of(n))) for s, n in rows], by: [("t" + n,) for _, n in rows]})
    values = table.values[column]
    apart = attack.known_pairs(table, values, column, 0.005)
    joined = attack.known_pairs(table, values, column, 0.005, by)
    assert joined.whole > apart.whole
    assert attack.linked_pairs(table, values).part > 0.5


def test_who_lives_with_whom_tells_years():
    """All in one street, and only the kinds that this attack looks at."""
    columns = ("birth_date", "care_category", "household_number")
    kinds = ("birth_date.band", "care_category.code", "household_number.equality")
    plain = attack.table(TOOL, 11, RESIDENTS, "generator", columns)
    values = {kind: plain.values[column] for kind, column in zip(kinds, columns)}
    terms = {kind: [(f"{kind} {attack.taken_by(kind)(v)}",) for v in values[kind]] for kind in kinds}
    street = attack.Table(["320411002001"] * len(plain.area), values, terms)
    years, codes = attack.years_by_housemates(street, street, rounds=20000, tries=1)
    assert years.part > 10 * years.blind_part
    assert codes.part == 1.0


def test_a_list_of_everybody_finds_most_rows_by_who_shares_what():
    columns = ("name.equality", "household_number.equality", "phone.equality", "phone.suffix")
    stolen, _ = stolen_and_census(columns, "generator")
    assert attack.listed(stolen, columns).whole > 0.5
    assert attack.listed(stolen, ("household_number.equality",)).whole < 0.01


def test_the_number_of_terms_shows_long_names():
    stolen, _ = stolen_and_census(("name.ngram", "ethnicity"), "generator")
    right, found = attack.long_names(stolen)
    assert right > 0.9 and found > 0.5


# --- what the vault writes is what the attacker is given ---

def colours(rows):
    return collections.Counter(attack.colours(rows))


SHIPPED = ("name.equality", "name.ngram", "birth_date.band", "phone.equality", "phone.suffix", "household_number.equality",
           "care_category.code")
PUT = 400


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0])
    it = kit.City(rules=[kit.rule("population-put", "put", "population", "population-register", fields)])
    for result in it.vaultd.app("population", "population-register").put(kit.residents(PUT, seed=11)).results:
        assert result.status.code == 0, result.status
    yield it
    it.close()


def rows_of(city):
    found = []
    for line in city.database.sql("SELECT id, area, array_to_string(terms, ',') FROM resident").splitlines():
        number, area, terms = line.split("|")
        found.append((int(number), area, terms.split(",")))
    return found


def test_a_vault_writes_the_terms_that_the_attacker_is_given(city):
    model = attack.table(TOOL, 11, PUT, "generator", SHIPPED)
    given = [(area, [f"{at} {t}" for at, c in enumerate(SHIPPED) for t in model.terms[c][i]]) for i, area in enumerate(model.area)]
    assert colours([(area[:12], terms) for _, area, terms in rows_of(city)]) == colours(given)
    assert colours(given) != colours([(area, terms[1:]) for area, terms in given])


def test_the_index_holds_the_terms_of_the_rows_and_what_the_row_says_in_clear(city):
    entries = {tuple(line.split("|")) for line in city.database.sql("SELECT term, area, id FROM resident_term").splitlines()}
    rows = rows_of(city)
    listing = {("1", area, str(number)) for number, area, _ in rows}
    assert entries == listing | {(term, area, str(number)) for number, area, terms in rows for term in terms}


def test_neither_ids_nor_the_places_of_rows_show_the_order_of_the_call(city):
    sql = city.database.sql
    by_key = sql("SELECT string_agg(id::text, ',' ORDER BY natural_key) FROM resident")
    assert by_key == sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM resident")
    for name, key in (("resident", "natural_key"), ("resident_term", "(term, area, id)")):
        page = "split_part(ctid::text, ',', 1)"
        falls = f"SELECT {key} < lag({key}) OVER (PARTITION BY {page} ORDER BY ctid) AS falls FROM {name}"
        assert sql(f"SELECT count(*) FROM ({falls}) AS x WHERE falls") == "0", name


def test_the_terms_of_a_row_stand_in_ascending_order(city):
    assert all([int(t) for t in terms] == sorted(int(t) for t in terms) for _, _, terms in rows_of(city))
