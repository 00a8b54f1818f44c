"""A whole vault for the tests of a foreign client: private PostgreSQL, certificate authority, registers of tests/support/town, vaultd.

Only Debian's Python is used (python3-grpcio, python3-protobuf), and stubs made from proto/ by protoc: nothing of the vault's own code.
VAULT_BUILD names the folder of the programs (default: build)."""

import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VAULT_BUILD", ROOT / "build"))


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True, capture_output=True, **options).stdout


def _make_stubs():
    out = BUILD / "python"
    protos = sorted((ROOT / "proto").rglob("*.proto"))
    newest = max(p.stat().st_mtime for p in protos)
    done = out / "done"
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "lock", "w") as lock:  # several sessions begin at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= newest:
            return out
        run("protoc", f"-I{ROOT / 'proto'}", "-I/usr/include", f"--python_out={out}", f"--grpc_python_out={out}",
            f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}", *protos)
        done.touch()
    return out


sys.path.insert(0, str(_make_stubs()))
# The stubs of grpc/health and google/rpc must not hide the packages of the same name: they are looked up beside them.
import google  # noqa: E402
import grpc  # noqa: E402

grpc.__path__.append(str(BUILD / "python" / "grpc"))
google.__path__.append(str(BUILD / "python" / "google"))

from google.protobuf.field_mask_pb2 import FieldMask  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from vault.v1 import audit_pb2, audit_pb2_grpc, common_pb2, control_pb2, control_pb2_grpc, keys_pb2, keys_pb2_grpc  # noqa: E402
from vault.v1 import records_pb2, records_pb2_grpc, tokens_pb2, tokens_pb2_grpc  # noqa: E402

FIELDS = 22
DOCUMENTS = ("schema", "principals", "persons", "purposes", "policy", "sharing", "browsing")
PRINCIPALS = ("apps", "officers", "administrators")
ROLES = ("grid-worker", "clerk", "doctor", "nurse", "police")  # of the acting persons of tests/support/town
EVER = {"from": "2020-01-01", "until": "2099-12-31"}


class Database:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.pg = ROOT / "tests/support/pg"
        self.settings = []

    def start(self, *settings):
        options = [part for one in settings for part in ("--set", one)]
        self.conninfo = run(self.pg, "start", self.folder, "--shared-buffers", "128MB", *options).strip().splitlines()[-1]
        return self.conninfo

    def stop(self, mode="fast"):
        run(self.pg, "stop", self.folder, mode)

    def kill(self):
        run(self.pg, "kill", self.folder)

    def remove(self):
        run(self.pg, "remove", self.folder)

    def sql(self, text):
        return run(self.pg, "psql", self.folder, "-qAtc", text).strip()


CA = ROOT / "tests/support/ca"


@functools.cache
def _town():
    """The folder of an authority with the keys of all who stand in tests/support/town, and what was made there. It is made once for all
    sessions, and copied: some sixty certificates take two seconds. Made anew after a day, as certificates end."""
    principals = ROOT / "tests/support/town/principals.json"
    document = json.loads(principals.read_text())
    names = {name: one["uri"] for kind in PRINCIPALS for one in document[kind] for name in (one["id"], f"{one['id']}-2")}
    departments = {one["id"] for one in document["departments"]}
    folder = BUILD / "town"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with open(folder / "lock", "w") as lock:  # several sessions begin at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(principals.stat().st_mtime, CA.stat().st_mtime, time.time() - 86400)
        if not done.exists() or done.stat().st_mtime < newest:
            run(CA, "make", folder / "ca")
            for name, uri in names.items():
                run(CA, "client", folder / "ca", name, uri)
            for department in departments:
                run(CA, "jwk", folder / "ca", department)
            done.touch()
    return folder / "ca", names, departments


