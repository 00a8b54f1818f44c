"""vaultctl, the commands of issue 4: each against the service, as text and as JSON, and what it says where it is refused."""

import json
import re
import stat

import kit
import pytest
from conftest import DISTRICT, STREET
from vaultctl_test import DENIED, INVALID, SOME_REFUSED, UNAVAILABLE, USAGE, Ctl

SLIP = {"q": "p"}


@pytest.fixture
def elder(city, tmp_path):
    return Ctl(city, "eldercare", "elder-care", tmp_path)


@pytest.fixture
def clinic_ctl(city, tmp_path):
    return Ctl(city, "clinic", "family-doctor", tmp_path)


@pytest.fixture
def register(city, tmp_path):
    return Ctl(city, "population", "population-register", tmp_path)


def slipped(text):
    return text[:-1] + SLIP.get(text[-1], "q")


def test_tokens_are_inspected_and_a_stolen_one_is_told_nothing(elder, clinic, people, tokens):
    foreign = clinic.issue([people[0]["id_number"]]).results[0].token
    assert elder("inspect", *tokens[:3], foreign, wanted=SOME_REFUSED).split() == ["valid"] * 3 + ["-"]
    assert "item 4: PERMISSION_DENIED" in elder.said and "clause resident" in elder.said
    assert elder.json("inspect", tokens[0]) == [{"state": "valid", "epoch": 1, "current_epoch": 1}]
    elder("inspect", slipped(tokens[0]), wanted=SOME_REFUSED)
    assert "TOKEN_MISTYPED" in elder.said


def test_predicates_are_answered_by_yes_and_no(elder, people, tokens, tmp_path):
    old = [p["birth_date"] < "19600101" for p in people[:20]]
    sure = [at for at, p in enumerate(people[:20]) if not "1960" <= p["birth_date"][:4] <= "1970"]
    said = elder("test", "age_60", *tokens[:20], "--ticket", "t").split()
    assert [said[at] for at in sure] == ["yes" if old[at] else "no" for at in sure]
    (tmp_path / "pairs").write_text(f"{tokens[0]} {people[0]['phone']}\n{tokens[1]}\t{people[0]['phone']}\n")
    assert elder("test", "phone_is", "--file", "pairs", "--ticket", "t").split() == ["yes", "no"]
    assert elder("test", "same_street", *tokens[:2], tokens[250], "--than", tokens[5], "--ticket", "t").split() == ["yes", "yes", "no"]
    assert elder.json("test", "age_60", tokens[sure[0]], "--ticket", "t") == [{"holds": old[sure[0]], "absent": False}]
    elder("test", "no_such_predicate", tokens[0], "--ticket", "t", wanted=INVALID)
    elder("test", "age_60", "--ticket", "t", wanted=USAGE)


def test_numbers_of_the_domain_are_given_and_taken_back(elder, register, people):
    mine = register("issue", *[p["id_number"] for p in people[:3]]).split()
    shown = register.json("reveal", *mine, "--fields", "id_number", "--form", "token", "--ticket", "t")
    numbers = [one["values"]["id_number"] for one in shown]
    assert not set(numbers) & {p["id_number"] for p in people} and all(re.fullmatch(r"\d{17}[\dX]", n) for n in numbers)
    assert register("restore", "id_number", *numbers, "--ticket", "t").splitlines() == [
        f"{p['id_number']}\t{token}" for p, token in zip(people, mine)]
    elder("restore", "id_number", numbers[0], "--ticket", "t", wanted=SOME_REFUSED)
    register("reveal", mine[0], "--fields", "id_number", "--form", "secret", "--ticket", "t", wanted=USAGE)


def test_a_handover_leads_to_the_receivers_own_token_once(elder, clinic_ctl, register, clinic, people, tokens):
    make = ("handover", "create", *tokens[:2], "--basis", "care-to-clinic", "--ticket", "t", "--request-id", "h-1")
    handovers = elder(*make).split()
    assert elder(*make).split() == handovers, "done again by the same request id, it makes nothing twice"
    assert all(h.startswith("rvh1") for h in handovers)
    register("handover", "redeem", handovers[0], "--ticket", "t", wanted=SOME_REFUSED)
    own = clinic_ctl("handover", "redeem", *handovers, "--ticket", "t").split()
    assert own == [r.token for r in clinic.issue([p["id_number"] for p in people[:2]]).results]
    clinic_ctl("handover", "redeem", handovers[0], "--ticket", "t", wanted=SOME_REFUSED)
    elder("handover", "create", tokens[0], "--ticket", "t", wanted=USAGE)
    elder("handover", "create", tokens[0], "--basis", "none", "--ticket", "t", wanted=(DENIED, SOME_REFUSED))
    assert "clause sharing" in elder.said
    elder("handover", "create", tokens[0], "--basis", "care-to-clinic", "--until", "whenever", "--ticket", "t", wanted=USAGE)


