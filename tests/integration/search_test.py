"""Searches over the wire, compared with plain SQL (SQLite) over the generator's plaintext: 2,000 random ones of every kind, and the ones
that people ask: whom to visit, who this may be where the number is missing, who lives together."""

import concurrent.futures
import random
import sqlite3
import threading

import grpc
import kit
import pytest
from kit import where

PEOPLE, QUERIES, THREADS = 3000, 2000, 4
KINDS = {"id_number": ["suffix"], "name": ["equality", "ngram"], "phone": ["equality", "suffix"], "birth_date": ["band"],
         "annual_income": ["band"], "care_category": ["code"], "marital_status": ["code"], "sex": ["code"],
         "household_number": ["equality", "suffix"], "residence_address": ["ngram"]}
WHY = "population-register"


def indexed(schema):
    for field in schema["collections"][0]["fields"]:
        field["index"] = KINDS.get(field["name"], [])
        field.pop("unique", None)


def band_of(amount):
    """0, and from 1, 2, 5, 10, 20, 50, ... on."""
    starts = [0] + [digit * 10 ** power for power in range(13) for digit in (1, 2, 5)]
    return max(i for i, start in enumerate(starts) if float(amount) >= start)


class Plain:
    """The plaintext in SQLite, and which token is whose."""

    def __init__(self, people, tokens):
        self.people, self.tokens = people, tokens
        self.who = {token: i for i, token in enumerate(tokens)}
        self.sql, self.lock = sqlite3.connect(":memory:", check_same_thread=False), threading.Lock()
        self.sql.create_function("band_of", 1, band_of, deterministic=True)
        names = list(people[0])
        self.sql.execute(f"CREATE TABLE people (i INTEGER PRIMARY KEY, {', '.join(names)})")
        self.sql.executemany(f"INSERT INTO people VALUES ({', '.join('?' * (len(names) + 1))})",
                             [(i, *person.values()) for i, person in enumerate(people)])

    def ask(self, tests, areas, least=None):
        """Residents, each with the places of the tests that hold."""
        places = "".join(f", ({text})" for text, _ in tests)
        values = [value for _, bound in tests for value in bound]
        within = " OR ".join("residence_area LIKE ?" for _ in areas) or "1"
        with self.lock:
            rows = self.sql.execute(f"SELECT i{places} FROM people WHERE {within}", values + [area + "%" for area in areas]).fetchall()
        hits = ((row[0], [at for at, holds in enumerate(row[1:]) if holds]) for row in rows)
        return {self.tokens[i]: held for i, held in hits if len(held) >= (least or len(tests))}


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0]) + ["annual_income"]
    it = kit.City(rules=[
        kit.rule("population-put", "put", "population", WHY, fields),
        kit.rule("population-issue", "issue", "population", WHY, ["id_number"], form="nothing"),
        kit.rule("population-search", "search", "population", WHY, list(KINDS), form="token", results=4096),
        kit.rule("elder-search", "search", "eldercare", "elder-care", ["birth_date", "care_category"], form="token", acting="person",
                 own_area=False, results=500),
        kit.rule("elder-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing")],
        documents={"schema": indexed})
    yield it
    it.close()


@pytest.fixture(scope="module")
def app(city):
    return city.vaultd.app("population", WHY)


@pytest.fixture(scope="module")
def plain(city, app):
    chance = random.Random(1)
    people = kit.residents(PEOPLE)
    for person in people:
        person["annual_income"] = str(chance.choice([0, 1, 2, 5, 10, 999, 1000, 20000, chance.randrange(10 ** 6)]))
    tokens = []
    for at in range(0, PEOPLE, 500):
        assert not [r.status for r in app.put(people[at:at + 500]).results if r.status.code]
        tokens += [r.token for r in app.issue([p["id_number"] for p in people[at:at + 500]]).results]
    return Plain(people, tokens)


