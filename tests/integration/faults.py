#!/usr/bin/python3
"""Kill -9 of vaultd and immediate stop of PostgreSQL at random moments under load.

After every round: each plaintext that a client received has its committed line, with the very leaf that its receipt showed; what was put and
acknowledged is there; the log has no gap; the service came back by itself. At the end the root is recomputed from all leaves.

  tests/integration/faults.py --rounds 1000 [--seed N]      (./bench faults; 20 rounds are part of ./check)
"""

import argparse
import base64
import hashlib
import random
import sys
import threading
import time

from kit import City, audit_pb2, grpc, in_threads, residents, rule

RULES = [rule("put", "put", "population", "population-register", ["id_number", "residence_area", "name", "phone"]),
         rule("issue", "issue", "clinic", "family-doctor", ["id_number"], form="nothing"),
         rule("reveal", "reveal", "clinic", "family-doctor", ["name", "phone"])]
EVENTS = ("vaultd killed", "PostgreSQL stopped at once", "PostgreSQL killed", "both killed")


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves):
    """RFC 6962, 2.1, from the definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        level = [node(level[i], level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


class Load:
    """Callers who reveal and put, and remember what they were told."""

    def __init__(self, city, people, tokens, callers, seed):
        self.city, self.people, self.tokens, self.seed = city, people, tokens, seed
        self.lock = threading.Lock()
        self.lines = {}                                     # index → leaf, as a receipt showed it with a plaintext
        self.phones = [[p["phone"]] for p in people]         # every value ever put, in order: each resident has one writer
        self.acked = [0] * len(people)                       # which of them was acknowledged last
        self.answers, self.failures, self.wrong = 0, {}, []
        self.stop = threading.Event()
        self.callers = callers
        self.threads = in_threads(callers, self.work)

    def note(self, receipts, answers):
        with self.lock:
            self.answers += answers
            for receipt in receipts:
                for at, line in enumerate(receipt.lines):
                    self.lines[receipt.first_line + at] = line.leaf

    def check(self, who, values, since):
        """The phone is one put at or after the one that was acknowledged before the call."""
        if values[0].text != self.people[who]["name"]:
            self.wrong.append((who, "name"))
        if values[1].text not in self.phones[who][since:]:
            self.wrong.append((who, "phone"))

    def reveal(self, app, pick):
        who = pick.randrange(len(self.people))
        since = self.acked[who]
        out = app.reveal(self.tokens[who], ["name", "phone"], receipt=True, timeout=20)
        self.check(who, out.values, since)
        self.note([out.receipt], 1)

    def reveal_batch(self, app, pick):
        chosen = [pick.randrange(len(self.people)) for _ in range(40)]
        since = [self.acked[who] for who in chosen]
        out = app.reveal_batch([self.tokens[who] for who in chosen], ["name", "phone"], receipt=True, timeout=20)
        for who, result, low in zip(chosen, out.results, since):
            self.check(who, result.values, low)
        self.note(out.receipts, len(chosen))

    def put(self, app, mine, pick):
        who = pick.choice(mine)
        person, phone = self.people[who], f"139{pick.randrange(10 ** 8):08}"
        self.phones[who].append(phone)
        tried = len(self.phones[who]) - 1
        out = app.put([{"id_number": person["id_number"], "residence_area": person["residence_area"], "phone": phone}], timeout=20)
        assert out.results[0].status.code == 0, out.results[0].status
        self.acked[who] = tried
        with self.lock:
            self.answers += 1

    def work(self, number):
        pick = random.Random(self.seed * 1000 + number)
        mine = list(range(number, len(self.people), self.callers))
        clinic, register = self.city.vaultd.app("clinic", "family-doctor"), self.city.vaultd.app("population", "population-register")
        clinic.options = register.options = {"wait_for_ready": True}
        while not self.stop.is_set():
            try:
                kind = pick.random()
                if kind < 0.7:
                    self.reveal(clinic, pick)
                elif kind < 0.85:
                    self.reveal_batch(clinic, pick)
                elif mine:
                    self.put(register, mine, pick)
            except grpc.RpcError as error:
                with self.lock:
                    self.failures[error.code().name] = self.failures.get(error.code().name, 0) + 1
                time.sleep(0.02)


def strike(city, event):
    if event in ("vaultd killed", "both killed"):
        city.vaultd.kill()
    if event == "PostgreSQL stopped at once":
        city.database.stop("immediate")
    if event in ("PostgreSQL killed", "both killed"):
        city.database.kill()
    time.sleep(random.random() * 0.2)
    if event != "vaultd killed":
        city.database.start()
    if event in ("vaultd killed", "both killed"):
        city.vaultd.start()


def wait_for_answers(load, more, wait=180):
    """The service is back when callers get answers again."""
    goal, end = load.answers + more, time.monotonic() + wait
    while load.answers < goal:
        if time.monotonic() > end:
            last = load.city.vaultd.log_path.read_text(errors="replace")[-3000:]
            raise AssertionError(f"no answers {wait} s after the event; vaultd exit {load.city.vaultd.process.poll()}; failures {load.failures}; vaultd says\n{last}")
        time.sleep(0.02)


def check_lines(city, load):
    with load.lock:
        known = dict(load.lines)
        load.lines.clear()
    size, count = city.database.sql("select (select size from head), (select count(*) from line)").split("|")
    assert int(size) <= int(count), "the log has a gap"
    for start in range(0, len(known), 2000):
        some = sorted(known)[start:start + 2000]
        rows = city.database.sql(f"select idx, encode(leaf, 'hex') from line where idx in ({','.join(map(str, some))})")
        stored = dict(row.split("|") for row in rows.splitlines())
        for index in some:
            assert stored.get(str(index)) == known[index].hex(), f"a plaintext was received and its line {index} is not in the log"
    return len(known)


def reveal_at_last(app, token):
    """A worker that has not been used since the last round notices only now that its connection was cut: as any client, we try again."""
    for _ in range(600):
        try:
            return app.reveal(token, ["phone"]).values[0].text
        except grpc.RpcError as refused:
            if refused.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            time.sleep(0.1)
    raise AssertionError("the vault does not come back")


def check_puts(city, load):
    app = city.vaultd.app("clinic", "family-doctor")
    for who, token in enumerate(load.tokens):
        phone = reveal_at_last(app, token)
        assert phone in load.phones[who][load.acked[who]:], f"an acknowledged put of resident {who} is lost"


def check_root(city):
    time.sleep(2.5)
    checkpoint = city.vaultd.app("clinic", "family-doctor")
    note = checkpoint.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=checkpoint.context()), timeout=60).checkpoint
    size, root = int(note.split("\n")[1]), base64.b64decode(note.split("\n")[2])
    rows = city.database.sql(f"select idx, encode(leaf, 'hex') from line where idx < {size} order by idx").splitlines()
    assert [int(row.split("|")[0]) for row in rows] == list(range(size)), "the log has a gap"
    assert root_of([bytes.fromhex(row.split("|")[1]) for row in rows]) == root, "the checkpoint does not fit the lines"
    return size


def faults(rounds, seed=1, callers=8, people=60, say=lambda text: None):
    pick = random.Random(seed)
    city = City(RULES, pg=("max_connections=40",))
    load = None
    try:
        names = ("id_number", "residence_area", "name", "phone")
        chosen = [{name: one[name] or "13900000000" for name in names} for one in residents(people, seed=7)]
        city.vaultd.app("population", "population-register").put(chosen)
        tokens = [r.token for r in city.vaultd.app("clinic", "family-doctor").issue([p["id_number"] for p in chosen]).results]
        load = Load(city, chosen, tokens, callers, seed)
        checked = 0
        for number in range(1, rounds + 1):
            wait_for_answers(load, 50)
            time.sleep(pick.random() * 0.3)
            event = pick.choice(EVENTS)
            strike(city, event)
            wait_for_answers(load, 20)
            checked += check_lines(city, load)
            assert not load.wrong, f"wrong values: {load.wrong[:3]}"
            say(f"round {number}: {event}; {load.answers} answers, {checked} plaintexts accounted for, failures {load.failures}")
        load.stop.set()
        for thread in load.threads:
            thread.join(90)
        checked += check_lines(city, load)
        check_puts(city, load)
        return {"rounds": rounds, "answers": load.answers, "plaintexts": checked, "lines": check_root(city), "failures": load.failures}
    finally:
        if load:
            load.stop.set()
        city.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--callers", type=int, default=8)
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    out = faults(options.rounds, options.seed, options.callers, say=lambda text: print(text, file=sys.stderr))
    print('{"bench":"faults","case":"rounds=%d","unit":"plaintexts accounted for","ours":%d,"answers":%d,"lines":%d,"seed":%d}'
          % (out["rounds"], out["plaintexts"], out["answers"], out["lines"], options.seed))


if __name__ == "__main__":
    main()