class Authority:
    """Certificates (tests/support/ca). The name of a client is the last part of its URI."""

    def __init__(self, folder):
        self.folder, self.ca = pathlib.Path(folder), CA
        town, self.names, self.departments = _town()
        shutil.copytree(town, self.folder)

    def client(self, uri, name=None, *options):
        name = name or uri.rsplit("/", 1)[-1]
        if options or self.names.get(name) != uri:
            run(self.ca, "client", self.folder, name, *([] if "--no-uri" in options else [uri]), *options)
        return name

    def fingerprint(self, name):
        """As the register of principals wants it: SHA-256 of the DER."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.crt").read_text())).hexdigest()

    def registered(self, uri, *names):
        """Certificates of these names for one principal, made if they are not there: what stands in the register."""
        return [{"sha256": self.fingerprint(self.client(uri, name))} for name in names]

    def credentials(self, name):
        read = lambda part: (self.folder / part).read_bytes()
        return grpc.ssl_channel_credentials(read("ca.crt"), read(f"{name}.key"), read(f"{name}.crt"))

    def jwk(self, department):
        if department not in self.departments:
            run(self.ca, "jwk", self.folder, department)
        return json.loads((self.folder / f"{department}.jwk").read_text())

    def assertion(self, department, **claims):
        return run(self.ca, "jwt", self.folder, department, json.dumps(claims)).strip()


def registers(folder, authority, rules=None, **changes):
    """The documents of tests/support/town, with keys for the departments and two certificates for each principal (`eldercare`, and
    `eldercare-2` for who rotates); contracts and assessments that hold; `rules` replace the policy's, and `changes` edit
    documents by name: `persons=lambda document: ...`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        document = json.loads((ROOT / f"tests/support/town/{name}.json").read_text())
        if name == "principals":
            for department in document["departments"]:
                department["assertion_keys"] = [authority.jwk(department["id"])]
            for one in (p for kind in PRINCIPALS for p in document[kind]):
                one["certificates"] = authority.registered(one["uri"], one["id"], f"{one['id']}-2")
        for person in document.get("persons", []):
            person["contract"] = dict(EVER)
        for basis in document.get("bases", []):
            basis["valid"] = dict(EVER)
        for purpose in document.get("purposes", []):
            purpose["assessment"]["until"] = EVER["until"]
        if name == "policy" and rules is not None:
            document = {"rules": rules}
        if name in changes:
            document = changes[name](document) or document
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1))
    return folder


def rule(name, action, consumer, purpose, fields, areas=("320411",), acting="app", form="plain", valid=tuple(EVER.values()), **more):
    """A rule of the policy. One for persons is for all roles where `roles` names none; `own_area=True` is as written."""
    if acting == "person":
        more.setdefault("roles", ROLES)
        more["roles"] = list(more["roles"])
    return {"id": name, "action": action, "consumer": consumer, "purpose": purpose, "fields": list(fields), "form": form,
            "areas": list(areas), "acting": acting, "valid": {"from": valid[0], "until": valid[1]}, **more}


class Vaultd:
    """One vaultd process on a port of its own choosing."""

    def __init__(self, folder, name, database, authority, **settings):
        self.folder, self.name, self.authority = pathlib.Path(folder), name, authority
        self.port = None
        self.config = self.folder / f"{name}.json"
        self.log_path = self.folder / f"{name}.log"
        self.document = {
            "listen": "127.0.0.1:0", "database": database.conninfo, "root_key": {"file": str(self.folder / "root.key"), "unattended_restart": True},
            "tls": {"ca": str(authority.folder / "ca.crt"), "certificate": str(authority.folder / "server.crt"),
                    "key": str(authority.folder / "server.key")},
            "checkpoint_file": str(self.folder / f"{name}.checkpoint"), "metrics": "127.0.0.1:0", **settings}
        self.process = None
        self.under = []  # what stands before the command, as a tracer does

    def write_config(self):
        if self.port:
            self.document["listen"] = f"127.0.0.1:{self.port}"
        self.config.write_text(json.dumps(self.document))

    def init(self, documents, name="resident-vault/test"):
        self.write_config()
        if not (self.folder / "root.key").exists():
            run(BUILD / "vaultd", "--make-root-key", self.folder / "root.key")
        run(BUILD / "vaultd", "--config", self.config, "--init", documents, "--name", name)

    def events(self):
        out = []
        if self.log_path.exists():
            for line in self.log_path.read_text(errors="replace").splitlines():
                if line.startswith("{"):
                    try:
                        out.append(json.loads(line))
                    except ValueError:
                        pass
        return out

    def start(self, wait=120):
        self.write_config()
        seen = len(self.events())
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.under, str(BUILD / "vaultd"), "--config", str(self.config)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            for event in self.events()[seen:]:
                if event.get("event") == "server.ready":
                    self.port = int(event["detail"].split("127.0.0.1:")[1].split()[0].rstrip(",;"))
                    return self
            if self.process.poll() is not None:
                raise RuntimeError(f"vaultd ended with {self.process.returncode}: {self.log_path.read_text()[-2000:]}")
            time.sleep(0.02)
        raise RuntimeError("vaultd did not become ready")

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self, wait=90):
        """SIGTERM; the exit code."""
        if not self.process or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait)

    def channel(self, client, **options):
        arguments = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1),
                     ("grpc.max_receive_message_length", 64 << 20), ("grpc.max_reconnect_backoff_ms", 500),
                     ("grpc.initial_reconnect_backoff_ms", 50), *options.items()]
        return grpc.secure_channel(f"127.0.0.1:{self.port}", self.authority.credentials(client), arguments)

    def app(self, client, purpose):
        return App(self.channel(client), purpose)


