"""What the attacking tests share: the pages of vaultd's metrics port, its reports, all roots of a log, threads that call."""

import collections
import contextlib
import threading
import time
import urllib.error
import urllib.request

import grpc
import kit
from foreign import leaf_hash, node_hash

NOT_HELD_UP = 9  # seconds to the end: by ten vaultd cuts off who holds it up, and says so
ALARMS = ("log.failed", "control.reload", "rpc.batch")
REPORTS = ("LeakSanitizer", "AddressSanitizer", "ThreadSanitizer", "UndefinedBehavior", "runtime error:", "SUMMARY:")


def page(vaultd, path, timeout=60, headers=()):
    """Status and text of a page of the metrics port."""
    ready = [e for e in vaultd.events() if e["event"] == "server.ready"][-1]["detail"]
    port = ready.split("metrics on port ")[1].split()[0]
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers)), timeout=timeout) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(vaultd, name):
    """The sum of a metric over its labels."""
    lines = [line for line in page(vaultd, "/metrics")[1].splitlines() if line.startswith((name + " ", name + "{"))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def wait_until(holds, wait=60, step=0.05):
    """True as soon as it holds; False when the time is up."""
    end = time.monotonic() + wait
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def reports(vaultd):
    """Lines of vaultd's output that a sanitizer wrote."""
    return [line for line in vaultd.log_path.read_text(errors="replace").splitlines() if any(word in line for word in REPORTS)]


def quiet(vaultd):
    """Nothing in vaultd's log that no test asked for."""
    alarms = [e for e in vaultd.events() if e["event"] in ALARMS]
    alarms and print(alarms[:5])
    return not reports(vaultd) and not alarms


def ends_well(vaultd, wait=120):
    """SIGTERM: exit code 0, no report, and nobody had to be cut off because the time was up. The seconds from the signal to the last call's
    end, as vaultd says them."""
    seen = len(vaultd.events())
    code = vaultd.stop(wait)
    said = {e["event"]: e["time"] for e in vaultd.events()[seen:]}
    assert code == 0 and not reports(vaultd), (code, vaultd.log_path.read_text(errors="replace")[-3000:])
    assert "server.ended" in said and "server.cut" not in said, said
    return seconds(said["server.ended"]) - seconds(said["server.draining"])


def seconds(text):
    hours, minutes, rest = text.split("T")[1].rstrip("Z").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def lines(city):
    """How many lines the log has."""
    return int(city.database.sql("select size from head"))


def leaves(city):
    rows = [row.split("|") for row in city.database.sql("select idx, encode(leaf, 'hex') from line order by idx").splitlines()]
    assert [int(index) for index, _ in rows] == list(range(len(rows))), "the log has a gap"
    return [bytes.fromhex(leaf) for _, leaf in rows]


def all_roots(log):
    """The RFC 6962 root after each leaf; [0] is that of one leaf."""
    stack, roots = [], []  # full subtrees, left to right: (height, hash)
    for leaf in log:
        stack.append((0, leaf_hash(leaf)))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            right, left = stack.pop(), stack.pop()
            stack.append((left[0] + 1, node_hash(left[1], right[1])))
        root = stack[-1][1]
        for _, left in reversed(stack[:-1]):
            root = node_hash(left, root)
        roots.append(root)
    return roots


class Callers:
    """Threads that call `work(app, number)` again and again; what it returns, and the codes of its errors, are counted."""

    def __init__(self, count, make_app, work, pause=0.0):
        self.stop, self.lock, self.told, self.broken = threading.Event(), threading.Lock(), collections.Counter(), []
        self.make_app, self.work, self.pause = make_app, work, pause
        self.threads = kit.in_threads(count, self.run)

    def count(self, what):
        with self.lock:
            self.told[what] += 1

    def run(self, number):
        app = self.make_app()
        while not self.stop.is_set():
            try:
                self.count(self.work(app, number) or "OK")
            except grpc.RpcError as error:
                self.count(error.code().name)
                time.sleep(self.pause or 0.01)
            except Exception as error:  # a test must see what broke in a thread
                self.broken.append(repr(error))
                return
            time.sleep(self.pause)

    def end(self, wait=90):
        self.stop.set()
        for thread in self.threads:
            thread.join(wait)
            assert not thread.is_alive(), "a caller is stuck"
        assert not self.broken, self.broken[:3]
        return self.told


@contextlib.contextmanager
def calling(*arguments, **named):
    callers = Callers(*arguments, **named)
    try:
        yield callers
    finally:
        callers.end()
