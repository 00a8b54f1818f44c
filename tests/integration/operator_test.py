"""Life of a node: a vault made, sealed and opened by people, on three nodes, with vaultctl; and every way in which that must not work."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import grpc
import kit
import pytest
from attack import wait_until
from faults import RULES
from kit import keys_pb2
from vaultctl_test import DENIED, DONE, INVALID, UNAVAILABLE, USAGE, Ctl

PASSPHRASE = "eleven blue horses over the river"
NAMES = ("id_number", "residence_area", "name", "phone")


class Place:
    """A database, an authority, documents, and nodes that nobody has made a vault for yet."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-operator-"))
        self.folder.chmod(0o755)
        self.authority = kit.Authority(self.folder / "ca")
        self.documents = kit.registers(self.folder / "registers", self.authority, RULES)
        self.database = kit.Database(self.folder / "pg")
        self.database.start()
        self.nodes = []

    def node(self, **settings):
        node = kit.Vaultd(self.folder, f"node{len(self.nodes)}", self.database, self.authority, **settings)
        self.nodes.append(node)
        return node

    def ctl(self, name, node=None):
        return Ctl(self.of(node or self.nodes[0]), name, folder=self.folder)

    def of(self, node):
        return type("At", (), {"vaultd": node, "authority": self.authority})

    def close(self):
        for node in self.nodes:
            node.stop()
        self.database.stop()
        self.database.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def place():
    it = Place()
    yield it
    it.close()


def refused(call):
    """Code and reason."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code().name, kit.details(error.value)["ErrorInfo"].reason


def population(node):
    return node.app("population", "population-register")


def put_one(node):
    person = {name: one for name, one in kit.residents(1, seed=9)[0].items() if name in NAMES}
    person["phone"] = person["phone"] or "13900000000"
    return population(node).put([person])


def status(node, who="clinic"):
    app = node.app(who, "control")
    return app.keys.Status(keys_pb2.StatusRequest(context=app.context()), timeout=60)


def unseal(ctl, shares, **how):
    return ctl("operator", "unseal", "--file", "-", "--ticket", "restart", stdin="\n".join(shares) + "\n", **how)


def events(node, name):
    return [e for e in node.events() if e["event"] == name]


def everything(place):
    """But the jobs: a node that has been up for a minute begins the day's by itself."""
    tables = place.database.sql("select tablename from pg_tables where schemaname = 'public' and tablename <> 'job' order by 1").splitlines()
    return [place.database.sql(f"select count(*), md5(string_agg(t::text, ',' order by t::text)) from {name} t") for name in tables]


@pytest.fixture(scope="module")
def shares(place):
    """The vault is made over the wire, with shares; three nodes; and each is opened."""
    first = place.node(root_key={"shares": True}).start()
    assert events(first, "node.waits")
    assert refused(lambda: put_one(first)) == ("UNAVAILABLE", "SEALED")
    assert not status(first).initialised
    ctl = place.ctl("admin-li")
    assert "no vault" in ctl("operator", "status", wanted=UNAVAILABLE)
    words = ("operator", "init", place.documents, "--name", "resident-vault/operator", "--ticket", "go-live", "--root", "shares")
    ctl(*words, "--shares", "3", "--threshold", "1", wanted=USAGE)
    ctl(*words, "--shares", "3", "--threshold", "4", wanted=USAGE)
    said = ctl(*words, "--shares", "3", "--threshold", "2")
    found = re.findall(r"^share \d of 3 +(rvs1-\S+)$", said, re.M)
    assert len(set(found)) == 3 and "log key" in said and "told this once" in ctl.said
    assert status(first).sealed and status(first).initialised and status(first).threshold == 2
    assert not healthy(first)  # it was open for a moment, for the first line
    ctl(*words, "--shares", "3", "--threshold", "2", wanted=(INVALID, 6))
    for _ in range(2):
        place.node(root_key={"shares": True}).start()
    for node in place.nodes:
        assert "open" in unseal(place.ctl("officer-wang", node), found[:2])
    return found


def test_a_vault_is_made_over_the_wire_and_opened_by_shares_on_every_node(place, shares):
    for node in place.nodes:
        assert put_one(node).results[0].status.code == 0
        assert not status(node, "admin-li").sealed
    officer = place.ctl("officer-wang")
    lines = officer("audit", "query", "--json", "--purpose", "log-review", "--limit", "1000")
    assert lines.count('\\"change\\":\\"unseal\\"') + lines.count('"change": "unseal"') + lines.count('"change":"unseal"') >= 3
    assert "init" in lines


def healthy(node):
    port = int(re.search(r"metrics on port (\d+)", [e for e in node.events() if e["event"] == "server.ready"][-1]["detail"])[1])
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).status == 200
    except urllib.error.HTTPError:
        return False


