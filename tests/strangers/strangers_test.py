"""A verifier that others wrote for another log (Go's checksum database) reads ours: it accepts it, and rejects a changed one."""

import base64
import copy
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import kit  # noqa: E402
from kit import audit_pb2, keys_pb2  # noqa: E402


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    program = tmp_path_factory.mktemp("go") / "verify"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOPROXY": "off",
                                "GOCACHE": str(program.parent / "cache")}
    subprocess.run(["go", "build", "-o", program, HERE / "verify.go"], check=True, env=environment, timeout=180)
    return program


def checkpoint(officer, least):
    """The first published one of at least this size."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        reply = officer.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=officer.context()))
        size = int(reply.checkpoint.splitlines()[1])
        if size >= least:
            return size, reply
        time.sleep(0.2)
    raise AssertionError("nothing was published")


def text(raw):
    return base64.b64encode(raw).decode()


def export(city):
    """A log with some life in it, seen at two moments, with every proof that the vault gives. In between its keys are rotated, to
    the national suite: the new checkpoint is signed by the old key and the new one, which signs by SM2 besides."""
    officer, app = city.vaultd.app("officer-wang", "log-review"), city.vaultd.app("eldercare", "elder-care")
    people = city.put(100)
    old_size, old = checkpoint(officer, 101)
    administrator = city.vaultd.app("admin-li", "control")
    administrator.ask(administrator.keys, "Rotate", keys_pb2.RotateRequest, rings=["log"], suite="gm")
    tokens = [r.token for r in app.issue([p["id_number"] for p in people]).results]
    app.reveal_batch(tokens, ["name", "phone"])
    for token in tokens[:37]:
        app.reveal(token, ["name"])
    size, new = checkpoint(officer, old_size + 237)
    proofs = [officer.audit.GetProof(audit_pb2.GetProofRequest(context=officer.context(), line=i, tree_size=size)) for i in range(size)]
    growth = officer.audit.GetProof(audit_pb2.GetProofRequest(context=officer.context(), old_size=old_size, tree_size=size))
    return {"verifier_key": old.verifier_key, "new_keys": list(new.verifier_keys), "old_checkpoint": old.checkpoint, "checkpoint": new.checkpoint,
            "leaves": [text(p.leaf) for p in proofs], "proofs": [[text(h) for h in p.path] for p in proofs],
            "growth": [text(h) for h in growth.path]}


@pytest.fixture(scope="module")
def log():
    city = kit.City()
    try:
        yield export(city)
    finally:
        city.close()


def judge(verifier, log, folder):
    file = folder / "export.json"
    file.write_text(json.dumps(log))
    done = subprocess.run([verifier, file], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout.strip()


def test_a_stranger_accepts_the_log(verifier, log, tmp_path):
    assert judge(verifier, log, tmp_path) == (0, f"accepted {len(log['leaves'])} lines")
    assert len(log["leaves"]) > 300


def test_a_checkpoint_of_two_versions_and_an_sm2_signature_is_a_note_like_any_other(verifier, log, tmp_path):
    newest, national, old = log["new_keys"]
    assert old == log["verifier_key"] and log["checkpoint"].count("\n\u2014 ") == 3
    code, said = judge(verifier, dict(log, verifier_key=newest), tmp_path)
    assert code == 1 and said.startswith("rejected:"), "the old checkpoint was not signed by the new key"
    keys = tmp_path / "keys"
    keys.write_text("\n".join(log["new_keys"]))
    note = tmp_path / "checkpoint"
    note.write_text(log["checkpoint"])
    program = kit.BUILD / "vault-verify"
    assert subprocess.run([program, "checkpoint", "--all", "--key", keys, note]).returncode == 0
    assert subprocess.run([program, "checkpoint", "--key", national, note]).returncode == 0
    note.write_text(other_size(log["checkpoint"]))
    assert subprocess.run([program, "checkpoint", "--key", national, note]).returncode == 7


def flip(encoded):
    raw = bytearray(base64.b64decode(encoded))
    raw[len(raw) // 2] ^= 1
    return text(bytes(raw))


def other_size(note):
    lines = note.split("\n")
    lines[1] = str(int(lines[1]) - 1)
    return "\n".join(lines)


def cut_signature(note):
    at = len(note) - 30
    return note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1:]


CHANGES = {
    "a changed line": lambda log: log["leaves"].__setitem__(50, flip(log["leaves"][50])),
    "a changed last line": lambda log: log["leaves"].__setitem__(-1, flip(log["leaves"][-1])),
    "two lines in another order": lambda log: log["leaves"].insert(10, log["leaves"].pop(11)),
    "a line cut out": lambda log: (log["leaves"].pop(50), log["proofs"].pop(50)),
    "the end cut off": lambda log: (log["leaves"].pop(), log["proofs"].pop()),
    "a line added": lambda log: (log["leaves"].append(log["leaves"][0]), log["proofs"].append(log["proofs"][0])),
    "a changed proof": lambda log: log["proofs"][7].__setitem__(0, flip(log["proofs"][7][0])),
    "a proof too short": lambda log: log["proofs"][7].pop(),
    "a proof too long": lambda log: log["proofs"][7].append(log["proofs"][7][0]),
    "another past": lambda log: log["growth"].__setitem__(0, flip(log["growth"][0])),
    "a past cut": lambda log: log["growth"].pop(),
    "a checkpoint of another size": lambda log: log.update(checkpoint=other_size(log["checkpoint"])),
    "a wrong signature": lambda log: log.update(checkpoint=cut_signature(log["checkpoint"])),
    "an old checkpoint with a wrong signature": lambda log: log.update(old_checkpoint=cut_signature(log["old_checkpoint"])),
    "another log's key": lambda log: log.update(verifier_key="sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stranger_rejects(verifier, log, tmp_path, change):
    changed = copy.deepcopy(log)
    CHANGES[change](changed)
    code, said = judge(verifier, changed, tmp_path)
    assert code == 1 and said.startswith("rejected:"), said
