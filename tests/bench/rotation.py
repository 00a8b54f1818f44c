"""Rotations of the record ring: what they cost the calls meanwhile, and how fast they are alone."""
import json
import subprocess
import sys
import time

from machine import ROOT, cpu_of, cpu_of_machine, output, say
from rounds import middle, publish, summary

STEP_MOST = 1024  # rows of a step where nobody calls (vault/service/keeper.c)


class Rotation:
    """The record ring of a Machine's vault, rotated by vaultctl."""

    def __init__(self, machine):
        self.machine = machine
        machine.certificate("admin-li", "vault://dev/administrators/admin-li")

    def vaultctl(self, *words):
        ca = self.machine.folder / "ca"
        said = output(self.machine.programs / "vaultctl", *words, "--json", "--server", self.machine.server, "--ca", ca / "ca.crt",
                      "--cert", ca / "admin-li.crt", "--key", ca / "admin-li.key", "--purpose", "control")
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def begin(self):
        self.vaultctl("keys", "rotate", "record", "--ticket", "case 2026-1122")

    def job(self):
        """(state, done, seconds) of the newest rewrap."""
        state, done, us = self.machine.sql("SELECT state, done, CASE WHEN ended > 0 THEN ended - resumed ELSE 0 END FROM job WHERE kind = 1"
                                           " ORDER BY id DESC LIMIT 1").split("|")
        return int(state), int(done), int(us) / 1e6

    def runs(self):
        return self.machine.sql("SELECT count(*) FROM job WHERE kind = 1 AND state <= 2") != "0"

    def pause(self):
        self.machine.sql("UPDATE job SET state = 2 WHERE kind = 1 AND state = 1")

    def resume(self):
        if not self.runs():
            self.begin()
        self.machine.sql("UPDATE job SET state = 1 WHERE kind = 1 AND state = 2")

    def end(self):
        """Waits until the rotation at hand is over."""
        for _ in range(600):
            state, done, seconds = self.job()
            if state == 4:
                return done, seconds
            if state not in (1, 2):
                sys.exit(f"bench: the rotation ended in state {state}: {self.machine.sql('SELECT finding FROM job ORDER BY id DESC LIMIT 1')}")
            time.sleep(0.5)  # to ask costs a connection, and the row says itself how long it took
        sys.exit("bench: the rotation does not end")


def reveals(machine, options):
    """single-field Reveal while the record ring is rotated, against the same without, in turns within one run"""
    client, lines, flight = machine.residents(), [], 64
    turn, watch = Rotation(machine), machine.watch(client)
    say(f"rotation inflight={flight}")

    def during(rotated):
        turn.resume() if rotated else turn.pause()
        before = turn.job()[1] if rotated else 0
        result = client.obey("reveal", flight, options.seconds, watch=watch)
        state, done, _ = turn.job()
        result["rows"] = (done - before) / result["seconds"] if rotated else 0
        if rotated and state != 1:
            say("the rotation was over before its turn was: more --residents, or fewer --seconds")
        return result

    turn.begin()
    client.obey("reveal", flight, 2.0)  # warm
    pairs = []
    for number in range(options.rounds):
        first = during(number % 2 == 0)
        second = during(number % 2 != 0)
        pairs.append((first, second) if number % 2 == 0 else (second, first))
    line = summary("rotation", f"inflight={flight}", "calls/s", pairs, connections=options.connections, residents=options.residents)
    line["p99_times"] = middle([ours["p99_ms"] / without["p99_ms"] for ours, without in pairs])
    line["p50_times"] = middle([ours["p50_ms"] / without["p50_ms"] for ours, without in pairs])
    line["rows_per_second"] = round(middle([ours["rows"] for ours, _ in pairs]))
    line["aim"] = 1.5
    line["missed"] = [f"p99 is {line['p99_times']} times that without a rotation, aim 1.5"] if line["p99_times"] > 1.5 else []
    turn.machine.sql("UPDATE job SET state = 1 WHERE kind = 1 AND state = 2")
    turn.end()
    lines.append(publish(line))
    return lines


def rewrap(machine, options, _names):
    """residents' keys rewrapped by a vaultd that nobody calls, against the same statements without crypto on one connection"""
    machine.residents()
    turn, bare = Rotation(machine), machine.program("bench-rewrap", "--database", machine.conninfo)
    watch = {"vaultd": lambda: cpu_of(machine.vaultd.pid), "postgres": machine.cpu_of_postgres, "machine": cpu_of_machine}
    say("keys rewrap")

    def clean():
        machine.sql("TRUNCATE request; VACUUM (ANALYZE) resident_key; CHECKPOINT")

    def ours():
        clean()
        before = {name: read() for name, read in watch.items()}
        turn.begin()
        done, seconds = turn.end()
        cpu = {name: read() - before[name] for name, read in watch.items()}
        if done != options.residents:
            sys.exit(f"bench: {done} of {options.residents} keys were rewrapped")
        return {"units": done, "seconds": seconds, "p50_ms": 0, "p99_ms": 0, "cpu": cpu}

    def bare_pass():
        clean()
        return bare.obey("rewrap", STEP_MOST, watch={**watch, "client": lambda: cpu_of(bare.pid)})

    def limit():  # there and back
        there, back = bare_pass(), bare_pass()
        return {**back, "units": there["units"] + back["units"], "seconds": there["seconds"] + back["seconds"],
                "cpu": {name: there["cpu"][name] + back["cpu"][name] for name in back["cpu"]}}

    rounds = min(options.rounds, 6)  # of the versions that may have a key there are eight
    pairs = [(ours(), limit()) for _ in range(rounds)]
    bare.close()
    line = summary("keys", "rewrap", "keys/s", pairs, residents=options.residents)
    line["aim"] = 0.7
    line["missed"] = [f"ratio {line['ratio']} is below the aim of 0.7"] if line["ratio"] < 0.7 else []
    return [publish(line)]


def faults(machine, options):
    """10 rotations of the record ring of 200,000 residents under 64 callers, with kill -9 of one of two nodes in each"""
    del machine  # it has a city of its own
    subprocess.run(["/usr/bin/python3", ROOT / "tests/integration/rotation_faults.py", "--rounds", str(options.asked_rounds or 10),
                    "--residents", str(options.residents)], check=True)
    return []
