"""Backups: what is erased stays so, a wrong key and an older database are refused, and nothing is written before that is known."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import grpc
import kit
import pytest
from vault.v1 import records_pb2

WHY = "population-register"
NAMES = list(kit.residents(1)[0])
RULES = [kit.rule("put", "put", "population", WHY, NAMES),
         kit.rule("issue", "issue", "population", WHY, ["id_number"], form="nothing"),
         kit.rule("reveal", "reveal", "population", WHY, ["name"]),
         kit.rule("erase", "erase", "population", WHY, ["id_number"], form="nothing")]
USAGE, DENIED, INVALID, FAILED, TAMPERED, INCOMPLETE = 2, 3, 5, 6, 7, 8


class Place:
    """A city that archives its log, and a folder for backups that PostgreSQL's user may reach."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-backup-"))
        self.archive = self.folder / "archive"
        self.archive.mkdir()
        for folder in (self.folder, self.archive):
            folder.chmod(0o777)
        self.city = kit.City(RULES, pg=("archive_mode=on", f"archive_command=cp %p {self.archive}/%f"))
        self.app = self.city.vaultd.app("population", WHY)
        self.people = kit.residents(40)
        self.app.put(self.people)
        self.tokens = [one.token for one in self.app.issue([p["id_number"] for p in self.people]).results]
        self.backup = self.folder / "first"
        assert self.ctl("create", self.backup, "--database", self.superuser()).returncode == 0
        # after the backup: one is erased, one is new
        assert not self.app.records.Erase(records_pb2.EraseRequest(context=self.app.context(), tokens=[self.tokens[0]])).results[0].HasField("status")
        self.app.put(kit.residents(1, start=100))
        self.settle()

    def superuser(self):
        return self.city.database.conninfo.replace("user=vault", "user=postgres")

    def settle(self):
        """All that was written is in the archive, and nothing is written any more: the outside checkpoint is the last one."""
        time.sleep(1.2)
        self.city.vaultd.stop()
        segment = self.city.database.sql("select pg_walfile_name(pg_switch_wal())")
        end = time.monotonic() + 120
        while not (self.archive / segment).exists() and time.monotonic() < end:
            time.sleep(0.05)

    def config(self, **changes):
        path = self.folder / "config.json"
        path.write_text(json.dumps({**self.city.vaultd.document, **changes}))
        return path

    def ctl(self, what, *words, **options):
        return subprocess.run([str(w) for w in (kit.BUILD / "vaultctl", "backup", what, *words)], capture_output=True, text=True, **options)

    def restore(self, target, *words, config=None, backup=None):
        return self.ctl("restore", backup or self.backup, target, "--config", config or self.config(), *words)

    def close(self):
        self.city.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def place():
    made = Place()
    yield made
    made.close()


def untouched(place, target):
    assert not target.exists() and not pathlib.Path(f"{target}.restoring").exists()
    assert not list(pathlib.Path("/tmp").glob("vault-backup-*"))