def test_where_nobody_answers_it_is_said_how_to_try_again_without_doing_it_twice(elder, tokens):
    elder("handover", "create", tokens[0], "--basis", "care-to-clinic", "--ticket", "t", "--server", "127.0.0.1:1", wanted=UNAVAILABLE)
    again = re.search(r"--request-id (\w{32})", elder.said)[1]
    first = elder("handover", "create", tokens[0], "--basis", "care-to-clinic", "--ticket", "t", "--request-id", again)
    assert elder("handover", "create", tokens[0], "--basis", "care-to-clinic", "--ticket", "t", "--request-id", again) == first
    elder("handover", "create", tokens[1], "--basis", "care-to-clinic", "--ticket", "t", "--request-id", again, wanted=6)
    assert "REQUEST_ID_REUSED" in elder.said


def test_a_voucher_is_redeemed_as_often_as_it_says_and_revoked(elder, clinic_ctl, people, tokens):
    two = elder("voucher", "create", tokens[0], "--fields", "name,phone", "--uses", "2", "--ticket", "t").strip()
    assert two.startswith("rvv1")
    assert elder("voucher", "redeem", two, "--ticket", "t") == f"name={people[0]['name']}\tphone={people[0]['phone']}\n"
    again = elder.json("voucher", "redeem", two, "--ticket", "t")[0]
    assert again["uses_left"] == 0 and [v["value"] for v in again["values"]] == [people[0]["name"], people[0]["phone"]]
    elder("voucher", "redeem", two, "--ticket", "t", wanted=SOME_REFUSED)
    lent = elder("voucher", "create", tokens[1], "--fields", "name", "--for", "clinic", "--ticket", "t").strip()
    elder("voucher", "redeem", lent, "--ticket", "t", wanted=SOME_REFUSED)
    assert clinic_ctl("voucher", "redeem", lent, "--ticket", "t").startswith("name=")
    taken = elder("voucher", "create", tokens[2], "--fields", "name", "--uses", "9", "--until", "2027-01-01", "--ticket", "t").strip()
    assert elder("voucher", "revoke", taken, "--ticket", "t") == "revoked\n"
    elder("voucher", "redeem", taken, "--ticket", "t", wanted=SOME_REFUSED)
    elder("voucher", "create", tokens[0], "--fields", "name", "--uses", "many", "--ticket", "t", wanted=USAGE)


def test_a_record_is_got_updated_by_version_and_exported(elder, register, people, tokens, tmp_path):
    at = next(n for n, p in enumerate(people) if p["phone"])
    person, of_elder = people[at], tokens[at]
    shown = elder("get", of_elder, "--fields", "name,phone", "--ticket", "t").splitlines()
    assert shown[0].split() == ["FIELD", "VALUE", "DEPARTMENT", "COLLECTED"]
    assert shown[1].split()[:3] == ["name", person["name"], "public-security"]
    version = int(shown[-1].removeprefix("version "))
    token = register("issue", person["id_number"]).strip()
    change = ("update", token, "--version", version, "workplace=第一织布厂", "occupation=织布", "--ticket", "t")
    assert register(*change) == f"version {version + 1}\n"
    register(*change, wanted=6)
    assert "STALE_VERSION" in register.said
    register("update", token, "workplace=x", "--ticket", "t", wanted=USAGE)
    register("update", token, "--version", 1, "workplace", "--ticket", "t", wanted=USAGE)
    register("update", token, "--version", 1, "workplace=", "--ticket", "t", wanted=USAGE)
    assert elder("export", of_elder, "--out", "resident.json", "--ticket", "t") == ""
    out = tmp_path / "resident.json"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    record = json.loads(out.read_text())["record"]
    assert {v["field"]: v["value"] for v in record["values"]} == {"name": person["name"], "phone": person["phone"]}
    assert json.loads(elder("export", of_elder, "--ticket", "t"))["record"]["version"] == version + 1


def test_what_can_be_asked_of_fields_is_shown(elder):
    def cells(said, name):
        return next(line.split() for line in said.splitlines() if line.startswith(name + " "))

    said = elder("fields")
    assert cells(said, "phone")[1:5] == ["mobile", "personal", "equality,suffix", "token"]
    assert "natural key,token" in said and cells(said, "same_street")[1:4] == ["residence_area", "same_area", "9"]
    said = elder("fields", "--collection", "housing")
    assert "tenant_name" in said and "PREDICATE" not in said
    (shown,) = elder.json("fields")
    schema = json.loads((kit.ROOT / "deploy/dev/schema.json").read_text())
    people = next(c for c in schema["collections"] if c["name"] == "residents")
    assert [f["name"] for f in shown["fields"]] == [f["name"] for f in people["fields"]]
    assert [p["name"] for p in shown["predicates"]] == [p["name"] for p in people["predicates"]]
    elder("fields", "--collection", "nothing", wanted=USAGE)


