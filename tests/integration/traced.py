"""What vaultd did, call by call of the system, in the order in which it did it (strace): the statements that it sent to PostgreSQL, the
answers, and what it sent to its clients, which is read with the keys of the clients' sides of TLS.

A line of the trace is a moment. A call begins where its line (or the first part of it) stands, and has ended where its result stands. A socket
is known by its number in the kernel: strace could tell its addresses, too, but looks for them in lists that it reads while sockets come and go
on a busy machine, and now and then finds nothing. Which connection is whose is told by what is said on it."""

import pathlib
import re
import select
import socket
import ssl
import struct
import threading
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

WATCHED = "sendmsg,sendto,recvfrom,write,writev"
LINE = re.compile(r"(\d+) +(<\.\.\. )?(\w+)")  # strace fills a thread's number up to five places
FILE = re.compile(r"\w+\(\d+<((?:\\x[0-9a-f]{2})+)>, ")
STARTUP = struct.pack(">I", 3 << 16)  # of PostgreSQL's protocol: what a client says first, behind the length
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
RESULT = re.compile(r"\) += (-?\d+)[^\"]*$")


def under_strace(trace):
    """What stands before a command: the tracer is not its parent, and ends with it."""
    return ["strace", "-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "100000000", "-e", f"trace={WATCHED}", "-o", str(trace)]


def lines_of(trace, process):
    """The lines of a trace of a process that has ended; the tracer may still be writing that it has."""
    end, ended = time.monotonic() + 120, re.compile(rf"^{process} +\+\+\+ (exited|killed) .*\n", re.M)
    while not ended.search(text := pathlib.Path(trace).read_text()):
        assert time.monotonic() < end, "the trace has no end"
        time.sleep(0.1)
    return text.splitlines()


class Call:
    """One call on a socket: the bytes that went, and between which moments."""

    def __init__(self, name, where, begun, ended, data):
        self.name, self.where, self.begun, self.ended, self.data = name, where, begun, ended, data


def _joined(lines):
    """Lines as (begun, ended, text): what was interrupted by other threads' lines is put together."""
    open_calls = {}
    for at, line in enumerate(lines):
        match = LINE.match(line)
        if not match:
            continue
        thread = match[1]
        if line.endswith("<unfinished ...>"):
            open_calls[thread] = (at, line[match.start(3):-len("<unfinished ...>")])
        elif match[2]:
            begun, first = open_calls.pop(thread)
            yield begun, at, first + line.split(" resumed>", 1)[1]
        else:
            yield at, at, line[match.start(3):]


def _unhexed(text):
    return bytes.fromhex(text.replace("\\x", ""))


def calls_of(lines):
    for begun, ended, text in _joined(lines):
        what, result = FILE.match(text), RESULT.search(text)
        where = what and _unhexed(what[1])
        if not what or not where.startswith(b"socket:") or not result or int(result[1]) <= 0:
            continue
        found = TEXT.findall(text)
        assert found and not any(cut for _, cut in found), f"a call that cannot be read: {text[:200]}"
        data = b"".join(_unhexed(hexed) for hexed, _ in found)
        yield Call(text.split("(", 1)[0], where, begun, ended, data[:int(result[1])])


# ---- PostgreSQL's protocol, version 3 ----


class Stream:
    """Bytes of several calls, and the moment that belongs to each of them."""

    def __init__(self):
        self.data, self.marks = bytearray(), []

    def add(self, data, moment):
        self.marks.append((len(self.data), moment))
        self.data += data

    def moments(self, offsets):
        """Of growing offsets: the moments of the bytes there."""
        at = 0
        for offset in offsets:
            while at + 1 < len(self.marks) and self.marks[at + 1][0] <= offset:
                at += 1
            yield self.marks[at][1]


def _messages(data, at):
    """(type, end, body) of each whole message."""
    while at + 5 <= len(data):
        end = at + 1 + struct.unpack_from(">I", data, at + 1)[0]
        if end > len(data):
            return
        yield chr(data[at]), end, bytes(data[at + 5:end])
        at = end


class Connection:
    """One connection to PostgreSQL, from its start on: what was bound, and how each of its synchronisations ended."""

    def __init__(self):
        self.asked, self.answered = Stream(), Stream()

    def ends(self):
        """Of each ReadyForQuery: (moment when it had been received, state, tags, whether there was an error). The first is the start's."""
        out, tags, failed, offsets = [], [], False, []
        for kind, end, body in _messages(self.answered.data, 0):
            failed |= kind == "E"
            if kind == "C":
                tags.append(body.rstrip(b"\0").decode())
            if kind == "Z":
                out.append((body.decode(), tags, failed))
                offsets.append(end - 1)
                tags, failed = [], False
        return [(moment, *rest) for moment, rest in zip(self.answered.moments(offsets), out)]

    def bound(self):
        """(number of the synchronisation that answers it, parameters or rows) of each Bind and of the data of each COPY."""
        number, start = 1, struct.unpack_from(">I", self.asked.data)[0]
        for kind, _, body in _messages(self.asked.data, start):
            if kind in "Bd":
                yield number - (kind == "d"), body  # the synchronisation before the data of a COPY is not answered
            number += (kind in "SQ") - (kind in "cf")

    def commits(self, size):
        """{bytes of this size that were a parameter: the moment at which it was known that they are committed, or None}."""
        ends, out = self.ends(), {}
        for number, body in self.bound():
            moment = _committed(ends, number)
            mark = struct.pack(">I", size)
            at = body.find(mark)
            while at >= 0:
                out[body[at + 4:at + 4 + size]] = moment
                at = body.find(mark, at + 1)
        return out


def _committed(ends, number):
    """By itself, or by the COMMIT of the transaction that it is in."""
    for moment, state, tags, failed in ends[number:]:
        if failed or state == "E" or "ROLLBACK" in tags:
            return None
        if state == "I":
            return moment
    return None


# ---- TLS 1.3 (RFC 8446) and HTTP/2 (RFC 9113), as a client reads them ----

HANDSHAKE = b"\x16"
SUITES = {0x1301: (hashes.SHA256(), 16, AESGCM), 0x1302: (hashes.SHA384(), 32, AESGCM), 0x1303: (hashes.SHA256(), 32, ChaCha20Poly1305)}


def _expand(secret, hash_, label, length):
    label = b"tls13 " + label
    return HKDFExpand(hash_, length, struct.pack(">HB", length, len(label)) + label + b"\0").derive(secret)


class Opener:
    def __init__(self, secret, suite):
        hash_, length, cipher = SUITES[suite]
        self.cipher, self.iv, self.count = cipher(_expand(secret, hash_, b"key", length)), _expand(secret, hash_, b"iv", 12), 0

    def open(self, header, sealed):
        nonce = (int.from_bytes(self.iv, "big") ^ self.count).to_bytes(12, "big")
        plain = self.cipher.decrypt(nonce, sealed, header).rstrip(b"\0")
        self.count += 1
        return plain[-1], plain[:-1]


def _opened(sent, secret):
    """A Stream of what the server said; what it said before the keys of the application were made is left out."""
    out, opener, at, data = Stream(), None, 0, bytes(sent.data)
    offsets, plains = [], []
    while at + 5 <= len(data):
        kind, length = data[at], struct.unpack_from(">H", data, at + 3)[0]
        header, body = data[at:at + 5], data[at + 5:at + 5 + length]
        if kind == 22 and body[0] == 2:
            session = 4 + 2 + 32
            opener = Opener(secret, struct.unpack_from(">H", body, session + 1 + body[session])[0])
        elif kind == 23 and len(body) == length:
            try:
                inner, plain = opener.open(header, body)
            except InvalidTag:
                assert opener.count == 0, "a record that cannot be opened"
                inner = plain = None
            if inner == 23:
                offsets.append(at)
                plains.append(plain)
        at += 5 + length
    for plain, moment in zip(plains, sent.moments(offsets)):
        out.add(plain, moment)
    return out


def _frames(data):
    at = 0
    while at + 9 <= len(data):
        length, kind, flags, stream = int.from_bytes(data[at:at + 3], "big"), data[at + 3], data[at + 4], struct.unpack_from(">I", data, at + 5)[0]
        if at + 9 + length > len(data):
            return
        yield kind, flags, stream, at + 9, bytes(data[at + 9:at + 9 + length])
        at += 9 + length


def replies_of(opened):
    """([(moment at which the first byte began to leave, message)], all that is no message)."""
    streams, rest, offsets = {}, [], []
    for kind, flags, number, at, body in _frames(opened.data):
        if kind == 0 and body:
            assert not flags & 8, "padded"
            streams.setdefault(number, []).append((len(offsets), body))
            offsets.append(at)
        elif kind != 0:
            rest.append(body)
    moments, out = list(opened.moments(offsets)), []
    for frames in streams.values():
        stream = Stream()
        for number, body in frames:
            stream.add(body, moments[number])
        at, starts, messages = 0, [], []
        while at + 5 <= len(stream.data):
            length = struct.unpack_from(">I", stream.data, at + 1)[0]
            starts.append(at)
            messages.append(bytes(stream.data[at + 5:at + 5 + length]))
            at += 5 + length
        out += zip(stream.moments(starts), messages)
    return out, b"\n".join(rest)


class Lens:
    """Stands between clients without TLS and vaultd, as the client of this name, and keeps the keys of each connection."""

    def __init__(self, vaultd, client):
        self.vaultd, self.client, self.secrets = vaultd, client, {}
        self.folder = vaultd.folder
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _connect(self):
        raw = socket.create_connection(("127.0.0.1", self.vaultd.port))
        port, ca = raw.getsockname()[1], self.vaultd.authority.folder
        context = ssl.create_default_context(cafile=ca / "ca.crt")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(ca / f"{self.client}.crt", ca / f"{self.client}.key")
        context.set_alpn_protocols(["h2"])
        context.keylog_filename = str(self.folder / f"keys-{port}")
        sock = context.wrap_socket(raw, server_hostname="localhost")
        said = dict((line.split()[0], line.split()[2]) for line in (self.folder / f"keys-{port}").read_text().splitlines() if line[0] != "#")
        self.secrets[port] = bytes.fromhex(said["SERVER_TRAFFIC_SECRET_0"])
        return sock

    def _serve(self):
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near, self._connect()), daemon=True).start()

    @staticmethod
    def _carry(near, far):
        """One thread for both ways: a TLS socket is not for two."""
        far.setblocking(False)
        while True:
            ready, _, _ = select.select([near, far], [], [], 60)
            try:
                if near in ready:
                    data = near.recv(65536)
                    far.setblocking(True)
                    if not data:
                        return far.close()
                    far.sendall(data)
                    far.setblocking(False)
                while far in ready:
                    data = far.recv(65536)
                    if not data:
                        return near.close()
                    near.sendall(data)
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError:
                near.close()
                return far.close()

    def close(self):
        self.door.close()


