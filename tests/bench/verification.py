"""How fast every row is verified against its tag and the sum of all."""
import json
import sys
import time

from machine import cpu_of, cpu_of_machine, output, say
from rounds import publish, summary


class Verification:
    """Verifications of a Machine's vault, asked for by vaultctl."""

    def __init__(self, machine):
        self.machine = machine
        machine.certificate("officer-wang", "vault://dev/officers/officer-wang")

    def vaultctl(self, *words):
        ca = self.machine.folder / "ca"
        return output(self.machine.programs / "vaultctl", *words, "--server", self.machine.server, "--ca", ca / "ca.crt",
                      "--cert", ca / "officer-wang.crt", "--key", ca / "officer-wang.key", "--purpose", "log-review")

    def begin(self):
        """Waits for the end, too."""
        key = json.loads(self.vaultctl("audit", "checkpoint", "--json"))["verifier_key"]
        self.vaultctl("audit", "verify", "--rows", "--log-key", key, "--state", self.machine.folder / "seen")

    def end(self):
        """(rows, seconds) of the newest one, once it is over."""
        for _ in range(6000):
            state, done, us, finding = self.machine.sql("SELECT state, done, ended - created, finding FROM job WHERE kind = 6"
                                                        " ORDER BY id DESC LIMIT 1").split("|")
            if state == "4":
                return int(done), int(us) / 1e6
            if state not in ("1", "2"):
                sys.exit(f"bench: the verification ended in state {state}: {finding}")
            time.sleep(0.02)
        sys.exit("bench: the verification does not end")


def rows(machine, options, _names):
    """rows verified by a vaultd that nobody calls, against the same columns read by one connection and looked at by nobody"""
    machine.residents()
    turn, bare = Verification(machine), machine.program("bench-scan", "--database", machine.conninfo)
    watch = {"vaultd": lambda: cpu_of(machine.vaultd.pid), "postgres": machine.cpu_of_postgres, "machine": cpu_of_machine}
    machine.sql("VACUUM (ANALYZE)")
    say("keys verify rows")

    def ours():
        before = {name: read() for name, read in watch.items()}
        turn.begin()
        done, seconds = turn.end()
        cpu = {name: read() - before[name] for name, read in watch.items()}
        if done != options.residents:
            sys.exit(f"bench: {done} of {options.residents} rows were verified")
        return {"units": done, "seconds": seconds, "p50_ms": 0, "p99_ms": 0, "cpu": cpu}

    def limit():
        return bare.obey("scan", watch={**watch, "client": lambda: cpu_of(bare.pid)})

    limit()  # warm
    pairs = [(ours(), limit()) for _ in range(options.rounds)]
    bare.close()
    return [publish(summary("keys", "verify rows", "rows/s", pairs, residents=options.residents))]
