"""vaultctl in the control room: what is proposed, shown, consented to, refused and revoked, by real people with real certificates."""

import csv
import datetime
import io
import json
import time

import kit
import pytest
from vaultctl_test import DENIED, DONE, INVALID, USAGE, Ctl

FAILED = 6
HEADS = ("id", "name", "department", "role", "areas", "contract_from", "contract_until", "suspended")
LABELS = ("编号", "姓名", "部门", "角色", "网格", "合同开始", "合同结束", "停用")
PEOPLE = 10000
CHINA = datetime.timezone(datetime.timedelta(hours=8))
AREA, OTHER_AREA = "320411002001", "320411004001"


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0])
    it = kit.City(rules=[
        kit.rule("population-put", "put", "population", "population-register", fields),
        kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
        kit.rule("eldercare-app", "reveal", "eldercare", "elder-care", ["name"]),
        kit.rule("eldercare-own", "reveal", "eldercare", "elder-care", ["phone"], acting="person", own_area=True)])
    yield it
    it.close()


class Room:
    """The people of the control room, each with vaultctl."""

    def __init__(self, city, folder):
        self.city, self.folder = city, folder
        ctl = lambda name: Ctl(city, name, folder=folder)
        self.li, self.sun, self.wang, self.zhao = map(ctl, ("admin-li", "admin-sun", "officer-wang", "officer-zhao"))
        self.wang_again = ctl("officer-wang-2")

    def file(self, name, edit=None):
        """The document in force in a file, as `edit` changes it."""
        document = self.li.json("control", "show", name)[0]["content"]
        document = edit(document) or document if edit else document
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        return path.name

    def propose(self, name, edit, by=None, *more, **how):
        return (by or self.li).json("control", "propose", name, self.file(name, edit), "--ticket", "T-1", *more, **how)[0]

    def approve(self, one, by=None, **how):
        return (by or self.wang)("approval", "approve", one["name"], "--digest", one["digest"], "--ticket", "T-2", "--json", **how)

    def change(self, name, edit):
        assert json.loads(self.approve(self.propose(name, edit)))["state"] == "activated"

    def version(self):
        return self.li.json("control", "history", "--limit", "1")[0][0]["version"]


@pytest.fixture
def room(city, tmp_path):
    return Room(city, tmp_path)


def titled(text):
    def edit(document):
        document["purposes"][0]["title"] = text
    return edit


def refused(ctl, *words, says, wanted, **how):
    ctl(*words, wanted=wanted, **how)
    assert says in ctl.said, ctl.said


