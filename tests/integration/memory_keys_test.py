"""Where keys lie in the memory of a running vaultd: in its locked heap and nowhere else, and after a seal not even there.

The keys are unwrapped a second time, here, from the database and the key file (AES-256-GCM and HKDF of python3-cryptography), and looked for in all
writable memory of the process, which root may read although it is undumpable."""

import base64
import collections
import hashlib
import hmac
import os
import struct

import attack
import kit
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kit import control_pb2, keys_pb2

PAGE, WHOLE, PIECE, OVERLAP = 4096, 1 << 30, 16384, 16
SHADOW = 64 << 30  # a sanitizer's map of what may be touched: it holds no bytes of the program
INTL, DESTROYED = 1, 4
# What is derived from each ring (keys/keys.h), by label.
LABELS = {"control": ["manifest"], "record": ["resident-vault note 1"], "rows": ["sum of rows"],
          "log": ["checkpoint signature", "officer view", "tag", "resident reference", "head mac", "row sum mask"]}
WRAP = "resident-vault ring wrap"  # under the root key
RULES = [kit.rule("put", "put", "population", "population-register", list(kit.residents(1)[0])),
         kit.rule("issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
         kit.rule("reveal", "reveal", "eldercare", "elder-care", ["name", "phone"]),
         kit.rule("search", "search", "eldercare", "elder-care", ["name", "phone"], form="token")]


# ---- the keys, once more ----

def sized(text):
    return struct.pack(">H", len(text)) + text


def opened(key, sealed, context):
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], context)


def unseal_key(path):
    key = base64.b64decode(path.read_bytes().split()[1])
    assert hashlib.sha256(key[:32]).digest()[:4] == key[32:]
    return key[:32]


def root_key(city, unseal):
    row = city.database.sql("select name, source, generation, threshold, shares, encode(salt, 'hex'), argon2_passes, argon2_memory_kib, argon2_lanes,"
                            " encode(checks, 'hex'), encode(root, 'hex') from vault").split("|")
    name, source, generation, threshold, shares = row[0].encode(), *map(int, row[1:5])
    context = (sized(b"resident-vault root 1") + sized(name) + struct.pack(">IIII", source, generation, threshold, shares)
               + bytes.fromhex(row[5]) + struct.pack(">III", *map(int, row[6:9])) + bytes.fromhex(row[9]))
    return opened(unseal, bytes.fromhex(row[10]), context)


def ring_keys(city, root):
    """(name, version): key"""
    out = {}
    for line in city.database.sql("select name, version, suite, state, since, ends, encode(wrapped, 'hex') from key_ring").splitlines():
        name, *numbers, wrapped = line.split("|")
        version, suite, state, since, ends = map(int, numbers)
        assert suite == INTL
        if state != DESTROYED:
            context = sized(b"resident-vault ring 1") + sized(name.encode()) + struct.pack(">IHBqq", version, suite, state, since, ends)
            out[name, version] = opened(derived(root, WRAP), bytes.fromhex(wrapped), context)
    return out


def data_keys(city, rings):
    """resident: data key and view key"""
    out = {}
    for line in city.database.sql("select id, ring_version, encode(dek, 'hex') from resident_key order by id limit 12").splitlines():
        resident, version, wrapped = line.split("|")
        context = b"D" + struct.pack(">BIq", INTL, int(version), int(resident))
        out[int(resident)] = opened(rings["record", int(version)], bytes.fromhex(wrapped), context)
    return out


def derived(key, label):
    return hmac.new(key, label.encode() + b"\1", hashlib.sha256).digest()


def all_keys(city):
    """What is looked for, by name; the first half of each is enough."""
    unseal = unseal_key(city.folder / "root.key")
    root = root_key(city, unseal)
    rings = ring_keys(city, root)
    out = {"unseal": unseal, "root": root, "root: wrap": derived(root, WRAP)}
    for (name, version), key in rings.items():
        out[f"{name} {version}"] = key
        for label in LABELS.get(name, []):
            out[f"{name} {version}: {label}"] = derived(key, label)
    for resident, keys in data_keys(city, rings).items():
        out[f"data key of {resident}"], out[f"view key of {resident}"] = keys[:32], keys[32:]
    return {name: key[:16] for name, key in out.items()}


def forms(key):
    """Itself, and under the two pads of HMAC."""
    return [key, bytes(b ^ 0x36 for b in key), bytes(b ^ 0x5c for b in key)]


# ---- the memory ----

Mapping = collections.namedtuple("Mapping", "start end mode name flags")


def mappings(pid):
    out = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            words = line.split()
            if line.startswith("VmFlags:"):
                out[-1] = out[-1]._replace(flags=set(words[1:]))
            elif not words[0].endswith(":"):
                start, end = (int(part, 16) for part in words[0].split("-"))
                out.append(Mapping(start, end, words[1], " ".join(words[5:]), set()))
    return out


def locked_heap(all_of_it):
    """Left out of dumps, between two pages that nobody may touch (vault/base/secret.c); and locked, where no sanitizer makes mlock do nothing."""
    sanitized = any(m.end - m.start > SHADOW for m in all_of_it)
    fits = [m for before, m, behind in zip(all_of_it, all_of_it[1:], all_of_it[2:])
            if {"dd", "wr"} <= m.flags and not m.name and (before.end, behind.start) == (m.start, m.end)
            and before.mode.startswith("---") and behind.mode.startswith("---") and ("lo" in m.flags or sanitized)]
    assert len(fits) == 1, fits
    return fits[0]


