"""Two vaultd on one database, under load, with one of them killed: one log, one tree, nothing acknowledged lost. Databases put back."""

import itertools
import random
import shutil
import subprocess
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
    return app.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=app.context()), timeout=10)


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
            thread.join(30)
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
        proof = app.audit.GetProof(audit_pb2.GetProofRequest(context=app.context(), old_size=head.size, tree_size=last.size), timeout=10)
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
    other = kit.Vaultd(city.folder, "stranger", city.database, city.authority, root_key={"file": str(city.folder / "other.key")})
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
