"""The log as files: exported, gone on with, interrupted, and checked by vault-verify without the vault."""

import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import time

import kit
import pytest
from kit import keys_pb2
from vaultctl_test import Ctl

VALID, USAGE, INVALID, TAMPERED, INCOMPLETE, UNVERIFIABLE = 0, 2, 5, 7, 8, 9


def verify(*words):
    done = subprocess.run([str(kit.BUILD / "vault-verify"), *map(str, words)], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout


@pytest.fixture
def officer(city, tmp_path):
    ctl = Ctl(city, "officer-wang", folder=tmp_path)
    (tmp_path / "log.vkey").write_text("\n".join(ctl.json("audit", "checkpoint")[0]["verifier_keys"][:1]) + "\n")
    return ctl


def size_of(folder):
    return int((pathlib.Path(folder) / "checkpoint").read_text().splitlines()[1])


def grow(city, count=40):
    """Lines, and a checkpoint that has them."""
    app = city.vaultd.app("eldercare", "elder-care")
    for _ in range(count):
        app.issue([kit.residents(1)[0]["id_number"]])


def grown(city, officer, least):
    grow(city)
    for _ in range(600):
        size = int(officer("audit", "checkpoint").splitlines()[1])
        if size >= least:
            return size
        time.sleep(0.1)
    raise AssertionError("nothing was published")


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()}


def test_an_export_is_a_log_that_strangers_can_check_and_goes_on_where_it_ended(city, officer, people, tmp_path):
    log, key = tmp_path / "log", tmp_path / "log.vkey"
    first = officer.json("audit", "export", "--tiles", log, "--log-key", key)[0]
    assert first["size"] == size_of(log) == first["fetched"] and first["verified"]
    assert verify("log", "--key", key, log)[0] == VALID
    old = tmp_path / "old-checkpoint"
    shutil.copy(log / "checkpoint", old)
    before = files(log)
    size = grown(city, officer, first["size"] + 40)
    second = officer.json("audit", "export", "--tiles", log, "--log-key", key)[0]
    assert second["size"] >= size and second["fetched"] == second["size"] - first["size"], "only what is new is asked for"
    code, said = verify("log", "--key", key, "--old", old, log)
    assert code == VALID and f"continues {first['size']}" in said
    # Full tiles stay as they were, and narrow ones until they are full: by the old checkpoint the log can still be read.
    after = files(log)
    assert all(after[name] == content for name, content in before.items() if name.startswith("tile") and ".p/" not in name)
    narrow = {name: content for name, content in before.items() if ".p/" in name}
    assert narrow and all((after.get(name) == content) != (name.split(".p/")[0] in after) for name, content in narrow.items())
    if all(name in after for name in narrow):
        past = tmp_path / "past"
        shutil.copytree(log, past)
        shutil.copy(old, past / "checkpoint")
        assert verify("log", "--key", key, past)[0] == VALID
    city.vaultd.app("eldercare", "elder-care").issue([people[0]["id_number"]] * 256)
    grown(city, officer, second["size"] + 256)
    officer("audit", "export", "--tiles", log)
    assert not any(name in files(log) for name in narrow if "/0/" in name or "entries" in name)
    assert verify("log", "--key", key, log)[0] == VALID
    whole = tmp_path / "whole"
    officer("audit", "export", "--tiles", whole)
    assert size_of(whole) >= second["size"]


def test_an_export_again_changes_nothing(city, officer, people, tmp_path):
    log = tmp_path / "log"
    officer("audit", "export", "--tiles", log)
    tiles = {n: c for n, c in files(log).items() if n != "checkpoint"}
    again = officer.json("audit", "export", "--tiles", log)[0]
    if again["fetched"] == 0:
        assert {n: c for n, c in files(log).items() if n != "checkpoint"} == tiles
    assert verify("log", "--key", tmp_path / "log.vkey", log)[0] == VALID


