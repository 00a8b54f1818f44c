"""vault-witness as another department runs it, and vaultd that asks it: the protocol over HTTP, crashes, and a database that was put back."""

import base64
import hashlib
import http.client
import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import grpc
import kit
import pytest
from conftest import RULES, put_rule
from kit import audit_pb2
from vaultctl_test import Ctl

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROGRAM = kit.BUILD / "vault-witness"
INCOMPLETE, UNVERIFIABLE = 8, 9


class Witness:
    def __init__(self, folder, name="witness.audit.example/1", certificate=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.key, self.state, self.log_path = self.folder / "key", self.folder / "state", self.folder / "log"
        self.vkey = kit.run(PROGRAM, "keygen", "--name", name, "--key", self.key, "--state", self.state).strip()
        self.port, self.process = 0, None
        self.tls = ["--certificate", f"{certificate}.crt", "--private-key", f"{certificate}.key"] if certificate else []

    def start(self, log_key):
        seen = len(self.events("witness.ready"))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(PROGRAM), "serve", "--key", self.key, "--state", self.state, "--log", log_key,
                                             "--listen", f"127.0.0.1:{self.port}", *self.tls], stderr=log, stdin=subprocess.DEVNULL)
        assert wait_for(lambda: len(self.events("witness.ready")) > seen or self.process.poll() is not None)
        assert self.process.poll() is None, self.log_path.read_text()
        self.port = int(self.events("witness.ready")[-1]["detail"].split(" port ")[1].split()[0])
        return self

    def events(self, name):
        lines = self.log_path.read_text().splitlines() if self.log_path.exists() else []
        return [e for e in (json.loads(line) for line in lines if line.startswith("{")) if e["event"] == name]

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(60)

    def ask(self, body, verb="POST", path="/add-checkpoint", trust=None):
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trust) if trust else
                      http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))
        try:
            connection.request(verb, path, body)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()
        finally:
            connection.close()

    def seen(self):
        return {origin: int(note.splitlines()[1]) for origin, note in json.loads((self.state / "checkpoints").read_text())["logs"].items()}


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def cosigned_at(note, vkey):
    """When the witness cosigned, by python3-cryptography and the specification alone; None: it did not."""
    name, key_id, typed = vkey.split("+", 2)
    public = base64.b64decode(typed)
    assert public[0] == 4
    text, lines = note.split("\n\n")
    for line in lines.splitlines():
        _, who, blob = line.split(" ")
        blob = base64.b64decode(blob)
        if who == name and blob[:4].hex() == key_id:
            seconds = int.from_bytes(blob[4:12], "big")
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(blob[12:], f"cosignature/v1\ntime {seconds}\n{text}\n".encode())
            return seconds
    return None


class Place:
    """A city whose node asks one witness."""

    def __init__(self, folder):
        self.city = kit.City(rules=[put_rule(), *RULES])
        self.officer = self.city.vaultd.app("officer-wang", "log-review")
        self.log_key = self.checkpoint().verifier_key
        self.witness = Witness(folder / "witness").start(self.log_key)
        self.policy = folder / "policy"
        self.policy.write_text(f"log {self.log_key}\nwitness audit {self.witness.vkey} http://127.0.0.1:{self.witness.port}\nquorum audit\n")
        self.city.vaultd.document["witness_policy"] = str(self.policy)
        self.restart()

    def restart(self):
        assert self.city.vaultd.stop() in (0, None)
        self.city.vaultd.start()
        self.officer = self.city.vaultd.app("officer-wang", "log-review")

    def checkpoint(self):
        found = []

        def look():
            try:
                found.append(self.officer.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=self.officer.context()), timeout=60))
            except grpc.RpcError:
                return False
            return True
        assert wait_for(look)
        return found[-1]

    def lines(self):
        return int(self.city.database.sql("select size from head"))

    def cosigned(self, least):
        """A cosigned checkpoint of at least so many lines."""
        found = []

        def look():
            note = self.checkpoint().cosigned_checkpoint
            found.append(note)
            return note and int(note.splitlines()[1]) >= least
        assert wait_for(look), (least, found[-1], self.city.vaultd.events()[-5:])
        return found[-1]

    def close(self):
        self.witness.end()
        self.city.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    it = Place(tmp_path_factory.mktemp("witness"))
    yield it
    it.close()


def test_what_is_published_is_cosigned_seconds_later_and_strangers_see_that_it_is(place):
    place.city.put(20)
    note = place.cosigned(place.lines())
    assert abs(cosigned_at(note, place.witness.vkey) - time.time()) < 20
    assert place.witness.seen() == {"resident-vault/test": int(note.splitlines()[1])}
    proof = place.officer.audit.GetProof(audit_pb2.GetProofRequest(context=place.officer.context(), line=3, cosigned=True))
    assert cosigned_at(proof.checkpoint, place.witness.vkey) and proof.tree_size == int(proof.checkpoint.splitlines()[1])