class Trace:
    """All that was asked of PostgreSQL, and all that was said to clients whose keys are at hand."""

    def __init__(self, lines, secrets):
        sockets = {}
        for call in calls_of(lines):
            one = sockets.setdefault(call.where, Connection())
            if call.name == "recvfrom":
                one.answered.add(call.data, call.ended)
            else:
                one.asked.add(call.data, call.begun)
        self.connections = {where: one for where, one in sockets.items() if one.asked.data[4:8] == STARTUP}
        sent = [one.asked for where, one in sockets.items() if where not in self.connections and one.asked.data[:1] == HANDSHAKE]
        assert len(sent) >= len(secrets), "a connection of a client is not in the trace"
        self.replies, self.rest = [], b""
        for secret in secrets.values():
            opened = [stream for stream in (_opened(one, secret) for one in sent) if stream.data]
            assert len(opened) <= 1
            if not opened:
                continue  # a connection that was given up: nothing was said on it
            replies, rest = replies_of(opened[0])
            self.replies += replies
            self.rest += rest

    def commits(self, size):
        """By leaf; where it was bound more than once (the head had moved), the last time counts."""
        out = {}
        for connection in self.connections.values():
            for leaf, moment in connection.commits(size).items():
                if leaf not in out or (out[leaf] is not None and (moment is None or moment > out[leaf])):
                    out[leaf] = moment
        return out