def one_of(chance, people, field, most=3):
    """Values that stand there, and one that may not."""
    return [chance.choice(people)[field] or "0" for _ in range(chance.randint(1, most))]


def equality(chance, people):
    field = chance.choice(["name", "phone", "household_number"])
    values = [v for v in one_of(chance, people, field) if v != "0"] or [people[0][field]]
    return where(field, equals=values), (f"{field} IN ({', '.join('?' * len(values))})", values)


def code(chance, people):
    field = chance.choice(["care_category", "marital_status", "sex"])
    values = one_of(chance, people, field)
    return where(field, equals=values), (f"{field} IN ({', '.join('?' * len(values))})", values)


def suffix(chance, people):
    field = chance.choice(["id_number", "phone", "household_number"])
    values = [v[-4:] for v in one_of(chance, people, field) if len(v) >= 4] or ["0000"]
    return where(field, ends_with=values), (f"length({field}) >= 4 AND substr({field}, -4) IN ({', '.join('?' * len(values))})", values)


def ngram(chance, people):
    field = chance.choice(["name", "residence_address"])
    text = chance.choice([p[field] for p in people if len(p[field]) >= 2])
    at = chance.randrange(len(text) - 1)
    part = text[at:at + chance.choice([2, 2, 3, 5])].strip()
    if len(part) < 2:
        return ngram(chance, people)
    pairs = [part[i:i + 2] for i in range(len(part) - 1)]
    return where(field, part=part), (" AND ".join(f"instr({field}, ?) > 0" for _ in pairs), pairs)


def years(chance, people):
    low, high = sorted(chance.choice(people)["birth_date"] for _ in range(2))
    low, high = chance.choice([(low, high), ("", high), (low, ""), (low, low)])
    held = " AND ".join(f"substr(birth_date, 1, 4) {sign} ?" for sign, v in ((">=", low), ("<=", high)) if v)
    return where("birth_date", low=low, high=high), (held, [v[:4] for v in (low, high) if v])


def amounts(chance, people):
    low, high = sorted((chance.choice(people)["annual_income"] for _ in range(2)), key=float)
    return where("annual_income", low=low, high=high), ("band_of(annual_income) BETWEEN ? AND ?", [band_of(low), band_of(high)])


def alike(chance, plain):
    field = chance.choice(["name", "household_number", "marital_status"])
    i = chance.randrange(PEOPLE)
    return where(field, same_as=plain.tokens[i]), (f"{field} = ? AND {field} <> ''", [plain.people[i][field]])


MAKERS = {"equality": equality, "code": code, "suffix": suffix, "ngram": ngram, "years": years, "amounts": amounts, "alike": alike}
BY_STREET = ("part", "band")


def distinct(conditions):
    places = [(c.field, c.WhichOneof("question")) for c, _ in conditions]
    return len(set(places)) == len(places)


def random_search(chance, plain):
    makers = chance.choices(list(MAKERS), k=chance.choice([1, 1, 2, 2, 3, 4]))
    made = [MAKERS[name](chance, plain if name == "alike" else plain.people) for name in makers]
    if not distinct(made):
        return random_search(chance, plain)
    streets = sorted({p["residence_area"][:9] for p in plain.people})
    areas = [s + chance.choice(["", "", chance.choice(plain.people)["residence_area"][9:12]]) for s in chance.sample(streets, chance.randint(1, 3))]
    if not any(c.WhichOneof("question") in BY_STREET or "code" in KINDS[c.field] for c, _ in made) and chance.random() < .5:
        areas = chance.choice([[], ["320411"], ["3204"]])
    least = chance.randint(1, len(made)) if chance.random() < .3 else 0
    return makers, made, areas, least


def found_by(app, conditions, areas, least, page):
    """All pages: token to the conditions that hold."""
    found, token = {}, ""
    while True:
        reply = app.search(*conditions, areas=areas, minimum_matches=least, page_size=page, page_token=token)
        for one in reply.results:
            assert one.token not in found
            found[one.token] = list(one.matched)
        assert not reply.capped
        token = reply.next_page_token
        if not token:
            return found


