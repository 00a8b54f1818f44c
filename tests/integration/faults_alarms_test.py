"""Never a false alarm, over years: lines of four years ago are archived, the clock is set back, the database is restored from a backup,
the log's ring goes over to another suite and back, another node takes over; what was kept from before (logs, checkpoints, receipts), and
what is exported afterwards, is valid."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import kit
from faults import RULES
from kit import keys_pb2
from vaultctl_test import Ctl

YEARS = 4 * 365 * 86400
CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t which, struct timespec *now)
{
    const char *shift = getenv("CLOCK_SHIFT");
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (!failed && which == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    return failed;
}
"""


class Past:
    """A vaultd that is made or started meanwhile sees another time; certificates and PostgreSQL do not."""

    def __init__(self, folder):
        self.library = pathlib.Path(folder) / "clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-o", self.library, "-"], input=CLOCK, text=True, check=True)

    @contextlib.contextmanager
    def __call__(self, seconds):
        kept = {name: getattr(kit.Vaultd, name) for name in ("init", "start")}
        for name, method in kept.items():
            setattr(kit.Vaultd, name, self._within(method, seconds))
        try:
            yield
        finally:
            for name, method in kept.items():
                setattr(kit.Vaultd, name, method)

    def _within(self, method, seconds):
        def started(*words, **options):
            os.environ.update({"LD_PRELOAD": str(self.library), "CLOCK_SHIFT": str(seconds)})
            try:
                return method(*words, **options)
            finally:
                del os.environ["LD_PRELOAD"], os.environ["CLOCK_SHIFT"]
        return started


class Kept:
    """An exported log that goes on, and all that was ever kept of it: valid, whenever it is looked at."""

    def __init__(self, city, folder):
        self.city, self.folder, self.names = city, folder, set()
        self.kept, self.checkpoints, self.receipts = {"log": [], "range": [], "receipt": [], "checkpoint": []}, [], []
        self.log, self.keys = folder / "log", folder / "log.vkey"

    def ctl(self, *words):
        return Ctl(self.city, "officer-wang", folder=self.folder)(*words)

    def valid(self, *words):
        done = subprocess.run([kit.BUILD / "vault-verify", words[0], "--key", self.keys, *words[1:]], text=True, capture_output=True)
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def keep_receipt(self, token):
        """What an app keeps of a call: a file that nobody writes to any more."""
        file = self.folder / f"receipt-{len(self.receipts)}.json"
        Ctl(self.city, "clinic", "family-doctor", self.folder)("reveal", token, "--fields", "name", "--ticket", "kept", "--receipt", file)
        receipt = json.loads(file.read_text())["receipts"][0]
        self.kept["receipt"].append(file)
        self.receipts.append((str(receipt["first_line"]), file))
        self.keep_checkpoint(receipt["checkpoint"])

    def keep_checkpoint(self, note):
        self.checkpoints.append(self.folder / f"checkpoint-{len(self.checkpoints)}")
        self.checkpoints[-1].write_text(note)
        self.kept["checkpoint"].append(self.checkpoints[-1])

    def published(self):
        """All lines that there are stand under a checkpoint that is out."""
        size, end = int(self.city.database.sql("select size from head")), time.monotonic() + 60
        while int(self.ctl("audit", "checkpoint").splitlines()[1]) < size:
            assert time.monotonic() < end, f"{size} lines are not published"
            time.sleep(0.1)

    def look(self, archives=()):
        self.published()
        officer = Ctl(self.city, "officer-wang", folder=self.folder)
        self.names.update(officer.json("audit", "checkpoint")[0]["verifier_keys"])
        self.keys.write_text("\n".join(sorted(self.names)) + "\n")
        number = len(self.checkpoints)
        for kind, words in (("log", ("--tiles",)), ("range", ("--range", "100-399"))):
            self.kept[kind].append(self.folder / f"{kind}-{number}")
            officer("audit", "export", *words, self.kept[kind][-1])
        officer("audit", "export", "--tiles", self.log)
        self.keep_checkpoint((self.log / "checkpoint").read_text())
        for old in self.checkpoints:
            self.valid("log", "--old", old, self.log)
        for kind, files in {**self.kept, "archive": archives}.items():
            if files:
                self.valid(kind, *files)

    def prove(self):
        """Each line that was ever given out stands in the tree of now, as its receipt has it."""
        for line, receipt in self.receipts:
            (self.folder / "line.tlog-proof").write_text(self.ctl("audit", "proof", line))
            self.valid("proof", "--receipt", receipt, self.folder / "line.tlog-proof")