def test_a_tile_that_an_export_has_already_is_not_written_again(city, officer, people, tmp_path):
    log = tmp_path / "log"
    grown(city, officer, 301)
    first = officer.json("audit", "export", "--tiles", log)[0]
    tiles = {p for p in (log / "tile").rglob("*") if p.is_file()}
    for tile in tiles:
        os.utime(tile, ns=(0, 0))
    grown(city, officer, first["size"] + 3)
    grow(city, 3)
    assert officer.json("audit", "export", "--tiles", log)[0]["size"] > first["size"]
    # Of the level above there is nothing new: killed or out of space while it is written, the folder would be of no use.
    assert all(p.stat().st_mtime_ns == 0 for p in tiles if p.exists())
    assert verify("log", "--key", tmp_path / "log.vkey", log)[0] == VALID


def test_what_an_interrupted_export_left_is_used_and_what_it_left_damaged_is_not(city, officer, people, tmp_path):
    log = tmp_path / "log"
    whole = officer.json("audit", "export", "--tiles", log)[0]
    assert whole["size"] > 300
    (log / "checkpoint").unlink()  # as if it had ended before its end
    (log / "tile/0/000").unlink()
    again = officer.json("audit", "export", "--tiles", log)[0]
    assert again["reused"] >= 256 and again["fetched"] == again["size"] - again["reused"]
    assert verify("log", "--key", tmp_path / "log.vkey", log)[0] == VALID
    (log / "checkpoint").unlink()
    entries = log / "tile/entries/000"
    entries.write_bytes(bytes(entries.read_bytes()[:100] + b"\xff" + entries.read_bytes()[101:]))
    mended = officer.json("audit", "export", "--tiles", log)[0]
    assert mended["reused"] == 0 and mended["fetched"] >= mended["size"]
    assert verify("log", "--key", tmp_path / "log.vkey", log)[0] == VALID


def test_a_folder_that_was_damaged_or_is_another_logs_is_not_gone_on_with(city, officer, people, tmp_path):
    log = tmp_path / "log"
    officer("audit", "export", "--tiles", log)
    grow(city, 3)
    kept = files(log)
    narrow = next(p for p in (log / "tile/entries").rglob("*") if p.is_file() and ".p/" in str(p))
    narrow.write_bytes(narrow.read_bytes()[:-1] + b"\0")
    officer("audit", "export", "--tiles", log, wanted=TAMPERED)
    assert files(log)["checkpoint"] == kept["checkpoint"]
    for name in (str(narrow.relative_to(log)), next(n for n in kept if n.startswith("tile/1/"))):
        for left in (None, kept[name][:-1]):  # what is missing or cut off accuses nobody
            for n, content in kept.items():
                (log / n).write_bytes(content)
            (log / name).unlink()
            if left is not None:
                (log / name).write_bytes(left)
            officer("audit", "export", "--tiles", log, wanted=INCOMPLETE)
            assert f"{name} is missing or has another length" in officer.said
            assert files(log)["checkpoint"] == kept["checkpoint"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "checkpoint").write_text(kept["checkpoint"].decode().replace("resident-vault/test", "somebody/else"))
    officer("audit", "export", "--tiles", other, wanted=INCOMPLETE)
    lines = kept["checkpoint"].decode().split("\n")
    lines[1] = str(int(lines[1]) + 1000000)
    (other / "checkpoint").write_text("\n".join(lines))
    officer("audit", "export", "--tiles", other, wanted=TAMPERED)
    assert "and had" in officer.said