def test_residents_are_searched_by_words_of_the_shell(elder, eldercare, people, tokens):
    old = {t for t, p in zip(tokens, people) if p["birth_date"][:4] <= "1979" and p["residence_area"].startswith(STREET)}
    search = lambda *words, **options: elder("search", *words, "--ticket", "t", **options)
    assert set(search("birth_date:..19791231", "--area", STREET, "--limit", 500).split()) == old and len(old) > 9
    alone = {t for t, p in zip(tokens, people) if t in old and p["care_category"] == "01"}
    assert set(search("birth_date:..19791231", "care_category=01", "--area", STREET, "--limit", 500).split()) == alone
    assert search("birth_date:..19791231", "--area", STREET, "--count") == f"{len(old)}\n"
    assert elder.json("search", f"phone={people[0]['phone']}", "--count", "--ticket", "t") == [{"count": 0, "fewer_than_ten": True}]
    assert search(f"phone={people[0]['phone']}", "--count") == "fewer than 10\n"
    found = search(f"phone%{people[0]['phone'][-4:]}", f"name={people[0]['name']}", "birth_date:18900101", "--at-least", 2, "--area", STREET)
    assert f"{tokens[0]}\tphone%{people[0]['phone'][-4:]} name={people[0]['name']}" in found.splitlines()
    assert tokens[0] in search(f"phone@{tokens[0]}").split()
    assert tokens[0] in search(f"name~{people[0]['name'][:2]}", "--area", STREET, "--limit", 500).split()
    few = search("birth_date:..19791231", "--area", STREET, "--limit", 3)
    assert len(few.split()) == 3 and "there are more" in elder.said
    for bad in ("birth_date", "birth_date:..", "phone=", "=5"):
        search(bad, wanted=USAGE)
        assert "condition 1" in elder.said
    search("religion=1", wanted=(DENIED, INVALID))
    search("phone=1", "--at-least", 2, wanted=USAGE)


def test_an_area_is_browsed_masked_and_twenty_rows_at_most(city, elder, people, tmp_path):
    admin = Ctl(city, "admin-li", folder=tmp_path)
    rows = admin("browse", "--area", STREET, "--fields", "name,phone", "--ticket", "t").splitlines()
    assert rows[0].split() == ["name", "phone"] and len(rows) == 21 and all("*" in row for row in rows[1:])
    assert not {p["phone"] for p in people} & set(" ".join(rows).split())
    assert "values" in admin.json("browse", "--area", STREET, "--fields", "name", "--limit", 2, "--ticket", "t")[0]
    admin("browse", "--area", STREET, "--fields", "name", "--limit", 30, "--ticket", "t", wanted=(DENIED, INVALID))
    admin("browse", "--fields", "name", "--ticket", "t", wanted=USAGE)
    elder("browse", "--area", STREET, "--fields", "name", "--ticket", "t", wanted=DENIED)


def test_corrections_are_listed_and_decided(register):
    register("correction", "list")
    assert all(one["name"].startswith("corrections/") for one in register.json("correction", "list", "--limit", 3))
    register("correction", "accept", "corrections/999999", "--ticket", "t", wanted=SOME_REFUSED)
    assert "NOT_FOUND" in register.said
    register("correction", "decline", "--ticket", "t", wanted=USAGE)


def test_a_list_of_findings_is_traced(city, elder, tokens, tmp_path):
    officer = Ctl(city, "officer-wang", folder=tmp_path)
    damaged = tokens[7][:20] + ("q" if tokens[7][20] != "q" else "p") + tokens[7][21:]
    (tmp_path / "leak.txt").write_text(f"{tokens[6]}\n\n{damaged}\nnothing at all\n{'x' * 200}\n")
    rows = officer("trace", "leak.txt", "--ticket", "incident-3").splitlines()
    assert rows[0].split() == ["FINDING", "APP", "PURPOSE", "EPOCH", "MENDED", "LINES", "TOKEN"]
    assert rows[1].split()[:5] == ["1", "eldercare", "elder-care", "1", "0"] and rows[2].split()[:5] == ["2", "eldercare", "elder-care", "1", "1"]
    assert rows[2].split()[-1] == tokens[7] and rows[-1] == "2 of 3 are tokens of this vault"
    assert "finding 4: longer than" in officer.said
    traced = officer.json("trace", "-", "--limit", 5, "--ticket", "incident-3", stdin=tokens[6] + "\n")[0]
    assert traced["genuine"] and traced["finding"] == 1 and 0 < len(traced["lines"]) <= 5
    assert traced["lines"][0]["opens"] and traced["lines"][0]["consistent"]
    officer("trace", "leak.txt", wanted=USAGE)
    officer("trace", "/nonexistent", "--ticket", "t", wanted=USAGE)
    elder("trace", "leak.txt", "--ticket", "t", wanted=DENIED)


def test_many_items_go_in_parts(elder, people, tokens, tmp_path):
    (tmp_path / "many").write_text("".join(f"{t}\n" for t in (tokens * 14)[:4100]))
    assert elder("inspect", "--file", "many").split() == ["valid"] * 4100
    elder("inspect", "--file", "many", "--receipt", "r.json", wanted=USAGE)
    elder("issue", "--field", "phone", people[0]["phone"], wanted=(DENIED, INVALID, SOME_REFUSED))