class Years:
    """A vault that lives through all of it, one event after the other."""

    def __init__(self, folder):
        self.folder, self.past = folder, Past(folder)
        self.archives = folder / "archives"
        self.archives.mkdir()
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="rv-years-"))
        self.wal = self.base / "wal"
        self.wal.mkdir()
        for open_to_all in (self.base, self.wal):
            open_to_all.chmod(0o777)
        with self.past(-YEARS):
            self.city = kit.City(RULES, archive_folder=str(self.archives), pg=("archive_mode=on", f"archive_command=cp %p {self.wal}/%f"))
        people = [{name: one[name] or "13900000000" for name in ("id_number", "residence_area", "name", "phone")} for one in kit.residents(600)]
        self.city.vaultd.app("population", "population-register").put(people)
        self.people = [p["id_number"] for p in people]
        self.token = self.issue(1)[0]
        self.kept = Kept(self.city, folder)

    def issue(self, count):
        return [one.token for one in self.city.vaultd.app("clinic", "family-doctor").issue(self.people[:count]).results]

    def after(self, event, *words):
        """What was kept before an event, and what is exported after it."""
        self.kept.keep_receipt(self.token)
        event(*words)
        self.issue(20)
        self.kept.look(self.files())

    def files(self):
        return [self.archives / one for one in self.city.database.sql("select file from archive").splitlines()]

    def await_sql(self, query, wanted):
        end = time.monotonic() + 60
        while self.city.database.sql(query) != wanted:
            assert time.monotonic() < end, (query, self.city.database.sql(query), self.city.vaultd.events()[-5:])
            time.sleep(0.1)

    # the events

    def start_again(self):
        assert self.city.vaultd.stop() == 0
        self.city.vaultd.start()

    def step_back(self):
        with self.past(-3600):
            self.start_again()

    def back_up(self):
        superuser = self.city.database.conninfo.replace("user=vault", "user=postgres")
        kit.run(kit.BUILD / "vaultctl", "backup", "create", self.base / "backup", "--database", superuser)

    def archive(self):
        self.kept.ctl("audit", "archive", "--before", "2023-06-01", "--ticket", "years")
        self.await_sql("select count(*) > 0 and min(first) = 0 from archive", "t")
        assert self.files() and int(self.city.database.sql("select min(idx) from line")) >= 256

    def restore(self):
        """By docs/administrator.md, onto another machine: what was written since the backup comes from PostgreSQL's log."""
        assert self.city.vaultd.stop() == 0
        segment = self.city.database.sql("select pg_walfile_name(pg_switch_wal())")
        self.await_sql(f"select last_archived_wal >= '{segment}' from pg_stat_archiver", "t")
        self.city.database.remove()
        kit.run(kit.BUILD / "vaultctl", "backup", "restore", self.base / "backup", self.base / "data", "--archive", self.wal, "--config", self.city.vaultd.config)
        self.city.database = kit.Database(self.base)
        self.city.vaultd.document["database"] = self.city.database.start()
        self.city.vaultd.start()

    def change_node(self):
        other = kit.Vaultd(self.city.folder, "vaultd1", self.city.database, self.city.authority, archive_folder=str(self.archives))
        assert self.city.vaultd.stop() == 0
        self.city.nodes.append(other.start())
        self.city.vaultd = other

    def rotate(self, suite):
        administrator = self.city.vaultd.app("admin-li", "control")
        administrator.ask(administrator.keys, "Rotate", keys_pb2.RotateRequest, rings=["log"], suite=suite)
        self.await_sql("select count(distinct log_version) from archive where log_version = (select max(version) from key_ring where name = 'log')"
                       " having count(*) = (select count(*) from archive)", "1")

    def close(self):
        self.city.close()
        shutil.rmtree(self.base, ignore_errors=True)


def test_whatever_happens_to_a_vault_all_that_was_kept_of_its_log_is_valid(tmp_path, monkeypatch):
    if shutil.disk_usage("/dev/shm").free > 4 << 30:  # no disk fails here: ten syncs of a whole database are saved
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    years = Years(tmp_path)
    try:
        years.kept.look()
        years.after(years.start_again)  # four years later
        years.after(years.back_up)
        years.after(years.archive)
        years.after(years.step_back)
        years.after(years.restore)
        years.after(years.rotate, "gm")
        years.after(years.change_node)
        years.after(years.rotate, "intl")
        years.kept.prove()
    finally:
        years.close()
