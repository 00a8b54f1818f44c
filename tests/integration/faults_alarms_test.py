"""Never a false alarm, over years: lines of four years ago are archived, the clock is set back, the log's ring goes over to another suite;
what was kept from before, and what is exported afterwards, is valid."""

import contextlib
import os
import pathlib
import shutil
import subprocess
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
        self.city, self.folder, self.names, self.kept = city, folder, set(), []
        self.log, self.keys = folder / "log", folder / "log.vkey"

    def ctl(self, *words):
        return Ctl(self.city, "officer-wang", folder=self.folder)(*words)

    def valid(self, *words):
        done = subprocess.run([kit.BUILD / "vault-verify", words[0], "--key", self.keys, *words[1:]], text=True, capture_output=True)
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def look(self, archives=()):
        time.sleep(2.5)
        officer = Ctl(self.city, "officer-wang", folder=self.folder)
        self.names.update(officer.json("audit", "checkpoint")[0]["verifier_keys"])
        self.keys.write_text("\n".join(sorted(self.names)) + "\n")
        number = len(self.kept)
        officer("audit", "export", "--tiles", self.log)
        officer("audit", "export", "--tiles", self.folder / f"whole-{number}")
        officer("audit", "export", "--range", "100-399", self.folder / f"range-{number}")
        self.kept.append(("log", "--old", shutil.copy(self.log / "checkpoint", self.folder / f"checkpoint-{number}"), self.log))
        self.kept += [("log", self.folder / f"whole-{number}"), ("range", self.folder / f"range-{number}")]
        for what in [*self.kept, *(("archive", one) for one in archives)]:
            self.valid(*what)


def start_again(city):
    assert city.vaultd.stop() == 0
    city.vaultd.start()


def test_after_archive_clock_step_rotation_and_suite_change_all_is_valid(tmp_path):
    past, archives = Past(tmp_path), tmp_path / "archives"
    archives.mkdir()
    with past(-YEARS):
        city = kit.City(RULES, archive_folder=str(archives))
    try:
        people = [{name: one[name] or "13900000000" for name in ("id_number", "residence_area", "name", "phone")} for one in kit.residents(600)]
        city.vaultd.app("population", "population-register").put(people)
        kept = Kept(city, tmp_path)
        kept.look()
        start_again(city)  # four years later
        city.vaultd.app("clinic", "family-doctor").issue([p["id_number"] for p in people[:100]])
        kept.look()
        kept.ctl("audit", "archive", "--before", "2023-06-01", "--ticket", "years")
        for _ in range(100):
            if any(archives.glob("*.lines")):
                break
            time.sleep(0.2)
        files = list(archives.glob("*.lines"))
        assert files and int(city.database.sql("select min(idx) from line")) >= 256
        kept.look(files)
        with past(-3600):
            start_again(city)
        city.vaultd.app("clinic", "family-doctor").issue([p["id_number"] for p in people[100:200]])
        kept.look(files)
        administrator = city.vaultd.app("admin-li", "control")
        administrator.ask(administrator.keys, "Rotate", keys_pb2.RotateRequest, rings=["log"], suite="gm")
        kept.look(archives.glob("*.lines"))
    finally:
        city.close()
