"""Lines of four years ago go to a folder whose disk is full, by a vaultd that is then killed in the middle of it: no line is lost, no torn
file is taken for a whole one, it says why it waits, it goes on by itself, and nothing but the archive stays. (Each call that can fail there
by itself: tests/unit/audit/archive_test.c.)"""

import contextlib
import os
import subprocess
import time

import kit
import pytest
from faults import RULES
from faults_alarms_test import YEARS, Past
from vaultctl_test import Ctl


@contextlib.contextmanager
def disk(folder, size):
    """A file system of its own, as small as that."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def old_city(tmp_path, archives):
    """All its lines are four years old."""
    with Past(tmp_path)(-YEARS):
        city = kit.City(RULES, archive_folder=str(archives))
    try:
        names = ("id_number", "residence_area", "name", "phone")
        city.vaultd.app("population", "population-register").put([{n: one[n] or "13900000000" for n in names} for one in kit.residents(600)])
        time.sleep(2)  # a checkpoint of them
        assert city.vaultd.stop() == 0
        city.vaultd.start()
        yield city
    finally:
        city.close()


def await_sql(city, query, wanted):
    end = time.monotonic() + 60
    while city.database.sql(query) != wanted:
        assert time.monotonic() < end, (query, city.database.sql(query), city.vaultd.events()[-5:])
        time.sleep(0.1)


def left_in(folder):
    return sorted(os.listdir(folder))


def kill_at_link(city):
    """Its next file is killed when it is written, synced and proven, and has no name yet."""
    pid = city.vaultd.process.pid
    tracer = subprocess.Popen(["strace", "-f", "-q", "-p", str(pid), "-e", "trace=link,linkat", "-e", "inject=link,linkat:signal=SIGKILL",
                               "-o", os.devnull], stderr=subprocess.PIPE)
    return tracer


def test_a_full_disk_and_a_kill_in_the_middle_lose_no_line_and_leave_no_draft(tmp_path):
    if subprocess.run(["strace", "-qq", "-e", "inject=getuid:error=EPERM", "true"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be traced here")
    with disk(tmp_path / "archives", "64k") as archives, old_city(tmp_path, archives) as city:
        first = int(city.database.sql("select count(*) from line"))
        officer = Ctl(city, "officer-wang", folder=tmp_path)
        officer("audit", "archive", "--before", "2023-06-01", "--ticket", "full")
        await_sql(city, "select finding from job where kind = 8", "tried again: an archive cannot be written: No space left on device")
        assert "No space left on device" in Ctl(city, "admin-li", folder=tmp_path)("keys", "progress")
        assert int(city.database.sql("select count(*) from line")) >= first and left_in(archives) == []
        tracer = kill_at_link(city)
        subprocess.run(["mount", "-o", "remount,size=64m", archives], check=True)
        assert city.vaultd.process.wait(60) == -9
        tracer.communicate(timeout=20)
        drafts = left_in(archives)
        assert len(drafts) == 1 and drafts[0].startswith(".archive-draft."), drafts
        assert int(city.database.sql("select count(*) from line where idx < 256")) == 256
        city.vaultd.start()
        await_sql(city, "select count(*) from archive", "1")
        await_sql(city, "select state || finding from job where kind = 8", "4")
        assert left_in(archives) == [city.database.sql("select file from archive")]
        assert int(city.database.sql("select min(idx) from line")) >= 256
        (tmp_path / "log.vkey").write_text("\n".join(officer.json("audit", "checkpoint")[0]["verifier_keys"]) + "\n")
        kit.run(kit.BUILD / "vault-verify", "archive", "--key", tmp_path / "log.vkey", archives / left_in(archives)[0])