class App:
    """A governance app: a channel, and the purpose that it calls for."""

    def __init__(self, channel, purpose):
        self.channel, self.purpose = channel, purpose
        self.records = records_pb2_grpc.RecordsStub(channel)
        self.tokens = tokens_pb2_grpc.TokensStub(channel)
        self.audit = audit_pb2_grpc.AuditStub(channel)
        self.keys = keys_pb2_grpc.KeysStub(channel)
        self.control = control_pb2_grpc.ControlStub(channel)
        self.approvals = control_pb2_grpc.ApprovalsStub(channel)
        # A synchronous channel makes progress only while a call waits: whoever must live through a restart waits for the connection.
        self.options = {}

    def context(self, **changes):
        values = {"purpose": self.purpose, "ticket": "case 2026-1122", "request_id": str(uuid.uuid4()), **changes}
        return common_pb2.RequestContext(**values)

    def put(self, residents, timeout=60, **context):
        names = list(residents[0])
        return self.records.BatchPut(records_pb2.BatchPutRequest(
            context=self.context(**context), collection="residents", field_mask=FieldMask(paths=names),
            items=[records_pb2.ResidentInput(values=[r[n] for n in names]) for r in residents]), timeout=timeout, **self.options)

    def issue(self, id_numbers, timeout=60, **context):
        return self.tokens.BatchIssue(tokens_pb2.BatchIssueRequest(context=self.context(**context), values=id_numbers), timeout=timeout, **self.options)

    def reveal(self, token, fields, receipt=False, timeout=60, form=0, **context):
        return self.tokens.Reveal(tokens_pb2.RevealRequest(context=self.context(**context), token=token, field_mask=FieldMask(paths=fields),
                                                           want_receipt=receipt, form=form), timeout=timeout, **self.options)

    def import_messages(self, rows, size=512, names=None, collection="residents", dry_run=False, **context):
        """The messages of an import: what comes, and then the rows (dictionaries), `size` of them at a time."""
        names = names or list(rows[0])
        header = records_pb2.ImportHeader(collection=collection, field_mask=FieldMask(paths=names), dry_run=dry_run)
        yield records_pb2.ImportRequest(context=self.context(**context), header=header)
        for at in range(0, len(rows), size):
            yield records_pb2.ImportRequest(rows=[records_pb2.ResidentInput(values=[r[n] for n in names]) for r in rows[at:at + size]])

    def import_rows(self, rows, timeout=60, **how):
        return self.records.Import(self.import_messages(rows, **how), timeout=timeout, **self.options)

    def document(self, name, version=0):
        """The document in force, or of a former version: what it says, and the digest that a proposal has to name."""
        got = self.control.GetDocument(control_pb2.GetDocumentRequest(context=self.context(), document=name, version=version), timeout=60)
        return json.loads(got.content), got.digest

    def propose(self, name, document, replaces=None, **more):
        content = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
        replaces = self.document(name)[1] if replaces is None else replaces
        return self.approvals.Propose(control_pb2.ProposeRequest(context=self.context(), document=name, content=content,
                                                                 replaces=replaces, **more), timeout=60).approval

    def approve(self, approval):
        return self.approvals.Approve(control_pb2.ApproveRequest(context=self.context(), name=approval.name, digest=approval.digest),
                                      timeout=60).approval

    def revoke(self, **what):
        return self.control.Revoke(control_pb2.RevokeRequest(context=self.context(), **what), timeout=60).change

    def reveal_batch(self, tokens, fields, receipt=False, timeout=60, form=0, **context):
        return self.tokens.BatchReveal(tokens_pb2.BatchRevealRequest(
            context=self.context(**context), tokens=tokens, field_mask=FieldMask(paths=fields), want_receipt=receipt, form=form), timeout=timeout, **self.options)

    def ask(self, stub, method, request, timeout=60, **fields):
        """A call by name: what belongs to the context (ticket, request_id, assertion, purpose) goes there, the rest into the request."""
        context = {name: fields.pop(name) for name in ("ticket", "request_id", "assertion", "purpose") if fields.get(name) is not None}
        return getattr(stub, method)(request(context=self.context(**context), **fields), timeout=timeout, **self.options)

    def issue_by(self, field, values, **more):
        return self.ask(self.tokens, "BatchIssue", tokens_pb2.BatchIssueRequest, field=field, values=values, **more)

    def inspect(self, tokens, **more):
        return self.ask(self.tokens, "BatchInspect", tokens_pb2.BatchInspectRequest, tokens=tokens, **more)

    def test(self, predicate, tokens, value=None, other_token=None, **more):
        """A predicate of each resident; compared with one value, or with one other resident, where it compares."""
        than = {"value": value} if value is not None else {"other_token": other_token} if other_token is not None else {}
        items = [tokens_pb2.TestItem(token=token, **than) for token in tokens]
        return self.ask(self.tokens, "BatchTest", tokens_pb2.BatchTestRequest, predicate=predicate, items=items, **more)

    def restore(self, field, values, **more):
        return self.ask(self.tokens, "BatchRestore", tokens_pb2.BatchRestoreRequest, field=field, values=values, **more)

    def hand_over(self, tokens, basis, **more):
        return self.ask(self.tokens, "BatchCreateHandovers", tokens_pb2.BatchCreateHandoversRequest, tokens=tokens, basis=basis, **more)

    def redeem_handovers(self, handovers, **more):
        return self.ask(self.tokens, "BatchRedeemHandovers", tokens_pb2.BatchRedeemHandoversRequest, handovers=handovers, **more)

    def make_vouchers(self, tokens, fields, **more):
        return self.ask(self.tokens, "BatchCreateVouchers", tokens_pb2.BatchCreateVouchersRequest, tokens=tokens,
                        field_mask=FieldMask(paths=fields), **more)

    def redeem_vouchers(self, vouchers, **more):
        return self.ask(self.tokens, "BatchRedeemVouchers", tokens_pb2.BatchRedeemVouchersRequest, vouchers=vouchers, **more)

    def revoke_vouchers(self, vouchers, **more):
        return self.ask(self.tokens, "BatchRevokeVouchers", tokens_pb2.BatchRevokeVouchersRequest, vouchers=vouchers, **more)

    def get(self, token, fields, **more):
        return self.ask(self.records, "Get", records_pb2.GetRecordRequest, name=f"records/{token}", field_mask=FieldMask(paths=fields), **more)

    def update(self, token, version, values, **more):
        """`values` by name of the field."""
        return self.ask(self.records, "Update", records_pb2.UpdateRecordRequest, name=f"records/{token}", version=version,
                        field_mask=FieldMask(paths=list(values)), values=list(values.values()), **more)

    def export(self, token, **more):
        return self.ask(self.records, "Export", records_pb2.ExportRequest, name=f"records/{token}", **more)

    def search(self, *conditions, **more):
        """Conditions as messages (`where`) or dictionaries."""
        made = [one if isinstance(one, records_pb2.Condition) else records_pb2.Condition(**one) for one in conditions]
        return self.ask(self.records, "Search", records_pb2.SearchRequest, conditions=made, **more)

    def search_all(self, *conditions, **more):
        """The tokens of all pages."""
        found, page = [], ""
        while True:
            reply = self.search(*conditions, page_token=page, **more)
            found += [one.token for one in reply.results]
            page = reply.next_page_token
            if not page:
                return found

    def browse(self, area, fields, **more):
        return self.ask(self.records, "Browse", records_pb2.BrowseRequest, area=area, field_mask=FieldMask(paths=fields), **more)

    def corrections(self, token=None, **more):
        parent = f"records/{token}" if token else ""
        return self.ask(self.records, "ListCorrections", records_pb2.ListCorrectionsRequest, parent=parent, **more)

    def decide(self, accept, names, **more):
        decisions = [records_pb2.Decision(name=name, accept=accept) for name in names]
        return self.ask(self.records, "BatchDecideCorrections", records_pb2.BatchDecideCorrectionsRequest, decisions=decisions, **more)

    def trace(self, findings, lines=0, **more):
        return self.ask(self.audit, "TraceToken", audit_pb2.TraceTokenRequest, findings=findings, lines=lines, **more)


