"""Consents over two nodes, by vaultctl and by a foreign client: what is withdrawn on one node holds on the other, and residents of
a class are shown, in the strongest form, to whom a rule shows them."""

import grpc
import kit
import pytest
from vault.v1 import tokens_pb2
from vaultctl_test import SOME_REFUSED, Ctl

ELDER, POPULATION = ("eldercare", "elder-care"), ("population", "population-register")
NAMES = ("id_number", "residence_area", "name", "phone", "birth_date")
RULES = [
    kit.rule("put", "put", *POPULATION, NAMES),
    kit.rule("issue", "issue", *ELDER, ["id_number"], form="nothing"),
    kit.rule("book", "consent", *ELDER, ["id_number"], form="nothing"),
    kit.rule("agreed", "reveal", *ELDER, ["phone"], consent=True),
    kit.rule("masked", "reveal", *ELDER, ["name"], form="masked"),
    kit.rule("old", "reveal", *ELDER, ["name"], residents={"only": ["old"]}, withhold="case"),
]


def facts(document):
    return {**document, "classes": [{"id": "old", "field": "birth_date", "test": "age_at_least", "years": 60}],
            "withholding": [{"id": "case", "title": "办案期间暂不告知", "days": 30}]}


@pytest.fixture(scope="module")
def two():
    """A city of two nodes: an old resident, a young one, and their tokens."""
    city = kit.City(RULES, nodes=2, documents={"policy": facts})
    try:
        people = [{name: one[name] or "13900000000" for name in NAMES} for one in kit.residents(2, seed=12)]
        people[0]["birth_date"], people[1]["birth_date"] = "19400101", "20000101"
        city.vaultd.app(*POPULATION).put(people)
        yield city, people, [r.token for r in city.vaultd.app(*ELDER).issue([p["id_number"] for p in people]).results]
    finally:
        city.close()


def refused(call):
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    return error.value.details()


def test_a_consent_is_written_down_shown_and_withdrawn_and_holds_on_every_node(two, tmp_path):
    city, people, tokens = two
    elder, there = Ctl(city, *ELDER, tmp_path), city.nodes[1].app(*ELDER)
    assert elder("consent", "show", *tokens, "--ticket", "t").split() == ["none", "none"]
    nobody = refused(lambda: there.reveal(tokens[0], ["phone"]))
    assert "record version 2" in elder("consent", "grant", tokens[0], "--until", "2099-12-31", "--ticket", "form-1")
    assert there.reveal(tokens[0], ["phone"]).values[0].text == people[0]["phone"]
    shown = elder("consent", "show", tokens[0], "--ticket", "t")
    assert shown.startswith("given, said ") and "until 2099-12-30T16:00:00" in shown
    elder("consent", "withdraw", tokens[0], "--ticket", "call-1")
    assert refused(lambda: there.reveal(tokens[0], ["phone"])) == nobody
    assert elder.json("consent", "show", tokens[0], "--ticket", "t")[0]["state"] == "withdrawn"
    officer = Ctl(city, "officer-wang", "log-review", tmp_path)
    assert '"clause":"consent"' in officer("audit", "query", "--limit", "100", "--json", "--ticket", "t").replace(" ", "").replace("\\", "")


def test_a_stolen_token_is_told_nothing_of_consents(two, tmp_path):
    city, people, tokens = two
    elder = Ctl(city, *ELDER, tmp_path)
    forged = tokens[0][:20] + ("b" if tokens[0][20] == "a" else "a") + tokens[0][21:]
    elder("consent", "show", forged, "--ticket", "t", wanted=SOME_REFUSED)
    elder("consent", "grant", forged, "--ticket", "t", wanted=SOME_REFUSED)


def test_the_strongest_form_is_said_to_who_reads_it(two, tmp_path):
    city, people, tokens = two
    elder = Ctl(city, *ELDER, tmp_path)
    old, young = city.nodes[1].app(*ELDER).reveal_batch(tokens, ["name"], form=tokens_pb2.FORM_STRONGEST).results
    assert (old.terms.form, young.terms.form) == (tokens_pb2.FORM_PLAIN, tokens_pb2.FORM_MASKED)
    assert old.values[0].text == people[0]["name"] != young.values[0].text and old.terms.withheld_until and not young.terms.withheld_until
    assert people[0]["name"] in elder("reveal", tokens[0], "--fields", "name", "--form", "strongest", "--ticket", "t")
    assert "form: plain; may be kept until" in elder.said and "withheld from the resident until" in elder.said
    assert people[1]["name"] not in elder("reveal", tokens[1], "--fields", "name", "--form", "strongest", "--ticket", "t")
    assert "form: masked" in elder.said and "withheld" not in elder.said
    assert elder.json("reveal", *tokens, "--fields", "name", "--form", "strongest", "--ticket", "t")[1]["terms"]["form"] == "masked"
