"""Two vaultd on one database, under load, with one of them killed: one log, one tree, nothing acknowledged lost. Databases put back."""

import itertools
import random
import shutil
import subprocess
import threading
import time
import types

import attack
import grpc
import kit
import pytest
from faults import RULES, Load, check_lines, check_puts, wait_for_answers
from foreign import Checkpoint, consistent, receipt_stands
from kit import audit_pb2

CALLERS, PEOPLE = 16, 64
NAMES = ("id_number", "residence_area", "name", "phone")


class AnyNode:
    """Each app that is asked for is one of the next node: a caller puts through one node and reveals through another."""

    def __init__(self, nodes):
        self.nodes, self.next = nodes, itertools.cycle(nodes)
        self.log_path, self.process = nodes[0].log_path, nodes[0].process

    def app(self, *arguments):
        return next(self.next).app(*arguments)


class TwinLoad(Load):
    """Keeps whole receipts, too."""

    def __init__(self, *arguments):
        self.receipts = []
        super().__init__(*arguments)

    def note(self, receipts, answers):
        super().note(receipts, answers)
        with self.lock:
            self.receipts += receipts


def clinic(node):
    return node.app("clinic", "family-doctor")


def checkpoint(node):
    app = clinic(node)
    return app.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=app.context()), timeout=60)


def everything_published(city):
    """Both checkpoint files and the database hold the head."""
    size = attack.lines(city)
    files = [city.folder / f"{node.name}.checkpoint" for node in city.nodes]
    return all(f.exists() and int(f.read_text().split("\n")[1]) == size for f in files) and attack.lines(city) == size


@pytest.fixture(scope="module")
def twins():
    city = kit.City(RULES, nodes=2)
    load = None
    try:
        people = [{name: one[name] or "13900000000" for name in NAMES} for one in kit.residents(PEOPLE, seed=7)]
        city.vaultd.app("population", "population-register").put(people)
        tokens = [r.token for r in clinic(city.vaultd).issue([p["id_number"] for p in people]).results]
        view = types.SimpleNamespace(vaultd=AnyNode(city.nodes), database=city.database)
        load = TwinLoad(view, people, tokens, 2 * CALLERS, 5)
        wait_for_answers(load, 1500)
        city.nodes[1].kill()
        time.sleep(1)
        city.nodes[1].start()
        wait_for_answers(load, 1000)
        load.stop.set()
        for thread in load.threads:
            thread.join(90)
            assert not thread.is_alive()
        assert attack.wait_until(lambda: everything_published(city)), "the checkpoints do not reach the head"
        yield types.SimpleNamespace(city=city, load=load, vkey=checkpoint(city.vaultd).verifier_key, tokens=tokens, people=people)
    finally:
        if load:
            load.stop.set()
        city.close()


@pytest.mark.tsan
def test_two_nodes_write_one_log_in_which_every_plaintext_has_its_line(twins):
    known = dict(twins.load.lines)
    log = attack.leaves(twins.city)
    assert check_lines(twins.city, twins.load) == len(known) > 1000
    assert len(log) == attack.lines(twins.city)
    assert all(log[index] == leaf for index, leaf in known.items())
    assert not twins.load.wrong, twins.load.wrong[:3]
    assert set(twins.load.failures) <= {"UNAVAILABLE", "DEADLINE_EXCEEDED"}, twins.load.failures
    assert all(attack.quiet(node) for node in twins.city.nodes)


def test_puts_that_were_acknowledged_before_the_kill_are_read_through_both_nodes(twins):
    for node in twins.city.nodes:
        check_puts(types.SimpleNamespace(vaultd=node), twins.load)


def test_every_checkpoint_that_either_node_signed_is_of_one_and_the_same_tree(twins):
    roots = attack.all_roots(attack.leaves(twins.city))
    notes = {r.checkpoint for r in twins.load.receipts} | {checkpoint(node).checkpoint for node in twins.city.nodes}
    notes |= {(twins.city.folder / f"{node.name}.checkpoint").read_text() for node in twins.city.nodes}
    heads = [Checkpoint(note, twins.vkey) for note in notes]
    assert len(heads) > 100
    assert [h.size for h in heads if roots[h.size - 1] != h.root] == []