def where(field, equals=None, ends_with=None, part=None, low=None, high=None, same_as=None):
    """One condition of a search: where("birth_date", high="1950")."""
    values = lambda v: records_pb2.Values(values=[v] if isinstance(v, str) else v)
    question = {"equals": equals and values(equals), "ends_with": ends_with and values(ends_with), "part": part, "same_as": same_as,
                "band": records_pb2.Band(low=low or "", high=high or "") if low is not None or high is not None else None}
    return records_pb2.Condition(field=field, **{name: value for name, value in question.items() if value is not None})


def details(error):
    """The typed details of an RpcError (or of a google.rpc.Status): {type name: message}."""
    status = error
    if isinstance(error, grpc.RpcError):
        raw = dict(error.trailing_metadata()).get("grpc-status-details-bin")
        status = status_pb2.Status.FromString(raw) if raw else status_pb2.Status()
    out = {}
    for any_ in status.details:
        name = any_.type_url.rsplit(".", 1)[-1]
        kind = getattr(error_details_pb2, name, None) or getattr(common_pb2, name)
        message = kind()
        any_.Unpack(message)
        out[kind.DESCRIPTOR.name] = message
    return out


def residents(count, seed=1, start=0):
    """Fictitious residents as dictionaries, from vault-generate."""
    text = run(BUILD / "tests/generator/vault-generate", "--seed", seed, "--count", count, "--from", start, "--format", "jsonl")
    return [json.loads(line) for line in text.splitlines()]


