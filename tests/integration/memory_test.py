"""The end: SIGTERM at any moment ends in good order, soon, with exit code 0, and with nothing left behind (LeakSanitizer in the ASan tree)."""

import contextlib
import importlib
import signal
import socket
import subprocess
import time

import attack
import grpc
import kit
import pytest
from kit import FieldMask, tokens_pb2

RULES = [kit.rule("put", "put", "population", "population-register", list(kit.residents(1)[0])),
         kit.rule("issue", "issue", "clinic", "family-doctor", ["id_number"], form="nothing"),
         kit.rule("reveal", "reveal", "clinic", "family-doctor", ["name", "phone"])]


class House:
    def __init__(self):
        self.city = kit.City(RULES)
        self.people = self.city.put(60)
        self.tokens = [r.token for r in self.app().issue([p["id_number"] for p in self.people]).results]

    def app(self):
        return self.city.vaultd.app("clinic", "family-doctor")

    def mixed(self, app, number):
        """A bit of everything: answers, refusals of every kind, puts."""
        turn = number + int(time.monotonic() * 1000)
        if turn % 5 == 0:
            app.reveal_batch([*self.tokens[:20], "rv1nonsense", self.tokens[3][:-1] + "q"], ["name", "phone"], receipt=True, timeout=60)
        elif turn % 5 == 1:
            app.reveal(self.tokens[turn % 60], ["name", "id_number"], timeout=60)
        elif turn % 5 == 2:
            self.city.vaultd.app("population", "population-register").put(self.people[turn % 50:turn % 50 + 5], timeout=60)
        elif turn % 5 == 3:
            app.reveal(self.tokens[turn % 60], ["name"], purpose="nothing", timeout=60)
        else:
            app.reveal(self.tokens[turn % 60], ["name"], timeout=60)

    def lines_are_whole(self):
        assert len(attack.leaves(self.city)) == attack.lines(self.city)


@pytest.fixture(scope="module")
def house():
    it = House()
    yield it
    it.city.close()


@pytest.fixture
def vaultd(house):
    """Running at the beginning of each test, whatever the one before did."""
    if house.city.vaultd.process.poll() is not None:
        house.city.vaultd.start()
    return house.city.vaultd


def test_idle_clients_do_not_hold_the_end_up(house, vaultd):
    apps = [house.app() for _ in range(8)]
    assert all(app.reveal(house.tokens[0], ["name"]).values[0].text for app in apps)
    silent = [socket.create_connection(("127.0.0.1", vaultd.port)) for _ in range(5)]
    assert attack.ends_well(vaultd) < attack.NOT_HELD_UP
    for one in silent:
        one.close()


@pytest.mark.tsan
def test_the_end_under_load_answers_or_refuses_every_call_and_leaves_nothing_behind(house, vaultd):
    with attack.calling(8, house.app, house.mixed) as callers:
        assert attack.wait_until(lambda: sum(callers.told.values()) > 200)
        assert attack.ends_well(vaultd) < attack.NOT_HELD_UP
        callers.stop.set()
    assert set(callers.told) <= {"OK", "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}, callers.told
    house.lines_are_whole()


def test_calls_that_run_are_answered_before_the_end(house, vaultd):
    """The head is locked by somebody else: the calls are under way, and are let through while vaultd is ending."""
    app = house.app()
    app.reveal(house.tokens[0], ["name"])
    seen = len(vaultd.events())
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'vaultd'"
    with subprocess.Popen([house.city.database.pg, "psql", house.city.database.folder, "-qAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as lock:
        lock.stdin.write("begin; select size from head for update;\n")
        lock.stdin.flush()
        assert lock.stdout.readline().strip()
        calls = [app.tokens.Reveal.future(tokens_pb2.RevealRequest(context=app.context(), token=house.tokens[i], field_mask=FieldMask(paths=["name"])),
                                          timeout=60) for i in range(6)]
        assert attack.wait_until(lambda: int(house.city.database.sql(waiting)) > 0)
        vaultd.process.send_signal(signal.SIGTERM)
        assert attack.wait_until(lambda: "server.draining" in [e["event"] for e in vaultd.events()[seen:]])
        lock.stdin.write("commit;\n")
        lock.stdin.close()
        names = [call.result().values[0].text for call in calls]
        lock.wait()
    assert names == [p["name"] for p in house.people[:6]]
    assert vaultd.process.wait(60) == 0 and not attack.reports(vaultd)


def test_a_stream_that_stays_open_does_not_hold_the_end_up(house, vaultd):
    pb2 = importlib.import_module("grpc.reflection.v1.reflection_pb2")
    stub = importlib.import_module("grpc.reflection.v1.reflection_pb2_grpc").ServerReflectionStub(house.app().channel)
    held = iter(lambda: time.sleep(30), None)
    answers = stub.ServerReflectionInfo(held)
    with contextlib.suppress(grpc.RpcError):  # past its time; or answered within it
        stub.ServerReflectionInfo(iter([pb2.ServerReflectionRequest(list_services="")]), timeout=0.001).next()
    time.sleep(0.2)
    assert attack.ends_well(vaultd) < attack.NOT_HELD_UP
    answers.cancel()


def test_the_end_while_postgresql_is_away(house, vaultd):
    app = house.app()
    house.city.database.stop("immediate")
    try:
        for _ in range(5):
            with pytest.raises(grpc.RpcError):
                app.reveal(house.tokens[0], ["name"])
        assert attack.ends_well(vaultd) < attack.NOT_HELD_UP
    finally:
        house.city.database.start()


def test_a_second_signal_hastens(house, vaultd):
    process = vaultd.process
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0 and not attack.reports(vaultd)


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.03, 0.1])
def test_a_signal_right_after_the_start_ends_it_well(house, vaultd, wait):
    assert vaultd.stop() == 0
    seen = len(vaultd.log_path.read_text(errors="replace"))
    with open(vaultd.log_path, "ab") as log:
        process = subprocess.Popen([str(kit.BUILD / "vaultd"), "--config", str(vaultd.config)], stdout=log, stderr=log)
    time.sleep(wait)
    process.send_signal(signal.SIGTERM)
    # Before it has looked at signals at all, the signal ends it by itself.
    assert process.wait(60) in (0, -signal.SIGTERM), vaultd.log_path.read_text(errors="replace")[seen:]
    assert not attack.reports(vaultd)


def test_starts_that_are_refused_leave_nothing_behind(house, vaultd):
    """The same port twice, no database, a broken certificate: each says why, frees all it had, and ends by itself."""
    def start(**changes):
        one = kit.Vaultd(house.city.folder, "refused", house.city.database, house.city.authority)
        one.document.update(changes)
        with pytest.raises(RuntimeError):
            one.start(30)
        assert one.process.wait(60) > 0 and not attack.reports(one), one.log_path.read_text(errors="replace")[-2000:]
        assert one.process.returncode < 100

    start(listen=f"127.0.0.1:{vaultd.port}")
    start(metrics="192.0.2.1:1")
    start(database="host=/nowhere user=vault dbname=vault")
    start(tls={**vaultd.document["tls"], "certificate": str(house.city.folder / "root.key")})
    assert house.app().reveal(house.tokens[0], ["name"]).values[0].text == house.people[0]["name"]