def compare(app, plain, chance, kinds):
    makers, made, areas, least = random_search(chance, plain)
    conditions = [c for c, _ in made]
    wanted = plain.ask([test for _, test in made], areas, least)
    case = (conditions, areas, least)
    kinds.update(makers)
    if len(wanted) > 60 or chance.random() < .1:
        reply = app.search(*conditions, areas=areas, minimum_matches=least, count_only=True)
        assert (reply.count, reply.fewer_than_ten) == ((0, True) if len(wanted) < 10 else (len(wanted), False)), case
        return len(wanted)
    found = found_by(app, conditions, areas, least, chance.choice([0, 7, 50, 500]))
    assert set(found) == set(wanted), case
    if least:
        assert found == wanted, case
    return len(wanted)


def test_2000_random_searches_equal_plain_sql(city, plain):
    def work(thread):
        app, chance, kinds = city.vaultd.app("population", WHY), random.Random(1000 + thread), set()
        return kinds, [compare(app, plain, chance, kinds) for _ in range(QUERIES // THREADS)]

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(work, range(THREADS)))
    assert all(kinds == set(MAKERS) for kinds, _ in done)
    hits = [n for _, each in done for n in each]
    assert len(hits) == QUERIES and sum(n > 0 for n in hits) > QUERIES / 3 and sum(n == 0 for n in hits) > 50


def test_residents_over_75_living_alone_in_three_communities_for_elder_care(city, plain):
    alone = lambda p: p["care_category"] in ("01", "03") and p["birth_date"] < "19510101"
    counts = {}
    for person in plain.people:
        counts.setdefault(person["residence_area"], []).append(alone(person))
    communities = sorted(counts, key=lambda area: -sum(counts[area]))[:3]
    wanted = {p["id_number"] for p in plain.people if alone(p) and p["residence_area"] in communities}
    app = city.vaultd.app("eldercare", "elder-care")
    said = lambda: kit.assertion_for(city, "eldercare", "civil-affairs", "grid-zhao", "elder-care")
    conditions = [where("care_category", equals=["01", "03"]), where("birth_date", high="19501231")]
    with pytest.raises(grpc.RpcError) as refused:
        app.search(*conditions, areas=communities)
    assert kit.details(refused.value)["ErrorInfo"].metadata["clause"] == "acting"
    reply = app.search(*conditions, areas=communities, assertion=said())
    tokens = {r.token for r in app.issue(sorted(wanted)).results}
    assert wanted and {one.token for one in reply.results} == tokens
    assert not tokens & set(plain.tokens)  # of another domain: no bytes in common with the register's


def test_candidates_where_the_number_is_missing(app, plain):
    person = next(p for p in plain.people if p["phone"] and p["birth_date"] < "19900101")
    area, own = person["residence_area"][:9], plain.tokens[plain.people.index(person)]
    wrong = person["phone"][:-1] + str((int(person["phone"][-1]) + 1) % 10)
    three = lambda name, born, phone: [where("name", equals=name), where("birth_date", low=born, high=born), where("phone", equals=phone)]
    for given, held in ((three(person["name"], person["birth_date"], wrong), [0, 1]),
                        (three("没有人", person["birth_date"], person["phone"]), [1, 2]),
                        (three(person["name"], "20200101", person["phone"]), [0, 2])):
        found = found_by(app, given, [area], 2, 0)
        assert found[own] == held
        assert own not in found_by(app, given, [area], 3, 0)


def test_households(app, plain):
    households = {}
    for i, person in enumerate(plain.people):
        households.setdefault(person["household_number"], set()).add(plain.tokens[i])
    for members in sorted(households.values(), key=len)[-5:]:
        assert len(members) > 1
        for one in members:
            assert set(app.search_all(where("household_number", same_as=one))) == members