def present(pid, m):
    """Stretches of a large mapping that are there at all."""
    if m.end - m.start <= WHOLE:
        return [(m.start, m.end)]
    out = []
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for at in range(m.start, m.end, WHOLE // 4):
            pagemap.seek(at // PAGE * 8)
            entries = pagemap.read(min(WHOLE // 4, m.end - at) // PAGE * 8)
            if entries.strip(b"\0"):
                out += [(at + n * PAGE, at + (n + 1) * PAGE) for n, (e,) in enumerate(struct.iter_unpack("<Q", entries)) if e >> 62]
    return out


def pieces(pid, m):
    """Its bytes: pieces that are not all zero, with their addresses. Most of a stack is."""
    zero, most = bytes(PIECE + OVERLAP), 1 << 22
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in present(pid, m):
            for first in range(start, end, most):
                try:
                    memory.seek(first)
                    read = memory.read(min(most + OVERLAP, end - first))
                except OSError:
                    continue  # gone meanwhile
                for at in range(0, len(read), PIECE):
                    piece = read[at:at + PIECE + OVERLAP]
                    if piece != zero[:len(piece)]:
                        yield first + at, piece


def search(pid, keys):
    """Where keys lie: {name: {"locked heap", "elsewhere"}}, and how much memory was looked at."""
    found, looked = collections.defaultdict(set), collections.Counter()
    needles = [(name, form) for name, key in keys.items() for form in forms(key)]
    all_of_it = mappings(pid)
    heap = locked_heap(all_of_it)
    for m in all_of_it:
        if "w" not in m.mode or "r" not in m.mode or m.end - m.start > SHADOW:
            continue
        place = "locked heap" if m is heap else "elsewhere"
        for at, read in pieces(pid, m):
            looked[place] += len(read)
            for name, needle in needles:
                if needle in read:
                    found[name].add(place if place == "locked heap" else f"elsewhere: {m.name or 'anonymous'} {hex(at + read.index(needle))}")
    return found, looked


# ---- the tests ----

@pytest.fixture(scope="module")
def city():
    it = kit.City(RULES)
    people = it.put(200)
    app = it.vaultd.app("eldercare", "elder-care")
    tokens = [r.token for r in app.issue([p["id_number"] for p in people]).results]
    # Every way that needs keys, on every worker: what they leave behind is what is looked for.
    for turn in range(40):
        assert app.reveal(tokens[turn], ["name", "phone"], receipt=turn % 2 == 0).values[0].text == people[turn]["name"]
    assert all(r.values[0].text for r in app.reveal_batch(tokens, ["name", "phone"]).results)
    assert app.search(kit.where("phone", equals=people[5]["phone"])).results
    with pytest.raises(kit.grpc.RpcError):
        app.reveal(tokens[0], ["religion"])
    yield it
    it.close()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another process's memory is for root to read")


@needs_root
def test_keys_lie_in_the_locked_heap_and_nowhere_else(city):
    keys = all_keys(city)
    found, looked = search(city.vaultd.process.pid, keys)
    assert looked["locked heap"] and looked["elsewhere"] > 1 << 20, looked
    strays = {name: places for name, places in found.items() if places != {"locked heap"}}
    assert not strays, strays
    there = set(found)
    # The search finds what must be there: it is not the searcher who is blind.
    assert {"root", "record 1", "control 1", "log 1", "log 1: checkpoint signature"} <= there, sorted(there)
    assert any(name.startswith("token/") for name in there) and any(name.startswith("term/") for name in there)
    assert "unseal" not in there, "needed for a moment only"


@needs_root
def test_a_destroyed_key_goes_with_its_last_reader(city):
    old = {name: key for name, key in all_keys(city).items() if name.startswith("record 1")}
    admin, officer = city.vaultd.app("admin-li", "control"), city.vaultd.app("officer-wang", "control")
    admin.keys.Rotate(keys_pb2.RotateRequest(context=admin.context(), rings=["record"]), timeout=60)
    jobs = lambda: admin.keys.Progress(keys_pb2.ProgressRequest(context=admin.context()), timeout=60).jobs
    assert attack.wait_until(lambda: all(job.state == "done" for job in jobs()))
    assert search(city.vaultd.process.pid, old)[0], "it still opens what might be under it"
    destroy = lambda **more: admin.keys.Destroy(keys_pb2.DestroyRequest(context=admin.context(), ring="record", version=1, **more), timeout=60)
    pending = destroy().approval
    officer.approve(officer.approvals.Get(control_pb2.GetApprovalRequest(context=officer.context(), name=pending), timeout=60).approval)
    assert destroy(approval=pending).certificate.note
    assert attack.wait_until(lambda: not search(city.vaultd.process.pid, old)[0])


@needs_root
def test_after_a_seal_no_key_is_left_anywhere(city):
    keys = all_keys(city)
    admin = city.vaultd.app("admin-li", "control")
    admin.keys.Seal(keys_pb2.SealRequest(context=admin.context()), timeout=60)
    assert attack.wait_until(lambda: admin.keys.Status(keys_pb2.StatusRequest(context=admin.context()), timeout=60).sealed)
    found, _ = search(city.vaultd.process.pid, keys)
    assert not found, dict(found)