def test_a_document_is_checked_proposed_shown_approved_and_stands_in_the_history(room):
    before = room.li.json("control", "show", "purposes")[0]
    assert json.loads(room.li("control", "show", "purposes")) == before["content"]
    path = room.file("purposes", titled("一号"))
    checked = room.li.json("control", "check", "purposes", path)[0]
    assert "would be taken, digest " + checked["digest"] in room.wang("control", "check", "purposes", path)
    one = room.propose("purposes", titled("一号"))
    assert {k: one[k] for k in ("document", "digest", "replaces", "proposer", "ticket", "approved_by", "approvals_needed", "state")} == {
        "document": "purposes", "digest": checked["digest"], "replaces": before["digest"], "proposer": "admin-li", "ticket": "T-1",
        "approved_by": [], "approvals_needed": 1, "state": "pending"}
    assert room.li.json("control", "show", "purposes")[0] == before
    assert room.zhao.json("approval", "list")[0] == [one] and one["name"] in room.wang("approval", "list")
    shown = room.wang.json("approval", "show", one["name"])[0]
    path = f"purposes[{before['content']['purposes'][0]['id']}].title"
    assert shown["difference"] == [{"path": path, "before": before["content"]["purposes"][0]["title"], "after": "一号"}]
    assert shown["approval"] == one and shown["content"]["purposes"][0]["title"] == "一号"
    text = room.wang("approval", "show", one["name"])
    assert f'+ {path} "一号"' in text and f"digest     {one['digest']}" in text
    done = json.loads(room.approve(one))
    assert (done["state"], done["approved_by"]) == ("activated", ["officer-wang"])
    after = room.li.json("control", "show", "purposes")[0]
    assert after["digest"] == one["digest"] and after["content"]["purposes"][0]["title"] == "一号"
    assert room.wang("approval", "list").splitlines()[1:] == [] and room.wang.json("approval", "list") == [[]]
    last, made = room.wang.json("control", "history", "--limit", "2")[0]
    assert (last["kind"], last["who"], last["ticket"], last["document"], last["approval"]) == ("activate", "officer-wang", "T-2", "purposes", one["name"])
    assert (last["before"], last["after"]) == (before["digest"], one["digest"]) and last["version"] == after["version"]
    assert (made["kind"], made["who"], made["ticket"]) == ("propose", "admin-li", "T-1")
    assert "activate" in room.wang("control", "history", "--limit", "1").splitlines()[1]
    # the former state can be shown and compared, by version
    old = room.li.json("control", "show", "purposes", "--version", before["version"])[0]
    assert old["content"] == before["content"]
    assert room.li.json("control", "diff", "purposes", before["version"])[0] == shown["difference"]
    assert room.li.json("control", "diff", "purposes", after["version"], after["version"]) == [[]]
    assert room.li("control", "diff", "purposes", after["version"]) == "no difference\n"
    refused(room.li, "control", "show", "purposes", "--version", "999999", says="VERSION_UNKNOWN", wanted=INVALID)
    refused(room.li, "control", "show", "nothing", says="DOCUMENT_UNKNOWN", wanted=INVALID)
    for version in ("0", "-1", "x", ""):
        room.li("control", "diff", "purposes", version, wanted=USAGE)


def test_faults_are_told_with_line_column_path_and_mend(room):
    path = room.folder / room.file("purposes")
    text = path.read_text().splitlines()
    at = next(i for i, line in enumerate(text) if '"consumers"' in line)
    text[at] = text[at].replace('"consumers"', '"consumer"')
    path.write_text("\n".join(text))
    for command in (("check",), ("propose", "--ticket", "T")):
        room.li("control", command[0], "purposes", path.name, *command[1:], wanted=INVALID)
        file, line, column, *rest = room.li.said.removeprefix("vaultctl: ").split(":")
        assert file == path.name and int(line) >= 1 and int(column) >= 1 and "purposes[0]" in rest[0], room.li.said
        assert "consumer" in room.li.said
    fault = room.li.json("control", "check", "purposes", path.name, wanted=INVALID)[0]["fault"]
    assert (fault["line"], fault["column"]) == (int(line), int(column)) and set(fault) == {"line", "column", "path", "text"}
    for rubbish, line in (("{", 1), ("", 1), ('{"purposes": [],\n "purposes": []}', 2), ("\xff", 1), ("{}", 1)):
        path.write_bytes(rubbish.encode("latin-1"))
        room.li("control", "check", "purposes", path.name, wanted=INVALID)
        assert f"{path.name}:{line}:" in room.li.said, (rubbish, room.li.said)
    room.li("control", "check", "purposes", "absent.json", wanted=INVALID)
    room.li("control", "check", "nothing", path.name, wanted=INVALID)
    assert room.wang.json("approval", "list") == [[]]


def test_zero_approvals_too_many_and_a_document_as_it_stands_are_refused(room):
    def approvals(count):
        return lambda d: {**d, "approvals": count}
    for count in (0, -1, 3, 9, "1", 1.0):
        path = room.file("principals", approvals(count))
        room.li("control", "propose", "principals", path, "--ticket", "T", wanted=INVALID)
        assert "approvals" in room.li.said, (count, room.li.said)
    refused(room.li, "control", "propose", "principals", room.file("principals"), "--ticket", "T", says="NOTHING_CHANGES", wanted=INVALID)


