#!/usr/bin/python3
"""The record ring is rotated under callers who reveal, on two nodes, one of which is killed (kill -9) at a random moment of it.

After every round: no reveal has failed but with UNAVAILABLE, and those only at the killed node while it was gone; every value that was
revealed was right; counted by SQL alone, every resident stands under the new version and nothing under another one; the old version is
destroyed by two people, and its certificate says what was counted. At the end every resident is revealed once more. One JSON object a
round, and one for all.

  tests/integration/rotation_faults.py --rounds 10 --residents 200000 --callers 64     (./bench rotation-faults; a small one is in ./check)
"""

import argparse
import json
import random
import sys
import threading
import time

from faults import RULES
from kit import City, control_pb2, grpc, in_threads, keys_pb2, residents

NAMES = ("id_number", "residence_area", "name", "phone")
CHANNELS = 8
GONE_S = 15  # after a restart: until the last client has connected again


class Callers:
    """Each reveals the name of anybody, at one of the nodes, without end."""

    def __init__(self, city, people, tokens, count, seed):
        self.city, self.people, self.tokens, self.seed = city, people, tokens, seed
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.answers, self.wrong, self.failures, self.took = 0, [], [], []
        self.apps = [[node.app("clinic", "family-doctor") for _ in range(max(1, min(CHANNELS, count // 2)))] for node in city.nodes]
        self.threads = in_threads(count, self.work)

    def work(self, number):
        node = number % len(self.city.nodes)
        app, pick = self.apps[node][number // 2 % len(self.apps[node])], random.Random(self.seed * 1000 + number)
        while not self.stop.is_set():
            who, began = pick.randrange(len(self.people)), time.monotonic()
            try:
                out = app.reveal(self.tokens[who], ["name"], timeout=60)
            except grpc.RpcError as error:
                with self.lock:
                    self.failures.append((node, error.code().name, time.monotonic(), error.details()))
                time.sleep(0.05)
                continue
            with self.lock:
                self.answers += 1
                self.took.append(time.monotonic() - began)
                if out.values[0].text != self.people[who]["name"]:
                    self.wrong.append(who)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(70)
        assert not any(thread.is_alive() for thread in self.threads), "a caller waits for ever"


class Rotations:
    """A city of two nodes, and people in it."""

    def __init__(self, count, callers, seed, **settings):
        self.count, self.callers, self.random = count, callers, random.Random(seed)
        self.city = City(RULES, nodes=2, **settings)
        self.sql = self.city.database.sql
        everybody = residents(count, seed=seed)
        self.people = [{name: one[name] or "13900000000" for name in NAMES} for one in everybody]
        register, clinic = self.city.vaultd.app("population", "population-register"), self.city.vaultd.app("clinic", "family-doctor")
        for at in range(0, count, 2000):
            assert all(r.status.code == 0 for r in register.put(self.people[at:at + 2000], timeout=120).results)
        self.tokens = []
        for at in range(0, count, 4000):
            self.tokens += [r.token for r in clinic.issue([p["id_number"] for p in self.people[at:at + 4000]], timeout=120).results]
        self.sql("VACUUM (ANALYZE)")

    def keys(self, client, node=None):
        return (node or self.city.vaultd).app(client, "control")

    def number(self, query):
        return int(self.sql(query))

    # what administrators and officers do

    def rotate(self):
        app = self.keys("admin-li")
        [ring] = app.ask(app.keys, "Rotate", keys_pb2.RotateRequest, rings=["record"]).rings
        return ring.version

    def destroy(self, version):
        """Proposed, approved by another, carried out: the certificate."""
        admin, officer = self.keys("admin-li"), self.keys("officer-wang")
        proposed = admin.ask(admin.keys, "Destroy", keys_pb2.DestroyRequest, ring="record", version=version).approval
        pending = officer.ask(officer.approvals, "List", control_pb2.ListApprovalsRequest).approvals
        [waiting] = [a for a in pending if a.name == proposed]
        officer.approve(waiting)
        return admin.ask(admin.keys, "Destroy", keys_pb2.DestroyRequest, ring="record", version=version, approval=proposed, timeout=120).certificate

    def job(self):
        """(state, done, total) of the newest rewrap."""
        return tuple(map(int, self.sql("SELECT state, done, total FROM job WHERE kind = 1 ORDER BY id DESC LIMIT 1").split("|")))

    def wait_for_job(self, reached, seconds=600):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state, done, total = self.job()
            assert state in (1, 4), self.sql("SELECT finding FROM job ORDER BY id DESC LIMIT 1")
            if state == 4 or done >= reached * total:
                return state, done
            time.sleep(0.1)
        raise AssertionError(f"the rotation does not go on: {self.job()}")

    # what is counted

    def references(self, version):
        """By SQL of its own: what is under a version of the record ring."""
        counts = {"keys": self.number(f"SELECT count(*) FROM resident_key WHERE ring_version = {version}")}
        for table, column in (("voucher", "sealed"), ("request", "answer")):
            counts[table + "s"] = self.number(f"SELECT count(*) FROM {table} WHERE get_byte({column}, 0) * 16777216 + get_byte({column}, 1) * 65536"
                                              f" + get_byte({column}, 2) * 256 + get_byte({column}, 3) = {version}")
        return counts

    def check_counts(self, old, new):
        assert self.number("SELECT count(*) FROM resident") == self.count, "a resident was lost"
        assert self.number(f"SELECT count(*) FROM resident_key WHERE ring_version = {new}") == self.count, "a key is not under the new version"
        assert self.references(old) == {"keys": 0, "vouchers": 0, "requests": 0}, self.references(old)

    def check_failures(self, callers, killed, since, until):
        for node, code, when, details in callers.failures:
            assert code == "UNAVAILABLE" and node == killed and since <= when <= until, (node, code, when - since, until - since, details)
        assert not callers.wrong, f"{len(callers.wrong)} wrong values"

    def check_log(self):
        bad = [e for node in self.city.nodes for e in node.events()
               if e.get("event") in ("record.integrity", "record.open", "job.failed", "control.integrity", "call.failed")]
        assert not bad, bad[:3]

    def round(self, number):
        old = self.number("SELECT max(version) FROM key_ring WHERE name = 'record'")
        callers = Callers(self.city, self.people, self.tokens, self.callers, 100 * number)
        try:
            time.sleep(1)
            began, new, moment = time.monotonic(), self.rotate(), self.random.uniform(0.02, 0.9)
            state, at = self.wait_for_job(moment)
            killed = self.random.randrange(2)
            since = time.monotonic()
            self.city.nodes[killed].kill()
            time.sleep(self.random.uniform(0.2, 2))
            self.city.nodes[killed].start()
            until = time.monotonic() + GONE_S
            _, done = self.wait_for_job(2)
            took = time.monotonic() - began
            time.sleep(1)
        finally:
            callers.end()
        self.check_failures(callers, killed, since, until)
        self.check_counts(old, new)
        note = self.destroy(old).note
        assert f"ring record\nversion {old}\n" in note and "references keys 0\n" in note and f"residents {self.count}\n" in note, note
        self.check_log()
        waited = sorted(callers.took)
        return {"round": number, "version": new, "killed": killed, "killed_at_row": at, "over_before": state == 4, "seconds": round(took, 1), "rows": done,
                "reveals": callers.answers, "unavailable_at_killed": len(callers.failures), "other_failures": 0, "wrong": 0,
                "p50_ms": round(1e3 * waited[len(waited) // 2], 1), "p99_ms": round(1e3 * waited[len(waited) * 99 // 100], 1)}

    def everybody(self):
        """Each one is revealed, by both nodes in turns."""
        apps, right = [node.app("clinic", "family-doctor") for node in self.city.nodes], 0
        for at in range(0, self.count, 1000):
            out = apps[at // 1000 % 2].reveal_batch(self.tokens[at:at + 1000], ["name"], timeout=60)
            right += sum(r.status.code == 0 and r.values[0].text == p["name"] for r, p in zip(out.results, self.people[at:at + 1000]))
        assert right == self.count, f"{self.count - right} residents were lost"
        return right

    def close(self):
        self.city.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--residents", type=int, default=200000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    place = Rotations(options.residents, options.callers, options.seed)
    try:
        rounds = []
        for number in range(options.rounds):
            rounds.append(place.round(number))
            print(json.dumps(rounds[-1]), flush=True)
        print(json.dumps({"rounds": len(rounds), "residents": options.residents, "callers": options.callers, "revealed_at_the_end": place.everybody(),
                          "reveals": sum(r["reveals"] for r in rounds), "unavailable_at_killed": sum(r["unavailable_at_killed"] for r in rounds),
                          "other_failures": 0, "lost": 0}), flush=True)
    finally:
        place.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