def test_receipts_are_led_to_what_was_cosigned_and_a_policy_is_met_by_them_alone(place, tmp_path):
    people = place.city.put(2, start=40)
    app = Ctl(place.city, "eldercare", "elder-care", tmp_path)
    token = place.city.vaultd.app("eldercare", "elder-care").issue([people[0]["id_number"]]).results[0].token
    app("reveal", token, "--fields", "name", "--ticket", "case 1", "--receipt", "receipt.json")
    (tmp_path / "log.vkey").write_text(place.log_key + "\n")
    (tmp_path / "policy").write_text(place.policy.read_text())
    place.cosigned(place.lines())
    app("receipt", "renew", "receipt.json", "--out", "cosigned.json")
    renewed, kept = json.loads((tmp_path / "cosigned.json").read_text()), json.loads((tmp_path / "receipt.json").read_text())
    assert [r["lines"][0]["leaf"] for r in renewed["receipts"]] == [line["leaf"] for r in kept["receipts"] for line in r["lines"]]
    assert all(cosigned_at(r["checkpoint"], place.witness.vkey) for r in renewed["receipts"])
    app("receipt", "verify", "cosigned.json", "--log-key", "log.vkey")
    verify = lambda file: subprocess.run([kit.BUILD / "vault-verify", "receipt", "--policy", tmp_path / "policy", tmp_path / file],
                                         capture_output=True, text=True).returncode
    assert verify("cosigned.json") == 0
    assert verify("receipt.json") in (INCOMPLETE, UNVERIFIABLE)
    other = renewed["receipts"][0]["lines"][0]
    other["leaf"] = base64.b64encode(b"\1" * 74).decode()
    (tmp_path / "edited.json").write_text(json.dumps(renewed))
    edited = (tmp_path / "edited.json").read_bytes()
    app("receipt", "renew", "edited.json", "--out", "new.json", wanted=7)
    app("receipt", "renew", "edited.json", wanted=2)
    typed = b"\1" + base64.b64decode(place.witness.vkey.split("+", 2)[2])[1:]
    stranger = f"another/log+{hashlib.sha256(b'another/log' + bytes([10]) + typed).hexdigest()[:8]}+{base64.b64encode(typed).decode()}"
    before = (tmp_path / "receipt.json").read_bytes()
    app("receipt", "renew", "receipt.json", "--log-key", stranger, wanted=UNVERIFIABLE)
    assert (tmp_path / "receipt.json").read_bytes() == before
    assert (tmp_path / "edited.json").read_bytes() == edited and not (tmp_path / "new.json").exists()
    app("receipt", "renew", "receipt.json", "--log-key", "log.vkey")
    assert verify("receipt.json") == 0
    note = Ctl(place.city, "officer-wang", folder=tmp_path)("audit", "checkpoint", "--cosigned")
    assert cosigned_at(note, place.witness.vkey)


def test_a_log_is_exported_as_far_as_witnesses_have_seen_it_and_a_policy_is_met_by_that_alone(place, tmp_path):
    officer = Ctl(place.city, "officer-wang", folder=tmp_path)
    (tmp_path / "policy").write_text(place.policy.read_text())
    verify = lambda: subprocess.run([kit.BUILD / "vault-verify", "log", "--quiet", "--policy", tmp_path / "policy", tmp_path / "log"]).returncode
    place.cosigned(place.lines())
    cosigned = officer.json("audit", "export", "--tiles", "log", "--cosigned", "--log-key", place.log_key)[0]
    assert verify() == 0 and cosigned_at((tmp_path / "log/checkpoint").read_text(), place.witness.vkey)
    place.city.put(5, start=60)
    place.cosigned(place.lines())
    newest = officer.json("audit", "export", "--tiles", "log")[0]
    assert newest["size"] > cosigned["size"] and verify() == UNVERIFIABLE
    again = officer("audit", "export", "--tiles", "log", "--cosigned", wanted=(0, 4))  # 4: the folder was ahead of the witness
    assert verify() == (0 if again else UNVERIFIABLE)
    officer("audit", "export", "--range", "3-9", "some.lines", "--cosigned")
    done = subprocess.run([kit.BUILD / "vault-verify", "range", "--policy", tmp_path / "policy", tmp_path / "some.lines"])
    assert done.returncode == 0


