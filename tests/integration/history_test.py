"""Who has seen it: told by vaultctl to the resident and to guardians, on every node, with receipts that a stranger's verifier takes."""

import concurrent.futures
import datetime
import json
import subprocess
import time

import grpc
import kit
import pytest
from kit import audit_pb2, audit_pb2_grpc
from vaultctl_test import DENIED, INVALID, SOME_REFUSED, TAMPERED, Ctl

ELDER, CLINIC, POPULATION = ("eldercare", "elder-care"), ("clinic", "family-doctor"), ("population", "population-register")
NAMES = ("id_number", "residence_area", "name", "phone")
RULES = [
    kit.rule("put", "put", *POPULATION, NAMES),
    kit.rule("issue", "issue", *ELDER, ["id_number"], form="nothing"),
    kit.rule("clinic", "issue", *CLINIC, ["id_number"], form="nothing"),
    kit.rule("show", "reveal", *ELDER, ["name"]),
    kit.rule("hidden", "reveal", *ELDER, ["phone"], withhold="case"),
    kit.rule("tell", "history", *ELDER, ["id_number"], form="nothing"),
    kit.rule("book", "guardian", *ELDER, ["id_number"], form="nothing"),
]
VERIFY = kit.BUILD / "vault-verify"
AS_IT_STANDS = 6  # FAILED_PRECONDITION


def facts(document):
    return {**document, "withholding": [{"id": "case", "title": "办案期间暂不告知", "days": 30}]}