def test_approving_needs_the_digest_and_somebody_else_and_serves_once(room):
    one = room.propose("purposes", titled("二号"))
    room.wang("approval", "approve", one["name"], "--ticket", "T", wanted=USAGE)
    assert "--digest is missing" in room.wang.said
    room.wang("approval", "approve", one["name"], "--digest", one["digest"], wanted=USAGE)
    assert "--ticket is missing" in room.wang.said
    approve = lambda by, name, digest, **how: refused(by, "approval", "approve", name, "--digest", digest, "--ticket", "T", **how)
    approve(room.wang, one["name"], one["replaces"], says="DIGEST_DIFFERS", wanted=FAILED)
    approve(room.wang, one["name"], "rubbish", says="BAD_DIGEST", wanted=INVALID)
    approve(room.wang, "approvals/" + 32 * "0", one["digest"], says="APPROVAL_UNKNOWN", wanted=INVALID)
    for administrator in (room.li, room.sun):
        approve(administrator, one["name"], one["digest"], says="PERMISSION_DENIED", wanted=DENIED)
    room.approve(one)
    approve(room.zhao, one["name"], one["digest"], says="APPROVAL_UNKNOWN", wanted=INVALID)  # replayed
    refused(room.wang, "approval", "show", one["name"], says="APPROVAL_UNKNOWN", wanted=INVALID)
    # an officer who proposes cannot approve, not with another certificate either
    mine = room.propose("purposes", titled("三号"), room.wang)
    approve(room.wang, mine["name"], mine["digest"], says="SELF_APPROVAL", wanted=DENIED)
    approve(room.wang_again, mine["name"], mine["digest"], says="SELF_APPROVAL", wanted=DENIED)
    assert json.loads(room.approve(mine, room.zhao))["state"] == "activated"


def test_the_approval_of_a_changed_request_and_of_a_moved_base_are_refused(room):
    one, other = room.propose("purposes", titled("四号")), room.propose("purposes", titled("五号"))
    refused(room.wang, "approval", "approve", other["name"], "--digest", one["digest"], "--ticket", "T", says="DIGEST_DIFFERS", wanted=FAILED)
    room.approve(one)
    refused(room.wang, "approval", "approve", other["name"], "--digest", other["digest"], "--ticket", "T", says="BASE_MOVED", wanted=FAILED)
    room.wang("approval", "reject", other["name"], "--ticket", "overtaken")


def test_a_proposal_is_rejected_by_an_officer_or_taken_back_and_is_gone(room):
    one = room.propose("purposes", titled("六号"))
    room.wang("approval", "reject", one["name"], wanted=USAGE)
    refused(room.sun, "approval", "reject", one["name"], "--ticket", "T", says="PERMISSION_DENIED", wanted=DENIED)
    assert room.wang.json("approval", "reject", one["name"], "--ticket", "too wide")[0]["state"] == "rejected"
    refused(room.wang, "approval", "approve", one["name"], "--digest", one["digest"], "--ticket", "T", says="APPROVAL_UNKNOWN", wanted=INVALID)
    mine = room.propose("purposes", titled("七号"))
    assert "rejected" in room.li("approval", "reject", mine["name"], "--ticket", "a mistake")
    kinds = [c["kind"] for c in room.wang.json("control", "history", "--limit", "4")[0]]
    assert kinds == ["reject", "propose", "reject", "propose"]


def test_two_approvals_are_two_officers_and_not_two_certificates_of_one(room):
    room.change("principals", lambda d: {**d, "approvals": 2})
    one = room.propose("purposes", titled("八号"))
    assert one["approvals_needed"] == 2
    first = json.loads(room.approve(one))
    assert (first["state"], first["approved_by"]) == ("pending", ["officer-wang"])
    refused(room.wang_again, "approval", "approve", one["name"], "--digest", one["digest"], "--ticket", "T", says="ALREADY_APPROVED", wanted=DENIED)
    assert "1 of 2" in room.zhao("approval", "list")
    second = json.loads(room.approve(one, room.zhao))
    assert (second["state"], second["approved_by"]) == ("activated", ["officer-wang", "officer-zhao"])
    back = room.propose("principals", lambda d: {**d, "approvals": 1})
    room.approve(back)
    room.approve(back, room.zhao)