def test_the_protocol_over_http_answers_each_case_as_specified(place):
    note = place.cosigned(1)
    size = int(note.splitlines()[1])
    own = note.split("\n\n")[0] + "\n\n" + next(line for line in note.splitlines() if line.startswith("\u2014 resident-vault/test")) + "\n"
    ask = lambda old, text: place.witness.ask(f"old {old}\n\n{text}".encode())
    assert ask(size + 1, own)[0] == 400
    assert ask(0, own.replace("resident-vault/test", "another/log"))[0] == 404
    assert ask(0, own.replace(f"\n{size}\n", f"\n{size + 1}\n"))[0] == 403
    status, kind, body = ask(0, own)
    current = place.witness.seen()["resident-vault/test"]
    assert (status, kind) == (409, "text/x.tlog.size") and current >= int(body) >= size and body.endswith(b"\n")
    assert place.witness.ask(b"rubbish")[0] == 400 and place.witness.ask(b"")[0] == 400
    assert place.witness.ask(None, verb="GET")[0] == 405 and place.witness.ask(b"x", path="/other")[0] == 404
    assert place.witness.ask(b"x" * 200_000)[0] == 413
    with socket.create_connection(("127.0.0.1", place.witness.port), timeout=60) as raw:  # no length said beforehand
        raw.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 3 + b"0\r\n\r\n")
        assert b" 413 " in raw.recv(200)


def test_slow_and_silent_clients_keep_nobody_waiting(place):
    for _ in range(5):  # the quickest time: a busy machine may be slow now and then
        held = []
        for i in range(60):
            one = socket.create_connection(("127.0.0.1", place.witness.port), timeout=60)
            one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\nold" if i % 2 else b"POST /add-ch")
            held.append(one)
        begun = time.monotonic()
        assert place.witness.ask(b"rubbish")[0] == 400
        took = time.monotonic() - begun
        if took < 2:
            break
        for one in held:
            one.close()
    assert took < 2
    place.city.put(3, start=60)
    place.cosigned(place.lines())
    for one in held:
        one.close()


def test_many_at_once_one_is_cosigned_and_what_was_cosigned_never_goes_back(place):
    """Consistent growths that are proven from the same size: the race of the specification, over HTTP."""
    place.cosigned(place.lines())
    assert place.city.vaultd.stop() == 0
    start = place.witness.seen()["resident-vault/test"]
    place.city.vaultd.document.pop("witness_policy")
    place.restart()
    requests = []
    for i in range(4):
        place.city.put(2, start=100 + 2 * i)
        assert wait_for(lambda: int(place.checkpoint().checkpoint.splitlines()[1]) == place.lines())
        note = place.checkpoint().checkpoint
        proof = place.officer.audit.GetProof(audit_pb2.GetProofRequest(context=place.officer.context(), old_size=start, tree_size=int(note.splitlines()[1])))
        requests.append(f"old {start}\n" + "".join(base64.b64encode(h).decode() + "\n" for h in proof.path) + "\n" + note)
    answers = [None] * 8
    threads = kit.in_threads(8, lambda i: answers.__setitem__(i, place.witness.ask(requests[i % 4].encode())[0]))
    for thread in threads:
        thread.join(90)
    assert sorted(answers) == [200] + [409] * 7, answers
    sizes = [int(r.split("\n\n")[1].splitlines()[1]) for r in requests]
    assert place.witness.seen()["resident-vault/test"] == sizes[answers.index(200) % 4]
    place.city.vaultd.document["witness_policy"] = str(place.policy)
    place.restart()
    place.cosigned(place.lines())


def test_a_witness_that_is_killed_knows_afterwards_what_it_cosigned_and_the_vault_serves_meanwhile(place):
    place.cosigned(place.lines())
    before = place.witness.seen()
    place.witness.end(signal.SIGKILL)
    place.city.put(3, start=200)
    assert wait_for(lambda: any(e["event"] == "witness.failed" for e in place.city.vaultd.events()))
    assert place.witness.seen() == before
    place.witness.start(place.log_key)
    place.cosigned(place.lines())
    assert any(e["event"] == "witness.cosigns" for e in place.city.vaultd.events())


