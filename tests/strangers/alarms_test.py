"""Never a false alarm: an exported log is valid after all that happens to a vault in its life."""

import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import kit  # noqa: E402
from kit import audit_pb2, keys_pb2  # noqa: E402
from vaultctl_test import Ctl  # noqa: E402

VALID = 0


def verify(*words):
    done = subprocess.run([str(kit.BUILD / "vault-verify"), *map(str, words)], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout


def test_never_a_false_alarm_whatever_node_is_asked_is_killed_or_turns_its_keys(tmp_path):
    """One folder goes on with two nodes in turn, through rotations to another suite and back, kill -9 and a restart."""
    two = kit.City(nodes=2)
    try:
        log, keys, seen = tmp_path / "log", tmp_path / "keys", []
        known = set()

        def export(node):
            ctl = Ctl(two, "officer-wang", folder=tmp_path)
            ctl.environment["VAULT_SERVER"] = f"127.0.0.1:{two.nodes[node].port}"
            known.update(ctl.json("audit", "checkpoint")[0]["verifier_keys"])
            keys.write_text("\n".join(sorted(known)))
            officer = two.nodes[node].app("officer-wang", "log-review")
            officer.ask(officer.audit, "Query", audit_pb2.QueryRequest)
            time.sleep(1.5)
            size = ctl.json("audit", "export", "--tiles", log)[0]["size"]
            for old in seen:
                assert verify("log", "--key", keys, "--old", old, log)[0] == VALID
            assert verify("log", "--key", keys, log)[0] == VALID
            seen.append(tmp_path / f"checkpoint-{size}")
            shutil.copy(log / "checkpoint", seen[-1])

        def rotate(suite):
            administrator = two.vaultd.app("admin-li", "control")
            administrator.ask(administrator.keys, "Rotate", keys_pb2.RotateRequest, rings=["log"], suite=suite)

        two.put(300)
        export(0)
        export(1)
        rotate("gm")
        export(1)
        two.nodes[1].kill()
        export(0)
        two.nodes[1].start()
        rotate("intl")
        export(1)
        export(0)
    finally:
        two.close()