def test_roles_of_the_control_room_are_kept_apart(city, room, tmp_path):
    app = Ctl(city, "eldercare", "elder-care", tmp_path)
    path = room.file("purposes", titled("十二号"))
    for words in (("control", "show", "policy"), ("control", "history"), ("approval", "list"), ("control", "check", "purposes", path),
                  ("revoke", "person", "grid-zhao", "--ticket", "T")):
        app(*words, wanted=DENIED)
    room.li("control", "propose", "purposes", path, wanted=USAGE)  # nobody changes anything without a reason


def visit(city, app, token, person, field="phone", **claims):
    jwt = kit.assertion_for(city, "eldercare", "civil-affairs", person, "elder-care", **claims)
    (app.folder / "a.jwt").write_text(jwt)
    return ("reveal", token, "--fields", field, "--ticket", "visit", "--assertion", "a.jwt")


def row(at, **changes):
    values = {"id": f"worker-{at}", "name": f"网格员{chr(0x4e00 + at)}", "department": "civil-affairs", "role": "grid-worker", "areas": AREA,
              "contract_from": "2020-01-01", "contract_until": "2099-12-31", "suspended": "false", **changes}
    return [values[name] for name in HEADS]


def table(rows, heads=HEADS, encoding="utf-8"):
    out = io.StringIO()
    csv.writer(out).writerows([heads, *rows])
    return out.getvalue().encode(encoding)


def test_a_fault_of_a_table_is_told_with_its_line_and_nothing_is_proposed(room):
    good = row(30001)
    cases = [([good, row(30002, role="king")], 3, "role"), ([row(30001, department="moon")], 2, "department"),
             ([good, good], 3, "twice"), ([good, row(30003, suspended="maybe")], 3, "suspended"), ([good, good[:-1]], 3, "WRONG_COLUMN_COUNT"),
             ([good, row(30004, contract_until="2027-02-30")], 3, "contract"), ([good, row(30006, areas="x")], 3, "areas"),
             ([good, row(30007, id="")], 3, "id"), ([good, row(30011, id="eldercare")], 3, "eldercare"),
             ([good, row(30008, contract_from="2028-01-01", contract_until="2027-01-01")], 3, "contract")]
    for rows, line, what in cases:
        (room.folder / "f.csv").write_bytes(table(rows))
        room.li("persons", "import", "f.csv", "--ticket", "T", wanted=INVALID)
        assert f"f.csv:{line}: " in room.li.said and what in room.li.said, (rows, room.li.said)
    fault = json.loads(room.li("persons", "import", "f.csv", "--ticket", "T", "--json", wanted=INVALID))["fault"]
    assert fault["line"] == 3
    for heads in (HEADS[:-1] + ("other",), HEADS[:-1]):
        (room.folder / "f.csv").write_bytes(table([good[:len(heads)]], heads))
        room.li("persons", "import", "f.csv", "--ticket", "T", wanted=INVALID)
        assert "suspended (停用)" in room.li.said
    (room.folder / "f.csv").write_bytes(table([[*good, "x"]], (*HEADS, "more")))
    room.li("persons", "import", "f.csv", "--ticket", "T", wanted=INVALID)
    room.li("persons", "import", "absent.csv", "--ticket", "T", wanted=INVALID)
    assert room.wang.json("approval", "list") == [[]]