def test_sealed_on_one_node_is_sealed_on_all_and_a_restart_changes_nothing(place, shares):
    ctl = place.ctl("officer-wang")
    assert all(healthy(node) for node in place.nodes)
    assert "sealed" in ctl("operator", "seal", "--ticket", "incident 12")
    for node in place.nodes:
        assert refused(lambda: put_one(node)) == ("UNAVAILABLE", "SEALED")
        assert status(node).sealed
        assert not healthy(node)
        assert place.ctl("admin-li", node)("health", wanted=UNAVAILABLE).strip() == "NOT_SERVING"
    place.nodes[2].stop()
    place.nodes[2].start()
    assert refused(lambda: put_one(place.nodes[2])) == ("UNAVAILABLE", "SEALED")
    before = everything(place)
    for node in place.nodes[:2]:
        assert "1 of 2" in unseal(place.ctl("clinic", node), shares[:1])
    assert everything(place) == before, "a share alone writes nothing"
    assert "1 of 2" in place.ctl("clinic")("operator", "status", wanted=UNAVAILABLE)
    for node in place.nodes:
        assert "open" in unseal(place.ctl("admin-li", node), shares[1:] + shares[:1])
    for node in place.nodes:
        assert put_one(node).results[0].status.code == 0


def changed(share, at):
    return share[:at] + ("0" if share[at] != "0" else "1") + share[at + 1:]


def test_wrong_missing_doubled_and_foreign_shares_are_told_and_change_nothing(place, shares):
    ctl = place.ctl("officer-wang")
    ctl("operator", "seal", "--ticket", "drill")
    assert wait_until(lambda: all(status(node).sealed for node in place.nodes))  # an open one publishes
    before = everything(place)
    for at in (0, 5, 9, 40, len(shares[0]) - 1):
        unseal(ctl, [changed(shares[0], at)], wanted=INVALID)
        assert re.search("SHARE_(MALFORMED|MISTYPED)", ctl.said), ctl.said
    unseal(ctl, [shares[0], shares[0]], wanted=INVALID)
    assert "SHARE_TWICE" in ctl.said
    unseal(ctl, [""], wanted=USAGE)
    ctl("operator", "unseal", shares[1], "--ticket", "x", wanted=USAGE)  # never on the command line
    assert "1 of 2" in ctl("operator", "status", wanted=UNAVAILABLE)
    ctl("operator", "unseal", "--reset", "--ticket", "again")
    assert "0 of 2" in ctl("operator", "status", wanted=UNAVAILABLE)
    assert everything(place) == before
    for node in place.nodes:
        unseal(place.ctl("officer-wang", node), shares[:2])


def test_who_is_no_steward_completes_nothing(place, shares):
    place.ctl("officer-wang")("operator", "seal", "--ticket", "drill")
    app = place.ctl("clinic")
    unseal(app, shares[:2], wanted=DENIED)
    assert refused(lambda: put_one(place.nodes[0])) == ("UNAVAILABLE", "SEALED")
    assert "1 of 2" in app("operator", "status", wanted=UNAVAILABLE)
    for node in place.nodes:
        unseal(place.ctl("admin-li", node), shares[1:] if node is place.nodes[0] else shares[:2])
    app("operator", "seal", "--ticket", "not mine", wanted=DENIED)
    app("operator", "rekey", "--root", "shares", "--shares", "3", "--threshold", "2", "--ticket", "not mine", wanted=DENIED)


def rekeyed(place, command, *how):
    """Two people; the shares that were told."""
    admin, officer = place.ctl("admin-li"), place.nodes[0].app("officer-wang", "control")
    words = ("operator", command, *how, "--ticket", "keeper 4 has left")
    name = re.search(r"approvals/[0-9a-f]{32}", admin(*words))[0]
    admin(*words, "--approval", name, wanted=(INVALID, DENIED, 6))
    assert "NOT_APPROVED" in admin.said
    for one in officer.approvals.List(kit.control_pb2.ListApprovalsRequest(context=officer.context()), timeout=60).approvals:
        officer.approve(one)
    return re.findall(r"^share \d of \d+ +(rvs1-\S+)$", admin(*words, "--approval", name), re.M)


def test_new_shares_by_two_people_stop_no_node_and_the_old_ones_open_nothing(place, shares):
    old = list(shares)
    fresh = rekeyed(place, "rekey", "--root", "shares", "--shares", "4", "--threshold", "3")
    assert len(fresh) == 4
    for node in place.nodes:
        assert put_one(node).results[0].status.code == 0
    ctl = place.ctl("officer-wang")
    assert "3 of 4" in ctl("operator", "status") and "generation 2" in ctl("operator", "status")
    ctl("operator", "seal", "--ticket", "drill")
    for one in old:
        unseal(ctl, [one], wanted=INVALID)
        assert "SHARE_OTHER_SET" in ctl.said
    for node in place.nodes:
        assert status(node).sealed and "2 of 3" in unseal(place.ctl("officer-wang", node), fresh[:2])
        assert "open" in unseal(place.ctl("officer-wang", node), fresh[3:])
        assert put_one(node).results[0].status.code == 0
    shares[:] = fresh