def test_receipts_of_both_nodes_stand(twins):
    some = random.Random(1).sample(twins.load.receipts, 200)
    assert all(receipt_stands(r, twins.vkey) for r in some)


def test_the_checkpoints_of_both_nodes_are_consistent_by_either_nodes_proof(twins):
    heads = sorted((Checkpoint(r.checkpoint, twins.vkey) for r in twins.load.receipts[::40]), key=lambda head: head.size)
    last = Checkpoint(checkpoint(twins.city.vaultd).checkpoint, twins.vkey)
    for at, head in enumerate(heads):
        app = clinic(twins.city.nodes[at % 2])
        proof = app.audit.GetProof(audit_pb2.GetProofRequest(context=app.context(), old_size=head.size, tree_size=last.size), timeout=60)
        assert consistent(head.size, head.root, last.size, last.root, list(proof.path))


def refuses(node, *words):
    with pytest.raises(RuntimeError) as refused:
        node.start()
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert "server.ready" not in [e["event"] for e in node.events()]


def everything(city):
    tables = city.database.sql("select tablename from pg_tables where schemaname = 'public' order by 1").splitlines()
    return [city.database.sql(f"select count(*), md5(string_agg(t::text, ',' order by t::text)) from {name} t") for name in tables]


def test_a_third_node_with_another_root_key_refuses_and_writes_nothing(twins):
    city = twins.city
    other = kit.Vaultd(city.folder, "stranger", city.database, city.authority, root_key={"file": str(city.folder / "other.key"), "unattended_restart": True})
    kit.run(kit.BUILD / "vaultd", "--make-root-key", city.folder / "other.key")
    before = everything(city)
    refuses(other, "root key")
    assert everything(city) == before
    assert not (city.folder / "stranger.checkpoint").exists()


# ---- an older database ----


def says(call):
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


class Copy:
    """The data folder of a stopped PostgreSQL."""

    def __init__(self, city):
        self.city, self.data = city, (city.database.folder / "data").resolve()

    def take(self, name):
        subprocess.run(["cp", "-a", self.data, self.data.parent / name], check=True)

    def put_back(self, name):
        shutil.rmtree(self.data)
        (self.data.parent / name).rename(self.data)

    def swap(self, keep, other):
        self.city.database.stop()
        self.take(keep)
        self.put_back(other)
        self.city.database.start()


@pytest.fixture(scope="module")
def older(twins):
    """The database as it was some lines ago lies beside it as `old`. The nodes run."""
    city, copy = twins.city, Copy(twins.city)
    city.database.stop()
    copy.take("old")
    city.database.start()
    for node in city.nodes:
        app = clinic(node)
        assert all(attack.wait_until(lambda t=token: says(lambda: app.reveal(t, ["name"])) == "OK") for token in twins.tokens[:20])
    assert attack.wait_until(lambda: everything_published(city))
    return copy


def test_a_database_put_back_under_running_nodes_reveals_nothing_until_the_right_one_is_there(twins, older):
    city = twins.city
    kept = [(city.folder / f"{node.name}.checkpoint").read_text() for node in city.nodes]
    older.swap("new", "old")
    size = attack.lines(city)
    apps = [clinic(node) for node in city.nodes]
    for _ in range(15):
        assert all(says(lambda a=app: a.reveal(twins.tokens[0], ["name"])) in ("UNAVAILABLE", "DATA_LOSS") for app in apps)
        time.sleep(0.1)
    assert attack.wait_until(lambda: [attack.page(node, "/healthz")[0] for node in city.nodes] == [503, 503])
    assert attack.lines(city) == size, "a node wrote on an older database"
    assert kept == [(city.folder / f"{node.name}.checkpoint").read_text() for node in city.nodes], "the evidence was replaced"
    older.swap("old", "new")
    assert attack.wait_until(lambda: [attack.page(node, "/healthz")[0] for node in city.nodes] == [200, 200])
    assert all(attack.wait_until(lambda a=app: says(lambda: a.reveal(twins.tokens[0], ["name"])) == "OK") for app in apps)


