"""One vault for all tests of a session, with rules that differ by field, area and acting person."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import kit  # noqa: E402

DISTRICT, STREET = "320411", "320411002"  # the clinic sees one street only
RULES = [
    kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
    kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("eldercare-app", "reveal", "eldercare", "elder-care", ["name", "phone"]),
    kit.rule("eldercare-person", "reveal", "eldercare", "elder-care",
             ["name", "phone", "birth_date", "residence_address", "care_category"], acting="person"),
    kit.rule("clinic-issue", "issue", "clinic", "family-doctor", ["id_number"], areas=[STREET], form="nothing"),
    kit.rule("clinic-reveal", "reveal", "clinic", "family-doctor", ["name", "sex", "birth_date"], areas=[STREET]),
    kit.rule("eldercare-search", "search", "eldercare", "elder-care", ["name", "phone", "birth_date", "care_category"], form="token"),
    kit.rule("eldercare-ask", "reveal", "eldercare", "elder-care", ["age_60", "same_street", "phone_is"], form="predicate"),
    kit.rule("eldercare-token", "reveal", "eldercare", "elder-care", ["id_number", "phone"], form="token"),
    kit.rule("eldercare-export", "export", "eldercare", "elder-care", ["name", "phone"]),
    kit.rule("population-numbers", "reveal", "population", "population-register", ["id_number"]),
    kit.rule("clinic-search", "search", "clinic", "family-doctor", ["name"], areas=[STREET], form="token"),
    kit.rule("clinic-ask", "reveal", "clinic", "family-doctor", ["age_60"], areas=[STREET], form="predicate"),
    kit.rule("population-erase", "erase", "population", "population-register", ["id_number"], form="nothing"),
    kit.rule("eldercare-consent", "consent", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("eldercare-history", "history", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("clinic-history", "history", "clinic", "family-doctor", ["id_number"], areas=[STREET], form="nothing"),
    kit.rule("eldercare-guardian", "guardian", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("clinic-export", "export", "clinic", "family-doctor", ["name"], areas=[STREET]),
]


def pytest_configure(config):
    config.addinivalue_line("markers", "tsan: also run against the tree with ThreadSanitizer")
    config.addinivalue_line("markers", "tsan_only: only there")
    config.addinivalue_line("markers", "at_the_end: waits for what takes its time while other tests run")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("at_the_end") is not None)


def put_rule():
    fields = list(kit.residents(1)[0])
    return kit.rule("population-put", "put", "population", "population-register", fields)


@pytest.fixture(scope="session")
def city():
    it = kit.City(rules=[put_rule(), *RULES])
    yield it
    it.close()


@pytest.fixture(scope="session")
def people(city):
    """300 residents, the first 100 of them moved into the clinic's street."""
    people = kit.residents(300, seed=7)
    for at, person in enumerate(people):
        person["residence_area"] = STREET + "001" if at < 100 else DISTRICT + "004001"
    for result in city.vaultd.app("population", "population-register").put(people).results:
        assert result.status.code == 0, result.status
    return people


@pytest.fixture(scope="session")
def eldercare(city):
    return city.vaultd.app("eldercare", "elder-care")


@pytest.fixture(scope="session")
def clinic(city):
    return city.vaultd.app("clinic", "family-doctor")


@pytest.fixture(scope="session")
def population(city):
    return city.vaultd.app("population", "population-register")


@pytest.fixture(scope="session")
def officer(city):
    return city.vaultd.app("officer-wang", "log-review")


@pytest.fixture(scope="session")
def tokens(eldercare, people):
    return [r.token for r in eldercare.issue([p["id_number"] for p in people]).results]
