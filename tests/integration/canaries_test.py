"""Canaries over two nodes, by vaultctl, with a webhook that listens; and the report."""

import html.parser
import json

import attack
import kit
import pytest
from glass_test import Webhook
from vaultctl_test import DENIED, Ctl, SOME_REFUSED, USAGE

HOME = "320411002003"
RULES = [
    kit.rule("population-put", "put", "population", "population-register", list(kit.residents(1)[0])),
    kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
    kit.rule("population-reveal", "reveal", "population", "population-register", ["name", "phone"]),
    kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("eldercare-reveal", "reveal", "eldercare", "elder-care", ["name"]),
    kit.rule("clinic-issue", "issue", "clinic", "family-doctor", ["id_number"], form="nothing"),
]


@pytest.fixture(scope="module")
def hook():
    it = Webhook()
    yield it
    it.server.shutdown()


@pytest.fixture(scope="module")
def city(hook, tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhook")
    authority = kit.Authority(folder / "ca")
    hook.serve(authority.folder / "server.crt", authority.folder / "server.key")
    token = folder / "token"
    token.write_text("officers-token\n")
    token.chmod(0o600)
    it = kit.City(rules=RULES, nodes=2, webhook={"url": hook.url, "ca_file": str(authority.folder / "ca.crt"), "token_file": str(token)})
    yield it
    it.close()


@pytest.fixture
def officer(city, tmp_path):
    return Ctl(city, "officer-wang", folder=tmp_path)


@pytest.fixture
def elder(city, tmp_path):
    return Ctl(city, "eldercare", "elder-care", tmp_path)


def made(officer, *how):
    all_of_them = officer.json("canary", "create", "--area", HOME, *how, "--ticket", "autumn")[0]["canaries"]
    return [(one["name"], {v["field"]: v["value"] for v in one["values"]}) for one in all_of_them]


def events(city, name):
    return [e for node in city.nodes for e in node.events() if e.get("event") == "canary.used" and name in e["detail"]]


def test_who_opens_one_is_told_of_at_once_on_whichever_node(city, hook, officer, elder):
    (name, values), = made(officer)
    told = len(hook.posts)
    token = elder("issue", values["id_number"]).strip()
    assert values["name"] in elder("reveal", token, "--fields", "name", "--ticket", "curious")
    (_, notice), = hook.wait(told + 1)[told:told + 1]
    assert (notice["event"], notice["canary"], notice["vault"]) == ("canary.used", name, "resident-vault/test")
    assert set(notice) == {"event", "canary", "vault", "time"}
    far = city.nodes[1].app("population", "population-register")
    assert far.reveal(far.issue([values["id_number"]]).results[0].token, ["phone"]).values[0].text == values["phone"]
    used = events(city, name)
    assert len(used) == 4 and {e["level"] for e in used} == {"warn"}
    for value in values.values():
        if len(value) > 1:
            assert not any(value in json.dumps(e, ensure_ascii=False) for node in city.nodes for e in node.events())
    listed = {c["name"]: c for c in officer.json("canary", "list")[0]["canaries"]}
    assert int(listed[name]["uses"]) == 4 and "values" not in listed[name]


def test_a_departments_own_is_nobody_for_others(city, officer, elder):
    (name, values), = made(officer, "--department", "civil-affairs")
    clinic = city.nodes[1].app("clinic", "family-doctor")
    stranger = kit.residents(1, start=900)[0]["id_number"]
    hidden, nobody = clinic.issue([values["id_number"], stranger]).results
    assert hidden.status.code and hidden.status == nobody.status and not hidden.token
    assert len(events(city, name)) == 1  # whoever has the number has it from somewhere
    assert elder("issue", values["id_number"]).startswith("rv1")


def test_only_officers_make_list_and_retire_them_and_no_file_of_the_database_says_which_they_are(city, officer, elder, tmp_path):
    (name, values), = made(officer)
    for who in ("admin-li", "eldercare"):
        other = Ctl(city, who, "control", tmp_path)
        other("canary", "create", "--area", HOME, "--ticket", "t", wanted=DENIED)
        other("canary", "list", wanted=DENIED)
        other("canary", "retire", name, "--ticket", "t", wanted=DENIED)
    officer("canary", "create", "--ticket", "t", wanted=USAGE)
    officer("canary", "create", "--area", HOME, "--limit", "101", "--ticket", "t", wanted=USAGE)
    dump = city.database.sql("SELECT string_agg(d::text, ' ') FROM control_document d")
    assert name.split("/")[1] not in dump
    retired = officer.json("canary", "retire", name, "--ticket", "over")[0]
    assert retired["name"] == name and retired["retire_time"]
    elder("issue", values["id_number"], wanted=SOME_REFUSED)
    assert name not in officer("canary", "list") and name in officer("canary", "list", "--retired")


class Page(html.parser.HTMLParser):
    """What is on a page, and that nothing on it runs or is fetched."""

    def __init__(self, text):
        super().__init__()
        self.words, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attributes)

    def handle_data(self, data):
        self.words.append(data)


def test_the_report_says_what_was_done_and_its_page_runs_nothing(city, officer, tmp_path):
    people = city.put(8)
    app = city.vaultd.app("population", "population-register")
    for one in app.issue([p["id_number"] for p in people]).results[:5]:
        app.reveal(one.token, ["name"])
    report = officer.json("audit", "report", "--html", tmp_path / "report.html")[0]
    assert int(report["residents"]) == 8  # canaries live, and are none of them
    counted = {(c["kind"], c.get("key", "")): int(c["lines"]) for c in report["counts"]}
    assert counted["opened_by_purpose", "population-register"] == 5
    assert counted["opened_by_department", "public-security"] == 5
    assert counted["canary_alarms", ""] >= 5
    text = (tmp_path / "report.html").read_text()
    page = " ".join(Page(text).words)
    assert "Openings by purpose" in page and "实有人口" in page and "8" in page
    for p in people:
        assert p["id_number"] not in text and p["name"] not in text
    administrator = Ctl(city, "admin-li", folder=tmp_path).json("audit", "report")[0]
    assert not any(c["kind"] == "canary_alarms" for c in administrator["counts"])
    Ctl(city, "eldercare", "elder-care", tmp_path)("audit", "report", wanted=DENIED)
    officer("audit", "report", "--since", "yesterday", wanted=USAGE)


def test_the_metric_counts_uses(city):
    total = 0
    for node in city.nodes:
        total += attack.metric(node, "vault_canary_uses_total")
    assert total >= 5
