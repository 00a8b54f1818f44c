"""`vaultctl audit query` from outside: every condition, counts, following, CSV, and receipts that a stranger accepts."""

import csv
import io
import json
import re
import subprocess
import time

import attack
import kit
import pytest

from vaultctl_test import DONE, INVALID, TAMPERED, USAGE, Ctl

VERIFY = kit.BUILD / "vault-verify"


@pytest.fixture
def officer(city, tmp_path):
    ctl = Ctl(city, "officer-wang", folder=tmp_path)
    (tmp_path / "log.vkey").write_text(ctl.json("audit", "checkpoint")[0]["verifier_key"] + "\n")
    return ctl


@pytest.fixture
def elder(city, tmp_path):
    return Ctl(city, "eldercare", "elder-care", tmp_path)


def reveals(elder, token, ticket, times):
    for _ in range(times):
        elder("reveal", token, "--fields", "name", "--ticket", ticket)


def test_each_condition_leads_to_its_lines(officer, elder, tokens):
    reveals(elder, tokens[3], "query-conditions", 3)
    query = lambda *words: officer.json("audit", "query", "--limit", "1000", *words)
    mine = query("--of-ticket", "query-conditions", "--action", "reveal")
    assert len(mine) == 3 and all(line["consistent"] and line["opens"] for line in mine)
    assert [line["index"] for line in query("--of-request", mine[2]["officer_view"]["request"])] == [mine[2]["index"]]
    assert {line["officer_view"]["app"] for line in query("--app", "eldercare")} == {"eldercare"}
    assert all("name" in line["officer_view"]["fields"].split(",") for line in query("--field", "name", "--action", "reveal"))
    assert query("--app", "eldercare", "--outcome", "failed") == []
    officer("audit", "query", "--action", "Reveal", wanted=INVALID)
    officer("audit", "query", "--json", "--csv", wanted=USAGE)
    officer("audit", "query", "--group-by", "app,day,hour,person", wanted=USAGE)
    officer("audit", "query", "--group-by", "app", "--follow", wanted=USAGE)


def test_persons_and_purposes_that_have_left_the_register_are_asked_about_like_all_others(city, officer, elder, tokens, tmp_path):
    jwt = tmp_path / "qian.jwt"
    jwt.write_text(kit.assertion_for(city, "eldercare", "civil-affairs", "grid-qian", "elder-care"))
    elder("reveal", tokens[6], "--fields", "name", "--assertion", jwt, "--ticket", "before-he-left")
    before = city.vaultd.app("admin-li", "control").document("persons")[0]
    city.change("persons", lambda document: {**document, "persons": [p for p in document["persons"] if p["id"] != "grid-qian"]})
    try:
        lines = officer.json("audit", "query", "--person", "grid-qian", "--limit", "1000")
        assert "before-he-left" in {line["officer_view"]["ticket"] for line in lines}
        assert {line["officer_view"]["person"] for line in lines} == {"grid-qian"}
        assert officer.json("audit", "query", "--person", "grid-qian", "--action", "reveal", "--group-by", "app")
        officer("audit", "query", "--person", "张三 who is nobody", "--of-purpose", "no-such")
        asked = officer.json("audit", "query", "--app", "officer-wang", "--action", "query", "--limit", "1000")[-2]
        assert asked["officer_view"]["fields"] == "person,purpose", "what no register knows is not written down"
    finally:
        city.change("persons", lambda _: before)


def test_a_condition_that_is_empty_is_no_question_about_everything(officer):
    for option in ("--token", "--person", "--app", "--of-ticket", "--of-request"):
        officer("audit", "query", option, "", wanted=USAGE)


def test_that_no_line_fits_is_said_with_where_it_was_looked_and_never_in_what_programs_read(officer):
    none = ("audit", "query", "--of-ticket", "nobody-wrote-this")
    for counted in ((), ("--group-by", "app")):
        assert officer(*none, *counted) == ""
        assert re.fullmatch(r"vaultctl: no line fits, of the [1-9]\d* in the log\n", officer.said), officer.said
        assert officer(*none, *counted, "--since", "2026-11-01", "--until", "2026-11-02T00:00:00Z") == ""
        assert officer.said.endswith("in the log, from 2026-10-31T16:00:00.000000Z on, before 2026-11-02T00:00:00.000000Z\n"), officer.said
        assert officer(*none, *counted, "--json") == "" and officer.said == ""
        assert officer(*none, *counted, "--csv").count("\n") <= 1 and officer.said == ""
    assert officer("audit", "query", "--limit", "1") and "no line fits" not in officer.said