def born(person, day):
    """The same person, born on another day: with the check digit that belongs to it."""
    body = person["id_number"][:6] + day + person["id_number"][14:17]
    check = "10X98765432"[sum(int(d) * w for d, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11]
    return {**{name: person[name] or "13900000000" for name in NAMES}, "id_number": body + check}


@pytest.fixture(scope="module")
def two():
    """A city of two nodes: a child, the mother, somebody else, and their tokens; and the clinic's for the child."""
    city = kit.City(RULES, nodes=2, documents={"policy": facts})
    try:
        child, mother, other = kit.residents(3, seed=12)
        people = [born(child, (datetime.date.today() - datetime.timedelta(days=3000)).strftime("%Y%m%d")), born(mother, "19850607"), born(other, "19700102")]
        city.vaultd.app(*POPULATION).put(people)
        numbers = [p["id_number"] for p in people]
        yield city, [r.token for r in city.vaultd.app(*ELDER).issue(numbers).results], city.vaultd.app(*CLINIC).issue(numbers[:1]).results[0].token
    finally:
        city.close()


def test_a_resident_reads_who_has_seen_what_and_keeps_the_proof(two, tmp_path):
    city, (child, mother, other), _ = two
    elder, officer = Ctl(city, *ELDER, tmp_path), Ctl(city, "officer-wang", folder=tmp_path)
    elder("reveal", other, "--fields", "name", "--ticket", "visit")
    elder("reveal", other, "--fields", "phone", "--ticket", "case-7")
    text = elder("history", other, "--ticket", "desk-1")
    seen = [line for line in text.splitlines() if " reveal " in line]
    assert len(seen) == 1 and "identity" in seen[0] and "PIPL 13" in seen[0] and "contact" not in seen[0]
    assert "the law may withhold, for a time: case" in elder.said
    assert "eldercare" not in text and "officer" not in text
    time.sleep(1.5)  # until the next checkpoint
    entries = elder.json("history", other, "--receipts", "history.json", "--ticket", "desk-2")
    assert [e["action"] for e in entries] == ["history", "reveal", "issue", "put"]
    kept = json.loads((tmp_path / "history.json").read_text())
    assert len(kept["receipts"]) == 4
    (tmp_path / "log.vkey").write_text(officer.json("audit", "checkpoint")[0]["verifier_key"] + "\n")
    verify = lambda: subprocess.run([VERIFY, "receipt", "--key", "log.vkey", "history.json"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    done = verify()
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "valid" in elder("receipt", "verify", "history.json", "--log-key", "log.vkey")
    kept["receipts"][1]["lines"][0]["resident_view"] = kept["receipts"][1]["lines"][0]["resident_view"].replace("granted", "refused")
    (tmp_path / "history.json").write_text(json.dumps(kept))
    assert verify().returncode == TAMPERED


def test_a_guardian_is_told_while_in_the_register_and_why_not_else(two, tmp_path):
    city, (child, mother, other), clinics = two
    elder = Ctl(city, *ELDER, tmp_path)
    asks = lambda who, **wanted: elder("history", child, "--guardian", who, "--ticket", "desk", **wanted)
    asks(mother, wanted=AS_IT_STANDS)
    assert "NOT_A_GUARDIAN" in elder.said
    elder("guardian", "record", other, child, "--kind", "uncle", "--ticket", "t", wanted=SOME_REFUSED)
    elder("guardian", "record", child, mother, "--kind", "parent", "--ticket", "t", wanted=SOME_REFUSED)
    assert "WARD_IS_ADULT" in elder.said
    assert elder("guardian", "record", mother, child, "--kind", "parent", "--ticket", "family-book").strip() == "recorded"
    assert elder("guardian", "show", child, other, "--ticket", "t").splitlines() == [f"parent {mother}", "none"]
    assert "put" in asks(mother)
    there = city.nodes[1].app(*ELDER)
    assert there.context()  # the other node is up
    elder.environment["VAULT_SERVER"] = f"127.0.0.1:{city.nodes[1].port}"
    assert "put" in asks(mother)
    asks(other, wanted=AS_IT_STANDS)
    asks(clinics, wanted=AS_IT_STANDS)
    assert "NOT_A_GUARDIAN" in elder.said
    elder("guardian", "end", mother, child, "--ticket", "ruling")
    asks(mother, wanted=AS_IT_STANDS)
    assert "GUARDIANSHIP_ENDED" in elder.said
    assert elder("guardian", "show", child, "--ticket", "t").strip() == f"parent {mother} (ended)"


def test_nobody_is_told_anothers(two, tmp_path):
    city, (child, mother, other), clinics = two
    elder, clinic = Ctl(city, *ELDER, tmp_path), Ctl(city, *CLINIC, tmp_path)
    forged = other[:20] + ("b" if other[20] == "a" else "a") + other[21:]
    elder("history", clinics, "--ticket", "t", wanted=DENIED)
    said = elder.said
    elder("history", clinics, "--guardian", mother, "--ticket", "t", wanted=DENIED)
    assert elder.said == said
    elder("history", forged, "--ticket", "t", wanted=INVALID)
    clinic("history", clinics, "--ticket", "t", wanted=DENIED)
    Ctl(city, "officer-wang", "log-review", tmp_path)("history", other, "--ticket", "t", wanted=DENIED)


class Pages(audit_pb2_grpc.AuditServicer):
    """A vault whose pages end early: some without an entry, and more behind them."""

    def __init__(self):
        self.asked = []

    def AccessHistory(self, request, context):
        self.asked.append((request.page_token, request.page_size))
        line, following = {"": (7, "a"), "a": (None, "b"), "b": (None, "c"), "c": (5, "d"), "d": (None, "e"), "e": (3, "")}[request.page_token]
        entries = [audit_pb2.AccessEntry(action="reveal", outcome="granted", department="civil-affairs", line=line)] if line else []
        return audit_pb2.AccessHistoryResponse(entries=entries, next_page_token=following, checkpoint="")


def test_pages_that_end_early_are_followed_until_the_limit_or_the_end(two, tmp_path):
    city = two[0]
    keys = city.authority.folder
    pages, server = Pages(), grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    audit_pb2_grpc.add_AuditServicer_to_server(pages, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
        [((keys / "server.key").read_bytes(), (keys / "server.crt").read_bytes())], (keys / "ca.crt").read_bytes(), True))
    server.start()
    try:
        elder = Ctl(city, *ELDER, tmp_path)
        elder.environment["VAULT_SERVER"] = f"127.0.0.1:{port}"
        assert [entry["line"] for entry in elder.json("history", "rv1x", "--ticket", "t")] == [7, 5, 3]
        assert [token for token, _ in pages.asked] == ["", "a", "b", "c", "d", "e"] and elder.said == ""
        pages.asked.clear()
        assert len(elder.json("history", "rv1x", "--limit", "2", "--ticket", "t")) == 2
        assert pages.asked == [("", 2), ("a", 1), ("b", 1), ("c", 1)] and "there are more" in elder.said
    finally:
        server.stop(None)
