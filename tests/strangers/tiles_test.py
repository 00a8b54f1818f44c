"""An exported log of 100,000 lines before strangers' verifiers: Go's checksum database, npm's @sigstore/verify, python3-cryptography
for cosignatures; and whatever is done to it is found by them and by vault-verify, which says what it is."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import kit  # noqa: E402
from kit import audit_pb2  # noqa: E402
from vaultctl_test import Ctl  # noqa: E402

LINES = 100000
VALID, TAMPERED, INCOMPLETE, UNVERIFIABLE = 0, 7, 8, 9


# ---- the log ----

def append(city, count):
    """Lines as a node appends them, by a program beside the service."""
    program = [kit.BUILD / "tests/bench/bench-replay", "--database", city.database.conninfo, "--root-key", city.folder / "root.key"]
    done = subprocess.run([str(word) for word in program], input=f"lines {count}\n", text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr


def export(ctl, folder, least):
    """An export of at least so many lines."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told = ctl.json("audit", "export", "--tiles", folder)[0]
        if told["size"] >= least:
            return told
        time.sleep(0.3)
    raise AssertionError("nothing was published")


class Exported:
    """The folder, an older checkpoint of it, and proofs of some lines."""

    def __init__(self, city, folder):
        self.folder, self.old = folder / "log", folder / "old"
        ctl = Ctl(city, "officer-wang", folder=folder)
        append(city, LINES * 2 // 5)
        export(ctl, self.folder, LINES * 2 // 5)
        shutil.copy(self.folder / "checkpoint", self.old)
        append(city, LINES * 3 // 5)
        self.size = export(ctl, self.folder, LINES)["size"]
        app = city.vaultd.app("officer-wang", "log-review")
        self.key = app.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=app.context())).verifier_key
        ask = lambda i: app.audit.GetProof(audit_pb2.GetProofRequest(context=app.context(), line=i, tree_size=self.size))
        self.proofs = {i: ask(i) for i in [0, 1, 255, 256, 65535, 65536, self.size - 1, *range(17, self.size, self.size // 200)]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    city = kit.City()
    try:
        yield Exported(city, tmp_path_factory.mktemp("exported"))
    finally:
        city.close()


# ---- the strangers ----

@pytest.fixture(scope="module")
def go(tmp_path_factory):
    program = tmp_path_factory.mktemp("go") / "tiles"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOPROXY": "off",
                                "GOCACHE": str(program.parent / "cache")}
    subprocess.run(["go", "build", "-o", program, HERE / "tiles.go"], check=True, env=environment, timeout=180)

    def judge(key, folder, old=None):
        done = subprocess.run([program, key, folder, *([old] if old else [])], text=True, capture_output=True, timeout=120)
        return done.returncode, done.stdout.strip()
    return judge


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    """What package-lock.json names, of the registry; its scripts are not run."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "verify.js"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=180)

    def judge(given):
        (folder / "given.json").write_text(json.dumps(given))
        done = subprocess.run(["node", "verify.js", "given.json"], cwd=folder, text=True, capture_output=True, timeout=60)
        return done.returncode, done.stdout.strip()
    return judge


def vault_verify(*words):
    done = subprocess.run([str(kit.BUILD / "vault-verify"), *map(str, words)], text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout.strip()


def text(raw):
    return base64.b64encode(raw).decode()


def public_key(vkey):
    """Name, id and key of name+id+base64(type || key)."""
    name, hint, encoded = vkey.split("+", 2)
    return name, bytes.fromhex(hint), Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])


def for_sigstore(log):
    _, hint, key = public_key(log.key)
    checkpoint = (log.folder / "checkpoint").read_text()
    root = checkpoint.splitlines()[2]
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"key": text(der), "id": hint.hex(), "proofs": [
        {"index": i, "size": log.size, "root": root, "leaf": text(p.leaf), "path": [text(h) for h in p.path], "checkpoint": checkpoint}
        for i, p in log.proofs.items()]}


# ---- accepted ----

def test_go_reads_checkpoint_tiles_and_entries_and_that_the_log_has_grown(go, exported):
    assert exported.size >= LINES
    assert go(exported.key, exported.folder, exported.old) == (0, f"accepted {exported.size} lines")


def test_vault_verify_agrees(exported):
    code, said = vault_verify("log", "--key", exported.key, "--old", exported.old, exported.folder)
    assert code == VALID and f"lines {exported.size}" in said


def test_npms_verifier_reads_proofs_and_checkpoint(sigstore, exported):
    given = for_sigstore(exported)
    assert sigstore(given) == (0, f"accepted {len(given['proofs'])} proofs")
    assert len(given["proofs"]) > 200


# ---- rejected ----

def flip(path, at, bit=0):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1 << bit
    path.write_bytes(raw)


def last(folder, kind):
    """The narrow tile at the end."""
    return next(p for p in sorted((folder / kind).rglob("*")) if ".p/" in str(p) and p.is_file())


def drop_last_line(folder):
    for kind, each in (("tile/entries", 76), ("tile/0", 32)):
        path = last(folder, kind)
        path.with_name(str(int(path.name) - 1)).write_bytes(path.read_bytes()[:-each])
        path.unlink()


def swap_two_lines(folder):
    path = folder / "tile/entries/200"
    raw = path.read_bytes()
    path.write_bytes(raw[:76] + raw[152:228] + raw[76:152] + raw[228:])


def fork(folder):
    """A last line of its own, with every tile of it made to fit: only the root tells."""
    flip(last(folder, "tile/entries"), -1)
    path = last(folder, "tile/0")
    leaf = last(folder, "tile/entries").read_bytes()[-74:]
    path.write_bytes(path.read_bytes()[:-32] + hashlib.sha256(b"\0" + leaf).digest())


def other_size(folder):
    path = folder / "checkpoint"
    lines = path.read_text().split("\n")
    lines[1] = str(int(lines[1]) - 1)
    path.write_text("\n".join(lines))


def cut_signature(folder):
    path = folder / "checkpoint"
    signed = path.read_text()
    at = len(signed) - 30
    path.write_text(signed[:at] + ("A" if signed[at] != "A" else "B") + signed[at + 1:])


CHANGES = {
    "a bit of an entry": (lambda f: flip(f / "tile/entries/123", 7000, 3), TAMPERED),
    "a bit of the last entry": (lambda f: flip(last(f, "tile/entries"), -1), TAMPERED),
    "a bit of a tile of hashes": (lambda f: flip(f / "tile/0/300", 4000, 6), TAMPERED),
    "a bit of a tile above": (lambda f: flip(f / "tile/1/000", 2222), TAMPERED),
    "a bit of the top tile": (lambda f: flip(last(f, "tile/2"), 5), TAMPERED),
    "a dropped last line": (drop_last_line, INCOMPLETE),
    "two swapped lines": (swap_two_lines, TAMPERED),
    "a fork": (fork, TAMPERED),
    "a missing bundle": (lambda f: (f / "tile/entries/007").unlink(), INCOMPLETE),
    "a missing tile": (lambda f: (f / "tile/0/007").unlink(), INCOMPLETE),
    "a checkpoint of another size": (other_size, TAMPERED),
    "a wrong signature": (cut_signature, TAMPERED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_strangers_reject(go, exported, tmp_path, change):
    log = tmp_path / "log"
    shutil.copytree(exported.folder, log)
    do, verdict = CHANGES[change]
    do(log)
    code, said = go(exported.key, log, exported.old)
    assert code == 1 and said.startswith("rejected:"), said
    code, said = vault_verify("log", "--quiet", "--key", exported.key, log)
    assert code == verdict, said


def test_a_log_that_does_not_continue_what_was_seen_is_rejected_by_all(go, exported, tmp_path):
    log = tmp_path / "log"
    shutil.copytree(exported.folder, log)
    shutil.copy(exported.old, log / "checkpoint")  # its end cut off, with its own older checkpoint
    newer = exported.folder / "checkpoint"
    assert go(exported.key, log, newer)[0] == 1
    assert vault_verify("log", "--quiet", "--key", exported.key, "--old", newer, log)[0] == TAMPERED


SIGSTORE_CHANGES = {
    "a changed line": lambda p: p.update(leaf=text(bytes([base64.b64decode(p["leaf"])[0] ^ 1]) + base64.b64decode(p["leaf"])[1:])),
    "another index": lambda p: p.update(index=p["index"] ^ 1),
    "a path too short": lambda p: p["path"].pop(),
    "a path too long": lambda p: p["path"].append(p["path"][0]),
    "another root": lambda p: p.update(root=p["path"][-1]),
    "another checkpoint": lambda p: p.update(checkpoint=p["checkpoint"].replace("\n", "x\n", 1)),
}


@pytest.mark.parametrize("change", SIGSTORE_CHANGES)
def test_npms_verifier_rejects(sigstore, exported, change):
    given = for_sigstore(exported)
    SIGSTORE_CHANGES[change](given["proofs"][50])
    code, said = sigstore(given)
    assert code == 1 and said.startswith("rejected:"), said


# ---- cosignatures ----

@pytest.fixture
def witness(exported, tmp_path):
    """vault-witness, and its verifier key."""
    key, state = tmp_path / "witness.key", tmp_path / "state"
    program = kit.BUILD / "vault-witness"
    vkey = kit.run(program, "keygen", "--name", "witness.example/1", "--key", key, "--state", state).strip().splitlines()[-1].split()[-1]
    log = open(tmp_path / "witness.log", "w+")
    process = subprocess.Popen([program, "serve", "--key", key, "--state", state, "--log", exported.key, "--listen", "127.0.0.1:0"], stderr=log)
    try:
        yield vkey, port_of(tmp_path / "witness.log")
    finally:
        process.terminate()
        process.wait(60)


def port_of(log):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for line in log.read_text().splitlines():
            if "witness.ready" in line:
                return re.search(r" port (\d+)", line)[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def add_checkpoint(port, note):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    connection.request("POST", "/add-checkpoint", body=b"old 0\n\n" + note)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def cosignature_opens(vkey, note, line):
    """c2sp.org/tlog-cosignature by python3-cryptography alone."""
    name, hint, key = public_key(vkey)
    mark, said_name, encoded = line.rstrip("\n").split(" ")
    raw = base64.b64decode(encoded)
    if mark != "\u2014" or said_name != name or raw[:4] != hint or len(raw) != 4 + 8 + 64:
        return False
    plain = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    if hashlib.sha256(name.encode() + b"\n\x04" + plain).digest()[:4] != hint:
        return False
    seconds = struct.unpack(">Q", raw[4:12])[0]
    body = note[:note.index("\n\n") + 1]
    try:
        key.verify(raw[12:], f"cosignature/v1\ntime {seconds}\n{body}".encode())
        return abs(time.time() - seconds) < 3600
    except InvalidSignature:
        return False


def test_a_cosignature_is_what_another_program_takes_for_one(go, exported, witness, tmp_path):
    vkey, port = witness
    note = (exported.folder / "checkpoint").read_text()
    status, line = add_checkpoint(port, note.encode())
    assert status == 200, line
    assert cosignature_opens(vkey, note, line)
    assert not cosignature_opens(vkey, note.replace("\n", "x\n", 1), line)
    log = tmp_path / "log"
    shutil.copytree(exported.folder, log)
    policy = tmp_path / "policy"
    policy.write_text(f"log {exported.key}\nwitness one {vkey}\nquorum one\n")
    assert vault_verify("log", "--quiet", "--policy", policy, log)[0] == UNVERIFIABLE
    (log / "checkpoint").write_text(note + line)
    assert vault_verify("log", "--quiet", "--policy", policy, log)[0] == VALID
    assert go(exported.key, log, exported.old)[0] == 0
