"""One round of what tests/integration/faults_calls.py does many times: most of its kinds, each once."""

import subprocess

import pytest
from faults_calls import POSTGRESQL, VAULTD, faults

# Those left out here differ by the error alone, or take PostgreSQL down the same way.
HERE = [kind for kind in VAULTD if kind[1:3] in {("fsync", "ENOSPC"), ("recvfrom", "ECONNRESET"), ("sendto", "EIO"),
                                                 ("sendmsg", "ECONNRESET"), ("connect", "ECONNREFUSED"), ("openat", "ENOSPC")}]
THERE = [kind for kind in POSTGRESQL if kind[:2] in {("backends", "fdatasync"), ("backends", "sendto"), ("helpers", "fsync")}]


def test_a_call_of_the_system_that_fails_reveals_nothing_without_a_line_and_the_service_goes_on():
    if subprocess.run(["strace", "-qq", "-e", "inject=getuid:error=EPERM", "true"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be traced here")
    assert len(HERE) >= 6 and len(THERE) == 3
    out = faults(HERE + THERE, seed=20261122, say=print)
    assert out["kinds"] == len(HERE + THERE) and out["plaintexts"] > 200
