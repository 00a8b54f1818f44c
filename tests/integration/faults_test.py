"""Twenty rounds of what ./bench faults does a thousand times."""

from faults import faults


def test_twenty_kills_lose_no_line_and_no_acknowledged_put():
    out = faults(20, seed=20261122, say=print)
    assert out["plaintexts"] > 500