def test_another_root_key_seals_the_other_nodes_until_they_are_unsealed_anew(place, shares):
    fresh = rekeyed(place, "rotate-root", "--root", "shares", "--shares", "3", "--threshold", "2")
    assert put_one(place.nodes[0]).results[0].status.code == 0
    for node in place.nodes[1:]:
        assert refused(lambda: put_one(node)) == ("UNAVAILABLE", "SEALED")
        assert "open" in unseal(place.ctl("officer-wang", node), fresh[1:])
        assert put_one(node).results[0].status.code == 0
    shares[:] = fresh


def test_a_passphrase_takes_the_place_of_shares_and_then_a_key_file(place, shares):
    node = place.nodes[0]
    words = ("--root", "passphrase", "--file", str(secret_file(place, "phrase", PASSPHRASE)))
    rekeyed(place, "rekey", *words)
    assert "passphrase" in place.ctl("officer-wang")("operator", "status")
    node.stop()
    node.start()  # the config still says shares: people can open it nevertheless
    waits = events(node, "node.waits")[-1]["detail"]
    assert "comes from passphrase, and not from shares" in waits
    ctl = place.ctl("officer-wang")
    before = everything(place)
    unseal(ctl, [PASSPHRASE[:-1]], wanted=INVALID)
    assert "WRONG_PASSPHRASE" in ctl.said
    unseal(ctl, ["too short"], wanted=INVALID)
    assert "BAD_PASSPHRASE" in ctl.said
    assert everything(place) == before
    assert "open" in typed(ctl, "operator", "unseal", "--ticket", "restart", what=PASSPHRASE)
    assert put_one(node).results[0].status.code == 0


def secret_file(place, name, text):
    path = place.folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def typed(ctl, *words, what):
    """At a terminal, which must not show it."""
    leader, follower = pty.openpty()
    child = subprocess.Popen([str(kit.BUILD / "vaultctl"), *words], env=ctl.environment, stdin=follower, stdout=follower, stderr=follower,
                             start_new_session=True, preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
    os.close(follower)
    seen = b""
    while b": " not in seen:
        seen += os.read(leader, 1024)
    time.sleep(0.2)
    os.write(leader, what.encode() + b"\n")
    while True:
        try:
            part = os.read(leader, 1024)
        except OSError:
            break
        if not part:
            break
        seen += part
    assert child.wait(60) == DONE, seen
    assert what.encode() not in seen
    return seen.decode()


def test_a_key_file_opens_by_itself_unless_the_vault_was_sealed_by_hand(place, shares):
    node, key = place.nodes[0], place.folder / "root.key"
    kit.run(kit.BUILD / "vaultd", "--make-root-key", key)
    admin, officer = place.ctl("admin-li"), place.ctl("officer-wang")
    for other in place.nodes[1:]:
        other.stop()
    node.stop()
    node.document["root_key"] = {"file": str(key), "unattended_restart": True}
    node.start()
    assert status(node).sealed
    unseal(officer, [PASSPHRASE])
    assert rekeyed(place, "rekey", "--root", "file") == []
    node.stop()
    node.start()
    assert put_one(node).results[0].status.code == 0
    officer("operator", "seal", "--ticket", "drill")
    node.stop()
    node.start()
    assert refused(lambda: put_one(node)) == ("UNAVAILABLE", "SEALED")
    good = key.read_text()
    for bad in (good[:-3] + ("A" if good[-3] != "A" else "B") + good[-2:], good[:40], "", other_key(place)):
        key.write_text(bad)
        officer("operator", "unseal", "--ticket", "drill", wanted=(INVALID, 6))
        assert "BAD_KEY_FILE" in officer.said
    key.write_text(good)
    assert "open" in officer("operator", "unseal", "--ticket", "drill")
    assert put_one(node).results[0].status.code == 0
    key.write_text(other_key(place))
    node.stop()
    before = everything(place)
    with pytest.raises(RuntimeError) as wrong:
        node.start()
    assert "root key does not open" in str(wrong.value)
    assert everything(place) == before
    assert "unattended_restart" in admin_config_error(place, node)


def other_key(place):
    path = place.folder / "other.key"
    if not path.exists():
        kit.run(kit.BUILD / "vaultd", "--make-root-key", path)
    return path.read_text()


def admin_config_error(place, node):
    node.document["root_key"] = {"file": str(place.folder / "root.key")}
    node.write_config()
    done = subprocess.run([str(kit.BUILD / "vaultd"), "--config", str(node.config), "--check-config"], text=True, capture_output=True)
    assert done.returncode == 78
    return done.stderr
