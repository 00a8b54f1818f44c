"""Work on policies by vaultctl: cases, differences, who may see what, the log decided again, and the way into force and back."""

import copy
import json
import pathlib

import jsonschema
import kit
import pytest
from vaultctl_test import DENIED, DONE, INVALID, SOME_REFUSED, USAGE, Ctl

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs/schemas/cases.schema.json").read_text())
CASES = {
    "time": "2026-06-01T10:00",
    "persons": [{"id": "li", "role": "grid-worker", "areas": ["320411002003"]}],
    "cases": [
        {"id": "name", "title": "the app by itself sees names", "expect": "allowed", "rule": "eldercare-app",
         "facts": {"consumer": "eldercare", "purpose": "elder-care", "action": "reveal", "fields": ["name"], "resident": {"area": "320411002003"}}},
        {"id": "phone-own", "expect": "allowed", "strongest": "plain",
         "facts": {"consumer": "eldercare", "purpose": "elder-care", "action": "reveal", "fields": ["phone"], "person": "li",
                   "resident": {"area": "320411002003001", "not_of": "others", "consent": False}}},
        {"id": "phone-elsewhere", "expect": "refused", "clause": "area",
         "facts": {"consumer": "eldercare", "purpose": "elder-care", "action": "reveal", "fields": ["phone"], "role": "grid-worker",
                   "areas": ["320411002004"], "contract": {"from": "2026-01-01", "until": "2026-12-31"}, "resident": {"area": "320411002003"}}},
        {"id": "nobody", "expect": "refused", "clause": "resident",
         "facts": {"consumer": "eldercare", "purpose": "elder-care", "action": "reveal", "fields": ["name"], "resident": {}}}]}
SEEN = 30


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0])
    it = kit.City(rules=[
        kit.rule("population-put", "put", "population", "population-register", fields),
        kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
        kit.rule("eldercare-app", "reveal", "eldercare", "elder-care", ["name"]),
        kit.rule("eldercare-own", "reveal", "eldercare", "elder-care", ["phone"], acting="person", own_area=True)])
    people = it.put(SEEN)
    elder = it.vaultd.app("eldercare", "elder-care")
    tokens = [r.token for r in elder.issue([p["id_number"] for p in people]).results]
    for result in elder.reveal_batch(tokens, ["name"]).results:
        assert result.status.code == 0
    for result in elder.reveal_batch(tokens[:5], ["sex"]).results:
        assert result.status.code == 7
    yield it
    it.close()


class Desk:
    def __init__(self, city, folder):
        self.folder = folder
        ctl = lambda name: Ctl(city, name, folder=folder)
        self.admin, self.officer, self.elder = ctl("admin-li"), ctl("officer-wang"), Ctl(city, "eldercare", "elder-care", folder)

    def draft(self, edit, name="policy"):
        document = self.admin.json("control", "show", name)[0]["content"]
        edited = copy.deepcopy(document)
        edit({rule["id"]: rule for rule in edited["rules"]} if name == "policy" else edited)
        return self.write(f"{name}.json", edited)

    def write(self, name, document):
        (self.folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1))
        return name


@pytest.fixture
def desk(city, tmp_path):
    return Desk(city, tmp_path)


def more(rules):
    rules["eldercare-app"]["fields"].append("sex")


def other(rules):
    rules["eldercare-app"]["fields"] = ["residence_address"]


def broken(rules):
    rules["eldercare-app"]["form"] = "shown"


def test_a_policy_is_validated_with_line_column_and_mend(desk):
    assert "would be taken" in desk.admin("policy", "validate", desk.draft(more))
    file = desk.draft(broken)
    desk.admin("policy", "validate", file, wanted=INVALID)
    assert desk.admin.said.startswith(f"vaultctl: {file}:") and "unknown form" in desk.admin.said
    desk.admin("policy", "diff", file, wanted=INVALID)  # the place is told wherever a draft is taken
    assert f"{file}:" in desk.admin.said and "unknown form" in desk.admin.said
    desk.officer("policy", "simulate", file, wanted=INVALID)
    assert f"{file}:" in desk.officer.said
    desk.admin("policy", "validate", desk.draft(lambda rules: rules["eldercare-app"].update(formm="plain")), wanted=INVALID)
    assert "eldercare-app: unknown key: formm" in desk.admin.said
    desk.admin("policy", "validate", desk.write("other.json", {"purposes": []}), wanted=INVALID)  # another document
    assert desk.admin.said == "vaultctl: other.json:1:1: a key is missing: rules\n"