def test_counts_add_up_to_the_lines_and_name_whom_the_register_knows(officer, elder, tokens):
    reveals(elder, tokens[4], "query-counts", 3)
    groups = officer.json("audit", "query", "--of-ticket", "query-counts", "--group-by", "app,action,outcome")
    assert {"app": "eldercare", "action": "reveal", "outcome": "granted", "count": 3} in [
        {k: v for k, v in group.items() if k not in ("first", "last")} for group in groups]
    table = officer("audit", "query", "--of-ticket", "query-counts", "--group-by", "department")
    assert table.splitlines()[0].split() == ["DEPARTMENT", "COUNT", "FIRST", "LAST"] and "civil-affairs" in table
    rows = list(csv.DictReader(io.StringIO(officer("audit", "query", "--of-ticket", "query-counts", "--group-by", "day,app", "--csv"))))
    assert sum(int(row["count"]) for row in rows) == len(officer.json("audit", "query", "--of-ticket", "query-counts"))


def test_a_ticket_that_a_spreadsheet_would_run_is_text_in_csv(officer, elder, tokens):
    reveals(elder, tokens[5], '=cmd("x"),1', 1)
    rows = list(csv.DictReader(io.StringIO(officer("audit", "query", "--of-ticket", '=cmd("x"),1', "--csv"))))
    assert [row["ticket"] for row in rows if row["action"] == "reveal"] == ["'=cmd(\"x\"),1"]
    assert rows[0]["app"] == "eldercare" and rows[0]["department_name"] and rows[0]["alarm"] == ""


def test_the_log_is_followed_and_polls_that_find_nothing_are_no_lines(city, officer, elder, tokens):
    following = subprocess.Popen([str(kit.BUILD / "vaultctl"), "audit", "query", "--of-ticket", "query-follow", "--action", "reveal",
                                  "--follow", "--json", "--limit", "2"], env=officer.environment, stdout=subprocess.PIPE, text=True)
    reveals(elder, tokens[6], "query-follow", 1)
    first = following.stdout.readline()
    answered = lambda: attack.metric(city.vaultd, "vault_calls_total")  # it asks once a second, and nobody else does
    begun = answered()
    assert attack.wait_until(lambda: answered() >= begun + 6 or following.poll() is not None)
    reveals(elder, tokens[6], "query-follow", 1)
    said, _ = following.communicate(timeout=60)
    assert following.returncode == DONE
    assert [json.loads(line)["officer_view"]["ticket"] for line in (first + said).splitlines()] == ["query-follow"] * 2
    asked = officer.json("audit", "query", "--action", "query", "--limit", "1000")
    assert sum("ticket" in line["officer_view"].get("fields", "").split(",") and "action=reveal" in line["officer_view"]["fields"]
               for line in asked) in range(2, 7)  # and not eight or more


def test_receipts_of_a_query_are_accepted_by_strangers_until_a_letter_changes(officer, elder, tokens, tmp_path):
    reveals(elder, tokens[2], "query-receipts", 3)
    kept = tmp_path / "lines.json"
    for _ in range(300):  # until they are published
        officer("audit", "query", "--of-ticket", "query-receipts", "--receipts", "lines.json")
        if len(json.loads(kept.read_text())["receipts"]) >= 3:
            break
        time.sleep(0.2)
    assert len(json.loads(kept.read_text())["receipts"]) >= 3
    officer("receipt", "verify", "lines.json", "--log-key", "log.vkey")
    verify = lambda: subprocess.run([str(VERIFY), "receipt", "--quiet", str(kept), "--key", str(tmp_path / "log.vkey")],
                                    text=True, capture_output=True)
    done = verify()
    assert done.returncode == DONE, (done.stdout, done.stderr)
    kept.write_text(kept.read_text().replace("query-receipts", "query-receiptz", 1))
    officer("receipt", "verify", "lines.json", "--log-key", "log.vkey", wanted=TAMPERED)
    assert verify().returncode == TAMPERED