def test_two_exports_into_one_folder_do_not_meet(officer, people, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    held = os.open(log, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    officer("audit", "export", "--tiles", log, wanted=6)
    os.close(held)
    officer("audit", "export", "--tiles", log)


def test_the_vault_that_gives_other_lines_than_its_checkpoint_says_is_found_out(city, officer, people, tmp_path):
    log = tmp_path / "log"
    kept = city.database.sql("SELECT encode(leaf, 'hex') FROM line WHERE idx = 100")
    city.database.sql("UPDATE line SET leaf = set_byte(leaf, 60, get_byte(leaf, 60) # 1) WHERE idx = 100")
    try:
        officer("audit", "export", "--tiles", log, wanted=TAMPERED)
        assert not (log / "checkpoint").exists()
        officer("audit", "export", "--range", "90-110", tmp_path / "range", wanted=(TAMPERED, 6))
        assert not (tmp_path / "range").exists() and not (tmp_path / "range.part").exists()
    finally:
        city.database.sql(f"UPDATE line SET leaf = decode('{kept}', 'hex') WHERE idx = 100")
    officer("audit", "export", "--tiles", log)
    assert verify("log", "--key", tmp_path / "log.vkey", log)[0] == VALID


def test_a_range_and_a_proof_are_checked_without_the_vault(city, officer, people, tmp_path):
    key, file = tmp_path / "log.vkey", tmp_path / "case.lines"
    officer("audit", "export", "--range", "40-299", file, "--log-key", key)
    code, said = verify("range", "--json", "--key", key, file)
    told = json.loads(said)
    assert code == VALID and told["range"]["first"] == 40 and told["range"]["lines"] == 260
    raw = bytearray(file.read_bytes())
    raw[-10] ^= 4
    file.write_bytes(raw)
    assert verify("range", "--key", key, file)[0] == TAMPERED
    proof = tmp_path / "line-41.tlog-proof"
    proof.write_text(officer("audit", "proof", "41"))
    assert verify("proof", "--key", key, proof)[0] == VALID
    lines = proof.read_text().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2] == "index 41"
    assert len(base64.b64decode(lines[1][6:])) == 74
    for words in (["--range", "5-4", file], ["--range", "5", file], ["--range", "1-2"], ["--range", "0-9999999", file], [],
                  ["--tiles", tmp_path, "--range", "1-2", file], ["--tiles", tmp_path / "x", file], ["--range", "-3-4", file]):
        officer("audit", "export", *words, wanted=USAGE)
    officer("audit", "export", "--range", "0-999999", file, wanted=INVALID)


def test_an_export_under_another_key_is_refused_before_anything_is_written(officer, people, tmp_path):
    stranger = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    officer("audit", "export", "--tiles", tmp_path / "log", "--log-key", stranger, wanted=UNVERIFIABLE)
    assert files(tmp_path / "log") == {}


def test_anybody_with_an_account_can_export_and_nothing_secret_is_in_it(city, people, tmp_path):
    app = Ctl(city, "eldercare", "elder-care", tmp_path)
    app("audit", "export", "--tiles", tmp_path / "log")
    everything = b"".join(files(tmp_path / "log").values())
    for one in people[:20]:
        assert one["id_number"].encode() not in everything and one["name"].encode() not in everything
    for word in (b"eldercare", b"elder-care", b"officer-wang", b"clinic", b"civil-affairs"):
        assert word not in everything


def test_after_a_rotation_to_another_suite_the_export_goes_on_and_all_of_it_is_valid(city, officer, people, tmp_path):
    log, key = tmp_path / "log", tmp_path / "log.vkey"
    first = officer.json("audit", "export", "--tiles", log, "--log-key", key)[0]
    administrator = city.vaultd.app("admin-li", "control")
    administrator.ask(administrator.keys, "Rotate", keys_pb2.RotateRequest, rings=["log"], suite="gm")
    grown(city, officer, first["size"] + 40)
    (tmp_path / "keys").write_text("\n".join(officer.json("audit", "checkpoint")[0]["verifier_keys"]))
    officer("audit", "export", "--tiles", log)
    assert verify("log", "--key", tmp_path / "keys", log)[0] == VALID
    national = (tmp_path / "keys").read_text().splitlines()[1]
    assert verify("log", "--key", national, log)[0] == VALID
    assert verify("log", "--all", "--key", tmp_path / "keys", log)[0] in (VALID, UNVERIFIABLE)