def test_a_node_refuses_to_start_on_a_database_that_is_older_than_its_checkpoint_file(twins, older):
    city, node = twins.city, twins.city.nodes[1]
    for one in city.nodes:
        assert one.stop() == 0
    older.swap("new", "old")
    size = attack.lines(city)
    node.log_path.unlink()
    for _ in range(2):
        refuses(node, "older database")
    assert attack.lines(city) == size
    older.swap("old", "new")
    for one in city.nodes:
        one.start()
    assert clinic(node).reveal(twins.tokens[1], ["name"]).values[0].text == twins.people[1]["name"]


# ---- control: what is decided on one node holds on the other ----

HAND_RULES = [kit.rule("put", "put", "population", "population-register", NAMES),
              *(kit.rule(f"{app}-issue", "issue", app, purpose, ["id_number"], form="nothing") for app, purpose in
                (("eldercare", "elder-care"), ("clinic", "family-doctor"))),
              kit.rule("eldercare-app", "reveal", "eldercare", "elder-care", ["name"]),
              kit.rule("eldercare-person", "reveal", "eldercare", "elder-care", ["name", "phone"], acting="person", roles=["grid-worker"]),
              kit.rule("clinic-app", "reveal", "clinic", "family-doctor", ["name"])]
PURPOSES = {"eldercare": "elder-care", "clinic": "family-doctor"}


class Pair:
    """Two nodes; what each says to a reveal by whom."""

    def __init__(self):
        self.city = kit.City(HAND_RULES, nodes=2)
        people = [{name: one[name] or "13900000000" for name in NAMES} for one in kit.residents(4, seed=11)]
        self.city.vaultd.app("population", "population-register").put(people)
        self.apps = {(client, at): node.app(client, PURPOSES[client.removesuffix("-2")])
                     for client in ("eldercare", "eldercare-2", "clinic", "clinic-2") for at, node in enumerate(self.city.nodes)}
        self.tokens = {app: self.apps[app, 0].issue([people[0]["id_number"]]).results[0].token for app in PURPOSES}
        self.officers = [node.app("officer-wang", "control") for node in self.city.nodes]
        self.administrators = [node.app("admin-li", "control") for node in self.city.nodes]

    def says(self, at, client="eldercare", fields=("name",), **context):
        """"OK", or why it was refused; of what is no refusal, the code."""
        try:
            self.apps[client, at].reveal(self.tokens[client.removesuffix("-2")], list(fields), **context)
            return "OK"
        except grpc.RpcError as error:
            info = kit.details(error).get("ErrorInfo")
            refused = info and error.code().name in ("UNAUTHENTICATED", "PERMISSION_DENIED")
            return info.metadata.get("clause") or info.reason if refused else error.code().name

    def both(self, *arguments, **named):
        return [self.says(at, *arguments, **named) for at in (0, 1)]

    def as_person(self, at, person, key="civil-affairs"):
        now = int(time.time())
        jwt = self.city.authority.assertion(key, iss="civil-affairs", aud="resident-vault/test", sub=person, azp="eldercare",
                                            purpose="elder-care", iat=now, exp=now + 300, jti=f"{time.monotonic_ns()}")
        return self.says(at, fields=("name", "phone"), assertion=jwt)

    def sql(self, text):
        return self.city.database.sql(text)

    def events(self, name):
        return [sum(e["event"] == name for e in node.events()) for node in self.city.nodes]


@pytest.fixture(scope="module")
def pair():
    it = Pair()
    yield it
    it.city.close()


@pytest.mark.parametrize("client, who, where", [("eldercare", "officers", 0), ("clinic", "administrators", 1)])
def test_a_certificate_revoked_on_one_node_is_refused_on_the_other_from_its_next_call_on(pair, client, who, where):
    assert pair.both(client) == pair.both(f"{client}-2") == ["OK", "OK"]
    getattr(pair, who)[where].revoke(certificate=pair.city.authority.fingerprint(client))
    assert [pair.says(at, client) for at in (1 - where, where)] == ["CERTIFICATE_REVOKED"] * 2
    assert pair.both(f"{client}-2") == ["OK", "OK"], "the app's other certificate goes on"
    for at, node in enumerate(pair.city.nodes):  # and a new connection is no way round
        pair.apps[client, at] = node.app(client, PURPOSES[client])
    assert pair.both(client) == ["CERTIFICATE_REVOKED"] * 2