class City:
    """Everything together, in a folder that goes away."""

    def __init__(self, rules=None, nodes=1, pg=(), documents=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-city-"))
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder / "ca")
        self.database = Database(self.folder / "pg")
        self.database.start(*pg)
        documents = registers(self.folder / "registers", self.authority, rules, **(documents or {}))
        self.nodes = [Vaultd(self.folder, f"vaultd{i}", self.database, self.authority, **settings) for i in range(nodes)]
        self.nodes[0].init(documents)
        for node in self.nodes:
            node.start()
        self.vaultd = self.nodes[0]

    def change(self, name, edit, node=None):
        """A document changed by two people, an administrator and an officer, on one node: `edit` gets it as it stands."""
        node = node or self.vaultd
        proposer, officer = node.app("admin-li", "control"), node.app("officer-wang", "control")
        document, digest = proposer.document(name)
        changed = officer.approve(proposer.propose(name, edit(document) or document, digest))
        assert changed.state == "activated", changed
        return changed

    def put(self, count, start=0):
        people = residents(count, start=start)
        app = self.vaultd.app("population", "population-register")
        for at in range(0, count, 500):
            for result in app.put(people[at:at + 500]).results:
                assert result.status.code == 0, result.status
        return people

    def close(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        self.database.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def assertion_for(city, app, department, person, purpose, **changes):
    """An ES256 assertion of an acting person, good for five minutes."""
    now = int(time.time())
    claims = {"iss": department, "aud": "resident-vault/test", "sub": person, "azp": app, "purpose": purpose, "iat": now,
              "exp": now + 300, "jti": str(uuid.uuid4()), **changes}
    return city.authority.assertion(department, **{k: v for k, v in claims.items() if v is not None})


def in_threads(count, work):
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    return threads