def test_a_backup_holds_no_root_key_and_is_opened_by_it(place):
    key = (place.city.folder / "root.key").read_text().split()[1].encode()
    for path in place.backup.rglob("*"):
        assert not path.is_file() or key not in path.read_bytes()
    done = place.ctl("verify", place.backup, "--config", place.config(), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["residents"] == 40 and found["erased"] == 0
    opened = {ring["ring"]: ring["samples"] for ring in found["rings"]}
    assert opened["record"] == 40 and opened["natural"] == 40 and opened["log"] > 0 and opened["control"] > 0
    assert not found["fits_outside"]  # by now more was written
    assert not pathlib.Path(f"{place.backup}.verify").exists()


def test_a_backup_is_not_made_over_another_one(place):
    assert place.ctl("create", place.backup, "--database", place.superuser()).returncode == INVALID
    nowhere = place.folder / "nowhere"
    assert place.ctl("create", nowhere, "--database", f"host={place.folder} user=postgres").returncode == FAILED
    assert not nowhere.exists()


def test_a_backup_that_is_not_there_or_a_passphrase_that_is_not_given_is_no_alarm(place):
    assert place.ctl("verify", place.folder / "nowhere", "--config", place.config()).returncode == INVALID
    done = place.ctl("verify", place.backup, "--config", place.config(root_key={"passphrase": True}))
    assert done.returncode == USAGE and "--file is missing" in done.stderr, done.stderr


def test_a_database_older_than_what_is_kept_outside_is_not_restored(place):
    target = place.folder / "older"
    done = place.restore(target)
    assert done.returncode == INCOMPLETE and "older than what is kept outside" in done.stderr, done.stderr
    untouched(place, target)


def test_a_wrong_key_and_a_missing_one_are_refused_before_anything_is_written(place):
    target, other = place.folder / "wrong", place.folder / "other.key"
    kit.run(kit.BUILD / "vaultd", "--make-root-key", other)
    for key, code in ((other, TAMPERED), (place.folder / "no.key", INVALID)):
        done = place.restore(target, config=place.config(root_key={"file": str(key), "unattended_restart": True}))
        assert done.returncode == code and "was not touched" in done.stderr, done.stderr
        untouched(place, target)


def test_a_damaged_backup_is_found_by_its_manifest(place):
    bad = place.folder / "bad"
    shutil.copytree(place.backup, bad)
    subprocess.run(["chown", "-R", "--reference", str(place.backup), str(bad)], check=True)
    victim = max((bad / "data/base").rglob("[0-9]*"), key=lambda p: p.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes(content)
    target = place.folder / "damaged"
    assert place.restore(target, "--archive", place.archive, backup=bad).returncode == TAMPERED
    untouched(place, target)


def test_a_folder_that_is_not_empty_is_left_alone(place):
    target = place.folder / "full"
    target.mkdir()
    (target / "mine").write_text("x")
    assert place.restore(target, "--archive", place.archive).returncode == INVALID
    assert (target / "mine").read_text() == "x"


def test_what_the_server_was_told_by_alter_system_holds_for_no_copy_and_is_restored_as_it_was(place):
    told, target, strangers = place.folder / "told", place.folder / "told-restored", place.folder / "strangers"
    shutil.copytree(place.backup, told)
    strangers.mkdir()
    strangers.chmod(0o777)
    settings = told / "data/postgresql.auto.conf"
    settings.write_text(f"archive_mode = on\narchive_command = 'cp %p {strangers}/%f'\n")
    subprocess.run(["chown", "-R", "--reference", str(place.backup), str(told)], check=True)
    assert place.restore(target, "--archive", place.archive, backup=told).returncode == 0
    assert not list(strangers.iterdir())  # a copy's history in the city's archive would lead the next recovery astray
    assert (target / "postgresql.auto.conf").read_text() == settings.read_text()


def test_what_is_restored_goes_on_with_the_log_and_brings_no_erased_resident_back(place):
    new = place.folder / "new"
    new.mkdir()
    new.chmod(0o755)
    done = place.restore(new / "data", "--archive", place.archive)
    assert done.returncode == 0, done.stderr
    assert "1 erasures" in done.stdout and "40 residents" in done.stdout
    database = kit.Database(new)
    try:
        database.start()
        place.city.vaultd.document["database"] = database.conninfo
        place.city.vaultd.start()
        app = place.city.vaultd.app("population", WHY)
        with pytest.raises(grpc.RpcError) as refused:
            app.reveal(place.tokens[0], ["name"])
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert app.reveal(place.tokens[1], ["name"]).values[0].text == place.people[1]["name"]
        app.put(kit.residents(1, start=200))
    finally:
        place.city.vaultd.stop()
        database.remove()


def test_where_the_log_is_lost_for_good_whoever_was_erased_in_it_is_erased_again(place):
    new = place.folder / "lossy"
    new.mkdir()
    new.chmod(0o755)
    kept = place.folder / "kept"
    for suffix in ("", ".erasures"):
        shutil.copy(place.city.vaultd.document["checkpoint_file"] + suffix, f"{kept}{suffix}")
    done = place.restore(new / "data", "--accept-loss", config=place.config(checkpoint_file=str(kept)))
    assert done.returncode == 0 and "--accept-loss" in done.stdout, done.stderr
    database = kit.Database(new)
    try:
        database.start()
        node = place.city.vaultd
        node.document.update(database=database.conninfo, checkpoint_file=str(kept))
        with pytest.raises(RuntimeError, match="was put back"):
            node.start()
        done = subprocess.run([str(kit.BUILD / "vaultd"), "--config", str(node.config), "--accept-loss"], capture_output=True, text=True)
        assert done.returncode == 0 and "1 residents were erased again" in done.stdout, done.stderr
        node.start()
        app = node.app("population", WHY)
        with pytest.raises(grpc.RpcError) as refused:
            app.reveal(place.tokens[0], ["name"])
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert app.reveal(place.tokens[1], ["name"]).values[0].text == place.people[1]["name"]
    finally:
        place.city.vaultd.stop()
        database.remove()