def test_over_https_a_cosignature_is_taken_from_whom_the_ca_file_vouches_for_and_from_nobody_else(place, tmp_path):
    """One witness as it should be; one whose certificate another authority of the same name signed; one with a certificate of another name; one that
    speaks plain HTTP where its address says https."""
    authority = place.city.authority
    for name, option in (("stranger", "--foreign"), ("nameless", "--no-uri")):
        kit.run(authority.ca, "server", authority.folder, name, option)
    certificates = {"good": authority.folder / "server", "stranger": authority.folder / "stranger", "nameless": authority.folder / "nameless", "plain": None}
    witnesses = {name: Witness(tmp_path / name, f"witness.example/{name}", certificate).start(place.log_key) for name, certificate in certificates.items()}
    lines = [f"witness {name} {one.vkey} https://127.0.0.1:{one.port}" for name, one in witnesses.items()]
    place.policy.with_name("policy-https").write_text("\n".join([f"log {place.log_key}", *lines, "quorum good"]) + "\n")
    kept = dict(place.city.vaultd.document)
    place.city.vaultd.document.update(witness_policy=str(place.policy.with_name("policy-https")), witness_ca_file=str(authority.folder / "ca.crt"))
    seen = len(place.city.vaultd.events())
    try:
        place.restart()
        place.city.put(3, start=400)
        note, good = place.cosigned(place.lines()), witnesses.pop("good")
        assert cosigned_at(note, good.vkey) and good.seen()["resident-vault/test"] >= int(note.splitlines()[1])
        failed = lambda: {e["detail"].split(":")[0] for e in place.city.vaultd.events()[seen:] if e["event"] == "witness.failed"}
        assert wait_for(lambda: failed() >= set(witnesses), 60), place.city.vaultd.log_path.read_text()[-4000:]
        newest = place.checkpoint().cosigned_checkpoint
        assert cosigned_at(newest, good.vkey)
        for one in witnesses.values():
            assert cosigned_at(newest, one.vkey) is None and one.seen() == {} and one.process.poll() is None
        trust = ssl.create_default_context(cafile=authority.folder / "ca.crt")
        assert good.ask(b"rubbish", trust=trust)[0] == 400
        with pytest.raises(ssl.SSLCertVerificationError):
            witnesses["stranger"].ask(b"rubbish", trust=trust)
        with pytest.raises((http.client.HTTPException, ConnectionError)):  # not a word in clear
            good.ask(b"rubbish")
    finally:
        place.city.vaultd.document.clear()
        place.city.vaultd.document.update(kept)
        place.restart()
        for one in (*witnesses.values(), good):
            one.end()


def test_two_witnesses_never_share_a_folder_and_a_lost_state_is_no_beginning(place, tmp_path):
    serve = lambda w: subprocess.run([PROGRAM, "serve", "--key", w.key, "--state", w.state, "--log", place.log_key, "--listen", "127.0.0.1:0"],
                                     capture_output=True, text=True, timeout=60)
    second = serve(place.witness)
    assert second.returncode == 78 and "another vault-witness" in second.stderr
    lost = Witness(tmp_path / "lost", "witness.example/lost")
    (lost.state / "checkpoints").unlink()
    assert serve(lost).returncode == 78
    other = Witness(tmp_path / "other", "witness.example/other")
    shutil.copy(other.state / "checkpoints", lost.state / "checkpoints")
    assert serve(lost).returncode == 78
    wide = subprocess.run([PROGRAM, "serve", "--key", other.key, "--state", other.state, "--log", place.log_key, "--listen", "0.0.0.0:0"],
                          capture_output=True, text=True, timeout=60)
    assert wide.returncode == 78 and "certificate" in wide.stderr
    assert subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout.count("vault-witness") > 3
    for wrong in ([], ["serve"], ["keygen", "--key", "x"], ["other"], ["serve", "--log", "rubbish", "--key", "x", "--state", "y"]):
        assert subprocess.run([PROGRAM, *wrong], capture_output=True).returncode == 64


def test_a_database_put_back_with_its_evidence_removed_is_met_by_the_witness_and_vaultd_says_so(place):
    """Who has the database and the checkpoint file can go back; the witness cannot be made to."""
    city = place.city
    assert city.vaultd.stop() == 0
    city.database.stop()
    data = city.database.folder / "data"
    kit.run("cp", "-a", data, city.folder / "older")
    city.database.start()
    place.restart()
    city.put(5, start=300)
    seen = int(place.cosigned(place.lines()).splitlines()[1])
    assert city.vaultd.stop() == 0
    city.database.stop()
    shutil.rmtree(data)
    kit.run("mv", city.folder / "older", data)
    for evidence in city.folder.glob("vaultd0.checkpoint*"):
        evidence.unlink()
    city.database.start()
    place.restart()
    assert place.lines() < seen
    assert wait_for(lambda: any(e["event"] == "witness.ahead" for e in city.vaultd.events()))
    while place.lines() < seen + 3:
        place.officer.audit.Query(audit_pb2.QueryRequest(context=place.officer.context(), page_size=1))
    assert wait_for(lambda: any(e["event"] == "witness.refused" for e in city.vaultd.events()), 40)
    assert place.witness.seen()["resident-vault/test"] == seen
    assert wait_for(lambda: place.witness.events("witness.unproven") or place.witness.events("witness.fork"))
    note = place.checkpoint().cosigned_checkpoint
    assert not note or int(note.splitlines()[1]) <= seen
