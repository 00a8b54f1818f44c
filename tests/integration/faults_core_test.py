"""A vaultd that dies leaves no core file, and nobody may look into one that lives. On the release tree: sanitizers need to look."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import attack
import kit
import pytest


@pytest.fixture
def city():
    it = kit.City()
    yield it
    it.close()


def test_a_vaultd_that_dies_leaves_no_core_and_nobody_may_look_into_it(city):
    """Run by an unprivileged user, with core files allowed, in a folder where it may write."""
    if os.geteuid() != 0:
        pytest.skip("only root can run it as somebody else")
    vaultd = city.vaultd
    account = "postgres"
    house = pathlib.Path(shutil.copytree(city.authority.folder, city.folder / "ca2"))
    shutil.copy(city.folder / "root.key", city.folder / "root2.key")
    (city.folder / "cores").mkdir()
    for path in [house, *house.iterdir(), city.folder / "root2.key", city.folder / "cores"]:
        shutil.chown(path, account)
    config = {**vaultd.document, "listen": "127.0.0.1:0", "root_key": {"file": str(city.folder / "root2.key"), "unattended_restart": True},
              "checkpoint_file": str(city.folder / "cores" / "checkpoint"),
              "tls": {part: str(house / pathlib.Path(path).name) for part, path in vaultd.document["tls"].items()}}
    (city.folder / "cores" / "config.json").write_text(json.dumps(config))
    become = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "--inh-caps=+ipc_lock", "--ambient-caps=+ipc_lock"]
    with subprocess.Popen(["prlimit", "--core=unlimited", *become, "sleep", "30"]) as other:
        assert attack.wait_until(lambda: os.readlink(f"/proc/{other.pid}/exe").endswith("sleep"))
        assert os.stat(f"/proc/{other.pid}/maps").st_uid == os.stat(house).st_uid, "any process looks undumpable here"
        other.kill()
    process = subprocess.Popen(["prlimit", "--core=unlimited", *become, str(kit.BUILD / "vaultd"), "--config", "config.json"], cwd=city.folder / "cores",
                               stderr=open(city.folder / "cores" / "log", "wb"))
    try:
        assert attack.wait_until(lambda: b"server.ready" in (city.folder / "cores" / "log").read_bytes()), (city.folder / "cores" / "log").read_text()
        proc = pathlib.Path("/proc") / str(process.pid)
        assert "vaultd" in os.readlink(proc / "exe")
        limits = next(line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file size"))
        assert limits.split()[4:6] == ["0", "0"], limits
        assert (proc / "maps").stat().st_uid == 0 != os.stat(house).st_uid, "it is dumpable"
        looks = [*become[:4], "head", "-c1"]
        for part in ("mem", "maps", "environ"):
            assert subprocess.run([*looks, proc / part], capture_output=True).returncode != 0, f"{part} can be read by its own user"
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = status
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status)
        assert {f.name for f in (city.folder / "cores").iterdir()} <= {"checkpoint", "config.json", "log"}
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