def test_a_certificate_that_is_registered_by_two_people_is_good_on_both_nodes_and_never_before(pair):
    city = pair.city
    name = city.authority.client("vault://dev/apps/eldercare", "eldercare-3")
    for at, node in enumerate(city.nodes):
        pair.apps["eldercare", at] = node.app(name, "elder-care")
    assert pair.both() == ["CERTIFICATE_UNKNOWN"] * 2

    def add(document):
        app = next(a for a in document["apps"] if a["id"] == "eldercare")
        app["certificates"].append({"sha256": city.authority.fingerprint(name)})
    city.change("principals", add, city.nodes[1])
    assert pair.both() == ["OK", "OK"]


def test_an_assertion_key_revoked_on_one_node_vouches_for_nobody_on_the_other_until_a_new_one_is_registered(pair):
    city = pair.city
    assert [pair.as_person(at, "grid-zhao") for at in (0, 1)] == ["OK", "OK"]
    pair.administrators[1].revoke(assertion_key="civil-affairs/civil-affairs")
    assert [pair.as_person(at, "grid-zhao") for at in (0, 1)] == ["ASSERTION_SIGNATURE"] * 2
    new = city.authority.jwk("civil-affairs-new")

    def add(document):
        next(d for d in document["departments"] if d["id"] == "civil-affairs")["assertion_keys"].append(new)
    city.change("principals", add)
    assert [pair.as_person(at, "grid-zhao", "civil-affairs-new") for at in (1, 0)] == ["OK", "OK"]
    assert [pair.as_person(at, "grid-zhao") for at in (0, 1)] == ["ASSERTION_SIGNATURE"] * 2


def test_a_person_revoked_on_one_node_does_not_act_on_the_other_from_the_next_call_on(pair):
    assert [pair.as_person(at, "grid-qian", "civil-affairs-new") for at in (0, 1)] == ["OK", "OK"]
    pair.officers[0].revoke(person="grid-qian")
    assert [pair.as_person(at, "grid-qian", "civil-affairs-new") for at in (1, 0)] == ["PERSON_SUSPENDED"] * 2
    assert [pair.as_person(at, "grid-zhao", "civil-affairs-new") for at in (1, 0)] == ["OK", "OK"]


def without_app_rule(document):
    document["rules"] = [r for r in document["rules"] if r["id"] != "eldercare-app"]


def with_app_rule(document):
    document["rules"].append(next(r for r in HAND_RULES if r["id"] == "eldercare-app"))


def test_a_policy_that_two_people_activate_holds_on_both_nodes_from_the_next_batch_on(pair):
    """Under load: no call that begins after the second person's consent was answered is decided by the former policy."""
    calls, stop = [], threading.Event()

    def work(number):
        app = pair.city.nodes[number % 2].app("eldercare-2", "elder-care")
        while not stop.is_set():
            begun = time.monotonic()
            try:
                app.reveal(pair.tokens["eldercare"], ["name"])
                calls.append((begun, "OK"))
            except grpc.RpcError as error:
                calls.append((begun, error.code().name))

    def answers(since):
        return [code for begun, code in list(calls) if begun > since]

    threads = kit.in_threads(8, work)
    try:
        for edit, code, at in ((without_app_rule, "PERMISSION_DENIED", 0), (with_app_rule, "OK", 1), (without_app_rule, "PERMISSION_DENIED", 1),
                               (with_app_rule, "OK", 0)):
            proposer, approver = pair.administrators[at], pair.officers[1 - at]
            document, digest = proposer.document("policy")
            edit(document)
            before = time.monotonic()
            approval = proposer.propose("policy", document, digest)
            assert attack.wait_until(lambda: len(answers(before)) > 50)
            assert code not in answers(before), "a proposal alone changed something"
            assert approver.approve(approval).state == "activated"
            after = time.monotonic()
            assert attack.wait_until(lambda: len(answers(after)) > 200)
            assert set(answers(after)) == {code}
    finally:
        stop.set()
        for thread in threads:
            thread.join(90)
    assert pair.both("eldercare-2") == ["OK", "OK"]


# ---- control rows edited by SQL ----

CONTROL_TABLES = ("control", "control_document", "control_archive", "head")


