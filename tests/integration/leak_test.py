"""A leaked list from the file that was found to the report, by vaultctl: two officers, the leads, whom it is about, and the end of the case."""

import csv
import datetime
import json
import re
import time

import pytest
from vaultctl_test import DENIED, INVALID, USAGE, Ctl

NOT_FOUND = (INVALID, 6, 1)


@pytest.fixture
def wang(city, tmp_path):
    return Ctl(city, "officer-wang", folder=tmp_path)


@pytest.fixture
def zhao(city, tmp_path):
    return Ctl(city, "officer-zhao", folder=tmp_path)


def soon():
    """The next whole second, once it has come: what was opened before it counts."""
    time.sleep(1.05)
    return (datetime.datetime.now(datetime.timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ")


def approve(officer, name, **options):
    approval = "approvals/" + name.removeprefix("leaks/")
    digest = re.search(r"digest +([0-9a-f]{64})", officer("approval", "show", approval)).group(1)
    return officer("approval", "approve", approval, "--digest", digest, "--ticket", "seen", **options)


def test_a_list_that_was_found_leads_to_who_had_it_and_is_destroyed_with_its_case(wang, zhao, eldercare, people, tokens, tmp_path):
    leaked = people[40:52]
    for token in tokens[40:52]:
        eldercare.reveal(token, ["name", "phone"], ticket="call-list-9")
    with open(tmp_path / "found.csv", "w", encoding="gb18030", newline="") as to:
        rows = csv.writer(to)
        rows.writerow(["姓名", "电话", "备注"])
        rows.writerows([p["name"], p["phone"], "x"] for p in leaked)
        rows.writerow(["欧阳不存在", "16099999999", ""])
    case = wang.json("audit", "trace", "found.csv", "--seen", soon(), "--ticket", "incident-7")[0]
    assert case["state"] == "pending" and case["columns"] == ["name", "phone", ""], case
    assert "column 1 姓名: name" in wang.said and "approval show" in wang.said
    assert not any(p["phone"] in wang.said for p in leaked)
    wang("audit", "trace", case["name"], "--ticket", "incident-7", wanted=NOT_FOUND)
    assert "NOT_APPROVED" in wang.said
    approve(wang, case["name"], wanted=(DENIED, 1))
    approve(zhao, case["name"])
    assert [one["leaks"][0]["state"] for one in zhao.json("leak", "list")] == ["open"]

    said = wang("audit", "trace", case["name"], "--report", "report.html", "--ticket", "incident-7")
    assert "12 of 13 rows" in said and "ranked leads, not proof" in said
    first = re.search(r"LEAD.*\n(.*)", said).group(1)
    assert "eldercare" in first, said
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page and "eldercare" in page and "call-list-9" in page
    assert not any(p["phone"] in page or p["id_number"] in page for p in leaked)
    report = json.loads(wang("audit", "trace", case["name"], "--evidence", "3", "--json", "--ticket", "incident-7"))
    assert len(report["leads"][0]["evidence"]) == 3 and report["trace_rows"][0]["linked_by"] == "name+phone"

    wang("incident", case["name"], "--app", "eldercare", "--of-purpose", "elder-care", "--out", "tokens.txt", "--ticket", "incident-7")
    assert sorted((tmp_path / "tokens.txt").read_text().split()) == sorted(tokens[40:52])
    notice = json.loads(wang("incident", case["name"], "--app", "eldercare", "--of-purpose", "elder-care", "--json", "--ticket", "incident-7"))
    draft = wang("incident", case["name"], "--app", "eldercare", "--of-purpose", "elder-care", "--ticket", "incident-7")
    assert "最高类别：个人信息" in draft and "--out FILE" in wang.said and tokens[40] not in draft
    assert notice["total"] == 12 and len(notice["tokens"]) == 12 and notice["gravest_class"] == "personal"

    assert "closed" in wang("leak", "close", case["name"], "--ticket", "incident-7")
    assert "LEAK" in wang("leak", "list") and case["name"] not in wang("leak", "list")
    wang("audit", "trace", case["name"], "--ticket", "incident-7", wanted=NOT_FOUND)
    assert "LEAK_UNKNOWN" in wang.said


def test_of_a_long_list_ten_thousand_rows_are_taken_and_a_notice_says_that_they_are_not_all(wang, zhao, people, tmp_path):
    rows = [f"{p['name'][0]} {p['name'][1:]},+86 {p['phone'][:3]} {p['phone'][3:7]}-{p['phone'][7:]}" for p in people[60:80]]
    (tmp_path / "long.csv").write_text("姓名,手机\n" + "\n".join(rows * 100 + [f"李{i},139{i:08d}" for i in range(9000)]) + "\n")
    case = wang.json("audit", "trace", "long.csv", "--seen", soon(), "--ticket", "incident-8")[0]
    assert (int(case["rows"]), int(case["total_rows"])) == (10000, 11000) and "drawn by lot" in wang.said
    approve(zhao, case["name"])
    notice = json.loads(wang("incident", case["name"], "--app", "eldercare", "--of-purpose", "elder-care", "--json", "--ticket", "incident-8"))
    assert (notice["rows"], notice["total_rows"], notice["total"]) == (10000, 11000, 20), "blanks, +86 and groups are read"
    assert "10000 rows that were drawn of 11000" in wang.said
    wang("leak", "close", case["name"], "--ticket", "incident-8")


def test_a_list_in_any_mix_is_linked_value_by_value_and_what_is_left_out_is_said(wang, zhao, people, tokens, tmp_path):
    wide = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
    some = list(zip(people[80:100], tokens[80:100]))
    shapes = [
        lambda p, token: p["id_number"],
        lambda p, token: p["id_number"].translate(wide),
        lambda p, token: token.translate(wide),
        lambda p, token: f"{p['name']},x,{p['phone'].translate(wide)}",
        lambda p, token: f"{p['phone']},{p['name']}",
    ]
    lines = [shapes[i % len(shapes)](p, token) for i, (p, token) in enumerate(some)]
    (tmp_path / "mixed.txt").write_text("\n".join(lines + ["no, body"]) + "\n")
    case = wang.json("audit", "trace", "mixed.txt", "--seen", soon(), "--ticket", "incident-9")[0]
    assert sorted(case["columns"]) == ["id_number", "name", "phone", "token"] and int(case["rows"]) == 20, case
    assert "column 1: id_number; 4 values are taken as what they look like, 0 are left out" in wang.said
    assert "8 rows have another number of columns" in wang.said and "4 values are left out" in wang.said
    assert "1 rows could not be taken apart" in wang.said and "found among others: phone" in wang.said
    approve(zhao, case["name"])
    notice = json.loads(wang("incident", case["name"], "--app", "eldercare", "--of-purpose", "elder-care", "--json", "--ticket", "incident-9"))
    assert sorted(notice["tokens"]) == sorted(token for _, token in some)
    wang("leak", "close", case["name"], "--ticket", "incident-9")


def test_what_cannot_be_a_list_is_said_before_anything_is_sent(wang, tmp_path):
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    wang("audit", "trace", "odd.csv", "--seen", soon(), "--ticket", "t", wanted=INVALID)
    assert "--columns" in wang.said
    (tmp_path / "array.json").write_text('[{"name": "张三"}]')
    wang("audit", "trace", "array.json", "--seen", soon(), "--ticket", "t", wanted=INVALID)
    assert "a JSON array" in wang.said
    columns = ["name", "former_name", "residence_address", "registered_address"]
    (tmp_path / "large.csv").write_text(",".join(columns) + "\n" + (",".join(["长" * 100] * 4) + "\n") * 8000)
    wang("audit", "trace", "large.csv", "--seen", soon(), "--ticket", "t", wanted=USAGE)
    assert "limits.message_bytes" in wang.said
    (tmp_path / "some.csv").write_text("姓名\n张三\n" + "x" * 513 + "\n")
    wang("audit", "trace", "some.csv", "--ticket", "t", wanted=USAGE)
    assert "--seen" in wang.said and "1 values are over 512 bytes long" in wang.said
    wang("audit", "trace", "some.csv", "--seen", "whenever", "--ticket", "t", wanted=USAGE)
    wang("audit", "trace", "some.csv", "--seen", "2999-01-01", "--ticket", "t", wanted=INVALID)
    wang("incident", "leaks/" + "0" * 32, "--ticket", "t", wanted=USAGE)


def test_a_list_in_a_folder_named_like_the_cases_is_a_list(wang, tmp_path):
    (tmp_path / "leaks").mkdir()
    (tmp_path / "leaks" / "found.csv").write_text("姓名,手机\n张三,13800000000\n")
    case = wang.json("audit", "trace", "leaks/found.csv", "--seen", soon(), "--ticket", "t")[0]
    wang("leak", "close", case["name"], "--ticket", "t")
    wang("audit", "trace", "leaks/" + "0" * 32, "--ticket", "t", wanted=NOT_FOUND)


def test_that_there_is_no_place_for_what_is_to_be_kept_is_said_before_anything_is_asked(wang):
    lines = lambda: wang.json("audit", "query", "--action", "trace", "--limit", "1000")
    before = len(lines())
    for option in ("--report", "--receipts"):
        wang("audit", "trace", "leaks/" + "0" * 32, option, "/nonexistent/kept", "--ticket", "t", wanted=USAGE)
        assert "/nonexistent/kept: nothing can be kept there: No such file" in wang.said
        wang("audit", "trace", "leaks/" + "0" * 32, option, "/tmp", "--ticket", "t", wanted=USAGE)
        assert "/tmp: nothing can be kept there: Is a directory" in wang.said
    assert len(lines()) == before