def test_cases_pass_fail_and_are_covered(desk):
    jsonschema.Draft202012Validator(SCHEMA).validate(CASES)
    file = desk.write("cases.json", CASES)
    said = desk.admin("policy", "test", file)
    assert "4 cases: 4 passed, 0 failed; 2 of 4 rules and prohibitions were met" in said and "not met: population-put" in said
    found = desk.officer.json("policy", "test", file, desk.draft(other), wanted=SOME_REFUSED)[0]
    assert [r["id"] for r in found["results"] if not r.get("passed")] == ["name", "nobody"]
    assert found["results"][0]["expected"] == "allowed by eldercare-app" and found["results"][0]["found"] == "refused: fields"
    bad = copy.deepcopy(CASES)
    bad["cases"][1]["facts"]["fields"] = ["no_such"]
    desk.admin("policy", "test", desk.write("bad.json", bad), wanted=INVALID)
    assert desk.admin.said.startswith("vaultctl: bad.json:") and "unknown field 'no_such'" in desk.admin.said
    desk.elder("policy", "test", file, wanted=DENIED)


@pytest.mark.parametrize("path, value", [
    (["cases", 0, "expect"], "maybe"), (["cases", 0, "facts", "action"], "look"), (["cases", 0, "facts", "fields"], []),
    (["cases", 0, "facts", "residents"], 0), (["cases", 0, "facts", "time"], "2026-06-01"), (["cases", 2, "clause"], "budget"),
    (["cases", 0, "facts", "resident", "area"], "3204"), (["cases", 0, "extra"], 1), (["cases"], []), (["persons"], []),
    (["cases", 1, "strongest"], "count"), (["cases", 0, "facts", "approved"], "yes"), (["cases", 1, "facts", "resident", "not_of"], "any")])
def test_schema_and_reader_refuse_the_same(desk, path, value):
    bad = copy.deepcopy(CASES)
    at = bad
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(bad)
    desk.admin("policy", "test", desk.write("bad.json", bad), wanted=INVALID)


def test_a_difference_says_who_gains_and_who_loses(desk):
    gained = desk.officer.json("policy", "diff", desk.draft(more))[0]["changes"]
    assert [(c["gains"], c["access"]["consumer"], c["access"]["fields"], c["access"]["form"]) for c in gained] == [(True, "eldercare", ["sex"], "plain")]
    text = desk.officer("policy", "diff", desk.draft(other))
    assert "1 gained, 1 lost" in text and "residence_address" in text
    assert "0 gained, 0 lost" in desk.officer("policy", "diff", desk.draft(lambda rules: None))
    desk.officer("policy", "diff", wanted=USAGE)


def test_who_may_see_a_field_and_what_somebody_may_see(desk):
    told = desk.officer.json("policy", "who-can", "phone")[0]
    assert {a["action"]: a["rule"] for a in told["accesses"]} == {"reveal": "eldercare-own", "put": "population-put"}
    assert "grid-zhao" in told["persons"]
    assert "nobody, nothing" in desk.officer("policy", "who-can", "phone", "--area", "11")
    desk.officer("policy", "who-can", "no_such", wanted=INVALID)
    assert {a["rule"] for a in desk.officer.json("policy", "what-can", "eldercare")[0]["accesses"]} == {"eldercare-issue", "eldercare-app", "eldercare-own"}
    own = [a for a in desk.officer.json("policy", "what-can", "--person", "grid-zhao")[0]["accesses"] if a["rule"] == "eldercare-own"]
    assert own[0]["areas"] == ["320411002003"] and own[0]["own_area"]
    desk.officer("policy", "what-can", wanted=USAGE)
    desk.elder("policy", "what-can", "eldercare", wanted=DENIED)


def leave(document):
    next(p for p in document["persons"] if p["id"] == "grid-zhao")["suspended"] = True


def test_whoever_is_suspended_may_nothing_and_is_told_as_that(desk):
    facts = ("consumer=eldercare", "purpose=elder-care", "action=reveal", "fields=phone", "person=grid-zhao")
    assert desk.officer("policy", "explain", *facts).startswith("allowed by the rule eldercare-own")
    gone = f"persons={desk.draft(leave, 'persons')}"
    desk.officer("policy", "explain", *facts, "--with", gone, wanted=INVALID)
    assert "(facts.person: PERSON_SUSPENDED)" in desk.officer.said
    desk.officer("policy", "what-can", "--person", "grid-zhao", "--with", gone, wanted=INVALID)
    assert "(person: PERSON_SUSPENDED)" in desk.officer.said