class Rows:
    """Copies of the control rows, to be put back."""

    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        self.take()

    def take(self):
        self.pair.sql("; ".join(f"drop table if exists {self.name}_{t}; create table {self.name}_{t} as table {t}" for t in CONTROL_TABLES))

    def put_back(self, tables):
        self.pair.sql("begin; " + "; ".join(f"delete from {t}; insert into {t} table {self.name}_{t}" for t in tables) + "; commit")


def flip(table, where):
    at = "length(sealed) / 2"
    return f"update {table} set sealed = set_byte(sealed, {at}, get_byte(sealed, {at}) # 1) where {where}"


EDITS = {
    "a byte of the manifest": flip("control", "version = (select max(version) from control)"),
    "the manifest deleted": "delete from control where version = (select max(version) from control)",
    "a second manifest": "insert into control select version + 1, sealed from control where version = (select max(version) from control)",
    "a byte of the policy": flip("control_document", "name = 'policy'"),
    "a byte of the persons": flip("control_document", "name = 'persons'"),
    "the policy deleted": "delete from control_document where name = 'policy'",
    "the policy cut": "update control_document set sealed = substr(sealed, 1, length(sealed) - 1) where name = 'policy'",
    "one document in another's row": "update control_document a set sealed = b.sealed from control_document b where a.name = 'policy' and b.name = 'purposes'",
    "the policy under another version": "update control_document set version = version + 1000 where name = 'policy'",
    "a copied document": "insert into control_document select name, version + 1000, sealed from control_document where name = 'policy'",
    "a former policy put back": "update control_document d set sealed = a.sealed from control_archive a where d.name = 'policy' and a.name = 'policy'"
                                " and a.version = (select min(version) from control_archive where name = 'policy')",
    "the head's control version": "update head set control_version = control_version - 1",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_control_row_edited_by_sql_is_found_by_both_nodes_before_the_next_decision(pair, edit):
    assert pair.both("eldercare-2") == ["OK", "OK"]
    kept, told, mended = Rows(pair, "kept"), pair.events("control.integrity"), pair.events("control.mended")
    pair.sql(EDITS[edit])
    try:
        for _ in range(5):
            assert pair.both("eldercare-2") == ["DATA_LOSS"] * 2
        assert attack.wait_until(lambda: all(now > before for now, before in zip(pair.events("control.integrity"), told))), "not told in both logs"
        assert pair.both("clinic-2") == ["DATA_LOSS"] * 2
    finally:
        kept.put_back(["head"] if "head" in edit else ["control", "control_document", "control_archive"])
    assert attack.wait_until(lambda: pair.both("eldercare-2") == ["OK", "OK"]), "it stays away after the rows are put back"
    assert attack.wait_until(lambda: all(now > before for now, before in zip(pair.events("control.mended"), mended)))


def test_calls_that_fail_for_an_edited_control_row_do_not_flood_the_log(pair):
    kept, told = Rows(pair, "kept"), pair.events("call.failed")
    pair.sql(EDITS["a byte of the policy"])
    begun = time.monotonic()
    try:
        assert {pair.says(at, "eldercare-2") for _ in range(100) for at in (0, 1)} == {"DATA_LOSS"}
    finally:
        kept.put_back(["control_document"])
    most = 8 * (2 + time.monotonic() - begun)  # by each worker once a second
    assert all(0 < now - before < most for now, before in zip(pair.events("call.failed"), told))
    assert attack.wait_until(lambda: pair.both("eldercare-2") == ["OK", "OK"])


def test_the_whole_control_state_of_before_a_revocation_put_back_by_sql_revives_nobody(pair):
    kept = Rows(pair, "former")
    pair.officers[1].revoke(certificate=pair.city.authority.fingerprint("clinic-2"))
    assert pair.both("clinic-2") == ["CERTIFICATE_REVOKED"] * 2
    now = Rows(pair, "now")
    kept.put_back(["control", "control_document", "control_archive"])
    assert pair.both("clinic-2") == ["DATA_LOSS"] * 2
    assert pair.both("eldercare-2") == ["DATA_LOSS"] * 2
    now.put_back(["control", "control_document", "control_archive"])
    assert attack.wait_until(lambda: pair.both("eldercare-2") == ["OK", "OK"])
    assert pair.both("clinic-2") == ["CERTIFICATE_REVOKED"] * 2


def test_the_pair_of_nodes_ends_well(pair):
    for node in pair.city.nodes:
        attack.ends_well(node)
