"""What is published of the log links nobody: 1,000 lines of one resident, and of one official, among others in an exported log."""

import random
import struct
import time

import pytest
from vaultctl_test import Ctl

LINES = 1000
HEAD = 10  # version, time, action: all that a leaf says in clear


@pytest.fixture(scope="module")
def published(city, people, tmp_path_factory):
    """Leaves of an export: those of one resident (by one app for one purpose), and of others by another app."""
    return Published(city, people, tmp_path_factory.mktemp("published"))


class Published:
    def __init__(self, city, people, folder):
        eldercare, clinic = city.vaultd.app("eldercare", "elder-care"), city.vaultd.app("clinic", "family-doctor")
        one = eldercare.issue([people[0]["id_number"]]).results[0].token
        others = [r.token for r in clinic.issue([p["id_number"] for p in people[1:100]]).results]
        known = []
        for at in range(0, LINES, 50):  # by turns, so that neither time nor place tells them apart
            known += self.lines_of(eldercare.reveal_batch([one] * 50, ["name"], receipt=True))
            clinic.reveal_batch(random.Random(at).sample(others, 50), ["name"])
        self.people = people
        leaves = self.export(city, folder, max(known) + 51)
        reveals = [i for i, leaf in enumerate(leaves) if leaf[9] == leaves[known[0]][9] and i >= known[0]]
        self.all, self.mine = leaves, [leaves[i] for i in known]
        ours = set(known)
        self.others = [leaves[i] for i in reveals if i not in ours]
        self.files = b"".join(p.read_bytes() for p in sorted((folder / "log").rglob("*")) if p.is_file())

    @staticmethod
    def lines_of(reply):
        assert all(r.status.code == 0 for r in reply.results), reply.results[0]
        return [r.first_line + i for r in reply.receipts for i in range(len(r.lines))]

    @staticmethod
    def export(city, folder, least):
        ctl = Ctl(city, "officer-wang", folder=folder)
        for _ in range(600):
            if ctl.json("audit", "export", "--tiles", folder / "log")[0]["size"] >= least:
                break
            time.sleep(0.1)
        leaves = []
        for path in sorted((folder / "log/tile/entries").rglob("*")):
            raw = path.read_bytes() if path.is_file() else b""
            while raw:
                size = struct.unpack(">H", raw[:2])[0]
                leaves.append(raw[2:2 + size])
                raw = raw[2 + size:]
        return leaves


def bits(leaf):
    return int.from_bytes(leaf[HEAD:], "big")


def test_there_are_a_thousand_lines_of_one_resident_among_as_many_of_others(published):
    assert len(published.mine) >= LINES and len(published.others) >= LINES
    assert len({leaf[:1] + leaf[9:HEAD] for leaf in published.mine + published.others}) == 1, "version and action are the same"


def test_no_two_leaves_have_anything_in_common_but_version_time_and_action(published):
    """Eight bytes that come twice among a hundred thousand windows come by chance once in a billion logs."""
    seen = set()
    for leaf in published.all:
        assert len(leaf) == 74
        for at in range(HEAD, len(leaf) - 7):
            window = leaf[at:at + 8]
            assert window not in seen
            seen.add(window)


def test_time_and_action_are_all_that_is_in_clear(published):
    times = [struct.unpack(">Q", leaf[1:9])[0] for leaf in published.all]
    assert times == sorted(times)
    assert all(1.7e15 < t < 4e15 for t in times) and all(leaf[0] == 1 for leaf in published.all)


def test_no_bit_tells_the_residents_lines_from_others(published):
    """Each bit is set in half of the lines of either: the difference of the two shares, in standard deviations."""
    mine, others = [bits(leaf) for leaf in published.mine], [bits(leaf) for leaf in published.others]
    deviation = (0.25 / len(mine) + 0.25 / len(others)) ** 0.5
    for at in range(512):
        difference = sum(x >> at & 1 for x in mine) / len(mine) - sum(x >> at & 1 for x in others) / len(others)
        assert abs(difference) < 6 * deviation, f"bit {at}"


def distances(a, b):
    return [(x ^ y).bit_count() for x, y in zip(a, b)]


def test_lines_of_the_resident_are_as_far_from_each_other_as_from_those_of_others(published):
    mine, others = [bits(leaf) for leaf in published.mine], [bits(leaf) for leaf in published.others]
    rounds = range(1, 100)
    within = [d for k in rounds for d in distances(mine, mine[k:] + mine[:k])]
    across = [d for k in rounds for d in distances(mine, others[k:] + others[:k])]
    mean = lambda values: sum(values) / len(values)
    assert abs(mean(within) - 256) < 1 and abs(mean(across) - 256) < 1
    assert min(within) > 150 and min(across) > 150, "a pair that is near to each other"


def test_whoever_looks_for_the_nearest_line_guesses(published):
    """For each of 300 lines of the resident the nearest of all: it is the resident's about as often as the resident's lines are many."""
    mine, others = [bits(leaf) for leaf in published.mine], [bits(leaf) for leaf in published.others[:len(published.mine)]]
    hits = 0
    for at in range(300):
        rest = mine[:at] + mine[at + 1:]
        hits += min((mine[at] ^ x).bit_count() for x in rest) < min((mine[at] ^ x).bit_count() for x in others)
    assert 90 < hits < 210, hits


def test_no_name_of_a_resident_an_official_an_app_or_a_purpose_is_in_any_file(published):
    for person in published.people[:50]:
        assert person["id_number"].encode() not in published.files and person["name"].encode() not in published.files
    for word in ("eldercare", "elder-care", "clinic", "family-doctor", "officer-wang", "civil-affairs"):
        assert word.encode() not in published.files