def test_slips_of_whoever_asks_for_an_explanation_are_told_with_what_is_wanted(desk):
    facts = ("consumer=eldercare", "purpose=elder-care", "action=reveal", "fields=sex")
    for slip, said in (("rol=clerk", "rol is no fact: there are consumer, purpose,"), ("time=now", "time is a time like 2026-03-01T22:00"),
                       ("consent=true", "consent is yes or no"), ("residents=0", "residents is a number from 1 on"), ("fields=name", "said twice")):
        desk.officer("policy", "explain", *facts, slip, wanted=USAGE)
        assert said in desk.officer.said
    assert "refused; nearest is the rule eldercare-app" in desk.officer("policy", "explain", *facts, wanted=SOME_REFUSED)
    assert desk.officer("policy", "explain", *facts, wanted=SOME_REFUSED, LC_ALL="zh_CN.UTF-8").startswith("拒绝；最接近的规则是 eldercare-app")


def test_what_looks_wrong_and_what_nobody_has_used(desk):
    found = desk.officer.json("policy", "lint", "--days", "1", wanted=SOME_REFUSED)[0]
    assert "eldercare-own" in {f["rule"] for f in found if f["kind"] == "unused"}
    assert "eldercare-app" not in {f["rule"] for f in found if f["kind"] == "unused"}

    def ended(rules):
        rules["eldercare-app"]["valid"] = {"from": "2020-01-01", "until": "2020-12-31"}
    found = desk.admin.json("policy", "lint", desk.draft(ended), wanted=SOME_REFUSED)[0]
    assert ("expired", "eldercare-app") in {(f["kind"], f["rule"]) for f in found}


def test_the_log_is_decided_again(desk):
    said = desk.officer("policy", "simulate")
    assert "would have refused none of" in said and "newly allows none" in said
    told = desk.officer.json("policy", "simulate", desk.draft(other), wanted=SOME_REFUSED)[0]
    assert (told["would_refuse"], told["would_allow"], told["open"]) == (SEEN, 0, 0)
    assert [(g["consumer"], g["fields"], g["clause"], g["count"]) for g in told["groups"]] == [("eldercare", "name", "fields", SEEN)]
    assert f"would have refused {SEEN} of" in desk.officer("policy", "simulate", "policy.json", wanted=SOME_REFUSED)
    told = desk.officer.json("policy", "simulate", desk.draft(more))[0]
    assert (told["would_refuse"], told["would_allow"]) == (0, 5) and told["groups"][0]["allows"]
    assert desk.officer.json("policy", "simulate", "policy.json", "--until", "2020-01-01")[0]["decisions"] == 0
    desk.admin("policy", "simulate", "policy.json", wanted=DENIED)


def test_into_force_and_back(desk):
    before = desk.admin.json("control", "show", "policy")[0]
    file = desk.draft(more)
    one = desk.admin.json("policy", "propose", file, "--ticket", "T-1")[0]
    assert one["document"] == "policy"
    assert [c["access"]["fields"] for c in desk.officer.json("policy", "diff", "--approval", one["name"])[0]["changes"]] == [["sex"]]
    desk.admin("policy", "activate", one["name"], "--digest", one["digest"], "--ticket", "T-1", wanted=DENIED)
    done = desk.officer.json("policy", "activate", one["name"], "--digest", one["digest"], "--ticket", "T-2")[0]
    assert done["state"] == "activated"
    lost = desk.officer.json("policy", "diff", "--version", before["version"])[0]["changes"]
    assert [c["gains"] for c in lost] == [True]
    back = desk.admin.json("policy", "rollback", before["version"], "--ticket", "T-3")[0]
    assert back["digest"] == before["digest"]
    desk.officer("policy", "activate", back["name"], "--digest", back["digest"], "--ticket", "T-4", wanted=DONE)
    assert desk.admin.json("control", "show", "policy")[0]["content"] == before["content"]
    listed = desk.officer.json("policy", "history")[0]
    assert [c["kind"] for c in listed[:4]] == ["activate", "propose", "activate", "propose"]
    assert all(c["document"] in ("policy", "purposes", "principals", "persons", "sharing", "") for c in listed)
    for most in (1, 3):
        assert desk.officer.json("policy", "history", "--limit", str(most))[0] == listed[:most]
    everything = desk.officer.json("control", "history")[0]
    assert len(everything) >= len(listed)
    desk.admin("policy", "rollback", "0", "--ticket", "T", wanted=USAGE)