@pytest.fixture(scope="session")
def short(tmp_path_factory):
    """A room of its own with a proposal that lapses after a minute: it waits while all other tests run."""
    it = kit.City(rules=[kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing")])
    app = it.vaultd.app("admin-li", "control")
    document = app.document("purposes")[0]
    document["purposes"][0]["title"] = "十号"
    yield Room(it, tmp_path_factory.mktemp("short")), app.propose("purposes", document, lifetime_seconds=60)
    it.close()


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_an_expiry_is_bounded(room, short):
    for days in ("0", "31", "x", "-1"):
        room.li("control", "propose", "purposes", room.file("purposes", titled("九号")), "--ticket", "T", "--expires", days, wanted=USAGE)
    one = room.propose("purposes", titled("九号"), None, "--expires", "1")
    assert (instant(one["expire_time"]) - instant(one["create_time"])).total_seconds() == 86400
    room.li("approval", "reject", one["name"], "--ticket", "T")
    own, proposal = short
    assert proposal.name in own.wang("approval", "list")


def test_a_certificate_is_shown_revoked_refused_at_once_and_not_twice(city, room, tmp_path):
    shown = room.li.json("certificate", "show", city.authority.folder / "eldercare-2.crt")[0]
    assert shown == {"sha256": city.authority.fingerprint("eldercare-2"), "uris": ["vault://dev/apps/eldercare"]}
    assert f"sha256 {shown['sha256']}\nuri    vault://dev/apps/eldercare\n" == room.li("certificate", "show", city.authority.folder / "eldercare-2.crt")
    room.li("certificate", "show", city.authority.folder / "eldercare-2.key", wanted=INVALID)
    stolen, kept = (Ctl(city, name, "elder-care", tmp_path) for name in ("eldercare-2", "eldercare"))
    id_number = city.put(1)[0]["id_number"]
    token = stolen("issue", id_number).strip()
    done = room.wang.json("revoke", "certificate", shown["sha256"], "--ticket", "laptop lost")[0]
    assert (done["kind"], done["who"], done["ticket"], done["document"]) == ("revoke", "officer-wang", "laptop lost", "principals")
    refused(stolen, "issue", id_number, says="CERTIFICATE_REVOKED", wanted=DENIED)
    assert kept("issue", id_number).strip() == token
    revoke = lambda what, says, wanted: refused(room.li, "revoke", "certificate", what, "--ticket", "T", says=says, wanted=wanted)
    revoke(shown["sha256"], "CERTIFICATE_UNKNOWN", INVALID)
    revoke(64 * "0", "CERTIFICATE_UNKNOWN", INVALID)
    revoke("rubbish", "BAD_DIGEST", INVALID)
    # the last of the administrators stay
    for name in ("admin-sun", "admin-sun-2", "admin-li-2"):
        room.wang("revoke", "certificate", city.authority.fingerprint(name), "--ticket", "T")
    revoke(city.authority.fingerprint("admin-li"), "LAST_ADMINISTRATOR", DENIED)

    def give_back(d):
        for one in (p for kind in kit.PRINCIPALS for p in d[kind]):
            for certificate in one["certificates"]:
                certificate.pop("revoked", None)
    room.change("principals", give_back)
    assert stolen("issue", id_number).strip() == token


@pytest.fixture(scope="module")
def phones(city):
    """Two residents of two grids, and their tokens."""
    people = kit.residents(2, seed=91)
    for person, area, phone in zip(people, (AREA, OTHER_AREA), ("13900000001", "13900000002")):
        person.update(residence_area=area, phone=phone)
        person.pop("grid", None)
    assert all(r.status.code == 0 for r in city.vaultd.app("population", "population-register").put(people).results)
    return [r.token for r in city.vaultd.app("eldercare", "elder-care").issue([p["id_number"] for p in people]).results]


def take(room, content, name="w.csv"):
    (room.folder / name).write_bytes(content)
    return room.li.json("persons", "import", name, "--ticket", "contracts")[0]


def test_ten_thousand_persons_come_from_a_table_in_any_usual_encoding(city, room, phones, tmp_path):
    rows = [row(at) for at in range(PEOPLE)]
    began = time.monotonic()
    one = take(room, table(rows))
    proposed = time.monotonic()
    assert "10000 added, 0 changed, 10010 in all" in room.li.said
    shown = room.wang.json("approval", "show", one["name"])[0]
    assert len(shown["difference"]) == PEOPLE and all(d["path"].startswith("persons[worker-") for d in shown["difference"])
    seen = time.monotonic()
    room.approve(one)
    print(f"propose {proposed - began:.2f} s, show {seen - proposed:.2f} s, approve {time.monotonic() - seen:.2f} s")
    assert seen - proposed < 5
    assert len(room.li.json("control", "show", "persons")[0]["content"]["persons"]) == PEOPLE + 10
    for encoding, heads in (("utf-8-sig", LABELS), ("gb18030", LABELS), ("utf-8", HEADS), ("utf-8", [h.upper() for h in HEADS])):
        (tmp_path / "again.csv").write_bytes(table(rows, heads, encoding))
        refused(room.li, "persons", "import", "again.csv", "--ticket", "T", says="NOTHING_CHANGES", wanted=INVALID)
        assert "0 added, 0 changed" in room.li.said
    eldercare = Ctl(city, "eldercare", "elder-care", tmp_path)
    assert "13900000001" in eldercare(*visit(city, eldercare, phones[0], "worker-9999"))
    eldercare(*visit(city, eldercare, phones[1], "worker-9999"), wanted=DENIED)  # another grid than the worker's own
    eldercare(*visit(city, eldercare, phones[0], "worker-10000"), wanted=DENIED)


def test_an_imported_person_stops_with_the_contract_and_when_suspended(city, room, phones, tmp_path):
    eldercare = Ctl(city, "eldercare", "elder-care", tmp_path)
    today = datetime.datetime.now(CHINA).date()
    day = lambda n: (today + datetime.timedelta(days=n)).isoformat()
    rows = [row(20001, contract_until=day(0)), row(20002, contract_until=day(-1)), row(20003, contract_from=day(1)),
            row(20004, suspended="是"), row(20005, suspended="否"), row(20006, areas=""), row(20007, areas=f"{OTHER_AREA} {AREA}"),
            row(20008, areas="320411")]
    room.approve(take(room, table(rows, LABELS)))
    reveal = lambda at, wanted=DONE, token=0: eldercare(*visit(city, eldercare, phones[token], f"worker-{at}"), wanted=wanted)
    for good in (20001, 20005, 20007, 20008):
        assert "13900000001" in reveal(good)
    for good in (20007, 20008):
        assert "13900000002" in reveal(good, token=1)
    for late in (20002, 20003):
        reveal(late, DENIED)
        assert "clause contract" in eldercare.said
    reveal(20004, DENIED)
    assert "PERSON_SUSPENDED" in eldercare.said
    reveal(20006, DENIED)
    # rows replace persons of the same id, and the others stay
    room.approve(take(room, table([row(20001, contract_until=day(-1))])))
    assert "0 added, 1 changed" in room.li.said
    reveal(20001, DENIED)
    assert "13900000001" in reveal(20005)
    room.wang("revoke", "person", "worker-20005", "--ticket", "contract ended early")
    reveal(20005, DENIED)
    assert "PERSON_SUSPENDED" in eldercare.said
    refused(room.wang, "revoke", "person", "worker-20005", "--ticket", "T", says="PERSON_UNKNOWN", wanted=INVALID)
    refused(room.wang, "revoke", "person", "nobody", "--ticket", "T", says="PERSON_UNKNOWN", wanted=INVALID)


def test_a_revoked_assertion_key_is_refused_from_the_next_call_on(city, room, phones, tmp_path):
    eldercare = Ctl(city, "eldercare", "elder-care", tmp_path)
    department = next(d for d in room.li.json("control", "show", "principals")[0]["content"]["departments"] if d["id"] == "civil-affairs")
    name = f"civil-affairs/{department['assertion_keys'][0]['kid']}"
    room.approve(take(room, table([row(40001)])))
    eldercare(*visit(city, eldercare, phones[0], "worker-40001"))
    assert "revoked: control version" in room.li("revoke", "assertion-key", name, "--ticket", "lost stick")
    eldercare(*visit(city, eldercare, phones[0], "worker-40001"), wanted=DENIED)
    for wrong in (name, "civil-affairs", "/", "civil-affairs/", "nobody/x"):
        refused(room.li, "revoke", "assertion-key", wrong, "--ticket", "T", says="ASSERTION_KEY_UNKNOWN", wanted=INVALID)


@pytest.mark.at_the_end
def test_an_expired_proposal_is_no_more(short):
    room, one = short
    time.sleep(max(0, one.expire_time.ToMicroseconds() / 1e6 - time.time()) + 0.1)
    assert room.wang.json("approval", "list") == [[]]
    refused(room.wang, "approval", "show", one.name, says="APPROVAL_UNKNOWN", wanted=INVALID)
    refused(room.wang, "approval", "approve", one.name, "--digest", one.digest, "--ticket", "T", says="APPROVAL_UNKNOWN", wanted=INVALID)
