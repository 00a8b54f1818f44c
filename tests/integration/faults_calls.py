#!/usr/bin/python3
"""One call of the system fails, in vaultd or in PostgreSQL, again and again, under load (strace's injection).

After every round: the call has failed, each plaintext that a client received has its committed line, what was put and acknowledged is
there, vaultd is the process that it was, and it serves again by itself. At the end the root is recomputed from all leaves, and
vault-verify finds an export valid.

  tests/integration/faults_calls.py --rounds 100 [--seed N]      (each kind once is part of ./check faults)
"""

import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from faults import RULES, Load, check_lines, check_puts, check_root, wait_for_answers
from kit import BUILD, City, residents
from vaultctl_test import Ctl

# Who, the call, how it fails, which of its calls (strace: first+step), and what makes it happen.
VAULTD = [("vaultd", "fsync", "EIO", "1+2", None), ("vaultd", "fsync", "ENOSPC", "1+1", None),
          ("vaultd", "rename", "ENOSPC", "1+1", None),
          ("vaultd", "sendto", "ECONNRESET", "3+9", None), ("vaultd", "sendto", "EIO", "2+11", None),
          ("vaultd", "recvfrom", "ECONNRESET", "3+9", None), ("vaultd", "recvfrom", "EIO", "4+13", None),
          ("vaultd", "sendmsg", "ECONNRESET", "5+17", None), ("vaultd", "recvmsg", "EIO", "5+17", None),
          ("vaultd", "connect", "ECONNREFUSED", "1+2", "cut"), ("vaultd", "socket", "EMFILE", "1+2", "cut"),
          ("vaultd", "openat", "ENOSPC", "1+1", None), ("vaultd folder", "fsync", "EIO", "1+1", None),
          ("vaultd log", "write", "ENOSPC", "1+1", "cut")]
POSTGRESQL = [("backends", "fdatasync", "EIO", "5", None), ("backends", "pwrite64", "ENOSPC", "7", None),
              ("backends", "sendto", "EPIPE", "9+31", None), ("backends", "recvfrom", "EIO", "9+31", None),
              ("helpers", "fsync", "EIO", "1", "checkpoint"), ("helpers", "pwrite64", "ENOSPC", "1", "checkpoint"),
              ("helpers", "fdatasync", "EIO", "1", "checkpoint"), ("helpers", "openat", "EIO", "2", "checkpoint")]
KINDS = VAULTD + POSTGRESQL
HELPERS = ("checkpointer", "background writer", "walwriter")


def children(city, helpers):
    """PostgreSQL's processes that serve a connection, or those that write in the background."""
    data = str((city.database.folder / "data").resolve())
    out = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes().decode()
            if os.readlink(process / "cwd") == data and said.startswith("postgres: ") and any(one in said for one in HELPERS) == helpers:
                out += [int(process.name)] if helpers or "vault" in said else []
        except OSError:
            continue
    return out


def aimed(city, who):
    """Options of strace: at which processes, and at which files alone."""
    files = {"vaultd": [], "vaultd folder": [str(city.folder)], "vaultd log": [str(city.vaultd.log_path)]}
    if who in files:
        return [city.vaultd.process.pid], files[who]
    return children(city, who == "helpers"), []


class Injection:
    def __init__(self, city, kind):
        who, call, error, which, _ = kind
        self.file = pathlib.Path(tempfile.mkstemp(prefix="injected-", dir=city.folder)[1])
        numbers, files = aimed(city, who)
        assert numbers, f"nobody to aim at: {who}"
        self.tracer = subprocess.Popen(["strace", "-f", "-q", *[part for number in numbers for part in ("-p", str(number))],
                                        *[part for path in files for part in ("-P", path)], "-e", f"trace={call}",
                                        "-e", f"inject={call}:error={error}:when={which}", "-s", "0", "-o", str(self.file)],
                                       stderr=subprocess.PIPE, text=True)

    def count(self):
        return self.file.read_text(errors="replace").count("(INJECTED)")

    def end(self):
        self.tracer.send_signal(signal.SIGINT)
        said = self.tracer.communicate(timeout=60)[1]
        assert self.count(), f"nothing was injected: {said[-500:]}"
        return self.count()


def provoke(city, what):
    try:
        if what == "cut":
            city.database.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vaultd'")
        if what == "checkpoint":
            city.database.sql("checkpoint")
    except subprocess.CalledProcessError:
        pass  # it is what fails


def strike(city, kind, seconds=0.2):
    """Until the call has failed, and a while longer: how often it failed."""
    injection, end = Injection(city, kind), time.monotonic() + 60
    while not injection.count() and time.monotonic() < end and injection.tracer.poll() is None:
        time.sleep(0.1)
        provoke(city, kind[4])
    time.sleep(seconds)
    return injection.end()


def check_export(city):
    folder = city.folder / "exported"
    folder.mkdir()
    ctl = Ctl(city, "officer-wang", folder=folder)
    (folder / "log.vkey").write_text("\n".join(ctl.json("audit", "checkpoint")[0]["verifier_keys"]) + "\n")
    ctl("audit", "export", "--tiles", folder / "log")
    done = subprocess.run([BUILD / "vault-verify", "log", "--key", folder / "log.vkey", folder / "log"], capture_output=True, text=True)
    assert done.returncode == 0 and "valid" in done.stdout, done.stdout


def faults(kinds, seed=1, callers=6, people=40, say=lambda text: None):
    city = City(RULES, pg=("max_connections=60",))
    load, failed = None, {}
    try:
        names = ("id_number", "residence_area", "name", "phone")
        chosen = [{name: one[name] or "13900000000" for name in names} for one in residents(people, seed=7)]
        city.vaultd.app("population", "population-register").put(chosen)
        tokens = [r.token for r in city.vaultd.app("clinic", "family-doctor").issue([p["id_number"] for p in chosen]).results]
        load, checked = Load(city, chosen, tokens, callers, seed), 0
        process = city.vaultd.process
        for kind in kinds:
            wait_for_answers(load, 10)
            times = strike(city, kind)
            failed[kind] = failed.get(kind, 0) + times
            wait_for_answers(load, 20)
            checked += check_lines(city, load)
            assert not load.wrong, f"wrong values: {load.wrong[:3]}"
            assert process.poll() is None, f"vaultd has ended: {kind}"
            say(f"{kind}: failed {times} times; {load.answers} answers, {checked} plaintexts accounted for, failures {load.failures}")
        load.stop.set()
        for thread in load.threads:
            thread.join(90)
        checked += check_lines(city, load)
        check_puts(city, load)
        lines = check_root(city)
        check_export(city)
        return {"kinds": len(failed), "failed": sum(failed.values()), "plaintexts": checked, "lines": lines}
    finally:
        if load:
            load.stop.set()
        city.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="", help="kinds whose name has this text")
    options = parser.parse_args()
    pick = random.Random(options.seed)
    some = [kind for kind in KINDS if options.only in " ".join(map(str, kind))]
    print(f"seed {options.seed}", file=sys.stderr)
    kinds = (some + [pick.choice(some) for _ in range(options.rounds)])[:options.rounds]
    print(faults(kinds, options.seed, say=lambda text: print(text, file=sys.stderr)))


if __name__ == "__main__":
    main()
