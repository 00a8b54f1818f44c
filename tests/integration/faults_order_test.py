"""The commit of a line comes before the first byte of the plaintext that it accounts for: seen from outside, by strace, under load."""

import random

import grpc
import kit
import pytest
from faults import RULES
from traced import Lens, Trace, calls_of, lines_of, under_strace

CALLERS, CALLS, BATCH = 6, 25, 30


class Told:
    """What the clients received, byte for byte, and the leaves of the lines that their receipts name."""

    def __init__(self):
        self.replies, self.plaintexts = [], 0

    def add(self, reply, receipts, values):
        self.replies.append((reply.SerializeToString(), [line.leaf for receipt in receipts for line in receipt.lines]))
        self.plaintexts += values


def work(app, tokens, told, number):
    pick = random.Random(number)
    for _ in range(CALLS):
        if pick.random() < 0.7:
            out = app.reveal(pick.choice(tokens), ["name", "phone"], receipt=True, timeout=60)
            told.add(out, [out.receipt], len(out.values))
        else:
            out = app.reveal_batch(pick.sample(tokens, BATCH), ["name", "phone"], receipt=True, timeout=60)
            told.add(out, out.receipts, sum(len(result.values) for result in out.results))


def under_load(city, people, lens):
    clients = [kit.App(grpc.insecure_channel(f"127.0.0.1:{lens.port}", [("grpc.use_local_subchannel_pool", 1)]), "family-doctor") for _ in range(CALLERS)]
    tokens = [r.token for r in clients[0].issue([p["id_number"] for p in people]).results]
    told = Told()
    threads = kit.in_threads(CALLERS, lambda n: work(clients[n], tokens, told, n))
    for thread in threads:
        thread.join(120)
    for client in clients:
        client.channel.close()
    return told


class Seen:
    def __init__(self):
        city = kit.City(RULES)
        try:
            city.vaultd.stop()
            trace = city.folder / "trace"
            city.vaultd.under = under_strace(trace)
            city.vaultd.start()
            self.people = [{name: one[name] or "13900000000" for name in ("id_number", "residence_area", "name", "phone")} for one in kit.residents(60)]
            city.vaultd.app("population", "population-register").put(self.people)
            lens = Lens(city.vaultd, "clinic")
            self.told = under_load(city, self.people, lens)
            lens.close()
            assert city.vaultd.stop() == 0
            self.lines, self.secrets = lines_of(trace, city.vaultd.process.pid), lens.secrets
            self.stored = set(city.database.sql("select encode(leaf, 'hex') from line").splitlines())
        finally:
            city.close()

    def trace(self, lines=None):
        return Trace(lines or self.lines, self.secrets)


def check_order(trace, told, people):
    """How many plaintexts left after the commit of their line. Whatever else carries a plaintext is a finding, too."""
    known = dict(told.replies)
    commits = trace.commits(len(next(iter(known.values()))[0]))
    names = [one["name"].encode() for one in people]
    assert not any(name in trace.rest for name in names), "a plaintext left outside of a message"
    left = 0
    for moment, message in trace.replies:
        if message not in known:
            assert not any(name in message for name in names), "a plaintext left that no client has received"
            continue
        left += 1
        for leaf in known[message]:
            assert commits.get(leaf) is not None, "a plaintext left and its line was not committed"
            assert commits[leaf] < moment, f"a plaintext left at {moment}, the commit of its line was known at {commits[leaf]}"
    assert left == len(known), "the trace is not whole"
    return left


@pytest.fixture(scope="module")
def seen():
    return Seen()


def test_every_plaintext_leaves_after_the_commit_of_its_line_under_load(seen):
    trace = seen.trace()
    assert check_order(trace, seen.told, seen.people) == len(seen.told.replies) == CALLERS * CALLS
    assert seen.told.plaintexts > 500 and len(trace.connections) > 2
    assert {leaf.hex() for _, leaves in seen.told.replies for leaf in leaves} <= seen.stored


def test_threads_with_short_numbers_are_read_too(seen):
    short, lines = {}, []
    for line in seen.lines:
        thread, rest = line.split(None, 1)
        lines.append(f"{short.setdefault(thread, len(short) + 1):<5} {rest}")
    assert check_order(seen.trace(lines), seen.told, seen.people) == CALLERS * CALLS


def commit_and_reply(seen, number):
    """The lines of the trace where the commit of a reply is received, and where the reply begins to leave."""
    trace = seen.trace()
    known = dict(seen.told.replies)
    moment, message = [(moment, message) for moment, message in trace.replies if message in known][number]
    return max(trace.commits(len(known[message][0]))[leaf] for leaf in known[message]), moment


@pytest.mark.parametrize("number", [0, -1])
def test_a_reply_that_left_before_the_commit_was_known_is_found(seen, number):
    commit, reply = commit_and_reply(seen, number)
    call = next(one for one in calls_of(seen.lines) if one.ended == commit)
    lines = list(seen.lines)
    moved = [lines.pop(at) for at in sorted({call.begun, call.ended}, reverse=True)]
    whole = moved[-1].removesuffix("<unfinished ...>") + "".join(rest.split(" resumed>", 1)[1] for rest in moved[:-1])
    lines.insert(reply + 1 - len(moved), whole)  # in one piece: its thread may be in the midst of another call there
    with pytest.raises(AssertionError, match="a plaintext left at"):
        check_order(seen.trace(lines), seen.told, seen.people)


def hexed(data):
    return "".join(f"\\x{byte:02x}" for byte in data)


@pytest.mark.parametrize("state", [b"T", b"E"])
def test_a_reply_whose_append_was_answered_and_not_committed_is_found(seen, state):
    commit, _ = commit_and_reply(seen, 20)
    ready = hexed(b"Z\0\0\0\5")
    lines = list(seen.lines)
    assert lines[commit].count(ready + hexed(b"I")) == 1
    lines[commit] = lines[commit].replace(ready + hexed(b"I"), ready + hexed(state))
    with pytest.raises(AssertionError, match="a plaintext left"):
        check_order(seen.trace(lines), seen.told, seen.people)


def test_a_plaintext_without_a_line_and_one_that_nobody_asked_for_are_found(seen):
    leaves = {leaf for _, leaves in seen.told.replies for leaf in leaves}
    whole = "\n".join(seen.lines)
    missing = next(leaf for leaf in leaves if whole.count(hexed(leaf)) == 1)  # in no two pieces
    lines = whole.replace(hexed(missing), hexed(bytes(len(missing)))).split("\n")
    with pytest.raises(AssertionError, match="its line was not committed"):
        check_order(seen.trace(lines), seen.told, seen.people)
    fewer = Told()
    fewer.replies = seen.told.replies[1:]
    with pytest.raises(AssertionError, match="no client has received"):
        check_order(seen.trace(), fewer, seen.people)
